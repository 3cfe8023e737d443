"""Every rung keeps the promises of `foundation.rung.Rung`; agreement between them is tested in test_parity.py."""

import importlib
import math
import re

import numpy as np
import pytest

from foundation.architecture import Architecture, initial_parameters
from foundation.errors import InputError
from foundation.objective import Loss, Objective
from foundation.rung import Rung, architecture_of
from foundation.weights import load_weights, save_weights
from ladder.rungs import RUNGS, make_rung
from numpy_impl.runtime.parallel import count_cores

ARCHITECTURE = Architecture(latent_dim=3, channels=(4, 5), hidden_dim=6, image_shape=(1, 8, 12))
ARCHITECTURES = [
    ARCHITECTURE,
    Architecture(),
    Architecture(latent_dim=1, channels=(1, 2), hidden_dim=3, image_shape=(3, 4, 4)),
]
OBJECTIVES = [
    Objective(),
    Objective(beta=4.0),
    Objective("gaussian", beta=0.0),
    Objective("gaussian", beta=0.5, sigma=0.7),
]
DTYPES = [np.float32, np.float64]


@pytest.fixture(params=RUNGS)
def name(request):
    if request.param != "numpy_impl":
        pytest.importorskip("torch")
    return request.param


def make(name, dtype=np.float64, architecture=ARCHITECTURE, seed=0, learning_rate=1e-3, objective=OBJECTIVES[0]):
    """A fresh rung; its likelihood is that of the objective, which rung 3 wants to be told when it is made."""
    parameters = initial_parameters(architecture, np.random.default_rng(seed), dtype)
    return make_rung(name, architecture, parameters, learning_rate, objective)


def batch(count=5, dtype=np.float64, architecture=ARCHITECTURE, seed=1):
    rng = np.random.default_rng(seed)
    x = rng.random((count, *architecture.image_shape))
    return x.astype(dtype), rng.standard_normal((count, architecture.latent_dim)).astype(dtype)


def assert_same(parameters, others):
    assert list(parameters) == list(others)
    for name, value in parameters.items():
        np.testing.assert_array_equal(value, others[name], err_msg=name)


# Names, shapes, dtypes


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_names_and_shapes_are_those_of_the_state_dict(architecture):
    vae_paper = pytest.importorskip("paper.vae_paper")
    state = vae_paper.init(architecture, np.random.default_rng(0)).state_dict()
    assert {name: tuple(tensor.shape) for name, tensor in state.items()} == architecture.parameter_shapes()
    assert list(state) == list(architecture.parameter_shapes())  # in this order


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_what_goes_in_as_a_dtype_comes_out_as_it_and_in_shape(name, architecture, dtype):
    rung = make(name, dtype, architecture)
    x, eps = batch(3, dtype, architecture)
    result = rung.differentiate(x, eps, Objective())
    latents, images = (3, architecture.latent_dim), (3, *architecture.image_shape)
    arrays = {"mu": (result.mu, latents), "logvar": (result.logvar, latents), "logits": (result.logits, images)}
    arrays |= {f"encode {i}": (array, latents) for i, array in enumerate(rung.encode(x))}
    arrays |= {"decode": (rung.decode(eps), images), "sample": (rung.sample(eps), images)}
    arrays |= {"reconstruct": (rung.reconstruct(x), images)}
    for what, (array, shape) in arrays.items():
        assert isinstance(array, np.ndarray), what
        assert (array.shape, array.dtype) == (shape, dtype), what
    rung.step(x, eps, Objective())
    for what in (result.gradients, rung.parameters()):
        assert {key: value.shape for key, value in what.items()} == architecture.parameter_shapes()
        assert {value.dtype for value in what.values()} == {np.dtype(dtype)}
    assert list(rung.parameters()) == list(architecture.parameter_shapes())
    for loss in (result.loss, rung.evaluate(x, eps, Objective()), rung.step(x, eps, Objective())):
        assert isinstance(loss, Loss)
        assert {type(part) for part in loss} == {float}


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_rung_says_what_it_is(name, dtype):
    rung = make(name, dtype, objective=OBJECTIVES[3], learning_rate=0.25)
    assert isinstance(rung, Rung)
    assert rung.name == name
    assert rung.architecture == architecture_of(rung.description) == ARCHITECTURE
    assert (rung.description.model, rung.description.image_shape, rung.description.class_count) == (
        "vae",
        (1, 8, 12),
        0,
    )
    assert (rung.description.options["likelihood"], rung.description.options["sigma"]) == ("gaussian", 0.7)
    assert (rung.dtype, rung.device, rung.read_every, rung.processes) == (np.dtype(dtype), "cpu", 1, 1)
    assert rung.threads == (
        count_cores() if name == "numpy_impl" else importlib.import_module("torch").get_num_threads()
    )
    assert rung.learning_rate == 0.25
    assert rung.noise_shape(7) == (7, 3)
    assert (rung.traits.posterior, rung.traits.prior, rung.traits.condition, rung.traits.codes) == (
        True, True, "none", False,
    )  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("objective", OBJECTIVES[::3])
def test_what_only_some_models_have(name, objective, dtype):
    """Activations, the condition, draws of pixels, a mask and codes: as the contract says of a plain VAE."""
    rung, (x, eps) = make(name, dtype, objective=objective), batch(4, dtype)
    assert rung.condition(x, np.arange(4)) is None
    assert rung.condition(None, None) is None
    found = rung.activations(x, eps)
    result = rung.differentiate(x, eps, objective)
    assert list(found) == ["mu", "logvar", "z", "logits"]
    for part in ("mu", "logvar", "logits"):
        assert found[part].dtype == dtype
        np.testing.assert_allclose(found[part], getattr(result, part), rtol=0, atol=1e-6)
    np.testing.assert_allclose(found["z"], found["mu"] + np.exp(found["logvar"] / 2) * eps, rtol=0, atol=1e-6)
    drawn = rung.draw(eps, None, 5)
    assert (drawn.shape, drawn.dtype) == (x.shape, dtype)
    np.testing.assert_array_equal(drawn, rung.draw(eps, None, 5))
    assert (drawn != rung.draw(eps, None, 6)).any()
    if objective.likelihood == "bernoulli":
        assert set(np.unique(drawn)) == {0, 1}
    else:
        assert (drawn - rung.sample(eps)).std() == pytest.approx(objective.sigma, rel=0.2)
    with pytest.raises(InputError, match="expected a model that completes images"):
        rung.mask()
    with pytest.raises(InputError, match="expected a model with a codebook"):
        rung.codes(x)


def test_a_rung_on_torch_says_on_which_kind_of_device_it_computes():
    """Without its number: a training goes on exactly on another GPU of the kind."""
    pytest.importorskip("torch")
    from pytorch_lowlevel.rung import LowlevelRung

    parameters = initial_parameters(ARCHITECTURE, np.random.default_rng(0), np.float64)
    rung = LowlevelRung(ARCHITECTURE, parameters, device="cpu:0")
    assert rung.device == "cpu"
    rung.step(*batch(), Objective())


def test_the_paper_rung_has_one_likelihood():
    """Its model is made for it; another one is refused by name, and nothing changes."""
    pytest.importorskip("torch")
    rung = make("paper")
    start = rung.parameters()
    for method in (rung.step, rung.evaluate, rung.differentiate):
        with pytest.raises(InputError, match="likelihood: expected bernoulli, as the model has it, got gaussian"):
            method(X, EPS, Objective("gaussian"))
    assert_same(rung.parameters(), start)


# What changes, and what does not


def test_constructor_copies_and_parameters_are_copies(name):
    given = initial_parameters(ARCHITECTURE, np.random.default_rng(0), np.float64)
    start = {key: value.copy() for key, value in given.items()}
    rung = make_rung(name, ARCHITECTURE, given)
    assert_same(rung.parameters(), start)
    for value in given.values():
        value += 1
    assert_same(rung.parameters(), start)
    for value in rung.parameters().values():
        value[:] = 0
    assert_same(rung.parameters(), start)
    kept = rung.parameters()
    rung.step(*batch(), Objective())
    assert_same(kept, start)
    assert all((value == start[key] + 1).all() for key, value in given.items())


def test_only_a_step_changes_parameters(name):
    rung, (x, eps) = make(name), batch()
    start = rung.parameters()
    rung.differentiate(x, eps, Objective())
    rung.evaluate(x, eps, Objective())
    rung.encode(x)
    rung.decode(eps)
    rung.reconstruct(x)
    rung.sample(eps)
    assert_same(rung.parameters(), start)
    rung.step(x, eps, Objective())
    moved = rung.parameters()
    for key, value in start.items():
        assert (moved[key] != value).any(), key
        # Adam's first step is the learning rate in each direction, whatever the gradient's size.
        assert np.abs(moved[key] - value).max() <= 1e-3 * (1 + 1e-6), key
        assert np.abs(moved[key] - value).max() >= 0.9e-3, key


def test_differentiating_between_steps_leaves_training_alone(name):
    """No gradient is left over for the next step to add to."""
    plain, disturbed = make(name), make(name)
    for seed in range(3):
        x, eps = batch(seed=seed)
        disturbed.differentiate(*batch(seed=9), Objective())
        disturbed.evaluate(*batch(seed=8), Objective())
        disturbed.sample(eps)
        assert plain.step(x, eps, Objective()) == disturbed.step(x, eps, Objective())
    assert_same(plain.parameters(), disturbed.parameters())


def test_the_same_call_gives_the_same_numbers(name):
    rung, (x, eps) = make(name), batch()
    first, second = rung.differentiate(x, eps, Objective()), rung.differentiate(x, eps, Objective())
    assert first.loss == second.loss
    assert_same(first.gradients, second.gradients)
    np.testing.assert_array_equal(first.logits, second.logits)


def test_results_are_not_overwritten_by_later_calls(name):
    """Buffers may be reused inside, but what was handed out belongs to the caller."""
    rung, (x, eps) = make(name), batch()
    result = rung.differentiate(x, eps, Objective())
    handed_out = {
        "mu": result.mu,
        "logvar": result.logvar,
        "logits": result.logits,
        "encode": rung.encode(x)[0],
        "decode": rung.decode(eps),
        "reconstruct": rung.reconstruct(x),
        "sample": rung.sample(eps),
        **result.gradients,
    }
    kept = {what: array.copy() for what, array in handed_out.items()}
    other_x, other_eps = batch(seed=7)
    rung.differentiate(other_x, other_eps, Objective(beta=4.0))
    rung.encode(other_x)
    rung.decode(other_eps)
    rung.reconstruct(other_x)
    rung.sample(other_eps)
    rung.step(other_x, other_eps, Objective())
    assert_same(handed_out, kept)


def test_inputs_are_left_alone(name):
    rung, (x, eps) = make(name), batch()
    kept_x, kept_eps = x.copy(), eps.copy()
    rung.step(x, eps, Objective())
    rung.evaluate(x, eps, Objective())
    gaussian = make(name, objective=Objective("gaussian"))
    gaussian.step(x, eps, Objective("gaussian"))
    gaussian.evaluate(x, eps, Objective("gaussian"))
    rung.differentiate(x, eps, Objective())
    rung.encode(x)
    rung.decode(eps)
    rung.reconstruct(x)
    rung.sample(eps)
    np.testing.assert_array_equal(x, kept_x)
    np.testing.assert_array_equal(eps, kept_eps)


def test_memory_layout_does_not_matter(name):
    rung, (x, eps) = make(name), batch()
    strided_x, strided_eps = np.repeat(x, 2, axis=3)[..., ::2], np.asfortranarray(eps)
    backwards = np.ascontiguousarray(x[..., ::-1])[..., ::-1]
    expected = rung.differentiate(x, eps, Objective())
    for other in (strided_x, backwards, np.asfortranarray(x)):
        result = rung.differentiate(other, strided_eps, Objective())
        assert result.loss == pytest.approx(expected.loss, rel=1e-12)
        np.testing.assert_allclose(result.logits, expected.logits, rtol=0, atol=1e-12)
        for key, gradient in expected.gradients.items():
            np.testing.assert_allclose(result.gradients[key], gradient, rtol=0, atol=1e-10, err_msg=key)


def test_two_rungs_do_not_share_anything(name):
    one, other = make(name), make(name)
    start = other.parameters()
    one.step(*batch(), Objective())
    assert_same(other.parameters(), start)


def test_learning_rate_is_used_and_zero_gradient_steps_are_none(name):
    x, eps = batch()
    small, large = make(name, learning_rate=1e-4), make(name, learning_rate=1e-2)
    start = small.parameters()
    small.step(x, eps, Objective())
    large.step(x, eps, Objective())
    for key, value in start.items():
        move, large_move = small.parameters()[key] - value, large.parameters()[key] - value
        np.testing.assert_allclose(large_move, 100 * move, rtol=0, atol=1e-9, err_msg=key)


def test_training_lowers_the_loss(name):
    rung, (x, eps) = make(name, learning_rate=1e-2), batch()
    before = rung.evaluate(x, eps, Objective())
    for _ in range(50):
        rung.step(x, eps, Objective())
    assert rung.evaluate(x, eps, Objective()).loss < before.loss - 0.5


# What a checkpoint holds


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_restored_rung_goes_on_bit_for_bit(name, dtype):
    trained, restored = make(name, dtype), make(name, dtype, seed=9)
    assert trained.optimizer_state() == {}
    for seed in range(3):
        trained.step(*batch(dtype=dtype, seed=seed), Objective())
    parameters, state = trained.parameters(), trained.optimizer_state()
    moments = [f"{key}.{moment}" for key in parameters for moment in ("exp_avg", "exp_avg_sq", "step")]
    assert sorted(state) == sorted(moments)
    restored.step(*batch(dtype=dtype, seed=7), Objective())  # what it did before is forgotten
    restored.restore(parameters, state)
    assert_same(restored.parameters(), parameters)
    for seed in range(3, 6):
        loss = trained.step(*batch(dtype=dtype, seed=seed), Objective())
        assert restored.step(*batch(dtype=dtype, seed=seed), Objective()) == loss
    assert_same(restored.parameters(), trained.parameters())
    after, expected = restored.optimizer_state(), trained.optimizer_state()
    assert_same({key: after[key] for key in moments}, {key: expected[key] for key in moments})
    # Copies went out and came in: neither has moved since.
    assert all((state[f"{key}.step"] == 3).all() for key in parameters)
    assert any((parameters[key] != trained.parameters()[key]).any() for key in parameters)


@pytest.mark.parametrize("reader", RUNGS)
def test_the_state_of_one_rung_serves_the_others(name, reader):
    """Names, shapes and counts of steps are the same, so that training goes on alike up to rounding."""
    if reader != "numpy_impl":
        pytest.importorskip("torch")
    trained, loaded = make(name), make(reader, seed=9)
    for seed in range(3):
        trained.step(*batch(seed=seed), Objective())
    state = {key: value.astype(np.float64) for key, value in trained.optimizer_state().items()}
    loaded.restore(trained.parameters(), state)
    for seed in range(3, 6):
        loss = trained.step(*batch(seed=seed), Objective())
        assert loaded.step(*batch(seed=seed), Objective()) == pytest.approx(loss, rel=1e-10)


def test_an_empty_state_leaves_the_optimiser_as_it_is(name):
    rung, other = make(name), make(name)
    for one in (rung, other):
        one.step(*batch(), Objective())
    rung.restore(other.parameters(), {})
    assert_same(rung.optimizer_state(), other.optimizer_state())
    assert rung.step(*batch(), Objective()) == other.step(*batch(), Objective())


def test_what_does_not_fit_is_not_restored(name):
    rung = make(name)
    rung.step(*batch(), Objective())
    parameters, state = rung.parameters(), rung.optimizer_state()
    bias = "encoder.mu.bias"
    bad_state = {
        "missing": {key: value for key, value in state.items() if key != f"{bias}.exp_avg"},
        "unknown": state | {f"{bias}.exp_avg_max": np.zeros(3)},
        "shape": state | {f"{bias}.exp_avg": np.zeros(5)},
        "NaN": state | {f"{bias}.exp_avg": np.full(3, np.nan)},
        "negative": state | {f"{bias}.exp_avg_sq": np.full(3, -1.0)},
        "same number of steps": state | {f"{bias}.step": np.array(9.0)},
    }
    for words, wrong in bad_state.items():
        with pytest.raises(InputError, match=f"^parameters: .*{words}"):
            rung.restore(parameters, wrong)
    for words, wrong in {
        "missing": {key: value for key, value in parameters.items() if key != bias},
        "unknown": parameters | {"encoder.mu.scale": np.zeros(3)},
        "shape": parameters | {bias: np.zeros(5)},
    }.items():
        with pytest.raises(InputError, match=f"^a file: .*{words}"):
            rung.restore(wrong, state, "a file")
    assert_same(rung.parameters(), parameters)
    assert_same(rung.optimizer_state(), state)


# The loss


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_loss_is_reconstruction_plus_beta_kl_in_every_method(name, objective):
    rung, (x, eps) = make(name, objective=objective), batch()
    evaluated = rung.evaluate(x, eps, objective)
    assert evaluated.loss == pytest.approx(evaluated.reconstruction + objective.beta * evaluated.kl, rel=1e-12)
    assert evaluated.kl > 0
    assert rung.differentiate(x, eps, objective).loss == pytest.approx(evaluated, rel=1e-12)
    assert rung.step(x, eps, objective) == pytest.approx(evaluated, rel=1e-12)  # the loss before the step
    assert rung.evaluate(x, eps, objective) != evaluated


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_loss_is_what_its_formula_says_of_the_rung_s_own_outputs(name, objective):
    rung, (x, eps) = make(name, objective=objective), batch()
    result = rung.differentiate(x, eps, objective)
    x_hat = 1 / (1 + np.exp(-result.logits))
    if objective.likelihood == "bernoulli":
        log_p = x * np.log(x_hat) + (1 - x) * np.log1p(-x_hat)
    else:
        log_p = -(((x - x_hat) / objective.sigma) ** 2) / 2 - math.log(objective.sigma * math.sqrt(2 * math.pi))
    kl = (np.exp(result.logvar) + result.mu**2 - 1 - result.logvar) / 2
    assert result.loss.reconstruction == pytest.approx(-log_p.sum() / len(x), rel=1e-12)
    assert result.loss.kl == pytest.approx(kl.sum() / len(x), rel=1e-10)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_loss_and_gradients_are_means_over_the_batch(name, objective):
    rung, (x, eps) = make(name, objective=objective), batch(3)
    once = rung.differentiate(x, eps, objective)
    twice = rung.differentiate(np.concatenate([x, x]), np.concatenate([eps, eps]), objective)
    assert twice.loss == pytest.approx(once.loss, rel=1e-12)
    for key, gradient in once.gradients.items():
        np.testing.assert_allclose(twice.gradients[key], gradient, atol=1e-12 * np.abs(gradient).max(), err_msg=key)
    each = [rung.evaluate(x[i : i + 1], eps[i : i + 1], objective) for i in range(3)]
    assert np.mean(each, axis=0) == pytest.approx(once.loss, rel=1e-12)


def test_loss_sums_over_pixels_and_latents(name):
    """With all parameters zero both parts are known: log 2 nats a pixel, and q(z|x) is the prior."""
    zeros = {key: np.zeros(shape) for key, shape in ARCHITECTURE.parameter_shapes().items()}
    rung, (x, eps) = make_rung(name, ARCHITECTURE, zeros), batch()
    assert rung.evaluate(x, eps, Objective()) == pytest.approx((96 * math.log(2), 96 * math.log(2), 0), rel=1e-12)
    zeros["encoder.mu.bias"] = np.array([1.0, -2.0, 0.0])
    zeros["encoder.logvar.bias"] = np.array([0.0, 0.0, math.log(4)])
    kl = (1 + 4) / 2 + (4 - 1 - math.log(4)) / 2  # logvar is the log of a variance, not of a standard deviation
    rung = make_rung(name, ARCHITECTURE, zeros)
    assert rung.evaluate(x, eps, Objective(beta=2.0)).kl == pytest.approx(kl, rel=1e-12)
    assert rung.evaluate(x, eps, Objective(beta=2.0)).loss == pytest.approx(96 * math.log(2) + 2 * kl, rel=1e-12)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_gradient_is_the_slope_of_the_loss(name, objective):
    """Central differences along a random direction through all parameters at once."""
    parameters = initial_parameters(ARCHITECTURE, np.random.default_rng(0), np.float64)
    rng, (x, eps), h = np.random.default_rng(2), batch(), 1e-6
    direction = {key: rng.standard_normal(value.shape) for key, value in parameters.items()}
    rung = make_rung(name, ARCHITECTURE, parameters, objective=objective)
    gradients = rung.differentiate(x, eps, objective).gradients

    def loss(t):
        moved = {key: value + t * direction[key] for key, value in parameters.items()}
        return make_rung(name, ARCHITECTURE, moved, objective=objective).evaluate(x, eps, objective).loss

    slope = sum((gradients[key] * direction[key]).sum() for key in parameters)
    assert (loss(h) - loss(-h)) / (2 * h) == pytest.approx(slope, rel=1e-5)


# Encoding, decoding, drawing


def test_encode_and_decode_are_the_parts_of_a_pass(name):
    rung, (x, eps) = make(name), batch()
    result = rung.differentiate(x, eps, Objective())
    mu, logvar = rung.encode(x)
    np.testing.assert_allclose(mu, result.mu, rtol=1e-12)
    np.testing.assert_allclose(logvar, result.logvar, rtol=1e-12)
    z = mu + np.exp(logvar / 2) * eps
    np.testing.assert_allclose(rung.decode(z), result.logits, rtol=0, atol=1e-12)


def test_reconstruct_is_the_expected_image_at_the_mean(name):
    rung, (x, _) = make(name), batch()
    once = rung.reconstruct(x)
    np.testing.assert_array_equal(once, rung.reconstruct(x))
    np.testing.assert_allclose(once, rung.sample(rung.encode(x)[0]), rtol=1e-12)
    assert once.min() >= 0
    assert once.max() <= 1


@pytest.mark.parametrize("dtype", DTYPES)
def test_samples_are_expected_images(name, dtype):
    parameters = initial_parameters(ARCHITECTURE, np.random.default_rng(0), dtype)
    parameters["decoder.conv_transpose2.weight"] *= 1000
    rung = make_rung(name, ARCHITECTURE, parameters)
    z = np.random.default_rng(3).standard_normal((4, 3)).astype(dtype) * 100
    logits, x_hat = rung.decode(z), rung.sample(z)
    assert np.abs(logits).max() > 1000  # no overflow, and no warning of one
    assert x_hat.min() >= 0
    assert x_hat.max() <= 1
    np.testing.assert_array_equal(x_hat > 0.5, logits > 0)
    gentle = np.abs(logits) < 20
    np.testing.assert_allclose(x_hat[gentle], 1 / (1 + np.exp(-logits[gentle])), rtol=1e-5)


@pytest.mark.parametrize("dtype", DTYPES)
def test_loss_stays_finite_at_extreme_logits(name, dtype):
    parameters = initial_parameters(ARCHITECTURE, np.random.default_rng(0), dtype)
    parameters["decoder.conv_transpose2.bias"][:] = 1e4
    x, eps = batch(dtype=dtype)
    rung = make_rung(name, ARCHITECTURE, parameters)
    result = rung.differentiate(x, eps, Objective())
    assert result.loss.reconstruction == pytest.approx((1e4 * (1 - x)).sum() / len(x), rel=1e-3)
    assert all(np.isfinite(gradient).all() for gradient in result.gradients.values())


# Weights


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("reader", RUNGS)
def test_weights_of_one_rung_serve_the_others(name, reader, dtype, tmp_path):
    if reader != "numpy_impl":
        pytest.importorskip("torch")
    trained = make(name, dtype)
    trained.step(*batch(dtype=dtype), Objective())
    save_weights(tmp_path / "weights.safetensors", trained.parameters(), trained.description)
    loaded = make(reader, dtype, seed=9)
    parameters, description = load_weights(tmp_path / "weights.safetensors", loaded.description)
    assert architecture_of(description) == ARCHITECTURE
    assert_same(parameters, trained.parameters())
    loaded.restore(parameters, {})
    x, eps = batch(dtype=dtype, seed=5)
    tolerance = 1e-5 if dtype == np.float32 else 1e-12
    np.testing.assert_allclose(loaded.decode(eps), trained.decode(eps), rtol=0, atol=tolerance)
    np.testing.assert_allclose(loaded.encode(x), trained.encode(x), rtol=0, atol=tolerance)


def test_state_dict_is_the_whole_bridge():
    """The line of the README: parameters of a plain nn.Module run on rung 1 as they are."""
    torch = pytest.importorskip("torch")
    from paper import vae_paper

    model = vae_paper.init(ARCHITECTURE, np.random.default_rng(0), np.float64)
    parameters = {k: v.detach().numpy().copy() for k, v in model.state_dict().items()}
    z = np.random.default_rng(0).standard_normal((2, 3))
    with torch.no_grad():
        logits = model.decoder(torch.from_numpy(z)).numpy()
    np.testing.assert_allclose(make_rung("numpy_impl", ARCHITECTURE, parameters).decode(z), logits, atol=1e-12)


# Bad input: an error that names the argument, and nothing changed

X, EPS = batch()


def with_entry(array, value):
    array = array.copy()
    array.flat[3] = value
    return array


BAD_IMAGES = {
    "above 1": (with_entry(X, 1.5), ValueError),
    "below 0": (with_entry(X, -0.01), ValueError),
    "255": (X * 255, ValueError),
    "normalised to [-1, 1]": (X * 2 - 1, ValueError),
    "NaN": (with_entry(X, np.nan), ValueError),
    "infinity": (with_entry(X, np.inf), ValueError),
    "flat": (X.reshape(5, -1), ValueError),
    "without channels": (X[:, 0], ValueError),
    "other size": (X[..., 1:], ValueError),
    "height and width exchanged": (X.swapaxes(2, 3), ValueError),
    "three channels": (X.repeat(3, axis=1), ValueError),
    "no image": (X[:0], ValueError),
    "float32": (X.astype(np.float32), TypeError),
    "integers": (X.round().astype(np.int64), TypeError),
    "bytes": ((X * 255).astype(np.uint8), TypeError),
    "a list": (X.tolist(), TypeError),
}
BAD_LATENTS = {
    "NaN": (with_entry(EPS, np.nan), ValueError),
    "infinity": (with_entry(EPS, np.inf), ValueError),
    "too few latents": (EPS[:, :2], ValueError),
    "one row": (EPS[0], ValueError),
    "none": (EPS[:0], ValueError),
    "float32": (EPS.astype(np.float32), TypeError),
    "a list": (EPS.tolist(), TypeError),
}


def refuses(call, argument, error):
    """An error of this kind whose message begins with the argument's name."""
    with pytest.raises(error) as caught:
        call()
    # jaxtyping's own complaint, while the tests check shapes, comes before ours: it names the argument too.
    assert re.search(rf"\A{argument}\b|parameter '{argument}'", str(caught.value))


@pytest.mark.parametrize("method", ["step", "evaluate", "differentiate", "encode", "reconstruct"])
@pytest.mark.parametrize("bad", BAD_IMAGES)
def test_bad_images_are_refused_by_name(name, method, bad):
    x, error = BAD_IMAGES[bad]
    rung = make(name)
    start = rung.parameters()
    arguments = (x,) if method in ("encode", "reconstruct") else (x, EPS, Objective())
    refuses(lambda: getattr(rung, method)(*arguments), "x", error)
    assert_same(rung.parameters(), start)


@pytest.mark.parametrize("method", ["step", "evaluate", "differentiate"])
@pytest.mark.parametrize("bad", BAD_LATENTS)
def test_bad_noise_is_refused_by_name(name, method, bad):
    eps, error = BAD_LATENTS[bad]
    rung = make(name)
    start = rung.parameters()
    refuses(lambda: getattr(rung, method)(X, eps, Objective()), "eps", error)
    assert_same(rung.parameters(), start)


@pytest.mark.parametrize("method", ["step", "evaluate", "differentiate"])
def test_noise_for_another_number_of_images_is_refused(name, method):
    rung = make(name)
    refuses(lambda: getattr(rung, method)(X, EPS[:1], Objective()), "eps", ValueError)
    refuses(lambda: getattr(rung, method)(X[:1], EPS, Objective()), "eps", ValueError)


@pytest.mark.parametrize("method", ["decode", "sample"])
@pytest.mark.parametrize("bad", BAD_LATENTS)
def test_bad_latents_are_refused_by_name(name, method, bad):
    z, error = BAD_LATENTS[bad]
    refuses(lambda: getattr(make(name), method)(z), "z", error)


def test_bad_parameters_are_refused_by_name(name):
    good = initial_parameters(ARCHITECTURE, np.random.default_rng(0), np.float64)
    missing = {key: value for key, value in good.items() if key != "encoder.mu.bias"}
    with pytest.raises(ValueError, match=r"encoder\.mu\.bias.*missing"):
        make_rung(name, ARCHITECTURE, missing)
    with pytest.raises(ValueError, match=r"unknown.*encoder\.mu\.scale"):
        make_rung(name, ARCHITECTURE, good | {"encoder.mu.scale": np.ones(3)})
    with pytest.raises(ValueError, match=r"encoder\.fc\.weight.*shape"):
        make_rung(name, ARCHITECTURE, good | {"encoder.fc.weight": good["encoder.fc.weight"].T})
    with pytest.raises(ValueError, match=r"decoder\.fc1\.bias.*NaN"):
        make_rung(name, ARCHITECTURE, good | {"decoder.fc1.bias": np.full(6, np.nan)})


def test_parameters_of_mixed_or_other_dtypes_are_refused(name):
    good = initial_parameters(ARCHITECTURE, np.random.default_rng(0), np.float64)
    with pytest.raises((TypeError, ValueError), match="float32"):
        make_rung(name, ARCHITECTURE, good | {"decoder.fc1.bias": np.zeros(6, np.float32)})
    with pytest.raises((TypeError, ValueError), match="float16"):
        make_rung(name, ARCHITECTURE, {key: value.astype(np.float16) for key, value in good.items()})


def test_order_of_the_given_parameters_does_not_matter(name):
    good = initial_parameters(ARCHITECTURE, np.random.default_rng(0), np.float64)
    shuffled = dict(reversed(good.items()))
    rung = make_rung(name, ARCHITECTURE, shuffled)
    assert list(rung.parameters()) == list(ARCHITECTURE.parameter_shapes())
    assert rung.evaluate(X, EPS, Objective()) == make(name).evaluate(X, EPS, Objective())
