"""The grades as files for other programs: a table, and what learning platforms import as it is.

Canvas: a gradebook as it exports it, with a column filled in. The columns are those that Canvas writes and reads:
https://github.com/instructure/canvas-lms/blob/master/lib/gradebook_exporter.rb and gradebook_importer.rb beside it.
Moodle: the grading worksheet of an assignment, with Grade and Feedback comments filled in. It keeps the columns that
https://github.com/moodle/moodle/blob/main/mod/assign/feedback/offline/importgradeslib.php looks for.
Gradescope: the results.json of one submission, https://gradescope-autograders.readthedocs.io/en/latest/specs/.
"""

import csv
import dataclasses
import io
import unicodedata
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from exercises.kit.credit import Credit
from exercises.kit.grade import Grade, by_learner
from exercises.kit.handed_in import Learner
from foundation.errors import InputError
from foundation.files import to_json, write_bytes, write_text

Keys = Callable[[list[str]], list[str]]
"""The names under which the learner of a row may be known."""
FIELDS = ("learner", "exercise", "state", "mistake", "probe", "got", "expected", "problem", "points", "of")
MARK = "\N{ZERO WIDTH NO-BREAK SPACE}"
"""At the start of a file it tells Excel that it is UTF-8; Canvas and Moodle pass over it."""
NAMES_APART = ("LastName", "FirstName")
"""Canvas writes these in place of Student where its gradebook is set to show names in two columns."""
CANVAS_COLUMNS = ("Student", *NAMES_APART, "ID", "SIS User ID", "SIS Login ID", "Section")
MOODLE_COLUMNS = ("Identifier", "Full name", "Grade", "Last modified (grade)", "Feedback comments")
POSSIBLE = "Points Possible"
LONGEST_FEEDBACK = 5000


def points_of(graded: Grade, credit: Credit) -> float:
    """The points of one answer; none for one that was not run."""
    if not graded.outcomes or graded.state in ("MISSING", "IMPORTED"):
        return 0.0
    return credit.points(graded.exercise, graded.outcomes, graded.functions)


def total(own: list[Grade], credit: Credit) -> float:
    """A learner's points, all exercises together."""
    return sum(points_of(graded, credit) for graded in own)


def possible(own: list[Grade], credit: Credit) -> float:
    """The points that there are."""
    return sum(credit.weights(graded.exercise).points for graded in own)


def in_figures(points: float) -> str:
    """Points with two decimals at most: 2.5, not 2.5000000001."""
    return f"{round(points, 2):g}" if points < 1e5 else str(round(points, 2))


def feedback(own: list[Grade], credit: Credit, separator: str = "\n") -> str:
    """What a learner is told: a line for each exercise, with the mistake or the result."""
    lines = []
    for graded in own:
        points = f"{in_figures(points_of(graded, credit))}/{in_figures(credit.weights(graded.exercise).points)}"
        about = about_grade(graded)
        lines.append(f"{graded.exercise}: {graded.state}, {points}{f' ({about})' if about else ''}")
    return separator.join(lines)[:LONGEST_FEEDBACK]


def about_grade(graded: Grade) -> str:
    """The mistake by its name, else the result and the expected one, else nothing."""
    verdict = graded.verdict
    if verdict is None or graded.state in ("PASS", "NOT WRITTEN YET"):
        return ""
    if verdict.mistake:
        return verdict.mistake
    got = " ".join(f"{verdict.got} instead of {verdict.expected}".split()) if verdict.got else ""
    return got[:300] or verdict.problem[:300]


# One table


def to_csv(grades: list[Grade], credit: Credit | None = None) -> str:
    """A heading, and a line for every learner and exercise."""
    return _csv([FIELDS, *(list(map(_cell, _row(graded, credit or Credit()))) for graded in grades)])


def _row(graded: Grade, credit: Credit) -> tuple[str, ...]:
    verdict, start = graded.verdict, (graded.learner, graded.exercise, graded.state)
    points = in_figures(points_of(graded, credit)), in_figures(credit.weights(graded.exercise).points)
    if verdict is None:
        return *start, *[""] * (len(FIELDS) - len(start) - 2), *points
    probe = str(verdict.probe) if verdict.probe else ""
    return *start, verdict.mistake, probe, verdict.got, verdict.expected, verdict.problem, *points


def _cell(text: str) -> str:
    """A cell that a spreadsheet does not take for a formula, as it would "-6", "+1 instead of -1" or "=...".

    Some spreadsheets drop a tab or a line end at the beginning, and take what follows for a formula.
    """
    text = text.replace("\r", " ")  # the csv module leaves it unquoted, and readers take it for a line end
    return f"'{text}" if text.lstrip()[:1] in ("=", "+", "-", "@") or text[:1] in ("\t", "\n") else text


def _csv(rows: Iterable[Iterable[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


# Rosters


@dataclasses.dataclass(frozen=True)
class Roster:
    """A file that a platform exported, with one row for each of its learners."""

    path: Path
    columns: list[str]
    rows: list[list[str]]

    def column(self, name: str) -> int:
        """The place of a column. Raises InputError where the file has none of that name."""
        if name not in self.columns:
            raise InputError(f"{self.path}: expected a column {name!r}, found {', '.join(self.columns)}"[:500])
        return self.columns.index(name)


def read_roster(path: Path | None, kind: str) -> Roster:
    """The roster that a format needs. Raises InputError where it is missing or is another kind of file."""
    wanted = {"canvas": "the gradebook as Canvas exports it", "moodle": "the assignment's grading worksheet"}[kind]
    if path is None:
        raise InputError(f"--roster: expected {wanted}, which --format {kind} fills in, got none")
    try:
        text = path.read_text(encoding="utf-8-sig")
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row]
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (ValueError, csv.Error) as error:
        raise InputError(f"{path}: expected {wanted}, a CSV file in UTF-8 ({error})") from error
    columns = rows[0] if rows else []
    roster = Roster(path, columns, [row + [""] * (len(columns) - len(row)) for row in rows[1:]])
    for name in _needed_by_canvas(columns) if kind == "canvas" else MOODLE_COLUMNS:
        roster.column(name)
    return roster


def _needed_by_canvas(columns: list[str]) -> tuple[str, ...]:
    return (*(NAMES_APART if columns[:1] == ["LastName"] else ("Student",)), "ID")


def match(roster: Roster, grades: list[Grade], keys: Keys) -> dict[int, list[Grade]]:
    """The grades of each row of a roster. `keys` gives the names under which a row's learner may be known.

    Raises InputError for learners of whom there is no row, or more than one.
    """
    rows: dict[str, set[int]] = {}
    for place, row in enumerate(roster.rows):
        for key in filter(None, map(_key, keys(row))):
            rows.setdefault(key, set()).add(place)
    found, unmatched = dict[int, list[Grade]](), list[str]()
    for learner, own in by_learner(grades):
        names = [own[0].number, learner.rpartition("/")[2]]
        places = next((rows[key] for key in map(_key, names) if key and key in rows), set())
        if len(places) == 1 and (place := next(iter(places))) not in found:
            found[place] = own
        else:
            unmatched.append(learner)
    if unmatched:
        raise InputError(f"{roster.path}: expected one row for each learner, found none, or several, for {unmatched}")
    return found


def check_roster(roster: Roster, kind: str, learners: list[Learner]) -> None:
    """Raise InputError for learners without a row, before anything is graded."""
    keys = canvas_keys(roster) if kind == "canvas" else moodle_keys(roster)
    match(roster, [Grade(learner.name, "", "MISSING", number=learner.number) for learner in learners], keys)


def canvas_keys(roster: Roster) -> Keys:
    """The names of a student: of `Lee, Anna`, Canvas makes `leeanna` in the names of files."""

    def keys(row: list[str]) -> list[str]:
        if "Student" in roster.columns:
            last, _, first = row[roster.column("Student")].partition(", ")
        else:
            last, first = (row[roster.column(name)] for name in NAMES_APART)
        logins = [row[roster.column(name)] for name in ("ID", "SIS User ID", "SIS Login ID") if name in roster.columns]
        return [f"{last}{first}", f"{first}{last}", *logins]

    return keys


def moodle_keys(roster: Roster) -> Keys:
    """The names of a participant, and the number that Moodle puts into the names of folders."""
    identifier, full_name = roster.column("Identifier"), roster.column("Full name")

    def keys(row: list[str]) -> list[str]:
        others = [row[roster.column(name)] for name in ("ID number", "Email address") if name in roster.columns]
        return [row[identifier].rpartition(" ")[2], row[full_name], *others]

    return keys


def _key(name: str) -> str:
    """A name without case, accents, spaces and punctuation, as platforms write it into the names of files."""
    plain = unicodedata.normalize("NFKD", name).casefold()
    return "".join(character for character in plain if character.isalnum())


# Platforms


def to_canvas(roster: Roster, grades: list[Grade], credit: Credit, column: str) -> str:
    """The gradebook with one column filled in; Canvas itself has the names of its students."""
    found = match(roster, grades, canvas_keys(roster))
    existing = next((name for name in roster.columns if name == column or name.startswith(f"{column} (")), None)
    kept = [name for name in CANVAS_COLUMNS if name in roster.columns]
    rows = [[*kept, existing or column]]
    if not any(POSSIBLE in row[0] for row in roster.rows):
        rows.append([f"    {POSSIBLE}", *[""] * (len(kept) - 1), in_figures(_most(grades, credit))])
    for place, row in enumerate(roster.rows):
        cells = [row[roster.column(name)] for name in kept]
        own = found.get(place)
        if POSSIBLE in row[0]:
            rows.append([*cells, in_figures(_most(grades, credit))])
        elif own is not None:
            rows.append([*cells, in_figures(total(own, credit))])
    return _csv(rows)


def to_moodle(roster: Roster, grades: list[Grade], credit: Credit) -> str:
    """The worksheet with grade and feedback filled in; the grade in proportion to the sheet's maximum, if any."""
    found = match(roster, grades, moodle_keys(roster))
    rows = [roster.columns]
    for place, row in enumerate(roster.rows):
        cells = list(row)
        if (own := found.get(place)) is not None:
            cells[roster.column("Grade")] = in_figures(_of_maximum(roster, row, own, credit))
            cells[roster.column("Feedback comments")] = _html_lines(feedback(own, credit))
        rows.append(cells)
    return _csv(rows)


def _of_maximum(roster: Roster, row: list[str], own: list[Grade], credit: Credit) -> float:
    earned, most = total(own, credit), possible(own, credit)
    if "Maximum Grade" in roster.columns and most:
        try:
            return earned / most * float(row[roster.column("Maximum Grade")].replace(",", "."))
        except ValueError:
            return earned
    return earned


def _html_lines(text: str) -> str:
    """Moodle reads feedback as HTML."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return escaped.replace("\n", "<br>")


def _most(grades: list[Grade], credit: Credit) -> float:
    return max((possible(own, credit) for _, own in by_learner(grades)), default=0.0)


def to_gradescope(grades: list[Grade], credit: Credit) -> str:
    """results.json of one submission: a test for each exercise, its score, and what its author is to read.

    Raises InputError where there is more than one learner.
    """
    learners = list(by_learner(grades))
    if len(learners) != 1:
        raise InputError(f"--format gradescope: expected one learner's submission, got {len(learners)}")
    (_, own) = learners[0]
    tests: list[dict[str, Any]] = [
        {
            "name": graded.exercise,
            "number": graded.exercise[:2],
            "score": round(points_of(graded, credit), 4),
            "max_score": credit.weights(graded.exercise).points,
            "status": "passed" if graded.state == "PASS" else "failed",
            "output": _report(graded),
            "output_format": "text",
            "visibility": "visible",
        }
        for graded in own
    ]
    score = round(total(own, credit), 4)
    return to_json({"score": score, "output_format": "text", "visibility": "visible", "tests": tests}, indent=2) + "\n"


def _report(graded: Grade) -> str:
    """The message that its author would have seen, without the places in the grader's folders."""
    if graded.verdict is None:
        return f"{graded.state}: no file {graded.exercise}.py was handed in"
    lines = [(label, text) for label, text in graded.verdict.lines() if label != "where"]
    return "\n".join([graded.state, *(f"{label:<9} {text}" for label, text in lines)])


def write_grades(
    path: Path, kind: str, grades: list[Grade], credit: Credit, roster: Roster | None, column: str
) -> None:
    """Write the file of a format, whole or not at all."""
    if kind == "gradescope":
        write_text(path, to_gradescope(grades, credit))
        return
    if kind == "csv" or roster is None:
        text = to_csv(grades, credit)
    elif kind == "canvas":
        text = to_canvas(roster, grades, credit, column)
    else:
        text = to_moodle(roster, grades, credit)
    mark = "" if text.startswith(NAMES_APART) else MARK  # Canvas compares this heading with the file's first letters
    write_bytes(path, (mark + text).encode("utf-8", errors="backslashreplace"))
