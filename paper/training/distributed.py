"""One training in several processes, as torchrun starts them.

Every process draws the whole batch and computes its own share; DistributedDataParallel averages gradients, so a loss
that is a mean over images needs nothing more. Free bits and capacity compare a mean over the whole batch with a
threshold, and a codebook is updated by all vectors of the batch: these use `mean_over_batch` and `gather`, which all
processes call in the same order. In a process that is alone they are local.
"""

import contextlib
from collections.abc import Iterator

import torch
import torch.distributed as dist
from torch import Tensor


def sum_over_processes(values: Tensor) -> Tensor:
    """The sum of a tensor over all processes, without gradients."""
    total = values.detach().clone()
    if several():
        dist.all_reduce(total)
    return total


def gather(values: Tensor) -> Tensor:
    """The tensors of all processes, concatenated along the first axis, without gradients; lengths may differ."""
    values = values.detach()
    if not several():
        return values
    lengths = [torch.zeros(1, dtype=torch.long, device=values.device) for _ in range(dist.get_world_size())]
    dist.all_gather(lengths, torch.full_like(lengths[0], len(values)))
    padding = values.new_zeros(int(max(lengths)) - len(values), *values.shape[1:])
    padded = torch.cat([values, padding])
    parts = [torch.empty_like(padded) for _ in lengths]
    dist.all_gather(parts, padded)
    return torch.cat([part[: int(length)] for part, length in zip(parts, lengths, strict=True)])


def mean_over_batch(values: Tensor) -> Tensor:
    """Mean over the first axis, over the images of all processes, without gradients.

    Where gradients are off, as in validation, every process measures all images, and the mean is over its own.
    """
    if not torch.is_grad_enabled():
        return values.mean(0)
    count = torch.tensor(float(len(values)), device=values.device)
    return sum_over_processes(values.sum(0)) / sum_over_processes(count)


def several() -> bool:
    """Whether this process is one of a group."""
    return dist.is_available() and dist.is_initialized()


def process_numbers() -> tuple[int, int]:
    """The number of this process and how many there are; (0, 1) without torchrun."""
    return (dist.get_rank(), dist.get_world_size()) if several() else (0, 1)


@contextlib.contextmanager
def process_group() -> Iterator[None]:
    """Join the processes that torchrun started, by NCCL between GPUs and by Gloo between CPUs; alone, do nothing."""
    if not (dist.is_available() and dist.is_torchelastic_launched()):
        yield
        return
    dist.init_process_group()
    try:
        yield
    finally:
        dist.destroy_process_group()
