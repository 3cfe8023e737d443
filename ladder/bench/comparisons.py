"""Comparisons beside the rungs: an epoch against a tutorial's loop, torch.compile, and numpy-ml's convolution.

Run as a module, `python -m ladder.bench.comparisons THREADS`, it prints the times of rung 3's step under torch.compile.
"""

import collections
import collections.abc
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from foundation.architecture import Architecture
from foundation.objective import Objective
from ladder.bench.results import BATCH, BFLOAT16, COMPILED, EAGER, IMAGES, NUMPY_ML, OURS, PLAIN
from ladder.bench.timing import Patience, Time, on_threads, take_turns
from ladder.rungs import torch_is_installed
from numpy_impl import functional

LONGEST = 100  # seconds for compiling and measuring; half a minute is usual

# An epoch of rung 3


def measure_epoch(architecture: Architecture, threads: int, patience: Patience) -> dict[str, Time]:
    """Measure an epoch of rung 3, of rung 3 in bfloat16 and of the plain loop: the time of one batch, scaled."""
    if not torch_is_installed():
        return {}
    from ladder.bench.tutorial import plain_batches, plain_step

    pictures = np.random.default_rng(0).integers(0, 256, (IMAGES, 28, 28), np.uint8)
    usual, step = plain_batches(pictures, BATCH), plain_step(architecture.latent_dim)
    tasks: dict[str, Callable[[], object]] = {
        "paper": fast_loop(architecture, pictures, BATCH),
        BFLOAT16: fast_loop(architecture, pictures, BATCH, bfloat16=True),
        PLAIN: lambda: step(next(usual)),
    }
    with on_threads(threads):
        times = take_turns(tasks, patience, threads)
    scale = IMAGES / BATCH
    return {who: Time(t.median * scale, t.low * scale, t.high * scale) for who, t in times.items()}


def fast_loop(
    architecture: Architecture, pictures: np.ndarray, batch_size: int, bfloat16: bool = False
) -> Callable[[], object]:
    """A function that trains rung 3 on the next batch per call, for any number of epochs.

    The data are one tensor of bytes, a batch is selected and converted as a whole, and Adam is torch's fused one. With
    `bfloat16`, products are computed in bfloat16, as with `--precision bf16`; its speed depends on the processor.
    """
    import torch

    from paper import vae_paper as vae

    model = vae.init(architecture, np.random.default_rng(0))
    optimizer = torch.optim.Adam(model.parameters(), fused=True)
    data = torch.from_numpy(pictures)[:, None]

    def batches() -> Iterator[torch.Tensor]:
        while True:
            yield from torch.randperm(len(data)).split(batch_size)

    order = batches()

    def step() -> object:
        x = data.index_select(0, next(order)).float().div_(255)
        eps = torch.randn(len(x), architecture.latent_dim)
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            return vae.train_step(model, optimizer, x, eps, Objective())

    return step


# torch.compile


def measure_compiled(threads: int, longest: float = LONGEST) -> dict[str, Time] | str:
    """Measure rung 3's step with and without torch.compile, within `longest` seconds; or the reason why not."""
    if not torch_is_installed():
        return "torch is not installed"
    if not any(map(shutil.which, (os.environ.get("CXX", "g++"), "clang++", "cl"))):
        return "there is no C++ compiler"
    command = [sys.executable, "-m", "ladder.bench.comparisons", str(threads)]
    # Compile in the process itself, since a pool of workers could outlive it.
    environment = os.environ | {"TORCHINDUCTOR_COMPILE_THREADS": "1"}
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=longest)
    except subprocess.TimeoutExpired:
        return f"it took more than {longest} seconds"
    if done.returncode:
        return (done.stderr.strip().splitlines() or ["it failed"])[-1]
    return {who: Time(*quantiles) for who, quantiles in json.loads(done.stdout.splitlines()[-1]).items()}


def times_of_steps(threads: int) -> dict[str, Time]:
    """Compile and measure, in this process."""
    import torch

    from paper import vae_paper as vae

    architecture = Architecture()
    x, eps = torch.rand(BATCH, *architecture.image_shape), torch.randn(BATCH, architecture.latent_dim)

    def step_of(compiled: bool) -> Callable[[], object]:
        network = vae.init(architecture, np.random.default_rng(0))
        optimizer = torch.optim.Adam(network.parameters())
        model: Any = torch.compile(network) if compiled else network
        return lambda: vae.train_step(model, optimizer, x, eps, Objective())

    with on_threads(threads):
        return take_turns({EAGER: step_of(False), COMPILED: step_of(True)}, Patience(6, 0.15), threads)


# The convolution of numpy-ml, a library of NumPy alone as rung 1 is


def measure_convolution(patience: Patience) -> dict[str, Time]:
    """Measure rung 1's `conv2d` with its backward pass and numpy-ml's Conv2D on the same NHWC arrays."""
    if importlib.util.find_spec("numpy_ml") is None:
        return {}
    rng = np.random.default_rng(0)
    x, dy = rng.random((128, 14, 14, 32), np.float32), rng.standard_normal((128, 7, 7, 64), np.float32)
    weight = rng.standard_normal((64, 32, 3, 3), np.float32)
    try:
        theirs = layer_of_numpy_ml(weight)
    except ImportError:  # without scipy, for one
        return {}
    tasks = {OURS: lambda: ours(x, weight, dy), NUMPY_ML: lambda: theirs(x, dy)}
    with on_threads(1):
        return take_turns(tasks, patience, threads=1)


def ours(x: np.ndarray, weight: np.ndarray, dy: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """y, dx and dweight of rung 1."""
    x, dy, bias = x.transpose(0, 3, 1, 2), dy.transpose(0, 3, 1, 2), np.zeros(len(weight), np.float32)
    y = functional.conv2d(x, weight, bias, stride=2, padding=1)
    return y, *functional.conv2d_backward(dy, x, weight, stride=2, padding=1)[:2]


def layer_of_numpy_ml(weight: np.ndarray) -> Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, ...]]:
    """A function (x, dy) -> y, dx, dweight in numpy-ml's own order of axes."""
    # numpy-ml 0.1.2 imports a name from where Python 3.9 still had it.
    collections.Hashable = collections.abc.Hashable  # type: ignore[attr-defined]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from numpy_ml.neural_nets.layers import Conv2D
    finally:
        del collections.Hashable  # type: ignore[attr-defined]
    layer = Conv2D(len(weight), weight.shape[2:], pad=1, stride=2)
    layer.in_ch = weight.shape[1]
    layer._init_params()
    layer.parameters["W"] = np.ascontiguousarray(weight.transpose(2, 3, 1, 0))
    layer.parameters["b"] = np.zeros((1, 1, 1, len(weight)), np.float32)

    def forward_and_backward(x: np.ndarray, dy: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        layer.X, layer.derived_variables = [], {"Z": [], "out_rows": [], "out_cols": []}
        layer.gradients["W"] = 0
        return layer.forward(x), layer.backward(dy), layer.gradients["W"]

    return forward_and_backward


if __name__ == "__main__":
    print(json.dumps({who: (t.median, t.low, t.high) for who, t in times_of_steps(int(sys.argv[1])).items()}))
