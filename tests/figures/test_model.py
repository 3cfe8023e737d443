"""The figures of a model: all that its traits allow, on any rung, each tile in its place, the same file again."""

import numpy as np
import pytest
from PIL import Image

import figures.model
from figures.model import choose_pairs, decode_all, draw_model, generated_figures, latent_figures
from figures.style import save
from foundation.architecture import Architecture, initial_parameters
from foundation.data.dataset import Dataset
from foundation.rung import describe_architecture, encode_all
from foundation.runs import create_run
from numpy_impl.rung import NumpyRung
from paper.models.options import (
    AutoencoderOptions,
    BetaVAEOptions,
    ConditionalVAEOptions,
    IWAEOptions,
    VAEOptions,
    VQVAEOptions,
)
from tests.support.figure_pixels import caption, check_page

SIZE = 8
SMALL = {"network": "mlp", "hidden_dims": (6,)}
LATENTS = {"latent_space", "kl_per_latent", "traversals"}
VAE = LATENTS | {"reconstructions", "interpolation", "samples"}
DRAWN = {"samples", "classes_and_styles", "completions"}


@pytest.fixture(autouse=True)
def unsaved(monkeypatch):
    """Figures are made but not turned into pixels, which takes most of the time; `files` undoes it."""
    monkeypatch.setattr(figures.model, "save", lambda figure, path: path)


@pytest.fixture
def files(unsaved, monkeypatch):
    """Figures are written."""
    monkeypatch.setattr(figures.model, "save", save)


def toy_data(count=24, classes=3, present=()):
    """Test images of noise; `present` are the labels that occur."""
    images = np.random.default_rng(0).random((count, 1, SIZE, SIZE), dtype=np.float32)
    labels = np.resize(np.array(present or range(classes)), count)
    return Dataset("toy", "test", images, labels, tuple(f"class {i}" for i in range(classes)))


def toy_rung(options, data):
    """A fresh model of rung 3."""
    pytest.importorskip("torch")
    from paper.models.registry import make_model
    from paper.rung import ModelRung

    return ModelRung(make_model(options, data.images.shape[1:], len(data.classes)).eval())


def first_rung(latent_dim=2, **objective):
    """A fresh VAE of rung 1, which needs no torch."""
    architecture = Architecture(latent_dim, (2, 3), 8, (1, SIZE, SIZE))
    parameters = initial_parameters(architecture, np.random.default_rng(0))
    return NumpyRung(architecture, parameters, description=describe_architecture(architecture, **objective))


def names(paths):
    return {path.stem for path in paths}


@pytest.fixture
def run(tmp_path):
    return create_run(tmp_path, "toy", {})


@pytest.mark.parametrize(("options", "expected"), [
    (VAEOptions(latent_dim=1, **SMALL), VAE),
    (VAEOptions(latent_dim=2, **SMALL), VAE | {"manifold"}),
    (BetaVAEOptions(latent_dim=12, **SMALL), VAE),
    (IWAEOptions(latent_dim=3, **SMALL), VAE),
    (AutoencoderOptions(latent_dim=2, **SMALL), VAE - {"kl_per_latent", "traversals"}),
    (ConditionalVAEOptions(latent_dim=2, **SMALL), VAE - {"samples"} | {"classes_and_styles", "style_transfer"}),
    (ConditionalVAEOptions(latent_dim=2, condition="upper-left", **SMALL), LATENTS | {"completions"}),
    (VQVAEOptions(codes=5, code_dim=2, channels=(2, 3)), {"reconstructions", "codes", "code_usage"}),
])  # fmt: skip
def test_every_model_shows_what_it_can(run, options, expected):
    data = toy_data()
    rung = toy_rung(options, data)
    paths = draw_model(run, rung, data)
    assert names(paths) == expected
    assert all(path.parent == run.path / "figures" for path in paths)
    drawn = names(draw_model(run, rung, data, draw=True)) - expected
    assert drawn == {f"{name}_drawn" for name in expected & DRAWN}


@pytest.mark.parametrize(("latent_dim", "more"), [(1, set()), (2, {"manifold"}), (3, set())])
def test_rung_1_shows_what_the_vae_can(run, files, latent_dim, more):
    paths = draw_model(run, first_rung(latent_dim), toy_data(30, 4))
    assert names(paths) == VAE | more
    assert all(Image.open(path).width <= 1260 and path.parent == run.path / "figures" for path in paths)


@pytest.mark.parametrize("condition", ["label", "bottom"])
@pytest.mark.parametrize(("count", "present"), [(1, (1,)), (2, (0, 2)), (5, (1, 2))])
def test_few_images_and_missing_classes_are_enough(run, count, present, condition):
    data = toy_data(count, 3, present)
    for options in (
        VAEOptions(latent_dim=2, **SMALL),
        ConditionalVAEOptions(latent_dim=2, condition=condition, **SMALL),
    ):
        paths = draw_model(run, toy_rung(options, data), data, draw=True)
        assert "traversals" in names(paths)
        assert type(options) is VAEOptions or ("interpolation" in names(paths)) == (condition == "label" and count == 5)


@pytest.mark.parametrize(("count", "classes"), [(1, 1), (2, 2), (11, 10)])
def test_rung_1_with_few_images_and_classes(run, files, count, classes):
    paths = draw_model(run, first_rung(3), toy_data(count, classes))
    assert ("interpolation" in names(paths)) == (count > 1)


def draw_twice(tmp_path, rung, data):
    """The bytes of every file, once more from a rung that computes the same."""
    for name in "ab":
        run = create_run(tmp_path, name, {})
        yield {path.stem: path.read_bytes() for path in draw_model(run, rung, data, True)}


def test_the_same_model_gives_the_same_bytes_and_another_seed_others(tmp_path, files):
    data = toy_data()
    rung = toy_rung(VAEOptions(latent_dim=3, **SMALL), data)
    first, second = draw_twice(tmp_path, rung, data)
    assert first == second
    assert set(first) == VAE | {"samples_drawn"}
    for name, figure in generated_figures(rung, data, 1).items():
        assert save(figure, tmp_path / "other.png").read_bytes() != first[name]


def test_the_same_weights_of_rung_1_give_the_same_bytes(tmp_path, files):
    first, second = draw_twice(tmp_path, first_rung(3), toy_data(30, 4))
    assert first == second


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_rung_1_also_draws_from_the_likelihood(run, files, likelihood):
    drawn = run.figure_path("samples_drawn")
    rung = first_rung(3, likelihood=likelihood, sigma=0.2)
    assert drawn in draw_model(run, rung, toy_data(30, 4), draw=True)
    shown = np.asarray(Image.open(drawn))[80:900, 60:900]  # tiles and the white between them
    assert (np.isin(shown, (0, 255)).mean() == 1) == (likelihood == "bernoulli")
    assert (shown == 0).any()


def capture(monkeypatch, name):
    """The arguments of every call to a figure function."""
    calls, real = [], getattr(figures.model, name)

    def spy(*args, **kwargs):
        calls.append(args)
        return real(*args, **kwargs)

    monkeypatch.setattr(figures.model, name, spy)
    return calls


def test_draws_are_black_and_white_and_images_are_not(run, monkeypatch):
    data, calls = toy_data(), capture(monkeypatch, "samples")
    draw_model(run, toy_rung(VAEOptions(latent_dim=3, **SMALL), data), data, draw=True)
    expected, drawn = calls
    assert set(np.unique(drawn[0])) == {0.0, 1.0}
    assert len(np.unique(expected[0])) > 100
    assert "expected" in expected[2]
    assert "Bernoulli draw" in drawn[2]


def test_traversals_move_one_latent_by_the_kl(run, monkeypatch):
    data, calls = toy_data(), capture(monkeypatch, "traversals")
    rung = toy_rung(VAEOptions(latent_dim=12, **SMALL), data)
    draw_model(run, rung, data)
    ((x_hat, latents, values, kl, x, mu),) = calls
    assert len(latents) == 10
    assert (np.diff(kl[latents]) <= 0).all()
    assert kl[latents[-1]] >= np.delete(kl, latents).max()
    z = mu.copy()
    np.testing.assert_allclose(rung.encode(x[None])[0][0], z, atol=1e-6)
    z[latents[3]] = values[1]
    np.testing.assert_allclose(x_hat[3, 1], rung.sample(z[None])[0], atol=1e-6)


def test_rows_are_styles_and_columns_classes(run, monkeypatch):
    data = toy_data(12, 4, (0, 1, 3))
    rung = toy_rung(ConditionalVAEOptions(latent_dim=2, **SMALL), data)
    grid, styles = (capture(monkeypatch, name) for name in ("classes_and_styles", "style_transfer"))
    draw_model(run, rung, data)
    ((x_hat, classes, *_),), ((x, moved, own, _),) = grid, styles
    assert classes == ["class 0", "class 1", "class 3"]
    z = figures.model.prior_draws(2, figures.model.STYLES).astype(np.float32)
    c = rung.condition(None, np.array([3]))
    np.testing.assert_allclose(x_hat[5, 2], rung.sample(z[5:6], c)[0], atol=1e-6)
    c = rung.condition(None, np.array([1]))
    np.testing.assert_allclose(moved[1, own[1]], rung.reconstruct(x[1:2], c)[0], atol=1e-6)


def test_completions_keep_the_given_pixels(run, monkeypatch):
    data, calls = toy_data(), capture(monkeypatch, "completions")
    rung = toy_rung(ConditionalVAEOptions(latent_dim=2, condition="left", **SMALL), data)
    draw_model(run, rung, data, draw=True)
    for (x, given, draws, mean, *_), drawn in zip(calls, (False, True), strict=True):
        assert given[:, : SIZE // 2].all()
        assert not given[:, SIZE // 2 :].any()
        np.testing.assert_array_equal(np.where(given, draws, 0), np.where(given, x[:, None], 0).repeat(5, axis=1))
        np.testing.assert_allclose(np.where(given, mean, 0), np.where(given, x, 0), atol=1e-5)
        hidden = draws[..., ~given]
        assert set(np.unique(hidden)) <= {0.0, 1.0} if drawn else len(np.unique(hidden)) > 100
        assert (draws[:, 0] != draws[:, 1]).any()


def test_interpolations_under_a_class_stay_in_it(run, monkeypatch):
    data, calls = toy_data(9), capture(monkeypatch, "interpolations")
    rung = toy_rung(ConditionalVAEOptions(latent_dim=3, **SMALL), data)
    draw_model(run, rung, data)
    start, ways, end, *_ = calls[0]
    assert list(ways) == ["linear", "spherical"]
    c = rung.condition(None, np.array([0, 1, 2]))
    for side, at in ((start, 0), (end, -1)):
        np.testing.assert_allclose(ways["linear"][:, at], rung.reconstruct(side, c), atol=1e-5)
        np.testing.assert_allclose(ways["spherical"][:, at], ways["linear"][:, at], atol=1e-5)


def test_pairs_are_of_one_class_or_of_two():
    labels = np.array([0, 0, 1, 1, 1, 2, 0])
    first, second = choose_pairs(labels, 4, alike=True)
    assert (labels[first] == labels[second]).all()
    assert (first != second).all()
    assert len(first) == 2, "class 2 has one image"
    first, second = choose_pairs(labels, 3, alike=False)
    assert first.tolist() == [0, 5, 3]
    assert second.tolist() == [2, 1, 6]
    assert len(choose_pairs(np.zeros(1, int), 4, alike=False)[0]) == 0


@pytest.mark.parametrize("model", ["cvae", "rung 1"])
def test_decoding_in_batches_changes_nothing(monkeypatch, model):
    data = toy_data()
    rung = first_rung() if model == "rung 1" else toy_rung(ConditionalVAEOptions(latent_dim=2, **SMALL), data)
    c, z = rung.condition(None, data.labels), np.random.default_rng(0).normal(size=(4, 6, 2))
    few = data.subset(slice(0, 20))
    whole, (mu, logvar) = decode_all(rung, z, c), encode_all(rung, few.images, few.labels)
    monkeypatch.setattr(figures.model, "BATCH", 7)
    np.testing.assert_allclose(decode_all(rung, z, c), whole, atol=1e-6)
    np.testing.assert_allclose(encode_all(rung, few.images, few.labels, batch_size=7)[0], mu, atol=1e-6)
    assert whole.shape == (4, 6, 1, SIZE, SIZE)
    assert len(mu) == len(logvar) == 20


def test_draws_in_batches_differ_from_one_another(monkeypatch):
    monkeypatch.setattr(figures.model, "BATCH", 7)
    z = np.zeros((21, 2))
    drawn = decode_all(first_rung(likelihood="bernoulli"), z, seed=0).reshape(3, -1)
    assert not np.array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[1], drawn[2])


def test_the_use_of_codes_counts_every_place_of_every_image(run, monkeypatch):
    data, calls = toy_data(), capture(monkeypatch, "code_usage")
    draw_model(run, toy_rung(VQVAEOptions(codes=5, code_dim=2, channels=(2, 3)), data), data)
    assert len(calls[0][0]) == 5
    assert calls[0][0].sum() == 24 * 2 * 2


@pytest.mark.parametrize(
    "likelihood", ["gaussian", "gaussian-learned", "gaussian-optimal", "continuous-bernoulli", "discretised-logistic"]
)
def test_every_likelihood_is_named_where_it_draws(run, monkeypatch, likelihood):
    data, calls = toy_data(), capture(monkeypatch, "samples")
    rung = toy_rung(VAEOptions(latent_dim=2, likelihood=likelihood, **SMALL), data)
    draw_model(run, rung, data, draw=True)
    named = "256 levels" if likelihood == "discretised-logistic" else likelihood.split("-")[0]
    assert named in calls[1][2].lower()


@pytest.mark.parametrize("Z", [1, 2, 11])
def test_every_figure_of_a_model_keeps_its_words_on_the_page(Z):
    data = toy_data(40, 12)
    for options in (VAEOptions(latent_dim=Z, **SMALL), ConditionalVAEOptions(latent_dim=Z, **SMALL)):
        rung = toy_rung(options, data)
        for figure in (latent_figures(rung, data) | generated_figures(rung, data, 0)).values():
            check_page(figure)
            assert "Look" in caption(figure)
