"""The check of many learners' answers: each in a process of its own that holds nothing of its verdict.

`judge` is the process that compares, one for each core; `remote` and `sandbox` are about the answer's.
"""

import contextlib
import dataclasses
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from exercises.kit.alike import fingerprint
from exercises.kit.catalogue import COURSE, Entry
from exercises.kit.diagnose import Assessment
from exercises.kit.handed_in import HandedIn, Learner, Note, as_text
from exercises.kit.judge import Task
from exercises.kit.limits import Limits
from exercises.kit.notebooks import functions_of, is_notebook, place_in_notebook
from exercises.kit.remote import CALLS, START_SECONDS
from exercises.kit.sandbox import Sandbox, imported_solution
from exercises.kit.verdict import Verdict
from foundation.errors import InputError

START = "import sys; sys.path.insert(0, {root!r}); from exercises.kit.judge import main; main()"
STATES = ("PASS", "WRONG", "IMPORTED", "NOT MEASURED", "NOT WRITTEN YET", "MISSING")


@dataclasses.dataclass(frozen=True)
class Grade:
    """One answer of one learner."""

    learner: str
    exercise: str
    state: str
    """One of STATES: a verdict's outcome, MISSING, or IMPORTED for an answer that imports the solution."""
    verdict: Verdict | None = None
    outcomes: tuple[str, ...] = ()
    """An outcome for every probe; empty where the answer was not run."""
    functions: tuple[tuple[str, ...], ...] = ()
    """The functions that each probe calls."""
    number: str = ""
    """The learner's number on the platform that the answer comes from, or nothing."""
    fingerprint: str = ""
    """The same for answers that are the same up to names; empty for short ones."""


@dataclasses.dataclass
class Graded:
    """The grades so far, and what could not be copied for them."""

    grades: list[Grade] = dataclasses.field(default_factory=list)
    notes: list[Note] = dataclasses.field(default_factory=list)


def grade(
    handed_in: HandedIn,
    entries: list[Entry],
    limits: Limits,
    sandbox: Sandbox,
    on_answer: Callable[[], None] = lambda: None,
    on_learner: Callable[[list[Grade]], None] = lambda grades: None,
) -> Graded:
    """Grade every exercise of every learner, as many at a time as there are cores.

    `on_answer` is called after each answer, `on_learner` with all grades of finished learners after each learner.
    """
    done: dict[tuple[str, str], tuple[Grade, list[Note]]] = {}
    lock = threading.Lock()
    graded = Graded()

    def one(learner: Learner, entry: Entry) -> None:
        found = grade_answer(learner, entry, limits, sandbox, judges)
        with lock:
            done[learner.name, entry.name] = found
            on_answer()

    with judging() as judges:
        pool = ThreadPoolExecutor(os.cpu_count())
        try:
            tasks = {pool.submit(one, learner, entry): None for learner in handed_in.learners for entry in entries}
            for future in as_completed(tasks):
                future.result()
                with lock:
                    before = len(graded.grades)
                    graded = _finished(handed_in, entries, done)
                if len(graded.grades) > before:
                    on_learner(graded.grades)
        except BaseException:  # Ctrl-C above all: what runs now is ended, since an endless loop would take minutes
            pool.shutdown(wait=False, cancel_futures=True)
            judges.stop()
            raise
        finally:
            pool.shutdown()
    return graded


def _finished(
    handed_in: HandedIn, entries: list[Entry], done: dict[tuple[str, str], tuple[Grade, list[Note]]]
) -> Graded:
    """The grades of the learners of whom all exercises are done, in their order."""
    graded = Graded()
    for learner in handed_in.learners:
        own = [done[learner.name, entry.name] for entry in entries if (learner.name, entry.name) in done]
        if len(own) == len(entries):
            graded.grades += [grade for grade, _ in own]
            graded.notes += [note for _, notes in own for note in notes]
    graded.notes = list(dict.fromkeys(graded.notes))
    return graded


def grade_answer(
    learner: Learner, entry: Entry, limits: Limits, sandbox: Sandbox, judges: "Judges"
) -> tuple[Grade, list[Note]]:
    """Judge a copy of the answer, so that nothing that it writes stays; with what could not be copied."""
    if entry.name not in learner.answers:
        return Grade(learner.name, entry.name, "MISSING", number=learner.number), []
    with tempfile.TemporaryDirectory(prefix="vae-ladder-", ignore_cleanup_errors=True) as name:
        os.chmod(name, 0o755)  # the answer may run as another user
        copy = Path(name).resolve() / "answers"
        copy.mkdir()
        notes = learner.prepare(entry, copy)
        file = copy / f"{entry.name}.py"
        if not file.is_file():
            return Grade(learner.name, entry.name, "MISSING", number=learner.number), notes
        text = read_source(file)
        exercise = entry.load()
        sources = map(read_source, copy.rglob("*.py"))
        imports = {name for source in sources for name in imported_solution(source, entry, exercise)}
        if imports:
            verdict = Verdict(entry.name, "WRONG", problem=f"imports {', '.join(sorted(imports))}", where=file.name)
            found = Assessment(verdict, (), ())
        else:
            found = judges.judge(task_for(learner, entry, copy, limits, sandbox))
    verdict = _with_place(found.verdict, learner.answers[entry.name], entry, text)
    state = "IMPORTED" if imports else verdict.outcome
    mark = fingerprint(text, entry)
    grade = Grade(learner.name, entry.name, state, verdict, found.outcomes, found.functions, learner.number, mark)
    return grade, notes


def task_for(learner: Learner, entry: Entry, copy: Path, limits: Limits, sandbox: Sandbox) -> Task:
    """What the judge is asked to do."""
    origin = learner.answers[entry.name].parent
    file = f"{entry.name}.py"
    return Task(entry.name, str(copy), file, str(origin), sandbox.kind, limits.seconds, limits.megabytes)


def read_source(path: Path) -> str:
    """A file's text for reading, whatever its bytes."""
    try:
        return path.read_bytes()[: 4 << 20].decode("utf-8", errors="replace")
    except OSError:
        return ""


def _with_place(verdict: Verdict, path: Path, entry: Entry, text: str) -> Verdict:
    """The verdict with the file as it was handed in, and for a notebook the cell."""
    file, colon, line = verdict.where.rpartition(":")
    if is_notebook(path) and line.isdigit():
        return dataclasses.replace(verdict, where=f"{as_text(path.name)}, {place_in_notebook(text, int(line))}")
    if colon and line.isdigit() and Path(file).name == f"{entry.name}.py":
        return dataclasses.replace(verdict, where=f"{as_text(str(Path(file).with_name(path.name)))}:{line}")
    return verdict


# The processes that judge


class Judges:
    """Processes that judge, started when they are needed."""

    def __init__(self) -> None:
        self._idle: queue.SimpleQueue[JudgeProcess] = queue.SimpleQueue()
        self._busy: set[JudgeProcess] = set()
        self._lock = threading.Lock()
        self._stopped = False

    def judge(self, task: Task) -> Assessment:
        """Judge one answer. A process that fails costs this answer its verdict, and no other one."""
        with self._lock:
            if self._stopped:
                raise InputError("grading was stopped")
            try:
                process = self._idle.get_nowait()
            except queue.Empty:
                process = JudgeProcess()
            self._busy.add(process)
        try:
            return process.judge(task)
        finally:
            with self._lock:
                self._busy.discard(process)
            if process.is_running():
                self._idle.put(process)

    def stop(self) -> None:
        """End the processes that judge at this moment, with the answers below them; begin no other."""
        with self._lock:
            self._stopped, busy = True, list(self._busy)
        for process in busy:
            process.end()

    def close(self) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                self._idle.get_nowait().close()


@contextlib.contextmanager
def judging() -> Iterator[Judges]:
    """Judges, whose processes end with the block."""
    judges = Judges()
    try:
        yield judges
    finally:
        judges.close()


class JudgeProcess:
    """One process that judges, with its two pipes."""

    def __init__(self) -> None:
        environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONSAFEPATH": "1", "PYTHONUTF8": "1"}
        environment |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MPLBACKEND": "agg"}
        self._popen = subprocess.Popen(
            [sys.executable, "-c", START.format(root=str(COURSE.parent))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            encoding="utf-8",
            start_new_session=os.name == "posix",  # Ctrl-C is for the process that grades
        )

    def is_running(self) -> bool:
        return self._popen.poll() is None

    def judge(self, task: Task) -> Assessment:
        """What the process finds; NOT MEASURED where it fails itself, or takes far longer than the limits allow."""
        calls = 1 + CALLS * len(functions_of(Entry(task.exercise)))
        timer = threading.Timer(calls * task.seconds + 4 * START_SECONDS, self._popen.kill)
        timer.start()
        reason = "it came to an end"
        try:
            assert self._popen.stdin is not None
            assert self._popen.stdout is not None
            self._popen.stdin.write(json.dumps(dataclasses.asdict(task)) + "\n")
            self._popen.stdin.flush()
            fields = json.loads(self._popen.stdout.readline())
            if "failed" not in fields:
                verdict = Verdict.from_json(fields["verdict"])
                return Assessment(verdict, tuple(fields["outcomes"]), tuple(map(tuple, fields["functions"])))
            reason = fields["failed"].strip().splitlines()[-1]
        except (OSError, ValueError):
            self._popen.kill()
        finally:
            timer.cancel()
        problem = f"the check itself failed: {reason}"
        return Assessment(Verdict(task.exercise, "NOT MEASURED", problem=problem), (), ())

    def end(self) -> None:
        """End it from another thread than the one that waits for its verdict."""
        with contextlib.suppress(OSError):
            if self._popen.stdin is not None:
                self._popen.stdin.close()  # at which it ends itself and all that is below it
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._popen.wait(10)
        self._popen.kill()

    def close(self) -> None:
        """Close its input, at which it ends itself and all that is below it."""
        with contextlib.suppress(OSError):
            if self._popen.stdin is not None:
                self._popen.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._popen.wait(10)
        self._popen.kill()
        self._popen.wait()
        if self._popen.stdout is not None:
            self._popen.stdout.close()


def by_learner(grades: list[Grade]) -> Iterator[tuple[str, list[Grade]]]:
    """The grades of each learner, in the order of the list."""
    for learner in dict.fromkeys(graded.learner for graded in grades):
        yield learner, [graded for graded in grades if graded.learner == learner]
