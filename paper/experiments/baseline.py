"""Networks without latents to compare with, such as a classifier or a regression, and how they are trained."""

import itertools
import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from paper.data import Part
from paper.experiments.lab import Lab

Images = Float[Tensor, "N C H W"]
BatchLoss = Callable[[nn.Module, Int64[Tensor, " B"], torch.Generator], Float[Tensor, ""]]
"""Loss of a network on the training examples of these indices; chance, if it needs any, comes from the generator."""


def fit_plain(
    lab: Lab, name: str, network: nn.Module, loss: BatchLoss, count: int, *, steps: int, seed: int = 0,
    batch_size: int = 128, learning_rate: float = 1e-3,
) -> nn.Module:  # fmt: skip
    """Train a network for `steps` steps of Adam on `count` examples, every epoch in another order; in eval mode."""
    generator = lab.generator(seed)
    reset(network, lab.seed + seed)
    network = network.to(generator.device)
    optimizer = torch.optim.Adam(network.parameters(), learning_rate)
    order = torch.empty(0, dtype=torch.int64, device=generator.device)
    with lab.bar(name, steps) as advance:
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
    """Draw every layer's first values from the seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for module in network.modules():
            if hasattr(module, "reset_parameters"):
                module.reset_parameters()


def perceptron(inputs: int, hidden: int, outputs: int, layers: int = 1) -> nn.Sequential:
    """Linear layers with ReLU between them; images are flattened."""
    sizes = [inputs, *[hidden] * layers]
    between = [part for a, b in itertools.pairwise(sizes) for part in (nn.Linear(a, b), nn.ReLU())]
    return nn.Sequential(nn.Flatten(), *between, nn.Linear(sizes[-1], outputs))


def fit_classifier(lab: Lab, name: str, part: Part, classes: int, *, steps: int, seed: int = 0) -> nn.Module:
    """Logits of the classes from images, by one hidden layer of 256."""

    def loss(network: nn.Module, chosen: Tensor, generator: torch.Generator) -> Tensor:
        return F.cross_entropy(network(part.images[chosen]), part.labels[chosen])

    network = perceptron(math.prod(part.images.shape[1:]), 256, classes)
    return fit_plain(lab, name, network, loss, len(part), steps=steps, seed=seed)


def accuracy(logits: Float[Tensor, "N K"], labels: Int64[Tensor, " N"]) -> float:
    """Share of the images whose largest logit is that of their class."""
    return (logits.argmax(1) == labels).float().mean().item()


def unsure(logits: Float[Tensor, "N K"], below: float = 0.9) -> float:
    """Share of the images whose most probable class has a probability below `below`."""
    return (logits.softmax(1).amax(1) < below).float().mean().item()


def effective_classes(logits: Float[Tensor, "N K"]) -> float:
    """exp of the entropy of the mean prediction: K where all classes are drawn alike, 1 where it is always the same."""
    share = logits.cpu().double().softmax(1).mean(0)  # not every device has float64
    return torch.special.entr(share).sum().exp().item()


def nearest_neighbours(
    known: Float[Tensor, "M Z"], classes: Int64[Tensor, " M"], asked: Float[Tensor, "N Z"], k: int
) -> Int64[Tensor, " N"]:
    """The most frequent class among the k nearest of the known points; of several, the smallest."""
    nearest = torch.cat([torch.cdist(part, known).topk(k, largest=False).indices for part in asked.split(1024)])
    return classes[nearest].mode(1).values
