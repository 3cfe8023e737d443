"""Checking functions that live in a notebook or a test: no file, no subprocess, nothing remembered."""

from exercises.kit.catalogue import find
from exercises.kit.diagnose import diagnose
from exercises.kit.exercise import Functions
from exercises.kit.verdict import Verdict
from foundation.errors import InputError


def check_functions(name: str, functions: Functions) -> Verdict:
    """The verdict on functions given by name; those that are left out count as not written yet."""
    entry = find(name)
    exercise = entry.load()
    for given, function in functions.items():
        if given not in exercise.solution:
            raise InputError(f"{entry.name}: expected functions named {', '.join(exercise.solution)}, got {given!r}")
        if not callable(function):
            raise InputError(f"{entry.name}: expected a function for {given}, got {type(function).__name__}")
    return diagnose(entry.name, exercise, functions)
