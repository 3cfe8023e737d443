"""The notebooks run from top to bottom, keep step with their scripts, and hold nothing of the machine that ran them."""

import io
import json
import re
import tempfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from figures.galleries import reconstructions
from figures.notebook import show, show_images
from foundation.errors import InputError
from tests.support.translations import problems
from tools import CHECKOUT, REPOSITORY
from tools.links import LINK
from tools.site.glossary import problems_of_terms

nbformat = pytest.importorskip("nbformat")
pytest.importorskip("jupytext")
nbclient = pytest.importorskip("nbclient")

from tools import notebooks  # noqa: E402  (needs the three above)

SOURCES = notebooks.sources()
BADGE = re.compile(r"\[!\[.*\n+")
RELATIVE = re.compile(r"\]\((?!https?:)([\w./-]+)\)")
ADDRESS = re.compile(r"github(?:\.com)?/([\w-]+/vae-ladder)\b")
LANGUAGES = ("en", "ko")
LONG = [source for source in SOURCES if source.name == "explore.py" or source.parent.name == "pytorch_lowlevel"]
"""Notebooks that only `make proofs` runs."""
every_notebook = pytest.mark.parametrize("source", SOURCES, ids=lambda s: s.relative_to(notebooks.SOURCES).as_posix())
in_every_language = pytest.mark.parametrize("language", LANGUAGES)


def stored(source, language="en"):
    return nbformat.read(notebooks.notebook_of(source, language), as_version=4)


def outputs(notebook):
    """Every output of every cell of code, in order."""
    return [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]


def kinds(notebook):
    """What each cell shows: text, errors, pictures."""
    return [
        [output.get("name", sorted(output.get("data", {}))) for output in cell.get("outputs", [])]
        for cell in notebook.cells
    ]


def pictures(notebook):
    return [output for output in outputs(notebook) if "image/png" in output.get("data", {})]


# The project's own notebooks


def test_every_notebook_has_a_script():
    made = {notebooks.notebook_of(source, language) for source in SOURCES for language in LANGUAGES}
    assert {path for path in CHECKOUT.glob("*/*.ipynb") if not path.parent.name.startswith(".")} == made
    assert {"numpy_impl", "pytorch_lowlevel", "paper"} <= {path.parent.name for path in made}


@in_every_language
@every_notebook
def test_it_is_in_step_with_its_script(source, language):
    assert notebooks.languages_of(source) == list(LANGUAGES)
    assert notebooks.in_step(source, language), "run make notebooks, or after a change of text its command with --text"


@every_notebook
def test_the_korean_notebook_has_the_code_and_the_outputs_of_the_english_one(source):
    english, korean = stored(source), stored(source, "ko")
    assert notebooks.code(korean) == notebooks.code(english)
    assert outputs(korean) == outputs(english)
    assert [cell.cell_type for cell in korean.cells] == [cell.cell_type for cell in english.cells]


@every_notebook
def test_the_korean_text_keeps_step_with_the_english(source, tmp_path):
    """As the pages do: the same headings, items, links, code, formulas and numbers, in the glossary's terms."""
    english, korean = (as_page(source, language, tmp_path) for language in LANGUAGES)
    assert not (found := problems(english, korean)), "\n".join(found)
    assert not problems_of_terms(korean.read_text(encoding="utf-8"))


def as_page(source, language, folder):
    """The Markdown of a stored notebook as a page in a folder, with full links and a page's switch of languages."""
    home = notebooks.notebook_of(source, language).parent
    cells = [cell.source for cell in stored(source, language).cells if cell.cell_type == "markdown"]
    title, switch, text = BADGE.sub("", "\n\n".join(cells)).split("\n\n", 2)
    text = RELATIVE.sub(lambda link: f"]({(home / link[1]).resolve()})", text)
    page = folder / f"{source.stem}{'.md' if language == 'en' else '.ko.md'}"
    page.write_text("\n\n".join((title, switch.replace(".ipynb", ".md"), text)), encoding="utf-8")
    return page


@in_every_language
@every_notebook
def test_it_begins_with_the_other_language_a_colab_badge_and_the_installation(source, language):
    title, installation, *_ = stored(source, language).cells
    path = notebooks.notebook_of(source, language).relative_to(CHECKOUT).as_posix()
    other = {"en": f"[한국어]({source.stem}.ko.ipynb)", "ko": f"[English]({source.stem}.ipynb)"}[language]
    assert title.source.split("\n\n")[1] == other
    address = REPOSITORY.removeprefix("https://")
    assert title.source.startswith("# ")
    assert f"(https://colab.research.google.com/{address.replace('.com', '')}/blob/main/{path})" in title.source
    assert f"git+{REPOSITORY}" in installation.source
    assert f'find_spec("{source.parent.name}") is None' in installation.source, "installs only what is not there"


@in_every_language
@every_notebook
def test_it_is_kept_with_pictures_and_without_traces_of_a_machine(source, language):
    notebook, path = stored(source, language), notebooks.notebook_of(source, language)
    assert path.stat().st_size < notebooks.LARGEST
    assert len(pictures(notebook)) >= 3
    counts = [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1)), "every cell was run once, from top to bottom"
    assert all(output.output_type != "error" and output.get("name") != "stderr" for output in outputs(notebook))
    for output in pictures(notebook):
        del output.data["image/png"]  # its letters may spell anything
    text = json.dumps(notebook, ensure_ascii=False)
    assert not any(str(place) in text for place in (CHECKOUT, Path.home(), tempfile.gettempdir()))
    assert not re.search(r"/home/|/Users/|[A-Z]:\\|iopub|timestamp", text)
    assert set(notebook.metadata) == {"kernelspec", "language_info"}


@in_every_language
@every_notebook
def test_its_links_lead_somewhere(source, language):
    path = notebooks.notebook_of(source, language)
    text = "\n".join(cell.source for cell in stored(source, language).cells if cell.cell_type == "markdown")
    targets = [link["target"] for link in LINK.finditer(text) if "://" not in link["target"]]
    assert targets
    made = {notebooks.notebook_of(other, language) for other in SOURCES}
    assert all((path.parent / target).exists() or (path.parent / target).resolve() in made for target in targets)


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(source, id=source.parent.name + "/" + source.name, marks=[pytest.mark.slow] * (source in LONG))
        for source in SOURCES
    ],
)
def test_it_runs_and_shows_what_is_kept(source, monkeypatch):
    monkeypatch.setenv("VAE_LADDER_BUILD", "1")  # or `explore` would open this machine's runs
    if re.search(r"^import torch|^from (paper|pytorch_lowlevel)", source.read_text(encoding="utf-8"), re.MULTILINE):
        pytest.importorskip("torch")
    notebook = notebooks.read(source)
    notebooks.run(notebook, notebooks.notebook_of(source).parent)
    assert kinds(notebook) == kinds(stored(source))


# The machinery


def test_pictures_are_shown_pixel_by_pixel(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    show_images(np.linspace(0, 1, 3 * 28 * 28).reshape(3, 1, 28, 28), columns=2)
    show(reconstructions(np.zeros((2, 1, 28, 28)), np.ones((2, 1, 28, 28))))
    images = [np.asarray(Image.open(io.BytesIO(picture.data)).convert("L")) for picture in shown]
    assert images[0].shape == (2 * 56 + 6, 2 * 56 + 6)
    assert (images[0][0, 0], images[0][-1, 55], images[0][0, 57]) == (0, 255, 255)  # black, white, the gap
    assert images[1].shape[1] == 990
    assert [picture.width for picture in shown] == [118, 620]


@pytest.fixture
def house(tmp_path, monkeypatch):
    """An empty project with one script; its path."""
    (tmp_path / "notebooks" / "rung").mkdir(parents=True)
    (tmp_path / "rung").mkdir()
    monkeypatch.setattr(notebooks, "CHECKOUT", tmp_path)
    monkeypatch.setattr(notebooks, "SOURCES", tmp_path / "notebooks")
    source = tmp_path / "notebooks" / "rung" / "tour.py"
    source.write_text("# %% [markdown]\n# # A tour\n\n# %%\nprint(1 + 1)\n", encoding="utf-8")
    return source


def test_building_twice_gives_the_same_bytes(house, capsys):
    notebooks.main([])
    path = notebooks.notebook_of(house)
    first = path.read_bytes()
    notebooks.main(["rung/tour"])
    assert path.read_bytes() == first
    assert outputs(stored(house))[0].text == "2\n"
    assert notebooks.in_step(house)
    house.write_text(house.read_text(encoding="utf-8").replace("1 + 1", "1 + 2"), encoding="utf-8")
    assert not notebooks.in_step(house)
    assert capsys.readouterr().out.count("rung/tour.ipynb") == 2


def korean_text(house, *cells):
    text = "\n".join(f"# %% [markdown]\n# {cell}\n" for cell in cells)
    notebooks.translation_of(house).write_text(text, encoding="utf-8")


def test_a_korean_notebook_is_made_of_the_same_run(house, capsys):
    korean_text(house, "# 둘러보기 @COLAB@")
    notebooks.main([])
    title, cell = stored(house, "ko").cells
    assert title.source.startswith("# 둘러보기 https://colab.research.google.com/")
    assert title.source.endswith("/rung/tour.ko.ipynb")
    assert (cell.source, cell.execution_count, cell.outputs[0].text) == ("print(1 + 1)", 1, "2\n")
    assert notebooks.in_step(house, "ko")
    korean_text(house, "# 다른 말")
    assert not notebooks.in_step(house, "ko")
    assert "rung/tour.ko.ipynb" in capsys.readouterr().out


def test_new_text_runs_nothing_and_new_code_is_refused(house):
    with pytest.raises(FileNotFoundError):
        notebooks.main(["--text"])
    notebooks.build(house)
    script = house.read_text(encoding="utf-8")
    house.write_text(script.replace("A tour", "A walk"), encoding="utf-8")
    korean_text(house, "# 산책")
    stored_before = stored(house)
    notebooks.main(["--text", "rung/tour"])
    assert notebooks.in_step(house)
    assert notebooks.in_step(house, "ko")
    assert outputs(stored(house)) == outputs(stored(house, "ko")) == outputs(stored_before)
    house.write_text(script.replace("1 + 1", "1 + 2"), encoding="utf-8")
    with pytest.raises(InputError, match="expected the code that was run, got other code"):
        notebooks.main(["--text"])


@pytest.mark.parametrize("cells", [(), ("하나", "둘"), ("하나\n# %%\nprint(1)",)])
def test_a_korean_text_with_other_cells_is_refused(house, cells):
    korean_text(house, *cells)
    with pytest.raises(InputError, match=r"tour\.ko\.py: expected 1 Markdown cells and no other"):
        notebooks.read(house, "ko")


def test_addresses_are_filled_in(house):
    house.write_text("# %% [markdown]\n# [on Colab](@COLAB@)\n\n# %%\nfrom_ = '@REPOSITORY@'\n", encoding="utf-8")
    badge, address = notebooks.read(house).cells
    owner_and_name = REPOSITORY.removeprefix("https://github.com/")
    colab = f"https://colab.research.google.com/github/{owner_and_name}/blob/main/rung/tour.ipynb"
    assert badge.source == f"[on Colab]({colab})"
    assert address.source == f"from_ = '{REPOSITORY}'"


def test_the_repositorys_address_is_written_in_one_place():
    """Generated notebooks and the citation, which cannot refer to pyproject.toml, hold the same address."""
    kinds = ("*.py", "*.md", "*.toml", "*.cff", "*.ipynb", "*.typ", "*.template", "*.jinja", "Makefile")
    files = [path for kind in kinds for path in (*CHECKOUT.glob(kind), *CHECKOUT.glob(f"[!.]*/**/{kind}"))]
    files = [path for path in files if path.relative_to(CHECKOUT).parts[0] not in ("build", "tests")]
    found = {path: set(ADDRESS.findall(path.read_text(encoding="utf-8"))) for path in files}
    holders = {path for path, addresses in found.items() if addresses}
    assert all(found[path] == {REPOSITORY.removeprefix("https://github.com/")} for path in holders)
    assert {path.name for path in holders if path.suffix != ".ipynb"} - {"CITATION.cff"} == {"pyproject.toml"}


def test_a_cell_that_fails_is_seen(house):
    house.write_text("# %%\n1 / 0\n", encoding="utf-8")
    with pytest.raises(nbclient.exceptions.CellExecutionError, match="ZeroDivisionError"):
        notebooks.build(house)
    assert not notebooks.notebook_of(house).exists()
    assert not notebooks.in_step(house)


def test_an_unknown_notebook_is_refused(house):
    with pytest.raises(InputError, match="expected one of rung/tour, got 'tour'"):
        notebooks.main(["tour"])
