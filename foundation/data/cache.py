"""A cache on disk for generated images, so that later runs need not draw them again."""

import contextlib
import hashlib
import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import platformdirs
import safetensors.numpy

from foundation.errors import InputError
from foundation.files import expand_home, open_regular, remove_leftovers, write_bytes

Arrays = dict[str, np.ndarray]
DIGEST_SIZE = hashlib.sha256().digest_size
HEADER_SIZE = 64 * 1024
"""Bytes that a safetensors file may hold beside its arrays."""


class Expected(NamedTuple):
    """What an array in the cache must be to be used."""

    shape: tuple[int, ...]
    dtype: type[np.generic]
    low: float = -math.inf
    """Smallest allowed value"""
    high: float = math.inf
    """Largest allowed value"""

    def fits(self, array: np.ndarray) -> bool:
        """Whether an array has this shape, dtype and range; NaN is outside every range."""
        if array.shape != self.shape or array.dtype != self.dtype:
            return False
        return bool(array.size == 0 or (array.min() >= self.low and array.max() <= self.high))

    def size(self) -> int:
        """Bytes of the array's values."""
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize


def cache_directory() -> Path:
    """VAE_LADDER_CACHE where it is set, else the platform's usual folder for caches.

    Raises `InputError` for a user without a home folder.
    """
    folder = os.environ.get("VAE_LADDER_CACHE") or platformdirs.user_cache_dir("vae-ladder", appauthor=False)
    return expand_home(folder, "VAE_LADDER_CACHE")


def cached(name: str, key: str, expected: Mapping[str, Expected], make: Callable[[], Arrays]) -> Arrays:
    """Return the arrays that `make` returns, read from the cache where it holds an undamaged copy of them.

    `key` states everything that the arrays depend on, and `expected` every array by name. A file of the cache is the
    SHA-256 of key and payload, then the payload, which is safetensors. Any other file is made anew. Where nothing can
    be read or written, the arrays are made and returned without a cache.
    """
    try:
        path = cache_directory() / f"{name}-{hashlib.sha256(key.encode()).hexdigest()[:16]}.cache"
    except InputError:  # no home folder
        return make()
    arrays = _read(path, key, expected)
    if arrays is None:
        # safetensors writes memory as it lies, whatever the order of the axes.
        arrays = {name: np.ascontiguousarray(array) for name, array in make().items()}
        payload = safetensors.numpy.save(arrays)
        with contextlib.suppress(InputError):  # a read-only or full disk
            write_bytes(path, _digest(key, payload) + payload)
            remove_leftovers(path.parent)
    return arrays


def _digest(key: str, payload: bytes) -> bytes:
    return hashlib.sha256(key.encode() + payload).digest()


def _read(path: Path, key: str, expected: Mapping[str, Expected]) -> Arrays | None:
    """The arrays in a cache file, or None where they are missing, damaged or not as expected."""
    largest = DIGEST_SIZE + HEADER_SIZE + sum(array.size() for array in expected.values())
    try:
        with open_regular(path) as file:
            content = file.read(largest + 1)
    except OSError:
        return None
    digest, payload = content[:DIGEST_SIZE], content[DIGEST_SIZE:]
    if len(content) > largest or _digest(key, payload) != digest:
        return None
    try:
        arrays = safetensors.numpy.load(payload)
    except Exception:  # a whole file of another kind; the reader raises many kinds of errors
        return None
    if arrays.keys() != expected.keys() or not all(expected[name].fits(array) for name, array in arrays.items()):
        return None
    return arrays


def source_digest(*files: str) -> str:
    """A digest of source files, for a key: arrays drawn by other code are other arrays."""
    return hashlib.sha256(b"".join(Path(file).read_bytes() for file in files)).hexdigest()
