"""Tracebacks without the kit: only the lines that the learner wrote, and what those called."""

import traceback
from types import TracebackType

from exercises.kit.exercise import Functions
from exercises.kit.text import place


def frames_of(error: BaseException, functions: Functions) -> str:
    """The traceback from the learner's first line on."""
    return "".join(traceback.format_exception(type(error), error, _from_the_answer_on(error, functions)))


def place_of_error(error: BaseException, functions: Functions, given: set[str]) -> str:
    """file:line of the learner's innermost line, or nothing where the exception came before it.

    What happens in a helper that was `given` is told by the line that called it.
    """
    files, found = _files(functions), ""
    for frame, line in traceback.walk_tb(error.__traceback__):
        if frame.f_code.co_filename in files:
            if frame.f_code.co_name in given:
                break
            found = place(frame.f_code.co_filename, line)
    return found


def function_that_raised(error: BaseException, functions: Functions) -> str:
    """The innermost of these functions that was running, by name; one may have called another."""
    names = [frame.f_code.co_name for frame, _ in traceback.walk_tb(error.__traceback__)]
    return next((name for name in reversed(names) if name in functions), "")


def _from_the_answer_on(error: BaseException, functions: Functions) -> TracebackType | None:
    files, trace = _files(functions), error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename not in files:
        trace = trace.tb_next
    return trace


def _files(functions: Functions) -> set[str]:
    return {f.__code__.co_filename for f in functions.values() if hasattr(f, "__code__")}
