"""Rows of tensors as pictures, and rows of the table as lines; all else is drawn by `figures`."""

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure
from torch import Tensor

from figures.grids import labelled_grid
from figures.lines import Line
from paper.arrays import array


def image_rows(
    title: str, caption: str, rows: dict[str, Tensor], *, heads: Sequence[str] = (), apart: Sequence[int] = ()
) -> Figure:
    """Rows of images, (N, C, H, W) in [0, 1] each, named at the left; `heads` stand over the columns.

    `apart` are the rows that stand off from the one above.
    """
    images = [array(row) for row in rows.values()]
    return labelled_grid(images, list(rows), heads, title, caption, rows_apart=apart)


def line_over(rows: Sequence[dict[str, Any]], x: str, y: str) -> Line:
    """A line through rows of a table, with its standard deviations where they have them."""
    spread = [row[f"{y}_sd"] for row in rows] if f"{y}_sd" in rows[0] else None
    return Line([row[x] for row in rows], [row[y] for row in rows], spread)
