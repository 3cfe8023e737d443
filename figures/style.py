"""The look of every figure: one style, one palette, one width, and files that appear whole."""

import io
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image, ImageChops

from foundation.files import write_bytes

WIDTH = 4.5
"""Width of every figure in inches, so that one font size reads the same in all of them."""
DPI = 220
INK, MUTED, RULE, PALE = "#1a1a1a", "#5e5e5e", "#c8c8c8", "#e8e8e8"

# Tol's "muted" scheme, safe for all common kinds of colour blindness, with a dark grey as the tenth.
CLASS_COLOURS = (
    "#332288", "#cc6677", "#117733", "#ddaa33", "#88ccee",
    "#882255", "#44aa99", "#999933", "#aa4499", "#555555",
)  # fmt: skip
CLASS_MARKERS = "os^Dv"
# Okabe and Ito's blue, orange and green; each line thinner than the one it lies on, so that equal curves stay visible.
CURVES = (
    {"color": "#56b4e9", "linewidth": 6.0, "alpha": 0.55, "solid_capstyle": "round"},
    {"color": "#d55e00", "linewidth": 2.8, "linestyle": (0, (2.2, 1.1))},
    {"color": "#00513c", "linewidth": 1.0, "marker": "o", "markersize": 3.2, "markerfacecolor": "white"},
)
ONE_CURVE = {"color": "#0072b2", "linewidth": 1.6, "marker": "o", "markersize": 3.2, "markerfacecolor": "white"}
# What several lines or points of one chart are told apart by: Okabe and Ito's colours, and in grey the marker and dash.
SERIES = (
    {"color": "#0072b2", "marker": "o", "linestyle": "-"},
    {"color": "#d55e00", "marker": "s", "linestyle": (0, (4, 1.5))},
    {"color": "#009e73", "marker": "^", "linestyle": (0, (1.2, 1.2))},
    {"color": "#cc79a7", "marker": "D", "linestyle": (0, (6, 1.5, 1.2, 1.5))},
    {"color": "#e69f00", "marker": "v", "linestyle": (0, (2.5, 1))},
    {"color": "#333333", "marker": "P", "linestyle": (0, (3, 1, 1, 1, 1, 1))},
)
FRAME = "#d55e00"
"""Round a tile that the caption speaks of; seen on black and on white."""

STYLE = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same letters on every machine
    "mathtext.fontset": "dejavusans",
    "font.size": 8,
    "axes.labelsize": 8,
    "axes.titlesize": 8,
    "axes.titlelocation": "left",
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "legend.fontsize": 7.5,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": False,
    "grid.color": PALE,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "savefig.facecolor": "white",
}


@contextmanager
def book_style() -> Iterator[None]:
    """matplotlib's defaults with our style on top, for the length of a `with` block; the user's own return after it."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        yield


def new_figure(
    height: float, title: str, caption: str, dpi: int = DPI, width: float = WIDTH
) -> tuple[Figure, float, float]:
    """A page with a title, a body `height` inches high and a caption; and the body's bottom and top edge.

    The edges are fractions of the figure's height, ready for `Figure.add_axes`.
    """
    caption = textwrap.fill(caption, round(74 * width / WIDTH))
    above, below = 0.32, 0.18 + 0.135 * len(caption.splitlines())
    # Whole pixels, so that a tile's edge never falls between two of them.
    total, below_px = round((above + below + height) * dpi), round(below * dpi)
    figure = Figure(figsize=(width, total / dpi), dpi=dpi)
    margin = 0.218 / width
    figure.text(margin, 1 - 0.09 * dpi / total, title, va="top", fontsize=10, fontweight="bold")
    figure.text(margin, 0.07 * dpi / total, caption, va="bottom", fontsize=7.5, color=MUTED, linespacing=1.25)
    return figure, below_px / total, (below_px + round(height * dpi)) / total


def pixel_axes(figure: Figure, left: int, bottom: float, width: int, height: int) -> Axes:
    """Axes of width×height pixels, `left` pixels from the left edge; `bottom` is a fraction of the figure's height."""
    across, up = (round(size * figure.dpi) for size in figure.get_size_inches())
    return figure.add_axes((left / across, round(bottom * up) / up, width / across, height / up))


def save(figure: Figure, path: Path) -> Path:
    """Write a figure as PNG: whole or not at all, and the same bytes for the same figure."""
    with book_style():
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
    image = Image.fromarray(np.asarray(canvas.buffer_rgba())[:, :, :3])
    # Small files: grey figures keep every grey, plots make do with 256 colours.
    grey = all(
        low == high for low, high in ImageChops.difference(image, image.convert("L").convert("RGB")).getextrema()
    )
    image = image.convert("L") if grey else image.quantize(256, dither=Image.Dither.NONE)
    buffer = io.BytesIO()
    image.save(buffer, format="png", dpi=(figure.dpi, figure.dpi), optimize=True)
    write_bytes(path, buffer.getvalue())
    return path
