"""Do images drawn by a conditional VAE help a classifier with few labels?

Varied: the number of labelled images, and what stands beside them in every batch. Held: the classifier, its steps.
  labels alone   nothing
  CVAE           as many images again, drawn anew by a CVAE that was trained on the same labelled images and on nothing
                 else: it knows no more than the classifier could
  moved          as many images again: the labelled ones, moved by up to 2 pixels; needs no model
  VAE's μ        nothing; but the classifier sees μ of a VAE trained on all training images without their labels (M1 of
                 Kingma et al. 2014), so that it has more to learn from than the others
Measured: share of the test images that are classified rightly, over several choices of the labelled images.
"""

import dataclasses
import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Int64
from torch import Tensor, nn

from figures.lines import Line, Panel, line_panels
from foundation.errors import InputError
from paper.data import Data, Part
from paper.experiments.baseline import accuracy, fit_plain, perceptron
from paper.experiments.lab import Lab, Settings, need_classes, part_of
from paper.experiments.pictures import image_rows
from paper.experiments.tables import Column, over_seeds
from paper.options import ConditionalVAEOptions, DataOptions, VAEOptions


@dataclasses.dataclass(frozen=True, kw_only=True)
class Augment(Settings):
    """How many labels, and how long everything is trained."""

    labels: tuple[int, ...] = (10, 20, 50, 100)
    """Labelled images of each class."""
    steps: int = 1000
    """Of the classifier."""
    cvae_steps: int = 1500
    """Of the CVAE on the labelled images; `epochs` are those of the VAE on all images."""
    latent_dim: int = 20
    """Of the VAE on all images."""
    cvae_latent_dim: int = 3
    """Of the CVAE: few images would leave most of a larger space empty."""
    hidden_dim: int = 256

    def check(self, data: Data) -> None:
        """There must be enough labelled images of every class."""
        need_classes(data)
        rarest, most = int(torch.bincount(data.train.labels).min()), max(self.labels)
        if rarest < most:
            raise InputError(f"data: expected at least {most} training images of each class, got {rarest} of one")


DATA = DataOptions()
FULL = Augment(epochs=10, seeds=5)
QUICK = Augment(labels=(10, 50), steps=300, cvae_steps=600, train_images=5000, epochs=15, seeds=2)
ARMS = {"alone": "labels alone", "cvae": "CVAE", "moved": "moved", "mu": "VAE's μ"}
TABLES = {
    "Test images classified rightly, %": (
        Column("labels_per_class", "labels of each class", 0),
        *(Column(key, head, 1) for key, head in ARMS.items()),
        Column("cvae_gain", "CVAE − alone", 1),
    )
}
Beside = Callable[[Tensor, Tensor, torch.Generator], Tensor]
"""From labelled images and their labels, as many more images with the same labels."""


def run(lab: Lab, settings: Augment) -> None:
    """Every number of labels, every choice of the labelled images, every arm."""
    network = {"network": "mlp", "hidden_dims": (settings.hidden_dim,)}
    vae_options = VAEOptions(**network, latent_dim=settings.latent_dim)
    cvae_options = ConditionalVAEOptions(**network, latent_dim=settings.cvae_latent_dim)
    vae = lab.fit("VAE of all images, unlabelled", vae_options, epochs=settings.epochs)
    drawn = {}
    for count in settings.labels:
        numbers = []
        for seed in range(settings.seeds):
            few = part_of(lab.data.train, choose(lab.data.train.labels, count, lab.generator(100 + seed)))
            title = f"{count} labels of a class, {seed + 1} of {settings.seeds}"
            epochs = max(1, settings.cvae_steps // math.ceil(len(few) / 128))
            cvae = lab.fit(f"CVAE, {title}", cvae_options, epochs=epochs, seed=seed,
                           data=dataclasses.replace(lab.data, train=few))  # fmt: skip
            beside = {"alone": None, "cvae": draw_from(cvae), "moved": move, "mu": None}
            found = {}
            for key, more in beside.items():
                see = (lambda x: vae.encode(x)[0]) if key == "mu" else nn.Identity()
                found[key] = 100 * classify(lab, f"{ARMS[key]}, {title}", few, settings, seed, more, see)
            numbers.append(found | {"cvae_gain": found["cvae"] - found["alone"]})
        lab.row(labels_per_class=count, **over_seeds(numbers))
        drawn[count] = (few, cvae)
    report(lab)
    draw(lab, drawn)


def choose(labels: Int64[Tensor, " N"], count: int, generator: torch.Generator) -> Int64[Tensor, " M"]:
    """Indices of `count` images of each class, by chance."""
    order = torch.randperm(len(labels), generator=generator, device=labels.device)
    return torch.cat([order[labels[order] == label][:count] for label in labels.unique()])


def draw_from(cvae: nn.Module) -> Beside:
    """Expected images for z from the prior and the labels of the batch."""

    def beside(x: Tensor, labels: Tensor, generator: torch.Generator) -> Tensor:
        z = torch.randn(cvae.noise_shape(len(x)), generator=generator, device=x.device)
        return cvae.sample(z, cvae.condition(x, labels))

    return beside


def move(x: Tensor, labels: Tensor, generator: torch.Generator, reach: int = 2) -> Tensor:
    """Every image moved by up to `reach` pixels each way; black comes in at the edge."""
    height, width = x.shape[2:]
    padded = F.pad(x, (reach,) * 4)
    top, left = torch.randint(2 * reach + 1, (2, len(x), 1), generator=generator, device=x.device)
    rows, columns = top + torch.arange(height, device=x.device), left + torch.arange(width, device=x.device)
    return padded[torch.arange(len(x), device=x.device)[:, None, None], :, rows[:, :, None], columns[:, None]].movedim(
        3, 1
    )


def classify(
    lab: Lab, name: str, few: Part, settings: Augment, seed: int, beside: Beside | None, see: Callable
) -> float:
    """Train a classifier on the labelled images and what stands beside them; its accuracy on the test images."""
    inputs = math.prod(see(few.images[:1]).shape[1:])

    def loss(network: nn.Module, chosen: Tensor, generator: torch.Generator) -> Tensor:
        x, labels = few.images[chosen], few.labels[chosen]
        if beside is not None:
            x, labels = torch.cat([x, beside(x, labels, generator)]), labels.repeat(2)
        return F.cross_entropy(network(see(x)), labels)

    network = perceptron(inputs, settings.hidden_dim, len(lab.data.classes))
    network = fit_plain(lab, name, network, loss, len(few), steps=settings.steps, seed=seed)
    return accuracy(network(see(lab.data.test.images)), lab.data.test.labels)


def report(lab: Lab) -> None:
    """What the rows say."""
    for row in lab.rows:
        lab.find(**{f"{key}_with_{row['labels_per_class']}": row[key] for key in (*ARMS, "cvae_gain")})
    said = ", ".join(f"{row['cvae_gain']:+.1f} with {row['labels_per_class']} labels of each class" for row in lab.rows)
    lab.answer(f"Images of the CVAE change the share that is classified rightly by (percentage points): {said}.")


def draw(lab: Lab, drawn: dict[int, tuple[Part, nn.Module]]) -> None:
    """Accuracy over the number of labels, and what the CVAEs drew."""
    at = [row["labels_per_class"] for row in lab.rows]
    lines = {}
    for key, head in ARMS.items():
        lines[head] = Line(at, [row[key] for row in lab.rows], [row.get(f"{key}_sd", 0.0) for row in lab.rows])
    lab.draw("accuracy", line_panels(
        [Panel("Classified rightly (% of test images)", "labelled images of each class", lines, log_x=True)],
        "Few labels", "Bars: standard deviation over choices of the labelled images. Look for what helps where labels "
        "are fewest, and at what costs nothing.", columns=1))  # fmt: skip
    rows = {}
    for count, (few, cvae) in drawn.items():
        labels = few.labels.unique()
        rows[f"{count} labels, real"] = torch.stack([few.images[few.labels == label][0] for label in labels])
        for i in (1, 2):
            rows[f"{count} labels, drawn {i}"] = draw_from(cvae)(
                few.images[: len(labels)], labels, lab.generator(10 + i)
            )
    lab.draw("drawn", image_rows(
        "What a CVAE draws that saw few images", "Real: one of the labelled images. Drawn: by a CVAE trained on them "
        "alone. Look for draws that repeat an image it saw, and for draws that are no digit.", rows,
        apart=range(3, len(rows), 3)))  # fmt: skip
