"""What a learner's functions see, drawn: the last lines of the answers to exercises 01 and 02 call these."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from exercises.model import CLASSES, load_images, load_model
from figures.charts import latent_space
from figures.galleries import MARGIN, manifold
from figures.grids import GAP, mosaic
from figures.style import CLASS_COLOURS, DPI, MUTED, book_style, new_figure, pixel_axes, save, show
from foundation.data import load

POINTS, TILES, STEPS = 1000, 20, 11
PAIRS = (7, 23), (11, 12), (6, 30)
"""Pairs of test images to walk between, by their place in `load_images`."""


def draw_latent_space(
    answer: str,
    latent_means: Callable,
    class_centroids: Callable,
    quantiles: Callable,
    latent_grid: Callable,
    decode_grid: Callable,
) -> None:
    """Exercise 01: 1000 test images as points with the centroids of their classes; and the decoded grid."""
    model, test = load_model(), load("glyphs", "test", count=POINTS)
    mu = latent_means(model.encode, test.images.astype(np.float64))
    points = latent_space(mu, test.labels, CLASSES)
    _name_centroids(points.axes[0], class_centroids(mu, test.labels, len(CLASSES)))
    values = quantiles(TILES)
    tiles = manifold(decode_grid(model.decode, latent_grid(values)), values)
    for name, figure in (("means", points), ("grid", tiles)):
        print(save(figure, _beside(answer, name)))


def draw_paths(answer: str, pixel_path: Callable, latent_path: Callable) -> None:
    """Exercise 02: three pairs of test images, and both ways from one to the other."""
    model, (images, _), t = load_model(), load_images(), np.linspace(0, 1, STEPS)
    rows = []
    for a, b in PAIRS:
        rows += [latent_path(model.encode, model.decode, images[a], images[b], t), pixel_path(images[a], images[b], t)]
    with book_style():
        print(save(_rows_of_pairs(np.concatenate(rows)), _beside(answer, "paths")))


def _beside(answer: str, name: str) -> Path:
    path = Path(answer).resolve()
    return path.with_name(f"{path.stem}_{name}.png")


def _name_centroids(axes: Axes, centroids: np.ndarray) -> None:
    """The learner's centroids, in the place of the chart's own names at the medians."""
    for text in list(axes.texts):
        text.remove()
    for name, colour, (x, y) in zip(CLASSES, CLASS_COLOURS, centroids, strict=True):
        axes.scatter(x, y, s=90, c="white", edgecolors=colour, linewidths=1.4, zorder=5)
        axes.text(x, y, name, fontsize=7.5, fontweight="bold", ha="center", va="center_baseline", zorder=6)


def _rows_of_pairs(tiles: np.ndarray) -> Figure:
    """A figure of rows of STEPS tiles, two rows for each pair."""
    image = mosaic(tiles, STEPS, 2, GAP, (0, 3 * GAP))
    height, width = image.shape[:2]
    caption = (
        "Upper rows: decoded from the straight line between two latent means. Lower rows: the images themselves, "
        "one faded into the other. Look at the middle: one image, or two at once?"
    )
    figure, bottom, _ = new_figure(height / DPI + 0.06, "Two ways from image to image", caption)
    axes = pixel_axes(figure, 3 * MARGIN, bottom + 0.03 / figure.get_figheight(), width, height)
    show(axes, image)
    for row in range(2 * len(PAIRS)):
        _name_row(axes, row, tiles.shape[-2])
    return figure


def _name_row(axes: Axes, row: int, size: int) -> None:
    pitch = 2 * (2 * size + GAP) + 3 * GAP
    y = row // 2 * pitch + row % 2 * (2 * size + GAP) + size
    axes.text(-12, y, ("latents", "pixels")[row % 2], ha="right", va="center", fontsize=7.5, color=MUTED)
