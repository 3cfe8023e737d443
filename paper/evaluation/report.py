"""The report of an evaluation: each section measures one thing, prints it, and returns its numbers for evaluation.json.

Its tables stand in `paper/evaluation/tables.py`, the sentences that explain the numbers in `sentences.py` beside it.
"""

import contextlib
import dataclasses
import math
import textwrap
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from matplotlib.figure import Figure
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from figures.rate_distortion import Point, rate_distortion_curve
from foundation.console import print_table, say
from foundation.data.splits import Data
from foundation.errors import InputError
from foundation.latents import kl_by_latent
from foundation.rung import encode_all
from paper.evaluation.annealing import bracket, simulate
from paper.evaluation.bound import bits_per_dimension, elbo_parts, is_binary, reconstruction
from paper.evaluation.disentanglement import (
    REPEATS,
    disentanglement,
    images_needed,
    mean_scores,
    scores_of_images,
)
from paper.evaluation.ground_truth import ground_truth_of, representation_of
from paper.evaluation.importance import importance_sample, repeat
from paper.evaluation.latents import (
    active_latents,
    active_units,
    batches,
    collapse_warning,
    posteriors,
    variance_of_mu,
)
from paper.evaluation.options import EvaluateOptions
from paper.evaluation.rate_distortion import rate_distortion
from paper.evaluation.sentences import (
    ABOUT_DRAWN_KL,
    ABOUT_STEPS,
    about_activity,
    about_annealing,
    about_bits,
    about_bound,
    about_classes,
    about_codebook,
    about_codes,
    about_curve,
    about_diffusion,
    about_factors,
    about_lengths,
    about_likelihood,
    annealing_warning,
    codebook_warning,
)
from paper.evaluation.tables import (
    AnnealedRow,
    BoundRow,
    ClassRow,
    CodeRow,
    LengthRow,
    PriorRow,
    StepRow,
    annealed_table,
    bound_table,
    class_table,
    code_table,
    curve_rows,
    curve_table,
    gap_table,
    latent_table,
    length_table,
    likelihood_table,
    prior_table,
    score_table,
    step_table,
    steps_by_range,
)
from paper.models.base import Images, Labels, Model
from paper.models.vq_vae import perplexity

Results = dict[str, Any]
Estimates = dict[str, Float[np.ndarray, " N"]]
"""log p(x) of some images, by the name of the estimate"""
LN_2 = math.log(2)
CLASSIFIED = 128
"""Images at a time where each is decoded under every class."""
POINT_DRAWS = 64
"""Draws of z for each image, over which the encoder's distortion is a mean"""
DRAWN = "black or white, drawn"
"""The name of test images whose grey pixels were binarised for the likelihood."""


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

    def some(self, count: int) -> tuple[Images, Labels]:
        """Evenly spread ones of the images that the likelihood is measured on, and their labels; 0 takes all.

        Not the first ones, which differ from the rest: a folder is sorted by class, and the first half of MNIST's test
        images is written more neatly.
        """
        N = len(self.images)
        count = min(count or N, N)
        chosen = torch.arange(count, device=self.images.device) * N // count
        return self.images[chosen], self.data.test.labels[chosen]

    def which(self, count: int) -> str:
        """How many of the test images these are, in words."""
        N = len(self.images)
        return f"all {N:,} test images" if count == N else f"{count:,} of {N:,} test images, evenly spread"

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
    if evaluation.model.traits.diffusion:
        yield diffusion(evaluation)
        yield latents(evaluation)
    elif evaluation.model.traits.posterior:
        yield bound(evaluation)
        if evaluation.model.traits.classifier:
            yield classes(evaluation)
        yield latents(evaluation)
        if evaluation.options.draws:
            yield likelihood(evaluation)
        if evaluation.options.annealing:
            yield annealing(evaluation)
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


@torch.no_grad()
def classes(evaluation: Evaluation) -> Results:
    """How well q(y|x) tells the class of all test images, and the bound on log p(x) where the class is not given."""
    model: Any = evaluation.model
    labels, rows = evaluation.data.test.labels, []
    for kind, images in evaluation.kinds().items():
        generator, found = evaluation.generator(), []
        for x, y in zip(images.split(CLASSIFIED), labels.split(CLASSIFIED), strict=True):
            eps = torch.randn(model.noise_shape(len(x)), generator=generator, device=x.device, dtype=x.dtype)
            run = model(x, eps)
            parts = model.bound(run, x)
            right = (run.log_q.argmax(1) == y).to(x.dtype)
            surprise = -run.log_q.gather(1, y[:, None])[:, 0]
            found.append(torch.stack([right, surprise, parts.reconstruction, parts.kl_of_y, parts.kl_of_z.sum(1)]))
        each = torch.cat(found, dim=1).cpu().double().numpy()
        total = each[2:].sum(axis=0)
        check_finite(total)
        right, surprise, loss, kl_of_y, kl_of_z = each.mean(axis=1).tolist()
        errors = standard_error(each[0]), standard_error(total)
        whole = float(total.mean())
        rows.append(ClassRow(kind, right, errors[0], surprise, loss, kl_of_y, kl_of_z, whole, errors[1]))
    heading = f"q(y|x) and the bound without labels: {len(labels):,} test images, nats per image"
    evaluation.show(heading, class_table(rows), *about_classes(model))
    return {"classes": rows}


@torch.no_grad()
def diffusion(evaluation: Evaluation) -> Results:
    """The negative ELBO under a diffusion and under N(0, I), with the same z, and the diffusion's loss by the step."""
    model: Any = evaluation.model
    test, T, Z = evaluation.data.test, model.options.steps, model.options.latent_dim
    rows: list[PriorRow] = []
    losses: list[StepRow] = []
    for kind, images in evaluation.kinds().items():
        generator, found = evaluation.generator(), []
        with evaluation.bar("reversing the diffusion", len(images)) as advance:
            for x, _ in batches(model, images, test.labels):
                eps = torch.randn(T + 1, len(x), Z, generator=generator, device=x.device, dtype=x.dtype)
                found.append(model.bound(x, eps))
                advance(len(x))
        given, learned, standard, errors, unlearned = (
            torch.cat(values).cpu().double().numpy() for values in zip(*found, strict=True)
        )
        for prior, kl in {"N(0, I)": standard, "diffusion": learned}.items():
            check_finite(given + kl)
            means = float(given.mean()), float(kl.mean()), float((given + kl).mean())
            bits = bits_per_dimension(model, means[2])
            rows.append(PriorRow(kind, prior, *means, standard_error(given + kl), bits))
        losses = losses or steps_by_range(errors.mean(axis=0), unlearned.mean(axis=0))
    heading = f"Negative ELBO under two priors: {len(test):,} test images, nats per image"
    evaluation.show(heading, prior_table(rows), *about_diffusion(model, rows[0].pixels, evaluation.drawn))
    evaluation.show("Loss of the diffusion, by the step t", step_table(losses), ABOUT_STEPS)
    return {"elbo": rows, "loss_by_step": losses}


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
    options, model = evaluation.options, evaluation.model
    images, labels = evaluation.some(options.images)
    count, c = len(images), model.condition(images, labels)
    with evaluation.bar("drawing z", len(images) * options.draws) as advance:
        estimate = importance_sample(model, images, c, options.draws, evaluation.generator(), on_draws=advance)
    bits = bits_per_dimension(model, -float(estimate.log_p.mean()))
    heading = f"log p(x) by importance sampling: {evaluation.which(count)}, K = {options.draws:,} draws for each"
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


def annealing(evaluation: Evaluation) -> Results:
    """log p(x) by annealing, on test images and on images that the model draws, and the rate-distortion curve."""
    options, model, T = evaluation.options, evaluation.model, evaluation.options.annealing
    images, labels = evaluation.some(options.annealed_images)
    c, count, generator = model.condition(images, labels), len(images), evaluation.generator()
    drawn, eps = simulate(model, count, c, generator)
    with evaluation.bar("annealing", 5 * (T - 1)) as advance:
        curve = rate_distortion(model, images, c, T, generator, options.chains, on_step=advance)
        between = bracket(model, drawn, eps, c, T, generator, options.chains, on_step=advance)
    check_finite(np.concatenate([curve.log_p, between.lower, between.upper]))
    samples: tuple[Estimates, Estimates] = {}, {}
    if options.draws:
        for part, x in zip(samples, (images, drawn), strict=True):
            part["importance_sampling"] = importance_sample(model, x, c, options.draws, generator).log_p
    on_test = samples[0] | {"lower": curve.log_p}
    on_drawn = samples[1] | {"lower": between.lower, "upper": between.upper}
    rows = [*annealed_rows("test images", on_test), *annealed_rows("drawn by the model", on_drawn)]
    encoder = encoder_point(evaluation, images, labels)
    gap = encoder.sum(axis=0) + curve.log_p  # −ELBO of q(z|x), less that of the annealing's end
    points = curve_rows(curve, encoder)
    share = float(np.nanmean([curve.accepted, between.accepted])) if T > 1 else None
    heading = f"log p(x) by annealing: {evaluation.which(count)}, and {count:,} that the model draws"
    evaluation.show(heading, annealed_table(rows), *about_annealing(T, options.chains, share, options.draws))
    of_gap = float(gap.mean()), standard_error(gap)
    evaluation.show("Rate and distortion, nats per image", curve_table(points), *about_curve(*of_gap))
    evaluation.warn(annealing_warning(between.width, *of_gap))
    return {
        "annealing": {
            "temperatures": T,
            "chains": options.chains,
            "images": count,
            "draws": options.draws,
            "accepted": share,
            "bounds": rows,
            "rate_distortion": {
                "betas": curve.betas,
                "rate": curve.rate.mean(0),
                "distortion": curve.distortion.mean(0),
            },
            "encoder": {"rate": encoder[0].mean(), "distortion": encoder[1].mean()},
            "gap": {"mean": of_gap[0], "standard_error": of_gap[1]},
        }
    }


def annealed_rows(images: str, values: Estimates) -> Iterator[AnnealedRow]:
    """The estimates of log p(x) on some images, and the differences of each from the one before, image by image."""
    before = None
    for name, value in values.items():
        yield AnnealedRow(images, name, float(value.mean()), standard_error(value))
        if before is not None:
            difference = value - values[before]
            yield AnnealedRow(images, f"{name} − {before}", float(difference.mean()), standard_error(difference))
        before = name


@torch.no_grad()
def encoder_point(evaluation: Evaluation, images: Images, labels: Labels) -> Float[np.ndarray, "2 N"]:
    """The rate and the distortion of the encoder's q(z|x) for each image, means over draws of z."""
    many = repeat(images, POINT_DRAWS), repeat(labels, POINT_DRAWS)
    parts = elbo_parts(evaluation.model, *many, evaluation.generator())
    return np.stack([parts.kl.sum(axis=1), parts.reconstruction]).reshape(2, len(images), POINT_DRAWS).mean(axis=2)


def rate_distortion_picture(found: Results) -> Figure:
    """The curve of `annealing`, as a figure."""
    about = f"Mean over {found['images']:,} test images, by annealing with {found['temperatures']:,} temperatures."
    return rate_distortion_curve(**found["rate_distortion"], encoder=Point(**found["encoder"]), about=about)


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
    truth = ground_truth_of(data, given_label=model.traits.condition == "label")
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
