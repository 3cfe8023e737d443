"""The longer proofs, at full size: `make proofs` runs them, `make test` leaves them out."""

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
    training = make_training(TrainOptions(model=VAEOptions(), rung="numpy_impl", data=data, epochs=2), load_data(data))
    losses = [record.held_out["loss"] for record in train(training) if isinstance(record, EpochRecord)]
    assert losses[0] > 450  # noise, before training
    assert losses[1] < 130
    assert losses[2] < 120
