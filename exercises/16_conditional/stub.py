"""Exercise 16: a VAE that gets the class. Read exercises/16_conditional.md, then write the five functions.

Sizes: N images of D pixels, Z latents, K classes. `parameters` holds a weight (outputs, inputs) and a bias for each of
these layers, as "encoder.fc.weight" and "encoder.fc.bias":

    encoder.fc   D + K -> hidden        decoder.fc   Z + K -> hidden
    encoder.mu   hidden -> Z            decoder.out  hidden -> D
    encoder.logvar  hidden -> Z

The K columns behind the D (or the Z) are for the label.
"""

import numpy as np

# Given, for `loss`: both divergence and cross-entropy are sums in nats, over everything.
from numpy_impl.functional import binary_cross_entropy_with_logits, linear, relu, sigmoid  # noqa: F401
from numpy_impl.vae_numpy import kl_divergence, layer, reparameterize  # noqa: F401

CLASSES = 3


def _encoder(parameters: dict[str, np.ndarray], inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Given: the encoder's network. inputs: (N, D + K). Returns mu and logvar, both (N, Z)."""
    hidden = relu(linear(inputs, *layer(parameters, "encoder.fc")))
    return linear(hidden, *layer(parameters, "encoder.mu")), linear(hidden, *layer(parameters, "encoder.logvar"))


def _decoder(parameters: dict[str, np.ndarray], inputs: np.ndarray) -> np.ndarray:
    """Given: the decoder's network. inputs: (N, Z + K). Returns logits (N, D)."""
    hidden = relu(linear(inputs, *layer(parameters, "decoder.fc")))
    return linear(hidden, *layer(parameters, "decoder.out"))


def one_hot(labels: np.ndarray, classes: int) -> np.ndarray:
    """A row for each label: 1 in the label's column, 0 elsewhere.

    labels: (N,) whole numbers from 0 to classes - 1. classes: K, the number of columns.
    Returns (N, K) float64.
    """
    raise NotImplementedError


def encode(parameters: dict[str, np.ndarray], x: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """q(z|x, y): the encoder gets the image and its label.

    parameters: the weights and biases. x: (N, D) float64. labels: (N,) whole numbers below CLASSES.
    Returns mu and logvar, both (N, Z).
    """
    raise NotImplementedError


def decode(parameters: dict[str, np.ndarray], z: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """p(x|z, y): the decoder gets the latents and the label.

    parameters: the weights and biases. z: (N, Z) float64. labels: (N,) whole numbers below CLASSES.
    Returns logits (N, D).
    """
    raise NotImplementedError


def loss(parameters: dict[str, np.ndarray], x: np.ndarray, labels: np.ndarray, eps: np.ndarray) -> dict[str, float]:
    """The negative of the bound on log p(x|y), with the prior N(0, I) for every class, in nats per image.

    parameters: the weights and biases. x: (N, D) float64 in [0, 1]. labels: (N,) whole numbers below CLASSES.
    eps: (N, Z) float64, the noise of z = mu + σ eps.
    Returns {"loss": ..., "reconstruction": ..., "kl": ...}.
    """
    raise NotImplementedError


def generate(parameters: dict[str, np.ndarray], label: int, z: np.ndarray) -> np.ndarray:
    """Images of one chosen class: the pixels' expected values.

    parameters: the weights and biases. label: the class. z: (N, Z) float64, draws from the prior.
    Returns (N, D), between 0 and 1.
    """
    raise NotImplementedError
