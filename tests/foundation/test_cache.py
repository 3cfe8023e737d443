"""The cache: what it holds comes back, and what is damaged, foreign or no file is made anew."""

import hashlib
import os
import sys
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from foundation.data import load
from foundation.data.cache import Expected, cache_directory, cached
from foundation.errors import InputError

EXPECTED = {"images": Expected((12,), np.uint8), "x": Expected((3,), np.float64, 0, 1)}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    monkeypatch.setenv("VAE_LADDER_CACHE", str(folder))
    return folder


def draw_counter():
    """A maker of arrays that counts how often it is asked."""
    calls = []

    def make():
        calls.append(1)
        return {"images": np.arange(12, dtype=np.uint8), "x": np.linspace(0, 1, 3)}

    return make, calls


def test_cache_saves_and_tells_keys_apart(cache):
    make, calls = draw_counter()
    first, second = cached("a", "key", EXPECTED, make), cached("a", "key", EXPECTED, make)
    assert len(calls) == 1
    for name in first:
        np.testing.assert_array_equal(first[name], second[name])
        assert first[name].dtype == second[name].dtype
    cached("a", "other key", EXPECTED, make)
    assert len(calls) == 2
    assert len(list(cache.iterdir())) == 2


@pytest.mark.parametrize("place", [0, 40, -1])
def test_damaged_cache_is_made_anew(cache, place):
    make, calls = draw_counter()
    cached("a", "key", EXPECTED, make)
    (file,) = cache.iterdir()
    content = bytearray(file.read_bytes())
    content[place] ^= 1
    file.write_bytes(content)
    np.testing.assert_array_equal(cached("a", "key", EXPECTED, make)["images"], np.arange(12))
    assert len(calls) == 2
    cached("a", "key", EXPECTED, make)
    assert len(calls) == 2  # and the new copy is whole


@pytest.mark.parametrize("content", [b"", b"short", hashlib.sha256(b"foreign").digest() + b"foreign"])
def test_foreign_file_in_the_cache(cache, content):
    make, calls = draw_counter()
    cached("a", "key", EXPECTED, make)
    (file,) = cache.iterdir()
    file.write_bytes(content)
    assert cached("a", "key", EXPECTED, make)["images"].sum() == 66
    assert len(calls) == 2


def test_unwritable_cache_is_no_error(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("VAE_LADDER_CACHE", str(tmp_path / "file" / "cache"))
    assert len(load("glyphs", count=5)) == 5
    assert (tmp_path / "file").read_text() == "in the way"


def test_cached_set_equals_the_drawn_one(cache):
    for name in ("glyphs", "shapes"):
        drawn, read = load(name, count=30), load(name, count=30)
        np.testing.assert_array_equal(drawn.images, read.images)
        assert drawn.factors.keys() == read.factors.keys()
        for factor in drawn.factors:
            np.testing.assert_array_equal(drawn.factors[factor], read.factors[factor])
    assert len(list(cache.iterdir())) == 2


def seal(key, arrays):
    """A file of the cache whose digest is right."""
    payload = safetensors.numpy.save(arrays)
    return hashlib.sha256(key.encode() + payload).digest() + payload


GOOD = {"images": np.arange(12, dtype=np.uint8), "x": np.zeros(3)}


@pytest.mark.parametrize(
    "arrays",
    [
        {},
        {"images": GOOD["images"]},
        GOOD | {"more": np.zeros(3)},
        GOOD | {"images": np.arange(7, dtype=np.uint8)},
        GOOD | {"images": np.arange(12, dtype=np.uint16)},
        GOOD | {"x": np.zeros((3, 1))},
        GOOD | {"x": np.array([0, 0.5, 1.5])},
        GOOD | {"x": np.array([0, 0.5, np.nan])},
    ],
)
def test_a_file_with_a_right_digest_and_other_arrays_is_made_anew(cache, arrays):
    make, calls = draw_counter()
    cached("a", "key", EXPECTED, make)
    (file,) = cache.iterdir()
    file.write_bytes(seal("key", GOOD))
    assert cached("a", "key", EXPECTED, make)["x"].sum() == 0, "what fits is read"
    file.write_bytes(seal("key", arrays))
    assert cached("a", "key", EXPECTED, make)["x"].sum() == 1.5
    assert len(calls) == 2


def test_the_file_of_another_key_is_not_taken_for_this_one(cache):
    make, calls = draw_counter()
    cached("a", "key", EXPECTED, make)
    (file,) = cache.iterdir()
    file.write_bytes(seal("another key", GOOD))
    assert cached("a", "key", EXPECTED, make)["x"].sum() == 1.5
    assert len(calls) == 2


def test_images_of_another_seed_are_not_taken_for_these(cache):
    mine = load("glyphs", count=30, seed=1)
    (file,) = cache.iterdir()
    load("glyphs", count=30, seed=2)
    (other,) = set(cache.iterdir()) - {file}
    file.write_bytes(other.read_bytes())
    np.testing.assert_array_equal(load("glyphs", count=30, seed=1).images, mine.images)


@pytest.mark.parametrize("name", ["glyphs", "shapes"])
def test_labels_beyond_the_classes_are_not_believed(cache, name):
    drawn = load(name, count=30)
    (file,) = cache.iterdir()
    arrays = safetensors.numpy.load(file.read_bytes()[32:])
    label = "label" if name == "glyphs" else "shape"
    spoilt = safetensors.numpy.save(arrays | {label: np.full(30, 10, np.int64)})
    file.write_bytes(file.read_bytes()[:32] + spoilt)
    np.testing.assert_array_equal(load(name, count=30).labels, drawn.labels)


@pytest.mark.parametrize("kind", ["pipe", "link to a device", "sparse file", "folder"])
def test_what_is_no_small_file_is_made_anew(cache, kind):
    make, calls = draw_counter()
    cached("a", "key", EXPECTED, make)
    (file,) = cache.iterdir()
    file.unlink()
    if kind == "sparse file":
        file.write_bytes(b"x")
        os.truncate(file, 5 * 2**30)
    elif kind == "folder":
        file.mkdir()
    elif not hasattr(os, "mkfifo"):
        pytest.skip("needs pipes and devices")
    elif kind == "pipe":
        os.mkfifo(file)
    else:
        file.symlink_to("/dev/zero")
    for _ in range(2):
        assert cached("a", "key", EXPECTED, make)["images"].sum() == 66
    assert len(calls) == (3 if kind == "folder" else 2), "all but a folder give way to the new file"


def test_cache_directory(monkeypatch, tmp_path):
    assert cache_directory() == tmp_path / "cache"
    monkeypatch.setenv("VAE_LADDER_CACHE", "~/kept")
    assert cache_directory() == Path.home() / "kept"
    monkeypatch.delenv("VAE_LADDER_CACHE")
    assert cache_directory().is_absolute()
    assert "vae-ladder" in cache_directory().parts
    if sys.platform == "linux":
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
        assert cache_directory() == tmp_path / "xdg" / "vae-ladder"


def test_a_user_without_a_home_has_no_cache(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VAE_LADDER_CACHE", "~no-such-user/cache")
    with pytest.raises(InputError, match="VAE_LADDER_CACHE: expected a folder"):
        cache_directory()
    make, calls = draw_counter()
    for _ in range(2):
        assert cached("a", "key", EXPECTED, make)["images"].sum() == 66
    assert len(calls) == 2
    assert not list(tmp_path.iterdir())


def test_arrays_come_back_whatever_the_order_of_their_axes(cache):
    drawn = np.arange(24, dtype=np.uint8).reshape(2, 3, 4).transpose(2, 0, 1)
    for _ in range(2):
        found = cached("x", "key", {"images": Expected((4, 2, 3), np.uint8)}, lambda: {"images": drawn})
        np.testing.assert_array_equal(found["images"], drawn)
