"""What can be asked of each model of the paper rung: dataclasses, read by the command line.

A field's docstring is its help text; what stands after "Examples:" closes the model's help page. Nothing here needs
torch.
"""

import dataclasses
import math
from typing import Annotated, Literal

from foundation.command_line import optional
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
    """The variational autoencoder (Kingma & Welling 2014).

    Examples:
      vae-ladder train vae --latent-dim 2
      vae-ladder train vae --network mlp --hidden-dims 200 200 --activation tanh --latent-dim 50 --data.binarise dynamic
    """

    latent_dim: int = 20
    """Z, the number of latent variables."""
    network: Literal["conv", "mlp"] = "conv"
    """conv: the ladder's convolutions; mlp: fully connected."""
    channels: tuple[int, int] = (32, 64)
    """conv: channels after the first and the second convolution."""
    hidden_dims: Annotated[tuple[int, ...], optional("INT..", "256 for conv, 400 for mlp")] = ()
    """Widths of the hidden linear layers, in the encoder's order."""
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
        if self.network == "conv" and self.activation != "relu":
            raise InputError(f"activation: the conv network has ReLU only, got {self.activation!r}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class BetaVAEOptions(VAEOptions):
    """beta-VAE (Higgins et al. 2017), or with its capacity controlled (Burgess et al. 2018).

    Examples:
      vae-ladder train beta-vae --beta 8 --data shapes
      vae-ladder train beta-vae --capacity 20 --latent-dim 10 --data shapes
    """

    beta: float = 4.0
    """Weight of the KL term."""
    capacity: Annotated[float | None, optional("FLOAT", "none")] = None
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
    """Conditional VAE (Sohn et al. 2015): given the class, or a part of the image to complete.

    Examples:
      vae-ladder train cvae
      vae-ladder train cvae --condition upper-left
    """

    condition: Condition = "label"
    """What encoder and decoder are given: the label, or this quadrant or half of the image."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.condition not in Condition.__args__:
            raise InputError(f"condition: expected one of {', '.join(Condition.__args__)}, got {self.condition!r}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class AutoencoderOptions(VAEOptions):
    """Autoencoder: the same network without noise and without a KL term.

    Examples:
      vae-ladder train autoencoder --latent-dim 2
    """


@dataclasses.dataclass(frozen=True, kw_only=True)
class IWAEOptions(VAEOptions):
    """Importance-weighted autoencoder (Burda et al. 2016).

    Examples:
      vae-ladder train iwae --draws 50 --data.binarise dynamic
    """

    draws: int = 5
    """K, the draws of z in the bound of each image; 1 is the VAE."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_sizes(draws=self.draws)


@dataclasses.dataclass(frozen=True, kw_only=True)
class VQVAEOptions:
    """VQ-VAE (van den Oord et al. 2017): latents are entries of a codebook.

    Examples:
      vae-ladder train vq-vae --codes 64
    """

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
