"""The reproductions by name, and the options of `vae-ladder reproduce`."""

import dataclasses
import math
from pathlib import Path
from typing import Annotated

from foundation.arguments import Option, Positional, optional
from foundation.errors import InputError, suggest
from foundation.options import check_sizes, check_torch_seed

REPRODUCTIONS = {
    "burda2016": "Importance weighted autoencoders, table 1: log p(x) of VAE and IWAE on MNIST",
    "higgins2017": "beta-VAE: the metric of disentanglement, of VAE and beta-VAE",
    "chen2018": "Sources of disentanglement: MIG of beta-VAE, FactorVAE and beta-TCVAE",
    "sohn2015": "Structured output: completion of MNIST's quadrants, CVAE against a network without latents",
}
"""The paper and the table of every reproduction, by its name."""
MOST_HOURS = 10_000.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReproduceOptions:
    """Make a table of a paper again: its values, ours, and their differences.

    --budget HOURS chooses how far to go: what an epoch and a measurement take is measured at the start, and the epochs
    of all rows, and the test images, are cut so that the whole fits; the table says by how much. Without it the full
    protocol is carried out, which may take days. After a stop --resume RUN goes on where the command was:
    finished rows stay, and a training continues after its last whole epoch.

    Examples:
      vae-ladder reproduce burda2016 --quick
      vae-ladder reproduce burda2016 --budget 8 --data-root data --record burda2016.json
      vae-ladder reproduce --resume runs/2026-01-31_142501_reproduce-burda2016
    """

    name: Annotated[Positional[str], Option("NAME", "")] = ""
    """burda2016, higgins2017, chen2018 or sohn2015."""
    budget: Annotated[float | None, optional("HOURS", "the full protocol")] = None
    """How long the whole may take, measuring included."""
    quick: bool = False
    """Small networks on built-in data, under a minute: what the command does, not what the paper has."""
    seeds: Annotated[int | None, optional("INT", "1 for burda2016, 3 for sohn2015, 5 for the others")] = None
    """How often every row is trained, each time with another seed."""
    seed: int = 0
    """Seed of all random numbers; repetitions take those after it."""
    data_root: Annotated[Path | None, optional("DIR", "the cache folder of VAE Ladder")] = None
    """Folder that holds MNIST in torchvision's layout (DIR/MNIST/raw); of shapes, the dSprites file."""
    device: Annotated[str, Option("NAME")] = "auto"
    """auto takes CUDA, MPS or the CPU, in this order; or a device such as cuda:1."""
    resume: Annotated[Path | None, optional("RUN", "a new run")] = None
    """The run folder of a reproduction that was stopped, in place of NAME; it keeps its own options."""
    record: Annotated[Path | None, optional("FILE", "print only")] = None
    """Also write all numbers to this JSON file."""
    out: Annotated[Path, Option("DIR")] = Path("runs")
    """The folder of the run folders."""

    def __post_init__(self) -> None:
        if self.resume is not None:
            self._check_alone()
            return
        if self.name not in REPRODUCTIONS:
            known, closest = ", ".join(REPRODUCTIONS), suggest(self.name, REPRODUCTIONS)
            raise InputError(f"reproduce: expected one of {known}, got {self.name!r}{closest}")
        if self.budget is not None and not 0 < self.budget <= MOST_HOURS:  # NaN is not, either
            raise InputError(f"budget: expected hours above 0, at most {MOST_HOURS:,.0f}, got {self.budget!r}")
        if self.quick and self.budget is not None:
            raise InputError("budget: --quick has its own, of under a minute; expected one of the two")
        if self.quick and self.data_root is not None:
            raise InputError("data_root: --quick runs on built-in data, expected no folder beside it")
        if self.seeds is not None:
            check_sizes(seeds=self.seeds)
        check_torch_seed(self.seed)

    def _check_alone(self) -> None:
        """Raise `InputError` for an option beside --resume that the run itself has already."""
        for field in dataclasses.fields(self):
            if field.name not in ("resume", "record", "device") and getattr(self, field.name) != field.default:
                raise InputError(f"{field.name}: a run that is resumed keeps its own, expected none beside --resume")


def hours(seconds: float) -> float:
    """Seconds in hours, rounded up to a hundredth: what a budget must have."""
    return math.ceil(seconds / 36) / 100
