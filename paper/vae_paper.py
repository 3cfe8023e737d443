r"""Rung 3: the same variational autoencoder as research code writes it, with nn.Module and torch.optim.

    encoder         x -> mu, logvar               q(z|x) = Normal(mu, exp(logvar))
    reparameterize  mu, logvar, eps -> z          z = mu + sigma * eps
    decoder         z -> logits                   p(x|z) = Bernoulli(sigmoid(logits))
    loss            reconstruction + beta * KL    the negative ELBO, nats per image

The definitions stand in the order of the other rungs' main files. What nn.Module took over from rung 2 is the
bookkeeping: layers own their parameters, and `state_dict()` gives them their names.
Source: Kingma & Welling (2014), Auto-Encoding Variational Bayes, arXiv:1312.6114.
"""

import math
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from foundation.architecture import Architecture, initial_parameters
from foundation.objective import Loss, Objective

Images = Float[Tensor, "N C H W"]
Latents = Float[Tensor, "N Z"]

DOWN = {"kernel_size": 3, "stride": 2, "padding": 1}
UP = {"kernel_size": 3, "stride": 2, "padding": 1, "output_padding": 1}


class Forward(NamedTuple):
    """What one forward pass computed."""

    mu: Latents
    logvar: Latents
    z: Latents
    logits: Images


def init(architecture: Architecture, rng: np.random.Generator, dtype: type = np.float32, device: str = "cpu") -> "VAE":
    """A fresh model whose parameters come from `rng`, drawn as torch's layers draw theirs."""
    model = VAE(architecture)
    initial = {name: torch.from_numpy(value) for name, value in initial_parameters(architecture, rng, dtype).items()}
    model.load_state_dict(initial, assign=True)
    return model.to(device)


class Encoder(nn.Module):
    """Mean and log-variance of q(z|x) = Normal(mu, exp(logvar)), diagonal (appendix C.2)."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        image, (c1, c2), hidden = architecture.image_shape[0], architecture.channels, architecture.hidden_dim
        self.conv1 = nn.Conv2d(image, c1, **DOWN)
        self.conv2 = nn.Conv2d(c1, c2, **DOWN)
        self.fc = nn.Linear(math.prod(architecture.feature_shape), hidden)
        self.mu = nn.Linear(hidden, architecture.latent_dim)
        self.logvar = nn.Linear(hidden, architecture.latent_dim)

    def forward(self, x: Images) -> tuple[Latents, Latents]:
        h1 = F.relu(self.conv1(x))
        h2 = F.relu(self.conv2(h1))
        h3 = F.relu(self.fc(h2.flatten(1)))
        return self.mu(h3), self.logvar(h3)


def reparameterize(mu: Latents, logvar: Latents, eps: Latents) -> Latents:
    """z = mu + sigma * eps with sigma = exp(logvar / 2): a draw from q(z|x) where eps is one from N(0, I) (eq. 4)."""
    return mu + torch.exp(logvar / 2) * eps


class Decoder(nn.Module):
    """Logits of p(x|z); x_hat = sigmoid(logits) is the expected image (appendix C.1)."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        image, (c1, c2), hidden = architecture.image_shape[0], architecture.channels, architecture.hidden_dim
        self.feature_shape = architecture.feature_shape
        self.fc1 = nn.Linear(architecture.latent_dim, hidden)
        self.fc2 = nn.Linear(hidden, math.prod(architecture.feature_shape))
        self.conv_transpose1 = nn.ConvTranspose2d(c2, c1, **UP)
        self.conv_transpose2 = nn.ConvTranspose2d(c1, image, **UP)

    def forward(self, z: Latents) -> Images:
        h4 = F.relu(self.fc1(z))
        h5 = F.relu(self.fc2(h4)).unflatten(1, self.feature_shape)
        h6 = F.relu(self.conv_transpose1(h5))
        return self.conv_transpose2(h6)


class VAE(nn.Module):
    """Encoder and decoder; the noise comes from whoever calls."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.encoder = Encoder(architecture)
        self.decoder = Decoder(architecture)

    def forward(self, x: Images, eps: Latents) -> Forward:
        """x -> q(z|x) -> z -> p(x|z)."""
        mu, logvar = self.encoder(x)
        z = reparameterize(mu, logvar, eps)
        return Forward(mu, logvar, z, self.decoder(z))


def kl_divergence(mu: Latents, logvar: Latents) -> Float[Tensor, ""]:
    """KL(Normal(mu, exp(logvar)) || Normal(0, 1)) = -1/2 sum(1 + logvar - mu^2 - exp(logvar)) in nats (appendix B)."""
    return -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())


def reconstruction_loss(logits: Images, x: Images, objective: Objective) -> Float[Tensor, ""]:
    """-log p(x|z), summed over pixels and batch, in nats."""
    if objective.likelihood == "gaussian":
        mean, variance = torch.sigmoid(logits), torch.full_like(x, objective.sigma**2)
        return F.gaussian_nll_loss(mean, x, variance, full=True, reduction="sum")
    return F.binary_cross_entropy_with_logits(logits, x, reduction="sum")


def loss(logits: Images, x: Images, mu: Latents, logvar: Latents, objective: Objective) -> Loss:
    """The negative ELBO (eq. 7 with one draw of z) in its parts, nats per image; beta multiplies the KL alone."""
    reconstruction = reconstruction_loss(logits, x, objective) / len(x)
    kl = kl_divergence(mu, logvar) / len(x)
    return Loss(reconstruction + objective.beta * kl, reconstruction, kl)


def train_step(model: VAE, optimizer: torch.optim.Optimizer, x: Images, eps: Latents, objective: Objective) -> Loss:
    """One step of the optimiser on a batch, in place; the loss before it. A loss that is not finite takes no step."""
    run = model(x, eps)
    parts = loss(run.logits, x, run.mu, run.logvar, objective)
    if torch.isfinite(parts.loss):
        optimizer.zero_grad()
        parts.loss.backward()
        optimizer.step()
    return parts


def sample(model: VAE, z: Latents) -> Images:
    """x_hat, the expected image E[x|z] in [0, 1], for latents drawn from the prior N(0, I) or chosen."""
    return torch.sigmoid(model.decoder(z))


def reconstruct(model: VAE, x: Images) -> Images:
    """x_hat from the mean of q(z|x): eps is zero, so the result is repeatable."""
    mu, _ = model.encoder(x)
    return sample(model, mu)
