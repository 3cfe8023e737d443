"""Parity's own logic on stand-ins, the mistakes it must catch and name, and then the three rungs themselves."""

import io
import json
import math
import re

import numpy as np
import pytest
from rich.console import Console

from foundation.architecture import Architecture
from foundation.errors import InputError
from foundation.objective import Loss, Objective
from foundation.rung import Pass, Rung, describe_architecture
from ladder import parity
from ladder.rungs import RUNGS, make_rung

TINY = Architecture(latent_dim=4, channels=(2, 3), hidden_dim=4, image_shape=(1, 4, 8))
STEPS = 60


class StandIn(Rung):
    """Not a VAE, but cheap: each of its numbers depends on parameters, x and eps, and Adam is torch's."""

    def __init__(self, architecture, parameters):
        self.architecture, self.description = architecture, describe_architecture(architecture)
        self.p = {name: value.copy() for name, value in parameters.items()}
        self.m = {name: np.zeros_like(value) for name, value in parameters.items()}
        self.v = {name: np.zeros_like(value) for name, value in parameters.items()}
        self.steps = 0

    def differentiate(self, x, eps, objective, labels=None):
        flat = x.reshape(len(x), -1)
        mu = flat[:, : self.architecture.latent_dim] @ self.p["encoder.mu.weight"]
        logvar = mu - self.p["encoder.logvar.bias"]
        logits = x * mu.mean() + eps.mean()
        reconstruction, kl = float((logits**2).sum()), float((mu**2).sum())
        loss = Loss(reconstruction + objective.beta * kl, reconstruction, kl)
        gradients = {name: value * (1 + eps[0, 0] ** 2) + 1e-6 * x.mean() for name, value in self.p.items()}
        return Pass(mu, logvar, logits, loss, gradients)

    def step(self, x, eps, objective, labels=None):
        result = self.differentiate(x, eps, objective)
        self.steps += 1
        for name, g in result.gradients.items():
            self.m[name] = 0.9 * self.m[name] + 0.1 * g
            self.v[name] = 0.999 * self.v[name] + 0.001 * g * g
            self.p[name] -= 1e-3 * self.direction(self.m[name], self.v[name])
        return result.loss

    def direction(self, m, v):
        return m / (1 - 0.9**self.steps) / (np.sqrt(v / (1 - 0.999**self.steps)) + 1e-8)

    def parameters(self):
        return {name: value.copy() for name, value in self.p.items()}


class Altered(Rung):
    """A rung whose passes and parameters go through `change_pass` and `change_parameters` on their way out."""

    def __init__(self, rung, change_pass=lambda result: result, change_parameters=lambda parameters: parameters):
        self.rung, self.description = rung, rung.description
        self.change_pass, self.change_parameters = change_pass, change_parameters

    def differentiate(self, x, eps, objective, labels=None):
        return self.change_pass(self.rung.differentiate(x, eps, objective))

    def step(self, x, eps, objective, labels=None):
        return self.rung.step(x, eps, objective)

    def parameters(self):
        return self.change_parameters(self.rung.parameters())


def maker(make_good, make_bad):
    """`make` for `compare`: the rung called "bad" has the mistake, every other one has not."""
    return lambda name, *arguments, objective: (make_bad if name == "bad" else make_good)(*arguments)


def compare(make=lambda name, *arguments, objective: StandIn(*arguments), rungs=("good", "bad"), **options):
    return parity.compare(TINY, rungs=rungs, make=make, **{"steps": STEPS, "batch_size": 3} | options)


def failing(report):
    return [check.what for check in report.checks if not check.ok]


def text_of(report, width=120):
    console = Console(file=io.StringIO(), width=width)
    console.print(report.table())
    return console.file.getvalue()


# The report


def test_equal_rungs_pass_with_every_tensor_compared_once_per_pair():
    report = compare(rungs=("a", "b", "c"))
    assert report.ok
    assert failing(report) == []
    assert list(dict.fromkeys(check.pair for check in report.checks)) == [("a", "b"), ("a", "c"), ("b", "c")]
    names = list(TINY.parameter_shapes())
    expected = [f"forward pass: {name}" for name in ("x", "eps", "mu", "logvar", "logits")]
    expected += [f"loss parts: {name}" for name in Loss._fields] + [f"gradients: {name}" for name in names]
    expected += [f"training losses: {name}" for name in Loss._fields]
    expected += [f"trained parameters: {name}" for name in names]
    assert [check.what for check in report.checks] == expected * 3
    assert all(check.max_relative_error == 0 for check in report.checks)


def test_tolerances_are_those_of_the_design():
    expected = {"forward pass": 1e-10, "loss parts": 1e-10, "gradients": 1e-10}
    double = {check.group: check.tolerance for check in compare().checks}
    assert double == expected | {"training losses": 1e-8, "trained parameters": 1e-8}
    single = {check.group: check.tolerance for check in compare(dtype="float32").checks}
    assert single == dict.fromkeys(expected, 1e-4) | {"training losses": 2e-2}  # no parameters in float32


def test_without_steps_only_the_pass_is_compared():
    groups = {check.group for check in compare(steps=0).checks}
    assert groups == {"forward pass", "loss parts", "gradients"}


def test_error_is_relative_to_the_largest_entry_of_the_reference():
    def error(reference, other):
        return parity.relative_error(("a", "b"), np.array(reference), np.array(other))

    assert error([4.0, -8.0, 1e-9], [4.0, -8.0, 2.0]) == (pytest.approx(0.25), "")
    assert error([0.0, 0.0], [0.0, 0.0]) == (0.0, "")
    assert error([0.0, 0.0], [0.0, 1e-30]) == (math.inf, "all zeros in a, 1.0e-30 in b")
    assert error([1.0, 2.0], [0.0, 0.0]) == (1.0, "")


def test_float32_is_subtracted_in_float64():
    big, next_to_it = np.float32([3e38, 1.0]), np.float32([-3e38, 1.0])
    assert parity.relative_error(("a", "b"), big, next_to_it) == (2.0, "")  # 6e38 is beyond float32


def test_json_keeps_what_was_compared_and_has_no_nan():
    def spoil(result):
        result.gradients["encoder.mu.weight"][0, 0] = np.nan
        result.gradients["encoder.mu.bias"][0] *= 1 + 1e-3
        return result

    report = compare(maker(StandIn, lambda *a: Altered(StandIn(*a), spoil)), seed=3, steps=2)
    document = json.loads(json.dumps(report.to_json(), allow_nan=False))
    assert document["ok"] is False
    assert (document["seed"], document["dtype"], document["steps"], document["batch_size"]) == (3, "float64", 2, 3)
    sizes = {"latent_dim": 4, "channels": [2, 3], "hidden_dim": 4, "image_shape": [1, 4, 8]}
    assert document["architecture"] == sizes
    assert Objective(**document["objective"]) == Objective()
    assert len(document["checks"]) == len(report.checks)
    checks = {check["what"]: check for check in document["checks"]}
    assert checks["gradients: encoder.mu.weight"] == {
        "what": "gradients: encoder.mu.weight",
        "pair": ["good", "bad"],
        "max_relative_error": None,
        "tolerance": 1e-10,
        "ok": False,
        "note": "NaN or infinity in bad",
    }
    assert checks["gradients: encoder.mu.bias"]["max_relative_error"] > 1e-10
    assert checks["forward pass: mu"]["ok"] is True


def test_table_has_a_row_for_each_pair_and_group_and_names_the_worst_tensor():
    def spoil(result):
        result.gradients["decoder.fc1.bias"][0] *= 1 + 1e-3
        result.gradients["decoder.fc2.bias"][0] *= 1 + 1e-5
        return result

    report = compare(maker(StandIn, lambda *a: Altered(StandIn(*a), spoil)), rungs=("one", "bad", "two"))
    assert report.table().row_count == 3 * (1 + 5)  # a heading, then the groups
    text = text_of(report)
    assert f"batch size 3, Adam steps {STEPS}, seed 0" in text
    rows = [line for line in text.splitlines() if "gradients" in line]
    assert ["16/18 ✗" in row and "decoder.fc1.bias" in row for row in rows] == [True, False, True]
    assert "18/18 ✓" in rows[1]


def test_on_step_counts_every_step_of_every_rung():
    seen = []
    compare(steps=3, on_step=lambda rung, step: seen.append((rung, step)))
    assert seen == [("good", 1), ("good", 2), ("good", 3), ("bad", 1), ("bad", 2), ("bad", 3)]


class Recorder(StandIn):
    """Remembers what it was given."""

    def __init__(self, architecture, parameters, seen):
        super().__init__(architecture, parameters)
        self.start, self.seen = parameters, seen
        seen.append([])

    def differentiate(self, x, eps, objective, labels=None):
        self.seen[-1].append((x.copy(), eps.copy()))
        return super().differentiate(x, eps, objective)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_rung_meets_the_same_fresh_batches(dtype):
    seen = []
    compare(lambda name, *arguments, objective: Recorder(*arguments, seen), steps=4, dtype=dtype)
    first, second = seen
    assert len(first) == len(second) == 5
    for (x, eps), (other_x, other_eps) in zip(first, second, strict=True):
        assert x.shape == (3, 1, 4, 8)
        assert eps.shape == (3, 4)
        assert x.dtype == eps.dtype == dtype
        assert x.min() >= 0
        assert x.max() <= 1
        np.testing.assert_array_equal(x, other_x)
        np.testing.assert_array_equal(eps, other_eps)
    assert len({x.tobytes() for x, _ in first}) == 5
    assert len({eps.tobytes() for _, eps in first}) == 5


def test_seed_and_images_decide_the_batches():
    def batches(**options):
        seen = []
        compare(lambda name, *arguments, objective: Recorder(*arguments, seen), steps=2, **options)
        return np.concatenate([x for x, _ in seen[0]])

    np.testing.assert_array_equal(batches(seed=1), batches(seed=1))
    assert (batches(seed=1) != batches(seed=2)).any()
    images = np.random.default_rng(0).random((2, 1, 4, 8), np.float32)
    drawn = batches(images=images, batch_size=5)  # a batch may be larger than the data
    assert drawn.dtype == np.float64
    assert all(any((image == one).all() for one in images.astype(np.float64)) for image in drawn)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rungs": ()}, "rungs: .* got none"),
        ({"rungs": ("numpy_impl",)}, "rungs: .* got numpy_impl"),
        ({"rungs": ("paper", "paper")}, "rungs: .* got paper, paper"),
        ({"dtype": "float16"}, "dtype: .*float16"),
        ({"batch_size": 0}, "batch_size 0"),
        ({"steps": -1}, "steps -1"),
        ({"images": np.zeros((5, 1, 8, 8))}, r"images: .*\(5, 1, 8, 8\)"),
        ({"images": np.zeros((0, 1, 4, 8))}, r"images: .*\(0, 1, 4, 8\)"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        compare(**options)


# Planted mistakes in one pass: each has to be caught, and the tensor named


def scaled(name, factor):
    def change(result):
        result.gradients[name] = result.gradients[name] * factor
        return result

    return change


def replaced(name, change):
    def change_pass(result):
        result.gradients[name] = change(result.gradients[name])
        return result

    return change_pass


def one_entry_off(result):
    gradient = result.gradients["decoder.conv_transpose2.weight"]
    gradient[1, 0, 2, 1] += 1e-6 * np.abs(gradient).max()
    return result


def without(result):
    del result.gradients["decoder.fc2.bias"]
    return result


def with_another(result):
    result.gradients["decoder.fc3.bias"] = np.zeros(3)
    return result


def swapped(result):
    loss = result.loss
    return result._replace(loss=Loss(loss.loss, loss.kl, loss.reconstruction))


def nan_in_logits(result):
    result.logits[-1, 0, 2, 3] = np.nan
    return result


def infinity_in(name):
    def change(gradient):
        return np.where(np.arange(gradient.size).reshape(gradient.shape) == 1, -np.inf, gradient)

    return replaced(name, change)


MISTAKES = {
    "one entry off by 1e-6": (one_entry_off, ["gradients: decoder.conv_transpose2.weight"], ""),
    "off by 1e-6": (scaled("encoder.conv1.weight", 1 + 1e-6), ["gradients: encoder.conv1.weight"], ""),
    "wrong sign": (scaled("encoder.fc.bias", -1), ["gradients: encoder.fc.bias"], ""),
    "mean for sum": (scaled("encoder.fc.bias", 1 / 3), ["gradients: encoder.fc.bias"], ""),
    "zeros": (scaled("encoder.fc.bias", 0), ["gradients: encoder.fc.bias"], ""),
    "transposed square weight": (
        replaced("encoder.mu.weight", np.transpose),
        ["gradients: encoder.mu.weight"],
        "",
    ),
    "transposed weight": (
        replaced("encoder.fc.weight", np.transpose),
        ["gradients: encoder.fc.weight"],
        r"shapes \(4, 6\) and \(6, 4\)",
    ),
    "flipped kernel": (
        replaced("encoder.conv2.weight", lambda g: g[..., ::-1, ::-1]),
        ["gradients: encoder.conv2.weight"],
        "",
    ),
    "an axis too many": (
        replaced("decoder.fc1.bias", lambda g: g[None]),
        ["gradients: decoder.fc1.bias"],
        r"shapes \(4,\) and \(1, 4\)",
    ),
    "float32 in a float64 pass": (
        replaced("encoder.mu.bias", lambda g: g.astype(np.float32)),
        ["gradients: encoder.mu.bias"],
        "dtypes float64 and float32",
    ),
    "a tensor missing": (without, ["gradients: decoder.fc2.bias"], "missing in bad"),
    "a tensor too many": (with_another, ["gradients: decoder.fc3.bias"], "missing in good"),
    "NaN": (nan_in_logits, ["forward pass: logits"], "NaN or infinity in bad"),
    "infinity": (infinity_in("decoder.fc2.weight"), ["gradients: decoder.fc2.weight"], "NaN or infinity in bad"),
    "parts swapped": (swapped, ["loss parts: reconstruction", "loss parts: kl"], ""),
    "mu for logvar": (
        lambda result: result._replace(mu=result.logvar, logvar=result.mu),
        ["forward pass: mu", "forward pass: logvar"],
        "",
    ),
    "sigmoid of the logits": (
        lambda result: result._replace(logits=1 / (1 + np.exp(-result.logits))),
        ["forward pass: logits"],
        "",
    ),
}


@pytest.mark.parametrize("base", ["stand-in", "numpy_impl"])
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_one_pass_is_caught_and_named(mistake, base):
    change, expected, note = MISTAKES[mistake]
    good = StandIn if base == "stand-in" else lambda *arguments: make_rung("numpy_impl", *arguments)
    report = compare(maker(good, lambda *a: Altered(good(*a), change)), steps=1)
    assert not report.ok
    assert failing(report) == expected
    assert report.worst().what in expected
    assert report.worst().pair == ("good", "bad")
    assert re.search(note, report.worst().note)
    assert report.worst().what in str(report.worst())
    assert report.worst().what.partition(": ")[2] in text_of(report)


class IgnoresEps(StandIn):
    def differentiate(self, x, eps, objective, labels=None):
        return super().differentiate(x, np.zeros_like(eps), objective)


class CentresItsInput(StandIn):
    def differentiate(self, x, eps, objective, labels=None):
        x -= 0.5
        return super().differentiate(x, eps, objective)


class OverwritesItsNoise(StandIn):
    def differentiate(self, x, eps, objective, labels=None):
        result = super().differentiate(x, eps, objective)
        eps[:] = result.mu + np.exp(result.logvar / 2) * eps
        return result


class ForgetsBeta(StandIn):
    def differentiate(self, x, eps, objective, labels=None):
        return super().differentiate(x, eps, Objective(beta=1.0))


@pytest.mark.parametrize(
    ("bad", "first"),
    [
        (IgnoresEps, "forward pass: logits"),
        (CentresItsInput, "forward pass: x"),
        (OverwritesItsNoise, "forward pass: eps"),
        (ForgetsBeta, "loss parts: loss"),
    ],
)
def test_misuse_of_the_inputs_is_caught(bad, first):
    report = compare(maker(StandIn, bad), objective=Objective(beta=4.0))
    assert not report.ok
    assert first in failing(report)
    assert report.worst().group == first.partition(": ")[0]


def test_a_rung_that_spoils_its_input_cannot_mislead_the_next():
    report = compare(maker(StandIn, CentresItsInput), rungs=("bad", "one", "two"))
    assert {check.pair for check in report.checks if not check.ok} == {("bad", "one"), ("bad", "two")}


def test_what_two_rungs_both_lack_is_no_agreement():
    report = compare(lambda name, *arguments, objective: Altered(StandIn(*arguments), without))
    assert failing(report) == ["gradients: decoder.fc2.bias"]
    assert report.worst().note == "missing in good and bad"


def test_nan_on_both_sides_is_no_agreement():
    report = compare(lambda name, *arguments, objective: Altered(StandIn(*arguments), nan_in_logits))
    assert failing(report) == ["forward pass: logits"]
    assert report.worst().note == "NaN or infinity in good and bad"


def test_worst_is_the_cause_and_not_what_follows_from_it():
    """Every mistake in the gradients grows in training; the report points at the gradient."""

    class WrongAndUsed(StandIn):
        def differentiate(self, x, eps, objective, labels=None):
            result = super().differentiate(x, eps, objective)
            result.gradients["encoder.mu.weight"][1, 2] *= -1
            return result

    report = compare(maker(StandIn, WrongAndUsed))
    assert "trained parameters: encoder.mu.weight" in failing(report)
    assert report.worst().what == "gradients: encoder.mu.weight"


# Planted mistakes that only training shows


class NoBiasCorrection(StandIn):
    def direction(self, m, v):
        return m / (np.sqrt(v) + 1e-8)


class EpsInsideTheRoot(StandIn):
    def direction(self, m, v):
        return m / (1 - 0.9**self.steps) / np.sqrt(v / (1 - 0.999**self.steps) + 1e-16)


class EpsBeforeCorrection(StandIn):
    def direction(self, m, v):
        return m / (1 - 0.9**self.steps) * np.sqrt(1 - 0.999**self.steps) / (np.sqrt(v) + 1e-8)


class CountsFromZero(StandIn):
    def direction(self, m, v):
        self.steps -= 1
        direction = m / (1 - 0.9 ** max(self.steps, 1)) / (np.sqrt(v / (1 - 0.999 ** max(self.steps, 1))) + 1e-8)
        self.steps += 1
        return direction


class DriftsAtStep57(StandIn):
    def step(self, x, eps, objective, labels=None):
        loss = super().step(x, eps, objective)
        if self.steps == 57:
            self.p["encoder.mu.weight"][0, 0] += 1e-4
        return loss


class NanFromStep41(StandIn):
    def step(self, x, eps, objective, labels=None):
        loss = super().step(x, eps, objective)
        return loss._replace(kl=math.nan) if self.steps >= 41 else loss


@pytest.mark.parametrize(
    "bad", [NoBiasCorrection, EpsInsideTheRoot, EpsBeforeCorrection, CountsFromZero, DriftsAtStep57, NanFromStep41]
)
def test_a_mistake_in_training_is_caught_there_and_only_there(bad):
    report = compare(maker(StandIn, bad))
    groups = {check.group for check in report.checks if not check.ok}
    assert groups
    assert groups <= {"training losses", "trained parameters"}


@pytest.mark.parametrize(("bad", "note"), [(DriftsAtStep57, "from step 58"), (NanFromStep41, "in bad from step 41")])
def test_the_step_is_named_where_losses_part(bad, note):
    worst = compare(maker(StandIn, bad)).worst()
    assert worst.group == "training losses"
    assert worst.note.endswith(note)


def test_a_parameter_that_only_moves_at_the_end_is_named():
    def shift(parameters):
        parameters["decoder.fc1.weight"][0, 1] += 1e-6
        return parameters

    report = compare(maker(StandIn, lambda *arguments: Altered(StandIn(*arguments), change_parameters=shift)))
    assert failing(report) == ["trained parameters: decoder.fc1.weight"]


def test_float32_compares_the_loss_but_no_parameters_along_training():
    assert compare(maker(StandIn, EpsBeforeCorrection), dtype="float32").ok  # below what float32 can show
    report = compare(maker(StandIn, NoBiasCorrection), dtype="float32")
    assert failing(report) == ["training losses: loss"]


# The three rungs

SMALL = {
    "one latent": Architecture(latent_dim=1, channels=(3, 5), hidden_dim=7, image_shape=(1, 8, 8)),
    "two latents, not square": Architecture(latent_dim=2, channels=(5, 3), hidden_dim=11, image_shape=(1, 12, 20)),
    "colour": Architecture(latent_dim=3, channels=(4, 6), hidden_dim=8, image_shape=(3, 16, 12)),
    "wide latent": Architecture(latent_dim=20, channels=(2, 2), hidden_dim=20, image_shape=(1, 4, 4)),
    "single channels": Architecture(latent_dim=2, channels=(1, 1), hidden_dim=1, image_shape=(1, 28, 28)),
}


def rungs_report(architecture, **options):
    """All three rungs; a failure prints the table."""
    pytest.importorskip("torch")
    report = parity.compare(architecture, rungs=RUNGS, **options)
    assert {check.pair for check in report.checks} == {RUNGS[:2], RUNGS[::2], RUNGS[1:]}
    assert report.ok, f"{report.worst()}\n{text_of(report)}"
    return report


@pytest.mark.parametrize("beta", [0.0, 1.0, 4.0])
@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
@pytest.mark.parametrize("batch_size", [1, 7])
@pytest.mark.parametrize("architecture", SMALL.values(), ids=SMALL)
def test_rungs_agree_in_one_pass(architecture, batch_size, likelihood, beta):
    objective = Objective(likelihood=likelihood, beta=beta)
    rungs_report(architecture, batch_size=batch_size, objective=objective, steps=3)


@pytest.mark.parametrize("latent_dim", [1, 2, 20])
@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_rungs_agree_in_float32(latent_dim, likelihood):
    objective = Objective(likelihood=likelihood)
    rungs_report(Architecture(latent_dim=latent_dim), dtype="float32", batch_size=5, objective=objective, steps=0)


def test_rungs_agree_on_100_steps_of_the_default_architecture():
    report = rungs_report(Architecture(), batch_size=3, steps=100)
    assert len([check for check in report.checks if check.group == "trained parameters"]) == 3 * 18


@pytest.mark.parametrize("architecture", SMALL.values(), ids=SMALL)
@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_rungs_agree_on_100_steps_of_others(architecture, likelihood):
    rungs_report(architecture, batch_size=4, seed=1, objective=Objective(likelihood=likelihood, beta=2.0))


def test_rungs_agree_on_the_loss_of_100_steps_in_float32():
    report = rungs_report(Architecture(latent_dim=2), dtype="float32", batch_size=3)
    assert {check.what for check in report.checks if check.group == "training losses"} == {"training losses: loss"}
    assert "trained parameters" not in {check.group for check in report.checks}


def test_rungs_agree_on_black_and_white_images():
    rng = np.random.default_rng(0)
    images = (rng.random((10, 1, 12, 20)) < 0.2).astype(np.float32)
    images[0], images[1] = 0, 1
    rungs_report(SMALL["two latents, not square"], images=images, steps=20)


def test_a_sign_wrong_in_a_real_rung_is_caught_against_both_others():
    pytest.importorskip("torch")

    def make(name, *arguments, **objective):
        rung = make_rung(name, *arguments, **objective)
        return Altered(rung, scaled("encoder.logvar.bias", -1)) if name == "pytorch_lowlevel" else rung

    report = parity.compare(SMALL["colour"], rungs=RUNGS, make=make, steps=2)
    wrong = [(check.what, check.pair) for check in report.checks if not check.ok]
    assert wrong == [("gradients: encoder.logvar.bias", RUNGS[:2]), ("gradients: encoder.logvar.bias", RUNGS[1:])]


def test_another_learning_rate_in_a_real_rung_is_caught():
    pytest.importorskip("torch")

    def make(name, *arguments, **objective):
        return make_rung(name, *arguments, learning_rate=1e-3 * (1 + 1e-5 * (name == "paper")), **objective)

    report = parity.compare(SMALL["colour"], rungs=RUNGS, make=make, steps=30)
    wrong = {(check.pair, check.group) for check in report.checks if not check.ok}
    assert (RUNGS[::2], "trained parameters") in wrong
    assert (RUNGS[1:], "trained parameters") in wrong
    assert not [pair for pair, group in wrong if pair == RUNGS[:2] or "train" not in group]
