"""The class: its plan adds up, commands and mistakes on its page are real, slides are made and are not too full."""

import base64
import importlib
import io
import json
import re
import shlex
import tomllib
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from fontTools.ttLib import TTFont
from matplotlib.figure import Figure
from PIL import Image

from exercises.commands import run_command
from exercises.kit.catalogue import find
from exercises.kit.check import check_answer
from exercises.kit.credit import read_credit
from exercises.kit.limits import Limits
from exercises.options import Check, Grade
from foundation.errors import InputError
from foundation.language import set_language
from ladder import cli
from tests.support.kl_answers import RIGHT_KL, WRONG_KL
from tools.site.pages import site_pages

charts, clock, draw, page, posterior, words = (
    importlib.import_module(f"exercises.class.{name}")
    for name in ("charts", "clock", "draw", "page", "posterior", "words")
)

CHECKOUT = Path(__file__).parents[2]
LECTURE = CHECKOUT / "exercises" / "class"
PLANS = {
    language: (LECTURE / name).read_text(encoding="utf-8")
    for language, name in (("en", "README.md"), ("ko", "README.ko.md"))
}
PLAN = PLANS["en"]
SOURCES = sorted(LECTURE.glob("*.typ"))
SOURCE = "\n".join(path.read_text(encoding="utf-8") for path in SOURCES)
EXPERIMENTS = CHECKOUT / "paper"
RECORDED = EXPERIMENTS / "results" / "experiments"
EXCERPTS = re.findall(r'excerpt\(\s*"([\w-]+)", (\d)', SOURCE)
"""Pictures of experiments on the slides, with the lines of their captions."""
GLOSSARY = CHECKOUT / "website" / "glossary.toml"
SMALLEST, SMALLEST_OF_ALL, MOST_WORDS, LONGEST_LINE = 24, 14 * 1280 / 960, 48, 78
"""Points of the canvas, which is 1280 wide; a slide of 16:9 is 960 points wide, so 14 of its points are 18.7 here."""
MANY_WORDS = {
    "What it is, and what you will be able to do": 75,
    "Where VAEs are used today": 55,
    "Homework": 60,
    "References": 100,
}
"""Slides that are read, and not only looked at."""
KEPT_IN_KOREAN = {"autograd", "dict", "float", "glyphs", "log", "logvar", "paper", "shapes", "watch"}
"""Words in small Latin letters that Korean slides show outside formulas and code."""
PARTS = {
    "short": {"1 · Basics and mathematics": 38, "2 · Structure": 11, "3 · Applications": 11, "4 · Practice": 60},
    "long": {"1 · Basics and mathematics": 47, "2 · Structure": 20, "3 · Applications": 23, "4 · Practice": 60},
}
HOURS = {"short": "**60 + 60 minutes.**", "long": "**2 × 75 minutes**"}
"""How the table of a plan is announced."""
SILENT = {"Variational autoencoders", "References"}
"""Slides that are on the screen while people come and go."""

RIGHT_BCE = """
import numpy as np


def sigmoid(x):
    return np.exp(-np.logaddexp(0, -x))


def bce(logits, target):
    return (np.logaddexp(0, logits) - logits * target).sum() / len(logits)


def bce_backward(dy, logits, target):
    return dy * (sigmoid(logits) - target) / len(logits)
"""
RIGHT_DRAW = """
import numpy as np


def reparameterize(mu, logvar, eps):
    return mu + np.exp(logvar / 2) * eps


def reparameterize_backward(dz, logvar, eps):
    return dz, dz * eps * np.exp(logvar / 2) / 2


def latents(mu, logvar, eps, training):
    return reparameterize(mu, logvar, eps) if training else mu
"""
SUBMISSIONS = {
    "anna": {"04_kl": RIGHT_KL, "05_bernoulli": RIGHT_BCE, "06_reparameterization": RIGHT_DRAW},
    "ben": {
        "04_kl": WRONG_KL,
        "06_reparameterization": RIGHT_DRAW.replace("np.exp(logvar / 2) / 2\n", "np.exp(logvar / 2)\n"),
    },
    "chen": {"04_kl": RIGHT_KL, "05_bernoulli": RIGHT_BCE.replace(".sum() / len(logits)", ".mean()")},
}
"""The answers behind the table of grades; what is not here is a stub, but for chen's 06, which is missing."""


@pytest.fixture(scope="module")
def build():
    pytest.importorskip("typst")
    return importlib.import_module("exercises.class.build")


@pytest.fixture(scope="module")
def slides(build):
    """Those of the longer plan, which has all."""
    return build.slides(plan="long")


@pytest.fixture(scope="module")
def plans(build, slides):
    return {"short": build.slides(), "long": slides}


def blocks(text: str) -> list[str]:
    """The code blocks of a page."""
    return re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def commands(text: str) -> list[list[str]]:
    """The commands that stand on lines of their own, and those between backticks."""
    found = [line for line in text.splitlines() if line.startswith("vae-ladder ")]
    return [shlex.split(line, comments=True) for line in found + re.findall(r"`(vae-ladder [^`]+)`", text)]


@pytest.fixture(scope="module")
def decks(build, slides):
    return {"en": slides, "ko": build.slides("ko", "long")}


def untranslated(text: str) -> set[str]:
    """English words of a Korean text: three small Latin letters or more, but for names that are kept."""
    return set(re.findall(r"(?<![A-Za-z])[a-z]{3,}(?![A-Za-z])", text)) - KEPT_IN_KOREAN


def share_of_hangul(text: str) -> float:
    letters = [letter for letter in text if letter.isalpha()]
    return sum(is_hangul(letter) for letter in letters) / len(letters)


def is_hangul(letter: str) -> bool:
    return "가" <= letter <= "힣"


def columns(text: str) -> int:
    """The width of a text in a terminal."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def one_page(source: str) -> bytes:
    return f'#import "/exercises/class/theme.typ": *\n#show: look\n{source}'.encode()


# The plan


@pytest.mark.parametrize(("plan", "minutes"), [("short", 120), ("long", 150)])
def test_the_table_of_a_plan_is_the_slides_plan(plans, plan, minutes):
    table = PLAN.split(HOURS[plan])[1].split("\n\n")[1]
    rows = re.findall(r"^\| (\d):(\d\d) \| (\d+) \| .*? \| (\d+)(?:–(\d+))? \|", table, re.MULTILINE)
    slides, following, clock_ = plans[plan], 1, 0
    for hour, minute, length, first, last in rows:
        assert int(first) == following, f"slide {following} is in no row"
        assert 60 * int(hour) + int(minute) == clock_
        following = int(last or first) + 1
        assert sum(slide.minutes for slide in slides[int(first) - 1 : following - 1]) == int(length)
        clock_ += int(length)
    assert (following, clock_) == (len(slides) + 1, minutes)


def test_the_shorter_plan_has_twenty_slides_of_theory_and_is_a_part_of_the_longer_one(plans):
    theory = [slide for slide in plans["short"] if not slide.part.startswith("4")]
    assert len(theory) == 20
    assert [slide for slide in plans["long"] if not slide.long] == plans["short"]
    assert any(slide.long for slide in plans["long"])


def test_the_longer_plan_can_be_cut_into_two_meetings_between_slides(plans):
    ends = np.cumsum([slide.minutes for slide in plans["long"]])
    assert ends[30 - 1] == 75
    assert ends[38 - 1] == 90
    assert "after slide 30, at\n1:15" in PLAN
    assert "after slide 38, at 1:30" in PLAN


@pytest.mark.parametrize("plan", PARTS)
def test_every_part_takes_its_share(plans, plan):
    slides = plans[plan]
    minutes = {part: sum(slide.minutes for slide in slides if slide.part == part) for part in PARTS[plan]}
    assert minutes == PARTS[plan]
    assert {slide.part for slide in slides} == set(PARTS[plan])


def test_what_is_asked_for_stands_where_it_is_asked_for(plans):
    titles = [slide.title for slide in plans["short"]]
    assert titles[1] == "What it is, and what you will be able to do"
    assert titles[-1] == "References"
    assert titles.index("First, an autoencoder") < titles.index("A story of how an image arises")
    derived = {"The bound, line by line", "The gap: what the bound misses", "Where VAEs are used today"}
    assert derived < set(titles)
    board = [slide for slide in plans["short"] if "write line" in slide.say]
    assert sum(slide.minutes for slide in board) == 10
    written = re.findall(r"write line (\d)", " ".join(slide.say for slide in board))
    assert written == list("12345678")


# The clock


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_script_of_each_slide_takes_the_minutes_of_the_plan(decks, language):
    for slide in decks[language]:
        planned, taken = 60 * slide.minutes, clock.seconds(slide.say, language)
        assert bool(slide.say) == (slide.minutes > 0) == (decks["en"][decks[language].index(slide)].title not in SILENT)
        assert abs(taken - planned) <= max(12, 0.08 * planned), f"{slide.title}: {taken:.0f} s for {planned} s"


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("plan", PARTS)
def test_the_scripts_of_a_part_add_up_to_its_minutes(build, language, plan):
    slides = build.slides(language, plan)
    for part, minutes in PARTS[plan].items():
        taken = sum(clock.seconds(slide.say, language) for slide in slides if slide.part[:1] == part[:1]) / 60
        assert taken == pytest.approx(minutes, rel=0.05), part


def test_pauses_are_the_same_in_both_languages(decks):
    for one, other in zip(decks["en"], decks["ko"], strict=True):
        ours, theirs = ([piece.seconds for piece in clock.pieces(slide.say)] for slide in (one, other))
        assert ours == theirs, one.title


def test_half_of_the_theory_at_most_is_silence_and_some_of_it_is_for_questions(plans):
    for slides in plans.values():
        theory = [slide for slide in slides if not slide.part.startswith("4")]
        share = sum(clock.done(slide.say) for slide in theory) / sum(60 * slide.minutes for slide in theory)
        assert 0.15 < share < 0.5
        assert sum(": wait" in slide.say for slide in theory) >= 10


def test_a_script_is_counted_by_its_words_and_its_pauses():
    script = "One two, don’t. [20 s: write line 1] Four p five. [2 min: they write]"
    assert clock.spoken(script) == pytest.approx(60 * 6 / 120)
    assert clock.done(script) == 140
    assert clock.seconds(script) == pytest.approx(143)
    assert clock.seconds("가나다 p(x). [10초: 기다린다]", "ko") == pytest.approx(10 + 60 * 5 / 240)
    for wrong in ("a [20s write]", "a [2 minutes: b]", "a [20 s: b"):
        with pytest.raises(ValueError, match=r"expected \[20 s: what is done\]"):
            clock.pieces(wrong)


def test_the_handout_begins_with_the_time_of_every_slide_and_the_page_has_the_script(build, slides):
    web = build.web_page("en", "long")
    assert web.count("<em>[") == sum(len(clock.DOING.findall(slide.say)) for slide in slides)
    assert "minute 47 to 50" in web
    assert build.pdf(mode="handout").startswith(b"%PDF")


def test_minutes_that_the_text_names_are_the_plans(plans):
    slides = plans["short"]
    starts = {slide.title: sum(other.minutes for other in slides[:i]) for i, slide in enumerate(slides)}
    assert starts["Your turn: choose a way"] == 60
    assert starts["The network"] == 38
    assert f"**The room draws a curve (minute {starts['The room draws a curve']}).**" in PLAN
    assert f"**The live mistake (minute {starts['A check that names the mistake']}).**" in PLAN
    assert f"one training of minute {starts['Exercise 05 · The pixels']}" in PLAN
    named = re.findall(r't\("Exercise (\d\d) · ([^"]+)", "[^"]+"\), minutes: \d+', SOURCE)
    assert len(named) == 3
    for number, title in named:
        minutes = next(slide.minutes for slide in slides if slide.title == f"Exercise {number} · {title}")
        assert f"**[Exercise {number}](../{find(number).name}.md), {minutes} minutes.**" in PLAN


@pytest.mark.parametrize("command", commands(PLAN), ids=" ".join)
def test_commands_on_the_page_can_be_read(command):
    assert cli.parse(command[1], command[2:]) is not None


@pytest.mark.parametrize("language", ["en", "ko"])
def test_commands_on_the_slides_can_be_read_and_are_on_the_page(build, language):
    shown = commands("\n".join(found["text"] for found in build.query("raw", language, "long")))
    on_the_page = commands(PLAN)
    assert len(shown) >= 4
    for command in shown:
        assert cli.parse(command[1], command[2:]) is not None
        assert command in on_the_page or command[1] == "hint", " ".join(command)


def test_experiments_stand_behind_slides_that_exist(slides):
    behind = re.findall(r"^vae-ladder experiment (\S+) --quick +# (.+)$", PLAN, re.MULTILINE)
    assert len(behind) == 7
    assert {title for _, title in behind} <= {slide.title for slide in slides}


def test_targets_of_make_exist():
    makefile = (CHECKOUT / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"^make (\w+)", "\n".join(blocks(PLAN)), re.MULTILINE)
    assert "slides" in targets
    for target in targets:
        assert f"\n{target}: " in makefile


def test_exercises_that_are_named_exist(slides):
    notes = "\n".join(slide.notes for slide in slides)
    named = re.findall(r"[Ee]xercises? (\d\d)(?! and| to)", PLAN + notes + "".join(slide.title for slide in slides))
    typed = [word for command in commands(PLAN) for word in command]
    named += [word for word in typed if re.fullmatch(r"\d\d", word)]
    named += ",".join(re.findall(r"--exercises (\S+)", PLAN)).split(",")
    for number in set(named):
        assert find(number).number == number


@pytest.mark.parametrize("number", ["04", "05", "06"])
def test_mistakes_that_learners_are_said_to_make_are_known_to_the_exercise(number):
    section = PLAN.split(f"**[Exercise {number}]")[1].split("**[")[0]
    table = [row.split("|")[1] for row in section.splitlines() if row.startswith("| `")]
    known = {mistake.name for mistake in find(number).load().mistakes}
    quoted = [name for row in table for name in re.findall(r"`([^`]+)`", row) if name != "training"]
    assert quoted
    assert set(quoted) <= known


def submit(folder: Path, learner: str) -> Path:
    """One learner's answers: stubs where nothing was written."""
    own = folder / learner
    own.mkdir(parents=True)
    for number in ("03", "04", "05", "06"):
        entry = find(number)
        text = SUBMISSIONS[learner].get(entry.name)
        if text is not None or (learner, number) != ("chen", "06"):
            (own / f"{entry.name}.py").write_text(text.lstrip() if text else entry.stub.read_text("utf-8"), "utf-8")
    return own


@pytest.mark.parametrize(("language", "state"), [("en", "WRONG"), ("ko", "오답")])
def test_the_message_on_page_and_slide_is_what_the_check_says(tmp_path, capsys, monkeypatch, build, language, state):
    monkeypatch.chdir(tmp_path)
    plan = PLANS[language]
    live = next(block for block in blocks(plan) if "variance = " in block)
    Path("my_answers").mkdir()
    set_language(language)
    try:
        stub = find("04").stub_in_language.read_text("utf-8")
        Path("my_answers", "04_kl.py").write_text(stub.replace("    raise NotImplementedError\n", live, 1), "utf-8")
        assert run_command(Check(exercise="04")) == 1
    finally:
        set_language("en")
    said = capsys.readouterr().out
    assert said.startswith(next(block for block in blocks(plan) if block.startswith(state)))
    on_the_slide = next(found["text"] for found in build.query("raw", language) if found["text"].startswith(state))
    for part in re.split(r"\n  (?=\w)", on_the_slide):  # the slide leaves out what was called, and where
        assert " ".join(part.split()) in " ".join(said.split())


@pytest.mark.slow
def test_the_table_on_the_page_is_what_grade_prints(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for learner in SUBMISSIONS:
        submit(tmp_path / "submissions", learner)
    choices = Grade(folders=(Path("submissions"),), exercises="03,04,05,06", out=Path("week1.csv"))
    assert run_command(choices) == 0
    assert next(block for block in blocks(PLAN) if block.startswith("┏")) in capsys.readouterr().out


# The slides


def test_slides_are_made_whole_and_need_nothing_else(build, plans, tmp_path):
    written = {path.relative_to(tmp_path).as_posix(): path.read_bytes() for path in build.build(tmp_path)}
    names = {"slides.pdf", "handout.pdf", "slides.html"}
    folders = {"": "en", "ko/": "ko", "long/": "en", "long/ko/": "ko"}
    assert set(written) == {folder + name for folder in folders for name in names}
    for folder, language in folders.items():
        assert all(written[folder + name].startswith(b"%PDF") for name in ("slides.pdf", "handout.pdf"))
        web = written[f"{folder}slides.html"].decode()
        assert f'<html lang="{language}">' in web
        assert ("다음" in web) == (language == "ko")
        assert web.count("<section ") == len(plans["long" if "long" in folder else "short"])
        assert not re.search(r"(?:src|href)=\"(?!#|data:)|url\((?!#|data:)|@import", web)
        used, defined = set(re.findall(r"href=\"#(\w+)\"", web)), re.findall(r" id=\"(\w+)\"", web)
        assert used <= set(defined)
        assert len(defined) == len(set(defined))


def test_the_same_source_gives_the_same_bytes(build):
    assert build.pdf() == build.pdf()
    assert build.font_face("한글") == build.font_face("한글")


def test_the_korean_page_brings_the_letters_of_its_notes(build, decks):
    page = build.web_page("ko", "long")
    (encoded,) = re.findall(r"url\(data:font/woff;base64,([^)]+)\)", page)
    brought = TTFont(io.BytesIO(base64.b64decode(encoded))).getBestCmap()
    notes = "".join(slide.say + slide.notes + slide.title + slide.part for slide in decks["ko"])
    hangul = {letter for letter in notes if is_hangul(letter)}
    assert len(hangul) > 300
    assert hangul <= set(map(chr, brought))
    assert "뷁" not in map(chr, brought)
    assert "@font-face" not in build.web_page("en")


def test_both_decks_have_the_same_slides(decks):
    english, korean = decks["en"], decks["ko"]
    assert len(english) == len(korean) > 30
    for one, other in zip(english, korean, strict=True):
        assert (one.minutes, one.part[:2]) == (other.minutes, other.part[:2]), one.title


def test_every_slide_is_written_in_both_languages(decks):
    for one, other in zip(decks["en"], decks["ko"], strict=True):
        assert not any(map(is_hangul, one.part + one.title + one.words + one.say + one.notes)), one.title
        for text in (other.part, other.title, other.words):
            assert one.title == "References" or not untranslated(text), other.title
        assert any(map(is_hangul, other.part)), other.title
        assert any(map(is_hangul, other.title)), other.title
        assert any(map(is_hangul, other.words)) == bool(re.search(r"[a-z]{3}", one.words)), other.title
        assert one.say == "" or share_of_hangul(other.say) > 0.7, other.title
        assert share_of_hangul(other.notes) > 0.3, other.title
        assert 0.3 < len(other.say + other.notes) / len(one.say + one.notes) < 1.1, other.title


def test_english_left_in_a_korean_text_is_seen():
    assert untranslated("VAE의 images, 새 이미지 z, autograd와 loss") == {"images", "loss"}
    assert share_of_hangul("The KL, 닫힌 꼴") < 0.5


def test_a_text_without_its_translation_is_refused(build):
    for text in ("#t[Only English][]", '#t("Only English", "")'):
        with pytest.raises(InputError, match="a text without its translation"):
            build.pdf(one_page(f'#slide("T")[{text}]'))


def test_korean_slides_use_the_terms_of_the_glossary(decks):
    terms = tomllib.loads(GLOSSARY.read_text(encoding="utf-8"))["term"]
    avoided = {word: term["ko"] for term in terms for word in term.get("avoid", ())}
    assert len(avoided) > 20
    for slide in decks["ko"]:
        text = f"{slide.title} {slide.words} {slide.say} {slide.notes}"
        assert not [f"{word}: {term}" for word, term in avoided.items() if word in text], slide.title


@pytest.mark.parametrize("where", ['#slide("T")[{}]', '#slide("{}")[a]', '#slide("T", notes: "{}")[a]'])
def test_a_letter_that_no_font_has_is_refused_in_either_language(build, where):
    mode = "handout" if "notes" in where else "slides"
    with pytest.raises(InputError, match="could not be displayed"):
        build.pdf(one_page(where.format("한글")), mode, "en")
    assert build.pdf(one_page(where.format("한글 뷁")), mode, "ko").startswith(b"%PDF")
    with pytest.raises(InputError, match="could not be displayed"):
        build.pdf(one_page(where.format("한글 \U0001f9ff")), mode, "ko")


def test_a_letter_that_no_font_has_is_refused_in_formulas_and_code(build):
    for language, text in (("en", "$x 한$"), ("en", "`한`"), ("ko", "`\U0001f9ff`")):
        with pytest.raises(InputError, match="could not be displayed"):
            build.pdf(one_page(f'#slide("T")[{text}]'), language=language)


def test_without_the_korean_font_the_english_slides_are_written_and_the_package_is_named(build, tmp_path, monkeypatch):
    monkeypatch.setattr(build, "hangul_folder", lambda: None)
    with pytest.raises(InputError, match=r"koreanize-matplotlib; pip install .*\[slides\]"):
        build.build(tmp_path)
    names = {"slides.pdf", "handout.pdf", "slides.html"}
    assert {path.name for path in tmp_path.iterdir()} == names | {"long"}
    assert {path.name for path in (tmp_path / "long").iterdir()} == names


NUMBERS = [f"{{{i}}}" for i in range(13)]
"""The places of the numbers in the answer of the experiment `beta`"""


@pytest.mark.parametrize("korean", ["{0}", " ".join([*NUMBERS, "{13}"]), " ".join([*NUMBERS[:-1], NUMBERS[-2]])])
def test_a_korean_result_has_all_numbers_of_the_english_one(build, korean):
    assert build.pdf(one_page(f'#slide("T")[#answer-of("beta", "{" ".join(NUMBERS)}")]'))
    with pytest.raises(InputError, match="numbers are"):
        build.pdf(one_page(f'#slide("T")[#answer-of("beta", "{korean}")]'))


def test_a_slide_that_is_too_full_is_refused_by_name(build):
    with pytest.raises(InputError, match="Too much") as refusal:
        build.pdf(one_page('#slide("Too much")[#v(560pt) one line]'))
    assert "room for 564pt" in str(refusal.value)
    assert len(build.svgs(one_page('#slide("Enough")[#v(480pt) one line]'))) > 0


def test_a_picture_that_is_not_there_is_refused_by_name(build):
    with pytest.raises(InputError, match=r"nowhere\.png"):
        build.pdf(one_page('#slide("Lost")[#picture("nowhere.png")]'))


@pytest.mark.parametrize("language", ["en", "ko"])
def test_each_slide_has_notes_and_few_words(decks, language):
    for slide in decks[language]:
        assert slide.notes, slide.title
    for slide, english in zip(decks[language], decks["en"], strict=True):
        assert len(slide.words.split()) <= MANY_WORDS.get(english.title, MOST_WORDS), slide.title
    assert len({slide.title for slide in decks[language]}) == len(decks[language])


def test_words_are_counted_without_formulas_and_code(build):
    body = "#table([one], [*two* three])\n- four $x + y$\n- `five` six"
    source = one_page(f'#slide("T", minutes: 3, notes: "n")[\n{body}\n]')
    found = json.loads(build.compiler(source).query("<slide>"))[0]["value"]
    assert found["words"].split() == ["one", "two", "three", "four", "six"]
    assert (found["title"], found["minutes"], found["notes"]) == ("T", 3, "n")


def test_nothing_that_matters_is_smaller_than_the_last_row_can_read():
    named = dict(re.findall(r"^#let (\w+-size) = (\d+)pt", SOURCE, re.MULTILINE))
    assert len(named) == 5
    assert int(named.pop("edge-size")) >= SMALLEST_OF_ALL
    assert all(int(size) >= SMALLEST for size in named.values())
    assert int(re.search(r"#let smallest-of-excerpts = (\d+)", SOURCE)[1]) >= SMALLEST_OF_ALL
    for path in SOURCES:
        sizes = re.findall(r"size: ([\d.]+)pt", path.read_text(encoding="utf-8").partition("#let timetable")[0])
        assert path.name == "theme.typ" or all(float(size) >= SMALLEST for size in sizes)
    assert page.TICKS * page.PIXELS / 72 >= SMALLEST
    assert page.TEXT >= page.TICKS


@pytest.mark.parametrize("language", ["en", "ko"])
def test_code_fits_its_line(build, language):
    found_code = build.query("raw", language, "long")
    lines = [line for found in found_code if found["block"] for line in found["text"].splitlines()]
    assert len(lines) > 15
    assert max(map(columns, lines)) <= LONGEST_LINE
    inline = [found["text"] for found in found_code if not found["block"]]
    assert max(map(columns, inline)) <= LONGEST_LINE - 3


def test_code_is_read_from_the_rungs(build):
    texts = [found["text"] for found in build.query("raw", plan="long")]
    assert "return dz, dz * eps * np.exp(logvar / 2) / 2" in texts
    assert any(text.startswith("run = model(x, eps)\n") and text.endswith("return parts") for text in texts)


# The pictures


def test_a_slide_with_images_names_their_data(slides):
    """Pictures of experiments are of the data that the experiment recorded; our own of `glyphs`."""
    parts = re.findall(r'#include "(\w+\.typ)"', (LECTURE / "slides.typ").read_text(encoding="utf-8"))
    text = "".join((LECTURE / part).read_text(encoding="utf-8") for part in parts)
    sources = re.split(r"^#slide\(", text, flags=re.MULTILINE)[1:]
    assert len(sources) == len(slides)
    drawn = ("data", "causes", "autoencoder", "integral", "guess", "bound", "nats", "network", "draws", "explorer")
    drawn += ("samples", "paths", "augment", "rate", "missing", "beta", "anomaly")
    labelled = 0
    for slide, source in zip(slides, sources, strict=True):
        for name in re.findall(r'excerpt\(\s*"([\w-]+)"', source):
            (recorded,) = [run for run in RECORDED.glob("*.json") if name.startswith(run.stem)]
            assert slide.data == json.loads(recorded.read_text("utf-8"))["data"].upper(), slide.title
            labelled += 1
        if any(name in drawn for name in re.findall(r'picture\((?:t\()?"(\w+)\.png"', source)):
            assert slide.data.startswith("glyphs"), slide.title
            labelled += 1
    assert labelled >= 20


def test_every_picture_is_drawn_and_shown():
    shown = re.findall(r'picture\((?:t\()?"(\w+)\.png"', SOURCE)
    assert sorted(shown) == sorted(draw.PICTURES)
    assert {path.stem for path in draw.FOLDER.glob("*.png")} == set(draw.PICTURES)
    korean = re.findall(r'picture\(t\("(\w+)\.png", "ko/\1\.png"\)', SOURCE)
    assert {path.stem for path in (draw.FOLDER / "ko").glob("*.png")} == set(korean)
    assert len(korean) > 10
    assert set(json.loads(draw.NUMBERS.read_text(encoding="utf-8"))) <= set(draw.PICTURES)


def test_each_picture_has_words_for_who_cannot_see_it():
    described = r'alt: t\("[^"]{15,}", "[^"]*[가-힣][^"]{10,}"\)'
    assert len(re.findall(rf'picture\((?:"\w+\.png"|t\("\w+\.png", "ko/\w+\.png"\)), {described}', SOURCE)) == len(
        draw.PICTURES
    )
    assert len(re.findall(rf"excerpt\([^()]*{described}", SOURCE)) == len(EXCERPTS)


@pytest.mark.parametrize(("name", "lines"), EXCERPTS)
def test_an_excerpt_leaves_out_title_and_caption_and_nothing_else(name, lines):
    picture = Image.open(EXPERIMENTS / "pictures" / f"{name}.png")
    dpi, inked = picture.info["dpi"][0], np.asarray(picture.convert("L")) < 250
    inches = {side: float(size) for side, size in re.findall(r"(\w+): ([\d.]+)in", SOURCE)}
    above, side = round(inches["above"] * dpi), round(inches["side"] * dpi)
    below = round((inches["below"] + int(lines) * inches["line"]) * dpi)
    assert lines_of_text(inked[:above]) == 1
    assert lines_of_text(inked[-below:]) == int(lines)
    assert not inked[above - 1 : above + 1].any()
    assert not inked[-below - 1 : -below + 1].any()
    assert not inked[:, :side].any()
    assert not inked[:, -side:].any()


def lines_of_text(inked: np.ndarray) -> int:
    """Runs of rows with ink."""
    rows = inked.any(axis=1).astype(int)
    return int((np.diff(rows, prepend=0) == 1).sum())


def test_an_excerpt_that_nobody_could_read_is_refused(build):
    with pytest.raises(InputError, match="ae-vs-vae-latents: letters of 14 points"):
        build.pdf(one_page('#slide("Small")[#excerpt("ae-vs-vae-latents", 3, height: 300pt)]'))


def test_numbers_of_experiments_are_the_recorded_ones(slides):
    text = {slide.title: f"{slide.words} {slide.notes}" for slide in slides}
    found = {name: json.loads((RECORDED / f"{name}.json").read_text("utf-8")) for name in ("ae-vs-vae", "augment")}
    unsure = found["ae-vs-vae"]["findings"]["unsure_prior_vae"]
    assert f"{unsure:.0f}%" in text["What draws from the prior become"]
    gain = found["augment"]["rows"][0]["cvae_gain"]
    assert f"CVAE {gain:+.1f}".replace("-", "−").removesuffix(".0") in text["Does it help? Measure it"]
    for name, title in (("ae-vs-vae", "What draws from the prior become"), ("augment", "Does it help? Measure it")):
        assert found[name]["answers"][0] in text[title]


# The homework


@pytest.mark.parametrize("language", ["", ".ko"])
@pytest.mark.parametrize("name", ["03_elbo", "09_elbo_backward"])
def test_model_answers_pass_and_are_weighted_as_the_homework_says(tmp_path, language, name):
    text = (LECTURE / f"ANSWERS{language}.md").read_text(encoding="utf-8")
    number = name[:2]
    code = next(block for block in blocks(text) if ("def elbo(" if number == "03" else "def elbo_backward(") in block)
    answer = tmp_path / f"{name}.py"
    answer.write_text(code, encoding="utf-8")
    assert check_answer(find(number), answer, Limits(30)).outcome == "PASS"
    weights = tmp_path / "weights.toml"
    weights.write_text(next(block for block in blocks(text) if "[03_elbo]" in block), encoding="utf-8")
    points = {"03": 20, "09": 30}[number]
    assert read_credit(weights).weights(name).points == points
    homework = (LECTURE / f"HOMEWORK{language}.md").read_text(encoding="utf-8")
    assert re.search(rf"^\| \d \| .*\[{number}.* \| {points} \|$", homework, re.MULTILINE)


@pytest.mark.parametrize("language", ["", ".ko"])
def test_the_points_of_the_homework_add_up(language):
    homework = (LECTURE / f"HOMEWORK{language}.md").read_text(encoding="utf-8")
    whole, experiment, theory = (
        sum(int(points) for points in re.findall(r"\| (\d+) \|$", table, re.MULTILINE))
        or sum(int(points) for points in re.findall(r"^\| (\d+) \|", table, re.MULTILINE))
        for table in re.findall(r"(?:^\|.*\n)+", homework, re.MULTILINE)
    )
    assert (whole, experiment, theory) == (100, 25, 25)
    answers = (LECTURE / f"ANSWERS{language}.md").read_text(encoding="utf-8")
    marks = re.findall(r"\*(\d)(?: points:|점:) ([^*]+)\*", answers)
    assert [int(total) for total, _ in marks] == [6, 7, 6, 6]
    for total, parts in marks:
        numbers = re.findall(r"(?<!= )\b(\d)(?=\s+for|[,.])", parts)
        assert sum(map(int, numbers)) == int(total), parts


def test_model_answers_are_kept_out_of_the_site_and_known_to_teachers():
    names = {page.name for page in site_pages()}
    assert {"exercises/class/HOMEWORK", "exercises/class/PRACTICE"} <= names
    assert not [name for name in names if "ANSWERS" in name]
    assert "(ANSWERS.md)" in PLAN
    for learners in ("HOMEWORK", "PRACTICE"):
        for language in ("", ".ko"):
            assert "ANSWERS" not in (LECTURE / f"{learners}{language}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("learners", ["HOMEWORK", "PRACTICE"])
def test_exercises_of_the_learners_pages_exist_where_they_are_linked(learners):
    text = (LECTURE / f"{learners}.md").read_text(encoding="utf-8")
    linked = re.findall(r"\[(\d\d)[^\]]*\]\(\.\./(\w+)\.md\)", text)
    assert len(linked) > 3
    for number, name in linked:
        assert find(number).name == name


def test_long_lines_of_code_are_refused(build):
    code = '#slide("Wide")[#code-of("numpy_impl/vae_numpy.py", "kl_divergence", size: 40pt)]'
    with pytest.raises(InputError, match="kl_divergence: a line of"):
        build.pdf(one_page(code))


def test_pictures_are_drawn_by_name(tmp_path, monkeypatch):
    monkeypatch.setattr(draw, "FOLDER", tmp_path)
    monkeypatch.setattr(draw, "NUMBERS", tmp_path / "numbers.json")
    draw.main(["reparameterization", "kl"])
    drawn = {"reparameterization.png", "kl.png"}
    assert {path.name for path in tmp_path.iterdir()} == drawn | {"numbers.json", "ko"}
    assert {path.name for path in (tmp_path / "ko").iterdir()} == drawn
    for name in drawn:
        with Image.open(tmp_path / name) as one, Image.open(tmp_path / "ko" / name) as other:
            assert one.size == other.size
            assert (np.asarray(one) != np.asarray(other)).any()
    numbers = json.loads((tmp_path / "numbers.json").read_text(encoding="utf-8"))
    np.testing.assert_allclose(numbers["kl"]["nats"], [0, 2, (3 - np.log(4)) / 2, (np.log(4) - 0.75) / 2], atol=1e-12)
    with pytest.raises(InputError, match=r"expected one of title, .*, got 'cat'"):
        draw.main(["cat"])


def test_words_of_pictures_are_translated_with_their_numbers():
    assert words.translate("reconstruction 80.1, KL 25.9 nats per image") == "재구성 80.1, KL 25.9, 이미지당 내트"
    for text in ("32×14×14", r"$\log p(x)$", "encoder.conv1", "mu, logvar", "log 2 = 0.69", "β = 0.1", "A"):
        assert words.translate(text) == text
    with pytest.raises(InputError, match=r"translation of 'a new word' in exercises/class/words.py"):
        words.translate("a new word")


def test_korean_words_of_pictures_agree_with_the_english_ones():
    for english, korean in words.KOREAN.items():
        assert any(map(is_hangul, korean)), english
        assert not untranslated(korean.replace("{}", "")), english
        assert "$" not in korean, english
        assert korean.count("{}") == english.count("{}"), english


def test_a_picture_with_letters_that_no_font_has_is_refused(monkeypatch):
    figure = Figure()
    figure.text(0, 0, "gap")
    monkeypatch.setitem(words.KOREAN, "gap", "차이 \U0001f9ff")
    with pytest.raises(InputError, match="no font has all letters of 차이"):
        words.to_korean(figure)


def test_numeric_derivatives_err_by_curvature_on_the_right_and_by_rounding_on_the_left():
    wide, fine = charts._error(1e-1, np.float64), charts._error(1e-2, np.float64)
    np.testing.assert_allclose(wide / fine, 100, rtol=0.05)
    assert charts._error(1e-9, np.float64) > 100 * charts._error(1e-5, np.float64)
    assert charts._error(1e-5, np.float32) > 1e5 * charts._error(1e-5, np.float64)


@pytest.fixture
def coarse(monkeypatch):
    """A grid that takes a moment."""
    monkeypatch.setattr(posterior, "STEP", 0.1)
    posterior.grid.cache_clear()
    yield
    posterior.grid.cache_clear()


def test_the_grids_gap_is_the_kl_of_q_from_the_posterior(coarse):
    rng = np.random.default_rng(0)
    z, _, log_prior = posterior.grid()
    np.testing.assert_allclose(np.exp(log_prior).sum(), 1, atol=1e-3)
    assert z.shape == (71 * 71, 2)
    assert tuple(z[0]) == pytest.approx((-3.5, 3.5))
    likelihood = 3 * rng.standard_normal(len(z)) - 0.5 * np.square(z - [0.5, -1]).sum(1) - 100
    log_p, probability = posterior.posterior(likelihood)
    assert probability.sum() == pytest.approx(1)
    mu, sigma = np.array([0.3, -0.4]), np.array([0.4, 0.6])
    q = np.exp(-np.square((z - mu) / sigma).sum(1) / 2)
    q /= q.sum()
    gap = (q * (np.log(q) - np.log(probability))).sum()
    assert log_p - posterior.elbo(likelihood, mu, sigma) == pytest.approx(gap, abs=1e-4)


def test_the_likelihood_counts_the_pixels_that_are_shown(coarse):
    x = (np.random.default_rng(1).random(784) < 0.3).astype(np.float64)
    logits = posterior.grid().logits[7].astype(np.float64)
    each = x * logits - np.logaddexp(0, logits)
    shown = np.arange(784) < 252
    assert posterior.log_likelihood(x)[7] == pytest.approx(each.sum(), rel=1e-4)
    assert posterior.log_likelihood(x, shown)[7] == pytest.approx(each[shown].sum(), rel=1e-4)


def test_the_region_is_the_smallest_with_its_share():
    probability = np.array([0.1, 0.5, 0.05, 0.3, 0.05])
    assert posterior.largest(probability, 0.75).tolist() == [False, True, False, True, False]
    assert posterior.largest(probability, 0.85).tolist() == [True, True, False, True, False]
