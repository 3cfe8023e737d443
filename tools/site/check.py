"""Links of the built site lead to a file and an anchor of it, and no page loads anything from elsewhere."""

from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

LOADED = {"script", "img", "iframe", "source", "video", "audio"}
"""Elements whose address a browser opens by itself."""


class Found(NamedTuple):
    """What a page refers to and offers."""

    links: list[str]
    loaded: list[str]
    anchors: set[str]


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found = Found([], [], set())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.found.anchors.update(value for key in ("id", "name") if (value := values.get(key)))
        if tag in LOADED and (source := values.get("src")):
            self.found.loaded.append(source)
        elif tag == "link" and (target := values.get("href")):
            (self.found.links if values.get("rel") == "canonical" else self.found.loaded).append(target)
        elif tag == "a" and (target := values.get("href")):
            self.found.links.append(target)


def read(page: Path) -> Found:
    """The links, loaded files and anchors of an HTML page."""
    parser = _Parser()
    parser.feed(page.read_text(encoding="utf-8"))
    return parser.found


def problems_of_site(site: Path) -> list[str]:
    """What is wrong with the links of all pages below a folder."""
    pages = {page: read(page) for page in sorted(site.rglob("*.html")) if "_static" not in page.parts}
    found = []
    for page, parts in pages.items():
        outside = [address for address in parts.loaded if urlsplit(address).netloc]
        found += [f"{page.relative_to(site)}: loads {address} from elsewhere" for address in outside]
        for address in dict.fromkeys([*parts.links, *parts.loaded]):
            if problem := _problem_of_address(address, page, pages, site):
                found.append(f"{page.relative_to(site)}: {address} {problem}")
    return found


def _problem_of_address(address: str, page: Path, pages: dict[Path, Found], site: Path) -> str:
    parts = urlsplit(address)
    if parts.scheme or parts.netloc:
        return ""
    target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    if not target.is_relative_to(site) or not target.is_file():
        return "leads nowhere"
    anchor = unquote(parts.fragment)
    if anchor and target in pages and anchor not in pages[target].anchors:
        return "has no such anchor"
    return ""
