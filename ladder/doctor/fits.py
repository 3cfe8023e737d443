"""Curves as formulas: which known reading of the spread, and which known likelihood, a measured curve follows."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from ladder.doctor.measured import BASE_OUTPUT, BASE_SPREAD, MEANS, PROBABILITIES, SPREADS
from numpy_impl.functional import sigmoid

Curve = Callable[[np.ndarray], np.ndarray]
TOLERANCE = 3e-3
"""Of a fit, as a share of the curve's height: a small constant, such as softplus + 1e-6, is no other formula."""


def softplus(b: np.ndarray) -> np.ndarray:
    """log(1 + exp(b))."""
    return np.logaddexp(0, b)


READINGS: dict[str, Curve] = {
    "log σ²": lambda b: np.exp(b / 2),
    "log σ": lambda b: np.exp(b),
    "σ": lambda b: b,
    "σ²": lambda b: np.sqrt(np.where(b > 0, b, np.nan)),
    "σ before softplus": softplus,
    "σ² before softplus": lambda b: np.sqrt(softplus(b)),
    "σ before exp, doubled": lambda b: np.exp(2 * b),
}
"""What the encoder's second output may be, and σ by it."""


class Reading(NamedTuple):
    """A reading of the second output, and how well a curve follows it."""

    name: str
    factor: float
    error: float


def read_sampler(spread: Sequence[float]) -> Reading | None:
    """σ = factor · reading(b), by z's distance at noise 1; None where it follows none of the readings."""
    measured = np.asarray(spread)
    return _best({name: ([curve(np.asarray(SPREADS))], measured) for name, curve in READINGS.items()})


def read_kl(loss: Sequence[float]) -> Reading | None:
    """factor · (½ σ² − ln σ) for σ = reading(b); None where the loss follows it for none of the readings."""
    measured = np.asarray(loss)
    return _best({name: ([_kl_term(curve)], measured) for name, curve in READINGS.items()})


def kl_terms(loss: Sequence[float], reading: str) -> tuple[float, float] | None:
    """The factors of ½ σ² and of −ln σ, each 1 in the KL, or None where the loss is no sum of the two."""
    curve = READINGS[reading]
    with np.errstate(all="ignore"):
        sigma, base = curve(np.asarray(SPREADS)), curve(np.asarray([BASE_SPREAD]))
        columns = [(sigma**2 - base**2) / 2, -(np.log(sigma) - np.log(base))]
    factors, error = _solve(columns, np.asarray(loss))
    return None if factors is None or error > TOLERANCE else (factors[0], factors[1])


def _kl_term(curve: Curve) -> np.ndarray:
    with np.errstate(all="ignore"):
        sigma, base = curve(np.asarray(SPREADS)), curve(np.asarray([BASE_SPREAD]))
        return (sigma**2 - base**2) / 2 - (np.log(sigma) - np.log(base))


def _best(curves: dict[str, tuple[list[np.ndarray], np.ndarray]]) -> Reading | None:
    fits = []
    for name, (columns, measured) in curves.items():
        factors, error = _solve(columns, measured)
        if factors is not None and error < TOLERANCE:
            fits.append(Reading(name, factors[0], error))
    return min(fits, key=lambda fit: fit.error, default=None)


def _solve(columns: list[np.ndarray], measured: np.ndarray) -> tuple[list[float] | None, float]:
    """Least squares over the finite entries, of which there must be more than unknowns, and the relative error."""
    finite = np.isfinite(measured) & np.all(np.isfinite(columns), axis=0)
    height = np.abs(measured[finite]).max(initial=0)
    if finite.sum() < len(columns) + 2 or height < 1e-12:
        return None, np.inf
    matrix = np.stack([column[finite] for column in columns], 1)
    factors, *_ = np.linalg.lstsq(matrix, measured[finite], rcond=None)
    return [float(f) for f in factors], float(np.abs(matrix @ factors - measured[finite]).max() / height)


def quadratic(differences: Sequence[float]) -> tuple[float, float]:
    """k of ½ k μ², by the loss at MEANS less that at 0, and the relative error; (0, 0) where it does not change."""
    measured = np.asarray(differences)
    if np.isfinite(measured).all() and np.abs(measured).max() < 1e-12:
        return 0.0, 0.0
    factors, error = _solve([np.asarray(MEANS) ** 2 / 2], measured)
    return (factors[0], error) if factors is not None else (float("nan"), np.inf)


# Likelihoods


class Likelihood(NamedTuple):
    """weight · (A(d) − target · B(d)), the negative log-likelihood of one pixel up to a constant."""

    name: str
    weight: float
    targets: tuple[float, float]
    """Those of a pixel that is 0 and of one that is 1"""
    error: float


def _log_normaliser(logit: np.ndarray) -> np.ndarray:
    """log C(λ) of the continuous Bernoulli; Loaiza-Ganem & Cunningham (2019), eq. 6."""
    share = np.where(np.abs(logit) < 1e-4, 1e-4, logit)
    return np.log(share / np.tanh(share / 2))


def _logit(d: np.ndarray) -> np.ndarray:
    return np.log(d) - np.log1p(-d)


LIKELIHOODS: dict[str, tuple[Curve, Curve]] = {
    "Bernoulli on logits": (softplus, lambda d: d),
    "Bernoulli on probabilities": (lambda d: -np.log1p(-d), _logit),
    "squared error": (lambda d: d**2, lambda d: 2 * d),
    "squared error after a sigmoid": (lambda d: sigmoid(d) ** 2, lambda d: 2 * sigmoid(d)),
    "squared error after a tanh": (lambda d: np.tanh(d) ** 2, lambda d: 2 * np.tanh(d)),
    "Bernoulli after two sigmoids": (lambda d: softplus(sigmoid(d)), sigmoid),
    "continuous Bernoulli on logits": (lambda d: softplus(d) - _log_normaliser(d), lambda d: d),
    "continuous Bernoulli on probabilities": (lambda d: -np.log1p(-d) - _log_normaliser(_logit(d)), _logit),
}
"""A and B of each."""
GAUSSIAN = ("squared error", "squared error after a sigmoid", "squared error after a tanh")


def read_likelihood(black: Sequence[float], white: Sequence[float]) -> Likelihood | None:
    """The likelihood that the loss follows along one output, at a pixel that is 0 and at one that is 1."""
    d, base = np.asarray(PROBABILITIES), np.asarray([BASE_OUTPUT])
    measured = np.concatenate([black, white])
    fits = []
    for name, (a, b) in LIKELIHOODS.items():
        first, second = a(d) - a(base), b(d) - b(base)
        zero = np.zeros_like(second)
        columns = [np.tile(first, 2), np.concatenate([-second, zero]), np.concatenate([zero, -second])]
        factors, error = _solve(columns, measured)
        if factors is not None and error < TOLERANCE and abs(factors[0]) > 1e-15:
            targets = factors[1] / factors[0], factors[2] / factors[0]
            fits.append(Likelihood(name, factors[0], targets, error))
    slope, error = _solve([np.concatenate([d - base, base - d])], measured)
    if slope is not None and error < TOLERANCE:
        fits.append(Likelihood("absolute error", slope[0], (0.0, 1.0), error))
    return min(fits, key=lambda fit: fit.error, default=None)


HALVES: tuple[tuple[Curve, Curve], ...] = (
    (lambda d: -np.log1p(-d), lambda d: -np.log(d)),
    (softplus, lambda d: softplus(-d)),
)
"""−ln of a Bernoulli's probability of a black and of a white pixel, by a probability and by a logit."""


def is_half_of_bernoulli(black: Sequence[float], white: Sequence[float]) -> bool:
    """Whether the loss follows −ln p at one kind of pixel and does not move at the other: a BCE without a term."""
    if any(black) == any(white):
        return False
    d, base = np.asarray(PROBABILITIES), np.asarray([BASE_OUTPUT])
    measured, which = np.asarray(white if any(white) else black), int(any(white))
    return any(_solve([curves[which](d) - curves[which](base)], measured)[1] < TOLERANCE for curves in HALVES)
