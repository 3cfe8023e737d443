"""Folders and files without permission: one line that names the place, exit code 2, and nothing made or changed.

The tests run as root, too: they take from it what lets it pass over permissions (`tests.support.privileges`).
"""

import shutil
from pathlib import Path

import pytest

from ladder import cli
from tests.support.pictures import write_pictures
from tests.support.privileges import permissions_hold

SMALL = "--rung numpy_impl --channels 2 3 --hidden-dims 5 --epochs 2 --batch-size 8 --latent-dim 2"
TRAIN = f"train vae {SMALL} --data pictures --out"
NONE, LIST, ENTER, READ = 0o000, 0o400, 0o300, 0o500
"""Of a folder: nothing; its names without what lies there; what lies there without its names; reading alone."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures, a run, the same stopped after its first epoch, an empty folder, and two learners' answers."""
    here = tmp_path_factory.mktemp("permissions")
    write_pictures(here / "pictures")
    (here / "box").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(here)
        patch.setattr("ladder.figures.draw_model", lambda *arguments: [])
        assert cli.main([*TRAIN.split(), "runs"]) == 0
        for learner in ("ada", "ben"):
            assert cli.main(["start", "--to", f"class/{learner}"]) == 0
    (run,) = (here / "runs").iterdir()
    run.rename(here / "run")
    (here / "runs").rmdir()
    shutil.copytree(here / "run", here / "stopped")
    (here / "stopped" / "test.json").unlink()
    return here


@pytest.fixture
def here(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of them, where the command runs."""
    monkeypatch.setattr("ladder.figures.draw_model", lambda *arguments: [])
    monkeypatch.chdir(shutil.copytree(whole, tmp_path / "here"))
    return Path()


def contents() -> dict[str, bytes]:
    """Every file, without locks, and every folder."""
    paths = [path for path in Path().rglob("*") if path.suffix != ".lock" and path.name != ".lock"]
    return {str(path): path.read_bytes() if path.is_file() else b"" for path in paths}


def run_without(command: str, place: str, mode: int) -> int:
    """The exit code of a command for which a place has these permissions."""
    path, before = Path(place), Path(place).stat().st_mode
    path.chmod(mode)
    try:
        with permissions_hold():
            return cli.main(command.split())
    finally:
        path.chmod(before)


REFUSED = {
    "train --out": (f"{TRAIN} box", "box", (NONE, LIST, READ)),
    "train --out inside": (f"{TRAIN} box/runs", "box", (NONE, LIST, READ)),
    "train --record": (f"{TRAIN} runs --record box/r.json", "box", (NONE, LIST, READ)),
    "train --data": (f"{TRAIN} runs", "pictures", (NONE, LIST, ENTER)),
    "a picture": (f"{TRAIN} runs", "pictures/00.png", (NONE,)),
    "train --data.root": (f"train vae {SMALL} --data mnist --data.root box --out runs", "box", (NONE, LIST)),
    "train --resume": ("train --resume stopped", "stopped", (NONE, LIST, ENTER, READ)),
    "the checkpoint": ("train --resume stopped", "stopped/checkpoint.safetensors", (NONE,)),
    "the log": ("train --resume stopped", "stopped/metrics.jsonl", (NONE,)),
    "evaluate": ("evaluate run --draws 0", "run", (NONE, LIST, READ)),
    "evaluate weights": ("evaluate run --draws 0", "run/weights.safetensors", (NONE,)),
    "evaluate --record": ("evaluate run --draws 0 --record box/e.json", "box", (NONE, LIST, READ)),
    "figures": ("figures run", "run", (NONE, LIST, ENTER)),
    "figures config": ("figures run", "run/config.json", (NONE,)),
    "figures weights": ("figures run", "run/weights.safetensors", (NONE,)),
    "figures log": ("figures run", "run/metrics.jsonl", (NONE,)),
    "figures pictures": ("figures run", "run/figures", (NONE, LIST, READ)),
    "figures --out": ("figures --out box", "box", (NONE,)),
    "explore": ("explore run", "run", (NONE, LIST, READ)),
    "explore weights": ("explore run", "run/weights.safetensors", (NONE,)),
    "explore --out": ("explore run --out box/page.html", "box", (NONE, LIST, READ)),
    "grade": ("grade class --exercises 04 --sandbox none", "class", (NONE, LIST, ENTER)),
    "grade --out": ("grade class --exercises 04 --sandbox none --out box/t.csv", "box", (NONE, LIST, READ)),
    "check": ("check 04 --answers class/ada", "class/ada", (NONE, LIST, READ)),
    "an answer": ("check 04 --answers class/ada", "class/ada/04_kl.py", (NONE,)),
    "start": ("start --to box/new", "box", (NONE, LIST, READ)),
    "progress": ("progress --answers class/ada", "class/ada", (NONE, LIST)),
}
CASES = [(name, mode) for name, (_, _, modes) in REFUSED.items() for mode in modes]


@pytest.mark.parametrize(("name", "mode"), CASES, ids=[f"{name} {mode:o}" for name, mode in CASES])
def test_without_permission_it_is_one_line_and_nothing_changes(
    name: str, mode: int, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command, place, _ = REFUSED[name]
    if command.startswith("evaluate"):
        pytest.importorskip("torch")
    before = contents()
    assert run_without(command, place, mode) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert place in error
    assert "ermission denied" in error or "cannot be written" in error
    assert contents() == before


def test_an_evaluation_that_cannot_be_kept_is_refused_before_it_is_computed(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch")
    assert run_without("evaluate run", "run", READ) == 2
    found = capsys.readouterr()
    assert "run/evaluation.json: cannot be written" in found.err
    assert not found.out


def test_another_users_run_can_be_explored(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its folder and its lock can be read alone."""
    Path("run/.lock").touch()
    Path("run/.lock").chmod(0o444)
    assert run_without("explore run --out page.html", "run", READ) == 0
    assert not capsys.readouterr().err
    assert Path("page.html").stat().st_size > 100_000


@pytest.mark.parametrize("mode", [NONE, LIST, ENTER])
def test_a_learners_folder_costs_that_learner_alone(mode: int, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = "grade class --exercises 04 --sandbox none --out table.csv"
    assert run_without(command, "class/ada", mode) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "ada" in out
    assert "cannot be read (Permission denied)" in out
    assert "ben" in Path("table.csv").read_text()
