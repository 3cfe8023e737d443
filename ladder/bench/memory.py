"""Peak memory of a training step, read from the operating system, in a process of its own for each rung."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np

from foundation.architecture import Architecture, initial_parameters
from foundation.objective import Objective
from ladder.rungs import make_rung

STATUS = Path("/proc/self/status")


def can_measure_memory() -> bool:
    """Whether this system tells a process its peak: Linux and macOS do."""
    return importlib.util.find_spec("resource") is not None


def measure_memory(rung: str, batch_size: int) -> int:
    """Bytes that a rung adds to its process at the highest: parameters, moments, gradients and activations."""
    command = [sys.executable, "-m", "ladder.bench.memory", rung, str(batch_size)]
    return int(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)


def memory_of_steps(rung: str, batch_size: int) -> int:
    """How far three steps raise this process's peak above what the imported and used libraries need by themselves."""
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
    """The most bytes this process ever had in memory."""
    if STATUS.exists():
        # Not ru_maxrss, which on Linux begins with the peak of the process that started this one.
        line = next(line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
        return 1024 * int(line.split()[1])
    import resource  # not on Windows

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    print(memory_of_steps(sys.argv[1], int(sys.argv[2])))
