"""What one probe observes of an answer, in words: the call, the result, the expected result, and the problem."""

from typing import Any

import numpy as np

from exercises.kit.compare import Difference, explain
from exercises.kit.exercise import Mistake
from exercises.kit.frames import arrays_of
from exercises.kit.observe import REPLACED, Call, ProbeResult, TimeUp
from exercises.kit.raised import Stopped, in_one_line
from exercises.kit.text import compare_keys, describe, describe_both, kind_of, number, path_text

NEW_ARRAY = "make new ones: no `+=`, no `out=`, no `x[...] =` on an argument"
NEW_DICT = "`new = old` is a second name for the same dict or list: begin with an empty one, or with a copy"
NEVER_ENDS = "does a loop never end?"
CLOSE = 1e-3
"""The largest relative error that is called small."""


def what_is_wrong(result: ProbeResult) -> tuple[Call | None, str, str, str]:
    """The call to show, the result, the expected result, and the problem in words."""
    observed, found = result.observed, result.difference
    call = observed.calls[-1] if observed.calls else None
    if isinstance(observed.error, TimeUp):
        return call, str(observed.error), "a result", NEVER_ENDS
    if observed.error is not None:
        # Where the probe itself raised the exception, an unfit result is the cause to show.
        if not observed.raised_in and (unfit := result.unfit_result()):
            return unfit[0], *_difference(unfit[1], result)
        if isinstance(observed.error, Stopped):
            return call, observed.error.got, "a result", observed.error.problem
        text = in_one_line(observed.error)
        if not observed.raised_in:
            return call, text, "no exception", "the check could not use what the answer returned"
        awaited = result.expected_of_failed_call()
        expected = "a result" if awaited is None else kind_of(awaited)
        return call, text, expected, "the call ended with an exception"
    if found is None or observed.unstable:
        return call, *_side_effect(result)
    return call, *_difference(found, result)


def call_in_words(call: Call, count: int) -> str:
    """A call as it would be typed, and how many more there were."""
    return f"{call} and {count - 1} more" if count > 1 else str(call)


def explanation(mistake: Mistake, result: ProbeResult) -> str:
    """The mistake's explanation with the bare values filled in: "2", not "loss = 2"."""
    _, got, expected, _ = what_is_wrong(result)
    label = path_text(result.difference.path, result.probe.parts) if result.difference else ""
    got, expected = (text.removeprefix(f"{label} = ") for text in (got, expected))
    return mistake.explanation.replace("{got}", got).replace("{expected}", expected)


def how_far(first: ProbeResult) -> str:
    """By how much a number is off."""
    found = first.difference
    if found is None or found.kind != "value" or isinstance(found.expected, str | bool | np.bool_):
        return ""
    got, expected = float(np.asarray(found.got).item()), float(np.asarray(found.expected).item())
    if not np.isfinite(got) or not np.isfinite(expected) or expected == 0:
        return ""
    far = f"{number(abs(got - expected))} too {'large' if got > expected else 'small'}"
    return f"{far}: {number(got / expected)} × the expected one" if abs(got / expected - 1) > CLOSE else far


def mutation(arguments: set[str]) -> str:
    """That these arguments were changed."""
    names = ", ".join(sorted(arguments))
    return f"{names} was changed in place" if len(arguments) == 1 else f"{names} were changed in place"


def make_new(arguments: set[str]) -> str:
    """How to leave the arguments alone."""
    return NEW_DICT if all(argument.endswith(REPLACED) for argument in arguments) else NEW_ARRAY


def _difference(found: Difference, result: ProbeResult) -> tuple[str, str, str]:
    """The result, the expected result, and the problem in words, for one place."""
    got, expected = describe_both(found.got, found.expected)
    problem = explain(found, result.probe.tolerance)
    if found.kind in ("type", "shape"):
        got, expected = kind_of(found.got), kind_of(found.expected)
        if isinstance(found.got, dict) and isinstance(found.expected, dict):
            got = compare_keys(found.got, found.expected)
        problem = problem or _advice(found.got)
    elif found.kind == "dtype":
        expected = str(np.asarray(found.expected).dtype)
        got = f"{kind_of(found.got)}, {np.asarray(found.got).dtype}"
        entry = {"b": "True or False", "i": "a whole number"}.get(np.asarray(found.expected).dtype.kind)
        problem = f"every entry should be {entry}" if entry else _which_dtype(expected, result)
    elif found.kind == "finite":
        problem = "the result holds NaN or infinity"
    label = path_text(found.path, result.probe.parts)
    if label:
        got, expected = f"{label} = {got}", f"{label} = {expected}"
    return got, expected, problem


def _which_dtype(expected: str, result: ProbeResult) -> str:
    """What the dtype of the result should be, and that the arguments have it, where all of them do."""
    arguments = result.observed.calls[-1].arguments if result.observed.calls else {}
    dtypes = {array.dtype.name for array in arrays_of(list(arguments.values()))}
    whole = any(isinstance(value, int) and not isinstance(value, bool) for value in arguments.values())
    if dtypes == {expected} and not whole:
        return f"the arguments are {expected}, and so should the result be"
    return f"the result should be {expected}, whatever the arguments are"


def _side_effect(result: ProbeResult) -> tuple[str, str, str]:
    """The values may be right, but the function has an effect that a function should not have."""
    if result.observed.unstable:
        problem = "a second call with the same arguments gives another result: draw no random numbers, keep no state"
        return f"{describe(result.observed.value)}, then something else", describe(result.expected.value), problem
    if result.observed.mutated:
        mutated = result.observed.mutated
        return mutation(mutated), "arguments as they were", make_new(mutated)
    got = f"a result of {result.overwritten} that a later call overwrites"
    return got, "a new array from each call", "the function returns the same array every time"


def _advice(got: Any) -> str:
    if got is None:
        return "is the `return` missing?"
    return "return an array, or a tuple where several results are asked for" if isinstance(got, list) else ""
