"""Values and places in the source as short text, in which two different numbers never look alike."""

import inspect
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import numpy as np

from exercises.kit.plain import Foreign

SMALL = 6
"""The largest number of entries of an array that is written out."""
FEW = 3
"""The largest number of keys of a dict that are named."""
LONGEST = 2000
"""The largest number of characters of a string that are shown."""


def number(value: Any, digits: int = 4) -> str:
    """A number with a few significant digits."""
    if isinstance(value, bool | np.bool_ | int | np.integer):
        return str(value)
    return f"{float(value) + 0.0:.{digits}g}"  # + 0.0 turns -0 into 0


def describe_both(got: Any, expected: Any) -> tuple[str, str]:
    """Two values with as many digits as show their difference; two arrays at the entry where it is largest."""
    if _is_number(got) and _is_number(expected):
        for digits in range(4, 18):
            one, other = number(got, digits), number(expected, digits)
            if one != other:
                return one, other
    one, other = describe(got), describe(expected)
    if one == other and isinstance(got, np.ndarray) and got.shape == np.shape(expected) and got.ndim:
        with np.errstate(invalid="ignore"):  # infinity minus itself, where both have it
            off = np.where(got == expected, 0, np.abs(got - 1.0 * expected))
        index = tuple(map(int, np.unravel_index(off.argmax(), off.shape)))
        one, other = (f"{text} at {list(index)}" for text in describe_both(got[index], expected[index]))
    return one, other


def describe(value: Any) -> str:
    """A value in a few words."""
    if value is None:
        return "None"
    if _is_number(value):
        return number(value)
    if isinstance(value, np.ndarray):
        return _array(value)
    if isinstance(value, dict):
        if len(value) > FEW:
            return f"a dict of {len(value)}: {next(iter(value))}, …"
        return "{" + ", ".join(f"{key}: {describe(item)}" for key, item in value.items()) + "}"
    if isinstance(value, tuple | list):
        inner = ", ".join(map(describe, list(value)[:4])) + (", …" if len(value) > 4 else "")
        return f"({inner})" if isinstance(value, tuple) else f"the list [{inner}]"
    if callable(value) and hasattr(value, "__name__"):
        return value.__name__
    if isinstance(value, str):
        text = value[:LONGEST]
        return (text if "\n" in text else repr(text)) + " …" * (len(value) > LONGEST)  # several lines are a report
    return f"an object of type {_type_name(value)}"


def _type_name(value: Any) -> str:
    return value.name if isinstance(value, Foreign) else type(value).__name__


def _is_number(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return value.ndim == 0 and value.dtype.kind in "biuf"
    return isinstance(value, bool | int | float | np.bool_ | np.integer | np.floating)


def _array(x: np.ndarray) -> str:
    if x.size == 0 or x.dtype.kind not in "biuf":
        return f"array {x.shape} of {x.dtype}"
    if x.size <= SMALL:
        return "[" + " ".join(_array(row) if row.ndim else number(row) for row in x) + "]"
    if (x == x.flat[0]).all():
        return f"full({x.shape}, {number(x.flat[0])})" if x.flat[0] else f"zeros({x.shape})"
    return f"array {x.shape} [" + " ".join(number(value, 3) for value in x.flat[:3]) + " …]"


def kind_of(value: Any) -> str:
    """The kind of a value, with its article: "an array of shape (5, 3)", "a number", "a tuple of 3"."""
    if type(value) is np.ndarray and value.ndim:
        return f"an array of shape {value.shape}"
    if isinstance(value, bool | np.bool_):
        return f"the truth value {value}"
    if _is_number(value):
        return f"the number {number(value)}"
    if isinstance(value, tuple | list):
        return f"a {'tuple' if isinstance(value, tuple) else 'list'} of {len(value)}"
    if isinstance(value, dict):
        return f"a dict {f'of {len(value)} ' * (len(value) > FEW)}with {_names(value)}"
    return "None" if value is None else f"an object of type {_type_name(value)}"


def compare_keys(got: dict[Any, Any], expected: dict[Any, Any]) -> str:
    """The missing and the unknown keys of a dict: "a dict, missing: 'fc.bias'; unknown: 'fc.b'"."""
    missing = [key for key in expected if key not in got]
    unknown = [key for key in got if key not in expected]
    parts = [f"{label}: {_names(keys)}" for label, keys in (("missing", missing), ("unknown", unknown)) if keys]
    return f"a dict, {'; '.join(parts)}"


def _names(keys: Collection[Any]) -> str:
    """The first few keys."""
    text = ", ".join(repr(key) for key in list(keys)[:FEW]) or "nothing"
    return text + (f" and {len(keys) - FEW} more" if len(keys) > FEW else "")


def path_text(path: tuple[Any, ...], parts: tuple[str, ...] = ()) -> str:
    """A place in a nested result: "dbias", "[2]", "weights.encoder"."""
    text = ""
    for depth, step in enumerate(path):
        if depth == 0 and isinstance(step, int) and step < len(parts):
            step = parts[step]
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += f".{step}" if text else str(step)
    return text


class Located:
    """A function of another process, with the place of its definition in a file of this one."""

    file = ""
    line = 0

    def __call__(self, *arguments: Any) -> Any:
        raise NotImplementedError


def place_of(function: Callable[..., Any]) -> str:
    """file:line where a function is defined; empty for a function without source."""
    if isinstance(function, Located):
        return place(function.file, function.line) if function.file else ""
    code = getattr(inspect.unwrap(function), "__code__", None)
    return "" if code is None else place(code.co_filename, code.co_firstlineno)


def source_file_of(function: Callable[..., Any]) -> str:
    """The file in which a function is defined, or nothing."""
    if isinstance(function, Located):
        return function.file
    code = getattr(inspect.unwrap(function), "__code__", None)
    return "" if code is None else str(code.co_filename)


def place(filename: str, line: int) -> str:
    """file:line, relative where the file is below the working directory; a notebook's cell has no file."""
    return f"{shown(Path(filename).resolve())}:{line}" if Path(filename).is_file() else f"line {line} of the cell"


def shown(path: Path) -> Path:
    """A path for a message: relative where it is below the working directory, else absolute."""
    try:
        return path.absolute().relative_to(Path.cwd())
    except (ValueError, OSError):  # elsewhere; or the working directory has been removed
        return path.absolute() if path.is_absolute() else path
