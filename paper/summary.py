"""What a model is made of, as a table: its layers, their weights and what they give, and the number of parameters."""

from collections.abc import Iterable

import torch
from rich.table import Table
from torch import Tensor, nn


@torch.no_grad()
def summary_table(model: nn.Module, name: str) -> Table:
    """A row for every module that owns numbers, in the order in which the model names them."""
    total = count_parameters(model)
    table = Table(title=f"{name}: {total:,} parameters", title_justify="left")
    for column in ("layer", "kind"):
        table.add_column(column)
    for column in ("weight", "output", "parameters"):
        table.add_column(column, justify="right")
    outputs = output_shapes(model)
    for layer, module in model.named_modules():
        own = [*module.parameters(recurse=False), *module.buffers(recurse=False)]
        if own:
            weight, count = max(own, key=Tensor.numel), _count(module.parameters(recurse=False))
            cells = [_sizes(weight.shape), _sizes(outputs.get(layer, ())), f"{count:,}"]
            table.add_row(layer or "(itself)", type(module).__name__, *cells)
    return table


def count_parameters(model: nn.Module) -> int:
    """Numbers that gradients move."""
    return _count(model.parameters())


def output_shapes(model: nn.Module) -> dict[str, tuple[int, ...]]:
    """What each module gives for one image, without the image's axis."""
    shapes: dict[str, tuple[int, ...]] = {}

    def watch(name: str, module: nn.Module) -> torch.utils.hooks.RemovableHandle:
        def remember(module: nn.Module, inputs: tuple, output: object) -> None:
            if isinstance(output, Tensor):
                shapes[name] = tuple(output.shape[1:])

        return module.register_forward_hook(remember)

    handles = [watch(name, module) for name, module in model.named_modules()]
    first = next(model.parameters())
    x = torch.zeros(1, *model.image_shape, device=first.device, dtype=first.dtype)
    labels = torch.zeros(1, device=first.device, dtype=torch.int64)
    model(x, torch.zeros(model.noise_shape(1), device=first.device, dtype=first.dtype), model.condition(x, labels))
    for handle in handles:
        handle.remove()
    return shapes


def _count(parameters: Iterable[nn.Parameter]) -> int:
    return sum(value.numel() for value in parameters if value.requires_grad)


def _sizes(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape))
