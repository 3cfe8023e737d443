"""Wrong ways to write the Bernoulli loss, each with the number that gives it away."""

import numpy as np

from exercises.kit.exercise import Mistake
from numpy_impl.functional import sigmoid

from .sigmoid_mistakes import BACKWARD, SIGMOID


def _wrong(name, per_pixel, tell):
    """A mistake in the term that is summed over pixels and averaged over images."""
    return Mistake(name, {"bce": lambda logits, target: np.sum(per_pixel(logits, target)) / len(logits)}, tell)


def _from_probability(p, target, log=np.log):
    return -target * log(p) - (1 - target) * log(1 - p)


def _per_pixel(logits, target):
    return np.maximum(logits, 0) - logits * target + np.log1p(np.exp(-np.abs(logits)))


def _clipped(eps):
    return _wrong(
        f"probabilities clipped at {eps:g}",
        lambda logits, target: _from_probability(np.clip(sigmoid(logits), eps, 1 - eps), target),
        "{came} instead of {expected}: no pixel can cost more than -log(" + f"{eps:g}) = {-np.log(eps):.4g} nats, "
        "however wrong it is, and beyond that the gradient is 0. Logits need no clipping.",
    )


def _added(eps):
    return _wrong(
        f"{eps:g} added inside the logarithm",
        lambda logits, target: _from_probability(sigmoid(logits), target, lambda p: np.log(p + eps)),
        f"{{came}} instead of {{expected}}: log(p + {eps:g}) hides the infinity and is a little off everywhere else, "
        f"and no pixel can cost more than {-np.log(eps):.4g} nats.",
    )


UNSTABLE = (
    _wrong(
        "log of probabilities",
        lambda logits, target: _from_probability(sigmoid(logits), target),
        "{came} instead of {expected}: the formula is right, and yet at a logit of 60 the sigmoid is exactly 1 in "
        "float64, so log(1 - 1) is -∞. Simplify with the logit first.",
    ),
    _wrong(
        "log(1 + exp(l)) overflows",
        lambda logits, target: np.log(1 + np.exp(logits)) - logits * target,
        "{came} instead of {expected}: exp(l) is infinite from l = 710 on. For l > 0 take l out of the logarithm.",
    ),
    _wrong(
        "log(1 + exp(-l)) overflows",
        lambda logits, target: np.log(1 + np.exp(-logits)) + (1 - target) * logits,
        "{came} instead of {expected}: exp(-l) is infinite from l = -710 on. For l < 0 take -l out of the logarithm.",
    ),
    *map(_clipped, (1e-6, 1e-7, 1e-8, 1e-12)),
    *map(_added, (1e-7, 1e-8, 1e-10, 1e-12)),
    _wrong(
        "logarithm held at -100",
        lambda logits, target: _from_probability(sigmoid(logits), target, lambda p: np.maximum(np.log(p), -100)),
        "{came} instead of {expected}: log(1 - sigmoid(60)) should be -60, became -∞ and was raised to -100. This is "
        "what torch does for probabilities; from logits there is no need.",
    ),
)

FORMULA = (
    _wrong(
        "sigmoid applied twice",
        lambda logits, target: _per_pixel(sigmoid(logits), target),
        "{came} instead of {expected}: a probability was taken for a logit, and went through a second sigmoid.",
    ),
    _wrong(
        "formula for probabilities on logits",
        lambda logits, target: _from_probability(logits, target),
        "{came} instead of {expected}: -t log(x) - (1-t) log(1-x) wants probabilities; of a logit of 0 or 2 one "
        "logarithm is infinite or NaN.",
    ),
    _wrong(
        "arguments exchanged",
        lambda logits, target: _per_pixel(target, logits),
        "{came} instead of {expected}: exactly what the image for logits and the logits for targets give.",
    ),
    _wrong(
        "wrong sign",
        lambda logits, target: -_per_pixel(logits, target),
        "{came} instead of {expected}: this is the log-likelihood, which is never positive. The loss is its negative.",
    ),
    _wrong(
        "black pixels cost nothing",
        lambda logits, target: target * np.logaddexp(0, -logits),
        "{came} instead of {expected}: only -t log x̂ is there; -(1-t) log(1-x̂) belongs to it, or all-white images win.",
    ),
    _wrong(
        "white pixels cost nothing",
        lambda logits, target: (1 - target) * np.logaddexp(0, logits),
        "{came} instead of {expected}: only -(1-t) log(1-x̂) is there, or all-black images win; -t log x̂ is missing.",
    ),
    _wrong(
        "black and white exchanged",
        lambda logits, target: _per_pixel(-logits, target),
        "{came} instead of {expected}: a logit of 2 at a white pixel is right, and cheap: log(1 + e^-2) = 0.1269.",
    ),
    _wrong(
        "+l t instead of -l t",
        lambda logits, target: _per_pixel(logits, target) + 2 * logits * target,
        "{came} instead of {expected}: the more certain a white pixel, the lower its loss, so l t is subtracted.",
    ),
    _wrong(
        "max(l, 0) is missing",
        lambda logits, target: _per_pixel(logits, target) - np.maximum(logits, 0),
        "{came} instead of {expected}: a negative log-probability cannot be negative. log(1 + e^l) is "
        "max(l, 0) + log(1 + e^-|l|).",
    ),
    _wrong(
        "no absolute value in the exponent",
        lambda logits, target: np.maximum(logits, 0) - logits * target + np.log1p(np.exp(-logits)),
        "{came} instead of {expected}: for l < 0, log(1 + e^-l) is wrong by -l. The exponent is -|l|.",
    ),
    _wrong(
        "+|l| in the exponent",
        lambda logits, target: np.maximum(logits, 0) - logits * target + np.log1p(np.exp(np.abs(logits))),
        "{came} instead of {expected}: the exponent is -|l|, so that the logarithm is at most log 2.",
    ),
    _wrong(
        "target rounded to black or white",
        lambda logits, target: _per_pixel(logits, (target > 0.5) * 1.0),
        "{came} instead of {expected}: a grey target is a probability, and is used as it is.",
    ),
    _wrong(
        "squared error",
        lambda logits, target: np.square(sigmoid(logits) - target),
        "{came} instead of {expected}: (x̂ - t)² is the loss of a Gaussian, without its constants. It is 0 for an "
        "undecided answer to a grey pixel, where a Bernoulli keeps log 2 = 0.6931.",
    ),
    _wrong(
        "bits instead of nats",
        lambda logits, target: _per_pixel(logits, target) / np.log(2),
        "{came} instead of {expected}: 1 / log 2 = 1.4427 times too much, which is what log2 gives. The KL is in nats.",
    ),
    _wrong(
        "entropy of the target taken off",
        lambda logits, target: (
            _per_pixel(logits, target) + target * np.log(target + 1e-300) + (1 - target) * np.log(1 - target + 1e-300)
        ),
        "{came} instead of {expected}: this is KL(target || x̂). It has the same gradient and is 0 at best, but "
        "-log p(x|z) keeps the entropy of grey pixels.",
    ),
)

REDUCTIONS = (
    Mistake(
        "mean over the pixels",
        {"bce": lambda logits, target: np.mean(_per_pixel(logits, target))},
        "{came} instead of {expected}: a share 1/D. Pixels are independent given z, so their losses add up; with the "
        "mean, the KL weighs D times too much.",
    ),
    Mistake(
        "sum over the batch",
        {"bce": lambda logits, target: np.sum(_per_pixel(logits, target))},
        "{came} instead of {expected}: N times too much. The loss is per image, so the batch is averaged.",
    ),
    Mistake(
        "sum over the images, mean over the pixels",
        {"bce": lambda logits, target: np.sum(_per_pixel(logits, target)) / logits.shape[1]},
        "{came} instead of {expected}: N/D times the value. The axes are exchanged: axis 0 is the batch.",
    ),
    Mistake(
        "not reduced over the batch",
        {"bce": lambda logits, target: np.sum(_per_pixel(logits, target), axis=1)},
        "One number per image came; `bce` is their average.",
    ),
)

MISTAKES = UNSTABLE + FORMULA + REDUCTIONS + SIGMOID + BACKWARD
