"""Exercise 17: the importance-weighted bound."""

import math

import numpy as np

from exercises.kit.exercise import Exercise, Hints, Probe, call, normal
from numpy_impl.vae_numpy import kl_divergence, reparameterize

from .linear_gaussian import LinearGaussian
from .mistakes import MISTAKES
from .solution import iwae_bound, log_mean_exp, log_normal, log_weights

N, K, Z, D = 5, 7, 3, 11  # images, draws, latents, pixels: primes that differ


def _log_likelihoods(rng):
    """Of the size that images have: hundreds of nats below 0, and tens between draws."""
    return -900 + 30 * rng.standard_normal((N, K))


def _at_the_posterior(answer, rng):
    """What the bound adds to log p(x) where q is the true posterior: 0, since every weight is then p(x) itself."""
    model = LinearGaussian.draw(rng, D, Z)
    x = model.sample(rng, N)
    mu, logvar = model.posterior(x)
    z = mu[:, None] + np.exp(logvar / 2)[:, None] * rng.standard_normal((N, K, Z))
    bound = answer.iwae_bound(model.log_likelihood(x, z), z, mu, logvar)
    return _difference(bound, model.log_evidence(x).mean())


def _one_draw(answer, rng):
    """What the bound with K = 1 adds to the ELBO, on average over noise: 0.

    The noise is ±sqrt(Z) along one latent at a time, over which any quadratic has the average that it has over
    N(0, I). So the average of log w is exactly the ELBO, with the rungs' KL.
    """
    model = LinearGaussian.draw(rng, D, Z)
    x = np.repeat(model.sample(rng, 1), 2 * Z, axis=0)
    mu, logvar = (np.repeat(rng.standard_normal((1, Z)), 2 * Z, axis=0) for _ in range(2))
    eps = math.sqrt(Z) * np.concatenate([np.eye(Z), -np.eye(Z)])
    z = reparameterize(mu, logvar, eps)[:, None]
    log_likelihood = model.log_likelihood(x, z)
    bound = answer.iwae_bound(log_likelihood, z, mu, logvar)
    return _difference(bound, log_likelihood.mean() - kl_divergence(mu, logvar) / len(mu))


def _difference(bound, known):
    """As far as float64 can tell: beyond twelve digits nothing is left of a sum of hundreds."""
    return np.round(bound - known, 10) + 0.0 if isinstance(bound, float | np.generic | np.ndarray) else bound


def _draws_about(mu_scale=1.0):
    """Arguments for one draw of everything."""
    return {
        "log_likelihood": _log_likelihoods,
        "z": normal(N, K, Z, scale=1.5),
        "mu": normal(N, Z, scale=mu_scale),
        "logvar": normal(N, Z),
    }


ROWS = np.log([[1, 2, 3, 4, 5, 6, 7], [7, 7, 7, 7, 7, 7, 7], [1, 1, 1, 1, 1, 1, 8]])

probes = (
    call("log_mean_exp", "weights 1 to 7, of mean 4", log_w=ROWS[:1]),
    call("log_mean_exp", "three images, means 4, 7 and 2", log_w=ROWS),
    call("log_mean_exp", "all near -1000", log_w=ROWS - 1000),
    call(
        "log_mean_exp", "one image near -1000, one near 0, one near 1000", log_w=ROWS + np.array([[-1000], [0], [1000]])
    ),
    call(
        "log_mean_exp", "one draw far above the others", log_w=np.where(np.eye(3, 7) > 0, [[-1000], [0], [1000]], -2000)
    ),
    call("log_mean_exp", "random log-weights", log_w=normal(N, K, scale=3)),
    call(
        "log_weights",
        "q is the prior",
        log_likelihood=np.full((N, K), -100.0),
        z=np.ones((N, K, Z)),
        mu=np.zeros((N, Z)),
        logvar=np.zeros((N, Z)),
    ),
    call(
        "log_weights",
        "q at 2, z at 2",
        log_likelihood=np.full((N, K), -100.0),
        z=np.full((N, K, Z), 2.0),
        mu=np.full((N, Z), 2.0),
        logvar=np.zeros((N, Z)),
    ),
    call(
        "log_weights",
        "q of variance 4, z at 2",
        log_likelihood=np.full((N, K), -100.0),
        z=np.full((N, K, Z), 2.0),
        mu=np.zeros((N, Z)),
        logvar=np.full((N, Z), math.log(4)),
    ),
    call("log_weights", "random numbers", **_draws_about()),
    call(
        "iwae_bound",
        "q is the prior, weights 1 to 7",
        log_likelihood=np.repeat(ROWS[:1], N, axis=0),
        z=np.ones((N, K, Z)),
        mu=np.zeros((N, Z)),
        logvar=np.zeros((N, Z)),
    ),
    Probe("K = 1: the bound minus the ELBO", _one_draw),
    Probe("q is the true posterior: the bound minus log p(x)", _at_the_posterior),
    call("iwae_bound", "random numbers", **_draws_about()),
)

hints = Hints(
    idea="A weight says how much more probable the pair (x, z) is under the model than z was under q. The average of "
    "the weights over draws from q is p(x), whatever q is; the logarithm of that average is the bound. Weights such "
    "as exp(-900) do not exist in float64, only their logarithms do: take the largest out of the sum before you "
    "exponentiate.",
    formula="log w = log p(x|z) + log p(z) - log q(z|x), with log Normal(z; m, s²) = -½ (log 2π + log s² + (z - "
    "m)²/s²) summed over latents. log mean exp(a) = m + log mean exp(a - m) for any m; the maximum of each row is "
    "the one that is safe. L_K = log of the mean over K for each image, then the mean over images.",
    line="For the shapes: `mu[:, None]` is (N, 1, Z) and goes with z; sums over latents are over the last axis, means "
    "over draws over axis 1, and `keepdims=True` lets the maximum of each row be subtracted from its row.",
)

exercise = Exercise(
    solution={"log_mean_exp": log_mean_exp, "log_weights": log_weights, "iwae_bound": iwae_bound},
    sources=(log_normal,),
    probes=probes,
    hints=hints,
    mistakes=MISTAKES,
    alternatives=(
        {"log_mean_exp": lambda log_w: np.logaddexp.reduce(log_w, axis=1) - math.log(log_w.shape[1])},
        {
            # 2π stands in both densities and cancels; eps is what z was made from.
            "log_weights": lambda log_likelihood, z, mu, logvar: (
                log_likelihood
                + 0.5 * np.einsum("nkz->nk", ((z - mu[:, None]) / np.exp(0.5 * logvar)[:, None]) ** 2 - z * z)
                + 0.5 * logvar.sum(axis=1)[:, None]
            )
        },
        {
            "log_mean_exp": lambda log_w: np.array(
                [max(row) + math.log(math.fsum(math.exp(a - max(row)) for a in row) / len(row)) for row in log_w]
            ),
            "iwae_bound": lambda log_likelihood, z, mu, logvar: float(
                np.logaddexp.reduce(log_weights(log_likelihood, z, mu, logvar).T).sum() / len(mu) - math.log(z.shape[1])
            ),
        },
    ),
)
