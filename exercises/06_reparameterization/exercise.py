"""Exercise 06: z from mu, logvar and noise, its derivatives, and when there is no noise."""

import math

import numpy as np

from exercises.kit.exercise import Exercise, Hints, Probe, axes, call, normal, sized
from exercises.kit.remarks import CLIPPED_LOGVAR, clipped, stands_still
from numpy_impl import vae_numpy
from numpy_impl.vae_numpy import reconstruct, reparameterize

from .mistakes import MISTAKES

SHAPE = axes(5, 3)  # images, latents


def reparameterize_backward(dz, logvar, eps):
    """The rung's, whose dmu is dz itself; here it is a new array."""
    dmu, dlogvar = vae_numpy.reparameterize_backward(dz, logvar, eps)
    return dmu.copy(), dlogvar


def latents(mu, logvar, eps, training):
    """The rungs train with z = reparameterize(mu, logvar, eps) and reconstruct from mu, as if eps were 0."""
    return reparameterize(mu, logvar, eps if training else np.zeros_like(eps))


def two_draws(answer, rng):
    """z of one image for two different draws of the noise."""
    shape = sized(rng, *SHAPE)
    mu, logvar = rng.standard_normal((2, *shape))
    return tuple(answer.reparameterize(mu, logvar, rng.standard_normal(shape)) for _ in range(2))


def sigma_of_logvar(logvar):
    """The root of the variance; the solution halves its logarithm."""
    return np.sqrt(np.exp(logvar))


def through_sigma(dz, logvar, eps):
    """The chain rule, factor by factor: dsigma, then dlogvar = dsigma * sigma / 2."""
    dsigma = np.multiply(dz, eps)
    return np.array(dz), dsigma * 0.5 * sigma_of_logvar(logvar)


def through_z(dz, logvar, eps):
    """dlogvar = dz (z - mu) / 2: the noise as it arrived in z, halved."""
    return 1.0 * dz, 0.5 * dz * reparameterize(np.zeros_like(dz), logvar, eps)


# Of σ = 3, since exp(logvar) / 2 is right by accident where σ = 2.
VARIANCE_9 = {"mu": np.ones(SHAPE), "logvar": np.full(SHAPE, math.log(9))}
random = {"logvar": normal(*SHAPE), "eps": normal(*SHAPE)}

probes = (
    call("reparameterize", "μ = 1, σ = 3, ε = 1", **VARIANCE_9, eps=np.ones(SHAPE)),
    call("reparameterize", "μ = 1, σ = 3, ε = -1", **VARIANCE_9, eps=-np.ones(SHAPE)),
    call("reparameterize", "μ = 1, σ = 1, ε = 1", mu=np.ones(SHAPE), logvar=np.zeros(SHAPE), eps=np.ones(SHAPE)),
    call("reparameterize", "random numbers", mu=normal(*SHAPE), **random),
    Probe("two draws for the same images", two_draws, parts=("first z", "second z")),
    call(
        "reparameterize_backward -> dmu, dlogvar",
        "dz = 1, σ = 4, ε = 3",
        dz=np.ones(SHAPE),
        logvar=np.full(SHAPE, math.log(16)),
        eps=np.full(SHAPE, 3.0),
    ),
    call("reparameterize_backward -> dmu, dlogvar", "random numbers", dz=normal(*SHAPE), **random),
    call("latents", "in training", mu=normal(*SHAPE), **random, training=True),
    call("latents", "for a reconstruction", mu=normal(*SHAPE), **random, training=False),
)

hints = Hints(
    idea="A standard normal number, stretched by the standard deviation and moved to the mean. For the derivatives, "
    "consider a small step of each input: mu moves z by as much; logvar changes σ, and σ stretches the noise.",
    formula="z = μ + σ ε with σ = exp(logvar / 2). ∂z/∂μ = 1, ∂z/∂σ = ε, and ∂σ/∂logvar = σ/2, so that "
    "dlogvar = dz · ε · σ/2. In a reconstruction z = μ.",
    line="sigma = np.exp(... logvar ...) in both: which power of the variance is σ? Then (dz, dz * ... * sigma / ...).",
)

exercise = Exercise(
    solution={
        "reparameterize": reparameterize,
        "reparameterize_backward": reparameterize_backward,
        "latents": latents,
    },
    sources=(vae_numpy.reparameterize_backward, reconstruct),
    probes=probes,
    hints=hints,
    model_answer=(
        "In the direction of ε, by ε σ/2 for each unit of logvar: up where ε is positive, down where it is "
        "negative, and not at all for ε = 0."
    ),
    mistakes=MISTAKES,
    remarks=(
        stands_still(
            CLIPPED_LOGVAR,
            lambda answer, x: answer.reparameterize(np.zeros(SHAPE), np.full(SHAPE, x), np.ones(SHAPE)),
            lambda answer, x: answer.reparameterize_backward(np.ones(SHAPE), np.full(SHAPE, x), np.ones(SHAPE))[1],
            lambda answer, x: answer.latents(np.zeros(SHAPE), np.full(SHAPE, x), np.ones(SHAPE), True),
            example={"reparameterize": clipped(reparameterize, 1)},
        ),
    ),
    alternatives=(
        {
            "reparameterize": lambda mu, logvar, eps: mu + sigma_of_logvar(logvar) * eps,
            "reparameterize_backward": through_sigma,
            "latents": lambda mu, logvar, eps, training: mu + training * np.exp(logvar / 2) * eps,
        },
        {"reparameterize_backward": through_z},
    ),
)
