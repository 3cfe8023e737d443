"""A command line from dataclasses: help pages, bad options in one line, and errors as exit codes.

Exit codes: 0 done; 1 a check failed or training diverged; 2 unusable input; 130 stopped by Ctrl-C.
"""

import contextlib
import inspect
import io
import itertools
import re
import shutil
import signal
import sys
import textwrap
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import tyro

from foundation.errors import Diverged, InputError


class Page(NamedTuple):
    """What a help page says beside the options."""

    summary: str
    details: str
    ending: str
    """Printed as it is, at the end"""


def run(program: str, command: Callable[[], int]) -> int:
    """Run a command; its exit code, or that of its error, of which one line goes to standard error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without × shows ? and goes on
    previous = signal.signal(signal.SIGTERM, _interrupt)
    try:
        return command()
    except InputError as error:
        return _complain(program, str(error), code=2)
    except Diverged as error:
        return _complain(program, str(error), code=1)
    except KeyboardInterrupt as stop:
        return _complain(program, str(stop) or "stopped before anything was written", code=130)
    finally:
        signal.signal(signal.SIGTERM, previous)


def optional(metavar: str, default: str, *aliases: str) -> object:
    """How the help page shows an option that may be left out: its placeholder, and in words what happens then."""
    return tyro.conf.arg(metavar=metavar, help_behavior_hint=f"(default: {default})", aliases=aliases or None)


def parse(options: Any, program: str, arguments: Sequence[str], page: Page | None = None) -> Any | None:
    """The options, a dataclass, that the arguments stand for; None when its help page was asked for and printed.

    Raises:
        InputError: with one line, where tyro would draw a box of several and exit.
    """
    page = page or read_page(options)
    texts = {"prog": program, "description": page.summary}
    if {"-h", "--help"} & set(arguments):
        with contextlib.suppress(SystemExit):
            tyro.cli(options, args=["--help"], **texts)
        print("\n".join([*wrap(page.details), "", page.ending]))
        return None
    complaint = io.StringIO()
    try:
        # Both streams, since tyro looks at standard output to choose how it draws on standard error.
        with contextlib.redirect_stdout(complaint), contextlib.redirect_stderr(complaint):
            return tyro.cli(options, args=arguments, **texts)
    except SystemExit:
        raise InputError(f"{_reason(complaint.getvalue())} (see {program} --help)") from None


def read_page(options: type) -> Page:
    """The page in a docstring: a summary, details, and what stands after "Examples:"; the last two may be empty."""
    text, _, examples = inspect.getdoc(options).partition("Examples:\n")
    summary, _, details = text.partition("\n\n")
    return Page(summary.strip(), details.strip(), f"examples:\n{examples}".rstrip())


def wrap(text: str) -> list[str]:
    """Paragraphs, each broken into lines that fit the terminal."""
    width = min(shutil.get_terminal_size().columns, 100)
    return [line for paragraph in text.split("\n\n") for line in textwrap.wrap(paragraph, width)]


def _reason(complaint: str) -> str:
    """The reason in a complaint of tyro's: title, perhaps a rule, the reason, a rule, what repeats the help page."""
    _, *lines = (line.strip(" │╭╮╰╯") for line in complaint.splitlines())
    body = itertools.dropwhile(_is_rule, lines)
    reason = " ".join(itertools.takewhile(lambda line: not _is_rule(line), body)).rstrip(".")
    # What a dataclass refuses, tyro introduces with the dataclass's name: ours name the option themselves.
    reason = re.sub(r"^Error parsing \w\S*: ", "", reason)
    # Python's own words for int("abc") and float("abc").
    reason = reason.replace("invalid literal for int() with base 10:", "expected an integer, got")
    return reason.replace("could not convert string to float:", "expected a number, got")


def _is_rule(line: str) -> bool:
    return not line.strip("-─")


def _complain(program: str, line: str, code: int) -> int:
    print(f"{program}: {' '.join(line.split())}", file=sys.stderr)
    return code


def _interrupt(signum: int, frame: object) -> None:
    raise KeyboardInterrupt
