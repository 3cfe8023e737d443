"""Figures from plain arrays, all in one style.

`style` holds colours, page and text; `choices` selects what to draw. `grids` lays out tiles, and `galleries` draws
figures made of images with it. `charts` draws latents and codes, `curves` the course of a training, and `lines`
measurements of any other kind; `notebook` shows figures under a cell.
"""
