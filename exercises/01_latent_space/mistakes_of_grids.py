"""Wrong ways to lay a grid over the latent space."""

from statistics import NormalDist

import numpy as np

from exercises.model.wrong import mistakes_of

NORMAL = NormalDist()


def _at(probabilities, transform=NORMAL.inv_cdf):
    return lambda n: np.array([float(transform(p)) for p in probabilities(n)])


def _inverse_or_infinite(p):
    """As SciPy's and torch's functions answer."""
    return NORMAL.inv_cdf(p) if 0 < p < 1 else (p - 0.5) * np.inf


def _middles(n):
    return (np.arange(n) + 0.5) / n


QUANTILES = mistakes_of(
    "quantiles",
    (
        "probabilities that reach 0 or 1",
        _at(lambda n: np.linspace(0, 1, n)),
        "N(0, 1) goes on for ever: no value has probability 0 below it, or 1. Neither linspace(0, 1) nor i/n will do; "
        "take the middle of each part, (i + ½)/n.",
    ),
    (
        "infinite ends",
        _at(lambda n: np.linspace(0, 1, n), _inverse_or_infinite),
        "The inverse CDF of 0 and 1 is -inf and inf, and what is decoded there is NaN. "
        "Take the middle of each part, (i + ½)/n.",
    ),
    (
        "the first value infinite: i/n",
        _at(lambda n: np.arange(n) / n, _inverse_or_infinite),
        "i/n is the left edge of a part, the first one at minus infinity. Take the middle: (i + ½)/n.",
    ),
    (
        "(i + 1)/(n + 1)",
        _at(lambda n: np.arange(1, n + 1) / (n + 1)),
        "These cut N(0, 1) into n + 1 parts; the middles of n parts are wanted.",
    ),
    (
        "from 5 % to 95 %",
        _at(lambda n: np.linspace(0.05, 0.95, n)),
        "Probabilities from 0.05 to 0.95, as in much code on the web. That equals (i + ½)/n for n = 10 only.",
    ),
    (
        "from 1/n to 1 - 1/n",
        _at(lambda n: np.linspace(1 / n, 1 - 1 / n, n)),
        "The outermost values belong to 1/n and 1 - 1/n; the middles of the outer parts to ½/n and 1 - ½/n.",
    ),
    (
        "from 1 % to 99 %",
        _at(lambda n: np.linspace(0.01, 0.99, n)),
        "With fixed ends the outer parts have another probability than the others.",
    ),
    (
        "equal steps from -2 to 2",
        lambda n: np.linspace(-2, 2, n),
        "Equal steps in z. The prior wants equal steps in probability: close together near 0.",
    ),
    (
        "equal steps from -3 to 3",
        lambda n: np.linspace(-3, 3, n),
        "Equal steps in z. The prior wants equal steps in probability: close together near 0.",
    ),
    (
        "the probabilities themselves",
        _middles,
        "(i + ½)/n is a probability; the inverse CDF turns it into a place.",
    ),
    (
        "CDF instead of its inverse",
        _at(_middles, NORMAL.cdf),
        "`cdf` takes a place and gives a probability; the way back is `inv_cdf`.",
    ),
    (
        "density instead of the inverse CDF",
        _at(_middles, NORMAL.pdf),
        "`pdf` is the height of the bell curve, always positive.",
    ),
    (
        "logit instead of the normal's inverse CDF",
        _at(_middles, lambda p: np.log(p / (1 - p))),
        "log(p/(1-p)) inverts the sigmoid, the CDF of another distribution.",
    ),
    (
        "descending",
        lambda n: np.array([NORMAL.inv_cdf((i + 0.5) / n) for i in range(n)])[::-1],
        "The values are right, from the largest to the smallest; ascending is asked for.",
    ),
    (
        "random draws",
        lambda n: np.sort(np.random.default_rng().standard_normal(n)),
        "Every call gives other values: these are draws from N(0, 1), not its quantiles.",
    ),
)


def _grid(z1_of, z2_of):
    """Points in reading order from the values along a row and from row to row."""
    return lambda values: np.array([(z1, z2) for z2 in z2_of(values) for z1 in z1_of(values)])


def _as_they_are(values):
    return values


def _reversed(values):
    return values[::-1]


GRID = mistakes_of(
    "latent_grid",
    (
        "upside down",
        _grid(_as_they_are, _as_they_are),
        "The first row has the smallest z2, and it is drawn at the top. z2 grows upwards: begin with the largest.",
    ),
    (
        "z2 negated instead of reversed",
        lambda values: np.array([(z1, -z2) for z2 in values for z1 in values]),
        "The same for values that lie evenly round 0, as quantiles do, but z2 may take these values only: "
        "reverse them, do not negate them.",
    ),
    (
        "right to left",
        _grid(_reversed, _reversed),
        "z1 falls along each row; it grows to the right.",
    ),
    (
        "both axes reversed",
        _grid(_reversed, _as_they_are),
        "z1 falls along each row and z2 grows from row to row: the grid is turned by half a turn.",
    ),
    (
        "column by column",
        lambda values: np.array([(z1, z2) for z1 in values for z2 in values[::-1]]),
        "The points are right, but they come down the first column first. Reading order goes along rows.",
    ),
    (
        "column by column, upside down",
        lambda values: np.array([(z1, z2) for z1 in values for z2 in values]),
        "z2 changes fastest and grows: the points come up the first column first. Reading order goes along rows.",
    ),
    (
        "z1 and z2 exchanged",
        lambda values: np.array([(z2, z1) for z2 in values[::-1] for z1 in values]),
        "The columns are exchanged: what grows along a row stands second. z1 is column 0.",
    ),
    (
        "pairs taken across the axes",
        lambda values: np.array(np.meshgrid(values, values[::-1])).reshape(-1, 2),
        "meshgrid's two arrays were read one after the other, so that a point is two neighbours of one array. "
        "Stack them on a last axis first.",
    ),
    (
        "pairs taken across the axes, upside down",
        lambda values: np.array(np.meshgrid(values, values)).reshape(-1, 2),
        "meshgrid's two arrays were read one after the other, so that a point is two neighbours of one array. "
        "Stack them on a last axis first; and z2 begins with the largest.",
    ),
    (
        "only the diagonal",
        lambda values: np.stack([values, values], axis=1),
        "n points came, with z1 = z2; every z1 is to meet every z2, n * n points.",
    ),
    (
        "the grid's two axes are kept",
        lambda values: np.stack(np.meshgrid(values, values[::-1]), axis=-1),
        "An (n, n, 2) came: the decoder wants a list of points, (n * n, 2).",
    ),
    (
        "coordinates in two rows",
        lambda values: np.stack([part.ravel() for part in np.meshgrid(values, values[::-1])]),
        "A (2, n * n) came: one row per point is asked for, so stack along axis 1.",
    ),
)

MISTAKES_OF_GRIDS = QUANTILES + GRID
