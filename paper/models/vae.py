r"""The variational autoencoder of Kingma & Welling (2014), arXiv:1312.6114, over either network and any likelihood.

    q(z|x) = Normal(mu, exp(logvar))      p(z) = Normal(0, I)      p(x|z) = likelihood(decoder(z))

    -log p(x) <= -E_q[log p(x|z)] + KL(q(z|x) || p(z))             in nats per image

It extends the VAE of `paper/vae_paper.py` by a choice of network and likelihood, and by free bits. The other models of
this folder extend it in turn, each by its paper's change.
"""

from typing import Any

import torch
from torch import Tensor

from foundation.errors import InputError
from foundation.objective import Loss, Objective
from paper import vae_paper
from paper.models.base import Images, Latents, Model, Scalar, options_of
from paper.models.likelihoods import make_likelihood
from paper.models.networks import make_decoder, make_encoder
from paper.models.options import VAEOptions
from paper.training.distributed import mean_over_batch
from paper.vae_paper import Forward, reparameterize


class VAE(vae_paper.VAE, Model):
    """The VAE of the main file, with the network and the likelihood of its options.

    `VAE(latent_dim=20)` makes one from options by name, `VAE(options, image_shape, class_count)` from options whole.
    Its first values are torch's own, by `torch.manual_seed`.
    """

    options_type = VAEOptions

    def __init__(
        self,
        options: VAEOptions | None = None,
        image_shape: tuple[int, int, int] = (1, 28, 28),
        class_count: int = 0,
        **choices: Any,
    ) -> None:
        if choices.get("init", "torch") != "torch":
            raise InputError('init: expected "torch" here, whose values these are; paper.make draws the others')
        options = options or options_of(self.options_type, choices)
        super().__init__(make_encoder(options, image_shape), make_decoder(options, image_shape))
        self.options, self.image_shape, self.class_count = options, image_shape, class_count
        self.likelihood = make_likelihood(options.likelihood, options.sigma)

    def noise_shape(self, count: int) -> tuple[int, ...]:
        """One draw of eps (N, Z)."""
        return count, self.options.latent_dim

    def encode(self, x: Images, c: Tensor | None = None) -> tuple[Latents, Latents]:
        """mu and logvar of q(z|x)."""
        return self.encoder(x)

    def decode(self, z: Latents, c: Tensor | None = None) -> Images:
        """The outputs that `likelihood` turns into densities, an expected image, or draws; logits for a Bernoulli."""
        return self.decoder(z)

    def forward(self, x: Images, eps: Latents, c: Tensor | None = None) -> Forward:
        """x -> q(z|x) -> z -> p(x|z); eps of zeros gives z = mu."""
        mu, logvar = self.encode(x, c)
        z = reparameterize(mu, logvar, eps)
        return Forward(mu, logvar, z, self.decode(z, c))

    def loss(self, run: Forward, x: Images, objective: Objective) -> Loss:
        """The negative ELBO (eq. 7 with one draw of z); `objective` holds beta and free bits at this step."""
        reconstruction = -self.log_prob(run.logits, x).sum() / len(x)
        kl = kl_per_latent(run.mu, run.logvar)
        kl_term = objective.beta * free_bits(kl, objective.free_bits)
        return Loss(reconstruction + kl_term, reconstruction, kl.sum(1).mean())


def kl_per_latent(mu: Latents, logvar: Latents) -> Latents:
    """KL(Normal(mu, exp(logvar)) || Normal(0, 1)) of each image and latent, in nats (appendix B)."""
    return -0.5 * (1 + logvar - mu.square() - logvar.exp())


def free_bits(kl: Latents, least: float) -> Scalar:
    """sum_j max(lambda, KL_j), each latent's KL a mean over the batch (Kingma et al. 2016, arXiv:1606.04934).

    A latent below lambda has no gradient: the first lambda nats are free. The whole batch decides which those are, also
    where several processes share it.
    """
    mean = kl.mean(0)
    if least == 0:
        return mean.sum()
    return torch.where(mean_over_batch(kl) > least, mean, least).sum()
