"""The options of each command about exercises: one small dataclass a command, read by the command line and by tests.

A field's docstring is its help text. The lines after "Examples:" close the command's help page.
"""

import dataclasses
from pathlib import Path
from typing import Annotated, Literal

from foundation.arguments import Option, Positional, optional

ANSWERS = optional("DIR", "my_answers here or in a folder above")
NEXT = optional("[NN]", "the next unsolved one")


@dataclasses.dataclass(frozen=True, kw_only=True)
class AnswersChoice:
    """The folder of the learner's answers."""

    answers: Annotated[Path | None, ANSWERS] = None
    """The folder that vae-ladder start filled."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Start:
    """Copy the exercises' stubs into a folder for your answers.

    By default that is the folder my_answers of the working directory, or the one that a folder above already has.
    Existing answers stay as they are, so the command can be repeated after an update of the course.

    Examples:
      vae-ladder start
      vae-ladder start --to homework
      vae-ladder start --guided
    """

    to: Annotated[Path | None, ANSWERS] = None
    """The folder; it is made where it does not exist. It cannot lie in the course itself."""
    guided: bool = False
    """Where an exercise has one, start with a stub in which most lines are written and blanks are to be filled."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Read:
    """Show a page of the course in the terminal, or write it as HTML.

    In the terminal formulas are Unicode. With --html they are set, and the file needs no network; pictures are in it.

    Examples:
      vae-ladder read 04
      vae-ladder read chapter 1
      vae-ladder read 10 --html
      vae-ladder read chapter 1 --html --out chapter.html
    """

    page: Annotated[Positional[tuple[str, ...]], optional("[NN | chapter N]", "the overview of the course")] = ()
    """An exercise by number or name, or chapter 1, 2 or 3."""
    html: bool = False
    """Write an HTML file for a browser instead."""
    out: Annotated[Path | None, optional("FILE", "the page's name, in the working directory")] = None
    """Where that file goes."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Check(AnswersChoice):
    """Check an answer: PASS, WRONG, NOT MEASURED or NOT WRITTEN YET.

    Shows the call, its result and the expected result; the name of the mistake, where it is one that the exercise has
    stored; and file and line. The answer's output comes last. Exit code 0 for PASS, else 1.

    Examples:
      vae-ladder check
      vae-ladder check 04
      vae-ladder check kl --probe 4
      vae-ladder check --all --answers homework
    """

    exercise: Annotated[Positional[str | None], NEXT] = None
    """An exercise by number or name."""
    all: bool = False
    """Check every answer, with one line each."""
    probe: Annotated[int | None, optional("K", "all, until one fails")] = None
    """Run this probe alone, and show all output of the answer."""
    traceback: bool = False
    """Show the traceback of an exception, from your own line on."""
    time_limit: Annotated[float, Option("SECONDS")] = 10.0
    """The longest time for an answer; an endless loop is ended then."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Watch(AnswersChoice):
    """Check an answer whenever it is saved.

    Stays with an exercise until you ask for the next. Keys: h hint, n next, l list, q quit; where single keys
    cannot be read, type the letter and Enter. The file is read a few times a second.

    Examples:
      vae-ladder watch
      vae-ladder watch 06
    """

    exercise: Annotated[Positional[str | None], NEXT] = None
    """The exercise to begin with, by number or name."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Quiz(AnswersChoice):
    """Answer questions about concepts, units and curves; every choice is explained.

    Begins with those that are not answered yet. Type a number and Enter; a wrong choice may be followed by another.
    What you chose is kept beside your answers to the exercises. From a pipe, each line is one answer.

    Examples:
      vae-ladder quiz
      vae-ladder quiz 3
      vae-ladder quiz --again
    """

    question: Annotated[Positional[int | None], optional("[N]", "all that are not answered rightly yet")] = None
    """One question by its number."""
    again: bool = False
    """Put all questions, also those that were answered rightly."""


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

    exercise: Annotated[Positional[str | None], NEXT] = None
    """An exercise by number or name."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Solution(AnswersChoice):
    """Show the solution: the rung's own functions, with file and line.

    After a pass, or with --give-up.

    Examples:
      vae-ladder solution 04
      vae-ladder solution 04 --give-up
    """

    exercise: Annotated[Positional[str], Option("NN")]
    """An exercise by number or name."""
    give_up: bool = False
    """Show it before a pass."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reset(AnswersChoice):
    """Copy an exercise's stub anew; the old answer is kept beside it under a name with the date and time.

    Examples:
      vae-ladder reset 04
    """

    exercise: Annotated[Positional[str], Option("NN")]
    """An exercise by number or name."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Grade:
    """Check the answers of many learners, and write one table.

    Each FOLDER holds one learner's answers, or such a folder for each learner; archives and what Moodle, Canvas and
    Classroom deliver are read as they are, and notebooks, too. Every answer runs in a process of its own, on a copy,
    within the limits; that process holds neither the solution nor the verdict. An endless loop or a crash costs the
    function in which it happens. The table is written after each learner.

    Examples:
      vae-ladder grade submissions
      vae-ladder grade anna ben --exercises 04,05,06 --out week2.csv --report week2.html
      vae-ladder grade submissions.zip --format moodle --roster grading_worksheet.csv --out upload.csv
    """

    folders: Annotated[Positional[tuple[Path, ...]], Option("FOLDER...")]
    """Folders or archives of answers."""
    exercises: Annotated[str | None, optional("NN,NN,..", "the whole course")] = None
    """The exercises to grade, with commas."""
    out: Annotated[Path, Option("FILE")] = Path("grades.csv")
    """The file to write: for csv a line for every learner and exercise, for the platforms one for every learner."""
    format: Annotated[Literal["csv", "canvas", "moodle", "gradescope"], Option()] = "csv"
    """The kind of file, as the platform of that name imports it."""
    roster: Annotated[Path | None, optional("FILE", "none")] = None
    """The platform's own export, which is filled in: Canvas's gradebook, Moodle's grading worksheet."""
    column: Annotated[str, Option("NAME")] = "VAE Ladder"
    """The name of the assignment in Canvas's gradebook."""
    weights: Annotated[Path | None, optional("FILE", "one point an exercise, by function")] = None
    """Points and weights of exercises, functions and probes, in TOML."""
    report: Annotated[Path | None, optional("FILE", "none")] = None
    """A page for the teacher, in HTML: the table, the mistakes of the class, what was not understood."""
    sandbox: Annotated[Literal["auto", "require", "none"], Option()] = "auto"
    """Keep answers from your files and the network: where the system can, always or not at all, or never."""
    time_limit: Annotated[float, Option("SECONDS")] = 10.0
    """The longest time for a call of an answer's function; all calls of one have three times as long."""
    memory_limit: Annotated[int, Option("MB")] = 2048
    """The memory for each answer; enforced on Linux only."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class NewExercise:
    """Make the files of a new exercise, for authors: in a checkout of the repository.

    It is a small exercise that works and passes the authors' checks; every part to be replaced is marked with TODO.

    Examples:
      vae-ladder new-exercise flow
      vae-ladder new-exercise 30_flow
    """

    name: Annotated[Positional[str], Option("NAME")]
    """Small letters, digits and _; without a number in front it gets the next free one."""


COMMANDS = {
    "start": Start,
    "read": Read,
    "check": Check,
    "watch": Watch,
    "quiz": Quiz,
    "progress": ShowProgress,
    "hint": Hint,
    "solution": Solution,
    "reset": Reset,
    "grade": Grade,
    "new-exercise": NewExercise,
}
