"""The autoencoder: the VAE without noise and without a KL term.

The network is that of `paper/models/vae.py`, so that a comparison of the two compares their objectives. Here z = mu,
and the loss is -log p(x|z) alone. Nothing says where z should lie, so there is no prior to draw from.
"""

from typing import Any, NamedTuple

from jaxtyping import Float
from torch import Tensor

from foundation.objective import Objective
from foundation.rung import Traits
from paper.models.base import Images, Latents, Scalar, options_of
from paper.models.options import AutoencoderOptions
from paper.models.vae import VAE


class Forward(NamedTuple):
    """The results of one forward pass."""

    z: Latents
    logits: Images


class Loss(NamedTuple):
    """The loss in nats per image, mean over the batch: the reconstruction alone."""

    loss: Scalar
    reconstruction: Scalar


class Autoencoder(VAE):
    """Encoder and decoder of the VAE; the encoder's head for the log-variance is not used."""

    traits = Traits(posterior=False, prior=False)
    options_type = AutoencoderOptions

    def __init__(
        self,
        options: AutoencoderOptions | None = None,
        image_shape: tuple[int, int, int] = (1, 28, 28),
        class_count: int = 0,
        **choices: Any,
    ) -> None:
        options = options or options_of(self.options_type, choices)
        super().__init__(options, image_shape, class_count)
        # No gradient reaches it, and DistributedDataParallel would wait for one.
        self.encoder.logvar.requires_grad_(False)

    def noise_shape(self, count: int) -> tuple[int, ...]:
        """No noise."""
        return count, 0

    def encode(self, x: Images, c: Tensor | None = None) -> tuple[Latents, None]:  # type: ignore[override]
        """z; there is no variance."""
        return self.encoder(x)[0], None

    def forward(self, x: Images, eps: Float[Tensor, "N 0"], c: Tensor | None = None) -> Forward:  # type: ignore[override]
        """x -> z -> p(x|z)."""
        z, _ = self.encode(x)
        return Forward(z, self.decode(z))

    def loss(self, run: Forward, x: Images, objective: Objective) -> Loss:  # type: ignore[override]
        """-log p(x|z)."""
        reconstruction = -self.log_prob(run.logits, x).mean()
        return Loss(reconstruction, reconstruction)
