"""Dataclasses from JSON: one reader for every file that a run folder holds, which checks types, ranges and names."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec

Kind = TypeVar("Kind")


def from_json(kind: Callable[..., Kind], value: Any) -> Kind:
    """An instance of a dataclass from a JSON value; lists become tuples and text becomes paths where fields say so.

    `kind` is the dataclass, or a generic one with its parameters filled in, such as TrainOptions[VAEOptions].

    Raises `ValueError` that names the field, for a missing or unknown field and for a value of another type or range.
    """
    _refuse_unknown(kind, value, "")
    chosen: Any = kind  # a generic dataclass with parameters is no `type`
    return msgspec.convert(value, chosen, dec_hook=_decode)


def read_object(text: bytes, source: str) -> dict[str, Any]:
    """A JSON object. Raises `ValueError` that begins with its source for anything else."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{source}: damaged, expected a JSON object ({error})") from error
    if not isinstance(value, dict):
        raise ValueError(f"{source}: expected a JSON object, got {text[:40]!r}")
    return value


def _decode(kind: type, value: Any) -> Any:
    if kind is Path and isinstance(value, str):
        return Path(value)
    raise NotImplementedError


def _refuse_unknown(kind: Any, value: Any, where: str) -> None:
    """Raise `ValueError` for a key that is no field; msgspec passes over them in dataclasses."""
    origin = getattr(kind, "__origin__", kind)
    if not (dataclasses.is_dataclass(origin) and isinstance(value, dict)):
        return
    fields = {field.name: field for field in dataclasses.fields(origin)}
    for key in value.keys() - fields.keys():
        raise ValueError(f"{where}{key}: unknown, expected one of {', '.join(fields)}")
    arguments = dict(zip(getattr(origin, "__parameters__", ()), getattr(kind, "__args__", ()), strict=False))
    for name, field in fields.items():
        inner = arguments.get(field.type, field.type)
        inner = arguments.get(getattr(inner, "__origin__", inner), inner)
        _refuse_unknown(inner, value.get(name), f"{where}{name}.")
