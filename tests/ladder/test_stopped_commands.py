"""Ctrl-C and SIGTERM at 30 moments of every long command, drawn by a seed: one line, exit code 130, and whole files.

Every other moment brings a second signal up to a tenth of a second later, while the first one is being answered.

The first 20 to 50 ms of a process are outside of the program's reach: Python starts, reads the site's configuration
and finds the entry point, and a signal then ends it as it ends any Python program (for Ctrl-C perhaps with a
traceback, which names no file of the program). Nothing has been written by then, which is tested; one moment in ten
may fall there at most.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from tests.support.pictures import write_pictures
from tests.support.whole_files import assert_whole

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="signals as POSIX has them")]

SEED, MOMENTS = 14, 30
CHECKOUT = Path(__file__).parents[2]
STOPPED = 130
WATCHED = 2.5
"""Seconds of a watch, which ends by itself never."""

SMALL = "--channels 2 3 --hidden-dims 8 --latent-dim 2 --batch-size 8 --data ../pictures --out runs"
COMMANDS = {
    "train-numpy_impl": f"train vae --rung numpy_impl {SMALL} --epochs 20",
    "train-pytorch_lowlevel": f"train vae --rung pytorch_lowlevel {SMALL} --epochs 20",
    "train-paper": f"train vae --rung paper {SMALL} --epochs 20",
    "resume": "train --resume begun",
    "climb": f"climb {SMALL} --epochs 2",
    "evaluate": "evaluate run --draws 20 --images 8 --record evaluated.json",
    "experiment": "experiment conditional --quick --out runs --record experiment.json",
    "figures": "figures run",
    "explore": "explore run --out page.html",
    "parity": "parity --steps 20 --out parity.json",
    "gradcheck": "gradcheck",
    "bench": "bench --quick --json bench.json --figure bench.png",
    "grade": "grade class --exercises 01,04 --out table.csv --sandbox auto",
    "check": "check --all --answers class/ada",
    "watch": "watch 04 --answers class/ada",
}
NEEDS_TORCH = {"train-pytorch_lowlevel", "train-paper", "resume", "climb", "evaluate", "experiment", "parity", "bench"}


class Ended(NamedTuple):
    """How a command ended."""

    code: int
    error: str
    seconds: float


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures, a folder with a finished run, one that can be resumed, and the answers of two learners."""
    root = tmp_path_factory.mktemp("stops")
    write_pictures(root / "pictures")
    here = root / "begun"
    here.mkdir()
    train = f"train vae --rung {'paper' if has_torch() else 'numpy_impl'} {SMALL}"
    run_whole(f"{train} --epochs 2", here)
    take_run(here, "run")
    stop_in_second_epoch(f"{train} --epochs 40", here)
    take_run(here, "begun")
    for learner in ("ada", "ben"):
        run_whole(f"start --to class/{learner}", here)
    return here


def has_torch() -> bool:
    import importlib.util

    return importlib.util.find_spec("torch") is not None


def take_run(here: Path, name: str) -> None:
    """Give the only run its name."""
    (path,) = (here / "runs").iterdir()
    path.rename(here / name)
    (here / "runs").rmdir()


def stop_in_second_epoch(command: str, here: Path) -> None:
    """Ctrl-C as soon as a training has written its first checkpoint."""
    process = start(command, here)
    while not list(here.glob("runs/*/checkpoint.safetensors")):
        assert process.poll() is None, process.communicate()
        time.sleep(0.002)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=120)
    assert process.returncode == STOPPED, error
    assert not list(here.glob("runs/*/test.json"))


@pytest.fixture
def place(begun: Path) -> Iterator[Path]:
    """A fresh copy of what a command starts from, made anew for every moment by `refresh`."""
    yield begun.with_name("trial")
    shutil.rmtree(begun.with_name("trial"), ignore_errors=True)


def refresh(place: Path) -> None:
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(place.with_name("begun"), place)


def start(command: str, place: Path) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("VAE_LADDER_LANG")}
    environment |= {"PYTHONPATH": str(CHECKOUT), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "ladder", *command.split()],
        cwd=place,
        env=environment | {"VAE_LADDER_CACHE": str(place.with_name("cache"))},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Ctrl-C is ignored in what a shell script starts with &, and tests may run there.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


def run_whole(command: str, place: Path) -> float:
    """Seconds that a command takes when nothing stops it."""
    before = time.monotonic()
    process = start(command, place)
    _, error = process.communicate(timeout=600)
    assert process.returncode in (0, 1), error  # 1: the stubs of exercises do not pass
    return time.monotonic() - before


def run_stopped(command: str, place: Path, moment: float, number: int, again: float | None) -> Ended:
    """Run a command and send it a signal at a moment, and perhaps another one soon after."""
    process = start(command, place)
    before = time.monotonic()
    try:
        for pause in (moment, again):
            if pause is not None:
                time.sleep(pause)
                process.send_signal(number)
        at = time.monotonic() - before
        _, error = process.communicate(timeout=120)
    finally:
        process.kill()
    return Ended(process.returncode, error, time.monotonic() - before - at)


def is_python_alone(ended: Ended) -> bool:
    """Whether the signal came before the program's first line: Python's own end, with no file of the program."""
    ways = {-signal.SIGTERM: [""], -signal.SIGINT: ["", "KeyboardInterrupt"], 1: ["KeyboardInterrupt"]}
    lines = ended.error.strip().splitlines() or [""]
    return lines[-1] in ways.get(ended.code, []) and f'"{CHECKOUT / "ladder"}' not in ended.error


@pytest.mark.parametrize("name", COMMANDS)
def test_a_signal_at_any_moment(name: str, begun: Path, place: Path) -> None:
    if name in NEEDS_TORCH:
        pytest.importorskip("torch")
    command, rng = COMMANDS[name], np.random.default_rng([SEED, list(COMMANDS).index(name)])
    refresh(place)
    whole = WATCHED if name == "watch" else run_whole(command, place)
    counts = dict.fromkeys(("stopped", "finished", "Python alone"), 0)
    bad, slowest = [], 0.0
    for trial in range(MOMENTS):
        moment, number = whole * rng.random(), (signal.SIGINT, signal.SIGINT, signal.SIGTERM)[trial % 3]
        again = 0.1 * rng.random() if trial % 2 else None
        refresh(place)
        ended = run_stopped(command, place, moment, number, again)
        slowest = max(slowest, ended.seconds)
        at = f"{number.name} at {moment:.3f} of {whole:.3f} s, again after {again}: {ended}"
        if ended.code == STOPPED and is_promised_line(ended.error):
            counts["stopped"] += 1
        elif ended.code in (0, 1) and not ended.error:
            counts["finished"] += 1  # for `watch`, Ctrl-C is the same as q
        elif is_python_alone(ended):
            counts["Python alone"] += 1
            assert files(place) == files(begun), at
        else:
            bad.append(at)
        try:
            assert_whole(place)
        except (AssertionError, ValueError, OSError) as error:
            bad.append(f"{at}: {error}")
    print(name, counts, f"of {whole:.1f} s; at most {slowest:.1f} s until the end")
    assert not bad, "\n".join(bad)
    assert counts["stopped"] + (counts["finished"] if name == "watch" else 0) >= MOMENTS / 2
    assert counts["Python alone"] <= MOMENTS / 10 or whole < 1


def is_promised_line(error: str) -> bool:
    return error.count("\n") == 1 and error.startswith("vae-ladder: ") and "stopped" in error


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
