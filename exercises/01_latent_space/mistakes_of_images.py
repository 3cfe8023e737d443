"""Wrong ways to make images of what the decoder says."""

import numpy as np

from exercises.model.wrong import mistakes_of
from numpy_impl.functional import sigmoid


def _rescaled(logits):
    return (logits - logits.min()) / (logits.max() - logits.min())


def _softmax(logits):
    e = np.exp(logits - logits.max(axis=(1, 2, 3), keepdims=True))
    return e / e.sum(axis=(1, 2, 3), keepdims=True)


def _images(transform):
    return lambda decode, z: transform(decode(z))


MISTAKES_OF_IMAGES = mistakes_of(
    "decode_grid",
    (
        "no sigmoid",
        _images(lambda logits: logits),
        "A logit can be any real number. Probability = 1/(1 + exp(-logit)).",
    ),
    (
        "sigmoid twice",
        _images(lambda logits: sigmoid(sigmoid(logits))),
        "Every pixel lies between 0.5 and 0.73, which is grey. One sigmoid is enough.",
    ),
    (
        "wrong sign in the sigmoid",
        _images(lambda logits: 1 / (1 + np.exp(logits))),
        "Black and white are exchanged; the exponent is -logit.",
    ),
    (
        "exp instead of sigmoid",
        _images(np.exp),
        "exp(logit) is the odds p/(1-p), not the probability p.",
    ),
    (
        "tanh instead of sigmoid",
        _images(np.tanh),
        "tanh goes from -1 to 1; a probability from 0 to 1.",
    ),
    (
        "(1 + tanh)/2 without halving the logit",
        _images(lambda logits: (1 + np.tanh(logits)) / 2),
        "sigmoid(l) = (1 + tanh(l/2))/2; without the half it is sigmoid(2l), too steep.",
    ),
    (
        "clipped logits",
        _images(lambda logits: np.clip(logits, 0, 1)),
        "Clipping shows logits as if they were probabilities. The sigmoid is missing.",
    ),
    (
        "logits stretched to [0, 1]",
        _images(_rescaled),
        "The darkest pixel of all is 0, the brightest 1: a stretched logit is no probability. The sigmoid is missing.",
    ),
    (
        "black or white",
        _images(lambda logits: (logits > 0).astype(float)),
        "0 or 1 for every pixel. Grey is the decoder's doubt: keep the probability.",
    ),
    (
        "draws pixels",
        _images(lambda logits: np.random.default_rng().binomial(1, sigmoid(logits)).astype(float)),
        "Every call gives another image of black and white pixels, drawn from p(x|z). Its mean is asked for.",
    ),
    (
        "softmax over the pixels",
        _images(_softmax),
        "The pixels of an image sum to 1 here. Each pixel has a probability of its own.",
    ),
    (
        "from 0 to 255",
        _images(lambda logits: 255 * sigmoid(logits)),
        "255 times too much. Images are in [0, 1].",
    ),
    (
        "the channel axis is dropped",
        _images(lambda logits: sigmoid(logits)[:, 0]),
        "An (M, H, W) came; keep the channel axis, (M, C, H, W), even where C is 1.",
    ),
    (
        "one point at a time, each as a batch of one",
        lambda decode, z: np.array([sigmoid(decode(row[None])) for row in z]),
        "An axis of size 1 is left in the middle, one for each batch of one. Join the batches: np.concatenate.",
    ),
    (
        "points without their batch axis",
        lambda decode, z: np.array([sigmoid(decode(row)) for row in z]),
        "`decode` takes a batch (M, Z); one point alone is row[None]. Simpler: give it all of them.",
    ),
)
