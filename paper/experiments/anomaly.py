"""Finding strangers: a VAE that never saw a class meets it among the others.

Varied: the class that is left out of training. The score of an image is its −ELBO, and each of its parts.
Measured: the area under the ROC curve, the left-out class against all others; 1/2 is chance. Against it: the ink, a
score that needs no model. An image with few white pixels is cheap under any, and that is no sign of being known.
"""

import dataclasses

import numpy as np
import torch
from jaxtyping import Bool, Float

from figures.lines import roc_curves
from paper.evaluation.elbo import elbo_parts
from paper.evaluation.roc import roc_auc
from paper.experiments.lab import Lab, part_of
from paper.experiments.pictures import image_rows
from paper.options import VAEOptions


@dataclasses.dataclass(frozen=True, kw_only=True)
class Strangers:
    """What is tried."""

    left_out: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6, 7, 8, 9)
    """Classes, each left out in turn, as far as the data has them."""
    shown: tuple[int, ...] = (0, 1, 4, 7)
    """Those of them that are in the pictures."""


def find_strangers(lab: Lab, settings: Strangers, options: VAEOptions, epochs: int) -> None:
    """A row for every class that is left out."""
    test, curves, rows = lab.data.test, {}, {}
    ink = test.images.flatten(1).sum(1).cpu().double().numpy()
    for left_out in [label for label in settings.left_out if label < len(lab.data.classes)]:
        name = lab.data.classes[left_out]
        known = part_of(lab.data.train, lab.data.train.labels != left_out)
        model = lab.fit(f"VAE without {name}", options, epochs=epochs, data=dataclasses.replace(lab.data, train=known))
        parts = elbo_parts(model, test.images, test.labels, lab.generator(2))
        scores = {"elbo": -parts.elbo, "reconstruction": parts.reconstruction, "kl": parts.kl.sum(1), "ink": ink}
        stranger = (test.labels == left_out).cpu().numpy()
        areas = {key: roc_auc(score, stranger) for key, score in scores.items()}
        lab.row(left_out=name, **{key: area.auc for key, area in areas.items()},
                **{f"{key}_se": area.standard_error for key, area in areas.items()})  # fmt: skip
        if left_out in settings.shown:
            curves[f"without {name}"] = roc_points(scores["elbo"], stranger)
            order = np.argsort(-scores["elbo"], kind="stable")
            theirs, others = (test.images[torch.from_numpy(order[side[order]])] for side in (stranger, ~stranger))
            rows |= {f"{name}, found first": theirs[:10], f"{name}, found last": theirs[-10:],
                     f"false alarms for {name}": others[:10]}  # fmt: skip
    lab.draw("roc", roc_curves(
        curves, "Finding the class that was left out", "Score: −ELBO. Dashed: chance. Look for the stranger that is "
        "found at once, and for one at or below chance: it is no dearer to encode than what was learned."))  # fmt: skip
    lab.draw("strangers", image_rows(
        "The strangest and the least strange", "Test images by their −ELBO under a VAE that never saw the class. Look "
        "for strangers that pass for another digit, and for known digits in an odd hand.", rows,
        apart=range(3, len(rows), 3)))  # fmt: skip


def roc_points(
    scores: Float[np.ndarray, " N"], positive: Bool[np.ndarray, " N"]
) -> tuple[Float[np.ndarray, " T"], Float[np.ndarray, " T"]]:
    """Shares of false and of true positives, as the threshold falls from above the highest score to the lowest."""
    thresholds = np.append(np.inf, np.unique(scores)[::-1])
    sides = (np.sort(scores[~positive]), np.sort(scores[positive]))
    false, true = (1 - np.searchsorted(side, thresholds) / len(side) for side in sides)
    return false, true
