"""The command line as a user calls it: help that can be pasted, checks that can fail, and one line for bad input."""

import dataclasses
import json
import re
import shlex
import subprocess
import sys
from importlib.metadata import version
from typing import get_type_hints

import numpy as np
import pytest
from PIL import Image

from foundation.architecture import Architecture, initial_parameters
from foundation.arguments import Place
from foundation.data.splits import load_data
from foundation.errors import InputError
from foundation.options import DataOptions, KLOptions, OptimizerOptions, TrainOptions
from foundation.rung import describe_architecture
from foundation.runs import open_run
from foundation.training import train
from foundation.weights import save_weights
from ladder import cli
from ladder.cli import COMMANDS
from ladder.options import Resume
from ladder.rungs import RUNGS, available_rungs
from ladder.train import make_training
from paper.experiments.options import EXPERIMENTS
from paper.models.options import MODELS
from paper.runs import read_options
from tests.support.pictures import write_pictures
from tests.support.run_files import own_files


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


PAGES = [*COMMANDS, *(f"train {name}" for name in MODELS)]
"""Every command, and everything that can be trained."""
GROUPS = {"data": DataOptions, "kl": KLOptions, "optimizer": OptimizerOptions}
"""Options in groups: --data.labels, for example."""


@pytest.mark.parametrize("page", PAGES)
def test_a_help_page_ends_with_examples_that_parse(page, capsys):
    command, *what = page.split()
    assert cli.main([command, *what, "--help"]) == 0
    examples = capsys.readouterr().out.partition("examples:\n")[2].splitlines()
    assert examples
    for example in examples:
        program, name, *arguments = shlex.split(example)
        assert (program, name) == ("vae-ladder", command)
        assert arguments[: len(what)] == what
        options = cli.parse(command, arguments)
        assert isinstance(options, COMMANDS[command]) or command == "train"
        if arguments[:1] and arguments[0] in MODELS:
            assert type(options.model) is MODELS[arguments[0]]


def test_examples_of_the_manual_parse():
    lines = cli.manual().partition("examples:\n")[2].partition("\n\n")[0].splitlines()
    assert len(lines) >= 3
    for line in lines:
        _, command, *arguments = shlex.split(line.split("   ")[0])
        if arguments[-1:] != ["--help"] and (command, arguments) not in [
            ("train", []),
            ("experiment", []),
            ("reproduce", []),
        ]:
            options = cli.parse(command, arguments)
            assert isinstance(options, COMMANDS[command]) or command == "train"


@pytest.mark.parametrize("command", [name for name in COMMANDS if name != "train"])
def test_every_option_is_on_the_help_page(command, capsys):
    cli.main([command, "--help"])
    page = capsys.readouterr().out
    for name, field in COMMANDS[command].__dataclass_fields__.items():
        places = getattr(field.type, "__metadata__", ())
        if Place.POSITIONAL in places:
            assert re.search(r"\[(RUN|NN)\]|\b(RUN|NN|N|FILE)\b|FOLDER\.\.\.|RUNG|NAME", page), name
        elif Place.HIDDEN in places:
            assert f"--{name} " not in page
        elif isinstance(field.default, GROUPS.get(name, ())):
            assert all(option in page for option in grouped_options(name))
        elif name == "model":
            assert all(f"--{option.replace('_', '-')}" in page for option in model_options("beta-vae"))
        else:
            assert f"--{name.replace('_', '-')}" in page


@pytest.mark.parametrize("name", MODELS)
def test_every_option_of_a_training_is_on_its_model_s_help_page(name, capsys):
    cli.main(["train", name, "--help"])
    page = capsys.readouterr().out
    for field in [*model_options(name), *(set(TrainOptions.__dataclass_fields__) - {"model", *GROUPS})]:
        assert f"--{field.replace('_', '-')}" in page
    for option in [option for group in GROUPS for option in grouped_options(group)]:
        assert option in page
    for alias in ("--data NAME", "--data-root DIR", "--learning-rate FLOAT"):
        assert alias in page
    assert "noqa" not in page


def model_options(name):
    """Names of a model's own options: what its dataclass gives to its instances, without what no option sets."""
    hints = get_type_hints(MODELS[name], include_extras=True)
    names = [field.name for field in dataclasses.fields(MODELS[name])]
    return [name for name in names if Place.HIDDEN not in getattr(hints[name], "__metadata__", ())]


def grouped_options(group):
    return [f"--{group}.{field.name.replace('_', '-')}" for field in dataclasses.fields(GROUPS[group])]


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
    "rung without a model": "train --rung numpy_impl",
    "unknown option of a model": "train vae --beta 4",
    "unknown rung of a model": "train vae --rung jax",
    "rung of another model": "train cvae --rung numpy_impl",
    "unknown network": "train vae --network transformer",
    "unknown schedule": "train vae --kl.schedule cosine",
    "resume without a run": "train --resume",
    "resume with an option": "train --resume {tmp}/empty --seed 3",
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
    "model with sigma 1e-300": "train vae --likelihood gaussian --sigma 1e-300",
    "model with sigma 1e300": "train vq-vae --likelihood gaussian --sigma 1e300",
    "climb with sigma 1e-18": "climb --likelihood gaussian --sigma 1e-18",
    "experiment with seed 2^63": "experiment ae-vs-vae --quick --seed 9223372036854775808",
    "evaluation with seed 2^64": "evaluate {tmp}/nowhere --seed 18446744073709551616",
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
    "latent size -1": "train vae --rung numpy_impl --latent-dim -1",
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
    "output folder inside a file": "train vae --rung numpy_impl --data {folder} --out {tmp}/file/runs",
    "missing weights": "train vae --rung numpy_impl --weights {tmp}/nowhere.safetensors",
    "weights are a folder": "train vae --rung numpy_impl --weights {tmp}/empty",
    "truncated weights": "train vae --rung numpy_impl --weights {tmp}/truncated.safetensors",
    "weights of another architecture": "train vae --rung numpy_impl --data {folder} --weights {tmp}/other.safetensors",
    "pickled weights": "train vae --rung numpy_impl --weights {tmp}/model.pt",
    "no such run": "figures {tmp}/nowhere",
    "a file as a run": "figures {tmp}/file",
    "a folder that is no run": "figures {tmp}/empty",
    "a run of something else": "figures {tmp}/other_run",
    "no run yet": "figures --out {tmp}/empty",
    "parity to an unwritable file": "parity --steps 0 --out {tmp}/file/parity.json",
}


NO_EFFECT = {
    "train vae --sigma 0.5": "sigma: it would have no effect: the bernoulli likelihood has none",
    "train vae --likelihood continuous-bernoulli --sigma 0.5": "the continuous-bernoulli likelihood has none",
    "train vae --likelihood gaussian-optimal --sigma 0.5": "the best sigma is found in each batch",
    "train vq-vae --sigma 0.5": "sigma",
    "train vae --network mlp --channels 8 16": "channels: it would have no effect: the mlp network has no convolutions",
    "train beta-vae --beta 2 --capacity 5": "beta: it would have no effect: with a capacity",
    "train beta-vae --gamma 2": "gamma: it would have no effect: there is no capacity",
    "train beta-vae --capacity-growth 0.2": "capacity_growth",
    "train vae --kl.warmup 0.5": "kl.warmup: it would have no effect: the schedule is constant",
    "train vae --kl.cycles 3": "kl.cycles: it would have no effect: the schedule is constant",
    "train vae --kl.schedule linear --kl.cycles 3": "kl.cycles: it would have no effect: the schedule is linear",
    "train vae --optimizer.name adamw": "optimizer.name: it would have no effect: without a weight decay AdamW is Adam",
    "train vae --data-root {tmp}": "data.root: it would have no effect: glyphs is not read from it",
    "train vae --data {folder} --data-root {tmp}": "data.root",
    "train vae --data.skip": "data.skip: it would have no effect: glyphs is no folder",
    "train autoencoder --data {folder} --z mu": "z: it would have no effect: autoencoder encodes an image as one point",
    "train vq-vae --data {folder} --z mu": "z: it would have no effect",
    "climb --sigma 0.5": "sigma",
    "climb --kl.warmup 0.5": "kl.warmup",
    "evaluate {tmp} --draws 0 --images 7": "images: it would have no effect: with 0 draws no log p(x) is measured",
    "experiment latent-dim --data-root {tmp}": "data.root: it would have no effect: glyphs",
    "bench --browser --quick": "quick: it would have no effect",
    "bench --browser --figure {tmp}/a.png": "figure: it would have no effect: --browser draws none",
}
"""Options beside others that leave nothing for them to do."""


@pytest.mark.parametrize("command", NO_EFFECT)
def test_an_option_without_effect_is_refused(command, folder, tmp_path, monkeypatch, capsys):
    pytest.importorskip("torch")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert cli.main(command.format(folder=folder, tmp=tmp_path).split()) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert NO_EFFECT[command] in error
    assert not any((tmp_path / "here").iterdir()), "nothing is left behind"


def test_one_corrupt_picture_is_skipped_if_asked_and_config_json_lists_it(tmp_path, no_pictures, capsys):
    pictures = write_pictures(tmp_path / "pictures")
    (pictures / "broken.png").write_bytes(b"no image")
    command = ["train", "vae", "--rung", "numpy_impl", *SMALL.split(), "--epochs", "1", "--data", str(pictures)]
    assert cli.main([*command, "--out", str(tmp_path / "runs")]) == 2
    assert "broken.png: cannot be read as an image" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()
    assert cli.main([*command, "--out", str(tmp_path / "runs"), "--data.skip"]) == 0
    assert "Left out, as they cannot be read: 1 files" in capsys.readouterr().out
    (run,) = (tmp_path / "runs").iterdir()
    (left_out,) = open_run(run).config["left_out"]
    assert "broken.png: cannot be read as an image" in left_out


def test_a_run_with_an_option_without_effect_can_still_be_read(folder, tmp_path, no_pictures):
    """Earlier versions accepted them."""
    run = run_of(f"vae --rung numpy_impl {SMALL} --data {folder} --epochs 1", tmp_path)
    config = json.loads((run.path / "config.json").read_text())
    config["options"]["model"]["sigma"] = 0.7
    config["options"]["kl"]["warmup"] = 0.7
    (run.path / "config.json").write_text(json.dumps(config))
    assert read_options(open_run(run.path)).model.sigma == 0.7


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
        save_weights(tmp / f"{name}.safetensors", parameters, describe_architecture(architecture))
    whole = (tmp / "truncated.safetensors").read_bytes()
    (tmp / "truncated.safetensors").write_bytes(whole[: len(whole) // 2])
    (tmp / "model.pt").write_bytes(b"\x80\x02}q\x00.")
    (tmp / "other_run").mkdir()
    (tmp / "other_run" / "config.json").write_text('{"model_type": "bert"}')
    return tmp


@pytest.mark.parametrize("case", BAD)
def test_bad_input(case, bad_things, folder, tmp_path, monkeypatch, capsys):
    command = BAD[case].split()
    trains = command[:1] == ["train"] and command[1] in MODELS and "numpy_impl" not in command
    if command[0] in ("parity", "evaluate", "experiment") or trains:
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
        "nothing that can be trained": ["vaes", "beta-vae", "vq-vae", "train --help"],
        "rung without a model": ["--rung", "a model first", "vae"],
        "rung of another model": ["numpy_impl", "cvae", "--rung paper"],
        "unknown option of a model": ["--beta", "vae-ladder train vae --help"],
        "resume with an option": ["--seed"],
        "unknown experiment": ["alpha", "ae-vs-vae"],
        "model with batch size 0": ["batch_size", "at least 1", "0"],
        "weight decay with Adam": ["adamw"],
        "quadrant that does not exist": ["middle", "upper-left"],
        "no device of that name": ["quantum", "cpu"],
        "a GPU that is not there": ["cuda:99", "cpu"],
        "label outside the classes": ["labels", "7", "0"],
        "validation share that leaves nothing": ["validation", "0.99", "22"],
        "warm-up of a bound without a KL term": ["kl"],
        "model with sigma 1e-300": ["sigma", "1e-06 to 1e+06", "1e-300"],
        "experiment with seed 2^63": ["seed", "9223372036854775807", "9223372036854775808"],
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


@pytest.mark.parametrize(
    ("command", "closest"),
    {
        "clmb": "climb",
        "evalute": "evaluate",
        "train beta-vea": "beta-vae",
        "train vqvae --epochs 3": "vq-vae",
        "train vae --data minst": "mnist",
        "train vae --data fashion_mnist": "fashion-mnist",
        "train vae --rung numpyimpl": "numpy_impl",
        "train vae --likelihood gausian": "gaussian",
        "climb --rungs paper,numpy_imp": "numpy_impl",
        "experiment latent-dims": "latent-dim",
        "check 04_lk": "04_kl",
        "check interpolate": "interpolation",
    }.items(),
)
def test_a_mistyped_name_is_answered_with_the_closest(command, closest, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    cli.main(["start"])
    assert cli.main(command.split()) == 2
    assert f"; did you mean {closest}?" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["wxyz", "train wxyz", "train vae --data wxyz", "experiment wxyz"])
def test_nothing_is_suggested_where_nothing_is_close(command, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main(command.split()) == 2
    assert "did you mean" not in capsys.readouterr().err


def test_bad_input_as_a_process(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "ladder.cli", "climb", "--epochs", "0"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 2
    expected = "epochs: expected an integer of at least 1, got 0 (see vae-ladder climb --help)"
    assert done.stderr == f"vae-ladder: {expected}\n"
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


# Training


@pytest.mark.parametrize("rung", available_rungs())
def test_train(rung, folder, tmp_path, capsys):
    assert cli.main(f"train vae --rung {rung} --data {folder} --epochs 2 --out {tmp_path}".split()) == 0
    assert capsys.readouterr().err == ""
    (run,) = tmp_path.iterdir()
    assert run.name.endswith("_train_vae")
    weights = {"weights.safetensors", "best.safetensors", "checkpoint.safetensors"}
    assert own_files(run) == {"config.json", "metrics.jsonl", "test.json", "figures"} | weights
    config = json.loads((run / "config.json").read_text())
    assert (config["command"], config["model"], config["rung"], config["options"]["epochs"]) == (
        "train",
        "vae",
        rung,
        2,
    )
    assert json.loads((run / "test.json").read_text()).keys() == {"sampled", "mu"}
    assert {path.stem for path in (run / "figures").iterdir()} >= {"samples", "reconstructions", "training_curves"}


def run_of(arguments, out):
    """The run folder of a training."""
    assert cli.main([*shlex.split(f"train {arguments}"), "--out", str(out)]) == 0
    (run,) = out.iterdir()
    return open_run(run)


def train_in_memory(arguments):
    """The training that these arguments ask for, done to its end without a run folder; the lines it would log."""
    options = cli.parse("train", shlex.split(arguments))
    dtype = np.float64 if options.precision == "float64" else np.float32
    training = make_training(options, load_data(options.data, options.seed, dtype))
    return training, [record.line() for record in train(training)]


def losses(lines):
    """Every loss and its parts that were logged, step by step and epoch by epoch."""
    parts = ("loss", "reconstruction", "kl", "train_loss", "train_reconstruction", "train_kl")
    return [[line[part] for part in parts if part in line] for line in lines]


SMALL = "--channels 3 5 --hidden-dims 7 --latent-dim 3"
needs_torch = pytest.mark.skipif(available_rungs() != RUNGS, reason="needs torch")


@pytest.fixture
def no_pictures(monkeypatch):
    """Drawing takes longer than these trainings; test_train has the pictures."""
    monkeypatch.setattr("ladder.figures.draw_run", lambda *_: [])


@needs_torch
def test_the_three_rungs_leave_the_same_losses_behind(folder, tmp_path, no_pictures):
    """`vae-ladder train vae --rung R`, in float64: logs and test losses."""
    command = f"vae {SMALL} --data {folder} --precision float64 --epochs 2 --batch-size 5 --seed 3"
    runs = {rung: run_of(f"{command} --rung {rung}", tmp_path / rung) for rung in RUNGS}
    expected, tested = (losses(runs["paper"].metrics()), json.loads((runs["paper"].path / "test.json").read_text()))
    assert len(expected) == 3 + 2 * 4
    for rung in RUNGS[:2]:
        for line, other in zip(losses(runs[rung].metrics()), expected, strict=True):
            assert line == pytest.approx(other, rel=1e-10)
        for z, parts in json.loads((runs[rung].path / "test.json").read_text()).items():
            assert parts == pytest.approx(tested[z], rel=1e-10)


@needs_torch
@pytest.mark.parametrize(
    "options",
    [
        "vae --kl.schedule linear --kl.warmup 0.7",
        "beta-vae --beta 3 --kl.schedule cyclical --kl.cycles 2",
        "vae --optimizer.schedule cosine --optimizer.warmup 0.3",
        "vae --data.validation 0.25 --z mu",
        "vae --data.validation 0",
        "vae --data.binarise static",
        "vae --data.binarise dynamic --likelihood gaussian --sigma 0.4",
    ],
)
def test_what_rungs_1_and_2_accept_they_do_as_rung_3(options, folder):
    """In float64: every loss of every step and epoch, and the weights."""
    command = f"{options} {SMALL} --data {folder} --precision float64 --epochs 2 --batch-size 5 --seed 3"
    trained = {rung: train_in_memory(f"{command} --rung {rung}") for rung in RUNGS}
    training, expected = trained["paper"]
    for rung in RUNGS[:2]:
        other, found = trained[rung]
        for line, reference in zip(found, expected, strict=True):
            assert losses([line])[0] == pytest.approx(losses([reference])[0], rel=1e-10)
            assert [line[key] for key in ("beta", "learning_rate")] == [reference["beta"], reference["learning_rate"]]
        for name, value in training.rung.parameters().items():
            assert value.dtype == np.float64
            np.testing.assert_allclose(other.rung.parameters()[name], value, rtol=0, atol=1e-9, err_msg=name)


@needs_torch
def test_rungs_1_and_2_take_labels_as_rung_3(tmp_path):
    """Pictures in folders are of several classes; two of three are trained on."""
    (tmp_path / "data").mkdir()
    for name in "abc":
        write_pictures(tmp_path / "data" / name, 8)
    command = f"vae {SMALL} --data {tmp_path / 'data'} --data.labels 0 2 --precision float64 --epochs 1"
    trained = {rung: train_in_memory(f"{command} --rung {rung}") for rung in RUNGS}
    for training, lines in trained.values():
        data = training.data
        assert set(data.train.labels) | set(data.test.labels) == {0, 2}
        assert data.classes == ("a", "b", "c")
        for line, reference in zip(losses(lines), losses(trained["paper"][1]), strict=True):
            assert line == pytest.approx(reference, rel=1e-10)


def test_weights_of_one_rung_are_where_another_starts(folder, tmp_path, no_pictures):
    pytest.importorskip("torch")
    first = run_of(f"vae --rung paper --data {folder} --data.validation 0 --epochs 3", tmp_path / "paper")
    options = f"--data {folder} --data.validation 0 --epochs 1 --weights {first.weights_path}"
    second = run_of(f"vae --rung numpy_impl {options}", tmp_path / "numpy_impl")
    metrics, continued = first.metrics(), second.metrics()
    assert continued[0]["epoch"] == 0
    assert continued[0]["loss"] == pytest.approx(metrics[-1]["loss"], rel=1e-4)
    assert continued[0]["loss"] < metrics[0]["loss"] - 1
    # What was trained since does not need the file that it began with.
    first.weights_path.unlink()
    (second.path / "test.json").unlink()
    assert cli.main(["train", "--resume", str(second.path)]) == 0


# What rungs 1 and 2 cannot do

REFUSED = {
    "cvae": "its main file is the VAE, and with --beta the beta-VAE; cvae needs --rung paper",
    "autoencoder": "autoencoder needs --rung paper",
    "iwae": "iwae needs --rung paper",
    "vq-vae": "vq-vae needs --rung paper",
    "vae --network mlp": "the convolutional network with one hidden layer",
    "vae --hidden-dims 7 7": "the convolutional network with one hidden layer",
    "vae --init glorot": "its first values are torch's own; --init glorot needs --rung paper",
    "vae --likelihood gaussian-learned": "gaussian-learned needs --rung paper",
    "vae --likelihood gaussian-optimal": "gaussian-optimal needs --rung paper",
    "vae --likelihood discretised-logistic": "discretised-logistic needs --rung paper",
    "beta-vae --likelihood continuous-bernoulli": "continuous-bernoulli needs --rung paper",
    "beta-vae --capacity 5": "a capacity compares the KL of the whole batch",
    "vae --kl.free-bits 0.1": "free bits weigh each latent's KL by the whole batch",
    "vae --optimizer.name adamw": "its optimiser is Adam; AdamW needs --rung paper",
    "vae --precision bf16": "bf16 needs --rung paper",
    "vae --compile": "--compile needs --rung paper",
}


@pytest.mark.parametrize("rung", [name for name in available_rungs() if name != "paper"])
@pytest.mark.parametrize("options", REFUSED)
def test_what_rungs_1_and_2_refuse(options, rung, folder, tmp_path, capsys):
    assert cli.main(f"train {options} --rung {rung} --data {folder} --out {tmp_path / 'runs'}".split()) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert error.startswith(f"vae-ladder: rung {rung}: ")
    assert REFUSED[options] in error
    assert not (tmp_path / "runs").exists()


def test_rung_1_computes_on_the_cpu(folder, tmp_path, no_pictures, capsys):
    command = f"train vae {SMALL} --rung numpy_impl --data {folder} --epochs 1 --out {tmp_path / 'runs'}"
    assert cli.main(f"{command} --device cuda".split()) == 2
    assert capsys.readouterr().err == "vae-ladder: rung numpy_impl: NumPy computes on the CPU, got --device cuda\n"
    assert not (tmp_path / "runs").exists()
    assert cli.main(f"{command} --device cpu".split()) == 0


@needs_torch
@pytest.mark.parametrize("rung", RUNGS[1:])
def test_mps_has_no_float64(rung, folder, monkeypatch):
    import torch

    for place in ("paper.training.device", "paper.rung"):
        monkeypatch.setattr(f"{place}.choose_device", lambda name: torch.device("mps"))
    with pytest.raises(InputError, match="precision: MPS has no float64, expected float32"):
        train_in_memory(f"vae {SMALL} --rung {rung} --data {folder} --precision float64")


@needs_torch
@pytest.mark.parametrize("options", ["cvae", "vae --network mlp", "vae --hidden-dims 9"])
def test_weights_of_another_model_are_refused_by_the_name_of_their_file(options, folder, bad_things, tmp_path, capsys):
    weights = bad_things / "other.safetensors"
    command = f"train {options} --latent-dim 3 --data {folder} --weights {weights} --out {tmp_path / 'runs'}"
    assert cli.main(command.split()) == 2
    assert capsys.readouterr().err.startswith(f"vae-ladder: {weights}: ")
    assert not (tmp_path / "runs").exists()


# The spelling of version 0.1, which works until version 0.3


@pytest.mark.parametrize("rung", RUNGS)
@pytest.mark.parametrize(("beta", "model"), [("", "vae"), ("--beta 4", "beta-vae"), ("--beta=4", "beta-vae")])
def test_the_old_spelling_says_the_new_one_and_means_the_same(rung, beta, model, capsys):
    """What it trains is compared with the numbers of version 0.1 in test_runs_0_1.py."""
    options = (
        f"--data shapes --data-root data --epochs 2 --batch-size 7 --latent-dim 3 --learning-rate 0.01 --seed 5 {beta}"
    )
    new = f"{model} --rung {rung} --data.validation 0 {options}".strip()
    before = cli.parse("train", [rung, *options.split()])
    assert capsys.readouterr().err == f"vae-ladder train: spelled since version 0.2: vae-ladder train {new}\n"
    assert before == cli.parse("train", new.split())
    assert (before.rung, before.model.model, before.data.validation) == (rung, model, 0)
    assert before.model.objective().beta == (4 if beta else 1)


def test_the_old_spelling_trains(folder, tmp_path, no_pictures, capsys):
    run = run_of(f"numpy_impl --data {folder} --epochs 1 {SMALL}", tmp_path)
    assert capsys.readouterr().err.count("\n") == 1
    assert (run.config["rung"], run.config["model"]) == ("numpy_impl", "vae")
    assert run.config["command_line"].startswith("vae-ladder train numpy_impl ")


def test_the_old_spelling_with_bad_options(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["train", "numpy_impl", "--latent-dim", "0"]) == 2
    spelling, error = capsys.readouterr().err.splitlines()
    assert "vae-ladder train vae --rung numpy_impl" in spelling
    assert "latent_dim: expected an integer of at least 1, got 0" in error
    assert not any(tmp_path.iterdir())


def test_resume_is_an_option_of_train():
    options = cli.parse("train", ["--resume", "runs/one"])
    assert isinstance(options, Resume)
    assert str(options.resume) == "runs/one"
