"""The command line as a user calls it: help that can be pasted, checks that can fail, and one line for bad input."""

import json
import re
import shlex
import subprocess
import sys
from importlib.metadata import version

import numpy as np
import pytest
from PIL import Image

from foundation.architecture import Architecture, initial_parameters
from foundation.weights import save_weights
from ladder import cli
from ladder.cli import COMMANDS
from ladder.rungs import RUNGS, available_rungs
from paper.experiments.options import EXPERIMENTS
from paper.options import MODELS
from tests.support.pictures import write_pictures


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


PAGES = [*COMMANDS, *(f"train {name}" for name in ("numpy_impl", *MODELS))]
"""Every command, and everything that can be trained."""


@pytest.mark.parametrize("page", PAGES)
def test_a_help_page_ends_with_examples_that_parse(page, capsys):
    command, *what = page.split()
    assert cli.main([command, *what, "--help"]) == 0
    examples = capsys.readouterr().out.partition("examples:\n")[2].splitlines()
    assert examples
    for example in examples:
        program, name, *arguments = shlex.split(example)
        assert (program, name) == ("vae-ladder", command)
        assert arguments[: len(what)] == what or command == "train" == page.partition(" numpy")[0]
        options = cli.parse(command, arguments)
        assert isinstance(options, COMMANDS[command]) or command == "train"
        if arguments[:1] and arguments[0] in MODELS:
            assert type(options.model) is MODELS[arguments[0]]


def test_examples_of_the_manual_parse():
    lines = cli.manual().partition("examples:\n")[2].partition("\n\n")[0].splitlines()
    assert len(lines) >= 3
    for line in lines:
        _, command, *arguments = shlex.split(line.split("   ")[0])
        if arguments[-1:] != ["--help"] and (command, arguments) not in [("train", []), ("experiment", [])]:
            options = cli.parse(command, arguments)
            assert isinstance(options, COMMANDS[command]) or command == "train"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_is_on_the_help_page(command, capsys):
    cli.main([command, *["numpy_impl"] * (command == "train"), "--help"])
    page = capsys.readouterr().out
    for name, field in COMMANDS[command].__dataclass_fields__.items():
        if "Positional" in repr(field.type):
            assert re.search(r"\[(RUN|NN)\]|\bNN\b|FOLDER\.\.\.|RUNG|NAME", page), name
        else:
            assert f"--{name.replace('_', '-')}" in page


@pytest.mark.parametrize("name", MODELS)
def test_every_option_of_a_model_is_on_its_help_page(name, capsys):
    cli.main(["train", name, "--help"])
    page = capsys.readouterr().out
    for field in MODELS[name].__dataclass_fields__:
        assert f"--{field.replace('_', '-')}" in page
    for option in ("--epochs", "--data.labels", "--data-root", "--kl.schedule", "--learning-rate", "--precision"):
        assert option in page


def test_train_alone_lists_what_can_be_trained(capsys):
    assert cli.main(["train"]) == 0
    bare = capsys.readouterr().out
    assert cli.main(["train", "--help"]) == 0
    assert capsys.readouterr().out == bare
    for name in (*RUNGS, *MODELS):
        assert f"\n  {name} " in bare
    assert max(map(len, bare.splitlines())) <= 120


def test_experiment_alone_lists_the_questions(capsys):
    assert cli.main(["experiment"]) == 0
    page = capsys.readouterr().out
    for name, question in EXPERIMENTS.items():
        assert re.search(rf"\n  {name} +{re.escape(question)}\n", page)


def test_version(capsys):
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"vae-ladder {version('vae-ladder')}\n"


def test_help_imports_nothing_heavy():
    commands = "for command in ('climb --help', 'train', 'train cvae --help', 'experiment'): main(command.split())"
    code = f"import sys; from ladder.cli import main\n{commands}\nprint(*sys.modules, file=sys.stderr)"
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
    "nothing that can be trained": "train vaes",
    "options before what is to be trained": "train --epochs 3 vae",
    "rung by its old option": "train --rung numpy_impl",
    "unknown option of a model": "train vae --beta 4",
    "unknown model option for a rung": "train numpy_impl --network mlp",
    "unknown network": "train vae --network transformer",
    "unknown schedule": "train vae --kl.schedule cosine",
    "resume without a run": "train --resume",
    "resume with an option": "train --resume {tmp}/empty --epochs 3",
    "resume nothing": "train --resume {tmp}/nowhere",
    "resume a folder that is no run": "train --resume {tmp}/empty",
    "resume something else": "train --resume {tmp}/other_run",
    "unknown experiment": "experiment alpha",
    "quick experiment on other data": "experiment beta --quick --data mnist",
    "evaluate nothing": "evaluate {tmp}/nowhere",
    "evaluate with -1 draws": "evaluate --draws -1",
    "model with batch size 0": "train vae --batch-size 0",
    "model with epochs 0": "train vae --epochs 0",
    "model with seed -1": "train vae --seed -1",
    "model with latent size 0": "train vae --latent-dim 0",
    "model with hidden width 0": "train vae --network mlp --hidden-dims 256 0",
    "model with learning rate 0": "train vae --learning-rate 0",
    "weight decay with Adam": "train vae --optimizer.weight-decay 0.1",
    "warm-up 0": "train vae --kl.schedule linear --kl.warmup 0",
    "free bits nan": "train vae --kl.free-bits nan",
    "model with beta -1": "train beta-vae --beta -1",
    "quadrant that does not exist": "train cvae --condition middle",
    "model with sigma 0": "train vae --likelihood gaussian --sigma 0",
    "no codes": "train vq-vae --codes 0",
    "no device of that name": "train vae --data {folder} --device quantum",
    "a GPU that is not there": "train vae --data {folder} --device cuda:99",
    "label outside the classes": "train vae --data {folder} --data.labels 7",
    "label -1": "train vae --data {folder} --data.labels -1",
    "label named twice": "train vae --data {folder} --data.labels 0 0",
    "label not a number": "train vae --data {folder} --data.labels zero",
    "validation share 1": "train vae --data {folder} --data.validation 1",
    "validation share that leaves nothing": "train vae --data {folder} --data.validation 0.99",
    "model on unknown data": "train vae --data imagenet",
    "model on pictures brighter than white": "train vae --data {tmp}/bright",
    "warm-up of a bound without a KL term": "train iwae --data {folder} --kl.schedule linear",
    "model into a file": "train vae --data {folder} --out {tmp}/file",
    "record into a folder": "train vae --data {folder} --record {tmp}/empty",
    "unknown dataset": "climb --data imagenet",
    "unknown rung": "climb --rungs numpy_impl,jax",
    "unknown rung to train": "train jax",
    "unknown rung to compare": "parity --rungs numpy_impl,jax",
    "rung named twice": "climb --rungs numpy_impl,numpy_impl",
    "no rung": "climb --rungs=",
    "one rung to compare": "parity --rungs numpy_impl",
    "unknown likelihood": "climb --likelihood poisson",
    "unknown dtype": "parity --dtype float16",
    "latent size not a number": "climb --latent-dim two",
    "latent size 0": "climb --latent-dim 0",
    "latent size 0 to compare": "parity --latent-dim 0",
    "latent size -1": "train numpy_impl --latent-dim -1",
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
    "output folder inside a file": "train numpy_impl --data {folder} --out {tmp}/file/runs",
    "missing weights": "train numpy_impl --weights {tmp}/nowhere.safetensors",
    "weights are a folder": "train numpy_impl --weights {tmp}/empty",
    "truncated weights": "train numpy_impl --weights {tmp}/truncated.safetensors",
    "weights of another architecture": "train numpy_impl --weights {tmp}/other.safetensors",
    "pickled weights": "train numpy_impl --weights {tmp}/model.pt",
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
    command = BAD[case].split()
    if command[0] in ("parity", "evaluate", "experiment") or command[1:2] in (
        ["--resume"],
        *([name] for name in MODELS),
    ):
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
        "nothing that can be trained": ["vaes", "numpy_impl", "vq-vae", "train --help"],
        "rung by its old option": ["--rung", "numpy_impl"],
        "unknown option of a model": ["--beta", "vae-ladder train vae --help"],
        "resume with an option": ["--epochs"],
        "unknown experiment": ["alpha", "ae-vs-vae"],
        "model with batch size 0": ["batch_size", "at least 1", "0"],
        "weight decay with Adam": ["adamw"],
        "quadrant that does not exist": ["middle", "upper-left"],
        "no device of that name": ["quantum", "cpu"],
        "a GPU that is not there": ["cuda:99", "cpu"],
        "label outside the classes": ["labels", "7", "0"],
        "validation share that leaves nothing": ["validation", "0.99", "22"],
        "warm-up of a bound without a KL term": ["kl"],
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
    assert cli.main(f"train {rung} --data {folder} --epochs 2 --out {tmp_path}".split()) == 0
    assert "Traceback" not in capsys.readouterr().err
    (run,) = tmp_path.iterdir()
    assert {"config.json", "metrics.jsonl", "weights.safetensors", "figures"} == {path.name for path in run.iterdir()}
    config = json.loads((run / "config.json").read_text())
    assert (config["command"], config["rung"], config["training"]["epochs"]) == ("train", rung, 2)


def test_weights_of_one_rung_are_where_another_starts(folder, tmp_path):
    def train(rung, options):
        out = tmp_path / rung
        assert cli.main(f"train {rung} --data {folder} --out {out} {options}".split()) == 0
        (run,) = out.iterdir()
        return run, [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]

    pytest.importorskip("torch")
    run, metrics = train("paper", "--epochs 3")
    _, continued = train("numpy_impl", f"--epochs 1 --weights {run / 'weights.safetensors'}")
    assert continued[0]["epoch"] == 0
    assert continued[0]["loss"] == pytest.approx(metrics[-1]["loss"], rel=1e-4)
    assert continued[0]["loss"] < metrics[0]["loss"] - 1
