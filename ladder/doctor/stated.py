"""Numbers that a file states: in its models, in default values, in its globals, and in its text."""

import ast
import re
from collections.abc import Callable
from functools import partial
from typing import Any

from torch import nn

from ladder.doctor.measured import WEIGHTS
from ladder.doctor.steps import Subject

WEIGHT = re.compile("|".join((*WEIGHTS, "capacity", "scale")), re.IGNORECASE)
COUNTER = re.compile(r"step|iter|epoch|count|batch_idx", re.IGNORECASE)
KL = re.compile(r"kl|regul|latent_loss", re.IGNORECASE)
RECORDS = ("hparams", "config", "cfg", "args", "options", "opt", "hp")
"""Names of objects that hold the options of a file."""
MOST = 60

Number = tuple[str, Any, Callable[[Any], None]]
"""A name, a value, and how to set another one"""


def numbers_of(subject: Subject) -> list[Number]:
    """Numbers that can be set while the model is there, those named like weights or counters first."""
    found: list[Number] = []
    for module in subject.model.modules() if subject.model is not None else ():
        if type(module).__module__.startswith("torch."):
            continue
        for name, value in [*vars(module).items()]:
            if type(value) in (int, float) and not name.startswith("__"):
                found.append((name, value, partial(object.__setattr__, module, name)))
            elif name in RECORDS and hasattr(value, "__dict__"):
                found += _fields(value)
    namespace = subject.loaded.namespace
    for name, value in [*namespace.items()]:
        if type(value) in (int, float):
            found.append((name, value, partial(namespace.__setitem__, name)))
        elif name in RECORDS and hasattr(value, "__dict__"):
            found += _fields(value)
    found += [(name, value, partial(subject.assumed.__setitem__, name)) for name, value in subject.assumed.items()]
    found += _defaults(namespace, subject.model)
    return sorted(found, key=lambda number: not (WEIGHT.search(number[0]) or COUNTER.search(number[0])))[:MOST]


def _fields(record: Any) -> list[Number]:
    numbers = [(name, value) for name, value in vars(record).items() if type(value) in (int, float)]
    return [(name, value, partial(object.__setattr__, record, name)) for name, value in numbers]


def _defaults(namespace: dict[str, Any], model: nn.Module | None) -> list[Number]:
    """Numbers that are default values of functions and methods."""
    values = [*namespace.values(), *(vars(model).values() if model is not None else ())]
    found: list[Number] = []
    for wrapped in values:
        if not hasattr(wrapped, "__wrapped__"):
            continue
        function = getattr(wrapped.__wrapped__, "__func__", wrapped.__wrapped__)
        code, defaults = getattr(function, "__code__", None), getattr(function, "__defaults__", None) or ()
        names = code.co_varnames[code.co_argcount - len(defaults) : code.co_argcount] if code is not None else ()
        for place, (name, value) in enumerate(zip(names, defaults, strict=False)):
            if type(value) in (int, float):
                found.append((name, value, partial(_set_default, function, place)))
        named = getattr(function, "__kwdefaults__", None) or {}
        for name, value in named.items():
            if type(value) in (int, float):
                found.append((name, value, partial(named.__setitem__, name)))
    return found


def _set_default(function: Any, place: int, value: Any) -> None:
    defaults = list(function.__defaults__)
    defaults[place] = value
    function.__defaults__ = tuple(defaults)


def constants_of(source: str) -> list[float]:
    """Numbers in a file's text that stand before something like a KL, or have a weight's name."""
    found = []
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return []
    for node in ast.walk(tree):
        match node:
            case ast.BinOp(op=ast.Mult(), left=ast.Constant(value=float() | int() as value), right=other):
                found += [value] if KL.search(ast.unparse(other)) else []
            case ast.BinOp(op=ast.Mult(), left=other, right=ast.Constant(value=float() | int() as value)):
                found += [value] if KL.search(ast.unparse(other)) else []
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=float() | int() as value)):
                found += [value] if WEIGHT.search(name) else []
            case ast.keyword(arg=str(name), value=ast.Constant(value=float() | int() as value)):
                found += [value] if WEIGHT.search(name) else []
    return [float(value) for value in found if value not in (0, 1, True, False)]
