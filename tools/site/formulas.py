"""Formulas as MathML, which browsers set by themselves: a Sphinx extension without a script and without a network."""

from typing import Any

from docutils import nodes
from docutils.utils.math import MathError
from sphinx.application import Sphinx
from sphinx.util import logging

from foundation.formulas import mathml

LOG = logging.getLogger(__name__)


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
