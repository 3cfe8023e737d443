"""Files that appear whole or not at all: written beside their place, then renamed."""

import contextlib
import dataclasses
import json
import math
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from foundation.errors import InputError


@contextlib.contextmanager
def write_atomically(path: str | Path) -> Iterator[Path]:
    """Give a temporary path to write to; when the block ends well, it becomes `path`.

    If the block fails or is interrupted, the temporary file goes and whatever stood at `path` stays as it was.
    Missing folders are made. Raises `InputError` where the folder cannot be written or the disk is full.
    """
    path = Path(path)
    # In the same folder, since a rename is atomic only within one file system; with the same suffix, since
    # libraries choose the format by it.
    temporary = path.with_name(f".{path.stem}.{secrets.token_hex(4)}.tmp{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with open(temporary, "r+b") as file:
            os.fsync(file.fileno())  # or a power cut could leave the new name with no content
        os.replace(temporary, path)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()  # there only if something above failed


def write_bytes(path: str | Path, content: bytes) -> None:
    """Write a file at once; see `write_atomically`."""
    with write_atomically(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: str | Path, text: str) -> None:
    """Write a UTF-8 text file at once, with the same line ends on every system; see `write_atomically`."""
    write_bytes(path, text.encode())


def write_json(path: str | Path, value: Any) -> None:
    """Write `value` as indented JSON at once; see `to_json` and `write_atomically`."""
    write_text(path, to_json(value, indent=2) + "\n")


def to_json(value: Any, indent: int | None = None) -> str:
    """`value` as JSON: dataclasses and named tuples become objects, NumPy's numbers and arrays plain ones, paths text.

    NaN and infinity, for which JSON has no word, become null. Raises TypeError for anything else.
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


def cannot_write(path: Path, error: OSError) -> InputError:
    """The one line for a file or folder that the system does not let us write."""
    return InputError(f"cannot write {path}: {error.strerror or error}")
