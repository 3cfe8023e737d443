"""Without torch: foundation, figures and rung 1 import, train and draw, and a climb takes rung 1 alone."""

import json
import os
import pkgutil
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import figures
import foundation
import numpy_impl
from tests.support.pictures import write_pictures

# Python runs a module of this name at its start; this one hides torch from the import system.
SITECUSTOMIZE = """
import sys
from importlib.machinery import PathFinder

class WithoutTorch:
    invalidate_caches = PathFinder.invalidate_caches

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "torchvision"):
            return None
        return PathFinder.find_spec(name, path, target)

    @classmethod
    def find_distributions(cls, context):
        return (d for d in PathFinder.find_distributions(context) if d.name not in ("torch", "torchvision"))

sys.meta_path = [WithoutTorch if finder is PathFinder else finder for finder in sys.meta_path]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_pictures(tmp_path_factory.mktemp("data") / "pictures")


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    """Runs a Python process in which torch cannot be imported."""
    path = tmp_path_factory.mktemp("site")
    (path / "sitecustomize.py").write_text(SITECUSTOMIZE, encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": str(path)}

    def run(*arguments):
        return subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, text=True)

    return run


def test_torch_is_out_of_reach(python):
    done = python("-c", "import torch")
    assert "ModuleNotFoundError: No module named 'torch'" in done.stderr


def test_foundation_figures_and_rung_1_import(python):
    modules = [
        module.name
        for package in (foundation, figures, numpy_impl)
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    ]
    assert {"foundation.training", "figures.style", "numpy_impl.rung"} <= set(modules)
    done = python("-c", f"import {', '.join(modules)}")
    assert (done.returncode, done.stderr) == (0, "")


def test_rung_1_trains(python, folder, tmp_path):
    command = f"-m ladder.cli train vae --rung numpy_impl --data {folder} --epochs 1 --out {tmp_path}"
    done = python(*command.split())
    assert (done.returncode, done.stderr) == (0, "")
    (run,) = tmp_path.iterdir()
    assert (run / "weights.safetensors").is_file()
    assert (run / "figures" / "samples.png").is_file()

    # What was trained can be continued and drawn again.
    (run / "test.json").unlink()
    for command in ("train --resume", "figures"):
        done = python("-m", "ladder.cli", *command.split(), str(run))
        assert (done.returncode, done.stderr) == (0, "")


def test_rung_1_climbs_alone_and_says_so(python, folder, tmp_path):
    done = python(*f"-m ladder.cli climb --data {folder} --epochs 1 --out {tmp_path}".split())
    assert (done.returncode, done.stderr) == (0, "")
    assert "numpy_impl climbs alone" in done.stdout
    assert '[torch]"' in done.stdout
    (run,) = tmp_path.iterdir()
    assert {path.name for path in run.iterdir() if path.is_dir()} == {"numpy_impl", "figures"}
    assert (run / "report.html").is_file()


COMMANDS_WITH_TORCH = [
    "climb --rungs numpy_impl,paper",
    "train vae",
    "train vae --rung pytorch_lowlevel",
    "train --resume RUN",
    "figures RUN",
    "evaluate",
    "experiment beta",
    "parity",
]


@pytest.mark.parametrize("command", COMMANDS_WITH_TORCH)
def test_the_other_rungs_say_what_to_install(python, command, tmp_path):
    """RUN is a training on rung 3 that was stopped before its end."""
    run = shutil.copytree(Path(__file__).parent / "data" / "runs_0_1" / "vae", tmp_path / "run")
    config = json.loads((run / "config.json").read_text())
    (run / "config.json").write_text(json.dumps(config | {"rung": "paper"}))
    (run / "test.json").unlink()
    (run / "checkpoint.safetensors").unlink()
    (run / "metrics.jsonl").write_text("")
    done = python("-m", "ladder.cli", *command.replace("RUN", str(run)).split())
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "pip install" in done.stderr
    assert '[torch]"' in done.stderr


def test_help_needs_no_torch(python):
    lines = [
        f"cli.main({[*command.split(), '--help']}) or" for command in ("train", "train vq-vae", "evaluate", "climb")
    ]
    done = python("-c", f"import sys; from ladder import cli; sys.exit({' '.join(lines)} cli.main(['experiment']))")
    assert (done.returncode, done.stderr) == (0, "")
    assert "--codes" in done.stdout
    assert "vq-vae" in done.stdout
    assert "ae-vs-vae" in done.stdout


def test_gradcheck_runs(python):
    assert python("-m", "ladder.cli", "gradcheck").returncode == 0
