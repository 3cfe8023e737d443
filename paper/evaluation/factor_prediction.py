r"""Disentanglement by prediction: DCI (Eastwood & Williams 2018), SAP (Kumar et al. 2018), InfoMEC (Hsu et al. 2023).

All take codes (N, Z) and the factors of the same images, and need no new images: half of the images train a predictor,
the other half test it. With K factors and Z latents, each score is in [0, 1], 1 for a code that equals the factors:

    DCI         disentanglement: each latent predicts one factor; completeness: each factor is predicted by one latent;
                informativeness: the factors can be predicted. Importances are those of random forests, times how
                well the forest predicts, so that noise about a factor that no latent holds does not count
    SAP         each factor is predicted by one latent alone much better than by the second best
    InfoMEC     modularity: each latent has information on one factor; compactness: each factor is in one latent;
                explicitness: the factors can be read by a linear function

Discrete factors are classified, the others are regressed. In two things the scores are not those of published tables:
in DCI a forest's importances are multiplied by how well it predicts, and in SAP a discrete factor is scored by 1 minus
cross-entropy over entropy, where the paper takes the accuracy.
"""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from foundation.errors import InputError
from paper.evaluation.ground_truth import Codes, Factors
from paper.evaluation.latents import scikit_learn

BINS = 20
"""Factors of at most so many values are discrete; others and codes go into so many bins (Locatello et al. 2019)."""
TREES, SMALLEST_LEAF = 30, 5
"""The forests of DCI."""
LEAST = 0.02
"""A factor that its forest predicts less well than this is in no latent."""


class Prediction(NamedTuple):
    """The scores, each in [0, 1]."""

    disentanglement: float
    completeness: float
    informativeness: float
    sap: float
    modularity: float
    compactness: float
    explicitness: float


def predict_factors(codes: Codes, factors: Factors, information: Float[np.ndarray, "Z K"], seed: int = 0) -> Prediction:
    """All scores. `information` is the mutual information of latents and factors as a share of the factor's entropy.

    Factors and latents that never vary are left out. Without a latent that varies every score is 0. Raises `InputError`
    without scikit-learn.
    """
    targets = {name: values for name, values in factors.items() if np.ptp(values) > 0}
    varies = np.ptp(codes, axis=0) > 0
    if not varies.any():
        return Prediction(*[0.0] * len(Prediction._fields))
    codes = (codes[:, varies] - codes[:, varies].mean(axis=0)) / codes[:, varies].std(axis=0)
    order = np.random.default_rng(seed).permutation(len(codes))
    train, test = order[: len(order) // 2], order[len(order) // 2 :]
    found = [forest(codes, values, train, test, seed) for values in targets.values()]
    # A forest's importances add up to 1 whether it predicts anything or not; those of one that does not are noise.
    importance = np.stack([one * score * (score > LEAST) for one, score in found], axis=1)
    linear = [linear_share(codes, values, train, test) for values in targets.values()]
    single = np.array([[linear_share(z[:, None], v, train, test) for v in targets.values()] for z in codes.T])
    information = information[varies]
    return Prediction(
        disentanglement=concentration(importance, axis=1),
        completeness=concentration(importance, axis=0),
        informativeness=float(np.mean([score for _, score in found])),
        sap=gap(single),
        modularity=dominance(information, axis=1),
        compactness=dominance(information, axis=0),
        explicitness=float(np.mean(linear)),
    )


def is_discrete(values: np.ndarray) -> bool:
    """Whether a factor is classified; others are regressed."""
    return len(np.unique(values)) <= BINS


def forest(
    codes: Codes, values: np.ndarray, train: np.ndarray, test: np.ndarray, seed: int
) -> tuple[Float[np.ndarray, " Z"], float]:
    """How much each latent contributes to a random forest's prediction of a factor, and how good that is.

    The quality is 1 minus the error as a share of that of the best constant: of the classification error, or of the
    squared error.
    """
    kinds = scikit_learn("ensemble", "scores")
    options: dict[str, Any] = {"n_estimators": TREES, "min_samples_leaf": SMALLEST_LEAF, "max_features": None}
    options["random_state"] = seed
    if is_discrete(values):
        predictor = kinds.RandomForestClassifier(**options).fit(codes[train], values[train])
        kept, counts = np.unique(values[train], return_counts=True)
        guessing = np.mean(values[test] != kept[counts.argmax()])
        error = np.mean(predictor.predict(codes[test]) != values[test])
        score = 1 - error / guessing if guessing else 0.0
    else:
        predictor = kinds.RandomForestRegressor(**options).fit(codes[train], values[train])
        score = predictor.score(codes[test], values[test])
    return predictor.feature_importances_, float(np.clip(score, 0, 1))


def linear_share(codes: Codes, values: np.ndarray, train: np.ndarray, test: np.ndarray) -> float:
    """The share of a factor's uncertainty that a linear function of the codes takes away, on the test half.

    Predictive information (Xu et al. 2020, arXiv:2002.10689) over that of a perfect prediction: of a discrete factor 1
    minus cross-entropy over entropy, by logistic regression; of a continuous one R^2, by least squares.
    """
    models = scikit_learn("linear_model", "scores")
    if not is_discrete(values):
        score = models.LinearRegression().fit(codes[train], values[train]).score(codes[test], values[test])
        return float(np.clip(score, 0, 1))
    kept, place = np.unique(values, return_inverse=True)
    if len(np.unique(place[train])) < len(kept):
        raise InputError(f"factors: expected every value among {len(train):,} images, got a value without any")
    predictor = models.LogisticRegression(C=1e4, max_iter=1000).fit(codes[train], place[train])
    probability = predictor.predict_proba(codes[test])[np.arange(len(test)), place[test]]
    shares = np.bincount(place[train], minlength=len(kept)) / len(train)
    cross_entropy = -np.log(np.maximum(probability, 1e-12)).mean()
    return float(np.clip(1 - cross_entropy / -np.log(shares[place[test]]).mean(), 0, 1))


def concentration(importance: Float[np.ndarray, "Z K"], axis: int) -> float:
    """DCI: 1 - H(P) / log n of each row (axis 1, a latent) or column (axis 0, a factor), weighed by its importance.

    P is the row as shares, H its entropy and n its length; a row of length 1 is concentrated.
    """
    rows = importance if axis == 1 else importance.T
    total = rows.sum(axis=1)
    if rows.shape[1] == 1 or not total.any():
        return float(total.any())
    shares = rows[total > 0] / total[total > 0, None]
    entropy = -(shares * np.log(np.where(shares > 0, shares, 1))).sum(axis=1)
    return float((total[total > 0] * (1 - entropy / np.log(rows.shape[1]))).sum() / total.sum())


def gap(scores: Float[np.ndarray, "Z K"]) -> float:
    """SAP: the mean over factors of the best latent's score minus the second best's; of one latent its score."""
    second, best = two_best(scores)
    return float((best - second).mean())


def two_best(values: Float[np.ndarray, "Z K"]) -> tuple[Float[np.ndarray, " K"], Float[np.ndarray, " K"]]:
    """For each factor the second largest and the largest value of a latent; 0 where there are too few latents."""
    second, best = np.sort(np.pad(values, ((2, 0), (0, 0))), axis=0)[-2:]
    return second, best


def dominance(information: Float[np.ndarray, "Z K"], axis: int) -> float:
    """InfoMEC: max over sum of each row (axis 1: modularity) or column (axis 0: compactness), from 1/n to 1, rescaled.

    The mean over rows; rows without information are left out, as the paper leaves out inactive latents.
    """
    rows = information if axis == 1 else information.T
    n, total = rows.shape[1], rows.sum(axis=1)
    informed = total > 1e-9
    if n == 1 or not informed.any():
        return float(informed.any())
    return float(((rows[informed].max(axis=1) / total[informed]).mean() - 1 / n) / (1 - 1 / n))
