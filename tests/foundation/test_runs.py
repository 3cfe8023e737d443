"""Run folders: made once, found again, readable whatever ended the process that wrote them."""

import builtins
import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from foundation import runs
from foundation.architecture import Architecture, initial_parameters
from foundation.errors import InputError
from foundation.objective import Objective
from foundation.options import OptimizerOptions
from foundation.rung import describe_architecture
from foundation.runs import create_run, latest_run, open_run
from numpy_impl.rung import NumpyRung

SMALL = Architecture(latent_dim=2, channels=(2, 3), hidden_dim=5, image_shape=(1, 4, 4))


def one_line(caught: pytest.ExceptionInfo) -> str:
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_new_run_is_found_again(tmp_path: Path) -> None:
    config = {"data": "glyphs", "data_root": tmp_path, "options": OptimizerOptions(learning_rate=0.5)}
    run = create_run(tmp_path / "deep" / "runs", "climb", config)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d_\d{6}_climb", run.path.name)
    schedule = {"schedule": "constant", "warmup": 0.0}
    stored = {"name": "adam", "learning_rate": 0.5, "weight_decay": 0.0, "epsilon": 1e-8} | schedule
    assert run.config == {"data": "glyphs", "data_root": str(tmp_path), "options": stored}
    assert json.loads((run.path / "config.json").read_text()) == run.config
    assert open_run(run.path) == open_run(str(run.path)) == latest_run(tmp_path / "deep" / "runs") == run
    assert run.metrics() == []


def test_runs_of_one_second_get_folders_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs.time, "strftime", lambda *_: "2026-01-31_142501")
    made = []
    for i in range(12):
        made.append(create_run(tmp_path, "climb", {"seed": i}))
        os.utime(made[-1].path / "config.json", ns=(i, i))
    assert len({run.path for run in made}) == 12
    assert [open_run(run.path).config["seed"] for run in made] == list(range(12))
    assert [run.path.name for run in made[:3]] == [
        "2026-01-31_142501_climb",
        "2026-01-31_142501_climb-2",
        "2026-01-31_142501_climb-3",
    ]
    assert latest_run(tmp_path) == made[-1]  # not climb-9, which its name would sort last


def test_two_processes_never_share_a_folder(tmp_path: Path) -> None:
    script = "import sys; from foundation.runs import create_run; [create_run(sys.argv[1], 'r', {}) for _ in range(20)]"
    workers = [subprocess.Popen([sys.executable, "-c", script, str(tmp_path)]) for _ in range(2)]
    assert [worker.wait() for worker in workers] == [0, 0]
    assert len(list(tmp_path.iterdir())) == 40


def test_the_latest_run_goes_by_the_date_in_the_name(tmp_path: Path) -> None:
    for name, age in {"2026-01-31_142501_b": 0, "2026-02-01_080000_a": 500, "2025-12-31_235959_z": 100}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text("{}")
        os.utime(tmp_path / name / "config.json", (time.time() - age,) * 2)
    (tmp_path / "2027-01-01_000000_killed_before_config").mkdir()
    (tmp_path / "2028-01-01_000000_notes.txt").write_text("")
    assert latest_run(tmp_path).path.name == "2026-02-01_080000_a"


def test_a_renamed_run_counts_by_its_files(tmp_path: Path) -> None:
    for name, stamp in {"best": "2026-03-01", "zero": "2024-01-01"}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text("{}")
        os.utime(tmp_path / name / "config.json", (time.mktime(time.strptime(stamp, "%Y-%m-%d")),) * 2)
    (tmp_path / "2026-02-01_080000_a").mkdir()
    (tmp_path / "2026-02-01_080000_a" / "config.json").write_text("{}")
    assert latest_run(tmp_path).path.name == "best"


@pytest.mark.parametrize("missing", [True, False])
def test_no_run_at_all(tmp_path: Path, missing: bool) -> None:
    out = tmp_path / "runs"
    if not missing:
        (out / "empty").mkdir(parents=True)
    with pytest.raises(InputError, match="no run in this folder") as caught:
        latest_run(out)
    assert "vae-ladder" in one_line(caught)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "no config.json"),
        ("", "damaged"),
        ('{"data": "gly', "damaged"),
        ("[1, 2]", "expected a JSON object"),
        (b"\xff\xfe", "damaged"),
    ],
)
def test_a_folder_that_is_no_run(tmp_path: Path, content: str | bytes | None, expected: str) -> None:
    if content is not None:
        (tmp_path / "config.json").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError, match=expected) as caught:
        open_run(tmp_path)
    assert str(tmp_path) in one_line(caught)


def test_no_folder_at_all(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder, expected a run folder"):
        open_run(tmp_path / "nowhere")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="a file, expected a run folder"):
        open_run(tmp_path / "file")


@pytest.mark.parametrize("name", ["", ".", "..", "../up", "a/b", "a\\b", "-x", "a b", "a\nb"])
@pytest.mark.parametrize("what", ["run", "subrun"])
def test_names_that_would_leave_the_folder(tmp_path: Path, name: str, what: str) -> None:
    run = create_run(tmp_path / "runs", "climb", {})
    with pytest.raises(InputError, match="run name"):
        create_run(tmp_path, name, {}) if what == "run" else run.subrun(name, {})
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]


@pytest.mark.parametrize("out", ["file", "file/runs", "file/deep/runs"])
def test_a_file_where_the_folder_should_be(tmp_path: Path, out: str) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match="cannot write") as caught:
        create_run(tmp_path / out, "climb", {})
    one_line(caught)
    assert (tmp_path / "file").read_text() == "mine"


def test_a_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, *_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(self))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(InputError, match=r"cannot write .*_climb: Permission denied"):
        create_run(tmp_path, "climb", {})


def test_the_log_comes_back(tmp_path: Path) -> None:
    run = create_run(tmp_path, "train", {})
    run.log(kind="step", step=1, loss=np.float32(543.5), train_loss=None)
    run.log(kind="epoch", step=np.int64(2), loss=float("nan"), note="β\nγ")
    assert run.metrics() == [
        {"kind": "step", "step": 1, "loss": 543.5, "train_loss": None},
        {"kind": "epoch", "step": 2, "loss": None, "note": "β\nγ"},
    ]
    assert run.metrics_path.read_bytes().count(b"\n") == 2


def test_a_line_is_one_write_at_the_end_of_the_file(tmp_path: Path) -> None:
    """Lines of two writers may interleave, but each line stays whole."""
    script = (
        "import sys; from foundation.runs import open_run; run = open_run(sys.argv[1])\n"
        "for i in range(500): run.log(who=sys.argv[2], i=i, filling='x' * (i % 7 * 50))\n"
    )
    run = create_run(tmp_path, "train", {})
    workers = [subprocess.Popen([sys.executable, "-c", script, str(run.path), who]) for who in "ab"]
    assert [worker.wait() for worker in workers] == [0, 0]
    records = run.metrics()
    for who in "ab":
        assert [record["i"] for record in records if record["who"] == who] == list(range(500))


def test_a_line_costs_little_beside_a_training_step(tmp_path: Path) -> None:
    """In turns, and the best of several rounds: what else the machine does slows both."""
    run, (x, eps) = create_run(tmp_path, "train", {}), (np.zeros((1, 1, 28, 28)), np.zeros((1, 2)))
    rung = NumpyRung(Architecture(), initial_parameters(Architecture(), np.random.default_rng(0), np.float64))
    line = {"kind": "step", "epoch": 1, "loss": 1.0, "reconstruction": 1.0, "kl": 0.0, "beta": 1.0, "seconds": 0.1}
    tasks = {"log": lambda: run.log(step=7, **line), "step": lambda: rung.step(x, eps, Objective())}
    best = dict.fromkeys(tasks, float("inf"))
    for _ in range(10):
        for name, task in tasks.items():
            start = time.perf_counter()
            task()
            best[name] = min(best[name], time.perf_counter() - start)
    assert best["log"] < best["step"] / 3  # measured: a fortieth


@pytest.mark.parametrize("torn", [b'{"step": 3, "lo', b"{", b'{"word": "\xce', b"\0\0\0"])
def test_a_torn_last_line_is_left_out(tmp_path: Path, torn: bytes) -> None:
    run = create_run(tmp_path, "train", {})
    run.log(step=1)
    run.log(step=2)
    with open(run.metrics_path, "ab") as file:
        file.write(torn)
    assert run.metrics() == [{"step": 1}, {"step": 2}]


def test_a_last_line_that_lacks_only_its_end_counts(tmp_path: Path) -> None:
    run = create_run(tmp_path, "train", {})
    run.metrics_path.write_bytes(b'{"step": 1}\n{"step": 2}')
    assert run.metrics() == [{"step": 1}, {"step": 2}]


@pytest.mark.parametrize("bad", [b'{"step": 2, "lo', b"[2]", b"", b"2"])
def test_a_damaged_line_in_the_middle_is_named(tmp_path: Path, bad: bytes) -> None:
    run = create_run(tmp_path, "train", {})
    run.metrics_path.write_bytes(b'{"step": 1}\n' + bad + b'\n{"step": 3}\n')
    with pytest.raises(InputError, match=r"metrics\.jsonl, line 2") as caught:
        run.metrics()
    one_line(caught)


def test_a_full_disk_while_logging(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = create_run(tmp_path, "train", {})

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(builtins, "open", full)
    with pytest.raises(InputError, match=r"cannot write .*metrics\.jsonl: No space left on device"):
        run.log(step=1)


def test_weights_and_figures_have_their_place(tmp_path: Path) -> None:
    run = create_run(tmp_path, "train", {})
    parameters = initial_parameters(SMALL, np.random.default_rng(0))
    with pytest.raises(InputError, match=r"weights\.safetensors: no such file"):
        run.load_weights()
    run.save_weights(parameters, describe_architecture(SMALL))
    found, description = run.load_weights()
    assert description == describe_architecture(SMALL)
    assert all(np.array_equal(found[name], parameters[name]) for name in parameters)
    assert run.weights_path == run.path / "weights.safetensors"
    assert run.figure_path("samples") == run.path / "figures" / "samples.png"


def test_sub_runs_are_runs_in_the_order_of_their_making(tmp_path: Path) -> None:
    run = create_run(tmp_path, "climb", {"rungs": ["numpy_impl", "pytorch_lowlevel", "paper"]})
    for i, name in enumerate(["numpy_impl", "pytorch_lowlevel", "paper"]):
        run.subrun(name, {"rung": name}).log(step=i)
        os.utime(run.path / name / "config.json", ns=(i, i))
    (run.path / "figures").mkdir()
    found = run.subruns()
    assert list(found) == ["numpy_impl", "pytorch_lowlevel", "paper"]
    assert found["paper"].config == {"rung": "paper"}
    assert found["paper"].metrics() == [{"step": 2}]
    assert found["paper"].subruns() == {}
    assert latest_run(tmp_path) == run  # a sub-run is no run of its own
    with pytest.raises(InputError, match="there already"):
        run.subrun("paper", {})
    assert run.subruns()["paper"].config == {"rung": "paper"}


def test_a_run_can_be_moved(tmp_path: Path) -> None:
    run = create_run(tmp_path / "runs", "climb", {})
    run.subrun("paper", {}).log(step=1)
    shutil.move(run.path, tmp_path / "elsewhere")
    assert open_run(tmp_path / "elsewhere").subruns()["paper"].metrics() == [{"step": 1}]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs kill -9")
def test_kill_9_at_any_moment_leaves_what_was_finished(tmp_path: Path) -> None:
    """A process writes as fast as it can; the last step it told us of must be in the log, and its weights whole."""
    script = (
        "import sys, numpy as np\n"
        "from foundation.architecture import *; from foundation.runs import create_run\n"
        "from foundation.rung import describe_architecture\n"
        "a = Architecture(latent_dim=2); d = describe_architecture(a)\n"
        "run = create_run(sys.argv[1], 'train', {})\n"
        "for step in range(10**9):\n"
        "    run.log(step=step, filling='x' * 1000)\n"
        "    if step % 5 == 0: run.save_weights(initial_parameters(a, np.random.default_rng(0)), d)\n"
        "    print(step, flush=True)\n"
    )
    for i in range(3):
        out = tmp_path / str(i)
        with subprocess.Popen([sys.executable, "-c", script, str(out)], stdout=subprocess.PIPE, text=True) as process:
            told = [int(process.stdout.readline()) for _ in range(20 + 7 * i)]
            process.kill()
        run = latest_run(out)
        steps = [record["step"] for record in run.metrics()]
        assert steps == list(range(len(steps)))
        assert steps[-1] >= told[-1]
        assert run.load_weights()[1] == describe_architecture(Architecture(latent_dim=2))


def test_lines_that_are_no_longer_wanted_are_dropped(tmp_path: Path) -> None:
    run = create_run(tmp_path, "train", {})
    for step in range(5):
        run.log(kind="step", step=step, loss=0.1 + step)
    kept = run.metrics_path.read_bytes().splitlines(keepends=True)[:3]
    with open(run.metrics_path, "ab") as file:
        file.write(b'{"kind": "step", "st')  # as a killed process leaves it
    run.keep_metrics(lambda line: line["step"] < 3)
    assert run.metrics_path.read_bytes() == b"".join(kept)
    run.log(kind="step", step=3)
    assert [line["step"] for line in run.metrics()] == [0, 1, 2, 3]


def test_lines_that_are_kept_stay_byte_for_byte(tmp_path: Path) -> None:
    """What another program wrote is kept as it wrote it, not as it was understood."""
    run = create_run(tmp_path, "train", {})
    lines = [b'{ "step" : 1, "loss": 1.50 }\n', b'{"step": 2, "loss": 1e2, "note": "\\u00e9"}\n', b'{"step": 3}\n']
    run.metrics_path.write_bytes(b"".join(lines))
    run.keep_metrics(lambda line: line["step"] < 3)
    assert run.metrics_path.read_bytes() == b"".join(lines[:2])


def test_dropping_lines_of_no_log_leaves_an_empty_one(tmp_path: Path) -> None:
    run = create_run(tmp_path, "train", {})
    run.keep_metrics(lambda line: True)
    assert run.metrics() == []


# One process a folder


def test_a_folder_is_held_by_one_at_a_time(tmp_path: Path) -> None:
    run = create_run(tmp_path, "train", {})
    with run.hold():
        with pytest.raises(InputError, match="in use, another process is training there") as caught, run.hold():
            pass
        assert str(run.path) in one_line(caught)
    with run.hold():  # free again, though the lock's file stays
        assert (run.path / ".lock").exists()


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs kill -9")
def test_a_killed_process_holds_nothing(tmp_path: Path) -> None:
    run = create_run(tmp_path, "train", {})
    script = (
        "import sys, time; from foundation.runs import open_run\n"
        "with open_run(sys.argv[1]).hold(): print('held', flush=True); time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(run.path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        with pytest.raises(InputError, match="in use"), run.hold():
            pass
        process.kill()
    with run.hold():
        pass


HOLDING = """
import os, sys, time
from foundation.errors import InputError
from foundation.runs import open_run
run, mark, tries = open_run(sys.argv[1]), sys.argv[2], int(sys.argv[3])
held = overlaps = 0
for _ in range(tries):
    try:
        with run.hold():
            try:
                os.close(os.open(mark, os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                overlaps += 1
            else:
                held += 1
                time.sleep(0)
                os.unlink(mark)
    except InputError:
        pass
print(held, overlaps)
"""
"""Takes and leaves the lock many times; a mark that is there already was made by another holder."""


@pytest.mark.parametrize("tries", [100, pytest.param(500, marks=pytest.mark.slow)])
def test_six_processes_never_hold_a_folder_at_once(tmp_path: Path, tries: int) -> None:
    run = create_run(tmp_path, "train", {})
    command = [sys.executable, "-c", HOLDING, str(run.path), str(tmp_path / "mark"), str(tries)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(6)]
    counts = [tuple(map(int, process.communicate()[0].split())) for process in processes]
    assert all(process.returncode == 0 for process in processes)
    assert sum(overlaps for _, overlaps in counts) == 0
    assert sum(held for held, _ in counts) >= tries / 2  # of 6 tries each, as many as get in


# The model of a run

CONFIG = {
    "command": "train",
    "model": "vae",
    "rung": "numpy_impl",
    "options": {"model": {"latent_dim": 2, "channels": [2, 3], "hidden_dims": [5]}},
    "image_shape": [1, 4, 4],
    "class_count": 0,
}


def test_a_run_describes_its_model(tmp_path: Path) -> None:
    assert create_run(tmp_path, "train", CONFIG).description() == describe_architecture(SMALL)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"command": "climb"}, "expected the run of one model; of a climb name a rung's folder in it"),
        ({"options": {}}, "damaged, expected model and options"),
        ({"options": []}, "damaged"),
        ({"image_shape": [4, 4]}, "damaged"),
        ({"image_shape": ["wide", 4, 4]}, "damaged"),
        ({"class_count": None}, "damaged"),
    ],
)
def test_a_run_that_describes_no_model(tmp_path: Path, change: dict, expected: str) -> None:
    with pytest.raises(InputError, match=expected) as caught:
        create_run(tmp_path, "train", CONFIG | change).description()
    assert str(next(tmp_path.iterdir())) in one_line(caught)


# Strangers' runs


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (b"{", "expected a JSON object"),
        (b"[]", "expected a JSON object"),
        ('{"data": "glyphs"}'.encode("utf-16"), "expected a JSON object"),
        (b'{"data": "\\ud800"}', "expected a JSON object"),
        (b"[" * 100_000, "expected a JSON object"),
        (b'{"class_count": NaN}', "expected a JSON object"),
        (b'{"depth": 3}', "'depth': unknown, expected one of command"),
        (b'{"class_count": "ten"}', "Expected `int | null`, got `str` - at `$.class_count`"),
        (b'{"class_count": -1, "image_shape": [1, 4, 4]}', "class_count: expected an integer of at least 0, got -1"),
        (b'{"image_shape": [1, 4]}', "length 3"),
        (b'{"image_shape": [1, 4, 0]}', "image_shape: expected integers of at least 1, got 0"),
        (b'{"versions": {"numpy": 2}}', "$.versions"),
        (b'{"parameters": -5}', "parameters: expected a count, got -5"),
        (b'{"data": "' + b"x" * 2**21 + b'"}', "expected at most 1,048,576 bytes"),
    ],
)
def test_a_config_that_is_none(tmp_path: Path, config: bytes, expected: str) -> None:
    run = create_run(tmp_path, "train", {})
    (run.path / "config.json").write_bytes(config)
    with pytest.raises(InputError) as caught:
        open_run(run.path)
    assert expected in one_line(caught)
    assert one_line(caught).startswith(str(run.path / "config.json"))


def test_a_line_of_megabytes_and_a_log_of_holes(tmp_path: Path) -> None:
    run = create_run(tmp_path, "train", {})
    run.metrics_path.write_bytes(b'{"step": 1}\n{"note": "' + b"x" * 3_000_000 + b'"}\n')
    with pytest.raises(InputError, match=r"metrics\.jsonl, line 2: damaged"):
        run.metrics()
    run.metrics_path.write_bytes(b'{"step": 1}\n')
    os.truncate(run.metrics_path, 5 * 2**30)
    with pytest.raises(InputError, match=r"metrics\.jsonl, line 2: damaged"):
        run.metrics()


needs_links = pytest.mark.skipif(os.name == "nt", reason="Windows makes links only for administrators")


@needs_links
def test_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    """A run from elsewhere may hold links; they must not choose which of the reader's files are overwritten."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "diary").write_text("dear diary\n")
    run = create_run(tmp_path / "runs", "climb", {})
    run.metrics_path.symlink_to(tmp_path / "mine" / "diary")
    with pytest.raises(InputError, match=r"cannot write .*metrics\.jsonl"):
        run.log(step=1)
    (run.path / ".lock").symlink_to(tmp_path / "mine" / "diary")
    with pytest.raises(InputError), run.hold():
        pass
    assert (tmp_path / "mine" / "diary").read_text() == "dear diary\n"

    other = create_run(tmp_path / "mine", "train", {})
    (run.path / "paper").symlink_to(other.path)
    with pytest.raises(InputError, match="a link, expected a folder of the run's own"):
        run.subruns()
    (run.path / "figures").symlink_to(tmp_path / "mine")
    with pytest.raises(InputError, match="figures: a link"):
        open_run(run.path)


@needs_links
def test_a_log_that_is_a_pipe_or_a_device(tmp_path: Path) -> None:
    run = create_run(tmp_path, "train", {})
    os.mkfifo(run.metrics_path)
    with pytest.raises(InputError, match=r"metrics\.jsonl: cannot be read \(expected a regular file\)"):
        run.metrics()
    with pytest.raises(InputError, match=r"cannot write .*metrics\.jsonl"):
        run.log(step=1)
    run.metrics_path.unlink()
    run.metrics_path.symlink_to("/dev/zero")
    with pytest.raises(InputError, match="cannot be read"):
        run.metrics()
