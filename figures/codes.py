"""What a codebook holds: the map of codes behind an image, and how often each code is used."""

import matplotlib
import numpy as np
from jaxtyping import Float, Int
from matplotlib.figure import Figure

from figures.grids import labelled_grid
from figures.style import INK, SERIES, book_style, new_figure


def code_maps(
    x: Float[np.ndarray, "N C H W"],
    codes: Int[np.ndarray, "N h w"],
    x_hat: Float[np.ndarray, "N C H W"],
    codebook: Float[np.ndarray, "K D"],
) -> Figure:
    """Three rows: test images, the codes that stand for them, and what the decoder makes of the codes."""
    height, width = x.shape[2:]
    rows, columns = np.arange(height) * codes.shape[1] // height, np.arange(width) * codes.shape[2] // width
    maps = colours(codes, codebook)[:, rows][:, :, columns].transpose(0, 3, 1, 2)
    return labelled_grid(
        [x, maps, x_hat],
        ["$x$", "codes", r"$\hat{x}$"],
        (),
        "Codes",
        f"Upper row: test images. Middle: their {codes.shape[1]}×{codes.shape[2]} codes out of {len(codebook)}, all "
        "that the decoder sees; entries that lie near one another in the codebook have colours that do. Look for codes "
        "that stand for empty paper, for edges, for strokes.",
    )


def colours(codes: Int[np.ndarray, "N h w"], codebook: Float[np.ndarray, "K D"]) -> Float[np.ndarray, "N h w 3"]:
    """A colour for each code: its place among the used entries along their main direction, from dark to light."""
    used = np.unique(codes)
    entries = codebook[used] - codebook[used].mean(axis=0)
    direction = np.linalg.svd(entries, full_matrices=False)[2][0]
    along = entries @ (direction * np.copysign(1, direction[np.abs(direction).argmax()]))
    shade = np.zeros(len(codebook))
    shade[used[np.argsort(along, kind="stable")]] = np.linspace(0, 1, len(used))
    return matplotlib.colormaps["viridis"](shade[codes])[..., :3]


def perplexity(counts: Int[np.ndarray, " K"]) -> float:
    """exp of the entropy of the shares: how many codes, used equally often, would be as varied."""
    share = counts[counts > 0] / counts.sum()
    return float(np.exp(-(share * np.log(share)).sum()))


@book_style()
def code_usage(counts: Int[np.ndarray, " K"]) -> Figure:
    """How often each of K codes was used, most used first, against equal use."""
    figure, bottom, top = new_figure(
        1.9,
        "Use of the codebook",
        "Share of each code in the codes of all test images, most used first. Perplexity: as many codes, used equally "
        "often, would be as varied. Look for codes that are never used: the codebook has collapsed onto the others.",
    )
    inch = 1 / figure.get_figheight()
    axes = figure.add_axes((0.135, bottom + 0.38 * inch, 0.835, top - bottom - 0.62 * inch))
    share = 100 * np.sort(counts)[::-1] / counts.sum()
    axes.bar(np.arange(1, len(counts) + 1), share, width=1, color=SERIES[0]["color"], linewidth=0)
    axes.axhline(100 / len(counts), color=INK, linewidth=0.8, linestyle=(0, (4, 3)))
    axes.annotate("equal use", (len(counts), 100 / len(counts)), (0, 3), textcoords="offset points",
                  ha="right", va="bottom", fontsize=7)  # fmt: skip
    axes.set(xlim=(0.4, len(counts) + 0.6), xlabel="codes by their use", ylabel="share (%)")
    never = int((counts == 0).sum())
    axes.set_title(f"perplexity {perplexity(counts):.1f} of {len(counts)}; {never or 'no'} "
                   f"code{'' if never == 1 else 's'} never used", pad=4)  # fmt: skip
    axes.grid(True, axis="y")
    axes.set_axisbelow(True)
    return figure
