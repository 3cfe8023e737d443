"""Importance-sampled log p(x) on the VAE whose log p(x) is known, and on every kind of model."""

import math

import numpy as np
import pytest

from tests.support import oracles

torch = pytest.importorskip("torch")

from foundation.errors import InputError  # noqa: E402
from paper.evaluation import importance  # noqa: E402
from paper.evaluation.importance import Estimate, importance_sample, log_likelihood, log_weights  # noqa: E402
from paper.models.base import Model  # noqa: E402
from paper.models.options import (  # noqa: E402
    AutoencoderOptions,
    BetaVAEOptions,
    ConditionalVAEOptions,
    IWAEOptions,
    VAEOptions,
    VQVAEOptions,
)
from paper.models.registry import make_model  # noqa: E402
from paper.models.vae import kl_per_latent  # noqa: E402

SIGMA, D, Z = 0.7, 7, 2


class LinearVAE(Model):
    """x | z, c ~ N(W z + b + c, SIGMA^2 I) with q(z|x, c) the posterior, its mean moved and its spread changed."""

    options = VAEOptions()

    def __init__(self, oracle, shift=0.0, widening=0.0):
        super().__init__()
        self.oracle, self.shift, self.widening = oracle, shift, widening
        self.W, self.b = torch.tensor(oracle.W), torch.tensor(oracle.b)

    def encode(self, x, c=None):
        precision = 1 + self.W.square().sum(0) / SIGMA**2
        mean = (x.flatten(1) - self.b - (0 if c is None else c)) @ self.W / SIGMA**2 / precision
        return mean + self.shift, torch.zeros_like(mean) - precision.log() + self.widening

    def decode(self, z, c=None):
        return (z @ self.W.T + self.b + (0 if c is None else c)).unflatten(1, (1, 1, D))

    def log_prob(self, outputs, x):
        return torch.distributions.Normal(outputs, SIGMA).log_prob(x).flatten(-3).sum(-1)


@pytest.fixture(scope="module")
def oracle():
    rng = np.random.default_rng(9)
    columns, _ = np.linalg.qr(rng.standard_normal((D, Z)))
    return oracles.LinearGaussian(columns * [2.0, 0.6], rng.standard_normal(D), SIGMA)


@pytest.fixture(scope="module")
def x(oracle):
    """Images of the model itself."""
    rng = np.random.default_rng(1)
    x = rng.standard_normal((40, Z)) @ oracle.W.T + oracle.b + SIGMA * rng.standard_normal((40, D))
    return torch.tensor(x).unflatten(1, (1, 1, D))


@pytest.fixture(scope="module")
def exact(oracle, x):
    return np.array([oracle.log_likelihood(row) for row in x.flatten(1).numpy()])


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def kl_to_posterior(model, x):
    """KL(q(z|x) || p(z|x)) of every image in closed form."""
    mu, logvar = model.encode(x)
    posterior, spread = LinearVAE(model.oracle).encode(x)
    parts = (logvar - spread).exp() + (mu - posterior).square() / spread.exp() - 1 + spread - logvar
    return 0.5 * parts.sum(1).numpy()


@pytest.mark.parametrize("draws", [1, 3, 50])
@pytest.mark.parametrize("rows", [1, 7, 1024])
def test_the_true_posterior_makes_every_weight_exact(oracle, x, exact, draws, rows):
    estimate = importance_sample(LinearVAE(oracle), x[:5], None, draws, generator(), rows)
    np.testing.assert_allclose(estimate.log_p, exact[:5], rtol=1e-12)
    np.testing.assert_allclose(estimate.elbo, exact[:5], rtol=1e-12)
    np.testing.assert_allclose(estimate.effective_draws, draws, rtol=1e-10)


def test_the_estimate_of_p_is_unbiased(oracle, x, exact):
    # A q wider than the posterior: weights are bounded, so that their mean has a variance.
    K = 8000
    ratio = np.exp(log_weights(LinearVAE(oracle, 0.2, 0.8), x, None, K, generator()).numpy() - exact[:, None])
    errors = ratio.std(axis=1) / math.sqrt(K)
    assert errors.max() < 0.02
    assert (np.abs(ratio.mean(axis=1) - 1) < 4 * errors).all()
    assert abs(ratio.mean() - 1) < 3 * math.sqrt(np.square(errors).sum()) / len(x)


def test_one_draw_is_the_elbo_and_many_are_log_p(oracle, x, exact):
    model = LinearVAE(oracle, 0.4, 1.2)
    means = [importance_sample(model, x, None, K, generator(K)).log_p.mean() for K in (1, 4, 32, 4096)]
    assert means == sorted(means)
    assert means[-1] == pytest.approx(exact.mean(), abs=0.005)
    many = importance_sample(model, x, None, 8192, generator())
    bound = exact - kl_to_posterior(model, x)
    np.testing.assert_allclose(many.elbo, bound, atol=0.3)
    assert many.elbo.mean() == pytest.approx(bound.mean(), abs=0.04)
    assert (many.log_p >= many.elbo).all()  # Jensen, for any draws at all
    np.testing.assert_allclose(many.log_p, exact, atol=0.1)


def test_the_gain_over_the_elbo_is_less_than_the_kl_to_the_posterior_while_draws_are_few(oracle, x):
    model = LinearVAE(oracle, 0.4, 1.2)
    kl, gains = kl_to_posterior(model, x).mean(), []
    for K in (1, 4, 32, 4096):
        found = importance_sample(model, x.repeat(20, 1, 1, 1), None, K, generator(K))
        gains.append((found.log_p - found.elbo).mean())
    assert gains == sorted(gains)
    assert gains[0] == 0
    assert gains[1] < 0.9 * kl, "so it must not be called that KL"
    assert gains[-1] == pytest.approx(kl, rel=0.05)


def test_every_image_keeps_its_condition(oracle, x, exact):
    shifts = torch.linspace(-3, 3, len(x), dtype=torch.float64)[:, None] * torch.ones(D, dtype=torch.float64)
    moved = x + shifts.unflatten(1, (1, 1, D))
    for rows in (5, 64, 1024):
        estimate = importance_sample(LinearVAE(oracle), moved, shifts, 6, generator(), rows)
        np.testing.assert_allclose(estimate.log_p, exact, rtol=1e-12)


BUGS = {
    "no p(z)": lambda z, eps, logvar: 0.5 * (eps**2 + logvar),
    "no q(z|x)": lambda z, eps, logvar: -0.5 * z**2,
    "no log sigma": lambda z, eps, logvar: 0.5 * (eps**2 - z**2),
    "log sigma twice": lambda z, eps, logvar: 0.5 * (eps**2 + 2 * logvar - z**2),
    "q with the wrong sign": lambda z, eps, logvar: -0.5 * (eps**2 + logvar + z**2),
    "no half": lambda z, eps, logvar: eps**2 + logvar - z**2,
    "the KL in place of its draw": lambda z, eps, logvar: 0.5 * (1 + logvar - z**2 - logvar.exp()),
}


@pytest.mark.parametrize("bug", BUGS)
def test_a_wrong_weight_is_not_exact(oracle, x, exact, bug, monkeypatch):
    def wrong(model, x, c, K, generator):
        mu, logvar = (value[:, None] for value in model.encode(x, c))
        eps = torch.randn(len(x), K, Z, generator=generator, dtype=x.dtype)
        z = mu + torch.exp(logvar / 2) * eps
        log_p_x = model.log_prob(model.decode(z.flatten(0, 1)), x.repeat_interleave(K, 0)).unflatten(0, (len(x), K))
        return log_p_x + BUGS[bug](z, eps, logvar).sum(-1)

    monkeypatch.setattr(importance, "log_weights", wrong)
    assert np.abs(importance_sample(LinearVAE(oracle), x, None, 100, generator()).log_p - exact).max() > 0.1


@pytest.mark.parametrize("rows", [1, 7, 13, 60, 10_000])
def test_portions_add_up_where_weights_underflow(rows, monkeypatch):
    log_w = 30 * torch.randn(5, 50, generator=generator(), dtype=torch.float64) - 1e5
    left = [list(row.split(1)) for row in log_w]

    def next_weights(model, x, c, K, generator):
        return torch.stack([torch.cat([left[i].pop(0) for _ in range(K)]) for i in x.flatten().long().tolist()])

    monkeypatch.setattr(importance, "log_weights", next_weights)
    counts, numbers = [], torch.arange(5.0).reshape(5, 1, 1, 1)
    model = LinearVAE.__new__(LinearVAE)
    estimate = importance_sample(model, numbers, None, 50, generator(), rows, counts.append)
    np.testing.assert_allclose(estimate.log_p, (log_w.logsumexp(1) - math.log(50)).numpy(), rtol=1e-14)
    np.testing.assert_allclose(estimate.elbo, log_w.mean(1).numpy(), rtol=1e-14)
    w = (log_w - log_w.amax(1, keepdim=True)).exp()
    np.testing.assert_allclose(estimate.effective_draws, (w.sum(1) ** 2 / w.square().sum(1)).numpy(), rtol=1e-9)
    assert sum(counts) == 5 * 50
    assert max(counts) <= max(rows, 1)


def test_memory_does_not_grow_with_the_draws(oracle, x):
    model, sizes = LinearVAE(oracle), []
    decode = model.decode
    model.decode = lambda z, c=None: (sizes.append(len(z)), decode(z, c))[1]
    importance_sample(model, x, None, 1000, generator(), rows=300)
    importance_sample(model, x, None, 10, generator(), rows=300)
    assert max(sizes) == 300
    assert sum(sizes) == 40 * 1010


def test_effective_draws_count_the_weights_that_matter(oracle, monkeypatch):
    rows = torch.tensor([[0.0, 0, 0, 0], [0, -900, -900, -900], [0, 0, -900, -900]], dtype=torch.float64)
    monkeypatch.setattr(importance, "log_weights", lambda model, x, c, K, generator: rows)
    estimate = importance_sample(LinearVAE(oracle), torch.zeros(3, 1, 1, D), None, 4, generator())
    np.testing.assert_allclose(estimate.effective_draws, [4, 1, 2], rtol=1e-12)


def test_standard_error_and_warning():
    log_p = np.array([-3.0, -1.0, -2.0, -6.0])
    good = Estimate(log_p, log_p - 1, np.full(4, 80.0))
    assert good.standard_error == pytest.approx(np.std(log_p, ddof=1) / 2)
    assert good.warning() is None
    assert "25% of the images" in good._replace(effective_draws=np.array([80.0, 1.2, 50, 60])).warning()
    assert math.isnan(Estimate(log_p[:1], log_p[:1], log_p[:1]).standard_error)


KINDS = {
    "bernoulli": VAEOptions(network="mlp", hidden_dims=(11,), latent_dim=3),
    "gaussian": BetaVAEOptions(network="mlp", hidden_dims=(11,), latent_dim=3, likelihood="gaussian"),
    "gaussian-learned": VAEOptions(network="mlp", hidden_dims=(11,), latent_dim=3, likelihood="gaussian-learned"),
    "gaussian-optimal": VAEOptions(network="mlp", hidden_dims=(11,), latent_dim=3, likelihood="gaussian-optimal"),
    "continuous-bernoulli": VAEOptions(
        latent_dim=3, channels=(2, 3), hidden_dims=(5,), likelihood="continuous-bernoulli"
    ),
    "iwae": IWAEOptions(network="mlp", hidden_dims=(11,), latent_dim=3),
    "label": ConditionalVAEOptions(network="mlp", hidden_dims=(11,), latent_dim=3),
    "upper half": ConditionalVAEOptions(latent_dim=3, channels=(2, 3), hidden_dims=(5,), condition="top"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_model_against_a_plain_loop(kind):
    model = make_model(KINDS[kind], (1, 8, 12), 4).double().eval()
    images = (torch.rand(3, 1, 8, 12, generator=generator(), dtype=torch.float64) > 0.5).double()
    c = model.condition(images, torch.tensor([0, 3, 1]))
    values, error = log_likelihood(model, images, c, 40, generator(5))
    assert error == pytest.approx(np.std(values, ddof=1) / math.sqrt(3))
    D, eps = torch.distributions, torch.randn(3, 40, 3, generator=generator(5), dtype=torch.float64)
    for i in range(3):
        own = None if c is None else c[i : i + 1]
        mu, logvar = model.encode(images[i : i + 1], own)
        q, weights = D.Normal(mu, logvar.div(2).exp()), []
        for k in range(40):
            z = mu + logvar.div(2).exp() * eps[i, k]
            log_p_z, log_q = D.Normal(0.0, 1.0).log_prob(z).sum(), q.log_prob(z).sum()
            weights.append(model.log_prob(model.decode(z, own), images[i : i + 1])[0] + log_p_z - log_q)
        expected = torch.stack(weights).logsumexp(0).item() - math.log(40)
        assert values[i] == pytest.approx(expected, rel=1e-10)


def test_kl_is_what_the_elbo_draws_average_to():
    model = make_model(KINDS["bernoulli"], (1, 8, 12), 4).double()
    images = (torch.rand(3, 1, 8, 12, generator=generator(), dtype=torch.float64) > 0.5).double()
    mu, logvar = model.encode(images)
    eps = torch.randn(3, 5000, 3, generator=generator(3), dtype=torch.float64)
    z = mu[:, None] + (logvar / 2).exp()[:, None] * eps
    copies = images.repeat_interleave(5000, 0)
    log_p_x = model.log_prob(model.decode(z.flatten(0, 1)), copies).unflatten(0, (3, 5000)).mean(1)
    elbo = importance_sample(model, images, None, 5000, generator(4)).elbo
    np.testing.assert_allclose(elbo, (log_p_x - kl_per_latent(mu, logvar).sum(1)).detach().numpy(), atol=0.1)


@pytest.mark.parametrize("options", [AutoencoderOptions(), VQVAEOptions()])
def test_models_without_a_posterior_define_no_bound(options):
    model = make_model(options, (1, 28, 28), 10)
    with pytest.raises(InputError, match="defines no bound on log p"):
        importance_sample(model, torch.zeros(2, 1, 28, 28), None, 5, generator())


def test_no_draws(oracle, x):
    with pytest.raises(InputError, match=r"^draws: expected an integer of at least 1, got 0"):
        importance_sample(LinearVAE(oracle), x, None, 0, generator())
