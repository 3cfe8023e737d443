"""Plots of numbers: the latent space coloured by class, and the learning curves of several rungs."""

import textwrap
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from matplotlib.ticker import MaxNLocator

from foundation.figures.style import (
    CLASS_COLOURS,
    CLASS_MARKERS,
    CURVES,
    DPI,
    INK,
    MUTED,
    ONE_CURVE,
    PALE,
    WIDTH,
    book_style,
    new_figure,
    pixel_axes,
)


@book_style()
def latent_space(
    mu: Float[np.ndarray, "N Z"], labels: Int[np.ndarray, " N"] | None = None, classes: Sequence[str] = ()
) -> Figure:
    """The means of q(z|x), coloured by class: for Z = 2 as they are, for more by their two main directions.

    Z = 1 has a row of points for each class. Without labels, or with one class, all points are alike.
    """
    if labels is None or len(classes) < 2:
        labels, classes = np.zeros(len(mu), dtype=int), ("",)
    Z, left = mu.shape[1], 118
    side = round(WIDTH * DPI) - left - 24
    figure, bottom, _ = new_figure(
        side / DPI + 0.42,
        "Latent space",
        "Each point: μ of one test image. Dashed: 1 and 2 standard deviations of the prior. "
        "Look for classes that overlap, and for room left empty.",
    )
    axes = pixel_axes(figure, left, bottom + 0.36 / figure.get_figheight(), side, side)
    points, (xlabel, ylabel) = (_strip(mu, labels), ("$z_1$", "")) if Z == 1 else _plane(mu)
    axes.set(xlabel=xlabel, ylabel=ylabel)
    # In steps of a half, so that rungs whose points hardly differ get the same axes.
    reach = max(2.5, np.ceil(2.05 * np.abs(points[:, : min(Z, 2)]).max()) / 2)
    axes.set_xlim(-reach, reach)
    _scatter(axes, points, labels)
    if Z == 1:
        _finish_strip(axes, classes)
    else:
        _finish_plane(axes)
        _name_classes(axes, points, labels, classes)
    return figure


def _scatter(axes: Axes, points: np.ndarray, labels: np.ndarray) -> None:
    """A colour for each class, and past ten classes another marker as well."""
    colours, shapes = np.array(CLASS_COLOURS)[labels % 10], labels // 10 % len(CLASS_MARKERS)
    for shape in np.unique(shapes):
        here = shapes == shape
        marker = CLASS_MARKERS[shape]
        axes.scatter(*points[here].T, s=7, c=colours[here], marker=marker, alpha=0.65, linewidths=0)


def _finish_strip(axes: Axes, classes: Sequence[str]) -> None:
    axes.set(yticks=[], ylim=(len(classes) - 0.4, -0.6))
    if len(classes) > 1:
        axes.set_yticks(range(len(classes)), [textwrap.shorten(name, 9, placeholder="…") for name in classes])
    for edge in (-2, -1, 1, 2):
        axes.axvline(edge, color=INK, linewidth=0.8, linestyle=(0, (4, 3)))


def _finish_plane(axes: Axes) -> None:
    axes.set_ylim(axes.get_xlim())  # on square axes: the same scale both ways
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(8, integer=True))
    axes.grid(True)
    axes.set_axisbelow(True)
    for radius in (1, 2):
        axes.add_patch(Circle((0, 0), radius, fill=False, edgecolor=INK, linewidth=0.8, linestyle=(0, (4, 3))))


def _strip(mu: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(N, 2): z1, and the class, spread over its row by the golden ratio instead of by chance."""
    return np.column_stack([mu[:, 0], labels + 0.7 * ((np.arange(len(mu)) * 0.6180339887) % 1 - 0.5)])


def _plane(mu: np.ndarray) -> tuple[np.ndarray, tuple[str, str]]:
    """The two dimensions of mu, or for Z > 2 its two main directions, and names for both axes.

    The origin stays where the prior has its mean; the directions' signs are fixed, so that rungs can be compared.
    """
    if mu.shape[1] == 2:
        return mu, ("$z_1$", "$z_2$")
    _, singular, directions = np.linalg.svd(mu - mu.mean(axis=0), full_matrices=False)
    directions = np.pad(directions, ((0, max(0, 2 - len(directions))), (0, 0)))[:2]
    largest = directions[[0, 1], np.abs(directions).argmax(axis=1)]
    share = np.pad(singular**2, (0, 2))[:2] / max((singular**2).sum(), np.finfo(mu.dtype).tiny)
    names = [f"main direction {i} of μ ({part:.0%} of its variance)" for i, part in enumerate(share, 1)]
    return mu @ (directions * np.where(largest < 0, -1, 1)[:, None]).T, (names[0], names[1])


def _name_classes(axes: Axes, points: np.ndarray, labels: np.ndarray, classes: Sequence[str]) -> None:
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
    for c, name, centre, place in zip(present, names, at, _apart(at, sizes), strict=True):
        colour = CLASS_COLOURS[c % len(CLASS_COLOURS)]
        axes.annotate(
            name, centre, place, fontsize=7.5, fontweight="bold", ha="center", va="center", zorder=5,
            bbox={"boxstyle": "round,pad=0.22", "facecolor": "#ffffffdd", "edgecolor": colour, "linewidth": 1.3},
            arrowprops={"arrowstyle": "-", "color": INK, "linewidth": 0.7, "shrinkA": 0, "shrinkB": 0},
        )  # fmt: skip


def _apart(centres: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Move boxes of the given (width, height) until none covers another, each pair along its smaller overlap."""
    places = centres + 1e-6 * np.arange(len(centres))[:, None]  # so that equal centres have a direction to part in
    for _ in range(200):
        for i in range(len(places)):
            for j in range(i):
                between = places[i] - places[j]
                overlap = (sizes[i] + sizes[j]) / 2 - np.abs(between)
                if (overlap > 0).all():
                    axis = overlap.argmin()
                    shift = np.copysign(overlap[axis] / 2, between[axis])
                    places[i, axis] += shift
                    places[j, axis] -= shift
    return places


@book_style()
def learning_curves(histories: dict[str, list[dict]]) -> Figure:
    """Test loss, its two parts, and how far each rung's loss lies from the first one's.

    `histories` holds, for every rung, its records {"epoch", "loss", "reconstruction", "kl"}, the first before
    training; that one is left out once two more follow, since it would squeeze all others together.
    """
    several = len(histories) > 1
    figure, bottom, top = new_figure(
        5.0 if several else 3.6,
        "Learning curves",
        "Negative ELBO of the test images. The rungs see the same numbers in the same order, so their lines, drawn "
        "thinner and thinner, lie on one another; only rounding sets them apart."
        if several
        else "Negative ELBO of the test images: what the latents cannot rebuild, and what they cost.",
    )
    ratios = [1.55, 1, 1] if several else [1.55, 1]
    grid = figure.add_gridspec(
        len(ratios), 2, left=0.125, right=0.97, bottom=bottom + 0.38 / figure.get_figheight(),
        top=top - 0.2 / figure.get_figheight(), hspace=0.55, wspace=0.3, height_ratios=ratios,
    )  # fmt: skip
    panels = {
        "loss": ("Test loss (nats per image)", figure.add_subplot(grid[0, :])),
        "reconstruction": ("Reconstruction", figure.add_subplot(grid[1, 0])),
        "kl": ("KL", figure.add_subplot(grid[1, 1])),
    }
    for key, (title, axes) in panels.items():
        _plot_part(axes, histories, key)
        _finish(axes, title)
    panels["loss"][1].legend(title="after the last epoch", title_fontsize=7.5, alignment="left", handlelength=3)
    if several:
        _differences(figure.add_subplot(grid[2, :]), histories)
    return figure


def _plot_part(axes: Axes, histories: dict[str, list[dict]], key: str) -> None:
    """One part of the loss, a line for each rung, each thinner than the one it lies on."""
    first = 1 if max(len(records) for records in histories.values()) > 2 else 0
    for (rung, records), style in zip(histories.items(), CURVES if len(histories) > 1 else [ONE_CURVE], strict=False):
        shown = [record for record in records if record["epoch"] >= first]
        label = f"{rung}  {shown[-1][key]:.2f}" if shown else rung
        axes.plot([record["epoch"] for record in shown], [record[key] for record in shown], label=label, **style)


def _differences(axes: Axes, histories: dict[str, list[dict]]) -> None:
    """|loss - the first rung's loss| per epoch on a log axis, above what one float32 rounding amounts to."""
    first, *others = histories
    reference = {r["epoch"]: r["loss"] for r in histories[first]}
    rounding = float(np.spacing(np.float32(max(map(abs, reference.values()), default=1.0)))) / 2
    for rung, style in zip(others, CURVES[1:], strict=False):
        shared = [r for r in histories[rung] if r["epoch"] in reference]
        apart = [max(abs(r["loss"] - reference[r["epoch"]]), rounding / 3) for r in shared]
        axes.plot([r["epoch"] for r in shared], apart, label=rung, **style)
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    axes.set_ylim(min(low, rounding / 4), max(high, 40 * rounding))
    axes.axhspan(axes.get_ylim()[0], rounding, color=PALE, linewidth=0, zorder=0)
    axes.text(0.99, rounding / 1.3, "one float32 rounding", transform=axes.get_yaxis_transform(), fontsize=7,
              color=MUTED, ha="right", va="top")  # fmt: skip
    _finish(axes, f"|Test loss − that of {first}| (nats per image)")


def _finish(axes: Axes, title: str) -> None:
    axes.set_title(title, pad=5)
    axes.set_xlabel("epoch", labelpad=1)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.grid(True, axis="y")
    axes.set_axisbelow(True)
