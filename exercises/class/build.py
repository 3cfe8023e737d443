"""Makes the slides: typst sets the source as pages, which become a PDF, and with the notes a handout and a web page.

The web page holds every slide as a picture made of outlines: it needs no font, no network and no other file.
"""

import html
import json
import string
from pathlib import Path
from typing import NamedTuple
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
    """What a slide's source says about it beside what it shows."""

    part: str
    title: str
    minutes: int
    """Its share of the class."""
    notes: str
    """For the teacher."""
    words: str
    """Everything on it that is neither formula nor code."""


def build(folder: Path) -> list[Path]:
    """Write slides.pdf, handout.pdf and slides.html into a folder; where they lie."""
    written = []
    for name, content in (("slides.pdf", pages("pdf")), ("handout.pdf", pages("pdf", mode="handout"))):
        write_bytes(folder / name, content)
        written.append(folder / name)
    write_text(folder / "slides.html", web_page())
    return [*written, folder / "slides.html"]


def pages(file_format: str, source: Path | bytes = SOURCE, mode: str = "slides") -> bytes | list[bytes]:
    """The slides as one PDF, or as one SVG for each; or, with the other mode, the handout.

    Raises InputError with typst's own words where the source is wrong or a slide is too full.
    """
    try:
        made, complaints = compiler(source, mode).compile_with_warnings(format=file_format)
    except typst.TypstError as error:
        raise InputError(f"slides: {error}") from None
    if complaints:
        raise InputError(f"slides: {'; '.join(map(str, complaints))}")
    return made


def slides() -> list[Slide]:
    """What each slide's source says about it, in their order."""
    return [Slide(**found["value"]) for found in query("<slide>")]


def query(selector: str) -> list[dict]:
    """The elements of the slides that a typst selector picks, such as "raw" or "<slide>"."""
    return json.loads(compiler().query(selector))


def compiler(source: Path | bytes = SOURCE, mode: str = "slides") -> typst.Compiler:
    """typst on the slides' source, or another, with the fonts that every machine has."""
    return typst.Compiler(
        source, root=CHECKOUT, font_paths=[FONTS], ignore_system_fonts=True, sys_inputs={"mode": mode}
    )


def web_page() -> str:
    """All slides with their notes as one page of HTML.

    The glyphs and clips of all slides stand once, in a drawing of no size: in a hidden slide they would not be found.
    """
    minute, sections, shared = 0, [], {}
    for number, (slide, svg) in enumerate(zip(slides(), pages("svg"), strict=True), 1):
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
