"""Exercise 13: one whole training step, equal to those of all three rungs."""

import functools
import importlib
import math

import numpy as np

from exercises.kit.exercise import Exercise, Hints, Probe, axes, call, full, normal, sized
from foundation.architecture import Architecture, initial_parameters
from foundation.objective import Objective
from numpy_impl import vae_numpy as vae
from numpy_impl.functional import conv2d, conv_transpose2d
from numpy_impl.optim import Adam

from .mistakes import MISTAKES
from .training_step import DOWN, UP, backward_with, forward_with, layer, loss_with, train_step_with

N, Z, C1, C2, HIDDEN, ROWS, COLUMNS = axes(5, 3, 7, 11, 13, 2, 3)  # rows and columns of h2 and h5
LATENTS = N, Z
TORCH_RUNGS = {"rung 2": ("pytorch_lowlevel.rung", "LowlevelRung"), "rung 3": ("paper.rung", "PaperRung")}
BETA, LEARNING_RATE = 3.0, 0.01


def forward(parameters, x, eps):
    """The rung's, by name and in the order of computation."""
    run, (encoder_hidden, decoder_hidden) = vae.forward(parameters, x, eps)
    encoder = encoder_hidden._asdict() | {"mu": run.mu, "logvar": run.logvar}
    return encoder | {"z": run.z} | decoder_hidden._asdict() | {"logits": run.logits}


def loss(logits, x, mu, logvar, beta):
    """The rung's, the parts first."""
    parts = vae.loss(logits, x, mu, logvar, Objective(beta=beta))
    return {"reconstruction": parts.reconstruction, "kl": parts.kl, "loss": parts.loss}


def backward(parameters, x, eps, activations, beta):
    """The rung's, from the last layer to the first: the first wrong gradient is where to look."""
    a = activations
    run = vae.Forward(a["mu"], a["logvar"], a["z"], a["logits"])
    hidden = vae.EncoderHidden(a["h1"], a["h2"], a["h3"]), vae.DecoderHidden(a["h4"], a["h5"], a["h6"])
    return _backwards(vae.backward(parameters, x, eps, run, hidden, Objective(beta=beta)))


def train_step(parameters, m, v, t, x, eps, beta, learning_rate):
    """The rung's step, which works in place, on copies."""
    parameters = _copy(parameters)
    optimizer = Adam(parameters, learning_rate)
    optimizer.m, optimizer.v, optimizer.t = _copy(m), _copy(v), t
    parts = vae.train_step(parameters, optimizer, x, eps, Objective(beta=beta))
    new = {"parameters": parameters, "m": optimizer.m, "v": optimizer.v}
    return {"loss": parts.loss} | {name: _backwards(arrays) for name, arrays in new.items()} | {"t": optimizer.t}


def _copy(arrays):
    return {name: array.copy() for name, array in arrays.items()}


def _backwards(arrays):
    return dict(reversed(arrays.items()))


def _architecture(rng):
    latents, c1, c2, hidden, rows, columns = sized(rng, Z, C1, C2, HIDDEN, ROWS, COLUMNS)
    return Architecture(latents, (c1, c2), hidden, (1, 4 * rows, 4 * columns))


def _of_parameters(draw):
    """For every parameter, what `draw(rng, shape)` gives."""
    return lambda rng: {name: draw(rng, shape) for name, shape in _architecture(rng).parameter_shapes().items()}


_zeros = _of_parameters(lambda rng, shape: np.zeros(shape))
_some = _of_parameters(lambda rng, shape: 0.03 * rng.standard_normal(shape))
"""Numbers of the size that averages of gradients have."""
_squares = _of_parameters(lambda rng, shape: 1e-4 * (1 + rng.random(shape)))
"""Numbers of the size that averages of squared gradients have."""


def _initial(rng):
    return initial_parameters(_architecture(rng), rng, np.float64)


def _biases_of_minus_one(rng):
    """Every layer returns -1 for any input, and 0 where a ReLU follows."""
    return {name: array - name.endswith("bias") for name, array in _zeros(rng).items()}


def _sum_of_latents(rng):
    """Every unit of h4 is the sum of the latents where that is above 0; all other layers return 0."""
    zeros = _zeros(rng)
    return zeros | {"decoder.fc1.weight": zeros["decoder.fc1.weight"] + 1}


def _only_encoder_biases(rng):
    """q is Normal(2, 4) for every image, and the decoder does not depend on it."""
    zeros = _zeros(rng)
    mu, logvar = zeros["encoder.mu.bias"] + 2, zeros["encoder.logvar.bias"] + math.log(4)
    return zeros | {"encoder.mu.bias": mu, "encoder.logvar.bias": logvar}


def _image_shape(rng):
    return *sized(rng, N), *_architecture(rng).image_shape


def _images(rng):
    return rng.random(_image_shape(rng))


def _some_logits(rng):
    return rng.standard_normal(_image_shape(rng))


def _noise(rng):
    return rng.standard_normal(sized(rng, *LATENTS))


def _forward_probe(name, parameters, eps):
    return call("forward", name, parameters=parameters, x=_images, eps=eps)


def _backward_probe(name, parameters, x, beta):
    """A probe of `backward`, with activations that are right."""

    def observe(answer, rng):
        p, images, eps = parameters(rng), x(rng), _noise(rng)
        return answer.backward(p, images, eps, forward(p, images, eps), beta)

    return Probe(name, observe)


def _steps(answer, rng, count):
    """Several steps from initial parameters, each with the state that the one before it returned and other data."""
    step = {"parameters": _initial(rng), "m": _zeros(rng), "v": _zeros(rng), "t": 0}
    for _ in range(count):
        state = step["parameters"], step["m"], step["v"], step["t"]
        step = answer.train_step(*state, _images(rng), _noise(rng), BETA, LEARNING_RATE)
    return step


@functools.lru_cache(maxsize=4)
def _steps_of_rung(name, seed, count):
    """The same by a rung that needs torch; cached, since every answer is compared with the same numbers."""
    module, rung_class = TORCH_RUNGS[name]
    rng = np.random.default_rng(seed)
    rung = getattr(importlib.import_module(module), rung_class)(_architecture(rng), _initial(rng), LEARNING_RATE)
    for _ in range(count):
        parts = rung.step(_images(rng), _noise(rng), Objective(beta=BETA))
    return {"loss": parts.loss, **_backwards(rung.parameters())}


def _compared_with_torch(answer, rng):
    """Two steps, and for each tensor how far the answer is from rungs 2 and 3."""
    seed = int(rng.integers(2**32))
    step = _steps(answer, np.random.default_rng(seed), 2)
    got = {"loss": step["loss"], **step["parameters"]}
    rungs = {name: _steps_of_rung(name, seed, 2) for name in TORCH_RUNGS}
    return {
        name: {key: _difference(got[key], value, name) for key, value in values.items()}
        for name, values in rungs.items()
    }


def _difference(got, expected, name):
    if np.shape(got) != np.shape(expected):
        return f"of shape {np.shape(got)}, in {name} {np.shape(expected)}"
    off = np.max(np.abs(got - expected)) / np.max(np.abs(expected))
    return f"equal to {name}" if off < 1e-9 else f"off {name} by {off:.1g} of the largest entry"


def _white(rng):
    return np.ones(_image_shape(rng))


def _noise_of_one(rng):
    return np.ones(sized(rng, *LATENTS))


# Other right ways to write a training step


def _kernel_gradient(dy, x):
    """A convolution of x with dy spread out by the stride, in which images and channels are exchanged."""
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


probes = (
    _forward_probe("all weights 0, all biases -1, noise 1", _biases_of_minus_one, _noise_of_one),
    _forward_probe("decoder.fc1's weights 1, all else 0, noise 1", _sum_of_latents, _noise_of_one),
    _forward_probe("random parameters", _initial, _noise),
    call(
        "loss",
        "every pixel ½, every mean at 2",
        logits=lambda rng: np.zeros(_image_shape(rng)),
        x=_images,
        mu=full(*LATENTS, value=2),
        logvar=full(*LATENTS, value=0),
        beta=BETA,
    ),
    call(
        "loss",
        "random numbers",
        logits=_some_logits,
        x=_images,
        mu=normal(*LATENTS),
        logvar=normal(*LATENTS),
        beta=BETA,
    ),
    _backward_probe(
        "white images, the encoder's last biases 2 and log 4, all else 0", _only_encoder_biases, _white, BETA
    ),
    _backward_probe("random parameters", _initial, _images, BETA),
    call(
        "train_step",
        "the first step: white images, every parameter 0",
        parameters=_zeros,
        m=_zeros,
        v=_zeros,
        t=0,
        x=_white,
        eps=_noise,
        beta=1.0,
        learning_rate=0.01,
    ),
    call(
        "train_step",
        "in the middle of training",
        parameters=_initial,
        m=_some,
        v=_squares,
        t=6,
        x=_images,
        eps=_noise,
        beta=BETA,
        learning_rate=0.05,
    ),
    Probe("three steps from the beginning, as rung 1 makes them", lambda answer, rng: _steps(answer, rng, 3)),
    Probe("two steps beside rung 2 and rung 3", _compared_with_torch, requires="torch"),
)

hints = Hints(
    idea="`backward` is `forward` read from its last line to its first. Every line y = f(x, weight, bias) becomes "
    "dx, dweight, dbias = f_backward(dy, x, weight), and x is one of the activations. Where one value was used "
    "twice, its gradient is a sum of two: h3 feeds mu and logvar, and mu and logvar feed both z and the KL.",
    formula="dlogits = (sigmoid(logits) - x) / N. From the KL: dmu = β mu / N, dlogvar = β (exp(logvar) - 1) / (2N). "
    "Through z = mu + σ eps: dmu = dz, dlogvar = dz · eps · σ / 2, with σ = exp(logvar / 2). ReLU: dy where h > 0. "
    "Adam, per parameter, as in exercise 12 with t + 1.",
    line='The encoder\'s middle: dh3 is what linear_backward(dmu, h3, parameters["encoder.mu.weight"]) gives, plus the '
    "same of dlogvar. Then relu_backward(dh3, h3), linear_backward with h2.reshape(N, -1), and reshape back to h2's "
    "shape. train_step: one loop over parameters, with t + 1 computed once before it.",
)

exercise = Exercise(
    solution={"forward": forward, "loss": loss, "backward": backward, "train_step": train_step},
    sources=(vae.forward, vae.loss, vae.backward, vae.train_step),
    probes=probes,
    fixed=lambda path, axis, sizes: sizes == {1} or ("conv" in path[-1] and axis > 1),  # grey images, kernels of 3 × 3
    hints=hints,
    model_answer=(
        "All of the encoder's, and none of the decoder's: the KL is a function of mu and logvar, and of nothing "
        "behind them. z and the noise take no part in it."
    ),
    mistakes=MISTAKES,
    alternatives=ALTERNATIVES,
)
