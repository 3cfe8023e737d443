"""`vae-ladder explore`: the page of a run, of the rungs of a climb, or of two runs."""

from pathlib import Path

import numpy as np

from foundation.console import make_console, say, step_display
from foundation.data.splits import Data
from foundation.errors import InputError
from foundation.files import check_writable, write_text
from foundation.language import language
from foundation.runs import Run, open_run
from ladder.explorer.page import render
from ladder.explorer.payload import make_payload
from ladder.figures import trained_rungs
from ladder.options import Explore
from ladder.rungs import INSTALL_TORCH, torch_is_installed
from paper.runs import read_data

NAME = "explorer.html"
MOST = 2
"""Runs in one page."""
SHIPPED = Path(__file__).resolve().parent / "model"
"""A run folder that ships with the program: a VAE of two latents on `glyphs`, trained by

    vae-ladder train vae --rung numpy_impl --channels 8 16 --hidden-dims 40 --learning-rate 2e-3
        --optimizer.schedule cosine --batch-size 64 --epochs 25 --data.validation 0
"""
LARGEST_IN_REPORT = 16_000_000
"""Bytes that the explorer may add to a climb's report."""


def explore(choices: Explore) -> int:
    """Write the page and say where it is. The exit code."""
    console = make_console()
    if len(choices.runs) > MOST:
        raise InputError(f"runs: expected at most {MOST} in one page, got {len(choices.runs)}")
    runs = [open_run(path) for path in choices.runs or (SHIPPED,)]
    path = choices.out or (runs[0].path / NAME if choices.runs else Path(NAME))
    check_writable(path)
    with step_display(console, "collecting") as now:
        now("weights and codes")
        parts = [part for run in runs for part in explored(run)]
        payload = make_payload([(part, read_data(part, choices.data_root)) for part in parts], choices.half)
        now("page")
        page = render(payload, None if language() == "en" else language())  # an English one opens in the browser's
        write_text(path, page)
    say(console, f"{payload['title']}: {len(page.encode()) / 1e6:.1f} MB. Open this page in a browser:", "bold")
    say(console, f"   {path}")
    for run in payload["runs"]:
        if run["half_error"] is not None:
            say(console, f"   {run['name']}: float16 weights change no pixel of x̂ by more than {run['half_error']:.2g}")
    return 0


def report_page(run: Run, data: Data[np.ndarray]) -> str | None:
    """The page for a climb's report, its weights as float16: all rungs, or the last one where they are too many bytes.

    It opens in the language of messages, as the report does. None for a run without weights, and for a model that is
    too large alone.
    """
    parts = list(trained_rungs(run).values())
    for chosen in (parts, parts[-1:]):
        try:
            payload = make_payload([(part, data) for part in chosen], half=True, largest=LARGEST_IN_REPORT)
        except InputError:
            continue
        return render(payload, language()) if chosen else None
    return None


def explored(run: Run) -> list[Run]:
    """The models of a run: of a climb its rungs. Raises `InputError` for none, and where a training still writes."""
    if run.config.get("command") not in ("train", "climb"):
        raise InputError(f"{run.path}: not a run folder of vae-ladder, its config.json has no command")
    climbed = run.config["command"] == "climb"
    for part in run.subruns().values() if climbed else [run]:
        if part.in_use():
            raise InputError(f"{part.path}: still being trained; wait until it ends, or stop it with Ctrl-C")
    found = list(trained_rungs(run).values()) if climbed else [run]
    if not climbed or not found:
        run.check_trained()
    if any(part.config.get("rung") != "numpy_impl" for part in found) and not torch_is_installed():
        raise InputError(f"{run.path}: its model, {run.config.get('model')}, needs torch: {INSTALL_TORCH}")
    return found
