"""What the program reads in an exercise's page: its difficulty and time, and the question before the code."""

import re
from collections.abc import Iterable
from typing import NamedTuple

from exercises.kit.catalogue import Entry

QUESTION = re.compile(r"(?:Before you write|코드를 쓰기 전에).*?(?=\n\n)", re.DOTALL)
"""The question that a page asks, up to the end of its paragraph, in either language."""
EFFORT = re.compile(r"^Difficulty: (\w+) · time: about (\d+) minutes, an estimate$", re.MULTILINE)
"""The line under the title of the English page."""


class Effort(NamedTuple):
    """How hard an exercise is, and how long it takes by its author's estimate."""

    difficulty: str
    """easy, medium or hard"""
    minutes: int


def effort_of(entry: Entry) -> Effort | None:
    """The difficulty and time of an exercise, as the English page states them; None where it does not."""
    found = EFFORT.search(entry.english_page.read_text(encoding="utf-8"))
    return Effort(found[1], int(found[2])) if found else None


def minutes_of(entries: Iterable[Entry]) -> int:
    """The estimated minutes of several exercises together."""
    return sum(effort.minutes for effort in map(effort_of, entries) if effort is not None)


def question_of(entry: Entry) -> str:
    """The question before the code as one line of text, in the language of messages; empty where there is none."""
    found = QUESTION.search(entry.page.read_text(encoding="utf-8"))
    if not found:
        return ""
    from foundation.formulas import in_text  # here, since a check should not wait for docutils

    line = " ".join(found[0].split())
    return re.sub(r"\$([^$]+)\$", lambda formula: in_text(formula[1]), line).replace("**", "")
