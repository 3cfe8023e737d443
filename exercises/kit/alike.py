"""Answers that are the same up to names: a hint to look at both, and never more than that.

Short functions are often the same without anyone having copied, so a file counts only from a certain size.
"""

import ast
import hashlib

from exercises.kit.catalogue import Entry
from exercises.kit.notebooks import functions_of

SMALLEST = 120
"""Nodes of the syntax tree, without imports, docstrings and annotations; the solution of 04 in its shortest form has
about 90."""


def fingerprint(text: str, entry: Entry) -> str:
    """A hash of an answer's functions without names, comments and layout; empty where there is too little to tell.

    Names that the file itself gives are replaced by their number; those of NumPy and Python stay.
    """
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ""
    functions = [node for node in body if isinstance(node, ast.FunctionDef) and node.name in functions_of(entry)]
    helpers = [node for node in body if isinstance(node, ast.FunctionDef) and node not in functions]
    tree = ast.Module([*sorted(functions, key=lambda node: node.name), *helpers], [])
    _strip(tree)
    own = {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    own |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    own |= {node.name for node in helpers}
    numbers: dict[str, str] = {}
    count = 0
    for node in ast.walk(tree):
        count += 1
        for field in ("id", "arg", "name"):
            name = getattr(node, field, None)
            if isinstance(name, str) and name in own:
                setattr(node, field, numbers.setdefault(name, f"name{len(numbers)}"))
    if count < SMALLEST:
        return ""
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()


def _strip(tree: ast.Module) -> None:
    """Remove what does not compute: docstrings, annotations, decorators."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            node.returns, node.decorator_list = None, []
            if ast.get_docstring(node) is not None:
                node.body = node.body[1:] or [ast.Pass()]
        elif isinstance(node, ast.arg):
            node.annotation = None


def groups(fingerprints: dict[tuple[str, str], str]) -> list[tuple[str, list[str]]]:
    """(exercise, learners) of every fingerprint that more than one learner has; the keys are (learner, exercise)."""
    found: dict[tuple[str, str], list[str]] = {}
    for (learner, exercise), fingerprint in fingerprints.items():
        if fingerprint:
            found.setdefault((exercise, fingerprint), []).append(learner)
    return sorted((exercise, learners) for (exercise, _), learners in found.items() if len(learners) > 1)
