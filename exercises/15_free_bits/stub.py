"""Exercise 15: latents that are not used. Read exercises/15_free_bits.md, then write the three functions."""

import numpy as np


def active_units(mu: np.ndarray, logvar: np.ndarray, threshold: float = 0.01) -> np.ndarray:
    """Which latents are in use: those whose mean μ moves from image to image (Burda et al.'s criterion).

    mu, logvar: (N, Z) float64, the means and log-variances of q(z|x) for N images. Is either of them not needed?
    threshold: a latent is active if its measure is greater than this.
    Returns (Z,) of truth values; their sum is the number of active units.
    """
    raise NotImplementedError


def free_bits(kl: np.ndarray, free_nats: float) -> float:
    """The KL term of the loss where each latent has its first λ nats for free.

    kl: (N, Z) float64, the divergence of each image and latent, in nats.
    free_nats: λ, in nats per latent.
    Returns a number, in nats per image.
    """
    raise NotImplementedError


def free_bits_backward(mu: np.ndarray, logvar: np.ndarray, free_nats: float) -> tuple[np.ndarray, np.ndarray]:
    """The gradient of `free_bits`, through the KL divergence from N(0, 1), for mu and for logvar.

    mu, logvar: (N, Z) float64, the means and log-variances of q(z|x).
    free_nats: λ, in nats per latent.
    Returns dmu (N, Z) and dlogvar (N, Z).
    """
    raise NotImplementedError
