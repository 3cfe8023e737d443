"""Exercise 03: a bound that can be checked. Read exercises/03_elbo.md, predict, then write the rest."""

import numpy as np


def sign_of_gap(q: str, draws: str) -> str:
    """Your prediction: is the ELBO below or above log p(x), or equal to it? No calculation is needed.

    q: "posterior" where q(z|x) is p(z|x) itself, "prior" where it is N(0, I), "narrow" where it has the posterior's
        mean and half its variance.
    draws: "one" for the estimate from one random z, "all" for the exact average over all z ~ q.
    Returns "equal", "below" or "above" where it is that for certain, "either" where it may be below or above.
    """
    raise NotImplementedError


def log_joint(x: np.ndarray, z: np.ndarray, weight: np.ndarray, bias: np.ndarray, sigma: float) -> np.ndarray:
    """log p(x, z) = log p(x|z) + log p(z) in nats, with p(x|z) = Normal(weight z + bias, sigma^2) and p(z) = N(0, I).

    x: (N, D) float64, images. z: (N, Z), one latent vector for each.
    weight: (D, Z) and bias: (D,), the decoder. sigma: the standard deviation of every pixel.
    Returns (N,).
    """
    raise NotImplementedError


def log_q(z: np.ndarray, mu: np.ndarray, logvar: np.ndarray) -> np.ndarray:
    """log q(z|x) in nats, with q(z|x) = Normal(mu, exp(logvar)), all latents independent.

    z, mu, logvar: (N, Z) float64. Returns (N,).
    """
    raise NotImplementedError


def elbo(
    x: np.ndarray,
    mu: np.ndarray,
    logvar: np.ndarray,
    eps: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray,
    sigma: float,
) -> np.ndarray:
    """The ELBO of each image in nats, estimated from L draws z = mu + exp(logvar / 2) * eps of q(z|x).

    x: (N, D) float64, images. mu, logvar: (N, Z), the mean and log-variance of q(z|x).
    eps: (L, N, Z), the noise of the draws. weight: (D, Z), bias: (D,), sigma: the decoder, as in `log_joint`.
    Returns (N,): the average over the draws of log p(x, z) - log q(z|x).
    """
    raise NotImplementedError
