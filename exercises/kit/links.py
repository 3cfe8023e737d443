"""The links of all pages: where each leads, and line numbers that follow the code.

    python -m exercises.kit.links

A link such as [`kl_divergence`](../numpy_impl/vae_numpy.py#L122) leads to the line that defines what the link is
called; `Adam.step` is a method. When the code has moved, the command above writes the new numbers into the pages.
"""

import re
from pathlib import Path
from typing import NamedTuple

from exercises.kit.catalogue import COURSE
from foundation.files import write_text

CHECKOUT = COURSE.parent
TARGET = r"(?P<target>[^)#\s\"]*)(?:#(?P<anchor>[^)\s\"]*))?"
LINK = re.compile(rf"\[(?P<text>[^\]]*)\]\({TARGET}\)|<(?P<tag>a|img)\b[^>]*?\b(?:href|src)=\"{TARGET.replace('P<', 'P<html_')}\"")
NOT_TEXT = re.compile(r"^(`{3,})[^\n]*\n.*?^\1|^\$\$$.*?^\$\$$", re.MULTILINE | re.DOTALL)
"""Fenced blocks and formulas, where brackets are no links."""
HEADING = re.compile(r"^#+ +(.*?) *#*$", re.MULTILINE)


class Link(NamedTuple):
    """One link to a file of the project."""

    text: str
    path: Path
    anchor: str
    match: re.Match[str]


def pages() -> list[Path]:
    """Every page that the project has: beside its folders, and in each of them."""
    found = (page for pattern in ("*.md", "*/*.md") for page in CHECKOUT.glob(pattern))
    own = (page for page in found if not page.relative_to(CHECKOUT).parts[0].startswith("."))
    return sorted(page for page in own if page.parts[len(CHECKOUT.parts)] not in ("runs", "my_answers"))
