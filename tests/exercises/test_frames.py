"""Frames carry plain values exactly, and nothing else, whatever bytes come."""

import collections
import io
import random
import struct

import numpy as np
import pytest

from exercises.kit.compare import identical
from exercises.kit.frames import (
    LARGEST_ARRAYS,
    LARGEST_TEXT,
    LENGTHS,
    Encoder,
    Frame,
    FrameError,
    Opaque,
    read_frame,
    update,
)

SEED = 20261130
Pair = collections.namedtuple("Pair", "first second")
VALUES = {
    "none": None,
    "truth": True,
    "int": -7,
    "float": 0.1 + 0.2,
    "infinity": float("-inf"),
    "text": "σ²\x00\ud800\N{HANGUL SYLLABLE GAG}",
    "complex": 1 - 2j,
    "array": np.arange(6.0).reshape(2, 3),
    "fortran": np.asfortranarray(np.arange(6).reshape(2, 3)),
    "view": np.arange(12)[::-3],
    "empty": np.zeros((0, 3), np.float32),
    "no axes": np.array(2.5),
    "scalar": np.float32(0.1),
    "big end": np.arange(3, dtype=">i4"),
    "dates": np.array(["2026-01-01"], "M8[D]"),
    "texts": np.array(["a", "bc"]),
    "nested": {"a": [1, (2.0, {3: np.ones(2)})], 4: None},
}


def round_trip(value):
    encoder = Encoder()
    frame = read_frame(io.BytesIO(encoder.frame({"value": encoder.node(value)})))
    return frame.value(frame.message["value"])


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_plain_values_arrive_as_they_were(value):
    found = round_trip(value)
    assert type(found) is type(value)
    if isinstance(value, float | complex | str | int | None):
        assert found == value
    else:
        assert identical(found, value)
    if isinstance(value, np.ndarray):
        assert found.flags.writeable


def test_nan_arrives():
    assert np.isnan(round_trip(float("nan")))


class Odd(tuple):
    def __len__(self):
        return 1 // 0

    __iter__ = None


class Number(float):
    def __eq__(self, other):
        return True

    __hash__ = float.__hash__


class Pretends:
    @property
    def __class__(self):
        return dict


def test_subclasses_arrive_as_what_they_are_made_of():
    assert round_trip(Odd((1, 2))) == (1, 2)
    assert type(round_trip(Number(3.0))) is float
    assert type(round_trip(Pair(1, 2))) is tuple
    found = round_trip(collections.OrderedDict(a=1))
    assert (type(found), found) == (dict, {"a": 1})


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (object(), "object"),
        ({1, 2}, "set"),
        (np.matrix([[1]]), "matrix"),
        (np.ma.ones(3), "MaskedArray"),
        (2**70, "int"),
        (Pretends(), "Pretends"),
        (np.void(b"x"), "void"),
        (type("ndarray", (), {})(), "ndarray of its own"),
    ],
)
def test_other_objects_keep_the_name_of_their_type_alone(value, name):
    found = round_trip(value)
    assert isinstance(found, Opaque)
    assert type(found).__name__ == name


def test_arrays_of_objects_keep_their_shape():
    found = round_trip(np.array([[1, "x"], [None, print]], dtype=object))
    assert (found.dtype, found.shape) == (np.dtype(object), (2, 2))
    assert set(found.flat) == {None}


def test_what_is_too_large_is_refused():
    for value in (list(range(10**6)), np.zeros(LARGEST_ARRAYS // 8 + 1), "x" * (LARGEST_TEXT + 1)):
        with pytest.raises(FrameError):
            round_trip(value)
    deep = []
    for _ in range(1000):
        deep = [deep]
    assert round_trip(deep) is not None
    for lengths in ((LARGEST_TEXT + 1, 0), (2, LARGEST_ARRAYS + 1)):
        with pytest.raises(FrameError):
            read_frame(io.BytesIO(LENGTHS.pack(*lengths)))
    with pytest.raises(EOFError):
        read_frame(io.BytesIO(LENGTHS.pack(10, 0) + b"{}"))


BAD = [
    {"a": ["<f8", [2], 0]},
    {"a": ["<f8", [-1], 0]},
    {"a": ["<f8", [1 << 40], 0]},
    {"a": ["O", [1], 0]},
    {"a": ["V8", [1], 0]},
    {"a": ["<f8", [1], -8]},
    {"a": ["<U99999999", [1], 0]},
    {"a": [["<f8"], [1], 0]},
    {"a": 3},
    {"s": {}},
    {"t": 3},
    {"d": [[1]]},
    {"d": [[{"l": []}, 1]]},
    {"x": [1 << 31]},
    {"o": 3},
    {"r": {"generator": {}}},
    {"z": 1},
    {},
    [1],
]


@pytest.mark.parametrize("node", BAD, ids=str)
def test_nodes_that_do_not_follow_the_format_are_refused(node):
    with pytest.raises(FrameError):
        Frame(b"{}", b"12345678").value(node)


def test_a_thousand_mutated_frames_give_a_value_or_a_frame_error():
    rng = random.Random(SEED)
    encoder = Encoder()
    good = encoder.frame({"value": encoder.node(VALUES), "changed": {"0": encoder.node([np.ones(3)])}})
    refused = 0
    for _ in range(1000):
        bad = bytearray(good)
        for _ in range(rng.choice((1, 1, 2, 8))):
            place = rng.randrange(len(bad))
            change = rng.choice(("flip", "cut", "double"))
            if change == "flip":
                bad[place] = rng.randrange(256)
            elif change == "cut":
                del bad[place : place + rng.randrange(1, 20)]
            else:
                bad[place:place] = bad[place : place + rng.randrange(1, 20)]
        if rng.random() < 0.7 and len(bad) > 8:  # with lengths that are right, so that the content is read
            bad[:8] = struct.pack(">II", max(len(bad) - 8 - 400, 0), 400)
        try:
            frame = read_frame(io.BytesIO(bytes(bad)))
            for node in frame.message.values():
                frame.value(node)
        except (FrameError, EOFError):
            refused += 1
    assert refused > 200


def test_updates_are_in_place():
    array, inner = np.zeros(3), np.zeros(2)
    state = {"a": array, "b": inner, "c": np.zeros(1)}
    assert update(state, {"a": np.ones(3), "b": np.ones(4)})
    assert state["a"] is array
    assert array.sum() == 3
    assert state["b"] is not inner
    assert list(state) == ["a", "b"]
    assert not update(np.zeros(3), np.zeros(4))
    assert not update(1, 2)
