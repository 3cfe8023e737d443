"""What all experiments share: data, training with a progress bar, measurements, and the record of the results.

The module of an experiment has `DATA` (the data set), `FULL` and `QUICK` (its settings), `TABLES` (their columns, by
title) and `run(experiment, settings)`, which trains with `experiment.fit` and records its results with `row`, `find`,
`answer` and `draw`. A row belongs to the table whose first column it has.
"""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from matplotlib.figure import Figure
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor

from figures.choices import one_of_each
from figures.grids import labelled_grid
from figures.lines import Line
from figures.style import save
from foundation.console import say
from foundation.data.dataset import Dataset
from foundation.data.splits import Data
from foundation.errors import InputError
from foundation.options import DataOptions, TrainOptions
from foundation.records import EpochRecord, Record
from foundation.rung import encode_all
from foundation.runs import Run
from foundation.training import Training, begin, train
from paper.experiments.options import ExperimentOptions
from paper.experiments.tables import with_minus
from paper.models.base import Model
from paper.rung import ModelRung, make_rung, to_array
from paper.training.fit import measure, to_arrays


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings that every experiment has; each adds its own."""

    train_images: int | None = None
    """How many training images are used, drawn at random; None takes all."""
    test_images: int | None = None
    """How many test images are used, drawn at random; None takes all."""
    epochs: int = 10
    """Passes over the training images, for each model."""
    seeds: int = 1
    """Repetitions of everything, each with another seed."""

    def rests_on(self) -> str:
        """A sentence on how many trainings the results rest on."""
        if self.seeds == 1:
            return (
                "Each model was trained once: how far another seed would move these numbers is not known, and no ± "
                "contains it."
            )
        return f"Each model was trained with {self.seeds} seeds: a difference that their ± covers may be chance."

    def check(self, data: Data) -> None:
        """Raises `InputError` where the experiment needs other data."""


def need_classes(data: Data) -> None:
    """Raises `InputError` for images of a single class."""
    if len(data.classes) < 2:
        raise InputError(f"data: expected images of several classes, got one in {data.name}")


LOGGED = 500
"""Test images whose loss is logged after every epoch, drawn at random, the same for all models."""
SHOWN = 2000
"""Test images in figures of the latents, drawn at random."""
Watch = Callable[[Model, Record], None]
"""Takes the model and each record during training."""


class Experiment:
    """One run of an experiment: its data, its run folder, its console, and its results so far."""

    def __init__(self, options: ExperimentOptions, data: Data, run: Run, console: Console) -> None:
        self.seed, self.data, self.run, self.console = options.seed, data, run, console
        self.device = data.train.images.device
        self.rows: list[dict[str, Any]] = []
        self.findings: dict[str, Any] = {}
        self.answers: list[str] = []
        self.figures: list[str] = []

    def generator(self, stream: int = 0) -> torch.Generator:
        """A generator on the images' device; each stream of a seed gives other numbers."""
        return torch.Generator(self.device).manual_seed(1_000_003 * stream + self.seed)

    def fit(
        self, name: str, model: Any, *, epochs: int, seed: int = 0, data: Data | None = None,
        watch: Watch | None = None, begun: Model | None = None, **choices: Any,
    ) -> Model:  # fmt: skip
        """Trains a model of these options and returns it in eval mode. `choices` are fields of `TrainOptions`.
        `binarise="dynamic"` draws the pixels anew for every batch.

        `name` names it in the display and the log. `seed` is the number of the repetition; `watch` gets every record.
        `begun` is a model of these options to go on from, such as one over a model that is trained already.
        """
        training, network = self.begin(model, epochs=epochs, seed=seed, data=data, begun=begun, **choices)
        for record in self.follow(name, training):
            if isinstance(record, EpochRecord):
                self.run.log(model=name, repetition=seed, **record.line())
            if watch is not None:
                watch(network, record)
        return network.eval().requires_grad_(False)

    def begin(
        self, model: Any, *, epochs: int, seed: int = 0, data: Data | None = None, begun: Model | None = None,
        **choices: Any,
    ) -> tuple[Training, Model]:  # fmt: skip
        """A training before its first step, and the network that it trains; see `fit`."""
        arrays = to_arrays(data or self.data)
        arrays = dataclasses.replace(arrays, test=some_of(arrays.test, LOGGED, self.seed))
        pixels = DataOptions(binarise=choices.pop("binarise", "none"), validation=0.0)
        choices |= {"data": pixels, "device": str(self.device)}
        options = TrainOptions(model=model, epochs=epochs, seed=self.seed + seed, **choices)
        rng = np.random.default_rng(options.seed)
        if begun is None:
            rung = make_rung(options, arrays.image_shape, len(arrays.classes), rng, arrays.train.images)
        else:
            rung = ModelRung(begun, options.optimizer)
        return begin(rung, arrays, options, rng), rung.model

    def follow(self, name: str, training: Training) -> Iterator[Record]:
        """Trains to the end under a progress bar, yielding every record."""
        with self.bar(name, training.steps - training.step) as advance:
            for record in train(training):
                if not isinstance(record, EpochRecord):
                    advance(f"loss {record.parts['loss']:.1f}")
                yield record

    def repeat(self, name: str, model: Any, settings: Settings, **choices: Any) -> list[Model]:
        """Calls `fit` once for each of the settings' seeds."""
        count = settings.seeds
        names = [name if count == 1 else f"{name}, {i} of {count}" for i in range(1, count + 1)]
        return [self.fit(one, model, epochs=settings.epochs, seed=i, **choices) for i, one in enumerate(names)]

    def measure(self, model: Model, part: Dataset | None = None) -> dict[str, float]:
        """The negative ELBO (β = 1, z drawn from q) and its parts on the test images, or on another part, in nats."""
        objective = dataclasses.replace(model.options.objective(), beta=1.0, capacity=None)
        return measure(model, part or self.data.test, objective, seed=self.seed)

    @torch.no_grad()
    def mu(self, model: Model, part: Dataset | None = None) -> Float[Tensor, "N Z"]:
        """μ of the test images, or of another part."""
        part = part or self.data.test
        return encode_all(model, part.images, part.labels, torch.cat, batch_size=1000)[0]

    def one_of_each(self, count: int) -> Dataset:
        """`count` test images for a figure: the first of each class, then the second, and so on."""
        return part_of(self.data.test, torch.from_numpy(one_of_each(self.data.test.labels.cpu().numpy(), count)))

    @contextlib.contextmanager
    def bar(self, name: str, steps: int) -> Iterator[Callable[[str], None]]:
        """A progress bar, or a line at the end where the output is no terminal.

        Yields a function to call after each step with a short text, such as the loss.
        """
        if not self.console.is_terminal:
            last = ""

            def keep(text: str) -> None:
                nonlocal last
                last = text

            yield keep
            say(self.console, f"   {name:<44} {steps:>6,} steps  {last}")
            return
        columns = [
            TextColumn("   {task.description:<40}"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("{task.fields[text]:<14}"),
            TimeRemainingColumn(compact=True, elapsed_when_finished=True),
        ]
        with Progress(*columns, console=self.console, expand=True) as progress:
            task = progress.add_task(name, total=steps, text="")
            yield lambda text: progress.update(task, advance=1, text=text)

    def some(self, part: Dataset, count: int) -> Dataset:
        """`count` images of a part, drawn at random by the experiment's seed; see `some_of`."""
        return some_of(part, count, self.seed)

    def row(self, measured: Dataset | None = None, /, **values: Any) -> None:
        """Records one row of a table, and on how many of the test images: those of `measured`, or all."""
        values["images"] = len(self.data.test if measured is None else measured)
        values["images_of"] = len(self.data.test)
        self.rows.append(values)
        self.run.log(kind="row", **values)

    def find(self, **values: Any) -> None:
        """Records numbers for texts to quote."""
        self.findings |= values

    def answer(self, sentence: str) -> None:
        """Records a sentence that states the result."""
        self.answers.append(with_minus(sentence))

    def draw(self, name: str, figure: Figure) -> None:
        """Saves a figure into the run folder."""
        save(figure, self.run.figure_path(name))
        self.figures.append(f"figures/{name}.png")


def part_of(part: Dataset, chosen: Tensor) -> Dataset:
    """The chosen images with their labels."""
    return part.subset(chosen)


def some_of(part: Dataset, count: int | None, seed: int) -> Dataset:
    """`count` different images, drawn at random by the seed, in the order of the part. None takes all.

    Not the first ones, since they differ from the rest: the first half of MNIST's test images is written more neatly.
    Records whose rows have no `images` were made when the first ones were taken.
    """
    if count is None or count >= len(part):
        return part
    return part.subset(np.sort(np.random.default_rng(seed).permutation(len(part))[:count]))


def subset(data: Data, train: int | None, test: int | None, seed: int) -> Data:
    """`train` training and `test` test images, drawn at random by the seed; None keeps all."""
    return dataclasses.replace(
        data,
        train=some_of(data.train, train, seed),
        test=some_of(data.test, test, seed),
    )


def image_rows(
    title: str, caption: str, rows: dict[str, Tensor], *, heads: Sequence[str] = (), apart: Sequence[int] = ()
) -> Figure:
    """A figure of rows of images, each (N, C, H, W) in [0, 1], with its name at the left and `heads` above the columns.

    `apart` are the rows with a gap above them.
    """
    images = [to_array(row) for row in rows.values()]
    return labelled_grid(images, list(rows), heads, title, caption, rows_apart=apart)


def line_over(rows: Sequence[dict[str, Any]], x: str, y: str) -> Line:
    """A line through rows of a table, with their standard deviations if they have any."""
    spread = [row[f"{y}_sd"] for row in rows] if f"{y}_sd" in rows[0] else None
    return Line([row[x] for row in rows], [row[y] for row in rows], spread)
