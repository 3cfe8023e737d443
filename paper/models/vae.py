r"""The variational autoencoder of Kingma & Welling (2014), arXiv:1312.6114, over either network and any likelihood.

    q(z|x) = Normal(mu, exp(logvar))      p(z) = Normal(0, I)      p(x|z) = likelihood(decoder(z))

    -log p(x) <= -E_q[log p(x|z)] + KL(q(z|x) || p(z))             in nats per image

`paper/vae_paper.py` is the same model with nothing left to choose. Every other model of this folder is told here by
what it changes: all have these methods, so that one program trains, evaluates and draws them.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from paper.models.likelihoods import Values, make_likelihood
from paper.models.networks import Images, Latents, make_decoder, make_encoder
from paper.options import VAEOptions
from paper.schedules import Weights, free_bits
from paper.vae_paper import reparameterize

Scalar = Float[Tensor, ""]


class Forward(NamedTuple):
    """What one forward pass computed."""

    mu: Latents
    logvar: Latents
    z: Latents
    outputs: Images


class Loss(NamedTuple):
    """What is minimised and its parts, in nats per image, mean over the batch."""

    loss: Scalar
    reconstruction: Scalar
    kl: Scalar


def kl_per_latent(mu: Latents, logvar: Latents) -> Latents:
    """KL(Normal(mu, exp(logvar)) || Normal(0, 1)) of each image and latent, in nats (appendix B)."""
    return -0.5 * (1 + logvar - mu.square() - logvar.exp())


class VAE(nn.Module):
    """Encoder, decoder and likelihood; noise and conditions come from whoever calls."""

    beta = 1.0
    """Weight of the KL term once every schedule has ended."""

    def __init__(self, options: VAEOptions, image_shape: tuple[int, int, int], class_count: int) -> None:
        super().__init__()
        self.options, self.image_shape, self.class_count = options, image_shape, class_count
        self.encoder = make_encoder(options, image_shape)
        self.decoder = make_decoder(options, image_shape)
        self.likelihood = make_likelihood(options.likelihood, options.sigma)

    def noise_shape(self, count: int) -> tuple[int, ...]:
        """Shape of eps for `count` images; images come first."""
        return count, self.options.latent_dim

    def condition(self, x: Images, labels: Tensor) -> Tensor | None:
        """What of an image, or of its label, the model is given beside its input: here nothing."""
        return None

    def encode(self, x: Images, c: Tensor | None = None) -> tuple[Latents, Latents]:
        """mu and logvar of q(z|x)."""
        return self.encoder(x)

    def decode(self, z: Latents, c: Tensor | None = None) -> Images:
        """The outputs that `likelihood` turns into densities, an expected image, or draws."""
        return self.decoder(z)

    def forward(self, x: Images, eps: Latents, c: Tensor | None = None) -> Forward:
        """x -> q(z|x) -> z -> p(x|z); eps of zeros gives z = mu."""
        mu, logvar = self.encode(x, c)
        z = reparameterize(mu, logvar, eps)
        return Forward(mu, logvar, z, self.decode(z, c))

    def log_prob(self, outputs: Images, x: Images) -> Values:
        """log p(x|z) of each image in nats, over the pixels that are modelled."""
        return self.likelihood.log_prob(outputs, x)

    def loss(self, run: Forward, x: Images, weights: Weights) -> Loss:
        """The negative ELBO (eq. 7 with one draw of z); `weights` hold beta and free bits at this step."""
        reconstruction = -self.log_prob(run.outputs, x).mean()
        kl = kl_per_latent(run.mu, run.logvar)
        kl_term = weights.beta * free_bits(kl, weights.free_bits)
        return Loss(reconstruction + kl_term, reconstruction, kl.sum(1).mean())

    def after_step(self, run: tuple) -> None:
        """What is learned without gradients, after each training step: here nothing."""

    def reconstruct(self, x: Images, c: Tensor | None = None) -> Images:
        """x_hat in [0, 1] from the mean of q(z|x)."""
        return self.likelihood.mean(self.decode(self.encode(x, c)[0], c))

    def sample(self, z: Latents, c: Tensor | None = None) -> Images:
        """x_hat in [0, 1] for latents from the prior N(0, I) or chosen."""
        return self.likelihood.mean(self.decode(z, c))


def initialise(model: nn.Module, seed: int) -> None:
    """Draw every layer's first values anew from the seed, as torch's layers draw theirs, whatever the device."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for module in model.modules():
            if hasattr(module, "reset_parameters"):
                module.reset_parameters()
