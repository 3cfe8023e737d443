"""The pages of the site: where each comes from, where it stands in the contents, and its text as Sphinx reads it.

The Markdown of the tree is the one source. A copy of it is staged in which links are those of the site: a link to
another page leads to that page, a link to any other file leads to the repository.
"""

import json
import os
import re
from collections.abc import Iterable
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

from foundation.errors import InputError
from tools import CHECKOUT, REPOSITORY
from tools.links import Link, links_in, pages
from tools.notebooks import notebook_of, sources

WEBSITE = CHECKOUT / "website"
LANGUAGES = ("en", "ko")
BRANCH = "main"

SECTIONS: dict[tuple[str, str], tuple[str, ...]] = {
    ("Learn", "배우기"): ("start", "numpy_impl/index", "pytorch_lowlevel/index", "paper/index"),
    ("Practise", "연습하기"): ("exercises/index", "quiz", "explorer"),
    ("Teach", "가르치기"): ("exercises/class/index", "exercises/class/*"),
    ("Look up", "찾아보기"): ("results", "glossary", "troubleshooting", "promises", "api/index"),
    ("Project", "프로젝트"): ("*",),
}
"""The contents: a caption in both languages, and patterns of page names; the last section takes what is left."""
CHILDREN: dict[str, tuple[str, ...]] = {
    "numpy_impl/index": ("numpy_impl/*",),
    "pytorch_lowlevel/index": ("pytorch_lowlevel/*",),
    "paper/index": ("paper/*",),
    "exercises/index": ("exercises/[0-9]*",),
    "api/index": ("api/*",),
}
"""Pages that have a contents of their own."""
FOR_TEACHERS = ("exercises/class/ANSWERS.md",)
"""Pages that are in the repository alone, since the site is for learners as well."""
TITLES = {"start": {"en": "Getting started", "ko": "시작하기"}}
"""Pages that the contents names otherwise than their heading does."""

BADGE = re.compile(r"\[!\[(?P<text>[^\]]*)\]\(https?://[^)]*\)\]\((?P<target>[^)]*)\)")
"""A picture from the web that is a link; on the site its text stands in its place, as no page loads from elsewhere."""
MOVING = re.compile(r'<picture>\n<source[^>]* srcset="(?P<still>[^"]+)">\n<img [^>]*alt="(?P<text>[^"]*)">\n</picture>')
"""A moving picture with its still, which the site shows: the explorer itself is a page of it."""
SWITCH = re.compile(r"^\[(?:한국어|English)\]\([\w.]+\.(?:md|ipynb)\)\n+", re.MULTILINE)
"""The line that leads to the other language; the site has a switch of its own on every page."""
NO_TWIN = """\
---
nosearch: true
---

# {title}

이 페이지의 한국어판은 아직 없다.

<p><a class="other-language" href="{address}" hreflang="en">영어 페이지 보기: {escaped}</a></p>
"""


class Page(NamedTuple):
    """A page of the site."""

    name: str
    """Its address on the site, without ending"""
    files: dict[str, Path]
    """The file by language: "en", and "ko" where there is a Korean page"""

    def file(self, language: str) -> Path:
        return self.files.get(language, self.files["en"])


def name_of(file: Path) -> str:
    """The address of an English page: of `paper/README.md` it is `paper/index`, of the root's README `start`."""
    path = file.relative_to(CHECKOUT)
    if path.as_posix() == "README.md":
        return "start"
    if path.parts[0] == WEBSITE.name:
        path = path.relative_to(WEBSITE.name)
    return (path.with_name("index") if path.stem == "README" else path.with_suffix("")).as_posix()


def site_pages() -> list[Page]:
    """Every page of the site: Markdown and notebooks, each with its Korean twin where there is one."""
    found = []
    for file in [*pages(), *map(notebook_of, sources())]:
        if not file.name.endswith(".ko.md") and file.relative_to(CHECKOUT).as_posix() not in FOR_TEACHERS:
            twin = file.with_suffix(f".ko{file.suffix}")
            found.append(Page(name_of(file), {"en": file} | ({"ko": twin} if twin.is_file() else {})))
    return found


class Staging:
    """Writes the sources of one language for Sphinx into a folder.

    Raises `InputError` where a link of a page leads nowhere.
    """

    def __init__(self, folder: Path, language: str) -> None:
        self.folder, self.language = folder, language
        self.pages = site_pages()
        self.by_file = {file: page for page in self.pages for file in page.files.values()}
        self.names = [page.name for page in self.pages]

    def add(self, name: str, text: str) -> None:
        """Stage a page that is made rather than found, such as one of the API reference."""
        self._write(name, text)
        self.names.append(name)

    def add_without_twin(self, name: str, title: str) -> None:
        """Stage a Korean page that says that there is none, and leads to the English one."""
        address = f"{'../' * (name.count('/') + 1)}{name}.html"
        self.add(name, NO_TWIN.format(title=title, escaped=title.replace("`", ""), address=address))

    def stage_all(self) -> None:
        """Stage every page of the tree, then the contents of the site."""
        for page in self.pages:
            file = page.file(self.language)
            if self.language not in page.files:
                self.names.remove(page.name)
                self.add_without_twin(page.name, title_of(file))
            elif file.suffix == ".ipynb":
                self._write(page.name, self._notebook(file), ".ipynb")
            else:
                self._write(page.name, self._markdown(file.read_text(encoding="utf-8"), file))
        self._stage_contents()

    def _markdown(self, text: str, file: Path) -> str:
        text = MOVING.sub(r"![\g<text>](\g<still>)", text)
        text = SWITCH.sub("", BADGE.sub(r"[\g<text>](\g<target>)", text), count=1)
        return self._with_links(text, file)

    def _notebook(self, file: Path) -> str:
        notebook = json.loads(file.read_text(encoding="utf-8"))
        for cell in notebook["cells"]:
            if cell["cell_type"] == "markdown":
                cell["source"] = self._markdown("".join(cell["source"]), file)
        return json.dumps(notebook, ensure_ascii=False)

    def _with_links(self, text: str, file: Path) -> str:
        for link in reversed(links_in(text, file)):
            start, end = link.match.span("target")
            if link.match["anchor"] is not None:
                end = link.match.end("anchor")
            text = text[:start] + self._address(link, file) + text[end:]
        return text

    def _address(self, link: Link, file: Path) -> str:
        """Where a link leads on the site."""
        if not link.path.exists():
            raise InputError(f"{file.relative_to(CHECKOUT)}: {link.match[0]} leads nowhere")
        anchor = f"#{link.anchor}" if link.anchor else ""
        page = self.by_file.get(link.path)
        here = self.folder / self.by_file[file].name
        if page is not None:
            if link.path == file and anchor:
                return anchor
            ending = ".ipynb" if link.path.suffix == ".ipynb" and self.language in page.files else ".md"
            target = _relative(self.folder / f"{page.name}{ending}", here.parent)
            return target + (anchor if self.language in page.files else "")
        path = link.path.relative_to(CHECKOUT)
        if link.path.suffix in (".png", ".webp", ".gif", ".jpg", ".svg") and _is_shown(link):
            copy = self.folder / "pictures" / path
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(link.path.read_bytes())
            return _relative(copy, here.parent)
        return f"{REPOSITORY}/{'tree' if link.path.is_dir() else 'blob'}/{BRANCH}/{path.as_posix()}{anchor}"

    def _stage_contents(self) -> None:
        """Append its contents to every page that has one."""
        left = [name for name in self.names if name != "index"]
        for parent, patterns in CHILDREN.items():
            children = _take(left, patterns, keep=(parent,))
            if children and parent in self.names:
                self._append(parent, self._contents(children))
        captions = {captions[LANGUAGES.index(self.language)]: patterns for captions, patterns in SECTIONS.items()}
        for caption, patterns in captions.items():
            if names := _take(left, patterns):
                self._append("index", self._contents(names, caption))

    def _contents(self, names: list[str], caption: str = "") -> str:
        entries = [f"{TITLES[name][self.language]} </{name}>" if name in TITLES else f"/{name}" for name in names]
        options = [":hidden:", *([f":caption: {caption}"] if caption else [])]
        return "\n".join(["```{toctree}", *options, "", *entries, "```", ""])

    def _append(self, name: str, text: str) -> None:
        path = self.folder / f"{name}.md"
        path.write_text(f"{path.read_text(encoding='utf-8')}\n{text}", encoding="utf-8")

    def _write(self, name: str, text: str, ending: str = ".md") -> None:
        path = self.folder / f"{name}{ending}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def title_of(file: Path) -> str:
    """The heading of a page or notebook."""
    text = file.read_text(encoding="utf-8")
    if file.suffix == ".ipynb":
        text = "".join(json.loads(text)["cells"][0]["source"])
    heading = re.search(r"^# +(.+?)[ #]*$", text, re.MULTILINE)
    if heading is None:
        raise InputError(f"{file.relative_to(CHECKOUT)}: expected a heading, a line that begins with #, got none")
    return heading[1]


def _relative(path: Path, folder: Path) -> str:
    return Path(os.path.relpath(path, folder)).as_posix()


def _is_shown(link: Link) -> bool:
    """Whether a link to a picture shows the picture."""
    before = link.match.string[link.match.start() - 1 : link.match.start()]
    return before == "!" or link.text == "img"


def _take(names: list[str], patterns: Iterable[str], keep: tuple[str, ...] = ()) -> list[str]:
    """Remove the names that fit a pattern from a list; return them, in the order of the patterns."""
    taken: list[str] = []
    for pattern in patterns:
        taken += sorted(name for name in names if fnmatch(name, pattern) and name not in (*keep, *taken))
    names[:] = [name for name in names if name not in taken]
    return taken
