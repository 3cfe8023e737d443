"""Builds the slides: typst sets the source as a PDF, and together with the notes as a handout and a web page.

The web page holds every slide as a picture made of outlines, and the Korean letters of its notes: it needs no font, no
network and no other file. The source holds each text in English and in Korean, and each language has files of its own.
"""

import base64
import html
import io
import json
import re
import string
from pathlib import Path
from typing import Any, Literal, NamedTuple
from xml.etree import ElementTree

import matplotlib
import typst
from fontTools import subset

from figures.fonts import HANGUL, HANGUL_PACKAGE, hangul_folder
from foundation.errors import InputError
from foundation.files import write_bytes, write_text

from .clock import DOING

FOLDER = Path(__file__).resolve().parent
CHECKOUT = FOLDER.parents[1]
SOURCE, TEMPLATE = FOLDER / "slides.typ", FOLDER / "slides.html.template"
FONTS = Path(matplotlib.get_data_path(), "fonts", "ttf")
"""DejaVu comes with matplotlib, and typst brings its own font for formulas: the same letters on every machine."""
STANDARD: Any = "a-2b"
"""PDF/A-2b embeds all that it shows: a letter that no font has is an error, which names the letter."""
Language = Literal["en", "ko"]
Plan = Literal["short", "long"]
"""Two hours, an hour of them theory; or two and a half, with more slides in each part."""
KEYS = {
    "en": {
        "next": "next", "back": "back", "ends": "first, last", "screen": "full screen", "notes": "notes",
        "window": "a second window with notes", "keys": "these keys",
    },
    "ko": {
        "next": "다음", "back": "이전", "ends": "처음, 마지막", "screen": "전체 화면", "notes": "강의 노트",
        "window": "강의 노트를 보여 주는 둘째 창", "keys": "이 도움말",
    },
}  # fmt: skip
"""What the keys of the web page do."""

SVG = "http://www.w3.org/2000/svg"
ElementTree.register_namespace("", SVG)
ElementTree.register_namespace("xlink", "http://www.w3.org/1999/xlink")


class Slide(NamedTuple):
    """One slide: its place in the class, its notes, and its text."""

    part: str
    title: str
    minutes: int
    """Its share of the class."""
    long: bool
    """Whether it belongs to the longer plan alone."""
    say: str
    """The speaker's script, which takes that long."""
    notes: str
    """What else the speaker needs: answers, sources, measurements."""
    data: str
    """The data of its pictures, or nothing."""
    words: str
    """All text on it that is neither formula nor code."""


def build(folder: Path) -> list[Path]:
    """Write slides.pdf, handout.pdf and slides.html into a folder, those in Korean into its folder ko.

    Those of the longer plan are in the folder long, in the same way. Returns their paths. Raises InputError as
    `_compile` and `compiler` do; those in English are then written already.
    """
    places: list[tuple[Path, Language, Plan]] = [
        (folder, "en", "short"),
        (folder / "long", "en", "long"),
        (folder / "ko", "ko", "short"),
        (folder / "long" / "ko", "ko", "long"),
    ]
    return [path for place in places for path in _build(*place)]


def _build(folder: Path, language: Language, plan: Plan) -> list[Path]:
    written = []
    for name, mode in (("slides.pdf", "slides"), ("handout.pdf", "handout")):
        write_bytes(folder / name, pdf(mode=mode, language=language, plan=plan))
        written.append(folder / name)
    write_text(folder / "slides.html", web_page(language, plan))
    return [*written, folder / "slides.html"]


def pdf(source: Path | bytes = SOURCE, mode: str = "slides", language: Language = "en", plan: Plan = "short") -> bytes:
    """The slides as one PDF; with mode "handout", the handout. Raises InputError as `_compile` does."""
    (document,) = _compile("pdf", source, mode, language, plan)
    return document


def svgs(source: Path | bytes = SOURCE, language: Language = "en", plan: Plan = "short") -> list[bytes]:
    """The slides as one SVG each. Raises InputError as `_compile` does, but for missing letters."""
    return _compile("svg", source, "slides", language, plan)


def _compile(
    file_format: Literal["pdf", "svg"], source: Path | bytes, mode: str, language: Language, plan: Plan
) -> list[bytes]:
    """The files that typst makes of a source.

    Raises InputError with typst's message where the source is wrong, a slide is too full, or no font has a letter of a
    PDF. SVG has no such check, so a PDF of the same source is made as well.
    """
    standards = [STANDARD] if file_format == "pdf" else []
    try:
        made, warnings = compiler(source, mode, language, plan).compile_with_warnings(
            format=file_format, pdf_standards=standards
        )
    except typst.TypstError as error:
        raise InputError(f"slides: {error}") from None
    if warnings or made is None:
        raise InputError(f"slides: {'; '.join(map(str, warnings))}")
    return made if isinstance(made, list) else [made]


def slides(language: Language = "en", plan: Plan = "short") -> list[Slide]:
    """All slides of a plan in their order."""
    return [Slide(**found["value"]) for found in query("<slide>", language, plan)]


def query(selector: str, language: Language = "en", plan: Plan = "short") -> list[dict[str, Any]]:
    """The elements of the slides that a typst selector selects, such as "raw" or "<slide>"."""
    return json.loads(compiler(language=language, plan=plan).query(selector))


def compiler(
    source: Path | bytes = SOURCE, mode: str = "slides", language: Language = "en", plan: Plan = "short"
) -> typst.Compiler:
    """typst for the slides' source, or another, with fonts of Python packages and none of the system's.

    Raises InputError where the language is Korean and its font is not installed.
    """
    folders = [FONTS] if language == "en" else [FONTS, korean_fonts()]
    inputs = {"mode": mode, "language": language, "plan": plan}
    options: dict[str, Any] = {"root": CHECKOUT, "font_paths": folders, "sys_inputs": inputs}
    return typst.Compiler(source, ignore_system_fonts=True, **options)


def korean_fonts() -> Path:
    """The folder of the Korean font. Raises InputError where it is not installed."""
    folder = hangul_folder()
    if folder is None:
        raise InputError(f'slides: Korean needs {HANGUL_PACKAGE}; pip install -e ".[slides]" installs it')
    return folder


def font_face(text: str) -> str:
    """A rule of CSS with the letters of a text, as the Korean font draws them, for browsers without such a font."""
    options = subset.Options()
    options.drop_tables += [f"TSI{n}" for n in (0, 1, 2, 3, 5)]  # the designer's notes
    font = subset.load_font(korean_fonts() / f"{HANGUL}.ttf", options)
    letters = subset.Subsetter(options)
    letters.populate(text=text)
    letters.subset(font)
    font.flavor = "woff"
    file = io.BytesIO()
    font.save(file)
    source = f"url(data:font/woff;base64,{base64.b64encode(file.getvalue()).decode()})"
    return f'@font-face {{ font-family: "Notes"; src: {source} format("woff"); }}'


def web_page(language: Language = "en", plan: Plan = "short") -> str:
    """All slides of a plan with their scripts and notes as one page of HTML.

    The glyphs and clips of all slides are in one drawing of no size, since those of a hidden slide have no effect.
    """
    minute, sections = 0, []
    shared: dict[str | None, ElementTree.Element] = {}
    deck = slides(language, plan)
    for number, (slide, svg) in enumerate(zip(deck, svgs(language=language, plan=plan), strict=True), 1):
        drawing = ElementTree.fromstring(svg)
        for definitions in drawing.findall(f"{{{SVG}}}defs"):
            shared |= {definition.get("id"): definition for definition in definitions}
            drawing.remove(definitions)
        drawing.attrib |= {"role": "img", "aria-label": f"{slide.title}. {' '.join(slide.words.split())}"}
        sections.append(_section(number, _when(minute, slide, language), slide, _to_text(drawing)))
        minute += slide.minutes
    shown = "".join([*KEYS[language].values(), *(_when(0, it, language) + it.title + it.say + it.notes for it in deck)])
    template = string.Template(TEMPLATE.read_text(encoding="utf-8"))
    return template.substitute(
        language=language,
        font=font_face(shown) if language == "ko" else "",
        title=html.escape(deck[0].title),
        shared="".join(map(_to_text, shared.values())),
        slides="\n".join(sections),
        **KEYS[language],
    )


def _doing(match: re.Match[str]) -> str:
    return f"<em>{match[0]}</em>"


def _to_text(element: ElementTree.Element) -> str:
    return ElementTree.tostring(element, encoding="unicode")


def _when(minute: int, slide: Slide, language: Language) -> str:
    """The part of a slide, and its minutes."""
    end = minute + slide.minutes
    return f"{slide.part}, {minute}분에서 {end}분" if language == "ko" else f"{slide.part}, minute {minute} to {end}"


def _section(number: int, when: str, slide: Slide, drawing: str) -> str:
    title, when, say, notes = map(html.escape, (slide.title, when, slide.say, slide.notes))
    script = "".join(f"<p>{DOING.sub(_doing, paragraph)}</p>" for paragraph in say.split("\n\n") if paragraph)
    aside = f'<aside><h2>{number} · {title}</h2><p>{when}</p>{script}<p class="more">{notes}</p></aside>'
    return f'<section id="{number}">{drawing}{aside}</section>'
