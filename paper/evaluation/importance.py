r"""log p(x) by importance sampling (Rezende et al. 2014, appendix; Burda et al. 2016, section 3).

    p(x) = E_q[w],   w = p(x|z) p(z) / q(z|x)        log p(x) ~ log 1/K sum_k w_k,   z_1 .. z_K drawn from q(z|x)

1/K sum_k w_k is an unbiased estimate of p(x). Its logarithm lies below log p(x) in expectation, above the ELBO (K = 1),
and rises to log p(x) as K grows: what is reported is a lower bound that K = 5000 makes tight, where q is any good.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from foundation.errors import InputError
from paper.evaluation.elbo import check_has_posterior
from paper.models.networks import Images

ROWS = 1024
"""Draws decoded at a time, over images and draws together: memory does not grow with K."""
FEW = 3
"""With fewer effective draws than these, chance decides what an image's estimate is."""
MANY = 0.1
"""Share of such images from which on they are worth a warning."""


class Estimate(NamedTuple):
    """log p(x) of each image in nats, and how far it can be trusted."""

    log_p: Float[np.ndarray, " N"]
    elbo: Float[np.ndarray, " N"]
    """The mean of log w over the same draws: the bound that K = 1 gives."""
    effective_draws: Float[np.ndarray, " N"]
    """(sum w)^2 / sum w^2, from 1, where one weight is all, to K, where q(z|x) is p(z|x)."""

    @property
    def standard_error(self) -> float:
        """Of the mean of `log_p`, for the choice of the images; NaN for a single one."""
        N = len(self.log_p)
        return float(self.log_p.std(ddof=1) / math.sqrt(N)) if N > 1 else math.nan

    def warning(self) -> str | None:
        """One sentence where few weights dominate."""
        share = float((self.effective_draws < FEW).mean())
        if share < MANY:
            return None
        return (
            f"For {share:.0%} of the images one or two draws carry nearly all the weight: q(z|x) is far from p(z|x) "
            "there, and log p(x) probably higher than estimated. Take more draws."
        )


@torch.no_grad()
def importance_sample(
    model: nn.Module,
    x: Images,
    c: Tensor | None,
    draws: int,
    generator: torch.Generator,
    rows: int = ROWS,
    on_draws: Callable[[int], None] | None = None,
) -> Estimate:
    """log p(x) of each image, or log p(x|c), from `draws` draws of z, which the generator makes on x's device.

    `rows` bounds how many images are decoded at a time; other values make other draws. `on_draws` is told how many
    draws are done since it was last called, all images together. Raises `InputError` for a model without q(z|x).
    """
    check_has_posterior(model)
    if draws < 1:
        raise InputError(f"draws: expected an integer of at least 1, got {draws}")
    at_once = max(1, rows // draws)
    conditions = [None] * math.ceil(len(x) / at_once) if c is None else c.split(at_once)
    estimates = []
    for some, condition in zip(x.split(at_once), conditions, strict=True):
        sums = None
        for k in _portions(draws, rows):
            log_w = log_weights(model, some, condition, k, generator).cpu().double()
            sums = _add(sums, log_w)
            if on_draws is not None:
                on_draws(log_w.numel())
        log_sum, log_sum_of_squares, total = sums
        effective = torch.exp(2 * log_sum - log_sum_of_squares)
        estimates.append(torch.stack([log_sum - math.log(draws), total / draws, effective]))
    return Estimate(*torch.cat(estimates, dim=1).numpy())


def log_likelihood(
    model: nn.Module, x: Images, c: Tensor | None, draws: int, generator: torch.Generator
) -> tuple[Float[np.ndarray, " N"], float]:
    """log p(x) of each image in nats, and the standard error of their mean; see `importance_sample`."""
    estimate = importance_sample(model, x, c, draws, generator)
    return estimate.log_p, estimate.standard_error


def log_weights(
    model: nn.Module, x: Images, c: Tensor | None, K: int, generator: torch.Generator
) -> Float[Tensor, "N K"]:
    """log w = log p(x|z) + log p(z) - log q(z|x) for K draws of z.

    With z = mu + sigma eps the last two are (eps^2 + logvar - z^2) / 2: the factors 1 / sqrt(2 pi) cancel.
    """
    mu, logvar = (value[:, None] for value in model.encode(x, c))
    eps = torch.randn(len(x), K, mu.shape[-1], generator=generator, device=x.device, dtype=x.dtype)
    z = mu + torch.exp(logvar / 2) * eps
    outputs = model.decode(z.flatten(0, 1), None if c is None else repeat(c, K))
    log_p_x = model.log_prob(outputs, repeat(x, K)).unflatten(0, (len(x), K))
    return log_p_x + 0.5 * (eps.square() + logvar - z.square()).sum(-1)


def repeat(values: Tensor, K: int) -> Tensor:
    """Every image, or condition, K times in a row."""
    return values[:, None].expand(-1, K, *values.shape[1:]).flatten(0, 1)


def _portions(draws: int, rows: int) -> list[int]:
    """`draws` in portions of at most `rows`."""
    whole, rest = divmod(draws, rows)
    return [rows] * whole + [rest] * (rest > 0)


def _add(sums: tuple[Tensor, ...] | None, log_w: Float[Tensor, "N K"]) -> tuple[Tensor, ...]:
    """log sum w, log sum w^2 and sum log w, with one more portion; never outside the logarithm, where w underflows."""
    new = log_w.logsumexp(1), (2 * log_w).logsumexp(1), log_w.sum(1)
    if sums is None:
        return new
    return torch.logaddexp(sums[0], new[0]), torch.logaddexp(sums[1], new[1]), sums[2] + new[2]
