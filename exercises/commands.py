"""The commands about exercises. Each takes its options and returns the exit code: 0 done, 1 a check did not pass."""

import contextlib
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from exercises import options
from exercises.kit import answers as kit
from exercises.kit.answers import Answers, open_answers
from exercises.kit.catalogue import Entry, catalogue, find
from exercises.kit.check import check_answer
from exercises.kit.ending import show_ending
from exercises.kit.limits import Limits
from exercises.kit.new_exercise import new_exercise
from exercises.kit.question import ask_before, is_interactive, show_answer
from exercises.kit.show import (
    bar,
    heading,
    show_hint,
    show_progress,
    show_source,
    show_verdict,
)
from exercises.kit.text import shown
from exercises.kit.verdict import Verdict
from exercises.kit.watch import Watch, open_keys, read_line
from exercises.quiz.questions import questions
from exercises.quiz.session import Quiz, score, tried_in
from foundation.console import make_console, say
from foundation.errors import InputError
from foundation.files import write_text


def start(choices: options.Start) -> int:
    """`vae-ladder start`"""
    console = make_console()
    answers, done = kit.start(choices.to or kit.default_folder(), choices.guided)
    folder = shown(answers.folder)
    if done.copied:
        say(console, f"{_count(done.copied, 'stub')} copied to {folder}")
    blanks = [entry.number for entry in done.copied if choices.guided and entry.has_blanks]
    if blanks:
        say(console, f"with blanks to fill: {', '.join(blanks)}")
    if done.kept:
        say(console, f"{_count(done.kept, 'answer')} already there, kept")
    for note in done.notes:
        say(console, f"note: {note}", style="yellow")
    following = answers.progress().next(catalogue())
    if following is not None:
        say(console, f"\nread   {shown(following.page)}\nwrite  {shown(answers.path(following))}")
        option = _answers_option(choices.to)
        say(console, f"then   vae-ladder check {following.number}{option}, or vae-ladder watch{option}")
    return 0


def read(choices: options.Read) -> int:
    """`vae-ladder read`"""
    from exercises import reading  # here, since a check should not wait for what setting a page needs

    console, page = make_console(), reading.page_to_read(choices.page)
    if choices.out is not None and not choices.html:
        raise InputError("--out: expected --html beside it")
    if not choices.html:
        reading.show_page(console, page)
        return 0
    path = choices.out or Path(reading.file_name(page))
    write_text(path, reading.html_page(page))
    say(console, "Open this page in a browser:", style="bold")
    say(console, f"   {shown(path)}")
    return 0


def check(choices: options.Check) -> int:
    """`vae-ladder check`"""
    answers, limits = open_answers(choices.answers), Limits(choices.time_limit)
    if choices.all:
        if choices.exercise is not None or choices.probe is not None:
            raise InputError("--all: expected neither an exercise nor --probe beside it")
        return _check_all(answers, limits)
    entry = _entry_or_next(choices.exercise, answers)
    if entry is None:
        return _all_passed(answers)
    path = answers.existing(entry)
    if choices.probe is not None:
        return _check_probe(entry, path, limits, choices.probe, choices.traceback)
    console, progress = make_console(), answers.progress()
    if is_interactive(console):
        ask_before(console, progress, entry)
    content = answers.content(entry)
    verdict = check_answer(entry, path, limits)
    # First: no pass is lost where nothing reads the output any more.
    progress.remember(entry, content, verdict.outcome, verdict.mistakes())
    show_verdict(console, verdict, choices.traceback)
    if note := kit.change_of(answers, progress, entry):
        say(console, f"note: {note}", style="yellow")
    if verdict.outcome == "PASS":
        show_answer(console, progress, entry)
    say(console, f"\n{_what_now(entry, path, answers, verdict, _answers_option(choices.answers))}")
    if verdict.outcome == "PASS" and progress.next(catalogue()) is None:
        show_ending(console, progress, catalogue())
    return 0 if verdict.outcome == "PASS" else 1


def _count(things: Sequence[object], noun: str) -> str:
    return f"{len(things)} {noun}{'s' * (len(things) != 1)}"


def _check_all(answers: Answers, limits: Limits) -> int:
    console, progress, outcomes = make_console(), answers.progress(), []
    for entry in catalogue():
        path = answers.path(entry)
        if not path.is_file():
            heading(console, "MISSING", entry.name)
            outcomes.append("MISSING")
            continue
        try:
            content = answers.content(entry)
        except InputError as error:  # costs this answer alone
            heading(console, f"{'NOT MEASURED':<15}", f"{entry.name}  {error}")
            outcomes.append("NOT MEASURED")
            continue
        verdict = check_answer(entry, path, limits)
        progress.remember(entry, content, verdict.outcome, verdict.mistakes())
        about = verdict.mistake or (f"{verdict.got} instead of {verdict.expected}" if verdict.got else "")
        heading(console, f"{verdict.outcome:<15}", f"{entry.name}{f'  {about}' * bool(about)}")
        outcomes.append(verdict.outcome)
    say(console, f"\n{bar(progress.states(catalogue()).values())}")
    return 0 if all(outcome == "PASS" for outcome in outcomes) else 1


def _check_probe(entry: Entry, path: Path, limits: Limits, probe: int, with_traceback: bool) -> int:
    count = len(entry.load().probes)
    if not 1 <= probe <= count:
        raise InputError(f"probe: expected a number from 1 to {count} for {entry.name}, got {probe}")
    verdict = check_answer(entry, path, limits, probe)
    show_verdict(make_console(), verdict, with_traceback)
    return 0 if verdict.outcome == "PASS" else 1


def _what_now(entry: Entry, path: Path, answers: Answers, verdict: Verdict, option: str) -> str:
    """The next command to type, or file to read."""
    if verdict.outcome == "WRONG":
        return f"vae-ladder hint {entry.number}{option}"
    if verdict.outcome == "NOT WRITTEN YET":
        return f"read {shown(entry.page)}, then write {shown(path)}"
    following = answers.progress().next(catalogue())
    passed = f"vae-ladder solution {entry.number}{option} shows how the rung does it; "
    return passed + (f"next: {shown(following.page)}" if following else "the course is done")


def watch(choices: options.Watch) -> int:
    """`vae-ladder watch`"""
    answers = open_answers(choices.answers)
    entry = _entry_or_next(choices.exercise, answers)
    if entry is None:
        return _all_passed(answers)
    console = make_console()
    ask = read_line if is_interactive(console) else None
    with open_keys() as poll, contextlib.suppress(KeyboardInterrupt):  # Ctrl-C is the same as q
        Watch(console, answers, poll, entry, ask=ask).run()
    return 0


def quiz(choices: options.Quiz) -> int:
    """`vae-ladder quiz`"""
    asked, answers = questions(), _answers_or_none(choices.answers)
    if choices.question is not None and not 1 <= choices.question <= len(asked):
        raise InputError(f"question: expected a number from 1 to {len(asked)}, got {choices.question}")
    tried = tried_in(answers)
    chosen = asked if choices.again else tuple(one for one in asked if tried.state(one) not in ("first", "later"))
    if choices.question is not None:
        chosen = (asked[choices.question - 1],)
    console = make_console()
    if not chosen:
        say(console, score(asked, tried))
        say(console, "every question is answered; vae-ladder quiz --again puts them once more")
        return 0
    Quiz(console, answers).run(asked, chosen)
    return 0


def _answers_or_none(folder: Path | None) -> Answers | None:
    """The folder of answers; None where none is named and there is none yet."""
    return None if folder is None and not kit.default_folder().is_dir() else open_answers(folder)


def progress(choices: options.ShowProgress) -> int:
    """`vae-ladder progress`"""
    console, answers = make_console(), open_answers(choices.answers)
    remembered = answers.progress()
    show_progress(console, remembered, catalogue())
    if (tried := tried_in(answers)).choices:
        say(console, score(questions(), tried))
    notes = [kit.change_of(answers, remembered, entry) for entry in catalogue() if answers.path(entry).is_file()]
    for note in filter(None, [*notes, *(kit.stray_note(answers, path) for path in answers.strays())]):
        say(console, f"note: {note}", style="yellow")
    return 0


def hint(choices: options.Hint) -> int:
    """`vae-ladder hint`"""
    answers = open_answers(choices.answers)
    entry = _entry_or_next(choices.exercise, answers)
    if entry is None:
        return _all_passed(answers)
    number, text = answers.progress().next_hint(entry)
    show_hint(make_console(), entry, number, text, last=number == 3)
    return 0


def solution(choices: options.Solution) -> int:
    """`vae-ladder solution`"""
    answers, entry = open_answers(choices.answers), find(choices.exercise)
    remembered = answers.progress()
    record = remembered.record(entry.name)
    if not record.solved and not choices.give_up:
        raise InputError(
            f"{entry.name} has not passed yet: vae-ladder solution {entry.number} --give-up shows it anyway"
        )
    if not record.solved and not record.gave_up:
        remembered.give_up(entry)
    exercise = entry.load()
    show_source(make_console(), list(dict.fromkeys([*exercise.solution.values(), *exercise.source_functions()])))
    return 0


def reset(choices: options.Reset) -> int:
    """`vae-ladder reset`"""
    console, answers, entry = make_console(), open_answers(choices.answers), find(choices.exercise)
    kept = kit.reset(answers, entry)
    if kept is not None:
        say(console, f"your answer is kept as {shown(kept)}")
    say(console, f"{shown(answers.path(entry))} is the stub again")
    return 0


def grade_folders(choices: options.Grade) -> int:
    """`vae-ladder grade`"""
    from exercises.grading import grade_folders  # here, since a check should not wait for what grading alone needs

    return grade_folders(choices)


def make_exercise(choices: options.NewExercise) -> int:
    """`vae-ladder new-exercise`"""
    console = make_console()
    entry, written = new_exercise(choices.name)
    for path in written:
        say(console, f"made  {shown(path)}")
    say(console, "\nReplace every TODO in them; AUTHORS.md describes the parts. Meanwhile:")
    say(console, f"  python -m pytest tests/exercises/test_exercises.py -k {entry.name}")
    say(console, f"  python -m tools.confusion {entry.number}")
    say(console, "  python -m tools.links")
    return 0


def _entry_or_next(name: str | None, answers: Answers) -> Entry | None:
    """The exercise that was named, or the next unsolved one; None where all have passed."""
    return answers.progress().next(catalogue()) if name is None else find(name)


def _all_passed(answers: Answers) -> int:
    show_ending(make_console(), answers.progress(), catalogue())
    return 0


def _answers_option(folder: Path | None) -> str:
    return "" if folder is None else f" --answers {shlex.quote(str(folder))}"


COMMANDS: dict[type, Callable[[Any], int]] = {
    options.Start: start,
    options.Read: read,
    options.Check: check,
    options.Watch: watch,
    options.Quiz: quiz,
    options.ShowProgress: progress,
    options.Hint: hint,
    options.Solution: solution,
    options.Reset: reset,
    options.Grade: grade_folders,
    options.NewExercise: make_exercise,
}
"""The function of each command, by the type of its options."""


def run_command(choices: object) -> int:
    """Run the command that these options belong to."""
    return COMMANDS[type(choices)](choices)
