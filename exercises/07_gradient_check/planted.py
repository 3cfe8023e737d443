"""The jury of a gradient checker: right backward functions that it must accept, wrong ones that it must reject."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from . import functions as op
from .functions import Operation, padded, sigmoid, spread, windows


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
    "x²": op.SQUARE,
    "linear, dx": op.LINEAR,
    "linear, dweight": op.WEIGHT,
    "linear, dbias": op.BIAS,
    "ReLU away from its kink": op.RELU,
    "sigmoid(2x)": op.SIGMOID,
    "log-softmax(10x)": op.LOG_SOFTMAX,
    "convolution, dimage": op.IMAGE,
    "convolution, dkernel": op.KERNEL,
    "cross-entropy per pixel": op.CROSS_ENTROPY,
    "reparameterization, dlogvar": op.LOGVAR,
    "values of 10¹²": op.LARGE,
    "values of 10⁻¹⁰": op.TINY,
    "values of 3·10⁻⁸": op.SMALL,
    "one number, some slopes near 0": op.NUMBER,
    "exp of a sum over one of three axes": op.EXP_OF_SUM,
    "transposed view of x": op.VIEW,
    "some columns of x, a view": op.COLUMNS,
    "a constant": op.CONSTANT,
    "2x at x = 0": op.AT_ZERO,
    "2x near x = 0.001": op.NEAR_ZERO,
    "2x near x = 0.02": op.CLOSE_TO_ZERO,
}
RIGHT = tuple(Case(name, operation, operation.backward) for name, operation in _RIGHT.items())


def changed(operation, change):
    """The right gradient, changed."""
    return lambda dy, x, *constants: change(operation.backward(dy, x, *constants))


def with_upstream(operation, change):
    """The right backward function, given another dy than it should."""
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
    """A transposition done by reshaping: the right shape, the wrong order."""
    return np.ascontiguousarray(array.T).reshape(array.shape)


def overwritten(dy, x, kernel):
    """Where windows overlap, the last one wins instead of adding."""
    frame = np.zeros((7, 5))
    for tap, window in windows():
        frame[window] = kernel[tap] * dy
    return frame[1:-1, 1:-1]


def stride_1(dy, x, kernel):
    return spread(dy, kernel, stride=1)[1:-1, 1:-1]


TOO_LARGE = 1 + 1e-4
"""The factor of a gradient that is wrong in its fourth digit: a dropped constant, an approximated formula."""

_WRONG = {
    "x²: no factor 2": (op.SQUARE, changed(op.SQUARE, lambda dx: dx / 2)),
    "x²: one entry is wrong": (op.SQUARE, changed(op.SQUARE, one_entry_more)),
    "x²: one entry is NaN": (op.SQUARE, changed(op.SQUARE, times(np.nan, 3, 2))),
    "x²: last row is 0": (op.SQUARE, changed(op.SQUARE, times(0, -1))),
    "x²: sign wrong in one row": (op.SQUARE, changed(op.SQUARE, times(-1, 3))),
    "x²: rows moved by one": (op.SQUARE, changed(op.SQUARE, lambda dx: np.roll(dx, 1, axis=0))),
    "x²: only the sum is right": (op.SQUARE, changed(op.SQUARE, lambda dx: np.full_like(dx, dx.mean()))),
    "x²: only the first entry is right": (
        op.SQUARE,
        changed(op.SQUARE, lambda dx: dx * (np.arange(15) == 0).reshape(5, 3)),
    ),
    "x²: everywhere 0.5 too large": (op.SQUARE, changed(op.SQUARE, lambda dx: dx + 0.5)),
    "x²: everywhere 0.5 too small": (op.SQUARE, changed(op.SQUARE, lambda dx: dx - 0.5)),
    "linear, dx: dy ignored": (op.LINEAR, with_upstream(op.LINEAR, np.ones_like)),
    "linear, dx: images in reverse": (op.LINEAR, with_upstream(op.LINEAR, lambda dy: dy[::-1])),
    "linear, dx: weight reshaped": (op.LINEAR, lambda dy, x, weight: dy @ reshaped(weight)),
    "linear, dx: sign": (op.LINEAR, changed(op.LINEAR, np.negative)),
    "linear, dx: 0.01 % too large": (op.LINEAR, changed(op.LINEAR, lambda dx: TOO_LARGE * dx)),
    "linear, dweight: not transposed": (op.WEIGHT, changed(op.WEIGHT, np.transpose)),
    "linear, dweight: reshaped": (op.WEIGHT, changed(op.WEIGHT, reshaped)),
    "linear, dweight: averaged": (op.WEIGHT, changed(op.WEIGHT, lambda dx: dx / 5)),
    "linear, dweight: of one image": (op.WEIGHT, lambda dy, weight, x: dy[:1].T @ x[:1]),
    "linear, dbias: averaged": (op.BIAS, changed(op.BIAS, lambda dx: dx / 5)),
    "linear, dbias: not summed": (op.BIAS, lambda dy, bias, y: dy),
    "linear, dbias: summed over outputs": (op.BIAS, lambda dy, bias, y: dy.sum(axis=1)),
    "linear, dbias: shape (1, 7)": (op.BIAS, lambda dy, bias, y: dy.sum(axis=0, keepdims=True)),
    "ReLU: dy ignored": (op.RELU, lambda dy, x: (x > 0) * 1.0),
    "ReLU: mask on dy": (op.RELU, lambda dy, x: dy * (dy > 0)),
    "ReLU: both masks": (op.RELU, lambda dy, x: dy * (dy > 0) * (x > 0)),
    "ReLU: mask y >= 0": (op.RELU, lambda dy, x: dy * (np.maximum(x, 0) >= 0)),
    "ReLU: mask inverted": (op.RELU, lambda dy, x: dy * (x < 0)),
    "ReLU: leaky": (op.RELU, lambda dy, x: dy * np.where(x > 0, 1, 0.1)),
    "sigmoid(2x): dy ignored": (op.SIGMOID, with_upstream(op.SIGMOID, np.ones_like)),
    "sigmoid(2x): no factor 2": (op.SIGMOID, changed(op.SIGMOID, lambda dx: dx / 2)),
    "sigmoid(2x): 0.01 % too large": (op.SIGMOID, changed(op.SIGMOID, lambda dx: TOO_LARGE * dx)),
    "sigmoid(2x): no 1 - s": (op.SIGMOID, lambda dy, x: 2 * dy * sigmoid(2 * x)),
    "log-softmax(10x): only the diagonal": (op.LOG_SOFTMAX, lambda dy, x: 10 * dy * (1 - op.softmax(x))),
    "log-softmax(10x): dy ignored": (op.LOG_SOFTMAX, with_upstream(op.LOG_SOFTMAX, np.ones_like)),
    "convolution, dimage: kernel flipped": (op.IMAGE, lambda dy, x, k: spread(dy, k[::-1, ::-1])[1:-1, 1:-1]),
    "convolution, dimage: not cropped": (op.IMAGE, lambda dy, x, k: spread(dy, k)),
    "convolution, dimage: crop off by one": (op.IMAGE, lambda dy, x, k: spread(dy, k)[2:, 1:-1]),
    "convolution, dimage: overlaps overwritten": (op.IMAGE, overwritten),
    "convolution, dimage: stride ignored": (op.IMAGE, stride_1),
    "convolution, dimage: dy upside down": (op.IMAGE, with_upstream(op.IMAGE, lambda dy: dy[::-1])),
    "convolution, dimage: last row of dy lost": (op.IMAGE, with_upstream(op.IMAGE, times(0, -1))),
    "convolution, dkernel: flipped": (op.KERNEL, changed(op.KERNEL, lambda dx: dx[::-1, ::-1])),
    "convolution, dkernel: padding on one side": (
        op.KERNEL,
        lambda dy, kernel, image: op.kernel_gradient(dy, np.roll(padded(image), 1, axis=0)),
    ),
    "cross-entropy per pixel: sign": (op.CROSS_ENTROPY, changed(op.CROSS_ENTROPY, np.negative)),
    "cross-entropy per pixel: without sigmoid": (
        op.CROSS_ENTROPY,
        lambda dy, x, target: 4 * dy * (4 * x - target) / op.PIXELS,
    ),
    "cross-entropy per pixel: times p(1-p)": (
        op.CROSS_ENTROPY,
        lambda dy, x, target: op.CROSS_ENTROPY.backward(dy, x, target) * sigmoid(4 * x) * sigmoid(-4 * x),
    ),
    "reparameterization, dlogvar: no ½": (op.LOGVAR, changed(op.LOGVAR, lambda dx: 2 * dx)),
    "reparameterization, dlogvar: no σ": (op.LOGVAR, lambda dy, logvar, mu, eps: dy * eps / 2),
    "reparameterization, dlogvar: detached": (op.LOGVAR, changed(op.LOGVAR, np.zeros_like)),
    "values of 10¹²: 0.01 % too large": (op.LARGE, changed(op.LARGE, lambda dx: TOO_LARGE * dx)),
    "values of 10⁻¹⁰: sign": (op.TINY, changed(op.TINY, np.negative)),
    "values of 10⁻¹⁰: detached": (op.TINY, changed(op.TINY, np.zeros_like)),
    "values of 3·10⁻⁸: sign": (op.SMALL, changed(op.SMALL, np.negative)),
    "exp of a sum over one of three axes: averaged": (op.EXP_OF_SUM, changed(op.EXP_OF_SUM, lambda dx: dx / 3)),
    "transposed view of x: not turned back": (op.VIEW, lambda dy, x: dy),
}
WRONG = tuple(Case(name, operation, backward) for name, (operation, backward) in _WRONG.items())
