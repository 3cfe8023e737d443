"""Catalogues of messages are up to date, whole where they should be, and agree with the English; checks can fail."""

import ast
import re

import pytest

from exercises.kit.catalogue import find
from foundation import language
from foundation.language import PLACEHOLDER, set_language, translate
from ladder.cli import main
from tools.messages import (
    as_mo,
    as_po,
    catalogue_file,
    disagreements,
    messages,
    messages_of_tree,
    refreshed,
    untranslated,
)
from tools.site.glossary import problems_of_terms, terms

WHOLE = (
    *("foundation/command_line.py", "foundation/arguments.py", "foundation/errors.py", "foundation/language.py"),
    *("ladder/cli.py", "exercises/options.py", "exercises/commands.py", "exercises/kit/show.py"),
    *("exercises/kit/watch.py", "foundation/display.py", "ladder/options.py", "foundation/options.py"),
    *("paper/models/options.py", "paper/evaluation/options.py", "paper/experiments/options.py"),
    *("paper/reproductions/options.py", "paper/reproductions/budget.py", "paper/reproductions/command.py"),
)
"""Files whose messages are all translated. To be extended, file by file."""


@pytest.fixture(scope="module")
def catalog():
    """The Korean catalogue with the messages of today."""
    return refreshed("ko")


@pytest.fixture(autouse=True)
def _english_again():
    yield
    set_language("en")


def test_the_catalogue_has_todays_messages_and_is_compiled(catalog):
    file = catalogue_file("ko")
    assert file.read_bytes() == as_po(catalog), "run python -m tools.messages"
    assert file.with_suffix(".mo").read_bytes() == as_mo(as_po(catalog), "ko"), "run python -m tools.messages"


def test_no_message_of_the_command_line_and_of_checking_is_missing(catalog):
    missing = [line for line in untranslated(catalog) if line.startswith(WHOLE)]
    assert not missing, "\n".join(missing)


def test_translations_agree_with_the_english_in_what_is_not_language(catalog):
    found = []
    for message in catalog:
        if message.id and message.string:
            found += [f"{message.id}\n  {problem}" for problem in disagreements(message.id, message.string)]
    assert not found, "\n".join(found)


def test_translations_use_the_terms_of_the_glossary(catalog):
    found = [problem for message in catalog if message.id for problem in problems_of_terms(message.string)]
    assert not found, "\n".join(found)


def test_translations_are_korean(catalog):
    told = [message for message in catalog if message.id and message.string]
    same = [message for message in told if message.string == message.id]
    assert not [message.id for message in same if len(re.findall(r"\b[a-z]{4,}\b", message.id)) > 1], "formulas alone"
    told = [message for message in told if message not in same]
    assert not [message.string for message in told if not re.search("[가-힣]", message.string)]
    polite = [message.string for message in told if re.search(r"(습니다|세요|해요)\b", message.string)]
    assert not polite, "messages are written in the plain form, ~한다"


@pytest.mark.parametrize(
    ("message", "translation", "problem"),
    [
        ("{0} of {1}", "{1} 중 {0}", ""),
        ("{0} of {1}", "{1} 중", "values"),
        ("at most 10 MB", "최대 100 MB", "numbers"),
        ("use `x`", "`y`를 쓴다", "code"),
        ("with --give-up", "--giveup으로", "options"),
        ("vae-ladder start", "vae-ladder check", "commands"),
        ("writes a.json", "b.json에 쓴다", "files"),
        ("p(x|z)", "p(z|x)", "formulas"),
    ],
)
def test_a_translation_that_changes_more_than_the_language_is_seen(message, translation, problem):
    found = disagreements(message, translation)
    assert bool(found) == bool(problem)
    assert problem in "".join(found)


CODE = '''
MANUAL = """\\
commands:
  run      does it
"""

class Options:
    """Do a thing.

    Longer than
    a line.

    Examples:
      not this
    """
    size: Annotated[int | None, optional("N", "as it was")] = None
    """How much
    of it."""

def f(x):
    say(console, f"got {x} of {len(x)}" if x else "nothing at all")
    raise InputError(f"size: expected {x!r}, "
                     f"got {x}")
'''


def test_messages_are_found_in_the_code():
    found = set(messages_of_tree(ast.parse(CODE), "options.py"))
    helped = {"Do a thing.", "Longer than a line.", "How much of it.", "as it was"}
    assert found == helped | {"commands:", "does it", "got {0} of {1}", "nothing at all", "size: expected {0}, got {1}"}


def test_every_hint_and_mistake_of_an_exercise_is_a_message():
    exercise, found = find("04").load(), messages()
    for mistake in exercise.mistakes:
        assert {mistake.name, mistake.explanation} <= found.keys()
    assert set(exercise.hints) <= found.keys()


# The program in Korean


def test_the_manual_and_help_pages_are_korean(capsys):
    assert main(["--lang", "ko"]) == 0
    manual = capsys.readouterr().out
    assert manual.startswith("사용법: vae-ladder COMMAND [OPTIONS]")
    assert main(["parity", "--help", "--lang=ko"]) == 0
    assert "잠재 변수의 개수 Z. (기본값: 2)" in capsys.readouterr().out
    assert main(["parity", "--help"]) == 0
    assert "Z, the number of latent variables. (default: 2)" in capsys.readouterr().out


def test_errors_are_korean_with_their_values(capsys):
    assert main(["--lang", "ko", "parity", "--latent-dim", "x"]) == 2
    said = capsys.readouterr().err
    assert said == "vae-ladder: --latent-dim: 정수가 와야 하는데 'x'이(가) 왔다 (vae-ladder parity --help 참고)\n"


@pytest.mark.parametrize(("arguments", "named"), [(["--lang", "xx"], "'xx'"), (["climb", "--lang"], "''")])
def test_a_language_that_there_is_not_is_refused(arguments, named, capsys):
    assert main(arguments) == 2
    assert capsys.readouterr().err == f"vae-ladder: --lang: expected one of en, ko, got {named}\n"


def test_a_check_speaks_korean(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VAE_LADDER_LANG", "ko")
    assert main(["start"]) == 0
    answer = tmp_path / "my_answers" / "04_kl.py"
    answer.write_text("def kl(mu, logvar):\n    return None\n", encoding="utf-8")
    capsys.readouterr()
    assert main(["check", "04"]) == 1
    said = capsys.readouterr().out
    assert said.startswith("오답  04_kl, 검사 8개 중 1번:")
    assert "`return`이 빠지지 않았는가?" in said


def test_what_has_no_translation_is_english(monkeypatch, capsys):
    monkeypatch.setattr(language, "load", lambda name: language.Language(name, {}, ()))
    assert main(["--lang", "ko"]) == 0
    assert capsys.readouterr().out.startswith("usage: vae-ladder COMMAND [OPTIONS]")


def test_every_placeholder_of_a_line_is_filled_in(catalog):
    set_language("ko")
    for message in catalog:
        names = PLACEHOLDER.findall(message.id or "")
        if names and message.string:
            line = PLACEHOLDER.sub("7", message.id)
            assert not PLACEHOLDER.search(translate(line)), message.id


# The glossary


def test_the_glossary_is_whole_and_has_no_term_twice():
    found = terms()
    assert len(found) > 30
    for names in ([term.en for term in found], [term.ko for term in found]):
        assert len(set(names)) == len(names)
    assert all(text.strip() for term in found for text in (term.en, term.ko, *term.means.values()))
    preferred = {term.ko for term in found}
    assert not [word for term in found for word in term.avoid if word in preferred]


@pytest.mark.parametrize(
    ("text", "problem"), [("잠재 변수를 뽑는다", ""), ("숨은 변수를 뽑는다", "숨은 변수"), ("`숨은 변수`", "")]
)
def test_a_word_that_the_glossary_replaces_is_seen(text, problem):
    found = problems_of_terms(text)
    assert bool(found) == bool(problem)
    assert problem in "".join(found)
