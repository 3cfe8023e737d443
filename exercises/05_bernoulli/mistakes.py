"""Wrong cross-entropies, sigmoids and gradients, each with the number that shows it."""

import numpy as np

from exercises.kit.exercise import Mistake
from numpy_impl.functional import sigmoid

# The loss


def _wrong(name, per_pixel, explanation):
    """A mistake in the term that is summed over pixels and averaged over images."""
    return Mistake(name, {"bce": lambda logits, target: np.sum(per_pixel(logits, target)) / len(logits)}, explanation)


def _from_probability(p, target, log=np.log):
    return -target * log(p) - (1 - target) * log(1 - p)


def _per_pixel(logits, target):
    return np.maximum(logits, 0) - logits * target + np.log1p(np.exp(-np.abs(logits)))


def _clipped(eps):
    return _wrong(
        f"probabilities clipped at {eps:g}",
        lambda logits, target: _from_probability(np.clip(sigmoid(logits), eps, 1 - eps), target),
        "{got} instead of {expected}: no pixel can cost more than -log(" + f"{eps:g}) = {-np.log(eps):.4g} nats, "
        "however wrong it is, and beyond that the gradient is 0. Logits need no clipping.",
    )


def _added(eps):
    return _wrong(
        f"{eps:g} added inside the logarithm",
        lambda logits, target: _from_probability(sigmoid(logits), target, lambda p: np.log(p + eps)),
        f"{{got}} instead of {{expected}}: log(p + {eps:g}) hides the infinity and is a little off everywhere else, "
        f"and no pixel can cost more than {-np.log(eps):.4g} nats.",
    )


def _logits_clipped(limit):
    return _wrong(
        f"logits clipped at ±{limit}",
        lambda logits, target: _per_pixel(np.clip(logits, -limit, limit), target),
        "{got} instead of {expected}: no pixel can cost more than about " + f"{limit} nats, and beyond ±{limit} the "
        "gradient is 0, just where the decoder is most wrong. Logits need no clipping.",
    )


UNSTABLE = (
    _wrong(
        "log of probabilities",
        lambda logits, target: _from_probability(sigmoid(logits), target),
        "{got} instead of {expected}: the formula is right, and yet at a logit of 60 the sigmoid is exactly 1 in "
        "float64, so log(1 - 1) is -∞. Simplify with the logit first.",
    ),
    _wrong(
        "log(1 + exp(l)) overflows",
        lambda logits, target: np.log(1 + np.exp(logits)) - logits * target,
        "{got} instead of {expected}: exp(l) is infinite from l = 710 on. For l > 0 take l out of the logarithm.",
    ),
    _wrong(
        "log(1 + exp(-l)) overflows",
        lambda logits, target: np.log(1 + np.exp(-logits)) + (1 - target) * logits,
        "{got} instead of {expected}: exp(-l) is infinite from l = -710 on. For l < 0 take -l out of the logarithm.",
    ),
    *map(_clipped, (1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-12, 1e-15)),
    *map(_added, (1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-12, 1e-15)),
    *map(_logits_clipped, (5, 10, 15, 20, 30, 50)),
    _wrong(
        "logarithm held at -100",
        lambda logits, target: _from_probability(sigmoid(logits), target, lambda p: np.maximum(np.log(p), -100)),
        "{got} instead of {expected}: log(1 - sigmoid(60)) should be -60, became -∞ and was raised to -100. This is "
        "what torch does for probabilities; from logits there is no need.",
    ),
)

FORMULA = (
    _wrong(
        "sigmoid applied twice",
        lambda logits, target: _per_pixel(sigmoid(logits), target),
        "{got} instead of {expected}: a probability was taken for a logit, and went through a second sigmoid.",
    ),
    _wrong(
        "formula for probabilities on logits",
        lambda logits, target: _from_probability(logits, target),
        "{got} instead of {expected}: -t log(x) - (1-t) log(1-x) takes probabilities; of a logit of 0 or 2 one "
        "logarithm is infinite or NaN.",
    ),
    _wrong(
        "arguments exchanged",
        lambda logits, target: _per_pixel(target, logits),
        "{got} instead of {expected}: exactly what the image for logits and the logits for targets give.",
    ),
    _wrong(
        "wrong sign",
        lambda logits, target: -_per_pixel(logits, target),
        "{got} instead of {expected}: this is the log-likelihood, which is never positive. The loss is its negative.",
    ),
    _wrong(
        "black pixels cost nothing",
        lambda logits, target: target * np.logaddexp(0, -logits),
        "{got} instead of {expected}: only -t log x̂ is there; -(1-t) log(1-x̂) belongs to it, or an all-white image "
        "has the lowest loss.",
    ),
    _wrong(
        "white pixels cost nothing",
        lambda logits, target: (1 - target) * np.logaddexp(0, logits),
        "{got} instead of {expected}: only -(1-t) log(1-x̂) is there, so that an all-black image has the lowest loss; "
        "-t log x̂ is missing.",
    ),
    _wrong(
        "black and white exchanged",
        lambda logits, target: _per_pixel(-logits, target),
        "{got} instead of {expected}: a logit of 2 at a white pixel is right, and cheap: log(1 + e^-2) = 0.1269.",
    ),
    _wrong(
        "+l t instead of -l t",
        lambda logits, target: _per_pixel(logits, target) + 2 * logits * target,
        "{got} instead of {expected}: the more certain a white pixel, the lower its loss, so l t is subtracted.",
    ),
    _wrong(
        "max(l, 0) is missing",
        lambda logits, target: _per_pixel(logits, target) - np.maximum(logits, 0),
        "{got} instead of {expected}: a negative log-probability cannot be negative. log(1 + e^l) is "
        "max(l, 0) + log(1 + e^-|l|).",
    ),
    _wrong(
        "no absolute value in the exponent",
        lambda logits, target: np.maximum(logits, 0) - logits * target + np.log1p(np.exp(-logits)),
        "{got} instead of {expected}: for l < 0, log(1 + e^-l) is wrong by -l. The exponent is -|l|.",
    ),
    _wrong(
        "+|l| in the exponent",
        lambda logits, target: np.maximum(logits, 0) - logits * target + np.log1p(np.exp(np.abs(logits))),
        "{got} instead of {expected}: the exponent is -|l|, so that the logarithm is at most log 2.",
    ),
    _wrong(
        "target rounded to black or white",
        lambda logits, target: _per_pixel(logits, (target > 0.5) * 1.0),
        "{got} instead of {expected}: a grey target is a probability, and is used as it is.",
    ),
    _wrong(
        "squared error",
        lambda logits, target: np.square(sigmoid(logits) - target),
        "{got} instead of {expected}: (x̂ - t)² is the loss of a Gaussian, without its constants. It is 0 for an "
        "undecided answer to a grey pixel, where a Bernoulli keeps log 2 = 0.6931.",
    ),
    _wrong(
        "bits instead of nats",
        lambda logits, target: _per_pixel(logits, target) / np.log(2),
        "{got} instead of {expected}: 1 / log 2 = 1.4427 times too much, which is what log2 gives. The KL is in nats.",
    ),
    _wrong(
        "entropy of the target taken off",
        lambda logits, target: (
            _per_pixel(logits, target) + target * np.log(target + 1e-300) + (1 - target) * np.log(1 - target + 1e-300)
        ),
        "{got} instead of {expected}: this is KL(target || x̂). It has the same gradient and is 0 at best, but "
        "-log p(x|z) keeps the entropy of grey pixels.",
    ),
)

REDUCTIONS = (
    Mistake(
        "mean over the pixels",
        {"bce": lambda logits, target: np.mean(_per_pixel(logits, target))},
        "{got} instead of {expected}: a share 1/D. Pixels are independent given z, so their losses add up; with the "
        "mean, the KL weighs D times too much.",
    ),
    Mistake(
        "sum over the batch",
        {"bce": lambda logits, target: np.sum(_per_pixel(logits, target))},
        "{got} instead of {expected}: N times too much. The loss is per image, so the batch is averaged.",
    ),
    Mistake(
        "sum over the images, mean over the pixels",
        {"bce": lambda logits, target: np.sum(_per_pixel(logits, target)) / logits.shape[1]},
        "{got} instead of {expected}: N/D times the value. The axes are exchanged: axis 0 is the batch.",
    ),
    Mistake(
        "not reduced over the batch",
        {"bce": lambda logits, target: np.sum(_per_pixel(logits, target), axis=1)},
        "The result is one number per image; `bce` is their average.",
    ),
)


# The sigmoid, and the gradient of the loss


def _sigmoid(name, function, explanation):
    return Mistake(name, {"sigmoid": function}, explanation)


SIGMOID = (
    _sigmoid(
        "logits shown as the image",
        lambda x: x.copy(),
        "{got} instead of {expected}: this is no probability. Without the sigmoid, the picture leaves [0, 1].",
    ),
    _sigmoid(
        "logits clipped to [0, 1]",
        lambda x: np.clip(x, 0, 1),
        "An undecided pixel, logit 0, became black; its probability is ½. Clipping forces logits into [0, 1], "
        "the sigmoid maps them there.",
    ),
    _sigmoid(
        "logits stretched to [0, 1]",
        lambda x: (x - x.min()) / (x.max() - x.min() or 1),
        "The smallest logit became 0 and the largest 1: a pixel then depends on all others.",
    ),
    _sigmoid(
        "exp(x) / (1 + exp(x)) overflows",
        lambda x: np.exp(x) / (1 + np.exp(x)),
        "Right for small logits; from x = 710 on it is ∞/∞ = NaN. exp(-|x|) never overflows.",
    ),
    _sigmoid(
        "exp(x) for exp(-x)",
        lambda x: 1 / (1 + np.exp(x)),
        "Every value is 1 minus the right one: black and white are exchanged.",
    ),
    _sigmoid(
        "tanh",
        np.tanh,
        "{got} instead of {expected}: tanh reaches from -1 to 1; the sigmoid is (1 + tanh(x/2)) / 2.",
    ),
    _sigmoid(
        "tanh(x) for tanh(x/2)",
        lambda x: (1 + np.tanh(x)) / 2,
        "Twice too steep: (1 + tanh(x)) / 2 is sigmoid(2x).",
    ),
    _sigmoid(
        "softmax over the pixels",
        lambda x: (
            np.exp(x - x.max(axis=1, keepdims=True)) / np.exp(x - x.max(axis=1, keepdims=True)).sum(1, keepdims=True)
        ),
        "{got} instead of {expected}: each row adds up to 1, as if only one pixel could be white.",
    ),
    _sigmoid(
        "black or white by threshold",
        lambda x: (x > 0) * 1.0,
        "The image holds the probabilities themselves; rounded, they no longer show how uncertain the decoder is.",
    ),
)


def _backward(name, gradient, explanation):
    """`gradient` of the summed loss, for dy = 1."""
    return Mistake(
        name, {"bce_backward": lambda dy, logits, target: dy * gradient(logits, target) / len(logits)}, explanation
    )


def _slope(logits):
    return sigmoid(logits) * (1 - sigmoid(logits))


BACKWARD = (
    _backward(
        "gradient for the probability",
        lambda logits, target: (sigmoid(logits) - target) / _slope(logits),
        "{got} instead of {expected}: divided by x̂(1 - x̂). This is the derivative with respect to x̂; for the logit, "
        "the sigmoid's slope x̂(1 - x̂) is a further factor and cancels.",
    ),
    _backward(
        "chain rule through the probability",
        lambda logits, target: (sigmoid(logits) - target) / _slope(logits) * _slope(logits),
        "Right for small logits, NaN for large ones: x̂(1 - x̂) is 0 there, and 0/0 is NaN. Cancel it on paper.",
    ),
    _backward(
        "multiplied by x̂(1 - x̂)",
        lambda logits, target: (sigmoid(logits) - target) * _slope(logits),
        "{got} instead of {expected}: the sigmoid's slope, ¼ at a logit of 0, is one factor too many. It cancels.",
    ),
    _backward(
        "wrong sign in the gradient",
        lambda logits, target: target - sigmoid(logits),
        "{got} instead of {expected}: where the target is white and x̂ below 1, a larger logit lowers the loss.",
    ),
    _backward(
        "no sigmoid in the gradient",
        lambda logits, target: logits - target,
        "{got} instead of {expected}: l - t is the squared error's gradient; here it is sigmoid(l) - t.",
    ),
    _backward(
        "target rounded in the gradient",
        lambda logits, target: sigmoid(logits) - (target > 0.5),
        "Right for black and white pixels, wrong for grey ones: a grey target is used as it is.",
    ),
    Mistake(
        "gradient without 1/N",
        {"bce_backward": lambda dy, logits, target: dy * (sigmoid(logits) - target)},
        "{got} instead of {expected}: N times too much. `bce` is an average, so each image has a share 1/N.",
    ),
    Mistake(
        "gradient of the mean over the pixels",
        {"bce_backward": lambda dy, logits, target: dy * (sigmoid(logits) - target) / logits.size},
        "{got} instead of {expected}: a share 1/D of it. `bce` averages over images and sums over pixels.",
    ),
    Mistake(
        "gradient divided by D instead of N",
        {"bce_backward": lambda dy, logits, target: dy * (sigmoid(logits) - target) / logits.shape[1]},
        "{got} instead of {expected}: N/D times the value. Axis 0 is the batch: len(logits) is N.",
    ),
    Mistake(
        "dy is ignored",
        {"bce_backward": lambda dy, logits, target: (sigmoid(logits) - target) / len(logits)},
        "Right for dy = 1 only: dy is a factor of the whole gradient.",
    ),
    Mistake(
        "gradient averaged over the batch",
        {"bce_backward": lambda dy, logits, target: dy * np.mean(sigmoid(logits) - target, axis=0)},
        "The result is one number per pixel. Every image has its own logits, and so its own gradient: shape (N, D).",
    ),
)


MISTAKES = UNSTABLE + FORMULA + REDUCTIONS + SIGMOID + BACKWARD
