"""Keeps drawn images on disk, so that the next run starts at once."""

import contextlib
import hashlib
import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import safetensors.numpy
from safetensors import SafetensorError

from foundation.errors import InputError
from foundation.files import write_bytes

Arrays = dict[str, np.ndarray]
DIGEST_SIZE = hashlib.sha256().digest_size


def cache_directory() -> Path:
    """VAE_LADDER_CACHE where it is set, else the platform's usual place."""
    if chosen := os.environ.get("VAE_LADDER_CACHE"):
        return Path(chosen)
    if sys.platform == "win32" and (local := os.environ.get("LOCALAPPDATA")):
        return Path(local) / "vae-ladder"
    return Path.home() / ".cache" / "vae-ladder"


def cached(name: str, key: str, make: Callable[[], Arrays]) -> Arrays:
    """The arrays that `make` returns, read from the cache where an undamaged copy of them lies there.

    `key` says everything that the arrays depend on. A file is the SHA-256 of its payload, then the payload, a
    safetensors file. A damaged one is made anew; where nothing can be written the arrays are returned all the
    same, for a cache only saves time.
    """
    path = cache_directory() / f"{name}-{hashlib.sha256(key.encode()).hexdigest()[:16]}.cache"
    arrays = _read(path)
    if arrays is None:
        arrays = make()
        payload = safetensors.numpy.save(arrays)
        with contextlib.suppress(InputError):  # a read-only or full disk
            write_bytes(path, hashlib.sha256(payload).digest() + payload)
    return arrays


def _read(path: Path) -> Arrays | None:
    """The arrays in a cache file, or None where it is missing, unreadable or damaged."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    digest, payload = content[:DIGEST_SIZE], content[DIGEST_SIZE:]
    if hashlib.sha256(payload).digest() != digest:
        return None
    try:
        return safetensors.numpy.load(payload)
    except SafetensorError:  # whole, but written by something else
        return None


def source_digest(*files: str) -> str:
    """A digest of source files, for a key: arrays drawn by other code are other arrays."""
    return hashlib.sha256(b"".join(Path(file).read_bytes() for file in files)).hexdigest()
