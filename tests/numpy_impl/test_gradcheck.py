"""The gradient checker accepts every right backward function and rejects each planted wrong one."""

import io

import numpy as np
import pytest
from rich.console import Console

from foundation.architecture import Architecture
from foundation.errors import InputError
from ladder.checks import gradcheck_table
from numpy_impl import functional as F
from numpy_impl import gradcheck
from numpy_impl import vae_numpy as vae
from tests.support.wrong_backward_passes import VAE_WRONG
from tests.support.wrong_operations import BLIND_WITH_ONES, DOWN, RIGHT, WRONG

MEASURED, NUMERIC, NUMERIC_VAE = {}, gradcheck.numeric_gradient, gradcheck.numeric_vae_gradient


@pytest.fixture
def numeric_gradients_once(monkeypatch):
    """Measure each numeric gradient once: it does not depend on the backward function under test."""

    def numeric_gradient(f, x, dy, h):
        key = (x.tobytes(), np.asarray(dy).tobytes(), h)
        return MEASURED[key] if key in MEASURED else MEASURED.setdefault(key, NUMERIC(f, x, dy, h))

    def numeric_vae_gradient(parameters, name, indices, x, eps, objective):
        key = (parameters[name].tobytes(), name, tuple(indices), x.tobytes(), eps.tobytes(), objective)
        if key not in MEASURED:
            MEASURED[key] = NUMERIC_VAE(parameters, name, indices, x, eps, objective)
        return MEASURED[key]

    monkeypatch.setattr(gradcheck, "numeric_gradient", numeric_gradient)
    monkeypatch.setattr(gradcheck, "numeric_vae_gradient", numeric_vae_gradient)


def accepts(operation, backward, dy=None):
    f, _, inputs = RIGHT[operation]
    return all(result.ok for result in gradcheck.check(operation, f, backward, inputs, dy))


@pytest.mark.parametrize("operation", RIGHT)
def test_right_functions_are_accepted(operation):
    f, backward, inputs = RIGHT[operation]
    results = gradcheck.check(operation, f, backward, inputs)
    assert [result.tensor for result in results] == list(inputs)
    for result in results:
        assert result.ok, result
        assert result.max_relative_error < 1e-7, "the tolerance leaves no room"
        assert result.compared == inputs[result.tensor].size


@pytest.mark.usefixtures("numeric_gradients_once")
@pytest.mark.parametrize("bug", WRONG)
def test_wrong_functions_are_rejected(bug):
    operation, backward = WRONG[bug]
    assert not accepts(operation, backward)


@pytest.mark.usefixtures("numeric_gradients_once")
def test_all_ones_upstream_would_let_bugs_through():
    blind = []
    for bug, (operation, backward) in WRONG.items():
        f, _, inputs = RIGHT[operation]
        y = f(*inputs.values())
        if accepts(operation, backward, np.ones(y.shape) if y.shape else 1.0):
            blind.append(bug)
    assert set(blind) == set(BLIND_WITH_ONES)


def test_every_operation_is_checked_and_right():
    results = gradcheck.check_operations()
    checked = {result.name.split(",")[0] for result in results}
    differentiable = {name.removesuffix("_backward") for file in (F, vae) for name in vars(file) if "_backward" in name}
    # A part of conv2d_backward, and those that `check_vae` checks, since they have parameters.
    assert checked == differentiable - {"conv2d_parameters", "encode", "decode"}
    for result in results:
        assert result.ok, result
        assert result.kinks == 0


@pytest.mark.usefixtures("numeric_gradients_once")
def test_every_parameter_of_the_vae_is_right():
    results = gradcheck.check_vae()
    shapes = gradcheck.SMALL.parameter_shapes()
    assert [result.tensor for result in results] == 2 * list(shapes)
    for result in results:
        assert result.ok, result
        assert result.max_relative_error < result.tolerance / 3, "the tolerance leaves no room"
        assert result.compared + result.kinks == np.prod(shapes[result.tensor])
        assert result.kinks <= 0.1 * np.prod(shapes[result.tensor])


@pytest.mark.parametrize("seed", range(3))
def test_a_sample_of_another_architecture(seed):
    architecture = Architecture(latent_dim=2, channels=(3, 2), hidden_dim=5, image_shape=(3, 12, 8))
    results = gradcheck.check_vae(architecture, seed=seed, sample=4)
    assert [result for result in results if not result.ok] == []
    assert {result.compared + result.kinks for result in results} == {2, 3, 4}


@pytest.mark.usefixtures("numeric_gradients_once")
@pytest.mark.parametrize("bug", VAE_WRONG)
def test_wrong_backward_passes_are_rejected(bug):
    results = gradcheck.check_vae(backward=VAE_WRONG[bug])
    assert not all(result.ok for result in results)


@pytest.mark.usefixtures("numeric_gradients_once")
def test_the_wrong_tensor_and_entry_are_named():
    results = gradcheck.check_vae(backward=VAE_WRONG["one entry, a thousandth"])
    wrong = [result for result in results if not result.ok]
    assert {(result.tensor, result.worst) for result in wrong} == {("encoder.fc.weight", (3, 1))}
    assert all(result.max_relative_error == pytest.approx(1e-3, rel=0.01) for result in wrong)


def test_a_step_across_a_kink_is_left_out_and_counted(monkeypatch):
    # A bias that leaves one pixel of the first channel within h of ReLU's zero.
    def initial_parameters(architecture, rng, dtype):
        parameters = vae.init(architecture, rng, dtype)
        state = rng.bit_generator.state
        x = rng.random((gradcheck.BATCH_SIZE, *architecture.image_shape))
        rng.bit_generator.state = state
        weight, bias = parameters["encoder.conv1.weight"], parameters["encoder.conv1.bias"]
        y = F.conv2d(x, 2 * weight, 2 * bias, **DOWN)
        bias[0] -= (y[1, 0, 2, 3] - 1e-6) / 2
        return parameters

    monkeypatch.setattr(gradcheck, "initial_parameters", initial_parameters)
    results = gradcheck.check_vae(seed=11, sample=7)
    assert [(r.compared, r.kinks) for r in results if r.tensor == "encoder.conv1.bias"] == [(1, 1), (1, 1)]
    assert [result for result in results if not result.ok] == []
    assert "kink" in gradcheck_table(results).caption


def test_nothing_measured_is_not_ok():
    array = np.ones((2, 3))
    result = gradcheck.compare("f", "x", array, array, np.zeros((2, 3), bool), kinks=6)
    assert not result.ok
    assert "no entry" in result.problem


@pytest.mark.parametrize(
    ("analytic", "numeric"),
    [
        (np.zeros(3), np.ones(3)),
        (np.ones(3), np.zeros(3)),
        (np.full(3, 1e-9), np.full(3, 1.1e-9)),
        (np.full(3, 1e12), np.full(3, 1.00001e12)),
        (np.array([1, 1, np.inf]), np.ones(3)),
        (np.array([1, 1, np.nan]), np.ones(3)),
        (np.ones(3), np.array([1, 1, np.nan])),
        (np.ones(3), np.ones((3, 1))),
        (np.ones(()), np.ones(3)),
    ],
)
def test_compare_is_not_fooled(analytic, numeric):
    assert not gradcheck.compare("f", "x", analytic, numeric).ok
    assert gradcheck.compare("f", "x", np.zeros(3), np.zeros(3)).ok


def test_numeric_gradient_of_a_polynomial():
    x = np.array([[1.0, -2.0, 3.0], [0.5, 0.0, -1.0]])
    dy = np.array([[2.0, -1.0, 0.5], [1.0, 3.0, -4.0]])
    before = x.copy()
    np.testing.assert_allclose(NUMERIC(lambda x: x**3, x, dy), dy * 3 * x**2, atol=1e-9)
    # An f that hands back its own argument must not fool it.
    np.testing.assert_allclose(NUMERIC(lambda x: x, x, dy), dy, atol=1e-9)
    np.testing.assert_array_equal(x, before)


def test_a_kink_is_why_inputs_are_nudged():
    x = np.array([[0.3, 4e-6, -0.2]])
    assert not all(r.ok for r in gradcheck.check("relu", F.relu, F.relu_backward, {"x": x}))
    nudged = gradcheck.away_from_zero(x)
    assert np.abs(nudged).min() >= 0.05
    assert all(r.ok for r in gradcheck.check("relu", F.relu, F.relu_backward, {"x": nudged}))


def test_misuse_is_refused():
    x = np.ones((2, 3))
    with pytest.raises(TypeError, match=r"x: .*float64.*float32"):
        gradcheck.check("relu", F.relu, F.relu_backward, {"x": x.astype(np.float32)})
    with pytest.raises(ValueError, match="expected 1 gradients"):
        gradcheck.check("relu", F.relu, lambda dy, x: (dy, dy), {"x": x})
    with pytest.raises(InputError, match="sample"):
        gradcheck.check_vae(sample=0)


@pytest.mark.parametrize("width", [80, 140])
def test_the_table_says_what_is_wrong(width):
    wrong = gradcheck.compare("linear", "weight", np.array([1.0, 3.0]), np.array([1.0, 2.0]))
    misshapen = gradcheck.compare("linear", "bias", np.ones(3), np.ones(2))
    right = gradcheck.compare("relu", "x", np.ones(2), np.ones(2), kinks=1)
    console = Console(width=width, file=io.StringIO())
    console.print(gradcheck_table([wrong, misshapen, right]))
    words = console.file.getvalue().split()
    said = "linear weight wrong: worst at (1,) 5.0e-01 shape (3,), expected (2,) 2 of 3 gradients are wrong:"
    assert set(f"{said} 1 more left out at a kink relu ok".split()) <= set(words)
