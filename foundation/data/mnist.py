"""MNIST and its siblings, from the four idx files that each of them consists of.

torchvision fetches and verifies the files; reading them takes a few lines of NumPy, so that rung 1 learns MNIST
on a machine without torch, and a damaged file is named. The layout is torchvision's: `root/MNIST/raw/`.
"""

import gzip
import math
import zlib
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from foundation.data.cache import cache_directory
from foundation.data.dataset import Dataset
from foundation.errors import InputError

FOLDERS = {"mnist": "MNIST", "fashion-mnist": "FashionMNIST", "kmnist": "KMNIST"}
"""Folder under `root`, which is also the name of torchvision's class."""

CLASSES = {
    "mnist": tuple("0123456789"),
    "fashion-mnist": (
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ),
    "kmnist": ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
}

PREFIXES = {"train": "train", "test": "t10k"}
UNSIGNED_BYTE = 0x08


def load_mnist(name: str, split: str, *, root: Path | None = None) -> Dataset:
    """One split of `mnist`, `fashion-mnist` or `kmnist`, in the files' order.

    Without `root` the files live in the cache directory. Missing ones are downloaded. Raises `InputError` where
    that cannot be done, saying what to put where, and for a file that is truncated or of another kind.
    """
    root = cache_directory() if root is None else root
    folder = root / FOLDERS[name] / "raw"
    stems = f"{PREFIXES[split]}-images-idx3-ubyte", f"{PREFIXES[split]}-labels-idx1-ubyte"
    if not all(_find(folder, stem) for stem in stems):
        _download(name, split, root, folder)
    images_file, labels_file = (_find(folder, stem) or folder / stem for stem in stems)

    images, labels = read_idx(images_file), read_idx(labels_file)
    if images.shape[1:] != (28, 28):
        raise InputError(f"{images_file}: expected images of 28×28, got an array of shape {images.shape}")
    if labels.shape != images.shape[:1]:
        raise InputError(f"{labels_file}: expected {len(images):,} labels, got an array of shape {labels.shape}")
    if labels.max(initial=0) >= len(CLASSES[name]):
        raise InputError(f"{labels_file}: expected labels from 0 to 9, got {labels.max()}")
    pixels = images[:, None] / np.float32(255)
    return Dataset(name, split, pixels, labels.astype(np.int64), CLASSES[name])


def read_idx(path: Path) -> UInt8[np.ndarray, "..."]:
    """The array of bytes in an idx file, gzipped or not: two zeros, type, number of axes, their sizes, the values.

    Format: http://yann.lecun.com/exdb/mnist/. Raises `InputError` naming a file that is not whole.
    """
    try:
        content = path.read_bytes()
        content = gzip.decompress(content) if path.suffix == ".gz" else content
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path}: cannot be read ({error}); if it is damaged, delete it and load again") from error
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] != UNSIGNED_BYTE:
        raise InputError(f"{path}: expected an idx file of bytes, got one that begins with {content[:4]!r}")
    axes = content[3]
    header, values = content[4 : 4 + 4 * axes], content[4 + 4 * axes :]
    shape = tuple(int.from_bytes(header[start : start + 4], "big") for start in range(0, 4 * axes, 4))
    if len(header) < 4 * axes or len(values) != math.prod(shape):
        raise InputError(
            f"{path}: truncated or damaged, expected {math.prod(shape):,} bytes for shape {shape}, "
            f"got {len(values):,}; delete it and load again"
        )
    return np.frombuffer(values, np.uint8).reshape(shape)


def _find(folder: Path, stem: str) -> Path | None:
    """The file, or else its gzipped form, or else None."""
    return next((path for path in (folder / stem, folder / f"{stem}.gz") if path.is_file()), None)


def _download(name: str, split: str, root: Path, folder: Path) -> None:
    """Let torchvision fetch the files and verify their checksums."""
    try:
        import torchvision.datasets

        getattr(torchvision.datasets, FOLDERS[name])(root, train=split == "train", download=True)
    except ImportError as error:
        raise InputError(f'{_missing(name, folder)}, or pip install -e ".[torch]" to have them fetched') from error
    except (OSError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{_missing(name, folder)} (downloading failed: {reason})") from error


def _missing(name: str, folder: Path) -> str:
    """What to do without a download."""
    return (
        f"{name}: files are missing; put (train|t10k)-images-idx3-ubyte and (train|t10k)-labels-idx1-ubyte, "
        f"as they are or as .gz, into {folder}, or use glyphs, which needs no files"
    )
