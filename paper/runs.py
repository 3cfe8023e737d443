"""Options, weights and data of a training, read back from its run folder. Nothing here needs torch."""

import dataclasses
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from foundation.architecture import Parameters
from foundation.data.splits import Data, load_data
from foundation.errors import InputError, shown
from foundation.files import to_json
from foundation.options import DataOptions, TrainOptions, check_used
from foundation.rung import Description
from foundation.runs import Run
from foundation.schema import from_json
from foundation.settings import check_settings
from foundation.weights import Shapes, load_weights, not_verified, read_description, read_metadata, shapes_of_main_vae
from paper.models.options import MODELS, training_options


def read_options(run: Run) -> TrainOptions:
    """The options of a training. Raises `InputError` where config.json does not hold them."""
    description, path = run.description(), run.path / "config.json"
    if description.model not in MODELS:
        raise InputError(f"{path}: model: expected one of {', '.join(MODELS)}, got {shown(description.model)}")
    try:
        options = from_json(training_options(description.model), run.config["options"])
    except ValueError as error:
        raise InputError(f"{path}: damaged, expected the options of a training ({error})") from error
    if (rung := run.config.get("rung", options.rung)) != options.rung:
        raise InputError(f"{path}: rung: expected {options.rung}, as in its options, got {shown(str(rung))}")
    return options


def with_first_stage(options: TrainOptions) -> TrainOptions:
    """The same options, where they are those of a second stage with the first one's own, read from `weights`.

    Raises `InputError` where no first stage is named.
    """
    stages, own = options.model.first_stages, options.model.model
    if not stages:
        return options
    expected = " or ".join(stages)
    if options.weights is None:
        raise InputError(f"weights: expected the weights.safetensors of a trained {expected}, over which {own} learns")
    found = read_description(options.weights, read_metadata(options.weights))
    model = "nothing that says so" if found is None else found.model
    if found is None or model not in (*stages, own):
        raise InputError(f"{options.weights}: expected the weights of a trained {expected}, got {shown(model)}")
    try:
        described: Any = from_json(MODELS[model], found.options)
    except ValueError as error:
        raise InputError(f"{options.weights}: its metadata describe no model ({error})") from error
    read = {field.name: getattr(described, field.name) for field in dataclasses.fields(MODELS[stages[0]])}
    return dataclasses.replace(options, model=dataclasses.replace(options.model, **read))


def load_trained(
    run: Run, shapes_of: Callable[[Description], Shapes | None] = shapes_of_main_vae
) -> tuple[Parameters, Description]:
    """The weights of a run, and their model.

    Raises `InputError` where the file cannot be used, and where it was not written by the training that config.json
    describes: by another model, or under other settings.
    """
    described = check_trained(run)
    tensors, _ = load_weights(run.weights_path, described, shapes_of)
    expected = read_options(run).dtype
    if (found := next(iter(tensors.values())).dtype) != expected:
        raise InputError(f"{run.weights_path}: expected tensors of {expected}, as in config.json, got {found}")
    return tensors, described


def check_trained(run: Run) -> Description:
    """The model that a run trained. Raises `InputError` where its weights say that another training wrote them."""
    options, path, given = read_options(run), run.weights_path, run.description()
    described = Description.of(options.model, given.image_shape, given.class_count)
    metadata = read_metadata(path)
    stored = read_description(path, metadata)
    if stored is not None and "model" in metadata:  # version 0.1 described rungs by their sizes alone
        compare(path, stored, described)
    check_settings(path, metadata, options, run.lengths())
    return described


def compare(path: Path, stored: Description, expected: Description) -> None:
    """Raise `InputError` naming the first difference between the model of a file of weights and that of its run."""
    pairs = {"model": (stored.model, expected.model)}
    if stored.model == expected.model:
        try:
            options = from_json(MODELS[stored.model], stored.options)
        except ValueError as error:
            raise InputError(f"{path}: its metadata describe no model ({error})") from error
        found = json.loads(to_json(options))
        pairs |= {name: (found[name], expected.options[name]) for name in found}
    pairs |= {name: (getattr(stored, name), getattr(expected, name)) for name in ("image_shape", "class_count")}
    for name, (one, other) in pairs.items():
        if one != other:
            raise InputError(f"{path}: weights of another model: {name} is {one}, but config.json says {other}")


def unverified(run: Run) -> list[str]:
    """What cannot be known of a run's weights, in lines for a person; none where they were written with a digest."""
    line = not_verified(run.weights_path) if run.weights_path.is_file() else ""
    return [line] if line else []


def check_root(run: Run, data_root: Path | None) -> None:
    """Raise `InputError` where a folder is named for the files of a data set that has none."""
    if data_root is not None:
        check_used(dataclasses.replace(read_options(run).data, root=data_root), "data.")


def read_data(run: Run, data_root: Path | None = None) -> Data[np.ndarray]:
    """The data that a run was trained on; `data_root` where its files have moved since.

    Where config.json alone says where they lie, nothing is downloaded to there. Raises `InputError` where that file is
    damaged, and, before any data are loaded, where the run's weights were trained on others.
    """
    options = read_options(run)
    if os.path.lexists(run.weights_path):
        check_trained(run)
    data: DataOptions = dataclasses.replace(options.data, root=data_root or options.data.root)
    own_place = options.data.root is None or data_root is not None
    return load_data(data, options.seed, np.dtype(options.dtype).type, download=own_place)
