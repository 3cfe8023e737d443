"""Images on the device, each part of the data as one tensor: nothing is decoded or copied while training runs."""

import dataclasses
import math
import os

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from foundation.data import Dataset, load
from foundation.errors import InputError
from paper.options import DataOptions

DTYPES = {"float32": torch.float32, "bf16": torch.float32, "float64": torch.float64}
"""What images, parameters and losses are held in, by the option `precision`."""


@dataclasses.dataclass(frozen=True)
class Part:
    """Images to train on, to validate on, or to test on. Raises `InputError` for pixels outside [0, 1]."""

    images: Float[Tensor, "N C H W"]
    """0 is black and 1 is white."""
    labels: Int64[Tensor, " N"]
    """Index into the classes."""

    def __post_init__(self) -> None:
        if len(self.images) == 0 or len(self.images) != len(self.labels):
            raise InputError(f"images: expected one or more, each with a label, got {len(self)} and {len(self.labels)}")
        low, high = torch.stack(torch.aminmax(self.images)).tolist()
        if not (low >= 0 and high <= 1):  # so written that NaN is refused too
            raise InputError(f"images: expected pixels in [0, 1], got {low:g} to {high:g}")

    def __len__(self) -> int:
        return len(self.images)


@dataclasses.dataclass(frozen=True)
class Data:
    """A data set in its parts, all on one device."""

    name: str
    train: Part
    validation: Part | None
    """Taken from the training images; None where none were kept aside."""
    test: Part
    classes: tuple[str, ...]
    factors: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    """What each test image was drawn from, one value an image under each name; empty where that is unknown."""

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Channels, height and width."""
        channels, height, width = self.train.images.shape[1:]
        return channels, height, width

    def describe(self) -> list[str]:
        """What there is, in lines for a person."""
        height, width = self.image_shape[1:]
        sizes = {"training": self.train, "validation": self.validation, "test": self.test}
        counts = ", ".join(f"{len(part):,} {name}" for name, part in sizes.items() if part is not None)
        labels, total = self.test.labels.unique().tolist(), len(self.classes)
        classes = f"{total} classes" if total > 1 else "1 class"
        if len(labels) < total:
            classes = f"of {total} classes {', '.join(self.classes[label] for label in labels)}"
        return [f"{self.name}: {counts} images of {height}×{width}, {classes}"]


def load_data(
    options: DataOptions, seed: int = 0, device: str | torch.device = "cpu", dtype: torch.dtype = torch.float32
) -> Data:
    """Load a data set, keep the classes that are asked for, split off the validation images, draw binary pixels.

    `seed` chooses the validation images and draws static pixels; the data set itself stays as it is. Where pixels
    are drawn for every batch ("dynamic"), validation and test images are still drawn once, so that losses compare.

    Raises `InputError` for what cannot be used.
    """
    train, test = (
        keep_classes(load(options.name, split, root=options.root), options.labels) for split in ("train", "test")
    )
    rng = np.random.default_rng(seed)
    learned, kept = split(len(train), options.validation, rng)

    def part(dataset: Dataset, chosen: np.ndarray, drawn: bool) -> Part:
        images = dataset.images[chosen]
        if drawn:
            images = (rng.random(images.shape, dtype=np.float32) < images).astype(np.float32)
        labels = torch.tensor(dataset.labels[chosen], device=device)
        return Part(torch.tensor(images, device=device, dtype=dtype), labels)

    static, drawn = options.binarise == "static", options.binarise != "none"
    return Data(
        name=train.name,
        train=part(train, learned, static),
        validation=part(train, kept, drawn) if len(kept) else None,
        test=part(test, np.arange(len(test)), drawn),
        classes=train.classes,
        factors=test.factors,
    )


def keep_classes(dataset: Dataset, labels: tuple[int, ...]) -> Dataset:
    """The images of these classes, which keep their numbers; all where no class is named."""
    if not labels:
        return dataset
    if max(labels) >= len(dataset.classes):
        raise InputError(
            f"data.labels: expected classes from 0 to {len(dataset.classes) - 1}, as {dataset.name} has them, "
            f"got {max(labels)}"
        )
    chosen = np.flatnonzero(np.isin(dataset.labels, labels))
    for label in labels:
        if not (dataset.labels[chosen] == label).any():
            raise InputError(f"data.labels: class {label} has no images in {dataset.name}/{dataset.split}")
    return dataclasses.replace(
        dataset,
        images=dataset.images[chosen],
        labels=dataset.labels[chosen],
        factors={name: values[chosen] for name, values in dataset.factors.items()},
    )


def split(count: int, share: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Which of `count` images are trained on and which are kept aside: at least one where the share is above 0."""
    aside = math.ceil(share * count)
    if aside >= count:
        raise InputError(f"data.validation: a share of {share:g} leaves none of {count:,} images to train on")
    order = rng.permutation(count)
    return np.sort(order[aside:]), np.sort(order[:aside])


def choose_device(name: str) -> torch.device:
    """The device of that name; "auto" takes CUDA, MPS or the CPU. Raises `InputError` for one that is not there."""
    there = [kind for kind, module in {"cuda": torch.cuda, "mps": torch.backends.mps}.items() if module.is_available()]
    if name == "auto":
        name = there[0] if there else "cpu"
    if name == "cuda":  # where torchrun started a process for each GPU, its own
        name = f"cuda:{os.environ.get('LOCAL_RANK', 0)}"
    try:
        torch.zeros(1, device=name).item()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        known = ", ".join(["auto", "cpu", *there])
        raise InputError(f"device: expected one that this machine has ({known}), got {name!r}") from error
    return torch.device(name)
