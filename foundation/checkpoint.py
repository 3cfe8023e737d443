"""checkpoint.safetensors: all that a training needs to continue after an epoch, in one file, which is whole or absent.

Tensors are named `model.<name>` and `optimizer.<parameter>.<moment>`; the counters and the state of the random
generator stand in the metadata. Reading it runs nothing.
"""

import dataclasses
import json
import math
from collections.abc import Collection
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from foundation.architecture import Parameters
from foundation.errors import InputError, shown
from foundation.files import write_bytes
from foundation.options import TrainOptions
from foundation.records import Count, Number, Seconds, check_log
from foundation.rung import Description
from foundation.runs import Run
from foundation.schema import from_json, read_object
from foundation.settings import check_settings, settings_of
from foundation.training import Training
from foundation.weights import check_finite, describe, read_metadata, read_tensors, to_bytes

FILE = "checkpoint.safetensors"


@dataclasses.dataclass(frozen=True)
class Counters:
    """How far a training is, as the metadata of a checkpoint hold it."""

    step: Count
    epoch: Count
    seconds: Seconds
    best: Number | None
    """None where no epoch was the best: JSON has no word for infinity"""


def save_training(folder: Path, training: Training) -> None:
    """Write a training's state into its run's folder. Raises `InputError` on a full disk; the old file then stays."""
    rung = training.rung
    tensors = {f"model.{name}": value for name, value in rung.parameters().items()}
    tensors |= {f"optimizer.{name}": value for name, value in rung.optimizer_state().items()}
    best = training.best if math.isfinite(training.best) else None
    metadata = {
        **describe(rung.description),
        **settings_of(training.options),
        "rung": rung.name,
        "device": rung.device,
        "counters": json.dumps(
            {"step": training.step, "epoch": training.epoch, "seconds": training.seconds, "best": best}
        ),
        "generator": json.dumps(training.rng.bit_generator.state),
    }
    write_bytes(folder / FILE, to_bytes(tensors, metadata))


def restore_training(folder: Path, training: Training, lengths: Collection[int] = ()) -> None:
    """Put back what `save_training` wrote, into a training made from the same options.

    Only the number of epochs may be another one, where the run was extended: `lengths` are those that it was to have.

    Before the end of the first epoch there is no file, and nothing to put back. Raises `InputError` for a file that is
    damaged, a pickle, of another model, rung or settings, or from another kind of device; the training then stays as it
    was.
    """
    path = folder / FILE
    if not exists(path):
        return
    metadata, rung = read_metadata(path), training.rung
    counters = read_counters(path, metadata)
    check_model(path, metadata, describe(rung.description) | {"rung": rung.name})
    if metadata.get("device") != rung.device:
        raise InputError(
            f"{path}: training continues exactly only where it began, on {metadata.get('device')}; got {rung.device}"
        )
    check_settings(path, metadata, training.options, lengths)
    epoch, epochs, steps = counters.epoch, training.options.epochs, counters.step
    expected = epoch * training.steps_per_epoch
    if steps != expected or epoch > epochs:
        raise InputError(f"{path}: expected {expected} steps after epoch {epoch} of {epochs}, got {steps}")
    generator = read_generator(path, metadata)
    parameters, optimizer = read_state(path, training)
    if any(value.shape != () or value != steps for name, value in optimizer.items() if name.endswith(".step")):
        raise InputError(f"{path}: expected an optimiser after {steps} steps")
    rung.restore(parameters, optimizer, path)
    training.rng.bit_generator.state = generator
    training.step, training.epoch, training.seconds = steps, epoch, counters.seconds
    training.best = math.inf if counters.best is None else counters.best


def check_model(path: Path, metadata: dict[str, str], expected: dict[str, str]) -> None:
    """Raise `InputError` naming the first entry of the metadata that shows another model or rung."""
    for key, value in expected.items():
        if metadata.get(key) != value:
            raise InputError(f"{path}: a checkpoint of another model: {key} is {metadata.get(key)}, expected {value}")


def exists(path: Path) -> bool:
    """Whether there is a checkpoint, or anything in its place, which then is refused."""
    return path.exists() or path.is_symlink()


def read_state(path: Path, training: Training) -> tuple[Parameters, Parameters]:
    """The parameters and the state of the optimiser in a checkpoint; that they fit the rung is not checked here."""
    tensors, _ = read_tensors(path)
    check_finite(tensors, path)
    for name, value in tensors.items():
        if not name.startswith(("model.", "optimizer.")):
            raise InputError(f"{path}: tensor {shown(name)} is unknown")
        # torch counts steps in float32, whatever the parameters are
        if value.dtype != training.rung.dtype and not name.endswith(".step"):
            raise InputError(f"{path}: tensor {name!r} is {value.dtype}, expected {training.rung.dtype}")
    parameters, optimizer = under("model", tensors), under("optimizer", tensors)
    if not optimizer:
        raise InputError(f"{path}: holds no moments of the optimiser")
    return parameters, optimizer


def read_generator(path: Path, metadata: dict[str, str]) -> dict[str, Any]:
    """The state of the random generator in a checkpoint's metadata, checked."""
    try:
        state = read_object(metadata["generator"], "generator")
        np.random.default_rng().bit_generator.state = state
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{path}: holds no state of a random generator ({error})") from error
    return state


def read_counters(path: Path, metadata: dict[str, str]) -> Counters:
    """The counters in a checkpoint's metadata, checked."""
    if "counters" not in metadata:
        raise InputError(f"{path}: holds no training state, expected the checkpoint.safetensors of a run")
    if "generator" not in metadata:
        raise InputError(
            f"{path}: written by version 0.1, which drew batches and noise differently; it can be evaluated and drawn, "
            "but not resumed"
        )
    try:
        return from_json(Counters, msgspec.json.decode(metadata["counters"]))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: its counters are damaged ({error})") from error


def saved_epoch(folder: Path, options: TrainOptions | None = None, lengths: Collection[int] = ()) -> int:
    """The epoch after which the last whole checkpoint was written; 0 where there is none.

    With the options of the training that is to go on, raises `InputError` where they are not those of the checkpoint,
    before a model of any size is made. `lengths` as for `restore_training`.
    """
    path = folder / FILE
    if not exists(path):
        return 0
    metadata = read_metadata(path)
    epoch = read_counters(path, metadata).epoch
    if options is not None:
        model = describe(Description.of(options.model, (1, 1, 1), 0))
        check_model(path, metadata, {"rung": options.rung} | {key: model[key] for key in ("model", "options")})
        check_settings(path, metadata, options, lengths)
    return epoch


def check_there(run: Run) -> None:
    """Raise `InputError` where a training's log shows that an epoch ended, and its checkpoint is gone.

    To begin again would write over the weights of all the epochs since. A process that was killed while it saved the
    first epoch has left none: its log holds no step of a second one.
    """
    last = max((line["epoch"] for line in run.training_log() if line["kind"] == "step"), default=0)
    if last > 1 and not exists(run.path / FILE):
        raise InputError(
            f"{run.path / FILE}: gone, though epoch {last - 1} ended; without it training cannot go on, but its "
            "weights can be drawn and evaluated"
        )


def cut_log(run: Run, training: Training) -> int:
    """Drop the lines that were logged after the state was saved: they will be written again.

    Returns how many lines of the epochs before are missing, which no training writes again. Raises `InputError` for a
    log that is not one of a training; it then stays as it was.
    """
    check_log(run.metrics(), run.metrics_path)
    run.keep_metrics(lambda line: 0 < training.epoch >= line["epoch"] and line["step"] <= training.step)
    expected = training.step + training.epoch + 1 if training.epoch else 0  # epoch 0 has a line, too
    return expected - len(run.metrics())


def under(prefix: str, tensors: Parameters) -> Parameters:
    """The tensors whose names begin with a prefix and a dot, under the rest of their names."""
    return {
        name[len(prefix) + 1 :]: np.asarray(value) for name, value in tensors.items() if name.startswith(f"{prefix}.")
    }
