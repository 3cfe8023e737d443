"""A folder of the user's own images: classes, splits, every mode of pixels, and folders that cannot be used."""

import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from foundation.data import folder as folders
from foundation.data import load
from foundation.data.folder import MOST_PIXELS, read_image
from foundation.data.splits import load_data
from foundation.errors import InputError
from foundation.options import DataOptions
from tests.support.pictures import write_pictures


def one_line(error):
    assert "\n" not in str(error.value)
    return str(error.value)


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


@pytest.mark.parametrize(
    ("train", "test"), [("Train", "Test"), ("training", "testing"), ("TRAIN", "test"), ("trainset", "test_images")]
)
def test_splits_by_other_names(tmp_path, train, test):
    for index, (split, name) in enumerate([(train, "a"), (train, "b"), (test, "a")]):
        save(tmp_path / split / name / "x.png", level(index))
    assert load(tmp_path).classes == load(tmp_path, "test").classes == ("a", "b")
    assert len(load(tmp_path)) == 2
    assert len(load(tmp_path, "test")) == 1


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
        (["Test/a.png", "cat/b.png"], "expected both sub-folders train and test, or neither, got only Test"),
        (["train/a.png", "Training/b.png"], "expected both sub-folders .* got only Training, train"),
        (["train/a.png", "test/b.png", "val/c.png"], "expected classes or the splits train and test, got val"),
        (["train/a.png", "test/b.png", "bird/c.png"], "expected the splits test and train alone, got bird beside them"),
        (["Train/a.png", "Test/b.png", "c.png"], r"expected the splits Test and Train alone, got c\.png beside them"),
        (["train/a.png", "test/b.png", "val_images/c.png"], "got val_images; rename it to test"),
        (["cat/a.png", "Validation/b.png"], "expected classes or the splits train and test, got Validation"),
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
    assert grey.shape == (1, 28, 28)
    assert grey.dtype == np.float32
    np.testing.assert_allclose(grey, expected, atol=0.005)


@pytest.mark.parametrize("own_splits", [False, True])
def test_what_cannot_be_read_is_left_out_if_asked_and_listed(tmp_path, own_splits):
    for split in ("train", "test") if own_splits else (".",):
        (tmp_path / split).mkdir(exist_ok=True)
        for name in ("a", "b"):
            write_pictures(tmp_path / split / name, 6)
    broken = tmp_path / ("train" if own_splits else ".") / "a" / "broken.png"
    broken.write_bytes(b"no image")
    with pytest.raises(InputError, match=r"broken\.png: cannot be read .*`vae-ladder train --data.skip` leaves such"):
        load(tmp_path)
    whole, test = (load(tmp_path, split, skip=True) for split in ("train", "test"))
    assert len(whole) + len(test) == (24 if own_splits else 12)
    assert len(whole.left_out) == 1
    assert "broken.png: cannot be read as an image" in whole.left_out[0]
    assert len(test.left_out) == (0 if own_splits else 1)
    data = load_data(DataOptions(name=str(tmp_path), skip=True))
    assert data.left_out == whole.left_out, "once, though both splits are read"
    assert data.describe()[-2:] == ["Left out, as they cannot be read: 1 files", whole.left_out[0]]
    broken.unlink()
    same = load(tmp_path)
    np.testing.assert_array_equal(whole.images, same.images)
    np.testing.assert_array_equal(whole.labels, same.labels)


def test_a_folder_of_which_nothing_can_be_read_is_an_error_all_the_same(tmp_path):
    for i in range(3):
        (tmp_path / f"{i}.png").write_bytes(b"no image")
    with pytest.raises(InputError, match=r"0\.png: cannot be read .*; of 3 files none can be read"):
        load(tmp_path, skip=True)


@pytest.mark.parametrize("mode", MODES)
def test_in_colour_a_grey_image_is_grey(tmp_path, mode):
    image, expected = MODES[mode]
    path = tmp_path / ("x.tif" if mode in ("CMYK", "float") else "x.png")
    image.save(path)
    colours = read_image(path, 28, colour=True)
    assert colours.shape == (3, 28, 28)
    if image.mode in ("1", "L", "LA", "I;16", "I", "F"):
        np.testing.assert_allclose(colours, expected, atol=0.005)


def test_colours_are_kept_and_lie_on_white(tmp_path):
    red = np.zeros((40, 40, 4), np.uint8)
    red[..., 0], red[:20, :, 3], red[20:, :, 3] = 255, 255, 51
    Image.fromarray(red).save(tmp_path / "x.png")
    colours = read_image(tmp_path / "x.png", 20, colour=True)
    np.testing.assert_allclose(colours[:, :9].mean(axis=(1, 2)), [1, 0, 0], atol=0.01)
    np.testing.assert_allclose(colours[:, 11:].mean(axis=(1, 2)), [1, 0.8, 0.8], atol=0.01)


def test_a_folder_in_colour_and_another_size(tmp_path):
    for name, colour in (("a", (255, 0, 0)), ("b", (0, 0, 255))):
        (tmp_path / name).mkdir()
        for i in range(6):
            Image.new("RGB", (50 + i, 60), tuple(max(0, level - i) for level in colour)).save(
                tmp_path / name / f"{i}.png"
            )
    data = load_data(DataOptions(name=str(tmp_path), size=16, colour=True))
    assert data.image_shape == (3, 16, 16)
    assert "of 16×16 in colour" in data.describe()[0]
    assert load_data(DataOptions(name=str(tmp_path), size=16)).image_shape == (1, 16, 16)


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
    inner = read_image(tmp_path / "wide.png", 28)[0, :, 1:-1]
    np.testing.assert_allclose(inner, 1)


def test_cameras_orientation_is_followed(tmp_path):
    upper = np.zeros((40, 40), np.uint8)
    upper[:20] = 255
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    save(tmp_path / "x.png", upper, exif=exif)
    grey = read_image(tmp_path / "x.png", 28)[0]
    assert grey[:12].max() < 0.1
    assert grey[-12:].min() > 0.9


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_opaque_images_are_as_grey_as_on_white(tmp_path, mode):
    """The short way of opaque images gives the very numbers of the long one."""
    rng = np.random.default_rng(0)
    image = Image.fromarray(rng.integers(0, 256, (60, 60, 3)[: 2 + (mode == "RGB")], dtype=np.uint8))
    image.save(tmp_path / "opaque.png")
    image.convert("RGBA").save(tmp_path / "alpha.png")
    np.testing.assert_array_equal(read_image(tmp_path / "opaque.png", 28), read_image(tmp_path / "alpha.png", 28))


def test_the_transparent_level_of_16_bits_lies_on_white(tmp_path):
    levels = np.full((40, 40), 6554, np.uint16)
    levels[:20] = 1000
    Image.fromarray(levels).save(tmp_path / "x.png", transparency=1000)
    grey = read_image(tmp_path / "x.png", 28)[0]
    np.testing.assert_allclose(grey[:13], 1)
    np.testing.assert_allclose(grey[15:], 0.1, atol=0.005)


# Links, names and sizes


def link(path, target):
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        path.symlink_to(target, target_is_directory=True)
    except OSError:
        pytest.skip("needs symbolic links")


def test_classes_may_be_links(tmp_path):
    for index in range(3):
        save(tmp_path / "elsewhere" / f"{index}.png", level(index))
        save(tmp_path / "pets" / "dog" / f"{index}.png", level(100 + index))
    link(tmp_path / "pets" / "cat", tmp_path / "elsewhere")
    link(tmp_path / "pets" / "dog" / "one more.png", tmp_path / "elsewhere" / "0.png")
    data = [load(tmp_path / "pets", split) for split in ("train", "test")]
    assert data[0].classes == ("cat", "dog")
    assert sum(len(part) for part in data) == 7


@pytest.mark.parametrize(
    ("name", "target", "message"),
    [
        ("cat/again", "..", "again: expected images, got a link to a folder around it"),
        ("cat/itself", "itself", "itself: cannot be read"),
        ("bird", "nowhere", "bird: expected a file or folder, got a link to none"),
        ("cat/x.png", "nowhere", "x.png: expected an image, got no file, a link to none"),
    ],
)
def test_links_that_lead_nowhere_or_round(tmp_path, name, target, message):
    save(tmp_path / "cat" / "a.png", level(0))
    save(tmp_path / "dog" / "a.png", level(1))
    link(tmp_path / name, target)
    with pytest.raises(InputError, match=message) as error:
        load(tmp_path)
    assert one_line(error).startswith(str(tmp_path))


def test_two_links_round_one_another(tmp_path):
    save(tmp_path / "a" / "x.png", level(0))
    save(tmp_path / "b" / "x.png", level(1))
    link(tmp_path / "a" / "to b", tmp_path / "b")
    link(tmp_path / "b" / "to a", tmp_path / "a")
    with pytest.raises(InputError, match="got a link to a folder around it"):
        load(tmp_path)


def test_a_class_that_may_not_be_entered_is_named(tmp_path, monkeypatch):
    save(tmp_path / "cat" / "a.png", level(0))
    save(tmp_path / "dog" / "a.png", level(1))
    scan = os.scandir

    def locked(path):
        if Path(path).name == "dog":
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", locked)
    with pytest.raises(InputError, match=r"dog: cannot be read \(Permission denied\)") as error:
        load(tmp_path)
    one_line(error)


def test_a_pipe_is_no_image(tmp_path):
    if not hasattr(os, "mkfifo"):
        pytest.skip("needs pipes")
    save(tmp_path / "a.png", level(0))
    os.mkfifo(tmp_path / "b.png")
    with pytest.raises(InputError, match=r"b\.png: expected an image"):
        load(tmp_path)


@pytest.mark.skipif(sys.platform != "linux", reason="needs file names of any bytes")
@pytest.mark.parametrize("where", ["class", "folder", "file"])
def test_names_that_are_not_utf8(tmp_path, where):
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + (b"/\xff\xfe" if where == "folder" else b"/pets")))
    kind = os.fsdecode(b"caf\xe9") if where == "class" else "cat"
    save(folder / kind / "a.png", level(0))
    save(folder / "dog" / "a.png", level(1))
    if where == "file":
        (folder / "dog" / os.fsdecode(b"\xe9.png")).write_bytes(b"no image")
    with pytest.raises(
        InputError, match=r"\\xe9\.png: cannot" if where == "file" else "expected names in UTF-8, got '"
    ) as e:
        load(folder)
    one_line(e).encode()  # can be printed


def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def bomb(width, height):
    """A PNG file of a few kilobytes that says it is this large."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(100_000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [8_000, 12_000, 60_000])
def test_a_decompression_bomb_is_named_before_it_is_decoded(tmp_path, side, monkeypatch):
    (tmp_path / "bomb.png").write_bytes(bomb(side, side))

    def decode(*_):
        raise AssertionError("decoded")

    monkeypatch.setattr(Image.Image, "convert", decode)
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", decode)
    with pytest.raises(InputError, match=r"bomb\.png: cannot be read as an image \(.*pixels") as error:
        read_image(tmp_path / "bomb.png", 28)
    assert "decoded" not in one_line(error)


def test_an_image_of_as_many_pixels_as_allowed_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(folders, "MOST_PIXELS", 1600)
    save(tmp_path / "a.png", level(255, (40, 40)))
    save(tmp_path / "b.png", level(255, (41, 40)))
    np.testing.assert_allclose(read_image(tmp_path / "a.png", 28), 1)
    with pytest.raises(InputError, match="expected at most 1,600 pixels, got 40×41"):
        read_image(tmp_path / "b.png", 28)


@pytest.mark.slow
def test_the_largest_image_takes_less_than_a_gigabyte(tmp_path):
    pytest.importorskip("resource")
    side = int(MOST_PIXELS**0.5)
    Image.new("RGBA", (side, side), (1, 2, 3, 128)).save(tmp_path / "x.png")
    code = (
        "import resource; from pathlib import Path; from foundation.data.folder import read_image\n"
        f"read_image(Path({str(tmp_path / 'x.png')!r}), 28); print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 2**20 * (1 if sys.platform == "linux" else 2**10)
