"""Options of the commands of `vae-ladder`: one small dataclass a command, read by the command line and by tests.

A field's docstring is its help text; the text after "Examples:" closes the command's help page.
"""

import dataclasses
from pathlib import Path
from typing import Annotated, Literal

from foundation.arguments import Flat, Hidden, Option, Positional, optional
from foundation.options import DataOptions, RungName, TrainOptions, no_effect
from foundation.sizes import Architecture
from paper.evaluation.options import EvaluateOptions
from paper.experiments.options import ExperimentOptions
from paper.models.options import BetaVAEOptions, VAEOptions
from paper.reproductions.options import ReproduceOptions

RUNG_SUMMARIES = {
    "numpy_impl": "NumPy, forward and backward by hand; needs no torch",
    "pytorch_lowlevel": "torch tensors, functions and autograd; no nn.Module",
    "paper": "nn.Module models, as the papers write them",
}
"""The rungs, and what each is made of."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Climb(TrainOptions[BetaVAEOptions]):
    """Compare the three rungs number by number, train each one, draw what they learned.

    Loads the data; compares logits, losses and every gradient of the rungs in float64, and their parameters
    after 100 Adam steps; trains each rung in float32 from the same start, with the same batches and the same
    noise; draws pictures from each rung's weights; and writes one page, report.html. All of it lies in a new
    folder under --out. Losses are the negative ELBO in nats per image. Ctrl-C keeps what was finished.

    Examples:
      vae-ladder climb
      vae-ladder climb --epochs 3 --rungs numpy_impl,paper
      vae-ladder climb --data mnist --data-root data --latent-dim 20 --epochs 5
      vae-ladder climb --mine --epochs 1
    """

    model: Flat[BetaVAEOptions] = BetaVAEOptions(beta=1.0)  # noqa: RUF009  (frozen)
    """The VAE; with another --beta than 1 the beta-VAE."""
    data: DataOptions = DataOptions(validation=0.0)  # noqa: RUF009  (frozen)
    """Images to train on; the test images are measured unless some are kept aside."""
    rungs: Annotated[str | None, optional("R,R,..", "all that can run here")] = None
    """The rungs to climb, with commas: numpy_impl, pytorch_lowlevel, paper."""
    mine: bool = False
    """Beside them a rung of your own functions: those of exercises 04 to 13 that pass, numpy_impl's for the rest. Your
    code runs in this very process."""
    as_written: bool = False
    """With --mine: also functions of yours that do not pass, to see what a mistake does."""
    answers: Annotated[Path | None, optional("FOLDER", "my_answers, here or in a folder above")] = None
    """With --mine: the folder of your answers."""
    rung: Hidden[RungName] = "paper"
    weights: Hidden[Path | None] = None
    device: Hidden[str] = "cpu"
    compile: Hidden[bool] = False
    record: Hidden[Path | None] = None

    def training(self, rung: RungName) -> TrainOptions:
        """The options of one rung's training."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(TrainOptions)}
        model: VAEOptions = self.model
        if self.model.beta == 1 and self.model.capacity is None:
            names = [field.name for field in dataclasses.fields(VAEOptions)]
            model = VAEOptions(**{name: getattr(model, name) for name in names})
        return TrainOptions(**fields | {"model": model, "rung": rung})


@dataclasses.dataclass(frozen=True, kw_only=True)
class Resume:
    """Continue a training that was stopped, after its last whole epoch, exactly as it would have gone on.

    With --epochs a finished training is extended: where nothing in its options depends on the number of epochs, the
    result is that of so many epochs from the start, bit for bit. A schedule of the KL weight or of the step size, a
    warm-up and a capacity do depend on it. They then continue as those of the longer training.

    Examples:
      vae-ladder train --resume runs/2026-01-31_142501_train_vae
      vae-ladder train --resume runs/2026-01-31_142501_train_vae --epochs 20
    """

    resume: Path
    """The run folder."""
    epochs: Annotated[int | None, optional("INT", "as the run was begun")] = None
    """Epochs in all, those included that are done."""
    record: Annotated[Path | None, optional("FILE", "print only")] = None
    """Also write command, seed, versions, seconds and the test loss to this JSON file."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Figures:
    """Draw the pictures of a run again, and for a climb its report.

    Examples:
      vae-ladder figures
      vae-ladder figures --draw
      vae-ladder figures RUN --weights best
      vae-ladder figures --out runs
    """

    run: Annotated[Positional[Path | None], optional("[RUN]", "the latest run under --out")] = None
    """A run folder."""
    weights: Literal["last", "best"] = "last"
    """The weights of the last epoch, or those of the epoch with the smallest validation loss (best.safetensors)."""
    out: Annotated[Path, Option("DIR")] = Path("runs")
    """Where run folders lie."""
    data_root: Annotated[Path | None, optional("DIR", "as in the run")] = None
    """Folder that holds MNIST and its siblings, where it has moved since the run."""
    draw: bool = False
    """Also pictures drawn from p(x|z), beside the expected ones."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Explore:
    """Write a page in which the model of a run can be explored with the mouse.

    One HTML file that needs no network and no server: drag a point of the latent space and see its image, draw an
    image and see its code, change every term of the loss, train a small model. Of a climb it shows the rungs side by
    side; two runs share a page. The weights are in the page; the browser computes with the formulas of the rungs.

    Examples:
      vae-ladder explore runs/2026-01-31_142501_train_vae
      vae-ladder explore RUN OTHER_RUN --out page.html
      vae-ladder explore RUN --half
    """

    runs: Annotated[
        Positional[tuple[Path, ...]], optional("[RUN] [RUN]", "a small model that ships with the program")
    ] = ()
    """Run folders, at most two."""
    out: Annotated[Path | None, optional("FILE", "explorer.html, in the first run where one is named")] = None
    """Where the page goes."""
    half: bool = False
    """Weights as float16: half the size; the page says by how much that changes an image."""
    data_root: Annotated[Path | None, optional("DIR", "as in the run")] = None
    """Folder that holds MNIST and its siblings, where it has moved since the run."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Export:
    """Write the model of a run for other programs: ONNX, or the layout of the Hugging Face hub.

    onnx: encoder.onnx and decoder.onnx, for onnxruntime and other runtimes; needs the extra `export`. huggingface:
    config.json and model.safetensors, which `paper.load` reads again. Nothing is uploaded.

    Examples:
      vae-ladder export RUN --to exported
      vae-ladder export RUN --to exported --format huggingface --weights best
    """

    run: Annotated[Positional[Path], Option("RUN")]
    """A run folder of one model."""
    to: Annotated[Path, Option("DIR")]
    """The folder to write into; it is made where it does not exist."""
    format: Literal["onnx", "huggingface"] = "onnx"
    """What to write."""
    weights: Literal["last", "best"] = "last"
    """The weights of the last epoch, or those of the epoch with the smallest validation loss (best.safetensors)."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Parity:
    """Compare the numbers that the rungs compute, tensor by tensor.

    Same parameters, batch and eps on every rung: logits, mu, logvar, the parts of the loss and every gradient,
    then the parameters after a number of Adam steps. Exit code 1 when two rungs differ.

    Examples:
      vae-ladder parity
      vae-ladder parity --latent-dim 7 --batch-size 3 --likelihood gaussian
      vae-ladder parity --dtype float32 --steps 20
      vae-ladder parity --rungs numpy_impl --mine
    """

    latent_dim: int = Architecture.latent_dim
    """Z, the number of latent variables."""
    batch_size: int = 8
    """Images per batch."""
    seed: int = 0
    """Seed of parameters, images and noise."""
    dtype: Literal["float64", "float32"] = "float64"
    """Precision; float32 is held to wider tolerances."""
    rungs: Annotated[str | None, optional("R,R,..", "all three, and autograd")] = None
    """The rungs to compare, with commas, and autograd, rung 1 with its own; the first one is the reference."""
    steps: int = 100
    """Adam steps to compare along."""
    likelihood: Literal["bernoulli", "gaussian"] = "bernoulli"
    """p(x|z): Bernoulli on logits, or Gaussian around sigmoid(logits)."""
    mine: bool = False
    """Also your own functions: those of exercises 04 to 13 that pass, numpy_impl's for the rest."""
    as_written: bool = False
    """With --mine: also functions of yours that do not pass."""
    answers: Annotated[Path | None, optional("FOLDER", "my_answers, here or in a folder above")] = None
    """With --mine: the folder of your answers."""
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
      vae-ladder bench --browser
    """

    quick: bool = False
    """Fewer batch sizes and shorter measurements: half a minute."""
    browser: bool = False
    """Only the explorer's page, in the system's Chromium or Chrome: opening, decoding, a loss, training steps."""
    json: Annotated[Path | None, optional("FILE", "print only")] = None
    """Also write every number as JSON."""
    figure: Annotated[Path, Option("FILE")] = Path("runs/bench.png")
    """Where the picture goes."""

    def __post_init__(self) -> None:
        if self.browser and self.quick:
            raise no_effect("quick", "--browser measures the page alone")
        if self.browser and self.figure != Bench.figure:
            raise no_effect("figure", "--browser draws none")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Doctor:
    """Examine a VAE in a file: is its loss right?

    FILE is a Python file with a torch module, or with functions encode, decode and a loss; FILE.py:NAME and MODULE:NAME
    name one of several. It runs in a process of its own, within limits. The doctor sets mu, the spread, the noise and
    the decoder's output, and measures what z and the loss make of them: the units of each term and the weight of the
    KL that its reductions really mean, sigma or sigma squared, the sign and the terms of the KL, gradients, noise,
    logits or probabilities, training against evaluation. What it cannot tell, it says. Exit code 1 where something is
    wrong.

    Examples:
      vae-ladder doctor my_vae.py
      vae-ladder doctor my_vae.py:ConvVAE --make "ConvVAE(3, 128)" --input 3,64,64
      vae-ladder doctor my_vae.py --loss "loss_fn(recon, x, mu, logvar, 0.5)"
    """

    file: Annotated[Positional[str], Option("FILE")]
    """A Python file, FILE.py:NAME, or MODULE:NAME."""
    make: Annotated[str | None, optional("TEXT", "the class without arguments, or with sizes by their names")] = None
    """The expression that makes the model, in the file's own names."""
    input: Annotated[str | None, optional("C,H,W", "tried: MNIST's, then larger ones")] = None
    """The shape of one image, or a number of entries."""
    loss: Annotated[str | None, optional("TEXT", "found by its name")] = None
    """The loss: its name, or an expression in x, recon, mu, logvar, z and model."""
    encode: Annotated[str | None, optional("NAME", "found by its name")] = None
    """Of a file of functions: the one that encodes."""
    sample: Annotated[str | None, optional("NAME", "found by its name")] = None
    """The one that draws z."""
    decode: Annotated[str | None, optional("NAME", "found by its name")] = None
    """The one that decodes."""
    sandbox: Annotated[Literal["auto", "require", "none"], Option()] = "auto"
    """Keep the file from writing and from the network: where the system can, always or not at all, or never."""
    time_limit: Annotated[float, Option("SECONDS")] = 120.0
    """The longest time for running the file, and for measuring. A file that still runs after a third of it is run again
    without the loops and calls at its top level."""
    memory_limit: Annotated[int, Option("MB")] = 8192
    """The memory for it; enforced on Linux only."""
    out: Annotated[Path | None, optional("FILE", "print only")] = None
    """Also write findings and measurements as JSON."""


COMMANDS = {
    "climb": Climb,
    "train": TrainOptions,
    "evaluate": EvaluateOptions,
    "experiment": ExperimentOptions,
    "reproduce": ReproduceOptions,
    "figures": Figures,
    "explore": Explore,
    "export": Export,
    "parity": Parity,
    "gradcheck": Gradcheck,
    "bench": Bench,
    "doctor": Doctor,
}
