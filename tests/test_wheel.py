"""The built wheel holds every file of its packages; commands run from any folder and write nothing beside the code."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import pytest

from tests.support.kl_answers import RIGHT_KL
from tests.support.pictures import write_pictures
from tools.links import links_of

CHECKOUT = Path(__file__).parents[1]
PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PACKAGES = {"foundation", "figures", "numpy_impl", "pytorch_lowlevel", "paper", "ladder", "exercises"}
LEFT_OUT = {".ipynb"}
"""Endings of files that lie in a package but not in the wheel."""
BUILD = "import sys; from setuptools.build_meta import build_wheel; build_wheel(sys.argv[1])"

pytest.importorskip("pip", reason="pip installs the wheel that is tested")
needs_torch = pytest.mark.skipif(find_spec("torch") is None, reason="needs torch")


def files_of_git() -> set[str]:
    """The project's files by their path below the checkout, uncommitted ones included."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        done = subprocess.run(listing, cwd=CHECKOUT, capture_output=True, text=True, encoding="utf-8", check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs git and a clone, to tell the project's files from what was left beside them")
    return {name for name in done.stdout.split("\0") if (CHECKOUT / name).is_file()}


def missing(project: set[str], wheel: set[str]) -> set[str]:
    """The files of the packages that a wheel lacks."""
    inside = {name for name in project if PurePosixPath(name).parts[0] in PACKAGES}
    return {name for name in inside if PurePosixPath(name).suffix not in LEFT_OUT} - wheel


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below a folder, apart from the bytecode that Python itself writes."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


class Installed(NamedTuple):
    """A virtual environment that holds the wheel, and sees the dependencies of the running one."""

    scripts: Path
    packages: Path
    cache: Path

    def run(self, folder: Path, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
        """Run `vae-ladder` in a folder, with `given` as its standard input."""
        return self._run(folder, "vae-ladder", arguments, given)

    def python(self, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the environment's Python in a folder."""
        return self._run(folder, "python", arguments)

    def _run(self, folder: Path, program: str, arguments: tuple[str, ...], given: str = ""):
        command = [shutil.which(program, path=self.scripts), *arguments]
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        environment["VAE_LADDER_CACHE"] = str(self.cache)
        streams = {"capture_output": True, "text": True, "errors": "replace"}  # in the encoding that the system has
        return subprocess.run(command, cwd=folder, env=environment, input=given, **streams)


@pytest.fixture(scope="module")
def project():
    return files_of_git()


@pytest.fixture(scope="module")
def wheel(project, tmp_path_factory):
    """The wheel, built from a copy: setuptools would put files of earlier builds into it, and leave its own behind."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in project:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(CHECKOUT / name, source / name)
    done = subprocess.run([sys.executable, "-c", BUILD, str(out)], cwd=source, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (path,) = out.iterdir()
    return path


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    root = tmp_path_factory.mktemp("environment").resolve()
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(root)], check=True)
    places = {name: str(root) for name in ("base", "platbase", "installed_base", "installed_platbase")}
    scripts, packages = (Path(sysconfig.get_path(name, "venv", places)) for name in ("scripts", "purelib"))
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(scripts / "python")]
    options = ["--quiet", "--no-index", "--no-deps", "--no-compile"]
    done = subprocess.run([*pip, "install", *options, str(wheel)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    # Written after the installation, or pip would see the running environment's own vae-ladder. A .pth in a folder
    # that is named by a .pth is not read, so an editable installation there stays out of reach.
    paths = dict.fromkeys(sysconfig.get_path(name) for name in ("purelib", "platlib"))
    (packages / "dependencies.pth").write_text("\n".join(paths), encoding="utf-8")
    return Installed(scripts, packages, root / "cache")


@pytest.fixture
def folder(installed, tmp_path):
    """An empty working directory; nothing beside the code may have changed when a test is through with it."""
    before = digests(installed.packages)
    yield tmp_path
    assert digests(installed.packages) == before


def the_run(installed: Installed, folder: Path, command: str) -> Path:
    """The run folder that a command leaves; it is the only one."""
    done = installed.run(folder, *command.split())
    assert done.returncode == 0, done.stderr
    (run,) = (folder / "runs").iterdir()
    return run


def names(wheel: Path) -> set[str]:
    return set(zipfile.ZipFile(wheel).namelist())


# What is in it


def test_every_file_of_the_packages_is_in_the_wheel(project, wheel):
    assert missing(project, names(wheel)) == set()


def test_nothing_else_is_in_the_wheel(project, wheel):
    others = {name for name in names(wheel) - project if ".dist-info/" not in name}
    assert others == set()
    tops = {PurePosixPath(name).parts[0] for name in names(wheel) if ".dist-info/" not in name}
    assert tops == PACKAGES


def test_every_package_says_that_it_is_typed(wheel):
    assert {f"{package}/py.typed" for package in PACKAGES} <= names(wheel)


def test_a_file_that_the_wheel_lacks_is_seen():
    project = {"paper/results/a.json", "paper/tour.ipynb", "tests/test_a.py", "ladder/cli.py"}
    assert missing(project, {"ladder/cli.py"}) == {"paper/results/a.json"}


def test_the_version_is_the_same_everywhere(wheel):
    version = PROJECT["version"]
    assert wheel.name.split("-")[:2] == ["vae_ladder", version]
    citation = (CHECKOUT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.search(r'^version: "(.*)"$', citation, re.MULTILINE)[1] == version
    changelog = (CHECKOUT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(r"^## \[(\d[^\]]*)\]", changelog, re.MULTILINE)[1] == version


# What it does


def test_the_code_that_runs_is_the_wheels(installed, folder):
    done = installed.python(folder, "-c", f"import {', '.join(PACKAGES)}; print(ladder.__file__)")
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).is_relative_to(installed.packages)
    done = installed.run(folder, "--version")
    assert done.stdout == f"vae-ladder {PROJECT['version']}\n"


def test_pages_of_the_exercises_lead_to_installed_files(installed):
    pages = sorted((installed.packages / "exercises").glob("*.md"))
    links = [link for page in pages for link in links_of(page)]
    assert len(links) > len(pages) >= 20
    assert [link.path for link in links if not link.path.exists()] == []


def test_a_learner_starts_checks_and_watches(installed, folder):
    done = installed.run(folder, "start")
    assert done.returncode == 0, done.stderr
    assert [path.name for path in folder.iterdir()] == ["my_answers"]
    page = Path(re.search(r"^read +(.*)$", done.stdout, re.MULTILINE)[1])
    assert (folder / page).is_file()

    done = installed.run(folder, "check", "04")
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith("NOT WRITTEN YET")
    (folder / "my_answers" / "04_kl.py").write_text(RIGHT_KL, encoding="utf-8")
    done = installed.run(folder, "check", "04")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    done = installed.run(folder, "watch", "04", given="l\nq\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert "PASS" in done.stdout
    for command in ("progress", "hint 05", "solution 04", "reset 04", "grade my_answers --exercises 04"):
        done = installed.run(folder, *command.split())
        assert (done.returncode, done.stderr) == (0, ""), command
    assert {path.name for path in folder.iterdir()} == {"my_answers", "grades.csv"}


def test_rung_1_trains_and_is_drawn_again(installed, folder):
    write_pictures(folder / "pictures")
    run = the_run(installed, folder, "train numpy_impl --data pictures --epochs 1")
    drawn = {path.name for path in (run / "figures").iterdir()}
    shutil.rmtree(run / "figures")
    done = installed.run(folder, "figures")
    assert done.returncode == 0, done.stderr
    assert {path.name for path in (run / "figures").iterdir()} == drawn != set()
    assert {path.name for path in folder.iterdir()} == {"pictures", "runs"}


@pytest.mark.parametrize(
    "rungs", ["numpy_impl", pytest.param("numpy_impl,paper", marks=[pytest.mark.slow, needs_torch])]
)
def test_the_ladder_is_climbed(installed, folder, rungs):
    write_pictures(folder / "pictures")
    run = the_run(installed, folder, f"climb --data pictures --epochs 1 --rungs {rungs}")
    assert (run / "report.html").stat().st_size > 10_000


@needs_torch
def test_a_model_of_the_papers_trains(installed, folder):
    write_pictures(folder / "pictures")
    run = the_run(installed, folder, "train vae --network mlp --data pictures --epochs 1")
    assert (run / "weights.safetensors").is_file()


@pytest.mark.slow
@needs_torch
def test_an_experiment_runs_in_its_quick_form(installed, folder):
    run = the_run(installed, folder, "experiment latent-dim --quick")
    assert (run / "table.md").is_file()


@pytest.mark.skipif(find_spec("typst") is None, reason="needs typst")
def test_the_slides_are_set_in_the_working_directory(installed, folder):
    done = installed.python(folder, "-m", "exercises.class")
    assert done.returncode == 0, done.stderr
    made = folder / "build" / "class"
    for place in (made, made / "ko"):
        assert {path.suffix for path in place.iterdir() if path.is_file()} == {".pdf", ".html"}


def test_a_file_written_beside_the_code_is_seen(tmp_path):
    (tmp_path / "a.py").write_text("a = 1", encoding="utf-8")
    before = digests(tmp_path)
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "a.pyc").write_bytes(b"")
    assert digests(tmp_path) == before
    (tmp_path / "a.py").write_text("a = 2", encoding="utf-8")
    assert digests(tmp_path) != before
    (tmp_path / "a.py").write_text("a = 1", encoding="utf-8")
    (tmp_path / "my_answers.py").write_text("", encoding="utf-8")
    assert digests(tmp_path) != before
