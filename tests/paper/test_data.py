"""The paper rung's data: the right images in the right part, pixels drawn when they should be, nothing out of range."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from foundation.data import Dataset
from foundation.errors import InputError
from paper.options import DataOptions, TrainOptions, VAEOptions

torch = pytest.importorskip("torch")
data = pytest.importorskip("paper.data")
batches = pytest.importorskip("paper.batches")
models = pytest.importorskip("paper.models.registry")

COUNTS = {"train": 40, "test": 20}
MNIST = Path(__file__).parents[3] / "shared" / "data"


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Stands in for every data set: each image is of one grey, by which it is known; factors repeat its label."""

    def load(name, split, root=None):
        count = COUNTS[split]
        grey = (np.arange(count, dtype=np.float32) + 1 + 100 * (split == "test")) / 256
        labels = np.arange(count, dtype=np.int64) % 4
        images = np.tile(grey[:, None, None, None], (1, 1, 8, 8))
        return Dataset(name, split, images, labels, ("a", "b", "c", "d", "e"), {"label": labels, "grey": grey})

    monkeypatch.setattr(data, "load", load)


def greys(part):
    return (part.images[:, 0, 0, 0] * 256).round().int().tolist()


def test_every_image_is_in_one_part():
    loaded = data.load_data(DataOptions(validation=0.3))
    assert (len(loaded.train), len(loaded.validation), len(loaded.test)) == (28, 12, 20)
    assert sorted(greys(loaded.train) + greys(loaded.validation)) == list(range(1, 41))
    assert greys(loaded.test) == list(range(101, 121))
    for part in (loaded.train, loaded.validation):
        assert part.labels.tolist() == [(grey - 1) % 4 for grey in greys(part)]
    assert loaded.image_shape == (1, 8, 8)
    assert loaded.train.images.dtype == torch.float32
    assert loaded.factors["grey"].tolist() == [grey / 256 for grey in greys(loaded.test)]


def test_the_seed_chooses_the_validation_images():
    chosen = [greys(data.load_data(DataOptions(validation=0.3), seed).validation) for seed in (0, 0, 1)]
    assert chosen[0] == chosen[1]
    assert chosen[0] != chosen[2]


@pytest.mark.parametrize(("share", "aside"), [(0.0, 0), (0.001, 1), (0.05, 2), (0.95, 38)])
def test_size_of_the_validation_part(share, aside):
    loaded = data.load_data(DataOptions(validation=share))
    assert (loaded.validation is None) == (aside == 0)
    assert len(loaded.train) == 40 - aside
    assert aside == 0 or len(loaded.validation) == aside


def test_labels_keep_their_numbers():
    loaded = data.load_data(DataOptions(labels=(3, 1)))
    for part in (loaded.train, loaded.validation, loaded.test):
        assert set(part.labels.tolist()) <= {1, 3}
    assert len(loaded.test) == 10
    assert len(loaded.classes) == 5
    assert loaded.factors["label"].tolist() == loaded.test.labels.tolist()
    assert loaded.describe() == ["glyphs: 19 training, 1 validation, 10 test images of 8×8, of 5 classes b, d"]


def test_describe():
    (line,) = data.load_data(DataOptions(labels=(), validation=0.0)).describe()
    assert line == "glyphs: 40 training, 20 test images of 8×8, of 5 classes a, b, c, d"


@pytest.mark.parametrize(
    ("options", "words"),
    {
        DataOptions(labels=(1, 5)): ["labels", "0 to 4", "5"],
        DataOptions(labels=(4,)): ["labels", "class 4", "train"],
        DataOptions(validation=0.99): ["validation", "0.99", "40"],
    }.items(),
)
def test_what_leaves_nothing_is_refused(options, words):
    with pytest.raises(InputError) as caught:
        data.load_data(options)
    assert [word for word in words if word not in str(caught.value)] == []


# Binary pixels


def test_static_pixels_are_drawn_once_and_by_the_seed():
    loaded, again, other = (data.load_data(DataOptions(binarise="static"), seed).train for seed in (0, 0, 1))
    assert set(loaded.images.unique().tolist()) == {0.0, 1.0}
    assert torch.equal(loaded.images, again.images)
    assert not torch.equal(loaded.images, other.images)


def test_static_pixels_follow_the_greys(monkeypatch):
    def load(name, split, root=None):
        images = np.full((50, 1, 20, 20), 0.3, np.float32)
        images[:, :, 0], images[:, :, 1] = 0, 1
        return Dataset(name, split, images, np.zeros(50, np.int64), ("a",))

    monkeypatch.setattr(data, "load", load)
    loaded = data.load_data(DataOptions(binarise="static"))
    for part in (loaded.train, loaded.validation, loaded.test):
        assert not part.images[:, :, 0].any()
        assert part.images[:, :, 1].all()
    assert loaded.test.images[:, :, 2:].mean() == pytest.approx(0.3, abs=0.01)


def test_dynamic_pixels_are_drawn_for_every_batch_of_training_and_once_for_the_others():
    loaded = data.load_data(DataOptions(binarise="dynamic"))
    assert sorted(greys(loaded.train))[0] > 0
    for part in (loaded.validation, loaded.test):
        assert set(part.images.unique().tolist()) == {0.0, 1.0}
    options = TrainOptions(model=VAEOptions(latent_dim=2), data=DataOptions(binarise="dynamic"), batch_size=16)
    model = models.make_model(options.model, loaded.image_shape, 5)
    generator = torch.Generator().manual_seed(0)
    epochs = [torch.cat([batch.x for batch in drawn(model, loaded.train, options, generator)]) for _ in range(40)]
    assert set(torch.stack(epochs).unique().tolist()) == {0.0, 1.0}
    assert not torch.equal(epochs[0], epochs[1])
    # Every image once an epoch: all draws together are as bright as the images.
    assert torch.stack(epochs).mean().item() == pytest.approx(loaded.train.images.mean().item(), rel=0.05)


def drawn(model, part, options, generator):
    return list(batches.draw_batches(model, part, options, generator))


def test_an_epoch_shows_every_image_once_in_another_order():
    loaded = data.load_data(DataOptions(validation=0.0))
    options = TrainOptions(model=VAEOptions(latent_dim=2), batch_size=16)
    model = models.make_model(options.model, loaded.image_shape, 5)
    generator = torch.Generator().manual_seed(0)
    first, second = (drawn(model, loaded.train, options, generator) for _ in range(2))
    assert [len(batch.x) for batch in first] == [16, 16, 8]
    assert [tuple(batch.eps.shape) for batch in first] == [(16, 2), (16, 2), (8, 2)]
    orders = [greys(data.Part(torch.cat([b.x for b in epoch]), loaded.train.labels)) for epoch in (first, second)]
    assert sorted(orders[0]) == sorted(orders[1]) == list(range(1, 41))
    assert orders[0] != orders[1]
    assert [batch.share for batch in first] == [1.0, 1.0, 1.0]


# What no part may hold


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan"), float("inf")])
def test_pixels_outside_their_range_are_refused(value):
    images = torch.full((3, 1, 4, 4), 0.5)
    images[1, 0, 2, 2] = value
    with pytest.raises(InputError, match=r"expected pixels in \[0, 1\]"):
        data.Part(images, torch.zeros(3, dtype=torch.int64))


def test_no_images_are_refused():
    with pytest.raises(InputError, match="expected one or more"):
        data.Part(torch.zeros(0, 1, 4, 4), torch.zeros(0, dtype=torch.int64))


# Devices


def test_auto_takes_what_is_there():
    device = data.choose_device("auto")
    assert torch.zeros(1, device=device).device.type == device.type
    assert device.type == ("cuda" if torch.cuda.is_available() else "mps" if torch.mps.is_available() else "cpu")


@pytest.mark.parametrize("name", ["cuda:99", "quantum", "meta", "", "cpu:x"])
def test_a_device_that_is_not_there_is_refused_in_one_line(name):
    with pytest.raises(InputError) as caught:
        data.choose_device(name)
    assert "\n" not in str(caught.value)
    assert repr(name) in str(caught.value)


@pytest.mark.skipif(not MNIST.is_dir(), reason="MNIST is not beside the checkout")
def test_mnist(monkeypatch):
    monkeypatch.undo()
    loaded = data.load_data(DataOptions(name="mnist", root=MNIST, labels=(3, 5, 7), binarise="static"))
    assert (len(loaded.train) + len(loaded.validation), len(loaded.test)) == (17_817, 2_930)
    assert set(loaded.test.labels.tolist()) == {3, 5, 7}
    assert dataclasses.replace(loaded, validation=None).describe()[0].startswith("mnist: 16,926 training, 2,930 test")
