"""Exercise 05: the Bernoulli log-likelihood of an image from the decoder's logits, and its gradient."""

import numpy as np

from exercises.kit.exercise import Exercise, Hints, axes, call, full, normal, uniform
from exercises.kit.remarks import CLIPPED_LOGITS, clipped, stands_still
from numpy_impl.functional import (
    binary_cross_entropy_with_logits,
    binary_cross_entropy_with_logits_backward,
    sigmoid,
)

from .mistakes import MISTAKES

SHAPE = axes(5, 7)  # images, pixels: primes that differ, so that no two averages look alike


def bce(logits, target):
    """As in the rungs' loss: the sum, over the number of images."""
    return binary_cross_entropy_with_logits(logits, target) / len(logits)


def bce_backward(dy, logits, target):
    """The sum's gradient, each image with its share 1/N."""
    return binary_cross_entropy_with_logits_backward(dy / len(logits), logits, target)


def bce_by_logaddexp(logits, target):
    """log(e^0 + e^l) - l t, which NumPy computes without overflow."""
    return np.mean(np.sum(np.logaddexp(0, logits) - logits * target, axis=1))


def bce_of_each_outcome(logits, target):
    """The expected surprise: t times that of a white pixel, 1 - t times that of a black one."""
    white, black = np.logaddexp(0, -logits), np.logaddexp(0, logits)
    return float(np.einsum("nd->", target * white + (1 - target) * black)) / logits.shape[0]


def sure(scale):
    """Logits of ±scale and black and white targets that agree with them in some pixels and not in others."""
    sign = np.where(np.arange(35).reshape(SHAPE) % 2, 1.0, -1.0)
    return {"logits": scale * sign, "target": (np.arange(35).reshape(SHAPE) % 3 == 0) * 1.0}


def small(rng):
    """A number that is not 1, as the derivative of a loss that has bce as one of its terms."""
    return float(rng.uniform(0.2, 0.8))


pixels, logits = uniform(*SHAPE), normal(*SHAPE, scale=2)

probes = (
    call("bce", "undecided about grey pixels", logits=np.zeros(SHAPE), target=np.full(SHAPE, 0.5)),
    call("bce", "logits of 2 at white pixels", logits=np.full(SHAPE, 2.0), target=np.ones(SHAPE)),
    call("bce", "logits of 2 at black pixels", logits=np.full(SHAPE, 2.0), target=np.zeros(SHAPE)),
    call("bce", "random logits and grey pixels", logits=logits, target=pixels),
    call("bce", "sure and wrong: logits of 60 at black pixels", logits=np.full(SHAPE, 60.0), target=np.zeros(SHAPE)),
    call("bce", "sure and wrong: logits of -60 at white pixels", logits=np.full(SHAPE, -60.0), target=np.ones(SHAPE)),
    call("bce", "logits of 1000 at grey pixels", logits=full(*SHAPE, value=1000), target=pixels),
    call("bce", "logits of -1000 at grey pixels", logits=full(*SHAPE, value=-1000), target=pixels),
    call("sigmoid", "logits of 0", x=np.zeros(SHAPE)),
    call("sigmoid", "random logits", x=logits),
    call("sigmoid", "logits of ±1000", x=sure(1000)["logits"]),
    call(
        "bce_backward",
        "undecided about white pixels, dy = 1",
        dy=1.0,
        logits=np.zeros(SHAPE),
        target=np.ones(SHAPE),
    ),
    call("bce_backward", "random logits, grey pixels and dy", dy=small, logits=logits, target=pixels),
    call("bce_backward", "logits of ±60, some right and some wrong", dy=1.0, **sure(60)),
    call("bce_backward", "logits of ±1000, some right and some wrong", dy=1.0, **sure(1000)),
)

hints = Hints(
    idea="Put the sigmoid into the logarithm and simplify on paper: log(1/(1 + e^-l)) has no fraction left, and the "
    "logit can be taken out of the logarithm. For which l does an exponential overflow? Treat that side otherwise. "
    "The gradient becomes simple for the same reason: the sigmoid's own slope cancels.",
    formula="log(1 + e^l) - l t for every pixel; for l > 0 take e^l out of the logarithm: log(1 + e^l) = l + "
    "log(1 + e^-l). Both cases at once: max(l, 0) + log(1 + e^-|l|). Gradient: sigmoid(l) - t, times dy / N.",
    line="np.maximum(logits, 0) - ... + np.log1p(np.exp(-np....(logits))), summed over axis 1, averaged over axis 0. "
    "For the sigmoid: with e = exp(-|x|), which never overflows, it is 1 / (1 + e) for x >= 0, and e / (1 + e) else.",
)

exercise = Exercise(
    solution={"sigmoid": sigmoid, "bce": bce, "bce_backward": bce_backward},
    sources=(binary_cross_entropy_with_logits, binary_cross_entropy_with_logits_backward),
    probes=probes,
    hints=hints,
    model_answer=(
        "The logit 0, that is the probability ½, and log 2 = 0.69 nats remain: no prediction costs less than the "
        "entropy of the target. So the reconstruction of grey images does not fall to 0, however good the decoder "
        "is."
    ),
    mistakes=MISTAKES,
    remarks=(
        stands_still(
            CLIPPED_LOGITS,
            lambda answer, x: answer.sigmoid(np.full(SHAPE, x)) if x < 0 else 0,
            lambda answer, x: answer.bce_backward(1.0, np.full(SHAPE, x), np.zeros(SHAPE)) if x < 0 else 0,
            example={"sigmoid": clipped(sigmoid, 0, 30)},
        ),
    ),
    alternatives=(
        {
            "sigmoid": lambda x: (1 + np.tanh(x / 2)) / 2,
            "bce": bce_by_logaddexp,
            "bce_backward": lambda dy, logits, target: dy * (np.exp(-np.logaddexp(0, -logits)) - target) / len(logits),
        },
        {"sigmoid": lambda x: 1 / (1 + np.exp(-x)), "bce": bce_of_each_outcome},
    ),
)
