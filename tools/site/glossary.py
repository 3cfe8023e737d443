"""The glossary of `website/glossary.toml`, the one source of terms in both languages, and its page of the site."""

import functools
import re
import tomllib
from typing import NamedTuple

from tools.site.pages import WEBSITE

FILE = WEBSITE / "glossary.toml"
HEADINGS = {"en": "Glossary", "ko": "용어집"}
INTRODUCTIONS = {
    "en": "The terms of this project, each with its symbol where it has one, and with the Korean term.",
    "ko": "이 프로젝트에서 쓰는 용어이다. 기호가 있으면 함께 적고, 영어 용어를 나란히 둔다.",
}


class Term(NamedTuple):
    """A term in both languages."""

    en: str
    ko: str
    means: dict[str, str]
    """Its meaning by language"""
    symbol: str
    avoid: tuple[str, ...]
    """Korean words that stand for it elsewhere, and that no text of this project uses"""


@functools.cache
def terms() -> list[Term]:
    """All terms in the order of the file."""
    entries = tomllib.loads(FILE.read_text(encoding="utf-8"))["term"]
    return [
        Term(
            entry["en"],
            entry["ko"],
            {"en": entry["means"], "ko": entry["means_ko"]},
            entry.get("symbol", ""),
            tuple(entry.get("avoid", ())),
        )
        for entry in entries
    ]


def glossary_page(language: str) -> str:
    """The glossary as Markdown, sorted by the terms of the language."""
    ordered = sorted(terms(), key=lambda term: getattr(term, language).lower())
    lines = [f"# {HEADINGS[language]}", "", INTRODUCTIONS[language], ""]
    for term in ordered:
        name, other = (term.en, term.ko) if language == "en" else (term.ko, term.en)
        beside = " · ".join(filter(None, [other, term.symbol]))
        lines += [f"**{name}** ({beside})  ", term.means[language], ""]
    return "\n".join(lines)


def problems_of_terms(text: str) -> list[str]:
    """The words of a Korean text that the glossary replaces by another; code and links' addresses do not count."""
    prose = re.sub(r"`[^`]*`|\]\([^)]*\)", " ", text)
    return [f"{word}: the glossary has {term.ko}" for term in terms() for word in term.avoid if word in prose]
