"""p(x|z) against torch.distributions, numerical integration and the moments of draws."""

import decimal
import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from foundation.data.dataset import check_levels  # noqa: E402
from foundation.errors import InputError  # noqa: E402
from paper.models import likelihoods  # noqa: E402
from paper.models.likelihoods import (  # noqa: E402
    ContinuousBernoulli,
    DiscretisedLogistic,
    LearnedGaussian,
    OptimalGaussian,
    log_normaliser,
    make_likelihood,
)
from paper.models.options import IWAEOptions  # noqa: E402

D = torch.distributions
NAMES = [
    "bernoulli",
    "gaussian",
    "gaussian-learned",
    "gaussian-optimal",
    "continuous-bernoulli",
    "discretised-logistic",
]
LOGITS = [-1e4, -300.0, -88.0, -20.0, -3.0, -0.11, -0.1, -0.09, -1e-3, -1e-9, 0.0]
LOGITS += [-logit for logit in LOGITS[:-1]]


def images(*values, dtype=torch.float64):
    """One pixel each: (N, 1, 1, 1)."""
    return torch.tensor(values, dtype=dtype).reshape(-1, 1, 1, 1)


def draw(seed=0, dtype=torch.float64, scale=3.0):
    generator = torch.Generator().manual_seed(seed)
    shape = (5, 3, 7, 11)
    return (
        scale * torch.randn(shape, generator=generator, dtype=dtype),
        torch.rand(shape, generator=generator, dtype=dtype),
    )


def integral(f, low, high, count=100):
    """By Gauss-Legendre quadrature on pieces that shrink towards both ends, where steep densities live."""
    nodes, weights = np.polynomial.legendre.leggauss(20)
    edges = (1 - np.cos(np.linspace(0, math.pi, count + 1))) / 2 * (high - low) + low
    middle, half = (edges[1:] + edges[:-1]) / 2, np.diff(edges) / 2
    x = torch.from_numpy((middle[:, None] + half[:, None] * nodes).ravel())
    return (f(x).detach() * torch.from_numpy((half[:, None] * weights).ravel())).sum().item()


def densities(likelihood, logit, x):
    x = x.reshape(-1, 1, 1, 1)
    return torch.exp(likelihood.log_prob(torch.full_like(x, logit), x))


# Densities.


def test_bernoulli_of_torch_distributions():
    outputs, x = draw(1)
    x = x.round()
    theirs = D.Bernoulli(logits=outputs).log_prob(x).sum((1, 2, 3))
    torch.testing.assert_close(make_likelihood("bernoulli", 0.2).log_prob(outputs, x), theirs, rtol=1e-13, atol=0)


@pytest.mark.parametrize("name", ["gaussian", "gaussian-learned"])
@pytest.mark.parametrize("sigma", [0.05, 0.2, 3.0])
def test_gaussian_of_torch_distributions(name, sigma):
    outputs, x = draw(2)
    theirs = D.Normal(outputs.sigmoid(), sigma).log_prob(x).sum((1, 2, 3))
    ours = make_likelihood(name, sigma).double().log_prob(outputs, x)
    # A parameter starts in float32.
    torch.testing.assert_close(ours, theirs, rtol=1e-13 if name == "gaussian" else 1e-5, atol=0)


def test_continuous_bernoulli_of_torch_distributions():
    # Theirs takes a series of fewer terms near 1/2, and clips lambda: stay away from both.
    outputs, x = draw(3)
    outputs = torch.where(outputs.abs() < 0.2, outputs + 1, outputs)
    theirs = D.ContinuousBernoulli(logits=outputs, lims=(0.4999, 0.5001)).log_prob(x).sum((1, 2, 3))
    torch.testing.assert_close(ContinuousBernoulli().log_prob(outputs, x), theirs, rtol=1e-10, atol=0)


@pytest.mark.parametrize("logit", [logit for logit in LOGITS if abs(logit) <= 300])
def test_continuous_bernoulli_is_a_density_with_this_mean(logit):
    likelihood = ContinuousBernoulli()
    assert integral(lambda x: densities(likelihood, logit, x), 0, 1) == pytest.approx(1, rel=1e-12)
    mean = integral(lambda x: x * densities(likelihood, logit, x), 0, 1)
    assert likelihood.mean(images(logit)).item() == pytest.approx(mean, rel=1e-11)


def test_bernoulli_is_no_density_on_grey_pixels():
    # What binary cross-entropy leaves out, and why the continuous Bernoulli exists: up to 1/2 at lambda = 1/2.
    bernoulli = make_likelihood("bernoulli", 0.2)
    assert integral(lambda x: densities(bernoulli, 0.0, x), 0, 1) == pytest.approx(0.5, rel=1e-12)
    assert integral(lambda x: densities(bernoulli, 5.0, x), 0, 1) < 0.2


@pytest.mark.parametrize("name", ["gaussian", "gaussian-learned"])
def test_gaussian_is_a_density(name):
    likelihood = make_likelihood(name, 0.2).double()
    assert integral(lambda x: densities(likelihood, 1.3, x), -3, 4) == pytest.approx(1, rel=1e-12)


PLANTED = {
    "no normaliser": lambda logits: torch.zeros_like(logits),
    "log 2 everywhere": lambda logits: torch.full_like(logits, math.log(2)),
    "logits not halved": lambda logits: torch.log(logits / torch.tanh(logits)),
    "subtracted": lambda logits: -log_normaliser(logits),
    "of the probability": lambda logits: log_normaliser(logits.sigmoid()),
}


@pytest.mark.parametrize("bug", PLANTED)
def test_a_wrong_normaliser_is_no_density(bug, monkeypatch):
    monkeypatch.setattr(likelihoods, "log_normaliser", PLANTED[bug])
    assert abs(integral(lambda x: densities(ContinuousBernoulli(), 1.7, x), 0, 1) - 1) > 0.01


# Probabilities of 256 levels.

LEVELS = torch.arange(256, dtype=torch.float64).reshape(1, 1, 1, 256) / 255
SIGMAS = [1e-5, 1e-3, 0.02, 0.2, 3.0, 1e4]


def probabilities(likelihood, logits):
    """(N, 256): of each level, for each logit."""
    shape = (len(logits), 1, 1, 256)
    return likelihood.log_density(logits.expand(shape), LEVELS.expand(shape)).exp().flatten(1)


@pytest.mark.parametrize("sigma", SIGMAS)
def test_probabilities_of_the_levels_sum_to_1(sigma):
    likelihood = DiscretisedLogistic(sigma).double()
    logits = images(*LOGITS, 0.3, 1.0, -1.0, 1 / 255)
    total = probabilities(likelihood, logits).sum(1)
    torch.testing.assert_close(total, torch.ones_like(total), rtol=0, atol=1e-10)


def test_a_level_has_the_logistic_mass_that_rounds_to_it():
    # The distribution function at both edges of the level, written plainly: here it does not cancel.
    likelihood = DiscretisedLogistic(0.1).double()
    s = math.exp(likelihood.log_scale.item())
    assert s * math.pi / math.sqrt(3) == pytest.approx(0.1, rel=1e-6)
    for logit in (-1.2, -0.4, 0.0, 0.7):
        mu = (1 + logit) / 2
        edges = [1 / (1 + math.exp(-((k + 0.5) / 255 - mu) / s)) for k in range(255)]
        expected = torch.tensor(np.diff([0.0, *edges, 1.0]))
        torch.testing.assert_close(probabilities(likelihood, images(logit))[0], expected, rtol=1e-9, atol=1e-14)


def test_tails_against_50_digits():
    likelihood = DiscretisedLogistic(0.002).double()
    s, one = decimal.Decimal(math.exp(likelihood.log_scale.item())), decimal.Decimal(1)
    with decimal.localcontext(prec=400):
        for logit, k in ((-1.0, 200), (1.0, 3), (0.0, 250), (0.5, 190)):
            mu = (1 + decimal.Decimal(logit)) / 2
            low, high = (one / (1 + (-((k + h) / decimal.Decimal(255) - mu) / s).exp()) for h in (-one / 2, one / 2))
            expected = float((high - low).ln())
            found = likelihood.log_density(images(logit), images(k / 255)).item()
            assert found == pytest.approx(expected, rel=1e-10)


def test_black_and_white_are_nearly_certain_where_the_location_leaves_the_image():
    likelihood = DiscretisedLogistic(0.05)
    ends = likelihood.log_density(images(-3.0, 3.0), images(0.0, 1.0)).exp()
    assert ends.min() > 1 - 1e-6


@pytest.mark.parametrize("sigma", [0.01, 0.1, 0.5])
def test_the_mean_is_that_of_the_levels_to_a_hundredth_of_one(sigma):
    likelihood = DiscretisedLogistic(sigma).double()
    logits = images(-4.0, -1.0, -0.3, 0.0, 0.8, 1.1)
    expected = (probabilities(likelihood, logits) * LEVELS.flatten()).sum(1)
    torch.testing.assert_close(likelihood.mean(logits).flatten(), expected, rtol=0, atol=0.012 / 255)


def test_the_learned_scale_finds_that_of_its_draws():
    teller, learner = DiscretisedLogistic(0.1).double(), DiscretisedLogistic(1.0).double()
    logits = draw(9, scale=0.5)[0].expand(4, -1, -1, -1, -1).flatten(0, 1)
    with torch.no_grad():
        x = teller.draw(logits, torch.Generator().manual_seed(0))
    optimizer = torch.optim.LBFGS(learner.parameters(), max_iter=50, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = -learner.log_prob(logits, x).mean()
        loss.backward()
        return loss

    optimizer.step(closure)
    assert learner.log_scale.item() == pytest.approx(teller.log_scale.item(), abs=0.06)  # some 4,600 pixels


# In and out of the series, at extremes, in both precisions.


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("x", [0.0, 0.3, 1.0])
def test_values_and_gradients_are_finite_everywhere(name, x, dtype):
    likelihood = make_likelihood(name, 0.2).to(dtype)
    logits = images(*LOGITS, 1e20, -1e20, dtype=dtype).requires_grad_()
    for function in (lambda: likelihood.log_prob(logits, torch.full_like(logits, x)), lambda: likelihood.mean(logits)):
        values = function()
        (gradient,) = torch.autograd.grad(values.sum(), logits)
        assert torch.isfinite(values).all()
        assert torch.isfinite(gradient).all()
        assert values.dtype == gradient.dtype == dtype


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 3e-6), (torch.float64, 1e-9)])
def test_gradient_of_the_continuous_bernoulli_is_x_minus_its_mean(dtype, tolerance):
    # As in every exponential family. The series and the formula must agree where they meet.
    logits = torch.cat([torch.linspace(-0.3, 0.3, 301), torch.tensor(LOGITS)]).to(dtype).reshape(-1, 1, 1, 1)
    logits.requires_grad_()
    likelihood = ContinuousBernoulli()
    x = torch.full_like(logits, 0.3)
    (gradient,) = torch.autograd.grad(likelihood.log_prob(logits, x).sum(), logits)
    torch.testing.assert_close(gradient, (x - likelihood.mean(logits)).detach(), rtol=0, atol=tolerance)


def test_float32_is_close_to_float64():
    outputs, x = draw(4, torch.float32, scale=8.0)
    for name in NAMES:
        likelihood = make_likelihood(name, 0.2)
        single = likelihood.log_prob(outputs, x)
        torch.testing.assert_close(
            single.double(), likelihood.double().log_prob(outputs.double(), x.double()), rtol=1e-5, atol=1e-3
        )
        assert single.dtype == torch.float32


@pytest.mark.parametrize("name", NAMES)
def test_gradients_by_central_differences(name):
    likelihood = make_likelihood(name, 0.3).double()
    outputs, x = (tensor[:2, :1, :2, :3] for tensor in draw(5))
    outputs = torch.cat([outputs, outputs / 100]).requires_grad_()  # the series as well
    x = torch.cat([x, x])
    parameters = tuple(likelihood.parameters())

    def log_prob(o):  # of the whole batch where its sigma is the batch's: there the gradient through sigma is 0
        values = likelihood.log_prob(o, x)
        return values.sum() if name == "gaussian-optimal" else values

    assert torch.autograd.gradcheck(lambda o, *_: (log_prob(o), likelihood.mean(o)), (outputs, *parameters))


# The learned variance.


def test_the_learned_sigma_finds_the_root_mean_square_error():
    # Its optimum has a closed form: sigma^2 is the mean squared error.
    outputs, x = draw(6)
    likelihood = LearnedGaussian(1.0).double()
    optimizer = torch.optim.LBFGS(likelihood.parameters(), max_iter=50, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = -likelihood.log_prob(outputs, x).mean()
        loss.backward()
        return loss

    optimizer.step(closure)
    expected = (x - outputs.sigmoid()).square().mean().sqrt()
    torch.testing.assert_close(likelihood.sigma().detach(), expected, rtol=1e-6, atol=0)


# The best variance of each batch.


def best_of(outputs, x, counted=None):
    """sigma*^2 by the definition: the mean squared error over images and pixels that count."""
    counted = torch.ones_like(x) if counted is None else counted.expand_as(x)
    return ((x - outputs.sigmoid()).square() * counted).sum() / counted.sum()


MASK = (torch.arange(12).reshape(3, 4) % 3 > 0).double()


@pytest.mark.parametrize("counted", [None, MASK], ids=["all pixels", "some pixels"])
def test_the_optimal_loss_is_half_the_pixels_times_one_and_the_log_of_2_pi_sigma_squared(counted):
    outputs, x = draw(8)
    outputs, x = outputs[..., :3, :4], x[..., :3, :4]
    pixels = x[0].numel() if counted is None else len(x[0]) * int(counted.sum())
    loss = -OptimalGaussian().double().log_prob(outputs, x, counted).mean()
    expected = pixels / 2 * (1 + torch.log(2 * math.pi * best_of(outputs, x, counted)))
    torch.testing.assert_close(loss, expected, rtol=1e-12, atol=0)


def test_the_gradient_with_sigma_held_fixed_is_the_whole_gradient():
    """At the optimum the loss has no slope in sigma: what passes through sigma* is 0 (the envelope theorem)."""
    outputs, x = draw(9)
    outputs.requires_grad_()
    pixels = x[0].numel()
    (ours,) = torch.autograd.grad(-OptimalGaussian().double().log_prob(outputs, x).mean(), outputs)

    through_sigma = pixels / 2 * (1 + torch.log(2 * math.pi * best_of(outputs, x)))  # gradients pass through sigma*
    (whole,) = torch.autograd.grad(through_sigma, outputs)
    torch.testing.assert_close(ours, whole, rtol=1e-10, atol=1e-14)

    squared_error = (x - outputs.sigmoid()).square().flatten(1).sum(1).mean()
    (plain,) = torch.autograd.grad(squared_error / (2 * best_of(outputs, x).detach()), outputs)
    torch.testing.assert_close(ours, plain, rtol=1e-10, atol=1e-14)

    log_sigma = (best_of(outputs, x).detach().log() / 2).requires_grad_()
    fixed = D.Normal(outputs.detach().sigmoid(), log_sigma.exp()).log_prob(x).flatten(1).sum(1).mean()
    (slope,) = torch.autograd.grad(fixed, log_sigma)
    assert abs(slope.item()) < 1e-10


def test_no_sigma_is_better():
    outputs, x = draw(10)
    best, sigma = OptimalGaussian().double().log_prob(outputs.requires_grad_(), x).mean(), best_of(outputs, x).sqrt()
    for factor in (0.9, 0.99, 1.01, 1.1):
        assert make_likelihood("gaussian", (factor * sigma).item()).log_prob(outputs, x).mean() < best


def test_the_value_found_is_the_noise_of_the_images():
    """Images x_hat + 0.07 eps: sigma* is 0.07 to its standard error, sigma / sqrt(2 n) of n pixels."""
    likelihood, rng = OptimalGaussian().double(), torch.Generator().manual_seed(11)
    outputs = torch.randn(2000, 1, 5, 6, generator=rng, dtype=torch.float64)
    x = outputs.sigmoid() + 0.07 * torch.randn(outputs.shape, generator=rng, dtype=torch.float64)
    for part, image in zip(outputs.split(50), x.split(50), strict=True):
        likelihood.log_prob(part, image)
        likelihood.after_step()
    assert likelihood.sigma().item() == pytest.approx(0.07, abs=4 * 0.07 / math.sqrt(2 * x.numel()) / 0.8)


def test_the_running_value_weighs_every_pixel_by_its_age():
    likelihood = OptimalGaussian().double()
    outputs, x = (torch.cat([a, b]) for a, b in zip(draw(12), draw(13), strict=True))
    squares = pixels = 0.0
    for part in (slice(0, 5), slice(5, 7), slice(7, 10)):
        likelihood.log_prob(outputs[part], x[part])
        likelihood.after_step()
        squares = 0.99 * squares + best_of(outputs[part], x[part]).item() * x[part].numel()
        pixels = 0.99 * pixels + x[part].numel()
        assert likelihood.sigma().item() == pytest.approx(math.sqrt(squares / pixels), rel=1e-12)
    before = likelihood.sigma()
    likelihood.after_step()  # without another batch
    assert torch.equal(likelihood.sigma(), before)


@pytest.mark.parametrize("way", ["eval mode", "no gradients"])
def test_where_nothing_is_trained_the_running_value_is_used_and_stays(way):
    likelihood, (outputs, x) = OptimalGaussian().double(), draw(14)
    likelihood.log_sigma.fill_(math.log(0.3))
    expected = D.Normal(outputs.sigmoid(), 0.3).log_prob(x).sum((1, 2, 3))
    if way == "eval mode":
        found = likelihood.eval().log_prob(outputs, x)
    else:
        with torch.no_grad():
            found = likelihood.log_prob(outputs, x)
    likelihood.after_step()
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=0)
    assert likelihood.sigma().item() == pytest.approx(0.3, rel=1e-12)


def test_a_perfect_prediction_has_a_finite_loss():
    outputs = torch.zeros(2, 1, 3, 4)
    found = OptimalGaussian().log_prob(outputs, torch.full_like(outputs, 0.5))
    assert torch.isfinite(found).all()


def test_the_bound_of_several_draws_has_another_best_variance():
    with pytest.raises(
        InputError, match=r"^likelihood: the mean squared error is the best variance of the ELBO"
    ) as caught:
        IWAEOptions(likelihood="gaussian-optimal")
    assert "\n" not in str(caught.value)


def test_which_likelihood_has_parameters():
    assert {name: list(make_likelihood(name, 0.2).state_dict()) for name in NAMES} == {
        "bernoulli": [],
        "gaussian": [],
        "gaussian-learned": ["log_sigma"],
        "gaussian-optimal": ["log_sigma", "seen"],
        "continuous-bernoulli": [],
        "discretised-logistic": ["log_scale"],
    }


# Draws.

DRAWS = 100_000


def variance_of_levels(logit, sigma):
    p, levels = probabilities(DiscretisedLogistic(sigma).double(), images(logit))[0].detach(), LEVELS.flatten()
    return ((p * levels**2).sum() - (p * levels).sum() ** 2).item()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("logit", [-30.0, -2.0, 0.0, 1e-4, 0.5, 4.0])
def test_draws_have_the_mean_and_the_spread_of_the_density(name, logit):
    likelihood = make_likelihood(name, 0.3).requires_grad_(False)
    if name == "gaussian-optimal":
        likelihood.log_sigma.fill_(math.log(0.3))
    outputs = torch.full((1, 1, 1, DRAWS), logit)
    x = likelihood.draw(outputs, torch.Generator().manual_seed(7)).double()
    lambda_ = 1 / (1 + math.exp(-logit))
    variance = {
        "bernoulli": lambda_ * (1 - lambda_),
        "continuous-bernoulli": D.ContinuousBernoulli(logits=torch.tensor(logit).double()).variance.item(),
        "discretised-logistic": variance_of_levels(logit, 0.3),
    }.get(name, 0.3**2)
    error = 5 * math.sqrt(variance / DRAWS) + 1e-9
    assert x.mean().item() == pytest.approx(likelihood.mean(outputs[..., :1]).item(), abs=error)
    assert x.var().item() == pytest.approx(variance, rel=0.04, abs=3e-5)  # few draws leave black or white


@pytest.mark.parametrize("logit", [-4.0, -1e-7, 0.05, 2.0])
def test_draws_of_the_continuous_bernoulli_follow_its_distribution_function(logit):
    x = ContinuousBernoulli().draw(torch.full((1, 1, 1, DRAWS), logit), torch.Generator().manual_seed(8))
    theirs = D.ContinuousBernoulli(logits=torch.tensor(logit).double())
    for place in (0.1, 0.5, 0.9):
        share = (x < place).double().mean().item()
        assert share == pytest.approx(theirs.cdf(torch.tensor(place).double()).item(), abs=5 * 0.5 / math.sqrt(DRAWS))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_draws_repeat_by_the_generator_and_stay_where_they_belong(name, dtype):
    likelihood = make_likelihood(name, 0.3).to(dtype)
    outputs = images(*LOGITS, dtype=dtype).expand(-1, 1, 5, 7).contiguous()
    first, again = (likelihood.draw(outputs, torch.Generator().manual_seed(3)) for _ in range(2))
    other = likelihood.draw(outputs, torch.Generator().manual_seed(4))
    torch.testing.assert_close(first, again, rtol=0, atol=0)
    assert not torch.equal(first, other)
    assert first.dtype == dtype
    assert torch.isfinite(first).all()
    if "gaussian" not in name:
        assert 0 <= first.min() <= first.max() <= 1
    if name == "discretised-logistic":
        check_levels(first, name)
    if name == "bernoulli":
        assert set(first.unique().tolist()) <= {0.0, 1.0}


@pytest.mark.parametrize("name", NAMES)
def test_the_expected_image_lies_in_0_to_1(name):
    mean = make_likelihood(name, 0.2).mean(images(*LOGITS, dtype=torch.float32))
    assert 0 <= mean.min() <= mean.max() <= 1
    assert mean[LOGITS.index(0.0)].item() == pytest.approx(0.5, rel=1e-6)


# Several draws of z for each image.


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("dtype", "rtol"), [(torch.float64, 1e-12), (torch.float32, 1e-6)])
@pytest.mark.parametrize("scale", [3.0, 40.0])
def test_an_image_broadcasts_over_draws(name, dtype, rtol, scale):
    likelihood = make_likelihood(name, 0.2).to(dtype)
    outputs, x = draw(4, dtype, scale)
    outputs = torch.stack([outputs, -outputs, outputs.flip(0), outputs / 3], dim=1).requires_grad_()
    copies = x.repeat_interleave(4, 0)
    expected = likelihood.log_prob(outputs.flatten(0, 1), copies).unflatten(0, (5, 4))
    found = likelihood.log_prob(outputs, x[:, None])
    torch.testing.assert_close(found, expected, rtol=rtol, atol=0)
    weights = torch.randn(5, 4, generator=torch.Generator().manual_seed(1), dtype=dtype)
    (one,), (other,) = (torch.autograd.grad((value * weights).sum(), outputs) for value in (found, expected))
    torch.testing.assert_close(one, other, rtol=20 * rtol, atol=20 * rtol)


def test_an_unknown_likelihood_is_refused():
    with pytest.raises(InputError, match=r"likelihood: expected one of bernoulli, .*, got 'gausian'"):
        make_likelihood("gausian", 0.2)


@pytest.mark.parametrize("name", NAMES)
def test_the_outputs_for_a_mean_have_it(name):
    mean = torch.tensor([0.001, 0.02, 0.3, 0.5, 0.71, 0.999], dtype=torch.float64).reshape(1, 2, 3)
    likelihood = make_likelihood(name, 0.2)
    torch.testing.assert_close(likelihood.mean(likelihood.outputs_for(mean)), mean, rtol=1e-9, atol=0)
