"""A data set in memory, and the check that images are what a VAE here can learn from."""

import dataclasses

import numpy as np
from jaxtyping import Float, Int64

from foundation.errors import InputError

SPLITS = ("train", "test")


@dataclasses.dataclass(frozen=True)
class Dataset:
    """Images of one split with their labels, and the factors of variation where they are known."""

    name: str
    split: str
    images: Float[np.ndarray, "N 1 H W"]
    """float32, 0 is black and 1 is white."""
    labels: Int64[np.ndarray, " N"]
    """Index into `classes`."""
    classes: tuple[str, ...]
    factors: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    """What each image was drawn from, one value an image under each name; empty for photographed or scanned data."""
    seed: int | None = None
    """The seed that drew the images or chose them; None where no chance was involved."""

    def __len__(self) -> int:
        return len(self.images)

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


def _first(wrong: np.ndarray) -> int:
    """Index of the first image with a wrong pixel."""
    return int(wrong.reshape(len(wrong), -1).any(axis=1).argmax())
