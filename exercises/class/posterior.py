"""log p(x) and the true posterior p(z|x) of a VAE with two latents, by adding up over a fine grid of z.

With two latents the integral over z is a sum that one can do, so that the slides can show what the ELBO misses.
Images are black or white here: then the Bernoulli likelihood is a probability, and log p(x) is one of an image.
"""

import functools
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from .models import shipped

REACH, STEP = 3.5, 0.025
"""The grid covers [-REACH, REACH]². A posterior is about a step wide or more, and nothing outside counts."""


class Grid(NamedTuple):
    """M places of the latent plane, row by row, the top row first, and what the decoder answers there."""

    z: Float[np.ndarray, "M 2"]
    logits: Float[np.ndarray, "M D"]
    log_prior: Float[np.ndarray, " M"]
    """The logarithm of the prior's probability for the square of side STEP around each place."""


@functools.cache
def grid() -> Grid:
    """The grid of the model that ships with the exercises; some seconds."""
    values = np.arange(-REACH, REACH + STEP / 2, STEP)
    z1, z2 = np.meshgrid(values, values[::-1])
    z = np.stack([z1.ravel(), z2.ravel()], axis=1)
    logits = [shipped().decode(part.astype(np.float32)).reshape(len(part), -1) for part in np.array_split(z, 50)]
    return Grid(z, np.concatenate(logits), -np.square(z).sum(1) / 2 - np.log(2 * np.pi / STEP**2))


def log_likelihood(
    x: Float[np.ndarray, " D"], shown: Bool[np.ndarray, " D"] | slice = slice(None)
) -> Float[np.ndarray, " M"]:
    """log p(x|z) at every place, from the pixels that are shown."""
    target, rows = x[shown].astype(np.float32), np.array_split(grid().logits, 50)
    terms = [part[:, shown] @ target - np.logaddexp(0, part[:, shown]).sum(1) for part in rows]
    return np.concatenate(terms).astype(np.float64)


def posterior(log_likelihood: Float[np.ndarray, " M"]) -> tuple[float, Float[np.ndarray, " M"]]:
    """log p(x) in nats, and the probability of the square around each place."""
    joint = log_likelihood + grid().log_prior
    log_evidence = joint.max() + np.log(np.exp(joint - joint.max()).sum())
    return float(log_evidence), np.exp(joint - log_evidence)


def encoder(x: Float[np.ndarray, " D"]) -> tuple[Float[np.ndarray, "2"], Float[np.ndarray, "2"]]:
    """Mean and standard deviation of q(z|x)."""
    mu, logvar = shipped().encode(x.reshape(1, 1, 28, 28).astype(np.float32))
    return mu[0].astype(np.float64), np.exp(logvar[0] / 2).astype(np.float64)


def elbo(log_likelihood: Float[np.ndarray, " M"], mu: Float[np.ndarray, "2"], sigma: Float[np.ndarray, "2"]) -> float:
    """The bound of the encoder's q, its average taken over the grid, in nats."""
    z, _, log_prior = grid()
    log_q = -np.square((z - mu) / sigma).sum(1) / 2 - np.log(2 * np.pi * sigma.prod() / STEP**2)
    return float(np.exp(log_q) @ (log_likelihood + log_prior - log_q))


def largest(probability: Float[np.ndarray, " M"], share: float) -> Bool[np.ndarray, " M"]:
    """The smallest region that holds this share of the probability."""
    order = np.argsort(probability)[::-1]
    count = np.searchsorted(probability[order].cumsum(), share) + 1
    inside = np.zeros(len(probability), dtype=bool)
    inside[order[:count]] = True
    return inside
