"""The picture of a benchmark: how near each rung comes to the floor, and where the NumPy step spends its time."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.style import INK, MUTED, book_style, new_figure
from ladder.bench.results import NAMES, PartTime, Results, count
from ladder.rungs import RUNGS

COLOURS = dict(zip(RUNGS, ("#56b4e9", "#d55e00", "#00513c"), strict=True))
PALER = dict(zip(RUNGS, ("#b4dcf4", "#eeb38c", "#8caaa0"), strict=True))
INCH = {"panel": 1.45, "row": 0.165, "gap": 0.62}


@book_style()
def bench_figure(results: Results) -> Figure:
    """Above: a panel for each pass and number of threads. Below: a row for each operation."""
    thread_counts = list(dict.fromkeys(threads for threads, _ in results.sizes()))
    operations = list(dict.fromkeys(part.operation for part in results.parts))
    lower = INCH["row"] * (len(operations) + 1)
    body = len(NAMES) * (INCH["panel"] + INCH["gap"]) + lower + 0.62
    figure, bottom, top = new_figure(
        body,
        "Speed",
        "Above: time as a multiple of the floor, which is the products at the machine's full rate and every tensor "
        "moved at its full bandwidth (the black line). "
        f"Below: the operations of a NumPy step, batch {results.parts_batch}, one thread.",
    )
    inch = 1 / figure.get_figheight()
    width = (0.86 - 0.06 * (len(thread_counts) - 1)) / len(thread_counts)
    for row, what in enumerate(NAMES):
        y = top - ((row + 1) * (INCH["panel"] + INCH["gap"]) - 0.38) * inch
        shared = None
        for column, threads in enumerate(thread_counts):
            box = (0.11 + column * (width + 0.06), y, width, INCH["panel"] * inch)
            shared = figure.add_axes(box, sharey=shared)
            _passes(shared, results, what, threads)
            shared.tick_params(labelleft=column == 0, left=column == 0)
        if row == 0:
            shared.legend(
                loc="upper right", handlelength=0.9, handleheight=0.9, borderpad=0.1, labelspacing=0.25,
                frameon=True, facecolor="white", edgecolor="none", framealpha=1,
            )  # fmt: skip
    _parts(figure.add_axes((0.245, bottom + 0.34 * inch, 0.6, lower * inch)), operations, results.parts)
    return figure


def _passes(axes: Axes, results: Results, what: str, threads: int) -> None:
    """Time over floor: a group of bars for each batch size, a bar for each rung."""
    sizes = [size for of, size in results.sizes() if of == threads]
    shown = [name for name in RUNGS if any(p.who == name for p in results.passes)]
    thick = 0.78 / len(shown)
    for i, name in enumerate(shown):
        heights = [
            results.times(what, threads, size)[name].median / results.floor(what, threads, size) for size in sizes
        ]
        places = np.arange(len(sizes)) + (i - (len(shown) - 1) / 2) * thick
        axes.bar(places, heights, 0.9 * thick, color=COLOURS[name], label=name, zorder=2)
    axes.axhline(1, color=INK, linewidth=0.9, zorder=3)
    axes.set_title(f"{NAMES[what].capitalize()} ÷ floor, {count(threads)}", pad=6)
    axes.set_xticks(range(len(sizes)), [str(size) for size in sizes])
    axes.set_xlabel("batch size", labelpad=1)
    axes.tick_params(axis="x", length=0)
    axes.grid(True, axis="y")
    axes.set_axisbelow(True)


def _parts(axes: Axes, operations: list[str], parts: list[PartTime]) -> None:
    """For each operation NumPy's bar above torch's, forward and backward in a row, and their ratio beside them."""
    torch_too = all(part.torch is not None for part in parts)
    for i, operation in enumerate(operations):
        mine = [part for part in parts if part.operation == operation]
        bars = {"numpy_impl": [part.numpy.median for part in mine]}
        if torch_too:
            bars["pytorch_lowlevel"] = [part.torch.median for part in mine if part.torch is not None]
        for j, (name, seconds) in enumerate(bars.items()):
            y, thick = (i + (0.2 if j else -0.2), 0.38) if torch_too else (i, 0.6)
            lefts = [0, 1e3 * seconds[0]][: len(seconds)]
            colours = [COLOURS[name], PALER[name]][: len(seconds)]
            axes.barh(y, [1e3 * value for value in seconds], thick, lefts, color=colours, zorder=2)
        if torch_too:
            ratio = sum(bars["numpy_impl"]) / sum(bars["pytorch_lowlevel"])
            axes.text(1.03, i, f"{ratio:.2f}", transform=axes.get_yaxis_transform(), va="center", fontsize=7.5)
    title = "NumPy, below it torch; forward, then paler backward" if torch_too else "Forward, then paler backward"
    axes.set_title(title, pad=6, x=(0.11 - axes.get_position().x0) / axes.get_position().width)
    if torch_too:
        axes.annotate(
            "ratio", (1.03, 1), (0, 6), "axes fraction", textcoords="offset points", fontsize=7.5, color=MUTED
        )
    axes.set_yticks(range(len(operations)), [operation.partition(".")[2] or operation for operation in operations])
    axes.set_ylim(len(operations) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("milliseconds", labelpad=1)
    axes.grid(True, axis="x")
    axes.set_axisbelow(True)
