"""Measures of many codes: which latents are active, the KL of each, and the plane in which the codes vary most."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from foundation.data.dataset import ArrayLike

Codes = Float[np.ndarray, "N Z"]

ACTIVE = 0.01
"""A latent is active where the variance of its mu over the images is above this (Burda et al. 2016, section 5.2)."""


def kl_by_latent(mu: ArrayLike, logvar: ArrayLike) -> Float[np.ndarray, " Z"]:
    """KL(q(z_j|x) || p(z_j)) in nats, mean over the images, for each latent in the model's order; (N, Z) on the CPU.

    In float64: near 0, where latents collapse, the terms of the KL cancel to less than float32 resolves.
    """
    mu, logvar = np.asarray(mu, np.float64), np.asarray(logvar, np.float64)
    return (-0.5 * (1 + logvar - np.square(mu) - np.exp(logvar))).mean(axis=0)


class Plane(NamedTuple):
    """The plane through the mean of some codes in which they vary most."""

    directions: Float[np.ndarray, "2 Z"]
    """Unit vectors; each one's largest entry is positive, so that rungs and machines can be compared."""
    explained: Float[np.ndarray, " 2"]
    """The share of the codes' variance along each."""


def principal_plane(mu: Codes) -> Plane:
    """The first two principal directions of codes; a direction that the codes do not have is 0."""
    _, singular, directions = np.linalg.svd(mu - mu.mean(axis=0, dtype=np.float64), full_matrices=False)
    directions = np.pad(directions, ((0, max(0, 2 - len(directions))), (0, 0)))[:2]
    largest = directions[[0, 1], np.abs(directions).argmax(axis=1)]
    share = np.pad(singular**2, (0, 2))[:2] / max((singular**2).sum(), np.finfo(mu.dtype).tiny)
    return Plane(directions * np.where(largest < 0, -1, 1)[:, None], share)
