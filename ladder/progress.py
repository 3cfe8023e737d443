"""What a run shows while it goes and when it ends: bars in a terminal, plain lines where output goes to a file."""

import contextlib
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from foundation.training import EpochRecord, StepRecord, TrainingOptions

Show = Callable[[StepRecord | EpochRecord], None]
"""Takes what training yields, record by record."""


@contextlib.contextmanager
def training_display(console: Console, steps: int, options: TrainingOptions) -> Iterator[Callable[[str], Show]]:
    """Yields a function that starts the display of one rung and returns what shows its records.

    `steps` counts all steps of one rung's training. A terminal gets one bar per rung, a file one line per epoch.
    """
    if not console.is_terminal:
        yield lambda name: lambda record: _print_epoch(console, name, options.epochs, record)
        return
    columns = [
        TextColumn("{task.description:<16}"),
        BarColumn(bar_width=None),
        TextColumn("epoch {task.fields[epoch]:>2}/{task.fields[epochs]}"),
        TextColumn("train {task.fields[train]:>5}  [bold]test {task.fields[test]:>5}[/]"),
        TextColumn("{task.fields[speed]:>6} img/s"),
        TimeRemainingColumn(compact=True, elapsed_when_finished=True),
    ]
    with Progress(*columns, console=console, expand=True) as progress:

        def start(name: str) -> Show:
            task = progress.add_task(name, total=steps, epoch=0, epochs=options.epochs, train="", test="", speed="")
            return lambda record: _move_bar(progress, task, options.batch_size, record)

        yield start


def _move_bar(progress: Progress, task: TaskID, batch_size: int, record: StepRecord | EpochRecord) -> None:
    if isinstance(record, EpochRecord):
        progress.update(task, epoch=record.epoch, test=f"{record.loss:.1f}")
    else:
        speed = f"{record.step * batch_size / record.seconds:,.0f}"
        progress.update(task, completed=record.step, train=f"{record.loss:.1f}", speed=speed)


def _print_epoch(console: Console, name: str, epochs: int, record: StepRecord | EpochRecord) -> None:
    if isinstance(record, StepRecord):
        return
    parts = f"(reconstruction {record.reconstruction:.1f} + KL {record.kl:.1f})"
    speed = f"  {record.images_per_second:,.0f} images/s" if record.epoch else "  before training"
    console.print(f"{name:<16}  epoch {record.epoch:>2}/{epochs}  test {record.loss:.2f} {parts}{speed}")


def result_table(results: dict[str, EpochRecord], images: int) -> Table:
    """The last epoch of each rung beside the others'; `images` is how many one epoch trains on."""
    speeds = {name: images * last.epoch / last.seconds for name, last in results.items()}
    table = Table(title="Test images after training, in nats per image", title_justify="left")
    table.add_column("rung")
    columns = ["loss", "reconstruction", "KL", "images/s"] + ["to the fastest"] * (len(results) > 1)
    for column in columns:
        table.add_column(column, justify="right")
    for name, last in results.items():
        loss = f"{last.loss:.2f}" if last.beta == 1 else f"{last.loss:.2f} (beta {last.beta:g})"
        numbers = [loss, f"{last.reconstruction:.2f}", f"{last.kl:.2f}", f"{speeds[name]:,.0f}"]
        ratio = f"{speeds[name] / max(speeds.values()):.2f}×"
        table.add_row(name, *[*numbers, ratio][: len(columns)])
    return table
