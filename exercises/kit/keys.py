"""Single keys from a terminal, without Enter where the system can do that, and whole lines where it cannot."""

import contextlib
import os
import queue
import sys
import threading
import time
from collections.abc import Callable, Iterator

Poll = Callable[[float], str]
"""poll(seconds) waits at most so long and returns a key, or "" where none was pressed."""


@contextlib.contextmanager
def open_keys() -> Iterator[Poll]:
    """Yields what asks for a key. The terminal is as it was before when the block ends."""
    if not sys.stdin.isatty():
        yield _lines()
    elif sys.platform == "win32":
        yield _windows_keys
    else:
        with _posix_keys() as poll:
            yield poll


@contextlib.contextmanager
def _posix_keys() -> Iterator[Poll]:
    import select
    import termios
    import tty

    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)

    def poll(seconds: float) -> str:
        ready, _, _ = select.select([terminal], [], [], seconds)
        return os.read(terminal, 1).decode(errors="replace") if ready else ""

    try:
        tty.setcbreak(terminal)  # single keys, but Ctrl-C still interrupts
        yield poll
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


def _windows_keys(seconds: float) -> str:
    import msvcrt

    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if msvcrt.kbhit():
            return msvcrt.getwch()
        time.sleep(0.05)
    return ""


def _lines() -> Poll:
    """The first letter of each line; after the end of the input no more keys come."""
    lines: queue.Queue[str] = queue.Queue()

    def read() -> None:
        for line in sys.stdin:
            lines.put(line.strip()[:1])

    threading.Thread(target=read, daemon=True).start()

    def poll(seconds: float) -> str:
        try:
            return lines.get(timeout=seconds)
        except queue.Empty:
            return ""

    return poll
