"""The quiz as a page of the site: the questions of `vae-ladder quiz`, with their answers folded."""

from exercises.kit.catalogue import find
from exercises.quiz.questions import Question, questions

LETTERS = "abcd"
INTRODUCTION = {
    "en": """Fifteen questions about concepts, units and curves. Decide first, then unfold the answers: every choice
says why it is right or wrong. `vae-ladder quiz` puts the same questions in a terminal, and keeps what you chose.""",
    "ko": """개념과 단위, 곡선 읽기에 대한 열다섯 문제이다. 먼저 고른 다음 답을 펼친다. 선택지마다 왜 맞고 틀린지를
적었다. `vae-ladder quiz`는 터미널에서 같은 문제를 내고 고른 것을 기록한다.""",
}
WORDS = {
    "en": {"title": "Quiz", "answers": "Answers", "right": "right", "wrong": "wrong", "read": "Read on"},
    "ko": {"title": "퀴즈", "answers": "답", "right": "맞음", "wrong": "틀림", "read": "더 읽기"},
}
CHAPTERS = {"1": "numpy_impl/index", "2": "pytorch_lowlevel/index", "3": "paper/index"}


def quiz_page(language: str) -> str:
    """The page as Markdown: after each question a part that the browser unfolds by itself, without a script."""
    words = WORDS[language]
    lines = [f"# {words['title']}", "", INTRODUCTION[language], ""]
    for number, question in enumerate(questions(language), 1):
        lines += _question(number, question, words)
    return "\n".join(lines)


def _question(number: int, question: Question, words: dict[str, str]) -> list[str]:
    lines = [f"## {number}", "", question.text, ""]
    if question.figure:
        lines += ["```", question.figure, "```", ""]
    choices = list(zip(LETTERS, question.choices, strict=True))
    lines += [f"- **{letter}.** {choice.text}" for letter, choice in choices]
    lines += ["", "<details>", f"<summary>{words['answers']}</summary>", ""]
    lines += [
        f"- **{letter}, {words['right' if choice.right else 'wrong']}.** {choice.why}" for letter, choice in choices
    ]
    return [*lines, "", f"[{words['read']}](/{_page(question.read)}.md)", "", "</details>", ""]


def _page(read: str) -> str:
    """The site's page of what `vae-ladder read` takes."""
    chapter = read.removeprefix("chapter ")
    return CHAPTERS[chapter] if chapter != read else f"exercises/{find(read).name}"
