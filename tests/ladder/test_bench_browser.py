"""`vae-ladder bench --browser`: what it prints and writes, and the page's speed measured in a browser that is there."""

import json

import pytest

from ladder import cli
from ladder.bench import browser, command
from ladder.bench.browser import BrowserResults
from ladder.bench.timing import Time

MADE_UP = BrowserResults("Chromium 1.2", 8.8, Time(0.002, 0.001, 0.003), Time(0.004, 0.003, 0.005), 0.5, 240.0)


def test_it_prints_what_was_measured_beside_what_is_promised(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(command, "measure_browser", lambda now: MADE_UP)
    path = tmp_path / "bench.json"
    assert cli.main(["bench", "--browser", "--json", str(path)]) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "first picture (ms) 500 ≤ 1,000" in lines
    assert "decode an image (ms) 2.00 ±50% ≤ 8" in lines
    assert "encode, decode and loss (ms) 4.00 ±25% ≤ 16" in lines
    assert "training steps a second, 2-D points 240 ≥ 100" in lines
    assert json.loads(path.read_text())["decode"] == {"median": 0.002, "low": 0.001, "high": 0.003}


def test_without_a_browser_it_says_so_in_one_line(monkeypatch, tmp_path, capsys):
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert cli.main(["bench", "--browser"]) == 2
    error = capsys.readouterr().err
    assert "no Chromium or Chrome found; install one, or name it in CHROMIUM" in error
    assert error.count("\n") == 1


def test_a_browser_that_does_not_start_is_one_line(monkeypatch, capsys):
    pytest.importorskip("playwright")
    monkeypatch.setenv("CHROMIUM", "/nowhere/chromium")
    assert cli.main(["bench", "--browser"]) == 2
    error = capsys.readouterr().err
    assert "/nowhere/chromium does not start" in error
    assert error.count("\n") == 1


def test_a_page_is_measured_in_the_browser():
    pytest.importorskip("playwright")
    try:
        browser.executable()
    except ValueError:
        pytest.skip("needs Chromium or Chrome")
    results = browser.measure_browser()
    assert results.browser.startswith("Chromium ")
    assert 0 < results.decode.low <= results.decode.median <= results.decode.high
    assert results.decode.median < results.loss.median, "a loss decodes too"
    assert results.first_picture > 0
    assert results.steps_per_second > 0
    assert 8 < results.megabytes < 9
