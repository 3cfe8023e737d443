r"""Rung 1: the variational autoencoder in NumPy, forward and backward by hand.

    encode          x -> mu, logvar               q(z|x) = Normal(mu, exp(logvar))
    reparameterize  mu, logvar, eps -> z          z = mu + sigma * eps
    decode          z -> logits                   p(x|z) = Bernoulli(sigmoid(logits))
    loss            reconstruction + beta * KL    the negative ELBO, nats per image

The functions stand in the order of the other rungs' main files; where those let autograd differentiate, this one
has each forward function's adjoint, and `differentiate`, which puts every core to work. Parameters are a dict of
arrays under the names of rung 3's `state_dict()`.
Source: Kingma & Welling (2014), Auto-Encoding Variational Bayes, arXiv:1312.6114.
"""

import functools
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from foundation.architecture import Architecture, Parameters, initial_parameters
from foundation.objective import Loss, Objective
from numpy_impl.functional import (
    binary_cross_entropy_with_logits,
    binary_cross_entropy_with_logits_backward,
    conv2d,
    conv2d_backward,
    conv2d_parameters_backward,
    conv_transpose2d,
    conv_transpose2d_backward,
    gaussian_nll_loss,
    gaussian_nll_loss_backward,
    linear,
    linear_backward,
    relu,
    relu_backward,
    sigmoid,
    sigmoid_backward,
)
from numpy_impl.optim import Adam
from numpy_impl.runtime.memory import contiguous
from numpy_impl.runtime.parallel import on_every_core, shares

Images = Float[np.ndarray, "N C H W"]
Latents = Float[np.ndarray, "N Z"]

DOWN = {"stride": 2, "padding": 1}
UP = {"stride": 2, "padding": 1, "output_padding": 1}


class Encoding(NamedTuple):
    """q(z|x), and the activations that `encode_backward` needs again."""

    mu: Latents
    logvar: Latents
    h1: Float[np.ndarray, "N C1 H1 W1"]
    h2: Float[np.ndarray, "N C2 H2 W2"]
    h3: Float[np.ndarray, "N hidden"]


class Decoding(NamedTuple):
    """p(x|z), and the activations that `decode_backward` needs again."""

    logits: Images
    h4: Float[np.ndarray, "N hidden"]
    h5: Float[np.ndarray, "N C2 H2 W2"]
    h6: Float[np.ndarray, "N C1 H1 W1"]


class Forward(NamedTuple):
    """What one forward pass computed."""

    encoding: Encoding
    z: Latents
    decoding: Decoding


def init(architecture: Architecture, rng: np.random.Generator, dtype: type = np.float32) -> Parameters:
    """Fresh parameters by name, drawn as torch's layers draw theirs."""
    return initial_parameters(architecture, rng, dtype)


def layer(parameters: Parameters, name: str) -> tuple[np.ndarray, np.ndarray]:
    """A layer's weight and bias."""
    return parameters[f"{name}.weight"], parameters[f"{name}.bias"]


def encode(parameters: Parameters, x: Images) -> Encoding:
    """Mean and log-variance of q(z|x) = Normal(mu, exp(logvar)), diagonal (appendix C.2)."""
    h1 = relu(conv2d(x, *layer(parameters, "encoder.conv1"), **DOWN), inplace=True)
    h2 = contiguous(relu(conv2d(h1, *layer(parameters, "encoder.conv2"), **DOWN), inplace=True))
    h3 = relu(linear(h2.reshape(len(x), -1), *layer(parameters, "encoder.fc")), inplace=True)
    mu = linear(h3, *layer(parameters, "encoder.mu"))
    logvar = linear(h3, *layer(parameters, "encoder.logvar"))
    return Encoding(mu, logvar, h1, h2, h3)


def reparameterize(mu: Latents, logvar: Latents, eps: Latents) -> Latents:
    """z = mu + sigma * eps with sigma = exp(logvar / 2): a draw from q(z|x) where eps is one from N(0, I) (eq. 4)."""
    return mu + np.exp(logvar / 2) * eps


def decode(parameters: Parameters, z: Latents, size: tuple[int, int] = (28, 28)) -> Decoding:
    """Logits of p(x|z) for images of `size` (height, width); x_hat = sigmoid(logits) (appendix C.1)."""
    height, width = size
    h4 = relu(linear(z, *layer(parameters, "decoder.fc1")), inplace=True)
    h5 = relu(linear(h4, *layer(parameters, "decoder.fc2")), inplace=True).reshape(len(z), -1, height // 4, width // 4)
    h6 = relu(conv_transpose2d(h5, *layer(parameters, "decoder.conv_transpose1"), **UP), inplace=True)
    logits = conv_transpose2d(h6, *layer(parameters, "decoder.conv_transpose2"), **UP)
    return Decoding(logits, h4, h5, h6)


def forward(parameters: Parameters, x: Images, eps: Latents) -> Forward:
    """x -> q(z|x) -> z -> p(x|z)."""
    encoding = encode(parameters, x)
    z = reparameterize(encoding.mu, encoding.logvar, eps)
    return Forward(encoding, z, decode(parameters, z, x.shape[2:]))


def kl_divergence(mu: Latents, logvar: Latents) -> np.floating:
    """KL(Normal(mu, exp(logvar)) || Normal(0, 1)) = -1/2 sum(1 + logvar - mu^2 - exp(logvar)) in nats (appendix B)."""
    return -np.sum(1 + logvar - np.square(mu) - np.exp(logvar)) / 2


def reconstruction_loss(logits: Images, x: Images, objective: Objective) -> np.floating:
    """-log p(x|z), summed over pixels and batch, in nats."""
    if objective.likelihood == "gaussian":
        return gaussian_nll_loss(sigmoid(logits), x, objective.sigma**2)
    return binary_cross_entropy_with_logits(logits, x)


def loss(logits: Images, x: Images, mu: Latents, logvar: Latents, objective: Objective) -> Loss:
    """The negative ELBO (eq. 7 with one draw of z) in its parts, nats per image; beta multiplies the KL alone."""
    reconstruction = reconstruction_loss(logits, x, objective) / len(x)
    kl = kl_divergence(mu, logvar) / len(x)
    return Loss(reconstruction + objective.beta * kl, reconstruction, kl)


def backward(
    parameters: Parameters, x: Images, eps: Latents, forward: Forward, objective: Objective, dy: float = 1.0
) -> Parameters:
    """dy times the gradient of the loss for every parameter: `forward` and `loss`, read upside down."""
    encoding, z, decoding = forward
    dlogits, dmu, dlogvar = loss_backward(decoding.logits, x, encoding.mu, encoding.logvar, objective, dy)
    dz, decoder = decode_backward(dlogits, parameters, z, decoding)
    dmu_through_z, dlogvar_through_z = reparameterize_backward(dz, encoding.logvar, eps)
    encoder = encode_backward(dmu + dmu_through_z, dlogvar + dlogvar_through_z, parameters, x, encoding)
    gradients = encoder | decoder
    return {name: gradients[name] for name in parameters}


def loss_backward(
    logits: Images, x: Images, mu: Latents, logvar: Latents, objective: Objective, dy: float = 1.0
) -> tuple[Images, Latents, Latents]:
    """dlogits from the reconstruction; dmu = mu and dlogvar = (exp(logvar) - 1) / 2 from the KL; all over N."""
    dkl = mu.dtype.type(dy * objective.beta / len(x))
    dlogits = reconstruction_loss_backward(dy / len(x), logits, x, objective)
    return dlogits, dkl * mu, dkl * (np.exp(logvar) - 1) / 2


def reconstruction_loss_backward(dy: float, logits: Images, x: Images, objective: Objective) -> Images:
    """dlogits."""
    if objective.likelihood == "gaussian":
        dmean = gaussian_nll_loss_backward(dy, sigmoid(logits), x, objective.sigma**2)
        return sigmoid_backward(dmean, logits)
    return binary_cross_entropy_with_logits_backward(dy, logits, x)


def decode_backward(
    dlogits: Images, parameters: Parameters, z: Latents, decoding: Decoding
) -> tuple[Latents, Parameters]:
    """`decode` upside down: dz and the decoder's gradients."""
    p, g, (_, h4, h5, h6) = parameters, {}, decoding
    dh6, g["decoder.conv_transpose2.weight"], g["decoder.conv_transpose2.bias"] = conv_transpose2d_backward(
        dlogits, h6, p["decoder.conv_transpose2.weight"], **UP
    )
    dh5, g["decoder.conv_transpose1.weight"], g["decoder.conv_transpose1.bias"] = conv_transpose2d_backward(
        relu_backward(dh6, h6, inplace=True), h5, p["decoder.conv_transpose1.weight"], **UP
    )
    dh4, g["decoder.fc2.weight"], g["decoder.fc2.bias"] = linear_backward(
        relu_backward(dh5, h5, inplace=True).reshape(len(z), -1), h4, p["decoder.fc2.weight"]
    )
    dz, g["decoder.fc1.weight"], g["decoder.fc1.bias"] = linear_backward(
        relu_backward(dh4, h4, inplace=True), z, p["decoder.fc1.weight"]
    )
    return dz, g


def reparameterize_backward(dz: Latents, logvar: Latents, eps: Latents) -> tuple[Latents, Latents]:
    """dmu = dz and dlogvar = dz * eps * sigma / 2, since sigma = exp(logvar / 2)."""
    return dz, dz * eps * np.exp(logvar / 2) / 2


def encode_backward(
    dmu: Latents, dlogvar: Latents, parameters: Parameters, x: Images, encoding: Encoding
) -> Parameters:
    """`encode` upside down: the encoder's gradients. h3 feeds mu and logvar, so dh3 is a sum of two."""
    p, g, (_, _, h1, h2, h3) = parameters, {}, encoding
    dh3_of_mu, g["encoder.mu.weight"], g["encoder.mu.bias"] = linear_backward(dmu, h3, p["encoder.mu.weight"])
    dh3_of_logvar, g["encoder.logvar.weight"], g["encoder.logvar.bias"] = linear_backward(
        dlogvar, h3, p["encoder.logvar.weight"]
    )
    dh2, g["encoder.fc.weight"], g["encoder.fc.bias"] = linear_backward(
        relu_backward(dh3_of_mu + dh3_of_logvar, h3, inplace=True), h2.reshape(len(x), -1), p["encoder.fc.weight"]
    )
    dh1, g["encoder.conv2.weight"], g["encoder.conv2.bias"] = conv2d_backward(
        relu_backward(dh2.reshape(h2.shape), h2, inplace=True), h1, p["encoder.conv2.weight"], **DOWN
    )
    g["encoder.conv1.weight"], g["encoder.conv1.bias"] = conv2d_parameters_backward(
        relu_backward(dh1, h1, inplace=True), x, p["encoder.conv1.weight"], **DOWN
    )
    return g


def differentiate(parameters: Parameters, x: Images, eps: Latents, objective: Objective) -> tuple[Loss, Parameters]:
    """The loss of a batch and its gradient for every parameter; each core takes a share of the images.

    The loss is a mean over images, so the batch's is the mean of the shares', weighted by their sizes.
    """

    def of_share(share: slice) -> tuple[Loss, Parameters]:
        run = forward(parameters, x[share], eps[share])
        parts = loss(run.decoding.logits, x[share], run.encoding.mu, run.encoding.logvar, objective)
        weight = len(x[share]) / len(x)
        return parts, backward(parameters, x[share], eps[share], run, objective, weight)

    batch = shares(len(x))
    losses, gradients = zip(*on_every_core(of_share, batch), strict=True)
    if len(batch) == 1:
        return losses[0], gradients[0]

    def add(name: str) -> np.ndarray:
        first, *others = (gradient[name] for gradient in gradients)
        return functools.reduce(np.ndarray.__iadd__, others, first)

    return mean_loss(losses, batch), dict(zip(parameters, on_every_core(add, parameters), strict=True))


def evaluate(parameters: Parameters, x: Images, eps: Latents, objective: Objective) -> Loss:
    """The loss of a batch without gradients; each core takes a share of the images."""

    def of_share(share: slice) -> Loss:
        run = forward(parameters, x[share], eps[share])
        return loss(run.decoding.logits, x[share], run.encoding.mu, run.encoding.logvar, objective)

    batch = shares(len(x))
    return mean_loss(on_every_core(of_share, batch), batch)


def mean_loss(losses: Sequence[Loss], batch: Sequence[slice]) -> Loss:
    """The loss of a batch from those of its shares."""
    if len(losses) == 1:
        return losses[0]
    weights = [share.stop - share.start for share in batch]
    return Loss(*np.average(losses, axis=0, weights=weights).astype(losses[0].loss.dtype))


def train_step(parameters: Parameters, optimizer: Adam, x: Images, eps: Latents, objective: Objective) -> Loss:
    """One step of the optimiser on a batch, in place; the loss before it. A loss that is not finite takes no step."""
    parts, gradients = differentiate(parameters, x, eps, objective)
    if math.isfinite(parts.loss):
        optimizer.step(gradients)
    return parts


def sample(parameters: Parameters, z: Latents, size: tuple[int, int] = (28, 28)) -> Images:
    """x_hat, the expected image E[x|z] in [0, 1], for latents drawn from the prior N(0, I) or chosen."""
    return sigmoid(decode(parameters, z, size).logits)


def reconstruct(parameters: Parameters, x: Images) -> Images:
    """x_hat from the mean of q(z|x): eps is zero, so the result is repeatable."""
    return sample(parameters, encode(parameters, x).mu, x.shape[2:])
