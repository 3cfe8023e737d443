"""Rung 1 reuses memory inside, so whatever somebody can still see must never change: a hunt for aliasing."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from foundation.architecture import Architecture
from foundation.objective import Objective
from numpy_impl import convolution
from numpy_impl import functional as F
from numpy_impl import vae_numpy as vae
from numpy_impl.runtime import memory

SIZES = ((2, 3, 64, 66), (3, 3, 62, 64), (4, 3, 44, 48))


def calls(rng, dtype):
    """One call of a random operation on arrays larger than the smallest block that is reused."""
    shape = SIZES[rng.integers(len(SIZES))]
    x = rng.standard_normal(shape).astype(dtype)
    weight = rng.standard_normal((4, 3, 3, 3)).astype(dtype)
    matrix = x.reshape(shape[0], -1)
    square = rng.standard_normal((128, 129)).astype(dtype)
    y = rng.standard_normal((shape[0], 4, *(size // 2 for size in shape[2:]))).astype(dtype)
    options = {"stride": 2, "padding": 1}
    return [
        lambda: (F.relu(x),),
        lambda: (F.relu_backward(x, x[::-1]),),
        lambda: (F.sigmoid(x),),
        lambda: (F.sigmoid_backward(x, x),),
        lambda: (F.conv2d(x, weight, padding=1),),
        lambda: F.conv2d_backward(y, x, weight, **options),
        lambda: (F.conv_transpose2d(y, weight, **options, output_padding=1),),
        lambda: F.conv_transpose2d_backward(x, y, weight, **options, output_padding=1),
        lambda: (F.linear(square, square[:60]),),
        lambda: F.linear_backward(square, square, square[:, :129].T[:129].copy() @ square),
        lambda: (F.linear(matrix, matrix[:2]),),
        lambda: (F.binary_cross_entropy_with_logits_backward(1.0, x, np.abs(np.tanh(x))),),
        lambda: (F.gaussian_nll_loss_backward(1.0, x, x[::-1], 0.5),),
    ][rng.integers(13)]


def ways_to_keep(rng, array):
    """What a caller may keep of a result; the result itself is let go."""
    return [
        lambda: array,
        lambda: array[1:],
        lambda: array.T,
        lambda: array[..., ::-1],
        lambda: array.ravel(order="K")[-5:],
        lambda: array.reshape(-1),
        lambda: np.broadcast_to(array, (2, *array.shape)),
        lambda: np.asarray(memoryview(array)),
        lambda: np.lib.stride_tricks.sliding_window_view(array, 1, axis=0),
        lambda: np.moveaxis(array, 0, -1).view(np.recarray),
        lambda: np.from_dlpack(array),
        lambda: array.diagonal() if array.ndim > 1 else array,
    ][rng.integers(12)]()


def changed_results(seed, rounds, dtype=np.float32):
    """Make random calls, keep some results or views of them for a while, and count those that change."""
    rng = np.random.default_rng(seed)
    kept, changed = [], 0
    for _ in range(rounds):
        results = calls(rng, dtype)()
        kept += [(view, view.copy()) for view in (ways_to_keep(rng, array) for array in results)]
        del results
        changed += sum(not np.array_equal(view, copy) for view, copy in kept)
        rng.shuffle(kept)
        del kept[12:]
        if len(kept) > 6 and rng.random() < 0.3:
            # What is writable belongs to the caller, who may do as he likes with it.
            view, _ = kept.pop()
            if view.flags.writeable:
                view[...] = np.nan
    return changed


@pytest.mark.parametrize("seed", range(3))
def test_kept_results_never_change(seed):
    assert changed_results(seed, 120, np.float32 if seed % 2 else np.float64) == 0


def test_a_pool_that_reuses_too_early_is_caught(monkeypatch):
    blocks = {}

    def same_block(shape, dtype):
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        return blocks.setdefault(size, np.empty(size, np.uint8)).view(dtype).reshape(shape)

    for module in (F, convolution):
        monkeypatch.setattr(module, "empty", same_block)
    assert changed_results(0, 60) > 0


def test_threads_do_not_disturb_one_another():
    barrier = threading.Barrier(4)

    def work(seed):
        barrier.wait()
        return changed_results(seed, 30), [calls(np.random.default_rng([seed, i]), np.float32)() for i in range(30)]

    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(work, range(4)))
    for seed, (changed, results) in enumerate(together):
        assert changed == 0
        # The pool's threads are gone, with their blocks: the results must still stand.
        for i, result in enumerate(results):
            again = calls(np.random.default_rng([seed, i]), np.float32)()
            for ours, alone in zip(result, again, strict=True):
                np.testing.assert_array_equal(ours, alone)


def test_memory_is_really_reused_and_given_back():
    # Otherwise the hunt above hunts nothing.
    memory.release()
    shape, addresses = (300, 301), set()
    for _ in range(20):
        addresses.add(F.relu(np.ones(shape)).ctypes.data)
    assert len(addresses) < 20
    kept = [F.relu(np.full(shape, float(i))) for i in range(5)]
    memory.release()
    assert [array.mean() for array in kept] == [0, 1, 2, 3, 4]


def test_results_do_not_depend_on_the_calls_before():
    x, weight = np.random.default_rng(1).standard_normal((2, 3, 64, 66)), np.ones((2, 3, 3, 3))
    first = F.conv2d(x, weight, stride=2, padding=1).copy()
    for value in (np.nan, np.inf, 1e300):
        with np.errstate(all="ignore"):
            F.conv2d(np.full_like(x, value), weight, stride=2, padding=1)
            F.conv_transpose2d(np.full_like(x, value), np.ones((3, 2, 3, 3)), stride=2, padding=1)
        np.testing.assert_array_equal(F.conv2d(x, weight, stride=2, padding=1), first)


@pytest.mark.parametrize("order", ["NCHW", "NHWC"])
def test_relu_in_place_is_relu_and_takes_no_other_array(order):
    rng = np.random.default_rng(2)
    x, dy = rng.standard_normal((2, 3, 5, 4, 6))
    if order == "NHWC":
        x = np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    expected, gradient = F.relu(x), F.relu_backward(dy, x)
    np.testing.assert_array_equal(gradient, np.where(x > 0, dy, 0))
    np.testing.assert_array_equal(F.relu_backward(dy.copy(), x, inplace=True), gradient)
    result = F.relu(x, inplace=True)
    assert result is x
    np.testing.assert_array_equal(result, expected)
    same_order = np.copy(x, order="K")
    assert F.relu_backward(same_order, x, inplace=True) is same_order


def test_relu_keeps_nan_and_infinity():
    x = np.array([np.nan, np.inf, -np.inf, -0.0, 1e-300])
    np.testing.assert_array_equal(F.relu(x), [np.nan, np.inf, 0, 0, 1e-300])


def leaves(value):
    """Every array in nested tuples and dicts."""
    if isinstance(value, np.ndarray):
        return [value]
    return [leaf for inner in (value.values() if isinstance(value, dict) else value) for leaf in leaves(inner)]


def passes(seed, count=5):
    """Forward and backward passes of the whole VAE on batches of several sizes, all inputs read-only."""
    rng = np.random.default_rng(seed)
    parameters = vae.init(Architecture(latent_dim=5), rng)
    for N in [7, 8, 7, 5, 8][:count]:
        x = rng.random((N, 1, 28, 28), dtype=np.float32)
        eps = rng.standard_normal((N, 5), dtype=np.float32)
        for array in leaves((parameters, x, eps)):
            array.setflags(write=False)
        run, hidden = vae.forward(parameters, x, eps)
        before = [array.copy() for array in leaves((run, hidden))]
        gradients = vae.backward(parameters, x, eps, run, hidden, Objective())
        for array, copy in zip(leaves((run, hidden)), before, strict=True):
            np.testing.assert_array_equal(array, copy)
        for gradient in gradients.values():
            assert not any(np.shares_memory(gradient, array) for array in leaves((parameters, x, eps)))
        yield (run, hidden), gradients


def test_whole_passes_keep_their_hands_off_one_another():
    kept = [(array, array.copy()) for result in passes(1) for array in leaves(result)]
    for array, copy in kept:
        np.testing.assert_array_equal(array, copy)
    arrays = [array for array, _ in kept]
    for _, gradients in passes(1, count=1):
        assert not any(np.shares_memory(gradient, array) for gradient in gradients.values() for array in arrays)


def test_whole_passes_in_threads_equal_those_alone():
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(lambda seed: leaves(list(passes(seed, count=2))), range(3)))
    for seed, arrays in enumerate(together):
        for ours, alone in zip(arrays, leaves(list(passes(seed, count=2))), strict=True):
            np.testing.assert_allclose(ours, alone, rtol=1e-5, atol=1e-6)
