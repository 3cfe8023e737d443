"""Pictures made of pictures: reconstructions, samples, interpolations and the manifold, from plain arrays.

Images are (N, C, H, W) in [0, 1] and are shown pixel by pixel: one pixel of theirs is a whole number of ours.
"""

import textwrap
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.style import DPI, INK, MUTED, RULE, WIDTH, book_style, new_figure, pixel_axes

COLUMNS = 10
GAP = 6
MARGIN = 48
"""Pixels to the left and right of ten tiles of 84 pixels."""


def mosaic(
    tiles: Float[np.ndarray, "N C H W"], columns: int, scale: int, gap: int = 6, row_gaps: tuple[int, ...] = ()
) -> Float[np.ndarray, "height width 3"]:
    """Lay images in [0, 1] out in reading order, each pixel `scale`×`scale`, `gap` white pixels between tiles.

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


def show(axes: Axes, image: np.ndarray) -> None:
    """Draw an image whose size is the axes' size in pixels; data coordinates are those pixels, y down."""
    height, width = image.shape[:2]
    axes.imshow(image, interpolation="nearest", aspect="auto", extent=(0, width, height, 0))
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)


def _scale(tiles: np.ndarray, columns: int = COLUMNS, gap: int = GAP) -> int:
    """How many pixels a pixel takes so that `columns` tiles fill the width, and at least one."""
    room = round(WIDTH * DPI) - 2 * MARGIN
    return max(1, (room + gap) // columns - gap) // tiles.shape[-1] or 1


def _page(image: np.ndarray, title: str, caption: str, above: float = 0.0) -> tuple[Figure, Axes]:
    """A figure that shows one image pixel by pixel, with `above` inches of room over it."""
    height, width = image.shape[:2]
    figure, bottom, _ = new_figure(height / DPI + above + 0.06, title, caption)
    axes = pixel_axes(figure, MARGIN, bottom + 0.03 / figure.get_figheight(), width, height)
    show(axes, image)
    return figure, axes


def _side_label(axes: Axes, y: float, text: str) -> None:
    axes.text(-11, y, text, ha="right", va="center", fontsize=9, color=MUTED)


@book_style()
def reconstructions(
    x: Float[np.ndarray, "N C H W"],
    x_hat: Float[np.ndarray, "N C H W"],
    labels: Sequence[str] | None = None,
    source: str = "z\u00a0=\u00a0μ",
) -> Figure:
    """Test images in rows, each above its reconstruction; `labels` holds a name for every image.

    `source` says what was decoded.
    """
    bands = -(-len(x) // COLUMNS)
    rows = [part[i * COLUMNS : (i + 1) * COLUMNS] for i in range(bands) for part in (x, x_hat)]
    blank = np.ones((COLUMNS - len(rows[-1]), *x.shape[1:]), dtype=x.dtype)  # ends a short last row of originals
    scale, named = _scale(x), labels is not None
    between = 56 if named else 20  # room for names of two lines
    image = mosaic(np.concatenate([*rows[:-1], blank, rows[-1]]), COLUMNS, scale, GAP, (0, between))
    figure, axes = _page(
        image,
        "Reconstructions",
        r"Upper rows: test images $x$. Lower rows: reconstructions $\hat{x}$ "
        f"from {source}. Look for what is lost: thin strokes, slant, even the class.",
        above=0.2 if named else 0.0,
    )
    tile, pitch = scale * x.shape[-2], 2 * (scale * x.shape[-2] + GAP) + between
    for band in range(bands):
        _side_label(axes, band * pitch + tile / 2, "$x$")
        _side_label(axes, band * pitch + tile * 1.5 + GAP, r"$\hat{x}$")
    for i, label in enumerate(labels if named else ()):
        left = (i % COLUMNS) * (scale * x.shape[-1] + GAP) + scale * x.shape[-1] / 2
        name = "\n".join(
            textwrap.wrap(label.replace("/", "/ "), 9, max_lines=2, placeholder="…", break_on_hyphens=False)
        )
        axes.text(left, i // COLUMNS * pitch - 13, name, ha="center", va="baseline", fontsize=7, linespacing=0.95)
    return figure


@book_style()
def samples(
    x_hat: Float[np.ndarray, "N C H W"],
    title: str = "Samples from the prior",
    caption: str = "Decoded z ~ N(0, I); every rung gets the same z. Look for tiles between two classes: "
    "there the prior has mass, the data none.",
) -> Figure:
    """Decoded draws from the prior in a grid."""
    return _page(mosaic(x_hat, COLUMNS, _scale(x_hat), GAP), title, caption)[0]


@book_style()
def interpolation(
    start: Float[np.ndarray, "P C H W"], path: Float[np.ndarray, "P S C H W"], end: Float[np.ndarray, "P C H W"]
) -> Figure:
    """A row for each of P pairs: a test image, S decoded points on the way, the other test image."""
    steps = path.shape[1]
    scale = _scale(start, steps + 2)
    tile = scale * start.shape[-1]
    # The originals stand apart from what is decoded.
    apart = round(WIDTH * DPI) - 2 * MARGIN - (steps + 2) * (tile + GAP) + GAP
    middle = mosaic(path.reshape(-1, *path.shape[2:]), steps, scale, GAP)
    space = np.ones((len(middle), GAP + max(apart // 2, 0), 3), dtype=middle.dtype)
    image = np.hstack([mosaic(start, 1, scale, GAP), space, middle, space, mosaic(end, 1, scale, GAP)])
    figure, axes = _page(
        image,
        "Interpolation",
        "Outer columns: test images. Between them: decoded points on the straight line from μ to μ. "
        "Look for where one class turns into another.",
        above=0.17,
    )
    width = image.shape[1]
    for left, text in ((tile / 2, "$x_a$"), (width - tile / 2, "$x_b$")):
        axes.text(left, -9, text, ha="center", va="bottom", fontsize=7.5, color=MUTED)
    first, last = tile + space.shape[1], width - tile - space.shape[1]
    for x, text, side in ((first, "$μ_a$", "left"), (last, "$μ_b$", "right")):
        axes.text(x, -9, text, ha=side, va="bottom", fontsize=7.5, color=MUTED)
    arrow = {"arrowstyle": "->", "color": RULE, "linewidth": 0.8, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", (last - 40, -18), (first + 40, -18), arrowprops=arrow, annotation_clip=False)
    return figure


@book_style()
def manifold(x_hat: Float[np.ndarray, "N C H W"], quantiles: Float[np.ndarray, " n"]) -> Figure:
    """What a 2-D latent space holds: n×n decoded images in reading order, z1 to the right and z2 upwards.

    `quantiles` are the n values that z1 and z2 take, ascending.
    """
    n, dpi, left = len(quantiles), 280, 124
    scale = max(1, 1120 // (n * x_hat.shape[-1]))
    image = mosaic(x_hat, n, scale, gap=0)
    height, width = image.shape[:2]
    figure, bottom, _ = new_figure(
        height / dpi + 0.42,
        "The manifold",
        "Decoded z on a grid that gives every tile the same share of the prior. "
        "Look for the region of each class, and for what lies on its borders.",
        dpi,
    )
    axes = pixel_axes(figure, left, bottom + 0.36 / figure.get_figheight(), width, height)
    show(axes, image)
    ticks = np.unique(np.linspace(0, n - 1, min(n, 6)).round().astype(int))
    values = [f"{quantiles[i]:.2f}".replace("-", "−") for i in ticks]
    tile_w, tile_h = width / n, height / n
    axes.set_xticks((ticks + 0.5) * tile_w, values)
    axes.set_yticks(height - (ticks + 0.5) * tile_h, values)
    axes.tick_params(length=2.5, pad=2)
    axes.set_xlabel("$z_1$", labelpad=1)
    axes.set_ylabel("$z_2$")
    axes.yaxis.set_label_coords(-0.05, 0.5)  # beside the middle, where no number stands
    return figure


@book_style()
def side_by_side(x: Float[np.ndarray, "N C H W"], x_hat: dict[str, np.ndarray], drawn: dict[str, np.ndarray]) -> Figure:
    """The whole ladder in one picture: N test images, and under them, by rung, their reconstructions and N samples."""
    dpi, left = 260, 285  # finer pixels than elsewhere: a name and twice as many tiles share the width
    count, tile = len(x), x.shape[-1] * max(1, 56 // x.shape[-1])
    rows = np.concatenate([x, *x_hat.values()]), np.concatenate([np.ones_like(x), *drawn.values()])
    blocks = [mosaic(part, count, tile // x.shape[-1], GAP, (2 * GAP, *(0 for _ in x_hat))) for part in rows]
    image = np.hstack([blocks[0], np.ones((len(blocks[0]), 5 * GAP, 3), x.dtype), blocks[1]])
    height, width = image.shape[:2]
    figure, bottom, _ = new_figure(
        height / dpi + 0.16,
        "One VAE, three times",
        "Left: test images and their reconstructions. Right: samples from the prior, the same z for every rung. "
        "Look for a difference between the rungs.",
        dpi,
        (left + width + left // 6) / dpi,
    )
    axes = pixel_axes(figure, left, bottom + 0.03 / figure.get_figheight(), width, height)
    show(axes, image)
    for row, name in enumerate(["test images", *x_hat]):
        y = row * (tile + GAP) + tile / 2 + 2 * GAP * (row > 0)
        axes.text(-14, y, name, ha="right", va="center", fontsize=7.5, color=MUTED if row == 0 else INK)
    for block, text in ((0, "reconstructions"), (1, "samples")):
        axes.text(block * (width - blocks[1].shape[1]), -9, text, va="bottom", fontsize=7.5, color=MUTED)
    return figure
