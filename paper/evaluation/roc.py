"""The ROC curve of a score that is to rank positives above negatives, such as anomalies above known images."""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from foundation.errors import InputError


class Area(NamedTuple):
    """Area under the ROC curve: the probability that a positive scores higher than a negative, ties counting half."""

    auc: float
    standard_error: float
    """Over the choice of images (DeLong et al. 1988); NaN where a side has a single image."""


def roc_auc(scores: Float[np.ndarray, " N"], is_positive: Bool[np.ndarray, " N"]) -> Area:
    """ROC AUC by ranks: 1 where every positive scores above every negative, 1/2 for chance, 0 for the reverse.

    scikit-learn's `roc_auc_score` has no standard error, and DeLong's gives the area on the way. Raises `InputError`
    for a score that is NaN, or where one of the two sides is empty.
    """
    positive, negative = scores[is_positive], scores[~is_positive]
    m, n = len(positive), len(negative)
    if m == 0 or n == 0:
        raise InputError(f"is_positive: expected positives and negatives, got {m} and {n}")
    if np.isnan(scores).any():
        raise InputError("scores: expected numbers, got NaN")
    ranks = mid_ranks(np.concatenate([positive, negative]))
    # For each positive the share of negatives below it, for each negative the share of positives above it: a rank
    # among all minus the rank among its own side counts the other side.
    below = (ranks[:m] - mid_ranks(positive)) / n
    above = 1 - (ranks[m:] - mid_ranks(negative)) / m
    variance = below.var(ddof=1) / m + above.var(ddof=1) / n if min(m, n) > 1 else math.nan
    return Area(float(below.mean()), math.sqrt(variance))


def roc_curve(
    scores: Float[np.ndarray, " N"], is_positive: Bool[np.ndarray, " N"]
) -> tuple[Float[np.ndarray, " T"], Float[np.ndarray, " T"]]:
    """False and true positive rates, as the threshold falls from above the highest score to the lowest."""
    thresholds = np.append(np.inf, np.unique(scores)[::-1])
    sides = (np.sort(scores[~is_positive]), np.sort(scores[is_positive]))
    false, true = (1 - np.searchsorted(side, thresholds) / len(side) for side in sides)
    return false, true


def mid_ranks(values: Float[np.ndarray, " N"]) -> Float[np.ndarray, " N"]:
    """1 for the smallest; equal values share the mean of their ranks."""
    _, which, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[which]
