r"""The rate-distortion curve of one model, by annealing (Alemi et al. 2018, arXiv:1711.00464; Huang et al. 2020,
arXiv:2008.06653).

    rate = KL(q(z|x) || p(z)),    distortion = -E_q[log p(x|z)],    rate + distortion = -ELBO

For a prior and a decoder, and every q(z|x) there could be, the least of rate + beta distortion is -log Z_beta(x), with
Z_beta = E_p(z)[p(x|z)^beta], and the density of

    q_beta(z|x) = p(z) p(x|z)^beta / Z_beta(x)

has it. As beta goes from 0 to 1, from the prior to p(z|x), its points draw the curve: no q(z|x) of this model has less
distortion at the same rate. Its slope, distortion over rate, is -1 / beta; at beta = 1 rate + distortion is -log p(x).
The encoder's own q(z|x) lies above, and above the line of slope -1 that touches the curve at beta = 1: by
KL(q(z|x) || p(z|x)), what -ELBO is above -log p(x).

q_beta are the densities that annealed importance sampling passes through, so that one run gives all points: Z_beta
from the weights so far, the distortion as the weighed mean over chains, the rate as -log Z_beta - beta distortion. On
average each point lies on or above the curve: a chain that is drawn by its weight comes from a q(z|x) of exactly this
distortion, whose rate is at most this one (as for any unbiased estimate of Z; Domke & Sheldon 2018, arXiv:1808.09034).
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from paper.evaluation.annealing import begin, mean_of_exp
from paper.models.base import Images, Model


class Curve(NamedTuple):
    """The points of each image at T + 1 temperatures, in nats."""

    betas: Float[np.ndarray, " T1"]
    """From 0 to 1"""
    rate: Float[np.ndarray, "N T1"]
    distortion: Float[np.ndarray, "N T1"]
    accepted: float
    """Share of accepted steps; NaN where there were none"""

    @property
    def log_p(self) -> Float[np.ndarray, " N"]:
        """A lower bound, on average, on log p(x): that of `annealed_log_likelihood` with the same chains."""
        return -(self.rate + self.distortion)[:, -1]


def rate_distortion(
    model: Model,
    x: Images,
    c: Tensor | None,
    T: int,
    generator: torch.Generator,
    chains: int = 8,
    leapfrogs: int = 10,
    on_step: Callable[[int], None] | None = None,
) -> Curve:
    """The curve of each image under the model, at the temperatures of an annealing with T of them.

    The arguments, the time and the errors are those of `annealed_log_likelihood`.
    """
    log_z, distortion = [], []

    def visit(log_w: Float[Tensor, "N K"], log_p_x: Float[Tensor, "N K"]) -> None:
        log_z.append(mean_of_exp(log_w))
        distortion.append(-(log_w.softmax(1) * log_p_x).sum(1).cpu().numpy())

    with begin(model, x, c, T, generator, chains, leapfrogs, on_step) as annealing:
        annealing.forward(visit)
        betas, accepted = annealing.betas, annealing.accepted
    D = np.stack(distortion, axis=1)
    rate = -np.stack(log_z, axis=1) - betas * D
    return Curve(betas, rate, D, float(np.mean(accepted)) if accepted else float("nan"))
