r"""Learned priors: the VampPrior of Tomczak & Welling (2018), arXiv:1705.07120, and a mixture of Gaussians.

    VampPrior   p(z) = 1/K sum_k q(z|u_k)                      u_1 .. u_K images that are learned (eq. 9)
    mixture     p(z) = 1/K sum_k Normal(z; mu_k, exp(logvar_k))

Against `paper/models/vae.py` the prior moves to where the codes are, and no longer q(z|x) to N(0, I) alone. The best
prior of all is the mean of q(z|x) over the data, but that has a component for each image, and overfits; the VampPrior
takes K images of its own, and shares the encoder.
"""

import math
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from foundation.rung import Traits
from paper.models.base import Latents, Values, options_of
from paper.models.drawn_kl import DrawnKLVAE
from paper.models.normal import log_normal, log_normal_of_noise
from paper.models.options import VampPriorOptions
from paper.vae_paper import reparameterize

Components = Float[Tensor, "K Z"]


class PseudoInputs(nn.Module):
    """K learned images u = sigmoid(logits); the paper clips, and a clipped pixel has no gradient."""

    def __init__(self, count: int, image_shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(count, *image_shape))

    def draw_parameters(self, rng: np.random.Generator) -> None:
        """Dark images, as those of most data sets are, each different."""
        self.logits.copy_(torch.from_numpy(rng.normal(-2, 1, tuple(self.logits.shape))))

    def forward(self) -> Float[Tensor, "K C H W"]:
        return torch.sigmoid(self.logits)


class Mixture(nn.Module):
    """Means and log-variances of K Gaussians."""

    def __init__(self, count: int, latent_dim: int) -> None:
        super().__init__()
        self.mu = nn.Parameter(torch.zeros(count, latent_dim))
        self.logvar = nn.Parameter(torch.zeros(count, latent_dim))

    def draw_parameters(self, rng: np.random.Generator) -> None:
        """Means from N(0, I), so that the components differ; variances 1."""
        self.mu.copy_(torch.from_numpy(rng.standard_normal(tuple(self.mu.shape))))
        self.logvar.zero_()

    def forward(self) -> tuple[Components, Components]:
        return self.mu, self.logvar


class VampPriorVAE(DrawnKLVAE):
    """The VAE with a prior of K components, all equally likely."""

    traits = Traits(closed_kl=False, learned_prior=True)

    options_type = VampPriorOptions

    def __init__(
        self,
        options: VampPriorOptions | None = None,
        image_shape: tuple[int, int, int] = (1, 28, 28),
        class_count: int = 0,
        **choices: Any,
    ) -> None:
        options = options or options_of(self.options_type, choices)
        super().__init__(options, image_shape, class_count)
        if options.components_are == "pseudo-inputs":
            self.pseudo_inputs = PseudoInputs(options.components, image_shape)
        else:
            self.mixture = Mixture(options.components, options.latent_dim)

    def components(self) -> tuple[Components, Components]:
        """mu and logvar of the prior's components."""
        if self.options.components_are == "mixture":
            return self.mixture()
        return self.encode(self.pseudo_inputs())

    def draw_z(self, mu: Latents, logvar: Latents, eps: Latents, c: Tensor | None = None) -> tuple[Latents, Values]:
        """z from q(z|x), and log p(z) - log q(z|x)."""
        z = reparameterize(mu, logvar, eps)
        mu_k, logvar_k = self.components()
        log_p_k = log_normal(z[:, None], mu_k, logvar_k).sum(2)
        log_p = torch.logsumexp(log_p_k, dim=1) - math.log(len(mu_k))
        return z, log_p - log_normal_of_noise(eps, logvar).sum(1)

    def prior(self, eps: Latents, c: Tensor | None = None) -> Latents:
        """z from the mixture. The first number of eps chooses the component as well.

        Its quantile u is uniform in [0, 1): the component is floor(u K), and what is left of u K is again uniform, the
        quantile of a number from N(0, 1) that is independent of the component.
        """
        mu, logvar = self.components()
        K = len(mu)
        place = torch.special.ndtr(eps[:, 0].double()) * K
        k = place.floor().clamp(max=K - 1)
        rest = torch.special.ndtri((place - k).clamp(1e-12, 1 - 1e-12)).to(eps.dtype)
        noise = torch.cat([rest[:, None], eps[:, 1:]], dim=1)
        return reparameterize(mu[k.long()], logvar[k.long()], noise)
