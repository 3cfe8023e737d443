"""Small trainings in float64, to be done by one process or shared by several; as a program, one of those several."""

import dataclasses
import sys
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist

from foundation.data.dataset import Dataset
from foundation.data.splits import Data
from foundation.files import write_json
from foundation.options import DataOptions, KLOptions, OptimizerOptions, TrainOptions
from foundation.records import StepRecord
from foundation.training import Training, begin, train
from paper.models.options import (
    AutoencoderOptions,
    BetaVAEOptions,
    ConditionalVAEOptions,
    IWAEOptions,
    M2Options,
    VAEOptions,
    VQVAEOptions,
)
from paper.rung import make_rung

SMALL = {"channels": (2, 3), "hidden_dims": (5,), "latent_dim": 3}
MLP = {"network": "mlp", "hidden_dims": (5,), "latent_dim": 3}
CASES = {
    "vae": TrainOptions(
        model=VAEOptions(**SMALL), data=DataOptions(binarise="dynamic"), kl=KLOptions(schedule="cyclical", cycles=2)
    ),
    "learned variance": TrainOptions(model=VAEOptions(**MLP, likelihood="gaussian-learned")),
    "optimal variance": TrainOptions(model=VAEOptions(**MLP, likelihood="gaussian-optimal")),
    "optimal variance of missing pixels": TrainOptions(
        model=ConditionalVAEOptions(**MLP, condition="top", likelihood="gaussian-optimal")
    ),
    "free bits": TrainOptions(model=VAEOptions(**SMALL), kl=KLOptions(free_bits=0.03)),
    "capacity": TrainOptions(model=BetaVAEOptions(**SMALL, capacity=0.2, gamma=10.0)),
    "cvae": TrainOptions(model=ConditionalVAEOptions(**MLP)),
    "m2": TrainOptions(model=M2Options(**MLP, labelled=4)),
    "completion": TrainOptions(model=ConditionalVAEOptions(**SMALL, condition="upper-left")),
    "autoencoder": TrainOptions(model=AutoencoderOptions(**SMALL)),
    "iwae": TrainOptions(model=IWAEOptions(**MLP, draws=3)),
    "vq-vae": TrainOptions(model=VQVAEOptions(channels=(2, 3), codes=4, code_dim=2, decay=0.6)),
    "vq-vae by gradient": TrainOptions(model=VQVAEOptions(channels=(2, 3), codes=4, code_dim=2, codebook="gradient")),
}
"""Every model, and whatever looks at a whole batch at once."""
EPOCHS, BATCH, IMAGES = 2, 7, 19
"""Batches of 7, 7 and 5: two processes share none of them evenly."""
STEPS = EPOCHS * -(-IMAGES // BATCH)


def make_data() -> Data[np.ndarray]:
    """Images of noise, the labels that come with them, and a few to validate on."""
    rng = np.random.default_rng(0)

    def part(count: int, split: str) -> Dataset[np.ndarray]:
        labels = rng.integers(0, 3, count)
        return Dataset("noise", split, rng.random((count, 1, 8, 8)), labels, ("a", "b", "c"))

    return Data("noise", part(IMAGES, "train"), part(5, "validation"), part(5, "test"))


def start_case(name: str, processes: int | None = None) -> Training:
    """A training before its first step; with `processes` as if it were shared by so many."""
    optimizer = OptimizerOptions(learning_rate=0.01, schedule="cosine", warmup=0.2)
    options = dataclasses.replace(
        CASES[name], epochs=EPOCHS, batch_size=BATCH, precision="float64", device="cpu", optimizer=optimizer, seed=3
    )
    data, rng = make_data(), np.random.default_rng(options.seed)
    rung = make_rung(options, data.image_shape, len(data.classes), rng)
    rung.processes = processes or rung.processes
    return begin(rung, data, options, rng)


def train_case(name: str) -> tuple[dict[str, torch.Tensor], list[dict]]:
    """Weights and last gradients after a training, and what it logged."""
    training = start_case(name)
    lines = [record.line() for record in train(training) if kept(record)]
    model = training.rung.model
    gradients = {f"gradient of {key}": value.grad for key, value in model.named_parameters() if value.grad is not None}
    return model.state_dict() | gradients, lines


def kept(record: object) -> bool:
    """Epochs, and the steps of the last one."""
    return not isinstance(record, StepRecord) or record.epoch == EPOCHS


def main(process: int, processes: int, out: Path) -> None:
    """Do every case as one of several processes; write the results."""
    dist.init_process_group("gloo", init_method=f"file://{out / 'store'}", rank=process, world_size=processes)
    for name in CASES:
        tensors, lines = train_case(name)
        np.savez(out / f"{name}.{process}.npz", **{key: value.numpy() for key, value in tensors.items()})
        write_json(out / f"{name}.{process}.json", lines)
    dist.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
