"""The importance-weighted bound; no rung computes it."""

import math

import numpy as np


def log_mean_exp(log_w):
    """The largest weight goes before the logarithm, so that the largest exponential is 1."""
    largest = log_w.max(axis=1, keepdims=True)
    return largest[:, 0] + np.log(np.mean(np.exp(log_w - largest), axis=1))


def log_weights(log_likelihood, z, mu, logvar):
    """Every density at the draw itself."""
    log_prior = log_normal(z, 0, 0)
    log_q = log_normal(z, mu[:, None], logvar[:, None])
    return log_likelihood + log_prior - log_q


def log_normal(z, mean, logvar):
    """log Normal(z; mean, exp(logvar)), summed over the latents."""
    return -np.sum(math.log(2 * math.pi) + logvar + np.square(z - mean) / np.exp(logvar), axis=-1) / 2


def iwae_bound(log_likelihood, z, mu, logvar):
    """One logarithm for each image, then the average."""
    return np.mean(log_mean_exp(log_weights(log_likelihood, z, mu, logvar)))
