"""The pages keep their promises: links, commands, examples, quoted code, generated tables; and each check can fail."""

import itertools
import re
from pathlib import Path

import numpy as np
import pytest

from foundation.architecture import Architecture
from foundation.data import load
from foundation.errors import InputError
from foundation.files import write_json
from foundation.objective import Objective
from ladder.cli import main
from numpy_impl import vae_numpy as vae
from tests.support.documents import (
    RUN,
    RUN_SLOWLY,
    commands,
    problem_of_command,
    problems_of_formulas,
    problems_of_python,
    reason_not_run,
)
from tests.support.pictures import write_pictures
from tools import CHECKOUT, tables, translations
from tools.links import anchors_of, links_of, outdated, pages, problem_of, renumber

PAGES = pages()
TEXTS = {page: page.read_text(encoding="utf-8") for page in PAGES}
COMMANDS = sorted({command for text in TEXTS.values() for command in commands(text)})

MNIST = CHECKOUT.parent / "shared" / "data"

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(CHECKOUT).as_posix())


def of(*names):
    """The commands `vae-ladder NAME ...` that some page shows, and that can be run."""
    shown = [command for command in COMMANDS if command.startswith("vae-ladder ") and not reason_not_run(command)]
    return [command for command in shown if command.split()[1] in names]


# The project's own pages


def test_the_pages_are_found():
    found = {page.relative_to(CHECKOUT).as_posix() for page in PAGES}
    chapters = {f"{folder}/README.md" for folder in ("numpy_impl", "pytorch_lowlevel", "paper")}
    assert {"README.md", *chapters, "exercises/04_kl.md"} <= found
    assert not any(name.startswith(".") for name in found)


@pytest.mark.parametrize("name", ["README.md", "README.ko.md"])
def test_the_first_page_is_short_and_begins_with_a_picture_two_commands_and_one_number(name):
    text = TEXTS[CHECKOUT / name]
    assert len(text.splitlines()) < 200
    screen = text.partition("\n## ")[0]
    assert len(screen.splitlines()) < 40
    assert len(re.findall(r"^!\[|^<img ", screen, re.MULTILINE)) >= 1
    assert [command.split()[0] for command in commands(screen)] == ["make", "vae-ladder"]
    assert re.findall(r"\*\*(10\S+?)\*\*", screen) == ["10⁻¹⁴"]


@every_page
def test_links_lead_somewhere(page):
    problems = [problem for link in links_of(page) if (problem := problem_of(link))]
    assert not problems, "\n".join(problems)


@pytest.mark.slow
@every_page
def test_line_numbers_of_links_are_those_of_the_definitions(page):
    assert not [f"{link.match[0]}: now on line {line}" for link, line in outdated(page)], "run python -m tools.links"


@every_page
def test_pictures_are_described_in_words(page):
    assert not re.search(r"!\[\s*\]\(|<img(?![^>]*\balt=\"[^\"])", TEXTS[page])


@every_page
def test_formulas_are_such_as_github_shows(page):
    assert not problems_of_formulas(TEXTS[page])


@every_page
def test_quoted_code_stands_in_its_file_and_examples_print_what_they_say(page, tmp_path, monkeypatch):
    if "import torch" in TEXTS[page]:
        pytest.importorskip("torch")
    monkeypatch.chdir(tmp_path)
    problems = problems_of_python(page)
    assert not problems, "\n".join(problems)


@every_page
def test_tables_are_those_that_the_project_makes(page):
    assert tables.render(TEXTS[page], tables.language_of(page)) == TEXTS[page], "run python -m tools.tables"


def test_every_table_is_shown_somewhere():
    shown = {place["name"] for text in TEXTS.values() for place in tables.PLACE.finditer(text)}
    assert shown == tables.TABLES.keys()


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_are_such_as_the_command_line_takes(command):
    assert not problem_of_command(command)


@pytest.mark.parametrize("command", of(*RUN))
def test_quick_commands_run(command, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    main(["start"])
    name, *arguments = command.split()[1:]
    assert main([name, *arguments, *RUN[name]]) in (0, 1), capsys.readouterr().err  # 1: the exercise is not solved yet


@pytest.mark.slow
@pytest.mark.parametrize("command", of(*RUN_SLOWLY))
def test_longer_commands_run(command, tmp_path, monkeypatch, capsys):
    pytest.importorskip("torch")
    monkeypatch.chdir(tmp_path)
    name, *arguments = command.split()[1:]
    prepare(name, arguments)
    for place, word in enumerate(arguments[:-1]):
        if word == "--data-root":
            if not MNIST.is_dir():
                pytest.skip("needs MNIST")
            arguments[place + 1] = str(MNIST)
    assert main([name, *arguments, *RUN_SLOWLY[name]]) == 0, capsys.readouterr().err


def prepare(name, arguments):
    """Make what a command needs to find: a trained run, images of one's own, or learners' folders."""
    if "my_pictures" in arguments:
        write_pictures(Path("my_pictures"))
    if name == "figures":
        main(["train", "numpy_impl", "--epochs", "1"])
    if name == "evaluate":
        main(["train", "vae", "--epochs", "1"])
    if name == "grade":
        for folder in itertools.takewhile(lambda word: not word.startswith("-"), arguments):
            main(["start", "--to", f"{folder}/anna"])


# What the checks must catch

CODE = """LIMIT = 3


class Adam:
    # An optimiser.

    def step(self):
        self.t += 1
        return self.t
"""


@pytest.fixture
def page(tmp_path):
    """Write a page beside a file of code, and get its path."""
    (tmp_path / "code.py").write_text(CODE, encoding="utf-8")

    def write(text):
        path = tmp_path / "page.md"
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[a](code.py)", ""),
        ("[a](gone.py)", "leads nowhere"),
        ("![a](gone.png)", "leads nowhere"),
        ('<img src="gone.png" width="3">', "leads nowhere"),
        ('<img width="3" src="code.py">', ""),
        ("[`LIMIT`](code.py#L1)", ""),
        ("[`LIMIT`](code.py#L2)", ""),
        ("[`Adam.step`](code.py#L7)", ""),
        ("[`Adam.step`](code.py#L4)", ""),
        ("[`Adam.leap`](code.py#L4)", "does not define Adam.leap"),
        ("[two lines](code.py#L8-L9)", ""),
        ("[two lines](code.py#L9-L10)", "has no such line"),
        ("[a line](code.py#L0)", "has no such line"),
        ("# Some `code`, and more\n[up](#some-code-and-more)", ""),
        ("# Up\n[up](#down)", "has no such heading"),
        ("# Up\n# Up\n[second](page.md#up-1)", ""),
        ("# Up\n[second](page.md#up-1)", "has no such heading"),
        ("# 시작하기\n[시작](#시작하기)", ""),
        ("```\n[a](gone.py)\n```\n\n$$\n[a](gone.py)\n$$\n", ""),
        ("[web](https://example.org/gone.py#L3) [mail](mailto:a@example.org)", ""),
    ],
)
def test_links_that_lead_nowhere_are_seen(page, text, problem):
    problems = [found for link in links_of(page(text)) if (found := problem_of(link))]
    assert len(problems) == bool(problem)
    assert problem in "".join(problems)


def test_renumbering_moves_names_and_leaves_plain_lines_alone(page):
    path = page("[`Adam.step`](code.py#L1) and [a line](code.py#L2)\n")
    assert [(link.text, line) for link, line in outdated(path)] == [("Adam.step", 7)]
    assert renumber(path) == 1
    assert outdated(path) == []
    assert path.read_text(encoding="utf-8") == "[`Adam.step`](code.py#L7) and [a line](code.py#L2)\n"


def test_anchors_are_githubs(page):
    path = page("# β and the KL\n\n## `encode(x)`: a *first* look!\n\n```\n# no heading\n```\n\n## A\n\n## A\n\n## A\n")
    assert anchors_of(path) == ["β-and-the-kl", "encodex-a-first-look", "a", "a-1", "a-2"]


def test_commands_are_found_without_what_stands_beside_them():
    text = "```\nvae-ladder start          copies\nmake test  # all\n\npip install \\\n-e .\n```\n\n```\n1  Data\n```\n"
    assert commands(text) == ["vae-ladder start", "make test", "pip install -e ."]
    assert commands("```python\nmake = 3\n```\n") == []


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        ("vae-ladder parity --latent-dim 3", ""),
        ("vae-ladder parity --latent-dims 3", "latent-dims"),
        ("vae-ladder parity --latent-dim three", "expected an integer"),
        ("vae-ladder parrot", "no command parrot"),
        ("make climb", ""),
        ("make PYTHON=python3.12 climb", ""),
        ("make clime", "no clime"),
        ("python -m tools.links", ""),
        ("python -m exercises.kit.lynx", "no exercises.kit.lynx"),
        ("python -m pytest tests/test_nothing.py", "no tests/test_nothing.py"),
        ('pip install -e ".[torch,test]"', ""),
        ('pip install -e ".[torch,tests]"', "no extra tests"),
        ("rm -rf runs", "say in tests/support/documents.py"),
    ],
)
def test_commands_that_cannot_work_are_seen(command, problem):
    found = problem_of_command(command)
    assert bool(found) == bool(problem)
    assert problem in found


def test_a_reason_for_not_running_holds_for_whole_words():
    assert reason_not_run("vae-ladder watch 04")
    assert reason_not_run("cd vae-ladder")
    assert not reason_not_run("vae-ladder watchdog")
    assert not reason_not_run("cdd vae-ladder")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[`Adam.step`](code.py#L7):\n\n```python\nself.t += 1\nreturn self.t\n```\n", ""),
        ("[`Adam.step`](code.py#L9):\n\n```python\nself.t += 1\nreturn self.t\n```\n", ""),
        ("[`Adam.step`](code.py#L7):\n\n```python\nself.t += 2\nreturn self.t\n```\n", "does not contain"),
        ("[`Adam.step`](code.py#L7):\n\n```python\nLIMIT = 3\n```\n", "does not contain"),
        ("```python\nx = 2\n```\n\n```python\n>>> x + 1\n3\n```\n", ""),
        ("```python\n>>> 1 + 1\n3\n```\n", "Expected"),
        ("```python\n>>> 1 / 0\n3\n```\n", "ZeroDivisionError"),
    ],
)
def test_wrong_quotations_and_examples_are_seen(page, text, problem):
    problems = problems_of_python(page(text))
    assert len(problems) == bool(problem)
    assert problem in "".join(problems)


def test_an_example_that_stops_is_seen(page):
    with pytest.raises(NameError):
        problems_of_python(page("```python\nunknown()\n```\n"))


@pytest.mark.parametrize(
    ("formula", "problem"),
    [
        ("a\n\n```math\nx_{i}\\, y\n```\n\nb", ""),
        ("a\n\n```math\n\\operatorname{KL}\n```\n\nb", "operatorname"),
        ("a\n\n```math\n\\frac{1}{2\n```\n\nb", "without a partner"),
        ("a\n\n$$\nx_i\n$$\n\nb", "a block ```math"),
        ("of $x_i$ and $\\mu_i$", ""),
        ("of $x\\, y$", "backslash"),
        ("```\n$$x\\, y$$\n```\n", ""),
    ],
)
def test_formulas_that_github_would_not_show_are_seen(formula, problem):
    problems = problems_of_formulas(formula)
    assert bool(problems) == bool(problem)
    assert problem in "".join(problems)


# Tables


def test_a_table_is_written_between_its_comments():
    squares = {"squares": lambda say: tables.markdown_table(("x", "x²"), [("2", "4"), ("3", "9")], numbers=1)}
    text = "before\n\n<!-- table: squares -->\n\n| old | numbers |\n\n<!-- end -->\n\nafter\n"
    fresh = tables.render(text, tables.english, squares)
    assert "<!-- table: squares -->\n\n| x | x² |\n| --- | ---: |\n| 2 | 4 |\n| 3 | 9 |\n\n<!-- end -->" in fresh
    assert (fresh[:8], fresh[-8:]) == ("before\n\n", "\n\nafter\n")
    assert tables.render(fresh, tables.english, squares) == fresh


@pytest.mark.parametrize("name", ["README.md", "README.ko.md"])
def test_a_changed_number_is_seen(name):
    path = CHECKOUT / "numpy_impl" / name
    number = re.search(r"[\d,]{7,}", tables.parameters_table(tables.english))[0]
    assert number in TEXTS[path]
    assert tables.render(TEXTS[path].replace(number, "1,234,567"), tables.language_of(path)) == TEXTS[path]


@pytest.mark.parametrize(
    "text",
    [
        "<!-- table: nobody -->\n<!-- end -->\n",
        "<!-- table: parameters -->\n",
        "<!-- end -->\n",
        "<!-- table: parameters -->\n<!-- table: parameters -->\n<!-- end -->\n",
    ],
)
def test_a_place_without_a_table_is_refused(text):
    with pytest.raises(InputError, match="table"):
        tables.render(text, tables.english)


def test_a_row_with_too_few_cells_is_refused():
    with pytest.raises(ValueError, match="expected 2 cells"):
        tables.markdown_table(("a", "b"), [("1",)])


def test_refreshing_writes_only_what_changed(page):
    path = page("<!-- table: parameters -->\n<!-- end -->\n")
    assert tables.refresh(path)
    assert "`encoder.conv1`" in path.read_text(encoding="utf-8")
    assert not tables.refresh(path)


def test_a_result_that_nobody_recorded_is_an_error(monkeypatch, tmp_path):
    monkeypatch.setattr(tables, "RESULTS", tmp_path)
    for table in ("numbers", "likelihood of MNIST", "experiment beta"):
        with pytest.raises(FileNotFoundError):
            tables.TABLES[table](tables.english)


@pytest.mark.parametrize("say", [tables.english, translations.say])
def test_a_row_appears_once_its_command_has_written_the_record(say, monkeypatch, tmp_path):
    before = tables.numbers_table(say)
    for path in tables.RESULTS.glob("*.json"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    for name, command in tables.UNRECORDED.items():
        assert f"{name}.json" in command
        found = tables.recorded("mlp-20") | {"command": command}
        write_json(tmp_path / f"{name}.json", found)
    monkeypatch.setattr(tables, "RESULTS", tmp_path)
    after = tables.numbers_table(say)
    assert after.count("\n| ") == before.count("\n| ") + len(tables.UNRECORDED)
    assert "--batch-size 128 --data mnist --data-root data --data.validation 0\n" in after


def test_older_records_say_that_the_first_images_were_taken():
    assert "; the first 1,000 of 10,000 test images; " in tables.experiment_table("completion", tables.english)
    both = tables.experiment_table("denoise-and-detect", tables.english)
    assert "dB; the first 1,000 of 10,000 test images*" in both
    assert "curve; all 10,000 test images; " in both


@pytest.fixture
def record(monkeypatch, tmp_path):
    """Record an experiment of two columns, the second with a head and a word of your own."""
    monkeypatch.setattr(tables, "RESULTS", tmp_path)

    def write(head="p(x|z)", word="none", answer="K = 5 draws for each of 20 of 500 test images."):
        found = {
            "experiment": "beta",
            "command": "vae-ladder experiment beta",
            "seed": 7,
            "settings": {"seeds": 2},
            "data": "shapes",
            "train_images": 6000,
            "test_images": 500,
            "seconds": 90.4,
            "tables": {
                "Test images": [{"key": "beta", "head": "β", "digits": 0}, {"key": "mig", "head": head, "digits": 3}]
            },
            "rows": [{"beta": 4.0, "mig": 0.25, "mig_sd": 0.125}, {"beta": 9.0, "mig": word}],
            "answers": [answer, "1 > 0."],
        }
        write_json(tmp_path / "experiments" / "beta.json", found)

    return write


def test_an_experiments_table_says_what_its_file_says(record):
    record()
    assert tables.experiment_table("beta", tables.english) == (
        "*Test images; all 500 test images; ±: standard deviation over the seeds*\n\n"
        "| β | p(x\\|z) |\n| --- | ---: |\n| 4 | 0.250 ± 0.125 |\n| 9 | none |\n\n"
        "K = 5 draws for each of 20 of 500 test images. 1 > 0. Each model was trained with 2 seeds: a difference that "
        "their ± covers may be chance.\n\n"
        "`vae-ladder experiment beta`, seed 7: 6,000 training and 500 test images of shapes, 90 s.\n"
    )


def test_a_korean_page_has_korean_tables_and_answers(record, page, tmp_path):
    record()
    path = page("<!-- table: experiment beta -->\n<!-- end -->\n").rename(tmp_path / "page.ko.md")
    assert tables.refresh(path)
    assert path.read_text(encoding="utf-8") == (
        "<!-- table: experiment beta -->\n\n*테스트 이미지; 테스트 이미지 500장 모두; ±: 시드에 따른 표준편차*\n\n"
        "| β | p(x\\|z) |\n| --- | ---: |\n| 4 | 0.250 ± 0.125 |\n| 9 | 없음 |\n\n"
        "테스트 이미지 500장 가운데 20장에 대해 이미지마다 표본 K = 5개를 뽑았다. 1 > 0. 모델마다 시드 2개로 훈련했다. "
        "± 안에 드는 차이는 우연일 수 있다.\n\n"
        "`vae-ladder experiment beta`, 시드 7: shapes의 훈련 이미지 6,000장과 테스트 이미지 500장, 90초.\n\n"
        "<!-- end -->\n"
    )


@pytest.mark.parametrize(
    ("head", "word", "answer"),
    [("new head", "none", "."), ("KL", "new word", "."), ("Q", "none", "."), ("KL", "none", "new sentence")],
)
def test_words_without_a_translation_are_refused(record, head, word, answer):
    record(head, word, answer)
    assert head in tables.experiment_table("beta", tables.english)
    with pytest.raises(InputError, match=r"expected the Korean of '(new \w+|Q)'"):
        tables.experiment_table("beta", translations.say)


def test_a_command_is_shown_as_a_reader_types_it():
    command = "vae-ladder evaluate runs/2026-01-31_142501_train_vae --record a/b.json --seed 3 --out x"
    assert tables.as_typed(command) == "vae-ladder evaluate RUN --seed 3"
    assert [tables.duration(seconds) for seconds in (12.4, 99.4, 150.0, 7200.0)] == ["12 s", "99 s", "2 min", "2.0 h"]


def test_the_first_reconstruction_lies_in_the_range_that_pages_state():
    """With 12 seeds and Z = 2, 8 and 20, on 128 test images of glyphs, before the first step."""
    x = load("glyphs", "test").images[:128]
    found = []
    for latent_dim, seed in itertools.product((2, 8, 20), range(12)):
        rng = np.random.default_rng(seed)
        parameters = vae.init(Architecture(latent_dim), rng)
        run, _ = vae.forward(parameters, x, rng.standard_normal((len(x), latent_dim), np.float32))
        found.append(vae.loss(run.logits, x, run.mu, run.logvar, Objective()).reconstruction)
    low, high = f"{min(found):.0f}", f"{max(found):.0f}"
    for name in (
        "exercises/18_bug_hunt.md",
        "exercises/18_bug_hunt.ko.md",
        "tools/notebook_sources/numpy_impl/tour.py",
        "exercises/class/structure.typ",
    ):
        text = (CHECKOUT / name).read_text(encoding="utf-8")
        assert low in text, f"{name}: the smallest is {low}"
        assert high in text, f"{name}: the largest is {high}"


@pytest.mark.parametrize(
    ("page", "floor", "row", "ratios"),
    [
        (
            "README.md",
            r"below\s+(\d+) ms on this core, nor below (\d+) ms on two",
            r"\| nothing \| ([\d.]+) \| ([\d.]+) \| batch 128 \|",
            r"the step takes ([\d.]+) times the floor, on two ([\d.]+)\.\s",
        ),
        (
            "README.ko.md",
            r"코어 하나에서 (\d+)ms, 둘에서 (\d+)ms보다",
            r"\| 없음 \| ([\d.]+) \| ([\d.]+) \| 배치 128 \|",
            r"바닥값의 ([\d.]+)배, 둘에서 ([\d.]+)배",
        ),
    ],
)
def test_the_ratios_to_the_floor_follow_from_the_chapters_own_numbers(page, floor, row, ratios):
    text = (CHECKOUT / "numpy_impl" / page).read_text(encoding="utf-8")
    floors, steps, said = (
        [float(number) for number in re.search(found, text).groups()] for found in (floor, row, ratios)
    )
    assert said == [round(step / lowest, 1) for step, lowest in zip(steps, floors, strict=True)]
