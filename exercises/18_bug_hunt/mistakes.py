"""Wrong labels, each ruled out by a number of the page's table, and probes that do not catch the bug."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from exercises.kit.exercise import Mistake

from .record import ROWS, records
from .stub import BUGS
from .vaes import BROKEN

# Wrong labels


RULED_OUT = {
    "KL enters with the wrong sign": "Then (loss − reconstruction) / KL would be −1; VAE {n} has {train_weight:.2f}.",
    "KL lacks its factor ½": "Then the KL of μ = 1, σ = 2 in 8 latents would be twice 10.45; VAE {n} has "
    "{hand_kl:.2f}.",
    "KL weighed differently in the test loss": "Then (loss − reconstruction) / KL would not be the same in training "
    "and test; VAE {n} has {train_weight:.2f} and {test_weight:.2f}.",
    "decoder ignores z": "Then all latents would decode to one and the same image; before training the pixels of "
    "VAE {n} change with z by up to {change:.3f}.",
    "exp(logvar) used as σ": "Then z would spread by exp(log 4) = 4 where σ = 2; that of VAE {n} spreads by "
    "{spread:.2f}.",
    "learning rate far too large": "Then the loss would jump before it falls; no batch of VAE {n} costs more than "
    "{largest:.3g}, and it began at {start:.3g}.",
    "learning rate far too small": "Then the loss would creep down from its first value; the test loss of VAE {n} goes "
    "from {start:.3g} to {second:.3g} in the first epoch alone.",
    "logvar read as log σ in the KL": "Then the variance would be exp(2 log 4) = 16, and the KL of μ = 1, σ = 2 in 8 "
    "latents 8 · ½ (1 + 16 − 1 − log 16) = 52.91; VAE {n} has {hand_kl:.2f}.",
    "no gradient through z": "Then the encoder would get the gradient of the KL alone and bring it to 0.00, "
    "where it would stay; VAE {n} ends with a KL of {kl:.2f}.",
    "noise never reaches z": "Then z would not spread at all; where σ = 2, that of VAE {n} spreads by {spread:.2f}.",
    "pixels averaged, latents summed": "Then the reconstruction would begin near log 2 = 0.69, the cost of one grey "
    "pixel; VAE {n} begins at {start_reconstruction:.2f}.",
    "sigmoid applied twice": "Then no pixel could be darker than sigmoid(0) = 0.50; the darkest of VAE {n} has "
    "{darkest:.2f}.",
    "too few training images": "Then the training loss would end far below the test loss; VAE {n} ends with "
    "{train_loss:.2f} and {test_loss:.2f}.",
    "β far too large": "Then (loss − reconstruction) / KL would be β; in the training of VAE {n} it is "
    "{train_weight:.2f}.",
}
"""The trace that each bug would leave, and the recorded number instead."""

BEFORE_TRAINING = (
    "A gradient that is missing changes no number before training; VAE {n} begins with a reconstruction of "
    "{start_reconstruction:.2f} where the healthy VAE has 541.45."
)
LOOK_ALIKES = {
    (2, "no gradient through z"): BEFORE_TRAINING,
    (7, "no gradient through z"): BEFORE_TRAINING,
    (
        5,
        "no gradient through z",
    ): "A missing gradient does not disturb the decoder's training; one batch of VAE {n} costs {largest:.1g} nats.",
    (2, "β far too large"): "The effect is similar. But β would show as (loss − reconstruction) / KL, and that is "
    "{train_weight:.2f}; what is far too small is the other term: {start_reconstruction:.2f} before training.",
    (
        6,
        "decoder ignores z",
    ): "After training it does. But before training its pixels change with z by up to {change:.3f}, as those "
    "of the healthy VAE: why does the decoder stop using z?",
    (4, "β far too large"): "The KL does weigh too much. But β would show as (loss − reconstruction) / KL, and that is "
    "{train_weight:.2f}: it is the KL itself that is wrong, {hand_kl:.2f} for μ = 1, σ = 2 in 8 latents.",
    (
        5,
        "learning rate far too small",
    ): "It does not change. But first one batch cost {largest:.1g} nats, and small steps do not lead there.",
}
"""Sentences for cases in which the general one does not suffice."""


CONFUSED = {
    1: (
        "exp(logvar) used as σ",
        "no gradient through z",
        "logvar read as log σ in the KL",
        "β far too large",
        "KL lacks its factor ½",
        "decoder ignores z",
        "too few training images",
    ),
    2: (
        "β far too large",
        "no gradient through z",
        "decoder ignores z",
        "KL lacks its factor ½",
        "learning rate far too small",
        "KL weighed differently in the test loss",
    ),
    3: (
        "KL lacks its factor ½",
        "too few training images",
        "β far too large",
        "KL enters with the wrong sign",
    ),
    4: (
        "β far too large",
        "logvar read as log σ in the KL",
        "KL weighed differently in the test loss",
        "exp(logvar) used as σ",
    ),
    5: (
        "no gradient through z",
        "decoder ignores z",
        "β far too large",
        "KL enters with the wrong sign",
        "learning rate far too small",
        "too few training images",
    ),
    6: (
        "β far too large",
        "decoder ignores z",
        "pixels averaged, latents summed",
        "learning rate far too large",
        "noise never reaches z",
        "learning rate far too small",
    ),
    7: (
        "learning rate far too small",
        "decoder ignores z",
        "pixels averaged, latents summed",
        "β far too large",
        "noise never reaches z",
        "no gradient through z",
    ),
    8: (
        "noise never reaches z",
        "logvar read as log σ in the KL",
        "KL lacks its factor ½",
        "β far too large",
        "too few training images",
        "KL weighed differently in the test loss",
    ),
}
"""The plausible wrong labels of VAE n; all others get one common answer."""
ELSEWHERE = "a bug that would show elsewhere in the table"


def shown(n: int, label: str) -> str:
    """The text that the check shows for a label; for the right one, not the label itself."""
    if label == BROKEN[n - 1].bug:
        return f"the bug of VAE {n}"
    if label not in BUGS:
        return f"not one of BUGS: {label}"
    return label if label in CONFUSED[n] else ELSEWHERE


def explanation(n: int, label: str) -> str:
    """The sentence that rules a label out for VAE n, with the recorded numbers."""
    record = records()[str(n)]
    start, second = record["curves"]["test_loss"][:2]
    sentence = LOOK_ALIKES.get((n, label), RULED_OUT[label])
    return sentence.format(n=n, start=start, second=second, **record["numbers"])


def odd_numbers(n: int) -> str:
    """The first numbers of the table in which VAE n is far from the healthy one."""
    found, healthy = (records()[name]["numbers"] for name in (str(n), "healthy"))
    odd = [
        f"{title} is {found[key]:{form}} (healthy: {healthy[key]:{form}})"
        for title, (key, form) in ((title, row) for title, row in ROWS.items() if row)
        if abs(found[key] - healthy[key]) > 0.25 * abs(healthy[key]) + 0.01
    ]
    return f"VAE {n} differs in something else: {'; '.join(odd[:3])}."


def _always(label):
    return lambda vae: label


def _confusions(n):
    diagnosis = f"diagnosis_{n}"
    for label in CONFUSED[n]:
        yield Mistake(f"took VAE {n} for '{label}'", {diagnosis: _always(label)}, explanation(n, label))
    other = next(label for label in BUGS if shown(n, label) == ELSEWHERE)
    yield Mistake(f"a label whose traces VAE {n} does not show", {diagnosis: _always(other)}, odd_numbers(n))


CONFUSIONS = tuple(mistake for n in range(1, len(BROKEN) + 1) for mistake in _confusions(n))


# Probes


class Weak(NamedTuple):
    """Wrong probes for one VAE, and the facts for their explanations."""

    fact: str
    """The answer of a healthy VAE, with its arithmetic."""
    example: str
    """A question that the bug does not affect."""
    blind: Callable[[Any], Any]
    """Accepts the broken VAE: tests only what gives both VAEs the same result."""
    unused: Callable[[Any], Any]
    """Accepts the broken VAE: the two answers differ, and it accepts both."""
    exchanged: Callable[[Any], Any]
    """True for the broken VAE, False for a healthy one."""
    never: Callable[[Any], Any]
    """False for every VAE."""
    one_size: Callable[[Any], Any] | None = None
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
    """A gradient check of one of the two terms of the loss."""
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
        "The KL, for example, does not depend on the pixels.",
        blind=lambda vae: _kl(vae, 1) > 0,
        unused=lambda vae: _grey(vae) > 0,
        exchanged=lambda vae: np.isclose(_grey(vae), np.log(2)),
        never=lambda vae: np.isclose(_grey(vae), 784 * np.log(2)),
        one_size=lambda vae: np.isclose(_grey(vae), 96 * np.log(2)),
    ),
    Weak(
        "With the same images and the same eps, `test_loss` and `loss` are equal.",
        "`loss` alone is right.",
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
        "The gradient of `encoder.mu.bias` is the mean of mu, from the KL, plus the gradient through z; differences "
        "of the loss give both.",
        "No value is wrong: `loss` and its parts are those of a healthy VAE.",
        blind=_loss_depends_on_noise,
        unused=_gradient_is_not_zero,
        exchanged=_only_the_kl,
        never=_differences_of_the_reconstruction,
    ),
    Weak(
        "A decoder returns logits, which have no bounds: for latents of a thousand they are far outside [0, 1].",
        "Nothing before the decoder is affected.",
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
        "probe_{n} tests only what gives both VAEs the same result",
        "VAE {n} and a healthy one gave it the same answers, so it could not distinguish them. {example} {fact}",
    ),
    "unused": (
        "probe_{n} accepts both answers",
        "VAE {n} answered otherwise than a healthy one would, but the condition on the answer holds for both. {fact}",
    ),
    "exchanged": (
        "probe_{n} takes the broken VAE for the healthy one",
        "It returns True for VAE {n} and False for the healthy one. {fact}",
    ),
    "never": (
        "probe_{n} returns False for every VAE",
        "A healthy VAE does not fulfil its condition, either: print what it compares. {fact}",
    ),
    "one_size": (
        "probe_{n} holds for one size only",
        "It accepts one healthy VAE and rejects another, with other numbers of latents and pixels: use `vae.latents` "
        "and `vae.image_shape`. {fact}",
    ),
}
"""Name and explanation of the mistake for each field of `Weak` that holds a probe."""


def _mistake(n, weak, way):
    name, explanation = (text.format(n=n, fact=weak.fact, example=weak.example) for text in WAYS[way])
    probe = getattr(weak, way)
    return Mistake(name, {f"probe_{n}": lambda vae: bool(probe(vae))}, explanation)


WEAK_PROBES = tuple(
    _mistake(n, weak, way) for n, weak in enumerate(WEAK, 1) for way in WAYS if getattr(weak, way) is not None
)


MISTAKES = CONFUSIONS + WEAK_PROBES
