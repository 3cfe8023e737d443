"""The grades of a class on a terminal: the table, the mistakes, and what was not understood."""

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from exercises.kit.catalogue import Entry
from exercises.kit.grade import Grade, by_learner
from exercises.kit.handed_in import Note
from exercises.kit.limits import printable
from exercises.kit.show import STYLES as CHECK_STYLES
from foundation.console import say
from foundation.language import translate

STYLES = CHECK_STYLES | {"IMPORTED": "red"}
LETTERS = {"PASS": "✓", "WRONG": "x", "IMPORTED": "!", "NOT MEASURED": "?", "NOT WRITTEN YET": "·", "MISSING": "-"}
MOST_NOTES = 20
"""The number of lines about what is not graded; the report has all."""


def show_grades(console: Console, grades: list[Grade], entries: list[Entry]) -> None:
    """Print learners by exercises, in a form that fits the console's width."""
    table = _grade_table(grades, entries)
    fits = Measurement.get(console, console.options.update(max_width=10**4), table).minimum <= console.width
    console.print(table if fits else _narrow_grade_table(grades, entries))
    key = "✓ pass   x wrong   ! imports the solution   ? not measured   · not written   - missing\n"
    say(console, key, style="dim")


def show_mistakes(console: Console, grades: list[Grade]) -> None:
    """Print a line for each answer that is wrong: the mistake, or the result and the expected one."""
    for graded in grades:
        if graded.verdict is None or graded.state not in ("WRONG", "IMPORTED", "NOT MEASURED"):
            continue
        unknown = f"{translate('not recognised')}: {graded.verdict.got} ≠ {graded.verdict.expected}"
        about = translate(graded.verdict.mistake) or (unknown if graded.verdict.got else graded.verdict.problem)
        say(console, f"{graded.learner}  {graded.exercise}  {' '.join(about.split())[:300]}")


def show_notes(console: Console, notes: list[Note], litter: int) -> None:
    """Print what was not understood, with the reason."""
    if notes:
        say(console, "\nnot graded:", style="dim")
    for note in notes[:MOST_NOTES]:
        say(console, f"  {printable(note.path)}: {printable(note.reason)}")
    if len(notes) > MOST_NOTES:
        say(console, f"  … and {len(notes) - MOST_NOTES} more; --report lists all")
    if litter:
        say(console, f"  {litter} of the files that systems and editors leave, such as .DS_Store", style="dim")


def _grade_table(grades: list[Grade], entries: list[Entry]) -> Table:
    """Learners by exercises, one letter a cell, and no name broken over lines."""
    table = Table()
    table.add_column(translate("learner"), no_wrap=True, min_width=max(len(graded.learner) for graded in grades))
    for entry in entries:
        table.add_column(entry.number, justify="center")
    table.add_column(translate("passed"), justify="right")
    for learner, own in by_learner(grades):
        cells = [Text(LETTERS[graded.state], style=STYLES[graded.state]) for graded in own]
        table.add_row(Text(learner), *cells, f"{sum(graded.state == 'PASS' for graded in own)}/{len(entries)}")
    return table


def _narrow_grade_table(grades: list[Grade], entries: list[Entry]) -> Table:
    """The same in fewer columns of the terminal: the exercises as one column, their numbers read downwards."""
    table = Table(box=None, padding=(0, 1))
    table.add_column(translate("learner"), overflow="fold")
    table.add_column(translate("passed"), justify="right", no_wrap=True)
    numbers = "\n".join("".join(digits) for digits in zip(*(entry.number for entry in entries), strict=True))
    table.add_column(numbers, no_wrap=True)
    for learner, own in by_learner(grades):
        letters = Text.assemble(*((LETTERS[graded.state], STYLES[graded.state]) for graded in own))
        passed = f"{sum(graded.state == 'PASS' for graded in own)}/{len(entries)}"
        table.add_row(Text(learner), passed, letters)
    return table
