"""Curves of training: the test losses of rungs by epoch; a model's loss, its parts and their weights by step."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from figures.style import CURVES, MUTED, ONE_CURVE, PALE, RULE, SERIES, book_style, plot_page, rule


@book_style()
def learning_curves(histories: dict[str, list[dict]]) -> Figure:
    """Test loss, its two parts, and the distance of each rung's loss from the first one's.

    `histories` holds, for every rung, its records {"epoch", "loss", "reconstruction", "kl"}, the first before
    training. That one is left out once two more follow, since it would compress the scale of all others.
    """
    several = len(histories) > 1
    ratios = [1.55, 1, 1] if several else [1.55, 1]
    figure, grid, _ = plot_page(
        5.0 if several else 3.6,
        "Learning curves",
        "Negative ELBO of the test images, a thinner line for each further rung. All rungs see the same numbers in the "
        "same order; rounding in float32 moves their lines apart, more with every step."
        if several
        else "Negative ELBO of the test images: reconstruction plus KL.",
        rows=len(ratios),
        columns=2,
        left=0.125,
        hspace=0.55,
        wspace=0.3,
        height_ratios=ratios,
    )
    panels = {
        "loss": ("Test loss (nats per image)", figure.add_subplot(grid[0, :])),
        "reconstruction": ("Reconstruction", figure.add_subplot(grid[1, 0])),
        "kl": ("KL", figure.add_subplot(grid[1, 1])),
    }
    for key, (title, axes) in panels.items():
        _plot_part(axes, histories, key)
        _finish(axes, title)
    panels["loss"][1].legend(title="after the last epoch", title_fontsize=7.5, alignment="left", handlelength=3)
    if several:
        _differences(figure.add_subplot(grid[2, :]), histories)
    return figure


def _plot_part(axes: Axes, histories: dict[str, list[dict]], key: str) -> None:
    """One part of the loss, a line for each rung, each thinner than the one below it."""
    first = 1 if max(len(records) for records in histories.values()) > 2 else 0
    for (rung, records), style in zip(histories.items(), CURVES if len(histories) > 1 else [ONE_CURVE], strict=False):
        shown = [record for record in records if record["epoch"] >= first]
        label = f"{rung}  {shown[-1][key]:.2f}" if shown else rung
        axes.plot([record["epoch"] for record in shown], [record[key] for record in shown], label=label, **style)


def _differences(axes: Axes, histories: dict[str, list[dict]]) -> None:
    """|loss - the first rung's loss| per epoch on a log axis, with a band as high as one float32 rounding."""
    first, *others = histories
    reference = {r["epoch"]: r["loss"] for r in histories[first]}
    rounding = float(np.spacing(np.float32(max(map(abs, reference.values()), default=1.0)))) / 2
    for rung, style in zip(others, CURVES[1:], strict=False):
        shared = [r for r in histories[rung] if r["epoch"] in reference]
        apart = [max(abs(r["loss"] - reference[r["epoch"]]), rounding / 3) for r in shared]
        axes.plot([r["epoch"] for r in shared], apart, label=rung, **style)
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    axes.set_ylim(min(low, rounding / 4), max(high, 40 * rounding))
    axes.axhspan(axes.get_ylim()[0], rounding, color=PALE, linewidth=0, zorder=0)
    axes.text(0.99, rounding / 1.3, "one float32 rounding", transform=axes.get_yaxis_transform(), fontsize=7,
              color=MUTED, ha="right", va="top")  # fmt: skip
    _finish(axes, f"|Test loss − that of {first}| (nats per image)")


def _finish(axes: Axes, title: str) -> None:
    axes.set_title(title, pad=5)
    axes.set_xlabel("epoch", labelpad=1)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    rule(axes, "y")


PARTS = {
    "loss": "Loss (nats per image)",
    "reconstruction": "Reconstruction, −log p(x|z) (nats per image)",
    "total": "Code and pixels, −log p(z) − log p(x|z) (nats per image)",
    "kl": "KL(q(z|x) ‖ p(z)) (nats per image)",
    "commitment": "Commitment, squared distance to the codebook",
    "perplexity": "Perplexity of the codes in a batch",
    "beta": "Weight of the KL",
    "learning_rate": "Step size",
}
"""Titles of the panels by the names in the log, in order."""
SETTINGS = ("beta", "learning_rate")
"""Shown only where they change."""


@book_style()
def training_curves(records: Sequence[dict], capacity: Sequence[float] | None = None) -> Figure:
    """Loss, its parts, and the settings that change, over the training steps, one panel under the other.

    `records` are a log's lines: {"kind": "step", "step", "epoch", "loss", ...} for each step, and for each epoch
    {"kind": "epoch", "step", "loss", ...} of the validation images, if there are any. `capacity` is the KL's target at
    each step.
    """
    steps, epochs = ([record for record in records if record["kind"] == kind] for kind in ("step", "epoch"))
    shown = [name for name in PARTS if name in steps[0] and (name not in SETTINGS or _changes(steps, name))]
    caption = _caption(steps, epochs, capacity is not None)
    figure, grid, _ = plot_page(0.4 + 0.98 * len(shown), "Training", caption, rows=len(shown), right=0.95, hspace=0.42)
    for row, name in enumerate(shown):
        axes = figure.add_subplot(grid[row], sharex=figure.axes[0] if row else None)
        _plot_steps(axes, steps, epochs, name)
        if name == "kl" and capacity is not None:
            axes.plot([record["step"] for record in steps], capacity, color=RULE, linewidth=5, zorder=1)
        axes.set_title(PARTS[name], pad=4)
        axes.tick_params(labelbottom=row == len(shown) - 1)
        axes.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
        rule(axes, "y")
    figure.axes[-1].set_xlim(0, 1.015 * steps[-1]["step"])
    figure.axes[-1].xaxis.set_major_locator(MaxNLocator(6, integer=True))
    per_epoch = sum(record["epoch"] == steps[0]["epoch"] for record in steps)
    figure.axes[-1].set_xlabel(f"training step ({per_epoch:,} an epoch)", labelpad=2)
    return figure


def _changes(steps: list[dict], name: str) -> bool:
    return len({record[name] for record in steps}) > 1


def _caption(steps: list[dict], epochs: list[dict], held: bool) -> str:
    """The meaning of the marks, and what to look for."""
    words = ["Pale: every training step; line: their running mean."]
    if any(record.get("loss") is not None for record in epochs):
        trade = ", and for a KL that rises while reconstruction falls" if "kl" in steps[0] else ""
        split = epochs[-1].get("split", "validation")
        words.append(f"Dots: the {split} images after an epoch. Look for a gap between the two, which is overfitting")
        words[-1] += f"{trade}."
        if "beta" in steps[0] and _changes(steps, "beta"):
            words.append("Dots of the loss have the weight of the KL that training ends with.")
    if held:
        words.append("Grey: the capacity at which the KL is held.")
    elif "kl" in steps[0] and not _changes(steps, "beta"):
        words.append(f"The KL weighs {steps[0]['beta']:g} throughout.")
    return " ".join(words)


def _plot_steps(axes: Axes, steps: list[dict], epochs: list[dict], name: str) -> None:
    """One number of the log. The axis fits the values after the first twentieth of the steps."""
    x, y = (np.array([record[key] for record in steps], dtype=float) for key in ("step", name))
    colour = SERIES[0]["color"]
    if name in SETTINGS:
        axes.plot(x, y, color=colour, linewidth=1.4)
        axes.set_ylim(0, 1.08 * y.max())
        return
    axes.plot(x, y, color=colour, linewidth=0.5, alpha=0.35)
    window = max(1, len(y) // 40)
    mean = np.convolve(y, np.full(window, 1 / window), "valid")
    axes.plot(x[(window - 1) // 2 :][: len(mean)], mean, color=colour, linewidth=1.4)
    checked = [(record["step"], record[name]) for record in epochs if record.get(name) is not None and record["step"]]
    dots = {"color": SERIES[1]["color"], "markersize": 3.6, "markerfacecolor": "white", "markeredgewidth": 1.2}
    if checked:
        axes.plot(*zip(*checked, strict=True), "o", **dots)
    later = np.array([*y[len(y) // 20 :], *(value for _, value in checked)])
    later = later[np.isfinite(later)]  # null stands for a loss that was not
    if not len(later):
        return
    low, high = np.quantile(later, (0.002, 0.998))
    axes.set_ylim(low - 0.06 * (high - low) - 1e-9, high + 0.06 * (high - low) + 1e-9)
