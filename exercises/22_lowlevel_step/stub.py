"""Exercise 22: a training step on tensors. Read exercises/22_lowlevel_step.md, then write the three functions.

`parameters` is a dict of tensors as in rung 2, "encoder.conv1.weight" and so on, each with requires_grad=True. The
check calls with arrays: `@tensors` and `@differentiated` make tensors of them, and arrays of what you return. Leave
those two lines as they are. Called with tensors, as one of your functions calls another, they do nothing.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from exercises.kit.tensors import differentiated, tensors

DOWN: dict[str, Any] = {"stride": 2, "padding": 1}
UP: dict[str, Any] = {"stride": 2, "padding": 1, "output_padding": 1}


def _layer(parameters: dict[str, Tensor], name: str) -> tuple[Tensor, Tensor]:
    """Given: a layer's weight and bias."""
    return parameters[f"{name}.weight"], parameters[f"{name}.bias"]


def _forward(parameters: dict[str, Tensor], x: Tensor, eps: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Given: x -> q(z|x) -> z -> p(x|z), the lines of rung 2. Returns logits like x, and mu and logvar (N, Z)."""
    height, width = x.shape[2:]
    h1 = F.relu(F.conv2d(x, *_layer(parameters, "encoder.conv1"), **DOWN))
    h2 = F.relu(F.conv2d(h1, *_layer(parameters, "encoder.conv2"), **DOWN))
    h3 = F.relu(F.linear(h2.reshape(len(x), -1), *_layer(parameters, "encoder.fc")))
    mu = F.linear(h3, *_layer(parameters, "encoder.mu"))
    logvar = F.linear(h3, *_layer(parameters, "encoder.logvar"))
    z = mu + torch.exp(logvar / 2) * eps
    h4 = F.relu(F.linear(z, *_layer(parameters, "decoder.fc1")))
    h5 = F.relu(F.linear(h4, *_layer(parameters, "decoder.fc2"))).reshape(len(x), -1, height // 4, width // 4)
    h6 = F.relu(F.conv_transpose2d(h5, *_layer(parameters, "decoder.conv_transpose1"), **UP))
    return F.conv_transpose2d(h6, *_layer(parameters, "decoder.conv_transpose2"), **UP), mu, logvar


@differentiated("logits", "mu", "logvar")
def loss(logits: Tensor, x: Tensor, mu: Tensor, logvar: Tensor, beta: float) -> dict[str, Tensor]:
    """The negative ELBO in its parts, in nats per image, on the tape.

    logits, x: (N, 1, H, W). mu, logvar: (N, Z). beta: the weight of the KL divergence.
    Returns a dict of three tensors without axes: loss = reconstruction + beta * kl first, then reconstruction, kl.
    """
    raise NotImplementedError


@tensors("parameters")
def gradients(parameters: dict[str, Tensor], x: Tensor, eps: Tensor, beta: float) -> dict[str, Tensor]:
    """The gradient of the loss for every parameter, by autograd.

    parameters: every weight and bias by name. x: (N, 1, H, W), images in [0, 1]. eps: (N, Z), the noise. beta: the
    weight of the KL divergence.
    Returns a dict with the names and shapes of `parameters`.
    """
    raise NotImplementedError


@tensors("parameters")
def train(
    parameters: dict[str, Tensor], x: Tensor, eps: Tensor, beta: float, learning_rate: float
) -> dict[str, dict[str, Tensor] | list[float]]:
    """A training step of Adam on each batch, one after another, from the same optimiser.

    parameters: as above; they may be changed in place. x: (S, N, 1, H, W), S batches. eps: (S, N, Z), their noise.
    beta: as above. learning_rate: Adam's; its other options are the usual ones, betas 0.9 and 0.999, eps 1e-8.
    Returns a dict: losses, a list of S numbers, each from before its step, and parameters, after the last one.
    """
    raise NotImplementedError
