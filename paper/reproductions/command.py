"""`vae-ladder reproduce NAME`: plans within the budget, trains and measures row by row, and writes the record."""

import dataclasses
import importlib
import os
import shlex
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from rich.console import Console

from foundation.console import make_console, print_table, say, step_display
from foundation.data.splits import load_data
from foundation.errors import InputError
from foundation.files import check_writable, write_json, write_text
from foundation.options import check_used
from foundation.runs import Run, create_run, open_run, versions
from foundation.schema import from_json
from paper.experiments.experiment import subset
from paper.experiments.tables import markdown, terminal
from paper.reproductions.budget import Plan
from paper.reproductions.options import REPRODUCTIONS, ReproduceOptions
from paper.reproductions.reproduction import TIMES, Reproduction, Settings, plan_sentence
from paper.training.device import choose_device
from paper.training.fit import to_tensors


@dataclasses.dataclass(frozen=True, kw_only=True)
class Chosen:
    """What a run's config.json says of its reproduction, under `settings`: enough to go on."""

    quick: bool
    seeds: int
    plan: Plan
    device: str


def reproduce(options: ReproduceOptions) -> int:
    """Makes a table again, in a new run folder or in that of a run that was stopped; the exit code."""
    if options.record is not None:
        check_writable(options.record)
    console = make_console()
    if options.resume is not None:
        return go_on(options, open_run(options.resume), console)
    say(console, REPRODUCTIONS[options.name], "bold")
    module = find_module(options.name)
    settings = settings_of(module, options.quick, options.seeds)
    reproduction = prepare(options, module, settings, console)
    with step_display(console, "   timing an epoch of every row"):
        console.quiet = True
        plan = module.plan(reproduction, settings, options.budget)
        console.quiet = False
    chosen = Chosen(quick=options.quick, seeds=settings.seeds, device=options.device, plan=plan)
    run = create_run(options.out, f"reproduce-{options.name}", describe(options, reproduction, chosen))
    return carry_out(options, module, settings, reproduction, run, plan)


def go_on(options: ReproduceOptions, run: Run, console: Console) -> int:
    """Goes on with the reproduction of a run folder; its plan stays."""
    config = run.config
    if config.get("command") != "reproduce" or config.get("name") not in REPRODUCTIONS:
        raise InputError(f"{run.path}: expected the run of a reproduction, got that of {config.get('command')}")
    try:
        chosen = from_json(Chosen, config["settings"])
        own = ReproduceOptions(
            name=config["name"], quick=chosen.quick, budget=chosen.plan.budget, seeds=chosen.seeds,
            seed=int(config["seed"]), data_root=None if config["data_root"] is None else Path(config["data_root"]),
            device=chosen.device if options.device == "auto" else options.device, record=options.record,
        )  # fmt: skip
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{run.path / 'config.json'}: damaged, expected a plan ({error})") from error
    say(console, REPRODUCTIONS[own.name], "bold")
    module = find_module(own.name)
    settings = settings_of(module, own.quick, own.seeds)
    return carry_out(own, module, settings, prepare(own, module, settings, console), run, chosen.plan)


def find_module(name: str) -> ModuleType:
    """The module of a reproduction."""
    return importlib.import_module(f"paper.reproductions.{name}")


def settings_of(module: ModuleType, quick: bool, seeds: int | None) -> Settings:
    """The settings of a reproduction, with another number of repetitions where one is given."""
    settings: Settings = module.QUICK if quick else module.FULL
    return settings if seeds is None else dataclasses.replace(settings, seeds=seeds)


def prepare(options: ReproduceOptions, module: ModuleType, settings: Settings, console: Console) -> Reproduction:
    """Loads and checks everything before a folder is made, so that bad input leaves none."""
    device = choose_device(options.device)
    chosen = module.QUICK_DATA if options.quick else dataclasses.replace(module.DATA, root=options.data_root)
    chosen = dataclasses.replace(chosen, validation=0.0)
    check_used(chosen, "data.")
    with step_display(console, "loading the images"):
        data = to_tensors(load_data(chosen, options.seed), device)
    data = subset(data, settings.train_images, settings.test_images, options.seed)
    for line in data.describe():
        say(console, f"   {line}")
    return Reproduction(options.seed, data, console, options.quick)


def describe(options: ReproduceOptions, reproduction: Reproduction, chosen: Chosen) -> dict[str, Any]:
    """What config.json holds: what was asked for, and the plan."""
    return {
        "command": "reproduce",
        "command_line": command_line(options),
        "name": options.name,
        "data": reproduction.data.name,
        "data_root": None if options.data_root is None else os.path.realpath(options.data_root),
        "seed": options.seed,
        "settings": chosen,
        "versions": versions(),
    }


def carry_out(
    options: ReproduceOptions, module: ModuleType, settings: Settings, reproduction: Reproduction, run: Run, plan: Plan
) -> int:
    """Makes every row that is not there yet, and writes the tables; the exit code."""
    console = reproduction.console
    say(console, f"   {plan_sentence(plan)}")
    if plan.estimate is not None:
        say(console, f"   {plan.images:,} test images measured; {plan.estimate:.2f} hours by what was timed")
    reproduction.run = run
    with run.hold():
        try:
            module.run(reproduction, settings, plan)
        except KeyboardInterrupt:
            resume = f"vae-ladder reproduce --resume {shlex.quote(str(run.path))}"
            raise KeyboardInterrupt(f"stopped; finished rows and whole epochs are kept; to go on: {resume}") from None
        results = collect(options, module, settings, reproduction, plan)
        write_results(options, module, settings, reproduction, plan, results)
    say(console, f"Table and numbers: {run.path}")
    return 0


def write_results(
    options: ReproduceOptions, module: ModuleType, settings: Settings, reproduction: Reproduction, plan: Plan,
    results: dict[str, Any],
) -> None:  # fmt: skip
    """Writes results.json, table.md and the record, and prints the tables."""
    run, console = reproduction.run, reproduction.console
    for path in filter(None, (run.path / "results.json", options.record)):
        write_json(path, results)
    tables = [(title, columns, reproduction.rows) for title, columns in module.tables(settings, plan).items()]
    write_text(run.path / "table.md", "\n".join(markdown(*table) for table in tables))
    for table in tables:
        print_table(console, terminal(*table))
    for sentence in reproduction.answers:
        console.print(sentence, markup=False)


def collect(
    options: ReproduceOptions, module: ModuleType, settings: Settings, reproduction: Reproduction, plan: Plan
) -> dict[str, Any]:
    """The contents of the record: everything to quote, to make the tables, and to repeat the run."""
    return {
        "reproduction": options.name,
        "paper": module.PAPER,
        "command": reproduction.run.config["command_line"],
        "seed": options.seed,
        "data": reproduction.data.name,
        "train_images": len(reproduction.data.train),
        "test_images": len(reproduction.data.test),
        "settings": settings,
        "plan": plan,
        "sources": {name: sorted({one.source for one in some}) for name, some in module.sources(settings).items()},
        "device": str(reproduction.device),
        "threads": torch.get_num_threads(),
        "versions": versions(),
        "seconds": round(sum(row.get(name, 0.0) for row in reproduction.rows for name in TIMES), 1),
        "tables": {
            title: [column._asdict() for column in columns] for title, columns in module.tables(settings, plan).items()
        },
        "rows": reproduction.rows,
        "findings": reproduction.findings,
        "answers": reproduction.answers,
    }


def command_line(options: ReproduceOptions) -> str:
    """The command line that repeats the reproduction, without folders of this machine."""
    words = ["vae-ladder", "reproduce", options.name] + ["--quick"] * options.quick
    words += ["--budget", f"{options.budget:g}"] if options.budget is not None else []
    words += ["--seeds", str(options.seeds)] if options.seeds is not None else []
    words += ["--seed", str(options.seed)] if options.seed != 0 else []
    words += ["--data-root", "DIR"] if options.data_root is not None else []
    return shlex.join(words)
