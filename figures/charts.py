"""Charts of latents: the latent space coloured by class, the KL of every latent, the use of a codebook."""

import textwrap
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from matplotlib.ticker import MaxNLocator

from figures.fonts import drawn_names
from figures.style import (
    CLASS_COLOURS,
    CLASS_MARKERS,
    DASHED,
    DPI,
    INK,
    MUTED,
    SERIES,
    WIDTH,
    apart,
    book_style,
    literal,
    new_figure,
    pixel_axes,
    plot_page,
    rule,
    text_width,
)
from foundation.latents import principal_plane

MOST_NAMED = 30
"""Classes and bars at most that are named."""


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
    _draw_latents(axes, mu, labels, classes)
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
        _draw_latents(axes, points, labels, classes, small=True)
        axes.set_title(name, pad=4)
    return figure


def _draw_latents(
    axes: Axes, mu: np.ndarray, labels: np.ndarray | None, classes: Sequence[str], small: bool = False
) -> None:
    """One latent space; a small one has shorter labels, smaller points and fewer ticks."""
    Z, classes = mu.shape[1], drawn_names(classes)
    if labels is None or len(classes) < 2:
        labels, classes = np.zeros(len(mu), dtype=int), ("",)
    points, (xlabel, ylabel) = (_strip(mu, labels), ("$z_1$", "")) if Z == 1 else main_plane(mu, small)
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
        x, y = points[here].T
        axes.scatter(x, y, s=size, c=colours[here], marker=marker, alpha=0.65, linewidths=0)


def _finish_strip(axes: Axes, classes: Sequence[str]) -> None:
    axes.set(yticks=[], ylim=(len(classes) - 0.4, -0.6))
    if len(classes) > 1:
        axes.set_yticks(range(len(classes)), [_short(name, 9) for name in classes])
    for edge in (-2, -1, 1, 2):
        axes.axvline(edge, color=INK, linewidth=0.8, linestyle=DASHED)


def _finish_plane(axes: Axes, ticks: int) -> None:
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(ticks, integer=True))
    rule(axes)
    for radius in (1, 2):
        circle = Circle((0, 0), radius, fill=False, edgecolor=INK, linewidth=0.8, linestyle=DASHED, zorder=4)
        axes.add_patch(circle)


def _strip(mu: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(N, 2): z1, and the class, spread over its row by the golden ratio instead of by chance."""
    return np.column_stack([mu[:, 0], labels + 0.7 * ((np.arange(len(mu)) * 0.6180339887) % 1 - 0.5)])


def main_plane(mu: np.ndarray, small: bool = False) -> tuple[np.ndarray, tuple[str, str]]:
    """The two dimensions of mu, or for Z > 2 its two main directions, and names for both axes.

    The origin stays where the prior has its mean; the directions' signs are fixed, so that rungs can be compared.
    """
    if mu.shape[1] == 2:
        return mu, ("$z_1$", "$z_2$")
    plane = principal_plane(mu)
    words = "direction {} ({:.0%})" if small else "main direction {} of μ ({:.0%} of its variance)"
    names = [words.format(i, part) for i, part in enumerate(plane.explained, 1)]
    return mu @ plane.directions.T, (names[0], names[1])


def _short(name: str, letters: int) -> str:
    """The beginning of a class's name, as it is written; "?" for a name of blanks."""
    return literal(textwrap.shorten(name, letters, placeholder="…") or "?")


def _name_classes(axes: Axes, points: np.ndarray, labels: np.ndarray, classes: Sequence[str], fontsize: float) -> None:
    """Write each class's name at its median, moved aside where two names would overlap.

    One class needs no name, and more than MOST_NAMED names would cover the points.
    """
    if not 1 < len(classes) <= MOST_NAMED:
        return
    present = [c for c in range(len(classes)) if (labels == c).any()]
    at = np.array([np.median(points[labels == c], axis=0) for c in present])
    names = [_short(classes[c], 16) for c in present]
    inches = axes.get_window_extent().width / axes.figure.dpi
    unit = (axes.get_xlim()[1] - axes.get_xlim()[0]) / inches
    widths = [max(0.085 * len(name), 1.1 * text_width(name, fontsize)) for name in names]  # Hangul is wider than Latin
    sizes = np.array([(width + 0.09, 0.19) for width in widths]) * unit
    for c, name, centre, place in zip(present, names, at, apart(at, sizes), strict=True):
        colour = CLASS_COLOURS[c % len(CLASS_COLOURS)]
        axes.annotate(
            name, centre, place, fontsize=fontsize, fontweight="bold", ha="center", va="center", zorder=5,
            bbox={"boxstyle": "round,pad=0.22", "facecolor": "#ffffffdd", "edgecolor": colour, "linewidth": 1.3},
            arrowprops={"arrowstyle": "-", "color": INK, "linewidth": 0.7, "shrinkA": 0, "shrinkB": 0},
        )  # fmt: skip


@book_style()
def kl_per_latent(kl: dict[str, Float[np.ndarray, " Z"]], active: dict[str, Bool[np.ndarray, " Z"]]) -> Figure:
    """KL of every latent in nats, largest first, a panel for each model; inactive latents are marked.

    The names of the two dictionaries are the models'; a single model needs none ("").
    """
    figure, grid, _ = plot_page(
        0.5 + 1.25 * len(kl),
        "KL of every latent",
        "Mean over the test images, largest first. Active: μ differs from image to image (variance > 0.01); circles: "
        "latents that are not. Look for how few hold most of the KL, and for those that collapsed onto the prior.",
        rows=len(kl),
        left=0.15,
        hspace=0.42,
    )
    most = max(len(values) for values in kl.values())
    highest = max(values.max() for values in kl.values())
    for row, (name, values) in enumerate(kl.items()):
        axes = figure.add_subplot(grid[row])
        _draw_bars(axes, values, active[name], most, name)
        axes.set_ylim(0, max(1.08 * highest, 0.1))
    figure.axes[-1].set_xlabel("latent" if most <= MOST_NAMED else "latents by their KL")
    figure.axes[0].set_ylabel("KL (nats)", labelpad=2)
    return figure


def _draw_bars(axes: Axes, kl: np.ndarray, active: np.ndarray, most: int, name: str) -> None:
    order = np.argsort(-kl, kind="stable")
    place, used = np.arange(1, len(kl) + 1), active[order]
    axes.bar(place, kl[order], width=0.72, color=np.where(used, SERIES[0]["color"], MUTED))
    for at in place[~used]:
        axes.plot(at, 0, "o", color=MUTED, markerfacecolor="white", markersize=3.4, clip_on=False, zorder=5)
    axes.set_xlim(0.2, most + 0.8)
    if most <= MOST_NAMED:
        axes.set_xticks(place, [f"$z_{{{j + 1}}}$" for j in order])
    else:
        axes.set_xticks(np.unique(np.linspace(1, most, 8).round()))
    axes.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
    axes.tick_params(axis="x", length=0)
    said = f"{active.sum()} of {len(kl)} active, {kl.sum():.1f} nats in all"
    axes.set_title(f"{name}: {said}" if name else said, pad=4, color=INK)
    rule(axes, "y")


def perplexity(counts: Int[np.ndarray, " K"]) -> float:
    """exp of the entropy of the shares: the number of codes that, used equally often, would have the same entropy."""
    share = counts[counts > 0] / counts.sum()
    return float(np.exp(-(share * np.log(share)).sum()))


@book_style()
def code_usage(counts: Int[np.ndarray, " K"]) -> Figure:
    """How often each of K codes was used, most used first, against equal use."""
    figure, grid, _ = plot_page(
        1.9,
        "Use of the codebook",
        "Share of each code in the codes of all test images, most used first. Perplexity: so many codes, used equally "
        "often, have the same entropy. Look for codes that are never used: the codebook has collapsed onto the others.",
        above=0.24,
    )
    axes = figure.add_subplot(grid[0])
    share = 100 * np.sort(counts)[::-1] / counts.sum()
    axes.bar(np.arange(1, len(counts) + 1), share, width=1, color=SERIES[0]["color"], linewidth=0)
    axes.axhline(100 / len(counts), color=INK, linewidth=0.8, linestyle=DASHED)
    axes.annotate("equal use", (len(counts), 100 / len(counts)), (0, 3), textcoords="offset points",
                  ha="right", va="bottom", fontsize=7)  # fmt: skip
    axes.set(xlim=(0.4, len(counts) + 0.6), xlabel="codes by their use", ylabel="share (%)")
    never = int((counts == 0).sum())
    axes.set_title(f"perplexity {perplexity(counts):.1f} of {len(counts)}; {never or 'no'} "
                   f"code{'' if never == 1 else 's'} never used", pad=4)  # fmt: skip
    rule(axes, "y")
    return figure
