"""The doctor on models rewritten after published ones: each fault is named, and it alone; right models get none."""

import json
import os
import subprocess
import sys

import pytest

from tools import CHECKOUT
from tools.doctor_table import MODELS, Row

ORDINARY = (
    *("kl_without_half", "mean_bce_sum_kl", "validation_weight"),
    *("sequential_chunked", "beta_argument", "functions_only"),
)


def table(*names: str) -> dict[str, dict]:
    """The rows of the table by name, computed in one process, in which the models' own state stays."""
    command = [sys.executable, "-W", "ignore", "-m", "tools.doctor_table", "--json", *names]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, timeout=600)
    assert done.stdout, done.stderr
    return {row["name"]: row for row in json.loads(done.stdout.splitlines()[-1])}


def unlike(rows: dict[str, dict]) -> list[str]:
    """The rows that are not as their authors say, in words."""
    return [f"{row['name']}: {row['fault'] or 'right'} -> {row['named']}" for row in rows.values() if not row["ok"]]


def test_three_faults_are_named_and_three_right_models_get_a_clean_bill() -> None:
    rows = table(*ORDINARY)
    assert sorted(rows) == sorted(ORDINARY)
    assert unlike(rows) == []
    assert sum(bool(row["fault"]) for row in rows.values()) == 3


@pytest.mark.slow
def test_the_whole_table_is_the_diagonal() -> None:
    rows = table()
    assert unlike(rows) == []
    assert sum(bool(row["fault"]) for row in rows.values()) >= 12
    assert sum(not row["fault"] for row in rows.values()) >= 12


def test_a_row_is_right_only_for_the_fault_of_its_model_alone() -> None:
    assert not Row("a", "", ["kl-sign"], []).ok()
    assert not Row("a", "kl-sign", [], []).ok()
    assert not Row("a", "kl-sign", ["kl-sign", "kl-never"], []).ok()
    assert not Row("a", "", [], ["loss"]).ok()
    assert Row("a", "kl-sign", ["kl-sign"], []).ok()


def test_every_wrong_model_says_which_fault_it_has() -> None:
    for file in MODELS.glob("wrong/*.py"):
        assert file.read_text(encoding="utf-8").startswith('"""Fault: '), file.name
    for file in MODELS.glob("right/*.py"):
        assert "Fault:" not in file.read_text(encoding="utf-8"), file.name
