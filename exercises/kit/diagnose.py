"""The verdict on an answer: run all probes, find the first that fails, and name the mistake where it is certain."""

import contextlib
import dataclasses
import secrets
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from exercises.kit.catalogue import Entry
from exercises.kit.compare import common_factor, differences, first_difference
from exercises.kit.exercise import Exercise, Functions, Mistake
from exercises.kit.observe import (
    ABSENT,
    Answer,
    Call,
    Observation,
    ProbeResult,
    TimeUp,
    measurable,
    run_probe,
    run_probes,
    signatures_of,
    silence,
    stored_observation,
)
from exercises.kit.raised import Stopped, format_traceback, function_that_raised, place_of_error, text_of
from exercises.kit.recognise import Recognition, confirmed, recognise
from exercises.kit.text import describe, place_of
from exercises.kit.verdict import Outcome, Verdict
from exercises.kit.wording import (
    CLOSE,
    NEVER_ENDS,
    call_in_words,
    explanation,
    how_far,
    make_new,
    mutation,
    what_is_wrong,
)

SEED = 0
"""The seed of the first round, whose numbers the messages show: the same in every check."""
HARD_CODED = "right with the numbers and sizes of the first run, wrong with fresh ones: is one written into the code?"
TOGETHER = "two mistakes whose effects together are exactly this; the numbers below are those of each one alone"
SHOWN_NAMES = 3
UNNAMED: dict[str, Any] = dict.fromkeys(("mistake", "possible", "explanation", "second", "second_explanation"), "")
"""The fields of a verdict that one probe alone is no evidence for."""
UNKNOWN = "this mistake is not among those stored for the exercise"


def diagnose(name: str, exercise: Exercise, functions: Functions, seeds: tuple[int, ...] | None = None) -> Verdict:
    """Check an answer: with the same numbers in every check, then with fresh ones, against hard-coded answers."""
    with fresh_numbers(exercise, seeds) as chosen:
        rounds = (run_probes(exercise, functions, seed) for seed in chosen)  # the second only where the first is right
        return _verdict(name, exercise, functions, chosen, rounds)


@contextlib.contextmanager
def fresh_numbers(exercise: Exercise, seeds: tuple[int, ...] | None = None) -> Iterator[tuple[int, ...]]:
    """The seeds of a check's rounds, the first of which is the same in every check; drawn where none are given.

    What was observed with the others is forgotten at the block's end: fresh numbers are used once, and a notebook would
    keep those of every check.
    """
    seeds = seeds or (SEED, fresh_seed())
    try:
        yield seeds
    finally:
        for key in [key for key in list(exercise.observed) if key[2] in seeds[1:]]:
            exercise.observed.pop(key, None)


def fresh_seed() -> int:
    """A seed for numbers and sizes that no answer can have seen."""
    return 1 + secrets.randbelow(2**32)


class Assessment(NamedTuple):
    """A verdict with all that credit in parts needs."""

    verdict: Verdict
    outcomes: tuple[str, ...]
    """Of every probe; NOT MEASURED where a module is missing."""
    functions: tuple[tuple[str, ...], ...]
    """The functions that each probe calls."""


def assess(name: str, exercise: Exercise, functions: Functions) -> Assessment:
    """`diagnose`, with an outcome for every probe: the worse of the usual numbers and of fresh ones."""
    with fresh_numbers(exercise) as seeds:
        rounds = [run_probes(exercise, functions, seed) for seed in seeds]
        verdict = _verdict(name, exercise, functions, seeds, iter(rounds))
    outcomes = ["NOT MEASURED"] * len(exercise.probes)
    called: list[tuple[str, ...]] = [()] * len(exercise.probes)
    for results in zip(*rounds, strict=True):
        states = {_outcome(result) for result in results}
        index = results[0].index
        outcomes[index] = next(state for state in ("WRONG", "NOT WRITTEN YET", "PASS") if state in states)
        called[index] = tuple(name for name in exercise.solution if name in results[0].expected.functions)
    return Assessment(verdict, tuple(outcomes), tuple(called))


def _outcome(result: ProbeResult) -> Outcome:
    if result.not_written():
        return "NOT WRITTEN YET"
    return "WRONG" if result.fails() else "PASS"


def _verdict(
    name: str, exercise: Exercise, functions: Functions, seeds: tuple[int, ...], rounds: Iterator[list[ProbeResult]]
) -> Verdict:
    results: list[ProbeResult] = []
    for seed, results in zip(seeds, rounds, strict=True):
        if any(result.wrong() for result in results):
            verdict = _wrong(name, exercise, functions, results, None if stuck(results) else rounds)
            hard_coded = seed != seeds[0] and not (verdict.mistake or verdict.possible)
            return dataclasses.replace(verdict, note=HARD_CODED) if hard_coded else verdict
        if any(result.not_written() for result in results):
            return _not_written(name, exercise, results)
    missing = sorted({probe.requires for probe in exercise.probes if not measurable(probe)})
    if missing:
        counts = f"{len(results)} of {len(exercise.probes)} probes pass"
        note = f"{counts}; the others need {', '.join(missing)}, which is not installed"
        return Verdict(name, "NOT MEASURED", probes=len(exercise.probes), note=note)
    note = f"{len(results)} probes, with the usual numbers and sizes and with fresh ones"
    return Verdict(name, "PASS", probes=len(exercise.probes), note=note, remark=_remarks(exercise, functions))


def _remarks(exercise: Exercise, functions: Functions) -> str:
    """What is worth a word about an answer that is right."""
    answer = Answer(functions, signatures_of(exercise.solution), Observation())
    said = []
    for remark in exercise.remarks:
        with contextlib.suppress(Exception, TimeUp, Stopped, SystemExit), np.errstate(all="ignore"), silence():
            if remark.shows(answer):
                said.append(remark.text)
    return " ".join(said)


def diagnose_probe(name: str, exercise: Exercise, functions: Functions, number: int) -> Verdict:
    """The verdict on one probe alone, counted from 1, with the numbers that the messages show."""
    probe, index = exercise.probes[number - 1], number - 1
    unknown = Verdict(name, "NOT WRITTEN YET", probe=number, probes=len(exercise.probes), about=probe.name)
    if not measurable(probe):
        return dataclasses.replace(unknown, outcome="NOT MEASURED", note=f"{probe.requires} is not installed")
    result = run_probe(exercise, functions, index, SEED)
    if result.not_written():
        return unknown
    if result.fails():
        return dataclasses.replace(_wrong(name, exercise, functions, [result]), note="", **UNNAMED)
    call = result.observed.calls[-1] if result.observed.calls else None
    called = call_in_words(call, result.observed.count) if call else ""
    got, expected = describe(result.observed.value), describe(result.expected.value)
    return dataclasses.replace(unknown, outcome="PASS", called=called, got=got, expected=expected)


def _not_written(name: str, exercise: Exercise, results: list[ProbeResult]) -> Verdict:
    """Nothing is wrong, but something is still missing."""
    stopped = {}
    for result in results:
        error = result.observed.error
        if isinstance(error, NotImplementedError):
            stopped[function_that_raised(error, exercise.solution) or result.observed.raised_in] = text_of(error)
    missing = [function for function in exercise.solution if function in stopped]
    absent = [function for function in missing if stopped[function].startswith(ABSENT)]
    right = sum(not result.fails() for result in results)
    notes = [f"{right} of {len(results)} probes pass; still to write: {', '.join(missing)}"] if right else []
    notes += [f"the answer has no function {', '.join(absent)}"] if absent else []
    return Verdict(name, "NOT WRITTEN YET", probes=len(exercise.probes), note="; ".join(notes))


def stuck(results: list[ProbeResult]) -> bool:
    """Whether some function did not return in time, so that nothing is called once more."""
    return any(result.took_too_long() for result in results)


def _wrong(
    name: str,
    exercise: Exercise,
    functions: Functions,
    results: list[ProbeResult],
    rounds: Iterator[list[ProbeResult]] | None = None,
) -> Verdict:
    """The verdict on the first probe that fails, with all that the others add to it.

    What is recognised is named only where it also explains the next round, with other numbers and sizes: a 3 in the
    code is no mean over 3 latents.
    """
    found = recognise(exercise, results)
    if found.mistake is not None and rounds is not None:
        with silence():
            again = next(rounds, None)
        found = found if again is None else confirmed(exercise, found, again)
    first, mistake = found.first, found.mistake
    call, got, expected, problem = what_is_wrong(first)
    if mistake is None:
        problem = _factor(first, results) or problem or how_far(first)
    elif first.difference is not None and first.difference.kind in ("shape", "value"):
        problem = TOGETHER if found.together else ""  # the mistake's name says more
    names = _names(exercise, found, results)
    return Verdict(
        name,
        "WRONG",
        probe=first.index + 1,
        probes=len(exercise.probes),
        about=first.probe.name,
        called=call_in_words(call, first.observed.count) if call else first.probe.name,
        got=got,
        expected=expected,
        problem="; ".join(filter(None, [problem, _changed_besides(exercise, first, mistake)])),
        note="; ".join(filter(None, [*_unknown(found, results), _stuck(first, results)])),
        where=_place(first, call, functions, Entry(name).given()),
        traceback=format_traceback(first.observed.error, functions) if first.observed.error else "",
        **names,
    )


def _names(exercise: Exercise, found: Recognition, results: list[ProbeResult]) -> dict[str, str]:
    """The fields of a verdict that name what was recognised."""
    if found.mistake is None:
        return {}
    shown = _alone(exercise, found.mistake, results) if found.together else found.first
    named = {"mistake" if found.is_certain else "possible": found.mistake.name}
    named["explanation"] = explanation(found.mistake, shown)
    if found.other is not None:
        failing = (result for result in results if result.wrong())
        at = next(result for result in failing if result.expected.functions & found.other.functions.keys())
        at = _alone(exercise, found.other, results) if found.together else at
        named |= {"second": found.other.name, "second_explanation": explanation(found.other, at)}
    return named


def _changed_besides(exercise: Exercise, first: ProbeResult, mistake: Mistake | None) -> str:
    """Arguments that were changed in place, where the mistake does not explain it."""
    explained = stored_observation(exercise, first.index, first.seed[0], mistake).mutated
    besides = first.observed.mutated - explained
    return f"besides, {mutation(besides)}: {make_new(besides)}" if first.difference is not None and besides else ""


def _unknown(found: Recognition, results: list[ProbeResult]) -> Iterator[str]:
    """That the mistake has no name, and where the same functions give the right result."""
    first = found.first
    if found.mistake is not None or not _by_value(first):
        return
    yield UNKNOWN
    alike = [result for result in results if result.expected.functions == first.expected.functions]
    right = [result.probe.name for result in alike if not result.fails()]
    wrong = [result.probe.name for result in alike if result.wrong()]
    if right:
        yield f"right: {_some(right)}"
        yield f"wrong: {_some(wrong)}"
    if far := max((_relative(result) for result in alike if result.wrong()), default=0.0):
        yield f"off by {far:.1g} of the largest value at most: an eps, a rounded constant or float32?" * (far < CLOSE)


def _some(names: list[str]) -> str:
    """The first few of these names."""
    return ", ".join(f'"{name}"' for name in names[:SHOWN_NAMES]) + (
        f" and {len(names) - SHOWN_NAMES} more" * (len(names) > SHOWN_NAMES)
    )


def _relative(result: ProbeResult) -> float:
    """The largest error, relative to the largest expected value of its tensor; infinite where that cannot be told."""
    if result.observed.error is not None:
        return np.inf
    worst = 0.0
    for found in differences(result.observed.value, result.expected.value, result.probe.tolerance):
        if found.kind != "value" or np.asarray(found.expected).dtype.kind != "f":
            return np.inf
        size = float(np.max(np.abs(found.expected)))
        worst = max(worst, float(np.max(np.abs(found.got - found.expected))) / size if size else np.inf)
    return worst


def _stuck(first: ProbeResult, results: list[ProbeResult]) -> str:
    """The functions that did not return in time, and how many probes pass without them."""
    stuck = {result.observed.raised_in: str(result.observed.error) for result in results if result.took_too_long()}
    if not stuck:
        return ""
    right = f"{sum(not result.fails() for result in results)} of {len(results)} probes pass"
    if first.took_too_long():
        stuck.pop(first.observed.raised_in)
    return "; ".join([right, *(f"{name}: {text}, {NEVER_ENDS}" for name, text in stuck.items())])


def _alone(exercise: Exercise, mistake: Mistake, results: list[ProbeResult]) -> ProbeResult:
    """The first probe that fails of a mistake which the answer makes together with another one, by itself."""
    for result in results:
        if result.expected.functions & mistake.functions.keys():
            stored = stored_observation(exercise, result.index, result.seed[0], mistake)
            difference = first_difference(stored.value, result.expected.value, result.probe.tolerance)
            if difference is not None:
                return dataclasses.replace(result, observed=stored, difference=difference)
    raise RuntimeError(f"{mistake.name}: no probe shows it")


def _by_value(result: ProbeResult) -> bool:
    """Whether numbers are wrong, some of which have stored mistakes; a text explains itself."""
    found = result.difference
    if found is None or result.observed.unstable or isinstance(found.expected, str):
        return False
    return found.kind in ("shape", "finite", "value")


def _place(result: ProbeResult, call: Call | None, functions: Functions, given: set[str]) -> str:
    """file:line of the exception in the learner's code, or of the function that was called."""
    error = result.observed.error
    found = place_of_error(error, functions, given) if error else ""
    return found or (place_of(functions[call.function]) if call and call.function in functions else "")


def _factor(first: ProbeResult, results: list[ProbeResult]) -> str:
    """One factor or offset for every value of the first wrong tensor, here and in the probes like this one."""
    if first.difference is None or first.difference.kind != "value" or first.observed.unstable:
        return ""
    pairs = []
    for result in results:
        found = result.difference
        if found is None or found.kind != "value":
            continue
        if result.observed.functions == first.observed.functions and found.path == first.difference.path:
            pairs.append((found.got, found.expected))
    return common_factor(pairs)
