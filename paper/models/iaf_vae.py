r"""A posterior that is no diagonal Gaussian: inverse autoregressive flow (Kingma et al. 2016), arXiv:1606.04934.

    z_0 = mu + sigma * eps                                         as in the VAE
    m_t, s_t = MADE_t(z_{t-1}, h)                                  the j-th outputs see z_1 .. z_{j-1} only
    z_t = sigmoid(s_t) * z_{t-1} + (1 - sigmoid(s_t)) * m_t        algorithm 1
    log q(z_T|x) = log q(z_0|x) - sum_t sum_j log sigmoid(s_t,j)   eq. 5: the Jacobian is triangular

Against `paper/models/vae.py` latents of one image may depend on one another and need not be Gaussian, so that q(z|x)
comes nearer to p(z|x) and the bound to log p(x). The context h is mu and logvar, where the paper has one more output
of the encoder.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from paper.models.base import Latents, Values, options_of
from paper.models.drawn_kl import DrawnKLVAE
from paper.models.normal import log_normal_of_noise, log_standard_normal
from paper.models.options import IAFOptions
from paper.vae_paper import reparameterize

FORGET = 2.0
"""sigmoid(2) = 0.88: a new flow keeps most of z. The paper advises 1 or 2, as for the forget gate of an LSTM."""


class MaskedLinear(nn.Linear):
    """A linear layer with some weights held at 0."""

    mask: Tensor

    def __init__(self, mask: Tensor) -> None:
        super().__init__(mask.shape[1], mask.shape[0])
        self.register_buffer("mask", mask, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight * self.mask, self.bias)


class MADE(nn.Module):
    """Masked autoencoder (Germain et al. 2015, arXiv:1502.03509): output j sees the inputs before j, and all of h.

    A hidden unit has a degree from 0 to Z - 1: it sees the inputs below its degree, and output j sees the units whose
    degree is at most j.
    """

    def __init__(self, latent_dim: int, hidden_dim: int) -> None:
        super().__init__()
        place, degree = torch.arange(latent_dim), torch.arange(hidden_dim) * latent_dim // hidden_dim
        sees_inputs = (place[None, :] < degree[:, None]).float()
        sees_hidden = (degree[None, :] <= place[:, None]).float()
        self.inputs = MaskedLinear(sees_inputs)
        self.context = nn.Linear(2 * latent_dim, hidden_dim, bias=False)
        self.m = MaskedLinear(sees_hidden)
        self.s = MaskedLinear(sees_hidden)

    def forward(self, z: Latents, h: Tensor) -> tuple[Latents, Latents]:
        """m and s, each (N, Z)."""
        hidden = F.elu(self.inputs(z) + self.context(h))
        return self.m(hidden), self.s(hidden)


class IAFVAE(DrawnKLVAE):
    """The VAE with its q(z|x) transformed by a flow."""

    options_type = IAFOptions

    def __init__(
        self,
        options: IAFOptions | None = None,
        image_shape: tuple[int, int, int] = (1, 28, 28),
        class_count: int = 0,
        **choices: Any,
    ) -> None:
        options = options or options_of(self.options_type, choices)
        super().__init__(options, image_shape, class_count)
        self.flow = nn.ModuleList(MADE(options.latent_dim, options.flow_hidden_dim) for _ in range(options.flow_steps))

    def code(self, mu: Latents, logvar: Any) -> Latents:
        """Where the flow takes mu."""
        return self.draw_z(mu, logvar, torch.zeros_like(mu))[0]

    def draw_z(self, mu: Latents, logvar: Latents, eps: Latents, c: Tensor | None = None) -> tuple[Latents, Values]:
        """z from q(z|x), and log p(z) - log q(z|x).

        After each step the latents are in reverse order, so that every one of them is the last in turn. FORGET is added
        to s, so that the flow begins near the identity.
        """
        z, h = reparameterize(mu, logvar, eps), torch.cat([mu, logvar], dim=1)
        log_q = log_normal_of_noise(eps, logvar).sum(1)
        for step in self.flow:
            m, s = step(z, h)
            gate = torch.sigmoid(s + FORGET)
            z = (gate * z + (1 - gate) * m).flip(1)
            log_q = log_q - F.logsigmoid(s + FORGET).sum(1)
        return z, log_standard_normal(z).sum(1) - log_q
