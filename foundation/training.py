"""The one training loop of all three rungs, and how a loss is measured over a whole data set."""

import dataclasses
import math
import time
from collections.abc import Iterator
from typing import Literal

import numpy as np
import numpy.typing as npt
from jaxtyping import Float

from foundation.architecture import Parameters
from foundation.data import check_images
from foundation.errors import Diverged, InputError
from foundation.objective import Loss, Objective
from foundation.rung import Rung


@dataclasses.dataclass(frozen=True)
class TrainingOptions:
    """How long and how fast to train."""

    epochs: int = 10
    """Passes over the training images."""
    batch_size: int = 128
    """Images per step; the last batch of an epoch may be smaller."""
    learning_rate: float = 1e-3
    """Adam's step size (given to the rung when it is made)."""
    seed: int = 0
    """Seed of the one generator that draws initial values, batch order and noise."""

    def __post_init__(self) -> None:
        for name, least in {"epochs": 1, "batch_size": 1, "seed": 0}.items():
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise InputError(f"{name}: expected an integer of at least {least}, got {value!r}")
        if not (math.isfinite(self.learning_rate) and self.learning_rate > 0):
            raise InputError(f"learning_rate: expected a finite number > 0, got {self.learning_rate!r}")


@dataclasses.dataclass(frozen=True)
class StepRecord:
    """One training step; losses in nats per image on its batch, before the step."""

    kind: Literal["step"]
    step: int
    """1 for the first step"""
    epoch: int
    loss: float
    reconstruction: float
    kl: float
    beta: float
    seconds: float
    """Time spent in training steps so far, without evaluation and without what the caller does between them."""


@dataclasses.dataclass(frozen=True)
class EpochRecord:
    """One epoch, or what came before the first (epoch 0); losses in nats per image."""

    kind: Literal["epoch"]
    epoch: int
    step: int
    """Training steps done so far"""
    loss: float
    """On the test images after the epoch, as are `reconstruction` and `kl`"""
    reconstruction: float
    kl: float
    train_loss: float | None
    """Mean over the epoch's batches, while the parameters moved; None for epoch 0, as are the two below"""
    train_reconstruction: float | None
    train_kl: float | None
    beta: float
    images_per_second: float | None
    """Speed of this epoch's training steps alone; None for epoch 0"""
    seconds: float


def train(
    rung: Rung,
    rng: np.random.Generator,
    train_images: Float[np.ndarray, "N C H W"],
    test_images: Float[np.ndarray, "M C H W"],
    objective: Objective,
    options: TrainingOptions,
) -> Iterator[StepRecord | EpochRecord]:
    """Train `rung`, yielding a record for each step and each epoch, first one for epoch 0, before training.

    Everything random comes from `rng`, in this order: the noise of the test loss (once, so that epochs compare),
    then for each epoch one permutation of the images and, batch by batch, the noise. Two rungs given the same
    seed therefore see the same numbers. Stopping the iteration between two records leaves the rung usable.

    Raises `InputError` before the first step where images cannot be used, `Diverged` where a loss is not finite.
    """
    for name, images in (("train_images", train_images), ("test_images", test_images)):
        check_images(images, name)
        if images.shape[1:] != rung.architecture.image_shape:
            raise InputError(f"{name}: expected images of {rung.architecture.image_shape}, got {images.shape[1:]}")
    test_eps = draw_eps(rng, len(test_images), rung.architecture.latent_dim, test_images.dtype)
    beta, step, seconds = objective.beta, 0, 0.0

    test = evaluate(rung, test_images, test_eps, objective)
    yield EpochRecord("epoch", 0, step, *test, None, None, None, beta, None, seconds)
    for epoch in range(1, options.epochs + 1):
        total, epoch_start = np.zeros(len(Loss._fields)), seconds
        for x, eps in draw_batches(rng, train_images, options.batch_size, rung.architecture.latent_dim):
            begin = time.perf_counter()
            with np.errstate(over="ignore", invalid="ignore"):  # an overflow shows in the loss, checked below
                loss = rung.step(x, eps, objective)
            seconds += time.perf_counter() - begin
            step += 1
            check_finite(loss, rung, x, eps, objective, f"step {step} (epoch {epoch})")
            total += np.multiply(loss, len(x))
            yield StepRecord("step", step, epoch, *loss, beta, seconds)

        test = evaluate(rung, test_images, test_eps, objective)
        check_finite(test, rung, test_images[:512], test_eps[:512], objective, f"the test images after step {step}")
        mean, speed = (total / len(train_images)).tolist(), len(train_images) / (seconds - epoch_start)
        yield EpochRecord("epoch", epoch, step, *test, *mean, beta, speed, seconds)


def evaluate(
    rung: Rung,
    images: Float[np.ndarray, "N C H W"],
    eps: Float[np.ndarray, "N Z"],
    objective: Objective,
    batch_size: int = 512,
) -> Loss:
    """The loss of a whole data set in nats per image: the mean over all images, however the batches fall."""
    if len(images) == 0 or batch_size < 1:
        raise InputError(f"expected at least one image a batch, got {len(images)} images and batch_size {batch_size}")
    total = np.zeros(len(Loss._fields))
    for start in range(0, len(images), batch_size):
        x = images[start : start + batch_size]
        with np.errstate(over="ignore", invalid="ignore"):  # an overflow shows in the loss
            total += np.multiply(rung.evaluate(x, eps[start : start + batch_size], objective), len(x))
    return Loss(*(total / len(images)).tolist())


def draw_batches(
    rng: np.random.Generator, images: Float[np.ndarray, "N C H W"], batch_size: int, latent_dim: int
) -> Iterator[tuple[Float[np.ndarray, "B C H W"], Float[np.ndarray, "B Z"]]]:
    """One epoch: every image once, in random order, each batch with its noise. The last batch may be smaller."""
    order = rng.permutation(len(images))
    for start in range(0, len(order), batch_size):
        x = images[order[start : start + batch_size]]
        yield x, draw_eps(rng, len(x), latent_dim, x.dtype)


def draw_eps(rng: np.random.Generator, count: int, latent_dim: int, dtype: npt.DTypeLike) -> Float[np.ndarray, "N Z"]:
    """Standard normal noise for `count` images; drawn in float64 and rounded, so that both dtypes see the same."""
    return rng.standard_normal((count, latent_dim)).astype(dtype)


def check_finite(loss: Loss, rung: Rung, x: np.ndarray, eps: np.ndarray, objective: Objective, where: str) -> None:
    """Raise `Diverged` if a loss is not finite, with the tensors of that batch that show it."""
    if math.isfinite(loss.loss):
        return
    with np.errstate(all="ignore"):
        found = rung.differentiate(x, eps, objective)
    # The rung took no step on that loss. In the order of computation: the first broken one is nearest to the cause.
    tensors = rung.parameters() | {"mu": found.mu, "logvar": found.logvar, "logits": found.logits}
    tensors |= {f"the gradient of {name}": value for name, value in found.gradients.items()}
    raise Diverged(
        f"training diverged at {where}: reconstruction {loss.reconstruction:g}, kl {loss.kl:g}; "
        f"worst tensor: {worst_tensor(tensors)}; try a smaller learning rate"
    )


def worst_tensor(tensors: Parameters) -> str:
    """The first tensor that holds NaN or infinity and, of those that hold none, the one that reaches furthest."""
    sizes = {name: float(np.abs(value).max()) for name, value in tensors.items()}
    finite = {name: size for name, size in sizes.items() if math.isfinite(size)}
    worst = [f"{name} holds NaN or infinity" for name in sizes if name not in finite][:1]
    if finite:
        largest = max(finite, key=finite.__getitem__)
        worst.append(f"{largest} reaches {finite[largest]:.3g}")
    return ", ".join(worst)
