"""`glyphs`: the ten digits from the fonts that matplotlib ships, each placed, slanted, thickened and blurred at random.

No download: 22,000 images take about three seconds, and every factor that an image was drawn from is known.
"""

import functools
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, UInt8

from foundation.data import drawing
from foundation.data.cache import Expected, cached, source_digest
from foundation.data.dataset import Dataset

SIZE = 28
DIGITS = tuple("0123456789")

FONTS = {
    "DejaVuSans": "0",
    "DejaVuSans-Bold": "0",
    "DejaVuSans-Oblique": "0",
    "DejaVuSans-BoldOblique": "0",
    "DejaVuSansMono": "0",
    "DejaVuSerif": "0",
    "DejaVuSerif-Bold": "0",
    "DejaVuSerif-Italic": "0",
    "DejaVuSerif-BoldItalic": "0",
    "STIXGeneral": "0",
    "STIXGeneralItalic": "0",
    "STIXGeneralBol": "0",
    "STIXGeneralBolIta": "0",
    "STIXGeneral, sans-serif": "\N{MATHEMATICAL SANS-SERIF DIGIT ZERO}",
    "STIXGeneral, monospace": "\N{MATHEMATICAL MONOSPACE DIGIT ZERO}",
    "cmr10": "0",
    "cmb10": "0",
    "cmmi10": "0",
    "cmss10": "0",
    "cmtt10": "0",
}
"""Each typeface and its character for zero, which the other nine digits follow in Unicode."""

RANGES = {
    "x": (-0.5, 0.5),  # pixels to the right of the image's middle
    "y": (-0.5, 0.5),  # pixels below the image's middle
    "scale": (16.5, 20.0),  # longer side, in pixels, of the box round the sheared and rotated outline
    "rotation": (-12.0, 12.0),  # degrees, counter-clockwise
    "shear": (-0.15, 0.25),  # pixels to the right for each pixel upwards: handwriting slants forwards more than back
    "thickness": (1.6, 3.8),  # mean width of the strokes in pixels
    "blur": (1.0, 1.8),  # width in pixels of the ramp from black to white across an edge
}
"""The continuous factors, each uniform over its range. No combination of them makes a digit touch the border."""

DIRECTIONS = 64
"""An outline's box after rotation is found from its outermost points in so many directions."""


def load_glyphs(split: str, *, seed: int, count: int) -> Dataset:
    """`count` digits, balanced over the classes; `factors` holds label, font (index into FONTS) and RANGES' names."""
    key = f"{source_digest(__file__, drawing.__file__)} matplotlib {version('matplotlib')} {split} {seed} {count}"
    ranges = {"font": (0.0, float(len(FONTS))), **RANGES}
    labels, factors = drawing.draw_factors(ranges, len(DIGITS), split=split, seed=seed, count=count)
    factors = {"label": labels, **factors, "font": factors["font"].astype(np.int64)}
    # Only the images are kept: the factors, which cost little, are the seed's whatever lies in the cache.
    expected = {"images": Expected((count, SIZE, SIZE), np.uint8)}
    arrays = cached(
        f"glyphs-{split}", key, expected, lambda: {"images": drawing.keep_apart(draw_glyphs(**factors), split)}
    )
    return Dataset("glyphs", split, arrays["images"][:, None] / np.float32(255), labels, DIGITS, factors, seed)


def draw_glyphs(
    *,
    label: Int[np.ndarray, " N"],
    font: Int[np.ndarray, " N"],
    x: Float[np.ndarray, " N"],
    y: Float[np.ndarray, " N"],
    scale: Float[np.ndarray, " N"],
    rotation: Float[np.ndarray, " N"],
    shear: Float[np.ndarray, " N"],
    thickness: Float[np.ndarray, " N"],
    blur: Float[np.ndarray, " N"],
) -> UInt8[np.ndarray, "N 28 28"]:
    """The images of these factors, 8 bits a pixel; units as in RANGES. Vary one factor alone to see what it does."""
    glyphs = _glyphs()
    which, angle = font * len(DIGITS) + label, np.radians(rotation)
    low, high = _box(glyphs.rim[which], angle, shear)
    unit = scale / (high - low).max(axis=0)  # pixels a unit of the outline's plane
    middle_x, middle_y = unit * (low + high) / 2
    # The outline moves outwards or inwards until the strokes have the wanted width.
    widening = (thickness - unit * glyphs.stroke_width[which]) / 2
    return drawing.draw(
        glyphs.fields,
        which,
        SIZE,
        x=x - middle_x,
        y=y + middle_y,
        scale=unit,
        rotation=angle,
        shear=shear,
        widening=widening,
        blur=blur,
    )


def _box(
    rim: Float[np.ndarray, "N D 2"], angle: Float[np.ndarray, " N"], shear: Float[np.ndarray, " N"]
) -> tuple[Float[np.ndarray, "2 N"], Float[np.ndarray, "2 N"]]:
    """Lowest and highest (x, y) of every outline once it is sheared and rotated."""
    right, up = rim[..., 0] + shear[:, None] * rim[..., 1], rim[..., 1]
    cos, sin = np.cos(angle)[:, None], np.sin(angle)[:, None]
    points = np.stack([cos * right - sin * up, sin * right + cos * up])
    return points.min(axis=-1), points.max(axis=-1)


class Glyphs(NamedTuple):
    """Every glyph, font by font and digit by digit, G of them."""

    fields: Float[np.ndarray, "G rows columns"]
    """Signed distance fields."""
    stroke_width: Float[np.ndarray, " G"]
    """Mean width of the strokes, where the outline's longer side is 1."""
    rim: Float[np.ndarray, "G D 2"]
    """The outermost points (x, y) in every direction."""


@functools.cache
def _glyphs() -> Glyphs:
    outlines = [outline(font, digit) for font in FONTS for digit in range(len(DIGITS))]
    angles = 2 * np.pi * np.arange(DIRECTIONS) / DIRECTIONS
    directions = np.stack([np.cos(angles), np.sin(angles)])
    return Glyphs(
        fields=np.stack([drawing.distance_field(segments) for segments in outlines]),
        stroke_width=np.array([mean_stroke_width(segments) for segments in outlines]),
        rim=np.stack([segments[(segments[:, 0] @ directions).argmax(axis=0), 0] for segments in outlines]),
    )


def outline(font: str, digit: int) -> drawing.Segments:
    """The glyph's contours as matplotlib traces them, without hinting, which would move them to a pixel grid."""
    import matplotlib  # here, since text takes a second to import and a cached data set does not need it
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    file = Path(matplotlib.get_data_path(), "fonts", "ttf", f"{font.partition(',')[0]}.ttf")
    character = chr(ord(FONTS[font]) + digit)
    path = TextPath((0, 0), character, size=200, prop=FontProperties(fname=file))
    contours = [drawing.closed_polygon(np.asarray(contour)) for contour in path.to_polygons()]
    return drawing.centred(np.concatenate(contours))


def mean_stroke_width(segments: drawing.Segments) -> float:
    """Twice the area over the perimeter: exact for a long straight stroke, w = 2 (w l) / (2 l)."""
    (x0, y0), (x1, y1) = segments[:, 0].T, segments[:, 1].T
    area = abs((x0 * y1 - x1 * y0).sum()) / 2  # the shoelace formula; holes run the other way and subtract
    perimeter = np.hypot(x1 - x0, y1 - y0).sum()
    return 2 * area / perimeter
