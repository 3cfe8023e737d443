"""`vae-ladder climb --mine` and `parity --mine`: what is trained, compared and reported, and how they refuse."""

import functools
import json

import pytest

from foundation.runs import open_run
from ladder import cli
from ladder.figures import parts
from ladder.parity import compare
from tests.support.own_answers import SOLUTION, WRONG_KL, write_texts
from tests.support.pictures import write_pictures

NAN_KL = WRONG_KL.replace("float(np.sum", "float(np.nan * np.sum")


@pytest.fixture
def folder(tmp_path):
    return write_pictures(tmp_path / "pictures")


@pytest.fixture(autouse=True)
def compare_briefly(monkeypatch):
    monkeypatch.setattr("ladder.climb.compare", functools.partial(compare, steps=2))


def climb(folder, answers, out, *more):
    words = f"climb --mine --rungs numpy_impl --data {folder} --epochs 1 --answers {answers} --out {out}".split()
    return cli.main([*words, *more])


def test_climb_trains_draws_and_reports_the_learners_functions(folder, tmp_path, capsys):
    answers = write_texts(tmp_path / "answers", _04_kl=SOLUTION.format(name="04_kl"))
    assert climb(folder, answers, tmp_path / "runs") == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "Your own functions run in this process" in out
    assert "your own: kl (04)" in out
    assert "ours, as yours is not written yet: bce (05), bce_backward (05), reparameterize (06)" in out
    (path,) = (tmp_path / "runs").iterdir()
    run = open_run(path)
    assert list(parts(run)) == ["numpy_impl", "mine"]
    config = run.subruns()["mine"].config["mine"]
    assert config["kl (04)"] == "your own"
    assert config["adam (12)"] == "ours, as yours is not written yet"
    assert (path / "mine" / "figures" / "manifold.png").is_file()
    losses = [json.loads((path / name / "test.json").read_text())["sampled"] for name in ("numpy_impl", "mine")]
    assert losses[1] == pytest.approx(losses[0], rel=1e-5)
    parity = json.loads((path / "parity.json").read_text())
    assert {tuple(check["pair"]) for check in parity["checks"]} == {("numpy_impl", "mine")}
    report = (path / "report.html").read_text(encoding="utf-8")
    assert "your own functions" in report
    assert "<code>kl (04)</code>: your own" in report
    assert cli.main(["figures", str(path)]) == 0, "the pictures need weights alone"
    capsys.readouterr()
    assert cli.main(["train", "--resume", str(path / "mine")]) == 2
    assert "trained by your own functions" in capsys.readouterr().err


def test_a_wrong_function_is_replaced_and_named_or_used_as_written(folder, tmp_path, capsys):
    answers = write_texts(tmp_path / "answers", _04_kl=WRONG_KL, _12_adam=SOLUTION.format(name="12_adam"))
    words = f"parity --mine --rungs numpy_impl --latent-dim 2 --steps 2 --batch-size 3 --answers {answers}".split()
    assert cli.main(words) == 0
    assert "ours, as yours does not pass (forgot the factor ½): kl (04)" in capsys.readouterr().out
    assert cli.main([*words, "--as-written"]) == 1
    captured = capsys.readouterr()
    assert "yours, although it does not pass (forgot the factor ½): kl (04)" in captured.out
    assert "numpy_impl and mine differ" in captured.err


def test_a_training_that_diverges_by_the_learners_code_ends_as_every_other(folder, tmp_path, capsys):
    answers = write_texts(tmp_path / "answers", _04_kl=NAN_KL)
    assert climb(folder, answers, tmp_path / "runs", "--as-written") == 1
    assert "training diverged" in capsys.readouterr().err


def test_what_cannot_be_used_is_refused_before_anything_is_written(folder, tmp_path, capsys):
    empty = tmp_path / "empty"
    empty.mkdir()
    for more, said in (
        ((), "expected a function of exercises 04 to 13 that passes, found none"),
        (("--likelihood", "gaussian"), "--mine: expected the Bernoulli likelihood"),
    ):
        assert climb(folder, empty, tmp_path / "runs", *more) == 2
        assert said in capsys.readouterr().err
    assert climb(folder, tmp_path / "missing", tmp_path / "runs") == 2
    assert "answers: expected a folder" in capsys.readouterr().err
    assert cli.main(["climb", "--as-written", "--data", str(folder)]) == 2
    assert "--answers and --as-written belong to --mine" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()
