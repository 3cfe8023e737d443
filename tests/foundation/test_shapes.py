"""`shapes`, drawn and from the original dSprites file."""

import itertools

import numpy as np
import pytest

from foundation.data import dsprites, load, shapes
from foundation.errors import InputError


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("VAE_LADDER_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize("size", [28, 64])
def test_drawn_set(size):
    train, test = (load("shapes", split, count=301, seed=5, size=size) for split in ("train", "test"))
    assert train.images.shape == (301, 1, size, size)
    assert train.images.dtype == np.float32
    assert train.classes == ("square", "ellipse", "heart")
    assert sorted(np.bincount(train.labels)) == [100, 100, 101]
    assert set(train.factors) == {"shape", "scale", "orientation", "x", "y"}
    np.testing.assert_array_equal(train.factors["shape"], train.labels)
    assert not {image.tobytes() for image in train.images} & {image.tobytes() for image in test.images}
    np.testing.assert_array_equal(load("shapes", count=301, seed=5, size=size).images, train.images)
    assert not np.array_equal(load("shapes", count=301, seed=6, size=size).images, train.images)
    redrawn = shapes.draw_shapes(**train.factors, size=size)
    assert np.abs(redrawn.astype(int) - np.rint(255 * train.images[:, 0]).astype(int)).max() <= 1


def draw(shape, *, scale=1.0, orientation=0.0, x=0.5, y=0.5, size=64):
    values = (np.array([value]) for value in (scale, orientation, x, y))
    factors = dict(zip(("scale", "orientation", "x", "y"), values, strict=True))
    return shapes.draw_shapes(shape=np.array([shape]), **factors, size=size)[0].astype(float) / 255


@pytest.mark.parametrize("shape", [0, 1, 2])
@pytest.mark.parametrize("size", [28, 64])
def test_never_cut_off(shape, size):
    for x, y, turn in itertools.product((0.0, 1.0), (0.0, 1.0), np.linspace(0, 2 * np.pi, 17)):
        image = draw(shape, x=x, y=y, orientation=turn, size=size)
        assert image[[0, -1]].max() == 0
        assert image[:, [0, -1]].max() == 0


def test_areas_are_those_of_the_shapes():
    """Antialiasing keeps the area: a square in a circle of diameter d has side d / √2, an ellipse axes d and d / 2."""
    diameter = shapes.LARGEST * 64
    assert draw(0).sum() == pytest.approx(diameter**2 / 2, rel=0.01)
    assert draw(1).sum() == pytest.approx(np.pi / 8 * diameter**2, rel=0.02)
    assert draw(1, scale=0.5).sum() == pytest.approx(np.pi / 32 * diameter**2, rel=0.03)


def test_factors_do_what_they_say():
    rows, columns = np.arange(64), np.arange(64)

    def centre(image):
        return (image.sum(axis=0) @ columns) / image.sum(), (image.sum(axis=1) @ rows) / image.sum()

    assert centre(draw(0)) == pytest.approx((31.5, 31.5), abs=0.01)
    right, below = centre(draw(0, x=0.9)), centre(draw(0, y=0.9))
    assert right[0] > 40
    assert right[1] == pytest.approx(31.5, abs=0.01)
    assert below[1] > 40
    # A heart's point is below; a quarter turn counter-clockwise takes it to the right.
    heart = draw(2)
    assert heart[:32].sum() > heart[32:].sum()
    np.testing.assert_allclose(draw(2, orientation=np.pi / 2), np.rot90(heart), atol=0.02)
    np.testing.assert_allclose(draw(0, orientation=np.pi / 2), draw(0), atol=0.02)


class Trap:
    """A pickle that leaves a mark if anyone loads it."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return type(self.mark).touch, (self.mark,)


@pytest.fixture
def dsprites_file(tmp_path):
    """A small file of dSprites' layout: 3 shapes, 2 scales, 4 orientations, 5 × 5 places, and a pickle as a trap."""
    grid = np.array(list(itertools.product([0], range(3), range(2), range(4), range(5), range(5))))
    scale, turn = 0.5 + grid[:, 2] / 2, grid[:, 3] * 2 * np.pi / 3
    values = np.stack([np.ones(len(grid)), grid[:, 1] + 1, scale, turn, grid[:, 4] / 4, grid[:, 5] / 4], axis=1)
    images = shapes.draw_shapes(
        shape=grid[:, 1], scale=scale, orientation=turn, x=values[:, 4], y=values[:, 5], size=64
    )
    metadata = np.array(Trap(tmp_path / "pickle-was-loaded"), dtype=object)
    path = tmp_path / dsprites.FILE
    np.savez_compressed(
        path, metadata=metadata, imgs=(images > 127).astype(np.uint8), latents_classes=grid, latents_values=values
    )
    return path


@pytest.mark.parametrize("place", ["file", "folder"])
def test_dsprites(dsprites_file, tmp_path, place):
    root = dsprites_file if place == "file" else tmp_path
    train = load("shapes", root=root, count=300, size=64)
    test = load("shapes", "test", root=root, count=20, size=64)
    assert train.images.shape == (300, 1, 64, 64)
    assert set(np.unique(train.images)) == {0, 1}
    assert set(train.factors) == {"shape", "scale", "orientation", "x", "y"}
    redrawn = shapes.draw_shapes(**train.factors, size=64) > 127
    np.testing.assert_array_equal(redrawn, train.images[:, 0] == 1)  # images and factors belong together
    np.testing.assert_array_equal(train.labels, train.factors["shape"])
    assert not {image.tobytes() for image in train.images} & {image.tobytes() for image in test.images}
    small = load("shapes", root=root, count=300)
    np.testing.assert_allclose(small.images.mean(), train.images.mean(), rtol=0.01)
    assert not (tmp_path / "pickle-was-loaded").exists()


def test_no_pickle_is_loaded_whichever_array_it_poses_as(dsprites_file, tmp_path):
    with np.load(dsprites_file) as original:
        arrays = {name: original[name] for name in ("imgs", "latents_classes", "latents_values")}
    trap = np.array(Trap(tmp_path / "pickle-was-loaded"), dtype=object)
    for name in arrays:
        np.savez(dsprites_file, **(arrays | {name: trap}))
        with pytest.raises(InputError, match=r"dsprites.*another one"):
            load("shapes", root=dsprites_file, count=7)
    assert not (tmp_path / "pickle-was-loaded").exists()


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("latents_classes", lambda a: a[:, :3], "expected 6 columns"),
        ("latents_classes", lambda a: a + 5, "expected shapes from 0 to 2"),
        ("latents_values", lambda a: a.astype(complex), "expected 6 columns of numbers"),
        ("latents_values", lambda a: np.zeros((3_000_000, 6)), "expected at most 134,217,728 bytes"),
        ("latents_values", lambda a: a[:-1], "expected 600 rows, got 599"),
        ("imgs", lambda a: a[:, :32], "expected 64×64 pixels"),
        ("imgs", lambda a: a[:-1], "expected 600 images, got 599"),
    ],
)
def test_dsprites_of_another_shape(dsprites_file, name, change, message):
    with np.load(dsprites_file) as original:
        arrays = {key: original[key] for key in ("imgs", "latents_classes", "latents_values")}
    np.savez_compressed(dsprites_file, **(arrays | {name: change(arrays[name])}))
    with pytest.raises(InputError, match=message) as error:
        load("shapes", root=dsprites_file, count=7)
    assert "\n" not in str(error.value)


def test_the_trap_works(dsprites_file, tmp_path):
    np.load(dsprites_file, allow_pickle=True)["metadata"]
    assert (tmp_path / "pickle-was-loaded").exists()


def test_dsprites_missing_damaged_or_too_small(dsprites_file, tmp_path):
    with pytest.raises(InputError, match=r"expected at most .* for dSprites/train"):
        load("shapes", root=dsprites_file, count=10_000)
    content = dsprites_file.read_bytes()
    dsprites_file.write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match=r"dsprites.*damaged or another one"):
        load("shapes", root=dsprites_file, count=7)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"expected dsprites.*npz in .*empty"):
        load("shapes", root=tmp_path / "empty")
