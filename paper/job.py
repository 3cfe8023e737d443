"""What one training is: options, data, model and state; made ready, and put into words and into JSON."""

import dataclasses
import datetime
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from torch import nn

from foundation.console import say, step_display
from foundation.data import DATASETS
from foundation.errors import InputError
from foundation.runs import versions
from paper.data import DTYPES, Data, Part, choose_device, load_data
from paper.display import HOW_Z
from paper.models.registry import make_model, model_name
from paper.options import TrainOptions
from paper.processes import process_numbers
from paper.schedules import weights_at
from paper.summary import count_parameters, summary_table
from paper.training import TrainingState, begin, measure


@dataclasses.dataclass(frozen=True)
class Job:
    """A model, what it learns from, and how far it is."""

    options: TrainOptions
    data: Data
    model: nn.Module
    state: TrainingState

    @property
    def steps(self) -> int:
        """Steps of the whole training."""
        return self.options.epochs * math.ceil(len(self.data.train) / self.options.batch_size)


def prepare(options: TrainOptions, console: Console) -> Job:
    """Check every choice, load the data, make the model and introduce them; nothing is written.

    Raises `InputError` for what cannot be used.
    """
    if options.record is not None and options.record.is_dir():
        raise InputError(f"{options.record}: expected a file to write, got a folder")
    device, dtype = choose_device(options.device), DTYPES[options.precision]
    if device.type == "mps" and dtype == torch.float64:
        raise InputError("precision: MPS has no float64, expected float32 or bf16")
    if options.compile:
        check_compiler(device)
    with step_display(console, f"loading {options.data.name}"):
        data = load_data(options.data, options.seed, device, dtype)
    model = make_model(options.model, data.image_shape, len(data.classes), options.seed).to(device, dtype)
    # A model refuses what it cannot learn from when it computes a loss: better here, before a folder is made.
    one = Part(data.train.images[:1], data.train.labels[:1])
    measure(model, one, weights_at(options.kl, model.beta, 0.0), precision=options.precision)
    console.print(summary_table(model, model_name(options.model)))
    for line in data.describe():
        say(console, line)
    for line in conditions(options, model, device):
        say(console, line)
    return Job(options, data, model, begin(model, options))


def check_compiler(device: torch.device) -> None:
    """Raise `InputError` where torch.compile has no compiler to work with, before anything else is done."""
    try:
        torch.compile(torch.sin)(torch.zeros(2, device=device))
    except RuntimeError as error:
        reason = next(filter(None, map(str.strip, str(error).splitlines())), "no reason given")
        raise InputError(f"compile: torch.compile does not work on this machine: {reason}") from error


def conditions(options: TrainOptions, model: nn.Module, device: torch.device) -> Iterator[str]:
    """What the numbers to come depend on, in lines for a person."""
    if options.data.binarise != "none":
        when = "anew for every batch" if options.data.binarise == "dynamic" else "once"
        yield f"Pixels: each drawn as black or white, {when}; for validation and test once"
    if options.data.validation:
        how = HOW_Z[options.z] if is_noisy(model) else "z as the encoder gives it"
        yield f"Validation after every epoch: the objective of training, {how}"
    threads, processes = torch.get_num_threads(), process_numbers()[1]
    on = f"{device}, {threads} thread{'s' * (threads > 1)}" if device.type == "cpu" else str(device)
    yield f"Device: {on}, {options.precision}" + (f", {processes} processes" if processes > 1 else "")


def is_noisy(model: nn.Module) -> bool:
    """Whether z is drawn: not so in an autoencoder or a VQ-VAE."""
    return math.prod(model.noise_shape(1)) > 0


def describe(job: Job, command: str) -> dict[str, Any]:
    """What `config.json` holds: enough to repeat the run and to go on with it, and the versions it ran with."""
    options, data = job.options, job.options.data
    name = data.name if data.name in DATASETS else _absolute(data.name)
    where = dataclasses.replace(data, name=name, root=data.root and Path(_absolute(data.root)))
    return {
        "command": "train",
        "command_line": command,
        "model": model_name(options.model),
        "options": dataclasses.asdict(
            dataclasses.replace(options, data=where, record=options.record and Path(_absolute(options.record)))
        ),
        "image_shape": job.data.image_shape,
        "class_count": len(job.data.classes),
        "classes": job.data.classes,
        "data": where.name,
        "data_root": where.root,
        "parameters": count_parameters(job.model),
        "versions": versions(),
        "started": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
    }


def _absolute(path: str | Path) -> str:
    """A path that still holds when the run is used from elsewhere."""
    return str(Path(path).expanduser().resolve())


def results(job: Job, command: str, losses: dict[str, dict[str, float]]) -> dict[str, Any]:
    """What `--record` keeps of a run: how to make it again, and what came of it; no folder of this machine."""
    options = dataclasses.asdict(job.options)
    options["data"] |= {"name": job.data.name, "root": None}
    return {
        "command": command,
        "seed": job.options.seed,
        "test": losses,
        "test_images": len(job.data.test),
        "parameters": count_parameters(job.model),
        "seconds": round(job.state.seconds, 1),
        "device": job.data.test.images.device.type,
        "threads": torch.get_num_threads(),
        "processes": process_numbers()[1],
        "versions": versions(),
        "config": {name: value for name, value in options.items() if name not in ("out", "record")},
    }
