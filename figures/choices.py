"""What to draw: which test images, and which points of the latent space; the same ones in every run."""

from statistics import NormalDist

import numpy as np
from jaxtyping import Float, Int64

SAMPLES, SEED = 100, 0
"""Draws from the prior, and their seed: one for every run and model, so that their samples can be compared."""


def one_of_each(labels: Int64[np.ndarray, " N"], count: int) -> Int64[np.ndarray, " count"]:
    """Indices of `count` images, or of all if there are fewer: the first of each class, then the second, and so on."""
    order = np.argsort(labels, kind="stable")
    _, first, sizes = np.unique(labels[order], return_index=True, return_counts=True)
    turn = np.empty(len(labels), dtype=np.int64)
    turn[order] = np.arange(len(labels)) - first.repeat(sizes)
    return np.lexsort((labels, turn))[:count]


def prior_draws(latent_dim: int, count: int = SAMPLES, seed: int = SEED) -> Float[np.ndarray, "S Z"]:
    """Draws from N(0, I), the same ones for the same seed."""
    return np.random.default_rng(seed).standard_normal((count, latent_dim))


def between(
    start: Float[np.ndarray, "P Z"], end: Float[np.ndarray, "P Z"], steps: int
) -> Float[np.ndarray, "P steps Z"]:
    """Evenly spaced points on the line from each start to its end, both included."""
    t = np.linspace(0, 1, steps, dtype=start.dtype)[:, None]
    return (1 - t) * start[:, None] + t * end[:, None]


def slerp(start: Float[np.ndarray, "P Z"], end: Float[np.ndarray, "P Z"], steps: int) -> Float[np.ndarray, "P steps Z"]:
    """Points on the arc from each start to its end: direction and length change evenly, both ends included.

    Spherical linear interpolation: Shoemake (1985) for unit vectors, White (2016), arXiv:1609.04468, for latents. Where
    there is no single arc, between directions that are equal or opposite, the points are those of the straight line.
    """
    t = np.linspace(0, 1, steps)[:, None]
    sides = start[:, None].astype(float), end[:, None].astype(float)
    lengths = [np.linalg.norm(side, axis=2, keepdims=True) for side in sides]
    a, b = (side / np.maximum(length, 1e-30) for side, length in zip(sides, lengths, strict=True))
    angle = np.arccos(np.clip((a * b).sum(axis=2, keepdims=True), -1, 1))
    straight = (np.sin(angle) < 1e-4) | (lengths[0] == 0) | (lengths[1] == 0)
    arc = (np.sin((1 - t) * angle) * a + np.sin(t * angle) * b) / np.where(straight, 1, np.sin(angle))
    arc *= (1 - t) * lengths[0] + t * lengths[1]
    return np.where(straight, between(start, end, steps), arc).astype(start.dtype)


def quantile_grid(n: int) -> tuple[Float[np.ndarray, "N 2"], Float[np.ndarray, " n"]]:
    """z on an n×n grid in reading order (z2 falls from row to row), and the n values along each axis.

    The values are N(0, 1)'s quantiles of (i + 0.5) / n: each tile stands for the same probability under the prior.
    """
    quantiles = np.array([NormalDist().inv_cdf((i + 0.5) / n) for i in range(n)])
    z1, z2 = np.meshgrid(quantiles, quantiles[::-1])
    return np.stack([z1.ravel(), z2.ravel()], axis=1), quantiles
