"""Errors that end a run early for a reason that a person can mend, and words for their messages."""

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """Input that cannot be used: one line that names the argument, what was expected and what was given."""


class Diverged(ArithmeticError):
    """A loss or gradient of NaN or infinity: one line that names the step, the worst tensor and a remedy."""


def shown(text: str) -> str:
    """A user's text in a message: quoted, and shortened where it is long."""
    return repr(text if len(text) <= 60 else f"{text[:57]}...")


def suggest(word: str, known: Iterable[str]) -> str:
    """`; did you mean NAME?` with the known name that comes closest to a word, or nothing.

    A name with dots also counts as close by its last part: `--warmup` suggests `--kl.warmup`.
    """
    known = list(known)
    close = [name for name in known if "." in name and name.rpartition(".")[2] == word.lstrip("-")]
    close = close or difflib.get_close_matches(word, known, n=1, cutoff=0.7)
    return f"; did you mean {' or '.join(close)}?" if close else ""
