"""`vae-ladder train MODEL`: what it prints and leaves behind, and that it says how to continue when it is stopped."""

import json
import os
import resource
import shlex
import signal
import subprocess
import sys
import time
from importlib.metadata import version

import pytest

from foundation.runs import open_run
from ladder import cli
from paper.models.options import MODELS
from tests.support.pictures import write_pictures
from tests.support.processes import processes_with, wait_until
from tests.support.run_files import own_files

torch = pytest.importorskip("torch")

TINY = "--network mlp --hidden-dims 8 --latent-dim 2"
SMALL = "--channels 2 3 --hidden-dims 8 --latent-dim 2"
SECOND_STAGES = ("codes-prior", "latent-diffusion")
"""They begin on the weights of another model, and are tried in test_codes_prior.py and test_latent_diffusion.py."""
TRAININGS = {
    **{name: f"{name} {TINY}" for name in MODELS if name not in ("vq-vae", *SECOND_STAGES)},
    "m2": f"m2 {TINY} --labelled 5",
    "vq-vae": "vq-vae --channels 2 3 --codes 5",
    **{
        f"{name} on {rung}": f"{name} --rung {rung} {SMALL}"
        for rung in ("numpy_impl", "pytorch_lowlevel")
        for name in ("vae", "beta-vae")
    },
}
"""Every model on rung 3, and those that rungs 1 and 2 have."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_pictures(tmp_path_factory.mktemp("data") / "pictures")


@pytest.fixture
def drawn(monkeypatch):
    """Notes what is to be drawn, and draws nothing."""
    calls = []
    monkeypatch.setattr("ladder.figures.draw_run", lambda *arguments: calls.append(arguments) or [])
    return calls


def train(command, folder, out):
    """The run folder of a small training."""
    assert cli.main(shlex.split(f"train {command} --data {folder} --out {out} --epochs 2 --batch-size 7")) == 0
    (path,) = out.iterdir()
    return path


def test_every_model_is_tried():
    assert {what.split()[0] for what in TRAININGS.values()} == set(MODELS) - set(SECOND_STAGES)


@pytest.mark.parametrize("what", TRAININGS)
def test_every_model_trains(what, folder, tmp_path, drawn, capsys):
    name, _, rung = what.partition(" on ")
    path = train(TRAININGS[what], folder, tmp_path)
    files = {"config.json", "metrics.jsonl", "weights", "best", "checkpoint", "test.json"}
    assert {name.removesuffix(".safetensors") for name in own_files(path)} == files
    config = json.loads((path / "config.json").read_text())
    assert (config["command"], config["model"], config["data"]) == ("train", name, str(folder))
    assert config["rung"] == (rung or "paper")
    assert config["command_line"].startswith(f"vae-ladder train {name}")
    ((run, data),) = drawn
    assert (run.path, run.description().model, len(data.test)) == (path, name, 2)
    losses = json.loads((path / "test.json").read_text())
    assert losses.keys() == ({"sampled"} if not MODELS[name].loss_at_mu else {"mu", "sampled"})
    kinds = [line["kind"] for line in open_run(path).metrics()]
    assert kinds == ["epoch", *(["step"] * 3 + ["epoch"]) * 2]
    printed = capsys.readouterr()
    assert printed.err == ""
    lines = (f"\n{name:<16}", f"Rung: {config['rung']}", "20 training, 2 validation, 2 test", "epoch  2/2", str(path))
    for words in lines:
        assert words in printed.out
    assert ("z drawn from q(z|x)" in printed.out) == (name not in ("autoencoder", "vq-vae"))
    assert max(map(len, printed.out.replace(str(path), "").splitlines())) <= 130


@pytest.mark.parametrize("z", ["sampled", "mu"])
def test_the_chosen_z_comes_first(z, folder, tmp_path, drawn, capsys):
    path = train(f"vae {TINY} --z {z}", folder, tmp_path)
    assert next(iter(json.loads((path / "test.json").read_text()))) == z
    table = capsys.readouterr().out.partition("test images after training")[2]
    assert (table.index("z drawn") < table.index("z = mu")) == (z == "sampled")


def test_a_record_says_how_to_make_it_again(folder, tmp_path, drawn):
    found, record = [], tmp_path / "record.json"
    for i in range(2):
        command = f"vae {TINY} --seed 3 --device cpu --record {record}"
        path = train(command, folder, tmp_path / str(i))
        found.append(json.loads(record.read_text()))
    first, again = ({key: record[key] for key in record.keys() - {"seconds", "command"}} for record in found)
    assert first == again
    rest = f"--data {folder} --out {tmp_path / '0'} --epochs 2 --batch-size 7"
    assert found[0]["command"] == f"vae-ladder train vae {TINY} --seed 3 --device cpu --record {record} {rest}"
    assert first["test"] == json.loads((path / "test.json").read_text())
    assert (first["seed"], first["test_images"], first["device"]) == (3, 2, "cpu")
    assert first["threads"] == open_run(path).config["threads"] == torch.get_num_threads()
    assert first["versions"]["torch"] == version("torch")
    assert first["config"]["model"]["hidden_dims"] == [8]
    assert str(tmp_path) not in json.dumps(first), "a record holds no folder of this machine"


# Stopped from outside

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals and limits as POSIX has them")


def start(command, **choices):
    return subprocess.Popen(
        [sys.executable, "-m", "ladder.cli", *shlex.split(command)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **choices,
    )


@posix
@pytest.mark.slow
def test_ctrl_c_says_how_to_go_on(folder, tmp_path):
    process = start(
        f"train vae {TINY} --data {folder} --out {tmp_path} --epochs 1000000 --batch-size 7",
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    end = time.monotonic() + 120
    while not list(tmp_path.glob("*/checkpoint.safetensors")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    (run,) = tmp_path.iterdir()
    assert error.count("\n") == 1
    assert error.endswith(f"to go on: vae-ladder train --resume {run}\n")
    assert {path.name for path in run.glob(".*")} <= {".lock"}, "no temporary file stays behind"


@posix
@pytest.mark.slow
def test_a_disk_that_fills_up(folder, tmp_path):
    """No file may grow past 100 kB: the weights fit, the checkpoint of three times their size does not."""
    limit = (100_000, 100_000)
    process = start(
        f"train vae {TINY} --data {folder} --out {tmp_path} --epochs 2 --device cpu",
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit),
    )
    _, error = process.communicate(timeout=120)
    assert process.returncode == 2, error
    assert error.count("\n") == 1
    assert "cannot write" in error
    assert "checkpoint.safetensors" in error
    (run,) = tmp_path.iterdir()
    assert (run / "weights.safetensors").is_file()
    assert not list(run.glob("*checkpoint*"))


# Several processes

PROCESSES = 2
ONE_THREAD = os.environ | {"OMP_NUM_THREADS": "1"}


@pytest.mark.slow
def test_torchrun_from_start_to_end(tmp_path):
    """The command of the manual, stopped by nothing, against the same training in one process."""
    if not torch.distributed.is_available():
        pytest.skip("a torch built without torch.distributed")
    folder = write_pictures(tmp_path / "pictures")
    options = f"vae --channels 2 3 --hidden-dims 8 --latent-dim 2 --precision float64 --data {folder} --batch-size 7"
    command = ["train", *options.split(), "--device", "cpu", "--epochs", "2", "--data.binarise", "dynamic", "--out"]
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(PROCESSES)]
    runs = []
    for how in ([*launch, "-m", "ladder.cli"], ["-m", "ladder.cli"]):
        out = tmp_path / str(len(how))
        done = subprocess.run([sys.executable, *how, *command, out], env=ONE_THREAD, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("Weights, log and figures") == 1
        (path,) = out.iterdir()
        runs.append(open_run(path))
    shared_metrics, alone = ([line["loss"] for line in run.metrics()] for run in runs)
    assert shared_metrics == pytest.approx(alone, rel=1e-10)
    several, one = (json.loads((run.path / "test.json").read_text()) for run in runs)
    assert several["mu"]["loss"] == pytest.approx(one["mu"]["loss"], rel=1e-10)
    assert (runs[0].path / "checkpoint.safetensors").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("rank", [0, 1])
def test_one_process_of_a_pair_is_killed(rank, tmp_path):
    """The other one ends too; what the last epoch left is whole, and the training goes on to the same numbers."""
    if not torch.distributed.is_available():
        pytest.skip("a torch built without torch.distributed")
    folder = write_pictures(tmp_path / "pictures")
    options = f"vae --channels 2 3 --hidden-dims 8 --latent-dim 2 --precision float64 --data {folder} --batch-size 7"
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(PROCESSES)]
    command = [*launch, "-m", "ladder.cli", "train"]
    train_for = [*command, *options.split(), "--device", "cpu", "--epochs", "60", "--out"]
    whole = subprocess.run([*train_for, tmp_path / "whole"], env=ONE_THREAD, capture_output=True, text=True)
    assert whole.returncode == 0, whole.stderr
    pair = subprocess.Popen(
        [*train_for, tmp_path / "cut"], env=ONE_THREAD, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    (run,) = wait_until(lambda: list(tmp_path.glob("cut/*/checkpoint.safetensors")))
    for process in processes_with(f"{tmp_path / 'cut'}", f"RANK={rank}"):
        os.kill(process, signal.SIGKILL)
    pair.communicate(timeout=120)
    assert pair.returncode != 0
    assert not processes_with(f"{tmp_path / 'cut'}", "RANK=")
    done = subprocess.run([*command, "--resume", run.parent], env=ONE_THREAD, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (expected,) = (tmp_path / "whole").iterdir()
    assert json.loads((run.parent / "test.json").read_text()) == json.loads((expected / "test.json").read_text())


@pytest.mark.slow
@pytest.mark.parametrize("rung", ["numpy_impl", "pytorch_lowlevel"])
def test_torchrun_is_for_rung_3(rung, folder, tmp_path):
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "1", "-m", "ladder.cli"]
    command = f"train vae --rung {rung} {SMALL} --data {folder} --out {tmp_path / 'runs'}".split()
    done = subprocess.run([sys.executable, *launch, *command], env=ONE_THREAD, capture_output=True, text=True)
    assert done.returncode != 0
    assert f"torchrun: expected --rung paper, got {rung}" in done.stderr
    assert not (tmp_path / "runs").exists()
