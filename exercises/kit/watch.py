"""The check of an answer whenever its file changes, and the keys that ask for hints and the next exercise.

The file is read a few times a second and its content compared: watchfiles loses a folder that is renamed or replaced,
and network and shared drives send no events. Keys are read from the terminal directly: readchar cannot wait for a
limited time, and prompt_toolkit's raw mode holds back Ctrl-C while a check runs.
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
from exercises.kit.check import Limits, check_answer
from exercises.kit.diagnose import Verdict
from exercises.kit.show import bar, show_hint, show_progress, show_verdict
from exercises.kit.text import shown
from foundation.console import say
from foundation.errors import InputError

INTERVAL = 0.3
"""Seconds between two readings of the file."""
KEYS = "h hint · n next · l list · q quit"
MISSING, UNREADABLE = "missing", "unreadable: "
ALL_PASSED = "every exercise has passed"
Poll = Callable[[float], str]
"""poll(seconds) waits at most so long and returns a key, or "" where none was pressed."""
Check = Callable[[Entry, Path, Limits], Verdict]


@dataclasses.dataclass
class Watch:
    """One session: the current exercise, and the content of its answer when it was last read."""

    console: Console
    answers: Answers
    poll: Poll
    entry: Entry
    check_answer: Check = check_answer
    content: str = ""

    def run(self) -> None:
        """Until q: check when the answer has changed, and do what the keys ask for."""
        while True:
            with self._errors_shown():
                if (content := self._read()) != self.content:
                    self.content = content
                    self.check()
            key = self.poll(INTERVAL).lower()
            if key == "q":
                return
            if key in ACTIONS:
                with self._errors_shown():
                    ACTIONS[key](self)

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

    def check(self) -> None:
        """Check the answer and show the verdict under the progress bar."""
        path, verdict = self.answers.path(self.entry), None
        if not self.content.startswith((MISSING, UNREADABLE)):
            if self.console.is_terminal:
                say(self.console, "checking …", style="dim")
            verdict = self.check_answer(self.entry, path, Limits())
            with self._errors_shown():
                self.answers.progress().remember(self.entry, self.content, verdict.outcome)
        if self.console.is_terminal:
            self.console.clear()
        say(self.console, f"{bar(self.answers.progress(), catalogue())}   {self.entry.name} · {self.entry.title}\n")
        if self.content.startswith(UNREADABLE):
            reason = self.content.removeprefix(UNREADABLE)
            say(self.console, f"{shown(path)}: cannot be read ({reason})", style="yellow")
        elif verdict is None:
            say(self.console, f"{shown(path)} is not there; vae-ladder start puts the stub there", style="yellow")
        else:
            show_verdict(self.console, verdict)
            self._say_what_now(verdict)
        say(self.console, f"\n{KEYS}", style="dim")

    def _say_what_now(self, verdict: Verdict) -> None:
        if verdict.outcome == "PASS":
            say(self.console, "\nRight. Press n for the next exercise.", style="green")
        elif verdict.outcome == "NOT WRITTEN YET":
            answer = shown(self.answers.path(self.entry))
            say(self.console, f"\nRead {shown(self.entry.page)}, then write {answer}.")

    def hint(self) -> None:
        """Show the next hint below the verdict."""
        number, text = self.answers.progress().next_hint(self.entry)
        show_hint(self.console, self.entry, number, text, last=True)

    def next(self) -> None:
        """Go to the first exercise without a pass after this one, or else to the first of all."""
        entries, progress = catalogue(), self.answers.progress()
        later = [entry for entry in entries if entry.name > self.entry.name]
        following = progress.next(later) or progress.next(entries)
        if following is None or following == self.entry:
            say(self.console, ALL_PASSED if following is None else "this is the last one without a pass")
            return
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
