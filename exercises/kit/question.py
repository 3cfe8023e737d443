"""The question that a page asks before the code: put once, at a terminal, and answered after the pass."""

import sys
from collections.abc import Callable

from rich.console import Console

from exercises.kit.answers import Progress
from exercises.kit.catalogue import Entry
from exercises.kit.page import question_of
from exercises.kit.show import labelled
from foundation.console import say
from foundation.language import translate

Read = Callable[[], str]
"""read() -> the line that the learner types."""


def is_interactive(console: Console) -> bool:
    """Whether someone sees what is printed and can type an answer, rather than a pipe or a file."""
    return console.is_terminal and sys.stdin is not None and sys.stdin.isatty()


def ask_before(console: Console, progress: Progress, entry: Entry, read: Read = input) -> None:
    """Put the page's question, and write down the answer; only once for an exercise, and not after its pass.

    An empty line, or the end of the input, passes it over.
    """
    record, question = progress.record(entry.name), question_of(entry)
    if record.asked or record.solved or not question:
        return
    say(console, f"{entry.name} · {entry.title}\n", style="bold")
    console.print(question, markup=False)
    say(console, "one line, and Enter; Enter alone passes it over", style="dim")
    try:
        guess = read().strip()
    except EOFError:
        guess = ""
    progress.remember_guess(entry, "".join(filter(str.isprintable, guess)))
    console.print()


def show_answer(console: Console, progress: Progress, entry: Entry) -> None:
    """Show the question again, the learner's answer where there is one, and the model answer."""
    model, question, guess = entry.load().model_answer, question_of(entry), progress.record(entry.name).guess
    if not (model and question):
        return
    console.print()
    labelled(console, "question", question)
    if guess:
        labelled(console, "yours", guess)
    labelled(console, "answer", translate(model))
