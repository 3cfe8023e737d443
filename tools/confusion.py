"""Every stored mistake, checked as if a learner had written it: is it named as itself?

python -m tools.confusion [NN]
"""

import sys
from typing import NamedTuple

from exercises.kit.catalogue import Entry, catalogue, find
from exercises.kit.diagnose import diagnose
from exercises.kit.verdict import Verdict


class Row(NamedTuple):
    """One mistake and what the check made of it."""

    mistake: str
    verdict: Verdict

    def ok(self) -> bool:
        return self.verdict.outcome == "WRONG" and self.named() == self.mistake

    def named(self) -> str:
        """The name that the check gave, as certain or as possible."""
        return self.verdict.mistake or self.verdict.possible


def confusion(entry: Entry, seeds: tuple[int, ...] | None = None) -> list[Row]:
    """The verdict on each of an exercise's mistakes."""
    exercise = entry.load()
    return [
        Row(mistake.name, diagnose(entry.name, exercise, exercise.solution | mistake.functions, seeds))
        for mistake in exercise.mistakes
    ]


def table(entry: Entry, rows: list[Row]) -> str:
    """The rows as text, with n/n in the heading: what each mistake was called, where that is not its name."""
    lines = [f"{entry.name}: {sum(row.ok() for row in rows)}/{len(rows)} mistakes named as themselves"]
    for row in rows:
        mistake, verdict = row
        named = row.named() or ("not recognised" if verdict.outcome == "WRONG" else verdict.outcome)
        sure = "  (perhaps)" * bool(verdict.possible)
        lines.append(
            f"  {'ok' if named == mistake else 'NO':<3} {mistake}{sure}" + f"  ->  {named}" * (named != mistake)
        )
    return "\n".join(lines)


def main(names: list[str]) -> int:
    """Print the tables of these exercises, or of all; the exit code is 1 where a mistake was not named."""
    all_rows = []
    for entry in map(find, names) if names else catalogue():
        rows = confusion(entry)
        all_rows += rows
        print(table(entry, rows))
    named = sum(row.ok() for row in all_rows)
    print(f"together: {named}/{len(all_rows)}")
    return 0 if named == len(all_rows) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
