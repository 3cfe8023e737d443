"""What two arrays that differ still have in common: a factor, an offset, a turned axis, one wrong row."""

import itertools
from fractions import Fraction
from typing import Any

import numpy as np

from exercises.kit.compare import Difference, wrong_entries
from exercises.kit.text import apart, number

ENOUGH = 3
"""Numbers that must agree on a factor or an offset before it is reported."""
TELLING = 6
"""Different numbers that must lie as they would, before a turned axis or a pattern is reported."""


def common_factor(pairs: list[tuple[Any, Any]]) -> str:
    """One sentence where all numbers of all (came, expected) pairs differ by one factor or one offset, or nothing."""
    came, expected = (np.concatenate([np.ravel(one) for one in side]) for side in zip(*pairs, strict=True))
    if came.dtype.kind not in "iuf" or expected.dtype.kind not in "iuf":
        return ""
    came, expected = came.astype(float), expected.astype(float)
    if not (np.isfinite(came).all() and np.isfinite(expected).all()) or len(came) == 0:
        return ""
    scale = np.abs(expected).max()
    telling = np.abs(expected) > 1e-6 * scale
    if len(np.unique(expected[telling])) >= ENOUGH:
        ratio = came[telling][0] / expected[telling][0]
        if np.allclose(came, ratio * expected, rtol=1e-9, atol=1e-9 * scale):
            return f"every value is {_factor(ratio)} the expected one" if ratio else "every value is 0"
    offset = came[0] - expected[0]
    if len(np.unique(expected)) >= ENOUGH and np.allclose(came - expected, offset, rtol=0, atol=1e-9 * (scale or 1)):
        return f"every value is {number(abs(offset))} too {'large' if offset > 0 else 'small'}"
    return ""


def _factor(ratio: float) -> str:
    if np.isclose(ratio, -1):
        return "minus"
    fraction = Fraction(ratio).limit_denominator(1000)
    simple = np.isclose(float(fraction), ratio, rtol=1e-9, atol=0) and fraction.denominator > 1
    return f"{fraction} of" if simple and abs(ratio) < 1 else f"{number(ratio)} ×"


def turned(came: np.ndarray, expected: np.ndarray, tolerance: float) -> str:
    """One sentence where an array is right but for its sign or for axes exchanged, reversed or shifted, or nothing."""

    def fits(candidate: np.ndarray) -> bool:
        return candidate.shape == came.shape and not wrong_entries(came, candidate, tolerance).any()

    if came.shape == expected.shape and not _telling(expected):
        return ""
    if expected.dtype.kind in "if" and fits(-expected):
        return "every value is minus the expected one"
    axes = range(expected.ndim)
    for order in itertools.permutations(axes):
        if order != tuple(axes) and fits(expected.transpose(order)):
            return "it is the transpose" if expected.ndim == 2 else f"its axes come in the order {order}"
    for count in (1, 2):
        for chosen in itertools.combinations(axes, count):
            if fits(np.flip(expected, chosen)):
                return f"it is reversed along axis {' and '.join(map(str, chosen))}"
    for axis in axes:
        for shift in (-1, 1):
            moved = [slice(None)] * expected.ndim
            kept = list(moved)
            moved[axis], kept[axis] = (slice(1, None), slice(None, -1))[:: 1 if shift > 0 else -1]
            overlap = expected[tuple(kept)]
            if (
                came.shape == expected.shape
                and _telling(overlap)
                and not wrong_entries(came[tuple(moved)], overlap, tolerance).any()
            ):
                return f"it is shifted by {shift:+d} along axis {axis}"
    return ""


def _telling(x: np.ndarray) -> bool:
    """Whether an array holds enough different numbers for its order to be no accident."""
    return len(np.unique(x)) >= TELLING


def where_wrong(came: np.ndarray, expected: np.ndarray, tolerance: float) -> str:
    """Which part of an array is wrong, where that is one row, or the border, and the worst entry in any case."""
    wrong = wrong_entries(came, expected, tolerance)
    off = np.where(wrong, np.abs(came.astype(float) - expected.astype(float)), -1.0)
    worst = tuple(map(int, np.unravel_index(off.argmax(), off.shape)))
    one, other = apart(came[worst], expected[worst])
    if wrong.sum() == 1:
        return f"the only wrong entry (of {wrong.size}) is {list(worst)}: {one} instead of {other}"
    entry = f"the worst of {wrong.sum()} wrong entries (of {wrong.size}) is {list(worst)}: {one} instead of {other}"
    return "; ".join(filter(None, [_pattern(wrong), entry]))


def _pattern(wrong: np.ndarray) -> str:
    if wrong.all() or wrong.size < TELLING:
        return ""
    for axis in range(wrong.ndim):
        others = tuple(a for a in range(wrong.ndim) if a != axis)
        rows = np.flatnonzero(wrong.any(others))
        if len(rows) == 1 and wrong.shape[axis] > 2:
            return f"only index {rows[0]} of axis {axis} is wrong"
    inside = wrong[..., 1:-1, 1:-1] if wrong.ndim >= 2 else wrong
    if inside.size >= TELLING and not inside.any():
        return "only the border is wrong"
    return ""


def explain(found: Difference, tolerance: float) -> str:
    """What can be said about one wrong value or shape by looking at it, in one sentence, or nothing."""
    arrays = isinstance(found.came, np.ndarray) and isinstance(found.expected, np.ndarray)
    if not arrays or found.came.dtype.kind not in "biuf" or found.expected.dtype.kind not in "biuf":
        return ""
    if found.kind == "shape":
        return turned(found.came, found.expected, tolerance)
    if found.kind != "value" or found.came.ndim == 0:
        return ""
    return turned(found.came, found.expected, tolerance) or where_wrong(found.came, found.expected, tolerance)
