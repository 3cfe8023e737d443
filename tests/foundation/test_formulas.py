"""Formulas of the pages as text and as MathML."""

import re
from xml.etree import ElementTree

import pytest

from foundation.formulas import in_text, mathml
from tests.support.documents import FORMULA, INLINE
from tools.links import pages

TEXTS = [page.read_text(encoding="utf-8") for page in pages()]


@pytest.mark.parametrize(
    ("latex", "text"),
    [
        (r"\frac12 \sum_{j=1}^{Z} \big(\mu_j^2 - 1 - \log \sigma_j^2\big)", "½ ∑_{j=1}^Z (μⱼ² − 1 − log σⱼ²)"),
        (r"\mathrm{KL}\big(q(z|x) \,\|\, p(z)\big)", "KL(q(z|x) ‖ p(z))"),
        (r"\mathbb{E}_{q(z|x)}[f]", "𝔼_{q(z|x)}[f]"),
        (r"\frac{a + b}{2h}", "(a + b)/(2h)"),
        (r"\log \frac{p(x, z)}{q(z|x)}", "log(p(x, z)/q(z|x))"),
        (r"\log \frac1K \sum_k e^{a_k}", "log 1/K ∑_k e^{aₖ}"),  # the logarithm of the sum, as it is set
        (r"\hat m_t = \sqrt{v + \epsilon}", "m̂ₜ = √(v + ϵ)"),
        (r"x \mathrel{+}= -y, \qquad z = -1", "x += −y,   z = −1"),
        (r"\begin{aligned} t &\leftarrow t + 1 \\ m &\leftarrow 2 \end{aligned}", "t ← t + 1\nm ← 2"),
        (r"\underbrace{a}_{\mathrm{ELBO}} + b", "a (ELBO) + b"),
        (r"\unknown{x}", r"\unknown{x}"),
    ],
)
def test_formulas_as_text(latex, text):
    assert in_text(latex) == text


@pytest.mark.parametrize("latex", [r"\frac12", r"\tfrac12", r"\frac{i + \frac12}{n}"])
def test_a_fraction_of_two_digits_is_one_half(latex):
    """docutils alone reads 12 over what follows."""
    fractions = ElementTree.fromstring(mathml(rf"{latex} \sum_j x_j", block=True)).iter()
    digits = [[part.text for part in node] for node in fractions if node.tag.endswith("mfrac")]
    assert ["1", "2"] in digits


def test_no_formula_of_the_pages_keeps_its_latex():
    prose = [re.sub(r"```.*?```|`[^`]*`", "", text, flags=re.DOTALL) for text in TEXTS]
    latex = [formula for text in TEXTS for formula in FORMULA.findall(text)]
    latex += [formula for text in prose for formula in INLINE.findall(text)]
    assert len(latex) > 100
    assert [formula for formula in latex if "\\" in in_text(formula)] == []
