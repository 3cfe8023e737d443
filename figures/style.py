"""The look of every figure: colours, the page and its parts, text that fits, and PNG files that appear whole."""

import io
import re
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import matplotlib
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cbook import is_math_text
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.gridspec import GridSpec
from matplotlib.textpath import text_to_path
from PIL import Image

from figures.fonts import families, quiet_fonts, replace_missing, without_missing
from foundation.files import write_bytes

WIDTH = 4.5
"""Width of every figure in inches, so that one font size reads the same in all of them."""
DPI = 220
EDGE = 0.218
"""Inches left free at both sides of a page."""
INK, MUTED, RULE, PALE = "#1a1a1a", "#5e5e5e", "#c8c8c8", "#e8e8e8"

Style = dict[str, Any]
"""Keyword arguments of a line or a text."""
# Tol's "muted" scheme, safe for all common kinds of colour blindness, with a dark grey as the tenth.
CLASS_COLOURS = (
    "#332288", "#cc6677", "#117733", "#ddaa33", "#88ccee",
    "#882255", "#44aa99", "#999933", "#aa4499", "#555555",
)  # fmt: skip
CLASS_MARKERS = "os^Dv"
# Okabe and Ito's blue, orange and green; each line thinner than the one it lies on, so that equal curves stay visible.
CURVES: tuple[Style, ...] = (
    {"color": "#56b4e9", "linewidth": 6.0, "alpha": 0.55, "solid_capstyle": "round"},
    {"color": "#d55e00", "linewidth": 2.8, "linestyle": (0, (2.2, 1.1))},
    {"color": "#00513c", "linewidth": 1.0, "marker": "o", "markersize": 3.2, "markerfacecolor": "white"},
)
ONE_CURVE: Style = {"color": "#0072b2", "linewidth": 1.6, "marker": "o", "markersize": 3.2, "markerfacecolor": "white"}
# Series of one chart: Okabe and Ito's colours; printed in grey, marker and dash distinguish them.
SERIES: tuple[Style, ...] = (
    {"color": "#0072b2", "marker": "o", "linestyle": "-"},
    {"color": "#d55e00", "marker": "s", "linestyle": (0, (4, 1.5))},
    {"color": "#009e73", "marker": "^", "linestyle": (0, (1.2, 1.2))},
    {"color": "#cc79a7", "marker": "D", "linestyle": (0, (6, 1.5, 1.2, 1.5))},
    {"color": "#e69f00", "marker": "v", "linestyle": (0, (2.5, 1))},
    {"color": "#333333", "marker": "P", "linestyle": (0, (3, 1, 1, 1, 1, 1))},
)
FRAME = "#d55e00"
"""Colour of the frame round a tile that the caption explains; visible on black and on white."""
DASHED = (0, (4, 3))
"""Line style of references: the prior's standard deviations, chance, equal use."""

STYLE: dict[Any, Any] = {
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
    """Set matplotlib's defaults and STYLE within a `with` block or function; the user's settings return after it."""
    with matplotlib.rc_context(), quiet_fonts():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE | {"font.family": list(families())})
        yield


def new_figure(
    height: float, title: str, caption: str, dpi: int = DPI, width: float = WIDTH
) -> tuple[Figure, float, float]:
    """Make a page with a title, a body `height` inches high and a caption; return it with the body's bottom and top.

    The edges are fractions of the figure's height, ready for `Figure.add_axes`.
    """
    caption = textwrap.fill(caption, round(74 * width / WIDTH))
    above, below = 0.32, 0.18 + 0.135 * len(caption.splitlines())
    # Whole pixels, so that a tile's edge never falls between two of them.
    total, below_px = round((above + below + height) * dpi), round(below * dpi)
    figure = Figure(figsize=(width, total / dpi), dpi=dpi)
    margin = EDGE / width
    figure.text(margin, 1 - 0.09 * dpi / total, title, va="top", fontsize=10, fontweight="bold")
    figure.text(margin, 0.07 * dpi / total, caption, va="bottom", fontsize=7.5, color=MUTED, linespacing=1.25)
    return figure, below_px / total, (below_px + round(height * dpi)) / total


def pixel_axes(figure: Figure, left: int, bottom: float, width: int, height: int) -> Axes:
    """Add axes of width×height pixels, `left` pixels from the left; `bottom` is a fraction of the page's height."""
    across, up = (round(size * figure.dpi) for size in figure.get_size_inches())
    return figure.add_axes((left / across, round(bottom * up) / up, width / across, height / up))


def image_page(
    image: Float[np.ndarray, "height width 3"],
    title: str,
    caption: str,
    *,
    left: int,
    above: float = 0.03,
    below: float = 0.03,
    dpi: int = DPI,
    width: float = WIDTH,
) -> tuple[Figure, Axes]:
    """Make a page that shows one image pixel by pixel, `left` pixels from its left edge.

    `above` and `below` are inches of room for names and ticks. Data coordinates of the axes are the image's pixels,
    y down.
    """
    rows, columns = image.shape[:2]
    figure, bottom, _ = new_figure(rows / dpi + above + below, title, caption, dpi, width)
    axes = pixel_axes(figure, left, bottom + below / figure.get_figheight(), columns, rows)
    show(axes, image)
    return figure, axes


def show(axes: Axes, image: np.ndarray) -> None:
    """Draw an image whose size is the axes' size in pixels; data coordinates are those pixels, y down."""
    height, width = image.shape[:2]
    axes.imshow(image, interpolation="nearest", aspect="auto", extent=(0, width, height, 0))
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)


def plot_page(
    height: float,
    title: str,
    caption: str,
    *,
    rows: int = 1,
    columns: int = 1,
    left: float = 0.135,
    right: float = 0.97,
    above: float = 0.2,
    below: float = 0.38,
    **spacing: Any,
) -> tuple[Figure, GridSpec, float]:
    """Make a page with a grid of plots in a body `height` inches high; return it with the grid and the body's top.

    `above` and `below` are inches inside the body for titles and for the labels of the last axis, `left` and `right`
    fractions of the page's width. `spacing` is the grid's: hspace, wspace, height_ratios.
    """
    figure, bottom, top = new_figure(height, title, caption)
    inch = 1 / figure.get_figheight()
    edges = {"left": left, "right": right, "bottom": bottom + below * inch, "top": top - above * inch}
    return figure, figure.add_gridspec(rows, columns, **edges, **spacing), top


def rule(axes: Axes, axis: Literal["both", "x", "y"] = "both") -> None:
    """Draw the grid lines of an axis, or of both, under the data."""
    axes.grid(True, axis=axis)
    axes.set_axisbelow(True)


def literal(name: str) -> str:
    """A name as it is written, such as a user's folder: without this, matplotlib sets $...$ in it as a formula."""
    return name.replace("$", r"\$")


def text_width(text: str, fontsize: float) -> float:
    """Width in inches of one line as matplotlib draws it: as a formula where it holds $...$, else letter by letter."""
    math = is_math_text(text)
    drawn = text if math else without_missing(text.replace(r"\$", "$"))
    return text_to_path.get_text_width_height_descent(drawn, FontProperties(size=fontsize), math)[0] / 72


def fit(text: str, width: float, fontsize: float, lines: int = 2) -> str:
    """Break a name into at most `lines` lines of `width` inches, after spaces, slashes and hyphens.

    "…" replaces what does not fit. A formula cannot be broken and stays as it is.
    """
    if is_math_text(text):
        return text
    done: list[str] = [""]
    for piece in re.findall(r"[^\s/-]+[\s/-]*|[\s/-]+", text.replace(r"\$", "$")):
        if done[-1] and _plain_width((done[-1] + piece).rstrip(), fontsize) > width:
            done.append("")
        done[-1] += piece
    kept = [line.rstrip() for line in done]
    if len(kept) > lines:
        kept = [*kept[: lines - 1], "".join(done[lines - 1 :]).rstrip()]
    return literal("\n".join(_cut(line, width, fontsize) for line in kept))


def _plain_width(line: str, fontsize: float) -> float:
    return text_width(literal(line), fontsize)


def _cut(line: str, width: float, fontsize: float) -> str:
    if _plain_width(line, fontsize) <= width:
        return line
    while line and _plain_width(f"{line}…", fontsize) > width:
        line = line[:-1].rstrip()
    return f"{line}…"


def apart(
    centres: Float[np.ndarray, "N 2"], sizes: Float[np.ndarray, "N 2"], fixed: int = 0
) -> Float[np.ndarray, "N 2"]:
    """Move boxes of the given (width, height) until no two overlap, each pair along its smaller overlap.

    The last `fixed` boxes stay in place; only the others move.
    """
    places = centres + 1e-6 * np.arange(len(centres))[:, None]  # so that equal centres have a direction to part in
    loose = len(places) - fixed
    for _ in range(200):
        for i in range(len(places)):
            for j in range(min(i, loose)):
                between = places[i] - places[j]
                overlap = (sizes[i] + sizes[j]) / 2 - np.abs(between)
                if (overlap > 0).all():
                    axis = overlap.argmin()
                    shift = np.copysign(overlap[axis] / 2, between[axis])
                    if i < loose:
                        places[i, axis] += shift
                        places[j, axis] -= shift
                    else:
                        places[j, axis] -= 2 * shift
    return places


def save(figure: Figure, path: Path) -> Path:
    """Write a figure as PNG: whole or not at all, and the same bytes for the same figure."""
    replace_missing(figure)
    with book_style():
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[:, :, :3]
    image = Image.fromarray(pixels)
    # For small files grey figures keep every grey level and plots are reduced to 256 colours.
    grey = (pixels == pixels[:, :, :1]).all()
    image = image.convert("L") if grey else image.quantize(256, dither=Image.Dither.NONE)
    buffer = io.BytesIO()
    image.save(buffer, format="png", dpi=(figure.dpi, figure.dpi), optimize=True)
    write_bytes(path, buffer.getvalue())
    return path
