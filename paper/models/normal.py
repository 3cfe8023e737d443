"""Diagonal Gaussians: the density of each latent, and the KL of two of them."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from paper.models.base import Latents


def log_normal(z: Tensor, mu: Tensor, logvar: Tensor) -> Float[Tensor, "*batch Z"]:
    """log Normal(z; mu, exp(logvar)) of every latent, in nats."""
    return log_normal_of_noise((z - mu) * torch.exp(-logvar / 2), logvar)


def log_normal_of_noise(eps: Tensor, logvar: Tensor) -> Float[Tensor, "*batch Z"]:
    """The same for z = mu + sigma eps, which needs neither z nor mu and loses no digits where sigma is small."""
    return -0.5 * (math.log(2 * math.pi) + logvar + eps.square())


def log_standard_normal(z: Tensor) -> Float[Tensor, "*batch Z"]:
    """log Normal(z; 0, 1) of every latent, in nats."""
    return log_normal_of_noise(z, torch.zeros_like(z))


def kl_of_normals(mu: Latents, logvar: Latents, prior_mu: Latents, prior_logvar: Latents) -> Latents:
    """KL(Normal(mu, exp(logvar)) || Normal(prior_mu, exp(prior_logvar))) of each image and latent, in nats."""
    ratio = logvar - prior_logvar
    return -0.5 * (1 + ratio - (mu - prior_mu).square() * torch.exp(-prior_logvar) - ratio.exp())
