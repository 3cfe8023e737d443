"""The training step line by line, so that a mistake can replace a line.

`forward_with()`, `loss_with()`, `backward_with()` and `train_step_with()` without arguments are right.
"""

from typing import Any

import numpy as np

from exercises.kit.exercise import Functions
from numpy_impl.functional import (
    binary_cross_entropy_with_logits,
    conv2d,
    conv2d_backward,
    conv_transpose2d,
    conv_transpose2d_backward,
    linear,
    linear_backward,
    relu,
    relu_backward,
    sigmoid,
)

DOWN: dict[str, Any] = {"stride": 2, "padding": 1}
UP: dict[str, Any] = {"stride": 2, "padding": 1, "output_padding": 1}
ADAM = 0.9, 0.999, 1e-8


def layer(a, name):
    """A layer's weight and bias."""
    return a["parameters"][f"{name}.weight"], a["parameters"][f"{name}.bias"]


def features(a):
    """h5 before its ReLU, as images of a quarter of x's height and width."""
    _, _, height, width = a["x"].shape
    return linear(a["h4"], *layer(a, "decoder.fc2")).reshape(len(a["x"]), -1, height // 4, width // 4)


FORWARD = {
    "h1": lambda a: relu(conv2d(a["x"], *layer(a, "encoder.conv1"), **DOWN)),
    "h2": lambda a: relu(conv2d(a["h1"], *layer(a, "encoder.conv2"), **DOWN)),
    "h3": lambda a: relu(linear(a["h2"].reshape(len(a["x"]), -1), *layer(a, "encoder.fc"))),
    "mu": lambda a: linear(a["h3"], *layer(a, "encoder.mu")),
    "logvar": lambda a: linear(a["h3"], *layer(a, "encoder.logvar")),
    "z": lambda a: a["mu"] + np.exp(a["logvar"] / 2) * a["eps"],
    "h4": lambda a: relu(linear(a["z"], *layer(a, "decoder.fc1"))),
    "h5": lambda a: relu(features(a)),
    "h6": lambda a: relu(conv_transpose2d(a["h5"], *layer(a, "decoder.conv_transpose1"), **UP)),
    "logits": lambda a: conv_transpose2d(a["h6"], *layer(a, "decoder.conv_transpose2"), **UP),
}
"""The formula of each activation."""


def kl_of(mu, logvar):
    """The KL divergence from the prior, summed over latents and batch."""
    return np.sum(mu**2 + np.exp(logvar) - 1 - logvar) / 2


LOSS = {
    "reconstruction": lambda a: binary_cross_entropy_with_logits(a["logits"], a["x"]) / len(a["x"]),
    "kl": lambda a: kl_of(a["mu"], a["logvar"]) / len(a["x"]),
    "loss": lambda a: a["reconstruction"] + a["beta"] * a["kl"],
}


def _through(operation, name, dy, x, **options):
    """The backward pass of a layer: dx, and the gradients of the layer's weight and bias."""

    def line(a):
        weight, _ = layer(a, name)
        dx, a[f"{name}.weight"], a[f"{name}.bias"] = operation(a[dy], x(a), weight, **options)
        return dx

    return line


def flat(name):
    """This activation with one row for each image."""
    return lambda a: a[name].reshape(len(a[name]), -1)


def activation(name):
    """This activation."""
    return lambda a: a[name]


def masked(name):
    """The gradient of this activation, masked by its ReLU."""
    return lambda a: relu_backward(a[f"d{name}"].reshape(a[name].shape), a[name])


BACKWARD = {
    "dlogits": lambda a: (sigmoid(a["logits"]) - a["x"]) / len(a["x"]),
    "dh6": _through(conv_transpose2d_backward, "decoder.conv_transpose2", "dlogits", activation("h6"), **UP),
    "before_h6": masked("h6"),
    "dh5": _through(conv_transpose2d_backward, "decoder.conv_transpose1", "before_h6", activation("h5"), **UP),
    "before_h5": masked("h5"),
    "rows_before_h5": flat("before_h5"),
    "dh4": _through(linear_backward, "decoder.fc2", "rows_before_h5", activation("h4")),
    "before_h4": masked("h4"),
    "dz": _through(linear_backward, "decoder.fc1", "before_h4", activation("z")),
    "dmu_of_kl": lambda a: a["beta"] * a["mu"] / len(a["x"]),
    "dlogvar_of_kl": lambda a: a["beta"] * (np.exp(a["logvar"]) - 1) / 2 / len(a["x"]),
    "dmu_of_z": lambda a: a["dz"],
    "dlogvar_of_z": lambda a: a["dz"] * a["eps"] * np.exp(a["logvar"] / 2) / 2,
    "dmu": lambda a: a["dmu_of_z"] + a["dmu_of_kl"],
    "dlogvar": lambda a: a["dlogvar_of_z"] + a["dlogvar_of_kl"],
    "dh3_of_mu": _through(linear_backward, "encoder.mu", "dmu", activation("h3")),
    "dh3_of_logvar": _through(linear_backward, "encoder.logvar", "dlogvar", activation("h3")),
    "dh3": lambda a: a["dh3_of_mu"] + a["dh3_of_logvar"],
    "before_h3": masked("h3"),
    "dh2": _through(linear_backward, "encoder.fc", "before_h3", flat("h2")),
    "before_h2": masked("h2"),
    "dh1": _through(conv2d_backward, "encoder.conv2", "before_h2", activation("h1"), **DOWN),
    "before_h1": masked("h1"),
    "dx": _through(conv2d_backward, "encoder.conv1", "before_h1", activation("x"), **DOWN),
}
"""From the loss to the pixels; the lines also write the gradients of the parameters."""

UPDATE = {
    "t": lambda a: a["t_before"] + 1,
    "m": lambda a: ADAM[0] * a["m_before"] + (1 - ADAM[0]) * a["g"],
    "v": lambda a: ADAM[1] * a["v_before"] + (1 - ADAM[1]) * a["g"] ** 2,
    "m_hat": lambda a: a["m"] / (1 - ADAM[0] ** a["t"]),
    "v_hat": lambda a: a["v"] / (1 - ADAM[1] ** a["t"]),
    "update": lambda a: a["learning_rate"] * a["m_hat"] / (np.sqrt(a["v_hat"]) + ADAM[2]),
    "parameter": lambda a: a["parameter_before"] - a["update"],
}
"""Adam for one parameter; a name that ends in _before is an argument."""


def _run(lines, a):
    for name, line in lines.items():
        a[name] = line(a)
    return a


def forward_with(**changed):
    """`forward` with some lines replaced."""

    def forward(parameters, x, eps):
        a = _run(FORWARD | changed, {"parameters": parameters, "x": x, "eps": eps})
        return {name: a[name] for name in FORWARD}

    return forward


def loss_with(**changed):
    """`loss` with some lines replaced."""

    def loss(logits, x, mu, logvar, beta):
        a = _run(LOSS | changed, {"logits": logits, "x": x, "mu": mu, "logvar": logvar, "beta": beta})
        return {name: a[name] for name in LOSS}

    return loss


def backward_with(gradients=lambda a: a, **changed):
    """`backward` with some lines replaced; `gradients` may change all results."""

    def backward(parameters, x, eps, activations, beta):
        a = {"parameters": parameters, "x": x, "eps": eps, "beta": beta, **activations}
        a = gradients(_run(BACKWARD | changed, a))
        return {name: a[name] for name in parameters}

    return backward


def train_step_with(
    functions: Functions | None = None, given=lambda name, a: a, beta_back=lambda beta: beta, **changed
):
    """`train_step` with some lines of Adam replaced; `functions` may replace forward, loss and backward.

    `given(name, a)` may change the values that Adam starts from, `beta_back(beta)` the β that `backward` gets.
    """
    used = {"forward": forward_with(), "loss": loss_with(), "backward": backward_with()} | (functions or {})

    def train_step(parameters, m, v, t, x, eps, beta, learning_rate):
        run = used["forward"](parameters, x, eps)
        parts = used["loss"](run["logits"], x, run["mu"], run["logvar"], beta)
        gradients = used["backward"](parameters, x, eps, run, beta_back(beta))
        new = {"loss": parts["loss"], "parameters": {}, "m": {}, "v": {}, "t": t + 1}
        for name, parameter in parameters.items():
            a = {"parameter_before": parameter, "g": gradients[name], "m_before": m[name], "v_before": v[name]}
            a = _run(UPDATE | changed, given(name, a | {"t_before": t, "learning_rate": learning_rate}))
            new["parameters"][name], new["m"][name], new["v"][name], new["t"] = a["parameter"], a["m"], a["v"], a["t"]
        return new

    return train_step
