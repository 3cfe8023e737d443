"""Models for other programs: ONNX files of encoder and decoder, and the layout of the Hugging Face hub.

ONNX files compute what torch does, in any runtime of it and without Python. The hub's layout is a folder with
config.json and model.safetensors; nothing here uses the network.
"""

import dataclasses
import importlib.util
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from foundation.errors import InputError
from foundation.files import read_file, write_json
from foundation.rung import Description
from foundation.runs import MOST_BYTES
from foundation.schema import from_json, read_object
from foundation.weights import load_weights, save_weights
from paper.models.base import Model
from paper.models.registry import model_of, shapes_of
from paper.rung import to_array

ENCODER, DECODER = "encoder.onnx", "decoder.onnx"
HUB_WEIGHTS, HUB_CONFIG = "model.safetensors", "config.json"
LIBRARY = "vae-ladder"
OPSET = 18


class OnnxEncoder(nn.Module):
    """x, and the condition of a model that has one -> mu and logvar, or z alone, or z and its codes."""

    model: Any

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor, c: Tensor | None = None) -> tuple[Tensor, ...]:
        if self.model.traits.codes:
            codes = self.nearest(x)
            return self.model.codebook(codes), codes
        mu, logvar = self.model.encode(x, c)
        return (mu,) if logvar is None else (mu, logvar)

    def nearest(self, x: Tensor) -> Tensor:
        """`Codebook.nearest`, without the operation for distances that ONNX does not have."""
        z_e = self.model.encoder(x)
        vectors = z_e.movedim(1, -1).flatten(0, -2)
        distances = (vectors[:, None] - self.model.codebook.entries).square().sum(-1)
        return distances.argmin(1).unflatten(0, (-1, *z_e.shape[2:]))


class OnnxDecoder(nn.Module):
    """z, and the condition of a model that has one -> the expected image x_hat and the logits of p(x|z)."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = model

    def forward(self, z: Tensor, c: Tensor | None = None) -> tuple[Tensor, Tensor]:
        logits = self.model.decode(z, c)
        return self.model.likelihood.mean(logits), logits


def save_onnx(model: Model, folder: str | Path) -> tuple[Path, Path]:
    """Write encoder.onnx and decoder.onnx; their paths.

    The encoder takes `x` (N, C, H, W) and gives `mu` and `logvar`; where the model encodes an image as a point, `z`; of
    a VQ-VAE `z` and the `codes` (N, h, w). The decoder takes `z` and gives `x_hat` and `logits`. A model with a
    condition also takes `c`, as `model.condition` gives it: one-hot labels, or the given part and its mask. N is free.
    Raises `InputError` without onnx, and for a model whose flow stands between its mu and z.
    """
    if type(model).code is not Model.code:
        raise InputError(f"onnx: expected a model whose mu is its code, got {model.options.model}, which transforms it")
    for package in ("onnx", "onnxscript"):
        if importlib.util.find_spec(package) is None:
            raise InputError(f'onnx: {package} is not installed: pip install "vae-ladder[export]"')
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    x, c, z = example(model)
    codes = ["z", "codes"] if model.traits.codes else ["mu", "logvar"] if model.traits.posterior else ["z"]
    training = model.training
    model.eval()
    try:
        _write(OnnxEncoder(model), folder / ENCODER, {"x": x, "c": c}, codes)
        _write(OnnxDecoder(model), folder / DECODER, {"z": z, "c": c}, ["x_hat", "logits"])
    finally:
        model.train(training)
    return folder / ENCODER, folder / DECODER


@torch.no_grad()
def example(model: Model) -> tuple[Tensor, Tensor | None, Tensor]:
    """Two images, their condition and their z."""
    mould = next(model.parameters())
    x = torch.zeros(2, *model.image_shape, device=mould.device, dtype=mould.dtype)
    c = model.condition(x, torch.zeros(2, dtype=torch.long, device=mould.device))
    return x, c, model.encode(x, c)[0]


def _write(network: nn.Module, path: Path, inputs: dict[str, Tensor | None], outputs: list[str]) -> None:
    """Write one network with a free number of images."""
    given = {name: value for name, value in inputs.items() if value is not None}
    count = torch.export.Dim("N", min=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch's own exporter
        program = torch.onnx.export(
            network,
            tuple(given.values()),
            input_names=list(given),
            output_names=outputs,
            dynamic_shapes=tuple({0: count} for _ in given),
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    program.save(str(path), include_initializers=True)


def save_hub(model: Model, folder: str | Path) -> Path:
    """Write config.json and model.safetensors, the layout of a model on the Hugging Face hub; the folder.

    The tensors have the names of `state_dict()`, the metadata `format: pt` as other libraries expect it.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    description = Description.of(model.options, model.image_shape, model.class_count)
    tensors = {name: to_array(value) for name, value in model.state_dict().items()}
    save_weights(folder / HUB_WEIGHTS, tensors, description, {"format": "pt"})
    config = {
        "library_name": LIBRARY,
        "model_type": description.model,
        "architectures": [type(model).__name__],
        "torch_dtype": str(next(model.parameters()).dtype).removeprefix("torch."),
        "image_shape": description.image_shape,
        "class_count": description.class_count,
        "options": description.options,
    }
    write_json(folder / HUB_CONFIG, config)
    return folder


@dataclasses.dataclass(frozen=True, kw_only=True)
class HubConfig:
    """What config.json of the hub's layout must hold; what else stands there is not read."""

    model_type: str
    image_shape: tuple[int, int, int]
    class_count: int
    options: dict[str, Any]


def load_hub(folder: str | Path) -> Model:
    """The model of a folder in the hub's layout, in eval mode. Raises `InputError` where it is none of ours."""
    path = Path(folder) / HUB_CONFIG
    config = read_object(read_file(path, MOST_BYTES), str(path))
    try:
        known = {name: config[name] for name in HubConfig.__dataclass_fields__}
        found = from_json(HubConfig, known)
        description = Description(found.model_type, found.options, found.image_shape, found.class_count)
    except (KeyError, ValueError) as error:
        raise InputError(f"{path}: expected the config.json that {LIBRARY} writes ({error})") from error
    weights = Path(folder) / HUB_WEIGHTS
    tensors, _ = load_weights(weights, description, lambda described: shapes_of(described, path))
    return model_of(description, tensors, weights)
