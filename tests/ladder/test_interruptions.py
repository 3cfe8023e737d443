"""Stop a climb in the middle, kindly and not: what it leaves behind is whole and can be read and drawn."""

import json
import signal
import subprocess
import sys
import time

import pytest

from foundation.runs import open_run
from ladder import cli
from tests.support.pictures import write_pictures

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals as POSIX has them")
ENDLESS = "--epochs 1000000 --rungs numpy_impl"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_pictures(tmp_path_factory.mktemp("data") / "pictures")


@pytest.fixture
def climbing(folder, tmp_path):
    """A climb that would never end, in its own process, after at least two epochs; and its run folder."""
    process = start(f"climb --data {folder} --out {tmp_path / 'runs'} {ENDLESS}")
    wait_until(lambda: len(epochs_logged(tmp_path / "runs")) >= 3, process)
    (run,) = (tmp_path / "runs").iterdir()
    yield process, run
    process.kill()
    process.communicate()


def start(command):
    return subprocess.Popen(
        [sys.executable, "-m", "ladder.cli", *command.split()],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Ctrl-C is ignored in what a shell script starts with &, and tests may run there.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


def wait_until(condition, process, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.02)


def epochs_logged(out):
    lines = [line for path in out.glob("*/*/metrics.jsonl") for line in path.read_text().splitlines()]
    return [line for line in lines if '"epoch"' in line and '"kind": "epoch"' in line]


@posix
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_stopped_climb_says_what_it_keeps(climbing, name, capsys):
    process, run = climbing
    process.send_signal(getattr(signal, name))
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert error.count("\n") == 1
    assert "numpy_impl" in error
    assert str(run) in error
    assert "Traceback" not in error
    assert {path.name for path in run.rglob(".*")} == {".lock"}, "no temporary file stays behind"
    check_readable(run)

    # What the line advises works.
    assert cli.main(["figures", str(run)]) == 0
    assert (run / "numpy_impl" / "figures" / "samples.png").is_file()


@posix
def test_a_killed_climb_leaves_whole_files(climbing):
    process, run = climbing
    process.kill()
    process.wait()
    check_readable(run)
    assert cli.main(["figures", str(run)]) == 0
    assert (run / "numpy_impl" / "figures" / "samples.png").is_file()


def check_readable(run):
    part = open_run(run).subruns()["numpy_impl"]
    metrics = part.metrics()
    steps = [record["step"] for record in metrics if record["kind"] == "step"]
    assert steps == list(range(1, len(steps) + 1))
    part.load_weights()
    for path in run.rglob("*.json"):
        json.loads(path.read_text())


@posix
def test_stopped_before_the_first_epoch_ends(folder, tmp_path):
    process = start(f"climb --data {folder} --out {tmp_path / 'runs'} --batch-size 1 --latent-dim 20 {ENDLESS}")
    wait_until(lambda: list((tmp_path / "runs").glob("*/numpy_impl/metrics.jsonl")), process)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert error.count("\n") == 1


TRAINING = "train vae --rung numpy_impl --channels 2 3 --hidden-dims 8 --latent-dim 2 --batch-size 2"


def finish(process):
    _, error = process.communicate(timeout=300)
    assert process.returncode == 0, error


@posix
@pytest.mark.slow
def test_a_training_that_is_suspended_goes_on_with_the_same_numbers(folder, tmp_path):
    command = f"{TRAINING} --data {folder} --epochs 60 --seed 3"
    finish(start(f"{command} --out {tmp_path / 'whole'}"))
    process = start(f"{command} --out {tmp_path / 'suspended'}")
    suspended = 0
    for lines in (5, 60, 150):
        wait_until(lambda lines=lines: lines_logged(tmp_path / "suspended") >= lines, process)
        process.send_signal(signal.SIGSTOP)
        time.sleep(0.2)
        before = lines_logged(tmp_path / "suspended")
        time.sleep(0.5)
        suspended += lines_logged(tmp_path / "suspended") == before
        process.send_signal(signal.SIGCONT)
    finish(process)
    assert suspended == 3
    whole, again = (open_run(next((tmp_path / name).iterdir())) for name in ("whole", "suspended"))
    assert_same_numbers(whole, again)


def lines_logged(out):
    return sum(path.read_text().count("\n") for path in out.glob("*/metrics.jsonl"))


def assert_same_numbers(whole, again):
    (tensors, _), (tensors_again, _) = whole.load_weights(), again.load_weights()
    assert all(value.tobytes() == tensors_again[name].tobytes() for name, value in tensors.items())
    losses, losses_again = ([line["loss"] for line in run.metrics() if "loss" in line] for run in (whole, again))
    assert losses == losses_again


@pytest.mark.slow
def test_eight_runs_started_at_once_get_eight_folders(folder, tmp_path):
    out = tmp_path / "runs"
    processes = [start(f"{TRAINING} --data {folder} --epochs 2 --seed {seed} --out {out}") for seed in range(8)]
    for process in processes:
        finish(process)
    runs = [open_run(path) for path in out.iterdir()]
    assert sorted(run.config["options"]["seed"] for run in runs) == list(range(8))
    for run in runs:
        run.load_weights()
        assert [line["epoch"] for line in run.metrics() if line["kind"] == "epoch"] == [0, 1, 2]
