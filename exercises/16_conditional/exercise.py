"""Exercise 16: a label, as one-hot columns, for the encoder and for the decoder."""

import numpy as np

from exercises.kit.exercise import Exercise, Hints, Probe, axes, call, normal, sized, uniform
from foundation.objective import Objective
from numpy_impl import vae_numpy
from numpy_impl.functional import binary_cross_entropy_with_logits, relu, sigmoid
from numpy_impl.vae_numpy import kl_divergence, reparameterize

from .mistakes import MISTAKES
from .stub import CLASSES, _decoder, _encoder

N, PIXELS, LATENTS, HIDDEN = axes(7, 13, 5, 11)


def one_hot(labels, classes):
    """Rows of the identity."""
    return np.eye(classes)[labels]


def encode(parameters, x, labels):
    """The label's columns follow the pixels."""
    return _encoder(parameters, np.concatenate([x, one_hot(labels, CLASSES)], axis=1))


def decode(parameters, z, labels):
    """The label's columns follow the latents."""
    return _decoder(parameters, np.concatenate([z, one_hot(labels, CLASSES)], axis=1))


def loss(parameters, x, labels, eps):
    """The rung's loss: the label enters through q and p alone."""
    mu, logvar = encode(parameters, x, labels)
    logits = decode(parameters, reparameterize(mu, logvar, eps), labels)
    images = (len(x), 1, 1, -1)
    return vae_numpy.loss(logits.reshape(images), x.reshape(images), mu, logvar, Objective())._asdict()


def generate(parameters, label, z):
    """One label for all."""
    return sigmoid(decode(parameters, z, np.full(len(z), label)))


def encode_by_column(parameters, x, labels):
    """A one-hot row times a matrix is a column of that matrix: no one-hot needed."""
    weight, pixels = parameters["encoder.fc.weight"], x.shape[1]
    hidden = relu(x @ weight[:, :pixels].T + weight[:, pixels + labels].T + parameters["encoder.fc.bias"])
    mu = hidden @ parameters["encoder.mu.weight"].T + parameters["encoder.mu.bias"]
    return mu, hidden @ parameters["encoder.logvar.weight"].T + parameters["encoder.logvar.bias"]


def decode_by_column(parameters, z, labels):
    """The same for the decoder."""
    weight, latents = parameters["decoder.fc.weight"], z.shape[1]
    hidden = relu(z @ weight[:, :latents].T + weight[:, latents + labels].T + parameters["decoder.fc.bias"])
    return hidden @ parameters["decoder.out.weight"].T + parameters["decoder.out.bias"]


def loss_of_sums(parameters, x, labels, eps):
    """The sums over the batch, over N."""
    mu, logvar = encode_by_column(parameters, x, labels)
    logits = decode_by_column(parameters, mu + np.sqrt(np.exp(logvar)) * eps, labels)
    kl, reconstruction = kl_divergence(mu, logvar) / len(x), binary_cross_entropy_with_logits(logits, x) / len(x)
    return {"loss": kl + reconstruction, "reconstruction": reconstruction, "kl": kl}


def _shapes(pixels, latents, hidden):
    """The shape of each layer's weight."""
    return {
        "encoder.fc": (hidden, pixels + CLASSES),
        "encoder.mu": (latents, hidden),
        "encoder.logvar": (latents, hidden),
        "decoder.fc": (hidden, latents + CLASSES),
        "decoder.out": (pixels, hidden),
    }


def _network(rng):
    """Random weights, small enough that no pixel is certain."""
    parameters = {}
    for name, shape in _shapes(*sized(rng, PIXELS, LATENTS, HIDDEN)).items():
        parameters[f"{name}.weight"] = rng.standard_normal(shape) / np.sqrt(shape[1])
        parameters[f"{name}.bias"] = rng.standard_normal(shape[0]) / 2
    return parameters


def _zeros(pixels=PIXELS, latents=LATENTS, hidden=HIDDEN):
    return {
        f"{name}.{part}": np.zeros(size)
        for name, shape in _shapes(pixels, latents, hidden).items()
        for part, size in (("weight", shape), ("bias", shape[0]))
    }


def _sized_zeros(rng):
    """A network of zeros for arrays of random sizes."""
    return _zeros(*sized(rng, PIXELS, LATENTS, HIDDEN))


def _of_labels():
    """A network that depends on the label alone: mu and the logits are 1, 4, 9 for the labels 0, 1, 2, and logvar 0."""
    parameters = _zeros()
    for name in ("encoder.fc", "decoder.fc"):
        parameters[f"{name}.weight"][:, -CLASSES:] = [1, 4, 9]
    for name in ("encoder.mu", "decoder.out"):
        parameters[f"{name}.weight"][:, 0] = 1
    return parameters


def _labels(rng):
    return rng.integers(0, CLASSES, *sized(rng, N))


def _differ(one, other):
    return bool(np.any(np.abs(one - other) > 1e-9))


def _move_q(answer, rng):
    """Every image once with its label and once with the next one."""
    parameters, x, labels = _network(rng), rng.uniform(size=sized(rng, N, PIXELS)), _labels(rng)
    mu, logvar = answer.encode(parameters, x, labels)
    other_mu, other_logvar = answer.encode(parameters, x, (labels + 1) % CLASSES)
    return {"mu moves": _differ(mu, other_mu), "logvar moves": _differ(logvar, other_logvar)}


def _move_p(answer, rng):
    """Every z once with a label and once with the next one."""
    parameters, z, labels = _network(rng), rng.standard_normal(sized(rng, N, LATENTS)), _labels(rng)
    logits = answer.decode(parameters, z, labels)
    return {"logits move": _differ(logits, answer.decode(parameters, z, (labels + 1) % CLASSES))}


THREE = np.array([2, 0, 1])
RANDOM_LOSS = {"x": uniform(N, PIXELS), "labels": _labels, "eps": normal(N, LATENTS)}

probes = (
    call("one_hot", "labels 2 and 0 of three", labels=np.array([2, 0]), classes=3),
    call("one_hot", "seven classes, of which three occur", labels=np.array([4, 0, 4, 1]), classes=7),
    call("one_hot", "random labels", labels=lambda rng: rng.integers(0, 5, 17), classes=5),
    call(
        "encode -> mu, logvar",
        "a network of the label alone: mu is 1, 4, 9 for the labels 0, 1, 2",
        parameters=_of_labels(),
        x=np.zeros((3, PIXELS)),
        labels=THREE,
    ),
    call(
        "encode -> mu, logvar",
        "the same without class 2",
        parameters=_of_labels(),
        x=np.zeros((3, PIXELS)),
        labels=np.array([1, 0, 1]),
    ),
    Probe("does q move when only the label changes?", _move_q),
    call("encode -> mu, logvar", "random numbers", parameters=_network, x=uniform(N, PIXELS), labels=_labels),
    call(
        "decode",
        "a network of the label alone: logits are 1, 4, 9 for the labels 0, 1, 2",
        parameters=_of_labels(),
        z=np.zeros((3, LATENTS)),
        labels=THREE,
    ),
    call(
        "decode",
        "the same without class 2",
        parameters=_of_labels(),
        z=np.zeros((3, LATENTS)),
        labels=np.array([1, 0, 1]),
    ),
    Probe("does p move when only the label changes?", _move_p),
    call("decode", "random numbers", parameters=_network, z=normal(N, LATENTS), labels=_labels),
    call("loss", "a network of zeros: 13 log 2", parameters=_sized_zeros, **RANDOM_LOSS),
    call("loss", "random numbers", parameters=_network, **RANDOM_LOSS),
    call(
        "generate",
        "a network of the label alone: logits of 1",
        parameters=_of_labels(),
        label=0,
        z=np.zeros((3, LATENTS)),
    ),
    call("generate", "the same, logits of 4", parameters=_of_labels(), label=1, z=np.zeros((3, LATENTS))),
    call(
        "generate",
        "random numbers",
        parameters=_network,
        label=lambda rng: int(rng.integers(0, CLASSES)),
        z=normal(N, LATENTS),
    ),
)

hints = Hints(
    idea="A label is a category, no quantity: class 2 is not twice class 1. So each class gets an input of its own, 1 "
    "for its images and 0 for the others. Those inputs go to both networks, beside their other inputs. Nothing "
    "else changes: what is reconstructed is the image, and the prior is the same for every class.",
    formula="encoder input (N, D + K): x, then the label's columns; decoder input (N, Z + K): z, then the same. "
    "loss = reconstruction of x + KL(q(z|x, y) || N(0, I)), per image. An image: sigmoid of the logits.",
    line="np.eye(classes) has the wanted rows; np.concatenate([..., ...], axis=1) puts columns side by side; "
    "np.full(len(z), ...) makes one label as many.",
)

exercise = Exercise(
    solution={"one_hot": one_hot, "encode": encode, "decode": decode, "loss": loss, "generate": generate},
    sources=(vae_numpy.loss, _encoder, _decoder),
    probes=probes,
    hints=hints,
    model_answer=(
        "Its form does not change: reconstruction plus KL, with the same prior. But q and the decoder now depend "
        "on y, so minus the loss is a bound on log p(x|y), and the KL is smaller where z no longer has to encode "
        "the class."
    ),
    mistakes=MISTAKES,
    alternatives=(
        {
            "one_hot": lambda labels, classes: (labels[:, None] == np.arange(classes)).astype(float),
            "encode": encode_by_column,
            "decode": decode_by_column,
            "loss": loss_of_sums,
            "generate": lambda parameters, label, z: (
                0.5 + 0.5 * np.tanh(decode_by_column(parameters, z, [label] * len(z) + np.zeros(len(z), int)) / 2)
            ),
        },
    ),
)
