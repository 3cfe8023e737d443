"""Frozen numbers: what each rung and each model gave after two epochs before they came to share one engine.

tests/data/frozen.json holds, for each case, the loss of every record and a fingerprint of every tensor: its dot product
with a fixed random tensor. A change of what is computed or drawn changes these numbers; CHANGELOG.md then names it.
"""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from foundation.architecture import Parameters
from foundation.data import load
from foundation.data.dataset import Dataset
from foundation.data.splits import Data
from foundation.options import DataOptions, KLOptions, OptimizerOptions, TrainOptions
from foundation.records import EpochRecord
from foundation.training import train
from ladder.rungs import RUNGS
from ladder.train import make_training
from paper.models.options import (
    AutoencoderOptions,
    BetaVAEOptions,
    ConditionalVAEOptions,
    IWAEOptions,
    VAEOptions,
    VQVAEOptions,
)

FROZEN = json.loads((Path(__file__).parent / "data" / "frozen.json").read_text(encoding="utf-8"))
TOLERANCE = 2e-5
"""Relative: sums of float32 are rounded in another order on other machines."""

CONV: dict[str, Any] = {"channels": (8, 16), "hidden_dims": (32,), "latent_dim": 3}
MLP: dict[str, Any] = {"network": "mlp", "hidden_dims": (32, 16), "latent_dim": 3}
CODES: dict[str, Any] = {"channels": (8, 16), "codes": 16, "code_dim": 4}
DEEP = CONV | {"hidden_dims": (32, 16)}
TWO_LATENTS = CONV | {"latent_dim": 2}
DECAY = OptimizerOptions(name="adamw", weight_decay=0.1)
RATE = OptimizerOptions(schedule="cosine", warmup=0.2)
WARMUP = KLOptions(schedule="linear")
MODELS = {
    "vae": TrainOptions(model=VAEOptions(**CONV)),
    "vae mlp, dynamic pixels, linear warm-up": TrainOptions(
        model=VAEOptions(**MLP, activation="tanh"), data=DataOptions(binarise="dynamic"), kl=WARMUP
    ),
    "vae deep, gaussian-learned, cosine": TrainOptions(
        model=VAEOptions(**DEEP, likelihood="gaussian-learned"), optimizer=RATE
    ),
    "vae continuous-bernoulli, free bits": TrainOptions(
        model=VAEOptions(**CONV, likelihood="continuous-bernoulli"), kl=KLOptions(free_bits=0.1)
    ),
    "beta-vae": TrainOptions(model=BetaVAEOptions(**CONV)),
    "beta-vae capacity, adamw": TrainOptions(model=BetaVAEOptions(**MLP, capacity=5.0), optimizer=DECAY),
    "cvae": TrainOptions(model=ConditionalVAEOptions(**CONV)),
    "cvae mlp": TrainOptions(model=ConditionalVAEOptions(**MLP)),
    "cvae upper-left": TrainOptions(model=ConditionalVAEOptions(**CONV, condition="upper-left")),
    "autoencoder": TrainOptions(model=AutoencoderOptions(**CONV)),
    "iwae": TrainOptions(model=IWAEOptions(**CONV, draws=3)),
    "vq-vae": TrainOptions(model=VQVAEOptions(**CODES)),
    "vq-vae gradient": TrainOptions(model=VQVAEOptions(**CODES, codebook="gradient")),
}
"""Trained on 256 images, with 64 of them kept aside for validation."""
LADDER = {
    f"{rung} {likelihood} beta {beta}": TrainOptions(
        model=BetaVAEOptions(**TWO_LATENTS, likelihood=likelihood, beta=float(beta)), rung=rung
    )
    for rung in RUNGS
    for likelihood, beta in (("bernoulli", 1), ("gaussian", 4))
}
"""Trained on all 320 images."""


@pytest.fixture(scope="module")
def glyphs() -> tuple[Dataset, Dataset]:
    return load("glyphs", "train", count=320), load("glyphs", "test", count=100)


def test_every_frozen_case_is_tried() -> None:
    assert FROZEN.keys() == LADDER.keys() | MODELS.keys()


@pytest.mark.parametrize("name", FROZEN)
def test_two_epochs_give_the_frozen_numbers(name: str, glyphs: tuple[Dataset, Dataset]) -> None:
    images, test = glyphs
    options = (LADDER | MODELS)[name]
    if options.rung != "numpy_impl":
        pytest.importorskip("torch")
    if name in LADDER:
        data = Data("glyphs", images, None, test)
    else:
        data = Data("glyphs", images.subset(slice(256)), images.subset(slice(256, None)), test)
    training = make_training(dataclasses.replace(options, epochs=2, batch_size=64, seed=7), data)
    losses = [r.held_out["loss"] if isinstance(r, EpochRecord) else r.parts["loss"] for r in train(training)]
    assert losses == pytest.approx(FROZEN[name]["losses"], rel=TOLERANCE)
    assert list(differences(training.rung.parameters(), FROZEN[name]["weights"])) == []


def differences(tensors: Parameters, frozen: dict[str, float]) -> Iterator[str]:
    """Each tensor whose fingerprint is another one, by name; `tensors` are in the order in which they were frozen."""
    assert tensors.keys() == frozen.keys()
    rng = np.random.default_rng(0)
    for name, value in tensors.items():
        value = value.astype(np.float64)
        found = float((value * rng.standard_normal(value.shape)).sum())
        if abs(found - frozen[name]) > TOLERANCE * max(abs(frozen[name]), float(np.linalg.norm(value))):
            yield f"{name}: {found}, frozen {frozen[name]}"


def test_a_fingerprint_shows_small_changes_and_names_the_tensor() -> None:
    rng = np.random.default_rng(1)
    tensors = {"weight": rng.standard_normal((40, 30)), "bias": rng.standard_normal(40)}
    draws = np.random.default_rng(0)
    frozen = {name: float((value * draws.standard_normal(value.shape)).sum()) for name, value in tensors.items()}
    assert list(differences(tensors, frozen)) == []
    (line,) = differences(tensors | {"bias": tensors["bias"] * (1 + 1e-3)}, frozen)
    assert line.startswith("bias: ")
    exchanged = tensors["weight"].copy()
    exchanged[[3, 4]] = exchanged[[4, 3]]
    (line,) = differences(tensors | {"weight": exchanged}, frozen)
    assert line.startswith("weight: ")
