"""Recognising a stored mistake: the same observations on every probe that it touches, and no other mistake has them."""

from exercises.kit.compare import same
from exercises.kit.exercise import Exercise, Mistake
from exercises.kit.look import Look, is_unstable, stored_observation
from exercises.kit.observe import Observation, signatures_of


def recognise(exercise: Exercise, looks: list[Look]) -> tuple[Look, Mistake | None]:
    """The failing probe to show, and the stored mistake that explains it, if there is one.

    `looks` are all probes put to the answer. Where arguments were changed in place and no mistake explains that, too,
    the values alone are looked at.
    """
    wrong = [look for look in looks if look.wrong()]
    mistake = _explanation(exercise, looks, wrong)
    if mistake is None and any(look.seen.mutated for look in wrong):
        values = [look.without_mutation() for look in looks]
        wrong_values = [look for look in values if look.wrong()]
        mistake = _explanation(exercise, values, wrong_values) if wrong_values else None
        if mistake is not None:
            return next(look for look in wrong if look.index == wrong_values[0].index), mistake
    return wrong[0], mistake


def _explanation(exercise: Exercise, looks: list[Look], wrong: list[Look]) -> Mistake | None:
    """The one stored mistake that explains the first failing probe, or None where there is none or more than one.

    Of two that fit, one that also explains everything that the other explains, and more, is the right one.
    """
    explained = {}
    for mistake in exercise.mistakes:
        touched = probes_explained(exercise, mistake, looks, wrong[0])
        if touched is not None:
            explained[mistake.name] = (mistake, {look.index for look in wrong} & touched)
    for mistake, probes in explained.values():
        others = [(other, theirs) for other, theirs in explained.values() if other is not mistake]
        if all(_explains_more(mistake, probes, other, theirs) for other, theirs in others):
            return mistake
    return None


def _explains_more(mistake: Mistake, probes: set[int], other: Mistake, theirs: set[int]) -> bool:
    """Whether one fits better: it explains more, or as much with fewer wrong functions."""
    return probes > theirs or (probes == theirs and mistake.functions.keys() < other.functions.keys())


def probes_explained(exercise: Exercise, mistake: Mistake, looks: list[Look], first: Look) -> set[int] | None:
    """The probes that the mistake's functions take part in, if all of them see exactly what they see in the answer.

    Probes of functions that the learner has not written yet say nothing. None where one differs, and where the
    first failing probe is not among them.
    """
    touched = [look for look in looks if look.expected.functions & mistake.functions.keys()]
    touched = [look for look in touched if not look.not_written()]
    if first not in touched:
        return None
    for look in sorted(touched, key=lambda look: look is not first):  # first, since it decides most often
        stored = stored_observation(exercise, look.index, look.seed[0], mistake)
        if look.seen.unstable and stored.error is None:
            functions, signatures = exercise.solution | mistake.functions, signatures_of(exercise.solution)
            stored.unstable = is_unstable(stored, look.probe, functions, signatures, look.seed)
        if not alike(look.seen, stored, look.probe.tolerance):
            return None
    return {look.index for look in touched}


def alike(one: Observation, other: Observation, tolerance: float) -> bool:
    """Whether two observations are the same in all that a probe sees."""
    if one.error is not None or other.error is not None:
        return type(one.error) is type(other.error) and str(one.error) == str(other.error)
    if one.mutated != other.mutated or one.unstable != other.unstable:
        return False
    return one.unstable or same(one.value, other.value, tolerance)
