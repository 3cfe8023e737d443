"""A small climb from end to end: what it proves, trains, draws, writes and prints."""

import dataclasses
import functools
import inspect
import json
import shutil

import numpy as np
import pytest

from foundation.architecture import Architecture
from foundation.rung import architecture_of
from foundation.runs import open_run
from foundation.weights import load_weights
from ladder import cli
from ladder.parity import compare
from ladder.rungs import RUNGS
from numpy_impl import vae_numpy
from paper.runs import read_options
from tests.support.pictures import write_pictures

pytest.importorskip("torch")

EPOCHS = 2
FIGURES = {"reconstructions", "samples", "interpolation", "latent_space", "manifold"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_pictures(tmp_path_factory.mktemp("data") / "pictures")


@pytest.fixture(scope="module")
def compare_briefly():
    """Three Adam steps in the proof instead of a hundred."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ladder.climb.compare", functools.partial(compare, steps=3))
        yield


@pytest.fixture(scope="module")
def climbed(folder, compare_briefly, tmp_path_factory):
    """The run folder of one climb over all rungs, made once."""
    out = tmp_path_factory.mktemp("climb") / "runs"
    assert cli.main(f"climb --data {folder} --epochs {EPOCHS} --out {out}".split()) == 0
    (path,) = out.iterdir()
    return path


def test_run_folder(climbed):
    names = {path.name for path in climbed.iterdir()}
    assert names >= {"config.json", "parity.json", "report.html", "figures", *RUNGS}
    assert (climbed / "figures" / "learning_curves.png").read_bytes().startswith(b"\x89PNG")
    for rung in RUNGS:
        part = climbed / rung
        assert {p.name for p in part.iterdir()} >= {"config.json", "metrics.jsonl", "weights.safetensors", "figures"}
        assert {p.stem for p in (part / "figures").glob("*.png")} >= FIGURES
    assert {path.name for path in climbed.rglob(".*")} == {".lock"}, "no temporary file stays behind"


def test_config_says_how_to_repeat_the_run(climbed, folder):
    config = open_run(climbed).config
    assert config["command"] == "climb"
    assert config["data"] == str(folder)
    assert config["rungs"] == list(RUNGS)
    options = config["options"]
    assert {name: options[name] for name in ("epochs", "batch_size", "seed")} == {
        "epochs": EPOCHS, "batch_size": 128, "seed": 0,
    }  # fmt: skip
    assert options["optimizer"]["learning_rate"] == 1e-3
    assert options["data"]["validation"] == 0, "a climb trains on all images and measures the test images"
    assert config["model"] == "vae", "beta is 1"
    assert options["model"]["latent_dim"] == 2
    assert config["versions"].keys() == {"python", "numpy", "torch"}
    assert "rung" not in config
    assert [part.config["rung"] for part in open_run(climbed).subruns().values()] == list(RUNGS)
    for name, part in open_run(climbed).subruns().items():
        assert read_options(part) == dataclasses.replace(read_options(open_run(climbed / "paper")), rung=name)


def test_parity_report(climbed):
    parity = json.loads((climbed / "parity.json").read_text())
    assert parity["ok"] is True
    assert inspect.signature(compare).parameters["steps"].default == 100
    assert parity["steps"] == 3, "the climb leaves the number to `compare`"
    pairs = {tuple(check["pair"]) for check in parity["checks"]}
    assert pairs >= {("numpy_impl", "pytorch_lowlevel"), ("numpy_impl", "paper")}
    for check in parity["checks"]:
        assert check.keys() >= {"what", "pair", "max_relative_error", "tolerance", "ok"}
        assert check["max_relative_error"] <= check["tolerance"] <= 1e-8


def test_rungs_saw_the_same_numbers(climbed):
    """Same start, batches and noise: in float32 the losses agree along training."""
    reference, *others = (open_run(climbed / rung).metrics() for rung in RUNGS)
    assert [record["kind"] for record in reference] == ["epoch", "step", "epoch", "step", "epoch"]
    for metrics in others:
        for a, b in zip(reference, metrics, strict=True):
            for part in ("loss", "reconstruction", "kl"):
                assert b[part] == pytest.approx(a[part], rel=1e-4)


def test_training_lowers_the_loss_and_its_parts_add_up(climbed):
    for rung in RUNGS:
        epochs = [record for record in open_run(climbed / rung).metrics() if record["kind"] == "epoch"]
        assert [record["epoch"] for record in epochs] == list(range(EPOCHS + 1))
        assert epochs[-1]["loss"] < epochs[0]["loss"]
        for record in epochs:
            assert record["loss"] == pytest.approx(record["reconstruction"] + record["kl"], rel=1e-5)


def test_weights_are_float32_and_of_the_architecture(climbed):
    for rung in RUNGS:
        parameters, description = load_weights(climbed / rung / "weights.safetensors")
        assert architecture_of(description) == Architecture(latent_dim=2)
        assert {value.dtype for value in parameters.values()} == {np.dtype(np.float32)}


def test_report_holds_its_pictures(climbed):
    report = (climbed / "report.html").read_text()
    assert "data:image/png;base64," in report
    for rung in RUNGS:
        assert rung in report


def test_figures_draws_the_latest_run_again(climbed, capsys):
    before = (climbed / "paper" / "figures" / "samples.png").read_bytes()
    (climbed / "paper" / "figures" / "samples.png").unlink()
    (climbed / "report.html").unlink()
    assert cli.main(["figures", "--out", str(climbed.parent)]) == 0
    assert (climbed / "paper" / "figures" / "samples.png").read_bytes() == before
    assert (climbed / "report.html").is_file()
    assert str(climbed) in capsys.readouterr().out


def test_two_rungs_with_options_print_plain_lines(folder, tmp_path, compare_briefly, capsys):
    options = (
        "--rungs paper,numpy_impl --latent-dim 3 --batch-size 7 --beta 4 --likelihood gaussian --epochs 1 --seed 5"
    )
    assert cli.main(f"climb --data {folder} --out {tmp_path} {options}".split()) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "\r" not in out
    assert "\x1b" not in out
    assert [line for line in out.splitlines() if line.startswith("paper ") and "epoch  1/1" in line]
    for heading in ("1  Data", "2  Parity", "3  Training", "4  Figures and report"):
        assert heading in out
    (run,) = tmp_path.iterdir()
    assert str(run / "report.html") in out, "a path is printed in one piece"
    assert {p.parent.name for p in run.glob("*/weights.safetensors")} == {"paper", "numpy_impl"}
    assert not (run / "paper" / "figures" / "manifold.png").exists(), "only two latents span a manifold"


def test_a_climb_in_float64(folder, tmp_path, capsys):
    options = "--epochs 1 --rungs numpy_impl --precision float64 --channels 2 3 --hidden-dims 8"
    assert cli.main(f"climb --data {folder} --out {tmp_path} {options}".split()) == 0
    (run,) = tmp_path.iterdir()
    tensors, _ = load_weights(run / "numpy_impl" / "weights.safetensors")
    assert {value.dtype for value in tensors.values()} == {np.dtype(np.float64)}


def test_one_rung_climbs_without_parity(folder, tmp_path, capsys):
    assert cli.main(f"climb --data {folder} --out {tmp_path} --epochs 1 --rungs numpy_impl".split()) == 0
    assert "skipped" in capsys.readouterr().out
    (run,) = tmp_path.iterdir()
    assert not (run / "parity.json").exists()
    assert (run / "report.html").is_file()


def test_a_mismatch_names_the_tensor_and_stops_the_climb(folder, tmp_path, compare_briefly, monkeypatch, capsys):
    kl_divergence = vae_numpy.kl_divergence
    monkeypatch.setattr(vae_numpy, "kl_divergence", lambda mu, logvar: 2 * kl_divergence(mu, logvar))
    command = f"climb --data {folder} --out {tmp_path} --epochs 1 --rungs numpy_impl,paper"
    assert cli.main(command.split()) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "kl" in error
    (run,) = tmp_path.iterdir()
    assert {path.name for path in run.iterdir()} == {"config.json", "parity.json"}
    parity = json.loads((run / "parity.json").read_text())
    assert parity["ok"] is False
    wrong = [check["what"] for check in parity["checks"] if not check["ok"]]
    assert any("kl" in what for what in wrong)
    assert not any("logits" in what for what in wrong)


def test_divergence_keeps_what_was_finished(folder, tmp_path, capsys):
    command = f"climb --data {folder} --out {tmp_path} --epochs 9 --rungs numpy_impl --learning-rate 1e30"
    assert cli.main(command.split()) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "step" in error
    (run,) = tmp_path.iterdir()
    assert open_run(run / "numpy_impl").metrics()


def test_a_climb_that_ended_before_it_trained_is_drawn_as_its_report(climbed, tmp_path, capsys):
    shutil.copytree(climbed, tmp_path / "climb", ignore=shutil.ignore_patterns(*RUNGS, "figures", "report.html"))
    assert cli.main(["figures", str(tmp_path / "climb")]) == 0
    assert "numpy_impl did not finish an epoch" in (tmp_path / "climb" / "report.html").read_text()
    assert capsys.readouterr().err == ""


def test_a_climb_refuses_what_a_rung_cannot(folder, tmp_path, capsys):
    for options, words in {
        "--kl.free-bits 0.1": "free bits",
        "--optimizer.name adamw": "AdamW",
        "--network mlp": "convolutional network",
        "--precision bf16": "bf16",
        "--capacity 5": "capacity",
        "--likelihood gaussian-learned": "gaussian-learned",
    }.items():
        assert cli.main(f"climb --data {folder} --out {tmp_path} {options}".split()) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert error.startswith("vae-ladder: climb: all rungs train the same model")
        assert words in error
    assert not list(tmp_path.iterdir())
