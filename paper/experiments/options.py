"""The experiments by name, and what can be asked of one: a dataclass, read by the command line."""

import dataclasses
from pathlib import Path
from typing import Annotated

import tyro

from foundation.command_line import optional
from foundation.errors import InputError
from paper.models.options import check_sizes

EXPERIMENTS = {
    "latent-dim": "How many latents does the data need?",
    "ae-vs-vae": "What does the noise buy, and what does it cost?",
    "beta": "Does a heavier KL term take the factors of variation apart?",
    "collapse": "Do warm-up and free bits keep latents in use?",
    "likelihood": "What does the choice of p(x|z) change?",
    "completion": "What can a model say about pixels that it was not shown?",
    "denoise-and-detect": "Does a VAE remove noise, and does its ELBO know a stranger?",
    "augment": "Do images drawn by a conditional VAE help a classifier with few labels?",
    "conditional": "Does the label take the class out of the latents?",
}
"""Every experiment by its name, and the question that it answers."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExperimentOptions:
    """Run one of the paper rung's experiments: a question, a table, pictures.

    Examples:
      vae-ladder experiment ae-vs-vae --quick
      vae-ladder experiment latent-dim --data mnist --data-root data
    """

    name: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="NAME")]
    """latent-dim, ae-vs-vae, beta, collapse, likelihood, completion, denoise-and-detect, augment or conditional."""
    quick: tyro.conf.FlagCreatePairsOff[bool] = False
    """A small form on built-in data, under two minutes."""
    data: Annotated[str | None, optional("NAME|FOLDER", "the experiment's own")] = None
    """Data set; by itself `beta` takes shapes, all others take glyphs."""
    data_root: Annotated[Path | None, optional("DIR", "the cache folder of VAE Ladder")] = None
    """Folder that holds MNIST and its siblings in torchvision's layout (DIR/MNIST/raw)."""
    seed: int = 0
    """Seed of everything that is drawn."""
    device: Annotated[str, tyro.conf.arg(metavar="NAME")] = "auto"
    """auto takes CUDA, MPS or the CPU, in this order; or name one, such as cuda:1."""
    record: Annotated[Path | None, optional("FILE", "print only")] = None
    """Also write every number to this JSON file."""
    out: Annotated[Path, tyro.conf.arg(metavar="DIR")] = Path("runs")
    """Where the run folder is made."""

    def __post_init__(self) -> None:
        if self.name not in EXPERIMENTS:
            raise InputError(f"experiment: expected one of {', '.join(EXPERIMENTS)}, got {self.name!r}")
        if self.quick and self.data is not None:
            raise InputError(f"data: --quick runs on the experiment's own, got {self.data!r} beside it")
        check_sizes(seed=self.seed, least=0)
