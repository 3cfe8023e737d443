"""The objective against torch.distributions, numerical integration, and a VAE whose log p(x) is known exactly."""

import importlib
import math

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from foundation.objective import Objective
from numpy_impl.functional import binary_cross_entropy_with_logits, gaussian_nll_loss
from numpy_impl.vae_numpy import kl_divergence, loss, reparameterize
from tests.support import oracles

settings = hypothesis.settings(max_examples=40, deadline=None, derandomize=True)


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch")


def draw(seed, dtype=np.float64):
    """logits and images (N, C, H, W), mu and logvar (N, Z)."""
    rng = np.random.default_rng(seed)
    logits, x = 3 * rng.standard_normal((5, 3, 7, 11)), rng.random((5, 3, 7, 11))
    mu, logvar = rng.standard_normal((2, 5, 13))
    return tuple(array.astype(dtype) for array in (logits, x, mu, logvar))


@settings
@hypothesis.given(st.floats(-6, 6), st.floats(-8, 3))
def test_kl_by_numerical_integration(mu, logvar):
    ours = kl_divergence(np.array([[mu]]), np.array([[logvar]]))
    assert ours == pytest.approx(oracles.kl_by_quadrature(mu, logvar), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("scale", [1e-1, 1e-2, 1e-3, 1e-4, 1e-5])
@pytest.mark.parametrize("rung", ["numpy_impl", "pytorch_lowlevel", "paper"])
def test_kl_near_0_is_off_by_the_rounding_of_1(rung, scale, request):
    """In float32 the terms of the paper's formula cancel near the prior: each is off by some roundings of 1.

    That is 1e-7 nats a latent, beside an ELBO of 100 nats; written with expm1 the formula would be exact there, and no
    longer the paper's.
    """
    mu, logvar = (scale * np.random.default_rng(14).standard_normal((2, 128, 20))).astype(np.float32)
    exact = np.sum(mu.astype(np.float64) ** 2 + np.expm1(logvar.astype(np.float64)) - logvar) / 2
    if rung == "numpy_impl":
        ours = kl_divergence(mu, logvar)
    else:
        torch = request.getfixturevalue("torch")
        main = importlib.import_module({"paper": "paper.vae_paper"}.get(rung, "pytorch_lowlevel.vae_lowlevel"))
        ours = main.kl_divergence(torch.from_numpy(mu), torch.from_numpy(logvar)).item()
    assert abs(ours - exact) < mu.size * np.finfo(np.float32).eps


def test_kl_of_torch_distributions(torch):
    _, _, mu, logvar = draw(1)
    D = torch.distributions
    q = D.Normal(torch.tensor(mu), torch.tensor(logvar).div(2).exp())
    theirs = D.kl_divergence(q, D.Normal(0.0, 1.0)).sum().item()
    assert kl_divergence(mu, logvar) == pytest.approx(theirs, rel=1e-13)


@pytest.mark.parametrize(
    ("mu", "logvar", "expected"),
    [(0, 0, 0.0), (2, 0, 12.0), (-2, 0, 12.0), (0, math.log(4), 4.8411169), (0, -math.log(4), 1.9088831)],
)
def test_kl_probes(mu, logvar, expected):
    # Summed over 2 x 3 latents. KL(0, 0) = 0 alone would let most mistakes through.
    shape = (2, 3)
    ours = kl_divergence(np.full(shape, float(mu)), np.full(shape, float(logvar)))
    assert ours == pytest.approx(expected, abs=1e-4)


@settings
@hypothesis.given(st.integers(0, 2**32), st.sampled_from([0.01, 1.0, 5.0]))
def test_kl_is_never_negative(seed, scale):
    mu, logvar = scale * np.random.default_rng(seed).standard_normal((2, 3, 7))
    assert kl_divergence(mu, logvar) > 0
    assert kl_divergence(mu.astype(np.float32), logvar.astype(np.float32)) > -1e-5


@pytest.mark.parametrize("beta", [0.0, 1.0, 2.5])
def test_bernoulli_loss_of_torch_distributions(torch, beta):
    logits, x, mu, logvar = draw(2)
    x = np.round(x)
    bernoulli = torch.distributions.Bernoulli(logits=torch.tensor(logits))
    expected = -bernoulli.log_prob(torch.tensor(x)).sum().item() / len(x)
    ours = loss(logits, x, mu, logvar, Objective("bernoulli", beta=beta))
    assert ours.reconstruction == pytest.approx(expected, rel=1e-13)
    assert ours.kl == pytest.approx(kl_divergence(mu, logvar) / len(x), rel=1e-14)
    assert ours.loss == pytest.approx(ours.reconstruction + beta * ours.kl, rel=1e-14)


@pytest.mark.parametrize("beta", [0.0, 1.0, 2.5])
@pytest.mark.parametrize("sigma", [0.05, 0.2, 1.0, 3.0])
def test_gaussian_loss_of_torch_distributions(torch, beta, sigma):
    logits, x, mu, logvar = draw(3)
    normal = torch.distributions.Normal(torch.tensor(logits).sigmoid(), sigma)
    expected = -normal.log_prob(torch.tensor(x)).sum().item() / len(x)
    ours = loss(logits, x, mu, logvar, Objective("gaussian", beta=beta, sigma=sigma))
    assert ours.reconstruction == pytest.approx(expected, rel=1e-13)
    assert ours.loss == pytest.approx(ours.reconstruction + beta * ours.kl, rel=1e-14)


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_a_loss_is_a_mean_over_images(likelihood):
    objective = Objective(likelihood, beta=1.3)
    logits, x, mu, logvar = draw(4)
    each = [loss(*(array[i : i + 1] for array in (logits, x, mu, logvar)), objective) for i in range(len(x))]
    np.testing.assert_allclose(np.mean(each, axis=0), loss(logits, x, mu, logvar, objective), rtol=1e-13)


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_float32_stays_float32(likelihood):
    objective = Objective(likelihood, beta=1.3, sigma=0.2)
    single, double = loss(*draw(5, np.float32), objective), loss(*draw(5), objective)
    assert [np.asarray(part).dtype for part in single] == [np.float32] * 3
    np.testing.assert_allclose(single, double, rtol=1e-5)


@pytest.mark.parametrize(
    ("logit", "target", "expected"), [(0, 0.5, 4 * math.log(2)), (2, 1, 0.507712), (60, 0, 240), (60, 1, 0)]
)
def test_bernoulli_probes(logit, target, expected):
    # A sigmoid too many gives 2.896, 1.387, 5.25; clipping at 1e-7 gives 64.47 for the third.
    logits, x = np.full((1, 1, 2, 2), float(logit)), np.full((1, 1, 2, 2), float(target))
    ours = loss(logits, x, np.zeros((1, 2)), np.zeros((1, 2)), Objective())
    assert ours.reconstruction == pytest.approx(expected, abs=1e-6)
    assert ours.kl == 0


@pytest.mark.parametrize("bad", [-0.01, 1.01, math.nan])
def test_a_bernoulli_target_is_a_probability(bad):
    logits, x, mu, logvar = draw(6)
    x[1, 2, 3, 4] = bad
    with pytest.raises(ValueError, match="target"):
        loss(logits, x, mu, logvar, Objective())


# The linear-Gaussian VAE: a lower bound on log p(x) that exceeds log p(x) is no lower bound.

SIGMA = 0.7
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(4)
WEIGHTS = WEIGHTS / WEIGHTS.sum()


@pytest.fixture(scope="module")
def oracle():
    rng = np.random.default_rng(9)
    columns, _ = np.linalg.qr(rng.standard_normal((7, 2)))
    return oracles.LinearGaussian(columns * [2.0, 0.6], rng.standard_normal(7), SIGMA)


def elbo(oracle, x, mu, logvar, kl=kl_divergence, nll=gaussian_nll_loss, draw_z=reparameterize, beta=1.0):
    """E_q[log p(x|z)] - KL of one x (D,): -log p(x|z) is quadratic in z, so Gauss-Hermite quadrature is exact."""
    mu, logvar, expected_nll = mu[None], logvar[None], 0.0
    for i, j in np.ndindex(len(NODES), len(NODES)):
        z = draw_z(mu, logvar, np.array([[NODES[i], NODES[j]]]))
        expected_nll += WEIGHTS[i] * WEIGHTS[j] * nll(z @ oracle.W.T + oracle.b, x[None], SIGMA**2)
    return -expected_nll - beta * kl(mu, logvar)


def points(oracle, seed=0, count=20):
    """Data x drawn from the model, with a q that is not the posterior."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        x = oracle.W @ rng.standard_normal(2) + oracle.b + SIGMA * rng.standard_normal(7)
        yield x, rng.standard_normal(2), rng.standard_normal(2)


def test_the_oracle_itself(oracle):
    # log p(x) once more, by adding up p(x|z) p(z) over a grid of z.
    x, *_ = next(points(oracle))
    side = np.linspace(-9, 9, 721)
    z = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    squares = np.sum((x - z @ oracle.W.T - oracle.b) ** 2, axis=1) / SIGMA**2 + np.sum(z**2, axis=1)
    density = np.exp(-squares / 2) / ((2 * math.pi) ** (9 / 2) * SIGMA**7)
    assert oracle.log_likelihood(x) == pytest.approx(math.log(density.sum() * (side[1] - side[0]) ** 2), rel=1e-10)


def test_elbo_touches_log_p_at_the_posterior(oracle):
    for x, *_ in points(oracle):
        assert elbo(oracle, x, *oracle.posterior(x)) == pytest.approx(oracle.log_likelihood(x), rel=1e-12)


def test_elbo_lies_below_by_the_kl_to_the_posterior(oracle):
    for x, mu, logvar in points(oracle):
        mean, log_variance = oracle.posterior(x)
        gap = oracle.log_likelihood(x) - elbo(oracle, x, mu, logvar)
        assert gap > 0
        expected = oracles.kl_of_normals(mu, np.exp(logvar), mean, np.exp(log_variance))
        assert gap == pytest.approx(expected, rel=1e-11)


def test_beta_above_one_only_lowers_it(oracle):
    for x, mu, logvar in points(oracle):
        for beta in (1.5, 4.0):
            assert elbo(oracle, x, mu, logvar, beta=beta) < elbo(oracle, x, mu, logvar)


def quarter_kl(mu, logvar):
    return -np.sum(1 + logvar - mu**2 - np.exp(logvar)) / 4


def nll_without_constant(mean, target, var):
    return np.sum((target - mean) ** 2) / (2 * var)


def nll_without_2pi(mean, target, var):
    return nll_without_constant(mean, target, var) + mean.size * math.log(var) / 2


EXCEEDS = {
    "KL added": {"beta": -1.0},
    "KL dropped": {"beta": 0.0},
    "KL averaged over latents": {"kl": lambda mu, logvar: kl_divergence(mu, logvar) / 2},
    "KL with a half too many": {"kl": quarter_kl},
    "KL without mu": {"kl": lambda mu, logvar: kl_divergence(0 * mu, logvar)},
    "KL without the variance": {"kl": lambda mu, logvar: kl_divergence(mu, 0 * logvar)},
    "nll without 2 pi": {"nll": nll_without_2pi},
    "nll averaged over pixels": {"nll": lambda mean, x, var: gaussian_nll_loss(mean, x, var) / x.size},
    "nll with a half too many": {"nll": lambda mean, x, var: gaussian_nll_loss(mean, x, var) / 2},
    "no noise": {"draw_z": lambda mu, logvar, eps: mu},
}
DIFFERS = {
    "KL without half": {"beta": 2.0},
    "nll without its constant": {"nll": nll_without_constant},
    "sigma = exp(logvar)": {"draw_z": lambda mu, logvar, eps: mu + np.exp(logvar) * eps},
    "no sigma": {"draw_z": lambda mu, logvar, eps: mu + eps},
    "logvar as log sigma in the KL": {"kl": lambda mu, logvar: kl_divergence(mu, 2 * logvar)},
    "KL reversed": {"kl": lambda mu, logvar: kl_divergence(mu * np.exp(-logvar / 2), -logvar)},
    "KL without -1": {"kl": lambda mu, logvar: kl_divergence(mu, logvar) + mu.size / 2},
}


@pytest.mark.parametrize("bug", EXCEEDS)
def test_a_lower_bound_cannot_exceed_log_p(oracle, bug):
    for x, *_ in points(oracle):
        assert elbo(oracle, x, *oracle.posterior(x), **EXCEEDS[bug]) > oracle.log_likelihood(x) + 1e-3


@pytest.mark.parametrize("bug", DIFFERS)
def test_a_wrong_bound_misses_log_p_at_the_posterior(oracle, bug):
    for x, *_ in points(oracle):
        ours = elbo(oracle, x, *oracle.posterior(x), **DIFFERS[bug])
        assert abs(ours - oracle.log_likelihood(x)) > 1e-3


def test_bernoulli_likelihood_is_a_distribution_over_binary_images():
    # Summed over all 2^6 images of 6 pixels, exp(-bce) is 1.
    logits = np.random.default_rng(5).standard_normal(6) * 3
    images = np.array(np.meshgrid(*[[0.0, 1.0]] * 6)).reshape(6, -1).T
    total = sum(math.exp(-binary_cross_entropy_with_logits(logits, image.copy())) for image in images)
    assert total == pytest.approx(1, rel=1e-12)


def test_gaussian_likelihood_is_a_density():
    pixels = np.linspace(-3, 4, 2001)
    nll = [gaussian_nll_loss(np.array([0.4]), np.array([pixel]), 0.04) for pixel in pixels]
    assert np.exp(np.negative(nll)).sum() * (pixels[1] - pixels[0]) == pytest.approx(1, rel=1e-9)
