"""Weights on disk: safetensors, with a description of the model in the file. Nothing in such a file can run.

The metadata also hold a digest of the tensors and of all other metadata: a file that was damaged, or whose options were
edited, is told from one that lies as it was written. It is no signature: any program can write a file with a digest of
its own. What a file says is therefore checked as well: names, shapes and types before a tensor is read, then that every
number is finite.
"""

import dataclasses
import hashlib
import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import safetensors
import safetensors.numpy

from foundation.architecture import Architecture, Parameters
from foundation.errors import InputError, shown
from foundation.files import open_regular, write_bytes
from foundation.rung import (
    Description,
    ImageShape,
    architecture_of,
    check_described,
    describe_architecture,
    is_main_vae,
)
from foundation.schema import from_json, read_object

PICKLE = b"\x80"
"""First byte of a pickle (from protocol 2 on), and so of torch.save's files until torch 1.6."""
ZIP = b"PK\x03\x04"
"""First bytes of a zip archive: torch.save's files since torch 1.6, which hold a pickle; NumPy's .npz."""
DTYPES: dict[str, np.dtype] = {"F32": np.dtype(np.float32), "F64": np.dtype(np.float64)}
"""The types that are read, by their names in a file."""
DIGEST = "digest"
"""Where the metadata hold the digest."""
MOST_BYTES = 2 * 2**30
"""Of tensors in one file; those of the models here take a few megabytes."""
Shapes = Mapping[str, tuple[int, ...]]
"""The shape of each tensor by its name."""


class Header(NamedTuple):
    """What a safetensors file says of itself before its tensors."""

    shapes: dict[str, tuple[int, ...]]
    types: set[str]
    """float32, float64, or both"""
    metadata: dict[str, str]


def save_weights(
    path: str | Path, parameters: Parameters, description: Description, settings: Mapping[str, str] | None = None
) -> None:
    """Write parameters, all float32 or all float64, with the description of their model.

    `settings` are further metadata, such as those of `foundation.settings`. The file appears whole or not at all.
    Raises `InputError` where the parameters do not fit the model or hold NaN or infinity, so that every saved file can
    be loaded, and where the file cannot be written.
    """
    check_tensors(parameters, description, f"weights for {path}")
    write_bytes(path, to_bytes(parameters, describe(description) | dict(settings or {})))


def describe(description: Description) -> dict[str, str]:
    """The description as the metadata of a file: every value is JSON, the model's name plain text."""
    fields = dataclasses.asdict(description)
    return {"model": fields.pop("model")} | {name: json.dumps(value) for name, value in fields.items()}


def to_bytes(tensors: Parameters, metadata: Mapping[str, str]) -> bytes:
    """A safetensors file under its digest, the same for equal tensors and metadata, whatever their order."""
    # safetensors writes an array's memory as it lies: a transposed or strided view must be laid out first. ascontiguous
    # would also turn a scalar into a row.
    contiguous = {name: np.array(tensors[name], order="C", copy=None) for name in sorted(tensors)}
    if sum(value.nbytes for value in contiguous.values()) > MOST_BYTES:
        raise InputError(f"expected tensors of at most {MOST_BYTES:,} bytes in a file, got more")
    sealed = dict(metadata) | {DIGEST: digest_of(contiguous, metadata)}
    blob = safetensors.numpy.save(contiguous, sealed)
    # It writes the entries of the metadata in any order: the header, JSON behind its length, is written again in one.
    size = int.from_bytes(blob[:8], "little")
    header = json.loads(blob[8 : 8 + size])
    header = {"__metadata__": dict(sorted(sealed.items()))} | {n: v for n, v in header.items() if n != "__metadata__"}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # the tensors begin at a multiple of 8
    return len(text).to_bytes(8, "little") + text + blob[8 + size :]


def digest_of(tensors: Parameters, metadata: Mapping[str, str]) -> str:
    """SHA-256 over the metadata and over name, type, shape and values of every tensor, each in the order of names."""
    found = hashlib.sha256()
    entries: list[Any] = sorted((key, value) for key, value in metadata.items() if key != DIGEST)
    named = [(name, np.array(tensors[name], order="C", copy=None)) for name in sorted(tensors)]
    entries += [(name, value.dtype.newbyteorder("<").str, value.shape) for name, value in named]
    found.update(json.dumps(entries).encode())  # which no other metadata, names or shapes are written as
    for _, value in named:
        found.update(value.astype(value.dtype.newbyteorder("<"), copy=False).tobytes())
    return f"sha256:{found.hexdigest()}"


def shapes_of_main_vae(description: Description) -> Shapes | None:
    """The tensors of the main files' VAE; None for a model whose shapes are not known here."""
    return architecture_of(description).parameter_shapes() if is_main_vae(description) else None


def load_weights(
    path: str | Path,
    description: Description | None = None,
    shapes_of: Callable[[Description], Shapes | None] = shapes_of_main_vae,
) -> tuple[Parameters, Description]:
    """Read parameters and the description of their model; `description`, if given, is what they must fit.

    The parameters of the main files' VAE come in the order of `Architecture.parameter_shapes`. A safetensors file from
    elsewhere, without our metadata, is read where `description` is given. `shapes_of` gives the shapes that a model
    has, which are compared before any tensor is read.
    Raises `InputError` for a file that is missing, damaged, a pickle, of another model, or holds NaN.
    """
    path = Path(path)
    header = read_header(path)
    stored = read_description(path, header.metadata)
    if stored is not None and description is not None and (difference := differ(stored, description)):
        raise InputError(f"{path}: {difference}")
    found = description or stored
    if found is None:
        raise InputError(f"{path}: holds no description of its model in its metadata, as `save_weights` writes it")
    if (shapes := shapes_of(found)) is not None:
        check_fit(header.shapes, shapes, path)
    tensors, _ = read_tensors(path)
    check_tensors(tensors, found, path)
    if not is_main_vae(found):
        return tensors, found
    return {name: tensors[name] for name in architecture_of(found).parameter_shapes()}, found


def check_tensors(tensors: Parameters, description: Description, source: str | Path) -> None:
    """Raise `InputError` for mixed or unknown dtypes, numbers that are not finite, and tensors that do not fit.

    Only the VAE of the main files has shapes that are known here; of another model, what is made of it checks them.
    """
    if (shapes := shapes_of_main_vae(description)) is not None:
        check_fit({name: np.shape(value) for name, value in tensors.items()}, shapes, source)
    check_finite(tensors, source)
    dtypes = {np.asarray(value).dtype for value in tensors.values()}
    if dtypes not in ({np.dtype(np.float32)}, {np.dtype(np.float64)}):
        raise InputError(f"{source}: expected all float32 or all float64, got {', '.join(sorted(map(str, dtypes)))}")


def check_finite(tensors: Parameters, source: str | Path) -> None:
    """Raise `InputError` naming the first tensor that holds NaN or infinity."""
    for name, value in tensors.items():
        if not np.isfinite(value).all():
            raise InputError(f"{source}: tensor {name!r} holds NaN or infinity")


def read_header(path: Path) -> Header:
    """Shapes and metadata of a safetensors file; `InputError` for any other file, and for types that are not read."""
    check_safetensors(path)
    with safetensors.safe_open(path, framework="numpy") as file:
        shapes, types, size = {}, set(), 0
        for name in file.keys():  # noqa: SIM118  (it is no dictionary)
            entry = file.get_slice(name)
            # Asked before reading, since NumPy has no type for bfloat16 and its kin.
            if (dtype := entry.get_dtype()) not in DTYPES:
                raise InputError(f"{path}: tensor {shown(name)} is {dtype}, expected F32 or F64")
            shapes[name] = tuple(entry.get_shape())
            types.add(str(DTYPES[dtype]))
            size += DTYPES[dtype].itemsize * math.prod(shapes[name])
        if size > MOST_BYTES:
            raise InputError(f"{path}: expected tensors of at most {MOST_BYTES:,} bytes, got {size:,}")
        return Header(shapes, types, file.metadata() or {})


def read_metadata(path: Path) -> dict[str, str]:
    """The metadata of a safetensors file of any tensors; `InputError` for any other file."""
    check_safetensors(path)
    with safetensors.safe_open(path, framework="numpy") as file:
        return file.metadata() or {}


def read_tensors(path: Path) -> tuple[Parameters, dict[str, str]]:
    """Every tensor of a safetensors file and its metadata, compared with their digest where the file has one.

    Raises `InputError` for any other file.
    """
    header = read_header(path)
    with safetensors.safe_open(path, framework="numpy") as file:
        tensors = {name: file.get_tensor(name) for name in header.shapes}
    if DIGEST in header.metadata and header.metadata[DIGEST] != digest_of(tensors, header.metadata):
        raise InputError(f"{path}: damaged, or changed after it was written: tensors and metadata have another digest")
    return tensors, header.metadata


def not_verified(path: Path) -> str:
    """One line on what a file without a digest leaves open; empty for a file with one, which is compared when read."""
    if DIGEST in read_header(path).metadata:
        return ""
    return (
        f"{path}: without a digest, as version 0.1 and other programs write it; not verified: that its tensors and "
        "options are those that were written"
    )


@dataclasses.dataclass(frozen=True)
class Described:
    """The sizes in a file's metadata, beside the model's options."""

    image_shape: ImageShape
    class_count: int

    def __post_init__(self) -> None:
        check_described(self.image_shape, self.class_count)


def read_description(path: Path, metadata: dict[str, str]) -> Description | None:
    """The description in a file's metadata; None where there is none. Raises `InputError` for a damaged one."""
    try:
        if "architecture" in metadata:  # as version 0.1 wrote the weights of a rung
            return describe_architecture(from_json(Architecture, read_object(metadata["architecture"], "architecture")))
        if "model" not in metadata:
            return None
        options = read_object(metadata["options"], "options")
        found = from_json(Described, {name: msgspec.json.decode(metadata[name]) for name in Described.__annotations__})
        description = Description(metadata["model"], options, found.image_shape, found.class_count)
        if is_main_vae(description):
            architecture_of(description)  # refuses sizes that are none
        return description
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
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


def check_fit(found: Shapes, expected: Shapes, source: str | Path) -> None:
    """Raise `InputError` naming the first tensor that is missing, unknown or of another shape."""
    for name in sorted(expected.keys() ^ found.keys()):
        raise InputError(f"{source}: tensor {shown(name)} is {'missing' if name in expected else 'unknown'}")
    for name, shape in found.items():
        if tuple(shape) != tuple(expected[name]):
            raise InputError(f"{source}: tensor {name!r} has shape {tuple(shape)}, expected {tuple(expected[name])}")


def check_amount(shapes: Shapes, source: str = "model") -> None:
    """Raise `InputError` for a model of more parameters than fit into one file with their moments."""
    most, count = MOST_BYTES // 12, sum(math.prod(shape) for shape in shapes.values())
    if count > most:
        raise InputError(f"{source}: expected at most {most:,} parameters, got {count:,}")


def check_moments(state: Parameters, shapes: dict[str, tuple[int, ...]], source: str | Path) -> None:
    """Raise `InputError` unless `state` is what Adam remembers of parameters of these shapes after some steps."""
    moments = ("exp_avg", "exp_avg_sq", "step")
    expected = {f"{name}.{m}": () if m == "step" else shapes[name] for name in shapes for m in moments}
    check_fit({name: np.shape(value) for name, value in state.items()}, expected, source)
    for name, value in state.items():
        if not np.isfinite(value).all() or (not name.endswith("exp_avg") and (value < 0).any()):
            raise InputError(f"{source}: tensor {name!r} holds NaN, infinity or a negative number")
    if len({float(value) for name, value in state.items() if name.endswith(".step")}) != 1:
        raise InputError(f"{source}: expected every parameter after the same number of steps")


def check_safetensors(path: Path) -> None:
    """Raise `InputError` for what is no safetensors file: missing, damaged, or a pickle, which can run code."""
    if not path.is_file():
        kind = "a folder" if path.is_dir() else "no regular file" if path.exists() else "no such file"
        raise InputError(f"{path}: {kind}, expected a .safetensors file")
    try:
        open_regular(path).close()  # which gives the system's reason; safetensors calls every failure "no such file"
        with safetensors.safe_open(path, framework="numpy"):
            pass
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (safetensors.SafetensorError, ValueError, TypeError, OverflowError, RecursionError, MemoryError) as error:
        raise InputError(f"{path}: {_reason(path)}") from error


def _reason(path: Path) -> str:
    """Why a file is no safetensors file, from its first bytes."""
    with open_regular(path) as file:
        start = file.read(8)
    is_header = bytes(6).startswith(start[2:])  # its length in 8 bytes, of which the first may be a pickle's, too
    if (start.startswith(PICKLE) and not is_header) or start.startswith(ZIP):
        zipped = start.startswith(ZIP)
        kind = "a zip archive as torch.save writes it, with a pickle inside" if zipped else "a pickle"
        return f"{kind}; refused, since loading a pickle can run code; expected a .safetensors file"
    return "truncated or damaged, or no safetensors file at all"
