"""The training loop of every model here, and how a loss is measured over a whole part of the data."""

import dataclasses
import math
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from foundation.errors import Diverged, InputError
from foundation.training import worst_tensor
from paper.batches import Batch, draw_batches, forward
from paper.data import Data, Part
from paper.distributed import sum_over_processes
from paper.models.options import check_sizes
from paper.models.registry import make_model
from paper.optimizer import learning_rate_at, make_optimizer, set_learning_rate
from paper.options import TrainOptions
from paper.processes import process_numbers
from paper.records import EpochRecord, Record, StepRecord
from paper.schedules import Weights, weights_at

READ_EVERY = 20
"""Steps between two looks at the losses on a GPU, which runs ahead of Python: to look is to wait."""


@dataclasses.dataclass
class TrainingState:
    """What training needs besides the model to go on from the end of an epoch."""

    optimizer: torch.optim.Optimizer
    generator: torch.Generator
    """Draws batch order, pixels and noise"""
    step: int = 0
    epoch: int = 0
    """Whole epochs done"""
    seconds: float = 0.0
    """Time spent in training steps"""
    best: float = math.inf
    """Smallest `final_loss` of an epoch"""


def begin(model: nn.Module, options: TrainOptions) -> TrainingState:
    """The state before the first step."""
    generator = torch.Generator(next(model.parameters()).device)
    return TrainingState(make_optimizer(model, options.optimizer), generator.manual_seed(options.seed))


def train(
    model: nn.Module, data: Data, options: TrainOptions, state: TrainingState | None = None
) -> Iterator[StepRecord | EpochRecord]:
    """Train `model`, which lies on the data's device, yielding a record for each step and each epoch.

    Where there are validation images, the first record is that of epoch 0, before training. With a `state`, training
    goes on after its last epoch. Whenever the record of an epoch comes, model and state are what must be saved to go
    on from there; everything else follows from `options`.

    Raises `InputError` before the first step where the data cannot be used, `Diverged` where a number is not finite.
    """
    _check(model, data, options)
    state = state or begin(model, options)
    network = _network(model.train(), options)
    steps = math.ceil(len(data.train) / options.batch_size)
    if state.epoch == 0 and data.validation is not None:
        yield _end_of_epoch(model, data, options, state, None, None)
    while state.epoch < options.epochs:
        totals, start = dict[str, float](), state.seconds
        for record in _epoch(model, network, data.train, options, state, steps * options.epochs):
            count = min(options.batch_size, len(data.train) - (record.step - 1) % steps * options.batch_size)
            for name, value in record.parts.items():
                totals[name] = totals.get(name, 0.0) + value * count / len(data.train)
            yield record
        state.epoch += 1
        yield _end_of_epoch(model, data, options, state, totals, len(data.train) / (state.seconds - start))


def _check(model: nn.Module, data: Data, options: TrainOptions) -> None:
    if data.image_shape != tuple(model.image_shape):
        raise InputError(
            f"images: expected {tuple(model.image_shape)}, as the model is made for, got {data.image_shape}"
        )
    processes, last = process_numbers()[1], (len(data.train) - 1) % options.batch_size + 1
    if min(options.batch_size, last) < processes:
        raise InputError(
            f"batch_size: every process needs an image of every batch, and of {len(data.train):,} images in batches of "
            f"{options.batch_size} the last batch has {last}; got {processes} processes"
        )


def _network(model: nn.Module, options: TrainOptions) -> nn.Module:
    """The model as a step calls it: averaging gradients over processes where there are several, compiled if asked."""
    network = DistributedDataParallel(model) if process_numbers()[1] > 1 else model
    return torch.compile(network) if options.compile else network


def _epoch(
    model: nn.Module, network: nn.Module, part: Part, options: TrainOptions, state: TrainingState, steps: int
) -> Iterator[StepRecord]:
    """One epoch; `steps` are those of the whole training."""
    read_every = 1 if computes_in_step(part.images.device) else READ_EVERY
    unread: list[tuple[int, float, float, dict[str, Tensor]]] = []
    start = time.perf_counter()
    for batch in draw_batches(model, part, options, state.generator):
        progress = state.step / steps
        weights, rate = weights_at(options.kl, model.beta, progress), learning_rate_at(options.optimizer, progress)
        set_learning_rate(state.optimizer, rate)
        state.step += 1
        parts = _step(model, network, state, batch, weights, options.precision)
        unread.append((state.step, weights.beta, rate, parts))
        if len(unread) == read_every:
            yield from _read(model, unread, state, start)
            unread, start = [], time.perf_counter()
    yield from _read(model, unread, state, start)


def computes_in_step(device: torch.device) -> bool:
    """Whether a result is there when Python asks for it; then to look at every loss costs nothing."""
    return device.type == "cpu"


def _step(
    model: nn.Module, network: nn.Module, state: TrainingState, batch: Batch, weights: Weights, precision: str
) -> dict[str, Tensor]:
    """One step of the optimiser, in place; the loss before it and its parts, over the batch of all processes."""
    run = forward(network, batch, precision)
    loss = model.loss(run, batch.x, weights)
    parts = dict(zip(loss._fields, sum_over_processes(torch.stack(loss) * batch.share), strict=True))
    if computes_in_step(batch.x.device):  # the step is not taken yet: the tensors still show where it went wrong
        check_finite(parts["loss"].item(), model, run._asdict(), f"step {state.step} (epoch {state.epoch + 1})")
    state.optimizer.zero_grad()
    # Gradients are averaged over processes; this makes the average that of all images, however they were shared out.
    (loss.loss * (batch.share * process_numbers()[1])).backward()
    state.optimizer.step()
    model.after_step(run)
    return parts


def _read(model: nn.Module, unread: list[tuple], state: TrainingState, start: float) -> Iterator[StepRecord]:
    """The records of steps whose losses still lie on the device; counts the time since `start` as training."""
    values = [torch.stack(list(parts.values())) for *_, parts in unread]
    losses = torch.stack(values).tolist() if values else []  # waits for the device
    state.seconds += time.perf_counter() - start
    for (step, beta, rate, parts), row in zip(unread, losses, strict=True):
        check_finite(row[0], model, {}, f"step {step} (epoch {state.epoch + 1})")
        yield StepRecord(step, state.epoch + 1, dict(zip(parts, row, strict=True)), beta, rate, state.seconds)


def _end_of_epoch(
    model: nn.Module,
    data: Data,
    options: TrainOptions,
    state: TrainingState,
    means: dict[str, float] | None,
    speed: float | None,
) -> EpochRecord:
    """Validate, remember the best loss, and say what the epoch was. Several processes all do the same."""
    where = f"the end of epoch {state.epoch}"
    norms = torch.stack([value.norm() for value in model.state_dict().values() if value.is_floating_point()])
    check_finite(norms.sum().item(), model, {}, where)  # a last step may break what no loss has seen yet
    progress = state.epoch / options.epochs
    weights = weights_at(options.kl, model.beta, progress)
    now, final_loss, best = None, None, False
    if data.validation is not None:
        both = [weights, final_weights(model, options)]
        now, final = measure_under(both, model, data.validation, options.z, options.seed, precision=options.precision)
        check_finite(final["loss"], model, {}, f"the validation images at {where}")
        final_loss = final["loss"]
        best = state.epoch > 0 and final_loss < state.best
    if best:
        state.best = final_loss
    rate = learning_rate_at(options.optimizer, progress)
    return EpochRecord(state.epoch, state.step, now, final_loss, best, means, weights.beta, rate, speed, state.seconds)


def final_weights(model: nn.Module, options: TrainOptions) -> Weights:
    """The objective that training ends with, and that a test loss is of."""
    return weights_at(options.kl, model.beta, 1.0)


def fit(options: TrainOptions, data: Data, show: Callable[[Record], None] | None = None) -> nn.Module:
    """Make a model and train it to the end on the data's device, in memory; it comes back in eval mode."""
    model = make_model(options.model, data.image_shape, len(data.classes), options.seed)
    model.to(data.train.images.device, data.train.images.dtype)
    for record in train(model, data, options):
        if show is not None:
            show(record)
    return model.eval()


def measure(
    model: nn.Module,
    part: Part,
    weights: Weights,
    z: Literal["sampled", "mu"] = "sampled",
    seed: int = 0,
    batch_size: int = 512,
    precision: str = "float32",
) -> dict[str, float]:
    """The loss and its parts over a whole part of the data, in nats per image: the mean over all images.

    `z` is drawn from q(z|x), by the seed, or its mean. What a loss takes from a whole batch (free bits, a capacity,
    perplexity) it takes from each `batch_size` images here.
    """
    return measure_under([weights], model, part, z, seed, batch_size, precision)[0]


@torch.no_grad()
def measure_under(
    several: Sequence[Weights],
    model: nn.Module,
    part: Part,
    z: Literal["sampled", "mu"] = "sampled",
    seed: int = 0,
    batch_size: int = 512,
    precision: str = "float32",
) -> list[dict[str, float]]:
    """`measure` under each of several weights, from one pass over the data."""
    check_sizes(batch_size=batch_size)
    training = model.training
    model.eval()
    generator = torch.Generator(part.images.device).manual_seed(seed)
    found: list[Tensor] = []
    for x, labels in zip(part.images.split(batch_size), part.labels.split(batch_size), strict=True):
        eps = torch.zeros(model.noise_shape(len(x)), device=x.device, dtype=x.dtype)
        if z == "sampled":
            eps.normal_(generator=generator)
        run = forward(model, Batch(x, eps, model.condition(x, labels)), precision)
        losses = [model.loss(run, x, weights) for weights in several]
        found.append(torch.stack([torch.stack(loss) for loss in losses]) * len(x))
    model.train(training)
    means = torch.stack(found).cpu().double().sum(0) / len(part)
    return [dict(zip(losses[0]._fields, row, strict=True)) for row in means.tolist()]


def check_finite(value: float, model: nn.Module, run: dict[str, Any], where: str) -> None:
    """Raise `Diverged` if a number is not finite, with the tensor that shows it: the model's first, then the run's."""
    if math.isfinite(value):
        return
    tensors = dict(model.state_dict()) | {name: value for name, value in run.items() if value is not None}
    arrays = {name: value.detach().cpu().double().numpy() for name, value in tensors.items() if value.numel()}
    raise Diverged(f"training diverged at {where}; worst tensor: {worst_tensor(arrays)}; try a smaller learning rate")
