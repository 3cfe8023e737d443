"""The exercises of the course: every folder NN_name that contains an exercise.py."""

import dataclasses
import errno
import functools
import hashlib
import importlib
import re
from pathlib import Path

from exercises.kit.exercise import Exercise
from foundation.errors import InputError, suggest
from foundation.files import open_regular
from foundation.language import page_in_language

COURSE = Path(__file__).resolve().parents[1]
"""The folder `exercises`."""
FOLDER_NAME = re.compile(r"\d\d_[a-z0-9_]+")
MOST_BYTES = 10**7
"""The largest file of an exercise or an answer; written by hand, they have a thousandth of it."""


@dataclasses.dataclass(frozen=True)
class Entry:
    """One exercise by its name. Only `load` imports its module."""

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
        """The page to read first, in the language of messages where there is one."""
        return page_in_language(self.english_page)

    @property
    def english_page(self) -> Path:
        """The page in English, whose line of effort the program reads."""
        return COURSE / f"{self.name}.md"

    @property
    def stub(self) -> Path:
        """The file that becomes the learner's answer, with its words in English."""
        return self.folder / "stub.py"

    @property
    def stub_in_language(self) -> Path:
        """The same file with its words in the language of messages, `stub.ko.py`, where there is one."""
        return page_in_language(self.stub)

    @property
    def guided_in_language(self) -> Path:
        """A stub in which most lines are written, with blanks to fill; the stub itself where there is no such one."""
        guided = self.folder / "stub.guided.py"
        return page_in_language(guided) if guided.is_file() else self.stub_in_language

    @property
    def has_blanks(self) -> bool:
        """Whether there is a stub with blanks to fill."""
        return self.guided_in_language != self.stub_in_language

    @functools.cached_property
    def title(self) -> str:
        """The heading of the page, without its number."""
        heading = self.page.read_text(encoding="utf-8").partition("\n")[0]
        return heading.lstrip("# ").removeprefix(self.number).strip(" .:·")

    def load(self) -> Exercise:
        """Import the exercise."""
        return importlib.import_module(f"exercises.{self.name}.exercise").exercise

    def given(self) -> set[str]:
        """The names of the helper functions that the stub provides: those that begin with an underscore."""
        text = self.stub.read_text(encoding="utf-8") if self.stub.is_file() else ""
        return set(re.findall(r"^def (_\w+)", text, re.MULTILINE))

    def stub_hashes(self) -> set[str]:
        """The hash of the stub in each language, and with blanks: an answer with one of them is not written yet."""
        return {content_hash(path) for path in (self.stub, *self.other_stubs())}

    def other_stubs(self) -> list[Path]:
        """The stub in other words, such as stub.ko.py, and with blanks to fill: what does not change the check."""
        return sorted(self.folder.glob("stub.*.py"))

    def hash(self) -> str:
        """A hash of everything that the exercise is checked with.

        The page is outside of its folder and may be reworded, and so may the other stubs.
        """
        left_out = set(self.other_stubs())
        files = sorted(path for path in self.folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
        return content_hash(*(path for path in files if path not in left_out))


def content_hash(*files: Path) -> str:
    """A short hash of the files' contents. Line ends do not count, so it is the same on every system.

    Raises OSError for a file that cannot be read: it may be a learner's, and a pipe, a device or far too large.
    """
    digest = hashlib.sha256()
    for file in files:
        with open_regular(file) as stream:
            content = stream.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise OSError(errno.EFBIG, f"expected at most {MOST_BYTES:,} bytes, got more", str(file))
        digest.update(hashlib.sha256(content.replace(b"\r\n", b"\n")).digest())
    return digest.hexdigest()[:16]


def catalogue() -> list[Entry]:
    """All exercises in the order of the course."""
    folders = sorted(path.parent.name for path in COURSE.glob("*/exercise.py"))
    return [Entry(name) for name in folders if FOLDER_NAME.fullmatch(name)]


def is_checkout() -> bool:
    """Whether the course belongs to a checkout of the repository, rather than to an installed package."""
    return (COURSE.parent / "pyproject.toml").is_file()


def find(name: str) -> Entry:
    """An exercise by its name ("04_kl"), the part behind the number ("kl") or its number ("04", "4").

    Raises InputError where there is none.
    """
    entries = catalogue()
    wanted = name.strip().removesuffix(".py").removesuffix(".md")
    number = int(wanted) if wanted.isascii() and wanted.isdigit() else None
    for entry in entries:
        if wanted in (entry.name, entry.name[3:]) or number == int(entry.number):
            return entry
    closest = suggest(wanted, [name for entry in entries for name in (entry.name, entry.name[3:])])
    raise InputError(f"exercise: expected one of {', '.join(entry.name for entry in entries)}, got {name!r}{closest}")
