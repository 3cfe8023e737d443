"""The figure of the page, without words: for each exhibit its curves, its reconstructions and its samples."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter

from figures.style import DPI, EDGE, INK, MUTED, PALE, RULE, book_style, pixel_axes, save, show

WIDTH = 7.4
Style = dict[str, Any]
HEALTHY: Style = {"color": RULE, "linewidth": 4.0, "solid_capstyle": "round", "zorder": 1}
TRAIN: Style = {"color": "#0072b2", "linewidth": 1.5, "zorder": 2}
TEST: Style = {"color": "#d55e00", "linewidth": 1.5, "linestyle": (0, (3, 1.5)), "zorder": 3}
MEASURED: Style = {"color": INK, "linewidth": 1.0, "linestyle": (0, (1, 1.6)), "zorder": 4}
LEGEND = {"a": HEALTHY, "b": TRAIN, "c": TEST, "d": MEASURED}
"""Letters, which the page explains in either language."""
TICKS = {
    "image_loss": (0.1, 1, 10, 100, 1000),
    "negative_elbo": (-1e20, -1e10, 0, 1e10, 1e20),
    "training_loss": (100, 200, 400, 800),
    "noisy_latents": (100, 200, 400, 800),
}
"""The ticks of the axes that are not `USUAL_TICKS`, since their curves go elsewhere."""
USUAL_TICKS = 100, 150, 200, 250
SCALE = 3
"""Pixels of the figure for one of an image."""
GAP = 6
"""Pixels between two images."""
TILE = 28 * SCALE
CURVES_WIDTH = 238
HEAD, FOOT = 44, 44
"""Pixels above and below the curves, for the number and for the epochs."""
BETWEEN = 14


@book_style()
def draw(found: dict[str, Any], pictures: dict[str, np.ndarray], originals: np.ndarray, path: Path) -> None:
    """Two columns of cells: the healthy VAE as 0 beside the images themselves, then the ten.

    A cell has the curves of one VAE, and beside them its reconstructions above its samples.
    """
    high = 2 * TILE + GAP
    rows = (len(found) + 2) // 2
    across, up = round(WIDTH * DPI), rows * (HEAD + high + FOOT) + (rows - 1) * BETWEEN
    figure = Figure(figsize=(across / DPI, up / DPI), dpi=DPI)
    edge = round(EDGE * DPI)
    cells: list[str | None] = [*list(found)[:1], None, *list(found)[1:]]
    for place, name in enumerate(cells):
        row, column = divmod(place, 2)
        left = edge + column * (across - edge) // 2
        bottom = up - (row + 1) * (HEAD + high + FOOT) - row * BETWEEN + FOOT
        beside = left + 72 + CURVES_WIDTH + 22
        if name is None:
            _tiles(figure, originals[None], beside, bottom + TILE + GAP, up)
            _legend(figure, (left + 72) / across, (bottom + high) / up)
            continue
        axes = pixel_axes(figure, left + 72, bottom / up, CURVES_WIDTH, high)
        _curves(axes, name, found[name], found["healthy"])
        axes.set_title(str(list(found).index(name)), fontweight="bold", fontsize=9, pad=4)
        _tiles(figure, pictures[name], beside, bottom, up)
    save(figure, path)


def _tiles(figure: Figure, images: np.ndarray, left: int, bottom: int, up: int) -> None:
    """Rows of images in grey, the first on top; NaN is drawn in grey as well."""
    images = np.clip(np.nan_to_num(images, nan=0.5), 0, 1)
    for i, row in enumerate(images[::-1]):
        for j, image in enumerate(row):
            axes = pixel_axes(figure, left + j * (TILE + GAP), (bottom + i * (TILE + GAP)) / up, TILE, TILE)
            pixels = np.kron(image, np.ones((SCALE, SCALE)))
            show(axes, np.repeat(pixels[..., None], 3, axis=-1))


def _legend(figure: Figure, left: float, top: float) -> None:
    """The four lines with their letters, in the cell that has no curves."""
    lines = [Line2D([], [], **style, label=f"{letter}") for letter, style in LEGEND.items()]
    figure.legend(
        handles=lines, loc="upper left", bbox_to_anchor=(left, top), borderaxespad=0, handlelength=4.5, labelspacing=0.9
    )


def _curves(axes: Axes, name: str, found: dict[str, Any], healthy: dict[str, Any]) -> None:
    test, measured, train = (np.array(found[curve], float) for curve in ("test", "measured", "train"))
    epochs = np.arange(len(test))
    _scale(axes, name)
    axes.plot(epochs, healthy["test"], **HEALTHY)
    axes.plot(epochs[1:] - 0.5, train, **TRAIN)  # the mean over an epoch belongs to its middle
    axes.plot(epochs, test, **TEST)
    axes.plot(epochs, measured, **MEASURED)
    axes.yaxis.set_minor_locator(FixedLocator([]))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_xlim(-1, epochs[-1] + 1)
    axes.set_xticks(range(0, len(epochs), 20))
    axes.grid(axis="y", color=PALE)
    axes.set_axisbelow(True)
    axes.tick_params(length=2, pad=2, labelcolor=MUTED, color=INK, labelsize=7)


def _scale(axes: Axes, name: str) -> None:
    """One logarithmic axis for all whose curves fit it; for a loss without a lower bound, one with both signs."""
    ticks = TICKS.get(name, USUAL_TICKS)
    if ticks[0] < 0:
        axes.set_yscale("symlog", linthresh=100, linscale=1.0)
        axes.set_ylim(-1e24, 1e24)
    else:
        axes.set_yscale("log")
        axes.set_ylim(0.87 * ticks[0], 1.05 * ticks[-1])
    axes.yaxis.set_major_locator(FixedLocator(ticks))
    axes.yaxis.set_major_formatter(FuncFormatter(_number))


def _number(value: float, _: int) -> str:
    """A number as it is, or as a power of ten."""
    if abs(value) < 1e5:
        return f"{value:g}"
    return rf"${'-' if value < 0 else ''}10^{{{round(np.log10(abs(value)))}}}$"
