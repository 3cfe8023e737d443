"""The importance-weighted bound against torch.distributions and against a model whose log p(x) is known."""

import math

import numpy as np
import pytest

from tests.support import oracles

torch = pytest.importorskip("torch")

from foundation.objective import Objective  # noqa: E402
from paper.models import iwae  # noqa: E402
from paper.models.iwae import IWAE, log_mean_exp  # noqa: E402
from paper.models.likelihoods import Gaussian  # noqa: E402
from paper.models.options import IWAEOptions, VAEOptions  # noqa: E402
from paper.models.registry import make_model  # noqa: E402

D = torch.distributions
MLP = {"latent_dim": 3, "network": "mlp", "hidden_dims": (7,), "activation": "tanh"}
SHAPE = (1, 4, 5)


def make(draws):
    model = make_model(IWAEOptions(**MLP, draws=draws), SHAPE, 0, 3, torch.float64)
    with torch.no_grad():
        for value in model.parameters():
            value.mul_(2)  # away from q(z|x) = p(z)
    return model


def draw(model, count, seed=0):
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(1, *SHAPE, generator=generator, dtype=torch.float64).round().expand(count, *SHAPE)
    return x, torch.randn(model.noise_shape(count), generator=generator, dtype=torch.float64)


def test_the_loss_of_torch_distributions():
    model = make(4)
    x, eps = draw(model, 5)
    loss = model.loss(model(x, eps), x, Objective())
    mu, logvar = model.encoder(x)
    q, p = D.Normal(mu[:, None], logvar[:, None].div(2).exp()), D.Normal(0.0, 1.0)
    z = q.mean + q.stddev * eps
    outputs = torch.stack([model.decoder(z[:, k]) for k in range(4)], dim=1)
    log_p_x = D.Bernoulli(logits=outputs).log_prob(x[:, None]).sum((2, 3, 4))
    weights = (log_p_x + p.log_prob(z).sum(2) - q.log_prob(z).sum(2)).exp()
    torch.testing.assert_close(loss.loss, -weights.mean(1).log().mean(), rtol=1e-12, atol=0)
    torch.testing.assert_close(loss.reconstruction, -log_p_x.mean(), rtol=1e-12, atol=0)
    torch.testing.assert_close(loss.kl, D.kl_divergence(q, p).sum(2).mean(), rtol=1e-12, atol=0)


def test_one_draw_is_the_vae_on_average():
    # Not draw by draw: here the KL, too, is an estimate.
    model = make(1)
    vae = make_model(VAEOptions(**MLP), SHAPE, 0).double()
    vae.load_state_dict(model.state_dict())
    x, eps = draw(model, 40_000)
    run, other = model(x, eps), vae(x, eps[:, 0])
    ours, theirs = model.loss(run, x, Objective()), vae.loss(other, x, Objective())
    torch.testing.assert_close(ours.reconstruction, theirs.reconstruction, rtol=1e-12, atol=0)
    torch.testing.assert_close(ours.kl, theirs.kl, rtol=1e-12, atol=0)
    difference = theirs.kl - (model.log_likelihoods(run, x)[:, 0] * 0 - iwae.log_prior_over_posterior(run)[:, 0])
    error = difference.std() / math.sqrt(len(x))
    assert abs(ours.loss - theirs.loss) < 5 * error
    assert ours.loss != theirs.loss


def test_more_draws_are_a_tighter_bound():
    bounds = []
    for K in (1, 3, 10, 100):
        model = make(K)
        x, eps = draw(model, 60_000 // K)
        bounds.append(-model.loss(model(x, eps), x, Objective()).loss.item())
    assert bounds == sorted(bounds)
    assert bounds[-1] - bounds[0] > 0.1


def test_small_weights_do_not_underflow():
    log_weights = torch.tensor([[-2000.0, -2000.0], [-1e4, -math.inf]])
    torch.testing.assert_close(log_mean_exp(log_weights), torch.tensor([-2000.0, -1e4 - math.log(2)]))


@pytest.mark.parametrize("objective", [Objective(beta=0.5), Objective(beta=4.0), Objective(beta=1.0, free_bits=0.1)])
def test_the_bound_has_no_kl_to_weigh(objective):
    model = make(2)
    x, eps = draw(model, 3)
    with pytest.raises(ValueError, match="no KL term to weigh"):
        model.loss(model(x, eps), x, objective)


# A model whose log p(x) and posterior are known.


class LinearGaussian(Gaussian):
    def mean(self, outputs):
        return outputs


class Decoder(torch.nn.Module):
    def __init__(self, oracle):
        super().__init__()
        self.W, self.b = torch.from_numpy(oracle.W), torch.from_numpy(oracle.b)

    def forward(self, z):
        return (z @ self.W.T + self.b).reshape(-1, 1, 1, 7)


class Encoder(torch.nn.Module):
    """The posterior, mu and logvar shifted by so much."""

    def __init__(self, oracle, mu=0.0, logvar=0.0):
        super().__init__()
        self.oracle, self.shift = oracle, (mu, logvar)

    def forward(self, x):
        each = [self.oracle.posterior(image) for image in x.flatten(1).numpy()]
        mu, logvar = (torch.from_numpy(np.stack(values)) for values in zip(*each, strict=True))
        return mu + self.shift[0], logvar + self.shift[1]


@pytest.fixture
def oracle():
    rng = np.random.default_rng(9)
    columns, _ = np.linalg.qr(rng.standard_normal((7, 2)))
    return oracles.LinearGaussian(columns * [2.0, 0.6], rng.standard_normal(7), 0.7)


def linear_model(oracle, K, **shift):
    model = IWAE(IWAEOptions(latent_dim=2, network="mlp", draws=K), (1, 1, 7), 0)
    model.encoder, model.decoder, model.likelihood = Encoder(oracle, **shift), Decoder(oracle), LinearGaussian(0.7)
    return model


def misses(model, oracle, count=4):
    """-loss - log p(x), by image."""
    rng = np.random.default_rng(1)
    z = rng.standard_normal((count, 2))
    x = z @ oracle.W.T + oracle.b + 0.7 * rng.standard_normal((count, 7))
    images = torch.from_numpy(x).reshape(count, 1, 1, 7)
    eps = torch.from_numpy(rng.standard_normal(model.noise_shape(count)))
    run = model(images, eps)
    log_weights = model.log_likelihoods(run, images) + iwae.log_prior_over_posterior(run)
    bounds = log_mean_exp(log_weights)
    assert -model.loss(run, images, Objective()).loss.item() == pytest.approx(bounds.mean().item(), rel=1e-12)
    return bounds.numpy() - [oracle.log_likelihood(image) for image in x]


@pytest.mark.parametrize("K", [1, 2, 5])
def test_with_the_posterior_every_draw_says_log_p_exactly(oracle, K):
    assert np.abs(misses(linear_model(oracle, K), oracle)).max() < 1e-12


def test_with_another_q_the_bound_comes_up_to_log_p(oracle):
    error = [np.abs(misses(linear_model(oracle, K, mu=0.5, logvar=0.4), oracle)).mean() for K in (1, 100, 100_000)]
    assert error[0] > 0.3
    assert error[1] < 0.15
    assert error[2] < 0.01


PLANTED = {
    "q without its variance": lambda run: 0.5 * (run.eps.square() - run.z.square()).sum(2),
    "std = exp(logvar)": lambda run: 0.5 * (run.eps.square() + 2 * run.logvar[:, None] - run.z.square()).sum(2),
    "q(z) / p(z)": lambda run: -0.5 * (run.eps.square() + run.logvar[:, None] - run.z.square()).sum(2),
    "no prior": lambda run: 0.5 * (run.eps.square() + run.logvar[:, None]).sum(2),
    "mean over latents": lambda run: 0.5 * (run.eps.square() + run.logvar[:, None] - run.z.square()).mean(2),
}


@pytest.mark.parametrize("bug", PLANTED)
def test_wrong_weights_miss_log_p(oracle, bug, monkeypatch):
    monkeypatch.setattr(iwae, "log_prior_over_posterior", PLANTED[bug])
    assert np.abs(misses(linear_model(oracle, 3), oracle)).max() > 0.05


def test_a_sum_over_draws_misses_log_p(oracle, monkeypatch):
    monkeypatch.setattr(iwae, "log_mean_exp", lambda log_weights: torch.logsumexp(log_weights, dim=1))
    with pytest.raises(AssertionError):
        misses(linear_model(oracle, 3), oracle)
