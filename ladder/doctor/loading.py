"""The user's file as a namespace, and the model in it.

A file's statements run one after another, and one that fails is left out: published files load data, read arguments and
begin to train where they are imported. What the model needs is what counts.
"""

import ast
import importlib
import inspect
import re
import sys
import types
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

LATENT, CLASSES = 8, 10
SIZES = {
    "latent": "latent|z_dim|zdim|n_z|nz|dim_z|z_size|code|embedding|bottleneck",
    "hidden": "hidden|h_dim|n_h|dim_h|unit|width|intermediate|mlp|encoder_dim|decoder_dim",
    "channels": "channel|in_ch|n_c|nc",
    "input": "input|x_dim|in_dim|data_dim|n_in|obs|feature|dim_x|image_dim",
    "classes": "class|label",
    "side": "image_size|img_size|side|height",
}
"""Words in the names of a constructor's arguments. Each stands between underscores, may be a plural, and may have a
number, "dim" or "size" at its end."""
LISTS = re.compile("list|sequence|tuple", re.IGNORECASE)
DEFINITIONS = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign, ast.If, ast.Try)


class NotFoundError(Exception):
    """What was to be examined is not there, in one line."""


class Loaded(NamedTuple):
    """A file that has run."""

    namespace: dict[str, Any]
    module: str
    """The name under which its functions and classes know it"""
    source: str
    left_out: list[str]
    """Statements that failed, each as "line 12: KeyError: 'x'"; before them, those that were not run"""


def load_file(path: Path, copy: Path, definitions_only: bool) -> Loaded:
    """Run a file's statements, read from a copy; with `definitions_only`, of those at its top only DEFINITIONS.

    The file's imports from `__future__` hold for every statement. Raises NotFoundError for what is no Python.
    """
    try:
        source = copy.read_text(encoding="utf-8")
        tree = ast.parse(source, str(path))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise NotFoundError(f"expected Python, got {type(error).__name__}: {short(error)}") from error
    module = types.ModuleType("doctor_model")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module
    sys.path.insert(0, str(path.parent))
    sys.argv = [str(path)]
    futures: list[ast.stmt] = [s for s in tree.body if isinstance(s, ast.ImportFrom) and s.module == "__future__"]
    left_out, skipped = list[str](), list[str]()
    for statement in tree.body:
        if definitions_only and not isinstance(statement, DEFINITIONS):
            skipped += [] if _is_text(statement) else [str(statement.lineno)]
            continue
        try:
            exec(compile(ast.Module([*futures, statement], []), str(path), "exec"), vars(module))
        except (Exception, SystemExit) as error:
            left_out.append(f"line {statement.lineno}: {type(error).__name__}: {short(error)}")
    if skipped:
        lines = ", ".join(skipped[:5]) + ", …" * (len(skipped) > 5)
        left_out.insert(0, f"statements that are no definitions, as the file ran too long: lines {lines}")
    return Loaded(vars(module), module.__name__, source, left_out)


def _is_text(statement: ast.stmt) -> bool:
    """Whether a statement is a docstring, or another constant."""
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def load_module(name: str, folder: Path) -> Loaded:
    """Import a module, which may lie in the working folder."""
    sys.path.insert(0, str(folder))
    module = importlib.import_module(name)
    try:
        source = inspect.getsource(module)
    except (OSError, TypeError):
        source = ""
    return Loaded(vars(module), module.__name__, source, [])


def short(error: BaseException) -> str:
    """The first line of an exception's text."""
    try:
        return (str(error).splitlines() or [""])[0][:200]
    except Exception:
        return "an exception whose text cannot be shown"


# The model


class Made(NamedTuple):
    """A model, and the expression that made it."""

    model: nn.Module | None
    text: str


def find_models(loaded: Loaded, name: str, make: str) -> list[Made]:
    """The model that the user names, or those that the file may mean, made in every way that is guessed.

    Without a model the one entry is of a file of functions. Raises NotFoundError where a named one is not there, or
    the file's VAE cannot be made.
    """
    if make:
        try:
            value = eval(make, loaded.namespace)
        except Exception as error:
            raise NotFoundError(f"--make {make}: {type(error).__name__}: {short(error)}") from error
        if not isinstance(value, nn.Module):
            raise NotFoundError(f"--make {make}: expected a torch module, got {type(value).__name__}")
        return [Made(value, make)]
    if name and name not in loaded.namespace:
        raise NotFoundError(f"expected something named {name}, found none")
    own = {key: value for key, value in loaded.namespace.items() if _is_own(value, loaded)}
    found = {name: loaded.namespace[name]} if name else own
    order = sorted(found, key=lambda key: _rank(key, found[key], list(found).index(key)))
    for key in order:
        value = found[key]
        if isinstance(value, nn.Module):
            return [Made(value, key)]
        made, failures = _made(key, value) if inspect.isclass(value) else ([], [])
        if made:
            return made
        if name or _rank(key, value, 0)[0] == 0:
            reason = failures[0] if failures else f"{key}: its arguments have no default values"
            raise NotFoundError(f"{reason}; give --make, such as --make '{key}(784, 20)'")
    return [Made(None, "functions")]


def _made(key: str, kind: type) -> tuple[list[Made], list[str]]:
    """The instances of a class by every guess that works, and the errors of the others."""
    made, failures = [], []
    for arguments in guesses(kind):
        text = f"{key}({', '.join(f'{name}={value!r}' for name, value in arguments.items())})"
        try:
            made.append(Made(kind(**arguments), text))
        except Exception as error:
            failures.append(f"{text}: {type(error).__name__}: {short(error)}".rstrip(": "))
    return made, failures


def _is_own(value: Any, loaded: Loaded) -> bool:
    if isinstance(value, nn.Module):
        return type(value).__module__ == loaded.module
    return inspect.isclass(value) and issubclass(value, nn.Module) and value.__module__ == loaded.module


def _rank(name: str, value: Any, place: int) -> tuple[int, int, int]:
    """The order of trial: VAEs by name or methods, other modules, parts, losses; of a kind, instances first, and the
    latest of them.
    """
    kind = value if inspect.isclass(value) else type(value)
    words = f"{name} {kind.__name__}".lower()
    if "loss" in words or "dataset" in words:
        return 3, 1, place
    is_vae = "vae" in words or "variational" in words or "autoencoder" in words
    part = any(word in words for word in ("encoder", "decoder", "block", "layer")) and "autoencoder" not in words
    has = {"encode", "decode", "reparameterize", "loss_function", "training_step"} & set(dir(kind))
    return (0 if (is_vae and not part) or has else 2 if part else 1), int(inspect.isclass(value)), -place


def guesses(kind: type) -> list[dict[str, Any]]:
    """Arguments with which a class may be made: none, or sizes by the names that papers and tutorials use."""
    try:
        given = inspect.signature(kind).parameters.values()
    except (ValueError, TypeError):
        return [{}]
    required = [p for p in given if p.default is p.empty and p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    if not required:
        return [{}]
    values = []
    for pixels, channels, side in ((784, 1, 28), (3072, 3, 32), (12288, 3, 64)):
        meaning = {
            "latent": LATENT,
            "hidden": 64,
            "channels": channels,
            "input": pixels,
            "side": side,
            "classes": CLASSES,
        }
        guess = {p.name: value for p in required if (value := _size(p, meaning)) is not None}
        values += [guess] if len(guess) == len(required) and guess not in values else []
    return values


def _size(parameter: inspect.Parameter, meaning: dict[str, int]) -> Any:
    """What an argument's name means, as a list where its annotation, or the plural "hidden_dims", says so."""
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", parameter.name).lower()
    if name == "device":
        return torch.device("cpu")
    for what, words in SIZES.items():
        if re.search(rf"(^|_)({words})(e?s)?(dims?|size)?\d*(_|$)", name):
            is_list = what == "hidden" and name.endswith("dims")
            if parameter.annotation is not parameter.empty:
                is_list = LISTS.search(str(parameter.annotation)) is not None
            return [meaning[what]] if is_list else meaning[what]
    return None
