"""Tables of every command in terminals of 1 to 40 columns and under odd settings of COLUMNS: no number is cut."""

import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from rich.table import Table
from rich.text import Text

pytest.importorskip("torch")

from exercises.kit.answers import start
from exercises.kit.catalogue import catalogue
from exercises.kit.grade import Grade
from exercises.kit.show import show_progress
from exercises.kit.show_grades import LETTERS, show_grades
from exercises.kit.verdict import Verdict
from foundation.architecture import Architecture
from foundation.console import make_console, print_table
from foundation.display import result_table
from ladder.bench.report import tables as bench_tables
from ladder.bench.results import Results
from ladder.checks import gradcheck_table
from ladder.parity import compare
from ladder.rungs import RUNGS
from numpy_impl.gradcheck import Result
from paper.evaluation import report
from paper.experiments import tables as experiment_tables
from paper.experiments.tables import Column

RECORDS = Path(__file__).parents[2] / "paper" / "results" / "experiments"
NARROW, ODD = [*map(str, range(1, 41))], ["0", "-1", "²", "wide", ""]
PRINTED = ["1", "40", "49", "63", "", "99"]
"""A terminal of 1 to 39 columns gets what one of 40 gets, so that tables are printed at one of these widths."""
FRAME = str.maketrans(dict.fromkeys("─━│┃┏┓┗┛┡┩┌┐└┘├┤┬┴┼┳╇╺╸:", " "))


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch):
    """What a terminal of so many columns shows of what a function prints."""

    def on_terminal(show, columns: str) -> tuple[str, int]:
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setenv("NO_COLOR", "1")
        monkeypatch.setenv("COLUMNS", columns)
        terminal = Terminal()
        monkeypatch.setattr(sys, "stdout", terminal)
        console = make_console()
        show(console)
        return Text.from_ansi(terminal.getvalue()).plain, console.width

    return on_terminal


def results_of_a_training() -> list[Table]:
    parts = {"loss": 12104.21, "reconstruction": 12078.9, "kl": 25.31}
    return [
        result_table("z", {"z drawn from q(z|x)": parts, "z = mu": parts}, 10_000, 4.0),
        result_table("rung", dict.fromkeys(RUNGS, parts), 10_000, 1.0, dict.fromkeys(RUNGS, 12_345.0)),
    ]


def results_of_parity() -> list[Table]:
    return [compare(Architecture(2, channels=(2, 3), hidden_dim=8), rungs=RUNGS, batch_size=2, steps=1).table()]


def results_of_gradcheck() -> list[Table]:
    right = Result("conv_transpose2d", "weight", 1.2e-9, 1e-5, True, (0,), 12_345)
    wrong = right._replace(tensor="encoder.logvar.weight", ok=False, worst=(11, 123, 4, 5))
    return [gradcheck_table([right, wrong])]


def results_of_evaluation() -> list[Table]:
    rows = [
        report.BoundRow(p, z, 12_078.9, 25.31, 12_104.21, 0.35) for p in ("grey", "drawn") for z in ("sampled", "mu")
    ]
    rng = np.random.default_rng(14)
    return [
        report.bound_table(rows),
        report.code_table(report.CodeRow("grey", 12_078.9, 0.35)),
        report.latent_table(10 * rng.random(20), rng.random(20)),
    ]


def results_of_experiments() -> list[Table]:
    found = []
    for path in sorted(RECORDS.glob("*.json")):
        record = json.loads(path.read_text(encoding="utf-8"))
        for title, columns in record["tables"].items():
            columns = [Column(**column) for column in columns]
            found.append(experiment_tables.terminal(title, columns, record["rows"]))
    return found


def results_of_bench() -> list[Table]:
    from tests.ladder.test_bench import made_up

    made: Results = made_up()
    return bench_tables(made)


ALL = {
    "train and climb": results_of_a_training,
    "parity": results_of_parity,
    "gradcheck": results_of_gradcheck,
    "evaluate": results_of_evaluation,
    "experiment": results_of_experiments,
    "bench": results_of_bench,
}


@pytest.mark.parametrize("command", ALL)
def test_no_word_or_number_is_cut(command: str, shown) -> None:
    tables = list(ALL[command]())
    assert tables

    def show(console: Console) -> None:
        for table in tables:
            print_table(console, table)

    whole, _ = shown(show, "1000")
    words = set(whole.translate(FRAME).split())
    assert len(words) > 10
    assert "…" not in whole
    for columns in PRINTED:
        text, _ = shown(show, columns)
        assert words <= set(text.translate(FRAME).split()), columns


def test_narrow_terminals_count_as_forty_columns_and_odd_settings_as_none(shown) -> None:
    assert {shown(lambda console: None, columns)[1] for columns in NARROW} == {40}
    assert {shown(lambda console: None, columns)[1] for columns in ODD} == {80}


def test_grades_and_progress(shown, tmp_path: Path) -> None:
    entries, (answers, _) = catalogue(), start(tmp_path / "answers")
    learners = ["ada", "a-rather-long-name-of-a-learner-who-has-one", "김하나"]
    grades = [
        Grade(learner, entry.name, state, Verdict(entry.name, state))
        for learner in learners
        for entry, state in zip(entries, [*LETTERS, *["PASS"] * len(entries)], strict=False)
    ]
    passed = sum(grade.state == "PASS" for grade in grades) // len(learners)
    for columns in PRINTED:
        text, _ = shown(lambda console: show_grades(console, grades, entries), columns)
        assert text.count(f"{passed}/{len(entries)}") == len(learners)
        letters = "".join(LETTERS[grade.state] for grade in grades[: len(entries)])
        assert text.replace(" ", "").replace("│", "").count(letters) == len(learners)
        text, _ = shown(lambda console: show_progress(console, answers.progress(), entries), columns)
        assert all(entry.name in text for entry in entries)
