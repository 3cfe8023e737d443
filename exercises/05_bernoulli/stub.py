"""Exercise 05: how well does the decoder predict x? Read exercises/05_bernoulli.md, then write the functions."""

import numpy as np


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)), entry by entry: from logits to the probabilities that pixels are white.

    x: any shape, float64; entries may be as large as 1000, or as small as -1000. Returns an array like x.
    """
    raise NotImplementedError


def bce(logits: np.ndarray, target: np.ndarray) -> float:
    """-log p(x|z) in nats per image: summed over the pixels, averaged over the batch.

    logits: (N, D) float64, the decoder's answer; p(x|z) = Bernoulli(sigmoid(logits)).
    target: (N, D) float64, the image, between 0 and 1.
    Returns a number.
    """
    raise NotImplementedError


def bce_backward(dy: float, logits: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The gradient of a loss with respect to the logits.

    dy: a number, the derivative of that loss with respect to bce(logits, target).
    logits, target: as for `bce`.
    Returns (N, D): dy times the derivative of bce with respect to each logit.
    """
    raise NotImplementedError
