"""The site: its sources are whole, it builds without a warning, and it is fit to be read on a phone and a desk."""

import functools
import http.server
import json
import re
import threading

import pytest
from docutils.utils.math import MathError

from foundation.errors import InputError
from foundation.formulas import mathml
from tests.support.browser import start_browser
from tests.support.documents import FORMULA, INLINE
from tools import CHECKOUT, REPOSITORY
from tools.links import pages

pytest.importorskip("sphinx", reason="the site is built by the extra `site`")

from tools.site.__main__ import build, stage
from tools.site.api import api_pages, as_rst, packages, source_of
from tools.site.check import problems_of_site
from tools.site.korean import SCRIPT, stem
from tools.site.pages import LANGUAGES, Staging, name_of, site_pages

# The sources


@pytest.fixture(scope="module", params=LANGUAGES)
def staged(request, tmp_path_factory):
    """The sources of the site in one language."""
    folder = tmp_path_factory.mktemp(request.param)
    stage(request.param, folder, with_explorer=True)
    return folder


def test_every_page_of_the_tree_is_on_the_site(staged):
    names = {page.name for page in site_pages()}
    assert {"index", "start", "paper/index", "paper/tour", "exercises/04_kl", "exercises/class/index"} <= names
    for name in names | {"glossary", "explorer", "api/index", "api/foundation"}:
        assert (staged / f"{name}.md").is_file() or (staged / f"{name}.ipynb").is_file()


def test_every_page_stands_in_the_contents_once(staged):
    text = "\n".join(path.read_text(encoding="utf-8") for path in staged.rglob("*.md"))
    contents = "".join(re.findall(r"```\{toctree\}\n(.*?)```", text, re.DOTALL))
    listed = re.findall(r"^(?:/|.* </)(.+?)>?$", contents, re.MULTILINE)
    files = [*staged.rglob("*.md"), *staged.rglob("*.ipynb")]
    found = {path.relative_to(staged).as_posix().removesuffix(path.suffix) for path in files}
    assert sorted(listed) == sorted(found - {"index"})


def test_a_page_without_a_korean_one_says_so_and_leads_to_the_english(tmp_path):
    stage("ko", tmp_path, with_explorer=False)
    text = (tmp_path / "api" / "index.md").read_text(encoding="utf-8")
    assert "한국어판은 아직 없다" in text
    assert 'href="../../api/index.html"' in text


@pytest.mark.parametrize(
    ("text", "staged_text"),
    [
        ("[a](../paper/README.md#models)", "[a](paper/index.md#models)"),
        ("[a](../README.md)", "[a](start.md)"),
        ("[a](../paper/tour.ipynb)", "[a](paper/tour.ipynb)"),
        ("[`loss`](../numpy_impl/vae_numpy.py#L3)", f"[`loss`]({REPOSITORY}/blob/main/numpy_impl/vae_numpy.py#L3)"),
        ("[a](../paper/results)", f"[a]({REPOSITORY}/tree/main/paper/results)"),
        ("![a](../ladder/pictures/ladder.png)", "![a](pictures/ladder/pictures/ladder.png)"),
        ("[a](https://example.org)", "[a](https://example.org)"),
        ("[![Open](https://e.org/a.svg)](https://e.org/b)", "[Open](https://e.org/b)"),
        ("# T\n\n[한국어](index.ko.md)\n\nA", "# T\n\nA"),
    ],
)
def test_links_become_those_of_the_site(text, staged_text, tmp_path):
    assert Staging(tmp_path, "en")._markdown(text, CHECKOUT / "website" / "index.md") == staged_text


def test_a_link_that_leads_nowhere_stops_the_build(tmp_path):
    with pytest.raises(InputError, match=r"website/index.md: \[a\]\(gone.md\) leads nowhere"):
        Staging(tmp_path, "en")._markdown("[a](gone.md)", CHECKOUT / "website" / "index.md")


def test_names_of_pages():
    found = [
        name_of(CHECKOUT / name) for name in ("README.md", "paper/README.md", "website/results.md", "CHANGELOG.md")
    ]
    assert found == ["start", "paper/index", "results", "CHANGELOG"]


# Formulas


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.relative_to(CHECKOUT).as_posix())
def test_every_formula_becomes_mathml(page):
    text = page.read_text(encoding="utf-8")
    for formula in FORMULA.findall(text):
        assert mathml(formula, block=True).startswith("<math")
    for formula in INLINE.findall(re.sub(r"```.*?```|`[^`]*`", "", text, flags=re.DOTALL)):
        assert mathml(formula, block=False).startswith("<math")


@pytest.mark.parametrize("latex", [r"\unknown", r"\begin{nothing} x \end{nothing}"])
def test_a_formula_that_cannot_be_converted_is_refused(latex):
    with pytest.raises(MathError):
        mathml(latex, block=True)


def test_large_brackets_and_stacked_limits_are_kept():
    assert "⟺" in mathml(r"a \iff b", block=False)
    assert mathml(r"\big[ x \Big]", block=True).count("minsize") == 2
    assert "<mtable" in mathml(r"\sum_{\substack{i \\ j}} x", block=True)


# Search


@pytest.mark.parametrize(
    ("word", "found_as"),
    [
        ("변수를", "변수"),
        ("변수", "변수"),
        ("잠재", "잠재"),
        ("VAE의", "vae"),
        ("x에서", "x"),
        ("정도", "정도"),
        ("KL", "kl"),
    ],
)
def test_korean_words_are_found_without_their_particle(word, found_as):
    assert stem(word) == found_as


def test_the_browser_finds_what_was_indexed():
    racer = pytest.importorskip("py_mini_racer")
    text = " ".join(path.read_text(encoding="utf-8") for path in pages() if path.name.endswith(".ko.md"))
    words = sorted(set(re.findall(r"\w+", text)))
    browser = racer.MiniRacer()
    browser.eval(SCRIPT)
    stems = browser.eval(f"JSON.stringify({json.dumps(words)}.map(word => new Stemmer().stemWord(word)))")
    assert json.loads(stems) == [stem(word) for word in words]


# The reference


def test_the_reference_has_every_package_and_leads_to_its_lines():
    assert {"api/index", "api/foundation", "api/paper.models", "api/numpy_impl"} <= api_pages().keys()
    assert "numpy_impl.functional" in packages()["numpy_impl"]
    address = source_of("py", {"module": "foundation.objective", "fullname": "Objective.beta"})
    path, line = re.fullmatch(rf"{re.escape(REPOSITORY)}/blob/main/(.*)#L(\d+)", address).groups()
    assert (CHECKOUT / path).read_text(encoding="utf-8").splitlines()[int(line) - 1] == "    beta: float = 1.0"


@pytest.mark.parametrize(
    ("docstring", "rst"),
    [
        ("|KL - C| of p(x|z) * 2", r"\|KL - C\| of p(x\|z) \* 2"),
        ("`kl` of `x`", ":py:obj:`~m.kl`\\  of ``x``\\ "),
        ("one `a\nb`", "one ``a b``\\ "),
        ("a\n  b  c", "a\n\n::\n\n  b  c\n"),
        ("Args:\n    x: A * b\n        and `c`\n    y: d", ":param x: A \\* b\n    and ``c``\\ \n:param y: d"),
        ("Raises:\n    ValueError: e", ":raises ValueError: e"),
        ("Returns:\n    Both: e", ":returns: Both: e"),
        ("p(x|z): Bernoulli", r"p(x\|z): Bernoulli"),
        ("- a\n  b", "- a\n  b"),
    ],
)
def test_docstrings_are_read_as_they_are_written(docstring, rst):
    assert "\n".join(as_rst(docstring.split("\n"), {"kl"}, "m")) == rst


# The check of the built site


@pytest.mark.parametrize(
    ("html", "problem"),
    [
        ('<a href="b.html#there">b</a>', ""),
        ('<a href="b.html#gone">b</a>', "has no such anchor"),
        ('<a href="gone.html">b</a>', "leads nowhere"),
        ('<a href="../outside.html">b</a>', "leads nowhere"),
        ('<img src="gone.png">', "leads nowhere"),
        ('<img src="https://example.org/a.png">', "from elsewhere"),
        ('<script src="//example.org/a.js"></script>', "from elsewhere"),
        ('<a href="https://example.org/">web</a>', ""),
    ],
)
def test_broken_links_of_the_built_site_are_seen(html, problem, tmp_path):
    (tmp_path / "a.html").write_text(html, encoding="utf-8")
    (tmp_path / "b.html").write_text('<p id="there">b</p>', encoding="utf-8")
    found = problems_of_site(tmp_path)
    assert bool(found) == bool(problem)
    assert problem in "".join(found)


# The whole site, in a browser


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The built site."""
    folder = tmp_path_factory.mktemp("site")
    problems = build(folder / "site", folder / "sources")
    assert not problems, "\n".join(problems)
    return folder / "site"


@pytest.fixture(scope="module")
def address(site):
    """The address at which the site is served."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(site))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def browser():
    with start_browser() as started:
        yield started


@pytest.fixture
def visit(browser, address):
    """Open a page of the site at a width; returns the page and what it said or requested from elsewhere."""
    contexts = []

    def open_page(name, width=1280, dark=False):
        contexts.append(
            browser.new_context(
                viewport={"width": width, "height": 800},
                color_scheme="dark" if dark else "light",
                has_touch=width < 500,
            )
        )
        page, said = contexts[-1].new_page(), []
        page.on("console", lambda message: said.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: said.append(f"error: {error}"))
        page.on("requestfailed", lambda request: said.append(f"failed: {request.url}"))
        page.on("request", lambda request: None if request.url.startswith(address) else said.append(request.url))
        page.goto(f"{address}/{name}", wait_until="networkidle")
        return page, said

    yield open_page
    for context in contexts:
        context.close()


PAGES = (
    "index.html",
    "start.html",
    "numpy_impl/index.html",
    "paper/index.html",
    "paper/tour.html",
    "exercises/10_conv_backward.html",
    "exercises/class/index.html",
    "results.html",
    "glossary.html",
    "promises.html",
    "api/numpy_impl.html",
    "explorer.html",
    "ko/index.html",
    "ko/numpy_impl/index.html",
    "ko/paper/index.html",
    "ko/api/index.html",
    "ko/results.html",
)


@pytest.mark.slow
@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_the_screen_and_loads_nothing_from_elsewhere(name, width, visit):
    page, said = visit(name, width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("article h1").count() == 1
    assert said == []


@pytest.mark.slow
@pytest.mark.parametrize("width", [360, 1280])
def test_the_switch_of_languages_stays_on_the_page(width, visit):
    page, said = visit("numpy_impl/index.html", width)
    switch = f"{'article' if width < 1000 else '.sidebar-drawer'} .language-switch a"
    page.locator(switch).click()
    assert page.url.endswith("/ko/numpy_impl/index.html")
    assert page.locator("html").get_attribute("lang") == "ko"
    page.locator(switch).click()
    assert page.url.endswith("/numpy_impl/index.html")
    assert "/ko/" not in page.url
    assert said == []


@pytest.mark.slow
def test_a_page_without_a_korean_one_leads_back_to_the_english(visit):
    page, said = visit("ko/api/index.html")
    page.locator("a.other-language").click()
    assert page.url.endswith("/api/index.html")
    assert "/ko/" not in page.url
    assert said == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("start", "query", "found"),
    [
        ("index.html", "reparameterization", "numpy_impl/index.html"),
        ("index.html", "conv_transpose2d", "api/numpy_impl.html"),
        ("ko/index.html", "사후 분포", "ko/numpy_impl/index.html"),
        ("ko/index.html", "잠재 변수를", "ko/glossary.html"),
    ],
)
def test_search_finds_a_page(start, query, found, visit):
    page, said = visit(start)
    page.locator("input.sidebar-search").fill(query)
    page.locator("input.sidebar-search").press("Enter")
    page.wait_for_selector("ul.search li a")
    page.wait_for_load_state("networkidle")
    addresses = page.locator("ul.search li a").evaluate_all("links => links.map(link => link.href)")
    assert any(f"/{found}" in address for address in addresses), addresses
    assert said == []


@pytest.mark.slow
def test_formulas_are_set_without_a_script(visit):
    page, _ = visit("ko/numpy_impl/index.html")
    assert page.locator("math").count() > 30
    heights = page.locator(".formula math").evaluate_all("all => all.map(math => math.getBoundingClientRect().height)")
    assert min(heights) > 10


@pytest.mark.slow
def test_dark_mode_follows_the_system_and_the_button(visit):
    colour = "getComputedStyle(document.body).backgroundColor"
    (light, _), (dark, _) = visit("index.html"), visit("index.html", dark=True)
    assert light.evaluate(colour) != dark.evaluate(colour)
    light.locator(".theme-toggle-content .theme-toggle").click()
    assert light.evaluate("document.body.dataset.theme") in ("light", "dark")


@pytest.mark.slow
def test_planted_faults_of_a_page_are_seen(site, visit):
    wide = '<div style="width: 3000px">wide</div><script>console.log("said")</script>'
    text = (site / "glossary.html").read_text(encoding="utf-8").replace("</body>", f"{wide}</body>")
    (site / "planted.html").write_text(text, encoding="utf-8")
    page, said = visit("planted.html", 360)
    assert page.evaluate("document.documentElement.scrollWidth") > 360
    assert said == ["console: said"]
