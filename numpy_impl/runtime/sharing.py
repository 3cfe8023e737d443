"""Rung 1's training step and evaluation with the images of a batch shared out among the cores.

The loss is a mean over images, so the loss of a batch is the mean of those of its shares, weighted by their sizes, and
so is its gradient. Each core runs `forward`, `loss` and `backward` of `vae_numpy` on its share; see `parallel`.
"""

import functools
import math
from collections.abc import Sequence

import numpy as np

from foundation.architecture import Parameters
from foundation.objective import Loss, Objective
from numpy_impl import vae_numpy as vae
from numpy_impl.optim import Adam
from numpy_impl.runtime.parallel import on_every_core, shares


def train_step(parameters: Parameters, optimizer: Adam, x: vae.Images, eps: vae.Latents, objective: Objective) -> Loss:
    """`vae_numpy.train_step`, shared: one step of the optimiser in place, unless the loss is not finite."""
    parts, gradients = differentiate(parameters, x, eps, objective)
    if math.isfinite(parts.loss):
        optimizer.step(gradients)
    return parts


def differentiate(
    parameters: Parameters, x: vae.Images, eps: vae.Latents, objective: Objective
) -> tuple[Loss, Parameters]:
    """The loss of a batch, and its gradient for every parameter."""

    def of_share(share: slice) -> tuple[Loss, Parameters]:
        run, hidden = vae.forward(parameters, x[share], eps[share])
        parts = vae.loss(run.logits, x[share], run.mu, run.logvar, objective)
        weight = len(x[share]) / len(x)
        return parts, vae.backward(parameters, x[share], eps[share], run, hidden, objective, weight)

    batch = shares(len(x))
    losses, gradients = zip(*on_every_core(of_share, batch), strict=True)
    if len(batch) == 1:
        return losses[0], gradients[0]

    def add(name: str) -> np.ndarray:
        first, *others = (gradient[name] for gradient in gradients)
        return functools.reduce(np.ndarray.__iadd__, others, first)

    sums = on_every_core(add, parameters, products=False)
    return mean_loss(losses, batch), dict(zip(parameters, sums, strict=True))


def evaluate(parameters: Parameters, x: vae.Images, eps: vae.Latents, objective: Objective) -> Loss:
    """The loss of a batch, without gradients."""

    def of_share(share: slice) -> Loss:
        run, _ = vae.forward(parameters, x[share], eps[share])
        return vae.loss(run.logits, x[share], run.mu, run.logvar, objective)

    batch = shares(len(x))
    return mean_loss(on_every_core(of_share, batch), batch)


def mean_loss(losses: Sequence[Loss], batch: Sequence[slice]) -> Loss:
    """The loss of a batch from those of its shares."""
    if len(losses) == 1:
        return losses[0]
    weights = [share.stop - share.start for share in batch]
    return Loss(*np.average(losses, axis=0, weights=weights).astype(losses[0].loss.dtype))
