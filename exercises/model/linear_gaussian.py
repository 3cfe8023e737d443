"""A VAE whose log p(x) and posterior have a closed form: a linear decoder with Gaussian pixels.

z ~ N(0, I) and x ~ N(W z + b, σ² I), so x ~ N(b, W Wᵀ + σ² I), and the posterior has the covariance
Σ = (I + WᵀW / σ²)⁻¹ and the mean Σ Wᵀ(x - b) / σ². Where the columns of W are orthogonal, Σ is diagonal, and an
encoder can express the posterior.

Source: Tipping & Bishop (1999), Probabilistic Principal Component Analysis.
"""

from typing import NamedTuple

import numpy as np


class LinearGaussian(NamedTuple):
    """The decoder: weight (D, Z), bias (D,), and the standard deviation of a pixel."""

    weight: np.ndarray
    bias: np.ndarray
    sigma: float

    @classmethod
    def draw(cls, rng: np.random.Generator, pixels: int, latents: int, sigma: float) -> "LinearGaussian":
        """A random decoder whose weight has orthogonal columns."""
        return cls(orthogonal_columns(rng, pixels, latents), rng.standard_normal(pixels), sigma)

    def sample(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Images (N, D) from p(x)."""
        z = rng.standard_normal((count, self.weight.shape[1]))
        return z @ self.weight.T + self.bias + self.sigma * rng.standard_normal((count, len(self.bias)))

    def log_likelihood(self, x: np.ndarray, z: np.ndarray) -> np.ndarray:
        """log p(x|z): (N, K) for images (N, D) and draws (N, K, Z)."""
        squares = np.square(x[:, None] - z @ self.weight.T - self.bias)
        return -np.sum(squares / self.sigma**2 + np.log(2 * np.pi * self.sigma**2), axis=-1) / 2

    def posterior(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean (N, Z) and covariance (Z, Z) of p(z|x), for any weight."""
        precision = np.eye(self.weight.shape[1]) + self.weight.T @ self.weight / self.sigma**2
        covariance = np.linalg.inv(precision)
        return (x - self.bias) @ self.weight @ covariance / self.sigma**2, covariance

    def encode(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """mu and logvar of the posterior, both (N, Z); the columns of the weight must be orthogonal."""
        mu, covariance = self.posterior(x)
        return mu, np.tile(np.log(np.diag(covariance)), (len(mu), 1))

    def log_evidence(self, x: np.ndarray) -> np.ndarray:
        """log p(x): (N,)."""
        return log_normal(x - self.bias, self.weight @ self.weight.T + self.sigma**2 * np.eye(len(self.bias)))


def orthogonal_columns(rng: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    """A random matrix (rows, columns) whose columns are at right angles, of lengths between 0.5 and 2."""
    directions, _ = np.linalg.qr(rng.standard_normal((rows, columns)))
    return directions * rng.uniform(0.5, 2, columns)


def log_normal(error: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """log Normal(error; 0, covariance) of each row: (N,)."""
    _, logdet = np.linalg.slogdet(2 * np.pi * covariance)
    return -(np.einsum("ni,ij,nj->n", error, np.linalg.inv(covariance), error) + logdet) / 2


def exact_noise(latents: int) -> np.ndarray:
    """Noise (2Z, Z) over which a quadratic function has exactly its mean over N(0, I).

    Two points on each axis at ±√Z: their mean is 0 and their second moment I, like those of N(0, I).
    """
    return np.sqrt(latents) * np.concatenate([np.eye(latents), -np.eye(latents)])
