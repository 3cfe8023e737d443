"""`vae-ladder experiment NAME`: loads the data, runs the experiment, and writes its results."""

import dataclasses
import importlib
import shlex
import time
from types import ModuleType
from typing import Any

import torch

from foundation.console import make_console, print_table, say, step_display
from foundation.data.splits import load_data
from foundation.files import check_writable, write_json, write_text
from foundation.options import DataOptions, check_used
from foundation.runs import create_run, versions
from paper.experiments.experiment import Experiment, Settings, subset
from paper.experiments.options import EXPERIMENTS, ExperimentOptions
from paper.experiments.tables import markdown, terminal
from paper.training.device import choose_device
from paper.training.fit import to_tensors


def run_experiment(options: ExperimentOptions) -> int:
    """Runs one experiment and writes its results into a new run folder; returns the exit code."""
    begin = time.perf_counter()
    module = find_module(options.name)
    settings: Settings = module.QUICK if options.quick else module.FULL
    experiment = prepare(options, module, settings)
    say(experiment.console, EXPERIMENTS[options.name], "bold")
    for line in experiment.data.describe():
        say(experiment.console, f"   {line}")
    try:
        module.run(experiment, settings)
        experiment.answer(settings.rests_on())
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"stopped; measurements so far: {experiment.run.metrics_path}") from None
    results = collect(options, module, experiment, settings, time.perf_counter() - begin)
    for path in filter(None, (experiment.run.path / "results.json", options.record)):
        write_json(path, results)
    tables = [(title, columns, experiment.rows) for title, columns in module.TABLES.items()]
    write_text(experiment.run.path / "table.md", "\n".join(markdown(*table) for table in tables))
    for table in tables:
        print_table(experiment.console, terminal(*table))
    for sentence in experiment.answers:
        experiment.console.print(sentence, markup=False)
    say(experiment.console, f"Tables, numbers and {len(experiment.figures)} figures: {experiment.run.path}")
    return 0


def prepare(options: ExperimentOptions, module: ModuleType, settings: Settings) -> Experiment:
    """Loads and checks everything before the run folder is made, so that bad input leaves no folder."""
    console, device = make_console(), choose_device(options.device)
    if options.record is not None:
        check_writable(options.record)
    with step_display(console, "loading the images"):
        data = to_tensors(load_data(choose_data(options, module), options.seed), device)
    data = subset(data, settings.train_images, settings.test_images, options.seed)
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
    return Experiment(options, data, create_run(options.out, f"experiment-{options.name}", config), console)


def find_module(name: str) -> ModuleType:
    """The module of an experiment."""
    return importlib.import_module(f"paper.experiments.{name.replace('-', '_')}")


def choose_data(options: ExperimentOptions, module: ModuleType) -> DataOptions:
    """The experiment's own data set, or that of the options; without a validation part, since none is used."""
    chosen = dataclasses.replace(
        module.DATA, name=options.data or module.DATA.name, root=options.data_root, validation=0.0
    )
    check_used(chosen, "data.")
    return chosen


def collect(
    options: ExperimentOptions, module: ModuleType, experiment: Experiment, settings: Settings, seconds: float
) -> dict[str, Any]:
    """The contents of results.json: everything to quote, to make the tables, and to repeat the run."""
    return {
        "experiment": options.name,
        "question": EXPERIMENTS[options.name],
        "command": command_line(options),
        "seed": options.seed,
        "data": experiment.data.name,
        "train_images": len(experiment.data.train),
        "test_images": len(experiment.data.test),
        "settings": settings,
        "device": str(experiment.device),
        "threads": torch.get_num_threads(),
        "versions": versions(),
        "seconds": round(seconds, 1),
        "tables": {title: [column._asdict() for column in columns] for title, columns in module.TABLES.items()},
        "rows": experiment.rows,
        "findings": experiment.findings,
        "answers": experiment.answers,
        "figures": experiment.figures,
    }


def command_line(options: ExperimentOptions) -> str:
    """The command line that repeats the experiment, without folders of this machine."""
    words = ["vae-ladder", "experiment", options.name] + ["--quick"] * options.quick
    words += ["--data", options.data] if options.data is not None else []
    words += ["--data-root", "DIR"] if options.data_root is not None else []
    words += ["--seed", str(options.seed)] if options.seed != 0 else []
    return shlex.join(words)
