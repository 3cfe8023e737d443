"""The parts of the NumPy step, each against the same operation in torch, on the step's own arrays."""

from collections.abc import Callable, Iterator

import numpy as np

from foundation.architecture import Architecture, initial_parameters
from foundation.objective import Objective
from ladder.bench.results import PartTime
from ladder.bench.timing import Patience, Task, on_threads, take_turns
from ladder.rungs import torch_is_installed
from numpy_impl import functional, optim
from numpy_impl import vae_numpy as vae

Part = tuple[str, str, dict[str, Task]]
"""Operation, direction, and a task for each library."""


def measure_parts(architecture: Architecture, batch_size: int, patience: Patience) -> list[PartTime]:
    """Every operation forward and backward, and Adam, on one thread: rung 1 shares out images, not operations."""
    found = []
    with on_threads(1):
        for operation, direction, tasks in parts(architecture, batch_size):
            times = take_turns(tasks, patience, threads=1)
            found.append(PartTime(operation, direction, times["numpy"], times.get("torch")))
    return found


def parts(architecture: Architecture, batch_size: int) -> Iterator[Part]:
    """The operations in the order of the step, each on the input that it meets there, in the same memory order."""
    rng = np.random.default_rng(0)
    parameters = initial_parameters(architecture, rng)
    x = rng.random((batch_size, *architecture.image_shape), np.float32)
    eps = rng.standard_normal((batch_size, architecture.latent_dim), np.float32)
    (_, _, h1, h2, h3), z, (logits, h4, h5, h6) = vae.forward(parameters, x, eps)
    layers = {
        "encoder.conv1": ("conv2d", x, vae.DOWN),
        "encoder.conv2": ("conv2d", h1, vae.DOWN),
        "encoder.fc": ("linear", h2.reshape(batch_size, -1), {}),
        "encoder.mu": ("linear", h3, {}),
        "decoder.fc1": ("linear", z, {}),
        "decoder.fc2": ("linear", h4, {}),
        "decoder.conv_transpose1": ("conv_transpose2d", h5, vae.UP),
        "decoder.conv_transpose2": ("conv_transpose2d", h6, vae.UP),
    }
    for name, (operation, array, options) in layers.items():
        weight, bias = vae.layer(parameters, name)
        y = getattr(functional, operation)(array, weight, bias, **options)
        yield from _layer(name, operation, array, weight, bias, np.copy(y, order="K"), options)
    yield from _relu("relu(h1)", h1)
    yield from _loss(logits, x)
    yield _adam(parameters, vae.backward(parameters, x, eps, vae.forward(parameters, x, eps), Objective()))


def _layer(
    name: str,
    operation: str,
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray,
    dy: np.ndarray,
    options: dict[str, int],
) -> Iterator[Part]:
    first = name == "encoder.conv1"  # needs no gradient of the data
    f = getattr(functional, operation)
    backward = functional.conv2d_parameters_backward if first else getattr(functional, f"{operation}_backward")
    forward_tasks: dict[str, Task] = {"numpy": lambda: f(x, weight, bias, **options)}
    backward_tasks: dict[str, Task] = {"numpy": lambda: backward(dy, x, weight, **options)}
    if torch_is_installed():
        import torch.nn.functional as F

        torch_f = getattr(F, operation)
        forward_tasks["torch"], backward_tasks["torch"] = _in_torch(
            lambda x, weight, bias: torch_f(x, weight, bias, **options), (x, weight, bias), dy, skip=int(first)
        )
    yield name, "forward", forward_tasks
    yield name, "backward", backward_tasks


def _relu(name: str, x: np.ndarray) -> Iterator[Part]:
    dy = np.copy(x, order="K")
    forward_tasks: dict[str, Task] = {"numpy": lambda: functional.relu(x)}
    backward_tasks: dict[str, Task] = {"numpy": lambda: functional.relu_backward(dy, x)}
    if torch_is_installed():
        import torch.nn.functional as F

        forward_tasks["torch"], backward_tasks["torch"] = _in_torch(F.relu, (x,), dy)
    yield name, "forward", forward_tasks
    yield name, "backward", backward_tasks


def _loss(logits: np.ndarray, x: np.ndarray) -> Iterator[Part]:
    forward_tasks: dict[str, Task] = {"numpy": lambda: functional.binary_cross_entropy_with_logits(logits, x)}
    backward_tasks: dict[str, Task] = {
        "numpy": lambda: functional.binary_cross_entropy_with_logits_backward(1.0, logits, x)
    }
    if torch_is_installed():
        import torch
        import torch.nn.functional as F

        target = torch.from_numpy(x)
        forward_tasks["torch"], backward_tasks["torch"] = _in_torch(
            lambda logits: F.binary_cross_entropy_with_logits(logits, target, reduction="sum"),
            (logits,),
            np.ones((), np.float32),
        )
    yield "cross entropy", "forward", forward_tasks
    yield "cross entropy", "backward", backward_tasks


def _adam(parameters: dict[str, np.ndarray], gradients: dict[str, np.ndarray]) -> Part:
    mine = {name: value.copy() for name, value in parameters.items()}
    optimizer = optim.Adam(mine, learning_rate=1e-3)
    tasks: dict[str, Task] = {"numpy": lambda: optimizer.step(gradients)}
    if torch_is_installed():
        import torch

        tensors = [torch.tensor(value, requires_grad=True) for value in parameters.values()]
        for tensor, gradient in zip(tensors, gradients.values(), strict=True):
            tensor.grad = torch.tensor(gradient)
        torch_optimizer = torch.optim.Adam(tensors)
        tasks["torch"] = lambda: torch_optimizer.step()
    return "Adam", "update", tasks


def _in_torch(
    f: Callable[..., object], inputs: tuple[np.ndarray, ...], dy: np.ndarray, skip: int = 0
) -> tuple[Task, Task]:
    """Forward as in training, with a graph recorded, and backward by autograd for all inputs but the first `skip`."""
    import torch

    # torch's step keeps its arrays NCHW in memory, whatever NumPy's order is.
    tensors = [torch.tensor(np.ascontiguousarray(array)) for array in inputs]
    wanted = tensors[skip:]
    for tensor in wanted:
        tensor.requires_grad_()
    y, gradient = f(*tensors), torch.tensor(np.ascontiguousarray(dy))
    return lambda: f(*tensors), lambda: torch.autograd.grad(y, wanted, gradient.reshape(y.shape), retain_graph=True)
