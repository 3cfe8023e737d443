"""`vae-ladder grade`: what is handed in goes through the judges, and comes out as a table, a report and a few lines."""

import tempfile
from pathlib import Path

from rich.progress import Progress as Bar

from exercises import options
from exercises.kit.catalogue import catalogue, find
from exercises.kit.credit import read_credit
from exercises.kit.formats import check_roster, read_roster, write_grades
from exercises.kit.grade import Grade, grade
from exercises.kit.grade_report import Page, write_report
from exercises.kit.handed_in import gather
from exercises.kit.limits import Limits
from exercises.kit.sandbox import choose
from exercises.kit.show_grades import show_grades, show_mistakes, show_notes
from foundation.console import make_console, say
from foundation.errors import InputError
from foundation.files import check_writable


def grade_folders(choices: options.Grade) -> int:
    """`vae-ladder grade`"""
    console, limits = make_console(), Limits(choices.time_limit, choices.memory_limit)
    names = choices.exercises.split(",") if choices.exercises else []
    entries = sorted({find(name) for name in names}, key=lambda entry: entry.name) if names else catalogue()
    credit = read_credit(choices.weights)
    roster = read_roster(choices.roster, choices.format) if choices.format in ("canvas", "moodle") else None
    for path in filter(None, (choices.out, choices.report)):
        check_writable(path)
    with tempfile.TemporaryDirectory(prefix="vae-ladder-", ignore_cleanup_errors=True) as folder:
        handed_in = gather(choices.folders, Path(folder))
        if choices.format == "gradescope" and len(handed_in.learners) != 1:
            raise InputError(f"--format gradescope: expected one learner, got {len(handed_in.learners)}")
        if roster is not None:
            check_roster(roster, choices.format, handed_in.learners)
        done: list[Grade] = []

        def write(grades: list[Grade]) -> None:
            """Write the table of the learners who are done."""
            write_grades(choices.out, choices.format, grades, credit, roster, choices.column)
            done[:] = grades

        sandbox = choose(choices.sandbox)
        say(console, sandbox.promise(), style="yellow" if sandbox.kind == "none" else "dim")
        with Bar(console=console, transient=True, disable=not console.is_terminal) as shown_bar:
            task = shown_bar.add_task("grading", total=len(handed_in.learners) * len(entries))
            try:
                graded = grade(handed_in, entries, limits, sandbox, lambda: shown_bar.advance(task), write)
            except KeyboardInterrupt:
                raise KeyboardInterrupt(_kept(choices.out, done)) from None
    notes = list(dict.fromkeys([*handed_in.notes, *graded.notes]))
    written = [choices.out]
    if choices.report is not None:
        write_report(choices.report, Page(graded.grades, entries, credit, notes, handed_in.litter, sandbox.promise()))
        written.append(choices.report)
    show_grades(console, graded.grades, entries)
    show_mistakes(console, graded.grades)
    show_notes(console, notes, handed_in.litter)
    say(console, f"\nwritten to {' and '.join(map(str, written))}")
    return 0


def _kept(out: Path, done: list[Grade]) -> str:
    """One line after grading was stopped."""
    count = len({graded.learner for graded in done})
    return f"stopped; kept: {count} learners in {out}" if count else "stopped before a learner was done"
