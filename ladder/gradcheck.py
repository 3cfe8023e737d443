"""The results of `numpy_impl.gradcheck` as a table for the terminal."""

import itertools
from collections.abc import Sequence

from rich import box
from rich.table import Table

from numpy_impl.gradcheck import Result


def gradcheck_table(results: Sequence[Result]) -> Table:
    """Under each operation a row for each gradient: how far the analytic one lies from the numeric one, and where."""
    table = Table(title="Numeric against analytic gradients", caption=_caption(results), box=box.SIMPLE_HEAD)
    table.add_column("gradient of", width=32)
    for heading in ("entries", "error", "allowed"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("")
    for operation, group in itertools.groupby(results, key=lambda result: result.name):
        table.add_row(f"[bold]{operation}")
        for result in group:
            table.add_row(
                f"  {result.tensor}",
                f"{result.compared:,}",
                "-" if result.problem else f"{result.max_relative_error:.1e}",
                f"{result.tolerance:.0e}",
                "[green]ok" if result.ok else f"[red]wrong: {result.problem or f'worst at {result.worst}'}",
            )
    return table


def _caption(results: Sequence[Result]) -> str:
    failed = sum(not result.ok for result in results)
    compared, kinks = sum(r.compared for r in results), sum(r.kinks for r in results)
    verdict = f"[red]{failed} of {len(results)} gradients are wrong" if failed else f"[green]{len(results)} agree"
    skipped = f"; {kinks:,} more left out at a kink of a ReLU" if kinks else ""
    return f"{verdict}[/]: {compared:,} entries compared{skipped}."
