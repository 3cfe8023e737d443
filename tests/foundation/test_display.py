"""What is shown of a training: a bar in a terminal, a line an epoch in a file; and the table of losses at its end."""

import dataclasses
import io

import numpy as np
import pytest
from rich.console import Console

from foundation.architecture import Architecture, initial_parameters
from foundation.data.dataset import Dataset
from foundation.data.splits import Data
from foundation.display import is_weighed, parts_in_words, result_table, training_display
from foundation.options import TrainOptions
from foundation.training import Training, begin
from numpy_impl.rung import NumpyRung
from paper.models.options import VAEOptions
from tests.support.records import EPOCH, STEP


@pytest.fixture(scope="module")
def training() -> Training:
    """Two epochs of three steps, not begun."""
    architecture, rng = Architecture(2, (2, 3), 5, (1, 4, 4)), np.random.default_rng(0)
    part = Dataset("noise", "train", rng.random((6, 1, 4, 4), dtype=np.float32), np.zeros(6, int), ("a",))
    rung = NumpyRung(architecture, initial_parameters(architecture, rng))
    return begin(rung, Data("noise", part, None, part), TrainOptions(model=VAEOptions(), epochs=2, batch_size=2), rng)


def show(terminal, training, *shown):
    console = Console(force_terminal=terminal, width=120, record=True, file=io.StringIO())
    with training_display(console) as start:
        report = start("vae", training)
        for record in shown:
            report(record)
    return console.export_text()


def test_a_file_gets_a_line_an_epoch(training):
    text = show(False, training, STEP, EPOCH)
    assert text == (
        f"{'vae':<16}  epoch  1/2  validation 120.00 (reconstruction 90.00, KL 30.00)  train 140.00  1,234 images/s\n"
    )
    first = dataclasses.replace(EPOCH, epoch=0, split="test", train=None, images_per_second=None)
    assert show(False, training, first) == (
        f"{'vae':<16}  epoch  0/2  test 120.00 (reconstruction 90.00, KL 30.00)  before training\n"
    )


def test_a_line_of_many_parts_keeps_to_120_columns(training):
    parts = dict.fromkeys(("loss", "reconstruction", "commitment", "perplexity"), 123.45)
    wide = dataclasses.replace(EPOCH, held_out=parts, train={"loss": 123.45}, images_per_second=12345.0)
    assert len(show(False, training, wide)) <= 120


def test_a_terminal_gets_a_bar_with_the_parts(training):
    text = show(True, training, STEP, EPOCH)
    assert "train 130.0 (rec 95.0, KL 35.0)" in text
    assert "val 120.0" in text
    assert "epoch  1/2" in text


def test_a_bar_takes_up_where_the_training_stands(training):
    later = dataclasses.replace(training, epoch=1, step=3)
    assert "epoch  1/2" in show(True, later)
    assert "epoch  0/2" in show(True, training)


def test_parts_in_words():
    parts = {"loss": 104.214, "reconstruction": 78.9, "kl": 25.314}
    assert parts_in_words(parts) == "104.21 (reconstruction 78.90, KL 25.31)"
    assert parts_in_words({"loss": 3.0, "reconstruction": 3.0}, digits=1) == "3.0 (reconstruction 3.0)"


def table_text(*arguments):
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(result_table(*arguments))
    return console.export_text()


def test_the_table_has_a_row_a_loss_and_names_a_weight_that_must_be_said():
    losses = {
        "first": {"loss": 110.0, "reconstruction": 90.0, "kl": 5.0},
        "second": {"loss": 106.0, "reconstruction": 90.0, "kl": 4.0},
    }
    text = table_text("rung", losses, 2000, 4.0, {"first": 500.0, "second": 1000.0})
    title = "2,000 test images after training, in nats per image; loss = reconstruction + 4 · KL"
    assert title in " ".join(text.split())
    lines = [line for line in text.splitlines() if "first" in line or "second" in line]
    assert [line.strip("│ ").split() for line in (line.replace("│", " ") for line in lines)] == [
        ["first", "110.00", "90.00", "5.00", "500", "0.50×"],
        ["second", "106.00", "90.00", "4.00", "1,000", "1.00×"],
    ]
    assert "loss =" not in table_text("z", {"mu": {"loss": 95.0, "reconstruction": 90.0, "kl": 5.0}}, 2, 1.0)


@pytest.mark.parametrize(
    ("parts", "beta", "expected"),
    [
        ({"loss": 110.0, "reconstruction": 90.0, "kl": 5.0}, 4.0, True),
        ({"loss": 95.0, "reconstruction": 90.0, "kl": 5.0}, 1.0, False),
        ({"loss": 140.0, "reconstruction": 90.0, "kl": 5.0}, 4.0, False),  # a capacity, or free bits
        ({"loss": 90.0, "reconstruction": 90.0}, 0.0, False),
    ],
)
def test_is_weighed(parts, beta, expected):
    assert is_weighed(parts, beta) == expected
