"""Comparing what came with what was expected: types first, then shapes, then values; nothing broadcasts."""

import math
import numbers
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

KINDS = ("type", "shape", "dtype", "finite", "value")
"""Kinds of difference, in the order in which a learner should hear of them."""
ROUNDING = 1e-13
"""What float64 leaves of a sum that should be zero."""
Path = tuple[Any, ...]


class Difference(NamedTuple):
    """One place where what came is not what was expected."""

    kind: str
    """One of KINDS."""
    path: Path
    """Where in nested tuples and dicts: indices and keys."""
    came: Any
    expected: Any


def first_difference(came: Any, expected: Any, tolerance: float) -> Difference | None:
    """The difference to report, or None. A wrong type or shape anywhere comes before any wrong value."""
    return min(differences(came, expected, tolerance), key=lambda found: KINDS.index(found.kind), default=None)


def same(one: Any, other: Any, tolerance: float) -> bool:
    """Whether two observations agree in type, shape and value; NaN agrees with NaN."""
    return next(differences(one, other, tolerance), None) is None


def differences(came: Any, expected: Any, tolerance: float, path: Path = ()) -> Iterator[Difference]:
    """Walk both in step; one difference at most for a leaf. Where their types differ, nothing below is compared."""
    if _kind_of(came) != _kind_of(expected):
        yield Difference("type", path, came, expected)
    elif isinstance(expected, dict):
        if came.keys() != expected.keys():
            yield Difference("type", path, came, expected)
            return
        for key in expected:
            yield from differences(came[key], expected[key], tolerance, (*path, key))
    elif isinstance(expected, tuple | list):
        if len(came) != len(expected):
            yield Difference("type", path, came, expected)
            return
        names = getattr(expected, "_fields", range(len(expected)))
        for name, one, other in zip(names, came, expected, strict=True):
            yield from differences(one, other, tolerance, (*path, name))
    elif (kind := _leaf_difference(came, expected, tolerance)) is not None:
        yield Difference(kind, path, came, expected)


def _kind_of(value: Any) -> str:
    """What Python and NumPy spell in many ways, in one: any named tuple is a tuple, an array of no axes a number."""
    if isinstance(value, bool | np.bool_):
        return "bool"
    if isinstance(value, numbers.Number) or (type(value) is np.ndarray and value.ndim == 0):
        return "number"
    for kind in (str, tuple, list, dict):
        if isinstance(value, kind):
            return kind.__name__
    return type(value).__name__


def _leaf_difference(came: Any, expected: Any, tolerance: float) -> str | None:
    kind = _kind_of(expected)
    if kind in ("bool", "str"):
        return None if came == expected else "value"
    if kind not in ("number", "ndarray"):
        return None  # a type of which the kit knows nothing: that it is the same is all that can be said
    if np.shape(came) != np.shape(expected):
        return "shape"
    if not _dtypes_agree(came, expected):
        return "dtype"
    if not np.array_equal(_not_finite(came), _not_finite(expected), equal_nan=True):
        return "finite"
    return None if not wrong_entries(came, expected, tolerance).any() else "value"


def _dtypes_agree(came: Any, expected: Any) -> bool:
    """Python's own numbers have no precision to get wrong; of integers any size will do."""
    if type(came) in (int, float):
        return True
    one, other = np.asarray(came).dtype, np.asarray(expected).dtype
    return one == other or (one.kind in "iu" and other.kind in "iu")


def _not_finite(value: Any) -> np.ndarray:
    """The infinities and NaNs at their places, zero elsewhere."""
    value = np.asarray(value)
    return np.where(np.isfinite(value), 0.0, value) if value.dtype.kind in "fc" else np.zeros(value.shape)


def wrong_entries(came: Any, expected: Any, tolerance: float) -> np.ndarray:
    """True where an entry is off, on the scale of the tensor's largest expected entry or on its own scale.

    The second is far looser and has a floor of a thousandth of the tolerance, so that rounding passes and a small
    entry that is simply wrong does not hide behind a large one.
    """
    came, expected = np.asarray(came), np.asarray(expected)
    if expected.dtype.kind not in "fc" or expected.size == 0:
        return came != expected
    finite = np.isfinite(expected) & np.isfinite(came)
    size = np.abs(np.where(finite, expected, 0))
    largest = float(size.max())
    off = np.abs(np.where(finite, came, 0) - np.where(finite, expected, 0))
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
