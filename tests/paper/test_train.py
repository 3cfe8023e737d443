"""`vae-ladder train MODEL`: what it prints, what it leaves behind, and that it says how to go on when it is stopped."""

import dataclasses
import io
import json
import resource
import shlex
import signal
import subprocess
import sys
import time
from importlib.metadata import version

import pytest
from rich.console import Console

from foundation.runs import open_run
from ladder import cli
from paper.options import MODELS, VAEOptions, VQVAEOptions
from tests.support.pictures import write_pictures
from tests.support.run_files import own_files

torch = pytest.importorskip("torch")
display = pytest.importorskip("paper.display")
records = pytest.importorskip("paper.records")
summary = pytest.importorskip("paper.summary")
models = pytest.importorskip("paper.models.registry")
scalars = pytest.importorskip("paper.scalars")

TINY = "--network mlp --hidden-dims 8 --latent-dim 2"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_pictures(tmp_path_factory.mktemp("data") / "pictures")


@pytest.fixture
def drawn(monkeypatch):
    """Notes what is to be drawn, and draws nothing."""
    calls = []
    monkeypatch.setattr("paper.drawing.draw_model_run", lambda *arguments, **choices: calls.append(arguments) or [])
    return calls


def train(command, folder, out):
    """The run folder of a small training."""
    assert cli.main(shlex.split(f"train {command} --data {folder} --out {out} --epochs 2 --batch-size 7")) == 0
    (path,) = out.iterdir()
    return path


@pytest.mark.parametrize("name", MODELS)
def test_every_model_trains(name, folder, tmp_path, drawn, capsys):
    path = train(name if name == "vq-vae" else f"{name} {TINY}", folder, tmp_path)
    files = {"config.json", "metrics.jsonl", "weights", "best", "checkpoint", "test.json"}
    assert {name.removesuffix(".safetensors") for name in own_files(path)} == files
    config = json.loads((path / "config.json").read_text())
    assert (config["command"], config["model"], config["data"]) == ("train", name, str(folder))
    assert config["command_line"].startswith(f"vae-ladder train {name}")
    ((run, model, data),) = drawn
    assert (run.path, models.model_name(model.options), len(data.test)) == (path, name, 2)
    losses = json.loads((path / "test.json").read_text())
    assert losses.keys() == {"mu", "sampled"}
    kinds = [line["kind"] for line in open_run(path).metrics()]
    assert kinds == ["epoch", *(["step"] * 3 + ["epoch"]) * 2]
    printed = capsys.readouterr()
    assert printed.err == ""
    for words in (f"{name}: ", "20 training, 2 validation, 2 test", "epoch   2/2", str(path)):
        assert words in printed.out
    assert ("z drawn from q(z|x)" in printed.out) == (name not in ("autoencoder", "vq-vae"))
    assert max(map(len, printed.out.replace(str(path), "").splitlines())) <= 120


@pytest.mark.parametrize("z", ["sampled", "mu"])
def test_the_chosen_z_comes_first(z, folder, tmp_path, drawn, capsys):
    path = train(f"vae {TINY} --z {z}", folder, tmp_path)
    assert next(iter(json.loads((path / "test.json").read_text()))) == z
    table = capsys.readouterr().out.partition("test images after training")[2]
    assert (table.index("z drawn") < table.index("z = mu")) == (z == "sampled")


def test_a_record_says_how_to_make_it_again(folder, tmp_path, drawn):
    found = []
    for i in range(2):
        command = f"vae {TINY} --seed 3 --record {tmp_path / 'record.json'}"
        path = train(command, folder, tmp_path / str(i))
        found.append(json.loads((tmp_path / "record.json").read_text()))
    first, again = ({key: record[key] for key in record.keys() - {"seconds", "command"}} for record in found)
    assert first == again
    assert found[0][
        "command"
    ] == f"vae-ladder train vae {TINY} --seed 3 --record {tmp_path / 'record.json'} --data " + (
        f"{folder} --out {tmp_path / '0'} --epochs 2 --batch-size 7"
    )
    assert first["test"] == json.loads((path / "test.json").read_text())
    assert (first["seed"], first["test_images"], first["device"]) == (3, 2, "cpu")
    assert first["versions"]["torch"] == version("torch")
    assert first["config"]["model"]["hidden_dims"] == [8]
    assert str(tmp_path) not in json.dumps(first), "a record holds no folder of this machine"


# The summary


def test_summary_lists_every_layer_with_what_it_gives():
    model = models.make_model(VAEOptions(latent_dim=20), (1, 28, 28), 10)
    table = summary.summary_table(model, "vae")
    rows = list(zip(*(column._cells for column in table.columns), strict=True))
    assert rows[0] == ("encoder.conv1", "Conv2d", "32×1×3×3", "32×14×14", "320")
    assert rows[-1] == ("decoder.conv_transpose2", "ConvTranspose2d", "32×1×3×3", "1×28×28", "289")
    assert sum(int(row[-1].replace(",", "")) for row in rows) == summary.count_parameters(model) == 1_662_249
    assert "1,662,249" in table.title


def test_summary_of_a_codebook_that_gradients_do_not_move():
    model = models.make_model(VQVAEOptions(codes=5, code_dim=2), (1, 28, 28), 10)
    rows = {row[0]: row for row in zip(*(c._cells for c in summary.summary_table(model, "").columns), strict=True)}
    assert rows["codebook"][2] == "5×2"
    assert rows["codebook"][4] == "0"
    handles = [module._forward_hooks for module in model.modules()]
    assert not any(handles), "no hook stays behind"


# The display

EPOCH = records.EpochRecord(
    1, 3, {"loss": 120.0, "reconstruction": 90.0, "kl": 30.0}, 120.0, True, {"loss": 140.0}, 1.0, 1e-3, 1234.5, 1.0
)
STEP = records.StepRecord(2, 1, {"loss": 130.0, "reconstruction": 95.0, "kl": 35.0}, 1.0, 1e-3, 0.5)


def show(terminal, *shown):
    console = Console(force_terminal=terminal, width=120, record=True, file=io.StringIO())
    with display.training_display(console, 2, 6, 0) as report:
        for record in shown:
            report(record)
    return console.export_text()


def test_a_file_gets_a_line_an_epoch():
    text = show(False, STEP, EPOCH)
    assert text == "epoch   1/2  validation 120.00 (reconstruction 90.00, KL 30.00)  train 140.00  1,234 images/s\n"
    without = dataclasses.replace(EPOCH, validation=None, final_loss=None)
    assert show(False, without) == "epoch   1/2  train 140.00  1,234 images/s\n"


def test_a_terminal_gets_a_bar_with_the_parts():
    text = show(True, STEP, EPOCH)
    assert "train 130.0 (rec 95.0, KL 35.0)" in text
    assert "val 120.0" in text
    assert "epoch  1/2" in text


# TensorBoard


def test_without_tensorboard_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(scalars.importlib.util, "find_spec", lambda name: None)
    with scalars.scalar_writer(tmp_path, 0) as write:
        write(EPOCH)
    assert not any(tmp_path.iterdir())


def test_with_tensorboard_losses_are_written(tmp_path):
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    with scalars.scalar_writer(tmp_path, 0) as write:
        for step in range(1, 21):
            write(dataclasses.replace(STEP, step=step))
        write(EPOCH)
    found = events.EventAccumulator(str(tmp_path)).Reload()
    assert [event.step for event in found.Scalars("train/loss")] == [10, 20]
    assert found.Scalars("validation/kl")[0].value == 30


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
    assert not list(run.glob(".*")), "neither a lock nor a temporary file stays behind"


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
