"""The links of all pages: where each leads, and line numbers that follow the code.

    python -m tools.links

The text of a link such as [`kl_divergence`](../numpy_impl/vae_numpy.py#L122) names a definition; `Adam.step` names a
method. The name is what counts: such a link is wrong only where the file has no definition of this name. The number is
for GitHub, which needs one. When the code has moved, the command above writes the new numbers into the pages.
"""

import re
from pathlib import Path
from typing import NamedTuple

from foundation.files import write_text
from tools import CHECKOUT

LINK = re.compile(r"\[(?P<text>[^\]]*)\]\((?P<target>[^)#\s]*)(?:#(?P<anchor>[^)\s]*))?\)")
TAG = re.compile(r"<(?P<text>a|img)\b[^>]*?\b(?:href|src)=\"(?P<target>[^\"#]*)(?:#(?P<anchor>[^\"]*))?\"")
NO_LINKS = re.compile(r"^(```+)[^\n]*\n.*?^\1|^\$\$$.*?^\$\$$", re.MULTILINE | re.DOTALL)
"""Fenced blocks and formulas, where brackets are no links."""
LINES = re.compile(r"L(\d+)(?:-L(\d+))?")


class Link(NamedTuple):
    """One link to a file of the project."""

    text: str
    path: Path
    anchor: str
    match: re.Match[str]


def pages() -> list[Path]:
    """Every page of the project: those at its root, in its packages, and the site's own."""
    folders = sorted(
        path.parent for path in (*CHECKOUT.glob("*/__init__.py"), *CHECKOUT.glob("exercises/class/__init__.py"))
    )
    folders.append(CHECKOUT / "website")
    return [page for folder in (CHECKOUT, *folders) for page in sorted(folder.glob("*.md"))]


def links_of(page: Path) -> list[Link]:
    """All links and images of a page except those to the web."""
    return links_in(page.read_text(encoding="utf-8"), page)


def links_in(text: str, page: Path) -> list[Link]:
    """The same of a text that stands in `page`, such as a cell of a notebook."""
    text = NO_LINKS.sub(lambda block: " " * len(block[0]), text)
    found = []
    for match in (*LINK.finditer(text), *TAG.finditer(text)):
        target = match["target"]
        if "://" not in target and not target.startswith("mailto:"):
            path = (page.parent / target).resolve() if target else page
            found.append(Link(match["text"].strip("`"), path, match["anchor"] or "", match))
    return sorted(found, key=lambda link: link.match.start())


def problem_of(link: Link) -> str:
    """What is wrong with a link, or "" if nothing is."""
    if not link.path.exists():
        return f"{link.match[0]} leads nowhere"
    if not link.anchor:
        return ""
    if names_code(link):
        right, reason = line_of(link) is not None, f": {link.path.name} does not define {link.text}"
    elif link.path.suffix == ".md":
        right, reason = link.anchor in anchors_of(link.path), f": {link.path.name} has no such heading"
    else:
        right, reason = _lines_exist(link), f": {link.path.name} has no such line"
    return "" if right else f"{link.match[0]}{reason}"


def line_of(link: Link) -> int | None:
    """The line that defines the function, method, class or constant of the link's text, or None."""
    return line_of_name(link.path, link.text)


def line_of_name(path: Path, dotted_name: str) -> int | None:
    """The line of a file that defines a function, class or constant, or, as in `Adam.step`, a part of a class."""
    lines, found = path.read_text(encoding="utf-8").splitlines(), 0
    for depth, name in enumerate(map(re.escape, dotted_name.split("."))):
        indent = r"\s+" if depth else ""
        definition = re.compile(rf"\s*(?:def|class) {name}\b|{indent}{name}\b.*=|{indent}{name}: ")
        later = enumerate(lines[found:], found + 1)
        found = next((number for number, line in later if definition.match(line)), 0)
        if not found:
            return None
    return found


def anchors_of(page: Path) -> list[str]:
    """GitHub's anchors of a page's headings: lower case, hyphens for blanks, most punctuation left out."""
    text = re.sub(r"^(```+)[^\n]*\n.*?^\1", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    anchors: list[str] = []
    for heading in re.findall(r"^#{1,6} +(.+?)[ #]*$", text, re.MULTILINE):
        plain = LINK.sub(lambda link: link["text"], heading)
        anchor = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        twins = sum(re.fullmatch(rf"{re.escape(anchor)}(-\d+)?", other) is not None for other in anchors)
        anchors.append(f"{anchor}-{twins}" if twins else anchor)
    return anchors


def outdated(page: Path) -> list[tuple[Link, int]]:
    """The links of a page whose definition now stands on another line, with that line."""
    named = [link for link in links_of(page) if names_code(link) and link.path.exists()]
    lines = [(link, line_of(link)) for link in named]
    return [(link, line) for link, line in lines if line is not None and link.anchor != f"L{line}"]


def renumber(page: Path) -> int:
    """Write the right line numbers into a page; return how many were wrong."""
    text, found = page.read_text(encoding="utf-8"), outdated(page)
    for link, line in reversed(found):
        start, end = link.match.span("anchor")
        text = f"{text[:start]}L{line}{text[end:]}"
    if found:
        write_text(page, text)
    return len(found)


def names_code(link: Link) -> bool:
    """Whether the link's text names a definition in the file that it leads to."""
    return link.anchor.startswith("L") and link.match["text"].startswith("`")


def _lines_exist(link: Link) -> bool:
    lines, count = LINES.fullmatch(link.anchor), len(link.path.read_text(encoding="utf-8").splitlines())
    return lines is not None and all(1 <= int(number) <= count for number in lines.groups() if number)


if __name__ == "__main__":
    for page in pages():
        if count := renumber(page):
            print(f"{page.relative_to(CHECKOUT)}: {count} links renumbered")
