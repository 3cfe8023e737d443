"""The convolution of numpy-ml, a library that is NumPy alone as rung 1 is, where it is installed."""

import collections
import collections.abc
import importlib.util
import warnings

import numpy as np

from ladder.bench.timing import Patience, Time, on_threads, take_turns
from numpy_impl import functional

OURS, THEIRS = "numpy_impl", "numpy-ml"
LAYER = "Conv2D (128, 14, 14, 32) to 64, k3 s2 p1, forward and backward, 1 thread"


def measure_convolution(patience: Patience) -> dict[str, Time]:
    """Rung 1's `conv2d` with its backward pass and numpy-ml's Conv2D on the same arrays, NHWC as both want."""
    if importlib.util.find_spec("numpy_ml") is None:
        return {}
    rng = np.random.default_rng(0)
    x, dy = rng.random((128, 14, 14, 32), np.float32), rng.standard_normal((128, 7, 7, 64), np.float32)
    weight = rng.standard_normal((64, 32, 3, 3), np.float32)
    try:
        theirs = layer_of_numpy_ml(weight)
    except ImportError:  # without scipy, for one
        return {}
    tasks = {OURS: lambda: ours(x, weight, dy), THEIRS: lambda: theirs(x, dy)}
    with on_threads(1):
        return take_turns(tasks, patience, threads=1)


def ours(x: np.ndarray, weight: np.ndarray, dy: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """y, dx and dweight."""
    x, dy, bias = x.transpose(0, 3, 1, 2), dy.transpose(0, 3, 1, 2), np.zeros(len(weight), np.float32)
    y = functional.conv2d(x, weight, bias, stride=2, padding=1)
    return y, *functional.conv2d_backward(dy, x, weight, stride=2, padding=1)[:2]


def layer_of_numpy_ml(weight: np.ndarray):
    """A function (x, dy) -> y, dx, dweight in numpy-ml's own order of axes."""
    # numpy-ml 0.1.2 looks for a name where Python 3.9 still had it.
    collections.Hashable = collections.abc.Hashable  # type: ignore[attr-defined]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from numpy_ml.neural_nets.layers import Conv2D
    finally:
        del collections.Hashable  # type: ignore[attr-defined]
    layer = Conv2D(len(weight), weight.shape[2:], pad=1, stride=2)
    layer.in_ch = weight.shape[1]
    layer._init_params()
    layer.parameters["W"] = np.ascontiguousarray(weight.transpose(2, 3, 1, 0))
    layer.parameters["b"] = np.zeros((1, 1, 1, len(weight)), np.float32)

    def forward_and_backward(x: np.ndarray, dy: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        layer.X, layer.derived_variables = [], {"Z": [], "out_rows": [], "out_cols": []}
        layer.gradients["W"] = 0
        return layer.forward(x), layer.backward(dy), layer.gradients["W"]

    return forward_and_backward
