"""`shapes`: a square, an ellipse or a heart of any size, orientation and place, after dSprites.

dSprites (Matthey et al. 2017) holds every combination of a few values of these factors; here each is drawn from its
whole range. Where `root` holds the original file, that is read instead.
"""

import functools
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int, UInt8

from foundation.data import drawing
from foundation.data.cache import Expected, cached, source_digest
from foundation.data.dataset import Dataset
from foundation.data.dsprites import find_dsprites, read_dsprites

SHAPES = ("square", "ellipse", "heart")
RANGES = {
    "scale": (0.5, 1.0),  # of the largest size, LARGEST
    "orientation": (0.0, 2 * np.pi),  # radians, counter-clockwise; a square looks the same four times, an ellipse twice
    "x": (0.0, 1.0),  # from as far left to as far right as the largest shape fits
    "y": (0.0, 1.0),  # from top to bottom
}
"""The factors beside the shape, each uniform over its range."""

LARGEST = 0.55
"""Diameter of the circle round a shape of scale 1, as a fraction of the image's side."""
CORNERS = 200
"""Corners of the polygons of the ellipse and the heart."""


def load_shapes(split: str, *, root: Path | None = None, seed: int, count: int, size: int) -> Dataset:
    """`count` images of size×size pixels, balanced over the shapes; every factor is in `factors`.

    Raises `InputError` where `root` does not hold the dSprites file, or a damaged one.
    """
    if root is not None:
        file = find_dsprites(root)
        arrays = read_dsprites(file, split, seed=seed, count=count, size=size)
        factors = {name: values for name, values in arrays.items() if name != "images"}
    else:
        key = f"{source_digest(__file__, drawing.__file__)} {split} {seed} {count} {size}"
        labels, factors = drawing.draw_factors(RANGES, len(SHAPES), split=split, seed=seed, count=count)
        factors = {"shape": labels, **factors}
        # Only the images are kept: the factors, which cost little, are the seed's whatever lies in the cache.
        arrays = cached(
            f"shapes-{split}",
            key,
            {"images": Expected((count, size, size), np.uint8)},
            lambda: {"images": drawing.keep_apart(draw_shapes(**factors, size=size), split)},
        )
    images = arrays["images"][:, None] / np.float32(255)
    return Dataset("shapes", split, images, factors["shape"], SHAPES, factors, seed)


def draw_shapes(
    *,
    shape: Int[np.ndarray, " N"],
    scale: Float[np.ndarray, " N"],
    orientation: Float[np.ndarray, " N"],
    x: Float[np.ndarray, " N"],
    y: Float[np.ndarray, " N"],
    size: int = 28,
) -> UInt8[np.ndarray, "N {size} {size}"]:
    """The images of these factors, 8 bits a pixel; units as in RANGES. Vary one factor alone to see what it does."""
    # Room for the largest circle and one pixel more on every side, so that no shape is cut off.
    room = size / 2 - LARGEST * size / 2 - 1
    none = np.zeros(len(shape))
    return drawing.draw(
        _fields(),
        shape,
        size,
        x=(2 * x - 1) * room,
        y=(2 * y - 1) * room,
        scale=scale * LARGEST * size,
        rotation=orientation,
        shear=none,
        widening=none,
        blur=np.ones(len(shape)),
    )


@functools.cache
def _fields() -> Float[np.ndarray, "3 G G"]:
    """Signed distance field of every shape."""
    angle = 2 * np.pi * np.arange(CORNERS) / CORNERS
    square = np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
    ellipse = np.stack([np.cos(angle), 0.5 * np.sin(angle)], axis=1)
    heart_y = 13 * np.cos(angle) - 5 * np.cos(2 * angle) - 2 * np.cos(3 * angle) - np.cos(4 * angle)
    heart = np.stack([16 * np.sin(angle) ** 3, heart_y], axis=1)
    outlines = [drawing.centred(drawing.closed_polygon(corners)) for corners in (square, ellipse, heart)]
    diameters = [2 * np.hypot(outline[..., 0], outline[..., 1]).max() for outline in outlines]
    return np.stack(
        [drawing.distance_field(outline / diameter) for outline, diameter in zip(outlines, diameters, strict=True)]
    )
