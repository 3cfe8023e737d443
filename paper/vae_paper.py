r"""Rung 3: the same variational autoencoder as research code writes it, with nn.Module and torch.optim.

    encoder         x -> mu, logvar               q(z|x) = Normal(mu, exp(logvar))
    reparameterize  mu, logvar, eps -> z          z = mu + sigma * eps
    decoder         z -> logits                   p(x|z) = Bernoulli(sigmoid(logits))
    loss            reconstruction + beta * KL    the negative ELBO, nats per image

The definitions stand in the order of the other rungs' main files. Layers own their parameters, `state_dict()` gives
these their names, and each parameter's gradient is its `.grad`. Models of `paper/models` extend `VAE`.
Shapes in comments: N images of C channels, H x W; C1, C2 channels and `hidden` units inside; Z latents.
Source: Kingma & Welling (2014), Auto-Encoding Variational Bayes, arXiv:1312.6114.
"""

import math
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from foundation.architecture import Architecture, initial_parameters
from foundation.objective import Loss, Objective

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


def init(architecture: Architecture, rng: np.random.Generator, dtype: type = np.float32, device: str = "cpu") -> "VAE":
    """A model with fresh parameters, drawn as torch's layers draw theirs."""
    model = VAE(Encoder(architecture), Decoder(architecture))
    initial = initial_parameters(architecture, rng, dtype)
    model.load_state_dict({name: torch.from_numpy(value) for name, value in initial.items()}, assign=True)
    return model.to(device)


class Encoder(nn.Module):
    """Mean and log-variance of q(z|x) = Normal(mu, exp(logvar)), diagonal (appendix C.2)."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        image, (c1, c2), hidden = architecture.image_shape[0], architecture.channels, architecture.hidden_dim
        self.conv1 = nn.Conv2d(image, c1, kernel_size=3, **DOWN)
        self.conv2 = nn.Conv2d(c1, c2, kernel_size=3, **DOWN)
        self.fc = nn.Linear(math.prod(architecture.feature_shape), hidden)
        self.mu = nn.Linear(hidden, architecture.latent_dim)
        self.logvar = nn.Linear(hidden, architecture.latent_dim)

    def forward(self, x: Images) -> tuple[Latents, Latents]:
        # fmt: off
        h1 = F.relu(self.conv1(x))           # N C1 H/2 W/2
        h2 = F.relu(self.conv2(h1))          # N C2 H/4 W/4
        h3 = F.relu(self.fc(h2.flatten(1)))  # N hidden
        mu = self.mu(h3)                     # N Z
        logvar = self.logvar(h3)             # N Z
        # fmt: on
        return mu, logvar


def reparameterize(mu: Latents, logvar: Latents, eps: Latents) -> Latents:
    """z = mu + sigma * eps with sigma = exp(logvar / 2): a draw from q(z|x) if eps is one from N(0, I) (eq. 4)."""
    return mu + torch.exp(logvar / 2) * eps


class Decoder(nn.Module):
    """Logits of p(x|z); x_hat = sigmoid(logits) is the expected image (appendix C.1)."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        image, (c1, c2), hidden = architecture.image_shape[0], architecture.channels, architecture.hidden_dim
        self.feature_shape = architecture.feature_shape
        self.fc1 = nn.Linear(architecture.latent_dim, hidden)
        self.fc2 = nn.Linear(hidden, math.prod(architecture.feature_shape))
        self.conv_transpose1 = nn.ConvTranspose2d(c2, c1, kernel_size=3, **UP)
        self.conv_transpose2 = nn.ConvTranspose2d(c1, image, kernel_size=3, **UP)

    def forward(self, z: Latents) -> Images:
        # fmt: off
        h4 = F.relu(self.fc1(z))                  # N hidden
        h5 = F.relu(self.fc2(h4))                 # N C2*H/4*W/4
        h5 = h5.unflatten(1, self.feature_shape)  # N C2 H/4 W/4
        h6 = F.relu(self.conv_transpose1(h5))     # N C1 H/2 W/2
        logits = self.conv_transpose2(h6)         # N C H W
        # fmt: on
        return logits


class VAE(nn.Module):
    """A VAE of any encoder x -> (mu, logvar) and decoder z -> logits; the noise eps is an argument."""

    def __init__(self, encoder: nn.Module, decoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder

    def encode(self, x: Images) -> tuple[Latents, Latents]:
        """Mean and log-variance of q(z|x)."""
        return self.encoder(x)

    def decode(self, z: Latents) -> Images:
        """Logits of p(x|z); x_hat = sigmoid(logits)."""
        return self.decoder(z)

    def forward(self, x: Images, eps: Latents) -> Forward:
        """x -> q(z|x) -> z -> p(x|z)."""
        mu, logvar = self.encode(x)
        z = reparameterize(mu, logvar, eps)
        logits = self.decode(z)
        return Forward(mu, logvar, z, logits)


def kl_divergence(mu: Latents, logvar: Latents) -> Float[Tensor, ""]:
    """KL(Normal(mu, exp(logvar)) || Normal(0, 1)) = -1/2 sum(1 + logvar - mu^2 - exp(logvar)) in nats (appendix B)."""
    return -torch.sum(1 + logvar - mu**2 - torch.exp(logvar)) / 2


def reconstruction_loss(logits: Images, x: Images, objective: Objective) -> Float[Tensor, ""]:
    """-log p(x|z), summed over pixels and batch, in nats."""
    if objective.likelihood == "gaussian":
        mean, variance = torch.sigmoid(logits), objective.sigma**2
        return F.gaussian_nll_loss(mean, x, torch.full_like(x, variance), full=True, reduction="sum")
    return F.binary_cross_entropy_with_logits(logits, x, reduction="sum")


def loss(logits: Images, x: Images, mu: Latents, logvar: Latents, objective: Objective) -> Loss:
    """The negative ELBO (eq. 7 with one draw of z) in its parts, nats per image; beta multiplies the KL alone."""
    reconstruction = reconstruction_loss(logits, x, objective) / len(x)
    kl = kl_divergence(mu, logvar) / len(x)
    return Loss(reconstruction + objective.beta * kl, reconstruction, kl)


def backward(model: VAE, parts: Loss) -> None:
    """The gradient of the loss for every parameter, by autograd, into its `.grad`; older gradients are dropped."""
    model.zero_grad()
    parts.loss.backward()


def train_step(model: VAE, optimizer: torch.optim.Optimizer, x: Images, eps: Latents, objective: Objective) -> Loss:
    """One step of the optimiser on a batch, in place; the loss before it. A loss that is not finite takes no step."""
    run = model(x, eps)
    parts = loss(run.logits, x, run.mu, run.logvar, objective)
    if torch.isfinite(parts.loss):
        backward(model, parts)
        optimizer.step()
    return parts


def sample(model: VAE, z: Latents) -> Images:
    """x_hat, the expected image E[x|z] in [0, 1], for latents drawn from the prior N(0, I) or chosen."""
    logits = model.decode(z)
    return torch.sigmoid(logits)


def reconstruct(model: VAE, x: Images) -> Images:
    """x_hat from the mean of q(z|x): eps is zero, so the result is repeatable."""
    mu, _ = model.encode(x)
    return sample(model, mu)
