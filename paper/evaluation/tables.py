"""The tables of an evaluation, within 100 columns."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from rich import box
from rich.table import Table

from paper.evaluation.disentanglement import Scores
from paper.evaluation.importance import Estimate

SHOWN = 20
"""Latents listed one by one; the rest, which carry least, are summed up."""
BAR = 40
"""Characters in the longest bar."""
Z_IN_WORDS = {"sampled": "drawn", "mu": "μ"}


class BoundRow(NamedTuple):
    """The negative ELBO on one kind of pixels, with one kind of z: means over the images, in nats."""

    pixels: str
    z: str
    reconstruction: float
    kl: float
    negative_elbo: float
    standard_error: float | None
    """Of `negative_elbo`, for the choice of the images."""


class CodeRow(NamedTuple):
    """-log p(x|z) where z is a point: mean over the images, in nats."""

    pixels: str
    reconstruction: float
    standard_error: float | None


def new_table(*heads: str, left: int = 1) -> Table:
    """A table without a frame; the first `left` columns are words, the others numbers."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), show_edge=False)
    for i, head in enumerate(heads):
        table.add_column(head, justify="left" if i < left else "right")
    return table


def bound_table(rows: Sequence[BoundRow]) -> Table:
    """The parts beside one another; pixels that stay the same are not named again."""
    table = new_table("pixels", "z", "reconstruction", "KL", "sum", "±", left=2)
    before = None
    for row in rows:
        numbers = [two(value) for value in (row.reconstruction, row.kl, row.negative_elbo, row.standard_error)]
        table.add_row("" if row.pixels == before else row.pixels, Z_IN_WORDS[row.z], *numbers)
        before = row.pixels
    return table


def code_table(row: CodeRow) -> Table:
    """One line."""
    table = new_table("pixels", "reconstruction", "±")
    table.add_row(row.pixels, two(row.reconstruction), two(row.standard_error))
    return table


def latent_table(kl: Float[np.ndarray, " Z"], variance: Float[np.ndarray, " Z"]) -> Table:
    """Latents by the KL that they carry, the largest first, with a bar."""
    order = np.argsort(-kl, kind="stable")
    table = new_table("latent", "KL (nats)", "variance of μ", "")
    table.columns[-1].justify = "left"
    unit = BAR / max(float(kl.max()), 1e-3)  # nats that nobody would see get no bar
    for j in order[:SHOWN]:
        table.add_row(f"z{j + 1}", f"{kl[j]:.3f}", f"{variance[j]:.3f}", "█" * round(unit * float(kl[j])))
    rest = order[SHOWN:]
    if len(rest):
        table.add_row(f"{len(rest)} others", f"{kl[rest].sum():.3f}", "", f"in all; the largest {kl[rest].max():.3f}")
    return table


def likelihood_table(estimate: Estimate, conditional: bool) -> Table:
    """log p(x), the ELBO on the same images, and what lies between."""
    log_p, elbo = float(estimate.log_p.mean()), float(estimate.elbo.mean())
    table = new_table("", "nats per image", "±")
    table.add_row("log p(x|c)" if conditional else "log p(x)", two(log_p), two(estimate.standard_error))
    table.add_row("ELBO of the same draws", two(elbo), "")
    table.add_row("between them: KL(q(z|x) ‖ p(z|x))", two(log_p - elbo), "")
    return table


def score_table(scores: Scores, factors: int) -> Table:
    """The scores beside those of a code that says nothing."""
    table = new_table("metric", "score", "guessing", "perfect")
    known = {
        "β-VAE metric (Higgins et al. 2017)": (scores.beta_vae_score, 1 / factors),
        "FactorVAE metric (Kim & Mnih 2018)": (scores.factor_vae_score, 1 / factors),
        "mutual information gap (Chen et al. 2018)": (scores.mig, 0.0),
    }
    for name, (score, guessing) in known.items():
        if score is not None:
            table.add_row(name, two(score), two(guessing), "1.00")
    return table


def gap_table(scores: Scores) -> Table:
    """Factor by factor, what the two best latents know of it and the gap between them."""
    table = new_table("factor", "best latent knows", "second best", "gap")
    second, best = np.sort(np.concatenate([np.zeros((2, len(scores.gaps))), scores.information]), axis=0)[-2:]
    for name, *numbers in zip(scores.gaps, best, second, scores.gaps.values(), strict=True):
        table.add_row(name, *map(two, numbers))
    return table


def two(value: float | None) -> str:
    """Two digits, with a minus sign that is as wide as a plus; nothing where there is no number."""
    return "" if value is None or np.isnan(value) else f"{value:.2f}".replace("-", "−")
