"""The pictures of a run: what each rung learned, drawn from its own weights, and the curves of all rungs in one plot.

Chance has no part: the same weights and test images give the same files, byte for byte.
"""

from pathlib import Path

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from figures.charts import latent_space
from figures.choices import SEED, between, class_names, one_of_each, prior_draws, quantile_grid
from figures.curves import learning_curves
from figures.galleries import interpolation, manifold, reconstructions, samples, side_by_side
from figures.style import save
from foundation.data import Dataset
from foundation.errors import InputError
from foundation.objective import Objective
from foundation.rung import Rung
from foundation.runs import Run
from ladder.rungs import RUNGS, make_rung

TILES = 20
"""Test images to reconstruct."""
PAIRS, STEPS = 5, 7
"""Interpolations, and the points decoded on each."""
ABREAST = 10
"""Test images, and samples, on which the rungs are shown one under the other."""
GRID = 20
"""Tiles along each axis of the manifold."""
POINTS, BATCH = 5000, 500
"""Test images in the latent space, and how many of them a rung encodes at once."""


def draw_run(run: Run, test: Dataset, pixels: bool = False) -> list[Path]:
    """Draw everything that a run, or every rung of a climb, has weights for; the paths of the files.

    With `pixels` samples come as draws from p(x|z), too. Raises `InputError` for weights that cannot be used.
    """
    paths, rungs = [], {}
    for name, part in trained_rungs(run).items():
        parameters, architecture = part.load_weights()
        rungs[name] = make_rung(name, architecture, parameters)
        paths += draw_rung(part, rungs[name], test, pixels)
    if len(rungs) > 1:
        paths.append(draw_ladder(run, rungs, test))
    return paths + draw_curves(run)


def draw_rung(run: Run, rung: Rung, test: Dataset, pixels: bool = False) -> list[Path]:
    """Draw what one rung learned into its run's figures/; the paths of the files.

    Pictures that cannot be are left out: an interpolation of a single image, the manifold of Z other than 2.
    """
    Z = rung.architecture.latent_dim
    mu = encode(rung, test.images[:POINTS])
    chosen = one_of_each(test.labels, max(TILES, 2 * PAIRS))
    x = test.images[chosen]
    figures = {
        "reconstructions": reconstructions(x, rung.reconstruct(x), class_names(test, chosen)),
        "samples": samples(x_hat := rung.sample(prior_draws(Z).astype(mu.dtype))),
        "latent_space": latent_space(mu, test.labels[:POINTS], test.classes),
    }
    if pixels:
        figures["samples_drawn"] = drawn_samples(x_hat, Objective(**run.config["objective"]))
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


def drawn_samples(x_hat: Float[np.ndarray, "N C H W"], objective: Objective) -> Figure:
    """What p(x|z) draws where the expected images are x_hat: the same z as there, and always the same draws."""
    rng = np.random.default_rng(SEED)
    if objective.likelihood == "bernoulli":
        x, what = rng.random(x_hat.shape) < x_hat, "a Bernoulli draw from p(x|z), each pixel black or white"
    else:
        x = x_hat + objective.sigma * rng.standard_normal(x_hat.shape)
        what = "a Gaussian draw from p(x|z), noise on each pixel"
    caption = f"Each tile: {what}; every rung gets the same z. Look for grain where the expected image is grey."
    return samples(x.astype(x_hat.dtype), caption=caption)


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
