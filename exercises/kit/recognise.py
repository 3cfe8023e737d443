"""Recognition of stored mistakes by what they do: which one, or which two, give exactly the results of an answer.

A name is an accusation, so it needs evidence that other mistakes do not share: numbers, shapes, exceptions or changed
arguments. Infinities and NaN alone are none, since whatever overflows gives the same ones.
"""

import itertools
from typing import Any, NamedTuple

import numpy as np

from exercises.kit.compare import same
from exercises.kit.exercise import Exercise, Mistake
from exercises.kit.observe import Observation, ProbeResult, is_unstable, signatures_of, stored_observation
from exercises.kit.raised import name_of, text_of

TELLING_PROBES = 2
"""The smallest count of failing probes from which two mistakes in one function are named."""


class Recognition(NamedTuple):
    """The failing probe to show, and what explains it."""

    first: ProbeResult
    mistake: Mistake | None = None
    """The one stored mistake that explains it."""
    is_certain: bool = True
    """Whether there is more evidence than infinities and NaN."""
    other: Mistake | None = None
    """A second mistake: in another function, or in the same one."""
    together: bool = False
    """Whether both are in the same function, so that only the two together explain its results."""


def recognise(exercise: Exercise, results: list[ProbeResult]) -> Recognition:
    """The stored mistakes that explain what the probes observe.

    A mistake is recognised where every probe that its functions take part in observes the same of the answer as of
    the mistake, and no other mistake fits. Where arguments were changed in place and no mistake explains that, the
    values alone are compared.
    """
    # Of a function that never ends there is less to learn than of one that gives a wrong result.
    wrong = sorted((result for result in results if result.wrong()), key=ProbeResult.took_too_long)
    first = wrong[0]
    mistake = _best_match(exercise, results, wrong)
    if mistake is None and any(result.observed.mutated for result in wrong):
        values = [result.without_mutation() for result in results]
        wrong_values = [result for result in values if result.wrong()]
        mistake = _best_match(exercise, values, wrong_values) if wrong_values else None
        if mistake is not None:
            first = next(result for result in wrong if result.index == wrong_values[0].index)
            results, wrong = values, wrong_values
    if mistake is None:
        pair = _two_in_one(exercise, results, first)
        return Recognition(first, pair[0], other=pair[1], together=True) if pair else Recognition(first)
    elsewhere = [result for result in wrong if not result.expected.functions & mistake.functions.keys()]
    other = _best_match(exercise, results, elsewhere) if elsewhere else None
    if other is not None and not _is_evident(other, elsewhere):
        other = None
    return Recognition(first, mistake, is_certain=_is_evident(mistake, wrong), other=other)


def confirmed(exercise: Exercise, found: Recognition, results: list[ProbeResult]) -> Recognition:
    """What of a recognition also explains the results of other numbers and sizes."""
    mistake, other = found.mistake, found.other
    if mistake is not None and other is not None and found.together:
        touched = [result for result in results if result.expected.functions == found.first.expected.functions]
        return found if _fits((mistake, other), exercise, touched) else Recognition(found.first)
    if mistake is None or not _explains(exercise, mistake, results):
        return Recognition(found.first)
    return found if other is None or _explains(exercise, other, results) else found._replace(other=None)


def _explains(exercise: Exercise, mistake: Mistake, results: list[ProbeResult]) -> bool:
    """Whether all probes of the mistake's functions observe the same of it, changed arguments apart."""
    for observed in (results, [result.without_mutation() for result in results]):
        touched = [result for result in observed if result.expected.functions & mistake.functions.keys()]
        written = [result for result in touched if not result.not_written()]
        if written and probes_explained(exercise, mistake, observed, written[0]) is not None:
            return True
    return False


def _is_evident(mistake: Mistake, wrong: list[ProbeResult]) -> bool:
    """Whether some probe of the mistake's functions fails by more than infinities and NaN."""
    touched = [result for result in wrong if result.expected.functions & mistake.functions.keys()]
    return any(result.shows_numbers() for result in touched)


def _best_match(exercise: Exercise, results: list[ProbeResult], wrong: list[ProbeResult]) -> Mistake | None:
    """The one stored mistake that explains the first failing probe, or None where there is none or more than one.

    Of two that fit, one that also explains everything that the other explains, and more, is the right one.
    """
    explained = {}
    for mistake in exercise.mistakes:
        touched = probes_explained(exercise, mistake, results, wrong[0])
        if touched is not None:
            explained[mistake.name] = (mistake, {result.index for result in wrong} & touched)
    for mistake, probes in explained.values():
        others = [(other, theirs) for other, theirs in explained.values() if other is not mistake]
        if all(_explains_more(mistake, probes, other, theirs) for other, theirs in others):
            return mistake
    return None


def _explains_more(mistake: Mistake, probes: set[int], other: Mistake, theirs: set[int]) -> bool:
    """Whether one fits better: it explains more, or as much with fewer wrong functions."""
    return probes > theirs or (probes == theirs and mistake.functions.keys() < other.functions.keys())


def probes_explained(
    exercise: Exercise, mistake: Mistake, results: list[ProbeResult], first: ProbeResult
) -> set[int] | None:
    """The probes that the mistake's functions take part in, if all of them observe the same of it as of the answer.

    Probes of functions that are not written yet do not count. None where one differs, and where the first failing
    probe is not among them.
    """
    touched = [result for result in results if result.expected.functions & mistake.functions.keys()]
    touched = [result for result in touched if not result.not_written()]
    if first not in touched:
        return None
    for result in sorted(touched, key=lambda result: result is not first):  # first, since it decides most often
        stored = stored_observation(exercise, result.index, result.seed[0], mistake)
        if result.observed.unstable and stored.error is None:
            functions, signatures = exercise.solution | mistake.functions, signatures_of(exercise.solution)
            stored.unstable = is_unstable(stored, result.probe, functions, signatures, result.seed)
        if not alike(result.observed, stored, result.probe.tolerance):
            return None
    return {result.index for result in touched}


def alike(one: Observation, other: Observation, tolerance: float) -> bool:
    """Whether two observations of a probe are the same."""
    if one.error is not None or other.error is not None:
        if one.error is None or other.error is None:
            return False
        return name_of(one.error) == name_of(other.error) and text_of(one.error) == text_of(other.error)
    if one.mutated != other.mutated or one.unstable != other.unstable:
        return False
    return one.unstable or same(one.value, other.value, tolerance)


# Two mistakes in one function


def _two_in_one(exercise: Exercise, results: list[ProbeResult], first: ProbeResult) -> tuple[Mistake, Mistake] | None:
    """The only two stored mistakes of one function whose effects together give the answer's results, if there are any.

    The effects of two wrong terms add up, those of two wrong factors multiply. Both are tried on every probe of the
    function; an effect that shows in one of them alone proves nothing.
    """
    if first.difference is None or first.difference.kind not in ("value", "finite") or first.observed.unstable:
        return None
    touched = [result for result in results if result.expected.functions == first.expected.functions]
    touched = [first, *(result for result in touched if result is not first)]
    if sum(result.wrong() for result in touched) < TELLING_PROBES or not all(map(_is_numeric, touched)):
        return None
    if not any(result.shows_numbers() for result in touched):
        return None
    candidates = [mistake for mistake in exercise.mistakes if mistake.functions.keys() <= first.expected.functions]
    pairs = [
        (one, other)
        for one, other in itertools.combinations(candidates, 2)
        if one.functions.keys() == other.functions.keys()
    ]
    for rule in RULES:
        fitting = [pair for pair in pairs if all(rule(exercise, pair, result) for result in touched)]
        if fitting:
            return fitting[0] if len(fitting) == 1 else None
    return None


def _fits(pair: tuple[Mistake, Mistake], exercise: Exercise, touched: list[ProbeResult]) -> bool:
    """Whether the two together explain these probes."""
    return any(all(_is_numeric(one) and rule(exercise, pair, one) for one in touched) for rule in RULES)


def _is_numeric(result: ProbeResult) -> bool:
    return result.observed.error is None and not result.observed.mutated and _leaves(result.expected.value) is not None


def _leaves(value: Any) -> list[np.ndarray] | None:
    """The numbers of a nested result, or None where it holds anything else."""
    if isinstance(value, dict | list | tuple):
        parts = [_leaves(item) for item in (value.values() if isinstance(value, dict) else value)]
        return None if None in parts else [leaf for part in parts if part is not None for leaf in part]
    is_number = isinstance(value, np.ndarray | np.generic | float) and np.asarray(value).dtype.kind == "f"
    return [np.asarray(value)] if is_number else None


def _all_leaves(
    exercise: Exercise, pair: tuple[Mistake, Mistake], result: ProbeResult
) -> list[tuple[np.ndarray, ...]] | None:
    """Of each tensor of a probe: the answer's, the expected one, and that of each mistake; None where shapes differ."""
    stored = [stored_observation(exercise, result.index, result.seed[0], mistake) for mistake in pair]
    if any(one.error is not None or one.mutated for one in stored):
        return None
    sides = [_leaves(value) for value in (result.observed.value, result.expected.value, *(one.value for one in stored))]
    if any(side is None or len(side) != len(sides[0] or ()) for side in sides):
        return None
    tensors = list(zip(*(side for side in sides if side is not None), strict=True))
    return tensors if all(len({leaf.shape for leaf in leaves}) == 1 for leaves in tensors) else None


def _adds_up(exercise: Exercise, pair: tuple[Mistake, Mistake], result: ProbeResult) -> bool:
    """Whether the answer differs from the right result by the sum of what the two mistakes differ by."""
    tensors = _all_leaves(exercise, pair, result)
    if tensors is None:
        return False
    with np.errstate(all="ignore"):
        return all(same(got, one + other - right, result.probe.tolerance) for got, right, one, other in tensors)


def _multiplies(exercise: Exercise, pair: tuple[Mistake, Mistake], result: ProbeResult) -> bool:
    """Whether one mistake multiplies every number by one factor, and the answer is the other's result times it."""
    tensors = _all_leaves(exercise, pair, result)
    if tensors is None:
        return False
    return all(
        any(_scaled(got, right, factor, base, result.probe.tolerance) for factor, base in ((one, other), (other, one)))
        for got, right, one, other in tensors
    )


def _scaled(got: np.ndarray, right: np.ndarray, scaled: np.ndarray, base: np.ndarray, tolerance: float) -> bool:
    """Whether `got` is to `base` what `scaled` is to `right`, where that is one factor for the whole tensor."""
    if not (np.isfinite(scaled).all() and np.isfinite(right).all()):
        return False
    size = float(np.sum(right * right))
    if size == 0:  # where the right result is zero, any factor gives zero
        scale = float(np.sum(base * base))
        factor = float(np.sum(got * base)) / scale if scale else 1.0
    else:
        factor = float(np.sum(scaled * right)) / size
    with np.errstate(all="ignore"):
        return same(scaled, factor * right, tolerance) and same(got, factor * base, tolerance)


RULES = (_multiplies, _adds_up)
"""In this order, since a factor before the whole sum is the simpler explanation."""
