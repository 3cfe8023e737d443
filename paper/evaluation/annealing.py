r"""log p(x) between two bounds, by annealed importance sampling (Neal 2001; Grosse, Ghahramani & Adams 2015; Wu et al.
2017, arXiv:1611.04273).

    f_t(z) = p(z) p(x|z)^beta_t,   0 = beta_0 < beta_1 < .. < beta_T = 1
    log w = sum_t (beta_t - beta_(t-1)) log p(x|z_(t-1)),   z_0 from p(z), z_t from z_(t-1) by a step that keeps f_t

E[w] = p(x), so that log w is on average a lower bound. It needs no q(z|x): where q is far from p(z|x), importance
sampling from q is far too low at any affordable number of draws, and annealing is not. For an image that the model drew
itself, the z that it was drawn from is an exact sample of p(z|x). The same steps backwards from this z have
E[1 / w] = 1 / p(x), so that log w of the way back is on average an upper bound (bidirectional Monte Carlo). The two
bounds meet as T grows; on simulated images their distance is how far the annealing is off.

The steps are Hamiltonian Monte Carlo with an acceptance test. Their sizes come from a run made beforehand with noise of
its own: sizes that followed the chain itself would make it no Markov chain, and the bounds would not hold.
"""

import contextlib
import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from foundation.errors import InputError
from foundation.options import check_sizes
from paper.evaluation.importance import repeat
from paper.models.base import Images, Latents, Model, Values

STEEPNESS = 4.0
"""The temperatures are a sigmoid of t from -4 to 4: close together near both ends (Grosse et al. 2015)."""
ACCEPTED = 0.65
"""The share of accepted steps that the sizes of steps are chosen for (Neal 2011)."""
FIRST_SIZE, GROWTH = 0.3, 0.3
"""The first size of a step, in standard deviations of the prior, and how fast it follows the accepted share."""


class Bracket(NamedTuple):
    """log p(x) of each image in nats, on average between two bounds."""

    lower: Float[np.ndarray, " N"]
    upper: Float[np.ndarray, " N"]
    accepted: float
    """Share of accepted steps, both ways together"""

    @property
    def width(self) -> float:
        """Distance of the bounds, the mean over the images."""
        return float((self.upper - self.lower).mean())


def temperatures(T: int) -> Float[np.ndarray, " T1"]:
    """beta_0 .. beta_T, from 0 to 1."""
    check_sizes(temperatures=T)
    sigmoid = 1 / (1 + np.exp(-STEEPNESS * np.linspace(-1, 1, T + 1)))
    return (sigmoid - sigmoid[0]) / (sigmoid[-1] - sigmoid[0])


Visit = Callable[[Float[Tensor, "N K"], Float[Tensor, "N K"]], None]
"""What is given log w and log p(x|z) of every chain, at each temperature"""


class Annealing:
    """The chains of some images: `chains` for each, a row of eps for every chain.

    They move eps, from N(0, I), of which z = `model.prior(eps)` is made: a learned prior is annealed as the standard
    one is. Noise is drawn by the generator, on the images' device.
    """

    def __init__(
        self,
        model: Model,
        x: Images,
        c: Tensor | None,
        T: int,
        chains: int,
        leapfrogs: int,
        generator: torch.Generator,
    ) -> None:
        self.model, self.chains, self.leapfrogs, self.generator = model, chains, leapfrogs, generator
        self.x, self.c = repeat(x, chains), None if c is None else repeat(c, chains)
        self.betas = temperatures(T)
        self.sizes = torch.full((T + 1, len(x)), FIRST_SIZE, device=x.device, dtype=x.dtype)
        """Of a step at each temperature, for each image"""
        self.accepted: list[float] = []
        """Share of accepted steps, step by step"""
        self.on_step: Callable[[int], None] = lambda steps: None
        """Is called with 1 after each step"""

    def choose_sizes(self) -> None:
        """A run from the prior, in which sizes follow the accepted share; later runs keep what it found."""
        eps, size = self.from_prior(), self.sizes[0]
        for t in range(1, len(self.betas) - 1):  # no chain takes a step at the last one
            self.sizes[t] = size
            eps, probability = self.step(eps, t)
            share = probability.unflatten(0, (-1, self.chains)).mean(1)
            size = size * torch.exp(GROWTH * (share - ACCEPTED))
        self.accepted.clear()

    def forward(self, visit: Visit | None = None) -> Float[Tensor, "N K"]:
        """log w of every chain, from the prior to the posterior.

        `visit` is called at beta_0 .. beta_T with log w so far and log p(x|z) of every chain: z with these weights has
        the density f_t / Z_t.
        """
        images = -1, self.chains
        eps, log_w = self.from_prior(), torch.zeros(len(self.x), device=self.x.device, dtype=torch.float64)
        for t in range(1, len(self.betas)):
            log_p_x = self.log_likelihood(eps).detach().double()
            if visit is not None:
                visit(log_w.unflatten(0, images), log_p_x.unflatten(0, images))
            log_w = log_w + (self.betas[t] - self.betas[t - 1]) * log_p_x
            if t < len(self.betas) - 1:
                eps, _ = self.step(eps, t)
        if visit is not None:  # no step is taken at beta_T: the same z, weighed for it
            visit(log_w.unflatten(0, images), log_p_x.unflatten(0, images))
        return log_w.unflatten(0, images)

    def backward(self, eps: Latents) -> Float[Tensor, "N K"]:
        """log w of every chain, from eps of the posterior, a row for each image, to the prior."""
        eps, log_w = repeat(eps, self.chains), torch.zeros(len(self.x), device=self.x.device, dtype=torch.float64)
        for t in range(len(self.betas) - 1, 0, -1):
            log_w += (self.betas[t] - self.betas[t - 1]) * self.log_likelihood(eps).detach().double()
            if t > 1:
                eps, _ = self.step(eps, t - 1)
        return log_w.unflatten(0, (-1, self.chains))

    def from_prior(self) -> Latents:
        """eps of every chain from N(0, I)."""
        shape = self.model.prior_shape(len(self.x))
        return torch.randn(shape, generator=self.generator, device=self.x.device, dtype=self.x.dtype)

    def log_likelihood(self, eps: Latents) -> Values:
        """log p(x|z) of every chain."""
        return self.model.log_prob(self.model.decode(self.model.prior(eps, self.c), self.c), self.x)

    def step(self, eps: Latents, t: int) -> tuple[Latents, Values]:
        """eps after one Hamiltonian step that keeps f_t, and the probability with which each was accepted."""
        size = repeat(self.sizes[t], self.chains)[:, None]
        momentum = torch.randn(eps.shape, generator=self.generator, device=eps.device, dtype=eps.dtype)
        start, gradient = self.log_f(eps, t)
        energy = start - 0.5 * momentum.square().sum(1)
        moved, velocity = eps, momentum + size / 2 * gradient
        for i in range(self.leapfrogs):
            moved = moved + size * velocity
            end, gradient = self.log_f(moved, t)
            velocity = velocity + (size if i < self.leapfrogs - 1 else size / 2) * gradient
        change = end - 0.5 * velocity.square().sum(1) - energy
        probability = torch.exp(change.clamp(max=0)).nan_to_num(0.0)  # a chain that left the floats is not accepted
        u = torch.rand(len(eps), generator=self.generator, device=eps.device, dtype=eps.dtype)
        self.accepted.append(float((u < probability).double().mean()))
        self.on_step(1)
        return torch.where((u < probability)[:, None], moved, eps), probability

    def log_f(self, eps: Latents, t: int) -> tuple[Values, Latents]:
        """log f_t of every chain, without the prior's constant, and its gradient."""
        with torch.enable_grad():
            eps = eps.detach().requires_grad_()
            value = float(self.betas[t]) * self.log_likelihood(eps) - 0.5 * eps.square().sum(1)
            (gradient,) = torch.autograd.grad(value.sum(), eps)
        return value.detach(), gradient


def annealed_log_likelihood(
    model: Model,
    x: Images,
    c: Tensor | None,
    T: int,
    generator: torch.Generator,
    chains: int = 8,
    leapfrogs: int = 10,
    on_step: Callable[[int], None] | None = None,
) -> Float[np.ndarray, " N"]:
    """A lower bound, on average, on log p(x) or log p(x|c) of each image in nats: log 1/K sum_k w_k over K chains.

    T is the number of temperatures. N times `chains` images are decoded at once, (T - 1) (2 `leapfrogs` + 3) + 1 times
    in all. `on_step` is called with 1 after each of its 2 (T - 1) steps. Raises `InputError` for a model without a
    prior over vectors.
    """
    with begin(model, x, c, T, generator, chains, leapfrogs, on_step) as annealing:
        return mean_of_exp(annealing.forward())


def bracket(
    model: Model,
    x: Images,
    eps: Latents,
    c: Tensor | None,
    T: int,
    generator: torch.Generator,
    chains: int = 8,
    leapfrogs: int = 10,
    on_step: Callable[[int], None] | None = None,
) -> Bracket:
    """Both bounds on log p(x), for images that the model drew from z = `model.prior(eps)`; see `simulate`.

    The arguments are those of `annealed_log_likelihood`; there are 3 (T - 1) steps. For other images, or another eps,
    `upper` is no bound.
    """
    with begin(model, x, c, T, generator, chains, leapfrogs, on_step) as annealing:
        lower, upper = mean_of_exp(annealing.forward()), -mean_of_exp(-annealing.backward(eps))
    return Bracket(lower, upper, float(np.mean(annealing.accepted)) if annealing.accepted else math.nan)


@torch.no_grad()
def simulate(model: Model, count: int, c: Tensor | None, generator: torch.Generator) -> tuple[Images, Latents]:
    """Images that the model draws, pixels included, and the eps of their z: exact samples of p(x, z)."""
    check_annealing(model)
    mould = next(model.parameters())
    shape = model.prior_shape(count)
    eps = torch.randn(shape, generator=generator, device=mould.device, dtype=mould.dtype)
    return model.draw(model.prior(eps, c), c, generator), eps


@contextlib.contextmanager
def begin(
    model: Model,
    x: Images,
    c: Tensor | None,
    T: int,
    generator: torch.Generator,
    chains: int,
    leapfrogs: int,
    on_step: Callable[[int], None] | None = None,
) -> Iterator[Annealing]:
    """Chains whose sizes of steps are chosen, over the model in `eval()` mode; afterwards it is in its own again.

    Gradients with respect to z are no training: in `train()` mode a likelihood may find its sigma in the batch.
    """
    check_annealing(model)
    check_sizes(chains=chains, leapfrogs=leapfrogs)
    training = model.training
    model.eval()
    try:
        annealing = Annealing(model, x, c, T, chains, leapfrogs, generator)
        annealing.on_step = on_step or annealing.on_step
        annealing.choose_sizes()
        yield annealing
    finally:
        model.train(training)


def check_annealing(model: Model) -> None:
    """Raise `InputError` for a model without a prior over vectors z, from which an annealing begins.

    As well for a latent diffusion: each step of the annealing would run through all steps of its reversal, and back.
    """
    if model.traits.diffusion:
        raise InputError(f"{model.options.model}: annealing would reverse the diffusion at each step; expected its VAE")
    if not model.traits.prior or not model.traits.posterior:
        raise InputError(
            f"{model.options.model}: expected a model with a prior over vectors z, over which log p(x) is an integral "
            "and from which annealing begins"
        )


def mean_of_exp(log_w: Float[Tensor, "N K"]) -> Float[np.ndarray, " N"]:
    """log 1/K sum_k exp(log w_k) of each image."""
    return (log_w.logsumexp(1) - math.log(log_w.shape[1])).cpu().numpy()
