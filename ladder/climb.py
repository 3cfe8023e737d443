"""The main job, `vae-ladder climb`: prove that the rungs agree, train each one, draw and compare what they learned."""

import time
from pathlib import Path

from rich.console import Console

from foundation.console import make_console, say, step_display
from foundation.data import Dataset, load
from foundation.errors import InputError
from foundation.files import write_json
from foundation.runs import Run, create_run, latest_run, open_run
from foundation.training import EpochRecord
from ladder.checks import verdict
from ladder.options import Climb, Figures
from ladder.parity import compare
from ladder.progress import result_table, training_display
from ladder.rungs import INSTALL_TORCH, available_rungs, split_rungs, torch_is_installed
from ladder.train import Setting, describe, prepare, train_rung, what_is_kept


def climb(choices: Climb) -> int:
    """`vae-ladder climb`. The exit code: 1 where two rungs disagree.

    Everything is checked before the run folder is made, so that bad input leaves nothing behind.
    """
    begin = time.perf_counter()
    console = make_console()
    rungs = available_rungs() if choices.rungs is None else split_rungs(choices.rungs)
    setting = prepare(choices, console)
    say(console, "1  Data", "bold")
    say(console, f"   {setting.train.describe()}")
    say(console, f"   {setting.test.describe()}")
    run = create_run(choices.out, "climb", describe(choices, setting, "climb", rungs=rungs))
    try:
        if prove(console, rungs, setting, run) != 0:
            return 1
        train_all(console, rungs, setting, run)
        say(console, "4  Figures and report", "bold")
        draw(console, run, setting.test)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(what_is_kept(run)) from None
    minutes, seconds = divmod(round(time.perf_counter() - begin), 60)
    say(console, f"\nDone in {minutes} min {seconds} s. Open this page in a browser:", "bold")
    say(console, f"   {run.path / 'report.html'}")
    say(console, "Then read the rungs side by side, in step:", "bold")
    say(console, "   numpy_impl/vae_numpy.py   pytorch_lowlevel/vae_lowlevel.py   paper/vae_paper.py")
    return 0


def prove(console: Console, rungs: tuple[str, ...], setting: Setting, run: Run) -> int:
    """Compare the rungs in float64 on the training images and write parity.json; 0 where they agree."""
    say(console, "2  Parity", "bold")
    if len(rungs) < 2:
        say(console, f"   skipped: {rungs[0]} climbs alone and has no second rung to agree with")
        if len(available_rungs()) < 2:
            say(console, f"   the other rungs need torch, which is not installed: {INSTALL_TORCH}")
        return 0

    with step_display(console, "comparing in float64") as now:
        report = compare(
            setting.architecture,
            rungs=rungs,
            seed=setting.options.seed,
            objective=setting.objective,
            images=setting.train.images,
            on_step=lambda name, step: now(f"{name}, Adam step {step}"),
        )
    write_json(run.path / "parity.json", report.to_json())
    console.print(report.table())
    return verdict(report)


def train_all(console: Console, rungs: tuple[str, ...], setting: Setting, run: Run) -> None:
    """Train one rung after the other, each into its own sub-run, and print what came of it."""
    say(console, "3  Training", "bold")
    results: dict[str, EpochRecord] = {}
    with training_display(console, setting.steps, setting.options) as start:
        for name in rungs:
            part = run.subrun(name, run.config | {"command": "train", "rung": name})
            results[name] = train_rung(name, setting, part, start(name))
    console.print(result_table(results, len(setting.train)))


def draw(console: Console, run: Run, test_data: Dataset, pixels: bool = False) -> None:
    """Draw the pictures of a run, for a climb those of every rung, its learning curves and its report.

    With `pixels` samples come as draws from p(x|z), too.
    """
    # Here, since matplotlib takes a second to import.
    from ladder.figures import draw_run
    from ladder.report import write_report

    with step_display(console, "drawing"):
        paths = draw_run(run, test_data, pixels)
        if run.config["command"] == "climb":
            paths.append(write_report(run))
    say(console, f"   {len(paths)} files under {run.path}")


def redraw(choices: Figures) -> int:
    """`vae-ladder figures`: draw a run again from its weights. The exit code."""
    console = make_console()
    run = latest_run(choices.out) if choices.run is None else open_run(choices.run)
    for field in ("command", "data", "data_root"):
        if field not in run.config:
            raise InputError(f"{run.path}: not a run folder of vae-ladder, its config.json has no {field!r}")
    if "model" in run.config:
        return redraw_model(console, run, choices)
    root = choices.data_root or run.config["data_root"]
    draw(console, run, load(run.config["data"], "test", root=root and Path(root)), choices.draw)
    return 0


def redraw_model(console: Console, run: Run, choices: Figures) -> int:
    """Draw a model of the paper rung again. The exit code."""
    if not torch_is_installed():
        raise InputError(f"{run.path}: its model, {run.config['model']}, needs torch: {INSTALL_TORCH}")
    from paper.checkpoint import open_data, open_model
    from paper.drawing import draw_model_run

    with step_display(console, "drawing"):
        paths = draw_model_run(run, open_model(run), open_data(run, choices.data_root), choices.draw)
    say(console, f"   {len(paths)} files under {run.path}")
    return 0
