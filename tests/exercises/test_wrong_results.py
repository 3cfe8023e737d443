"""Every result that an answer can return gets a verdict, over all exercises; drawn by seed 0."""

import json

import numpy as np
import pytest

from exercises.kit.catalogue import catalogue
from exercises.kit.diagnose import diagnose
from exercises.kit.plain import DEEPEST, Foreign, plain
from exercises.kit.text import describe, kind_of
from tests.support.wrong_results import NoItems, NoKeys, NoLength, NoNumber, changed, endless, strange

FEW, MANY = 10, 1000
"""Wrong results for each exercise."""

every_exercise = pytest.mark.parametrize("entry", catalogue(), ids=lambda entry: entry.name)


def wrong_answer(exercise, number, i):
    """The solution with one function that returns something else, from some call on."""
    rng = np.random.default_rng([0, number, i])
    name = list(exercise.solution)[rng.integers(len(exercise.solution))]
    seed, calls_before = int(rng.integers(2**31)), int(rng.integers(3))
    count = 0

    def wrong(*args, **kwargs):
        nonlocal count
        count += 1
        result = exercise.solution[name](*args, **kwargs)
        return result if count <= calls_before else changed(np.random.default_rng(seed), result)

    return exercise.solution | {name: wrong}


def check_many(entry, count):
    """The number of answers that were found to be wrong; some changes change nothing that is looked at."""
    exercise, found = entry.load(), 0
    for i in range(count):
        verdict = diagnose(entry.name, exercise, wrong_answer(exercise, int(entry.number), i), (0,))
        found += verdict.outcome == "WRONG"
        assert (verdict.outcome == "WRONG" and verdict.got) or verdict.outcome in ("PASS", "NOT MEASURED")
        json.dumps(verdict.to_json()), str(verdict)
    return found


@every_exercise
@pytest.mark.filterwarnings("ignore")
def test_wrong_results_get_a_verdict(entry):
    assert check_many(entry, FEW) >= FEW / 4


@pytest.mark.slow
@every_exercise
@pytest.mark.filterwarnings("ignore")
def test_a_thousand_wrong_results_get_a_verdict(entry):
    assert check_many(entry, MANY) >= MANY / 3


# Plain data


def test_what_a_subclass_changes_does_not_matter():
    assert plain(NoNumber(2.0)) == 2.0
    assert plain(NoLength((1, NoNumber(2)))) == (1, 2.0)
    assert plain(NoItems([1])) == [1]
    assert plain(NoKeys(a=1, b=NoItems())) == {"a": 1, "b": []}
    x = np.ones(3)
    assert plain(x) is x
    assert plain({"a": (x,)})["a"][0] is x


def test_other_objects_keep_their_name():
    assert plain(np.matrix([[1.0]])) == Foreign("matrix")
    assert plain(np.array([None])) == Foreign("ndarray, of dtype object")
    assert plain(10**400) == Foreign("int, of 1329 bits")
    assert "too large" in kind_of(plain(np.broadcast_to(1.0, (10**6, 10**6))))
    nested = plain(endless())
    for _ in range(DEEPEST):
        (nested,) = nested
    assert nested == Foreign(f"list, nested more than {DEEPEST} deep")


@pytest.mark.parametrize("number", range(len(strange())))
def test_strange_objects_can_be_described(number):
    value = plain(strange()[number])
    assert describe(value)
    assert kind_of(value)
