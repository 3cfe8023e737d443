"""The command line as a user calls it: help that can be pasted, checks that can fail, and one line for bad input."""

import json
import re
import shlex
import subprocess
import sys
from importlib.metadata import version

import numpy as np
import pytest
from pictures import write_pictures
from PIL import Image

from foundation.architecture import Architecture, initial_parameters
from foundation.weights import save_weights
from ladder import cli
from ladder.cli import COMMANDS
from ladder.rungs import available_rungs


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """A folder with 24 small pictures: data that costs nothing to load."""
    return write_pictures(tmp_path_factory.mktemp("data") / "pictures")


# Help


def test_bare_command_prints_the_manual(capsys):
    assert cli.main([]) == 0
    bare = capsys.readouterr().out
    assert cli.main(["--help"]) == 0
    assert capsys.readouterr().out == bare
    for name in COMMANDS:
        assert f"\n  {name} " in bare
    assert max(map(len, bare.splitlines())) <= 120


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_ends_with_examples_that_parse(command, capsys):
    assert cli.main([command, "--help"]) == 0
    page = capsys.readouterr().out
    examples = page.partition("examples:\n")[2].splitlines()
    assert examples
    for example in examples:
        program, name, *arguments = shlex.split(example)
        assert (program, name) == ("vae-ladder", command)
        assert isinstance(cli.parse(command, arguments), COMMANDS[command])


def test_examples_of_the_manual_parse():
    lines = cli.manual().partition("examples:\n")[2].partition("\n\n")[0].splitlines()
    assert len(lines) >= 3
    for line in lines:
        _, command, *arguments = shlex.split(line.split("   ")[0])
        if arguments != ["--help"]:
            assert isinstance(cli.parse(command, arguments), COMMANDS[command])


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_is_on_the_help_page(command, capsys):
    cli.main([command, "--help"])
    page = capsys.readouterr().out
    for name, field in COMMANDS[command].__dataclass_fields__.items():
        if "Positional" in repr(field.type):
            assert re.search(r"\[(RUN|NN)\]|\bNN\b|FOLDER\.\.\.", page), name
        else:
            assert f"--{name.replace('_', '-')}" in page


def test_version(capsys):
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"vae-ladder {version('vae-ladder')}\n"


def test_help_imports_nothing_heavy():
    code = "import sys; from ladder.cli import main; main(['climb', '--help']); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "matplotlib", "numpy", "PIL"} & set(done.stderr.split())


# Bad input: exit code 2, one line on standard error, nothing left behind

BAD = {
    "unknown command": "clamb",
    "unknown option": "climb --latent-dims 3",
    "unknown option before a command": "--data glyphs",
    "stray argument": "climb glyphs",
    "two runs": "figures one two",
    "missing value": "climb --epochs",
    "missing rung": "train",
    "unknown dataset": "climb --data imagenet",
    "unknown rung": "climb --rungs numpy_impl,jax",
    "unknown rung to train": "train --rung jax",
    "unknown rung to compare": "parity --rungs numpy_impl,jax",
    "rung named twice": "climb --rungs numpy_impl,numpy_impl",
    "no rung": "climb --rungs=",
    "one rung to compare": "parity --rungs numpy_impl",
    "unknown likelihood": "climb --likelihood poisson",
    "unknown dtype": "parity --dtype float16",
    "latent size not a number": "climb --latent-dim two",
    "latent size 0": "climb --latent-dim 0",
    "latent size 0 to compare": "parity --latent-dim 0",
    "latent size -1": "train --rung numpy_impl --latent-dim -1",
    "batch size 0": "climb --batch-size 0",
    "batch size 0 to compare": "parity --batch-size 0",
    "epochs 0": "climb --epochs 0",
    "half an epoch": "climb --epochs 0.5",
    "steps -1": "parity --steps -1",
    "learning rate 0": "climb --learning-rate 0",
    "learning rate nan": "climb --learning-rate nan",
    "learning rate not a number": "climb --learning-rate fast",
    "beta -1": "climb --beta -1",
    "beta infinite": "climb --beta inf",
    "seed -1": "climb --seed -1",
    "seed -1 to compare": "parity --seed -1",
    "no such data root": "climb --data mnist --data-root {tmp}/nowhere",
    "truncated idx files": "climb --data mnist --data-root {tmp}/truncated",
    "no such folder of images": "climb --data {tmp}/nowhere",
    "empty folder": "climb --data {tmp}/empty",
    "damaged picture": "climb --data {tmp}/damaged",
    "picture brighter than white": "climb --data {tmp}/bright",
    "picture with NaN": "climb --data {tmp}/nan",
    "output folder is a file": "climb --data {folder} --out {tmp}/file",
    "output folder inside a file": "train --rung numpy_impl --data {folder} --out {tmp}/file/runs",
    "missing weights": "train --rung numpy_impl --weights {tmp}/nowhere.safetensors",
    "weights are a folder": "train --rung numpy_impl --weights {tmp}/empty",
    "truncated weights": "train --rung numpy_impl --weights {tmp}/truncated.safetensors",
    "weights of another architecture": "train --rung numpy_impl --weights {tmp}/other.safetensors",
    "pickled weights": "train --rung numpy_impl --weights {tmp}/model.pt",
    "no such run": "figures {tmp}/nowhere",
    "a file as a run": "figures {tmp}/file",
    "a folder that is no run": "figures {tmp}/empty",
    "a run of something else": "figures {tmp}/other_run",
    "no run yet": "figures --out {tmp}/empty",
    "parity to an unwritable file": "parity --steps 0 --out {tmp}/file/parity.json",
}


@pytest.fixture(scope="session")
def bad_things(tmp_path_factory):
    """Files and folders that cannot be used, each in its own way."""
    tmp = tmp_path_factory.mktemp("bad")
    (tmp / "empty").mkdir()
    (tmp / "file").write_text("a file, not a folder")
    (tmp / "damaged").mkdir()
    (tmp / "damaged" / "0.png").write_bytes(b"\x89PNG\r\n\x1a\n and then nothing")
    for name, value in {"bright": 2.0, "nan": np.nan}.items():
        (tmp / name).mkdir()
        Image.fromarray(np.full((28, 28), value, np.float32)).save(tmp / name / "0.tiff")
    raw = tmp / "truncated" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for split in ("train", "t10k"):
        (raw / f"{split}-images-idx3-ubyte").write_bytes(bytes.fromhex("00000803 0000ea60 0000001c 0000001c") + b"\x00")
        (raw / f"{split}-labels-idx1-ubyte").write_bytes(bytes.fromhex("00000801 0000ea60") + b"\x00")
    for name, latent_dim in {"other": 3, "truncated": 2}.items():
        architecture = Architecture(latent_dim)
        parameters = initial_parameters(architecture, np.random.default_rng(0))
        save_weights(tmp / f"{name}.safetensors", parameters, architecture)
    whole = (tmp / "truncated.safetensors").read_bytes()
    (tmp / "truncated.safetensors").write_bytes(whole[: len(whole) // 2])
    (tmp / "model.pt").write_bytes(b"\x80\x02}q\x00.")
    (tmp / "other_run").mkdir()
    (tmp / "other_run" / "config.json").write_text('{"model_type": "bert"}')
    return tmp


@pytest.mark.parametrize("case", BAD)
def test_bad_input(case, bad_things, folder, tmp_path, monkeypatch, capsys):
    if case.endswith("to compare") or case.startswith("parity"):
        pytest.importorskip("torch")
    monkeypatch.chdir(tmp_path)
    assert cli.main(BAD[case].format(tmp=bad_things, folder=folder).split()) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert error.startswith("vae-ladder: ")
    assert "Traceback" not in error
    assert not any(tmp_path.iterdir()), "bad input leaves nothing behind"


@pytest.mark.parametrize(
    ("case", "words"),
    {
        "unknown command": ["clamb", "climb", "gradcheck"],
        "unknown option": ["--latent-dims"],
        "missing value": ["--epochs"],
        "missing rung": ["--rung"],
        "unknown dataset": ["imagenet", "glyphs"],
        "unknown rung": ["jax", "numpy_impl", "paper"],
        "unknown likelihood": ["poisson", "bernoulli", "gaussian"],
        "latent size not a number": ["--latent-dim", "integer", "two"],
        "latent size 0": ["latent_dim", "at least 1", "0"],
        "no such data root": ["nowhere"],
        "truncated idx files": ["idx"],
        "output folder is a file": ["file"],
        "weights of another architecture": ["latent_dim", "3", "2"],
        "pickled weights": ["model.pt", "pickle"],
        "a folder that is no run": ["empty", "not a run"],
    }.items(),
)
def test_bad_input_names_what_was_expected_and_what_came(
    case, words, bad_things, folder, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    cli.main(BAD[case].format(tmp=bad_things, folder=folder).split())
    error = capsys.readouterr().err
    assert [word for word in words if word not in error] == [], error


def test_bad_input_as_a_process(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "ladder.cli", "climb", "--epochs", "0"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert done.stderr == "vae-ladder: epochs: expected an integer of at least 1, got 0\n"
    assert done.stdout == ""
    assert not any(tmp_path.iterdir())


# Checks that must be able to fail


def test_gradcheck_prints_every_operation_and_parameter():
    # In its own process, where no shapes are checked at run time: that makes it ten times faster.
    done = run_python("import sys; from ladder.cli import main; sys.exit(main(['gradcheck']))")
    assert (done.returncode, done.stderr) == (0, "")
    for name in ("conv_transpose2d", "relu", *Architecture().parameter_shapes()):
        assert name in done.stdout.replace("\n", "")


def test_gradcheck_catches_a_planted_bug():
    done = run_python(
        "import sys; from ladder.cli import main; from numpy_impl import functional;"
        "functional.relu_backward = lambda dy, x: dy; sys.exit(main(['gradcheck']))"
    )
    assert done.returncode == 1
    assert "relu" in done.stderr


def run_python(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


def test_parity(tmp_path, capsys):
    pytest.importorskip("torch")
    path = tmp_path / "parity.json"
    assert cli.main(f"parity --latent-dim 3 --batch-size 2 --steps 3 --out {path}".split()) == 0
    report = json.loads(path.read_text())
    assert report["ok"] is True
    assert {"what", "pair", "max_relative_error", "tolerance", "ok"} <= report["checks"][0].keys()
    assert "paper" in capsys.readouterr().out


def test_parity_catches_a_planted_bug_and_names_the_tensor(monkeypatch, capsys):
    pytest.importorskip("torch")
    plant_doubled_kl(monkeypatch)
    assert cli.main(["parity", "--steps", "0"]) == 1
    assert "kl" in capsys.readouterr().err.lower()


def plant_doubled_kl(monkeypatch):
    """A KL twice too large on rung 1 alone."""
    from numpy_impl import vae_numpy

    kl_divergence = vae_numpy.kl_divergence
    monkeypatch.setattr(vae_numpy, "kl_divergence", lambda mu, logvar: 2 * kl_divergence(mu, logvar))


# Training one rung


@pytest.mark.parametrize("rung", available_rungs())
def test_train(rung, folder, tmp_path, capsys):
    assert cli.main(f"train --rung {rung} --data {folder} --epochs 2 --out {tmp_path}".split()) == 0
    assert "Traceback" not in capsys.readouterr().err
    (run,) = tmp_path.iterdir()
    assert {"config.json", "metrics.jsonl", "weights.safetensors", "figures"} == {path.name for path in run.iterdir()}
    config = json.loads((run / "config.json").read_text())
    assert (config["command"], config["rung"], config["training"]["epochs"]) == ("train", rung, 2)


def test_weights_of_one_rung_are_where_another_starts(folder, tmp_path):
    def train(rung, options):
        out = tmp_path / rung
        assert cli.main(f"train --rung {rung} --data {folder} --out {out} {options}".split()) == 0
        (run,) = out.iterdir()
        return run, [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]

    pytest.importorskip("torch")
    run, metrics = train("paper", "--epochs 3")
    _, continued = train("numpy_impl", f"--epochs 1 --weights {run / 'weights.safetensors'}")
    assert continued[0]["epoch"] == 0
    assert continued[0]["loss"] == pytest.approx(metrics[-1]["loss"], rel=1e-4)
    assert continued[0]["loss"] < metrics[0]["loss"] - 1
