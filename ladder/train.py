"""Training rungs into run folders: what `vae-ladder train` does once and `vae-ladder climb` for each rung."""

import dataclasses
import datetime
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from foundation.architecture import Architecture, Parameters, initial_parameters
from foundation.console import make_console, say, step_display
from foundation.data import DATASETS, Dataset, load
from foundation.objective import Objective
from foundation.runs import Run, create_run, versions
from foundation.training import EpochRecord, TrainingOptions, train
from foundation.weights import load_weights
from ladder.options import Train, TrainingChoices
from ladder.progress import Show, result_table, training_display
from ladder.rungs import check_rungs, make_rung


@dataclasses.dataclass(frozen=True)
class Setting:
    """Everything that the rungs of one run share."""

    train: Dataset
    test: Dataset
    architecture: Architecture
    objective: Objective
    options: TrainingOptions

    @property
    def steps(self) -> int:
        """Training steps of one rung, over all epochs."""
        return self.options.epochs * -(-len(self.train) // self.options.batch_size)


def prepare(choices: TrainingChoices, console: Console) -> Setting:
    """Check every choice and load the data; nothing is written. Raises `InputError` for what cannot be used."""
    # The cheap checks come first: nobody should wait for data to hear that the batch size is 0.
    options = TrainingOptions(choices.epochs, choices.batch_size, choices.learning_rate, choices.seed)
    objective = Objective(choices.likelihood, choices.beta)
    architecture = Architecture(choices.latent_dim)
    with step_display(console, f"loading {choices.data}"):
        train_data, test_data = (load(choices.data, split, root=choices.data_root) for split in ("train", "test"))
    architecture = dataclasses.replace(architecture, image_shape=train_data.images.shape[1:])
    return Setting(train_data, test_data, architecture, objective, options)


def describe(choices: TrainingChoices, setting: Setting, command: str, **more: Any) -> dict[str, Any]:
    """What `config.json` holds: enough to repeat the run, and the versions it ran with."""
    return {
        "command": command,
        "data": choices.data if choices.data in DATASETS else _absolute(choices.data),
        "data_root": _absolute(choices.data_root),
        "train_images": len(setting.train),
        "test_images": len(setting.test),
        "architecture": dataclasses.asdict(setting.architecture),
        "objective": dataclasses.asdict(setting.objective),
        "training": dataclasses.asdict(setting.options),
        **more,
        "versions": versions(),
        "started": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
    }


def _absolute(path: str | Path | None) -> str | None:
    """A path that still holds when the run is drawn from elsewhere."""
    return None if path is None else str(Path(path).expanduser().resolve())


def train_rung(name: str, setting: Setting, run: Run, show: Show, weights: Parameters | None = None) -> EpochRecord:
    """Train one rung in float32 into `run`; the record of the last epoch.

    One generator, made anew from the seed, draws the first parameters, then the batch order and the noise: every
    rung starts from the same values and sees the same numbers. `weights` replace the first parameters.
    The log grows with every step, the weights are saved after every epoch.
    """
    rng = np.random.default_rng(setting.options.seed)
    # Drawn even where weights replace them, so that batches and noise stay the same.
    parameters = initial_parameters(setting.architecture, rng)
    rung = make_rung(name, setting.architecture, weights or parameters, setting.options.learning_rate)
    for record in train(rung, rng, setting.train.images, setting.test.images, setting.objective, setting.options):
        run.log(**vars(record))
        if isinstance(record, EpochRecord) and record.epoch > 0:
            run.save_weights(rung.parameters(), setting.architecture)
        show(record)
    return record


def train_one(choices: Train) -> int:
    """`vae-ladder train RUNG`: train one rung, draw what it learned. The exit code."""
    console = make_console()
    check_rungs([choices.rung])
    weights = None
    if choices.weights is not None:
        parameters, _ = load_weights(choices.weights, Architecture(choices.latent_dim))
        weights = {key: value.astype(np.float32) for key, value in parameters.items()}
    setting = prepare(choices, console)
    say(console, setting.train.describe())
    say(console, setting.test.describe())
    config = describe(choices, setting, "train", rung=choices.rung, weights=_absolute(choices.weights))
    run = create_run(choices.out, f"train_{choices.rung}", config)
    try:
        with training_display(console, setting.steps, setting.options) as start:
            last = train_rung(choices.rung, setting, run, start(choices.rung), weights)
        console.print(result_table({choices.rung: last}, len(setting.train)))
        with step_display(console, "drawing"):
            from ladder.figures import draw_run

            draw_run(run, setting.test)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(what_is_kept(run)) from None
    say(console, f"Weights, log and figures: {run.path}")
    return 0


def what_is_kept(run: Run) -> str:
    """One line for whoever stopped a run: what was finished, where it lies, how to look at it."""
    parts = run.subruns() if run.config["command"] == "climb" else {run.config["rung"]: run}
    epochs = {name: _last_epoch(part) for name, part in parts.items()}
    kept = ", ".join(f"{name} as after epoch {epoch}" for name, epoch in epochs.items() if epoch > 0)
    if not kept:
        return f"stopped before the first epoch ended; {run.path} holds no weights yet"
    return f"stopped; kept: {kept} of {run.config['training']['epochs']}; look at it: vae-ladder figures {run.path}"


def _last_epoch(run: Run) -> int:
    return max((record["epoch"] for record in run.metrics() if record["kind"] == "epoch"), default=0)
