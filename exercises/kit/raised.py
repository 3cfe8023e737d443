"""Exceptions of an answer, as the diagnosis reads them: raised in this process, or described by another one."""

import builtins
import functools
import traceback
from collections.abc import Collection
from typing import Any, NamedTuple

from exercises.kit.exercise import Functions
from exercises.kit.text import place, source_file_of


class Line(NamedTuple):
    """One line that an exception came through."""

    file: str
    line: int
    function: str


class Stopped(BaseException):
    """An answer's process that ended, or was ended, while one of its functions ran.

    Like SystemExit it is no Exception, so that a probe which awaits exceptions does not take it for one.
    """

    def __init__(self, got: str, problem: str, lines: tuple[Line, ...] = ()) -> None:
        super().__init__(got)
        self.got, self.problem, self.lines = got, problem, lines


class Described(Exception):
    """The base of exceptions that another process described; their classes have the names that they had there."""

    text = ""
    lines: tuple[Line, ...] = ()
    trace = ""

    def __str__(self) -> str:
        return self.text


def described(name: str, ancestors: list[str], text: str, lines: tuple[Line, ...], trace: str) -> BaseException:
    """An exception of another process: of a class with this name, below the first of these builtin ones."""
    error: Any = _class_of(name[:80], next((name for name in ancestors if _is_exception(name)), "Exception"))()
    error.text, error.lines, error.trace = text, lines, trace
    found: BaseException = error
    return found


def _is_exception(name: str) -> bool:
    kind = getattr(builtins, name, None)
    return isinstance(kind, type) and issubclass(kind, Exception | SystemExit)


@functools.lru_cache(maxsize=256)
def _class_of(name: str, ancestor: str) -> type[BaseException]:
    """SystemExit stays what it is, all others are Exceptions."""
    return type(name, (Described, getattr(builtins, ancestor)), {"__init__": lambda self: None})


def name_of(error: BaseException) -> str:
    """The name of its class."""
    return type(error).__name__


def text_of(error: BaseException) -> str:
    """Its message; one that fails to give any is no reason to give no verdict."""
    try:
        return str(error)
    except Exception as failure:
        return f"an exception whose text cannot be shown ({type(failure).__name__})"


def in_one_line(error: BaseException) -> str:
    """ "ValueError: its message", without line breaks."""
    return f"{name_of(error)}: {' '.join(text_of(error).split())}".removesuffix(": ")


def lines_of(error: BaseException) -> tuple[Line, ...]:
    """The lines that it came through, the innermost last."""
    if isinstance(error, Described | Stopped):
        return error.lines
    walked = traceback.walk_tb(error.__traceback__)
    return tuple(Line(frame.f_code.co_filename, line, frame.f_code.co_name) for frame, line in walked)


def traceback_of(error: BaseException, files: Collection[str]) -> str:
    """The traceback from the first line in one of these files on, without the kit's own lines."""
    if isinstance(error, Described):
        return error.trace
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename not in files:
        trace = trace.tb_next
    try:
        return "".join(traceback.format_exception(type(error), error, trace))
    except Exception:  # its text fails
        return in_one_line(error)


def format_traceback(error: BaseException, functions: Functions) -> str:
    """The traceback from the learner's first line on."""
    return traceback_of(error, _files(functions))


def place_of_error(error: BaseException, functions: Functions, given: set[str]) -> str:
    """file:line of the learner's innermost line, or nothing where the exception came before it.

    For an exception in a helper that the stub provides, the line that called the helper.
    """
    files, found = _files(functions), ""
    for file, line, function in lines_of(error):
        if file in files:
            if function in given:
                break
            found = place(file, line)
    return found


def function_that_raised(error: BaseException, functions: Functions) -> str:
    """The innermost of these functions that was running, by name; one may have called another."""
    names = [line.function for line in lines_of(error)]
    return next((name for name in reversed(names) if name in functions), "")


def _files(functions: Functions) -> set[str]:
    return {file for function in functions.values() if (file := source_file_of(function))}
