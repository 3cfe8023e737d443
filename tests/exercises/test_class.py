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
from exercises.options import Check, Grade
from foundation.errors import InputError
from foundation.language import set_language
from ladder import cli
from tests.support.kl_answers import RIGHT_KL, WRONG_KL

charts, draw, page, posterior, words = (
    importlib.import_module(f"exercises.class.{name}") for name in ("charts", "draw", "page", "posterior", "words")
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
SMALLEST, SMALLEST_OF_ALL, MOST_WORDS, LONGEST_LINE = 24, 14 * 1280 / 960, 40, 78
"""Points of the canvas, which is 1280 wide; a slide of 16:9 is 960 points wide, so 14 of its points are 18.7 here."""
KEPT_IN_KOREAN = {"autograd", "dict", "float", "log", "logvar", "paper", "watch"}
"""Words in small Latin letters that Korean slides show outside formulas and code."""
PARTS = {"1 · Basics and mathematics": 20, "2 · Structure": 20, "3 · Applications": 20, "4 · Practice": 60}

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
    return build.slides()


def blocks(text: str) -> list[str]:
    """The code blocks of a page."""
    return re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def commands(text: str) -> list[list[str]]:
    """The commands that stand on lines of their own, and those between backticks."""
    found = [line for line in text.splitlines() if line.startswith("vae-ladder ")]
    return [shlex.split(line, comments=True) for line in found + re.findall(r"`(vae-ladder [^`]+)`", text)]


@pytest.fixture(scope="module")
def decks(build, slides):
    return {"en": slides, "ko": build.slides("ko")}


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


def test_the_plan_lasts_120_minutes_and_is_the_slides_plan(slides):
    plan = PLAN.split("## The plan")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (\d+) \| .*? \| (\d+)(?:–(\d+))? \|", plan, re.MULTILINE)
    assert sum(int(minutes) for minutes, *_ in rows) == 120
    following = 1
    for minutes, first, last in rows:
        assert int(first) == following, f"slide {following} is in no row"
        following = int(last or first) + 1
        assert sum(slide.minutes for slide in slides[int(first) - 1 : following - 1]) == int(minutes)
    assert following == len(slides) + 1


def test_every_part_of_the_hour_takes_its_share(slides):
    minutes = {part: sum(slide.minutes for slide in slides if slide.part == part) for part in PARTS}
    assert minutes == PARTS
    assert {slide.part for slide in slides} == set(PARTS)


def test_minutes_that_the_text_names_are_the_plans(slides):
    starts = {slide.title: sum(other.minutes for other in slides[:i]) for i, slide in enumerate(slides)}
    assert starts["Your turn"] == 60
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
    shown = commands("\n".join(found["text"] for found in build.query("raw", language)))
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
    named = re.findall(r"[Ee]xercises? (\d\d)", PLAN + notes + SOURCE)
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


def test_slides_are_made_whole_and_need_nothing_else(build, slides, tmp_path):
    written = {path.relative_to(tmp_path).as_posix(): path.read_bytes() for path in build.build(tmp_path)}
    names = {"slides.pdf", "handout.pdf", "slides.html"}
    assert set(written) == names | {f"ko/{name}" for name in names}
    for folder, language in (("", "en"), ("ko/", "ko")):
        assert all(written[folder + name].startswith(b"%PDF") for name in ("slides.pdf", "handout.pdf"))
        web = written[f"{folder}slides.html"].decode()
        assert f'<html lang="{language}">' in web
        assert ("다음" in web) == (language == "ko")
        assert web.count("<section ") == len(slides)
        assert not re.search(r"(?:src|href)=\"(?!#|data:)|url\((?!#|data:)|@import", web)
        used, defined = set(re.findall(r"href=\"#(\w+)\"", web)), re.findall(r" id=\"(\w+)\"", web)
        assert used <= set(defined)
        assert len(defined) == len(set(defined))


def test_the_same_source_gives_the_same_bytes(build):
    assert build.pdf() == build.pdf()
    assert build.font_face("한글") == build.font_face("한글")


def test_the_korean_page_brings_the_letters_of_its_notes(build, decks):
    page = build.web_page("ko")
    (encoded,) = re.findall(r"url\(data:font/woff;base64,([^)]+)\)", page)
    brought = TTFont(io.BytesIO(base64.b64decode(encoded))).getBestCmap()
    notes = "".join(slide.notes + slide.title + slide.part for slide in decks["ko"])
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
        assert not any(map(is_hangul, one.part + one.title + one.words + one.notes)), one.title
        for text in (other.part, other.title, other.words):
            assert not untranslated(text), other.title
        assert any(map(is_hangul, other.part)), other.title
        assert any(map(is_hangul, other.title)), other.title
        assert any(map(is_hangul, other.words)) == bool(re.search(r"[a-z]{3}", one.words)), other.title
        assert share_of_hangul(other.notes) > 0.6, other.title
        assert 0.3 < len(other.notes) / len(one.notes) < 1.1, other.title


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
        text = f"{slide.title} {slide.words} {slide.notes}"
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
    assert {path.name for path in tmp_path.iterdir()} == {"slides.pdf", "handout.pdf", "slides.html"}


@pytest.mark.parametrize("korean", ["{0}", "{0} {1} {2} {3} {4} {5} {6} {7}", "{0} {1} {2} {3} {4} {5} {5}"])
def test_a_korean_result_has_all_numbers_of_the_english_one(build, korean):
    assert build.pdf(one_page('#slide("T")[#answer-of("beta", "{0} {1} {2} {3} {4} {5} {6}")]'))
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
        assert len(slide.notes) > 60, slide.title
        assert len(slide.words.split()) <= MOST_WORDS, slide.title
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
        sizes = re.findall(r"size: ([\d.]+)pt", path.read_text(encoding="utf-8"))
        assert path.name == "theme.typ" or all(float(size) >= SMALLEST for size in sizes)
    assert page.TICKS * page.PIXELS / 72 >= SMALLEST
    assert page.TEXT >= page.TICKS


@pytest.mark.parametrize("language", ["en", "ko"])
def test_code_fits_its_line(build, language):
    found_code = build.query("raw", language)
    lines = [line for found in found_code if found["block"] for line in found["text"].splitlines()]
    assert len(lines) > 15
    assert max(map(columns, lines)) <= LONGEST_LINE
    inline = [found["text"] for found in found_code if not found["block"]]
    assert max(map(columns, inline)) <= LONGEST_LINE - 3


def test_code_is_read_from_the_rungs(build):
    texts = [found["text"] for found in build.query("raw")]
    assert "return dz, dz * eps * np.exp(logvar / 2) / 2" in texts
    assert any(text.startswith("run = model(x, eps)\n") and text.endswith("return parts") for text in texts)


# The pictures


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
