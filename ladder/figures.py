"""The pictures of a run: each model by itself, the rungs of a climb beside one another, and the curves of training."""

import os
from pathlib import Path

import numpy as np

from figures.choices import one_of_each, prior_draws
from figures.curves import learning_curves, training_curves
from figures.galleries import side_by_side
from figures.model import draw_model, latent_dim
from figures.style import save
from foundation.data.dataset import Dataset
from foundation.data.splits import Data
from foundation.errors import InputError
from foundation.options import no_effect
from foundation.rung import Rung
from foundation.runs import Run
from ladder.rungs import MINE, RUNGS, open_rung
from paper.runs import read_options

ABREAST = 10
"""Test images, and samples, on which the rungs are shown one under the other."""


def draw_run(run: Run, data: Data[np.ndarray], pixels: bool = False) -> list[Path]:
    """Draw everything that a run, or every rung of a climb, has weights for; the paths of the files.

    With `pixels` generated images come as draws from p(x|z), too. Raises `InputError` for weights that cannot be used.
    """
    paths: list[Path] = []
    rungs: dict[str, Rung] = {}
    for name, part in trained_rungs(run).items():
        rungs[name] = open_rung(part)
        if pixels and not rungs[name].traits.prior and rungs[name].traits.codes:
            raise no_effect("draw", f"no image is generated from the codes of a {part.config['model']}")
        paths += draw_model(part, rungs[name], data.test, pixels)
        paths += draw_training(part)
    if len(rungs) > 1:
        paths.append(draw_ladder(run, rungs, data.test))
    if run.config.get("command") == "climb":
        paths += draw_curves(run)
    return paths


def draw_ladder(run: Run, rungs: dict[str, Rung], test: Dataset[np.ndarray]) -> Path:
    """Draw the results of several rungs for the same test images and the same z, row under row; the path."""
    x = test.images[one_of_each(test.labels, ABREAST)]
    z = prior_draws(latent_dim(next(iter(rungs.values()))))[: len(x)].astype(x.dtype)
    x_hat = {name: rung.reconstruct(x) for name, rung in rungs.items()}
    drawn = {name: rung.sample(z) for name, rung in rungs.items()}
    return save(side_by_side(x, x_hat, drawn), run.figure_path("ladder"))


def draw_training(run: Run) -> list[Path]:
    """Draw the losses of every step and epoch of one training; no file where none was logged."""
    records = run.training_log()
    steps = [record for record in records if record.get("kind") == "step"]
    if not steps:
        return []
    options = read_options(run)
    total = options.epochs * sum(record["epoch"] == steps[0]["epoch"] for record in steps)
    targets = [options.model.objective((record["step"] - 1) / total).capacity for record in steps]
    capacity = [target for target in targets if target is not None] or None
    return [save(training_curves(records, capacity), run.figure_path("training_curves"))]


def draw_curves(run: Run) -> list[Path]:
    """Draw the test loss of all rungs after each epoch in one plot; no file where none was logged."""
    histories = {name: epochs(part) for name, part in parts(run).items()}
    histories = {name: records for name, records in histories.items() if records}
    return [save(learning_curves(histories), run.figure_path("learning_curves"))] if histories else []


def parts(run: Run) -> dict[str, Run]:
    """The runs of single rungs by the rung's name, up the ladder: those inside a climb, or the run itself.

    A climb that ended before it trained has none. One of the learner's own functions comes last.
    Raises `InputError` for a rung that is none of these.
    """
    found = {}
    for part in list(run.subruns().values()) or [run] * (run.config.get("command") != "climb"):
        name = part.config.get("rung")
        if name in RUNGS and part.config.get("mine") is not None:
            name = MINE
        elif name not in RUNGS:
            raise InputError(f"{part.path / 'config.json'}: rung: expected one of {', '.join(RUNGS)}, got {name!r}")
        found[name] = part
    return {name: found[name] for name in (*RUNGS, MINE) if name in found}


def trained_rungs(run: Run) -> dict[str, Run]:
    """Those of `parts` that have weights."""
    # Whatever lies in the place of the weights counts as such: what is no file is refused when it is read.
    return {name: part for name, part in parts(run).items() if os.path.lexists(part.weights_path)}


def epochs(run: Run) -> list[dict]:
    """The records of one rung's epochs, the first one from before training."""
    return [record for record in run.training_log() if record.get("kind") == "epoch"]
