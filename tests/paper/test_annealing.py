"""Annealed bounds on log p(x), against the VAE whose log p(x) is known."""

import dataclasses
import json
import math

import numpy as np
import pytest

from tests.support import oracles

torch = pytest.importorskip("torch")

from foundation.data.dataset import Dataset  # noqa: E402
from foundation.data.splits import Data  # noqa: E402
from foundation.errors import InputError  # noqa: E402
from foundation.options import TrainOptions  # noqa: E402
from foundation.runs import create_run  # noqa: E402
from paper.evaluation import command  # noqa: E402
from paper.evaluation.annealing import (  # noqa: E402
    Annealing,
    annealed_log_likelihood,
    bracket,
    simulate,
    temperatures,
)
from paper.evaluation.options import EvaluateOptions  # noqa: E402
from paper.evaluation.rate_distortion import rate_distortion  # noqa: E402
from paper.models.base import Model  # noqa: E402
from paper.models.options import VAEOptions  # noqa: E402
from tests.support.small_models import CLASS_COUNT, SHAPE, TINY, make  # noqa: E402

D, Z, SIGMA = 7, 2, 0.7


class LinearVAE(Model):
    """x | z, c ~ N(W z + b + c, sigma^2 I)."""

    options = VAEOptions(likelihood="gaussian")

    def __init__(self, oracle):
        super().__init__()
        self.sigma = oracle.sigma
        self.W, self.b = (torch.nn.Parameter(torch.tensor(value)) for value in (oracle.W, oracle.b))

    def noise_shape(self, count):
        return count, Z

    image_shape, class_count = (1, 1, D), 0

    def encode(self, x, c=None):
        """The mean of p(z|x), and a variance that is not its: 0.1."""
        precision = torch.eye(Z) + self.W.T @ self.W / self.sigma**2
        mean = (x.flatten(1) - self.b) @ self.W / self.sigma**2 @ torch.linalg.inv(precision)
        return mean, torch.full_like(mean, math.log(0.1))

    def decode(self, z, c=None):
        return (z @ self.W.T + self.b + (0 if c is None else c)).unflatten(1, (1, 1, D))

    def log_prob(self, outputs, x):
        return torch.distributions.Normal(outputs, self.sigma).log_prob(x).flatten(-3).sum(-1)

    def draw(self, z, c, generator):
        mean = self.decode(z, c)
        return mean + self.sigma * torch.randn(mean.shape, generator=generator, dtype=mean.dtype)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def oracle():
    rng = np.random.default_rng(9)
    return oracles.LinearGaussian(rng.standard_normal((D, Z)), rng.standard_normal(D), SIGMA)


@pytest.fixture(scope="module")
def model(oracle):
    return LinearVAE(oracle)


@pytest.fixture(scope="module")
def drawn(model):
    return simulate(model, 30, None, generator(1))


def exact_of(oracle, x):
    return np.array([oracle.log_likelihood(row) for row in x.flatten(1).numpy()])


def standard_error(values):
    return values.std(ddof=1) / math.sqrt(len(values))


def test_the_bracket_holds_the_closed_form_and_closes(oracle, model, drawn):
    x, eps = drawn
    exact, widths = exact_of(oracle, x), []
    for T in (5, 30, 250):
        found = bracket(model, x, eps, None, T, generator(T), chains=4, leapfrogs=5)
        below, above = exact - found.lower, found.upper - exact
        assert below.mean() > -3 * standard_error(below)
        assert above.mean() > -3 * standard_error(above)
        assert found.accepted > 0.5
        widths.append(found.width)
    assert widths[0] > 2 * widths[1] > 4 * widths[2]
    assert abs(widths[2]) < 0.3


@pytest.mark.parametrize("way", ["forward", "backward"])
def test_the_weights_are_unbiased_both_ways(oracle, way):
    """E[w] = p(x) and E[1 / w] = 1 / p(x), even for few temperatures; much noise, so that weights have a variance."""
    noisy = oracle._replace(sigma=5.0)
    model = LinearVAE(noisy)
    x, eps = simulate(model, 8000, None, generator(2))
    chains = Annealing(model, x, None, 4, 1, 3, generator(3))
    chains.sizes[:] = 0.9
    log_w = (chains.forward() if way == "forward" else -chains.backward(eps)).numpy()[:, 0]
    ratio = np.exp(log_w - exact_of(noisy, x) * (1 if way == "forward" else -1))
    assert abs(ratio.mean() - 1) < 4 * standard_error(ratio)
    assert standard_error(ratio) < 0.03


def test_one_temperature_is_importance_sampling_from_the_prior(model, drawn):
    x, _ = drawn
    chains = Annealing(model, x, None, 1, 5, 3, generator(4))
    log_w = chains.forward()
    eps = torch.randn(len(x) * 5, Z, generator=generator(4), dtype=torch.float64)
    expected = chains.log_likelihood(eps).detach().unflatten(0, (-1, 5))
    torch.testing.assert_close(log_w, expected, rtol=1e-10, atol=0)
    assert chains.accepted == []


def test_a_step_keeps_the_posterior(oracle, model, drawn):
    """From exact samples of p(z|x), at beta = 1: mean and covariance stay."""
    x = drawn[0][:1]
    precision = np.eye(Z) + oracle.W.T @ oracle.W / SIGMA**2
    covariance = np.linalg.inv(precision)
    mean = covariance @ oracle.W.T @ (x.flatten().numpy() - oracle.b) / SIGMA**2
    K = 20_000
    noise = np.random.default_rng(0).standard_normal((K, Z))
    z = torch.tensor(mean + noise @ np.linalg.cholesky(covariance).T)
    chains = Annealing(model, x, None, 1, K, 2, generator(5))
    chains.sizes[1] = 1.5 * math.sqrt(np.linalg.eigvalsh(covariance)[0])  # large: many are refused
    for _ in range(3):
        z, _ = chains.step(z, 1)
    assert 0.2 < np.mean(chains.accepted) < 0.95
    spread = np.sqrt(np.diag(covariance))
    assert (np.abs(z.numpy().mean(0) - mean) < 5 * spread / math.sqrt(K)).all()
    np.testing.assert_allclose(np.cov(z.numpy().T), covariance, atol=0.05 * spread.max() ** 2)


def test_a_condition_is_given_to_the_decoder(oracle, model, drawn):
    x, _ = drawn
    c = torch.linspace(-1, 1, len(x), dtype=torch.float64)[:, None].expand(-1, D)
    plain = annealed_log_likelihood(model, x, None, 10, generator(6), chains=2, leapfrogs=3)
    moved = annealed_log_likelihood(model, x + c[:, None, None], c, 10, generator(6), chains=2, leapfrogs=3)
    np.testing.assert_allclose(moved, plain, rtol=1e-9)


def test_the_generator_repeats_and_gradients_stay_away(model, drawn):
    x, eps = drawn
    first, again = (bracket(model, x, eps, None, 4, generator(7), chains=2, leapfrogs=2) for _ in range(2))
    other = bracket(model, x, eps, None, 4, generator(8), chains=2, leapfrogs=2)
    np.testing.assert_array_equal(first.lower, again.lower)
    np.testing.assert_array_equal(first.upper, again.upper)
    assert not np.array_equal(first.lower, other.lower)
    assert all(value.grad is None for value in model.parameters())


@pytest.mark.parametrize("name", ["vae", "vae-levels", "vae-continuous", "beta-vae", "iwae", "vampprior"])
def test_models_of_every_kind(name):
    model = make(name)
    x, eps = simulate(model, 3, None, generator())
    found = bracket(model, x, eps, None, 30, generator(), chains=2, leapfrogs=3)
    assert np.isfinite(found.lower).all()
    assert found.width == pytest.approx(0, abs=1.0)


# The rate-distortion curve.


def curve_of(oracle, x, betas):
    """Rate and distortion of each image at each beta, in closed form."""
    moments = [[oracle.annealed(row, beta) for beta in betas] for row in x.flatten(1).numpy()]
    rates = [[oracle.rate(*one) for one in row] for row in moments]
    pairs = zip(x.flatten(1).numpy(), moments, strict=True)
    return np.array(rates), np.array([[oracle.distortion(row, *one) for one in each] for row, each in pairs])


@pytest.fixture(scope="module")
def curve(model, drawn):
    return rate_distortion(model, drawn[0], None, 30, generator(20), chains=60, leapfrogs=4)


def test_the_curve_is_that_of_the_closed_form(oracle, drawn, curve):
    """At every temperature, within four standard errors over the images."""
    found, expected = (curve.rate, curve.distortion), curve_of(oracle, drawn[0], curve.betas)
    for ours, theirs in zip(found, expected, strict=True):
        off = ours - theirs
        assert (np.abs(off.mean(0)) < 4 * off.std(0, ddof=1) / math.sqrt(len(off)) + 1e-9).all()
        assert (np.abs(off.mean(0))[1:] < 0.05 * (np.abs(theirs).mean(0)[1:] + 1)).all()
    np.testing.assert_allclose(expected[0][:, 0], 0, atol=1e-12)
    np.testing.assert_allclose(curve.rate[:, 0], 0, atol=1e-12)


def test_the_closed_form_is_a_curve_of_slope_minus_one_over_beta_that_ends_at_log_p(oracle, drawn):
    betas = np.array([0.2, 0.2001, 0.6, 0.6001, 1.0])
    rate, distortion = curve_of(oracle, drawn[0], betas)
    for i, beta in ((0, 0.2), (2, 0.6)):
        slope = (distortion[:, i + 1] - distortion[:, i]) / (rate[:, i + 1] - rate[:, i])
        np.testing.assert_allclose(slope, -1 / beta, rtol=1e-3)
    np.testing.assert_allclose(-(rate + distortion)[:, -1], exact_of(oracle, drawn[0]), rtol=1e-12)


def test_points_lie_on_or_above_the_curve_even_of_an_annealing_that_is_too_fast(oracle, model, drawn):
    """Above the line of slope -1 / beta that touches the curve: rate + beta distortion is at least -log Z_beta."""
    rough = rate_distortion(model, drawn[0], None, 3, generator(21), chains=2, leapfrogs=2)
    rate, distortion = curve_of(oracle, drawn[0], rough.betas)
    above = rough.rate - rate + rough.betas * (rough.distortion - distortion)
    assert (above[:, 1:].mean(0) > 3 * above[:, 1:].std(0, ddof=1) / math.sqrt(len(above))).all()


def test_the_curve_ends_at_the_lower_bound_of_the_same_chains(model, drawn, curve):
    choices = {"T": 6, "chains": 3, "leapfrogs": 2}
    found = rate_distortion(model, drawn[0], None, generator=generator(22), **choices)
    lower = annealed_log_likelihood(model, drawn[0], None, generator=generator(22), **choices)
    np.testing.assert_allclose(found.log_p, lower, rtol=1e-12)
    assert 0.5 < curve.accepted <= 1
    assert math.isnan(rate_distortion(model, drawn[0][:2], None, 1, generator(), chains=2).accepted)


# The command.


@pytest.fixture
def run(model, drawn, tmp_path, monkeypatch):
    """A run whose model is the one of known log p(x), and whose test images are ones that it drew."""
    images = drawn[0].numpy()
    part = Dataset("linear", "test", images, np.zeros(len(images), np.int64), ("none",))
    monkeypatch.setattr(command, "open_model", lambda run, device: model)
    monkeypatch.setattr(command, "read_data", lambda run, root: Data("linear", part, None, part))
    choices = dataclasses.asdict(TrainOptions(model=VAEOptions()))
    config = {"command": "train", "model": "vae", "rung": "paper", "options": choices}
    return create_run(tmp_path, "train", config | {"image_shape": (1, 1, D), "class_count": 0})


def evaluate(run, capsys, **choices):
    options = EvaluateOptions(run=run.path, **{"draws": 50, "device": "cpu", "annealing": 20} | choices)
    assert command.evaluate(options) == 0
    return " ".join(capsys.readouterr().out.split()), json.loads((run.path / "evaluation.json").read_text())


def test_the_command_brackets_the_closed_form(oracle, model, drawn, run, capsys):
    text, found = evaluate(run, capsys, annealed_images=30, chains=16)
    annealed = found["annealing"]
    rows = {(row["images"], row["estimate"]): row for row in annealed["bounds"]}
    exact = exact_of(oracle, drawn[0]).mean()
    for estimate in ("importance_sampling", "lower"):
        row = rows["test images", estimate]
        assert exact - 0.4 < row["mean"] < exact + 0.1
        assert f"{row['mean']:.2f}".replace("-", "−") in text
    own, lower, upper = (rows["drawn by the model", name] for name in ("importance_sampling", "lower", "upper"))
    width = rows["drawn by the model", "upper − lower"]
    assert width["mean"] == pytest.approx(upper["mean"] - lower["mean"])
    assert -3 * width["standard_error"] < width["mean"] < 1.5
    assert own["mean"] == pytest.approx(lower["mean"], abs=0.4)
    assert (annealed["temperatures"], annealed["chains"], annealed["images"]) == (20, 16, 30)
    assert "all 30 test images, and 30 that the model draws" in text
    assert found["command"].endswith("--draws 50 --annealing 20 --chains 16 --annealed-images 30")

    gaps = []
    for row in drawn[0].flatten(1).numpy():
        mean, _ = oracle.annealed(row, 1.0)
        q = mean, 0.1 * np.eye(Z)
        gaps.append(oracle.rate(*q) + oracle.distortion(row, *q))
    gap = np.mean(gaps) + exact  # KL(q(z|x) || p(z|x)), which is one for all images
    assert gap - 0.5 < annealed["gap"]["mean"] < gap + 0.2  # at least, in expectation
    assert annealed["encoder"]["rate"] + annealed["encoder"]["distortion"] == pytest.approx(np.mean(gaps), abs=0.2)
    curve = annealed["rate_distortion"]
    assert [len(curve[name]) for name in ("betas", "rate", "distortion")] == [21] * 3
    assert -(curve["rate"][-1] + curve["distortion"][-1]) == pytest.approx(rows["test images", "lower"]["mean"])
    assert (run.path / "figures" / "rate_distortion.png").read_bytes().startswith(b"\x89PNG")
    assert "annealed to β = 1" in text


def test_an_annealing_that_is_too_fast_comes_with_a_warning(run, capsys):
    text, found = evaluate(run, capsys, annealing=1, chains=1, annealed_images=7, draws=0)
    assert found["annealing"]["accepted"] is None
    assert [line for line in found["warnings"] if "nats apart on images that the model drew" in line]
    assert "7 of 30 test images, evenly spread" in text
    assert {row["estimate"] for row in found["annealing"]["bounds"]} == {"lower", "upper", "upper − lower"}
    assert "log_likelihood" not in found


def test_an_annealing_repeats_by_the_seed(run, capsys):
    choices = {"annealing": 5, "chains": 2, "annealed_images": 4, "draws": 3, "images": 4}
    first, again, other = (evaluate(run, capsys, seed=seed, **choices)[1]["annealing"] for seed in (0, 0, 1))
    assert first == again
    assert first != other


@pytest.mark.parametrize("name", ["cvae-top-learned", "vae-optimal", "hierarchical", "iaf-vae"])
def test_the_command_anneals_models_of_every_kind(name, run, capsys, monkeypatch):
    model, rng = make(name).float().eval(), np.random.default_rng(0)
    images = (rng.random((4, *SHAPE)) > 0.5).astype(np.float32)
    part = Dataset("noise", "test", images, rng.integers(0, CLASS_COUNT, 4), ("a", "b", "c"))
    monkeypatch.setattr(command, "open_model", lambda run, device: model)
    monkeypatch.setattr(command, "read_data", lambda run, root: Data("noise", part, None, part))
    _, found = evaluate(run, capsys, annealing=6, chains=2, annealed_images=3, draws=20)
    rows = {(row["images"], row["estimate"]): row["mean"] for row in found["annealing"]["bounds"]}
    assert abs(rows["drawn by the model", "upper − lower"]) < 2


@pytest.mark.parametrize("name", ["autoencoder", "vq-vae", "codes-prior", "latent-diffusion"])
def test_a_model_that_cannot_be_annealed_is_refused_before_it_is_measured(name, run, capsys, monkeypatch):
    monkeypatch.setattr(command, "open_model", lambda run, device: make(name).eval())
    reason = "annealing would reverse" if name == "latent-diffusion" else "expected a model with a prior over vectors z"
    with pytest.raises(InputError, match=rf"^{name}: {reason}") as caught:
        evaluate(run, capsys)
    assert "\n" not in str(caught.value)
    assert "Reconstruction" not in capsys.readouterr().out
    assert not (run.path / "evaluation.json").exists()


@pytest.mark.parametrize(
    ("choices", "line"),
    [
        ({"chains": 3}, "chains: it would have no effect: with 0 temperatures nothing is annealed"),
        ({"annealed_images": 3}, "annealed_images: it would have no effect: with 0 temperatures nothing is annealed"),
        ({"annealing": -1}, "annealing: expected an integer of at least 0, got -1"),
        ({"annealing": 5, "chains": 0}, "chains: expected an integer of at least 1, got 0"),
    ],
)
def test_options_without_effect_are_refused(choices, line):
    with pytest.raises(InputError) as caught:
        EvaluateOptions(**choices)
    assert str(caught.value) == line


def test_a_model_in_training_is_annealed_in_eval_mode_and_stays_in_training():
    """With the batch's own sigma the density would follow the chains, and no bound would hold."""
    own, eval_mode = make("vae-optimal"), make("vae-optimal").eval()
    x, _ = simulate(eval_mode, 3, None, generator())
    own.train()
    found, expected = (annealed_log_likelihood(m, x, None, 5, generator(1), 2, 2) for m in (own, eval_mode))
    np.testing.assert_array_equal(found, expected)
    assert own.training
    assert not eval_mode.training


@pytest.mark.parametrize("name", ["autoencoder", "vq-vae"])
def test_a_model_without_a_prior_is_refused(name):
    assert name in TINY
    with pytest.raises(InputError, match="expected a model with a prior"):
        simulate(make(name), 3, None, generator())


@pytest.mark.parametrize("T", [1, 2, 50])
def test_temperatures_rise_from_0_to_1(T):
    betas = temperatures(T)
    assert betas[0] == 0
    assert betas[-1] == 1
    assert (np.diff(betas) > 0).all()
    np.testing.assert_allclose(betas + betas[::-1], 1, rtol=1e-12)
