"""How far a budget goes: epochs for every row, the same for all, and test images to measure."""

import dataclasses
import math
import time
from collections.abc import Sequence

from foundation.errors import InputError
from foundation.records import EpochRecord
from foundation.training import Training, train
from paper.reproductions.options import hours

MEASURING = 0.2
"""Share of a budget for what is measured of every test image, as long as epochs are cut as well."""
LEAST_IMAGES = 100
PROBE_SECONDS = 1.0
"""Training steps are timed for as long as this."""


@dataclasses.dataclass(frozen=True)
class Work:
    """What a training and its measurement take, in seconds, as timed at the start."""

    epoch: float
    image: float = 0.0
    """For each test image that is measured"""
    fixed: float = 0.0
    """However many epochs and images"""
    count: int = 1
    """How many trainings are like this one"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Protocol:
    """How far a reproduction can go, and from where on it means anything."""

    epochs: int
    """Of the full protocol"""
    least_epochs: int
    images: int
    """Test images there are"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """How far a reproduction is to go."""

    epochs: int
    full_epochs: int
    images: int
    """Test images that are measured"""
    budget: float | None = None
    """In hours; None for the full protocol"""
    estimate: float | None = None
    """Hours that the plan takes by what was timed at the start"""
    quick: bool = False
    """Of the small form, which is no reproduction"""


def full_plan(protocol: Protocol, quick: bool = False) -> Plan:
    """The plan without a budget."""
    return Plan(epochs=protocol.epochs, full_epochs=protocol.epochs, images=protocol.images, quick=quick)


def fit_budget(works: Sequence[Work], protocol: Protocol, budget: float) -> Plan:
    """The plan of most epochs whose estimate is within the budget, in hours.

    Measuring gets at most a share of the budget, and more only where no epoch could use it. Raises `InputError` where
    even the least that means anything takes longer.
    """
    fixed = sum(work.fixed * work.count for work in works)
    epoch = sum(work.epoch * work.count for work in works)
    image = sum(work.image * work.count for work in works)
    least_images = min(LEAST_IMAGES, protocol.images)
    least = fixed + epoch * protocol.least_epochs + image * least_images
    left = 3600 * budget
    if least > left:
        raise InputError(f"budget: expected at least {hours(least):g} hours on this machine, got {budget:g}")
    images = images_within(MEASURING * left, image, protocol.images)
    images = max(least_images, min(images, images_within(left - fixed - epoch * protocol.least_epochs, image, images)))
    epochs = min(protocol.epochs, math.floor((left - fixed - image * images) / epoch))
    if epochs == protocol.epochs:
        images = max(images, images_within(left - fixed - epoch * epochs, image, protocol.images))
    seconds = fixed + epoch * epochs + image * images
    return Plan(
        epochs=epochs, full_epochs=protocol.epochs, images=images, budget=budget, estimate=round(seconds / 3600, 4)
    )


def images_within(seconds: float, image: float, most: int) -> int:
    """How many images can be measured in this time."""
    return most if image * most <= seconds else math.floor(seconds / image)


def seconds_per_epoch(training: Training) -> float:
    """What an epoch takes with the measurement after it; trains for a moment, so the training is spent."""
    begin = time.perf_counter()
    records = train(training)
    next(records)  # of epoch 0: what is measured after every epoch
    measuring = time.perf_counter() - begin
    first = next(records)
    for record in records:
        if not isinstance(record, EpochRecord) and record.seconds - first.seconds > PROBE_SECONDS:
            break
    return measuring + training.steps_per_epoch * (record.seconds - first.seconds) / (record.step - first.step)
