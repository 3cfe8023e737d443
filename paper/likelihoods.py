"""p(x|z): what the decoder's outputs say about an image, as densities, as the expected image, and as draws."""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

Images = Float[Tensor, "N C H W"]
Values = Float[Tensor, " N"]


class Bernoulli(nn.Module):
    """Each pixel black or white, white with probability sigmoid(outputs).

    On grey pixels its "density" is no density: it does not integrate to 1 over [0, 1]. See `ContinuousBernoulli`.
    """

    def log_prob(self, outputs: Images, x: Images) -> Values:
        """log p(x|z) in nats, summed over the pixels of each image."""
        return -F.binary_cross_entropy_with_logits(outputs, x, reduction="none").flatten(1).sum(1)

    def mean(self, outputs: Images) -> Images:
        """x_hat, the expected image, in [0, 1]."""
        return torch.sigmoid(outputs)

    def draw(self, outputs: Images, generator: torch.Generator) -> Images:
        """An image from p(x|z)."""
        return torch.bernoulli(self.mean(outputs), generator=generator)


class Gaussian(nn.Module):
    """Normal(sigmoid(outputs), sigma^2) for each pixel (Kingma & Welling 2014, appendix C.2, with one fixed sigma)."""

    def __init__(self, sigma: float) -> None:
        super().__init__()
        self.log_sigma = math.log(sigma)

    def log_prob(self, outputs: Images, x: Images) -> Values:
        """log p(x|z) in nats, constant included, summed over the pixels of each image."""
        standardised = (x - self.mean(outputs)) * math.exp(-self.log_sigma)
        return -(0.5 * standardised.square() + self.log_sigma + 0.5 * math.log(2 * math.pi)).flatten(1).sum(1)

    def mean(self, outputs: Images) -> Images:
        """x_hat, the expected image, in [0, 1]."""
        return torch.sigmoid(outputs)

    def draw(self, outputs: Images, generator: torch.Generator) -> Images:
        """An image from p(x|z); it may leave [0, 1]."""
        noise = torch.randn(outputs.shape, generator=generator, device=outputs.device, dtype=outputs.dtype)
        return self.mean(outputs) + math.exp(self.log_sigma) * noise


def make_likelihood(name: str, sigma: float) -> nn.Module:
    """The likelihood of that name; see `paper.options.Likelihood`."""
    return {"bernoulli": Bernoulli, "gaussian": lambda: Gaussian(sigma)}[name]()
