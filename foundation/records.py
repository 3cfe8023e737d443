"""Records of a training, one for each step and each epoch, as displays read them and metrics.jsonl holds them."""

import dataclasses
from typing import Literal


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
    """Loss and its parts after the epoch, under the objective of that moment, on the images of `split`"""
    split: Literal["validation", "test"]
    """The validation images, or the test images where none were kept aside"""
    final_loss: float
    """That loss under the objective that training ends with, so that epochs compare while the KL term warms up"""
    best: bool
    """Whether this epoch's `final_loss` on the validation images is the smallest so far"""
    train: dict[str, float] | None
    """Mean over the epoch's batches, while the parameters moved; None for epoch 0, as is the speed"""
    beta: float
    learning_rate: float
    images_per_second: float | None
    """Speed of this epoch's training steps alone"""
    seconds: float

    def line(self) -> dict[str, object]:
        """As metrics.jsonl holds it: held-out losses under the names of the parts, training losses behind `train_`."""
        means = {f"train_{name}": value for name, value in (self.train or {}).items()}
        rest = ("split", "final_loss", "best", "beta", "learning_rate", "images_per_second", "seconds")
        fields = {"kind": "epoch", "epoch": self.epoch, "step": self.step, **self.held_out, **means}
        return fields | {name: getattr(self, name) for name in rest}


Record = StepRecord | EpochRecord
