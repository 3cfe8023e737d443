"""MNIST and its siblings, from the four idx files that each of them consists of.

torchvision downloads and verifies the files. They are read here, in NumPy, so that rung 1 learns MNIST on a machine
without torch and a damaged file is named. The layout is torchvision's: `root/MNIST/raw/`.
"""

import gzip
import importlib
import io
import math
import os
import zlib
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from foundation.data.cache import cache_directory
from foundation.data.dataset import Dataset
from foundation.errors import InputError
from foundation.files import open_regular

FOLDERS = {"mnist": "MNIST", "fashion-mnist": "FashionMNIST", "kmnist": "KMNIST"}
"""Folder under `root`, which is also the name of torchvision's class."""

CLASSES = {
    "mnist": tuple("0123456789"),
    "fashion-mnist": (
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
    ),
    "kmnist": ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
}  # fmt: skip

PREFIXES = {"train": "train", "test": "t10k"}
UNSIGNED_BYTE = 0x08
MOST_AXES = 3
MOST_BYTES = 128 * 1024**2
"""Values of an idx file at most; the training images of MNIST are 45 MiB."""


def load_mnist(name: str, split: str, *, root: Path | None = None, download: bool = True) -> Dataset:
    """One split of `mnist`, `fashion-mnist` or `kmnist`, in the files' order.

    Without `root` the files are in the cache directory. Missing ones are downloaded, unless `download` is false. Raises
    `InputError` where that fails, with the names of the files and their folder, and for a file that is truncated or of
    another kind.
    """
    root = cache_directory() if root is None else root
    folder = root / FOLDERS[name] / "raw"
    stems = f"{PREFIXES[split]}-images-idx3-ubyte", f"{PREFIXES[split]}-labels-idx1-ubyte"
    if not all(_find(folder, stem) for stem in stems):
        if not download:
            raise InputError(_missing(name, folder))
        _download(name, split, root, folder)
    images_file, labels_file = (_find(folder, stem) or folder / stem for stem in stems)

    images, labels = read_idx(images_file), read_idx(labels_file)
    if images.shape[1:] != (28, 28):
        raise InputError(f"{images_file}: expected images of 28×28, got an array of shape {images.shape}")
    if len(images) == 0:
        raise InputError(f"{images_file}: expected at least one image, got none")
    if labels.shape != images.shape[:1]:
        raise InputError(f"{labels_file}: expected {len(images):,} labels, got an array of shape {labels.shape}")
    if labels.max() >= len(CLASSES[name]):
        raise InputError(f"{labels_file}: expected labels from 0 to 9, got {labels.max()}")
    pixels = images[:, None] / np.float32(255)
    return Dataset(name, split, pixels, labels.astype(np.int64), CLASSES[name])


def read_idx(path: Path) -> UInt8[np.ndarray, "..."]:
    """The array of bytes in an idx file, gzipped or not: two zeros, type, number of axes, their sizes, the values.

    Format: http://yann.lecun.com/exdb/mnist/. No more is read, or unpacked, than the sizes in the header say. Raises
    `InputError` naming a file that is damaged, of another kind, or larger than MOST_BYTES.
    """
    try:
        with open_regular(path) as file:
            if path.suffix == ".gz":
                with gzip.GzipFile(fileobj=file) as unpacked:
                    return _read_array(unpacked, path)
            return _read_array(file, path)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path}: cannot be read ({error}); if it is damaged, delete it and load again") from error


def _read_array(file: io.BufferedIOBase, path: Path) -> UInt8[np.ndarray, "..."]:
    start = file.read(4)
    if len(start) < 4 or start[:2] != b"\0\0" or start[2] != UNSIGNED_BYTE:
        raise InputError(f"{path}: expected an idx file of bytes, got one that begins with {start!r}")
    axes = start[3]
    if axes > MOST_AXES:
        raise InputError(f"{path}: expected at most {MOST_AXES} axes, got {axes}")
    header = file.read(4 * axes)
    shape = tuple(int.from_bytes(header[place : place + 4], "big") for place in range(0, 4 * axes, 4))
    size = math.prod(shape)
    if size > MOST_BYTES:
        raise InputError(f"{path}: expected at most {MOST_BYTES:,} bytes, got {size:,} for shape {shape}")
    values = file.read(size + 1)
    if len(header) < 4 * axes or len(values) != size:
        found = f"{len(values):,}" if len(values) < size else "more"
        raise InputError(
            f"{path}: truncated or damaged, expected {size:,} bytes for shape {shape}, got {found}; "
            "delete it and load again"
        )
    return np.frombuffer(values, np.uint8).reshape(shape)


def _find(folder: Path, stem: str) -> Path | None:
    """The file, or else its gzipped form, or else None."""
    return next((path for path in (folder / stem, folder / f"{stem}.gz") if os.path.exists(path)), None)


def _download(name: str, split: str, root: Path, folder: Path) -> None:
    """Download the files and verify their checksums with torchvision. Raises `InputError` where that fails."""
    try:
        datasets = importlib.import_module("torchvision.datasets")
        getattr(datasets, FOLDERS[name])(root, train=split == "train", download=True)
    except ImportError as error:
        install = 'pip install "vae-ladder[torch]"'
        raise InputError(f"{_missing(name, folder)}, or {install} to have them downloaded") from error
    except (OSError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{_missing(name, folder)} (downloading failed: {reason})") from error


def _missing(name: str, folder: Path) -> str:
    """The files that are missing, and what to do without a download."""
    return (
        f"{name}: files are missing; put (train|t10k)-images-idx3-ubyte and (train|t10k)-labels-idx1-ubyte, "
        f"as they are or as .gz, into {folder}, or use glyphs, which needs no files"
    )
