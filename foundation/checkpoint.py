"""checkpoint.safetensors: all that a training needs to continue after an epoch, in one file, which is whole or absent.

Tensors are named `model.<name>` and `optimizer.<parameter>.<moment>`; the counters and the state of the random
generator stand in the metadata. Reading it runs nothing.
"""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from foundation.architecture import Parameters
from foundation.errors import InputError
from foundation.files import write_bytes
from foundation.runs import Run
from foundation.training import Training
from foundation.weights import describe, read_metadata, read_tensors, to_bytes

FILE = "checkpoint.safetensors"


def save_training(folder: Path, training: Training) -> None:
    """Write a training's state into its run's folder. Raises `InputError` on a full disk; the old file then stays."""
    rung = training.rung
    tensors = {f"model.{name}": value for name, value in rung.parameters().items()}
    tensors |= {f"optimizer.{name}": value for name, value in rung.optimizer_state().items()}
    counters = {
        "step": training.step,
        "epoch": training.epoch,
        "seconds": training.seconds,
        # JSON has no word for infinity, the best loss before there is one.
        "best": training.best if math.isfinite(training.best) else None,
    }
    metadata = {
        **describe(rung.description),
        "rung": rung.name,
        "device": rung.device,
        "counters": json.dumps(counters),
        "generator": json.dumps(training.rng.bit_generator.state),
    }
    write_bytes(folder / FILE, to_bytes(tensors, metadata))


def restore_training(folder: Path, training: Training) -> None:
    """Put back what `save_training` wrote, into a training made from the same options.

    Before the end of the first epoch there is no file, and nothing to put back. Raises `InputError` for a file that is
    damaged, a pickle, of another model or rung, or from another kind of device; the training then stays as it was.
    """
    path = folder / FILE
    if not path.exists():
        return
    metadata, rung = read_metadata(path), training.rung
    counters = read_counters(path, metadata)
    for key, value in (describe(rung.description) | {"rung": rung.name}).items():
        if metadata.get(key) != value:
            raise InputError(f"{path}: a checkpoint of another model: {key} is {metadata.get(key)}, expected {value}")
    if metadata.get("device") != rung.device:
        raise InputError(
            f"{path}: training continues exactly only where it began, on {metadata.get('device')}; got {rung.device}"
        )
    epoch, epochs, steps = counters["epoch"], training.options.epochs, counters["step"]
    expected = epoch * training.steps_per_epoch
    if steps != expected or epoch > epochs:
        raise InputError(f"{path}: expected {expected} steps after epoch {epoch} of {epochs}, got {steps}")
    generator = read_generator(path, metadata)
    parameters, optimizer = read_state(path, training)
    if any(float(value) != steps for name, value in optimizer.items() if name.endswith(".step")):
        raise InputError(f"{path}: expected an optimiser after {steps} steps")
    rung.restore(parameters, optimizer, path)
    training.rng.bit_generator.state = generator
    training.step, training.epoch, training.seconds = steps, epoch, counters["seconds"]
    training.best = math.inf if counters["best"] is None else counters["best"]


def read_state(path: Path, training: Training) -> tuple[Parameters, Parameters]:
    """The parameters and the state of the optimiser in a checkpoint; that they fit the rung is not checked here."""
    tensors, _ = read_tensors(path)
    for name, value in tensors.items():
        if not np.isfinite(value).all():
            raise InputError(f"{path}: tensor {name!r} holds NaN or infinity")
    parameters, optimizer = under("model", tensors), under("optimizer", tensors)
    for name, value in parameters.items():
        if value.dtype != training.rung.dtype:
            raise InputError(f"{path}: tensor {name!r} is {value.dtype}, expected {training.rung.dtype}")
    if not optimizer:
        raise InputError(f"{path}: holds no moments of the optimiser")
    return parameters, optimizer


def read_generator(path: Path, metadata: dict[str, str]) -> dict[str, Any]:
    """The state of the random generator in a checkpoint's metadata, checked."""
    try:
        state = json.loads(metadata["generator"])
        np.random.default_rng().bit_generator.state = state
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{path}: holds no state of a random generator ({error})") from error
    return state


def read_counters(path: Path, metadata: dict[str, str]) -> dict[str, Any]:
    """The counters in a checkpoint's metadata, checked."""
    if "counters" not in metadata:
        raise InputError(f"{path}: holds no training state, expected the checkpoint.safetensors of a run")
    if "generator" not in metadata:
        raise InputError(
            f"{path}: written by version 0.1, which drew batches and noise differently; it can be evaluated and drawn, "
            "but not resumed"
        )
    try:
        counters = json.loads(metadata["counters"])
        whole = all(type(counters[name]) is int and counters[name] >= 0 for name in ("step", "epoch"))
        numbers = [counters["seconds"], 0.0 if counters["best"] is None else counters["best"]]
        if not (whole and all(type(value) in (int, float) and math.isfinite(value) for value in numbers)):
            raise ValueError(f"got {metadata['counters'][:200]}")
        if counters["seconds"] < 0:
            raise ValueError(f"seconds {counters['seconds']}")
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: its counters are damaged ({error})") from error
    return counters


def saved_epoch(folder: Path) -> int:
    """The epoch after which the last whole checkpoint was written; 0 where there is none."""
    path = folder / FILE
    return read_counters(path, read_metadata(path))["epoch"] if path.exists() else 0


def cut_log(run: Run, training: Training) -> None:
    """Drop the lines that were logged after the state was saved: they will be written again."""
    run.keep_metrics(lambda line: 0 < training.epoch >= line["epoch"] and line["step"] <= training.step)


def under(prefix: str, tensors: Parameters) -> Parameters:
    """The tensors whose names begin with a prefix and a dot, under the rest of their names."""
    return {
        name[len(prefix) + 1 :]: np.asarray(value) for name, value in tensors.items() if name.startswith(f"{prefix}.")
    }
