"""What each command about exercises can be asked: one small dataclass a command, read by the command line and by tests.

A field's docstring is its help text. What stands after "Examples:" closes the command's help page.
"""

import dataclasses
from pathlib import Path
from typing import Annotated

import tyro

from foundation.command_line import optional

ANSWERS = optional("DIR", "my_answers here, else beside the exercises")
NEXT = optional("[NN]", "the next unsolved one")


@dataclasses.dataclass(frozen=True, kw_only=True)
class AnswersChoice:
    """Where the learner's answers lie."""

    answers: Annotated[Path | None, ANSWERS] = None
    """The folder that vae-ladder start filled."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Start:
    """Copy the exercises' stubs into a folder for your answers.

    Answers that are there already stay as they are, so it can be called again after an update of the course.

    Examples:
      vae-ladder start
      vae-ladder start --to homework
    """

    to: Annotated[Path | None, ANSWERS] = None
    """The folder; it is made where it does not exist."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Check(AnswersChoice):
    """Check an answer: PASS, WRONG, NOT MEASURED or NOT WRITTEN YET.

    Says what was called with what, what came and what was expected; where the mistake is one that the exercise
    knows, its name; then file and line. What the answer prints is shown after that. Exit code 0 for PASS, else 1.

    Examples:
      vae-ladder check
      vae-ladder check 04
      vae-ladder check kl --probe 4
      vae-ladder check --all --answers homework
    """

    exercise: Annotated[tyro.conf.Positional[str | None], NEXT] = None
    """An exercise by number or name."""
    all: tyro.conf.FlagCreatePairsOff[bool] = False
    """Check every answer, with one line each."""
    probe: Annotated[int | None, optional("K", "all, until one fails")] = None
    """Look at this probe alone, and let the answer print."""
    traceback: tyro.conf.FlagCreatePairsOff[bool] = False
    """Show the traceback of an exception, from your own line on."""
    time_limit: Annotated[float, tyro.conf.arg(metavar="SECONDS")] = 10.0
    """When an endless loop is given up."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Watch(AnswersChoice):
    """Check an answer whenever it is saved.

    Stays with an exercise until you ask for the next. Keys: h hint, n next, l list, q quit; where single keys
    cannot be read, type the letter and Enter. Looks at the file a few times a second.

    Examples:
      vae-ladder watch
      vae-ladder watch 06
    """

    exercise: Annotated[tyro.conf.Positional[str | None], NEXT] = None
    """The exercise to begin with, by number or name."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ShowProgress(AnswersChoice):
    """List the course with the state of every exercise.

    A pass counts for the content of the answer and of the exercise: after a change of either, check again.

    Examples:
      vae-ladder progress
      vae-ladder progress --answers homework
    """


@dataclasses.dataclass(frozen=True, kw_only=True)
class Hint(AnswersChoice):
    """Give the next hint: the idea, then the formula, then the line.

    Examples:
      vae-ladder hint 04
    """

    exercise: Annotated[tyro.conf.Positional[str | None], NEXT] = None
    """An exercise by number or name."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Solution(AnswersChoice):
    """Show the solution: the rung's own functions, with file and line.

    After a pass, or with --give-up.

    Examples:
      vae-ladder solution 04
      vae-ladder solution 04 --give-up
    """

    exercise: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="NN")]
    """An exercise by number or name."""
    give_up: tyro.conf.FlagCreatePairsOff[bool] = False
    """Show it before a pass."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reset(AnswersChoice):
    """Begin an exercise anew; the old answer is kept beside it under a name with the date and time.

    Examples:
      vae-ladder reset 04
    """

    exercise: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="NN")]
    """An exercise by number or name."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Grade:
    """Check the answers of many learners, and write one table.

    Each FOLDER holds one learner's answers, under the names that vae-ladder start gave them, or one such folder
    for each learner. Every answer runs in a process of its own, in an empty folder, on a copy, within the limits;
    an endless loop or a crash costs that answer only.

    Examples:
      vae-ladder grade submissions
      vae-ladder grade anna ben --exercises 04,05,06 --out week2.csv
    """

    folders: Annotated[
        tyro.conf.Positional[tuple[Path, ...]], tyro.conf.arg(metavar="FOLDER...", help_behavior_hint="")
    ]
    """Folders of answers."""
    exercises: Annotated[str | None, optional("NN,NN,..", "the whole course")] = None
    """The exercises to grade, with commas."""
    out: Annotated[Path, tyro.conf.arg(metavar="FILE")] = Path("grades.csv")
    """Where the CSV goes: a line for every learner and exercise."""
    time_limit: Annotated[float, tyro.conf.arg(metavar="SECONDS")] = 10.0
    """For each answer."""
    memory_limit: Annotated[int, tyro.conf.arg(metavar="MB")] = 2048
    """For each answer; kept on Linux only."""


COMMANDS = {
    "start": Start,
    "check": Check,
    "watch": Watch,
    "progress": ShowProgress,
    "hint": Hint,
    "solution": Solution,
    "reset": Reset,
    "grade": Grade,
}
