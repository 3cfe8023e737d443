r"""Rung 2: the same variational autoencoder with torch tensors, F.conv2d, F.linear and autograd; no nn.Module.

    encode          x -> mu, logvar               q(z|x) = Normal(mu, exp(logvar))
    reparameterize  mu, logvar, eps -> z          z = mu + sigma * eps
    decode          z -> logits                   p(x|z) = Bernoulli(sigmoid(logits))
    loss            reconstruction + beta * KL    the negative ELBO, nats per image

The functions stand in the order of the other rungs' main files. Autograd replaces all of rung 1's backward functions
with the one line of `backward`. Parameters are a dict of tensors under the names of rung 3's `state_dict()`, on any
device. Shapes in comments: N images of C channels, H x W; C1, C2 channels and `hidden` units inside; Z latents.
Source: Kingma & Welling (2014), Auto-Encoding Variational Bayes, arXiv:1312.6114.
"""

import math
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from foundation.architecture import Architecture, initial_parameters
from foundation.objective import Loss, Objective
from pytorch_lowlevel.optim import Adam

Parameters = dict[str, Tensor]
Images = Float[Tensor, "N C H W"]
Latents = Float[Tensor, "N Z"]

DOWN: dict[str, Any] = {"stride": 2, "padding": 1}
UP: dict[str, Any] = {"stride": 2, "padding": 1, "output_padding": 1}


class Forward(NamedTuple):
    """The results of one forward pass."""

    mu: Latents
    logvar: Latents
    z: Latents
    logits: Images


def init(
    architecture: Architecture, rng: np.random.Generator, dtype: type = np.float32, device: str = "cpu"
) -> Parameters:
    """Fresh parameters by name, drawn as torch's layers draw theirs."""
    initial = initial_parameters(architecture, rng, dtype)
    return {name: torch.from_numpy(value).to(device).requires_grad_() for name, value in initial.items()}


def layer(parameters: Parameters, name: str) -> tuple[Tensor, Tensor]:
    """Weight and bias of a layer."""
    return parameters[f"{name}.weight"], parameters[f"{name}.bias"]


def encode(parameters: Parameters, x: Images) -> tuple[Latents, Latents]:
    """Mean and log-variance of q(z|x) = Normal(mu, exp(logvar)), diagonal (appendix C.2)."""
    # fmt: off
    h1 = F.relu(F.conv2d(x, *layer(parameters, "encoder.conv1"), **DOWN))                 # N C1 H/2 W/2
    h2 = F.relu(F.conv2d(h1, *layer(parameters, "encoder.conv2"), **DOWN))                # N C2 H/4 W/4
    h3 = F.relu(F.linear(h2.reshape(len(x), -1), *layer(parameters, "encoder.fc")))       # N hidden
    mu = F.linear(h3, *layer(parameters, "encoder.mu"))                                   # N Z
    logvar = F.linear(h3, *layer(parameters, "encoder.logvar"))                           # N Z
    # fmt: on
    return mu, logvar


def reparameterize(mu: Latents, logvar: Latents, eps: Latents) -> Latents:
    """z = mu + sigma * eps with sigma = exp(logvar / 2): a draw from q(z|x) if eps is one from N(0, I) (eq. 4)."""
    return mu + torch.exp(logvar / 2) * eps


def decode(parameters: Parameters, z: Latents, size: tuple[int, ...] = (28, 28)) -> Images:
    """Logits of p(x|z) for images of `size` (height, width); x_hat = sigmoid(logits) (appendix C.1)."""
    height, width = size
    if height % 4 or width % 4:
        raise ValueError(f"size: expected height and width divisible by 4, got {height}x{width}")
    # fmt: off
    h4 = F.relu(F.linear(z, *layer(parameters, "decoder.fc1")))                               # N hidden
    h5 = F.relu(F.linear(h4, *layer(parameters, "decoder.fc2")))                              # N C2*H/4*W/4
    h5 = h5.reshape(len(z), -1, height // 4, width // 4)                                      # N C2 H/4 W/4
    h6 = F.relu(F.conv_transpose2d(h5, *layer(parameters, "decoder.conv_transpose1"), **UP))  # N C1 H/2 W/2
    logits = F.conv_transpose2d(h6, *layer(parameters, "decoder.conv_transpose2"), **UP)      # N C H W
    # fmt: on
    return logits


def forward(parameters: Parameters, x: Images, eps: Latents) -> Forward:
    """x -> q(z|x) -> z -> p(x|z)."""
    mu, logvar = encode(parameters, x)
    z = reparameterize(mu, logvar, eps)
    logits = decode(parameters, z, x.shape[2:])
    return Forward(mu, logvar, z, logits)


def kl_divergence(mu: Latents, logvar: Latents) -> Float[Tensor, ""]:
    """KL(Normal(mu, exp(logvar)) || Normal(0, 1)) = -1/2 sum(1 + logvar - mu^2 - exp(logvar)) in nats (appendix B)."""
    return -torch.sum(1 + logvar - mu**2 - torch.exp(logvar)) / 2


def reconstruction_loss(logits: Images, x: Images, objective: Objective) -> Float[Tensor, ""]:
    """-log p(x|z), summed over pixels and batch, in nats."""
    if objective.likelihood == "gaussian":
        mean, variance = torch.sigmoid(logits), objective.sigma**2
        return (torch.sum((x - mean) ** 2) / variance + x.numel() * math.log(2 * math.pi * variance)) / 2
    return F.binary_cross_entropy_with_logits(logits, x, reduction="sum")


def loss(logits: Images, x: Images, mu: Latents, logvar: Latents, objective: Objective) -> Loss:
    """The negative ELBO (eq. 7 with one draw of z) in its parts, nats per image; beta multiplies the KL alone."""
    reconstruction = reconstruction_loss(logits, x, objective) / len(x)
    kl = kl_divergence(mu, logvar) / len(x)
    return Loss(reconstruction + objective.beta * kl, reconstruction, kl)


def backward(parameters: Parameters, parts: Loss) -> Parameters:
    """The gradient of the loss for every parameter, by autograd."""
    return dict(zip(parameters, torch.autograd.grad(parts.loss, list(parameters.values())), strict=True))


def train_step(parameters: Parameters, optimizer: Adam, x: Images, eps: Latents, objective: Objective) -> Loss:
    """One step of the optimiser on a batch, in place; the loss before it. A loss that is not finite takes no step."""
    run = forward(parameters, x, eps)
    parts = loss(run.logits, x, run.mu, run.logvar, objective)
    if torch.isfinite(parts.loss):
        optimizer.step(backward(parameters, parts))
    return parts


def sample(parameters: Parameters, z: Latents, size: tuple[int, ...] = (28, 28)) -> Images:
    """x_hat, the expected image E[x|z] in [0, 1], for latents drawn from the prior N(0, I) or chosen."""
    logits = decode(parameters, z, size)
    return torch.sigmoid(logits)


def reconstruct(parameters: Parameters, x: Images) -> Images:
    """x_hat from the mean of q(z|x): eps is zero, so the result is repeatable."""
    mu, _ = encode(parameters, x)
    return sample(parameters, mu, x.shape[2:])
