"""Exercise 23: an encoder as nn.Module, its state_dict, and a buffer."""

import math

import numpy as np

from exercises.kit.exercise import Exercise, Hints, axes, call, normal, sized, uniform
from exercises.kit.lazy import Lazy
from exercises.kit.tensors import tensors
from foundation.architecture import Architecture, initial_parameters

from .mistakes import MISTAKES

N, Z, C1, C2, HIDDEN, IMAGE, ROWS, COLUMNS = axes(5, 4, 6, 9, 11, 3, 2, 3)

torch, m, vae_paper = Lazy("torch"), Lazy("exercises.23_module.modules"), Lazy("paper.vae_paper")


def _vae(sizes):
    """The rung's."""
    architecture = m.architecture(sizes)
    return vae_paper.VAE(vae_paper.Encoder(architecture), vae_paper.Decoder(architecture))


def _loaded(sizes, parameters):
    with torch.device("meta"):  # without initial numbers, which are replaced at once
        model = _vae(sizes)
    model.load_state_dict(parameters, assign=True)
    return model


def names(sizes):
    """Of the rung's VAE."""
    return {name: tuple(value.shape) for name, value in _vae(sizes).state_dict().items()}


@tensors()
def encode(sizes, parameters, x):
    """The rung's encoder, whose parameters become these tensors themselves."""
    model = _loaded(sizes, parameters)
    mu, logvar = model.encode(x)
    return mu.detach(), logvar.detach()


@tensors()
def gradients(sizes, parameters, x):
    """By backward, which leaves them in .grad."""
    model = _loaded(sizes, parameters)
    (vae_paper.kl_divergence(*model.encode(x)) / len(x)).backward()
    return {name: value.grad for name, value in model.named_parameters() if value.grad is not None}


def centre(mean, x):
    """A buffer: no rung centres its images, but VQ-VAE's counts and CVAE's mask are buffers."""
    return m.centre_with(m.Centre)(mean, x)


def _architecture(rng):
    latents, c1, c2, hidden, image, rows, columns = sized(rng, Z, C1, C2, HIDDEN, IMAGE, ROWS, COLUMNS)
    return Architecture(latents, (c1, c2), hidden, (image, 4 * rows, 4 * columns))


def _sizes(rng):
    a = _architecture(rng)
    return {"latents": a.latent_dim, "channels": a.channels, "hidden": a.hidden_dim, "image_shape": a.image_shape}


def _initial(rng):
    """In another order than a state_dict's, since names count and places do not."""
    return dict(reversed(initial_parameters(_architecture(rng), rng, np.float64).items()))


def _only_biases(rng):
    """q is Normal(2, 4) for every image."""
    zeros = {name: np.zeros(shape) for name, shape in _architecture(rng).parameter_shapes().items()}
    mu, logvar = zeros["encoder.mu.bias"] + 2, zeros["encoder.logvar.bias"] + math.log(4)
    return zeros | {"encoder.mu.bias": mu, "encoder.logvar.bias": logvar}


def _images(rng):
    return rng.random((*sized(rng, N), *_architecture(rng).image_shape))


SMALL = {"latents": 2, "channels": (3, 5), "hidden": 7, "image_shape": (1, 8, 12)}
PICTURE = IMAGE, *axes(8, 7)

probes = (
    call("names", "2 latents, channels 3 and 5, 7 hidden units, images of 1 × 8 × 12", sizes=SMALL),
    call("names", "random sizes", sizes=_sizes),
    call(
        "encode -> mu, logvar",
        "the last biases 2 and log 4, all else 0",
        sizes=_sizes,
        parameters=_only_biases,
        x=_images,
    ),
    call("encode -> mu, logvar", "random numbers, in another order", sizes=_sizes, parameters=_initial, x=_images),
    call("gradients", "the last biases 2 and log 4, all else 0", sizes=_sizes, parameters=_only_biases, x=_images),
    call("gradients", "random numbers, in another order", sizes=_sizes, parameters=_initial, x=_images),
    call("centre", "random numbers", mean=normal(*PICTURE), x=uniform(N, *PICTURE)),
)

hints = Hints(
    idea="A module keeps a list of the layers, parameters and buffers that are assigned to its attributes, and of "
    "nothing else. Their names are the attributes' names, joined by dots. state_dict, load_state_dict, "
    "named_parameters, double and to all go through that list.",
    formula="In __init__: Module's own __init__, then conv1, conv2 (kernel 3, stride 2, padding 1), fc from "
    "channels[1] · H/4 · W/4 inputs to hidden, mu and logvar from hidden to latents. In forward: ReLU behind the "
    "first three, flatten(1) before fc. A tensor that is saved and not learned: register_buffer.",
    line="VAE(**sizes).double(), then .load_state_dict(...), then under torch.no_grad() the encoder. For the "
    "gradients: the KL over len(x), .backward(), and the .grad that is not None of each of .named_parameters().",
)

exercise = Exercise(
    solution={"names": names, "encode": encode, "gradients": gradients, "centre": centre},
    sources=("paper.vae_paper:Encoder", "paper.vae_paper:Decoder", "paper.vae_paper:VAE", "paper.vae_paper:init"),
    probes=probes,
    fixed=lambda path, axis, sizes: sizes == {1} or ("conv" in path[-1] and axis > 1),  # grey images, kernels of 3 × 3
    requires="torch",
    hints=hints,
    model_answer=(
        "The 10 of the encoder: weight and bias of conv1, conv2, fc, mu and logvar. The KL does not depend on the "
        "decoder, which has the other 8: their .grad stays None."
    ),
    mistakes=MISTAKES,
    alternatives=(
        {
            "names": lambda sizes: m.names_with(m.Encoder)(sizes),
            "encode": lambda *a: m.encode_with()(*a),
            "gradients": lambda *a: m.gradients_with()(*a),
        },
        {
            "encode": lambda *a: m.encode_with(load=m.assigned)(*a),
            "gradients": lambda *a: tensors()(m.by_functional_call)(*a),
        },
    ),
)
