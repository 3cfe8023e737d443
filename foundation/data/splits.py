"""The data of a training: training, validation and test images, from one data set."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any, Generic

import numpy as np

from foundation.data import DATASETS, load
from foundation.data.dataset import Array, Dataset, check_images
from foundation.errors import InputError
from foundation.options import DataOptions

LISTED = 20
"""Files that were left out are printed up to so many; config.json lists them all."""


@dataclasses.dataclass(frozen=True)
class Data(Generic[Array]):
    """A data set in its parts: NumPy arrays, or tensors on one device."""

    name: str
    train: Dataset[Array]
    validation: Dataset[Array] | None
    """Taken from the training images; None where none were kept aside"""
    test: Dataset[Array]
    source: str = ""
    """Where the splits of a folder come from, in a line for a person; empty for data sets that bring them"""
    left_out: tuple[str, ...] = ()
    """A folder's files that could not be read and were skipped, each with the reason"""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, by label."""
        return self.train.classes

    @property
    def factors(self) -> dict[str, np.ndarray]:
        """What each test image was drawn from, one value an image under each name; empty where that is unknown."""
        return self.test.factors

    @property
    def held_out(self) -> Dataset[Array]:
        """The images that are measured after every epoch: the validation images, or the test images without them."""
        return self.test if self.validation is None else self.validation

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Channels, height and width."""
        channels, height, width = self.train.images.shape[1:]
        return channels, height, width

    def describe(self) -> list[str]:
        """Counts, sizes and classes, in lines for a person."""
        height, width = self.image_shape[1:]
        sizes = {"training": self.train, "validation": self.validation, "test": self.test}
        counts = ", ".join(f"{len(part):,} {name}" for name, part in sizes.items() if part is not None)
        present = {int(label) for label in self.test.labels}
        labels, total = sorted(present), len(self.classes)
        classes = f"{total} classes" if total > 1 else "1 class"
        if len(labels) < total:
            classes = f"of {total} classes {', '.join(self.classes[label] for label in labels)}"
        colour = " in colour" if self.image_shape[0] == 3 else ""
        lines = [f"{self.name}: {counts} images of {height}×{width}{colour}, {classes}", self.source]
        if self.left_out:
            lines += [f"Left out, as they cannot be read: {len(self.left_out):,} files", *self.left_out[:LISTED]]
        return list(filter(None, lines))

    def convert(self, array: Callable[[Array], Any]) -> "Data[Any]":
        """The same data with other arrays: images and labels of every part through `array`."""

        def converted(part: Dataset[Array]) -> Dataset[Any]:
            return Dataset(
                part.name,
                part.split,
                array(part.images),
                array(part.labels),
                part.classes,
                part.factors,
                part.seed,
            )

        validation = None if self.validation is None else converted(self.validation)
        return Data(self.name, converted(self.train), validation, converted(self.test), self.source, self.left_out)


def load_data(
    options: DataOptions, seed: int = 0, dtype: type = np.float32, *, download: bool = True
) -> Data[np.ndarray]:
    """Load a data set, keep the classes that are asked for, split off the validation images, draw binary pixels.

    `seed` chooses the validation images and draws static pixels; the data set itself stays as it is. Where pixels
    are drawn for every batch ("dynamic"), validation and test images are still drawn once, so that losses compare.
    Without `download`, files that are missing stay so.

    Raises `InputError` for what cannot be used.
    """
    more: dict[str, Any] = {} if download else {"download": False}
    more |= {name: value for name in ("size", "colour", "skip") if (value := getattr(options, name))}
    train, test = (
        keep_classes(load(options.name, split, root=options.root, **more), options.labels)
        for split in ("train", "test")
    )
    rng = np.random.default_rng(seed)
    learned, kept = split(len(train), options.validation, rng)

    def part(dataset: Dataset, chosen: np.ndarray | None, name: str, drawn: bool) -> Dataset:
        dataset = dataset if chosen is None else dataset.subset(chosen)
        images = dataset.images
        if drawn:
            images = (rng.random(images.shape, dtype=np.float32) < images).astype(np.float32)
        check_images(images, f"{train.name}/{name}")
        return dataclasses.replace(dataset, split=name, images=images.astype(dtype, copy=False))

    static, drawn = options.binarise == "static", options.binarise != "none"
    return Data(
        name=train.name,
        train=part(train, learned if len(kept) else None, "train", static),
        validation=part(train, kept, "validation", drawn) if len(kept) else None,
        test=part(test, None, "test", drawn),
        source="" if options.name in DATASETS else describe_splits(train, test),
        left_out=tuple(dict.fromkeys((*train.left_out, *test.left_out))),
    )


def describe_splits(train: Dataset, test: Dataset) -> str:
    """How the images of a folder came to be training and test images, before validation images are taken."""
    how = "its own folders" if train.seed is None else "test images drawn, as it has no folders train and test"
    return f"Folder {train.name}: train: {len(train):,} images, test: {len(test):,} images ({how})"


def keep_classes(dataset: Dataset, labels: tuple[int, ...]) -> Dataset:
    """The images of these classes, which keep their numbers; all where no class is named."""
    if not labels:
        return dataset
    if max(labels) >= len(dataset.classes):
        raise InputError(
            f"data.labels: expected classes from 0 to {len(dataset.classes) - 1}, as {dataset.name} has them, "
            f"got {max(labels)}"
        )
    kept = dataset.subset(np.flatnonzero(np.isin(dataset.labels, labels)))
    for label in labels:
        if not (kept.labels == label).any():
            raise InputError(f"data.labels: class {label} has no images in {dataset.name}/{dataset.split}")
    return kept


def split(count: int, share: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the images that are trained on and of those kept aside: at least one where the share is above 0."""
    aside = math.ceil(share * count)
    if 0 < count <= aside:
        raise InputError(f"data.validation: a share of {share:g} leaves none of {count:,} images to train on")
    order = rng.permutation(count)
    return np.sort(order[aside:]), np.sort(order[:aside])
