"""Measurements of the rungs: whole passes, the operations of the NumPy step beside torch's, and peak memory.

Run as a module, `python -m ladder.bench.rungs RUNG BATCH_SIZE`, it prints the peak memory of one rung's steps.
"""

import importlib.util
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from foundation.architecture import Architecture, initial_parameters
from foundation.objective import Objective
from ladder.bench.results import PLAIN, PartTime, PassTime
from ladder.bench.timing import Patience, Task, on_threads, take_turns
from ladder.rungs import make_rung, torch_is_installed
from numpy_impl import functional, optim
from numpy_impl import vae_numpy as vae

Part = tuple[str, str, dict[str, Task]]
"""Operation, direction, and a task for each library."""

STATUS = Path("/proc/self/status")

# Whole passes


def measure_passes(
    architecture: Architecture, rungs: Sequence[str], batch_size: int, threads: int, patience: Patience
) -> list[PassTime]:
    """Measure training step and forward pass on one batch, through the interface that training uses."""
    rng = np.random.default_rng(0)
    parameters = initial_parameters(architecture, rng)
    x = rng.random((batch_size, *architecture.image_shape), np.float32)
    eps = rng.standard_normal((batch_size, architecture.latent_dim), np.float32)
    made = {name: make_rung(name, architecture, parameters) for name in rungs}
    steps: dict[str, Task] = {name: partial(rung.step, x, eps, Objective()) for name, rung in made.items()}
    forwards: dict[str, Task] = {name: partial(rung.evaluate, x, eps, Objective()) for name, rung in made.items()}
    if "paper" in made:
        import torch

        from ladder.bench.tutorial import plain_step

        step, tensor = plain_step(architecture.latent_dim), torch.from_numpy(x)
        steps[PLAIN] = lambda: step(tensor)
    with on_threads(threads):
        found = {
            "step": take_turns(steps, patience, threads),
            "forward": take_turns(forwards, patience, threads),
        }
    return [PassTime(what, who, batch_size, threads, t) for what in found for who, t in found[what].items()]


# Operations of the NumPy step


def measure_parts(architecture: Architecture, batch_size: int, patience: Patience) -> list[PartTime]:
    """Measure every operation forward and backward, and Adam, on one thread: rung 1 divides batches, not operations."""
    found = []
    with on_threads(1):
        for operation, direction, tasks in parts(architecture, batch_size):
            times = take_turns(tasks, patience, threads=1)
            found.append(PartTime(operation, direction, times["numpy"], times.get("torch")))
    return found


def parts(architecture: Architecture, batch_size: int) -> Iterator[Part]:
    """The operations in the order of the step, each on its input there, in the same memory order."""
    rng = np.random.default_rng(0)
    parameters = initial_parameters(architecture, rng)
    x = rng.random((batch_size, *architecture.image_shape), np.float32)
    eps = rng.standard_normal((batch_size, architecture.latent_dim), np.float32)
    run, hidden = vae.forward(parameters, x, eps)
    (h1, h2, h3), (h4, h5, h6) = hidden
    layers = {
        "encoder.conv1": ("conv2d", x, vae.DOWN),
        "encoder.conv2": ("conv2d", h1, vae.DOWN),
        "encoder.fc": ("linear", h2.reshape(batch_size, -1), {}),
        "encoder.mu": ("linear", h3, {}),
        "decoder.fc1": ("linear", run.z, {}),
        "decoder.fc2": ("linear", h4, {}),
        "decoder.conv_transpose1": ("conv_transpose2d", h5, vae.UP),
        "decoder.conv_transpose2": ("conv_transpose2d", h6, vae.UP),
    }
    for name, (operation, array, options) in layers.items():
        weight, bias = vae.layer(parameters, name)
        y = getattr(functional, operation)(array, weight, bias, **options)
        yield from _layer(name, operation, array, weight, bias, np.copy(y, order="K"), options)
    yield from _relu("relu(h1)", h1)
    yield from _loss(run.logits, x)
    yield _adam(parameters, vae.backward(parameters, x, eps, run, hidden, Objective()))


def _layer(
    name: str,
    operation: str,
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray,
    dy: np.ndarray,
    options: dict[str, int],
) -> Iterator[Part]:
    first = name == "encoder.conv1"  # its input is data, which needs no gradient
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
    f: Callable[..., Any], inputs: tuple[np.ndarray, ...], dy: np.ndarray, skip: int = 0
) -> tuple[Task, Task]:
    """Forward as in training, with a graph recorded, and backward by autograd for all inputs but the first `skip`."""
    import torch

    # torch's step keeps its arrays NCHW in memory, independently of NumPy's order.
    tensors = [torch.tensor(np.ascontiguousarray(array)) for array in inputs]
    wanted = tensors[skip:]
    for tensor in wanted:
        tensor.requires_grad_()
    y, gradient = f(*tensors), torch.tensor(np.ascontiguousarray(dy))
    return lambda: f(*tensors), lambda: torch.autograd.grad(y, wanted, gradient.reshape(y.shape), retain_graph=True)


# Memory


def can_measure_memory() -> bool:
    """Whether the system reports the peak memory of a process, as Linux and macOS do."""
    return importlib.util.find_spec("resource") is not None


def measure_memory(rung: str, batch_size: int) -> int:
    """Peak bytes that a rung adds to its process: parameters, moments, gradients and activations."""
    command = [sys.executable, "-m", "ladder.bench.rungs", rung, str(batch_size)]
    return int(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)


def memory_of_steps(rung: str, batch_size: int) -> int:
    """Bytes by which three steps raise this process's peak above the need of the libraries themselves."""
    _take_steps(rung, Architecture(1, channels=(1, 1), hidden_dim=1), 1)
    before = peak()
    _take_steps(rung, Architecture(), batch_size)
    return peak() - before


def _take_steps(name: str, architecture: Architecture, batch_size: int) -> None:
    rng = np.random.default_rng(0)
    rung = make_rung(name, architecture, initial_parameters(architecture, rng))
    x = rng.random((batch_size, *architecture.image_shape), np.float32)
    eps = rng.standard_normal((batch_size, architecture.latent_dim), np.float32)
    for _ in range(3):
        rung.step(x, eps, Objective())


def peak() -> int:
    """Peak bytes of this process so far."""
    if STATUS.exists():
        # ru_maxrss on Linux includes the peak of the process that started this one.
        line = next(line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
        return 1024 * int(line.split()[1])
    import resource  # not on Windows

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    print(memory_of_steps(sys.argv[1], int(sys.argv[2])))
