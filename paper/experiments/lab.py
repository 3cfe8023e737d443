"""The bench that all experiments share: images, training that can be watched, and a notebook for what came out.

An experiment's module has `DATA` (what it learns from), `FULL` and `QUICK` (its settings), `TABLES` (by title, their
columns) and `run(lab, settings)`, which trains with `lab.fit` and writes down what it finds with `row`, `find`,
`answer` and `draw`. A row belongs to the table whose first column it has.
"""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import torch
from jaxtyping import Float
from matplotlib.figure import Figure
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor, nn

from figures.choices import one_of_each
from figures.style import save
from foundation.console import say
from foundation.errors import InputError
from foundation.runs import Run
from paper.data import Data, Part
from paper.experiments.options import ExperimentOptions
from paper.experiments.tables import with_minus
from paper.models.registry import make_model
from paper.options import TrainOptions
from paper.records import EpochRecord, Record
from paper.schedules import Weights
from paper.training import measure, train


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """What the settings of every experiment hold; each adds its own."""

    train_images: int | None = None
    """How many training images are used, from the first; None takes all."""
    test_images: int | None = None
    """How many test images are used, from the first; None takes all."""
    epochs: int = 10
    """Passes over the training images, for each model."""
    seeds: int = 1
    """How often everything is repeated, each time with another seed."""

    def check(self, data: Data) -> None:
        """Raise `InputError` where the experiment cannot be done on this data."""


def need_classes(data: Data) -> None:
    """Raise `InputError` for images of a single class, for experiments that ask which class an image is of."""
    if len(data.classes) < 2:
        raise InputError(f"data: expected images of several classes, got one in {data.name}")


Watch = Callable[[nn.Module, Record], None]
"""Looks at a model while it learns."""


class Lab:
    """Images, a device, a progress display, and what has been written down so far."""

    def __init__(self, options: ExperimentOptions, data: Data, run: Run, console: Console) -> None:
        self.seed, self.data, self.run, self.console = options.seed, data, run, console
        self.device = data.train.images.device
        self.rows: list[dict[str, Any]] = []
        self.findings: dict[str, Any] = {}
        self.answers: list[str] = []
        self.figures: list[str] = []

    def generator(self, stream: int = 0) -> torch.Generator:
        """Chance on the images' device; every stream of one seed is another."""
        return torch.Generator(self.device).manual_seed(1_000_003 * stream + self.seed)

    def fit(
        self, name: str, model: Any, *, epochs: int, seed: int = 0, data: Data | None = None,
        watch: Watch | None = None, **choices: Any,
    ) -> nn.Module:  # fmt: skip
        """Train a model of these options; it comes back in eval mode. `choices` are fields of `TrainOptions`.

        `name` is what the display and the log call it. `seed` counts repetitions; `watch` sees every record.
        """
        data = data or self.data
        options = TrainOptions(model=model, epochs=epochs, seed=self.seed + seed, **choices)
        network = make_model(model, data.image_shape, len(data.classes), options.seed).to(self.device)
        steps = epochs * -(-len(data.train) // options.batch_size)
        with self.bar(name, steps) as advance:
            for record in train(network, data, options):
                if isinstance(record, EpochRecord):
                    self.run.log(model=name, repetition=seed, **record.line())
                else:
                    advance(f"loss {record.parts['loss']:.1f}")
                if watch is not None:
                    watch(network, record)
        return network.eval().requires_grad_(False)

    def repeat(self, name: str, model: Any, settings: Settings, **choices: Any) -> list[nn.Module]:
        """`fit` once for every seed."""
        count = settings.seeds
        names = [name if count == 1 else f"{name}, {i} of {count}" for i in range(1, count + 1)]
        return [self.fit(one, model, epochs=settings.epochs, seed=i, **choices) for i, one in enumerate(names)]

    def measure(self, model: nn.Module, part: Part | None = None) -> dict[str, float]:
        """The negative ELBO (beta 1, z drawn from q) and its parts on the test images or another part, in nats."""
        return measure(model, part or self.data.test, Weights(), seed=self.seed)

    @torch.no_grad()
    def mu(self, model: nn.Module, part: Part | None = None) -> Float[Tensor, "N Z"]:
        """μ of the test images, or of another part."""
        part = part or self.data.test
        pairs = zip(part.images.split(1000), part.labels.split(1000), strict=True)
        return torch.cat([model.encode(x, model.condition(x, labels))[0] for x, labels in pairs])

    def one_of_each(self, count: int) -> Part:
        """`count` test images to show: the first of each class, then the second, and so on."""
        return part_of(self.data.test, torch.from_numpy(one_of_each(self.data.test.labels.cpu().numpy(), count)))

    @contextlib.contextmanager
    def bar(self, name: str, steps: int) -> Iterator[Callable[[str], None]]:
        """Yields a function to call after each step with a word on how it goes: a bar, or in a file one line."""
        if not self.console.is_terminal:
            words = [""]
            yield lambda word: words.__setitem__(0, word)
            say(self.console, f"   {name:<44} {steps:>6,} steps  {words[0]}")
            return
        columns = [
            TextColumn("   {task.description:<40}"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("{task.fields[word]:<14}"),
            TimeRemainingColumn(compact=True, elapsed_when_finished=True),
        ]
        with Progress(*columns, console=self.console, expand=True) as progress:
            task = progress.add_task(name, total=steps, word="")
            yield lambda word: progress.update(task, advance=1, word=word)

    def row(self, **values: Any) -> None:
        """Write down one row of a table."""
        self.rows.append(values)
        self.run.log(kind="row", **values)

    def find(self, **values: Any) -> None:
        """Write down numbers that a text may quote."""
        self.findings |= values

    def answer(self, sentence: str) -> None:
        """Write down what the numbers say, in a sentence."""
        self.answers.append(with_minus(sentence))

    def draw(self, name: str, figure: Figure) -> None:
        """Save a picture into the run folder."""
        save(figure, self.run.figure_path(name))
        self.figures.append(f"figures/{name}.png")


def part_of(part: Part, chosen: Tensor | slice) -> Part:
    """Some of the images with their labels."""
    return Part(part.images[chosen], part.labels[chosen])


def subset(data: Data, train: int | None, test: int | None) -> Data:
    """The first `train` training and `test` test images; None keeps all."""
    return dataclasses.replace(
        data,
        train=part_of(data.train, slice(train)),
        test=part_of(data.test, slice(test)),
        factors={name: values[:test] for name, values in data.factors.items()},
    )
