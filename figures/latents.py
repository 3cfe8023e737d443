"""What single latents and the ways between codes hold: traversals, the KL of every latent, interpolations."""

import numpy as np
from jaxtyping import Bool, Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from figures.grids import Frame, labelled_grid
from figures.style import INK, MUTED, PALE, SERIES, book_style, new_figure

MOST_NAMED = 30
"""Bars that can carry their latent's number."""


def traversals(
    x_hat: Float[np.ndarray, "R S C H W"],
    latents: Int[np.ndarray, " R"],
    values: Float[np.ndarray, " S"],
    kl: Float[np.ndarray, " Z"],
    x: Float[np.ndarray, "C H W"],
    mu: Float[np.ndarray, " Z"],
) -> Figure:
    """A row for each of R latents, set to S values in turn while the others stay at x's μ; its KL beside the row.

    `latents` are indices from 0, most nats first; `kl` has all Z of them, so that those not shown can be counted.
    The tile whose value lies nearest to μ's own is framed.
    """
    near = [Frame(row, 1 + int(np.abs(values - mu[j]).argmin())) for row, j in enumerate(latents)]
    rest = np.delete(kl, latents)
    counted = {
        0: "",
        1: f" One more latent, not shown, has {_nats(rest.max(initial=0))}.",
    }.get(len(rest), f" {len(rest)} more latents, not shown, have {_nats(rest.max(initial=0))} each at most.")
    return labelled_grid(
        [[None if row else x, *tiles] for row, tiles in enumerate(x_hat)],
        [f"$z_{{{j + 1}}}$" for j in latents],
        ["$x$", *(f"{value:+g}".replace("-", "−") if value else "0" for value in values)],
        "Latent traversals",
        "One latent moves along the row, in standard deviations of the prior; the others stay at the μ of x, to which "
        f"the framed tiles are nearest. Right: the latent's KL. Look for what one latent alone changes.{counted}",
        notes=[_nats(kl[j]) for j in latents],
        columns_apart=(1,),
        frames=near,
    )


def _nats(value: float) -> str:
    return f"{value:.2f}\u00a0nats"


@book_style()
def kl_per_latent(kl: dict[str, Float[np.ndarray, " Z"]], active: dict[str, Bool[np.ndarray, " Z"]]) -> Figure:
    """KL of every latent in nats, largest first, a panel for each model; inactive latents are marked.

    The names of the two dictionaries are the models'; a single model needs none ("").
    """
    figure, bottom, top = new_figure(
        0.5 + 1.25 * len(kl),
        "KL of every latent",
        "Mean over the test images, largest first. Active: μ differs from image to image (variance > 0.01); circles: "
        "latents that are not. Look for how few carry all, and for those that collapsed onto the prior.",
    )
    inch = 1 / figure.get_figheight()
    grid = figure.add_gridspec(
        len(kl), 1, left=0.15, right=0.97, bottom=bottom + 0.38 * inch, top=top - 0.2 * inch, hspace=0.42
    )
    most = max(len(values) for values in kl.values())
    highest = max(values.max() for values in kl.values())
    for row, (name, values) in enumerate(kl.items()):
        axes = figure.add_subplot(grid[row])
        _bars(axes, values, active[name], most, name)
        axes.set_ylim(0, max(1.08 * highest, 0.1))
    figure.axes[-1].set_xlabel("latent" if most <= MOST_NAMED else "latents by their KL")
    figure.axes[0].set_ylabel("KL (nats)", labelpad=2)
    return figure


def _bars(axes: Axes, kl: np.ndarray, active: np.ndarray, most: int, name: str) -> None:
    order = np.argsort(-kl, kind="stable")
    place, used = np.arange(1, len(kl) + 1), active[order]
    axes.bar(place, kl[order], width=0.72, color=np.where(used, SERIES[0]["color"], MUTED))
    for at in place[~used]:
        axes.plot(at, 0, "o", color=MUTED, markerfacecolor="white", markersize=3.4, clip_on=False, zorder=5)
    axes.set_xlim(0.2, most + 0.8)
    if most <= MOST_NAMED:
        axes.set_xticks(place, [f"$z_{{{j + 1}}}$" for j in order])
    else:
        axes.set_xticks(np.unique(np.linspace(1, most, 8).round()))
    axes.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
    axes.tick_params(axis="x", length=0)
    said = f"{active.sum()} of {len(kl)} active, {kl.sum():.1f} nats in all"
    axes.set_title(f"{name}: {said}" if name else said, pad=4, color=INK)
    axes.grid(True, axis="y", color=PALE)
    axes.set_axisbelow(True)


def interpolations(
    start: Float[np.ndarray, "P C H W"],
    ways: dict[str, Float[np.ndarray, "P S C H W"]],
    end: Float[np.ndarray, "P C H W"],
    title: str,
    caption: str,
) -> Figure:
    """P pairs of test images and what lies between: for each pair a row for every way, S decoded points on it.

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
