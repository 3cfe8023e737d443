"""Annealed bounds on log p(x), against the VAE whose log p(x) is known."""

import math

import numpy as np
import pytest

from tests.support import oracles

torch = pytest.importorskip("torch")

from foundation.errors import InputError  # noqa: E402
from paper.evaluation.annealing import (  # noqa: E402
    Annealing,
    annealed_log_likelihood,
    bracket,
    simulate,
    temperatures,
)
from paper.models.base import Model  # noqa: E402
from paper.models.options import VAEOptions  # noqa: E402
from tests.support.small_models import TINY, make  # noqa: E402

D, Z, SIGMA = 7, 2, 0.7


class LinearVAE(Model):
    """x | z, c ~ N(W z + b + c, sigma^2 I)."""

    options = VAEOptions()

    def __init__(self, oracle):
        super().__init__()
        self.sigma = oracle.sigma
        self.W, self.b = (torch.nn.Parameter(torch.tensor(value)) for value in (oracle.W, oracle.b))

    def noise_shape(self, count):
        return count, Z

    def decode(self, z, c=None):
        return (z @ self.W.T + self.b + (0 if c is None else c)).unflatten(1, (1, 1, D))

    def log_prob(self, outputs, x):
        return torch.distributions.Normal(outputs, self.sigma).log_prob(x).flatten(1).sum(1)

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
