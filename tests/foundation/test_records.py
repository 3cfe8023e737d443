"""The log of a training: what a training wrote is accepted, and any other line is named with its number."""

from pathlib import Path

import pytest

from foundation.errors import InputError
from foundation.records import check_log
from tests.support.records import EPOCH, STEP

START = {"kind": "epoch", "step": 0, "epoch": 0, "loss": 500.0, "reconstruction": 499.0, "kl": 1.0}
STEPS = [{"kind": "step", "step": i, "epoch": 1, "loss": 400.0 - i, "kl": 2.0, "beta": 1.0} for i in (1, 2)]
LOG = [START, *STEPS, START | {"step": 2, "epoch": 1, "train_loss": 399.5}]
PATH = Path("metrics.jsonl")


def test_what_a_training_writes_is_a_log() -> None:
    check_log(LOG, PATH)
    check_log([STEP.line(), EPOCH.line()], PATH)
    check_log([], PATH)


def test_a_number_that_was_not_finite_is_null() -> None:
    check_log([START | {"kl": None}, *STEPS], PATH)


@pytest.mark.parametrize(
    ("line", "change", "expected"),
    [
        (1, {"kind": "row"}, "kind: expected step or epoch"),
        (1, {"kind": []}, "kind: expected step or epoch"),
        (2, {"step": "two"}, "Expected `int`, got `str` - at `$.step`"),
        (2, {"step": True}, "Expected `int`, got `bool`"),
        (2, {"step": -1}, "$.step"),
        (2, {"step": 10**30}, "$.step"),
        (2, {"step": 1.5}, "$.step"),
        (2, {"epoch": None}, "$.epoch"),
        (2, {"loss": "low"}, "$.loss"),
        (2, {"kl": [1]}, "'kl': expected a number, got '[1]'"),
        (2, {"kl": 1e300}, "'kl': expected a number, got '1e+300'"),
        (3, {"train_depth": 1.0}, "'train_depth': expected depth beside it"),
        (2, {"beta": None}, "'beta': expected a number, got 'None'"),
        (2, {"beta": False}, "'beta': expected a number, got 'False'"),
        (2, {"another": 1.0}, "'another': expected the fields of the step before"),
        (2, {"step": 1}, "step 1 after 1"),
        (2, {"epoch": 0}, "step 2 after 1"),
        (3, {"epoch": 0}, "epoch 0 after 0"),
        (3, {"split": "holdout"}, "$.split"),
        (3, {"best": 1}, "$.best"),
        (3, {"seconds": -1.0}, "$.seconds"),
        (3, {"train_loss": "low"}, "'train_loss': expected a number"),
    ],
)
def test_any_other_line_is_named(line: int, change: dict, expected: str) -> None:
    log = [*LOG]
    log[line] = log[line] | change
    with pytest.raises(InputError) as caught:
        check_log(log, PATH)
    # A kind that is none is met at that line; what differs from the line before, at the later one.
    assert str(caught.value).startswith(f"metrics.jsonl, line {line + 1}: damaged")
    assert expected in str(caught.value)


def test_a_field_that_is_missing_is_named() -> None:
    short = {name: value for name, value in STEPS[1].items() if name != "kl"}
    with pytest.raises(InputError, match=r"line 3: damaged \('kl': expected the fields of the step before"):
        check_log([START, STEPS[0], short], PATH)


def test_a_log_begun_by_an_earlier_version_may_go_on() -> None:
    old = {name: value for name, value in START.items() if name != "held_out_beta"} | {"final_loss": 3.0}
    check_log([old, *STEPS, LOG[-1]], PATH)
