"""The experiments by name, and the options of `vae-ladder experiment`."""

import dataclasses
from pathlib import Path
from typing import Annotated

from foundation.arguments import Option, Positional, optional
from foundation.errors import InputError, suggest
from foundation.options import check_torch_seed

EXPERIMENTS = {
    "latent-dim": "How many latents does the data need?",
    "ae-vs-vae": "What does the noise in the latents gain, and what does it cost?",
    "beta": "Does a heavier KL term disentangle the factors of variation?",
    "collapse": "Do warm-up and free bits keep latents in use?",
    "likelihood": "What does the choice of p(x|z) change?",
    "latent-diffusion": "Does a learned prior over z draw better images than N(0, I)?",
    "completion": "How well does a model predict pixels that it is not given?",
    "denoise-and-detect": "Does a VAE remove noise, and does its ELBO detect an unknown class?",
    "augment": "Do images drawn by a conditional VAE help a classifier with few labels?",
    "few-labels": "What do images without labels add to a few with labels?",
    "conditional": "Does giving the label remove the class from the latents?",
    "iwae": "Why do more draws starve the encoder?",
    "codebook": "How many bits does an image need?",
}
"""The question of every experiment, by its name."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExperimentOptions:
    """Run an experiment: a question, answered by a table and figures.

    Examples:
      vae-ladder experiment ae-vs-vae --quick
      vae-ladder experiment latent-dim --data mnist --data-root data
    """

    name: Annotated[Positional[str], Option("NAME")]
    """latent-dim, ae-vs-vae, beta, collapse, likelihood, latent-diffusion, completion, denoise-and-detect, augment,
    few-labels, conditional, iwae or codebook."""
    quick: bool = False
    """Small settings on built-in data, under two minutes."""
    data: Annotated[str | None, optional("NAME|FOLDER", "the experiment's own")] = None
    """Data set; the default is shapes for `beta` and glyphs for all others."""
    data_root: Annotated[Path | None, optional("DIR", "the cache folder of VAE Ladder")] = None
    """Folder that holds MNIST and its siblings in torchvision's layout (DIR/MNIST/raw)."""
    seed: int = 0
    """Seed of all random numbers."""
    device: Annotated[str, Option("NAME")] = "auto"
    """auto takes CUDA, MPS or the CPU, in this order; or a device such as cuda:1."""
    record: Annotated[Path | None, optional("FILE", "print only")] = None
    """Also write all numbers to this JSON file."""
    out: Annotated[Path, Option("DIR")] = Path("runs")
    """The folder of the run folders."""

    def __post_init__(self) -> None:
        if self.name not in EXPERIMENTS:
            known, closest = ", ".join(EXPERIMENTS), suggest(self.name, EXPERIMENTS)
            raise InputError(f"experiment: expected one of {known}, got {self.name!r}{closest}")
        if self.quick and self.data is not None:
            raise InputError(f"data: --quick runs on the experiment's own, got {self.data!r} beside it")
        check_torch_seed(self.seed)
