"""Exercise 03: the ELBO of a linear VAE, compared with the evidence that it bounds."""

import math

import numpy as np

from exercises.kit.exercise import Exercise, Hints, Probe, axes, call, normal, sized
from exercises.kit.remarks import CLIPPED_LOGVAR, clipped, stands_still
from exercises.model.linear_gaussian import LinearGaussian, exact_noise, log_normal, orthogonal_columns
from numpy_impl.functional import gaussian_nll_loss, linear
from numpy_impl.vae_numpy import reparameterize

from .mistakes import MISTAKES

N, D, Z, DRAWS = axes(5, 7, 3, 11)  # images, pixels, latents, draws of z
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
    """The density of the noise that z was made of, and the factor by which sigma stretches it."""
    noise, origin = (z - mu) / np.exp(logvar / 2), np.zeros(z.shape[1])
    return -np.array([gaussian_nll_loss(origin, row, 1.0) for row in noise]) - logvar.sum(axis=1) / 2


def elbo(x, mu, logvar, eps, weight, bias, sigma):
    """The mean of log p(x, z) - log q(z|x) over the draws."""
    draws = [reparameterize(mu, logvar, noise) for noise in eps]
    return np.mean([log_joint(x, z, weight, bias, sigma) - log_q(z, mu, logvar) for z in draws], axis=0)


def sign_by_measuring(q, draws):
    """Measures the gap on one linear VAE, with one draw after another or with the exact average."""
    rng = np.random.default_rng(0)
    x, vae = draw_linear(rng)
    mu, logvar = encoder(q, x, vae)
    noise = [exact_draws(N, Z)] if draws == "all" else rng.standard_normal((8, 1, N, Z))
    gaps = np.array([elbo(x, mu, logvar, eps, *vae) for eps in noise]) - vae.log_evidence(x)
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
    """log p(x) - [log q(z|x) - log p(z|x)], averaged: the evidence less the distance to the posterior."""
    vae = LinearGaussian(weight, bias, sigma)
    mean, covariance = vae.posterior(x)
    draws = mu + np.exp(logvar / 2) * eps
    gap = np.mean([log_q(z, mu, logvar) - log_normal(z - mean, covariance) for z in draws], axis=0)
    return vae.log_evidence(x) - gap


def draw_linear(rng):
    """Images (N, D), and a linear VAE whose posterior an encoder can express."""
    images, latents, pixels = sized(rng, N, Z, D)
    pixels = max(pixels, latents)  # else the columns could not be orthogonal
    weight, x = orthogonal_columns(rng, pixels, latents), rng.standard_normal((images, pixels))
    return x, LinearGaussian(weight, rng.standard_normal(pixels), float(rng.uniform(0.4, 0.8)))


def encoder(q, x, vae):
    """mu and logvar, (N, Z), of the q(z|x) that `sign_of_gap` calls by this name."""
    mu, logvar = vae.encode(x)
    if q == "prior":
        return 0 * mu, 0 * logvar
    return mu, logvar - np.log(2) if q == "narrow" else logvar


def exact_draws(images, latents):
    """Noise (2Z, N, Z) whose plain average is the exact expectation of what is quadratic in it, as the ELBO is here."""
    return np.repeat(exact_noise(latents)[:, None], images, axis=1)


def all_situations(answer, rng):
    """Every prediction, in random order."""
    return {" / ".join(pair): answer.sign_of_gap(*pair) for pair in rng.permutation(SITUATIONS).tolist()}


def elbo_of(q, exact):
    """The ELBO of a random linear VAE with this q: over random draws, or averaged exactly."""

    def observe(answer, rng):
        x, vae = draw_linear(rng)
        images, latents = len(x), vae.weight.shape[1]
        eps = exact_draws(images, latents) if exact else rng.standard_normal((*sized(rng, DRAWS), images, latents))
        return answer.elbo(x, *encoder(q, x, vae), eps, *vae)

    return observe


def draw_sigma(rng):
    """A standard deviation that is not 1."""
    return float(rng.uniform(1.5, 2.5))


DECODER = {"weight": normal(D, Z), "bias": normal(D), "sigma": draw_sigma}

probes = (
    *(call("sign_of_gap", f"your prediction for {q}, {draws}", q=q, draws=draws) for q, draws in SITUATIONS),
    Probe("your predictions, in another order", all_situations),
    call("log_joint", "three images", x=[[3], [5], [1]], z=[[1], [1], [0]], weight=[[2]], bias=[1.0], sigma=2.0),
    call("log_joint", "random numbers", x=normal(N, D), z=normal(N, Z), **DECODER),
    call("log_q", "three images", z=[[1], [3], [4]], mu=[[1], [1], [1]], logvar=[[math.log(4)], [math.log(4)], [0]]),
    call("log_q", "random numbers", z=normal(N, Z), mu=normal(N, Z), logvar=normal(N, Z)),
    Probe("the ELBO where q is the posterior: log p(x) for every z", elbo_of("posterior", exact=False)),
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
    "a KL divergence: that is the whole gap, and it has a sign. For one draw the sign is not known, unless both "
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
    model_answer=(
        "Equal for the posterior, below for the other two: the gap is the divergence of q from p(z|x), which is 0 "
        "only there. With the posterior one z gives log p(x) exactly, since log p(x, z) - log q(z|x) is then the "
        "same for every z. With the other two, a single z may give more than log p(x) or less; only its average "
        "is a bound."
    ),
    mistakes=MISTAKES,
    remarks=(
        stands_still(
            CLIPPED_LOGVAR,
            lambda answer, x: answer.log_q(np.zeros((DRAWS, Z)), np.zeros((DRAWS, Z)), np.full((DRAWS, Z), x)),
            example={"log_q": clipped(log_q, 2)},
        ),
    ),
    alternatives=(
        {
            "sign_of_gap": sign_by_measuring,
            "log_joint": joint_as_one_normal,
            "log_q": log_of_products,
            "elbo": evidence_minus_gap,
        },
    ),
)
