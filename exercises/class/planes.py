"""Pictures of the latent plane: where p(x) comes from, where q looks for it, what fits a part of an image."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Ellipse

from exercises.model import load_images
from figures.style import INK, MUTED
from numpy_impl.functional import sigmoid

from .models import explored
from .page import P_COLOUR, Q_COLOUR, TEXT, Picture, axes_at, new_page, show_tiles, write
from .posterior import REACH, elbo, encoder, grid, largest, log_likelihood, posterior

BLUES = LinearSegmentedColormap.from_list("blues", ["#ffffff", "#bcd7ee", P_COLOUR])
EXAMPLE, GAPS = 0, (12, 0, 7, 23)
"""Images by their place in `load_images`: a zero, and four whose bounds miss more and more."""
PARTLY_SHOWN, SHOWN_ROWS = (7, 18, 30), 9
"""Images of which the upper nine rows are shown."""
WAYS = (((-2.4, 0.9), (2.0, -1.5)), ((1.1, 1.5), (3.3, 3.3)), ((-0.3, 2.6), (-0.3, -0.4)))
"""From a seven to a zero; out of the prior; along one axis."""


def black_or_white(index: int) -> np.ndarray:
    """A test image of the exercises, each pixel cut at one half."""
    return (load_images()[0][index].ravel() > 0.5).astype(np.float64)


def integral() -> Picture:
    """log p(x|z) over the plane, draws from the prior, and the spot that 99 % of p(x) comes from."""
    x = black_or_white(EXAMPLE)
    likelihood = log_likelihood(x)
    log_p, probability = posterior(likelihood)
    spot = largest(probability, 0.99)
    share = float(np.exp(grid().log_prior[spot]).sum())
    figure = new_page(730, 540)
    axes = _plane(figure, 80, 8, 465)
    _heat(axes, np.maximum(likelihood - likelihood.max(), -150))
    across, up = np.random.default_rng(0).standard_normal((2, 300))
    axes.scatter(across, up, s=2.2, c=INK, linewidths=0)
    _region(axes, spot)
    show_tiles(figure, 585, 150, 140, x.reshape(1, 1, 28, 28), 1)
    write(figure, 655, 128, "$x$", ha="center")
    return Picture(figure, {"log_p": log_p, "share": share})


def explorer() -> Picture:
    """The plane of the explorer as a map of decoded images, with the three ways that the demonstration drags along."""
    figure, count = new_page(600, 560), 15
    axes = axes_at(figure, 85, 6, 485, 485)
    values = np.linspace(-REACH, REACH, 2 * count + 1)[1::2]
    z1, z2 = np.meshgrid(values, values[::-1])
    z = np.stack([z1.ravel(), z2.ravel()], axis=1).astype(np.float32)
    tiles = explored().sample(z).reshape(count, count, 28, 28).transpose(0, 2, 1, 3).reshape(28 * count, 28 * count)
    axes.imshow(0.55 * tiles, cmap="gray_r", vmin=0, vmax=1, extent=(-REACH, REACH, -REACH, REACH))
    for radius in (1, 2):
        axes.add_patch(Circle((0, 0), radius, fill=False, edgecolor=INK, linewidth=0.9, linestyle=(0, (4, 3))))
    for number, (start, end) in enumerate(WAYS, 1):
        style = {"arrowstyle": "-|>", "color": Q_COLOUR, "linewidth": 2.2, "shrinkA": 0, "shrinkB": 0}
        axes.annotate("", end, start, arrowprops=style)
        box = {"boxstyle": "circle,pad=0.22", "facecolor": Q_COLOUR, "edgecolor": "white"}
        axes.text(*start, str(number), ha="center", va="center", color="white", fontsize=9, fontweight="bold", bbox=box)
    axes.set(xlim=(-REACH, REACH), ylim=(-REACH, REACH), xticks=range(-3, 4), yticks=range(-3, 4))
    _name_axes(axes)
    return Picture(figure)


def guess() -> Picture:
    """The true posterior of one image from near, and the ellipses of q."""
    figure = new_page(560, 525)
    _near(axes_at(figure, 108, 8, 440, 440), black_or_white(EXAMPLE), reach=0.42, labels=True)
    return Picture(figure)


def bound() -> Picture:
    """Four images: log p(x), the ELBO, and how far the encoder's q lies from the true posterior."""
    figure, numbers = new_page(1152, 456), []
    for column, index in enumerate(GAPS):
        left, x = 250 + column * 230, black_or_white(index)
        likelihood = log_likelihood(x)
        (log_p, _), (mu, sigma) = posterior(likelihood), encoder(x)
        lower = elbo(likelihood, mu, sigma)
        show_tiles(figure, left + 65, 0, 70, x.reshape(1, 1, 28, 28), 1)
        axes = axes_at(figure, left, 84, 200, 200)
        _near(axes, x, reach=0.6)
        _name_axes(axes)
        numbers.append({"log_p": log_p, "elbo": lower, "gap": log_p - lower})
        for row, (text, style) in enumerate(
            ((f"{log_p:.1f}", {}), (f"{lower:.1f}", {}), (f"{log_p - lower:.1f}", {"fontweight": "bold"}))
        ):
            write(figure, left + 100, 344 + 44 * row, text.replace("-", "−"), ha="center", **style)
    for row, text in enumerate((r"$\log p(x)$", "ELBO", "gap")):
        write(figure, 215, 344 + 44 * row, text, ha="right")
    write(figure, 200, 150, "true posterior", ha="right", color=P_COLOUR)
    write(figure, 200, 190, r"$q(z|x)$", ha="right", color=Q_COLOUR)
    return Picture(figure, {"images": numbers})


def missing() -> Picture:
    """Images whose lower part is hidden: which z fit what is shown, and draws of the rest from there."""
    figure, shown, rng = new_page(1152, 450), np.arange(784) < 28 * SHOWN_ROWS, np.random.default_rng(2)
    titles = {0: "image", 150: "shown", 292: r"$p(z\,|\,$shown$)$", 500: "the rest, for five draws of $z$"}
    for column, title in titles.items():
        write(figure, column, 14, title, color=MUTED)
    for row, index in enumerate(PARTLY_SHOWN):
        top, x = 40 + 142 * row, black_or_white(index)
        _, probability = posterior(log_likelihood(x, shown))
        hidden = np.where(shown, x, 0.6)
        show_tiles(figure, 0, top, 126, x.reshape(1, 1, 28, 28), 1)
        show_tiles(figure, 150, top, 126, hidden.reshape(1, 1, 28, 28), 1)
        axes = axes_at(figure, 310, top, 126, 126)
        _heat(axes, _spread(probability))
        _frame(axes)
        drawn = sigmoid(grid().logits[rng.choice(len(probability), 5, p=probability / probability.sum())])
        drawn = np.where(shown, x, drawn).reshape(5, 1, 28, 28)
        show_tiles(figure, 500, top, 642, drawn, 5)
    return Picture(figure)


def _plane(figure: Figure, left: float, top: float, side: float) -> Axes:
    axes = axes_at(figure, left, top, side, side)
    axes.set(xlim=(-3.5, 3.5), ylim=(-3.5, 3.5), xticks=range(-3, 4), yticks=range(-3, 4))
    axes.set_xlabel("$z_1$", fontsize=TEXT, labelpad=0)
    axes.set_ylabel("$z_2$", fontsize=TEXT, labelpad=-4)
    for radius in (1, 2):
        axes.add_patch(Circle((0, 0), radius, fill=False, edgecolor=MUTED, linewidth=0.7, linestyle=(0, (4, 3))))
    return axes


def _heat(axes: Axes, values: np.ndarray) -> None:
    """Values of the grid as shades of blue."""
    side = round(len(values) ** 0.5)
    extent = (-REACH, REACH, -REACH, REACH)
    axes.imshow(values.reshape(side, side), extent=extent, cmap=BLUES, aspect="auto", interpolation="bilinear")


def _region(axes: Axes, inside: np.ndarray) -> None:
    side = round(len(inside) ** 0.5)
    place = np.linspace(-REACH, REACH, side)
    axes.contourf(place, place[::-1], inside.reshape(side, side), levels=[0.5, 1.5], colors=[Q_COLOUR])


def _frame(axes: Axes) -> None:
    axes.set(xlim=(-3.2, 3.2), ylim=(-3.2, 3.2), xticks=[], yticks=[])
    axes.spines[:].set_visible(True)


def _near(axes: Axes, x: np.ndarray, reach: float, labels: bool = False) -> None:
    """The posterior around the middle between it and q, and q at one and two standard deviations."""
    _, probability = posterior(log_likelihood(x))
    mu, sigma = encoder(x)
    middle = (probability @ grid().z + mu) / 2
    _heat(axes, np.sqrt(probability))
    for width in (1, 2):
        across, up = 2 * width * sigma
        axes.add_patch(Ellipse((mu[0], mu[1]), across, up, fill=False, edgecolor=Q_COLOUR, linewidth=1.3))
    axes.set(xlim=(middle[0] - reach, middle[0] + reach), ylim=(middle[1] - reach, middle[1] + reach))
    axes.spines[:].set_visible(True)
    if labels:
        _name_axes(axes)
        axes.locator_params(nbins=4)
    else:
        axes.set(xticks=[], yticks=[])


def _name_axes(axes: Axes) -> None:
    axes.set_xlabel("$z_1$", fontsize=TEXT, labelpad=0)
    axes.set_ylabel("$z_2$", fontsize=TEXT, labelpad=0)


def _spread(probability: np.ndarray) -> np.ndarray:
    """Small spots made large enough to be seen: the largest value within five steps."""
    side = round(len(probability) ** 0.5)
    plane = np.sqrt(probability).reshape(side, side)
    for axis in (0, 1):
        plane = np.max([np.roll(plane, shift, axis) for shift in range(-5, 6)], axis=0)
    return plane.ravel()
