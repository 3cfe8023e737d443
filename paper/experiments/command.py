"""`vae-ladder experiment NAME`: load the data, run the experiment, and write down what came out."""

import dataclasses
import importlib
import shlex
import time
from types import ModuleType
from typing import Any

import torch

from foundation.console import make_console, say, step_display
from foundation.errors import InputError
from foundation.files import write_json, write_text
from foundation.runs import create_run, versions
from paper.data import choose_device, load_data
from paper.experiments.lab import Lab, Settings, subset
from paper.experiments.options import EXPERIMENTS, ExperimentOptions
from paper.experiments.tables import markdown, terminal
from paper.options import DataOptions


def experiment(options: ExperimentOptions) -> int:
    """Run one experiment into a run folder of its own. The exit code."""
    begin = time.perf_counter()
    page = find_page(options.name)
    settings: Settings = page.QUICK if options.quick else page.FULL
    lab = prepare(options, page, settings)
    say(lab.console, EXPERIMENTS[options.name], "bold")
    for line in lab.data.describe():
        say(lab.console, f"   {line}")
    try:
        page.run(lab, settings)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"stopped; what was measured until then: {lab.run.metrics_path}") from None
    results = collect(options, page, lab, settings, time.perf_counter() - begin)
    for path in filter(None, (lab.run.path / "results.json", options.record)):
        write_json(path, results)
    tables = [(title, columns, lab.rows) for title, columns in page.TABLES.items()]
    write_text(lab.run.path / "table.md", "\n".join(markdown(*table) for table in tables))
    for table in tables:
        lab.console.print(terminal(*table))
    for sentence in lab.answers:
        lab.console.print(sentence, markup=False)
    say(lab.console, f"Tables, numbers and {len(lab.figures)} figures: {lab.run.path}")
    return 0


def prepare(options: ExperimentOptions, page: ModuleType, settings: Settings) -> Lab:
    """The bench, once everything is checked: bad input leaves no folder behind."""
    console, device = make_console(), choose_device(options.device)
    if options.record is not None and options.record.is_dir():
        raise InputError(f"{options.record}: expected a file to write, got a folder")
    with step_display(console, "loading the images"):
        data = load_data(choose_data(options, page), options.seed, device)
    data = subset(data, settings.train_images, settings.test_images)
    settings.check(data)
    config = {
        "command": "experiment",
        "command_line": command_line(options),
        "name": options.name,
        "data": data.name,
        "data_root": options.data_root,
        "seed": options.seed,
        "settings": settings,
    }
    return Lab(options, data, create_run(options.out, f"experiment-{options.name}", config), console)


def find_page(name: str) -> ModuleType:
    """The module of an experiment."""
    return importlib.import_module(f"paper.experiments.{name.replace('-', '_')}")


def choose_data(options: ExperimentOptions, page: ModuleType) -> DataOptions:
    """The experiment's own data, or what was asked for in its place. No validation part: nothing is chosen by it."""
    return dataclasses.replace(page.DATA, name=options.data or page.DATA.name, root=options.data_root, validation=0.0)


def collect(
    options: ExperimentOptions, page: ModuleType, lab: Lab, settings: Settings, seconds: float
) -> dict[str, Any]:
    """What results.json holds: enough to quote from, to draw tables from, and to run it again."""
    return {
        "experiment": options.name,
        "question": EXPERIMENTS[options.name],
        "command": command_line(options),
        "seed": options.seed,
        "data": lab.data.name,
        "train_images": len(lab.data.train),
        "test_images": len(lab.data.test),
        "settings": settings,
        "device": str(lab.device),
        "threads": torch.get_num_threads(),
        "versions": versions(),
        "seconds": round(seconds, 1),
        "tables": {title: [column._asdict() for column in columns] for title, columns in page.TABLES.items()},
        "rows": lab.rows,
        "findings": lab.findings,
        "answers": lab.answers,
        "figures": lab.figures,
    }


def command_line(options: ExperimentOptions) -> str:
    """How the experiment was asked for, without the folders of one machine."""
    words = ["vae-ladder", "experiment", options.name] + ["--quick"] * options.quick
    words += ["--data", options.data] if options.data is not None else []
    words += ["--data-root", "DIR"] if options.data_root is not None else []
    words += ["--seed", str(options.seed)] if options.seed != 0 else []
    return shlex.join(words)
