"""Korean pages keep step with the English ones; and each check can fail."""

import re

import pytest

from exercises.kit.catalogue import catalogue
from paper.experiments.command import find_module
from paper.experiments.options import EXPERIMENTS
from paper.experiments.tables import SPREADS
from tests.support.translations import problems, problems_of_numbers
from tools import CHECKOUT, tables, translations
from tools.links import pages
from tools.site.glossary import problems_of_terms

CHAPTERS = ("exercises", "numpy_impl", "paper", "pytorch_lowlevel")
EXERCISES = tuple(f"exercises/{entry.name}.md" for entry in catalogue())
EXPECTED = ("README.md", "ladder/README.md", *(f"{folder}/README.md" for folder in CHAPTERS), *EXERCISES)
"""Pages that must have a Korean sibling. Any other page may have one, and is held to the same rules."""

# The project's own pages

KOREAN = [page for page in pages() if page.name.endswith(".ko.md")]


def test_the_expected_pages_have_a_korean_sibling():
    siblings = {page.relative_to(CHECKOUT).as_posix().replace(".ko.md", ".md") for page in KOREAN}
    assert set(EXPECTED) <= siblings
    assert all((CHECKOUT / page).is_file() for page in siblings)


@pytest.mark.parametrize("page", KOREAN, ids=lambda page: page.relative_to(CHECKOUT).as_posix())
def test_korean_pages_keep_step(page):
    found = problems(page.with_name(page.name.replace(".ko.md", ".md")), page)
    assert not found, "\n".join(found)


@pytest.mark.parametrize("page", KOREAN, ids=lambda page: page.relative_to(CHECKOUT).as_posix())
def test_korean_pages_use_the_terms_of_the_glossary(page):
    assert not problems_of_terms(page.read_text(encoding="utf-8"))


# Words of generated tables


@pytest.mark.parametrize("name", tables.TABLES)
def test_every_word_of_a_table_is_translated(name):
    make = tables.TABLES[name]
    silent = re.sub(r"```.*?```|`.*?`", "", make(lambda words: ""), flags=re.DOTALL)
    assert not re.search("[A-Za-z]", silent), "words that the table does not say through `say`"
    figures = r"\d[\d,]*\.\d+"
    assert set(re.findall(figures, make(translations.say))) <= set(re.findall(figures, make(tables.english)))


def test_words_of_tables_use_the_terms_of_the_glossary():
    assert not [problem for words in translations.WORDS.values() for problem in problems_of_terms(words)]


def test_pieces_without_korean_are_listed():
    assert translations.untranslated(tables.TABLES.values()) == []
    made = [lambda say: say("layer") + say("new words") + say("KL")]
    assert translations.untranslated(made) == ["new words"]


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_what_an_experiment_calls_its_columns_is_translated(name):
    for title, columns in find_module(name).TABLES.items():
        assert all(map(translations.say, [title, *(column.head for column in columns)]))
    assert all(map(translations.say, SPREADS.values()))


@pytest.mark.parametrize(
    ("piece", "said"),
    [
        ("fully connected 784-400-20", "완전 연결 784-400-20"),
        ("Gaussian σ\u00a0=\u00a00.71", "가우시안 σ\u00a0=\u00a00.71"),
        ("−1,280.0", "−1,280.0"),
        ("σ", "σ"),
        ("`vae-ladder train vae`", "`vae-ladder train vae`"),
        (
            "K = 5,000 draws for each of 20 of 500 test images.",
            "테스트 이미지 500장 가운데 20장에 대해 이미지마다 표본 K = 5,000개를 뽑았다.",
        ),
        ("20.5 ± 0.3 of 50", "50개 가운데 20.5 ± 0.3개"),
        ("1.5 h", "1.5시간"),
    ],
)
def test_numbers_and_code_stay_as_they_are_in_korean(piece, said):
    assert translations.say(piece) == said


# What the checks must catch

ENGLISH = """# A *first* look

[한국어](page.ko.md)

Twelve images, 2.7 billion sums and 10⁻⁵: see [the code](code.py#L3), `loss` and [more](#more) of q(z|x) = σ².

```
vae-ladder start   # begin
```

```math
x_1
```

## More

- One item with 5 parts.
- Kingma & Ba, *Adam*, [arXiv:1412.6980](https://arxiv.org/abs/1412.6980).

| what | size |
|---|---|
| image | 28 |

<!-- table: parameters -->

| layer | weight |
| --- | --- |

```
vae-ladder train vae --epochs 2
```

<!-- end -->

![a picture](a.png)
"""
KOREAN_TEXT = """# *첫* 만남

[English](page.md)

이미지 12장과 덧셈 27억 번과 10⁻⁵은 [코드](code.py#L3), `loss`와 [다음](#다음)의 q(z|x) = σ²을 보라.

```
vae-ladder start   # 시작한다
```

```math
x_1
```

## 다음

- 부분이 5개인 항목.
- Kingma & Ba, *Adam*, [arXiv:1412.6980](https://arxiv.org/abs/1412.6980).

| 무엇 | 크기 |
|---|---|
| 이미지 | 28 |

<!-- table: parameters -->

| 층 | 가중치 |
| --- | --- |

```
vae-ladder train vae --epochs 3
```

<!-- end -->

![그림](a.png)
"""


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("", "", ""),
        ("12장", "열두 장", ""),
        ("12장", "13장", "number 13: not in the English"),
        ("27억", "27만", "number 27만: not in the English"),
        ("27억 번", "많은", "not in the Korean"),
        ("10⁻⁵", "10⁻⁶", "number 6"),
        ("28 |", "29 |", "number 29"),
        ("1412.6980]", "1412.6981]", "number"),
        ("`loss`", "`lost`", "code: expected"),
        ("`loss`", "손실", "code: expected"),
        ("code.py#L3", "code.py#L4", "links: expected"),
        ("#다음", "#more", "links: expected"),
        ("abs/1412.6980", "abs/1412.6981", "links: expected"),
        ("q(z|x)", "q(x|z)", "symbols: expected"),
        ("σ²", "τ²", "symbols: expected"),
        ("start ", "watch ", "code differs"),
        ("x_1", "x_2", "formula differs"),
        ("table: parameters", "table: numbers", "generated table: expected parameters, got numbers"),
        ("## 다음", "### 다음", "parts: expected"),
        ("- 부분이 5개인 항목.\n", "", "parts: expected"),
        ("| 이미지 | 28 |", "| 이미지 | 28 | 큼 |", "cells: expected"),
        ("이미지 | 28", "image | 28", "no Korean"),
        ("*첫* 만남", "A *first* look", "no Korean"),
        ("![그림]", "![a picture]", "no Korean"),
        ("a.png", "b.png", "links: expected"),
        ("부분이 5개인 항목", "이것은 one item with several parts, 5개", "not translated"),
        ("[코드](code.py#L3)", "[one piece of code](code.py#L3)", "not translated"),
        ("*첫* 만남", "첫 만남", "emphasis: expected"),
        ("*첫* 만남", "*첫(first)*인 만남", "emphasis: expected"),
        ("`loss`와", "`loss` 와", "a blank before a particle"),
        ("[English](page.md)\n", "", "under the titles"),
    ],
)
def test_a_page_out_of_step_is_seen(tmp_path, old, new, problem):
    ours, theirs = tmp_path / "page.md", tmp_path / "page.ko.md"
    assert old in KOREAN_TEXT
    ours.write_text(ENGLISH, encoding="utf-8")
    theirs.write_text(KOREAN_TEXT.replace(old, new, 1), encoding="utf-8")
    found = problems(ours, theirs)
    assert bool(found) == bool(problem), "\n".join(found)
    assert problem in "\n".join(found)


@pytest.mark.parametrize(("said", "problem"), [("결과 3", ""), ("결과 4", "number 4"), ("got 3", "")])
def test_what_a_check_prints_may_be_korean_with_the_same_numbers(tmp_path, said, problem):
    ours, theirs = tmp_path / "page.md", tmp_path / "page.ko.md"
    ours.write_text("# A\n\n[한국어](page.ko.md)\n\n```\nWRONG  04_kl\n  got 3\n```\n", encoding="utf-8")
    theirs.write_text(f"# 가\n\n[English](page.md)\n\n```\n오답  04_kl\n  {said}\n```\n", encoding="utf-8")
    found = problems(ours, theirs)
    assert bool(found) == bool(problem)
    assert problem in "\n".join(found)


@pytest.mark.parametrize(
    ("ours", "theirs", "count"),
    [
        ("83 to 93 billion rather than 100", "1,000억이 아니라 830억에서 930억", 0),
        ("two million numbers, 800,000 entries", "수 200만 개, 원소 80만 개", 0),
        ("parts of a million", "100만 개씩", 0),
        ("Twenty-five exercises", "연습 문제 25개", 0),
        ("Twenty-five exercises", "연습 문제 20개와 5개", 2),
        ("a twentieth of a second for one image", "이미지 1장에 20분의 1초", 1),
        ("3.6 against 3.2 ms", "3.2ms와 3.6ms", 0),
        ("3.6 against 3.6 ms", "3.6ms", 1),
        ("4.7 million", "4.7", 0),
        ("4.7", "47", 2),
        ("2 of them", "2만큼", 0),
        ("float32 and h1", "float32와 h1, 곧 float32", 0),
    ],
)
def test_numbers_are_compared_by_what_they_mean(ours, theirs, count):
    assert len(problems_of_numbers(ours, theirs)) == count
