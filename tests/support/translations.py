"""What a page and its Korean sibling must have in common, part by part.

`page.md` and `page.ko.md` have the same headings, lists and tables in the same order, and the same code, formulas,
links, pictures and numbers. Only the prose, comments beside commands and the words of tables differ. Of generated
tables the names are compared; what stands in them is up to `tools/tables.py` on either page.
"""

import re
import unicodedata
from collections import Counter
from decimal import Decimal
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

from markdown_it import MarkdownIt

from tests.support.documents import BLOCK, FORMULA, commands
from tools.links import LINK, TAG, anchors_of
from tools.tables import PLACE

UNITS = {"hundred": 10**2, "thousand": 10**3, "million": 10**6, "billion": 10**9}
KOREAN_UNITS = {"천": 10**3, "만": 10**4, "억": 10**8}
COUNTED = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty"
)
WORDS = {word: number for number, word in enumerate(COUNTED.split())}
WORDS |= {f"twenty-{word}": 20 + number for word, number in WORDS.items() if 1 <= number <= 9}
WORDS |= {"zeros": 0, "once": 1, "ones": 1, "first": 1, "twice": 2, "second": 2, "third": 3}
WORDS |= {"tenth": 10, "twentieth": 20}
"""Numbers that English writes as words and Korean may write as digits."""
WORD = re.compile(r"twenty-[a-z]+|[a-z]+")
NUMBER = r"(\d+(?:,\d{3})*(?:\.\d+)?)"
QUOTED = re.compile(r"\[[^\]`]*\](?=\(https?://)")
"""Texts of links to the web, such as titles of papers, which stay in English."""
NAME = re.compile(r"\b[A-Za-z]+\d[A-Za-z0-9_]*")
"""Names with a digit in them, such as float32 and h1."""
CODE = re.compile(r"`[^`]*`")
TITLE = re.compile(r"(?<!\*)\*[^*]+\*(?!\*)")
PRINTED = ("```\nWRONG ", "```\n오답 ")
"""How a block begins that shows what a check prints: on the Korean page in Korean, and compared with the program in
tests/exercises/test_class.py."""
MARKDOWN = MarkdownIt()
PARTICLE = re.compile(r"[A-Za-z0-9`)] (?:은|는|을|를|와|과|의|에서|으로|로)(?=[ \n])")


class Part(NamedTuple):
    """A piece of a page with one counterpart in the other language."""

    kind: str
    text: str


def parts(page: str) -> list[Part]:
    """A page in order: headings, paragraphs, items of lists, rows of tables, and blocks that stay untranslated."""
    found = []
    for kind, block in (("generated table", PLACE), ("formula", FORMULA), ("code", BLOCK)):
        found += [(match.start(), Part(kind, match[0])) for match in block.finditer(page)]
        page = block.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), page)
    for lines in re.finditer(r"(?:^.*\S.*\n?)+", page, re.MULTILINE):
        pieces = re.split(r"^(?=\||#|\s*[-*+] |\s*\d+\. )", lines[0], flags=re.MULTILINE)
        found += [(lines.start(), Part(_kind(piece), piece.strip())) for piece in pieces if piece.strip()]
    return [part for _, part in sorted(found, key=lambda pair: pair[0])]


def _kind(piece: str) -> str:
    start = piece.split(maxsplit=1)[0]
    if set(start) == {"#"}:
        return f"heading {len(start)}"
    if piece.startswith("|"):
        return "row"
    return "item" if re.fullmatch(r"[-*+]|\d+\.", start) else "paragraph"


def problems(english: Path, korean: Path) -> list[str]:
    """Where a Korean page is out of step with the English one."""
    pairs = list(zip_longest(*(parts(page.read_text(encoding="utf-8")) for page in (english, korean))))
    switch = Part("paragraph", f"[한국어]({korean.name})"), Part("paragraph", f"[English]({english.name})")
    if pairs[1:2] != [switch]:
        return [f"under the titles: expected {switch[0].text} and {switch[1].text}"]
    for ours, theirs in pairs:
        if ours is None or theirs is None or ours.kind != theirs.kind:
            return [f"parts: expected {ours}, got {theirs}"]
    del pairs[1]
    return [
        f"{problem}\n  {ours.text}\n  {theirs.text}"
        for ours, theirs in pairs
        for problem in _problems_of_part(ours, theirs, english, korean)
    ]


def _problems_of_part(ours: Part, theirs: Part, english: Path, korean: Path) -> list[str]:
    if ours.kind == "generated table":
        names = [PLACE.match(part.text)["name"] for part in (ours, theirs)]
        return [] if names[0] == names[1] else [f"generated table: expected {names[0]}, got {names[1]}"]
    if all(part.text.startswith(start) for part, start in zip((ours, theirs), PRINTED, strict=True)):
        return problems_of_numbers(ours.text.strip("`"), theirs.text.strip("`"))
    if ours.kind in ("code", "formula"):
        same = (commands(ours.text) or ours.text) == (commands(theirs.text) or theirs.text)
        return [] if same else [f"{ours.kind} differs"]
    pairs = {
        "links": (_links(ours.text, english, True), _links(theirs.text, korean, False)),
        "code": tuple(Counter(CODE.findall(" ".join(part.text.split()))) for part in (ours, theirs)),
        "symbols": (_symbols(ours.text), _symbols(theirs.text)),
        "emphasis": (_emphasis(ours.text), _emphasis(theirs.text)),
        "cells": (len(_cells(ours.text)), len(_cells(theirs.text))),
    }
    found = [f"{what}: expected {mine}, got {yours}" for what, (mine, yours) in pairs.items() if mine != yours]
    return found + problems_of_numbers(ours.text, theirs.text) + problems_of_language(ours.text, theirs.text)


def _links(text: str, page: Path, to_korean: bool) -> Counter:
    """Where the links of a part lead; `to_korean`: to the Korean page or notebook where there is one."""
    found = []
    for link in (*LINK.finditer(text), *TAG.finditer(text)):
        path, anchor = (page.parent / link["target"]).resolve() if link["target"] else page, link["anchor"] or ""
        if anchor.startswith("L") and link["text"].startswith("`"):
            anchor = link["text"]  # the definition that the link names; its line is up to tools/links.py
        if path.suffix == ".md" and anchor and path.exists():
            anchor = anchors_of(path).index(anchor) if anchor in anchors_of(path) else f"no {anchor}"
        sibling = path.with_suffix(f".ko{path.suffix}")
        path = sibling if to_korean and path.suffix in (".md", ".ipynb") and sibling.exists() else path
        found.append((link["target"] if "://" in link["target"] else path, anchor))
    return Counter(found)


def _symbols(text: str) -> set[str]:
    """Greek letters, mathematical signs, calls such as p(x|z) and names such as h1, as far as they are no code."""
    text = _prose(text)
    signs = {sign for sign in text if unicodedata.category(sign) == "Sm" or "GREEK" in unicodedata.name(sign, "")}
    return signs - {"|"} | set(re.findall(r"\b[a-zα-ω][A-Za-z0-9_]*\([^()]*\)", text)) | set(NAME.findall(text))


def _emphasis(text: str) -> Counter:
    """How much is *emphasised* and **strong** as a reader sees it, and the stars that are left over."""
    tokens = [token for inline in MARKDOWN.parseInline(text) for token in inline.children or ()]
    stars = "".join(token.content for token in tokens if token.type == "text").count("*")
    return Counter([token.type for token in tokens if token.type in ("em_open", "strong_open")]) + Counter(stars=stars)


def _prose(text: str) -> str:
    """A part without code and without the addresses of its links."""
    return CODE.sub("``", LINK.sub(lambda link: link["text"], " ".join(text.split())))


def problems_of_numbers(english: str, korean: str) -> list[str]:
    """Numbers that one language has and the other has not; 2.7 billion is 27억, and "two" may be 2."""
    english, korean = (unicodedata.normalize("NFKC", NAME.sub("", _prose(text))) for text in (english, korean))
    words = WORD.findall(english.lower())
    units = {1} | {UNITS[word] for word in words if word in UNITS}
    written = [{_value(number) * unit for unit in units} for number in re.findall(NUMBER, english)]
    spoken = [{WORDS[word] * unit for unit in units} for word in words if word in WORDS] + [units - {1}]
    found = []
    for number, unit in re.findall(rf"{NUMBER}(천|만(?!큼)|억)?", korean):
        value = _value(number) * KOREAN_UNITS.get(unit, 1)
        holder = next((readings for readings in (written, spoken) if any(value in one for one in readings)), None)
        if holder is None:
            found.append(f"number {number}{unit}: not in the English text")
        else:
            holder.remove(next(one for one in holder if value in one))
    return found + [f"number {min(readings)}: not in the Korean text" for readings in written]


def _value(number: str) -> Decimal:
    return Decimal(number.replace(",", ""))


def problems_of_language(english: str, korean: str) -> list[str]:
    """Prose that is not in Korean, and particles that stand apart from their word."""
    found = []
    for ours, theirs in zip(_cells(english), _cells(korean), strict=False):
        if re.search(r"\b[a-z]{2,}\b", _without_names(ours)) and not re.search(r"[가-힣]", theirs):
            found.append(f"no Korean: {theirs}")
    english_left = re.finditer(r"(?:\b[a-z]{2,}\b[ ,]*){4,}", _without_names(korean))
    found += [f"not translated: {left[0]}" for left in english_left]
    return found + [f"a blank before a particle: {match[0]}" for match in PARTICLE.finditer(korean)]


def _cells(text: str) -> list[str]:
    return re.split(r"(?<!\\)\|", text) if text.startswith("|") else [text]


def _without_names(text: str) -> str:
    """A part without code, titles of papers, and names such as `et al.`, van den Oord, torch.autograd and dx."""
    names = r"\bet al\.|\bvan den\b|\bopenreview\b|\w+(?:\.\w+)+|\w+\([^()]*\)|\bd(?:x|weight)\b"
    text = QUOTED.sub("[]", " ".join(text.split()))
    return re.sub(names, "", TITLE.sub("", _prose(text)).replace("``", ""))
