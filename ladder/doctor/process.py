"""The child process as seen from outside: started in a sandbox, within limits, and read as plain data.

A file that crashes, never ends, leaves Python or takes too much memory costs one line.
"""

import contextlib
import dataclasses
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from exercises.kit.catalogue import COURSE
from exercises.kit.check import temporary_folder
from exercises.kit.confine import FAILED
from exercises.kit.frames import FrameError
from exercises.kit.limits import OUT_OF_MEMORY, TIME_IS_UP, Limits, printable
from exercises.kit.remote import START_SECONDS, Process
from exercises.kit.sandbox import PACKAGES, Place, Sandbox, choose
from exercises.kit.text import shown
from foundation.errors import InputError
from foundation.files import read_file
from foundation.schema import from_json
from ladder.doctor.measured import Measured

START = "import sys; sys.path.insert(0, {course!r}); from ladder.doctor.child import main; main()"
COPY = "file.py"
MOST_BYTES = 4 << 20
"""Of the file."""
SHARE_OF_FILE = 3
"""The file itself gets one part in so many of the time; after that its definitions alone are run."""
RUNNING = "running the file"
STAGES = (RUNNING, "looking for the loss", "measuring")


@dataclasses.dataclass(frozen=True)
class Request:
    """What is to be examined."""

    file: Path | None
    module: str
    """A module's name where there is no file"""
    object: str
    make: str
    names: dict[str, str]
    input: tuple[int, ...]

    @property
    def text(self) -> str:
        """The file, or the module's name."""
        return str(shown(self.file)) if self.file is not None else self.module


class TooSlow(Exception):
    """The time was up while the file itself ran."""


def sandbox_for(choice: str) -> Sandbox:
    """The confinement of a choice of `--sandbox`; another user's rights would not do, as the file must be readable."""
    found = choose(choice)
    return Sandbox("none") if found.kind == "user" else found


def measure(request: Request, sandbox: Sandbox, limits: Limits) -> Measured:
    """Run the file in a process of its own, and measure. Raises InputError where nothing comes of it."""
    try:
        return _measure(request, sandbox, limits, definitions_only=False)
    except TooSlow:
        return _measure(request, sandbox, limits, definitions_only=True)


def _measure(request: Request, sandbox: Sandbox, limits: Limits, definitions_only: bool) -> Measured:
    folder_of_user = request.file.parent if request.file is not None else Path.cwd()
    task: dict[str, Any] = {
        "file": str(request.file) if request.file is not None else "",
        "module": request.module,
        "folder": str(folder_of_user),
        "definitions_only": definitions_only,
        "object": request.object,
        "make": request.make,
        "names": request.names,
        "copy": COPY,
        "input": list(request.input),
        "seconds": limits.seconds,
    }
    with temporary_folder() as folder:
        folder.chmod(0o755)
        for name in ("files", "course"):
            (folder / name).mkdir()
        if request.file is not None:  # where root examines it, the process is another user's
            (folder / "files" / COPY).write_bytes(read_file(request.file, MOST_BYTES))
        visible = [str(COURSE.parent / name) for name in PACKAGES if (COURSE.parent / name).is_dir()]
        visible += [str(_readable(folder_of_user, request))]
        place = Place(sandbox, folder, folder / "files", folder / "course", tuple(visible), hides_course=False)
        command, environment = place.start(START.format(course=str(COURSE.parent)), task, limits.megabytes)
        process = Process(command, environment, place.working_directory, limits.megabytes)
        try:
            return _read(process, request, limits, definitions_only)
        finally:
            process.end()


def _readable(folder: Path, request: Request) -> Path:
    """What the file may read of the user's: its own folder; of a file in the root or in a home folder, itself alone."""
    is_wide = folder in (Path(folder.anchor), Path.home(), *Path.home().parents)
    return request.file if is_wide and request.file is not None else folder


def _read(process: Process, request: Request, limits: Limits, definitions_only: bool) -> Measured:
    stage, seconds = "", START_SECONDS
    with _one_line(request):
        while True:
            try:
                message = process.read(seconds).message
            except EOFError:
                raise _ended(process, request, limits, stage, definitions_only) from None
            if "measured" in message:
                return from_json(Measured, message["measured"])
            if "failed" in message:
                raise InputError(f"{request.text}: {printable(str(message['failed']))[:500]}")
            stage = message["stage"] if message.get("stage") in STAGES else stage
            is_first = stage == RUNNING and not definitions_only
            seconds = limits.seconds / SHARE_OF_FILE if is_first else limits.seconds


@contextlib.contextmanager
def _one_line(request: Request) -> Iterator[None]:
    """Whatever the other process sends that is no measurement."""
    try:
        yield
    except (FrameError, KeyError, TypeError, ValueError, AttributeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"{request.text}: expected measurements, got something else: does it write to pipes?"
        ) from error


def _ended(process: Process, request: Request, limits: Limits, stage: str, definitions_only: bool) -> Exception:
    """The error of a process that ended before its last message."""
    code = process.end()
    prints = process.prints.decode("utf-8", "replace")
    if code == FAILED:
        return InputError(f"{request.text}: the sandbox could not be made ({printable(prints.strip())[-300:]})")
    is_late = code is None or (code == TIME_IS_UP and "Timeout (" in prints)
    if is_late and stage == RUNNING and not definitions_only:
        return TooSlow()
    while_what = (stage or "starting Python") + _line(prints, request)
    if is_late:
        return InputError(f"{request.text}: no end in {limits.seconds:g} s ({while_what}); --time-limit gives more")
    if code == OUT_OF_MEMORY or "DefaultCPUAllocator: can't allocate memory" in prints:
        more = "--memory-limit gives more"
        return InputError(f"{request.text}: more than {limits.megabytes} megabytes ({while_what}); {more}")
    if code is not None and code > 128 and sys.platform != "win32":
        return InputError(f"{request.text}: Python crashed (signal {code - 128}) ({while_what})")
    return InputError(f"{request.text}: Python ended with exit code {code} ({while_what})")


def _line(prints: str, request: Request) -> str:
    """The file's own line in the traceback that Python wrote at the end, if any."""
    found = re.findall(r'File "([^"\n]+)", line (\d+)', prints)
    lines = [line for file, line in found if request.file is not None and Path(file).name == request.file.name]
    return f", in line {lines[0]}" if lines else ""
