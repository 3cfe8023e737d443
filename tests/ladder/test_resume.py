"""Training that is stopped, by Ctrl-C or by kill -9, and resumed: the result is that of a training never stopped.

Bit for bit, on all three rungs and for every model.
"""

import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import foundation.checkpoint
import foundation.training
from foundation.checkpoint import saved_epoch
from foundation.errors import InputError
from foundation.runs import Run, latest_run, open_run
from foundation.weights import load_weights, read_tensors
from ladder import cli
from ladder.train import extension_of
from numpy_impl.optim import Adam as NumpyAdam
from paper.models.options import MODELS
from paper.runs import read_options
from tests.support.pictures import write_pictures
from tests.support.run_files import own_files

torch = pytest.importorskip("torch")

from pytorch_lowlevel.optim import Adam as LowlevelAdam  # noqa: E402

EPOCHS, STEPS = 4, 3
"""The 24 pictures leave 20 to train on: 3 batches of 7, the last one smaller."""
EVERYTHING = (
    "--optimizer.schedule cosine --optimizer.warmup 0.3 --data.binarise dynamic --kl.schedule cyclical --kl.cycles 2"
)
CONV = "--channels 2 3 --hidden-dims 8 --latent-dim 2"
MLP = "--network mlp --hidden-dims 8 --latent-dim 2"
TRAININGS = {
    "numpy_impl": f"vae --rung numpy_impl {CONV} {EVERYTHING}",
    "pytorch_lowlevel": f"vae --rung pytorch_lowlevel {CONV} {EVERYTHING}",
    "paper": f"vae {CONV} --kl.free-bits 0.1 {EVERYTHING}",
    "beta-vae on numpy_impl": f"beta-vae --rung numpy_impl {CONV} --precision float64 --likelihood gaussian",
    "beta-vae on pytorch_lowlevel": f"beta-vae --rung pytorch_lowlevel {CONV} --z mu --data.validation 0",
    "beta-vae": f"beta-vae {CONV} --capacity 5 --optimizer.name adamw --optimizer.weight-decay 0.1",
    "cvae": f"cvae {MLP} {EVERYTHING}",
    "m2": f"m2 {MLP} --labelled 5 {EVERYTHING}",
    "autoencoder": f"autoencoder {MLP} --data.validation 0",
    "iwae": (
        f"iwae {MLP} --draws 3 --init glorot --gradient dreg --data.binarise dynamic "
        "--optimizer.schedule cosine --optimizer.warmup 0.3"
    ),
    "beta-tcvae": f"beta-tcvae {MLP}",
    "factor-vae": f"factor-vae {MLP} --discriminator-dims 4",
    "vampprior": f"vampprior {MLP} --components 2",
    "iaf-vae": f"iaf-vae {MLP} --flow-hidden-dim 4",
    "hierarchical": f"hierarchical {MLP} --top-dim 2 --top-hidden-dim 4",
    "vq-vae": "vq-vae --channels 2 3 --codes 5 --code-dim 3 --data.binarise dynamic --optimizer.schedule cosine",
}
RUNGS = ["numpy_impl", "pytorch_lowlevel", "paper"]
every_rung = pytest.mark.parametrize("rung", RUNGS)


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return write_pictures(tmp_path_factory.mktemp("data") / "pictures")


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch):
    """Figures have tests of their own."""
    monkeypatch.setattr("ladder.figures.draw_run", lambda *arguments: [])


def train(name, folder, out, more=""):
    """One training from the command line; the exit code and the run's folder."""
    command = (
        f"train {TRAININGS[name]} --data {folder} --out {out} --batch-size 7 --epochs {EPOCHS} --device cpu {more}"
    )
    code = cli.main(shlex.split(command))
    return code, next(out.iterdir(), None)


def resume(run):
    return cli.main(["train", "--resume", str(run)])


@pytest.fixture(scope="session")
def whole(folder, tmp_path_factory):
    """Makes the run of a training that nothing stopped; each one once."""
    made = {}

    def make(name):
        if name not in made:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("ladder.figures.draw_run", lambda *arguments: [])
                code, made[name] = train(name, folder, tmp_path_factory.mktemp("whole"))
            assert code == 0
        return made[name]

    return make


def stop_after(lines, monkeypatch):
    """Ctrl-C as soon as that many lines were logged."""
    log, count = Run.log, 0

    def log_and_stop(self, **fields):
        nonlocal count
        log(self, **fields)
        count += 1
        if count == lines:
            raise KeyboardInterrupt

    monkeypatch.setattr(Run, "log", log_and_stop)


def assert_same_run(found, expected):
    """Bit for bit: tensors, log and test loss; times alone may differ."""
    files = own_files(expected) | {"figures"}
    assert own_files(found) | {"figures"} == files
    for name in sorted(name for name in files if name.endswith(".safetensors")):
        (tensors, metadata), (tensors_expected, metadata_expected) = (
            read_tensors(path / name) for path in (found, expected)
        )
        assert tensors.keys() == tensors_expected.keys()
        for key, value in tensors.items():
            assert value.dtype == tensors_expected[key].dtype
            np.testing.assert_array_equal(value, tensors_expected[key], err_msg=f"{name}: {key}")
        assert without_times(metadata) == without_times(metadata_expected)
    assert json.loads((found / "test.json").read_text()) == json.loads((expected / "test.json").read_text())
    lines, lines_expected = (list(map(without_times, open_run(path).metrics())) for path in (found, expected))
    assert lines == lines_expected


def without_times(fields):
    if "counters" in fields:  # which the digest covers, times and all
        fields = fields | {"counters": without_times(json.loads(fields["counters"])), "digest": None}
    return {name: value for name, value in fields.items() if name not in ("seconds", "images_per_second")}


def test_a_clock_that_jumps_changes_no_number(folder, tmp_path, whole, monkeypatch):
    # Forwards and back by up to thirty years between any two readings, and once more before the training is resumed.
    jumps, strftime, now = np.random.default_rng(0), time.strftime, time.time()

    def jumping():
        return now + jumps.uniform(-1e9, 1e9)

    monkeypatch.setattr(time, "time", jumping)
    monkeypatch.setattr(time, "strftime", lambda form, *moment: strftime(form, *(moment or [time.gmtime(jumping())])))
    with monkeypatch.context() as patch:
        stop_after(STEPS + 4, patch)
        code, run = train("numpy_impl", folder, tmp_path)
    assert code == 130
    assert resume(run) == 0
    assert_same_run(run, whole("numpy_impl"))
    assert latest_run(tmp_path).path == run
    seconds = [line["seconds"] for line in open_run(run).metrics() if line["kind"] == "step"]
    assert seconds == sorted(seconds)


def test_every_model_and_rung_is_tried():
    assert {command.split()[0] for command in TRAININGS.values()} == set(MODELS) - {
        "codes-prior",
        "latent-diffusion",
    }  # in test_codes_prior.py and test_latent_diffusion.py
    assert {command.partition("--rung ")[2].split()[0] for command in TRAININGS.values() if "--rung" in command} == {
        "numpy_impl",
        "pytorch_lowlevel",
    }


FIRST = 1 + STEPS + 1
"""Lines logged when the first epoch ends: epoch 0, its steps, and itself."""
MOMENTS = {
    "after epoch 0": 1,
    "in epoch 1": 3,
    "after epoch 1, before its checkpoint": FIRST,
    "in epoch 2": FIRST + 2,
    "after the last epoch, before its checkpoint": FIRST + 3 * (STEPS + 1),
}


@every_rung
@pytest.mark.parametrize("moment", MOMENTS)
def test_stopped_at_any_moment_it_goes_on_bit_for_bit(moment, rung, folder, whole, tmp_path, monkeypatch, capsys):
    expected = whole(rung)
    with monkeypatch.context() as patch:
        stop_after(MOMENTS[moment], patch)
        code, run = train(rung, folder, tmp_path)
    assert code == 130
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert f"vae-ladder train --resume {run}" in error
    assert ("before the first epoch" in error) == (MOMENTS[moment] <= FIRST)
    assert resume(run) == 0
    assert_same_run(run, expected)


@pytest.mark.parametrize("name", [name for name in TRAININGS if name not in RUNGS])
def test_every_model_goes_on_bit_for_bit(name, folder, whole, tmp_path, monkeypatch):
    expected = whole(name)
    with monkeypatch.context() as patch:
        stop_after(FIRST + STEPS + 4, patch)
        assert train(name, folder, tmp_path)[0] == 130
    (run,) = tmp_path.iterdir()
    assert saved_epoch(run) == 2
    assert resume(run) == 0
    assert_same_run(run, expected)


def test_two_runs_can_differ(folder, whole, tmp_path):
    """There is something to miss: another seed gives another run."""
    _, other = train("numpy_impl", folder, tmp_path, "--seed 1")
    with pytest.raises(AssertionError):
        assert_same_run(other, whole("numpy_impl"))


@every_rung
def test_stopped_twice(rung, folder, whole, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        stop_after(FIRST + 1, patch)
        _, run = train(rung, folder, tmp_path)
        stop_after(STEPS + 2, patch)
        assert resume(run) == 130
    assert saved_epoch(run) == 2
    assert resume(run) == 0
    assert_same_run(run, whole(rung))


@every_rung
def test_first_weights_that_are_gone_by_then(rung, folder, whole, tmp_path, monkeypatch):
    """`--weights` says where a training begins; after its first epoch the checkpoint has everything."""
    weights = tmp_path / "first.safetensors"
    shutil.copy(whole("numpy_impl") / "weights.safetensors", weights)
    _, expected = train(rung, folder, tmp_path / "whole", f"--weights {weights}")
    with monkeypatch.context() as patch:
        stop_after(FIRST + 1, patch)
        _, run = train(rung, folder, tmp_path / "stopped", f"--weights {weights}")
    weights.unlink()
    assert resume(run) == 0
    assert_same_run(run, expected)


def test_best_is_remembered_over_a_stop(folder, tmp_path, monkeypatch):
    """Epoch 2 is the best; training is stopped in epoch 3 and goes on to 4, which is better than 3 alone."""
    losses, evaluate = iter([9.0, 5.0, 2.0, 4.0, 3.0]), foundation.training.evaluate

    def measured(rung, part, *rest):
        found = evaluate(rung, part, *rest)
        return found | {"loss": next(losses)} if part.split == "validation" else found

    monkeypatch.setattr(foundation.training, "evaluate", measured)
    with monkeypatch.context() as patch:
        stop_after(FIRST + STEPS + 3, patch)
        _, run = train("iwae", folder, tmp_path)
    best = (run / "best.safetensors").read_bytes()
    assert resume(run) == 0
    assert (run / "best.safetensors").read_bytes() == best
    epochs = [line for line in open_run(run).metrics() if line["kind"] == "epoch"]
    assert [line["best"] for line in epochs] == [False, True, True, False, False]


def test_a_run_that_is_finished_stays_as_it_is(whole, capsys):
    run = whole("paper")
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*")}
    assert resume(run) == 0
    assert "finished already" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*")} == before


def test_stopped_while_drawing(folder, whole, tmp_path, monkeypatch, capsys):
    def stop(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("ladder.figures.draw_run", stop)
        code, run = train("paper", folder, tmp_path)
    assert code == 130
    assert f"epoch {EPOCHS} of {EPOCHS}" in capsys.readouterr().err
    assert resume(run) == 0
    assert_same_run(run, whole("paper"))


# Extended: more epochs than it was begun with

CONSTANT = {
    "numpy_impl": f"vae --rung numpy_impl {CONV} --data.binarise dynamic",
    "pytorch_lowlevel": f"vae --rung pytorch_lowlevel {CONV}",
    "paper": f"beta-vae {CONV} --kl.free-bits 0.1",
    "vq-vae": "vq-vae --channels 2 3 --codes 5 --code-dim 3",
}
"""Nothing in these depends on the number of epochs."""


def train_for(epochs, options, folder, out):
    command = f"train {options} --data {folder} --out {out} --batch-size 7 --epochs {epochs} --device cpu"
    assert cli.main(shlex.split(command)) == 0
    return next(out.iterdir())


def extend(run, epochs, code=0):
    assert cli.main(["train", "--resume", str(run), "--epochs", str(epochs)]) == code


@pytest.mark.parametrize("name", CONSTANT)
def test_extended_it_is_the_training_of_as_many_epochs_bit_for_bit(name, folder, tmp_path, capsys):
    run, longer = (train_for(epochs, CONSTANT[name], folder, tmp_path / str(epochs)) for epochs in (2, EPOCHS))
    extend(run, EPOCHS)
    assert "the result is that of 4 epochs from the start" in capsys.readouterr().out
    assert_same_run(run, longer)
    config = json.loads((run / "config.json").read_text())
    assert config["options"]["epochs"] == EPOCHS
    (extension,) = config["extended"]
    assert (extension["before"], extension["after_epoch"], extension["epochs"]) == (2, 2, EPOCHS)
    assert extension["depends_on_length"] == []
    extend(run, EPOCHS)
    assert "finished already, 4 epochs" in capsys.readouterr().out


def test_a_schedule_that_depends_on_the_number_of_epochs_is_named(folder, tmp_path, capsys):
    run, longer = (train_for(epochs, TRAININGS["paper"], folder, tmp_path / str(epochs)) for epochs in (2, EPOCHS))
    extend(run, EPOCHS)
    said = "not as 4 epochs from the start: a cyclical KL weight, a cosine step size, the warm-up of the step size"
    assert said in " ".join(capsys.readouterr().out.split())
    tensors, expected = (read_tensors(path / "weights.safetensors")[0] for path in (run, longer))
    assert any(not np.array_equal(value, expected[name]) for name, value in tensors.items())
    *_, last = open_run(run).metrics()
    *_, last_of_longer = open_run(longer).metrics()
    for name in ("step", "beta", "learning_rate", "held_out_beta"):
        assert last[name] == last_of_longer[name], "schedules end as those of the longer training"


@pytest.mark.parametrize("lines", [FIRST + 2 * STEPS + 4, FIRST + 3 * STEPS + 3])
def test_stopped_while_it_was_extended(lines, folder, tmp_path, monkeypatch):
    run, longer = (train_for(epochs, CONSTANT["numpy_impl"], folder, tmp_path / str(epochs)) for epochs in (2, EPOCHS))
    done = len(open_run(run).metrics())
    with monkeypatch.context() as patch:
        stop_after(lines - done, patch)
        extend(run, EPOCHS, code=130)
    assert_no_trace_of_two_lengths(run)
    assert resume(run) == 0, "config.json has the number of epochs"
    assert_same_run(run, longer)


def assert_no_trace_of_two_lengths(run):
    """What an extended training was stopped in can be read, whether its weights were written before or after."""
    assert cli.main(["evaluate", str(run), "--draws", "0"]) == 0
    (run / "evaluation.json").unlink()


def test_killed_between_config_and_the_rest_it_is_not_taken_for_finished(folder, tmp_path):
    run, longer = (train_for(epochs, CONSTANT["numpy_impl"], folder, tmp_path / str(epochs)) for epochs in (2, EPOCHS))
    open_run(run).extend(extension_of(read_options(open_run(run)), EPOCHS, 2))
    assert (run / "test.json").exists()
    assert resume(run) == 0
    assert_same_run(run, longer)


def test_extended_twice(folder, tmp_path):
    run, longer = (train_for(epochs, CONSTANT["numpy_impl"], folder, tmp_path / str(epochs)) for epochs in (1, 3))
    extend(run, 2)
    extend(run, 3)
    assert_same_run(run, longer)
    assert open_run(run).lengths() == (1, 2)


@pytest.mark.parametrize(("epochs", "words"), [(3, "at least 4"), (0, "at least 4"), (2_000_000, "at most 1,000,000")])
def test_fewer_epochs_and_too_many_are_refused(epochs, words, whole, capsys):
    run = whole("numpy_impl")
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    extend(run, epochs, code=2)
    assert words in capsys.readouterr().err
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


# kill -9

FILES = 1 + 3 * EPOCHS + 1
"""Files written in a training whose every epoch is the best so far: config, three an epoch, test.json."""
KILLED = ["2", "3", "4", "5", "7", str(FILES - 1), str(FILES), "log2", f"log{FIRST + STEPS}"]
"""At weights, best and checkpoint of epoch 1, weights and checkpoint of epoch 2, and the last two files; in the log."""
posix = pytest.mark.skipif(sys.platform == "win32", reason="fork and signals as POSIX has them")


@pytest.fixture(scope="session")
def killed(folder, tmp_path_factory):
    """Where the remains of each rung's trainings lie, a folder for each moment of death."""
    out = tmp_path_factory.mktemp("killed")
    end = f"--data {folder} --batch-size 7 --epochs {EPOCHS} --device cpu"
    commands = [f"train {TRAININGS[rung]} {end}" for rung in RUNGS]
    work = json.dumps({"commands": commands, "moments": KILLED, "out": str(out)}).encode()
    program = [sys.executable, "-m", "tests.support.killed_training"]
    root, environment = Path(__file__).parents[2], os.environ | {"OMP_NUM_THREADS": "1"}
    subprocess.run(program, input=work, check=True, cwd=root, env=environment, capture_output=True)
    return {rung: out / str(number) for number, rung in enumerate(RUNGS)}


@posix
@every_rung
@pytest.mark.parametrize("moment", KILLED)
def test_killed_at_any_moment_it_goes_on_bit_for_bit(moment, rung, killed, whole):
    (run,) = (killed[rung] / moment).iterdir()
    for name in ("weights", "best"):
        if (run / f"{name}.safetensors").exists():
            load_weights(run / f"{name}.safetensors")
    assert resume(run) == 0
    for file in run.glob(".*.tmp*"):  # the file that was being written lies there half done, under a name of its own
        assert file.suffix in (".safetensors", ".json")
        file.unlink()
    assert_same_run(run, whole(rung))


# What cannot be resumed: one line, and nothing is changed


@pytest.fixture(scope="session")
def stopped(folder, tmp_path_factory):
    """Makes a run that was stopped in its second epoch; each one once."""
    made = {}

    def make(rung):
        if rung not in made:
            with pytest.MonkeyPatch.context() as patch:
                stop_after(FIRST + 1, patch)
                _, made[rung] = train(rung, folder, tmp_path_factory.mktemp("stopped"))
        return made[rung]

    return make


@pytest.fixture
def stop(stopped, tmp_path, capsys):
    """Gives a run that was stopped in its second epoch, to do with as one likes."""

    def copy(rung):
        run = shutil.copytree(stopped(rung), tmp_path / "run")
        capsys.readouterr()
        return run

    return copy


def damage(path):
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


DAMAGE = {
    "truncated": (lambda path, whole: damage(path), "truncated"),
    "empty": (lambda path, whole: path.write_bytes(b""), "truncated"),
    "a pickle": (lambda path, whole: path.write_bytes(b"\x80\x02}q\x00."), "pickle"),
    "torch.save": (lambda path, whole: torch.save({"a": torch.ones(1)}, path), "pickle"),
    "a folder": (lambda path, whole: (path.unlink(), path.mkdir()), "a folder"),
    "weights alone": (
        lambda path, whole: shutil.copy(path.with_name("weights.safetensors"), path),
        "no training state",
    ),
    "of another model": (lambda path, whole: shutil.copy(whole("iwae") / path.name, path), "another model"),
    "of another likelihood": (
        lambda path, whole: shutil.copy(whole("beta-vae on numpy_impl") / path.name, path),
        "another model",
    ),
}


@pytest.mark.parametrize("rung", ["numpy_impl", "paper"])
@pytest.mark.parametrize("case", DAMAGE)
def test_a_checkpoint_that_cannot_be_used(case, rung, stop, whole, capsys):
    do, word = DAMAGE[case]
    run = stop(rung)
    do(run / foundation.checkpoint.FILE, whole)
    log = (run / "metrics.jsonl").read_bytes()
    assert resume(run) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert foundation.checkpoint.FILE in error
    assert word in error
    assert (run / "metrics.jsonl").read_bytes() == log


EDITED = {
    "the seed": (("seed",), 1, "trained with seed 0, but config.json says 1"),
    "the epochs": (("epochs",), 9, "trained with epochs 4, but config.json says 9"),
    "a billion epochs": (("epochs",), 10**9, "epochs: expected at most 1,000,000, got 1,000,000,000"),
    "no epochs": (("epochs",), 0, "epochs: expected an integer of at least 1, got 0"),
    "epochs that are a text": (("epochs",), "many", "Expected `int`, got `str` - at `$.epochs`"),
    "the pixels": (("data", "binarise"), "static", "trained with data.binarise dynamic, but config.json says static"),
    "pixels of no kind": (("data", "binarise"), "often", "Invalid enum value 'often'"),
    "the precision": (("precision",), -1, "Expected `str`, got `int` - at `$.precision`"),
    "the likelihood": (("model", "likelihood"), "gaussian", "a checkpoint of another model: options is"),
    "a huge model": (("model", "latent_dim"), 10**9, "a checkpoint of another model: options is"),
    "an unknown option": (("data", "depth"), 1, "data.'depth': unknown"),
}


@pytest.mark.parametrize("case", EDITED)
def test_a_config_that_was_edited(case, stop, capsys):
    run = stop("numpy_impl")
    (*inside, name), value, words = EDITED[case]
    config = json.loads((run / "config.json").read_text())
    part = config["options"]
    for key in inside:
        part = part[key]
    part[name] = value
    (run / "config.json").write_text(json.dumps(config))
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    assert resume(run) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert words in error
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


def test_a_config_does_not_choose_a_place_to_write(stop, whole, tmp_path):
    """A run from elsewhere may name a file of mine as its record, and a folder of mine for what it makes."""
    run = stop("numpy_impl")
    (tmp_path / "diary").write_text("dear diary\n")
    config = json.loads((run / "config.json").read_text())
    config["options"] |= {"record": str(tmp_path / "diary"), "out": str(tmp_path / "mine")}
    (run / "config.json").write_text(json.dumps(config))
    assert resume(run) == 0
    assert_same_run(run, whole("numpy_impl"))
    assert (tmp_path / "diary").read_text() == "dear diary\n"
    assert not (tmp_path / "mine").exists()


def test_a_log_that_is_not_understood_is_left_as_it_is(stop, capsys):
    run = stop("numpy_impl")
    log = (run / "metrics.jsonl").read_bytes()
    (run / "metrics.jsonl").write_bytes(log + b'{"kind": "thought", "step": 99, "epoch": 9}\n')
    before = (run / "metrics.jsonl").read_bytes()
    assert resume(run) == 2
    assert "metrics.jsonl, line" in capsys.readouterr().err
    assert (run / "metrics.jsonl").read_bytes() == before


def test_a_checkpoint_that_is_gone_is_not_begun_anew_over_trained_weights(stop, capsys):
    run = stop("numpy_impl")
    (run / foundation.checkpoint.FILE).unlink()
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    assert resume(run) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "checkpoint.safetensors: gone, though epoch 1 ended" in error
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("name", ["weights.safetensors", "best.safetensors", "test.json"])
def test_a_folder_in_the_place_of_a_file_is_refused_before_training(name, stop, capsys):
    run = stop("numpy_impl")
    (run / name).unlink(missing_ok=True)
    (run / name).mkdir()
    log = (run / "metrics.jsonl").read_bytes()
    assert resume(run) == 2
    assert f"{name}: expected a file to write, got a folder" in capsys.readouterr().err
    assert (run / "metrics.jsonl").read_bytes() == log


@pytest.mark.parametrize("kept", [0, 2])
def test_a_log_with_a_gap_is_continued_and_said(kept, stop, whole, capsys):
    run = stop("numpy_impl")
    lines = (run / "metrics.jsonl").read_bytes().splitlines(keepends=True)
    (run / "metrics.jsonl").write_bytes(b"".join(lines[:kept]))
    steps = sum(line["kind"] == "step" for line in open_run(whole("numpy_impl")).metrics()) // EPOCHS
    assert resume(run) == 0
    missing = 1 + steps + 1 - kept
    assert f"metrics.jsonl: {missing} lines of the epochs before are missing" in " ".join(
        capsys.readouterr().out.split()
    )
    (one, _), (other, _) = (read_tensors(path / "weights.safetensors") for path in (run, whole("numpy_impl")))
    for name, value in one.items():
        np.testing.assert_array_equal(value, other[name], err_msg=name)


@pytest.mark.parametrize(("rung", "other"), [("paper", "numpy_impl"), ("numpy_impl", "pytorch_lowlevel")])
def test_a_checkpoint_of_another_rung(rung, other, stop, whole, capsys):
    """The weights of one rung serve the others, but rounding differs: the training would not go on exactly."""
    run = stop(rung)
    shutil.copy(whole(other) / foundation.checkpoint.FILE, run)
    assert resume(run) == 2
    assert f"rung is {other}, expected {rung}" in capsys.readouterr().err


@every_rung
def test_a_checkpoint_of_other_sizes(rung, stop, folder, tmp_path, capsys):
    _, other = train(rung, folder, tmp_path / "other", "--latent-dim 3")
    run = stop(rung)
    shutil.copy(other / foundation.checkpoint.FILE, run)
    assert resume(run) == 2
    assert "another model" in capsys.readouterr().err


def test_a_run_in_use_is_refused(stop, capsys):
    run = stop("paper")
    with open_run(run).hold():
        assert resume(run) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "in use" in error
    assert resume(run) == 0


@pytest.mark.parametrize("what", ["nowhere", "no options", "damaged", "a climb"])
def test_what_is_no_stopped_training(what, stop, tmp_path, capsys):
    configurations = {
        "no options": '{"command": "train", "rung": "paper", "data": "glyphs"}',
        "damaged": '{"command": "train", "model": "vae", "options": {"seed": 0}}',
        "a climb": '{"command": "climb", "rungs": ["numpy_impl"]}',
    }
    run = tmp_path / "nowhere"
    if what in configurations:
        run = stop("numpy_impl")
        (run / "config.json").write_text(configurations[what])
    assert resume(run) == 2
    assert capsys.readouterr().err.count("\n") == 1


@every_rung
def test_a_full_disk_leaves_the_old_checkpoint(rung, folder, whole, tmp_path, monkeypatch, capsys):
    write_bytes, count = foundation.checkpoint.write_bytes, 0

    def write_until_full(path, content):
        nonlocal count
        count += 1
        if count == 3:
            raise InputError(f"cannot write {path}: No space left on device")
        write_bytes(path, content)

    with monkeypatch.context() as patch:
        patch.setattr(foundation.checkpoint, "write_bytes", write_until_full)
        code, run = train(rung, folder, tmp_path)
    assert code == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "No space left" in error
    assert saved_epoch(run) == 2
    assert resume(run) == 0
    assert_same_run(run, whole(rung))


def first_tensors(optimizer):
    """The tensors that an optimiser of any rung updates, in order."""
    if isinstance(optimizer, torch.optim.Optimizer):
        return optimizer.param_groups[0]["params"]
    return list(optimizer.parameters.values())


OPTIMIZERS = {"numpy_impl": NumpyAdam, "pytorch_lowlevel": LowlevelAdam, "paper": torch.optim.Adam}


@every_rung
def test_weights_that_are_not_finite_are_never_saved(rung, folder, tmp_path, monkeypatch, capsys):
    """The last step of an epoch may break what no loss of training sees any more."""
    step, count = OPTIMIZERS[rung].step, 0

    def break_ninth(self, *arguments):
        nonlocal count
        step(self, *arguments)
        count += 1
        if count == 3 * STEPS:
            with torch.no_grad():
                first_tensors(self)[0][...] = float("nan")

    monkeypatch.setattr(OPTIMIZERS[rung], "step", break_ninth)
    code, run = train(rung, folder, tmp_path)
    assert code == 1
    error = capsys.readouterr().err
    assert f"the validation images after step {3 * STEPS}" in error
    assert "encoder.conv1.weight holds NaN" in error
    assert saved_epoch(run) == 2
    for name in ("weights", "best"):
        load_weights(run / f"{name}.safetensors")
    for name in ("weights", "best", "checkpoint"):
        tensors, _ = read_tensors(run / f"{name}.safetensors")
        assert all(np.isfinite(value).all() for value in tensors.values())
