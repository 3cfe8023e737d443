"""The sections of an evaluation: each measures one thing, prints it, and returns its numbers for evaluation.json."""

import contextlib
import dataclasses
import textwrap
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from torch import nn

from foundation.console import say
from paper.data import Data
from paper.evaluation import sentences, tables
from paper.evaluation.activity import active_units, collapse_warning, kl_by_latent, variance_of_mu
from paper.evaluation.disentanglement import Scores, disentanglement, images_needed, mutual_information_gap
from paper.evaluation.elbo import elbo_parts, has_posterior, is_binary, reconstruction
from paper.evaluation.encoding import active_latents, code_of, encode_all
from paper.evaluation.ground_truth import world_of
from paper.evaluation.importance import importance_sample
from paper.models.networks import Images
from paper.models.vq_vae import perplexity
from paper.options import EvaluateOptions

Results = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Subject:
    """What is measured, how, and where the findings go."""

    model: nn.Module
    data: Data
    images: Images
    """The test images that the likelihood is asked of: grey pixels may have been drawn black or white."""
    options: EvaluateOptions
    console: Console
    warnings: list[str] = dataclasses.field(default_factory=list)

    @property
    def drawn(self) -> bool:
        """Whether those are other images than the test images as they are."""
        return self.images is not self.data.test.images

    def generator(self) -> torch.Generator:
        """Chance on the images' device, the same at the start of every section."""
        return torch.Generator(self.images.device).manual_seed(self.options.seed)

    def show(self, heading: str, *parts: Table | str) -> None:
        """Print a section: its tables, and its sentences in lines that fit."""
        say(self.console, f"\n{heading}", "bold")
        for part in parts:
            if isinstance(part, Table):
                self.console.print(part)
                self.console.print()
                continue
            for line in textwrap.wrap(part, min(self.console.width, 100) - 2):
                say(self.console, f"  {line}")

    @contextlib.contextmanager
    def bar(self, what: str, total: int) -> Iterator[Callable[[int], None]]:
        """Yields a function to tell how much of `total` is done since its last call; a file sees nothing of it."""
        columns = [TextColumn("  {task.description}"), BarColumn(), TimeRemainingColumn()]
        with Progress(*columns, console=self.console, transient=True, disable=not self.console.is_terminal) as progress:
            task = progress.add_task(what, total=total)
            yield lambda done: progress.advance(task, done)


def sections(subject: Subject) -> Iterator[Results]:
    """Everything that can be measured of the model, section by section."""
    if has_posterior(subject.model):
        yield bound(subject)
        yield latents(subject)
        if subject.options.draws:
            yield likelihood(subject)
    else:
        yield codes(subject)
    if subject.data.factors and hasattr(subject.model.options, "latent_dim"):
        yield factors(subject)


def bound(subject: Subject) -> Results:
    """The negative ELBO and its parts over all test images, with z drawn and with z = mu."""
    test, grey, rows = subject.data.test, sentences.pixels(is_binary(subject.data.test.images)), []
    kinds = {grey: test.images} | ({"black or white, drawn": subject.images} if subject.drawn else {})
    for pixels, images in kinds.items():
        for z, generator in {"sampled": subject.generator(), "mu": None}.items():
            parts = elbo_parts(subject.model, images, test.labels, generator)
            means = (parts.reconstruction.mean(), parts.kl.sum(axis=1).mean(), -parts.elbo.mean())
            rows.append(tables.BoundRow(pixels, z, *map(float, means), standard_error(parts.elbo)))
    heading = f"Negative ELBO and its parts: {len(test):,} test images, nats per image"
    subject.show(
        heading, tables.bound_table(rows), *sentences.about_bound(subject.model, rows[0].pixels, subject.drawn)
    )
    return {"elbo": rows}


def latents(subject: Subject) -> Results:
    """What every latent carries over all test images, and which are in use."""
    mu, logvar = encode_all(subject.model, subject.data.test.images, subject.data.test.labels)
    kl, variance = kl_by_latent(mu, logvar), variance_of_mu(mu)
    active = active_units(mu)
    subject.show("Latents by what they carry", tables.latent_table(kl, variance), sentences.activity(active, len(kl)))
    subject.warnings.extend(filter(None, [collapse_warning(kl)]))
    return {"latents": {"kl": kl, "variance_of_mu": variance, "active_units": active}}


def likelihood(subject: Subject) -> Results:
    """log p(x) by importance sampling."""
    options, model, N = subject.options, subject.model, len(subject.images)
    count = min(options.images or N, N)
    # Spread, since the first are not like the rest: the files of a folder go by class, MNIST's by how neat they are.
    chosen = torch.arange(count, device=subject.images.device) * N // count
    images = subject.images[chosen]
    c = model.condition(images, subject.data.test.labels[chosen])
    with subject.bar("drawing z", len(images) * options.draws) as advance:
        estimate = importance_sample(model, images, c, options.draws, subject.generator(), on_draws=advance)
    which = f"all {N:,} test images" if count == N else f"{count:,} of {N:,} test images, evenly spread"
    heading = f"log p(x) by importance sampling: {which}, K = {options.draws:,} draws for each"
    lines = sentences.about_likelihood(estimate, options.draws)
    subject.show(heading, tables.likelihood_table(estimate, c is not None), *lines)
    subject.warnings.extend(filter(None, [estimate.warning()]))
    return {
        "log_likelihood": {
            "mean": estimate.log_p.mean(),
            "standard_error": estimate.standard_error,
            "elbo_of_same_draws": estimate.elbo.mean(),
            "effective_draws": {"median": np.median(estimate.effective_draws), "least": estimate.effective_draws.min()},
            "draws": options.draws,
            "images": count,
            "pixels": "black or white, drawn" if subject.drawn else sentences.pixels(is_binary(images)),
        }
    }


def codes(subject: Subject) -> Results:
    """Reconstruction of a model without q(z|x); of a VQ-VAE the use of its codebook as well."""
    model, test = subject.model, subject.data.test
    losses = reconstruction(model, test.images, test.labels)
    row = tables.CodeRow(sentences.pixels(is_binary(test.images)), float(losses.mean()), standard_error(losses))
    heading = f"Reconstruction: {len(test):,} test images, nats per image"
    subject.show(heading, tables.code_table(row), sentences.about_codes(model))
    found: Results = {"reconstruction": row}
    if hasattr(model, "codebook"):
        with torch.no_grad():
            used = torch.cat([model.codes(x) for x in test.images.split(512)])
        K, entries, places = model.options.codes, len(used.unique()), used[0].numel()
        spread = float(perplexity(used, K))
        subject.show("Codebook", *sentences.about_codebook(entries, K, spread, places))
        subject.warnings.extend(filter(None, [sentences.codebook_warning(entries, K)]))
        found["codebook"] = {"entries": K, "used": entries, "perplexity": spread, "places": places}
    return found


def factors(subject: Subject) -> Results:
    """The three scores of disentanglement; MIG alone where images of chosen factors cannot be drawn."""
    model, data, seed = subject.model, subject.data, subject.options.seed
    world = world_of(data, given_label=getattr(model.options, "condition", None) == "label")
    kept = active_latents(model, data)
    if world is None:
        mu, _ = encode_all(model, data.test.images, data.test.labels)
        scores = Scores(None, None, *mutual_information_gap(mu[:, kept], data.factors))
    else:
        with subject.bar("drawing images of known factors", images_needed(world)) as advance:
            scores = disentanglement(world, code_of(model, data, world, kept, seed, advance), seed)
    tables_ = tables.score_table(scores, len(scores.gaps)), tables.gap_table(scores)
    subject.show("Disentanglement", *tables_, *sentences.about_factors(scores, world, kept))
    return {"disentanglement": scores._asdict() | {"active_latents": np.flatnonzero(kept)}}


def standard_error(values: np.ndarray) -> float | None:
    """Of the mean over images; None for a single image."""
    return float(values.std(ddof=1) / len(values) ** 0.5) if len(values) > 1 else None
