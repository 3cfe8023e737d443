"""Exercise 13: one whole training step, equal to those of all three rungs."""

import functools
import importlib
import math

import numpy as np

from exercises.kit.exercise import Exercise, Hints, Probe, call, normal, uniform
from foundation.architecture import Architecture, initial_parameters
from foundation.objective import Objective
from numpy_impl import vae_numpy as vae
from numpy_impl.optim import Adam

from .alternatives import ALTERNATIVES
from .mistakes_back import MISTAKES_BACK
from .mistakes_forward import MISTAKES_FORWARD
from .mistakes_step import MISTAKES_STEP

ARCHITECTURE = Architecture(latent_dim=3, channels=(7, 11), hidden_dim=13, image_shape=(1, 8, 12))
IMAGES, LATENTS = (5, 1, 8, 12), (5, 3)
TORCH_RUNGS = {"rung 2": ("pytorch_lowlevel.rung", "LowlevelRung"), "rung 3": ("paper.rung", "PaperRung")}
BETA, LEARNING_RATE = 3.0, 0.01


def forward(parameters, x, eps):
    """The rung's, by name and in the order of computation."""
    (mu, logvar, h1, h2, h3), z, (logits, h4, h5, h6) = vae.forward(parameters, x, eps)
    encoder = {"h1": h1, "h2": h2, "h3": h3, "mu": mu, "logvar": logvar}
    return encoder | {"z": z, "h4": h4, "h5": h5, "h6": h6, "logits": logits}


def loss(logits, x, mu, logvar, beta):
    """The rung's, the parts first."""
    parts = vae.loss(logits, x, mu, logvar, Objective(beta=beta))
    return {"reconstruction": parts.reconstruction, "kl": parts.kl, "loss": parts.loss}


def backward(parameters, x, eps, activations, beta):
    """The rung's, from the last layer to the first: the first wrong gradient is where to look."""
    a = activations
    encoding = vae.Encoding(a["mu"], a["logvar"], a["h1"], a["h2"], a["h3"])
    run = vae.Forward(encoding, a["z"], vae.Decoding(a["logits"], a["h4"], a["h5"], a["h6"]))
    return _backwards(vae.backward(parameters, x, eps, run, Objective(beta=beta)))


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


def _zeros(rng=None):
    return {name: np.zeros(shape) for name, shape in ARCHITECTURE.parameter_shapes().items()}


def _initial(rng):
    return initial_parameters(ARCHITECTURE, rng, np.float64)


def _some(rng):
    """As averages of gradients may look."""
    return {name: 0.03 * rng.standard_normal(shape) for name, shape in ARCHITECTURE.parameter_shapes().items()}


def _squares(rng):
    """As averages of squared gradients may look."""
    return {name: 1e-4 * (1 + rng.random(shape)) for name, shape in ARCHITECTURE.parameter_shapes().items()}


def _biases_of_minus_one(rng):
    """Every layer answers -1, whatever it is given; only what has no ReLU says so."""
    return {name: array - name.endswith("bias") for name, array in _zeros().items()}


def _sum_of_latents(rng):
    """Every unit of h4 is the sum of the latents where that is above 0; all other layers answer 0."""
    return _zeros() | {"decoder.fc1.weight": np.ones((13, 3))}


def _only_encoder_biases(rng):
    """q is Normal(2, 4) for every image, and the decoder sees nothing of it."""
    return _zeros() | {"encoder.mu.bias": np.full(3, 2.0), "encoder.logvar.bias": np.full(3, math.log(4))}


def _way_there(name, parameters, eps):
    return call("forward", name, parameters=parameters, x=uniform(*IMAGES), eps=eps)


def _way_back(name, parameters, x, beta):
    """A probe of `backward`, with activations that are right."""

    def observe(answer, rng):
        p, images, eps = parameters(rng), x(rng), rng.standard_normal(LATENTS)
        return answer.backward(p, images, eps, forward(p, images, eps), beta)

    return Probe(name, observe)


def _steps(answer, rng, count):
    """From fresh parameters on: each step begins where the one before it ended, with other images and noise."""
    step = {"parameters": _initial(rng), "m": _zeros(), "v": _zeros(), "t": 0}
    for _ in range(count):
        state = step["parameters"], step["m"], step["v"], step["t"]
        step = answer.train_step(*state, rng.random(IMAGES), rng.standard_normal(LATENTS), BETA, LEARNING_RATE)
    return step


@functools.lru_cache(maxsize=4)
def _steps_of_rung(name, seed, count):
    """The same by a rung that needs torch; remembered, since every answer is compared with the same numbers."""
    module, rung_class = TORCH_RUNGS[name]
    rng = np.random.default_rng(seed)
    rung = getattr(importlib.import_module(module), rung_class)(ARCHITECTURE, _initial(rng), LEARNING_RATE)
    for _ in range(count):
        parts = rung.step(rng.random(IMAGES), rng.standard_normal(LATENTS), Objective(beta=BETA))
    return {"loss": parts.loss, **_backwards(rung.parameters())}


def _beside_the_rungs(answer, rng):
    """Two steps, and for each tensor how far the answer is from rungs 2 and 3."""
    seed = int(rng.integers(2**32))
    step = _steps(answer, np.random.default_rng(seed), 2)
    came = {"loss": step["loss"], **step["parameters"]}
    rungs = {name: _steps_of_rung(name, seed, 2) for name in TORCH_RUNGS}
    return {
        name: {key: _apart(came[key], value, name) for key, value in values.items()} for name, values in rungs.items()
    }


def _apart(came, expected, name):
    if np.shape(came) != np.shape(expected):
        return f"of shape {np.shape(came)}, in {name} {np.shape(expected)}"
    off = np.max(np.abs(came - expected)) / np.max(np.abs(expected))
    return f"equal to {name}" if off < 1e-9 else f"off {name} by {off:.1g} of the largest entry"


def _white(rng):
    return np.ones(IMAGES)


def _noise_of_one(rng):
    return np.ones(LATENTS)


probes = (
    _way_there("all weights 0, all biases -1, noise 1", _biases_of_minus_one, _noise_of_one),
    _way_there("decoder.fc1's weights 1, all else 0, noise 1", _sum_of_latents, _noise_of_one),
    _way_there("random parameters", _initial, normal(*LATENTS)),
    call(
        "loss",
        "every pixel ½, every mean at 2",
        logits=np.zeros(IMAGES),
        x=uniform(*IMAGES),
        mu=np.full(LATENTS, 2.0),
        logvar=np.zeros(LATENTS),
        beta=BETA,
    ),
    call(
        "loss",
        "random numbers",
        logits=normal(*IMAGES),
        x=uniform(*IMAGES),
        mu=normal(*LATENTS),
        logvar=normal(*LATENTS),
        beta=BETA,
    ),
    _way_back("white images, the encoder's last biases 2 and log 4, all else 0", _only_encoder_biases, _white, BETA),
    _way_back("random parameters", _initial, uniform(*IMAGES), BETA),
    call(
        "train_step",
        "the first step: white images, every parameter 0",
        parameters=_zeros,
        m=_zeros,
        v=_zeros,
        t=0,
        x=_white,
        eps=normal(*LATENTS),
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
        x=uniform(*IMAGES),
        eps=normal(*LATENTS),
        beta=BETA,
        learning_rate=0.05,
    ),
    Probe("three steps from the beginning, as rung 1 makes them", lambda answer, rng: _steps(answer, rng, 3)),
    Probe("two steps beside rung 2 and rung 3", _beside_the_rungs, requires="torch"),
)

hints = Hints(
    idea="`backward` is `forward` read from its last line to its first. Every line y = f(x, weight, bias) becomes "
    "dx, dweight, dbias = f_backward(dy, x, weight), and x is an activation that you kept. Where one value was used "
    "twice, what comes back is a sum of two: h3 feeds mu and logvar, and mu and logvar feed both z and the KL.",
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
    hints=hints,
    mistakes=MISTAKES_FORWARD + MISTAKES_BACK + MISTAKES_STEP,
    alternatives=ALTERNATIVES,
)
