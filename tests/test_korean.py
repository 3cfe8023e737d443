"""Korean pages keep step with the English ones; and each check can fail."""

import pytest
from translations import problems, problems_of_numbers

from exercises.kit.links import CHECKOUT, pages

EXPECTED = ("README.md", "exercises/README.md", "numpy_impl/README.md", "pytorch_lowlevel/README.md")
"""Pages that must have a Korean sibling. Any other page may have one, and is held to the same rules."""

# The project's own pages

KOREAN = [page for page in pages() if page.name.endswith(".ko.md")]


def test_the_expected_pages_have_a_korean_sibling():
    siblings = {page.relative_to(CHECKOUT).as_posix().replace(".ko.md", ".md") for page in KOREAN}
    assert set(EXPECTED) <= siblings
    assert all((CHECKOUT / page).is_file() for page in siblings)


@pytest.mark.parametrize("korean", KOREAN, ids=lambda page: page.relative_to(CHECKOUT).as_posix())
def test_korean_pages_keep_step(korean):
    found = problems(korean.with_name(korean.name.replace(".ko.md", ".md")), korean)
    assert not found, "\n".join(found)


# What the checks must catch

ENGLISH = """# A *first* look

[한국어](page.ko.md)

Twelve images, 2.7 billion sums and 10⁻⁵: see [the code](code.py#L3), `loss` and [more](#more) of q(z|x) = σ².

```
vae-ladder start   # begin
```

$$
x_1
$$

## More

- One item with 5 parts.
- Kingma & Ba, *Adam*, [arXiv:1412.6980](https://arxiv.org/abs/1412.6980).

| what | size |
|---|---|
| image | 28 |

![a picture](a.png)
"""
KOREAN_TEXT = """# *첫* 만남

[English](page.md)

이미지 12장과 덧셈 27억 번과 10⁻⁵은 [코드](code.py#L3), `loss`와 [다음](#다음)의 q(z|x) = σ²을 보라.

```
vae-ladder start   # 시작한다
```

$$
x_1
$$

## 다음

- 부분이 5개인 항목.
- Kingma & Ba, *Adam*, [arXiv:1412.6980](https://arxiv.org/abs/1412.6980).

| 무엇 | 크기 |
|---|---|
| 이미지 | 28 |

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
        ("## 다음", "### 다음", "parts: expected"),
        ("- 부분이 5개인 항목.\n", "", "parts: expected"),
        ("| 이미지 | 28 |", "| 이미지 | 28 | 큼 |", "cells: expected"),
        ("이미지 | 28", "image | 28", "no Korean"),
        ("*첫* 만남", "A *first* look", "no Korean"),
        ("![그림]", "![a picture]", "no Korean"),
        ("a.png", "b.png", "links: expected"),
        ("부분이 5개인 항목", "이것은 one item with several parts, 5개", "not translated"),
        ("*첫* 만남", "첫 만남", "emphasis: expected"),
        ("*첫* 만남", "*첫(first)*인 만남", "emphasis: expected"),
        ("`loss`와", "`loss` 와", "a blank before a particle"),
        ("[English](page.md)\n", "", "under the titles"),
    ],
)
def test_a_page_out_of_step_is_seen(tmp_path, old, new, problem):
    english, korean = tmp_path / "page.md", tmp_path / "page.ko.md"
    assert old in KOREAN_TEXT
    english.write_text(ENGLISH, encoding="utf-8")
    korean.write_text(KOREAN_TEXT.replace(old, new, 1), encoding="utf-8")
    found = problems(english, korean)
    assert bool(found) == bool(problem), "\n".join(found)
    assert problem in "\n".join(found)


@pytest.mark.parametrize(
    ("english", "korean", "count"),
    [
        ("83 to 93 billion rather than 100", "1,000억이 아니라 830억에서 930억", 0),
        ("two million numbers, 800,000 entries", "수 200만 개, 원소 80만 개", 0),
        ("parts of a million", "100만 개씩", 0),
        ("a twentieth of a second for one image", "이미지 1장에 20분의 1초", 1),
        ("3.6 against 3.2 ms", "3.2ms와 3.6ms", 0),
        ("3.6 against 3.6 ms", "3.6ms", 1),
        ("4.7 million", "4.7", 0),
        ("4.7", "47", 2),
        ("2 of them", "2만큼", 0),
        ("float32 and h1", "float32와 h1, 곧 float32", 0),
    ],
)
def test_numbers_are_compared_by_what_they_mean(english, korean, count):
    assert len(problems_of_numbers(english, korean)) == count
