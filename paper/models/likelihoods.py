"""p(x|z): what the decoder's logits say about an image, as densities, as the expected image, and as draws."""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from foundation.data.dataset import LEVELS
from foundation.errors import InputError
from foundation.objective import SMALLEST_SIGMA
from paper.training.distributed import sum_over_processes

Images = Float[Tensor, "... C H W"]
"""Images, or outputs for them; with K draws of z for each image, outputs (N, K, C, H, W) and images (N, 1, C, H, W)."""
Counted = Float[Tensor, "H W"]
Values = Float[Tensor, "..."]

LINEAR = 40.0
"""log(1 + exp(l)) is l beyond this, to the last digit of a float64; torch's own 20 leaves an error of 2e-9."""
SMALL = 0.1
"""Continuous Bernoulli: logits nearer to 0 than this go into a series."""
STEEPEST = 1e4
"""Continuous Bernoulli: the expected pixel at these logits is 1e-4 from black or white."""
BISECTIONS = 60
HALF = 0.5 / (LEVELS - 1)
"""Half the distance of two levels."""


class Likelihood(nn.Module):
    """Pixels are independent given z, so that log p(x|z) is a sum over them."""

    def log_density(self, logits: Images, x: Images) -> Images:
        """log p(x_i|z) of every pixel, in nats."""
        raise NotImplementedError

    def log_prob(self, logits: Images, x: Images, counted: Counted | None = None) -> Values:
        """log p(x|z) in nats, summed over the pixels of each image; x broadcasts over draws, without copies.

        With `counted`, 1 at some pixels and 0 at the others, only the former are modelled.
        """
        return sum_over_pixels(self.log_density(logits, x), counted)

    def mean(self, logits: Images) -> Images:
        """x_hat, the expected image, in [0, 1]."""
        return torch.sigmoid(logits)

    def outputs_for(self, mean: Images) -> Images:
        """The outputs whose expected image is this, of values inside (0, 1): `mean` undone."""
        return torch.logit(mean)

    def draw(self, logits: Images, generator: torch.Generator) -> Images:
        """An image from p(x|z)."""
        raise NotImplementedError

    def after_step(self) -> None:
        """Update what is learned without gradients, after each training step; most likelihoods learn nothing so."""


def sum_over_pixels(values: Images, counted: Counted | None) -> Values:
    """The sum over the pixels of each image, or over those that count."""
    return (values if counted is None else values * counted).flatten(-3).sum(-1)


class Bernoulli(Likelihood):
    """Each pixel black or white, white with probability sigmoid(logits).

    On grey pixels its "density" is no density: it does not integrate to 1 over [0, 1]. See `ContinuousBernoulli`.
    """

    def log_density(self, logits: Images, x: Images) -> Images:
        """x log lambda + (1 - x) log(1 - lambda), with lambda = sigmoid(logits)."""
        return -F.binary_cross_entropy_with_logits(logits, x.expand_as(logits), reduction="none")

    def log_prob(self, logits: Images, x: Images, counted: Counted | None = None) -> Values:
        """The same sum, for several draws as sum x l - sum softplus(l): the first is a product of matrices."""
        if logits.shape == x.shape or counted is not None:
            return super().log_prob(logits, x, counted)
        l = logits.flatten(-3)
        inner = (l @ x.flatten(-3).transpose(-1, -2)).squeeze(-1)
        return inner - F.softplus(l, threshold=LINEAR).sum(-1)

    def draw(self, logits: Images, generator: torch.Generator) -> Images:
        """Black and white pixels."""
        return torch.bernoulli(self.mean(logits), generator=generator)


class Gaussian(Likelihood):
    """Normal(sigmoid(logits), sigma^2) for each pixel (Kingma & Welling 2014, appendix C.2, with one fixed sigma)."""

    def __init__(self, sigma: float) -> None:
        super().__init__()
        self.log_sigma: float | Tensor = math.log(sigma)

    def sigma(self) -> float | Tensor:
        """Standard deviation of a pixel."""
        return math.exp(self.log_sigma)

    def log_density(self, logits: Images, x: Images) -> Images:
        """-((x - mean) / sigma)^2 / 2 - log sigma - log(2 pi) / 2."""
        standardised = (x - self.mean(logits)) / self.sigma()
        return -0.5 * standardised.square() - self.log_sigma - 0.5 * math.log(2 * math.pi)

    def draw(self, logits: Images, generator: torch.Generator) -> Images:
        """The mean with noise; a pixel may leave [0, 1]."""
        noise = torch.randn(logits.shape, generator=generator, device=logits.device, dtype=logits.dtype)
        return self.mean(logits) + self.sigma() * noise


class LearnedGaussian(Gaussian):
    """`Gaussian` with log sigma a parameter: the sigma-VAE (Rybkin et al. 2021, arXiv:2006.13202).

    One sigma for all pixels of all images. With one for each pixel there is no best value: a pixel that never changes,
    such as MNIST's corners, is predicted ever better, its sigma goes to 0 and its density to infinity.
    """

    log_sigma: nn.Parameter

    def __init__(self, sigma: float) -> None:
        super().__init__(sigma)
        self.log_sigma = nn.Parameter(torch.tensor(math.log(sigma)))

    def sigma(self) -> Tensor:
        """Standard deviation of a pixel, as learned so far."""
        return torch.exp(self.log_sigma)


class OptimalGaussian(Gaussian):
    r"""`Gaussian` whose sigma is the best one for each batch: the optimal sigma-VAE (Rybkin et al. 2021).

        sigma*^2 = argmin_sigma^2 E[-log Normal(x | x_hat, sigma^2 I)] = mean over images and pixels of (x - x_hat)^2

    With it -log p(x|z) is D/2 (1 + log 2 pi sigma*^2), for D pixels, on average over the batch. The gradient of this
    average is that of the squared error over 2 sigma*^2 with sigma* held fixed, as it is here: at the optimum the
    average has no slope in sigma. (A single image's has one; losses that weigh images unequally need another.)

    As with the statistics of batch normalisation, a batch has its own sigma in `train()` mode, where gradients are
    computed. Elsewhere all images have one running value, a buffer that is saved with the weights: the mean squared
    error of the last steps' images, each step's share falling by `DECAY`; it is 1 before the first step. So a loss of
    test images does not depend on how they fall into batches, and no test image is given a sigma that was chosen by it.
    """

    DECAY = 0.99
    """How much of a step's weight in the running value stays at the next step: it follows the last hundred steps."""
    log_sigma: Tensor
    seen: Tensor
    """How many pixels a step has, as a moving average from 0: the first step alone decides sigma."""

    def __init__(self) -> None:
        super().__init__(1.0)
        del self.log_sigma
        self.register_buffer("log_sigma", torch.tensor(0.0))
        self.register_buffer("seen", torch.tensor(0.0))
        self._batch: tuple[Tensor, Tensor] | None = None

    def sigma(self) -> Tensor:
        """Standard deviation of a pixel: the running value."""
        return torch.exp(self.log_sigma)

    def log_prob(self, logits: Images, x: Images, counted: Counted | None = None) -> Values:
        """log p(x|z), under the batch's own sigma* in training, a mean over all processes; under `sigma` elsewhere."""
        if not (self.training and torch.is_grad_enabled()):
            return super().log_prob(logits, x, counted)
        error = (x - self.mean(logits)).square()
        squares = sum_over_pixels(error.detach(), counted).sum()
        pixels = sum_over_pixels(torch.ones_like(error), counted).sum()
        squares, pixels = sum_over_processes(torch.stack([squares, pixels]))
        variance = (squares / pixels).clamp(min=SMALLEST_SIGMA**2)
        self._batch = variance, pixels
        return sum_over_pixels(-0.5 * (error / variance + torch.log(2 * math.pi * variance)), counted)

    @torch.no_grad()
    def after_step(self) -> None:
        """One step of the running value: the batch's mean square, by its share of the pixels."""
        if self._batch is None:
            return
        variance, pixels = self._batch
        self._batch = None
        self.seen.lerp_(pixels, 1 - self.DECAY)
        share = (1 - self.DECAY) * pixels / self.seen
        self.log_sigma.copy_(torch.lerp(torch.exp(2 * self.log_sigma), variance, share).log() / 2)


class ContinuousBernoulli(Likelihood):
    r"""Grey pixels under the Bernoulli's formula, normalised (Loaiza-Ganem & Cunningham 2019, arXiv:1907.06845).

        p(x|lambda) = C(lambda) lambda^x (1 - lambda)^(1 - x),   x in [0, 1],   lambda = sigmoid(logits)

    Binary cross-entropy on grey pixels leaves C out. C is no constant: it grows without bound as lambda nears 0 or 1,
    so that a model trained without it is too unsure. And lambda is not the expected pixel; `mean` is.
    """

    def log_density(self, logits: Images, x: Images) -> Images:
        """log C minus the binary cross-entropy."""
        cross_entropy = F.binary_cross_entropy_with_logits(logits, x.expand_as(logits), reduction="none")
        return log_normaliser(logits) - cross_entropy

    def mean(self, logits: Images) -> Images:
        """x_hat = E[x] = lambda / (2 lambda - 1) + 1 / (2 artanh(1 - 2 lambda)); by logits, 1 / (1 - exp(-l)) - 1 / l.

        It is nearer to 1/2 than lambda: 0.1 where l = -10 and lambda = 0.00005.
        """
        near, l, l_near = _split(logits)
        series = 0.5 + l_near / 12 - l_near**3 / 720 + l_near**5 / 30240
        size = l.abs()  # no exponential of a negative number overflows; E[x] for -l is 1 - E[x] for l
        positive = -1 / torch.expm1(-size) - 1 / size
        return torch.where(near, series, torch.where(l > 0, positive, 1 - positive))

    def outputs_for(self, mean: Images) -> Images:
        """By bisection: `mean` rises with the logits, and its inverse has no closed form."""
        low, high = torch.full_like(mean, -STEEPEST), torch.full_like(mean, STEEPEST)
        for _ in range(BISECTIONS):
            middle = (low + high) / 2
            below = self.mean(middle) < mean
            low, high = torch.where(below, middle, low), torch.where(below, high, middle)
        return (low + high) / 2

    def draw(self, logits: Images, generator: torch.Generator) -> Images:
        """Grey pixels, by the inverse of the distribution function F(x) = (exp(l x) - 1) / (exp(l) - 1)."""
        u = torch.rand(logits.shape, generator=generator, device=logits.device, dtype=logits.dtype)
        size = logits.abs().clamp(min=1e-6)  # below, the density is flat; at 0, F is 0 / 0
        negative = -torch.log1p(u * torch.expm1(-size)) / size
        return torch.where(logits > 0, 1 - negative, negative)


def log_normaliser(logits: Images) -> Images:
    """log C(lambda) = log(2 artanh(1 - 2 lambda) / (1 - 2 lambda)), which for logits l is log(l / tanh(l / 2)).

    At l = 0 this is 0 / 0, with the limit log 2. Nearby the parts of its gradient cancel, so a series takes its place.
    """
    near, l, l_near = _split(logits)
    h = (l_near / 2).square()
    series = math.log(2) + h / 3 - 7 * h**2 / 90 + 62 * h**3 / 2835
    size = l.abs()
    # tanh(l / 2) = (1 - exp(-l)) / (1 + exp(-l))
    direct = torch.log(size) + torch.log1p(torch.exp(-size)) - torch.log(-torch.expm1(-size))
    return torch.where(near, series, direct)


def _split(logits: Images) -> tuple[Bool[Tensor, "... C H W"], Images, Images]:
    """Which logits are nearly 0; all logits for the formula; all for the series.

    Where one of the two is not used it is given 1 or 0, so that it cannot be NaN or infinite: `torch.where` multiplies
    the gradient of what it leaves out by 0, which does not help against those.
    """
    near = logits.abs() < SMALL
    return near, torch.where(near, 1.0, logits), torch.where(near, logits, 0.0)


class DiscretisedLogistic(Likelihood):
    r"""Probabilities of the 256 levels of a pixel (Kingma et al. 2016; Salimans et al. 2017, eq. 2).

        P(x|mu, s) = F((x + h - mu) / s) - F((x - h - mu) / s),   F(t) = 1 / (1 + exp(-t)),   h = 1 / 510

    A logistic variable of location mu and scale s, clipped to [0, 1] and rounded to the nearest level: level 0 has all
    that lies below h, level 255 all that lies above 1 - h. As in the code of Salimans et al. the logits are mu where
    black is -1 and white is 1, without bounds: mu = (1 + logits) / 2 may leave [0, 1], and then black or white is
    nearly certain. One s for all pixels of all images is learned, as `LearnedGaussian` has one sigma; `sigma` is the
    standard deviation at the start, s pi / sqrt(3). A probability is at most 1: where predictions are ever better the
    loss goes to 0, not to minus infinity as that of a density.
    """

    def __init__(self, sigma: float) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(math.log(sigma * math.sqrt(3) / math.pi)))

    def log_density(self, logits: Images, x: Images) -> Images:
        """log P(x_i|z) of every pixel; x must lie on the levels.

        F(a) - F(b) = F(a) F(-b) (1 - exp(b - a)), whose logarithm neither underflows nor cancels, however far x lies
        from mu; at the ends one of the first two factors is 1, and the third is left out.
        """
        location, scale = (1 + logits) / 2, torch.exp(self.log_scale)
        below = F.logsigmoid((x + HALF - location) / scale)
        above = F.logsigmoid((location - x + HALF) / scale)
        width = torch.log(-torch.expm1(-2 * HALF / scale))
        inner = torch.where(x > 1 - HALF, above, below + above + width)
        return torch.where(x < HALF, below, inner)

    def mean(self, logits: Images) -> Images:
        """x_hat = s log((1 + exp(mu / s)) / (1 + exp((mu - 1) / s))), the mean after clipping and before rounding.

        Rounding moves it by less than half a level; by a hundredth of one where s is a level or more.
        """
        scale = torch.exp(self.log_scale)
        distance = logits.abs() / 2  # of mu from 1/2; the mean for -l is 1 - the mean for l
        inside, outside = ((side - distance) / scale for side in (0.5, -0.5))
        lower = scale * (F.softplus(inside, threshold=LINEAR) - F.softplus(outside, threshold=LINEAR))
        return torch.where(logits > 0, 1 - lower, lower).clamp(0, 1)

    def outputs_for(self, mean: Images) -> Images:
        """mu = x + s log((1 - exp(-x / s)) / (1 - exp((x - 1) / s))), which is `mean` undone."""
        scale = torch.exp(self.log_scale.detach())
        location = mean + scale * (torch.log(-torch.expm1(-mean / scale)) - torch.log(-torch.expm1((mean - 1) / scale)))
        return 2 * location - 1

    def draw(self, logits: Images, generator: torch.Generator) -> Images:
        """Pixels on the levels, by the inverse of F."""
        u = torch.rand(logits.shape, generator=generator, device=logits.device, dtype=logits.dtype)
        x = (1 + logits) / 2 + torch.exp(self.log_scale) * torch.logit(u)
        return torch.round(x.clamp(0, 1) * (LEVELS - 1)) / (LEVELS - 1)


def make_likelihood(name: str, sigma: float) -> Likelihood:
    """The likelihood of that name. `sigma` is for those that have one. Raises `InputError` for an unknown name."""
    made: dict[str, Callable[[], Likelihood]] = {
        "bernoulli": Bernoulli,
        "gaussian": lambda: Gaussian(sigma),
        "gaussian-learned": lambda: LearnedGaussian(sigma),
        "gaussian-optimal": OptimalGaussian,
        "continuous-bernoulli": ContinuousBernoulli,
        "discretised-logistic": lambda: DiscretisedLogistic(sigma),
    }
    if name not in made:
        raise InputError(f"likelihood: expected one of {', '.join(made)}, got {name!r}")
    return made[name]()
