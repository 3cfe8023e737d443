"""The contract of a model: what training, evaluation, figures and experiments ask of every model in this folder."""

import dataclasses
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from foundation.data.splits import Data
from foundation.errors import InputError, suggest
from foundation.objective import Objective
from foundation.options import ModelOptions, TrainOptions
from foundation.rung import Description, Traits
from foundation.weights import save_weights
from paper.models.likelihoods import Images as Pixels
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


def options_of(kind: type[ModelOptions], choices: dict[str, Any]) -> Any:
    """The options that keyword arguments stand for. Raises `InputError` for a name that is none of them."""
    known = [field.name for field in dataclasses.fields(kind)]
    for name in choices:
        if name not in known:
            raise InputError(f"{name}: unknown, expected one of {', '.join(known)}{suggest(name, known)}")
    return kind(**choices)


class Model(nn.Module):
    """Encoder, decoder and likelihood; noise and conditions are arguments.

    A model is made as `Model(options, image_shape, class_count)`, states its parts in `traits`, and defines `encode`,
    `decode`, `forward` and `loss`; the other methods have the meaning that most models share.
    """

    traits: ClassVar[Traits] = Traits()
    options_type: ClassVar[type[ModelOptions]] = ModelOptions
    """What keyword arguments of a model that is made without options become"""
    options: Any
    """Its own options, a `ModelOptions`"""
    image_shape: tuple[int, int, int]
    class_count: int
    likelihood: Likelihood

    def noise_shape(self, count: int) -> tuple[int, ...]:
        """Shape of eps for `count` images; images come first."""
        raise NotImplementedError

    def prior_shape(self, count: int) -> tuple[int, ...]:
        """Shape of the eps of which `prior` makes `count` draws: that of z, unless z are entries of a codebook."""
        return count, self.noise_shape(1)[-1]

    def condition(self, x: Images | None, labels: Labels | None = None) -> Tensor | None:
        """The condition that encoder and decoder are given for these images or labels; None without one."""
        return None

    def encode(self, x: Images, c: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """mu and logvar of q(z|x); a model without a variance gives z and None."""
        raise NotImplementedError

    def code(self, mu: Tensor, logvar: Any) -> Tensor:
        """The z that stands for an image in pictures, of what `encode` gave: z for eps = 0, the mean of a Gaussian."""
        return mu

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

    def log_prob(self, logits: Pixels, x: Pixels) -> Values:
        """log p(x|z) of each image in nats, over the pixels that are modelled.

        With K draws of z for each image, the outputs (N, K, C, H, W) go with x as (N, 1, C, H, W), and give (N, K).
        """
        return self.likelihood.log_prob(logits, x)

    def before_training(self, data: Data[np.ndarray], options: TrainOptions) -> Data[np.ndarray]:
        """See the data once, before the first step; what is trained on, and measured after every epoch."""
        return data

    def after_step(self, run: Any) -> None:
        """Update what is learned without gradients, after each training step: the sigma of one likelihood."""
        self.likelihood.after_step()

    @torch.no_grad()
    def reconstruct(self, x: Images, c: Tensor | None = None) -> Images:
        """x_hat in [0, 1] from the code of x."""
        return self.sample(self.code(*self.encode(x, c)), c)

    @torch.no_grad()
    def sample(self, z: Tensor, c: Tensor | None = None) -> Images:
        """x_hat in [0, 1], the expected image, for z from the prior or chosen; without gradients, unlike `decode`."""
        return self.likelihood.mean(self.decode(z, c))

    @torch.no_grad()
    def draw(self, z: Tensor, c: Tensor | None, generator: torch.Generator) -> Images:
        """An image from p(x|z)."""
        return self.likelihood.draw(self.decode(z, c), generator)

    def draw_latents(self, count: int, seed: int = 0) -> Tensor:
        """z from the prior, (count, Z) or maps of entries, by the seed, for `sample`.

        Raises `InputError` for a model without a prior.
        """
        if not self.traits.prior:
            raise InputError(f"{self.options.model}: expected a model with a prior, from which z can be drawn")
        eps = np.random.default_rng(seed).standard_normal(self.prior_shape(count))
        mould = next(self.parameters())
        return self.prior(torch.from_numpy(eps).to(mould.device, mould.dtype))

    def save(self, path: str | Path) -> None:
        """Write weights and what makes the model again into one .safetensors file, which `paper.load` reads."""
        tensors = {name: value.detach().cpu().numpy() for name, value in self.state_dict().items()}
        save_weights(path, tensors, Description.of(self.options, self.image_shape, self.class_count))

    def mask(self) -> Float[Tensor, "H W"]:
        """1 where a pixel is given. Raises `InputError` for a model that is not given a part of the image."""
        raise InputError(f"{self.options.model}: expected a model that completes images")

    def codes(self, x: Images) -> Int[Tensor, "N h w"]:
        """The entry of the codebook at every place. Raises `InputError` for a model without a codebook."""
        raise InputError(f"{self.options.model}: expected a model with a codebook")


__all__ = ["Images", "Labels", "Latents", "Model", "ModelOptions", "Scalar", "Values"]
