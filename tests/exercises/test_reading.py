"""`vae-ladder read`: pages in the terminal and as HTML have everything that the Markdown has, and no LaTeX."""

import io
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from rich.cells import cell_len

from exercises import options
from exercises.commands import run_command
from exercises.kit.catalogue import catalogue, find
from exercises.reading import file_name, html_page, page_to_read, show_page
from foundation.console import make_console
from foundation.errors import InputError
from foundation.language import set_language
from tests.support.documents import FORMULA, INLINE
from tools.site.check import read

ENGLISH = [
    *(entry.english_page for entry in catalogue()),
    *(page_to_read(["chapter", number]) for number in "123"),
    page_to_read([]),
]
PAGES = [*ENGLISH, *(path for page in ENGLISH if (path := page.with_suffix(".ko.md")).is_file())]
every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.parent.name}/{page.name}")


@pytest.fixture(autouse=True)
def english():
    yield
    set_language("en")


def formulas_of(text):
    prose = re.sub(r"```.*?```|`[^`]*`", "", text, flags=re.DOTALL)
    return FORMULA.findall(text), INLINE.findall(prose)


def printed(page):
    console = make_console()
    console.file = io.StringIO()
    show_page(console, page)
    return console.file.getvalue()


@every_page
def test_html_sets_every_formula_and_loads_nothing(page, tmp_path):
    text = page.read_text(encoding="utf-8")
    path = tmp_path / file_name(page)
    path.write_text(html_page(page), encoding="utf-8")
    html = path.read_text(encoding="utf-8")
    blocks, inline = formulas_of(text)
    assert html.count("<math ") == len(blocks) + len(inline)
    assert html.count('display="block"') == len(blocks)
    assert html.count("<img ") == text.count("![")
    found = read(path)
    assert all(address.startswith("data:image/") for address in found.loaded)
    for address in found.links:
        parts = urlsplit(address)
        assert parts.scheme in ("file", "https", ""), address
        assert parts.scheme != "file" or Path(unquote(parts.path)).exists(), address
    assert "한국어</a>" not in html
    assert "English</a>" not in html


@every_page
def test_the_terminal_shows_every_heading_and_no_latex(page):
    text, shown = page.read_text(encoding="utf-8"), printed(page)
    flat = re.sub(r"\s", "", shown)
    for heading in re.findall(r"^#+ (.*)$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.MULTILINE):
        if "$" not in heading:
            assert re.sub(r"[\s`]", "", heading) in flat
    assert not re.search(r"\\(?:frac|mathrm|sigma|sum|log|text)\b", shown)
    assert "<!--" not in shown
    assert max(map(cell_len, shown.splitlines())) <= 100


def test_a_page_is_found_by_number_name_and_chapter():
    kl = find("04").english_page
    assert [page_to_read([word]) for word in ("4", "04", "kl", "04_kl", "04_kl.md")] == [kl] * 5
    names = [page_to_read(words).parent.name for words in (["chapter", "1"], ["chapter2"], ["chapter 3"], [])]
    assert names == ["numpy_impl", "pytorch_lowlevel", "paper", "exercises"]
    set_language("ko")
    assert page_to_read(["04"]).name == "04_kl.ko.md"
    assert page_to_read(["chapter", "1"]).name == "README.ko.md"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("chapter", "4"), "expected chapter 1, 2 or 3, got 'chapter 4'"),
        (("chapter",), "expected chapter 1, 2 or 3, got 'chapter'"),
        (("40",), "expected an exercise or chapter 1 to 3, got '40'"),
        (("04", "kl"), "got '04 kl'"),
        (("reparametrization",), "got 'reparametrization'; did you mean reparameterization?"),
    ],
)
def test_other_pages_are_one_line(words, said):
    with pytest.raises(InputError, match=re.escape(said)):
        page_to_read(words)


def test_read_writes_where_it_is_told(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run_command(options.Read(page=("04",))) == 0
    assert "How far is q from the prior?" in capsys.readouterr().out
    assert not list(tmp_path.iterdir())
    assert run_command(options.Read(page=("04",), html=True)) == 0
    assert run_command(options.Read(page=("chapter", "1"), html=True, out=Path("one.html"))) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["04_kl.html", "one.html"]
    assert "04_kl.html" in capsys.readouterr().out
    with pytest.raises(InputError, match="expected --html beside it"):
        run_command(options.Read(page=("04",), out=Path("a.html")))


def test_formulas_side_by_side_stand_one_under_the_other_where_room_is_short(monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("LINES", "40")
    console = make_console()
    console.width, console.file = 60, io.StringIO()
    show_page(console, find("04").english_page)
    lines = [line.strip() for line in console.file.getvalue().splitlines()]
    assert "σⱼ² = exp(logvarⱼ)" in lines
