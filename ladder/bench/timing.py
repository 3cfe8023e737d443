"""Times that can be compared: tasks take turns in short blocks, and the median of many runs is the time of each."""

import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping

import numpy as np
from threadpoolctl import threadpool_limits

from ladder.rungs import torch_is_installed
from numpy_impl.runtime import parallel

Task = Callable[[], object]


@dataclasses.dataclass(frozen=True)
class Time:
    """Seconds of one run of a task: the median of many runs, and the quartiles around it."""

    median: float
    low: float
    high: float

    @property
    def spread(self) -> float:
        """Half the distance between the quartiles, relative to the median."""
        return (self.high - self.low) / 2 / self.median


@dataclasses.dataclass(frozen=True)
class Patience:
    """How long to measure: `rounds` blocks of about `seconds` for each task."""

    rounds: int
    seconds: float


def take_turns(tasks: Mapping[str, Task], patience: Patience, threads: int) -> dict[str, Time]:
    """The time of each task, measured A B C A B C ..., so that a slow phase of the machine affects all of them."""
    # The threads of OpenBLAS and OpenMP spin for some tens of milliseconds while they wait for work, which takes a core
    # away from the next task. Hence each task runs in blocks, after a pause in which such threads go to sleep, and
    # after runs that are not counted, which warm up the caches and the task's own threads.
    times: dict[str, list[float]] = {name: [] for name in tasks}
    for _ in range(patience.rounds):
        for name, task in tasks.items():
            time.sleep(0.1 if threads > 1 else 0)
            _run(task, patience.seconds / 4, at_least=1)
            times[name] += _run(task, patience.seconds, at_least=3)
    return {name: Time(*np.quantile(runs, (0.5, 0.25, 0.75)).tolist()) for name, runs in times.items()}


def _run(task: Task, seconds: float, at_least: int) -> list[float]:
    """Seconds of each run of a task, over as many runs as fill `seconds`."""
    taken: list[float] = []
    begin = now = time.perf_counter()
    while now - begin < seconds or len(taken) < at_least:
        task()
        previous, now = now, time.perf_counter()
        taken.append(now - previous)
    return taken


@contextlib.contextmanager
def on_threads(count: int) -> Iterator[None]:
    """Limit BLAS, rung 1 and torch to `count` threads inside a `with` block."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(threadpool_limits(count, user_api="blas"))
        stack.callback(setattr, parallel, "CORES", parallel.CORES)
        parallel.CORES = count
        if torch_is_installed():
            import torch

            stack.callback(torch.set_num_threads, torch.get_num_threads())
            torch.set_num_threads(count)
        yield
