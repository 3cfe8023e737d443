"""The rate-distortion curve of a model: distortion over rate, the encoder's own point, and the line of its ELBO."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.style import DASHED, INK, MUTED, SERIES, book_style, plot_page, rule

NAMED = (0.05, 0.1, 0.2, 0.5, 1.0)
"""Values of beta whose points are named."""
FARTHEST = 3.0
"""The axis ends where the distortion is above its least by this many times the largest rate shown."""


class Point(NamedTuple):
    """A rate and a distortion, in nats per image."""

    rate: float
    distortion: float


@book_style()
def rate_distortion_curve(
    betas: Float[np.ndarray, " T"], rate: Float[np.ndarray, " T"], distortion: Float[np.ndarray, " T"], encoder: Point,
    about: str,
) -> Figure:  # fmt: skip
    """Distortion over rate for beta from 0 to 1, both in nats per image; `about` says of which images.

    Points on a line of slope -1 have one sum, that is, one ELBO: the line through the curve's end at beta = 1 has
    -log p(x), and the encoder's point is above it by what the ELBO lies below.
    """
    caption = (
        "The curve: the least distortion that any q(z|x) has at each rate, under this prior and decoder. The sum of "
        "both is −ELBO, and on the dashed line, of slope −1, it is −log p(x): the curve touches it at β = 1. The "
        f"encoder's point lies above it by KL(q(z|x) ‖ p(z|x)). {about}"
    )
    figure, grid, _ = plot_page(3.0, "Rate and distortion", caption, left=0.145, right=0.96)
    axes = figure.add_subplot(grid[0])
    axes.plot(rate, distortion, color=SERIES[0]["color"], linewidth=1.6, zorder=2)
    end = Point(float(rate[-1]), float(distortion[-1]))
    _frame(axes, rate, distortion, end, encoder)
    axes.axline((end.rate, end.distortion), slope=-1, color=MUTED, linewidth=0.9, linestyle=DASHED, zorder=1)
    gap = encoder.rate + encoder.distortion - end.rate - end.distortion
    axes.plot([encoder.rate] * 2, [encoder.distortion, encoder.distortion - gap], color=SERIES[1]["color"], lw=0.9)
    axes.plot(*encoder, SERIES[1]["marker"], color=SERIES[1]["color"], markersize=6, markeredgecolor="white", zorder=4)
    axes.annotate(
        f"encoder, {gap:.1f} nats above".replace("-", "−"), encoder, (0, 34), textcoords="offset points",
        ha="right" if encoder.rate > np.mean(axes.get_xlim()) else "left", fontsize=7.5, color=INK,
        arrowprops={"arrowstyle": "-", "color": MUTED, "linewidth": 0.6, "shrinkA": 0, "shrinkB": 5},
    )  # fmt: skip
    _name_betas(axes, betas, rate, distortion)
    axes.set(xlabel="Rate: KL(q ‖ p) (nats per image)", ylabel="Distortion: −E[log p(x|z)] (nats per image)")
    rule(axes)
    return figure


def _frame(axes: Axes, rate: np.ndarray, distortion: np.ndarray, end: Point, encoder: Point) -> None:
    """The axes' limits: all of the curve, unless its beginning at the prior is so high that the rest would be flat."""
    least = min(end.distortion, encoder.distortion, float(distortion.min()))
    most_rate = max(float(rate.max()), encoder.rate)
    height = max(FARTHEST * most_rate, encoder.distortion - least)
    top = min(float(distortion.max()), least + height)
    axes.set_xlim(min(0.0, float(rate.min())) - 0.03 * most_rate, 1.08 * most_rate)
    axes.set_ylim(least - 0.08 * (top - least), top + 0.04 * (top - least))


def _name_betas(axes: Axes, betas: np.ndarray, rate: np.ndarray, distortion: np.ndarray) -> None:
    """A dot and its beta at some points of the curve, below it and to the left, where the axes show them."""
    lowest, highest = axes.get_ylim()
    for beta in NAMED:
        i = int(np.abs(betas - beta).argmin())
        if abs(betas[i] - beta) > 0.1 * beta or not lowest <= distortion[i] <= highest:
            continue
        place = rate[i], distortion[i]
        axes.plot(*place, "o", color=SERIES[0]["color"], markersize=4, markeredgecolor="white", zorder=3)
        axes.annotate(
            f"β = {betas[i]:.2g}", place, (-5, -3), textcoords="offset points", ha="right", va="top",
            fontsize=7.5, color=INK,
        )  # fmt: skip
