"""A benchmark's results as tables for the terminal."""

from collections.abc import Iterator

from rich import box
from rich.table import Table

from ladder.bench.compiled import BATCH as COMPILED_BATCH
from ladder.bench.compiled import EAGER
from ladder.bench.elsewhere import OURS
from ladder.bench.results import BFLOAT16, NAMES, PLAIN, Results, count
from ladder.bench.timing import Time
from ladder.rungs import RUNGS

SHORT = {"numpy_impl": "rung 1", "pytorch_lowlevel": "rung 2", "paper": "rung 3", PLAIN: "plain", "floor": "floor"}


def tables(results: Results) -> Iterator[Table]:
    """The machine, the passes, the parts, and last the ratios, which are what to look at."""
    yield machine_table(results)
    for what in NAMES:
        yield passes_table(results, what)
    yield parts_table(results)
    yield epoch_and_memory_table(results)
    yield beside_table(results)
    yield ratios_table(results)


def machine_table(results: Results) -> Table:
    """The rates that set the floor."""
    table = new_table("The machine at its best", "", "matrix products", "memory")
    for machine in results.machines:
        rates = f"{machine.flops_per_second / 1e9:,.0f} GFLOP/s", f"{machine.bytes_per_second / 1e9:,.1f} GB/s"
        table.add_row(count(machine.threads), *rates)
    table.caption = ", ".join(f"{name} {number}" for name, number in results.software.items())
    return table


def passes_table(results: Results, what: str) -> Table:
    """Milliseconds of each candidate, and the floor with what it is made of."""
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


def beside_table(results: Results) -> Table:
    """What is measured beside the rungs, or why it is not."""
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
        table.add_row(f"a step of {COMPILED_BATCH} images with torch.compile, all threads")
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
    """Words to the left, numbers to the right."""
    table = Table(title=title, title_justify="left", title_style="bold", caption_justify="left", box=box.SIMPLE_HEAD)
    table.min_width = len(title)  # or the title would be broken
    for i, column in enumerate(columns):
        table.add_column(column, justify="left" if i == 0 else "right", no_wrap=True)
    return table


def milliseconds(time: Time) -> str:
    """Median and spread, as many digits as mean something."""
    return f"{1e3 * time.median:.{2 if time.median < 0.1 else 0}f} ±{time.spread:3.0%}"


def coloured(ratio: float) -> str:
    """Green where the first is as fast as the second or faster, to within what two runs differ by."""
    return f"[{'green' if ratio <= 1.02 else 'yellow'}]{ratio:.2f}[/]"
