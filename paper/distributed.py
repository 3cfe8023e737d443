"""What a model must know of the whole batch where torchrun shares it out over several processes.

DistributedDataParallel averages gradients, so a loss that is a mean over images needs nothing more. Free bits and
capacity compare a mean over the whole batch with a threshold, and a codebook learns from all that chose its entries:
they ask here. All processes ask the same in the same order. A process that is alone asks nobody.
"""

import torch
import torch.distributed as dist
from torch import Tensor


def sum_over_processes(values: Tensor) -> Tensor:
    """The sum of what the processes hold, without gradients."""
    total = values.detach().clone()
    if _several():
        dist.all_reduce(total)
    return total


def gather(values: Tensor) -> Tensor:
    """What the processes hold, one behind the other along the first axis, without gradients; lengths may differ."""
    values = values.detach()
    if not _several():
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

    Where gradients are off, as in validation, a process measures by itself, and the mean is over what it holds.
    """
    if not torch.is_grad_enabled():
        return values.mean(0)
    count = torch.tensor(float(len(values)), device=values.device)
    return sum_over_processes(values.sum(0)) / sum_over_processes(count)


def _several() -> bool:
    return dist.is_available() and dist.is_initialized()
