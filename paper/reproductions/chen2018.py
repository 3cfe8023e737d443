"""Chen et al. (2018): the mutual information gap of β-VAE, FactorVAE and β-TCVAE.

The paper shows its scores as figures; no number of it was read at a source, and none is quoted.
"""

from paper.experiments.tables import Column
from paper.reproductions import disentanglement
from paper.reproductions.budget import Plan
from paper.reproductions.disentanglement import LITTLE, TABLE, Disentangling
from paper.reproductions.published import Published
from paper.reproductions.reproduction import Reproduction, plan_sentence

PAPER = "The models that Chen et al. (2018) compare"
DATA, QUICK_DATA = disentanglement.DATA, disentanglement.QUICK_DATA
FULL = Disentangling(models=("β-VAE, β = 4", "FactorVAE, γ = 10", "β-TCVAE, β = 6"), epochs=50, seeds=5)
QUICK = Disentangling(models=FULL.models, epochs=2, seeds=2, **LITTLE)
plan = disentanglement.plan


def sources(settings: Disentangling) -> dict[str, list[Published]]:
    """None: see above."""
    return {}


def tables(settings: Disentangling, plan: Plan) -> dict[str, tuple[Column, ...]]:
    """The table's columns by its title."""
    return {f"{PAPER}; {plan_sentence(plan)}": tuple(column for column in TABLE if column.key != "published")}


def run(reproduction: Reproduction, settings: Disentangling, plan: Plan) -> None:
    """Trains all models with every seed, and scores their latents."""
    disentanglement.run(reproduction, settings, plan, {})
    if reproduction.quick:
        return
    reproduction.answer(
        "The paper's scores are of dSprites, 64×64, and of a wider network; no number of it was read at a source, so "
        "that none stands here."
    )
