"""Exercise 09: the backward pass of the ELBO, from both terms of the loss to mu and logvar."""

import math

import numpy as np

from exercises.kit.exercise import Exercise, Hints, axes, call, normal, uniform
from exercises.kit.remarks import CLIPPED_LOGVAR, clipped, stands_still
from foundation.objective import Objective
from numpy_impl.functional import binary_cross_entropy_with_logits_backward, linear, linear_backward, sigmoid
from numpy_impl.vae_numpy import kl_divergence_backward, reparameterize, reparameterize_backward

from .mistakes import MISTAKES

N, D, Z = axes(5, 7, 3)  # images, pixels, latents
ELBO = Objective("bernoulli", beta=1.0)


def reconstruction_backward(logits, x):
    """As in the rungs' loss: of the sum over pixels, averaged over images."""
    return binary_cross_entropy_with_logits_backward(1 / len(x), logits, x)


def kl_backward(mu, logvar):
    """As in the rungs' loss: of the sum over latents, averaged over images."""
    return kl_divergence_backward(1 / len(mu), mu, logvar)


def elbo_backward(x, mu, logvar, eps, weight, bias):
    """Forward, then backward: from dlogits through the decoder to z, and on to mu and logvar, where the KL is added."""
    z = reparameterize(mu, logvar, eps)
    dlogits = reconstruction_backward(linear(z, weight, bias), x)
    dz, _, _ = linear_backward(dlogits, z, weight)
    dmu_through_z, dlogvar_through_z = reparameterize_backward(dz, logvar, eps)
    dmu, dlogvar = kl_backward(mu, logvar)
    return dlogits, dmu + dmu_through_z, dlogvar + dlogvar_through_z


# The same without any derivative: only the loss, at a point moved by i·h. Im L / h is exact for a tiny h.


def reconstruction(logits, x):
    return np.sum(np.log(1 + np.exp(logits)) - x * logits) / len(x)


def kl(mu, logvar):
    return np.sum(mu**2 + np.exp(logvar) - 1 - logvar) / 2 / len(mu)


def complex_step(loss, value):
    result = np.empty_like(value)
    for index in np.ndindex(value.shape):
        moved = value.astype(complex)
        moved[index] += 1e-30j
        result[index] = loss(moved).imag / 1e-30
    return result


def elbo_by_complex_step(x, mu, logvar, eps, weight, bias):
    def loss(mu, logvar):
        return reconstruction((mu + np.exp(logvar / 2) * eps) @ weight.T + bias, x) + kl(mu, logvar)

    logits = (mu + np.exp(logvar / 2) * eps) @ weight.T + bias
    return (
        complex_step(lambda logits: reconstruction(logits, x), logits),
        complex_step(lambda mu: loss(mu, logvar), mu),
        complex_step(lambda logvar: loss(mu, logvar), logvar),
    )


def elbo_through_sigma(x, mu, logvar, eps, weight, bias):
    """Through dσ: the loss as a function of mu and σ, then dlogvar = dσ · σ/2."""
    sigma = np.exp(logvar / 2)
    dlogits = (0.5 + 0.5 * np.tanh(((mu + sigma * eps) @ weight.T + bias) / 2) - x) / len(x)
    dz = np.einsum("nd,dz->nz", dlogits, weight)
    dsigma = dz * eps + (sigma - 1 / sigma) / len(x)
    return dlogits, dz + mu / len(x), dsigma * sigma / 2


DECODER = [[2, -1], [4, -2], [-2, 1]]  # makes logits of 0 from every z in the direction (1, 2)
PARTS = "dlogits, dmu, dlogvar"

probes = (
    call("reconstruction_backward", "logits of 0", logits=np.zeros((1, 3)), x=[[0, 0.25, 1]]),
    call("reconstruction_backward", "three images of one pixel", logits=np.zeros((3, 1)), x=[[0], [0], [1]]),
    call("reconstruction_backward", "logits of log 3", logits=np.full((1, 3), math.log(3)), x=[[0, 0.75, 1]]),
    call("reconstruction_backward", "random numbers", logits=normal(N, D, scale=3), x=uniform(N, D)),
    call("kl_backward -> dmu, dlogvar", "q is the prior", mu=np.zeros((1, 3)), logvar=np.zeros((1, 3))),
    call("kl_backward -> dmu, dlogvar", "means at -1, 0, 2", mu=[[-1, 0, 2]], logvar=np.zeros((1, 3))),
    call(
        "kl_backward -> dmu, dlogvar",
        "variances 4, 1, ¼",
        mu=np.zeros((1, 3)),
        logvar=[[math.log(4), 0, -math.log(4)]],
    ),
    call("kl_backward -> dmu, dlogvar", "random numbers", mu=normal(N, Z), logvar=normal(N, Z)),
    call(
        f"elbo_backward -> {PARTS}",
        "a decoder that ignores z: the gradients of the KL alone",
        x=[[0, 0.5, 1]],
        mu=[[2, -1]],
        logvar=[[math.log(4), -math.log(4)]],
        eps=[[1, -1]],
        weight=np.zeros((3, 2)),
        bias=np.zeros(3),
    ),
    call(
        f"elbo_backward -> {PARTS}",
        "q is the prior: the gradients of the reconstruction alone",
        x=[[0, 1, 0]],
        mu=np.zeros((1, 2)),
        logvar=np.zeros((1, 2)),
        eps=[[1, 2]],
        weight=DECODER,
        bias=np.zeros(3),
    ),
    call(
        f"elbo_backward -> {PARTS}",
        "variances of 4: both gradients",
        x=[[0, 1, 0]],
        mu=np.zeros((1, 2)),
        logvar=np.full((1, 2), math.log(4)),
        eps=[[1, 2]],
        weight=DECODER,
        bias=np.zeros(3),
    ),
    call(
        f"elbo_backward -> {PARTS}",
        "random numbers",
        x=uniform(N, D),
        mu=normal(N, Z),
        logvar=normal(N, Z),
        eps=normal(N, Z),
        weight=normal(D, Z),
        bias=normal(D),
    ),
)


def _dlogvar_of_the_kl(answer, x):
    """For a large logvar only: the slope for a small one is -1/2, with or without a bound."""
    return answer.kl_backward(np.zeros((N, Z)), np.full((N, Z), x))[1] if x > 0 else 0


def _dlogvar_of_the_elbo(answer, x):
    """The same with weights of 0, so that only the KL is left."""
    zeros = np.zeros((N, Z))
    if x < 0:
        return 0
    return answer.elbo_backward(np.zeros((N, D)), zeros, zeros + x, zeros, np.zeros((D, Z)), np.zeros(D))[2]


hints = Hints(
    idea="Two paths lead from mu to the loss: one through the KL term, and one through z, the decoder and the "
    "reconstruction term. What changes mu changes both, so the two gradients are added. The same holds for logvar. "
    "Write each term's derivative alone, pixel by pixel and latent by latent, then join them.",
    formula="For one pixel: d/dl [log(1 + exp(l)) - x l] = sigmoid(l) - x. "
    "For one latent: d/dmu ½(mu² + exp(logvar) - 1 - logvar) = mu, and d/dlogvar of it = ½ (exp(logvar) - 1). "
    "From z = mu + σ eps and σ = exp(½ logvar): dmu = dz, dlogvar = dz · eps · ½ σ. Averages over N images put a 1/N "
    "before each term.",
    line="logits = _decode(mu + ..., weight, bias); dlogits from your first function; dz = _decode_backward(...); then "
    "dmu = (its part of the KL) + dz, and dlogvar = (its part of the KL) + dz * eps * ...",
)

exercise = Exercise(
    solution={
        "reconstruction_backward": reconstruction_backward,
        "kl_backward": kl_backward,
        "elbo_backward": elbo_backward,
    },
    sources=(binary_cross_entropy_with_logits_backward, kl_divergence_backward, reparameterize_backward),
    probes=probes,
    hints=hints,
    model_answer=(
        "Both are 0: the KL is at its minimum there, and dz is 0. So training stays where it is, which is how "
        "latents collapse. If the decoder does depend on z, the KL still adds nothing, and what is left is dz for "
        "mu and dz · eps / 2 for logvar, since σ = 1."
    ),
    mistakes=MISTAKES,
    remarks=(
        stands_still(
            CLIPPED_LOGVAR, _dlogvar_of_the_kl, _dlogvar_of_the_elbo, example={"kl_backward": clipped(kl_backward, 1)}
        ),
    ),
    alternatives=(
        {
            "reconstruction_backward": lambda logits, x: complex_step(lambda logits: reconstruction(logits, x), logits),
            "kl_backward": lambda mu, logvar: (
                complex_step(lambda mu: kl(mu, logvar), mu),
                complex_step(lambda logvar: kl(mu, logvar), logvar),
            ),
            "elbo_backward": elbo_by_complex_step,
        },
        {"elbo_backward": elbo_through_sigma},
        {
            # As two terms, one for the pixel being 1 and one for its being 0.
            "reconstruction_backward": lambda logits, x: (
                ((1 - x) * sigmoid(logits) - x * sigmoid(-logits)) * (1 / len(x))
            ),
            "kl_backward": lambda mu, logvar: (mu * (1 / len(mu)), np.expm1(logvar) / (2 * len(mu))),
        },
    ),
)
