"""What the child process measures of a VAE, as plain numbers and texts. What they mean is said by `verdict`.

All differences of the loss are for one entry of one image, everything else being held fixed, in the loss's own units.
NaN stands for an evaluation that failed.
"""

import dataclasses
import math

SPREADS = (-1.5, -1.0, -0.5, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0)
"""Values that the encoder's second output is set to."""
BASE_SPREAD = 1.0
MEANS = (-2.0, -1.0, 1.0, 2.0, 3.0)
NEAR_PRIOR = 0.2
PROBABILITIES = (0.1, 0.3, 0.5, 0.7, 0.9)
"""Values that the decoder's output is set to."""
BASE_OUTPUT = 0.5
BATCHES = (4, 8)
"""The sizes of batch that are compared."""
WEIGHTS = ("beta", "kl", "weight", "lambd", "coef", "gamma", "alpha", "m_n", "reg")
"""Parts of the names that a weight of the KL has."""


@dataclasses.dataclass
class Found:
    """What was taken for what."""

    model: str = ""
    encoder: str = ""
    decoder: str = ""
    loss: str = ""
    """Empty where none was found"""
    why_no_loss: str = ""
    image_shape: list[int] = dataclasses.field(default_factory=list)
    latent_shape: list[int] = dataclasses.field(default_factory=list)
    precision: str = "float64"
    left_out: list[str] = dataclasses.field(default_factory=list)
    """Statements of the file that failed or were not run, and why"""
    terms_apart: bool = False
    """The loss returns its terms apart, and their plain sum was measured"""


@dataclasses.dataclass
class Noise:
    """The draw from which z is made."""

    name: str = ""
    """torch's name of it; empty for none"""
    shape: list[int] = dataclasses.field(default_factory=list)
    is_uniform: bool = False
    repeats: bool = False
    """Two evaluations with different seeds have the same z, though noise is drawn"""


@dataclasses.dataclass
class Sampler:
    """z against what the encoder's two outputs were set to."""

    is_reached: bool = False
    """The decoder was called with z; else the rest says nothing"""
    draws: bool = False
    offset: float = 0.0
    """The largest difference between z at noise 0 and the first output."""
    spread: list[float] = dataclasses.field(default_factory=lambda: [math.nan] * len(SPREADS))
    """z at noise 1 less z at noise 0, for each of SPREADS."""

    @property
    def depends_on_noise(self) -> bool:
        """Whether z moves with the noise at some spread."""
        return any(abs(value) > 1e-9 for value in self.spread)


@dataclasses.dataclass
class Loss:
    """Differences of the loss in one mode of the model."""

    means: list[list[float]] = dataclasses.field(default_factory=list)
    """For each of BATCHES, the loss with one entry of mu at each of MEANS less that at 0."""
    near_prior: float = math.nan
    """The loss with one entry of mu at NEAR_PRIOR less that at 0, where the second output is 0: σ = 1 for its log."""
    last_mean: float = 0.0
    """The same for the last entry of the last image, at the last of MEANS."""
    spreads: list[float] = dataclasses.field(default_factory=list)
    """The loss with one entry of the second output at each of SPREADS less that at BASE_SPREAD."""
    black: list[list[float]] = dataclasses.field(default_factory=list)
    """For each of BATCHES, at a pixel that is 0: the loss with the output at each of PROBABILITIES less that at
    BASE_OUTPUT."""
    white: list[list[float]] = dataclasses.field(default_factory=list)
    """The same at a pixel that is 1."""
    value: float = 0.0
    """The loss itself at a fixed point."""


@dataclasses.dataclass
class Range:
    """Values of a tensor over many inputs."""

    least: float = 0.0
    most: float = 0.0
    zeros: float = 0.0
    """The share of exact zeros."""


@dataclasses.dataclass
class Gradients:
    """Which gradients are there; all of them should be."""

    z_to_mean: bool = True
    z_to_spread: bool = True
    kl_to_mean: bool = True
    kl_to_spread: bool = True
    reconstruction: bool = True
    mean_head: bool = True
    spread_head: bool = True
    decoder: bool = True
    unregistered: int = 0
    """Parameters that the loss depends on and `model.parameters()` does not list."""


@dataclasses.dataclass
class Weight:
    """A number of the file by which the KL is multiplied, or divided."""

    name: str
    value: float
    power: int
    """1 or -1"""


@dataclasses.dataclass
class Measured:
    """Everything."""

    found: Found
    noise: Noise = dataclasses.field(default_factory=Noise)
    training: Sampler = dataclasses.field(default_factory=Sampler)
    evaluation: Sampler = dataclasses.field(default_factory=Sampler)
    loss: Loss | None = None
    evaluation_loss: Loss | None = None
    """The loss after `model.eval()`, or of `validation_step` where there is one"""
    has_validation: bool = False
    same_head: bool = False
    """Both outputs of the encoder are the same numbers"""
    mean_range: Range = dataclasses.field(default_factory=Range)
    spread_range: Range = dataclasses.field(default_factory=Range)
    output_range: Range | None = None
    """Of the decoder's outputs, with latents from ordinary to huge; None where a distribution comes out"""
    gradients: Gradients = dataclasses.field(default_factory=Gradients)
    weights: list[Weight] = dataclasses.field(default_factory=list)
    constants: list[float] = dataclasses.field(default_factory=list)
    """Numbers that the file's text multiplies something like a KL by"""
    assumed: list[str] = dataclasses.field(default_factory=list)
    """Names of keyword arguments that the loss needs; each was taken as 1, and the KL is proportional to it"""
    schedules: list[str] = dataclasses.field(default_factory=list)
    """Counters of steps or epochs on which the KL's weight depends"""
    repeatable: bool = True
    """The loss at the same point, evaluated again, is the same number"""
    data_range: list[float] = dataclasses.field(default_factory=list)
    """What the file's own transform makes of a black and of a white pixel; empty where there is none"""
    problems: list[str] = dataclasses.field(default_factory=list)
    """Probes that could not be made, and why"""
