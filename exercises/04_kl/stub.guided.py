"""Exercise 04: how far is q(z|x) from the prior? Read exercises/04_kl.md, then write the three functions."""

import numpy as np


def kl(mu: np.ndarray, logvar: np.ndarray) -> float:
    """KL(q(z|x) || N(0, I)) in nats per image: summed over the latents, averaged over the batch.

    mu, logvar: (N, Z) float64, the means and log-variances of q(z|x) = Normal(mu, exp(logvar)).
    Returns a number.
    """
    raise NotImplementedError  # fill the blank, then delete this line
    variance = ...  # the blank: σ² of each image and latent, from logvar
    terms = (mu**2 + variance - 1 - logvar) / 2
    return terms.sum() / len(mu)


def kl_per_image(mu: np.ndarray, logvar: np.ndarray) -> np.ndarray:
    """The KL of each image, summed over the latents.

    mu, logvar: (N, Z) float64. Returns (N,).
    """
    raise NotImplementedError  # fill the blank, then delete this line
    terms = ...  # the blank: the terms of `kl`, (N, Z)
    return terms.sum(axis=1)


def kl_per_latent(mu: np.ndarray, logvar: np.ndarray) -> np.ndarray:
    """The KL of each latent, averaged over the batch: which latents carry information?

    mu, logvar: (N, Z) float64. Returns (Z,).
    """
    raise NotImplementedError  # fill the blanks, then delete this line
    terms = ...  # the first blank: as above
    return terms.mean(axis=...)  # the second blank: over which axis?
