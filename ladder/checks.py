"""The checks of equality and of gradients: `vae-ladder parity` and `vae-ladder gradcheck`."""

import itertools
import sys
from collections.abc import Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from foundation.architecture import Architecture
from foundation.console import make_console, print_table, say, step_display
from foundation.errors import InputError
from foundation.files import write_json
from foundation.objective import Objective
from ladder.mine import find_mine
from ladder.options import Gradcheck, Parity
from ladder.parity import ParityReport, compare
from ladder.rungs import (
    COMPARED,
    INSTALL_TORCH,
    MINE,
    compared_rungs,
    make_rung,
    split_rungs,
    torch_is_installed,
)
from numpy_impl.gradcheck import Result, check_operations, check_vae


def parity(choices: Parity) -> int:
    """`vae-ladder parity`: compare the rungs on random numbers. Returns the exit code: 1 where two rungs disagree."""
    if choices.rungs is None and not torch_is_installed() and not choices.mine:
        raise InputError(f"parity needs a second rung, and the others need torch, not installed: {INSTALL_TORCH}")
    if choices.seed < 0:
        raise InputError(f"seed: expected an integer of at least 0, got {choices.seed}")
    console = make_console()
    mine = find_mine(console, choices)
    rungs = compared_rungs() if choices.rungs is None else split_rungs(choices.rungs, COMPARED)
    with step_display(console, f"comparing in {choices.dtype}") as now:
        report = compare(
            Architecture(choices.latent_dim),
            rungs=rungs if mine is None else (*rungs, MINE),
            batch_size=choices.batch_size,
            seed=choices.seed,
            dtype=choices.dtype,
            steps=choices.steps,
            objective=Objective(choices.likelihood),
            make=make_rung if mine is None else mine.make,
            on_step=lambda name, step: now(f"{name}, Adam step {step}"),
        )
    print_table(console, report.table())
    for line in mine.lines() if mine is not None else ():
        say(console, line)
    if choices.out is not None:
        write_json(choices.out, report.to_json())
        say(console, f"written to {choices.out}")
    return verdict(report)


def verdict(report: ParityReport) -> int:
    """The exit code of a comparison; where rungs disagree, the worst tensor goes to standard error."""
    if report.ok:
        return 0
    print(f"vae-ladder: {report.worst()}", file=sys.stderr)
    return 1


def gradcheck(choices: Gradcheck) -> int:
    """`vae-ladder gradcheck`: rung 1's gradients against numeric ones. Returns the exit code: 1 where two differ."""
    console = make_console()
    with step_display(console, "checking") as now:
        now("every operation")
        results = check_operations()
        now("every parameter of the VAE")
        results += check_vae()
    print_table(console, gradcheck_table(results))
    wrong = [result for result in results if not result.ok]
    for result in wrong:
        print(f"vae-ladder: {result.name}: the gradient of {result.tensor} is wrong", file=sys.stderr)
    return 1 if wrong else 0


def gradcheck_table(results: Sequence[Result]) -> Table:
    """A row for each gradient, under its operation: its distance from the numeric one, and the worst entry."""
    table = Table(title="Numeric against analytic gradients", caption=_caption(results), box=box.SIMPLE_HEAD)
    table.add_column("gradient of", width=32)
    for heading in ("entries", "error", "allowed"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("")
    for operation, group in itertools.groupby(results, key=lambda result: result.name):
        table.add_row(Text(operation, "bold"))
        for result in group:
            table.add_row(
                f"  {result.tensor}",
                f"{result.compared:,}",
                "-" if result.problem else f"{result.max_relative_error:.1e}",
                f"{result.tolerance:.0e}",
                "[green]ok" if result.ok else Text(f"wrong: {result.problem or f'worst at {result.worst}'}", "red"),
            )
    return table


def _caption(results: Sequence[Result]) -> str:
    failed = sum(not result.ok for result in results)
    compared, kinks = sum(r.compared for r in results), sum(r.kinks for r in results)
    verdict = f"[red]{failed} of {len(results)} gradients are wrong" if failed else f"[green]{len(results)} agree"
    skipped = f"; {kinks:,} more left out at a kink of a ReLU" if kinks else ""
    return f"{verdict}[/]: {compared:,} entries compared{skipped}."
