"""Sphinx' configuration of the site; `python -m tools.site` stages the pages and runs Sphinx once for each language."""

import tomllib
from typing import Any

from tools import CHECKOUT, REPOSITORY
from tools.site.api import source_of
from tools.site.korean import SearchKorean

PYPROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

project = "VAE Ladder"
author = "The VAE Ladder authors"
release = version = PYPROJECT["version"]
copyright = author
language = "en"  # replaced on the command line for Korean

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.linkcode",
    "sphinx_copybutton",
    "tools.site.formulas",
    "tools.site.api",
]

# Pages are Markdown as GitHub shows it.
myst_enable_extensions = ["dollarmath", "html_image", "strikethrough"]
myst_fence_as_directive = ["math"]
myst_heading_anchors = 6
myst_dmath_double_inline = True
highlight_language = "none"
suppress_warnings = ["misc.highlighting_failure"]  # a console's output in a block marked as Python

# Notebooks are shown as they are stored.
nb_execution_mode = "off"
nb_merge_streams = True

# The reference
autodoc_inherit_docstrings = False
autodoc_preserve_defaults = True
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_class_signature = "mixed"
python_maximum_signature_line_length = 100
add_module_names = False
linkcode_resolve = source_of

html_theme = "furo"
html_title = project
html_favicon = "static/favicon.svg"
html_static_path = ["static"]
html_css_files = ["site.css"]
templates_path = ["templates"]
html_math_renderer = "mathml"
html_copy_source = False
html_domain_indices = False
html_show_sphinx = False
html_sidebars = {
    "**": [
        "sidebar/brand.html",
        "sidebar/language.html",
        "sidebar/search.html",
        "sidebar/scroll-start.html",
        "sidebar/navigation.html",
        "sidebar/scroll-end.html",
    ]
}
html_theme_options: dict[str, Any] = {
    "top_of_page_buttons": [],
    "light_css_variables": {"color-brand-primary": "#1d4f8b", "color-brand-content": "#1d4f8b"},
    "dark_css_variables": {"color-brand-primary": "#8ab8f0", "color-brand-content": "#8ab8f0"},
    "footer_icons": [],
}
html_context = {"repository": REPOSITORY}


def setup(app: Any) -> None:
    """Give Sphinx the search in Korean."""
    app.add_search_language(SearchKorean)
