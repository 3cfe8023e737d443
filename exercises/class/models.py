"""The models that the slides show: the one that ships with the exercises, and small ones trained here, from one seed.

All are rung 1. A training takes about half a minute on one core, and is done when its picture is asked for.
"""

import functools
from pathlib import Path

import numpy as np

from exercises.model import load_model
from foundation.architecture import Architecture, initial_parameters
from foundation.data import Dataset, load
from foundation.data.splits import Data
from foundation.objective import Loss
from foundation.options import DataOptions, OptimizerOptions, TrainOptions
from foundation.records import EpochRecord
from foundation.rung import architecture_of
from foundation.training import begin, train
from foundation.weights import load_weights
from numpy_impl.rung import NumpyRung
from paper.models.options import BetaVAEOptions

CHANNELS, HIDDEN = (8, 16), 64
LATENTS = 8
"""Of the models whose images should be clear."""
RATE = 2e-3
EXPLORED = Path(__file__).resolve().parents[2] / "ladder" / "explorer" / "model" / "weights.safetensors"


@functools.cache
def glyphs(split: str) -> Dataset:
    """The data of every picture."""
    return load("glyphs", split)


@functools.cache
def shipped() -> NumpyRung:
    """The two-latent VAE of exercises 01 and 02, in float32."""
    model = load_model()
    return NumpyRung(model.architecture, {name: value.astype(np.float32) for name, value in model.parameters.items()})


@functools.cache
def explored() -> NumpyRung:
    """The two-latent VAE of the page that `vae-ladder explore` makes."""
    parameters, description = load_weights(EXPLORED)
    return NumpyRung(architecture_of(description), parameters)


@functools.cache
def vae(beta: float, latent_dim: int) -> tuple[NumpyRung, Loss]:
    """A VAE trained with this weight on the KL, and its losses on the test images."""
    options = TrainOptions(
        model=BetaVAEOptions(beta=beta, latent_dim=latent_dim, channels=CHANNELS, hidden_dims=(HIDDEN,)),
        data=DataOptions(validation=0.0),
        optimizer=OptimizerOptions(learning_rate=RATE),
        epochs=12,
        batch_size=64,
    )
    rng = np.random.default_rng(options.seed)
    rung = _fresh(latent_dim, rng)
    for record in train(begin(rung, Data("glyphs", glyphs("train"), None, glyphs("test")), options, rng)):
        if isinstance(record, EpochRecord):
            last = Loss(**record.held_out)
    print(f"VAE with {latent_dim} latents, β = {beta:g}: {last.reconstruction:.1f} + {last.kl:.1f} nats per image")
    return rung, last


def _fresh(latent_dim: int, rng: np.random.Generator) -> NumpyRung:
    architecture = Architecture(latent_dim=latent_dim, channels=CHANNELS, hidden_dim=HIDDEN)
    return NumpyRung(architecture, initial_parameters(architecture, rng), RATE)
