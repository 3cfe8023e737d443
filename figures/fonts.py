"""Letters that DejaVu Sans lacks, such as Hangul and emoji: from other fonts, or names without them.

The others are the system's, and NanumGothic of the package koreanize-matplotlib, where that is installed. Its modules
are not imported: they set matplotlib's fonts for the whole program.
"""

import contextlib
import functools
import importlib.util
import logging
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path

from matplotlib import font_manager
from matplotlib.cbook import is_math_text
from matplotlib.figure import Figure
from matplotlib.text import Text

MAIN = "DejaVu Sans"
"""Comes with matplotlib: the same letters on every machine."""
OTHERS = (
    "Noto Sans CJK KR", "Noto Sans CJK JP", "Noto Sans KR", "NanumGothic", "Nanum Gothic", "NanumBarunGothic",
    "Malgun Gothic", "Apple SD Gothic Neo", "AppleGothic", "UnDotum", "Baekmuk Dotum", "Source Han Sans KR",
    "Noto Sans CJK SC", "WenQuanYi Zen Hei", "Microsoft YaHei", "Hiragino Sans", "Yu Gothic", "Arial Unicode MS",
    "Noto Emoji", "Segoe UI Emoji", "Segoe UI Symbol", "Symbola", "Apple Symbols",
)  # fmt: skip
"""Tried in this order for each letter. Fonts of coloured bitmaps, as most emoji have, cannot be drawn by matplotlib."""

HANGUL, HANGUL_PACKAGE = "NanumGothic", "koreanize-matplotlib"


def hangul_folder() -> Path | None:
    """The folder of NanumGothic's files, all 11,172 syllables in regular and bold; None where it is not installed."""
    found = importlib.util.find_spec(HANGUL_PACKAGE.replace("-", "_"))
    folders = [Path(place, "fonts") for place in found.submodule_search_locations or ()] if found else []
    return next((folder for folder in folders if (folder / f"{HANGUL}.ttf").is_file()), None)


@contextlib.contextmanager
def quiet_fonts() -> Iterator[None]:
    """Keep matplotlib's notes on fonts from the user, such as that one of the others has no bold letters."""
    logger = logging.getLogger("matplotlib.font_manager")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


@functools.cache
def families() -> tuple[str, ...]:
    """DejaVu Sans, then those of the others that are installed; adds NanumGothic of a package to matplotlib's fonts."""
    installed = {font.name for font in font_manager.fontManager.ttflist}
    folder = hangul_folder()
    if HANGUL in OTHERS and HANGUL not in installed and folder is not None:
        for name in (f"{HANGUL}.ttf", f"{HANGUL}Bold.ttf"):
            font_manager.fontManager.addfont(folder / name)
        installed.add(HANGUL)
    return MAIN, *(name for name in OTHERS if name in installed)


@functools.cache
def _letters() -> frozenset[int]:
    """Code points that one of the fonts has."""
    found: set[int] = set()
    for family in families():
        font = font_manager.get_font(font_manager.findfont(family))
        found.update(font.get_charmap())
    return frozenset(found)


def can_draw(text: str) -> bool:
    """Whether the fonts have every letter of a text; one that is no letter, such as a line break, needs none."""
    return all(ord(letter) in _letters() or letter in "\n\t" for letter in text)


def drawn_names(names: Sequence[str]) -> tuple[str, ...]:
    """Class names as figures show them: with letters that no font has, by the number of the class."""
    composed = (unicodedata.normalize("NFC", name) for name in names)  # macOS takes Hangul in file names apart
    return tuple(name if can_draw(name) else f"class {i}" for i, name in enumerate(composed))


def about_names(names: Sequence[str]) -> str:
    """One line on the names that figures cannot show, or nothing."""
    replaced = [f"{drawn} is {name}" for name, drawn in zip(names, drawn_names(names), strict=True)
                if not can_draw(unicodedata.normalize("NFC", name))]  # fmt: skip
    if not replaced:
        return ""
    return f"In the figures {', '.join(replaced)}: no font that is installed has all letters of the name"


def without_missing(text: str) -> str:
    """A text with ? in place of letters that no font has: a box says no more, and matplotlib warns of each."""
    if is_math_text(text) or can_draw(text):
        return text
    return "".join(letter if can_draw(letter) else "?" for letter in text)


def replace_missing(figure: Figure) -> None:
    """Apply `without_missing` to every text of a figure."""
    for text in figure.findobj(Text):
        if isinstance(text, Text):
            text.set_text(without_missing(text.get_text()))
