"""The check of one answer in a process of its own, so that an endless loop, a crash or a full memory ends that alone.

The first half runs in the process that asks for the verdict, the second half, from `main` on, in the one that checks:

    python -c "from exercises.kit.check import main; main()" '{"exercise": "04_kl", "answer": ..., ...}'
"""

import contextlib
import dataclasses
import faulthandler
import functools
import importlib
import importlib.util
import itertools
import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType, ModuleType
from typing import IO, Any, NoReturn

from exercises.kit.catalogue import COURSE, Entry
from exercises.kit.diagnose import SEED, diagnose, diagnose_probe, fresh_seed
from exercises.kit.exercise import Exercise, Functions, Probe
from exercises.kit.limits import (
    LONGEST_LIMIT,
    OUT_OF_MEMORY,
    PRINTED_BYTES,
    TIME_IS_UP,
    Limits,
    how_it_ended,
    printable,
)
from exercises.kit.observe import Limited, TimeUp, measurable, stored_observation
from exercises.kit.raised import in_one_line, lines_of, traceback_of
from exercises.kit.text import place
from exercises.kit.verdict import Verdict
from foundation.files import write_json

LAST_RESORT = 0.5
"""Seconds after its time limit at which a process that did not react ends itself."""
GRACE = 1.0
"""Seconds that a process gets to end itself at its time limit, before it is ended."""
START_LIMIT = 60.0
"""Seconds for the start of Python, NumPy and torch, which do not count as the answer's."""
START = "import sys; sys.path.insert(0, {root!r}); from exercises.kit.check import main; main()"
KIT_FAILED = 70
"""Exit code of a checking process that failed itself."""


class CheckStopped(Exception):
    """The check was stopped before it had a verdict."""


def check_answer(
    entry: Entry,
    answer: Path,
    limits: Limits | None = None,
    probe: int | None = None,
    stop: threading.Event | None = None,
) -> Verdict:
    """The verdict on an answer's file, with the answer's output; with `probe` (from 1), on that probe alone.

    For one probe, the output goes straight to standard output instead. Raises CheckStopped soon after another thread
    has set `stop`; the answer's process has ended then.
    """
    limits = limits or Limits()
    with temporary_folder() as folder, temporary_folder() as empty:
        # Of a random name, since an answer that runs beside this one, as under `grade`, may look for verdicts to forge.
        verdict_file = folder / f"{secrets.token_hex(8)}.json"
        files = {"verdict": verdict_file, "stack": folder / "stack.txt", "clock": folder / "clock.txt"}
        task = {
            "exercise": entry.name,
            "answer": os.path.realpath(answer),
            "probe": probe,
            "time_limit": limits.seconds,
            "memory_limit": limits.megabytes,
            **{key: str(path) for key, path in files.items()},
        }
        code, prints = _run_process(task, empty, None if probe else subprocess.PIPE, stop)
        if stop is not None and stop.is_set():
            raise CheckStopped
        if files["verdict"].exists():
            fields = json.loads(files["verdict"].read_text(encoding="utf-8"))
            verdict = Verdict.from_json({key: printable(value) for key, value in fields.items()})
        else:
            stack = files["stack"].read_text(encoding="utf-8") if files["stack"].exists() else ""
            verdict = _without_verdict(entry, answer, limits, code, stack, prints)
    return dataclasses.replace(verdict, prints=prints)


@contextlib.contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder that ends with the block; those of killed processes are removed first."""
    _remove_old_folders()
    with tempfile.TemporaryDirectory(prefix="vae-ladder-", ignore_cleanup_errors=True) as name:
        yield Path(name).resolve()


@functools.cache
def _remove_old_folders() -> None:
    """Remove the folders of checks that were killed longer ago than any check takes; once in a process."""
    for path in Path(tempfile.gettempdir()).glob("vae-ladder-*"):
        with contextlib.suppress(OSError):
            if time.time() - path.lstat().st_mtime > 2 * LONGEST_LIMIT and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)


def _run_process(
    task: dict[str, Any], folder: Path, stdout: int | None, stop: threading.Event | None
) -> tuple[int | None, str]:
    """The exit code, None when time was up, and the output."""
    environment = os.environ | {
        "PYTHONDONTWRITEBYTECODE": "1",  # nothing is written beside the course or the answer
        "PYTHONSAFEPATH": "1",  # no file in the working directory hides a module
        "PYTHONUTF8": "1",
        "PYTHONUNBUFFERED": "1",
        "OMP_NUM_THREADS": "1",
        "MPLBACKEND": "agg",
    }
    process = subprocess.Popen(
        [sys.executable, "-c", START.format(root=str(COURSE.parent)), json.dumps(task)],
        cwd=folder,
        env=environment,
        stdin=subprocess.PIPE,  # nothing is written to it; when this process ends, it closes
        stdout=stdout,
        stderr=subprocess.STDOUT,
        start_new_session=os.name == "posix",
    )
    kept = bytearray()
    reader = threading.Thread(target=_read, args=(process, kept), daemon=True)
    reader.start()
    try:
        code = wait_for(process, Path(task["clock"]), task["time_limit"] + GRACE, stop=stop)
    finally:
        _end(process)
        reader.join(GRACE)
        for stream in (process.stdin, process.stdout):
            if stream is not None and not reader.is_alive():
                stream.close()
    return code, _printed(kept)


def wait_for(
    process: subprocess.Popen[bytes],
    clock: Path,
    seconds: float,
    now: Callable[[], float] = time.monotonic,
    stop: threading.Event | None = None,
) -> int | None:
    """The exit code, None when time was up or `stop` is set.

    The time starts anew whenever the process writes the file `clock`.
    """
    began, until = None, now() + START_LIMIT
    while (code := process.poll()) is None and now() < until and not (stop is not None and stop.is_set()):
        if clock.exists() and (written := clock.stat().st_mtime_ns) != began:
            began, until = written, now() + seconds
        time.sleep(0.01)
    return code


def _read(process: subprocess.Popen[bytes], kept: bytearray) -> None:
    """Read all output, since a full pipe would stop the answer, and keep the first part."""
    if process.stdout is not None:
        while part := os.read(process.stdout.fileno(), 1 << 16):
            kept += part[: PRINTED_BYTES + 1 - len(kept)]


def _printed(kept: bytearray) -> str:
    text = printable(bytes(kept[:PRINTED_BYTES]).decode("utf-8", errors="replace").replace("\r\n", "\n"))
    return text + "\n… (more was printed)" if len(kept) > PRINTED_BYTES else text


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process, and on POSIX those that it started."""
    if os.name == "posix":
        with contextlib.suppress(ProcessLookupError, PermissionError):  # it has ended already
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()


def _without_verdict(entry: Entry, answer: Path, limits: Limits, code: int | None, stack: str, prints: str) -> Verdict:
    """The verdict on a process that ended, or was ended, before it could write one."""
    where = str(answer)
    if code == KIT_FAILED:
        problem = "the check itself failed, perhaps on an unusual result; --traceback shows where"
        return Verdict(entry.name, "NOT MEASURED", problem=problem, where=where, traceback=prints)
    if code is None or (code == TIME_IS_UP and stack):
        line = re.search(rf'File "{re.escape(os.path.realpath(answer))}", line (\d+)', stack)
        where, code = f"{answer}:{line[1]}" if line else where, None
    got, problem = how_it_ended(code, limits)
    return Verdict(entry.name, "WRONG", called=answer.name, got=got, expected="a result", problem=problem, where=where)


# In the process that checks


def main() -> None:
    """Check the answer that the first argument describes, and write the verdict to the file that it names."""
    task = json.loads(sys.argv[1])
    _end_with_parent()
    _limit_memory(task["memory_limit"])
    try:
        entry = Entry(task["exercise"])
        exercise = entry.load()
        # Open until the process ends: at the time limit, faulthandler writes the line of an endless loop into it.
        with open(task["stack"], "w", encoding="utf-8") as stack:
            clock = Clock(task["time_limit"], Path(task["clock"]), stack)
            clock.start()
            verdict = check_file(entry, exercise, Path(task["answer"]), task["probe"], clock)
            faulthandler.cancel_dump_traceback_later()
    except MemoryError:
        sys.exit(OUT_OF_MEMORY)
    except Exception:
        traceback.print_exc()
        sys.exit(KIT_FAILED)
    write_json(task["verdict"], verdict.to_json())


class Clock:
    """The time of an answer in the process that checks it.

    In one call of a function TimeUp is raised, and the others can be checked still. A process that ignores that, or
    is busy outside of Python's own code, ends a little later, and so does one that never ends while it is imported.
    """

    def __init__(self, seconds: float, file: Path, stack: IO[str]) -> None:
        self.seconds, self.file, self.stack = seconds, file, stack
        self.left = seconds
        self.is_calling = False
        self.can_interrupt = hasattr(signal, "setitimer")
        if self.can_interrupt:
            signal.signal(signal.SIGALRM, self._interrupt)

    def start(self) -> None:
        """Give the answer all of its time again."""
        self.left = self.seconds
        self.file.write_text(str(time.monotonic()), encoding="utf-8")
        seconds = self.seconds + LAST_RESORT * self.can_interrupt
        faulthandler.dump_traceback_later(seconds, file=self.stack, exit=True)

    @contextlib.contextmanager
    def limit(self) -> Iterator[None]:
        """Raise TimeUp inside the block when the time is over."""
        if not self.can_interrupt:
            yield
            return
        begin, self.is_calling = time.monotonic(), True
        signal.setitimer(signal.ITIMER_REAL, max(self.left, 0.001))
        try:
            yield
        except TimeUp:
            self.start()  # what never ends is not called again: the other functions have their own time
            begin = time.monotonic()
            raise
        finally:
            self.is_calling = False
            signal.setitimer(signal.ITIMER_REAL, 0)
            self.left -= time.monotonic() - begin

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        if self.is_calling:
            raise TimeUp(f"nothing in {self.seconds:g} s")


class LimitedFunctions(Limited):
    """The functions of an answer, under its clock."""

    def __init__(self, functions: Functions, clock: Clock) -> None:
        super().__init__(functions)
        self.limit = clock.limit  # type: ignore[method-assign]


def check_file(entry: Entry, exercise: Exercise, answer: Path, probe: int | None, clock: Clock) -> Verdict:
    """The verdict on a file; on one probe alone where `probe` is given (from 1)."""
    seeds = SEED, fresh_seed()
    free = tuple(probe for probe in exercise.probes if not probe.requires)
    first = dataclasses.replace(exercise, probes=free)
    for seed, index in itertools.product(seeds if probe is None else (), range(len(free))):
        stored_observation(first, index, seed)  # before the answer, which may change what it shares, such as np.exp
    if not any(map(measurable, exercise.probes)):
        return diagnose(entry.name, exercise, {}, seeds)
    if not free:  # the answer imports torch itself, and the time for it is not its own
        _import_requirements(exercise.probes, clock)
    try:
        module = load_answer(answer)
    except (Exception, SystemExit) as error:
        return unloadable(entry, exercise, answer, error)
    found: dict[str, Any] = {name: getattr(module, name) for name in exercise.solution if hasattr(module, name)}
    for name, function in found.items():
        if not callable(function):
            return no_function(entry, exercise, answer, name, type(function).__name__)
    functions = LimitedFunctions(found, clock)
    if probe is not None:
        _import_requirements(exercise.probes[probe - 1 : probe], clock)
        return diagnose_probe(entry.name, exercise, functions, probe)
    if free:  # torch takes seconds to import: only for an answer that is right so far
        verdict = diagnose(entry.name, first, functions, seeds)
        if verdict.outcome != "PASS" or free == exercise.probes:
            return dataclasses.replace(verdict, probes=len(exercise.probes))
        _import_requirements(exercise.probes, clock)
    return diagnose(entry.name, exercise, functions, seeds)


def _import_requirements(probes: tuple[Probe, ...], clock: Clock) -> None:
    """Import the modules that the probes require; the time for it does not count as the answer's."""
    clock.start()
    for module in {probe.requires for probe in probes if probe.requires and measurable(probe)}:
        importlib.import_module(module)
    clock.start()


def load_answer(path: Path) -> ModuleType:
    """Run the learner's file as a module."""
    spec = importlib.util.spec_from_file_location(f"answer_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path.name} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # as an import does, since dataclasses look their module up
    sys.path.append(str(path.parent))  # last, so that helpers beside the answer can be imported but hide nothing
    spec.loader.exec_module(module)
    return module


def unloadable(entry: Entry, exercise: Exercise, answer: Path, error: BaseException) -> Verdict:
    """The verdict on a file that ends with an exception before any of its functions could be called."""
    if isinstance(error, NotImplementedError):
        return Verdict(entry.name, "NOT WRITTEN YET", probes=len(exercise.probes))
    line = next((line.line for line in lines_of(error) if line.file == str(answer)), None)
    if isinstance(error, SyntaxError) and error.filename == str(answer):
        line = error.lineno
    called, expected = f"import {answer.name}", f"the functions {', '.join(exercise.solution)}"
    verdict = wrong(entry, exercise, called, in_one_line(error), expected)
    return dataclasses.replace(
        verdict,
        problem=_why_unloadable(error),
        where=place(str(answer), line) if line else "",
        traceback=traceback_of(error, {str(answer)}),
    )


def _why_unloadable(error: BaseException) -> str:
    """Why a file's functions could not be called, in words that are true of every such exception."""
    if isinstance(error, SyntaxError):
        return "Python does not understand the file"
    if isinstance(error, ImportError):
        return "an import of the file fails, so none of its functions could be called"
    if isinstance(error, AssertionError):
        return "an assert fails while the file is run, before its functions could be called"
    return "the file ends with an exception while it is run, before its functions could be called"


def no_function(entry: Entry, exercise: Exercise, answer: Path, name: str, kind: str) -> Verdict:
    """The verdict on a file in which the name of a function means something else."""
    return wrong(entry, exercise, f"the name {name} in {answer.name}", f"{kind}, not a function", "a function")


def wrong(entry: Entry, exercise: Exercise, called: str, got: str, expected: str) -> Verdict:
    """A verdict without any probe."""
    return Verdict(entry.name, "WRONG", probes=len(exercise.probes), called=called, got=got, expected=expected)


def _end_with_parent() -> None:
    """End this process, and on POSIX those that it starts, when the one that started it has ended.

    That one holds the other end of standard input, which the system closes however the process ends. The answer gets
    an empty standard input instead.
    """
    lifeline, nothing = os.dup(0), os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)

    if os.name != "posix":

        def wait() -> None:
            os.read(lifeline, 1)
            os._exit(TIME_IS_UP)

        threading.Thread(target=wait, daemon=True).start()
        return
    checking, leads = os.getpid(), os.getpgid(0) == os.getpid()
    # A process, since a thread could not end this one while code outside of Python holds the interpreter.
    if os.fork() == 0:
        _end_at_the_end_of(lifeline, checking, leads)
    os.close(lifeline)


def _end_at_the_end_of(lifeline: int, checking: int, leads: bool) -> NoReturn:
    """Wait for the end of a pipe, then end the process that checks, with its group where it leads one."""
    try:
        nothing = os.open(os.devnull, os.O_RDWR)
        for stream in (1, 2):
            os.dup2(nothing, stream)  # or the answer's output would not end with it
        os.read(lifeline, 1)
        if leads:
            os.killpg(checking, signal.SIGKILL)
        elif os.getppid() == checking:
            os.kill(checking, signal.SIGKILL)
    finally:
        os._exit(0)


def _limit_memory(megabytes: int) -> None:
    """Limit the data of this process. Linux enforces the limit, macOS does not, and Windows has none."""
    if importlib.util.find_spec("resource") is None:
        return
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    limit = megabytes << 20
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    # Data, not addresses, since torch maps gigabytes that it never touches.
    resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))
