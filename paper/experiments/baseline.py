"""Baselines: networks without latents, such as a classifier or a regression, and how they are trained."""

import itertools
import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from foundation.data.dataset import Dataset
from paper.experiments.experiment import Experiment
from paper.models.registry import LAYERS

BatchLoss = Callable[[nn.Module, Int64[Tensor, " B"], torch.Generator], Float[Tensor, ""]]
"""The loss of a network on the training examples with these indices; the generator draws what the loss needs."""


def fit_baseline(
    experiment: Experiment,
    name: str,
    network: nn.Module,
    loss: BatchLoss,
    count: int,
    *,
    steps: int,
    seed: int = 0,
    batch_size: int = 128,
    learning_rate: float = 1e-3,
) -> nn.Module:
    """Trains a network for `steps` steps of Adam on `count` examples, shuffled every epoch; returns it in eval mode."""
    generator = experiment.generator(seed)
    reset(network, experiment.seed + seed)
    network = network.to(generator.device)
    optimizer = torch.optim.Adam(network.parameters(), learning_rate)
    order = torch.empty(0, dtype=torch.int64, device=generator.device)
    with experiment.bar(name, steps) as advance:
        for _ in range(steps):
            if len(order) == 0:
                order = torch.randperm(count, generator=generator, device=generator.device)
            chosen, order = order[:batch_size], order[batch_size:]
            value = loss(network, chosen, generator)
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            advance(f"loss {value.item():.3f}")
    return network.eval().requires_grad_(False)


def reset(network: nn.Module, seed: int) -> None:
    """Draws the initial values of every layer from the seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for module in network.modules():
            if isinstance(module, LAYERS):
                module.reset_parameters()


def perceptron(inputs: int, hidden: Sequence[int], outputs: int) -> nn.Sequential:
    """Linear layers with ReLU between them; images are flattened."""
    sizes = [inputs, *hidden]
    between = [part for a, b in itertools.pairwise(sizes) for part in (nn.Linear(a, b), nn.ReLU())]
    return nn.Sequential(nn.Flatten(), *between, nn.Linear(sizes[-1], outputs))


def fit_classifier(
    experiment: Experiment, name: str, part: Dataset, classes: int, *, steps: int, seed: int = 0
) -> nn.Module:
    """A classifier of images with one hidden layer of 256; it returns logits."""

    def loss(network: nn.Module, chosen: Tensor, generator: torch.Generator) -> Tensor:
        return F.cross_entropy(network(part.images[chosen]), part.labels[chosen])

    network = perceptron(math.prod(part.images.shape[1:]), (256,), classes)
    return fit_baseline(experiment, name, network, loss, len(part), steps=steps, seed=seed)


def accuracy(logits: Float[Tensor, "N K"], labels: Int64[Tensor, " N"]) -> float:
    """The share of the images whose largest logit is that of their class."""
    return (logits.argmax(1) == labels).float().mean().item()
