"""Whole passes: training step and forward pass of every rung."""

from collections.abc import Sequence

import numpy as np

from foundation.architecture import Architecture, initial_parameters
from foundation.objective import Objective
from ladder.bench.results import PLAIN, PassTime
from ladder.bench.timing import Patience, Task, on_threads, take_turns
from ladder.rungs import make_rung


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
