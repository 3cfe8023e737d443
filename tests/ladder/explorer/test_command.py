"""`vae-ladder explore`: whole pages from runs and climbs, and one line for what cannot be explored."""

import dataclasses
import json
import re
import shutil

import numpy as np
import pytest
import safetensors.numpy

from foundation.language import set_language
from foundation.runs import create_run, open_run
from ladder.cli import main
from ladder.explorer.command import SHIPPED, report_page
from paper.models.options import VAEOptions
from paper.runs import read_data
from tests.support.explored_runs import images, make_data, make_run

GLYPHS = VAEOptions(latent_dim=2, channels=(3, 4), hidden_dims=(8,))


@pytest.fixture(scope="module")
def glyph_run(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("runs"), GLYPHS, glyph_data())


def glyph_data():
    """Data of the shape of glyphs, as a run's config.json describes it; the command loads the real ones."""
    return make_data(dataclasses.replace(images(20, (1, 28, 28)), classes=tuple("0123456789")))


def explore(capsys, *arguments):
    """The exit code, and what was said on both streams."""
    code = main(["explore", *map(str, arguments)])
    said = capsys.readouterr()
    return code, said.out, said.err


def payload_in(path):
    text = path.read_text("utf-8").partition('id="payload">')[2].partition("</script>")[0]
    return json.loads(text)


def test_the_page_of_a_run_lies_in_its_folder(glyph_run, capsys):
    code, out, _ = explore(capsys, glyph_run.path)
    page = glyph_run.path / "explorer.html"
    assert code == 0
    assert str(page) in out
    assert "vae, Z = 2, glyphs: " in out
    (shown,) = payload_in(page)["runs"]
    assert (shown["rung"], shown["name"]) == ("numpy_impl", glyph_run.path.name)
    assert shown["codes"]["count"] == 2000
    assert {path.name for path in glyph_run.path.iterdir()} == {"config.json", "weights.safetensors", "explorer.html"}


def test_two_runs_in_one_page_as_float16(glyph_run, tmp_path, capsys):
    other = make_run(tmp_path, VAEOptions(latent_dim=3, channels=(3, 4), hidden_dims=(8,)), glyph_data())
    code, out, _ = explore(capsys, glyph_run.path, other.path, "--half", "--out", tmp_path / "page.html")
    assert code == 0
    assert out.count("float16 weights change no pixel of x̂ by more than") == 2
    shown = payload_in(tmp_path / "page.html")["runs"]
    assert [run["description"]["options"]["latent_dim"] for run in shown] == [2, 3]
    assert [run["dtype"] for run in shown] == ["float16", "float16"]


def test_the_page_opens_in_the_language_of_the_command(glyph_run, tmp_path, capsys):
    """A Korean one in Korean, an English one in that of the browser; in a report always in that of the report."""
    for name, opens in (("en", ""), ("ko", ' data-language="ko"')):
        assert explore(capsys, glyph_run.path, "--out", tmp_path / f"{name}.html", "--lang", name)[0] == 0
        assert f'<html lang="en"{opens}>' in (tmp_path / f"{name}.html").read_text("utf-8")
    climb = climb_of(tmp_path, "numpy_impl")
    for name in ("ko", "en"):
        set_language(name)
        assert f'<html lang="en" data-language="{name}">' in report_page(climb, glyph_data())


def climb_of(folder, *names):
    """A climb with these rungs."""
    climb = create_run(folder, "climb", {"command": "climb", "rungs": list(names)})
    for name in names:
        made = make_run(folder / "parts", GLYPHS, glyph_data(), rung=name)
        shutil.copytree(made.path, climb.path / name)
    return open_run(climb.path)


def test_a_climb_gives_its_rungs(tmp_path, capsys):
    pytest.importorskip("torch")
    climb = climb_of(tmp_path, "paper", "numpy_impl", "pytorch_lowlevel")
    code, _, _ = explore(capsys, climb.path)
    shown = payload_in(climb.path / "explorer.html")["runs"]
    assert code == 0
    assert [run["rung"] for run in shown] == ["numpy_impl", "pytorch_lowlevel", "paper"]
    assert len({run["weights"] for run in shown}) == 1


def test_without_a_run_the_shipped_model_is_shown(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    code, out, _ = explore(capsys)
    assert code == 0
    assert "explorer.html" in out
    (shown,) = payload_in(tmp_path / "explorer.html")["runs"]
    assert shown["classes"] == list("0123456789")
    assert (SHIPPED / "weights.safetensors").stat().st_size <= 300_000
    assert not list(SHIPPED.glob("explorer.html"))


def test_the_shipped_model_is_a_good_one():
    """Its reconstructions are nearer to their images than a grey image and than the mean image are."""
    from ladder.rungs import open_rung

    run = open_run(SHIPPED)
    test = read_data(run).test.subset(slice(0, 200))
    x_hat = open_rung(run).reconstruct(test.images)
    error = np.square(x_hat - test.images).mean()
    assert error < 0.6 * np.square(test.images.mean(0) - test.images).mean()


def test_the_report_of_a_climb_has_its_rungs_or_the_last_or_none(tmp_path, monkeypatch):
    pytest.importorskip("torch")
    climb = climb_of(tmp_path, "numpy_impl", "paper")
    data = read_data(next(iter(climb.subruns().values())))
    page = report_page(climb, data)
    assert page.count('"dtype":"float16"') == 2
    for largest, rungs in ((1, 0), (15_000, 1)):
        monkeypatch.setattr("ladder.explorer.command.LARGEST_IN_REPORT", largest)
        page = report_page(climb, data)
        assert (0 if page is None else page.count('"dtype":"float16"')) == rungs
    assert report_page(climb_of(tmp_path / "none"), data) is None


# What cannot be explored


def damaged(run, tmp_path, change):
    """A copy of a run with a change to its files."""
    path = tmp_path / "copy"
    shutil.copytree(run.path, path, ignore=shutil.ignore_patterns("*.html"))
    change(path)
    return path


def other_weights(path):
    tensors = safetensors.numpy.load_file(path / "weights.safetensors")
    with safetensors.safe_open(path / "weights.safetensors", "numpy") as file:
        about = file.metadata()
    tensors["encoder.fc.weight"] = np.zeros((9, 5), np.float32)
    (path / "weights.safetensors").write_bytes(safetensors.numpy.save(tensors, about))


def changed_config(**changes):
    def change(path):
        config = json.loads((path / "config.json").read_text())
        (path / "config.json").write_text(json.dumps(config | changes))

    return change


BAD = {
    "no weights": (lambda path: (path / "weights.safetensors").unlink(), "no weights yet"),
    "weights of another architecture": (other_weights, "tensor 'encoder.fc.weight' has shape"),
    "half a file of weights": (
        lambda path: (path / "weights.safetensors").write_bytes((path / "weights.safetensors").read_bytes()[:2000]),
        "truncated or damaged",
    ),
    "no JSON": (lambda path: (path / "config.json").write_text("{"), "damaged, expected a JSON object"),
    "another command": (changed_config(command="experiment"), "not a run folder of vae-ladder"),
    "an unknown model": (changed_config(model="</script><script>"), "expected"),
    "an unknown rung": (changed_config(rung="</script><script>"), "rung: expected numpy_impl, as in its options"),
    "no rung": (changed_config(rung=None), "rung: expected numpy_impl, as in its options"),
    "NaN": (lambda path: weights_with(path, np.nan), "holds NaN or infinity"),
    "weights that are too large": (lambda path: weights_with(path, 3e38), "codes hold NaN or infinity"),
}


def weights_with(path, value):
    tensors = safetensors.numpy.load_file(path / "weights.safetensors")
    with safetensors.safe_open(path / "weights.safetensors", "numpy") as file:
        about = file.metadata()
    tensors["encoder.fc.weight" if np.isfinite(value) else "encoder.fc.bias"][:] = value
    del about["digest"]  # as an older file, or one of another program
    (path / "weights.safetensors").write_bytes(safetensors.numpy.save(tensors, about))


@pytest.mark.parametrize("what", BAD)
def test_a_run_that_cannot_be_used_is_one_line_and_no_file(what, glyph_run, tmp_path, capsys):
    change, message = BAD[what]
    path = damaged(glyph_run, tmp_path, change)
    before = sorted(path.iterdir())
    code, out, err = explore(capsys, path)
    assert code == 2
    assert message in err
    assert err.count("\n") == 1
    assert not out
    assert sorted(path.iterdir()) == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "nowhere: no such folder, expected a run folder"),
        (["."], ".: not a run folder, it has no config.json"),
        ([SHIPPED, SHIPPED, SHIPPED], "runs: expected at most 2 in one page, got 3"),
        ([SHIPPED, "--out", "."], "expected a file to write, got a folder"),
        ([SHIPPED, "--hafl"], "unknown option '--hafl'; did you mean --half?"),
    ],
)
def test_bad_arguments_are_one_line(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    code, _, err = explore(capsys, *arguments)
    assert code == 2
    assert message in err
    assert err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_run_that_is_still_being_trained_is_refused(glyph_run, tmp_path, capsys):
    path = damaged(glyph_run, tmp_path, lambda path: None)
    run = open_run(path)
    with run.hold():
        code, _, err = explore(capsys, path)
    assert (code, err.count("\n")) == (2, 1)
    assert "still being trained" in err
    assert not (path / "explorer.html").exists()
    assert explore(capsys, path)[0] == 0


def test_a_model_too_large_is_one_line(tmp_path, monkeypatch, capsys):
    run = make_run(tmp_path, VAEOptions(latent_dim=2, channels=(32, 64), hidden_dims=(1600,)), glyph_data())
    code, _, err = explore(capsys, run.path)
    assert (code, err.count("\n")) == (2, 1)
    assert re.search(r"10,\d+,\d+ parameters make a page of 50 MB, expected at most 48 MB; --half makes it half", err)
    assert not (run.path / "explorer.html").exists()


def test_an_old_page_stays_where_a_new_one_fails(glyph_run, tmp_path, capsys):
    path = damaged(glyph_run, tmp_path, other_weights)
    (path / "explorer.html").write_text("old")
    assert explore(capsys, path)[0] == 2
    assert (path / "explorer.html").read_text() == "old"


def test_the_help_names_the_command(capsys):
    assert main(["--help"]) == 0
    assert "explore" in capsys.readouterr().out
    assert main(["explore", "--help"]) == 0
    assert "[RUN] [RUN]" in capsys.readouterr().out
