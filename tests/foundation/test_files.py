"""Files appear whole or not at all, and JSON is JSON."""

import dataclasses
import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from foundation.errors import InputError
from foundation.files import remove_leftovers, to_json, write_atomically, write_bytes, write_json, write_text


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_text_and_bytes_come_back_as_they_were(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "β × 한글\n")
    write_bytes(tmp_path / "b.bin", b"\x00\r\n\xff")
    assert (tmp_path / "a.txt").read_bytes() == "β × 한글\n".encode()
    assert (tmp_path / "b.bin").read_bytes() == b"\x00\r\n\xff"
    assert names(tmp_path) == ["a.txt", "b.bin"]


def test_temporary_files_of_killed_processes_are_removed_when_they_are_old(tmp_path: Path) -> None:
    old = [".weights.0123abcd.tmp.safetensors", "figures/.x y.ffffffff.tmp.png", ".04_kl.00000000.tmp"]
    kept = [
        ".weights.0123abcg.tmp.safetensors",
        "weights.0123abcd.tmp",
        ".tmp",
        ".a.tmp.py",
        "figures/.new.01234567.tmp",
    ]
    for name in old + kept:
        write_text(tmp_path / name, "half")
        if "new" not in name:
            os.utime(tmp_path / name, (1, 1))
    remove_leftovers(tmp_path)
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()) == sorted(kept)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs kill -9")
def test_names_of_temporary_files_are_those_that_are_removed(tmp_path: Path) -> None:
    script = (
        "import os, signal, sys; from foundation.files import write_atomically\n"
        "with write_atomically(sys.argv[1]) as temporary:\n"
        "    temporary.write_text('half'); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    for name in ("a.json", "b", "c.tar.gz"):
        subprocess.run([sys.executable, "-c", script, tmp_path / name])
    assert len(names(tmp_path)) == 3
    for path in tmp_path.iterdir():
        os.utime(path, (1, 1))
    remove_leftovers(tmp_path)
    assert names(tmp_path) == []


def test_missing_folders_are_made(tmp_path: Path) -> None:
    write_text(tmp_path / "one" / "two" / "a.txt", "x")
    assert (tmp_path / "one" / "two" / "a.txt").read_text() == "x"


def test_libraries_that_go_by_the_suffix_write_to_the_right_place(tmp_path: Path) -> None:
    with write_atomically(tmp_path / "a.npz") as temporary:
        np.savez(temporary, x=np.arange(3))
    assert names(tmp_path) == ["a.npz"]
    assert np.load(tmp_path / "a.npz")["x"].tolist() == [0, 1, 2]


def test_the_new_content_is_not_seen_before_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "old")
    with write_atomically(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
        assert temporary.parent == tmp_path
    assert path.read_text() == "new"


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt])
def test_a_failure_while_writing_leaves_the_old_file_alone(tmp_path: Path, failure: type[BaseException]) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "old")

    def fail_half_way() -> None:
        with write_atomically(path) as temporary:
            temporary.write_text("half of the n")
            raise failure

    with pytest.raises(failure):
        fail_half_way()
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    path = tmp_path / "a.txt"
    write_text(path, "old")
    monkeypatch.setattr(os, call, full)
    with pytest.raises(InputError, match=r"cannot write .*a\.txt: No space left on device") as caught:
        write_text(path, "new")
    assert "\n" not in str(caught.value)
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_the_content_is_on_the_disk_before_it_gets_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda *a: (calls.append("fsync"), fsync(*a)))
    monkeypatch.setattr(os, "replace", lambda *a: (calls.append("replace"), replace(*a)))
    write_text(tmp_path / "a.txt", "x")
    assert calls == ["fsync", "replace"]


def test_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("no folder")
    with pytest.raises(InputError, match="cannot write"):
        write_text(tmp_path / "runs" / "a.txt", "x")
    assert (tmp_path / "runs").read_text() == "no folder"


def test_a_folder_in_place_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.txt").mkdir()
    with pytest.raises(InputError, match="cannot write"):
        write_text(tmp_path / "a.txt", "x")
    assert names(tmp_path) == ["a.txt"]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs kill -9")
def test_kill_9_in_the_middle_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "old")
    script = (
        "import os, signal, sys; from foundation.files import write_atomically\n"
        "with write_atomically(sys.argv[1]) as temporary:\n"
        "    temporary.write_text('half'); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(path)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert path.read_text() == "old"
    write_text(path, "new")
    assert path.read_text() == "new"


@dataclasses.dataclass
class Point:
    x: float
    where: Path


class Pair(NamedTuple):
    left: int
    right: tuple


def test_json_knows_the_types_of_the_field(tmp_path: Path) -> None:
    value = {
        "point": Point(np.float32(0.5), Path("a") / "b"),
        "pair": Pair(np.int64(3), (1, True, None)),
        "array": np.arange(4.0).reshape(2, 2),
        "ok": np.bool_(True),
        "word": "β",
    }
    write_json(tmp_path / "a.json", value)
    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert json.loads(text) == {
        "point": {"x": 0.5, "where": str(Path("a") / "b")},
        "pair": {"left": 3, "right": [1, True, None]},
        "array": [[0.0, 1.0], [2.0, 3.0]],
        "ok": True,
        "word": "β",
    }
    assert "β" in text
    assert text.endswith("}\n")


@pytest.mark.parametrize("value", [float("nan"), np.float32("inf"), np.array([1.0, -np.inf])])
def test_what_is_not_finite_becomes_null(value: object) -> None:
    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is not JSON")

    assert None in np.atleast_1d(json.loads(to_json({"value": value}), parse_constant=refuse)["value"]).tolist()


def test_json_refuses_what_it_cannot_say(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        write_json(tmp_path / "a.json", {"value": object()})
    assert names(tmp_path) == []
