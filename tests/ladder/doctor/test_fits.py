"""Curves that are computed exactly, and the formulas that the doctor reads in them."""

import numpy as np
import pytest

from ladder.doctor.fits import READINGS, kl_terms, quadratic, read_kl, read_likelihood, read_sampler
from ladder.doctor.measured import BASE_OUTPUT, BASE_SPREAD, MEANS, PROBABILITIES, SPREADS
from ladder.doctor.numbers import power_of_size, reduction

B = np.asarray(SPREADS)


def kl(sigma: np.ndarray) -> np.ndarray:
    """The part of KL(Normal(0, sigma) || Normal(0, 1)) that depends on sigma."""
    return (sigma**2 - 1) / 2 - np.log(sigma)


@pytest.mark.parametrize("name", READINGS)
@pytest.mark.parametrize("factor", [1.0, 0.01, 4.0])
def test_sigma_is_read_by_any_factor(name: str, factor: float) -> None:
    with np.errstate(all="ignore"):
        found = read_sampler(list(factor * READINGS[name](B)))
    assert found is not None
    assert found.name == name
    assert found.factor == pytest.approx(factor)


@pytest.mark.parametrize("name", READINGS)
def test_the_kl_is_read_with_its_weight(name: str) -> None:
    with np.errstate(all="ignore"):
        sigma, base = READINGS[name](B), READINGS[name](np.asarray([BASE_SPREAD]))
        found = read_kl(list(0.25 * (kl(sigma) - kl(base))))
    assert found is not None
    assert found.name == name
    assert found.factor == pytest.approx(0.25)


def test_a_wrong_term_is_no_kl_and_is_measured() -> None:
    sigma = np.exp(B / 2)
    wrong = 0.5 * sigma**2 - 2 * np.log(sigma)
    base = 0.5 * np.exp(BASE_SPREAD) - BASE_SPREAD
    assert read_kl(list(wrong - base)) is None
    assert kl_terms(list(wrong - base), "log σ²") == pytest.approx((1.0, 2.0))


def test_noise_of_the_curve_is_no_formula() -> None:
    rng = np.random.default_rng(0)
    assert read_sampler(list(rng.normal(size=len(B)))) is None
    assert read_kl(list(rng.normal(size=len(B)))) is None


def test_mu_squared() -> None:
    m = np.asarray(MEANS)
    assert quadratic(list(0.125 * m**2)) == pytest.approx((0.25, 0.0), abs=1e-12)
    _, error = quadratic(list(np.abs(m)))
    assert error > 0.1
    assert quadratic([0.0] * len(MEANS)) == (0.0, 0.0)


def curves(loss, targets: tuple[float, float]) -> tuple[list[float], list[float]]:
    d = np.asarray(PROBABILITIES)
    black, white = (loss(d, t) - loss(np.asarray(BASE_OUTPUT), t) for t in targets)
    return list(black), list(white)


LOSSES = {
    "Bernoulli on logits": lambda d, t: np.logaddexp(0, d) - t * d,
    "Bernoulli on probabilities": lambda d, t: -t * np.log(d) - (1 - t) * np.log1p(-d),
    "squared error": lambda d, t: (d - t) ** 2,
    "squared error after a sigmoid": lambda d, t: (1 / (1 + np.exp(-d)) - t) ** 2,
    "Bernoulli after two sigmoids": lambda d, t: np.logaddexp(0, 1 / (1 + np.exp(-d))) - t / (1 + np.exp(-d)),
    "absolute error": lambda d, t: np.abs(d - t),
}


@pytest.mark.parametrize("name", LOSSES)
def test_likelihoods_are_told_apart(name: str) -> None:
    black, white = curves(lambda d, t: 3 * LOSSES[name](d, t), (0.0, 1.0))
    found = read_likelihood(black, white)
    assert found is not None
    assert found.name == name
    assert found.weight == pytest.approx(3.0)
    assert found.targets == pytest.approx((0.0, 1.0), abs=1e-9)


def test_targets_are_read_where_images_are_scaled() -> None:
    found = read_likelihood(*curves(LOSSES["Bernoulli on logits"], (-1.0, 1.0)))
    assert found is not None
    assert found.targets == pytest.approx((-1.0, 1.0))


def test_the_continuous_bernoulli_against_its_integral() -> None:
    """log C(lambda) is minus the log of the integral of lambda^x (1 - lambda)^(1 - x) over [0, 1]."""
    x = np.linspace(0, 1, 100_001)

    def loss(d: np.ndarray, t: float) -> np.ndarray:
        logits = np.atleast_1d(d)
        weights = [np.trapezoid(np.exp(x * l - np.logaddexp(0, l)), x) for l in logits]
        return (np.logaddexp(0, logits) - t * logits + np.log(weights)).reshape(np.shape(d))

    found = read_likelihood(*curves(loss, (0.0, 1.0)))
    assert found is not None
    assert found.name == "continuous Bernoulli on logits"
    assert found.weight == pytest.approx(1.0, rel=1e-4)


def test_reductions_in_words() -> None:
    assert reduction([1.0, 1.0], 784, "pixels") == "summed over pixels, summed over the batch"
    assert reduction([0.25, 0.125], 784, "pixels") == "summed over pixels, averaged over the batch"
    assert reduction([0.25 / 784, 0.125 / 784], 784, "pixels") == "averaged over pixels, averaged over the batch"
    assert "times 4" in reduction([4.0, 4.0], 20, "latents")


@pytest.mark.parametrize(
    ("rest", "words"),
    [
        (784, "averaged over 784 pixels, and the KL is not"),
        (392, "averaged over 784 pixels, and the KL is not"),
        (784 / 20, "and the KL over 20 latents"),
        (1 / 20, "the KL is averaged over 20 latents"),
        (1 / 60_000, "1 / 60000"),
        (3.7, ""),
    ],
)
def test_what_a_weight_is_made_of(rest: float, words: str) -> None:
    found = power_of_size(rest, [], 20, 784)
    assert words in found
    assert bool(found) == bool(words)
