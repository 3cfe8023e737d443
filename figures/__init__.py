"""Figures for a book, drawn from plain arrays: `style` is the look of all, `labels` fits words, `choices` picks images.

`galleries` and `grids` make pictures of pictures, `latents`, `conditional` and `codes` those that a model's kind calls
for; `charts` draws latent spaces, `curves` the course of a training, `lines` measurements of any other kind.
"""
