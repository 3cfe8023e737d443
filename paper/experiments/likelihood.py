"""What does the choice of p(x|z) change?

Varied: the likelihood. Held fixed: everything else; all models are trained on the same grey images.
Measured on the test images, z drawn from q(z|x): the objective of each model, −ELBO with its own p(x|z); −ELBO as a
density, which can be compared; the error of x̂; and the σ that was learned, by gradient steps or as the best one of
each batch. The Bernoulli's −ELBO is not a log-likelihood, since BCE on grey pixels is no density. Its outputs used as
those of a continuous Bernoulli, with the constant that BCE leaves out, give one: the column "as a density" has minus
log-densities on grey pixels for all models, and only these can be compared. They are negative where a model predicts
pixels so closely that their density is above 1: where the background is exactly black, a model gains without limit by
predicting it ever more precisely.
"""

import copy
import dataclasses
import math
from typing import Any, cast

import torch
from torch import Tensor

from foundation.options import DataOptions
from paper.experiments.experiment import Experiment, Settings, image_rows
from paper.experiments.tables import Column, cell, over_seeds
from paper.models.base import Model
from paper.models.likelihoods import Gaussian, make_likelihood
from paper.models.options import VAEOptions


@dataclasses.dataclass(frozen=True, kw_only=True)
class Likelihood(Settings):
    """The network around the likelihood."""

    latent_dim: int = 20
    hidden_dims: tuple[int, ...] = (400,)


DATA = DataOptions()
FULL = Likelihood(epochs=10, seeds=3)
QUICK = Likelihood(train_images=5000, epochs=15)
LIKELIHOODS: dict[str, dict[str, Any]] = {
    "Bernoulli": {"likelihood": "bernoulli"},
    "continuous Bernoulli": {"likelihood": "continuous-bernoulli"},
    "Gaussian σ = 0.71": {"likelihood": "gaussian", "sigma": math.sqrt(0.5)},
    "Gaussian σ = 0.2": {"likelihood": "gaussian", "sigma": 0.2},
    "Gaussian σ learned": {"likelihood": "gaussian-learned", "sigma": 0.1},
    "Gaussian σ optimal": {"likelihood": "gaussian-optimal"},
}
"""σ² = 1/2 makes the Gaussian's loss the squared error and a constant."""
TABLES = {
    "Test images": (
        Column("name", "p(x|z)"),
        Column("loss", "−ELBO, its own, nats", 1),
        Column("density", "−ELBO as a density, nats", 1),
        Column("kl", "KL, nats"),
        Column("rmse", "root mean square of x − x̂", 4),
        Column("sigma", "σ", 4),
    )
}


def run(experiment: Experiment, settings: Likelihood) -> None:
    """Trains with every likelihood and shows x̂ and draws from p(x|z)."""
    shown = experiment.one_of_each(10).images
    rows = {"test image": shown}
    for name, choice in LIKELIHOODS.items():
        options = VAEOptions(network="mlp", hidden_dims=settings.hidden_dims, latent_dim=settings.latent_dim, **choice)
        models = experiment.repeat(name, options, settings)
        numbers = [examine(experiment, model) for model in models]
        experiment.row(name=name, **over_seeds(numbers))
        logits = models[0].decode(models[0].encode(shown)[0])
        rows[f"{name}, x̂"] = models[0].likelihood.mean(logits)
        rows[f"{name}, draw"] = models[0].likelihood.draw(logits, experiment.generator(1)).clamp(0, 1)
    report(experiment)
    draw(experiment, rows)


def examine(experiment: Experiment, model: Model) -> dict[str, float]:
    """The numbers of one model."""
    own, x = experiment.measure(model), experiment.data.test.images
    found = {"loss": own["loss"], "density": experiment.measure(as_density(model))["loss"], "kl": own["kl"]}
    eps = torch.randn(model.noise_shape(len(x)), generator=experiment.generator(2), device=x.device)
    found["rmse"] = (model.likelihood.mean(model(x, eps).logits) - x).square().mean().sqrt().item()
    if model.options.likelihood.startswith("gaussian"):
        found["sigma"] = float(cast(Gaussian, model.likelihood).sigma())
    return found


def as_density(model: Model) -> Model:
    """The model itself; a Bernoulli model as a copy with the likelihood of a continuous Bernoulli."""
    if model.options.likelihood != "bernoulli":
        return model
    density = copy.deepcopy(model)
    density.likelihood = make_likelihood("continuous-bernoulli", 1.0)
    return density


def report(experiment: Experiment) -> None:
    """States the densities and the learned σ."""
    named = {row["name"]: row for row in experiment.rows}
    bce, proper = named["Bernoulli"], named["continuous Bernoulli"]
    learned, best = named["Gaussian σ learned"], named["Gaussian σ optimal"]
    experiment.find(density_bernoulli=bce["density"], density_continuous_bernoulli=proper["density"])
    experiment.find(rmse_bernoulli=bce["rmse"], rmse_continuous_bernoulli=proper["rmse"], rmse_learned=learned["rmse"])
    experiment.find(sigma_learned=learned["sigma"], density_learned=learned["density"])
    experiment.find(sigma_optimal=best["sigma"], density_optimal=best["density"], rmse_optimal=best["rmse"])
    experiment.answer(
        f"As a density of grey pixels, −ELBO is {cell(bce, 'density', 1)} nats with the Bernoulli decoder and "
        f"{cell(proper, 'density', 1)} with the continuous Bernoulli. The learned σ is {cell(learned, 'sigma', 4)}; "
        f"the root mean square of x − x̂ of its model is {cell(learned, 'rmse', 4)}. With the best σ of each batch they "
        f"are {cell(best, 'sigma', 4)} and {cell(best, 'rmse', 4)}."
    )


def draw(experiment: Experiment, rows: dict[str, Tensor]) -> None:
    """Draws x̂ and a draw from p(x|z) for every likelihood."""
    experiment.draw("images", image_rows(
        "The expected image, and a draw", "x̂ is the mean of p(x|z) for z = μ; a draw is an image of the model's "
        "distribution. Look at the draws: black and white where the data is grey, or grey noise where it is black.",
        rows, apart=range(1, len(rows), 2)))  # fmt: skip
