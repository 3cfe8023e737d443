"""The check of an answer whenever its file changes, and the keys that ask for hints and the next exercise.

The file is read a few times a second and its content compared: watchfiles loses a folder that is renamed or replaced,
and network and shared drives send no events. Keys are read from the terminal directly: readchar cannot wait for a
limited time, and prompt_toolkit's raw mode holds back Ctrl-C. A check runs in a thread beside them, and ends when the
answer changes again: an endless loop does not have to be waited for.
"""

import contextlib
import dataclasses
import os
import queue
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from rich.console import Console

from exercises.kit.answers import Answers
from exercises.kit.catalogue import Entry, catalogue, content_hash
from exercises.kit.check import check_answer
from exercises.kit.ending import show_ending
from exercises.kit.question import Read, ask_before, show_answer
from exercises.kit.show import bar, show_hint, show_progress, show_verdict
from exercises.kit.text import shown
from exercises.kit.verdict import Verdict
from foundation.console import say
from foundation.errors import InputError

INTERVAL = 0.3
"""Seconds between two readings of the file."""
KEYS = "h hint · n next · l list · q quit"
MISSING, UNREADABLE = "missing", "unreadable: "
Poll = Callable[[float], str]
"""poll(seconds) waits at most so long and returns a key, or "" where none was pressed."""
Check = Callable[[Entry, Path, threading.Event], Verdict]
"""check(entry, path, stop) -> the verdict. Raises CheckStopped soon after `stop` is set."""


def check_until_stopped(entry: Entry, path: Path, stop: threading.Event) -> Verdict:
    """The verdict on an answer, unless `stop` is set before there is one."""
    return check_answer(entry, path, stop=stop)


class Running:
    """One check in a thread of its own, so that keys are read and the file is watched meanwhile."""

    def __init__(self, check: Check, entry: Entry, path: Path, content: str) -> None:
        self.content = content
        """The hash of the answer when the check began."""
        self._stop, self._result = threading.Event(), queue.SimpleQueue[Verdict | Exception]()
        self._thread = threading.Thread(target=self._run, args=(check, entry, path), daemon=True)
        self._thread.start()

    def _run(self, check: Check, entry: Entry, path: Path) -> None:
        try:
            self._result.put(check(entry, path, self._stop))
        except Exception as error:
            self._result.put(error)

    def has_ended(self, seconds: float) -> bool:
        """Whether it has ended, for which it waits at most so long."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def verdict(self) -> Verdict:
        """The verdict of a check that has ended. Raises what the check raised."""
        result = self._result.get()
        if isinstance(result, Exception):
            raise result
        return result

    def stop(self) -> None:
        """End the check; its verdict is lost."""
        self._stop.set()
        self._thread.join()


@dataclasses.dataclass
class Watch:
    """One session: the current exercise, and the content of its answer when it was last read."""

    console: Console
    answers: Answers
    poll: Poll
    entry: Entry
    check_answer: Check = check_until_stopped
    ask: Read | None = None
    """Reads a line, for the question before the code; without it none is put."""
    content: str = ""
    running: Running | None = None
    answered_key: bool = False
    """Whether a key has shown something since the check began, which its verdict must not clear away."""

    def run(self) -> None:
        """Until q: check when the answer has changed, and do what the keys ask for, also while a check runs."""
        try:
            while True:
                with self._errors_shown():
                    self.look()
                key = self.poll(INTERVAL).lower()
                if key == "q":
                    return
                if key in ACTIONS:
                    self.answered_key = True
                    with self._errors_shown():
                        ACTIONS[key](self)
        finally:
            self._stop()

    def look(self) -> None:
        """Begin a check where the answer has changed, and show the verdict of one that has ended."""
        if self.ask is not None and not self.content:
            ask_before(self.console, self.answers.progress(), self.entry, self.ask)
        if (content := self._read()) != self.content:
            self._stop()
            self.content = content
            self._begin()
        if self.running is not None and self.running.has_ended(INTERVAL / 3):
            running, self.running = self.running, None
            self._show(running.verdict(), running.content)

    def _read(self) -> str:
        """A hash of the answer; or MISSING, as while an editor replaces the file; or UNREADABLE and the reason."""
        path = self.answers.path(self.entry)
        try:
            return content_hash(path)
        except OSError as error:
            return f"{UNREADABLE}{error.strerror or error}" if os.path.lexists(path) else MISSING

    @contextlib.contextmanager
    def _errors_shown(self) -> Iterator[None]:
        """Show bad input, such as a folder that is gone, and go on."""
        try:
            yield
        except InputError as error:
            say(self.console, str(error), style="yellow")
        except OSError as error:  # as of a folder that may not be entered
            say(self.console, f"{shown(Path(error.filename or '.'))}: {error.strerror or error}", style="yellow")

    def _begin(self) -> None:
        """Begin a check of the answer; where there is none, or it cannot be read, say so."""
        path = self.answers.path(self.entry)
        if self.content.startswith(UNREADABLE):
            self._show_head()
            reason = self.content.removeprefix(UNREADABLE)
            say(self.console, f"{shown(path)}: cannot be read ({reason})", style="yellow")
            say(self.console, f"\n{KEYS}", style="dim")
            return
        if self.content == MISSING:
            self._show_head()
            say(self.console, f"{shown(path)} is not there; vae-ladder start puts the stub there", style="yellow")
            say(self.console, f"\n{KEYS}", style="dim")
            return
        self.answered_key = False
        if self.console.is_terminal:
            say(self.console, "checking …", style="dim")
        self.running = Running(self.check_answer, self.entry, path, self.content)

    def _stop(self) -> None:
        """End a check that still runs: its answer has changed, or the command ends."""
        if self.running is not None:
            self.running.stop()
            self.running = None

    def _show_head(self) -> None:
        if self.console.is_terminal and not self.answered_key:
            self.console.clear()
        progress = self.answers.progress()
        say(self.console, f"{bar(progress.states(catalogue()).values())}   {self.entry.name} · {self.entry.title}\n")

    def _show(self, verdict: Verdict, content: str) -> None:
        """Write down the verdict, and show it under the progress bar."""
        with self._errors_shown():
            self.answers.progress().remember(self.entry, content, verdict.outcome, verdict.mistakes())
        self._show_head()
        show_verdict(self.console, verdict)
        if verdict.outcome == "PASS":
            self._show_pass()
        elif verdict.outcome == "NOT WRITTEN YET":
            answer = shown(self.answers.path(self.entry))
            say(self.console, f"\nRead {shown(self.entry.page)}, then write {answer}.")
        say(self.console, f"\n{KEYS}", style="dim")

    def _show_pass(self) -> None:
        progress, entries = self.answers.progress(), catalogue()
        show_answer(self.console, progress, self.entry)
        if progress.next(entries) is None:
            show_ending(self.console, progress, entries)
        else:
            say(self.console, "\nRight. Press n for the next exercise.", style="green")

    def hint(self) -> None:
        """Show the next hint below the verdict."""
        number, text = self.answers.progress().next_hint(self.entry)
        show_hint(self.console, self.entry, number, text, last=True)

    def next(self) -> None:
        """Go to the first exercise without a pass after this one, or else to the first of all."""
        entries, progress = catalogue(), self.answers.progress()
        later = [entry for entry in entries if entry.name > self.entry.name]
        following = progress.next(later) or progress.next(entries)
        if following is None:
            show_ending(self.console, progress, entries)
        elif following == self.entry:
            say(self.console, "this is the last one without a pass")
        else:
            self._stop()
            self.entry, self.content = following, ""

    def list(self) -> None:
        """Show the course and its state."""
        show_progress(self.console, self.answers.progress(), catalogue())


ACTIONS: dict[str, Callable[[Watch], None]] = {"h": Watch.hint, "n": Watch.next, "l": Watch.list}


# Keys


@contextlib.contextmanager
def open_keys() -> Iterator[Poll]:
    """Yield a function that waits for a key: a single one, or without a terminal the first letter of a line.

    When the block ends, the terminal is as it was before.
    """
    if not sys.stdin.isatty():
        yield _line_poll()
    elif sys.platform == "win32":
        yield _poll_windows
    else:
        with _posix_poll() as poll:
            yield poll


@contextlib.contextmanager
def _posix_poll() -> Iterator[Poll]:
    import select
    import termios
    import tty

    terminal = sys.stdin.fileno()
    before, pending = termios.tcgetattr(terminal), list[str]()

    def poll(seconds: float) -> str:
        if not pending and select.select([terminal], [], [], seconds)[0]:
            keys = os.read(terminal, 64).decode(errors="replace")
            if not keys:
                return "q"  # the terminal is gone
            pending.extend(keys if not keys.startswith("\x1b") else "")  # arrows and such begin with Escape
        return pending.pop(0) if pending else ""

    try:
        tty.setcbreak(terminal)  # single keys, while Ctrl-C still interrupts
        yield poll
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


def read_line() -> str:
    """A line from the terminal, which shows what is typed while `open_keys` is open as well."""
    if sys.platform == "win32":
        return input()
    import termios

    terminal = sys.stdin.fileno()
    single = termios.tcgetattr(terminal)
    lines = termios.tcgetattr(terminal)
    lines[LOCAL_MODES] |= termios.ICANON | termios.ECHO
    termios.tcsetattr(terminal, termios.TCSADRAIN, lines)
    try:
        return input()
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, single)


LOCAL_MODES = 3
"""The place of the local modes among a terminal's attributes."""


def _poll_windows(seconds: float) -> str:
    if sys.platform == "win32":
        import msvcrt

        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if msvcrt.kbhit():
                return msvcrt.getwch()
            time.sleep(0.05)
    return ""


def _line_poll() -> Poll:
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
