"""Other right ways to write a training step."""

import numpy as np

from numpy_impl.functional import conv2d, conv_transpose2d
from numpy_impl.vae_numpy import DOWN, UP

from .steps import backward_with, forward_with, layer, loss_with, train_step_with


def _kernel_gradient(dy, x):
    """A convolution of x with dy spread out by the stride: images and channels exchange their parts."""
    N, O, OH, OW = dy.shape
    spread = np.zeros((O, N, 2 * OH - 1, 2 * OW - 1))
    spread[:, :, ::2, ::2] = dy.swapaxes(0, 1)
    return conv2d(x.swapaxes(0, 1), spread, padding=1)[:, :, :3, :3].swapaxes(0, 1)


def _convolution_back(name, dy, x):
    """dx by the adjoint identity of exercise 11."""

    def line(a):
        a[f"{name}.weight"], a[f"{name}.bias"] = _kernel_gradient(a[dy], a[x]), a[dy].sum(axis=(0, 2, 3))
        return conv_transpose2d(a[dy], layer(a, name)[0], None, **UP)

    return line


def _transposed_back(name, dy, x):
    def line(a):
        a[f"{name}.weight"], a[f"{name}.bias"] = _kernel_gradient(a[x], a[dy]), a[dy].sum(axis=(0, 2, 3))
        return conv2d(a[dy], layer(a, name)[0], None, **DOWN)

    return line


def _linear_back(name, dy, x):
    def line(a):
        inputs = a[x].reshape(len(a[x]), -1)
        a[f"{name}.weight"] = np.einsum("no,ni->oi", a[dy], inputs)
        a[f"{name}.bias"] = a[dy].sum(axis=0)
        return np.einsum("no,oi->ni", a[dy], layer(a, name)[0])

    return line


backward_by_identities = backward_with(
    dlogits=lambda a: (1 / (1 + np.exp(-a["logits"])) - a["x"]) / len(a["x"]),
    dh6=_transposed_back("decoder.conv_transpose2", "dlogits", "h6"),
    dh5=_transposed_back("decoder.conv_transpose1", "before_h6", "h5"),
    dh4=_linear_back("decoder.fc2", "rows_before_h5", "h4"),
    dz=_linear_back("decoder.fc1", "before_h4", "z"),
    dlogvar_of_z=lambda a: a["dz"] * (a["z"] - a["mu"]) / 2,
    dlogvar_of_kl=lambda a: a["beta"] * np.expm1(a["logvar"]) / (2 * len(a["x"])),
    dh3_of_mu=_linear_back("encoder.mu", "dmu", "h3"),
    dh3_of_logvar=_linear_back("encoder.logvar", "dlogvar", "h3"),
    before_h3=lambda a: np.where(a["h3"] > 0, a["dh3"], 0),
    dh2=_linear_back("encoder.fc", "before_h3", "h2"),
    dh1=_convolution_back("encoder.conv2", "before_h2", "h1"),
    dx=_convolution_back("encoder.conv1", "before_h1", "x"),
)


def loss_pixel_by_pixel(logits, x, mu, logvar, beta):
    """-log of the probability that the decoder gives each pixel, and the KL as a difference of two expectations."""
    p = 1 / (1 + np.exp(-logits))
    reconstruction = -np.mean(np.sum(x * np.log(p) + (1 - x) * np.log1p(-p), axis=(1, 2, 3)))
    log_q, log_prior = -np.sum(logvar + 1, axis=1) / 2, -np.sum(mu**2 + np.exp(logvar), axis=1) / 2
    kl = np.mean(log_q - log_prior)
    return {"loss": float(reconstruction + beta * kl), "reconstruction": float(reconstruction), "kl": float(kl)}


def step_in_one_vector(parameters, m, v, t, x, eps, beta, learning_rate):
    """All parameters one after another in one vector: one step of Adam for all of them."""
    run = forward_with()(parameters, x, eps)
    gradients = backward_by_identities(parameters, x, eps, run, beta)

    def joined(arrays):
        return np.concatenate([arrays[name].ravel() for name in parameters])

    def parted(vector):
        ends = np.cumsum([array.size for array in parameters.values()])[:-1]
        parts = zip(parameters.items(), np.split(vector, ends), strict=True)
        return {name: part.reshape(like.shape) for (name, like), part in parts}

    t, g = t + 1, joined(gradients)
    m, v = 0.9 * joined(m) + 0.1 * g, 0.999 * joined(v) + 0.001 * g * g
    new = joined(parameters) - learning_rate * m / (1 - 0.9**t) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
    parts = loss_pixel_by_pixel(run["logits"], x, run["mu"], run["logvar"], beta)
    return {"loss": parts["loss"], "parameters": parted(new), "m": parted(m), "v": parted(v), "t": t}


ALTERNATIVES = (
    {"forward": forward_with(), "loss": loss_with(), "backward": backward_with(), "train_step": train_step_with()},
    {"loss": loss_pixel_by_pixel, "backward": backward_by_identities, "train_step": step_in_one_vector},
)
