"""Training and measuring models from Python, in memory."""

from collections.abc import Callable
from typing import Literal

import numpy as np
import torch

from foundation.data.dataset import Dataset
from foundation.data.splits import Data
from foundation.objective import Objective
from foundation.options import TrainOptions
from foundation.records import Record
from foundation.training import BATCH, Parts, begin, draw_eps, evaluate, train
from paper.models.base import Model
from paper.rung import ModelRung, make_rung, to_array


def fit(options: TrainOptions, data: Data, show: Callable[[Record], None] | None = None) -> Model:
    """Make a model and train it to the end, in memory; it comes back in eval mode.

    `data` holds NumPy arrays or tensors. Raises `InputError` where options or data cannot be used, `Diverged` where a
    loss is not finite.
    """
    rng = np.random.default_rng(options.seed)
    arrays = to_arrays(data)
    rung = make_rung(options, arrays.image_shape, len(arrays.classes), rng, arrays.train.images)
    for record in train(begin(rung, arrays, options, rng)):
        if show is not None:
            show(record)
    return rung.model.eval()


def measure(
    model: Model,
    part: Dataset,
    objective: Objective,
    z: Literal["sampled", "mu"] = "sampled",
    seed: int = 0,
    batch_size: int = BATCH,
) -> Parts:
    """The loss and its parts over a data set, in nats per image: the mean over all images.

    `z` is drawn from q(z|x), by the seed, or its mean.
    """
    rung = ModelRung(model)
    shape = rung.noise_shape(len(part))
    eps = draw_eps(np.random.default_rng(seed), shape, rung.dtype) if z == "sampled" else np.zeros(shape, rung.dtype)
    arrays = Dataset(part.name, part.split, as_array(part.images), as_array(part.labels), part.classes)
    return evaluate(rung, arrays, eps, objective, batch_size)


def to_tensors(
    data: Data[np.ndarray], device: str | torch.device = "cpu", dtype: torch.dtype = torch.float32
) -> Data[torch.Tensor]:
    """The same data as tensors on a device: images in `dtype`, labels as integers."""

    def tensor(array: np.ndarray) -> torch.Tensor:
        value = torch.from_numpy(array).to(device)
        return value.to(dtype) if value.is_floating_point() else value

    return data.convert(tensor)


def to_arrays(data: Data) -> Data[np.ndarray]:
    """The same data as NumPy arrays."""
    return data.convert(as_array)


def as_array(value: np.ndarray | torch.Tensor) -> np.ndarray:
    """An array as it is, a tensor as an array."""
    return to_array(value) if isinstance(value, torch.Tensor) else value
