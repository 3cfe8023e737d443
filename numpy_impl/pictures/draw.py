"""Draws the pictures of rung 1's chapter: python -m numpy_impl.pictures.draw"""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle

from figures.style import INK, MUTED, PALE, RULE, book_style, new_figure, pixel_axes, save

FORWARD, BACKWARD = "#0072b2", "#d55e00"
WIDE, DPI = 8.5, 180
CELL = 0.26
"""Side of a pixel of the convolutions, in inches."""

# Centres in inches; of operations also half their width, of arrays their shape and gradient.
OPERATIONS = {
    "encode": (1.4, 0.7, 0.34),
    "reparameterize": (3.75, 0.7, 0.52),
    "decode": (5.4, 0.7, 0.34),
    "reconstruction": (7.25, 0.7, 0.52),
    "KL": (5.4, 1.7, 0.22),
    "+": (7.25, 1.7, 0.15),
}
ARRAYS = {
    "x": (0.45, 0.7, "1×28×28", ""),
    "mu, logvar": (2.51, 0.7, "Z each", "dmu, dlogvar"),
    "eps": (3.75, 0.1, "Z", ""),
    "z": (4.65, 0.7, "Z", "dz"),
    "logits": (6.22, 0.7, "1×28×28", "dlogits"),
    "loss": (8.02, 1.7, "a number", "1"),
}
WAYS = (
    ((0.6, 0.7), (1.04, 0.7), False),
    ((1.77, 0.7), (2.07, 0.7), True),
    ((2.95, 0.7), (3.2, 0.7), True),
    ((3.75, 0.22), (3.75, 0.53), False),
    ((4.3, 0.7), (4.53, 0.7), True),
    ((4.77, 0.7), (5.03, 0.7), True),
    ((5.77, 0.7), (5.95, 0.7), True),
    ((6.48, 0.7), (6.7, 0.7), True),
    ((2.75, 0.98), (5.14, 1.66), True),
    ((5.65, 1.7), (7.07, 1.7), True),
    ((7.25, 0.88), (7.25, 1.52), True),
    ((7.43, 1.7), (7.82, 1.7), True),
)
"""Arrows: start, end, and whether a gradient flows back along them."""


@book_style()
def graph() -> Figure:
    """The VAE as a graph of operations, with the gradients that flow back along it."""
    figure, axes = page(
        2.2,
        "Forward and backward",
        "Boxes: operations. Between them: arrays, and their shape for one image. Blue: the forward pass. "
        "Orange: the gradients of the backward pass, each with its array's shape. mu and logvar reach the loss along "
        "two paths, so their two gradients are added. The gradients of x and eps are not needed.",
    )
    for name, (x, y, half) in OPERATIONS.items():
        box = FancyBboxPatch(
            (x - half, y - 0.14), 2 * half, 0.28, boxstyle="round,pad=0,rounding_size=0.06", facecolor="#e3eef6",
            edgecolor=FORWARD, linewidth=0.8,
        )  # fmt: skip
        axes.add_patch(box)
        axes.text(x, y, name, ha="center", va="center", fontsize=8)
    for name, (x, y, shape, gradient) in ARRAYS.items():
        axes.text(x, y, name, ha="center", va="center", fontsize=9, fontweight="bold")
        place = (x + 0.25, y) if name == "eps" else (x, y + 0.19)
        axes.text(*place, shape, ha="center", va="center", fontsize=7, color=MUTED)
        axes.text(x, y - 0.19, gradient, ha="center", va="center", fontsize=7.5, color=BACKWARD)
    for start, end, differentiated in WAYS:
        arrow(axes, start, end, FORWARD, 0.035 if differentiated else 0)
        if differentiated:
            arrow(axes, end, start, BACKWARD, 0.035)
    axes.plot([0.45, 0.45, 7.25, 7.25], [0.55, -0.1, -0.1, 0.31], color=FORWARD, linewidth=1.0)
    arrow(axes, (7.25, 0.3), (7.25, 0.54), FORWARD, 0)
    return figure


@book_style()
def convolutions() -> Figure:
    """Convolution and transposed convolution: one gathers windows, the other adds up stamps of the kernel."""
    figure, axes = page(
        2.75,
        "One picture, read in both directions",
        "Kernel 3×3, stride 2, padding 1, output padding 1, on 6×6 and 3×3 pixels. Left: each output pixel gathers the "
        "window of its kernel; the grey border is zeros. Right: each input pixel stamps the kernel where its window "
        "was. Overlapping stamps are added, and the part on the border is cut off.",
    )
    for left, gathers in ((0.4, True), (4.7, False)):
        big, small = (left, 0.12), (left + 2.55, 0.12 + 2 * CELL)
        axes.text(left, 2.4, "conv2d" if gathers else "conv_transpose2d", fontsize=9, fontweight="bold", va="center")
        pixels(axes, big, 8, border=True)
        pixels(axes, small, 3)
        for (row, column), colour in (((0, 0), FORWARD), ((1, 1), BACKWARD)):
            window = big[0] + 2 * column * CELL, big[1] + (8 - 2 * row - 3) * CELL
            pixel = small[0] + column * CELL, small[1] + (3 - row - 1) * CELL
            axes.add_patch(Rectangle(window, 3 * CELL, 3 * CELL, facecolor=colour, alpha=0.3, linewidth=0))
            axes.add_patch(Rectangle(window, 3 * CELL, 3 * CELL, fill=False, edgecolor=colour, linewidth=1.2))
            axes.add_patch(Rectangle(pixel, CELL, CELL, facecolor=colour, alpha=0.75, linewidth=0))
            ends = (window[0] + 3 * CELL, window[1] + 1.5 * CELL), (pixel[0], pixel[1] + CELL / 2)
            arrow(axes, *(ends if gathers else ends[::-1]), colour, 0)
        for (x, y), cells, size, role in ((big, 8, "6×6", gathers), (small, 3, "3×3", not gathers)):
            text = f"{'input' if role else 'output'} {size}"
            axes.text(x + cells * CELL / 2, y - 0.13, text, ha="center", va="center", fontsize=7.5, color=MUTED)
    return figure


def pixels(axes: Axes, corner: tuple[float, float], count: int, border: bool = False) -> None:
    """A square of count×count pixels; with a border, its outermost ones are padding."""
    x, y = corner
    if border:
        axes.add_patch(Rectangle(corner, count * CELL, count * CELL, facecolor=PALE, edgecolor=RULE, linewidth=0.6))
        x, y, count = x + CELL, y + CELL, count - 2
    for row, column in np.ndindex(count, count):
        place = x + column * CELL, y + row * CELL
        axes.add_patch(Rectangle(place, CELL, CELL, facecolor="white", edgecolor=RULE, linewidth=0.6))
    axes.add_patch(Rectangle((x, y), count * CELL, count * CELL, fill=False, edgecolor=INK, linewidth=0.9))


def page(height: float, title: str, caption: str) -> tuple[Figure, Axes]:
    """A figure with axes in inches."""
    figure, bottom, _ = new_figure(height + 0.15, title, caption, DPI, WIDE)
    axes = pixel_axes(figure, 0, bottom + 0.12 / figure.get_figheight(), round(WIDE * DPI), round(height * DPI))
    axes.set(xlim=(0, WIDE), ylim=(-0.15, height - 0.15))
    axes.axis("off")
    return figure, axes


def arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float], colour: str, aside: float) -> None:
    """An arrow, shifted to the left of its direction by `aside` inches."""
    way = np.subtract(end, start)
    left = aside * np.array([-way[1], way[0]]) / np.hypot(*way)
    style = {"arrowstyle": "-|>,head_length=0.3,head_width=0.15", "color": colour, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", np.add(end, left), np.add(start, left), arrowprops=style, annotation_clip=False)


if __name__ == "__main__":
    folder = Path(__file__).parent
    for draw in (graph, convolutions):
        path = save(draw(), folder / f"{draw.__name__}.png")
        print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")
