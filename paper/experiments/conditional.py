"""Does giving the label remove the class from the latents?

Varied: whether encoder and decoder are given the label (a CVAE against a VAE), and Z. Held fixed: everything else.
Measured on the test images: how well the class can be predicted from μ, by a linear probe and by the nearest
neighbours, both trained on the training images' μ; and the bounds. A CVAE bounds log p(x|label), a VAE log p(x): to
compare them, −log p(label) is added to the CVAE's −ELBO, log 10 nats for one of ten classes.
"""

import dataclasses
import math

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from figures.charts import latent_spaces
from figures.model import class_figure
from foundation.data.dataset import Dataset
from foundation.data.splits import Data
from foundation.options import DataOptions
from paper.evaluation.latents import linear_probe
from paper.experiments.experiment import SHOWN, Experiment, Settings, need_classes
from paper.experiments.tables import Column, cell, difference, over_seeds
from paper.models.base import Model
from paper.models.options import ConditionalVAEOptions, VAEOptions
from paper.rung import ModelRung, to_array
from paper.training.fit import to_arrays


@dataclasses.dataclass(frozen=True, kw_only=True)
class Conditional(Settings):
    """Z, the network, and the classifiers of μ."""

    latent_dims: tuple[int, ...] = (2, 10)
    hidden_dims: tuple[int, ...] = (400,)
    neighbours: int = 10
    known: int = 10_000
    """Training images, drawn at random, whose μ the two classifiers are given."""

    def check(self, data: Data) -> None:
        """The question needs several classes."""
        need_classes(data)


DATA = DataOptions()
FULL = Conditional(epochs=8, seeds=3)
QUICK = Conditional(train_images=5000, epochs=20, known=5000)
MODELS = {"VAE": VAEOptions, "CVAE": ConditionalVAEOptions}
TABLES = {
    "Test images": (
        Column("model", "model"),
        Column("latent_dim", "Z", 0),
        Column("loss", "−ELBO, nats"),
        Column("kl", "KL, nats"),
        Column("joint", "−ELBO with the label, nats"),
        Column("linear", "linear probe, %", 1),
        Column("neighbours", "nearest neighbours, %", 1),
    )
}


def run(experiment: Experiment, settings: Conditional) -> None:
    """Trains both models for every Z and seed, and predicts the class from their μ."""
    shown = experiment.some(experiment.data.test, SHOWN)
    for Z in settings.latent_dims:
        mu = {}
        for name, kind in MODELS.items():
            options = kind(network="mlp", hidden_dims=settings.hidden_dims, latent_dim=Z)
            models = experiment.repeat(f"{name}, Z = {Z}", options, settings)
            numbers = [examine(experiment, model, settings) for model in models]
            experiment.row(model=name, latent_dim=Z, **over_seeds(numbers))
            mu[name] = experiment.mu(models[0], shown)
        draw(experiment, mu, shown, Z)
    last = models[0]  # the CVAE of the largest Z
    experiment.draw(
        "classes-and-styles", class_figure(ModelRung(last), to_arrays(experiment.data).test, experiment.seed)
    )
    report(experiment)


def examine(experiment: Experiment, model: Model, settings: Conditional) -> dict[str, float]:
    """The numbers of one model."""
    known = experiment.some(experiment.data.train, settings.known)
    parts, train, test = experiment.measure(model), experiment.mu(model, known), experiment.mu(model)
    labels = experiment.data.test.labels
    linear = linear_probe(to_array(train), to_array(known.labels), to_array(test), to_array(labels))
    nearest = nearest_neighbours(train, known.labels, test, settings.neighbours)
    given = model.traits.condition == "label"
    return {
        "loss": parts["loss"],
        "kl": parts["kl"],
        "joint": parts["loss"] + given * math.log(len(experiment.data.classes)),
        "linear": 100 * linear,
        "neighbours": 100 * (nearest == labels).float().mean().item(),
    }


def nearest_neighbours(
    known: Float[Tensor, "M Z"], classes: Int64[Tensor, " M"], points: Float[Tensor, "N Z"], k: int
) -> Int64[Tensor, " N"]:
    """The most frequent class among the k nearest of the known points; of several, the smallest.

    Computed on the points' device, in parts of 1024 points; scikit-learn's classifier needs them on the CPU. By
    differences, as not every mode of `torch.cdist` does: |a|^2 - 2ab + |b|^2 cancels where points are far from 0.
    """
    distances = (torch.cdist(part, known, compute_mode="donot_use_mm_for_euclid_dist") for part in points.split(1024))
    nearest = torch.cat([part.topk(k, largest=False).indices for part in distances])
    return classes[nearest].mode(1).values


def report(experiment: Experiment) -> None:
    """States the result for the last Z."""
    vae, cvae = experiment.rows[-2:]
    experiment.find(chance_percent=100 / len(experiment.data.classes))
    for key in ("loss", "kl", "joint", "linear", "neighbours"):
        experiment.find(**{f"{key}_vae": vae[key], f"{key}_cvae": cvae[key]})
    experiment.answer(
        f"With Z = {vae['latent_dim']} a linear probe predicts the class of {cell(vae, 'linear', 1)} % of the test "
        f"images from the VAE's μ, and of {cell(cvae, 'linear', 1)} % from the CVAE's; chance is "
        f"{100 / len(experiment.data.classes):.0f} %. The CVAE's KL is {difference(vae, cvae, 'kl')} nats smaller."
    )


def draw(experiment: Experiment, mu: dict[str, Tensor], shown: Dataset, Z: int) -> None:
    """Draws the latents of both models side by side."""
    points = {name: to_array(some) for name, some in mu.items()}
    experiment.draw(f"latents-z{Z}", latent_spaces(
        points, to_array(shown.labels), experiment.data.classes,
        f"With and without the label, Z = {Z}",
        "Each point: μ of one test image. Dashed: 1 and 2 standard deviations of the prior. Look for classes that are "
        "separate without the label and overlap with it."))  # fmt: skip
