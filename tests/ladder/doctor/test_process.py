"""Files that crash, hang, leave Python or take memory: one line each, and nothing is left behind."""

import json
from pathlib import Path

import pytest

from exercises.kit.limits import Limits
from exercises.kit.sandbox import Sandbox
from foundation.errors import InputError
from ladder.cli import main
from ladder.doctor.command import request_of
from ladder.doctor.process import Request, measure, sandbox_for
from ladder.options import Doctor
from tests.support.doctor_variants import VARIANTS
from tools.doctor_table import MODELS


def request(path: Path) -> Request:
    return request_of(Doctor(file=str(path)))


def one_line(path: Path, seconds: float = 30.0, megabytes: int = 4096) -> str:
    """The error of a file."""
    with pytest.raises(InputError) as caught:
        measure(request(path), sandbox_for("auto"), Limits(seconds, megabytes))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_file_that_leaves_python_costs_one_line(tmp_path: Path) -> None:
    file = tmp_path / "leaves.py"
    file.write_text("import os\nos._exit(7)\n", encoding="utf-8")
    assert "exit code 7 (running the file" in one_line(file)


def test_a_file_without_a_vae_says_so(tmp_path: Path) -> None:
    file = tmp_path / "nothing.py"
    file.write_text("import sys\nsys.exit(3)\n", encoding="utf-8")
    assert "expected a torch module, or functions encode and decode" in one_line(file)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("import ctypes; ctypes.string_at(0)", "crashed"),
        ("import numpy; kept = [numpy.ones(2**25) for _ in range(100)]", "megabytes"),
    ],
)
def test_a_crash_and_a_memory_bomb_in_forward_cost_one_line(tmp_path: Path, body: str, words: str) -> None:
    file = tmp_path / "vae.py"
    head = "class VAE(nn.Module):\n    def forward(self, x):\n        "
    file.write_text(f"from torch import nn\n{head}{body}\n        return x\n", encoding="utf-8")
    said = one_line(file, megabytes=2048)
    assert words in said


@pytest.mark.slow
def test_an_endless_loop_in_forward_is_ended(tmp_path: Path) -> None:
    file = tmp_path / "vae.py"
    head = "class VAE(nn.Module):\n    def forward(self, x):\n        "
    file.write_text(f"from torch import nn\n{head}while True: pass\n", encoding="utf-8")
    said = one_line(file, seconds=4.0)
    assert "no end in 4 s (looking for the loss, in line 4)" in said


@pytest.mark.slow
def test_a_file_that_trains_without_end_is_examined_by_its_definitions(tmp_path: Path) -> None:
    file = tmp_path / "vae.py"
    file.write_text(f"{VARIANTS['kl_sign'].text()}\n\nwhile True:\n    pass\n", encoding="utf-8")
    measured = measure(request(file), sandbox_for("auto"), Limits(45.0, 4096))
    assert measured.loss is not None
    last = file.read_text(encoding="utf-8").splitlines().index("while True:") + 1
    assert measured.found.left_out == [f"statements that are no definitions, as the file ran too long: lines {last}"]


def test_where_nothing_is_found_the_statement_that_failed_is_named(tmp_path: Path) -> None:
    file = tmp_path / "vae.py"
    file.write_text("from torch import nn\n\n\nclass VAE(nn.Module):\n    size = SIZE\n", encoding="utf-8")
    assert "did not run: line 4: NameError: name 'SIZE' is not defined" in one_line(file)


@pytest.mark.slow
def test_in_a_sandbox_a_file_can_neither_write_beside_itself_nor_reach_the_network(tmp_path: Path) -> None:
    sandbox = sandbox_for("auto")
    if sandbox.kind == "none":
        pytest.skip("this machine has no sandbox")
    text = (MODELS / "right" / "functions_only.py").read_text(encoding="utf-8")
    tries = (
        f"open({str(tmp_path / 'written')!r}, 'w').write('x')\n"
        "import socket\nsocket.create_connection(('1.1.1.1', 53), timeout=2)\n"
    )
    file = tmp_path / "functions.py"
    file.write_text(f"{text}\n\n{tries}", encoding="utf-8")
    measured = measure(request(file), sandbox, Limits(60.0, 4096))
    assert not (tmp_path / "written").exists()
    assert len(measured.found.left_out) == 2


def test_the_command_names_a_fault_and_writes_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "found.json"
    assert main(["doctor", str(VARIANTS["kl_without_half"].write(tmp_path)), "--out", str(out)]) == 1
    said = capsys.readouterr().out
    assert "β = 2" in said
    assert "1 wrong, 0 that cannot be told" in said
    written = json.loads(out.read_text(encoding="utf-8"))
    assert [f["code"] for f in written["findings"] if f["kind"] == "fault"] == ["kl-half"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["not-there.py"], "found none"),
        (["tests"], "expected a Python file"),
        (["a b"], "expected FILE.py"),
        (["x.y:Z", "--input", "a,b"], "expected sizes"),
        (["x.y:Z", "--time-limit", "0"], "time limit"),
    ],
)
def test_unusable_input_is_one_line(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", *arguments]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


def test_names_after_a_colon() -> None:
    file = MODELS / "right" / "basic.py"
    assert request_of(Doctor(file=f"{file}:VAE")).object == "VAE"
    assert request_of(Doctor(file=f"{file}:VAE")).file == file.resolve()
    by_module = request_of(Doctor(file="package.module:Model"))
    assert (by_module.file, by_module.module, by_module.object) == (None, "package.module", "Model")


def test_the_rights_of_another_user_are_no_sandbox_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ladder.doctor.process.choose", lambda choice: Sandbox("user"))
    assert sandbox_for("auto").kind == "none"


@pytest.mark.slow
def test_rung_3_gets_a_clean_bill_by_its_modules_name(capsys: pytest.CaptureFixture[str]) -> None:
    make = "VAE(Encoder(Architecture(20)), Decoder(Architecture(20)))"
    assert main(["doctor", "paper.vae_paper:VAE", "--make", make]) == 0
    assert "0 wrong, 0 that cannot be told" in capsys.readouterr().out
