"""The tables of an evaluation's report, at most 100 columns wide, and their rows."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from rich import box
from rich.table import Table

from paper.evaluation.disentanglement import (
    Scores,
    single_numbers,
)
from paper.evaluation.factor_prediction import two_best
from paper.evaluation.importance import Estimate
from paper.evaluation.rate_distortion import Curve

SHOWN = 20
"""Latents listed one by one; the rest, which carry least, are summed up."""
POINTS = 9
"""Points of the rate-distortion curve in its table."""
BAR = 40
"""Characters in the longest bar."""
Z_LABELS = {"sampled": "drawn", "mu": "μ"}


class BoundRow(NamedTuple):
    """The negative ELBO on one kind of pixels, with one kind of z: means over the images, in nats."""

    pixels: str
    z: str
    reconstruction: float
    kl: float
    negative_elbo: float
    standard_error: float | None
    """Of `negative_elbo` over the images."""
    bits_per_dimension: float | None = None
    """`negative_elbo` in bits, over the pixels; None where the likelihood is none over 256 levels"""


class ClassRow(NamedTuple):
    """How well q(y|x) tells the class on one kind of pixels, and the bound where it is not given: means, in nats."""

    pixels: str
    accuracy: float
    """The share of images whose most probable class is that of their label"""
    accuracy_error: float | None
    """Its standard error"""
    surprise: float
    """-log q(y|x) of the label"""
    reconstruction: float
    kl_of_y: float
    kl_of_z: float
    negative_bound: float
    """U(x), the sum of the three before"""
    standard_error: float | None
    """Of `negative_bound` over the images"""


class CodeRow(NamedTuple):
    """-log p(x|z) where z is a point: mean over the images, in nats."""

    pixels: str
    reconstruction: float
    standard_error: float | None


class LengthRow(NamedTuple):
    """-log p of code and pixels under one prior over codes, on one kind of pixels: means over the images."""

    pixels: str
    prior: str
    code: float
    """-log p(k) in nats, and"""
    reconstruction: float
    """-log p(x|k), and"""
    sum: float
    standard_error: float | None
    """Of the sum over the images"""
    bits: list[float]
    """The three in bits"""


class PriorRow(NamedTuple):
    """The negative ELBO on one kind of pixels under one prior over z: means over the images, in nats."""

    pixels: str
    prior: str
    reconstruction: float
    kl: float
    """log q(z|x) - log p(z); of a diffusion, a bound on it"""
    negative_elbo: float
    standard_error: float | None
    """Of `negative_elbo` over the images."""
    bits_per_dimension: float | None = None
    """`negative_elbo` in bits, over the pixels; None where the likelihood is none over 256 levels"""


class StepRow(NamedTuple):
    """The mean of |eps - eps_theta|^2 over a range of steps."""

    first: int
    last: int
    learned: float
    unlearned: float
    """By the prediction that is right for N(0, I)"""


RANGES = 10
"""Rows of the table of steps"""


class AnnealedRow(NamedTuple):
    """An estimate of log p(x) of some images, or the difference of two, image by image: means in nats."""

    images: str
    estimate: str
    mean: float
    standard_error: float | None
    """Over the images"""


class CurveRow(NamedTuple):
    """A point of the rate-distortion curve, or the encoder's, without beta: means over the images, in nats."""

    beta: float | None
    rate: float
    distortion: float


def new_table(*heads: str, left: int = 1) -> Table:
    """A table without a frame; the first `left` columns hold text, the others numbers."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), show_edge=False)
    for i, head in enumerate(heads):
        table.add_column(head, justify="left" if i < left else "right")
    return table


def bound_table(rows: Sequence[BoundRow]) -> Table:
    """The negative ELBO and its parts; the kind of pixels stands in the first of its rows only."""
    in_bits = rows[0].bits_per_dimension is not None
    table = new_table("pixels", "z", "reconstruction", "KL", "sum", "±", *["bits/dim"] * in_bits, left=2)
    before = None
    for row in rows:
        numbers = [two_digits(value) for value in (row.reconstruction, row.kl, row.negative_elbo, row.standard_error)]
        numbers += [f"{row.bits_per_dimension:.3f}"] if row.bits_per_dimension is not None else []
        table.add_row("" if row.pixels == before else row.pixels, Z_LABELS[row.z], *numbers)
        before = row.pixels
    return table


def class_table(rows: Sequence[ClassRow]) -> Table:
    """Accuracy of q(y|x) in per cent, -log q(y|x), and U(x) in its parts."""
    heads = ("correct, %", "±", "−log q(y|x)", "reconstruction", "KL of y", "KL of z", "sum", "±")
    table = new_table("pixels", *heads)
    for row in rows:
        error = None if row.accuracy_error is None else 100 * row.accuracy_error
        table.add_row(row.pixels, *map(two_digits, (100 * row.accuracy, error, *row[3:])))
    return table


def prior_table(rows: Sequence[PriorRow]) -> Table:
    """The negative ELBO and its parts by the prior; the kind of pixels stands in the first of its rows only."""
    in_bits = rows[0].bits_per_dimension is not None
    table = new_table("pixels", "prior", "reconstruction", "KL", "sum", "±", *["bits/dim"] * in_bits, left=2)
    before = None
    for row in rows:
        numbers = [two_digits(value) for value in (row.reconstruction, row.kl, row.negative_elbo, row.standard_error)]
        numbers += [f"{row.bits_per_dimension:.3f}"] if row.bits_per_dimension is not None else []
        table.add_row("" if row.pixels == before else row.pixels, row.prior, *numbers)
        before = row.pixels
    return table


def steps_by_range(learned: Float[np.ndarray, " T"], unlearned: Float[np.ndarray, " T"]) -> list[StepRow]:
    """Means over up to ten ranges of the steps 1 .. T, as long as one another."""
    ranges = np.array_split(np.arange(len(learned)), min(RANGES, len(learned)))
    return [
        StepRow(int(part[0]) + 1, int(part[-1]) + 1, float(learned[part].mean()), float(unlearned[part].mean()))
        for part in ranges
    ]


def step_table(rows: Sequence[StepRow]) -> Table:
    """The loss over each range of steps, beside that of a prediction that has learned nothing."""
    table = new_table("t", "|ε − ε_θ|²", "of N(0, I)")
    for row in rows:
        steps = f"{row.first}" if row.first == row.last else f"{row.first} to {row.last}"
        table.add_row(steps, f"{row.learned:.3f}", f"{row.unlearned:.3f}")
    return table


def code_table(row: CodeRow) -> Table:
    """The reconstruction of a model without q(z|x)."""
    table = new_table("pixels", "reconstruction", "±")
    table.add_row(row.pixels, two_digits(row.reconstruction), two_digits(row.standard_error))
    return table


def length_table(rows: Sequence[LengthRow]) -> Table:
    """Codes, pixels and their sum, each in nats and in bits."""
    table = new_table("pixels", "prior", "code", "bits", "x|code", "bits", "sum", "bits", "±", left=2)
    before = None
    for row in rows:
        pairs = zip((row.code, row.reconstruction, row.sum), row.bits, strict=True)
        numbers = [text for nats, bits in pairs for text in (two_digits(nats), f"{bits:.1f}")]
        name = "" if row.pixels == before else row.pixels
        table.add_row(name, row.prior, *numbers, two_digits(row.standard_error))
        before = row.pixels
    return table


def latent_table(kl: Float[np.ndarray, " Z"], variance: Float[np.ndarray, " Z"]) -> Table:
    """Latents in descending order of KL, with a bar."""
    order = np.argsort(-kl, kind="stable")
    table = new_table("latent", "KL (nats)", "variance of μ", "")
    table.columns[-1].justify = "left"
    unit = BAR / max(float(kl.max()), 1e-3)  # no bars where every KL rounds to 0.000
    for j in order[:SHOWN]:
        table.add_row(f"z{j + 1}", f"{kl[j]:.3f}", f"{variance[j]:.3f}", "█" * round(unit * float(kl[j])))
    rest = order[SHOWN:]
    if len(rest):
        largest = f"in all; the largest {kl[rest].max():.3f}"
        table.add_row(f"{len(rest)} others", f"{kl[rest].sum():.3f}", "", largest)
    return table


def likelihood_table(estimate: Estimate, conditional: bool) -> Table:
    """log p(x), the ELBO of the same draws, and their difference beside the effective draws that it rests on."""
    log_p, elbo = float(estimate.log_p.mean()), float(estimate.elbo.mean())
    median = float(np.median(estimate.effective_draws))
    table = new_table("", "nats per image", "±")
    name = "log p(x|c)" if conditional else "log p(x)"
    table.add_row(name, two_digits(log_p), two_digits(estimate.standard_error))
    table.add_row("ELBO of the same draws", two_digits(elbo), "")
    table.add_row(f"difference, from {median:.1f} effective draws", two_digits(log_p - elbo), "")
    return table


ESTIMATES = {
    "importance_sampling": "importance sampling from q(z|x)",
    "lower": "annealing, from below",
    "upper": "annealing, from above",
    "lower − importance_sampling": "  difference",
    "upper − lower": "  width",
}


def annealed_table(rows: Sequence[AnnealedRow]) -> Table:
    """The estimates of log p(x), with the differences under them."""
    table = new_table("images", "log p(x)", "nats per image", "±", left=2)
    before = None
    for row in rows:
        name = "" if row.images == before else row.images
        table.add_row(name, ESTIMATES[row.estimate], two_digits(row.mean), two_digits(row.standard_error))
        before = row.images
    return table


def curve_rows(curve: Curve, encoder: Float[np.ndarray, "2 N"]) -> list[CurveRow]:
    """Some of the curve's points, evenly spread over the temperatures, and the encoder's."""
    chosen = np.unique(np.linspace(0, len(curve.betas) - 1, POINTS).round().astype(int))
    means = curve.rate.mean(axis=0), curve.distortion.mean(axis=0)
    rows = [CurveRow(float(curve.betas[i]), *(float(mean[i]) for mean in means)) for i in chosen]
    return [*rows, CurveRow(None, *(float(mean) for mean in encoder.mean(axis=1)))]


def curve_table(rows: Sequence[CurveRow]) -> Table:
    """Rate, distortion and their sum."""
    table = new_table("q(z|x)", "rate", "distortion", "sum")
    for row in rows:
        name = "the encoder's" if row.beta is None else f"annealed to β = {row.beta:.3g}"
        table.add_row(name, *map(two_digits, (row.rate, row.distortion, row.rate + row.distortion)))
    return table


METRICS = {
    "beta_vae_score": "β-VAE metric (Higgins et al. 2017)",
    "factor_vae_score": "FactorVAE metric (Kim & Mnih 2018)",
    "mig": "mutual information gap (Chen et al. 2018)",
    "disentanglement": "DCI disentanglement (Eastwood & Williams 2018)",
    "completeness": "DCI completeness",
    "informativeness": "DCI informativeness",
    "sap": "SAP (Kumar et al. 2018)",
    "modularity": "InfoMEC modularity (Hsu et al. 2023)",
    "compactness": "InfoMEC compactness",
    "explicitness": "InfoMEC explicitness",
}


def score_table(scores: Scores, spread: dict[str, float], factors: int) -> Table:
    """The scores beside those of guessing; 1 is a perfect code."""
    table = new_table("metric", "score", "±", "guessing")
    numbers = single_numbers(scores)
    for name, text in METRICS.items():
        if name in numbers:
            guessing = 1 / factors if name in ("beta_vae_score", "factor_vae_score") else 0.0
            table.add_row(text, *(f"{number:.3f}" for number in (numbers[name], spread[name], guessing)))
    return table


def gap_table(scores: Scores) -> Table:
    """For each factor the mutual information of its two best latents, and the gap between them."""
    table = new_table("factor", "best latent", "second best", "gap")
    second, best = two_best(scores.information)
    for name, *numbers in zip(scores.gaps, best, second, scores.gaps.values(), strict=True):
        table.add_row(name, *map(two_digits, numbers))
    return table


def two_digits(value: float | None) -> str:
    """The number with two decimals and a minus sign; empty for None and NaN."""
    return "" if value is None or np.isnan(value) else f"{value:.2f}".replace("-", "−")
