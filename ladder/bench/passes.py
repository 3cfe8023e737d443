"""Whole passes: training step and forward pass of every rung, and what an epoch of rung 3 takes."""

import itertools
from collections.abc import Callable, Sequence

import numpy as np

from foundation.architecture import Architecture, initial_parameters
from foundation.objective import Objective
from foundation.training import draw_batches
from ladder.bench.results import PLAIN, PassTime
from ladder.bench.timing import Patience, Task, Time, on_threads, take_turns
from ladder.rungs import make_rung, torch_is_installed

EPOCH_IMAGES, EPOCH_BATCH = 60_000, 128


def measure_passes(
    architecture: Architecture, rungs: Sequence[str], batch_size: int, threads: int, patience: Patience
) -> list[PassTime]:
    """Training step and forward pass on one batch, through the interface that training itself uses."""
    rng = np.random.default_rng(0)
    parameters = initial_parameters(architecture, rng)
    x = rng.random((batch_size, *architecture.image_shape), np.float32)
    eps = rng.standard_normal((batch_size, architecture.latent_dim), np.float32)
    made = {name: make_rung(name, architecture, parameters) for name in rungs}
    steps: dict[str, Task] = {n: lambda rung=rung: rung.step(x, eps, Objective()) for n, rung in made.items()}
    forwards: dict[str, Task] = {n: lambda rung=rung: rung.evaluate(x, eps, Objective()) for n, rung in made.items()}
    if "paper" in made:
        import torch

        from ladder.bench.plain import plain_step

        step, tensor = plain_step(architecture.latent_dim), torch.from_numpy(x)
        steps[PLAIN] = lambda: step(tensor)
    with on_threads(threads):
        found = {
            "step": take_turns(steps, patience, threads),
            "forward": take_turns(forwards, patience, threads),
        }
    return [PassTime(what, who, batch_size, threads, t) for what in found for who, t in found[what].items()]


def measure_epoch(architecture: Architecture, threads: int, patience: Patience) -> dict[str, Time]:
    """An epoch of MNIST's size, of rung 3 and of the plain loop: the time of loading and training one batch, scaled."""
    if not torch_is_installed():
        return {}
    from ladder.bench.plain import plain_batches, plain_step

    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (EPOCH_IMAGES, 28, 28), np.uint8)
    images = (pictures[:, None] / np.float32(255)).astype(np.float32)
    rung = make_rung("paper", architecture, initial_parameters(architecture, rng))
    batches = itertools.chain.from_iterable(
        draw_batches(rng, images, EPOCH_BATCH, architecture.latent_dim) for _ in itertools.count()
    )
    usual, step = plain_batches(pictures, EPOCH_BATCH), plain_step(architecture.latent_dim)
    tasks: dict[str, Callable[[], object]] = {
        "paper": lambda: rung.step(*next(batches), Objective()),
        PLAIN: lambda: step(next(usual)),
    }
    with on_threads(threads):
        times = take_turns(tasks, patience, threads)
    scale = EPOCH_IMAGES / EPOCH_BATCH
    return {who: Time(t.median * scale, t.low * scale, t.high * scale) for who, t in times.items()}
