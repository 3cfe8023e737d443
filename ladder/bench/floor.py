"""The floor: the least time of a pass, from its arithmetic and memory traffic at the machine's full rates."""

import dataclasses
import math

import numpy as np

from foundation.architecture import Architecture
from ladder.bench.timing import Patience, Task, on_threads, take_turns
from ladder.rungs import torch_is_installed
from numpy_impl.runtime import parallel

ITEM = 4  # bytes of a float32


@dataclasses.dataclass(frozen=True)
class Cost:
    """The least work of one pass over a batch."""

    flops: int
    """Floating-point operations of the matrix products, two for each multiplication with its addition."""
    bytes: int
    """Memory read and written, if every tensor is written once and read once for every layer that uses it."""


@dataclasses.dataclass(frozen=True)
class Machine:
    """The best rates measured on this machine, on a given number of threads."""

    threads: int
    flops_per_second: float
    bytes_per_second: float

    def floor(self, cost: Cost) -> float:
        """Seconds: the products at the full rate, then the traffic at the full bandwidth, with no overlap of the two.

        Exponentials, roots and divisions are not counted, so a step with Adam, which has many, stays above the floor.
        """
        return cost.flops / self.flops_per_second + cost.bytes / self.bytes_per_second


def multiplications(architecture: Architecture) -> dict[str, int]:
    """Multiplications of each layer for one image; in a convolution, each weight once per pixel of its smaller side."""
    _, height, width = architecture.image_shape
    pixels = {
        "encoder.conv1": height * width // 4,
        "encoder.conv2": height * width // 16,
        "decoder.conv_transpose1": height * width // 16,
        "decoder.conv_transpose2": height * width // 4,
    }
    shapes = architecture.parameter_shapes()
    layers = [name.removesuffix(".weight") for name in shapes if name.endswith(".weight")]
    return {layer: math.prod(shapes[f"{layer}.weight"]) * pixels.get(layer, 1) for layer in layers}


def activations(architecture: Architecture) -> int:
    """Numbers between the layers for one image: h1 to h6, mu, logvar, z and logits."""
    (image, height, width), (c1, c2) = architecture.image_shape, architecture.channels
    maps = 2 * c1 * (height // 2) * (width // 2) + 2 * c2 * (height // 4) * (width // 4)
    return maps + 2 * architecture.hidden_dim + 3 * architecture.latent_dim + image * height * width


def forward_cost(architecture: Architecture, batch_size: int) -> Cost:
    """One forward pass: every activation is written and read, x and the parameters are read."""
    products = 2 * sum(multiplications(architecture).values())
    numbers = 2 * activations(architecture) + math.prod(architecture.image_shape)
    return Cost(batch_size * products, ITEM * (batch_size * numbers + _parameters(architecture)))


def step_cost(architecture: Architecture, batch_size: int) -> Cost:
    """One training step: forward, backward and Adam.

    Backward, a layer has two products of the forward one's size, dx and dweight; the first has no dx. It reads the
    layer's input once more, and each activation has a gradient, written and read. A parameter is read once
    more, its gradient written and read; Adam reads and writes the parameter and its two moments.
    """
    forward = forward_cost(architecture, batch_size)
    products = 2 * forward.flops - 2 * batch_size * multiplications(architecture)["encoder.conv1"]
    numbers = 3 * activations(architecture) + math.prod(architecture.image_shape)
    return Cost(
        forward.flops + products,
        forward.bytes + ITEM * (batch_size * numbers + 9 * _parameters(architecture)),
    )


def _parameters(architecture: Architecture) -> int:
    return sum(math.prod(shape) for shape in architecture.parameter_shapes().values())


def measure_machine(threads: int, patience: Patience) -> Machine:
    """The best rates of a large float32 matrix product, from NumPy or torch, and of adding two arrays into a third."""
    # Arrays as large as this model's parameters, so that the bandwidth is that of Adam's step: that of a cache, where
    # the caches are large enough to hold them.
    size, count = 1024, 1 << 21
    rng = np.random.default_rng(0)
    a, b, c = rng.random((3, size, size), np.float32)
    x, y, z = rng.random((3, count), np.float32)
    shares = [slice(count * i // threads, count * (i + 1) // threads) for i in range(threads)]
    products: dict[str, Task] = {"NumPy": lambda: np.matmul(a, b, out=c)}
    if torch_is_installed():
        import torch

        tensors = [torch.from_numpy(array) for array in (a, b, c)]
        products["torch"] = lambda: torch.mm(tensors[0], tensors[1], out=tensors[2])

    def add() -> None:
        parallel.on_every_core(lambda share: np.add(x[share], y[share], out=z[share]), shares)

    with on_threads(threads):
        times = take_turns(products | {"add": add}, patience, threads)
    # The lower quartile, because a bound is set by the machine's fast runs.
    product = min(times[name].low for name in products)
    return Machine(threads, 2 * size**3 / product, 3 * ITEM * count / times["add"].low)
