"""The processes below one: their memory, and their end. On Linux also those that have left their group.

Elsewhere the process group of an answer is ended, which a process can leave.
"""

import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
MOST = 4096
"""Processes that are looked at; more than any answer may have."""
_adopts = False


def adopt_orphans() -> None:
    """Become the parent of processes whose own parent ends, so that none can leave by that way. Linux only."""
    global _adopts
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        _adopts = True


def end_all(process: int) -> None:
    """End a process that leads a group, its group, and those below it; after `adopt_orphans` all below this one.

    This process itself is left alone: with its own number, only those below it end.
    """
    if sys.platform != "win32" and process != os.getpid():
        with contextlib.suppress(OSError):
            os.killpg(process, signal.SIGKILL)
    for _ in range(20):  # one that forks while it is ended has its child left
        found = list(_descendants(os.getpid() if _adopts else process))
        for pid in found:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        _reap(set(found) - {process})
        if not set(found) - {process}:
            return


def _reap(pids: set[int]) -> None:
    for pid in pids:
        with contextlib.suppress(OSError):  # it may be another process's child
            os.waitpid(pid, 0)


def memory_of(process: int) -> tuple[int, int]:
    """Bytes in the memory of a process and of all below it, and their number; (0, 0) where Linux's /proc is not.

    Pages of files, such as Python's libraries, do not count; those of shared memory do.
    """
    used = count = 0
    for pid in {process, *_descendants(os.getpid() if _adopts else process)}:
        with contextlib.suppress(OSError, ValueError, IndexError):
            used += _memory(Path(f"/proc/{pid}/status").read_text())
            count += 1
    return used, count


def _memory(status: str) -> int:
    kept = [line.split() for line in status.splitlines() if line.startswith(("RssAnon", "RssShmem", "VmSwap"))]
    return sum(int(fields[1]) for fields in kept) << 10


def _descendants(pid: int) -> Iterator[int]:
    """All processes below one, in which no thread but the main one starts any."""
    waiting, seen = [pid], 0
    while waiting and seen < MOST:
        parent = waiting.pop()
        with contextlib.suppress(OSError, ValueError):
            for task in os.listdir(f"/proc/{parent}/task"):
                for child in map(int, Path(f"/proc/{parent}/task/{task}/children").read_text().split()):
                    waiting.append(child)
                    seen += 1
                    yield child
