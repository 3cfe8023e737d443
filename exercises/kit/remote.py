"""An answer that runs in a process of its own, as functions of this one.

This process has the exercise, the expected results and the verdict; the other one has the answer, and nothing else that
is worth having. Between them go frames with arguments, results and exceptions. What an answer gets as an argument and
is no plain value (a function, a generator, a VAE) stays here, and is asked from there.

Each function has its own time, and one that crashes or never ends is not called again, but the others are.
"""

import contextlib
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from exercises.kit.confine import ANSWERS, FAILED
from exercises.kit.exercise import Shared
from exercises.kit.frames import LARGEST_ARRAYS, Encoder, Frame, FrameError, read_frame, replace, update, write_frame
from exercises.kit.limits import OUT_OF_MEMORY, PRINTED_BYTES, TIME_IS_UP, Limits, how_it_ended, printable
from exercises.kit.observe import Refreshing
from exercises.kit.processes import end_all, memory_of
from exercises.kit.raised import Line, Stopped, described
from exercises.kit.sandbox import PROCESSES, Place
from exercises.kit.text import Located

START_SECONDS = 60.0
"""For the start of Python and NumPy, which does not count as the answer's time."""
GRACE = 1.0
"""Seconds that a process gets to end itself at its time limit and to say where it was."""
CALLS = 3
"""All calls of one function together have so many times the time of one."""
WATCH_INTERVAL = 0.1
MOST_BYTES = 4 * LARGEST_ARRAYS
"""All results of one answer together, since they are kept until the verdict."""
LARGEST_QUESTION = 2 << 20
"""Bytes of the arguments of a function that was given: it runs in this process, and its memory is this process's."""
FORMAT = "a result in another format than that of this course's processes"


class Loaded(NamedTuple):
    """What an answer's file turned out to hold."""

    functions: dict[str, "RemoteFunction"]
    others: dict[str, str]
    """Names that should be functions, with the type that they are of instead."""


class Unloadable(Exception):
    """The answer's file could not be run to its end."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(str(error))
        self.error = error


class RemoteFunction(Located):
    """One function of the answer, called in its process."""

    def __init__(self, answer: "RemoteAnswer", name: str, file: str, line: int) -> None:
        self.answer, self.__name__, self.file, self.line = answer, name, file, line

    def __call__(self, *arguments: Any) -> Any:
        return self.answer.call(self.__name__, arguments)


class RemoteFunctions(Refreshing):
    """The functions of the answer by name."""

    def __init__(self, functions: dict[str, Callable[..., Any]], answer: "RemoteAnswer") -> None:
        super().__init__(functions)
        self.answer = answer

    def refresh(self) -> None:
        self.answer.refresh()


class RemoteAnswer:
    """One answer's file, in a process that is started again when one of its functions has ended it."""

    def __init__(self, place: Place, answer: str, origin: Path, functions: list[str], limits: Limits) -> None:
        """`origin` is the folder that `place.files` was copied from: messages name the files there."""
        self.place, self.file, self.origin, self.names, self.limits = place, answer, origin, functions, limits
        self.spent = dict.fromkeys(functions, 0.0)
        self.stopped: dict[str, Stopped] = {}
        self.received = 0
        self.prints = bytearray()
        self.process: Process | None = None
        self.results: list[Any] = []
        """The results of the running process in the order of the calls."""

    def close(self) -> None:
        """End the process and all that it has started."""
        if self.process is not None:
            self.process.end()
            self.prints += self.process.prints[: PRINTED_BYTES + 1 - len(self.prints)]
        self.process, self.results = None, []

    def load(self) -> Loaded:
        """Start the process and run the answer's file. Raises Unloadable where that ends in any other way."""
        try:
            return self._load()
        except Stopped as stopped:
            raise Unloadable(stopped) from stopped

    def _load(self) -> Loaded:
        hello = self._start()
        if "failed" in hello.message:
            with self._reading():
                reason = self._described(hello.message["failed"])
            self.close()
            raise Unloadable(reason)
        functions, others = {}, {}
        with self._reading():
            for name, about in hello.message["functions"].items():
                if name not in self.names:
                    raise FrameError("an unknown function")
                if about["callable"] is True:
                    functions[name] = RemoteFunction(self, name, *self._place(about["file"], about["line"]))
                else:
                    others[name] = printable(str(about["type"])[:80])
        return Loaded(functions, others)

    def _start(self) -> Frame:
        """A new process; its first message after the answer's file has run. Raises Stopped."""
        self.close()
        megabytes = self.limits.megabytes
        command, environment = self.place.command(self.file, self.names, self.limits.seconds, megabytes)
        self.process = Process(command, environment, self.place.working_directory, megabytes)
        self._await(START_SECONDS)
        return self._await(self.limits.seconds)

    def call(self, name: str, arguments: tuple[Any, ...]) -> Any:
        """The result of one function. Raises what it raised, or Stopped where its process came to an end."""
        if name in self.stopped:
            raise self.stopped[name]
        try:
            if self.process is None and "failed" in self._start().message:
                raise Stopped("an exception", "the file could be run once, but not again")
            began, left = time.monotonic(), CALLS * self.limits.seconds - self.spent[name]
            try:
                return self._call(name, arguments, max(min(self.limits.seconds, left), 0.05))
            finally:
                self.spent[name] += time.monotonic() - began
        except Stopped as error:
            self.close()
            self.stopped[name] = error
            raise

    def _call(self, name: str, arguments: tuple[Any, ...], seconds: float) -> Any:
        references = References()
        encoder = Encoder(references.describe)
        message: dict[str, Any] = {"call": name, "seconds": seconds}
        message["arguments"] = [encoder.node(value) for value in arguments]
        self._send(encoder.frame(message), seconds)
        until = time.monotonic() + seconds
        while "ask" in (frame := self._await(until - time.monotonic())).message:
            with self._reading():
                reply = references.answer(frame)
            self._send(reply, until - time.monotonic())
        if "too large" in frame.message:
            raise Stopped(printable(str(frame.message["too large"])[:200]), "too large a result")
        if "error" in frame.message:
            with self._reading():
                error = self._described(frame.message["error"])
            raise error
        with self._reading():
            result = frame.value(frame.message["result"])
            replaced = set(frame.message["replaced"])
            for number, node in frame.message["changed"].items():
                (replace if int(number) in replaced else update)(arguments[int(number)], frame.value(node))
        self.results.append(result)
        return result

    def refresh(self) -> None:
        """Change the results in place that a later call has changed in the other process."""
        if self.process is None:
            return
        try:
            self._send(Encoder().frame({"overwritten": True}), self.limits.seconds)
            frame = self._await(self.limits.seconds)
            with self._reading():
                for number, node in frame.message["overwritten"].items():
                    update(self.results[int(number)], frame.value(node))
        except Stopped:
            self.close()

    # The conversation

    def _await(self, seconds: float) -> Frame:
        """The next frame. Raises Stopped where none comes in time."""
        assert self.process is not None
        with self._reading():
            frame = self.process.read(seconds)
            self.received += frame.size
            if self.received > MOST_BYTES:
                raise Stopped(f"more than {MOST_BYTES >> 20} megabytes of results", "too large a result")
        return frame

    def _send(self, frame: bytes, seconds: float) -> None:
        assert self.process is not None
        with self._reading():
            self.process.write(frame, seconds)

    @contextlib.contextmanager
    def _reading(self) -> Iterator[None]:
        """Turn the end of the process, and a message that does not follow the format, into Stopped."""
        try:
            yield
        except (EOFError, BrokenPipeError) as error:
            raise self._ended() from error
        except (FrameError, KeyError, TypeError, ValueError, AttributeError, IndexError, RecursionError) as error:
            raise Stopped(FORMAT, "does the answer write to the check's own pipe?") from error

    def _ended(self) -> Stopped:
        """How the process ended, and where it was then."""
        assert self.process is not None
        code = self.process.end()
        if code == FAILED:
            raise RuntimeError(printable(self.process.prints.decode("utf-8", "replace")))
        prints = self.process.prints.decode("utf-8", "replace")
        if code == TIME_IS_UP and "Timeout (" in prints:
            code = None
        return Stopped(*how_it_ended(code, self.limits), self._last_lines(prints))

    def _last_lines(self, prints: str) -> tuple[Line, ...]:
        """The answer's line in the traceback that Python wrote at the time limit."""
        found = re.findall(r'File "([^"\n]+)", line (\d+) in (\w+|<module>)', prints)
        folder = Path(ANSWERS) if self.place.is_apart else self.place.files
        for file, line, function in found:
            with contextlib.suppress(ValueError):
                return (Line(*self._place(Path(file).relative_to(folder).as_posix(), int(line)), function),)
        return ()

    def _described(self, fields: dict[str, Any]) -> BaseException:
        lines = tuple(
            Line(*self._place(file, line), printable(str(function)[:80])) for file, line, function in fields["frames"]
        )
        text, trace = printable(str(fields["text"])[:10_000]), printable(str(fields["traceback"])[:10_000])
        ancestors = [str(name)[:80] for name in fields["builtins"][:20]]
        return described(printable(str(fields["name"])[:80]), ancestors, text, lines, trace)

    def _place(self, file: Any, line: Any) -> tuple[str, int]:
        """A file that was handed in, by its name below the answer's folder; any other name is not believed."""
        if not isinstance(file, str) or not isinstance(line, int) or not file or ".." in Path(file).parts:
            return "", 0
        return (str(self.origin / file), line) if (self.place.files / file).is_file() else ("", 0)


class References:
    """What the arguments of one call refer to, by number."""

    def __init__(self) -> None:
        self.objects: list[Any] = []

    def describe(self, value: Any) -> dict[str, Any] | None:
        """A description of an argument that is no plain value. A function loses its name, which may say too much."""
        if isinstance(value, np.random.Generator):
            state = value.bit_generator.state
            return {"generator": state} if isinstance(state.get("state", {}).get("state"), int) else None
        number = len(self.objects)
        if hasattr(value, "_shared"):
            shared: Shared = value._shared()
            self.objects.append(shared)
            fields = {"number": number, "text": shared.text, "values": shared.values, "unknown": shared.unknown}
            return fields | {"functions": list(shared.functions), "state": shared.state}
        if callable(value):
            self.objects.append(value)
            return {"number": number, "name": "given"}
        return None

    def answer(self, frame: Frame) -> bytes:
        """Call what the answer asks for; the frame with the result, or with the exception."""
        if frame.size > LARGEST_QUESTION:
            text = f"more than {LARGEST_QUESTION >> 20} MB of arguments at once for a function that was given"
            return Encoder().frame({"raised": "ValueError", "text": text})
        asked = self.objects[frame.message["ask"]]
        arguments = [frame.value(node) for node in frame.message["arguments"]]
        named = {name: frame.value(node) for name, node in frame.message["named"].items()}
        state = frame.value(frame.message["state"])
        encoder = Encoder()
        message: dict[str, Any] = {}
        try:
            with np.errstate(all="ignore"):
                result = self._result(asked, frame.message["function"], state, arguments, named)
            message["value"] = encoder.node(result)
            if (view := _view_of(result, arguments, named)) is not None:
                message["view"] = view
            if isinstance(asked, Shared):
                message["state"] = encoder.node(asked.arrays() if state is not None else None)
        except Exception as error:
            cause = error.args[0] if isinstance(error, KeyError) and error.args else error
            message = {"raised": type(error).__name__, "text": str(cause)[:2000]}
            return Encoder().frame(message)
        return encoder.frame(message)

    def _result(self, asked: Any, name: str, state: Any, arguments: list[Any], named: dict[str, Any]) -> Any:
        if not isinstance(asked, Shared):
            return asked(*arguments, **named)
        if isinstance(state, dict):
            arrays = asked.arrays()
            for key, value in state.items():
                if key not in arrays or not update(arrays[key], value):
                    arrays[key] = value
        return asked.functions[name](*arguments, **named) if name else None


def _view_of(result: Any, arguments: list[Any], named: dict[str, Any]) -> list[Any] | None:
    """Where a result is a view of an argument: which, and its offset, shape and strides, else None."""
    if type(result) is not np.ndarray or result.size == 0:
        return None
    for place, array in [*enumerate(arguments), *named.items()]:
        if type(array) is np.ndarray and array.flags.c_contiguous and np.may_share_memory(result, array):
            offset = result.__array_interface__["data"][0] - array.__array_interface__["data"][0]
            return [place, offset, list(result.shape), list(result.strides), result.dtype.str]
    return None


def _pipe(stream: IO[bytes] | None) -> Any:
    """A stream that was asked for as a pipe, and therefore is one."""
    return stream


class Process:
    """The answer's process, its pipes, and a thread that ends it when its time or memory is used up."""

    def __init__(self, command: list[str], environment: dict[str, str], folder: Path, megabytes: int) -> None:
        self.megabytes = megabytes
        self.prints = bytearray()
        self.reason: int | None = None
        """Why this process was ended, as a code of `how_it_ended`; None where it ended by itself."""
        self._deadline = time.monotonic() + START_SECONDS
        self._popen = subprocess.Popen(
            command,
            env=environment,
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=sys.platform != "win32",
        )
        self._input, self._output, self._errors = map(_pipe, self._popen_streams())
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._listen, self._watch)]
        for thread in self._threads:
            thread.start()

    def _popen_streams(self) -> tuple[IO[bytes] | None, ...]:
        return self._popen.stdin, self._popen.stdout, self._popen.stderr

    def read(self, seconds: float) -> Frame:
        """The next frame. Raises EOFError where the process ends, or is ended at its limit, before it comes."""
        self._deadline = time.monotonic() + seconds
        try:
            return read_frame(self._output)
        except OSError as error:
            raise EOFError from error
        finally:
            self._deadline = float("inf")

    def write(self, frame: bytes, seconds: float) -> None:
        """Send a frame. Raises BrokenPipeError where the process has ended, or does not read it in time."""
        self._deadline = time.monotonic() + seconds
        try:
            write_frame(self._input, frame)
        except (OSError, ValueError) as error:
            raise BrokenPipeError from error
        finally:
            self._deadline = float("inf")

    def end(self) -> int | None:
        """End the process and all that it started; its exit code, None where its time was up."""
        with contextlib.suppress(OSError):
            self._input.close()  # at which an idle process ends itself
        with contextlib.suppress(subprocess.TimeoutExpired):  # and says with its exit code how
            self._popen.wait(GRACE)
        self._kill()
        code = self._popen.wait()
        self._ended.set()
        for thread in self._threads:
            thread.join(GRACE)
        with contextlib.suppress(OSError):
            self._output.close()
        if self.reason is not None:
            return None if self.reason == 0 else self.reason
        return 128 - code if code < 0 else code

    def _kill(self) -> None:
        with contextlib.suppress(OSError):
            self._popen.kill()
        end_all(self._popen.pid)

    def _listen(self) -> None:
        """Read all that is printed, since a full pipe would stop the answer, and keep the last part."""
        with contextlib.suppress(OSError, ValueError):
            while part := self._errors.read1(1 << 16):
                self.prints += part
                del self.prints[: max(len(self.prints) - PRINTED_BYTES, 0)]

    def _watch(self) -> None:
        """End the process at its deadline, with too many processes, or when all of them hold too much memory."""
        while not self._ended.wait(WATCH_INTERVAL):
            used, count = memory_of(self._popen.pid)
            if time.monotonic() > self._deadline + GRACE:
                self.reason = 0
            elif used > self.megabytes << 20 or count > 2 * PROCESSES:
                self.reason = OUT_OF_MEMORY
            else:
                continue
            self._kill()
            return
