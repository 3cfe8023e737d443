"""Does the label take the class out of the latents?

Varied: whether encoder and decoder are told the label (a CVAE against a VAE), and Z. Held: everything else.
Measured on the test images: how well the class can be read from μ, by a linear classifier and by the nearest
neighbours, both trained on the training images' μ; and the bounds. A CVAE bounds log p(x|label), a VAE log p(x): so
that they compare, the CVAE is charged −log p(label) as well, log 10 nats for one of ten classes.
"""

import dataclasses
import math

import torch.nn.functional as F
from torch import Tensor, nn

from figures.charts import latent_spaces
from paper.arrays import array
from paper.data import Data
from paper.drawing import class_figure
from paper.experiments.baseline import accuracy, fit_plain, nearest_neighbours
from paper.experiments.lab import Lab, Settings, need_classes, part_of
from paper.experiments.tables import Column, over_seeds
from paper.options import ConditionalVAEOptions, DataOptions, VAEOptions


@dataclasses.dataclass(frozen=True, kw_only=True)
class Conditional(Settings):
    """Z, the network, and what reads the class from μ."""

    latent_dims: tuple[int, ...] = (2, 10)
    hidden_dims: tuple[int, ...] = (400,)
    neighbours: int = 10
    known: int = 10_000
    """Training images whose μ the two readers know."""
    reader_steps: int = 2000

    def check(self, data: Data) -> None:
        """The question is about classes."""
        need_classes(data)


DATA = DataOptions()
FULL = Conditional(epochs=8, seeds=3)
QUICK = Conditional(train_images=5000, epochs=20, known=5000, reader_steps=600)
MODELS = {"VAE": VAEOptions, "CVAE": ConditionalVAEOptions}
TABLES = {
    "Test images": (
        Column("model", "model"),
        Column("latent_dim", "Z", 0),
        Column("loss", "−ELBO, nats"),
        Column("kl", "KL, nats"),
        Column("joint", "−ELBO with the label, nats"),
        Column("linear", "class read linearly, %", 1),
        Column("neighbours", "by neighbours, %", 1),
    )
}


def run(lab: Lab, settings: Conditional) -> None:
    """Train both models for every Z and seed, and try to read the class from their μ."""
    for Z in settings.latent_dims:
        mu = {}
        for name, kind in MODELS.items():
            options = kind(network="mlp", hidden_dims=settings.hidden_dims, latent_dim=Z)
            models = lab.repeat(f"{name}, Z = {Z}", options, settings)
            numbers = [examine(lab, model, settings, seed) for seed, model in enumerate(models)]
            lab.row(model=name, latent_dim=Z, **over_seeds(numbers))
            mu[name] = lab.mu(models[0])
        draw(lab, mu, Z)
    last = models[0]  # the CVAE of the largest Z
    lab.draw("classes-and-styles", class_figure(last, lab.data, lab.seed))
    report(lab)


def examine(lab: Lab, model: nn.Module, settings: Conditional, seed: int) -> dict[str, float]:
    """The numbers of one model."""
    known = part_of(lab.data.train, slice(settings.known))
    parts, learned, asked = lab.measure(model), lab.mu(model, known), lab.mu(model)
    labels = lab.data.test.labels
    reader = fit_reader(lab, learned, known.labels, settings.reader_steps, seed)
    voted = nearest_neighbours(learned, known.labels, asked, settings.neighbours)
    told = isinstance(model.options, ConditionalVAEOptions)
    return {
        "loss": parts["loss"],
        "kl": parts["kl"],
        "joint": parts["loss"] + told * math.log(len(lab.data.classes)),
        "linear": 100 * accuracy(reader(asked), labels),
        "neighbours": 100 * (voted == labels).float().mean().item(),
    }


def fit_reader(lab: Lab, mu: Tensor, labels: Tensor, steps: int, seed: int) -> nn.Module:
    """Softmax regression from μ to the class."""
    network = nn.Linear(mu.shape[1], len(lab.data.classes))

    def loss(reader: nn.Module, chosen: Tensor, generator: object) -> Tensor:
        return F.cross_entropy(reader(mu[chosen]), labels[chosen])

    return fit_plain(lab, "reading the class", network, loss, len(mu), steps=steps, seed=seed, learning_rate=1e-2)


def report(lab: Lab) -> None:
    """What the rows of the last Z say."""
    vae, cvae = lab.rows[-2:]
    lab.find(chance_percent=100 / len(lab.data.classes))
    for key in ("loss", "kl", "joint", "linear", "neighbours"):
        lab.find(**{f"{key}_vae": vae[key], f"{key}_cvae": cvae[key]})
    lab.answer(
        f"With Z = {vae['latent_dim']} a linear reader has the class of {vae['linear']:.1f} % of the test images from "
        f"the VAE's μ, of {cvae['linear']:.1f} % from the CVAE's; chance is {100 / len(lab.data.classes):.0f} %. The "
        f"CVAE's KL is {vae['kl'] - cvae['kl']:.2f} nats smaller."
    )


def draw(lab: Lab, mu: dict[str, Tensor], Z: int) -> None:
    """The latents of both models side by side."""
    points = {name: array(some[:2000]) for name, some in mu.items()}
    lab.draw(f"latents-z{Z}", latent_spaces(
        points, array(lab.data.test.labels[:2000]), lab.data.classes, f"With and without the label, Z = {Z}",
        "Each point: μ of one test image. Dashed: 1 and 2 standard deviations of the prior. Look for classes that lie "
        "apart without the label and on one another with it."))  # fmt: skip
