"""The three scores on codes with known scores and on planted mistakes, and the ground truth behind them."""

import dataclasses
import functools
import itertools
import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from foundation.data import load  # noqa: E402
from foundation.data.glyphs import draw_glyphs  # noqa: E402
from foundation.data.splits import Data  # noqa: E402
from foundation.rung import encode_all  # noqa: E402
from paper.evaluation.disentanglement import (  # noqa: E402
    beta_vae_score,
    disentanglement,
    entropy,
    factor_vae_score,
    images_needed,
    majority_accuracy,
    mutual_information,
    mutual_information_gap,
    votes,
)
from paper.evaluation.ground_truth import GroundTruth, ground_truth_of, representation_of  # noqa: E402
from paper.evaluation.latents import active_latents, linear_probe  # noqa: E402
from paper.models.options import AutoencoderOptions, ConditionalVAEOptions, VAEOptions  # noqa: E402
from paper.models.registry import make_model  # noqa: E402


def no_images(**factors):
    raise AssertionError("a metric drew an image")


FACTORS = ("shape", "a", "b", "c", "d")
TRUTH = GroundTruth("shape", {"shape": (0, 1, 2)}, dict.fromkeys("abcd", (0.0, 1.0)), no_images)


def perfect(factors):
    return np.stack([factors[name] for name in FACTORS], axis=1).astype(float)


def constant(factors):
    return np.full((len(factors["a"]), 3), 0.1)


def nothing(factors):
    return np.zeros((len(factors["a"]), 0))


def noise(factors):
    return np.random.default_rng(0).standard_normal((len(factors["a"]), 4))


def duplicated(factors):
    return np.repeat(perfect(factors), 2, axis=1)


def rotated(factors):
    """a and b turned by 45° into one another."""
    z = perfect(factors)
    z[:, 1], z[:, 2] = (z[:, 1] + z[:, 2]) / math.sqrt(2), (z[:, 1] - z[:, 2]) / math.sqrt(2)
    return z


def all_rotated(factors):
    """Every factor spread over every latent."""
    turn, _ = np.linalg.qr(np.random.default_rng(5).standard_normal((5, 5)))
    return (perfect(factors) - 0.5) @ turn


def permuted(factors):
    return perfect(factors)[:, [3, 0, 4, 2, 1]] * [-1e-4, 7.0, 3e5, 0.2, -30.0] + [1.0, -5.0, 0.0, 2.0, 100.0]


@functools.cache
def scores(code, seed=0):
    found = disentanglement(TRUTH, code, seed)
    return found.beta_vae_score, found.factor_vae_score, found.mig


# What each score is worth, with the factors above: (beta-VAE, FactorVAE, MIG).
KNOWN = {
    "the factors": (perfect, (1.0, 1.0, 1.0)),
    "a constant": (constant, (1 / 5, 1 / 5, 0.0)),
    "no latent": (nothing, (1 / 5, 1 / 5, 0.0)),
    "noise": (noise, (1 / 5, 1 / 5, 0.0)),
    "every factor twice": (duplicated, (1.0, 1.0, 0.0)),
    # a and b cannot be counts apart: one of them is guessed right half of the time.
    "a and b rotated by 45°": (rotated, (4 / 5, 4 / 5, 3 / 5)),
    "permuted, scaled and moved": (permuted, (1.0, 1.0, 1.0)),
}


@pytest.mark.parametrize("code", KNOWN)
def test_known_scores(code):
    function, expected = KNOWN[code]
    # Held factors are guessed on 2500 and 500 points; MIG keeps the chance information of 10,000 images.
    for score, worth, tolerance in zip(scores(function), expected, (0.04, 0.06, 0.012), strict=True):
        assert score == pytest.approx(worth, abs=tolerance)


def test_guessing_is_exact():
    for code in (constant, nothing):
        assert scores(code) == (1 / 5, 1 / 5, 0.0)


def test_perfect_is_exact():
    assert scores(perfect)[:2] == (1.0, 1.0)


def test_order_and_scale_change_nothing():
    assert scores(permuted)[:2] == scores(perfect)[:2]
    assert scores(permuted)[2] == pytest.approx(scores(perfect)[2], abs=2e-4)


def test_what_is_rotated_has_no_gap():
    gaps = disentanglement(TRUTH, rotated).gaps
    assert max(gaps["a"], gaps["b"]) < 0.01
    assert min(gaps["shape"], gaps["c"], gaps["d"]) > 0.98


def test_a_full_rotation_lowers_every_score():
    beta, factor, mig = scores(all_rotated)
    assert beta < 0.95
    assert factor < 0.9
    assert mig < 0.3


def test_seeds():
    again = disentanglement(TRUTH, rotated, 0)
    assert scores(rotated) == (again.beta_vae_score, again.factor_vae_score, again.mig)
    assert scores(rotated) != scores(rotated, 1)


def test_images_needed_counts_what_is_encoded():
    counts = []

    def counting(factors):
        counts.append(len(factors["a"]))
        return perfect(factors)

    disentanglement(TRUTH, counting)
    assert sum(counts) == images_needed(TRUTH)


# Every combination of factors once: nothing is left to chance, so that MIG is exact.


def grid(**sizes):
    combinations = np.array(list(itertools.product(*(range(size) for size in sizes.values()))))
    return dict(zip(sizes, combinations.T, strict=True))


GRID = grid(shape=3, scale=6, x=12)


def columns(factors):
    return np.stack(list(factors.values()), axis=1).astype(float)


def test_mig_of_the_factors_is_one_and_not_their_entropy():
    found = mutual_information_gap(columns(GRID), GRID)
    assert found.mig == pytest.approx(1.0, abs=1e-12)
    assert found.gaps == pytest.approx(dict.fromkeys(GRID, 1.0), abs=1e-12)
    np.testing.assert_allclose(found.information, np.eye(3), atol=1e-12)


@pytest.mark.parametrize("scale", [1e-6, -1.0, 1e6])
def test_mig_of_scaled_factors_is_one(scale):
    assert mutual_information_gap(scale * columns(GRID)[:, ::-1] + 3, GRID).mig == pytest.approx(1.0, abs=1e-12)


def test_mig_of_a_duplicate_is_zero_for_that_factor_alone():
    codes = columns(GRID)[:, [0, 1, 2, 1]]
    assert mutual_information_gap(codes, GRID).gaps == pytest.approx({"shape": 1, "scale": 0, "x": 1}, abs=1e-12)


def test_mig_does_not_see_that_one_latent_holds_two_factors():
    first, second = np.divmod(np.arange(16).repeat(50), 4)
    codes = np.stack([4.0 * first + second, np.zeros(800)], axis=1)
    assert mutual_information_gap(codes, {"first": first, "second": second}).mig == pytest.approx(1.0, abs=1e-12)


def test_mig_of_one_latent_is_its_information():
    found = mutual_information_gap(columns(GRID)[:, :1], GRID)
    assert found.gaps == pytest.approx({"shape": 1, "scale": 0, "x": 0}, abs=1e-12)
    assert found.information.shape == (1, 3)


def test_mig_by_hand():
    # z1 tells the first half of v from the second; z2 tells odd from even where v is in the first half.
    v = np.arange(4)
    codes = np.stack([v // 2, np.array([0, 1, 2, 2])], axis=1).astype(float)
    expected = (1.5 * math.log(2) - math.log(2)) / math.log(4)
    assert mutual_information_gap(codes, {"v": v}).mig == pytest.approx(expected, abs=1e-12)


def test_mig_leaves_out_what_never_varies():
    factors = GRID | {"colour": np.zeros(len(GRID["x"]))}
    assert mutual_information_gap(columns(GRID), factors).gaps.keys() == GRID.keys()


def test_mig_lies_between_0_and_1():
    rng = np.random.default_rng(0)
    for _ in range(20):
        factors = {"a": rng.random(50), "b": rng.integers(0, 3, 50)}
        found = mutual_information_gap(rng.standard_normal((50, 3)) + factors["a"][:, None], factors)
        assert 0 <= found.mig <= 1
        assert found.information.max() <= 1


def test_information_against_its_definition():
    rng = np.random.default_rng(1)
    a, b = rng.integers(0, 4, 500), rng.integers(0, 3, 500)
    b[:200] = a[:200] % 3
    expected = 0.0
    for i, j in itertools.product(range(4), range(3)):
        joint, alone = np.mean((a == i) & (b == j)), np.mean(a == i) * np.mean(b == j)
        expected += joint * math.log(joint / alone)
    assert mutual_information(a, b) == pytest.approx(expected, rel=1e-10)
    metrics = pytest.importorskip("sklearn.metrics")
    assert mutual_information(a, b) == pytest.approx(metrics.mutual_info_score(a, b), rel=1e-10)
    assert mutual_information(a, a) == pytest.approx(entropy(a), rel=1e-12)
    assert entropy(np.array([0, 1, 2, 3])) == pytest.approx(math.log(4))


# Known mistakes in code for MIG. What finds them: perfect codes of factors of any sizes score 1.

WRONG_MIGS = {
    "not divided by the entropy": lambda best, second, H: np.mean(best - second),
    "divided by the mean entropy": lambda best, second, H: np.mean((best - second) / np.mean(H)) * 1.1,
    "entropy in bits, information in nats": lambda best, second, H: np.mean((best - second) / (H / math.log(2))),
    "divided by the entropy of 20 bins": lambda best, second, H: np.mean((best - second) / math.log(20)),
    "the second in place of the gap": lambda best, second, H: np.mean(second / H),
    "summed over factors": lambda best, second, H: np.sum((best - second) / H),
}


@pytest.mark.parametrize("bug", WRONG_MIGS)
def test_a_wrong_mig_is_not_one_for_the_factors(bug):
    H = np.array([entropy(values) for values in GRID.values()])
    information = mutual_information_gap(columns(GRID), GRID).information * H
    second, best = np.sort(information, axis=0)[-2:]
    assert abs(WRONG_MIGS[bug](best, second, H) - 1) > 0.05


def test_undivided_mig_exceeds_one():
    H = np.array([entropy(values) for values in GRID.values()])
    second, best = np.sort(mutual_information_gap(columns(GRID), GRID).information * H, axis=0)[-2:]
    assert np.mean(best - second) == pytest.approx(np.log([3, 6, 12]).mean())  # 1.79
    assert mutual_information_gap(columns(GRID), GRID).mig == pytest.approx(1.0)


def test_factor_vae_without_normalisation_is_fooled_by_scale():
    # A latent of tiny scale varies least under any factor, unless its variance is divided by that over all images.
    def scaled(factors):
        blur = 0.01 * np.random.default_rng(len(factors["a"])).standard_normal((len(factors["a"]), 5))
        return (perfect(factors) + blur) * [1e-3, 1, 1, 1, 1]

    assert factor_vae_score(TRUTH, scaled, np.random.default_rng(0)) == 1.0
    train, test = (votes(TRUTH, scaled, np.random.default_rng(seed), 100, np.ones(5)) for seed in range(2))
    assert majority_accuracy(train, test) < 0.5


def test_beta_vae_pairs_must_share_the_factor():
    def unshared(seed):
        rng = np.random.default_rng(seed)
        difference = np.abs(perfect(TRUTH.draw(rng, 500)) - perfect(TRUTH.draw(rng, 500)))
        return np.stack([difference[rng.choice(500, 64)].mean(0) for _ in range(5 * 500)])

    held = np.repeat(np.arange(5), 500)
    assert linear_probe(unshared(0), held, unshared(1), held) < 0.3
    assert beta_vae_score(TRUTH, perfect, np.random.default_rng(0)) == 1.0


def test_beta_vae_reads_sizes_too():
    # The weakness that its docstring names: a rotated code, but a and b differ in scale.
    def uneven(factors):
        return rotated(factors | {"a": 5 * factors["a"]})

    assert beta_vae_score(TRUTH, uneven, np.random.default_rng(0)) > 0.97


def test_a_given_factor_is_left_out():
    truth = dataclasses.replace(TRUTH, given=("shape",))
    assert truth.names == ("a", "b", "c", "d")
    found = disentanglement(truth, lambda factors: perfect(factors)[:, 1:])
    assert (found.beta_vae_score, found.factor_vae_score) == (1.0, 1.0)
    assert found.gaps.keys() == set("abcd")
    assert disentanglement(truth, constant).beta_vae_score == 1 / 4


# Ground truth


def with_factors(data, factors):
    """The same data with other factors of the test images."""
    return dataclasses.replace(data, test=dataclasses.replace(data.test, factors=factors))


def data_of(name, count=60, size=28, classes=None):
    part = load(name, "test", count=count, size=size)
    chosen = np.isin(part.labels, classes) if classes else slice(None)
    kept = part.subset(chosen)
    test = dataclasses.replace(kept, images=torch.tensor(kept.images), labels=torch.tensor(kept.labels))
    return Data(part.name, test, None, test)


@pytest.mark.parametrize(("name", "size"), [("shapes", 28), ("shapes", 20), ("glyphs", 28)])
def test_a_ground_truth_draws_the_images_of_its_data_set(name, size):
    data = data_of(name, size=size)
    truth = ground_truth_of(data)
    assert set(truth.values) | set(truth.ranges) == set(data.factors)
    again = truth.images(data.factors)
    assert again.dtype == np.float32
    np.testing.assert_allclose(again, data.test.images.numpy(), atol=1.01 / 255)
    np.testing.assert_array_equal(data.factors[truth.label], data.test.labels.numpy())


def test_a_ground_truth_has_the_classes_of_its_data():
    truth = ground_truth_of(data_of("glyphs", classes=[3, 7]))
    drawn = truth.draw(np.random.default_rng(0), 500)
    assert set(drawn["label"].tolist()) == {3, 7}
    assert set(drawn["font"].tolist()) == set(range(20))
    for name, (low, high) in truth.ranges.items():
        assert low <= drawn[name].min() < low + 0.05 * (high - low)
        assert high - 0.05 * (high - low) < drawn[name].max() <= high
    assert "label" in truth.names
    assert "label" not in ground_truth_of(data_of("glyphs", classes=[3, 7]), given_label=True).names
    assert "label" not in ground_truth_of(data_of("glyphs", classes=[3])).names


def test_data_without_a_known_ground_truth():
    shapes = data_of("shapes")
    assert ground_truth_of(dataclasses.replace(with_factors(shapes, {}), name="mnist")) is None
    grid_scales = shapes.factors | {"scale": np.linspace(0.5, 1, 6)[np.arange(60) % 6]}
    assert ground_truth_of(with_factors(shapes, grid_scales)) is None


# A model as a code


def test_the_representation_is_mu_of_the_images():
    data = data_of("shapes")
    model = make_model(VAEOptions(network="mlp", hidden_dims=(9,), latent_dim=4), (1, 28, 28), 3)
    truth, kept = ground_truth_of(data), np.array([True, False, True, True])
    factors, counts = truth.draw(np.random.default_rng(0), 30), []
    codes = representation_of(model, data, truth, kept, on_images=counts.append)(factors)
    mu, _ = model.encode(torch.tensor(truth.images(factors)))
    np.testing.assert_allclose(codes, mu.detach().numpy()[:, kept], atol=1e-6)
    assert codes.dtype == np.float64
    assert counts == [30]


def test_a_conditional_model_is_given_the_label():
    data = data_of("glyphs")
    model = make_model(ConditionalVAEOptions(network="mlp", hidden_dims=(9,), latent_dim=3), (1, 28, 28), 10)
    truth = ground_truth_of(data, given_label=True)
    factors = truth.draw(np.random.default_rng(0), 20)
    codes = representation_of(model, data, truth, np.ones(3, dtype=bool))(factors)
    images, labels = torch.tensor(draw_glyphs(**factors) / np.float32(255))[:, None], torch.tensor(factors["label"])
    mu, _ = model.encode(images, model.condition(images, labels))
    np.testing.assert_allclose(codes, mu.detach().numpy(), atol=1e-6)


def test_binary_data_are_drawn_binary():
    data = data_of("shapes")
    binary = dataclasses.replace(data, test=dataclasses.replace(data.test, images=(data.test.images > 0.5).float()))
    model = make_model(VAEOptions(network="mlp", hidden_dims=(9,), latent_dim=2), (1, 28, 28), 3)
    seen, encode = [], model.encode
    model.encode = lambda x, c=None: (seen.append(x), encode(x, c))[1]
    truth = ground_truth_of(binary)
    factors = truth.draw(np.random.default_rng(0), 10)
    codes = [representation_of(model, binary, truth, np.ones(2, dtype=bool), seed)(factors) for seed in (1, 1, 2)]
    assert set(seen[0].unique().tolist()) == {0.0, 1.0}
    np.testing.assert_array_equal(codes[0], codes[1])
    assert (codes[0] != codes[2]).any()


def test_active_latents():
    data = data_of("shapes")
    model = make_model(VAEOptions(network="mlp", hidden_dims=(9,), latent_dim=4), (1, 28, 28), 3)
    with torch.no_grad():
        model.encoder.mu.weight[1] *= 1e-3
        model.encoder.mu.weight[[0, 2, 3]] *= 100
    assert active_latents(model, data).tolist() == [True, False, True, True]
    plain = make_model(AutoencoderOptions(network="mlp", hidden_dims=(9,), latent_dim=4), (1, 28, 28), 3)
    assert active_latents(plain, data).all()
    assert encode_all(plain, data.test.images, data.test.labels, torch.cat)[1] is None
