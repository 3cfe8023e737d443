"""Values, calls and places as a learner reads them: short, and never two different numbers that look alike."""

import inspect
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import numpy as np

from exercises.kit.observe import Call

SMALL = 6
"""Arrays with at most so many entries are written out."""
FEW = 3
"""Of the keys of a dict, so many are named."""
LONGEST = 2000
"""Characters of a string that are shown."""


def number(value: Any, digits: int = 4) -> str:
    """A number with a few significant digits."""
    if isinstance(value, bool | np.bool_ | int | np.integer):
        return str(value)
    return f"{float(value) + 0.0:.{digits}g}"  # + 0.0: there is no -0 for a learner


def apart(came: Any, expected: Any) -> tuple[str, str]:
    """Both as text, with as many digits as it takes to see the difference; of two arrays at its largest."""
    if _is_number(came) and _is_number(expected):
        for digits in range(4, 18):
            one, other = number(came, digits), number(expected, digits)
            if one != other:
                return one, other
    one, other = describe(came), describe(expected)
    if one == other and isinstance(came, np.ndarray) and came.shape == np.shape(expected) and came.ndim:
        with np.errstate(invalid="ignore"):  # infinity minus itself, where both have it
            off = np.where(came == expected, 0, np.abs(came - 1.0 * expected))
        index = tuple(map(int, np.unravel_index(off.argmax(), off.shape)))
        one, other = (f"{text} at {list(index)}" for text in apart(came[index], expected[index]))
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
    return f"an object of type {type(value).__name__}"


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


def signature_of(call: Call) -> str:
    """A call as it would be typed: kl(mu=full((5, 3), 2), logvar=full((5, 3), 0))."""
    return f"{call.function}({', '.join(f'{name}={describe(value)}' for name, value in call.arguments.items())})"


def kind_of(value: Any) -> str:
    """What a value is, with its article: "an array of shape (5, 3)", "a number", "a tuple of 3"."""
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
    return "None" if value is None else f"an object of type {type(value).__name__}"


def keys_apart(came: dict[Any, Any], expected: dict[Any, Any]) -> str:
    """Which keys are too few or too many: "a dict, missing: 'fc.bias'; unknown: 'fc.b'"."""
    missing = [key for key in expected if key not in came]
    unknown = [key for key in came if key not in expected]
    parts = [f"{label}: {_names(keys)}" for label, keys in (("missing", missing), ("unknown", unknown)) if keys]
    return f"a dict, {'; '.join(parts)}"


def _names(keys: Collection[Any]) -> str:
    """The first few keys."""
    shown = ", ".join(repr(key) for key in list(keys)[:FEW]) or "nothing"
    return shown + (f" and {len(keys) - FEW} more" if len(keys) > FEW else "")


def path_text(path: tuple[Any, ...], parts: tuple[str, ...] = ()) -> str:
    """Where in a nested result: "dbias", "[2]", "weights.encoder"."""
    text = ""
    for depth, step in enumerate(path):
        if depth == 0 and isinstance(step, int) and step < len(parts):
            step = parts[step]
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += f".{step}" if text else str(step)
    return text


def place_of(function: Callable[..., Any]) -> str:
    """file:line where a function is defined, or nothing where Python does not know."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    return "" if code is None else place(code.co_filename, code.co_firstlineno)


def place(filename: str, line: int) -> str:
    """file:line, short where the file lies below the working directory; a notebook's cell has no file."""
    if not Path(filename).is_file():
        return f"line {line} of the cell"
    path = Path(filename).resolve()
    shown = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    return f"{shown}:{line}"
