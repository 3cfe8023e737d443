"""Exercise 01: look into a latent space. Read exercises/01_latent_space.md, then write the five functions.

Run this file to draw the latent space with your functions; it needs all five.
"""

from collections.abc import Callable

import numpy as np


def latent_means(encode: Callable, images: np.ndarray) -> np.ndarray:
    """The place of each image in the latent space: the mean of its q(z|x), not a draw from it.

    encode: takes images and returns the pair mu, logvar, each (N, Z).
    images: (N, C, H, W) float64 in [0, 1].
    Returns (N, Z).
    """
    raise NotImplementedError


def class_centroids(mu: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """The average latent mean of each class.

    mu: (N, Z) float64, the latent means of N images.
    labels: (N,) integers from 0 to classes - 1, in any order; each class occurs.
    classes: the number of classes.
    Returns (classes, Z): row k belongs to class k.
    """
    raise NotImplementedError


def quantiles(n: int) -> np.ndarray:
    """n values that cut the standard normal distribution into n parts of equal probability, one inside each part.

    n: the number of values, at least 1.
    Returns (n,) float64, ascending: the values below which N(0, 1) has the probability (i + 0.5) / n, i = 0, 1, ...
    """
    raise NotImplementedError


def latent_grid(values: np.ndarray) -> np.ndarray:
    """All points (z1, z2) of a square grid in reading order: row by row from the top, each from left to right.

    values: (n,) float64, ascending: the values of z1 and of z2. z1 increases to the right, z2 upwards.
    Returns (n * n, 2): first the top row, where z2 is largest.
    """
    raise NotImplementedError


def decode_grid(decode: Callable, z: np.ndarray) -> np.ndarray:
    """The image that the decoder expects at each point.

    decode: takes latents (M, Z) and returns logits (M, C, H, W), any real numbers.
    z: (M, Z) float64, points of the latent space.
    Returns (M, C, H, W): for each pixel the probability that it is white.
    """
    raise NotImplementedError


if __name__ == "__main__":
    from exercises.model.pictures import draw_latent_space

    draw_latent_space(__file__, latent_means, class_centroids, quantiles, latent_grid, decode_grid)
