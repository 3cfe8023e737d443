"""Checks of the operations' arguments. Each message names the argument, what was expected, and what was given."""

import numbers

import numpy as np

DTYPES = (np.dtype(np.float32), np.dtype(np.float64))


def check_arrays(**arguments: tuple[np.ndarray | None, int | None]) -> None:
    """Require NumPy arrays of one dtype, float32 or float64; each argument is name=(array, number of dimensions).

    The number of dimensions may be None, for any; so may the array called `bias`, for one that is left out.
    """
    dtype = None
    for name, (array, dimensions) in arguments.items():
        if array is None and name == "bias":
            continue
        if not isinstance(array, np.ndarray):
            raise TypeError(f"{name}: expected a NumPy array, got {type(array).__name__}")
        if array.dtype not in DTYPES:
            raise TypeError(f"{name}: expected float32 or float64, got {array.dtype}")
        dtype = dtype or array.dtype
        if array.dtype != dtype:
            raise TypeError(f"{name}: expected {dtype} like the first argument, got {array.dtype}")
        if dimensions is not None and array.ndim != dimensions:
            raise ValueError(f"{name}: expected {dimensions} dimensions, got shape {array.shape}")


def check_shape(name: str, array: np.ndarray | None, expected: tuple[int | None, ...]) -> None:
    """Require a shape; None stands for any size in `expected`, and for an array that is left out."""
    if array is None:
        return
    same = len(expected) == array.ndim and all(e in (None, s) for e, s in zip(expected, array.shape, strict=True))
    if not same:
        wanted = ", ".join("any" if size is None else str(size) for size in expected)
        raise ValueError(f"{name}: expected shape ({wanted}), got {array.shape}")


def check_not_empty(**arguments: np.ndarray) -> None:
    """Require that no axis but the batch's, x's first, has size 0: no image, kernel or set of channels is empty."""
    for name, array in arguments.items():
        if 0 in array.shape[name == "x" :]:
            raise ValueError(f"{name}: expected at least one channel and one pixel, got shape {array.shape}")


def check_sizes(name: str, image: tuple[int, ...], kernel: tuple[int, ...], padding: tuple[int, int]) -> None:
    """Require that the kernel fits into the padded image."""
    if any(n + 2 * p < k for n, p, k in zip(image, padding, kernel, strict=True)):
        raise ValueError(
            f"{name}: expected an image at least as large as the kernel {kernel}, got {image}, padding {padding}"
        )


def check_unit_interval(name: str, array: np.ndarray) -> None:
    """Require probabilities, as the targets of a Bernoulli likelihood are; NaN is no probability."""
    low, high = array.min(initial=0), array.max(initial=0)
    if not (low >= 0 and high <= 1):
        raise ValueError(f"{name}: expected values in [0, 1], got values from {low} to {high}")


def pair(name: str, value: object, smallest: int) -> tuple[int, int]:
    """Return an int or a pair of ints as a pair, and require that both are at least `smallest`."""
    values = value if isinstance(value, tuple | list) else (value, value)
    if len(values) != 2 or not all(isinstance(v, numbers.Integral) and not isinstance(v, bool) for v in values):
        raise TypeError(f"{name}: expected an integer or a pair of integers, got {value!r}")
    if min(values) < smallest:
        raise ValueError(f"{name}: expected at least {smallest}, got {value!r}")
    return int(values[0]), int(values[1])


def number(name: str, value: object) -> float:
    """Return a real number as a float; an array of no dimensions passes for one, as the result of a loss may be."""
    if isinstance(value, np.ndarray) and value.ndim:
        raise ValueError(f"{name}: expected a number, got an array of shape {value.shape}")
    if isinstance(value, np.ndarray):
        value = value[()]
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name}: expected a number, got {type(value).__name__}")
    return float(value)
