"""Builds the slides: typst sets the source as a PDF, and together with the notes as a handout and a web page.

The web page holds every slide as a picture made of outlines: it needs no font, no network and no other file.
"""

import html
import json
import string
from pathlib import Path
from typing import Any, Literal, NamedTuple
from xml.etree import ElementTree

import matplotlib
import typst

from foundation.errors import InputError
from foundation.files import write_bytes, write_text

FOLDER = Path(__file__).resolve().parent
CHECKOUT = FOLDER.parents[1]
SOURCE, TEMPLATE = FOLDER / "slides.typ", FOLDER / "slides.html.template"
FONTS = Path(matplotlib.get_data_path(), "fonts", "ttf")
"""DejaVu comes with matplotlib, and typst brings its own font for formulas: the same letters on every machine."""


SVG = "http://www.w3.org/2000/svg"
ElementTree.register_namespace("", SVG)
ElementTree.register_namespace("xlink", "http://www.w3.org/1999/xlink")


class Slide(NamedTuple):
    """One slide: its place in the class, its notes, and its text."""

    part: str
    title: str
    minutes: int
    """Its share of the class."""
    notes: str
    """For the teacher."""
    words: str
    """All text on it that is neither formula nor code."""


def build(folder: Path) -> list[Path]:
    """Write slides.pdf, handout.pdf and slides.html into a folder, and return their paths."""
    written = []
    for name, mode in (("slides.pdf", "slides"), ("handout.pdf", "handout")):
        write_bytes(folder / name, pdf(mode=mode))
        written.append(folder / name)
    write_text(folder / "slides.html", web_page())
    return [*written, folder / "slides.html"]


def pdf(source: Path | bytes = SOURCE, mode: str = "slides") -> bytes:
    """The slides as one PDF; with mode "handout", the handout. Raises InputError as `_compile` does."""
    (document,) = _compile("pdf", source, mode)
    return document


def svgs(source: Path | bytes = SOURCE) -> list[bytes]:
    """The slides as one SVG each. Raises InputError as `_compile` does."""
    return _compile("svg", source, "slides")


def _compile(file_format: Literal["pdf", "svg"], source: Path | bytes, mode: str) -> list[bytes]:
    """The files that typst makes of a source.

    Raises InputError with typst's message where the source is wrong or a slide is too full.
    """
    try:
        made, warnings = compiler(source, mode).compile_with_warnings(format=file_format)
    except typst.TypstError as error:
        raise InputError(f"slides: {error}") from None
    if warnings or made is None:
        raise InputError(f"slides: {'; '.join(map(str, warnings))}")
    return made if isinstance(made, list) else [made]


def slides() -> list[Slide]:
    """All slides in their order."""
    return [Slide(**found["value"]) for found in query("<slide>")]


def query(selector: str) -> list[dict[str, Any]]:
    """The elements of the slides that a typst selector selects, such as "raw" or "<slide>"."""
    return json.loads(compiler().query(selector))


def compiler(source: Path | bytes = SOURCE, mode: str = "slides") -> typst.Compiler:
    """typst for the slides' source, or another, with matplotlib's fonts and none of the system's."""
    options: dict[str, Any] = {"root": CHECKOUT, "font_paths": [FONTS], "sys_inputs": {"mode": mode}}
    return typst.Compiler(source, ignore_system_fonts=True, **options)


def web_page() -> str:
    """All slides with their notes as one page of HTML.

    The glyphs and clips of all slides are in one drawing of no size, since those of a hidden slide have no effect.
    """
    minute, sections = 0, []
    shared: dict[str | None, ElementTree.Element] = {}
    for number, (slide, svg) in enumerate(zip(slides(), svgs(), strict=True), 1):
        drawing = ElementTree.fromstring(svg)
        for definitions in drawing.findall(f"{{{SVG}}}defs"):
            shared |= {definition.get("id"): definition for definition in definitions}
            drawing.remove(definitions)
        drawing.attrib |= {"role": "img", "aria-label": f"{slide.title}. {' '.join(slide.words.split())}"}
        sections.append(_section(number, minute, slide, _to_text(drawing)))
        minute += slide.minutes
    template = string.Template(TEMPLATE.read_text(encoding="utf-8"))
    return template.substitute(
        title=html.escape(slides()[0].title),
        shared="".join(map(_to_text, shared.values())),
        slides="\n".join(sections),
    )


def _to_text(element: ElementTree.Element) -> str:
    return ElementTree.tostring(element, encoding="unicode")


def _section(number: int, minute: int, slide: Slide, drawing: str) -> str:
    title, part, notes = map(html.escape, (slide.title, slide.part, slide.notes))
    when = f"{part}, minute {minute} to {minute + slide.minutes}"
    aside = f"<aside><h2>{number} · {title}</h2><p>{when}</p><p>{notes}</p></aside>"
    return f'<section id="{number}">{drawing}{aside}</section>'
