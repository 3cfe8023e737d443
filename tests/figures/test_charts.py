"""Plots of numbers: what is drawn is what was measured, names keep apart, nothing leaves the page."""

import numpy as np
import pytest
from matplotlib.text import Text

from figures.charts import latent_space, latent_spaces
from figures.choices import between, prior_draws, slerp
from figures.curves import training_curves
from figures.lines import Line, Panel, distributions, line_panels, roc_curves, trade_off
from figures.style import save
from tests.support.figure_pixels import caption, check_page, words


def test_slerp_turns_evenly_and_changes_its_length_evenly():
    start, end = np.array([[2.0, 0.0]]), np.array([[0.0, 4.0]])
    z = slerp(start, end, 5)[0]
    np.testing.assert_allclose(np.linalg.norm(z, axis=1), [2, 2.5, 3, 3.5, 4])
    np.testing.assert_allclose(np.arctan2(z[:, 1], z[:, 0]), np.linspace(0, np.pi / 2, 5), atol=1e-12)


def test_slerp_stays_as_far_out_as_its_ends_where_the_line_does_not():
    rng = np.random.default_rng(0)
    start, end = rng.standard_normal((2, 6, 50))
    arc, line = slerp(start, end, 7), between(start, end, 7)
    np.testing.assert_allclose(arc[:, [0, -1]], line[:, [0, -1]], atol=1e-12)
    shortest = np.minimum(np.linalg.norm(start, axis=1), np.linalg.norm(end, axis=1))
    assert (np.linalg.norm(arc, axis=2) >= shortest[:, None] - 1e-9).all()
    assert (np.linalg.norm(line[:, 3], axis=1) < 0.9 * shortest).all()


@pytest.mark.parametrize(("start", "end"), [
    ([1.0, 2.0], [2.0, 4.0]), ([1.0, 2.0], [-1.0, -2.0]), ([0.0, 0.0], [1.0, 0.0]), ([3.0], [-1.0]), ([1.0], [1.0]),
])  # fmt: skip
def test_slerp_takes_the_line_where_there_is_no_single_arc(start, end):
    start, end = np.array([start], np.float32), np.array([end], np.float32)
    z = slerp(start, end, 4)
    assert z.dtype == np.float32
    np.testing.assert_allclose(z, between(start, end, 4), atol=1e-6)


def test_prior_draws_differ_by_seed_alone():
    np.testing.assert_array_equal(prior_draws(3, 5), prior_draws(3, 100)[:5])
    assert (prior_draws(3, seed=1) != prior_draws(3, seed=2)).all()


def test_a_line_shows_the_mean_of_its_seeds_and_each_of_them():
    y = np.array([[1.0, 2, 3], [3, 4, 5]])
    figure = line_panels([Panel("Loss", "Z", {"": Line([2, 5, 50], y)}, log_x=True)], "T", "C")
    axes = figure.axes[0]
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), [2, 3, 4])
    np.testing.assert_array_equal([line.get_ydata() for line in axes.lines[1:]], y)
    assert [label.get_text() for label in axes.get_xticklabels()] == ["2", "5", "50"]
    assert axes.get_xscale() == "log"
    assert not figure.legends


def test_a_line_looks_the_same_in_every_panel_and_is_named_once():
    lines = {name: Line([1, 2], [0.0, 1.0]) for name in ("vae", "cvae")}
    figure = line_panels([Panel("a", "x", lines), Panel("b", "x", {"cvae": lines["cvae"]})], "T", "C")
    assert words(figure).count("cvae") == 1
    assert figure.axes[0].lines[1].get_color() == figure.axes[1].lines[0].get_color()
    assert figure.axes[0].lines[1].get_marker() == figure.axes[1].lines[0].get_marker()
    colours = {line.get_color() for line in figure.axes[0].lines}
    assert len(colours) == 2


def test_powers_are_straight_lines_through_the_first_point():
    lines = {"a": Line([1, 4, 100], [2.0, 3.0, 5.0]), "b": Line([1, 4, 100], [1.0, 1.0, 1.0])}
    axes = line_panels([Panel("r", "K", lines, log_x=True, powers=(-0.5, 0.5))], "T", "C").axes[0]
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    drawn = [line for line in axes.lines if len(line.get_xdata()) == 2]
    np.testing.assert_allclose([line.get_ydata() for line in drawn], [[2, 0.2], [2, 20]])


def test_round_ticks_take_the_place_of_the_lines_own():
    line = {"": Line([147.0, 343.3], [1.0, 2.0])}
    own, other = (
        line_panels([Panel("a", "bits", line, own_ticks=own)], "T", "C").axes[0].get_xticks() for own in (True, False)
    )
    assert own.tolist() == [147.0, 343.3]
    assert 343.3 not in other
    assert len(other) > 2


def test_names_along_an_axis_keep_their_order():
    line = Line(["VAE", "β-VAE", "IWAE"], [3, 1, 2], [0.1, 0.2, 0.3])
    axes = line_panels([Panel("a", "model", {"": line})], "T", "C").axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["VAE", "β-VAE", "IWAE"]
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), [3, 1, 2])


def test_trade_off_names_every_point_and_joins_a_sweep():
    points = {"β = 1": ([80.0, 82.0], [0.2, 0.4]), "β = 4": ([95], [0.5])}
    axes = trade_off(points, "x", "y", "T", "C", joined=True).axes[0]
    np.testing.assert_allclose(axes.lines[0].get_xydata(), [[81, 0.3], [95, 0.5]])
    assert [text.get_text() for text in axes.texts] == list(points)
    for text, mean in zip(axes.texts, axes.lines[0].get_xydata(), strict=True):
        np.testing.assert_allclose(text.xy, mean)


def test_names_of_near_points_cover_neither_points_nor_one_another():
    points = {f"model {i}": ([1 + 0.01 * i], [1.0]) for i in range(6)} | {"far": ([9.0], [3.0])}
    figure = trade_off(points, "x", "y", "T", "C")
    check_page(figure)
    boxes = [Text.get_window_extent(text) for text in figure.axes[0].texts]  # without the line to its point
    dots = figure.axes[0].transData.transform([[x[0], y[0]] for x, y in points.values()])
    for i, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:i])
        assert not any(box.contains(*dot) for dot in dots)


def test_roc_says_the_area_under_each_curve():
    threshold = np.linspace(0, 1, 101)
    figure = roc_curves(
        {"sure": (np.array([0.0, 0, 1]), np.array([0.0, 1, 1])), "guess": (threshold, threshold)}, "T", "C"
    )
    assert {"sure\narea 1.000", "guess\narea 0.500"} <= set(words(figure))


def test_distributions_share_bins_and_count_everything():
    values = {"a": np.arange(100.0), "b": np.arange(50.0, 100.0)}
    axes = distributions(values, "nats", "T", "C").axes[0]
    a, b = (line.get_xydata() for line in axes.lines)
    np.testing.assert_array_equal(a[:, 0], b[:, 0])
    assert b[: len(b) // 3, 1].max() == 0
    assert a[:, 1].sum() / 2 == pytest.approx(98, abs=1.1)  # each bin has two corners; 1 % lies outside at either end


def log(steps: int = 60, per_epoch: int = 20, validation: bool = True, **constant: float) -> list[dict]:
    """A run's log, with a KL that warms up unless beta is given."""
    records = (
        [{"kind": "epoch", "epoch": 0, "step": 0, "loss": 500.0, "reconstruction": 490.0, "kl": 10.0}]
        if validation
        else []
    )
    for step in range(1, steps + 1):
        parts = {"loss": 100 + 300 / step, "reconstruction": 90 + 300 / step, "kl": 10.0 + step % 3}
        epoch = -(-step // per_epoch)
        rest = {"beta": min(1.0, step / 30), "learning_rate": 1e-3, "seconds": step / 10}
        records.append({"kind": "step", "step": step, "epoch": epoch, **parts, **rest, **constant})
        if step % per_epoch == 0:
            means = {f"train_{name}": value for name, value in parts.items()}
            records.append({"kind": "epoch", "epoch": epoch, "step": step, **(parts if validation else {}), **means})
    return records


def titles(figure) -> list[str]:
    return [axes.get_title(loc="left") for axes in figure.axes]


def test_training_curves_have_a_panel_for_each_part_and_for_what_changes():
    figure = training_curves(log())
    assert [title.split(",")[0].split("(")[0].strip() for title in titles(figure)] == [
        "Loss", "Reconstruction", "KL", "Weight of the KL"]  # fmt: skip
    pale, mean, dots = figure.axes[0].lines
    assert pale.get_xdata().tolist() == list(range(1, 61))
    assert dots.get_xdata().tolist() == [20, 40, 60], "the state before training is left out"
    np.testing.assert_allclose(mean.get_ydata(), pale.get_ydata(), atol=1e-9), "60 steps need no running mean"
    np.testing.assert_allclose(figure.axes[3].lines[0].get_ydata()[[0, -1]], [1 / 30, 1])
    assert "validation" in caption(figure)


@pytest.mark.parametrize("which", [slice(40, 41), slice(0, None)])
def test_a_loss_that_was_not_finite_leaves_a_gap(which):
    records = log()
    steps = [record for record in records if record["kind"] == "step"]
    expected = training_curves(records).axes[0].get_ylim()
    for record in steps[which]:
        record["loss"] = None
    axes = training_curves(records).axes[0]
    assert np.isnan(axes.lines[0].get_ydata()).sum() == len(steps[which])
    assert np.isfinite(axes.get_ylim()).all()
    if which.stop is not None:
        np.testing.assert_allclose(axes.get_ylim(), expected, rtol=0.1)


def test_training_curves_say_what_does_not_change():
    figure = training_curves(log(beta=4.0))
    assert len(figure.axes) == 3
    assert "The KL weighs 4 throughout" in caption(figure)
    assert "Weight" not in " ".join(titles(training_curves(log(beta=4.0))))


def test_training_curves_without_validation_images_speak_of_none():
    figure = training_curves(log(validation=False))
    assert len(figure.axes[0].lines) == 2
    assert "validation" not in caption(figure)


def test_training_curves_of_other_models_have_their_own_parts():
    records = [
        {"kind": "step", "step": i, "epoch": 1, "loss": 1.0 * i, "reconstruction": 1.0, "commitment": 2.0,
         "perplexity": 3.0, "beta": 0.0, "learning_rate": i / 10} for i in range(1, 4)
    ]  # fmt: skip
    assert len(titles(training_curves(records))) == 5
    assert "KL" not in caption(training_curves(records))


def test_running_mean_smooths_and_stays_in_place():
    y = np.tile([0.0, 2.0], 200)
    records = [
        {"kind": "step", "step": i + 1, "epoch": 1, "loss": v, "beta": 0.0, "learning_rate": 1.0}
        for i, v in enumerate(y)
    ]
    _, mean = training_curves(records).axes[0].lines
    assert mean.get_ydata().max() - mean.get_ydata().min() < 1e-9
    left, right = mean.get_xdata()[0] - 1, 400 - mean.get_xdata()[-1]
    assert abs(left - right) <= 1


def test_the_capacity_lies_under_the_kl():
    records = log()
    wanted = [0.5 * record["step"] for record in records if record["kind"] == "step"]
    figure = training_curves(records, wanted)
    assert any(np.array_equal(line.get_ydata(), wanted) for line in figure.axes[2].lines)
    assert "capacity" in caption(figure)


def test_latent_spaces_have_their_own_scales_and_lose_no_point():
    rng = np.random.default_rng(0)
    wide, narrow, labels = rng.normal(size=(40, 2)) * [80, 1] + [90, 0], rng.normal(size=(40, 2)), np.arange(40) % 2
    figure = latent_spaces({"autoencoder": wide, "VAE": narrow}, labels, ["a", "b"])
    for axes, mu in zip(figure.axes, (wide, narrow), strict=True):
        (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
        assert right - left == pytest.approx(high - low)
        assert (mu > [left, low]).all()
        assert (mu < [right, high]).all()
        box = axes.get_window_extent()
        assert box.width == pytest.approx(box.height, abs=1)
    assert titles(figure) == ["autoencoder", "VAE"]
    assert figure.axes[1].get_xlim()[0] == -figure.axes[1].get_xlim()[1], "around the origin unless that wastes room"


def every_chart() -> dict:
    rng = np.random.default_rng(0)
    Z, names = [2, 5, 10, 20, 50], [f"a rather long name of method {i}" for i in range(7)]
    lines = {name: Line(Z, 100 * i + rng.random((3, 5))) for i, name in enumerate(names)}
    unit = "Reconstruction of the missing pixels (nats per image)"
    labels, classes = np.arange(200) % 10, [str(i) for i in range(10)]
    return {
        "one panel": lambda: line_panels([Panel(unit, "Z", lines, log_x=True)], "T", "C " * 200),
        "four panels": lambda: line_panels([Panel(unit, "Z", {"": Line(Z, np.arange(5) * 1e4)})] * 4, "T", "C"),
        "three panels": lambda: line_panels([Panel("KL", "Z", lines)] * 3, "T", "C", columns=3),
        "one point": lambda: line_panels([Panel("KL", "Z", {"a": Line([1], [5]), "b": Line([1], [6.0])})], "T", "C"),
        "many points": lambda: line_panels([Panel("KL", "step", {"a": Line(range(500), range(500))})], "T", "C"),
        "trade": lambda: trade_off({name: ([1.0 * i], [2.0]) for i, name in enumerate(names)}, "x", "y", "T", "C"),
        "lone point": lambda: trade_off({"alone": ([1.0], [2.0])}, "x", "y", "T", "C"),
        "roc": lambda: roc_curves(dict.fromkeys(names, (np.linspace(0, 1, 9),) * 2), "T", "C"),
        "distributions": lambda: distributions({name: rng.normal(size=50) * 1e4 for name in names}, "nats", "T", "C"),
        "training": lambda: training_curves(log(20_000, 10_000), [1e3] * 20_000),
        "first steps": lambda: training_curves(log(1)),
        "two latents": lambda: latent_spaces({n: rng.normal(size=(200, 2)) * 1e3 for n in names[:2]}, labels, classes),
        "many latents": lambda: latent_spaces({n: rng.normal(size=(200, 9)) for n in names[:3]}, labels, classes),
        "one latent": lambda: latent_spaces({"a": rng.normal(size=(200, 1))}, labels, classes),
        "off centre": lambda: latent_space(rng.normal(size=(200, 2)) + 40, labels, classes),
    }  # fmt: skip


@pytest.mark.parametrize("name", every_chart())
def test_every_label_is_inside_the_page_and_the_bytes_never_change(name, tmp_path):
    check_page(every_chart()[name]())
    first, second = (save(every_chart()[name](), tmp_path / f"{i}.png").read_bytes() for i in range(2))
    assert first == second
