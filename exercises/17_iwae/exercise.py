"""Exercise 17: the importance-weighted bound."""

import math

import numpy as np

from exercises.kit.exercise import Exercise, Hints, Probe, axes, call, normal, sized
from exercises.kit.remarks import CLIPPED_LOGVAR, clipped, stands_still
from exercises.model.linear_gaussian import LinearGaussian, exact_noise
from numpy_impl.vae_numpy import kl_divergence, reparameterize

from .mistakes import MISTAKES

N, K, Z, D = axes(5, 7, 3, 11)  # images, draws, latents, pixels: primes that differ
SIGMA = math.sqrt(0.3)


def log_mean_exp(log_w):
    """Takes the largest weight out of the logarithm, so that the largest exponential is 1."""
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


def _log_likelihoods(rng):
    """Log-likelihoods as those of images: hundreds of nats below 0, with tens of nats between draws."""
    return -900 + 30 * rng.standard_normal(sized(rng, N, K))


def _draw_model(rng):
    """A linear VAE with at least as many pixels as latents."""
    pixels, latents = sized(rng, D, Z)
    return LinearGaussian.draw(rng, max(pixels, latents), latents, SIGMA)


def _at_the_posterior(answer, rng):
    """The bound minus log p(x) where q is the true posterior: 0, since every weight is then p(x) itself."""
    model, (images, draws) = _draw_model(rng), sized(rng, N, K)
    x = model.sample(rng, images)
    mu, logvar = model.encode(x)
    z = mu[:, None] + np.exp(logvar / 2)[:, None] * rng.standard_normal((images, draws, mu.shape[1]))
    bound = answer.iwae_bound(model.log_likelihood(x, z), z, mu, logvar)
    return _difference(bound, model.log_evidence(x).mean())


def _one_draw(answer, rng):
    """The bound with K = 1 minus the ELBO, on average over noise: 0.

    The noise gives every quadratic function its average over N(0, I), so the average of log w is exactly the ELBO,
    with the rungs' KL.
    """
    model = _draw_model(rng)
    eps = exact_noise(model.weight.shape[1])
    images, latents = eps.shape
    x = np.repeat(model.sample(rng, 1), images, axis=0)
    mu, logvar = (np.repeat(rng.standard_normal((1, latents)), images, axis=0) for _ in range(2))
    z = reparameterize(mu, logvar, eps)[:, None]
    log_likelihood = model.log_likelihood(x, z)
    bound = answer.iwae_bound(log_likelihood, z, mu, logvar)
    return _difference(bound, log_likelihood.mean() - kl_divergence(mu, logvar) / len(mu))


def _difference(bound, known):
    """The difference to ten decimals, since float64 keeps no more of a sum of hundreds."""
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


def _log_weights_at(answer, logvar):
    """With z at the mean, so that logvar counts alone."""
    zeros = np.zeros((N, Z))
    return answer.log_weights(np.zeros((N, K)), np.zeros((N, K, Z)), zeros, zeros + logvar)


hints = Hints(
    idea="A weight is the probability of the pair (x, z) under the model, over that of z under q. The average of "
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
    model_answer=(
        "The ELBO again, however large K is: an average of logarithms estimates their expectation, with less "
        "noise but no closer to log p(x)."
    ),
    mistakes=MISTAKES,
    remarks=(stands_still(CLIPPED_LOGVAR, _log_weights_at, example={"log_weights": clipped(log_weights, 3)}),),
    alternatives=(
        {"log_mean_exp": lambda log_w: np.logaddexp.reduce(log_w, axis=1) - math.log(log_w.shape[1])},
        {
            # 2π is in both densities and cancels; eps is the noise that z was made of.
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
