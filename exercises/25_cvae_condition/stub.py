"""Exercise 25: a condition for modules. Read exercises/25_cvae_condition.md, then write the class and functions.

`sizes` is a dict: classes K, latents Z, channels (of both convolutions), hidden, image_shape (C, H, W);
`ConditionalVAE(**sizes)` takes it apart. The check calls with arrays: `@tensors` makes tensors of them, and arrays of
what you return. Leave those lines as they are.
"""

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from exercises.kit.tensors import tensors

DOWN: dict[str, Any] = {"kernel_size": 3, "stride": 2, "padding": 1}
UP: dict[str, Any] = {"kernel_size": 3, "stride": 2, "padding": 1, "output_padding": 1}


class _Encoder(nn.Module):
    """Given: images (N, inputs, H, W) of any number of channels -> mu, logvar, both (N, Z)."""

    def __init__(
        self, inputs: int, latents: int, channels: tuple[int, int], hidden: int, image_shape: tuple[int, int, int]
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, channels[0], **DOWN)
        self.conv2 = nn.Conv2d(channels[0], channels[1], **DOWN)
        self.fc = nn.Linear(channels[1] * (image_shape[1] // 4) * (image_shape[2] // 4), hidden)
        self.mu = nn.Linear(hidden, latents)
        self.logvar = nn.Linear(hidden, latents)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The mean and the log-variance."""
        h3 = F.relu(self.fc(F.relu(self.conv2(F.relu(self.conv1(x)))).flatten(1)))
        return self.mu(h3), self.logvar(h3)


class _Decoder(nn.Module):
    """Given: rows (N, inputs) of any length -> logits (N, C, H, W)."""

    def __init__(self, inputs: int, channels: tuple[int, int], hidden: int, image_shape: tuple[int, int, int]) -> None:
        super().__init__()
        image, height, width = image_shape
        self.feature_shape = channels[1], height // 4, width // 4
        self.fc1 = nn.Linear(inputs, hidden)
        self.fc2 = nn.Linear(hidden, math.prod(self.feature_shape))
        self.conv_transpose1 = nn.ConvTranspose2d(channels[1], channels[0], **UP)
        self.conv_transpose2 = nn.ConvTranspose2d(channels[0], image, **UP)

    def forward(self, z: Tensor) -> Tensor:
        """The logits."""
        h5 = F.relu(self.fc2(F.relu(self.fc1(z)))).unflatten(1, self.feature_shape)
        return self.conv_transpose2(F.relu(self.conv_transpose1(h5)))


class ConditionalVAE(nn.Module):
    """q(z|x, y) by a given encoder as `encoder`, p(x|z, y) by a given decoder as `decoder`.

    The encoder gets K planes behind the image's channels, the decoder K columns behind the latents.
    """

    def __init__(
        self,
        classes: int,
        latents: int,
        channels: tuple[int, int],
        hidden: int,
        image_shape: tuple[int, int, int],
    ) -> None:
        raise NotImplementedError

    def encode(self, x: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """mu and logvar of q(z|x, y), for images (N, C, H, W) and labels (N,) below K."""
        raise NotImplementedError

    def decode(self, z: Tensor, labels: Tensor) -> Tensor:
        """The logits of p(x|z, y), for latents (N, Z) and labels (N,) below K."""
        raise NotImplementedError


def _loaded(sizes: dict[str, Any], parameters: dict[str, Tensor]) -> ConditionalVAE:
    """Given: your class with these parameters, in float64."""
    model = ConditionalVAE(**sizes).double()
    model.load_state_dict(parameters)
    return model


@tensors()
def planes(labels: Tensor, classes: int, height: int, width: int) -> Tensor:
    """A label as an image: a plane for each class, white for the label's and black for the others.

    labels: (N,) whole numbers from 0 to classes - 1. classes: K. height, width: H and W.
    Returns (N, K, H, W) float64, of 0 and 1.
    """
    raise NotImplementedError


def shapes(sizes: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """Given: your class's state_dict by name and shape.

    sizes: as above.
    Returns a dict such as {"encoder.conv1.weight": (32, 11, 3, 3), ...}.
    """
    return {name: tuple(value.shape) for name, value in ConditionalVAE(**sizes).state_dict().items()}


@tensors()
def encode(sizes: dict[str, Any], parameters: dict[str, Tensor], x: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Given: your class's `encode` with these parameters.

    sizes: as above. parameters: a state_dict in float64. x: (N, C, H, W) float64. labels: (N,) whole numbers below K.
    Returns mu and logvar, both (N, Z) float64.
    """
    with torch.no_grad():
        return _loaded(sizes, parameters).encode(x, labels)


@tensors()
def decode(sizes: dict[str, Any], parameters: dict[str, Tensor], z: Tensor, labels: Tensor) -> Tensor:
    """Given: your class's `decode` with these parameters.

    sizes, parameters, labels: as in `encode`. z: (N, Z) float64.
    Returns logits (N, C, H, W) float64.
    """
    with torch.no_grad():
        return _loaded(sizes, parameters).decode(z, labels)


@tensors()
def completion(x: Tensor, mask: Tensor) -> Tensor:
    """The condition where a part of the image is given and the rest is wanted.

    x: (N, C, H, W) float64 in [0, 1]. mask: (H, W) float64, 1 where a pixel is given and 0 where it is missing.
    Returns (N, C + 1, H, W): the image, black where it is missing, and behind its channels the mask.
    """
    raise NotImplementedError


@tensors()
def completion_loss(logits: Tensor, x: Tensor, mask: Tensor, mu: Tensor, logvar: Tensor) -> dict[str, Tensor]:
    """The negative of the bound on log p(x|c) of the missing pixels, with the prior N(0, I), in nats per image.

    logits, x: (N, C, H, W). mask: (H, W), 1 where a pixel is given. mu, logvar: (N, Z), of q(z|x, c).
    Returns a dict of three tensors without axes: loss, reconstruction, kl.
    """
    raise NotImplementedError
