"""What is remembered about a learner's answers, in one small file beside them.

A pass counts for the content of the answer and of the exercise: change either, and it has to be checked again.
"""

import dataclasses
import json
from pathlib import Path
from typing import Any

from exercises.kit.catalogue import Entry, content_hash
from foundation.errors import InputError
from foundation.files import write_json

FILE = ".progress.json"


@dataclasses.dataclass
class Record:
    """What is remembered about one exercise."""

    stub: str = ""
    """Hash of the stub that the answer came from."""
    answer: str = ""
    """Hash of the answer that was last checked."""
    exercise: str = ""
    """Hash of the exercise that it was checked against."""
    outcome: str = ""
    """What that check found."""
    solved: bool = False
    """Whether any answer ever passed."""
    hints: int = 0
    """How many hints were given."""
    gave_up: bool = False
    """Whether the solution was asked for before a pass."""


@dataclasses.dataclass
class Progress:
    """The records of one folder of answers, by exercise name. `save` writes them."""

    folder: Path
    records: dict[str, Record]

    @classmethod
    def load(cls, folder: Path) -> "Progress":
        """Read the records; none where nothing was written yet. Raises InputError for a file that is not ours."""
        path = folder / FILE
        if not path.exists():
            return cls(folder, {})
        known = {field.name for field in dataclasses.fields(Record)}
        try:
            content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            records = {
                name: Record(**{key: value for key, value in fields.items() if key in known})
                for name, fields in content.items()
            }
        except (OSError, ValueError, AttributeError) as error:
            raise InputError(
                f"{path}: expected the progress that vae-ladder wrote; delete the file to begin counting anew ({error})"
            ) from error
        return cls(folder, records)

    def save(self) -> None:
        write_json(self.folder / FILE, self.records)

    def record(self, name: str) -> Record:
        """The record of an exercise, new where there was none."""
        return self.records.setdefault(name, Record())

    def forget(self, name: str) -> None:
        """Forget the answer to an exercise, but neither that it was solved nor the hints that were given."""
        old = self.record(name)
        self.records[name] = Record(solved=old.solved, hints=old.hints, gave_up=old.gave_up)

    def remember(self, entry: Entry, answer: Path, outcome: str) -> None:
        """Write down what a check found."""
        record = self.record(entry.name)
        record.answer, record.exercise, record.outcome = content_hash(answer), entry.hash(), outcome
        record.solved |= outcome == "PASS"
        self.save()

    def next_hint(self, entry: Entry) -> tuple[int, str]:
        """The number and text of the next hint, the last one again after that; remembers that it was given."""
        record, hints = self.record(entry.name), entry.load().hints
        record.hints = min(record.hints + 1, len(hints))
        self.save()
        return record.hints, hints[record.hints - 1]

    def state(self, entry: Entry) -> str:
        """PASS, WRONG, NOT MEASURED or NOT WRITTEN YET as last checked, or in words why that does not hold."""
        record, answer = self.record(entry.name), self.folder / f"{entry.name}.py"
        if not answer.is_file():
            return "not started"
        content = content_hash(answer)
        if content == entry.stub_hash():
            return "NOT WRITTEN YET"
        if not record.outcome:
            return "not checked"
        if content != record.answer:
            return f"changed since {record.outcome}"
        return record.outcome if entry.hash() == record.exercise else f"exercise changed since {record.outcome}"

    def next(self, entries: list[Entry]) -> Entry | None:
        """The first exercise without a pass; those that cannot be measured here come last. None at the course's end."""
        states = {entry: self.state(entry) for entry in entries}
        open_ones = [entry for entry, state in states.items() if state != "PASS"]
        return min(open_ones, key=lambda entry: (states[entry] == "NOT MEASURED", entry.name), default=None)
