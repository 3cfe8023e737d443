"""What can a model say about pixels that it was not shown?

After Sohn et al. (2015): images with pixels drawn black or white; a part is given, the rest is to be said.
Varied: the part, and the model: a CVAE, which draws the rest, against a regression network, which names the probability
of every pixel on its own, and against the pixels' frequencies, for which the given part is nothing.
Measured on the missing pixels of test images, in nats: −log p(missing|given). Of the CVAE it is estimated from S draws
of z from the prior (Monte Carlo) and from q(z|x, c) (importance sampling); both estimates err upwards. And the best of
several draws, chosen by one who knows the answer, as a person does who picks from suggestions.
"""

import dataclasses
import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from figures.conditional import HIDDEN
from figures.lines import Line, Panel, line_panels
from paper.evaluation.importance import log_likelihood
from paper.experiments.baseline import fit_plain, perceptron
from paper.experiments.lab import Lab, Settings
from paper.experiments.pictures import image_rows
from paper.experiments.tables import Column, over_images
from paper.models.cvae import CompletionVAE
from paper.options import ConditionalVAEOptions, DataOptions


@dataclasses.dataclass(frozen=True, kw_only=True)
class Completion(Settings):
    """The given parts, the networks, and the draws."""

    parts: tuple[str, ...] = ("lower-left", "left")
    latent_dim: int = 20
    hidden_dim: int = 400
    """Width of every hidden layer, in both models."""
    draws: int = 100
    """S, for each image."""
    measured: int = 1000
    """Test images that are measured, from the first."""


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


def run(lab: Lab, settings: Completion) -> None:
    """Train both models for every given part, and measure them on the same images."""
    curves, x = {}, lab.data.test.images[: settings.measured]
    for name in settings.parts:
        options = ConditionalVAEOptions(network="mlp", hidden_dims=(settings.hidden_dim,), condition=name,
                                        latent_dim=settings.latent_dim)  # fmt: skip
        model = lab.fit(f"CVAE, given {name}", options, epochs=settings.epochs)
        network = fit_regression(lab, f"regression, given {name}", model, settings)
        c = model.condition(x)
        log_p = draw_log_p(model, x, c, settings.draws, lab.generator(1))
        importance, _ = log_likelihood(model, x, c, settings.draws, lab.generator(2))
        guesses = {
            "frequencies": -model.log_prob(frequencies(lab).expand_as(x), x),
            "regression": -model.log_prob(network(c).unflatten(1, x.shape[1:]), x),
            "monte_carlo": math.log(settings.draws) - log_p.logsumexp(1),
            "importance": -torch.from_numpy(importance),
            "one_draw": -log_p[:, 0],
            "best_draw": -log_p.amax(1),
        }
        lab.row(part=name, missing_pixels=int((model.mask == 0).sum()), **over_images(guesses))
        curves[name] = over_draws(log_p, lab.rows[-1]["regression"])
        draw_completions(lab, model, network, name)
    report(lab)
    draw_curves(lab, curves)


def fit_regression(lab: Lab, name: str, model: CompletionVAE, settings: Completion) -> nn.Module:
    """Logits of all pixels from what is given, by as many and as wide layers as lie between the two in the CVAE."""
    x = lab.data.train.images
    network = perceptron(2 * x[0].numel(), settings.hidden_dim, x[0].numel(), layers=2)

    def loss(network: nn.Module, chosen: Tensor, generator: torch.Generator) -> Tensor:
        some = x[chosen]
        return -model.log_prob(network(model.condition(some)).unflatten(1, some.shape[1:]), some).mean()

    steps = settings.epochs * math.ceil(len(x) / 128)
    return fit_plain(lab, name, network, loss, len(x), steps=steps)


def frequencies(lab: Lab) -> Tensor:
    """Logits (1, C, H, W) of how often each pixel is white in the training images, none quite never or always."""
    white = lab.data.train.images.sum(0, keepdim=True)
    return torch.logit((white + 1) / (len(lab.data.train) + 2))


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
    """What the first draws alone would have said, their estimate of −log p and the best of them; and the regression."""
    counts = [count for count in (1, 2, 5, 10, 20, 50, 100) if count <= log_p.shape[1]]
    estimate = [(math.log(count) - log_p[:, :count].logsumexp(1)).mean().item() for count in counts]
    best = [-log_p[:, :count].amax(1).mean().item() for count in counts]
    level = Line((counts[0], counts[-1]), (regression, regression))
    return {"regression": level, "CVAE, −log p": Line(counts, estimate), "CVAE, best draw": Line(counts, best)}


def report(lab: Lab) -> None:
    """What the rows say."""
    gains = {row["part"]: row["regression"] - row["importance"] for row in lab.rows}
    lab.find(**{f"gain_{part.replace('-', '_')}": gain for part, gain in gains.items()})
    said = ", ".join(f"{gain:.1f} given {part}" for part, gain in gains.items())
    lab.answer(f"Nats by which the CVAE's −log p(missing|given) is below the regression's: {said}.")


def draw_curves(lab: Lab, curves: dict[str, dict[str, Line]]) -> None:
    """Nats over the number of draws."""
    panels = [Panel(f"Given {part} (nats per image)", "draws S", lines, log_x=True) for part, lines in curves.items()]
    lab.draw("draws", line_panels(
        panels, "One answer, or many", "Missing pixels of test images. Look for how many draws it takes until the best "
        "one beats the regression, which can give but one answer."))  # fmt: skip


def draw_completions(lab: Lab, model: CompletionVAE, network: nn.Module, part: str) -> None:
    """Test images, what is given of them, and what both models make of it."""
    x, generator = lab.one_of_each(10).images, lab.generator(3)
    c = model.condition(x)
    given = model.mask > 0
    rows = {"test image": x, "given": torch.where(given, x, torch.full_like(x, HIDDEN))}
    rows["regression"] = torch.where(given, x, torch.sigmoid(network(c).unflatten(1, x.shape[1:])))
    for i in range(1, 5):
        z = torch.randn(model.noise_shape(len(x)), generator=generator, device=x.device)
        rows[f"CVAE, draw {i}"] = model.sample(z, c)
    lab.draw(f"completions-{part}", image_rows(
        f"Completed, given {part}", "The rows below show expected images: from the CVAE for one draw of z a row, from "
        "the regression over all that is possible. Look where two digits are: a mixture from the regression, one or "
        "the other from the CVAE.", rows, apart=(2, 3)))  # fmt: skip
