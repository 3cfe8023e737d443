"""The page of a picture: its size in pixels of a slide, and letters large enough for the last row."""

import dataclasses
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.grids import mosaic

PIXELS = 256
"""Pixels of a slide per inch: the figures' 8 points are then 28 pixels."""
DPI = 440
TEXT, TICKS = 7.5, 7
"""Points; 26.7 and 24.9 pixels of a slide."""
STYLE: dict[str, Any] = {"fontsize": TEXT, "va": "center"}
P_COLOUR, Q_COLOUR, LIGHT_P, LIGHT_Q = "#0060a8", "#b84a00", "#bcd7ee", "#f3cfae"
"""The decoder and the reconstruction; the encoder and the KL."""


@dataclasses.dataclass(frozen=True)
class Picture:
    """A figure, and the numbers that its slide quotes."""

    figure: Figure
    numbers: dict[str, Any] = dataclasses.field(default_factory=dict)


def new_page(width: float, height: float) -> Figure:
    """An empty page of this many pixels of a slide."""
    return Figure(figsize=(width / PIXELS, height / PIXELS), dpi=DPI)


def axes_at(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Axes at a place in pixels of a slide, `top` measured downwards from the page's upper edge."""
    across, down = figure.get_size_inches() * PIXELS
    axes = figure.add_axes((left / across, 1 - (top + height) / down, width / across, height / down))
    axes.tick_params(labelsize=TICKS, length=3, pad=2)
    return axes


def write(figure: Figure, left: float, top: float, text: str, **style: Any) -> None:
    """Write text at a place in pixels of a slide."""
    across, down = figure.get_size_inches() * PIXELS
    figure.text(left / across, 1 - top / down, text, **(STYLE | style))


def show_tiles(
    figure: Figure, left: float, top: float, width: float, tiles: np.ndarray, columns: int, gap: int = 3
) -> float:
    """Draw images in rows of `columns`, `width` pixels of a slide wide; returns their height."""
    page = mosaic(tiles, columns, 2, gap)
    height = width * page.shape[0] / page.shape[1]
    axes = axes_at(figure, left, top, width, height)
    axes.imshow(page, interpolation="nearest", aspect="auto")
    axes.set_axis_off()
    return height
