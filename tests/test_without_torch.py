"""A machine without torch: foundation and rung 1 import, train and draw there, and a climb takes rung 1 alone."""

import os
import pkgutil
import subprocess
import sys

import pytest

import foundation
import numpy_impl
from tests.support.pictures import write_pictures

# Read by every Python process that finds it: torch is not there, as far as the import system can see.
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
    (path / "sitecustomize.py").write_text(SITECUSTOMIZE)
    environment = os.environ | {"PYTHONPATH": str(path)}

    def run(*arguments):
        return subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, text=True)

    return run


def test_torch_is_out_of_reach(python):
    done = python("-c", "import torch")
    assert "ModuleNotFoundError: No module named 'torch'" in done.stderr


def test_foundation_and_rung_1_import(python):
    modules = [
        module.name
        for package in (foundation, numpy_impl)
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    ]
    assert len(modules) > 10
    done = python("-c", f"import {', '.join(modules)}")
    assert (done.returncode, done.stderr) == (0, "")


def test_rung_1_trains(python, folder, tmp_path):
    command = f"-m ladder.cli train numpy_impl --data {folder} --epochs 1 --out {tmp_path}"
    done = python(*command.split())
    assert (done.returncode, done.stderr) == (0, "")
    (run,) = tmp_path.iterdir()
    assert (run / "weights.safetensors").is_file()
    assert (run / "figures" / "samples.png").is_file()


def test_rung_1_climbs_alone_and_says_so(python, folder, tmp_path):
    done = python(*f"-m ladder.cli climb --data {folder} --epochs 1 --out {tmp_path}".split())
    assert (done.returncode, done.stderr) == (0, "")
    assert "numpy_impl climbs alone" in done.stdout
    assert '.[torch]"' in done.stdout
    (run,) = tmp_path.iterdir()
    assert {path.name for path in run.iterdir() if path.is_dir()} == {"numpy_impl", "figures"}
    assert (run / "report.html").is_file()


COMMANDS_WITH_TORCH = [
    "climb --rungs numpy_impl,paper",
    "train paper",
    "train vae",
    "train --resume run",
    "evaluate",
    "experiment beta",
    "parity",
]


@pytest.mark.parametrize("command", COMMANDS_WITH_TORCH)
def test_the_other_rungs_say_what_to_install(python, command, tmp_path):
    done = python(*f"-m ladder.cli {command}".split())
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert 'pip install -e ".[torch]"' in done.stderr


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
