"""Training that is stopped, kindly or not, and goes on: what comes out is what would have come without the stop."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from foundation.errors import InputError
from foundation.runs import Run, open_run
from ladder import cli
from tests.support.pictures import write_pictures
from tests.support.run_files import own_files

torch = pytest.importorskip("torch")
resuming = pytest.importorskip("paper.resuming")
checkpoint = pytest.importorskip("paper.checkpoint")

EPOCHS, STEPS = 4, 3
"""The 24 pictures leave 20 to train on: 3 batches of 7, the last one smaller."""
EVERYTHING = (
    "--optimizer.schedule cosine --optimizer.warmup 0.3 --data.binarise dynamic --kl.schedule cyclical --kl.cycles 2"
)
MODELS = {
    "vae": f"vae --channels 2 3 --hidden-dims 8 --latent-dim 2 --kl.free-bits 0.1 {EVERYTHING}",
    "beta-vae": "beta-vae --channels 2 3 --hidden-dims 8 --latent-dim 2 --capacity 5 --optimizer.name adamw "
    "--optimizer.weight-decay 0.1",
    "cvae": f"cvae --network mlp --hidden-dims 8 --latent-dim 2 {EVERYTHING}",
    "autoencoder": "autoencoder --network mlp --hidden-dims 8 --latent-dim 2 --data.validation 0",
    "iwae": "iwae --network mlp --hidden-dims 8 --latent-dim 2 --draws 3 --data.binarise dynamic "
    "--optimizer.schedule cosine --optimizer.warmup 0.3",
    "vq-vae": "vq-vae --channels 2 3 --codes 5 --code-dim 3 --data.binarise dynamic --optimizer.schedule cosine",
}


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return write_pictures(tmp_path_factory.mktemp("data") / "pictures")


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch):
    """Figures have tests of their own."""
    monkeypatch.setattr("paper.drawing.draw_model_run", lambda *arguments, **choices: [])


def train(name, folder, out, more=""):
    """One training from the command line; the exit code and the run's folder."""
    command = f"train {MODELS[name]} --data {folder} --out {out} --batch-size 7 --epochs {EPOCHS} {more}"
    code = cli.main(shlex.split(command))
    return code, next(out.iterdir(), None)


@pytest.fixture(scope="session")
def whole(folder, tmp_path_factory):
    """Makes the run of a model that nothing stopped; each one once."""
    made = {}

    def make(name):
        if name not in made:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("paper.drawing.draw_model_run", lambda *arguments, **choices: [])
                code, made[name] = train(name, folder, tmp_path_factory.mktemp(name))
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


def assert_same_run(came, expected):
    """Bit for bit: tensors, log and test loss; times alone may differ."""
    files = own_files(expected) | {"figures"}
    assert own_files(came) | {"figures"} == files
    for name in sorted(name for name in files if name.endswith(".safetensors")):
        (tensors, metadata), (tensors_expected, metadata_expected) = (
            checkpoint.read_tensors(path / name) for path in (came, expected)
        )
        assert tensors.keys() == tensors_expected.keys()
        for key, value in tensors.items():
            assert torch.equal(value, tensors_expected[key]), f"{name}: {key}"
        assert without_times(metadata) == without_times(metadata_expected)
    assert json.loads((came / "test.json").read_text()) == json.loads((expected / "test.json").read_text())
    lines, lines_expected = (list(map(without_times, open_run(path).metrics())) for path in (came, expected))
    assert lines == lines_expected


def without_times(fields):
    if "counters" in fields:
        fields = fields | {"counters": without_times(json.loads(fields["counters"]))}
    return {name: value for name, value in fields.items() if name not in ("seconds", "images_per_second")}


FIRST = 1 + STEPS + 1
"""Lines logged when the first epoch ends: epoch 0, its steps, and itself."""
MOMENTS = {
    "after epoch 0": 1,
    "in epoch 1": 3,
    "after epoch 1, before its checkpoint": FIRST,
    "in epoch 2": FIRST + 2,
    "after the last epoch, before its checkpoint": FIRST + 3 * (STEPS + 1),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_stopped_at_any_moment_it_goes_on_bit_for_bit(moment, folder, whole, tmp_path, monkeypatch, capsys):
    expected = whole("vae")
    with monkeypatch.context() as patch:
        stop_after(MOMENTS[moment], patch)
        code, run = train("vae", folder, tmp_path)
    assert code == 130
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert f"vae-ladder train --resume {run}" in error
    assert ("before the first epoch" in error) == (MOMENTS[moment] <= FIRST)
    assert cli.main(["train", "--resume", str(run)]) == 0
    assert_same_run(run, expected)


@pytest.mark.parametrize("name", [name for name in MODELS if name != "vae"])
def test_every_model_goes_on_bit_for_bit(name, folder, whole, tmp_path, monkeypatch):
    expected = whole(name)
    with monkeypatch.context() as patch:
        stop_after(FIRST + STEPS + 3, patch)
        assert train(name, folder, tmp_path)[0] == 130
    (run,) = tmp_path.iterdir()
    assert resuming.saved_epoch(run) == 2
    assert cli.main(["train", "--resume", str(run)]) == 0
    assert_same_run(run, expected)


def test_stopped_twice(folder, whole, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        stop_after(FIRST + 1, patch)
        _, run = train("vae", folder, tmp_path)
        stop_after(STEPS + 2, patch)
        assert cli.main(["train", "--resume", str(run)]) == 130
    assert resuming.saved_epoch(run) == 2
    assert cli.main(["train", "--resume", str(run)]) == 0
    assert_same_run(run, whole("vae"))


def test_best_is_remembered_over_a_stop(folder, tmp_path, monkeypatch):
    """Epoch 2 is the best; training is stopped in epoch 3 and goes on to 4, which is better than 3 alone."""
    training = pytest.importorskip("paper.training")
    losses, measure_under = iter([9.0, 5.0, 2.0, 4.0, 3.0]), training.measure_under

    def measured(several, *arguments, **choices):
        found = measure_under(several, *arguments, **choices)
        return [{"loss": next(losses)}] * 2 if len(several) == 2 else found

    monkeypatch.setattr(training, "measure_under", measured)
    with monkeypatch.context() as patch:
        stop_after(FIRST + STEPS + 3, patch)
        _, run = train("vae", folder, tmp_path)
    best = (run / "best.safetensors").read_bytes()
    assert cli.main(["train", "--resume", str(run)]) == 0
    assert (run / "best.safetensors").read_bytes() == best
    epochs = [line for line in open_run(run).metrics() if line["kind"] == "epoch"]
    assert [line["best"] for line in epochs] == [False, True, True, False, False]


def test_a_run_that_is_finished_stays_as_it_is(whole, capsys):
    run = whole("vae")
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*")}
    assert cli.main(["train", "--resume", str(run)]) == 0
    assert "finished already" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*")} == before


def test_stopped_while_drawing(folder, whole, tmp_path, monkeypatch, capsys):
    def stop(*arguments, **choices):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("paper.drawing.draw_model_run", stop)
        code, run = train("vae", folder, tmp_path)
    assert code == 130
    assert f"epoch {EPOCHS} of {EPOCHS}" in capsys.readouterr().err
    assert cli.main(["train", "--resume", str(run)]) == 0
    assert_same_run(run, whole("vae"))


# kill -9

FILES = 1 + 3 * EPOCHS + 1
"""Files written in a training whose every epoch is the best so far: config, three an epoch, test.json."""
KILLED = ["2", "3", "4", "5", "7", str(FILES - 1), str(FILES), "log2", f"log{FIRST + STEPS}"]
"""At weights, best and checkpoint of epoch 1, weights and checkpoint of epoch 2, and the last two files; in the log."""
posix = pytest.mark.skipif(sys.platform == "win32", reason="fork and signals as POSIX has them")


@pytest.fixture(scope="session")
def killed(folder, tmp_path_factory):
    """Where the remains of trainings lie, a folder for each moment of death."""
    out = tmp_path_factory.mktemp("killed")
    command = f"train {MODELS['vae']} --data {folder} --batch-size 7 --epochs {EPOCHS}"
    script = Path(__file__).parents[1] / "support" / "killed_training.py"
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, script, command, out, *KILLED], check=True, env=environment, capture_output=True)
    return out


@posix
@pytest.mark.parametrize("moment", KILLED)
def test_killed_at_any_moment_it_goes_on_bit_for_bit(moment, killed, whole):
    (run,) = (killed / moment).iterdir()
    for name in ("weights", "best"):
        if (run / f"{name}.safetensors").exists():
            checkpoint.load_model(run / f"{name}.safetensors")
    assert cli.main(["train", "--resume", str(run)]) == 0
    for file in run.glob(".*"):  # the file that was being written lies there half done, under a name of its own
        assert file.suffix in (".safetensors", ".json")
        file.unlink()
    assert_same_run(run, whole("vae"))


# What cannot be resumed: one line, and nothing is changed


@pytest.fixture
def stopped(folder, tmp_path, monkeypatch, capsys):
    """A run that was stopped in its second epoch."""
    with monkeypatch.context() as patch:
        stop_after(FIRST + 1, patch)
        _, run = train("vae", folder, tmp_path / "runs")
    capsys.readouterr()
    return run


def damage(path):
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def of_another_model(path, whole):
    shutil.copy(whole("iwae") / path.name, path)


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
    "of another model": (of_another_model, "another model"),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_a_checkpoint_that_cannot_be_used(case, stopped, whole, capsys):
    do, word = DAMAGE[case]
    do(stopped / resuming.FILE, whole)
    log = (stopped / "metrics.jsonl").read_bytes()
    assert cli.main(["train", "--resume", str(stopped)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert resuming.FILE in error
    assert word in error
    assert (stopped / "metrics.jsonl").read_bytes() == log


def test_a_checkpoint_of_other_sizes(stopped, folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(MODELS, "vae", MODELS["vae"].replace("--latent-dim 2", "--latent-dim 3"))
    _, other = train("vae", folder, tmp_path / "other")
    shutil.copy(other / resuming.FILE, stopped / resuming.FILE)
    assert cli.main(["train", "--resume", str(stopped)]) == 2
    assert "another model" in capsys.readouterr().err


def test_a_run_in_use_is_refused(stopped, capsys):
    with resuming.hold(stopped):
        assert cli.main(["train", "--resume", str(stopped)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "in use" in error
    assert cli.main(["train", "--resume", str(stopped)]) == 0


@pytest.mark.parametrize("what", ["nowhere", "rung", "damaged"])
def test_what_is_no_stopped_training(what, stopped, tmp_path, capsys):
    if what == "rung":
        (stopped / "config.json").write_text('{"command": "train", "rung": "paper", "data": "glyphs"}')
    if what == "damaged":
        (stopped / "config.json").write_text('{"command": "train", "model": "vae", "options": {"seed": 0}}')
    run = tmp_path / "nowhere" if what == "nowhere" else stopped
    assert cli.main(["train", "--resume", str(run)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_full_disk_leaves_the_old_checkpoint(folder, whole, tmp_path, monkeypatch, capsys):
    write_bytes, count = resuming.write_bytes, 0

    def write_until_full(path, content):
        nonlocal count
        count += 1
        if count == 3:
            raise InputError(f"cannot write {path}: No space left on device")
        write_bytes(path, content)

    with monkeypatch.context() as patch:
        patch.setattr(resuming, "write_bytes", write_until_full)
        code, run = train("vae", folder, tmp_path)
    assert code == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "No space left" in error
    assert resuming.saved_epoch(run) == 2
    assert cli.main(["train", "--resume", str(run)]) == 0
    assert_same_run(run, whole("vae"))


def test_weights_that_are_not_finite_are_never_saved(folder, tmp_path, monkeypatch, capsys):
    """The last step of an epoch may break what no loss has seen yet."""
    step = torch.optim.Adam.step

    def break_ninth(self, *arguments):
        step(self, *arguments)
        break_ninth.count += 1
        if break_ninth.count == 3 * STEPS:
            with torch.no_grad():
                self.param_groups[0]["params"][0].fill_(float("nan"))

    break_ninth.count = 0
    monkeypatch.setattr(torch.optim.Adam, "step", break_ninth)
    code, run = train("vae", folder, tmp_path)
    assert code == 1
    error = capsys.readouterr().err
    assert "end of epoch 3" in error
    assert "encoder.conv1.weight holds NaN" in error
    assert resuming.saved_epoch(run) == 2
    for name in ("weights", "best"):
        checkpoint.load_model(run / f"{name}.safetensors")
    for name in ("weights", "best", "checkpoint"):
        tensors, _ = checkpoint.read_tensors(run / f"{name}.safetensors")
        assert all(value.isfinite().all() for value in tensors.values())
