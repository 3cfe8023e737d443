"""What a conditional model draws: every class in one style, one class in many styles, and the rest of a given part."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int
from matplotlib.figure import Figure

from figures.grids import Frame, labelled_grid

HIDDEN = 0.85
"""Grey of the pixels that a model is not shown."""


def classes_and_styles(
    x_hat: Float[np.ndarray, "S K C H W"], classes: Sequence[str], shown: str = "the expected image"
) -> Figure:
    """A row for each of S draws of z, a column for each of K classes; `shown` says what the tiles are."""
    return labelled_grid(
        x_hat,
        [f"style {i}" for i in range(1, len(x_hat) + 1)],
        classes,
        "Every class in every style",
        f"Each tile: {shown}, for the row's z\u00a0~\u00a0N(0,\u00a0I) and the column's class. Look for what a row "
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
        ["$x$", *classes],
        "The style of one image in every class",
        "First column: test images. Right of them: decoded from the image's μ, with each class given in turn; the "
        "framed tile has the image's own. Look for the image's hand in other classes.",
        columns_apart=(1,),
        frames=[Frame(row, 1 + int(label)) for row, label in enumerate(labels)],
    )


def completions(
    x: Float[np.ndarray, "N C H W"],
    given: Bool[np.ndarray, "H W"],
    draws: Float[np.ndarray, "N D C H W"],
    mean: Float[np.ndarray, "N C H W"],
    shown: str = "the expected image",
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
        f"The model is given the part at the left. Each draw: {shown}, for one z\u00a0~\u00a0N(0,\u00a0I); mean: over "
        "many z. Look inside the frames for draws that differ where the part leaves room, and agree where it does not.",
        columns_apart=(1, count + 1, count + 2),
        frames=[Frame(row, column, ~given) for row in range(len(x)) for column in columns],
    )
