r"""A diffusion as the prior of a VAE: DDPM (Ho et al. 2020) over latents, as latent diffusion (Rombach et al. 2022).

    q(z_t|z_0) = Normal(sqrt(abar_t) z_0, (1 - abar_t) I)              noise added step by step, t = 1 .. T (eq. 4)
    L_simple = E |eps - eps_theta(sqrt(abar_t) z_0 + sqrt(1 - abar_t) eps, t)|^2                           (eq. 14)

Equations without a name are those of arXiv:2006.11239, with z for x; the idea is that of arXiv:2112.10752. A trained
VAE is frozen. The network learns to tell the noise in its latents, and so to turn N(0, I) back into where images have
their codes. Latents are first multiplied by one factor, which gives them variance 1 over the training images.

The output of the network is v, of which eps_theta = sqrt(abar_t) v + sqrt(1 - abar_t) z_t (Salimans & Ho 2022,
arXiv:2202.00512). Nothing is divided by sqrt(abar_t), which is nearly 0 at t = T; and v = 0 is the prior N(0, I).

Samples come by DDIM (Song et al. 2021, arXiv:2010.02502, eq. 12 with sigma = 0): z_T alone decides them, so that
`prior` stays a map from N(0, I) to z of as many numbers, as every other model has it. `ancestral` is algorithm 2.
"""

import itertools
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from foundation.errors import InputError
from foundation.objective import Objective
from foundation.rung import Traits, encode_all
from paper.models.base import Images, Latents, Scalar, Values
from paper.models.normal import kl_of_normals, log_normal, log_normal_of_noise, log_standard_normal
from paper.models.options import LatentDiffusionOptions
from paper.models.vae import VAE
from paper.vae_paper import reparameterize

Steps = Int[Tensor, " N"]
FREQUENCIES = 32
"""Sines, and as many cosines, of the step: an input of the network"""
PAPERS_STEPS = 1000
"""T of Ho et al., for which their noise and the frequencies are made; another T goes over the same range."""


def make_betas(steps: int, noise_schedule: str) -> Float[np.ndarray, " T"]:
    """beta_1 .. beta_T, the variances of the noise that the steps add, at most 0.999.

    linear: from 1e-4 to 0.02 over 1000 steps (section 4), and about as much noise in all over fewer, down to 20;
    cosine: of abar_t = f(t) / f(0), f(t) = cos((t/T + s) / (1 + s) * pi/2)^2 (Nichol & Dhariwal 2021,
    arXiv:2102.09672, eq. 17).
    """
    if noise_schedule == "linear":
        return np.minimum(np.linspace(1e-4, 0.02, steps) * PAPERS_STEPS / steps, 0.999)
    s = 0.008
    f = np.cos((np.arange(steps + 1) / steps + s) / (1 + s) * math.pi / 2) ** 2
    return np.minimum(1 - f[1:] / f[:-1], 0.999)


class Block(nn.Module):
    """A residual block over vectors, moved by the embedding of the step."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Linear(width, width)
        self.time = nn.Linear(width, width)
        self.second = nn.Linear(width, width)

    def forward(
        self, h: Float[Tensor, "N H"], time: Float[Tensor, "S H"], which: Int[Tensor, " N"]
    ) -> Float[Tensor, "N H"]:
        return h + self.second(F.silu(self.first(F.silu(h)) + self.time(time)[which]))


class Denoiser(nn.Module):
    """z_t and t -> v, by residual blocks."""

    def __init__(self, latent_dim: int, width: int, layers: int, steps: int) -> None:
        super().__init__()
        self.steps = steps
        self.time = nn.Sequential(nn.Linear(2 * FREQUENCIES, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU())
        self.inputs = nn.Linear(latent_dim, width)
        self.blocks = nn.ModuleList(Block(width) for _ in range(layers))
        self.outputs = nn.Linear(width, latent_dim)

    def forward(self, z_t: Latents, t: Steps) -> Latents:
        steps, which = t.unique(return_inverse=True)  # each step is embedded once, however many rows are at it
        time = self.time(sines(steps * (PAPERS_STEPS / self.steps)).to(z_t.dtype))
        h = self.inputs(z_t)
        for block in self.blocks:
            h = block(h, time, which)
        return self.outputs(F.silu(h))


def sines(t: Float[Tensor, " N"]) -> Float[Tensor, "N E"]:
    """The sinusoidal position embedding of Vaswani et al. (2017), by which Ho et al. give the step (appendix B)."""
    rates = torch.exp(-math.log(10_000) * torch.arange(FREQUENCIES, device=t.device) / (FREQUENCIES - 1))
    angles = t[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], dim=1)


class Diffusion(nn.Module):
    """A distribution over vectors of variance about 1: the noising process, and its reverse by a network for v."""

    def __init__(self, denoiser: nn.Module, steps: int, noise_schedule: str) -> None:
        super().__init__()
        self.denoiser = denoiser
        self.steps = steps
        beta = np.concatenate([[0.0], make_betas(steps, noise_schedule)])
        # No buffers, whose digits a change of the model's dtype would round. Index t is step t; at 0 there is no noise.
        self._beta = torch.from_numpy(beta)
        self._abar = torch.from_numpy(np.cumprod(1 - beta))

    def beta(self, t: Steps, like: Tensor) -> Float[Tensor, "N 1"]:
        """beta_t of each row."""
        return self._beta.to(like.dtype).to(like.device)[t][:, None]

    def abar(self, t: Steps, like: Tensor) -> Float[Tensor, "N 1"]:
        """abar_t, the product of all 1 - beta up to step t, of each row; 1 at step 0."""
        return self._abar.to(like.dtype).to(like.device)[t][:, None]

    def noised(self, z_0: Latents, t: Steps, eps: Latents) -> Latents:
        """z_t, a draw from q(z_t|z_0) (eq. 4)."""
        abar = self.abar(t, z_0)
        return abar.sqrt() * z_0 + (1 - abar).sqrt() * eps

    def posterior(self, z_0: Latents, z_t: Latents, t: Steps) -> tuple[Latents, Float[Tensor, "N 1"]]:
        """Mean and variance of q(z_(t-1)|z_t, z_0) (eqs. 6 and 7)."""
        beta, abar, before = self.beta(t, z_t), self.abar(t, z_t), self.abar(t - 1, z_t)
        mean = (before.sqrt() * beta * z_0 + (1 - beta).sqrt() * (1 - before) * z_t) / (1 - abar)
        return mean, (1 - before) / (1 - abar) * beta

    def predict(self, z_t: Latents, t: Steps) -> tuple[Latents, Latents]:
        """z_0 and eps as the network takes them to be, of which z_t is made by eq. 4."""
        v, abar = self.denoiser(z_t, t), self.abar(t, z_t)
        return abar.sqrt() * z_t - (1 - abar).sqrt() * v, abar.sqrt() * v + (1 - abar).sqrt() * z_t

    def reverse_mean(self, z_t: Latents, t: Steps) -> Latents:
        """The mean of p(z_(t-1)|z_t): that of the posterior, at the predicted z_0 (eq. 11)."""
        return self.posterior(self.predict(z_t, t)[0], z_t, t)[0]

    def errors(self, z_0: Latents, t: Steps, eps: Latents) -> Values:
        """|eps - eps_theta|^2 of each row, whose mean is L_simple (eq. 14)."""
        return (eps - self.predict(self.noised(z_0, t, eps), t)[1]).square().sum(1)

    def errors_of_normal(self, z_0: Latents) -> Float[Tensor, "N T"]:
        """The mean over eps of the same at every step, for v = 0: |abar eps - sqrt(abar (1 - abar)) z_0|^2."""
        abar = self._abar[1:].to(z_0.dtype).to(z_0.device)
        return abar.square() * z_0.shape[1] + abar * (1 - abar) * z_0.square().sum(1, keepdim=True)

    def bound_terms(self, z_0: Latents, eps: Float[Tensor, "T N Z"]) -> Iterator[tuple[Values, Values]]:
        """Of t = T .. 1: the term of the bound in nats (eq. 5), and |eps - eps_theta|^2.

        The variance of p(z_(t-1)|z_t) is beta_t, which is right where z_0 is from N(0, I) (section 3.2). The terms add
        up to a bound on -log p(z_0), whose expectation over eps is exact there.
        """
        for step in range(self.steps, 0, -1):
            t = torch.full((len(z_0),), step, device=z_0.device)
            noise = eps[step - 1]
            z_t = self.noised(z_0, t, noise)
            z_0_hat, eps_hat = self.predict(z_t, t)
            mean, logvar = self.posterior(z_0_hat, z_t, t)[0], self.beta(t, z_0).log().expand_as(z_0)
            if step == 1:
                term = -log_normal(z_0, mean, logvar).sum(1)
            else:
                true_mean, variance = self.posterior(z_0, z_t, t)
                term = kl_of_normals(true_mean, variance.log().expand_as(z_0), mean, logvar).sum(1)
            yield term + (self.last_term(z_0) if step == self.steps else 0), (noise - eps_hat).square().sum(1)

    def last_term(self, z_0: Latents) -> Values:
        """L_T, the KL of q(z_T|z_0) and N(0, I), in which nothing is learned."""
        abar = self.abar(torch.full((len(z_0),), self.steps, device=z_0.device), z_0)
        zero = torch.zeros_like(z_0)
        return kl_of_normals(abar.sqrt() * z_0, (1 - abar).log().expand_as(z_0), zero, zero).sum(1)

    def ddim(self, z_T: Latents, steps: int | None = None) -> Latents:
        """z_0 of z_T, without further noise, over all T steps or over `steps` of them, evenly spread (DDIM eq. 12)."""
        z, times = z_T, np.rint(np.linspace(self.steps, 0, (steps or self.steps) + 1)).astype(int).tolist()
        for step, following in itertools.pairwise(times):
            t = torch.full((len(z),), step, device=z.device)
            z_0, eps = self.predict(z, t)
            z = self.noised(z_0, torch.full_like(t, following), eps)
        return z

    def ancestral(self, eps: Float[Tensor, "T_and_1 N Z"]) -> Latents:
        """z_0 by algorithm 2: z_T is eps[T], and eps[t - 1] the noise of the step from z_t; the last step has none."""
        z = eps[self.steps]
        for step in range(self.steps, 0, -1):
            t = torch.full((len(z),), step, device=z.device)
            z = self.reverse_mean(z, t) + (self.beta(t, z).sqrt() * eps[step - 1] if step > 1 else 0)
        return z


class Forward(NamedTuple):
    """What one forward pass computed; all but `errors` is of the frozen VAE."""

    mu: Latents
    logvar: Latents
    z: Latents
    errors: Values
    """|eps - eps_theta|^2 of each image, at a step of its own"""
    logits: Images


class Loss(NamedTuple):
    """What is minimised, and the pixels' part of the bound: means over the batch."""

    loss: Scalar
    """L_simple, which is no number of nats"""
    reconstruction: Scalar
    """-log p(x|z) in nats, which does not change."""


class LatentDiffusion(VAE):
    """A frozen VAE and the diffusion over its latents, which alone learns."""

    traits = Traits(closed_kl=False, learned_prior=True, diffusion=True)
    options_type = LatentDiffusionOptions

    def __init__(
        self,
        options: LatentDiffusionOptions | None = None,
        image_shape: tuple[int, int, int] = (1, 28, 28),
        class_count: int = 0,
        **choices: Any,
    ) -> None:
        super().__init__(options, image_shape, class_count, **choices)
        self.requires_grad_(False)
        own = self.options
        denoiser = Denoiser(own.latent_dim, own.prior_hidden_dim, own.prior_layers, own.steps)
        self.network = Diffusion(denoiser, own.steps, own.noise_schedule)
        self.network.register_buffer("scale", torch.ones(()))

    @property
    def scale(self) -> Tensor:
        """The factor between z and what the diffusion is over."""
        return self.network.get_buffer("scale")

    @torch.no_grad()
    def measure_scale(self, images: Images) -> None:
        """Set the factor that gives z variance 1, over all its numbers together and over these images.

        Rombach et al. measure it on their first batch (appendix G). The variance of z is that of mu, and the mean
        variance of q(z|x).
        """
        mu, logvar = encode_all(self, images, torch.zeros(len(images), dtype=torch.long), torch.cat)
        variance = mu.double().var(correction=0) + logvar.double().exp().mean()
        self.scale.copy_(variance.rsqrt())

    def noise_shape(self, count: int) -> tuple[int, ...]:
        """Three vectors an image: the noise of z, that of the diffusion, and one whose first number gives the step."""
        return count, 3, self.options.latent_dim

    def draw_z(self, mu: Latents, logvar: Latents, eps: Latents, c: Tensor | None = None) -> tuple[Latents, Values]:
        """Refused with `InputError`: log p(z) is known by a bound alone, as `bound` gives it."""
        raise InputError(
            f"{self.options.model}: log p(z) of a diffusion has a bound only; expected a prior of known density"
        )

    def prior(self, eps: Latents, c: Tensor | None = None) -> Latents:
        """z of z_T = eps, by DDIM over all steps."""
        return self.network.ddim(eps) / self.scale

    def forward(self, x: Images, eps: Float[Tensor, "N 3 Z"], c: Tensor | None = None) -> Forward:  # type: ignore[override]
        """x -> z from q(z|x), noised up to a step drawn from 1 .. T -> the squared error of the predicted noise."""
        with torch.no_grad():
            mu, logvar = self.encode(x, c)
            z = reparameterize(mu, logvar, eps[:, 0])
            logits = self.decode(z, c)
        t = (torch.special.ndtr(eps[:, 2, 0]) * self.options.steps).long().clamp(max=self.options.steps - 1) + 1
        return Forward(mu, logvar, z, self.network.errors(self.scale * z, t, eps[:, 1]), logits)

    def loss(self, run: Forward, x: Images, objective: Objective) -> Loss:  # type: ignore[override]  # of its own Forward
        """L_simple, and the reconstruction of the same z."""
        with torch.no_grad():  # frozen, and so is a sigma that the likelihood would find in the batch
            reconstruction = -self.log_prob(run.logits, x).mean()
        return Loss(run.errors.mean(), reconstruction)

    def after_step(self, run: Any) -> None:
        """The likelihood stays as it is."""

    @torch.no_grad()
    def bound(self, x: Images, eps: Float[Tensor, "T_and_1 N Z"]) -> "Bound":
        """The negative ELBO of each image under this prior and under N(0, I); eps[T] is the noise of z."""
        mu, logvar = self.encode(x)
        z = reparameterize(mu, logvar, eps[-1])
        terms, errors = zip(*self.network.bound_terms(self.scale * z, eps), strict=True)
        log_q = log_normal_of_noise(eps[-1], logvar).sum(1)
        # log p(z) is log p(scale z), and the logarithm of the factor for each of its numbers.
        learned = log_q + torch.stack(terms).sum(0) - z.shape[1] * self.scale.log()
        return Bound(
            -self.log_prob(self.decode(z), x),
            learned,
            log_q - log_standard_normal(z).sum(1),
            torch.stack(errors[::-1], dim=1),
            self.network.errors_of_normal(self.scale * z),
        )


class Bound(NamedTuple):
    """The parts of the bound for each image, in nats, for one z from q(z|x)."""

    reconstruction: Values
    """-log p(x|z)"""
    learned: Values
    """log q(z|x) and the bound on -log p(z), p the diffusion"""
    standard: Values
    """log q(z|x) - log p(z), p = N(0, I)"""
    errors: Float[Tensor, "N T"]
    """|eps - eps_theta|^2 at every step, 1 .. T"""
    errors_of_normal: Float[Tensor, "N T"]
    """Its mean over eps for v = 0, the prediction under N(0, I)"""


def diffusion_over(vae: VAE, images: Images, seed: int = 0, **choices: Any) -> LatentDiffusion:
    """A fresh diffusion over the latents of a VAE, whose factor is measured on training images (N, C, H, W).

    `choices` are `steps`, `noise_schedule`, `prior_hidden_dim` and `prior_layers`; the seed draws the network's first
    values. The VAE is copied. Raises `InputError` for another option, and for a model that is none of
    `LatentDiffusionOptions.first_stages`.
    """
    from paper.models.registry import second_stage

    model = second_stage(vae, LatentDiffusionOptions, seed, choices)
    assert isinstance(model, LatentDiffusion)
    mould = next(vae.parameters())
    model.measure_scale(images.to(mould.device, mould.dtype))
    return model
