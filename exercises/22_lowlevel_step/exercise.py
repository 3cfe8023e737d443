"""Exercise 22: loss, gradients and training steps on tensors, equal to those of rung 2."""

import math

import numpy as np

from exercises.kit.exercise import Exercise, Hints, axes, call, full, normal, sized
from exercises.kit.lazy import Lazy
from exercises.kit.tensors import differentiated, tensors
from foundation.architecture import Architecture, initial_parameters
from foundation.objective import Objective

from .mistakes import MISTAKES

N, Z, C1, C2, HIDDEN, ROWS, COLUMNS, STEPS = axes(5, 3, 4, 6, 7, 2, 3, 4)
LATENTS = N, Z
BETA = 3.0

torch, steps = Lazy("torch"), Lazy("exercises.22_lowlevel_step.steps")
vae, optim = Lazy("pytorch_lowlevel.vae_lowlevel"), Lazy("pytorch_lowlevel.optim")


@differentiated("logits", "mu", "logvar")
def loss(logits, x, mu, logvar, beta):
    """The rung's."""
    return vae.loss(logits, x, mu, logvar, Objective(beta=beta))._asdict()


@tensors("parameters")
def gradients(parameters, x, eps, beta):
    """The rung's forward, loss and backward."""
    run = vae.forward(parameters, x, eps)
    return vae.backward(parameters, vae.loss(run.logits, x, run.mu, run.logvar, Objective(beta=beta)))


@tensors("parameters")
def train(parameters, x, eps, beta, learning_rate):
    """The rung's step on each batch."""
    optimizer = optim.Adam(parameters, learning_rate)
    losses = []
    for images, noise in zip(x, eps, strict=True):
        parts = vae.train_step(parameters, optimizer, images, noise, Objective(beta=beta))
        losses.append(parts.loss.item())
    return {"losses": losses, "parameters": parameters}


def _architecture(rng):
    latents, c1, c2, hidden, rows, columns = sized(rng, Z, C1, C2, HIDDEN, ROWS, COLUMNS)
    return Architecture(latents, (c1, c2), hidden, (1, 4 * rows, 4 * columns))


def _initial(rng):
    return initial_parameters(_architecture(rng), rng, np.float64)


def _zeros(rng):
    return {name: np.zeros(shape) for name, shape in _architecture(rng).parameter_shapes().items()}


def _only_encoder_biases(rng):
    """q is Normal(2, 4) for every image, and the decoder does not depend on it."""
    zeros = _zeros(rng)
    mu, logvar = zeros["encoder.mu.bias"] + 2, zeros["encoder.logvar.bias"] + math.log(4)
    return zeros | {"encoder.mu.bias": mu, "encoder.logvar.bias": logvar}


def _image_shape(rng):
    return *sized(rng, N), *_architecture(rng).image_shape


def _images(rng):
    return rng.random(_image_shape(rng))


def _white(rng):
    return np.ones(_image_shape(rng))


def _batches(count):
    return lambda rng: rng.random((*sized(rng, count), *_image_shape(rng)))


probes = (
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
        logits=lambda rng: rng.standard_normal(_image_shape(rng)),
        x=_images,
        mu=normal(*LATENTS),
        logvar=normal(*LATENTS),
        beta=BETA,
    ),
    call(
        "gradients",
        "white images, the encoder's last biases 2 and log 4, all else 0",
        parameters=_only_encoder_biases,
        x=_white,
        eps=normal(*LATENTS),
        beta=BETA,
    ),
    call("gradients", "random numbers", parameters=_initial, x=_images, eps=normal(*LATENTS), beta=BETA),
    call(
        "train",
        "one batch of white images, every parameter 0",
        parameters=_zeros,
        x=lambda rng: np.ones((1, *_image_shape(rng))),
        eps=lambda rng: rng.standard_normal((1, *sized(rng, *LATENTS))),
        beta=1.0,
        learning_rate=0.01,
    ),
    call(
        "train",
        "four batches",
        parameters=_initial,
        x=_batches(STEPS),
        eps=normal(STEPS, *LATENTS),
        beta=BETA,
        learning_rate=0.02,
    ),
)

hints = Hints(
    idea="What was recorded in the forward pass is a tape, and the loss is its end. So the loss must stay a tensor "
    "until the gradients are taken, and everything after that, updates and the losses that you keep, must not be on a "
    "tape. One tape serves one backward pass.",
    formula="loss: binary cross-entropy with logits, summed, and the KL -½ Σ (1 + logvar - mu² - exp(logvar)), both "
    "divided by N; β before the KL. gradients: torch.autograd.grad of the loss for the list of all parameters. train: "
    "for each batch zero_grad, backward and step of one torch.optim.Adam over parameters.values().",
    line='F.binary_cross_entropy_with_logits(..., reduction="...") / len(x). dict(zip(names, gradients, strict=True)) '
    "puts names to gradients. losses.append(....item()). One step by hand stands under `with torch.no_grad():` and "
    "changes each parameter with `-=`.",
)

exercise = Exercise(
    solution={"loss": loss, "gradients": gradients, "train": train},
    sources=tuple(f"pytorch_lowlevel.vae_lowlevel:{name}" for name in ("loss", "backward", "train_step")),
    probes=probes,
    fixed=lambda path, axis, sizes: sizes == {1} or ("conv" in path[-1] and axis > 1),  # grey images, kernels of 3 × 3
    requires="torch",
    hints=hints,
    model_answer=(
        "The second. In the first, every .grad is still empty; the second adds its gradients to those of the first, "
        "and Adam steps with the sum. The losses show it only from the third on, so a test of one step finds "
        "nothing."
    ),
    mistakes=MISTAKES,
    alternatives=(
        {
            "loss": lambda *a: steps.loss_with()(*a),
            "gradients": lambda *a: steps.gradients_with(after=steps.by_backward)(*a),
            "train": lambda *a: steps.train_with(steps.usual)(*a),
        },
        {"train": lambda *a: steps.train_with(steps.by_hand, start=steps.AdamByHand)(*a)},
        {"train": lambda *a: steps.train_with(steps.new_leaves, start=steps.AdamByHand)(*a)},
    ),
)
