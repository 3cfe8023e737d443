"""`load`: its options, the checks on images, and MNIST's files."""

import gzip
import os
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest

from foundation.data import DATASETS, Dataset, check_images, load
from foundation.data.dataset import check_levels
from foundation.data.mnist import CLASSES, FOLDERS, MOST_BYTES, read_idx
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
        (
            "cifar",
            {},
            "data: expected one of glyphs, shapes, rooms, mnist, fashion-mnist, kmnist, cifar10, svhn or",
        ),
        ("", {}, "data: expected one of"),
        ("glyphs", {"split": "valid"}, "split: expected train or test, got 'valid'"),
        ("glyphs", {"count": 0}, "count: expected an integer of at least 1, got 0"),
        ("glyphs", {"seed": -1}, "seed: expected an integer of at least 0, got -1"),
        ("glyphs", {"size": 64}, "size: glyphs is 28×28"),
        ("shapes", {"size": 0}, "size: expected an integer from 4 to 512, got 0"),
        ("cifar10", {"size": 64}, "size: cifar10 is 32×32"),
        ("mnist", {"colour": True}, "colour: mnist is grey; rooms, cifar10, svhn and folders come in colour"),
        ("glyphs", {"root": Path("no-such-folder")}, "data root: no-such-folder does not exist"),
        ("mnist", {"root": Path("no-such-folder")}, "data root: no-such-folder does not exist"),
        ("mnist", {"root": Path("~no-such-user")}, "data root: expected a folder, got '~no-such-user'"),
        ("~no-such-user/images", {}, "data: expected a folder, got '~no-such-user/images', whose home folder"),
        ("bad\udcff", {}, "data: expected one of"),
        ("bad\0", {}, "data: expected one of"),
    ],
)
def test_bad_options(name, options, message):
    with pytest.raises(InputError) as error:
        load(name, **options)
    assert one_line(error).startswith(message)


def test_names():
    assert DATASETS == ("glyphs", "shapes", "rooms", "mnist", "fashion-mnist", "kmnist", "cifar10", "svhn")


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


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_images_on_the_256_levels_and_off_them(dtype):
    images = np.arange(256, dtype=np.uint8).reshape(4, 1, 8, 8) / dtype(255)
    check_levels(images, "photos", at_once=3)
    images[3, 0, 1, 1] += dtype(0.2 / 255)
    with pytest.raises(InputError, match="photos: expected pixels on the 256 levels") as error:
        check_levels(images, "photos", at_once=3)
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
    with pytest.raises(InputError, match=r"expected 6 bytes.* got more"):
        read_idx(tmp_path / "x")


def idx_header(*shape, axes=None):
    return bytes([0, 0, 8, axes or len(shape)]) + b"".join(size.to_bytes(4, "big") for size in shape)


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (idx_header(axes=200), "expected at most 3 axes, got 200"),
        (idx_header(60_000, 224, 224), "expected at most 134,217,728 bytes, got 3,010,560,000"),
        (idx_header(2**32 - 1, 2**32 - 1, 2**32 - 1), "expected at most 134,217,728 bytes"),
        (idx_header(0, 28, 28), "expected at least one image, got none"),
    ],
)
def test_idx_headers_that_cannot_be_meant(tmp_path, content, message, suffix):
    write_mnist(tmp_path, suffix=suffix)
    file = tmp_path / "MNIST" / "raw" / f"train-images-idx3-ubyte{suffix}"
    file.write_bytes(gzip.compress(content) if suffix else content)
    with pytest.raises(InputError, match=message) as error:
        load("mnist", root=tmp_path)
    assert str(file) in one_line(error)


def limited_memory(code, megabytes=600):
    """Run code in a process that gets no more memory; its standard output."""
    resource = pytest.importorskip("resource")
    if sys.platform != "linux":
        pytest.skip("needs a limit of memory")

    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (megabytes * 2**20,) * 2)

    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, preexec_fn=limit, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("kind", ["gzip bomb", "sparse file"])
def test_a_huge_file_takes_little_memory(tmp_path, kind):
    path = tmp_path / ("x.gz" if kind == "gzip bomb" else "x")
    if kind == "gzip bomb":
        with gzip.open(path, "wb", compresslevel=1) as file:
            file.write(idx_header(10, 28, 28))
            for _ in range(1500):
                file.write(bytes(2**20))
    else:
        path.write_bytes(idx_header(10, 28, 28))
        os.truncate(path, 5 * 2**30)
    code = (
        "from pathlib import Path\nfrom foundation.data.mnist import read_idx\n"
        f"try: read_idx(Path({str(path)!r}))\nexcept ValueError as error: print(error)"
    )
    assert "expected 7,840 bytes for shape (10, 28, 28), got more" in limited_memory(code)


@pytest.mark.parametrize("kind", ["pipe", "folder"])
def test_idx_in_the_place_of_which_there_is_no_file(tmp_path, kind):
    write_mnist(tmp_path)
    file = tmp_path / "MNIST" / "raw" / "train-images-idx3-ubyte"
    file.unlink()
    if kind == "folder":
        file.mkdir()
    elif hasattr(os, "mkfifo"):
        os.mkfifo(file)
    else:
        pytest.skip("needs pipes")
    with pytest.raises(InputError, match="expected a regular file") as error:
        load("mnist", root=tmp_path)
    assert one_line(error).startswith(str(file))


def test_the_limit_has_room_for_the_largest_set():
    assert MOST_BYTES > 2 * 60_000 * 28 * 28


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


def test_files_are_not_downloaded_where_that_is_not_wanted(tmp_path, monkeypatch):
    """To where a configuration from elsewhere points, say."""
    fetched = []
    torchvision_that(monkeypatch, fetched.append)
    with pytest.raises(InputError, match="mnist: files are missing"):
        load("mnist", root=tmp_path, download=False)
    assert not fetched


def test_missing_files_without_torchvision(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision", None)
    monkeypatch.setitem(sys.modules, "torchvision.datasets", None)
    with pytest.raises(InputError) as error:
        load("mnist", root=tmp_path)
    assert 'pip install "vae-ladder[torch]"' in one_line(error)


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
