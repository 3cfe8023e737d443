"""The pictures of a model run: all that its kind can show, each tile what its place says, the same file again."""

import dataclasses
import json

import numpy as np
import pytest

from tests.support.figure_pixels import caption, check_page

torch = pytest.importorskip("torch")

from figures.style import save  # noqa: E402
from foundation.errors import InputError  # noqa: E402
from foundation.runs import create_run  # noqa: E402
from ladder import climb  # noqa: E402
from ladder.options import Figures  # noqa: E402
from paper import drawing  # noqa: E402
from paper.arrays import choose_pairs, decode, encode  # noqa: E402
from paper.checkpoint import save_model  # noqa: E402
from paper.data import Data, Part  # noqa: E402
from paper.drawing import draw_model_run  # noqa: E402
from paper.models.registry import make_model, model_name  # noqa: E402
from paper.options import (  # noqa: E402
    AutoencoderOptions,
    BetaVAEOptions,
    ConditionalVAEOptions,
    IWAEOptions,
    TrainOptions,
    VAEOptions,
    VQVAEOptions,
)

SIZE = 8
SMALL = {"network": "mlp", "hidden_dims": (6,)}
LATENTS = {"latent_space", "kl_per_latent", "traversals"}
VAE = LATENTS | {"reconstructions", "interpolation", "samples_expected"}


@pytest.fixture(autouse=True)
def unsaved(monkeypatch):
    """Figures are made but not turned into pixels, which takes most of the time; `files` undoes it."""
    monkeypatch.setattr(drawing, "save", lambda figure, path: path)


@pytest.fixture
def files(unsaved, monkeypatch):
    """Figures are written."""
    monkeypatch.setattr(drawing, "save", save)


def toy_data(count: int = 24, classes: int = 3, present: tuple[int, ...] = ()) -> Data:
    images = torch.rand(count, 1, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor(present or range(classes))[torch.arange(count) % len(present or range(classes))]
    part = Part(images, labels)
    return Data("toy", part, None, part, tuple(f"class {i}" for i in range(classes)))


def toy_model(options, data: Data):
    return make_model(options, data.image_shape, len(data.classes)).eval()


def toy_run(tmp_path, options, name: str = "toy", steps: int = 0):
    config = {"command": "train", "model": model_name(options), "options": {"epochs": 1}}
    run = create_run(tmp_path, name, config)
    for step in range(1, steps + 1):
        run.log(kind="step", step=step, epoch=1, loss=9.0 - step, kl=1.0, beta=1.0, learning_rate=1e-3)
    return run


def names(paths) -> set[str]:
    return {path.stem for path in paths}


@pytest.mark.parametrize(("options", "expected"), [
    (VAEOptions(latent_dim=1, **SMALL), VAE),
    (VAEOptions(latent_dim=2, **SMALL), VAE | {"manifold"}),
    (BetaVAEOptions(latent_dim=12, **SMALL), VAE),
    (IWAEOptions(latent_dim=3, **SMALL), VAE),
    (AutoencoderOptions(latent_dim=2, **SMALL), VAE - {"kl_per_latent", "traversals"}),
    (ConditionalVAEOptions(latent_dim=2, **SMALL), VAE - {"samples_expected"} | {
        "classes_and_styles_expected", "style_transfer"}),
    (ConditionalVAEOptions(latent_dim=2, condition="upper-left", **SMALL), LATENTS | {"completions_expected"}),
    (VQVAEOptions(codes=5, code_dim=2, channels=(2, 3)), {"reconstructions", "codes", "code_usage"}),
])  # fmt: skip
def test_every_model_shows_what_it_can(tmp_path, options, expected):
    data = toy_data()
    run, model = toy_run(tmp_path, options), toy_model(options, data)
    paths = draw_model_run(run, model, data)
    assert names(paths) == expected
    assert all(path.parent == run.path / "figures" for path in paths)
    drawn = names(draw_model_run(run, model, data, draw=True)) - expected
    assert drawn == {name.replace("_expected", "_drawn") for name in expected if name.endswith("_expected")}


@pytest.mark.parametrize("condition", ["label", "bottom"])
@pytest.mark.parametrize(("count", "present"), [(1, (1,)), (2, (0, 2)), (5, (1, 2))])
def test_few_images_and_missing_classes_are_enough(tmp_path, count, present, condition):
    data = toy_data(count, 3, present)
    for options in (
        VAEOptions(latent_dim=2, **SMALL),
        ConditionalVAEOptions(latent_dim=2, condition=condition, **SMALL),
    ):
        paths = draw_model_run(toy_run(tmp_path, options), toy_model(options, data), data, draw=True)
        assert "traversals" in names(paths)
        assert type(options) is VAEOptions or ("interpolation" in names(paths)) == (condition == "label" and count == 5)


def test_the_same_run_gives_the_same_bytes_and_another_seed_others(tmp_path, files):
    data, options = toy_data(), VAEOptions(latent_dim=3, **SMALL)
    model = toy_model(options, data)
    first, second = (
        {path.stem: path.read_bytes() for path in draw_model_run(toy_run(tmp_path, options, n, 3), model, data, True)}
        for n in "ab"
    )
    assert first == second
    assert set(first) == VAE | {"samples_drawn", "training_curves"}
    with torch.no_grad():
        for name, figure in drawing.generated_figures(model, data, 1).items():
            assert save(figure, tmp_path / "other.png").read_bytes() != first[name]


def capture(monkeypatch, name: str) -> list:
    """The arguments of every call to a figure function."""
    calls, real = [], getattr(drawing, name)

    def spy(*args, **kwargs):
        calls.append(args)
        return real(*args, **kwargs)

    monkeypatch.setattr(drawing, name, spy)
    return calls


def test_draws_are_black_and_white_and_expected_images_are_not(tmp_path, monkeypatch):
    data, options = toy_data(), VAEOptions(latent_dim=3, **SMALL)
    model, calls = toy_model(options, data), capture(monkeypatch, "samples")
    draw_model_run(toy_run(tmp_path, options), model, data, draw=True)
    expected, drawn = calls
    assert set(np.unique(drawn[0])) == {0.0, 1.0}
    assert len(np.unique(expected[0])) > 100
    assert "expected" in expected[2]
    assert "Bernoulli draw" in drawn[2]


def test_traversals_move_one_latent_by_the_kl(tmp_path, monkeypatch):
    data, options = toy_data(), VAEOptions(latent_dim=12, **SMALL)
    model, calls = toy_model(options, data), capture(monkeypatch, "traversals")
    draw_model_run(toy_run(tmp_path, options), model, data)
    ((x_hat, latents, values, kl, x, mu),) = calls
    assert len(latents) == 10
    assert (np.diff(kl[latents]) <= 0).all()
    assert kl[latents[-1]] >= np.delete(kl, latents).max()
    with torch.no_grad():
        z = torch.tensor(mu)
        np.testing.assert_allclose(model.encode(torch.tensor(x)[None])[0][0], z, atol=1e-6)
        z[latents[3]] = float(values[1])
        np.testing.assert_allclose(x_hat[3, 1], model.sample(z[None])[0], atol=1e-6)


def test_rows_are_styles_and_columns_classes(tmp_path, monkeypatch):
    data, options = toy_data(12, 4, (0, 1, 3)), ConditionalVAEOptions(latent_dim=2, **SMALL)
    model, grid, styles = (
        toy_model(options, data),
        *(capture(monkeypatch, n) for n in ("classes_and_styles", "style_transfer")),
    )
    draw_model_run(toy_run(tmp_path, options), model, data)
    ((x_hat, classes, _),), ((x, moved, own, _),) = grid, styles
    assert classes == ["class 0", "class 1", "class 3"]
    z = drawing.prior_draws(2, drawing.STYLES)
    with torch.no_grad():
        c = model.condition(None, torch.tensor([3]))
        np.testing.assert_allclose(
            x_hat[5, 2], model.sample(torch.tensor(z[5:6], dtype=torch.float32), c)[0], atol=1e-6
        )
        image = torch.tensor(x[1:2])
        np.testing.assert_allclose(
            moved[1, own[1]], model.reconstruct(image, model.condition(None, torch.tensor([1])))[0], atol=1e-6
        )


def test_completions_keep_the_given_pixels(tmp_path, monkeypatch):
    data, options = toy_data(), ConditionalVAEOptions(latent_dim=2, condition="left", **SMALL)
    model, calls = toy_model(options, data), capture(monkeypatch, "completions")
    draw_model_run(toy_run(tmp_path, options), model, data, draw=True)
    for (x, given, draws, mean, _), drawn in zip(calls, (False, True), strict=True):
        assert given[:, : SIZE // 2].all()
        assert not given[:, SIZE // 2 :].any()
        np.testing.assert_array_equal(np.where(given, draws, 0), np.where(given, x[:, None], 0).repeat(5, axis=1))
        np.testing.assert_allclose(np.where(given, mean, 0), np.where(given, x, 0), atol=1e-5)
        hidden = draws[..., ~given]
        assert set(np.unique(hidden)) <= {0.0, 1.0} if drawn else len(np.unique(hidden)) > 100
        assert (draws[:, 0] != draws[:, 1]).any()


def test_interpolations_under_a_class_stay_in_it(tmp_path, monkeypatch):
    data, options = toy_data(9), ConditionalVAEOptions(latent_dim=3, **SMALL)
    model, calls = toy_model(options, data), capture(monkeypatch, "interpolations")
    draw_model_run(toy_run(tmp_path, options), model, data)
    start, ways, end, *_ = calls[0]
    assert list(ways) == ["linear", "spherical"]
    with torch.no_grad():
        for side, at in ((start, 0), (end, -1)):
            c = model.condition(None, torch.tensor([0, 1, 2]))
            np.testing.assert_allclose(ways["linear"][:, at], model.reconstruct(torch.tensor(side), c), atol=1e-5)
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


def test_decoding_in_batches_changes_nothing(monkeypatch):
    data, options = toy_data(), ConditionalVAEOptions(latent_dim=2, **SMALL)
    model = toy_model(options, data)
    c, z = model.condition(None, data.test.labels), np.random.default_rng(0).normal(size=(4, 6, 2))
    with torch.no_grad():
        whole, (mu, logvar) = decode(model, z, c), encode(model, data.test, 20)
        monkeypatch.setattr("paper.arrays.BATCH", 7)
        np.testing.assert_allclose(decode(model, z, c), whole, atol=1e-6)
        np.testing.assert_allclose(encode(model, data.test, 20)[0], mu, atol=1e-6)
    assert whole.shape == (4, 6, 1, SIZE, SIZE)
    assert len(mu) == len(logvar) == 20


def test_the_use_of_codes_counts_every_place_of_every_image(tmp_path, monkeypatch):
    data, options = toy_data(), VQVAEOptions(codes=5, code_dim=2, channels=(2, 3))
    model, calls = toy_model(options, data), capture(monkeypatch, "code_usage")
    draw_model_run(toy_run(tmp_path, options), model, data)
    assert len(calls[0][0]) == 5
    assert calls[0][0].sum() == 24 * 2 * 2


def test_a_capacity_is_drawn_as_it_was_asked_for(tmp_path, monkeypatch):
    data, options = toy_data(), BetaVAEOptions(latent_dim=2, capacity=8.0, capacity_growth=0.5, **SMALL)
    calls = capture(monkeypatch, "training_curves")
    paths = draw_model_run(toy_run(tmp_path, options, steps=9), toy_model(options, data), data)
    assert "training_curves" in names(paths)
    np.testing.assert_allclose(calls[0][1], [0, 16 / 9, 32 / 9, 48 / 9, 64 / 9, 8, 8, 8, 8])
    calls.clear()
    plain = VAEOptions(latent_dim=2, **SMALL)
    draw_model_run(toy_run(tmp_path, plain, steps=2), toy_model(plain, data), data)
    assert calls[0][1] is None


@pytest.mark.parametrize("likelihood", ["gaussian", "gaussian-learned", "continuous-bernoulli"])
def test_every_likelihood_is_named_where_it_draws(tmp_path, monkeypatch, likelihood):
    data, options = toy_data(), VAEOptions(latent_dim=2, likelihood=likelihood, **SMALL)
    calls = capture(monkeypatch, "samples")
    draw_model_run(toy_run(tmp_path, options), toy_model(options, data), data, draw=True)
    assert likelihood.split("-")[0] in calls[1][2].lower()


@pytest.fixture
def trained(tmp_path):
    """A whole run folder of a model trained on glyphs, as `vae-ladder train` leaves it."""
    options = TrainOptions(model=VAEOptions(latent_dim=2, **SMALL), epochs=1)
    config = json.loads(json.dumps(dataclasses.asdict(options), default=str))
    run = create_run(tmp_path, "train_vae", {
        "command": "train", "model": "vae", "options": config, "data": "glyphs", "data_root": None})  # fmt: skip
    save_model(run.weights_path, make_model(options.model, (1, 28, 28), 10))
    return run


def test_figures_draws_a_model_run_again(trained, files, capsys):
    assert climb.redraw(Figures(run=trained.path, draw=True)) == 0
    assert {"manifold", "samples_expected", "samples_drawn"} <= names((trained.path / "figures").iterdir())
    assert str(trained.path) in capsys.readouterr().out


def test_figures_says_that_a_model_needs_torch(trained, monkeypatch):
    monkeypatch.setattr(climb, "torch_is_installed", lambda: False)
    with pytest.raises(InputError, match="vae, needs torch"):
        climb.redraw(Figures(run=trained.path))


@pytest.mark.parametrize("Z", [1, 2, 11])
def test_every_figure_of_a_model_keeps_its_words_on_the_page(Z):
    data = toy_data(40, 12)
    for options in (VAEOptions(latent_dim=Z, **SMALL), ConditionalVAEOptions(latent_dim=Z, **SMALL)):
        model = toy_model(options, data)
        with torch.no_grad():
            shown = drawing.latent_figures(model, data) | drawing.generated_figures(model, data, 0)
        for figure in shown.values():
            check_page(figure)
            assert "Look" in caption(figure)
