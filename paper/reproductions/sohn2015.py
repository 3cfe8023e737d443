"""Sohn, Lee & Yan (2015), section 5.1: -log p of MNIST's missing quadrants, CVAE against a network without latents.

One, two or three quadrants are given: the lower left, the left half, all but the lower right. Varied: the part, and the
model. Held fixed: widths, batches, step size, epochs. The values to compare with are those of Pyro's tutorial, whose
table has for the CVAE the mean over draws of log p(x, z|c) - log q(z|x, c), which is the ELBO; here stands the same
quantity, and beside it log p(missing|given) by importance sampling.

Known differences. Pyro's pixels are grey, ours black or white: drawn anew for every batch of training, and once for the
test. Cross-entropy is linear in the pixel that is predicted, so that both are in the same nats, but a pixel that is
drawn can be predicted less well than a grey one. Pyro feeds its prior with the other network's prediction, and stops
early by the test images; here the prior is given the part alone, and nothing stops early.
"""

import dataclasses
import math
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from foundation.console import step_display
from foundation.options import DataOptions
from foundation.runs import Run
from paper.evaluation.importance import importance_sample
from paper.experiments.baseline import fit_baseline, perceptron
from paper.experiments.tables import Column
from paper.models.cvae import CompletionVAE
from paper.models.options import Condition, ConditionalVAEOptions
from paper.reproductions.budget import Plan, Protocol, Work, fit_budget, full_plan, seconds_per_epoch
from paper.reproductions.published import SOHN_CVAE, SOHN_NETWORK, Published
from paper.reproductions.reproduction import (
    Reproduction,
    Settings,
    Timer,
    compared,
    over_repetitions,
    paired,
    plan_sentence,
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sohn(Settings):
    """The parts, the networks and the draws."""

    parts: tuple[Condition, ...] = ("lower-left", "left", "all-but-lower-right")
    """Of one, two and three quadrants; see `QUADRANTS`"""
    latent_dim: int = 200
    hidden_dims: tuple[int, ...] = (500, 500)
    batch_size: int = 128
    draws: int = 100
    """Draws of z for each test image"""


QUADRANTS = {"lower-left": 1, "left": 2, "all-but-lower-right": 3}
"""How many quadrants a part has."""
PAPER = "Completion as in section 5.1 of Sohn et al. (2015), the missing pixels, nats per image"
DATA = DataOptions(name="mnist", binarise="dynamic")
FULL = Sohn(epochs=50, seeds=3)
QUICK_DATA = DataOptions(name="glyphs", binarise="dynamic")
QUICK = Sohn(
    parts=("lower-left",), latent_dim=8, hidden_dims=(32, 32), train_images=1000, test_images=200, epochs=3, seeds=2,
    draws=20,
)  # fmt: skip
TABLE = (
    Column("given", "quadrants given", 0),
    Column("model", "model"),
    Column("published", "Pyro"),
    Column("here", "here"),
    Column("difference", "difference"),
    Column("importance", "−log p, importance sampling"),
    Column("epochs", "epochs", 0),
    Column("seconds", "seconds", 0),
)
PLAIN, CVAE = "network without latents", "CVAE, −ELBO"


def sources(settings: Sohn) -> dict[str, list[Published]]:
    """The published numbers that the table quotes."""
    return {PLAIN: list(SOHN_NETWORK.values()), CVAE: list(SOHN_CVAE.values())}


def tables(settings: Sohn, plan: Plan) -> dict[str, tuple[Column, ...]]:
    """The table's columns by its title."""
    return {f"{PAPER}; {plan_sentence(plan)}; S = {settings.draws:,} draws": TABLE}


def options_of(settings: Sohn, part: Condition) -> ConditionalVAEOptions:
    """The CVAE of a part, with p(z|part) learned, as the paper has it."""
    return ConditionalVAEOptions(
        network="mlp", hidden_dims=settings.hidden_dims, latent_dim=settings.latent_dim, condition=part,
        prior="learned",
    )  # fmt: skip


def plan(reproduction: Reproduction, settings: Sohn, budget: float | None) -> Plan:
    """All epochs and test images, or as many as fit into a budget."""
    protocol = Protocol(epochs=settings.epochs, least_epochs=1, images=len(reproduction.data.test))
    if budget is None:
        return full_plan(protocol, reproduction.quick)
    training, model = reproduction.begin(options_of(settings, settings.parts[0]), epochs=1000, **choices(settings))
    epoch = seconds_per_epoch(training)
    some, probed = reproduction.data.test.images[:20], 20  # images, and steps: enough to time
    timer = Timer()
    importance_sample(model.eval(), some, model.condition(some), settings.draws, reproduction.generator(2))
    image = timer.seconds() / len(some)
    timer = Timer()
    fit_network(reproduction, "timing the network", cast(CompletionVAE, model), settings, steps=probed, seed=0)
    epoch += timer.seconds() / probed * math.ceil(len(reproduction.data.train) / settings.batch_size)
    return fit_budget([Work(epoch=epoch, image=image, count=len(settings.parts) * settings.seeds)], protocol, budget)


def choices(settings: Sohn) -> dict[str, Any]:
    """What the CVAEs are trained with."""
    return {"batch_size": settings.batch_size, "binarise": "dynamic"}


def run(reproduction: Reproduction, settings: Sohn, plan: Plan) -> None:
    """Trains both models for every part and seed, and measures them on the same images."""
    images = reproduction.some(reproduction.data.test, plan.images)
    for part in settings.parts:
        found = [measured(reproduction, settings, plan, part, i, images.images) for i in range(settings.seeds)]
        network, elbo, importance = ([np.array(one[key]) for one in found] for key in ("network", "elbo", "importance"))
        shared = {"given": QUADRANTS[part], "epochs": plan.epochs}
        published = reproduction.published(SOHN_NETWORK[QUADRANTS[part]])
        published_cvae = reproduction.published(SOHN_CVAE[QUADRANTS[part]])
        reproduction.row(images, **shared, model=PLAIN, **compared(network, published), seconds=total(found, "network"))
        mean = compared(importance, None)
        reproduction.row(
            images, **shared, model=CVAE, **compared(elbo, published_cvae),
            **{name.replace("here", "importance"): value for name, value in mean.items()},
            seconds=total(found, "cvae"), measuring_seconds=sum(one["measuring_seconds"] for one in found),
        )  # fmt: skip
        gain, error = paired(network, importance)
        reproduction.find(
            **{f"gain_{QUADRANTS[part]}": gain, f"gain_{QUADRANTS[part]}_error": error},
            **{f"log_p_{QUADRANTS[part]}": over_repetitions(importance)[0]},
        )
        reproduction.answer(
            f"Given {QUADRANTS[part]} of 4 quadrants, −log p of the network minus that of the CVAE is "
            f"{gain:.2f} ± {error:.2f} nats on the same images."
        )
    if not reproduction.quick:
        reproduction.answer("Pyro's values are of grey pixels, ours of pixels drawn black or white.")


def total(found: list[dict[str, Any]], model: str) -> float:
    """Seconds of training over the repetitions."""
    return sum(one[f"{model}_seconds"] for one in found)


def measured(
    reproduction: Reproduction, settings: Sohn, plan: Plan, part: Condition, seed: int, images: Tensor
) -> dict[str, Any]:
    """What one training of both models gives, in nats of each image."""
    name, label = f"{part}-{seed}", f"given {part}, {seed + 1} of {settings.seeds}"

    def make(folder: Run) -> dict[str, Any]:
        trained, seconds = reproduction.train(
            folder, f"CVAE, {label}", options_of(settings, part), epochs=plan.epochs, seed=seed, **choices(settings)
        )
        model, timer = cast(CompletionVAE, trained), Timer()
        steps = plan.epochs * math.ceil(len(reproduction.data.train) / settings.batch_size)
        network = fit_network(reproduction, f"network, {label}", model, settings, steps=steps, seed=seed)
        network_seconds, timer = timer.seconds(), Timer()
        c = model.condition(images)
        with step_display(reproduction.console, f"   {label}: measuring log p"):
            estimate = importance_sample(model, images, c, settings.draws, reproduction.generator(2))
            with torch.no_grad():
                plain = model.log_prob(network(c).unflatten(1, images.shape[1:]), images)
        return {
            "network": -plain.double().cpu().numpy(),
            "elbo": -estimate.elbo,
            "importance": -estimate.log_p,
            "cvae_seconds": round(seconds, 1),
            "network_seconds": round(network_seconds, 1),
            "measuring_seconds": round(timer.seconds(), 1),
        }

    times = ("cvae_seconds", "network_seconds", "measuring_seconds")
    return reproduction.once(name, make, ("network", "elbo", "importance", *times))


def fit_network(
    reproduction: Reproduction, name: str, model: CompletionVAE, settings: Sohn, *, steps: int, seed: int
) -> nn.Module:
    """A network from the given pixels to the logits of all, its hidden layers as many and as wide as the CVAE's."""
    x = reproduction.data.train.images
    network = perceptron(2 * x[0].numel(), settings.hidden_dims, x[0].numel())

    def loss(network: nn.Module, chosen: Tensor, generator: torch.Generator) -> Tensor:
        some = torch.bernoulli(x[chosen], generator=generator)
        return -model.log_prob(network(model.condition(some)).unflatten(1, some.shape[1:]), some).mean()

    return fit_baseline(
        reproduction, name, network, loss, len(x), steps=steps, seed=seed, batch_size=settings.batch_size
    )
