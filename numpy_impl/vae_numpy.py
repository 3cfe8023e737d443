r"""Rung 1: the variational autoencoder in NumPy, forward and backward by hand.

    encode          x -> mu, logvar               q(z|x) = Normal(mu, exp(logvar))
    reparameterize  mu, logvar, eps -> z          z = mu + sigma * eps
    decode          z -> logits                   p(x|z) = Bernoulli(sigmoid(logits))
    loss            reconstruction + beta * KL    the negative ELBO, nats per image

The functions stand in the order of the other rungs' main files. Where those use autograd, each `f` here is followed
by its `f_backward`, which takes the gradient of the loss from f's results to f's inputs. The hidden activations that it
needs again are the last thing that `f` returns. Parameters are a dict of arrays under the names of rung 3's
`state_dict()`. Shapes in comments: N images of C channels, H x W; C1, C2 channels and `hidden` units inside; Z latents.
Source: Kingma & Welling (2014), Auto-Encoding Variational Bayes, arXiv:1312.6114.
"""

from typing import Any, NamedTuple

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
from numpy_impl.runtime import arguments, memory

Images = Float[np.ndarray, "N C H W"]
Latents = Float[np.ndarray, "N Z"]

DOWN: dict[str, Any] = {"stride": 2, "padding": 1}
UP: dict[str, Any] = {"stride": 2, "padding": 1, "output_padding": 1}


class Forward(NamedTuple):
    """The results of one forward pass."""

    mu: Latents
    logvar: Latents
    z: Latents
    logits: Images


class EncoderHidden(NamedTuple):
    """Activations of the encoder's hidden layers."""

    h1: Float[np.ndarray, "N C1 H/2 W/2"]
    h2: Float[np.ndarray, "N C2 H/4 W/4"]
    h3: Float[np.ndarray, "N hidden"]


class DecoderHidden(NamedTuple):
    """Activations of the decoder's hidden layers."""

    h4: Float[np.ndarray, "N hidden"]
    h5: Float[np.ndarray, "N C2 H/4 W/4"]
    h6: Float[np.ndarray, "N C1 H/2 W/2"]


Hidden = tuple[EncoderHidden, DecoderHidden]


def init(architecture: Architecture, rng: np.random.Generator, dtype: type = np.float32) -> Parameters:
    """Fresh parameters by name, drawn as torch's layers draw theirs."""
    return initial_parameters(architecture, rng, dtype)


def layer(parameters: Parameters, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Weight and bias of a layer."""
    return parameters[f"{name}.weight"], parameters[f"{name}.bias"]


def encode(parameters: Parameters, x: Images) -> tuple[Latents, Latents, EncoderHidden]:
    """Mean and log-variance of q(z|x) = Normal(mu, exp(logvar)), diagonal (appendix C.2)."""
    # fmt: off
    h1 = relu(conv2d(x, *layer(parameters, "encoder.conv1"), **DOWN), inplace=True)                      # N C1 H/2 W/2
    h2 = memory.contiguous(relu(conv2d(h1, *layer(parameters, "encoder.conv2"), **DOWN), inplace=True))  # N C2 H/4 W/4
    h3 = relu(linear(h2.reshape(len(x), -1), *layer(parameters, "encoder.fc")), inplace=True)            # N hidden
    mu = linear(h3, *layer(parameters, "encoder.mu"))                                                    # N Z
    logvar = linear(h3, *layer(parameters, "encoder.logvar"))                                            # N Z
    # fmt: on
    return mu, logvar, EncoderHidden(h1, h2, h3)


def encode_backward(
    dmu: Latents, dlogvar: Latents, parameters: Parameters, x: Images, hidden: EncoderHidden
) -> Parameters:
    """`encode` from its last line to its first: the encoder's gradients; h3 feeds mu and logvar, so dh3 is a sum."""
    h1, h2, h3 = hidden
    p = parameters
    g: Parameters = {}
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


def reparameterize(mu: Latents, logvar: Latents, eps: Latents) -> Latents:
    """z = mu + sigma * eps with sigma = exp(logvar / 2): a draw from q(z|x) if eps is one from N(0, I) (eq. 4)."""
    return mu + np.exp(logvar / 2) * eps


def reparameterize_backward(dz: Latents, logvar: Latents, eps: Latents) -> tuple[Latents, Latents]:
    """dmu = dz and dlogvar = dz * eps * sigma / 2, since sigma = exp(logvar / 2)."""
    return dz, dz * eps * np.exp(logvar / 2) / 2


def decode(parameters: Parameters, z: Latents, size: tuple[int, ...] = (28, 28)) -> tuple[Images, DecoderHidden]:
    """Logits of p(x|z) for images of `size` (height, width); x_hat = sigmoid(logits) (appendix C.1)."""
    height, width = size
    if height % 4 or width % 4:
        raise ValueError(f"size: expected height and width divisible by 4, got {height}x{width}")
    # fmt: off
    h4 = relu(linear(z, *layer(parameters, "decoder.fc1")), inplace=True)                               # N hidden
    h5 = relu(linear(h4, *layer(parameters, "decoder.fc2")), inplace=True)                              # N C2*H/4*W/4
    h5 = h5.reshape(len(z), -1, height // 4, width // 4)                                                # N C2 H/4 W/4
    h6 = relu(conv_transpose2d(h5, *layer(parameters, "decoder.conv_transpose1"), **UP), inplace=True)  # N C1 H/2 W/2
    logits = conv_transpose2d(h6, *layer(parameters, "decoder.conv_transpose2"), **UP)                  # N C H W
    # fmt: on
    return logits, DecoderHidden(h4, h5, h6)


def decode_backward(
    dlogits: Images, parameters: Parameters, z: Latents, hidden: DecoderHidden
) -> tuple[Latents, Parameters]:
    """`decode` from its last line to its first: dz, and the decoder's gradients."""
    h4, h5, h6 = hidden
    p = parameters
    g: Parameters = {}
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


def forward(parameters: Parameters, x: Images, eps: Latents) -> tuple[Forward, Hidden]:
    """x -> q(z|x) -> z -> p(x|z)."""
    mu, logvar, encoder_hidden = encode(parameters, x)
    z = reparameterize(mu, logvar, eps)
    logits, decoder_hidden = decode(parameters, z, x.shape[2:])
    return Forward(mu, logvar, z, logits), (encoder_hidden, decoder_hidden)


def kl_divergence(mu: Latents, logvar: Latents) -> np.floating:
    """KL(Normal(mu, exp(logvar)) || Normal(0, 1)) = -1/2 sum(1 + logvar - mu^2 - exp(logvar)) in nats (appendix B)."""
    return -np.sum(1 + logvar - mu**2 - np.exp(logvar)) / 2


def kl_divergence_backward(dy: float, mu: Latents, logvar: Latents) -> tuple[Latents, Latents]:
    """dmu = dy * mu and dlogvar = dy * (exp(logvar) - 1) / 2."""
    dy = mu.dtype.type(arguments.number("dy", dy))
    return dy * mu, dy * (np.exp(logvar) - 1) / 2


def reconstruction_loss(logits: Images, x: Images, objective: Objective) -> np.floating:
    """-log p(x|z), summed over pixels and batch, in nats."""
    if objective.likelihood == "gaussian":
        mean, variance = sigmoid(logits), objective.sigma**2
        return gaussian_nll_loss(mean, x, variance)
    return binary_cross_entropy_with_logits(logits, x)


def reconstruction_loss_backward(dy: float, logits: Images, x: Images, objective: Objective) -> Images:
    """dlogits, by the chain rule through mean = sigmoid(logits) where the likelihood is Gaussian."""
    if objective.likelihood == "gaussian":
        mean, variance = sigmoid(logits), objective.sigma**2
        return sigmoid_backward(gaussian_nll_loss_backward(dy, mean, x, variance), logits)
    return binary_cross_entropy_with_logits_backward(dy, logits, x)


def loss(logits: Images, x: Images, mu: Latents, logvar: Latents, objective: Objective) -> Loss:
    """The negative ELBO (eq. 7 with one draw of z) in its parts, nats per image; beta multiplies the KL alone."""
    reconstruction = reconstruction_loss(logits, x, objective) / len(x)
    kl = kl_divergence(mu, logvar) / len(x)
    return Loss(reconstruction + objective.beta * kl, reconstruction, kl)


def loss_backward(
    logits: Images, x: Images, mu: Latents, logvar: Latents, objective: Objective, dy: float = 1.0
) -> tuple[Images, Latents, Latents]:
    """dlogits from the reconstruction, dmu and dlogvar from the KL; both are means over the batch."""
    dlogits = reconstruction_loss_backward(dy / len(x), logits, x, objective)
    dmu, dlogvar = kl_divergence_backward(dy * objective.beta / len(x), mu, logvar)
    return dlogits, dmu, dlogvar


def backward(
    parameters: Parameters,
    x: Images,
    eps: Latents,
    run: Forward,
    hidden: Hidden,
    objective: Objective,
    dy: float = 1.0,
) -> Parameters:
    """dy times the gradient of the loss for every parameter; mu and logvar collect theirs from the KL and from z."""
    encoder_hidden, decoder_hidden = hidden
    dlogits, dmu, dlogvar = loss_backward(run.logits, x, run.mu, run.logvar, objective, dy)
    dz, decoder = decode_backward(dlogits, parameters, run.z, decoder_hidden)
    dmu_of_z, dlogvar_of_z = reparameterize_backward(dz, run.logvar, eps)
    encoder = encode_backward(dmu + dmu_of_z, dlogvar + dlogvar_of_z, parameters, x, encoder_hidden)
    gradients = encoder | decoder
    return {name: gradients[name] for name in parameters}


def train_step(parameters: Parameters, optimizer: Adam, x: Images, eps: Latents, objective: Objective) -> Loss:
    """One step of the optimiser on a batch, in place; the loss before it. A loss that is not finite takes no step."""
    run, hidden = forward(parameters, x, eps)
    parts = loss(run.logits, x, run.mu, run.logvar, objective)
    if np.isfinite(parts.loss):
        optimizer.step(backward(parameters, x, eps, run, hidden, objective))
    return parts


def sample(parameters: Parameters, z: Latents, size: tuple[int, ...] = (28, 28)) -> Images:
    """x_hat, the expected image E[x|z] in [0, 1], for latents drawn from the prior N(0, I) or chosen."""
    logits, _ = decode(parameters, z, size)
    return sigmoid(logits)


def reconstruct(parameters: Parameters, x: Images) -> Images:
    """x_hat from the mean of q(z|x): eps is zero, so the result is repeatable."""
    mu, *_ = encode(parameters, x)
    return sample(parameters, mu, x.shape[2:])
