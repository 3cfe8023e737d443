"""The functions on which a gradient checker is tried: right backward functions to accept, wrong ones to reject.

A function takes `x` and constants; its backward function takes `dy`, `x` and the same constants, and returns dx. `draw`
makes x and the constants. No two axes of a function have the same size, and no ReLU is near its kink.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from numpy_impl.gradcheck import away_from_zero


class Operation(NamedTuple):
    """A function, its right backward function, and a function that draws their arguments."""

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
    """A mean over many pixels, whose gradient is about 0.0001, wrong or right."""
    return np.sum(np.logaddexp(0, 4 * logits) - 4 * logits * target) / PIXELS


# A convolution of one image with stride 2 and padding 1: (5, 3) and a kernel (3, 2) give (3, 2).


def padded(image):
    frame = np.zeros((7, 5))
    frame[1:-1, 1:-1] = image
    return frame


def windows(stride=2):
    """For each entry of the kernel, the part of the padded image that it is multiplied by."""
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
    """Mostly positive entries, so that some dy is negative where x is positive."""
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


class Case(NamedTuple):
    """One function with one backward function, right or wrong."""

    name: str
    operation: Operation
    backward: Callable[..., np.ndarray]

    def draw(self, rng: np.random.Generator) -> tuple[Callable, Callable, np.ndarray]:
        """f, f_backward and x, with fresh numbers; f_backward carries the case's name."""
        x, *constants = self.operation.draw(rng)

        def f(x):
            return self.operation.forward(x, *constants)

        def f_backward(dy, x):
            return self.backward(dy, x, *constants)

        f.__name__, f_backward.__name__ = self.name.partition(":")[0], self.name
        return f, f_backward, x


_RIGHT = {
    "x²": SQUARE,
    "linear, dx": LINEAR,
    "linear, dweight": WEIGHT,
    "linear, dbias": BIAS,
    "ReLU away from its kink": RELU,
    "sigmoid(2x)": SIGMOID,
    "log-softmax(10x)": LOG_SOFTMAX,
    "convolution, dimage": IMAGE,
    "convolution, dkernel": KERNEL,
    "cross-entropy per pixel": CROSS_ENTROPY,
    "reparameterization, dlogvar": LOGVAR,
    "values of 10¹²": LARGE,
    "values of 10⁻¹⁰": TINY,
    "values of 3·10⁻⁸": SMALL,
    "one number, some slopes near 0": NUMBER,
    "exp of a sum over one of three axes": EXP_OF_SUM,
    "transposed view of x": VIEW,
    "some columns of x, a view": COLUMNS,
    "a constant": CONSTANT,
    "2x at x = 0": AT_ZERO,
    "2x near x = 0.001": NEAR_ZERO,
    "2x near x = 0.02": CLOSE_TO_ZERO,
}
RIGHT = tuple(Case(name, operation, operation.backward) for name, operation in _RIGHT.items())


def changed(operation, change):
    """The right gradient, changed."""
    return lambda dy, x, *constants: change(operation.backward(dy, x, *constants))


def with_upstream(operation, change):
    """The right backward function, given a changed dy."""
    return lambda dy, x, *constants: operation.backward(change(np.asarray(dy)), x, *constants)


def times(factor, *index):
    """The gradient with the entries at `index` multiplied by a factor."""

    def change(dx):
        dx = np.array(dx)
        dx[index] *= factor
        return dx

    return change


def one_entry_more(dx):
    return dx + (np.arange(15) == 7).reshape(5, 3)


def reshaped(array):
    """The transpose made by a reshape: the right shape, the wrong order."""
    return np.ascontiguousarray(array.T).reshape(array.shape)


def overwritten(dy, x, kernel):
    """Where windows overlap, the last one is kept instead of the sum."""
    frame = np.zeros((7, 5))
    for tap, window in windows():
        frame[window] = kernel[tap] * dy
    return frame[1:-1, 1:-1]


def stride_1(dy, x, kernel):
    return spread(dy, kernel, stride=1)[1:-1, 1:-1]


TOO_LARGE = 1 + 1e-4
"""The factor of a gradient that is wrong in its fourth digit, as from an approximated formula."""

_WRONG = {
    "x²: no factor 2": (SQUARE, changed(SQUARE, lambda dx: dx / 2)),
    "x²: one entry is wrong": (SQUARE, changed(SQUARE, one_entry_more)),
    "x²: one entry is NaN": (SQUARE, changed(SQUARE, times(np.nan, 3, 2))),
    "x²: last row is 0": (SQUARE, changed(SQUARE, times(0, -1))),
    "x²: sign wrong in one row": (SQUARE, changed(SQUARE, times(-1, 3))),
    "x²: rows moved by one": (SQUARE, changed(SQUARE, lambda dx: np.roll(dx, 1, axis=0))),
    "x²: only the sum is right": (SQUARE, changed(SQUARE, lambda dx: np.full_like(dx, dx.mean()))),
    "x²: only the first entry is right": (
        SQUARE,
        changed(SQUARE, lambda dx: dx * (np.arange(15) == 0).reshape(5, 3)),
    ),
    "x²: everywhere 0.5 too large": (SQUARE, changed(SQUARE, lambda dx: dx + 0.5)),
    "x²: everywhere 0.5 too small": (SQUARE, changed(SQUARE, lambda dx: dx - 0.5)),
    "linear, dx: dy ignored": (LINEAR, with_upstream(LINEAR, np.ones_like)),
    "linear, dx: images in reverse": (LINEAR, with_upstream(LINEAR, lambda dy: dy[::-1])),
    "linear, dx: weight reshaped": (LINEAR, lambda dy, x, weight: dy @ reshaped(weight)),
    "linear, dx: sign": (LINEAR, changed(LINEAR, np.negative)),
    "linear, dx: 0.01 % too large": (LINEAR, changed(LINEAR, lambda dx: TOO_LARGE * dx)),
    "linear, dweight: not transposed": (WEIGHT, changed(WEIGHT, np.transpose)),
    "linear, dweight: reshaped": (WEIGHT, changed(WEIGHT, reshaped)),
    "linear, dweight: averaged": (WEIGHT, changed(WEIGHT, lambda dx: dx / 5)),
    "linear, dweight: of one image": (WEIGHT, lambda dy, weight, x: dy[:1].T @ x[:1]),
    "linear, dbias: averaged": (BIAS, changed(BIAS, lambda dx: dx / 5)),
    "linear, dbias: not summed": (BIAS, lambda dy, bias, y: dy),
    "linear, dbias: summed over outputs": (BIAS, lambda dy, bias, y: dy.sum(axis=1)),
    "linear, dbias: shape (1, 7)": (BIAS, lambda dy, bias, y: dy.sum(axis=0, keepdims=True)),
    "ReLU: dy ignored": (RELU, lambda dy, x: (x > 0) * 1.0),
    "ReLU: mask on dy": (RELU, lambda dy, x: dy * (dy > 0)),
    "ReLU: both masks": (RELU, lambda dy, x: dy * (dy > 0) * (x > 0)),
    "ReLU: mask y >= 0": (RELU, lambda dy, x: dy * (np.maximum(x, 0) >= 0)),
    "ReLU: mask inverted": (RELU, lambda dy, x: dy * (x < 0)),
    "ReLU: leaky": (RELU, lambda dy, x: dy * np.where(x > 0, 1, 0.1)),
    "sigmoid(2x): dy ignored": (SIGMOID, with_upstream(SIGMOID, np.ones_like)),
    "sigmoid(2x): no factor 2": (SIGMOID, changed(SIGMOID, lambda dx: dx / 2)),
    "sigmoid(2x): 0.01 % too large": (SIGMOID, changed(SIGMOID, lambda dx: TOO_LARGE * dx)),
    "sigmoid(2x): no 1 - s": (SIGMOID, lambda dy, x: 2 * dy * sigmoid(2 * x)),
    "log-softmax(10x): only the diagonal": (LOG_SOFTMAX, lambda dy, x: 10 * dy * (1 - softmax(x))),
    "log-softmax(10x): dy ignored": (LOG_SOFTMAX, with_upstream(LOG_SOFTMAX, np.ones_like)),
    "convolution, dimage: kernel flipped": (IMAGE, lambda dy, x, k: spread(dy, k[::-1, ::-1])[1:-1, 1:-1]),
    "convolution, dimage: not cropped": (IMAGE, lambda dy, x, k: spread(dy, k)),
    "convolution, dimage: crop off by one": (IMAGE, lambda dy, x, k: spread(dy, k)[2:, 1:-1]),
    "convolution, dimage: overlaps overwritten": (IMAGE, overwritten),
    "convolution, dimage: stride ignored": (IMAGE, stride_1),
    "convolution, dimage: dy upside down": (IMAGE, with_upstream(IMAGE, lambda dy: dy[::-1])),
    "convolution, dimage: last row of dy lost": (IMAGE, with_upstream(IMAGE, times(0, -1))),
    "convolution, dkernel: flipped": (KERNEL, changed(KERNEL, lambda dx: dx[::-1, ::-1])),
    "convolution, dkernel: padding on one side": (
        KERNEL,
        lambda dy, kernel, image: kernel_gradient(dy, np.roll(padded(image), 1, axis=0)),
    ),
    "cross-entropy per pixel: sign": (CROSS_ENTROPY, changed(CROSS_ENTROPY, np.negative)),
    "cross-entropy per pixel: without sigmoid": (
        CROSS_ENTROPY,
        lambda dy, x, target: 4 * dy * (4 * x - target) / PIXELS,
    ),
    "cross-entropy per pixel: times p(1-p)": (
        CROSS_ENTROPY,
        lambda dy, x, target: CROSS_ENTROPY.backward(dy, x, target) * sigmoid(4 * x) * sigmoid(-4 * x),
    ),
    "reparameterization, dlogvar: no ½": (LOGVAR, changed(LOGVAR, lambda dx: 2 * dx)),
    "reparameterization, dlogvar: no σ": (LOGVAR, lambda dy, logvar, mu, eps: dy * eps / 2),
    "reparameterization, dlogvar: detached": (LOGVAR, changed(LOGVAR, np.zeros_like)),
    "values of 10¹²: 0.01 % too large": (LARGE, changed(LARGE, lambda dx: TOO_LARGE * dx)),
    "values of 10⁻¹⁰: sign": (TINY, changed(TINY, np.negative)),
    "values of 10⁻¹⁰: detached": (TINY, changed(TINY, np.zeros_like)),
    "values of 3·10⁻⁸: sign": (SMALL, changed(SMALL, np.negative)),
    "exp of a sum over one of three axes: averaged": (EXP_OF_SUM, changed(EXP_OF_SUM, lambda dx: dx / 3)),
    "transposed view of x: not turned back": (VIEW, lambda dy, x: dy),
}
WRONG = tuple(Case(name, operation, backward) for name, (operation, backward) in _WRONG.items())
