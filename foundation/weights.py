"""Weights on disk: safetensors, with a description of the model in the file. Nothing in such a file can run."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import safetensors
import safetensors.numpy

from foundation.architecture import Architecture, Parameters
from foundation.errors import InputError
from foundation.files import write_bytes
from foundation.rung import Description, architecture_of, describe_architecture, is_main_vae
from foundation.schema import from_json

PICKLE = b"\x80"
"""First byte of a pickle (from protocol 2 on), and so of torch.save's files until torch 1.6."""
ZIP = b"PK\x03\x04"
"""First bytes of a zip archive: torch.save's files since torch 1.6, which hold a pickle; NumPy's .npz."""
DTYPES = ("F32", "F64")


def save_weights(path: str | Path, parameters: Parameters, description: Description) -> None:
    """Write parameters, all float32 or all float64, with the description of their model.

    The file appears whole or not at all. Raises `InputError` where the parameters do not fit the model or hold NaN or
    infinity, so that every saved file can be loaded, and where the file cannot be written.
    """
    check_tensors(parameters, description, f"weights for {path}")
    write_bytes(path, to_bytes(parameters, describe(description)))


def describe(description: Description) -> dict[str, str]:
    """The description as the metadata of a file: every value is JSON, the model's name plain text."""
    fields = dataclasses.asdict(description)
    return {"model": fields.pop("model")} | {name: json.dumps(value) for name, value in fields.items()}


def to_bytes(tensors: Parameters, metadata: dict[str, str]) -> bytes:
    """A safetensors file, the same for equal tensors and metadata."""
    # safetensors writes an array's memory as it lies: a transposed or strided view must be laid out first. ascontiguous
    # would also turn a scalar into a row.
    contiguous = {name: np.array(value, order="C", copy=None) for name, value in tensors.items()}
    blob = safetensors.numpy.save(contiguous, metadata)
    # It writes the entries of the metadata in any order: the header, JSON behind its length, is written again in one.
    size = int.from_bytes(blob[:8], "little")
    header = json.loads(blob[8 : 8 + size])
    header = {"__metadata__": dict(sorted(metadata.items()))} | {n: v for n, v in header.items() if n != "__metadata__"}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # the tensors begin at a multiple of 8
    return len(text).to_bytes(8, "little") + text + blob[8 + size :]


def load_weights(path: str | Path, description: Description | None = None) -> tuple[Parameters, Description]:
    """Read parameters and the description of their model; `description`, if given, is what they must fit.

    The parameters of the main files' VAE come in the order of `Architecture.parameter_shapes`. A safetensors file from
    elsewhere, without our metadata, is read where `description` is given.
    Raises `InputError` for a file that is missing, damaged, a pickle, of another model, or holds NaN.
    """
    path = Path(path)
    tensors, metadata = read_tensors(path)
    stored = read_description(path, metadata)
    if stored is not None and description is not None and (difference := differ(stored, description)):
        raise InputError(f"{path}: {difference}")
    found = description or stored
    if found is None:
        raise InputError(f"{path}: holds no description of its model in its metadata, as `save_weights` writes it")
    check_tensors(tensors, found, path)
    if not is_main_vae(found):
        return tensors, found
    return {name: tensors[name] for name in architecture_of(found).parameter_shapes()}, found


def check_tensors(tensors: Parameters, description: Description, source: str | Path) -> None:
    """Raise `InputError` for mixed or unknown dtypes, numbers that are not finite, and tensors that do not fit.

    Only the VAE of the main files has shapes that are known here; of another model, what is made of it checks them.
    """
    if is_main_vae(description):
        check_fit(tensors, architecture_of(description).parameter_shapes(), source)
    for name, value in tensors.items():
        if not np.isfinite(value).all():
            raise InputError(f"{source}: tensor {name!r} holds NaN or infinity")
    dtypes = {np.asarray(value).dtype for value in tensors.values()}
    if dtypes not in ({np.dtype(np.float32)}, {np.dtype(np.float64)}):
        raise InputError(f"{source}: expected all float32 or all float64, got {', '.join(sorted(map(str, dtypes)))}")


def read_tensors(path: Path) -> tuple[Parameters, dict[str, str]]:
    """Every tensor of a safetensors file and its metadata; `InputError` for any other file."""
    check_safetensors(path)
    with safetensors.safe_open(path, framework="numpy") as file:
        names = list(file.keys())
        for name in names:
            # Asked before reading, since NumPy has no type for bfloat16 and its kin.
            if (dtype := file.get_slice(name).get_dtype()) not in DTYPES:
                raise InputError(f"{path}: tensor {name!r} is {dtype}, expected F32 or F64")
        return {name: file.get_tensor(name) for name in names}, file.metadata() or {}


def read_metadata(path: Path) -> dict[str, str]:
    """The metadata of a safetensors file, without its tensors; `InputError` for any other file."""
    check_safetensors(path)
    with safetensors.safe_open(path, framework="numpy") as file:
        return file.metadata() or {}


def read_description(path: Path, metadata: dict[str, str]) -> Description | None:
    """The description in a file's metadata; None where there is none. Raises `InputError` for a damaged one."""
    try:
        if "architecture" in metadata:  # as version 0.1 wrote the weights of a rung
            return describe_architecture(from_json(Architecture, json.loads(metadata["architecture"])))
        if "model" not in metadata:
            return None
        options = json.loads(metadata["options"])
        channels, height, width = map(int, json.loads(metadata["image_shape"]))
        if not isinstance(options, dict):
            raise ValueError(f"options: expected an object, got {options!r}")
        found = Description(metadata["model"], options, (channels, height, width), int(metadata["class_count"]))
        if is_main_vae(found):
            architecture_of(found)  # refuses sizes that are none
        return found
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: its metadata describe no model ({error})") from error


def differ(found: Description, expected: Description) -> str:
    """The first difference between two models that matters to their tensors, in words; empty where there is none."""
    names = ("latent_dim", "channels", "hidden_dims", "network", "codes", "code_dim", "condition")
    pairs = {name: (found.options.get(name), expected.options.get(name)) for name in names}
    for name, pair in (pairs | {"image_shape": (found.image_shape, expected.image_shape)}).items():
        one, other = (tuple(value) if isinstance(value, list) else value for value in pair)
        if None not in (one, other) and one != other:
            return f"weights of another model: {name} is {one}, expected {other}{where(found, expected)}"
    return ""


def where(found: Description, expected: Description) -> str:
    """The first tensor whose shape shows that two models differ, in words; empty for models of unknown shapes."""
    if not (is_main_vae(found) and is_main_vae(expected)):
        return ""
    shapes = architecture_of(expected).parameter_shapes()
    for name, shape in architecture_of(found).parameter_shapes().items():
        if shape != shapes[name]:
            return f" (first tensor that differs: {name!r} has shape {shape}, expected {shapes[name]})"
    return ""


def check_fit(tensors: Parameters, shapes: dict[str, tuple[int, ...]], source: str | Path) -> None:
    """Raise `InputError` naming the first tensor that is missing, unknown or of another shape."""
    for name in sorted(shapes.keys() ^ tensors.keys()):
        raise InputError(f"{source}: tensor {name!r} is {'missing' if name in shapes else 'unknown'}")
    for name, value in tensors.items():
        if tuple(value.shape) != tuple(shapes[name]):
            raise InputError(f"{source}: tensor {name!r} has shape {tuple(value.shape)}, expected {shapes[name]}")


def check_moments(state: Parameters, shapes: dict[str, tuple[int, ...]], source: str | Path) -> None:
    """Raise `InputError` unless `state` is what Adam remembers of parameters of these shapes after some steps."""
    moments = ("exp_avg", "exp_avg_sq", "step")
    check_fit(state, {f"{name}.{m}": () if m == "step" else shapes[name] for name in shapes for m in moments}, source)
    for name, value in state.items():
        if not np.isfinite(value).all() or (not name.endswith("exp_avg") and (value < 0).any()):
            raise InputError(f"{source}: tensor {name!r} holds NaN, infinity or a negative number")
    if len({float(value) for name, value in state.items() if name.endswith(".step")}) != 1:
        raise InputError(f"{source}: expected every parameter after the same number of steps")


def check_safetensors(path: Path) -> None:
    """Raise `InputError` for what is no safetensors file: missing, damaged, or a pickle, which can run code."""
    if not path.is_file():
        raise InputError(f"{path}: {'a folder' if path.is_dir() else 'no such file'}, expected a .safetensors file")
    try:
        with safetensors.safe_open(path, framework="numpy"):
            pass
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error})") from error
    except safetensors.SafetensorError as error:
        raise InputError(f"{path}: {_reason(path)}") from error


def _reason(path: Path) -> str:
    """Why a file is no safetensors file, from its first bytes."""
    with open(path, "rb") as file:
        start = file.read(4)
    if start.startswith(PICKLE) or start == ZIP:
        kind = "a zip archive as torch.save writes it, with a pickle inside" if start == ZIP else "a pickle"
        return f"{kind}; refused, since loading a pickle can run code; expected a .safetensors file"
    return "truncated or damaged, or no safetensors file at all"
