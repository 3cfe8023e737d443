"""Encoders and decoders: the ladder's convolutions, deeper ones for larger images, or linear layers of any widths.

An encoder maps x to mu and logvar, a decoder z to logits of an image's shape, the parameters of p(x|z). Both may be
given a condition, concatenated to their input.
"""

import itertools
import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from foundation.architecture import Architecture
from foundation.errors import InputError
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
    if not options.is_of_the_ladder():
        return ConvEncoder(options, input_shape)
    # The ladder's own, whose weights have the names of rungs 1 and 2.
    return vae_paper.Encoder(_architecture(options, input_shape, options.latent_dim))


def make_decoder(options: VAEOptions, image_shape: tuple[int, int, int], condition_dim: int = 0) -> nn.Module:
    """z (N, Z + condition_dim) -> outputs (N, *image_shape); the caller puts the condition behind z."""
    if options.network == "mlp":
        return MLPDecoder(options, image_shape, condition_dim)
    if not options.is_of_the_ladder():
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
    c1, c2 = options.channels
    return Architecture(latent_dim, (c1, c2), options.hidden_dims[0], image_shape)


def feature_shape(channels: tuple[int, ...], image_shape: tuple[int, int, int]) -> tuple[int, int, int]:
    """The shape after a convolution of stride 2 for each of the channels. Raises `InputError` for sizes left over."""
    _, height, width = image_shape
    halved = 2 ** len(channels)
    if height % halved or width % halved:
        raise InputError(
            f"channels: {len(channels)} convolutions of stride 2 need height and width divisible by {halved}, "
            f"got {height}×{width}"
        )
    return channels[-1], height // halved, width // halved


class ResidualBlock(nn.Module):
    """x plus two convolutions of it (He et al. 2016, arXiv:1512.03385), without batch normalisation."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Images) -> Images:
        return F.relu(x + self.conv2(F.relu(self.conv1(x))))


def down_layers(channels: tuple[int, ...], inputs: int, residual_blocks: int) -> list[nn.Module]:
    """A convolution of stride 2 and ReLU for each of the channels, and residual blocks after each."""
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise((inputs, *channels)):
        layers += [nn.Conv2d(before, after, 3, **DOWN), nn.ReLU()]
        layers += [ResidualBlock(after) for _ in range(residual_blocks)]
    return layers


def up_layers(channels: tuple[int, ...], outputs: int, residual_blocks: int) -> list[nn.Module]:
    """The layers of `down_layers` in reverse, transposed; no ReLU at the end."""
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise((*reversed(channels), outputs)):
        layers += [ResidualBlock(before) for _ in range(residual_blocks)]
        layers += [nn.ConvTranspose2d(before, after, 3, **UP), nn.ReLU()]
    return layers[:-1]


def conv_layers(options: VAEOptions, input_shape: tuple[int, int, int]) -> list[nn.Module]:
    """The convolutions, then any number of hidden linear layers, each followed by ReLU."""
    features = math.prod(feature_shape(options.channels, input_shape))
    convolutions = down_layers(options.channels, input_shape[0], options.residual_blocks)
    return [*convolutions, nn.Flatten(), *hidden_layers((features, *options.hidden_dims), "relu")]


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
    """The ladder's encoder, deeper: any number of convolutions, residual blocks, and hidden linear layers."""

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
    features = feature_shape(options.channels, image_shape)
    sizes = (options.latent_dim + condition_dim, *reversed(options.hidden_dims), math.prod(features))
    up = up_layers(options.channels, image_shape[0], options.residual_blocks)
    return nn.Sequential(*hidden_layers(sizes, "relu"), nn.Unflatten(1, features), *up)
