"""`vae-ladder evaluate [RUN]`: measures a trained model on the test images and explains the numbers."""

import time
from collections.abc import Iterator
from typing import Any

import torch
from rich.text import Text

from figures.style import save
from foundation.console import make_console, say, step_display
from foundation.files import check_writable, write_json
from foundation.runs import Run, latest_run, open_run, versions
from paper.evaluation.annealing import check_annealing
from paper.evaluation.bound import images_for_likelihood
from paper.evaluation.options import EvaluateOptions
from paper.evaluation.report import Evaluation, Results, has_bound, rate_distortion_picture, sections
from paper.models.base import Model
from paper.models.registry import open_model
from paper.runs import check_root, read_data, read_options, unverified
from paper.training.device import choose_device
from paper.training.fit import to_tensors

NAME, NAME_OF_BEST = "evaluation.json", "evaluation_best.json"


def evaluate(options: EvaluateOptions) -> int:
    """Measures a run's model, prints the report, and writes evaluation.json into its folder; returns the exit code.

    Raises `InputError` where the run, its model or its data cannot be read, or where grey images have no likelihood
    under the model.
    """
    begin = time.perf_counter()
    if options.record is not None:
        check_writable(options.record)
    console = make_console()
    run = (latest_run(options.out) if options.run is None else open_run(options.run)).choose(options.weights)
    check_root(run, options.data_root)
    path = run.path / (NAME_OF_BEST if run.weights == "best" else NAME)
    check_writable(path)
    device = choose_device(options.device)
    with step_display(console, "loading model and images"):
        model = open_model(run, device)
        data = to_tensors(read_data(run, options.data_root), device, next(model.parameters()).dtype)
    if options.annealing:
        check_annealing(model)
    measured = options.draws > 0 or options.annealing > 0
    likelihood = has_bound(model) and (measured or options.binarise != "none")
    images = images_for_likelihood(model, data.test.images, options.binarise) if likelihood else data.test.images
    say(console, f"{run.path}: {model.options.model}", "bold")
    for line in [*data.describe(), *epoch_of(run), *pixels_of(run), *unverified(run)]:
        say(console, f"  {line}")
    evaluation = Evaluation(model, data, images, options, console)
    found: Results = {}
    for results in sections(evaluation):
        found |= results
    if "annealing" in found:
        picture = save(rate_distortion_picture(found["annealing"]), run.figure_path("rate_distortion"))
        say(console, f"\nThe curve: {picture}")
    for sentence in evaluation.warnings:
        console.print(Text.assemble("\n", ("Warning: ", "bold yellow"), sentence))
    about = describe(options, run, model, data.name, len(data.test), time.perf_counter() - begin)
    record = about | found | {"warnings": evaluation.warnings}
    for place in (path, options.record):
        if place is not None:
            write_json(place, record)
    say(console, f"\nAll numbers: {path}")
    return 0


def epoch_of(run: Run) -> Iterator[str]:
    """The epoch of the best weights, as the log of the run has it; nothing for those of the last epoch."""
    if run.weights == "best":
        epochs = [record["epoch"] for record in run.training_log() if record.get("best")]
        yield f"weights: of epoch {epochs[-1]}, the smallest validation loss" if epochs else "weights: best.safetensors"


def pixels_of(run: Run) -> Iterator[str]:
    """How the run's test images were binarised, if they were."""
    options = read_options(run)
    if options.data.binarise != "none":
        yield f"pixels: each drawn once, white with probability grey, by the run's seed ({options.seed})"


def describe(
    options: EvaluateOptions, run: Run, model: Model, data: str, images: int, seconds: float
) -> dict[str, Any]:
    """The head of evaluation.json: what was measured, how, and with which versions."""
    return {
        "command": command_line(options, run),
        "run": run.path.name,
        "weights": run.weights,
        "model": model.options.model,
        "data": data,
        "test_images": images,
        "seed": options.seed,
        "device": str(next(model.parameters()).device),
        "threads": torch.get_num_threads(),
        "versions": versions(),
        "seconds": round(seconds, 1),
    }


def command_line(options: EvaluateOptions, run: Run) -> str:
    """The command line that repeats the evaluation, without folders of this machine."""
    default = EvaluateOptions()
    names = ("weights", "draws", "images", "annealing", "chains", "annealed_images", "binarise", "seed")
    chosen = {name: getattr(options, name) for name in names}
    words = [f"--{name.replace('_', '-')} {value}" for name, value in chosen.items() if value != getattr(default, name)]
    words += ["--data-root DIR"] * (options.data_root is not None)
    return " ".join(["vae-ladder evaluate", run.path.name, *words])
