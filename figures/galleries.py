"""Figures made of images: what a model reconstructs, samples, interpolates, traverses and completes.

Images are (N, C, H, W) in [0, 1] and are shown pixel by pixel: one image pixel is a whole number of page pixels.
"""

import itertools
import textwrap
from collections.abc import Sequence

import matplotlib
import numpy as np
from jaxtyping import Bool, Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.grids import GAP, Frame, labelled_grid, mosaic
from figures.style import DPI, INK, MUTED, WIDTH, book_style, image_page, literal

COLUMNS = 10
MARGIN = 48
"""Pixels to the left and right of ten tiles of 84 pixels."""
HIDDEN = 0.85
"""Grey level of the pixels that a model is not given."""

NORMAL = "z\u00a0~\u00a0N(0,\u00a0I)"
"""Where z is drawn from, in captions, unless the model learns its prior."""


def _scale(tiles: np.ndarray, columns: int = COLUMNS, gap: int = GAP) -> int:
    """Page pixels for each image pixel, with which `columns` tiles fill the width; at least one."""
    room = round(WIDTH * DPI) - 2 * MARGIN
    return max(1, (room + gap) // columns - gap) // tiles.shape[-1] or 1


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
    figure, axes = image_page(
        image,
        "Reconstructions",
        r"Upper rows: test images $x$. Lower rows: reconstructions $\hat{x}$ "
        f"from {source}. Look for what is lost: thin strokes, slant, even the class.",
        left=MARGIN,
        above=0.23 if named else 0.03,
    )
    tile, pitch = scale * x.shape[-2], 2 * (scale * x.shape[-2] + GAP) + between
    for band in range(bands):
        _side_label(axes, band * pitch + tile / 2, "$x$")
        _side_label(axes, band * pitch + tile * 1.5 + GAP, r"$\hat{x}$")
    for i, label in enumerate(labels or ()):
        left = (i % COLUMNS) * (scale * x.shape[-1] + GAP) + scale * x.shape[-1] / 2
        lines = textwrap.wrap(label.replace("/", "/ "), 9, max_lines=2, placeholder="…", break_on_hyphens=False)
        name = literal("\n".join(lines))
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
    return image_page(mosaic(x_hat, COLUMNS, _scale(x_hat)), title, caption, left=MARGIN)[0]


def interpolations(
    start: Float[np.ndarray, "P C H W"],
    ways: dict[str, Float[np.ndarray, "P S C H W"]],
    end: Float[np.ndarray, "P C H W"],
    title: str,
    caption: str,
) -> Figure:
    """P pairs of test images and the images between: for each pair a row for every way, S decoded points on it.

    The ways' names stand beside the rows, except where there is only one.
    """
    steps = next(iter(ways.values())).shape[1]
    rows = [
        [a if first else None, *path[pair], b if first else None]
        for pair, (a, b) in enumerate(zip(start, end, strict=True))
        for first, path in zip([True] + [False] * (len(ways) - 1), ways.values(), strict=True)
    ]
    return labelled_grid(
        rows,
        [*ways] * len(start) if len(ways) > 1 else (),
        ["$x_a$", "$μ_a$", *[""] * (steps - 2), "$μ_b$", "$x_b$"],
        title,
        caption,
        rows_apart=range(0, len(rows), len(ways)) if len(ways) > 1 else (),
        columns_apart=(1, steps + 1),
    )


@book_style()
def manifold(x_hat: Float[np.ndarray, "N C H W"], quantiles: Float[np.ndarray, " n"]) -> Figure:
    """The decoded plane of a 2-D latent space: n×n images in reading order, z1 to the right and z2 upwards.

    `quantiles` are the n values that z1 and z2 take, ascending.
    """
    n = len(quantiles)
    scale = max(1, 1120 // (n * x_hat.shape[-1]))
    image = mosaic(x_hat, n, scale, gap=0)
    height, width = image.shape[:2]
    figure, axes = image_page(
        image,
        "The manifold",
        "Decoded z on a grid that gives every tile the same share of the prior. "
        "Look for the region of each class, and for what lies on its borders.",
        left=124,
        above=0.06,
        below=0.36,
        dpi=280,
    )
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
    """All rungs in one figure: N test images, and under them, by rung, their reconstructions and N samples."""
    dpi, left = 260, 285  # finer pixels than elsewhere: a name and twice as many tiles share the width
    count, tile = len(x), x.shape[-1] * max(1, 56 // x.shape[-1])
    rows = np.concatenate([x, *x_hat.values()]), np.concatenate([np.ones_like(x), *drawn.values()])
    blocks = [mosaic(part, count, tile // x.shape[-1], GAP, (2 * GAP, *(0 for _ in x_hat))) for part in rows]
    image = np.hstack([blocks[0], np.ones((len(blocks[0]), 5 * GAP, 3), x.dtype), blocks[1]])
    width = image.shape[1]
    figure, axes = image_page(
        image,
        "One VAE, three times",
        "Left: test images and their reconstructions. Right: samples from the prior, the same z for every rung. "
        "Look for a difference between the rungs.",
        left=left,
        above=0.13,
        dpi=dpi,
        width=(left + width + left // 6) / dpi,
    )
    for row, name in enumerate(["test images", *x_hat]):
        y = row * (tile + GAP) + tile / 2 + 2 * GAP * (row > 0)
        axes.text(-14, y, name, ha="right", va="center", fontsize=7.5, color=MUTED if row == 0 else INK)
    for block, text in ((0, "reconstructions"), (1, "samples")):
        axes.text(block * (width - blocks[1].shape[1]), -9, text, va="bottom", fontsize=7.5, color=MUTED)
    return figure


def traversals(
    x_hat: Float[np.ndarray, "R S C H W"],
    latents: Int[np.ndarray, " R"],
    values: Float[np.ndarray, " S"],
    kl: Float[np.ndarray, " Z"] | None,
    x: Float[np.ndarray, "C H W"],
    mu: Float[np.ndarray, " Z"],
) -> Figure:
    """A row for each of R latents, set to S values in turn while the others stay at x's μ; its KL beside the row.

    `latents` are indices from 0, most nats first; `kl` has all Z of them, so that those not shown can be counted, or is
    None for a model whose KL is not split over latents. The tile whose value lies nearest to μ's own is framed.
    """
    near = [Frame(row, 1 + int(np.abs(values - mu[j]).argmin())) for row, j in enumerate(latents)]
    return labelled_grid(
        [[None if row else x, *tiles] for row, tiles in enumerate(x_hat)],
        [f"$z_{{{j + 1}}}$" for j in latents],
        ["$x$", *(f"{value:+g}".replace("-", "−") if value else "0" for value in values)],
        "Latent traversals",
        "One latent moves along the row, in standard deviations of the prior; the others stay at the μ of x, to which "
        f"the framed tiles are nearest. {'' if kl is None else BESIDE}Look for what one latent alone changes."
        f"{_not_shown(len(mu), latents, kl)}",
        notes=() if kl is None else [_nats(kl[j]) for j in latents],
        columns_apart=(1,),
        frames=near,
    )


BESIDE = "Right: the latent's KL. "


def _not_shown(Z: int, latents: Int[np.ndarray, " R"], kl: Float[np.ndarray, " Z"] | None) -> str:
    """A sentence that counts the latents left out; empty where all are shown, or their KL is unknown."""
    left_out = Z - len(latents)
    if left_out == 0 or kl is None:
        return ""
    most = _nats(np.delete(kl, latents).max())
    if left_out == 1:
        return f" One more latent, not shown, has {most}."
    return f" {left_out} more latents, not shown, have {most} each at most."


def _nats(value: float) -> str:
    return f"{value:.2f}\u00a0nats"


def classes_and_styles(
    x_hat: Float[np.ndarray, "S K C H W"], classes: Sequence[str], shown: str = "the expected image", z: str = NORMAL
) -> Figure:
    """A row for each of S draws of z, a column for each of K classes; `shown` says what the tiles are."""
    return labelled_grid(
        x_hat,
        [f"style {i}" for i in range(1, len(x_hat) + 1)],
        [literal(name) for name in classes],
        "Every class in every style",
        f"Each tile: {shown}, for the row's {z} and the column's class. Look for what a row "
        "has in common (slant, width, stroke): the class is given, so z is left with the style.",
    )


def style_transfer(
    x: Float[np.ndarray, "S C H W"],
    x_hat: Float[np.ndarray, "S K C H W"],
    labels: Int[np.ndarray, " S"],
    classes: Sequence[str],
) -> Figure:
    """A row for each of S test images: the image, and its style in each of K classes; `labels` index the classes."""
    return labelled_grid(
        [[image, *row] for image, row in zip(x, x_hat, strict=True)],
        (),
        ["$x$", *map(literal, classes)],
        "The style of one image in every class",
        "First column: test images. Right of them: decoded from the image's μ, with each class given in turn; the "
        "framed tile has the image's own. Look for the image's slant, width and stroke in other classes.",
        columns_apart=(1,),
        frames=[Frame(row, 1 + int(label)) for row, label in enumerate(labels)],
    )


def completions(
    x: Float[np.ndarray, "N C H W"],
    given: Bool[np.ndarray, "H W"],
    draws: Float[np.ndarray, "N D C H W"],
    mean: Float[np.ndarray, "N C H W"],
    shown: str = "the expected image",
    z: str = NORMAL,
) -> Figure:
    """A row for each of N test images: the pixels that are given, D ways to complete them, their mean, the original."""
    seen = np.where(given, x, HIDDEN)
    count = draws.shape[1]
    columns = range(1, count + 2)
    return labelled_grid(
        [[part, *ways, middle, whole] for part, ways, middle, whole in zip(seen, draws, mean, x, strict=True)],
        (),
        ["given", *(f"draw {i}" for i in range(1, count + 1)), "mean", "original"],
        "Completion",
        f"The model is given the part at the left. Each draw: {shown}, for one {z}; mean: over "
        "many z. Look inside the frames for draws that differ where the part leaves room, and agree where it does not.",
        columns_apart=(1, count + 1, count + 2),
        frames=[Frame(row, column, ~given) for row in range(len(x)) for column in columns],
    )


def code_maps(
    x: Float[np.ndarray, "N C H W"],
    codes: Int[np.ndarray, "N h w"],
    x_hat: Float[np.ndarray, "N C H W"],
    codebook: Float[np.ndarray, "K D"],
) -> Figure:
    """Three rows: test images, their codes, and the images decoded from the codes."""
    height, width = x.shape[2:]
    rows, columns = np.arange(height) * codes.shape[1] // height, np.arange(width) * codes.shape[2] // width
    maps = colours(codes, codebook)[:, rows][:, :, columns].transpose(0, 3, 1, 2)
    return labelled_grid(
        [x, maps, x_hat],
        ["$x$", "codes", r"$\hat{x}$"],
        (),
        "Codes",
        f"Upper row: test images. Middle: their {codes.shape[1]}×{codes.shape[2]} codes out of {len(codebook)}, the "
        "decoder's only input; entries that are near one another in the codebook have similar colours. Look for codes "
        "of the background, of edges, of strokes.",
    )


def code_samples(
    x_hat: dict[str, Float[np.ndarray, "N C H W"]], size: tuple[int, int], shown: str = "the expected image"
) -> Figure:
    """Images of maps of codes, by where the codes are drawn from: the prior, then simpler distributions.

    N is a multiple of the columns.
    """
    rows = {name: images.reshape(-1, COLUMNS, *images.shape[1:]) for name, images in x_hat.items()}
    names = [name if first else "" for name, part in rows.items() for first in (True, *(False,) * (len(part) - 1))]
    return labelled_grid(
        itertools.chain.from_iterable(rows.values()),
        names,
        (),
        "Samples from the prior over codes",
        f"Each tile: {shown}, for a map of {size[0]}×{size[1]} codes. Prior: each code is drawn after those above and "
        "to the left of it. Frequencies: each code by how often it occurs in the test images, whatever the others are. "
        "Uniform: every code is as likely. Look for strokes that go on from code to code.",
        rows_apart=list(itertools.accumulate(len(part) for part in rows.values()))[:-1],
    )


def colours(codes: Int[np.ndarray, "N h w"], codebook: Float[np.ndarray, "K D"]) -> Float[np.ndarray, "N h w 3"]:
    """A colour for each code, from dark to light in the order of the used entries along their main direction."""
    used = np.unique(codes)
    entries = codebook[used] - codebook[used].mean(axis=0, dtype=np.float64)
    direction = np.linalg.svd(entries, full_matrices=False)[2][0]
    along = entries @ (direction * np.copysign(1, direction[np.abs(direction).argmax()]))
    shade = np.zeros(len(codebook))
    shade[used[np.argsort(along, kind="stable")]] = np.linspace(0, 1, len(used))
    return matplotlib.colormaps["viridis"](shade[codes])[..., :3]
