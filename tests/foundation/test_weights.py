"""Weights survive the trip to disk bit for bit; every bad file is refused in one line that names it."""

import io
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from foundation.architecture import Architecture, Parameters, initial_parameters
from foundation.errors import InputError
from foundation.weights import load_weights, save_weights

SMALL = Architecture(latent_dim=3, channels=(2, 5), hidden_dim=7, image_shape=(1, 8, 12))


def draw(architecture: Architecture = SMALL, dtype: type = np.float32) -> Parameters:
    return initial_parameters(architecture, np.random.default_rng(0), dtype)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "weights.safetensors"


def refusal(path: Path, architecture: Architecture | None = None) -> str:
    """The line with which `load_weights` refuses a file; it names the file."""
    with pytest.raises(InputError) as caught:
        load_weights(path, architecture)
    line = str(caught.value)
    assert "\n" not in line
    assert str(path) in line
    return line


def assert_same(found: Parameters, expected: Parameters) -> None:
    assert list(found) == list(expected)
    for name, value in expected.items():
        assert found[name].dtype == value.dtype, name
        np.testing.assert_array_equal(found[name], value, err_msg=name)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("architecture", [SMALL, Architecture()])
def test_weights_come_back_bit_for_bit(path: Path, architecture: Architecture, dtype: type) -> None:
    parameters = draw(architecture, dtype)
    save_weights(path, parameters, architecture)
    for expected in (None, architecture):
        found, stored = load_weights(path, expected)
        assert stored == architecture
        assert_same(found, parameters)
    assert os.listdir(path.parent) == [path.name]


def test_what_is_loaded_can_be_changed_in_place(path: Path) -> None:
    save_weights(path, draw(), SMALL)
    load_weights(path)[0]["encoder.fc.bias"][:] = 0
    assert_same(load_weights(path)[0], draw())


@pytest.mark.parametrize(
    "view",
    [
        np.asfortranarray,
        lambda value: np.repeat(value, 2, axis=0)[::2],
        lambda value: value[..., ::-1].copy()[..., ::-1],
        lambda value: np.moveaxis(np.moveaxis(value, 0, -1).copy(), -1, 0),
    ],
    ids=["fortran", "strided", "reversed", "channels_last"],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_views_that_are_not_contiguous_are_stored_right(path: Path, view: object, dtype: type) -> None:
    parameters = {name: view(value) for name, value in draw(dtype=dtype).items()}
    assert not parameters["encoder.conv2.weight"].flags.c_contiguous
    save_weights(path, parameters, SMALL)
    assert_same(load_weights(path)[0], draw(dtype=dtype))


def test_the_order_of_the_parameters_does_not_depend_on_the_file(path: Path) -> None:
    save_weights(path, dict(reversed(draw().items())), SMALL)
    assert list(load_weights(path)[0]) == list(SMALL.parameter_shapes())


def test_rungs_on_torch_read_and_write_the_same_file(path: Path) -> None:
    torch = pytest.importorskip("torch")
    from safetensors.torch import load_file, save_file

    save_weights(path, draw(), SMALL)
    assert all(torch.equal(value, torch.from_numpy(draw()[name])) for name, value in load_file(path).items())
    save_file({name: torch.from_numpy(value) for name, value in draw().items()}, path)
    assert_same(load_weights(path, SMALL)[0], draw())  # no metadata of ours, so the architecture must be given
    assert "architecture" in refusal(path)


def test_weights_work_without_torch(path: Path) -> None:
    script = (
        "import sys; sys.modules['torch'] = None\n"
        "import numpy as np; from foundation.architecture import *; from foundation.weights import *\n"
        "a = Architecture(latent_dim=2); p = initial_parameters(a, np.random.default_rng(0))\n"
        "save_weights(sys.argv[1], p, a); q, b = load_weights(sys.argv[1])\n"
        "assert a == b and all((p[k] == q[k]).all() for k in p)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(path)], check=True)


def test_a_missing_file_and_a_folder(path: Path) -> None:
    assert "no such file" in refusal(path)
    path.mkdir()
    assert "a folder" in refusal(path)


class Harmful:
    """A pickle that leaves a trace when it is loaded."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple:
        return Path.touch, (self.trace,)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_pickle_is_refused_as_such_and_never_run(path: Path, protocol: int) -> None:
    trace = path.parent / "trace"
    path.write_bytes(pickle.dumps(Harmful(trace), protocol))
    assert "a pickle" in refusal(path)
    assert "run code" in refusal(path)
    assert not trace.exists()
    pickle.loads(path.read_bytes())  # the trap itself works
    assert trace.exists()


@pytest.mark.parametrize("zipped", [True, False])
def test_a_file_of_torch_save_is_refused_as_such(path: Path, zipped: bool) -> None:
    torch = pytest.importorskip("torch")
    torch.save({"a": torch.zeros(3)}, path, _use_new_zipfile_serialization=zipped)
    line = refusal(path)
    assert "pickle" in line
    assert "run code" in line
    assert ("torch.save" in line) == zipped


def test_a_header_that_begins_like_a_pickle_is_no_pickle(path: Path) -> None:
    """A safetensors file begins with its header's length, which may well be the byte of a pickle."""
    for padding in range(256):
        blob = safetensors.numpy.save(draw(), {"padding": "x" * padding})
        if blob[0] == 0x80:
            break
    assert blob[0] == 0x80
    path.write_bytes(blob)
    assert_same(load_weights(path, SMALL)[0], draw())


@pytest.mark.parametrize("keep", [0, 1, 8, 100, 0.5, -1])
def test_a_truncated_file(path: Path, keep: float) -> None:
    save_weights(path, draw(), SMALL)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * keep) if isinstance(keep, float) else keep])
    assert "truncated or damaged" in refusal(path)


@pytest.mark.parametrize("content", [b"<html>404 not found</html>", b"\xff" * 100, b"{}", b"\0" * 64])
def test_a_file_of_something_else(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    assert "no safetensors file" in refusal(path)


@pytest.mark.parametrize(
    ("change", "field", "tensor"),
    [
        ({"latent_dim": 4}, "latent_dim is 3, expected 4", "'encoder.mu.weight' has shape (3, 7), expected (4, 7)"),
        ({"channels": (2, 6)}, "channels is (2, 5), expected (2, 6)", "'encoder.conv2.weight'"),
        ({"hidden_dim": 8}, "hidden_dim is 7, expected 8", "'encoder.fc.weight'"),
        ({"image_shape": (1, 8, 8)}, "image_shape is (1, 8, 12), expected (1, 8, 8)", "'encoder.fc.weight'"),
    ],
)
def test_another_architecture_is_named_by_field_and_tensor(path: Path, change: dict, field: str, tensor: str) -> None:
    save_weights(path, draw(), SMALL)
    line = refusal(path, Architecture(**{**vars(SMALL), **change}))
    assert field in line
    assert tensor in line


def test_two_architectures_of_the_same_tensors(path: Path) -> None:
    """8×12 and 12×8 images give equal shapes throughout; the metadata still tells them apart."""
    save_weights(path, draw(), SMALL)
    assert "image_shape" in refusal(path, Architecture(**{**vars(SMALL), "image_shape": (1, 12, 8)}))


def store(path: Path, tensors: dict, architecture: object = SMALL) -> None:
    """Write a file as a stranger might."""
    text = architecture if isinstance(architecture, str) else json.dumps(vars(architecture))
    safetensors.numpy.save_file(tensors, path, {"architecture": text})


@pytest.mark.parametrize(
    "text", ["not json", "[]", "5", '{"latent_dim": 0}', '{"depth": 3}', '{"channels": 5}', '{"latent_dim": "3"}']
)
def test_metadata_without_a_valid_architecture(path: Path, text: str) -> None:
    store(path, draw(), text)
    assert "architecture" in refusal(path)


def test_missing_unknown_and_misshapen_tensors(path: Path) -> None:
    parameters = draw()
    bias = parameters.pop("encoder.mu.bias")
    store(path, parameters)
    assert "'encoder.mu.bias' is missing" in refusal(path)
    store(path, parameters | {"encoder.mu.bias": bias, "decoder.fc9.bias": bias})
    assert "unknown tensor 'decoder.fc9.bias'" in refusal(path)
    store(path, parameters | {"encoder.mu.bias": np.zeros(5, np.float32)})
    assert "'encoder.mu.bias' has shape (5,), expected (3,)" in refusal(path)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_neither_loaded_nor_saved(path: Path, value: float) -> None:
    parameters = draw()
    save_weights(path, parameters, SMALL)
    before = path.read_bytes()
    parameters["decoder.fc2.weight"][-1, -1] = value
    with pytest.raises(InputError, match=r"'decoder\.fc2\.weight' holds NaN or infinity"):
        save_weights(path, parameters, SMALL)
    assert path.read_bytes() == before
    store(path, parameters)
    assert "'decoder.fc2.weight' holds NaN or infinity" in refusal(path)


def test_dtypes_other_than_ours(path: Path) -> None:
    for dtype, name in ((np.float16, "F16"), (np.int64, "I64")):
        store(path, {key: value.astype(dtype) for key, value in draw().items()})
        assert f"is {name}, expected F32 or F64" in refusal(path)
        with pytest.raises(InputError, match="expected all float32 or all float64"):
            save_weights(path, {key: value.astype(dtype) for key, value in draw().items()}, SMALL)
    store(path, draw() | {"encoder.mu.bias": np.zeros(3)})
    assert "expected all float32 or all float64, got float32, float64" in refusal(path)


def test_bfloat16_which_numpy_lacks(path: Path) -> None:
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file

    save_file({name: torch.from_numpy(value).bfloat16() for name, value in draw().items()}, path)
    assert "is BF16, expected F32 or F64" in refusal(path, SMALL)


def test_an_npz_is_a_zip(path: Path) -> None:
    buffer = io.BytesIO()
    np.savez(buffer, **draw())
    path.write_bytes(buffer.getvalue())
    assert "a zip archive" in refusal(path)
