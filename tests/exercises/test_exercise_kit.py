"""The machinery of the exercises on a small exercise of its own: what it sees, what it says, and whom it accuses."""

import contextlib
import dataclasses
import json
import math
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

import exercises
from exercises.kit import catalogue as catalogue_module
from exercises.kit import compare, text
from exercises.kit.catalogue import catalogue, content_hash, find
from exercises.kit.diagnose import HARD_CODED, UNKNOWN, diagnose, diagnose_probe
from exercises.kit.exercise import (
    Draws,
    Exercise,
    Hints,
    Mistake,
    Probe,
    away_from_zero,
    axes,
    call,
    normal,
    sized,
    uniform,
)
from exercises.kit.interrupt import Interrupted
from exercises.kit.observe import TimeUp
from exercises.kit.show import show_verdict
from exercises.kit.verdict import Verdict
from foundation.console import make_console
from foundation.errors import InputError
from tools.confusion import confusion, table
from tools.links import LINK, Link, line_of, links_of, problem_of, renumber

CHECKOUT = Path(__file__).parents[2]
SHAPE = 5, 3


def scale(x, factor):
    return factor * x


def total(x):
    return np.sum(x)


def split(x):
    return x[:, 0], x.T


def wrong_scale(function):
    return {"scale": function}


TOY = Exercise(
    solution={"scale": scale, "total": total, "split": split},
    probes=(
        call("scale", "twos", x=np.full(SHAPE, 2.0), factor=3.0),
        call("scale", "random numbers", x=normal(*SHAPE), factor=3.0),
        call("total", "random numbers", x=normal(*SHAPE)),
        call("split -> column, transposed", "random numbers", x=normal(*SHAPE)),
        Probe("both together", lambda answer, rng: answer.total(answer.scale(rng.normal(size=SHAPE), 2.0))),
    ),
    hints=Hints("an idea", "a formula", "a line"),
    mistakes=(
        Mistake("adds the factor", wrong_scale(lambda x, factor: x + factor), "{got}, not {expected}: a sum."),
        Mistake("forgets the factor", wrong_scale(lambda x, factor: x + 0), "{got}, not {expected}: untouched."),
        Mistake("multiplies in place", wrong_scale(lambda x, factor: np.multiply(x, factor, out=x)), "In place."),
        Mistake("draws noise", wrong_scale(lambda x, factor: factor * x + np.random.default_rng().normal()), "Noise."),
        Mistake("matrix product", wrong_scale(lambda x, factor: factor * x @ x), "Axes do not fit."),
        Mistake("root", wrong_scale(lambda x, factor: np.sqrt(x - 3) * factor), "NaN."),
        Mistake("last column", {"split": lambda x: (x[:, -1], x.T)}, "{got} instead of {expected}."),
        Mistake("mean", {"total": np.mean}, "{got}, not {expected}: a mean."),
        Mistake("rows", {"total": lambda x: x.sum(axis=1)}, "One number a row."),
        Mistake("mean, and adds", {"total": np.mean, "scale": lambda x, factor: x + factor}, "Both."),
    ),
)


def check(**functions):
    return diagnose("99_toy", TOY, TOY.solution | functions)


def not_written(*args):
    raise NotImplementedError


# Outcomes


def test_solution_passes():
    verdict = check()
    assert verdict.outcome == "PASS"
    assert "5 probes" in verdict.note


@pytest.mark.parametrize("mistake", TOY.mistakes, ids=lambda mistake: mistake.name)
def test_every_toy_mistake_is_named(mistake):
    verdict = check(**mistake.functions)
    named = verdict.possible if mistake.name == "root" else verdict.mistake  # NaN is all that the root gives
    assert (verdict.outcome, named) == ("WRONG", mistake.name)


def test_message_has_call_values_and_arithmetic():
    verdict = check(scale=lambda x, factor: x + factor)
    assert verdict.called == "scale(x=full((5, 3), 2), factor=3)"
    assert (verdict.got, verdict.expected) == ("full((5, 3), 5)", "full((5, 3), 6)")
    assert verdict.explanation == "full((5, 3), 5), not full((5, 3), 6): a sum."
    assert (verdict.probe, verdict.probes, verdict.about) == (1, 5, "twos")
    assert "test_exercise_kit.py:" in verdict.where
    assert "adds the factor" in str(verdict)


def test_nothing_written():
    verdict = check(scale=not_written, total=not_written, split=not_written)
    assert (verdict.outcome, verdict.note) == ("NOT WRITTEN YET", "")


def test_partly_written_says_what_is_missing():
    verdict = check(total=not_written)
    assert verdict.outcome == "NOT WRITTEN YET"
    assert verdict.note == "3 of 5 probes pass; still to write: total"


def test_a_function_that_calls_an_unwritten_one_is_not_blamed():
    def total(x):
        raise NotImplementedError

    def split(x):
        return total(x)

    assert check(total=total, split=split).note.endswith("still to write: total")


def test_absent_function_is_not_written_and_named():
    functions = {name: function for name, function in TOY.solution.items() if name != "total"}
    verdict = diagnose("99_toy", TOY, functions)
    assert verdict.outcome == "NOT WRITTEN YET"
    assert "the answer has no function total" in verdict.note


def test_wrong_comes_before_not_written():
    verdict = check(scale=lambda x, factor: x + factor, total=not_written)
    assert (verdict.outcome, verdict.mistake) == ("WRONG", "adds the factor")


def test_what_needs_a_missing_module_is_not_measured_but_wrong_stays_wrong():
    probe = dataclasses.replace(TOY.probes[1], requires="no_such_module_anywhere")
    exercise = dataclasses.replace(TOY, probes=(TOY.probes[0], probe, *TOY.probes[2:]))
    verdict = diagnose("99_toy", exercise, TOY.solution)
    assert verdict.outcome == "NOT MEASURED"
    assert "4 of 5 probes pass" in verdict.note
    assert "no_such_module_anywhere" in verdict.note
    assert diagnose("99_toy", exercise, TOY.solution | {"total": np.mean}).outcome == "WRONG"


def test_hard_coded_numbers_fail_with_fresh_ones():
    seen = {}

    def remembered(x):
        return seen.setdefault("first", np.sum(x))

    exercise = dataclasses.replace(TOY, probes=TOY.probes[2:3])
    verdict = diagnose("99_toy", exercise, TOY.solution | {"total": remembered})
    assert verdict.outcome == "WRONG"
    assert verdict.note == HARD_CODED


def test_answer_for_one_size_fails_with_fresh_sizes():
    n, d = axes(*SHAPE)
    exercise = dataclasses.replace(TOY, probes=(call("total", x=normal(n, d)),), mistakes=())
    for fitted in (lambda x: 5 * x.mean(axis=0).sum(), lambda x: np.sum(x.reshape(SHAPE)), lambda x: 15 * x.mean()):
        assert diagnose("99_toy", exercise, TOY.solution | {"total": fitted}, (0,)).outcome == "PASS"
        verdict = diagnose("99_toy", exercise, TOY.solution | {"total": fitted})
        assert (verdict.outcome, verdict.note) == ("WRONG", HARD_CODED)
    assert diagnose("99_toy", exercise, TOY.solution).outcome == "PASS"


def test_sizes_are_drawn_anew_and_differ():
    sizes = axes(5, 3, 7, 2, 1)
    assert sized(Draws(0, 3), *sizes) == (5, 3, 7, 2, 1)
    for seed in range(1, 200):
        rng = Draws(seed, 3)
        drawn = sized(rng, *sizes)
        assert len(set(drawn)) == len(sizes)
        assert all(new > 2 and new != old for new, old in zip(drawn, sizes, strict=True))
        assert sized(rng, *sizes) == drawn  # the same at every call
        assert sized(rng, 5, 3) == (5, 3)  # plain numbers stay
        assert rng.standard_normal() == np.random.default_rng([seed, 3]).standard_normal()
    assert len({sized(Draws(seed, 3), *sizes) for seed in range(1, 200)}) > 50


def test_a_check_keeps_no_fresh_numbers():
    exercise = dataclasses.replace(TOY)
    for _ in range(3):
        diagnose("99_toy", exercise, TOY.solution)
    assert {seed for _, _, seed in exercise.observed} == {0}


def test_checks_in_threads_leave_standard_output_alone(capsys):
    with ThreadPoolExecutor(4) as pool:
        verdicts = list(pool.map(lambda _: diagnose("99_toy", dataclasses.replace(TOY), TOY.solution), range(24)))
    assert {verdict.outcome for verdict in verdicts} == {"PASS"}
    print("here")
    assert capsys.readouterr().out == "here\n"


def test_broken_solution_is_the_authors_mistake():
    exercise = dataclasses.replace(TOY, solution=TOY.solution | {"scale": lambda x, factor: 1 / 0})
    with pytest.raises(RuntimeError, match="fails on the solution"):
        diagnose("99_toy", exercise, TOY.solution)


# Whom it accuses


def test_one_wrong_function_does_not_hide_the_name_of_another():
    verdict = check(scale=lambda x, factor: x + factor, split=lambda x: 3)
    assert verdict.mistake == "adds the factor"


def test_two_mistakes_together_are_named_where_they_are_stored_together():
    assert check(scale=lambda x, factor: x + factor, total=np.mean).mistake == "mean, and adds"


def test_nearly_a_stored_mistake_is_not_accused():
    verdict = check(scale=lambda x, factor: x + factor * (1 + 1e-6))
    assert (verdict.mistake, verdict.explanation, verdict.note) == ("", "", UNKNOWN)


def test_a_mistake_on_one_probe_only_is_not_accused():
    verdict = check(scale=lambda x, factor: x + factor if x[0, 0] == 2 else factor * x)
    assert verdict.outcome == "WRONG"
    assert verdict.mistake == ""


def test_twins_are_not_accused():
    twin = Mistake("adds it, too", wrong_scale(lambda x, factor: factor + x), "The same.")
    exercise = dataclasses.replace(TOY, mistakes=(*TOY.mistakes, twin))
    verdict = diagnose("99_toy", exercise, TOY.solution | wrong_scale(lambda x, factor: x + factor))
    assert (verdict.outcome, verdict.mistake) == ("WRONG", "")


def test_another_exception_of_the_same_type_is_not_accused():
    def raising(x, factor):
        raise ValueError("something else")

    verdict = check(scale=raising)
    assert verdict.mistake == ""
    assert "ValueError: something else" in verdict.got


def test_a_mistake_is_named_by_its_values_though_an_argument_was_changed():
    def adds_in_place(x, factor):
        x += factor
        return x

    verdict = check(scale=adds_in_place)
    assert verdict.mistake == "adds the factor"
    assert verdict.problem.startswith("besides, x of scale was changed in place: make new ones")
    assert check(scale=lambda x, factor: np.multiply(x, factor, out=x)).mistake == "multiplies in place"


def test_a_mistake_that_shows_later_is_named_though_an_argument_was_changed_before():
    def mean_in_place(x):
        x /= x.size
        return np.sum(x)

    plain = call("total", "sum of zero", x=np.tile([-1.0, 0.0, 1.0], (5, 1)))
    exercise = dataclasses.replace(TOY, probes=(plain, *TOY.probes))
    verdict = diagnose("99_toy", exercise, TOY.solution | {"total": mean_in_place})
    assert (verdict.probe, verdict.mistake) == (4, "mean")
    assert "besides, x of total was changed in place" in verdict.problem


def test_unknown_values_and_a_changed_argument_are_both_told():
    def scale(x, factor):
        x += 1
        return 2 * factor * (x - 1)

    verdict = check(scale=scale)
    assert verdict.problem.startswith("every value is 2 × the expected one; besides, x of scale was changed")


# Answers that do strange things


@pytest.mark.parametrize(
    ("wrong", "got", "problem"),
    [
        (lambda x, factor: None, "None", "return"),
        (lambda x, factor: (factor * x).tolist(), "a list of 5", "not"),
        (lambda x, factor: (factor * x).astype(np.float32), "float32", "should the result be"),
        (lambda x, factor: (factor * x).astype(int), "int64", "should the result be"),
        (lambda x, factor: factor * x[:, :2], "shape (5, 2)", ""),
        (lambda x, factor: np.matrix(factor * x), "matrix", ""),
        (lambda x, factor: factor * x / 0, "inf", "NaN or infinity"),
        (lambda x, factor: (factor * x, 1), "a tuple of 2", ""),
        (lambda x, factor: "six", "type str", ""),
        (lambda x, factor: factor * x + np.random.default_rng().uniform(), "", "second call"),
        (lambda x: 3 * x, "TypeError", "exception"),
    ],
)
def test_strange_results_are_called_by_their_name(wrong, got, problem):
    exercise = dataclasses.replace(TOY, mistakes=())
    verdict = diagnose("99_toy", exercise, TOY.solution | {"scale": wrong})
    assert verdict.outcome == "WRONG"
    assert got in verdict.got
    assert problem in verdict.problem or (problem == "not" and "array" in verdict.problem)


def test_result_that_a_later_call_overwrites():
    buffer = np.empty(SHAPE)

    def scale(x, factor):
        return np.multiply(x, factor, out=buffer)

    verdict = check(scale=scale)
    assert verdict.outcome == "WRONG"
    assert "later call overwrites" in verdict.got


def test_part_of_a_tuple_is_named():
    verdict = check(split=lambda x: (x[:, 0], x))
    assert verdict.got == "transposed = an array of shape (5, 3)"
    assert verdict.problem == "it is the transpose"
    verdict = check(split=lambda x: (x[:, 1], x.T))
    assert verdict.got.startswith("column = [")


def test_texts_of_two_arrays_differ_though_they_begin_alike():
    def later(x, factor):
        return factor * x + np.arange(15).reshape(SHAPE) // 14 / 8

    exercise = dataclasses.replace(TOY, probes=TOY.probes[1:])
    verdict = diagnose("99_toy", exercise, TOY.solution | {"scale": later})
    assert verdict.got.endswith("at [4, 2]")
    assert float(verdict.got.split()[0]) == pytest.approx(float(verdict.expected.split()[0]) + 0.125, abs=1e-3)


def test_tell_has_bare_values():
    verdict = check(split=lambda x: (x[:, -1], x.T))
    assert verdict.got.startswith("column = [")
    assert verdict.explanation == f"{verdict.got[9:]} instead of {verdict.expected[9:]}."


def test_named_tuple_and_tuple_are_the_same():
    class Both(NamedTuple):
        column: np.ndarray
        transposed: np.ndarray

    assert check(split=lambda x: Both(x[:, 0], x.T)).outcome == "PASS"
    assert check(split=lambda x: [x[:, 0], x.T]).got == "a list of 2"


@pytest.mark.parametrize("number", [lambda x: float(x.sum()), lambda x: np.array(x.sum())])
def test_any_kind_of_number_will_do(number):
    assert check(total=number).outcome == "PASS"


@pytest.mark.parametrize(
    "number", [lambda x: np.float32(x.sum()), lambda x: x.sum(keepdims=True), lambda x: True, complex]
)
@pytest.mark.parametrize("right", [total, lambda x: float(np.sum(x))])
def test_not_every_kind_of_number_will_do(number, right):
    exercise = dataclasses.replace(TOY, solution=TOY.solution | {"total": right})
    verdict = diagnose(
        "99_toy", exercise, exercise.solution | {"total": lambda x: number(x) if number is not complex else 1j}
    )
    assert verdict.outcome == "WRONG"


def test_renamed_parameters_do_not_matter():
    assert check(scale=lambda images, by: by * images).outcome == "PASS"


def test_a_probe_that_stumbles_over_a_result_blames_the_result():
    probe = Probe("sum of the first row", lambda answer, rng: answer.scale(rng.normal(size=SHAPE), 2.0)[0].sum())
    exercise = dataclasses.replace(TOY, probes=(probe,), mistakes=())
    verdict = diagnose("99_toy", exercise, TOY.solution | {"scale": lambda x, factor: None})
    assert verdict.problem == "is the `return` missing?"
    assert (verdict.got, verdict.expected) == ("None", "an array of shape (5, 3)")


def test_an_exception_is_set_against_the_result_of_that_call():
    def observe(answer, rng):
        answer.total(rng.normal(size=SHAPE))
        return {"scaled": answer.scale(rng.normal(size=SHAPE), 2.0)}

    def raising(x, factor):
        raise ValueError("lost")

    exercise = dataclasses.replace(TOY, probes=(Probe("both", observe),), mistakes=())
    verdict = diagnose("99_toy", exercise, TOY.solution | {"scale": raising})
    assert (verdict.got, verdict.expected) == ("ValueError: lost", "an array of shape (5, 3)")


def test_an_exception_in_a_late_call_asks_for_a_result():
    def first_ones_only(x):
        return np.sum(x) if len(x) < 15 else raising(x)

    def raising(x):
        raise ValueError("lost")

    often = Probe("often", lambda answer, rng: sum(answer.total(np.ones((n, 3))) for n in range(20)))
    exercise = dataclasses.replace(TOY, probes=(often,), mistakes=())
    verdict = diagnose("99_toy", exercise, TOY.solution | {"total": first_ones_only})
    assert (verdict.got, verdict.expected) == ("ValueError: lost", "a result")
    assert verdict.called == "total(x=full((15, 3), 1)) and 15 more"


def test_an_exception_of_the_probe_asks_for_no_particular_value():
    probe = Probe("a look-up", lambda answer, rng: {"sum": {3.0: 1}[float(answer.total(np.ones(3)))]})
    exercise = dataclasses.replace(TOY, probes=(probe,), mistakes=())
    verdict = diagnose("99_toy", exercise, TOY.solution | {"total": np.mean})
    assert (verdict.got, verdict.expected) == ("KeyError: 1.0", "no exception")


def test_an_exception_in_a_given_helper_is_the_callers(tmp_path, monkeypatch):
    def _given(x):
        raise ValueError("shapes")

    def _mine(x):
        return _given(x)

    def total(x):
        return _mine(x)

    monkeypatch.setattr(catalogue_module, "COURSE", tmp_path)
    (tmp_path / "99_toy").mkdir()
    (tmp_path / "99_toy" / "stub.py").write_text("def _given(x):\n    pass\n", encoding="utf-8")
    assert check(total=total).where.endswith(f":{_mine.__code__.co_firstlineno + 1}")
    (tmp_path / "99_toy" / "stub.py").write_text("", encoding="utf-8")
    assert check(total=total).where.endswith(f":{_given.__code__.co_firstlineno + 1}")


def dictionary(**entries):
    """An exercise whose one function returns this."""
    return dataclasses.replace(
        TOY, solution={"make": lambda: entries}, probes=(call("make -> first"),), mistakes=(), alternatives=()
    )


def test_missing_and_unknown_keys_are_named():
    exercise = dictionary(**dict.fromkeys("abcdef", 1.0))
    verdict = diagnose("99_toy", exercise, {"make": lambda: dict.fromkeys("bcdefg", 1.0)})
    assert verdict.got == "a dict, missing: 'a'; unknown: 'g'"
    assert verdict.expected == "a dict of 6 with 'a', 'b', 'c' and 3 more"
    verdict = diagnose("99_toy", exercise, {"make": dict})
    assert verdict.got == "a dict, missing: 'a', 'b', 'c' and 3 more"


def test_text_is_shown_whole_and_speaks_for_itself():
    verdict = diagnose("99_toy", dictionary(said="x" * 100), {"make": lambda: {"said": "y" * 1999}})
    assert verdict.got == f"said = '{'y' * 1999}'"
    assert verdict.note == ""
    verdict = diagnose("99_toy", dictionary(said="x" * 100), {"make": lambda: {"said": "y" * 9999}})
    assert verdict.got == f"said = '{'y' * 2000}' …"


def test_truth_values_and_whole_numbers_are_asked_for_by_name():
    for right, said in ((np.ones(3, bool), "True or False"), (np.ones(3, int), "a whole number")):
        verdict = diagnose("99_toy", dictionary(a=right), {"make": lambda: {"a": np.ones(3)}})
        assert verdict.problem == f"every entry should be {said}"


def test_a_named_mistake_needs_no_structure():
    transposed = Mistake("transposed", wrong_scale(lambda x, factor: factor * x.T), "Axes.")
    exercise = dataclasses.replace(TOY, mistakes=(transposed,))
    verdict = diagnose("99_toy", exercise, TOY.solution | transposed.functions)
    assert (verdict.mistake, verdict.problem) == ("transposed", "")
    other = diagnose("99_toy", TOY, TOY.solution | transposed.functions)
    assert (other.mistake, other.problem) == ("", "it is the transpose")


def test_exit_is_an_exception():
    def leave(x):
        raise SystemExit(3)

    assert check(total=leave).got == "SystemExit: 3"


def test_traceback_begins_with_the_answer():
    def total(x):
        return helper(x)

    def helper(x):
        raise KeyError("lost")

    verdict = check(total=total)
    assert verdict.traceback.count("File ") == 2
    assert "exercises" + "/kit" not in verdict.traceback
    assert "return helper(x)" in verdict.traceback


# One probe


def test_one_probe_alone_shows_values_on_success_too(capsys):
    def total(x):
        print("shape", x.shape)
        return np.sum(x)

    verdict = diagnose_probe("99_toy", TOY, TOY.solution | {"total": total}, 3)
    assert (verdict.outcome, verdict.probe) == ("PASS", 3)
    assert verdict.got == verdict.expected != ""
    assert capsys.readouterr().out == "shape (5, 3)\n"
    assert diagnose_probe("99_toy", TOY, TOY.solution | {"total": np.mean}, 3).outcome == "WRONG"
    assert diagnose_probe("99_toy", TOY, TOY.solution | {"total": not_written}, 3).outcome == "NOT WRITTEN YET"


# Comparing


@pytest.mark.parametrize(
    ("got", "expected", "kind"),
    [
        (np.ones(3), np.ones(3), None),
        (np.ones(3) + 1e-11, np.ones(3), None),
        (np.ones(3) + 1e-8, np.ones(3), "value"),
        (np.array([1e6, 1 + 1e-3]), np.array([1e6, 1.0]), "value"),
        (np.array([1e6, 1 + 1e-12]), np.array([1e6, 1.0]), None),
        (np.ones((3, 1)), np.ones(3), "shape"),
        (np.ones(3, np.float32), np.ones(3), "dtype"),
        (np.ones(3, np.int32), np.ones(3, np.int64), None),
        (np.ones(3, bool), np.ones(3), "dtype"),
        (np.array([1, np.nan]), np.ones(2), "finite"),
        (np.array([1, np.inf]), np.array([1, -np.inf]), "finite"),
        (0, np.float64(0), None),
        (-0.0, 0.0, None),
        (1e-17, 0.0, None),
        (1e-9, 0.0, "value"),
        (14.0, 14, None),
        (1 + 0j, 1.0, "dtype"),
        (True, 1.0, "type"),
        (True, np.bool_(True), None),
        (False, True, "value"),
        ("a", "b", "value"),
        (None, 1.0, "type"),
        ({"a": 1.0}, {"b": 1.0}, "type"),
        ({"a": 1.0, "b": 2.0}, {"b": 2.0, "a": 1.0}, None),
        ((1.0, 2.0), (1.0, 2.0, 3.0), "type"),
        ((1.0, (2.0, np.ones(2))), (1.0, (2.0, np.zeros(2))), "value"),
        (np.zeros((0, 3)), np.zeros((0, 3)), None),
    ],
)
def test_differences(got, expected, kind):
    found = compare.first_difference(got, expected, 1e-9)
    assert (found and found.kind) == kind


def test_shape_is_told_before_values():
    found = compare.first_difference((np.zeros(3), np.ones(4)), (np.ones(3), np.ones(5)), 1e-9)
    assert (found.kind, found.path) == ("shape", (1,))


X = np.random.default_rng(0).standard_normal((5, 7))
WAVE = np.arange(-3.0, 4.0)
"""Reversed, it is minus itself."""


@pytest.mark.parametrize(
    ("got", "expected", "said"),
    [
        (X.T, X, "transpose"),
        (X[::-1], X, "reversed along axis 0"),
        (X[::-1, ::-1], X, "reversed along axis 0 and 1"),
        (np.roll(X, 1, axis=1), X, "shifted by +1 along axis 1"),
        (np.roll(X, -1, axis=0), X, "shifted by -1 along axis 0"),
        (np.zeros_like(X), X, "the worst of 35 wrong entries (of 35)"),
        (np.where(np.arange(5)[:, None] == 3, 0, X), X, "only index 3 of axis 0"),
        (np.pad(X[1:-1, 1:-1], 1), X, "only the border"),
        (X + np.eye(5, 7) * 1e-3, X, "the worst of 5 wrong"),
        (X + (X[2, 4] == X), X, "the only wrong entry (of 35) is [2, 4]"),
        (-WAVE, WAVE, "every value is minus"),
        (-X, X, "every value is minus"),
        (X[None].transpose(1, 2, 0), X[None], "its axes come in the order (1, 2, 0)"),
    ],
)
def test_structure_is_seen(got, expected, said):
    found = compare.first_difference(got, expected, 1e-9)
    assert said in compare.explain(found, 1e-9)


@pytest.mark.parametrize(
    ("got", "expected"),
    [
        (np.array([3.0, 2.0, 1.0]), np.array([1.0, 2.0, 3.0])),
        (np.array([2.0, 3.0, 4.0, 9.0]), np.array([1.0, 2.0, 3.0, 4.0])),
        (np.pad(X[1:4, 1:2], 1), X[:5, :3]),
    ],
)
def test_no_structure_is_seen_in_a_few_numbers(got, expected):
    found = compare.first_difference(got, expected, 1e-9)
    assert compare.explain(found, 1e-9).startswith("the worst of")


@pytest.mark.parametrize(
    ("got", "said"),
    [
        (-X, "minus"),
        (X / 5, "1/5 of"),
        (2 * X, "2 ×"),
        (X * math.pi, "3.142 ×"),
        (X + 1.5, "1.5 too large"),
        (0 * X, "is 0"),
    ],
)
def test_one_factor_or_offset_for_all(got, said):
    assert said in compare.common_factor([(got, X)])
    assert compare.common_factor([(got + 1e-3 * X**2, X)]) == ""


@pytest.mark.parametrize("value", ["abc", True, None, np.array(["a", "b"])])
def test_what_is_no_number_has_no_factor(value):
    assert compare.common_factor([(value, value), (1.0, 2.0), (3.0, 4.0), (3.0, 5.0)]) == ""


def test_one_number_has_no_factor():
    assert compare.common_factor([(3.0, 6.0)]) == ""
    assert compare.common_factor([(3.0, 6.0), (1.0, 2.0), (4.0, 8.0)]) == "every value is 1/2 of the expected one"


def test_identical_sees_every_bit():
    assert compare.identical({"a": [np.array([np.nan])]}, {"a": [np.array([np.nan])]})
    assert not compare.identical(np.zeros(2), np.zeros(2, np.float32))
    assert not compare.identical((X, X), (X, X + 1e-15))


# Arguments, names, texts


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (np.array([[2, 0], [np.sqrt(2), np.sqrt(2)], [0, 2]]), "[[2 0] [1.414 1.414] [0 2]]"),
        (np.array([[0, 0, 0], [10, 20, 30]]), "[[0 0 0] [10 20 30]]"),
        (np.zeros(3), "[0 0 0]"),
        (np.zeros((5, 3)), "zeros((5, 3))"),
        (np.full((5, 3), 2.0), "full((5, 3), 2)"),
        (np.array(3.0), "3"),
    ],
)
def test_small_arrays_are_written_out(value, shown):
    assert text.describe(value) == shown


def test_a_report_of_several_lines_is_shown_as_it_is():
    assert text.describe("one line") == "'one line'"
    assert text.describe("1 of 2\nLook here") == "1 of 2\nLook here"
    assert text.describe("a\n" * text.LONGEST) == ("a\n" * text.LONGEST)[: text.LONGEST] + " …"


def test_each_line_of_a_report_begins_under_its_label(capsys):
    console = make_console()
    show_verdict(console, Verdict("07", "WRONG", got="1 of 2\nLook here"))
    assert "  got       1 of 2\n            Look here\n" in capsys.readouterr().out


LATER = np.arange(15.0).reshape(SHAPE)


@pytest.mark.parametrize(
    ("got", "expected", "place"),
    [
        (LATER + np.eye(5, 3)[::-1] * 1e-7, LATER, "[2, 2]"),
        (np.where(LATER == 7, np.nan, LATER), LATER, "[2, 1]"),
        (np.where(LATER > 5, np.inf, LATER), np.where(LATER > 6, np.inf, LATER), "[2, 0]"),
        (LATER != 7, LATER > -1, "[2, 1]"),
        (np.full(SHAPE, 1 + 1e-8), np.ones(SHAPE), "[0, 0]"),
        (np.array([1 + 1e-8, 2.0]), np.array([1.0, 2.0]), "[0]"),
    ],
)
def test_arrays_that_differ_never_look_alike(got, expected, place):
    one, other = text.describe_both(got, expected)
    assert one != other
    assert place in one or got.dtype == bool
    assert "at" in one or got.dtype == bool


def test_arguments_are_drawn_again_for_every_seed():
    drawn = [
        draw(np.random.default_rng(1)) for draw in (normal(5, 3), uniform(5, 3, low=-1, high=1), away_from_zero(50, 3))
    ]
    assert [x.shape for x in drawn] == [(5, 3), (5, 3), (50, 3)]
    assert np.abs(drawn[1]).max() <= 1
    assert np.abs(drawn[2]).min() >= 0.05
    assert not np.array_equal(normal(5, 3)(np.random.default_rng(2)), drawn[0])


def test_exercises_are_found_by_number_name_and_file():
    assert {find(name).name for name in ("04_kl", "kl", "04", "4", "04_kl.py", "04_kl.md")} == {"04_kl"}
    with pytest.raises(InputError, match="04_kl"):
        find("nothing")


def test_only_folders_with_an_exercise_count(tmp_path, monkeypatch):
    monkeypatch.setattr(catalogue_module, "COURSE", tmp_path)
    for name in ("02_b", "01_a", "kit", "1_c", "03_empty"):
        (tmp_path / name).mkdir()
        if name != "03_empty":
            (tmp_path / name / "exercise.py").touch()
    assert [entry.name for entry in catalogue()] == ["01_a", "02_b"]


def test_hash_changes_with_content_and_not_with_line_ends(tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_bytes(b"a\nb\n")
    other.write_bytes(b"a\r\nb\r\n")
    assert content_hash(one) == content_hash(other)
    other.write_bytes(b"a\nc\n")
    assert content_hash(one) != content_hash(other)


def test_verdict_survives_json():
    verdict = check(total=np.mean)
    assert Verdict.from_json(json.loads(json.dumps(verdict.to_json()))) == verdict


def test_confusion_table_shows_what_was_not_named(monkeypatch):
    twin = Mistake("adds it, too", wrong_scale(lambda x, factor: factor + x), "The same.")
    harmless = Mistake("is right", wrong_scale(lambda x, factor: x * factor), "Not a mistake.")
    planted = dataclasses.replace(TOY, mistakes=(*TOY.mistakes[:2], twin, harmless))
    monkeypatch.setattr(catalogue_module.Entry, "load", lambda entry: planted)
    rows = confusion(find("04"))
    assert [row.ok() for row in rows] == [False, True, False, False]
    assert table(find("04"), rows).splitlines() == [
        "04_kl: 1/4 mistakes named as themselves",
        "  NO  adds the factor  ->  not recognised",
        "  ok  forgets the factor",
        "  NO  adds it, too  ->  not recognised",
        "  NO  is right  ->  PASS",
    ]


# Links


def test_links_follow_the_code(tmp_path):
    code, page = tmp_path / "code.py", tmp_path / "page.md"
    code.write_text("import math\n\n\ndef area(r):\n    return math.pi * r**2\n\n\nLIMIT: int = 3\n", encoding="utf-8")
    page.write_text("[`area`](code.py#L1), [`LIMIT`](code.py#L8), [web](https://example.org#L3), [code](code.py)\n")
    assert [problem_of(link) for link in links_of(page)] == ["", "", ""], "the name counts, not the line"
    assert renumber(page) == 1
    assert "[`area`](code.py#L4)" in page.read_text(encoding="utf-8")
    assert not any(map(problem_of, links_of(page)))
    assert renumber(page) == 0


def test_dead_links_are_seen(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("[a](nowhere.md) [`gone`](page.md#L1)\n", encoding="utf-8")
    first, second = links_of(page)
    assert "leads nowhere" in problem_of(first)
    assert "does not define gone" in problem_of(second)
    assert line_of(Link("x", page, "", LINK.search("[x](y)"))) is None


# In a notebook


def test_notebook_check_prints_the_verdict(capsys):
    exercises.check("04_kl", kl=lambda mu, logvar: 0.0)
    assert capsys.readouterr().out.startswith("WRONG  04_kl, probe 2 of 8")
    exercises.check("4")
    assert capsys.readouterr().out.startswith("NOT WRITTEN YET  04_kl")


def endless(mu, logvar):
    while True:
        pass


def waiting(mu, logvar):
    threading.Event().wait()


def stubborn(mu, logvar):
    while True:
        with contextlib.suppress(Exception):
            endless(mu, logvar)


def check_kl(**functions):
    exercises.check("04", time_limit=0.3, **functions)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs alarms")
@pytest.mark.parametrize("loop", [endless, waiting, stubborn])
def test_notebook_check_ends_an_endless_loop_and_judges_the_other_functions(loop, capsys):
    before = signal.getsignal(signal.SIGALRM)
    right = find("04").load().solution
    check_kl(**(right | {"kl": loop}))
    out = capsys.readouterr().out
    assert out.startswith("WRONG  04_kl")
    assert "nothing in 0.3 s" in out
    assert "does a loop never end?" in out
    check_kl(**(right | {"kl_per_image": loop, "kl": lambda mu, logvar: 2 * right["kl"](mu, logvar)}))
    out = capsys.readouterr().out
    assert "kl_per_image: nothing in 0.3 s" in out
    assert "2 ×" in out or "factor" in out
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0
    check_kl(**right)
    assert capsys.readouterr().out.startswith("PASS")


@pytest.mark.parametrize("loop", [endless, stubborn])
def test_notebook_check_ends_an_endless_loop_without_alarms(loop, capsys):
    """In another thread than the main one, as on a system that has none."""
    thread = threading.Thread(target=check_kl, kwargs={"kl": loop})
    thread.start()
    thread.join(60)
    assert not thread.is_alive()
    assert "nothing in 0.3 s" in capsys.readouterr().out


def test_the_limit_of_a_thread_does_not_reach_what_runs_later():
    def many():
        calls = Interrupted({}, 0.01)
        for _ in range(300):
            with contextlib.suppress(TimeUp), calls.limit():
                sum(range(3000))
        done.append(True)

    done = []
    thread = threading.Thread(target=many)
    thread.start()
    thread.join(60)
    assert done == [True]


@pytest.mark.parametrize("in_thread", [False, True])
def test_a_limit_that_is_reached_as_the_block_ends_keeps_its_message(in_thread):
    said = []

    def many():
        before = signal.getsignal(signal.SIGALRM)
        for _ in range(200):
            begin = time.perf_counter()
            try:
                with Interrupted({}, 0.002).limit():
                    while time.perf_counter() - begin < 0.002:
                        pass
            except TimeUp as error:
                said.append(str(error))
        said.append(signal.getsignal(signal.SIGALRM) is before)

    if in_thread:
        thread = threading.Thread(target=many)
        thread.start()
        thread.join(60)
        assert not thread.is_alive()
    else:
        many()
    *messages, same_handler = said
    assert set(messages) <= {"nothing in 0.002 s"}  # where the limit came first
    assert same_handler is True


TRACED_AFTERWARDS = """
import sys, threading
from exercises.kit.interrupt import Interrupted

def limited():
    with Interrupted({}, 10).limit():
        pass

thread = threading.Thread(target=limited)
thread.start()
thread.join()

def traced():
    return sum(range(3))

sys.settrace(lambda *event: None)
traced()
print("done")
"""


def test_a_function_that_is_traced_after_the_limit_of_a_thread_ends():
    """As in a debugger. CPython 3.11 loops for ever there once PyThreadState_SetAsyncExc was called without a class."""
    done = subprocess.run(
        [sys.executable, "-c", TRACED_AFTERWARDS], cwd=CHECKOUT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == "done\n", done.stderr


def test_a_kernel_goes_on_after_an_endless_loop():
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    code = "from exercises import check\n\ndef kl(mu, logvar):\n    while True: pass\n\n"
    cells = [code + "check('04', time_limit=1, kl=kl)", "print(6 * 7)"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbclient.NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(CHECKOUT)}}).execute()
    shown = ["".join(output["text"] for output in cell.outputs) for cell in notebook.cells]
    assert "nothing in 1 s" in shown[0]
    assert shown[1] == "42\n"


@pytest.mark.parametrize("seconds", [0, -1, float("nan")])
def test_notebook_check_refuses_a_limit_that_is_none(seconds):
    with pytest.raises(InputError, match="time limit: expected seconds above 0"):
        exercises.check("04", time_limit=seconds)


@pytest.mark.parametrize(
    ("name", "functions", "said"),
    [("99", {}, "expected one of"), ("04", {"lk": len}, "'lk'"), ("04", {"kl": 3}, "got int")],
)
def test_notebook_check_refuses(name, functions, said):
    with pytest.raises(InputError, match=said):
        exercises.check(name, **functions)
