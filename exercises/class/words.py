"""The words of the pictures in Korean: put in place of the English ones in the figure that is drawn already."""

import re
from collections.abc import Iterator

from matplotlib.figure import Figure
from matplotlib.text import Text

from figures.fonts import HANGUL_PACKAGE, can_draw
from foundation.errors import InputError

NUMBER, FORMULA = re.compile(r"\d+(?:\.\d+)?"), re.compile(r"\$[^$]*\$")
KEPT = re.compile(r"\b(?:(?:encoder|decoder)\.\w+|conv\w+|logvar|log|float\d+|ELBO|VAE)\b")
"""Names that stay in Latin letters: layers, functions, types, abbreviations."""

KOREAN = {
    # What varies in an image
    "typeface": "글꼴",
    "slant": "기울임",
    "stroke": "획",
    "turn": "회전",
    "size": "크기",
    "encoder": "인코더",
    "{} numbers become {}": "수 {}개가 {}개로",
    "the loss: how much do they differ?": "손실: 둘이 얼마나 다른가?",
    # The bound and its parts
    "true posterior": "실제 사후 분포",
    "gap": "차이",
    "{} nats": "{}내트",
    "draw $z$": "z 추출",
    r"draw $\varepsilon$": "ε 추출",
    "decoder": "디코더",
    "gradient": "기울기",
    "nats for one pixel": "픽셀 하나의 손실(내트)",
    "black, t = {}": "검은색, t = {}",
    "grey, t = {}": "회색, t = {}",
    "white, t = {}": "흰색, t = {}",
    "logit": "로짓",
    "every logit {}": "모든 로짓이 {}",
    "the mean image": "평균 이미지",
    "VAE, {} latents": "VAE, 잠재 변수 {}개",
    "nats per image": "이미지당 내트",
    # The network, its draws, and how it is checked
    "logits  {}×{}×{}": "로짓  {}×{}×{}",
    r"shown: $\hat{x}$": "그림으로 보이는 것: x̂",
    r"$\hat{x}$ for eight draws of $z$ from $q(z|x)$": "q(z|x)에서 뽑은 z 8개의 x̂",
    "eight draws of every pixel from $p(x|z)$": "p(x|z)에서 8번 뽑은 픽셀 전체",
    "relative error": "상대 오차",
    "step $h$": "간격 h",
    "tolerance": "허용 오차",
    "largest relative error of the gradient": "기울기의 최대 상대 오차",
    # Applications
    "{} latents": "잠재 변수 {}개",
    "noise of σ": "잡음 σ",
    "noise of {}σ": "잡음 {}σ",
    "distortion: reconstruction in nats": "왜곡: 재구성 손실(내트)",
    "rate: KL in bits per image": "부호율: 이미지당 KL(비트)",
    "image": "이미지",
    "shown": "보이는 곳",
    r"$p(z\,|\,$shown$)$": "p(z|보이는 곳)",
    "the rest, for five draws of $z$": "z를 5번 뽑아 완성한 나머지",
    "test images and reconstructions": "테스트 이미지와 재구성",
    "samples from the prior": "사전 분포의 표본",
    "reconstruction {}, KL {} nats per image": "재구성 {}, KL {}, 이미지당 내트",
    "digits": "숫자",
    "digits upside down": "뒤집은 숫자",
    "other shapes": "다른 도형",
    "nothing": "빈 이미지",
    "negative ELBO, nats per image": "−ELBO, 이미지당 내트",
}
"""Texts of pictures, with {} for numbers. Formulas in a Korean text are letters: matplotlib sets none with Hangul."""


def to_korean(figure: Figure) -> bool:
    """Translate every text of a figure, and return whether one had words.

    Raises InputError where a text has no translation, or no font has its letters.
    """
    changed = False
    for text in _texts(figure):
        translated = translate(text.get_text())
        if translated != text.get_text():
            if not can_draw(translated):
                raise InputError(f"pictures: no font has all letters of {translated}; {HANGUL_PACKAGE} has them")
            text.set_text(translated)
            changed = True
    return changed


def translate(text: str) -> str:
    """A text of a picture in Korean; one without words stays as it is."""
    if text in KOREAN:
        return KOREAN[text]
    translated = KOREAN.get(NUMBER.sub("{}", text))
    if translated is not None:
        numbers = iter(NUMBER.findall(text))
        return re.sub(r"\{\}", lambda _: next(numbers), translated)
    if re.search("[A-Za-z]{3}", KEPT.sub("", FORMULA.sub("", text))):
        raise InputError(f"pictures: expected a translation of {text!r} in exercises/class/words.py")
    return text


def _texts(figure: Figure) -> Iterator[Text]:
    yield from (found for found in figure.findobj(Text) if isinstance(found, Text))
