"""Remarks on answers that pass: values that are right wherever the probes look, and do not move where they should."""

from collections.abc import Callable
from typing import Any

import numpy as np

from exercises.kit.exercise import Functions, Remark

FAR = 40.0, 41.0
"""Two numbers beyond every bound that is commonly written into code."""
CLIPPED_LOGVAR = (
    "For a logvar of 41 and of 40, or of -41 and of -40, your code gives the same: it is clipped. Many programs do "
    "that, "
    "to survive a bad step; but it is another function than the formula, and beyond the bound its gradient is 0, so "
    "that nothing brings logvar back."
)
CLIPPED_LOGITS = (
    "For logits of 41 and of 40, or of -41 and of -40, your code gives the same: they are clipped. In float64 the "
    "values "
    "are right to 13 digits, so this passes; but a formula that does not overflow needs no clipping, and beyond the "
    "bound the gradient is 0, where the decoder may be most wrong."
)


def clipped(function: Callable[..., Any], place: int, limit: float = 20.0) -> Callable[..., Any]:
    """The same function with one argument, counted from 0, held between two bounds."""

    def bounded(*arguments: Any) -> Any:
        return function(*(np.clip(one, -limit, limit) if i == place else one for i, one in enumerate(arguments)))

    return bounded


def stands_still(text: str, *values: Callable[[Any, float], Any], example: Functions) -> Remark:
    """A remark on an answer of which one of `values(answer, x)` is the same, finite and not 0, for two numbers far out.

    Where the right function moves between them, only a bound explains that.
    """

    def shows(answer: Any) -> bool:
        return any(_same(value, answer, sign) for value in values for sign in (1, -1))

    return Remark(shows, text, example)


def _same(value: Callable[[Any, float], Any], answer: Any, sign: int) -> bool:
    one, other = (np.asarray(value(answer, sign * x), dtype=float) for x in FAR)
    return bool(np.isfinite(one).all() and np.all(one) and np.array_equal(one, other))
