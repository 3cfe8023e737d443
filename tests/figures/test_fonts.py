"""Class names in letters that DejaVu Sans lacks: another font's letters, or numbers; never boxes or warnings."""

import logging
import subprocess
import sys
import unicodedata

import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib import font_manager
from matplotlib.figure import Figure
from PIL import Image

from figures import fonts
from figures.charts import latent_space, latent_spaces
from figures.fonts import HANGUL, MAIN, about_names, can_draw, drawn_names, families, hangul_folder
from figures.galleries import classes_and_styles, style_transfer
from figures.style import book_style, save

pytestmark = pytest.mark.filterwarnings("error::UserWarning")

CAT, DOG = "고양이", "강아지"


@pytest.fixture
def only_dejavu(monkeypatch):
    monkeypatch.setattr(fonts, "OTHERS", ())
    families.cache_clear(), fonts._letters.cache_clear()
    yield
    families.cache_clear(), fonts._letters.cache_clear()


@pytest.fixture
def korean_font(monkeypatch, tmp_path):
    """A font under a known name that has the letters of both words, each a wedge."""
    names = [".notdef", *(f"letter{i}" for i in range(6))]
    font = FontBuilder(1000, isTTF=True)
    font.setupGlyphOrder(names)
    font.setupCharacterMap({ord(letter): f"letter{i}" for i, letter in enumerate(CAT + DOG)})
    font.setupGlyf({name: wedge(100 * i) for i, name in enumerate(names)})
    font.setupHorizontalMetrics(dict.fromkeys(names, (1000, 80)))
    font.setupHorizontalHeader(ascent=800, descent=-200)
    font.setupNameTable({"familyName": "NanumGothic", "styleName": "Regular"})
    font.setupOS2()
    font.setupPost()
    font.save(tmp_path / "font.ttf")
    monkeypatch.setattr(font_manager.fontManager, "ttflist", list(font_manager.fontManager.ttflist))
    font_manager.fontManager.addfont(tmp_path / "font.ttf")
    monkeypatch.setattr(fonts, "OTHERS", ("NanumGothic",))
    families.cache_clear(), fonts._letters.cache_clear()
    yield
    families.cache_clear(), fonts._letters.cache_clear()


def wedge(drop):
    pen = TTGlyphPen(None)
    pen.moveTo((80, 0))
    for corner in ((80, 700), (900, 700 - drop), (900, 0)):
        pen.lineTo(corner)
    pen.closePath()
    return pen.glyph()


def pixels(figure, path):
    with Image.open(save(figure, path)) as image:
        return np.asarray(image.convert("L"))


def plane(names):
    mu = np.random.default_rng(0).normal(size=(40, 2)) + np.repeat([[-1, -1], [1, 1]], 20, axis=0)
    return latent_space(mu, np.repeat([0, 1], 20), names)


def test_names_of_letters_that_no_font_has_become_numbers(only_dejavu, tmp_path):
    assert families() == (MAIN,)
    assert drawn_names(["cat", CAT, "🐶", "Ωß"]) == ("cat", "class 1", "class 2", "Ωß")
    assert about_names(["cat", CAT, "🐶"]) == (
        f"In the figures class 1 is {CAT}, class 2 is 🐶: no font that is installed has all letters of the name"
    )
    assert about_names(["cat", "dog"]) == ""
    np.testing.assert_array_equal(
        pixels(plane([CAT, DOG]), tmp_path / "a.png"), pixels(plane(["class 0", "class 1"]), tmp_path / "b.png")
    )


def test_names_are_drawn_in_a_font_that_has_their_letters(korean_font, tmp_path, caplog):
    assert families() == (MAIN, "NanumGothic")
    assert drawn_names([CAT, "🐶", unicodedata.normalize("NFD", DOG)]) == (CAT, "class 1", DOG)
    assert about_names([CAT, DOG]) == ""
    with caplog.at_level(logging.WARNING, logger="matplotlib"):
        one, other = (pixels(plane(names), tmp_path / "x.png") for names in ([CAT, DOG], [DOG, CAT]))
    assert (one != other).any()
    assert not caplog.records


@pytest.fixture
def only_the_package(monkeypatch):
    """DejaVu Sans and what a package brings: no other font of the system."""
    kept = [font for font in font_manager.fontManager.ttflist if font.name != HANGUL]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", kept)
    monkeypatch.setattr(fonts, "OTHERS", (HANGUL,))
    families.cache_clear(), fonts._letters.cache_clear()
    yield
    families.cache_clear(), fonts._letters.cache_clear()


def test_hangul_is_drawn_in_the_packages_font(only_the_package, tmp_path):
    assert hangul_folder() is not None, "the extra `korean` is part of `test`"
    assert families() == (MAIN, HANGUL)
    assert can_draw("가뷁힣")
    assert drawn_names([CAT, "🐶", unicodedata.normalize("NFD", DOG)]) == (CAT, "class 1", DOG)
    one, other, numbers = (
        pixels(plane(names), tmp_path / "x.png") for names in ([CAT, DOG], [DOG, CAT], ["class 0", "class 1"])
    )
    assert (one != other).any()
    assert one.shape != numbers.shape or (one != numbers).any()


def test_the_package_is_not_imported_and_matplotlibs_settings_stay():
    program = """
import sys, matplotlib
before = dict(matplotlib.rcParams)
from figures.fonts import families, hangul_folder
assert hangul_folder() is not None and families()
assert "koreanize_matplotlib" not in sys.modules
assert dict(matplotlib.rcParams) == before
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", program], check=True)


def test_without_the_package_its_folder_is_none(monkeypatch):
    monkeypatch.setattr(fonts, "HANGUL_PACKAGE", "no-such-package")
    assert hangul_folder() is None


@pytest.mark.parametrize("Z", [1, 2, 5])
def test_every_figure_with_class_names(only_dejavu, tmp_path, Z):
    mu, labels, names = np.random.default_rng(0).normal(size=(20, Z)), np.arange(20) % 2, ["🐱", DOG]
    x = np.zeros((2, 2, 1, 8, 8))
    pixels(latent_space(mu, labels, names), tmp_path / "a.png")
    pixels(latent_spaces({"one": mu}, labels, names), tmp_path / "b.png")
    pixels(classes_and_styles(x, names), tmp_path / "c.png")
    pixels(style_transfer(x[0], x, np.array([0, 1]), names), tmp_path / "d.png")


def test_any_other_text_has_question_marks_in_place_of_boxes(only_dejavu, tmp_path):
    with book_style():
        figure = Figure()
        title = figure.text(0.5, 0.5, f"a {CAT}\nb")
        formula = figure.text(0.5, 0.2, r"$\hat{x}$")
    pixels(figure, tmp_path / "x.png")
    assert title.get_text() == "a ???\nb"
    assert formula.get_text() == r"$\hat{x}$"


def test_letters_of_the_course_can_be_drawn():
    assert can_draw("μ σ̂ − × ‖ · Σ é ñ 1 … ↑\n\t")
