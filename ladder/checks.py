"""The checks that a user can run: `vae-ladder parity` and `vae-ladder gradcheck`."""

import sys

from foundation.architecture import Architecture
from foundation.console import make_console, say, step_display
from foundation.errors import InputError
from foundation.files import write_json
from foundation.objective import Objective
from ladder.gradcheck import gradcheck_table
from ladder.options import Gradcheck, Parity
from ladder.parity import ParityReport, compare
from ladder.rungs import INSTALL_TORCH, RUNGS, available_rungs, split_rungs
from numpy_impl.gradcheck import check_operations, check_vae


def parity(choices: Parity) -> int:
    """`vae-ladder parity`: compare the rungs on random numbers. The exit code: 1 where two disagree."""
    if choices.rungs is None and available_rungs() != RUNGS:
        raise InputError(f"parity needs a second rung, and the others need torch, not installed: {INSTALL_TORCH}")
    if choices.seed < 0:
        raise InputError(f"seed: expected an integer of at least 0, got {choices.seed}")
    console = make_console()
    with step_display(console, f"comparing in {choices.dtype}") as now:
        report = compare(
            Architecture(choices.latent_dim),
            rungs=RUNGS if choices.rungs is None else split_rungs(choices.rungs),
            batch_size=choices.batch_size,
            seed=choices.seed,
            dtype=choices.dtype,
            steps=choices.steps,
            objective=Objective(choices.likelihood),
            on_step=lambda name, step: now(f"{name}, Adam step {step}"),
        )
    console.print(report.table())
    if choices.out is not None:
        write_json(choices.out, report.to_json())
        say(console, f"written to {choices.out}")
    return verdict(report)


def verdict(report: ParityReport) -> int:
    """The exit code of a comparison; where rungs disagree, the tensor to look at first goes to standard error."""
    if report.ok:
        return 0
    print(f"vae-ladder: {report.worst()}", file=sys.stderr)
    return 1


def gradcheck(choices: Gradcheck) -> int:
    """`vae-ladder gradcheck`: numeric against analytic gradients of rung 1. The exit code: 1 where two differ."""
    console = make_console()
    with step_display(console, "checking") as now:
        now("every operation")
        results = check_operations()
        now("every parameter of the VAE")
        results += check_vae()
    console.print(gradcheck_table(results))
    wrong = [result for result in results if not result.ok]
    for result in wrong:
        print(f"vae-ladder: {result.name}: the gradient of {result.tensor} is wrong", file=sys.stderr)
    return 1 if wrong else 0
