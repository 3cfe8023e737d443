"""What the reproductions of Higgins et al. (2017) and Chen et al. (2018) share: models, scores, and their table.

Varied: the model. Held fixed: everything else; images whose factors of variation are known. The papers have dSprites,
64×64, and wider networks. Here images are 28×28: the drawn `shapes`, of whose factors new images can be made, or with
--data-root those of the dSprites file, of which they cannot, so that only MIG and DCI are measured.
"""

import dataclasses
from typing import Any

import numpy as np
import torch

from foundation.console import step_display
from foundation.options import DataOptions
from foundation.runs import Run
from paper.evaluation.disentanglement import IMAGES, PAIRS, POINTS, disentanglement, scores_of_images, single_numbers
from paper.evaluation.ground_truth import ground_truth_of, representation_of
from paper.evaluation.latents import active_latents
from paper.experiments.beta import SCORES
from paper.experiments.tables import Column, over_seeds
from paper.models.base import Model
from paper.models.options import BetaTCVAEOptions, BetaVAEOptions, FactorVAEOptions, VAEOptions
from paper.reproductions.budget import Plan, Protocol, Work, fit_budget, full_plan, seconds_per_epoch
from paper.reproductions.published import Published
from paper.reproductions.reproduction import TIMES, Reproduction, Settings, Timer, plan_sentence


@dataclasses.dataclass(frozen=True, kw_only=True)
class Disentangling(Settings):
    """The network and the models."""

    models: tuple[str, ...]
    hidden_dims: tuple[int, ...] = (400, 200)
    latent_dim: int = 10
    batch_size: int = 64
    pairs: int = PAIRS
    """These and the next two: how many images the scores take (`paper.evaluation.disentanglement`)"""
    points: int = POINTS
    images: int = IMAGES


KINDS: dict[str, tuple[type[VAEOptions], dict[str, Any]]] = {
    "VAE": (VAEOptions, {}),
    "β-VAE, β = 4": (BetaVAEOptions, {"beta": 4.0}),
    "FactorVAE, γ = 10": (FactorVAEOptions, {"gamma": 10.0}),
    "β-TCVAE, β = 6": (BetaTCVAEOptions, {"beta": 6.0}),
}
"""The models by their names in the table."""
LITTLE: dict[str, Any] = {
    "hidden_dims": (32,),
    "train_images": 1000,
    "test_images": 500,
    "pairs": 200,
    "points": 10,
    "images": 1000,
}
"""Network and images of the quick form."""
DATA = QUICK_DATA = DataOptions(name="shapes")
OF_IMAGES = ("mig", "disentanglement")
"""Scores that need no new images."""
TABLE = (
    Column("model", "model"),
    Column("published", "published β-VAE metric, of dSprites", 3),
    *(Column(key, head, 3) for key, head in SCORES.items()),
    Column("active_units", "active units", 1),
    Column("epochs", "epochs", 0),
    Column("seconds", "seconds", 0),
)
LEAST_EPOCHS = 1


def tables(paper: str, plan: Plan) -> dict[str, tuple[Column, ...]]:
    """The table's columns by its title."""
    return {f"{paper}; {plan_sentence(plan)}": TABLE}


def options_of(settings: Disentangling, name: str) -> VAEOptions:
    """The model of a row."""
    kind, choices = KINDS[name]
    return kind(network="mlp", hidden_dims=settings.hidden_dims, latent_dim=settings.latent_dim, **choices)


def plan(reproduction: Reproduction, settings: Disentangling, budget: float | None) -> Plan:
    """All epochs, or as many as fit into a budget; the scores take what they take."""
    protocol = Protocol(epochs=settings.epochs, least_epochs=LEAST_EPOCHS, images=len(reproduction.data.test))
    if budget is None:
        return full_plan(protocol, reproduction.quick)
    works, scoring = [], None
    for name in settings.models:
        training, network = reproduction.begin(options_of(settings, name), epochs=1000, batch_size=settings.batch_size)
        epoch = seconds_per_epoch(training)
        if scoring is None:
            timer = Timer()
            scores(reproduction, settings, network.eval().requires_grad_(False))
            scoring = timer.seconds()
        works.append(Work(epoch=epoch, fixed=scoring, count=settings.seeds))
    return fit_budget(works, protocol, budget)


def run(reproduction: Reproduction, settings: Disentangling, plan: Plan, published: dict[str, Published]) -> None:
    """Trains every model with every seed, and scores its latents."""
    for name in settings.models:
        found = [measured(reproduction, settings, plan, name, seed) for seed in range(settings.seeds)]
        numbers = over_seeds([{key: one[key] for key in one if key not in TIMES} for one in found])
        reproduction.row(
            model=name, published=reproduction.published(published.get(name)), **numbers, epochs=plan.epochs,
            seconds=sum(one["seconds"] for one in found),
            measuring_seconds=sum(one["measuring_seconds"] for one in found),
        )  # fmt: skip
    best = max(reproduction.rows, key=lambda row: row["mig"])
    reproduction.find(**{f"mig_{row['model'].split(',')[0]}": row["mig"] for row in reproduction.rows})
    reproduction.answer(f"The highest MIG has: {best['model']}.")


def measured(reproduction: Reproduction, settings: Disentangling, plan: Plan, name: str, seed: int) -> dict[str, Any]:
    """What one training of a model gives."""
    folder = f"{options_of(settings, name).model}-{seed}"
    label = f"{name}, {seed + 1} of {settings.seeds}"

    def make(folder: Run) -> dict[str, Any]:
        model, seconds = reproduction.train(
            folder, label, options_of(settings, name), epochs=plan.epochs, seed=seed, batch_size=settings.batch_size
        )
        timer = Timer()
        with step_display(reproduction.console, f"   {label}: scoring the latents"):
            found = scores(reproduction, settings, model)
        return found | {"seconds": round(seconds, 1), "measuring_seconds": round(timer.seconds(), 1)}

    keys = SCORES if ground_truth_of(reproduction.data) is not None else OF_IMAGES
    return reproduction.once(folder, make, (*keys, "active_units", *TIMES))


@torch.no_grad()
def scores(reproduction: Reproduction, settings: Disentangling, model: Model) -> dict[str, float]:
    """The scores of a model's active latents, by one seed of the metrics."""
    data, kept = reproduction.data, active_latents(model, reproduction.data)
    truth = ground_truth_of(data)
    if truth is not None:
        represent, sizes = (
            representation_of(model, data, truth, kept),
            (settings.pairs, settings.points, settings.images),
        )
        found = disentanglement(truth, represent, reproduction.seed, *sizes)
    else:
        codes = reproduction.mu(model).cpu().numpy()[:, kept].astype(np.float64)
        found = scores_of_images(codes, data.factors, reproduction.seed)
    numbers = single_numbers(found)
    return {key: numbers[key] for key in SCORES if key in numbers} | {"active_units": float(kept.sum())}
