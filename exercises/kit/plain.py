"""Results as plain data: numbers, texts, arrays, and tuples, lists and dicts of them.

A learner's function may return any object, with methods that raise, never end, or differ at every call. Everything
that compares, copies or describes a result sees only what `plain` makes of it.
"""

import dataclasses
from typing import Any

import numpy as np

DEEPEST = 8
"""The largest depth of nested tuples, lists and dicts; no exercise asks for more than 3."""
MOST_ENTRIES = 100_000_000
"""The largest number of entries of an array: a view of one number can claim any."""
LARGEST_INTEGER = 2**63
NUMPY_KINDS = "biufcU"
"""NumPy's kinds of numbers and texts."""
NUMBERS = (int, float, complex)


@dataclasses.dataclass(frozen=True)
class Foreign:
    """Stands for an object that no exercise asks for, such as a matrix, a masked array, a tensor or a generator."""

    name: str
    """What it is, in words that follow "an object of type"."""


def plain(value: Any, depth: int = 0) -> Any:
    """The value, with instances of subclasses as what they are underneath, and other objects as `Foreign`.

    Arrays are not copied. An array of a subclass of ndarray is foreign, since `*` and `+` may mean something else.
    """
    kind = type(value)
    if value is None or kind in (bool, str, float, complex, Foreign):
        return value
    if isinstance(value, np.generic):
        return value if kind.__module__ == "numpy" and value.dtype.kind in NUMPY_KINDS else Foreign(kind.__name__)
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, NUMBERS):
        return _number(value)
    if kind is np.ndarray:
        if value.dtype.kind not in NUMPY_KINDS:
            return Foreign(f"ndarray, of dtype {value.dtype}"[:80])
        too_large = value.size > MOST_ENTRIES
        return Foreign(f"ndarray, with the shape {value.shape} too large to be compared") if too_large else value
    if isinstance(value, tuple | list | dict):
        if depth == DEEPEST:
            return Foreign(f"{kind.__name__}, nested more than {DEEPEST} deep")
        return _container(value, depth + 1)
    return Foreign(kind.__name__)


def _number(value: Any) -> Any:
    """A Python number of its own type, also where a subclass changes what its operators do."""
    if not isinstance(value, int):
        return (float.__float__ if isinstance(value, float) else complex.__complex__)(value)
    number = int.__int__(value)
    return number if abs(number) <= LARGEST_INTEGER else Foreign(f"int, of {number.bit_length()} bits")


def _container(value: Any, depth: int) -> Any:
    """The items by the methods of the plain type, which a subclass may have changed."""
    if isinstance(value, tuple):
        return tuple(plain(item, depth) for item in tuple.__iter__(value))
    if isinstance(value, list):
        return [plain(item, depth) for item in list.__iter__(value)]
    if not all(isinstance(key, str | int | float) for key in dict.keys(value)):
        return Foreign("dict, with keys that are neither texts nor numbers")
    return {plain(key): plain(item, depth) for key, item in dict.items(value)}
