"""What training reports: a record for each step and each epoch, as displays see it and as metrics.jsonl holds it."""

import dataclasses


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
    """Time spent in training steps so far, without validation and without what the caller does between them"""

    def line(self) -> dict[str, object]:
        """As metrics.jsonl holds it."""
        rest = {"beta": self.beta, "learning_rate": self.learning_rate, "seconds": self.seconds}
        return {"kind": "step", "step": self.step, "epoch": self.epoch, **self.parts, **rest}


@dataclasses.dataclass(frozen=True)
class EpochRecord:
    """One epoch, or what came before the first (epoch 0)."""

    epoch: int
    step: int
    """Training steps done so far"""
    validation: dict[str, float] | None
    """On the validation images after the epoch, under the objective of that moment; None where there are none"""
    final_loss: float | None
    """That loss under the weights that training ends with, so that epochs compare while the KL term warms up"""
    best: bool
    """Whether this epoch's `final_loss` is the smallest so far"""
    train: dict[str, float] | None
    """Mean over the epoch's batches, while the parameters moved; None for epoch 0, as is the speed"""
    beta: float
    learning_rate: float
    images_per_second: float | None
    """Speed of this epoch's training steps alone"""
    seconds: float

    def line(self) -> dict[str, object]:
        """As metrics.jsonl holds it: validation under the names of the parts, training behind `train_`."""
        means = {f"train_{name}": value for name, value in (self.train or {}).items()}
        rest = ("final_loss", "best", "beta", "learning_rate", "images_per_second", "seconds")
        fields = {"kind": "epoch", "epoch": self.epoch, "step": self.step, **(self.validation or {}), **means}
        return fields | {name: getattr(self, name) for name in rest}


Record = StepRecord | EpochRecord
