r"""The importance-weighted autoencoder of Burda, Grosse & Salakhutdinov (2016), arXiv:1509.00519.

    log p(x) >= L_K = E[log 1/K sum_k w_k],   w_k = p(x, z_k) / q(z_k|x),   z_1 .. z_K drawn from q(z|x)

Against `paper/models/vae.py` the network is the same and the bound is tighter: L_1 is the ELBO, more draws bring L_K
up to log p(x), and q(z|x) is no longer asked to explain x at every draw. The same bound has three gradients for the
encoder, `--gradient`: the plain one, whose signal drowns in its noise as K grows (Rainforth et al. 2018), and two that
leave out the score of q(z|x).
"""

import math
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from foundation.errors import InputError
from foundation.objective import Loss, Objective
from paper.models.base import Images, Latents
from paper.models.options import IWAEOptions
from paper.models.vae import VAE, kl_per_latent

NEGLIGIBLE = 50.0
"""Nats below the best draw from which a draw's weight, 2e-22 of the best, counts as nothing."""
Draws = Float[Tensor, "N K Z"]


class Forward(NamedTuple):
    """The results of one forward pass, with K draws of z for each image."""

    mu: Latents
    logvar: Latents
    eps: Draws
    z: Draws
    logits: Float[Tensor, "N K C H W"]


class IWAE(VAE):
    """The VAE, trained on K draws of z for each image at once."""

    options_type = IWAEOptions

    def noise_shape(self, count: int) -> tuple[int, ...]:
        """K draws of eps for each image."""
        return count, self.options.draws, self.options.latent_dim

    def forward(  # type: ignore[override]  # K draws of z, where the VAE has one
        self, x: Images, eps: Draws, c: Tensor | None = None
    ) -> Forward:
        """x -> q(z|x) -> z_1 .. z_K -> p(x|z_1) .. p(x|z_K)."""
        mu, logvar = self.encode(x)
        z = mu[:, None] + torch.exp(logvar / 2)[:, None] * eps
        logits = self.decode(z.flatten(0, 1)).unflatten(0, z.shape[:2])
        return Forward(mu, logvar, eps, z, logits)

    def log_likelihoods(self, run: Forward, x: Images) -> Float[Tensor, "N K"]:
        """log p(x|z_k) in nats."""
        return self.log_prob(run.logits, x[:, None])

    def loss(  # type: ignore[override]  # of its own Forward
        self, run: Forward, x: Images, objective: Objective
    ) -> Loss:
        """-L_K, estimated with one set of K draws; with the bound `elbo` the mean of K estimates of the negative ELBO.

        Beside it, to compare with a VAE, the reconstruction as a mean over draws and the KL in closed form. They add up
        to the negative ELBO, not to -L_K, which is lower; with K = 1 the two agree in expectation, not draw by draw.
        """
        if (objective.beta, objective.free_bits) != (1.0, 0.0):
            raise InputError(
                f"kl: the IWAE's bound has no KL term to weigh, got beta {objective.beta:g} and free bits "
                f"{objective.free_bits:g}"
            )
        log_likelihoods = self.log_likelihoods(run, x)
        if self.options.gradient == "plain":
            log_weights = log_likelihoods + log_prior_over_posterior(run)
        else:
            log_weights = log_likelihoods + log_prior_over_fixed_posterior(run)
        if self.options.gradient == "dreg":
            weigh_again(run.z, log_weights)
        bound = log_mean_exp(log_weights).mean()
        if self.options.bound == "elbo":
            bound = log_weights.mean()
        return Loss(-bound, -log_likelihoods.mean(), kl_per_latent(run.mu, run.logvar).sum(1).mean())


def log_prior_over_posterior(run: Forward) -> Float[Tensor, "N K"]:
    """log p(z_k) - log q(z_k|x) in nats; (z - mu) / sigma is eps, and the factors 1 / sqrt(2 pi) cancel."""
    return 0.5 * (run.eps.square() + run.logvar[:, None] - run.z.square()).sum(2)


def log_prior_over_fixed_posterior(run: Forward) -> Float[Tensor, "N K"]:
    """The same values, of which mu and logvar of q have a gradient through z alone.

    What is left out is the score d log q(z|x) / d(mu, logvar) at fixed z: its mean over draws is 0 for K = 1, and it
    adds variance even where q(z|x) is p(z|x) (Roeder, Wu & Duvenaud 2017, arXiv:1703.09194). For K > 1 the weights
    depend on the draws, the mean of what is left out is no longer 0, and so this gradient alone is biased.
    """
    mu, logvar = run.mu.detach()[:, None], run.logvar.detach()[:, None]
    standardised = (run.z - mu) * torch.exp(-logvar / 2)
    return 0.5 * (standardised.square() + logvar - run.z.square()).sum(2)


def weigh_again(z: Draws, log_weights: Float[Tensor, "N K"]) -> None:
    """Multiply what comes back to each z_k by its share of the weights, w_k / sum w, in the next backward pass.

    The gradient of log 1/K sum w brings that share once; twice, it makes the gradient of the encoder unbiased again:
    sum_k (w_k / sum w)^2 dlog w_k/dz_k dz_k/d(mu, logvar) (Tucker et al. 2019, arXiv:1810.04152). The decoder's
    gradient does not pass through z and stays as it is.
    """
    if z.requires_grad:
        share = log_weights.detach().softmax(1)[:, :, None]
        z.register_hook(lambda gradient: gradient * share)


def log_mean_exp(log_weights: Float[Tensor, "N K"]) -> Float[Tensor, " N"]:
    """log 1/K sum_k w_k, without leaving the logarithm: a single w would underflow.

    A draw that is NEGLIGIBLE nats below the best one changes no digit of the sum, in float64 either. It gets the
    gradient 0 in place of a number near the smallest that there is, on which a processor computes many times slower.
    """
    least = log_weights.detach().amax(dim=1, keepdim=True) - NEGLIGIBLE
    return torch.logsumexp(torch.maximum(log_weights, least), dim=1) - math.log(log_weights.shape[1])
