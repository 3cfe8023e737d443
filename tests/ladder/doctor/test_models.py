"""The doctor on models rewritten after published ones: each fault is named, and it alone; right models get none."""

import ast
import inspect
import json
import os
import re
import subprocess
import sys

import pytest

from ladder.doctor import verdict
from tests.support.doctor_variants import VARIANTS
from tools import CHECKOUT
from tools.doctor_table import MODELS, Row, fault_of, models

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


@pytest.fixture(scope="module")
def faults() -> list[str]:
    """The fault of each model; an empty text for a right one."""
    with models([]) as files:
        assert len({file.stem for file in files}) == len(files)
        return [fault_of(file) for file in files]


def test_every_fault_has_a_model(faults: list[str]) -> None:
    calls = [node for node in ast.walk(ast.parse(inspect.getsource(verdict))) if isinstance(node, ast.Call)]
    arguments = [[ast.unparse(a) for a in call.args] for call in calls if ast.unparse(call.func) == "Finding"]
    codes = {ast.literal_eval(code) for kind, code, _ in arguments if ast.literal_eval(kind) == "fault"}
    assert codes == set(faults) - {""}


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("README.md", r"on (\d+) models with one mistake.*?: (\d+)\sare.*?and (\d+) have.*?and (\d+) right"),
        ("README.ko.md", r"모델\s(\d+)개에서.*?(\d+)개는 옳은 모델.*?(\d+)개는 저마다.*?옳게 쓴 (\d+)개에서는"),
    ],
)
def test_the_page_states_how_many_models_there_are(page: str, words: str, faults: list[str]) -> None:
    found = re.search(words, (CHECKOUT / "paper" / page).read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    right = faults.count("")
    wrong = len(faults) - right
    edits = sum(bool(variant.fault) for variant in VARIANTS.values())
    assert [*map(int, found.groups())] == [wrong, edits, wrong - edits, right]
