"""Pages of the course to read: in the terminal with formulas as Unicode, or as one HTML file with formulas set.

A page is parsed once, with formulas as tokens of their own. For the terminal they become text, pictures their
description; in HTML they are MathML, and pictures are in the file, so that it needs nothing beside it.
"""

import base64
import html
import itertools
import mimetypes
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from docutils.utils.math import MathError
from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.dollarmath import dollarmath_plugin
from rich.console import Console
from rich.markdown import Markdown

from exercises.kit.catalogue import COURSE, find
from foundation.errors import InputError
from foundation.formulas import in_text, mathml
from foundation.language import language, page_in_language, translate

CHAPTERS = ("numpy_impl", "pytorch_lowlevel", "paper")
"""The package whose README is chapter 1, 2, 3."""
SWITCH = ("[한국어](", "[English](")
"""How the line begins that leads to a page's sibling, which is another page than the one that was asked for."""
STYLE = """
body { max-width: 46rem; margin: 2rem auto; padding: 0 1rem; font: 1.05rem/1.6 system-ui, sans-serif; }
code, pre { font-family: ui-monospace, monospace; font-size: 0.92em; }
pre { overflow-x: auto; padding: 0.8rem; background: #8881; border-radius: 4px; }
table { border-collapse: collapse; display: block; overflow-x: auto; }
td, th { border: 1px solid #8886; padding: 0.25rem 0.6rem; text-align: left; }
.math.block { overflow: auto hidden; margin: 1rem 0; padding: 0.4rem 0; }
blockquote { margin: 1rem 0; padding: 0.1rem 1rem; border-left: 4px solid #1d4f8b; background: #8881; }
img { max-width: 100%; background: #fff; }
:root { color-scheme: light dark; }
"""
PAGE = """\
<!doctype html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
{body}
</body>
</html>
"""


def page_to_read(words: Sequence[str]) -> Path:
    """The page of `04`, `kl`, `chapter 1`, or of nothing: the course's own, in the language of messages.

    Raises InputError for anything else.
    """
    wanted = " ".join(words).strip()
    if not wanted:
        return page_in_language(COURSE / "README.md")
    name, _, number = wanted.replace("chapter", "chapter ").partition(" ")
    if name != "chapter":
        try:
            return find(wanted).page
        except InputError as error:
            raise InputError(f"read: expected an exercise or chapter 1 to 3, got {wanted!r}; {error}") from None
    if number.strip() not in ("1", "2", "3"):
        raise InputError(f"read: expected chapter 1, 2 or 3, got {wanted!r}")
    return page_in_language(COURSE.parent / CHAPTERS[int(number) - 1] / "README.md")


def file_name(page: Path) -> str:
    """The name of a page's HTML file: 04_kl.html, chapter_1.html, exercises.html."""
    folder = page.parent.name
    if page.stem.partition(".")[0] != "README":
        return f"{page.stem.partition('.')[0]}.html"
    return f"chapter_{CHAPTERS.index(folder) + 1}.html" if folder in CHAPTERS else f"{folder}.html"


def show_page(console: Console, page: Path) -> None:
    """Print a page; on a terminal, in the program that PAGER names, or less."""
    markdown = Markdown("", code_theme="ansi_light")
    markdown.parsed = list(_for_terminal(_tokens(page), console.width))
    if not console.is_terminal:
        console.print(markdown)
        return
    os.environ.setdefault("LESS", "FRX")  # as git does: colours, and no stop where all fits on one screen
    with console.pager(styles=True):
        console.print(markdown)


def html_page(page: Path) -> str:
    """A page as one HTML file with nothing beside it."""
    parser = _parser()
    tokens = list(_for_browser(_tokens(page), page))
    title = next((_plain(token) for before, token in itertools.pairwise(tokens) if before.tag == "h1"), "")
    body = parser.renderer.render(tokens, parser.options, {})
    return PAGE.format(language=language(), title=html.escape(title), style=STYLE, body=body)


def _parser() -> MarkdownIt:
    return (
        MarkdownIt("commonmark")
        .enable(["table", "strikethrough"])
        .use(dollarmath_plugin, renderer=_set, double_inline=True)
    )


def _set(latex: str, options: dict[str, Any]) -> str:
    """A formula in HTML: MathML, or its LaTeX where docutils has none for it."""
    try:
        return mathml(latex, block=bool(options.get("display_mode")))
    except MathError:
        return f"<code>{html.escape(latex)}</code>"


def _tokens(page: Path) -> Iterator[Token]:
    """The tokens of a page, without comments and without the link to the other language."""
    tokens = _parser().parse(page.read_text(encoding="utf-8"))
    switch = next((place for place, token in enumerate(tokens) if token.content.startswith(SWITCH)), 0)
    for place, token in enumerate(tokens):
        if token.type == "html_block" or (switch and abs(place - switch) <= 1):
            continue
        if token.type == "fence" and token.info.strip() == "math":
            token.type, token.tag, token.info = "math_block", "math", ""
        yield token


def _plain(token: Token) -> str:
    """The words of a line without its markup."""
    return "".join(in_text(part.content) if part.type == "math_inline" else part.content for part in _parts(token))


def _parts(token: Token) -> list[Token]:
    return token.children or []


# For a terminal


def _for_terminal(tokens: Iterator[Token], width: int) -> Iterator[Token]:
    for token in tokens:
        if token.type == "math_block":
            lines = [_within(line, width - 4) for line in in_text(token.content).split("\n")]
            token.type, token.tag, token.info, token.content = "fence", "code", "text", "\n".join(lines)
        if token.children:
            token.children = list(_parts_for_terminal(token.children))
        yield token


def _within(line: str, width: int) -> str:
    """Formulas beside one another, one under the other where the line is too long for the terminal."""
    return line if len(line) <= width else line.replace("   ", "\n")


def _parts_for_terminal(parts: list[Token]) -> Iterator[Token]:
    """The parts of a line: a link into the tree, which cannot be followed in a terminal, keeps its text only."""
    followed = True
    for part in parts:
        if part.type == "link_open":
            followed = bool(urlsplit(str(part.attrs["href"])).netloc)
        if part.type in ("math_inline", "math_inline_double"):
            yield _words(in_text(part.content))
        elif part.type == "image":
            yield _words(f"[{translate('picture')}: {part.content}]")
        elif part.type != "html_inline" and (followed or not part.type.startswith("link_")):
            yield part


def _words(text: str) -> Token:
    return Token("text", "", 0, content=text)


# For a browser


def _for_browser(tokens: Iterator[Token], page: Path) -> Iterator[Token]:
    for token in tokens:
        for part in _parts(token):
            if part.type == "image":
                part.attrs["src"] = _embedded(page.parent / unquote(str(part.attrs["src"])))
            elif part.type == "link_open":
                part.attrs["href"] = _address(str(part.attrs["href"]), page)
        yield token


def _embedded(picture: Path) -> str:
    """A picture as an address that contains it."""
    kind = mimetypes.guess_type(picture.name)[0] or "image/png"
    return f"data:{kind};base64,{base64.b64encode(picture.read_bytes()).decode('ascii')}"


def _address(target: str, page: Path) -> str:
    """Where a link leads from a file that lies elsewhere: to the file of the course, or to the web as before."""
    parts = urlsplit(target)
    if parts.scheme or parts.netloc or not parts.path:
        return target
    address = (page.parent / unquote(parts.path)).resolve().as_uri()
    return f"{address}#{parts.fragment}" if parts.fragment else address
