"""Encoders and decoders with random weights: a check with them has sizes that all differ, and fresh numbers."""

from collections.abc import Callable

import numpy as np

from exercises.model import check_shape

IMAGE = 3, 5, 7
"""Channels, height and width."""
LATENTS = 11


def draw_encode(rng: np.random.Generator) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """An `encode` for images (N, 3, 5, 7) with 11 latents; bent, so that a mixture is not encoded as a mixture."""
    weights = rng.standard_normal((2, np.prod(IMAGE), LATENTS)) / 3

    def encode(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        check_shape("encode", "images", images, ("N", *IMAGE))
        mu, logvar = np.sin(images.reshape(len(images), -1) @ weights)
        return 2 * mu, logvar - 1

    return encode


def draw_decode(rng: np.random.Generator) -> Callable[[np.ndarray], np.ndarray]:
    """A `decode` from 11 latents to the logits of images (N, 3, 5, 7), bent as well."""
    weights = rng.standard_normal((LATENTS, np.prod(IMAGE))) / 3

    def decode(z: np.ndarray) -> np.ndarray:
        check_shape("decode", "z", z, ("N", LATENTS))
        return 3 * np.sin(z @ weights).reshape(len(z), *IMAGE)

    return decode
