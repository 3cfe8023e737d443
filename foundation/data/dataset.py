"""A data set in memory, and the check that images are what a VAE here can learn from."""

import dataclasses
from collections.abc import Iterator
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

import numpy as np

from foundation.errors import InputError

SPLITS = ("train", "test")
LEVELS = 256
"""Values of an 8-bit pixel: 0, 1/255 .. 1."""


@runtime_checkable
class ArrayLike(Protocol):
    """What np.ndarray and torch.Tensor have in common, as far as a data set needs it."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of the axes."""

    def __len__(self) -> int:
        """Size of the first axis."""

    def __getitem__(self, chosen: Any) -> Any:
        """Some of the entries along the first axis."""

    def __iter__(self) -> Iterator[Any]:
        """The entries along the first axis."""


Array = TypeVar("Array", bound=ArrayLike)
"""np.ndarray, or torch.Tensor on some device."""


@dataclasses.dataclass(frozen=True)
class Dataset(Generic[Array]):
    """Images of one split with their labels, and the factors of variation where they are known."""

    name: str
    split: str
    images: Array
    """Float (N, C, H, W), 0 is black and 1 is white."""
    labels: Array
    """Integer (N,), index into `classes`."""
    classes: tuple[str, ...] = ()
    factors: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    """What each image was drawn from, one value an image under each name; empty for photographed or scanned data."""
    seed: int | None = None
    """The seed that drew the images or chose them; None where no chance was involved."""
    left_out: tuple[str, ...] = ()
    """A folder's files that could not be read as images, each with the reason, where such files are skipped"""

    def __len__(self) -> int:
        return len(self.images)

    def subset(self, chosen: Any) -> "Dataset[Array]":
        """The images at these indices (or in this slice), with their labels and factors."""
        images, labels = self.images[chosen], self.labels[chosen]
        indices = chosen
        if not isinstance(chosen, slice):  # tolist also reads a tensor on a GPU; without a dtype no indices are floats
            indices = np.array(chosen.tolist(), dtype=None if len(chosen) else int)
        factors = {name: values[indices] for name, values in self.factors.items()}
        return dataclasses.replace(self, images=images, labels=labels, factors=factors)

    def describe(self) -> str:
        """One line for a person: `glyphs/train: 20,000 images of 28×28, 10 classes, seed 0`."""
        height, width = self.images.shape[2:]
        classes = f"{len(self.classes)} class" + ("es" if len(self.classes) != 1 else "")
        seed = "" if self.seed is None else f", seed {self.seed}"
        return f"{self.name}/{self.split}: {len(self):,} images of {height}×{width}, {classes}{seed}"


def check_images(images: np.ndarray, source: str) -> None:
    """Raise `InputError`, beginning with `source`, unless images are floats (N, C, H, W), finite and in [0, 1]."""
    if not isinstance(images, np.ndarray):
        raise InputError(f"{source}: expected images as a NumPy array, got {type(images).__name__}")
    if images.dtype not in (np.float32, np.float64):
        raise InputError(f"{source}: expected images as float32 or float64, got {images.dtype}")
    if images.ndim != 4:
        raise InputError(f"{source}: expected images of shape (N, C, H, W), got {images.shape}")
    if images.size == 0:
        raise InputError(f"{source}: expected at least one image, got shape {images.shape}")
    low, high = images.min(), images.max()  # NaN anywhere makes both NaN
    if np.isnan(low):
        raise InputError(f"{source}: image {_first(np.isnan(images))} holds NaN")
    if low < 0 or high > 1:
        raise InputError(
            f"{source}: expected pixels in [0, 1], got {low:g} to {high:g} (first in image "
            f"{_first((images < 0) | (images > 1))})"
        )


def check_levels(images: Any, source: str, at_once: int = 500) -> None:
    """Raise `InputError`, beginning with `source`, unless every pixel is one of the 256 levels of 8 bits.

    Images are an array or a tensor; the rounding of float32 is allowed for.
    """
    for start in range(0, len(images), at_once):
        scaled = images[start : start + at_once] * (LEVELS - 1)
        if abs(scaled - scaled.round()).max() > 1e-3:
            raise InputError(
                f"{source}: expected pixels on the {LEVELS} levels 0, 1/255 .. 1, which the discretised-logistic "
                "likelihood gives probabilities, got others; choose a density such as gaussian-learned"
            )


def _first(wrong: np.ndarray) -> int:
    """Index of the first image with a wrong pixel."""
    return int(wrong.reshape(len(wrong), -1).any(axis=1).argmax())
