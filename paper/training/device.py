"""Where torch computes and in which precision."""

import os

import torch

from foundation.errors import InputError

DTYPES = {"float32": torch.float32, "bf16": torch.float32, "float64": torch.float64}
"""The dtype of images, parameters and losses, by the option `precision`."""


def choose_device(name: str) -> torch.device:
    """The device of that name; "auto" takes CUDA, MPS or the CPU. Raises `InputError` for one that is not there."""
    there = [kind for kind, module in {"cuda": torch.cuda, "mps": torch.backends.mps}.items() if module.is_available()]
    if name == "auto":
        name = there[0] if there else "cpu"
    if name == "cuda":  # where torchrun started a process for each GPU, its own
        name = f"cuda:{os.environ.get('LOCAL_RANK', 0)}"
    try:
        torch.zeros(1, device=name).item()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        known = ", ".join(["auto", "cpu", *there])
        raise InputError(f"device: expected one that this machine has ({known}), got {name!r}") from error
    return torch.device(name)


def check_compiler(device: torch.device) -> None:
    """Raise `InputError` where torch.compile has no compiler to work with, before anything else is done."""
    try:
        torch.compile(torch.sin)(torch.zeros(2, device=device))
    except RuntimeError as error:
        reason = next(filter(None, map(str.strip, str(error).splitlines())), "no reason given")
        raise InputError(f"compile: torch.compile does not work on this machine: {reason}") from error
