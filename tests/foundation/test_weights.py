"""Weights survive the trip to disk bit for bit; every bad file is refused in one line that names it."""

import io
import json
import os
import pickle
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from foundation.architecture import Architecture, Parameters, initial_parameters
from foundation.errors import InputError
from foundation.rung import Description, describe_architecture
from foundation.weights import load_weights, not_verified, save_weights, to_bytes

SMALL = Architecture(latent_dim=3, channels=(2, 5), hidden_dim=7, image_shape=(1, 8, 12))
VAE = describe_architecture(SMALL)


def draw(architecture: Architecture = SMALL, dtype: type = np.float32) -> Parameters:
    return initial_parameters(architecture, np.random.default_rng(0), dtype)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "weights.safetensors"


def refusal(path: Path, description: Description | None = None) -> str:
    """The line with which `load_weights` refuses a file; it names the file."""
    with pytest.raises(InputError) as caught:
        load_weights(path, description)
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
    parameters, description = draw(architecture, dtype), describe_architecture(architecture, 10, beta=4.0)
    save_weights(path, parameters, description)
    for expected in (None, description):
        found, stored = load_weights(path, expected)
        assert stored == description
        assert_same(found, parameters)
    assert os.listdir(path.parent) == [path.name]


def test_what_is_loaded_can_be_changed_in_place(path: Path) -> None:
    save_weights(path, draw(), VAE)
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
    save_weights(path, parameters, VAE)
    assert_same(load_weights(path)[0], draw(dtype=dtype))


def test_the_order_of_the_parameters_does_not_depend_on_the_file(path: Path) -> None:
    save_weights(path, dict(reversed(draw().items())), VAE)
    assert list(load_weights(path)[0]) == list(SMALL.parameter_shapes())


def test_rungs_on_torch_read_and_write_the_same_file(path: Path) -> None:
    torch = pytest.importorskip("torch")
    from safetensors.torch import load_file, save_file

    save_weights(path, draw(), VAE)
    assert all(torch.equal(value, torch.from_numpy(draw()[name])) for name, value in load_file(path).items())
    save_file({name: torch.from_numpy(value) for name, value in draw().items()}, path)
    assert_same(load_weights(path, VAE)[0], draw())  # no metadata of ours, so the architecture must be given
    assert "no description of its model" in refusal(path)


def test_the_same_file_for_the_same_weights(path: Path) -> None:
    save_weights(path, draw(), VAE)
    first = path.read_bytes()
    save_weights(path, draw(), VAE)
    assert path.read_bytes() == first


def test_files_of_version_0_1_hold_an_architecture(path: Path) -> None:
    store(path, draw())
    for expected in (None, VAE):
        found, description = load_weights(path, expected)
        assert description == VAE
        assert_same(found, draw())


def test_weights_of_other_models_come_with_their_description(path: Path) -> None:
    """Their tensors are not known here: what is made of them checks names and shapes."""
    description = Description("vq-vae", {"codes": 8, "code_dim": 2, "channels": [2, 3]}, (1, 28, 28), 10)
    tensors = {"codebook.counts": np.ones(8), "codebook.entries": np.zeros((8, 2))}
    save_weights(path, tensors, description)
    found, stored = load_weights(path)
    assert stored == description
    assert_same(found, tensors)
    other = Description("vq-vae", description.options | {"codes": 16}, (1, 28, 28), 10)
    assert "codes is 8, expected 16" in refusal(path, other)


def test_weights_work_without_torch(path: Path) -> None:
    script = (
        "import sys; sys.modules['torch'] = None\n"
        "import numpy as np; from foundation.architecture import *; from foundation.weights import *\n"
        "from foundation.rung import describe_architecture\n"
        "a = Architecture(latent_dim=2); p = initial_parameters(a, np.random.default_rng(0))\n"
        "d = describe_architecture(a); save_weights(sys.argv[1], p, d); q, b = load_weights(sys.argv[1])\n"
        "assert d == b and all((p[k] == q[k]).all() for k in p)\n"
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
    assert_same(load_weights(path, VAE)[0], draw())


@pytest.mark.parametrize("keep", [0, 1, 8, 100, 0.5, -1])
def test_a_truncated_file(path: Path, keep: float) -> None:
    save_weights(path, draw(), VAE)
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
        ({"hidden_dim": 8}, "hidden_dims is (7,), expected (8,)", "'encoder.fc.weight'"),
        ({"image_shape": (1, 8, 8)}, "image_shape is (1, 8, 12), expected (1, 8, 8)", "'encoder.fc.weight'"),
    ],
)
def test_another_architecture_is_named_by_field_and_tensor(path: Path, change: dict, field: str, tensor: str) -> None:
    save_weights(path, draw(), VAE)
    line = refusal(path, describe_architecture(Architecture(**{**vars(SMALL), **change})))
    assert field in line
    assert tensor in line


def test_two_architectures_of_the_same_tensors(path: Path) -> None:
    """8×12 and 12×8 images give equal shapes throughout; the metadata still tells them apart."""
    save_weights(path, draw(), VAE)
    other = describe_architecture(Architecture(**{**vars(SMALL), "image_shape": (1, 12, 8)}))
    assert "image_shape" in refusal(path, other)


def store(path: Path, tensors: dict, architecture: object = SMALL, **metadata: str) -> None:
    """Write a file as a stranger might: in the form of version 0.1, or with other metadata."""
    text = architecture if isinstance(architecture, str) else json.dumps(vars(architecture))
    safetensors.numpy.save_file(tensors, path, metadata or {"architecture": text})


@pytest.mark.parametrize(
    "text", ["not json", "[]", "5", '{"latent_dim": 0}', '{"depth": 3}', '{"channels": 5}', '{"latent_dim": "3"}']
)
def test_metadata_without_a_valid_architecture(path: Path, text: str) -> None:
    store(path, draw(), text)
    assert "its metadata describe no model" in refusal(path)


GOOD = {"model": "vae", "options": json.dumps(VAE.options), "image_shape": "[1, 8, 12]", "class_count": "0"}


@pytest.mark.parametrize(
    "change",
    [
        {"options": "not json"},
        {"options": "[]"},
        {"options": '{"latent_dim": 0, "channels": [2, 5], "hidden_dims": [7]}'},
        {"options": '{"latent_dim": "3", "channels": [2, 5], "hidden_dims": [7]}'},
        {"options": '{"latent_dim": 3, "channels": 5, "hidden_dims": [7]}'},
        {"options": '{"latent_dim": 3, "channels": [2, 5], "hidden_dims": 7}'},
        {"options": '{"channels": [2, 5], "hidden_dims": [7]}'},
        {"image_shape": "[8, 12]"},
        {"image_shape": '[1, 8, "wide"]'},
        {"class_count": "many"},
    ],
)
def test_metadata_without_a_valid_description(path: Path, change: dict) -> None:
    store(path, draw(), **GOOD)
    assert_same(load_weights(path)[0], draw())
    store(path, draw(), **GOOD | change)
    assert "its metadata describe no model" in refusal(path)


def test_missing_unknown_and_misshapen_tensors(path: Path) -> None:
    parameters = draw()
    bias = parameters.pop("encoder.mu.bias")
    store(path, parameters)
    assert "'encoder.mu.bias' is missing" in refusal(path)
    store(path, parameters | {"encoder.mu.bias": bias, "decoder.fc9.bias": bias})
    assert "tensor 'decoder.fc9.bias' is unknown" in refusal(path)
    store(path, parameters | {"encoder.mu.bias": np.zeros(5, np.float32)})
    assert "'encoder.mu.bias' has shape (5,), expected (3,)" in refusal(path)
    for wrong in (parameters, parameters | {"encoder.mu.bias": np.zeros(5, np.float32)}):
        with pytest.raises(InputError, match=r"'encoder\.mu\.bias'"):
            save_weights(path, wrong, VAE)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_neither_loaded_nor_saved(path: Path, value: float) -> None:
    parameters = draw()
    save_weights(path, parameters, VAE)
    before = path.read_bytes()
    parameters["decoder.fc2.weight"][-1, -1] = value
    with pytest.raises(InputError, match=r"'decoder\.fc2\.weight' holds NaN or infinity"):
        save_weights(path, parameters, VAE)
    assert path.read_bytes() == before
    store(path, parameters)
    assert "'decoder.fc2.weight' holds NaN or infinity" in refusal(path)


def test_dtypes_other_than_ours(path: Path) -> None:
    for dtype, name in ((np.float16, "F16"), (np.int64, "I64")):
        store(path, {key: value.astype(dtype) for key, value in draw().items()})
        assert f"is {name}, expected F32 or F64" in refusal(path)
        with pytest.raises(InputError, match="expected all float32 or all float64"):
            save_weights(path, {key: value.astype(dtype) for key, value in draw().items()}, VAE)
    store(path, draw() | {"encoder.mu.bias": np.zeros(3)})
    assert "expected all float32 or all float64, got float32, float64" in refusal(path)


def test_bfloat16_which_numpy_lacks(path: Path) -> None:
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file

    save_file({name: torch.from_numpy(value).bfloat16() for name, value in draw().items()}, path)
    assert "is BF16, expected F32 or F64" in refusal(path, VAE)


def test_an_npz_is_a_zip(path: Path) -> None:
    buffer = io.BytesIO()
    np.savez(buffer, **draw())
    path.write_bytes(buffer.getvalue())
    assert "a zip archive" in refusal(path)


# Strangers' files


def test_equal_weights_are_equal_files_whatever_their_order(path: Path) -> None:
    metadata = {"model": "vae", "a": "1", "z": "2"}
    blob = to_bytes(draw(), metadata)
    assert to_bytes(dict(reversed(draw().items())), dict(reversed(metadata.items()))) == blob
    other = draw() | {"encoder.mu.bias": draw()["encoder.mu.bias"] + 1}
    assert to_bytes(other, metadata) != blob


def edit(path: Path, change_tensors=dict, **metadata: str) -> None:
    """The same file with other tensors or metadata, under the digest that it had."""
    with safetensors.safe_open(path, framework="numpy") as file:
        tensors, old = {name: file.get_tensor(name) for name in file.keys()}, file.metadata()  # noqa: SIM118
    safetensors.numpy.save_file(change_tensors(tensors), path, old | metadata)


def exchanged(tensors: dict) -> dict:
    mu, logvar = tensors["encoder.mu.weight"], tensors["encoder.logvar.weight"]
    return tensors | {"encoder.mu.weight": logvar, "encoder.logvar.weight": mu}


def a_bit_more(tensors: dict) -> dict:
    return tensors | {"encoder.fc.bias": np.nextafter(tensors["encoder.fc.bias"], np.float32(np.inf))}


def test_a_file_that_was_changed_after_it_was_written(path: Path) -> None:
    for change in (exchanged, a_bit_more):
        save_weights(path, draw(), VAE)
        edit(path)  # written anew by another program, with the same content
        assert_same(load_weights(path)[0], draw())
        edit(path, change)
        assert "have another digest" in refusal(path)
    for key, value in {"options": json.dumps(VAE.options | {"likelihood": "gaussian"}), "model": "beta-vae"}.items():
        save_weights(path, draw(), VAE)
        edit(path, **{key: value})
        assert "have another digest" in refusal(path)


def test_what_cannot_be_verified_is_said(path: Path) -> None:
    save_weights(path, draw(), VAE)
    assert not_verified(path) == ""
    store(path, draw())
    line = not_verified(path)
    assert str(path) in line
    assert "not verified: that its tensors and options are those that were written" in line


def sparse(path: Path, shapes: dict, metadata: dict) -> None:
    """A file whose header promises these shapes, and whose values are holes."""
    header, end = {"__metadata__": metadata}, 0
    for name, shape in shapes.items():
        begin, end = end, end + 4 * int(np.prod(shape))
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text)
    os.truncate(path, 8 + len(text) + end)


def test_shapes_are_compared_before_a_tensor_is_read(path: Path) -> None:
    huge = Architecture(**{**vars(SMALL), "latent_dim": 20_000_000})
    metadata = {"model": "vae", "options": json.dumps(VAE.options), "image_shape": "[1, 8, 12]", "class_count": "0"}
    tracemalloc.start()
    try:
        sparse(path, huge.parameter_shapes(), metadata)  # 1.8 GB of holes
        assert "'decoder.fc1.weight' has shape (7, 20000000), expected (7, 3)" in refusal(path)
        save_weights(path, draw(), VAE)
        edit(path, options=json.dumps(VAE.options | {"latent_dim": 1_000_000_000}))
        assert "has shape" in refusal(path)
        sparse(path, {"a": (30_000, 30_000)}, metadata | {"model": "vq-vae"})
        assert "expected tensors of at most 2,147,483,648 bytes, got 3,600,000,000" in refusal(path)
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes and devices")
def test_what_is_no_file_at_all(path: Path) -> None:
    os.mkfifo(path)
    assert "no regular file" in refusal(path)
    path.unlink()
    path.symlink_to("/dev/zero")
    assert "no regular file" in refusal(path)
