"""Records of a training, one for each step and each epoch, as displays read them and metrics.jsonl holds them."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from foundation.errors import InputError, shown

MOST_STEPS = 10**12
"""No training comes near it; a file that counts further is damaged."""
MOST = 1e39
"""Beyond float32: a loss as large cannot be logged, and cannot be drawn."""
Count = Annotated[int, msgspec.Meta(ge=0, le=MOST_STEPS)]
Seconds = Annotated[float, msgspec.Meta(ge=0, le=1e12)]
Number = Annotated[float, msgspec.Meta(ge=-MOST, le=MOST)]
"""A loss, or another number of a log."""


@dataclasses.dataclass(frozen=True)
class StepRecord:
    """One training step."""

    step: int
    """1 for the first"""
    epoch: int
    parts: dict[str, float]
    """The loss before the step, on its batch, and what it is made of, by the model's names; nats per image"""
    beta: float
    """Weight of the KL term in this step"""
    learning_rate: float
    seconds: float
    """Time spent in training steps so far, without validation and without the caller's work between them"""

    def line(self) -> dict[str, object]:
        """As metrics.jsonl holds it."""
        rest = {"beta": self.beta, "learning_rate": self.learning_rate, "seconds": self.seconds}
        return {"kind": "step", "step": self.step, "epoch": self.epoch, **self.parts, **rest}


@dataclasses.dataclass(frozen=True)
class EpochRecord:
    """One epoch, or the state before the first (epoch 0)."""

    epoch: int
    step: int
    """Training steps done so far"""
    held_out: dict[str, float]
    """Loss and its parts after the epoch on the images of `split`, under the objective that training ends with, so that
    epochs compare while the weight of the KL term changes"""
    split: Literal["validation", "test"]
    """The validation images, or the test images where none were kept aside"""
    held_out_beta: float
    """Weight of the KL term in that loss"""
    best: bool
    """Whether this epoch's loss on the validation images is the smallest so far"""
    train: dict[str, float] | None
    """Mean over the epoch's batches, while the parameters moved; None for epoch 0, as is the speed"""
    beta: float
    """Weight of the KL term in training at this moment"""
    learning_rate: float
    images_per_second: float | None
    """Speed of this epoch's training steps alone"""
    seconds: float

    def line(self) -> dict[str, object]:
        """As metrics.jsonl holds it: held-out losses under the names of the parts, training losses behind `train_`."""
        means = {f"train_{name}": value for name, value in (self.train or {}).items()}
        rest = ("split", "held_out_beta", "best", "beta", "learning_rate", "images_per_second", "seconds")
        fields = {"kind": "epoch", "epoch": self.epoch, "step": self.step, **self.held_out, **means}
        return fields | {name: getattr(self, name) for name in rest}


Record = StepRecord | EpochRecord


@dataclasses.dataclass
class StepLine:
    """A step in metrics.jsonl; its other fields are numbers, the parts of the loss."""

    kind: Literal["step"]
    step: Count
    epoch: Count
    loss: Number | None


@dataclasses.dataclass
class EpochLine:
    """An epoch in metrics.jsonl; its other fields are numbers. Version 0.1 logged no split and no best epoch."""

    kind: Literal["epoch"]
    step: Count
    epoch: Count
    loss: Number | None
    reconstruction: Number | None
    seconds: Seconds = 0.0
    split: Literal["validation", "test"] = "test"
    best: bool = False


SETTINGS = ("beta", "learning_rate")
LINES: dict[Any, Any] = {"step": StepLine, "epoch": EpochLine}
FIELDS = {kind: {field.name for field in dataclasses.fields(line)} for kind, line in LINES.items()}


RENAMED = {"final_loss", "held_out_beta"}
"""Fields of an epoch that a run begun by an earlier version and continued by this one has in some lines only."""


def check_log(records: Sequence[dict[str, Any]], source: Path) -> None:
    """Raise `InputError` naming the first line of a log that is not that of a training.

    Types and ranges are checked, and that steps and epochs rise; None stands for a number that was not finite.
    """
    before: dict[str, dict[str, Any]] = {}
    for i, record in enumerate(records, 1):
        try:
            check_line(record, before)
        except ValueError as error:
            raise InputError(f"{source}, line {i}: damaged ({error})") from error
        before[record["kind"]] = record


def check_line(record: dict[str, Any], before: dict[str, dict[str, Any]]) -> None:
    """Raise `ValueError` for one line; `before` is the last one of each kind."""
    kind = record.get("kind")
    if kind not in ("step", "epoch"):
        raise ValueError("kind: expected step or epoch")
    msgspec.convert(record, LINES[kind])
    for name, value in record.items():
        is_number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= MOST
        may_be_null = name not in SETTINGS  # which are the same numbers whatever becomes of the loss
        if name not in FIELDS[kind] and not (is_number or (value is None and may_be_null)):
            raise ValueError(f"{shown(name)}: expected a number, got {shown(repr(value))}")
        if name.startswith("train_") and name.removeprefix("train_") not in record:
            raise ValueError(f"{shown(name)}: expected {name.removeprefix('train_')} beside it")
    if (last := before.get(kind)) is None:
        return
    if record[kind] <= last[kind] or record["step"] < last["step"] or record["epoch"] < last["epoch"]:
        raise ValueError(f"{kind} {record[kind]} after {last[kind]}")
    for name in sorted((last.keys() ^ record.keys()) - RENAMED):
        if not name.startswith("train_"):  # which epoch 0 has none of
            raise ValueError(f"{shown(name)}: expected the fields of the {kind} before")
