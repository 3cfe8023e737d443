r"""Scores of disentanglement: is each factor of variation in one latent, and each latent about one factor?

The metrics take a `Representation`, a function from factors to codes (N, Z), and see no image: a code with a known
score is a line of Python. Three stand here, the others in `paper/evaluation/factor_prediction.py`. All are 1 for a code
that equals the factors. A code without information scores as guessing does: 1 / number of factors for the first two, 0
for the others. No score depends on the order of the latents, or on their scales as long as none is 0.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from paper.evaluation.factor_prediction import BINS, Prediction, predict_factors, two_best
from paper.evaluation.ground_truth import Codes, Factors, GroundTruth, Representation
from paper.evaluation.latents import linear_probe

L = 64
"""Pairs of images, or images, behind each point that is classified (Locatello et al. 2019, arXiv:1811.12359)."""
PAIRS = 4000
"""Pairs of images that share a factor; each point takes L of them, since drawing images takes most of the time.

With few of them, the score of one model moves much from seed to seed.
"""
REPEATS = 3
"""Seeds that an evaluation measures with: the scores are means over them, and their spread is reported."""
POINTS = 100
"""How often the FactorVAE metric holds each factor fixed."""
IMAGES = 10_000
"""Images that the mutual information gap is measured on (Locatello et al. 2019)."""


class Scores(NamedTuple):
    """The metrics, and the gap of each factor."""

    beta_vae_score: float | None
    factor_vae_score: float | None
    """None, both, where no new images can be drawn."""
    mig: float
    gaps: dict[str, float]
    information: Float[np.ndarray, "Z K"]
    """See `Gaps`."""
    prediction: Prediction
    """DCI, SAP and InfoMEC"""


def disentanglement(
    truth: GroundTruth,
    represent: Representation,
    seed: int = 0,
    pairs: int | None = None,
    points: int | None = None,
    images: int | None = None,
) -> Scores:
    """All metrics of one representation; None takes PAIRS, POINTS and IMAGES.

    `images_needed` gives the number of images that are drawn by default.
    """
    pairs, points, images = (
        default if given is None else given for given, default in ((pairs, PAIRS), (points, POINTS), (images, IMAGES))
    )
    first, second, third = (np.random.default_rng([seed, metric]) for metric in range(3))
    drawn = truth.draw(third, images)
    scores = scores_of_images(represent(drawn), {name: drawn[name] for name in truth.names}, seed)
    return scores._replace(
        beta_vae_score=beta_vae_score(truth, represent, first, pairs),
        factor_vae_score=factor_vae_score(truth, represent, second, points),
    )


def scores_of_images(codes: Codes, factors: Factors, seed: int = 0) -> Scores:
    """The metrics that need no new images: MIG, DCI, SAP and InfoMEC."""
    gaps = mutual_information_gap(codes, factors)
    return Scores(None, None, *gaps, predict_factors(codes, factors, gaps.information, seed))


def single_numbers(scores: Scores) -> dict[str, float]:
    """Every metric that is one number, by its name."""
    named = {"beta_vae_score": scores.beta_vae_score, "factor_vae_score": scores.factor_vae_score, "mig": scores.mig}
    known = {name: value for name, value in named.items() if value is not None}
    return known | scores.prediction._asdict()


def mean_scores(repeated: Sequence[Scores]) -> tuple[Scores, dict[str, float]]:
    """The mean of scores measured with two seeds or more, and the standard deviation of each single number."""
    numbers = [single_numbers(scores) for scores in repeated]
    means = {name: float(np.mean([one[name] for one in numbers])) for name in numbers[0]}
    spread = {name: float(np.std([one[name] for one in numbers], ddof=1)) for name in means}
    mean = Scores(
        means.get("beta_vae_score"),
        means.get("factor_vae_score"),
        means["mig"],
        {name: float(np.mean([one.gaps[name] for one in repeated])) for name in repeated[0].gaps},
        np.mean([one.information for one in repeated], axis=0),
        Prediction(**{name: means[name] for name in Prediction._fields}),
    )
    return mean, spread


def images_needed(truth: GroundTruth) -> int:
    """The number of images that `disentanglement` draws and encodes."""
    return IMAGES + len(truth.names) * (4 * PAIRS + (10 + 2 * POINTS) * L)


def beta_vae_score(
    truth: GroundTruth, represent: Representation, rng: np.random.Generator, pairs: int = PAIRS, points: int = 500
) -> float:
    """The metric of the beta-VAE (Higgins et al. 2017): can a linear classifier tell which factor was held fixed?

    A point is the mean of |z1 - z2| over L pairs of images. The two images of a pair share the value of one factor,
    drawn for that pair, and nothing else. A classifier is trained to tell the factor from the point; the score is its
    accuracy on new points. Each factor is held `points` times, for training and again for testing, with L of `pairs`
    pairs in every point.

    Known weakness: the score is 1 as well where no latent stands for one factor but the sizes of the differences tell
    which factor was held.
    """
    train, test = (difference_points(truth, represent, rng, pairs, points) for _ in range(2))
    scale = train.std(axis=0)
    varies = scale > 0
    held = np.repeat(np.arange(len(truth.names)), points)
    return linear_probe(train[:, varies] / scale[varies], held, test[:, varies] / scale[varies], held)


def difference_points(
    truth: GroundTruth, represent: Representation, rng: np.random.Generator, pairs: int, points: int
) -> Codes:
    """`points` points of the beta-VAE metric for each factor, factor by factor."""
    found = []
    for name in truth.names:
        first, second = truth.draw(rng, pairs), truth.draw(rng, pairs)
        differences = np.abs(represent(first) - represent(second | {name: first[name]}))
        found += [differences[rng.choice(pairs, L, replace=False)].mean(axis=0) for _ in range(points)]
    return np.stack(found)


def factor_vae_score(
    truth: GroundTruth, represent: Representation, rng: np.random.Generator, points: int = POINTS
) -> float:
    """The metric of the FactorVAE (Kim & Mnih 2018): does the latent that varies least tell which factor was held?

    A point is a latent: the one whose variance, over L images that share one value of one factor, is the smallest share
    of its variance over all images. Each latent is then taken to stand for the factor that it was chosen for most
    often; the score is the share of new points where that is right. Each factor is held `points` times, for training
    and again for testing. Latents that never vary take no part.
    """
    z = represent(truth.draw(rng, 10 * L * len(truth.names)))
    varies = np.ptp(z, axis=0) > 0
    if not varies.any():
        return 1 / len(truth.names)  # the same guess at every point
    variance = z[:, varies].var(axis=0)
    train, test = (votes(truth, lambda f: represent(f)[:, varies], rng, points, variance) for _ in range(2))
    return majority_accuracy(train, test)


def votes(
    truth: GroundTruth,
    represent: Representation,
    rng: np.random.Generator,
    points: int,
    variance: Float[np.ndarray, " Z"],
) -> Int[np.ndarray, "K Z"]:
    """How often each latent varied least while each factor was held, relative to its `variance` over all images."""
    counts = np.zeros((len(truth.names), len(variance)), dtype=np.int64)
    for row, name in zip(counts, truth.names, strict=True):
        factors = truth.draw(rng, points * L)
        factors[name] = np.repeat(factors[name][::L], L)
        share = represent(factors).reshape(points, L, -1).var(axis=1) / variance
        np.add.at(row, share.argmin(axis=1), 1)
    return counts


def majority_accuracy(train: Int[np.ndarray, "K Z"], test: Int[np.ndarray, "K Z"]) -> float:
    """The share of the votes `test` for the factor that each latent has most votes for in `train`."""
    return float(test[train.argmax(axis=0), np.arange(train.shape[1])].sum() / test.sum())


class Gaps(NamedTuple):
    """The mutual information gap, and what it is the mean of."""

    mig: float
    gaps: dict[str, float]
    """For each factor, its information in the best latent minus that in the second best, as a share of its entropy."""
    information: Float[np.ndarray, "Z K"]
    """I(z_j; v_k) / H(v_k), in [0, 1]."""


def mutual_information_gap(codes: Codes, factors: Factors, bins: int = BINS) -> Gaps:
    """MIG (Chen et al. 2018): the mean over factors v of (I(z_best; v) - I(z_second; v)) / H(v).

    I and H are of binned values, both in nats, over the same images: so I <= H, and the score lies in [0, 1]. Each gap
    is divided by the entropy of its own factor: undivided, a perfect code of three equally likely shapes would score
    log 3 = 1.10, and one of 20 bins 3.00. Where there are at most `bins` different values, each is a bin; otherwise
    bins of equal width go from the smallest to the largest. A factor that never varies is left out. A code of one
    latent has no second best: its gap is its information. Not seen: one latent that holds two factors, since each gap
    looks at its own factor only; a code that needs two latents for a factor scores low.
    """
    latents = [_binned(latent, bins) for latent in codes.T]
    values = {name: _binned(value, bins) for name, value in factors.items() if np.ptp(value) > 0}
    information = np.array([[mutual_information(z, v) / entropy(v) for v in values.values()] for z in latents])
    information = information.reshape(len(latents), len(values))
    second, best = two_best(information)
    return Gaps(float((best - second).mean()), dict(zip(values, (best - second).tolist(), strict=True)), information)


def _binned(values: np.ndarray, bins: int) -> Int[np.ndarray, " N"]:
    """The number of the bin that each value falls into."""
    distinct, which = np.unique(values, return_inverse=True)
    if len(distinct) <= bins:
        return which.reshape(-1)
    low, high = distinct[0], distinct[-1]
    return np.minimum(((values - low) / (high - low) * bins).astype(np.int64), bins - 1)


def mutual_information(a: Int[np.ndarray, " N"], b: Int[np.ndarray, " N"]) -> float:
    """I(a; b) = H(a) + H(b) - H(a, b) of two columns of bin numbers, in nats.

    scikit-learn's `mutual_info_score` gives the same in ten times as long.
    """
    return entropy(a) + entropy(b) - entropy(a * (b.max() + 1) + b)


def entropy(values: Int[np.ndarray, " N"]) -> float:
    """H = -sum p log p of a column of bin numbers, in nats."""
    shares = np.unique(values, return_counts=True)[1] / len(values)
    return float(-(shares * np.log(shares)).sum())
