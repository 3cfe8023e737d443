"""Higgins et al. (2017), table 1: the paper's metric of disentanglement, of the VAE and the β-VAE.

The paper's values are of dSprites, ours of another drawing of the same factors, in other sizes: no difference is given.
"""

from paper.experiments.tables import Column
from paper.reproductions import disentanglement
from paper.reproductions.budget import Plan
from paper.reproductions.disentanglement import LITTLE, Disentangling
from paper.reproductions.published import HIGGINS_METRIC, RECALLED, Published
from paper.reproductions.reproduction import Reproduction

PAPER = "Table 1 of Higgins et al. (2017), two of its rows"
DATA, QUICK_DATA = disentanglement.DATA, disentanglement.QUICK_DATA
FULL = Disentangling(models=("VAE", "β-VAE, β = 4"), epochs=50, seeds=5)
QUICK = Disentangling(models=FULL.models, epochs=2, seeds=2, **LITTLE)
plan = disentanglement.plan


def sources(settings: Disentangling) -> dict[str, list[Published]]:
    """The published numbers that the table quotes."""
    return {"β-VAE metric": list(HIGGINS_METRIC.values())}


def tables(settings: Disentangling, plan: Plan) -> dict[str, tuple[Column, ...]]:
    """The table's columns by its title."""
    return disentanglement.tables(PAPER, plan)


def run(reproduction: Reproduction, settings: Disentangling, plan: Plan) -> None:
    """Trains both models with every seed, and scores their latents."""
    disentanglement.run(reproduction, settings, plan, HIGGINS_METRIC)
    if reproduction.quick:
        return
    reproduction.answer(
        "The published values are of dSprites, 64×64, and of a wider network, so that no difference is given; they are "
        f"given {RECALLED}."
    )
