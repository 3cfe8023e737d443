"""The learner's folder: where it lies, how it is filled, and the rule that nothing ever overwrites an answer."""

import dataclasses
import datetime
import re
from pathlib import Path

from exercises.kit.catalogue import COURSE, Entry, catalogue, content_hash
from exercises.kit.progress import Progress
from foundation.errors import InputError
from foundation.files import cannot_write

FOLDER = "my_answers"
ANSWER_NAME = re.compile(r"\d\d_[a-z0-9_]+\.py")


@dataclasses.dataclass(frozen=True)
class Answers:
    """A folder with one file per exercise, and what is remembered about them."""

    folder: Path

    def path(self, entry: Entry) -> Path:
        """Where the answer to an exercise lies, or would lie."""
        return self.folder / f"{entry.name}.py"

    def existing(self, entry: Entry) -> Path:
        """The answer's file. Raises InputError where there is none."""
        path = self.path(entry)
        if not path.is_file():
            raise InputError(f"{shown(path)}: expected an answer, found none; vae-ladder start puts the stub there")
        return path

    def progress(self) -> Progress:
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
        option = "" if folder is None else f" --to {chosen}"
        raise InputError(f"answers: expected a folder {shown(chosen)}, found none; vae-ladder start{option} makes it")
    return Answers(chosen.resolve())


def default_folder() -> Path:
    """my_answers in the working directory if there is one, else beside the exercises, so that any directory will do."""
    here = Path.cwd() / FOLDER
    return here if here.is_dir() else COURSE.parent / FOLDER


@dataclasses.dataclass(frozen=True)
class Started:
    """What `start` did."""

    copied: list[Entry]
    kept: list[Entry]
    notes: list[str]
    """What a learner should know about answers that were there before."""


def start(folder: Path) -> tuple[Answers, Started]:
    """Copy every stub whose answer is not there yet; answers that are there stay as they are.

    Raises InputError where the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(folder, error) from error
    answers = Answers(folder.resolve())
    progress = answers.progress()
    copied, kept = [], []
    for entry in catalogue():
        (copied if copy_stub(answers, progress, entry) else kept).append(entry)
    progress.save()
    changed = [note for entry in kept if (note := change_of(answers, progress, entry))]
    return answers, Started(copied, kept, changed + [stray_note(answers, path) for path in answers.strays()])


def copy_stub(answers: Answers, progress: Progress, entry: Entry) -> bool:
    """Put the stub where the answer will be and remember which it was; False where something is there already."""
    path = answers.path(entry)
    if path.is_symlink() or path.exists():
        return False
    try:
        with open(path, "xb") as file:  # x: fails rather than overwrite, whoever was quicker
            file.write(entry.stub.read_bytes())
    except OSError as error:
        raise cannot_write(path, error) from error
    progress.record(entry.name).stub = entry.stub_hash()
    return True


def reset(answers: Answers, entry: Entry) -> Path | None:
    """Begin an exercise anew; the old answer is kept under a name with a time stamp, which is returned."""
    path, kept = answers.path(entry), None
    if path.exists():
        kept = _time_stamped(path)
        try:
            path.rename(kept)
        except OSError as error:
            raise cannot_write(kept, error) from error
    progress = answers.progress()
    progress.forget(entry.name)
    copy_stub(answers, progress, entry)
    progress.save()
    return kept


def _time_stamped(path: Path) -> Path:
    """A name beside `path` that is free."""
    stem = f"{path.stem}.{datetime.datetime.now():%Y-%m-%d_%H%M%S}"
    names = [f"{stem}{path.suffix}", *(f"{stem}_{number}{path.suffix}" for number in range(2, 100))]
    return next(path.with_name(name) for name in names if not path.with_name(name).exists())


def change_of(answers: Answers, progress: Progress, entry: Entry) -> str:
    """A line about an exercise whose stub has changed since the answer was begun, or nothing."""
    began = progress.record(entry.name).stub
    current = entry.stub_hash()
    if not began or began == current or content_hash(answers.path(entry)) == current:
        return ""
    return (
        f"{entry.name} has a new stub since you began; your answer stays as it is "
        f"(vae-ladder reset {entry.number} keeps it under another name and copies the new stub)"
    )


def stray_note(answers: Answers, path: Path) -> str:
    """A line about an answer whose exercise has gone or has another name now."""
    began = answers.progress().record(path.stem).stub
    for entry in catalogue():
        renamed = entry.name[3:] == path.stem[3:] or (began and began == entry.stub_hash())
        if renamed or entry.number == path.stem[:2]:
            return (
                f"{path.name} stays as it is, but the exercise is {entry.name} now: copy your answer to {entry.name}.py"
            )
    return f"{path.name} stays as it is, but the course has no such exercise any more"


def shown(path: Path) -> Path:
    """A path as a message shows it: short where it lies below the working directory."""
    path = path.absolute()
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
