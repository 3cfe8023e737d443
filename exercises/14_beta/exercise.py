"""Exercise 14: the β-loss, its schedules, the effective β of other reductions, and the β at which latents collapse."""

import math

import numpy as np

from exercises.kit.exercise import Exercise, Hints, axes, call, normal, uniform
from foundation.objective import Objective
from numpy_impl import vae_numpy
from numpy_impl.functional import binary_cross_entropy_with_logits
from numpy_impl.vae_numpy import kl_divergence

from .mistakes import MISTAKES

LATENTS = axes(5, 3)  # images, latents
IMAGES = axes(5, 1, 7, 11)


def beta_loss(logits, x, mu, logvar, beta):
    """The rung's loss."""
    return vae_numpy.loss(logits, x, mu, logvar, Objective(beta=beta))._asdict()


def linear_warm_up(step, warm_up_steps, beta):
    """A straight line up to beta, then level."""
    return beta * min(step / warm_up_steps, 1.0) if warm_up_steps else beta


def cyclical_warm_up(step, period, warm_up_steps, beta):
    """The warm-up, counted from the start of the cycle."""
    return linear_warm_up(step % period, warm_up_steps, beta)


def effective_beta(beta, pixels, latents, reconstruction, kl):
    """A mean over D entries is the sum divided by D; the whole loss times D leaves the optimum where it is."""
    if reconstruction == "mean":
        beta = beta * pixels
    return beta / latents if kl == "mean" else beta


def linear_vae_weights(variances, noise_variance, beta):
    """sqrt(max(λ - βσ², 0))."""
    return np.sqrt(np.maximum(variances - beta * noise_variance, 0))


def collapse_beta(variances, noise_variance):
    """λ - βσ² = 0, solved for β."""
    return variances / noise_variance


def beta_loss_image_by_image(logits, x, mu, logvar, beta):
    """One image after another, with probabilities instead of logits."""
    p = 1 / (1 + np.exp(-logits))
    reconstruction = np.mean([-np.sum(t * np.log(q) + (1 - t) * np.log(1 - q)) for t, q in zip(x, p, strict=True)])
    kl = np.mean([kl_divergence(mu[[n]], logvar[[n]]) for n in range(len(mu))])
    return {"kl": kl, "loss": reconstruction + beta * kl, "reconstruction": reconstruction}


def effective_beta_by_ratio(beta, pixels, latents, reconstruction, kl):
    """The weight of a nat of KL over that of a nat of reconstruction."""
    weight = {"sum": lambda size: 1, "mean": lambda size: 1 / size}
    return beta * weight[kl](latents) / weight[reconstruction](pixels)


def weights_by_bisection(variances, noise_variance, beta):
    """Bisects for the w at which the β-loss stops falling, with the best encoder z ~ Normal(v x, s²) for every w."""
    low, high = np.zeros_like(variances), np.sqrt(variances)
    for _ in range(80):
        w = (low + high) / 2
        v = w / (w**2 + beta * noise_variance)
        s2 = beta * noise_variance / (w**2 + beta * noise_variance)
        slope = (w * s2 - variances * v * (1 - w * v)) / noise_variance
        low, high = np.where(slope < 0, w, low), np.where(slope < 0, high, w)
    return low


def _number(low, high):
    return lambda rng: float(rng.uniform(low, high))


def _whole(low, high):
    return lambda rng: int(rng.integers(low, high))


BLACK = {"logits": np.zeros(IMAGES), "x": np.zeros(IMAGES)}
TWO = {"mu": np.full(LATENTS, 2.0), "logvar": np.zeros(LATENTS)}
RANDOM = {"logits": normal(*IMAGES), "x": uniform(*IMAGES), "mu": normal(*LATENTS), "logvar": normal(*LATENTS)}
MNIST = {"pixels": 784, "latents": 200}
SIZES = {"pixels": _whole(50, 999), "latents": _whole(3, 49)}
AXES = {"variances": uniform(7, low=0.1, high=9), "noise_variance": _number(0.2, 0.8)}

probes = (
    call("beta_loss", "77 log 2 of reconstruction and 6 of KL, β = 1", **BLACK, **TWO, beta=1.0),
    call("beta_loss", "the same at β = 4", **BLACK, **TWO, beta=4.0),
    call("beta_loss", "the same at β = 0", **BLACK, **TWO, beta=0.0),
    call("beta_loss", "random numbers", **RANDOM, beta=_number(2, 9)),
    call("linear_warm_up", "the first step", step=0, warm_up_steps=10, beta=4.0),
    call("linear_warm_up", "half of the warm-up", step=5, warm_up_steps=10, beta=4.0),
    call("linear_warm_up", "its end", step=10, warm_up_steps=10, beta=4.0),
    call("linear_warm_up", "long after it", step=25, warm_up_steps=10, beta=4.0),
    call("linear_warm_up", "no warm-up", step=0, warm_up_steps=0, beta=4.0),
    call("linear_warm_up", "any step of it", step=_whole(1, 83), warm_up_steps=83, beta=_number(2, 9)),
    call("cyclical_warm_up", "the first step", step=0, period=20, warm_up_steps=10, beta=4.0),
    call("cyclical_warm_up", "half of the rise", step=5, period=20, warm_up_steps=10, beta=4.0),
    call("cyclical_warm_up", "after the rise", step=13, period=20, warm_up_steps=10, beta=4.0),
    call("cyclical_warm_up", "the second cycle begins", step=20, period=20, warm_up_steps=10, beta=4.0),
    call("cyclical_warm_up", "after the second rise", step=32, period=20, warm_up_steps=10, beta=4.0),
    call("cyclical_warm_up", "in the third rise", step=43, period=20, warm_up_steps=10, beta=4.0),
    call("cyclical_warm_up", "any step", step=_whole(0, 999), period=83, warm_up_steps=61, beta=_number(2, 9)),
    call("effective_beta", "both sums", beta=1.0, **MNIST, reconstruction="sum", kl="sum"),
    call("effective_beta", "both means", beta=1.0, **MNIST, reconstruction="mean", kl="mean"),
    call("effective_beta", "mean over pixels", beta=1.0, **MNIST, reconstruction="mean", kl="sum"),
    call("effective_beta", "mean over latents", beta=1.0, **MNIST, reconstruction="sum", kl="mean"),
    call("effective_beta", "any sizes", beta=_number(2, 9), **SIZES, reconstruction="mean", kl="mean"),
    call("linear_vae_weights", "β = 1, σ² = 1", variances=[10, 5, 2], noise_variance=1.0, beta=1.0),
    call("linear_vae_weights", "β = 4, σ² = ¼", variances=[10, 5, 2], noise_variance=0.25, beta=4.0),
    call("linear_vae_weights", "β = 6, σ² = 1", variances=[10, 5, 2], noise_variance=1.0, beta=6.0),
    call("linear_vae_weights", "random variances", **AXES, beta=_number(2, 9)),
    call("collapse_beta", "σ² = 4", variances=[10, 5, 2], noise_variance=4.0),
    call("collapse_beta", "random variances", **AXES),
)

hints = Hints(
    idea="β is the weight of a nat of KL beside a nat of reconstruction. Nothing else about the loss changes, and the "
    "parts are reported without it, or runs with different β could not be compared. A schedule is a weight that "
    "depends on the step. A mean divides a sum by a number, and so changes the weight implicitly. A latent stays "
    "active only while the variance of the data that it explains is more than βσ².",
    formula="loss = reconstruction + β KL. Warm-up: β t / T, at most β; cyclical: the same of t modulo the period. "
    "Effective β: multiply the loss by D where the pixels were averaged, then see which factor is before the sum "
    "over the latents. Linear VAE: w² = λ - βσ² where that is positive.",
    line="Divide each given sum by len(x). min(..., 1) ends a rise, step % ... starts it again. "
    "np.maximum(..., 0) goes inside the root. For collapse_beta, solve λ - βσ² = 0 for β.",
)

exercise = Exercise(
    solution={
        "beta_loss": beta_loss,
        "linear_warm_up": linear_warm_up,
        "cyclical_warm_up": cyclical_warm_up,
        "effective_beta": effective_beta,
        "linear_vae_weights": linear_vae_weights,
        "collapse_beta": collapse_beta,
    },
    sources=(vae_numpy.loss,),
    probes=probes,
    hints=hints,
    model_answer=(
        "3.92. Multiply the whole loss by 784: the reconstruction is then the sum over pixels, and the KL in nats "
        "has the factor 784/200."
    ),
    mistakes=MISTAKES,
    alternatives=(
        {
            "beta_loss": beta_loss_image_by_image,
            "linear_warm_up": lambda step, warm_up_steps, beta: float(
                np.interp(step, [0, warm_up_steps], [0, beta]) if warm_up_steps else beta
            ),
            "cyclical_warm_up": lambda step, period, warm_up_steps, beta: (
                beta * min((step / period - step // period) * period / warm_up_steps, 1)
            ),
            "effective_beta": effective_beta_by_ratio,
            "linear_vae_weights": weights_by_bisection,
            "collapse_beta": lambda variances, noise_variance: np.exp(np.log(variances) - math.log(noise_variance)),
        },
        {
            "beta_loss": lambda logits, x, mu, logvar, beta: {
                "loss": (binary_cross_entropy_with_logits(logits, x) + beta * kl_divergence(mu, logvar)) / len(mu),
                "reconstruction": binary_cross_entropy_with_logits(logits, x) / len(mu),
                "kl": kl_divergence(mu, logvar) / len(mu),
            },
            "linear_vae_weights": lambda variances, noise_variance, beta: np.sqrt(
                (variances - beta * noise_variance).clip(min=0)
            ),
        },
    ),
)
