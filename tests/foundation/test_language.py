"""Messages in another language: which one is chosen, how lines are translated, and what is missing stays English."""

import shutil

import pytest

from foundation import language
from foundation.errors import InputError
from foundation.language import (
    Language,
    language_of_system,
    load,
    pad,
    page_in_language,
    set_language,
    split_line,
    templates_of,
    translate,
    translate_lines,
    translate_paragraphs,
    with_particles,
    wrap_text,
)

MESSAGES = {
    "an integer": "정수",
    "all done": "모두 끝남",
    "expected {0}, got {1}": "{1}이(가) 왔는데 {0}이(가) 와야 한다",
    "{0} (see {1} --help)": "{0} ({1} --help 참고)",
    "unknown option {0}{1}": "알 수 없는 옵션 {0}{1}",
    "; did you mean {0}?": "; {0}을(를) 뜻한 것인가?",
    "{got} instead of {expected}: so {got} is wrong": "{expected} 대신 {got}이므로 {got}은(는) 틀렸다",
    "{0}: {1}": "{1}: {0}",
    "One sentence. Another one.": "한 문장. 다른 문장.",
    "lost value {0}": "값 {7}",
}


@pytest.fixture
def korean(monkeypatch):
    """Messages in Korean, those above."""
    monkeypatch.setattr(language, "load", lambda name: Language(name, MESSAGES, templates_of(MESSAGES)))
    set_language("ko")
    yield
    monkeypatch.undo()
    set_language("en")


@pytest.fixture(autouse=True)
def _english_again():
    yield
    set_language("en")


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, "en"),
        ({"LANG": "ko_KR.UTF-8"}, "ko"),
        ({"LANG": "ko"}, "ko"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({"LANG": "C.UTF-8"}, "en"),
        ({"LANG": "ko_KR.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LANG": "ko_KR.UTF-8", "LC_MESSAGES": "en_US"}, "en"),
        ({"LANG": "en_US", "VAE_LADDER_LANG": "ko"}, "ko"),
        ({"LANG": "ko_KR", "VAE_LADDER_LANG": "xx"}, "en"),
        ({"LANG": "ko_KR", "LC_ALL": ""}, "ko"),
    ],
)
def test_the_environment_chooses(environment, expected):
    assert language_of_system(environment) == expected


def test_an_unknown_language_is_refused_by_name():
    with pytest.raises(InputError, match="--lang: expected one of en, ko, got 'xx'"):
        set_language("xx")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("all done", "모두 끝남"),
        ("\nall done\n", "\n모두 끝남\n"),
        ("not in the catalogue", "not in the catalogue"),
        ("expected 3, got x", "x이(가) 왔는데 3이 와야 한다"),
        ("expected an integer, got x", "x이(가) 왔는데 정수가 와야 한다"),
        ("--n: expected 2, got x", "--n: x이(가) 왔는데 2가 와야 한다"),
        ("expected 3, got x (see p --help)", "x이(가) 왔는데 3이 와야 한다 (p --help 참고)"),
        ("unknown option '--x'", "알 수 없는 옵션 '--x'"),
        ("unknown option '--x'; did you mean --y?", "알 수 없는 옵션 '--x'; --y을(를) 뜻한 것인가?"),
        ("1.5 instead of 2: so 1.5 is wrong", "2 대신 1.5이므로 1.5은(는) 틀렸다".replace("5은(는)", "5는")),
        ("a: b", "a: b"),
        ("lost value 3", "값 {7}"),
        ("", ""),
    ],
)
def test_a_line_is_recognised_and_its_values_kept(line, said, korean):
    assert translate(line) == said


def test_english_stays_as_it_is():
    set_language("en")
    assert translate("all done") == "all done"


def test_running_text_and_pages(korean):
    assert translate_paragraphs("One sentence.\n  Another one.\n\nall  done\n\nleft   alone") == (
        "한 문장. 다른 문장.\n\n모두 끝남\n\nleft   alone"
    )
    assert translate_lines("all done\n  a  b    all done\n  x   y") == "모두 끝남\n  a  b    모두 끝남\n  x   y"
    assert split_line("  rung 1  numpy_impl    by hand") == ("  rung 1  numpy_impl", "    ", "by hand")


@pytest.mark.parametrize("damage", ["missing", "empty", "text", "cut"])
def test_a_catalogue_that_cannot_be_read_is_english(damage, tmp_path):
    folder = tmp_path / "ko" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    file = folder / "vae_ladder.mo"
    if damage != "missing":
        shutil.copy(language.FOLDER / "ko" / "LC_MESSAGES" / "vae_ladder.mo", file)
        content = file.read_bytes()
        file.write_bytes({"empty": b"", "text": b"no catalogue at all", "cut": content[: len(content) // 2]}[damage])
    assert load("ko", tmp_path).messages == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("정수이(가)", "정수가"),
        ("값이(가)", "값이"),
        ("파일을(를)", "파일을"),
        ("폴더와(과)", "폴더와"),
        ("값와(과)", "값과"),
        ("파일으로(로)", "파일로"),
        ("값으로(로)", "값으로"),
        ("10은(는)", "10은"),
        ("'x'은(는)", "'x'은(는)"),
    ],
)
def test_particles_fit_the_letter_before_them(text, said):
    assert with_particles(text) == said


def test_hangul_takes_two_columns():
    assert pad("오답", 6) == "오답  "
    assert wrap_text("가나 다라 마바", 9) == ["가나 다라", "마바"]
    assert wrap_text("one two three", 7) == ["one two", "three"]


def test_a_page_in_the_language_where_there_is_one(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("English", encoding="utf-8")
    set_language("ko")
    assert page_in_language(page) == page
    (tmp_path / "page.ko.md").write_text("한국어", encoding="utf-8")
    assert page_in_language(page).read_text(encoding="utf-8") == "한국어"
    set_language("en")
    assert page_in_language(page) == page
