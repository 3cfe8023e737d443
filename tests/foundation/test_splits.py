"""The data of a training: the right images in each part, pixels drawn when they should be, nothing out of range."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from foundation.data import Dataset, splits
from foundation.data.splits import Data, load_data
from foundation.errors import InputError
from foundation.options import DataOptions
from foundation.training import draw_batches

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

    monkeypatch.setattr(splits, "load", load)


def greys(part):
    return (part.images[:, 0, 0, 0] * 256).round().astype(int).tolist()


def test_every_image_is_in_one_part():
    loaded = load_data(DataOptions(validation=0.3))
    assert (len(loaded.train), len(loaded.validation), len(loaded.test)) == (28, 12, 20)
    assert sorted(greys(loaded.train) + greys(loaded.validation)) == list(range(1, 41))
    assert greys(loaded.test) == list(range(101, 121))
    for part in (loaded.train, loaded.validation):
        assert part.labels.tolist() == [(grey - 1) % 4 for grey in greys(part)]
    assert loaded.image_shape == (1, 8, 8)
    assert loaded.train.images.dtype == np.float32
    assert [part.split for part in (loaded.train, loaded.validation, loaded.test)] == ["train", "validation", "test"]
    for part in (loaded.train, loaded.validation, loaded.test):
        assert part.factors["grey"].tolist() == [grey / 256 for grey in greys(part)]
    assert loaded.held_out is loaded.validation


def test_the_seed_chooses_the_validation_images():
    chosen = [greys(load_data(DataOptions(validation=0.3), seed).validation) for seed in (0, 0, 1)]
    assert chosen[0] == chosen[1]
    assert chosen[0] != chosen[2]


@pytest.mark.parametrize(("share", "aside"), [(0.0, 0), (0.001, 1), (0.05, 2), (0.95, 38)])
def test_size_of_the_validation_part(share, aside):
    loaded = load_data(DataOptions(validation=share))
    assert (loaded.validation is None) == (aside == 0)
    assert loaded.held_out is (loaded.validation if aside else loaded.test)
    assert len(loaded.train) == 40 - aside
    assert aside == 0 or len(loaded.validation) == aside


def test_labels_keep_their_numbers():
    loaded = load_data(DataOptions(labels=(3, 1)))
    for part in (loaded.train, loaded.validation, loaded.test):
        assert set(part.labels.tolist()) <= {1, 3}
    assert len(loaded.test) == 10
    assert len(loaded.classes) == 5
    assert loaded.test.factors["label"].tolist() == loaded.test.labels.tolist()
    assert loaded.describe() == ["glyphs: 19 training, 1 validation, 10 test images of 8×8, of 5 classes b, d"]


def test_describe():
    (line,) = load_data(DataOptions(labels=(), validation=0.0)).describe()
    assert line == "glyphs: 40 training, 20 test images of 8×8, of 5 classes a, b, c, d"


@pytest.mark.parametrize(
    ("seed", "how"), [(None, "its own folders"), (0, "test images drawn, as it has no folders train and test")]
)
def test_a_folder_says_where_its_splits_come_from(monkeypatch, seed, how):
    def load(name, split, root=None):
        count = {"train": 20, "test": 8}[split]
        images = np.random.default_rng(0).random((count, 1, 4, 4), np.float32)
        return Dataset("pets", split, images, np.zeros(count, np.int64), ("cat",), seed=seed)

    monkeypatch.setattr(splits, "load", load)
    loaded = load_data(DataOptions(name="some/pets", validation=0.1))
    assert loaded.describe() == [
        "pets: 18 training, 2 validation, 8 test images of 4×4, 1 class",
        f"Folder pets: train: 20 images, test: 8 images ({how})",
    ]
    assert loaded.convert(np.copy).describe() == loaded.describe()


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
        load_data(options)
    assert [word for word in words if word not in str(caught.value)] == []


# Binary pixels


def test_static_pixels_are_drawn_once_and_by_the_seed():
    loaded, again, other = (load_data(DataOptions(binarise="static"), seed).train for seed in (0, 0, 1))
    assert set(np.unique(loaded.images).tolist()) == {0.0, 1.0}
    assert np.array_equal(loaded.images, again.images)
    assert not np.array_equal(loaded.images, other.images)


def test_static_pixels_follow_the_greys(monkeypatch):
    def load(name, split, root=None):
        images = np.full((50, 1, 20, 20), 0.3, np.float32)
        images[:, :, 0], images[:, :, 1] = 0, 1
        return Dataset(name, split, images, np.zeros(50, np.int64), ("a",))

    monkeypatch.setattr(splits, "load", load)
    loaded = load_data(DataOptions(binarise="static"))
    for part in (loaded.train, loaded.validation, loaded.test):
        assert not part.images[:, :, 0].any()
        assert part.images[:, :, 1].all()
    assert loaded.test.images[:, :, 2:].mean() == pytest.approx(0.3, abs=0.01)


def test_dynamic_pixels_are_drawn_once_for_validation_and_test():
    loaded, again = (load_data(DataOptions(binarise="dynamic")) for _ in range(2))
    assert sorted(greys(loaded.train))[0] > 0
    assert len(np.unique(loaded.train.images)) == len(loaded.train)
    for name in ("validation", "test"):
        part = getattr(loaded, name)
        assert set(np.unique(part.images).tolist()) == {0.0, 1.0}
        assert np.array_equal(part.images, getattr(again, name).images)


def epochs_of(count, part, dynamic=False):
    """The batches of so many epochs of a training."""
    rng = np.random.default_rng(0)
    return [list(draw_batches(rng, part, 16, lambda size: (size, 2), dynamic)) for _ in range(count)]


def test_dynamic_pixels_are_drawn_anew_for_every_batch_of_training():
    part = load_data(DataOptions(binarise="dynamic")).train
    images = np.stack([np.concatenate([x for x, *_ in epoch]) for epoch in epochs_of(40, part, dynamic=True)])
    assert images.dtype == np.float32
    assert set(np.unique(images).tolist()) == {0.0, 1.0}
    assert not np.array_equal(images[0], images[1])
    # Every image once an epoch: all draws together are as bright as the images.
    assert images.mean() == pytest.approx(part.images.mean(), rel=0.05)


def test_an_epoch_shows_every_image_once_in_another_order_with_its_label():
    part = load_data(DataOptions(validation=0.0)).train
    first, second = epochs_of(2, part)
    assert [len(x) for x, *_ in first] == [16, 16, 8]
    assert [eps.shape for _, eps, _ in first] == [(16, 2), (16, 2), (8, 2)]
    orders = []
    for epoch in (first, second):
        images, _, labels = map(np.concatenate, zip(*epoch, strict=True))
        orders.append(greys(dataclasses.replace(part, images=images)))
        assert labels.tolist() == [(grey - 1) % 4 for grey in orders[-1]]
    assert sorted(orders[0]) == sorted(orders[1]) == list(range(1, 41))
    assert orders[0] != orders[1]


@pytest.mark.parametrize("binarise", ["none", "static", "dynamic"])
def test_float64_holds_the_same_images(binarise):
    single, double = (load_data(DataOptions(binarise=binarise), dtype=dtype) for dtype in (np.float32, np.float64))
    for name in ("train", "validation", "test"):
        assert getattr(double, name).images.dtype == np.float64
        np.testing.assert_array_equal(getattr(double, name).images, getattr(single, name).images)


# What no part may hold


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan"), float("inf")])
def test_pixels_outside_their_range_are_refused(value, split, monkeypatch):
    def load(name, wanted, root=None):
        images = np.full((3, 1, 4, 4), 0.5, np.float32)
        images[1, 0, 2, 2] = value if wanted == split else 0.5
        return Dataset(name, wanted, images, np.zeros(3, np.int64), ("a",))

    monkeypatch.setattr(splits, "load", load)
    with pytest.raises(InputError, match=rf"glyphs/{split}: (expected pixels in \[0, 1\]|image 1 holds NaN)"):
        load_data(DataOptions(validation=0.0))


def test_no_images_are_refused(monkeypatch):
    def load(name, split, root=None):
        return Dataset(name, split, np.zeros((0, 1, 4, 4), np.float32), np.zeros(0, np.int64), ("a",))

    monkeypatch.setattr(splits, "load", load)
    with pytest.raises(InputError, match="expected at least one image"):
        load_data(DataOptions(validation=0.0))


def test_every_array_is_converted():
    loaded = load_data(DataOptions(validation=0.3))
    doubled = loaded.convert(lambda array: 2 * array)
    assert isinstance(doubled, Data)
    assert (doubled.name, doubled.classes) == (loaded.name, loaded.classes)
    for name in ("train", "validation", "test"):
        before, after = getattr(loaded, name), getattr(doubled, name)
        np.testing.assert_array_equal(after.images, 2 * before.images)
        np.testing.assert_array_equal(after.labels, 2 * before.labels)
        assert after.factors is before.factors
    assert dataclasses.replace(loaded, validation=None).convert(np.copy).validation is None


@pytest.mark.skipif(not MNIST.is_dir(), reason="MNIST is not beside the checkout")
def test_mnist(monkeypatch):
    monkeypatch.undo()
    loaded = load_data(DataOptions(name="mnist", root=MNIST, labels=(3, 5, 7), binarise="static"))
    assert (len(loaded.train) + len(loaded.validation), len(loaded.test)) == (17_817, 2_930)
    assert set(loaded.test.labels.tolist()) == {3, 5, 7}
    assert dataclasses.replace(loaded, validation=None).describe()[0].startswith("mnist: 16,926 training, 2,930 test")
