"""Observation of an answer: its calls, result, exception and changed arguments under a probe, beside the solution's."""

import contextlib
import dataclasses
import importlib.util
import inspect
import io
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from exercises.kit.compare import Difference, differences, first_difference, identical, wrong_entries
from exercises.kit.exercise import Draws, Exercise, Functions, Mistake, Probe
from exercises.kit.frames import arrays_of
from exercises.kit.plain import plain
from exercises.kit.text import describe

KEPT_CALLS = 8
"""The number of calls of one probe whose results are kept, to detect that a later call changes them."""
ABSENT = "there is no function"
REPLACED = " (its entries were replaced, no array was written into)"
Signatures = dict[str, inspect.Signature]
REDIRECTION = threading.RLock()


@dataclasses.dataclass(frozen=True)
class Call:
    """One call of one of the exercise's functions, with its arguments as they were before it."""

    function: str
    arguments: dict[str, Any]

    def __str__(self) -> str:
        """The call as it would be typed: kl(mu=full((5, 3), 2), logvar=zeros((5, 3)))."""
        return f"{self.function}({', '.join(f'{name}={describe(value)}' for name, value in self.arguments.items())})"


@dataclasses.dataclass
class Observation:
    """What one probe observes of some functions."""

    value: Any = None
    error: BaseException | None = None
    raised_in: str = ""
    """The function whose call raised the exception; empty where the probe itself raised it."""
    calls: list[Call] = dataclasses.field(default_factory=list)
    """The last few calls."""
    count: int = 0
    """The number of all calls."""
    functions: set[str] = dataclasses.field(default_factory=set)
    """The names of all functions that were called."""
    mutated: set[str] = dataclasses.field(default_factory=set)
    """Arguments that a call changed, such as "mu of kl"; with REPLACED where a dict or list got other entries."""
    unstable: bool = False
    """Whether a repetition gives another result: the functions draw random numbers, or keep state."""
    results: list[tuple[Call, Any, Any]] = dataclasses.field(default_factory=list)
    """Of the first few calls: the call, its result, and a copy of the result made at once."""

    def overwritten(self) -> str:
        """The function whose result a later call changed, or nothing."""
        return next((call.function for call, result, copy in self.results if not identical(result, copy)), "")


class Refreshing(dict[str, Callable[..., Any]]):
    """Functions of another process, which can say what has become of the results that they returned there."""

    def refresh(self) -> None:
        """Change results in place that a later call has changed in the other process."""
        raise NotImplementedError


class TimeUp(BaseException):
    """A function of the answer did not return in time.

    No Exception, so that neither a probe that awaits exceptions nor `except Exception` in an answer catches it.
    """


class Limited(dict[str, Callable[..., Any]]):
    """Functions whose calls are limited in time."""

    def limit(self) -> contextlib.AbstractContextManager[None]:
        """A context in which one function is called. Raises TimeUp inside it."""
        raise NotImplementedError


class Answer:
    """The functions of an exercise as attributes; each call is recorded in the observation."""

    def __init__(self, functions: Functions, signatures: Signatures, observation: Observation) -> None:
        self._functions, self._signatures, self._observation = functions, signatures, observation

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name not in self._signatures:
            raise AttributeError(f"the exercise has no function {name!r}")

        def recorded(*args: Any, **kwargs: Any) -> Any:
            # Arguments are passed by position, since a learner may rename the parameters.
            bound = self._signatures[name].bind(*args, **kwargs)
            return self._call(name, bound)

        return recorded

    def _call(self, name: str, bound: inspect.BoundArguments) -> Any:
        observation, before = self._observation, dict(bound.arguments)
        observation.functions.add(name)
        observation.count += 1
        observation.calls = [*observation.calls[-KEPT_CALLS:], Call(name, before)]
        for argument, value in before.items():
            bound.arguments[argument] = snapshot(value)
        given = {argument: list(arrays_of(value)) for argument, value in bound.arguments.items()}
        try:
            if name not in self._functions:
                raise NotImplementedError(f"{ABSENT} {name}")
            functions = self._functions
            with functions.limit() if isinstance(functions, Limited) else contextlib.nullcontext():
                result = plain(functions[name](*bound.args, **bound.kwargs))
        except BaseException:
            observation.raised_in = name
            raise
        for argument, value in before.items():
            if not identical(bound.arguments[argument], value):
                written = isinstance(value, np.ndarray) or not all(map(identical, given[argument], arrays_of(value)))
                observation.mutated.add(f"{argument} of {name}" + REPLACED * (not written))
        if len(observation.results) < KEPT_CALLS:
            observation.results.append((observation.calls[-1], result, snapshot(result)))
        return result


def observe(probe: Probe, functions: Functions, signatures: Signatures, seed: tuple[int, int]) -> Observation:
    """Run the probe on these functions, with random numbers from (seed, place). Their prints go to standard output."""
    observation = Observation()
    answer = Answer(functions, signatures, observation)
    # An overflow shows in the value; its warning would only precede the verdict.
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            observation.value = snapshot(probe.observe(answer, Draws(*seed)))
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # whatever the answer raises is part of what it does
            observation.error = error
    return observation


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """Drop what is printed inside the block."""
    # Both redirections are those of the whole process: two threads at once would leave one in place for good.
    with REDIRECTION, contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        yield


def observe_silently(probe: Probe, functions: Functions, signatures: Signatures, seed: tuple[int, int]) -> Observation:
    """`observe` without prints: for functions of the exercise, and for repetitions."""
    with silence():
        return observe(probe, functions, signatures, seed)


def signatures_of(functions: Functions) -> Signatures:
    """The signature of each function."""
    return {name: inspect.signature(function) for name, function in functions.items()}


def measurable(probe: Probe) -> bool:
    """Whether the module that the probe requires is installed."""
    try:
        return not probe.requires or importlib.util.find_spec(probe.requires) is not None
    except ValueError:  # sys.modules[name] is None, which forbids the import
        return False


def snapshot(value: Any) -> Any:
    """A copy that later changes of `value` do not affect: arrays, and lists, tuples and dicts of them."""
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, dict):
        return {key: snapshot(item) for key, item in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*map(snapshot, value))
    if isinstance(value, list | tuple):
        return type(value)(map(snapshot, value))
    return value


# Answer and solution under the same probe


@dataclasses.dataclass
class ProbeResult:
    """What one probe observes of the solution and of the answer with the same random numbers."""

    index: int
    """Place of the probe, from 0."""
    probe: Probe
    seed: tuple[int, int]
    """The seed of the check, and the place of the probe."""
    expected: Observation
    observed: Observation
    difference: Difference | None = None
    overwritten: str = ""
    """A function whose result was changed by a later call, of this probe or another."""

    def fails(self) -> bool:
        observed = self.observed
        return bool(observed.error or self.difference or observed.mutated or observed.unstable or self.overwritten)

    def not_written(self) -> bool:
        """Whether it stopped at a function that still raises NotImplementedError, or does not exist."""
        return isinstance(self.observed.error, NotImplementedError)

    def wrong(self) -> bool:
        """Whether it fails, and not for a function that is still to be written."""
        return self.fails() and not self.not_written()

    def expected_of_failed_call(self) -> Any:
        """The solution's result of the call that raised an exception in the answer, or None."""
        following = self.expected.results[len(self.observed.results) :][:1]
        return next((result for call, _, result in following if call.function == self.observed.raised_in), None)

    def took_too_long(self) -> bool:
        """Whether it stopped at a function that did not return in time."""
        return isinstance(self.observed.error, TimeUp)

    def shows_numbers(self) -> bool:
        """Whether it fails by more than infinities and NaN, which many mistakes have in common."""
        observed, tolerance = self.observed, self.probe.tolerance
        if observed.error or observed.mutated or observed.unstable or self.overwritten:
            return True
        return any(
            found.kind != "finite" or wrong_entries(found.got, found.expected, tolerance).any()
            for found in differences(observed.value, self.expected.value, tolerance)
        )

    def without_mutation(self) -> "ProbeResult":
        """The same by values alone, as if no argument had been changed."""
        return dataclasses.replace(self, observed=dataclasses.replace(self.observed, mutated=set()))

    def unfit_result(self) -> tuple[Call, Difference] | None:
        """The first call whose result has another type or shape than the solution's."""
        pairs = zip(self.observed.results, self.expected.results, strict=False)
        for (call, _, got), (_, _, expected) in pairs:
            found = first_difference(got, expected, self.probe.tolerance)
            if found is not None and found.kind in ("type", "shape"):
                return call, found
        return None


def run_probes(exercise: Exercise, functions: Functions, seed: int) -> list[ProbeResult]:
    """Run every probe that can be measured here, in order; a function that took too long is not called again."""
    results, stuck = list[ProbeResult](), dict[str, TimeUp]()
    for index, probe in enumerate(exercise.probes):
        if not measurable(probe):
            continue
        result = run_probe(exercise, functions, index, seed, stuck)
        results.append(result)
        if isinstance(error := result.observed.error, TimeUp):
            stuck.setdefault(result.observed.raised_in, error)
    if isinstance(functions, Refreshing):
        functions.refresh()
    for result in results:  # after all calls, since any of them may overwrite an earlier result
        result.overwritten = result.observed.overwritten()
    return results


def run_probe(
    exercise: Exercise, functions: Functions, index: int, seed: int, stuck: dict[str, TimeUp] | None = None
) -> ProbeResult:
    """Run one probe; its random numbers depend on its place and the seed alone. One of stuck functions is not run.

    Raises RuntimeError where the solution itself fails: the author's error, not the learner's.
    """
    probe, numbers, signatures = exercise.probes[index], (seed, index), signatures_of(exercise.solution)
    expected = stored_observation(exercise, index, seed)
    if expected.error is not None:
        raise RuntimeError(f"probe {index + 1} ({probe.name}) fails on the solution") from expected.error
    known = next((name for name in stuck or {} if name in expected.functions), None)
    if stuck and known:
        return ProbeResult(index, probe, numbers, expected, Observation(error=stuck[known], raised_in=known))
    result = ProbeResult(index, probe, numbers, expected, observe(probe, functions, signatures, numbers))
    if result.observed.error is None:
        result.difference = first_difference(result.observed.value, expected.value, probe.tolerance)
    if result.difference is not None:
        result.observed.unstable = is_unstable(result.observed, probe, functions, signatures, numbers)
    return result


def stored_observation(exercise: Exercise, index: int, seed: int, mistake: Mistake | None = None) -> Observation:
    """What a probe observes of the solution, or of the solution with a mistake in it; computed once."""
    key = mistake.name if mistake else None, index, seed
    if key not in exercise.observed:
        functions = exercise.solution | (mistake.functions if mistake else {})
        probe, signatures = exercise.probes[index], signatures_of(exercise.solution)
        exercise.observed[key] = observe_silently(probe, functions, signatures, (seed, index))
    return exercise.observed[key]


def is_unstable(
    observation: Observation, probe: Probe, functions: Functions, signatures: Signatures, seed: tuple[int, int]
) -> bool:
    """Whether a repetition with the same random numbers gives another result."""
    again = observe_silently(probe, functions, signatures, seed)
    return again.error is None and first_difference(again.value, observation.value, probe.tolerance) is not None
