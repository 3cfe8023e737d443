"""The check of many learners' answers: each in a process of its own, on a copy, in an empty folder."""

import contextlib
import csv
import dataclasses
import io
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from exercises.kit.answers import ANSWER_NAME, FOLDER
from exercises.kit.catalogue import Entry
from exercises.kit.check import Limits, check_answer
from exercises.kit.diagnose import Verdict
from foundation.errors import InputError
from foundation.files import cannot_write, write_text

PASSED_OVER = ("__pycache__", "__MACOSX")
"""Folders that hold nothing of an answer."""
FIELDS = ("learner", "exercise", "state", "mistake", "probe", "got", "expected", "problem")


@dataclasses.dataclass(frozen=True)
class Grade:
    """One answer of one learner."""

    learner: str
    exercise: str
    state: str
    """A verdict's outcome, or MISSING."""
    verdict: Verdict | None = None


def learners_in(folders: tuple[Path, ...]) -> dict[str, Path]:
    """The folder of each learner by name. A folder whose subfolders hold answers stands for these.

    A learner's answers may lie in a folder my_answers below. Names that occur twice get the folders above in front.
    Raises InputError for a folder that is not there, or holds no answers.
    """
    if not folders:
        raise InputError("folder: expected at least one folder of answers, got none")
    found: dict[Path, Path] = {}  # the learner's folder, and where the answers are
    for folder in folders:
        if not folder.is_dir():
            raise InputError(f"folder: expected answers in {folder}, found no such folder")
        inside = [folder] if _has_answers(folder) else [path for path in sorted(folder.iterdir()) if path.is_dir()]
        answers = {path: place for path in inside for place in (path, path / FOLDER) if _has_answers(place)}
        if not answers:
            raise InputError(f"folder: expected files such as 04_kl.py in {folder}, found none")
        found |= {path.absolute(): place.resolve() for path, place in answers.items()}
    return dict(zip(_short_names(list(found)), found.values(), strict=True))


def _short_names(paths: list[Path]) -> list[str]:
    """The last parts of each path, as many as distinguish it from the others."""
    names = []
    for path in paths:
        ends = ["/".join(path.parts[-length:]) for length in range(1, len(path.parts) + 1)]
        same = [sum(str(other).endswith(f"/{end}") for other in map(Path.as_posix, paths)) for end in ends]
        names.append(next((end for end, count in zip(ends, same, strict=True) if count == 1), ends[-1]))
    return list(map(as_text, names))


def as_text(name: str) -> str:
    """A file's name as text that can be written: bytes that are no UTF-8 as backslash escapes."""
    return os.fsencode(name).decode("utf-8", errors="backslashreplace")


def _has_answers(folder: Path) -> bool:
    return any(ANSWER_NAME.fullmatch(path.name) for path in folder.glob("*.py"))


def grade(
    learners: dict[str, Path], entries: list[Entry], limits: Limits, on_answer: Callable[[Grade], None]
) -> list[Grade]:
    """Grade every exercise of every learner, several at a time; `on_answer` is called with each result."""

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
    """Check a copy of the answer's folder, so that nothing that the answer writes stays."""
    if not answer.is_file():
        return Grade(learner, entry.name, "MISSING")
    with tempfile.TemporaryDirectory(prefix="vae-ladder-", ignore_cleanup_errors=True) as name:
        copy = Path(name).resolve() / "answers"
        copy_tree(answer.parent, copy)
        verdict = check_answer(entry, copy / answer.name, limits)
        where = verdict.where.replace(str(copy), str(answer.parent))
    return Grade(learner, entry.name, verdict.outcome, dataclasses.replace(verdict, where=where))


def copy_tree(folder: Path, copy: Path) -> None:
    """Copy the files that can be read, with those in folders beside the answers, such as a package of helpers.

    Links, pipes and devices are passed over: an editor's lock is a link to nothing, and a device may never end.
    """
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in PASSED_OVER)
        target = copy / Path(parent).relative_to(folder)
        target.mkdir(parents=True, exist_ok=True)
        for file in map(Path(parent).joinpath, files):
            if stat.S_ISREG(file.lstat().st_mode):
                with contextlib.suppress(OSError):
                    shutil.copyfile(file, target / file.name)


def to_csv(grades: list[Grade]) -> str:
    """The grades as CSV: a heading, and a line for every learner and exercise."""
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
    return *start, verdict.mistake, probe, verdict.got, verdict.expected, verdict.problem


def _cell(text: str) -> str:
    """A cell that a spreadsheet does not take for a formula, as it would "-6", "+1 instead of -1" or "=..."."""
    return f"'{text}" if text.lstrip()[:1] in ("=", "+", "-", "@") else text


def check_writable(path: Path) -> None:
    """Raise InputError where the table could not be written, before any answer is graded."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise cannot_write(path, error) from error
    if path.is_dir():
        raise InputError(f"cannot write {path}: it is a folder")


def write_csv(path: Path, grades: list[Grade]) -> None:
    """Write the table; the file appears whole or not at all."""
    write_text(path, to_csv(grades))


def by_learner(grades: list[Grade]) -> Iterator[tuple[str, list[Grade]]]:
    """The grades of each learner, in the order of the list."""
    for learner in dict.fromkeys(graded.learner for graded in grades):
        yield learner, [graded for graded in grades if graded.learner == learner]
