"""Folders of answers: the course's own solutions, and a training step written as a learner would."""

from pathlib import Path

SOLUTION = """from exercises.kit.catalogue import find

globals().update(find("{name}").load().solution)
"""
FIRST_HALF = (
    "04_kl",
    "05_bernoulli",
    "06_reparameterization",
    "08_linear_relu_backward",
    "09_elbo_backward",
    "10_conv_backward",
    "11_conv_transpose",
    "12_adam",
)
WRONG_KL = """import numpy as np


def kl(mu, logvar):
    return float(np.sum(mu**2 + np.exp(logvar) - 1 - logvar) / len(mu))


def kl_per_image(mu, logvar):
    return np.sum(mu**2 + np.exp(logvar) - 1 - logvar, axis=1) / 2


def kl_per_latent(mu, logvar):
    raise NotImplementedError
"""
TRAIN_STEP = '''"""All of exercise 13, with the layers that its stub imports."""

import numpy as np

from numpy_impl.functional import (
    binary_cross_entropy_with_logits,
    binary_cross_entropy_with_logits_backward,
    conv2d,
    conv2d_backward,
    conv_transpose2d,
    conv_transpose2d_backward,
    linear,
    linear_backward,
    relu,
    relu_backward,
)

DOWN = {"stride": 2, "padding": 1}
UP = {"stride": 2, "padding": 1, "output_padding": 1}


def layer(p, name):
    return p[f"{name}.weight"], p[f"{name}.bias"]


def forward(parameters, x, eps):
    p = parameters
    h1 = relu(conv2d(x, *layer(p, "encoder.conv1"), **DOWN))
    h2 = relu(conv2d(h1, *layer(p, "encoder.conv2"), **DOWN))
    h3 = relu(linear(h2.reshape(len(x), -1), *layer(p, "encoder.fc")))
    mu, logvar = linear(h3, *layer(p, "encoder.mu")), linear(h3, *layer(p, "encoder.logvar"))
    z = mu + np.exp(logvar / 2) * eps
    h4 = relu(linear(z, *layer(p, "decoder.fc1")))
    h5 = relu(linear(h4, *layer(p, "decoder.fc2"))).reshape(h2.shape)
    h6 = relu(conv_transpose2d(h5, *layer(p, "decoder.conv_transpose1"), **UP))
    logits = conv_transpose2d(h6, *layer(p, "decoder.conv_transpose2"), **UP)
    hidden = {"h1": h1, "h2": h2, "h3": h3, "mu": mu, "logvar": logvar}
    return hidden | {"z": z, "h4": h4, "h5": h5, "h6": h6, "logits": logits}


def loss(logits, x, mu, logvar, beta):
    reconstruction = float(binary_cross_entropy_with_logits(logits, x)) / len(x)
    kl = float(np.sum(mu**2 + np.exp(logvar) - 1 - logvar)) / 2 / len(x)
    return {"reconstruction": reconstruction, "kl": kl, "loss": reconstruction + beta * kl}


def backward(parameters, x, eps, activations, beta):
    a, g, N = activations, {}, len(x)

    def through(f, name, dy, inputs, **options):
        dx, g[f"{name}.weight"], g[f"{name}.bias"] = f(dy, inputs, parameters[f"{name}.weight"], **options)
        return dx

    d = binary_cross_entropy_with_logits_backward(1 / N, a["logits"], x)
    d = through(conv_transpose2d_backward, "decoder.conv_transpose2", d, a["h6"], **UP)
    d = through(conv_transpose2d_backward, "decoder.conv_transpose1", relu_backward(d, a["h6"]), a["h5"], **UP)
    d = through(linear_backward, "decoder.fc2", relu_backward(d, a["h5"]).reshape(N, -1), a["h4"])
    dz = through(linear_backward, "decoder.fc1", relu_backward(d, a["h4"]), a["z"])
    dmu = dz + beta * a["mu"] / N
    dlogvar = dz * eps * np.exp(a["logvar"] / 2) / 2 + beta * (np.exp(a["logvar"]) - 1) / 2 / N
    d = through(linear_backward, "encoder.mu", dmu, a["h3"])
    d = relu_backward(d + through(linear_backward, "encoder.logvar", dlogvar, a["h3"]), a["h3"])
    d = through(linear_backward, "encoder.fc", d, a["h2"].reshape(N, -1)).reshape(a["h2"].shape)
    d = through(conv2d_backward, "encoder.conv2", relu_backward(d, a["h2"]), a["h1"], **DOWN)
    through(conv2d_backward, "encoder.conv1", relu_backward(d, a["h1"]), x, **DOWN)
    return {name: g[name] for name in parameters}


def train_step(parameters, m, v, t, x, eps, beta, learning_rate):
    a = forward(parameters, x, eps)
    parts = loss(a["logits"], x, a["mu"], a["logvar"], beta)
    g = backward(parameters, x, eps, a, beta)
    new = {"loss": parts["loss"], "parameters": {}, "m": {}, "v": {}, "t": t + 1}
    for name, parameter in parameters.items():
        new["m"][name] = 0.9 * m[name] + 0.1 * g[name]
        new["v"][name] = 0.999 * v[name] + 0.001 * g[name] ** 2
        m_hat, v_hat = new["m"][name] / (1 - 0.9 ** (t + 1)), new["v"][name] / (1 - 0.999 ** (t + 1))
        new["parameters"][name] = parameter - learning_rate * m_hat / (np.sqrt(v_hat) + 1e-8)
    return new
'''


def write_answers(folder: Path, **others: str) -> Path:
    """A folder with the solutions of exercises 04 to 12 that are imported; `others` are texts by exercise."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in FIRST_HALF:
        (folder / f"{name}.py").write_text(SOLUTION.format(name=name), encoding="utf-8")
    return write_texts(folder, **others)


def write_texts(folder: Path, **texts: str) -> Path:
    """A folder with these answers; names without the number's underscore in front, as `_04_kl`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / f"{name.removeprefix('_')}.py").write_text(text, encoding="utf-8")
    return folder
