"""Other processes, as tests wait for them and find them."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

Found = TypeVar("Found")


def wait_until(found: Callable[[], Found], seconds: float = 120) -> Found:
    """Wait for something that happens in another process, at most so long; what `found` returns then."""
    until = time.monotonic() + seconds
    while not (result := found()):
        assert time.monotonic() < until, "nothing happened"
        time.sleep(0.02)
    return result


def is_running(pid: int) -> bool:
    """Whether there is such a process, and it is no zombie."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not (state.exists() and state.read_text().rpartition(")")[2].split()[0] in "ZX")


def processes_with(argument: str, variable: str) -> list[int]:
    """The processes that have this in their command line and in their environment, by number; on Linux."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            line, environment = ((folder / name).read_bytes() for name in ("cmdline", "environ"))
        except OSError:
            continue
        if argument.encode() in line and any(e.startswith(variable.encode()) for e in environment.split(b"\0")):
            found.append(int(folder.name))
    return found
