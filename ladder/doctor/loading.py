"""The user's file as a namespace, and the model in it.

A file's statements run one after another, and one that fails is left out: published files load data, read arguments and
begin to train where they are imported. What the model needs is what counts.
"""

import ast
import importlib
import inspect
import sys
import types
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

LATENT, CLASSES = 8, 10
SIZES = {
    "latent": ("latent", "z_dim", "zdim", "n_z", "nz", "dim_z", "z_size", "code", "embedding", "bottleneck"),
    "hidden": ("hidden", "h_dim", "n_h", "dim_h", "units", "width", "intermediate", "mlp"),
    "channels": ("channel", "in_ch", "n_c", "nc"),
    "input": ("input", "x_dim", "in_dim", "in_features", "data_dim", "n_in", "obs", "feature", "dim_x", "image_dim"),
    "classes": ("class", "n_labels", "num_labels"),
    "side": ("image_size", "img_size", "side", "height", "width"),
}
"""Beginnings and parts of the names of a constructor's arguments."""
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
    """Statements that failed, each as "line 12: KeyError: 'x'"."""


def load_file(path: Path, copy: Path, definitions_only: bool) -> Loaded:
    """Run a file's statements, read from a copy; with `definitions_only` without its loops and calls.

    Raises NotFoundError for what is no Python.
    """
    try:
        source = copy.read_text(encoding="utf-8")
        ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise NotFoundError(f"expected Python, got {type(error).__name__}: {short(error)}") from error
    tree = ast.parse(source, str(path))
    module = types.ModuleType("doctor_model")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module
    sys.path.insert(0, str(path.parent))
    sys.argv = [str(path)]
    left_out = []
    for statement in tree.body:
        if definitions_only and not isinstance(statement, DEFINITIONS):
            continue
        body: list[ast.stmt] = [statement]
        if isinstance(statement, ast.ImportFrom) and statement.module == "__future__":
            continue
        try:
            exec(compile(ast.Module(body, []), str(path), "exec"), vars(module))
        except (Exception, SystemExit) as error:
            left_out.append(f"line {statement.lineno}: {type(error).__name__}: {short(error)}")
    return Loaded(vars(module), module.__name__, source, left_out)


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
        value = eval(make, loaded.namespace)
        if not isinstance(value, nn.Module):
            raise NotFoundError(f"--make {make}: expected a torch module, got {type(value).__name__}")
        return [Made(value, make)]
    if name and name not in loaded.namespace:
        raise NotFoundError(f"expected something named {name}, found none")
    found = {name: loaded.namespace[name]} if name else _own_models(loaded)
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


def _own_models(loaded: Loaded) -> dict[str, Any]:
    return {key: value for key, value in loaded.namespace.items() if _is_own(value, loaded)}


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
    """VAEs by name first, then what has an encoder and a decoder; classes after instances; losses never."""
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
    name = parameter.name.lower()
    if name == "device":
        return torch.device("cpu")
    for what, words in SIZES.items():
        if any(word in name for word in words):
            is_list = "list" in str(parameter.annotation).lower() or (name.endswith("s") and what == "hidden")
            return [meaning[what]] if is_list and what == "hidden" and "dims" in name else meaning[what]
    return None


def quietly() -> None:
    """No warnings: they would be printed for every probe."""
    warnings.simplefilter("ignore")
