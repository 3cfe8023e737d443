r"""VAEs whose KL is estimated from the same draw of z as the reconstruction, since it has no closed form.

    KL(q(z|x) || p(z)) = E_q[log q(z|x) - log p(z)]

Against `paper/models/vae.py` the prior or q(z|x) is richer than a diagonal Gaussian. A model says in `draw_z` how z is
drawn and how likely it is. The estimate is unbiased, may be negative for a small batch, and is not split over latents.
"""

from typing import NamedTuple

from torch import Tensor

from foundation.objective import Loss, Objective
from foundation.rung import Traits
from paper.models.base import Images, Latents, Values
from paper.models.vae import VAE


class Forward(NamedTuple):
    """The results of one forward pass."""

    mu: Latents
    logvar: Latents
    z: Latents
    logits: Images
    log_ratio: Values
    """log p(z) - log q(z|x) of each z, in nats"""


class DrawnKLVAE(VAE):
    """The VAE with its KL estimated from one z per image."""

    traits = Traits(closed_kl=False)

    def forward(  # type: ignore[override]  # with the log-ratio beside it
        self, x: Images, eps: Latents, c: Tensor | None = None
    ) -> Forward:
        """x -> q(z|x) -> z -> p(x|z), and log p(z) - log q(z|x)."""
        mu, logvar = self.encode(x, c)
        z, log_ratio = self.draw_z(mu, logvar, eps, c)
        return Forward(mu, logvar, z, self.decode(z, c), log_ratio)

    def loss(self, run: Forward, x: Images, objective: Objective) -> Loss:  # type: ignore[override]  # of its own Forward
        """The negative ELBO, its KL estimated from the same draw of z."""
        reconstruction = -self.log_prob(run.logits, x).sum() / len(x)
        kl = -run.log_ratio.mean()
        return Loss(reconstruction + objective.beta * kl, reconstruction, kl)
