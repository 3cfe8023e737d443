"""The importance-weighted bound against torch.distributions and against a model whose log p(x) is known."""

import dataclasses
import math

import numpy as np
import pytest

from tests.support import oracles

torch = pytest.importorskip("torch")

from foundation.errors import InputError  # noqa: E402
from foundation.objective import Objective  # noqa: E402
from foundation.options import TrainOptions  # noqa: E402
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


# The three gradients of the bound.

ENCODER, DECODER = "encoder", "decoder"


def gradients(model, gradient, x, eps):
    """By name, the gradient of -L_K over this batch."""
    model.options = dataclasses.replace(model.options, gradient=gradient)
    loss = model.loss(model(x, eps), x, Objective()).loss
    names, values = zip(*model.named_parameters(), strict=True)
    return dict(zip(names, torch.autograd.grad(loss, values), strict=True))


def z_scores(K, gradient, batches=150, size=200):
    """By parameter, the mean difference from the plain gradient over many draws in its standard errors."""
    model, differences = make(K), {}
    x, _ = draw(model, size)
    generator = torch.Generator().manual_seed(7)
    for _ in range(batches):
        eps = torch.randn(model.noise_shape(size), generator=generator, dtype=torch.float64)
        plain, other = gradients(model, "plain", x, eps), gradients(model, gradient, x, eps)
        for name in plain:
            differences.setdefault(name, []).append(other[name] - plain[name])
    means = {name: torch.stack(values) for name, values in differences.items()}
    return {name: means[name].mean(0) / means[name].std(0).div(math.sqrt(batches)) for name in means}


@pytest.mark.parametrize(("K", "gradient"), [(1, "stl"), (1, "dreg"), (4, "dreg")])
def test_an_unbiased_gradient_has_the_mean_of_the_plain_one(K, gradient):
    scores = z_scores(K, gradient)
    encoder = torch.cat([score.flatten() for name, score in scores.items() if name.startswith(ENCODER)])
    told = encoder[encoder.isfinite()]  # of a pixel that is 0, both gradients are 0
    assert len(told) > 80
    assert told.abs().max() < 4.5
    assert told.square().mean() < 2


def test_stl_is_biased_where_several_draws_are_weighed():
    scores = z_scores(4, "stl")
    assert max(score.abs().nan_to_num().max() for name, score in scores.items() if name.startswith(ENCODER)) > 20


@pytest.mark.parametrize("gradient", ["stl", "dreg"])
def test_the_decoders_gradient_and_the_loss_stay(gradient):
    model = make(5)
    x, eps = draw(model, 6)
    plain, other = gradients(model, "plain", x, eps), gradients(model, gradient, x, eps)
    for name in plain:
        if name.startswith(DECODER):
            torch.testing.assert_close(other[name], plain[name], rtol=1e-12, atol=1e-15)
        else:
            assert not torch.allclose(other[name], plain[name], rtol=1e-3)
    losses = []
    for kind in ("plain", gradient):
        model.options = dataclasses.replace(model.options, gradient=kind)
        losses.append(torch.stack(model.loss(model(x, eps), x, Objective())))
    torch.testing.assert_close(*losses, rtol=1e-12, atol=0)


def test_dreg_is_its_formula():
    """sum_k (w_k / sum w)^2 dlog w_k/dz_k dz_k/d(mu, logvar), term by term."""
    model = make(3)
    x, eps = draw(model, 1)
    mu, logvar = (value.detach().requires_grad_() for value in model.encode(x))
    z = (mu[:, None] + torch.exp(logvar / 2)[:, None] * eps).detach().requires_grad_()
    q = D.Normal(mu.detach()[:, None], torch.exp(logvar.detach() / 2)[:, None])
    outputs = model.decode(z[0])
    log_p_x = D.Bernoulli(logits=outputs).log_prob(x).sum((1, 2, 3))
    log_w = log_p_x + (D.Normal(0.0, 1.0).log_prob(z) - q.log_prob(z)).sum(2)[0]
    (slopes,) = torch.autograd.grad(log_w.sum(), z)
    shares = log_w.detach().softmax(0).square()
    expected_mu = -(shares[:, None] * slopes[0]).sum(0)
    expected_logvar = -(shares[:, None] * slopes[0] * eps[0] * torch.exp(logvar.detach() / 2) / 2).sum(0)
    ours = gradients(model, "dreg", x, eps)
    torch.testing.assert_close(ours["encoder.mu.bias"], expected_mu, rtol=1e-10, atol=1e-14)
    torch.testing.assert_close(ours["encoder.logvar.bias"], expected_logvar, rtol=1e-10, atol=1e-14)


class Movable(Encoder):
    """The posterior with parameters that shift it, at 0."""

    def __init__(self, oracle):
        super().__init__(oracle)
        self.by = torch.nn.Parameter(torch.zeros(2, 2, dtype=torch.float64))

    def forward(self, x):
        mu, logvar = super().forward(x)
        return mu + self.by[0], logvar + self.by[1]


@pytest.mark.parametrize("K", [1, 6])
def test_with_the_posterior_only_the_plain_gradient_has_noise(oracle, K):
    model = linear_model(oracle, K)
    model.encoder = Movable(oracle)
    generator = torch.Generator().manual_seed(2)
    x = torch.randn(3, 1, 1, 7, generator=generator, dtype=torch.float64)
    eps = torch.randn(model.noise_shape(3), generator=generator, dtype=torch.float64)
    sizes = {kind: gradients(model, kind, x, eps)["encoder.by"].abs().max() for kind in ("plain", "stl", "dreg")}
    assert sizes["plain"] > 0.05
    assert max(sizes["stl"], sizes["dreg"]) < 1e-12


def test_dreg_measures_without_gradients_and_cannot_be_compiled():
    model = make(2)
    model.options = dataclasses.replace(model.options, gradient="dreg")
    x, eps = draw(model, 3)
    with torch.no_grad():
        assert model.loss(model(x, eps), x, Objective()).loss.isfinite()
    with pytest.raises(InputError, match=r"^compile: the gradient dreg"):
        TrainOptions(model=IWAEOptions(gradient="dreg"), compile=True)
    TrainOptions(model=IWAEOptions(gradient="stl"), compile=True)


def test_the_bound_elbo_is_the_mean_of_the_logarithms():
    model = make(4)
    x, eps = draw(model, 5)
    log_weights = []
    for k in range(4):  # the bound of one draw is its log weight
        one = make(1)
        log_weights.append(-one.loss(one(x, eps[:, k : k + 1]), x, Objective()).loss)
    model.options = dataclasses.replace(model.options, bound="elbo")
    loss = model.loss(model(x, eps), x, Objective()).loss
    torch.testing.assert_close(loss, -torch.stack(log_weights).mean(), rtol=1e-12, atol=0)


def test_the_bound_elbo_has_no_shares_to_weigh_by():
    with pytest.raises(InputError, match="gradient: dreg weighs draws by their share"):
        IWAEOptions(bound="elbo", gradient="dreg")


def test_a_draw_far_below_the_best_changes_no_digit_and_has_no_gradient():
    log_weights = torch.tensor([[-90.0, -139.0, -141.0, -91.5, -400.0]], dtype=torch.float64, requires_grad=True)
    value = log_mean_exp(log_weights)
    value.sum().backward()
    expected = torch.logsumexp(log_weights, 1) - math.log(5)
    assert torch.equal(value, expected)
    shares = log_weights.detach().softmax(1)[0]
    assert torch.equal(log_weights.grad[0] == 0, torch.tensor([False, False, True, False, True]))
    torch.testing.assert_close(log_weights.grad[0][[0, 1, 3]], shares[[0, 1, 3]], rtol=1e-15, atol=0)
