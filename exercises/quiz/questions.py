"""The questions of the quiz, from the one file that the terminal and the site share."""

import dataclasses
import functools
import importlib.resources
import tomllib
from typing import Any

from foundation.language import language


@dataclasses.dataclass(frozen=True)
class Choice:
    """One of the answers to choose from."""

    text: str
    why: str
    """Why it is right or wrong."""
    right: bool


@dataclasses.dataclass(frozen=True)
class Question:
    """One question in one language."""

    key: str
    """Its name in the record of what was answered, the same in every version."""
    text: str
    choices: tuple[Choice, ...]
    read: str
    """The page to look at afterwards, as `vae-ladder read` takes it: "04", "chapter 1"."""
    figure: str = ""
    """Numbers to read, as lines of text."""

    @property
    def right(self) -> int:
        """The place of the right choice."""
        return next(place for place, choice in enumerate(self.choices) if choice.right)


def questions(name: str | None = None) -> tuple[Question, ...]:
    """All questions in the order of the file; without the name of a language in that of messages."""
    return tuple(_question(entry, name or language()) for entry in _entries())


@functools.cache
def _entries() -> list[dict[str, Any]]:
    text = (importlib.resources.files("exercises.quiz") / "questions.toml").read_text("utf-8")
    return tomllib.loads(text)["question"]


def _question(entry: dict[str, Any], name: str) -> Question:
    choices = (
        Choice(_line(choice[name]), _line(choice[f"{name}_why"]), choice.get("right", False))
        for choice in entry["choice"]
    )
    return Question(
        entry["key"], _line(entry[name]), tuple(choices), entry["read"], entry.get("figure", "").strip("\n")
    )


def _line(text: str) -> str:
    return " ".join(text.split())
