"""What do images without labels add to a few with labels?

Varied: the number of labelled images, and what is learned from beside them. Held fixed: the classifier's network.
  labels alone   nothing
  moved          the labelled images, moved by up to 2 pixels; needs no model
  M2             all other training images, without their labels, by M2 of Kingma et al. (2014), whose q(y|x) is the
                 classifier: the only one of the three with more images than the labelled ones
Measured: the share of the test images that are classified correctly, over several choices of the labelled images.
"""

import dataclasses

import torch
from torch import Tensor

from figures.lines import Line, Panel, line_panels
from figures.model import class_figure
from foundation.data.dataset import Dataset
from foundation.data.splits import Data
from foundation.options import DataOptions
from paper.experiments.augment import choose, classify, move, need_labels
from paper.experiments.baseline import accuracy
from paper.experiments.experiment import Experiment, Settings, part_of
from paper.experiments.tables import Column, over_seeds
from paper.models.base import Model
from paper.models.m2 import M2, UNKNOWN
from paper.models.options import M2Options
from paper.rung import ModelRung
from paper.training.fit import to_arrays


@dataclasses.dataclass(frozen=True, kw_only=True)
class FewLabels(Settings):
    """The numbers of labels, the network, and the lengths of training; `epochs` are those of M2 on all images."""

    labels: tuple[int, ...] = (10, 100)
    """Labelled images of each class."""
    steps: int = 500
    """Steps of the classifiers of the labelled images."""
    latent_dim: int = 20
    hidden_dim: int = 256
    alpha: float = M2Options.alpha
    """Weight of M2's classification loss."""

    def rests_on(self) -> str:
        """The labelled images vary."""
        return f"The labelled images were chosen {self.seeds} times, and M2 and the classifiers trained on each choice."

    def check(self, data: Data) -> None:
        """Every class needs enough labelled images."""
        need_labels(data, max(self.labels))


DATA = DataOptions()
FULL = FewLabels(train_images=10_000, epochs=3, seeds=3)
QUICK = FewLabels(labels=(10,), steps=300, train_images=3000, epochs=8, seeds=2, hidden_dim=128)
METHODS = {"alone": "labels alone", "moved": "moved", "m2": "M2"}
TABLES = {
    "Test images classified correctly, %": (
        Column("labels_per_class", "labels of each class", 0),
        *(Column(key, head, 1) for key, head in METHODS.items()),
        Column("m2_gain", "M2 − alone", 1),
    )
}


def run(experiment: Experiment, settings: FewLabels) -> None:
    """Trains for every number of labels, every choice of the labelled images, and every method."""
    m2_options = M2Options(
        network="mlp",
        hidden_dims=(settings.hidden_dim,),
        latent_dim=settings.latent_dim,
        labelled=0,
        alpha=settings.alpha,
    )
    whole, test = experiment.data, experiment.data.test
    for count in settings.labels:
        numbers = []
        for seed in range(settings.seeds):
            chosen = choose(whole.train.labels, count, experiment.generator(100 + seed))
            few, title = part_of(whole.train, chosen), f"{count} labels of a class, {seed + 1} of {settings.seeds}"
            found = {}
            for key, augment in {"alone": None, "moved": move}.items():
                name = f"{METHODS[key]}, {title}"
                found[key] = 100 * classify(experiment, name, few, settings, seed, augment, torch.nn.Identity())
            m2 = experiment.fit(
                f"M2, {title}", m2_options, epochs=settings.epochs, seed=seed, data=with_labels_of(whole, chosen)
            )
            assert isinstance(m2, M2)
            found["m2"] = 100 * accuracy(m2.log_q(test.images), test.labels)
            numbers.append(found | {"m2_gain": found["m2"] - found["alone"]})
        experiment.row(labels_per_class=count, **over_seeds(numbers))
    report(experiment)
    draw(experiment, m2)


def with_labels_of(data: Data[Tensor], chosen: Tensor) -> Data[Tensor]:
    """The data with the labels of these training images alone."""
    labels = torch.full_like(data.train.labels, UNKNOWN)
    labels[chosen] = data.train.labels[chosen]
    train: Dataset[Tensor] = dataclasses.replace(data.train, labels=labels)
    return dataclasses.replace(data, train=train)


def report(experiment: Experiment) -> None:
    """States what M2 gains."""
    for row in experiment.rows:
        experiment.find(**{f"{key}_with_{row['labels_per_class']}": row[key] for key in (*METHODS, "m2_gain")})
    gains = []
    for row in experiment.rows:
        spread = f" ± {row['m2_gain_sd']:.1f}" if "m2_gain_sd" in row else ""
        gains.append(f"{row['m2_gain']:+.1f}{spread} with {row['labels_per_class']} labels of each class")
    experiment.answer(f"Images without labels change the accuracy by (percentage points): {', '.join(gains)}.")


def draw(experiment: Experiment, m2: Model) -> None:
    """Draws accuracy over the number of labels, and what the last M2 draws under each class."""
    at = [row["labels_per_class"] for row in experiment.rows]
    lines = {}
    for key, head in METHODS.items():
        lines[head] = Line(
            at, [row[key] for row in experiment.rows], [row.get(f"{key}_sd", 0.0) for row in experiment.rows]
        )
    experiment.draw("accuracy", line_panels(
        [Panel("Classified correctly (% of test images)", "labelled images of each class", lines, log_x=True)],
        "Few labels among many images", "Bars: standard deviation over choices of the labelled images. Look for what "
        "helps most where labels are fewest, and compare it with moving the images.", columns=1))  # fmt: skip
    experiment.draw("classes-and-styles", class_figure(ModelRung(m2), to_arrays(experiment.data).test, experiment.seed))
