"""Putting a probe to an answer and writing down all that happens: calls, result, exception, changed arguments."""

import contextlib
import dataclasses
import importlib.util
import inspect
import io
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from exercises.kit.compare import identical
from exercises.kit.exercise import Functions, Probe

KEPT_CALLS = 8
"""Calls of one probe whose results are kept, to see whether a later call changes them."""
ABSENT = "there is no function"


@dataclasses.dataclass(frozen=True)
class Call:
    """One call of one of the exercise's functions, with its arguments as they were before it."""

    function: str
    arguments: dict[str, Any]


@dataclasses.dataclass
class Observation:
    """What one probe saw."""

    value: Any = None
    error: BaseException | None = None
    raised_in: str = ""
    """The function whose call the exception came from; nothing where it came from the probe."""
    calls: list[Call] = dataclasses.field(default_factory=list)
    """The calls of a probe, of many the last few."""
    count: int = 0
    """How many calls there were."""
    functions: set[str] = dataclasses.field(default_factory=set)
    """The names of all functions that were called."""
    mutated: set[str] = dataclasses.field(default_factory=set)
    """Arguments that a call changed, such as "mu of kl"."""
    unstable: bool = False
    """A second look saw something else: the answer draws random numbers, or remembers."""
    results: list[tuple[Call, Any, Any]] = dataclasses.field(default_factory=list)
    """Of the first few calls: the call, its result, and a copy of the result made at once."""

    def overwritten(self) -> str:
        """The function whose result was changed by a later call, or nothing."""
        return next((call.function for call, result, copy in self.results if not identical(result, copy)), "")


class Answer:
    """The functions of an exercise as attributes; each call is recorded in the observation."""

    def __init__(self, functions: Functions, signatures: dict[str, inspect.Signature], seen: Observation) -> None:
        self._functions, self._signatures, self._seen = functions, signatures, seen

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name not in self._signatures:
            raise AttributeError(f"the exercise has no function {name!r}")

        def recorded(*args: Any, **kwargs: Any) -> Any:
            # By position, as far as possible: a learner may have renamed the parameters.
            bound = self._signatures[name].bind(*args, **kwargs)
            return self._call(name, bound)

        return recorded

    def _call(self, name: str, bound: inspect.BoundArguments) -> Any:
        seen, before = self._seen, dict(bound.arguments)
        seen.functions.add(name)
        seen.count += 1
        seen.calls = [*seen.calls[-KEPT_CALLS:], Call(name, before)]
        for argument, value in before.items():
            bound.arguments[argument] = snapshot(value)
        try:
            if name not in self._functions:
                raise NotImplementedError(f"{ABSENT} {name}")
            result = self._functions[name](*bound.args, **bound.kwargs)
        except BaseException:
            seen.raised_in = name
            raise
        for argument, value in before.items():
            if not identical(bound.arguments[argument], value):
                seen.mutated.add(f"{argument} of {name}")
        if len(seen.results) < KEPT_CALLS:
            seen.results.append((seen.calls[-1], result, snapshot(result)))
        return result


def observe(
    probe: Probe, functions: Functions, signatures: dict[str, inspect.Signature], seed: list[int]
) -> Observation:
    """Put the probe to these functions, with random numbers from `seed`. What they print goes to standard output."""
    seen = Observation()
    answer = Answer(functions, signatures, seen)
    # Warnings, too: an overflow shows in the value, and a warning would be noise before the verdict.
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            seen.value = snapshot(probe.observe(answer, np.random.default_rng(seed)))
        except (Exception, SystemExit) as error:
            seen.error = error
    return seen


def observe_silently(
    probe: Probe, functions: Functions, signatures: dict[str, inspect.Signature], seed: list[int]
) -> Observation:
    """`observe` for functions of the exercise's own, and for a second look: nothing is printed."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        return observe(probe, functions, signatures, seed)


def signatures_of(functions: Functions) -> dict[str, inspect.Signature]:
    """How each function is called."""
    return {name: inspect.signature(function) for name, function in functions.items()}


def measurable(probe: Probe) -> bool:
    """Whether the module that the probe requires is installed."""
    try:
        return not probe.requires or importlib.util.find_spec(probe.requires) is not None
    except ValueError:  # sys.modules[name] is None: somebody forbade the import
        return False


def snapshot(value: Any) -> Any:
    """A copy that later changes of `value` cannot reach: arrays, and the lists, tuples and dicts that hold them."""
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, dict):
        return {key: snapshot(item) for key, item in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*map(snapshot, value))
    if isinstance(value, list | tuple):
        return type(value)(map(snapshot, value))
    return value
