"""ONNX files compute what torch does; the hub's layout comes back; models can be traced."""

import json
import shlex

import jaxtyping
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from foundation.errors import InputError  # noqa: E402
from foundation.weights import load_weights, read_metadata  # noqa: E402
from ladder import cli  # noqa: E402
from paper import VAE, load, make, save_hub, save_onnx  # noqa: E402
from tests.support.pictures import write_pictures  # noqa: E402

SMALL = {"channels": (2, 3), "hidden_dims": (5,), "latent_dim": 3}
MADE = {
    "vae": ("vae", SMALL),
    "vq-vae": ("vq-vae", {"channels": (2, 3), "codes": 6, "code_dim": 2}),
    "cvae": ("cvae", SMALL),
    "m2": ("m2", SMALL),
    "autoencoder": ("autoencoder", SMALL),
    "iwae": ("iwae", SMALL | {"network": "mlp"} | {"channels": (32, 64)}),
    "completion": ("cvae", SMALL | {"condition": "upper-left"}),
    "continuous": ("vae", SMALL | {"likelihood": "continuous-bernoulli"}),
    "levels": ("vae", SMALL | {"likelihood": "discretised-logistic"}),
    "learned sigma": ("beta-vae", SMALL | {"likelihood": "gaussian-learned"}),
}
FAST = ("vae", "vq-vae")
"""The exporter takes seconds for each model."""
SHAPE, CLASSES, N = (3, 8, 12), 4, 5


@pytest.fixture
def without_checks_of_shapes():
    """The exporter runs the code with symbols in place of sizes, which the tests' own checks of shapes would refuse."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


def model_of(name):
    kind, options = MADE[name]
    return make(kind, SHAPE, CLASSES, seed=1, **options)


def batch_of(model):
    x = torch.rand(N, *SHAPE, generator=torch.Generator().manual_seed(0))
    return x, model.condition(x, torch.arange(N) % CLASSES)


@pytest.mark.parametrize("name", [pytest.param(n, marks=() if n in FAST else pytest.mark.slow) for n in MADE])
@pytest.mark.usefixtures("without_checks_of_shapes")
def test_onnxruntime_computes_what_torch_does(name, tmp_path):
    for package in ("onnx", "onnxscript"):
        pytest.importorskip(package)
    runtime = pytest.importorskip("onnxruntime")
    model = model_of(name)
    encoder, decoder = (
        runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"]) for path in save_onnx(model, tmp_path)
    )
    x, c = batch_of(model)
    given = {} if c is None else {"c": c.numpy()}
    with torch.no_grad():
        mu, logvar = model.encode(x, c)
        expected = {"x_hat": model.likelihood.mean(model.decode(mu, c)), "logits": model.decode(mu, c)}
    codes = run(encoder, {"x": x.numpy()} | given)
    np.testing.assert_allclose(codes.get("mu", codes.get("z")), mu, rtol=1e-5, atol=1e-5)
    assert ("logvar" in codes) == model.traits.posterior
    if logvar is not None:
        np.testing.assert_allclose(codes["logvar"], logvar, rtol=1e-5, atol=1e-5)
    if model.traits.codes:
        np.testing.assert_array_equal(codes["codes"], model.codes(x))
    for key, value in run(decoder, {"z": mu.numpy()} | given).items():
        np.testing.assert_allclose(value, expected[key], rtol=1e-5, atol=1e-5)
    one = run(encoder, {"x": x[:1].numpy()} | {key: value[:1] for key, value in given.items()})
    assert all(len(value) == 1 for value in one.values()), "the number of images is free"


def run(session, inputs):
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, inputs), strict=True))


@pytest.mark.parametrize("name", MADE)
def test_the_layout_of_the_hub_comes_back(name, tmp_path):
    model = model_of(name)
    folder = save_hub(model, tmp_path / "hub")
    assert {path.name for path in folder.iterdir()} == {"config.json", "model.safetensors"}
    config = json.loads((folder / "config.json").read_text())
    assert config["model_type"] == model.options.model
    assert config["torch_dtype"] == "float32"
    assert config["architectures"] == [type(model).__name__]
    assert read_metadata(folder / "model.safetensors")["format"] == "pt", "as other libraries expect it"
    again = load(folder)
    assert again.options == model.options
    assert type(again) is type(model)
    for key, value in model.state_dict().items():
        assert torch.equal(value, again.state_dict()[key])


def test_a_model_whose_mu_is_not_its_code_is_refused(tmp_path):
    model = make("iaf-vae", (1, 8, 8), flow_hidden_dim=4, **SMALL)
    with pytest.raises(InputError, match="onnx: expected a model whose mu is its code, got iaf-vae"):
        save_onnx(model, tmp_path)


def test_a_folder_of_the_hub_that_is_not_ours_is_refused(tmp_path):
    folder = save_hub(model_of("vae"), tmp_path)
    whole = (folder / "config.json").read_text()
    for change, words in {
        '{"model_type": "bert"}': "expected the config.json that vae-ladder writes",
        whole.replace('"vae"', '"bert"'): "expected a model of vae",
        whole.replace('"latent_dim": 3', '"latent_dim": 4'): "latent_dim is 3, expected 4",
    }.items():
        (folder / "config.json").write_text(change)
        with pytest.raises(InputError, match=words):
            load(folder)


def test_without_onnx_one_line_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r'onnx is not installed: pip install "vae-ladder\[export\]"'):
        save_onnx(model_of("vae"), tmp_path / "onnx")
    assert not (tmp_path / "onnx").exists()


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")  # torch calls torch.jit deprecated
@pytest.mark.usefixtures("without_checks_of_shapes")
@pytest.mark.parametrize("name", ["vae", "iwae", "autoencoder"])
def test_encoder_and_decoder_can_be_traced(name):
    """torch.jit.script reads annotations as types, and does not take those that state shapes; tracing runs the code."""
    model = model_of(name)
    x, _ = batch_of(model)
    z = model.encode(x)[0]
    for network, given in ((model.encoder, x), (model.decoder, z)):
        traced = torch.jit.trace(network, given[:2])
        for found, expected in zip(traced(given), network(given), strict=True):
            assert torch.equal(found, expected)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    out, folder = tmp_path_factory.mktemp("runs"), write_pictures(tmp_path_factory.mktemp("data") / "pictures")
    command = f"train vae --network mlp --hidden-dims 6 --epochs 1 --data {folder} --out {out}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ladder.figures.draw_run", lambda *arguments: [])
        assert cli.main(shlex.split(command)) == 0
    return next(out.iterdir())


def test_the_command_writes_what_can_be_loaded(trained, tmp_path, capsys):
    to = tmp_path / "exported"
    assert cli.main(["export", str(trained), "--to", str(to), "--format", "huggingface", "--weights", "best"]) == 0
    assert "model.safetensors" in capsys.readouterr().out
    expected = load_weights(trained / "best.safetensors", load_weights(trained / "weights.safetensors")[1])
    model = load(to)
    assert isinstance(model, VAE)
    assert all(np.array_equal(value, model.state_dict()[name]) for name, value in load_names(expected).items())
    assert load(trained).state_dict().keys() == load(trained, weights="best").state_dict().keys()


def load_names(loaded):
    tensors, _ = loaded
    return tensors


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere", "--to", "x"], "no such folder"),
        (["{run}"], "--to"),
        (["{run}", "--to", "{run}/config.json"], "expected a folder"),
        (["{run}", "--to", "x", "--format", "onxx"], "did you mean onnx?"),
    ],
)
def test_bad_exports_are_one_line(arguments, words, trained, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["export", *(word.format(run=trained) for word in arguments)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert words in error
    assert not any(tmp_path.iterdir())
