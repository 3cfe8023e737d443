"""The API reference: a page a package, from the docstrings, with a link from each definition to its source."""

import importlib
import inspect
import itertools
import pkgutil
import re
import sys
import textwrap
from collections.abc import Container
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

from tools import CHECKOUT, REPOSITORY
from tools.links import line_of_name
from tools.site.pages import BRANCH

PACKAGES = ("foundation", "figures", "numpy_impl", "pytorch_lowlevel", "paper", "ladder", "exercises.kit")
"""What the reference covers; the exercises' own folders are no modules that one imports."""
FIELD_NAMES = {"Args": "param {}", "Raises": "raises {}", "Returns": "returns", "Yields": "yields"}
FIELDS = re.compile(rf"({'|'.join(FIELD_NAMES)}):")
BULLET = re.compile(r"\s*(?:[-*]|\d+\.) ")
SKELETON = "exercises.kit.skeleton"
"""What `vae-ladder new-exercise` copies; nothing of it is used as it stands."""
INDEX = """\
# API reference

Every module, from its docstrings: shapes in the signatures, units, errors, and the paper and equation of a formula.
A name in brackets after an array, such as `Float[ndarray, 'N C H W']`, is its shape: N images, C channels, H rows, W
columns. `[source]` leads to the lines that define it.

{modules}
"""
MODULE = """\
{level} `{name}`

```{{eval-rst}}
.. automodule:: {name}
   :members:
   :member-order: bysource
   :show-inheritance:
```
"""


def packages() -> dict[str, list[str]]:
    """The modules of every package, the package itself first where it defines something."""
    found: dict[str, list[str]] = {}
    for package in PACKAGES:
        found |= _packages_below(package)
    return found


def _packages_below(package: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {package: [package]}
    for module in pkgutil.iter_modules([str(CHECKOUT.joinpath(*package.split(".")))]):
        name = f"{package}.{module.name}"
        if module.ispkg and name != SKELETON:
            found |= _packages_below(name)
        elif not module.ispkg and not module.name.startswith("_"):
            found[package].append(name)
    return found


def api_pages() -> dict[str, str]:
    """The text of every page of the reference by its name, the index first."""
    index, found = [], {}
    for package, modules in packages().items():
        index += [f"## [`{package}`](/api/{package}.md)", "", _first_line(package), ""]
        index += [*(f"- `{name}`: {_first_line(name)}" for name in modules[1:]), ""]
        sections = [MODULE.format(name=name, level="##" if place else "#") for place, name in enumerate(modules)]
        found[f"api/{package}"] = "\n".join(sections)
    return {"api/index": INDEX.format(modules="\n".join(index))} | found


def _first_line(name: str) -> str:
    """The first sentence of a module's docstring, read without importing it."""
    path = CHECKOUT.joinpath(*name.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    found = re.match(r'"""(.+?)(?:"""|\n\n)', file.read_text(encoding="utf-8"), re.DOTALL)
    return " ".join(found[1].split()) if found else ""


def as_rst(docstring: list[str], names: Container[str] = (), module: str = "") -> list[str]:
    """A docstring as reStructuredText: code in backticks, indented lines as they are, nothing else marked up.

    `name` becomes a link where it is one of the names that `module` defines. Sections in Google's style, such as
    `Args:`, become Sphinx' fields. (Sphinx' napoleon reads "p(x|z): text" under an option as a type and its text.)
    """
    lines: list[str] = []
    for is_blank, group in itertools.groupby(docstring, lambda line: not line.strip()):
        paragraph = list(group)
        if FIELDS.fullmatch(paragraph[0]):
            lines += _fields(paragraph, names, module)
            continue
        if is_blank or any(BULLET.match(line) for line in paragraph):
            lines += _marked_up(paragraph, names, module)
            continue
        for indented, part in itertools.groupby(paragraph, lambda line: line.startswith("  ")):
            text = list(part)
            lines += ["", "::", "", *text, ""] if indented else _marked_up(text, names, module)
    return lines


def _fields(section: list[str], names: Container[str], module: str) -> list[str]:
    """A section such as `Args:` as Sphinx' fields, a field an entry, as in `:param x: text`."""
    field = FIELD_NAMES[section[0].rstrip(":")]
    body = textwrap.dedent("\n".join(section[1:])).split("\n")
    if " " not in field:
        return [f":{field}: {' '.join(_marked_up(body, names, module))}"]
    lines = []
    for line in body:
        name, _, text = line.partition(":")
        start = "    " if line.startswith(" ") else f":{field.format(name)}: "
        lines += _marked_up([text.strip() if start[0] == ":" else line.strip()], names, module)
        lines[-1] = start + lines[-1]
    return lines


def _marked_up(lines: list[str], names: Container[str], module: str) -> list[str]:
    """Lines of prose: what reStructuredText would read as markup is escaped, except code between backticks."""
    parts = []
    for piece in re.split(r"(`[^`]+`)", "\n".join(lines)):
        text = " ".join(piece.strip("`").split())
        if not (piece.startswith("`") and text):
            parts.append("\n".join(map(_escaped, piece.split("\n"))))
        elif text in names:
            parts.append(f":py:obj:`~{module}.{text}`\\ ")
        else:
            parts.append(f"``{text}``\\ ")
    return "".join(parts).split("\n")


def _escaped(text: str) -> str:
    bullet = BULLET.match(text)
    start = bullet[0] if bullet else ""
    return start + re.sub(r"[\\*|`]|_(?!\w)", r"\\\g<0>", text[len(start) :])


def _process_docstring(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    module = name
    while module not in sys.modules and "." in module:
        module = module.rpartition(".")[0]
    defined = vars(sys.modules[module]) if module in sys.modules else {}
    own = {key for key, value in defined.items() if getattr(value, "__module__", None) == module and key[0] != "_"}
    lines[:] = as_rst(lines, own, module)


def source_of(domain: str, info: dict[str, str]) -> str | None:
    """The address of the lines that define a name; None where no line does, as for an inherited method."""
    if domain != "py" or not info["module"]:
        return None
    module = importlib.import_module(info["module"])
    path = Path(inspect.getfile(module))
    found: Any = module
    for part in info["fullname"].split("."):
        found = inspect.getattr_static(found, part, None)
    plain = inspect.unwrap(found) if callable(found) else None
    if inspect.isclass(plain) or inspect.isfunction(plain):
        path = Path(inspect.getfile(plain))
        line = plain.__code__.co_firstlineno if inspect.isfunction(plain) else line_of_name(path, plain.__qualname__)
    else:
        line = line_of_name(path, info["fullname"])
    if line is None or not path.is_relative_to(CHECKOUT):
        return None
    return f"{REPOSITORY}/blob/{BRANCH}/{path.relative_to(CHECKOUT).as_posix()}#L{line}"


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx how docstrings are read."""
    app.connect("autodoc-process-docstring", _process_docstring)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
