"""What can be asked of training and evaluating on the paper rung: dataclasses, read by the command line.

A field's docstring is its help text; what stands after "Examples:" closes the help page. Nothing here needs torch.
"""

import dataclasses
import math
from pathlib import Path
from typing import Annotated, Generic, Literal, TypeVar

import tyro

from foundation.command_line import optional
from foundation.errors import InputError
from paper.models.options import (
    MODELS,
    AutoencoderOptions,
    BetaVAEOptions,
    Condition,
    ConditionalVAEOptions,
    IWAEOptions,
    Likelihood,
    VAEOptions,
    VQVAEOptions,
    check_positive,
    check_sizes,
)

__all__ = [
    "MODELS",
    "AutoencoderOptions",
    "BetaVAEOptions",
    "Condition",
    "ConditionalVAEOptions",
    "DataOptions",
    "EvaluateOptions",
    "IWAEOptions",
    "KLOptions",
    "Likelihood",
    "OptimizerOptions",
    "TrainOptions",
    "VAEOptions",
    "VQVAEOptions",
]


@dataclasses.dataclass(frozen=True, kw_only=True)
class DataOptions:
    """Which images to learn from, and how."""

    name: Annotated[str, tyro.conf.arg(metavar="NAME|FOLDER", aliases=["--data"])] = "glyphs"
    """glyphs, shapes, mnist, fashion-mnist, kmnist, or a folder with images of your own."""
    root: Annotated[Path | None, optional("DIR", "the cache folder of VAE Ladder", "--data-root")] = None
    """Folder that holds MNIST and its siblings in torchvision's layout (DIR/MNIST/raw)."""
    labels: Annotated[tuple[int, ...], optional("CLASS..", "all")] = ()
    """Learn from these classes only, and test on them."""
    binarise: Literal["none", "static", "dynamic"] = "none"
    """none: pixels as they are; static: each drawn once as Bernoulli(pixel); dynamic: drawn anew for every batch
    of training, once for validation and test."""
    validation: float = 0.05
    """Share of the training images kept aside to watch the loss on, chosen by the seed; 0 trains on all."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "labels", tuple(self.labels))
        if not 0 <= self.validation < 1:
            raise InputError(f"data.validation: expected a share in [0, 1), got {self.validation!r}")
        if len(set(self.labels)) < len(self.labels) or min(self.labels, default=0) < 0:
            raise InputError(f"data.labels: expected different classes from 0 on, got {self.labels}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class KLOptions:
    """How the KL term is held back, so that latents do not collapse before they are of use."""

    schedule: Literal["constant", "linear", "cyclical"] = "constant"
    """Factor on beta: always 1; linear: 0 to 1 over the warm-up; cyclical: that in every cycle (Fu et al. 2019)."""
    warmup: float = 0.25
    """linear: share of training until the factor is 1; cyclical: share of each cycle."""
    cycles: int = 4
    """cyclical: number of cycles."""
    free_bits: float = 0.0
    """lambda in nats: each latent's KL, averaged over the batch, costs at least this much (Kingma et al. 2016)."""

    def __post_init__(self) -> None:
        check_sizes(cycles=self.cycles)
        if not 0 < self.warmup <= 1:
            raise InputError(f"kl.warmup: expected a share in (0, 1], got {self.warmup!r}")
        if not (math.isfinite(self.free_bits) and self.free_bits >= 0):
            raise InputError(f"kl.free_bits: expected a finite number >= 0, got {self.free_bits!r}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class OptimizerOptions:
    """How steps are taken."""

    name: Literal["adam", "adamw"] = "adam"
    """Adam, or AdamW with weight decay."""
    learning_rate: Annotated[float, tyro.conf.arg(aliases=["--learning-rate"])] = 1e-3
    """The largest step size."""
    weight_decay: float = 0.0
    """adamw: how much of each weight is taken away, times the step size."""
    schedule: Literal["constant", "cosine"] = "constant"
    """cosine: the step size falls to 0 along half a cosine."""
    warmup: float = 0.0
    """Share of training in which the step size grows from 0 in a straight line."""

    def __post_init__(self) -> None:
        check_positive(learning_rate=self.learning_rate)
        if not (math.isfinite(self.weight_decay) and self.weight_decay >= 0):
            raise InputError(f"optimizer.weight_decay: expected a finite number >= 0, got {self.weight_decay!r}")
        if self.weight_decay and self.name == "adam":
            raise InputError("optimizer.weight_decay: Adam has none; choose --optimizer.name adamw")
        if not 0 <= self.warmup < 1:
            raise InputError(f"optimizer.warmup: expected a share in [0, 1), got {self.warmup!r}")


Model = TypeVar("Model")


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainOptions(Generic[Model]):
    """Train a model, measure it on the test images, draw what it learned.

    The run folder under --out holds config.json, metrics.jsonl (a line a step and a line an epoch), weights.safetensors
    (of the last epoch), best.safetensors (of the epoch with the smallest validation loss), test.json and figures/.
    Losses are in nats per image. Whatever stops a training, `vae-ladder train --resume RUN` goes on after its last
    whole epoch.

    Examples:
      vae-ladder train vae --epochs 20 --kl.schedule linear
      vae-ladder train cvae --data mnist --data-root data --data.labels 3 5 7
      vae-ladder train --resume runs/2026-01-31_142501_train_vae
    """

    model: tyro.conf.OmitArgPrefixes[Model]
    """What the model is made of."""
    data: DataOptions = DataOptions()
    kl: KLOptions = KLOptions()
    optimizer: OptimizerOptions = OptimizerOptions()
    epochs: int = 10
    """Passes over the training images."""
    batch_size: int = 128
    """Images per step, over all processes; the last batch of an epoch may be smaller."""
    seed: int = 0
    """Seed of initial values, validation split, batch order and noise."""
    z: Literal["sampled", "mu"] = "sampled"
    """Validation and test: z drawn from q(z|x), as in training, or its mean."""
    device: Annotated[str, tyro.conf.arg(metavar="NAME")] = "auto"
    """auto takes CUDA, MPS or the CPU, in this order; or name one, such as cuda:1."""
    precision: Literal["float32", "bf16", "float64"] = "float32"
    """bf16: products in bfloat16, losses and parameters in float32."""
    compile: tyro.conf.FlagCreatePairsOff[bool] = False
    """Compile the network with torch.compile."""
    record: Annotated[Path | None, optional("FILE", "print only")] = None
    """Also write command, seed, versions, seconds and the test loss to this JSON file."""
    out: Annotated[Path, tyro.conf.arg(metavar="DIR")] = Path("runs")
    """Where the run folder is made."""

    def __post_init__(self) -> None:
        check_sizes(epochs=self.epochs, batch_size=self.batch_size)
        check_sizes(seed=self.seed, least=0)
        if self.kl == KLOptions():
            return
        if isinstance(self.model, AutoencoderOptions | IWAEOptions | VQVAEOptions):
            raise InputError("kl: this model's objective has no KL term to hold back; leave --kl at its defaults")
        if isinstance(self.model, BetaVAEOptions) and self.model.capacity is not None:
            raise InputError("kl: with a capacity, gamma |KL - C| is the whole KL term; leave --kl at its defaults")


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvaluateOptions:
    """Measure a trained model on the test images.

    The ELBO and its parts; log p(x) by importance sampling with its standard error; KL of every latent and the
    active units; disentanglement where the factors of variation are known (shapes, glyphs).

    Examples:
      vae-ladder evaluate
      vae-ladder evaluate --draws 5000 --images 1000
    """

    run: Annotated[tyro.conf.Positional[Path | None], optional("[RUN]", "the latest run under --out")] = None
    """A run folder."""
    draws: int = 1000
    """K, the draws of z for each image in log p(x); 0 leaves log p(x) out. Papers take 5000."""
    images: int = 500
    """Test images that log p(x) is measured on, spread evenly over the test set; 0 takes all."""
    binarise: Literal["auto", "none", "static"] = "auto"
    """Images for log p(x). auto: a Bernoulli sees each pixel drawn once as black or white, others see grey."""
    seed: int = 0
    """Seed of every draw."""
    device: Annotated[str, tyro.conf.arg(metavar="NAME")] = "auto"
    """auto takes CUDA, MPS or the CPU, in this order; or name one, such as cuda:1."""
    data_root: Annotated[Path | None, optional("DIR", "as in the run")] = None
    """Folder that holds MNIST and its siblings, where it has moved since the run."""
    record: Annotated[Path | None, optional("FILE", "print only")] = None
    """Also write every number to this JSON file."""
    out: Annotated[Path, tyro.conf.arg(metavar="DIR")] = Path("runs")
    """Where run folders lie."""

    def __post_init__(self) -> None:
        check_sizes(draws=self.draws, images=self.images, seed=self.seed, least=0)
