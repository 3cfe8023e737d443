"""Models on disk: what is saved comes back, from every model and every rung; nothing else is taken for a model."""

import dataclasses
import json
import shlex

import numpy as np
import pytest
import safetensors.torch

from foundation.errors import InputError
from foundation.runs import create_run, open_run
from foundation.weights import load_weights
from ladder import cli
from ladder.rungs import make_rung
from paper.options import (
    AutoencoderOptions,
    BetaVAEOptions,
    ConditionalVAEOptions,
    DataOptions,
    IWAEOptions,
    TrainOptions,
    VAEOptions,
    VQVAEOptions,
)
from tests.support.pictures import write_pictures

torch = pytest.importorskip("torch")
checkpoint = pytest.importorskip("paper.checkpoint")
models = pytest.importorskip("paper.models.registry")

SMALL = {"channels": (2, 3), "hidden_dims": (5,), "latent_dim": 3}
OPTIONS = {
    "vae": VAEOptions(**SMALL),
    "mlp": VAEOptions(network="mlp", hidden_dims=(6, 5), activation="tanh", likelihood="gaussian-learned"),
    "beta-vae": BetaVAEOptions(**SMALL, beta=2.5, capacity=3.0),
    "cvae": ConditionalVAEOptions(**SMALL),
    "completion": ConditionalVAEOptions(**SMALL, condition="top"),
    "autoencoder": AutoencoderOptions(**SMALL),
    "iwae": IWAEOptions(**SMALL, draws=3),
    "vq-vae": VQVAEOptions(channels=(2, 3), codes=5, code_dim=2),
    "vq-vae by gradient": VQVAEOptions(channels=(2, 3), codes=5, code_dim=2, codebook="gradient"),
}
SHAPE, CLASSES = (1, 8, 12), 4


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", OPTIONS)
def test_every_model_comes_back(name, dtype, tmp_path):
    path = tmp_path / "weights.safetensors"
    model = models.make_model(OPTIONS[name], SHAPE, CLASSES, seed=3).to(dtype).train()
    checkpoint.save_model(path, model)
    loaded = checkpoint.load_model(path)
    assert type(loaded) is type(model)
    assert loaded.options == model.options
    assert (loaded.image_shape, loaded.class_count) == (SHAPE, CLASSES)
    assert not loaded.training
    assert [path.name for path in tmp_path.iterdir()] == [path.name]
    assert model.state_dict().keys() == loaded.state_dict().keys()
    for key, value in model.state_dict().items():
        assert torch.equal(value, loaded.state_dict()[key]), key
        assert value.dtype == loaded.state_dict()[key].dtype
    x, labels = torch.rand(2, *SHAPE, dtype=dtype), torch.tensor([0, 3])
    eps = torch.randn(model.noise_shape(2), dtype=dtype)
    before, after = (each.eval()(x, eps, each.condition(x, labels)).outputs for each in (model, loaded))
    assert torch.equal(before, after)


@pytest.fixture
def path(tmp_path):
    """The weights of a small VAE."""
    checkpoint.save_model(tmp_path / "weights.safetensors", models.make_model(OPTIONS["vae"], SHAPE, CLASSES))
    return tmp_path / "weights.safetensors"


def rewrite(path, change_tensors=dict, change_metadata=dict):
    """The same file with other tensors or metadata."""
    tensors, metadata = checkpoint.read_tensors(path)
    safetensors.torch.save_file(change_tensors(tensors), path, change_metadata(metadata))


BROKEN = {
    "missing": (lambda path: path.unlink(), "no such file"),
    "a folder": (lambda path: (path.unlink(), path.mkdir()), "a folder"),
    "truncated": (lambda path: path.write_bytes(path.read_bytes()[:-9]), "truncated"),
    "a pickle": (lambda path: path.write_bytes(b"\x80\x02}q\x00."), "pickle"),
    "torch.save": (lambda path: torch.save({"a": torch.ones(1)}, path), "pickle"),
    "no metadata": (lambda path: rewrite(path, change_metadata=lambda m: None), "metadata"),
    "unknown model": (lambda path: rewrite(path, change_metadata=lambda m: m | {"model": "gan"}), "metadata"),
    "unknown option": (lambda path: rewrite(path, change_metadata=lambda m: m | {"options": '{"a": 1}'}), "metadata"),
    "no options": (lambda path: rewrite(path, change_metadata=lambda m: m | {"options": "]"}), "metadata"),
    "refused option": (
        lambda path: rewrite(path, change_metadata=lambda m: m | {"options": '{"latent_dim": 0}'}),
        "latent_dim",
    ),
    "tensor missing": (
        lambda path: rewrite(path, lambda t: {k: v for k, v in t.items() if k != "encoder.mu.bias"}),
        "'encoder.mu.bias' is missing",
    ),
    "tensor unknown": (lambda path: rewrite(path, lambda t: t | {"more": torch.ones(1)}), "'more' is unknown"),
    "other shape": (
        lambda path: rewrite(path, lambda t: t | {"encoder.mu.bias": torch.ones(9)}),
        r"'encoder.mu.bias' has shape \(9,\), expected \(3,\)",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_any_other_file_is_refused_in_one_line(case, path):
    do, words = BROKEN[case]
    do(path)
    with pytest.raises(InputError, match=words) as caught:
        checkpoint.load_model(path)
    assert "\n" not in str(caught.value)


def test_options_come_back_from_a_run(tmp_path):
    options = TrainOptions(
        model=OPTIONS["beta-vae"],
        data=DataOptions(name="mnist", root=tmp_path, labels=(3, 5)),
        record=tmp_path / "record.json",
        seed=7,
    )
    config = {"command": "train", "model": "beta-vae", "options": dataclasses.asdict(options)}
    assert checkpoint.read_options(create_run(tmp_path, "train", config)) == options


# Runs of models and of rungs


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_pictures(tmp_path_factory.mktemp("data") / "pictures")


def train(what, folder, out):
    """The run folder of a small training."""
    assert cli.main(shlex.split(f"train {what} --data {folder} --out {out} --epochs 1 --latent-dim 3")) == 0
    (path,) = out.iterdir()
    return open_run(path)


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch):
    monkeypatch.setattr("paper.drawing.draw_model_run", lambda *arguments, **choices: [])
    monkeypatch.setattr("ladder.figures.draw_run", lambda *arguments: [])


def test_a_models_run_opens_with_its_data(folder, tmp_path):
    run = train("vae --data.binarise static --seed 5", folder, tmp_path)
    model, data = checkpoint.open_model(run), checkpoint.open_data(run)
    assert model.options == VAEOptions(latent_dim=3)
    test = json.loads((run.path / "test.json").read_text())
    training, schedules = pytest.importorskip("paper.training"), pytest.importorskip("paper.schedules")
    assert training.measure(model, data.test, schedules.Weights(), "mu") == test["mu"]
    assert training.measure(model, data.test, schedules.Weights(), "sampled", seed=5) == test["sampled"]


@pytest.mark.parametrize("options", ["", "--beta 4 --likelihood gaussian"])
def test_a_rungs_run_opens_as_the_same_vae(options, folder, tmp_path):
    run = train(f"numpy_impl {options}", folder, tmp_path)
    model, data = checkpoint.open_model(run), checkpoint.open_data(run)
    assert models.model_name(model.options) == ("beta-vae" if options else "vae")
    assert model.beta == (4 if options else 1)
    assert data.validation is None
    parameters, architecture = load_weights(run.weights_path)
    rung = make_rung("numpy_impl", architecture, parameters)
    x_hat = model.reconstruct(data.test.images)
    np.testing.assert_allclose(x_hat.detach().numpy(), rung.reconstruct(data.test.images.numpy()), atol=1e-5)


def test_a_rung_starts_from_a_models_weights(folder, tmp_path):
    run = train("vae", folder, tmp_path / "model")
    rung = train(f"numpy_impl --weights {run.weights_path}", folder, tmp_path / "rung")
    mu = json.loads((run.path / "test.json").read_text())
    assert rung.metrics()[0]["kl"] == pytest.approx(mu["mu"]["kl"], rel=1e-4)


def test_a_run_of_something_else_is_refused(tmp_path):
    run = create_run(tmp_path, "climb", {"command": "climb", "data": "glyphs"})
    for open_what in (checkpoint.open_model, checkpoint.open_data):
        with pytest.raises(InputError, match="of a climb name a rung's folder"):
            open_what(run)
