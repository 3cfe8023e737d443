"""What a check found, as data that survives a trip through JSON, and as the lines that a learner reads."""

import dataclasses
from typing import Any, Literal

KIT_FAILED, OUT_OF_MEMORY = 70, 71
"""Exit codes of a checking process that has no verdict."""
Outcome = Literal["PASS", "WRONG", "NOT MEASURED", "NOT WRITTEN YET"]


@dataclasses.dataclass(frozen=True)
class Verdict:
    """The outcome of one check; what follows `outcome` is filled in as far as there is something to say."""

    exercise: str
    outcome: Outcome
    probe: int = 0
    """Number of the probe that is shown, from 1; 0 where it is none."""
    probes: int = 0
    """How many probes the exercise has."""
    about: str = ""
    """The name of that probe."""
    called: str = ""
    came: str = ""
    expected: str = ""
    problem: str = ""
    """What is wrong in words: an exception, a shape, the worst entry."""
    mistake: str = ""
    """The name of the stored mistake that gives exactly these numbers."""
    tell: str = ""
    note: str = ""
    """What else there is to say, whatever the outcome."""
    where: str = ""
    """file:line"""
    traceback: str = ""
    prints: str = ""
    """What the answer printed."""

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> "Verdict":
        return cls(**fields)

    def lines(self) -> list[tuple[str, str]]:
        """(label, text), most important first."""
        labelled = [
            ("called", self.called),
            ("came", self.came),
            ("expected", self.expected),
            ("problem", self.problem),
            ("mistake", self.mistake),
            ("", self.tell),
            ("note", self.note),
            ("where", self.where),
        ]
        return [(label, text) for label, text in labelled if text]

    def __str__(self) -> str:
        of = f", probe {self.probe} of {self.probes}: {self.about}" if self.probe else ""
        return "\n".join([f"{self.outcome}  {self.exercise}{of}", *(f"  {a:<9} {b}" for a, b in self.lines())])
