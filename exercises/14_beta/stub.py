"""Exercise 14: the weight of the KL term. Read exercises/14_beta.md, then write the six functions."""

import numpy as np

# Given, both sums in nats: over pixels and batch, over latents and batch.
from numpy_impl.functional import binary_cross_entropy_with_logits  # noqa: F401
from numpy_impl.vae_numpy import kl_divergence  # noqa: F401


def beta_loss(logits: np.ndarray, x: np.ndarray, mu: np.ndarray, logvar: np.ndarray, beta: float) -> dict[str, float]:
    """The loss of a β-VAE and its parts, in nats per image: sums over pixels and latents, averages over the batch.

    logits, x: (N, C, H, W) float64, the decoder's logits and the images in [0, 1].
    mu, logvar: (N, Z) float64, the means and log-variances of q(z|x).
    beta: the weight of the KL divergence.
    Returns {"loss": ..., "reconstruction": ..., "kl": ...}; "kl" is the divergence itself, whatever beta is.
    """
    raise NotImplementedError


def linear_warm_up(step: int, warm_up_steps: int, beta: float) -> float:
    """The weight of the KL at a step: from 0 at step 0 in a straight line to `beta`, and `beta` from there on.

    step: 0 for the first update of the training, counted through all epochs.
    warm_up_steps: the step at which `beta` is reached; 0 means no warm-up.
    beta: the final weight.
    Returns a number.
    """
    raise NotImplementedError


def cyclical_warm_up(step: int, period: int, warm_up_steps: int, beta: float) -> float:
    """The weight of the KL where the warm-up is repeated: every `period` steps it starts at 0 again.

    step: 0 for the first update of the training, counted through all epochs.
    period: length of a cycle in steps, the rise and the time at `beta` together.
    warm_up_steps: length of the rise in steps, less than the period.
    beta: the weight after the rise.
    Returns a number.
    """
    raise NotImplementedError


def effective_beta(beta: float, pixels: int, latents: int, reconstruction: str, kl: str) -> float:
    """The β of the loss in nats per image that is equivalent to a loss with other reductions.

    The loss is (reconstruction term) + beta * (KL term). Each term is averaged over the batch.
    beta: the weight as written in the code.
    pixels: number of pixels of an image, channels included. latents: number of latents.
    reconstruction: "sum" or "mean", how the reconstruction term is reduced over the pixels.
    kl: "sum" or "mean", how the KL term is reduced over the latents.
    Returns a number: beta itself where both are "sum".
    """
    raise NotImplementedError


def linear_vae_weights(variances: np.ndarray, noise_variance: float, beta: float) -> np.ndarray:
    """|w| for each latent of a linear VAE at the optimum of the β-loss: how strongly the decoder depends on it.

    variances: (K,) float64, λ, the variances of the data along its first K principal axes.
    noise_variance: σ² of the decoder's Normal(w z, σ²).
    beta: the weight of the KL divergence.
    Returns (K,): 0 where the latent has collapsed.
    """
    raise NotImplementedError


def collapse_beta(variances: np.ndarray, noise_variance: float) -> np.ndarray:
    """The β from which on each latent of the linear VAE is at the prior.

    variances: (K,) float64, as above. noise_variance: σ², as above.
    Returns (K,).
    """
    raise NotImplementedError
