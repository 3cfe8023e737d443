"""Draws of z have the moments that q(z|x) claims: a wrong sigma passes every gradient check, but not this."""

import numpy as np
import pytest

from numpy_impl.vae_numpy import reparameterize

DRAWS = 40_000
MU = np.array([0.0, 1.5, -2.0, 0.3, 0.0])
LOGVAR = np.array([0.0, -3.0, 1.0, np.log(4), 2.5])
STANDARD_ERRORS = 4.5
"""A right sampler would leave these bounds once in 150,000 seeds; the seeds here are fixed, so never."""


def z_scores(sampler, seed):
    """How many standard errors the sampled mean and variance of each latent lie off mu and exp(logvar)."""
    eps = np.random.default_rng(seed).standard_normal((DRAWS, len(MU)))
    shape = eps.shape
    z = sampler(np.broadcast_to(MU, shape).copy(), np.broadcast_to(LOGVAR, shape).copy(), eps)
    variance = np.exp(LOGVAR)
    of_mean = (z.mean(axis=0) - MU) / np.sqrt(variance / DRAWS)
    of_variance = (z.var(axis=0, ddof=1) - variance) / (variance * np.sqrt(2 / (DRAWS - 1)))
    return np.abs(np.concatenate([of_mean, of_variance])).max()


WRONG = {
    "sigma = exp(logvar)": lambda mu, logvar, eps: mu + np.exp(logvar) * eps,
    "sigma = logvar": lambda mu, logvar, eps: mu + logvar * eps,
    "sigma = exp(-logvar / 2)": lambda mu, logvar, eps: mu + np.exp(-logvar / 2) * eps,
    "sigma = sqrt(exp(logvar) / 2)": lambda mu, logvar, eps: mu + np.sqrt(np.exp(logvar) / 2) * eps,
    "no sigma": lambda mu, logvar, eps: mu + eps,
    "no noise": lambda mu, logvar, eps: mu,
    "no mean": lambda mu, logvar, eps: np.exp(logvar / 2) * eps,
    "noise of one sign": lambda mu, logvar, eps: mu + np.exp(logvar / 2) * np.abs(eps),
    "uniform noise": lambda mu, logvar, eps: mu + np.exp(logvar / 2) * np.tanh(eps),
    "one draw for the batch": lambda mu, logvar, eps: mu + np.exp(logvar / 2) * eps[:1],
}


@pytest.mark.parametrize("seed", range(5))
def test_draws_have_the_moments_of_q(seed):
    assert z_scores(reparameterize, seed) < STANDARD_ERRORS


@pytest.mark.parametrize("bug", WRONG)
def test_a_wrong_sampler_is_caught(bug):
    assert z_scores(WRONG[bug], 0) > 4 * STANDARD_ERRORS


@pytest.mark.parametrize(("eps", "z"), [(1.0, 3.0), (-1.0, -1.0), (0.0, 1.0)])
def test_probes(eps, z):
    # mu = 1, sigma = 2. With exp(logvar) for sigma: 5, -3; with logvar itself: 2.386, -0.386.
    assert reparameterize(np.array([[1.0]]), np.array([[np.log(4)]]), np.array([[eps]]))[0, 0] == pytest.approx(z)


def test_the_latents_of_one_image_are_independent():
    eps = np.random.default_rng(1).standard_normal((DRAWS, len(MU)))
    z = reparameterize(np.zeros_like(eps), np.zeros_like(eps), eps)
    off_diagonal = np.corrcoef(z.T) - np.eye(len(MU))
    assert np.abs(off_diagonal).max() < STANDARD_ERRORS / np.sqrt(DRAWS)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_it_draws_nothing_itself(dtype):
    mu, logvar, eps = np.random.default_rng(2).standard_normal((3, 4, 5)).astype(dtype)
    for array in (mu, logvar, eps):
        array.setflags(write=False)
    first, second = reparameterize(mu, logvar, eps), reparameterize(mu, logvar, eps)
    assert first.dtype == dtype
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(reparameterize(mu, logvar, np.zeros_like(eps)), mu)
