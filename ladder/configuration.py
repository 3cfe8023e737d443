"""Options of a training from a file: JSON, TOML or YAML, or the config.json of an earlier run.

A file holds the options by the names that the command line has, nested where these have dots:

    model: beta-vae
    beta: 4
    epochs: 20
    optimizer:
      learning_rate: 2e-3

Names may be written with - or _. Options of the model may also stand in a mapping of their own, `model_options`.
"""

import dataclasses
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from foundation.errors import InputError, shown, suggest
from foundation.options import TrainOptions
from foundation.schema import from_json
from paper.models.options import MODELS, training_options

READERS: dict[str, Callable[[bytes], Any]] = {
    ".json": msgspec.json.decode,
    ".toml": msgspec.toml.decode,
    ".yaml": msgspec.yaml.decode,
    ".yml": msgspec.yaml.decode,
}
"""The reader of each kind of file, by the ending of its name."""
PLACES = ("out", "record")
"""Options that say where results are written: those of an earlier run are not taken over."""
NUMBER = re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+")
"""A number such as 1e-3, which YAML 1.1 reads as text since it has no decimal point."""


class Configuration(NamedTuple):
    """What a file says: the model's name, where it has one, and options by field, those of model and training."""

    source: Path
    model: str | None
    values: dict[str, Any]


def read_configuration(path: Path) -> Configuration:
    """Read a file of options, or the config.json of a run (of one model; of a climb name a rung's folder).

    Raises `InputError` for a file that cannot be read, and for one that holds no options.
    """
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise InputError(f"config: expected a file ending in {', '.join(READERS)}, got {path.name!r}")
    try:
        values = reader(path.read_bytes())
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(f"config: {path}: {error}") from None
    except ImportError:
        raise InputError(f"config: {path}: YAML needs PyYAML: pip install pyyaml; or write JSON or TOML") from None
    if not isinstance(values, dict):
        raise InputError(f"config: {path}: expected options by name, got {type(values).__name__}")
    values = _normalise(values)
    if "command" in values or "versions" in values:
        values = _options_of_run(path, values)
    model = values.pop("model", None)
    if model is not None and (not isinstance(model, str) or model not in MODELS):
        known, closest = ", ".join(MODELS), suggest(str(model), MODELS)
        raise InputError(f"config: {path}: model: expected one of {known}, got {model!r}{closest}")
    return Configuration(path, model, values)


def training_of(configuration: Configuration, model: str) -> TrainOptions:
    """The options of a training of this model, by default those of `TrainOptions`.

    Raises `InputError` for an unknown option, and for a value of another type or out of range.
    """
    if configuration.model not in (None, model):
        raise InputError(f"config: {configuration.source}: expected a file for {model}, got {configuration.model}")
    values = dict(configuration.values)
    own = values.pop("model_options", {})
    if not isinstance(own, dict):
        raise InputError(f"config: {configuration.source}: model_options: expected options by name, got {own!r}")
    fields = MODELS[model].__dataclass_fields__
    own |= {name: values.pop(name) for name in list(values) if name in fields}
    for name in values.keys() - {field.name for field in dataclasses.fields(TrainOptions)}:
        close = suggest(name, names_of(model))
        raise InputError(f"config: {configuration.source}: {shown(name)}: unknown, no option of {model}{close}")
    try:
        return from_json(training_options(model), {**values, "model": own})
    except ValueError as error:
        raise InputError(f"config: {configuration.source}: {error}") from None


def names_of(model: str) -> list[str]:
    """The options of a model's training as a file may name them: a group's as `kl.warmup`, the model's own plain."""
    names = list(MODELS[model].__dataclass_fields__)
    for field in dataclasses.fields(TrainOptions):
        group = field.default
        inner = dataclasses.fields(group) if dataclasses.is_dataclass(group) else ()
        names += [f"{field.name}.{option.name}" for option in inner] or [field.name]
    return names


def _options_of_run(path: Path, config: Mapping[str, Any]) -> dict[str, Any]:
    """The options in a run's config.json, with the model's name and its options apart."""
    options = config.get("options")
    if config.get("command") != "train" or not isinstance(options, dict) or not isinstance(options.get("model"), dict):
        raise InputError(f"config: {path}: expected the config.json of one training; of a climb name a rung's folder")
    kept = {name: value for name, value in options.items() if name not in PLACES}
    return kept | {"model": config.get("model"), "model_options": options["model"]}


def _normalise(value: Any) -> Any:
    """The value with _ for - in names, and with numbers such as 1e-3 read as numbers."""
    if isinstance(value, dict):
        return {str(name).replace("-", "_"): _normalise(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_normalise(inner) for inner in value]
    return float(value) if isinstance(value, str) and NUMBER.fullmatch(value) else value
