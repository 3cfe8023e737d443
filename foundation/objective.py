"""The objective as data: the likelihood, the weight of the KL term, and the parts of a loss."""

import dataclasses
import math
from typing import Any, Literal, NamedTuple, get_args

from foundation.errors import InputError

SMALLEST_SIGMA, LARGEST_SIGMA = 1e-6, 1e6
"""Beyond them squares of gradients leave float32, whatever the learning rate."""
Likelihood = Literal[
    "bernoulli", "gaussian", "gaussian-learned", "gaussian-optimal", "continuous-bernoulli", "discretised-logistic"
]
WITH_PARAMETERS = ("gaussian-learned", "gaussian-optimal", "discretised-logistic")
"""Likelihoods that add a tensor of their own to the model's weights."""
OVER_LEVELS = ("discretised-logistic",)
"""Likelihoods that give probabilities to the 256 levels of a pixel; their images must lie on these."""
WITH_SIGMA = ("gaussian", "gaussian-learned", "discretised-logistic")
"""Likelihoods whose spread, fixed or at the start, is `Objective.sigma`; the optimal one is found in each batch."""


class Loss(NamedTuple):
    """The negative ELBO and its parts, in nats per image (summed over pixels and latents, mean over the batch)."""

    loss: Any
    """reconstruction + beta * kl"""
    reconstruction: Any
    """-E_q[log p(x|z)], estimated with one z per image"""
    kl: Any
    """KL(q(z|x) || p(z)), without beta"""


def check_sigma(sigma: float) -> None:
    """Raise `InputError` for a standard deviation of pixels that no training can use."""
    if not SMALLEST_SIGMA <= sigma <= LARGEST_SIGMA:  # NaN is not, either
        raise InputError(
            f"sigma: expected {SMALLEST_SIGMA:g} to {LARGEST_SIGMA:g}, a pixel's standard deviation where white is 1, "
            f"got {sigma!r}"
        )


@dataclasses.dataclass(frozen=True)
class Objective:
    """The objective at one step: -E_q[log p(x|z)] + beta * KL(q(z|x) || N(0, I))."""

    likelihood: Likelihood = "bernoulli"
    """p(x|z): Bernoulli(sigmoid(logits)), or Normal(sigmoid(logits), sigma^2) as in Kingma & Welling (2014), C.2. The
    others are those of `paper.models.likelihoods`."""
    beta: float = 1.0
    """Weight of the KL term (Higgins et al. 2017, eq. 4); 1 is the VAE."""
    sigma: float = 0.2
    """Standard deviation of a pixel under the Gaussian likelihood, on the scale where white is 1."""
    free_bits: float = 0.0
    """lambda in nats (Kingma et al. 2016): the least that each latent's KL counts as; 0 turns it off."""
    capacity: float | None = None
    """C in nats (Burgess et al. 2018): with it, gamma * |KL - C| takes the place of beta * KL."""
    gamma: float = 100.0
    """Weight of |KL - C|."""

    def __post_init__(self) -> None:
        if self.likelihood not in get_args(Likelihood):
            known = get_args(Likelihood)
            raise InputError(f"likelihood: expected {', '.join(known[:-1])} or {known[-1]}, got {self.likelihood!r}")
        if not (math.isfinite(self.beta) and self.beta >= 0):
            raise InputError(f"beta: expected a finite number >= 0, got {self.beta!r}")
        check_sigma(self.sigma)
