"""The functions that a checker is tried on, each beside its derivative.

A function takes `x` and constants; its backward takes `dy`, `x` and the same constants, and gives dx. `draw` makes x
and the constants. No size is that of another axis, and no ReLU stands at its kink.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from numpy_impl.gradcheck import away_from_zero


class Operation(NamedTuple):
    """A function, its right backward function, and how to draw what they are called with."""

    forward: Callable[..., Any]
    """forward(x, *constants)"""
    backward: Callable[..., np.ndarray]
    """backward(dy, x, *constants)"""
    draw: Callable[[np.random.Generator], tuple[np.ndarray, ...]]
    """draw(rng) -> x and the constants"""


PIXELS = 10_000


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x):
    e = np.exp(10 * x)
    return e / e.sum(axis=1, keepdims=True)


def sum_of_squares(x):
    """One Python number, not an array."""
    return float(np.sum(x * x))


def cross_entropy(logits, target):
    """As a mean over many pixels: its gradient is about 0.0001, and a wrong one is no larger."""
    return np.sum(np.logaddexp(0, 4 * logits) - 4 * logits * target) / PIXELS


# A convolution of one image with stride 2 and padding 1: (5, 3) and a kernel (3, 2) give (3, 2).


def padded(image):
    frame = np.zeros((7, 5))
    frame[1:-1, 1:-1] = image
    return frame


def windows(stride=2):
    """For each entry of the kernel, where it meets the padded image."""
    for i, j in np.ndindex(3, 2):
        yield (i, j), (slice(i, i + 2 * stride + 1, stride), slice(j, j + stride + 1, stride))


def convolve(image, kernel):
    frame = padded(image)
    return sum(kernel[tap] * frame[window] for tap, window in windows())


def spread(dy, kernel, stride=2):
    """The gradient of the padded image."""
    frame = np.zeros((7, 5))
    for tap, window in windows(stride):
        frame[window] += kernel[tap] * dy
    return frame


def kernel_gradient(dy, frame):
    return np.array([np.sum(dy * frame[window]) for _, window in windows()]).reshape(3, 2)


def shapes(*all_shapes):
    """Standard normal arrays."""
    return lambda rng: tuple(rng.standard_normal(shape) for shape in all_shapes)


def draw_away_from_the_kink(rng):
    """Mostly positive, so that some dy is negative where x is positive."""
    x = np.abs(away_from_zero(rng.standard_normal((7, 3))))
    x[2] = 0.05, -0.05, -1  # a step of 0.1 crosses the kink
    x[4, 1] *= -1
    return (x,)


def draw_with_entries_near_zero(rng):
    x = rng.standard_normal((5, 3))
    x[1] = 1e-8, 1, -3e-8
    return (x,)


LINEAR = Operation(lambda x, weight: x @ weight.T, lambda dy, x, weight: dy @ weight, shapes((5, 3), (7, 3)))
WEIGHT = Operation(lambda weight, x: x @ weight.T, lambda dy, weight, x: dy.T @ x, shapes((7, 3), (5, 3)))
BIAS = Operation(lambda bias, y: y + bias, lambda dy, bias, y: dy.sum(axis=0), shapes((7,), (5, 7)))
RELU = Operation(lambda x: np.maximum(x, 0), lambda dy, x: dy * (x > 0), draw_away_from_the_kink)
SIGMOID = Operation(lambda x: sigmoid(2 * x), lambda dy, x: 2 * dy * sigmoid(2 * x) * sigmoid(-2 * x), shapes((5, 3)))
LOG_SOFTMAX = Operation(
    lambda x: np.log(softmax(x)),
    lambda dy, x: 10 * (dy - softmax(x) * dy.sum(axis=1, keepdims=True)),
    lambda rng: (0.3 * rng.standard_normal((5, 3)),),
)
SQUARE = Operation(lambda x: x * x, lambda dy, x: 2 * dy * x, shapes((5, 3)))
IMAGE = Operation(convolve, lambda dy, x, kernel: spread(dy, kernel)[1:-1, 1:-1], shapes((5, 3), (3, 2)))
KERNEL = Operation(
    lambda kernel, image: convolve(image, kernel),
    lambda dy, kernel, image: kernel_gradient(dy, padded(image)),
    shapes((3, 2), (5, 3)),
)
CROSS_ENTROPY = Operation(
    cross_entropy,
    lambda dy, x, target: 4 * dy * (sigmoid(4 * x) - target) / PIXELS,
    lambda rng: (rng.standard_normal((5, 3)), rng.random((5, 3))),
)
LOGVAR = Operation(
    lambda logvar, mu, eps: mu + np.exp(logvar / 2) * eps,
    lambda dy, logvar, mu, eps: dy * eps * np.exp(logvar / 2) / 2,
    shapes((5, 3), (5, 3), (5, 3)),
)
TINY = Operation(lambda x: 1e-10 * np.tanh(x), lambda dy, x: 1e-10 * dy * (1 - np.tanh(x) ** 2), shapes((5, 3)))
SMALL = Operation(lambda x: 3e-8 * np.sin(x), lambda dy, x: 3e-8 * dy * np.cos(x), shapes((5, 3)))
LARGE = Operation(lambda x: 1e12 * np.exp(x), lambda dy, x: 1e12 * dy * np.exp(x), shapes((5, 3)))
NUMBER = Operation(sum_of_squares, lambda dy, x: 2 * dy * x, draw_with_entries_near_zero)
VIEW = Operation(lambda x: x.T, lambda dy, x: dy.T, shapes((5, 3)))
EXP_OF_SUM = Operation(
    lambda x: np.exp(x.sum(axis=1)),
    lambda dy, x: np.repeat((dy * np.exp(x.sum(axis=1)))[:, None], 3, axis=1),
    shapes((2, 3, 5)),
)


def columns_backward(dy, x):
    dx = np.zeros_like(x)
    dx[:, ::-2] = dy
    return dx


COLUMNS = Operation(lambda x: x[:, ::-2], columns_backward, shapes((5, 3)))
CONSTANT = Operation(lambda x: np.ones((7, 3)), lambda dy, x: np.zeros_like(x), shapes((5, 3)))
AT_ZERO = Operation(lambda x: 2 * x, lambda dy, x: 2 * dy, lambda rng: (np.zeros((5, 3)),))
NEAR_ZERO = Operation(lambda x: 2 * x, lambda dy, x: 2 * dy, lambda rng: (1e-3 * rng.uniform(0.6, 1, (5, 3)),))
CLOSE_TO_ZERO = Operation(lambda x: 2 * x, lambda dy, x: 2 * dy, lambda rng: (rng.uniform(0.02, 0.03, (5, 3)),))
