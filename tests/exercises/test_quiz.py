"""The quiz: questions that are whole in both languages, and a session that records what was chosen."""

import io
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from exercises import options
from exercises.commands import run_command
from exercises.kit.answers import Answers, start
from exercises.quiz.questions import questions
from exercises.quiz.session import FILE, Quiz, Tried, score, tried_in
from exercises.reading import page_to_read
from foundation.console import make_console
from foundation.errors import InputError
from foundation.language import LANGUAGES
from tools.messages import disagreements
from tools.site.glossary import problems_of_terms

CHECKOUT = Path(__file__).parents[2]
ENGLISH, KOREAN = questions("en"), questions("ko")
EVERY = pytest.mark.parametrize("number", range(len(ENGLISH)), ids=[question.key for question in ENGLISH])


# The questions


def test_there_are_fifteen_with_names_of_their_own():
    assert len({question.key for question in ENGLISH}) == len(ENGLISH) == 15


@EVERY
def test_a_question_has_four_choices_one_right_and_reasons_in_both_languages(number):
    for question in (ENGLISH[number], KOREAN[number]):
        assert len(question.choices) == 4
        assert sum(choice.right for choice in question.choices) == 1
        assert len({choice.text for choice in question.choices}) == 4
        assert all(len(choice.why) > 20 for choice in question.choices)
    english, korean = ENGLISH[number], KOREAN[number]
    assert english.right == korean.right
    pairs = [(english.text, korean.text)]
    for one, other in zip(english.choices, korean.choices, strict=True):
        pairs += [(one.text, other.text), (one.why, other.why)]
    for one, other in pairs:
        assert not disagreements(one, other), one
        assert re.search("[가-힣]", other) or one == other
        assert not problems_of_terms(other)
    assert page_to_read(english.read.split()).is_file()


def test_form_does_not_give_the_right_choice_away():
    places = [question.right for question in ENGLISH]
    assert set(places) == {0, 1, 2, 3}
    assert max(map(places.count, places)) <= 6
    longest = [max(question.choices, key=lambda choice: len(choice.text)).right for question in ENGLISH]
    assert sum(longest) <= len(ENGLISH) / 2


# A session


@pytest.fixture
def answers(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return start(tmp_path / "my_answers")[0]


def session(answers, *lines, chosen=ENGLISH):
    """What a session prints in which these lines are typed."""
    waiting = iter(lines)

    def read():
        line = next(waiting, None)
        if line is None:
            raise EOFError
        return line

    console = make_console()
    console.file = io.StringIO()
    Quiz(console, answers, read).run(ENGLISH, chosen)
    return " ".join(console.file.getvalue().split())


def test_every_wrong_choice_is_explained_before_the_next_try(answers):
    question = ENGLISH[2]
    wrong = [place for place in range(4) if place != question.right]
    shown = session(answers, *(str(place + 1) for place in (*wrong, question.right)), chosen=ENGLISH[2:3])
    places = [shown.index(question.choices[place].why) for place in (*wrong, question.right)]
    assert places == sorted(places)
    assert shown.count("wrong another") == 0
    assert all(shown.count(choice.why) == 1 for choice in question.choices)
    assert json.loads((answers.folder / FILE).read_text()) == {question.key: [*wrong, question.right]}
    assert "0 of 15 right at the first try, 1 later, 0 wrong so far, 14 left" in shown


def test_enter_shows_the_answer_after_a_wrong_choice_and_nothing_before(answers):
    question, wrong = ENGLISH[0], (ENGLISH[0].right + 1) % 4
    shown = session(answers, str(wrong + 1), "", "", "q")
    assert all(choice.why in shown for choice in question.choices)
    assert not any(choice.why in shown for choice in ENGLISH[1].choices)
    assert ENGLISH[2].text in shown
    assert "0 of 15 right at the first try, 0 later, 1 wrong so far, 14 left" in shown


def test_what_is_no_choice_is_asked_again(answers):
    right = str(ENGLISH[0].right + 1)
    shown = session(answers, "5", "0", "yes", "²", right, chosen=ENGLISH[:1])
    assert shown.count("expected a number from 1 to 4") == 4
    assert tried_in(answers).choices == {"unit": [ENGLISH[0].right]}


def test_an_input_that_ends_keeps_what_was_answered(answers):
    shown = session(answers, str(ENGLISH[0].right + 1))
    assert "1 of 15 right at the first try" in shown
    with pytest.raises(InputError, match="expected a number typed at a terminal"):
        session(answers)


def test_the_command_goes_on_with_what_is_left(answers, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{ENGLISH[0].right + 1}\nq\n"))
    assert run_command(options.Quiz()) == 0
    monkeypatch.setattr(sys, "stdin", io.StringIO("q\n"))
    capsys.readouterr()
    assert run_command(options.Quiz()) == 0
    assert capsys.readouterr().out.startswith("question 2 of 15")
    for question in ENGLISH[1:]:
        session(answers, str(question.right + 1), chosen=(question,))
    assert run_command(options.Quiz()) == 0
    assert "every question is answered" in capsys.readouterr().out
    monkeypatch.setattr(sys, "stdin", io.StringIO("q\n"))
    assert run_command(options.Quiz(again=True)) == 0
    assert capsys.readouterr().out.startswith("question 1 of 15")
    assert run_command(options.ShowProgress()) == 0
    assert "quiz: 15 of 15 right at the first try" in capsys.readouterr().out
    with pytest.raises(InputError, match="question: expected a number from 1 to 15, got 16"):
        run_command(options.Quiz(question=16))


def test_without_a_folder_of_answers_nothing_is_recorded(tmp_path):
    code = "from ladder.cli import main; raise SystemExit(main(['quiz', '3']))"
    done = subprocess.run(
        [sys.executable, "-P", "-c", f"import sys; sys.path.insert(0, {str(CHECKOUT)!r}); {code}"],
        cwd=tmp_path,
        input=f"{ENGLISH[2].right + 1}\n",
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "nothing was recorded" in done.stdout
    assert not list(tmp_path.iterdir())


SPOILT = ("[]", "{", '{"unit": 3}', '{"unit": ["a"]}', '{"unit": "12"}', '{"unit": [1.5]}', '{"unit": [true]}')


@pytest.mark.parametrize("text", SPOILT)
def test_a_spoilt_record_is_one_line(answers, text):
    (answers.folder / FILE).write_text(text)
    with pytest.raises(InputError, match="delete the file to begin anew"):
        tried_in(answers)


def test_a_record_of_questions_that_are_gone_does_no_harm(answers):
    assert score(ENGLISH, Tried({"gone": [1]})).endswith("15 left")
    assert tried_in(Answers(answers.folder)).choices == {}


# The site


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_sites_page_has_every_question_with_its_answers_folded(language):
    pytest.importorskip("sphinx", reason="the site is built by the extra `site`")
    from tools.site.quiz import quiz_page

    page = quiz_page(language)
    parts = re.split(r"^## \d+$", page, flags=re.MULTILINE)[1:]
    assert len(parts) == 15
    for part, question in zip(parts, questions(language), strict=True):
        open_part, folded = part.split("<details>")
        assert question.text in open_part
        assert question.figure in open_part
        assert all(choice.text in open_part and choice.why in folded for choice in question.choices)
        assert not any(choice.why in open_part for choice in question.choices)
