"""The figure of the page: the curves of every broken VAE, each over those of the healthy one."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullFormatter, StrMethodFormatter

from figures.style import INK, MUTED, PALE, RULE, book_style, new_figure, save

WIDTH = 7.4
Style = dict[str, Any]
TRAIN: Style = {"color": "#0072b2", "linewidth": 1.5}
TEST: Style = {"color": "#d55e00", "linewidth": 1.2, "linestyle": (0, (3, 1.3)), "marker": "o", "markersize": 2.2}
HEALTHY: Style = {"color": RULE, "linewidth": 3.2, "solid_capstyle": "round", "zorder": 1}
LEGEND = {"training": TRAIN, "test": TEST, "healthy VAE, test": HEALTHY}
RANGE = 80, 800
KL_RANGE = -0.7, 20
CAPTION = (
    "Above: the loss in nats per image, for training as the mean over each epoch's batches. Below: the KL on the test "
    "images, as the VAE computes it. The axes of the losses are logarithmic and all alike, but for VAE 2."
)


@book_style()
def draw(found: dict[str, Any], path: Path) -> None:
    """Two rows of four VAEs; for each the loss, and under it the KL."""
    figure, bottom, top = new_figure(4.75, "Eight broken VAEs", CAPTION, width=WIDTH)
    left, right, gap = 0.073, 0.012, 0.037
    width = (1 - left - right - 3 * gap) / 4
    unit = (top - bottom) / 100
    for n in range(1, 9):
        row, column = divmod(n - 1, 4)
        x, base = left + column * (width + gap), bottom + (1 - row) * 51 * unit + 6.5 * unit
        loss = figure.add_axes((x, base + 14.5 * unit, width, 23.5 * unit))
        kl = figure.add_axes((x, base, width, 11 * unit))
        _loss(loss, found, n)
        _kl(kl, found, n)
        loss.set_title(f"VAE {n}", fontweight="bold", pad=3)
        if column == 0:
            for axes, text in ((loss, "loss"), (kl, "KL")):
                axes.set_ylabel(text)
                axes.yaxis.set_label_coords(-0.225, 0.5)
        if row == 1:
            kl.set_xlabel("epoch", labelpad=1)
    lines = [Line2D([], [], **style, label=label) for label, style in LEGEND.items()]
    figure.legend(
        handles=lines, loc="upper right", bbox_to_anchor=(0.995, 1.0), ncols=3, handlelength=2.6, columnspacing=1.6
    )
    save(figure, path)


def _loss(axes: Axes, found: dict[str, Any], n: int) -> None:
    curves, healthy = found[str(n)]["curves"], found["healthy"]["curves"]
    epochs = np.arange(len(curves["test_loss"]))
    if max(curves["test_loss"]) < 2:
        axes.set_ylim(0.2, 0.8)
        axes.set_yticks([0.2, 0.4, 0.6, 0.8])
    else:
        axes.set_yscale("log")
        axes.set_ylim(*RANGE)
        axes.yaxis.set_major_locator(FixedLocator([100, 200, 400, 800]))
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:.0f}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.yaxis.set_minor_locator(FixedLocator([]))
        axes.plot(epochs, healthy["test_loss"], **HEALTHY)
    # The mean over an epoch belongs to its middle.
    train = np.array(curves["train_loss"])
    axes.plot(epochs[1:] - 0.5, train, **TRAIN)
    axes.plot(epochs, curves["test_loss"], **TEST)
    for epoch in np.flatnonzero(train > RANGE[1]):
        power = int(np.log10(train[epoch]))
        axes.annotate(
            f"{train[epoch] / 10**power:.0f}·10$^{{{power}}}$",
            (epoch + 1, RANGE[1]),
            (5, -4),
            textcoords="offset points",
            va="top",
            color=TRAIN["color"],
            fontsize=7.5,
        )
    _finish(axes, len(epochs) - 1)
    axes.set_xticklabels([])


def _kl(axes: Axes, found: dict[str, Any], n: int) -> None:
    curves, healthy = found[str(n)]["curves"], found["healthy"]["curves"]
    epochs = np.arange(len(curves["test_kl"]))
    axes.plot(epochs, healthy["test_kl"], **HEALTHY)
    axes.plot(epochs, curves["test_kl"], **TEST)
    axes.set_ylim(*KL_RANGE)
    axes.set_yticks([0, 10, 20])
    _finish(axes, len(epochs) - 1)


def _finish(axes: Axes, last: int) -> None:
    axes.set_xlim(-0.4, last + 0.4)
    axes.set_xticks(range(0, last + 1, 5))
    axes.grid(axis="y", color=PALE)
    axes.set_axisbelow(True)
    axes.tick_params(length=2, pad=2, labelcolor=MUTED, color=INK)
