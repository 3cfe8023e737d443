"""Training into run folders: `vae-ladder train` for one model on one rung, and each rung of `vae-ladder climb`.

On several GPUs, or on several cores that share no memory:

    torchrun --nproc-per-node 2 -m ladder train vae --epochs 10

Every process computes its share of each batch; the first one alone prints and writes.
"""

import contextlib
import dataclasses
import datetime
import os
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from foundation.checkpoint import check_there, cut_log, restore_training, save_training, saved_epoch
from foundation.console import make_console, print_table, say, step_display
from foundation.data import DATASETS
from foundation.data.splits import Data, load_data
from foundation.display import HOW_Z, Show, result_table, training_display
from foundation.errors import InputError
from foundation.files import check_writable, write_json
from foundation.options import TrainOptions, check_effect, no_effect
from foundation.process import hold_signals
from foundation.records import EpochRecord
from foundation.rung import Rung
from foundation.runs import NO_RESUME, Extension, Run, create_run, open_run, versions
from foundation.schedules import depends_on_length, objective_at
from foundation.settings import settings_of
from foundation.training import Parts, Training, begin, evaluate, measure_test, train
from foundation.weights import not_verified, read_header, save_weights
from ladder.rungs import check_choice, start_rung
from paper.runs import read_options, with_first_stage

FIRST = os.environ.get("RANK", "0") == "0"
"""Whether this process prints and writes: all but the first of those that torchrun starts only compute."""


def train_command(options: TrainOptions, command: str) -> int:
    """`vae-ladder train MODEL`: train into a new run folder; `command` is the command line. The exit code.

    Everything is checked before the folder is made, so that bad input leaves nothing behind.
    """
    console = make_console()
    console.quiet = not FIRST
    if options.record is not None:
        check_writable(options.record)
    check_choice(options)
    check_effect(options)
    options = with_first_stage(options)
    with processes(options):
        training = prepare(options, console)
        if options.z != "sampled" and not training.rung.traits.posterior:
            raise no_effect("z", f"{options.model.model} encodes an image as one point")
        if not FIRST:
            return follow(training)
        run = create_run(options.out, f"train_{options.model.model}", describe(training, command))
        with run.hold():
            return carry_out(console, run, training)


WRITTEN = ("metrics.jsonl", "weights.safetensors", "best.safetensors", "checkpoint.safetensors", "test.json")
"""What a training writes into its run folder."""


def resume_command(path: Path, record: Path | None = None, epochs: int | None = None) -> int:
    """`vae-ladder train --resume RUN`: continue a training exactly as it would have gone on. The exit code.

    With `epochs` it gets that many in all. The run's files say what is trained, never where anything is written:
    results go into the run's own folder, and to `record` where the command line names it.
    """
    run = open_run(path)
    if run.config.get("mine") is not None:
        raise InputError(
            f"{path}: trained by your own functions, which are no part of a run; vae-ladder climb --mine again"
        )
    options = dataclasses.replace(read_options(run), record=record)
    if record is not None:
        check_writable(record)
    console = make_console()
    console.quiet = not FIRST
    longer = options.epochs if epochs is None else epochs
    if longer < options.epochs:
        raise InputError(f"epochs: expected at least {options.epochs}, as the run was begun, got {epochs}")
    finished = (path / "test.json").is_file() and longer == options.epochs
    if finished and (not run.lengths() or saved_epoch(path) == longer):  # else killed as it was extended
        say(console, f"{path}: finished already, {options.epochs} epochs; nothing is left to do")
        return 0
    if run.config.get("format") == "0.1":
        raise InputError(f"{path}: {NO_RESUME}")
    lengths = run.lengths()
    extension = None if longer == options.epochs else extension_of(options, longer, saved_epoch(path))
    if saved_epoch(path, options, lengths) > 0:  # refuses what cannot be continued, before anything is loaded
        options = dataclasses.replace(options, weights=None)  # needed for the first step alone; it may be gone
    check_there(run)
    for place in WRITTEN:  # what stands in their place would end the training after its first epoch
        check_writable(path / place)
    own_place = options.data.root is None  # config.json does not choose where files are downloaded to
    with processes(options), run.hold() if FIRST else contextlib.nullcontext():
        training = prepare(options, console, download=own_place)
        restore_training(path, training, lengths)
        training.options = dataclasses.replace(training.options, epochs=longer)
        if not FIRST:
            return follow(training)
        missing = cut_log(run, training)
        if missing:
            say(console, f"{run.metrics_path}: {missing} lines of the epochs before are missing, and stay so")
        if extension is not None:
            run = run.extend(extension)
            say(console, about_extension(extension))
        epoch = training.epoch
        say(console, f"Continuing {f'after epoch {epoch} of {longer}' if epoch else 'from the first epoch'}")
        (path / "test.json").unlink(missing_ok=True)  # of fewer epochs
        return carry_out(console, run, training)


def extension_of(options: TrainOptions, epochs: int, done: int) -> Extension:
    """What config.json is to say of a training that gets more epochs. Raises `InputError` for too many."""
    longer = dataclasses.replace(options, epochs=epochs)  # which checks the number
    return Extension(
        before=options.epochs,
        epochs=longer.epochs,
        after_epoch=done,
        depends_on_length=tuple(depends_on_length(options)) if done else (),
        started=datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
    )


def about_extension(extension: Extension) -> str:
    """What an extended training is equal to, in a line for a person."""
    epochs, names = extension.epochs, ", ".join(extension.depends_on_length)
    if not names:
        return f"Extended to {epochs} epochs: the result is that of {epochs} epochs from the start"
    return f"Extended to {epochs} epochs, not as {epochs} epochs from the start: {names} now as over {epochs} epochs"


@contextlib.contextmanager
def processes(options: TrainOptions) -> Iterator[None]:
    """The group of processes that torchrun started; nothing where there is one process."""
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        yield
        return
    if options.rung != "paper":
        raise InputError(f"torchrun: expected --rung paper, got {options.rung}, which trains in one process")
    from paper.training.distributed import process_group

    with process_group():
        yield


def prepare(options: TrainOptions, console: Console, download: bool = True) -> Training:
    """Check every choice, load the data, make the rung and introduce them; nothing is written into a run.

    Raises `InputError` for what cannot be used.
    """
    check_choice(options)
    if options.weights is not None:
        for line in about_weights(options.weights, options.dtype):
            say(console, line)
    with step_display(console, f"loading {options.data.name}"):
        data = load_data(options.data, options.seed, np.dtype(options.dtype).type, download=download)
    training = make_training(options, data)
    # A model refuses labels or images that it cannot use when it computes a loss: better before a folder is made.
    rung, one = training.rung, data.train.subset(slice(0, 1))
    evaluate(rung, one, np.zeros(rung.noise_shape(1), rung.dtype), objective_at(options, 0.0))
    say(console, rung.summary())
    for line in [*data.describe(), *conditions(training)]:
        say(console, line)
    return training


def about_weights(path: Path, dtype: str) -> Iterator[str]:
    """What is to be known of a file that training starts from, in lines for a person."""
    if line := not_verified(path):
        yield line
    for other in read_header(path).types - {dtype}:
        yield f"{path}: {other}, converted to {dtype}"


def make_training(
    options: TrainOptions, data: Data[np.ndarray], replace: Callable[[Rung], Rung] = lambda rung: rung
) -> Training:
    """A training before its first step; one generator, made from the seed, draws everything.

    `replace` may put another rung, with the same parameters, in the place of the one that the options ask for.
    """
    rng = np.random.default_rng(options.seed)
    rung = replace(start_rung(options, data.image_shape, len(data.classes), rng, data.train.images))
    return begin(rung, data, options, rng)


def conditions(training: Training) -> Iterator[str]:
    """What the numbers to come depend on, in lines for a person."""
    options, rung = training.options, training.rung
    if options.data.binarise != "none":
        when = "anew for every batch" if options.data.binarise == "dynamic" else "once"
        yield f"Pixels: each drawn as black or white, {when}; for validation and test once"
    labels = training.data.train.labels
    if (known := int((labels >= 0).sum())) < len(labels):
        yield f"Labels: those of {known:,} of {len(labels):,} training images, and of no validation image"
    how = HOW_Z[options.z] if rung.traits.posterior else "z as the encoder gives it"
    split = training.data.held_out.split.capitalize()
    yield f"{split} loss after every epoch: the objective that training ends with, {how}"
    threads = f"{rung.threads} thread{'s' if rung.threads > 1 else ''}"
    shared = f"{rung.processes} processes of {threads}" if rung.processes > 1 else threads
    numbers = f"{count_parameters(training):,} parameters, {options.precision}"
    yield f"Rung: {rung.name}, {numbers}, {rung.device}, {shared}"


def count_parameters(training: Training) -> int:
    """Numbers that the model's file holds."""
    return sum(value.size for value in training.rung.parameters().values())


def describe(training: Training, command: str) -> dict[str, Any]:
    """What `config.json` holds: enough to repeat the run and to continue it, and the versions it ran with."""
    options, data = training.options, training.data
    name = options.data.name if options.data.name in DATASETS else absolute(options.data.name)
    where = dataclasses.replace(options.data, name=name, root=options.data.root and Path(absolute(options.data.root)))
    weights = options.weights and Path(absolute(options.weights))
    kept = dataclasses.replace(options, data=where, weights=weights)
    return {
        "command": "train",
        "command_line": command,
        "model": options.model.model,
        "rung": options.rung,
        "options": kept,
        "image_shape": data.image_shape,
        "class_count": len(data.classes),
        "classes": data.classes,
        "data": name,
        "data_root": where.root,
        "train_images": len(data.train),
        "test_images": len(data.test),
        **({"left_out": data.left_out} if data.left_out else {}),
        "parameters": count_parameters(training),
        "threads": training.rung.threads,
        "versions": versions(),
        "started": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
    }


def absolute(path: str | Path) -> str:
    """A path that still holds when the run is used from elsewhere."""
    return os.path.realpath(Path(path).expanduser())


def follow(training: Training) -> int:
    """Compute this process's share of every batch; the first process does the rest, and the printing."""
    with contextlib.suppress(KeyboardInterrupt):
        for _ in train(training):
            pass
    return 0


def carry_out(console: Console, run: Run, training: Training) -> int:
    """Train, save after every epoch, measure on the test images, draw. The exit code."""
    try:
        with training_display(console) as start:
            train_into(run, training, start(training.options.model.model, training))
        finish(console, run, training)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(progress_kept(run)) from None
    return 0


def train_into(run: Run, training: Training, show: Show) -> None:
    """Train to the end, logging every record and saving after every epoch."""
    with scalar_writer(run.path, training) as write:
        for record in train(training):
            run.log(**record.line())
            if isinstance(record, EpochRecord) and record.epoch > 0:
                with hold_signals():
                    save(run, training, record)
            show(record)
            write(record)


@contextlib.contextmanager
def scalar_writer(folder: Path, training: Training) -> Iterator[Show]:
    """What writes each record for TensorBoard, where it is installed beside torch."""
    if training.options.rung != "paper":
        yield lambda record: None
        return
    from paper.training.tensorboard import scalar_writer as writer

    with writer(folder, training.step) as write:
        yield write


def save(run: Run, training: Training, record: EpochRecord) -> None:
    """Write what an epoch leaves behind; the checkpoint last, so that it vouches for the rest."""
    rung, settings = training.rung, settings_of(training.options)
    run.check_there()
    run.save_weights(rung.parameters(), rung.description, settings)
    if record.best:
        save_weights(run.path / "best.safetensors", rung.parameters(), rung.description, settings)
    save_training(run.path, training)


def finish(console: Console, run: Run, training: Training) -> None:
    """The loss on the test images, the pictures, and the record; test.json last, which says that all is done."""
    options, traits, test = training.options, training.rung.traits, training.data.test
    losses = measure_test(training)
    order = sorted(losses, key=lambda z: z != options.z)
    rows = {HOW_Z[z]: losses[z] for z in order} if traits.posterior else {"as encoded": losses[options.z]}
    print_table(console, result_table("z", rows, len(test), objective_at(options, 1.0).beta))
    if (run.path / "best.safetensors").is_file():
        say(console, f"best.safetensors: the epoch with the smallest validation loss, {training.best:.2f} nats")
    with step_display(console, "drawing"):
        from figures.fonts import about_names  # here, since matplotlib takes a second to import
        from ladder.figures import draw_run

        draw_run(run, training.data)
    if note := about_names(training.data.classes):
        say(console, note)
    run.check_there()
    if options.record is not None:
        write_json(options.record, results(training, str(run.config.get("command_line")), losses))
    write_json(run.path / "test.json", {z: losses[z] for z in order})
    say(console, f"Weights, log and figures: {run.path}")


def results(training: Training, command: str, losses: dict[str, Parts]) -> dict[str, Any]:
    """What `--record` keeps of a run: how to make it again, and its losses; no folder of this machine."""
    options, rung = training.options, training.rung
    data = dataclasses.replace(options.data, name=training.data.name, root=None)
    kept = dataclasses.asdict(dataclasses.replace(options, data=data))
    return {
        "command": command,
        "seed": options.seed,
        "test": losses,
        "test_images": len(training.data.test),
        "parameters": count_parameters(training),
        "seconds": round(training.seconds, 1),
        "rung": rung.name,
        "device": rung.device,
        "processes": rung.processes,
        "threads": rung.threads,
        "versions": versions(),
        "config": {name: value for name, value in kept.items() if name not in ("out", "record", "weights")},
    }


def progress_kept(run: Run) -> str:
    """One line after a run was stopped: what was finished, and how to continue."""
    epoch, resume = saved_epoch(run.path), f"vae-ladder train --resume {shlex.quote(str(run.path))}"
    if epoch == 0:
        return f"stopped before the first epoch ended; to begin again: {resume}"
    epochs = run.config["options"]["epochs"]
    return f"stopped; kept: {run.config['model']} as after epoch {epoch} of {epochs}; to go on: {resume}"
