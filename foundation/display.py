"""Display of a training: a bar for each rung in a terminal, a line for each epoch in a file; and tables of losses."""

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from foundation.console import say
from foundation.language import translate
from foundation.records import EpochRecord, Record
from foundation.training import Parts, Training

NAMES = {"kl": "KL", "total": "code + pixels"}
"""Parts of a loss whose written name differs."""
SHORT = NAMES | {"reconstruction": "rec", "commitment": "com", "perplexity": "perp"}
"""Names in a bar, which has little room."""
HOW_Z = {"sampled": "z drawn from q(z|x)", "mu": "z = mu"}
"""The z that a loss was measured with, by the option `z`."""
Show = Callable[[Record], None]


@contextlib.contextmanager
def training_display(console: Console) -> Iterator[Callable[[str, Training], Show]]:
    """Yields a function that starts the display of one training, under a name, and returns what shows its records."""
    if not console.is_terminal:
        yield lambda name, training: lambda record: _print_epoch(console, name, training, record)
        return
    columns = [
        TextColumn("{task.description:<16}"),
        BarColumn(bar_width=None),
        TextColumn("epoch {task.fields[epoch]:>2}/{task.fields[epochs]}"),
        TextColumn("train {task.fields[train]}"),
        TextColumn("[bold]{task.fields[split]} {task.fields[held_out]}[/]"),
        TextColumn("{task.fields[speed]:>6} img/s"),
        TimeRemainingColumn(compact=True, elapsed_when_finished=True),
    ]
    with Progress(*columns, console=console, expand=True) as progress:

        def start(name: str, training: Training) -> Show:
            empty = dict.fromkeys(("train", "split", "held_out", "speed"), "")
            fields: dict[str, Any] = {"epoch": training.epoch, "epochs": training.options.epochs, **empty}
            task = progress.add_task(name, total=training.steps, completed=training.step, **fields)
            return lambda record: _move_bar(progress, task, record)

        yield start


def _move_bar(progress: Progress, task: TaskID, record: Record) -> None:
    if isinstance(record, EpochRecord):
        speed = f"{record.images_per_second:,.0f}" if record.images_per_second else ""
        split = {"validation": "val"}.get(record.split, record.split)
        progress.update(task, epoch=record.epoch, split=split, held_out=f"{record.held_out['loss']:.1f}", speed=speed)
    else:
        progress.update(task, completed=record.step, train=parts_in_words(record.parts, SHORT, digits=1))


def _print_epoch(console: Console, name: str, training: Training, record: Record) -> None:
    if isinstance(record, EpochRecord):
        train = f"train {record.train['loss']:.2f}" if record.train else "before training"
        speed = f"{record.images_per_second:,.0f} images/s" if record.images_per_second else ""
        epoch = f"epoch {record.epoch:>2}/{training.options.epochs}"
        names = NAMES if len(record.held_out) <= 3 else SHORT  # keeps the line within 120 columns
        words = [f"{name:<16}", epoch, f"{record.split} {parts_in_words(record.held_out, names)}", train, speed]
        say(console, "  ".join(filter(None, words)))


def parts_in_words(parts: Parts, names: Mapping[str, str] = NAMES, digits: int = 2) -> str:
    """`104.21 (reconstruction 78.90, KL 25.31)`."""
    loss, *rest = [f"{names.get(name, name)} {value:.{digits}f}" for name, value in parts.items()]
    return f"{loss.removeprefix('loss ')} ({', '.join(rest)})"


def result_table(
    first: str, losses: Mapping[str, Parts], images: int, beta: float, speeds: Mapping[str, float] | None = None
) -> Table:
    """Losses on the test images, a row each, named in the column `first`; `speeds` in images a second stand beside."""
    title = translate(f"{images:,} test images after training, in nats per image")
    if any(is_weighed(parts, beta) for parts in losses.values()):
        title += "; " + translate(f"loss = reconstruction + {beta:g} · KL")
    table = Table(title=title, title_justify="left")
    table.add_column(translate(first))
    names = [NAMES.get(name, name) for name in next(iter(losses.values()))]
    ranked = speeds is not None and len(speeds) > 1
    for name in names + ["images/s"] * (speeds is not None) + ["to the fastest"] * ranked:
        table.add_column(translate(name), justify="right")
    for row, parts in losses.items():
        cells = [f"{value:.2f}" for value in parts.values()]
        if speeds is not None:
            cells += [f"{speeds[row]:,.0f}"] + [f"{speeds[row] / max(speeds.values()):.2f}×"] * ranked
        table.add_row(row, *cells)
    return table


def is_weighed(parts: Parts, beta: float) -> bool:
    """Whether a loss is reconstruction + beta KL with a beta that must be said; free bits and capacities are not."""
    total = parts["reconstruction"] + beta * parts.get("kl", math.nan)
    return beta != 1 and math.isclose(parts["loss"], total, rel_tol=1e-5)
