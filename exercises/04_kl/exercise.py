"""Exercise 04: the KL divergence of q(z|x) from the prior, and its reductions."""

import math

import numpy as np

from exercises.kit.exercise import Exercise, Hints, axes, call, normal
from exercises.kit.remarks import CLIPPED_LOGVAR, clipped, stands_still
from numpy_impl.vae_numpy import kl_divergence

from .mistakes import MISTAKES

SHAPE = axes(5, 3)  # images, latents: primes that differ, so that no two averages look alike


def kl(mu, logvar):
    """As in the rungs' loss: the sum, over the number of images."""
    return kl_divergence(mu, logvar) / len(mu)


def kl_per_image(mu, logvar):
    """The rung's KL of each row."""
    return np.array([kl_divergence(mu[[n]], logvar[[n]]) for n in range(len(mu))])


def kl_per_latent(mu, logvar):
    """The rung's KL of each column, over the number of images."""
    return kl_per_image(mu.T, logvar.T) / len(mu)


def kl_by_integration(mu, logvar):
    """E_q[log q(z) - log p(z)] by Gauss-Hermite quadrature, exact for this integrand."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(7)
    sigma = np.exp(logvar / 2)[..., None]
    log_ratio = -(nodes**2) / 2 - np.log(sigma) + (mu[..., None] + sigma * nodes) ** 2 / 2
    return np.sum(log_ratio @ weights) / math.sqrt(2 * math.pi) / len(mu)


def kl_in_place(mu, logvar):
    """The terms one after another, in an array of its own."""
    total = np.exp(logvar)
    total += mu * mu
    total -= 1
    total -= logvar
    return float(np.add.reduce(total.sum(axis=1) * 0.5) / mu.shape[0])


probes = (
    call("kl", "q is the prior", mu=np.zeros(SHAPE), logvar=np.zeros(SHAPE)),
    call("kl", "every mean at 2", mu=np.full(SHAPE, 2.0), logvar=np.zeros(SHAPE)),
    call("kl", "every mean at -2", mu=np.full(SHAPE, -2.0), logvar=np.zeros(SHAPE)),
    call("kl", "every variance 4", mu=np.zeros(SHAPE), logvar=np.full(SHAPE, math.log(4))),
    call("kl", "every variance ¼", mu=np.zeros(SHAPE), logvar=np.full(SHAPE, -math.log(4))),
    call("kl", "random means and variances", mu=normal(*SHAPE), logvar=normal(*SHAPE)),
    call("kl_per_image", "random means and variances", mu=normal(*SHAPE), logvar=normal(*SHAPE)),
    call("kl_per_latent", "random means and variances", mu=normal(*SHAPE), logvar=normal(*SHAPE)),
)

hints = Hints(
    idea="Latents are independent under q and under the prior, so the divergence is a sum with one term per latent. "
    "Each term compares two normal distributions in one dimension, and depends only on their means and variances. "
    "Write that term for the whole array first, then decide which axis to sum and which to average.",
    formula="For one latent: KL = ½ (μ² + σ² - 1 - log σ²), with σ² = exp(logvar). "
    "Axis 0 is the batch, axis 1 the latents.",
    line="per_entry = (mu**2 + np.exp(...) - 1 - ...) / 2, once; then `.sum(axis=...)` and `.mean(axis=...)` of it.",
)

exercise = Exercise(
    solution={"kl": kl, "kl_per_image": kl_per_image, "kl_per_latent": kl_per_latent},
    sources=(kl_divergence,),
    probes=probes,
    hints=hints,
    model_answer="The mean: ½ · 2² = 2 nats, against ½ (4 - 1 - log 4) = 0.81 for the variance.",
    mistakes=MISTAKES,
    remarks=(
        stands_still(
            CLIPPED_LOGVAR,
            *(
                lambda answer, x, name=name: getattr(answer, name)(np.zeros(SHAPE), np.full(SHAPE, x))
                for name in ("kl", "kl_per_image", "kl_per_latent")
            ),
            example={"kl": clipped(kl, 1)},
        ),
    ),
    alternatives=(
        {"kl": kl_by_integration},
        {"kl": kl_in_place},
        {
            "kl": lambda mu, logvar: -0.5 * np.mean(np.sum(1 + logvar - mu**2 - np.exp(logvar), axis=1)),
            "kl_per_image": lambda mu, logvar: 0.5 * np.einsum("nz->n", mu**2 + np.expm1(logvar) - logvar),
            "kl_per_latent": lambda mu, logvar: 0.5 * np.mean(mu**2 + np.expm1(logvar) - logvar, axis=0),
        },
    ),
)
