"""Do images drawn by a conditional VAE help a classifier with few labels?

Varied: the number of labelled images, and what is added to every batch of them. Held fixed: the classifier, its steps.
  labels alone   nothing
  CVAE           as many images, newly drawn by a CVAE that was trained on the same labelled images only: it has no more
                 information than the classifier
  moved          as many images: the labelled ones, moved by up to 2 pixels; needs no model
  VAE's μ        nothing, but the classifier's input is μ of a VAE trained on all training images without their labels
                 (M1 of Kingma et al. 2014), which is more information than the others have
Measured: the share of the test images that are classified correctly, over several choices of the labelled images.
"""

import dataclasses
import math
from collections.abc import Callable
from typing import Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from jaxtyping import Int64
from torch import Tensor, nn

from figures.lines import Line, Panel, line_panels
from foundation.data.dataset import Dataset
from foundation.data.splits import Data
from foundation.errors import InputError
from foundation.options import DataOptions
from paper.experiments.baseline import accuracy, fit_baseline, perceptron
from paper.experiments.experiment import Experiment, Settings, image_rows, need_classes, part_of
from paper.experiments.tables import Column, over_seeds
from paper.models.base import Model
from paper.models.options import ConditionalVAEOptions, VAEOptions


@dataclasses.dataclass(frozen=True, kw_only=True)
class Augment(Settings):
    """The numbers of labels, the networks, and the lengths of training."""

    labels: tuple[int, ...] = (10, 20, 50, 100)
    """Labelled images of each class."""
    steps: int = 1000
    """Steps of the classifier."""
    cvae_steps: int = 1500
    """Steps of the CVAE on the labelled images; `epochs` are those of the VAE on all images."""
    latent_dim: int = 20
    """Z of the VAE on all images."""
    cvae_latent_dim: int = 3
    """Z of the CVAE, small since few images would leave most of a larger space empty."""
    hidden_dim: int = 256

    def rests_on(self) -> str:
        """The labelled images vary; the VAE of all images does not."""
        return (
            f"The labelled images were chosen {self.seeds} times, and a CVAE and the classifiers trained on each "
            "choice; the VAE of all images was trained once."
        )

    def check(self, data: Data) -> None:
        """Every class needs enough labelled images."""
        need_labels(data, max(self.labels))


def need_labels(data: Data, most: int) -> None:
    """Raises `InputError` for images of a single class, and for a class of fewer training images."""
    need_classes(data)
    rarest = int(torch.bincount(data.train.labels).min())
    if rarest < most:
        raise InputError(f"data: expected at least {most} training images of each class, got {rarest} of one")


@runtime_checkable
class Length(Protocol):
    """The settings of a classifier of few images."""

    @property
    def steps(self) -> int:
        """Steps of its training."""

    @property
    def hidden_dim(self) -> int:
        """Units of its hidden layer."""


DATA = DataOptions()
FULL = Augment(epochs=10, seeds=5)
QUICK = Augment(labels=(10, 50), steps=300, cvae_steps=600, train_images=5000, epochs=15, seeds=2)
METHODS = {"alone": "labels alone", "cvae": "CVAE", "moved": "moved", "mu": "VAE's μ"}
TABLES = {
    "Test images classified correctly, %": (
        Column("labels_per_class", "labels of each class", 0),
        *(Column(key, head, 1) for key, head in METHODS.items()),
        Column("cvae_gain", "CVAE − alone", 1),
    )
}
Augmentation = Callable[[Tensor, Tensor, torch.Generator], Tensor]
"""From labelled images and their labels to as many more images with the same labels."""


def run(experiment: Experiment, settings: Augment) -> None:
    """Trains for every number of labels, every choice of the labelled images, and every method."""
    hidden_dims = (settings.hidden_dim,)
    vae_options = VAEOptions(network="mlp", hidden_dims=hidden_dims, latent_dim=settings.latent_dim)
    cvae_options = ConditionalVAEOptions(network="mlp", hidden_dims=hidden_dims, latent_dim=settings.cvae_latent_dim)
    vae = experiment.fit("VAE of all images, unlabelled", vae_options, epochs=settings.epochs)
    drawn = {}
    for count in settings.labels:
        numbers = []
        for seed in range(settings.seeds):
            few = part_of(
                experiment.data.train, choose(experiment.data.train.labels, count, experiment.generator(100 + seed))
            )
            title = f"{count} labels of a class, {seed + 1} of {settings.seeds}"
            epochs = max(1, settings.cvae_steps // math.ceil(len(few) / 128))
            data = dataclasses.replace(experiment.data, train=few)
            cvae = experiment.fit(f"CVAE, {title}", cvae_options, epochs=epochs, seed=seed, data=data)
            augmentations = {"alone": None, "cvae": draw_from(cvae), "moved": move, "mu": None}
            found = {}
            for key, augment in augmentations.items():
                features = (lambda x: vae.encode(x)[0]) if key == "mu" else nn.Identity()
                name = f"{METHODS[key]}, {title}"
                found[key] = 100 * classify(experiment, name, few, settings, seed, augment, features)
            numbers.append(found | {"cvae_gain": found["cvae"] - found["alone"]})
        experiment.row(labels_per_class=count, **over_seeds(numbers))
        drawn[count] = (few, cvae)
    report(experiment)
    draw(experiment, drawn)


def choose(labels: Int64[Tensor, " N"], count: int, generator: torch.Generator) -> Int64[Tensor, " M"]:
    """Indices of `count` random images of each class."""
    order = torch.randperm(len(labels), generator=generator, device=labels.device)
    return torch.cat([order[labels[order] == label][:count] for label in labels.unique()])


def draw_from(cvae: Model) -> Augmentation:
    """Draws expected images for z from the prior and the labels of the batch."""

    def augment(x: Tensor, labels: Tensor, generator: torch.Generator) -> Tensor:
        z = torch.randn(cvae.noise_shape(len(x)), generator=generator, device=x.device)
        return cvae.sample(z, cvae.condition(x, labels))

    return augment


def move(x: Tensor, labels: Tensor, generator: torch.Generator, reach: int = 2) -> Tensor:
    """Moves every image by up to `reach` pixels in each direction; the pixels that enter at the edge are black."""
    height, width = x.shape[2:]
    padded = F.pad(x, (reach,) * 4)
    top, left = torch.randint(2 * reach + 1, (2, len(x), 1), generator=generator, device=x.device)
    rows, columns = top + torch.arange(height, device=x.device), left + torch.arange(width, device=x.device)
    return padded[torch.arange(len(x), device=x.device)[:, None, None], :, rows[:, :, None], columns[:, None]].movedim(
        3, 1
    )


def classify(
    experiment: Experiment,
    name: str,
    few: Dataset,
    settings: Length,
    seed: int,
    augment: Augmentation | None,
    features: Callable[[Tensor], Tensor],
) -> float:
    """Trains a classifier on the labelled images and those that `augment` adds; its accuracy on the test images."""
    inputs = math.prod(features(few.images[:1]).shape[1:])

    def loss(network: nn.Module, chosen: Tensor, generator: torch.Generator) -> Tensor:
        x, labels = few.images[chosen], few.labels[chosen]
        if augment is not None:
            x, labels = torch.cat([x, augment(x, labels, generator)]), labels.repeat(2)
        return F.cross_entropy(network(features(x)), labels)

    network = perceptron(inputs, (settings.hidden_dim,), len(experiment.data.classes))
    trained = fit_baseline(experiment, name, network, loss, len(few), steps=settings.steps, seed=seed)
    return accuracy(trained(features(experiment.data.test.images)), experiment.data.test.labels)


def report(experiment: Experiment) -> None:
    """States the gain of the CVAE's images."""
    for row in experiment.rows:
        experiment.find(**{f"{key}_with_{row['labels_per_class']}": row[key] for key in (*METHODS, "cvae_gain")})
    gains = []
    for row in experiment.rows:
        spread = f" ± {row['cvae_gain_sd']:.1f}" if "cvae_gain_sd" in row else ""
        gains.append(f"{row['cvae_gain']:+.1f}{spread} with {row['labels_per_class']} labels of each class")
    experiment.answer(f"The CVAE's images change the accuracy by (percentage points): {', '.join(gains)}.")


def draw(experiment: Experiment, drawn: dict[int, tuple[Dataset, Model]]) -> None:
    """Draws accuracy over the number of labels, and images of the CVAEs."""
    at = [row["labels_per_class"] for row in experiment.rows]
    lines = {}
    for key, head in METHODS.items():
        lines[head] = Line(
            at, [row[key] for row in experiment.rows], [row.get(f"{key}_sd", 0.0) for row in experiment.rows]
        )
    experiment.draw("accuracy", line_panels(
        [Panel("Classified correctly (% of test images)", "labelled images of each class", lines, log_x=True)],
        "Few labels", "Bars: standard deviation over choices of the labelled images. Look for what helps most where "
        "labels are fewest, and compare it with moving the images, which needs no model.", columns=1))  # fmt: skip
    rows = {}
    for count, (few, cvae) in drawn.items():
        labels = few.labels.unique()
        rows[f"{count} labels, real"] = torch.stack([few.images[few.labels == label][0] for label in labels])
        for i in (1, 2):
            rows[f"{count} labels, drawn {i}"] = draw_from(cvae)(
                few.images[: len(labels)], labels, experiment.generator(10 + i)
            )
    experiment.draw("drawn", image_rows(
        "Draws of a CVAE trained on few images", "Real: one of the labelled images. Drawn: by a CVAE trained on them "
        "only. Look for draws that repeat a training image, and for draws that are no digit.", rows,
        apart=range(3, len(rows), 3)))  # fmt: skip
