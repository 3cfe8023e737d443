"""The latent space coloured by class: of one model, or of several side by side."""

import textwrap
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from matplotlib.ticker import MaxNLocator

from figures.labels import apart
from figures.style import (
    CLASS_COLOURS,
    CLASS_MARKERS,
    DPI,
    INK,
    WIDTH,
    book_style,
    new_figure,
    pixel_axes,
)


@book_style()
def latent_space(
    mu: Float[np.ndarray, "N Z"],
    labels: Int[np.ndarray, " N"] | None = None,
    classes: Sequence[str] = (),
    caption: str = "Each point: μ of one test image. Dashed: 1 and 2 standard deviations of the prior. "
    "Look for classes that overlap, and for room left empty.",
) -> Figure:
    """The means of q(z|x), coloured by class: for Z = 2 as they are, for more by their two main directions.

    Z = 1 has a row of points for each class. Without labels, or with one class, all points are alike.
    """
    left = 118
    side = round(WIDTH * DPI) - left - 24
    figure, bottom, _ = new_figure(side / DPI + 0.42, "Latent space", caption)
    axes = pixel_axes(figure, left, bottom + 0.36 / figure.get_figheight(), side, side)
    _draw(axes, mu, labels, classes)
    return figure


@book_style()
def latent_spaces(
    mu: dict[str, Float[np.ndarray, "N Z"]],
    labels: Int[np.ndarray, " N"] | None = None,
    classes: Sequence[str] = (),
    title: str = "Latent spaces",
    caption: str = "Each point: μ of one test image; every panel has its own scale. Dashed: 1 and 2 standard "
    "deviations of the prior. Look at how much room the codes take, and whether they leave holes.",
) -> Figure:
    """`latent_space` of several models, two panels a row, each with its own scale; the names stand above them."""
    side, left, gap = 1.56, 0.6, 0.58
    rows = -(-len(mu) // 2)
    figure, _, top = new_figure(rows * (side + 0.62), title, caption)
    inch = 1 / figure.get_figheight()
    for i, (name, points) in enumerate(mu.items()):
        x, y = left + (i % 2) * (side + gap), (i // 2) * (side + 0.62) + 0.22 + side
        axes = figure.add_axes((x / WIDTH, top - y * inch, side / WIDTH, side * inch))
        _draw(axes, points, labels, classes, small=True)
        axes.set_title(name, pad=4)
    return figure


def _draw(axes: Axes, mu: np.ndarray, labels: np.ndarray | None, classes: Sequence[str], small: bool = False) -> None:
    """One latent space; a small one has shorter labels, smaller points and fewer ticks."""
    Z = mu.shape[1]
    if labels is None or len(classes) < 2:
        labels, classes = np.zeros(len(mu), dtype=int), ("",)
    points, (xlabel, ylabel) = (_strip(mu, labels), ("$z_1$", "")) if Z == 1 else _plane(mu, small)
    axes.set_xlabel(xlabel, labelpad=1 if small else None)
    axes.set_ylabel(ylabel, labelpad=0 if small else None)
    limits = _limits(points[:, : min(Z, 2)])
    axes.set_xlim(*limits[0])
    _scatter(axes, points, labels, 3.0 if small else 7.0)
    if Z == 1:
        _finish_strip(axes, classes)
    else:
        axes.set_ylim(*limits[1])
        _finish_plane(axes, 5 if small else 8)
        _name_classes(axes, points, labels, classes, 7.0 if small else 7.5)


def _limits(points: np.ndarray) -> np.ndarray:
    """(low, high) of each axis, all of one length: around the origin, or around points that lie far off to one side."""
    # In steps of a half, so that rungs whose points hardly differ get the same axes.
    reach = max(2.5, np.ceil(2.05 * np.abs(points).max()) / 2)
    low, high = np.minimum(points.min(axis=0), -2.5), np.maximum(points.max(axis=0), 2.5)
    half = 0.53 * (high - low).max()
    if half > 0.8 * reach:
        return np.array([(-reach, reach)] * points.shape[1])
    return np.stack([(low + high) / 2 - half, (low + high) / 2 + half], axis=1)


def _scatter(axes: Axes, points: np.ndarray, labels: np.ndarray, size: float) -> None:
    """A colour for each class, and past ten classes another marker as well."""
    colours, shapes = np.array(CLASS_COLOURS)[labels % 10], labels // 10 % len(CLASS_MARKERS)
    for shape in np.unique(shapes):
        here = shapes == shape
        marker = CLASS_MARKERS[shape]
        axes.scatter(*points[here].T, s=size, c=colours[here], marker=marker, alpha=0.65, linewidths=0)


def _finish_strip(axes: Axes, classes: Sequence[str]) -> None:
    axes.set(yticks=[], ylim=(len(classes) - 0.4, -0.6))
    if len(classes) > 1:
        axes.set_yticks(range(len(classes)), [textwrap.shorten(name, 9, placeholder="…") for name in classes])
    for edge in (-2, -1, 1, 2):
        axes.axvline(edge, color=INK, linewidth=0.8, linestyle=(0, (4, 3)))


def _finish_plane(axes: Axes, ticks: int) -> None:
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(ticks, integer=True))
    axes.grid(True)
    axes.set_axisbelow(True)
    for radius in (1, 2):
        axes.add_patch(
            Circle((0, 0), radius, fill=False, edgecolor=INK, linewidth=0.8, linestyle=(0, (4, 3)), zorder=4)
        )


def _strip(mu: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(N, 2): z1, and the class, spread over its row by the golden ratio instead of by chance."""
    return np.column_stack([mu[:, 0], labels + 0.7 * ((np.arange(len(mu)) * 0.6180339887) % 1 - 0.5)])


def _plane(mu: np.ndarray, small: bool = False) -> tuple[np.ndarray, tuple[str, str]]:
    """The two dimensions of mu, or for Z > 2 its two main directions, and names for both axes.

    The origin stays where the prior has its mean; the directions' signs are fixed, so that rungs can be compared.
    """
    if mu.shape[1] == 2:
        return mu, ("$z_1$", "$z_2$")
    _, singular, directions = np.linalg.svd(mu - mu.mean(axis=0), full_matrices=False)
    directions = np.pad(directions, ((0, max(0, 2 - len(directions))), (0, 0)))[:2]
    largest = directions[[0, 1], np.abs(directions).argmax(axis=1)]
    share = np.pad(singular**2, (0, 2))[:2] / max((singular**2).sum(), np.finfo(mu.dtype).tiny)
    words = "direction {} ({:.0%})" if small else "main direction {} of μ ({:.0%} of its variance)"
    names = [words.format(i, part) for i, part in enumerate(share, 1)]
    return mu @ (directions * np.where(largest < 0, -1, 1)[:, None]).T, (names[0], names[1])


def _name_classes(axes: Axes, points: np.ndarray, labels: np.ndarray, classes: Sequence[str], fontsize: float) -> None:
    """Write each class's name at its median, moved aside where two names would cover one another.

    One class needs no name, and more than thirty names would cover the points.
    """
    if not 1 < len(classes) <= 30:
        return
    present = [c for c in range(len(classes)) if (labels == c).any()]
    at = np.array([np.median(points[labels == c], axis=0) for c in present])
    names = [textwrap.shorten(classes[c], 16, placeholder="…") or "?" for c in present]
    inches = axes.get_window_extent().width / axes.figure.dpi
    unit = (axes.get_xlim()[1] - axes.get_xlim()[0]) / inches
    sizes = np.array([(0.085 * len(name) + 0.09, 0.19) for name in names]) * unit
    for c, name, centre, place in zip(present, names, at, apart(at, sizes), strict=True):
        colour = CLASS_COLOURS[c % len(CLASS_COLOURS)]
        axes.annotate(
            name, centre, place, fontsize=fontsize, fontweight="bold", ha="center", va="center", zorder=5,
            bbox={"boxstyle": "round,pad=0.22", "facecolor": "#ffffffdd", "edgecolor": colour, "linewidth": 1.3},
            arrowprops={"arrowstyle": "-", "color": INK, "linewidth": 0.7, "shrinkA": 0, "shrinkB": 0},
        )  # fmt: skip
