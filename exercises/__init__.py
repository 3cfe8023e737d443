"""The exercises: a course from the latent space to a whole training step, with checks that name the mistake.

In a notebook:

    from exercises import check
    check("04_kl", kl=my_kl)
"""

from collections.abc import Callable
from typing import Any

__all__ = ["check"]


def check(exercise: str, *, time_limit: float = 10.0, **functions: Callable[..., Any]) -> None:
    """Check functions against an exercise, by its name or number, and print the verdict.

    Functions that are left out count as not written yet. A function that does not return within the time limit, in
    seconds, is wrong, as an endless loop is. One that waits outside of Python's own code may take longer, and a loop
    that catches every exception, as a bare `except:` does, is not ended. There is no process of its own, and nothing is
    remembered.

    Raises `foundation.errors.InputError` for an unknown exercise or function.
    """
    from exercises.kit.catalogue import find  # here, so that the command line starts without NumPy
    from exercises.kit.diagnose import diagnose
    from exercises.kit.interrupt import Interrupted
    from exercises.kit.limits import Limits
    from foundation.errors import InputError

    entry = find(exercise)
    loaded = entry.load()
    for name, function in functions.items():
        if name not in loaded.solution:
            raise InputError(f"{entry.name}: expected functions named {', '.join(loaded.solution)}, got {name!r}")
        if not callable(function):
            raise InputError(f"{entry.name}: expected a function for {name}, got {type(function).__name__}")
    print(diagnose(entry.name, loaded, Interrupted(functions, Limits(time_limit).seconds)))
