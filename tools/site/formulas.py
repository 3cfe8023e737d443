"""Formulas as MathML, which browsers set by themselves: a Sphinx extension that needs neither a script nor a network.

docutils converts LaTeX to MathML; the few commands that it lacks and the pages use are rewritten first.
"""

import re
from typing import Any

from docutils import nodes
from docutils.utils.math import MathError, latex2mathml
from sphinx.application import Sphinx
from sphinx.util import logging

LOG = logging.getLogger(__name__)

REWRITTEN = {
    r"\\iff(?![A-Za-z])": r"\\;\\Longleftrightarrow\\;",
    r"\\dots(?![A-Za-z])": r"\\ldots",
    r"\\gt(?![A-Za-z])": ">",
    r"\\lt(?![A-Za-z])": "<",
    r"\\mathrel\{([^{}]*)\}": r"\1",
    r"\\substack\{([^{}]*)\}": r"{\\begin{matrix}\1\\end{matrix}}",
    r"\\(big|Big)(?![A-Za-z])": r"\\\1l",
}
"""Commands that docutils lacks, by pattern, and what takes their place."""


def mathml(latex: str, block: bool) -> str:
    """The MathML element of a formula.

    Raises docutils' `MathError` for LaTeX that it cannot convert.
    """
    for pattern, replacement in REWRITTEN.items():
        latex = re.sub(pattern, replacement, latex)
    return latex2mathml.tex2mathml(latex, as_block=block)


def _visit_inline(writer: Any, node: nodes.math) -> None:
    writer.body.append(_converted(node, block=False))
    raise nodes.SkipNode


def _visit_block(writer: Any, node: nodes.math_block) -> None:
    writer.body.append(f'<div class="formula">{_converted(node, block=True)}</div>')
    raise nodes.SkipNode


def _converted(node: nodes.Element, block: bool) -> str:
    try:
        return mathml(node.astext(), block)
    except MathError as error:
        LOG.warning("formula: %s in %s", error, node.astext(), location=node, type="formula")
        return ""


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the formulas with Sphinx."""
    app.add_html_math_renderer("mathml", (_visit_inline, None), (_visit_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
