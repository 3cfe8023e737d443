"""Records of a step and of an epoch, as a training logs them, for tests of what is shown and written."""

from foundation.records import EpochRecord, StepRecord

EPOCH = EpochRecord(
    epoch=1,
    step=3,
    held_out={"loss": 120.0, "reconstruction": 90.0, "kl": 30.0},
    split="validation",
    held_out_beta=1.0,
    best=True,
    train={"loss": 140.0},
    beta=1.0,
    learning_rate=1e-3,
    images_per_second=1234.5,
    seconds=1.0,
)
STEP = StepRecord(2, 1, {"loss": 130.0, "reconstruction": 95.0, "kl": 35.0}, 1.0, 1e-3, 0.5)
