"""Notebooks as answers: the definitions of their cells as one Python file."""

import ast
import functools
import json
import re
from pathlib import Path
from typing import Any

from exercises.kit.catalogue import Entry, catalogue

LARGEST = 32 << 20
"""Bytes of a notebook, whose pictures are in it."""
KEPT = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
HEAD = "# Made from {name}: its imports, functions, classes and constants.\n"


def is_notebook(path: Path) -> bool:
    return path.suffix.lower() == ".ipynb"


def cells_of(path: Path) -> list[str]:
    """The texts of its code cells; none where the file cannot be read as a notebook."""
    try:
        if path.stat().st_size > LARGEST:
            return []
        content: Any = json.loads(path.read_bytes())
        sheets = [content] if "cells" in content else content["worksheets"]  # the second in format 3
        cells = [cell for sheet in sheets for cell in sheet["cells"]]
        return [_text(cell) for cell in cells if cell.get("cell_type") == "code"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return []


def _text(cell: dict[str, Any]) -> str:
    source = cell.get("source", cell.get("input", ""))
    text = "".join(source) if isinstance(source, list) else str(source)
    lines = ["" if re.match(r"\s*[%!?]", line) else line for line in text.splitlines()]  # IPython's own commands
    return "\n".join(lines)


def _statements(text: str) -> list[ast.stmt]:
    try:
        return ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []


@functools.cache
def functions_of(entry: Entry) -> frozenset[str]:
    """The functions that an exercise's stub asks for."""
    body = ast.parse(entry.stub.read_text(encoding="utf-8")).body
    return frozenset(node.name for node in body if isinstance(node, ast.FunctionDef) and node.name[0] != "_")


def exercises_in(path: Path) -> list[str]:
    """The exercises of which a notebook defines more than half of the functions; of two with a name in common, the one
    of which it defines more."""
    defined = {node.name for text in cells_of(path) for node in _statements(text) if isinstance(node, ast.FunctionDef)}
    shares = {entry.name: functions_of(entry) for entry in catalogue()}
    likely = {name: names & defined for name, names in shares.items() if 2 * len(names & defined) > len(names)}
    return sorted(
        name
        for name, found in likely.items()
        if not any(found < other or (found & other and len(other) > len(found)) for other in likely.values())
    )


def script_of(path: Path, entry: Entry) -> str:
    """One Python file of what a notebook defines.

    Calls, plots and prints are left out, since they are its author's trials and may take long or fail. A constant whose
    cell fails here is left out in silence. The last definition of a name counts, as when the cells are run in order.
    """
    parts = [HEAD.format(name=path.name)]
    for number, text in enumerate(cells_of(path), start=1):
        for node in _statements(text):
            source = ast.get_source_segment(text, node, padded=True) or ""
            lines = [*(item.lineno for item in getattr(node, "decorator_list", [])), node.lineno]
            if min(lines) < node.lineno:
                source = "\n".join(text.splitlines()[min(lines) - 1 : node.end_lineno])
            if isinstance(node, KEPT):
                parts.append(f"# cell {number}, line {min(lines)}\n{source}\n")
            elif isinstance(node, ast.Assign | ast.AnnAssign):
                indented = "\n".join(f"    {line}" for line in source.splitlines())
                parts.append(f"# cell {number}, line {min(lines)}\ntry:\n{indented}\nexcept Exception:\n    pass\n")
    return "\n".join(parts)


def place_in_notebook(script: str, line: int) -> str:
    """The cell and line of a line of `script_of`."""
    lines = script.splitlines()
    for start in range(min(line, len(lines)) - 1, -1, -1):
        if match := re.fullmatch(r"# cell (\d+), line (\d+)", lines[start]):
            return f"cell {match[1]}, line {int(match[2]) + line - start - 2}"
    return ""
