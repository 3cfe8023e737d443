"""How well does a model predict pixels that it is not given?

After Sohn et al. (2015): binarised images; a part is given, the rest is predicted.
Varied: the part, and the model: a CVAE, which draws the rest; a regression network, which predicts the probability of
every pixel independently; and the frequencies of the pixels, which ignore the given part.
Measured on the missing pixels of test images, in nats: −log p(missing|given). For the CVAE it is estimated from S draws
of z from the prior (Monte Carlo) and from q(z|x, c) (importance sampling); in expectation both estimates are too high.
Also measured: the best of S draws, chosen with the true pixels in hand, as for a user who picks one of several
suggestions.
"""

import dataclasses
import math
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from figures.galleries import HIDDEN
from figures.lines import Line, Panel, line_panels
from foundation.options import DataOptions
from paper.evaluation.importance import log_likelihood
from paper.experiments.baseline import fit_baseline, perceptron
from paper.experiments.experiment import Experiment, Settings, image_rows
from paper.experiments.tables import Column, cell, over_images
from paper.models.cvae import CompletionVAE
from paper.models.options import Condition, ConditionalVAEOptions


@dataclasses.dataclass(frozen=True, kw_only=True)
class Completion(Settings):
    """The given parts, the networks, and the draws."""

    parts: tuple[Condition, ...] = ("lower-left", "left")
    latent_dim: int = 20
    hidden_dim: int = 400
    """Width of every hidden layer, in both models."""
    draws: int = 100
    """S, draws for each image."""
    measured: int = 1000
    """Test images that are measured, drawn at random."""


DATA = DataOptions(binarise="static")
FULL = Completion(epochs=10, parts=("lower-left", "left", "top"))
QUICK = Completion(train_images=5000, epochs=15, measured=200)
TABLES = {
    "Missing pixels, nats per image": (
        Column("part", "given"),
        Column("frequencies", "frequencies"),
        Column("regression", "regression"),
        Column("monte_carlo", "CVAE, Monte Carlo"),
        Column("importance", "CVAE, importance"),
        Column("one_draw", "one draw"),
        Column("best_draw", "best of all draws"),
    )
}


def run(experiment: Experiment, settings: Completion) -> None:
    """Trains both models for every given part, and measures them on the same images."""
    measured = experiment.some(experiment.data.test, settings.measured)
    x = measured.images
    curves: dict[str, dict[str, Line]] = {}
    for name in settings.parts:
        options = ConditionalVAEOptions(
            network="mlp", hidden_dims=(settings.hidden_dim,), condition=name, latent_dim=settings.latent_dim
        )
        model = cast(CompletionVAE, experiment.fit(f"CVAE, given {name}", options, epochs=settings.epochs))
        network = fit_regression(experiment, f"regression, given {name}", model, settings)
        c = model.condition(x)
        log_p = draw_log_p(model, x, c, settings.draws, experiment.generator(1))
        importance, _ = log_likelihood(model, x, c, settings.draws, experiment.generator(2))
        nats = {
            "frequencies": -model.log_prob(frequencies(experiment).expand_as(x), x),
            "regression": -model.log_prob(network(c).unflatten(1, x.shape[1:]), x),
            "monte_carlo": math.log(settings.draws) - log_p.logsumexp(1),
            "importance": -torch.from_numpy(importance),
            "one_draw": -log_p[:, 0],
            "best_draw": -log_p.amax(1),
        }
        nats["gain"] = nats["regression"].cpu() - nats["importance"]
        missing = int((model.mask() == 0).sum())
        experiment.row(measured, part=name, missing_pixels=missing, **over_images(nats))
        curves[name] = over_draws(log_p, experiment.rows[-1]["regression"])
        draw_completions(experiment, model, network, name)
    report(experiment)
    draw_curves(experiment, curves)


def fit_regression(experiment: Experiment, name: str, model: CompletionVAE, settings: Completion) -> nn.Module:
    """A regression from the given pixels to the logits of all, with as many and as wide hidden layers as the CVAE."""
    x = experiment.data.train.images
    network = perceptron(2 * x[0].numel(), [settings.hidden_dim] * 2, x[0].numel())

    def loss(network: nn.Module, chosen: Tensor, generator: torch.Generator) -> Tensor:
        some = x[chosen]
        return -model.log_prob(network(model.condition(some)).unflatten(1, some.shape[1:]), some).mean()

    steps = settings.epochs * math.ceil(len(x) / 128)
    return fit_baseline(experiment, name, network, loss, len(x), steps=steps)


def frequencies(experiment: Experiment) -> Tensor:
    """Logits (1, C, H, W) of each pixel's frequency of white in the training images, with add-one smoothing."""
    white = experiment.data.train.images.sum(0, keepdim=True)
    return torch.logit((white + 1) / (len(experiment.data.train) + 2))


@torch.no_grad()
def draw_log_p(
    model: CompletionVAE, x: Tensor, c: Tensor, draws: int, generator: torch.Generator
) -> Float[Tensor, "N S"]:
    """log p(missing|z, c) of every image under each of S draws of z from the prior, the same draws for all images."""
    found = []
    for _ in range(draws):
        z = torch.randn(model.noise_shape(len(x)), generator=generator, device=x.device)
        found.append(model.log_prob(model.decode(z, c), x))
    return torch.stack(found, dim=1).cpu().double()


def over_draws(log_p: Float[Tensor, "N S"], regression: float) -> dict[str, Line]:
    """From the first S draws, for several S, the estimate of −log p and the best draw; and the regression's level."""
    counts = [count for count in (1, 2, 5, 10, 20, 50, 100) if count <= log_p.shape[1]]
    estimate = [(math.log(count) - log_p[:, :count].logsumexp(1)).mean().item() for count in counts]
    best = [-log_p[:, :count].amax(1).mean().item() for count in counts]
    level = Line((counts[0], counts[-1]), (regression, regression))
    return {"regression": level, "CVAE, −log p": Line(counts, estimate), "CVAE, best draw": Line(counts, best)}


def report(experiment: Experiment) -> None:
    """States the CVAE's gain over the regression."""
    experiment.find(**{f"gain_{row['part'].replace('-', '_')}": row["gain"] for row in experiment.rows})
    said = ", ".join(f"{cell(row, 'gain', 1)} given {row['part']}" for row in experiment.rows)
    experiment.answer(f"Nats by which the CVAE's −log p(missing|given) is below the regression's: {said}.")


def draw_curves(experiment: Experiment, curves: dict[str, dict[str, Line]]) -> None:
    """Draws nats over the number of draws."""
    panels = [Panel(f"Given {part} (nats per image)", "draws S", lines, log_x=True) for part, lines in curves.items()]
    experiment.draw("draws", line_panels(
        panels, "One prediction, or several draws", "Missing pixels of test images. Look for how many draws it takes "
        "until the best one is better than the regression, which gives one prediction."))  # fmt: skip


def draw_completions(experiment: Experiment, model: CompletionVAE, network: nn.Module, part: str) -> None:
    """Draws test images, their given parts, and the completions by both models."""
    x, generator = experiment.one_of_each(10).images, experiment.generator(3)
    c = model.condition(x)
    given = model.mask() > 0
    rows = {"test image": x, "given": torch.where(given, x, torch.full_like(x, HIDDEN))}
    rows["regression"] = torch.where(given, x, torch.sigmoid(network(c).unflatten(1, x.shape[1:])))
    for i in range(1, 5):
        z = torch.randn(model.noise_shape(len(x)), generator=generator, device=x.device)
        rows[f"CVAE, draw {i}"] = model.sample(z, c)
    experiment.draw(f"completions-{part}", image_rows(
        f"Completions, given {part}", "Below the given parts: expected images, of the CVAE for one draw of z in each "
        "row, of the regression over all possibilities. Look where two digits are possible: the regression mixes them, "
        "the CVAE draws one or the other.", rows, apart=(2, 3)))  # fmt: skip
