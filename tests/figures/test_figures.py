"""The pictures: every pixel where it belongs, every label inside the page, the same file for the same weights."""

import subprocess
import sys
from statistics import NormalDist

import matplotlib
import numpy as np
import pytest
from matplotlib.patches import Circle
from PIL import Image

from figures.charts import latent_space, main_plane
from figures.choices import between, one_of_each, prior_draws, quantile_grid
from figures.curves import learning_curves
from figures.galleries import manifold, reconstructions, samples, side_by_side
from figures.grids import mosaic
from figures.style import apart, save
from tests.support.figure_pixels import check_page, levels, picture, pixels

NAMES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")

GREYS_OF_RUNGS = (0.2, 0.3, 0.4), (0.5, 0.6, 0.7)


def greys(count: int, size: int = 28, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((count, 1, size, size), dtype=np.float32)


def history(epochs: int = 5, shift: float = 0.0) -> list[dict]:
    return [
        {"kind": "epoch", "epoch": e, "loss": 150 + 400 / (1 + e) ** 2 + shift * e, "reconstruction": 140.0, "kl": 5.0}
        for e in range(epochs + 1)
    ]


def test_mosaic_places_tiles_in_reading_order_with_gaps():
    page = mosaic(np.array([0.1, 0.2, 0.3]).reshape(3, 1, 1, 1), columns=2, scale=2, gap=1, row_gaps=(3,))
    expected = np.ones((8, 5))
    expected[:2, :2], expected[:2, 3:], expected[6:, :2] = 0.1, 0.2, 0.3
    np.testing.assert_array_equal(page, np.repeat(expected[:, :, None], 3, axis=2))


def test_mosaic_keeps_colours_and_clips():
    colour = np.array([-0.5, 0.5, 2.0]).reshape(1, 3, 1, 1)
    np.testing.assert_array_equal(mosaic(colour, columns=1, scale=1), [[[0.0, 0.5, 1.0]]])


@pytest.mark.parametrize("size", [28, 8, 64])
def test_samples_are_shown_pixel_by_pixel(size):
    x_hat = greys(13, size)
    shown = picture(samples(x_hat))
    scale = max(1, 84 // size)
    np.testing.assert_allclose(shown, mosaic(x_hat, 10, scale) * 255, atol=1)


def test_reconstructions_stand_under_their_originals():
    x, x_hat = np.full((13, 1, 28, 28), 0.25, np.float32), np.full((13, 1, 28, 28), 0.75, np.float32)
    shown = picture(reconstructions(x, x_hat))[:, :, 0]
    assert levels(shown[:, 40]) == [0.25, 0.75] * 2
    assert levels(shown[:, 400]) == [0.25, 0.75]  # the second band is three tiles long
    assert levels(shown[-40]) == [0.75] * 3


def test_side_by_side_has_a_row_for_the_originals_and_one_for_each_rung():
    x, tile = np.full((3, 1, 28, 28), 0.1, np.float32), np.ones((3, 1, 28, 28), np.float32)
    x_hat, drawn = ({name: grey * tile for name, grey in zip("abc", greys, strict=True)} for greys in GREYS_OF_RUNGS)
    shown = picture(side_by_side(x, x_hat, drawn))[:, :, 0]
    assert levels(shown[:, 20]) == [0.1, *GREYS_OF_RUNGS[0]]
    assert levels(shown[:, -20]) == list(GREYS_OF_RUNGS[1])
    assert levels(shown[-20]) == [GREYS_OF_RUNGS[0][2]] * 3 + [GREYS_OF_RUNGS[1][2]] * 3


def test_manifold_shows_z1_to_the_right_and_z2_upwards():
    z, quantiles = quantile_grid(20)
    x_hat = np.repeat(((z + 2) / 4)[:, :, None, None], 28 * 14, axis=2).reshape(400, 1, 28, 28)  # left z1, right z2
    shown = picture(manifold(x_hat, quantiles))[:, :, 0].astype(float)
    assert shown.shape == (1120, 1120)
    tops, bottoms = shown[::56, :], shown[55::56, :]
    np.testing.assert_allclose((tops[0, ::56] / 255 * 4) - 2, quantiles, atol=0.02)
    np.testing.assert_allclose((bottoms[::-1, 55] / 255 * 4) - 2, quantiles, atol=0.02)


def test_quantile_grid_shares_the_prior_equally():
    z, quantiles = quantile_grid(10)
    probability = [NormalDist().cdf(q) for q in quantiles]
    np.testing.assert_allclose(np.diff(probability), 0.1)
    np.testing.assert_allclose(quantiles, -quantiles[::-1], atol=1e-12)
    np.testing.assert_array_equal(z[0], [quantiles[0], quantiles[-1]])  # top left
    np.testing.assert_array_equal(z[-1], [quantiles[-1], quantiles[0]])  # bottom right


def test_between_is_a_straight_line_with_both_ends():
    start, end = np.zeros((2, 3), np.float32), np.array([[6.0, 0, 3], [1, 1, 1]], np.float32)
    z = between(start, end, 4)
    assert z.dtype == np.float32
    np.testing.assert_allclose(z[0], [[0, 0, 0], [2, 0, 1], [4, 0, 2], [6, 0, 3]], rtol=1e-6)
    np.testing.assert_array_equal(z[:, -1], end)


def test_one_of_each_takes_turns_among_the_classes():
    labels = np.array([2, 2, 0, 2, 1, 0])
    assert one_of_each(labels, 5).tolist() == [2, 4, 0, 5, 1]
    assert sorted(one_of_each(labels, 99).tolist()) == [0, 1, 2, 3, 4, 5]
    assert one_of_each(np.zeros(4, dtype=np.int64), 2).tolist() == [0, 1]


def test_prior_draws_never_change():
    np.testing.assert_array_equal(prior_draws(3), prior_draws(3))
    assert prior_draws(3).shape == (100, 3)


def test_latent_space_of_two_dimensions_is_drawn_as_it_is():
    mu = np.random.default_rng(0).normal(size=(50, 2))
    axes = latent_space(mu, np.arange(50) % 3, NAMES[:3]).axes[0]
    np.testing.assert_array_equal(axes.collections[0].get_offsets(), mu)
    assert axes.get_xlim() == axes.get_ylim()
    box = axes.get_window_extent()
    assert box.width == pytest.approx(box.height)
    assert sorted(p.radius for p in axes.patches if isinstance(p, Circle)) == [1, 2]
    assert {text.get_text() for text in axes.texts} == set(NAMES[:3])
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("$z_1$", "$z_2$")


@pytest.mark.parametrize("labels", [None, np.zeros(20, dtype=np.int64)])
def test_latent_space_without_classes_names_none(labels):
    axes = latent_space(greys(20, 2).reshape(20, 4)[:, :2], labels, ("all",)).axes[0]
    assert not axes.texts
    assert len(np.unique(axes.collections[0].get_facecolors(), axis=0)) == 1


def test_latent_space_tells_more_than_ten_classes_by_marker():
    labels = np.arange(44) % 22
    axes = latent_space(np.random.default_rng(0).normal(size=(44, 2)), labels, [f"c{i}" for i in range(22)]).axes[0]
    assert [len(c.get_offsets()) for c in axes.collections] == [20, 20, 4]


def test_plane_finds_the_main_directions_and_says_how_much_they_hold():
    rng = np.random.default_rng(0)
    mu = rng.normal(size=(4000, 4)) @ np.diag([1.0, 5.0, 0.1, 3.0]) + [9, 0, 0, 0]
    for mirrored in (mu, -mu, mu * [1, 1, 1, -1]):
        points, names = main_plane(mirrored)
        # Plus one, never minus one: a direction points where its largest entry does, whatever the SVD returned.
        assert np.corrcoef(points[:, 0], mirrored[:, 1])[0, 1] > 0.999
        assert np.corrcoef(points[:, 1], mirrored[:, 3])[0, 1] > 0.999
        assert "(71%" in names[0]  # 25 / 35.01
        assert "(26%" in names[1]


@pytest.mark.parametrize("mu", [np.ones((1, 5)), np.ones((3, 20)), np.zeros((9, 3))])
def test_plane_of_points_without_spread(mu):
    points, _ = main_plane(mu)
    assert points.shape == (len(mu), 2)
    assert np.isfinite(points).all()


def test_names_are_moved_until_none_covers_another():
    sizes = np.full((10, 2), (0.6, 0.3))
    places = apart(np.zeros((10, 2)), sizes)
    for i in range(10):
        for j in range(i):
            assert (np.abs(places[i] - places[j]) >= sizes[0] - 1e-6).any()
    far = np.array([[0.0, 0.0], [5.0, 5.0]])
    np.testing.assert_allclose(apart(far, sizes[:2]), far, atol=1e-5)


def test_learning_curves_draw_every_rung_and_the_difference():
    figure = learning_curves({"numpy_impl": history(), "paper": history(shift=1e-3), "third": history(3)})
    loss, _, _, apart = figure.axes
    assert [line.get_xdata().tolist() for line in loss.lines] == [[1, 2, 3, 4, 5], [1, 2, 3, 4, 5], [1, 2, 3]]
    assert len({line.get_linewidth() for line in loss.lines}) == 3
    np.testing.assert_allclose(loss.lines[1].get_ydata(), [r["loss"] for r in history(shift=1e-3)[1:]])
    np.testing.assert_allclose(apart.lines[0].get_ydata()[1:], np.arange(1, 6) * 1e-3, rtol=1e-6)
    assert (apart.lines[1].get_ydata() < 1e-4).all()  # equal losses lie in the band of one rounding
    assert "third  175.00" in [text.get_text() for text in loss.get_legend().get_texts()]


def test_learning_curve_of_one_rung_has_no_difference_panel():
    assert len(learning_curves({"paper": history()}).axes) == 3


def test_before_training_counts_while_there_is_little_else():
    axes = learning_curves({"paper": history(1)}).axes[0]
    assert axes.lines[0].get_xdata().tolist() == [0, 1]


def test_a_rung_that_has_just_begun_does_not_squeeze_the_others():
    loss = learning_curves({"numpy_impl": history(), "paper": history(0)}).axes[0]
    assert [len(line.get_xdata()) for line in loss.lines] == [5, 0]


def every_figure() -> dict:
    rng = np.random.default_rng(0)
    x, labels = greys(20), np.arange(200) % 10
    _, quantiles = quantile_grid(20)
    return {
        "reconstructions": lambda: reconstructions(x, x[::-1], NAMES * 2),
        "few": lambda: reconstructions(x[:1], x[:1]),
        "samples": lambda: samples(x),
        "latent 1": lambda: latent_space(rng.normal(size=(200, 1)), labels, NAMES),
        "latent 2": lambda: latent_space(rng.normal(size=(200, 2)) * 9, labels, NAMES),
        "latent 9": lambda: latent_space(rng.normal(size=(200, 9)), labels, NAMES),
        "manifold": lambda: manifold(greys(400), quantiles),
        "side by side": lambda: side_by_side(x[:10], *[dict.fromkeys(("pytorch_lowlevel", "paper"), x[:10])] * 2),
        "curves": lambda: learning_curves({n: history() for n in ("numpy_impl", "pytorch_lowlevel", "paper")}),
        "curve": lambda: learning_curves({"pytorch_lowlevel": history(12)}),
    }


@pytest.mark.parametrize("name", every_figure())
def test_every_label_is_inside_the_page_and_large_enough(name):
    figure = every_figure()[name]()
    check_page(figure)


def test_style_stays_inside():
    before = dict(matplotlib.rcParams)
    learning_curves({"paper": history()})
    samples(greys(3))
    assert dict(matplotlib.rcParams) == before


def test_the_readers_own_style_does_not_leak_in(tmp_path):
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "red"}):
        loud = save(learning_curves({"paper": history()}), tmp_path / "loud.png")
    assert loud.read_bytes() == save(learning_curves({"paper": history()}), tmp_path / "quiet.png").read_bytes()


def test_no_display_is_needed():
    code = "import sys, ladder.figures; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_grey_figures_lose_no_grey(tmp_path):
    figure = samples(greys(20))
    image = Image.open(save(figure, tmp_path / "new" / "samples.png"))
    assert image.mode == "L"
    np.testing.assert_array_equal(np.asarray(image), pixels(figure)[:, :, 0])
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["samples.png"]
