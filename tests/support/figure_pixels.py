"""What a figure looks like: its pixels, the grey levels along a line of them, and whether all words are on the page."""

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text


def pixels(figure: Figure) -> np.ndarray:
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[:, :, :3]


def picture(figure: Figure) -> np.ndarray:
    """The pixels of a figure's first axes."""
    page = pixels(figure)
    left, bottom, width, height = (round(v) for v in figure.axes[0].get_window_extent().bounds)
    top = len(page) - bottom - height
    return page[top : top + height, left : left + width]


def levels(line: np.ndarray) -> list[float]:
    """The grey levels met along a line of pixels, white left out."""
    begins = np.flatnonzero(np.diff(line.astype(int), prepend=255))
    return [round(line[i] / 255, 2) for i in begins if line[i] < 255]


def check_page(figure: Figure) -> None:
    """Everything lies on the page, and no word is smaller than 7 points."""
    pixels(figure)
    drawn, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
    assert drawn.x0 >= 0
    assert drawn.y0 >= 0
    assert drawn.x1 <= width
    assert drawn.y1 <= height
    assert min(text.get_fontsize() for text in figure.findobj(Text) if text.get_text()) >= 7


def words(figure: Figure) -> list[str]:
    """Every text of a figure that is not empty."""
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def caption(figure: Figure) -> str:
    """What stands under a figure, in one line with plain spaces."""
    return " ".join(figure.texts[1].get_text().split())
