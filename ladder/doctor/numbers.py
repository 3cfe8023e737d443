"""Numbers in words: which reduction a weight is, and what a β is made of."""

import math
from collections.abc import Sequence

from exercises.kit.text import number
from ladder.doctor.measured import BATCHES

DATA_SIZES = (60_000, 50_000, 55_000, 10_000, 70_000, 48_000, 54_000, 162_770, 202_599, 73_257)
"""Numbers of images of MNIST, CIFAR-10, CelebA and SVHN, and of their usual splits"""


def near(one: float, other: float, share: float = 5e-3) -> bool:
    """Whether two numbers are the same but for rounding."""
    return math.isfinite(one) and math.isfinite(other) and abs(one - other) <= share * max(abs(one), abs(other))


REDUCTIONS = {
    ("pixels", "sum", "sum"): "summed over pixels, summed over the batch",
    ("pixels", "sum", "mean"): "summed over pixels, averaged over the batch",
    ("pixels", "mean", "sum"): "averaged over pixels, summed over the batch",
    ("pixels", "mean", "mean"): "averaged over pixels, averaged over the batch",
    ("latents", "sum", "sum"): "summed over latents, summed over the batch",
    ("latents", "sum", "mean"): "summed over latents, averaged over the batch",
    ("latents", "mean", "sum"): "averaged over latents, summed over the batch",
    ("latents", "mean", "mean"): "averaged over latents, averaged over the batch",
}


def reduction(weights: Sequence[float], size: int, what: str) -> str:
    """How a term is reduced, by its weight at each of BATCHES: "summed over pixels, averaged over the batch"."""
    first, second = weights[0], weights[1]
    if near(first, second):
        batch, alone = "sum", first
    elif near(first * BATCHES[0], second * BATCHES[1]):
        batch, alone = "mean", first * BATCHES[0]
    else:
        return f"reduced in a way that depends on the batch ({number(first)} and {number(second)})"
    if near(alone, 1 / size) or near(alone, 2 / size):
        return REDUCTIONS[what, "mean", batch]
    words = REDUCTIONS[what, "sum", batch]
    return words if near(alone, 1) else f"{words}, times {number(alone)}"


def power_of_size(rest: float, numbers: Sequence[float], latents: int, pixels: int) -> str:
    """What an unexplained factor of the KL is, as far as it is a ratio of sizes; empty where it is none."""
    for half in (1.0, 0.5, 2.0):
        value = rest / half
        if near(value, pixels):
            return f"the reconstruction is averaged over {pixels} pixels, and the KL is not averaged"
        if near(value, pixels / latents):
            return f"the reconstruction is averaged over {pixels} pixels, and the KL over {latents} latents"
        if latents > 1 and near(value, 1 / latents):
            return f"the KL is averaged over {latents} latents, and the reconstruction is not averaged"
        if near(value, latents):
            return f"the KL is multiplied by its {latents} latents"
        if near(value, 1 / pixels):
            return f"the KL is divided by {pixels} pixels, and the reconstruction is not"
        for size in (*DATA_SIZES, *(n for n in numbers if n > 1000)):
            for batch in (1, *BATCHES):
                if near(value, batch / size) or near(value, pixels / size):
                    return f"1 / {size:g}"
    return ""
