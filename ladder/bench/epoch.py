"""An epoch of rung 3 on data of MNIST's size: written with care, the same in bfloat16, and as tutorials have it."""

from collections.abc import Callable

import numpy as np

from foundation.architecture import Architecture
from foundation.objective import Objective
from ladder.bench.results import BFLOAT16, PLAIN
from ladder.bench.timing import Patience, Time, on_threads, take_turns
from ladder.rungs import torch_is_installed

IMAGES, BATCH = 60_000, 128


def measure_epoch(architecture: Architecture, threads: int, patience: Patience) -> dict[str, Time]:
    """An epoch of each: the time of loading and training one batch, scaled."""
    if not torch_is_installed():
        return {}
    from ladder.bench.plain import plain_batches, plain_step

    pictures = np.random.default_rng(0).integers(0, 256, (IMAGES, 28, 28), np.uint8)
    usual, step = plain_batches(pictures, BATCH), plain_step(architecture.latent_dim)
    tasks: dict[str, Callable[[], object]] = {
        "paper": careful_loop(architecture, pictures, BATCH),
        BFLOAT16: careful_loop(architecture, pictures, BATCH, bfloat16=True),
        PLAIN: lambda: step(next(usual)),
    }
    with on_threads(threads):
        times = take_turns(tasks, patience, threads)
    scale = IMAGES / BATCH
    return {who: Time(t.median * scale, t.low * scale, t.high * scale) for who, t in times.items()}


def careful_loop(
    architecture: Architecture, pictures: np.ndarray, batch_size: int, bfloat16: bool = False
) -> Callable[[], object]:
    """A function that trains rung 3 on the next batch each time it is called, epoch after epoch without end.

    The data are one tensor of bytes, a batch is picked and converted as a whole, and Adam is torch's fused one. With
    `bfloat16`, products are computed so, as under `--precision bf16`; whether that is faster is up to the processor.
    """
    import torch

    from paper import vae_paper as vae

    model = vae.init(architecture, np.random.default_rng(0))
    optimizer = torch.optim.Adam(model.parameters(), fused=True)
    data = torch.from_numpy(pictures)[:, None]

    def batches():
        while True:
            yield from torch.randperm(len(data)).split(batch_size)

    order = batches()

    def step() -> object:
        x = data.index_select(0, next(order)).float().div_(255)
        eps = torch.randn(len(x), architecture.latent_dim)
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            return vae.train_step(model, optimizer, x, eps, Objective())

    return step
