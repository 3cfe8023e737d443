"""Draws synthetic images: their factors from a seed, their outlines antialiased through signed distance fields.

A signed distance field holds for every point of a grid the distance to an outline, negative inside and positive
outside. An image is drawn from it pixel by pixel: each pixel is mapped back to the outline's own plane, the distance is
looked up there, and the pixel is white where it is negative, with a ramp across the edge.
"""

import numpy as np
from jaxtyping import Float, Int, UInt8

from foundation.data.dataset import SPLITS

Ranges = dict[str, tuple[float, float]]
"""Lowest and highest value of each factor, by name."""
REACH = 0.8
"""A field covers [-REACH, REACH]² around the middle of an outline whose longer side is 1."""
GRID = 65
"""Points along each side of a field: half a pixel apart when the outline is drawn 20 pixels high."""
CHUNK = 256
"""Images drawn at a time, so that the intermediate arrays stay in the processor's cache."""

Segments = Float[np.ndarray, "S 2 2"]
"""An outline: S line segments, each from one point (x, y) to another, y upwards, that join up into closed contours."""


def draw_factors(
    ranges: Ranges, classes: int, *, split: str, seed: int, count: int
) -> tuple[Int[np.ndarray, " N"], dict[str, np.ndarray]]:
    """Labels, each class once in every run of `classes` images, and factors, each uniform over its range.

    The splits draw from independent streams of one seed. A larger count begins with the smaller one's images.
    """
    stream = np.random.SeedSequence(seed).spawn(len(SPLITS))[SPLITS.index(split)]
    blocks = -(-count // classes)
    uniform = np.random.default_rng(stream).random((blocks, classes, 1 + len(ranges)))
    labels = uniform[..., 0].argsort(axis=1).ravel()[:count]  # a random permutation in every block
    columns = uniform[..., 1:].reshape(blocks * classes, -1)[:count].T
    factors = {
        name: low + (high - low) * column for (name, (low, high)), column in zip(ranges.items(), columns, strict=True)
    }
    return labels, factors


def keep_apart(images: UInt8[np.ndarray, "N H W"], split: str) -> UInt8[np.ndarray, "N H W"]:
    """Change the images so that none of one split equals any of the other, whatever their seeds and counts.

    The grey levels of a training image add up to an even number, those of a test image to an odd one. Where they do
    not, the brightest pixel becomes darker by 1/255, which is invisible.
    """
    pixels = images.reshape(len(images), -1).copy()
    wrong = np.flatnonzero(pixels.sum(axis=1) % 2 != SPLITS.index(split))
    pixels[wrong, pixels[wrong].argmax(axis=1)] -= 1
    return pixels.reshape(images.shape)


def closed_polygon(corners: Float[np.ndarray, "C 2"]) -> Segments:
    """The segments from corner to corner and back to the first; segments of no length are left out."""
    segments = np.stack([corners, np.roll(corners, -1, axis=0)], axis=1)
    return segments[(segments[:, 0] != segments[:, 1]).any(axis=1)]


def centred(segments: Segments) -> Segments:
    """The same outline with the middle of its bounding box at the origin and its longer side 1."""
    low, high = segments.min(axis=(0, 1)), segments.max(axis=(0, 1))
    return (segments - (low + high) / 2) / (high - low).max()


def signed_distance(x: Float[np.ndarray, " P"], y: float, segments: Segments) -> Float[np.ndarray, " P"]:
    """Distance from each point (x, y) of a horizontal row to the outline, negative inside.

    Inside is where the winding number is not zero: the rule by which fonts are filled.
    """
    (x0, y0), (x1, y1) = segments[:, 0].T, segments[:, 1].T
    along_x, along_y = x1 - x0, y1 - y0
    from_x, from_y = x[:, None] - x0, y - y0
    # The nearest point of a segment, as a fraction of the way along it.
    nearest = np.clip((from_x * along_x + from_y * along_y) / (along_x**2 + along_y**2), 0, 1)
    squared = (from_x - nearest * along_x) ** 2 + (from_y - nearest * along_y) ** 2
    distance = np.sqrt(squared.min(axis=1))

    # The winding number counts the segments that cross the row to the right of the point: +1 up, -1 down.
    crossing = np.sign(along_y) * ((y0 <= y) != (y1 <= y))
    slope = np.divide(along_x, along_y, out=np.zeros_like(along_x), where=crossing != 0)
    winding = (crossing * (from_y * slope > from_x)).sum(axis=1)
    return np.where(winding != 0, -distance, distance)


def distance_field(segments: Segments) -> Float[np.ndarray, "G G"]:
    """Signed distances on the grid; x grows with the column and y with the row."""
    axis = np.linspace(-REACH, REACH, GRID)
    return np.stack([signed_distance(axis, y, segments) for y in axis])


def look_up(
    fields: Float[np.ndarray, "F G G"],
    which: Int[np.ndarray, "N 1"],
    x: Float[np.ndarray, "N P"],
    y: Float[np.ndarray, "N P"],
) -> Float[np.ndarray, "N P"]:
    """Distance in field `which` at the points (x, y), bilinear; beyond the grid, that of the grid's nearest point."""
    column = np.clip((x + REACH) * ((GRID - 1) / (2 * REACH)), 0, GRID - 1)
    row = np.clip((y + REACH) * ((GRID - 1) / (2 * REACH)), 0, GRID - 1)
    left = np.minimum(column.astype(np.intp), GRID - 2)
    below = np.minimum(row.astype(np.intp), GRID - 2)
    across, up = column - left, row - below

    values = fields.reshape(-1)
    corner = (which * GRID + below) * GRID + left
    bottom = values[corner] + across * (values[corner + 1] - values[corner])
    corner += GRID
    top = values[corner] + across * (values[corner + 1] - values[corner])
    return bottom + up * (top - bottom)


def draw(
    fields: Float[np.ndarray, "F G G"],
    which: Int[np.ndarray, " N"],
    size: int,
    *,
    x: Float[np.ndarray, " N"],
    y: Float[np.ndarray, " N"],
    scale: Float[np.ndarray, " N"],
    rotation: Float[np.ndarray, " N"],
    shear: Float[np.ndarray, " N"],
    widening: Float[np.ndarray, " N"],
    blur: Float[np.ndarray, " N"],
) -> UInt8[np.ndarray, "N {size} {size}"]:
    """White outlines on black, 8 bits a pixel: rounding hides how platforms differ in the last bit of a sine.

    Each outline `which` is sheared, rotated (radians, counter-clockwise), scaled (pixels a unit), moved by x to
    the right and y down (pixels from the middle), widened on all sides and blurred across its edge (pixels).
    """
    column, row = np.meshgrid(np.arange(size) - (size - 1) / 2, np.arange(size) - (size - 1) / 2)
    factors = np.stack([x, y, scale, rotation, shear, widening, blur])[..., None]  # (7, N, 1)
    images = np.empty((len(which), size * size), np.uint8)
    for start in range(0, len(which), CHUNK):
        chunk = slice(start, start + CHUNK)
        x_, y_, scale_, rotation_, shear_, widening_, blur_ = factors[:, chunk]
        # Each pixel is taken back, step by step, to the plane that its outline was designed on.
        right, up = column.ravel() - x_, y_ - row.ravel()
        right, up = right / scale_, up / scale_
        cos, sin = np.cos(rotation_), np.sin(rotation_)
        right, up = cos * right + sin * up, cos * up - sin * right
        right = right - shear_ * up
        distance = scale_ * look_up(fields, which[chunk, None], right, up) - widening_
        images[chunk] = np.rint(255 * np.clip(0.5 - distance / blur_, 0, 1))
    return images.reshape(-1, size, size)
