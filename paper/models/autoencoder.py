"""The autoencoder: what is left of the VAE without noise and without a KL term.

The network is that of `paper/models/vae.py`, so that a comparison of the two compares what they minimise. Here z = mu,
and the loss is -log p(x|z) alone. Nothing says where z should lie, so there is no prior to draw from.
"""

from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor

from paper.models.networks import Images, Latents
from paper.models.vae import VAE, Scalar
from paper.options import AutoencoderOptions
from paper.schedules import Weights


class Forward(NamedTuple):
    """What one forward pass computed."""

    z: Latents
    outputs: Images


class Loss(NamedTuple):
    """What is minimised, in nats per image, mean over the batch: the reconstruction and nothing else."""

    loss: Scalar
    reconstruction: Scalar


class Autoencoder(VAE):
    """Encoder and decoder of the VAE; the head for the log-variance stands idle."""

    beta = 0.0

    def __init__(self, options: AutoencoderOptions, image_shape: tuple[int, int, int], class_count: int) -> None:
        super().__init__(options, image_shape, class_count)
        self.encoder.logvar.requires_grad_(
            False
        )  # no gradient reaches it, and DistributedDataParallel would wait for one

    def noise_shape(self, count: int) -> tuple[int, ...]:
        """No noise."""
        return count, 0

    def encode(self, x: Images, c: Tensor | None = None) -> tuple[Latents, None]:
        """z; there is no variance."""
        return self.encoder(x)[0], None

    def forward(self, x: Images, eps: Float[Tensor, "N 0"], c: Tensor | None = None) -> Forward:
        """x -> z -> p(x|z)."""
        z, _ = self.encode(x)
        return Forward(z, self.decode(z))

    def loss(self, run: Forward, x: Images, weights: Weights) -> Loss:
        """-log p(x|z)."""
        reconstruction = -self.log_prob(run.outputs, x).mean()
        return Loss(reconstruction, reconstruction)
