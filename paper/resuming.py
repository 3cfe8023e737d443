"""checkpoint.safetensors: all that training needs to go on after an epoch, in one file, which is whole or not there.

Tensors are named `model.<name>`, `optimizer.<parameter>.<moment>` and `generator`; counters stand in the metadata. Like
every file here it is read without running anything that it holds.
"""

import contextlib
import json
import math
from collections.abc import Iterator
from pathlib import Path

import safetensors.torch
import torch
from filelock import FileLock, Timeout
from torch import nn

from foundation.errors import InputError
from foundation.files import cannot_write, write_bytes
from foundation.runs import Run
from paper.checkpoint import describe_model, fill, on_cpu, read_tensors
from paper.processes import process_numbers
from paper.training import TrainingState

FILE = "checkpoint.safetensors"


def save_state(folder: Path, model: nn.Module, state: TrainingState) -> None:
    """Write model and state into a run's folder. Raises `InputError` on a full disk; the old file then stays."""
    tensors = {f"model.{name}": value for name, value in model.state_dict().items()}
    for parameter, moments in _moments(model, state.optimizer).items():
        tensors |= {f"optimizer.{parameter}.{name}": value for name, value in moments.items()}
    tensors["generator"] = state.generator.get_state()
    counters = {"step": state.step, "epoch": state.epoch, "seconds": state.seconds}
    # JSON has no word for infinity, the best loss before there is one.
    counters["best"] = state.best if math.isfinite(state.best) else None
    device = state.generator.device.type
    metadata = {**describe_model(model), "counters": json.dumps(counters), "device": device}
    write_bytes(folder / FILE, safetensors.torch.save(on_cpu(tensors), metadata))


def load_state(folder: Path, model: nn.Module, state: TrainingState) -> None:
    """Put back what `save_state` wrote, into a model and a state made from the same options.

    Before the first epoch's end there is no file, and nothing to put back. Raises `InputError` for a file that is
    damaged, a pickle, of another model, or from another kind of device.
    """
    path = folder / FILE
    if not path.exists():
        return
    tensors, metadata = read_tensors(path)
    expected = describe_model(model)
    if "counters" not in metadata:
        raise InputError(f"{path}: holds no training state, expected the checkpoint.safetensors of a run")
    for key, value in expected.items():
        if metadata.get(key) != value:
            raise InputError(f"{path}: a checkpoint of another model: {key} is {metadata.get(key)}, expected {value}")
    if metadata["device"] != state.generator.device.type:
        raise InputError(
            f"{path}: training goes on exactly only where it began, on {metadata['device']}; "
            f"got {state.generator.device.type}"
        )
    parts = {part: _under(part, tensors) for part in ("model", "optimizer")}
    fill(model, parts["model"], path)
    names = [name for name, _ in model.named_parameters()]
    moments = {i: _under(name, parts["optimizer"]) for i, name in enumerate(names)}
    groups = state.optimizer.state_dict()["param_groups"]
    state.optimizer.load_state_dict({"state": {i: m for i, m in moments.items() if m}, "param_groups": groups})
    state.generator.set_state(tensors["generator"])
    counters = json.loads(metadata["counters"])
    state.step, state.epoch, state.seconds = counters["step"], counters["epoch"], counters["seconds"]
    state.best = math.inf if counters["best"] is None else counters["best"]


def saved_epoch(folder: Path) -> int:
    """The epoch after which the last whole checkpoint was written; 0 where there is none."""
    if not (folder / FILE).exists():
        return 0
    return json.loads(read_tensors(folder / FILE)[1]["counters"])["epoch"]


@contextlib.contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Keep other trainings out of a run's folder. The lock goes with the process, whatever ends it.

    Raises `InputError` where another one is at work there. Of several processes the first one holds it for all.
    """
    if process_numbers()[0] > 0:
        yield
        return
    lock = FileLock(folder / ".lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise InputError(f"{folder}: in use, another process is training there") from None
    except OSError as error:
        raise cannot_write(folder, error) from error
    try:
        yield
    finally:
        lock.release()
        (folder / ".lock").unlink(missing_ok=True)


def cut_log(run: Run, state: TrainingState) -> None:
    """Drop the lines that were logged after the state was saved: they will be written again."""
    run.keep_metrics(lambda line: 0 < state.epoch >= line["epoch"] and line["step"] <= state.step)


def _moments(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, dict[str, torch.Tensor]]:
    """What the optimiser remembers of each parameter, by the parameter's name."""
    return {name: optimizer.state[value] for name, value in model.named_parameters() if value in optimizer.state}


def _under(prefix: str, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The tensors whose names begin with a prefix and a dot, under the rest of their names."""
    return {name[len(prefix) + 1 :]: value for name, value in tensors.items() if name.startswith(f"{prefix}.")}
