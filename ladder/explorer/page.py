"""One HTML page from a payload: the template, the style and all modules in a single file that loads nothing.

A page that is opened from a file cannot import modules beside it, so the modules are put into one script: each becomes
a function that returns what it exports, in the order of their imports. They may use the plain forms of `import` and
`export` that `MODULE` describes, and no others.
"""

import importlib.resources
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jinja2
from markupsafe import Markup

from foundation.errors import InputError

ENTRY = "app.js"
"""The module that starts the page."""
IMPORT = re.compile(r'^import (?:\{([^}]*)\} from )?"\./([\w-]+\.js)";\n?', re.MULTILINE)
"""`import { a, b as c } from "./x.js";` or `import "./x.js";`, beginning a line."""
EXPORT = re.compile(r"^export ((?:async )?function\*?|class|const) (\w+)", re.MULTILINE)
"""`export` before a function, a class or a constant, beginning a line."""
UNKNOWN = re.compile(r"^(?:import|export)\b.*$|\bimport\(.*$|\bimport\.meta\b.*$", re.MULTILINE)
"""What is left of imports and exports of another form."""


def render(payload: Mapping[str, Any], language: str | None = None) -> str:
    """The page that shows a payload of `ladder.explorer.payload`. Raises `InputError` where one of its files is bad.

    It opens in `language`, "en" or "ko", and without one in that of the browser.
    """
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    page = environment.from_string(read_file("page.html.jinja")).render(
        title=payload["title"],
        language=language or "",
        style=Markup(inside_element(read_file("style.css"), "style")),
        script=Markup(inside_element(bundle(ENTRY), "script")),
        payload=Markup(inside_script(payload)),
    )
    return page.strip() + "\n"


def inside_script(value: Any) -> str:
    """A value as JSON that a script element may hold: without <, it cannot end the element or open a comment."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def inside_element(text: str, element: str) -> str:
    """The text of a style or script element. Raises `InputError` where it would end the element before its end."""
    if re.search(rf"</{element}|<!--", text, re.IGNORECASE):
        raise InputError(f"{element} of the page: expected no </{element} and no <!-- in it")
    return text


def bundle(entry: str, read: Callable[[str], str] | None = None) -> str:
    """A module and all that it imports, as one script in strict mode, in a block that keeps its names.

    `read` gives a module's text by its name; by default it is read beside this file. Raises `InputError` for a module
    that is missing, imports in a circle, or uses a form of import or export that is not read here.
    """
    sources = in_order(entry, read or read_file)
    parts = [wrapped(name, source, sources) for name, source in sources.items()]
    return '"use strict";\n{\n' + "\n".join(parts) + "}"


def in_order(entry: str, read: Callable[[str], str]) -> dict[str, str]:
    """The text of every module that the entry needs, each after those that it imports itself."""
    sources: dict[str, str] = {}

    def visit(name: str, path: tuple[str, ...]) -> None:
        if name in path:
            raise InputError(f"{name}: imports itself, by {' → '.join([*path, name])}")
        if name in sources:
            return
        source = read(name)
        for _, imported in imports(source):
            visit(imported, (*path, name))
        sources[name] = source

    visit(entry, ())
    return sources


def imports(source: str) -> Iterator[tuple[list[tuple[str, str]], str]]:
    """What a module imports: (name, its name here) for each, and from which module."""
    for names, module in IMPORT.findall(source):
        pairs = [re.split(r"\s+as\s+", name.strip()) for name in names.split(",") if name.strip()]
        yield [(pair[0], pair[-1]) for pair in pairs], module


def wrapped(name: str, source: str, sources: Mapping[str, str]) -> str:
    """A module as a constant: the object of its exports, made by a function in which it keeps its own names."""
    lines = []
    for pairs, module in imports(source):
        known = exports(sources[module])
        for original, _ in pairs:
            if original not in known:
                raise InputError(f"{name}: imports {original}, which {module} does not export")
        if pairs:
            names = ", ".join(a if a == b else f"{a}: {b}" for a, b in pairs)
            lines.append(f"const {{ {names} }} = {identifier(module)};")
    body = EXPORT.sub(r"\1 \2", IMPORT.sub("", source)).strip()
    if other := UNKNOWN.search(body):
        raise InputError(f"{name}: expected plain imports and exports, got {other.group(0)[:80]!r}")
    lines += [body, f"return {{ {', '.join(exports(source))} }};"]
    return "\n".join([f"const {identifier(name)} = (() => {{", *lines, "})();\n"])


def exports(source: str) -> list[str]:
    """The names that a module exports, in its order."""
    return [name for _, name in EXPORT.findall(source)]


def identifier(module: str) -> str:
    """The constant that holds a module's exports."""
    return "module_" + re.sub(r"\W", "_", module.removesuffix(".js"))


def read_file(name: str) -> str:
    """The text of a file of the explorer. Raises `InputError` for one that is missing."""
    path = importlib.resources.files("ladder.explorer") / name
    if not path.is_file():
        raise InputError(f"{name}: missing from the explorer, whose page is made of it")
    return path.read_text("utf-8")
