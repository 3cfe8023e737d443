"""The reproductions: schedules, budgets, comparisons, what is published, and that a stopped run loses nothing."""

import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from foundation.console import make_console  # noqa: E402
from foundation.errors import InputError  # noqa: E402
from foundation.options import OptimizerOptions  # noqa: E402
from foundation.runs import create_run, latest_run, open_run  # noqa: E402
from foundation.schedules import STAGE_FACTORS, STAGES, learning_rate_at  # noqa: E402
from paper.experiments.tables import caption  # noqa: E402
from paper.models.cvae import mask_of  # noqa: E402
from paper.reproductions import burda2016, command, published, sohn2015  # noqa: E402
from paper.reproductions.budget import LEAST_IMAGES, MEASURING, Plan, Protocol, Work, fit_budget  # noqa: E402
from paper.reproductions.options import REPRODUCTIONS, ReproduceOptions  # noqa: E402
from paper.reproductions.published import RECALLED, Published  # noqa: E402
from paper.reproductions.reproduction import (  # noqa: E402
    MEASURED,
    TIMES,
    Reproduction,
    compared,
    over_repetitions,
    paired,
    plan_sentence,
)
from tests.paper.test_experiments import toy_data  # noqa: E402

SMALL = {
    "burda2016": {"train_images": 60, "test_images": 30, "epochs": 3, "hidden_dims": (5,), "latent_dim": 3, "draws": 7,
                  "variance_images": 20},
    "higgins2017": {"train_images": 130, "test_images": 40, "epochs": 1, "hidden_dims": (5,), "latent_dim": 3,
                    "images": 100, "pairs": 64, "points": 2},
    "chen2018": {"train_images": 130, "test_images": 40, "epochs": 1, "hidden_dims": (5,), "latent_dim": 3,
                 "images": 100, "pairs": 64, "points": 2, "models": ("β-TCVAE, β = 6", "FactorVAE, γ = 10")},
    "sohn2015": {"train_images": 150, "test_images": 30, "epochs": 2, "hidden_dims": (5, 4), "latent_dim": 3,
                 "draws": 6},
}  # fmt: skip
"""Settings so small that a reproduction takes a second or two."""


def make_small(name, monkeypatch):
    module = command.find_module(name)
    monkeypatch.setattr(module, "QUICK", dataclasses.replace(module.QUICK, **SMALL[name]))
    return module


def run_small(name, out, monkeypatch, **more):
    """Run a reproduction with the smallest settings; its run folder and its record."""
    make_small(name, monkeypatch)
    record = out / "record.json"
    assert command.reproduce(ReproduceOptions(name=name, quick=True, out=out, record=record, **more)) == 0
    return latest_run(out), json.loads(record.read_text())


def without_times(value):
    """A record without what it says of time and of the machine's versions."""
    if isinstance(value, dict):
        return {key: without_times(item) for key, item in value.items() if not key.endswith("seconds")}
    return [without_times(item) for item in value] if isinstance(value, list) else value


# The schedule of Burda et al.


def test_the_protocol_has_3280_epochs_in_8_stages():
    assert STAGES == (1, 3, 9, 27, 81, 243, 729, 2187)
    assert sum(STAGES) == burda2016.FULL.epochs == 3280
    rates = [learning_rate_at(burda2016.OPTIMIZER, epoch / 3280) for epoch in range(3280)]
    published_rates = [1e-4 * round(10.0 ** (1 - (i - 1) / 7.0), 1) for i in range(1, 9)]  # as the paper's code has it
    expected = [rate for rate, epochs in zip(published_rates, STAGES, strict=True) for _ in range(epochs)]
    assert rates == pytest.approx(expected, rel=1e-12)
    # The paper's own, unrounded.
    assert np.array(STAGE_FACTORS) == pytest.approx(10 ** (-np.arange(8) / 7), rel=0.03)


def test_a_shorter_training_has_the_same_stages_in_the_same_shares():
    steps = 2 * 3280
    rates = [learning_rate_at(burda2016.OPTIMIZER, step / steps) for step in range(steps)]
    assert [rates.count(rate) for rate in dict.fromkeys(rates)] == [2 * epochs for epochs in STAGES]


def test_the_stages_take_the_largest_step_size_and_a_warm_up():
    options = OptimizerOptions(learning_rate=2.0, schedule="stages", warmup=0.1)
    assert [learning_rate_at(options, progress) for progress in (0.05, 1.0)] == pytest.approx([1.0, 0.2])


def test_every_row_is_trained_as_the_paper_says():
    reproduction = Reproduction(0, toy_data(), make_console())
    models = [burda2016.options_of(burda2016.FULL, row) for row in burda2016.FULL.rows]
    assert [(model.draws, model.bound) for model in models] == [
        *((1, "elbo"), (5, "elbo"), (50, "elbo"), (5, "importance"), (50, "importance"))
    ]
    training, network = reproduction.begin(models[0], epochs=8, **burda2016.choices(burda2016.FULL))
    assert (training.options.batch_size, training.options.data.binarise) == (20, "dynamic")
    assert {group["eps"] for group in training.rung._optimizer.param_groups} == {1e-4}
    assert all(value.abs().max() == 0 for name, value in network.encoder.named_parameters() if name.endswith("bias"))


# Budgets


PROTOCOL = Protocol(epochs=3280, least_epochs=2, images=10_000)


@pytest.mark.parametrize("budget", [0.1, 0.5, 3.0, 40.0, 900.0, 5000.0])
def test_a_budget_is_never_exceeded_by_its_own_estimate(budget):
    works = [Work(epoch=8.0, image=0.05), Work(epoch=60.0, image=0.05, count=2), Work(epoch=1.0, fixed=20.0)]
    plan = fit_budget(works, PROTOCOL, budget)
    seconds = sum(work.count * (work.epoch * plan.epochs + work.image * plan.images + work.fixed) for work in works)
    assert seconds <= 3600 * budget
    assert plan.estimate == pytest.approx(seconds / 3600, abs=1e-4)
    assert PROTOCOL.least_epochs <= plan.epochs <= 3280
    assert LEAST_IMAGES <= plan.images <= 10_000
    per_epoch = sum(work.count * work.epoch for work in works)
    assert plan.epochs == 3280 or seconds + per_epoch > 3600 * budget  # one epoch more would not fit
    if plan.epochs < 3280:
        measuring = sum(work.count * work.image for work in works) * plan.images
        assert measuring <= max(MEASURING * 3600 * budget, 0.15 * LEAST_IMAGES)


def test_a_budget_for_everything_is_the_full_protocol():
    plan = fit_budget([Work(epoch=1.0, image=0.01)], PROTOCOL, 2.0)
    assert (plan.epochs, plan.images) == (3280, 10_000)


def test_a_budget_too_small_says_what_is_needed():
    with pytest.raises(InputError, match=r"budget: expected at least 0\.34 hours on this machine, got 0\.1"):
        fit_budget([Work(epoch=600.0, image=0.1)], PROTOCOL, 0.1)


def test_the_least_epochs_have_a_step_of_every_size(monkeypatch):
    reproduction = Reproduction(0, toy_data(), make_console())
    found = burda2016.plan(reproduction, burda2016.FULL, None)
    assert (found.epochs, found.images, found.budget) == (3280, 40, None)
    settings = dataclasses.replace(burda2016.QUICK, epochs=5000, draws=3)
    asked = []

    def fit(works, protocol, budget):
        asked.append(protocol)
        return found

    monkeypatch.setattr(burda2016, "fit_budget", fit)
    burda2016.plan(reproduction, settings, 1.0)
    assert asked[0].least_epochs == 1640  # 40 images are 2 steps an epoch


def test_the_caption_says_the_budget_and_how_far_it_went():
    plan = Plan(epochs=10, full_epochs=3280, images=50, budget=0.9, estimate=0.88)
    [title, _] = burda2016.tables(burda2016.FULL, plan)
    said = caption(title, burda2016.ROWS_TABLE, [{"method": "VAE", "images": 50, "images_of": 10_000, "here_se": 1.0}])
    assert said == (
        "Table 1 of Burda et al. (2016), one stochastic layer; a budget of 0.9 h; 10 of the 3,280 epochs of the full "
        "protocol; K = 5,000 draws; 50 of 10,000 test images, drawn at random; "
        "±: standard error over the test images"
    )
    assert plan_sentence(Plan(epochs=50, full_epochs=50, images=9)) == "50 epochs, the full protocol"


# Comparisons


def test_a_difference_and_its_standard_error_by_hand():
    values = np.array([1.0, 3.0, 5.0, 7.0])  # mean 4, sum of squares 9 + 1 + 1 + 9, sd sqrt(20 / 3)
    found = compared([values], 3.5)
    assert found == {
        "here": 4.0,
        "here_se": pytest.approx(math.sqrt(20 / 3 / 4)),
        "published": 3.5,
        "difference": 0.5,
        "difference_se": pytest.approx(math.sqrt(20 / 3 / 4)),
    }
    assert compared([values], None).keys() == {"here", "here_se"}


def test_repetitions_add_their_own_spread_by_hand():
    first, second = np.array([1.0, 3.0]), np.array([2.0, 6.0])  # means 2 and 4; by image 1.5 and 4.5
    mean, error = over_repetitions([first, second])
    assert mean == 3.0
    assert error == pytest.approx(math.sqrt(4.5 / 2 + 2.0 / 2))  # variances of 1.5, 4.5 and of 2, 4
    found = compared([first, second], 1.0)
    assert found["here_sd"] == pytest.approx(math.sqrt(2))
    assert (found["difference"], found["difference_error"]) == (2.0, pytest.approx(error))


def test_paired_differences_lose_what_the_images_have_in_common():
    images = np.array([0.0, 100.0, 200.0])
    mean, error = paired([images + np.array([3.0, 1.0, 2.0])], [images])
    assert (mean, error) == (pytest.approx(2.0), pytest.approx(1 / math.sqrt(3)))


@pytest.mark.parametrize(
    ("shift", "counts", "order"),
    [(-2.0, (1, 1, 0), "reversed"), (-0.01 * 19.5, (1, 0, 1), "not told apart"), (1.0, (2, 0, 0), "yes")],
)
def test_the_order_of_the_rows_is_stated(tmp_path, shift, counts, order):
    reproduction = Reproduction(0, toy_data(), make_console())
    reproduction.run = create_run(tmp_path, "toy", {})
    noise = np.random.default_rng(0).normal(0, 0.1, 40)
    rows = {("VAE", 1): noise + 3, ("VAE", 50): noise + 2.5 + 0.01 * np.arange(40), ("IWAE", 5): noise + 2.5 - shift}
    burda2016.report(reproduction, {row: [value] for row, value in rows.items()}, reproduction.data.test)
    assert reproduction.answers[0] == (
        "Of 2 pairs of neighbouring rows {} are in the paper's order, {} reversed and {} not told apart, at 3 standard "
        "errors.".format(*counts)
    )
    assert reproduction.rows[1]["order"] == order
    assert reproduction.findings["vae50_minus_iwae5"] == pytest.approx(shift + 0.01 * 19.5, abs=1e-12)


# What is published


def numbers_of(module):
    """Every constant of a module that holds published numbers."""
    return {
        name: value
        for name, value in vars(module).items()
        if isinstance(value, dict) and any(isinstance(one, Published) for one in value.values())
    }


def test_every_published_number_states_its_source_and_whether_it_was_read():
    tables = numbers_of(published)
    assert len(tables) == 5
    for name, numbers in tables.items():
        for number in numbers.values():
            assert isinstance(number, Published), name
            assert number.source.endswith((RECALLED, "read there")), number


@pytest.mark.parametrize("name", REPRODUCTIONS)
def test_the_record_has_the_source_of_every_number_that_it_quotes(name):
    module = command.find_module(name)
    quoted = {one for several in module.sources(module.FULL).values() for one in several}
    for table in numbers_of(module).values():
        assert quoted >= set(table.values())


def test_what_was_not_read_is_said_beside_the_table(tmp_path):
    reproduction = Reproduction(0, toy_data(), make_console())
    reproduction.run = create_run(tmp_path, "toy", {})
    burda2016.report(reproduction, {("VAE", 1): [np.arange(3.0)]}, reproduction.data.test)
    assert reproduction.answers[-1] == f"The published values are given {RECALLED}."


# Runs


@pytest.mark.parametrize("name", REPRODUCTIONS)
def test_leaves_its_table_its_record_and_its_weights(name, tmp_path, monkeypatch, capsys):
    module = make_small(name, monkeypatch)
    run, record = run_small(name, tmp_path, monkeypatch)
    assert record == json.loads((run.path / "results.json").read_text())
    said = capsys.readouterr().out
    [title, *_] = record["tables"]
    assert "the quick form, no reproduction" in title
    assert title.split(";")[0][:30] in said
    assert all("published" not in row or row["published"] is None for row in record["rows"])
    assert all(
        row["seconds"] >= 0 and row["epochs"] == SMALL[name]["epochs"] for row in record["rows"] if "epochs" in row
    )
    assert {*record["sources"]} == {*module.sources(module.QUICK)}
    for folder in run.subruns().values():
        assert (folder.path / MEASURED).is_file()
        assert (folder.path / "weights.safetensors").is_file()
        assert not (folder.path / "checkpoint.safetensors").exists()
    assert (run.path / "table.md").read_text().startswith(title)


class Stop:
    """Raises KeyboardInterrupt at the n-th checkpoint, after it is written."""

    def __init__(self, monkeypatch, after):
        self.left, module = after, command.find_module("reproduction")
        self.save = module.save_training
        monkeypatch.setattr(module, "save_training", self)

    def __call__(self, folder, training):
        self.save(folder, training)
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


@pytest.mark.parametrize(("name", "after"), [("burda2016", 4), ("sohn2015", 3), ("higgins2017", 2)])
def test_a_stopped_run_that_goes_on_gives_the_same_record(name, after, tmp_path, monkeypatch):
    _, whole = run_small(name, tmp_path / "whole", monkeypatch)
    with monkeypatch.context() as patch:
        Stop(patch, after)
        with pytest.raises(KeyboardInterrupt, match="vae-ladder reproduce --resume"):
            run_small(name, tmp_path / "stopped", monkeypatch)
    run = latest_run(tmp_path / "stopped")
    finished = [folder.path / MEASURED for folder in run.subruns().values() if (folder.path / MEASURED).exists()]
    before = {path: path.stat().st_mtime_ns for path in finished}
    assert finished
    assert not (run.path / "results.json").exists()
    make_small(name, monkeypatch)
    record = tmp_path / "resumed.json"
    assert command.reproduce(ReproduceOptions(resume=run.path, record=record)) == 0
    assert {path: path.stat().st_mtime_ns for path in finished} == before  # not trained again
    found = json.loads(record.read_text())
    assert without_times(found) == without_times(whole)
    assert found["seconds"] == pytest.approx(
        sum(row.get(name, 0) for row in found["rows"] for name in TIMES), abs=0.051
    )
    logged = [line["epoch"] for folder in run.subruns().values() for line in folder.metrics()]
    epochs = SMALL[name]["epochs"]
    assert logged == [*range(epochs + 1)] * (len(logged) // (epochs + 1))


def test_a_finished_run_says_its_table_again(tmp_path, monkeypatch):
    run, record = run_small("sohn2015", tmp_path, monkeypatch)
    again = tmp_path / "again.json"
    assert command.reproduce(ReproduceOptions(resume=run.path, record=again)) == 0
    assert json.loads(again.read_text()) == record


def test_a_budget_is_measured_planned_and_kept_in_the_run(tmp_path, monkeypatch):
    module = make_small("burda2016", monkeypatch)
    monkeypatch.setattr(module, "FULL", dataclasses.replace(module.QUICK, epochs=100_000, rows=(("VAE", 1),), draws=3))
    monkeypatch.setattr(module, "DATA", module.QUICK_DATA)
    monkeypatch.setattr("paper.reproductions.budget.PROBE_SECONDS", 0.01)
    planned = {}

    def run(reproduction, settings, plan):
        planned["plan"] = plan
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "run", run)
    with pytest.raises(KeyboardInterrupt):
        command.reproduce(ReproduceOptions(name="burda2016", budget=0.1, out=tmp_path))
    plan = planned["plan"]
    assert plan.estimate <= plan.budget == 0.1
    assert plan.epochs >= math.ceil(3280 / 3)  # three steps an epoch
    with pytest.raises(KeyboardInterrupt):
        command.reproduce(ReproduceOptions(resume=latest_run(tmp_path).path))
    assert planned["plan"] == plan


def test_three_quadrants_are_all_but_one():
    assert torch.equal(mask_of("all-but-lower-right", 4, 6), 1 - mask_of("lower-right", 4, 6))
    shares = {part: mask_of(part, 28, 28).mean().item() for part in sohn2015.FULL.parts}
    assert shares == {part: sohn2015.QUADRANTS[part] / 4 for part in sohn2015.FULL.parts}


# Bad input


BAD = {
    "reproduce: expected one of": {"name": "burda2015"},
    "budget: expected hours above 0": {"name": "burda2016", "budget": math.nan},
    "budget: --quick has its own": {"name": "burda2016", "budget": 1.0, "quick": True},
    "data_root: --quick runs on built-in data": {"name": "burda2016", "data_root": Path("data"), "quick": True},
    "seeds: expected an integer of at least 1": {"name": "burda2016", "seeds": 0},
    "seed: expected an integer from 0": {"name": "burda2016", "seed": -1},
    "name: a run that is resumed keeps its own": {"name": "burda2016", "resume": Path("runs/a")},
}


@pytest.mark.parametrize("said", BAD)
def test_bad_options_are_one_line(said):
    with pytest.raises(InputError) as caught:
        ReproduceOptions(**BAD[said])
    assert str(caught.value).startswith(said)
    assert "\n" not in str(caught.value)


def test_a_run_of_another_command_is_refused(tmp_path):
    run = create_run(tmp_path, "other", {"command": "train"})
    with pytest.raises(InputError, match="expected the run of a reproduction, got that of train"):
        command.reproduce(ReproduceOptions(resume=run.path))


@pytest.mark.parametrize("settings", [None, {"quick": True}, {"quick": True, "seeds": 1, "device": "cpu", "plan": 3}])
def test_a_damaged_plan_is_refused(tmp_path, settings):
    config = {"command": "reproduce", "name": "burda2016", "seed": 0, "data_root": None, "settings": settings}
    run = create_run(tmp_path, "damaged", config)
    with pytest.raises(InputError, match=r"config\.json: damaged"):
        command.reproduce(ReproduceOptions(resume=run.path))


@pytest.mark.parametrize(
    "content",
    [
        "{}",
        '{"log_p": ["a"], "active_units": 1, "seconds": 0}',
        "[1",
        '{"log_p": []}',
        '{"log_p": [1.0], "active_units": 1, "seconds": 0}',
    ],
)
def test_a_damaged_row_is_refused(tmp_path, monkeypatch, content):
    run, _ = run_small("burda2016", tmp_path, monkeypatch)
    row = next(iter(run.subruns().values()))
    (row.path / MEASURED).write_text(content)
    with pytest.raises(InputError, match=r"measured\.json"):
        command.reproduce(ReproduceOptions(resume=run.path))


def test_bad_input_leaves_no_run(tmp_path):
    with pytest.raises(InputError, match="device"):
        command.reproduce(ReproduceOptions(name="sohn2015", quick=True, device="cuda:77", out=tmp_path / "runs"))
    with pytest.raises(InputError):
        command.reproduce(ReproduceOptions(name="burda2016", data_root=tmp_path / "none", out=tmp_path / "runs"))
    assert not (tmp_path / "runs").exists()
    with pytest.raises(InputError, match="no such folder"):
        open_run(tmp_path / "runs")
