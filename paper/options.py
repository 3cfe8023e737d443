"""What can be asked of the paper rung's models and of their training: dataclasses, read by the command line.

A field's docstring is its help text. Nothing here needs torch.
"""

import dataclasses
import math
from pathlib import Path
from typing import Annotated, Generic, Literal, TypeVar

import tyro

from foundation.errors import InputError

Likelihood = Literal["bernoulli", "gaussian", "gaussian-learned", "continuous-bernoulli"]
Condition = Literal[
    "label", "upper-left", "upper-right", "lower-left", "lower-right", "top", "bottom", "left", "right"
]  # fmt: skip


def check_sizes(least: int = 1, **sizes: int | tuple[int, ...]) -> None:
    """Raise `InputError` for a size, or one of several, that is no integer of at least `least`."""
    for name, value in sizes.items():
        for size in value if isinstance(value, tuple) else (value,):
            if not isinstance(size, int) or isinstance(size, bool) or size < least:
                raise InputError(f"{name}: expected integers of at least {least}, got {size!r}")


def check_positive(**numbers: float) -> None:
    """Raise `InputError` for a number that is not finite and above 0."""
    for name, value in numbers.items():
        if not (math.isfinite(value) and value > 0):
            raise InputError(f"{name}: expected a finite number > 0, got {value!r}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class VAEOptions:
    """The variational autoencoder (Kingma & Welling 2014)."""

    latent_dim: int = 20
    """Z, the number of latent variables."""
    network: Literal["conv", "mlp"] = "conv"
    """conv: the ladder's convolutions; mlp: fully connected."""
    channels: tuple[int, int] = (32, 64)
    """conv: channels after the first and the second convolution."""
    hidden_dims: tuple[int, ...] = ()
    """Widths of the hidden linear layers, in the encoder's order; by default 256 (conv, which has one) or 400 (mlp)."""
    activation: Literal["relu", "tanh"] = "relu"
    """mlp: what stands between the layers."""
    likelihood: Likelihood = "bernoulli"
    """p(x|z): Bernoulli on logits, Gaussian of fixed or of learned variance, continuous Bernoulli."""
    sigma: float = 0.2
    """Standard deviation of a pixel under the Gaussian likelihood; where it is learned, its start."""

    def __post_init__(self) -> None:
        # JSON knows no tuples: accept its lists, keep the instance hashable.
        object.__setattr__(self, "channels", tuple(self.channels))
        object.__setattr__(
            self, "hidden_dims", tuple(self.hidden_dims) or ((256,) if self.network == "conv" else (400,))
        )
        check_sizes(latent_dim=self.latent_dim, channels=self.channels, hidden_dims=self.hidden_dims)
        check_positive(sigma=self.sigma)
        if len(self.channels) != 2:
            raise InputError(f"channels: expected two sizes, got {self.channels}")
        if self.network == "conv" and len(self.hidden_dims) != 1:
            raise InputError(f"hidden_dims: the conv network has one hidden linear layer, got {self.hidden_dims}")
        if self.network == "conv" and self.activation != "relu":
            raise InputError(f"activation: the conv network has ReLU only, got {self.activation!r}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class BetaVAEOptions(VAEOptions):
    """beta-VAE (Higgins et al. 2017), and with a capacity its controlled form (Burgess et al. 2018)."""

    beta: float = 4.0
    """Weight of the KL term."""
    capacity: float | None = None
    """C in nats: where the KL is to arrive; it grows from 0 in a straight line. Then gamma takes beta's place."""
    capacity_growth: float = 0.5
    """Share of training over which the capacity grows."""
    gamma: float = 100.0
    """Weight of |KL - C|."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive(gamma=self.gamma, capacity_growth=self.capacity_growth)
        for name in ("beta", "capacity"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value >= 0):
                raise InputError(f"{name}: expected a finite number >= 0, got {value!r}")
        if self.capacity_growth > 1:
            raise InputError(f"capacity_growth: expected a share of training up to 1, got {self.capacity_growth!r}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ConditionalVAEOptions(VAEOptions):
    """Conditional VAE (Sohn et al. 2015): given the class, or a part of the image, whose rest is completed."""

    condition: Condition = "label"
    """What encoder and decoder are given: the label, or this quadrant or half of the image."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.condition not in Condition.__args__:
            raise InputError(f"condition: expected one of {', '.join(Condition.__args__)}, got {self.condition!r}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class AutoencoderOptions(VAEOptions):
    """Autoencoder: the same network without noise and without a KL term."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class IWAEOptions(VAEOptions):
    """Importance-weighted autoencoder (Burda et al. 2016)."""

    draws: int = 5
    """K, the draws of z in the bound of each image; 1 is the VAE."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_sizes(draws=self.draws)


@dataclasses.dataclass(frozen=True, kw_only=True)
class VQVAEOptions:
    """VQ-VAE (van den Oord et al. 2017): latents are entries of a codebook."""

    codes: int = 128
    """Entries of the codebook."""
    code_dim: int = 16
    """Length of an entry."""
    channels: tuple[int, int] = (32, 64)
    """Channels after the first and the second convolution."""
    commitment: float = 0.25
    """Weight of the commitment term, beta in the paper."""
    codebook: Literal["ema", "gradient"] = "ema"
    """How the codebook learns: moving averages of what is assigned to an entry, or the paper's loss term."""
    decay: float = 0.99
    """ema: how much of the average stays at each step."""
    likelihood: Likelihood = "bernoulli"
    """p(x|z), as for the VAE."""
    sigma: float = 0.2
    """Standard deviation of a pixel under the Gaussian likelihood; where it is learned, its start."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "channels", tuple(self.channels))
        check_sizes(codes=self.codes, code_dim=self.code_dim, channels=self.channels)
        check_positive(sigma=self.sigma, commitment=self.commitment)
        if len(self.channels) != 2:
            raise InputError(f"channels: expected two sizes, got {self.channels}")
        if not 0 <= self.decay < 1:
            raise InputError(f"decay: expected a number in [0, 1), got {self.decay!r}")


MODELS: dict[str, type] = {
    "vae": VAEOptions,
    "beta-vae": BetaVAEOptions,
    "cvae": ConditionalVAEOptions,
    "autoencoder": AutoencoderOptions,
    "iwae": IWAEOptions,
    "vq-vae": VQVAEOptions,
}
"""Every model by its name on the command line."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class DataOptions:
    """Which images to learn from, and how."""

    name: Annotated[str, tyro.conf.arg(metavar="NAME|FOLDER", aliases=["--data"])] = "glyphs"
    """glyphs, shapes, mnist, fashion-mnist, kmnist, or a folder with images of your own."""
    root: Annotated[Path | None, tyro.conf.arg(metavar="DIR", aliases=["--data-root"])] = None
    """Folder that holds MNIST and its siblings in torchvision's layout (DIR/MNIST/raw)."""
    labels: tuple[int, ...] = ()
    """Learn from these classes only; by default from all."""
    binarise: Literal["none", "static", "dynamic"] = "none"
    """none: pixels as they are; static: each drawn once as Bernoulli(pixel); dynamic: drawn anew for every batch."""
    validation: float = 0.05
    """Share of the training images kept aside to watch the loss on; 0 trains on all."""

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
    learning_rate: float = 1e-3
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
    """Everything that one training run is made from."""

    model: tyro.conf.OmitArgPrefixes[Model]
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
    device: str = "auto"
    """auto takes CUDA, MPS or the CPU, in this order; or name one, such as cuda:1."""
    precision: Literal["float32", "bf16", "float64"] = "float32"
    """bf16: products in bfloat16, losses and parameters in float32."""
    compile: tyro.conf.FlagCreatePairsOff[bool] = False
    """Compile the network with torch.compile."""
    record: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """Also write command, seed, versions, seconds and the test loss to this JSON file."""
    out: Annotated[Path, tyro.conf.arg(metavar="DIR")] = Path("runs")
    """Where the run folder is made."""

    def __post_init__(self) -> None:
        check_sizes(epochs=self.epochs, batch_size=self.batch_size)
        check_sizes(seed=self.seed, least=0)


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvaluateOptions:
    """Measure a trained model on the test images.

    The ELBO and its parts; log p(x) by importance sampling with its standard error; KL of every latent and the
    active units; disentanglement where the factors of variation are known (shapes, glyphs).

    Examples:
      vae-ladder evaluate
      vae-ladder evaluate --draws 5000 --images 1000
    """

    run: Annotated[tyro.conf.Positional[Path | None], tyro.conf.arg(metavar="[RUN]")] = None
    """A run folder; by default the latest under --out."""
    draws: int = 1000
    """K, the draws of z for each image in log p(x); 0 leaves log p(x) out. Papers take 5000."""
    images: int = 500
    """Test images that log p(x) is measured on, from the first; 0 takes all."""
    binarise: Literal["auto", "none", "static"] = "auto"
    """Images for log p(x). auto: a Bernoulli sees each pixel drawn once as black or white, other likelihoods see grey."""
    seed: int = 0
    """Seed of every draw."""
    device: str = "auto"
    """auto takes CUDA, MPS or the CPU, in this order."""
    data_root: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None
    """Folder that holds MNIST and its siblings, where it has moved since the run."""
    record: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """Also write every number to this JSON file."""
    out: Annotated[Path, tyro.conf.arg(metavar="DIR")] = Path("runs")
    """Where run folders lie."""

    def __post_init__(self) -> None:
        check_sizes(draws=self.draws, images=self.images, seed=self.seed, least=0)


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
    """A small form on glyphs, under two minutes."""
    data: Annotated[str | None, tyro.conf.arg(metavar="NAME|FOLDER")] = None
    """Data set; by default the experiment's own: shapes for beta, glyphs for all others."""
    data_root: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None
    """Folder that holds MNIST and its siblings in torchvision's layout (DIR/MNIST/raw)."""
    seed: int = 0
    """Seed of everything that is drawn."""
    device: str = "auto"
    """auto takes CUDA, MPS or the CPU, in this order."""
    record: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """Also write every number to this JSON file."""
    out: Annotated[Path, tyro.conf.arg(metavar="DIR")] = Path("runs")
    """Where the run folder is made."""

    def __post_init__(self) -> None:
        if self.name not in EXPERIMENTS:
            raise InputError(f"experiment: expected one of {', '.join(EXPERIMENTS)}, got {self.name!r}")
        if self.quick and self.data is not None:
            raise InputError(f"data: --quick runs on glyphs, got {self.data!r} beside it")
        check_sizes(seed=self.seed, least=0)
