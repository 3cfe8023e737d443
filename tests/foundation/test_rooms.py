"""`rooms`: every factor shows in the picture, and in its own part of it; and photographs, which torchvision reads."""

import sys
import types

import numpy as np
import pytest

from foundation.data import load
from foundation.data.rooms import RANGES, SHAPES, draw_rooms
from foundation.errors import InputError

MIDDLE = {"scale": 0.8, "object_hue": 0.0, "wall_hue": 0.33, "floor_hue": 0.6, "angle": 0.0}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("VAE_LADDER_CACHE", str(tmp_path / "cache"))


def draw(shape=0, size=32, **chosen):
    factors = {name: np.array([chosen.get(name, value)]) for name, value in MIDDLE.items()}
    return draw_rooms(shape=np.array([shape]), **factors, size=size)[0].astype(int)


def changed(**chosen):
    """Where a picture differs from that of the middle."""
    return (np.abs(draw(**chosen) - draw()) > 2).any(axis=0)


def test_a_set_of_rooms():
    train, test = load("rooms", "train", count=40), load("rooms", "test", count=8, size=64)
    assert train.images.shape == (40, 3, 32, 32)
    assert test.images.shape == (8, 3, 64, 64)
    assert train.images.dtype == np.float32
    assert 0 <= train.images.min() < train.images.max() <= 1
    assert np.bincount(train.labels).tolist() == [10, 10, 10, 10]
    assert train.classes == SHAPES
    assert train.factors.keys() == {"shape", *RANGES}
    again = load("rooms", "train", count=40)
    np.testing.assert_array_equal(train.images, again.images)
    assert not np.array_equal(train.images, load("rooms", "train", count=40, seed=1).images)


def test_factors_draw_the_images_of_the_set():
    rooms = load("rooms", "test", count=6)
    drawn = draw_rooms(**rooms.factors) / np.float32(255)
    np.testing.assert_array_equal(drawn, rooms.images)


def test_each_hue_colours_its_own_part():
    thing, wall, floor = (changed(**{name: 0.15}) for name in ("object_hue", "wall_hue", "floor_hue"))
    edges = 0.03 * thing.size  # pixels on an edge belong to both
    for one, other in ((thing, wall), (thing, floor), (wall, floor)):
        assert (one & other).sum() < edges + 25
    assert (thing | wall | floor).all()
    assert thing[14:20, 14:18].all()
    assert wall[:4].all()
    assert floor[-3:].all()


def test_a_red_ball_before_a_green_wall_on_a_blue_floor():
    picture = draw()
    assert picture[:, 16, 14].argmax() == 0
    assert picture[:, 2, 16].argmax() == 1
    assert picture[:, 30, 16].argmax() == 2


def test_size_and_angle():
    small, large = (
        (np.abs(draw(scale=scale, object_hue=0.15) - draw(scale=scale)) > 2).any(axis=0).sum() for scale in (0.55, 1.0)
    )
    assert 2.5 < large / small < 4.2  # (1 / 0.55) squared is 3.3
    left, right = draw(angle=-0.5), draw(angle=0.5)
    assert np.abs(left - right).mean() > 3
    # The corner of the walls is seen from the other side: the floor's edge lies where the mirror puts it.
    floor = [(one[2] > one[0]) & (one[2] > one[1]) for one in (left[:, :, ::-1], right)]
    assert (floor[0] ^ floor[1]).mean() < 0.02


@pytest.mark.parametrize(("shape", "name"), list(enumerate(SHAPES)))
def test_every_shape_looks_like_no_other(shape, name):
    masks = [(np.abs(draw(kind, 64, object_hue=0.15) - draw(kind, 64)) > 2).any(axis=0) for kind in range(len(SHAPES))]
    own = masks[shape]
    assert 150 < own.sum() < 2500
    for kind, other in enumerate(masks):
        if kind != shape:
            assert (own ^ other).sum() > 0.1 * own.sum()
    if name == "ball":  # as wide as high
        rows, columns = np.flatnonzero(own.any(axis=1)), np.flatnonzero(own.any(axis=0))
        assert abs((np.ptp(rows) - np.ptp(columns)) / np.ptp(columns)) < 0.12
    if name == "cone":  # narrow above, wide below
        widths = own.sum(axis=1)[own.any(axis=1)]
        assert widths[:5].mean() < 0.3 * widths[-8:].mean()


# Photographs


def test_files_that_are_missing_are_named(tmp_path):
    pytest.importorskip("torchvision")
    with pytest.raises(InputError, match=r"cifar10: files are missing or damaged; put the folder cifar-10-batches-py"):
        load("cifar10", root=tmp_path, download=False)
    (tmp_path / "train_32x32.mat").write_bytes(b"no such file")
    with pytest.raises(InputError, match=r"svhn: files are missing or damaged; put train_32x32\.mat"):
        load("svhn", root=tmp_path, download=False)


@pytest.mark.parametrize("name", ["cifar10", "svhn"])
def test_photographs_as_torchvision_gives_them(tmp_path, monkeypatch, name):
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (5, 32, 32, 3), dtype=np.uint8)

    class Photographs:
        def __init__(self, root, *, download, **which):
            assert which == ({"train": False} if name == "cifar10" else {"split": "test"})
            self.data = pixels if name == "cifar10" else pixels.transpose(0, 3, 1, 2)
            self.targets = self.labels = [3, 0, 9, 1, 1]

    module = types.ModuleType("torchvision.datasets")
    module.CIFAR10 = module.SVHN = Photographs
    monkeypatch.setitem(sys.modules, "torchvision.datasets", module)
    monkeypatch.setitem(sys.modules, "torchvision", types.ModuleType("torchvision"))
    found = load(name, "test", root=tmp_path)
    np.testing.assert_allclose(found.images, pixels.transpose(0, 3, 1, 2) / 255, atol=1e-6)
    assert found.labels.tolist() == [3, 0, 9, 1, 1]
    assert len(found.classes) == 10
