r"""The beta-VAE (Higgins et al. 2017), and its capacity-controlled form (Burgess et al. 2018, arXiv:1804.03599).

    beta-VAE      -E_q[log p(x|z)] + beta KL(q(z|x) || p(z))
    capacity      -E_q[log p(x|z)] + gamma |KL(q(z|x) || p(z)) - C|        C grows from 0 during training

Against `paper/models/vae.py` one number changes: with beta > 1 the latents may carry less about x, and are pressed to
carry it in independent parts. The second form says how much they may carry, in nats.
"""

import torch

from foundation.objective import Loss, Objective
from paper.models.base import Images
from paper.models.options import BetaVAEOptions
from paper.models.vae import VAE, kl_per_latent
from paper.training.distributed import mean_over_batch
from paper.vae_paper import Forward


class BetaVAE(VAE):
    """The VAE with its KL weighed by beta, or held at C."""

    options_type = BetaVAEOptions

    def loss(self, run: Forward, x: Images, objective: Objective) -> Loss:
        """The VAE's loss; with a capacity, gamma |KL - C| takes the place of beta KL."""
        parts = super().loss(run, x, objective)
        C = objective.capacity
        if C is None:
            return parts
        # C binds the mean over images, not each of them, so that the whole batch decides on which side of C it is.
        side = torch.sign(mean_over_batch(kl_per_latent(run.mu, run.logvar)).sum() - C)
        return parts._replace(loss=parts.reconstruction + objective.gamma * side * (parts.kl - C))
