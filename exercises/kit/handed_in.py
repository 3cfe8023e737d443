"""Answers as they are handed in: in folders, archives and notebooks, under the names that learning platforms give them.

Moodle makes a folder `NAME_ID_assignsubmission_file_`, Canvas one flat list of `name_user_attachment_04_kl-1.py`,
Classroom `NAME - 04_kl.py`; others send archives, with the answers some folders deep. Whatever is not understood is
listed with the reason.
"""

import dataclasses
import os
import re
import stat
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from exercises.kit.archives import UNREAD_ENDINGS, Budget, copy_limited, is_archive, stem_of, unpack
from exercises.kit.catalogue import Entry, catalogue
from exercises.kit.limits import printable
from exercises.kit.notebooks import exercises_in, is_notebook, script_of
from exercises.kit.text import shown
from foundation.errors import InputError
from foundation.files import write_text

LITTER = re.compile(
    r"\.DS_Store|\._.*|\.#.*|.*~|\..*\.sw[op]|Thumbs\.db|desktop\.ini|__MACOSX|__pycache__|.*\.pyc|\.ipynb_checkpoints"
    r"|\.git|\.idea|\.vscode|\.venv|venv|node_modules|\.progress\.(json|lock)|\..*\.tmp",
    re.IGNORECASE,
)
"""What systems, editors and the course itself leave behind."""
DEEPEST, MOST_ENTRIES = 14, 50_000
COPIED_BYTES, COPIED_FILES = 32 << 20, 2000
"""The part of a folder that is copied for an answer, since it may import what lies beside it."""
CANVAS = re.compile(r"(?P<name>[^_]+?)(?:_LATE)?_(?P<id>\d+)_\d+_(?P<file>.+)", re.IGNORECASE)
MOODLE = re.compile(r"(?P<name>.+?)_(?P<id>\d+)_assignsubmission_file_(?P<file>.*)")
MOODLE_OTHER = re.compile(r".+_\d+_assignsubmission_(?!file)\w+_.*")
TYPED = "text typed into Moodle, not a file"
CLASSROOM = re.compile(r"(?P<name>.+?) - (?P<file>\d\d[_-].+)")
FLAT = {
    MOODLE: "{name}_{number}_assignsubmission_file_",
    CANVAS: r"{name}(?:_LATE)?_{number}_\d+_",
    CLASSROOM: "{name} - ",
}
"""The platforms that give all files in one folder, and what stands before one learner's."""
VERSION = re.compile(r"(?P<stem>.+?)(?:-(?P<dash>\d{1,3})| ?\((?P<round>\d{1,3})\)| - (?:Copy|Kopie|복사본))?")
PART = re.compile(
    r"my[ _-]?answers|answers?|\d\d?|\d\d[_-].*|src|code"
    r"|(week|hw|homework|exercises?|ex|part|task|assignment)[ _-]?\d*",
    re.IGNORECASE,
)
"""Names of folders that are a part of one learner's work."""
WRAPPER = re.compile(r"submissions?|all|class|course|abgaben|downloads?|exports?|.*assignment.*", re.IGNORECASE)
"""Names of folders that hold the learners, and are none."""


class Note(NamedTuple):
    """Something that was handed in and is not graded, and why."""

    path: str
    reason: str


class Found(NamedTuple):
    """One file that answers an exercise."""

    path: Path
    exercise: str
    version: int
    """The number that a platform or a browser adds to a file of the same name; the highest is the latest."""
    depth: int


@dataclasses.dataclass
class Learner:
    """One learner's answers."""

    name: str
    answers: dict[str, Path] = dataclasses.field(default_factory=dict)
    """The file for each exercise, by the exercise's name."""
    number: str = ""
    """The learner's number on the platform, where the files have one."""
    prefix: re.Pattern[str] | None = None
    """Where all learners' files lie in one folder: what the names of this one's begin with."""

    def prepare(self, entry: Entry, target: Path) -> list[Note]:
        """Copy the answer under its proper name, with the files and folders beside it; what was left out."""
        path = self.answers[entry.name]
        files = [(path, target / f"{entry.name}.py")] if not is_notebook(path) else []
        files += [(file, target / name) for file, name in self._beside(path)]
        left_out = copy_limited(files, COPIED_BYTES, COPIED_FILES)
        if is_notebook(path):
            write_text(target / f"{entry.name}.py", script_of(path, entry))
        return [Note(as_text(str(file)), reason) for file, reason in left_out]

    def _beside(self, path: Path) -> Iterator[tuple[Path, Path]]:
        for parent, folders, files in os.walk(path.parent):
            folders[:] = [] if self.prefix else sorted(name for name in folders if not LITTER.fullmatch(name))
            for name in sorted(files):
                own = self.prefix.fullmatch(normalised(name)) if self.prefix else None
                if (self.prefix is None or own) and not LITTER.fullmatch(name) and Path(parent, name) != path:
                    shown = VERSION_ENDING.sub(r"\1", own["file"]) if own else name
                    yield Path(parent, name), Path(parent).relative_to(path.parent) / shown


VERSION_ENDING = re.compile(r"-\d{1,3}(\.\w+)$")


class Node:
    """A file or folder; an archive is a folder of what it holds."""

    def __init__(self, name: str, path: Path, label: Path, children: "list[Node] | None") -> None:
        self.name, self.path, self.label, self.children = name, path, label, children

    def all(self) -> "Iterator[Node]":
        yield self
        for child in self.children or []:
            yield from child.all()


@dataclasses.dataclass
class HandedIn:
    """Everything that was found."""

    learners: list[Learner] = dataclasses.field(default_factory=list)
    notes: list[Note] = dataclasses.field(default_factory=list)
    litter: int = 0
    """The number of files that systems and editors leave behind."""


def gather(given: tuple[Path, ...], temporary: Path) -> HandedIn:
    """The learners in these folders and archives; archives are unpacked into `temporary`.

    Raises InputError for a path that is not there, or that holds no answers.
    """
    if not given:
        raise InputError("folder: expected at least one folder of answers, got none")
    search, roots = _Search(temporary), []
    for path in dict.fromkeys(path.absolute() for path in given):
        if not path.is_dir() and not (path.is_file() and is_archive(path)):
            raise InputError(f"folder: expected answers in {path}, found no such folder or archive")
        node = search.node(path, path, 0)
        found = search.learners_of(node, is_given=True) if node else []
        if not found:
            for note in search.handed_in.notes:
                if note.reason.startswith("cannot be read"):
                    raise InputError(f"{note.path}: {note.reason}")
            raise InputError(f"folder: expected files such as 04_kl.py in {path}, found none")
        search.add(found)
        roots += [node] if node else []
    for node in roots:
        search.note_the_rest(node)
    return search.result()


class _Search:
    """The walk through what was given."""

    def __init__(self, temporary: Path) -> None:
        self.temporary, self.budget, self.entries = temporary, Budget(), 0
        self.handed_in = HandedIn()
        self.labels: list[tuple[Path, Learner]] = []
        self.recognised: set[Path] = set()
        self.names = {entry.name: entry for entry in catalogue()}

    def note(self, label: Path | str, reason: str) -> None:
        self.handed_in.notes.append(Note(as_text(str(shown(Path(label)))), reason))

    # Files and folders

    def node(self, path: Path, label: Path, depth: int) -> Node | None:
        """A file, a folder or an archive with all that is in it; None for litter and for what cannot be read."""
        name = normalised(path.name)
        self.entries += 1
        if depth and LITTER.fullmatch(name):
            self.handed_in.litter += 1
            return None
        if depth > DEEPEST or self.entries > MOST_ENTRIES:
            self.note(label, "too deep, or too many files")
            return None
        try:
            mode = path.lstat().st_mode
            if stat.S_ISLNK(mode) and depth <= 1 and path.is_dir():  # a pair that hands in one folder
                mode = path.stat().st_mode
            if stat.S_ISDIR(mode):
                return Node(name, path, label, self._children(path, label, depth))
        except OSError as error:
            self.note(label, f"cannot be read ({error.strerror or error})")
            return None
        if not stat.S_ISREG(mode):
            self.note(label, "a link, pipe or device")
            return None
        return self._archive(path, label, name, depth) if is_archive(path) else Node(name, path, label, None)

    def _children(self, path: Path, label: Path, depth: int) -> list[Node]:
        nodes = [self.node(child, label / child.name, depth + 1) for child in sorted(path.iterdir())]
        return [node for node in nodes if node is not None]

    def _archive(self, path: Path, label: Path, name: str, depth: int) -> Node:
        folder = self.temporary / f"archive_{self.entries}"
        folder.mkdir()
        for member, reason in unpack(path, folder, self.budget):
            self.note(label / member if member else label, reason)
        label = label.with_name(stem_of(label.name))
        return Node(stem_of(name), folder, label, self._children(folder, label, depth))

    # Learners

    def answer_in(self, node: Node, name: str | None = None) -> Found | None:
        """The exercise that a file answers, by its name."""
        if node.children is not None:
            return None
        stem, dot, ending = (name or node.name).rpartition(".")
        version = VERSION.fullmatch(stem)
        if not dot or ending.lower() not in ("py", "ipynb") or version is None:
            return None
        exercise = version["stem"].lower().replace("-", "_").replace(" ", "_")
        number = int(version["dash"] or version["round"] or 0)
        return Found(node.path, exercise, number, len(node.label.parts)) if exercise in self.names else None

    def answers_below(self, node: Node) -> list[Found]:
        found = [found for inner in node.all() if (found := self.answer_in(inner))]
        notebooks = [inner for inner in node.all() if inner.children is None and is_notebook(inner.path)]
        named = {one.path for one in found}
        for inner in notebooks:
            if inner.path not in named:
                depth = len(inner.label.parts)
                found += [Found(inner.path, name, 0, depth) for name in exercises_in(inner.path)]
        return found

    def learners_of(self, node: Node, is_given: bool = False) -> list[tuple[Path, Learner]]:
        """The learners in a folder, with the label of each."""
        children = node.children or []
        flat = self._flat(node)
        if flat:
            return flat
        inside = [child for child in children if child.children is not None and self._has_answers(child)]
        direct = any(child.children is None and self.answers_below(child) for child in children)
        if direct or (inside and all(PART.fullmatch(child.name) for child in inside)):
            return [(node.label, self._learner(node))]
        found = []
        for child in inside:
            is_group = self._is_group(child, alone=is_given and len(inside) == 1)
            moodle = MOODLE.fullmatch(child.name)
            if is_group and not moodle:
                found += self.learners_of(child)
            else:
                label = node.label / moodle["name"] if moodle else child.label
                found.append((label, self._learner(child, moodle["id"] if moodle else "")))
        for child in children:
            if child not in inside and child.children is not None:
                typed = MOODLE_OTHER.fullmatch(child.name)
                self.note(child.label, TYPED if typed else "a folder without any file such as 04_kl.py")
                self.recognised |= {inner.path for inner in child.all()}
        return found

    def _has_answers(self, node: Node) -> bool:
        return bool(self.answers_below(node)) or any(
            self._flat(inner) for inner in node.all() if inner.children is not None
        )

    def _is_group(self, node: Node, alone: bool) -> bool:
        """Whether a folder holds learners, rather than one learner's work."""
        children = [child for child in node.children or [] if child.children is not None and self._has_answers(child)]
        if self._flat(node) or any(MOODLE.fullmatch(child.name) for child in children):
            return True
        if any(child.children is None and self.answer_in(child) for child in node.children or []):
            return False
        named = [child for child in children if not PART.fullmatch(child.name)]
        return len(named) > 1 or (alone and bool(named) and bool(WRAPPER.fullmatch(node.name)))

    def _flat(self, node: Node) -> list[tuple[Path, Learner]]:
        """The learners whose files lie in one folder, with the learner's name in front of the file's."""
        groups: dict[tuple[str, str, str], list[Found]] = {}
        for child in node.children or []:
            for pattern, start in FLAT.items():
                match = pattern.fullmatch(child.name)
                if match and (found := self.answer_in(child, match["file"])):
                    number = match.groupdict().get("id", "")
                    mark = start.format(name=re.escape(match["name"]), number=number)
                    groups.setdefault((match["name"], number, mark), []).append(found)
                    break
        learners = []
        for (name, number, mark), found_files in groups.items():
            prefix = re.compile(rf"{mark}(?P<file>.+)", re.IGNORECASE)
            learner = Learner(name, number=number, prefix=prefix)
            self._choose(learner, found_files)
            own = [child for child in node.children or [] if prefix.fullmatch(child.name)]
            self.recognised |= {child.path for child in own if is_helper(child.name)}
            learners.append((node.label / name, learner))
        return learners

    def _learner(self, node: Node, number: str = "") -> Learner:
        learner = Learner(node.name, number=number)
        self._choose(learner, self.answers_below(node))
        self.recognised |= {inner.path for inner in node.all() if is_helper(inner.name)}
        return learner

    def _choose(self, learner: Learner, found: list[Found]) -> None:
        """Take one file for each exercise: the latest version, a script rather than a notebook, the least deep."""
        for one in sorted(found, key=lambda one: (-one.version, is_notebook(one.path), one.depth, str(one.path))):
            self.recognised.add(one.path)
            if one.exercise not in learner.answers:
                learner.answers[one.exercise] = one.path
            elif learner.answers[one.exercise] != one.path:
                kept = as_text(learner.answers[one.exercise].name)
                self.note(one.path, f"passed over: {kept} is taken for {one.exercise}")

    # The result

    def add(self, found: list[tuple[Path, Learner]]) -> None:
        known = {label for label, _ in self.labels}
        self.labels += [(label, learner) for label, learner in found if label not in known]

    def result(self) -> HandedIn:
        names = short_names([label for label, _ in self.labels])
        for name, (_, learner) in zip(names, self.labels, strict=True):
            learner.name = name
            self.handed_in.learners.append(learner)
        return self.handed_in

    def note_the_rest(self, node: Node) -> None:
        """List the files that no learner's answer accounts for."""
        for inner in node.all():
            if inner.children is None and inner.path not in self.recognised:
                self.note(inner.label, reason_for(inner.name))


def is_helper(name: str) -> bool:
    """Whether a file may be one that answers import; a number in front says that it should be an answer."""
    return name.endswith(".py") and not re.match(r"\d\d[_-]", name)


def reason_for(name: str) -> str:
    """Why a file of this name is not taken for an answer."""
    if re.fullmatch(r"\d\d[_-].+\.py", name):
        if re.search(r"\.\d{4}-\d\d-\d\d_\d{6}", name):
            return "an older answer, kept by vae-ladder reset"
        return "the course has no exercise of that name"
    if MOODLE_OTHER.fullmatch(name):
        return TYPED
    if name.lower().endswith(".ipynb"):
        return "a notebook that defines the functions of no exercise"
    if name.lower().endswith(UNREAD_ENDINGS):
        return "an archive of a kind that is not read: unpack it"
    return "not an answer"


def as_text(name: str) -> str:
    """A file's name as text that can be written and shown: bytes that are no UTF-8 as backslash escapes."""
    text: str = printable(os.fsencode(name).decode("utf-8", errors="backslashreplace"))
    return text.replace("\n", "\N{REPLACEMENT CHARACTER}").replace("\t", " ")


def normalised(name: str) -> str:
    """The name as text, with letters and their accents as one character, however the system wrote them."""
    return unicodedata.normalize("NFC", as_text(name))


def short_names(paths: list[Path]) -> list[str]:
    """The last parts of each path, as many as distinguish it from the others."""
    names = []
    for path in paths:
        ends = ["/".join(path.parts[-length:]) for length in range(1, len(path.parts) + 1)]
        same = [sum(str(other).endswith(f"/{end}") for other in map(Path.as_posix, paths)) for end in ends]
        names.append(next((end for end, count in zip(ends, same, strict=True) if count == 1), ends[-1]))
    return list(map(normalised, names))
