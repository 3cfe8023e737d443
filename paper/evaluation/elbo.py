r"""The ELBO in its parts, for each image, and the images that it is a bound for.

    log p(x) >= -reconstruction - KL,    reconstruction = -E_q[log p(x|z)],    KL = KL(q(z|x) || p(z))

beta, free bits and capacities shape the training; here the KL counts once, as log p(x) has it.

A bound on log p(x) needs a p(x|z) that is a distribution over the x it is given. A Bernoulli is one over black and
white pixels alone. Over the grey levels from 0 to 1, exp(-BCE) of a pixel integrates to 1/2 at most, and to another
number for every logit (Loaiza-Ganem & Cunningham 2019, arXiv:1907.06845): BCE + KL on grey images is a training loss
and no likelihood. Where a likelihood is asked for, a Bernoulli model therefore sees images whose pixels were drawn
once, white with probability grey (`binarised`), as papers make their static MNIST. The other likelihoods are
densities of grey levels, and see those.
"""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from foundation.errors import InputError
from paper.models.networks import Images
from paper.models.registry import model_name
from paper.models.vae import kl_per_latent
from paper.vae_paper import reparameterize

PIXEL_SEED = 0
"""Draws the test images' pixels: one and the same set whatever is measured, by whatever seed."""


class Parts(NamedTuple):
    """What the bound is made of, in nats, image by image."""

    reconstruction: Float[np.ndarray, " N"]
    """-log p(x|z) for the z that was taken."""
    kl: Float[np.ndarray, "N Z"]
    """KL(q(z_j|x) || p(z_j)) of every latent, in closed form."""

    @property
    def elbo(self) -> Float[np.ndarray, " N"]:
        """-reconstruction - KL: an unbiased estimate of the bound where z was drawn."""
        return -self.reconstruction - self.kl.sum(axis=1)


@torch.no_grad()
def elbo_parts(
    model: nn.Module,
    images: Images,
    labels: Int64[Tensor, " N"],
    generator: torch.Generator | None = None,
    batch_size: int = 512,
) -> Parts:
    """The parts for every image, one z each: drawn from q(z|x) by the generator, or without one z = mu.

    With z = mu the sum is no bound, since one point stands for the expectation over q. Raises `InputError` for a model
    without q(z|x).
    """
    check_has_posterior(model)
    reconstructions, kls = [], []
    for x, some in zip(images.split(batch_size), labels.split(batch_size), strict=True):
        c = model.condition(x, some)
        mu, logvar = model.encode(x, c)
        eps = torch.zeros_like(mu) if generator is None else draw_like(mu, generator)
        outputs = model.decode(reparameterize(mu, logvar, eps), c)
        reconstructions.append(-model.log_prob(outputs, x))
        kls.append(kl_per_latent(mu, logvar))
    return Parts(*(torch.cat(values).cpu().double().numpy() for values in (reconstructions, kls)))


@torch.no_grad()
def reconstruction(
    model: nn.Module, images: Images, labels: Int64[Tensor, " N"], batch_size: int = 512
) -> Float[np.ndarray, " N"]:
    """-log p(x|z) in nats for the code of every image itself, mu or quantised: for models without q(z|x) as well."""
    found = []
    for x, some in zip(images.split(batch_size), labels.split(batch_size), strict=True):
        c = model.condition(x, some)
        found.append(-model.log_prob(model.decode(model.encode(x, c)[0], c), x))
    return torch.cat(found).cpu().double().numpy()


def draw_like(mu: Tensor, generator: torch.Generator) -> Tensor:
    """eps from N(0, I), in the shape and on the device of `mu`."""
    return torch.randn(mu.shape, generator=generator, device=mu.device, dtype=mu.dtype)


def has_posterior(model: nn.Module) -> bool:
    """Whether the model has a q(z|x) to draw from; codes of an autoencoder and of a VQ-VAE are points."""
    return model_name(model.options) not in ("autoencoder", "vq-vae")


def check_has_posterior(model: nn.Module) -> None:
    """Raise `InputError` for a model that has no q(z|x)."""
    if not has_posterior(model):
        name = model_name(model.options)
        raise InputError(
            f"{name}: defines no bound on log p(x), its code of x is one point; expected a VAE of any kind"
        )


def is_binary(images: Images) -> bool:
    """Whether every pixel is black or white."""
    return bool(((images == 0) | (images == 1)).all())


def binarised(images: Images) -> Images:
    """Each pixel drawn once, white with probability grey; the same draw on every device and at every call."""
    generator = torch.Generator().manual_seed(PIXEL_SEED)
    return torch.bernoulli(images.cpu(), generator=generator).to(images.device)


def images_for_likelihood(model: nn.Module, images: Images, binarise: str) -> Images:
    """The images that log p(x) is measured on; `binarise` as in `EvaluateOptions`.

    Raises `InputError` where a Bernoulli is asked for the likelihood of grey pixels.
    """
    bernoulli = model.options.likelihood == "bernoulli"
    if is_binary(images) or (not bernoulli and binarise != "static"):
        return images
    if binarise == "none":
        raise InputError(
            "binarise: a Bernoulli has no likelihood for grey pixels; expected auto or static, got none "
            "(BCE on grey pixels is a loss, no log p(x))"
        )
    return binarised(images)
