"""The models of this folder by name: made fresh, described, and made again from files."""

import dataclasses
import importlib
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from foundation.architecture import Parameters
from foundation.errors import InputError, shown
from foundation.options import ModelOptions
from foundation.rung import Description, ImageShape
from foundation.runs import Run
from foundation.schema import from_json
from foundation.weights import check_amount, check_fit, load_weights
from paper.models.base import Model, options_of
from paper.models.options import MODELS
from paper.runs import load_trained

CLASSES = {
    "vae": "paper.models.vae:VAE",
    "beta-vae": "paper.models.beta_vae:BetaVAE",
    "beta-tcvae": "paper.models.beta_tcvae:BetaTCVAE",
    "factor-vae": "paper.models.factor_vae:FactorVAE",
    "cvae": "paper.models.cvae:conditional_vae",
    "m2": "paper.models.m2:M2",
    "autoencoder": "paper.models.autoencoder:Autoencoder",
    "iwae": "paper.models.iwae:IWAE",
    "vampprior": "paper.models.vampprior:VampPriorVAE",
    "iaf-vae": "paper.models.iaf_vae:IAFVAE",
    "hierarchical": "paper.models.hierarchical:HierarchicalVAE",
    "vq-vae": "paper.models.vq_vae:VQVAE",
    "codes-prior": "paper.models.pixelcnn:CodesPrior",
    "latent-diffusion": "paper.models.latent_diffusion:LatentDiffusion",
}
"""Where each model of `paper.models.options.MODELS` is written."""
LAYERS = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)
"""The layers whose first values are drawn here."""
DARKEST = 0.001
"""A mean pixel counts as at least this far from black and from white."""


def make_model(
    options: ModelOptions,
    image_shape: ImageShape,
    class_count: int,
    rng: np.random.Generator | int = 0,
    dtype: torch.dtype = torch.float32,
    images: np.ndarray | None = None,
) -> Model:
    """A fresh model of the kind that its options are for, its first values drawn from the generator, or from a seed.

    `images` are those that it is to be trained on, (N, C, H, W); with `init="glorot"` their mean is where it begins.
    Raises `InputError` for such options without images, or with images of another shape.
    """
    shapes_of(Description.of(options, image_shape, class_count))  # refuses sizes that are none
    model = build(options, image_shape, class_count).to(dtype)
    init = getattr(options, "init", "torch")
    initialise(model, np.random.default_rng(rng), init)
    if init == "glorot":
        begin_at_mean(model, images)
    return model


def build(options: ModelOptions, image_shape: ImageShape, class_count: int) -> Model:
    """A model with arbitrary values, without a trace in torch's own generator."""
    module, _, name = CLASSES[options.model].partition(":")
    with torch.random.fork_rng(devices=[]):
        return getattr(importlib.import_module(module), name)(options, image_shape, class_count)


def second_stage(first: Model, kind: type[ModelOptions], seed: int, choices: dict[str, Any]) -> Model:
    """A fresh model that begins on a trained one, with its options, values, device and precision; `choices` are others.

    The seed draws the first values of what it adds, which are torch's own. Raises `InputError` for an option that the
    kind does not have, and for a model that it does not begin on.
    """
    if first.options.model not in kind.first_stages:
        raise InputError(f"{kind.model}: expected a model of {', '.join(kind.first_stages)}, got {first.options.model}")
    own = {field.name for field in dataclasses.fields(kind)}
    known = {name: value for name, value in dataclasses.asdict(first.options).items() if name in own}
    options = options_of(kind, known | choices | ({"init": "torch"} if "init" in own else {}))
    mould = next(first.parameters())
    model = make_model(options, first.image_shape, first.class_count, seed, mould.dtype)
    model.load_state_dict(model.state_dict() | first.state_dict())
    return model.to(mould.device)


@torch.no_grad()
def initialise(model: nn.Module, rng: np.random.Generator, init: str = "torch") -> None:
    """Draw the first values of every layer, in the order of `state_dict()`: U(-b, b) with b = 1 / sqrt(fan_in).

    These are torch's own distributions and those of `foundation.architecture.initial_parameters`, so that the plain VAE
    starts from the same values on every rung. With `init="glorot"`, b = sqrt(6 / (fan_in + fan_out)) for weights, and
    biases are 0 (Glorot & Bengio 2010). A module of another kind draws its own in `draw_parameters`.
    """
    for module in model.modules():
        if isinstance(module, LAYERS):
            bound = glorot_bound(module) if init == "glorot" else 1 / math.sqrt(module.weight[0].numel())
            for name, value in module.named_parameters(recurse=False):  # weight, then bias
                if init == "glorot" and name == "bias":
                    value.zero_()
                else:
                    value.copy_(torch.from_numpy(rng.uniform(-bound, bound, tuple(value.shape))))
        elif (draw := getattr(module, "draw_parameters", None)) is not None:
            draw(rng)


def glorot_bound(layer: nn.Linear | nn.Conv2d | nn.ConvTranspose2d) -> float:
    """sqrt(6 / (fan_in + fan_out)); a convolution's fans count the places of its kernel."""
    return math.sqrt(6 / (sum(layer.weight.shape[:2]) * layer.weight[0, 0].numel()))


@torch.no_grad()
def begin_at_mean(model: Model, images: np.ndarray | None) -> None:
    """Set the bias of the decoder's last layer, so that outputs of 0 from its weights are the mean training image.

    As in the code of Burda et al. (2016), github.com/yburda/iwae, pixels are clipped to [0.001, 0.999]: one that is
    black in all images has no finite logit. A convolution has one bias a channel, which gets the mean over its places.
    """
    if images is None:
        raise InputError("init: glorot begins at the mean of the training images, expected them as images, got none")
    if tuple(images.shape[1:]) != tuple(model.image_shape):
        raise InputError(f"images: expected (N, C, H, W) with {model.image_shape} after N, got {images.shape}")
    mean = torch.from_numpy(np.asarray(images.mean(axis=0, dtype=np.float64)))
    layer = [module for module in model.get_submodule("decoder").modules() if isinstance(module, LAYERS)][-1]
    pixels = mean if isinstance(layer, nn.Linear) else mean.mean((1, 2), keepdim=True)
    assert layer.bias is not None
    layer.bias.copy_(model.likelihood.outputs_for(pixels.clamp(DARKEST, 1 - DARKEST)).flatten())


def model_of(description: Description, tensors: Parameters, source: str | Path) -> Model:
    """The model of a description, with these values. Raises `InputError`, naming the source, where they do not fit."""
    check_fit({name: value.shape for name, value in tensors.items()}, shapes_of(description, source), source)
    options: Any = from_json(MODELS[description.model], description.options)
    model = build(options, description.image_shape, description.class_count)
    model.to(torch.from_numpy(next(iter(tensors.values()))).dtype)
    model.load_state_dict({name: torch.from_numpy(value) for name, value in tensors.items()})
    return model.eval()


def shapes_of(description: Description, source: str | Path = "model") -> dict[str, tuple[int, ...]]:
    """The shape of every tensor of a described model, found without memory for any.

    A few bytes of a file may describe a model of gigabytes. Raises `InputError`, naming the source, for a description
    of no model, and for one of more parameters than a file may hold.
    """
    if description.model not in MODELS:
        raise InputError(f"{source}: expected a model of {', '.join(MODELS)}, got {shown(description.model)}")
    try:
        options: Any = from_json(MODELS[description.model], description.options)
    except ValueError as error:
        raise InputError(f"{source}: its metadata describe no model ({error})") from error
    try:
        with torch.device("meta"):
            model = build(options, description.image_shape, description.class_count)
    except (RuntimeError, TypeError, OverflowError) as error:  # sizes whose product no integer of torch holds
        reason = " ".join(str(error).split())
        raise InputError(f"{source}: no model can be built of its sizes ({shown(reason)})") from error
    shapes = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    check_amount(shapes, str(source))
    return shapes


def load_model(path: str | Path, device: str | torch.device = "cpu") -> Model:
    """Read a model from a file of weights, in eval mode. Raises `InputError` for any other file."""
    tensors, description = load_weights(path, shapes_of=lambda description: shapes_of(description, path))
    return model_of(description, tensors, path).to(device)


def open_model(run: Run, device: str | torch.device = "cpu") -> Model:
    """The model that a run trained, as its last epoch left it, in eval mode; of rungs 1 and 2 the same VAE."""
    tensors, description = load_trained(run, lambda description: shapes_of(description, run.weights_path))
    return model_of(description, tensors, run.weights_path).to(device)
