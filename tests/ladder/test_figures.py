"""The figures of a run folder: of one model, of a climb as far as it came, and the curves of training."""

import dataclasses
import json
import shlex
import shutil

import numpy as np
import pytest

import ladder.figures
from foundation.architecture import Architecture, initial_parameters
from foundation.data.dataset import Dataset
from foundation.data.splits import Data
from foundation.errors import InputError
from foundation.options import TrainOptions
from foundation.rung import describe_architecture
from foundation.runs import create_run, open_run
from foundation.settings import KEY
from foundation.weights import load_weights, read_metadata, read_tensors, save_weights
from ladder import cli, climb
from ladder.figures import draw_curves, draw_run, draw_training, parts
from ladder.options import Figures
from numpy_impl.rung import NumpyRung
from paper.models.options import BetaVAEOptions, VAEOptions
from tests.support.pictures import write_pictures

SHAPE = (1, 8, 8)
SMALL = VAEOptions(latent_dim=2, channels=(2, 3), hidden_dims=(8,))
VAE = {"latent_space", "kl_per_latent", "traversals", "reconstructions", "interpolation", "samples"}


def names(paths):
    return {path.stem for path in paths}


def small_rung():
    architecture = Architecture(2, (2, 3), 8, SHAPE)
    parameters = initial_parameters(architecture, np.random.default_rng(0))
    return NumpyRung(architecture, parameters, description=describe_architecture(architecture, class_count=4))


@pytest.fixture
def data():
    images = np.random.default_rng(0).random((30, *SHAPE), dtype=np.float32)
    test = Dataset("toy", "test", images, np.arange(30) % 4, ("a", "b", "c", "d"))
    return Data("toy", test, None, test)


def config(rung="numpy_impl", options=SMALL):
    """The configuration of a training of one epoch."""
    described = {"model": options.model, "rung": rung, "image_shape": SHAPE, "class_count": 4}
    choices = json.loads(json.dumps(dataclasses.asdict(TrainOptions(model=options, rung=rung, epochs=1)), default=str))
    return {"command": "train", "options": choices, **described}


def log_epochs(run, epochs=2):
    for epoch in range(epochs + 1):
        loss = 150 + 400 / (1 + epoch) ** 2
        run.log(kind="epoch", epoch=epoch, step=epoch, loss=loss, reconstruction=140.0, kl=5.0, split="test")


def log_steps(run, steps):
    for step in range(1, steps + 1):
        run.log(kind="step", step=step, epoch=1, loss=9.0 - step, kl=1.0, beta=1.0, learning_rate=1e-3)


def start_climb(tmp_path, *finished):
    """A climb of two rungs of which only `finished` saved weights; both have logged."""
    run = create_run(tmp_path, "climb", {"command": "climb", "rungs": ["numpy_impl", "paper"]})
    for name in ("numpy_impl", "paper"):
        part = run.subrun(name, config(name))
        log_epochs(part)
        if name in finished:
            part.save_weights(small_rung().parameters(), small_rung().description)
    return run


def test_a_climb_is_drawn_as_far_as_it_came(tmp_path, data):
    run = start_climb(tmp_path, "numpy_impl")
    paths = draw_run(run, data)
    assert {path.parents[1] for path in paths} == {run.path, run.path / "numpy_impl"}
    assert paths[-1] == run.figure_path("learning_curves")
    assert names(paths) == VAE | {"manifold", "learning_curves"}
    assert len(paths) == 8


def test_two_rungs_are_also_drawn_side_by_side(tmp_path, data, monkeypatch):
    pytest.importorskip("torch")
    shown, real = [], ladder.figures.side_by_side
    monkeypatch.setattr(ladder.figures, "side_by_side", lambda *arguments: shown.append(arguments) or real(*arguments))
    monkeypatch.setattr(ladder.figures, "draw_model", lambda *arguments: [])
    run = start_climb(tmp_path, "numpy_impl", "paper")
    assert run.figure_path("ladder") in draw_run(run, data)
    ((x, x_hat, drawn),) = shown
    assert list(x_hat) == list(drawn) == ["numpy_impl", "paper"]
    assert len(x) == len(drawn["paper"]) == 10
    np.testing.assert_allclose(x_hat["numpy_impl"], small_rung().reconstruct(x), atol=1e-6)
    for images in (x_hat, drawn):  # the same weights
        np.testing.assert_allclose(images["paper"], images["numpy_impl"], atol=1e-6)


def test_a_single_rung_is_drawn_with_its_curves(tmp_path, data):
    run = create_run(tmp_path, "train", config())
    run.save_weights(small_rung().parameters(), small_rung().description)
    assert draw_training(run) == draw_curves(run) == []
    assert names(draw_run(run, data)) == VAE | {"manifold"}
    log_steps(run, 3)
    log_epochs(run)
    assert names(draw_run(run, data, True)) == VAE | {"manifold", "samples_drawn", "training_curves"}


def test_draw_run_refuses_broken_weights(tmp_path, data):
    run = start_climb(tmp_path, "numpy_impl")
    (run.path / "numpy_impl" / "weights.safetensors").write_bytes(b"half a file")
    with pytest.raises(InputError, match=r"weights\.safetensors"):
        draw_run(run, data)


def test_rungs_come_in_the_ladders_order(tmp_path):
    run = create_run(tmp_path, "climb", {"command": "climb"})
    assert parts(run) == {}
    for name in ("paper", "numpy_impl"):
        run.subrun(name, {"rung": name})
    assert list(parts(run)) == ["numpy_impl", "paper"]


def test_a_rung_that_is_none_is_refused(tmp_path):
    with pytest.raises(InputError, match="expected one of numpy_impl, pytorch_lowlevel, paper, got 'ladder'"):
        parts(create_run(tmp_path, "toy", {"rung": "ladder"}))


def test_the_curves_of_one_training_are_the_same_file_again(tmp_path):
    content = []
    for name in "ab":
        run = create_run(tmp_path, name, config())
        log_steps(run, 9)
        content.append(draw_training(run)[0].read_bytes())
    assert content[0] == content[1]


def test_a_capacity_is_drawn_as_it_was_asked_for(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(ladder.figures, "training_curves", lambda *arguments: calls.append(arguments))
    monkeypatch.setattr(ladder.figures, "save", lambda figure, path: path)
    capacity = BetaVAEOptions(**vars(SMALL), capacity=8.0, capacity_growth=0.5)
    for options in (capacity, SMALL):
        run = create_run(tmp_path, "toy", config("paper", options))
        log_steps(run, 9)
        assert names(draw_training(run)) == {"training_curves"}
    np.testing.assert_allclose(calls[0][1], [0, 16 / 9, 32 / 9, 48 / 9, 64 / 9, 8, 8, 8, 8])
    assert calls[1][1] is None


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A whole run of a small model, as `vae-ladder train` leaves it."""
    pytest.importorskip("torch")
    out = tmp_path_factory.mktemp("runs")
    folder = write_pictures(tmp_path_factory.mktemp("data") / "pictures")
    command = f"train vae --network mlp --hidden-dims 6 --epochs 1 --data {folder} --out {out}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ladder.figures, "draw_run", lambda *arguments: [])
        assert cli.main(shlex.split(command)) == 0
    (run,) = out.iterdir()
    return open_run(run)


def test_figures_draws_a_models_run_again(trained, capsys):
    assert climb.redraw(Figures(run=trained.path, draw=True)) == 0
    drawn = names((trained.path / "figures").iterdir())
    assert drawn == VAE | {"manifold", "samples_drawn", "training_curves"}
    assert str(trained.path) in capsys.readouterr().out


def test_figures_draws_the_best_epoch_into_a_folder_of_its_own(trained, capsys):
    best = {name: np.zeros_like(value) for name, value in read_tensors(trained.path / "best.safetensors")[0].items()}
    description = load_weights(trained.weights_path)[1]
    save_weights(trained.path / "best.safetensors", best, description, {KEY: read_metadata(trained.weights_path)[KEY]})
    assert climb.redraw(Figures(run=trained.path)) == 0
    last = {path.name: path.read_bytes() for path in (trained.path / "figures").glob("*.png")}
    assert climb.redraw(Figures(run=trained.path, weights="best")) == 0
    assert names((trained.path / "figures" / "best").iterdir()) == {*VAE, "manifold", "training_curves"}
    assert {path.name: path.read_bytes() for path in (trained.path / "figures").glob("*.png")} == last
    other = (trained.path / "figures" / "best" / "reconstructions.png").read_bytes()
    assert other != last["reconstructions.png"], "of other weights"


def test_figures_of_a_best_epoch_that_was_not_kept(tmp_path, data):
    run = start_climb(tmp_path, "numpy_impl")
    with pytest.raises(InputError, match=r"no best\.safetensors.*expected --weights last"):
        climb.redraw(Figures(run=run.path, weights="best"))


def test_figures_of_a_training_without_weights_is_an_error(trained, tmp_path, monkeypatch):
    path = shutil.copytree(trained.path, tmp_path / "run")
    (path / "weights.safetensors").unlink()
    monkeypatch.setattr(ladder.figures, "draw_run", lambda *arguments: pytest.fail("nothing can be drawn"))
    with pytest.raises(InputError, match="no weights yet, no epoch of this training has ended"):
        climb.redraw(Figures(run=path))


def test_figures_says_that_a_model_needs_torch(trained, monkeypatch):
    monkeypatch.setattr(climb, "torch_is_installed", lambda: False)
    with pytest.raises(InputError, match="vae, needs torch"):
        climb.redraw(Figures(run=trained.path))
