"""Words on figures: how wide they are, how they are cut to fit, and how names keep out of one another's way."""

import re

import numpy as np
from jaxtyping import Float
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path


def text_width(text: str, fontsize: float) -> float:
    """Width of one line in inches; text between dollar signs counts as the formula that it is drawn as."""
    return text_to_path.get_text_width_height_descent(text, FontProperties(size=fontsize), "$" in text)[0] / 72


def fit(text: str, width: float, fontsize: float, lines: int = 2) -> str:
    """Break a name into at most `lines` lines of `width` inches, after spaces, slashes and hyphens.

    "…" stands for what finds no room. A formula, which cannot be broken, stays as it is.
    """
    if "$" in text:
        return text
    done: list[str] = [""]
    for piece in re.findall(r"[^\s/-]+[\s/-]*|[\s/-]+", text):
        if done[-1] and text_width((done[-1] + piece).rstrip(), fontsize) > width:
            done.append("")
        done[-1] += piece
    kept = [line.rstrip() for line in done]
    if len(kept) > lines:
        kept = [*kept[: lines - 1], "".join(done[lines - 1 :]).rstrip()]
    return "\n".join(_cut(line, width, fontsize) for line in kept)


def _cut(line: str, width: float, fontsize: float) -> str:
    if text_width(line, fontsize) <= width:
        return line
    while line and text_width(f"{line}…", fontsize) > width:
        line = line[:-1].rstrip()
    return f"{line}…"


def apart(
    centres: Float[np.ndarray, "N 2"], sizes: Float[np.ndarray, "N 2"], fixed: int = 0
) -> Float[np.ndarray, "N 2"]:
    """Move boxes of the given (width, height) until none covers another, each pair along its smaller overlap.

    The last `fixed` boxes stay where they are; the others make way for them.
    """
    places = centres + 1e-6 * np.arange(len(centres))[:, None]  # so that equal centres have a direction to part in
    loose = len(places) - fixed
    for _ in range(200):
        for i in range(len(places)):
            for j in range(min(i, loose)):
                between = places[i] - places[j]
                overlap = (sizes[i] + sizes[j]) / 2 - np.abs(between)
                if (overlap > 0).all():
                    axis = overlap.argmin()
                    shift = np.copysign(overlap[axis] / 2, between[axis])
                    if i < loose:
                        places[i, axis] += shift
                        places[j, axis] -= shift
                    else:
                        places[j, axis] -= 2 * shift
    return places
