"""The pictures of a run: what each rung learned, drawn from its own weights, and the curves of all rungs in one plot.

Chance has no part: the same weights and test images give the same files, byte for byte.
"""

from pathlib import Path
from statistics import NormalDist

import numpy as np
from jaxtyping import Float, Int64

from foundation.data import Dataset
from foundation.errors import InputError
from foundation.rung import Rung
from foundation.runs import Run
from ladder.charts import latent_space, learning_curves
from ladder.galleries import interpolation, manifold, reconstructions, samples, side_by_side
from ladder.rungs import RUNGS, make_rung
from ladder.style import save

TILES = 20
"""Test images to reconstruct."""
PAIRS, STEPS = 5, 7
"""Interpolations, and the points decoded on each."""
SAMPLES, SEED = 100, 0
"""Draws from the prior; the seed is the same for every run and rung, so that their samples can be compared."""
ABREAST = 10
"""Test images, and samples, on which the rungs are shown one under the other."""
GRID = 20
"""Tiles along each axis of the manifold."""
POINTS, BATCH = 5000, 500
"""Test images in the latent space, and how many of them a rung encodes at once."""


def draw_run(run: Run, test: Dataset) -> list[Path]:
    """Draw everything that a run, or every rung of a climb, has weights for; the paths of the files.

    Raises `InputError` for weights that cannot be used.
    """
    paths, rungs = [], {}
    for name, part in trained_rungs(run).items():
        parameters, architecture = part.load_weights()
        rungs[name] = make_rung(name, architecture, parameters)
        paths += draw_rung(part, rungs[name], test)
    if len(rungs) > 1:
        paths.append(draw_ladder(run, rungs, test))
    return paths + draw_curves(run)


def draw_rung(run: Run, rung: Rung, test: Dataset) -> list[Path]:
    """Draw what one rung learned into its run's figures/; the paths of the files.

    Pictures that cannot be are left out: an interpolation of a single image, the manifold of Z other than 2.
    """
    Z = rung.architecture.latent_dim
    mu = encode(rung, test.images[:POINTS])
    chosen = one_of_each(test.labels, max(TILES, 2 * PAIRS))
    x = test.images[chosen]
    figures = {
        "reconstructions": reconstructions(x, rung.reconstruct(x), class_names(test, chosen)),
        "samples": samples(rung.sample(prior_draws(Z).astype(mu.dtype))),
        "latent_space": latent_space(mu, test.labels[:POINTS], test.classes),
    }
    start, end = x[0 : 2 * PAIRS : 2], x[1 : 2 * PAIRS : 2]
    if len(end):
        start = start[: len(end)]
        z = between(rung.encode(start)[0], rung.encode(end)[0], STEPS)
        path = rung.sample(z.reshape(-1, Z)).reshape(*z.shape[:2], *x.shape[1:])
        figures["interpolation"] = interpolation(start, path, end)
    if Z == 2:
        z, quantiles = quantile_grid(GRID)
        figures["manifold"] = manifold(rung.sample(z.astype(mu.dtype)), quantiles)
    return [save(figure, run.figure_path(name)) for name, figure in figures.items()]


def draw_ladder(run: Run, rungs: dict[str, Rung], test: Dataset) -> Path:
    """Draw what several rungs make of the same test images and the same z, row under row; the path of the file."""
    x = test.images[one_of_each(test.labels, ABREAST)]
    z = prior_draws(next(iter(rungs.values())).architecture.latent_dim)[: len(x)].astype(x.dtype)
    x_hat = {name: rung.reconstruct(x) for name, rung in rungs.items()}
    drawn = {name: rung.sample(z) for name, rung in rungs.items()}
    return save(side_by_side(x, x_hat, drawn), run.figure_path("ladder"))


def draw_curves(run: Run) -> list[Path]:
    """Draw the test loss after each epoch, of one rung or of all rungs of a climb; no file where none was logged."""
    histories = {name: epochs(part) for name, part in parts(run).items()}
    histories = {name: records for name, records in histories.items() if records}
    return [save(learning_curves(histories), run.figure_path("learning_curves"))] if histories else []


def parts(run: Run) -> dict[str, Run]:
    """The runs of single rungs by the rung's name, up the ladder: those inside a climb, or the run itself.

    Raises `InputError` for a rung that is none of the three.
    """
    found = {}
    for part in list(run.subruns().values()) or [run]:
        name = part.config.get("rung")
        if name is not None and name not in RUNGS:
            raise InputError(f"{part.path / 'config.json'}: rung: expected one of {', '.join(RUNGS)}, got {name!r}")
        found[name] = part
    return {name: found[name] for name in RUNGS if name in found}


def trained_rungs(run: Run) -> dict[str, Run]:
    """Those of `parts` that came as far as to save weights."""
    return {name: part for name, part in parts(run).items() if part.weights_path.is_file()}


def epochs(run: Run) -> list[dict]:
    """The records of one rung's epochs, the first one from before training."""
    return [record for record in run.metrics() if record.get("kind") == "epoch"]


def encode(rung: Rung, images: Float[np.ndarray, "N C H W"]) -> Float[np.ndarray, "N Z"]:
    """mu of all images, a batch at a time."""
    return np.concatenate([rung.encode(images[i : i + BATCH])[0] for i in range(0, len(images), BATCH)])


def one_of_each(labels: Int64[np.ndarray, " N"], count: int) -> Int64[np.ndarray, " count"]:
    """Where to find `count` images, or all if there are fewer: the first of each class, then the second, and so on."""
    order = np.argsort(labels, kind="stable")
    _, first, sizes = np.unique(labels[order], return_index=True, return_counts=True)
    turn = np.empty(len(labels), dtype=np.int64)
    turn[order] = np.arange(len(labels)) - first.repeat(sizes)
    return np.lexsort((labels, turn))[:count]


def class_names(test: Dataset, chosen: np.ndarray) -> list[str] | None:
    """The chosen images' classes by name; None where there is only one, so nothing to tell."""
    return [test.classes[i] for i in test.labels[chosen]] if len(test.classes) > 1 else None


def prior_draws(latent_dim: int) -> Float[np.ndarray, "SAMPLES Z"]:
    """Draws from N(0, I), always the same ones."""
    return np.random.default_rng(SEED).standard_normal((SAMPLES, latent_dim))


def between(
    start: Float[np.ndarray, "P Z"], end: Float[np.ndarray, "P Z"], steps: int
) -> Float[np.ndarray, "P steps Z"]:
    """Evenly spaced points on the line from each start to its end, both included."""
    t = np.linspace(0, 1, steps, dtype=start.dtype)[:, None]
    return (1 - t) * start[:, None] + t * end[:, None]


def quantile_grid(n: int) -> tuple[Float[np.ndarray, "n*n 2"], Float[np.ndarray, " n"]]:
    """z on an n×n grid in reading order (z2 falls from row to row), and the n values along each axis.

    The values are N(0, 1)'s quantiles of (i + 0.5) / n: each tile stands for the same probability under the prior.
    """
    quantiles = np.array([NormalDist().inv_cdf((i + 0.5) / n) for i in range(n)])
    z1, z2 = np.meshgrid(quantiles, quantiles[::-1])
    return np.stack([z1.ravel(), z2.ravel()], axis=1), quantiles
