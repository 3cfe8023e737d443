"""Images to learn from: `load` gives one of the data sets below, or a folder of your own images."""

import dataclasses
import os
from pathlib import Path

import numpy as np

from foundation.data.dataset import SPLITS, Dataset, check_images
from foundation.data.folder import load_folder
from foundation.data.glyphs import load_glyphs
from foundation.data.mnist import load_mnist
from foundation.data.photographs import load_photographs
from foundation.data.rooms import load_rooms
from foundation.data.shapes import load_shapes
from foundation.errors import InputError, suggest
from foundation.files import expand_home

__all__ = ["DATASETS", "DEFAULT_COUNTS", "SPLITS", "Dataset", "check_images", "load"]

DATASETS = ("glyphs", "shapes", "rooms", "mnist", "fashion-mnist", "kmnist", "cifar10", "svhn")
DEFAULT_COUNTS = {"train": 20_000, "test": 2_000}
"""Images in the splits of the generated data sets, `glyphs`, `shapes` and `rooms`."""
SIZES = {"rooms": 32, "cifar10": 32, "svhn": 32}
"""Height and width of data sets in colour, unless another is asked for; all others are 28×28."""
SMALLEST, LARGEST = 4, 512
"""Height and width that images may have."""


def load(
    name: str | Path,
    split: str = "train",
    *,
    root: str | Path | None = None,
    seed: int = 0,
    count: int | None = None,
    size: int | None = None,
    colour: bool = False,
    download: bool = True,
    skip: bool = False,
) -> Dataset:
    """Load one split of a data set: images float32 (N, C, size, size) in [0, 1] and labels int64 (N,).

    `name` is one of DATASETS or the path of a folder of images; `split` is `train` or `test`. `root` is the folder
    that holds the files of mnist, fashion-mnist, kmnist, cifar10 and svhn, or into which they are downloaded; for
    shapes it is the original dSprites file or its folder. `seed` draws the images of the generated sets, a folder's
    test split, and the `count` images that are kept of a larger set. `size` is for shapes, rooms and folders; the other
    sets have their own. rooms, cifar10 and svhn have three channels, and so has a folder with `colour`; all others have
    one. Without `download`, missing files are an error. With `skip` a folder's files that cannot be read are left out,
    and listed.

    Raises `InputError` for options, files and images that cannot be used.
    """
    root = None if root is None else expand_home(root, "data root")
    _check(name, split, root, seed, count, size, colour)
    size = size or SIZES.get(str(name), 28)
    drawn = count or DEFAULT_COUNTS[split]
    if name == "glyphs":
        return load_glyphs(split, seed=seed, count=drawn)
    if name == "shapes":
        return load_shapes(split, root=root, seed=seed, count=drawn, size=size)
    if name == "rooms":
        return load_rooms(split, seed=seed, count=drawn, size=size)
    if name in ("cifar10", "svhn"):
        dataset = load_photographs(str(name), split, root=root, download=download)
    elif name in DATASETS:
        dataset = load_mnist(str(name), split, root=root, download=download)
    else:
        dataset = load_folder(expand_home(name, "data"), split, seed=seed, size=size, colour=colour, skip=skip)
    return dataset if count is None else _subset(dataset, count, seed)


def _check(
    name: str | Path, split: str, root: Path | None, seed: int, count: int | None, size: int | None, colour: bool
) -> None:
    if name not in DATASETS and not (str(name) and os.path.isdir(expand_home(name, "data"))):
        known, closest = ", ".join(DATASETS), suggest(str(name), DATASETS)
        raise InputError(f"data: expected one of {known} or a folder of images, got {str(name)!r}{closest}")
    if split not in SPLITS:
        raise InputError(f"split: expected train or test, got {split!r}")
    if root is not None and not os.path.exists(root):
        raise InputError(f"data root: {root} does not exist")
    if seed < 0:
        raise InputError(f"seed: expected an integer of at least 0, got {seed}")
    if count is not None and count < 1:
        raise InputError(f"count: expected an integer of at least 1, got {count}")
    if size is not None and not SMALLEST <= size <= LARGEST:
        raise InputError(f"size: expected an integer from {SMALLEST} to {LARGEST}, got {size}")
    own = SIZES.get(str(name), 28)
    if size not in (None, own) and name in DATASETS and name not in ("shapes", "rooms"):
        raise InputError(f"size: {name} is {own}×{own}; shapes, rooms and folders come in other sizes, got {size}")
    if colour and name in DATASETS and name not in SIZES:
        raise InputError(f"colour: {name} is grey; rooms, cifar10, svhn and folders come in colour")


def _subset(dataset: Dataset, count: int, seed: int) -> Dataset:
    """`count` images drawn without replacement, in the data set's own order."""
    if count > len(dataset):
        raise InputError(f"count: expected at most {len(dataset):,} for {dataset.name}/{dataset.split}, got {count:,}")
    kept = np.sort(np.random.default_rng(seed).permutation(len(dataset))[:count])
    return dataclasses.replace(dataset, images=dataset.images[kept], labels=dataset.labels[kept], seed=seed)
