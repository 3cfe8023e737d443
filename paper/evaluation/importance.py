r"""log p(x) by importance sampling (Rezende et al. 2014, appendix; Burda et al. 2016, section 3).

    p(x) = E_q[w],   w = p(x|z) p(z) / q(z|x)        log p(x) ~ log 1/K sum_k w_k,   z_1 .. z_K drawn from q(z|x)

1/K sum_k w_k is an unbiased estimate of p(x). In expectation its logarithm lies below log p(x) and above the ELBO
(K = 1), and rises to log p(x) as K grows: the estimate is a lower bound, tight at K = 5000 where q(z|x) is near p(z|x).
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from foundation.errors import InputError
from paper.evaluation.latents import posterior
from paper.models.base import Images, Model

ROWS = 1024
"""Draws decoded at a time, over images and draws together: memory does not grow with K."""
FEW = 3
"""With fewer effective draws than these, an image's estimate depends on a few draws."""
MANY = 0.1
"""Share of such images from which a warning is given."""


class Estimate(NamedTuple):
    """log p(x) of each image in nats, and how reliable it is."""

    log_p: Float[np.ndarray, " N"]
    elbo: Float[np.ndarray, " N"]
    """The mean of log w over the same draws: the bound that K = 1 gives."""
    effective_draws: Float[np.ndarray, " N"]
    """(sum w)^2 / sum w^2: from 1, where one weight dominates, to K, where q(z|x) equals p(z|x)."""

    @property
    def standard_error(self) -> float:
        """Of the mean of `log_p` over the images; NaN for a single image."""
        N = len(self.log_p)
        return float(self.log_p.std(ddof=1) / math.sqrt(N)) if N > 1 else math.nan

    def warning(self) -> str | None:
        """A sentence where few weights dominate; None elsewhere."""
        share = float((self.effective_draws < FEW).mean())
        if share < MANY:
            return None
        return (
            f"For {share:.0%} of the images one or two draws have nearly all the weight: there q(z|x) is far from "
            "p(z|x), and log p(x) is probably higher than estimated. Take more draws."
        )


@torch.no_grad()
def importance_sample(
    model: Model,
    x: Images,
    c: Tensor | None,
    draws: int,
    generator: torch.Generator,
    rows: int = ROWS,
    on_draws: Callable[[int], None] | None = None,
) -> Estimate:
    """log p(x), or log p(x|c), of each image from `draws` draws of z, made by the generator on x's device.

    `rows` limits how many images are decoded at a time; another value gives other draws. `on_draws` is called with the
    number of draws made since its last call, all images together. Raises `InputError` for a model without q(z|x) and
    for less than one draw.
    """
    if draws < 1:
        raise InputError(f"draws: expected an integer of at least 1, got {draws}")
    at_once = max(1, rows // draws)
    conditions = [None] * math.ceil(len(x) / at_once) if c is None else c.split(at_once)
    estimates = []
    for some, condition in zip(x.split(at_once), conditions, strict=True):
        total = torch.zeros(len(some), dtype=torch.float64)
        log_sum = log_sum_of_squares = total.log()  # of 0; sums of w stay logarithms, since w underflows
        for k in _portions(draws, rows):
            log_w = log_weights(model, some, condition, k, generator).cpu().double()
            log_sum = torch.logaddexp(log_sum, log_w.logsumexp(1))
            log_sum_of_squares = torch.logaddexp(log_sum_of_squares, (2 * log_w).logsumexp(1))
            total = total + log_w.sum(1)
            if on_draws is not None:
                on_draws(log_w.numel())
        effective = torch.exp(2 * log_sum - log_sum_of_squares)
        estimates.append(torch.stack([log_sum - math.log(draws), total / draws, effective]))
    return Estimate(*torch.cat(estimates, dim=1).numpy())


def log_likelihood(
    model: Model, x: Images, c: Tensor | None, draws: int, generator: torch.Generator
) -> tuple[Float[np.ndarray, " N"], float]:
    """log p(x) of each image in nats, and the standard error of their mean; see `importance_sample`."""
    estimate = importance_sample(model, x, c, draws, generator)
    return estimate.log_p, estimate.standard_error


def log_weights(model: Model, x: Images, c: Tensor | None, K: int, generator: torch.Generator) -> Float[Tensor, "N K"]:
    """log w = log p(x|z) + log p(z) - log q(z|x) for K draws of z: one encoding, no copies of x."""
    mu, logvar = (repeat(value, K) for value in posterior(model, x, c))
    eps = torch.randn(mu.shape, generator=generator, device=x.device, dtype=x.dtype)
    given = None if c is None else repeat(c, K)
    z, log_ratio = model.draw_z(mu, logvar, eps, given)
    draws = (len(x), K)
    log_p_x = model.log_prob(model.decode(z, given).unflatten(0, draws), x[:, None])
    return log_p_x + log_ratio.unflatten(0, draws)


def repeat(values: Tensor, K: int) -> Tensor:
    """Repeats every row, of mu, logvar or a condition, K times in a row: (N, ...) to (N K, ...)."""
    return values[:, None].expand(-1, K, *values.shape[1:]).flatten(0, 1)


def _portions(draws: int, rows: int) -> list[int]:
    """Splits `draws` into portions of at most `rows`."""
    whole, rest = divmod(draws, rows)
    return [rows] * whole + [rest] * (rest > 0)
