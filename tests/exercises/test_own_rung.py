"""The learner's own functions as a rung: which are used, that they compute what rung 1 does, and what errors say."""

import dataclasses

import numpy as np
import pytest

from exercises.kit.answers import Answers, start
from exercises.kit.limits import Limits
from exercises.kit.own_functions import NOT_WRITTEN, PARTS, PASSES, TOO_LONG, OwnFunctions, own_functions
from exercises.kit.own_rung import OwnRung, whose
from exercises.kit.verdict import Verdict
from foundation.architecture import Architecture, initial_parameters
from foundation.errors import InputError
from foundation.objective import Objective
from foundation.rung import Rung
from ladder.mine import Mine
from ladder.parity import compare
from numpy_impl.rung import NumpyRung
from tests.support.own_answers import SOLUTION, TRAIN_STEP, WRONG_KL, write_answers, write_texts

HARD_CODED_KL = """import numpy as np


def kl(mu, logvar):
    return float(np.sum(mu**2 + np.exp(logvar) - 1 - logvar) / 2 / 5)
"""
SMALL = Architecture(latent_dim=3, channels=(5, 7), hidden_dim=11, image_shape=(1, 8, 12))
OF_STEP = [name for name, exercise in PARTS.items() if exercise == "13_train_step"]


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """Every function of the exercises, checked once."""
    checked = []
    folder = write_answers(tmp_path_factory.mktemp("answers"), _13_train_step=TRAIN_STEP)
    found = own_functions(Answers(folder), on_check=checked.append)
    assert checked == list(dict.fromkeys(PARTS.values()))
    assert found.states == dict.fromkeys(PARTS, PASSES)
    return found


def without(own, *names):
    """The same functions but these."""
    functions = {name: function for name, function in own.functions.items() if name not in names}
    return OwnFunctions(functions, own.states | dict.fromkeys(names, NOT_WRITTEN), own.modules)


def with_functions(**functions):
    """These functions alone, as if they passed."""
    states = dict.fromkeys(PARTS, NOT_WRITTEN) | dict.fromkeys(functions, PASSES)
    return OwnFunctions(functions, states, {})


def rung_of(own, dtype=np.float64):
    return OwnRung(own, SMALL, initial_parameters(SMALL, np.random.default_rng(0), dtype), 0.01)


def batch(dtype=np.float64):
    rng = np.random.default_rng(1)
    return rng.random((6, *SMALL.image_shape)).astype(dtype), rng.standard_normal((6, 3)).astype(dtype)


@pytest.mark.parametrize("left_out", [(), ("train_step",), OF_STEP], ids=("whole", "step", "pieces"))
def test_the_solutions_compute_what_rung_1_does(own, left_out):
    chosen = without(own, *left_out)
    mine = Mine(chosen)
    report = compare(SMALL, rungs=("numpy_impl", "mine"), steps=20, objective=Objective(beta=1.7), make=mine.make)
    assert report.ok, report.worst()
    assert max(check.max_relative_error for check in report.checks) < 1e-10
    used = {name.partition(" ")[0] for name, text in mine.whose().items() if text == "your own"}
    if left_out == OF_STEP:
        assert used == set(PARTS) - set(OF_STEP)
    else:  # the layers that the answer imports are the learner's own as well
        assert used >= {"linear_backward", "relu_backward", "conv2d_dx", "conv2d_dweight", "conv_transpose2d", "bce"}
        assert ("train_step" in used) == (not left_out)


def test_it_is_a_rung_in_both_precisions(own):
    for dtype, tolerance in ((np.float64, 1e-12), (np.float32, 1e-4)):
        x, eps = batch(dtype)
        for chosen in (own, without(own, *OF_STEP)):
            rung = rung_of(chosen, dtype)
            other = NumpyRung(SMALL, rung.parameters(), 0.01)
            assert isinstance(rung, Rung)
            assert (rung.name, rung.dtype) == ("mine", dtype)
            for _ in range(3):
                assert rung.step(x, eps, Objective()) == pytest.approx(other.step(x, eps, Objective()), rel=tolerance)
            assert rung.evaluate(x, eps, Objective()) == pytest.approx(
                other.evaluate(x, eps, Objective()), rel=tolerance
            )
            expected = other.activations(x, eps)
            for name, value in rung.activations(x, eps).items():
                assert value.dtype == dtype
                np.testing.assert_allclose(value, expected[name], atol=10 * tolerance, err_msg=name)


def test_state_goes_into_a_file_and_back(own):
    x, eps = batch()
    first = rung_of(own)
    first.step(x, eps, Objective())
    second = rung_of(own)
    second.restore(first.parameters(), first.optimizer_state())
    assert second.step(x, eps, Objective()) == first.step(x, eps, Objective())
    np.testing.assert_equal(second.parameters(), first.parameters())


def test_of_an_answer_those_functions_count_that_pass(tmp_path):
    folder = write_texts(tmp_path / "answers", _04_kl=WRONG_KL, _12_adam="def adam(:\n")
    (folder / "06_reparameterization.py").write_text(
        "def reparameterize_backward(dz, logvar, eps):\n    raise NotImplementedError\n"
        "def reparameterize(mu, logvar, eps):\n    import numpy as np\n    return mu + np.exp(logvar / 2) * eps\n",
        encoding="utf-8",
    )
    found = own_functions(Answers(folder))
    assert list(found.functions) == ["reparameterize"]
    assert found.states["kl"] == "does not pass (forgot the factor ½)"
    assert found.states["reparameterize_backward"] == NOT_WRITTEN
    assert found.states["adam"].startswith("does not pass: SyntaxError")
    assert found.states["linear_backward"] == NOT_WRITTEN
    rows = dict(whose(found, ["reparameterize"]))
    assert rows["reparameterize (06)"] == "your own"
    assert rows["kl (04)"] == "ours, as yours does not pass (forgot the factor ½)"
    assert rows["bce (05)"] == "ours, as yours is not written yet"
    as_written = own_functions(Answers(folder), as_written=True)
    assert list(as_written.functions) == ["kl", "reparameterize"]
    report = compare(SMALL, rungs=("numpy_impl", "mine"), steps=2, make=Mine(as_written).make)
    differing = {check.what for check in report.checks if not check.ok}
    assert differing >= {"loss parts: kl", "loss parts: loss"}
    assert not any(what.startswith(("forward pass", "gradients")) for what in differing)
    assert dict(whose(as_written, ["kl"]))["kl (04)"] == "yours, although it does not pass (forgot the factor ½)"


def test_an_endless_loop_is_left_out_even_as_written(tmp_path):
    endless = SOLUTION.format(name="05_bernoulli") + "\n\ndef bce(logits, x):\n    while True:\n        pass\n"
    folder = write_texts(tmp_path / "answers", _05_bernoulli=endless)
    for as_written in (False, True):
        found = own_functions(Answers(folder), as_written, limits=Limits(0.5))
        assert list(found.functions) == ["bce_backward"]
        assert found.states["bce"] == TOO_LONG == "does not pass (does a loop never end?)"
        assert found.states["bce_backward"] == PASSES


def test_a_function_that_fits_the_usual_numbers_alone_does_not_pass(tmp_path):
    folder = write_texts(tmp_path / "answers", _04_kl=HARD_CODED_KL, _12_adam=SOLUTION.format(name="12_adam"))
    found = own_functions(Answers(folder))
    assert list(found.functions) == ["adam"]
    assert found.states["kl"].startswith("does not pass")


def test_what_could_not_be_measured_does_not_pass(tmp_path, monkeypatch):
    def unmeasured(entry, *others):
        return Verdict(entry.name, "NOT MEASURED", note="8 of 9 probes pass; the others need torch")

    monkeypatch.setattr("exercises.kit.own_functions.check_answer", unmeasured)
    folder = write_texts(tmp_path / "answers", _12_adam=SOLUTION.format(name="12_adam"))
    with pytest.raises(InputError, match="found none"):
        own_functions(Answers(folder))
    found = own_functions(Answers(folder), as_written=True)
    assert list(found.functions) == ["adam"]
    assert found.states["adam"] == "could not be measured; vae-ladder check 12 says why"


def test_untouched_stubs_are_no_functions(tmp_path):
    answers, _ = start(tmp_path / "answers")
    checked = []
    with pytest.raises(InputError, match="expected a function of exercises 04 to 13 that passes, found none"):
        own_functions(answers, on_check=checked.append)
    assert checked == [], "a stub is seen without a check"


def test_the_count_of_steps_is_the_learners(own):
    def still(*given):
        *found, t = own.functions["adam"](*given)
        return *found, t - 1

    def step_still(*given):
        return own.functions["train_step"](*given) | {"t": given[3]}

    for functions in ({"adam": still}, {"train_step": step_still}):
        mine = Mine(with_functions(**functions))
        report = compare(SMALL, rungs=("numpy_impl", "mine"), steps=3, make=mine.make)
        assert any(check.what.startswith("trained parameters") for check in report.checks if not check.ok)


def raising(mu, logvar):
    return mu["nothing"]


@pytest.mark.parametrize(
    ("functions", "said"),
    [
        ({"kl": raising}, r"mine: kl in .*test_own_rung.py:\d+: IndexError: "),
        ({"kl": lambda mu, logvar: mu}, "expected a number, got ndarray"),
        ({"linear_backward": lambda dy, x, weight: dy}, "expected a tuple of 3, got ndarray"),
        ({"linear_backward": lambda dy, x, weight: (dy, x, weight)}, "expected an array of shape"),
        ({"relu_backward": lambda dy, x: None}, "expected an array of shape .*, got NoneType"),
        ({"adam": lambda *given: None}, "adam in .*: expected a tuple of 4, got NoneType"),
        ({"adam": lambda p, g, m, v, *rest: (p, m, v, 0.5)}, "expected a whole number for t, got 0.5"),
        ({"train_step": lambda p, m, v, *rest: {"loss": 1, "parameters": p, "m": m, "v": v}}, "m, v and t"),
        ({"train_step": lambda p, m, v, *rest: {"loss": 1, "parameters": p, "m": m, "v": v, "t": np.nan}}, "got nan"),
        ({"forward": lambda parameters, x, eps: {"mu": x}}, "forward in .*: expected a dict with h1, h2"),
        ({"loss": lambda *given: 1.0}, "expected a dict with loss, reconstruction, kl, got float"),
        ({"backward": lambda *given: {}}, "expected a dict with every parameter"),
        ({"train_step": lambda *given: {}}, "expected a dict with loss, parameters, m, v and t"),
    ],
)
def test_errors_of_a_function_name_it_and_its_place(functions, said):
    rung, (x, eps) = rung_of(with_functions(**functions)), batch()
    before = rung.parameters()
    with pytest.raises(InputError, match=said):
        rung.step(x, eps, Objective())
    np.testing.assert_equal(rung.parameters(), before)


def test_a_loss_that_is_not_finite_takes_no_step(own):
    for functions in ({"kl": lambda mu, logvar: np.nan}, {"loss": lambda *given: dict.fromkeys(NAMES, np.inf)}):
        rung, (x, eps) = rung_of(dataclasses.replace(own, functions=own.functions | functions)), batch()
        if "kl" in functions:
            rung = rung_of(with_functions(**functions))
        before = rung.parameters()
        assert not np.isfinite(rung.step(x, eps, Objective()).loss)
        np.testing.assert_equal(rung.parameters(), before)


NAMES = ("loss", "reconstruction", "kl")
