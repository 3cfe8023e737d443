"""Drawn pictures: the network with its shapes, and the draw that stops the gradient."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Polygon, Rectangle

from exercises.model import load_images
from figures.style import INK, MUTED
from foundation.architecture import Architecture

from .models import shipped
from .page import LIGHT_P, LIGHT_Q, P_COLOUR, Q_COLOUR, TEXT, TICKS, Picture, axes_at, new_page

ARCHITECTURE = Architecture()
WIDE, SMALL = f"{ARCHITECTURE.channels[0]}×14×14", f"{ARCHITECTURE.channels[1]}×7×7"
HIDDEN = str(ARCHITECTURE.hidden_dim)
EXAMPLE = 12


def network() -> Picture:
    """The layers of the VAE, with the shape of what each makes from one image."""
    figure = new_page(1152, 520)
    axes, x = _canvas(figure, 1152, 520), load_images()[0][[EXAMPLE]].astype("float32")
    _encoder(axes, 110, x[0, 0])
    _decoder(axes, 388, shipped().reconstruct(x)[0, 0])
    axes.text(1145, 235, r"$z = \mu + \sigma\,\varepsilon$", ha="right", va="center", fontsize=9, color=INK)
    style = {"arrowstyle": "->", "color": MUTED, "linewidth": 1.2, "connectionstyle": "angle,angleA=0,angleB=90,rad=8"}
    axes.annotate("", (90, 338), (930, 235), arrowprops=style)
    return Picture(figure)


def _encoder(axes: Axes, y: float, x: np.ndarray) -> None:
    stations = (90, 325, 555, 775, 985)
    _image(axes, stations[0], y, x, "$x$  1×28×28")
    _stack(axes, stations[1], y, 76, LIGHT_Q, WIDE)
    _stack(axes, stations[2], y, 46, LIGHT_Q, SMALL)
    _bar(axes, stations[3], y, 120, LIGHT_Q, HIDDEN)
    for shift, name in ((-48, r"$\mu$   Z"), (40, r"$\log\sigma^2$   Z")):
        _bar(axes, stations[4], y + shift, 44, LIGHT_Q, "")
        axes.text(stations[4] + 30, y + shift, name, fontsize=TEXT, va="center")
    for a, b, name in zip(stations, stations[1:], ("conv1", "conv2", "fc", "mu, logvar"), strict=False):
        _arrow(axes, a + 65, y, b - 62, y, name, Q_COLOUR)


def _decoder(axes: Axes, y: float, x_hat: np.ndarray) -> None:
    stations = (90, 220, 362, 690, 1025)
    _bar(axes, stations[0], y, 44, LIGHT_P, "$z$   Z")
    _bar(axes, stations[1], y, 120, LIGHT_P, HIDDEN)
    _stack(axes, stations[2], y, 46, LIGHT_P, SMALL)
    _stack(axes, stations[3], y, 76, LIGHT_P, WIDE)
    _image(axes, stations[4], y, x_hat, "logits  1×28×28")
    axes.text(stations[4], y + 117, r"shown: $\hat{x}$", ha="center", va="center", fontsize=TICKS, color=MUTED)
    names, gaps = ("fc1", "fc2", "conv_transpose1", "conv_transpose2"), ((22, 22), (22, 48), (54, 64), (66, 66))
    for a, b, name, (after, before) in zip(stations, stations[1:], names, gaps, strict=False):
        _arrow(axes, a + after, y, b - before, y, name, P_COLOUR)


def autoencoder() -> Picture:
    """An image through a narrow code and back; drawn with the means of the small VAE, which has no noise then."""
    figure = new_page(1152, 330)
    axes, x = _canvas(figure, 1152, 330), load_images()[0][[EXAMPLE]].astype("float32")
    mu = shipped().encode(x)[0][0]
    for left, image, name in ((80, x[0, 0], "$x$"), (1072, shipped().reconstruct(x)[0, 0], r"$\hat{x}$")):
        axes.imshow(image, cmap="gray", vmin=0, vmax=1, extent=(left - 75, left + 75, 235, 85), interpolation="nearest")
        axes.text(left, 265, name, ha="center", va="center", fontsize=9)
    for corners, colour, name in (
        (((215, 60), (430, 125), (430, 195), (215, 260)), LIGHT_Q, "encoder"),
        (((722, 125), (937, 60), (937, 260), (722, 195)), LIGHT_P, "decoder"),
    ):
        axes.add_patch(Polygon(corners, facecolor=colour, edgecolor="none"))
        axes.text((corners[0][0] + corners[1][0]) / 2, 160, name, ha="center", va="center", fontsize=TEXT)
    axes.text(576, 160, f"$z$ = ({mu[0]:.1f}, {mu[1]:.1f})".replace("-", "−"), ha="center", va="center", fontsize=8)
    axes.text(576, 215, "784 numbers become 2", ha="center", va="center", fontsize=TICKS, color=MUTED)
    for a, b, colour in ((160, 210, Q_COLOUR), (434, 466, Q_COLOUR), (686, 718, P_COLOUR), (942, 992, P_COLOUR)):
        _arrow(axes, a, 160, b, 160, "", colour)
    axes.set(xlim=(0, 1152), ylim=(330, 0), aspect="auto")
    axes.plot((80, 80, 1072, 1072), (283, 308, 308, 283), color=MUTED, linewidth=1.2)
    box = {"facecolor": "white", "edgecolor": "none", "pad": 3}
    axes.text(576, 308, "the loss: how much do they differ?", ha="center", va="center", fontsize=TEXT, bbox=box)
    return Picture(figure)


def reparameterization() -> Picture:
    """Left: a draw between encoder and decoder stops the gradient. Right: noise comes in from the side."""
    figure = new_page(1152, 330)
    axes = _canvas(figure, 1152, 330)
    for left, side in ((0, False), (610, True)):
        _box(axes, left + 67, 190, r"$\mu,\ \sigma$", LIGHT_Q)
        middle, colour = (r"$\mu + \sigma\,\varepsilon$", LIGHT_Q) if side else ("draw $z$", "#ffffff")
        _box(axes, left + 275, 190, middle, colour)
        _box(axes, left + 474, 190, "decoder", LIGHT_P)
        for a, b in ((130, 202), (348, 402)):
            _arrow(axes, left + a, 178, left + b, 178, "", INK)
        _arrow(axes, left + 402, 205, left + 348, 205, "", P_COLOUR)
        axes.text(left + 375, 250, "gradient", ha="center", fontsize=TEXT, color=P_COLOUR)
    _arrow(axes, 812, 205, 740, 205, "", P_COLOUR)
    axes.text(166, 208, "✗", ha="center", va="center", fontsize=11, color="#b00020", fontweight="bold")
    _box(axes, 885, 50, r"draw $\varepsilon$", "#ffffff")
    _arrow(axes, 885, 88, 885, 150, "", INK)
    axes.text(275, 310, r"$z \sim \mathcal{N}(\mu, \sigma^2)$", ha="center", fontsize=9)
    axes.text(885, 310, r"$\varepsilon \sim \mathcal{N}(0, I)$", ha="center", fontsize=9)
    return Picture(figure)


def _canvas(figure: Figure, width: float, height: float) -> Axes:
    """Axes in pixels of a slide, y downwards."""
    axes = axes_at(figure, 0, 0, width, height)
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.set_axis_off()
    return axes


def _image(axes: Axes, x: float, y: float, image: np.ndarray, name: str) -> None:
    axes.imshow(image, cmap="gray", vmin=0, vmax=1, extent=(x - 56, x + 56, y + 56, y - 56), interpolation="nearest")
    axes.set(xlim=(0, 1152), ylim=(520, 0), aspect="auto")
    axes.text(x, y + 84, name, ha="center", va="center", fontsize=TICKS)


def _stack(axes: Axes, x: float, y: float, side: float, colour: str, name: str) -> None:
    """Feature maps, one behind the other."""
    for shift in (18, 9, 0, -9, -18):
        corner = x - side / 2 + shift, y - side / 2 - shift
        axes.add_patch(Rectangle(corner, side, side, facecolor=colour, edgecolor="white", linewidth=0.8))
    axes.text(x, y + 84, name, ha="center", va="center", fontsize=TICKS)


def _bar(axes: Axes, x: float, y: float, height: float, colour: str, name: str) -> None:
    axes.add_patch(Rectangle((x - 11, y - height / 2), 22, height, facecolor=colour, edgecolor="none"))
    axes.text(x, y + 84, name, ha="center", va="center", fontsize=TICKS)


def _box(axes: Axes, x: float, y: float, text: str, colour: str) -> None:
    box = FancyBboxPatch((x - 64, y - 34), 128, 68, "round,pad=0,rounding_size=10", facecolor=colour, edgecolor=MUTED)
    axes.add_patch(box)
    axes.text(x, y, text, ha="center", va="center", fontsize=TEXT)


def _arrow(axes: Axes, x0: float, y0: float, x1: float, y1: float, name: str, colour: str) -> None:
    style = {"arrowstyle": "->", "color": colour, "linewidth": 1.2, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", (x1, y1), (x0, y0), arrowprops=style)
    if name:
        axes.text((x0 + x1) / 2, y0 - 10, name, ha="center", va="bottom", fontsize=TICKS, color=colour, linespacing=1)
