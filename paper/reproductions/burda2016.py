"""Burda, Grosse & Salakhutdinov (2016), table 1: log p(x) of VAE and IWAE with one stochastic layer on MNIST.

Varied: the bound, and k, the number of draws in it. Held fixed: everything else, as in the paper and its code,
github.com/yburda/iwae: 784-200-200-50, tanh, Glorot's initialisation, the output bias at the mean training image,
pixels drawn anew for every batch of 20, Adam with epsilon 1e-4, and eight step sizes, 1e-3 to 1e-4, for 3^i epochs
each. Measured on the test images: -log p(x) by 5000 draws, and active units on 500 training images.

Known differences. The paper gives Adam's first decay as 0.9; in the code it is 0.99, gradients are sums over the batch
in place of means, and second moments start at 1. Here it is 0.9, and means. The code draws the test images' pixels
anew, here they are drawn once; it trains on 59,600 images, here on 60,000.
"""

import dataclasses
import itertools
from typing import Any

import numpy as np
import torch
from torch import Tensor

from foundation.console import step_display
from foundation.data.dataset import Dataset
from foundation.options import DataOptions, OptimizerOptions
from foundation.runs import Run
from foundation.schedules import STAGES
from paper.evaluation.importance import importance_sample
from paper.evaluation.latents import active_units, posteriors
from paper.experiments.tables import Column
from paper.models.base import Model
from paper.models.options import IWAEOptions
from paper.reproductions.budget import Plan, Protocol, Work, fit_budget, full_plan, seconds_per_epoch
from paper.reproductions.published import BURDA_ACTIVE, BURDA_NLL, RECALLED, Published
from paper.reproductions.reproduction import (
    TIMES,
    Reproduction,
    Settings,
    Timer,
    compared,
    ending,
    paired,
    plan_sentence,
)

Row = tuple[str, int]
"""The method, VAE or IWAE, and k."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Burda(Settings):
    """The network, the training and the measurement."""

    rows: tuple[Row, ...] = (("VAE", 1), ("VAE", 5), ("VAE", 50), ("IWAE", 5), ("IWAE", 50))
    """In the order of the paper's values, the worst first."""
    hidden_dims: tuple[int, ...] = (200, 200)
    latent_dim: int = 50
    batch_size: int = 20
    draws: int = 5000
    """K of the measurement"""
    variance_images: int = 500
    """Training images whose variance of mu tells active units"""


PAPER = "Table 1 of Burda et al. (2016), one stochastic layer"
DATA = DataOptions(name="mnist", binarise="dynamic")
FULL = Burda(epochs=sum(STAGES), seeds=1)
QUICK_DATA = DataOptions(name="glyphs", binarise="dynamic")
QUICK = Burda(
    rows=(("VAE", 1), ("VAE", 3), ("IWAE", 3)), hidden_dims=(32,), latent_dim=8, train_images=400, test_images=200,
    epochs=20, seeds=1, draws=100,
)  # fmt: skip
OPTIMIZER = OptimizerOptions(learning_rate=1e-3, schedule="stages", epsilon=1e-4)
ROWS_TABLE = (
    Column("method", "method"),
    Column("k", "k", 0),
    Column("published", "published −log p(x), nats"),
    Column("here", "here"),
    Column("difference", "difference"),
    Column("published_active", "published active units", 0),
    Column("active_units", "active units here", 0),
    Column("epochs", "epochs", 0),
    Column("seconds", "seconds", 0),
)
PAIRS_TABLE = (
    Column("pair", "neighbouring rows, the first minus the second"),
    Column("published_pair", "published"),
    Column("pair_here", "here"),
    Column("order", "in the paper's order"),
)
SIGNIFICANT = 3.0
"""Standard errors by which a difference must be above 0 to count."""


def sources(settings: Burda) -> dict[str, list[Published]]:
    """The published numbers that the table quotes."""
    return {"−log p(x)": list(BURDA_NLL.values()), "active units": list(BURDA_ACTIVE.values())}


def tables(settings: Burda, plan: Plan) -> dict[str, tuple[Column, ...]]:
    """The tables' columns by their titles."""
    title = f"{PAPER}; {plan_sentence(plan)}; K = {settings.draws:,} draws"
    return {title: ROWS_TABLE, "Differences on the same test images, nats": PAIRS_TABLE}


def options_of(settings: Burda, row: Row) -> IWAEOptions:
    """The model of a row."""
    method, k = row
    return IWAEOptions(
        network="mlp", hidden_dims=settings.hidden_dims, activation="tanh", latent_dim=settings.latent_dim,
        init="glorot", draws=k, bound="importance" if method == "IWAE" else "elbo",
    )  # fmt: skip


def plan(reproduction: Reproduction, settings: Burda, budget: float | None) -> Plan:
    """All epochs and test images, or as many as fit into a budget."""
    images = len(reproduction.data.test)
    steps = -(-len(reproduction.data.train) // settings.batch_size)
    # From one step in the shortest stage on, every step size takes part.
    protocol = Protocol(epochs=settings.epochs, least_epochs=-(-sum(STAGES) // steps), images=images)
    if budget is None:
        return full_plan(protocol, reproduction.quick)
    works = []
    for row in settings.rows:
        training, network = reproduction.begin(options_of(settings, row), epochs=1000, **choices(settings))
        epoch = seconds_per_epoch(training)
        timer = Timer()
        log_p(reproduction, settings, network.eval(), reproduction.data.test.images[:3])
        works.append(Work(epoch=epoch, image=timer.seconds() / 3, count=settings.seeds))
    return fit_budget(works, protocol, budget)


def choices(settings: Burda) -> dict[str, Any]:
    """What all rows are trained with."""
    return {"batch_size": settings.batch_size, "optimizer": OPTIMIZER, "binarise": "dynamic"}


def run(reproduction: Reproduction, settings: Burda, plan: Plan) -> None:
    """Trains and measures every row, and compares them with the paper and with one another."""
    images = reproduction.some(reproduction.data.test, plan.images)
    values: dict[Row, list[np.ndarray]] = {}
    for row in settings.rows:
        found = [measured(reproduction, settings, plan, row, i, images.images) for i in range(settings.seeds)]
        values[row] = [-np.array(one["log_p"]) for one in found]
        method, k = row
        reproduction.row(
            images, method=method, k=k, **compared(values[row], known(reproduction, BURDA_NLL, row)),
            published_active=known(reproduction, BURDA_ACTIVE, row),
            active_units=float(np.mean([one["active_units"] for one in found])), epochs=plan.epochs,
            seconds=sum(one["seconds"] for one in found),
            measuring_seconds=sum(one["measuring_seconds"] for one in found),
        )  # fmt: skip
    report(reproduction, values, images)


def known(reproduction: Reproduction, numbers: dict[Row, Published], row: Row) -> float | None:
    """The published number of a row; None where the quick form makes another one."""
    return reproduction.published(numbers.get(row))


def measured(
    reproduction: Reproduction, settings: Burda, plan: Plan, row: Row, seed: int, images: Tensor
) -> dict[str, Any]:
    """What one training of a row gives."""
    method, k = row
    name = f"{method.lower()}-{k}-{seed}"
    label = f"{method}, k = {k}" + (f", {seed + 1} of {settings.seeds}" if settings.seeds > 1 else "")

    def make(folder: Run) -> dict[str, Any]:
        model, seconds = reproduction.train(
            folder, label, options_of(settings, row), epochs=plan.epochs, seed=seed, **choices(settings)
        )
        timer = Timer()
        with step_display(reproduction.console, f"   {label}: measuring log p(x)"):
            found = log_p(reproduction, settings, model, images)
        return {
            "log_p": found,
            "active_units": active(reproduction, settings, model),
            "seconds": round(seconds, 1),
            "measuring_seconds": round(timer.seconds(), 1),
        }

    return reproduction.once(name, make, ("log_p", "active_units", *TIMES))


def log_p(reproduction: Reproduction, settings: Burda, model: Model, images: Tensor) -> np.ndarray:
    """log p(x) of each image in nats; the same draws of eps for all rows."""
    return importance_sample(model, images, None, settings.draws, reproduction.generator(1)).log_p


def active(reproduction: Reproduction, settings: Burda, model: Model) -> int:
    """Active units on training images, their pixels drawn once, as the paper's code counts them."""
    some = reproduction.some(reproduction.data.train, settings.variance_images)
    pixels = torch.bernoulli(some.images, generator=reproduction.generator(2))
    return active_units(posteriors(model, pixels, some.labels)[0])


def report(reproduction: Reproduction, values: dict[Row, list[np.ndarray]], images: Dataset) -> None:
    """The differences of neighbouring rows, and whether the order is that of the paper."""
    orders: list[str] = []
    pairs = list(itertools.pairwise(values))
    for first, second in pairs:
        here, error = paired(values[first], values[second])
        name = f"{key(first)}_minus_{key(second)}"
        reproduction.find(**{name: here, f"{name}_error": error})
        order = "yes" if here > SIGNIFICANT * error else "reversed" if here < -SIGNIFICANT * error else "not told apart"
        orders.append(order)
        published = [known(reproduction, BURDA_NLL, row) for row in (first, second)]
        reproduction.row(
            images, pair=f"{name_of(first)} − {name_of(second)}",
            published_pair=None if None in published else published[0] - published[1],  # type: ignore[operator]
            pair_here=here, order=order, **{f"pair_here_{ending(values[first])}": error},
        )  # fmt: skip
    reproduction.answer(
        f"Of {len(pairs)} pairs of neighbouring rows {orders.count('yes')} are in the paper's order, "
        f"{orders.count('reversed')} reversed and {orders.count('not told apart')} not told apart, at "
        f"{SIGNIFICANT:.0f} standard errors."
    )
    if not reproduction.quick:
        reproduction.answer(f"The published values are given {RECALLED}.")


def key(row: Row) -> str:
    """A row as part of a name."""
    return f"{row[0].lower()}{row[1]}"


def name_of(row: Row) -> str:
    """A row in words."""
    return f"{row[0]} k = {row[1]}"
