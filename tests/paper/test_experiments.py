"""The experiments: what each leaves behind, that table and JSON say the same, and that what they measure is right."""

import dataclasses
import importlib
import json
import math
import re

import numpy as np
import pytest
from PIL import Image

from tests.support.pictures import write_pictures

torch = pytest.importorskip("torch")

from foundation.console import make_console  # noqa: E402
from foundation.data.dataset import Dataset  # noqa: E402
from foundation.data.splits import Data  # noqa: E402
from foundation.errors import InputError  # noqa: E402
from foundation.runs import create_run, latest_run  # noqa: E402
from paper.experiments import (  # noqa: E402
    ae_vs_vae,
    augment,
    baseline,
    beta,
    command,
    completion,
    conditional,
    likelihood,
)
from paper.experiments.denoise_and_detect import add_noise, log_p_noisy, psnr, search  # noqa: E402
from paper.experiments.experiment import Experiment, Settings, part_of, some_of, subset  # noqa: E402
from paper.experiments.options import EXPERIMENTS, ExperimentOptions  # noqa: E402
from paper.experiments.tables import Column, caption, cells, difference, markdown, over_images, over_seeds  # noqa: E402
from paper.models.options import ConditionalVAEOptions, VAEOptions  # noqa: E402
from paper.models.registry import make_model  # noqa: E402

TINY = {"train_images": 120, "test_images": 60, "epochs": 1}
SMALL = {
    "latent-dim": {"latent_dims": (1, 3), "hidden_dims": (8,), "seeds": 2},
    "ae-vs-vae": {"latent_dims": (2, 3), "hidden_dims": (8,), "draws": 40, "classifier_steps": 5},
    "beta": {"betas": (4.0,), "latent_dim": 3, "hidden_dims": (8,), "seeds": 1},
    "collapse": {"latent_dim": 3, "hidden_dims": (8,), "epochs": 2, "seeds": 2},
    "likelihood": {"latent_dim": 3, "hidden_dims": (8,)},
    "latent-diffusion": {"latent_dim": 3, "hidden_dims": (8,), "diffusion_epochs": 1, "draws": 40, "measured": 20,
                         "classifier_steps": 5, "seeds": 2},
    "completion": {"latent_dim": 3, "hidden_dim": 8, "parts": ("left",), "draws": 5, "measured": 20},
    "denoise-and-detect": {"latent_dim": 3, "hidden_dim": 8, "left_out": (1, 7), "noises": (0.1, 0.5), "tried": 20,
                           "search_steps": 3},
    "augment": {"labels": (2, 4), "steps": 3, "cvae_steps": 3, "latent_dim": 3, "hidden_dim": 8, "seeds": 2},
    "few-labels": {"labels": (2, 4), "steps": 3, "latent_dim": 3, "hidden_dim": 8, "seeds": 2},
    "conditional": {"latent_dims": (2,), "hidden_dims": (8,), "known": 60},
    "iwae": {"draws": (1, 4), "latent_dim": 3, "hidden_dims": (8,), "ratio_draws": (1, 4), "repeats": 40,
             "measured": 20, "weights": 8, "seeds": 2},
    "codebook": {"codes": (4, 8), "code_dim": 4, "channels": (4, 6), "prior_channels": 4, "prior_layers": 2,
                 "prior_epochs": 1, "seeds": 2},
}  # fmt: skip
"""Settings so small that all of them take seconds."""


def run_small(name, out, monkeypatch, seed=0, **more):
    """Run an experiment with the smallest settings; its run folder and what results.json holds."""
    page = command.find_module(name)
    monkeypatch.setattr(page, "QUICK", dataclasses.replace(page.QUICK, **TINY | SMALL[name]))
    assert command.run_experiment(ExperimentOptions(name=name, quick=True, seed=seed, out=out, **more)) == 0
    run = latest_run(out)
    return run, json.loads((run.path / "results.json").read_text())


def toy_data(count=40, classes=4):
    """Data of no meaning: grey noise with labels in turn."""
    generator = torch.Generator().manual_seed(0)
    images, labels = torch.rand(count, 1, 8, 8, generator=generator), torch.arange(count) % classes
    part = Dataset("toy", "train", images, labels, tuple("abcdefgh"[:classes]))
    return Data("toy", part, None, dataclasses.replace(part, split="test"))


def toy_experiment(tmp_path, **sizes):
    return Experiment(
        ExperimentOptions(name="beta"), toy_data(**sizes), create_run(tmp_path, "toy", {}), make_console()
    )


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_leaves_table_numbers_and_pictures(name, tmp_path, monkeypatch, capsys):
    record = tmp_path / "kept" / "record.json"
    run, results = run_small(name, tmp_path / "runs", monkeypatch, record=record)
    assert re.fullmatch(rf"\d{{4}}-\d\d-\d\d_\d{{6}}_experiment-{name}", run.path.name)
    assert json.loads(record.read_text()) == results
    assert results["experiment"] == name
    assert results["question"] == EXPERIMENTS[name]
    assert results["command"] == f"vae-ladder experiment {name} --quick"
    assert results["data"] == ("shapes" if name == "beta" else "glyphs")
    assert (results["seed"], results["train_images"], results["test_images"]) == (0, 120, 60)
    assert results["seconds"] > 0
    assert set(results["versions"]) == {"python", "numpy", "torch"}
    assert results["settings"]["epochs"] == run.config["settings"]["epochs"]
    assert results["rows"]
    assert all(value is not None for value in results["findings"].values())
    assert all(math.isfinite(value) for row in results["rows"] for value in row.values() if not isinstance(value, str))
    assert results["figures"]
    for figure in results["figures"]:
        with Image.open(run.path / figure) as image:
            assert image.width > 500
    printed = " ".join(capsys.readouterr().out.split())
    for answer in results["answers"]:
        assert " ".join(answer.split()) in printed
    assert str(run.path) in printed.replace(" ", "") or str(run.path) in printed


@pytest.mark.parametrize("name", ["latent-dim", "denoise-and-detect"])
def test_the_table_says_what_the_json_says(name, tmp_path, monkeypatch):
    monkeypatch.setattr(Experiment, "draw", lambda *figure: None)
    run, results = run_small(name, tmp_path, monkeypatch)
    lines = [line.strip("|").split("|") for line in (run.path / "table.md").read_text().splitlines() if "|" in line]
    shown = [[cell.strip() for cell in line] for line in lines if "---" not in line[0]]
    expected = []
    for columns in results["tables"].values():
        expected.append([column["head"] for column in columns])
        for row in results["rows"]:
            if columns[0]["key"] in row:
                expected.append([show(row, **column) for column in columns])
    assert shown == expected


def show(row, key, head, digits):
    """A cell, formatted independently."""
    if isinstance(row[key], str):
        return row[key]
    spread = row.get(f"{key}_sd", row.get(f"{key}_se"))
    text = format(row[key], f".{digits}f") + ("" if spread is None else " ± " + format(spread, f".{digits}f"))
    return text.replace("-", "−")


def test_one_seed_gives_the_same_numbers_and_another_gives_others(tmp_path, monkeypatch):
    monkeypatch.setattr(Experiment, "draw", lambda *figure: None)
    first, again, other = (
        run_small("latent-dim", tmp_path / str(i), monkeypatch, seed)[1]["rows"] for i, seed in enumerate((0, 0, 5))
    )
    assert first == again
    assert first != other


def test_every_experiment_has_a_page_that_shares_one_form():
    for name in EXPERIMENTS:
        page = importlib.import_module(f"paper.experiments.{name.replace('-', '_')}")
        assert page.__doc__.startswith(EXPERIMENTS[name])
        assert isinstance(page.FULL, Settings)
        assert type(page.QUICK) is type(page.FULL)
        assert all(isinstance(column, Column) for columns in page.TABLES.values() for column in columns)


def test_the_command_names_no_folder_of_this_machine(tmp_path):
    options = ExperimentOptions(name="beta", data="mnist", data_root=tmp_path, seed=3, out=tmp_path)
    assert command.command_line(options) == "vae-ladder experiment beta --data mnist --data-root DIR --seed 3"


def test_other_data_takes_the_place_of_the_experiments_own():
    page = command.find_module("completion")
    chosen = command.choose_data(ExperimentOptions(name="completion", data="kmnist"), page)
    assert (chosen.name, chosen.binarise, chosen.validation) == ("kmnist", "static", 0.0)


def test_ctrl_c_says_what_is_kept(tmp_path, monkeypatch):
    def stop(experiment, settings):
        raise KeyboardInterrupt

    monkeypatch.setattr(command.find_module("beta"), "run", stop)
    with pytest.raises(KeyboardInterrupt, match=r"stopped; .*metrics\.jsonl"):
        command.run_experiment(ExperimentOptions(name="beta", quick=True, out=tmp_path))


def test_a_device_that_is_not_there_leaves_no_folder(tmp_path):
    with pytest.raises(InputError, match="device"):
        command.run_experiment(ExperimentOptions(name="beta", quick=True, device="cuda:77", out=tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_a_record_that_is_a_folder_is_refused_before_the_work(tmp_path):
    with pytest.raises(InputError, match="expected a file to write"):
        command.run_experiment(ExperimentOptions(name="beta", quick=True, record=tmp_path, out=tmp_path))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "words"),
    [("beta", "factors of variation are known"), ("conditional", "several classes"), ("augment", "several classes"),
     ("ae-vs-vae", "several classes"), ("denoise-and-detect", "several classes")],
)  # fmt: skip
def test_data_that_an_experiment_cannot_use_leaves_no_folder(name, words, tmp_path):
    folder = write_pictures(tmp_path / "pictures")
    with pytest.raises(InputError, match=words):
        command.run_experiment(ExperimentOptions(name=name, data=str(folder), out=tmp_path / "runs"))
    assert not (tmp_path / "runs").exists()


def test_too_few_labels_are_refused():
    augment.Augment(labels=(5, 10)).check(toy_data())
    with pytest.raises(InputError, match="at least 11 training images of each class, got 10"):
        augment.Augment(labels=(5, 11)).check(toy_data())


def test_fit_is_what_training_in_memory_gives(tmp_path):
    from foundation.options import TrainOptions
    from paper.training.fit import fit

    experiment = toy_experiment(tmp_path)
    options = VAEOptions(network="mlp", hidden_dims=(6,), latent_dim=2)
    ours = experiment.fit("toy", options, epochs=2, seed=1, batch_size=16)
    theirs = fit(TrainOptions(model=options, epochs=2, seed=1, batch_size=16), experiment.data)
    for name, value in theirs.state_dict().items():
        torch.testing.assert_close(ours.state_dict()[name], value, rtol=0, atol=0)
    assert [record["epoch"] for record in experiment.run.metrics()] == [0, 1, 2]


def test_subset_keeps_factors_beside_their_images():
    data = toy_data()
    data = dataclasses.replace(data, test=dataclasses.replace(data.test, factors={"size": np.arange(40)}))
    small = subset(data, 7, 5, 0)
    assert (len(small.train), len(small.test)) == (7, 5)
    assert torch.equal(small.test.images, data.test.images[torch.from_numpy(small.factors["size"])])
    assert len(subset(data, None, None, 0).train) == len(subset(data, 41, 40, 0).train) == 40


def test_subsets_are_drawn_at_random_and_by_the_seed():
    part = toy_data().test
    part = dataclasses.replace(part, factors={"place": np.arange(40)})
    first, again, other = (some_of(part, 10, seed).factors["place"].tolist() for seed in (0, 0, 1))
    assert first == again != other
    assert len(set(first)) == 10
    assert max(first) >= 20  # not the first ones
    together = np.bincount(np.concatenate([some_of(part, 10, seed).factors["place"] for seed in range(400)]))
    assert together.min() > 60  # each of the 40 is drawn about 100 times
    assert together.max() < 140


@pytest.mark.parametrize(
    ("name", "key", "measure"), [("completion", "part", "draw_log_p"), ("denoise-and-detect", "noise", "search")]
)
def test_the_caption_says_how_many_images_were_measured(name, key, measure, tmp_path, monkeypatch):
    monkeypatch.setattr(Experiment, "draw", lambda *figure: None)
    page, seen = command.find_module(name), []
    true = getattr(page, measure)

    def counted(model, x, *more):
        seen.append(x)
        return true(model, x, *more)

    monkeypatch.setattr(page, measure, counted)
    run, results = run_small(name, tmp_path, monkeypatch)
    rows = [row for row in results["rows"] if key in row]
    assert {row["images"] for row in rows} == {len(seen[0])} == {20}
    assert {row["images_of"] for row in rows} == {results["test_images"]}
    captions = [
        line for line in (run.path / "table.md").read_text().splitlines() if "test images, drawn at random" in line
    ]
    assert len(captions) == 1
    assert captions[0].startswith(f"{next(iter(results['tables']))}; {len(seen[0])} of 60 test images, drawn at random")


def test_a_caption_of_several_counts_says_them_all():
    columns = (Column("name", "name"),)
    rows = [{"name": "a", "images": 1000, "images_of": 10_000}, {"name": "b", "images": 10_000, "images_of": 10_000}]
    assert caption("Nats", columns, rows) == (
        "Nats; 1,000 of 10,000 test images, drawn at random; all 10,000 test images"
    )


@pytest.mark.parametrize(
    ("name", "words"), [("completion", "trained once"), ("latent-dim", "with 2 seeds"), ("augment", "chosen 2 times")]
)
def test_the_answers_say_what_they_rest_on(name, words, tmp_path, monkeypatch):
    monkeypatch.setattr(Experiment, "draw", lambda *figure: None)
    assert words in run_small(name, tmp_path, monkeypatch)[1]["answers"][-1]


def test_a_difference_has_the_spread_of_both_rows():
    one, other = {"loss": 5.0, "loss_sd": 0.3}, {"loss": 7.0, "loss_sd": 0.4}
    assert difference(one, other, "loss") == "−2.00 ± 0.50"
    assert difference(one, {"loss": 4.0}, "loss", 1) == "1.0"


def test_the_model_in_a_figure_is_the_median_of_its_seeds():
    options = VAEOptions(network="mlp", hidden_dims=(6,), latent_dim=2)
    high, low, between = (make_model(options, (1, 8, 8), 0) for _ in range(3))
    assert beta.middle([(0.3, high), (0.1, low), (0.2, between)]) is between
    assert beta.middle([(0.3, high), (0.1, low)]) is low
    assert beta.middle([(0.3, high)]) is high


# Measures, on what is known


def test_psnr_of_known_noise():
    x = torch.full((50, 1, 28, 28), 0.5)
    noisy = add_noise(x, 0.05, torch.Generator().manual_seed(0))
    assert psnr(x, noisy) == pytest.approx(-20 * math.log10(0.05), abs=0.1)  # 26.02 dB; nothing is clipped
    assert psnr(torch.zeros(1, 1, 2, 2), torch.full((1, 1, 2, 2), 0.1)) == pytest.approx(20.0, abs=1e-4)


def test_noisy_images_are_images():
    noisy = add_noise(torch.rand(4, 1, 8, 8), 2.0, torch.Generator().manual_seed(0))
    assert noisy.min() == 0
    assert noisy.max() == 1


def test_clipped_noise_has_the_density_and_the_masses_of_log_p_noisy():
    x, sigma = 0.3, 0.4
    y = torch.linspace(0.0005, 0.9995, 1000).view(1, 1, -1, 1)
    density = log_p_noisy(y, torch.full_like(y, x), sigma).exp() / (sigma * math.sqrt(2 * math.pi))
    ends = log_p_noisy(torch.tensor([0.0, 1.0]).view(1, 1, 2, 1), torch.full((1, 1, 2, 1), x), sigma).exp()
    assert density.sum().item() / 1000 + ends.sum().item() == pytest.approx(1, abs=1e-4)
    noisy = add_noise(torch.full((1, 1, 400, 400), x), sigma, torch.Generator().manual_seed(0))
    assert ends.flatten().tolist() == pytest.approx(
        [(noisy == 0).float().mean().item(), (noisy == 1).float().mean().item()], abs=5e-3
    )


def test_the_search_finds_the_z_of_a_decoded_image():
    model = make_model(VAEOptions(network="mlp", hidden_dims=(6,), latent_dim=2), (1, 8, 8), 0, 1)
    model.requires_grad_(False)
    for parameter in model.decoder.parameters():
        parameter.mul_(4)  # so that the image depends clearly on z
    x = model.sample(torch.tensor([[0.8, -0.6], [-0.5, 1.0]]))
    start = psnr(x, model.sample(torch.zeros(2, 2)))
    assert psnr(x, search(model, x, 0.01, 200)) > start + 20


def test_only_missing_pixels_count_and_each_costs_log_2_at_even_odds():
    options = ConditionalVAEOptions(network="mlp", hidden_dims=(6,), latent_dim=2, condition="left")
    model = make_model(options, (1, 8, 8), 0)
    x = torch.bernoulli(torch.full((5, 1, 8, 8), 0.5), generator=torch.Generator().manual_seed(0))
    for parameter in model.decoder.parameters():
        torch.nn.init.zeros_(parameter)
    log_p = completion.draw_log_p(model, x, model.condition(x), 3, torch.Generator().manual_seed(0))
    torch.testing.assert_close(log_p, torch.full((5, 3), -32 * math.log(2), dtype=torch.float64), rtol=1e-6, atol=0)


def test_more_draws_come_nearer_to_log_p_and_the_best_draw_lies_below():
    log_p = torch.log(torch.tensor([[0.1, 0.3, 0.1, 0.3, 0.2]], dtype=torch.float64)).repeat(2, 1)
    lines = completion.over_draws(log_p, 2.5)
    assert (lines["regression"].x, lines["regression"].y) == ((1, 5), (2.5, 2.5))
    assert lines["CVAE, −log p"].x == [1, 2, 5]
    np.testing.assert_allclose(lines["CVAE, −log p"].y, [-math.log(0.1), -math.log(0.2), -math.log(0.2)])
    np.testing.assert_allclose(lines["CVAE, best draw"].y, [-math.log(0.1), -math.log(0.3), -math.log(0.3)])


def test_standard_error_over_images():
    found = over_images({"a": torch.tensor([1.0, 2.0, 3.0, 4.0])})
    assert found == pytest.approx({"a": 2.5, "a_se": math.sqrt(5 / 3) / 2})


def test_frequencies_are_those_of_the_training_images_and_finite(tmp_path):
    experiment = toy_experiment(tmp_path)
    white = torch.zeros(40, 1, 8, 8)
    white[:10, 0, 0, 0] = 1
    experiment.data = dataclasses.replace(
        experiment.data, train=dataclasses.replace(experiment.data.train, images=white)
    )
    p = torch.sigmoid(completion.frequencies(experiment))
    assert p[0, 0, 0, 0].item() == pytest.approx(11 / 42)
    assert p[0, 0, 1, 1].item() == pytest.approx(1 / 42)


def test_bernoulli_as_a_density_has_the_missing_constant():
    model = make_model(VAEOptions(network="mlp", hidden_dims=(6,), latent_dim=2), (1, 8, 8), 0)
    for parameter in model.decoder.parameters():
        torch.nn.init.zeros_(parameter)
    outputs, x = model.decode(torch.zeros(3, 2)), torch.rand(3, 1, 8, 8)
    density = likelihood.as_density(model)
    # At logit 0 the continuous Bernoulli is uniform on [0, 1]: log-density 0, where BCE says log 2 a pixel.
    torch.testing.assert_close(density.log_prob(outputs, x), torch.zeros(3), rtol=0, atol=1e-5)
    torch.testing.assert_close(model.log_prob(outputs, x), torch.full((3,), -64 * math.log(2)), rtol=1e-6, atol=0)


def test_nearest_neighbours_far_from_zero():
    generator = torch.Generator().manual_seed(0)
    known, points = (10 + 0.001 * torch.randn(count, 8, generator=generator) for count in (300, 200))
    expected = (points.double()[:, None] - known.double()).square().sum(2).argmin(1)
    assert torch.equal(conditional.nearest_neighbours(known, torch.arange(300), points, 1), expected)


def test_accuracy_and_nearest_neighbours_on_known_points():
    assert baseline.accuracy(torch.eye(3), torch.tensor([0, 1, 0])) == pytest.approx(2 / 3)
    known = torch.tensor([[0.0], [0.1], [0.2], [5.0], [5.1]])
    classes = torch.tensor([1, 1, 0, 2, 2])
    found = conditional.nearest_neighbours(known, classes, torch.tensor([[0.05], [5.2]]), 3)
    assert found.tolist() == [1, 2]


def test_unsure_and_the_effective_number_of_classes():
    certain, torn = torch.tensor([[9.0, 0.0, 0.0]]), torch.zeros(1, 3)
    assert ae_vs_vae.unsure(torch.cat([certain, torn])) == 0.5
    assert ae_vs_vae.effective_classes(torn) == pytest.approx(3)
    assert ae_vs_vae.effective_classes(1e3 * certain) == pytest.approx(1)
    assert ae_vs_vae.effective_classes(1e3 * torch.eye(3)) == pytest.approx(3)


def test_fitted_draws_have_the_mean_and_covariance_of_the_codes():
    generator = torch.Generator().manual_seed(0)
    known = torch.randn(4000, 2, generator=generator) @ torch.tensor([[2.0, 0.0], [1.0, 0.5]]) + torch.tensor([3.0, -1])
    drawn = ae_vs_vae.fit_gaussian(known, torch.randn(20000, 2, generator=generator))
    torch.testing.assert_close(drawn.mean(0), known.mean(0), rtol=0, atol=0.06)
    torch.testing.assert_close(torch.cov(drawn.T), torch.cov(known.T), rtol=0, atol=0.15)


def test_unlike_pairs_are_of_different_classes():
    labels = torch.arange(30) % 3
    first, second = ae_vs_vae.unlike_pairs(labels, 50, torch.Generator().manual_seed(0))
    assert len(first) == len(second) == 50
    assert (labels[first] != labels[second]).all()


def test_few_labels_are_as_many_of_each_class_and_chosen_by_chance():
    labels = torch.arange(60) % 3
    first, second = (augment.choose(labels, 4, torch.Generator().manual_seed(seed)) for seed in (0, 1))
    assert torch.bincount(labels[first]).tolist() == [4, 4, 4]
    assert len(first.unique()) == 12
    assert sorted(first.tolist()) != sorted(second.tolist())


def test_moved_images_are_the_same_images_elsewhere():
    x = torch.zeros(30, 1, 9, 9)
    x[:, 0, 4, 4], x[:, 0, 4, 5] = 1.0, 0.5
    moved = augment.move(x, torch.zeros(30, dtype=torch.int64), torch.Generator().manual_seed(0))
    assert moved.shape == x.shape
    rows, columns = zip(*(divmod(image.argmax().item(), 9) for image in moved), strict=True)
    assert set(rows) == set(columns) == {2, 3, 4, 5, 6}
    for image, row, column in zip(moved, rows, columns, strict=True):
        assert image[0, row, column + 1] == 0.5
        assert image.sum() == 1.5


def test_the_cvae_of_an_augmented_batch_is_given_its_labels():
    cvae = make_model(ConditionalVAEOptions(network="mlp", hidden_dims=(6,), latent_dim=2), (1, 8, 8), 3)
    draw, x = augment.draw_from(cvae), torch.rand(2, 1, 8, 8)
    draws = [draw(x, torch.tensor(labels), torch.Generator().manual_seed(0)) for labels in ((0, 1), (0, 2))]
    torch.testing.assert_close(draws[0][0], draws[1][0])
    assert (draws[0][1] != draws[1][1]).any()


def test_a_plain_network_learns_what_is_there_to_learn(tmp_path):
    experiment = toy_experiment(tmp_path, count=120)
    images = experiment.data.train.images.clone()
    images[:, 0, 0, 0] = (experiment.data.train.labels == 1).float()
    train = experiment.data.train
    part = dataclasses.replace(train, images=images, labels=(train.labels == 1).long())
    network = baseline.fit_classifier(experiment, "toy", part, 2, steps=150)
    assert baseline.accuracy(network(part.images), part.labels) > 0.95
    again = baseline.fit_classifier(experiment, "toy", part, 2, steps=150)
    torch.testing.assert_close(network(part.images), again(part.images), rtol=0, atol=0)


# Tables


def test_over_seeds_gives_mean_and_sample_deviation():
    assert over_seeds([{"a": 1.0, "b": 2.0}, {"a": 3.0, "b": 2.0}]) == pytest.approx(
        {"a": 2, "a_sd": math.sqrt(2), "b": 2, "b_sd": 0}
    )
    assert over_seeds([{"a": 4.0}]) == {"a": 4.0}


def test_a_table_shows_signs_spreads_gaps_and_only_its_own_rows():
    columns = (Column("name", "p(x|z)"), Column("x", "x, nats", 1))
    rows = [{"name": "one", "x": -1234.56, "x_sd": 0.06}, {"name": "two"}, {"other": 1}]
    assert cells(columns, rows) == [["one", "−1,234.6 ± 0.1"], ["two", "·"]]
    page = markdown("Title", columns, rows)
    assert page.splitlines()[0] == "Title; ±: standard deviation over the seeds"
    assert page.splitlines()[2:4] == [r"| p(x\|z) | x, nats |", "| --- | ---: |"]
    assert page.splitlines()[4:] == ["| one | −1,234.6 ± 0.1 |", "| two | · |"]


def test_part_of_takes_images_with_their_labels():
    part = part_of(toy_data().test, torch.tensor([3, 1]))
    assert part.labels.tolist() == [3, 1]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["conditional", "denoise-and-detect"])
def test_quick_form_finds_what_it_is_meant_to_show(name, tmp_path):
    assert command.run_experiment(ExperimentOptions(name=name, quick=True, out=tmp_path)) == 0
    found = json.loads((latest_run(tmp_path).path / "results.json").read_text())["findings"]
    if name == "conditional":
        assert found["linear_cvae"] < found["linear_vae"] - 10
    else:
        assert found["mean_auc_elbo"] > 0.7
        assert found["gain_dae"] > found["gain_vae"]
