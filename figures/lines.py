"""Plots of measurements: values along a swept variable, one measure against another, ROC curves, distributions."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator

from figures.style import (
    DASHED,
    EDGE,
    INK,
    MUTED,
    RULE,
    SERIES,
    WIDTH,
    Style,
    apart,
    book_style,
    fit,
    literal,
    new_figure,
    plot_page,
    rule,
    text_width,
)

HOLLOW: Style = {"linewidth": 1.4, "markersize": 3.6, "markerfacecolor": "white"}
POINTS = 12
"""A line of more points is drawn without markers."""

Number = float | int


class Line(NamedTuple):
    """y over x. Several seeds are rows of y: the line is their mean, a dot each of them."""

    x: Sequence[Number] | Sequence[str]
    """Numbers, or names that stand at equal distances."""
    y: Float[np.ndarray, " n"] | Float[np.ndarray, "seeds n"] | Sequence[Number]
    spread: Sequence[Number] | None = None
    """A standard deviation at each x, where no seeds are given."""


class Panel(NamedTuple):
    """One pair of axes; the title says what y is, and its unit."""

    title: str
    xlabel: str
    lines: Mapping[str, Line]
    log_x: bool = False
    powers: Sequence[float] = ()
    """With any the y axis is logarithmic, and thin lines x^p begin with the first line, for comparison of slopes."""
    own_ticks: bool = True
    """Whether a few x of the lines, and not round numbers, are the ticks."""


@book_style()
def line_panels(panels: Sequence[Panel], title: str, caption: str, columns: int = 2) -> Figure:
    """Panels in reading order; a legend above them names each line once, and a line looks the same in all of them."""
    names = list(dict.fromkeys(name for panel in panels for name in panel.lines))
    columns = min(columns, len(panels))
    rows = -(-len(panels) // columns)
    legend = _legend_height(names)
    room = 3.9 / columns - 0.1
    titles = [fit(panel.title, room, 8.0) for panel in panels]
    heads = 0.2 + 0.13 * max(words.count("\n") for words in titles)
    figure, grid, top = plot_page(
        (1.2 + heads + 0.35 * (columns == 1)) * rows + legend, title, caption, rows=rows, columns=columns, left=0.125,
        above=heads + legend, wspace=0.3, hspace=0.58 + heads,
    )  # fmt: skip
    for i, (panel, words) in enumerate(zip(panels, titles, strict=True)):
        axes = figure.add_subplot(grid[i // columns, i % columns])
        _draw(axes, panel, names)
        # Flush with the numbers of the axis, so that a unit finds room on half a page.
        axes.annotate(words, (0, 1), (-22, 5), "axes fraction", "offset points", va="bottom", linespacing=1.1)
    if len(names) > 1:
        _legend(figure, names, top)
    return figure


def _legend_columns(names: Sequence[str]) -> int:
    """How many names stand in one row above the panels."""
    widest = max(text_width(literal(name), 7.5) for name in names) + 0.52
    return max(1, min(len(names), int((WIDTH - 0.3) / widest)))


def _legend_height(names: Sequence[str]) -> float:
    """Inches of a legend above the panels; none for a single name."""
    return 0.165 * -(-len(names) // _legend_columns(names)) + 0.04 if len(names) > 1 else 0.0


def _legend(figure: Figure, names: Sequence[str], top: float) -> None:
    handles = {
        label: handle for axes in figure.axes for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(
        [handles[name] for name in names], [literal(name) for name in names], loc="upper left",
        ncols=_legend_columns(names), bbox_to_anchor=(EDGE / WIDTH, top), handlelength=2.8, borderpad=0,
        borderaxespad=0.2, columnspacing=1.2, labelspacing=0.35,
    )  # fmt: skip


def _draw(axes: Axes, panel: Panel, names: Sequence[str]) -> None:
    named = any(isinstance(x, str) for line in panel.lines.values() for x in line.x)
    ticks = list(dict.fromkeys(x for line in panel.lines.values() for x in line.x))
    for name, line in panel.lines.items():
        x = np.array([ticks.index(value) for value in line.x] if named else line.x, dtype=float)
        _draw_line(axes, x, line, name, HOLLOW | SERIES[names.index(name) % len(SERIES)])
    if panel.log_x:
        axes.set_xscale("log")
    if panel.powers:
        axes.set_yscale("log")
        _draw_powers(axes, panel)
    if named or (panel.own_ticks and len(ticks) <= POINTS):
        places = list(range(len(ticks))) if named else [float(tick) for tick in ticks]
        axes.xaxis.set_major_locator(FixedLocator(places))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xticklabels([literal(str(tick)) if named else f"{tick:g}" for tick in ticks])
    if not panel.powers:
        axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.set_xlabel(panel.xlabel, labelpad=1)
    rule(axes, "y")


def _draw_powers(axes: Axes, panel: Panel) -> None:
    """x^p through the first point of the first line; the caption says what they are."""
    line = next(iter(panel.lines.values()))
    x, start = np.array([line.x[0], line.x[-1]], dtype=float), float(np.mean(np.asarray(line.y, dtype=float)[..., 0]))
    for p in panel.powers:
        y = start * (x / x[0]) ** p
        axes.plot(x, y, color=MUTED, linewidth=0.7, linestyle=DASHED, zorder=1)


def _draw_line(axes: Axes, x: np.ndarray, line: Line, name: str, style: Style) -> None:
    y = np.asarray(line.y, dtype=float)
    mean = y.mean(axis=0) if y.ndim == 2 else y
    if len(x) > POINTS:
        style["marker"] = None
    if line.spread is not None:
        axes.errorbar(x, mean, yerr=line.spread, capsize=2, elinewidth=0.8, label=name, **style)
    else:
        axes.plot(x, mean, label=name, **style)
    if y.ndim == 2:
        axes.plot(x, y.T, ".", color=style["color"], markersize=3.5, alpha=0.55, markeredgewidth=0)


@book_style()
def trade_off(
    points: Mapping[str, tuple[Sequence[Number], Sequence[Number]]],
    xlabel: str,
    ylabel: str,
    title: str,
    caption: str,
    joined: bool = False,
) -> Figure:
    """One measure against another: a named point for each model, at the mean of its seeds, which are drawn as dots.

    `joined` draws a line from each point to the next: the path of a sweep.
    """
    figure, grid, _ = plot_page(3.0, title, caption, left=0.145, right=0.96, above=0.1)
    axes = figure.add_subplot(grid[0])
    means = np.array([[np.mean(x), np.mean(y)] for x, y in points.values()])
    if joined:
        axes.plot(*means.T, color=RULE, linewidth=1.2, zorder=1)
    for i, ((x, y), mean) in enumerate(zip(points.values(), means, strict=True)):
        style = SERIES[0 if joined else i % len(SERIES)]
        if len(x) > 1:
            axes.plot(x, y, ".", color=style["color"], markersize=4.5, alpha=0.5, markeredgewidth=0)
        axes.plot(*mean, style["marker"], color=style["color"], markersize=6, markeredgecolor="white",
                  markeredgewidth=0.8, zorder=3)  # fmt: skip
    axes.margins(0.14)
    axes.set(xlabel=xlabel, ylabel=ylabel)
    rule(axes)
    _name_points(axes, list(points), means)
    return figure


def _name_points(axes: Axes, names: Sequence[str], means: np.ndarray) -> None:
    """Each name above its point, moved aside where it would cover another name or a point, and tied to it by a line."""
    axes.autoscale_view()
    axes.autoscale(enable=False)
    inches = axes.transData.transform(means) / axes.figure.dpi
    names = [literal(name) for name in names]
    sizes = np.array([(text_width(name, 7.5) + 0.06, 0.14) for name in names])
    wished = inches + np.array([0, 0.16])
    wished[:, 0] = np.minimum(wished[:, 0], WIDTH - 0.06 - sizes[:, 0] / 2)
    marks = np.full((len(names), 2), 0.13)
    places = apart(np.concatenate([wished, inches]), np.concatenate([sizes, marks]), fixed=len(names))[: len(names)]
    places = axes.transData.inverted().transform(places * axes.figure.dpi)
    for name, place, mean in zip(names, places, means, strict=True):
        axes.annotate(
            name, mean, place, ha="center", va="center", fontsize=7.5, color=INK, zorder=2,
            bbox={"boxstyle": "square,pad=0.1", "facecolor": "#ffffffcc", "linewidth": 0},
            arrowprops={"arrowstyle": "-", "color": MUTED, "linewidth": 0.6, "shrinkA": 0, "shrinkB": 3},
        )  # fmt: skip


@book_style()
def roc_curves(
    curves: Mapping[str, tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]], title: str, caption: str
) -> Figure:
    """True positives against false positives as a threshold falls, and the area under each curve."""
    side = 2.33
    names = [fit(literal(name), WIDTH - side - 1.22, 7.5, lines=3) for name in curves]
    beside = sum(0.2 + 0.135 * (name.count("\n") + 1) for name in names)
    figure, _, top = new_figure(max(side + 0.42, beside), title, caption)
    inch = 1 / figure.get_figheight()
    axes = figure.add_axes((0.6 / WIDTH, top - (side + 0.04) * inch, side / WIDTH, side * inch))
    axes.plot((0, 1), (0, 1), color=MUTED, linewidth=0.8, linestyle=DASHED)
    for i, (name, (false, true)) in enumerate(zip(names, curves.values(), strict=True)):
        style = SERIES[i % len(SERIES)] | {"marker": None, "linewidth": 1.6}
        axes.plot(false, true, label=f"{name}\narea {np.trapezoid(true, false):.3f}", clip_on=False, **style)
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="false positives (share)", ylabel="true positives (share)")
    axes.set_xticks(np.linspace(0, 1, 6))
    axes.set_yticks(np.linspace(0, 1, 6))
    rule(axes)
    axes.legend(loc="upper left", bbox_to_anchor=(1.03, 1.0), handlelength=2.2, labelspacing=0.9, borderpad=0)
    return figure


@book_style()
def distributions(values: Mapping[str, Float[np.ndarray, " n"]], xlabel: str, title: str, caption: str) -> Figure:
    """How the values of several groups spread, over shared bins; 1 % of all values at either end may lie outside."""
    names = list(values)
    legend = _legend_height(names)
    figure, grid, top = plot_page(2.1 + legend, title, caption, above=0.1 + legend)
    axes = figure.add_subplot(grid[0])
    low, high = np.quantile(np.concatenate([*values.values()]), (0.01, 0.99))
    edges = np.linspace(low, high, 51)
    for i, (name, group) in enumerate(values.items()):
        share = 100 * np.histogram(group, edges)[0] / len(group)
        style = SERIES[i % len(SERIES)] | {"marker": None}
        axes.stairs(share, edges, fill=True, color=style["color"], alpha=0.16)
        axes.plot(np.repeat(edges, 2)[1:-1], np.repeat(share, 2), label=name, linewidth=1.3, **style)
    axes.set(xlim=(edges[0], edges[-1]), xlabel=xlabel, ylabel="share (%)")
    axes.set_ylim(bottom=0)
    rule(axes, "y")
    if len(names) > 1:
        _legend(figure, names, top)
    return figure
