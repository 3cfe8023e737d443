"""The IWAE's training step: all draws of an image in one product, against a plain loop over the draws."""

import functools
import math
from collections.abc import Callable

import numpy as np

from ladder.bench.results import DrawsTime
from ladder.bench.timing import Patience, on_threads, take_turns
from ladder.rungs import torch_is_installed

SIZES = ((20, 5), (20, 50), (100, 5), (100, 50))
"""Images and draws of z for each of them, of a step."""
QUICK_SIZES = ((20, 5), (100, 5))
LATENT_DIM, HIDDEN_DIMS = 50, (200, 200)
"""The network of Burda et al. (2016) with one stochastic layer."""
PRODUCT, LOOP = "one product", "loop over draws"


def measure_draws(quick: bool, threads: int, patience: Patience) -> list[DrawsTime]:
    """Measure a training step of the IWAE in both ways on the same batch; nothing without torch."""
    if not torch_is_installed():
        return []
    found = []
    with on_threads(threads):
        for images, draws in QUICK_SIZES if quick else SIZES:
            times = take_turns(draws_tasks(images, draws), patience, threads)
            found.append(DrawsTime(images, draws, threads, times[PRODUCT], times[LOOP]))
    return found


def draws_tasks(images: int, draws: int, precision: str = "float32") -> dict[str, Callable[[], float]]:
    """A training step in each of the two ways, from the same first values, images and noise; both return the loss."""
    import torch

    from foundation.objective import Objective
    from paper.models.iwae import IWAE
    from paper.models.options import IWAEOptions
    from paper.models.registry import make_model

    dtype = getattr(torch, precision)
    options = IWAEOptions(
        network="mlp", hidden_dims=HIDDEN_DIMS, latent_dim=LATENT_DIM, activation="tanh", draws=draws, init="torch"
    )
    rng = np.random.default_rng(0)
    x = torch.from_numpy((rng.random((images, 1, 28, 28)) < 0.3).astype(np.float64)).to(dtype)
    eps = torch.from_numpy(rng.standard_normal((images, draws, LATENT_DIM))).to(dtype)

    def in_one_product(model: IWAE) -> torch.Tensor:
        return model.loss(model(x, eps), x, Objective()).loss

    def in_a_loop(model: IWAE) -> torch.Tensor:
        mu, logvar = model.encode(x)
        log_w = []
        for e in eps.unbind(1):
            z = mu + torch.exp(logvar / 2) * e
            cross_entropy = torch.nn.functional.binary_cross_entropy_with_logits(model.decode(z), x, reduction="none")
            log_w.append(0.5 * (e.square() + logvar - z.square()).sum(1) - cross_entropy.flatten(1).sum(1))
        return -(torch.logsumexp(torch.stack(log_w, 1), 1) - math.log(draws)).mean()

    def step(loss_of: Callable[[IWAE], torch.Tensor], model: IWAE, optimizer: torch.optim.Optimizer) -> float:
        loss = loss_of(model)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    tasks: dict[str, Callable[[], float]] = {}
    for name, loss_of in ((PRODUCT, in_one_product), (LOOP, in_a_loop)):
        model = make_model(options, (1, 28, 28), 0, 0, dtype)
        assert isinstance(model, IWAE)
        optimizer = torch.optim.Adam(model.parameters(), fused=True)
        tasks[name] = functools.partial(step, loss_of, model, optimizer)
    return tasks
