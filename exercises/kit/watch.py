"""Checking an answer whenever its file changes. Polling: it works on every system and file system alike."""

import dataclasses

from rich.console import Console

from exercises.kit.answers import Answers, shown
from exercises.kit.catalogue import Entry, catalogue, content_hash
from exercises.kit.keys import Poll
from exercises.kit.run import Limits, run
from exercises.kit.show import bar, show_hint, show_progress, show_verdict
from exercises.kit.verdict import Verdict
from foundation.console import say

POLL = 0.3
"""Seconds between two looks at the file."""
KEYS = "h hint · n next · l list · q quit"
MISSING = "missing"
NOTHING_LEFT = "every exercise has passed"


@dataclasses.dataclass
class Watch:
    """One session: the exercise that is worked on, and what was last seen of its answer."""

    console: Console
    answers: Answers
    poll: Poll
    entry: Entry
    seen: str = ""

    def run(self) -> None:
        """Until q: check when the answer has changed, and do what the keys ask for."""
        while True:
            if (content := self._content()) != self.seen:
                self.seen = content
                self.check()
            key = self.poll(POLL).lower()
            if key == "q":
                return
            if key in ACTIONS:
                ACTIONS[key](self)

    def _content(self) -> str:
        """A hash of the answer, or MISSING, as in the moment between an editor's deleting and writing it."""
        try:
            return content_hash(self.answers.path(self.entry))
        except OSError:
            return MISSING

    def check(self) -> None:
        """Check the answer as it is now and show the verdict under the bar."""
        path, progress, verdict = self.answers.path(self.entry), self.answers.progress(), None
        if self.seen != MISSING:
            if self.console.is_terminal:
                say(self.console, "checking …", style="dim")
            verdict = run(self.entry, path, Limits())
            progress.remember(self.entry, path, verdict.outcome)
        if self.console.is_terminal:
            self.console.clear()
        say(self.console, f"{bar(progress, catalogue())}   {self.entry.name} · {self.entry.title}\n")
        if verdict is None:
            say(self.console, f"{shown(path)} is not there; vae-ladder start puts the stub there", style="yellow")
        else:
            show_verdict(self.console, verdict)
            self._say_what_now(verdict)
        say(self.console, f"\n{KEYS}", style="dim")

    def _say_what_now(self, verdict: Verdict) -> None:
        if verdict.outcome == "PASS":
            say(self.console, "\nRight. Press n when you want the next one.", style="green")
        elif verdict.outcome == "NOT WRITTEN YET":
            answer = shown(self.answers.path(self.entry))
            say(self.console, f"\nRead {shown(self.entry.page)}, then write {answer}.")

    def hint(self) -> None:
        """The next hint, below what is on the screen."""
        progress = self.answers.progress()
        number, text = progress.next_hint(self.entry)
        show_hint(self.console, self.entry, number, text, last=True)

    def next(self) -> None:
        """Go on: to the first exercise without a pass that comes after this one, or else to the first of all."""
        entries, progress = catalogue(), self.answers.progress()
        later = [entry for entry in entries if entry.name > self.entry.name]
        following = progress.next(later) or progress.next(entries)
        if following is None or following == self.entry:
            say(self.console, NOTHING_LEFT if following is None else "this is the last one without a pass")
            return
        self.entry, self.seen = following, ""

    def list(self) -> None:
        """The course and its state."""
        show_progress(self.console, self.answers.progress(), catalogue())


ACTIONS = {"h": Watch.hint, "n": Watch.next, "l": Watch.list}
