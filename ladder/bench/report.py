"""A benchmark's results as tables for the terminal and as a figure."""

from collections.abc import Iterator

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich import box
from rich.table import Table

from figures.style import INK, MUTED, book_style, new_figure
from ladder.bench.results import BATCH, BFLOAT16, EAGER, NAMES, OURS, PLAIN, PartTime, Results, count
from ladder.bench.timing import Time
from ladder.rungs import RUNGS

SHORT = {"numpy_impl": "rung 1", "pytorch_lowlevel": "rung 2", "paper": "rung 3", PLAIN: "plain", "floor": "floor"}
COLOURS = dict(zip(RUNGS, ("#56b4e9", "#d55e00", "#00513c"), strict=True))
PALER = dict(zip(RUNGS, ("#b4dcf4", "#eeb38c", "#8caaa0"), strict=True))
INCH = {"panel": 1.45, "row": 0.165, "gap": 0.62}

# Tables


def tables(results: Results) -> Iterator[Table]:
    """The machine, the passes, the parts, the comparisons, and last the ratios, which matter most."""
    yield machine_table(results)
    for what in NAMES:
        yield passes_table(results, what)
    yield parts_table(results)
    yield epoch_and_memory_table(results)
    if results.draws:
        yield draws_table(results)
    yield beside_table(results)
    yield ratios_table(results)


def machine_table(results: Results) -> Table:
    """The rates that the floor is computed from."""
    table = new_table("The machine at its best", "", "matrix products", "memory")
    for machine in results.machines:
        rates = f"{machine.flops_per_second / 1e9:,.0f} GFLOP/s", f"{machine.bytes_per_second / 1e9:,.1f} GB/s"
        table.add_row(count(machine.threads), *rates)
    table.caption = ", ".join(f"{name} {number}" for name, number in results.software.items())
    return table


def passes_table(results: Results, what: str) -> Table:
    """Milliseconds of each rung and of the plain loop, and the floor with its arithmetic and traffic."""
    who = [name for name in (*RUNGS, PLAIN) if any((p.what, p.who) == (what, name) for p in results.passes)]
    table = new_table(
        f"{NAMES[what].capitalize()} (median in ms ± half the distance between the quartiles)",
        "batch",
        *who,
        "floor",
        "GFLOP",
        "MB",
    )
    for threads in dict.fromkeys(threads for threads, _ in results.sizes()):
        table.add_section()
        table.add_row(f"[bold]{count(threads)}")
        for batch_size in (size for of, size in results.sizes() if of == threads):
            times = results.times(what, threads, batch_size)
            cost = results.cost(what, batch_size)
            table.add_row(
                f"{batch_size:>5}",
                *(milliseconds(times[name]) for name in who),
                f"{1e3 * results.floor(what, threads, batch_size):.2f}",
                f"{cost.flops / 1e9:.3g}",
                f"{cost.bytes / 1e6:.3g}",
            )
    return table


def parts_table(results: Results) -> Table:
    """Each operation of the NumPy step beside torch's."""
    title = f"Parts of a training step (ms; batch {results.parts_batch}, 1 thread)"
    table = new_table(title, "operation", "", "NumPy", "torch", "NumPy / torch")
    for part in results.parts:
        first = part.operation if part.direction != "backward" else ""
        row = [first, part.direction, milliseconds(part.numpy)]
        if part.torch is not None:
            row += [milliseconds(part.torch), coloured(part.numpy.median / part.torch.median)]
        table.add_row(*row)
    return table


def epoch_and_memory_table(results: Results) -> Table:
    """Seconds of an epoch, and megabytes of a step, where they were measured."""
    title = f"Epoch of 60,000 images; memory that steps of batch {results.memory_batch} add"
    table = new_table(title, "", "epoch (s)", "/ plain", "peak memory (MB)")
    for who in (*RUNGS, BFLOAT16, PLAIN):
        if who in results.epoch or who in results.memory:
            seconds, ratio = "", ""
            if who in results.epoch:
                seconds = f"{results.epoch[who].median:.2f}"
                ratio = coloured(results.epoch[who].median / results.epoch[PLAIN].median) if who != PLAIN else ""
            memory = f"{results.memory[who] / 1e6:,.0f}" if who in results.memory else ""
            table.add_row(who, seconds, ratio, memory)
    return table


def draws_table(results: Results) -> Table:
    """Images × draws per second of the IWAE in both ways, and how many times as many one product makes."""
    title = f"IWAE step, 784-200-200-50, {count(results.draws[0].threads)} (thousand images × draws per second)"
    table = new_table(title, "batch", "K", "one product", "loop over draws", "product / loop")
    for one in results.draws:
        rates = (one.rate(one.product), one.rate(one.loop))
        table.add_row(
            str(one.images), str(one.draws), *(f"{rate / 1e3:,.1f}" for rate in rates), f"{rates[0] / rates[1]:.2f}"
        )
    return table


def beside_table(results: Results) -> Table:
    """The comparisons beside the rungs, or why they were not measured."""
    table = new_table("Beside the rungs (ms)", "", "", "")
    if results.convolution:
        table.add_row("a convolution of 128 images, one thread, forward and backward")
        for who, time in results.convolution.items():
            table.add_row(f"  {who}", milliseconds(time), f"{time.median / results.convolution[OURS].median:.1f}")
    else:
        table.add_row("numpy-ml: not installed")
    if isinstance(results.compiled, str):
        table.add_row(f"torch.compile: not measured, {results.compiled}"[:95])
    else:
        table.add_row(f"a step of {BATCH} images with torch.compile, all threads")
        for who, time in results.compiled.items():
            table.add_row(f"  {who}", milliseconds(time), f"{time.median / results.compiled[EAGER].median:.2f}")
    return table


def ratios_table(results: Results) -> Table:
    """A row for each comparison, a column for each pair."""
    ratios = [ratio for ratio in results.ratios() if {ratio.numerator, ratio.denominator} <= SHORT.keys()]
    pairs = list(dict.fromkeys((r.numerator, r.denominator) for r in ratios))
    pairs.sort(key=lambda pair: pair[1] == "floor")
    table = new_table("Ratios of medians", "", *(f"{SHORT[a]}\n/ {SHORT[b]}" for a, b in pairs))
    for what in dict.fromkeys(r.what for r in ratios):
        values = {(r.numerator, r.denominator): r.value for r in ratios if r.what == what}
        cells = (
            "" if pair not in values else f"{values[pair]:.2f}" if pair[1] == "floor" else coloured(values[pair])
            for pair in pairs
        )
        table.add_row(what, *cells)
    return table


def new_table(title: str, *columns: str) -> Table:
    """A table with text to the left and numbers to the right."""
    table = Table(title=title, title_justify="left", title_style="bold", caption_justify="left", box=box.SIMPLE_HEAD)
    table.min_width = len(title)  # or the title would be broken
    for i, column in enumerate(columns):
        table.add_column(column, justify="left" if i == 0 else "right", no_wrap=True)
    return table


def milliseconds(time: Time) -> str:
    """Median and spread, with two decimals below 0.1 s and none above."""
    return f"{1e3 * time.median:.{2 if time.median < 0.1 else 0}f} ±{time.spread:3.0%}"


def coloured(ratio: float) -> str:
    """A ratio in green where the first is as fast as the second or faster, within the noise of 2 %; else in yellow."""
    return f"[{'green' if ratio <= 1.02 else 'yellow'}]{ratio:.2f}[/]"


# The figure


@book_style()
def bench_figure(results: Results) -> Figure:
    """Above, a panel for each pass and number of threads; below, a row for each operation."""
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
        shared: Axes | None = None
        for column, threads in enumerate(thread_counts):
            box = (0.11 + column * (width + 0.06), y, width, INCH["panel"] * inch)
            shared = figure.add_axes(box, sharey=shared)
            _passes(shared, results, what, threads)
            shared.tick_params(labelleft=column == 0, left=column == 0)
        if row == 0 and shared is not None:
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
