r"""Why do more draws starve the encoder?

Varied: K, the draws of z in the bound, and the gradient of the encoder: plain, without the score of q (STL, Roeder et
al. 2017), and doubly reparameterised (DReG, Tucker et al. 2019). Held fixed: the network, the data, the batches, and
the number of steps. With K = 1 STL and DReG are one gradient.
Measured twice. On fixed models: the signal-to-noise ratio of the gradient over draws of eps on one batch, of the
encoder's and of the decoder's parameters (Rainforth et al. 2018, arXiv:1802.04537). The first is the paper's example,
whose q(z|x) is near the posterior: there it goes as a root of K. The second is a VAE trained here. After training with
each K and gradient: the bound, -log p(x), KL(q(z|x) || p(z|x)) and the active units.
"""

import copy
import dataclasses
from collections.abc import Sequence
from typing import Any, cast

import torch

from figures.lines import Line, Panel, line_panels
from foundation.options import DataOptions
from paper.evaluation.importance import log_weights
from paper.evaluation.latents import active_units
from paper.experiments.experiment import Experiment, Settings, line_over
from paper.experiments.signal_to_noise import gradient_ratios, near_the_posterior, power
from paper.experiments.tables import Column, cell, over_seeds
from paper.models.base import Images, Model
from paper.models.iwae import IWAE, log_mean_exp
from paper.models.options import IWAEOptions

GRADIENTS = {"plain": "plain", "stl": "STL", "dreg": "DReG"}
"""The names of the gradients, by the option's value."""
WEIGHED = 50
"""Images whose z are weighed at a time."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImportanceWeights(Settings):
    """The draws, the network, and how the ratio is measured."""

    draws: tuple[int, ...] = (1, 5, 50)
    """K in training."""
    latent_dim: int = 20
    hidden_dims: tuple[int, ...] = (100,)
    batch_size: int = 20
    ratio_draws: tuple[int, ...] = (1, 3, 10, 30, 100)
    """K where the signal-to-noise ratio is measured."""
    repeats: int = 500
    """Gradients on the same batch, each with other draws."""
    measured: int = 400
    """Test images that are measured after training, drawn at random."""
    weights: int = 1000
    """Draws of z for each of them; a multiple of every K."""


DATA = DataOptions(binarise="static")
FULL = ImportanceWeights(train_images=5000, epochs=10, seeds=3)
QUICK = ImportanceWeights(train_images=2000, epochs=5, repeats=200, measured=200)
RATIOS = (
    Column("plain", "encoder, plain", 3),
    Column("stl", "encoder, STL", 3),
    Column("dreg", "encoder, DReG", 3),
    Column("decoder", "decoder", 3),
)
MODELS = {"example_draws": "q(z|x) near the posterior", "ratio_draws": "the trained VAE"}
"""The models whose gradients are measured, by the key of K in their rows."""
TABLES = {
    **{f"Signal-to-noise ratio: {name}": (Column(key, "K", 0), *RATIOS) for key, name in MODELS.items()},
    "After training": (
        Column("name", "K, gradient"),
        Column("bound", "−bound, nats"),
        Column("log_p", "−log p(x), nats"),
        Column("gap", "KL(q‖p), nats"),
        Column("effective", "effective draws", 1),
        Column("active_units", "active units", 1),
    ),
}


def run(experiment: Experiment, settings: ImportanceWeights) -> None:
    """Trains with every K and gradient, measures the models, and the gradients of the first one."""
    measured = experiment.some(experiment.data.test, settings.measured)
    first: Model | None = None
    for K in settings.draws:
        for gradient, name in GRADIENTS.items():
            if (K, gradient) == (1, "dreg"):
                continue
            options = IWAEOptions(
                network="mlp", hidden_dims=settings.hidden_dims, latent_dim=settings.latent_dim, draws=K,
                gradient=gradient,  # type: ignore[arg-type]  # a name of a literal
            )  # fmt: skip
            models = experiment.repeat(f"K = {K}, {name}", options, settings, batch_size=settings.batch_size)
            numbers = [examine(experiment, model, measured.images, settings.weights) for model in models]
            experiment.row(measured, name=f"{K}, {name}", draws=K, gradient=name, **over_seeds(numbers))
            first = first or models[0]
    x = experiment.some(experiment.data.train, settings.batch_size).images
    measure_ratios(experiment, "example_draws", *near_the_posterior(experiment.generator(3)), settings)
    measure_ratios(experiment, "ratio_draws", cast(IWAE, first), x, settings)
    report(experiment)
    draw(experiment)


@torch.no_grad()
def examine(experiment: Experiment, model: Model, x: Images, draws: int) -> dict[str, float]:
    """The numbers of one model, all from the same draws of z for each of the images.

    KL(q(z|x) || p(z|x)) is log p(x) - ELBO. Where few draws have most of the weight it is too small: log p(x) is then
    estimated too low. `effective` is (sum w)^2 / sum w^2, a mean over the images.
    """
    generator, K = experiment.generator(1), model.options.draws
    log_w = torch.cat([log_weights(model, some, None, draws, generator) for some in x.split(WEIGHED)]).double()
    log_p, elbo = log_mean_exp(log_w).mean(), log_w.mean()
    effective = torch.exp(2 * log_w.logsumexp(1) - (2 * log_w).logsumexp(1)).mean()
    return {
        "bound": -log_mean_exp(log_w.view(-1, K)).mean().item(),
        "log_p": -log_p.item(),
        "gap": (log_p - elbo).item(),
        "effective": effective.item(),
        "active_units": float(active_units(experiment.mu(model))),
    }


def measure_ratios(experiment: Experiment, key: str, model: IWAE, x: Images, settings: ImportanceWeights) -> None:
    """Records the ratio of a model's gradients on a batch x for every K, which is in the row under `key`."""
    model = copy.deepcopy(model).requires_grad_(True)
    for K in settings.ratio_draws:
        row: dict[str, float] = {key: K}
        for gradient in GRADIENTS:
            model.options = dataclasses.replace(model.options, draws=K, gradient=gradient)
            ratios = gradient_ratios(model, x, settings.repeats, experiment.generator(2))
            row |= {gradient: ratios["encoder"], "decoder": ratios["decoder"]}  # the decoder's is the same for all
        experiment.rows.append(row)
        experiment.run.log(kind="row", **row)


def report(experiment: Experiment) -> None:
    """States the powers of K, the ratios of the trained VAE, and what training with the most draws gives."""
    example, vae = ([row for row in experiment.rows if key in row] for key in MODELS)
    K = [row["example_draws"] for row in example]
    powers = {key: power(K, [row[key] for row in example]) for key in (*GRADIENTS, "decoder")}
    experiment.find(**{f"power_{key}": value for key, value in powers.items()})
    experiment.answer(
        f"Near the posterior the signal-to-noise ratio from K = {K[0]} to K = {K[-1]} goes as K to the power "
        f"{powers['decoder']:.2f} in the decoder; in the encoder, {powers['plain']:.2f} with the plain gradient, "
        f"{powers['stl']:.2f} with STL and {powers['dreg']:.2f} with DReG. In the trained VAE the decoder's goes from "
        f"{cell(vae[0], 'decoder')} to {cell(vae[-1], 'decoder')}; the encoder's from {cell(vae[0], 'plain')} to "
        f"{cell(vae[-1], 'plain')} with the plain gradient, to {cell(vae[-1], 'stl')} with STL and to "
        f"{cell(vae[-1], 'dreg')} with DReG."
    )
    trained = [row for row in experiment.rows if "name" in row]
    most = max(row["draws"] for row in trained)
    plain, dreg = (
        {row["gradient"]: row for row in trained if row["draws"] == most}[name] for name in ("plain", "DReG")
    )
    for key in ("gap", "log_p"):
        experiment.find(**{f"{key}_plain": plain[key], f"{key}_dreg": dreg[key]})
    experiment.answer(
        f"After training with K = {most} KL(q‖p) is {cell(plain, 'gap')} nats with the plain gradient and "
        f"{cell(dreg, 'gap')} with DReG, and −log p(x) is {cell(plain, 'log_p')} and {cell(dreg, 'log_p')} nats."
    )


def draw(experiment: Experiment) -> None:
    """Draws the ratios over K with both powers, and the trained models over K."""
    panels = []
    for key, model in MODELS.items():
        rows = [row for row in experiment.rows if key in row]
        lines = {f"encoder, {name}": line_over(rows, key, gradient) for gradient, name in GRADIENTS.items()}
        lines["decoder"] = line_over(rows, key, "decoder")
        panels.append(
            Panel(f"Signal ÷ noise, {model.removeprefix('q(z|x) ')}", "K", lines, log_x=True, powers=(-0.5, 0.5))
        )
    experiment.draw("ratios", line_panels(
        panels, "Signal and noise of the gradients over K", "The gradient on one batch, over draws of z; both axes "
        "are logarithmic. Dashed: proportional to √K and to 1/√K, from the encoder's plain gradient at K = 1. Look for "
        "that gradient, which does not rise with the decoder's."))  # fmt: skip
    heads = {"gap": "KL(q‖p) (nats per image)", "log_p": "−log p(x) (nats per image)"}
    trained = [row for row in experiment.rows if "name" in row]
    experiment.draw("training", line_panels(
        [Panel(head, "K", over_gradients(trained, key), log_x=True) for key, head in heads.items()],
        "After training with K draws", "Test images. Bars: standard deviation over the seeds. At K = 1 DReG is STL. "
        "Look for the distance of q(z|x) from the posterior, which grows with K, and for the gradients that keep it "
        "smaller."))  # fmt: skip


def over_gradients(rows: Sequence[dict[str, Any]], key: str) -> dict[str, Line]:
    """A line over K for each gradient."""
    return {
        name: line_over([row for row in rows if row["gradient"] == name], "draws", key) for name in GRADIENTS.values()
    }
