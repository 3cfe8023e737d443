"""The settings that the numbers of a training depend on: they are kept beside its weights and compared with its run's.

config.json is text, which can be edited. What it says decides which images a model is measured on and how a training
goes on, so weights and checkpoint hold the settings that they were trained with, under their own digest.
"""

import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from foundation.data import DATASETS
from foundation.errors import InputError
from foundation.files import to_json
from foundation.options import TrainOptions
from foundation.schema import read_object

KEY = "training"
"""Where the metadata of a file of tensors holds them, as JSON."""
PLACES = ("weights", "device", "compile", "record", "out")
"""Options of which the numbers do not depend, or not beyond rounding: where files lie, and what computes."""
FOLDER = "a folder of images"
"""Stands for the folder's path, which may change."""


def settings_of(options: TrainOptions) -> dict[str, str]:
    """The settings as metadata of a file of tensors."""
    kept = json.loads(to_json(options))
    for name in PLACES:
        del kept[name]
    del kept["data"]["root"]
    if options.data.name not in DATASETS:
        kept["data"]["name"] = FOLDER
    return {KEY: json.dumps(kept, sort_keys=True)}


def check_settings(
    path: Path, metadata: Mapping[str, str], options: TrainOptions, lengths: Collection[int] = ()
) -> None:
    """Raise `InputError` naming the first option that differs from what a file of tensors was trained with.

    `lengths` are the numbers of epochs that the run was to have before it was extended (`Run.lengths`).

    A file without settings, as version 0.1 and other programs write them, is not compared; nor is an option that only
    the file or only this version has.
    """
    if KEY not in metadata:
        return
    stored = dict(flat(read_object(metadata[KEY], f"{path}: {KEY}")))
    for name, value in flat(json.loads(settings_of(options)[KEY])):
        if name == "epochs" and stored.get(name) in lengths:
            continue
        if name in stored and stored[name] != value:
            raise InputError(f"{path}: trained with {name} {stored[name]}, but config.json says {value}")


def flat(value: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Every option by its name on the command line, such as `kl.warmup`; the model's without `model.`."""
    for name, item in value.items():
        if isinstance(item, dict):
            yield from flat(item, "" if name == "model" else f"{before}{name}.")
        else:
            yield f"{before}{name}", item
