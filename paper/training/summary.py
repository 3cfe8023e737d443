"""The layers of a model as a table, by torchinfo."""

from typing import Any

import torch
import torchinfo
from torchinfo.enums import Units

from paper.models.base import Model


def summary(model: Model) -> str:
    """Layers by their names, their output shapes for one image and their numbers of parameters, as lines of text."""
    mould = next(model.parameters())
    x = torch.zeros(1, *model.image_shape, device=mould.device, dtype=mould.dtype)
    labels = torch.zeros(1, device=mould.device, dtype=torch.int64)
    eps = torch.zeros(model.noise_shape(1), device=mould.device, dtype=mould.dtype)
    c = model.condition(x, labels)
    inputs = [x, eps] if c is None else [x, eps, c]
    columns = ("kernel_size", "output_size", "num_params")
    layout: dict[str, Any] = {"col_names": columns, "row_settings": ("var_names",), "col_width": 18}
    found = torchinfo.summary(model, input_data=inputs, device=mould.device, verbose=0, **layout)
    text = str(found)
    for unit in Units:  # Python 3.11 and later write an enumeration's name where torchinfo means its value
        text = text.replace(str(unit), unit.value)
    return text
