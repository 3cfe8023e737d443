"""The models of this folder by name, and what they have in common."""

import importlib
from typing import Any

import torch
from torch import nn

from paper.models.vae import initialise
from paper.options import MODELS

CLASSES = {
    "vae": "paper.models.vae:VAE",
    "beta-vae": "paper.models.beta_vae:BetaVAE",
    "cvae": "paper.models.cvae:conditional_vae",
    "autoencoder": "paper.models.autoencoder:Autoencoder",
    "iwae": "paper.models.iwae:IWAE",
    "vq-vae": "paper.models.vq_vae:VQVAE",
}
"""Where each model of `paper.options.MODELS` is written."""


def make_model(options: Any, image_shape: tuple[int, int, int], class_count: int, seed: int = 0) -> nn.Module:
    """A fresh model of the kind that its options are for, its first values drawn from the seed."""
    module, _, name = CLASSES[model_name(options)].partition(":")
    with torch.random.fork_rng(devices=[]):  # layers draw when they are made, too
        model = getattr(importlib.import_module(module), name)(options, image_shape, class_count)
    initialise(model, seed)
    return model


def model_name(options: Any) -> str:
    """A model's name by its options."""
    return next(name for name, kind in MODELS.items() if type(options) is kind)
