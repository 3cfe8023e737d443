"""A VAE whose evidence and posterior are known: linear decoder, Gaussian pixels, columns of `weight` at right angles.

There Σ = (I + WᵀW / σ²)⁻¹ is diagonal, so that the posterior Normal(Σ Wᵀ(x - b) / σ², Σ) is one that an encoder can
express. Source: Tipping & Bishop (1999), Probabilistic Principal Component Analysis.
"""

from typing import NamedTuple

import numpy as np

N, D, Z = 5, 7, 3


class Linear(NamedTuple):
    """One such VAE with images, in the order of `elbo`'s arguments."""

    x: np.ndarray
    weight: np.ndarray
    bias: np.ndarray
    sigma: float


def draw_linear(rng: np.random.Generator) -> Linear:
    """Images (N, D), weight (D, Z) with orthogonal columns, bias (D,) and sigma."""
    directions, _ = np.linalg.qr(rng.standard_normal((D, Z)))
    weight = directions * rng.uniform(0.5, 2.0, Z)
    return Linear(rng.standard_normal((N, D)), weight, rng.standard_normal(D), float(rng.uniform(0.4, 0.8)))


def posterior(x, weight, bias, sigma):
    """Mean (N, Z) and covariance (Z, Z) of p(z|x); `weight` may be any."""
    covariance = np.linalg.inv(np.eye(weight.shape[1]) + weight.T @ weight / sigma**2)
    return (x - bias) @ weight @ covariance / sigma**2, covariance


def log_evidence(x, weight, bias, sigma):
    """log p(x) of each image: x is Normal(b, W Wᵀ + σ² I)."""
    return log_normal(x - bias, weight @ weight.T + sigma**2 * np.eye(len(bias)))


def log_normal(error, covariance):
    """log Normal(error; 0, covariance) of each row."""
    _, logdet = np.linalg.slogdet(2 * np.pi * covariance)
    return -(np.einsum("ni,ij,nj->n", error, np.linalg.inv(covariance), error) + logdet) / 2


def encoder(q, linear):
    """mu and logvar, (N, Z), of the q(z|x) that `sign_of_gap` knows by this name."""
    mean, covariance = posterior(*linear)
    variance = np.tile(np.diag(covariance), (len(mean), 1))
    if q == "prior":
        return np.zeros_like(mean), np.zeros_like(mean)
    return mean, np.log(variance / 2 if q == "narrow" else variance)


def exact_draws(count=N):
    """Noise (2Z, count, Z) whose plain average is the exact expectation of whatever is quadratic in it, as here.

    Two points on each axis at ±√Z: their mean is 0 and their second moment I, like those of N(0, I).
    """
    points = np.sqrt(Z) * np.concatenate([np.eye(Z), -np.eye(Z)])
    return np.repeat(points[:, None], count, axis=1)
