"""Dataclasses from JSON: one reader for every file that a run folder holds, which checks types, ranges and names."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, get_args

import msgspec

from foundation.errors import InputError, shown, suggest

Kind = TypeVar("Kind")


def from_json(kind: Callable[..., Kind], value: Any) -> Kind:
    """An instance of a dataclass from a JSON value; lists become tuples and text becomes paths where fields say so.

    `kind` is the dataclass, or a generic one with its parameters filled in, such as TrainOptions[VAEOptions].

    Raises `ValueError` that names the field, for a missing or unknown field and for a value of another type or range.
    """
    _refuse_unknown(kind, value, "")
    chosen: Any = kind  # a generic dataclass with parameters is no `type`
    return msgspec.convert(value, chosen, dec_hook=_decode)


def read_object(text: bytes | str, source: str) -> dict[str, Any]:
    """A JSON object as the standard has it: UTF-8, no NaN, no infinity, no half of a surrogate pair.

    Raises `InputError` that begins with its source for anything else.
    """
    try:
        value = msgspec.json.decode(text)
    except (ValueError, RecursionError) as error:  # UnicodeEncodeError is a ValueError, too
        raise InputError(f"{source}: damaged, expected a JSON object ({error})") from error
    if not isinstance(value, dict):
        raise InputError(f"{source}: expected a JSON object, got {shown(repr(value))}")
    return value


def _decode(kind: type, value: Any) -> Any:
    if kind is Path and isinstance(value, str) and "\0" not in value:
        return Path(value)
    raise ValueError(f"Expected `{kind.__name__}`, got `{type(value).__name__}`")


def _refuse_unknown(kind: Any, value: Any, where: str) -> None:
    """Raise `ValueError` for a key that is no field; msgspec passes over them in dataclasses."""
    origin = getattr(kind, "__origin__", kind)
    if not dataclasses.is_dataclass(origin):
        # Perhaps one stands inside: Annotated[list[..], ..], or .. | None.
        for inner in filter(dataclasses.is_dataclass, (*get_args(origin), *get_args(kind))):
            for i, item in enumerate(value) if isinstance(value, list) else [("", value)]:
                _refuse_unknown(inner, item, f"{where}{i}.".lstrip("."))
        return
    if not isinstance(value, dict):
        return
    fields = {field.name: field for field in dataclasses.fields(origin)}
    for key in value.keys() - fields.keys():
        raise ValueError(f"{where}{shown(key)}: unknown, expected one of {', '.join(fields)}{suggest(key, fields)}")
    arguments = dict(zip(getattr(origin, "__parameters__", ()), getattr(kind, "__args__", ()), strict=False))
    for name, field in fields.items():
        inner = arguments.get(field.type, field.type)
        inner = arguments.get(getattr(inner, "__origin__", inner), inner)
        _refuse_unknown(inner, value.get(name), f"{where}{name}.")
