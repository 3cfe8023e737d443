"""How long the script of a slide takes: its words at a lecturer's pace, and the pauses and actions that it names.

A script is what the speaker says. Between its sentences stands in brackets what is done meanwhile, with its time:
"[20 s: write line 1]" or "[12 min: they write]", in Korean "[20초: …]" and "[12분: …]".
"""

import re
from typing import NamedTuple

WORDS_PER_MINUTE = 120
"""English words, at the pace of a lecture in which people take notes; news is read at 150 and more."""
SYLLABLES_PER_MINUTE = 240
"""Korean syllables, digits and letters, at the same pace; news is read at about 340."""
DOING = re.compile(r"\[(\d+) ?(s|min|초|분): ([^\]]+)\]")
SECONDS = {"s": 1, "초": 1, "min": 60, "분": 60}
WORD, SYLLABLE = re.compile(r"[^\W_]+(?:[’'.-][^\W_]+)*"), re.compile(r"[^\W_]")


class Piece(NamedTuple):
    """A part of a script."""

    text: str
    seconds: int
    """How long it is done, or 0 where it is said."""


def pieces(script: str) -> list[Piece]:
    """What is said and what is done, in order. Raises ValueError for brackets of another form."""
    found, start = list[Piece](), 0
    for match in DOING.finditer(script):
        found += [Piece(script[start : match.start()].strip(), 0), Piece(match[3], int(match[1]) * SECONDS[match[2]])]
        start = match.end()
    found.append(Piece(script[start:].strip(), 0))
    said = [piece for piece in found if piece.text and not piece.seconds]
    for piece in said:
        if bracket := re.search(r"[\[\]].*", piece.text):
            raise ValueError(f"script: expected [20 s: what is done], got {bracket[0][:60]!r}")
    return [piece for piece in found if piece.text]


def spoken(script: str, language: str = "en") -> float:
    """Seconds of what is said."""
    said = " ".join(piece.text for piece in pieces(script) if not piece.seconds)
    if language == "ko":
        return 60 * len(SYLLABLE.findall(said)) / SYLLABLES_PER_MINUTE
    return 60 * len(WORD.findall(said)) / WORDS_PER_MINUTE


def done(script: str) -> int:
    """Seconds of what is done."""
    return sum(piece.seconds for piece in pieces(script))


def seconds(script: str, language: str = "en") -> float:
    """How long a script takes."""
    return spoken(script, language) + done(script)
