"""The teacher's page: learners by exercises, the mistakes of the class, and what should be looked at by hand.

`grades.html.jinja` is the page, `grades.toml` has its texts in every language, and this module collects what it shows.
The page has no scripts and loads nothing, and every text of an answer is escaped.
"""

import collections
import dataclasses
import importlib.resources
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import jinja2

from exercises.kit.alike import groups
from exercises.kit.catalogue import Entry
from exercises.kit.credit import Credit
from exercises.kit.formats import about_grade, in_figures, points_of, possible, total
from exercises.kit.grade import STATES, Grade, by_learner
from exercises.kit.handed_in import Note
from foundation.files import write_text
from foundation.language import translate
from foundation.page_texts import PageTexts, page_texts

LETTERS = {"PASS": "✓", "WRONG": "✗", "IMPORTED": "!", "NOT MEASURED": "?", "NOT WRITTEN YET": "·", "MISSING": "–"}
"""The sign of each state; its word is `state_…` in grades.toml."""
FEW_NAMES = 12


@dataclasses.dataclass(frozen=True)
class Page:
    """What the page is about."""

    grades: list[Grade]
    entries: list[Entry]
    credit: Credit
    notes: list[Note]
    litter: int
    sandbox: str


class Cell(NamedTuple):
    """One answer in the table."""

    state: str
    letter: str
    word: str
    points: str
    about: str


class Row(NamedTuple):
    """One learner."""

    learner: str
    cells: list[Cell]
    passed: int
    points: str


class Common(NamedTuple):
    """A mistake, and those who made it."""

    exercise: str
    mistake: str
    learners: list[str]


class Unknown(NamedTuple):
    """An answer that is wrong in a way that the course does not know by name."""

    learner: str
    exercise: str
    about: str
    where: str


def write_report(path: Path, page: Page) -> None:
    """Write the page, whole or not at all."""
    own = [list(grades) for _, grades in by_learner(page.grades)]
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["in_language"] = translate
    say = page_texts("exercises.kit", "grades.toml")
    source = importlib.resources.files("exercises.kit") / "grades.html.jinja"
    text = environment.from_string(source.read_text("utf-8")).render(
        say=say,
        entries=page.entries,
        rows=[_row(grades, page.credit, say) for grades in own],
        most=in_figures(max((possible(grades, page.credit) for grades in own), default=0.0)),
        shares=_shares(page.grades, page.entries),
        counts=[
            (_word(state, say), letter, sum(g.state == state for g in page.grades)) for state, letter in LETTERS.items()
        ],
        mistakes=common_mistakes(page.grades),
        unknown=unknown_mistakes(page.grades),
        imports=[(g.learner, g.exercise, about_grade(g)) for g in page.grades if g.state == "IMPORTED"],
        alike=groups({(g.learner, g.exercise): g.fingerprint for g in page.grades}),
        notes=page.notes,
        litter=page.litter,
        sandbox=page.sandbox,
        answers=sum(g.state != "MISSING" for g in page.grades),
        few=FEW_NAMES,
    )
    write_text(path, text.encode("utf-8", errors="backslashreplace").decode("utf-8").strip() + "\n")


def _word(state: str, say: PageTexts) -> str:
    return say(f"state_{state.replace(' ', '_')}")


def _row(own: Sequence[Grade], credit: Credit, say: PageTexts) -> Row:
    cells = [
        Cell(g.state, LETTERS[g.state], _word(g.state, say), in_figures(points_of(g, credit)), about_grade(g))
        for g in own
        if g.state in STATES
    ]
    passed = sum(g.state == "PASS" for g in own)
    return Row(own[0].learner, cells, passed, in_figures(total(list(own), credit)))


def _shares(grades: list[Grade], entries: list[Entry]) -> list[tuple[str, str, int, int]]:
    """(number, title, right, handed in) of each exercise."""
    found = []
    for entry in entries:
        own = [graded for graded in grades if graded.exercise == entry.name]
        handed_in = sum(graded.state != "MISSING" for graded in own)
        found.append((entry.number, entry.title, sum(graded.state == "PASS" for graded in own), handed_in))
    return found


def common_mistakes(grades: list[Grade]) -> list[Common]:
    """The recognised mistakes by their names, the most frequent first."""
    found = collections.defaultdict[tuple[str, str], list[str]](list)
    for graded in grades:
        if graded.verdict is not None and graded.verdict.mistake:
            found[graded.exercise, graded.verdict.mistake].append(graded.learner)
    common = [Common(exercise, mistake, learners) for (exercise, mistake), learners in found.items()]
    return sorted(common, key=lambda one: (-len(one.learners), one.exercise, one.mistake))


def unknown_mistakes(grades: list[Grade]) -> list[Unknown]:
    """Answers that are wrong, or could not be measured, without a name for it."""
    return [
        Unknown(graded.learner, graded.exercise, about_grade(graded), graded.verdict.where.rpartition("/")[2])
        for graded in grades
        if graded.verdict is not None and graded.state in ("WRONG", "NOT MEASURED") and not graded.verdict.mistake
    ]
