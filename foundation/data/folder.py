"""A folder of the user's own images: any size and format, made grey and square.

Sub-folders, where there are any, are the classes. Where `train` and `test` are among them, they are the splits, and
their sub-folders the classes; otherwise a tenth of the images, drawn by the seed, is the test split.
"""

from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float32
from PIL import Image, ImageOps

from foundation.data.dataset import SPLITS, Dataset
from foundation.errors import InputError

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".pgm", ".ppm")
"""Files that end otherwise, or begin with a dot, are passed over."""
TEST_FRACTION = 0.1


def load_folder(folder: Path, split: str, *, seed: int, size: int) -> Dataset:
    """One split of a folder, sorted by path. Raises `InputError` where it is empty or an image cannot be read."""
    name = folder.resolve().name
    splits = [part for part in SPLITS if (folder / part).is_dir()]
    if len(splits) == 1:
        raise InputError(f"{folder}: expected both sub-folders train and test, or neither, got only {splits[0]}")
    if splits:
        files = {part: _files_by_class(folder / part) for part in SPLITS}
        classes = tuple(sorted(files["train"].keys() | files["test"].keys()))
        images, labels = _read_all(files[split], classes, size)
        return Dataset(name, split, images, labels, classes)

    files = _files_by_class(folder)
    classes = tuple(files)
    images, labels = _read_all(files, classes, size)
    chosen = _drawn_for_test(images, seed) == (split == "test")
    if not chosen.any():
        raise InputError(f"{folder}: expected at least two different images, to train on one and test on the other")
    return Dataset(name, split, images[chosen], labels[chosen], classes, seed=seed)


def _files_by_class(folder: Path) -> dict[str, list[Path]]:
    """Image files under each class's name, sorted; a folder without sub-folders is one class, `images`."""
    files = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and path.is_file()
    )
    if not files:
        raise InputError(f"{folder}: expected images ({' '.join(SUFFIXES)}), found none")
    by_class: dict[str, list[Path]] = {}
    for path in files:
        within = path.relative_to(folder).parts
        by_class.setdefault(within[0] if len(within) > 1 else "", []).append(path)
    if "" in by_class and len(by_class) > 1:
        raise InputError(f"{folder}: expected images in sub-folders or none there, got both ({by_class[''][0].name})")
    return {name or "images": paths for name, paths in sorted(by_class.items())}


def _read_all(
    files: dict[str, list[Path]], classes: tuple[str, ...], size: int
) -> tuple[Float32[np.ndarray, "N 1 {size} {size}"], np.ndarray]:
    images = np.stack([read_image(path, size) for paths in files.values() for path in paths])
    labels = np.repeat([classes.index(name) for name in files], [len(paths) for paths in files.values()])
    return images[:, None], labels.astype(np.int64)


def _drawn_for_test(images: Float32[np.ndarray, "N 1 H W"], seed: int) -> Bool[np.ndarray, " N"]:
    """Which images are for testing. Copies of one image go together, or the test would hold training images."""
    first: dict[bytes, int] = {}
    original = np.array([first.setdefault(image.tobytes(), len(first)) for image in images])
    share = max(1, round(TEST_FRACTION * len(first)))
    return np.isin(original, np.random.default_rng(seed).permutation(len(first))[:share])


def read_image(path: Path, size: int) -> Float32[np.ndarray, "{size} {size}"]:
    """One image as grey levels from 0, black, to 1, white.

    It is turned upright as its camera says, its largest centred square is kept, and that is averaged down (or
    interpolated up) to size×size. What is transparent lies on white, as on paper. Raises `InputError` naming a
    file that is no image.
    """
    try:
        with Image.open(path) as image:
            grey = Image.fromarray(_grey(ImageOps.exif_transpose(image)))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputError(f"{path}: cannot be read as an image ({error})") from error
    resized = ImageOps.fit(grey, (size, size), Image.Resampling.BILINEAR)
    return np.clip(np.asarray(resized), 0, 1)


def _grey(image: Image.Image) -> Float32[np.ndarray, "H W"]:
    """Grey levels in [0, 1]: of 16 bits where the file has them, which Pillow's own conversion would clip to 8."""
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        values = np.asarray(image).astype(np.float32)
        values /= 1 if image.mode == "F" else 65535
        if not (np.isfinite(values).all() and values.min() >= 0 and values.max() <= 1):
            raise ValueError(f"expected 16-bit levels, or floats in [0, 1], got {values.min():g} to {values.max():g}")
        return values
    opaque = Image.new("RGBA", image.size, "white")
    opaque.alpha_composite(image.convert("RGBA"))
    return np.asarray(opaque.convert("L"), np.float32) / 255
