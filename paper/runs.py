"""Options and data of a training, read back from its run folder. Nothing here needs torch."""

import dataclasses
from pathlib import Path

import numpy as np

from foundation.data.splits import Data, load_data
from foundation.errors import InputError
from foundation.options import DataOptions, TrainOptions
from foundation.runs import Run
from foundation.schema import from_json
from paper.models.options import MODELS, training_options


def read_options(run: Run) -> TrainOptions:
    """The options of a training. Raises `InputError` where config.json does not hold them."""
    description = run.description()
    if description.model not in MODELS:
        raise InputError(f"{run.path / 'config.json'}: model: expected one of {', '.join(MODELS)}")
    try:
        kind = training_options(description.model)
        return from_json(kind, run.config["options"])
    except ValueError as error:
        raise InputError(
            f"{run.path / 'config.json'}: damaged, expected the options of a training ({error})"
        ) from error


def read_data(run: Run, data_root: Path | None = None) -> Data[np.ndarray]:
    """The data that a run was trained on; `data_root` where its files have moved since."""
    options = read_options(run)
    data: DataOptions = dataclasses.replace(options.data, root=data_root or options.data.root)
    return load_data(data, options.seed, np.float64 if options.precision == "float64" else np.float32)
