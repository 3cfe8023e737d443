r"""Three scores of disentanglement: is each factor of variation in one latent, and each latent about one factor?

A `Code` is a function from factors to codes (N, Z): draw the images, encode them, take mu. So the metrics see no image,
and a code whose score is known is a line of Python. All three are 1 for a code that is the factors. A code that says
nothing scores as guessing does, 1 / number of factors, in the first two, and 0 in the third. None of them changes where
latents are permuted, or scaled by anything but 0.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from paper.evaluation.ground_truth import Factors, World

Codes = Float[np.ndarray, "N Z"]
Code = Callable[[Factors], Codes]

L = 64
"""Pairs, or images, behind each point that is classified (Locatello et al. 2019, arXiv:1811.12359)."""
PAIRS = 500
"""Pairs of images that share a factor; a point's L are taken from these, since drawing images is what takes time."""
POINTS = 100
"""How often the FactorVAE metric holds each factor."""
BINS = 20
"""Bins for continuous factors and for codes in the mutual information gap (Locatello et al. 2019)."""
IMAGES = 10_000
"""Images that the mutual information gap is measured on (Locatello et al. 2019)."""


class Scores(NamedTuple):
    """The three metrics, and the gap of each factor."""

    beta_vae_score: float | None
    factor_vae_score: float | None
    """None, both, where no new images can be drawn."""
    mig: float
    gaps: dict[str, float]
    information: Float[np.ndarray, "Z K"]
    """See `Gaps`."""


def disentanglement(world: World, code: Code, seed: int = 0) -> Scores:
    """All three metrics of one code; `images_needed` says how many images that takes."""
    first, second, third = (np.random.default_rng([seed, metric]) for metric in range(3))
    factors = world.draw(third, IMAGES)
    return Scores(
        beta_vae_score(world, code, first, PAIRS),
        factor_vae_score(world, code, second, POINTS),
        *mutual_information_gap(code(factors), {name: factors[name] for name in world.names}),
    )


def images_needed(world: World) -> int:
    """How many images `disentanglement` asks codes for."""
    return IMAGES + len(world.names) * (4 * PAIRS + (10 + 2 * POINTS) * L)


def beta_vae_score(world: World, code: Code, rng: np.random.Generator, pairs: int = PAIRS, points: int = 500) -> float:
    """The metric of the beta-VAE (Higgins et al. 2017): can a linear classifier tell which factor was held?

    A point is the mean of |z1 - z2| over L pairs of images. The two of a pair share the value of one factor, drawn for
    that pair, and nothing else. A classifier learns to tell the factor from the point; the score is its accuracy on new
    points. Each factor is held `points` times, to learn and again to test, with L of `pairs` pairs in every point.

    Known weakness: it scores 1 as well where no latent stands for one factor but sizes give away which was held.
    """
    learn, test = (_difference_points(world, code, rng, pairs, points) for _ in range(2))
    scale = learn.std(axis=0)
    varies = scale > 0
    held = np.repeat(np.arange(len(world.names)), points)
    return _linear_accuracy(learn[:, varies] / scale[varies], test[:, varies] / scale[varies], held)


def _difference_points(world: World, code: Code, rng: np.random.Generator, pairs: int, points: int) -> Codes:
    """`points` points for each factor, factor by factor."""
    found = []
    for name in world.names:
        first, second = world.draw(rng, pairs), world.draw(rng, pairs)
        differences = np.abs(code(first) - code(second | {name: first[name]}))
        found += [differences[rng.choice(pairs, L, replace=False)].mean(axis=0) for _ in range(points)]
    return np.stack(found)


def _linear_accuracy(learn: Codes, test: Codes, classes: Int[np.ndarray, " N"]) -> float:
    """Accuracy on `test` of softmax regression, its most probable weights under N(0, I) given `learn`."""
    middle = learn.mean(axis=0)
    x, y = torch.tensor(learn - middle, dtype=torch.float64), torch.tensor(classes)
    weight = torch.zeros(int(y.max()) + 1, 1 + x.shape[1], dtype=x.dtype, requires_grad=True)
    optimizer = torch.optim.LBFGS([weight], max_iter=200, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(F.linear(x, weight[:, 1:], weight[:, 0]), y) + weight.square().sum() / (2 * len(y))
        loss.backward()
        return loss

    optimizer.step(closure)
    scores = F.linear(torch.tensor(test - middle, dtype=torch.float64), weight[:, 1:], weight[:, 0])
    return float((scores.argmax(1) == y).double().mean())


def factor_vae_score(world: World, code: Code, rng: np.random.Generator, points: int = POINTS) -> float:
    """The metric of the FactorVAE (Kim & Mnih 2018): which latent stood still when a factor did?

    A point is a latent: the one whose variance, over L images that share one value of one factor, is the smallest part
    of its variance over all images. A latent is then taken to stand for the factor that stilled it most often; the
    score is the share of new points where that is right. Each factor is held `points` times, to learn and again to
    test. Latents that never move take no part.
    """
    z = code(world.draw(rng, 10 * L * len(world.names)))
    moves = np.ptp(z, axis=0) > 0
    if not moves.any():
        return 1 / len(world.names)  # the same guess at every point
    variance = z[:, moves].var(axis=0)
    learn, test = (_votes(world, lambda f: code(f)[:, moves], rng, points, variance) for _ in range(2))
    meaning = learn.argmax(axis=0)
    return float(test[meaning, np.arange(len(meaning))].sum() / test.sum())


def _votes(
    world: World, code: Code, rng: np.random.Generator, points: int, variance: Float[np.ndarray, " Z"]
) -> Int[np.ndarray, "K Z"]:
    """How often each latent was the stillest while each factor was held; `variance` is that over all images."""
    votes = np.zeros((len(world.names), len(variance)), dtype=np.int64)
    for row, name in zip(votes, world.names, strict=True):
        factors = world.draw(rng, points * L)
        factors[name] = np.repeat(factors[name][::L], L)
        share = code(factors).reshape(points, L, -1).var(axis=1) / variance
        np.add.at(row, share.argmin(axis=1), 1)
    return votes


class Gaps(NamedTuple):
    """The mutual information gap, and what it is the mean of."""

    mig: float
    gaps: dict[str, float]
    """For each factor, how much more the best latent knows of it than the second best, as a share of its entropy."""
    information: Float[np.ndarray, "Z K"]
    """I(z_j; v_k) / H(v_k), in [0, 1]."""


def mutual_information_gap(codes: Codes, factors: Factors, bins: int = BINS) -> Gaps:
    """MIG (Chen et al. 2018): the mean over factors v of (I(z_best; v) - I(z_second; v)) / H(v).

    I and H are of binned values, both in nats, over the same images: so I <= H, and the score lies in [0, 1]. Each gap
    is divided by the entropy of its own factor: undivided, a perfect code of three equally likely shapes would score
    log 3 = 1.10, and one of 20 bins 3.00. Where there are at most `bins` different values, each is a bin; otherwise
    bins of equal width go from the smallest to the largest. A factor that never varies is left out. A code of one
    latent has no second best: its gap is its information.
    """
    latents = [_binned(latent, bins) for latent in codes.T]
    values = {name: _binned(value, bins) for name, value in factors.items() if np.ptp(value) > 0}
    information = np.array([[mutual_information(z, v) / entropy(v) for v in values.values()] for z in latents])
    information = information.reshape(len(latents), len(values))
    second, best = np.sort(np.concatenate([np.zeros((2, len(values))), information]), axis=0)[-2:]
    return Gaps(float((best - second).mean()), dict(zip(values, (best - second).tolist(), strict=True)), information)


def _binned(values: np.ndarray, bins: int) -> Int[np.ndarray, " N"]:
    """The number of the bin that each value falls into."""
    distinct, which = np.unique(values, return_inverse=True)
    if len(distinct) <= bins:
        return which.reshape(-1)
    low, high = distinct[0], distinct[-1]
    return np.minimum(((values - low) / (high - low) * bins).astype(np.int64), bins - 1)


def mutual_information(a: Int[np.ndarray, " N"], b: Int[np.ndarray, " N"]) -> float:
    """I(a; b) = H(a) + H(b) - H(a, b) of two columns of bin numbers, in nats."""
    return entropy(a) + entropy(b) - entropy(a * (b.max() + 1) + b)


def entropy(values: Int[np.ndarray, " N"]) -> float:
    """H = -sum p log p of a column of bin numbers, in nats."""
    shares = np.unique(values, return_counts=True)[1] / len(values)
    return float(-(shares * np.log(shares)).sum())
