"""Rung 3's training step under `torch.compile`, in a process of its own that may take its time, but not too long."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np

from foundation.architecture import Architecture
from foundation.objective import Objective
from ladder.bench.timing import Patience, Time, on_threads, take_turns
from ladder.rungs import torch_is_installed

BATCH = 128
LONGEST = 100  # seconds for compiling and measuring; half a minute is usual
EAGER, COMPILED = "paper", "paper compiled"


def measure_compiled(threads: int) -> dict[str, Time] | str:
    """Rung 3's step as it is and compiled, taking turns; or why there is nothing to say."""
    if not torch_is_installed():
        return "torch is not installed"
    if not any(map(shutil.which, (os.environ.get("CXX", "g++"), "clang++", "cl"))):
        return "there is no C++ compiler"
    command = [sys.executable, "-m", "ladder.bench.compiled", str(threads)]
    # Compiling in the process itself: a pool of workers could outlive it.
    environment = os.environ | {"TORCHINDUCTOR_COMPILE_THREADS": "1"}
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=LONGEST)
    except subprocess.TimeoutExpired:
        return f"it took more than {LONGEST} seconds"
    if done.returncode:
        return (done.stderr.strip().splitlines() or ["it failed"])[-1]
    return {who: Time(*quantiles) for who, quantiles in json.loads(done.stdout.splitlines()[-1]).items()}


def times_of_steps(threads: int) -> dict[str, Time]:
    """Compile and measure, in this process."""
    import torch

    from paper import vae_paper as vae

    architecture = Architecture()
    x, eps = torch.rand(BATCH, *architecture.image_shape), torch.randn(BATCH, architecture.latent_dim)

    def step_of(compiled: bool):
        model = vae.init(architecture, np.random.default_rng(0))
        optimizer = torch.optim.Adam(model.parameters())
        model = torch.compile(model) if compiled else model
        return lambda: vae.train_step(model, optimizer, x, eps, Objective())

    with on_threads(threads):
        return take_turns({EAGER: step_of(False), COMPILED: step_of(True)}, Patience(6, 0.15), threads)


if __name__ == "__main__":
    print(json.dumps({who: (t.median, t.low, t.high) for who, t in times_of_steps(int(sys.argv[1])).items()}))
