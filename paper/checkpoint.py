"""Models on disk: safetensors that say themselves which model they hold. Nothing in such a file can run."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from foundation.errors import InputError
from foundation.files import write_bytes
from foundation.runs import Run
from foundation.weights import check_safetensors, load_weights
from paper.data import DTYPES, Data, load_data
from paper.models.registry import make_model, model_name
from paper.options import MODELS, BetaVAEOptions, DataOptions, KLOptions, OptimizerOptions, TrainOptions, VAEOptions

PATHS = ("root", "record", "out")
"""Options that are paths."""


def save_model(path: str | Path, model: nn.Module) -> None:
    """Write a model with all that `load_model` needs; the file appears whole or not at all."""
    write_bytes(path, safetensors.torch.save(on_cpu(model.state_dict()), describe_model(model)))


def describe_model(model: nn.Module) -> dict[str, str]:
    """Which model it is, as the metadata of its files say it."""
    return {
        "model": model_name(model.options),
        "options": json.dumps(dataclasses.asdict(model.options)),
        "image_shape": json.dumps(model.image_shape),
        "class_count": json.dumps(model.class_count),
    }


def on_cpu(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same tensors as a file wants them: safetensors writes memory as it lies."""
    return {name: value.detach().cpu().contiguous() for name, value in tensors.items()}


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Every tensor of a safetensors file and its metadata; `InputError` for any other file."""
    check_safetensors(path)
    with safetensors.safe_open(path, framework="pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118


def load_model(path: str | Path, device: str | torch.device = "cpu") -> nn.Module:
    """Read a model that `save_model` wrote, in eval mode. Raises `InputError` for any other file."""
    path = Path(path)
    tensors, metadata = read_tensors(path)
    try:
        options = _from_json(MODELS[metadata["model"]], json.loads(metadata["options"]))
        image_shape, class_count = tuple(json.loads(metadata["image_shape"])), int(metadata["class_count"])
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: its metadata name no model that is known here ({error})") from error
    model = make_model(options, image_shape, class_count)
    fill(model, tensors, path)
    return model.to(device).eval()


def fill(model: nn.Module, tensors: dict[str, Tensor], path: Path) -> None:
    """Put tensors in the model's place of the same names and shapes; `InputError` where they do not fit."""
    expected = model.state_dict()
    for name in sorted(expected.keys() ^ tensors.keys()):
        raise InputError(f"{path}: tensor {name!r} is {'missing' if name in expected else 'unknown'}")
    for name, value in tensors.items():
        came, wanted = tuple(value.shape), tuple(expected[name].shape)
        if came != wanted:
            raise InputError(f"{path}: tensor {name!r} has shape {came}, expected {wanted}")
    model.to(next(value.dtype for value in tensors.values() if value.is_floating_point()))
    model.load_state_dict(tensors)


def open_model(run: Run, device: str | torch.device = "cpu") -> nn.Module:
    """The model that a run trained, as its last epoch left it, in eval mode; of a ladder's rung the same VAE here."""
    if is_model_run(run):
        return load_model(run.weights_path, device)
    _check_rung_run(run)
    parameters, architecture = load_weights(run.weights_path)
    objective = run.config["objective"]
    fields = {
        "latent_dim": architecture.latent_dim,
        "channels": architecture.channels,
        "hidden_dims": (architecture.hidden_dim,),
        "likelihood": objective["likelihood"],
        "sigma": objective["sigma"],
    }
    options = VAEOptions(**fields) if objective["beta"] == 1 else BetaVAEOptions(beta=objective["beta"], **fields)
    model = make_model(options, architecture.image_shape, 0)
    fill(model, {name: torch.from_numpy(value) for name, value in parameters.items()}, run.weights_path)
    return model.to(device).eval()


def open_data(run: Run, data_root: Path | None = None, device: str | torch.device = "cpu") -> Data:
    """The data that a run was trained on; `data_root` where its files have moved since."""
    if is_model_run(run):
        options = read_options(run)
        data, seed, dtype = options.data, options.seed, DTYPES[options.precision]
    else:
        _check_rung_run(run)
        # A ladder's rung trains on all images and keeps none aside.
        root = run.config["data_root"]
        data, seed = DataOptions(name=run.config["data"], root=root and Path(root), validation=0.0), 0
        dtype = torch.float32
    return load_data(dataclasses.replace(data, root=data_root or data.root), seed, device, dtype)


def is_model_run(run: Run) -> bool:
    """Whether a run is one of `vae-ladder train MODEL`."""
    return run.config.get("command") == "train" and run.config.get("model") in MODELS


def read_options(run: Run) -> TrainOptions:
    """The options of a model's run. Raises `InputError` where its config.json does not hold them."""
    kinds = {"model": MODELS[run.config["model"]], "data": DataOptions, "kl": KLOptions, "optimizer": OptimizerOptions}
    try:
        given = run.config["options"]
        parts = {name: _from_json(kind, given[name]) for name, kind in kinds.items()}
        return _from_json(TrainOptions, given | parts)
    except (KeyError, TypeError) as error:
        raise InputError(
            f"{run.path / 'config.json'}: damaged, expected the options of a training ({error})"
        ) from error


def _from_json(kind: type, fields: dict[str, Any]) -> Any:
    """A dataclass of options from what JSON made of it, which has lists for tuples and text for paths."""
    fields = {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}
    return kind(**fields | {name: Path(fields[name]) for name in PATHS if fields.get(name) is not None})


def _check_rung_run(run: Run) -> None:
    if "rung" not in run.config:
        raise InputError(f"{run.path}: expected the run of one model; of a climb name a rung's folder in it")
