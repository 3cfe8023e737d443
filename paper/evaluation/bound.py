r"""The ELBO in its parts, for each image, and the images that it is a bound for.

    log p(x) >= -reconstruction - KL,    reconstruction = -E_q[log p(x|z)],    KL = KL(q(z|x) || p(z))

beta, free bits and capacities belong to training; here the KL has the weight 1, as in the bound on log p(x).

A bound on log p(x) needs a p(x|z) that is a distribution over the values of x. A Bernoulli is one over black and white
pixels only. Over grey levels from 0 to 1, exp(-BCE) of a pixel integrates to at most 1/2, and to a value that depends
on the logit (Loaiza-Ganem & Cunningham 2019, arXiv:1907.06845): BCE + KL on grey images is a training loss and not a
likelihood. Where a likelihood is measured, a Bernoulli model is therefore given images whose pixels were drawn once,
white with probability grey (`binarised`), the way papers make static MNIST. The other likelihoods are given the grey
images. The discretised logistic has probabilities of 256 levels, whose logarithms are comparable in bits per dimension;
the others are densities over [0, 1], which say nothing about levels unless the pixels are dequantised, by uniform noise
of one level (Theis et al. 2016, arXiv:1511.01844, section 3.1).
"""

import math
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from foundation.data.dataset import check_levels
from foundation.errors import InputError
from foundation.objective import OVER_LEVELS
from paper.evaluation.latents import batches, posterior
from paper.models.base import Images, Model
from paper.models.vae import kl_per_latent

PIXEL_SEED = 0
"""The seed that binarises test images: every evaluation measures the same pixels, whatever its own seed."""


class Parts(NamedTuple):
    """The two terms of the bound, in nats, for each image."""

    reconstruction: Float[np.ndarray, " N"]
    """-log p(x|z) for one z"""
    kl: Float[np.ndarray, "N Z"]
    """KL(q(z_j|x) || p(z_j)) of every latent; (N, 1) without a closed form: log q(z|x) - log p(z) at the same z"""

    @property
    def elbo(self) -> Float[np.ndarray, " N"]:
        """-reconstruction - KL: an unbiased estimate of the bound where z was drawn."""
        return -self.reconstruction - self.kl.sum(axis=1)


@torch.no_grad()
def elbo_parts(
    model: Model,
    images: Images,
    labels: Int64[Tensor, " N"],
    generator: torch.Generator | None = None,
    batch_size: int = 512,
) -> Parts:
    """The parts for every image with one z each, drawn from q(z|x) by the generator; without a generator, z = mu.

    With z = mu the sum is no bound, since one point replaces the expectation over q, and the KL of a model without a
    closed form means nothing there. Raises `InputError` for a model without q(z|x).
    """
    reconstructions, kls = [], []
    for x, c in batches(model, images, labels, batch_size):
        mu, logvar = posterior(model, x, c)
        eps = torch.zeros_like(mu) if generator is None else draw_like(mu, generator)
        z, log_ratio = model.draw_z(mu, logvar, eps, c)
        reconstructions.append(-model.log_prob(model.decode(z, c), x))
        kls.append(kl_per_latent(mu, logvar) if model.traits.closed_kl else -log_ratio[:, None])
    return Parts(*(torch.cat(values).cpu().double().numpy() for values in (reconstructions, kls)))


@torch.no_grad()
def reconstruction(
    model: Model, images: Images, labels: Int64[Tensor, " N"], batch_size: int = 512
) -> Float[np.ndarray, " N"]:
    """-log p(x|z) in nats for the code of every image, mu or quantised; for models without q(z|x) as well."""
    found = [
        -model.log_prob(model.decode(model.encode(x, c)[0], c), x)
        for x, c in batches(model, images, labels, batch_size)
    ]
    return torch.cat(found).cpu().double().numpy()


def draw_like(mu: Tensor, generator: torch.Generator) -> Tensor:
    """eps from N(0, I), in the shape and on the device of `mu`."""
    return torch.randn(mu.shape, generator=generator, device=mu.device, dtype=mu.dtype)


def bits_per_dimension(model: Model, nats: float) -> float | None:
    """-log2 p of one pixel, for `nats` of -log p of an image; None where p is no probability of 256 levels.

    Pixels that the model is given are not counted.
    """
    if model.options.likelihood not in OVER_LEVELS:
        return None
    pixels = math.prod(model.image_shape)
    if model.traits.condition == "part":
        pixels -= model.image_shape[0] * int(model.mask().sum())
    return nats / (pixels * math.log(2))


def is_binary(images: Images) -> bool:
    """Whether every pixel is black or white."""
    return bool(((images == 0) | (images == 1)).all())


def binarised(images: Images) -> Images:
    """Each pixel drawn once, white with probability grey; every call and every device gives the same draw."""
    generator = torch.Generator().manual_seed(PIXEL_SEED)
    return torch.bernoulli(images.cpu(), generator=generator).to(images.device)


def images_for_likelihood(model: Model, images: Images, binarise: str) -> Images:
    """The images that log p(x) is measured on; `binarise` as in `EvaluateOptions`.

    Raises `InputError` for a Bernoulli model, grey images and `binarise` "none", and for images off the 256 levels
    under a likelihood of these.
    """
    if model.options.likelihood in OVER_LEVELS:
        check_levels(images, "images")
    bernoulli = model.options.likelihood == "bernoulli"
    if is_binary(images) or (not bernoulli and binarise != "static"):
        return images
    if binarise == "none":
        raise InputError(
            "binarise: a Bernoulli has no likelihood for grey pixels; expected auto or static, got none "
            "(BCE on grey pixels is a loss, not log p(x))"
        )
    return binarised(images)
