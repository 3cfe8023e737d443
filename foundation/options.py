"""Options of a training, the same for every rung and model: dataclasses that the command line reads.

A field's docstring is its help text; the text after "Examples:" closes the help page. Nothing here needs torch.
"""

import dataclasses
import math
import os
from pathlib import Path
from typing import Annotated, ClassVar, Generic, Literal, TypeVar

from foundation.arguments import Flat, Option, optional
from foundation.errors import InputError
from foundation.objective import Objective

MOST_EPOCHS = 1_000_000
"""No training here comes near it: a larger number is a slip, or damage."""
DRAWN = ("glyphs", "rooms")
"""Data sets that are drawn, and have no files."""
RungName = Literal["numpy_impl", "pytorch_lowlevel", "paper"]


def check_sizes(least: int = 1, **sizes: int | tuple[int, ...]) -> None:
    """Raise `InputError` for a size, or one of several, that is no integer of at least `least`."""
    for name, value in sizes.items():
        for size in value if isinstance(value, tuple) else (value,):
            if not isinstance(size, int) or isinstance(size, bool) or size < least:
                expected = "integers" if isinstance(value, tuple) else "an integer"
                raise InputError(f"{name}: expected {expected} of at least {least}, got {size!r}")


def check_torch_seed(seed: int) -> None:
    """Raise `InputError` for a seed that torch's generators do not take; NumPy's take any that is not negative."""
    if not 0 <= seed < 2**63:
        raise InputError(f"seed: expected an integer from 0 to {2**63 - 1}, got {seed}")


def check_positive(**numbers: float) -> None:
    """Raise `InputError` for a number that is not finite and above 0."""
    for name, value in numbers.items():
        if not (math.isfinite(value) and value > 0):
            raise InputError(f"{name}: expected a finite number > 0, got {value!r}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelOptions:
    """Base of every model's options (`paper.models.options`)."""

    model: ClassVar[str] = ""
    """The model's name on the command line."""
    drawn_kl: ClassVar[bool] = False
    """The KL has no closed form: it is estimated from the z drawn, for all latents together."""

    def objective(self, progress: float = 1.0) -> Objective:
        """The model's own objective when `progress` of the training is done, from 0 to 1."""
        return Objective()

    loss_at_mu: ClassVar[bool] = True
    """The loss means something where z is the mean of q(z|x): it needs no noise"""
    first_stages: ClassVar[tuple[str, ...]] = ()
    """The models on whose weights, frozen, it is trained; its options are those of the first of them, and its own"""
    whole_batch: ClassVar[bool] = False
    """A term of the loss compares the images of a batch with one another: one process takes the whole batch"""

    def why_no_kl_options(self) -> str:
        """Why --kl has no effect on this model; empty where it has one."""
        return ""

    def why_no_compile(self) -> str:
        """Why --compile cannot be had with this model; empty where it can."""
        return ""

    def unused(self) -> dict[str, str]:
        """Options that have no effect beside the others, each with the reason."""
        return {}


@dataclasses.dataclass(frozen=True, kw_only=True)
class DataOptions:
    """Images to train on, and how they are prepared."""

    name: Annotated[str, Option("NAME|FOLDER", aliases=("--data",))] = "glyphs"
    """glyphs, shapes, rooms, mnist, fashion-mnist, kmnist, cifar10, svhn, or a folder with images of your own."""
    root: Annotated[Path | None, optional("DIR", "the cache folder of VAE Ladder", "--data-root")] = None
    """Folder that holds MNIST and its siblings in torchvision's layout (DIR/MNIST/raw)."""
    labels: Annotated[tuple[int, ...], optional("CLASS..", "all")] = ()
    """Train and test on these classes only."""
    size: Annotated[int | None, optional("INT", "28, in colour 32")] = None
    """Height and width of the images of shapes, rooms and folders; a multiple of 4 for the convolutions."""
    colour: bool = False
    """A folder: keep the images' colours; otherwise they are made grey."""
    skip: bool = False
    """A folder: leave out files that cannot be read as images, and list them; otherwise one such file is an error."""
    binarise: Literal["none", "static", "dynamic"] = "none"
    """none: pixels as they are; static: each drawn once as Bernoulli(pixel); dynamic: drawn anew for every batch
    of training, once for validation and test."""
    validation: float = 0.05
    """Share of the training images kept aside to measure the loss on after every epoch, chosen by the seed. With 0 all
    are trained on, and the test images are measured instead."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "labels", tuple(self.labels))
        if self.binarise not in ("none", "static", "dynamic"):
            raise InputError(f"data.binarise: expected none, static or dynamic, got {self.binarise!r}")
        if self.size is not None:
            check_sizes(**{"data.size": self.size})
        if not 0 <= self.validation < 1:
            raise InputError(f"data.validation: expected a share in [0, 1), got {self.validation!r}")
        if len(set(self.labels)) < len(self.labels) or min(self.labels, default=0) < 0:
            raise InputError(f"data.labels: expected different classes from 0 on, got {self.labels}")

    def unused(self) -> dict[str, str]:
        """Options that have no effect beside the others, each with the reason."""
        is_folder = os.path.isdir(os.path.expanduser(self.name))
        root = {"root": f"{self.name} is not read from it"} if is_folder or self.name in DRAWN else {}
        return root | ({} if is_folder else dict.fromkeys(("colour", "skip"), f"{self.name} is no folder"))


@dataclasses.dataclass(frozen=True, kw_only=True)
class KLOptions:
    """Schedule and floor of the KL term, against latents that collapse early in training."""

    schedule: Literal["constant", "linear", "cyclical"] = "constant"
    """Factor on beta: always 1; linear: 0 to 1 over the warm-up; cyclical: that in every cycle (Fu et al. 2019)."""
    warmup: float = 0.25
    """linear: share of training until the factor is 1; cyclical: share of each cycle."""
    cycles: int = 4
    """cyclical: number of cycles."""
    free_bits: float = 0.0
    """lambda in nats: each latent's KL, averaged over the batch, counts as at least this (Kingma et al. 2016)."""

    def __post_init__(self) -> None:
        check_sizes(cycles=self.cycles)
        if self.schedule not in ("constant", "linear", "cyclical"):
            raise InputError(f"kl.schedule: expected constant, linear or cyclical, got {self.schedule!r}")
        if not 0 < self.warmup <= 1:
            raise InputError(f"kl.warmup: expected a share in (0, 1], got {self.warmup!r}")
        if not (math.isfinite(self.free_bits) and self.free_bits >= 0):
            raise InputError(f"kl.free_bits: expected a finite number >= 0, got {self.free_bits!r}")

    def unused(self) -> dict[str, str]:
        """Options that have no effect beside the others, each with the reason."""
        reason = f"the schedule is {self.schedule}"
        warmup = {"warmup": reason} if self.schedule == "constant" else {}
        return warmup | ({"cycles": reason} if self.schedule != "cyclical" else {})


@dataclasses.dataclass(frozen=True, kw_only=True)
class OptimizerOptions:
    """Optimiser and step size."""

    name: Literal["adam", "adamw"] = "adam"
    """Adam, or AdamW with weight decay."""
    learning_rate: Annotated[float, Option(aliases=("--learning-rate",))] = 1e-3
    """The largest step size."""
    weight_decay: float = 0.0
    """adamw: share of each weight that is subtracted at each step, times the step size."""
    epsilon: float = 1e-8
    """What is added to the root of the second moment, which a step is divided by."""
    schedule: Literal["constant", "cosine", "stages"] = "constant"
    """cosine: the step size falls to 0 along half a cosine; stages: to a tenth in eight stages, each three times as
    long as the one before (Burda et al. 2016)."""
    warmup: float = 0.0
    """Share of training in which the step size grows linearly from 0."""

    def __post_init__(self) -> None:
        check_positive(learning_rate=self.learning_rate)
        if not 0 < self.epsilon < 1:
            raise InputError(f"optimizer.epsilon: expected a number in (0, 1), got {self.epsilon!r}")
        if self.name not in ("adam", "adamw") or self.schedule not in ("constant", "cosine", "stages"):
            raise InputError(
                "optimizer: expected adam or adamw, with a schedule that is constant, cosine or stages, "
                f"got {self.name!r} and {self.schedule!r}"
            )
        if not (math.isfinite(self.weight_decay) and self.weight_decay >= 0):
            raise InputError(f"optimizer.weight_decay: expected a finite number >= 0, got {self.weight_decay!r}")
        if self.weight_decay and self.name == "adam":
            raise InputError("optimizer.weight_decay: Adam has none; choose --optimizer.name adamw")
        if not 0 <= self.warmup < 1:
            raise InputError(f"optimizer.warmup: expected a share in [0, 1), got {self.warmup!r}")

    def unused(self) -> dict[str, str]:
        """Options that have no effect beside the others, each with the reason."""
        return {"name": "without a weight decay AdamW is Adam"} if self.weight_decay == 0 else {}


Model = TypeVar("Model", bound=ModelOptions)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainOptions(Generic[Model]):
    """Train a model on one rung, measure it on the test images, draw what it learned.

    The run folder under --out holds config.json, metrics.jsonl (a line a step and a line an epoch), weights.safetensors
    (of the last epoch), best.safetensors (of the epoch with the smallest validation loss), test.json and figures/.
    Losses are in nats per image. Whatever stops a training, `vae-ladder train --resume RUN` continues it after its last
    whole epoch. Rungs 1 and 2 train the VAE and the beta-VAE of their main files; numpy_impl needs no torch.

    --config FILE reads options from a .json, .toml or .yaml file, or from the config.json of an earlier run. Names are
    those of this page, nested at the dots. Options on the command line take precedence.

    Examples:
      vae-ladder train vae --epochs 20 --kl.schedule linear
      vae-ladder train vae --rung numpy_impl
      vae-ladder train cvae --data mnist --data-root data --data.labels 3 5 7
      vae-ladder train --resume runs/2026-01-31_142501_train_vae
    """

    model: Flat[Model]
    """The model's own options."""
    rung: RungName = "paper"
    """Which implementation trains: NumPy by hand, low-level torch, or nn.Module."""
    data: DataOptions = DataOptions()
    kl: KLOptions = KLOptions()
    optimizer: OptimizerOptions = OptimizerOptions()
    epochs: int = 10
    """Passes over the training images."""
    batch_size: int = 128
    """Images per step, over all processes; the last batch of an epoch may be smaller."""
    seed: int = 0
    """Seed of initial values, validation split, batch order and noise."""
    weights: Annotated[Path | None, optional("FILE", "initial values drawn by the seed")] = None
    """A weights.safetensors of the same model to start from, whichever rung wrote it; for codes-prior a VQ-VAE's, for
    latent-diffusion a VAE's."""
    z: Literal["sampled", "mu"] = "sampled"
    """Validation and test: z drawn from q(z|x), as in training, or its mean."""
    device: Annotated[str, Option("NAME")] = "auto"
    """Rungs on torch: auto takes CUDA, MPS or the CPU, in this order; or name one, such as cuda:1."""
    precision: Literal["float32", "bf16", "float64"] = "float32"
    """bf16 (paper only): products in bfloat16, losses and parameters in float32."""
    compile: bool = False
    """paper: compile the network with torch.compile."""
    record: Annotated[Path | None, optional("FILE", "print only")] = None
    """Also write command, seed, versions, seconds and the test loss to this JSON file."""
    out: Annotated[Path, Option("DIR")] = Path("runs")
    """Where the run folder is made."""

    @property
    def dtype(self) -> str:
        """The type of images and parameters, float32 or float64; bf16 is that of products alone."""
        return "float64" if self.precision == "float64" else "float32"

    def __post_init__(self) -> None:
        check_sizes(epochs=self.epochs, batch_size=self.batch_size)
        if self.epochs > MOST_EPOCHS:
            raise InputError(f"epochs: expected at most {MOST_EPOCHS:,}, got {self.epochs:,}")
        check_sizes(seed=self.seed, least=0)
        if self.kl != KLOptions() and (reason := self.model.why_no_kl_options()):
            raise InputError(f"kl: {reason}; leave --kl at its defaults")
        if self.compile and (reason := self.model.why_no_compile()):
            raise InputError(f"compile: {reason}; leave it out")
        if self.model.drawn_kl and self.kl.free_bits:
            raise InputError("kl.free_bits: the KL of this model is not split over latents; leave it at 0")
        if not self.model.loss_at_mu and self.z == "mu":
            raise InputError("z: the loss of this model needs the noise; expected sampled, got mu")


def check_effect(options: TrainOptions) -> None:
    """Raise `InputError` naming the first option that was set and has no effect beside the others.

    Set is what differs from the default. New trainings are checked, not those that are read back from their runs.
    """
    check_used(options.model)
    if options.weights is not None and getattr(options.model, "init", "torch") != "torch":
        raise no_effect("init", "training starts from the values of --weights")
    check_used(options.data, "data.")
    check_used(options.kl, "kl.")
    check_used(options.optimizer, "optimizer.")


def check_used(group: ModelOptions | DataOptions | KLOptions | OptimizerOptions, prefix: str = "") -> None:
    """The same for one group of options, whose names on the command line begin with `prefix`."""
    defaults = {field.name: field.default for field in dataclasses.fields(group)}
    for name, reason in group.unused().items():
        if getattr(group, name) != defaults[name]:
            raise no_effect(f"{prefix}{name}", reason)


def no_effect(name: str, reason: str) -> InputError:
    """The error of an option that was set and changes nothing."""
    return InputError(f"{name}: it would have no effect: {reason}")
