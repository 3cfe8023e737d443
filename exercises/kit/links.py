"""The links of the exercises' pages: where each leads, and line numbers that follow the code.

    python -m exercises.kit.links

A link such as [`kl_divergence`](../numpy_impl/vae_numpy.py#L122) leads to the line that defines what the link is
called. When the code has moved, the command above writes the new numbers into the pages.
"""

import re
from pathlib import Path
from typing import NamedTuple

from exercises.kit.catalogue import COURSE
from foundation.files import write_text

LINK = re.compile(r"\[(?P<text>[^\]]*)\]\((?P<target>[^)#\s]*)(?:#(?P<anchor>[^)\s]*))?\)")


class Link(NamedTuple):
    """One link to a file of the project."""

    text: str
    path: Path
    anchor: str
    match: re.Match[str]


def links_of(page: Path) -> list[Link]:
    """All links of a page except those to the web."""
    found = []
    for match in LINK.finditer(page.read_text(encoding="utf-8")):
        target = match["target"]
        if "://" not in target:
            found.append(Link(match["text"].strip("`"), (page.parent / target).resolve(), match["anchor"] or "", match))
    return found


def problem_of(link: Link) -> str:
    """What is wrong with a link, or nothing."""
    if not link.path.exists():
        return f"{link.match[0]} leads nowhere"
    if link.anchor.startswith("L") and link.anchor != f"L{line_of(link)}":
        return f"{link.match[0]} should lead to line {line_of(link)}: run python -m exercises.kit.links"
    return ""


def line_of(link: Link) -> int | None:
    """The line that defines the function, class or constant of the link's text, or None."""
    definition = re.compile(rf"\s*(?:def|class) {re.escape(link.text)}\b|{re.escape(link.text)}\b.*=")
    lines = link.path.read_text(encoding="utf-8").splitlines()
    return next((number for number, line in enumerate(lines, 1) if definition.match(line)), None)


def renumber(page: Path) -> int:
    """Write the right line numbers into a page; how many were wrong."""
    text, changed = page.read_text(encoding="utf-8"), 0
    for link in reversed(links_of(page)):
        line = line_of(link) if link.anchor.startswith("L") and link.path.exists() else None
        if line is not None and link.anchor != f"L{line}":
            start, end = link.match.span("anchor")
            text, changed = f"{text[:start]}L{line}{text[end:]}", changed + 1
    if changed:
        write_text(page, text)
    return changed


if __name__ == "__main__":
    for page in sorted(COURSE.glob("*.md")):
        print(f"{page.name}: {renumber(page)} links renumbered")
