"""Pictures made of pictures, with names: each tile where its row and column say, frames round the right ones."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from figures.charts import code_usage, kl_per_latent, latent_space, perplexity
from figures.galleries import (
    HIDDEN,
    classes_and_styles,
    code_maps,
    colours,
    completions,
    interpolations,
    reconstructions,
    style_transfer,
    traversals,
)
from figures.grids import GAP, Frame, labelled_grid
from figures.lines import Line, Panel, distributions, line_panels, roc_curves, trade_off
from figures.style import fit, literal, save, text_width
from tests.support.figure_pixels import caption, check_page, levels, picture, pixels, words

ORANGE = (213, 94, 0)


def flat(*values: float, size: int = 28) -> np.ndarray:
    """Images of one grey each."""
    return np.array(values, np.float32)[:, None, None, None] * np.ones((1, 1, size, size), np.float32)


def greys(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).random(shape, dtype=np.float32)


def tiles(figure, rows: int, columns: int) -> np.ndarray:
    """The grey level (rows, columns) in the middle of each tile of a grid without extra gaps."""
    shown = picture(figure)[:, :, 0] / 255
    height, width = ((side + GAP) / count for side, count in zip(shown.shape, (rows, columns), strict=True))
    at = [((np.arange(count) + 0.4) * step).astype(int) for count, step in ((rows, height), (columns, width))]
    return shown[np.ix_(*at)].round(2)


def orange(figure) -> np.ndarray:
    """Where the first axes show a frame's colour."""
    return (np.abs(picture(figure).astype(int) - ORANGE) < 40).all(axis=2)


def test_a_grid_shows_every_image_in_its_row_and_column():
    grid = np.arange(12).reshape(3, 4) / 20
    figure = labelled_grid([flat(*row) for row in grid], ["a", "b", "c"], list("wxyz"), "T", "C")
    np.testing.assert_allclose(tiles(figure, 3, 4), grid, atol=0.01)
    assert {"T", "C", "a", "b", "c", "w", "x", "y", "z"} == set(words(figure))


@pytest.mark.parametrize(("size", "count"), [(28, 10), (28, 3), (64, 10), (8, 12), (28, 1), (33, 7)])
def test_one_pixel_of_an_image_is_a_whole_number_of_ours(size, count):
    images = greys(count, 1, size, size)
    figure = labelled_grid([images, images[::-1]], ["first", "second"])
    page, scale = picture(figure)[:, :, 0], (picture(figure).shape[0] - GAP) // (2 * size)
    assert page.shape == (2 * size * scale + GAP, count * (size * scale + GAP) - GAP)
    expected = np.round(images[0, 0] * 255).repeat(scale, 0).repeat(scale, 1)
    np.testing.assert_allclose(page[: size * scale, : size * scale], expected, atol=1)
    np.testing.assert_allclose(page[-size * scale :, -size * scale :], expected, atol=1)
    assert 198 <= figure.dpi <= 400
    assert pixels(figure).shape[1] == 4.5 * figure.dpi


def test_tiles_fill_the_width_unless_they_are_few():
    for count in (7, 10, 13):
        figure = labelled_grid([greys(count, 1, 28, 28)])
        box = figure.axes[0].get_window_extent()
        assert 4.0 < box.width / figure.dpi < 4.1
    assert labelled_grid([greys(2, 1, 28, 28)]).axes[0].get_window_extent().width / figure.dpi < 1.4


def test_empty_cells_stay_white_and_rows_and_columns_stand_apart():
    image = flat(0.25)[0]
    figure = labelled_grid([[image, None, image], [None, image, image]], rows_apart=(1,), columns_apart=(2,))
    shown = picture(figure)[:, :, 0]
    size = (shown.shape[0] - 3 * GAP) // 2
    assert shown.shape == (2 * size + 3 * GAP, 3 * size + 4 * GAP)
    assert levels(shown[size // 2]) == [0.25, 0.25]
    assert levels(shown[:, size // 2]) == [0.25]
    assert (shown[size : size + 3 * GAP] == 255).all()
    assert (shown[:, 2 * size + GAP : 2 * size + 4 * GAP] == 255).all()


def test_a_frame_surrounds_its_tile_alone():
    found = orange(labelled_grid([flat(0, 0, 0), flat(0, 0, 0)], frames=[Frame(1, 2)]))
    rows, columns = np.nonzero(found)
    size = (found.shape[0] - GAP) // 2
    assert rows.min() >= size + GAP - 3
    assert columns.min() >= 2 * (size + GAP) - 3
    inside = found[size + GAP + 4 : -4, 2 * (size + GAP) + 4 : -4]
    assert not inside.any()
    assert found[-2, 2 * (size + GAP) : -4].mean() > 0.9, "its lower edge is drawn"


def test_a_frame_round_pixels_follows_their_outline():
    hidden = np.zeros((28, 28), bool)
    hidden[14:] = True
    hidden[:, 14:] = True  # all but the upper left quarter
    found = orange(labelled_grid([flat(0)], frames=[Frame(0, 0, hidden)]))
    size = len(found)
    assert found[size // 2, : size // 2 - 4].mean() > 0.9
    assert found[: size // 2 - 4, size // 2].mean() > 0.9
    assert not found[size // 2, size // 2 + 4 : -4].any()
    assert not found[4 : size // 2 - 4, 4 : size // 2 - 4].any()


def test_names_are_broken_and_cut_until_they_fit():
    assert fit("T-shirt/top", 9.0, 7.0) == "T-shirt/top"
    assert fit("T-shirt/top", 0.45, 7.0) == "T-shirt/\ntop"
    assert fit("Ankle boot", 0.45, 7.0) == "Ankle\nboot"
    assert fit("one two three four", 0.3, 7.0).count("\n") == 1
    assert fit("one two three four", 0.3, 7.0).endswith("…")
    assert fit("$z_{10}$", 0.01, 7.0) == "$z_{10}$"
    assert fit("", 1.0, 7.0) == ""
    for name in ("Donaudampfschifffahrt", "a b c d e f g h", "x-ray/y-ray"):
        assert all(text_width(line, 7.0) <= 0.4 for line in fit(name, 0.4, 7.0).split("\n"))


def kl_of(count: int) -> np.ndarray:
    return np.linspace(2, 0, count)


@pytest.mark.parametrize(("Z", "said"), [
    (3, None), (4, "One more latent, not shown, has 0.00 nats"), (9, "6 more latents, not shown, have 1.25 nats each"),
])  # fmt: skip
def test_traversals_count_the_latents_that_are_not_shown(Z, said):
    shown = np.arange(min(Z, 3))
    mu = np.zeros(Z, np.float32)
    figure = traversals(greys(3, 7, 1, 28, 28), shown, np.linspace(-3, 3, 7), kl_of(Z), greys(1, 28, 28), mu)
    assert ("not shown" in caption(figure)) == (said is not None)
    assert said is None or said in caption(figure)


def test_traversals_name_each_row_and_frame_the_nearest_value():
    mu = np.array([0.2, -2.6, 9.0], np.float32)
    x_hat = flat(*np.linspace(0, 0.5, 14)).reshape(2, 7, 1, 28, 28)
    figure = traversals(x_hat, np.array([2, 1]), np.linspace(-3, 3, 7), np.array([0.1, 1.5, 3.25]), flat(0.9)[0], mu)
    assert {"$z_{3}$", "$z_{2}$", "3.25\u00a0nats", "1.50\u00a0nats", "−3", "0", "+3", "$x$"} <= set(words(figure))
    shown, found = picture(figure)[:, :, 0], orange(figure)
    size = (shown.shape[0] - GAP) // 2
    assert levels(np.where(found, 255, shown)[size // 2])[0] == 0.9
    for row, column in ((0, 7), (1, 1)):  # 9 is beyond +3, and −2.6 is nearest to −3
        left = column * (size + GAP) + 2 * GAP
        assert found[row * (size + GAP) + 1, left + 4 : left + size - 4].mean() > 0.9
    assert found[1].sum() < 1.3 * size


@pytest.mark.parametrize("Z", [1, 2, 20, 31, 200])
def test_kl_bars_are_sorted_and_inactive_latents_marked(Z):
    kl = np.random.default_rng(0).permutation(Z) / Z + 0.001
    active = kl > 0.3
    figure = kl_per_latent({"": kl}, {"": active})
    axes = figure.axes[0]
    heights = [bar.get_height() for bar in axes.patches]
    np.testing.assert_allclose(heights, np.sort(kl)[::-1])
    assert len(axes.lines) == (~active).sum()
    assert f"{active.sum()} of {Z} active, {kl.sum():.1f} nats in all" in axes.get_title(loc="left")
    names = [label.get_text() for label in axes.get_xticklabels()]
    assert (names[0] == f"$z_{{{kl.argmax() + 1}}}$") == (Z <= 30)
    check_page(figure)


def test_kl_bars_of_several_models_share_their_axis():
    figure = kl_per_latent(
        {"a": np.array([1.0]), "b": np.array([5.0, 0.0])}, {"a": np.array([True]), "b": np.array([True, False])}
    )
    a, b = figure.axes
    assert a.get_ylim() == b.get_ylim()
    assert a.get_xlim() == b.get_xlim()
    assert b.get_title(loc="left").startswith("b: 1 of 2 active")


def test_interpolations_show_the_originals_once_for_each_pair():
    start, end = flat(0.1, 0.2), flat(0.8, 0.9)
    ways = {
        "linear": flat(0.3).repeat(10, 0).reshape(2, 5, 1, 28, 28),
        "arc": flat(0.4).repeat(10, 0).reshape(2, 5, 1, 28, 28),
    }
    figure = interpolations(start, ways, end, "T", "C")
    shown = picture(figure)[:, :, 0]
    size = (shown.shape[0] - 5 * GAP) // 4
    at = [size // 2, size * 3 // 2 + GAP, size * 5 // 2 + 4 * GAP, size * 7 // 2 + 5 * GAP]
    assert [levels(shown[y]) for y in at] == [[0.1, *[0.3] * 5, 0.8], [0.4] * 5, [0.2, *[0.3] * 5, 0.9], [0.4] * 5]
    assert words(figure).count("linear") == words(figure).count("arc") == 2
    alone = interpolations(start, {"linear": ways["linear"]}, end, "T", "C")
    assert "linear" not in words(alone)


def test_classes_are_columns_and_styles_are_rows():
    grid = np.arange(6).reshape(2, 3) / 10
    figure = classes_and_styles(flat(*grid.ravel()).reshape(2, 3, 1, 28, 28), ["ant", "bee", "cat"])
    np.testing.assert_allclose(tiles(figure, 2, 3), grid, atol=0.01)
    assert {"style 1", "style 2", "ant", "bee", "cat"} <= set(words(figure))


def test_the_style_of_an_image_is_framed_in_its_own_class():
    x, x_hat = flat(0.2, 0.3), flat(*[0.5] * 6).reshape(2, 3, 1, 28, 28)
    figure = style_transfer(x, x_hat, np.array([2, 0]), ["ant", "bee", "cat"])
    found = orange(figure)
    size = (found.shape[0] - GAP) // 2
    for row, label in ((0, 2), (1, 0)):
        middle = found[row * (size + GAP) + size // 2]
        left = (1 + label) * (size + GAP) + 2 * GAP
        assert set(np.flatnonzero(middle)) <= {*range(left - 4, left + 5), *range(left + size - 4, left + size + 5)}
        assert middle.any()
    assert levels(picture(figure)[size // 2, : size + 3, 0]) == [0.2]


def test_completions_hide_what_is_not_given():
    given = np.zeros((28, 28), bool)
    given[:14] = True
    figure = completions(flat(0.1, 0.2), given, flat(*[0.4] * 6).reshape(2, 3, 1, 28, 28), flat(0.5, 0.6))
    shown, found = picture(figure)[:, :, 0], orange(figure)
    size = (shown.shape[0] - GAP) // 2
    upper, lower = (shown[y, size // 2 :: size + GAP] / 255 for y in (size // 4, size * 3 // 4))
    np.testing.assert_allclose(upper[:4], [0.1, 0.4, 0.4, 0.4], atol=0.01)
    np.testing.assert_allclose(lower[:4], [HIDDEN, 0.4, 0.4, 0.4], atol=0.01)
    assert not found[: size // 2 - 3].any(), "only the missing half is framed"
    assert words(figure).count("original") == words(figure).count("given") == words(figure).count("mean") == 1


def test_codes_are_coloured_by_their_place_in_the_codebook():
    codebook = np.array([[5.0, 0], [0, 0], [9, 0.1], [1, 0], [7, 7]])
    codes = np.array([[[0, 1], [2, 3]]])
    found = colours(codes, codebook)
    brightness = found @ [0.3, 0.6, 0.1]
    order = brightness.ravel()[[1, 3, 0, 2]]  # along the first axis: entries 1, 3, 0, 2
    assert (np.diff(order) > 0).all() or (np.diff(order) < 0).all()
    np.testing.assert_array_equal(
        colours(np.zeros((1, 2, 2), int), codebook)[0, 0, 0], found.reshape(-1, 3)[brightness.argmin()]
    )


def test_a_code_covers_the_pixels_it_stands_for():
    codes = np.arange(4).reshape(1, 2, 2)
    figure = code_maps(greys(1, 1, 30, 30), codes, greys(1, 1, 30, 30), np.arange(4.0)[:, None])
    shown = picture(figure)
    size = (shown.shape[0] - 2 * GAP) // 3
    block = shown[size + GAP : 2 * size + GAP]
    assert len(np.unique(block.reshape(-1, 3), axis=0)) == 4
    assert (block[: size // 2 - 1, : size // 2 - 1] == block[0, 0]).all()
    assert "2×2 codes out of 4" in caption(figure)


def test_perplexity_counts_codes_that_are_used_alike():
    assert perplexity(np.array([5, 5, 5, 0])) == pytest.approx(3)
    assert perplexity(np.array([0, 9])) == 1
    title = code_usage(np.array([0, 7, 0, 7])).axes[0].get_title(loc="left")
    assert title == "perplexity 2.0 of 4; 2 codes never used"
    assert "no codes never used" in code_usage(np.array([1, 1])).axes[0].get_title(loc="left")


def every_grid() -> dict:
    half = np.zeros((28, 28), bool)
    half[:, :14] = True
    kl = np.abs(np.random.default_rng(0).normal(size=12))
    long = ["Ankle boot", "T-shirt/top", "Donaudampfschifffahrtskapitän", "Sneaker"]
    x = greys(8, 1, 28, 28)
    return {
        "grid": lambda: labelled_grid([x[:4]] * 4, long, long, "A title", "A caption. " * 30, notes=long),
        "one tile": lambda: labelled_grid([x[:1]], ["one"], ["one"], "T", "C"),
        "wide": lambda: labelled_grid([greys(30, 1, 28, 28)], ["thirty"], [str(i) for i in range(30)], "T", "C"),
        "colour": lambda: labelled_grid([greys(5, 3, 64, 48)], ["one"], ["one"], "T", "C"),
        "traversals": lambda: traversals(
            greys(10, 7, 1, 28, 28), np.argsort(-kl)[:10], np.linspace(-3, 3, 7), kl, x[0], kl
        ),
        "kl": lambda: kl_per_latent({"first": kl, "second": kl[:3]}, {"first": kl > 1, "second": kl[:3] > 0}),
        "interpolations": lambda: interpolations(x[:1], {"linear": greys(1, 9, 1, 28, 28)}, x[1:2], "T", "C"),
        "classes": lambda: classes_and_styles(greys(2, 12, 1, 28, 28), long * 3, "a Bernoulli draw from p(x|z)"),
        "one class": lambda: classes_and_styles(greys(1, 1, 1, 28, 28), ["all"]),
        "style": lambda: style_transfer(x[:2], greys(2, 4, 1, 28, 28), np.array([0, 3]), long),
        "completions": lambda: completions(x[:2], half, greys(2, 5, 1, 28, 28), x[:2]),
        "codes": lambda: code_maps(x, np.arange(8 * 49).reshape(8, 7, 7) % 64, x, greys(64, 16)),
        "usage": lambda: code_usage(np.arange(64)),
    }  # fmt: skip


@pytest.mark.parametrize("name", every_grid())
def test_every_label_is_inside_the_page_and_the_bytes_never_change(name, tmp_path):
    check_page(every_grid()[name]())
    first, second = (save(every_grid()[name](), tmp_path / f"{i}.png").read_bytes() for i in range(2))
    assert first == second


def test_prices_are_broken_like_other_names():
    assert fit(literal("$10/$20"), 0.3, 7.0) == literal("$10/\n$20")


@pytest.mark.parametrize("name", ["US$ and CA$", r"a\$b$c$", "$", "$x_{$", "tab\\cost$1$"])
def test_a_name_from_outside_is_written_letter_by_letter(name):
    assert fit(literal(name), 9.0, 7.0) == literal(name)
    assert text_width(literal(name), 7.0) == pytest.approx(text_width(name.replace("$", "0"), 7.0))
    page = Figure()
    written, plain = page.text(0, 0.5, literal(name)), page.text(0, 0.5, name, parse_math=False)
    assert written.get_window_extent().bounds == plain.get_window_extent().bounds


DOLLARS = ["$a_{$", "$b$", "c$"]


@pytest.mark.parametrize(
    "draw",
    [
        lambda: classes_and_styles(greys(2, 3, 1, 28, 28), DOLLARS),
        lambda: style_transfer(greys(2, 1, 28, 28), greys(2, 3, 1, 28, 28), np.array([0, 1]), DOLLARS),
        lambda: reconstructions(greys(3, 1, 28, 28), greys(3, 1, 28, 28), DOLLARS),
        lambda: latent_space(greys(30, 2), np.arange(30) % 3, DOLLARS),
        lambda: latent_space(greys(30, 1), np.arange(30) % 3, DOLLARS),
        lambda: line_panels([Panel("a", "b", {name: Line(DOLLARS, [1, 2, 3]) for name in DOLLARS})], "T", "C"),
        lambda: trade_off({name: ([1.0], [2.0 * i]) for i, name in enumerate(DOLLARS)}, "x", "y", "T", "C"),
        lambda: roc_curves(dict.fromkeys(DOLLARS, (np.linspace(0, 1, 9),) * 2), "T", "C"),
        lambda: distributions(dict.fromkeys(DOLLARS, np.arange(9.0)), "x", "T", "C"),
    ],
)
def test_dollars_in_class_names_are_no_formula(draw):
    figure = draw()
    check_page(figure)  # "$a_{$" as a formula raises
    assert literal("$b$") in {word.split("\n")[0] for word in words(figure)}
