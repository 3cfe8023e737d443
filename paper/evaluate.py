"""`vae-ladder evaluate [RUN]`: measure a trained model on the test images and say what the numbers mean."""

import time
from collections.abc import Iterator
from typing import Any

import torch
from rich.text import Text
from torch import nn

from foundation.console import make_console, say, step_display
from foundation.errors import InputError
from foundation.files import write_json
from foundation.runs import Run, latest_run, open_run, versions
from paper.checkpoint import is_model_run, open_data, open_model, read_options
from paper.data import choose_device
from paper.evaluation.elbo import has_posterior, images_for_likelihood
from paper.evaluation.sections import Subject, sections
from paper.models.registry import model_name
from paper.options import EvaluateOptions


def evaluate(options: EvaluateOptions) -> int:
    """Measure a run's model, print what was found, write evaluation.json into its folder. The exit code.

    Raises `InputError` where the run, its model or its data cannot be read, or where the likelihood of images is asked
    that have none.
    """
    begin = time.perf_counter()
    if options.record is not None and options.record.is_dir():
        raise InputError(f"{options.record}: expected a file to write, got a folder")
    console = make_console()
    run = latest_run(options.out) if options.run is None else open_run(options.run)
    device = choose_device(options.device)
    with step_display(console, "loading model and images"):
        model, data = open_model(run, device), open_data(run, options.data_root, device)
    asked = has_posterior(model) and (options.draws > 0 or options.binarise != "none")
    images = images_for_likelihood(model, data.test.images, options.binarise) if asked else data.test.images
    say(console, f"{run.path}: {model_name(model.options)}", "bold")
    for line in [*data.describe(), *pixels_of(run)]:
        say(console, f"  {line}")
    subject, found = Subject(model, data, images, options, console), {}
    for results in sections(subject):
        found |= results
    for sentence in subject.warnings:
        console.print(Text.assemble("\n", ("Warning: ", "bold yellow"), sentence))
    about = describe(options, run, model, data.name, len(data.test), time.perf_counter() - begin)
    record = about | found | {"warnings": subject.warnings}
    path = run.path / "evaluation.json"
    for place in {path, options.record} - {None}:
        write_json(place, record)
    say(console, f"\nEvery number: {path}")
    return 0


def pixels_of(run: Run) -> Iterator[str]:
    """How the run's test images became black and white, where they did."""
    if is_model_run(run):
        options = read_options(run)
        if options.data.binarise != "none":
            yield f"pixels: each drawn once, white with probability grey, by the run's seed ({options.seed})"


def describe(
    options: EvaluateOptions, run: Run, model: nn.Module, data: str, images: int, seconds: float
) -> dict[str, Any]:
    """What was measured, how, and with which versions."""
    return {
        "command": command_line(options, run),
        "run": run.path.name,
        "model": model_name(model.options),
        "data": data,
        "test_images": images,
        "seed": options.seed,
        "device": str(next(model.parameters()).device),
        "threads": torch.get_num_threads(),
        "versions": versions(),
        "seconds": round(seconds, 1),
    }


def command_line(options: EvaluateOptions, run: Run) -> str:
    """What was typed, without the folders of one machine."""
    default = EvaluateOptions()
    chosen = {name: getattr(options, name) for name in ("draws", "images", "binarise", "seed")}
    words = [f"--{name} {value}" for name, value in chosen.items() if value != getattr(default, name)]
    words += ["--data-root DIR"] * (options.data_root is not None)
    return " ".join(["vae-ladder evaluate", run.path.name, *words])
