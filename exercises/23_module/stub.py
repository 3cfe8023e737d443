"""Exercise 23: layers that own their parameters. Read exercises/23_module.md, then write the classes and functions.

`sizes` is a dict: latents, channels (of both convolutions), hidden, image_shape (C, H, W); `VAE(**sizes)` takes it
apart. The check calls with arrays: `@tensors` makes tensors of them, and arrays of what you return. Leave those lines
as they are.
"""

import math
from typing import Any

import torch  # noqa: F401
import torch.nn.functional as F
from torch import Tensor, nn

from exercises.kit.tensors import tensors

DOWN: dict[str, Any] = {"kernel_size": 3, "stride": 2, "padding": 1}
UP: dict[str, Any] = {"kernel_size": 3, "stride": 2, "padding": 1, "output_padding": 1}


class _Decoder(nn.Module):
    """Given: z (N, Z) -> logits (N, C, H, W), rung 3's decoder."""

    def __init__(self, latents: int, channels: tuple[int, int], hidden: int, image_shape: tuple[int, int, int]) -> None:
        super().__init__()
        image, height, width = image_shape
        self.feature_shape = channels[1], height // 4, width // 4
        self.fc1 = nn.Linear(latents, hidden)
        self.fc2 = nn.Linear(hidden, math.prod(self.feature_shape))
        self.conv_transpose1 = nn.ConvTranspose2d(channels[1], channels[0], **UP)
        self.conv_transpose2 = nn.ConvTranspose2d(channels[0], image, **UP)

    def forward(self, z: Tensor) -> Tensor:
        """The logits of p(x|z)."""
        h5 = F.relu(self.fc2(F.relu(self.fc1(z)))).unflatten(1, self.feature_shape)
        return self.conv_transpose2(F.relu(self.conv_transpose1(h5)))


class Encoder(nn.Module):
    """x (N, C, H, W) -> mu, logvar, both (N, Z): conv1, conv2, fc, each with a ReLU behind it, then mu and logvar."""

    def __init__(self, latents: int, channels: tuple[int, int], hidden: int, image_shape: tuple[int, int, int]) -> None:
        raise NotImplementedError

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The mean and the log-variance of q(z|x)."""
        raise NotImplementedError


class VAE(nn.Module):
    """An Encoder as `encoder` and a _Decoder as `decoder`."""

    def __init__(self, latents: int, channels: tuple[int, int], hidden: int, image_shape: tuple[int, int, int]) -> None:
        raise NotImplementedError


class Centre(nn.Module):
    """Subtracts a fixed image, `mean`: not learned, but saved with the weights, and moved and cast with them."""

    def __init__(self, mean: Tensor) -> None:
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        """Each image less the mean."""
        raise NotImplementedError


def names(sizes: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """Given: the VAE's state_dict by name and shape.

    sizes: as above.
    Returns a dict such as {"encoder.conv1.weight": (32, 1, 3, 3), ...}.
    """
    return {name: tuple(value.shape) for name, value in VAE(**sizes).state_dict().items()}


@tensors()
def encode(sizes: dict[str, Any], parameters: dict[str, Tensor], x: Tensor) -> tuple[Tensor, Tensor]:
    """The encoder's result with these parameters, off the tape.

    sizes: as above. parameters: a whole state_dict of rung 1, in float64 and in any order. x: (N, C, H, W) float64.
    Returns mu and logvar, both (N, Z) float64.
    """
    raise NotImplementedError


@tensors()
def gradients(sizes: dict[str, Any], parameters: dict[str, Tensor], x: Tensor) -> dict[str, Tensor]:
    """The gradient of the KL divergence, in nats per image, for every parameter that it depends on.

    sizes, parameters, x: as in `encode`.
    Returns a dict by the names of the VAE's parameters.
    """
    raise NotImplementedError


@tensors()
def centre(mean: Tensor, x: Tensor) -> dict[str, Any]:
    """Given: what a Centre holds, and what it does.

    mean: (C, H, W) float64. x: (N, C, H, W) float64.
    Returns a dict: the names of its parameters and of its state_dict, its result for x, and the dtype of its result
    after the module was cast by `.float()`.
    """
    module = Centre(mean)
    held = {"parameters": [name for name, _ in module.named_parameters()], "state": list(module.state_dict())}
    result = module(x).detach()
    return held | {"result": result, "after float()": str(module.float()(x.float()).dtype)}
