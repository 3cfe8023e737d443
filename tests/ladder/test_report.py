"""The report: whole, self-contained, readable to every reader, and true to the run's files."""

import itertools
import json
import re
from html.parser import HTMLParser

import pytest
from PIL import Image

from foundation.errors import InputError
from foundation.language import set_language
from foundation.runs import create_run
from ladder.report import PICTURES, power, write_report

RUNGS = ("numpy_impl", "pytorch_lowlevel", "paper")
CONFIG = {
    "command": "climb",
    "data": "glyphs",
    "train_images": 20_000,
    "test_images": 2_000,
    "model": "vae",
    "options": {
        "model": {"latent_dim": 2, "likelihood": "bernoulli"},
        "epochs": 2,
        "batch_size": 128,
        "seed": 7,
    },
    "versions": {"python": "3.12.1", "numpy": "2.1.0", "torch": None},
}
VOID = {"meta", "img", "br", "link", "hr", "input"}


class Page(HTMLParser):
    """A page's elements and visible text; fails on tags that are not closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict]] = []
        self.words, self._open = "", []
        self.feed(text)
        self.close()
        assert not self._open, f"never closed: {self._open}"

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        if self._open[-1:] != ["style"]:
            self.words += data

    def all(self, tag: str) -> list[dict]:
        return [attributes for name, attributes in self.elements if name == tag]


def check(what: str, pair: tuple[str, str], error: float | None = 2e-15, tolerance: float = 1e-10, **more) -> dict:
    ok = error is not None and error <= tolerance
    return {"what": what, "pair": list(pair), "max_relative_error": error, "tolerance": tolerance, "ok": ok} | more


PAIRS = [("numpy_impl", "pytorch_lowlevel"), ("numpy_impl", "paper"), ("pytorch_lowlevel", "paper")]
PARITY = {
    "ok": True,
    "steps": 100,
    "checks": [
        check(what, pair, error, tolerance)
        for pair in PAIRS
        for what, error, tolerance in [
            ("forward pass: mu", 1.4e-15, 1e-10),
            ("forward pass: logits", 3e-15, 1e-10),
            ("gradients: encoder.conv1.weight", 0.0, 1e-10),
            ("parameters after training: encoder.mu.bias", 3.1e-13, 1e-8),
        ]
    ],
}


@pytest.fixture(autouse=True)
def _english_again():
    yield
    set_language("en")


def climb(tmp_path, rungs=RUNGS, parity=PARITY, last=(2, 2, 2), **config):
    """The run folder of a climb; `last` says after which epoch each rung ended."""
    run = create_run(tmp_path, "climb", CONFIG | {"rungs": list(rungs)} | config)
    if parity is not None:
        (run.path / "parity.json").write_text(json.dumps(parity))
    for i, (name, epochs) in enumerate(zip(rungs, last, strict=False)):
        part = run.subrun(name, run.config | {"rung": name})
        for epoch in range(epochs + 1):
            losses = {"loss": 160.5 - epoch, "reconstruction": 155.25 - epoch, "kl": 5.25}
            seconds = epoch * 4.0 * (i + 1)
            part.log(kind="epoch", epoch=epoch, step=epoch, **losses, images_per_second=None, seconds=seconds)
        for kind in PICTURES if epochs else ():
            draw(part, kind)
    draw(run, "learning_curves")
    return run


def draw(run, name: str) -> None:
    path = run.figure_path(name)
    path.parent.mkdir(exist_ok=True)
    Image.new("L", (4, 4)).save(path)


def read(run) -> Page:
    return Page(write_report(run).read_text("utf-8"))


def test_the_page_needs_nothing_but_itself(tmp_path):
    run = climb(tmp_path)
    path = write_report(run)
    assert path == run.path / "report.html"
    text = path.read_text("utf-8")
    page = Page(text)
    assert "http" not in text
    assert "url(" not in text
    assert "@import" not in text
    assert not page.all("script") + page.all("link") + page.all("iframe")
    assert all(image["src"].startswith("data:image/png;base64,") for image in page.all("img"))
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    assert not list(run.path.glob(".*"))


def test_every_rung_shows_every_picture_with_a_text_alternative(tmp_path):
    images = read(climb(tmp_path)).all("img")
    assert len(images) == 3 * len(PICTURES) + 1
    assert all(image["alt"] for image in images)
    for name in RUNGS:
        assert sum(f"by {name}" in image["alt"] for image in images) == len(PICTURES)


def test_the_structure_is_one_for_screen_readers(tmp_path):
    page = read(climb(tmp_path))
    assert page.all("html")[0]["lang"] == "en"
    assert [len(page.all(tag)) for tag in ("h1", "main", "header", "footer")] == [1, 1, 1, 1]
    levels = [int(tag[1]) for tag, _ in page.elements if tag in ("h1", "h2", "h3")]
    assert all(b - a <= 1 for a, b in itertools.pairwise(levels))
    assert all("scope" in attributes for attributes in page.all("th"))


def test_the_numbers_are_those_of_the_run(tmp_path):
    words = read(climb(tmp_path)).words
    assert "One VAE, built three times" in words
    assert "3.1 × 10−13" in words
    assert "every loss and parameter of 100 Adam steps" in words
    assert "12 of 12 comparisons within tolerance" in words
    assert "glyphs, 20,000 images; 2,000 to test" in words
    assert "48 s, all rungs" in words
    for number in ("158.50", "153.25", "5,000", "2,500", "1.00×", "0.50×", "0.33×"):
        assert number in words
    assert "Interrupted" not in words
    assert "numpy 2.1.0" in words
    assert "torch None" not in words


@pytest.mark.parametrize(
    ("rungs", "heading"), [(RUNGS[:1], "One VAE, on one rung"), (RUNGS[1:], "One VAE, built twice")]
)
def test_fewer_rungs_without_parity(tmp_path, rungs, heading):
    page = read(climb(tmp_path, rungs, parity=None))
    assert heading in page.words
    assert "All 12 comparisons" not in page.words
    assert ("158.5 nats" in page.words) == (len(rungs) == 1)
    assert ("cannot say whether the rungs agree" in page.words) == (len(rungs) == 2)


def test_a_single_run_has_a_report_too(tmp_path):
    run = create_run(tmp_path, "train", CONFIG | {"command": "train", "rung": "paper"})
    run.log(kind="epoch", epoch=2, step=2, loss=150.0, reconstruction=145.0, kl=5.0, images_per_second=1.0, seconds=2.0)
    draw(run, "samples")
    page = read(run)
    assert "150.00" in page.words
    assert len(page.all("img")) == 1


def test_an_interrupted_climb_says_what_is_missing(tmp_path):
    words = read(climb(tmp_path, last=(2, 1))).words
    assert "Interrupted. paper did not finish an epoch; pytorch_lowlevel stopped after epoch 1 of 2." in words
    assert "One VAE, built twice" in words


@pytest.mark.parametrize("last", [(), (0,)])
def test_a_climb_stopped_at_once(tmp_path, last):
    page = read(climb(tmp_path, last=last, parity=None))
    assert "numpy_impl did not finish an epoch" in page.words
    assert "Results" not in page.words


def test_a_mismatch_is_not_hidden(tmp_path):
    wrong = check("gradients: encoder.fc.weight", PAIRS[0], 0.25)
    nothing = check("gradients: encoder.fc.bias", PAIRS[1], None, note="NaN or infinity in paper")
    page = read(climb(tmp_path, parity={"ok": False, "checks": [*PARITY["checks"], wrong, nothing]}))
    assert "The rungs differ" in page.words
    assert "First mismatch: gradients: encoder.fc.weight, between numpy_impl and pytorch_lowlevel" in page.words
    assert "12 of 14 comparisons" in page.words
    assert "2.5 × 10−1" in page.words
    assert page.words.count("NaN or infinity in paper") == 2  # as the worst of its group, and in the full list
    assert "3/5 ✗ differs" in page.words
    assert page.words.count("✗ differs") == 3


def test_each_group_names_its_worst_tensor(tmp_path):
    page = read(climb(tmp_path))
    summary = page.words[page.words.index("Compared") : page.words.index("All 12 comparisons")]
    assert summary.count("logits") == 3
    assert "mu" not in summary.replace("encoder.mu.bias", "").replace("numpy_impl", "")
    assert "encoder.conv1.weight" not in summary  # equal to the last bit
    assert len(page.all("table")) == 3


def test_what_comes_from_the_run_is_escaped(tmp_path):
    evil = "<script>alert(1)</script>"
    parity = {"ok": False, "checks": [check(f"{evil}: {evil}", (evil, "paper"), None, note=evil)]}
    options = CONFIG["options"] | {"model": {"latent_dim": 2, "likelihood": evil, "beta": 1.0}}
    run = climb(tmp_path, parity=parity, data=evil, versions={evil: evil}, options=options)
    assert not read(run).all("script")
    assert evil not in (run.path / "report.html").read_text("utf-8")


def test_a_folder_of_images_is_called_by_its_name(tmp_path):
    words = read(climb(tmp_path, data="/somewhere/private/flowers")).words
    assert "flowers, 20,000 images" in words
    assert "private" not in words


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"checks": []}', '{"checks": [{}]}'])
def test_a_parity_file_that_is_none_is_refused(tmp_path, content):
    run = climb(tmp_path)
    (run.path / "parity.json").write_text(content)
    with pytest.raises(InputError, match=r"parity\.json"):
        write_report(run)
    assert not (run.path / "report.html").exists()


@pytest.mark.parametrize(
    ("config", "missing"),
    [
        ({}, "options"),
        ({name: value for name, value in CONFIG.items() if name != "data"}, "data"),
        ({name: value for name, value in CONFIG.items() if name != "train_images"}, "train_images"),
        (CONFIG | {"options": {"model": {}}}, "latent_dim"),
    ],
)
def test_a_run_of_something_else_is_refused(tmp_path, config, missing):
    with pytest.raises(InputError, match=rf"config\.json: a report needs '{missing}'"):
        write_report(create_run(tmp_path, "other", config))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (1e-10, "10<sup>−10</sup>"),
        (3.14e-13, "3.1 × 10<sup>−13</sup>"),
        (0.25, "2.5 × 10<sup>−1</sup>"),
        (9.99e-16, "10<sup>−15</sup>"),
        (2e5, "2.0 × 10<sup>5</sup>"),
    ],
)
def test_powers_of_ten(value, text):
    assert power(value) == text


def test_a_cell_on_a_phone_repeats_its_heading(tmp_path):
    page = read(climb(tmp_path))
    labels = [cell["data-label"] for cell in page.all("td")]
    pairs = ["numpy_impl · pytorch_lowlevel", "numpy_impl · paper", "pytorch_lowlevel · paper"]
    assert labels == [
        *["Test loss", "Reconstruction", "KL", "Images/s", "To the fastest"] * 3,
        *[*pairs, "Tolerance", "Agree"] * 3,
        *["Rungs", "Relative error", "Agree"] * 12,
    ]


def test_the_page_claims_no_more_than_was_measured(tmp_path):
    words = " ".join(read(climb(tmp_path)).words.split())
    assert "strong evidence, not proof" in words
    assert "proves" not in words
    assert "lie on one another" not in words
    assert "smooth latent space buys" not in words


def test_the_explorer_is_a_page_of_its_own_in_the_report(tmp_path):
    """Escaped whole into a frame that may run scripts but not reach the report; the pictures stay below it."""
    inner = '<!DOCTYPE html><script>window.a = "1 < 2 && 3"</script>'
    page = Page(write_report(climb(tmp_path), inner).read_text("utf-8"))
    (frame,) = page.all("iframe")
    assert frame["srcdoc"] == inner
    assert frame["sandbox"] == "allow-scripts"
    assert frame["title"]
    assert not page.all("script")
    assert page.words.index("Explore") < page.words.index("Results") < page.words.index("Pictures")
    assert len(page.all("img")) == 3 * len(PICTURES) + 1


def test_the_report_is_in_the_language_of_messages(tmp_path):
    """The Korean page has the elements and the values of the English one, in the same order, and no English prose."""
    nothing = check("gradients: encoder.fc.bias", PAIRS[1], None)
    run = climb(tmp_path, last=(2, 1), parity={"ok": False, "checks": [*PARITY["checks"], nothing]})
    english = read(run)
    set_language("ko")
    korean = read(run)
    assert korean.all("html") == [{"lang": "ko"}]
    assert [tag for tag, _ in korean.elements] == [tag for tag, _ in english.elements]
    for tag in ("td", "img", "th"):
        assert [set(attributes) for attributes in korean.all(tag)] == [set(a) for a in english.all(tag)]
    values = r"\d[\d,]*\.\d+×?|\d+/\d+|10−\d+|numpy_impl|pytorch_lowlevel|encoder\.[a-z0-9]+\.[a-z]+"
    assert re.findall(values, korean.words) == re.findall(values, english.words)
    assert "처음으로 어긋난 곳: 기울기: encoder.fc.bias (numpy_impl, paper)" in korean.words
    assert "paper: 끝난 에폭이 없음; pytorch_lowlevel: 2에폭 가운데 1에폭까지 훈련하고 멈춤" in korean.words
    assert not re.findall(r"(?:\b[a-z]{2,}\b[ ,]*){4,}", korean.words)
