"""A VAE whose log p(x) is known: z ~ Normal(0, I), x = W z + b + noise of variance v, and orthogonal columns in W.

The posterior is then Normal((W^T W + v)^-1 W^T (x - b), v (W^T W + v)^-1) with a diagonal covariance, and x itself
is Normal(b, W W^T + v) (Tipping & Bishop 1999, Probabilistic Principal Component Analysis).
"""

from typing import NamedTuple

import numpy as np


class LinearGaussian(NamedTuple):
    """The decoder's mean W z + b, and the variance of a pixel."""

    W: np.ndarray
    b: np.ndarray
    v: float

    @classmethod
    def draw(cls, rng: np.random.Generator, pixels: int, latents: int) -> "LinearGaussian":
        columns, _ = np.linalg.qr(rng.standard_normal((pixels, latents)))
        return cls(columns * rng.uniform(0.5, 2, latents), rng.standard_normal(pixels), 0.3)

    def sample(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Images (N, D)."""
        z = rng.standard_normal((count, self.W.shape[1]))
        return z @ self.W.T + self.b + np.sqrt(self.v) * rng.standard_normal((count, len(self.b)))

    def log_likelihood(self, x: np.ndarray, z: np.ndarray) -> np.ndarray:
        """log p(x|z): (N, K) for images (N, D) and draws (N, K, Z)."""
        squares = np.square(x[:, None] - z @ self.W.T - self.b)
        return -np.sum(squares / self.v + np.log(2 * np.pi * self.v), axis=-1) / 2

    def posterior(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """mu and logvar of p(z|x), both (N, Z)."""
        precision = np.square(self.W).sum(axis=0) + self.v
        mu = (x - self.b) @ self.W / precision
        return mu, np.broadcast_to(np.log(self.v / precision), mu.shape).copy()

    def log_evidence(self, x: np.ndarray) -> np.ndarray:
        """log p(x): (N,)."""
        covariance = self.W @ self.W.T + self.v * np.eye(len(self.b))
        distance = np.einsum("nd,de,ne->n", x - self.b, np.linalg.inv(covariance), x - self.b)
        return -(distance + np.linalg.slogdet(2 * np.pi * covariance)[1]) / 2
