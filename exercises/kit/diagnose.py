"""From an answer to a verdict: put all probes, find the first that fails, and say why as far as that is certain."""

import dataclasses
import secrets
from typing import Any

import numpy as np

from exercises.kit.catalogue import Entry
from exercises.kit.compare import Difference
from exercises.kit.exercise import Exercise, Functions, Mistake
from exercises.kit.look import Look, look_at, look_at_all, stored_observation
from exercises.kit.mistakes import recognise
from exercises.kit.observe import ABSENT, Call, measurable
from exercises.kit.structure import common_factor, explain
from exercises.kit.text import apart, describe, keys_apart, kind_of, path_text, place_of, signature_of
from exercises.kit.traces import frames_of, function_that_raised, place_of_error
from exercises.kit.verdict import Verdict

SEED = 0
"""The seed of the numbers in messages: the same for everybody."""
NEW_ARRAY = "make new ones: no `+=`, no `out=`, no `x[...] =` on an argument"
HARD_CODED = "right with the numbers of the first run, wrong with fresh ones: is a number written into the code?"
UNKNOWN = "this mistake is not one that the exercise knows by name"


def diagnose(name: str, exercise: Exercise, functions: Functions, seeds: tuple[int, ...] | None = None) -> Verdict:
    """Check an answer: with the same numbers for everybody, then with fresh ones, against hard-coded answers."""
    looks = []
    seeds = seeds or (SEED, 1 + secrets.randbelow(2**32))
    for seed in seeds:
        looks = look_at_all(exercise, functions, seed)
        if any(look.wrong() for look in looks):
            verdict = _wrong(name, exercise, functions, looks)
            hard_coded = seed != seeds[0] and not verdict.mistake
            return dataclasses.replace(verdict, note=HARD_CODED) if hard_coded else verdict
        if any(look.not_written() for look in looks):
            return _not_written(name, exercise, looks)
    missing = sorted({probe.requires for probe in exercise.probes if not measurable(probe)})
    if missing:
        counts = f"{len(looks)} of {len(exercise.probes)} probes pass"
        note = f"{counts}; the others need {', '.join(missing)}, which is not installed"
        return Verdict(name, "NOT MEASURED", probes=len(exercise.probes), note=note)
    note = f"{len(looks)} probes, with the usual numbers and with fresh ones"
    return Verdict(name, "PASS", probes=len(exercise.probes), note=note)


def diagnose_probe(name: str, exercise: Exercise, functions: Functions, number: int) -> Verdict:
    """Look at one probe alone, counted from 1, with the numbers of the message; a verdict on no more than that."""
    probe, index = exercise.probes[number - 1], number - 1
    found = {"probe": number, "probes": len(exercise.probes), "about": probe.name}
    if not measurable(probe):
        return Verdict(name, "NOT MEASURED", note=f"{probe.requires} is not installed", **found)
    look = look_at(exercise, functions, index, SEED)
    if look.not_written():
        return Verdict(name, "NOT WRITTEN YET", **found)
    if look.fails():
        return dataclasses.replace(_wrong(name, exercise, functions, [look]), mistake="", tell="", note="")
    call = look.seen.calls[-1] if look.seen.calls else None
    called = _called(call, look.seen.count) if call else ""
    came, expected = describe(look.seen.value), describe(look.expected.value)
    return Verdict(name, "PASS", called=called, came=came, expected=expected, **found)


def _not_written(name: str, exercise: Exercise, looks: list[Look]) -> Verdict:
    """Nothing is wrong, but something is still missing."""
    stopped = {
        function_that_raised(look.seen.error, exercise.solution) or look.seen.raised_in: str(look.seen.error)
        for look in looks
        if look.not_written()
    }
    missing = [function for function in exercise.solution if function in stopped]
    absent = [function for function in missing if stopped[function].startswith(ABSENT)]
    right = sum(not look.fails() for look in looks)
    notes = [f"{right} of {len(looks)} probes pass; still to write: {', '.join(missing)}"] if right else []
    notes += [f"the answer has no function {', '.join(absent)}"] if absent else []
    return Verdict(name, "NOT WRITTEN YET", probes=len(exercise.probes), note="; ".join(notes))


def _wrong(name: str, exercise: Exercise, functions: Functions, looks: list[Look]) -> Verdict:
    """The verdict about the first probe that fails, with all that the others add to it."""
    first, mistake = recognise(exercise, looks)
    call, came, expected, problem = _what_is_wrong(first)
    if mistake is None:
        problem = _factor(first, looks) or problem
    elif first.difference is not None and first.difference.kind in ("shape", "value"):
        problem = ""  # its name says it better
    explained = stored_observation(exercise, first.index, first.seed[0], mistake).mutated
    if first.difference is not None and (besides := first.seen.mutated - explained):
        problem = "; ".join(filter(None, [problem, f"besides, {_mutation(besides)}: {NEW_ARRAY}"]))
    return Verdict(
        name,
        "WRONG",
        probe=first.index + 1,
        probes=len(exercise.probes),
        about=first.probe.name,
        called=_called(call, first.seen.count) if call else first.probe.name,
        came=came,
        expected=expected,
        problem=problem,
        mistake=mistake.name if mistake else "",
        tell=_tell(mistake, first, came, expected) if mistake else "",
        note=UNKNOWN if mistake is None and _by_value(first) else "",
        where=_place(first, call, functions, Entry(name).given()),
        traceback=frames_of(first.seen.error, functions) if first.seen.error else "",
    )


def _tell(mistake: Mistake, look: Look, came: str, expected: str) -> str:
    """What gives the mistake away, with the bare values: "2", not "loss = 2"."""
    label = path_text(look.difference.path, look.probe.parts) if look.difference else ""
    came, expected = (text.removeprefix(f"{label} = ") for text in (came, expected))
    return mistake.tell.replace("{came}", came).replace("{expected}", expected)


def _by_value(look: Look) -> bool:
    """Whether it is the numbers that are wrong, of which the exercise knows some by name; a text speaks for itself."""
    found = look.difference
    if found is None or look.seen.unstable or isinstance(found.expected, str):
        return False
    return found.kind in ("shape", "finite", "value")


def _called(call: Call, count: int) -> str:
    return signature_of(call) + (f" and {count - 1} more" if count > 1 else "")


def _place(look: Look, call: Call | None, functions: Functions, given: set[str]) -> str:
    """file:line of the exception in the learner's code, or of the function that was called."""
    place = place_of_error(look.seen.error, functions, given) if look.seen.error else ""
    return place or (place_of(functions[call.function]) if call and call.function in functions else "")


def _what_is_wrong(look: Look) -> tuple[Call | None, str, str, str]:
    """The call to show, what came, what was expected, and the problem in words."""
    seen, found = look.seen, look.difference
    call = seen.calls[-1] if seen.calls else None
    if seen.error is not None:
        # The probe stumbled over a result: say which, not how it fell.
        if not seen.raised_in and (unfit := look.unfit_result()):
            return unfit[0], *_difference(unfit[1], look)
        text = f"{type(seen.error).__name__}: {' '.join(str(seen.error).split())}".removesuffix(": ")
        if not seen.raised_in:
            return call, text, "no exception", "the check stumbled over what the answer returned"
        awaited = look.awaited()
        expected = "a result" if awaited is None else kind_of(awaited)
        return call, text, expected, "the call ended with an exception"
    return call, *(_side_effect(look) if found is None or seen.unstable else _difference(found, look))


def _difference(found: Difference, look: Look) -> tuple[str, str, str]:
    """What came, what was expected, and the problem in words, for one place in the result."""
    came, expected = apart(found.came, found.expected)
    problem = explain(found, look.probe.tolerance)
    if found.kind in ("type", "shape"):
        came, expected = kind_of(found.came), kind_of(found.expected)
        if isinstance(found.came, dict) and isinstance(found.expected, dict):
            came = keys_apart(found.came, found.expected)
        problem = problem or _advice(found.came)
    elif found.kind == "dtype":
        expected = str(np.asarray(found.expected).dtype)
        came = f"{kind_of(found.came)}, {np.asarray(found.came).dtype}"
        entry = {"b": "True or False", "i": "a whole number"}.get(np.asarray(found.expected).dtype.kind)
        problem = (
            f"every entry should be {entry}" if entry else f"the arguments are {expected}, and so should the result be"
        )
    elif found.kind == "finite":
        problem = "the result holds NaN or infinity"
    label = path_text(found.path, look.probe.parts)
    return *(f"{label} = {text}" if label else text for text in (came, expected)), problem


def _side_effect(look: Look) -> tuple[str, str, str]:
    """The values may be right, and yet the function does what a function should not do."""
    if look.seen.unstable:
        problem = "a second call with the same arguments gives something else: draw no random numbers, keep no state"
        return f"{describe(look.seen.value)}, then something else", describe(look.expected.value), problem
    if look.seen.mutated:
        return _mutation(look.seen.mutated), "arguments as they were", NEW_ARRAY
    came = f"a result of {look.overwritten} that a later call overwrites"
    return came, "a new array from each call", "the function returns the same array every time"


def _mutation(arguments: set[str]) -> str:
    return f"{', '.join(sorted(arguments))} {'was' if len(arguments) == 1 else 'were'} changed in place"


def _advice(came: Any) -> str:
    if came is None:
        return "is the `return` missing?"
    return "return an array, or a tuple where several results are asked for" if isinstance(came, list) else ""


def _factor(first: Look, looks: list[Look]) -> str:
    """One factor or offset for every value of the first wrong tensor, here and in the probes like this one."""
    if first.difference is None or first.difference.kind != "value" or first.seen.unstable:
        return ""
    pairs = []
    for look in looks:
        found = look.difference
        if found is None or found.kind != "value":
            continue
        if look.seen.functions == first.seen.functions and found.path == first.difference.path:
            pairs.append((found.came, found.expected))
    return common_factor(pairs)
