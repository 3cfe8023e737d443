"""Grids of images: a plain mosaic, and a page of tiles with names beside the rows, above the columns, and frames.

Images are (C, H, W) in [0, 1], of one channel or three. One image pixel is a whole number of page pixels; the page's
resolution is chosen so that the tiles still fill its width.
"""

import itertools
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from figures.style import DPI, EDGE, FRAME, INK, MUTED, WIDTH, Style, book_style, fit, image_page, text_width

Image = Float[np.ndarray, "_ H W"]
GAP = 6
"""White pixels between tiles."""
LARGEST = 0.62
"""Inches of a tile at most, however few there are."""
NAME, HEAD = 7.5, 7.0
"""Points of the names beside rows and above columns."""
LONGEST = 1.0
"""Inches of a row's name at most."""


def mosaic(
    tiles: Float[np.ndarray, "N C H W"], columns: int, scale: int, gap: int = GAP, row_gaps: tuple[int, ...] = ()
) -> Float[np.ndarray, "height width 3"]:
    """Lay out images in [0, 1] in reading order, each pixel `scale`×`scale`, with `gap` white pixels between tiles.

    `row_gaps` are the extra pixels under each row but the last, in turn and repeated; empty cells stay white.
    """
    N, C, H, W = tiles.shape
    rows = -(-N // columns)
    extra = [row_gaps[r % len(row_gaps)] if row_gaps else 0 for r in range(max(rows - 1, 0))]
    tops = np.cumsum([0, *(H * scale + gap + more for more in extra)])
    page = np.ones((tops[-1] + H * scale, columns * (W * scale + gap) - gap, 3), dtype=tiles.dtype)
    big = np.clip(tiles, 0, 1).repeat(scale, axis=2).repeat(scale, axis=3).transpose(0, 2, 3, 1)
    for i, tile in enumerate(big):
        top, left = tops[i // columns], (i % columns) * (W * scale + gap)
        page[top : top + H * scale, left : left + W * scale] = tile if C == 3 else tile[:, :, :1]
    return page


class Frame(NamedTuple):
    """A line round a tile, or a thinner one round some of its pixels."""

    row: int
    column: int
    pixels: Bool[np.ndarray, "H W"] | None = None
    """Those inside; None for all."""


@book_style()
def labelled_grid(
    rows: Iterable[Iterable[Image | None]],
    row_names: Sequence[str] = (),
    column_names: Sequence[str] = (),
    title: str = "",
    caption: str = "",
    *,
    notes: Sequence[str] = (),
    rows_apart: Sequence[int] = (),
    columns_apart: Sequence[int] = (),
    frames: Sequence[Frame] = (),
) -> Figure:
    """Draw images row by row, a name to the left of each row, a note to its right, a name above each column.

    None leaves a cell empty, and an empty name draws nothing. `rows_apart` and `columns_apart` are the rows and columns
    with a larger gap before them. Names that are too long are broken into lines, then cut. Text between two dollar
    signs is a formula; names that come from the user pass through `style.literal` first.
    """
    cells = [list(row) for row in rows]
    count = max(len(row) for row in cells)
    first = next(image for row in cells for image in row if image is not None)
    beside = [fit(name, LONGEST, NAME, lines=3) for name in row_names]
    left, right = (_widest(texts) for texts in (beside, notes))
    scale, dpi = _fit_tiles(count, first.shape[2], WIDTH - 2 * EDGE - left - right, 2 * GAP * len(columns_apart))
    height, width = first.shape[1] * scale, first.shape[2] * scale
    tops, lefts = _edges(len(cells), height, rows_apart), _edges(count, width, columns_apart)
    heads = [fit(name, (width + GAP) / dpi - 0.03, HEAD) for name in column_names]
    above = 0.05 + 0.115 * max((head.count("\n") + 1 for head in heads if head), default=0)
    page, margin = _lay_out(cells, tops, lefts, scale), round((EDGE + left) * dpi)
    figure, axes = image_page(page, title, caption, left=margin, above=above + 0.03, dpi=dpi)
    for head, x in zip(heads, lefts, strict=False):
        middle, above_tiles = x + width / 2, -0.06 * dpi
        axes.text(middle, above_tiles, head, fontsize=HEAD, color=MUTED, ha="center", va="baseline", linespacing=1.0)
    _write_beside(axes, beside, tops, -0.06 * dpi, height, {"ha": "right", "color": INK})
    _write_beside(axes, notes, tops, lefts[-1] + width + 0.06 * dpi, height, {"ha": "left", "color": MUTED})
    for frame in frames:
        _draw_frame(axes, frame, tops[frame.row], lefts[frame.column], scale, first.shape[1:])
    return figure


def _write_beside(axes: Axes, texts: Sequence[str], tops: list[int], x: float, height: int, style: Style) -> None:
    """Write a text at x beside the middle of each row."""
    for text, y in zip(texts, tops, strict=False):
        axes.text(x, y + height / 2, text, va="center", fontsize=NAME, linespacing=1.05, **style)


def _widest(texts: Sequence[str]) -> float:
    """Inches beside the tiles for the longest line of all texts; 0 where there is none."""
    lines = [line for text in texts for line in text.split("\n") if line]
    return max((text_width(line, NAME) + 0.07 for line in lines), default=0.0)


def _fit_tiles(count: int, size: int, room: float, spaces: int) -> tuple[int, int]:
    """Pixels for each pixel of a tile, and dots per inch, with which `count` tiles fill `room` inches."""

    def resolution(scale: int) -> int:
        return round((count * (scale * size + GAP) - GAP + spaces) / room / 2) * 2  # even: WIDTH is whole pixels

    for scale in itertools.count(1):
        if scale * size > LARGEST * resolution(scale):
            break
        if resolution(scale) >= 0.9 * DPI:
            return scale, resolution(scale)
    return max(1, round(LARGEST * DPI / size)), DPI


def _edges(count: int, size: int, apart: Sequence[int]) -> list[int]:
    """Where each of `count` tiles begins, in pixels."""
    return [i * (size + GAP) + 2 * GAP * sum(0 < a <= i for a in apart) for i in range(count)]


def _lay_out(
    cells: list[list[Image | None]], tops: list[int], lefts: list[int], scale: int
) -> Float[np.ndarray, "height width 3"]:
    first = next(image for row in cells for image in row if image is not None)
    height, width = first.shape[1] * scale, first.shape[2] * scale
    page = np.ones((tops[-1] + height, lefts[-1] + width, 3), dtype=first.dtype)
    for row, top in zip(cells, tops, strict=True):
        for image, left in zip(row, lefts, strict=False):
            if image is not None:
                big = np.clip(image, 0, 1).repeat(scale, axis=1).repeat(scale, axis=2).transpose(1, 2, 0)
                page[top : top + height, left : left + width] = big  # one channel fills all three
    return page


def _draw_frame(axes: Axes, frame: Frame, top: int, left: int, scale: int, shape: tuple[int, ...]) -> None:
    inside, width = (np.ones(shape, bool), 1.3) if frame.pixels is None else (frame.pixels, 0.7)
    edges = _outline(inside) * scale + np.array([left, top])
    line = LineCollection(edges, colors=FRAME, linewidths=width, capstyle="projecting", clip_on=False)
    axes.add_collection(line, autolim=False)


def _outline(inside: Bool[np.ndarray, "H W"]) -> Float[np.ndarray, "edges 2 2"]:
    """Both ends (x, y) of every pixel's edge that has a pixel inside on one side only."""
    padded = np.pad(inside, 1)
    across = np.argwhere(np.diff(padded, axis=0)[:, 1:-1])[:, ::-1]
    down = np.argwhere(np.diff(padded, axis=1)[1:-1])[:, ::-1]
    return np.concatenate(
        [np.stack([edges, edges + np.array(step)], axis=1) for edges, step in ((across, (1, 0)), (down, (0, 1)))]
    ).astype(float)
