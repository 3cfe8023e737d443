"""Weights on disk: safetensors, with the architecture in the file. Nothing in such a file can run."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import safetensors
import safetensors.numpy

from foundation.architecture import Architecture, Parameters, check_parameters
from foundation.errors import InputError
from foundation.files import write_bytes

PICKLE = b"\x80"
"""A pickle begins with this byte (from protocol 2 on): so did torch.save's files until torch 1.6."""
ZIP = b"PK\x03\x04"
"""A zip archive begins with these: torch.save's files since torch 1.6, which hold a pickle; NumPy's .npz."""


def save_weights(path: str | Path, parameters: Parameters, architecture: Architecture) -> None:
    """Write parameters, all float32 or all float64, and their architecture; the file appears whole or not at all.

    Raises `InputError` where they do not fit the architecture or hold NaN (so every saved file can be loaded),
    and where the file cannot be written.
    """
    check_parameters(architecture, parameters, source=f"weights for {path}")
    # safetensors writes an array's memory as it lies: a transposed or strided view must be laid out first.
    contiguous = {name: np.ascontiguousarray(value) for name, value in parameters.items()}
    metadata = {"architecture": json.dumps(dataclasses.asdict(architecture))}
    write_bytes(path, safetensors.numpy.save(contiguous, metadata))


def load_weights(path: str | Path, architecture: Architecture | None = None) -> tuple[Parameters, Architecture]:
    """Read parameters and the architecture they belong to; `architecture`, if given, is what they must fit.

    A safetensors file from elsewhere, without our metadata, is read where `architecture` says what it holds.
    Raises `InputError` for a file that is missing, damaged, a pickle, of another architecture, or holds NaN.
    """
    path = Path(path)
    check_safetensors(path)
    tensors, metadata = _read(path)
    if "architecture" in metadata:
        stored = _parse_architecture(path, metadata["architecture"])
        if architecture not in (None, stored):
            raise InputError(f"{path}: {_difference(stored, architecture)}")
        architecture = stored
    if architecture is None:
        raise InputError(f"{path}: holds no architecture in its metadata, as `save_weights` writes it")
    check_parameters(architecture, tensors, source=str(path))
    return {name: tensors[name] for name in architecture.parameter_shapes()}, architecture


def check_safetensors(path: Path) -> None:
    """Raise `InputError` for what is no safetensors file: missing, damaged, or a pickle, which could run code."""
    if not path.is_file():
        raise InputError(f"{path}: {'a folder' if path.is_dir() else 'no such file'}, expected a .safetensors file")
    try:
        with safetensors.safe_open(path, framework="numpy"):
            pass
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error})") from error
    except safetensors.SafetensorError as error:
        raise InputError(f"{path}: {_what_it_is(path)}") from error


def _read(path: Path) -> tuple[Parameters, dict[str, str]]:
    """Every tensor of a safetensors file and its metadata."""
    with safetensors.safe_open(path, framework="numpy") as file:
        names = list(file.keys())
        for name in names:
            # Asked before reading, since NumPy has no type for bfloat16 and its kin.
            if (dtype := file.get_slice(name).get_dtype()) not in ("F32", "F64"):
                raise InputError(f"{path}: tensor {name!r} is {dtype}, expected F32 or F64")
        return {name: file.get_tensor(name) for name in names}, file.metadata() or {}


def _what_it_is(path: Path) -> str:
    """Say why a file is no safetensors file, from its first bytes."""
    with open(path, "rb") as file:
        start = file.read(4)
    if start.startswith(PICKLE) or start == ZIP:
        kind = "a zip archive as torch.save writes it, with a pickle inside" if start == ZIP else "a pickle"
        return f"{kind}; refused, since loading a pickle can run code; expected a .safetensors file"
    return "truncated or damaged, or no safetensors file at all"


def _parse_architecture(path: Path, text: str) -> Architecture:
    """The architecture that a file claims to hold."""
    try:
        fields = json.loads(text)
        return Architecture(**{name: tuple(v) if isinstance(v, list) else v for name, v in fields.items()})
    except (AttributeError, TypeError, ValueError) as error:
        raise InputError(f"{path}: its metadata name no valid architecture: {text[:200]!r}") from error


def _difference(found: Architecture, expected: Architecture) -> str:
    """The first field in which two architectures differ, and the first tensor whose shape shows it."""
    field = next(f.name for f in dataclasses.fields(found) if getattr(found, f.name) != getattr(expected, f.name))
    line = f"weights of another architecture: {field} is {getattr(found, field)}, expected {getattr(expected, field)}"
    shapes = expected.parameter_shapes()
    for name, shape in found.parameter_shapes().items():
        if shape != shapes[name]:
            return f"{line} (first tensor that differs: {name!r} has shape {shape}, expected {shapes[name]})"
    return line
