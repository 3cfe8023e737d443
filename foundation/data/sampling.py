"""Chance in the drawn data sets: factors of variation, and training and test images that never meet."""

import numpy as np
from jaxtyping import Int, UInt8

from foundation.data.dataset import SPLITS

Ranges = dict[str, tuple[float, float]]


def draw_factors(
    ranges: Ranges, classes: int, *, split: str, seed: int, count: int
) -> tuple[Int[np.ndarray, " N"], dict[str, np.ndarray]]:
    """Labels, each class once in every run of `classes` images, and factors, each uniform over its range.

    The splits draw from independent streams of one seed. A larger count begins with the smaller one's images.
    """
    stream = np.random.SeedSequence(seed).spawn(len(SPLITS))[SPLITS.index(split)]
    blocks = -(-count // classes)
    uniform = np.random.default_rng(stream).random((blocks, classes, 1 + len(ranges)))
    labels = uniform[..., 0].argsort(axis=1).ravel()[:count]  # a random permutation in every block
    columns = uniform[..., 1:].reshape(blocks * classes, -1)[:count].T
    factors = {
        name: low + (high - low) * column for (name, (low, high)), column in zip(ranges.items(), columns, strict=True)
    }
    return labels, factors


def keep_apart(images: UInt8[np.ndarray, "N H W"], split: str) -> UInt8[np.ndarray, "N H W"]:
    """The images, so that none of one split can equal any of the other, whatever their seeds and counts.

    The grey levels of a training image add up to an even number, those of a test image to an odd one. Where the
    sum is not so, the brightest pixel becomes darker by 1/255, which nobody can see.
    """
    pixels = images.reshape(len(images), -1).copy()
    wrong = np.flatnonzero(pixels.sum(axis=1) % 2 != SPLITS.index(split))
    pixels[wrong, pixels[wrong].argmax(axis=1)] -= 1
    return pixels.reshape(images.shape)
