"""Hostile versions of a file, drawn by a seed: damaged bytes, and files that are whole and say something else.

`mutate` gives the n-th hostile version of a file of one kind. The same seed gives the same file on every machine.
"""

import hashlib
import io
import json
import os
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

SEED = 14
SPARSE = 5 * 2**30
"""Size of a file that is all holes."""
DEEP = 100_000
"""Levels of brackets, far beyond what any reader may recurse."""


class Mutation(NamedTuple):
    """A hostile version of a file."""

    what: str
    """In words, for a failing test"""
    write: Callable[[Path], None]
    """Puts it in the file's place"""
    wrong: bool = False
    """No reader may take it for a whole file, whatever it says"""


def content(what: str, blob: bytes, wrong: bool = False) -> Mutation:
    """A mutation that replaces the file's content."""
    return Mutation(what, lambda path: _replace(path, blob), wrong)


def _replace(path: Path, blob: bytes) -> None:
    path.unlink(missing_ok=True)
    path.write_bytes(blob)


def _sparse(head: bytes) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        _replace(path, head)
        os.truncate(path, SPARSE)

    return write


def _pipe(path: Path) -> None:
    path.unlink(missing_ok=True)
    os.mkfifo(path)


def _link(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to("/dev/zero")


def _folder(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.mkdir()


def no_file(rng: np.random.Generator, blob: bytes) -> Mutation:
    """Something else where the file should be: a pipe, a device, a folder, holes without end."""
    kinds = {
        "a pipe": _pipe,
        "a link to /dev/zero": _link,
        "a folder": _folder,
        "holes": _sparse(b""),
        "the file, then holes": _sparse(blob),
        "its beginning, then holes": _sparse(blob[: len(blob) // 2]),
    }
    name = list(kinds)[rng.integers(len(kinds))]
    return Mutation(name, kinds[name], wrong=True)


def damaged(rng: np.random.Generator, blob: bytes) -> Mutation:
    """The bytes as a bad disk, a bad transfer or a bad editor leaves them."""
    place, other = sorted(int(rng.integers(len(blob) + 1)) for _ in range(2))
    flipped = bytearray(blob)
    for _ in range(int(rng.integers(1, 5))):
        flipped[rng.integers(len(blob))] ^= 1 << rng.integers(8)
    ways = {
        f"cut at {place}": blob[:place],
        "bits flipped": bytes(flipped),
        f"without {place}:{other}": blob[:place] + blob[other:],
        f"{place}:{other} twice": blob[:other] + blob[place:],
        f"zeros at {place}:{other}": blob[:place] + bytes(other - place) + blob[other:],
        f"a byte at {place}": blob[:place] + bytes(rng.integers(256, size=1, dtype=np.uint8)) + blob[place:],
        "noise": rng.bytes(len(blob)),
        "empty": b"",
        "UTF-16": blob.decode("utf-8", "replace").encode("utf-16"),
        "a byte order mark": b"\xef\xbb\xbf" + blob,
        "more at the end": blob + rng.bytes(int(rng.integers(1, 100))),
        "twice": blob + blob,
        "a page of the web": b"<!DOCTYPE html><html>404 not found</html>",
        "a pickle": b"\x80\x04\x8c\x05posix\x94\x8c\x06system\x94\x93\x94\x8c\x04true\x94\x85\x94R\x94.",
    }
    name = list(ways)[rng.integers(len(ways))]
    return content(name, ways[name])


# JSON

HOSTILE: list[Any] = [
    None, True, False, 0, -1, 1, 3, 10**9, 2**63, 10**30, -0.5, 0.5, 1e308, -1e300, float("nan"), float("inf"),
    float("-inf"), "", "text", "vae", "\ud800", "\x1b[31mred\x1b[0m", "../../..", "/dev/zero", "~nobody-here/x",
    "x" * 100_000, [], {}, [1, 2, 3], [[]], {"a": 1}, ["a"], [None], [float("nan")], list(range(10_000)),
]  # fmt: skip
TEXTS = [
    "[" * DEEP, '{"a":' * DEEP, "[" * 900 + "]" * 900, "9" * 10_000, "-", "NaN", "1e999", '"\\u0000"', "01", "'a'",
    "{,}", '"' + "y" * 30_000_000 + '"',
]  # fmt: skip
"""JSON texts, and what is none, in the place of a value."""
PLACE = "<the place of a text>"


def paths(value: Any, at: tuple = ()) -> Iterator[tuple]:
    """The way to every value inside, from the outside in."""
    yield at
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inside:
        yield from paths(item, (*at, key))


def kind_of(value: Any) -> str:
    """The kind of a JSON value; all numbers are of one kind."""
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__


def mutate_json(rng: np.random.Generator, value: Any) -> tuple[str, str, bool]:
    """One value of a JSON object changed: what was done, the text, and whether it is certainly wrong."""
    value = json.loads(json.dumps(value))
    ways = [at for at in paths(value) if at]
    at = ways[rng.integers(len(ways))]
    parent: Any = value
    for key in at[:-1]:
        parent = parent[key]
    key, old = at[-1], parent[at[-1]]
    name = ".".join(map(str, at))
    way = rng.choice(["value", "value", "value", "value", "text", "number", "drop", "add", "rename"])
    if way == "number" and kind_of(old) == "number":
        new = [old + 1, -old, old * 1.5, old / 3, old * 10, float(old), old - 1e-3][rng.integers(7)]
        parent[key] = new
        return f"{name}: {old} as {new}", json.dumps(value), False
    if way == "text":
        text = TEXTS[rng.integers(len(TEXTS))]
        parent[key] = PLACE
        return f"{name}: {text[:20]}", json.dumps(value).replace(json.dumps(PLACE), text, 1), not text.startswith('"')
    if way == "drop":
        del parent[key]
        return f"{name} dropped", json.dumps(value), False
    is_open = at[0] == "versions"  # which any package may be in
    if way == "add" and isinstance(parent, dict):
        parent["one_more"] = old
        return f"{name}: one_more beside", json.dumps(value), not (is_open and len(at) > 1)
    if way == "rename" and isinstance(parent, dict):
        parent[f"{key}_"] = parent.pop(key)
        return f"{name} renamed", json.dumps(value), not (is_open and len(at) > 1)
    new = HOSTILE[rng.integers(len(HOSTILE))]
    parent[key] = new
    wrong = kind_of(new) != kind_of(old) or (isinstance(new, float) and not np.isfinite(new))
    return f"{name}: {json.dumps(new)[:30]}", json.dumps(value), wrong and None not in (old, new)


def json_file(rng: np.random.Generator, blob: bytes) -> Mutation:
    """A JSON file with one value changed."""
    what, text, wrong = mutate_json(rng, json.loads(blob))
    return content(what, text.encode(), wrong)


def lines_file(rng: np.random.Generator, blob: bytes) -> Mutation:
    """A file of JSON lines with one of them changed, gone, twice, or moved."""
    lines = blob.splitlines()
    i = int(rng.integers(len(lines)))
    way = rng.choice(["field", "field", "field", "field", "gone", "twice", "moved", "empty", "other"])
    what, wrong = f"line {i + 1} {way}", False
    if way == "field":
        what, text, wrong = mutate_json(rng, json.loads(lines[i]))
        what, lines[i] = f"line {i + 1}: {what}", text.encode()
    elif way == "gone":
        del lines[i]
    elif way == "twice":
        lines.insert(i, lines[i])
    elif way == "moved":
        lines.insert(0, lines.pop(i))
    elif way == "empty":
        lines.insert(i, b"")
    else:
        lines[i] = [b"[]", b"5", b"null", b"{}", b'{"kind": "step"}', b'{"kind": "row", "a": 1}'][rng.integers(6)]
    return content(what, b"\n".join(lines) + b"\n", wrong)


# safetensors

NUMBERS = {"F16": np.float16, "F32": np.float32, "F64": np.float64, "I64": np.int64, "U8": np.uint8, "BOOL": np.bool_}
Tensors = dict[str, tuple[str, list[int], bytes]]
"""Type, shape and bytes of each tensor, by its name."""


def open_tensors(blob: bytes) -> tuple[Tensors, dict[str, str]]:
    """The tensors and the metadata of a safetensors file."""
    size = int.from_bytes(blob[:8], "little")
    header, data = json.loads(blob[8 : 8 + size]), blob[8 + size :]
    metadata = header.pop("__metadata__", {})
    return {n: (e["dtype"], e["shape"], data[slice(*e["data_offsets"])]) for n, e in header.items()}, metadata


def close_tensors(tensors: Tensors, metadata: Any) -> bytes:
    """A safetensors file, whatever it holds."""
    header, data = {} if metadata is None else {"__metadata__": metadata}, b""
    for name, (dtype, shape, values) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(values)]}
        data += values
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


def seal(tensors: Tensors, metadata: dict[str, str]) -> dict[str, str]:
    """The metadata with a right digest, as a stranger can write it who has read how."""
    from foundation.weights import digest_of

    arrays = {n: np.frombuffer(v, NUMBERS[d]).reshape(s) for n, (d, s, v) in tensors.items()}
    rest = {key: value for key, value in metadata.items() if key != "digest"}
    return rest | {"digest": digest_of(arrays, rest)}


def tensors_file(rng: np.random.Generator, blob: bytes) -> Mutation:
    """A safetensors file with other tensors, half of the time under a digest that is right for them."""
    tensors, metadata = open_tensors(blob)
    names = [name for name, (_, shape, _) in tensors.items() if np.prod(shape)]
    name = names[rng.integers(len(names))]
    dtype, shape, values = tensors[name]
    array = np.frombuffer(values, NUMBERS[dtype]).reshape(shape)
    wrong = True
    way = str(rng.choice(["place", "place", "dtype", "all dtypes", "swap", "shape", "gone", "more", "name", "view"]))
    what = f"{way}: {name}"
    if way == "place":
        new = array.copy()
        value = [np.nan, np.inf, -np.inf, 3e38, -1.0, 0.0, 1e-45][rng.integers(7)]
        value = value if array.dtype.kind == "f" else int(rng.integers(2))
        new.reshape(-1)[rng.integers(new.size)] = value
        tensors[name], what, wrong = (dtype, shape, new.tobytes()), f"{name}: {value}", not np.isfinite(value)
    elif way == "dtype":
        other = str(rng.choice([d for d in NUMBERS if d != dtype]))
        with np.errstate(all="ignore"):
            tensors[name] = (other, shape, array.astype(NUMBERS[other]).tobytes())
        what = f"{name}: {other}"
    elif way == "all dtypes":
        other = str(rng.choice([d for d in NUMBERS if d != dtype]))
        for key, (d, s, v) in tensors.items():
            with np.errstate(all="ignore"):
                tensors[key] = (other, s, np.frombuffer(v, NUMBERS[d]).astype(NUMBERS[other]).tobytes())
        what, wrong = f"all {other}", other != "F64"
    elif way == "swap":
        same = [key for key in names if tensors[key][:2] == (dtype, shape) and key != name]
        if same:
            other = same[rng.integers(len(same))]
            tensors[name], tensors[other] = tensors[other], tensors[name]
            what = f"{name} and {other} exchanged"
        wrong = False
    elif way == "shape":
        other = [shape[::-1], [*shape, 1], [int(np.prod(shape))], [1, *shape]][rng.integers(4)]
        tensors[name], what, wrong = (dtype, other, values), f"{name}: shape {other}", other != shape
    elif way == "gone":
        del tensors[name]
    elif way == "more":
        tensors["one.more"] = tensors[name]
    elif way == "name":
        tensors[f"{name}_"] = tensors.pop(name)
    else:
        tensors[name], what = ("BF16" if dtype == "F32" else "F8_E4M3", shape, values), f"{name}: bytes of another type"
        return content(what, close_tensors(tensors, metadata), wrong)
    if rng.random() < 0.5:
        what, metadata = f"{what}, sealed", seal(tensors, metadata)
    return content(what, close_tensors(tensors, metadata), wrong)


def header_file(rng: np.random.Generator, blob: bytes) -> Mutation:
    """A safetensors file with another header: sizes, offsets, depth."""
    size = int.from_bytes(blob[:8], "little")
    header, data = json.loads(blob[8 : 8 + size]), blob[8 + size :]
    name = [n for n in header if n != "__metadata__"][int(rng.integers(len(header) - 1))]
    way = str(rng.choice(["length", "field", "field", "huge", "offsets", "deep", "many"]))
    what, text = f"header: {way} {name}", b""
    if way == "length":
        length = [0, 1, size - 1, size + 1, len(blob), 2**32, 2**63, 2**64 - 1, 100_000_001][rng.integers(9)]
        return content(f"header of {length} bytes", struct.pack("<Q", length) + blob[8:], length != size)
    if way == "field":
        what, changed, _ = mutate_json(rng, header)
        text = changed.encode()
    elif way == "huge":
        header[name]["shape"] = [[2**31, 2**31], [10**9], [2**62, 4], [2**64, 1], [0], []][rng.integers(6)]
    elif way == "offsets":
        header[name]["data_offsets"] = [[0, 2**40], [5, 1], [-4, 0], [0, len(data) + 4], [0, 0]][rng.integers(5)]
    elif way == "deep":
        text = b'{"a":' * DEEP
    else:
        empty = {f"t{i}": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for i in range(20_000)}
        header = empty | header
    text = text or json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return content(what[:80], struct.pack("<Q", len(text)) + text + data)


def metadata_file(rng: np.random.Generator, blob: bytes) -> Mutation:
    """A safetensors file with other metadata; some under a digest that is right for them."""
    tensors, metadata = open_tensors(blob)
    key = sorted(metadata)[rng.integers(len(metadata))]
    way = str(rng.choice(["text", "json", "json", "json", "gone", "none", "type"]))
    what, wrong = f"metadata {key}: {way}", False
    if way == "json":
        try:
            value = json.loads(metadata[key])
        except ValueError:
            value = metadata[key]
        what, text, _ = mutate_json(rng, {"value": value})
        metadata[key] = text.removeprefix('{"value": ').removesuffix("}")
        what = f"metadata {key}: {what}"
    elif way == "text":
        metadata[key] = str(rng.choice([json.dumps(value)[:1000] for value in HOSTILE] + [t[:200_000] for t in TEXTS]))
    elif way == "gone":
        del metadata[key]
    elif way == "none":
        return content(what, close_tensors(tensors, None), wrong)
    else:
        odd = metadata | {key: [[1], 5, None, {"a": "b"}][rng.integers(4)]}
        return content(what, close_tensors(tensors, odd), True)
    if rng.random() < 0.5 and key != "digest" and way != "gone":
        what, metadata = f"{what}, sealed", seal(tensors, metadata)
    return content(what[:120], close_tensors(tensors, metadata), wrong)


# npz


def open_zip(blob: bytes) -> dict[str, bytes]:
    """The members of an npz file."""
    with zipfile.ZipFile(io.BytesIO(blob)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def close_zip(members: dict[str, bytes], sizes: dict[str, int] | None = None) -> bytes:
    """An npz file; `sizes` are those that its directory declares instead of the members' own."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, member in members.items():
            archive.writestr(name, member)
        for name, size in (sizes or {}).items():
            archive.getinfo(name).file_size = size
    return target.getvalue()


def npy(array: np.ndarray) -> bytes:
    """An array as NumPy writes it; one of objects as a pickle."""
    target = io.BytesIO()
    np.lib.format.write_array(target, array)
    return target.getvalue()


def npy_header(descr: str, shape: str) -> bytes:
    """The head of an npy file, whatever it declares."""
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


class Trap:
    """A pickle that makes a file where it is loaded."""

    def __reduce__(self) -> tuple:
        return os.mkdir, ("/tmp/a-pickle-was-loaded",)


def npz_file(rng: np.random.Generator, blob: bytes) -> Mutation:
    """An npz file with other arrays, headers that lie, pickles, and bombs."""
    members = open_zip(blob)
    names = ["imgs.npy", "latents_classes.npy", "latents_values.npy"]
    name = names[rng.integers(len(names))]
    array = np.lib.format.read_array(io.BytesIO(members[name]))
    way = str(
        rng.choice(["dtype", "shape", "values", "gone", "name", "more", "pickle", "header", "bomb", "size", "swap"])
    )
    what, wrong = f"{name}: {way}", True
    if way == "dtype":
        kinds = ["f2", "f4", "f8", "c8", "i1", "i2", "i4", "i8", ">i8", "u1", "u8", "?", "U3", "S3", "M8[s]", "V4"]
        kind = kinds[rng.integers(len(kinds))]
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            members[name] = npy(array.astype(kind, casting="unsafe"))
        what, wrong = (
            f"{name} as {kind}",
            kind in ("c8", "U3", "S3", "M8[s]", "V4") or (name == "imgs.npy" and kind != "u1"),
        )
    elif way == "shape":
        shapes = [
            array.reshape(-1),
            array[None],
            array[..., None],
            array[:-1],
            array[:0],
            array.T,
            array[:, :1],
            array[0],
        ]
        members[name] = npy(np.ascontiguousarray(shapes[rng.integers(len(shapes))]))
    elif way == "values":
        new = array.copy().astype(array.dtype)
        odd = [np.nan, np.inf, -1e300, 1e300, -7, 7] if array.dtype.kind == "f" else [255, 7, 2]
        new.reshape(-1)[rng.integers(new.size)] = odd[rng.integers(len(odd))]
        members[name], wrong = npy(new), not np.isfinite(new).all()
    elif way == "gone":
        del members[name]
    elif way == "name":
        members[name.removesuffix(".npy")] = members.pop(name)
    elif way == "more":
        members["../../etc/more.npy"], wrong = members[name], False
    elif way == "pickle":
        members[name] = npy(np.full(array.shape[:1], Trap(), object))
    elif way == "header":
        descrs = ["'|u1'", "'<i8'", "'|O'", "'<f8'", "'|V1000000000'", "[('a', '<f8')]", "'nonsense'", "5"]
        shapes = [
            "(9223372036854775807, 64, 64)",
            "(4611686018427387904, 4)",
            "(-1, 6)",
            "()",
            "(1,)",
            "'x'",
            "(0, 64, 64)",
        ]
        shapes += ["(" * 5000 + ")" * 5000, f"({10**7}, 6)", f"({len(array)}, 64, 64)", "(737280, 64, 64)"]
        members[name] = npy_header(descrs[rng.integers(len(descrs))], shapes[rng.integers(len(shapes))]) + b"\0" * 4096
    elif way == "bomb":
        shape, count = [(f"({10**8}, 6)", 6 * 10**8), ("(200000, 64, 64)", 2 * 10**8), ("(1,)", 10**8)][rng.integers(3)]
        members[name] = npy_header("'|u1'", shape) + bytes(count)
    elif way == "size":
        sizes = [0, 1, 2**31, 2**32 - 1, len(members[name]) - 1, len(members[name]) + 4096]
        return content(what, close_zip(members, {name: int(sizes[rng.integers(len(sizes))])}))
    else:
        members = {key: members[{names[1]: names[2], names[2]: names[1]}.get(key, key)] for key in members}
        wrong = False
    return content(what, close_zip(members), wrong)


# idx, and the cache


def idx_file(rng: np.random.Generator, blob: bytes) -> Mutation:
    """An idx file with another header."""
    axes = blob[3]
    shape, values = list(struct.unpack(f">{axes}I", blob[4 : 4 + 4 * axes])), blob[4 + 4 * axes :]
    way = str(rng.choice(["type", "axes", "size", "size", "none", "fewer", "more"]))
    kind = 8
    if way == "type":
        kind = int(rng.choice([0, 9, 11, 12, 13, 14, 255]))
    elif way == "axes":
        shape = [[1] * 70, [1] * 255, [0] * 3, [], [*shape, 1], [2**32 - 1] * 4][rng.integers(6)]
    elif way == "size":
        sizes = [0, 1, 2**31, 2**32 - 1, 3_000_000, shape[0] + 1, shape[0] - 1]
        shape[rng.integers(len(shape))] = sizes[rng.integers(len(sizes))]
    elif way == "none":
        shape[0], values = 0, b""
    elif way == "fewer":
        shape[0], values = shape[0] - 1, values[: len(values) * (shape[0] - 1) // shape[0]]
    else:
        values += b"\0"
    header = bytes([0, 0, kind, len(shape)]) + struct.pack(f">{len(shape)}I", *shape)
    wrong = header + values != blob
    return content(f"{way}: {kind} {shape[:5]}", header + values, wrong and way != "fewer")


def cache_file(rng: np.random.Generator, blob: bytes, key: str) -> Mutation:
    """A file of the cache whose checksum is right for other arrays than those that belong there."""
    change = (tensors_file, metadata_file, header_file)[rng.integers(3)]
    holder = close_tensors(open_tensors(blob[32:])[0], {"note": '{"a": 1}'})
    made: list[bytes] = []
    path = _Kept(made)
    mutation = change(rng, holder)
    mutation.write(path)  # type: ignore[arg-type]
    payload = made[0]
    return content(f"{mutation.what}, checksum right", hashlib.sha256(key.encode() + payload).digest() + payload)


class _Kept:
    """Takes what is written to a path."""

    def __init__(self, made: list[bytes]) -> None:
        self.write_bytes = made.append

    def unlink(self, missing_ok: bool) -> None:
        """Nothing is there."""


CHANGES: dict[str, list[Callable[[np.random.Generator, bytes], Mutation]]] = {
    "weights": [damaged, tensors_file, tensors_file, header_file, metadata_file, metadata_file, no_file],
    "checkpoint": [damaged, tensors_file, tensors_file, header_file, metadata_file, metadata_file, no_file],
    "config": [damaged, json_file, json_file, json_file, json_file, json_file, no_file],
    "metrics": [damaged, lines_file, lines_file, lines_file, lines_file, lines_file, no_file],
    "parity": [damaged, json_file, json_file, json_file, json_file, no_file],
    "progress": [damaged, json_file, json_file, json_file, json_file, no_file],
    "images": [damaged, idx_file, idx_file, no_file],
    "labels": [damaged, idx_file, idx_file, no_file],
    "cache": [damaged, no_file],
    "zip": [damaged, npz_file, npz_file, npz_file, no_file],
}
CHANGES |= {f"old {kind}": CHANGES[kind] for kind in ("weights", "config", "metrics")}
"""What is done to the files of each kind."""


def mutate(kind: str, number: int, blob: bytes) -> Mutation:
    """The hostile version of this number of a file of this kind."""
    rng = np.random.default_rng([SEED, zlib.crc32(kind.encode()), number])
    changes = CHANGES[kind]
    change = changes[rng.integers(len(changes))]
    return change(rng, blob)


def _gone(path: Path) -> None:
    path.unlink()


def _dangling(path: Path) -> None:
    _replace(path, b"")
    path.unlink()
    path.symlink_to("nowhere")


LACKING = {
    "gone": _gone,
    "empty": lambda path: _replace(path, b""),
    "a folder": _folder,
    "a dangling link": _dangling,
    "a pipe": _pipe,
}


def lacking(number: int, names: list[str]) -> dict[str, Mutation]:
    """Files of a folder that are not there, or are something else: which, and how."""
    rng = np.random.default_rng([SEED, 98, number])
    chosen = rng.permutation(names)[: rng.integers(1, len(names) + 1)]
    ways = ["gone"] * 6 + list(LACKING)  # most are simply missing
    return {str(name): Mutation(way, LACKING[way]) for name in chosen for way in [ways[rng.integers(len(ways))]]}
