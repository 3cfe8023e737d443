"""Probes that do not separate the broken VAE from a healthy one, and why."""

from typing import NamedTuple

import numpy as np

from exercises.kit.exercise import Mistake


class Weak(NamedTuple):
    """The ways in which a probe for one VAE goes wrong, and what there is to know about it."""

    fact: str
    """What a healthy VAE answers, with its arithmetic."""
    example: str
    """A question that the bug does not touch."""
    blind: object
    """Passes the broken VAE: asks what both answer alike."""
    unused: object
    """Passes the broken VAE: has two different answers in hand and lets both pass."""
    exchanged: object
    """True for the broken VAE, False for a healthy one."""
    never: object
    """False for every VAE."""
    one_size: object = None
    """Right for one number of latents or pixels."""


def _batch(vae, seed=0):
    rng = np.random.default_rng(seed)
    return rng.random((5, *vae.image_shape)), rng.standard_normal((5, vae.latents))


def _z(vae, logvar, eps):
    """z from means of 0."""
    ones = np.ones((5, vae.latents))
    return vae.reparameterize(0 * ones, logvar * ones, eps * ones)


def _kl(vae, mean):
    mu = np.full((5, vae.latents), float(mean))
    return vae.kl(mu, 0 * mu)


def _grey(vae):
    """The cost of five black images under logits of 0."""
    logits = np.zeros((5, *vae.image_shape))
    return vae.reconstruction(logits, logits)


def _largest_step(vae):
    before = {name: value.copy() for name, value in vae.parameters.items()}
    vae.step(*_batch(vae))
    return max(np.abs(value - before[name]).max() for name, value in vae.parameters.items())


def _finite_gradients(vae):
    return all(np.isfinite(gradient).all() for gradient in vae.gradients(*_batch(vae)).values())


def _gradient_is_not_zero(vae):
    return np.any(vae.gradients(*_batch(vae))["encoder.mu.bias"])


def _loss_depends_on_noise(vae):
    x, eps = _batch(vae)
    return vae.loss(x, eps).loss != vae.loss(x, -eps).loss


def _loss_halves_in_three_steps(vae):
    x, eps = _batch(vae)
    losses = [vae.step(x, eps).loss for _ in range(4)]
    return losses[-1] < losses[0] / 2


def _parts_add_up(vae):
    loss, reconstruction, kl = vae.loss(*_batch(vae))
    return np.isclose(loss, reconstruction + kl)


def _parts_agree(vae):
    x, eps = _batch(vae)
    train, test = vae.loss(x, eps), vae.test_loss(x, eps)
    return np.isclose(train.reconstruction, test.reconstruction) and np.isclose(train.kl, test.kl)


def _test_loss_is_lower(vae):
    x, eps = _batch(vae)
    return vae.test_loss(x, eps).loss < vae.loss(x, eps).loss - 1e-9


def _same_loss_under_other_noise(vae):
    x, eps = _batch(vae)
    return vae.test_loss(x, -eps).loss == vae.loss(x, eps).loss


def _only_the_kl(vae):
    x, eps = _batch(vae)
    return np.allclose(vae.gradients(x, eps)["encoder.mu.bias"], vae.encode(x)[0].mean(axis=0))


def _differences_of_the_reconstruction(vae, h=1e-5):
    """A gradient check that forgets one half of the loss."""
    x, eps = _batch(vae)
    claimed, bias = vae.gradients(x, eps)["encoder.mu.bias"], vae.parameters["encoder.mu.bias"]
    start, measured = vae.loss(x, eps).reconstruction, []
    for j in range(vae.latents):
        bias[j] += h
        measured.append((vae.loss(x, eps).reconstruction - start) / h)
        bias[j] -= h
    return np.allclose(claimed, measured, rtol=1e-3)


def _pixels_in_unit_interval(vae):
    images = vae.sample(_batch(vae)[1])
    return images.min() >= 0 and images.max() <= 1


WEAK = (
    Weak(
        "With σ = 2 and a mean of 0, eps = 1 gives z = 2 and eps = −1 gives z = −2.",
        "With eps = 0 every z is mu.",
        blind=lambda vae: np.allclose(_z(vae, 1, 0), 0),
        unused=lambda vae: np.isfinite(_z(vae, 0, 1)).all(),
        exchanged=lambda vae: np.allclose(_z(vae, 0, 1), _z(vae, 0, -1)),
        never=lambda vae: not np.allclose(_z(vae, 0, 1), _z(vae, 0, 1)),
    ),
    Weak(
        "Under logits of 0 a pixel costs log 2 = 0.693, and an image as many times that as it has pixels.",
        "The KL, say, knows nothing of pixels.",
        blind=lambda vae: _kl(vae, 1) > 0,
        unused=lambda vae: _grey(vae) > 0,
        exchanged=lambda vae: np.isclose(_grey(vae), np.log(2)),
        never=lambda vae: np.isclose(_grey(vae), 784 * np.log(2)),
        one_size=lambda vae: np.isclose(_grey(vae), 96 * np.log(2)),
    ),
    Weak(
        "With the same images and the same eps, `test_loss` and `loss` are one number.",
        "`loss` alone is sound.",
        blind=_parts_add_up,
        unused=_parts_agree,
        exchanged=_test_loss_is_lower,
        never=_same_loss_under_other_noise,
    ),
    Weak(
        "A mean of 2 costs ½ · 2² = 2 nats, in each latent.",
        "KL(0, 0) is 0, and twice 0 is 0 as well.",
        blind=lambda vae: abs(_kl(vae, 0)) < 1e-9,
        unused=lambda vae: _kl(vae, 2) > 0,
        exchanged=lambda vae: np.isclose(_kl(vae, 2), 4 * vae.latents),
        never=lambda vae: np.isclose(_kl(vae, 2), 2),
        one_size=lambda vae: np.isclose(_kl(vae, 2), 6),
    ),
    Weak(
        "Adam's first step moves no weight by more than the learning rate, here 0.002.",
        "Values and gradients are all as they should be; only `step` is not.",
        blind=_finite_gradients,
        unused=lambda vae: _largest_step(vae) > 0,
        exchanged=lambda vae: _largest_step(vae) > 0.01,
        never=_loss_halves_in_three_steps,
    ),
    Weak(
        "The gradient of `encoder.mu.bias` is the mean of mu, from the KL, plus what comes back through z; differences "
        "of the loss give both.",
        "No value is wrong: `loss` and its parts are those of a healthy VAE.",
        blind=_loss_depends_on_noise,
        unused=_gradient_is_not_zero,
        exchanged=_only_the_kl,
        never=_differences_of_the_reconstruction,
    ),
    Weak(
        "A decoder returns logits, which know no bounds: for latents of a thousand they are far outside [0, 1].",
        "Nothing before the decoder is touched.",
        blind=lambda vae: _kl(vae, 1) > 0,
        unused=_pixels_in_unit_interval,
        exchanged=lambda vae: np.abs(vae.decode(1000 * _batch(vae)[1]) - 0.5).max() <= 0.5,
        never=lambda vae: vae.sample(_batch(vae)[1]).min() < 0.05,
    ),
    Weak(
        "With logvar = log 4, σ is 2: a mean of 0 and eps = 1 give z = 2.",
        "With logvar = 0 the variance is 1, and so is its root.",
        blind=lambda vae: np.allclose(_z(vae, 0, 1), 1),
        unused=lambda vae: np.allclose(_z(vae, 1, 1) + _z(vae, 1, -1), 0),
        exchanged=lambda vae: np.allclose(_z(vae, np.log(4), 1), 4),
        never=lambda vae: np.allclose(_z(vae, np.log(4), 1), np.log(4)),
    ),
)

WAYS = {
    "blind": (
        "probe_{n} asks only what both VAEs answer alike",
        "VAE {n} and a healthy one gave it the same answers, so it could not know. {example} {fact}",
    ),
    "unused": (
        "probe_{n} lets both answers pass",
        "VAE {n} did answer otherwise than a healthy one would, but what is asked of the answer holds for both. {fact}",
    ),
    "exchanged": (
        "probe_{n} takes the bug for health",
        "It says True to VAE {n} and False to the healthy one. {fact}",
    ),
    "never": (
        "probe_{n} says False to every VAE",
        "A healthy VAE does not do what it wants to see: print what it compares. {fact}",
    ),
    "one_size": (
        "probe_{n} holds for one size only",
        "It passes one healthy VAE and fails another, with other numbers of latents and pixels: use `vae.latents` and "
        "`vae.image_shape`. {fact}",
    ),
}
"""Name and tell of each field of `Weak` that holds a probe."""


def _mistake(n, weak, way):
    name, tell = (text.format(n=n, fact=weak.fact, example=weak.example) for text in WAYS[way])
    probe = getattr(weak, way)
    return Mistake(name, {f"probe_{n}": lambda vae: bool(probe(vae))}, tell)


WEAK_PROBES = tuple(
    _mistake(n, weak, way) for n, weak in enumerate(WEAK, 1) for way in WAYS if getattr(weak, way) is not None
)
