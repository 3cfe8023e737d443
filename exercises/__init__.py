"""The exercises: a course from the latent space to a whole training step, that checks itself and names the mistake.

In a notebook:

    from exercises import check
    check("04_kl", kl=my_kl)
"""

from collections.abc import Callable
from typing import Any

__all__ = ["check"]


def check(exercise: str, **functions: Callable[..., Any]) -> None:
    """Check functions against an exercise, by its name or number, and print the verdict.

    Raises `foundation.errors.InputError` for an unknown exercise or function.
    """
    from exercises.kit.notebook import check_functions

    print(check_functions(exercise, functions))
