"""Exercise 19: ten published bugs. Read exercises/19_published_bugs.md, then repair the ten functions.

Each function is wrong in one way. Read it, find the bug, repair it, and remove its line `_to_repair()`, which says that
it is still as it was found. Whatever is not the bug may stay as it is. N images as rows of D pixels in [0, 1], Z
latents, float64; all losses in nats.
"""

from collections.abc import Callable

import numpy as np

EPSILON_STD = 0.01


def _to_repair() -> None:
    """Given: stops a function that is not repaired yet."""
    raise NotImplementedError


def _pixel_costs(logits: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Given, and right: -log p(x|z) of every pixel. logits, x: (N, D). Returns (N, D)."""
    return np.logaddexp(0, logits) - x * logits


def _latent_costs(mu: np.ndarray, logvar: np.ndarray) -> np.ndarray:
    """Given, and right: the KL of every latent. mu, logvar: (N, Z). Returns (N, Z)."""
    return (mu**2 + np.exp(logvar) - 1 - logvar) / 2


def draw_latents(mu: np.ndarray, logvar: np.ndarray, eps: np.ndarray) -> np.ndarray:
    """Exhibit 1: a draw z from Normal(mu, exp(logvar)).

    mu, logvar, eps: (N, Z), eps from Normal(0, 1). Returns z, (N, Z).
    """
    _to_repair()
    sigma = np.exp(logvar)
    return mu + sigma * eps


def training_loss(logits: np.ndarray, x: np.ndarray, mu: np.ndarray, logvar: np.ndarray) -> dict[str, float]:
    """Exhibit 2: the negative ELBO of a batch and its two parts, each the mean over the images.

    logits, x: (N, D). mu, logvar: (N, Z). Returns a dict with "loss", "reconstruction" and "kl".
    """
    _to_repair()
    reconstruction = np.mean(np.sum(_pixel_costs(logits, x), axis=1))
    kl = np.mean(np.sum(_latent_costs(mu, logvar), axis=1))
    loss = reconstruction
    return {"loss": loss, "reconstruction": reconstruction, "kl": kl}


def step_loss(reconstruction: np.ndarray, kl: np.ndarray, train_images: int) -> float:
    """Exhibit 3: the negative ELBO of a batch, as the mean over its images.

    reconstruction, kl: (N,), the two parts of every image of the batch. train_images: the size of the training set.
    Returns a number.
    """
    _to_repair()
    weight = len(kl) / train_images
    return np.mean(reconstruction) + weight * np.mean(kl)


def image_loss(logits: np.ndarray, x: np.ndarray, mu: np.ndarray, logvar: np.ndarray) -> float:
    """Exhibit 4: the negative ELBO, as the mean over the images of a batch.

    logits, x: (N, D). mu, logvar: (N, Z). Returns a number.
    """
    _to_repair()
    reconstruction = np.mean(_pixel_costs(logits, x))
    kl = np.mean(np.sum(_latent_costs(mu, logvar), axis=1))
    return reconstruction + kl


def negative_elbo(reconstruction: np.ndarray, mu: np.ndarray, logvar: np.ndarray) -> np.ndarray:
    """Exhibit 5: the negative ELBO of every image, which training makes small.

    reconstruction: (N,), -log p(x|z) of every image. mu, logvar: (N, Z). Returns (N,).
    """
    _to_repair()
    kl = np.sum(1 + logvar - mu**2 - np.exp(logvar), axis=1) / 2
    return reconstruction + kl


def split_images(images: np.ndarray, order: np.ndarray, test_count: int) -> tuple[np.ndarray, np.ndarray]:
    """Exhibit 6: a training set and a test set. The first images of the shuffled ones are the test set.

    images: (M, D). order: (M,) whole numbers, a permutation that shuffles them. test_count: images in the test set.
    Returns a tuple (train, test).
    """
    _to_repair()
    shuffled = images[order]
    train = shuffled
    test = shuffled[:test_count]
    return train, test


def picture(logits: np.ndarray) -> np.ndarray:
    """Exhibit 7: the decoder's images, to be looked at: the probability of white for every pixel.

    logits: (N, D), the decoder's results, without bounds. Returns (N, D) in [0, 1].
    """
    _to_repair()
    low, high = logits.min(), logits.max()
    return (logits - low) / (high - low)


def noisy_latents(mu: np.ndarray, logvar: np.ndarray, eps: np.ndarray) -> np.ndarray:
    """Exhibit 8: a draw z from Normal(mu, exp(logvar)).

    mu, logvar, eps: (N, Z), eps from Normal(0, 1). Returns z, (N, Z).
    """
    _to_repair()
    sigma = np.exp(logvar / 2)
    return mu + sigma * (EPSILON_STD * eps)


def encoder_gradients(
    dz: np.ndarray, mu: np.ndarray, logvar: np.ndarray, eps: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Exhibit 9: the gradients of the negative ELBO of each image for mu and logvar, where z = mu + exp(logvar/2) eps.

    dz: (N, Z), the gradient of the reconstruction for z. mu, logvar, eps: (N, Z). Returns a tuple (dmu, dlogvar), both
    (N, Z).
    """
    _to_repair()
    dmu = mu
    dlogvar = (np.exp(logvar) - 1) / 2
    return dmu.copy(), dlogvar


def measured_loss(
    decode: Callable[[np.ndarray], np.ndarray],
    x: np.ndarray,
    mu: np.ndarray,
    logvar: np.ndarray,
    eps: np.ndarray,
    training: bool,
) -> float:
    """Exhibit 10: the negative ELBO as the mean over the images, for the curves of training and of validation.

    decode: a function of z (N, Z) that returns logits (N, D). x: (N, D). mu, logvar, eps: (N, Z).
    training: whether the images are a batch of the training set. Returns a number.
    """
    _to_repair()
    sigma = np.exp(logvar / 2)
    z = mu + sigma * eps if training else mu
    costs = np.sum(_pixel_costs(decode(z), x), axis=1) + np.sum(_latent_costs(mu, logvar), axis=1)
    return np.mean(costs)
