"""The one architecture that all three rungs build, and the values its parameters start from."""

import math

import numpy as np

from foundation.errors import InputError
from foundation.sizes import Architecture

__all__ = ["Architecture", "Parameters", "check_parameters", "initial_parameters"]

Parameters = dict[str, np.ndarray]


def initial_parameters(architecture: Architecture, rng: np.random.Generator, dtype: type = np.float32) -> Parameters:
    r"""Draw the values that training starts from: U(-b, b) with b = 1 / sqrt(fan_in), as in torch's layers.

    torch counts fan_in as `weight[0].size` for every layer, transposed convolutions too; so do we. The draws
    are made in float64 and rounded, so that both dtypes start from the same numbers.
    """
    shapes = architecture.parameter_shapes()
    parameters: Parameters = {}
    for name, shape in shapes.items():
        fan_in = math.prod(shapes[f"{name.rpartition('.')[0]}.weight"][1:])
        bound = 1 / math.sqrt(fan_in)
        parameters[name] = rng.uniform(-bound, bound, shape).astype(dtype)
    return parameters


def check_parameters(architecture: Architecture, parameters: Parameters, source: str = "parameters") -> None:
    """Raise `InputError` naming the first entry that is missing, unknown, misshapen or not finite, or mixed dtypes."""
    shapes = architecture.parameter_shapes()
    for name in parameters.keys() - shapes.keys():
        raise InputError(f"{source}: unknown tensor {name!r} for {architecture}")
    for name, shape in shapes.items():
        if name not in parameters:
            raise InputError(f"{source}: tensor {name!r} is missing")
        if parameters[name].shape != shape:
            raise InputError(
                f"{source}: tensor {name!r} has shape {parameters[name].shape}, expected {shape} (latent size "
                f"{architecture.latent_dim}, channels {architecture.channels}, hidden {architecture.hidden_dim})"
            )
        if not np.isfinite(parameters[name]).all():
            raise InputError(f"{source}: tensor {name!r} holds NaN or infinity")
    dtypes = {value.dtype for value in parameters.values()}
    if dtypes not in ({np.dtype(np.float32)}, {np.dtype(np.float64)}):
        raise InputError(f"{source}: expected all float32 or all float64, got {', '.join(sorted(map(str, dtypes)))}")
