"""The process of an answer under `vae-ladder grade`: it loads the answer, and calls its functions on request.

It gets arguments and returns results as frames, over standard input and output, which the answer itself does not see.
It holds no expected value, no verdict and no solution: those stay in the process at the other end, see `remote`. What
is wrong here, by accident or on purpose, therefore costs this answer alone.

It runs on a copy of a few modules of the course, so it imports `frames` and `confine` and nothing else of it.
"""

import builtins
import faulthandler
import importlib.util
import inspect
import json
import os
import sys
import traceback
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO

import numpy as np

from exercises.kit import confine
from exercises.kit.frames import Encoder, Frame, FrameError, arrays_of, read_frame, update, write_frame

KEPT_RESULTS, KEPT_BYTES = 256, 64 << 20
"""So many results are kept, to tell whether a later call changes one."""
LONGEST_TEXT = 10_000
ERRORS = 2
"""Standard error, whatever the answer makes of `sys.stderr`."""
START = "import sys; sys.path.insert(0, {course!r}); from exercises.kit.runner import main; main()"


class RemoteError(Exception):
    """An exception of the other process, in a function that the answer got as an argument."""


class Connection:
    """Both ends of the conversation, and the answer's time for each call."""

    def __init__(self, requests: BinaryIO, results: BinaryIO, answers: Path, seconds: float) -> None:
        self.requests, self.results, self.answers, self.seconds = requests, results, answers, seconds
        self.kept: list[tuple[Any, bytes]] = []
        self.kept_bytes = 0

    def receive(self) -> Frame:
        return read_frame(self.requests, self.resolve)

    def send(self, message: dict[str, Any], encoder: Encoder | None = None) -> None:
        write_frame(self.results, (encoder or Encoder()).frame(message))

    # What the answer's functions may get

    def resolve(self, described: dict[str, Any]) -> Any:
        """A generator, a function, or an object with functions, as the other process described it."""
        if "generator" in described:
            generator = np.random.Generator(getattr(np.random, described["generator"]["bit_generator"])())
            generator.bit_generator.state = described["generator"]
            return generator
        if "functions" in described:
            return RemoteObject(self, described)
        function = partial(self.ask, described["number"], "", None)

        def remote(*arguments: Any, **named: Any) -> Any:
            return function(arguments, named)

        remote.__name__ = remote.__qualname__ = described["name"]
        return remote

    def ask(
        self,
        number: int,
        function: str,
        state: dict[str, Any] | None,
        arguments: tuple[Any, ...],
        named: dict[str, Any],
    ) -> Any:
        """Call a function of the other process. Raises what it raised, under the name of a builtin exception."""
        encoder = Encoder()
        message = {
            "ask": number,
            "function": function,
            "arguments": [encoder.node(value) for value in arguments],
            "named": {name: encoder.node(value) for name, value in named.items()},
            "state": encoder.node(state),
        }
        self.send(message, encoder)
        reply = self.receive()
        if "raised" in reply.message:
            kind = getattr(builtins, reply.message["raised"], None)
            usable = isinstance(kind, type) and issubclass(kind, Exception) and kind is not UnicodeDecodeError
            raise (kind if usable and kind is not None else RemoteError)(reply.message["text"])
        if state is not None:
            update(state, reply.value(reply.message["state"]))
        value = reply.value(reply.message["value"])
        return _view(arguments, named, reply.message["view"], value) if "view" in reply.message else value

    # The answer's own functions

    def call(self, module: ModuleType, frame: Frame) -> None:
        """Call one function and send its result, or its exception, with the arguments that it changed."""
        arguments = [frame.value(node) for node in frame.message["arguments"]]
        before = [_content(value) for value in arguments]
        arrays = [list(arrays_of(value)) for value in arguments]
        contents = [[_content(array) for array in of_one] for of_one in arrays]
        try:
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                faulthandler.dump_traceback_later(frame.message["seconds"], file=ERRORS, exit=True)
                result = getattr(module, frame.message["call"])(*arguments)
        except BaseException as error:
            self.send({"error": self.describe(error)})
            return
        finally:
            faulthandler.cancel_dump_traceback_later()
        self._keep(result)
        encoder = Encoder()
        try:
            changed = [n for n, value in enumerate(arguments) if _content(value) != before[n]]
            message = {"result": encoder.node(result)}
            message["changed"] = {str(n): encoder.node(arguments[n]) for n in changed}
            message["replaced"] = [n for n in changed if arrays[n] and list(map(_content, arrays[n])) == contents[n]]
            self.send(message, encoder)
        except FrameError as error:
            self.send({"too large": str(error)})

    def _keep(self, result: Any) -> None:
        content = _content(result)
        if len(self.kept) < KEPT_RESULTS and self.kept_bytes + len(content) <= KEPT_BYTES:
            self.kept.append((result, content))
            self.kept_bytes += len(content)

    def overwritten(self) -> None:
        """Send the numbers of the results that a later call has changed, with what they are now."""
        encoder = Encoder()
        changed = {}
        for number, (result, content) in enumerate(self.kept):
            if _content(result) != content:
                changed[str(number)] = encoder.node(result)
        self.send({"overwritten": changed}, encoder)

    def describe(self, error: BaseException) -> dict[str, Any]:
        """An exception as plain text: its type, its message, and the lines of the answer that it came through."""
        try:
            text = str(error)
        except Exception as failure:
            text = f"an exception whose text cannot be shown ({type(failure).__name__})"
        names = [kind.__name__ for kind in type(error).__mro__ if kind.__module__ == "builtins"]
        frames = [(self.relative(frame.f_code.co_filename), line, frame.f_code.co_name) for frame, line in _walk(error)]
        if isinstance(error, SyntaxError) and error.filename and error.lineno:
            frames.append((self.relative(error.filename), error.lineno, ""))
        return {
            "name": type(error).__name__,
            "builtins": names,
            "text": text[:LONGEST_TEXT],
            "frames": [[file, line, name] for file, line, name in frames if file][-100:],
            "traceback": self._traceback(error)[-LONGEST_TEXT:],
        }

    def _traceback(self, error: BaseException) -> str:
        trace = error.__traceback__
        while trace is not None and not self.relative(trace.tb_frame.f_code.co_filename):
            trace = trace.tb_next
        try:
            return "".join(traceback.format_exception(type(error), error, trace))
        except Exception:
            return ""

    def relative(self, filename: str) -> str:
        """A file of the answer, relative to its folder; empty for any other."""
        try:
            return Path(filename).resolve().relative_to(self.answers).as_posix()
        except (ValueError, OSError):
            return ""


def _walk(error: BaseException) -> list[Any]:
    return list(traceback.walk_tb(error.__traceback__))


def _content(value: Any) -> bytes:
    """Everything of a value that a frame carries, to tell whether it has changed."""
    encoder = Encoder()
    try:
        return encoder.frame({"value": encoder.node(value)})
    except (FrameError, TypeError, ValueError):
        return b""


def _view(arguments: tuple[Any, ...], named: dict[str, Any], described: list[Any], value: np.ndarray) -> np.ndarray:
    """The same view of this process's argument as the function returned of its own; of a strided one, a copy."""
    place, offset, shape, strides, dtype = described
    array = arguments[place] if isinstance(place, int) else named[place]
    if type(array) is not np.ndarray or not array.flags.c_contiguous:
        return value
    whole = np.ndarray(array.nbytes, np.uint8, array)
    return np.ndarray(tuple(shape), np.dtype(dtype), whole, offset, tuple(strides))


class RemoteObject:
    """An object of the other process: values that are fixed, functions, and arrays that may be changed in place."""

    def __init__(self, connection: Connection, described: dict[str, Any]) -> None:
        self._connection, self._described = connection, described
        self._state: dict[str, Any] | None = None
        for name, value in described["values"].items():
            setattr(self, name, tuple(value) if isinstance(value, list) else value)

    def __getattr__(self, name: str) -> Any:
        described = self.__dict__["_described"]
        if name in described["functions"]:
            return self._function(name)
        if name == described["state"]:
            if self._state is None:
                state: dict[str, Any] = {}
                self._ask("", state, (), {})
                self._state = state
            return self._state
        raise AttributeError(described["unknown"].format(name=name))

    def _function(self, name: str) -> Callable[..., Any]:
        def function(*arguments: Any, **named: Any) -> Any:
            return self._ask(name, self._state, arguments, named)

        function.__name__ = name
        return function

    def _ask(self, name: str, state: dict[str, Any] | None, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        return self._connection.ask(self._described["number"], name, state, arguments, named)

    def __repr__(self) -> str:
        return str(self._described["text"])


def main() -> None:
    """Serve the answer that the first argument describes until the other end closes."""
    task = json.loads(sys.argv[1])
    requests, results = private_streams()
    answers = confine.enter(task["confinement"])
    os.chdir(task["working_directory"])
    connection = Connection(requests, results, answers, task["seconds"])
    hidden = [os.path.normcase(path) for path in task["hidden"]]
    sys.path[1:] = [path for path in sys.path[1:] if os.path.normcase(os.path.abspath(path)) not in hidden]
    sys.path.append(str(answers))  # last, so that helpers beside the answer can be imported but hide nothing
    sys.argv = [task["answer"]]
    connection.send({"ready": True})
    serve(connection, answers / task["answer"], task["functions"])


def private_streams() -> tuple[BinaryIO, BinaryIO]:
    """Both pipes under numbers that the answer does not meet; its prints go to standard error."""
    if sys.platform == "win32":
        import msvcrt

        for number in (0, 1):
            msvcrt.setmode(number, os.O_BINARY)
    requests, results = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return os.fdopen(requests, "rb"), os.fdopen(results, "wb")


def serve(connection: Connection, answer: Path, functions: list[str]) -> None:
    """Load the answer, say what it holds, and call its functions until the other end closes."""
    try:
        faulthandler.dump_traceback_later(connection.seconds, file=ERRORS, exit=True)
        module = load(answer)
    except BaseException as error:
        connection.send({"failed": connection.describe(error)})
        return
    finally:
        faulthandler.cancel_dump_traceback_later()
    found = {name: _about(connection, getattr(module, name)) for name in functions if hasattr(module, name)}
    connection.send({"functions": found})
    while True:
        try:
            frame = connection.receive()
        except EOFError:
            os._exit(0)  # whatever threads the answer left
        if "call" in frame.message:
            connection.call(module, frame)
        else:
            connection.overwritten()


def _about(connection: Connection, function: Any) -> dict[str, Any]:
    """Whether a name of the answer is a function, and where it is defined."""
    code = getattr(_innermost(function), "__code__", None)
    file = connection.relative(code.co_filename) if code is not None else ""
    line = code.co_firstlineno if code is not None else 0
    return {"callable": callable(function), "type": type(function).__name__, "file": file, "line": line}


def _innermost(function: Any) -> Any:
    """The function under decorators that set `__wrapped__`."""
    try:
        return inspect.unwrap(function)
    except ValueError:  # one that wraps itself
        return function


def load(path: Path) -> ModuleType:
    """Run the answer's file as a module."""
    spec = importlib.util.spec_from_file_location(f"answer_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path.name} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # as an import does, since dataclasses look their module up
    spec.loader.exec_module(module)
    return module
