"""What each command of `vae-ladder` can be asked: one small dataclass a command, read by the command line and by tests.

A field's docstring is its help text. What stands after "Examples:" closes the command's help page.
"""

import dataclasses
from pathlib import Path
from typing import Annotated, Literal

import tyro

from foundation.command_line import optional
from paper.experiments.options import ExperimentOptions
from paper.options import EvaluateOptions

RUNG_SUMMARIES = {
    "numpy_impl": "NumPy, forward and backward by hand; needs no torch",
    "pytorch_lowlevel": "torch tensors, functions and autograd; no nn.Module",
    "paper": "nn.Module models, as the papers write them",
}
"""The rungs, and what each is made of."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingChoices:
    """What climbing and training one rung have in common."""

    data: Annotated[str, tyro.conf.arg(metavar="NAME|FOLDER")] = "glyphs"
    """glyphs, shapes, mnist, fashion-mnist, kmnist, or a folder with images of your own."""
    data_root: Annotated[Path | None, optional("DIR", "the cache folder of VAE Ladder")] = None
    """Folder that holds MNIST and its siblings in torchvision's layout (DIR/MNIST/raw)."""
    latent_dim: int = 2
    """Z, the number of latent variables."""
    epochs: int = 10
    """How often training sees every image."""
    batch_size: int = 128
    """Images per step."""
    learning_rate: float = 1e-3
    """Adam's step size."""
    beta: float = 1.0
    """Weight of the KL term; 1 is the VAE, more is a beta-VAE."""
    likelihood: Literal["bernoulli", "gaussian"] = "bernoulli"
    """p(x|z): Bernoulli on logits, or Gaussian around sigmoid(logits)."""
    seed: int = 0
    """Seed of the first parameters, the batch order and the noise. The data sets themselves stay as they are."""
    out: Annotated[Path, tyro.conf.arg(metavar="DIR")] = Path("runs")
    """Where the run folder is made."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Climb(TrainingChoices):
    """Prove the three rungs equal, train each one, draw what they learned.

    Loads the data; compares logits, losses and every gradient of the rungs in float64, and their parameters
    after 100 Adam steps; trains each rung in float32 from the same start, with the same batches and the same
    noise; draws pictures from each rung's weights; and writes one page, report.html. All of it lies in a new
    folder under --out. Losses are the negative ELBO in nats per image. Ctrl-C keeps what was finished.

    Examples:
      vae-ladder climb
      vae-ladder climb --epochs 3 --rungs numpy_impl,paper
      vae-ladder climb --data mnist --data-root data --latent-dim 20 --epochs 5
    """

    rungs: Annotated[str | None, optional("R,R,..", "all that can run here")] = None
    """The rungs to climb, with commas: numpy_impl, pytorch_lowlevel, paper."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Train(TrainingChoices):
    """Train a model of the papers, or the ladder's VAE on one rung, and draw what it learned.

    The run folder under --out holds config.json, metrics.jsonl (a line a step and a line an epoch),
    weights.safetensors (after every epoch; each rung reads the others') and figures/. numpy_impl needs no torch.

    Examples:
      vae-ladder train numpy_impl
      vae-ladder train paper --latent-dim 10 --beta 4 --epochs 5
      vae-ladder train numpy_impl --data shapes --likelihood gaussian
    """

    rung: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="RUNG")]
    """numpy_impl, pytorch_lowlevel or paper."""
    weights: Annotated[Path | None, optional("FILE", "draw fresh parameters from the seed")] = None
    """A weights.safetensors of the same architecture to start from, whichever rung wrote it."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Figures:
    """Draw the pictures of a run again, and for a climb its report.

    Examples:
      vae-ladder figures
      vae-ladder figures --draw
      vae-ladder figures --out runs
    """

    run: Annotated[tyro.conf.Positional[Path | None], optional("[RUN]", "the latest run under --out")] = None
    """A run folder."""
    out: Annotated[Path, tyro.conf.arg(metavar="DIR")] = Path("runs")
    """Where run folders lie."""
    data_root: Annotated[Path | None, optional("DIR", "as in the run")] = None
    """Folder that holds MNIST and its siblings, where it has moved since the run."""
    draw: tyro.conf.FlagCreatePairsOff[bool] = False
    """Also pictures drawn from p(x|z), beside the expected ones."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Parity:
    """Prove that the rungs compute the same numbers, tensor by tensor.

    Same parameters, batch and eps on every rung: logits, mu, logvar, the parts of the loss and every gradient,
    then the parameters after a number of Adam steps. Exit code 1 when two rungs differ.

    Examples:
      vae-ladder parity
      vae-ladder parity --latent-dim 7 --batch-size 3 --likelihood gaussian
      vae-ladder parity --dtype float32 --steps 20
    """

    latent_dim: int = 2
    """Z, the number of latent variables."""
    batch_size: int = 8
    """Images per batch."""
    seed: int = 0
    """Seed of parameters, images and noise."""
    dtype: Literal["float64", "float32"] = "float64"
    """Precision; float32 is held to wider tolerances."""
    rungs: Annotated[str | None, optional("R,R,..", "all three")] = None
    """The rungs to compare, with commas; the first one is the reference."""
    steps: int = 100
    """Adam steps to compare along."""
    likelihood: Literal["bernoulli", "gaussian"] = "bernoulli"
    """p(x|z): Bernoulli on logits, or Gaussian around sigmoid(logits)."""
    out: Annotated[Path | None, optional("FILE", "print only")] = None
    """Also write the checks as JSON."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Gradcheck:
    """Check the gradients of rung 1, derived by hand, against numeric ones.

    Central differences in float64 against the backward function of every operation, and against the backward
    pass of the whole VAE for every parameter. Exit code 1 when one differs.

    Examples:
      vae-ladder gradcheck
    """


@dataclasses.dataclass(frozen=True, kw_only=True)
class Bench:
    """Measure how fast the rungs are, and how near to what the machine can do.

    Training step and forward pass of every rung at several batch sizes, on one thread and on all; the operations of
    the NumPy step against torch's; an epoch of rung 3; peak memory; and the floor that the machine's own rates set.
    What is compared takes turns within one process, so trust the ratios more than the times. A few minutes.

    Examples:
      vae-ladder bench --quick
      vae-ladder bench --json bench.json --figure bench.png
    """

    quick: tyro.conf.FlagCreatePairsOff[bool] = False
    """Fewer batch sizes and shorter measurements: half a minute."""
    json: Annotated[Path | None, optional("FILE", "print only")] = None
    """Also write every number as JSON."""
    figure: Annotated[Path, tyro.conf.arg(metavar="FILE")] = Path("runs/bench.png")
    """Where the picture goes."""


COMMANDS = {
    "climb": Climb,
    "train": Train,
    "evaluate": EvaluateOptions,
    "experiment": ExperimentOptions,
    "figures": Figures,
    "parity": Parity,
    "gradcheck": Gradcheck,
    "bench": Bench,
}
