"""What everyday users meet, each as a command line: seeds of any size, folders that move, names of any letters."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from foundation.runs import Run, latest_run
from ladder import cli
from ladder.climb import progress_kept as kept_of_climb
from ladder.train import progress_kept
from tests.support.pictures import write_pictures

SMALL = "--channels 2 3 --hidden-dims 8 --latent-dim 2 --epochs 1 --batch-size 7"
RUNGS = ["numpy_impl", "pytorch_lowlevel", "paper"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_pictures(tmp_path_factory.mktemp("data") / "pictures")


@pytest.fixture
def no_pictures(monkeypatch):
    monkeypatch.setattr("ladder.figures.draw_run", lambda *_: [])


def train(data, out, more="--rung numpy_impl"):
    return cli.main(["train", "vae", *SMALL.split(), *more.split(), "--data", str(data), "--out", str(out)])


@pytest.mark.parametrize("rung", RUNGS)
@pytest.mark.parametrize("seed", [2**63, 2**64, 10**30])
def test_seeds_of_any_size(rung, seed, folder, tmp_path, no_pictures):
    if rung != "numpy_impl":
        pytest.importorskip("torch")
    assert train(folder, tmp_path / "runs", f"--rung {rung} --seed {seed}") == 0
    assert latest_run(tmp_path / "runs").config["options"]["seed"] == seed


@pytest.mark.parametrize("when", ["log", "save_weights", "draw"])
def test_a_run_folder_that_is_renamed_is_not_made_again(when, folder, tmp_path, monkeypatch, capsys):
    def rename_first(original):
        def renamed(run, *arguments, **named):
            if run.path.exists():
                run.path.rename(tmp_path / "renamed")
            return original(run, *arguments, **named)

        return renamed

    if when == "draw":
        monkeypatch.setattr("ladder.figures.draw_run", rename_first(lambda *_: []))
    else:
        monkeypatch.setattr("ladder.figures.draw_run", lambda *_: [])
        target = "check_there" if when == "save_weights" else "log"
        monkeypatch.setattr(Run, target, rename_first(getattr(Run, target)))
    assert train(folder, tmp_path / "runs") == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "No such file" in error if when == "log" else "was it renamed" in error
    assert not any((tmp_path / "runs").iterdir())
    assert (tmp_path / "renamed" / "config.json").is_file()


def test_splits_by_names_of_other_cases_are_said(tmp_path, no_pictures, capsys):
    (tmp_path / "pets").mkdir()
    for split, count in (("Train", 20), ("Test", 8)):
        write_pictures(tmp_path / "pets" / split, count)
    assert train(tmp_path / "pets", tmp_path / "runs") == 0
    assert "train: 20 images, test: 8 images (its own folders)" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["my runs", "[red]runs[/]", "a'b", "$HOME", "[/x]"])
def test_suggested_commands_can_be_pasted_and_paths_are_no_markup(name, folder, tmp_path, no_pictures, capsys):
    assert train(folder, tmp_path / name) == 0
    out, run = capsys.readouterr().out, latest_run(tmp_path / name)
    assert str(run.path) in out
    for line in (progress_kept(run), kept_of_climb(run)):
        assert "vae-ladder" not in line or shlex.split(line.partition("vae-ladder ")[2])[-1] == str(run.path)


def test_the_newest_run_is_the_one_that_started_last(folder, tmp_path, no_pictures):
    """The clock that names folders may be put back; the zone of `started` counts, too."""
    for _ in range(2):
        assert train(folder, tmp_path / "runs") == 0
    first, second = sorted((tmp_path / "runs").iterdir(), key=lambda path: path.stat().st_mtime_ns)
    for path, name, started in (
        (first, "2026-10-25_025900_train_vae", "2026-10-25T02:59:00+02:00"),
        (second, "2026-10-25_020100_train_vae", "2026-10-25T02:01:00+01:00"),
    ):
        config = json.loads((path / "config.json").read_text())
        (path / "config.json").write_text(json.dumps(config | {"started": started}))
        path.rename(path.with_name(name))
    assert latest_run(tmp_path / "runs").path.name == "2026-10-25_020100_train_vae"


@pytest.mark.parametrize("command", ["train vae", "experiment ae-vs-vae --quick"])
@pytest.mark.parametrize("place", ["file/x.json", "folder"])
def test_a_record_that_cannot_be_written_is_refused_first(command, place, tmp_path, monkeypatch, capsys):
    pytest.importorskip("torch")
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("")
    Path("folder").mkdir()
    assert cli.main([*command.split(), "--record", place]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert sorted(os.listdir()) == ["file", "folder"]


def test_a_run_whose_configuration_lacks_a_key(folder, tmp_path, no_pictures, capsys):
    assert train(folder, tmp_path / "runs") == 0
    (run,) = (tmp_path / "runs").iterdir()
    whole = json.loads((run / "config.json").read_text())
    for key in ("command", "model", "options", "image_shape", "class_count", "rung"):
        (run / "config.json").write_text(json.dumps({name: value for name, value in whole.items() if name != key}))
        capsys.readouterr()
        code = cli.main(["figures", str(run)])
        assert (code, capsys.readouterr().err.count("\n")) in ((2, 1), (0, 0))  # 0 where the key is not needed


@pytest.mark.skipif(sys.platform == "win32", reason="signals as POSIX has them")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
@pytest.mark.parametrize("module", ["signal", "ladder.cli", "foundation.arguments", "paper.models.options"])
def test_a_signal_during_the_imports_is_one_line(module, name):
    """Even where what imports takes every exception for its own, and where the import of `signal` is cut."""
    code = (
        "import os, sys\n"
        "class Stop:\n"
        "    def find_spec(self, name, *_):\n"
        f"        if name != {module!r}: return\n"
        "        if name == 'signal': raise KeyboardInterrupt\n"
        "        import signal\n"
        "        try:\n"
        f"            signal.raise_signal(signal.{name})\n"
        "        except BaseException: pass\n"
        "sys.modules.pop('signal', None)\n"
        "sys.meta_path.insert(0, Stop())\n"
        "from ladder.__main__ import main\n"
        "sys.exit(main())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (130, "vae-ladder: stopped before anything was written\n")
