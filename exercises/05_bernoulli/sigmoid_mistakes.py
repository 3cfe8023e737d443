"""Wrong ways to write the sigmoid and the gradient of the loss, each with the number that gives it away."""

import numpy as np

from exercises.kit.exercise import Mistake
from numpy_impl.functional import sigmoid


def _sigmoid(name, function, tell):
    return Mistake(name, {"sigmoid": function}, tell)


SIGMOID = (
    _sigmoid(
        "logits shown as the image",
        lambda x: x.copy(),
        "{came} instead of {expected}: this is no probability. Without the sigmoid, the picture leaves [0, 1].",
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
        "The smallest logit became 0 and the largest 1, whatever they were: a pixel then depends on all others.",
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
        "{came} instead of {expected}: tanh reaches from -1 to 1; the sigmoid is (1 + tanh(x/2)) / 2.",
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
        "{came} instead of {expected}: each row adds up to 1, as if only one pixel could be white.",
    ),
    _sigmoid(
        "black or white by threshold",
        lambda x: (x > 0) * 1.0,
        "The image holds the probabilities themselves; rounded, they tell nothing of the decoder's doubts.",
    ),
)


def _backward(name, gradient, tell):
    """`gradient` of the summed loss, for dy = 1."""
    return Mistake(name, {"bce_backward": lambda dy, logits, target: dy * gradient(logits, target) / len(logits)}, tell)


def _slope(logits):
    return sigmoid(logits) * (1 - sigmoid(logits))


BACKWARD = (
    _backward(
        "gradient for the probability",
        lambda logits, target: (sigmoid(logits) - target) / _slope(logits),
        "{came} instead of {expected}: divided by x̂(1 - x̂). This is the derivative with respect to x̂; for the logit, "
        "the sigmoid's slope x̂(1 - x̂) comes as a factor and cancels.",
    ),
    _backward(
        "chain rule through the probability",
        lambda logits, target: (sigmoid(logits) - target) / _slope(logits) * _slope(logits),
        "Right for small logits, NaN for large ones: x̂(1 - x̂) is 0 there, and 0/0 is NaN. Cancel it on paper.",
    ),
    _backward(
        "multiplied by x̂(1 - x̂)",
        lambda logits, target: (sigmoid(logits) - target) * _slope(logits),
        "{came} instead of {expected}: the sigmoid's slope, ¼ at a logit of 0, is one factor too many. It cancels.",
    ),
    _backward(
        "wrong sign in the gradient",
        lambda logits, target: target - sigmoid(logits),
        "{came} instead of {expected}: where the target is white and x̂ below 1, a larger logit lowers the loss.",
    ),
    _backward(
        "no sigmoid in the gradient",
        lambda logits, target: logits - target,
        "{came} instead of {expected}: l - t is the squared error's gradient; here it is sigmoid(l) - t.",
    ),
    _backward(
        "target rounded in the gradient",
        lambda logits, target: sigmoid(logits) - (target > 0.5),
        "Right for black and white pixels, wrong for grey ones: a grey target is used as it is.",
    ),
    Mistake(
        "gradient without 1/N",
        {"bce_backward": lambda dy, logits, target: dy * (sigmoid(logits) - target)},
        "{came} instead of {expected}: N times too much. `bce` is an average, so each image has a share 1/N.",
    ),
    Mistake(
        "gradient of the mean over the pixels",
        {"bce_backward": lambda dy, logits, target: dy * (sigmoid(logits) - target) / logits.size},
        "{came} instead of {expected}: a share 1/D of it. `bce` averages over images and sums over pixels.",
    ),
    Mistake(
        "gradient divided by D instead of N",
        {"bce_backward": lambda dy, logits, target: dy * (sigmoid(logits) - target) / logits.shape[1]},
        "{came} instead of {expected}: N/D times the value. Axis 0 is the batch: len(logits) is N.",
    ),
    Mistake(
        "dy is ignored",
        {"bce_backward": lambda dy, logits, target: (sigmoid(logits) - target) / len(logits)},
        "Right for dy = 1 only: what comes from above is a factor of everything that goes down.",
    ),
    Mistake(
        "gradient averaged over the batch",
        {"bce_backward": lambda dy, logits, target: dy * np.mean(sigmoid(logits) - target, axis=0)},
        "One number per pixel came. Every image has its own logits, and so its own gradient: shape (N, D).",
    ),
)
