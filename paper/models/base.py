"""The contract of a model: what training, evaluation, figures and experiments ask of every model in this folder."""

from typing import Any, ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from foundation.errors import InputError
from foundation.objective import Objective
from foundation.options import ModelOptions
from foundation.rung import Traits
from paper.models.likelihoods import Likelihood, Values
from paper.vae_paper import reparameterize

Images = Float[Tensor, "N C H W"]
Latents = Float[Tensor, "N Z"]
Labels = Int[Tensor, " N"]
Scalar = Float[Tensor, ""]


def need(c: Tensor | None) -> Tensor:
    """The condition. Raises `InputError` where there is none, for a model that needs one."""
    if c is None:
        raise InputError("c: expected the condition that the model is given, got none")
    return c


class Model(nn.Module):
    """Encoder, decoder and likelihood; noise and conditions are arguments.

    A model is made as `Model(options, image_shape, class_count)`, states its parts in `traits`, and defines `encode`,
    `decode`, `forward` and `loss`; the other methods have the meaning that most models share.
    """

    traits: ClassVar[Traits] = Traits()
    options: Any
    """Its own options, a `ModelOptions`"""
    image_shape: tuple[int, int, int]
    class_count: int
    likelihood: Likelihood

    def noise_shape(self, count: int) -> tuple[int, ...]:
        """Shape of eps for `count` images; images come first."""
        raise NotImplementedError

    def condition(self, x: Images | None, labels: Labels | None = None) -> Tensor | None:
        """The condition that encoder and decoder are given for these images or labels; None without one."""
        return None

    def encode(self, x: Images, c: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """mu and logvar of q(z|x); a model without a variance gives z and None."""
        raise NotImplementedError

    def code(self, x: Images, c: Tensor | None = None) -> Tensor:
        """The z that stands for x in pictures: that of eps = 0, the mean of a Gaussian q(z|x)."""
        return self.encode(x, c)[0]

    def prior(self, eps: Tensor, c: Tensor | None = None) -> Tensor:
        """z from p(z), or p(z|c), for eps from N(0, I): eps itself where that is the prior."""
        return eps

    def draw_z(self, mu: Latents, logvar: Latents, eps: Latents, c: Tensor | None = None) -> tuple[Latents, Values]:
        """z from q(z|x) for eps from N(0, I), and log p(z) - log q(z|x) of each z in nats.

        mu and logvar are what `encode` gave, a row for each row of eps. With z = mu + sigma eps and the prior N(0, I)
        the difference is (eps^2 + logvar - z^2) / 2: the factors 1 / sqrt(2 pi) cancel.
        """
        z = reparameterize(mu, logvar, eps)
        return z, 0.5 * (eps.square() + logvar - z.square()).sum(1)

    def decode(self, z: Tensor, c: Tensor | None = None) -> Images:
        """The outputs that `likelihood` turns into densities, an expected image, or draws; logits for a Bernoulli."""
        raise NotImplementedError

    def loss(self, run: Any, x: Images, objective: Objective) -> Any:
        """The objective and its parts, in nats per image, for what `forward` gave: a NamedTuple, `loss` first."""
        raise NotImplementedError

    def log_prob(self, logits: Images, x: Images) -> Values:
        """log p(x|z) of each image in nats, over the pixels that are modelled."""
        return self.likelihood.log_prob(logits, x)

    def after_step(self, run: Any) -> None:
        """Update what is learned without gradients, after each training step; most models have nothing to update."""

    def reconstruct(self, x: Images, c: Tensor | None = None) -> Images:
        """x_hat in [0, 1] from the code of x."""
        return self.sample(self.code(x, c), c)

    def sample(self, z: Tensor, c: Tensor | None = None) -> Images:
        """x_hat in [0, 1], the expected image, for latents from the prior or chosen."""
        return self.likelihood.mean(self.decode(z, c))

    def draw(self, z: Tensor, c: Tensor | None, generator: torch.Generator) -> Images:
        """An image from p(x|z)."""
        return self.likelihood.draw(self.decode(z, c), generator)

    def mask(self) -> Float[Tensor, "H W"]:
        """1 where a pixel is given. Raises `InputError` for a model that is not given a part of the image."""
        raise InputError(f"{self.options.model}: expected a model that completes images")

    def codes(self, x: Images) -> Int[Tensor, "N h w"]:
        """The entry of the codebook at every place. Raises `InputError` for a model without a codebook."""
        raise InputError(f"{self.options.model}: expected a model with a codebook")


__all__ = ["Images", "Labels", "Latents", "Model", "ModelOptions", "Scalar", "Values"]
