"""Every core at work on one batch: each takes a share of the images.

A BLAS library spreads one matrix product over the cores, but what stands between the products, copies and sums and
exponentials, runs on one core while the others wait, and every product begins and ends with a meeting of all. Here
the cores share out the images instead: each runs its share from the first layer to the last alone, with products on
one thread, and they meet once, to add up their gradients. NumPy lets go of Python's lock while it computes.
"""

import functools
import itertools
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

from threadpoolctl import ThreadpoolController

Task = TypeVar("Task")
Result = TypeVar("Result")

SMALLEST_SHARE = 16  # images; a share's gradients are as large as the model, whatever its size


def count_cores() -> int:
    """The cores this process may use, or fewer where OMP_NUM_THREADS says so, as BLAS and torch obey it too."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    return min(available, int(wanted)) if wanted.isdecimal() and int(wanted) > 0 else available


CORES = count_cores()


def shares(N: int) -> list[slice]:
    """A batch of N images in as many slices, equal to within one image, as there are cores to work on them."""
    count = max(1, min(CORES, N // SMALLEST_SHARE))
    edges = [N * i // count for i in range(count + 1)]
    return [slice(start, stop) for start, stop in itertools.pairwise(edges)]


def on_every_core(f: Callable[[Task], Result], tasks: Iterable[Task]) -> list[Result]:
    """[f(task) for task in tasks], as many at the same time as there are cores, each with BLAS on one thread.

    A single task runs as it would without this function: its products may take every core.
    """
    tasks = list(tasks)
    if CORES == 1 or len(tasks) == 1:
        return [f(task) for task in tasks]
    results: dict[int, Result] = {}
    waiting = iter(enumerate(tasks))

    def work() -> None:
        # Whoever is free takes the next task: handing over each one by itself would cost as much as a short task.
        for number, task in waiting:
            results[number] = f(task)

    with _blas().limit(limits=1):
        helpers = [_threads().submit(work) for _ in range(min(CORES, len(tasks)) - 1)]
        try:
            work()
        finally:
            wait(helpers)
        for helper in helpers:
            helper.result()
    return [results[number] for number in range(len(tasks))]


@functools.cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max(1, CORES - 1), thread_name_prefix="numpy_impl")


@functools.cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController().select(user_api="blas")
