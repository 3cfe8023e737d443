"""Exercise 17: a bound that tightens with the number of draws. Read exercises/17_iwae.md, then write the functions."""

import numpy as np


def log_mean_exp(log_w: np.ndarray) -> np.ndarray:
    """log((w_1 + ... + w_K) / K) for each image, from the logarithms of the weights; finite wherever they are.

    log_w: (N, K) float64, the log-weights of K draws for each of N images, in nats; often near -1000.
    Returns (N,).
    """
    raise NotImplementedError


def log_weights(log_likelihood: np.ndarray, z: np.ndarray, mu: np.ndarray, logvar: np.ndarray) -> np.ndarray:
    """log p(x|z) + log p(z) - log q(z|x) for every draw, with p(z) = Normal(0, I) and q = Normal(mu, exp(logvar)).

    log_likelihood: (N, K) float64, log p(x|z) in nats for K draws of z for each of N images.
    z: (N, K, Z) float64, those draws. mu, logvar: (N, Z) float64, mean and log-variance of q(z|x).
    Returns (N, K), in nats.
    """
    raise NotImplementedError


def iwae_bound(log_likelihood: np.ndarray, z: np.ndarray, mu: np.ndarray, logvar: np.ndarray) -> float:
    """The importance-weighted bound on log p(x) with all K draws, in nats per image: the average over the images.

    log_likelihood: (N, K) float64. z: (N, K, Z) float64. mu, logvar: (N, Z) float64; all as for `log_weights`.
    Returns a number.
    """
    raise NotImplementedError
