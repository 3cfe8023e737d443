"""A short way to write the mistakes of one function, where an exercise asks for several."""

from collections.abc import Callable
from typing import Any

from exercises.kit.exercise import Mistake


def mistakes_of(function: str, *rows: tuple[str, Callable[..., Any], str]) -> tuple[Mistake, ...]:
    """Mistakes of one function, as rows of (name, wrong function, tell)."""
    return tuple(Mistake(f"{function}: {name}", {function: wrong}, tell) for name, wrong, tell in rows)
