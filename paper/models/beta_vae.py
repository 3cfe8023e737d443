r"""The beta-VAE (Higgins et al. 2017), and its capacity-controlled form (Burgess et al. 2018, arXiv:1804.03599).

    beta-VAE      -E_q[log p(x|z)] + beta KL(q(z|x) || p(z))
    capacity      -E_q[log p(x|z)] + gamma |KL(q(z|x) || p(z)) - C|        C grows from 0 during training

Against `paper/models/vae.py` one number changes: with beta > 1 the latents may carry less about x, and are pressed to
carry it in independent parts. The second form says how much they may carry, in nats.
"""

import torch

from paper.distributed import mean_over_batch
from paper.models.networks import Images
from paper.models.vae import VAE, Forward, Loss, kl_per_latent
from paper.options import BetaVAEOptions
from paper.schedules import Weights, linear


class BetaVAE(VAE):
    """The VAE with its KL weighed by beta, or held at C."""

    def __init__(self, options: BetaVAEOptions, image_shape: tuple[int, int, int], class_count: int) -> None:
        super().__init__(options, image_shape, class_count)
        self.beta = options.beta

    def capacity(self, progress: float) -> float:
        """C in nats when `progress` of the training is done: a straight line from 0 up, then level."""
        return self.options.capacity * linear(progress, self.options.capacity_growth)

    def loss(self, run: Forward, x: Images, weights: Weights) -> Loss:
        """The VAE's loss; with a capacity, gamma |KL - C| takes the place of beta KL."""
        parts = super().loss(run, x, weights)
        if self.options.capacity is None:
            return parts
        C = self.capacity(weights.progress)
        # C binds the mean over images, not each of them, so that the whole batch decides on which side of C it is.
        side = torch.sign(mean_over_batch(kl_per_latent(run.mu, run.logvar)).sum() - C)
        return parts._replace(loss=parts.reconstruction + self.options.gamma * side * (parts.kl - C))
