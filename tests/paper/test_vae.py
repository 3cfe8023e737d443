"""The VAE, the beta-VAE and the autoencoder against the ladder's VAE and torch.distributions."""

import dataclasses
import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from foundation.architecture import Architecture  # noqa: E402
from foundation.objective import Objective  # noqa: E402
from paper import vae_paper  # noqa: E402
from paper.models import vae  # noqa: E402
from paper.models.options import VAEOptions  # noqa: E402
from paper.models.registry import make_model  # noqa: E402
from tests.support.small_models import CONV, MLP, SHAPE, TINY, N, draw, make, objective_of  # noqa: E402

D = torch.distributions


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
@pytest.mark.parametrize("beta", [1.0, 2.5])
def test_the_vae_is_the_ladders(likelihood, beta):
    model = make_model(VAEOptions(**CONV, likelihood=likelihood, sigma=0.3), SHAPE, 0, dtype=torch.float64)
    ladders = vae_paper.init(Architecture(4, (3, 5), 7, SHAPE), np.random.default_rng(0), np.float64)
    assert list(model.state_dict()) == list(ladders.state_dict())
    for name, value in ladders.state_dict().items():
        assert torch.equal(model.state_dict()[name], value), "both start from what the seed draws"
    x, eps, _ = draw(model)
    run, theirs = model(x, eps), ladders(x, eps)
    for ours, other in zip(run, theirs, strict=True):
        assert torch.equal(ours, other)
    loss = model.loss(run, x, Objective(beta=beta))
    expected = vae_paper.loss(theirs.logits, x, theirs.mu, theirs.logvar, Objective(likelihood, beta=beta, sigma=0.3))
    for ours, other in zip(loss, expected, strict=True):
        torch.testing.assert_close(ours, other, rtol=1e-14, atol=1e-14)


def test_a_model_with_the_conv_network_keeps_the_ladders_names():
    names = set(Architecture().parameter_shapes())
    for name in ("beta-vae", "cvae", "autoencoder", "iwae"):
        assert set(make(name).state_dict()) == names


def distribution(likelihood, outputs, sigma):
    if likelihood == "bernoulli":
        return D.Bernoulli(logits=outputs)
    if likelihood == "continuous-bernoulli":
        return D.ContinuousBernoulli(logits=outputs)
    if likelihood == "discretised-logistic":
        return Levels((1 + outputs) / 2, sigma * math.sqrt(3) / math.pi)
    return D.Normal(outputs.sigmoid(), sigma)


class Levels:
    """The logistic distribution function at both edges of a level."""

    def __init__(self, location, scale):
        affine = [D.SigmoidTransform().inv, D.AffineTransform(location, scale)]
        self.logistic = D.TransformedDistribution(D.Uniform(torch.zeros_like(location), 1.0), affine)

    def log_prob(self, x):
        below = torch.where(x > 0, self.logistic.cdf(x - 0.5 / 255), 0.0)
        return torch.log(torch.where(x < 1, self.logistic.cdf(x + 0.5 / 255), 1.0) - below)


def check_against_distributions(likelihood="bernoulli", network=MLP):
    """The forward pass and the loss once more, from torch.distributions alone."""
    model = make_model(VAEOptions(**network, likelihood=likelihood, sigma=0.3), SHAPE, 0, 4, torch.float64)
    with torch.no_grad():
        for value in model.parameters():
            value.mul_(2)  # away from q(z|x) = p(z), where mistakes hide
        if likelihood == "gaussian-learned":
            model.likelihood.log_sigma.fill_(math.log(0.3))
        if likelihood == "gaussian-optimal":
            model.eval().likelihood.log_sigma.fill_(math.log(0.3))
        if likelihood == "discretised-logistic":
            model.likelihood.log_scale.fill_(math.log(0.3 * math.sqrt(3) / math.pi))
    x, eps, _ = draw(model)
    x = x.round() if likelihood == "bernoulli" else (255 * x).round() / 255
    run = model(x, eps)
    loss = model.loss(run, x, Objective(beta=2.5))
    mu, logvar = model.encoder(x)
    q = D.Normal(mu, logvar.div(2).exp())
    z = q.mean + q.stddev * eps
    log_p = distribution(likelihood, model.decoder(z), 0.3).log_prob(x).flatten(1).sum(1)
    kl = D.kl_divergence(q, D.Normal(0.0, 1.0)).sum(1)
    torch.testing.assert_close(run.z, z, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(loss.reconstruction, -log_p.mean(), rtol=1e-9, atol=0)
    torch.testing.assert_close(loss.kl, kl.mean(), rtol=1e-12, atol=0)
    torch.testing.assert_close(loss.loss, kl.mean() * 2.5 - log_p.mean(), rtol=1e-9, atol=0)


@pytest.mark.parametrize("network", [CONV, MLP], ids=["conv", "mlp"])
@pytest.mark.parametrize(
    "likelihood",
    ["bernoulli", "gaussian", "gaussian-learned", "gaussian-optimal", "continuous-bernoulli", "discretised-logistic"],
)
def test_the_vae_of_torch_distributions(likelihood, network):
    check_against_distributions(likelihood, network)


PLANTED = {
    "std = exp(logvar)": ("reparameterize", lambda mu, logvar, eps: mu + torch.exp(logvar) * eps),
    "no noise": ("reparameterize", lambda mu, logvar, eps: mu),
    "KL without half": ("kl_per_latent", lambda mu, logvar: -(1 + logvar - mu**2 - logvar.exp())),
    "logvar as log sigma": ("kl_per_latent", lambda mu, logvar: -0.5 * (1 + 2 * logvar - mu**2 - (2 * logvar).exp())),
    "KL averaged over latents": ("kl_per_latent", lambda mu, logvar: -0.125 * (1 + logvar - mu**2 - logvar.exp())),
    "free bits unasked": ("free_bits", lambda kl, least: kl.mean(0).clamp(min=0.5).sum()),
    "mean over latents": ("free_bits", lambda kl, least: kl.mean()),
}


@pytest.mark.parametrize("bug", PLANTED)
def test_a_wrong_vae_is_caught(bug, monkeypatch):
    monkeypatch.setattr(vae, *PLANTED[bug])
    with pytest.raises(AssertionError):
        check_against_distributions()


def test_free_bits_are_in_the_loss_and_not_in_its_kl():
    model = make("vae")
    x, eps, _ = draw(model)
    run = model(x, eps)
    loss, plain = model.loss(run, x, Objective(beta=2.0, free_bits=0.5)), model.loss(run, x, Objective(beta=2.0))
    assert plain.kl < 4 * 0.5  # a fresh model's latents say nearly nothing
    assert loss[1:] == plain[1:]
    torch.testing.assert_close(loss.loss, plain.reconstruction + 2.0 * 4 * 0.5)
    (gradient,) = torch.autograd.grad(loss.loss - loss.reconstruction, run.logvar, retain_graph=True, allow_unused=True)
    assert gradient.abs().max() < 1e-12


# The mean over images comes before the comparison: the first latent has 0.2 nats on average, the second 2.

KL = [[0.1, 1.0], [0.3, 3.0]]


@pytest.mark.parametrize(("least", "expected"), [(0.0, 2.2), (0.1, 2.2), (0.25, 2.25), (0.5, 2.5), (5.0, 10.0)])
def test_a_latent_counts_as_at_least_lambda(least, expected):
    assert vae.free_bits(torch.tensor(KL), least).item() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("least", "expected"), [(0.0, [0.5, 0.5]), (0.15, [0.5, 0.5]), (0.25, [0, 0.5]), (2.5, [0, 0])]
)
def test_a_latent_below_lambda_has_no_gradient(least, expected):
    # Image 1 alone would be above 0.25 nats with its first latent: it is the batch that counts.
    kl = torch.tensor(KL, requires_grad=True)
    (gradient,) = torch.autograd.grad(vae.free_bits(kl, least), kl, allow_unused=True)
    torch.testing.assert_close(gradient, torch.tensor([expected, expected], dtype=torch.float32))


# beta-VAE.


def test_beta_multiplies_the_kl_alone():
    model = make("beta-vae")
    assert objective_of(model).beta == 3.0
    x, eps, _ = draw(model)
    loss, plain = (model.loss(model(x, eps), x, Objective(beta=beta)) for beta in (3.0, 1.0))
    assert loss[1:] == plain[1:]
    torch.testing.assert_close(loss.loss - plain.loss, 2.0 * loss.kl)


@pytest.mark.parametrize(("progress", "C"), [(0.0, 0.0), (0.25, 1.0), (0.5, 2.0), (1.0, 2.0)])
def test_capacity_grows_and_its_distance_to_the_kl_is_weighed(progress, C):
    model = make("beta-vae-capacity")
    x, eps, _ = draw(model)
    objective = model.options.objective(progress)
    loss = model.loss(model(x, eps), x, objective)
    assert objective.capacity == pytest.approx(C)
    torch.testing.assert_close(loss.loss, loss.reconstruction + 5.0 * (loss.kl - C).abs())


def test_capacity_pulls_the_kl_to_c():
    options = dataclasses.replace(TINY["beta-vae-capacity"], capacity=3.0, gamma=50.0)
    model = make_model(options, SHAPE, 0)
    x, _, _ = draw(model, count=16)
    optimizer, generator = torch.optim.Adam(model.parameters(), 0.01), torch.Generator().manual_seed(0)
    for _ in range(300):
        loss = model.loss(model(x, torch.randn(model.noise_shape(16), generator=generator)), x, objective_of(model))
        optimizer.zero_grad()
        loss.loss.backward()
        optimizer.step()
    assert loss.kl.item() == pytest.approx(3.0, abs=0.2)


# Autoencoder.


def test_the_autoencoder_is_the_vae_at_its_mean_without_a_kl():
    model, other = make("autoencoder"), make("vae")
    other.load_state_dict(model.state_dict())
    x, eps, _ = draw(model)
    run, mean = model(x, eps), other(x, torch.zeros(N, 4, dtype=torch.float64))
    assert torch.equal(run.z, mean.mu)
    assert torch.equal(run.logits, mean.logits)
    loss = model.loss(run, x, objective_of(model))
    assert loss._fields == ("loss", "reconstruction")
    assert loss.loss == loss.reconstruction == other.loss(mean, x, Objective(beta=0.0)).loss
