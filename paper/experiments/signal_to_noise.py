r"""The signal-to-noise ratio of the IWAE's gradients over draws of z (Rainforth et al. 2018, arXiv:1802.04537, eq. 8).

    ratio = |E[g]| / sd[g]        of the gradient g of one parameter, on one batch

`near_the_posterior` is the paper's example, in which q(z|x) is nearly p(z|x) and the ratio goes as a root of K.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from foundation.objective import Objective
from paper.models.base import Images, Latents
from paper.models.iwae import IWAE
from paper.models.likelihoods import Gaussian
from paper.models.likelihoods import Images as Pixels
from paper.models.options import IWAEOptions


def gradient_ratios(model: IWAE, x: Images, repeats: int, generator: torch.Generator) -> dict[str, float]:
    """The ratio of the gradient on the images x, over the parameters of "encoder" and of "decoder".

    The model's options hold K and the gradient. Each of the `repeats` gradients has its own draws.
    """
    parts = {"encoder": list(model.encoder.parameters()), "decoder": list(model.decoder.parameters())}
    both = [parameter for part in parts.values() for parameter in part]
    sums = {name: torch.zeros(2, sum(p.numel() for p in part), dtype=torch.float64) for name, part in parts.items()}
    for _ in range(repeats):
        eps = torch.randn(model.noise_shape(len(x)), generator=generator, device=x.device, dtype=x.dtype)
        loss = model.loss(model(x, eps), x, Objective()).loss
        found = iter(torch.autograd.grad(loss, both))
        for name, part in parts.items():
            flat = torch.cat([next(found).flatten() for _ in part]).cpu().double()
            sums[name] += torch.stack([flat, flat.square()])
    ratios = {}
    for name, (total, squares) in sums.items():
        mean = total / repeats
        ratios[name] = signal_to_noise(mean, (squares - repeats * mean.square()) / (repeats - 1), repeats)
    return ratios


def signal_to_noise(mean: Float[Tensor, " P"], variance: Float[Tensor, " P"], repeats: int) -> float:
    """The root mean square of the ratio over the parameters, from mean and variance of n = `repeats` gradients.

    Parameters that never have a gradient are left out, such as those of a pixel that is always black. For normal g
    n mean^2 / variance is noncentral F(1, n - 1): its mean is (n - 1) / (n - 3) (1 + n ratio^2), which is undone here.
    The mean of |mean| / sd itself does not fall below sqrt(2 / (pi n)) even where there is no signal. An estimate below
    0 becomes 0.
    """
    noisy = variance > 0
    observed = (mean[noisy].square() / variance[noisy]).mean().item()
    return math.sqrt(max(0.0, observed * (repeats - 3) / (repeats - 1) - 1 / repeats))


def power(K: Sequence[int], ratios: Sequence[float]) -> float:
    """The exponent p of the power law ratio ~ K^p through these points, by least squares of the logarithms.

    A ratio of 0 is left out; NaN where fewer than two are left.
    """
    points = [(k, ratio) for k, ratio in zip(K, ratios, strict=True) if ratio > 0]
    if len(points) < 2:
        return math.nan
    log_K, log_ratio = np.log(np.array(points, dtype=float)).T
    return float(np.polyfit(log_K, log_ratio, 1)[0])


class Shifted(nn.Module):
    """x_hat = z + mu, of one parameter mu."""

    def __init__(self, mu: Float[Tensor, " D"]) -> None:
        super().__init__()
        self.mu = nn.Parameter(mu)

    def forward(self, z: Latents) -> Images:
        return (z + self.mu)[:, None, None]


class Affine(nn.Module):
    """q(z|x) = Normal(A x + b, 2/3), of the parameters A and b."""

    def __init__(self, A: Float[Tensor, "D D"], b: Float[Tensor, " D"]) -> None:
        super().__init__()
        self.A, self.b = nn.Parameter(A), nn.Parameter(b)

    def forward(self, x: Images) -> tuple[Latents, Latents]:
        mu = x.flatten(1) @ self.A.T + self.b
        return mu, torch.full_like(mu, math.log(2 / 3))


class Unsquashed(Gaussian):
    """Normal(outputs, sigma^2)."""

    def mean(self, logits: Pixels) -> Pixels:
        return logits


def near_the_posterior(
    generator: torch.Generator, D: int = 20, count: int = 20, away: float = 0.01
) -> tuple[IWAE, Images]:
    """The paper's example, p(x|z) = Normal(z + mu, 1) with D dimensions, and `count` x of it.

    The posterior is Normal((x - mu) / 2, 1/2); q(z|x) has its mean, but for parameters moved by Normal(0, away^2), and
    a variance of 2/3, so that its weights are uneven.
    """

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, device=generator.device)

    mu = normal(D)
    model = IWAE(IWAEOptions(latent_dim=D, network="mlp"), (1, 1, D))
    model.encoder = Affine(torch.eye(D, device=mu.device) / 2 + away * normal(D, D), -mu / 2 + away * normal(D))
    model.decoder = Shifted(mu + away * normal(D))
    model.likelihood = Unsquashed(1.0)
    x = normal(count, D) + mu + normal(count, D)
    return model, x[:, None, None]
