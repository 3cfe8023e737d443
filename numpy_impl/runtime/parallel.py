"""Divides a batch into shares of its images, and runs a function on all shares at once, one core each.

A BLAS library spreads one matrix product over the cores, but the copies, sums and exponentials between the products
run on one core while the others wait, and every product ends with a synchronisation of all. Here each core computes
one share from the first layer to the last, with matrix products on one thread, and the cores synchronise once, when
gradients are added up. Threads are enough for this: NumPy releases Python's lock while it computes.
"""

import contextlib
import contextvars
import functools
import itertools
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

from numpy_impl.runtime import blas

Task = TypeVar("Task")
Result = TypeVar("Result")

SMALLEST_SHARE = 16  # images; adding up the gradients of a share takes the same time, whatever its size


def count_cores() -> int:
    """The number of cores that this process may use, or OMP_NUM_THREADS if that is less, as in BLAS and torch."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    return min(available, int(wanted)) if wanted.isdecimal() and int(wanted) > 0 else available


CORES = count_cores()


def shares(N: int) -> list[slice]:
    """Slices of a batch of N images, one for each core, whose sizes differ by at most one image."""
    count = max(1, min(CORES, N // SMALLEST_SHARE))
    edges = [N * i // count for i in range(count + 1)]
    return [slice(start, stop) for start, stop in itertools.pairwise(edges)]


def on_every_core(f: Callable[[Task], Result], tasks: Iterable[Task], products: bool = True) -> list[Result]:
    """[f(task) for task in tasks], as many at the same time as there are cores.

    With `products`, for tasks that multiply matrices, BLAS has one thread meanwhile, and calls from several threads
    wait for one another, since each takes all cores. A single task is called directly, so that its products may use all
    cores. An exception in a task is raised here, after the other threads have ended.
    """
    tasks = list(tasks)
    if CORES == 1 or len(tasks) == 1:
        return [f(task) for task in tasks]
    results: dict[int, Result] = {}
    waiting = iter(enumerate(tasks))

    def work() -> None:
        # Each thread takes the next task when it is free: submitting every task costs as much as a short task.
        for number, task in waiting:
            results[number] = f(task)

    with blas.one_thread() if products else contextlib.nullcontext():
        # Each helper in a copy of this thread's context, where NumPy keeps what it does about overflow.
        count = min(CORES, len(tasks)) - 1
        helpers = [thread_pool().submit(contextvars.copy_context().run, work) for _ in range(count)]
        try:
            work()
        finally:
            begun = [helper for helper in helpers if not helper.cancel()]
            wait(begun)
        for helper in begun:
            helper.result()
    return [results[number] for number in range(len(tasks))]


@functools.cache
def thread_pool() -> ThreadPoolExecutor:
    """The threads beside the calling one, started once for all calls."""
    return ThreadPoolExecutor(max(1, CORES - 1), thread_name_prefix="numpy_impl", initializer=blas.join_turn)


if hasattr(os, "register_at_fork"):  # a child process has no threads but one, and starts its own
    os.register_at_fork(after_in_child=thread_pool.cache_clear)
