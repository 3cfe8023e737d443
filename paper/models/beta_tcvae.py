r"""The beta-TCVAE of Chen et al. (2018), arXiv:1802.04942: of the KL's three parts, only one is weighed.

    E_x[KL(q(z|x) || p(z))] = I(x; z) + KL(q(z) || prod_j q(z_j)) + sum_j KL(q(z_j) || p(z_j))        (eq. 2)
                              index-code  total correlation          dimension-wise KL
                              mutual
                              information

    loss = -E_q[log p(x|z)] + alpha I(x; z) + beta TC + gamma dimension-wise KL                       (eq. 4)

Against `paper/models/beta_vae.py` a latent may say as much about x as helps, as long as the latents are independent of
one another. q(z) is estimated as the mean of q(z|x) over the images of the batch, among them the one that z is from:
the parts are those of a data set that is the batch. So I(x; z) is at most log N, and needs no size of a data set.
"""

import math
from typing import NamedTuple

import torch

from foundation.objective import Loss, Objective
from paper.models.base import Images, Latents, Scalar
from paper.models.normal import log_normal, log_standard_normal
from paper.models.options import BetaTCVAEOptions
from paper.models.vae import VAE
from paper.vae_paper import Forward


class KLParts(NamedTuple):
    """The three parts of the KL, in nats, for one draw of z per image; their sum is log q(z|x) - log p(z), averaged."""

    mutual_information: Scalar
    total_correlation: Scalar
    dimension_wise: Scalar


class BetaTCVAE(VAE):
    """The VAE with the parts of its KL weighed by alpha, beta and gamma."""

    options_type = BetaTCVAEOptions

    def loss(self, run: Forward, x: Images, objective: Objective) -> Loss:
        """The VAE's loss, and what weights other than 1 add to it; a schedule of the KL multiplies all three."""
        parts, options = super().loss(run, x, objective), self.options
        mi, tc, dimension_wise = kl_parts(run.mu, run.logvar, run.z)
        extra = (options.alpha - 1) * mi + (options.beta - 1) * tc + (options.gamma - 1) * dimension_wise
        return parts._replace(loss=parts.loss + objective.beta * extra)


def kl_parts(mu: Latents, logvar: Latents, z: Latents) -> KLParts:
    """The parts of the KL, estimated with the q(z|x) of a batch of N images and one z of each."""
    pairs = log_normal(z[:, None], mu, logvar)  # of z_n under q(z|x_m), (N, N, Z)
    log_n = math.log(len(z))
    log_q_given_x = log_normal(z, mu, logvar).sum(1)
    log_q = torch.logsumexp(pairs.sum(2), dim=1) - log_n
    log_q_product = (torch.logsumexp(pairs, dim=1) - log_n).sum(1)
    log_p = log_standard_normal(z).sum(1)
    return KLParts((log_q_given_x - log_q).mean(), (log_q - log_q_product).mean(), (log_q_product - log_p).mean())
