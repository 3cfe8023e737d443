"""Files that appear whole or not at all: written beside their place, then renamed."""

import contextlib
import dataclasses
import errno
import io
import json
import math
import os
import re
import secrets
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from foundation.errors import InputError

LEFTOVER = re.compile(r"\..+\.[0-9a-f]{8}\.tmp(\.\w+)?")
"""Names of the temporary files of `write_atomically`."""
LEFTOVER_SECONDS = 60


@contextlib.contextmanager
def write_atomically(path: str | Path) -> Iterator[Path]:
    """Give a temporary path to write to; at the end of the block it becomes `path`.

    If the block fails or is interrupted, the temporary file is removed and the old file at `path` stays. Missing
    folders are made. Raises `InputError` where the folder cannot be written or the disk is full.
    """
    path = Path(path)
    # In the same folder, since a rename is atomic only within one file system; with the same suffix, since
    # libraries choose the format by it.
    temporary = path.with_name(f".{path.stem}.{secrets.token_hex(4)}.tmp{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with open(temporary, "r+b") as file:
            os.fsync(file.fileno())  # or a power cut could leave an empty file under the new name
        os.replace(temporary, path)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()  # it exists only if something above failed


def remove_leftovers(folder: Path) -> None:
    """Remove the temporary files that killed processes left in a folder, and in the folders inside it.

    Those of the last minute stay: another process may be writing them.
    """
    for path in folder.rglob(".*.tmp*"):
        remove_leftover(path)


def remove_leftover(path: Path) -> None:
    """Remove a file that is old enough and has the name of a temporary one; see `remove_leftovers`."""
    with contextlib.suppress(OSError):
        if LEFTOVER.fullmatch(path.name) and time.time() - path.lstat().st_mtime > LEFTOVER_SECONDS:
            path.unlink()


def write_bytes(path: str | Path, content: bytes) -> None:
    """Write a file whole or not at all; see `write_atomically`."""
    with write_atomically(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: str | Path, text: str) -> None:
    """Write a UTF-8 text file with the same line ends on every system; see `write_atomically`."""
    write_bytes(path, text.encode())


def write_json(path: str | Path, value: Any) -> None:
    """Write `value` as indented JSON; see `to_json` and `write_atomically`."""
    write_text(path, to_json(value, indent=2) + "\n")


def open_regular(path: str | Path) -> io.BufferedReader:
    """Open a file for reading. Raises OSError for a pipe or device, which could block or never end."""
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise OSError(errno.EINVAL, "expected a regular file", str(path))
    return open(path, "rb")


def read_file(path: str | Path, most: int) -> bytes:
    """The content of a file of unknown origin.

    Raises `InputError` that begins with the path for one of more than `most` bytes, of which no more are read, for a
    pipe, a device or a folder, and for a file that cannot be read.
    """
    try:
        with open_regular(path) as file:
            content = file.read(most + 1)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
    if len(content) > most:
        raise InputError(f"{path}: expected at most {most:,} bytes, got more")
    return content


def append(path: str | Path, content: bytes) -> None:
    """Write at the end of a file, in one piece; it is made where there is none.

    Raises OSError for anything but a regular file: a pipe would block, and a link could lead anywhere.
    """
    # Windows has neither of the two, and neither pipes nor, without a privilege, links.
    flags = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    with open(path, "ab", opener=lambda name, mode: os.open(name, mode | flags, 0o666)) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "expected a regular file", str(path))
        file.write(content)


def expand_home(path: str | Path, argument: str) -> Path:
    """The path with ~ or ~user at its start replaced by that home folder.

    Raises `InputError` that begins with `argument` where there is no such home.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise InputError(f"{argument}: expected a folder, got {str(path)!r}, whose home folder is unknown") from error


def to_json(value: Any, indent: int | None = None) -> str:
    """`value` as JSON: dataclasses and named tuples become objects, NumPy's numbers and arrays plain ones, paths text.

    NaN and infinity, which JSON cannot hold, become null. Raises TypeError for any other type.
    """
    return json.dumps(_plain(value), indent=indent, ensure_ascii=False, allow_nan=False)


def _plain(value: Any) -> Any:
    """The same value in the types that JSON has."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, Path) else value


def check_writable(path: Path) -> None:
    """Raise `InputError` where a file cannot be written, before hours are spent on its content."""
    if path.is_dir():
        raise InputError(f"{path}: expected a file to write, got a folder")
    folder = path.parent
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    effective = os.access in os.supports_effective_ids  # those that opening a file goes by
    if not folder.is_dir() or not all(
        os.access(place, os.W_OK, effective_ids=effective) for place in (folder, path) if place.exists()
    ):
        raise InputError(f"{path}: cannot be written")


def cannot_write(path: Path, error: OSError) -> InputError:
    """The error of a file or folder that cannot be written, with the system's reason."""
    return InputError(f"cannot write {path}: {error.strerror or error}")
