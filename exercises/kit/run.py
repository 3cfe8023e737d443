"""Checking one answer in a process of its own: if it loops for ever, crashes or eats memory, no other comes to harm."""

import contextlib
import dataclasses
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from exercises.kit.catalogue import COURSE, Entry
from exercises.kit.verdict import KIT_FAILED, OUT_OF_MEMORY, Verdict
from foundation.errors import InputError

KEPT_PRINTS = 20_000
"""Bytes kept of what an answer prints."""
GRACE = 1.0
"""Seconds between the moment when the process writes down where it is, and its end."""
START_LIMIT = 60.0
"""Seconds that Python, NumPy and torch may take to start; they do not count for the answer."""
START = "import sys; sys.path.insert(0, {root!r}); from exercises.kit.child import main; main()"


@dataclasses.dataclass(frozen=True)
class Limits:
    """What one check may use."""

    seconds: float = 10.0
    megabytes: int = 2048
    """Enforced on Linux."""

    def __post_init__(self) -> None:
        if not 0 < self.seconds < float("inf"):
            raise InputError(f"time limit: expected a number of seconds above 0, got {self.seconds}")
        if self.megabytes < 256:
            raise InputError(f"memory limit: expected at least 256 megabytes, got {self.megabytes}")


def run(entry: Entry, answer: Path, limits: Limits | None = None, probe: int | None = None) -> Verdict:
    """The verdict on an answer's file, its prints included; with `probe` (from 1), on that probe alone.

    For one probe, what the answer prints goes straight to standard output instead.
    """
    limits = limits or Limits()
    with _temporary_folder() as folder, _temporary_folder() as empty:
        files = {"verdict": folder / "verdict.json", "stack": folder / "stack.txt", "clock": folder / "clock.txt"}
        task = {
            "exercise": entry.name,
            "answer": str(answer.resolve()),
            "probe": probe,
            "time_limit": limits.seconds,
            "memory_limit": limits.megabytes,
            **{key: str(path) for key, path in files.items()},
        }
        code, prints = _run_process(task, empty, None if probe else subprocess.PIPE)
        if files["verdict"].exists():
            verdict = Verdict.from_json(json.loads(files["verdict"].read_text(encoding="utf-8")))
        else:
            stack = files["stack"].read_text(encoding="utf-8") if files["stack"].exists() else ""
            verdict = _without_verdict(entry, answer, limits, code, stack, prints)
    return dataclasses.replace(verdict, prints=prints)


@contextlib.contextmanager
def _temporary_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="vae-ladder-", ignore_cleanup_errors=True) as name:
        yield Path(name).resolve()


def _run_process(task: dict, folder: Path, stdout: int | None) -> tuple[int | None, str]:
    """The exit code, None when time was up, and what was printed."""
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
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.STDOUT,
        start_new_session=os.name == "posix",
    )
    kept = bytearray()
    reader = threading.Thread(target=_read, args=(process.stdout, kept), daemon=True)
    if process.stdout is not None:
        reader.start()
    try:
        code = _wait(process, Path(task["clock"]), task["time_limit"])
    finally:
        _end(process)
        if process.stdout is not None:
            reader.join(GRACE)
            if not reader.is_alive():
                process.stdout.close()
    return code, _printed(kept)


def _wait(process: subprocess.Popen, clock: Path, seconds: float) -> int | None:
    """The exit code, None when time was up: it begins to run, again, whenever the process writes the file `clock`."""
    began, until = None, time.monotonic() + START_LIMIT
    while (code := process.poll()) is None and time.monotonic() < until:
        if clock.exists() and (written := clock.stat().st_mtime_ns) != began:
            began, until = written, time.monotonic() + seconds + GRACE
        time.sleep(0.01)
    return code


def _read(stream: BinaryIO, kept: bytearray) -> None:
    """Read all that is printed, or a full pipe would stop the answer, and keep the first part."""
    while part := stream.read1(1 << 16):
        kept += part[: KEPT_PRINTS + 1 - len(kept)]


def _printed(kept: bytearray) -> str:
    text = bytes(kept[:KEPT_PRINTS]).decode("utf-8", errors="replace").replace("\r\n", "\n")
    return text + "\n… (more was printed)" if len(kept) > KEPT_PRINTS else text


def _end(process: subprocess.Popen) -> None:
    """End the process, and on POSIX those that it started."""
    if os.name == "posix":
        with contextlib.suppress(ProcessLookupError, PermissionError):  # it has ended, which is what we want
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()


def _without_verdict(entry: Entry, answer: Path, limits: Limits, code: int | None, stack: str, prints: str) -> Verdict:
    """The process ended, or had to be ended, before it could say anything."""
    where = str(answer)
    if code is None:
        came, problem = f"nothing in {limits.seconds:g} s", "does a loop never end?"
        line = re.search(rf'File "{re.escape(str(answer.resolve()))}", line (\d+)', stack)
        where = f"{answer}:{line[1]}" if line else where
    elif code == KIT_FAILED:
        problem = "the check itself failed, perhaps over a strange result; --traceback shows where"
        return Verdict(entry.name, "NOT MEASURED", problem=problem, where=where, traceback=prints)
    elif code == OUT_OF_MEMORY:
        came, problem = f"more than {limits.megabytes} megabytes", "memory ran out"
    elif code < 0:
        came, problem = f"a crash ({signal.Signals(-code).name})", "Python itself was ended"
    else:
        came, problem = f"the end of Python, with exit code {code}", "does the answer call os._exit?"
    fields = {"called": answer.name, "came": came, "expected": "a result", "problem": problem, "where": where}
    return Verdict(entry.name, "WRONG", **fields)
