"""Imports run downhill; foundation, figures and numpy_impl need no torch; and the contract that says so can fail."""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[1]
LINT = "from importlinter.cli import lint_imports; import sys; sys.exit(lint_imports(no_cache=True))"
CONTRACT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
PACKAGES = CONTRACT["root_packages"]

pytest.importorskip("importlinter")


def lint(folder):
    """import-linter's exit code and what it printed, for the packages that lie in `folder`."""
    environment = os.environ | {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUTF8": "1"}
    process = subprocess.run(
        [sys.executable, "-c", LINT], cwd=folder, env=environment, capture_output=True, text=True, encoding="utf-8"
    )
    return process.returncode, process.stdout + process.stderr


@pytest.fixture
def house(tmp_path):
    """The project's own contract over packages that are empty."""
    shutil.copy(CHECKOUT / "pyproject.toml", tmp_path)
    for package in PACKAGES:
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").touch()
        (tmp_path / package / "model.py").touch()
    return tmp_path


def test_the_contract_holds():
    code, output = lint(CHECKOUT)
    assert code == 0, output
    assert "0 broken" in output
    assert f"{len(CONTRACT['contracts'])} kept" in output


def test_every_package_stands_under_the_contract():
    """A new folder of code cannot stay outside unnoticed."""
    found = {folder.parent.name for folder in CHECKOUT.glob("*/__init__.py")} - {"tests"}
    assert found <= set(PACKAGES)


def test_empty_packages_pass(house):
    code, output = lint(house)
    assert code == 0, output


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("numpy_impl", "import torch"),
        ("numpy_impl", "def later():\n    from torch.nn import functional"),
        ("foundation", "import torch"),
        ("foundation", "import numpy_impl.model"),
        ("foundation", "from ladder import model"),
        ("foundation", "import figures.model"),
        ("foundation", "def later():\n    from exercises import model"),
        ("figures", "import torch"),
        ("figures", "import numpy_impl.model"),
        ("figures", "def later():\n    import paper"),
        ("figures", "from exercises import model"),
        ("numpy_impl", "from paper.model import *"),
        ("numpy_impl", "import pytorch_lowlevel"),
        ("pytorch_lowlevel", "import numpy_impl.model"),
        ("pytorch_lowlevel", "import paper"),
        ("paper", "def later():\n    import pytorch_lowlevel.model"),
        ("paper", "from numpy_impl import model"),
        ("paper", "import ladder"),
        ("pytorch_lowlevel", "import ladder.model"),
        ("numpy_impl", "import exercises.model"),
        ("paper", "from exercises import model"),
        ("exercises", "import ladder.model"),
        ("exercises", "def later():\n    from tools import model"),
        ("ladder", "import tools"),
    ],
)
def test_an_import_uphill_or_sideways_is_caught(house, module, line):
    (house / module / "model.py").write_text(f"{line}\n", encoding="utf-8")
    code, output = lint(house)
    assert code == 1, output
    assert f"{module}.model" in output or f"{module} " in output
    assert "1 broken" in output


def test_a_detour_is_caught(house):
    (house / "numpy_impl" / "model.py").write_text("import foundation.model\n", encoding="utf-8")
    (house / "foundation" / "model.py").write_text("import torch\n", encoding="utf-8")
    code, output = lint(house)
    assert code == 1, output


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("tools", "import ladder.model, exercises.model, paper.model"),
        (
            "ladder",
            "import exercises, paper.model, numpy_impl.model, pytorch_lowlevel.model, figures, foundation.model",
        ),
        ("exercises", "import paper.model, numpy_impl.model, figures.model, foundation.model"),
        ("paper", "import torch, numpy, figures.model, foundation.model"),
        ("pytorch_lowlevel", "import torch\nfrom foundation import model"),
        ("numpy_impl", "import numpy, figures.model, foundation.model"),
        ("figures", "import numpy, matplotlib, foundation.model"),
    ],
)
def test_downhill_imports_pass(house, module, line):
    (house / module / "model.py").write_text(f"{line}\n", encoding="utf-8")
    code, output = lint(house)
    assert code == 0, output


def test_importing_the_first_rung_loads_no_torch():
    packages = ("foundation", "figures", "numpy_impl")
    paths = [path for package in packages for path in (CHECKOUT / package).rglob("*.py")]
    names = [".".join(path.relative_to(CHECKOUT).with_suffix("").parts) for path in sorted(paths)]
    assert {"foundation.training", "figures.style", "numpy_impl.rung"} <= set(names)
    code = f"import importlib, sys; [importlib.import_module(n) for n in {names}]; sys.exit('torch' in sys.modules)"
    process = subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
