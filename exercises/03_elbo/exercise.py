"""Exercise 03: the ELBO of a linear VAE, held against the evidence that it bounds."""

import math

import numpy as np

from exercises.kit.exercise import Exercise, Hints, Probe, call, normal
from numpy_impl.functional import gaussian_nll_loss, linear
from numpy_impl.vae_numpy import reparameterize

from .mistakes_of_bounds import MISTAKES_OF_BOUNDS
from .mistakes_of_joint import MISTAKES_OF_JOINT
from .mistakes_of_q import MISTAKES_OF_Q
from .oracle import D, N, Z, draw_linear, encoder, exact_draws, log_evidence, log_normal, posterior

DRAWS = 11
SITUATIONS = [(q, draws) for draws in ("all", "one") for q in ("prior", "narrow", "posterior")]


def sign_of_gap(q, draws):
    """The gap is KL(q || posterior): zero for the posterior, positive otherwise, on average."""
    if q == "posterior":
        return "equal"
    return "below" if draws == "all" else "either"


def log_joint(x, z, weight, bias, sigma):
    """The rung's Gaussian loss, once for the pixels and once for the latents of each image."""
    x_mean, origin = linear(z, weight, bias), np.zeros(z.shape[1])
    pixels = [gaussian_nll_loss(mean, row, sigma**2) for mean, row in zip(x_mean, x, strict=True)]
    return -np.array(pixels) - [gaussian_nll_loss(origin, row, 1.0) for row in z]


def log_q(z, mu, logvar):
    """The density of the noise that z came from, and how far sigma stretches it."""
    noise, origin = (z - mu) / np.exp(logvar / 2), np.zeros(z.shape[1])
    return -np.array([gaussian_nll_loss(origin, row, 1.0) for row in noise]) - logvar.sum(axis=1) / 2


def elbo(x, mu, logvar, eps, weight, bias, sigma):
    """The mean of log p(x, z) - log q(z|x) over the draws."""
    draws = [reparameterize(mu, logvar, noise) for noise in eps]
    return np.mean([log_joint(x, z, weight, bias, sigma) - log_q(z, mu, logvar) for z in draws], axis=0)


def sign_by_measuring(q, draws):
    """Try it on one linear VAE, with one draw after another or with the exact average."""
    rng = np.random.default_rng(0)
    vae = draw_linear(rng)
    mu, logvar = encoder(q, vae)
    noise = [exact_draws()] if draws == "all" else rng.standard_normal((8, 1, N, Z))
    gaps = np.array([elbo(vae.x, mu, logvar, eps, *vae[1:]) for eps in noise]) - log_evidence(*vae)
    if np.abs(gaps).max() < 1e-12:
        return "equal"
    return "below" if gaps.max() < 0 else "above" if gaps.min() > 0 else "either"


def joint_as_one_normal(x, z, weight, bias, sigma):
    """(x, z) together is normal; its covariance in blocks."""
    pixels = weight @ weight.T + sigma**2 * np.eye(len(bias))
    covariance = np.block([[pixels, weight], [weight.T, np.eye(weight.shape[1])]])
    return log_normal(np.hstack([x - bias, z]), covariance)


def log_of_products(z, mu, logvar):
    """The log of each latent's density, summed."""
    density = np.exp(-((z - mu) ** 2) / 2 / np.exp(logvar)) / np.sqrt(2 * np.pi * np.exp(logvar))
    return np.log(density).sum(axis=1)


def evidence_minus_gap(x, mu, logvar, eps, weight, bias, sigma):
    """log p(x) - [log q(z|x) - log p(z|x)], averaged: what is missing is the distance to the posterior."""
    mean, covariance = posterior(x, weight, bias, sigma)
    draws = mu + np.exp(logvar / 2) * eps
    gap = np.mean([log_q(z, mu, logvar) - log_normal(z - mean, covariance) for z in draws], axis=0)
    return log_evidence(x, weight, bias, sigma) - gap


def all_situations(answer, rng):
    """Every prediction, asked in random order."""
    return {" / ".join(pair): answer.sign_of_gap(*pair) for pair in rng.permutation(SITUATIONS).tolist()}


def elbo_of(q, exact):
    """The ELBO of a random linear VAE with this q: over random draws, or averaged exactly."""

    def observe(answer, rng):
        vae = draw_linear(rng)
        eps = exact_draws() if exact else rng.standard_normal((DRAWS, N, Z))
        return answer.elbo(vae.x, *encoder(q, vae), eps, *vae[1:])

    return observe


def draw_sigma(rng):
    """A standard deviation that is not 1."""
    return float(rng.uniform(1.5, 2.5))


DECODER = {"weight": normal(D, Z), "bias": normal(D), "sigma": draw_sigma}

probes = (
    *(call("sign_of_gap", f"your prediction for {q}, {draws}", q=q, draws=draws) for q, draws in SITUATIONS),
    Probe("your predictions, asked in another order", all_situations),
    call("log_joint", "three images", x=[[3], [5], [1]], z=[[1], [1], [0]], weight=[[2]], bias=[1.0], sigma=2.0),
    call("log_joint", "random numbers", x=normal(N, D), z=normal(N, Z), **DECODER),
    call("log_q", "three images", z=[[1], [3], [4]], mu=[[1], [1], [1]], logvar=[[math.log(4)], [math.log(4)], [0]]),
    call("log_q", "random numbers", z=normal(N, Z), mu=normal(N, Z), logvar=normal(N, Z)),
    Probe("the ELBO where q is the posterior: log p(x), whatever z is drawn", elbo_of("posterior", exact=False)),
    Probe("the ELBO where q is the prior, averaged exactly", elbo_of("prior", exact=True)),
    Probe("the ELBO where q is too narrow, averaged exactly", elbo_of("narrow", exact=True)),
    call(
        "elbo",
        "random numbers",
        x=normal(N, D),
        mu=normal(N, Z),
        logvar=normal(N, Z),
        eps=normal(DRAWS, N, Z),
        **DECODER,
    ),
)

hints = Hints(
    idea="log p(x, z) - log q(z|x) is log p(x) plus log p(z|x) - log q(z|x). Averaged over q, the last two are minus "
    "a KL divergence: that is the whole gap, and it has a sign. Of one draw nobody knows it, unless both "
    "densities are one function. For the rest: all three densities are normal; write that one formula with care.",
    formula="log Normal(y; m, v) = -½ [(y - m)² / v + log v + log 2π], summed over entries. "
    "For p(x|z): m = W z + b, v = σ². For p(z): m = 0, v = 1. For q: m = mu, v = exp(logvar), so log v is logvar. "
    "ELBO = average over the draws of log p(x|z) + log p(z) - log q(z|x).",
    line="For a batch, W z is z @ weight.T. `-0.5 * np.sum((... - ...)**2 / ... + np.log(2 * np.pi * ...), axis=1)`, "
    "three times with other names. For each noise in eps: z = mu + np.exp(...) * noise; then the mean over axis 0.",
)

exercise = Exercise(
    solution={"sign_of_gap": sign_of_gap, "log_joint": log_joint, "log_q": log_q, "elbo": elbo},
    sources=(gaussian_nll_loss, reparameterize),
    probes=probes,
    hints=hints,
    mistakes=MISTAKES_OF_BOUNDS + MISTAKES_OF_JOINT + MISTAKES_OF_Q,
    alternatives=(
        {
            "sign_of_gap": sign_by_measuring,
            "log_joint": joint_as_one_normal,
            "log_q": log_of_products,
            "elbo": evidence_minus_gap,
        },
    ),
)
