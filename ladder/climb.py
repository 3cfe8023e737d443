"""The main job, `vae-ladder climb`: compare the rungs, train each one, draw and compare what they learned."""

import dataclasses
import shlex
import time
from typing import Any

import numpy as np
from rich.console import Console

from foundation.architecture import Architecture
from foundation.checkpoint import saved_epoch
from foundation.console import make_console, print_table, say, step_display
from foundation.data.splits import Data, load_data
from foundation.display import result_table, training_display
from foundation.errors import InputError
from foundation.files import write_json
from foundation.options import check_effect
from foundation.rung import Description, architecture_of
from foundation.runs import Run, create_run, latest_run, open_run
from foundation.schedules import objective_at
from foundation.training import Parts, measure_test
from ladder.checks import verdict
from ladder.mine import Mine, find_mine
from ladder.options import Climb, Figures
from ladder.parity import compare
from ladder.rungs import INSTALL_TORCH, MINE, available_rungs, make_rung, split_rungs, torch_is_installed, why_not
from ladder.train import describe, make_training, train_into
from paper.runs import check_root, read_data, unverified


def climb(choices: Climb, command: str = "") -> int:
    """`vae-ladder climb`; `command` is the command line. The exit code: 1 where two rungs disagree.

    Everything is checked before the run folder is made, so that bad input leaves nothing behind.
    """
    begin = time.perf_counter()
    console = make_console()
    names: Any = available_rungs() if choices.rungs is None else split_rungs(choices.rungs)
    options = {name: choices.training(name) for name in names}
    for name, one in options.items():
        if reason := why_not(dataclasses.replace(one, rung="numpy_impl")):
            raise InputError(f"climb: all rungs train the same model, and rung {name} cannot: {reason}")
        check_effect(one)
    mine = find_mine(console, choices)
    if mine is not None:
        names, options = (*names, MINE), options | {MINE: choices.training("numpy_impl")}
    with step_display(console, f"loading {choices.data.name}"):
        data = load_data(choices.data, choices.seed, np.dtype(choices.dtype).type)
    say(console, "1  Data", "bold")
    for line in data.describe():
        say(console, f"   {line}")
    config = describe(make_training(options[names[0]], data), command) | {"command": "climb", "rungs": names}
    del config["rung"]
    run = create_run(choices.out, "climb", config)
    try:
        code = prove(console, choices, data, names, run, mine)
        if code != 0 and not (mine is not None and choices.as_written):
            return code
        train_all(console, options, data, run, command, mine)
        say(console, "4  Figures and report", "bold")
        draw(console, run, data)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(progress_kept(run)) from None
    minutes, seconds = divmod(round(time.perf_counter() - begin), 60)
    say(console, f"\nDone in {minutes} min {seconds} s. Open this page in a browser:", "bold")
    say(console, f"   {run.path / 'report.html'}")
    say(console, "Then read the rungs side by side:", "bold")
    say(console, "   numpy_impl/vae_numpy.py   pytorch_lowlevel/vae_lowlevel.py   paper/vae_paper.py")
    return code


def prove(
    console: Console,
    choices: Climb,
    data: Data[np.ndarray],
    rungs: tuple[str, ...],
    run: Run,
    mine: Mine | None = None,
) -> int:
    """Compare the rungs in float64 on the training images and write parity.json; 0 where they agree."""
    say(console, "2  Parity", "bold")
    if len(rungs) < 2:
        say(console, f"   skipped: {rungs[0]} climbs alone and has no second rung to agree with")
        if len(available_rungs()) < 2:
            say(console, f"   the other rungs need torch, which is not installed: {INSTALL_TORCH}")
        return 0

    architecture: Architecture = architecture_of(Description.of(choices.model, data.image_shape, len(data.classes)))
    with step_display(console, "comparing in float64") as now:
        report = compare(
            architecture,
            rungs=rungs,
            seed=choices.seed,
            objective=choices.model.objective(),
            images=data.train.images,
            make=make_rung if mine is None else mine.make,
            on_step=lambda name, step: now(f"{name}, Adam step {step}"),
        )
    write_json(run.path / "parity.json", report.to_json())
    print_table(console, report.table())
    for line in mine.lines() if mine is not None else ():
        say(console, f"   {line}")
    return verdict(report)


def train_all(
    console: Console,
    options: dict[str, Any],
    data: Data[np.ndarray],
    run: Run,
    command: str,
    mine: Mine | None = None,
) -> None:
    """Train one rung after the other, each into its own sub-run, and print their losses beside one another."""
    say(console, "3  Training", "bold")
    losses: dict[str, Parts] = {}
    speeds: dict[str, float] = {}
    with training_display(console) as start:
        for name, one in options.items():
            if name == MINE and mine is not None:
                training = make_training(one, data, mine.replace)
                part = run.subrun(name, describe(training, command) | {"mine": mine.whose()})
            else:
                training = make_training(one, data)
                part = run.subrun(name, describe(training, command))
            with part.hold():
                train_into(part, training, start(name, training))
                tested = measure_test(training)
                part.check_there()
                write_json(part.path / "test.json", tested)
            losses[name], speeds[name] = tested["sampled"], len(data.train) * training.epoch / training.seconds
    beta = objective_at(one, 1.0).beta
    print_table(console, result_table("rung", losses, len(data.test), beta, speeds))


def progress_kept(run: Run) -> str:
    """One line after a climb was stopped: what was finished, and how to look at it."""
    epochs = {name: saved_epoch(part.path) for name, part in run.subruns().items()}
    kept = ", ".join(f"{name} as after epoch {epoch}" for name, epoch in epochs.items() if epoch > 0)
    look = f"vae-ladder figures {shlex.quote(str(run.path))}"
    if not kept:
        return f"stopped before the first epoch ended; {run.path} holds no weights yet"
    return f"stopped; kept: {kept} of {run.config['options']['epochs']}; look at it: {look}"


def draw(console: Console, run: Run, data: Data[np.ndarray] | None, pixels: bool = False) -> None:
    """Draw the pictures of a run, for a climb those of every rung, its learning curves and its report.

    With `pixels` samples come as draws from p(x|z), too. Without data, where nothing was trained, there is only the
    report.
    """
    # Here, since matplotlib takes a second to import.
    from figures.fonts import about_names
    from ladder.explorer.command import report_page
    from ladder.figures import draw_run
    from ladder.report import write_report

    with step_display(console, "drawing"):
        paths = [] if data is None else draw_run(run, data, pixels)
        if run.config["command"] == "climb" and run.weights == "last":  # the report shows the last epoch
            paths.append(write_report(run, None if data is None else report_page(run, data)))
    if data is not None and (note := about_names(data.classes)):
        say(console, f"   {note}")
    say(console, f"   {len(paths)} files under {run.path}")


def redraw(choices: Figures) -> int:
    """`vae-ladder figures`: draw a run again from its weights. The exit code."""
    console = make_console()
    run = (latest_run(choices.out) if choices.run is None else open_run(choices.run)).choose(choices.weights)
    if run.config.get("command") not in ("train", "climb"):
        raise InputError(f"{run.path}: not a run folder of vae-ladder, its config.json has no command")
    climbed = run.config["command"] == "climb"
    parts = list(run.subruns().values()) if climbed else [run]
    if any(part.config.get("rung") != "numpy_impl" for part in parts) and not torch_is_installed():
        raise InputError(f"{run.path}: its model, {run.config.get('model')}, needs torch: {INSTALL_TORCH}")
    for part in parts:
        check_root(part, choices.data_root)
    if not climbed:
        run.check_trained()
    for line in (line for part in parts for line in unverified(part)):
        say(console, line)
    draw(console, run, read_data(parts[0], choices.data_root) if parts else None, choices.draw)
    return 0
