"""The diffusion over a VAE's latents: the process by its algebra, known answers on Gaussians, and the two stages."""

import dataclasses
import itertools
import json
import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from foundation.data.dataset import Dataset  # noqa: E402
from foundation.data.splits import Data  # noqa: E402
from foundation.errors import InputError  # noqa: E402
from foundation.options import OptimizerOptions, TrainOptions  # noqa: E402
from foundation.records import EpochRecord  # noqa: E402
from foundation.training import begin, train  # noqa: E402
from foundation.weights import read_tensors  # noqa: E402
from ladder import cli  # noqa: E402
from paper.evaluation.importance import importance_sample  # noqa: E402
from paper.evaluation.tables import steps_by_range  # noqa: E402
from paper.experiments.latent_diffusion import frechet_distance  # noqa: E402
from paper.models.latent_diffusion import (  # noqa: E402
    Denoiser,
    Diffusion,
    LatentDiffusion,
    diffusion_over,
    make_betas,
    sines,
)
from paper.models.options import BetaVAEOptions, IWAEOptions, LatentDiffusionOptions, VAEOptions  # noqa: E402
from paper.models.registry import initialise, load_model, make_model  # noqa: E402
from paper.rung import ModelRung  # noqa: E402
from tests.support.pictures import write_pictures  # noqa: E402
from tests.support.run_files import own_files  # noqa: E402

T = 12
EXACT = {"rtol": 0, "atol": 1e-10}
both_schedules = pytest.mark.parametrize("schedule", ["cosine", "linear"])


class Nothing(torch.nn.Module):
    """v = 0, the network of N(0, I)."""

    def forward(self, z_t, t):
        return torch.zeros_like(z_t)


class OfGaussian(torch.nn.Module):
    """The best v for z_0 from Normal(m, s^2) in each number, from E[eps|z_t], which is linear in z_t."""

    def __init__(self, m, s, steps, schedule):
        super().__init__()
        self.m, self.s = m, s
        self.abar = torch.from_numpy(np.concatenate([[1.0], np.cumprod(1 - make_betas(steps, schedule))]))

    def eps(self, z_t, t):
        """E[eps|z_t] = sqrt(1 - abar) (z_t - sqrt(abar) m) / (abar s^2 + 1 - abar)."""
        abar = self.abar[t][:, None]
        return (1 - abar).sqrt() * (z_t - abar.sqrt() * self.m) / (abar * self.s**2 + 1 - abar)

    def forward(self, z_t, t):
        abar = self.abar[t][:, None]
        return (self.eps(z_t, t) - (1 - abar).sqrt() * z_t) / abar.sqrt()


def normals(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def at(step, count):
    return torch.full((count,), step)


def network(Z=3, steps=T, schedule="cosine", scale=1.0):
    """A diffusion whose network is far from 0."""
    made = Diffusion(Denoiser(Z, 16, 2, steps), steps, schedule).double()
    initialise(made, np.random.default_rng(0))
    for value in made.parameters():
        value.data.mul_(scale)
    return made


# The noising process.


@both_schedules
@pytest.mark.parametrize("steps", [1, 5, 100, 1000])
def test_the_noise_of_every_schedule(schedule, steps):
    beta = make_betas(steps, schedule)
    assert beta.shape == (steps,)
    assert (beta > 0).all()
    assert (beta <= 0.999).all()
    if steps >= 100:
        assert (np.diff(beta) >= 0).all()
        assert np.cumprod(1 - beta)[-1] < 1e-4, "z_T is N(0, I)"


def test_the_papers_own_numbers():
    beta = make_betas(1000, "linear")
    assert (beta[0], beta[-1]) == pytest.approx((1e-4, 0.02))
    abar = np.cumprod(1 - make_betas(1000, "cosine"))
    f = [math.cos((t / 1000 + 0.008) / 1.008 * math.pi / 2) ** 2 for t in (0, 300, 700)]
    assert (abar[299], abar[699]) == pytest.approx((f[1] / f[0], f[2] / f[0]))


@both_schedules
def test_the_closed_form_is_the_chain_of_single_steps(schedule):
    # Eq. 4 against eq. 2, by mean and variance after every step.
    made = Diffusion(Nothing(), T, schedule)
    z_0 = normals(4, 3)
    mean, variance = z_0, torch.zeros(1, dtype=torch.float64)
    for step, beta in enumerate(make_betas(T, schedule), 1):
        mean, variance = math.sqrt(1 - beta) * mean, (1 - beta) * variance + beta
        t = at(step, 4)
        torch.testing.assert_close(made.noised(z_0, t, torch.zeros_like(z_0)), mean, **EXACT)
        noise = made.noised(torch.zeros_like(z_0), t, torch.ones_like(z_0))
        torch.testing.assert_close(noise.square(), variance.expand(4, 3), **EXACT)


@both_schedules
@pytest.mark.parametrize("step", [2, 5, T])
def test_the_posterior_is_that_of_bayes_rule(schedule, step):
    # q(z_(t-1)|z_t, z_0) ~ q(z_t|z_(t-1)) q(z_(t-1)|z_0), integrated over a fine grid.
    made, beta = Diffusion(Nothing(), T, schedule), make_betas(T, schedule)
    abar = np.cumprod(1 - beta)[step - 2]
    z_0, z_t = 0.7, -0.4
    grid = np.linspace(-12, 12, 400_001)
    log_p = -((z_t - math.sqrt(1 - beta[step - 1]) * grid) ** 2) / (2 * beta[step - 1])
    log_p -= (grid - math.sqrt(abar) * z_0) ** 2 / (2 * (1 - abar))
    p = np.exp(log_p - log_p.max())
    p /= p.sum()
    mean = (p * grid).sum()
    one = torch.ones(1, 1, dtype=torch.float64)
    found = made.posterior(z_0 * one, z_t * one, at(step, 1))
    assert found[0].item() == pytest.approx(mean, abs=1e-10)
    assert found[1].item() == pytest.approx((p * (grid - mean) ** 2).sum(), abs=1e-10)


@both_schedules
def test_at_the_first_step_the_posterior_is_z_0(schedule):
    z_0, z_1 = normals(2, 3), normals(2, 3, seed=1)
    mean, variance = Diffusion(Nothing(), T, schedule).posterior(z_0, z_1, at(1, 2))
    torch.testing.assert_close(mean, z_0, **EXACT)
    assert (variance == 0).all()


@both_schedules
def test_with_the_true_noise_the_reverse_mean_is_the_posterior_mean(schedule):
    z_0, eps = normals(4, 3), normals(4, 3, seed=1)
    for step in range(1, T + 1):
        t = at(step, 4)
        made = Diffusion(Nothing(), T, schedule)
        abar = made.abar(t, z_0)
        made.denoiser.forward = lambda z_t, t, abar=abar: abar.sqrt() * eps - (1 - abar).sqrt() * z_0  # v of these two
        z_t = made.noised(z_0, t, eps)
        for found, expected in zip(made.predict(z_t, t), (z_0, eps), strict=True):
            torch.testing.assert_close(found, expected, **EXACT)
        torch.testing.assert_close(made.reverse_mean(z_t, t), made.posterior(z_0, z_t, t)[0], **EXACT)
        assert made.errors(z_0, t, eps).max() < 1e-20


@both_schedules
def test_the_reverse_mean_is_that_of_the_noise(schedule):
    # Eq. 11: (z_t - beta / sqrt(1 - abar) eps_theta) / sqrt(alpha).
    made = network(schedule=schedule, scale=2.0)
    z_t = normals(4, 3)
    for step in range(1, T + 1):
        t = at(step, 4)
        beta, abar, eps = made.beta(t, z_t), made.abar(t, z_t), made.predict(z_t, t)[1]
        expected = (z_t - beta / (1 - abar).sqrt() * eps) / (1 - beta).sqrt()
        torch.testing.assert_close(made.reverse_mean(z_t, t), expected, **EXACT)


def test_the_step_is_told_by_sines_of_many_lengths():
    found = sines(torch.tensor([0.0, 10.0]))
    assert found.shape == (2, 64)
    assert found[0].tolist() == [0.0] * 32 + [1.0] * 32
    assert found[1, [0, 31]].tolist() == pytest.approx([math.sin(10), math.sin(10 / 10_000)])


# Known answers: where z_0 is Gaussian all is known.


@both_schedules
def test_without_a_network_the_prior_is_standard_normal(schedule):
    made, count = Diffusion(Nothing(), T, schedule), 4000
    z_0 = made.ancestral(normals(T + 1, count, 2))
    # A step has variance beta; that of the first, which has no noise, is missing.
    lost = make_betas(T, schedule)[0]
    assert z_0.var().item() == pytest.approx(1 - lost, abs=5 * math.sqrt(2 / (2 * count)))
    assert z_0.mean().item() == pytest.approx(0, abs=5 / math.sqrt(2 * count))
    # The bound is exact: its mean over the noise is -log N(z_0; 0, I) of every z_0.
    point = torch.tensor([[0.3, -2.0]], dtype=torch.float64)
    terms = sum(term for term, _ in made.bound_terms(point.expand(count, 2), normals(T, count, 2)))
    log_p = -0.5 * (2 * math.log(2 * math.pi) + point.square().sum().item())
    error = terms.std().item() / math.sqrt(count)
    assert error < 0.1
    assert terms.mean().item() == pytest.approx(-log_p, abs=5 * error)


@both_schedules
def test_a_wrong_network_has_a_looser_bound(schedule):
    z_0, eps = normals(500, 3), normals(T, 500, 3, seed=1)
    right, wrong = (
        sum(term.mean().item() for term, _ in made.bound_terms(z_0, eps))
        for made in (Diffusion(Nothing(), T, schedule), network(schedule=schedule, scale=2.0))
    )
    assert wrong > right + 0.1


@both_schedules
def test_the_bound_is_that_of_its_definition(schedule):
    # -log p(z_0..z_T) + log q(z_1..z_T|z_0) of whole paths (eq. 3) has the mean of the sum of KLs (eq. 5).
    made, count = network(Z=1, steps=4, schedule=schedule), 20_000
    z_0 = torch.full((count, 1), 0.8, dtype=torch.float64)
    terms = sum(term for term, _ in made.bound_terms(z_0, normals(4, count, 1)))
    z, value = z_0, torch.zeros(count, dtype=torch.float64)
    noise, beta = normals(4, count, 1, seed=2), make_betas(4, schedule)
    for step in range(1, 5):
        following = math.sqrt(1 - beta[step - 1]) * z + math.sqrt(beta[step - 1]) * noise[step - 1]
        q = torch.distributions.Normal(math.sqrt(1 - beta[step - 1]) * z, math.sqrt(beta[step - 1]))
        p = torch.distributions.Normal(made.reverse_mean(following, at(step, count)), math.sqrt(beta[step - 1]))
        value = value + (q.log_prob(following) - p.log_prob(z))[:, 0]
        z = following
    value = (value - torch.distributions.Normal(0, 1).log_prob(z)[:, 0]).detach()
    terms = terms.detach()
    error = math.hypot(value.std().item(), terms.std().item()) / math.sqrt(count)
    assert error < 0.05
    assert terms.mean().item() == pytest.approx(value.mean().item(), abs=5 * error)


@both_schedules
@pytest.mark.parametrize(("m", "s"), [(0.5, 0.3), (-1.0, 2.0)])
def test_ddim_of_a_gaussian_is_the_line_that_it_must_be(schedule, m, s):
    steps = 200
    made = Diffusion(OfGaussian(m, s, steps, schedule), steps, schedule)
    z_T = normals(6, 2)
    # Of (sqrt(abar) s, sqrt(1 - abar)) a step keeps what lies in the direction of the one before.
    abar = np.concatenate([[1.0], np.cumprod(1 - make_betas(steps, schedule))])
    u = np.stack([np.sqrt(abar) * s, np.sqrt(1 - abar)], axis=1)
    slope = math.prod((u[t] @ u[t - 1]) / (u[t] @ u[t]) for t in range(1, steps + 1))
    expected = m + slope * (z_T - math.sqrt(abar[-1]) * m)
    z_0 = made.ddim(z_T)
    torch.testing.assert_close(z_0, expected, rtol=0, atol=1e-9)
    # And so N(0, I) becomes Normal(m, s^2), but for what a finite number of steps loses.
    assert slope == pytest.approx(s, rel=0.03)
    torch.testing.assert_close(made.ddim(z_T, steps), z_0)
    assert (made.ddim(z_T, 3) - z_0).abs().max() > 0.01


@both_schedules
@pytest.mark.parametrize(("m", "s"), [(0.5, 0.9), (-1.0, 1.3)])
def test_ancestral_samples_of_a_gaussian_have_its_moments(schedule, m, s):
    steps, count = 200, 8000
    made = Diffusion(OfGaussian(m, s, steps, schedule), steps, schedule)
    z_0 = made.ancestral(normals(steps + 1, count, 1))
    assert z_0.mean().item() == pytest.approx(m, abs=5 * s / math.sqrt(count) + 0.01)
    assert z_0.std().item() == pytest.approx(s, rel=5 / math.sqrt(2 * count) + 0.02)


def test_the_best_prediction_has_the_loss_that_is_known():
    m, s, count = 0.5, 0.4, 20_000
    made = Diffusion(OfGaussian(m, s, T, "cosine"), T, "cosine")
    z_0, eps = m + s * normals(count, 1), normals(count, 1, seed=1)
    for step in (1, 4, 8, T):
        abar = made.abar(at(step, 1), z_0).item()
        found = made.errors(z_0, at(step, count), eps)
        known = abar * s**2 / (abar * s**2 + 1 - abar)  # the variance of eps given z_t
        assert found.mean().item() == pytest.approx(known, abs=5 * found.std().item() / math.sqrt(count))


def test_training_on_a_gaussian_comes_near_to_the_known_loss_and_moments():
    m, s = 1.0, 0.5
    made = network(Z=2, steps=50)
    generator = torch.Generator().manual_seed(0)
    optimizer = torch.optim.Adam(made.parameters(), 1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 600)
    for _ in range(600):
        z_0, eps = (torch.randn(200, 2, generator=generator, dtype=torch.float64) for _ in range(2))
        loss = made.errors(m + s * z_0, torch.randint(1, 51, (200,), generator=generator), eps).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    z_0, eps, t = m + s * normals(5000, 2, seed=5), normals(5000, 2, seed=6), torch.arange(5000) % 50 + 1
    best = Diffusion(OfGaussian(m, s, 50, "cosine"), 50, "cosine")
    with torch.no_grad():
        found, known = (one.errors(z_0, t, eps).mean().item() for one in (made, best))
        nothing = Diffusion(Nothing(), 50, "cosine").errors(z_0, t, eps).mean().item()
        drawn, ideal = (one.ddim(normals(4000, 2, seed=7)) for one in (made, best))
    assert known - 0.01 < found < known + 0.03 < nothing
    assert drawn.mean().item() == pytest.approx(m, abs=0.05)
    # L_simple hardly weighs the steps of much noise, and what is wrong there adds up over the steps of a sample.
    assert drawn.std().item() == pytest.approx(ideal.std().item(), abs=0.08)
    assert ideal.std().item() == pytest.approx(s, abs=0.03)


def test_the_loss_of_nothing_learned_is_its_mean_over_the_noise():
    made, z_0, count = Diffusion(Nothing(), T, "cosine"), normals(2, 3), 20_000
    expected = made.errors_of_normal(z_0)
    assert expected.shape == (2, T)
    for step in (1, 6, T):
        many = made.errors(z_0[1].expand(count, 3), at(step, count), normals(count, 3, seed=3))
        error = many.std().item() / math.sqrt(count)
        assert expected[1, step - 1].item() == pytest.approx(many.mean().item(), abs=5 * error + 1e-12)


# The model: a frozen VAE, and the diffusion over its latents.

SMALL = {"network": "mlp", "hidden_dims": (16,), "latent_dim": 2}
PRIOR = {"prior_hidden_dim": 12, "prior_layers": 1, "steps": 8}


def make_data(count=96, seed=0):
    """8×8 images of a bar at one of two places."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 2, count)
    images = np.full((count, 1, 8, 8), 0.05, np.float32)
    for i, k in enumerate(kind):
        images[i, 0, :, 2 + 3 * k] = 0.95
    images += 0.03 * rng.random(images.shape, dtype=np.float32)
    part = Dataset("bars", "train", images, kind, tuple("ab"))
    return Data("bars", part, part.subset(slice(0, 16)), part.subset(slice(16, 48)))


def run_training(options, data, model=None, epochs=None):
    """A rung after its training, or after its first epochs."""
    rng = np.random.default_rng(options.seed)
    rung = ModelRung(model or make_model(options.model, data.image_shape, 2, rng), options.optimizer)
    training = begin(rung, data, options, rng)
    for record in train(training):
        if isinstance(record, EpochRecord) and record.epoch == epochs:
            break
    rung.training = training
    return rung


def options_for(model, epochs):
    return TrainOptions(
        model=model, epochs=epochs, batch_size=16, optimizer=OptimizerOptions(learning_rate=1e-2), device="cpu"
    )


def test_a_sigma_that_a_vae_finds_in_each_batch_is_frozen_with_it():
    data = make_data(60)
    vae = run_training(options_for(VAEOptions(**SMALL, likelihood="gaussian-optimal"), 2), data).model
    model = diffusion_over(vae, torch.from_numpy(data.train.images), prior_hidden_dim=8, prior_layers=1, steps=5)
    run_training(options_for(model.options, 2), data, model)
    for name, value in vae.state_dict().items():
        assert torch.equal(value, model.state_dict()[name]), name


def test_training_learns_where_the_codes_are_and_leaves_the_vae_as_it_is():
    data = make_data(400)
    vae = run_training(options_for(VAEOptions(**SMALL), 20), data).model
    images = torch.from_numpy(data.train.images)
    model = diffusion_over(vae, images, prior_hidden_dim=48, prior_layers=2, steps=20)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    run_training(dataclasses.replace(options_for(model.options, 80), batch_size=50), data, model)
    model.eval()
    for name, value in model.state_dict().items():
        learns = name.startswith("network.") and name != "network.scale"
        assert torch.equal(value, before[name]) != learns, name
    for name, value in vae.state_dict().items():
        assert torch.equal(value, model.state_dict()[name])
    # z of q(z|x) lies in two clusters, between which N(0, I) has mass and the diffusion has little.
    mu = vae.encode(images)[0]
    axis = mu[data.train.labels == 1].mean(0) - mu[data.train.labels == 0].mean(0)
    middle = (mu[data.train.labels == 1].mean(0) + mu[data.train.labels == 0].mean(0)) / 2
    eps = normals(2000, 2).float()

    def between(z):
        """The share of z in the middle third of the way between the clusters."""
        return (((z - middle) @ axis / axis.square().sum()).abs() < 1 / 6).float().mean().item()

    with torch.no_grad():
        known = mu + torch.exp(vae.encode(images)[1] / 2) * normals(400, 2, seed=2).float()
        shares = between(known), between(model.prior(eps)), between(eps)
    assert shares[0] < shares[1] < 0.75 * shares[2], shares
    bound = model.bound(images, normals(21, 400, 2, seed=3).float())
    assert bound.learned.mean() < bound.standard.mean() - 0.1, "a better prior: a smaller KL"


@pytest.fixture(scope="module")
def tiny():
    """A latent diffusion in float64, over two channels."""
    options = LatentDiffusionOptions(latent_dim=4, channels=(3, 5), hidden_dims=(7,), **PRIOR)
    model = make_model(options, (2, 8, 12), 0, 0, torch.float64)
    model.scale.fill_(0.7)
    return model


def test_the_parts_of_the_loss(tiny):
    x = torch.rand(3, 2, 8, 12, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    eps = normals(*tiny.noise_shape(3))
    loss = tiny.loss(tiny(x, eps), x, tiny.options.objective())
    assert loss._fields == ("loss", "reconstruction")
    mu, logvar = tiny.encode(x)
    z = mu + (logvar / 2).exp() * eps[:, 0]
    t = 1 + (8 * torch.distributions.Normal(0, 1).cdf(eps[:, 2, 0])).long()
    torch.testing.assert_close(loss.loss, tiny.network.errors(0.7 * z, t, eps[:, 1]).mean())
    torch.testing.assert_close(loss.reconstruction, -tiny.log_prob(tiny.decode(z), x).mean())
    assert loss.loss.requires_grad
    assert not loss.reconstruction.requires_grad


def test_every_step_is_drawn_equally_often(tiny):
    seen = []
    hook = tiny.network.denoiser.register_forward_hook(lambda _, given, __: seen.append(given[1]))
    x = torch.zeros(1, 2, 8, 12, dtype=torch.float64)
    eps = torch.zeros(800, 3, 4, dtype=torch.float64)
    eps[:, 2, 0] = torch.special.ndtri((torch.arange(800) + 0.5) / 800)
    eps[0, 2, 0], eps[1, 2, 0] = -40, 40
    tiny(x.expand(800, -1, -1, -1), eps)
    hook.remove()
    assert torch.bincount(seen[0], minlength=9).tolist() == [0, 99, *[100] * 6, 101]  # the second went to the end


def test_the_bound_counts_the_factor_and_the_same_z_under_both_priors(tiny):
    x = torch.rand(3, 2, 8, 12, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    eps = normals(9, 3, 4)
    found = tiny.bound(x, eps)
    mu, logvar = tiny.encode(x)
    q = torch.distributions.Normal(mu, (logvar / 2).exp())
    z = mu + (logvar / 2).exp() * eps[8]
    log_q = q.log_prob(z).sum(1)
    torch.testing.assert_close(found.standard, log_q - torch.distributions.Normal(0, 1).log_prob(z).sum(1))
    terms = sum(term for term, _ in tiny.network.bound_terms(0.7 * z, eps))
    torch.testing.assert_close(found.learned, log_q + terms - 4 * math.log(0.7))
    torch.testing.assert_close(found.reconstruction, -tiny.log_prob(tiny.decode(z), x))
    t = at(3, 3)
    torch.testing.assert_close(found.errors[:, 2], tiny.network.errors(0.7 * z, t, eps[2]))
    torch.testing.assert_close(found.errors_of_normal, tiny.network.errors_of_normal(0.7 * z))


def test_the_factor_gives_variance_1():
    vae = make_model(VAEOptions(**SMALL), (1, 8, 8), 0, 0, torch.float64)
    for value in vae.encoder.parameters():
        value.data.mul_(2)
    images = torch.rand(1300, 1, 8, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    model = diffusion_over(vae, images, **PRIOR)
    mu, logvar = vae.encode(images)
    z = (mu + (logvar / 2).exp() * normals(200, *mu.shape)) * model.scale
    assert abs(model.scale.item() - 1) > 0.01
    assert z.var().item() == pytest.approx(1, abs=0.02)


def test_a_seed_fixes_the_samples(tiny):
    z = tiny.draw_latents(6, seed=3)
    assert z.shape == (6, 4)
    assert torch.equal(z, tiny.draw_latents(6, seed=3))
    assert not torch.equal(z, tiny.draw_latents(6, seed=4))
    eps = np.random.default_rng(3).standard_normal((6, 4))
    rung = ModelRung(tiny)
    assert np.array_equal(rung.prior(eps), z.detach().numpy())
    np.testing.assert_allclose(rung.prior(eps[:2]), z[:2].detach().numpy(), rtol=1e-12)
    torch.testing.assert_close(z, tiny.network.ddim(torch.from_numpy(eps)) / 0.7)
    assert rung.sample(rung.prior(eps)).shape == (6, 2, 8, 12)


def test_log_p_of_x_is_refused_since_the_prior_has_a_bound_only(tiny):
    x = torch.rand(2, 2, 8, 12, dtype=torch.float64)
    with pytest.raises(InputError, match=r"^latent-diffusion: log p\(z\) of a diffusion has a bound only"):
        importance_sample(tiny, x, None, 2, torch.Generator())


def test_continued_training_is_the_same_bit_for_bit():
    data = make_data()
    vae = make_model(VAEOptions(**SMALL), data.image_shape, 2, 0)
    images = torch.from_numpy(data.train.images)

    def fresh():
        return diffusion_over(vae, images, **PRIOR)

    options = options_for(fresh().options, 4)
    whole = run_training(options, data, fresh())
    half = run_training(options, data, fresh(), epochs=2)
    again = ModelRung(fresh(), options.optimizer)
    again.restore(half.parameters(), half.optimizer_state())
    for _ in train(dataclasses.replace(half.training, rung=again)):
        pass
    for name, value in whole.parameters().items():
        assert np.array_equal(value, again.parameters()[name]), name


@pytest.mark.parametrize("kind", [VAEOptions, BetaVAEOptions, IWAEOptions])
def test_a_file_holds_the_vae_as_well(tmp_path, kind):
    vae = make_model(kind(**SMALL), (2, 8, 12), 0, 7)
    x = torch.rand(4, 2, 8, 12, generator=torch.Generator().manual_seed(0))
    model = diffusion_over(vae, x, **PRIOR)
    model.save(tmp_path / "prior.safetensors")
    again = load_model(tmp_path / "prior.safetensors")
    assert isinstance(again, LatentDiffusion)
    assert again.options == model.options
    for name, value in model.state_dict().items():
        assert torch.equal(value, again.state_dict()[name])
    assert torch.equal(again.reconstruct(x), vae.reconstruct(x))
    assert torch.equal(again.draw_latents(3), model.draw_latents(3))


def test_a_seed_draws_the_network():
    vae = make_model(VAEOptions(**SMALL), (1, 8, 8), 0, 0)
    x = torch.rand(4, 1, 8, 8)
    first, again, other = (diffusion_over(vae, x, seed, **PRIOR).network.denoiser.inputs.weight for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_what_the_diffusion_cannot_be_over_is_refused():
    from paper.models.options import AutoencoderOptions

    other = make_model(AutoencoderOptions(**SMALL), (1, 8, 8), 0, 0)
    with pytest.raises(
        InputError, match=r"^latent-diffusion: expected a model of vae, beta-vae, iwae, got autoencoder"
    ):
        diffusion_over(other, torch.rand(2, 1, 8, 8))
    vae = make_model(VAEOptions(**SMALL), (1, 8, 8), 0, 0)
    with pytest.raises(InputError, match=r"step: unknown, expected one of .*did you mean steps"):
        diffusion_over(vae, torch.rand(2, 1, 8, 8), step=3)


# What is measured.


def test_the_distance_of_known_gaussians():
    a = normals(20_000, 2) @ torch.tensor([[2.0, 0.0], [0.0, 1.0]], dtype=torch.float64)
    b = normals(20_000, 2, seed=1) + torch.tensor([3.0, 4.0], dtype=torch.float64)
    assert frechet_distance(a, b) == pytest.approx(25 + 1, rel=0.03)  # |m|^2 + (2 - 1)^2
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-8)
    turned = a @ torch.tensor([[0.6, 0.8], [-0.8, 0.6]], dtype=torch.float64)
    # tr(C + D - 2 (C D)^(1/2)), the root by the eigenvalues of the product itself.
    C, D = torch.cov(a.T), torch.cov(turned.T)
    mean = (a.mean(0) - turned.mean(0)).square().sum()
    root = torch.linalg.eigvals(C @ D).real.sqrt().sum()
    assert frechet_distance(a, turned) == pytest.approx((mean + C.trace() + D.trace() - 2 * root).item(), rel=1e-9)


def test_the_table_of_steps_has_all_of_them_once():
    rows = steps_by_range(np.arange(25.0), np.zeros(25))
    assert len(rows) == 10
    assert (rows[0].first, rows[-1].last) == (1, 25)
    assert all(one.last + 1 == other.first for one, other in itertools.pairwise(rows))
    assert rows[0].learned == 1.0
    assert len(steps_by_range(np.ones(3), np.zeros(3))) == 3


# The command line.

VAE_WORDS = "vae --network mlp --hidden-dims 6 --latent-dim 3"
WORDS = "latent-diffusion --prior-hidden-dim 6 --prior-layers 1 --steps 4"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_pictures(tmp_path_factory.mktemp("data") / "pictures")


@pytest.fixture(scope="module")
def vae_file(folder, tmp_path_factory):
    return train_run(VAE_WORDS, folder, tmp_path_factory.mktemp("vae")) / "weights.safetensors"


def train_run(words, folder, out, epochs=2):
    arguments = f"train {words} --data {folder} --out {out} --epochs {epochs} --batch-size 7 --device cpu".split()
    assert cli.main(arguments) == 0
    return next(out.iterdir())


def test_train_evaluate_and_draw(vae_file, folder, tmp_path, capsys):
    moved = tmp_path / "moved.safetensors"
    moved.write_bytes(vae_file.read_bytes())
    run = train_run(f"{WORDS} --weights {moved}", folder, tmp_path / "runs")
    moved.unlink()  # the run holds all
    assert {name.partition(".")[0] for name in own_files(run)} >= {"config", "weights", "checkpoint", "test"}
    config = json.loads((run / "config.json").read_text())["options"]["model"]
    assert (config["latent_dim"], config["network"], config["hidden_dims"]) == (3, "mlp", [6])
    vae, prior = (read_tensors(path)[0] for path in (vae_file, run / "weights.safetensors"))
    for name, value in vae.items():
        assert np.array_equal(value, prior[name])
    assert prior["network.scale"] != 1
    assert list(json.loads((run / "test.json").read_text())) == ["sampled"]
    capsys.readouterr()

    assert cli.main(["evaluate", str(run)]) == 0
    text = capsys.readouterr().out
    found = json.loads((run / "evaluation.json").read_text())
    rows = found["elbo"]
    assert [row["prior"] for row in rows] == ["N(0, I)", "diffusion"] * (len(rows) // 2)
    for row in rows:
        assert row["negative_elbo"] == pytest.approx(row["reconstruction"] + row["kl"])
        assert f"{row['negative_elbo']:.2f}" in text
    assert [(row["first"], row["last"]) for row in found["loss_by_step"]] == [(i, i) for i in range(1, 5)]
    assert "latents" in found
    assert "log_likelihood" not in found

    assert cli.main(["figures", str(run), "--draw"]) == 0
    names = {path.stem for path in (run / "figures").glob("*.png")}
    assert names >= {"samples", "samples_drawn", "latent_space", "reconstructions", "interpolation"}
    assert cli.main(["explore", str(run)]) == 2
    assert "expected the run of the VAE under it" in capsys.readouterr().err


def test_an_interrupted_training_is_resumed_bit_for_bit(vae_file, folder, tmp_path):
    moved = tmp_path / "moved.safetensors"
    moved.write_bytes(vae_file.read_bytes())
    whole = train_run(f"{WORDS} --weights {moved}", folder, tmp_path / "whole", epochs=3)
    run = train_run(f"{WORDS} --weights {moved}", folder, tmp_path / "longer", epochs=1)
    moved.unlink()
    assert cli.main(["train", "--resume", str(run), "--epochs", "3"]) == 0
    one, other = (read_tensors(path / "weights.safetensors")[0] for path in (whole, run))
    for name, value in one.items():
        assert np.array_equal(value, other[name])


def test_a_diffusion_can_start_from_a_diffusion(vae_file, folder, tmp_path):
    first = train_run(f"{WORDS} --weights {vae_file}", folder, tmp_path / "a")
    again = train_run(f"{WORDS} --weights {first / 'weights.safetensors'}", folder, tmp_path / "b")
    before, after = (json.loads((run / "metrics.jsonl").read_text().splitlines()[i]) for run, i in
                     ((first, -1), (again, 0)))  # fmt: skip
    assert before["loss"] == pytest.approx(after["loss"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("", "weights: expected the weights.safetensors of a trained vae or beta-vae or iwae"),
        ("--weights {vq}", "expected the weights of a trained vae or beta-vae or iwae, got 'vq-vae'"),
        ("--weights {wide}", "image_shape is (1, 8, 12)"),
        ("--latent-dim 3 --weights {vae}", "unknown option '--latent-dim'"),
        ("--steps 0 --weights {vae}", "steps: expected an integer of at least 1, got 0"),
        ("--kl.schedule linear --weights {vae}", "kl: this model's objective has no KL term to weigh"),
        ("--z mu --weights {vae}", "z: the loss of this model needs the noise"),
    ],
)
def test_what_is_no_vae_is_refused(words, said, vae_file, folder, tmp_path, capsys):
    from paper.models.options import VQVAEOptions

    files = {"vae": vae_file, "vq": tmp_path / "vq.safetensors", "wide": tmp_path / "wide.safetensors"}
    make_model(VQVAEOptions(codes=5, code_dim=3, channels=(2, 3)), (1, 28, 28), 0).save(files["vq"])
    make_model(VAEOptions(**SMALL), (1, 8, 12), 0).save(files["wide"])
    words = words.format(**files)
    out = tmp_path / "runs"
    assert cli.main(f"train latent-diffusion {words} --data {folder} --out {out}".split()) == 2
    assert said in capsys.readouterr().err
    assert not out.exists()
