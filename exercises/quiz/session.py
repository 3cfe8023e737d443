"""The quiz in a terminal: a question, a number typed, and why that choice is right or wrong.

What was chosen is kept beside the learner's answers to the exercises, where there is such a folder.
"""

import contextlib
import dataclasses
from collections.abc import Callable

from rich.console import Console

from exercises.kit.answers import Answers, locked
from exercises.kit.show import labelled
from exercises.kit.text import shown
from exercises.quiz.questions import Question
from foundation.console import say
from foundation.errors import InputError
from foundation.files import read_file, write_json
from foundation.schema import from_json, read_object

FILE, LOCK_FILE = ".quiz.json", ".quiz.lock"
MOST_BYTES = 1 << 20
PROMPT = "a number and Enter · Enter alone passes it over · q quits"
Read = Callable[[], str]
"""read() -> a line that was typed. Raises EOFError at the end of the input."""


@dataclasses.dataclass(frozen=True)
class Tried:
    """What was chosen, by the key of the question: places of choices from 0, in the order in which they were tried."""

    choices: dict[str, list[int]]

    def state(self, question: Question) -> str:
        """Right at the first try, right later, wrong, or nothing where it was not answered."""
        tried = self.choices.get(question.key, [])
        if question.right not in tried:
            return "wrong" if tried else ""
        return "first" if tried[0] == question.right else "later"


def tried_in(answers: Answers | None) -> Tried:
    """What is recorded in a folder of answers. Raises InputError for another kind of file."""
    path = answers.folder / FILE if answers is not None else None
    if path is None or not path.exists():
        return Tried({})
    try:
        return from_json(Tried, {"choices": read_object(read_file(path, MOST_BYTES), "quiz")})
    except ValueError as error:
        raise InputError(
            f"{shown(path)}: expected what vae-ladder quiz wrote; delete the file to begin anew"
        ) from error


def _remember(answers: Answers | None, question: Question, place: int) -> None:
    """Add a choice to the record, where there is a folder for it."""
    if answers is None:
        return
    with locked(answers.folder / LOCK_FILE):
        choices = tried_in(answers).choices
        choices[question.key] = [*choices.get(question.key, []), place]
        write_json(answers.folder / FILE, choices)


class Stop(Exception):
    """The learner has typed q, or the input has ended."""


@dataclasses.dataclass
class Quiz:
    """One session."""

    console: Console
    answers: Answers | None
    """Where it is recorded; None records nothing."""
    read: Read = input
    typed: int = 0
    """The number of lines that were typed."""

    def run(self, questions: tuple[Question, ...], chosen: tuple[Question, ...]) -> None:
        """Put the chosen questions, one after another, then say how many of all are answered.

        Raises InputError where the input ends before the first line.
        """
        with contextlib.suppress(Stop):
            for question in chosen:
                self._put(question, questions.index(question) + 1, len(questions))
        if self.answers is not None:
            say(self.console, score(questions, tried_in(self.answers)))
        else:
            say(self.console, "nothing was recorded: vae-ladder start makes the folder for it", style="dim")

    def _line(self) -> str:
        """The next line that is typed. Raises Stop for q and at the input's end."""
        try:
            line = self.read().strip().lower()
        except (EOFError, RuntimeError):  # the second where standard input is closed
            if not self.typed:
                raise InputError(
                    "quiz: expected a number typed at a terminal, or one a line in a pipe; the input has ended"
                ) from None
            raise Stop from None
        self.typed += 1
        if line == "q":
            raise Stop
        return line

    def _put(self, question: Question, number: int, count: int) -> None:
        """Put one question until the right choice is made or it is passed over."""
        console = self.console
        say(console, f"question {number} of {count}", style="bold")
        console.print(question.text, markup=False)
        if question.figure:
            console.print(f"\n{question.figure}\n", markup=False, soft_wrap=True)
        for place, choice in enumerate(question.choices, 1):
            labelled(console, str(place), choice.text)
        say(console, PROMPT, style="dim")
        tried: list[int] = []
        while question.right not in tried:
            line = self._line()
            if not line:
                break
            if not (line.isascii() and line.isdigit() and 1 <= int(line) <= len(question.choices)):
                say(console, f"expected a number from 1 to {len(question.choices)}, Enter or q", style="yellow")
                continue
            tried.append(int(line) - 1)
            _remember(self.answers, question, tried[-1])
            self._say_why(question, tried[-1])
        if tried:
            self._show_the_others(question, tried)
        console.print()

    def _say_why(self, question: Question, place: int) -> None:
        """Why the choice at this place is right or wrong."""
        if place == question.right:
            say(self.console, f"{place + 1}: right", style="green")
        else:
            say(self.console, f"{place + 1}: wrong", style="red")
        labelled(self.console, "", question.choices[place].why)
        if place != question.right:
            say(self.console, "another number, or Enter for the answer", style="dim")

    def _show_the_others(self, question: Question, tried: list[int]) -> None:
        """Why the choices that were not tried are right or wrong."""
        for place, choice in enumerate(question.choices):
            if place not in tried:
                labelled(self.console, f"{place + 1} {'✓' if choice.right else '✗'}", choice.why)
        say(self.console, f"to read on: vae-ladder read {question.read}", style="dim")


def score(questions: tuple[Question, ...], tried: Tried) -> str:
    """How many questions are answered, in a line."""
    states = [tried.state(question) for question in questions]
    return (
        f"quiz: {states.count('first')} of {len(questions)} right at the first try, {states.count('later')} later, "
        f"{states.count('wrong')} wrong so far, {states.count('')} left"
    )
