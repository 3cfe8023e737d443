"""Sharing out a batch among the cores: the numbers do not depend on how many there are."""

import contextlib
import multiprocessing
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from foundation.architecture import Architecture, initial_parameters
from foundation.objective import Objective
from numpy_impl import functional as F
from numpy_impl import vae_numpy as vae
from numpy_impl.optim import Adam
from numpy_impl.rung import NumpyRung
from numpy_impl.runtime import blas, parallel, sharing

SMALL = Architecture(latent_dim=3, channels=(2, 5), hidden_dim=7, image_shape=(1, 8, 12))


@pytest.fixture
def cores(monkeypatch):
    """Sets the number of cores, and lets a share be a single image."""

    def use(count: int) -> None:
        monkeypatch.setattr(parallel, "CORES", count)
        monkeypatch.setattr(parallel, "SMALLEST_SHARE", 1)
        parallel.thread_pool.cache_clear()

    yield use
    parallel.thread_pool.cache_clear()


@pytest.mark.parametrize(("N", "count"), [(1, 1), (2, 2), (7, 3), (128, 5), (3, 8)])
def test_shares_cover_the_batch_once_and_evenly(cores, N, count):
    cores(count)
    parts = parallel.shares(N)
    sizes = [len(np.arange(N)[part]) for part in parts]
    assert np.concatenate([np.arange(N)[part] for part in parts]).tolist() == list(range(N))
    assert len(parts) == min(N, count)
    assert max(sizes) - min(sizes) <= 1


def test_a_small_batch_is_not_shared_out(monkeypatch):
    monkeypatch.setattr(parallel, "CORES", 4)
    assert parallel.shares(2 * parallel.SMALLEST_SHARE - 1) == [slice(0, 2 * parallel.SMALLEST_SHARE - 1)]


def problem(seed):
    """Parameters, images and noise in float64; two or three cores get shares of different sizes."""
    rng = np.random.default_rng(seed)
    return initial_parameters(SMALL, rng, np.float64), rng.random((7, 1, 8, 12)), rng.standard_normal((7, 3))


def assert_shared_equals_unshared(objective):
    """`sharing` against the plain functions of the main file."""
    parameters, x, eps = problem(0)
    run, hidden = vae.forward(parameters, x, eps)
    loss = vae.loss(run.logits, x, run.mu, run.logvar, objective)
    gradients = vae.backward(parameters, x, eps, run, hidden, objective)
    shared_loss, shared = sharing.differentiate(parameters, x, eps, objective)
    np.testing.assert_allclose(shared_loss, loss, rtol=1e-14)
    np.testing.assert_allclose(sharing.evaluate(parameters, x, eps, objective), loss, rtol=1e-14)
    assert list(shared) == list(gradients) == list(parameters)
    for name, gradient in gradients.items():
        np.testing.assert_allclose(shared[name], gradient, rtol=0, atol=1e-14 * np.abs(gradient).max(), err_msg=name)


@pytest.mark.parametrize("objective", [Objective(beta=2.5), Objective("gaussian")])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_shared_loss_and_gradients_are_the_unshared_ones(cores, count, objective):
    cores(count)
    assert_shared_equals_unshared(objective)


def test_shares_without_their_weights_are_found(cores, monkeypatch):
    cores(3)
    backward = vae.backward
    monkeypatch.setattr(vae, "backward", lambda *arguments: backward(*arguments[:6], 1 / 3))
    with pytest.raises(AssertionError):
        assert_shared_equals_unshared(Objective())


@pytest.mark.parametrize("count", [1, 3])
def test_a_shared_step_is_the_plain_one(cores, count):
    cores(count)
    trained = {}
    for train_step in (vae.train_step, sharing.train_step):
        parameters, x, eps = problem(1)
        optimizer = Adam(parameters)
        losses = [train_step(parameters, optimizer, x, eps, Objective(beta=2.0)).loss for _ in range(5)]
        assert losses[-1] < losses[0]
        trained[train_step] = parameters, losses
    (plain, plain_losses), (shared, shared_losses) = trained.values()
    np.testing.assert_allclose(shared_losses, plain_losses, rtol=1e-12)
    for name, value in plain.items():
        np.testing.assert_allclose(shared[name], value, rtol=0, atol=1e-9, err_msg=name)


@pytest.mark.parametrize("train_step", [vae.train_step, sharing.train_step])
def test_a_loss_that_is_not_finite_takes_no_step(cores, train_step):
    cores(2)
    parameters, x, eps = problem(2)
    parameters["encoder.logvar.bias"][:] = np.nan
    before = {name: value.copy() for name, value in parameters.items()}
    optimizer = Adam(parameters)
    parts = train_step(parameters, optimizer, x, eps, Objective())
    assert not np.isfinite(parts.loss)
    assert optimizer.t == 0
    assert all(np.array_equal(parameters[name], value, equal_nan=True) for name, value in before.items())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_training_on_several_cores_repeats_itself_to_the_last_bit(cores, dtype):
    cores(3)

    def train():
        rng = np.random.default_rng(0)
        parameters = initial_parameters(SMALL, rng, dtype)
        optimizer = Adam(parameters)
        for _ in range(5):
            x, eps = rng.random((7, 1, 8, 12)).astype(dtype), rng.standard_normal((7, 3)).astype(dtype)
            loss = sharing.train_step(parameters, optimizer, x, eps, Objective())
        assert {np.asarray(part).dtype for part in loss} == {np.dtype(dtype)}
        return parameters

    first, second = train(), train()
    assert all(first[name].tobytes() == second[name].tobytes() for name in first)
    assert {value.dtype for value in first.values()} == {np.dtype(dtype)}


def test_results_come_in_order_and_from_the_caller_and_its_helpers(cores):
    cores(3)
    meeting = threading.Barrier(3, timeout=30)  # passed only if three tasks run at the same time

    def task(number):
        meeting.wait()
        return number, threading.current_thread()

    numbers, threads = zip(*parallel.on_every_core(task, range(6)), strict=True)
    assert numbers == tuple(range(6))
    assert len(set(threads)) == 3
    assert threading.current_thread() in threads


def test_each_of_several_tasks_has_blas_on_one_thread(cores):
    def task(_):
        return {library["num_threads"] for library in blas.libraries().info()}

    cores(2)
    with threadpool_limits(2, user_api="blas"):
        assert parallel.on_every_core(task, range(3)) == [{1}] * 3
        assert parallel.on_every_core(task, range(1)) == [{2}]


def test_every_thread_treats_overflow_as_the_caller_does(cores):
    cores(3)
    meeting = threading.Barrier(3, timeout=30)

    def task(_):
        meeting.wait()
        return np.geterr()["over"]

    for choice in ("raise", "ignore"):
        with np.errstate(over=choice):
            assert parallel.on_every_core(task, range(3)) == [choice] * 3


@pytest.mark.parametrize("divisors", [[1, 0], [0, 1], [0, 0], [0]])
def test_an_exception_reaches_the_caller_when_all_is_quiet(cores, divisors):
    cores(2)
    running = set()

    def task(divisor):
        running.add(threading.get_ident())
        try:
            time.sleep(0.01 * divisor)
            return 1 / divisor
        finally:
            running.discard(threading.get_ident())

    with pytest.raises(ZeroDivisionError):
        parallel.on_every_core(task, divisors)
    assert not running


@pytest.mark.parametrize(("wanted", "expected"), [("1", 1), ("0", None), ("many", None), ("1000000", None)])
def test_omp_num_threads_is_obeyed_where_it_makes_sense(wanted, expected):
    code = "from numpy_impl.runtime.parallel import CORES; print(CORES)"
    counts = [
        int(subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True).stdout)
        for env in (os.environ | {"OMP_NUM_THREADS": wanted}, {**os.environ, "OMP_NUM_THREADS": ""})
    ]
    assert counts[0] == (expected or counts[1])


# Several threads at once, and processes: in a process of their own, whose BLAS may have two threads.

BATCHES = (1, 8, 20, 40, 64, 33, 100, 48)
"""Of one share and of several"""
TWO_THREADS = os.environ | {"OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2"}


def trained(seed, batch_size, steps=1):
    """Every byte of the parameters after some steps."""
    rng = np.random.default_rng(seed)
    architecture = Architecture(latent_dim=3, channels=(8, 16), hidden_dim=32)
    rung = NumpyRung(architecture, initial_parameters(architecture, rng))
    for _ in range(steps):
        x = rng.random((batch_size, 1, 28, 28), dtype=np.float32)
        rung.step(x, rng.standard_normal((batch_size, 3), dtype=np.float32), Objective())
    return b"".join(value.tobytes() for value in rung.parameters().values())


def products(seed, rounds=2):
    """Every byte of some results of the plain functions, which take no shares."""
    rng = np.random.default_rng(seed)
    x, weight = rng.standard_normal((40, 300), np.float32), rng.standard_normal((200, 300), np.float32)
    images, kernel = rng.standard_normal((8, 16, 20, 20), np.float32), rng.standard_normal((24, 16, 3, 3), np.float32)
    results = [(F.linear(x, weight), F.conv2d(images, kernel, padding=1)) for _ in range(rounds)]
    return b"".join(array.tobytes() for result in results for array in result)


def alone():
    return [trained(*case) for case in enumerate(BATCHES)] + [products(0)]


def blas_threads():
    return [library["num_threads"] for library in blas.libraries().info()]


def in_threads(rounds):
    """Print True where 8 threads that train, and one that multiplies, do as each alone, and leave BLAS as it was."""
    parallel.CORES = 2
    before, expected = blas_threads(), alone()
    with ThreadPoolExecutor(9) as pool:
        for _ in range(rounds):
            together = [pool.submit(trained, *case) for case in enumerate(BATCHES)] + [pool.submit(products, 0)]
            print([future.result() for future in together] == expected and blas_threads() == before)


def in_processes(start, rounds):
    """Print True if processes that are started amid steps of other threads compute what this one computes."""
    parallel.CORES = 2
    before, expected = blas_threads(), alone()
    going = True

    def keep_computing(seed):
        while going:
            trained(seed, 40)
            products(seed)

    with ThreadPoolExecutor(3) as threads:
        busy = [threads.submit(keep_computing, seed) for seed in range(3)]
        try:
            for _ in range(rounds):
                with multiprocessing.get_context(start).Pool(2) as pool:
                    together = [pool.apply_async(trained, case) for case in enumerate(BATCHES)]
                    together.append(pool.apply_async(products, (0,)))
                    print([result.get(timeout=60) for result in together] == expected)
        finally:
            going = False
        for future in busy:
            future.result()
    print(blas_threads() == before)


def answers(call):
    """The lines that a function of this module prints in a process of its own."""
    code = f"from tests.numpy_impl import test_parallel\nif __name__ == '__main__':\n    test_parallel.{call}\n"
    done = subprocess.run([sys.executable, "-c", code], env=TWO_THREADS, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


rounds = pytest.mark.parametrize("rounds", [1, pytest.param(12, marks=pytest.mark.slow)])


@rounds
def test_eight_threads_that_step_at_once_give_the_numbers_of_one(rounds):
    assert answers(f"in_threads({rounds})") == ["True"] * rounds


@rounds
@pytest.mark.parametrize("start", multiprocessing.get_all_start_methods())
def test_processes_started_amid_steps_give_the_numbers_of_their_parent(start, rounds):
    assert answers(f"in_processes({start!r}, {rounds})") == ["True"] * (rounds + 1)


def test_blas_has_its_threads_back_after_an_exception():
    with threadpool_limits(2, user_api="blas"):
        with contextlib.suppress(ZeroDivisionError), blas.one_thread():
            assert set(blas_threads()) == {1}  # of NumPy's, and of SciPy's where another test has loaded it
            raise ZeroDivisionError
        assert set(blas_threads()) == {2}


def test_one_thread_waits_for_operations_and_holds_back_new_ones():
    order, begun, go_on = [], threading.Event(), threading.Event()

    @blas.undisturbed
    def operation(name):
        order.append(f"{name} begins")
        begun.set()
        go_on.wait(30)
        order.append(f"{name} ends")

    def change():
        with blas.one_thread():
            order.append("changed")
            time.sleep(0.05)
            order.append("changed back")

    with ThreadPoolExecutor(3) as pool:
        calls = [pool.submit(operation, "first")]
        begun.wait(30)
        calls.append(pool.submit(change))
        while not blas.change_is_due():
            time.sleep(0.001)
        calls.append(pool.submit(operation, "second"))
        time.sleep(0.02)
        go_on.set()
        for call in calls:
            call.result(30)
    assert order == ["first begins", "first ends", "changed", "changed back", "second begins", "second ends"]


def test_one_rung_refuses_to_step_in_two_threads_at_once(monkeypatch):
    rung = NumpyRung(SMALL, initial_parameters(SMALL, np.random.default_rng(0)))
    x, eps = np.ones((2, 1, 8, 12), np.float32), np.zeros((2, 3), np.float32)
    begun, go_on = threading.Event(), threading.Event()
    train_step = sharing.train_step

    def slow_step(*arguments):
        begun.set()
        go_on.wait(30)
        return train_step(*arguments)

    monkeypatch.setattr(sharing, "train_step", slow_step)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(rung.step, x, eps, Objective())
        begun.wait(30)
        with pytest.raises(RuntimeError, match=r"^numpy_impl: .*another thread"):
            rung.step(x, eps, Objective())
        with pytest.raises(RuntimeError, match=r"^numpy_impl: .*another thread"):
            rung.restore(rung.parameters(), {})
        go_on.set()
        loss = first.result(30).loss
    assert rung.step(x, eps, Objective()).loss < loss
