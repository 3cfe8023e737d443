"""A right answer to exercise 04, and one with the mistake that is recognised first."""

RIGHT_KL = """
import numpy as np


def _entries(mu, logvar):
    return (mu**2 + np.exp(logvar) - 1 - logvar) / 2


def kl(mu, logvar):
    return _entries(mu, logvar).sum() / len(mu)


def kl_per_image(mu, logvar):
    return _entries(mu, logvar).sum(axis=1)


def kl_per_latent(mu, logvar):
    return _entries(mu, logvar).mean(axis=0)
"""
WRONG_KL = RIGHT_KL.replace("np.exp(logvar) - 1 - logvar", "np.exp(2 * logvar) - 1 - 2 * logvar")
