"""The doctor's confusion table: models of tests/support, each with the faults that are found in it.

    python -m tools.doctor_table [--json] [NAME ...]

The models are files of doctor_models, and edits of some of these (doctor_variants.py), which are written as files. A
wrong model's docstring begins with "Fault: NAME."; that fault, and no other, is to be named. A right one gets none.
"""

import contextlib
import io
import json
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from foundation.schema import from_json
from ladder.doctor.child import examine
from ladder.doctor.measured import Measured
from ladder.doctor.verdict import findings
from tests.support.doctor_variants import VARIANTS
from tools import CHECKOUT

MODELS = CHECKOUT / "tests" / "support" / "doctor_models"


class Row(NamedTuple):
    """One model, its fault by its author, and what the doctor said."""

    name: str
    fault: str
    """Empty for a right one"""
    named: list[str]
    unknown: list[str]

    def ok(self) -> bool:
        return self.named == ([self.fault] if self.fault else []) and not self.unknown


@contextlib.contextmanager
def models(names: list[str]) -> Iterator[list[Path]]:
    """The models of these names, or all, as files while the context lasts."""
    with tempfile.TemporaryDirectory() as folder:
        written = [variant.write(Path(folder)) for variant in VARIANTS.values()]
        found = sorted([*MODELS.glob("*/*.py"), *written], key=lambda file: (bool(fault_of(file)), file.stem))
        yield [file for file in found if not names or file.stem in names]


def fault_of(file: Path) -> str:
    """The fault that a model's docstring names; empty for a right model."""
    found = re.match(r'"""Fault: ([\w-]+)\.', file.read_text(encoding="utf-8"))
    return found[1] if found else ""


def rows(names: list[str]) -> Iterator[Row]:
    """The doctor's word on each model, measured in this process, since the models are the project's own."""
    with models(names) as files:
        yield from (_row(file) for file in files)


def _row(file: Path) -> Row:
    task = {"file": str(file), "module": "", "folder": "", "definitions_only": False, "object": "", "make": ""}
    task |= {"copy": str(file), "names": {}, "input": []}
    with contextlib.redirect_stdout(io.StringIO()):  # whatever a model prints
        found = findings(from_json(Measured, examine(task, io.BytesIO())))
    codes = [[finding.code for finding in found if finding.kind == kind] for kind in ("fault", "unknown")]
    return Row(file.stem, fault_of(file), *codes)


def line(row: Row) -> str:
    """A row as text."""
    said = ", ".join(row.named) or "nothing wrong"
    unknown = f"  (cannot tell: {', '.join(row.unknown)})" if row.unknown else ""
    return f"  {'ok' if row.ok() else 'NO':<3} {row.name:<32} {row.fault or 'right':<24} -> {said}{unknown}"


def main(arguments: list[str]) -> int:
    """Print the table; the exit code is 1 where a model was not understood."""
    as_json, names = "--json" in arguments, [name for name in arguments if not name.startswith("--")]
    found = []
    for row in rows(names):
        found.append(row)
        if not as_json:
            print(line(row), flush=True)
    right = sum(row.ok() for row in found)
    wrong_ones = [row for row in found if row.fault]
    if as_json:
        print(json.dumps([row._asdict() | {"ok": row.ok()} for row in found]))
    else:
        named = sum(row.ok() for row in wrong_ones)
        print(f"wrong models named, and nothing else: {named}/{len(wrong_ones)}")
        print(f"right models with a clean bill: {right - named}/{len(found) - len(wrong_ones)}")
    return 0 if right == len(found) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
