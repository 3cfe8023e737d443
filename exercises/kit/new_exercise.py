"""A new exercise for authors: copies of the skeleton under the next number, which pass the authors' checks at once."""

import re
from pathlib import Path

from exercises.kit.catalogue import Entry, catalogue, is_checkout
from foundation.errors import InputError
from foundation.files import cannot_write

SKELETON = Path(__file__).resolve().parent / "skeleton"
NAME = re.compile(r"(?:(\d\d)_)?([a-z][a-z0-9_]*)")


def new_exercise(name: str) -> tuple[Entry, list[Path]]:
    """Make the folder and the page of an exercise, and return it with the paths of its files.

    name: such as "flow", which gets the next free number, or "30_flow".
    Raises InputError for another name, for one that exists, and where the course is installed without its sources.
    """
    if not is_checkout():
        raise InputError("new-exercise: expected a checkout of the repository, found an installed course")
    match, entries = NAME.fullmatch(name), catalogue()
    if match is None:
        raise InputError(f"new-exercise: expected a name of small letters, digits and _, such as flow, got {name!r}")
    number = match[1] or f"{max((int(entry.number) for entry in entries), default=0) + 1:02}"
    taken = [entry.name for entry in entries if entry.name[3:] == match[2] or entry.number == number]
    if taken or len(number) > 2:
        raise InputError(f"new-exercise: expected a free name and number, got {name!r}; there is {', '.join(taken)}")
    entry = Entry(f"{number}_{match[2]}")
    try:
        entry.folder.mkdir()
        written = [_copy(SKELETON / "page.md", entry.page, entry)]
        for part in ("exercise.py", "mistakes.py", "stub.py"):
            written.append(_copy(SKELETON / part, entry.folder / part, entry))
        (entry.folder / "__init__.py").touch()
    except OSError as error:
        raise cannot_write(entry.folder, error) from error
    return entry, written


def _copy(template: Path, path: Path, entry: Entry) -> Path:
    """Copy a file of the skeleton with the exercise's name and number in it; an existing file is not replaced."""
    text = template.read_text(encoding="utf-8").replace("NN_name", entry.name).replace("NN", entry.number)
    with open(path, "x", encoding="utf-8", newline="\n") as file:
        file.write(text)
    return path
