"""Runs that version 0.1 wrote: they open, draw and give their numbers, and the old spelling trains these numbers again.

tests/data/runs_0_1 holds a climb and trainings of single models, of two epochs on 100 glyphs, without their pictures.
"""

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from foundation.architecture import initial_parameters
from foundation.data import load
from foundation.data.splits import load_data
from foundation.errors import InputError
from foundation.options import TrainOptions
from foundation.rung import architecture_of
from foundation.runs import Run, open_run
from foundation.schedules import objective_at
from foundation.training import begin, draw_eps, evaluate, train
from ladder import cli
from ladder.rungs import RUNGS, open_rung
from ladder.train import make_training
from paper.models.options import BetaVAEOptions, ConditionalVAEOptions, VAEOptions, VQVAEOptions
from paper.runs import read_data, read_options

RECORDED = Path(__file__).parents[1] / "data" / "runs_0_1"
BY_RUNG = {"numpy_impl": "numpy_impl", **{f"climb/{name}": name for name in RUNGS}}
"""Trainings of the old engine of the rungs, and the rung."""
MODELS = ("vae", "cvae", "beta-vae", "vq-vae")
"""Trainings of the old engine of the models."""
SMALL = "--channels 2 3 --hidden-dims 5 --epochs 2 --batch-size 50"
COUNTS = {"train": 100, "test": 40}


@pytest.fixture(autouse=True)
def few_glyphs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The images on which the runs were trained: the first of the data set's."""
    monkeypatch.setattr(
        "foundation.data.splits.load", lambda name, split, **rest: load(name, split, count=COUNTS[split], **rest)
    )


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    if request.param not in ("numpy_impl", "climb/numpy_impl"):
        pytest.importorskip("torch")
    return request.param


every_run = pytest.mark.parametrize("name", [*BY_RUNG, *MODELS], indirect=True)
every_model = pytest.mark.parametrize("name", MODELS, indirect=True)
by_rung = pytest.mark.parametrize("name", BY_RUNG, indirect=True)


def recorded(name: str) -> Run:
    return open_run(RECORDED / name)


def copied(name: str, folder: Path) -> Run:
    """A copy that may be written to."""
    shutil.copytree(RECORDED / name, folder / name)
    return open_run(folder / name)


# Options and weights


@every_run
def test_options_are_read(name: str) -> None:
    options = read_options(recorded(name))
    assert (options.epochs, options.batch_size, options.seed) == (2, 50, 0)
    assert options.optimizer.learning_rate == 1e-3
    assert options.rung == BY_RUNG.get(name, "paper")
    assert options.data.validation == (0.0 if name in BY_RUNG else 0.05)
    sizes = {"channels": (2, 3), "hidden_dims": (5,), "latent_dim": 2}
    assert options.model == {
        "numpy_impl": BetaVAEOptions(**sizes, likelihood="gaussian", beta=4.0),
        "cvae": ConditionalVAEOptions(**sizes, condition="upper-left"),
        "beta-vae": BetaVAEOptions(**sizes, capacity=5.0),
        "vq-vae": VQVAEOptions(channels=(2, 3), codes=8, code_dim=2),
    }.get(name, VAEOptions(**sizes))


def test_a_climb_opens_with_its_rungs() -> None:
    run = recorded("climb")
    assert run.config["rungs"] == list(RUNGS)
    assert {part.config["rung"] for part in run.subruns().values()} == set(RUNGS)
    with pytest.raises(InputError, match="of a climb name a rung's folder in it"):
        read_options(run)


@every_run
def test_data_are_those_of_the_training(name: str) -> None:
    data = read_data(recorded(name))
    aside = 0 if name in BY_RUNG else 5
    assert (len(data.train), len(data.test), data.name) == (100 - aside, 40, "glyphs")
    assert (data.validation is None) == (aside == 0)


@every_run
def test_the_weights_are_those_of_the_file(name: str) -> None:
    run = recorded(name)
    stored = safetensors.numpy.load_file(run.weights_path)
    rung = open_rung(run)
    assert rung.name == BY_RUNG.get(name, "paper")
    assert rung.description.model == read_options(run).model.model
    found = rung.parameters()
    assert found.keys() == stored.keys()
    for tensor, value in stored.items():
        np.testing.assert_array_equal(found[tensor], value, err_msg=tensor)


@every_run
def test_they_open_as_models(name: str) -> None:
    pytest.importorskip("torch")
    from paper.models.registry import open_model

    run = recorded(name)
    model = open_model(run)
    stored = safetensors.numpy.load_file(run.weights_path)
    assert model.options == read_options(run).model
    for tensor, value in model.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), stored[tensor], err_msg=tensor)


# The numbers that were logged


@by_rung
def test_a_rung_has_the_loss_that_was_logged_last(name: str) -> None:
    run = recorded(name)
    options, rung, data = read_options(run), open_rung(run), read_data(run)
    rng = np.random.default_rng(options.seed)
    initial_parameters(architecture_of(rung.description), rng)
    eps = draw_eps(rng, (40, 2), np.float32)
    found = evaluate(rung, data.test, eps, objective_at(options, 1.0))
    last = run.metrics()[-1]
    assert found == pytest.approx({part: last[part] for part in found}, rel=2e-5)


@every_model
def test_a_model_has_the_test_loss_that_was_written(name: str) -> None:
    run = recorded(name)
    options, rung, data = read_options(run), open_rung(run), read_data(run)
    eps = np.zeros(rung.noise_shape(40), np.float32)
    found = evaluate(rung, data.test, eps, objective_at(options, 1.0))
    assert found == pytest.approx(json.loads((run.path / "test.json").read_text())["mu"], rel=2e-5)


def train_again(options: TrainOptions) -> list[dict]:
    """The lines that a training with these options logs."""
    training = make_training(options, load_data(options.data, options.seed))
    return [record.line() for record in train(training)]


@by_rung
def test_the_old_spelling_trains_the_same_numbers(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Line by line as version 0.1 logged them; sums of float32 may be rounded in another order elsewhere."""
    more = "--beta 4 --likelihood gaussian" if name == "numpy_impl" else ""
    options = cli.parse("train", f"{BY_RUNG[name]} {SMALL} {more}".split())
    assert "spelled since version 0.2" in capsys.readouterr().err
    assert isinstance(options, TrainOptions)
    lines = train_again(options)
    expected = recorded(name).metrics()
    assert len(lines) == len(expected)
    for line, old in zip(lines, expected, strict=True):
        numbers = {key: value for key, value in old.items() if value is not None and "second" not in key}
        for key, value in numbers.items():
            assert line[key] == (value if isinstance(value, str) else pytest.approx(value, rel=2e-5)), key


# What can be done with them, and what not


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("numpy_impl", {"samples", "reconstructions", "manifold", "training_curves"}),
        ("cvae", {"completions", "latent_space", "training_curves"}),
        ("vq-vae", {"codes", "code_usage", "training_curves"}),
    ],
    indirect=["name"],
)
def test_they_are_drawn(name: str, expected: set[str], tmp_path: Path) -> None:
    run = copied(name, tmp_path)
    assert cli.main(["figures", str(run.path)]) == 0
    assert {path.stem for path in (run.path / "figures").iterdir()} >= expected


def test_a_climb_is_drawn_with_its_report(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    run = copied("climb", tmp_path)
    assert cli.main(["figures", str(run.path)]) == 0
    assert {path.stem for path in (run.path / "figures").iterdir()} == {"ladder", "learning_curves"}
    for part in run.subruns().values():
        assert {path.stem for path in (part.path / "figures").iterdir()} >= {"samples", "manifold", "training_curves"}
    report = (run.path / "report.html").read_text(encoding="utf-8")
    assert f"{recorded('climb/paper').metrics()[-1]['loss']:.2f}" in report


@every_run
@pytest.mark.parametrize("checkpoint", [True, False])
def test_they_cannot_be_resumed(
    name: str, checkpoint: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = copied(name, tmp_path)
    (run.path / "test.json").unlink(missing_ok=True)  # as stopped before the end
    if not checkpoint:
        (run.path / "checkpoint.safetensors").unlink(missing_ok=True)
    before = {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()}
    assert cli.main(["train", "--resume", str(run.path)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "written by version 0.1" in error
    assert "not resumed" in error
    assert {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()} == before


@every_model
def test_a_finished_model_has_nothing_left_to_do(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["train", "--resume", str(copied(name, tmp_path).path)]) == 0
    assert "finished already, 2 epochs" in capsys.readouterr().out


@every_model
def test_their_checkpoints_are_refused_under_any_config(name: str, tmp_path: Path) -> None:
    """The state of torch's generator, which 0.1 kept, says nothing about the one that draws now."""
    from foundation.checkpoint import restore_training

    run = copied(name, tmp_path)
    options, data = read_options(run), read_data(run)
    rung = open_rung(run)
    training = begin(rung, data, options, np.random.default_rng(0))
    with pytest.raises(InputError, match=r"checkpoint\.safetensors: written by version 0\.1"):
        restore_training(run.path, training)


def test_their_weights_are_where_a_training_starts(tmp_path: Path) -> None:
    weights = RECORDED / "climb" / "numpy_impl" / "weights.safetensors"
    options = cli.parse("train", f"vae --rung numpy_impl {SMALL} --data.validation 0 --weights {weights}".split())
    assert isinstance(options, TrainOptions)
    lines = train_again(dataclasses.replace(options, epochs=1))
    assert lines[0]["loss"] == pytest.approx(recorded("climb/numpy_impl").metrics()[-1]["loss"], rel=2e-5)


@pytest.mark.parametrize("field", ["architecture", "objective", "training", "data"])
def test_a_damaged_configuration(field: str, tmp_path: Path) -> None:
    run = copied("numpy_impl", tmp_path)
    config = json.loads((run.path / "config.json").read_text())
    (run.path / "config.json").write_text(json.dumps(config | {field: {}}))
    with pytest.raises(InputError) as caught:
        read_options(open_run(run.path))
    assert str(caught.value).startswith(f"{run.path / 'config.json'}: damaged")


def test_an_unknown_field_of_a_configuration(tmp_path: Path) -> None:
    run = copied("numpy_impl", tmp_path)
    config = json.loads((run.path / "config.json").read_text())
    config["architecture"]["depth"] = 3
    (run.path / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match=r"damaged, architecture\.'depth' is unknown"):
        open_run(run.path)
