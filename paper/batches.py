"""Batches: which images a step sees, with their noise and conditions, and what the model makes of them.

All of it is drawn by one generator on the device. Where torchrun started several processes, each draws the whole batch
from a generator of the same state and takes its own share, so that the processes together see what one would.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from paper.data import Part
from paper.options import TrainOptions
from paper.processes import process_numbers


class Batch(NamedTuple):
    """What one step sees of the data, in this process."""

    x: Tensor
    """Images (N, C, H, W)"""
    eps: Tensor
    """Noise, images first"""
    c: Tensor | None
    """Conditions, images first, for a model that has them"""
    share: float = 1.0
    """Images here of those in all processes"""


def draw_batches(model: nn.Module, part: Part, options: TrainOptions, generator: torch.Generator) -> Iterator[Batch]:
    """One epoch: every image once, in random order. The last batch may be smaller.

    Drawn in this order: one permutation of the images, then batch by batch the pixels, where they are dynamic, and eps.
    """
    device, dtype = part.images.device, part.images.dtype
    process, processes = process_numbers()
    order = torch.randperm(len(part), generator=generator, device=device)
    for chosen in order.split(options.batch_size):
        x = part.images.index_select(0, chosen)
        if options.data.binarise == "dynamic":
            x = torch.bernoulli(x, generator=generator)
        eps = torch.randn(model.noise_shape(len(x)), generator=generator, device=device, dtype=dtype)
        mine = slice(process * len(x) // processes, (process + 1) * len(x) // processes)
        x, eps, labels = x[mine], eps[mine], part.labels.index_select(0, chosen[mine])
        yield Batch(x, eps, model.condition(x, labels), len(x) / len(chosen))


def forward(network: nn.Module, batch: Batch, precision: str) -> Any:
    """What the model computes from a batch. With bf16 its products are in bfloat16, what comes out is in float32."""
    if precision != "bf16":
        return network(batch.x, batch.eps, batch.c)
    with torch.autocast(batch.x.device.type, torch.bfloat16):
        run = network(batch.x, batch.eps, batch.c)
    return type(run)(*(value.float() if value.dtype == torch.bfloat16 else value for value in run))
