"""A folder of the user's own images: any size and format, made square, and grey unless colour is asked for.

Sub-folders, where there are any, are the classes. Sub-folders `train` and `test` (or `training` and `testing`, in any
case, also as `train_set`, `test-images` and so on) are the splits, and their sub-folders the classes; otherwise a tenth
of the images, drawn by the seed, is the test split. Symbolic links are followed. What cannot be read is an error that
names the file, and left out only where that is asked for.
"""

import os
import re
import warnings
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float32, Int64
from PIL import Image, ImageOps

from foundation.data.dataset import Dataset
from foundation.errors import InputError
from foundation.files import open_regular

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".pgm", ".ppm")
"""Files of other suffixes, and hidden files and folders, are left out."""
SPLIT_NAME = re.compile(r"(train|test)(ing)?([ _-]?(set|split|data|images))?", re.IGNORECASE)
"""Names of the splits' folders."""
OTHER_SPLIT = re.compile(r"(val|valid|validation|dev)([ _-]?(set|split|data|images))?", re.IGNORECASE)
"""Names of splits that are made from the training images here, and are no classes."""
TEST_FRACTION = 0.1
MOST_PIXELS = 50_000_000
"""Pixels of one image at most; decoding as many takes less than 1 GB."""

Files = dict[str, list[Path]]
"""The image files of each class."""


def load_folder(folder: Path, split: str, *, seed: int, size: int, colour: bool = False, skip: bool = False) -> Dataset:
    """One split of a folder, sorted by path. Raises `InputError` where it is empty or an image cannot be read.

    With `skip` such images are left out, and the data set lists them.
    """
    name = _in_utf8(folder.resolve().name, folder)
    splits = find_splits(folder)
    if splits:
        by_split = {part: find_files(path) for part, path in splits.items()}
        classes = tuple(sorted(by_split["train"].keys() | by_split["test"].keys()))
        images, labels, left_out = _read_all(by_split[split], classes, size, colour, skip)
        return Dataset(name, split, images, labels, classes, left_out=left_out)

    files = find_files(folder)
    classes = tuple(files)
    images, labels, left_out = _read_all(files, classes, size, colour, skip)
    chosen = _drawn_for_test(images, seed) == (split == "test")
    if not chosen.any():
        raise InputError(f"{folder}: expected at least two different images, to train on one and test on the other")
    return Dataset(name, split, images[chosen], labels[chosen], classes, seed=seed, left_out=left_out)


def find_splits(folder: Path) -> dict[str, Path]:
    """The folders of both splits, or none where there are no such folders.

    Raises `InputError` where one of them is missing or there twice, for a folder of validation images, and for other
    images beside the splits.
    """
    visible = _visible(folder)
    inside = [name for name, is_folder in visible if is_folder]
    named = {name: split[1].lower() for name in inside if (split := SPLIT_NAME.fullmatch(name))}
    others = [name for name in inside if OTHER_SPLIT.fullmatch(name)]
    if others:
        raise InputError(
            f"{folder}: expected classes or the splits train and test, got {others[0]}; rename it to test, or move its "
            "images into train (validation images are taken from the training images)"
        )
    if named and sorted(named.values()) != ["test", "train"]:
        raise InputError(f"{folder}: expected both sub-folders train and test, or neither, got only {', '.join(named)}")
    beside = [name for name, is_folder in visible if name not in named and (is_folder or _is_image(name))]
    splits = " and ".join(named)
    if named and beside:
        raise InputError(f"{folder}: expected the splits {splits} alone, got {_shown(beside[0])} beside them")
    return {split: folder / name for name, split in named.items()}


def find_files(folder: Path) -> Files:
    """Image files under each class's name, sorted; a folder without sub-folders is one class, `images`."""
    by_class: Files = {}
    for path in sorted(_image_files(folder)):
        within = path.relative_to(folder).parts
        by_class.setdefault(within[0] if len(within) > 1 else "", []).append(path)
    if not by_class:
        raise InputError(f"{folder}: expected images ({' '.join(SUFFIXES)}), found none")
    if "" in by_class and len(by_class) > 1:
        raise InputError(f"{folder}: expected images in sub-folders or none there, got both ({by_class[''][0].name})")
    return {_in_utf8(name, folder) or "images": paths for name, paths in sorted(by_class.items())}


def _image_files(folder: Path, around: tuple[str, ...] = ()) -> list[Path]:
    """Every image file under a folder, through links too; `around` are the folders that it is reached through."""
    real = os.path.realpath(folder)
    if real in around:
        raise InputError(f"{_shown(folder)}: expected images, got a link to a folder around it")
    found = []
    for name, is_folder in _visible(folder):
        path = folder / name
        if is_folder:
            found += _image_files(path, (*around, real))
        elif _is_image(name):
            found.append(path)
        elif path.is_symlink() and not os.path.exists(path):
            raise InputError(f"{_shown(path)}: expected a file or folder, got a link to none")
    return found


def _is_image(name: str) -> bool:
    return Path(name).suffix.lower() in SUFFIXES


def _visible(folder: Path) -> list[tuple[str, bool]]:
    """The names in a folder that are not hidden, and whether each is a folder. Raises `InputError` if unreadable."""
    try:
        with os.scandir(folder) as entries:
            return sorted((entry.name, entry.is_dir()) for entry in entries if not entry.name.startswith("."))
    except OSError as error:
        raise InputError(f"{_shown(error.filename or folder)}: cannot be read ({error.strerror})") from error


def _in_utf8(name: str, folder: Path) -> str:
    """The name. Raises `InputError` for one that is not UTF-8, which can be neither printed nor written."""
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise InputError(f"{_shown(folder)}: expected names in UTF-8, got {name!a}") from error
    return name


def _shown(path: str | Path) -> str:
    """A path as it can be printed: bytes that are not UTF-8 as \\x.. ."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _read_all(
    files: Files, classes: tuple[str, ...], size: int, colour: bool, skip: bool
) -> tuple[Float32[np.ndarray, "N C {size} {size}"], Int64[np.ndarray, " N"], tuple[str, ...]]:
    """Images, labels, and what was left out with the reasons."""
    images, labels, left_out = [], [], []
    for name, path in ((name, path) for name, paths in files.items() for path in paths):
        try:
            images.append(read_image(path, size, colour))
        except InputError as error:
            if not skip:
                raise InputError(f"{error}; `vae-ladder train --data.skip` leaves such files out") from error
            left_out.append(str(error))
        else:
            labels.append(classes.index(name))
    if not images:
        raise InputError(f"{left_out[0]}; of {len(left_out)} files none can be read")
    return np.stack(images), np.array(labels, np.int64), tuple(left_out)


def _drawn_for_test(images: Float32[np.ndarray, "N C H W"], seed: int) -> Bool[np.ndarray, " N"]:
    """Mask of the test images. Copies of one image stay together, or the test would hold training images."""
    first: dict[bytes, int] = {}
    original = np.array([first.setdefault(image.tobytes(), len(first)) for image in images])
    share = max(1, round(TEST_FRACTION * len(first)))
    return np.isin(original, np.random.default_rng(seed).permutation(len(first))[:share])


def read_image(path: Path, size: int, colour: bool = False) -> Float32[np.ndarray, "C {size} {size}"]:
    """One image as grey levels, or as red, green and blue, from 0, black, to 1, white.

    It is rotated as its EXIF orientation says, cropped to its largest centred square, and resized to size×size by
    averaging (or interpolation, where it is smaller). Transparent pixels lie on white. Raises `InputError` naming a
    file that is no image, or one of more than MOST_PIXELS, before it is decoded.
    """
    try:
        open_regular(path).close()
    except PermissionError as error:
        raise InputError(f"{_shown(path)}: cannot be read ({error.strerror})") from error
    except OSError as error:
        raise InputError(
            f"{_shown(path)}: expected an image, got no file, a link to none, or a pipe or device"
        ) from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                width, height = image.size
                if width * height > MOST_PIXELS:
                    raise ValueError(f"expected at most {MOST_PIXELS:,} pixels, got {width:,}×{height:,}")
                upright = ImageOps.exif_transpose(image)
                planes = [Image.fromarray(plane) for plane in (_colours if colour else _greys)(upright)]
    except Exception as error:  # Pillow's readers raise many kinds for damaged files
        raise InputError(f"{_shown(path)}: cannot be read as an image ({' '.join(str(error).split())})") from error
    resized = [np.asarray(ImageOps.fit(plane, (size, size), Image.Resampling.BILINEAR)) for plane in planes]
    return np.clip(np.stack(resized), 0, 1)


def _colours(image: Image.Image) -> Float32[np.ndarray, "3 H W"]:
    """Red, green and blue in [0, 1]; a grey image three times."""
    if _has_many_levels(image) or image.mode in ("1", "L", "LA"):
        return np.repeat(_greys(image), 3, axis=0)
    opaque = image if image.mode == "RGB" and "transparency" not in image.info else _on_white(image)
    return np.asarray(opaque.convert("RGB"), np.float32).transpose(2, 0, 1) / 255


def _greys(image: Image.Image) -> Float32[np.ndarray, "1 H W"]:
    """Grey levels in [0, 1]: of 16 bits where the file has them, which Pillow's own conversion would clip to 8."""
    if _has_many_levels(image):
        levels = np.asarray(image)
        values = levels.astype(np.float32)
        values /= 1 if image.mode == "F" else 65535
        if not (np.isfinite(values).all() and values.min() >= 0 and values.max() <= 1):
            raise ValueError(f"expected 16-bit levels, or floats in [0, 1], got {values.min():g} to {values.max():g}")
        if isinstance(transparent := image.info.get("transparency"), int):  # one level of a PNG of 16 bits
            values[levels == transparent] = 1
        return values[None]
    opaque = image if image.mode in ("L", "RGB") and "transparency" not in image.info else _on_white(image)
    return np.asarray(opaque.convert("L"), np.float32)[None] / 255


def _has_many_levels(image: Image.Image) -> bool:
    """Whether a grey image has more than 8 bits a pixel."""
    return image.mode in ("I", "F") or image.mode.startswith("I;16")


def _on_white(image: Image.Image) -> Image.Image:
    """The image with white behind what is transparent."""
    opaque = Image.new("RGBA", image.size, "white")
    opaque.alpha_composite(image.convert("RGBA"))
    return opaque
