"""Exercise 02: from one image to another. Read exercises/02_interpolation.md, then write the four functions.

Run this file to see both paths between images in a picture beside it; it needs the last two functions.
"""

from collections.abc import Callable

import numpy as np


def lerp(a: np.ndarray, b: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Points on the straight line from a to b.

    a, b: (Z,) float64, two points.
    t: (T,) float64, how far along: 0 is a, 1 is b.
    Returns (T, Z): a point for each t.
    """
    raise NotImplementedError


def slerp(a: np.ndarray, b: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Points on the arc from a to b round the origin.

    a, b: (Z,) float64, two points, neither at the origin, nor exactly opposite. They may be parallel: then the arc is
        the straight line.
    t: (T,) float64, how far along: 0 is a, 1 is b.
    Returns (T, Z): a point for each t.
    """
    raise NotImplementedError


def pixel_path(x_a: np.ndarray, x_b: np.ndarray, t: np.ndarray) -> np.ndarray:
    """One image faded into another, pixel by pixel.

    x_a, x_b: (C, H, W) float64 in [0, 1], two images.
    t: (T,) float64, how far along: 0 is x_a, 1 is x_b.
    Returns (T, C, H, W): an image for each t.
    """
    raise NotImplementedError


def latent_path(encode: Callable, decode: Callable, x_a: np.ndarray, x_b: np.ndarray, t: np.ndarray) -> np.ndarray:
    """The decoded images of points on the straight line between two images' latent means.

    encode: takes images (N, C, H, W) and returns the pair mu, logvar, each (N, Z).
    decode: takes latents (M, Z) and returns logits (M, C, H, W).
    x_a, x_b: (C, H, W) float64 in [0, 1], two images.
    t: (T,) float64, how far along: 0 is x_a, 1 is x_b.
    Returns (T, C, H, W): for each t, each pixel's probability of being white.
    """
    raise NotImplementedError


if __name__ == "__main__":
    from exercises.model.pictures import draw_paths

    draw_paths(__file__, pixel_path, latent_path)
