"""Help pages of every command, as terminals of any width and odd settings of COLUMNS show them."""

import os
import subprocess
import sys

import pytest

from ladder import cli
from ladder.cli import COMMANDS
from paper.models.options import MODELS

PAGES = ["", "train", *COMMANDS, *(f"train {name}" for name in MODELS)]


def help_page(page, columns, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", columns)
    assert cli.main([*page.split(), "--help"]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("page", PAGES)
def test_narrow_terminals_get_the_page_of_forty_columns(page, monkeypatch, capsys):
    expected = help_page(page, "40", monkeypatch, capsys)
    for columns in ("1", "2", "3", "4", "5", "20", "39"):
        assert help_page(page, columns, monkeypatch, capsys) == expected


@pytest.mark.parametrize("page", PAGES)
def test_odd_settings_count_as_none(page, monkeypatch, capsys):
    pages = {help_page(page, columns, monkeypatch, capsys) for columns in ("0", "", "-1", "²", "wide")}
    assert len(pages) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="pipes as POSIX has them")
@pytest.mark.parametrize("page", ["", "train vae"])
def test_a_page_that_is_read_in_part_is_no_error(page):
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "ladder.cli", *page.split(), "--help"]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")
