"""The learner's answers: their folder, the stubs that it is filled with, and the progress remembered beside them.

Nothing overwrites an answer. A pass counts for the content of the answer and of the exercise: after a change of
either, the answer has to be checked again.
"""

import contextlib
import dataclasses
import datetime
import os
import re
import secrets
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from filelock import FileLock, Timeout

from exercises.kit.catalogue import COURSE, Entry, catalogue, content_hash
from exercises.kit.text import shown
from foundation.errors import InputError
from foundation.files import cannot_write, read_file, remove_leftover, write_json
from foundation.schema import from_json, read_object

FOLDER = "my_answers"
ANSWER_NAME = re.compile(r"\d\d_[a-z0-9_]+\.py")
PROGRESS_FILE, LOCK_FILE = ".progress.json", ".progress.lock"
MOST_BYTES = 2**20
"""Of the progress; that of the whole course takes some kilobytes."""
LONGEST_GUESS = 1000
LOCK_SECONDS = 10.0
"""The longest wait for another process that writes the progress; each holds it for milliseconds."""


@dataclasses.dataclass(frozen=True)
class Answers:
    """A folder with one file per exercise."""

    folder: Path

    def path(self, entry: Entry) -> Path:
        """The file of an answer, whether it exists or not."""
        return self.folder / f"{entry.name}.py"

    def existing(self, entry: Entry) -> Path:
        """The file of an answer. Raises InputError where there is none."""
        path = self.path(entry)
        if not path.is_file():
            raise InputError(f"{shown(path)}: expected an answer, found none; vae-ladder start puts the stub there")
        return path

    def content(self, entry: Entry) -> str:
        """A hash of an answer. Raises InputError where it cannot be read."""
        try:
            return content_hash(self.path(entry))
        except OSError as error:
            raise InputError(f"{shown(self.path(entry))}: cannot be read ({error.strerror or error})") from error

    def progress(self) -> "Progress":
        return Progress.load(self.folder)

    def strays(self) -> list[Path]:
        """Answers to exercises that the course does not have, or no longer has under that name."""
        names = {f"{entry.name}.py" for entry in catalogue()}
        found = sorted(self.folder.glob("*.py"))
        return [path for path in found if ANSWER_NAME.fullmatch(path.name) and path.name not in names]


def open_answers(folder: Path | None) -> Answers:
    """The answers in a folder, by default my_answers. Raises InputError where it is not there."""
    chosen = default_folder() if folder is None else folder
    if not chosen.is_dir():
        where = f"{FOLDER} here or in a folder above" if folder is None else str(shown(folder))
        option = "" if folder is None else f" --to {shlex.quote(str(folder))}"
        raise InputError(f"answers: expected a folder {where}, found none; vae-ladder start{option} makes it")
    return Answers(chosen.resolve())


def default_folder() -> Path:
    """The nearest my_answers: in the working directory or a folder above it; where there is none, a new one here.

    Raises InputError where the working directory has been removed.
    """
    try:
        here = Path.cwd()
    except OSError as error:
        raise InputError(f"working directory: expected one that exists, got one that is gone ({error})") from error
    return next((path / FOLDER for path in (here, *here.parents) if (path / FOLDER).is_dir()), here / FOLDER)


@dataclasses.dataclass(frozen=True)
class Started:
    """The result of `start`."""

    copied: list[Entry]
    kept: list[Entry]
    notes: list[str]
    """Lines about answers that were there before and whose exercise has changed."""


def start(folder: Path, guided: bool = False) -> tuple[Answers, Started]:
    """Copy every stub whose answer is not there yet, in the language of messages; existing answers stay as they are.

    With `guided`, exercises that have a stub with blanks to fill start with that one, also where the answer is still
    an untouched stub.

    Raises InputError where the folder cannot be written or lies in the course itself.
    """
    place = Path(os.path.realpath(folder))  # which a link to itself does not end
    if place.is_relative_to(COURSE):
        raise InputError(f"answers: expected a folder outside of the course, got {shown(folder)}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(folder, error) from error
    answers = Answers(place)
    progress, copied, kept = answers.progress(), list[Entry](), list[Entry]()
    with progress.changing():
        for entry in catalogue():
            if guided and entry.has_blanks and _is_other_stub(answers.path(entry), entry):
                answers.path(entry).unlink()
            (copied if copy_stub(answers, progress, entry, guided) else kept).append(entry)
    changed = [note for entry in kept if (note := change_of(answers, progress, entry))]
    return answers, Started(copied, kept, changed + [stray_note(answers, path) for path in answers.strays()])


def _is_other_stub(path: Path, entry: Entry) -> bool:
    """Whether an answer is a stub as it was copied, and not the one with blanks to fill."""
    if path.is_symlink() or not path.is_file():
        return False
    content = content_hash(path)
    return content in entry.stub_hashes() and content != content_hash(entry.guided_in_language)


def copy_stub(answers: Answers, progress: "Progress", entry: Entry, guided: bool = False) -> bool:
    """Copy the stub, in the language of messages, and record its hash; False where there is an answer already.

    The file appears whole or not at all. The caller holds `progress.changing()`.
    """
    path, stub = answers.path(entry), entry.guided_in_language if guided else entry.stub_in_language
    if path.is_symlink() or path.exists():
        return False
    temporary = path.with_name(f".{path.stem}.{secrets.token_hex(4)}.tmp")
    try:
        temporary.write_bytes(stub.read_bytes())
        _rename_new(temporary, path)
    except FileExistsError:  # another process was faster
        return False
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)
    progress.record(entry.name).stub = content_hash(stub)
    return True


def _rename_new(temporary: Path, path: Path) -> None:
    """Rename a file. Raises FileExistsError rather than replace another."""
    if os.name == "nt":
        os.rename(temporary, path)  # on Windows, this does not replace
        return
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        if path.exists():
            raise FileExistsError(path) from None
        os.rename(temporary, path)


def reset(answers: Answers, entry: Entry) -> Path | None:
    """Copy the stub anew; the old answer is kept under a name with a time stamp, which is returned."""
    path, kept, progress = answers.path(entry), None, answers.progress()
    with progress.changing():
        if path.exists():
            kept = _time_stamped(path)
            try:
                path.rename(kept)
            except OSError as error:
                raise cannot_write(kept, error) from error
        progress.forget(entry.name)
        copy_stub(answers, progress, entry)
    return kept


def _time_stamped(path: Path) -> Path:
    """A free name beside `path`."""
    stem = f"{path.stem}.{datetime.datetime.now():%Y-%m-%d_%H%M%S}"
    names = [f"{stem}{path.suffix}", *(f"{stem}_{number}{path.suffix}" for number in range(2, 100))]
    return next(path.with_name(name) for name in names if not path.with_name(name).exists())


def change_of(answers: Answers, progress: "Progress", entry: Entry) -> str:
    """A line about an exercise whose stub has changed since the answer was begun, or nothing."""
    began, current, path = progress.record(entry.name).stub, entry.stub_hashes(), answers.path(entry)
    if not began or began in current or not path.is_file():
        return ""
    with contextlib.suppress(OSError):
        if content_hash(path) in current:
            return ""
    return (
        f"{entry.name} has a new stub since you began; your answer stays as it is "
        f"(vae-ladder reset {entry.number} keeps it under another name and copies the new stub)"
    )


def stray_note(answers: Answers, path: Path) -> str:
    """A line about an answer whose exercise has gone or has another name now."""
    began = answers.progress().record(path.stem).stub
    for entry in catalogue():
        renamed = entry.name[3:] == path.stem[3:] or (began and began in entry.stub_hashes())
        if renamed or entry.number == path.stem[:2]:
            return (
                f"{path.name} stays as it is, but the exercise is {entry.name} now: copy your answer to {entry.name}.py"
            )
    return f"{path.name} stays as it is, but the course has no such exercise any more"


# Progress


@dataclasses.dataclass
class Record:
    """The progress of one exercise."""

    stub: str = ""
    """Hash of the stub that the answer came from."""
    answer: str = ""
    """Hash of the answer that was last checked."""
    exercise: str = ""
    """Hash of the exercise that it was checked against."""
    outcome: str = ""
    """Outcome of that check."""
    solved: bool = False
    """Whether any answer ever passed."""
    hints: int = 0
    """The number of hints given."""
    gave_up: bool = False
    """Whether the solution was shown before a pass."""
    checks: int = 0
    """The number of checks of written answers."""
    mistakes: list[str] = dataclasses.field(default_factory=list)
    """The names of the mistakes that checks have recognised, each once, in the order in which they were met."""
    asked: bool = False
    """Whether the page's question was put before the first check."""
    guess: str = ""
    """The learner's answer to it; empty where it was passed over."""


@dataclasses.dataclass
class Progress:
    """The records of one folder of answers, by exercise name; `changing` keeps several processes apart."""

    folder: Path
    records: dict[str, Record]

    @classmethod
    def load(cls, folder: Path) -> "Progress":
        """Read the records; none where none are written yet. Raises InputError for another kind of file."""
        return cls(folder, _read_records(folder / PROGRESS_FILE))

    @contextlib.contextmanager
    def changing(self) -> Iterator[None]:
        """Read the records again, let the block change them, and write them, while no other process does.

        Raises InputError where the folder is gone or cannot be written.
        """
        if not self.folder.is_dir():  # a lock would make it
            raise InputError(f"answers: expected a folder {shown(self.folder)}, found none")
        with locked(self.folder / LOCK_FILE):
            self.records = _read_records(self.folder / PROGRESS_FILE)
            yield
            write_json(self.folder / PROGRESS_FILE, self.records)
            for path in self.folder.glob(".*.tmp*"):
                remove_leftover(path)

    def record(self, name: str) -> Record:
        """The record of an exercise, new where there was none."""
        return self.records.setdefault(name, Record())

    def forget(self, name: str) -> None:
        """Remove the record of the answer, but keep that the exercise was solved, and what it took."""
        self.records[name] = dataclasses.replace(self.record(name), stub="", answer="", exercise="", outcome="")

    def remember(self, entry: Entry, content: str, outcome: str, mistakes: Sequence[str] = ()) -> None:
        """Write down the outcome of a check of the answer with this content hash, and the mistakes that it named."""
        with self.changing():
            record = self.record(entry.name)
            record.answer, record.exercise, record.outcome = content, entry.hash(), outcome
            record.solved |= outcome == "PASS"
            record.checks += outcome != "NOT WRITTEN YET"
            record.mistakes += [name for name in mistakes if name not in record.mistakes]

    def remember_guess(self, entry: Entry, guess: str) -> None:
        """Write down that the page's question was put, and the answer to it."""
        with self.changing():
            record = self.record(entry.name)
            record.asked, record.guess = True, guess[:LONGEST_GUESS]

    def next_hint(self, entry: Entry) -> tuple[int, str]:
        """The number and text of the next hint, after the last one that one again; writes down that it was given."""
        hints = entry.load().hints
        with self.changing():
            record = self.record(entry.name)
            record.hints = min(record.hints + 1, len(hints))
        return record.hints, hints[record.hints - 1]

    def give_up(self, entry: Entry) -> None:
        """Write down that the solution was shown before a pass."""
        with self.changing():
            self.record(entry.name).gave_up = True

    def state(self, entry: Entry) -> str:
        """PASS, WRONG, NOT MEASURED or NOT WRITTEN YET as last checked, or in words why that does not hold."""
        record, answer = self.record(entry.name), self.folder / f"{entry.name}.py"
        if not answer.is_file():
            return "not started"
        try:
            content = content_hash(answer)
        except OSError:
            return "cannot be read"
        if content in entry.stub_hashes():
            return "NOT WRITTEN YET"
        if not record.outcome:
            return "not checked"
        if content != record.answer:
            return f"changed since {record.outcome}"
        return record.outcome if entry.hash() == record.exercise else f"exercise changed since {record.outcome}"

    def states(self, entries: list[Entry]) -> dict[Entry, str]:
        """The state of each of these exercises."""
        return {entry: self.state(entry) for entry in entries}

    def next(self, entries: list[Entry]) -> Entry | None:
        """The first exercise without a pass; those that cannot be measured here come last. None at the course's end."""
        return next_of(self.states(entries))


def next_of(states: dict[Entry, str]) -> Entry | None:
    """`Progress.next` of states that are read already."""
    open_ones = [entry for entry, state in states.items() if state != "PASS"]
    return min(open_ones, key=lambda entry: (states[entry] == "NOT MEASURED", entry.name), default=None)


def _read_records(path: Path) -> dict[str, Record]:
    if not os.path.lexists(path):
        return {}
    known = {field.name for field in dataclasses.fields(Record)}
    try:
        content = read_object(read_file(path, MOST_BYTES), "progress")
        return {
            name: from_json(Record, {key: value for key, value in fields.items() if key in known})
            for name, fields in content.items()
        }
    except (ValueError, AttributeError) as error:
        raise InputError(
            f"{path}: expected the progress that vae-ladder wrote; delete the file to begin counting anew ({error})"
        ) from error


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock file while the block runs. A file system that has no locks is used without."""
    lock = FileLock(path, timeout=LOCK_SECONDS)
    try:
        lock.acquire()
    except Timeout as error:
        raise InputError(
            f"{shown(path)}: expected it free within {LOCK_SECONDS:g} s, held by another process"
        ) from error
    except NotImplementedError:
        pass
    except OSError as error:
        raise cannot_write(path, error) from error
    try:
        yield
    finally:
        lock.release()
