"""The process that judges answers for `vae-ladder grade`: one after another, each in a process of its own below it.

It reads a task as a line of JSON and writes what it found as another, until its input ends. What an exercise's
solution gives is computed once, before the first answer. Should it fail itself, the next task starts another one.

    python -c "from exercises.kit.judge import main; main()"
"""

import dataclasses
import json
import os
import shutil
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from exercises.kit.catalogue import Entry
from exercises.kit.check import no_function, temporary_folder, unloadable, wrong
from exercises.kit.diagnose import Assessment, assess
from exercises.kit.exercise import Exercise
from exercises.kit.limits import Limits, printable
from exercises.kit.observe import measurable
from exercises.kit.processes import adopt_orphans, end_all
from exercises.kit.raised import Stopped
from exercises.kit.remote import RemoteAnswer, RemoteFunctions, Unloadable
from exercises.kit.sandbox import Place, Sandbox, course_for
from exercises.kit.text import place
from exercises.kit.verdict import Verdict

LONGEST_CELL = 4000
"""Characters of one text of a verdict; an answer chooses some of them."""


@dataclasses.dataclass(frozen=True)
class Task:
    """One answer to judge."""

    exercise: str
    files: str
    """A copy of the folder that was handed in."""
    answer: str
    """The answer's file, relative to it."""
    origin: str
    """The folder that it was copied from, for messages."""
    sandbox: str
    seconds: float
    megabytes: int


def judge(task: Task, course: Path) -> Assessment:
    """The verdict on an answer that runs in a process of its own, in which nothing of the verdict is."""
    entry = Entry(task.exercise)
    exercise, limits = entry.load(), Limits(task.seconds, task.megabytes)
    with temporary_folder() as folder:
        os.chmod(folder, 0o755)  # the answer may run as another user
        _let_all_read(Path(task.files))
        where = Place(Sandbox(task.sandbox), folder, Path(task.files), course)
        if not where.is_apart:  # an answer could change the copy that the next one gets
            shutil.copytree(course, folder / "course")
            where = dataclasses.replace(where, course=folder / "course")
        origin = Path(task.origin)
        answer = RemoteAnswer(where, task.answer, origin, list(exercise.solution), limits)
        try:
            found = _judge(entry, exercise, answer, origin / task.answer)
        finally:
            answer.close()
    return found._replace(verdict=_shortened(found.verdict))


def _let_all_read(folder: Path) -> None:
    """The answer may run as another user."""
    for parent, _, files in os.walk(folder):
        os.chmod(parent, 0o755)
        for name in files:
            os.chmod(os.path.join(parent, name), 0o644)


def _judge(entry: Entry, exercise: Exercise, answer: RemoteAnswer, path: Path) -> Assessment:
    if not any(map(measurable, exercise.probes)):
        return assess(entry.name, exercise, {})
    try:
        loaded = answer.load()
    except Unloadable as error:
        return _all(_not_loaded(entry, exercise, path, error.error), exercise)
    functions: dict[str, Callable[..., Any]] = dict(loaded.functions)
    functions |= {name: _refusing(name, kind) for name, kind in loaded.others.items()}
    found = assess(entry.name, exercise, RemoteFunctions(functions, answer))
    for name, kind in loaded.others.items():  # it explains all that follows
        found = found._replace(verdict=no_function(entry, exercise, path, name, kind))
    return found


def _not_loaded(entry: Entry, exercise: Exercise, path: Path, error: BaseException) -> Verdict:
    if not isinstance(error, Stopped):
        return unloadable(entry, exercise, path, error)
    verdict = wrong(entry, exercise, path.name, error.got, "a result")
    where = next((place(line.file, line.line) for line in error.lines if line.file), str(path))
    return dataclasses.replace(verdict, problem=error.problem, where=where)


def _all(verdict: Verdict, exercise: Exercise) -> Assessment:
    """The same outcome for every probe."""
    return Assessment(verdict, (verdict.outcome,) * len(exercise.probes), ((),) * len(exercise.probes))


def _refusing(name: str, kind: str) -> Callable[..., Any]:
    def refuse(*arguments: Any) -> Any:
        raise TypeError(f"{name} is of type {kind}, not a function")

    return refuse


def _shortened(verdict: Verdict) -> Verdict:
    fields = {key: printable(value) for key, value in verdict.to_json().items()}
    short = {key: value[:LONGEST_CELL] if isinstance(value, str) else value for key, value in fields.items()}
    return Verdict.from_json(short)


# The process


def main() -> None:
    """Judge one task after another, until the input ends; then everything below this process ends, too."""
    adopt_orphans()
    lines, results = sys.stdin, os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)  # whatever a module prints is no result
    waiting, tasks = threading.Semaphore(0), list[str]()

    def read() -> None:
        for line in lines:
            tasks.append(line)
            waiting.release()
        end_all(os.getpid())
        os._exit(0)

    threading.Thread(target=read, daemon=True).start()
    with tempfile.TemporaryDirectory(prefix="vae-ladder-", ignore_cleanup_errors=True) as name:
        os.chmod(name, 0o755)
        courses: dict[str, Path] = {}
        while True:
            waiting.acquire()
            results.write(json.dumps(_one(json.loads(tasks.pop(0)), Path(name).resolve(), courses)) + "\n")


def _one(fields: dict[str, Any], folder: Path, courses: dict[str, Path]) -> dict[str, Any]:
    """The judgement of one task, or the failure of this process itself."""
    task = Task(**fields)
    try:
        if task.exercise not in courses:
            courses[task.exercise] = course_for(Entry(task.exercise), folder / task.exercise)
        found = judge(task, courses[task.exercise])
        return found._asdict() | {"verdict": found.verdict.to_json()}
    except (Exception, Stopped):
        return {"failed": traceback.format_exc()[-LONGEST_CELL:]}
