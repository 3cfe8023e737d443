"""Gradient checkers, put together from parts that may be wrong."""

import numpy as np

STEP, TOLERANCE = 1e-5, 1e-6
_NUMERIC = {}
"""Numeric gradients: checkers that differ in how they compare measure the same ones, and a check has a second."""


def normal(shape, rng):
    return rng.standard_normal(shape)


def central(f, x, index, h):
    """What a step does to f, per unit of step."""
    above, below = x.copy(), x.copy()
    above[index] += h
    below[index] -= h
    return (np.array(f(above)) - np.array(f(below))) / (2 * h)


def forward(f, x, index, h):
    above = x.copy()
    above[index] += h
    return (np.array(f(above)) - np.array(f(x))) / h


def not_halved(f, x, index, h):
    return 2 * central(f, x, index, h)


def aliased(f, x, index, h):
    """In place, and without copies of what f returned."""
    x, value = x.copy(), x[index]
    x[index] = value + h
    above = f(x)
    x[index] = value - h
    below = f(x)
    x[index] = value
    return (above - below) / (2 * h)


def agree(dx, numeric):
    """Whether two gradients agree on the scale of the largest entry; False where there is a NaN."""
    return dx.shape == numeric.shape and bool(np.max(np.abs(dx - numeric)) <= TOLERANCE * np.max(np.abs(numeric)))


def checker(upstream=normal, slope=central, h=STEP, agree=agree, weigh=np.multiply, total=np.sum):
    """A checker made of its parts; without arguments it is a right one."""

    def check_gradient(f, f_backward, x, rng):
        dy = upstream(np.shape(f(x)), rng)
        measured = f_backward.__name__, x.tobytes(), np.asarray(dy).tobytes(), slope, h, weigh, total
        if measured not in _NUMERIC:
            numeric = [total(weigh(dy, slope(f, x, index, h))) for index in np.ndindex(x.shape)]
            _NUMERIC[measured] = np.reshape(numeric, x.shape)
        return agree(np.asarray(f_backward(dy, x.copy())), _NUMERIC[measured])

    return check_gradient


def same_shape(compare):
    """A comparison of values, behind one of the shapes."""
    return lambda dx, numeric: dx.shape == numeric.shape and bool(compare(dx, numeric))


def within(tolerance):
    """Every difference below a number that is the same for all."""
    return same_shape(lambda dx, numeric: np.max(np.abs(dx - numeric)) <= tolerance)


def in_float32(f, f_backward, x, rng):
    dy = rng.standard_normal(np.shape(f(x)))
    dx, x = np.asarray(f_backward(dy, x)), x.astype(np.float32)
    numeric = [np.sum(dy * central(f, x, index, np.float32(STEP))) for index in np.ndindex(x.shape)]
    return agree(dx, np.reshape(numeric, x.shape))


def left_shifted(f, f_backward, x, rng):
    """Moves x in place and forgets to put it back."""
    dy = rng.standard_normal(np.shape(f(x)))
    dx, numeric = np.asarray(f_backward(dy, x)), np.empty(x.shape)
    for index in np.ndindex(x.shape):
        x[index] += STEP
        above = np.array(f(x))
        x[index] -= 2 * STEP
        numeric[index] = np.sum(dy * (above - np.array(f(x)))) / (2 * STEP)
    return agree(dx, numeric)


def entry_by_entry(floor):
    return same_shape(
        lambda dx, numeric: np.all(np.abs(dx - numeric) / np.maximum(np.abs(dx) + np.abs(numeric), floor) <= TOLERANCE)
    )


def loop_with_nan(dx, numeric):
    """`if error > tolerance: return False` for each entry."""
    return dx.shape == numeric.shape and not np.any(np.abs(dx - numeric) > TOLERANCE * np.max(np.abs(numeric)))


def broadcast(dx, numeric):
    return bool(np.max(np.abs(dx - numeric)) <= TOLERANCE * np.max(np.abs(numeric)))


def relative_to_largest(dx, numeric):
    return dx.shape == numeric.shape and bool(np.max(np.abs(dx - numeric)) / np.max(np.abs(numeric)) <= TOLERANCE)
