"""Losses for TensorBoard, written into the run folder where the package is installed."""

import contextlib
import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from foundation.records import EpochRecord, Record

EVERY = 10
"""Steps from one point of the training curve to the next."""


@contextlib.contextmanager
def scalar_writer(folder: Path, step: int) -> Iterator[Callable[[Record], None]]:
    """Yields what writes each record; what stood there after `step` no longer counts. Without TensorBoard, nothing."""
    if importlib.util.find_spec("tensorboard") is None:
        yield lambda record: None
        return
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(folder), purge_step=step + 1) as writer:
        yield lambda record: _write(writer, record)


def _write(writer: Any, record: Record) -> None:
    if isinstance(record, EpochRecord):
        _add(writer, record.split, record.held_out, record.step)
        _add(writer, "epoch", record.train or {}, record.step)
    elif record.step % EVERY == 0:
        schedules = {"beta": record.beta, "learning_rate": record.learning_rate}
        _add(writer, "train", record.parts, record.step)
        _add(writer, "schedule", schedules, record.step)


def _add(writer: Any, group: str, values: dict[str, float], step: int) -> None:
    for name, value in values.items():
        writer.add_scalar(f"{group}/{name}", value, step)
