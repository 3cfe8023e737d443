"""The latents of many images: their codes, which of them are active, and what a linear classifier reads from them."""

import importlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Int64
from torch import Tensor

from foundation.data.splits import Data
from foundation.errors import InputError
from foundation.latents import ACTIVE
from foundation.rung import encode_all
from paper.models.base import Images, Model

LatentArray = Float[np.ndarray, "N Z"] | Float[Tensor, "N Z"]
COLLAPSED = 0.01
"""A latent with a smaller KL than this, in nats, has collapsed onto the prior."""


def batches(
    model: Model, images: Images, labels: Int64[Tensor, " N"], batch_size: int = 512
) -> Iterator[tuple[Images, Tensor | None]]:
    """Images in batches of at most `batch_size`, each with the conditions that the model takes from it (or None)."""
    for x, some in zip(images.split(batch_size), labels.split(batch_size), strict=True):
        yield x, model.condition(x, some)


def posterior(model: Model, x: Images, c: Tensor | None) -> tuple[Float[Tensor, "N Z"], Float[Tensor, "N Z"]]:
    """mu and logvar of q(z|x). Raises `InputError` for a model that encodes x as one point."""
    mu, logvar = model.encode(x, c)
    if logvar is None:
        name = model.options.model
        raise InputError(
            f"{name}: defines no bound on log p(x), since it encodes x as one point; expected a VAE of any kind"
        )
    return mu, logvar


@torch.no_grad()
def posteriors(
    model: Model, images: Images, labels: Int64[Tensor, " N"], batch_size: int = 512
) -> tuple[Float[Tensor, "N Z"], Float[Tensor, "N Z"]]:
    """`posterior` of every image, on the images' device."""
    mu, logvar = zip(*(posterior(model, x, c) for x, c in batches(model, images, labels, batch_size)), strict=True)
    return torch.cat(mu), torch.cat(logvar)


def variance_of_mu(mu: LatentArray) -> Float[np.ndarray, " Z"]:
    """A_j = Var_x(E[z_j|x]) over the images, for each latent."""
    return torch.as_tensor(mu).cpu().double().var(0, correction=0).numpy()


def active_units(mu: LatentArray) -> int:
    """The number of latents whose mu varies over the images: A_j > 0.01 (Burda et al. 2016, section 5.2)."""
    return int((variance_of_mu(mu) > ACTIVE).sum())


@torch.no_grad()
def active_latents(model: Model, data: Data) -> Bool[np.ndarray, " Z"]:
    """Which latents are active on the test images. All are for an autoencoder, whose codes have no fixed scale."""
    mu, logvar = encode_all(model, data.test.images, data.test.labels, torch.cat)
    return np.ones(mu.shape[1], dtype=bool) if logvar is None else variance_of_mu(mu) > ACTIVE


def collapse_warning(kl: Float[np.ndarray, " Z"]) -> str | None:
    """A sentence where latents have collapsed; None where none has."""
    collapsed, Z = int((kl < COLLAPSED).sum()), len(kl)
    if collapsed == 0:
        return None
    if collapsed == Z:
        return f"All {Z} latents carry less than {COLLAPSED} nats: the decoder ignores z (posterior collapse)."
    carry, they = ("carries", "it has") if collapsed == 1 else ("carry", "they have")
    return f"{collapsed} of {Z} latents {carry} less than {COLLAPSED} nats: {they} collapsed onto the prior."


def linear_probe(
    train: Float[np.ndarray, "N D"],
    train_classes: Int[np.ndarray, " N"],
    test: Float[np.ndarray, "M D"],
    test_classes: Int[np.ndarray, " M"],
) -> float:
    """The share of test codes whose class softmax regression tells, after it was fitted to the training codes.

    Its weights and biases are the most probable ones under N(0, I). Codes are centred on the training codes' mean; D
    may be 0. Raises `InputError` without scikit-learn, and `ValueError` for training codes of a single class.
    """
    LogisticRegression = scikit_learn("linear_model", "linear probe").LogisticRegression
    middle = train.mean(axis=0, dtype=np.float64)  # the sum over many float32 codes far from 0 would lose digits
    x_train, x_test = (np.column_stack([np.ones(len(x)), x - middle]) for x in (train, test))
    classifier = LogisticRegression(C=1.0, fit_intercept=False, tol=1e-8, max_iter=1000)
    return float(classifier.fit(x_train, train_classes).score(x_test, test_classes))


def scikit_learn(module: str, what: str) -> Any:
    """A module of scikit-learn. Raises `InputError`, beginning with what needs it, where it is not installed."""
    try:
        return importlib.import_module(f"sklearn.{module}")
    except ModuleNotFoundError:
        missing = "expected scikit-learn, which is not installed; type: pip install scikit-learn"
        raise InputError(f"{what}: {missing}") from None
