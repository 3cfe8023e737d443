"""`load` and what it reads: the checks on images, MNIST's files, a user's folder, the cache, and bad input."""

import gzip
import hashlib
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from foundation.data import DATASETS, Dataset, check_images, load
from foundation.data.cache import cache_directory, cached
from foundation.data.folder import read_image
from foundation.data.mnist import CLASSES, FOLDERS, read_idx
from foundation.errors import InputError

SHARED = Path(__file__).parents[3] / "shared" / "data"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    monkeypatch.setenv("VAE_LADDER_CACHE", str(folder))
    return folder


def one_line(error):
    assert "\n" not in str(error.value)
    return str(error.value)


# Options of `load`


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("cifar", {}, "data: expected one of glyphs, shapes, mnist, fashion-mnist, kmnist or a folder"),
        ("", {}, "data: expected one of"),
        ("glyphs", {"split": "valid"}, "split: expected train or test, got 'valid'"),
        ("glyphs", {"count": 0}, "count: expected an integer of at least 1, got 0"),
        ("glyphs", {"seed": -1}, "seed: expected an integer of at least 0, got -1"),
        ("glyphs", {"size": 64}, "size: glyphs is 28×28"),
        ("shapes", {"size": 0}, "size: expected an integer of at least 1, got 0"),
        ("glyphs", {"root": Path("no-such-folder")}, "data root: no-such-folder does not exist"),
        ("mnist", {"root": Path("no-such-folder")}, "data root: no-such-folder does not exist"),
    ],
)
def test_bad_options(name, options, message):
    with pytest.raises(InputError) as error:
        load(name, **options)
    assert one_line(error).startswith(message)


def test_names():
    assert DATASETS == ("glyphs", "shapes", "mnist", "fashion-mnist", "kmnist")


def test_describe():
    images = np.zeros((1234, 1, 28, 32), np.float32)
    labels = np.zeros(1234, np.int64)
    assert Dataset("a", "train", images, labels, ("x", "y")).describe() == "a/train: 1,234 images of 28×32, 2 classes"
    alone = Dataset("a", "test", images, labels, ("x",), seed=7)
    assert alone.describe() == "a/test: 1,234 images of 28×32, 1 class, seed 7"
    assert len(alone) == 1234


# The check of images


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_good_images_pass(dtype):
    check_images(np.array([0, 0.5, 1], dtype).reshape(3, 1, 1, 1), "images")


def spoilt(value, dtype=np.float32):
    images = np.full((4, 1, 5, 3), 0.5, dtype)
    images[2, 0, 1, 1] = value
    return images


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (spoilt(np.nan), "photos: image 2 holds NaN"),
        (spoilt(np.inf), r"photos: expected pixels in \[0, 1\], got 0.5 to inf \(first in image 2\)"),
        (spoilt(-0.1), r"photos: expected pixels in \[0, 1\], got -0.1 to 0.5 \(first in image 2\)"),
        (spoilt(1.001), r"photos: expected pixels in \[0, 1\], got 0.5 to 1.001 \(first in image 2\)"),
        (np.full((4, 1, 5, 3), 255, np.uint8), "photos: expected images as float32 or float64, got uint8"),
        (np.zeros((4, 5, 3), np.float32), r"photos: expected images of shape \(N, C, H, W\), got \(4, 5, 3\)"),
        (np.zeros((0, 1, 5, 3), np.float32), "photos: expected at least one image"),
        ([[0.5]], "photos: expected images as a NumPy array, got list"),
    ],
)
def test_bad_images_are_refused(images, message):
    unchecked = getattr(check_images, "__wrapped__", check_images)  # without the tests' own type checks
    with pytest.raises(InputError, match=message) as error:
        unchecked(images, "photos")
    one_line(error)


# MNIST and its siblings


def write_idx(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    header = bytes([0, 0, 8, array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape)
    content = header + array.tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def write_mnist(root, name="mnist", suffix="", count=12):
    """Small files of MNIST's layout with random images; returns the training images and labels."""
    rng = np.random.default_rng(0)
    written = {}
    for prefix in ("t10k", "train"):
        images = rng.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        labels = (np.arange(count) % 10).astype(np.uint8)
        raw = root / FOLDERS[name] / "raw"
        write_idx(raw / f"{prefix}-images-idx3-ubyte{suffix}", images)
        write_idx(raw / f"{prefix}-labels-idx1-ubyte{suffix}", labels)
        written[prefix] = images, labels
    return written["train"]


@pytest.mark.parametrize("name", FOLDERS)
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_mnist_family(tmp_path, name, suffix):
    images, labels = write_mnist(tmp_path, name, suffix)
    data = load(name, root=tmp_path)
    assert data.images.dtype == np.float32
    np.testing.assert_array_equal(data.images, images[:, None].astype(np.float32) / np.float32(255))
    np.testing.assert_array_equal(data.labels, labels)
    assert data.labels.dtype == np.int64
    assert data.classes == CLASSES[name]
    assert len(data.classes) == 10
    assert not np.array_equal(load(name, "test", root=tmp_path).images, data.images)


def test_mnist_needs_no_torch(tmp_path):
    """With the files there, a process in which torch cannot be imported reads them."""
    write_mnist(tmp_path)
    code = (
        "import sys; sys.modules['torch'] = sys.modules['torchvision'] = None\n"
        "from foundation.data import load\n"
        f"print(len(load('mnist', root={str(tmp_path)!r})), len(load('glyphs', count=3)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["12", "3"]


def test_count_takes_a_part_drawn_by_the_seed(tmp_path):
    images, labels = write_mnist(tmp_path, count=200)
    part, again, other = (load("mnist", root=tmp_path, count=50, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(part.images, again.images)
    assert not np.array_equal(part.images, other.images)
    where = {image.tobytes(): index for index, image in enumerate(images)}
    rows = [where[np.rint(255 * image).astype(np.uint8).tobytes()] for image in part.images]
    assert len(set(rows)) == 50
    np.testing.assert_array_equal(part.labels, labels[rows])
    with pytest.raises(InputError, match="count: expected at most 200 for mnist/train, got 201"):
        load("mnist", root=tmp_path, count=201)


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("kept", [0, 3, 10, 17, -1])
@pytest.mark.parametrize("part", ["images-idx3", "labels-idx1"])
def test_truncated_idx(tmp_path, part, kept, suffix):
    write_mnist(tmp_path, suffix=suffix)
    file = tmp_path / "MNIST" / "raw" / f"train-{part}-ubyte{suffix}"
    file.write_bytes(file.read_bytes()[:kept])
    with pytest.raises(InputError) as error:
        load("mnist", root=tmp_path)
    assert str(file) in one_line(error)
    assert len(load("mnist", "test", root=tmp_path)) == 12  # the other split is untouched


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((12, 32, 32), np.uint8), "expected images of 28×28"),
        (np.zeros(12, np.uint8), "expected images of 28×28"),
    ],
)
def test_idx_of_another_shape(tmp_path, array, message):
    write_mnist(tmp_path)
    write_idx(tmp_path / "MNIST" / "raw" / "train-images-idx3-ubyte", array)
    with pytest.raises(InputError, match=message):
        load("mnist", root=tmp_path)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.zeros(11, np.uint8), "expected 12 labels"),
        (np.full(12, 10, np.uint8), "expected labels from 0 to 9, got 10"),
    ],
)
def test_labels_that_do_not_fit(tmp_path, labels, message):
    write_mnist(tmp_path)
    write_idx(tmp_path / "MNIST" / "raw" / "train-labels-idx1-ubyte", labels)
    with pytest.raises(InputError, match=message):
        load("mnist", root=tmp_path)


def test_idx_with_bytes_too_many(tmp_path):
    write_idx(tmp_path / "x", np.zeros((2, 3), np.uint8))
    assert read_idx(tmp_path / "x").shape == (2, 3)
    (tmp_path / "x").write_bytes((tmp_path / "x").read_bytes() + b"\0")
    with pytest.raises(InputError, match="expected 6 bytes"):
        read_idx(tmp_path / "x")


def torchvision_that(monkeypatch, fetch):
    """Put a torchvision in place whose data set classes call `fetch(root)`."""
    package, datasets = types.ModuleType("torchvision"), types.ModuleType("torchvision.datasets")
    package.datasets = datasets
    for name in FOLDERS.values():
        setattr(datasets, name, lambda root, train, download: fetch(root))
    monkeypatch.setitem(sys.modules, "torchvision", package)
    monkeypatch.setitem(sys.modules, "torchvision.datasets", datasets)


def test_missing_files_without_network(tmp_path, monkeypatch):
    def fail(root):
        raise RuntimeError("Error downloading:\nTried http://a.b\nno route")

    torchvision_that(monkeypatch, fail)
    with pytest.raises(InputError) as error:
        load("fashion-mnist", root=tmp_path)
    line = one_line(error)
    assert str(tmp_path / "FashionMNIST" / "raw") in line
    assert "train-images-idx3-ubyte" in line.replace("(train|t10k)", "train")
    assert "glyphs, which needs no files" in line
    assert "no route" in line


def test_missing_files_without_torchvision(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision", None)
    monkeypatch.setitem(sys.modules, "torchvision.datasets", None)
    with pytest.raises(InputError) as error:
        load("mnist", root=tmp_path)
    assert 'pip install -e ".[torch]"' in one_line(error)


def test_missing_files_are_downloaded_once(tmp_path, monkeypatch, cache):
    fetched = []

    def fetch(root):
        fetched.append(root)
        write_mnist(Path(root), "kmnist")

    torchvision_that(monkeypatch, fetch)
    assert len(load("kmnist")) == 12
    assert len(load("kmnist", "test")) == 12
    assert fetched == [cache]


@pytest.mark.skipif(not (SHARED / "MNIST").is_dir(), reason="needs the real MNIST")
def test_real_mnist():
    train, test = load("mnist", root=SHARED), load("mnist", "test", root=SHARED)
    assert train.describe() == "mnist/train: 60,000 images of 28×28, 10 classes"
    assert test.describe() == "mnist/test: 10,000 images of 28×28, 10 classes"
    check_images(train.images, "mnist")
    assert train.images.mean() == pytest.approx(0.1307, abs=1e-4)  # the mean that everyone normalises with
    assert train.images.std() == pytest.approx(0.3081, abs=1e-4)
    assert train.labels[:5].tolist() == [5, 0, 4, 1, 9]


# A folder of images


def save(path, array, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path, **options)


def level(value, shape=(28, 28)):
    return np.full(shape, value, np.uint8)


def test_folder_with_classes_and_a_drawn_split(tmp_path):
    folder = tmp_path / "pets"
    for index in range(10):
        save(folder / "dog" / f"{index}.png", level(index))
        save(folder / "cat" / "more" / f"{index}.jpg", level(100 + 10 * index))
    (folder / "notes.txt").write_text("not an image")
    (folder / "cat" / "._0.jpg").write_text("left by a Mac")
    train, test = load(folder), load(folder, "test")
    assert train.describe() == "pets/train: 18 images of 28×28, 2 classes, seed 0"
    assert train.classes == ("cat", "dog")
    assert len(test) == 2
    for data in (train, test):
        np.testing.assert_array_equal(data.images.mean(axis=(1, 2, 3)) < 0.2, data.labels == 1)
    everything = np.concatenate([train.images, test.images]).mean(axis=(1, 2, 3))
    assert len(np.unique(everything)) == 20
    np.testing.assert_array_equal(load(folder).images, train.images)
    assert {load(folder, "test", seed=seed).images.tobytes() for seed in range(5)} != {test.images.tobytes()}
    assert load(folder, count=7).images.shape == (7, 1, 28, 28)
    assert load(folder, size=64).images.shape == (18, 1, 64, 64)


def test_flat_folder_is_one_class(tmp_path):
    for index in range(4):
        save(tmp_path / f"{index}.png", level(index))
    data = load(str(tmp_path))
    assert data.classes == ("images",)
    assert data.labels.tolist() == [0, 0, 0]


def test_folder_with_its_own_splits(tmp_path):
    for index in range(3):
        save(tmp_path / "train" / "b" / f"{index}.png", level(index))
        save(tmp_path / "test" / "a" / f"{index}.png", level(50 + index))
    save(tmp_path / "test" / "b" / "x.png", level(99))
    train, test = load(tmp_path), load(tmp_path, "test")
    assert train.classes == test.classes == ("a", "b")
    assert train.labels.tolist() == [1, 1, 1]
    assert test.labels.tolist() == [0, 0, 0, 1]
    assert train.seed is None


def test_copies_stay_on_one_side(tmp_path):
    """Ten copies of each of six images: a split by file would put the same picture on both sides."""
    for index in range(60):
        save(tmp_path / f"{index}.png", level(40 * (index % 6)))
    for seed in range(10):
        train, test = load(tmp_path, seed=seed), load(tmp_path, "test", seed=seed)
        assert len(train) == 50
        assert len(test) == 10
        assert not set(train.images[:, 0, 0, 0]) & set(test.images[:, 0, 0, 0])


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ([], "expected images .*found none"),
        (["notes.txt"], "expected images .*found none"),
        (["a.png"], "expected at least two different images"),
        (["a.png", "cat/b.png"], r"expected images in sub-folders or none there, got both \(a.png\)"),
        (["train/a.png", "train/b.png"], "expected both sub-folders train and test, or neither, got only train"),
    ],
)
def test_folders_that_cannot_be_used(tmp_path, files, message):
    for index, name in enumerate(files):
        if name.endswith(".txt"):
            (tmp_path / name).write_text("text")
        else:
            save(tmp_path / name, level(index))
    with pytest.raises(InputError, match=message) as error:
        load(tmp_path)
    assert one_line(error).startswith(str(tmp_path))


@pytest.mark.parametrize("content", [b"", b"not an image", None])
def test_unreadable_image_is_named(tmp_path, content):
    save(tmp_path / "good.png", level(0))
    save(tmp_path / "bad.png", np.random.default_rng(0).integers(0, 256, (60, 60), dtype=np.uint8))
    whole = (tmp_path / "bad.png").read_bytes()
    (tmp_path / "bad.png").write_bytes(whole[: len(whole) // 2] if content is None else content)
    with pytest.raises(InputError) as error:
        load(tmp_path)
    assert one_line(error).startswith(str(tmp_path / "bad.png"))


MODES = {
    "1": (Image.new("1", (40, 40), 1), 1.0),
    "L": (Image.new("L", (40, 40), 51), 0.2),
    "RGB": (Image.new("RGB", (40, 40), (255, 0, 0)), 0.299),
    "RGBA": (Image.new("RGBA", (40, 40), (0, 0, 0, 51)), 0.8),  # black, four fifths transparent, on white
    "LA": (Image.new("LA", (40, 40), (0, 255)), 0.0),
    "transparent": (Image.new("RGBA", (40, 40), (0, 0, 0, 0)), 1.0),
    "palette": (Image.new("RGB", (40, 40), (0, 255, 0)).convert("P"), 0.587),
    "16 bit": (Image.fromarray(np.full((40, 40), 6554, np.uint16)), 0.1),
    "CMYK": (Image.new("CMYK", (40, 40), (0, 0, 0, 255)), 0.0),
    "float": (Image.fromarray(np.full((40, 40), 0.25, np.float32)), 0.25),
}


@pytest.mark.parametrize("mode", MODES)
def test_image_modes(tmp_path, mode):
    image, expected = MODES[mode]
    path = tmp_path / ("x.tif" if mode in ("CMYK", "float") else "x.png")
    image.save(path)
    grey = read_image(path, 28)
    assert grey.dtype == np.float32
    np.testing.assert_allclose(grey, expected, atol=0.005)


def test_floats_outside_the_range_are_refused(tmp_path):
    Image.fromarray(np.full((40, 40), 3.5, np.float32)).save(tmp_path / "x.tif")
    with pytest.raises(InputError, match=r"x\.tif: .*got 3\.5 to 3\.5"):
        read_image(tmp_path / "x.tif", 28)


def test_resizing_averages_and_keeps_the_centre(tmp_path):
    """A fine chequerboard turns grey, not into stripes; of a wide image only the middle square is kept."""
    board = (np.indices((280, 280)).sum(axis=0) % 2 * 255).astype(np.uint8)
    save(tmp_path / "board.png", board)
    np.testing.assert_allclose(read_image(tmp_path / "board.png", 28), 0.5, atol=0.02)
    wide = np.zeros((56, 168), np.uint8)
    wide[:, 56:112] = 255
    save(tmp_path / "wide.png", wide)
    inner = read_image(tmp_path / "wide.png", 28)[:, 1:-1]
    np.testing.assert_allclose(inner, 1)


def test_cameras_orientation_is_followed(tmp_path):
    upper = np.zeros((40, 40), np.uint8)
    upper[:20] = 255
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    save(tmp_path / "x.png", upper, exif=exif)
    grey = read_image(tmp_path / "x.png", 28)
    assert grey[:12].max() < 0.1
    assert grey[-12:].min() > 0.9


# The cache


def draw_counter():
    """A maker of arrays that counts how often it is asked."""
    calls = []

    def make():
        calls.append(1)
        return {"images": np.arange(12, dtype=np.uint8), "x": np.linspace(0, 1, 3)}

    return make, calls


def test_cache_saves_and_tells_keys_apart(cache):
    make, calls = draw_counter()
    first, second = cached("a", "key", make), cached("a", "key", make)
    assert len(calls) == 1
    for name in first:
        np.testing.assert_array_equal(first[name], second[name])
        assert first[name].dtype == second[name].dtype
    cached("a", "other key", make)
    assert len(calls) == 2
    assert len(list(cache.iterdir())) == 2


@pytest.mark.parametrize("place", [0, 40, -1])
def test_damaged_cache_is_made_anew(cache, place):
    make, calls = draw_counter()
    cached("a", "key", make)
    (file,) = cache.iterdir()
    content = bytearray(file.read_bytes())
    content[place] ^= 1
    file.write_bytes(content)
    np.testing.assert_array_equal(cached("a", "key", make)["images"], np.arange(12))
    assert len(calls) == 2
    cached("a", "key", make)
    assert len(calls) == 2  # and the new copy is whole


@pytest.mark.parametrize("content", [b"", b"short", hashlib.sha256(b"foreign").digest() + b"foreign"])
def test_foreign_file_in_the_cache(cache, content):
    make, calls = draw_counter()
    cached("a", "key", make)
    (file,) = cache.iterdir()
    file.write_bytes(content)
    assert cached("a", "key", make)["images"].sum() == 66
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


def test_cache_directory(monkeypatch, tmp_path):
    assert cache_directory() == tmp_path / "cache"
    monkeypatch.delenv("VAE_LADDER_CACHE")
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    assert cache_directory() == tmp_path / "local" / "vae-ladder"
    monkeypatch.setattr(sys, "platform", "linux")
    assert cache_directory() == Path.home() / ".cache" / "vae-ladder"
