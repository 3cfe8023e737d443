"""Several processes on one batch: gradients, weights and losses of one process, to the accuracy of float64."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from foundation.errors import InputError
from foundation.runs import open_run
from tests.support.pictures import write_pictures

torch = pytest.importorskip("torch")
shared = pytest.importorskip("tests.support.shared_training")
pytestmark = pytest.mark.skipif(not torch.distributed.is_available(), reason="a torch built without torch.distributed")

PROCESSES = 2
ONE_THREAD = os.environ | {"OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def together(tmp_path_factory):
    """What two processes made of every case."""
    out = tmp_path_factory.mktemp("processes")
    command = [sys.executable, shared.__file__]
    started = [
        subprocess.Popen(
            [*command, str(i), str(PROCESSES), str(out)], stderr=subprocess.PIPE, env=ONE_THREAD, text=True
        )
        for i in range(PROCESSES)
    ]
    for process in started:
        _, error = process.communicate(timeout=300)
        assert process.returncode == 0, error
    return out


@pytest.mark.parametrize("name", shared.CASES)
def test_two_processes_compute_what_one_does(name, together):
    tensors, lines = shared.train_case(name)
    for process in range(PROCESSES):
        with np.load(together / f"{name}.{process}.npz") as came:
            assert set(came) == set(tensors)
            for key, value in tensors.items():
                reference = np.abs(value.numpy()).max()
                np.testing.assert_allclose(
                    came[key], value.numpy(), rtol=0, atol=1e-12 * max(reference, 1), err_msg=key
                )
        logged = json.loads((together / f"{name}.{process}.json").read_text())
        assert len(logged) == len(lines)
        for line, expected in zip(logged, lines, strict=True):
            assert line.keys() == expected.keys()
            # Perplexity is that of a batch, and each process knows its own share's.
            for part in expected.keys() - {"kind", "seconds", "images_per_second", "perplexity", "train_perplexity"}:
                assert line[part] == pytest.approx(expected[part], rel=1e-12), part


def test_the_cases_can_fail():
    """There is something to miss: gradients are not 0, and free bits change the weights."""
    tensors, _ = shared.train_case("free bits")
    other, _ = shared.train_case("vae")
    assert tensors["gradient of encoder.mu.weight"].abs().max() > 1e-6
    assert not torch.equal(tensors["encoder.mu.weight"], other["encoder.mu.weight"])


def test_a_batch_that_leaves_a_process_without_images_is_refused(monkeypatch):
    from paper import training

    monkeypatch.setattr(training, "process_numbers", lambda: (0, 6))
    with pytest.raises(InputError, match="the last batch has 5; got 6 processes"):
        shared.train_case("vae")


@pytest.mark.slow
def test_torchrun_from_start_to_end(tmp_path):
    """The command of the manual, stopped by nothing, against the same training in one process."""
    folder = write_pictures(tmp_path / "pictures")
    options = f"vae --channels 2 3 --hidden-dims 8 --latent-dim 2 --precision float64 --data {folder} --batch-size 7"
    command = [*options.split(), "--epochs", "2", "--data.binarise", "dynamic", "--out"]
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(PROCESSES)]
    runs = []
    for how in ([*launch, "-m", "paper.train"], ["-m", "paper.train"]):
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
    assert Path(runs[0].path / "checkpoint.safetensors").is_file()
