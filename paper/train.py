"""Training a model into a run folder: what `vae-ladder train MODEL` does, and `python -m paper.train MODEL`.

On several GPUs, or on several cores that share no memory:

    torchrun --nproc-per-node 2 -m paper.train vae --epochs 10

Every process computes its share of each batch; the first one alone prints and writes.
"""

import contextlib
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from foundation import command_line
from foundation.console import make_console, say, step_display
from foundation.errors import InputError
from foundation.files import write_json
from foundation.runs import Run, create_run, open_run
from paper.checkpoint import is_model_run, read_options, save_model
from paper.command_line import Resume, parse_training
from paper.display import HOW_Z, result_table, training_display
from paper.job import Job, describe, is_noisy, prepare, results
from paper.models.registry import model_name
from paper.options import TrainOptions
from paper.processes import process_group, process_numbers
from paper.records import EpochRecord
from paper.resuming import cut_log, hold, load_state, save_state, saved_epoch
from paper.scalars import scalar_writer
from paper.training import final_weights, measure, train

PROGRAM = "python -m paper.train"


def train_model(options: TrainOptions, command: str = "") -> int:
    """Train a model into a new run folder; `command` is how it was asked for. The exit code.

    Everything is checked before the folder is made, so that bad input leaves nothing behind.
    """
    console = make_console()
    console.quiet = process_numbers()[0] > 0
    job = prepare(options, console)
    if process_numbers()[0] > 0:
        return follow(job)
    run = create_run(options.out, f"train_{model_name(options.model)}", describe(job, command))
    with hold(run.path):
        return carry_out(console, run, job)


def resume(path: Path) -> int:
    """Go on with a training that was stopped, exactly as it would have gone on. The exit code."""
    run = open_run(path)
    if not is_model_run(run):
        raise InputError(f"{path}: expected a run of `vae-ladder train MODEL`; no other can be resumed")
    console = make_console()
    console.quiet = process_numbers()[0] > 0
    options = read_options(run)
    if (path / "test.json").is_file():
        say(console, f"{path}: finished already, {options.epochs} epochs; nothing is left to do")
        return 0
    with hold(path):
        job = prepare(options, console)
        load_state(path, job.model, job.state)
        if process_numbers()[0] > 0:
            return follow(job)
        cut_log(run, job.state)
        where = f"after epoch {job.state.epoch} of {options.epochs}" if job.state.epoch else "from the first epoch"
        say(console, f"Going on {where}")
        return carry_out(console, run, job)


def follow(job: Job) -> int:
    """Compute this process's share of every batch; the first process does the rest, and the talking."""
    with contextlib.suppress(KeyboardInterrupt):
        for _ in train(job.model, job.data, job.options, job.state):
            pass
    return 0


def carry_out(console: Console, run: Run, job: Job) -> int:
    """Train, save after every epoch, measure on the test images, draw. The exit code."""
    try:
        with (
            training_display(console, job.options.epochs, job.steps, job.state.step) as show,
            scalar_writer(run.path, job.state.step) as write,
        ):
            for record in train(job.model, job.data, job.options, job.state):
                run.log(**record.line())
                if isinstance(record, EpochRecord) and record.epoch > 0:
                    save(run, job, record)
                show(record)
                write(record)
        finish(console, run, job)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(what_is_kept(run, job)) from None
    return 0


def save(run: Run, job: Job, record: EpochRecord) -> None:
    """Write what an epoch leaves behind; the checkpoint last, so that it vouches for the rest."""
    save_model(run.weights_path, job.model)
    if record.best:
        save_model(run.path / "best.safetensors", job.model)
    save_state(run.path, job.model, job.state)


def finish(console: Console, run: Run, job: Job) -> None:
    """The loss on the test images, the pictures, and the record; test.json last, which says that all is done."""
    options, test = job.options, job.data.test
    weights = final_weights(job.model, options)
    losses = {
        z: measure(job.model, test, weights, z, options.seed, precision=options.precision)
        for z in sorted(HOW_Z, key=lambda z: z != options.z)
    }
    rows = {HOW_Z[z]: losses[z] for z in losses} if is_noisy(job.model) else {"as encoded": losses[options.z]}
    console.print(result_table(rows, len(test), job.model.beta))
    if (run.path / "best.safetensors").is_file():
        say(console, f"best.safetensors: the epoch with the smallest validation loss, {job.state.best:.2f} nats")
    with step_display(console, "drawing"):
        from paper.drawing import draw_model_run  # here, since matplotlib takes a second to import

        draw_model_run(run, job.model.eval(), job.data)
    if options.record is not None:
        write_json(options.record, results(job, run.config["command_line"], losses))
    write_json(run.path / "test.json", losses)
    say(console, f"Weights, log and figures: {run.path}")


def what_is_kept(run: Run, job: Job) -> str:
    """One line for whoever stopped a run: what was finished, and how to go on."""
    epoch, go_on = saved_epoch(run.path), f"vae-ladder train --resume {run.path}"
    if epoch == 0:
        return f"stopped before the first epoch ended; to begin again: {go_on}"
    return f"stopped; kept: {run.config['model']} as after epoch {epoch} of {job.options.epochs}; to go on: {go_on}"


def main(arguments: Sequence[str] | None = None) -> int:
    """`python -m paper.train`, alone or under torchrun; the exit code."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)

    def command() -> int:
        options = parse_training(PROGRAM, arguments)
        if options is None:
            return 0
        with process_group():
            if isinstance(options, Resume):
                return resume(options.resume)
            return train_model(options, shlex.join([*PROGRAM.split(), *arguments]))

    number = os.environ.get("RANK", "0")  # as torchrun numbers processes: an error says whose it is
    return command_line.run(PROGRAM if number == "0" else f"{PROGRAM}, process {number}", command)


if __name__ == "__main__":
    sys.exit(main())
