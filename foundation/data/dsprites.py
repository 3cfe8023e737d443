"""Reads the original dSprites file: 737,280 images of 64×64 in every combination of their factors.

https://github.com/google-deepmind/dsprites-dataset
"""

import math
import zipfile
import zlib
from pathlib import Path

import numpy as np
from jaxtyping import Int, Real, UInt8
from PIL import Image

from foundation.data.cache import Expected, cached, source_digest
from foundation.errors import InputError

FILE = "dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz"
FACTORS = ("color", "shape", "scale", "orientation", "x", "y")
"""The file's columns; scale, orientation (radians) and x, y (0 to 1) are in the units of `shapes`."""
SIDE = 64
MOST_BYTES = 128 * 1024**2
"""Unpacked size of the factors at most; those of the file take 35 MB each."""
MOST_LETTERS = 300
"""Of the reason why a file cannot be read."""
ROWS = 4096
"""Images read at a time; all of them would fill 3 GB."""


def find_dsprites(root: Path) -> Path:
    """`root` itself or the file in it; raises `InputError` where there is none."""
    path = root / FILE if root.is_dir() else root
    if not path.is_file():
        raise InputError(f"shapes: expected {FILE} in {root}; without a data root, shapes are drawn and need no file")
    return path


def read_dsprites(path: Path, split: str, *, seed: int, count: int, size: int) -> dict[str, np.ndarray]:
    """`count` of the file's images, uint8 (N, size, size), and their factors, in an order drawn by `seed`.

    A tenth of the combinations of shape, scale and place, in all their orientations, is the test split: so
    neither a shape's symmetry nor the turn by 360° that the file holds beside 0° puts one image into both.
    """
    status = path.stat()
    given = f"{path.resolve()} {status.st_size} {status.st_mtime_ns} {split} {seed} {count} {size}"
    expected = {
        "images": Expected((count, size, size), np.uint8),
        "shape": Expected((count,), np.int64, 0, 2),
        **{name: Expected((count,), np.float64) for name in ("scale", "orientation", "x", "y")},
    }
    key = f"{source_digest(__file__)} {given}"
    return cached(f"dsprites-{split}", key, expected, lambda: _read(path, split, seed, count, size))


def _read(path: Path, split: str, seed: int, count: int, size: int) -> dict[str, np.ndarray]:
    damaged = OSError, ValueError, KeyError, EOFError, MemoryError, zipfile.BadZipFile, zlib.error
    try:
        classes, values = (_read_factors(path, name) for name in ("latents_classes", "latents_values"))
        if not np.isin(classes[:, FACTORS.index("shape")], (0, 1, 2)).all():
            raise ValueError("latents_classes: expected shapes from 0 to 2")
        if not np.isfinite(values).all():
            raise ValueError("latents_values: expected finite numbers")
        if len(values) != len(classes):
            raise ValueError(f"latents_values: expected {len(classes):,} rows, got {len(values):,}")
        rows = _rows(classes, split, seed)[:count]
        images = _read_images(path, rows, len(classes))
    except damaged as error:
        reason = " ".join(str(error).split())[:MOST_LETTERS]  # NumPy's reasons have several lines
        raise InputError(f"{path}: expected the dSprites file, which is damaged or another one ({reason})") from error
    if count > len(rows):
        raise InputError(f"count: expected at most {len(rows):,} for dSprites/{split}, got {count:,}")
    factors = dict(zip(FACTORS, np.ascontiguousarray(values[rows].T, dtype=np.float64), strict=True))
    del factors["color"]  # always white
    factors["shape"] = classes[rows, FACTORS.index("shape")].astype(np.int64)
    return {"images": _resize(images * np.uint8(255), size), **factors}


def _read_factors(path: Path, name: str) -> Real[np.ndarray, "R 6"]:
    """One of the file's small arrays. The file's `metadata` is a pickle, which could run code, and is never loaded."""
    with zipfile.ZipFile(path) as archive:
        if (size := archive.getinfo(f"{name}.npy").file_size) > MOST_BYTES:
            raise ValueError(f"{name}: expected at most {MOST_BYTES:,} bytes, got {size:,}")
        with archive.open(f"{name}.npy") as file:
            array = np.lib.format.read_array(file, allow_pickle=False)
    if array.ndim != 2 or array.shape[1] != len(FACTORS) or array.dtype.kind not in "iuf":
        raise ValueError(f"{name}: expected {len(FACTORS)} columns of numbers, got {array.dtype} of {array.shape}")
    return array


def _rows(classes: Int[np.ndarray, "R 6"], split: str, seed: int) -> Int[np.ndarray, " N"]:
    """The rows of a split in a random order."""
    rng = np.random.default_rng(seed)
    kept = [column for column, name in enumerate(FACTORS) if name != "orientation"]
    _, combination = np.unique(classes[:, kept], axis=0, return_inverse=True)
    combination = combination.reshape(-1)
    held_out = rng.random(combination.max() + 1) < 0.1
    return rng.permutation(np.flatnonzero(held_out[combination] == (split == "test")))


def _read_images(path: Path, rows: Int[np.ndarray, " N"], count: int) -> UInt8[np.ndarray, "N H W"]:
    """The chosen images, read block by block so that memory holds few of the others."""
    with zipfile.ZipFile(path) as archive, archive.open("imgs.npy") as file:
        np.lib.format.read_magic(file)
        (total, *shape), _, dtype = np.lib.format.read_array_header_1_0(file)
        if total != count:
            raise ValueError(f"imgs: expected {count:,} images, got {total:,}")
        if dtype != np.uint8 or shape != [SIDE, SIDE]:
            raise ValueError(f"imgs: expected {SIDE}×{SIDE} pixels of uint8, got {dtype} of shape {shape}")
        images = np.empty((len(rows), *shape), np.uint8)
        for start in range(0, total, ROWS):
            stop = min(start + ROWS, total)
            block = np.frombuffer(file.read((stop - start) * math.prod(shape)), np.uint8).reshape(-1, *shape)
            here = np.flatnonzero((rows >= start) & (rows < stop))
            images[here] = block[rows[here] - start]
    return images


def _resize(images: UInt8[np.ndarray, "N H W"], size: int) -> UInt8[np.ndarray, "N {size} {size}"]:
    """Every image at size×size, each pixel the mean of the area it covers."""
    if images.shape[1:] == (size, size):
        return images
    resized = [Image.fromarray(image).resize((size, size), Image.Resampling.BOX) for image in images]
    return np.stack([np.asarray(image) for image in resized])
