"""The three rungs by name; each is imported only when it is asked for, so that rung 1 needs no torch."""

import importlib.util
from collections.abc import Sequence

from foundation.architecture import Architecture, Parameters
from foundation.errors import InputError
from foundation.rung import Rung

RUNGS = ("numpy_impl", "pytorch_lowlevel", "paper")
NEED_TORCH = ("pytorch_lowlevel", "paper")
INSTALL_TORCH = 'pip install -e ".[torch]"'


def torch_is_installed() -> bool:
    """Whether `import torch` would find something, without importing it."""
    try:
        return importlib.util.find_spec("torch") is not None
    except ValueError:  # sys.modules["torch"] is None: somebody forbade the import
        return False


def available_rungs() -> tuple[str, ...]:
    """The rungs that can run here: all three, or those without torch."""
    return RUNGS if torch_is_installed() else tuple(name for name in RUNGS if name not in NEED_TORCH)


def check_rungs(names: Sequence[str]) -> tuple[str, ...]:
    """The names as a tuple; `InputError` for one that is unknown, named twice or not installed, and for none."""
    if not names:
        raise InputError(f"rungs: expected at least one of {', '.join(RUNGS)}, got none")
    for name in names:
        if name not in RUNGS:
            raise InputError(f"rung: expected one of {', '.join(RUNGS)}, got {name!r}")
        if name not in available_rungs():
            raise InputError(f"rung {name} needs torch, which is not installed: {INSTALL_TORCH}")
    if len(set(names)) < len(names):
        raise InputError(f"rungs: expected every rung once, got {', '.join(names)}")
    return tuple(names)


def split_rungs(text: str) -> tuple[str, ...]:
    """The rungs of an option such as "numpy_impl,paper", checked."""
    return check_rungs([name.strip() for name in text.split(",")] if text.strip() else [])


def make_rung(name: str, architecture: Architecture, parameters: Parameters, learning_rate: float = 1e-3) -> Rung:
    """Build one rung from the given parameters (copied; their dtype is the rung's)."""
    check_rungs([name])
    if name == "numpy_impl":
        from numpy_impl.rung import NumpyRung as Made
    elif name == "pytorch_lowlevel":
        from pytorch_lowlevel.rung import LowlevelRung as Made
    else:
        from paper.rung import PaperRung as Made
    return Made(architecture, parameters, learning_rate=learning_rate)
