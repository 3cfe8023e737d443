"""The training loop of every rung and every model, and the loss over a whole data set."""

import dataclasses
import math
import time
from collections.abc import Callable, Iterator
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from foundation.architecture import Parameters
from foundation.data.dataset import Dataset, check_images, check_levels
from foundation.data.splits import Data
from foundation.errors import Diverged, InputError
from foundation.objective import OVER_LEVELS, Objective
from foundation.options import TrainOptions
from foundation.records import EpochRecord, Record, StepRecord
from foundation.rung import Rung
from foundation.schedules import learning_rate_at, objective_at

BATCH = 512
"""Images that are measured at once."""
Batch = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Images, their noise, their labels."""
Parts = dict[str, float]
"""A loss and its parts by name, in nats per image."""


@dataclasses.dataclass
class Training:
    """A training and how far it is. With `rung` and `rng` saved as they are, it continues exactly."""

    rung: Rung
    data: Data[np.ndarray]
    options: TrainOptions
    rng: np.random.Generator
    """Draws batch order, pixels and noise"""
    eps: np.ndarray
    """The noise of the held-out images, drawn once so that epochs compare"""
    step: int = 0
    """Training steps done"""
    epoch: int = 0
    """Whole epochs done"""
    seconds: float = 0.0
    """Time spent in training steps"""
    best: float = math.inf
    """Smallest loss of an epoch on the validation images"""

    @property
    def steps_per_epoch(self) -> int:
        """Training steps of one epoch."""
        return math.ceil(len(self.data.train) / self.options.batch_size)

    @property
    def steps(self) -> int:
        """Steps of the whole training."""
        return self.options.epochs * self.steps_per_epoch


@runtime_checkable
class SeesData(Protocol):
    """A rung whose model may see the data once before it is trained, such as one that is given few of the labels."""

    def before_training(self, data: Data[np.ndarray], options: TrainOptions) -> Data[np.ndarray]:
        """What is trained on, and measured after every epoch: mostly the data as they are.

        It depends on data and options alone, so that a training that is continued sees the same.
        """


def begin(rung: Rung, data: Data[np.ndarray], options: TrainOptions, rng: np.random.Generator) -> Training:
    """The training before its first step; `rng` has drawn the initial values and now draws the held-out noise.

    Raises `InputError` where the images cannot be used.
    """
    check(rung, data, options)
    if isinstance(rung, SeesData):
        data = rung.before_training(data, options)
    eps = draw_eps(rng, rung.noise_shape(len(data.held_out)), rung.dtype)
    return Training(rung, data, options, rng, eps)


def check(rung: Rung, data: Data[np.ndarray], options: TrainOptions) -> None:
    """Raise `InputError` for images that the rung does not take or that lack labels, and for too small batches."""
    for name, part in (("train", data.train), ("validation", data.validation), ("test", data.test)):
        if part is None:
            continue
        check_images(part.images, f"{name} images")
        if len(part.labels) != len(part.images):
            raise InputError(
                f"{name} images: expected a label each, got {len(part.images)} images and {len(part.labels)} labels"
            )
        if part.images.shape[1:] != tuple(rung.description.image_shape):
            expected = tuple(rung.description.image_shape)
            raise InputError(f"{name} images: expected {expected} each, got {part.images.shape[1:]}")
        if getattr(options.model, "likelihood", None) in OVER_LEVELS:
            check_levels(part.images, f"{name} images")
    last = (len(data.train) - 1) % options.batch_size + 1
    if min(options.batch_size, last) < rung.processes:
        raise InputError(
            f"batch_size: every process needs an image of every batch, and of {len(data.train):,} images in batches of "
            f"{options.batch_size} the last batch has {last}; got {rung.processes} processes"
        )


def train(training: Training) -> Iterator[Record]:
    """Train, yielding a record for each step and each epoch, first one for epoch 0, before training.

    Everything random comes from `training.rng`: for each epoch one permutation of the images and, batch by batch, the
    pixels, where they are dynamic, and the noise. Two rungs given the same seed therefore see the same numbers. At the
    record of an epoch, `training` holds all that is needed to continue from there; between any two records the
    iteration may be stopped.

    Raises `Diverged` where a number is not finite.
    """
    if training.epoch == 0:
        yield end_epoch(training, None, None)
    while training.epoch < training.options.epochs:
        totals: Parts = {}
        start = training.seconds
        for record, count in run_epoch(training):
            for name, value in record.parts.items():
                totals[name] = totals.get(name, 0.0) + value * count
            yield record
        training.epoch += 1
        images = len(training.data.train)
        means = {name: total / images for name, total in totals.items()}
        yield end_epoch(training, means, images / (training.seconds - start))


def run_epoch(training: Training) -> Iterator[tuple[StepRecord, int]]:
    """The steps of one epoch, each with the number of its images."""
    rung, options, epoch = training.rung, training.options, training.epoch + 1
    unread: list[tuple[int, Objective, float, int, Any]] = []
    begin = time.perf_counter()
    dynamic = options.data.binarise == "dynamic"
    batches = draw_batches(training.rng, training.data.train, options.batch_size, rung.noise_shape, dynamic)
    for x, eps, labels in batches:
        progress = training.step / training.steps
        objective = objective_at(options, progress)
        rung.learning_rate = rate = learning_rate_at(options.optimizer, progress)
        training.step += 1
        with np.errstate(over="ignore", invalid="ignore"):  # an overflow shows in the loss
            loss = rung.step(x, eps, objective, labels)
        unread.append((training.step, objective, rate, len(x), loss))
        if len(unread) == rung.read_every or training.step == epoch * training.steps_per_epoch:
            losses = [{name: float(value) for name, value in loss._asdict().items()} for *_, loss in unread]
            training.seconds += time.perf_counter() - begin
            for (step, objective, rate, count, _), parts in zip(unread, losses, strict=True):
                if not math.isfinite(parts["loss"]):
                    # Where the loss was read at once no step was taken on it: the batch still shows the cause.
                    batch = (x, eps, labels) if rung.read_every == 1 else None
                    raise diverged(parts, rung, f"step {step} (epoch {epoch})", batch, has_learned=step > 1)
                yield StepRecord(step, epoch, parts, objective.beta, rate, training.seconds), count
            unread, begin = [], time.perf_counter()


def end_epoch(training: Training, means: Parts | None, speed: float | None) -> EpochRecord:
    """Measure the held-out images and remember the best loss; the epoch's record."""
    rung, options, data = training.rung, training.options, training.data
    progress = training.epoch / options.epochs
    final = objective_at(options, 1.0)
    eps = training.eps if options.z == "sampled" else np.zeros_like(training.eps)
    parts = evaluate(rung, data.held_out, eps, final)
    if not math.isfinite(parts["loss"]):
        first = slice(0, BATCH)
        batch = data.held_out.images[first], eps[first], data.held_out.labels[first]
        where = f"the {data.held_out.split} images after step {training.step}"
        raise diverged(parts, rung, where, batch, has_learned=training.step > 0)
    best = data.validation is not None and training.epoch > 0 and parts["loss"] < training.best
    if best:
        training.best = parts["loss"]
    return EpochRecord(
        epoch=training.epoch,
        step=training.step,
        held_out=parts,
        split="test" if data.validation is None else "validation",
        held_out_beta=final.beta,
        best=best,
        train=means,
        beta=objective_at(options, progress).beta,
        learning_rate=learning_rate_at(options.optimizer, progress),
        images_per_second=speed,
        seconds=training.seconds,
    )


def evaluate(rung: Rung, part: Dataset[np.ndarray], eps: np.ndarray, objective: Objective, batch: int = BATCH) -> Parts:
    """The loss of a data set and its parts in nats per image: the mean over all images, however the batches fall.

    What a loss takes from a whole batch (free bits, a capacity, perplexity) it takes from each `batch` images here.
    """
    if len(part) == 0 or batch < 1:
        raise InputError(f"expected at least one image a batch, got {len(part)} images and a batch of {batch}")
    totals: Parts = {}
    for start in range(0, len(part), batch):
        chosen = slice(start, start + batch)
        x = part.images[chosen]
        with np.errstate(over="ignore", invalid="ignore"):  # an overflow shows in the loss
            loss = rung.evaluate(x, eps[chosen], objective, part.labels[chosen])
        for name, value in loss._asdict().items():
            totals[name] = totals.get(name, 0.0) + float(value) * len(x)
    return {name: total / len(part) for name, total in totals.items()}


def measure_test(training: Training) -> dict[str, Parts]:
    """The test loss under the objective that training ends with: `sampled`, with z drawn from q(z|x), and `mu`.

    The latter is left out of a loss that needs the noise.
    """
    rung, test = training.rung, training.data.test
    if test is training.data.held_out:
        eps = training.eps
    else:
        eps = draw_eps(np.random.default_rng(training.options.seed), rung.noise_shape(len(test)), rung.dtype)
    objective = objective_at(training.options, 1.0)
    found = {"sampled": evaluate(rung, test, eps, objective)}
    if training.options.model.loss_at_mu:
        found["mu"] = evaluate(rung, test, np.zeros_like(eps), objective)
    return found


def draw_batches(
    rng: np.random.Generator,
    part: Dataset[np.ndarray],
    batch_size: int,
    noise_shape: Callable[[int], tuple[int, ...]],
    dynamic: bool = False,
) -> Iterator[Batch]:
    """One epoch: every image once, in random order, each batch with its noise and labels. The last may be smaller.

    `noise_shape` gives the shape of eps for a number of images. With `dynamic`, pixels are drawn as black or white.
    """
    order = rng.permutation(len(part))
    for start in range(0, len(order), batch_size):
        chosen = order[start : start + batch_size]
        x = part.images[chosen]
        if dynamic:
            x = (rng.random(x.shape, dtype=np.float32) < x).astype(x.dtype)
        yield x, draw_eps(rng, noise_shape(len(x)), x.dtype), part.labels[chosen]


def draw_eps(rng: np.random.Generator, shape: tuple[int, ...], dtype: npt.DTypeLike) -> np.ndarray:
    """Standard normal noise; drawn in float64 and rounded, so that both dtypes see the same."""
    return rng.standard_normal(shape).astype(dtype)


def diverged(parts: Parts, rung: Rung, where: str, batch: Batch | None = None, has_learned: bool = True) -> Diverged:
    """The error for a loss that is not finite: its parts, the tensor of rung or batch that shows it, and a remedy.

    `has_learned` says whether a step was taken before, without which the learning rate is not the cause.
    """
    with np.errstate(all="ignore"):
        tensors = rung.parameters() | (rung.activations(*batch) if batch is not None else {})
    # In the order of computation: the first broken tensor is nearest to the cause.
    amounts = ", ".join(f"{name} {value:g}" for name, value in parts.items() if name != "loss")
    remedy = "try a smaller learning rate" if has_learned else (
        "nothing has been learned yet: try less extreme options of the loss, or other first weights"
    )  # fmt: skip
    return Diverged(f"training diverged at {where}: {amounts}; worst tensor: {worst_tensor(tensors)}; {remedy}")


def worst_tensor(tensors: Parameters) -> str:
    """The first tensor that holds NaN or infinity and, of the finite ones, the one with the largest entry."""
    sizes = {name: float(np.abs(value).max()) for name, value in tensors.items() if value.size}
    finite = {name: size for name, size in sizes.items() if math.isfinite(size)}
    worst = [f"{name} holds NaN or infinity" for name in sizes if name not in finite][:1]
    if finite:
        largest = max(finite, key=finite.__getitem__)
        worst.append(f"{largest} reaches {finite[largest]:.3g}")
    return ", ".join(worst)
