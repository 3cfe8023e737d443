"""checkpoint.safetensors: what is saved is put back as it was; a file that is anything else is refused in one line."""

import dataclasses
import json
import math

import numpy as np
import pytest

from foundation.architecture import Architecture, initial_parameters
from foundation.checkpoint import FILE, cut_log, restore_training, save_training, saved_epoch
from foundation.data.dataset import Dataset
from foundation.data.splits import Data
from foundation.errors import InputError
from foundation.options import TrainOptions
from foundation.runs import create_run
from foundation.training import begin, train
from foundation.weights import read_metadata, read_tensors, to_bytes
from numpy_impl.rung import NumpyRung
from paper.models.options import VAEOptions

ARCHITECTURE = Architecture(2, (2, 3), 5, (1, 4, 4))


def start(seed=0, epochs=3, images=6):
    """A small training of rung 1, two steps an epoch, before its first step."""
    rng = np.random.default_rng(seed)
    rung = NumpyRung(ARCHITECTURE, initial_parameters(ARCHITECTURE, rng))

    def part(count, split):
        pixels = np.random.default_rng(9).random((count, 1, 4, 4), dtype=np.float32)
        return Dataset("noise", split, pixels, np.zeros(count, int), ("a",))

    data = Data("noise", part(images, "train"), part(2, "validation"), part(2, "test"))
    return begin(rung, data, TrainOptions(model=VAEOptions(), epochs=epochs, batch_size=3), rng)


def run_to(training, epoch):
    """Train until that epoch is done; the losses of its steps and of what is held out."""
    losses = []
    for record in train(training):
        line = record.line()
        losses.append(line["loss"])
        if line["kind"] == "epoch" and record.epoch == epoch:
            break
    return losses


@pytest.fixture
def folder(tmp_path):
    """Where a training lies that was saved after its second epoch."""
    training = start()
    run_to(training, 2)
    save_training(tmp_path, training)
    return tmp_path


def test_everything_comes_back(folder):
    saved, other = start(), start(seed=7)
    run_to(saved, 2)
    restore_training(folder, other)
    assert (other.step, other.epoch) == (saved.step, saved.epoch) == (4, 2)
    assert other.best == saved.best
    assert other.seconds > 0
    assert other.rng.bit_generator.state == saved.rng.bit_generator.state
    for tensors in ("parameters", "optimizer_state"):
        found, expected = getattr(other.rung, tensors)(), getattr(saved.rung, tensors)()
        assert found.keys() == expected.keys()
        for name, value in expected.items():
            assert found[name].dtype == value.dtype
            np.testing.assert_array_equal(found[name], value, err_msg=name)
    assert saved_epoch(folder) == 2


def test_a_restored_training_goes_on_bit_for_bit(folder):
    whole = start()
    losses = run_to(whole, 3)
    again = start()
    restore_training(folder, again)
    assert run_to(again, 3) == losses[-3:]
    for name, value in whole.rung.parameters().items():
        np.testing.assert_array_equal(again.rung.parameters()[name], value)
    # Without the generator's state it would see other batches.
    other = start()
    restore_training(folder, other)
    other.rng = np.random.default_rng(0)
    assert run_to(other, 3) != losses[-3:]


def test_the_same_state_is_the_same_file(folder, tmp_path):
    before = (folder / FILE).read_bytes()
    training = start(seed=7)
    restore_training(folder, training)
    save_training(tmp_path / "other", training)
    assert (tmp_path / "other" / FILE).read_bytes() == before


def test_before_the_first_epoch_there_is_nothing_to_put_back(tmp_path):
    training = start()
    before = training.rung.parameters()
    restore_training(tmp_path, training)
    assert saved_epoch(tmp_path) == training.epoch == training.step == 0
    assert training.best == math.inf
    np.testing.assert_array_equal(training.rung.parameters()["encoder.fc.weight"], before["encoder.fc.weight"])


def test_a_training_without_a_best_epoch(tmp_path):
    """Infinity is not in JSON."""
    training = start()
    run_to(training, 1)
    training.best = math.inf
    save_training(tmp_path, training)
    other = start()
    restore_training(tmp_path, other)
    assert other.best == math.inf


def rewrite(path, change_tensors=dict, **metadata):
    """The same file with other tensors or metadata; None takes an entry away."""
    tensors, old = read_tensors(path)
    new = {name: value for name, value in (old | metadata).items() if value is not None}
    arrays = {name: np.asarray(value) for name, value in change_tensors(tensors).items()}
    path.write_bytes(to_bytes(arrays, new))  # under a digest that is right


def counters(**changes):
    """Counters as JSON, with some changed."""
    return json.dumps({"step": 4, "epoch": 2, "seconds": 1.0, "best": 5.0} | changes)


def without(part):
    return lambda tensors: {name: value for name, value in tensors.items() if part not in name}


def changed(name, change):
    return lambda tensors: tensors | {name: change(tensors[name])}


BIAS = "encoder.mu.bias"
NEGATIVE = changed(f"optimizer.{BIAS}.exp_avg_sq", lambda value: value * 0 - 1)
BROKEN = {
    "no counters": ({"counters": None}, "no training state"),
    "no generator, as in version 0.1": ({"generator": None}, "written by version 0.1"),
    "counters that are no JSON": ({"counters": "{"}, "counters are damaged"),
    "counters that are a list": ({"counters": "[1, 2]"}, "counters are damaged"),
    "a counter is missing": ({"counters": '{"step": 4, "epoch": 2, "seconds": 1}'}, "counters are damaged"),
    "a step that is no integer": ({"counters": counters(step=4.5)}, "counters are damaged"),
    "a negative epoch": ({"counters": counters(epoch=-1)}, "counters are damaged"),
    "negative seconds": ({"counters": counters(seconds=-1.0)}, "counters are damaged"),
    "a best loss that is NaN": ({"counters": '{"step": 4, "epoch": 2, "seconds": 1, "best": NaN}'}, "damaged"),
    "a step that is no end of an epoch": ({"counters": counters(step=5)}, "expected 4 steps after epoch 2"),
    "more epochs than asked for": ({"counters": counters(step=8, epoch=4)}, "after epoch 4 of 3"),
    "a generator that is no JSON": ({"generator": "]"}, "no state of a random generator"),
    "a generator of another kind": (
        {"generator": '{"bit_generator": "MT19937", "state": {}}'},
        "no state of a random generator",
    ),
    "a generator without its numbers": (
        {"generator": '{"bit_generator": "PCG64", "state": {}}'},
        "no state of a random generator",
    ),
    "another model": ({"model": "cvae"}, "a checkpoint of another model: model is cvae, expected vae"),
    "another rung": ({"rung": "paper"}, "rung is paper, expected numpy_impl"),
    "another image shape": ({"image_shape": "[1, 8, 8]"}, "a checkpoint of another model: image_shape"),
    "another device": ({"device": "cuda"}, "only where it began, on cuda; got cpu"),
    "no moments": ({"change_tensors": without("optimizer")}, "holds no moments"),
    "a moment is missing": ({"change_tensors": without(f"{BIAS}.exp_avg_sq")}, f"{BIAS}.exp_avg_sq' is missing"),
    "a parameter is missing": ({"change_tensors": without(f"model.{BIAS}")}, f"'{BIAS}' is missing"),
    "a parameter of another shape": (
        {"change_tensors": changed(f"model.{BIAS}", lambda value: np.zeros(9, np.float32))},
        rf"'{BIAS}' has shape \(9,\), expected \(2,\)",
    ),
    "a parameter that is NaN": ({"change_tensors": changed(f"model.{BIAS}", lambda v: v * np.nan)}, "holds NaN"),
    "a moment that is NaN": ({"change_tensors": changed(f"optimizer.{BIAS}.exp_avg", lambda v: v * np.nan)}, "NaN"),
    "a negative second moment": ({"change_tensors": NEGATIVE}, "negative"),
    "different numbers of steps": (
        {"change_tensors": changed(f"optimizer.{BIAS}.step", lambda value: value + 1)},
        "an optimiser after 4 steps",
    ),
    "steps that are a list": (
        {"change_tensors": changed(f"optimizer.{BIAS}.step", lambda value: value.reshape(1))},
        "an optimiser after 4 steps",
    ),
    "steps that are not the training's": (
        {"change_tensors": lambda t: {n: v + 1 if n.endswith(".step") else v for n, v in t.items()}},
        "expected an optimiser after 4 steps",
    ),
    "another precision": (
        {"change_tensors": lambda t: {n: v.astype(np.float64) for n, v in t.items()}},
        "is float64, expected float32",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_anything_else_is_refused_in_one_line_and_changes_nothing(case, folder):
    changes, words = BROKEN[case]
    rewrite(folder / FILE, **changes)
    training = start()
    before, state = training.rung.parameters(), training.rng.bit_generator.state
    with pytest.raises(InputError, match=words) as caught:
        restore_training(folder, training)
    assert "\n" not in str(caught.value)
    assert FILE in str(caught.value)
    assert (training.step, training.epoch, training.best) == (0, 0, math.inf)
    assert training.rng.bit_generator.state == state
    for name, value in before.items():
        np.testing.assert_array_equal(training.rung.parameters()[name], value, err_msg=name)


def test_more_images_than_before_are_noticed(folder):
    """Three steps an epoch, where the checkpoint has two."""
    with pytest.raises(InputError, match="expected 6 steps after epoch 2 of 3, got 4"):
        restore_training(folder, start(images=9))


def test_the_metadata_say_which_model_it_is(folder):
    metadata, description = read_metadata(folder / FILE), start().rung.description
    assert metadata["model"] == description.model
    assert json.loads(metadata["options"]) == description.options
    assert json.loads(metadata["counters"]).keys() == {"step", "epoch", "seconds", "best"}


def test_the_log_is_cut_where_the_state_was_saved(tmp_path):
    training = start()
    run = create_run(tmp_path, "train", {})
    for record in train(training):
        run.log(**record.line())
    whole = run.metrics()
    saved = dataclasses.replace(training, epoch=2, step=4)
    cut_log(run, saved)
    assert run.metrics() == whole[: 1 + 2 * 3]
    cut_log(run, dataclasses.replace(training, epoch=0, step=0))
    assert run.metrics() == [], "without a checkpoint everything is logged anew"
