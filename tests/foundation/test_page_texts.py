"""Pages that the program writes have every text in both languages, saying the same; and each check can fail."""

import re
from pathlib import Path

import pytest
from markupsafe import Markup

from foundation.language import set_language
from foundation.page_texts import PageTexts, page_texts, read_table
from tests.support.translations import problems_of_numbers
from tools import CHECKOUT
from tools.messages import disagreements
from tools.site.glossary import problems_of_terms

TABLES = {("ladder", "report.toml"): "report.html.jinja", ("exercises.kit", "grades.toml"): "grades.html.jinja"}
"""Each table of texts, and the template beside it that shows them."""
MARKUP = re.compile(r"</?\w+>")
CODE = re.compile(r"<code>.*?</code>", re.DOTALL)
PARTS = re.compile(r"^(title|lede|rung|next|group|state)_|_(text|alt)$")
"""Keys that the template puts together, from a rung, a state or a kind of picture."""
POLITE = re.compile(r"(습니다|세요|해요)[. ]")


@pytest.fixture(autouse=True)
def _english_again():
    yield
    set_language("en")


def problems(english: str, korean: str) -> list[str]:
    """Where a Korean text says something else than the English one, or says it in other terms."""
    ours, theirs = (" ".join(text.split()) for text in (english, korean))
    found = [problem for problem in disagreements(ours, theirs) if not problem.startswith("numbers")]
    found += problems_of_numbers(re.sub(r"\{\w+\}", "", ours), re.sub(r"\{\w+\}", "", theirs))
    for what, pattern in (("markup", MARKUP), ("code", CODE)):
        if sorted(pattern.findall(ours)) != sorted(pattern.findall(theirs)):
            found.append(f"{what}: expected {pattern.findall(ours)}, got {pattern.findall(theirs)}")
    if not re.search("[가-힣]", theirs) and re.search("[a-z]{2}", re.sub(r"\{\w+\}", "", ours)):
        found.append("no Korean")
    if POLITE.search(f"{theirs} "):
        found.append("expected the plain form, ~한다")
    return found + problems_of_terms(theirs)


@pytest.mark.parametrize(("package", "file"), TABLES)
def test_both_languages_say_the_same(package, file):
    table = read_table(package, file)
    assert len(table) > 30
    found = [f"{key}: {problem}" for key, words in table.items() for problem in problems(words["en"], words["ko"])]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(("package", "file"), TABLES)
def test_every_text_is_used(package, file):
    folder = CHECKOUT / package.replace(".", "/")
    used = "".join(path.read_text("utf-8") for path in [*folder.glob("*.jinja"), *folder.glob("*report.py")])
    words = set(re.findall(r'"(\w+)"', used))
    table = read_table(package, file)
    kinds = {key.rsplit("_", 1)[0] for key in table if re.search("_(text|alt)$", key)}
    plurals = {f"{noun}s" for noun in re.findall(r'count\(.*?, "(\w+)"\)', used)}
    assert not [key for key in table if key not in words | kinds | plurals and not PARTS.search(key)]


@pytest.mark.parametrize(("package", "file"), TABLES)
def test_the_template_has_no_words_of_its_own(package, file):
    page = (CHECKOUT / package.replace(".", "/") / TABLES[package, file]).read_text("utf-8").partition("<body>")[2]
    left = re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}|<[^>]*>", " ", page, flags=re.DOTALL)
    left = left.replace("VAE Ladder", " ")
    assert not re.findall(r"[A-Za-z]{2,}", left)


@pytest.mark.parametrize(
    ("korean", "problem"),
    [
        ("{n}명이 <b>3</b>번 본다.", ""),
        ("명이 <b>3</b>번 본다.", "values"),
        ("{n}명이 <b>4</b>번 본다.", "number"),
        ("{n}명이 3번 본다.", "markup"),
        ("{n} <b>3</b>", "no Korean"),
        ("{n}명이 <b>3</b>번 봅니다. 습니다.", "plain form"),
        ("{n}명이 <b>3</b>번 자유 비트를 본다.", "glossary"),
    ],
)
def test_a_text_out_of_step_is_seen(korean, problem):
    found = problems("{n} people look <b>3</b> times.", korean)
    assert bool(found) == bool(problem), found
    assert problem in "".join(found)


def test_values_are_escaped_and_particles_fit():
    say = PageTexts({"x": {"en": "<b>{name}</b>", "ko": "<b>{name}</b>, {n}을(를) 본다"}}, "ko")
    assert say("x", name="<i>", n="1") == Markup("<b>&lt;i&gt;</b>, 1을 본다")
    assert say("x", name=Markup("<i>"), n="2") == Markup("<b><i></b>, 2를 본다")


def test_the_language_is_that_of_messages():
    for name in ("en", "ko"):
        set_language(name)
        say = page_texts("ladder", "report.toml")
        assert say.language == name
        assert say("fact_seed") == {"en": "Seed", "ko": "시드"}[name]


def test_an_entry_without_a_language_is_refused(tmp_path, monkeypatch):
    Path(tmp_path, "words").mkdir()
    Path(tmp_path, "words", "page.toml").write_text('[x]\nen = "x"\n', encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ValueError, match=r"page\.toml: x: expected the languages en, ko, got en"):
        read_table("words", "page.toml")
