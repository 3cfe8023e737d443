"""The language of messages: English, or another one where a gettext catalogue has the message.

Messages are written in English where they arise, also those that are filled with values. They are translated where they
are shown: `translate` finds the message that a line was made of by its fixed words, and puts the line's values into the
translation. What a catalogue lacks stays English, and is never an error.
"""

import functools
import gettext
import itertools
import locale
import os
import re
import struct
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import IO, NamedTuple

from rich.cells import cell_len

from foundation.errors import InputError

LANGUAGES = ("en", "ko")
DOMAIN = "vae_ladder"
FOLDER = Path(__file__).parent / "locale"
VARIABLE = "VAE_LADDER_LANG"
"""The environment variable that chooses a language."""
SYSTEM_VARIABLES = ("LC_ALL", "LC_MESSAGES", "LANG")
"""Those of the system, the first that is set counts."""
PLACEHOLDER = re.compile(r"\{(\w+)\}")
LONG = 12
"""Fixed characters of a message that is not taken for another one."""
FEWEST_LETTERS = 5
"""Of the fixed words of a message with placeholders; fewer, and other texts would be taken for it."""


class _Messages(gettext.GNUTranslations):
    """A catalogue that can list what it holds."""

    messages: dict[str, str]

    def _parse(self, fp: IO[bytes]) -> None:  # type: ignore[override]  # what gettext documents for subclasses
        super()._parse(fp)
        catalogue: dict[object, str] = self._catalog  # type: ignore[attr-defined]
        self.messages = {key: text for key, text in catalogue.items() if isinstance(key, str) and key and text}


class Template(NamedTuple):
    """A message with placeholders, and the pattern of a line that was made of it."""

    fixed: str
    """Its longest fixed piece, by which most lines are told apart at once"""
    line: str
    names: tuple[str, ...]
    translation: str


class Language(NamedTuple):
    """A language and its messages."""

    name: str
    messages: Mapping[str, str]
    templates: tuple[Template, ...]


ENGLISH = Language("en", {}, ())
_current = ENGLISH


def set_language(name: str | None = None) -> None:
    """Show messages in a language: "en" or "ko"; without a name the one that the environment or the system has.

    Raises:
        InputError: for a name that is neither.
    """
    global _current
    if name is not None and name not in LANGUAGES:
        raise InputError(f"--lang: expected one of {', '.join(LANGUAGES)}, got {name!r}")
    _current = load(name or language_of_system())


def language() -> str:
    """The language of messages now: "en" or "ko"."""
    return _current.name


def language_of_system(environment: Mapping[str, str] = os.environ) -> str:
    """The language that the environment or the system's locale names, or English where it is none of ours."""
    named = [environment.get(name) for name in (VARIABLE, *SYSTEM_VARIABLES)]
    word = next(filter(None, named), None) or (locale.getlocale()[0] if os.name == "nt" else None) or "en"
    name = re.split(r"[_.@-]", word)[0].lower()
    name = {"korean": "ko"}.get(name, name)  # as Windows calls it
    return name if name in LANGUAGES else "en"


@functools.cache
def load(name: str, folder: Path = FOLDER) -> Language:
    """The messages of a language; none for English, and where a catalogue is missing or damaged."""
    if name == "en":
        return ENGLISH
    try:
        with (folder / name / "LC_MESSAGES" / f"{DOMAIN}.mo").open("rb") as file:
            messages = _Messages(file).messages
    except (OSError, ValueError, struct.error):
        return Language(name, {}, ())
    return Language(name, messages, templates_of(messages))


def templates_of(messages: Mapping[str, str]) -> tuple[Template, ...]:
    """The messages with placeholders that can be told by their words, those with the most words first."""
    found = []
    for message, translation in messages.items():
        pieces = PLACEHOLDER.split(message)
        fixed = pieces[::2]
        if len(pieces) > 1 and sum(map(str.isalpha, "".join(fixed))) >= FEWEST_LETTERS:
            # Of two values side by side, as in "unknown option {0}{1}", the second is a further clause or nothing.
            gaps = ["(.*?)", *("(.*?)" if piece else "((?:; .*)?)" for piece in fixed[1:-1])]
            line = "".join(itertools.chain(*zip(map(re.escape, fixed), [*gaps, ""], strict=True)))
            length = len("".join(fixed))
            # A value at the end takes whatever follows, so messages that end with words of their own come first.
            rank = bool(fixed[-1]) and length >= LONG, length
            found.append((rank, Template(max(fixed, key=len), line, tuple(pieces[1::2]), translation)))
    return tuple(template for _, template in sorted(found, key=lambda pair: pair[0], reverse=True))


def translate(text: str) -> str:
    """A message in the language of messages, whether it has been filled with values or not; blanks around it stay."""
    if _current is ENGLISH or not text.strip():
        return text
    body = text.strip()
    found = _find(body)
    if found is None:  # the reason of an error may stand behind what it is about
        head, colon, reason = body.partition(": ")
        found = f"{head}: {said}" if colon and (said := _find(reason)) else body
    return text.replace(body, found, 1)


def _find(text: str) -> str | None:
    return _current.messages.get(text) or _translate_filled(text)


def _translate_filled(text: str) -> str | None:
    for template in _current.templates:
        if template.fixed in text and (match := re.fullmatch(template.line, text, re.DOTALL)):
            return _filled(template, match.groups())
    return None


def _filled(template: Template, groups: tuple[str, ...]) -> str:
    values: dict[str, str] = {}
    for name, value in zip(template.names, groups, strict=True):
        values.setdefault(name, _translate_value(value))
    return with_particles(PLACEHOLDER.sub(lambda name: values.get(name[1], name[0]), template.translation))


PARTICLE = re.compile(r"([가-힣0-9])(이\(가\)|을\(를\)|은\(는\)|와\(과\)|으로\(로\))")
CLOSED_DIGITS = "013678"
"""Digits whose Korean name ends with a consonant"""


def with_particles(text: str) -> str:
    """A Korean text in which a particle such as 이(가) fits the Hangul or digit before it; after others both stay."""

    def choose(match: re.Match[str]) -> str:
        letter, (one, other) = match[1], match[2].rstrip(")").split("(")
        end = (ord(letter) - ord("가")) % 28 if letter > "9" else int(letter in CLOSED_DIGITS)
        closed = end not in (0, 8) if one == "으로" else end != 0  # after ㄹ it is 로
        return letter + (other if closed == (one == "와") else one)

    return PARTICLE.sub(choose, text)


def _translate_value(value: str) -> str:
    """A value may be a message itself, as the reason of an error is; single words are values of the user."""
    return translate(value) if " " in value.strip() else value


def translate_paragraphs(text: str) -> str:
    """The same for running text, paragraph by paragraph; in a translated one, line breaks become blanks."""
    paragraphs = text.split("\n\n")
    plain = [" ".join(paragraph.split()) for paragraph in paragraphs]
    said = map(translate, plain)
    return "\n\n".join(old if new == same else new for old, same, new in zip(paragraphs, plain, said, strict=True))


def translate_lines(text: str) -> str:
    """The same for a page of lines; of a line such as `  command    what it does`, what stands behind the gap."""
    return "\n".join(map(_translate_line, text.split("\n")))


def _translate_line(line: str) -> str:
    said = translate(line)
    start, gap, rest = split_line(line)
    return said if said != line or not gap else f"{start}{gap}{translate(rest)}"


def split_line(line: str) -> tuple[str, str, str]:
    """What stands before the last wide gap of a line, the gap, and the rest; the gap is empty where there is none."""
    match = re.fullmatch(r"(.*\S)(\s{2,})(\S.*)", line)
    return (match[1], match[2], match[3]) if match else (line, "", "")


def page_in_language(page: Path) -> Path:
    """The page beside `PAGE.md` in the language of messages, `PAGE.ko.md`; the English one where there is none."""
    other = page.with_suffix(f".{_current.name}{page.suffix}")
    return other if other.is_file() else page


# Text of wide letters


def pad(text: str, width: int) -> str:
    """A text with blanks behind it, so that it takes `width` columns of a terminal; Hangul takes two a letter."""
    return text + " " * max(0, width - cell_len(text))


def wrap_text(text: str, width: int, break_long_words: bool = True, break_on_hyphens: bool = True) -> list[str]:
    """A paragraph in lines of at most `width` columns of a terminal; words with Hangul are not broken."""
    if cell_len(text) == len(text):
        return textwrap.wrap(text, width, break_long_words=break_long_words, break_on_hyphens=break_on_hyphens)
    lines: list[str] = []
    for word in text.split():
        if lines and cell_len(lines[-1]) + 1 + cell_len(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines
