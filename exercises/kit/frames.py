"""Values as plain frames for a pipe between two processes of which one runs a stranger's code.

A frame is a JSON text and the bytes of its arrays, each with its length in front and a limit. Reading one builds arrays
of numbers, numbers, texts, tuples, lists and dicts, and nothing else: no class is looked up and no code is run, as
`pickle` would. An object of another type arrives as an `Opaque` that keeps the name of its type alone.

This module runs in both processes, so it imports nothing of the course.
"""

import collections
import json
import keyword
import math
import struct
from collections.abc import Callable, Iterable, Iterator
from typing import Any, BinaryIO

import numpy as np

LENGTHS = struct.Struct(">II")
LARGEST_TEXT = 8 << 20
"""Bytes of a frame's JSON."""
LARGEST_ARRAYS = 64 << 20
"""Bytes of all arrays of a frame."""
LARGEST_COUNT = 200_000
"""The number of values in a frame."""
DEEPEST = 40
"""Levels of nested tuples, lists and dicts."""
LONGEST_INTEGER = 63
"""Bits of a whole number, as NumPy has them."""
KNOWN = ("bool", "number", "str", "tuple", "list", "dict", "ndarray")
"""Kinds of values that a comparison distinguishes; a class that has one of these names is another one."""
KINDS = "biufcUSmM"
"""NumPy's kinds of data that hold no references to objects."""


class FrameError(ValueError):
    """A frame that does not follow the format, or is too large."""


class Opaque:
    """Stands for an object of a type that a frame does not carry; its class has that type's name."""


Refer = Callable[[Any], dict[str, Any] | None]
"""Describes an object that a frame does not carry, such as a function, or returns None."""


class Encoder:
    """One frame in the making."""

    def __init__(self, refer: Refer | None = None) -> None:
        """`refer` may describe functions and other objects by a dict, which the reader's `resolve` gets."""
        self._refer, self._arrays, self._size, self._count = refer, list[bytes](), 0, 0

    def frame(self, message: dict[str, Any]) -> bytes:
        """The bytes of a message that was made of strings, numbers and results of `node`."""
        text = json.dumps(message).encode()
        if len(text) > LARGEST_TEXT:
            raise FrameError(f"more than {LARGEST_TEXT >> 20} megabytes of text")
        return b"".join([LENGTHS.pack(len(text), self._size), text, *self._arrays])

    def node(self, value: Any, depth: int = 0) -> Any:
        """The JSON of a value; its arrays are kept for `frame`. Raises FrameError for one that is too large."""
        self._count += 1
        if self._count > LARGEST_COUNT:
            raise FrameError(f"more than {LARGEST_COUNT:,} values in one result")
        if depth > DEEPEST:
            return {"o": type(value).__name__}
        try:
            return self._node(value, depth)
        except (TypeError, AttributeError, RuntimeError):  # a class that only pretends to be what it is not
            return {"o": type(value).__name__}

    def _node(self, value: Any, depth: int) -> Any:
        if value is None or value is True or value is False:
            return value
        if isinstance(value, np.generic):
            return self._scalar(value)
        if isinstance(value, str):
            return str.__str__(value)
        if isinstance(value, int):
            plain = int.__index__(value)
            return plain if plain.bit_length() <= LONGEST_INTEGER else {"o": "int"}
        if isinstance(value, float):
            return float.__float__(value)
        if isinstance(value, complex):
            return {"c": [value.real, value.imag]}
        if type(value) is np.ndarray:
            return self._array(value)
        if isinstance(value, tuple):
            items = [self.node(item, depth + 1) for item in tuple.__iter__(value)]
            fields = getattr(type(value), "_fields", None)
            return {"t": items} if fields is None else {"t": items, "names": [type(value).__name__, *fields]}
        if isinstance(value, list):
            return {"l": [self.node(item, depth + 1) for item in list.__iter__(value)]}
        if isinstance(value, dict):
            pairs = dict.items(value)
            return {"d": [[self.node(key, depth + 1), self.node(item, depth + 1)] for key, item in pairs]}
        described = self._refer(value) if self._refer is not None else None
        return {"o": type(value).__name__} if described is None else {"r": described}

    def _scalar(self, value: np.generic) -> Any:
        if value.dtype.kind in "US":
            return str(value)
        return {"s": self._array(np.asarray(value))} if value.dtype.kind in KINDS else {"o": type(value).__name__}

    def _array(self, array: np.ndarray) -> Any:
        if array.dtype.kind not in KINDS:
            return {"x": list(array.shape)}
        data = np.ascontiguousarray(array).tobytes()
        self._size += len(data)
        if self._size > LARGEST_ARRAYS:
            raise FrameError(f"more than {LARGEST_ARRAYS >> 20} megabytes of numbers in one result")
        self._arrays.append(data)
        return {"a": [array.dtype.str, list(array.shape), self._size - len(data)]}


class Frame:
    """A frame that was read: its message, and the arrays that the message refers to."""

    def __init__(self, text: bytes, arrays: bytes, resolve: Callable[[dict[str, Any]], Any] | None = None) -> None:
        """`resolve` turns the writer's description of a function or another object into one for this process."""
        try:
            message = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise FrameError("text that is no JSON") from error
        if not isinstance(message, dict):
            raise FrameError("JSON that is no object")
        self.message: dict[str, Any] = message
        self.resolve = resolve
        self._arrays, self._count = arrays, 0
        self.size = len(text) + len(arrays)

    def value(self, node: Any, depth: int = 0) -> Any:
        """The value of a node of the message. Raises FrameError where it does not follow the format."""
        self._count += 1
        if self._count > LARGEST_COUNT or depth > DEEPEST + 1:
            raise FrameError("too many values")
        if node is None or isinstance(node, bool | int | float | str):
            return node
        if not isinstance(node, dict) or not node:
            raise FrameError("a node of no kind")
        kind = next(iter(node))
        try:
            return self._of_kind(kind, node, depth)
        except (TypeError, ValueError, KeyError, OverflowError, MemoryError) as error:
            raise FrameError(f"a node that is not as its kind should be: {kind[:20]}") from error

    def _of_kind(self, kind: str, node: dict[str, Any], depth: int) -> Any:
        content = node[kind]
        if kind == "t":
            items = [self.value(item, depth + 1) for item in content]
            return _named(node["names"], items) if "names" in node and self.resolve is not None else tuple(items)
        if kind == "l":
            return [self.value(item, depth + 1) for item in content]
        if kind == "d":
            return {self.value(key, depth + 1): self.value(item, depth + 1) for key, item in content}
        if kind == "a":
            return self._array(*content)
        if kind == "s":
            return self._array(*content["a"])[()]
        if kind == "c":
            return complex(*content)
        if kind == "x":
            shape = _shape(content)
            if math.prod(shape) > LARGEST_COUNT:
                raise FrameError("an array of too many objects")
            return np.full(shape, None, dtype=object)
        if kind == "r" and self.resolve is not None:
            return self.resolve(content)
        if kind == "o":
            return opaque(content)
        raise FrameError(f"no kind of value: {kind[:20]}")

    def _array(self, dtype_text: str, shape: list[int], start: int) -> np.ndarray:
        if not isinstance(dtype_text, str) or len(dtype_text) > 12 or not isinstance(start, int) or start < 0:
            raise FrameError("an array of no type")
        dtype, sizes = np.dtype(dtype_text), _shape(shape)
        count = math.prod(sizes)
        size = count * dtype.itemsize
        if dtype.kind not in KINDS or (not dtype.itemsize and count) or start + size > len(self._arrays):
            raise FrameError("an array that the frame does not hold")
        if size == 0:
            return np.zeros(sizes, dtype)
        return np.frombuffer(self._arrays, dtype, count, start).reshape(sizes).copy()


def _shape(sizes: Any) -> tuple[int, ...]:
    if not isinstance(sizes, list) or len(sizes) > 32 or not all(type(n) is int and 0 <= n < 1 << 32 for n in sizes):
        raise FrameError("an array of no shape")
    return tuple(sizes)


def _named(names: list[str], items: list[Any]) -> tuple[Any, ...]:
    """A named tuple; a plain one where the names cannot be those of one."""
    good = all(isinstance(name, str) and name.isidentifier() and not keyword.iskeyword(name) for name in names)
    if not good or len(names) != len(items) + 1 or len(items) > 100 or any(n.startswith("_") for n in names[1:]):
        return tuple(items)
    return collections.namedtuple(names[0], names[1:])(*items)


def opaque(name: Any) -> Opaque:
    """An object that keeps the name of its type only."""
    if not isinstance(name, str):
        raise FrameError("a type without a name")
    plain = "".join(character if character.isprintable() else "?" for character in name[:60]) or "?"
    return type(f"{plain} of its own" if plain in KNOWN else plain, (Opaque,), {})()


def read_frame(stream: BinaryIO, resolve: Callable[[dict[str, Any]], Any] | None = None) -> Frame:
    """The next frame. Raises EOFError at the end of the stream, FrameError for one that is too large."""
    text_length, arrays_length = LENGTHS.unpack(_read(stream, LENGTHS.size))
    if text_length > LARGEST_TEXT or arrays_length > LARGEST_ARRAYS:
        raise FrameError("a frame that is too large")
    return Frame(_read(stream, text_length), _read(stream, arrays_length), resolve)


def _read(stream: BinaryIO, count: int) -> bytes:
    parts, missing = list[bytes](), count
    while missing:
        part = stream.read(min(missing, 1 << 20))
        if not part:
            raise EOFError
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


def write_frame(stream: BinaryIO, frame: bytes) -> None:
    """Write a frame at once."""
    stream.write(frame)
    stream.flush()


def update(old: Any, new: Any) -> bool:
    """Give an array, dict or list the content of another, in place; whether that could be done.

    Arrays inside that have kept their shape stay the same objects, so that who holds them sees the change.
    """
    if isinstance(old, np.ndarray) and isinstance(new, np.ndarray):
        if old.shape != new.shape or old.dtype != new.dtype or not old.flags.writeable:
            return False
        np.copyto(old, new)
        return True
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [key for key in old if key not in new]:
            del old[key]
        for key, item in new.items():
            if key not in old or not update(old[key], item):
                old[key] = item
        return True
    if isinstance(old, list) and isinstance(new, list):
        old[:] = _updated(old, new)
        return True
    return False


def _updated(old: list[Any], new: list[Any]) -> Iterable[Any]:
    for number, item in enumerate(new):
        yield old[number] if number < len(old) and update(old[number], item) else item


def replace(old: Any, new: Any) -> None:
    """Give a dict or list the entries of another, and write into none of the arrays that it held."""
    if isinstance(old, dict) and isinstance(new, dict):
        old.clear()
        old.update(new)
    elif isinstance(old, list) and isinstance(new, list):
        old[:] = new


def arrays_of(value: Any) -> Iterator[np.ndarray]:
    """The arrays in a value: itself, or those in a list, tuple or dict."""
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, dict | list | tuple):
        for item in value.values() if isinstance(value, dict) else value:
            yield from arrays_of(item)
