"""The longer proofs, at full size: `make proofs` runs them, `make test` leaves them out."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from foundation.architecture import Architecture
from foundation.data import load
from foundation.data.splits import load_data
from foundation.objective import Objective
from foundation.options import DataOptions, TrainOptions
from foundation.records import EpochRecord
from foundation.training import train
from ladder.train import make_training
from numpy_impl.gradcheck import check_vae
from paper.models.options import VAEOptions

MNIST = Path(__file__).parents[2] / "shared" / "data"

pytestmark = pytest.mark.slow


def test_gradients_of_the_default_architecture():
    results = check_vae(Architecture(), sample=20)
    assert [result for result in results if not result.ok] == []
    assert sum(result.compared for result in results) > 500


@pytest.mark.parametrize("objective", [Objective(), Objective("gaussian", beta=4.0)])
def test_parity_on_glyphs_over_three_hundred_steps(objective):
    pytest.importorskip("torch")
    from ladder.parity import compare
    from ladder.rungs import RUNGS

    images = load("glyphs", "train").images
    report = compare(Architecture(), rungs=RUNGS, batch_size=32, steps=300, objective=objective, images=images)
    assert report.ok, report.worst()


def test_rung_1_learns_mnist():
    if not (MNIST / "MNIST" / "raw").is_dir():
        pytest.skip("MNIST is not here")
    data = DataOptions(name="mnist", root=MNIST, validation=0.0)
    options = TrainOptions(model=VAEOptions(latent_dim=20), rung="numpy_impl", data=data, epochs=2)
    training = make_training(options, load_data(data))
    losses = [record.held_out["loss"] for record in train(training) if isinstance(record, EpochRecord)]
    assert losses[0] > 450  # noise, before training
    assert losses[1] < 130
    assert losses[2] < 120


STEPS = """
import hashlib, sys
import numpy as np
from foundation.architecture import Architecture, initial_parameters
from foundation.objective import Objective
from ladder.bench.rungs import peak
from ladder.rungs import make_rung

architecture, rng = Architecture(channels=(4, 8), hidden_dim=32), np.random.default_rng(0)
rung = make_rung(sys.argv[1], architecture, initial_parameters(architecture, rng))
for step in range(1, int(sys.argv[2]) + 1):
    N = (16, 33, 1, 40)[step % 4]
    x, eps = rng.random((N, 1, 28, 28), np.float32), rng.standard_normal((N, architecture.latent_dim), np.float32)
    rung.step(x, eps, Objective())
    if step in (400, 2000):
        print(peak())
print(hashlib.sha256(b"".join(value.tobytes() for value in rung.parameters().values())).hexdigest())
"""
"""Steps of a rung on batches of several sizes: peak memory after 400 and 2000, then a digest of the parameters."""


def steps(rung: str, count: int, threads: int) -> list[str]:
    environment = os.environ | {"OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": str(threads)}
    command = [sys.executable, "-c", STEPS, rung, str(count)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.split()


every_rung = pytest.mark.parametrize("rung", ["numpy_impl", "pytorch_lowlevel", "paper"])


@every_rung
def test_memory_does_not_grow_over_two_thousand_steps(rung: str) -> None:
    if rung != "numpy_impl":
        pytest.importorskip("torch")
    early, late, _ = steps(rung, 2000, threads=1)
    assert int(late) - int(early) < 4 << 20, f"{early} bytes after 400 steps, {late} after 2000"


@every_rung
@pytest.mark.parametrize("threads", [1, 2])
def test_the_same_number_of_threads_gives_the_same_numbers(rung: str, threads: int) -> None:
    if rung != "numpy_impl":
        pytest.importorskip("torch")
    assert len({steps(rung, 40, threads)[-1] for _ in range(3)}) == 1
