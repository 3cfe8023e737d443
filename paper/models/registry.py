"""The models of this folder by name: made fresh, described, and made again from files."""

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
from paper.models.base import Model
from paper.models.options import MODELS
from paper.runs import load_trained

CLASSES = {
    "vae": "paper.models.vae:VAE",
    "beta-vae": "paper.models.beta_vae:BetaVAE",
    "beta-tcvae": "paper.models.beta_tcvae:BetaTCVAE",
    "factor-vae": "paper.models.factor_vae:FactorVAE",
    "cvae": "paper.models.cvae:conditional_vae",
    "autoencoder": "paper.models.autoencoder:Autoencoder",
    "iwae": "paper.models.iwae:IWAE",
    "vampprior": "paper.models.vampprior:VampPriorVAE",
    "iaf-vae": "paper.models.iaf_vae:IAFVAE",
    "hierarchical": "paper.models.hierarchical:HierarchicalVAE",
    "vq-vae": "paper.models.vq_vae:VQVAE",
    "codes-prior": "paper.models.pixelcnn:CodesPrior",
}
"""Where each model of `paper.models.options.MODELS` is written."""


def make_model(
    options: ModelOptions,
    image_shape: ImageShape,
    class_count: int,
    rng: np.random.Generator | int = 0,
    dtype: torch.dtype = torch.float32,
) -> Model:
    """A fresh model of the kind that its options are for, its first values drawn from the generator, or from a seed."""
    shapes_of(Description.of(options, image_shape, class_count))  # refuses sizes that are none
    model = build(options, image_shape, class_count).to(dtype)
    initialise(model, np.random.default_rng(rng))
    return model


def build(options: ModelOptions, image_shape: ImageShape, class_count: int) -> Model:
    """A model with arbitrary values, without a trace in torch's own generator."""
    module, _, name = CLASSES[options.model].partition(":")
    with torch.random.fork_rng(devices=[]):
        return getattr(importlib.import_module(module), name)(options, image_shape, class_count)


@torch.no_grad()
def initialise(model: nn.Module, rng: np.random.Generator) -> None:
    """Draw the first values of every layer, in the order of `state_dict()`: U(-b, b) with b = 1 / sqrt(fan_in).

    These are torch's own distributions and those of `foundation.architecture.initial_parameters`, so that the plain VAE
    starts from the same values on every rung. A module of another kind draws its own in `draw_parameters`.
    """
    for module in model.modules():
        if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            bound = 1 / math.sqrt(module.weight[0].numel())
            for value in module.parameters(recurse=False):  # weight, then bias
                value.copy_(torch.from_numpy(rng.uniform(-bound, bound, tuple(value.shape))))
        elif (draw := getattr(module, "draw_parameters", None)) is not None:
            draw(rng)


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
