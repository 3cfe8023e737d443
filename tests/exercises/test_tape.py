"""Exercises 20 and 21 as a learner meets them: the same in `check` and in `grade`, where tapes go between processes."""

import csv
import textwrap
from pathlib import Path

import pytest

from exercises import options
from exercises.commands import run_command
from exercises.kit.catalogue import find
from exercises.kit.check import check_answer
from exercises.kit.diagnose import diagnose

TAPE = """
import numpy as np


def leaf(tape, name, value):
    return {**tape, name: {"operation": "", "inputs": (), "arguments": (), "value": value}}


def record(tape, name, operation, inputs, f):
    arguments = tuple(tape[x]["value"] if isinstance(x, str) else x for x in inputs)
    names = tuple(x if isinstance(x, str) else None for x in inputs)
    return {**tape, name: {"operation": operation, "inputs": names, "arguments": arguments, "value": f(*arguments)}}


def pull_back(tape, name, gradients, adjoints):
    node, new = tape[name], dict(gradients)
    if not node["inputs"]:
        return new
    for parent, gradient in zip(node["inputs"], adjoints[node["operation"]](gradients[name], *node["arguments"])):
        if parent is not None:
            new[parent] = new[parent] + gradient if parent in new else gradient
    return new
"""
ORDER = """
def topological_order(tape, last):
    order, seen, stack = [], set(), [(last, False)]
    while stack:
        name, done = stack.pop()
        if done:
            order.append(name)
        elif name not in seen:
            seen.add(name)
            stack.append((name, True))
            stack += [(parent, False) for parent in tape[name]["inputs"] if parent is not None]
    return order[::-1]


def backward(tape, last, dy, adjoints):
    gradients = {last: dy}
    for name in topological_order(tape, last):
        gradients = pull_back(tape, name, gradients, adjoints)
    return gradients


def differentiate(program, leaves, operations, adjoints):
    tape = {}
    for name, value in leaves.items():
        tape = leaf(tape, name, value)
    for name, operation, inputs in program:
        tape = record(tape, name, operation, inputs, operations[operation])
    found = backward(tape, name, np.ones(()), adjoints)
    gradients = {name: found.get(name, np.zeros_like(value)) for name, value in leaves.items()}
    return {"value": tape[name]["value"], "gradients": gradients}
"""
REPLACING = TAPE.replace("new[parent] + gradient if parent in new else gradient", "gradient")
ANSWERS = {"anna": TAPE, "ben": REPLACING}
MISTAKES = {
    "20_tape": "pull_back: the gradient is replaced, not added to",
    "21_topological_order": "backward: gradients are replaced, not added to (depth first)",
}


@pytest.mark.slow
def test_check_and_grade_say_the_same_of_a_tape(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for learner, tape in ANSWERS.items():
        folder = Path("class", learner)
        folder.mkdir(parents=True)
        (folder / "20_tape.py").write_text(tape, encoding="utf-8")
        (folder / "21_topological_order.py").write_text(tape + ORDER, encoding="utf-8")
    assert run_command(options.Grade(folders=(Path("class"),), exercises="20,21")) == 0
    with open("grades.csv", encoding="utf-8-sig", newline="") as file:
        rows = {(row["learner"], row["exercise"]): row for row in csv.DictReader(file)}
    for name, mistake in MISTAKES.items():
        assert rows["anna", name]["state"] == "PASS"
        assert (rows["ben", name]["state"], rows["ben", name]["mistake"]) == ("WRONG", mistake)
        for learner in ANSWERS:
            verdict = check_answer(find(name), Path("class", learner, f"{name}.py"))
            graded = rows[learner, name]
            assert (verdict.outcome, verdict.mistake) == (graded["state"], graded["mistake"]), str(verdict)


def own(text):
    """The functions of an answer to exercise 21."""
    namespace = {}
    exec(TAPE + ORDER + textwrap.dedent(text), namespace)
    return {name: namespace[name] for name in find("21").load().solution}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            """
            kept = {}
            def backward(tape, last, dy, adjoints):
                kept[last] = dy
                for name in topological_order(tape, last):
                    kept.update(pull_back(tape, name, kept, adjoints))
                return dict(kept)
            """,
            "a second call with the same arguments gives another result",
        ),
        (
            """
            import sys
            def topological_order(tape, last):
                order = []
                def visit(name):
                    for parent in tape[name]["inputs"]:
                        if parent is not None and parent not in order:
                            visit(parent)
                    if name not in order:
                        order.append(name)
                visit(last)
                return order[::-1]
            """,
            "topological_order: by calls of itself",
        ),
    ],
    ids=("state", "recursion"),
)
def test_state_and_recursion_are_seen(text, said):
    verdict = diagnose("21_topological_order", find("21").load(), own(text))
    assert verdict.outcome == "WRONG"
    assert said in f"{verdict.problem} {verdict.mistake}", str(verdict)
