"""LaTeX formulas of the pages, as MathML for a browser and as a line of Unicode for a terminal.

docutils converts LaTeX to MathML; the few commands that it lacks and the pages use are rewritten first. The line is
made from the MathML: sub- and superscripts as their own letters where Unicode has them, fractions with a slash.
"""

import re
from xml.etree import ElementTree

from docutils.utils.math import MathError, latex2mathml

REWRITTEN = {
    r"\\iff(?![A-Za-z])": r"\\;\\Longleftrightarrow\\;",
    r"\\dots(?![A-Za-z])": r"\\ldots",
    r"\\gt(?![A-Za-z])": ">",
    r"\\lt(?![A-Za-z])": "<",
    r"\\mathrel\{([^{}]*)\}": r"\1",
    r"\\substack\{([^{}]*)\}": r"{\\begin{matrix}\1\\end{matrix}}",
    r"\\(big|Big)(?![A-Za-z])": r"\\\1l",
    r"\\([dt]?frac)(\d)(\d)": r"\\\1{\2}{\3}",  # docutils reads the two digits as one number
}
"""Commands that docutils lacks or misreads, by pattern, and what takes their place."""


def mathml(latex: str, block: bool) -> str:
    """The MathML element of a formula.

    Raises docutils' `MathError` for LaTeX that it cannot convert.
    """
    for pattern, replacement in REWRITTEN.items():
        latex = re.sub(pattern, replacement, latex)
    return latex2mathml.tex2mathml(latex, as_block=block)


def in_text(latex: str) -> str:
    """A formula as text, a line for each of its rows: `½ ∑_{j=1}^{Z} (μⱼ² + σⱼ² − 1 − log σⱼ²)`.

    LaTeX that cannot be converted is returned as it is.
    """
    try:
        root = ElementTree.fromstring(mathml(latex, block=False).replace("&ApplyFunction;", APPLIED))
    except MathError:
        return latex.strip()
    lines = re.sub(rf"[^\S\n{WIDE}]+", " ", _children(root)).split("\n")
    return "\n".join(_tidied(line) for line in lines if line.strip())


SPACED = set("=<>≤≥≈∼→←↔⟺+−±·×∈∣‖≠≔∝") | {"+=", "-="}
"""Operators with a blank on both sides"""
SMALLER = dict(zip("0123456789+−=()aehijklmnoprstuvxβγρφχ", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓᵦᵧᵨᵩᵪ", strict=True))
HIGHER = dict(
    zip("0123456789+−=()abcdefghijklmnoprstuvwxyzTβ", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻᵀᵝ", strict=True)
)
FRACTIONS = {("1", "2"): "½", ("1", "3"): "⅓", ("1", "4"): "¼", ("3", "4"): "¾", ("1", "8"): "⅛"}
ACCENTS = {"ˆ": "\u0302", "^": "\u0302", "~": "\u0303", "˜": "\u0303", "ˉ": "\u0304", "¯": "\u0304"}
LARGE = ("∑", "∏", "∫")
UNDER_BRACE, APPLIED, WIDE = "⏟", "\N{FUNCTION APPLICATION}", "\N{EM SPACE}"
FUNCTIONS = ("log", "exp", "max", "min", "sin", "cos", "tanh", "arg")


def _tidied(line: str) -> str:
    """A line without blanks that no one would write: inside brackets, before commas, after a sign."""
    line = line.strip().replace("+ =", "+=")
    line = re.sub(r"(?<=[(\[⟨{]) | (?=[)\]⟩},;⁰-⁹₀-₉])|(?<=exp|log|max|min|sin|cos) (?=\()", "", line)
    line = re.sub(r"(^|[(\[{/]) ?([−+]) (?=\S)", r"\1\2", line)
    line = re.sub(r"([,=<>≤≥∼→←]) ([−+]) (?=\S)", r"\1 \2", line)
    return re.sub(rf" ?{WIDE}+ ?", "   ", line)


def _children(node: ElementTree.Element) -> str:
    texts = [_text(child) for child in node]
    for place, child in enumerate(node):
        applied = place > 0 and (node[place - 1].text or "") == APPLIED
        goes_on = "".join(texts[place + 1 :]).strip().startswith(LARGE)
        if applied and child.tag.endswith("mfrac") and "/" in texts[place] and not goes_on:
            texts[place] = f"({texts[place].strip()}) "  # log (p/q), which is not log p / q
    return "".join(texts)


def _text(node: ElementTree.Element) -> str:
    kind, parts = node.tag.rpartition("}")[2], list(node)
    match kind, parts:
        case (("mi" | "mn" | "mo" | "mtext"), _):
            return _token(kind, node.text or "")
        case "mspace", _:
            return WIDE if float((node.get("width") or "0").removesuffix("em")) >= 1 else " "
        case "mfrac", [above, below]:
            return _fraction(_text(above).strip(), _text(below).strip())
        case "msqrt", _:
            return f"√{_in_brackets(_children(node).strip())}"
        case (("msub" | "munder"), [base, below]):
            return _with_index(_text(base), _text(below))
        case "msup", [base, above]:
            return _text(base).rstrip() + _raised(_text(above).strip())
        case (("msubsup" | "munderover"), [base, below, accent]) if (accent.text or "").strip() in ACCENTS:
            return _with_index(_text(base).strip() + ACCENTS[(accent.text or "").strip()], _text(below))
        case (("msubsup" | "munderover"), [base, below, above]):
            return _with_index(_text(base), _text(below)).rstrip() + _raised(_text(above).strip()) + _end(base)
        case "mover", [base, accent]:
            return _text(base).strip() + ACCENTS.get((accent.text or "").strip(), "")
        case "mtr", _:
            return " ".join(map(_children, parts)) + "\n"
    return _children(node)


def _token(kind: str, text: str) -> str:
    if kind == "mo" and text in SPACED:
        return f" {text} "
    if kind == "mo" and text not in FUNCTIONS:
        return {",": ", ", ";": "; ", "∶": ": ", APPLIED: " "}.get(text, f"{text} " if text in LARGE else text)
    return f" {text}" if text in FUNCTIONS else text


def _end(base: ElementTree.Element) -> str:
    return " " if (base.text or "").strip() in LARGE else ""


def _with_index(base: str, index: str) -> str:
    base, index = base.rstrip(), index.strip()
    blank = " " * (base.strip() in (*LARGE, "max", "min"))
    if index == UNDER_BRACE:
        return base + UNDER_BRACE
    if base.endswith(UNDER_BRACE):
        return f"{base.removesuffix(UNDER_BRACE)} ({index})"
    tight = re.sub(r"\s", "", index)
    if tight and all(letter in SMALLER for letter in tight) and not blank:
        return base + "".join(SMALLER[letter] for letter in tight)
    return f"{base}_{tight if len(tight) == 1 else f'{{{tight}}}'}{blank}"


def _raised(power: str) -> str:
    tight = re.sub(r"\s", "", power)
    if tight and all(letter in HIGHER for letter in tight):
        return "".join(HIGHER[letter] for letter in tight)
    return f"^{tight}" if len(tight) == 1 else f"^{{{tight}}}"


def _fraction(above: str, below: str) -> str:
    if (above, below) in FRACTIONS:
        return f"{FRACTIONS[above, below]} "
    return f"{_in_brackets(above)}/{_in_brackets(below)} "


def _in_brackets(text: str) -> str:
    """A part of a formula, in brackets where it is more than one sign, word or call."""
    single = re.fullmatch(r"\d+|[^\s\d/][^\s/]*|\w+\([^()]*\)", text)
    return text if single else f"({text})"
