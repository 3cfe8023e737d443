"""`glyphs`: deterministic, balanced, whole digits, with splits that never meet and factors that tell the truth."""

import itertools

import numpy as np
import pytest

from foundation.data import drawing, glyphs, load


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    folder = tmp_path_factory.getbasetemp() / "glyphs-cache"
    monkeypatch.setenv("VAE_LADDER_CACHE", str(folder))
    return folder


def middle_factors(count=1, **changed):
    """Factors in the middle of their ranges, so that one can be varied alone."""
    factors = {name: np.full(count, np.mean(ends)) for name, ends in glyphs.RANGES.items()}
    factors |= {"label": np.zeros(count, np.int64), "font": np.zeros(count, np.int64)}
    return factors | {name: np.broadcast_to(np.asarray(value), count).copy() for name, value in changed.items()}


def ink_box(image):
    """First and last row, first and last column with ink brighter than half."""
    rows, columns = np.flatnonzero((image > 127).any(axis=1)), np.flatnonzero((image > 127).any(axis=0))
    return rows[0], rows[-1], columns[0], columns[-1]


def test_default_set():
    train, test = load("glyphs"), load("glyphs", "test")
    assert train.images.shape == (20_000, 1, 28, 28)
    assert test.images.shape == (2_000, 1, 28, 28)
    assert train.images.dtype == np.float32
    assert train.labels.dtype == np.int64
    assert train.images.min() == 0
    assert train.images.max() == 1
    assert train.classes == tuple("0123456789")
    assert (np.bincount(train.labels) == 2_000).all()
    assert (np.bincount(test.labels) == 200).all()
    assert train.describe() == "glyphs/train: 20,000 images of 28×28, 10 classes, seed 0"
    assert len(np.unique(train.images.reshape(20_000, -1), axis=0)) == 20_000
    assert not {image.tobytes() for image in train.images} & {image.tobytes() for image in test.images}


def test_seed_decides_everything():
    one, again, other = (load("glyphs", count=50, seed=seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(one.images, again.images)
    np.testing.assert_array_equal(one.labels, again.labels)
    assert not np.array_equal(one.images, other.images)
    assert not np.array_equal(one.labels, other.labels)


def test_draws_are_the_same_everywhere():
    """The generator's stream, and so the set, must not change unnoticed: reports name seeds, not images."""
    data = load("glyphs", count=10)
    assert data.labels.tolist() == [4, 5, 8, 3, 7, 2, 1, 9, 6, 0]
    assert data.factors["rotation"][0] == pytest.approx(3.552914342)
    assert data.factors["font"].tolist() == [6, 17, 9, 13, 12, 0, 12, 19, 4, 11]


def test_smaller_count_begins_the_larger():
    small, large = load("glyphs", count=37), load("glyphs", count=80)
    np.testing.assert_array_equal(small.images, large.images[:37])
    np.testing.assert_array_equal(small.labels, large.labels[:37])


def test_splits_are_independent_draws():
    train, test = load("glyphs", count=500), load("glyphs", "test", count=500)
    for name in glyphs.RANGES:
        assert abs(np.corrcoef(train.factors[name], test.factors[name])[0, 1]) < 0.2


def test_keep_apart_separates_equal_images():
    """The same pictures given to both splits come out disjoint, and changed by one grey level at most."""
    images = np.random.default_rng(0).integers(1, 256, (200, 28, 28), dtype=np.uint8)
    train, test = drawing.keep_apart(images, "train"), drawing.keep_apart(images, "test")
    assert not {image.tobytes() for image in train} & {image.tobytes() for image in test}
    for split in (train, test):
        change = images.astype(int) - split
        assert change.min() >= 0
        assert change.sum(axis=(1, 2)).max() == 1


def test_factors_redraw_the_images():
    data = load("glyphs", count=100)
    assert set(data.factors) == {"label", "font", *glyphs.RANGES}
    np.testing.assert_array_equal(data.factors["label"], data.labels)
    redrawn = glyphs.draw_glyphs(**data.factors)
    assert np.abs(redrawn.astype(int) - np.rint(255 * data.images[:, 0]).astype(int)).max() <= 1
    for name, (low, high) in glyphs.RANGES.items():
        assert low <= data.factors[name].min()
        assert data.factors[name].max() <= high


def test_never_cut_off():
    """Every glyph at every corner of the ranges leaves the image's border black."""
    corners = np.array(list(itertools.product(*glyphs.RANGES.values())))
    glyph = np.arange(10 * len(glyphs.FONTS))
    factors = {name: np.repeat(corners[:, column], len(glyph)) for column, name in enumerate(glyphs.RANGES)}
    images = glyphs.draw_glyphs(
        label=np.tile(glyph % 10, len(corners)), font=np.tile(glyph // 10, len(corners)), **factors
    )
    assert images[:, [0, -1], :].max() == 0
    assert images[:, :, [0, -1]].max() == 0
    assert images.reshape(len(images), -1).max(axis=1).min() > 127  # and none is invisible


def test_position_moves_right_and_down():
    still = glyphs.draw_glyphs(**middle_factors(label=[5]))
    moved = glyphs.draw_glyphs(**middle_factors(label=[5], x=[2.0], y=[3.0]))
    expected = np.roll(still, (3, 2), axis=(1, 2))
    assert np.abs(moved.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("scale", [16.5, 20.0])
def test_scale_is_the_height_in_pixels(scale):
    """At the glyph's own stroke width the pen adds nothing, so the ink is as high as the outline."""
    own = glyphs.mean_stroke_width(glyphs.outline("DejaVuSans", 2)) * scale
    image = glyphs.draw_glyphs(**middle_factors(label=[2], scale=[scale], thickness=[own], shear=[0.0]))[0]
    top, bottom, _, _ = ink_box(image)
    assert bottom - top + 1 == pytest.approx(scale, abs=1)


def test_rotation_is_counter_clockwise():
    """A 1 that turns counter-clockwise leans to the left: its top goes left of its foot."""
    image = glyphs.draw_glyphs(**middle_factors(label=[1], rotation=[12.0], shear=[0.0]))[0].astype(float)
    columns = np.arange(28)
    centre = image @ columns / np.maximum(image.sum(axis=1), 1e-9)
    top, bottom, _, _ = ink_box(image)
    plain = glyphs.draw_glyphs(**middle_factors(label=[1], rotation=[0.0], shear=[0.0]))[0].astype(float)
    plain_centre = plain @ columns / np.maximum(plain.sum(axis=1), 1e-9)
    middle = (top + bottom) // 2
    assert (centre[top + 4] - centre[middle]) < (plain_centre[top + 4] - plain_centre[middle])


def test_shear_leans_forwards():
    image = glyphs.draw_glyphs(**middle_factors(2, label=[0, 0], rotation=0.0, shear=[0.0, 0.25])).astype(float)
    upper = (image[:, :14] @ np.arange(28)).sum(axis=1) / image[:, :14].sum(axis=(1, 2))
    lower = (image[:, 14:] @ np.arange(28)).sum(axis=1) / image[:, 14:].sum(axis=(1, 2))
    lean = upper - lower
    assert lean[0] == pytest.approx(0, abs=0.3)
    assert lean[1] > 1


def test_thickness_is_the_mean_stroke_width():
    """Half way up, a 1 is a bar: the ink of one row grows as the stroke does."""
    widths = np.array([1.6, 2.2, 3.0, 3.8])
    images = glyphs.draw_glyphs(**middle_factors(4, label=1, rotation=0.0, shear=0.0, thickness=widths))
    ink = images[:, 14].sum(axis=1) / 255
    np.testing.assert_allclose(np.diff(ink), np.diff(widths), atol=0.15)  # the grid is half a pixel wide


def test_blur_softens_edges():
    images = glyphs.draw_glyphs(**middle_factors(2, label=8, thickness=3.8, blur=[1.0, 1.8]))
    grey = ((images > 10) & (images < 245)).sum(axis=(1, 2))
    assert grey[1] > 1.2 * grey[0]


def test_every_glyph_is_a_different_picture():
    glyph = np.arange(10 * len(glyphs.FONTS))
    images = glyphs.draw_glyphs(**middle_factors(len(glyph), label=glyph % 10, font=glyph // 10))
    flat = images.reshape(len(glyph), -1)
    assert len(np.unique(flat, axis=0)) == len(glyph)


def test_nearest_neighbour_recognises_the_classes():
    """Classes are told apart by the plainest method there is; labels shifted by one would fail."""
    train, test = load("glyphs", count=4_000), load("glyphs", "test", count=300)
    known, asked = (data.images.reshape(len(data), -1) for data in (train, test))
    distance = (known**2).sum(axis=1) - 2 * asked @ known.T
    assert (train.labels[distance.argmin(axis=1)] == test.labels).mean() > 0.95


def test_signed_distance_of_a_square_with_a_hole():
    def square(half, turn):
        corners = half * np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
        return drawing.closed_polygon(corners[::turn])

    ring = np.concatenate([square(0.5, 1), square(0.2, -1)])
    x = np.array([0.0, 0.1, 0.3, 0.45, 0.7])
    np.testing.assert_allclose(drawing.signed_distance(x, 0.0, ring), [0.2, 0.1, -0.1, -0.05, 0.2], atol=1e-12)
    assert drawing.signed_distance(np.array([0.8]), 0.9, ring)[0] == pytest.approx(0.5)
    # Without the hole the middle is inside, and the hole's edge no longer counts.
    np.testing.assert_allclose(drawing.signed_distance(x[:1], 0.0, square(0.5, 1)), [-0.5])


def test_signed_distance_of_slanted_sides():
    diamond = drawing.closed_polygon(np.array([[0.5, 0.0], [0.0, 0.5], [-0.5, 0.0], [0.0, -0.5]]))
    x = np.linspace(-0.6, 0.6, 25)
    for y in (-0.3, 0.0, 0.11, 0.4):
        distance = drawing.signed_distance(x, y, diamond)
        np.testing.assert_array_equal(distance < 0, np.abs(x) + abs(y) < 0.5)
        inside = distance < 0
        np.testing.assert_allclose(distance[inside], (np.abs(x[inside]) + abs(y) - 0.5) / np.sqrt(2), atol=1e-12)


def test_look_up_is_exact_for_a_linear_field():
    axis = np.linspace(-drawing.REACH, drawing.REACH, drawing.GRID)
    column, row = np.meshgrid(axis, axis)
    fields = np.stack([column, 2 * row + column])
    rng = np.random.default_rng(0)
    x, y = rng.uniform(-drawing.REACH, drawing.REACH, (2, 2, 50))
    found = drawing.look_up(fields, np.array([[0], [1]]), x, y)
    np.testing.assert_allclose(found, [x[0], 2 * y[1] + x[1]], atol=1e-12)
    outside = drawing.look_up(fields, np.array([[0]]), np.array([[9.0, -9.0]]), np.array([[0.0, 9.0]]))
    np.testing.assert_allclose(outside, [[drawing.REACH, -drawing.REACH]])


def test_mean_stroke_width_of_a_bar():
    bar = drawing.closed_polygon(np.array([[0.0, 0.0], [0.01, 0.0], [0.01, 1.0], [0.0, 1.0]]))
    assert glyphs.mean_stroke_width(bar) == pytest.approx(0.01, rel=0.02)
