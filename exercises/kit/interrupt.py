"""A limit of time for functions that run in this very process, as those of a notebook's cells do.

Where the system has alarms, and in the main thread, where a kernel runs its cells, an alarm raises TimeUp, also inside
a call that waits. Elsewhere a second thread raises it, in Python's own code at its next step.
"""

import contextlib
import ctypes
import signal
import threading
import time
from collections.abc import Iterator
from types import FrameType

from exercises.kit.exercise import Functions
from exercises.kit.observe import Limited, TimeUp


class Interrupted(Limited):
    """Functions of this process whose calls together have so many seconds, anew after each that took too long."""

    def __init__(self, functions: Functions, seconds: float) -> None:
        super().__init__(functions)
        self.seconds = self.left = seconds

    @contextlib.contextmanager
    def limit(self) -> Iterator[None]:
        """Raise TimeUp inside the block when the time is over."""
        begin = time.monotonic()
        raising = _by_alarm if _has_alarm() else _by_thread
        try:
            with raising(max(self.left, 0.001), _time_up_after(self.seconds)):
                yield
        except TimeUp:
            self.left = self.seconds  # what never ends is not called again: the other functions have their own time
            raise
        self.left -= time.monotonic() - begin


def _time_up_after(seconds: float) -> type[TimeUp]:
    """A class whose instances say how long it took: a second thread raises a class, wherever the first one is then."""

    class TimeUpAfter(TimeUp):
        def __init__(self) -> None:
            super().__init__(f"nothing in {seconds:g} s")

    return TimeUpAfter


def _has_alarm() -> bool:
    return hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()


@contextlib.contextmanager
def _by_alarm(seconds: float, error: type[TimeUp]) -> Iterator[None]:
    def interrupt(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGALRM, before)  # here as well: what is raised as the block ends passes `finally` over
        raise error

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextlib.contextmanager
def _by_thread(seconds: float, error: type[TimeUp]) -> Iterator[None]:
    lock, inside, thread = threading.Lock(), True, ctypes.c_ulong(threading.get_ident())

    def interrupt() -> None:
        with lock:
            if inside:  # or the exception would meet what runs afterwards
                ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, ctypes.py_object(error))

    timer = threading.Timer(seconds, interrupt)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        with lock:
            inside = False
        # One that was set before arrives here, at a backward jump. To clear it instead, by a call without a class,
        # leaves a flag of the interpreter set, with which CPython 3.11 never ends a function that is traced.
        for _ in range(10):
            pass
