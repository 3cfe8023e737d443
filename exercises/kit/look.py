"""One probe, put to the solution and to the answer with the same random numbers."""

import dataclasses
import inspect
from typing import Any

from exercises.kit.compare import Difference, first_difference
from exercises.kit.exercise import Exercise, Functions, Mistake, Probe
from exercises.kit.observe import Call, Observation, measurable, observe, observe_silently, signatures_of


@dataclasses.dataclass
class Look:
    """What the solution and the answer showed, and where they differ."""

    index: int
    """Place of the probe, from 0."""
    probe: Probe
    seed: list[int]
    expected: Observation
    seen: Observation
    difference: Difference | None = None
    overwritten: str = ""
    """A function whose result was changed by a later call, of this probe or another."""

    def fails(self) -> bool:
        seen = self.seen
        return bool(seen.error or self.difference or seen.mutated or seen.unstable or self.overwritten)

    def not_written(self) -> bool:
        """Whether it stopped at a function that still raises NotImplementedError, or does not exist."""
        return isinstance(self.seen.error, NotImplementedError)

    def wrong(self) -> bool:
        """Whether it fails, and not because something is still to be written."""
        return self.fails() and not self.not_written()

    def awaited(self) -> Any:
        """What the solution returned from the call that ended with an exception in the answer, or None."""
        awaited = self.expected.results[len(self.seen.results) :][:1]
        return next((result for call, _, result in awaited if call.function == self.seen.raised_in), None)

    def without_mutation(self) -> "Look":
        """The same look by values alone, as if no argument had been changed."""
        return dataclasses.replace(self, seen=dataclasses.replace(self.seen, mutated=set()))

    def unfit_result(self) -> tuple[Call, Difference] | None:
        """The first call that got the solution's arguments and returned something of another type or shape."""
        pairs = zip(self.seen.results, self.expected.results, strict=False)
        for (call, _, came), (_, _, expected) in pairs:
            found = first_difference(came, expected, self.probe.tolerance)
            if found is not None and found.kind in ("type", "shape"):
                return call, found
        return None


def look_at_all(exercise: Exercise, functions: Functions, seed: int) -> list[Look]:
    """Every probe that can be measured here, in order."""
    indices = [index for index, probe in enumerate(exercise.probes) if measurable(probe)]
    looks = [look_at(exercise, functions, index, seed) for index in indices]
    for look in looks:  # only now, when all calls are over
        look.overwritten = look.seen.overwritten()
    return looks


def look_at(exercise: Exercise, functions: Functions, index: int, seed: int) -> Look:
    """One probe; its random numbers depend on its place and the seed alone.

    Raises RuntimeError where the solution itself fails: the author's mistake, not the learner's.
    """
    probe, numbers, signatures = exercise.probes[index], [seed, index], signatures_of(exercise.solution)
    expected = stored_observation(exercise, index, seed)
    if expected.error is not None:
        raise RuntimeError(f"probe {index + 1} ({probe.name}) fails on the solution") from expected.error
    look = Look(index, probe, numbers, expected, observe(probe, functions, signatures, numbers))
    if look.seen.error is None:
        look.difference = first_difference(look.seen.value, expected.value, probe.tolerance)
    if look.difference is not None:
        look.seen.unstable = is_unstable(look.seen, probe, functions, signatures, numbers)
    return look


def stored_observation(exercise: Exercise, index: int, seed: int, mistake: Mistake | None = None) -> Observation:
    """What a probe sees of the solution, or of the solution with a mistake in it; made once."""
    key = mistake.name if mistake else None, index, seed
    if key not in exercise.seen:
        functions = exercise.solution | (mistake.functions if mistake else {})
        probe, signatures = exercise.probes[index], signatures_of(exercise.solution)
        exercise.seen[key] = observe_silently(probe, functions, signatures, [seed, index])
    return exercise.seen[key]


def is_unstable(
    seen: Observation,
    probe: Probe,
    functions: Functions,
    signatures: dict[str, inspect.Signature],
    numbers: list[int],
) -> bool:
    """Whether a second look sees something else."""
    again = observe_silently(probe, functions, signatures, numbers)
    return again.error is None and first_difference(again.value, seen.value, probe.tolerance) is not None
