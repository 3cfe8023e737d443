"""Exercise 19: the stub holds the ten bugs, each is named where it is left, and the pictures are of these very bugs."""

import ast
import importlib
import inspect
import re

import numpy as np
import pytest

from exercises.kit.catalogue import find
from exercises.kit.check import load_answer
from exercises.kit.diagnose import diagnose
from foundation.architecture import initial_parameters
from numpy_impl import vae_numpy

ENTRY = find("19")
EXERCISE = ENTRY.load()
FUNCTIONS = tuple(EXERCISE.solution)
TO_REPAIR = "    _to_repair()\n"
exhibits, record = (importlib.import_module(f"exercises.{ENTRY.name}.{name}") for name in ("exhibits", "record"))
STUBS = (ENTRY.stub, *ENTRY.other_stubs())
BUGS = {name: next(one for one in EXERCISE.mistakes if one.functions.keys() == {name}) for name in FUNCTIONS}
"""The first mistake of each function is the bug that it was found with."""
PAGES = ENTRY.folder.with_suffix(".md"), ENTRY.folder.with_suffix(".ko.md")

every_function = pytest.mark.parametrize("name", FUNCTIONS)


def verdict_on(text, tmp_path):
    path = tmp_path / f"{ENTRY.name}.py"
    path.write_text(text, "utf-8")
    module = load_answer(path)
    return diagnose(ENTRY.name, EXERCISE, {name: getattr(module, name) for name in FUNCTIONS})


def code(function):
    """The statements of a function, without docstring, marker, and the underscores of the stub's helpers."""
    (definition,) = ast.parse(inspect.getsource(function)).body
    text = "\n".join(ast.unparse(line) for line in definition.body[1:])
    return re.sub(r"\b_(?=pixel_costs|latent_costs)", "", text.replace("_to_repair()\n", ""))


# The stub


@every_function
def test_stub_and_pictures_have_the_same_bug(name):
    stub = importlib.import_module(f"exercises.{ENTRY.name}.stub")
    assert code(getattr(stub, name)) == code(getattr(exhibits, name))
    assert BUGS[name].functions[name] is getattr(exhibits, name)


@pytest.mark.parametrize("stub", STUBS, ids=lambda path: path.name)
def test_stub_without_its_markers_is_wrong_by_the_first_bug(stub, tmp_path):
    text = stub.read_text("utf-8")
    assert text.count(TO_REPAIR) == len(FUNCTIONS)
    assert verdict_on(text, tmp_path).outcome == "NOT WRITTEN YET"
    verdict = verdict_on(text.replace(TO_REPAIR, ""), tmp_path)
    assert verdict.outcome == "WRONG"
    assert verdict.mistake == BUGS[FUNCTIONS[0]].name
    assert verdict.second


@every_function
def test_bug_whose_marker_alone_is_removed_is_named(name, tmp_path):
    text = ENTRY.stub.read_text("utf-8")
    begin = text.index(f"def {name}(")
    verdict = verdict_on(text[:begin] + text[begin:].replace(TO_REPAIR, "", 1), tmp_path)
    assert verdict.outcome == "WRONG"
    assert verdict.mistake == BUGS[name].name
    assert not verdict.second


@every_function
def test_every_bug_has_other_repairs_that_are_named(name):
    assert sum(one.functions.keys() == {name} for one in EXERCISE.mistakes) > 4


# The record


def numbers(count=4, latents=8):
    """Images, logits, mu, logvar and noise."""
    rng = np.random.default_rng(3)
    images = rng.random((count, 784)), 3 * rng.standard_normal((count, 784))
    return *images, *rng.standard_normal((3, count, latents))


@every_function
def test_recorded_case_is_what_the_function_does(name):
    case = record.CASES[name]
    x, logits, mu, logvar, eps = numbers(record.BATCH)
    costs = exhibits.pixel_costs(logits, x).sum(axis=1), exhibits.latent_costs(mu, logvar).sum(axis=1)
    printed = case.printed(*(part.mean() for part in costs))
    function = getattr(exhibits, name)
    if name in ("draw_latents", "noisy_latents"):
        np.testing.assert_allclose(case.latents(mu, logvar, eps), function(mu, logvar, eps), rtol=1e-12)
    elif name == "training_loss":
        assert printed == pytest.approx(function(logits, x, mu, logvar)["loss"])
    elif name == "step_loss":
        assert printed == pytest.approx(function(*costs, record.TRAIN))
    elif name == "image_loss":
        assert printed == pytest.approx(function(logits, x, mu, logvar))
    elif name == "negative_elbo":
        assert printed == pytest.approx(function(costs[0], mu, logvar).mean())
    elif name == "picture":
        np.testing.assert_array_equal(case.draw(logits), function(logits))
    elif name == "measured_loss":
        assert case.latents(mu, logvar, case.test_noise * eps).tolist() == mu.tolist()
    else:
        assert case.is_detached == (name == "encoder_gradients")
        assert case.trains_on_test == (name == "split_images")
    assert case != record.CASES["healthy"]


@pytest.mark.parametrize("name", record.CASES)
def test_recorded_case_learns_by_the_gradient_of_what_it_prints(name):
    """By central differences; the one that is detached gets the KL's gradient alone in the encoder."""
    case, rng = record.CASES[name], np.random.default_rng(0)
    parameters = initial_parameters(record.ARCHITECTURE, rng, np.float64)
    x, eps = rng.random((3, 1, 28, 28)), rng.standard_normal((3, record.ARCHITECTURE.latent_dim))
    _, gradients = record.gradients(case, parameters, x, eps)
    for bias in ("encoder.mu.bias", "encoder.logvar.bias", "decoder.fc1.bias"):
        values = []
        for step in (1e-5, -1e-5):
            parameters[bias][1] += step
            values.append(case.printed(*record.measure(case, parameters, x, eps)))
            parameters[bias][1] -= step
        slope = (values[0] - values[1]) / 2e-5
        agrees = gradients[bias][1] == pytest.approx(slope, rel=1e-4, abs=1e-7)
        assert agrees != (case.is_detached and bias.startswith("encoder")), bias
    if case.is_detached:
        mu, *_ = vae_numpy.encode(parameters, x)
        np.testing.assert_allclose(gradients["encoder.mu.bias"], mu.mean(axis=0), rtol=1e-5)


@pytest.mark.parametrize("name", record.CASES)
def test_record_begins_as_the_code_trains_today(name):
    found, pictures = record.train(record.CASES[name], record.images(), epochs=1)
    for curve, values in found.items():
        np.testing.assert_allclose(values, record.records()[name][curve][: len(values)], rtol=1e-3, err_msg=curve)
    assert pictures.shape == (2, record.SHOWN, 28, 28)
    assert 0 <= pictures.min() < pictures.max() <= 1


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_numbers_of_the_page_are_those_of_the_record(page):
    rows = re.findall(r"^\| (\d+) \| ([\d.]+) \| ([\d.]+) \|$", page.read_text("utf-8"), re.MULTILINE)
    assert f"−{record.records()['negative_elbo']['measured'][-1] / 1e20:.0f}·10²⁰" in page.read_text("utf-8")
    records = dict(enumerate(record.records().values()))
    assert len(rows) == len(records) - 1  # one has no number that could be written down
    for number, printed, measured in rows:
        found = records[int(number)]
        assert printed in (f"{found['test'][-1]:.1f}", f"{found['test'][-1]:.2f}")
        assert measured == f"{found['measured'][-1]:.1f}"


def test_the_symptoms_of_the_page_are_in_the_record():
    healthy, *found = record.records().values()
    end = [{curve: values[-1] for curve, values in one.items()} for one in found]
    usual = {curve: values[-1] for curve, values in healthy.items()}
    assert end[0]["measured"] > end[0]["test"] + 5
    assert found[1]["measured"][-1] > 2 * min(found[1]["measured"])
    assert end[2]["train"] < end[2]["test"] < usual["test"] < end[2]["measured"]
    assert end[3]["test"] < 1
    assert end[4]["test"] < -1e9
    assert end[5]["test"] < end[5]["train"] < end[5]["measured"]
    assert found[6] == healthy
    assert end[7]["test"] < usual["test"] < end[7]["measured"]
    assert end[8]["test"] == end[8]["measured"] > usual["test"] + 50
    assert end[9]["test"] < end[9]["measured"] == usual["measured"]


# The sources


@every_function
def test_every_bug_has_a_source_that_both_pages_name(name):
    (address,) = re.findall(r"https://github\.com/[\w/.-]+/\d+", inspect.getdoc(getattr(exhibits, name)))
    for page in PAGES:
        assert f"({address})" in page.read_text("utf-8")
