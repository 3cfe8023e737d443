"""TODO: wrong answers that people write, each with the number that shows it."""

import numpy as np

from exercises.kit.exercise import mistakes_of

MISTAKES = mistakes_of(
    "scores",
    (
        "TODO: averaged over the inputs",
        lambda x, weight: np.mean(x * weight, axis=1),
        "{got} instead of {expected}: TODO, the arithmetic that shows the mistake.",
    ),
    (
        "TODO: the weight ignored",
        lambda x, weight: x.sum(axis=1),
        "{got} instead of {expected}: TODO, the arithmetic that shows the mistake.",
    ),
)
