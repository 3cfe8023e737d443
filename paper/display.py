"""What a training shows while it goes and when it ends: a bar in a terminal, a line for each epoch in a file."""

import contextlib
import math
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from foundation.console import say
from paper.records import EpochRecord, Record

NAMES = {"kl": "KL"}
"""Parts of a loss whose name a person writes otherwise."""
SHORT = NAMES | {"reconstruction": "rec", "commitment": "com", "perplexity": "perp"}
"""As they stand in a bar, which has little room."""
HOW_Z = {"sampled": "z drawn from q(z|x)", "mu": "z = mu"}
"""What a loss was measured with, by the option `z`."""


@contextlib.contextmanager
def training_display(console: Console, epochs: int, steps: int, done: int) -> Iterator[Callable[[Record], None]]:
    """Yields what shows each record of a training of `steps` steps in all, of which `done` were done before."""
    if not console.is_terminal:
        yield lambda record: _print_epoch(console, epochs, record)
        return
    columns = [
        TextColumn("epoch {task.fields[epoch]:>2}/{task.fields[epochs]}"),
        BarColumn(bar_width=None),
        TextColumn("train {task.fields[train]}"),
        TextColumn("[bold]val {task.fields[validation]}[/]"),
        TextColumn("{task.fields[speed]:>6} img/s"),
        TimeRemainingColumn(compact=True, elapsed_when_finished=True),
    ]
    with Progress(*columns, console=console, expand=True) as progress:
        fields = {"epoch": 0, "epochs": epochs, "train": "", "validation": "", "speed": ""}
        task = progress.add_task("", total=steps, completed=done, **fields)
        yield lambda record: _move_bar(progress, task, record)


def _move_bar(progress: Progress, task: TaskID, record: Record) -> None:
    if isinstance(record, EpochRecord):
        validation = f"{record.validation['loss']:.1f}" if record.validation else "none"
        speed = f"{record.images_per_second:,.0f}" if record.images_per_second else ""
        progress.update(task, epoch=record.epoch, validation=validation, speed=speed)
    else:
        progress.update(task, completed=record.step, train=parts_in_words(record.parts, SHORT, digits=1))


def _print_epoch(console: Console, epochs: int, record: Record) -> None:
    if isinstance(record, EpochRecord):
        say(console, f"epoch {record.epoch:>3}/{epochs}  {_epoch_in_words(record)}")


def _epoch_in_words(record: EpochRecord) -> str:
    validation = f"validation {parts_in_words(record.validation)}" if record.validation else ""
    train = f"train {record.train['loss']:.2f}" if record.train else "before training"
    speed = f"{record.images_per_second:,.0f} images/s" if record.images_per_second else ""
    return "  ".join(filter(None, [validation, train, speed]))


def parts_in_words(parts: dict[str, float], names: dict[str, str] = NAMES, digits: int = 2) -> str:
    """`104.21 (reconstruction 78.90, KL 25.31)`."""
    loss, *rest = [f"{names.get(name, name)} {value:.{digits}f}" for name, value in parts.items()]
    return f"{loss.removeprefix('loss ')} ({', '.join(rest)})"


def result_table(losses: dict[str, dict[str, float]], images: int, beta: float) -> Table:
    """The losses on the test images, a row for each way to choose z."""
    title = f"{images:,} test images after training, in nats per image"
    if any(is_weighed(parts, beta) for parts in losses.values()):
        title += f"; loss = reconstruction + {beta:g} · KL"
    table = Table(title=title, title_justify="left")
    table.add_column("z")
    for name in next(iter(losses.values())):
        table.add_column(NAMES.get(name, name), justify="right")
    for how, parts in losses.items():
        table.add_row(how, *(f"{value:.2f}" for value in parts.values()))
    return table


def is_weighed(parts: dict[str, float], beta: float) -> bool:
    """Whether a loss is reconstruction + beta KL with a beta that must be said; free bits and capacities are not."""
    total = parts["reconstruction"] + beta * parts.get("kl", math.nan)
    return beta != 1 and math.isclose(parts["loss"], total, rel_tol=1e-5)
