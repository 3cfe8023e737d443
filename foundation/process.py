"""What surrounds a command: signals that stop it, standard streams that may be closed or full, the terminal's width."""

import contextlib
import io
import os
import shutil
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any

NARROWEST, WIDEST = 40, 100
"""Columns: narrower terminals break the lines themselves, and longer lines are hard to read."""

STOPS = (signal.SIGINT, signal.SIGTERM)
AGAIN = 0.01
"""Seconds until a stop that was lost comes again."""


class Stop(KeyboardInterrupt):
    """What a signal raises.

    A class of its own, since Python marks the process where KeyboardInterrupt itself leaves a text that `exec` runs,
    as for a dataclass or a named tuple during an import: at its exit a process started with `-m` then kills itself by
    SIGINT, though the exception was handled, and the exit code is lost.
    """


_holds = 0
_arrived: list[int] = []


def terminal_width() -> int:
    """Columns for running text: those of the terminal or of COLUMNS, but at least 40 and at most 100."""
    return min(max(shutil.get_terminal_size().columns, NARROWEST), WIDEST)


@contextlib.contextmanager
def stop_on_signals(ends_process: bool = False) -> Iterator[None]:
    """Ctrl-C and SIGTERM raise KeyboardInterrupt inside the block.

    While a KeyboardInterrupt is handled, in an `except` or `finally` clause or a context manager's exit, further
    signals have no effect: a second Ctrl-C does not cut what the first one started. Signals that the process was
    started to ignore stay ignored. In other threads than the main one, which alone handles signals, nothing changes.

    Args:
        ends_process: Ignore both signals after the block, so that the interpreter's exit is not interrupted either.
    """
    previous, hook = _install(), sys.unraisablehook
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, signal.SIG_IGN if ends_process else handler)
        if not ends_process:
            sys.unraisablehook = hook


@contextlib.contextmanager
def hold_signals() -> Iterator[None]:
    """Deliver Ctrl-C and SIGTERM only after the block, so that what it writes is whole.

    However many arrive, one is delivered. Where the block raises, its error goes on and the signals are dropped: a
    message about what was kept must not hide that it could not be written. Blocks may be nested; the outermost counts.
    Outside the main thread, which alone handles signals, the block runs as it is.
    """
    global _holds
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = _install()
    _holds += 1
    arrived: list[int] = []
    try:
        yield
    finally:
        _holds -= 1
        if not _holds:
            arrived, _arrived[:] = list(_arrived), []
        for number, handler in previous.items():
            signal.signal(number, handler)
    if arrived:
        signal.raise_signal(arrived[0])


def _install() -> dict[int, Any]:
    """Let `_stop` handle both signals; those that were not ignored, with their handlers before."""
    if threading.current_thread() is not threading.main_thread():
        return {}
    found: dict[int, Any] = {number: signal.getsignal(number) for number in STOPS}
    # None is a handler that was not installed from Python, and that could not be restored.
    handled = {number: handler for number, handler in found.items() if handler not in (signal.SIG_IGN, None)}
    for number in handled:
        signal.signal(number, _stop)
    return handled


def _stop(number: int, frame: FrameType | None) -> None:
    if _holds:
        _arrived.append(number)
    elif not _is_stopping():
        sys.unraisablehook = _take_unraisable
        raise Stop


def _take_unraisable(unraisable: Any) -> None:
    """Print nothing of an object that a stop left half made; a stop that was lost in an object's end comes again."""
    if isinstance(unraisable.exc_value, Stop):
        threading.Timer(AGAIN, _stop_again).start()


def _stop_again() -> None:
    for number in STOPS:
        if signal.getsignal(number) is _stop:
            if hasattr(signal, "pthread_kill"):
                signal.pthread_kill(threading.main_thread().ident or 0, number)  # which may be waiting
            else:
                signal.raise_signal(number)
            return


def _is_stopping() -> bool:
    """Whether a KeyboardInterrupt is being handled, perhaps with another exception raised meanwhile."""
    error: BaseException | None = sys.exception()
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__context__
    return error is not None


def ignore_signals() -> None:
    """Ignore Ctrl-C and SIGTERM from now on; `stop_on_signals` restores their handlers at its end."""
    if threading.current_thread() is threading.main_thread():
        for number in STOPS:
            if signal.getsignal(number) is _stop:
                signal.signal(number, signal.SIG_IGN)


def prepare_streams() -> None:
    """Make standard streams usable: closed ones lead to the null device, and no character is beyond an encoding."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            # Also takes the closed stream's number, which the next file that is opened would get otherwise.
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115  (for the rest of the process)
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without × shows ? and goes on


def flush_streams() -> OSError | None:
    """Write out what is buffered for standard output and error; the error of the first that cannot take it.

    What could not be written is given up, since the interpreter would try again at its exit, and print a traceback.
    """
    first = None
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError as error:
            first = first or error
            with contextlib.suppress(OSError, ValueError):
                null = os.open(os.devnull, os.O_WRONLY)
                os.dup2(null, stream.fileno())
                os.close(null)
        except ValueError:  # closed
            pass
    return first
