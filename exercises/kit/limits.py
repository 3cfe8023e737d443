"""Limits of an answer, and what is said of a process that came to an end before its answer did."""

import dataclasses
import re
import signal
from typing import Any

from foundation.errors import InputError

PRINTED_BYTES = 20_000
"""The number of bytes kept of an answer's output."""
LONGEST_LIMIT = 86_400.0
LARGEST_LIMIT = 1 << 20
TIME_IS_UP, OUT_OF_MEMORY = 1, 71
"""Exit codes of an answer's process that did not end by itself. The first is faulthandler's."""
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@dataclasses.dataclass(frozen=True)
class Limits:
    """Time and memory of one check."""

    seconds: float = 10.0
    megabytes: int = 2048
    """Enforced on Linux."""

    def __post_init__(self) -> None:
        if not 0 < self.seconds <= LONGEST_LIMIT:
            raise InputError(
                f"time limit: expected seconds above 0, at most {LONGEST_LIMIT:g} (a day), got {self.seconds}"
            )
        if not 256 <= self.megabytes <= LARGEST_LIMIT:
            raise InputError(f"memory limit: expected 256 to {LARGEST_LIMIT} megabytes, got {self.megabytes}")


def how_it_ended(code: int | None, limits: Limits) -> tuple[str, str]:
    """The outcome in place of a result, and the likely cause, by an exit code; None stands for a time that was up.

    A negative code, and one above 128, stands for a signal.
    """
    if code is None:
        return f"nothing in {limits.seconds:g} s", "does a loop never end?"
    if code == OUT_OF_MEMORY:
        return f"more than {limits.megabytes} megabytes", "memory ran out"
    name = _signal_name(-code if code < 0 else code - 128)
    if name:
        return f"a crash ({name})", "Python itself was ended"
    return f"the end of Python, with exit code {code}", "does the answer call os._exit?"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return ""


def printable(value: Any) -> Any:
    """A text of the answer without characters that control a terminal; other values as they are."""
    return CONTROL.sub("\N{REPLACEMENT CHARACTER}", value) if isinstance(value, str) else value
