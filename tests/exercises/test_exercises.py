"""The authors' suite: what every exercise must hold, run over all that exist.

One exercise alone: pytest tests/exercises/test_exercises.py -k 04
"""

import contextlib
import importlib
import inspect
import io
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from exercises.kit.catalogue import catalogue
from exercises.kit.diagnose import diagnose
from exercises.kit.exercise import Exercise
from exercises.kit.observe import measurable, stored_observation
from exercises.kit.page import EFFORT, QUESTION, effort_of, question_of
from tools.confusion import confusion, table
from tools.links import links_of, problem_of

CHECKOUT = Path(__file__).parents[2]
ENTRIES = catalogue()
SEEDS = (0, 101), (7, 102), (23, 103)
SECTIONS = ("## Idea", "## Formula", "## Task", "## What the check looks at", "## Read on")

every_exercise = pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)


def stub_of(entry):
    return importlib.import_module(f"exercises.{entry.name}.stub")


def outcome_of(entry, seeds=SEEDS[0], **replaced):
    exercise = entry.load()
    return diagnose(entry.name, exercise, exercise.solution | replaced, seeds)


def looks_of(exercise, seed=0):
    """What every probe sees of the solution."""
    return [
        stored_observation(exercise, index, seed) for index, probe in enumerate(exercise.probes) if measurable(probe)
    ]


# The pieces


def test_there_are_exercises():
    assert ENTRIES
    assert len({entry.number for entry in ENTRIES}) == len(ENTRIES)


@every_exercise
def test_exercise_is_whole(entry):
    exercise = entry.load()
    assert isinstance(exercise, Exercise)
    assert exercise.solution
    assert exercise.probes
    names = [mistake.name for mistake in exercise.mistakes]
    assert names
    assert len(set(names)) == len(names)
    for mistake in exercise.mistakes:
        assert mistake.functions, mistake.name
        assert mistake.functions.keys() <= exercise.solution.keys(), mistake.name
        assert mistake.explanation.strip(), mistake.name
    for alternative in exercise.alternatives:
        assert alternative.keys() <= exercise.solution.keys()


@every_exercise
def test_stub_asks_for_what_the_solution_has(entry):
    exercise, stub = entry.load(), stub_of(entry)
    asked = {
        name: function
        for name, function in vars(stub).items()
        if inspect.isfunction(function) and function.__module__ == stub.__name__ and not name.startswith("_")
    }
    assert list(asked) == list(exercise.solution)
    for name, function in asked.items():
        parameters = inspect.signature(function).parameters
        wanted = inspect.signature(exercise.solution[name]).parameters
        assert list(parameters) == list(wanted)[: len(parameters)], name
        for extra in list(wanted.values())[len(parameters) :]:
            assert extra.default is not extra.empty, f"{name}: {extra.name} has no default, so the stub needs it"
        assert all(parameter.annotation is not parameter.empty for parameter in parameters.values()), name
        assert inspect.signature(function).return_annotation is not inspect.Signature.empty, name
        for parameter in parameters:
            assert re.search(rf"\b{parameter}\b", function.__doc__), (
                f"{name}: the docstring does not explain {parameter}"
            )
        assert "Returns" in function.__doc__, name
    assert stub.__doc__
    assert f"{entry.name}.md" in stub.__doc__


@every_exercise
def test_page_has_its_sections_and_its_links_lead_somewhere(entry):
    text = entry.page.read_text(encoding="utf-8")
    assert text.startswith(f"# {entry.number} · ")
    places = [text.find(f"\n{section}\n") for section in SECTIONS]
    assert -1 not in places, dict(zip(SECTIONS, places, strict=True))
    assert places == sorted(places)
    assert len(text.splitlines()) <= 100, "a page is one or two screens"
    for name in entry.load().solution:
        assert re.search(rf"\b{name}\b", text), f"the page does not mention {name}"
    problems = [problem for link in links_of(entry.page) if (problem := problem_of(link))]
    assert not problems, problems


KOREAN = {"easy": "쉬움", "medium": "보통", "hard": "어려움"}
EFFORTS = {"en": EFFORT, "ko": re.compile(r"^난이도: (\S+) · 시간: 약 (\d+)분\(추정\)$", re.MULTILINE)}


@every_exercise
def test_page_says_difficulty_and_time_under_its_title(entry):
    effort, english = effort_of(entry), entry.english_page
    assert effort is not None, f"{english.name}: Difficulty: medium · time: about 30 minutes, an estimate"
    assert effort.difficulty in KOREAN
    assert 5 <= effort.minutes <= 180
    assert effort.minutes % 5 == 0, "an estimate is not known to the minute"
    pages = {"en": english, "ko": english.with_suffix(".ko.md")}
    for language, page in pages.items():
        if page.is_file():
            text = page.read_text(encoding="utf-8")
            found = list(EFFORTS[language].finditer(text))
            assert len(found) == 1, page.name
            before = [line for line in text[: found[0].start()].splitlines() if line]
            assert all(line.startswith(("#", "[")) for line in before), f"{page.name}: not under the title"
            difficulty = effort.difficulty if language == "en" else KOREAN[effort.difficulty]
            assert found[0].groups() == (difficulty, str(effort.minutes)), page.name


@every_exercise
def test_page_asks_a_question_that_the_exercise_answers(entry):
    """In both languages; the answer is hidden until the pass, so no page has it."""
    answer = entry.load().model_answer
    assert len(answer) > 30, 'model_answer=... of exercise.py answers the page\'s "Before you write"'
    for page in (entry.english_page, entry.english_page.with_suffix(".ko.md")):
        if page.is_file():
            text = page.read_text(encoding="utf-8")
            assert len(QUESTION.findall(text)) == 1, page.name
            assert QUESTION.search(text)[0].rstrip().endswith(("?", ".")), page.name
    assert answer not in " ".join(entry.english_page.read_text(encoding="utf-8").split())
    assert "$" not in question_of(entry)
    assert "\\" not in question_of(entry)


@every_exercise
def test_hints_help_without_being_the_solution(entry):
    exercise = entry.load()
    assert len(set(exercise.hints)) == 3
    assert all(len(hint) > 30 for hint in exercise.hints)
    hints = ["".join(hint.split()) for hint in exercise.hints]
    for function in (*exercise.solution.values(), *exercise.source_functions()):
        body = inspect.getsource(function).replace(function.__doc__ or "\0", "")
        for line in body.splitlines()[1:]:
            code = "".join(line.split()).removeprefix("return")
            if len(code) > 15 and not code.startswith(("def", "#", '"""', "@")):
                assert not any(code in hint for hint in hints), f"a hint of {entry.name} contains {line.strip()!r}"


# The verdicts


@every_exercise
def test_untouched_stub_is_not_written_yet(entry):
    stub = stub_of(entry)
    exercise = entry.load()
    untouched = {name: getattr(stub, name) for name in exercise.solution}
    assert diagnose(entry.name, exercise, untouched).outcome == "NOT WRITTEN YET"
    for name, function in untouched.items():  # the others being right
        verdict = outcome_of(entry, **{name: function})
        assert verdict.outcome == "NOT WRITTEN YET", f"{name} is not probed"
        assert name in verdict.note or len(untouched) == 1


@every_exercise
def test_solution_and_alternatives_pass(entry):
    exercise = entry.load()
    expected = "PASS" if all(map(measurable, exercise.probes)) else "NOT MEASURED"
    for seeds in SEEDS:
        for number, alternative in enumerate(({}, *exercise.alternatives)):
            verdict = outcome_of(entry, seeds, **alternative)
            assert verdict.outcome == expected, f"alternative {number}\n{verdict}\n{verdict.traceback}"


@pytest.mark.parametrize(
    ("entry", "seeds"),
    [
        pytest.param(entry, seeds, id=f"{what}-{entry.name}", marks=[pytest.mark.slow] * (what == "fresh"))
        for entry in ENTRIES
        for what, seeds in zip(("usual", "fresh"), SEEDS, strict=False)
    ],
)
def test_every_mistake_is_named_as_itself_in_whole_messages(entry, seeds):
    rows = confusion(entry, seeds)
    print("\n" + table(entry, rows))
    wrong = "\n\n".join(str(row.verdict) for row in rows if not row.ok())
    assert all(row.ok() for row in rows), f"{table(entry, rows)}\n\n{wrong}"
    for row in rows:
        verdict = row.verdict
        assert verdict.called, row.mistake
        assert verdict.got, row.mistake
        assert verdict.expected, row.mistake
        assert verdict.got != verdict.expected, row.mistake
        assert "{" not in verdict.explanation, f"{row.mistake}: only {{got}} and {{expected}} are filled in"


# The probes


@every_exercise
def test_every_function_meets_fresh_numbers_of_sizes_that_differ(entry):
    """Sizes that are > 2 and differ, in float64, and random: or two mistakes look alike, and a constant passes."""
    exercise = entry.load()
    looks, others = looks_of(exercise, seed=1), looks_of(exercise, seed=2)
    for name in exercise.solution:
        fresh = telling = False
        several_axes = False
        for one, other in zip(looks, others, strict=True):
            for mine, theirs in zip(one.calls, other.calls, strict=False):
                if name not in (mine.function, theirs.function):
                    continue
                pairs = zip(mine.arguments.values(), theirs.arguments.values(), strict=False)
                fresh |= any(repr(a) != repr(b) for a, b in pairs)
                arrays = [a for a in mine.arguments.values() if isinstance(a, np.ndarray) and a.ndim > 1]
                several_axes |= bool(arrays)
                telling |= any(min(a.shape) > 2 and len(set(a.shape)) == a.ndim and a.dtype == float for a in arrays)
        assert fresh, f"{name} is never called with fresh numbers"
        assert telling or not several_axes, f"{name}: sizes of an array > 2, different, float64"


def arrays_in(value, path):
    """Every array in an argument that may be a dict or tuple, with the path that leads to it."""
    if isinstance(value, np.ndarray):
        yield path, value
    elif isinstance(value, dict | tuple | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in items:
            yield from arrays_in(item, (*path, key))


def sizes_of(exercise, seeds):
    """The sizes that each axis of each argument has in these rounds, by (function, path, axis)."""
    sizes = {}
    for seed in seeds:
        for call in (call for look in looks_of(exercise, seed) for call in look.calls):
            for path, array in arrays_in(call.arguments, ()):
                for axis, size in enumerate(array.shape):
                    sizes.setdefault((call.function, path, axis), set()).add(size)
    return sizes


def fits(function, signature, path, axis, size):
    """A right function for one size of one axis of an argument, which raises for every other."""

    def fitted(*args, **kwargs):
        for where, array in arrays_in(signature.bind(*args, **kwargs).arguments, ()):
            if where == path and array.ndim > axis and array.shape[axis] != size:
                raise ValueError(f"made for {size}")
        return function(*args, **kwargs)

    return fitted


@every_exercise
def test_answer_that_fits_one_size_of_an_axis_is_refused(entry):
    exercise, checked = entry.load(), set()
    for (name, path, axis), sizes in sizes_of(exercise, (0, 101, 102)).items():
        assert len(sizes) > 1 or exercise.fixed(path, axis, sizes), f"{name}: one size of axis {axis} of {path}"
    for (name, path, axis), sizes in sizes_of(exercise, (0,)).items():
        if exercise.fixed(path, axis, sizes) or (name, tuple(sizes)) in checked:
            continue
        checked.add((name, tuple(sizes)))  # one axis for all with the same sizes: 13 has many parameters
        function = exercise.solution[name]
        for size in sizes:
            fitted = fits(function, inspect.signature(function), path, axis, size)
            verdict = outcome_of(entry, **{name: fitted})
            assert verdict.outcome == "WRONG", f"{name} for size {size} of axis {axis} of {path}"


@every_exercise
def test_probes_that_require_a_module_come_last(entry):
    """A check begins with those that need nothing, and stops there if one fails."""
    needs = [bool(probe.requires) for probe in entry.load().probes]
    assert needs == sorted(needs)


@every_exercise
def test_expected_values_are_finite_and_tolerances_small(entry):
    exercise = entry.load()
    assert all(probe.tolerance <= 1e-5 for probe in exercise.probes)
    for look in looks_of(exercise):
        assert look.error is None
        assert not look.mutated
        stack = [look.value]
        while stack:
            value = stack.pop()
            if isinstance(value, dict):
                stack += value.values()
            elif isinstance(value, tuple | list):
                stack += value
            elif not isinstance(value, str | type(None)):
                assert np.isfinite(value).all()


# Answers that go wrong in other ways than arithmetic


def returning(change):
    """Wraps a function so that `change` is applied to what it returns; remembers whether that made a difference."""

    def wrap(function):
        def changed(*args, **kwargs):
            result = function(*args, **kwargs)
            new = change(result)
            changed.applied |= new is not result
            return new

        changed.applied = False
        return changed

    return wrap


def as_list(result):
    if isinstance(result, tuple):
        return list(result)
    return result.tolist() if isinstance(result, np.ndarray) and result.ndim else result


def as_float32(result):
    if isinstance(result, tuple):
        return tuple(map(as_float32, result))
    return result.astype(np.float32) if isinstance(result, np.ndarray) and result.dtype == float else result


def as_view(result):
    if isinstance(result, np.ndarray) and result.ndim:
        return np.repeat(result[..., None], 2, axis=-1)[..., 0]
    return result


def raising(function):
    def changed(*args, **kwargs):
        raise LookupError("lost in latent space")

    changed.applied = True
    return changed


def mutating(function):
    def changed(*args, **kwargs):
        result = function(*args, **kwargs)
        for value in args:
            if isinstance(value, np.ndarray) and value.dtype == float and value.size:
                value += 1
                changed.applied = True
        return result

    changed.applied = False
    return changed


def printing(function):
    def changed(*args, **kwargs):
        print("here I am")
        return function(*args, **kwargs)

    changed.applied = True
    return changed


@every_exercise
@pytest.mark.parametrize(
    ("wrap", "said"),
    [
        (returning(lambda result: None), "None"),
        (returning(as_list), "list"),
        (returning(as_float32), "float32"),
        (raising, "lost in latent space"),
        (mutating, "changed in place"),
    ],
    ids=("None", "list", "float32", "raises", "mutates"),
)
def test_unfit_answers_get_a_clear_message(entry, wrap, said):
    for name, function in entry.load().solution.items():
        changed = wrap(function)
        verdict = outcome_of(entry, **{name: changed})
        if changed.applied:
            assert verdict.outcome == "WRONG", f"{name}\n{verdict}"
            assert said in f"{verdict.got} {verdict.problem}", f"{name}\n{verdict}"
            assert not verdict.mistake, f"{name}\n{verdict}"


@every_exercise
@pytest.mark.parametrize("wrap", [returning(as_view), printing], ids=("view", "prints"))
def test_harmless_answers_pass(entry, wrap):
    exercise = entry.load()
    expected = "PASS" if all(map(measurable, exercise.probes)) else "NOT MEASURED"
    for name, function in exercise.solution.items():
        with contextlib.redirect_stdout(io.StringIO()):
            verdict = outcome_of(entry, **{name: wrap(function)})
        assert verdict.outcome == expected, f"{name}\n{verdict}"


# The course


def test_without_torch_nothing_passes_that_needs_it():
    code = (
        "import sys\n"
        "sys.modules['torch'] = sys.modules['torchvision'] = None\n"
        "from exercises.kit.catalogue import catalogue\n"
        "from exercises.kit.diagnose import diagnose\n"
        "for entry in catalogue():\n"
        "    exercise = entry.load()\n"
        "    outcome = diagnose(entry.name, exercise, exercise.solution).outcome\n"
        "    needs = any(probe.requires == 'torch' for probe in exercise.probes)\n"
        "    assert outcome == ('NOT MEASURED' if needs else 'PASS'), (entry.name, outcome)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_course_has_at_least_120_mistakes():
    assert sum(len(entry.load().mistakes) for entry in ENTRIES) >= 120
