"""DCI, SAP and InfoMEC on codes with known scores, and on planted mistakes in what they are made of."""

import math

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("sklearn")

from paper.evaluation.disentanglement import mean_scores, mutual_information_gap, scores_of_images
from paper.evaluation.factor_prediction import (
    Prediction,
    concentration,
    dominance,
    gap,
    linear_share,
    predict_factors,
)

RNG = np.random.default_rng(0)
FACTORS = {"shape": RNG.integers(0, 3, 4000), **{name: RNG.uniform(0, 1, 4000) for name in "abcd"}}
PERFECT = np.stack([values.astype(float) for values in FACTORS.values()], axis=1)
NOISE = RNG.standard_normal((4000, 4))


def turned(codes):
    """The second and the third latent turned into one another by 45°."""
    z = codes.copy()
    z[:, 1], z[:, 2] = (codes[:, 1] + codes[:, 2]) / math.sqrt(2), (codes[:, 1] - codes[:, 2]) / math.sqrt(2)
    return z


# Disentanglement, completeness, informativeness, SAP, modularity, compactness, explicitness
KNOWN = {
    "perfect": (PERFECT, (1, 1, 1, 1, 1, 1, 1)),
    "permuted, scaled and moved": (PERFECT[:, [3, 0, 4, 2, 1]] * [-1e-4, 7, 3e5, 0.2, -30] + 5, (1,) * 7),
    "noise": (NOISE, (0,) * 7),
    "constant": (np.full((4000, 3), 0.1), (0,) * 7),
    "no latent": (np.zeros((4000, 0)), (0,) * 7),
    # Two of five are mixed: each of these two latents tells half about either.
    "two turned": (turned(PERFECT), (0.83, 0.83, 1, 0.6, 0.73, 0.73, 1)),
    # Either copy will do, so completeness is lost, and no latent is better than the next.
    "every factor twice": (np.repeat(PERFECT, 2, axis=1), (1, 0.70, 1, 0, 1, 0.44, 1)),
    # What is there is as good as ever; two of five factors are not.
    "two dropped": (PERFECT[:, :3], (1, 1, 0.6, 0.6, 1, 0.68, 0.6)),
}


@pytest.mark.parametrize("code", KNOWN)
def test_known_scores(code):
    codes, expected = KNOWN[code]
    found = predict_factors(codes, FACTORS, mutual_information_gap(codes, FACTORS).information)
    for name, score, worth in zip(Prediction._fields, found, expected, strict=True):
        # Information is that of bins over 4000 images, of which chance has some.
        assert score == pytest.approx(worth, abs=0.12 if name in ("modularity", "compactness") else 0.035), name
    assert all(0 <= score <= 1 for score in found)


def test_a_code_that_is_not_linear_is_informative_and_not_explicit():
    codes = np.column_stack([PERFECT[:, 0], (PERFECT[:, 1:] - 0.5) ** 3, np.cos(40 * PERFECT[:, 1:])])
    folded = np.column_stack([PERFECT[:, 0], np.abs(PERFECT[:, 1:] - 0.5)])
    information = mutual_information_gap(codes, FACTORS).information
    bent = predict_factors(codes, FACTORS, information)
    assert bent.informativeness > 0.98
    lost = predict_factors(folded, FACTORS, mutual_information_gap(folded, FACTORS).information)
    assert lost.explicitness == pytest.approx(0.2, abs=0.02)  # the shape alone can be read by a linear function
    assert lost.modularity > 0.9
    assert lost.sap == pytest.approx(0.2, abs=0.02)


def test_the_parts_by_hand():
    importance = np.array([[1.0, 0.0], [0.5, 0.5], [0.0, 0.0]])
    # Rows: 1 and 0, of weights 1 and 1; the third has none. Columns: (2/3, 1/3, 0) and (0, 1, 0) of weights 1.5, 0.5.
    assert concentration(importance, axis=1) == pytest.approx(0.5)
    entropy = -(2 / 3 * math.log(2 / 3) + 1 / 3 * math.log(1 / 3)) / math.log(3)
    assert concentration(importance, axis=0) == pytest.approx((1.5 * (1 - entropy) + 0.5) / 2)
    assert gap(np.array([[0.9, 0.2], [0.3, 0.1], [0.8, 0.7]])) == pytest.approx((0.1 + 0.5) / 2)
    assert gap(np.array([[0.9, 0.2]])) == pytest.approx(0.55)
    information = np.array([[0.8, 0.2], [0.5, 0.5], [0.0, 0.0]])
    assert dominance(information, axis=1) == pytest.approx(((0.8 + 0.5) / 2 - 0.5) / 0.5)
    assert dominance(information, axis=0) == pytest.approx(((0.8 / 1.3 + 0.5 / 0.7) / 2 - 1 / 3) / (2 / 3))


def test_a_linear_function_reads_a_gaussian_as_its_correlation_says():
    rng = np.random.default_rng(1)
    value = rng.standard_normal(20_000)
    code = 0.6 * value + 0.8 * rng.standard_normal(20_000)
    half = np.arange(10_000), np.arange(10_000, 20_000)
    assert linear_share(code[:, None], value, *half) == pytest.approx(0.36, abs=0.02)
    # A fair coin that is seen rightly nine times of ten: 1 - H(0.1) / H(0.5).
    coin = rng.integers(0, 2, 20_000)
    seen = np.where(rng.random(20_000) < 0.9, coin, 1 - coin)
    known = 1 + (0.9 * math.log(0.9) + 0.1 * math.log(0.1)) / math.log(2)
    assert linear_share(seen[:, None].astype(float), coin, *half) == pytest.approx(known, abs=0.02)


def test_factors_that_never_vary_are_left_out():
    still = FACTORS | {"colour": np.zeros(4000)}
    information = mutual_information_gap(PERFECT, still).information
    assert predict_factors(PERFECT, still, information) == predict_factors(PERFECT, FACTORS, information)


def test_means_and_spread_over_seeds():
    codes = PERFECT + 0.5 * np.random.default_rng(2).standard_normal(PERFECT.shape)
    repeated = [scores_of_images(codes[:1000], {k: v[:1000] for k, v in FACTORS.items()}, seed) for seed in range(3)]
    mean, spread = mean_scores(repeated)
    values = [scores.prediction.informativeness for scores in repeated]
    assert mean.prediction.informativeness == pytest.approx(np.mean(values))
    assert spread["informativeness"] == pytest.approx(np.std(values, ddof=1))
    assert spread["mig"] == 0  # the same images, and no chance in it
    assert mean.beta_vae_score is None
    assert "beta_vae_score" not in spread
