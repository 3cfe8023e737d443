"""A command line from dataclasses: help pages, bad options in one line, and errors as exit codes.

Exit codes: 0 done; 1 a check failed or training diverged; 2 unusable input, or a file that cannot be read or written;
130 stopped by Ctrl-C; 141 nothing reads the output any more, as after `| head`.
"""

import contextlib
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from foundation.arguments import docstring, format_help, read_arguments
from foundation.errors import Diverged, InputError
from foundation.language import translate, translate_lines, translate_paragraphs, wrap_text
from foundation.process import flush_streams, ignore_signals, prepare_streams, stop_on_signals, terminal_width


class Page(NamedTuple):
    """What a help page says beside the options."""

    summary: str
    details: str
    ending: str
    """Printed as it is, at the end"""


def run(program: str, command: Callable[[], int], ends_process: bool = False) -> int:
    """Run a command; its exit code, or that of its error, of which one line goes to standard error.

    Args:
        program: Its name, which begins the line.
        command: Returns its exit code.
        ends_process: The process ends after this: signals are ignored from then on (see `stop_on_signals`).
    """
    prepare_streams()
    with stop_on_signals(ends_process):
        try:
            code, line = command(), ""
        except InputError as error:
            code, line = 2, str(error)
        except Diverged as error:
            code, line = 1, str(error)
        except KeyboardInterrupt as stop:
            ignore_signals()  # here already, since a signal after this clause would raise again
            code, line = 130, str(stop) or "stopped before anything was written"
        except BrokenPipeError:
            code, line = 141, ""
        except OSError as error:
            reason = error.strerror or str(error)
            code, line = 2, reason if error.filename is None else f"{str(error.filename)!r}: {reason}"
        ignore_signals()
        problem = flush_streams()
        if problem is not None and code == 0:
            is_gone = isinstance(problem, BrokenPipeError)
            code, line = (141, "") if is_gone else (2, f"cannot write to standard output: {problem.strerror}")
        if line:
            with contextlib.suppress(OSError):
                print(f"{program}: {_one_line(translate(line))}", file=sys.stderr)
            flush_streams()
        return code


def parse(
    options: Any, program: str, arguments: Sequence[str], page: Page | None = None, start: Any = None
) -> Any | None:
    """The options, a dataclass, that the arguments stand for; None when its help page was asked for and printed.

    `start` is an instance with the values of options that are not given, in place of the defaults.

    Raises:
        InputError: with one line that names the argument; see `foundation.arguments.read_arguments`.
    """
    page = page or read_page(options)
    if {"-h", "--help"} & set(arguments):
        print(format_help(options, program, page.summary))
        print("\n".join([*wrap(page.details), "", translate_lines(page.ending)]))
        return None
    try:
        os.getcwd()
        return read_arguments(options, program, arguments, start)
    except FileNotFoundError:
        raise InputError("the working folder is gone: change to one that exists") from None
    except InputError as error:
        raise InputError(f"{error} (see {program} --help)") from None


def read_page(options: Any) -> Page:
    """The page in a docstring: a summary, details, and what stands after "Examples:"; the last two may be empty."""
    text, _, examples = docstring(options).partition("Examples:\n")
    summary, _, details = text.partition("\n\n")
    said = translate_paragraphs(summary.strip()), translate_paragraphs(details.strip())
    return Page(*said, f"examples:\n{examples}".rstrip())


def wrap(text: str) -> list[str]:
    """Paragraphs, each broken into lines that fit the terminal."""
    return [line for paragraph in text.split("\n\n") for line in wrap_text(paragraph, terminal_width())]


LONGEST = 1000
"""Letters of an error's line; a damaged file may hold a name of megabytes."""


def _one_line(text: str) -> str:
    """A message as one line that a terminal shows as it is: control characters and lone surrogates become ?."""
    line = " ".join(text.split())
    if len(line) > LONGEST:
        line = f"{line[: LONGEST * 2 // 3]} … {line[-LONGEST // 4 :]}"
    return "".join(letter if letter.isprintable() else "?" for letter in line)
