"""What all reproductions share: trainings that go on where they were stopped, finished rows, and comparisons.

The module of a reproduction has `PAPER`, `DATA` and `QUICK_DATA`, `FULL` and `QUICK` (its settings),
`sources(settings)`, `tables(settings, plan)` (columns, by title), `plan(reproduction, settings, budget)` and
`run(reproduction, settings, plan)`.
"""

import dataclasses
import json
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from rich.console import Console

from foundation.checkpoint import FILE, restore_training, save_training
from foundation.data.splits import Data
from foundation.errors import InputError
from foundation.files import read_file, to_json, write_json
from foundation.process import hold_signals
from foundation.records import EpochRecord
from foundation.runs import Run
from foundation.schema import read_object
from paper.experiments.experiment import Experiment
from paper.models.base import Model
from paper.reproductions.budget import Plan
from paper.reproductions.published import Published

MEASURED = "measured.json"
"""In a row's folder: what was measured of it. It is written last, and says that the row is finished."""
MOST_BYTES = 2**24
"""Of that file; ten thousand numbers take 200 kB."""
TIMES = ("seconds", "measuring_seconds")
"""What a row says of time: all else is the same whenever it is made."""
PerImage = Float[np.ndarray, " N"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings that every reproduction has; each adds its own."""

    epochs: int
    """Of the full protocol"""
    seeds: int
    """How often every row is trained"""
    train_images: int | None = None
    """How many training images are used, drawn at random; None takes all."""
    test_images: int | None = None
    """How many test images are measured at most, drawn at random; None takes all."""


class Reproduction(Experiment):
    """One run of a reproduction: an experiment whose rows are kept one by one."""

    def __init__(self, seed: int, data: Data, console: Console, quick: bool = False) -> None:
        """Without a run folder yet, which `run` is set to: planning needs none."""
        self.seed, self.data, self.console, self.quick = seed, data, console, quick
        self.device = data.train.images.device
        self.rows: list[dict[str, Any]] = []
        self.findings: dict[str, Any] = {}
        self.answers: list[str] = []
        self.figures: list[str] = []

    def published(self, number: Published | None) -> float | None:
        """A published number to compare with; None in the quick form, which has other images and networks."""
        return None if self.quick or number is None else number.value

    def folder(self, row: str) -> Run:
        """The folder of a row, made where it is not there yet."""
        return self.run.subruns().get(row) or self.run.subrun(row, {"command": "reproduce", "name": row})

    def once(self, row: str, make: Callable[[Run], dict[str, Any]], keys: Sequence[str]) -> dict[str, Any]:
        """What `make` measures of a row, or what it measured before the run was stopped: numbers under these keys.

        They come back as they were: JSON holds every digit of a float64. Raises `InputError` for a damaged file.
        """
        folder = self.folder(row)
        path = folder.path / MEASURED
        if not path.exists():
            found = make(folder)
            with hold_signals():
                write_json(path, found)
                (folder.path / FILE).unlink(missing_ok=True)  # the checkpoint
            return json.loads(to_json(found))
        found = read_object(read_file(path, MOST_BYTES), str(path))
        check_row(found, path, keys)
        return found

    def train(
        self, folder: Run, label: str, model: Any, *, epochs: int, seed: int, **choices: Any
    ) -> tuple[Model, float]:
        """Trains a row's model, or goes on after the last whole epoch; the model in eval mode, and the seconds."""
        training, network = self.begin(model, epochs=epochs, seed=seed, **choices)
        restore_training(folder.path, training)
        folder.keep_metrics(lambda line: 0 < training.epoch >= line["epoch"])
        for record in self.follow(label, training):
            if isinstance(record, EpochRecord):
                folder.log(**record.line())
                if record.epoch:
                    with hold_signals():
                        save_training(folder.path, training)
        network = network.eval().requires_grad_(False)
        network.save(folder.path / "weights.safetensors")
        return network, training.seconds


@dataclasses.dataclass(frozen=True)
class Timer:
    """Seconds since it was made."""

    begin: float = dataclasses.field(default_factory=time.perf_counter)

    def seconds(self) -> float:
        """The time since then."""
        return time.perf_counter() - self.begin


def over_repetitions(values: Sequence[PerImage]) -> tuple[float, float]:
    """The mean of a number over test images and repetitions, and its standard error.

    Each array has a value for each of the same images, of one repetition. The error is that over the images, of the
    means over repetitions, and with several repetitions that over them beside it: sqrt(s^2 / N + s_r^2 / R).
    """
    by_image = np.mean(values, axis=0)
    error = float(by_image.std(ddof=1) / math.sqrt(len(by_image)))
    if len(values) > 1:
        repetitions = np.std([one.mean() for one in values], ddof=1) / math.sqrt(len(values))
        error = math.hypot(error, float(repetitions))
    return float(by_image.mean()), error


def compared(values: Sequence[PerImage], published: float | None) -> dict[str, float]:
    """A row's number `here` with its spread, the paper's, and ours minus the paper's with the standard error of ours.

    With several repetitions ± of `here` is the standard deviation over them, as in all tables of this chapter.
    """
    mean, error = over_repetitions(values)
    found = {"here": mean}
    if len(values) > 1:
        found["here_sd"] = float(np.std([one.mean() for one in values], ddof=1))
    else:
        found["here_se"] = error
    if published is not None:
        found |= {"published": published, "difference": mean - published, f"difference_{ending(values)}": error}
    return found


def paired(first: Sequence[PerImage], second: Sequence[PerImage]) -> tuple[float, float]:
    """The mean of first minus second over the same test images, repetition by repetition, and its standard error."""
    return over_repetitions([one - other for one, other in zip(first, second, strict=True)])


def ending(values: Sequence[PerImage]) -> str:
    """What a standard error is over, as a key of `tables.SPREADS`."""
    return "se" if len(values) == 1 else "error"


def plan_sentence(plan: Plan) -> str:
    """What part of the full protocol a table is, for its caption."""
    if plan.quick:
        return f"the quick form, no reproduction; {plan.epochs:,} epochs"
    if plan.budget is None:
        return f"{plan.epochs:,} epochs, the full protocol"
    return f"a budget of {plan.budget:g} h; {plan.epochs:,} of the {plan.full_epochs:,} epochs of the full protocol"


def check_row(found: dict[str, Any], source: Path, keys: Sequence[str]) -> None:
    """Raises `InputError` for a row's file without these numbers."""
    for key in keys:
        value = found.get(key)
        several = value if isinstance(value, list) else [value]
        if not several or not all(isinstance(one, int | float) for one in several):
            raise InputError(f"{source}: damaged, expected numbers under {key}")
