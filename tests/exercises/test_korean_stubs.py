"""Korean stubs are the English ones in other words, and are treated as they are; and each check can fail."""

import ast
import re
from collections import Counter
from pathlib import Path

import pytest

from exercises import options
from exercises.commands import run_command
from exercises.kit import catalogue as catalogue_module
from exercises.kit.answers import Answers, Progress, reset, start
from exercises.kit.catalogue import catalogue, content_hash, find
from exercises.kit.check import check_answer, load_answer
from exercises.kit.diagnose import diagnose
from exercises.kit.limits import Limits
from foundation.language import set_language
from tests.support.translations import problems_of_numbers
from tools.messages import disagreements
from tools.site.glossary import problems_of_terms

KL = find("04_kl")
SHAPE = re.compile(r"\([A-Z][A-Z0-9]*(?:[,*+ ]+[A-Z0-9]*)*\)")
GREEK = re.compile(r"[Α-Ωα-ω]²?")
QUOTED = re.compile(r'"[^"]+"')

every_exercise = pytest.mark.parametrize("entry", catalogue(), ids=lambda entry: entry.name)


@pytest.fixture(autouse=True)
def _english_again():
    yield
    set_language("en")


def translated(entry) -> Path:
    return entry.folder / "stub.ko.py"


# The words


def code_of(source: str) -> str:
    """The code alone, without docstrings and comments."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        for name in ("body", "orelse"):
            lines = getattr(node, name, None)
            if isinstance(lines, list):
                setattr(node, name, [line for line in lines if not is_docstring(line)])
    return ast.dump(tree)


def is_docstring(node: ast.AST) -> bool:
    """Whether a statement is a docstring: of a module, a function, or under a constant."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def docstrings(source: str) -> list[str]:
    """All docstrings, in the order of the file."""
    found = [node for node in ast.walk(ast.parse(source)) if is_docstring(node)]
    return [node.value.value for node in sorted(found, key=lambda node: node.lineno)]


def comments(source: str) -> list[str]:
    """All comments but those for the linter."""
    return re.findall(r"#(?! noqa) .*", source)


def names(source: str) -> set[str]:
    """The parameters of all functions."""
    return {
        argument.arg
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.arguments)
        for argument in node.args
    }


def problems(english: str, korean: str) -> list[str]:
    """Where a Korean stub differs from the English one in more than its words."""
    if code_of(english) != code_of(korean):
        return ["the code differs"]
    ours, theirs = docstrings(english), docstrings(korean)
    if len(ours) != len(theirs):
        return [f"docstrings: expected {len(ours)}, got {len(theirs)}"]
    return [
        f"{problem}\n  {mine}\n  {yours}"
        for mine, yours in zip(ours, theirs, strict=True)
        for problem in problems_of_docstring(mine, yours, names(english))
    ]


def problems_of_docstring(english: str, korean: str, parameters: set[str]) -> list[str]:
    english, korean = english.replace(".md", ""), korean.replace(".ko.md", "")
    found = [problem for problem in disagreements(english, korean) if not problem.startswith(("numbers", "values"))]
    found += problems_of_numbers(english, korean)
    for what, pattern in (("shapes", SHAPE), ("symbols", GREEK), ("quoted", QUOTED)):
        mine, yours = (Counter(pattern.findall(text)) for text in (english, korean))
        if mine.keys() != yours.keys():
            found.append(f"{what}: expected {list(mine)}, got {list(yours)}")
    for name in sorted(parameters):
        explained = re.compile(rf"(?:^\s*|[.,] |and ){name}(?:, \w+)*:", re.MULTILINE)
        mine, yours = (bool(explained.search(text)) for text in (english, korean))
        if mine != yours:
            found.append(f"{name}: explained in one language alone")
    if ("Returns" in english) != ("반환값" in korean):
        found.append("Returns: in one language alone")
    if not re.search("[가-힣]", korean) or re.search(r"(습니다|세요|해요)\b", korean):
        found.append("expected Korean in the plain form")
    return found + problems_of_terms(korean)


@every_exercise
def test_the_korean_stub_has_the_code_of_the_english_one(entry):
    english, korean = (path.read_text(encoding="utf-8") for path in (entry.stub, translated(entry)))
    found = problems(english, korean)
    assert not found, "\n".join(found)
    assert f"exercises/{entry.name}.ko.md" in docstrings(korean)[0]
    assert all(re.search("[가-힣]", comment) for comment in comments(korean))
    assert len(comments(korean)) >= len(comments(english))


ENGLISH = '''"""Exercise 04. Read exercises/04_kl.md."""
UP = 2
"""Rows."""


def f(mu, eps):
    """A value with μ, in nats.

    mu: (N, Z) float64. eps: 3 numbers, "one" or "all".
    Returns (N,).
    """
    raise NotImplementedError
'''
KOREAN = '''"""연습 문제 04. exercises/04_kl.ko.md를 읽는다."""
UP = 2
"""행의 수."""


def f(mu, eps):
    """μ가 있는 값, 단위는 내트.

    mu: (N, Z) float64. eps: 수 3개, "one"이나 "all".
    반환값: (N,).
    """
    raise NotImplementedError
'''


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("", "", ""),
        ("UP = 2", "UP = 3", "code differs"),
        ("eps):", "eps=None):", "code differs"),
        ('"""행의 수."""\n', "", "docstrings: expected 3"),
        ("(N, Z)", "(N, D)", "shapes"),
        ("수 3개", "수 4개", "number"),
        ("μ가", "평균이", "symbols"),
        ('"one"이나 ', "", "quoted"),
        ("eps: 수", "잡음은 수", "eps: explained"),
        ("반환값: ", "", "Returns"),
        ("행의 수.", "rows.", "Korean"),
        ("행의 수.", "최적화기.", "glossary"),
        ("04_kl.ko.md", "05_kl.ko.md", "number 05"),
    ],
)
def test_a_stub_out_of_step_is_seen(old, new, problem):
    assert old in KOREAN
    found = problems(ENGLISH, KOREAN.replace(old, new, 1))
    assert bool(found) == bool(problem), found
    assert problem in "\n".join(found)


# The commands


@every_exercise
def test_an_untouched_korean_stub_is_not_written_yet(entry, tmp_path):
    path = tmp_path / f"{entry.name}.py"
    path.write_bytes(translated(entry).read_bytes())
    answer, exercise = load_answer(path), entry.load()
    functions = {name: getattr(answer, name) for name in exercise.solution}
    assert diagnose(entry.name, exercise, functions).outcome == "NOT WRITTEN YET"


def test_start_and_reset_take_the_stub_of_the_language(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    set_language("ko")
    assert run_command(options.Start()) == 0
    for entry in catalogue():
        assert Path(f"my_answers/{entry.name}.py").read_bytes() == translated(entry).read_bytes()
    set_language("en")
    answers = Answers(tmp_path / "my_answers")
    reset(answers, KL)
    assert answers.path(KL).read_bytes() == KL.stub.read_bytes()
    set_language("ko")
    reset(answers, KL)
    assert answers.path(KL).read_bytes() == translated(KL).read_bytes()


# Stubs with blanks

GUIDED = [entry for entry in catalogue() if (entry.folder / "stub.guided.py").is_file()]
BLANKS = {
    "04_kl": (
        "np.exp(logvar)",
        "(mu**2 + np.exp(logvar) - 1 - logvar) / 2",
        "(mu**2 + np.exp(logvar) - 1 - logvar) / 2",
        "0",
    ),
    "05_bernoulli": ("1 / (1 + small)", "np.log1p(np.exp(-np.abs(logits)))", "sigmoid(logits) - target"),
    "06_reparameterization": ("np.exp(logvar / 2)", "np.exp(logvar / 2)", "eps / 2", "reparameterize(mu, logvar, eps)"),
}
"""What goes into the blanks, in their order."""


def filled(source: str, answers: tuple[str, ...]) -> str:
    """A stub with its blanks filled and its lines with raise deleted."""
    lines = [line for line in source.splitlines(keepends=True) if "raise NotImplementedError" not in line]
    before, *after = re.split(r"\.\.\.(?=  #|\)  #)", "".join(lines))
    assert len(after) == len(answers)
    return before + "".join(answer + rest for answer, rest in zip(answers, after, strict=True))


def test_the_exercises_of_the_class_have_stubs_with_blanks():
    assert {entry.name for entry in GUIDED} == BLANKS.keys()


@pytest.mark.parametrize("entry", GUIDED, ids=lambda entry: entry.name)
@pytest.mark.parametrize("language", ["en", "ko"])
def test_a_stub_with_blanks_passes_when_they_are_filled_and_is_not_written_yet_before(tmp_path, entry, language):
    set_language(language)
    path = entry.guided_in_language
    assert path.name == {"en": "stub.guided.py", "ko": "stub.guided.ko.py"}[language]
    answer = tmp_path / f"{entry.name}.py"
    answer.write_bytes(path.read_bytes())
    assert check_answer(entry, answer, Limits(30)).outcome == "NOT WRITTEN YET"
    answer.write_text(filled(path.read_text(encoding="utf-8"), BLANKS[entry.name]), encoding="utf-8")
    assert check_answer(entry, answer, Limits(30)).outcome == "PASS"


@pytest.mark.parametrize("entry", GUIDED, ids=lambda entry: entry.name)
def test_a_stub_with_blanks_has_the_words_of_the_stub_and_korean_ones_the_same_code(entry):
    english, korean = (
        (entry.folder / name).read_text(encoding="utf-8") for name in ("stub.guided.py", "stub.guided.ko.py")
    )
    assert not problems(english, korean)
    assert docstrings(english) == docstrings(entry.stub.read_text(encoding="utf-8"))
    assert docstrings(korean) == docstrings(translated(entry).read_text(encoding="utf-8"))
    assert all(re.search("[가-힣]", comment) for comment in comments(korean))


def test_guided_stubs_replace_untouched_ones_and_no_answer(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    answers, _ = start(tmp_path / "my_answers")
    answers.path(KL).write_text("# mine\n", encoding="utf-8")
    assert run_command(options.Start(guided=True)) == 0
    assert "2 stubs copied to my_answers\nwith blanks to fill: 05, 06\n" in capsys.readouterr().out
    assert answers.path(KL).read_text(encoding="utf-8") == "# mine\n"
    for entry in GUIDED[1:]:
        assert answers.path(entry).read_bytes() == (entry.folder / "stub.guided.py").read_bytes()
        assert answers.progress().state(entry) == "NOT WRITTEN YET"
    _, again = start(tmp_path / "my_answers", guided=True)
    assert (again.copied, again.notes) == ([], [])


@pytest.mark.parametrize("language", ["en", "ko"])
def test_a_guided_start_names_the_exercises_that_have_blanks(tmp_path, capsys, monkeypatch, language):
    monkeypatch.chdir(tmp_path)
    set_language(language)
    assert run_command(options.Start(guided=True)) == 0
    assert f": {', '.join(entry.number for entry in GUIDED)}\n" in capsys.readouterr().out
    set_language({"en": "ko", "ko": "en"}[language])
    _, again = start(tmp_path / "my_answers", guided=True)
    assert again.copied == GUIDED, "a stub without blanks stays in the language in which it was begun"


@pytest.mark.parametrize("languages", [("ko", "en"), ("en", "ko")])
def test_a_change_of_language_changes_no_answer_and_no_state(tmp_path, monkeypatch, languages):
    monkeypatch.chdir(tmp_path)
    set_language(languages[0])
    start(tmp_path / "my_answers")
    before = {path.name: path.read_bytes() for path in Path("my_answers").glob("*.py")}
    set_language(languages[1])
    _, again = start(tmp_path / "my_answers")
    assert (again.copied, again.notes) == ([], [])
    assert {path.name: path.read_bytes() for path in Path("my_answers").glob("*.py")} == before
    progress = Progress.load(tmp_path / "my_answers")
    assert {progress.state(entry) for entry in catalogue()} == {"NOT WRITTEN YET"}


def test_new_words_of_a_stub_leave_a_pass_as_it_is(tmp_path, monkeypatch):
    folder = tmp_path / "course"
    (folder / "01_first").mkdir(parents=True)
    for name in ("exercise.py", "stub.py", "stub.ko.py"):
        (folder / "01_first" / name).write_text(f"# {name}\n", encoding="utf-8")
    monkeypatch.setattr(catalogue_module, "COURSE", folder)
    (entry,) = catalogue()
    before = entry.hash()
    (folder / "01_first" / "stub.ko.py").write_text("# 다른 말\n", encoding="utf-8")
    assert entry.hash() == before
    assert entry.stub_hashes() == {content_hash(entry.stub), content_hash(translated(entry))}
    (folder / "01_first" / "stub.py").write_text("x = 1\n", encoding="utf-8")
    assert entry.hash() != before


def test_an_exercise_without_a_korean_stub_starts_with_the_english_one(tmp_path, monkeypatch):
    folder = tmp_path / "course"
    (folder / "01_first").mkdir(parents=True)
    for name in ("exercise.py", "stub.py"):
        (folder / "01_first" / name).write_text(f"# {name}\n", encoding="utf-8")
    monkeypatch.setattr(catalogue_module, "COURSE", folder)
    set_language("ko")
    start(tmp_path / "my_answers")
    assert (tmp_path / "my_answers" / "01_first.py").read_text(encoding="utf-8") == "# stub.py\n"
