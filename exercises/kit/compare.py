"""Comparison of a result with the expected one: types first, then shapes, then values; nothing broadcasts.

The second half describes two arrays that differ: one factor or offset, exchanged or shifted axes, one wrong row.
"""

import itertools
import math
import numbers
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from exercises.kit.text import describe_both, number

KINDS = ("type", "shape", "dtype", "finite", "value")
"""The kinds of difference, in the order in which they are reported."""
ROUNDING = 1e-13
"""Rounding error of a float64 sum whose exact value is zero."""
ENOUGH = 3
"""The smallest count of different numbers from which a common factor or offset is reported."""
TELLING = 6
"""The smallest count of different numbers from which an order of axes or a pattern is reported."""
Path = tuple[Any, ...]


class Difference(NamedTuple):
    """One place where a result differs from the expected one."""

    kind: str
    """One of KINDS."""
    path: Path
    """The place in nested tuples and dicts: indices and keys."""
    got: Any
    expected: Any


def first_difference(got: Any, expected: Any, tolerance: float) -> Difference | None:
    """The difference to report, or None. A wrong type or shape anywhere precedes any wrong value."""
    return min(differences(got, expected, tolerance), key=lambda found: KINDS.index(found.kind), default=None)


def same(one: Any, other: Any, tolerance: float) -> bool:
    """Whether two results agree in type, shape and value; NaN equals NaN."""
    return next(differences(one, other, tolerance), None) is None


def differences(got: Any, expected: Any, tolerance: float, path: Path = ()) -> Iterator[Difference]:
    """All differences, at most one for a leaf. Where two types differ, nothing below them is compared."""
    if _kind_of(got) != _kind_of(expected):
        yield Difference("type", path, got, expected)
    elif isinstance(expected, dict):
        if got.keys() != expected.keys():
            yield Difference("type", path, got, expected)
            return
        for key in expected:
            yield from differences(got[key], expected[key], tolerance, (*path, key))
    elif isinstance(expected, tuple | list):
        if len(got) != len(expected):
            yield Difference("type", path, got, expected)
            return
        names = getattr(expected, "_fields", range(len(expected)))
        for name, one, other in zip(names, got, expected, strict=True):
            yield from differences(one, other, tolerance, (*path, name))
    elif (kind := _leaf_difference(got, expected, tolerance)) is not None:
        yield Difference(kind, path, got, expected)


def _kind_of(value: Any) -> str:
    """One name for equivalent types: a named tuple is a tuple, an array without axes a number."""
    if isinstance(value, bool | np.bool_):
        return "bool"
    if isinstance(value, numbers.Number) or (type(value) is np.ndarray and value.ndim == 0):
        return "number"
    for kind in (str, tuple, list, dict):
        if isinstance(value, kind):
            return kind.__name__
    return type(value).__name__


def _leaf_difference(got: Any, expected: Any, tolerance: float) -> str | None:
    kind = _kind_of(expected)
    if kind in ("bool", "str"):
        return None if got == expected else "value"
    if kind not in ("number", "ndarray"):
        return None  # of other objects only the type is compared
    if np.shape(got) != np.shape(expected):
        return "shape"
    if not _dtypes_agree(got, expected):
        return "dtype"
    if not np.array_equal(_not_finite(got), _not_finite(expected), equal_nan=True):
        return "finite"
    return None if not wrong_entries(got, expected, tolerance).any() else "value"


def _dtypes_agree(got: Any, expected: Any) -> bool:
    """Python's own numbers agree with any precision, and integers of all sizes with each other."""
    if type(got) in (int, float):
        return True
    one, other = np.asarray(got).dtype, np.asarray(expected).dtype
    return one == other or (one.kind in "iu" and other.kind in "iu")


def _not_finite(value: Any) -> np.ndarray:
    """The infinities and NaNs at their places, zero elsewhere."""
    value = np.asarray(value)
    return np.where(np.isfinite(value), 0.0, value) if value.dtype.kind in "fc" else np.zeros(value.shape)


def wrong_entries(got: Any, expected: Any, tolerance: float) -> np.ndarray:
    """True where an entry is off, on the scale of the tensor's largest expected entry or on its own scale.

    The second is far looser and has a floor of a thousandth of the tolerance, so that rounding passes and a large
    entry does not hide a small one that is wrong.
    """
    got, expected = np.asarray(got), np.asarray(expected)
    if expected.dtype.kind not in "fc" or expected.size == 0:
        return got != expected
    finite = np.isfinite(expected) & np.isfinite(got)
    size = np.abs(np.where(finite, expected, 0))
    largest = float(size.max())
    off = np.abs(np.where(finite, got, 0) - np.where(finite, expected, 0))
    of_tensor = off > tolerance * largest + ROUNDING
    of_entry = off > 1e4 * tolerance * size + 1e-3 * tolerance * largest + ROUNDING
    return of_tensor | of_entry


def identical(one: Any, other: Any) -> bool:
    """Whether two values are the same bit for bit, NaN included; of other objects only the types are compared."""
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(identical(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(identical, one, other))
    if isinstance(one, float) and isinstance(other, float):
        return one == other or (math.isnan(one) and math.isnan(other))
    return type(one) is type(other)


# A difference of two arrays in words


def explain(found: Difference, tolerance: float) -> str:
    """One sentence on a wrong value or shape, from the two arrays alone; empty where there is nothing to say."""
    arrays = isinstance(found.got, np.ndarray) and isinstance(found.expected, np.ndarray)
    if not arrays or found.got.dtype.kind not in "biuf" or found.expected.dtype.kind not in "biuf":
        return ""
    if found.kind == "shape":
        return _rearranged(found.got, found.expected, tolerance)
    if found.kind != "value" or found.got.ndim == 0:
        return ""
    return _rearranged(found.got, found.expected, tolerance) or _where_wrong(found.got, found.expected, tolerance)


def common_factor(pairs: list[tuple[Any, Any]]) -> str:
    """One sentence where all numbers of all (got, expected) pairs differ by one factor or one offset, else empty."""
    got, expected = (np.concatenate([np.ravel(one) for one in side]) for side in zip(*pairs, strict=True))
    if got.dtype.kind not in "iuf" or expected.dtype.kind not in "iuf":
        return ""
    got, expected = got.astype(float), expected.astype(float)
    if not (np.isfinite(got).all() and np.isfinite(expected).all()) or len(got) == 0:
        return ""
    scale = np.abs(expected).max()
    telling = np.abs(expected) > 1e-6 * scale
    if len(np.unique(expected[telling])) >= ENOUGH:
        ratio = got[telling][0] / expected[telling][0]
        if np.allclose(got, ratio * expected, rtol=1e-9, atol=1e-9 * scale):
            return f"every value is {_factor(ratio)} the expected one" if ratio else "every value is 0"
    offset = got[0] - expected[0]
    if len(np.unique(expected)) >= ENOUGH and np.allclose(got - expected, offset, rtol=0, atol=1e-9 * (scale or 1)):
        return f"every value is {number(abs(offset))} too {'large' if offset > 0 else 'small'}"
    return ""


def _factor(ratio: float) -> str:
    if np.isclose(ratio, -1):
        return "minus"
    fraction = Fraction(ratio).limit_denominator(1000)
    simple = np.isclose(float(fraction), ratio, rtol=1e-9, atol=0) and fraction.denominator > 1
    digits = next(digits for digits in range(4, 18) if number(ratio, digits) != "1" or digits == 17)
    return f"{fraction} of" if simple and abs(ratio) < 1 else f"{number(ratio, digits)} ×"


def _rearranged(got: np.ndarray, expected: np.ndarray, tolerance: float) -> str:
    """One sentence where an array is right but for its sign, or for axes exchanged, reversed or shifted; else empty."""

    def fits(candidate: np.ndarray) -> bool:
        return candidate.shape == got.shape and not wrong_entries(got, candidate, tolerance).any()

    if got.shape == expected.shape and not _telling(expected):
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
    if got.shape == expected.shape:
        for axis, shift in itertools.product(axes, (-1, 1)):
            if _shifted(got, expected, axis, shift, tolerance):
                return f"it is shifted by {shift:+d} along axis {axis}"
    return ""


def _shifted(got: np.ndarray, expected: np.ndarray, axis: int, shift: int, tolerance: float) -> bool:
    """Whether the entries that a shift by one place keeps inside the array are right."""
    later, earlier = [slice(None)] * expected.ndim, [slice(None)] * expected.ndim
    later[axis], earlier[axis] = slice(1, None), slice(None, -1)
    target, source = (later, earlier) if shift > 0 else (earlier, later)
    overlap = expected[tuple(source)]
    return _telling(overlap) and not wrong_entries(got[tuple(target)], overlap, tolerance).any()


def _telling(x: np.ndarray) -> bool:
    """Whether an array holds so many different numbers that a match of their order is no accident."""
    return len(np.unique(x)) >= TELLING


def _where_wrong(got: np.ndarray, expected: np.ndarray, tolerance: float) -> str:
    """The worst entry, and the part of the array that is wrong where it is one row or the border."""
    wrong = wrong_entries(got, expected, tolerance)
    off = np.where(wrong, np.abs(got.astype(float) - expected.astype(float)), -1.0)
    worst = tuple(map(int, np.unravel_index(off.argmax(), off.shape)))
    one, other = describe_both(got[worst], expected[worst])
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
