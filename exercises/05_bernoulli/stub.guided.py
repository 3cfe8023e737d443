"""Exercise 05: how well does the decoder predict x? Read exercises/05_bernoulli.md, then write the functions."""

import numpy as np


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)), entry by entry: from logits to the probabilities that pixels are white.

    x: any shape, float64; entries may be as large as 1000, or as small as -1000. Returns an array like x.
    """
    raise NotImplementedError  # fill the blank, then delete this line
    small = np.exp(-np.abs(x))  # at most 1, whatever x is
    where_positive = ...  # the blank: the sigmoid for x >= 0, by `small` alone
    where_negative = small / (1 + small)
    return np.where(x >= 0, where_positive, where_negative)


def bce(logits: np.ndarray, target: np.ndarray) -> float:
    """-log p(x|z) in nats per image: summed over the pixels, averaged over the batch.

    logits: (N, D) float64, the decoder's answer; p(x|z) = Bernoulli(sigmoid(logits)).
    target: (N, D) float64, the image, between 0 and 1.
    Returns a number.
    """
    raise NotImplementedError  # fill the blank, then delete this line
    rest = ...  # the blank: log(1 + exp(-|l|)) of each logit
    losses = np.maximum(logits, 0) - logits * target + rest
    return losses.sum() / len(logits)


def bce_backward(dy: float, logits: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The gradient of a loss with respect to the logits.

    dy: a number, the derivative of that loss with respect to bce(logits, target).
    logits, target: as for `bce`.
    Returns (N, D): dy times the derivative of bce with respect to each logit.
    """
    raise NotImplementedError  # fill the blank, then delete this line
    difference = ...  # the blank: x̂ minus the target, (N, D)
    return dy * difference / len(logits)
