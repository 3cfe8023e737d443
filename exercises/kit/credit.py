"""Points for what is right: by exercise, by function or by probe, with weights from one small file.

    credit = "function"        # or "exercise", or "probe"

    [04_kl]
    points = 10

    [04_kl.functions]
    kl = 2                     # counts twice as much as the others

    [04_kl.probes]
    "1" = 0                    # does not count

What is not named has the weight 1; an exercise that is not named has 1 point.
"""

import dataclasses
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from exercises.kit.catalogue import Entry, catalogue
from exercises.kit.notebooks import functions_of
from foundation.errors import InputError, suggest

CREDITS = ("exercise", "function", "probe")


@dataclasses.dataclass(frozen=True)
class Weights:
    """The points of one exercise, and how they are shared out."""

    points: float = 1.0
    functions: dict[str, float] = dataclasses.field(default_factory=dict)
    probes: dict[int, float] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Credit:
    """How right answers become points."""

    by: str = "function"
    exercises: dict[str, Weights] = dataclasses.field(default_factory=dict)

    def weights(self, exercise: str) -> Weights:
        return self.exercises.get(exercise, Weights())

    def points(self, exercise: str, outcomes: Sequence[str], functions: Sequence[Sequence[str]]) -> float:
        """The points for the outcomes of an exercise's probes; `functions` names those that each probe calls."""
        weights = self.weights(exercise)
        return weights.points * share(self.by, weights, outcomes, functions)


def share(by: str, weights: Weights, outcomes: Sequence[str], functions: Sequence[Sequence[str]]) -> float:
    """The share of the points, from 0 to 1. A probe that could not be measured here counts for nothing, either way."""
    probes = [
        (outcome == "PASS", names, weights.probes.get(number, 1.0))
        for number, (outcome, names) in enumerate(zip(outcomes, functions, strict=True), start=1)
        if outcome != "NOT MEASURED"
    ]
    counted = [(right, names, weight) for right, names, weight in probes if weight > 0]
    if by == "exercise":
        return float(bool(counted) and all(right for right, _, _ in counted))
    total = earned = 0.0
    for function in dict.fromkeys(name for _, names, _ in counted for name in names):
        own = [(right, weight) for right, names, weight in counted if function in names]
        weight = weights.functions.get(function, 1.0)
        right = sum(w for ok, w in own if ok) / sum(w for _, w in own)
        total += weight
        earned += weight * (right if by == "probe" else float(right == 1))
    return earned / total if total else 0.0


def read_credit(path: Path | None) -> Credit:
    """The weights in a file; without one, a point an exercise, by function. Raises InputError for what is unknown."""
    if path is None:
        return Credit()
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: expected weights in TOML, got something else ({error})") from error
    by = content.pop("credit", "function")
    if by not in CREDITS:
        raise InputError(f"{path}: expected credit to be one of {', '.join(CREDITS)}, got {by!r}")
    entries = {entry.name: entry for entry in catalogue()}
    for name in content:
        if name not in entries:
            raise InputError(f"{path}: expected the name of an exercise, got {name!r}{suggest(name, entries)}")
    return Credit(by, {name: _weights(path, entries[name], fields) for name, fields in content.items()})


def _weights(path: Path, entry: Entry, fields: Any) -> Weights:
    if not isinstance(fields, dict) or fields.keys() - {"points", "functions", "probes"}:
        raise InputError(f"{path}: {entry.name}: expected points, functions and probes, got {fields!r}"[:300])
    functions = _numbers(path, entry, fields.get("functions", {}))
    for name in functions:
        if name not in functions_of(entry):
            wanted = ", ".join(sorted(functions_of(entry)))
            raise InputError(f"{path}: {entry.name}.functions: expected some of {wanted}, got {name!r}")
    probes = _numbers(path, entry, fields.get("probes", {}))
    if not all(name.isascii() and name.isdigit() and int(name) for name in probes):
        raise InputError(f"{path}: {entry.name}.probes: expected numbers from 1, got {', '.join(probes)}")
    points = _numbers(path, entry, {"points": fields.get("points", 1.0)})["points"]
    return Weights(points, functions, {int(name): weight for name, weight in probes.items()})


def _numbers(path: Path, entry: Entry, fields: Any) -> dict[str, float]:
    if not isinstance(fields, dict):
        raise InputError(f"{path}: {entry.name}: expected a table of weights, got {fields!r}"[:300])
    for name, weight in fields.items():
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight <= 1e6:
            raise InputError(f"{path}: {entry.name}: {name}: expected a number from 0 to 1000000, got {weight!r}")
    return {name: float(weight) for name, weight in fields.items()}
