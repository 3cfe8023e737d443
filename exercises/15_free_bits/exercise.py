"""Exercise 15: active units, and free bits as a remedy for latents that collapse."""

import numpy as np

from exercises.kit.exercise import Exercise, Hints, axes, call, normal, sized, uniform
from numpy_impl.vae_numpy import kl_divergence, kl_divergence_backward

from .mistakes import MISTAKES

SHAPE = axes(5, 3)  # images, latents
MANY = axes(11, 5)
GRADIENT = "free_bits_backward -> dmu, dlogvar"
TURNS = np.array([-1, 1, 0, -1, 1, -1, 1])  # variance 6/7


def active_units(mu, logvar, threshold=0.01):
    """The variance over images of the mean; the width of q does not matter."""
    return np.var(mu, axis=0) > threshold


def free_bits(kl, free_nats):
    """First the average over the batch, then the floor, then the sum over latents."""
    return np.sum(np.maximum(np.mean(kl, axis=0), free_nats))


def free_bits_backward(mu, logvar, free_nats):
    """The rung's gradients of the KL, for the latents above the floor."""
    kl = np.array([kl_divergence(mu[:, [j]], logvar[:, [j]]) for j in range(mu.shape[1])]) / len(mu)
    dmu, dlogvar = kl_divergence_backward(1 / len(mu), mu, logvar)
    return dmu * (kl > free_nats), dlogvar * (kl > free_nats)


def active_by_pairs(mu, logvar, threshold=0.01):
    """The variance is half the average squared difference of two images."""
    return ((mu[:, None] - mu[None]) ** 2).mean(axis=(0, 1)) / 2 > threshold


def free_bits_latent_by_latent(kl, free_nats):
    """λ, and what each latent has beyond it."""
    total = 0.0
    for j in range(kl.shape[1]):
        average = sum(kl[:, j]) / len(kl)
        total += average if average > free_nats else free_nats
    return total


def backward_by_complex_steps(mu, logvar, free_nats):
    """df/da = Im f(a + ih) / h, with no difference that could lose digits."""

    def value(mu, logvar):
        kl = np.mean((mu**2 + np.exp(logvar) - 1 - logvar) / 2, axis=0)
        return np.sum(np.where(kl.real > free_nats, kl, free_nats))

    gradients = []
    for argument in range(2):
        gradient = np.zeros(mu.shape)
        for place in np.ndindex(mu.shape):
            moved = [mu.astype(complex), logvar.astype(complex)]
            moved[argument][place] += 1e-30j
            gradient[place] = value(*moved).imag / 1e-30
        gradients.append(gradient)
    return tuple(gradients)


def _means(rng):
    """Latents that move by 0.05, 0.2 or 1 around centres of their own."""
    images, latents = sized(rng, *MANY)
    x = rng.standard_normal((images, latents))
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    widths = rng.permutation(np.resize([0.05, 0.05, 0.2, 0.2, 1], latents))
    return 2 * rng.standard_normal(latents) + x * widths


def _near_and_far(rng):
    """Latents of which every third is near the prior."""
    shape = sized(rng, *SHAPE)
    return rng.standard_normal(shape) * np.resize([0.1, 1, 2], shape[1])


probes = (
    call(
        "active_units",
        "latents at 0, at 2 for every image, moving by 0.05, by 1, and by 1 with a narrow q",
        mu=np.stack([0 * TURNS, 0 * TURNS + 2, 0.05 * TURNS, TURNS, TURNS], axis=1),
        logvar=np.tile(np.log([0.25, 1, 1, 1, 0.001]), (7, 1)),
    ),
    call("active_units", "random means and variances", mu=_means, logvar=normal(*MANY)),
    call("active_units", "another threshold", mu=_means, logvar=normal(*MANY), threshold=0.3),
    call("free_bits", "averages of 0.5, 2.5 and 0.3", kl=[[0, 2, 0.2], [1, 3, 0.4]], free_nats=0.5),
    call("free_bits", "averages of 0.05, 0.2 and 0.1", kl=[[0.05, 0.1, 0], [0.05, 0.3, 0.2]], free_nats=0.5),
    call("free_bits", "nothing is free", kl=uniform(*SHAPE, high=2), free_nats=0.0),
    call(
        "free_bits",
        "random divergences",
        kl=uniform(*SHAPE, high=2),
        free_nats=lambda rng: float(rng.uniform(0.8, 1.2)),
    ),
    call(GRADIENT, "averages of 0.125", mu=np.full(SHAPE, 0.5), logvar=np.zeros(SHAPE), free_nats=0.5),
    call(
        GRADIENT,
        "averages of 0.18, 2 and 0.405",
        mu=np.tile([0.6, 2.0, 0.9], (5, 1)),
        logvar=np.zeros(SHAPE),
        free_nats=0.5,
    ),
    call(
        GRADIENT,
        "one image far away: 3.125 nats, and 0.641 on average",
        mu=np.outer([0.2, 0.2, 0.2, 0.2, 2.5], [1, 0, 0]),
        logvar=np.zeros(SHAPE),
        free_nats=0.5,
    ),
    call(GRADIENT, "nothing is free", mu=normal(*SHAPE), logvar=normal(*SHAPE), free_nats=0.0),
    call(GRADIENT, "near and far", mu=_near_and_far, logvar=_near_and_far, free_nats=0.5),
)

hints = Hints(
    idea="A latent without information gives every image the same q, and so the same mean; count those whose mean "
    "moves. Free bits make the first λ nats of every latent cost nothing: below λ the cost does not depend on q "
    "any more, so nothing pushes the latent to the prior. The floor is for what a latent carries on average over "
    "the batch: one image may need none of it. What does not change has no gradient.",
    formula="Active: Var over images of μ_j > threshold. Free bits: Σ_j max(λ, average over images of KL_j). Gradient: "
    "that of the KL (μ / N and ½ (exp(logvar) - 1) / N) for latents whose average is above λ, and 0 for the others.",
    line="np.var(..., axis=0); np.maximum(..., free_nats) between the mean over axis 0 and the sum; "
    "above = kl.mean(axis=0) > ..., a row of truth values that multiplies both gradients.",
)

exercise = Exercise(
    solution={"active_units": active_units, "free_bits": free_bits, "free_bits_backward": free_bits_backward},
    sources=(kl_divergence, kl_divergence_backward),
    probes=probes,
    hints=hints,
    model_answer=(
        "3.5: the averages are 0.5, 2.5 and 0.3, so that the floor adds 0.2 to the last one. With the floor under "
        "every number the images cost 3 and 4.5, and their average is 3.75: the first latent then has to carry "
        "half a nat about every image."
    ),
    mistakes=MISTAKES,
    alternatives=(
        {
            "active_units": active_by_pairs,
            "free_bits": free_bits_latent_by_latent,
            "free_bits_backward": backward_by_complex_steps,
        },
        {
            "active_units": lambda mu, logvar, threshold=0.01: mu.var(axis=0, ddof=1) > threshold,
            "free_bits": lambda kl, free_nats: free_nats * kl.shape[1] + np.clip(kl.mean(0) - free_nats, 0, None).sum(),
        },
    ),
)
