"""Models on disk: what is saved comes back, from every model and every rung; nothing else is taken for a model."""

import dataclasses
import json
import shlex

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import safetensors.torch  # noqa: E402

from foundation.errors import InputError  # noqa: E402
from foundation.objective import Objective  # noqa: E402
from foundation.options import DataOptions, TrainOptions  # noqa: E402
from foundation.runs import create_run, open_run  # noqa: E402
from foundation.weights import save_weights  # noqa: E402
from ladder import cli  # noqa: E402
from ladder.rungs import open_rung  # noqa: E402
from paper.models.options import (  # noqa: E402
    AutoencoderOptions,
    BetaVAEOptions,
    ConditionalVAEOptions,
    IWAEOptions,
    VAEOptions,
    VQVAEOptions,
)
from paper.models.registry import load_model, make_model, open_model  # noqa: E402
from paper.rung import ModelRung  # noqa: E402
from paper.runs import read_data, read_options  # noqa: E402
from paper.training.fit import measure  # noqa: E402
from tests.support.pictures import write_pictures  # noqa: E402

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


def save_model(path, model):
    rung = ModelRung(model)
    save_weights(path, rung.parameters(), rung.description)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", OPTIONS)
def test_every_model_comes_back(name, dtype, tmp_path):
    path = tmp_path / "weights.safetensors"
    model = make_model(OPTIONS[name], SHAPE, CLASSES, 3, dtype).train()
    save_model(path, model)
    loaded = load_model(path)
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
    before, after = (each.eval()(x, eps, each.condition(x, labels)).logits for each in (model, loaded))
    assert torch.equal(before, after)


@pytest.fixture
def path(tmp_path):
    """The weights of a small VAE."""
    save_model(tmp_path / "weights.safetensors", make_model(OPTIONS["vae"], SHAPE, CLASSES))
    return tmp_path / "weights.safetensors"


def rewrite(path, change_tensors=dict, change_metadata=dict):
    """The same file with other tensors or metadata."""
    with safetensors.safe_open(path, framework="pt") as file:
        tensors, metadata = {name: file.get_tensor(name) for name in file.keys()}, file.metadata()  # noqa: SIM118
    safetensors.torch.save_file(change_tensors(tensors), path, change_metadata(metadata))


BROKEN = {
    "missing": (lambda path: path.unlink(), "no such file"),
    "a folder": (lambda path: (path.unlink(), path.mkdir()), "a folder"),
    "truncated": (lambda path: path.write_bytes(path.read_bytes()[:-9]), "truncated"),
    "a pickle": (lambda path: path.write_bytes(b"\x80\x02}q\x00."), "pickle"),
    "torch.save": (lambda path: torch.save({"a": torch.ones(1)}, path), "pickle"),
    "no metadata": (lambda path: rewrite(path, change_metadata=lambda m: None), "metadata"),
    "unknown model": (lambda path: rewrite(path, change_metadata=lambda m: m | {"model": "gan"}), "got 'gan'"),
    "unknown option": (lambda path: rewrite(path, change_metadata=lambda m: m | {"options": '{"a": 1}'}), "metadata"),
    "no options": (lambda path: rewrite(path, change_metadata=lambda m: m | {"options": "]"}), "metadata"),
    "refused option": (
        lambda path: rewrite(path, change_metadata=lambda m: m | {"options": '{"latent_dim": 0}'}),
        "latent_dim",
    ),
    "enormous option": (
        lambda path: rewrite(path, change_metadata=lambda m: m | {"options": '{"latent_dim": 1000000000}'}),
        "expected",
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
        load_model(path)
    assert "\n" not in str(caught.value)


def test_options_come_back_from_a_run(tmp_path):
    options = TrainOptions(
        model=OPTIONS["beta-vae"],
        data=DataOptions(name="mnist", root=tmp_path, labels=(3, 5)),
        record=tmp_path / "record.json",
        seed=7,
    )
    config = {"command": "train", "model": "beta-vae", "rung": "paper", "options": dataclasses.asdict(options)}
    run = create_run(tmp_path, "train", config | {"image_shape": SHAPE, "class_count": CLASSES})
    assert read_options(run) == options
    assert run.description() == ModelRung(make_model(options.model, SHAPE, CLASSES)).description


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
    monkeypatch.setattr("ladder.figures.draw_run", lambda *arguments: [])


def test_a_models_run_opens_with_its_data(folder, tmp_path):
    run = train("vae --data.binarise static --seed 5", folder, tmp_path)
    model, data = open_model(run), read_data(run)
    assert model.options == VAEOptions(latent_dim=3)
    test = json.loads((run.path / "test.json").read_text())
    assert measure(model, data.test, Objective(), "mu") == test["mu"]
    assert measure(model, data.test, Objective(), "sampled", seed=5) == test["sampled"]


@pytest.mark.parametrize(("options", "beta"), [("vae", 1), ("beta-vae --beta 4 --likelihood gaussian", 4)])
@pytest.mark.parametrize("rung", ["numpy_impl", "pytorch_lowlevel"])
def test_a_rungs_run_opens_as_the_same_vae(rung, options, beta, folder, tmp_path):
    run = train(f"{options} --rung {rung} --data.validation 0", folder, tmp_path)
    model, data = open_model(run), read_data(run)
    assert model.options.model == options.split()[0]
    assert model.options.objective().beta == beta
    assert data.validation is None
    x_hat = model.reconstruct(torch.from_numpy(data.test.images)).detach().numpy()
    np.testing.assert_allclose(x_hat, open_rung(run).reconstruct(data.test.images), atol=1e-5)


def test_a_rung_starts_from_a_models_weights(folder, tmp_path):
    run = train("vae", folder, tmp_path / "model")
    rung = train(f"vae --rung numpy_impl --weights {run.weights_path}", folder, tmp_path / "rung")
    # The KL is of mu and logvar alone, whatever z is drawn: epoch 0 of the one is the last epoch of the other.
    assert rung.metrics()[0]["kl"] == pytest.approx(run.metrics()[-1]["kl"], rel=1e-4)


def test_a_run_of_something_else_is_refused(tmp_path):
    run = create_run(tmp_path, "climb", {"command": "climb", "data": "glyphs"})
    for read in (open_model, read_data, read_options):
        with pytest.raises(InputError, match="of a climb name a rung's folder"):
            read(run)
