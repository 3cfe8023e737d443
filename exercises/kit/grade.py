"""Checking the answers of many learners: each in a process of its own, on a copy, in an empty folder."""

import csv
import dataclasses
import io
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from exercises.kit.answers import ANSWER_NAME
from exercises.kit.catalogue import Entry
from exercises.kit.run import Limits, run
from exercises.kit.verdict import Verdict
from foundation.errors import InputError
from foundation.files import cannot_write, write_text

FIELDS = ("learner", "exercise", "state", "mistake", "probe", "came", "expected", "problem")


@dataclasses.dataclass(frozen=True)
class Grade:
    """One answer of one learner."""

    learner: str
    exercise: str
    state: str
    """A verdict's outcome, or MISSING."""
    verdict: Verdict | None = None


def learners_in(folders: tuple[Path, ...]) -> dict[str, Path]:
    """The folder of each learner by name. A folder without answers, but with folders that have some, counts as those.

    Raises InputError for a folder that is not there, or holds no answers.
    """
    if not folders:
        raise InputError("folder: expected at least one folder of answers, got none")
    found: list[Path] = []
    for folder in folders:
        if not folder.is_dir():
            raise InputError(f"folder: expected answers in {folder}, found no such folder")
        inside = [path for path in sorted(folder.iterdir()) if path.is_dir() and _has_answers(path)]
        if not _has_answers(folder) and not inside:
            raise InputError(f"folder: expected files such as 04_kl.py in {folder}, found none")
        found += [folder] if _has_answers(folder) else inside
    found = list(dict.fromkeys(path.resolve() for path in found))
    names = [path.name for path in found]
    return {path.name if names.count(path.name) == 1 else f"{path.parent.name}/{path.name}": path for path in found}


def _has_answers(folder: Path) -> bool:
    return any(ANSWER_NAME.fullmatch(path.name) for path in folder.glob("*.py"))


def grade(
    learners: dict[str, Path], entries: list[Entry], limits: Limits, on_answer: Callable[[Grade], None]
) -> list[Grade]:
    """Grade every exercise of every learner, several at a time; `on_answer` hears of each as it is done."""

    def one(task: tuple[str, Entry]) -> Grade:
        learner, entry = task
        graded = grade_answer(learner, learners[learner] / f"{entry.name}.py", entry, limits)
        on_answer(graded)
        return graded

    pool = ThreadPoolExecutor(os.cpu_count())
    try:
        return list(pool.map(one, [(learner, entry) for learner in learners for entry in entries]))
    finally:
        pool.shutdown(cancel_futures=True)  # on Ctrl-C, wait for those that run but begin no other


def grade_answer(learner: str, answer: Path, entry: Entry, limits: Limits) -> Grade:
    """Check a copy of the answer's folder, so that whatever the answer writes is gone afterwards."""
    if not answer.is_file():
        return Grade(learner, entry.name, "MISSING")
    with tempfile.TemporaryDirectory(prefix="vae-ladder-", ignore_cleanup_errors=True) as name:
        copy = Path(name).resolve() / "answers"
        copy.mkdir()
        for file in answer.parent.glob("*.py"):
            shutil.copyfile(file, copy / file.name)
        verdict = run(entry, copy / answer.name, limits)
        where = verdict.where.replace(str(copy), str(answer.parent))
    return Grade(learner, entry.name, verdict.outcome, dataclasses.replace(verdict, where=where))


def to_csv(grades: list[Grade]) -> str:
    """One line for every learner and exercise, under a heading."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(FIELDS)
    writer.writerows(map(_cell, row) for row in map(_row, grades))
    return text.getvalue()


def _row(graded: Grade) -> tuple[str, ...]:
    verdict, start = graded.verdict, (graded.learner, graded.exercise, graded.state)
    if verdict is None:
        return *start, *[""] * (len(FIELDS) - len(start))
    probe = str(verdict.probe) if verdict.probe else ""
    return *start, verdict.mistake, probe, verdict.came, verdict.expected, verdict.problem


def _cell(text: str) -> str:
    """A spreadsheet takes text that begins like this for a formula: "-6", "+1 instead of -1", "=..."."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") else text


def check_writable(path: Path) -> None:
    """Raise InputError now if the table could not be written in the end."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise cannot_write(path, error) from error
    if path.is_dir():
        raise InputError(f"cannot write {path}: it is a folder")


def write_csv(path: Path, grades: list[Grade]) -> None:
    """Write the table at once."""
    write_text(path, to_csv(grades))


def by_learner(grades: list[Grade]) -> Iterator[tuple[str, list[Grade]]]:
    """The grades of each learner, in the order in which they came."""
    for learner in dict.fromkeys(graded.learner for graded in grades):
        yield learner, [graded for graded in grades if graded.learner == learner]
