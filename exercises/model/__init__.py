"""A small trained VAE with two latents and a few test images: what exercises 01 and 02 look into.

    from exercises.model import load_images, load_model

    model, (images, labels) = load_model(), load_images()
    mu, logvar = model.encode(images)
    logits = model.decode(mu)

Everything is float64, so that a check can ask for every digit. `python -m exercises.model.make` made the files.
"""

import functools
from pathlib import Path
from typing import NamedTuple

import numpy as np
import safetensors.numpy
from jaxtyping import Float, Int64

from foundation.architecture import Architecture, Parameters
from foundation.rung import architecture_of
from foundation.weights import load_weights
from numpy_impl import vae_numpy

FOLDER = Path(__file__).resolve().parent
WEIGHTS = FOLDER / "weights.safetensors"
IMAGES = FOLDER / "images.safetensors"
CLASSES = tuple("0123456789")


class Model(NamedTuple):
    """A trained VAE as two functions; neither draws a random number."""

    parameters: Parameters
    architecture: Architecture

    def encode(self, images: Float[np.ndarray, "N C H W"]) -> tuple[np.ndarray, np.ndarray]:
        """mu and logvar of q(z|x), each (N, Z)."""
        check_shape("encode", "images", images, ("N", *self.architecture.image_shape))
        mu, logvar, _ = vae_numpy.encode(self.parameters, np.asarray(images, dtype=np.float64))
        return mu, logvar

    def decode(self, z: Float[np.ndarray, "N Z"]) -> Float[np.ndarray, "N C H W"]:
        """Logits of p(x|z), (N, C, H, W)."""
        check_shape("decode", "z", z, ("N", self.architecture.latent_dim))
        logits, _ = vae_numpy.decode(self.parameters, np.asarray(z, dtype=np.float64))
        return logits


@functools.cache
def load_model() -> Model:
    """The model that ships with the exercises."""
    parameters, description = load_weights(WEIGHTS)
    exact = {name: value.astype(np.float64) for name, value in parameters.items()}
    return Model(exact, architecture_of(description))


def load_images() -> tuple[Float[np.ndarray, "N 1 28 28"], Int64[np.ndarray, " N"]]:
    """Test images of `glyphs` in [0, 1] with their labels: the first of each digit, then the second, and so on."""
    tensors = safetensors.numpy.load_file(IMAGES)
    return tensors["images"] / 255, tensors["labels"].astype(np.int64)


def check_shape(function: str, argument: str, array: np.ndarray, shape: tuple[str | int, ...]) -> None:
    """Raise ValueError unless the array has this shape; a word stands for any size."""
    came = np.shape(array)
    fits = len(came) == len(shape) and all(isinstance(n, str) or n == m for m, n in zip(came, shape, strict=True))
    if not fits:
        wanted = ", ".join(map(str, shape))
        raise ValueError(f"{function}: expected {argument} of shape ({wanted}), got {came}")
