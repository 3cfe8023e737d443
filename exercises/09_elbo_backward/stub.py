"""Exercise 09: from the loss back to q(z|x). Read exercises/09_elbo_backward.md, then write the three functions."""

import numpy as np


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    """Given: 1 / (1 + exp(-logits)), written so that nothing overflows."""
    return (1 + np.tanh(logits / 2)) / 2


def _decode(z: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Given: the smallest decoder there is, one linear layer. z (N, Z), weight (D, Z), bias (D,) -> logits (N, D)."""
    return z @ weight.T + bias


def _decode_backward(dlogits: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Given: its backward pass for z, as in exercise 08. dlogits (N, D), weight (D, Z) -> dz (N, Z)."""
    return dlogits @ weight


def reconstruction_backward(logits: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The gradient of the reconstruction term, -log Bernoulli(x; sigmoid(logits)) in nats per image.

    The term is summed over the pixels and averaged over the images.
    logits, x: (N, D) float64: N images of D pixels, x in [0, 1].
    Returns dlogits, (N, D).
    """
    raise NotImplementedError


def kl_backward(mu: np.ndarray, logvar: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The gradients of the KL term, KL(Normal(mu, exp(logvar)) || Normal(0, 1)) in nats per image.

    The term is summed over the latents and averaged over the images.
    mu, logvar: (N, Z) float64: N images, Z latents.
    Returns (dmu, dlogvar), both (N, Z).
    """
    raise NotImplementedError


def elbo_backward(
    x: np.ndarray, mu: np.ndarray, logvar: np.ndarray, eps: np.ndarray, weight: np.ndarray, bias: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The gradients of the loss, which is the negative ELBO: reconstruction + KL, in nats per image.

    The forward pass: z = mu + exp(logvar / 2) * eps, then logits = _decode(z, weight, bias).
    x: (N, D) float64 in [0, 1]. mu, logvar: (N, Z). eps: (N, Z), the noise that was drawn; it is kept fixed.
    weight: (D, Z) and bias: (D,), of the decoder.
    Returns (dlogits, dmu, dlogvar) of shapes (N, D), (N, Z) and (N, Z); the last two through both paths.
    """
    raise NotImplementedError
