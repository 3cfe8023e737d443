r"""Two layers of latents (Rezende et al. 2014, arXiv:1401.4082; Burda et al. 2016, section 5).

    p(x, z1, z2) = p(z2) p(z1|z2) p(x|z1)             p(z2) = N(0, I)
    q(z1, z2|x)  = q(z1|x) q(z2|z1)                   every conditional a diagonal Gaussian, computed by a network

Against `paper/models/vae.py` the prior of z1 is no longer N(0, I): it is learned, as what z2 makes of it. Trained like
this z2 often stays unused, which is what ladder VAEs are for (Sønderby et al. 2016, arXiv:1602.02282).
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from foundation.rung import Traits
from paper.models.base import Images, Latents, Values, options_of
from paper.models.drawn_kl import DrawnKLVAE
from paper.models.normal import log_normal, log_normal_of_noise, log_standard_normal
from paper.models.options import HierarchicalOptions
from paper.vae_paper import reparameterize


class Conditional(nn.Module):
    """A diagonal Gaussian that depends on a vector: two hidden layers of tanh, as in Burda et al."""

    def __init__(self, given_dim: int, hidden_dim: int, latent_dim: int) -> None:
        super().__init__()
        self.hidden1 = nn.Linear(given_dim, hidden_dim)
        self.hidden2 = nn.Linear(hidden_dim, hidden_dim)
        self.mu = nn.Linear(hidden_dim, latent_dim)
        self.logvar = nn.Linear(hidden_dim, latent_dim)

    def forward(self, given: Float[Tensor, "N given"]) -> tuple[Latents, Latents]:
        """mu and logvar."""
        h = torch.tanh(self.hidden2(torch.tanh(self.hidden1(given))))
        return self.mu(h), self.logvar(h)


class HierarchicalVAE(DrawnKLVAE):
    """The VAE with z2 above z1. Its latents are z1 and z2 in one vector, z1 first; x is decoded from z1 alone."""

    traits = Traits(closed_kl=False, learned_prior=True)

    options_type = HierarchicalOptions

    def __init__(
        self,
        options: HierarchicalOptions | None = None,
        image_shape: tuple[int, int, int] = (1, 28, 28),
        class_count: int = 0,
        **choices: Any,
    ) -> None:
        options = options or options_of(self.options_type, choices)
        super().__init__(options, image_shape, class_count)
        below, above, hidden = options.latent_dim, options.top_dim, options.top_hidden_dim
        self.encoder_top = Conditional(below, hidden, above)
        self.decoder_top = Conditional(above, hidden, below)

    def noise_shape(self, count: int) -> tuple[int, ...]:
        """Noise for z1 and z2."""
        return count, self.options.latent_dim + self.options.top_dim

    def encode(self, x: Images, c: Tensor | None = None) -> tuple[Latents, Latents]:
        """mu and logvar of q(z1|x), and behind them those of q(z2|z1) where z1 is at its mean."""
        mu, logvar = self.encoder(x)
        mu_top, logvar_top = self.encoder_top(mu)
        return torch.cat([mu, mu_top], dim=1), torch.cat([logvar, logvar_top], dim=1)

    def decode(self, z: Latents, c: Tensor | None = None) -> Images:
        """The logits of p(x|z1)."""
        return self.decoder(z[:, : self.options.latent_dim])

    def draw_z(self, mu: Latents, logvar: Latents, eps: Latents, c: Tensor | None = None) -> tuple[Latents, Values]:
        """z1 from q(z1|x), then z2 from q(z2|z1), and log p(z1, z2) - log q(z1, z2|x)."""
        Z = self.options.latent_dim
        z1 = reparameterize(mu[:, :Z], logvar[:, :Z], eps[:, :Z])
        mu2, logvar2 = self.encoder_top(z1)
        z2 = reparameterize(mu2, logvar2, eps[:, Z:])
        log_q = log_normal_of_noise(eps, torch.cat([logvar[:, :Z], logvar2], dim=1)).sum(1)
        log_p = log_standard_normal(z2).sum(1) + log_normal(z1, *self.decoder_top(z2)).sum(1)
        return torch.cat([z1, z2], dim=1), log_p - log_q

    def prior(self, eps: Latents, c: Tensor | None = None) -> Latents:
        """z2 from N(0, I), then z1 from p(z1|z2)."""
        Z = self.options.latent_dim
        z2 = eps[:, Z:]
        mu, logvar = self.decoder_top(z2)
        return torch.cat([reparameterize(mu, logvar, eps[:, :Z]), z2], dim=1)
