"""The report of an evaluation: each section measures one thing, prints it, and returns its numbers for evaluation.json.

Sections come first, then their tables, which are at most 100 columns wide, then the sentences that explain the numbers.
"""

import contextlib
import dataclasses
import math
import textwrap
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float
from rich import box
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from foundation.console import print_table, say
from foundation.data.splits import Data
from foundation.errors import InputError
from foundation.latents import ACTIVE, kl_by_latent
from foundation.objective import OVER_LEVELS
from foundation.rung import encode_all
from paper.evaluation.bound import PIXEL_SEED, bits_per_dimension, elbo_parts, is_binary, reconstruction
from paper.evaluation.disentanglement import (
    REPEATS,
    Scores,
    disentanglement,
    images_needed,
    mean_scores,
    scores_of_images,
    single_numbers,
    two_best,
)
from paper.evaluation.ground_truth import GroundTruth, ground_truth_of, representation_of
from paper.evaluation.importance import Estimate, importance_sample
from paper.evaluation.latents import (
    active_latents,
    active_units,
    batches,
    collapse_warning,
    posteriors,
    variance_of_mu,
)
from paper.evaluation.options import EvaluateOptions
from paper.models.base import Images, Model
from paper.models.vq_vae import perplexity

Results = dict[str, Any]
SHOWN = 20
"""Latents listed one by one; the rest, which carry least, are summed up."""
BAR = 40
"""Characters in the longest bar."""
Z_LABELS = {"sampled": "drawn", "mu": "μ"}
ABOUT_DRAWN_KL = "The KL has no closed form and no part for each latent: it is log q(z|x) − log p(z) at the z drawn."
LN_2 = math.log(2)
DRAWN = "black or white, drawn"
"""The name of test images whose grey pixels were binarised for the likelihood."""


# Sections


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """A model, the images that it is measured on, and the console that shows the results."""

    model: Model
    data: Data
    images: Images
    """The test images that the likelihood is measured on; grey pixels may have been binarised."""
    options: EvaluateOptions
    console: Console
    warnings: list[str] = dataclasses.field(default_factory=list)

    @property
    def drawn(self) -> bool:
        """Whether `images` are binarised test images."""
        return self.images is not self.data.test.images

    def kinds(self) -> dict[str, Images]:
        """The test images as they are and, where the likelihood has others, those, by their pixels."""
        test = self.data.test.images
        return {pixels(test): test} | ({DRAWN: self.images} if self.drawn else {})

    def generator(self) -> torch.Generator:
        """A generator on the images' device, in the same state for every section."""
        return torch.Generator(self.images.device).manual_seed(self.options.seed)

    def show(self, heading: str, *parts: Table | str) -> None:
        """Prints a section: its tables, and its sentences wrapped to the console's width."""
        say(self.console, f"\n{heading}", "bold")
        for part in parts:
            if isinstance(part, Table):
                print_table(self.console, part)
                self.console.print()
                continue
            for line in textwrap.wrap(part, min(self.console.width, 100) - 2):
                say(self.console, f"  {line}")

    def warn(self, sentence: str | None) -> None:
        """Keeps a warning, if there is one, for the end of the report."""
        if sentence is not None:
            self.warnings.append(sentence)

    @contextlib.contextmanager
    def bar(self, what: str, total: int) -> Iterator[Callable[[int], None]]:
        """A progress bar on a terminal; yields a function that takes how much was done since its last call."""
        columns = [TextColumn("  {task.description}"), BarColumn(), TimeRemainingColumn()]
        with Progress(*columns, console=self.console, transient=True, disable=not self.console.is_terminal) as progress:
            task = progress.add_task(what, total=total)
            yield lambda done: progress.advance(task, done)


def sections(evaluation: Evaluation) -> Iterator[Results]:
    """Everything that can be measured of the model, section by section."""
    if evaluation.model.traits.posterior:
        yield bound(evaluation)
        yield latents(evaluation)
        if evaluation.options.draws:
            yield likelihood(evaluation)
    else:
        yield codes(evaluation)
    if evaluation.data.factors and not evaluation.model.traits.codes:
        yield factors(evaluation)


def has_bound(model: Model) -> bool:
    """Whether there is a bound on log p(x): by q(z|x), or by a prior over maps of codes."""
    return model.traits.posterior or (model.traits.codes and model.traits.prior)


def bound(evaluation: Evaluation) -> Results:
    """The negative ELBO and its parts over all test images, with z drawn and with z = mu."""
    test, rows, kinds = evaluation.data.test, [], evaluation.kinds()
    # Without a closed form the KL at z = mu means nothing.
    ways = ("sampled", "mu") if evaluation.model.traits.closed_kl else ("sampled",)
    for kind, images in kinds.items():
        for z in ways:
            generator = evaluation.generator() if z == "sampled" else None
            parts = elbo_parts(evaluation.model, images, test.labels, generator)
            check_finite(parts.elbo)
            loss, kl, elbo = float(parts.reconstruction.mean()), float(parts.kl.sum(axis=1).mean()), parts.elbo
            bits = bits_per_dimension(evaluation.model, -float(elbo.mean()))
            rows.append(BoundRow(kind, z, loss, kl, -float(elbo.mean()), standard_error(elbo), bits))
    heading = f"Negative ELBO and its parts: {len(test):,} test images, nats per image"
    evaluation.show(heading, bound_table(rows), *about_bound(evaluation.model, rows[0].pixels, evaluation.drawn))
    return {"elbo": rows}


def check_finite(values: Float[np.ndarray, " N"]) -> None:
    """Raise `InputError` where a number of an image is NaN or infinite, as weights that are too large make it."""
    if bad := int((~np.isfinite(values)).sum()):
        raise InputError(f"evaluate: the loss is NaN or infinite at {bad:,} of {len(values):,} test images")


def latents(evaluation: Evaluation) -> Results:
    """The KL of every latent over all test images, and which latents are active."""
    mu, logvar = posteriors(evaluation.model, evaluation.data.test.images, evaluation.data.test.labels)
    kl, variance = kl_by_latent(mu.cpu(), logvar.cpu()), variance_of_mu(mu)
    active = active_units(mu)
    if not evaluation.model.traits.closed_kl:
        evaluation.show("Latents", about_activity(active, len(variance)), ABOUT_DRAWN_KL)
        return {"latents": {"variance_of_mu": variance, "active_units": active}}
    evaluation.show("Latents, by KL", latent_table(kl, variance), about_activity(active, len(kl)))
    evaluation.warn(collapse_warning(kl))
    return {"latents": {"kl": kl, "variance_of_mu": variance, "active_units": active}}


def likelihood(evaluation: Evaluation) -> Results:
    """log p(x) by importance sampling."""
    options, model, N = evaluation.options, evaluation.model, len(evaluation.images)
    count = min(options.images or N, N)
    # Evenly spread, since the first images differ from the rest: a folder is sorted by class, and the first half of
    # MNIST's test images is written more neatly.
    chosen = torch.arange(count, device=evaluation.images.device) * N // count
    images = evaluation.images[chosen]
    c = model.condition(images, evaluation.data.test.labels[chosen])
    with evaluation.bar("drawing z", len(images) * options.draws) as advance:
        estimate = importance_sample(model, images, c, options.draws, evaluation.generator(), on_draws=advance)
    which = f"all {N:,} test images" if count == N else f"{count:,} of {N:,} test images, evenly spread"
    bits = bits_per_dimension(model, -float(estimate.log_p.mean()))
    heading = f"log p(x) by importance sampling: {which}, K = {options.draws:,} draws for each"
    sentences = [*about_likelihood(estimate, options.draws), *about_bits(bits)]
    evaluation.show(heading, likelihood_table(estimate, c is not None), *sentences)
    evaluation.warn(estimate.warning())
    return {
        "log_likelihood": {
            "mean": estimate.log_p.mean(),
            "standard_error": estimate.standard_error,
            "bits_per_dimension": bits,
            "elbo_of_same_draws": estimate.elbo.mean(),
            "gain_over_elbo": estimate.log_p.mean() - estimate.elbo.mean(),
            "effective_draws": {"median": np.median(estimate.effective_draws), "least": estimate.effective_draws.min()},
            "draws": options.draws,
            "images": count,
            "pixels": DRAWN if evaluation.drawn else pixels(images),
        }
    }


def codes(evaluation: Evaluation) -> Results:
    """Reconstruction by a model without q(z|x); for a VQ-VAE the use of its codebook as well."""
    model, test = evaluation.model, evaluation.data.test
    found: Results = {}
    if model.traits.prior and model.traits.codes:
        found |= code_lengths(evaluation)
    else:
        losses = reconstruction(model, test.images, test.labels)
        check_finite(losses)
        row = CodeRow(pixels(test.images), float(losses.mean()), standard_error(losses))
        heading = f"Reconstruction: {len(test):,} test images, nats per image"
        evaluation.show(heading, code_table(row), about_codes(model))
        found["reconstruction"] = row
    if model.traits.codes:
        with torch.no_grad():
            used = torch.cat([model.codes(x) for x, _ in batches(model, test.images, test.labels)])
        K, entries, places = model.options.codes, len(used.unique()), used[0].numel()
        spread = float(perplexity(used, K))
        evaluation.show("Codebook", *about_codebook(entries, K, spread, places))
        evaluation.warn(codebook_warning(entries, K))
        found["codebook"] = {"entries": K, "used": entries, "perplexity": spread, "places": places}
    return found


@torch.no_grad()
def code_lengths(evaluation: Evaluation) -> Results:
    """-log p of codes and pixels: codes under equal shares, under their frequencies, and under the prior."""
    model: Any = evaluation.model
    labels, K, rows = evaluation.data.test.labels, model.options.codes, []
    for kind, images in evaluation.kinds().items():
        given = reconstruction(model, images, labels)
        maps = [model.codes(x) for x, _ in batches(model, images, labels)]
        learned = torch.cat([-model.network.log_prob(part) for part in maps]).cpu().double().numpy()
        used = torch.cat(maps).flatten(1)
        shares = torch.bincount(used.flatten(), minlength=K).double() / used.numel()
        frequent = -shares.log()[used].sum(1).cpu().numpy()
        uniform = np.full(len(images), used.shape[1] * math.log(K))
        for prior, code in {"uniform": uniform, "frequencies": frequent, "PixelCNN": learned}.items():
            means = float(code.mean()), float(given.mean()), float((code + given).mean())
            rows.append(LengthRow(kind, prior, *means, standard_error(code + given), [mean / LN_2 for mean in means]))
    heading = f"Length of codes and pixels: {len(labels):,} test images, nats and bits per image"
    evaluation.show(heading, length_table(rows), *about_lengths(model, rows[0].pixels, evaluation.drawn))
    return {"code_lengths": rows}


def factors(evaluation: Evaluation) -> Results:
    """The scores of disentanglement; without the first two where images of chosen factors cannot be drawn."""
    model, data, seed = evaluation.model, evaluation.data, evaluation.options.seed
    truth = ground_truth_of(data, given_label=getattr(model.options, "condition", None) == "label")
    kept = active_latents(model, data)
    if truth is None:
        with torch.no_grad():
            mu, _ = encode_all(model, data.test.images, data.test.labels, torch.cat)
        codes = mu.cpu().numpy()[:, kept].astype(np.float64)
        repeated = [scores_of_images(codes, data.factors, seed + i) for i in range(REPEATS)]
    else:
        with evaluation.bar("drawing images of known factors", REPEATS * images_needed(truth)) as advance:
            represent = representation_of(model, data, truth, kept, seed, advance)
            repeated = [disentanglement(truth, represent, seed + i) for i in range(REPEATS)]
    scores, spread = mean_scores(repeated)
    tables = score_table(scores, spread, len(scores.gaps)), gap_table(scores)
    evaluation.show("Disentanglement", *tables, *about_factors(truth, kept))
    found = scores._asdict() | {"prediction": scores.prediction._asdict(), "standard_deviation": spread}
    return {"disentanglement": found | {"active_latents": np.flatnonzero(kept)}}


def pixels(images: Images) -> str:
    """The name of images by their pixels."""
    return "black or white" if is_binary(images) else "grey"


def standard_error(values: np.ndarray) -> float | None:
    """Of the mean over images; None for a single image."""
    return float(values.std(ddof=1) / len(values) ** 0.5) if len(values) > 1 else None


# Tables


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


# Sentences


def about_bound(model: Model, test_pixels: str, drawn: bool) -> Iterator[str]:
    """How to read the table of the negative ELBO."""
    yield "Sum: the negative ELBO, at least −log p(x), where z is drawn from q(z|x); no bound where z = μ."
    yield "±: standard error of the mean over the images."
    if test_pixels == "grey" and model.options.likelihood == "bernoulli":
        yield "Grey: pixels as in training. No bound on log p(x), since a Bernoulli gives grey pixels no density."
    elif model.options.likelihood in OVER_LEVELS:
        yield "p(x) is a probability of images of 256 levels. bits/dim: the sum per pixel, divided by log 2."
    elif test_pixels == "grey" and not drawn:
        yield "Grey: p(x) is a density, so log p(x) may lie above 0; compare it with other densities only."
        yield "No bits/dim: the pixels are levels without the uniform noise that would dequantise them."
    if drawn:
        yield f"Drawn: every pixel once, white with probability grey, by a fixed seed ({PIXEL_SEED})."
    yield from about_training(model)


def about_lengths(model: Model, test_pixels: str, drawn: bool) -> Iterator[str]:
    """How to read the lengths of codes and pixels."""
    yield "Frequencies: of the entries in the codes of these images. ±: standard error of the sum over the images."
    yield "Sum: at least −log p(x), as the negative ELBO of a VAE is: p(x) is a sum over all maps, and this is one."
    if test_pixels == "grey" and model.options.likelihood == "bernoulli":
        yield "Grey: pixels as in training. No bound on log p(x), since a Bernoulli gives grey pixels no density."
    if drawn:
        yield f"Drawn: every pixel once, white with probability grey, by a fixed seed ({PIXEL_SEED})."


def about_training(model: Model) -> Iterator[str]:
    """The differences between the training objective and the ELBO."""
    options = model.options
    if getattr(options, "capacity", None) is not None:
        yield f"Trained to a KL of {options.capacity:g} nats; here the KL has the weight 1, as in the ELBO."
    elif model.options.objective().beta != 1:
        yield f"Trained with β = {model.options.objective().beta:g}; here the KL has the weight 1, as in the ELBO."
    if getattr(options, "draws", 1) > 1:
        yield f"Trained on the bound of {options.draws} draws, which lies between the ELBO and log p(x)."
    if getattr(options, "condition", "label") != "label":
        yield f"Only the missing pixels count; given: {options.condition}."


def about_activity(active: int, Z: int) -> str:
    """How many latents are active, by Burda's criterion."""
    return (
        f"{active} of {Z} latents are active: the variance of μ over the images is above {ACTIVE} (Burda et al. 2016)."
    )


def about_likelihood(estimate: Estimate, draws: int) -> Iterator[str]:
    """How reliable the estimate is."""
    yield "A lower bound, in expectation, that rises to log p(x) as K grows."
    yield (
        "Difference: what K draws gain over one. In expectation it is at most KL(q(z|x) ‖ p(z|x)), and reaches it only "
        "where many draws are effective."
    )
    median, least = np.median(estimate.effective_draws), estimate.effective_draws.min()
    yield f"Effective draws, of {draws:,}: {median:.0f} for the median image, {least:.1f} for the worst."


def about_bits(bits: float | None) -> Iterator[str]:
    """-log p(x) in the unit of papers on images, where there is one."""
    if bits is not None:
        yield f"−log p(x): {bits:.3f} bits per dimension, over the pixels of 256 levels."


def about_codes(model: Model) -> str:
    """Why there is neither KL nor log p(x)."""
    kind = "map of codes" if model.traits.codes else "code"
    return f"−log p(x|z) for the {kind} of x. It is one point, not a q(z|x): there is no KL, and log p(x) is left out."


def about_codebook(used: int, K: int, perplexity: float, places: int) -> Iterator[str]:
    """How the codebook is used, and how many nats a map of codes takes."""
    yield f"{used} of {K} entries occur in the codes of the test images."
    yield f"Perplexity {perplexity:.1f}: as varied as {perplexity:.1f} entries that occur equally often."
    uniform, frequencies = places * math.log(K), places * math.log(perplexity)
    yield (
        f"A map of {places} codes takes {uniform:.1f} nats under a uniform prior, and {frequencies:.1f} under the "
        "frequencies of the entries."
    )


def codebook_warning(used: int, K: int) -> str | None:
    """A sentence where most entries never occur; None elsewhere."""
    if used >= K / 2:
        return None
    return f"{K - used} of {K} codebook entries never occur: try a smaller codebook or a learning-rate warm-up."


def about_factors(truth: GroundTruth | None, kept: Bool[np.ndarray, " Z"]) -> Iterator[str]:
    """What the scores were measured on."""
    yield f"Codes: μ of the {int(kept.sum())} active latents of {len(kept)}."
    yield f"Scores: 1 for a perfect code; mean and standard deviation (±) over {REPEATS} seeds of the metrics."
    yield "Best latent, second best: mutual information with the factor, as a share of the factor's entropy."
    if truth is None:
        yield "The first two metrics need new images of chosen factors, which cannot be drawn for images from a file."
        return
    if truth.given:
        yield f"Left out: {', '.join(truth.given)}, which the model is given."
    if truth.note is not None:
        yield truth.note
