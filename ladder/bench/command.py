"""`vae-ladder bench`: measures the speed of the rungs against one another and against the limits of the machine."""

import platform
from collections.abc import Callable
from importlib.metadata import version

from rich.console import Console

from figures.style import save
from foundation.architecture import Architecture
from foundation.console import make_console, print_table, say, step_display
from foundation.errors import InputError
from foundation.files import write_json
from ladder.bench.browser import browser_table, measure_browser
from ladder.bench.comparisons import measure_compiled, measure_convolution, measure_epoch
from ladder.bench.draws import measure_draws
from ladder.bench.floor import measure_machine
from ladder.bench.report import bench_figure, tables
from ladder.bench.results import Results, count
from ladder.bench.rungs import can_measure_memory, measure_memory, measure_parts, measure_passes
from ladder.bench.timing import Patience
from ladder.options import Bench
from ladder.rungs import available_rungs
from numpy_impl.runtime.parallel import CORES

BATCH_SIZES = (1, 8, 32, 128, 512)
QUICK_BATCH_SIZES, QUICK_ON_ONE_THREAD = (1, 32, 128), (128,)
PARTS_BATCH, MEMORY_BATCH = 128, 512
NOT_COMPILED = "compiling takes longer than --quick"


def bench(choices: Bench) -> int:
    """Measure, print, write. Returns the exit code 0, since a slow rung is no error."""
    for path in (choices.json, choices.figure):
        if path is not None and path.is_dir():
            raise InputError(f"{path}: expected a file to write, got a folder")
    console = make_console()
    if choices.browser:
        return bench_browser(choices, console)
    with step_display(console, "measuring") as now:
        results = measure(choices.quick, now)
    for table in tables(results):
        print_table(console, table)
    if choices.json is not None:
        write_json(choices.json, results.to_json())
        say(console, f"written to {choices.json}")
    say(console, f"figure: {save(bench_figure(results), choices.figure)}")
    return 0


def bench_browser(choices: Bench, console: Console) -> int:
    """Measure the explorer's page, print, and write the JSON that is asked for. Returns the exit code 0."""
    with step_display(console, "measuring") as now:
        results = measure_browser(now)
    print_table(console, browser_table(results))
    if choices.json is not None:
        write_json(choices.json, results)
        say(console, f"written to {choices.json}")
    return 0


def measure(quick: bool = False, now: Callable[[str], None] = lambda what: None) -> Results:
    """Measure all rungs that can run here; `now` is called with a description of each measurement before it begins."""
    architecture, rungs = Architecture(), available_rungs()
    patience, short = (Patience(3, 0.05), Patience(2, 0.02)) if quick else (Patience(6, 0.15), Patience(6, 0.05))
    # All threads first: these numbers matter most, and the machine is coolest at the start.
    thread_counts = list(dict.fromkeys((CORES, 1)))
    passes = []
    now("the machine")
    machines = [measure_machine(threads, patience) for threads in thread_counts]
    for threads in thread_counts:
        for batch_size in batch_sizes(quick, threads):
            now(f"steps and forward passes, batch {batch_size}, {count(threads)}")
            passes += measure_passes(architecture, rungs, batch_size, threads, patience)
    now("the parts of a step")
    parts = measure_parts(architecture, PARTS_BATCH, short)
    now("an epoch")
    epoch = measure_epoch(architecture, CORES, patience)
    now("a convolution of numpy-ml's")
    convolution = measure_convolution(short)
    now("rung 3 compiled")
    compiled = NOT_COMPILED if quick else measure_compiled(CORES)
    now("the IWAE's draws")
    draws = measure_draws(quick, 1, short)
    now("memory")
    memory = {rung: measure_memory(rung, MEMORY_BATCH) for rung in rungs} if can_measure_memory() else {}
    return Results(
        architecture,
        software(),
        machines,
        passes,
        parts,
        PARTS_BATCH,
        epoch,
        memory,
        MEMORY_BATCH,
        convolution,
        compiled,
        draws,
    )


def batch_sizes(quick: bool, threads: int) -> tuple[int, ...]:
    """The batch sizes to measure on a number of threads."""
    if not quick:
        return BATCH_SIZES
    return QUICK_ON_ONE_THREAD if threads == 1 < CORES else QUICK_BATCH_SIZES


def software() -> dict[str, str]:
    """Versions of Python and of the libraries that compute."""
    libraries = ("numpy", "torch") if len(available_rungs()) > 1 else ("numpy",)
    return {"python": platform.python_version(), **{name: version(name) for name in libraries}}
