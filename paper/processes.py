"""One training in several processes, as torchrun starts them: who this process is, and the group that it belongs to.

PyTorch's own engine does the work: `paper.batches` shares out a batch, `paper.training` has gradients averaged.
"""

import contextlib
from collections.abc import Iterator

import torch.distributed as dist


def process_numbers() -> tuple[int, int]:
    """The number of this process and how many there are; (0, 1) where torchrun has no hand in it."""
    return (dist.get_rank(), dist.get_world_size()) if dist.is_available() and dist.is_initialized() else (0, 1)


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
