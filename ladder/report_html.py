"""The pieces that the report is made of, as HTML. Texts come in as HTML; only `figure`'s alt is escaped here."""

import base64
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path


def section(title: str, introduction: str, body: str) -> str:
    """A part of the page under its heading; the introduction may be empty."""
    text = f"<p>{introduction}</p>" if introduction else ""
    return f"<section><h2>{title}</h2>{text}{body}</section>"


def card(number: str, text: str, kind: str = "") -> str:
    """The box with the one number that matters."""
    return f'<div class="headline {kind}"><strong>{number}</strong><p>{text}</p></div>'


def figure(path: Path, alt: str, caption: str) -> str:
    """A picture, its PNG file inside the page."""
    data = base64.b64encode(path.read_bytes()).decode()
    caption = f"<figcaption>{caption}</figcaption>" if caption else ""
    return f'<figure><img src="data:image/png;base64,{data}" alt="{escape(alt)}">{caption}</figure>'


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose first column names the rows and whose others are numbers, set flush right.

    On a phone every row becomes a small card, in which `data-label` repeats the column's heading.
    """
    headings = "".join(f'<th scope="col">{text}</th>' for text in head)
    body = ""
    for name, *cells in rows:
        texts = zip(head[1:], cells, strict=True)
        body += f'<tr><th scope="row">{name}</th>'
        body += "".join(f'<td data-label="{escape(label)}"><span>{text}</span></td>' for label, text in texts) + "</tr>"
    return f"<table><thead><tr>{headings}</tr></thead><tbody>{body}</tbody></table>"


def power(value: float) -> str:
    """3.1 × 10⁻¹³ for 3.1e-13, and 10⁻¹⁰ for 1e-10."""
    if value == 0:
        return "0"
    digits, _, exponent = f"{value:.1e}".partition("e")
    ten = f"10<sup>{int(exponent)}</sup>".replace("-", "−")
    return ten if digits == "1.0" else f"{digits} × {ten}"


def verdict(ok: bool, count: str = "") -> str:
    """A tick or a cross, never by colour alone."""
    return f'<span class="{"good" if ok else "bad"}">{count} {"✓" if ok else "✗ differs"}</span>'
