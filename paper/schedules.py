"""Against posterior collapse: how much the KL term counts at each step. Every schedule is a function of time alone.

`progress` is the share of training that is done, from 0 to 1.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from paper.distributed import mean_over_batch
from paper.options import KLOptions


class Weights(NamedTuple):
    """The objective's moving parts at one step."""

    beta: float = 1.0
    """Weight of the KL term: the model's own, times the schedule's factor."""
    free_bits: float = 0.0
    """lambda in nats; see `free_bits`."""
    progress: float = 1.0


def weights_at(options: KLOptions, beta: float, progress: float) -> Weights:
    """The weights when `progress` of the training is done; `beta` is the model's."""
    return Weights(beta * kl_factor(options, progress), options.free_bits, progress)


def kl_factor(options: KLOptions, progress: float) -> float:
    """What beta is multiplied by, from 0 to 1."""
    if options.schedule == "linear":
        return linear(progress, options.warmup)
    if options.schedule == "cyclical":
        return cyclical(progress, options.warmup, options.cycles)
    return 1.0


def linear(progress: float, warmup: float) -> float:
    """From 0 to 1 in a straight line over the first `warmup` of the training (Sønderby et al. 2016)."""
    return min(1.0, progress / warmup)


def cyclical(progress: float, warmup: float, cycles: int) -> float:
    """`linear` over again in each cycle (Fu et al. 2019); training ends at 1."""
    return linear(progress * cycles % 1 if progress < 1 else 1.0, warmup)


def free_bits(kl: Float[Tensor, "N Z"], least: float) -> Float[Tensor, ""]:
    """sum_j max(lambda, KL_j), each latent's KL a mean over the batch (Kingma et al. 2016, arXiv:1606.04934).

    A latent below lambda has no gradient: the first lambda nats are free. The whole batch decides which those are, also
    where several processes share it.
    """
    mean = kl.mean(0)
    if least == 0:
        return mean.sum()
    return torch.where(mean_over_batch(kl) > least, mean, least).sum()
