"""CIFAR-10 and SVHN: small photographs in colour, read by torchvision.

torchvision downloads the files and compares their checksums before it reads them. Those of CIFAR-10 are pickles, which
could run code: only the published files are read.
"""

import importlib
from pathlib import Path
from typing import Any

import numpy as np

from foundation.data.cache import cache_directory
from foundation.data.dataset import Dataset
from foundation.errors import InputError

KINDS = {"cifar10": "CIFAR10", "svhn": "SVHN"}
"""The names of torchvision's classes."""
FILES = {"cifar10": "the folder cifar-10-batches-py", "svhn": "train_32x32.mat and test_32x32.mat"}
CLASSES = {
    "cifar10": ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
    "svhn": tuple("0123456789"),
}


def load_photographs(name: str, split: str, *, root: Path | None = None, download: bool = True) -> Dataset:
    """One split of `cifar10` or `svhn`: images of 3 channels and 32×32 pixels, in the files' order.

    Without `root` the files are in the cache directory. Missing ones are downloaded, unless `download` is false. Raises
    `InputError` where that fails, and for a file that is not the published one.
    """
    root = cache_directory() if root is None else root
    try:
        kind: Any = getattr(importlib.import_module("torchvision.datasets"), KINDS[name])
    except ImportError as error:
        raise InputError(f'{name}: is read by torchvision; type: pip install "vae-ladder[torch]"') from error
    which = {"train": split == "train"} if name == "cifar10" else {"split": split}
    try:
        try:
            photographs = kind(root, **which, download=False)
        except RuntimeError:  # not there, or not the published files
            if not download:
                raise
            photographs = kind(root, **which, download=True)
    except ModuleNotFoundError as error:  # SVHN is a MATLAB file
        raise InputError(
            f"{name}: is read by {error.name}, which is not installed; type: pip install {error.name}"
        ) from error
    except Exception as error:  # of the network, of the disk, or of a damaged file
        reason = " ".join(str(error).split())
        raise InputError(
            f"{name}: files are missing or damaged; put {FILES[name]}, as torchvision has them, into {root}, or use "
            f"rooms, which needs no files ({reason})"
        ) from error
    images = photographs.data if name == "svhn" else photographs.data.transpose(0, 3, 1, 2)
    labels = np.asarray(photographs.labels if name == "svhn" else photographs.targets, np.int64)
    return Dataset(name, split, images / np.float32(255), labels, CLASSES[name])
