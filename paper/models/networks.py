"""Encoders and decoders: the ladder's convolutions, or linear layers of any widths.

An encoder maps x to mu and logvar, a decoder z to logits of an image's shape, the parameters of p(x|z). Both may be
given a condition, concatenated to their input.
"""

import itertools
import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from foundation.architecture import Architecture
from paper import vae_paper
from paper.models.options import VAEOptions
from paper.vae_paper import DOWN, UP

Images = Float[Tensor, "N C H W"]
Latents = Float[Tensor, "N Z"]
ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh}


def make_encoder(options: VAEOptions, input_shape: tuple[int, int, int], condition_dim: int = 0) -> nn.Module:
    """x (N, *input_shape) -> mu, logvar, each (N, Z); an mlp takes a condition (N, condition_dim) as well."""
    if options.network == "mlp":
        return MLPEncoder(options, input_shape, condition_dim)
    if len(options.hidden_dims) > 1:
        return ConvEncoder(options, input_shape)
    # The ladder's own, whose weights have the names of rungs 1 and 2.
    return vae_paper.Encoder(_architecture(options, input_shape, options.latent_dim))


def make_decoder(options: VAEOptions, image_shape: tuple[int, int, int], condition_dim: int = 0) -> nn.Module:
    """z (N, Z + condition_dim) -> outputs (N, *image_shape); the caller puts the condition behind z."""
    if options.network == "mlp":
        return MLPDecoder(options, image_shape, condition_dim)
    if len(options.hidden_dims) > 1:
        return conv_decoder(options, image_shape, condition_dim)
    return vae_paper.Decoder(_architecture(options, image_shape, options.latent_dim + condition_dim))


def make_embedding(options: VAEOptions, input_shape: tuple[int, int, int]) -> nn.Module:
    """A condition that is an image (N, *input_shape) -> a vector (N, hidden_dims[-1]), by the encoder's layers."""
    if options.network == "mlp":
        return nn.Sequential(
            nn.Flatten(), *hidden_layers((math.prod(input_shape), *options.hidden_dims), options.activation)
        )
    return nn.Sequential(*conv_layers(options, input_shape))


def _architecture(options: VAEOptions, image_shape: tuple[int, int, int], latent_dim: int) -> Architecture:
    return Architecture(latent_dim, options.channels, options.hidden_dims[0], image_shape)


def conv_layers(options: VAEOptions, input_shape: tuple[int, int, int]) -> list[nn.Module]:
    """The ladder's convolutions, then any number of hidden linear layers, each followed by ReLU."""
    c1, c2 = options.channels
    features = math.prod(_architecture(options, input_shape, options.latent_dim).feature_shape)
    convolutions = [nn.Conv2d(input_shape[0], c1, 3, **DOWN), nn.ReLU(), nn.Conv2d(c1, c2, 3, **DOWN)]
    return [*convolutions, nn.ReLU(), nn.Flatten(), *hidden_layers((features, *options.hidden_dims), "relu")]


def hidden_layers(sizes: tuple[int, ...], activation: str) -> list[nn.Module]:
    """Linear layers from the first size to the last, each followed by the activation."""
    return [layer for pair in itertools.pairwise(sizes) for layer in (nn.Linear(*pair), ACTIVATIONS[activation]())]


class MLPEncoder(nn.Module):
    """Kingma & Welling (2014), appendix C.2, with any number of hidden layers."""

    def __init__(self, options: VAEOptions, input_shape: tuple[int, int, int], condition_dim: int = 0) -> None:
        super().__init__()
        sizes = (math.prod(input_shape) + condition_dim, *options.hidden_dims)
        self.hidden = nn.Sequential(*hidden_layers(sizes, options.activation))
        self.mu = nn.Linear(sizes[-1], options.latent_dim)
        self.logvar = nn.Linear(sizes[-1], options.latent_dim)

    def forward(self, x: Images, condition: Float[Tensor, "N K"] | None = None) -> tuple[Latents, Latents]:
        pixels = x.flatten(1)
        h = self.hidden(pixels if condition is None else torch.cat([pixels, condition], dim=1))
        return self.mu(h), self.logvar(h)


class MLPDecoder(nn.Module):
    """The encoder's widths in reverse, ending in one output a pixel (appendix C.1)."""

    def __init__(self, options: VAEOptions, image_shape: tuple[int, int, int], condition_dim: int = 0) -> None:
        super().__init__()
        self.image_shape = image_shape
        sizes = (options.latent_dim + condition_dim, *reversed(options.hidden_dims))
        self.hidden = nn.Sequential(*hidden_layers(sizes, options.activation))
        self.outputs = nn.Linear(sizes[-1], math.prod(image_shape))

    def forward(self, z: Latents) -> Images:
        return self.outputs(self.hidden(z)).unflatten(1, self.image_shape)


class ConvEncoder(nn.Module):
    """The ladder's encoder with several hidden linear layers, not one."""

    def __init__(self, options: VAEOptions, input_shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.hidden = nn.Sequential(*conv_layers(options, input_shape))
        self.mu = nn.Linear(options.hidden_dims[-1], options.latent_dim)
        self.logvar = nn.Linear(options.hidden_dims[-1], options.latent_dim)

    def forward(self, x: Images) -> tuple[Latents, Latents]:
        h = self.hidden(x)
        return self.mu(h), self.logvar(h)


def conv_decoder(options: VAEOptions, image_shape: tuple[int, int, int], condition_dim: int = 0) -> nn.Sequential:
    """The layers of `ConvEncoder` in reverse, ending in one output a pixel."""
    c1, c2 = options.channels
    feature_shape = _architecture(options, image_shape, options.latent_dim).feature_shape
    sizes = (options.latent_dim + condition_dim, *reversed(options.hidden_dims), math.prod(feature_shape))
    up = [nn.ConvTranspose2d(c2, c1, 3, **UP), nn.ReLU(), nn.ConvTranspose2d(c1, image_shape[0], 3, **UP)]
    return nn.Sequential(*hidden_layers(sizes, "relu"), nn.Unflatten(1, feature_shape), *up)
