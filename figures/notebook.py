"""Figures and images inside a notebook: the same pixels that `save` writes to a file."""

import io
import tempfile
from pathlib import Path

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure
from PIL import Image

from figures.grids import mosaic
from figures.style import save


def show(figure: Figure) -> None:
    """Show a figure under the cell, as wide as the text."""
    with tempfile.TemporaryDirectory() as folder:
        _display(save(figure, Path(folder) / "figure.png").read_bytes(), width=620)


def show_images(images: Float[np.ndarray, "N C H W"], columns: int = 10) -> None:
    """Show images in [0, 1] under the cell, in reading order, each pixel twice as large."""
    page = np.round(255 * mosaic(images, columns, scale=2)).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(page).save(buffer, format="png", optimize=True)
    _display(buffer.getvalue(), width=page.shape[1])


def _display(png: bytes, width: int) -> None:
    from IPython import display  # here, since only a notebook has it

    display.display(display.Image(png, width=width))
