"""The messages of the program and their translations: gettext catalogues, extracted and compiled with Babel.

    python -m tools.messages          brings the catalogues up to date, and lists what has no translation

Messages are found in the code without marks: what errors are raised with, what is printed, the docstrings that are help
texts, the lines of the manual, and what exercises say of hints and mistakes. An f-string becomes a message whose values
are {0}, {1}, ...; a translation may put them in another order.
"""

import ast
import datetime
import io
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from exercises.kit.catalogue import catalogue
from foundation.files import write_bytes
from foundation.language import DOMAIN, FOLDER, split_line
from ladder.cli import COMMANDS
from tools import CHECKOUT

PACKAGES = ("foundation", "figures", "numpy_impl", "pytorch_lowlevel", "paper", "ladder", "exercises")
RAISED = {"InputError", "Diverged", "ArgumentTypeError", "KeyboardInterrupt"}
"""Exceptions whose text a user reads."""
PRINTED = {"say": 1, "no_effect": 1, "heading": 1, "translate": 0, "add_column": 0, "print": 0}
"""Functions that show a text, and the place of the first argument that does."""
PAGES = {"MANUAL"}
"""Constants that are pages of lines."""
SUMMARIES = {"RUNG_SUMMARIES", "EXPERIMENTS", "REPRODUCTIONS"}
"""Constants whose values are shown."""
SAID = (
    *("exercises/commands.py", "foundation/command_line.py", "foundation/arguments.py", "foundation/errors.py"),
    "exercises/quiz/session.py",
    *(
        f"exercises/kit/{name}.py"
        for name in (
            "diagnose",
            "verdict",
            "wording",
            "compare",
            "observe",
            "check",
            "answers",
            "watch",
            "judge",
            "ending",
        )
    ),
    *("exercises/kit/own_functions.py", "exercises/kit/own_rung.py", "ladder/mine.py"),
    *(
        f"ladder/doctor/{name}.py"
        for name in ("verdict", "numbers", "fits", "loading", "child", "choice", "picks", "steps")
    ),
)
"""Files in which every sentence is shown."""
ARGPARSE = (
    *("options:", "positional arguments:", "usage: {0}", "examples:", "show this help message and exit"),
    *("expected one argument", "expected at least one argument"),
    "the following arguments are required: {0}",
)
"""What argparse says on help pages and of bad arguments."""
WORDS = (
    *("PASS", "WRONG", "NOT MEASURED", "NOT WRITTEN YET", "MISSING", "not started", "not checked"),
    *("1 stub", "{0} stubs", "1 answer", "{0} answers"),
    *("easy", "medium", "hard"),
    *("called", "got", "expected", "problem", "mistake", "perhaps", "second", "note", "remark", "where"),
    *("question", "yours", "answer"),
    *("cannot tell", "right", "starting Python"),
    *("loss", "reconstruction", "KL", "images/s", "to the fastest", "rung", "model"),
)
"""Words that are shown, but are names in the code."""
OPTIONS = re.compile(r"options\.py$|objective\.py$|sizes\.py$")
"""Files of dataclasses whose docstrings are help texts."""
REASONS = {"unused", "unused_sigma", "why_no_compile"}
"""Functions of such files that say why an option has no effect, or cannot be had."""
COMMAND = re.compile(r"(?:python -m|vae-ladder) [\w./ {}-]+")
"""A message that is a command to type."""
WIDTH = 120

Found = Iterator[tuple[str, str]]
"""Messages, each with the file it stands in"""


def catalogue_file(language: str) -> Path:
    """The catalogue that translators edit; the compiled one stands beside it."""
    return FOLDER / language / "LC_MESSAGES" / f"{DOMAIN}.po"


def messages() -> dict[str, set[str]]:
    """Every message of the program, with the files in which it occurs."""
    found: dict[str, set[str]] = {text: {"foundation/arguments.py"} for text in ARGPARSE}
    found |= {text: {"exercises/kit/show.py"} for text in WORDS}
    for message, place in (*_messages_of_code(), *_messages_of_exercises()):
        if re.search("[A-Za-z]{2}", re.sub(r"\{\w+\}", "", message)) and not COMMAND.fullmatch(message):
            found.setdefault(message, set()).add(place)
    return found


def _messages_of_code() -> Found:
    for package in PACKAGES:
        for file in sorted((CHECKOUT / package).rglob("*.py")):
            if "class" in file.parts or "skeleton" in file.parts or re.fullmatch(r"\d\d_\w+", file.parent.name):
                continue
            place = file.relative_to(CHECKOUT).as_posix()
            tree = ast.parse(file.read_text(encoding="utf-8"))
            yield from ((message, place) for message in messages_of_tree(tree, file.name))
            if place in SAID:
                yield from ((message, place) for message in _sentences(tree))


def messages_of_tree(tree: ast.Module, name: str) -> Iterator[str]:
    """The messages of one file."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=function) | ast.Attribute(attr=function), args=arguments):
                if function in RAISED:
                    yield from _texts(arguments[:1])
                elif function in PRINTED:
                    place = PRINTED[function]
                    yield from _texts(arguments[place : place + 1])
                elif function in ("optional", "Option") and OPTIONS.search(name):
                    yield from _texts(arguments[1:2])
            case ast.Assign(targets=[ast.Name(id=constant)], value=value):
                yield from _texts_of_constant(constant, value)
            case ast.ClassDef() if OPTIONS.search(name):
                yield from _help_texts(node)
            case ast.FunctionDef(name=function, body=[_, *body]) if function in REASONS and OPTIONS.search(name):
                yield from _sentences(ast.Module(body, []), least=1)


def _texts(nodes: Iterable[ast.expr]) -> Iterator[str]:
    """The messages that expressions can be: those of both branches of a condition."""
    for node in nodes:
        match node:
            case ast.IfExp(body=one, orelse=other):
                yield from _texts([one, other])
            case ast.Constant(value=str(text)):
                yield text.strip()
            case ast.JoinedStr():
                yield template_of(node)


def template_of(node: ast.JoinedStr) -> str:
    """An f-string with numbers in place of its values."""
    parts, count = [], 0
    for value in node.values:
        if isinstance(value, ast.Constant):
            parts.append(str(value.value))
        else:
            parts.append(f"{{{count}}}")
            count += 1
    return "".join(parts).strip()


def _texts_of_constant(name: str, value: ast.expr) -> Iterator[str]:
    match value:
        case ast.Constant(value=str(page)) if name in PAGES:
            for line in page.splitlines():
                yield split_line(line)[2] or line.strip()
        case ast.Dict(values=values) if name in SUMMARIES:
            yield from _texts(values)


def _help_texts(node: ast.ClassDef) -> Iterator[str]:
    """The paragraphs of a class's docstring before its examples, and the strings under its fields."""
    text = (ast.get_docstring(node) or "").partition("Examples:\n")[0]
    yield from (" ".join(paragraph.split()) for paragraph in text.split("\n\n") if paragraph.strip())
    for before, after in zip(node.body, node.body[1:], strict=False):
        match before, after:
            case ast.AnnAssign(), ast.Expr(value=ast.Constant(value=str(help_text))):
                yield " ".join(help_text.split())


def _sentences(tree: ast.Module, least: int = 2) -> Iterator[str]:
    """Every string of a file that is made of words, at least so many, apart from docstrings."""
    inside = {id(value) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for value in ast.walk(node)}
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if id(node) in docstrings or (id(node) in inside and not isinstance(node, ast.JoinedStr)):
            continue
        for text in _texts([node]) if isinstance(node, ast.Constant | ast.JoinedStr) else ():
            if re.search(r"\\\(|^import ", text):  # a pattern, or code
                continue
            if len(re.findall(r"[A-Za-z]{2,}", re.sub(r"\{\d+\}", "", text))) >= least and " " in text:
                yield text


def _messages_of_exercises() -> Found:
    for entry in catalogue():
        exercise, place = entry.load(), f"exercises/{entry.name}/mistakes.py"
        texts = [*(probe.name for probe in exercise.probes), *exercise.hints]
        for mistake in exercise.mistakes:
            texts += [mistake.name, mistake.explanation]
        texts += [exercise.model_answer, *(remark.text for remark in exercise.remarks)]
        yield from ((text.strip(), place) for text in texts)


def refreshed(language: str) -> Catalog:
    """The catalogue of a language with today's messages.

    Translations are kept; those of messages that are gone are kept as obsolete, and used again if one returns.
    """
    file = catalogue_file(language)
    old = _read(file, language) if file.is_file() else Catalog(language)
    new = Catalog(language, domain=DOMAIN, project="VAE Ladder", header_comment=HEADER, fuzzy=False)
    found = messages()
    for message, places in sorted(found.items(), key=lambda pair: (min(pair[1]), pair[0])):
        known = old.get(message) or old.obsolete.get(message)
        new.add(message, known.string if known else "", [(place, 1) for place in sorted(places)])
    for gone in [*old, *old.obsolete.values()]:
        if gone.id and gone.string and gone.id not in found:
            new.obsolete[gone.id] = Message(gone.id, gone.string)
    return new


HEADER = """\
# Messages of VAE Ladder. `python -m tools.messages` adds those of the code and compiles the catalogue.
# {0}, {1}, {got}: values that the program fills in; a translation contains the same ones, in any order."""


def _read(file: Path, language: str) -> Catalog:
    with file.open("rb") as stream:
        return read_po(stream, language)


def as_po(catalog: Catalog) -> bytes:
    """A catalogue as its file, without dates and line numbers, which would change with every edit."""
    stream = io.BytesIO()
    write_po(stream, catalog, width=WIDTH, include_lineno=False, omit_header=False)
    text = stream.getvalue().decode("utf-8")
    kept = [line for line in text.splitlines(keepends=True) if not DATED.match(line)]
    return "".join(kept).encode("utf-8")


DATED = re.compile(r'"(POT-Creation-Date|PO-Revision-Date|Last-Translator|Language-Team|Generated-By|Report-Msgid)')


def as_mo(po: bytes, language: str) -> bytes:
    """The compiled catalogue, the same for the same messages at any time."""
    stream, catalog = io.BytesIO(), read_po(io.BytesIO(po), language)
    catalog.creation_date = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    write_mo(stream, catalog)
    return stream.getvalue()


def untranslated(catalog: Catalog) -> list[str]:
    """The messages without a translation, each with the first file that has it."""
    return [f"{message.locations[0][0]}: {message.id}" for message in catalog if message.id and not message.string]


def disagreements(message: str, translation: str) -> list[str]:
    """What a translation lacks or adds of that which is the same in every language.

    These are values to be filled in, numbers, code between backticks, options, file names and the program's commands.
    """
    found = []
    for what, pattern in SAME.items():
        ours, theirs = (set(pattern.findall(text)) for text in (message, translation))
        spelled = spelled_numbers(message) if what == "numbers" else set()
        if ours - theirs or theirs - ours - spelled:
            found.append(f"{what}: expected {sorted(ours)}, got {sorted(theirs)}")
    return found


def spelled_numbers(message: str) -> set[str]:
    """Numbers that a message has as words, and a translation may have in digits; 1 for fractions, 0 for signs."""
    words = re.findall(r"[a-z]+", message.lower())
    found = {str(number) for stem, number in NUMBERS.items() for word in words if word.startswith(stem)}
    found |= set(re.findall(r"(\d+)(?:st|nd|rd|th)\b", message))
    return found | ({"180"} if "half a turn" in message else set()) | {"0", "1"}


NUMBERS = {
    "zero": 0,
    "nothing": 0,
    "one": 1,
    "flat": 1,
    "two": 2,
    "twice": 2,
    "second": 2,
    "half": 2,
    "both": 2,
    "pair": 2,
    "three": 3,
    "third": 3,
    "four": 4,
    "quarter": 4,
    "five": 5,
    "fifth": 5,
    "six": 6,
    "seven": 7,
    "eight": 8,
    "nine": 9,
    "ten": 10,
    "tenth": 10,
    "hundred": 100,
    "thousand": 1000,
}
"""Beginnings of words that stand for numbers."""
SAME = {
    "values": re.compile(r"\{\w+\}"),
    "numbers": re.compile(r"(?<![\w{.])\d+(?:[.,]\d+)*(?![\w}])", re.ASCII),
    "code": re.compile(r"`[^`]+`"),
    "options": re.compile(r"(?<![\w-])--[a-z][a-z.-]*[a-z]", re.ASCII),
    "files": re.compile(r"\w+\.(?:json|jsonl|safetensors|html|py|md|csv)\b", re.ASCII),
    "commands": re.compile(rf"vae-ladder (?:{'|'.join(COMMANDS)})\b", re.ASCII),
    "formulas": re.compile(r"[a-zA-Z]\([a-z]\|[a-z]\)|[a-z]\[\.\.\.\]"),
}
"""Parts of a message that a translation leaves as they are, by pattern."""


def main(languages: Iterable[str] = ("ko",)) -> int:
    """Bring the catalogues up to date; print what has no translation."""
    for language in languages:
        catalog, file = refreshed(language), catalogue_file(language)
        po = as_po(catalog)
        write_bytes(file, po)
        write_bytes(file.with_suffix(".mo"), as_mo(po, language))
        missing = untranslated(catalog)
        print("\n".join(missing))
        print(f"{language}: {len(catalog) - len(missing)} of {len(catalog)} messages translated")
    return 0


if __name__ == "__main__":
    sys.exit(main())
