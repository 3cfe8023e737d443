r"""The FactorVAE of Kim & Mnih (2018), arXiv:1802.05983: the total correlation, judged by a classifier.

    loss = -E_q[log p(x|z)] + KL(q(z|x) || p(z)) + gamma TC            TC = KL(q(z) || prod_j q(z_j))        (eq. 2)
    TC ~ E_q[log D(z) - log(1 - D(z))]                                                                       (eq. 3)

D(z) is the probability that z came from q(z) and not from prod_j q(z_j), of which the batch gives draws: every latent
of z permuted over the images for itself. Against `paper/models/beta_tcvae.py` the same quantity is weighed, but it
is measured by a network that is trained beside the VAE, and not from the densities of a batch.

The paper draws a second batch for D and trains D by an Adam of its own; here both learn from the same batch and by the
same optimiser, each from its own loss alone.
"""

import itertools
from typing import Any, NamedTuple

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import functional_call

from foundation.objective import Objective
from paper import vae_paper
from paper.models.base import Images, Latents, Scalar, options_of
from paper.models.options import FactorVAEOptions
from paper.models.vae import VAE
from paper.vae_paper import reparameterize

SLOPE = 0.2
"""Of the discriminator's leaky ReLU, for negative numbers."""


class Forward(NamedTuple):
    """The results of one forward pass."""

    mu: Latents
    logvar: Latents
    z: Latents
    logits: Images
    log_odds: Float[Tensor, " N"]
    """log D(z) - log(1 - D(z)); gradients reach z, and not D"""
    joint: Float[Tensor, " N"]
    """the same; gradients reach D, and not z"""
    permuted: Float[Tensor, " N"]
    """the same of latents that were permuted over the images"""


class Loss(NamedTuple):
    """The objective and its parts, in nats per image; the discriminator's loss is no part of `loss`."""

    loss: Scalar
    reconstruction: Scalar
    kl: Scalar
    tc: Scalar
    """The total correlation, as the discriminator estimates it"""
    discriminator: Scalar
    """Its cross-entropy in nats: log 2 where it cannot tell the two apart"""


class FactorVAE(VAE):
    """The VAE with a discriminator that measures the total correlation of its latents."""

    options_type = FactorVAEOptions

    def __init__(
        self,
        options: FactorVAEOptions | None = None,
        image_shape: tuple[int, int, int] = (1, 28, 28),
        class_count: int = 0,
        **choices: Any,
    ) -> None:
        options = options or options_of(self.options_type, choices)
        super().__init__(options, image_shape, class_count)
        widths = [options.latent_dim, *options.discriminator_dims]
        hidden = [(nn.Linear(*pair), nn.LeakyReLU(SLOPE)) for pair in itertools.pairwise(widths)]
        self.discriminator = nn.Sequential(*(layer for pair in hidden for layer in pair), nn.Linear(widths[-1], 1))

    def noise_shape(self, count: int) -> tuple[int, ...]:
        """Noise of z, and numbers whose order permutes each latent: (N, 2, Z)."""
        return count, 2, self.options.latent_dim

    def forward(  # type: ignore[override]  # with what the discriminator says
        self, x: Images, eps: Float[Tensor, "N 2 Z"], c: Tensor | None = None
    ) -> Forward:
        """x -> q(z|x) -> z -> p(x|z), and z -> D(z)."""
        mu, logvar = self.encode(x, c)
        z = reparameterize(mu, logvar, eps[:, 0])
        shuffled = z.detach().gather(0, eps[:, 1].argsort(dim=0))
        fixed = {name: value.detach() for name, value in self.discriminator.named_parameters()}
        log_odds = functional_call(self.discriminator, fixed, (z,))[:, 0]
        joint, permuted = self.discriminator(z.detach())[:, 0], self.discriminator(shuffled)[:, 0]
        return Forward(mu, logvar, z, self.decode(z), log_odds, joint, permuted)

    def loss(self, run: Forward, x: Images, objective: Objective) -> Loss:  # type: ignore[override]  # of its own Forward
        """The VAE's loss and gamma TC; the discriminator's loss adds its gradient and not its value."""
        parts = super().loss(vae_paper.Forward(run.mu, run.logvar, run.z, run.logits), x, objective)
        tc = run.log_odds.mean()
        discriminator = (F.softplus(-run.joint) + F.softplus(run.permuted)).mean() / 2
        learned = discriminator - discriminator.detach()
        loss = parts.loss + objective.beta * self.options.gamma * tc + learned
        return Loss(loss, parts.reconstruction, parts.kl, tc, discriminator)
