"""The verdict on an answer: its outcome, and all that is said beside it."""

import dataclasses
from typing import Any, Literal

Outcome = Literal["PASS", "WRONG", "NOT MEASURED", "NOT WRITTEN YET"]


@dataclasses.dataclass(frozen=True)
class Verdict:
    """The outcome of one check; the other fields are filled in as far as they apply."""

    exercise: str
    outcome: Outcome
    probe: int = 0
    """Number of the probe that is shown, from 1; 0 where there is none."""
    probes: int = 0
    """The number of probes of the exercise."""
    about: str = ""
    """The name of that probe."""
    called: str = ""
    got: str = ""
    expected: str = ""
    problem: str = ""
    """What is wrong in words: an exception, a shape, the worst entry."""
    mistake: str = ""
    """The name of the stored mistake that gives exactly these results."""
    possible: str = ""
    """In its place where infinities and NaN are the only evidence, which other mistakes give as well."""
    explanation: str = ""
    """Why the numbers show that mistake."""
    second: str = ""
    """The name of another stored mistake that the answer contains as well."""
    second_explanation: str = ""
    note: str = ""
    """Further information, with any outcome."""
    remark: str = ""
    """With PASS: what else is worth knowing about the answer."""
    where: str = ""
    """file:line"""
    traceback: str = ""
    prints: str = ""
    """The output of the answer."""

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    def mistakes(self) -> list[str]:
        """The names of the stored mistakes that are certain."""
        return [name for name in (self.mistake, self.second) if name]

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> "Verdict":
        return cls(**fields)

    def lines(self) -> list[tuple[str, str]]:
        """(label, text), most important first."""
        labelled = [
            ("called", self.called),
            ("got", self.got),
            ("expected", self.expected),
            ("problem", self.problem),
            ("mistake", self.mistake),
            ("perhaps", self.possible),
            ("", self.explanation),
            ("second", self.second),
            ("", self.second_explanation),
            ("note", self.note),
            ("remark", self.remark),
            ("where", self.where),
        ]
        return [(label, text) for label, text in labelled if text]

    def __str__(self) -> str:
        of = f", probe {self.probe} of {self.probes}: {self.about}" if self.probe else ""
        return "\n".join([f"{self.outcome}  {self.exercise}{of}", *(f"  {a:<9} {b}" for a, b in self.lines())])
