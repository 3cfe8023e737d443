"""The exercises that exist: every folder NN_name with an exercise.py. Nothing lists them by hand."""

import dataclasses
import functools
import hashlib
import importlib
import re
from pathlib import Path

from exercises.kit.exercise import Exercise
from foundation.errors import InputError

COURSE = Path(__file__).resolve().parents[1]
"""The folder `exercises`."""
FOLDER_NAME = re.compile(r"\d\d_[a-z0-9_]+")


@dataclasses.dataclass(frozen=True)
class Entry:
    """One exercise by its place; its module is imported only by `load`."""

    name: str
    """The folder's name, such as "04_kl"."""

    @property
    def number(self) -> str:
        return self.name[:2]

    @property
    def folder(self) -> Path:
        return COURSE / self.name

    @property
    def page(self) -> Path:
        """What the learner reads first."""
        return COURSE / f"{self.name}.md"

    @property
    def stub(self) -> Path:
        """What the learner begins with."""
        return self.folder / "stub.py"

    @functools.cached_property
    def title(self) -> str:
        """The heading of the page, without its number."""
        heading = self.page.read_text(encoding="utf-8").partition("\n")[0]
        return heading.lstrip("# ").removeprefix(self.number).strip(" .:·")

    def load(self) -> Exercise:
        """Import the exercise."""
        return importlib.import_module(f"exercises.{self.name}.exercise").exercise

    def given(self) -> set[str]:
        """The names of the helpers that the stub gives to the learner."""
        text = self.stub.read_text(encoding="utf-8") if self.stub.is_file() else ""
        return set(re.findall(r"^def (_\w+)", text, re.MULTILINE))

    def stub_hash(self) -> str:
        """Changes when the stub does."""
        return content_hash(self.stub)

    def hash(self) -> str:
        """Changes when anything in the exercise's folder does; its page may be reworded freely."""
        files = sorted(path for path in self.folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
        return content_hash(*files)


def content_hash(*files: Path) -> str:
    """A short hash of the files' contents; line ends do not count, so that it is the same on every system."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(hashlib.sha256(file.read_bytes().replace(b"\r\n", b"\n")).digest())
    return digest.hexdigest()[:16]


def catalogue() -> list[Entry]:
    """All exercises in the order of the course."""
    folders = sorted(path.parent.name for path in COURSE.glob("*/exercise.py"))
    return [Entry(name) for name in folders if FOLDER_NAME.fullmatch(name)]


def find(name: str) -> Entry:
    """An exercise by its name ("04_kl"), the part behind the number ("kl") or its number ("04", "4")."""
    entries = catalogue()
    wanted = name.strip().removesuffix(".py").removesuffix(".md")
    for entry in entries:
        if wanted in (entry.name, entry.name[3:]) or (wanted.isdigit() and int(wanted) == int(entry.number)):
            return entry
    raise InputError(f"exercise: expected one of {', '.join(entry.name for entry in entries)}, got {name!r}")
