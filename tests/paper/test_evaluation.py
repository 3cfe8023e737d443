"""The bound in its parts, the latents in use, ROC AUC, and `vae-ladder evaluate` from a run folder to its JSON."""

import dataclasses
import json
import math
import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from safetensors.numpy import save_file  # noqa: E402

from foundation.architecture import Architecture, initial_parameters  # noqa: E402
from foundation.data.dataset import Dataset  # noqa: E402
from foundation.data.shapes import RANGES, SHAPES, draw_shapes  # noqa: E402
from foundation.data.splits import Data  # noqa: E402
from foundation.errors import InputError  # noqa: E402
from foundation.latents import kl_by_latent  # noqa: E402
from foundation.objective import Objective  # noqa: E402
from foundation.options import DataOptions, TrainOptions  # noqa: E402
from foundation.rung import encode_all  # noqa: E402
from foundation.runs import create_run  # noqa: E402
from foundation.weights import save_weights  # noqa: E402
from paper.evaluation import command, disentanglement, report  # noqa: E402
from paper.evaluation.bound import (  # noqa: E402
    binarised,
    bits_per_dimension,
    elbo_parts,
    images_for_likelihood,
    is_binary,
    reconstruction,
)
from paper.evaluation.importance import importance_sample  # noqa: E402
from paper.evaluation.latents import (  # noqa: E402
    active_units,
    collapse_warning,
    linear_probe,
    variance_of_mu,
)
from paper.evaluation.options import EvaluateOptions  # noqa: E402
from paper.evaluation.roc import mid_ranks, roc_auc, roc_curve  # noqa: E402
from paper.models.options import (  # noqa: E402
    AutoencoderOptions,
    BetaVAEOptions,
    ConditionalVAEOptions,
    IWAEOptions,
    VAEOptions,
    VQVAEOptions,
)
from paper.models.registry import make_model  # noqa: E402
from paper.rung import ModelRung  # noqa: E402
from paper.training.fit import to_arrays  # noqa: E402

SMALL = {"network": "mlp", "hidden_dims": (11,), "latent_dim": 4}


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def data():
    """Sixty grey shapes."""
    rng = np.random.default_rng(0)
    factors = {"shape": np.arange(60) % 3} | {name: rng.uniform(*limits, 60) for name, limits in RANGES.items()}
    images = draw_shapes(**factors)[:, None] / np.float32(255)
    part = Dataset("shapes", "test", torch.tensor(images), torch.tensor(factors["shape"]), SHAPES, factors)
    return Data("shapes", part, None, part)


def with_factors(data, factors):
    """The same data with other factors of the test images."""
    return dataclasses.replace(data, test=dataclasses.replace(data.test, factors=factors))


def save_model(run, model):
    """Writes a model's weights into its run."""
    rung = ModelRung(model)
    run.save_weights(rung.parameters(), rung.description)


def model_of(options, seed=0):
    return make_model(options, (1, 28, 28), 3, seed).eval()


# The bound


@pytest.mark.parametrize(
    "options", [VAEOptions(**SMALL), BetaVAEOptions(beta=7.0, **SMALL), ConditionalVAEOptions(**SMALL)]
)
def test_the_parts_are_those_of_the_models_own_loss_with_beta_1(options, data):
    model = model_of(options)
    for z in (None, 3):
        parts = elbo_parts(
            model, data.test.images, data.test.labels, None if z is None else generator(z), batch_size=60
        )
        eps = torch.zeros(60, 4) if z is None else torch.randn(60, 4, generator=generator(z))
        c = model.condition(data.test.images, data.test.labels)
        loss = model.loss(model(data.test.images, eps, c), data.test.images, Objective())
        assert parts.reconstruction.mean() == pytest.approx(loss.reconstruction.item(), rel=1e-5)
        assert parts.kl.sum(axis=1).mean() == pytest.approx(loss.kl.item(), rel=1e-5)
        assert -parts.elbo.mean() == pytest.approx(loss.loss.item(), rel=1e-5)
    np.testing.assert_allclose(parts.elbo, -parts.reconstruction - parts.kl.sum(1))


def test_the_last_small_batch_counts_by_its_images(data):
    model = model_of(VAEOptions(**SMALL))
    whole, parts = (elbo_parts(model, data.test.images, data.test.labels, None, size) for size in (60, 17))
    np.testing.assert_allclose(parts.reconstruction, whole.reconstruction, rtol=1e-5)
    np.testing.assert_allclose(parts.kl, whole.kl, rtol=1e-4, atol=1e-6)


def test_an_iwae_has_the_same_bound_as_the_vae_of_its_weights(data):
    iwae, vae = model_of(IWAEOptions(draws=7, **SMALL)), model_of(VAEOptions(**SMALL))
    vae.load_state_dict(iwae.state_dict())
    own, plain = (elbo_parts(m, data.test.images, data.test.labels, generator(1)) for m in (iwae, vae))
    np.testing.assert_array_equal(own.elbo, plain.elbo)


@pytest.mark.parametrize("options", [AutoencoderOptions(**SMALL), VQVAEOptions(codes=5, code_dim=3, channels=(2, 3))])
def test_codes_without_a_posterior(options, data):
    model = model_of(options)
    with pytest.raises(InputError, match=f"^{options.model}: defines no bound on log p"):
        elbo_parts(model, data.test.images, data.test.labels)
    x = data.test.images
    loss = model.loss(model(x, torch.zeros(60, 0)), x, Objective())
    assert reconstruction(model, x, data.test.labels, 17).mean() == pytest.approx(loss.reconstruction.item(), rel=1e-5)


# Grey pixels have no Bernoulli likelihood


def test_pixels_are_drawn_once_and_for_all(data):
    grey = data.test.images
    drawn = binarised(grey)
    assert is_binary(drawn)
    assert not is_binary(grey)
    assert torch.equal(drawn, binarised(grey))
    assert torch.equal(drawn[(grey == 0) | (grey == 1)], grey[(grey == 0) | (grey == 1)])
    many = torch.full((1, 1, 200, 200), 0.3)
    assert binarised(many).mean().item() == pytest.approx(0.3, abs=4 * math.sqrt(0.21 / 40_000))


def test_which_images_a_likelihood_sees(data):
    grey, black_or_white = data.test.images, binarised(data.test.images)
    bernoulli = model_of(VAEOptions(**SMALL))
    assert torch.equal(images_for_likelihood(bernoulli, grey, "auto"), black_or_white)
    assert torch.equal(images_for_likelihood(bernoulli, grey, "static"), black_or_white)
    for binarise in ("auto", "none", "static"):
        assert images_for_likelihood(bernoulli, black_or_white, binarise) is black_or_white
    for likelihood in ("gaussian", "gaussian-learned", "gaussian-optimal", "continuous-bernoulli"):
        density = model_of(VAEOptions(likelihood=likelihood, **SMALL))
        assert images_for_likelihood(density, grey, "auto") is grey
        assert images_for_likelihood(density, grey, "none") is grey
        assert torch.equal(images_for_likelihood(density, grey, "static"), black_or_white)
    with pytest.raises(
        InputError, match=r"^binarise: a Bernoulli has no likelihood for grey pixels.*got none"
    ) as caught:
        images_for_likelihood(bernoulli, grey, "none")
    assert "\n" not in str(caught.value)


def test_bce_of_a_grey_pixel_is_no_density():
    # Why it is refused: over [0, 1] exp(-BCE) does not integrate to 1, whatever the logit.
    likelihood = model_of(VAEOptions(**SMALL)).likelihood
    grey = torch.linspace(0, 1, 2001, dtype=torch.float64).reshape(-1, 1, 1, 1)
    for logit, integral in {-4.0: 0.241, 0.0: 0.5, 2.0: 0.381}.items():
        density = likelihood.log_prob(torch.full_like(grey, logit), grey).exp()
        assert torch.trapezoid(density, dx=1 / 2000).item() == pytest.approx(integral, abs=1e-3)


# Latents


def test_encode_all(data):
    for options in (
        VAEOptions(**SMALL),
        ConditionalVAEOptions(**SMALL),
        ConditionalVAEOptions(condition="top", **SMALL),
    ):
        model = model_of(options)
        mu, logvar = encode_all(model, data.test.images, data.test.labels, torch.cat, batch_size=17)
        expected = model.encode(data.test.images, model.condition(data.test.images, data.test.labels))
        np.testing.assert_allclose(mu.detach(), expected[0].detach(), atol=1e-6)
        np.testing.assert_allclose(logvar.detach(), expected[1].detach(), atol=1e-6)


def test_active_units():
    # Variances 0.0101, 0.0099, 1 and 0; a large mean is no activity.
    signs = np.tile([1.0, -1.0], 50)[:, None]
    mu = (signs * np.sqrt([0.0101, 0.0099, 1, 0]) + [0, 0, 3, 50]).astype(np.float32)
    np.testing.assert_allclose(variance_of_mu(mu), [0.0101, 0.0099, 1, 0], rtol=1e-4)
    assert active_units(mu) == 2
    assert active_units(torch.tensor(mu)) == 2


def test_kl_by_latent():
    rng = np.random.default_rng(0)
    mu, logvar = rng.standard_normal((2, 200, 3))
    D = torch.distributions
    q = D.Normal(torch.tensor(mu), torch.tensor(logvar).div(2).exp())
    expected = D.kl_divergence(q, D.Normal(0.0, 1.0)).mean(0)
    np.testing.assert_allclose(kl_by_latent(mu, logvar), expected, rtol=1e-10)
    np.testing.assert_allclose(kl_by_latent(torch.tensor(mu), torch.tensor(logvar)), expected, rtol=1e-10)


def test_collapse_in_words():
    assert collapse_warning(np.array([0.5, 0.011])) is None
    assert collapse_warning(np.array([0.5, 0.009, 0.0])).startswith("2 of 3 latents carry less than 0.01 nats")
    assert collapse_warning(np.array([0.5, 0.009])).startswith("1 of 2 latents carries less than 0.01 nats")
    assert collapse_warning(np.zeros(20)).startswith("All 20 latents carry less than 0.01 nats")


def codes_of_classes(rng, centres, count=300):
    classes = np.arange(count) % len(centres)
    return centres[classes] + rng.standard_normal((count, centres.shape[1])), classes


def test_the_linear_probe_is_the_most_probable_softmax_regression():
    # Independent of scikit-learn: Newton's method on the same objective, written with torch.
    rng = np.random.default_rng(0)
    centres = np.array([[0.0, 0.0], [2.0, 0.5], [1.0, 2.0]])
    (x, y), (x_test, y_test) = codes_of_classes(rng, centres), codes_of_classes(rng, centres)
    middle = x.mean(axis=0)
    add_one = lambda codes: torch.tensor(np.column_stack([np.ones(len(codes)), codes - middle]))  # noqa: E731

    def objective(weight):
        logits = add_one(x) @ weight.reshape(3, 3).T
        return torch.nn.functional.cross_entropy(logits, torch.tensor(y), reduction="sum") + weight.square().sum() / 2

    weight = torch.zeros(9, dtype=torch.float64)
    for _ in range(20):
        gradient = torch.autograd.functional.jacobian(objective, weight)
        weight = weight - torch.linalg.solve(torch.autograd.functional.hessian(objective, weight), gradient)
    assert gradient.abs().max() < 1e-9
    expected = (add_one(x_test) @ weight.reshape(3, 3).T).argmax(1).numpy() == y_test
    assert 0.6 < expected.mean() < 0.95
    assert linear_probe(x, y, x_test, y_test) == pytest.approx(expected.mean(), abs=1e-12)


def test_the_linear_probe_finds_a_class_that_is_there_and_none_that_is_not():
    rng = np.random.default_rng(0)
    labels = np.arange(400) % 4
    assert linear_probe(np.eye(4)[labels], labels, np.eye(4)[labels], labels) == 1.0
    assert linear_probe(rng.standard_normal((400, 4)), labels, rng.standard_normal((400, 4)), labels) < 0.35
    assert linear_probe(np.zeros((400, 0)), labels, np.zeros((400, 0)), labels) == 0.25


def test_the_linear_probe_without_scikit_learn_is_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.linear_model", None)
    with pytest.raises(InputError, match=r"^linear probe: expected scikit-learn, .*pip install scikit-learn$"):
        linear_probe(np.eye(2), np.arange(2), np.eye(2), np.arange(2))


# ROC AUC


def brute_force_auc(scores, positive):
    pairs = [(a > b) + 0.5 * (a == b) for a in scores[positive] for b in scores[~positive]]
    return np.mean(pairs)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("values", [3, 1000])
def test_roc_auc_counts_pairs(seed, values):
    rng = np.random.default_rng(seed)
    positive = rng.random(41) < 0.3
    scores = np.round(rng.random(41) * values + positive)
    assert roc_auc(scores, positive).auc == pytest.approx(brute_force_auc(scores, positive), rel=1e-12)
    assert roc_auc(-scores, positive).auc == pytest.approx(1 - brute_force_auc(scores, positive), rel=1e-12)
    assert roc_auc(scores, ~positive).auc == pytest.approx(1 - brute_force_auc(scores, positive), rel=1e-12)
    assert roc_auc(np.exp(scores / values), positive).auc == pytest.approx(roc_auc(scores, positive).auc, rel=1e-12)


def test_roc_auc_at_its_ends():
    positive = np.array([True] * 4 + [False] * 6)
    assert roc_auc(positive.astype(float), positive) == (1.0, 0.0)
    assert roc_auc(1.0 - positive, positive) == (0.0, 0.0)
    assert roc_auc(np.full(10, 2.0), positive) == (0.5, 0.0)
    assert math.isnan(roc_auc(np.arange(3.0), np.array([True, False, False])).standard_error)


def test_standard_error_of_roc_auc_is_the_spread_over_new_images():
    rng = np.random.default_rng(0)
    positive = np.arange(150) < 50
    areas = [roc_auc(np.round(4 * (rng.standard_normal(150) + positive)), positive) for _ in range(600)]
    spread = np.std([area.auc for area in areas])
    assert np.mean([area.standard_error for area in areas]) == pytest.approx(spread, rel=0.1)


def test_standard_error_by_placements():
    # DeLong et al.: variances of each positive's share of negatives below it, and of each negative's above it.
    rng = np.random.default_rng(3)
    a, b = np.round(3 * rng.standard_normal(13) + 2), np.round(3 * rng.standard_normal(7))
    wins = (a[:, None] > b) + 0.5 * (a[:, None] == b)
    expected = math.sqrt(wins.mean(1).var(ddof=1) / 13 + wins.mean(0).var(ddof=1) / 7)
    positive = np.arange(20) < 13
    assert roc_auc(np.concatenate([a, b]), positive).standard_error == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_roc_auc_is_scikit_learns(seed):
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(seed)
    positive = rng.random(500) < 0.3
    scores = np.round(10 * rng.standard_normal(500)) + 5 * positive
    assert roc_auc(scores, positive).auc == pytest.approx(metrics.roc_auc_score(positive, scores), rel=1e-12)
    false, true, _ = metrics.roc_curve(positive, scores, drop_intermediate=False)
    np.testing.assert_allclose(roc_curve(scores, positive), (false, true), rtol=1e-12)


def test_roc_curve_bounds_the_area():
    scores = np.array([0.1, 0.4, 0.35, 0.8, 0.8])
    positive = np.array([False, False, True, True, False])
    false, true = roc_curve(scores, positive)
    assert (false[0], true[0], false[-1], true[-1]) == (0, 0, 1, 1)
    assert np.trapezoid(true, false) == pytest.approx((0.5 + 1 + 1 + 0 + 0 + 1) / 6)


def test_mid_ranks():
    np.testing.assert_array_equal(mid_ranks(np.array([10.0, 30, 20, 20, 5])), [2, 5, 3.5, 3.5, 1])


@pytest.mark.parametrize(
    ("scores", "positive", "line"),
    [
        ([1.0, 2.0], [True, True], "is_positive: expected positives and negatives, got 2 and 0"),
        ([1.0, 2.0], [False, False], "is_positive: expected positives and negatives, got 0 and 2"),
        ([1.0, math.nan], [True, False], "scores: expected numbers, got NaN"),
    ],
)
def test_roc_auc_refuses(scores, positive, line):
    with pytest.raises(InputError, match=line):
        roc_auc(np.array(scores), np.array(positive))


# The command


@pytest.fixture
def run_of(tmp_path, data, monkeypatch):
    """A run folder with an untrained model, and few images for the metrics that need many."""
    monkeypatch.setattr(command, "read_data", lambda run, root: to_arrays(data))
    for name, few in {"IMAGES": 300, "PAIRS": 64, "POINTS": 3}.items():
        monkeypatch.setattr(disentanglement, name, few)

    def make(options, binarise="none"):
        choices = dataclasses.asdict(TrainOptions(model=options, data=DataOptions(name="shapes", binarise=binarise)))
        config = {"command": "train", "model": options.model, "rung": "paper", "options": choices}
        run = create_run(tmp_path, "train", config | {"image_shape": (1, 28, 28), "class_count": 3})
        save_model(run, model_of(options))
        return run

    return make


def evaluate(run, capsys, **choices):
    """What was printed, and what evaluation.json holds."""
    images = {} if choices.get("draws") == 0 else {"images": 10}
    options = EvaluateOptions(run=run.path, **({"draws": 20, "device": "cpu"} | images | choices))
    assert command.evaluate(options) == 0
    return " ".join(capsys.readouterr().out.split()), json.loads((run.path / "evaluation.json").read_text())


@pytest.mark.parametrize("options", [VAEOptions(**SMALL), AutoencoderOptions(**SMALL)])
def test_weights_that_are_too_large_are_refused(options, run_of, capsys):
    run, model = run_of(options), model_of(options)
    with torch.no_grad():
        for value in model.parameters():
            value.fill_(3e38)
    save_model(run, model)
    with pytest.raises(InputError, match=r"the loss is NaN or infinite at \d+ of \d+ test images"):
        evaluate(run, capsys, draws=0)
    assert not (run.path / "evaluation.json").exists()


def test_evaluate_a_vae(run_of, data, capsys):
    options = VAEOptions(**SMALL)
    text, found = evaluate(run_of(options), capsys)
    rows = {(row["pixels"], row["z"]): row for row in found["elbo"]}
    assert list(rows) == [(p, z) for p in ("grey", "black or white, drawn") for z in ("sampled", "mu")]
    for (pixels, z), row in rows.items():
        images = data.test.images if pixels == "grey" else binarised(data.test.images)
        parts = elbo_parts(model_of(options), images, data.test.labels, generator() if z == "sampled" else None)
        assert row["negative_elbo"] == pytest.approx(-parts.elbo.mean(), rel=1e-5)
        assert row["standard_error"] == pytest.approx(parts.elbo.std(ddof=1) / math.sqrt(60), rel=1e-5)
        assert row["reconstruction"] + row["kl"] == pytest.approx(row["negative_elbo"])
    assert sum(found["latents"]["kl"]) == pytest.approx(rows["grey", "mu"]["kl"], rel=1e-5)
    assert found["log_likelihood"]["mean"] >= found["log_likelihood"]["elbo_of_same_draws"]
    assert (found["log_likelihood"]["draws"], found["log_likelihood"]["images"]) == (20, 10)
    likelihood = found["log_likelihood"]
    gain = likelihood["mean"] - likelihood["elbo_of_same_draws"]
    assert likelihood["gain_over_elbo"] == pytest.approx(gain)
    median = likelihood["effective_draws"]["median"]
    assert f"difference, from {median:.1f} effective draws {gain:.2f}" in text
    assert "In expectation it is at most KL(q(z|x) ‖ p(z|x))" in text
    assert found["log_likelihood"]["pixels"] == "black or white, drawn"
    assert set(found["disentanglement"]["gaps"]) == {"shape", *RANGES}
    assert (found["model"], found["test_images"], found["seed"], found["device"]) == ("vae", 60, 0, "cpu")
    assert found["command"].endswith("--draws 20 --images 10")
    assert found["versions"]["torch"] == torch.__version__.split("+")[0]
    for words in (
        "Negative ELBO",
        "a Bernoulli gives grey pixels no density",
        "by a fixed seed (0)",
        "10 of 60 test images, evenly spread",
    ):
        assert words in text
    assert all(f"{row['negative_elbo']:.2f}" in text for row in found["elbo"])


@pytest.mark.parametrize(
    ("collapsed", "warning"),
    [
        (3, "3 of 4 latents carry less than 0.01 nats: they have collapsed onto the prior."),
        (4, "All 4 latents carry less than 0.01 nats: the decoder ignores z (posterior collapse)."),
    ],
)
def test_evaluate_says_what_has_collapsed(run_of, capsys, collapsed, warning):
    run = run_of(VAEOptions(**SMALL))
    model = model_of(VAEOptions(**SMALL))
    with torch.no_grad():
        for head in (model.encoder.mu, model.encoder.logvar):
            head.weight[:collapsed] = head.bias[:collapsed] = 0
        model.encoder.mu.weight[collapsed:] *= 100
    save_model(run, model)
    text, found = evaluate(run, capsys, draws=0)
    assert found["warnings"] == [warning]
    assert f"Warning: {warning}" in text
    assert found["latents"]["active_units"] == 4 - collapsed
    assert found["disentanglement"]["active_latents"] == list(range(collapsed, 4))
    assert "log_likelihood" not in found
    if collapsed == 4:
        assert [
            found["disentanglement"][name] for name in ("beta_vae_score", "factor_vae_score", "mig")
        ] == pytest.approx(
            [
                0.2,
                0.2,
                0,
            ]
        )


def test_evaluate_densities_of_grey(run_of, capsys):
    text, found = evaluate(run_of(VAEOptions(likelihood="gaussian", **SMALL)), capsys, images=0)
    assert [row["pixels"] for row in found["elbo"]] == ["grey", "grey"]
    assert found["log_likelihood"]["pixels"] == "grey"
    assert "all 60 test images" in text
    assert "p(x) is a density" in text
    assert "No bits/dim: the pixels are levels" in text
    assert found["log_likelihood"]["bits_per_dimension"] is None


@pytest.mark.parametrize("condition", ["none", "top"])
def test_evaluate_probabilities_of_levels_in_bits(run_of, data, capsys, monkeypatch, condition):
    levels = dataclasses.replace(data, test=dataclasses.replace(data.test, images=on_levels(data.test.images)))
    monkeypatch.setattr(command, "read_data", lambda run, root: to_arrays(levels))
    choices = SMALL | {"likelihood": "discretised-logistic"}
    options = VAEOptions(**choices) if condition == "none" else ConditionalVAEOptions(**choices, condition=condition)
    text, found = evaluate(run_of(options), capsys, images=0)
    pixels = levels.test.images[0].numel() / (1 if condition == "none" else 2)
    for row in found["elbo"]:
        assert row["bits_per_dimension"] == pytest.approx(row["negative_elbo"] / pixels / math.log(2), rel=1e-12)
    estimate = found["log_likelihood"]
    assert estimate["bits_per_dimension"] == pytest.approx(-estimate["mean"] / pixels / math.log(2), rel=1e-12)
    assert f"{estimate['bits_per_dimension']:.3f} bits per dimension" in text
    assert f"{found['elbo'][0]['bits_per_dimension']:.3f}" in text
    assert "p(x) is a density" not in text


def test_a_uniform_guess_is_8_bits(data):
    model = model_of(VAEOptions(**SMALL, likelihood="discretised-logistic"))
    assert bits_per_dimension(model, data.test.images[0].numel() * math.log(256)) == pytest.approx(8, rel=1e-12)
    assert bits_per_dimension(model_of(VAEOptions(**SMALL)), 1.0) is None


def test_probabilities_of_levels_need_levels(data):
    model = model_of(VAEOptions(**SMALL, likelihood="discretised-logistic"))
    images = on_levels(data.test.images)
    assert images_for_likelihood(model, images, "auto") is images
    off = images.clone()
    off[-1, 0, 0, 0] = 0.5
    with pytest.raises(InputError, match=r"^images: expected pixels on the 256 levels") as caught:
        images_for_likelihood(model, off, "auto")
    assert "\n" not in str(caught.value)


def on_levels(images):
    return (255 * images).round() / 255


def test_evaluate_says_how_pixels_were_drawn(run_of, data, capsys, monkeypatch):
    binary = dataclasses.replace(data, test=dataclasses.replace(data.test, images=binarised(data.test.images)))
    monkeypatch.setattr(command, "read_data", lambda run, root: to_arrays(binary))
    text, found = evaluate(run_of(VAEOptions(**SMALL), "dynamic"), capsys, binarise="none")
    assert "pixels: each drawn once, white with probability grey, by the run's seed (0)" in text
    assert [row["pixels"] for row in found["elbo"]] == ["black or white"] * 2
    assert found["log_likelihood"]["pixels"] == "black or white"


def test_log_likelihood_is_measured_on_images_from_all_over(run_of, data, capsys, monkeypatch):
    # Sorted by class, as a folder is: the first ten alone would be of one class.
    order = torch.argsort(data.test.labels, stable=True)
    sorted_ = dataclasses.replace(data, test=data.test.subset(order))
    monkeypatch.setattr(command, "read_data", lambda run, root: to_arrays(sorted_))
    seen = []

    def spy(model, x, c, *given, **choices):
        seen.append(c.argmax(1))
        return importance_sample(model, x, c, *given, **choices)

    monkeypatch.setattr(report, "importance_sample", spy)
    evaluate(run_of(ConditionalVAEOptions(**SMALL)), capsys, images=6)
    evaluate(run_of(ConditionalVAEOptions(**SMALL)), capsys, images=600)
    assert seen[0].tolist() == [0, 0, 1, 1, 2, 2]
    assert torch.equal(seen[1], sorted_.test.labels)


def test_evaluate_refuses_the_bernoulli_likelihood_of_grey(run_of, capsys):
    run = run_of(VAEOptions(**SMALL))
    with pytest.raises(InputError, match=r"^binarise: a Bernoulli has no likelihood for grey"):
        evaluate(run, capsys, binarise="none")
    assert not (run.path / "evaluation.json").exists()
    _, found = evaluate(run, capsys, binarise="none", draws=0)  # no likelihood is measured
    assert [row["pixels"] for row in found["elbo"]] == ["grey", "grey"]


def test_evaluate_a_vq_vae(run_of, data, capsys):
    options = VQVAEOptions(codes=50, code_dim=3, channels=(2, 3))
    text, found = evaluate(run_of(options), capsys)
    codes = model_of(options).codes(data.test.images)
    shares = torch.bincount(codes.flatten(), minlength=50) / codes.numel()
    perplexity = math.exp(-sum(p * math.log(p) for p in shares.tolist() if p))
    assert found["codebook"]["perplexity"] == pytest.approx(perplexity, rel=1e-5)
    assert found["codebook"]["used"] == int((shares > 0).sum())
    assert found["codebook"]["places"] == 49
    assert f"Perplexity {perplexity:.1f}" in text
    assert "log p(x) is left out" in text
    assert not {"elbo", "latents", "log_likelihood", "disentanglement"} & set(found)
    assert len(found["warnings"]) == (found["codebook"]["used"] < 25)


def test_evaluate_an_autoencoder(run_of, capsys):
    text, found = evaluate(run_of(AutoencoderOptions(**SMALL)), capsys)
    assert not {"elbo", "latents", "log_likelihood", "codebook"} & set(found)
    assert f"{found['reconstruction']['reconstruction']:.2f}" in text
    assert found["disentanglement"]["active_latents"] == [0, 1, 2, 3]


@pytest.mark.parametrize("condition", ["label", "top"])
def test_evaluate_a_conditional_vae(run_of, condition, capsys):
    text, found = evaluate(run_of(ConditionalVAEOptions(condition=condition, **SMALL)), capsys)
    assert "log p(x|c)" in text
    assert ("shape" in found["disentanglement"]["gaps"]) == (condition != "label")
    assert ("Left out: shape, which the model is given." in text) == (condition == "label")
    assert ("Only the missing pixels count; given: top." in text) == (condition == "top")


def test_evaluate_says_what_else_was_trained(run_of, capsys):
    text, _ = evaluate(run_of(BetaVAEOptions(beta=4.0, **SMALL)), capsys, draws=0)
    assert "Trained with β = 4; here the KL has the weight 1" in text
    text, _ = evaluate(run_of(BetaVAEOptions(capacity=20.0, **SMALL)), capsys, draws=0)
    assert "Trained to a KL of 20 nats" in text
    text, _ = evaluate(run_of(IWAEOptions(draws=5, **SMALL)), capsys, draws=0)
    assert "Trained on the bound of 5 draws" in text


def test_evaluate_a_rung_of_the_ladder(tmp_path, data, run_of, capsys):
    architecture = Architecture(3, (2, 3), 7)
    config = {
        "command": "train",
        "rung": "numpy_impl",
        "objective": {"likelihood": "bernoulli", "beta": 2.0, "sigma": 0.2},
        "architecture": dataclasses.asdict(architecture),
        "training": {"epochs": 1, "batch_size": 2, "learning_rate": 1e-3, "seed": 0},
        "data": "shapes",
        "data_root": None,
    }  # as version 0.1 wrote it
    run = create_run(tmp_path, "rung", config)
    parameters = initial_parameters(architecture, np.random.default_rng(0))
    save_file(parameters, run.weights_path, {"architecture": json.dumps(dataclasses.asdict(architecture))})
    text, found = evaluate(run, capsys)
    assert found["model"] == "beta-vae"
    assert "β = 2" in text
    assert "weights.safetensors: without a digest, as version 0.1 and other programs write it; not verified" in text


def test_images_of_a_file_have_mig_alone(run_of, data, capsys, monkeypatch):
    grid = with_factors(data, data.factors | {"scale": np.linspace(0.5, 1, 6)[np.arange(60) % 6]})
    monkeypatch.setattr(command, "read_data", lambda run, root: to_arrays(grid))
    text, found = evaluate(run_of(VAEOptions(**SMALL)), capsys, draws=0)
    assert found["disentanglement"]["beta_vae_score"] is None
    assert 0 <= found["disentanglement"]["mig"] <= 1
    assert "β-VAE metric" not in text
    assert "cannot be drawn for images from a file" in text


def test_data_without_factors(run_of, data, capsys, monkeypatch):
    plain = dataclasses.replace(with_factors(data, {}), name="mnist")
    monkeypatch.setattr(command, "read_data", lambda run, root: to_arrays(plain))
    text, found = evaluate(run_of(VAEOptions(**SMALL)), capsys, draws=0)
    assert "disentanglement" not in found
    assert "Disentanglement" not in text


def test_evaluate_takes_the_latest_run_and_records(run_of, tmp_path, capsys):
    run = run_of(VAEOptions(**SMALL))
    record = tmp_path / "results" / "vae.json"
    options = EvaluateOptions(out=tmp_path, draws=5, images=3, device="cpu", record=record)
    assert command.evaluate(options) == 0
    assert record.read_bytes() == (run.path / "evaluation.json").read_bytes()
    assert str(tmp_path) not in json.loads(record.read_text())["command"]


def test_evaluate_measures_the_best_epoch_beside_the_last(run_of, capsys):
    run = run_of(VAEOptions(**SMALL))
    with pytest.raises(InputError, match=r"no best\.safetensors"):
        evaluate(run, capsys, weights="best", draws=0)
    last = evaluate(run, capsys, draws=0)[1]
    other = model_of(VAEOptions(**SMALL))
    torch.nn.init.zeros_(other.encoder.mu.weight)
    best = {name: value.numpy() for name, value in other.state_dict().items()}
    save_weights(run.path / "best.safetensors", best, run.load_weights()[1])
    for epoch, is_best in enumerate([False, True, False]):
        run.log(kind="epoch", epoch=epoch, step=epoch, loss=1.0, reconstruction=1.0, best=is_best)
    assert command.evaluate(EvaluateOptions(run=run.path, weights="best", draws=0, device="cpu")) == 0
    assert "weights: of epoch 1, the smallest validation loss" in capsys.readouterr().out
    found = json.loads((run.path / "evaluation_best.json").read_text())
    assert (found["weights"], last["weights"]) == ("best", "last")
    assert "--weights best" in found["command"]
    assert found["latents"]["kl"] != last["latents"]["kl"]
    assert json.loads((run.path / "evaluation.json").read_text()) == last, "each has its own file"


def test_evaluate_is_repeatable(run_of, capsys):
    run = run_of(VAEOptions(**SMALL))
    first, again, other = (evaluate(run, capsys, seed=seed)[1] for seed in (0, 0, 1))
    for found in (first, again, other):
        del found["seconds"], found["command"], found["seed"]
    assert first == again
    assert first["log_likelihood"] != other["log_likelihood"]
    assert first["elbo"][1] == other["elbo"][1]  # z = μ draws nothing


def test_no_line_is_wider_than_100_columns(run_of, capsys):
    for options in (VAEOptions(latent_dim=30, network="mlp", hidden_dims=(5,)), VQVAEOptions(channels=(2, 3))):
        run = run_of(options)
        command.evaluate(EvaluateOptions(run=run.path, draws=5, images=5, device="cpu"))
        lines = [line for line in capsys.readouterr().out.splitlines() if str(run.path) not in line]
        assert max(map(len, lines)) <= 100
