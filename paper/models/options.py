"""Options of each model of this folder: dataclasses that the command line reads.

A field's docstring is its help text; the text after "Examples:" closes the model's help page. Nothing here needs torch.
"""

import dataclasses
import math
from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Literal, cast, get_args

from foundation.arguments import Hidden, Option, optional
from foundation.errors import InputError
from foundation.objective import WITH_SIGMA, Likelihood, Objective, check_sigma
from foundation.options import ModelOptions, TrainOptions, check_positive, check_sizes
from foundation.schedules import linear
from foundation.sizes import Architecture

Condition = Literal[
    "label", "upper-left", "upper-right", "lower-left", "lower-right", "top", "bottom", "left", "right",
    "all-but-lower-right",
]  # fmt: skip


def unused_sigma(likelihood: Likelihood) -> dict[str, str]:
    """sigma, with the reason, where the likelihood has none."""
    if likelihood in WITH_SIGMA:
        return {}
    found = "the best sigma is found in each batch"
    return {"sigma": found if likelihood == "gaussian-optimal" else f"the {likelihood} likelihood has none"}


NO_KL = "this model's objective has no KL term to weigh"


def check_weight(name: str, value: float) -> None:
    """Raise `InputError` for a weight of a term of the loss that is not finite or is below 0."""
    if not (math.isfinite(value) and value >= 0):
        raise InputError(f"{name}: expected a finite number >= 0, got {value!r}")


MOST_CONVOLUTIONS = 8


def check_depth(channels: tuple[int, ...]) -> None:
    """Raise `InputError` for no convolution, or for more than an image has room for."""
    if not 1 <= len(channels) <= MOST_CONVOLUTIONS:
        raise InputError(f"channels: expected 1 to {MOST_CONVOLUTIONS} sizes, got {channels}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class VAEOptions(ModelOptions):
    """The variational autoencoder (Kingma & Welling 2014).

    Examples:
      vae-ladder train vae --latent-dim 2
      vae-ladder train vae --network mlp --hidden-dims 200 200 --activation tanh --latent-dim 50 --data.binarise dynamic
    """

    model: ClassVar[str] = "vae"

    latent_dim: int = Architecture.latent_dim
    """Z, the number of latent variables."""
    network: Literal["conv", "mlp"] = "conv"
    """conv: the ladder's convolutions; mlp: fully connected."""
    channels: Annotated[tuple[int, ...], Option("INT..")] = Architecture.channels
    """conv: channels after each convolution of stride 2; 32 64 is the network of all rungs."""
    residual_blocks: int = 0
    """conv: residual blocks after each convolution."""
    hidden_dims: Annotated[tuple[int, ...], optional("INT..", "256 for conv, 400 for mlp")] = ()
    """Widths of the hidden linear layers, in the encoder's order."""
    activation: Literal["relu", "tanh"] = "relu"
    """mlp: the nonlinearity between the layers."""
    init: Literal["torch", "glorot"] = "torch"
    """First values: torch's own; glorot: Glorot-uniform weights, biases 0, outputs begin at the mean training image."""
    likelihood: Likelihood = "bernoulli"
    """p(x|z): Bernoulli on logits, Gaussian of fixed, of learned or of the batch's best variance, continuous Bernoulli,
    logistic over 256 levels."""
    sigma: float = 0.2
    """Standard deviation of a pixel under the Gaussian and the logistic; where it is learned, its start."""

    def __post_init__(self) -> None:
        # JSON has no tuples: accept its lists, keep the instance hashable.
        object.__setattr__(self, "channels", tuple(self.channels))
        object.__setattr__(
            self,
            "hidden_dims",
            tuple(self.hidden_dims) or ((Architecture.hidden_dim,) if self.network == "conv" else (400,)),
        )
        check_sizes(latent_dim=self.latent_dim, channels=self.channels, hidden_dims=self.hidden_dims)
        check_sizes(residual_blocks=self.residual_blocks, least=0)
        check_sigma(self.sigma)
        check_depth(self.channels)
        if self.network == "conv" and self.activation != "relu":
            raise InputError(f"activation: the conv network has ReLU only, got {self.activation!r}")
        choices = (("network", ("conv", "mlp")), ("activation", ("relu", "tanh")), ("init", ("torch", "glorot")))
        for name, kind in choices:
            if getattr(self, name) not in kind:
                raise InputError(f"{name}: expected {' or '.join(kind)}, got {getattr(self, name)!r}")

    def is_of_the_ladder(self) -> bool:
        """Whether the network is the one that all rungs build: two convolutions and one hidden layer."""
        one_hidden, no_blocks = len(self.hidden_dims) == 1, self.residual_blocks == 0
        return self.network == "conv" and len(self.channels) == 2 and one_hidden and no_blocks

    def unused(self) -> dict[str, str]:
        """Options that have no effect beside the others, each with the reason."""
        no_convolutions = dict.fromkeys(("channels", "residual_blocks"), "the mlp network has no convolutions")
        convolutions = no_convolutions if self.network == "mlp" else {}
        return convolutions | unused_sigma(self.likelihood)

    def objective(self, progress: float = 1.0) -> Objective:
        """The negative ELBO: beta is 1 throughout."""
        return Objective(self.likelihood, sigma=self.sigma)


@dataclasses.dataclass(frozen=True, kw_only=True)
class BetaVAEOptions(VAEOptions):
    """beta-VAE (Higgins et al. 2017), or with its capacity controlled (Burgess et al. 2018).

    Examples:
      vae-ladder train beta-vae --beta 8 --latent-dim 10 --data shapes
      vae-ladder train beta-vae --capacity 20 --latent-dim 10 --data shapes
    """

    model: ClassVar[str] = "beta-vae"

    beta: float = 4.0
    """Weight of the KL term."""
    capacity: Annotated[float | None, optional("FLOAT", "none")] = None
    """C in nats, the KL to arrive at; it grows linearly from 0, and gamma takes beta's place."""
    capacity_growth: float = 0.5
    """Share of training over which the capacity grows."""
    gamma: float = 100.0
    """Weight of |KL - C|."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive(gamma=self.gamma, capacity_growth=self.capacity_growth)
        check_weight("beta", self.beta)
        if self.capacity is not None:
            check_weight("capacity", self.capacity)
        if self.capacity_growth > 1:
            raise InputError(f"capacity_growth: expected a share of training up to 1, got {self.capacity_growth!r}")

    def unused(self) -> dict[str, str]:
        """Options that have no effect beside the others, each with the reason."""
        if self.capacity is None:
            return super().unused() | dict.fromkeys(("capacity_growth", "gamma"), "there is no capacity")
        return super().unused() | {"beta": "with a capacity, gamma |KL - C| is the whole KL term"}

    def objective(self, progress: float = 1.0) -> Objective:
        """beta KL, or gamma |KL - C| with C growing linearly, then level."""
        capacity = None if self.capacity is None else self.capacity * linear(progress, self.capacity_growth)
        return Objective(self.likelihood, self.beta, self.sigma, capacity=capacity, gamma=self.gamma)

    def why_no_kl_options(self) -> str:
        """With a capacity there is no beta KL."""
        return "" if self.capacity is None else "with a capacity, gamma |KL - C| is the whole KL term"


@dataclasses.dataclass(frozen=True, kw_only=True)
class ConditionalVAEOptions(VAEOptions):
    """Conditional VAE (Sohn et al. 2015): given the class, or a part of the image to complete.

    Examples:
      vae-ladder train cvae
      vae-ladder train cvae --condition upper-left
      vae-ladder train cvae --condition upper-left --prior learned
    """

    model: ClassVar[str] = "cvae"

    condition: Condition = "label"
    """What encoder and decoder are given: the label, or this quadrant, half or three quarters of the image."""
    prior: Literal["standard", "learned"] = "standard"
    """standard: N(0, I), whatever the condition; learned: a Gaussian for each condition, by a network of its own."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.prior not in ("standard", "learned"):
            raise InputError(f"prior: expected standard or learned, got {self.prior!r}")
        if self.condition not in get_args(Condition):
            raise InputError(f"condition: expected one of {', '.join(get_args(Condition))}, got {self.condition!r}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class M2Options(ConditionalVAEOptions):
    """Semi-supervised VAE, the model M2 of Kingma et al. (2014): few training images keep their label.

    Examples:
      vae-ladder train m2 --labelled 100 --network mlp --data mnist
      vae-ladder train m2 --labelled 1000 --alpha 0.1 --epochs 3000
    """

    model: ClassVar[str] = "m2"

    # What makes the CVAE inside of it: the label is given, and z is independent of it.
    condition: Hidden[Condition] = "label"
    prior: Hidden[Literal["standard", "learned"]] = "standard"
    labelled: int = 100
    """Training images that keep their label, chosen by the seed, equally many of each class; 0: all."""
    alpha: float = 10.0
    """Weight of the classification loss, over the number of training images (eq. 9). The paper has 0.1, in thousands of
    epochs; in a few, q(y|x) then follows the bound alone."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_sizes(labelled=self.labelled, least=0)
        check_weight("alpha", self.alpha)
        if self.likelihood == "gaussian-optimal":
            raise InputError(
                "likelihood: the best variance weighs the classes by q(y|x), the mean squared error all alike; "
                "expected another, such as gaussian-learned, got gaussian-optimal"
            )
        if (self.condition, self.prior) != ("label", "standard"):
            raise InputError(f"condition: expected label, with a standard prior, got {self.condition} and {self.prior}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class AutoencoderOptions(VAEOptions):
    """Autoencoder: the same network without noise and without a KL term.

    Examples:
      vae-ladder train autoencoder --latent-dim 2
    """

    model: ClassVar[str] = "autoencoder"

    def objective(self, progress: float = 1.0) -> Objective:
        """The reconstruction alone."""
        return Objective(self.likelihood, 0.0, self.sigma)

    def why_no_kl_options(self) -> str:
        """There is no KL term."""
        return NO_KL


@dataclasses.dataclass(frozen=True, kw_only=True)
class IWAEOptions(VAEOptions):
    """Importance-weighted autoencoder (Burda et al. 2016).

    Examples:
      vae-ladder train iwae --draws 50 --data.binarise dynamic
      vae-ladder train iwae --draws 50 --gradient dreg --data.binarise dynamic
    """

    model: ClassVar[str] = "iwae"

    draws: int = 5
    """K, the draws of z in the bound of each image; 1 is the VAE."""
    bound: Literal["importance", "elbo"] = "importance"
    """importance: L_K, by the mean of the K weights; elbo: the mean of their logarithms, the VAE with K draws."""
    gradient: Literal["plain", "stl", "dreg"] = "plain"
    """The bound's gradient; plain: by the reparameterised draws; stl: without the score of q (Roeder et al. 2017),
    biased for K > 1; dreg: doubly reparameterised (Tucker et al. 2019), unbiased."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_sizes(draws=self.draws)
        if self.gradient not in ("plain", "stl", "dreg"):
            raise InputError(f"gradient: expected plain, stl or dreg, got {self.gradient!r}")
        if self.likelihood == "gaussian-optimal":
            raise InputError(
                "likelihood: the mean squared error is the best variance of the ELBO, not of the bound of K draws; "
                "expected another, such as gaussian-learned, got gaussian-optimal"
            )
        if self.bound not in ("importance", "elbo"):
            raise InputError(f"bound: expected importance or elbo, got {self.bound!r}")
        if self.bound == "elbo" and self.gradient == "dreg":
            raise InputError("gradient: dreg weighs draws by their share of the importance bound, got the bound elbo")

    def why_no_compile(self) -> str:
        """The doubly reparameterised gradient weighs what comes back to z, inside of what would be compiled."""
        return "the gradient dreg is computed at z, inside of the compiled network" if self.gradient == "dreg" else ""

    def why_no_kl_options(self) -> str:
        """The bound has no KL term of its own."""
        return NO_KL


@dataclasses.dataclass(frozen=True, kw_only=True)
class BetaTCVAEOptions(VAEOptions):
    """beta-TCVAE (Chen et al. 2018): the total correlation of the latents weighed, and not the whole KL.

    Examples:
      vae-ladder train beta-tcvae --beta 6 --latent-dim 10 --network mlp --data shapes --batch-size 500
    """

    model: ClassVar[str] = "beta-tcvae"
    whole_batch: ClassVar[bool] = True

    beta: float = 6.0
    """Weight of the total correlation."""
    alpha: float = 1.0
    """Weight of the mutual information of image and code."""
    gamma: float = 1.0
    """Weight of the KL of each latent's distribution over all images."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("alpha", "beta", "gamma"):
            check_weight(name, getattr(self, name))


@dataclasses.dataclass(frozen=True, kw_only=True)
class FactorVAEOptions(VAEOptions):
    """FactorVAE (Kim & Mnih 2018): the total correlation, judged by a discriminator.

    Examples:
      vae-ladder train factor-vae --gamma 10 --latent-dim 10 --network mlp --data shapes
    """

    model: ClassVar[str] = "factor-vae"
    loss_at_mu: ClassVar[bool] = False
    whole_batch: ClassVar[bool] = True

    gamma: float = 10.0
    """Weight of the total correlation."""
    discriminator_dims: Annotated[tuple[int, ...], Option("INT..")] = (256, 256, 256)
    """Widths of the discriminator's hidden layers; the paper has five of 1000."""

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "discriminator_dims", tuple(self.discriminator_dims))
        check_weight("gamma", self.gamma)
        check_sizes(discriminator_dims=self.discriminator_dims)


@dataclasses.dataclass(frozen=True, kw_only=True)
class VampPriorOptions(VAEOptions):
    """VAE with a learned prior: the VampPrior (Tomczak & Welling 2018), or a mixture of Gaussians.

    Examples:
      vae-ladder train vampprior --components 500 --data.binarise dynamic
      vae-ladder train vampprior --components-are mixture
    """

    model: ClassVar[str] = "vampprior"
    drawn_kl: ClassVar[bool] = True
    loss_at_mu: ClassVar[bool] = False

    components: int = 100
    """K, the components of the prior."""
    components_are: Literal["pseudo-inputs", "mixture"] = "pseudo-inputs"
    """pseudo-inputs: q(z|u) of K learned images u; mixture: K learned Gaussians."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_sizes(components=self.components)
        if self.components_are not in ("pseudo-inputs", "mixture"):
            raise InputError(f"components_are: expected pseudo-inputs or mixture, got {self.components_are!r}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class IAFOptions(VAEOptions):
    """VAE whose q(z|x) is transformed by an inverse autoregressive flow (Kingma et al. 2016).

    Examples:
      vae-ladder train iaf-vae --flow-steps 4 --data.binarise dynamic
    """

    model: ClassVar[str] = "iaf-vae"
    drawn_kl: ClassVar[bool] = True
    loss_at_mu: ClassVar[bool] = False

    flow_steps: int = 2
    """Steps of the flow; the order of the latents is reversed after each."""
    flow_hidden_dim: int = 256
    """Hidden units of the network of each step."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_sizes(flow_steps=self.flow_steps, flow_hidden_dim=self.flow_hidden_dim)


@dataclasses.dataclass(frozen=True, kw_only=True)
class HierarchicalOptions(VAEOptions):
    """VAE with two layers of latents (Rezende et al. 2014; Burda et al. 2016).

    Examples:
      vae-ladder train hierarchical --latent-dim 20 --top-dim 10 --data.binarise dynamic
    """

    model: ClassVar[str] = "hierarchical"
    drawn_kl: ClassVar[bool] = True
    loss_at_mu: ClassVar[bool] = False

    top_dim: int = 10
    """The number of latents of the upper layer, z2; those of z1 are --latent-dim."""
    top_hidden_dim: int = 100
    """Hidden units of the networks between z1 and z2."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_sizes(top_dim=self.top_dim, top_hidden_dim=self.top_hidden_dim)


@dataclasses.dataclass(frozen=True, kw_only=True)
class VQVAEOptions(ModelOptions):
    """VQ-VAE (van den Oord et al. 2017): latents are entries of a codebook.

    Examples:
      vae-ladder train vq-vae --codes 64
    """

    model: ClassVar[str] = "vq-vae"

    codes: int = 128
    """Entries of the codebook."""
    code_dim: int = 16
    """Length of an entry."""
    channels: Annotated[tuple[int, ...], Option("INT..")] = Architecture.channels
    """Channels after each convolution of stride 2."""
    residual_blocks: int = 0
    """Residual blocks after each convolution."""
    commitment: float = 0.25
    """Weight of the commitment term, beta in the paper."""
    codebook: Literal["ema", "gradient"] = "ema"
    """How the codebook learns: moving averages of what is assigned to an entry, or the paper's loss term."""
    decay: float = 0.99
    """How much of a moving average stays at each step: of how often an entry is chosen, by which unused entries are
    found, and with ema of the vectors that chose it."""
    likelihood: Likelihood = "bernoulli"
    """p(x|z), as for the VAE."""
    sigma: float = 0.2
    """Standard deviation of a pixel under the Gaussian and the logistic; where it is learned, its start."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "channels", tuple(self.channels))
        check_sizes(codes=self.codes, code_dim=self.code_dim, channels=self.channels)
        check_sigma(self.sigma)
        check_positive(commitment=self.commitment)
        check_sizes(residual_blocks=self.residual_blocks, least=0)
        check_depth(self.channels)
        if not 0 <= self.decay < 1:
            raise InputError(f"decay: expected a number in [0, 1), got {self.decay!r}")
        if self.codebook not in ("ema", "gradient"):
            raise InputError(f"codebook: expected ema or gradient, got {self.codebook!r}")

    def unused(self) -> dict[str, str]:
        """Options that have no effect beside the others, each with the reason."""
        return unused_sigma(self.likelihood)

    def objective(self, progress: float = 1.0) -> Objective:
        """Reconstruction and commitment; the KL to a uniform prior is a constant."""
        return Objective(self.likelihood, 0.0, self.sigma)

    def why_no_kl_options(self) -> str:
        """The KL is a constant."""
        return NO_KL


@dataclasses.dataclass(frozen=True, kw_only=True)
class CodesPriorOptions(VQVAEOptions):
    """Prior over the codes of a trained VQ-VAE: a gated PixelCNN (van den Oord et al. 2016).

    --weights names the weights.safetensors of the VQ-VAE, which is kept as it is and becomes part of the new run.

    Examples:
      vae-ladder train codes-prior --weights runs/2026-01-31_142501_train_vq-vae/weights.safetensors
    """

    model: ClassVar[str] = "codes-prior"
    first_stages: ClassVar[tuple[str, ...]] = ("vq-vae",)

    # What the VQ-VAE was trained with, read from its file.
    codes: Hidden[int] = VQVAEOptions.codes
    code_dim: Hidden[int] = VQVAEOptions.code_dim
    channels: Hidden[tuple[int, ...]] = VQVAEOptions.channels
    residual_blocks: Hidden[int] = VQVAEOptions.residual_blocks
    commitment: Hidden[float] = VQVAEOptions.commitment
    codebook: Hidden[Literal["ema", "gradient"]] = VQVAEOptions.codebook
    decay: Hidden[float] = VQVAEOptions.decay
    likelihood: Hidden[Likelihood] = VQVAEOptions.likelihood
    sigma: Hidden[float] = VQVAEOptions.sigma
    prior_channels: int = 32
    """Channels of every layer of the prior."""
    prior_layers: int = 5
    """Layers of the prior; each reads one row and one column more."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_sizes(prior_channels=self.prior_channels, prior_layers=self.prior_layers)

    def unused(self) -> dict[str, str]:
        """None: what is read from the VQ-VAE is no option."""
        return {}


@dataclasses.dataclass(frozen=True, kw_only=True)
class LatentDiffusionOptions(VAEOptions):
    """Diffusion over the latents of a trained VAE, as its prior (Ho et al. 2020; Rombach et al. 2022).

    --weights names the weights.safetensors of a vae, beta-vae or iwae, which is kept as it is and becomes part of the
    new run.

    Examples:
      vae-ladder train latent-diffusion --weights runs/2026-01-31_142501_train_vae/weights.safetensors --epochs 30
    """

    model: ClassVar[str] = "latent-diffusion"
    loss_at_mu: ClassVar[bool] = False
    first_stages: ClassVar[tuple[str, ...]] = ("vae", "beta-vae", "iwae")

    # What the VAE was trained with, read from its file.
    latent_dim: Hidden[int] = VAEOptions.latent_dim
    network: Hidden[Literal["conv", "mlp"]] = VAEOptions.network
    channels: Hidden[tuple[int, ...]] = VAEOptions.channels
    residual_blocks: Hidden[int] = VAEOptions.residual_blocks
    hidden_dims: Hidden[tuple[int, ...]] = VAEOptions.hidden_dims
    activation: Hidden[Literal["relu", "tanh"]] = VAEOptions.activation
    init: Hidden[Literal["torch", "glorot"]] = VAEOptions.init
    likelihood: Hidden[Likelihood] = VAEOptions.likelihood
    sigma: Hidden[float] = VAEOptions.sigma
    steps: int = 100
    """T, the steps in which noise is added, and in which samples are drawn."""
    noise_schedule: Literal["cosine", "linear"] = "cosine"
    """How much noise each step adds; linear: Ho et al. 2020; cosine: Nichol & Dhariwal 2021."""
    prior_hidden_dim: int = 256
    """Width of the network that predicts the noise."""
    prior_layers: int = 3
    """Residual blocks of that network."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_sizes(steps=self.steps, prior_hidden_dim=self.prior_hidden_dim, prior_layers=self.prior_layers)
        if self.noise_schedule not in ("cosine", "linear"):
            raise InputError(f"noise_schedule: expected cosine or linear, got {self.noise_schedule!r}")

    def unused(self) -> dict[str, str]:
        """None: what is read from the VAE is no option."""
        return {}

    def why_no_kl_options(self) -> str:
        """The VAE, which has the KL term, is frozen."""
        return NO_KL


MODELS: dict[str, type[ModelOptions]] = {
    options.model: options
    for options in (
        VAEOptions,
        BetaVAEOptions,
        BetaTCVAEOptions,
        FactorVAEOptions,
        ConditionalVAEOptions,
        M2Options,
        AutoencoderOptions,
        IWAEOptions,
        VampPriorOptions,
        IAFOptions,
        HierarchicalOptions,
        VQVAEOptions,
        CodesPriorOptions,
        LatentDiffusionOptions,
    )
}
"""Every model's options by its name on the command line."""


def training_options(model: str) -> Callable[..., TrainOptions]:
    """The class of the options of a training of this model, with its parameter: no `type` at run time."""
    return cast(Any, TrainOptions)[MODELS[model]]  # a subscript that is chosen at run time
