"""The contract of a rung: a model with its optimiser, as training, parity, figures and evaluation use it."""

import dataclasses
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

import numpy as np

from foundation.architecture import Architecture, Parameters
from foundation.errors import InputError
from foundation.files import to_json
from foundation.objective import WITH_PARAMETERS, Loss, Objective
from foundation.options import ModelOptions, check_sizes
from foundation.schema import from_json

ImageShape = tuple[int, int, int]
"""Channels, height and width."""


@dataclasses.dataclass(frozen=True)
class Traits:
    """The parts that a model has. Each model states its own; nothing else says what can be drawn or measured of it."""

    posterior: bool = True
    """q(z|x) has a variance: z is drawn, and there is a KL term"""
    prior: bool = True
    """z may be drawn from the model's prior"""
    closed_kl: bool = True
    """Of a model with q(z|x): its KL is that of a diagonal Gaussian and N(0, I), in closed form, latent by latent"""
    learned_prior: bool = False
    """The prior is not N(0, I); `prior` makes draws from it of draws from N(0, I)"""
    condition: Literal["none", "label", "part"] = "none"
    """What encoder and decoder are given beside their input: nothing, the label, or a part of the image"""
    classifier: bool = False
    """Of a model that is given the label: it has q(y|x), and takes -1 for a label that is not known"""
    codes: bool = False
    """The latents are entries of a codebook, chosen by `codes`"""
    diffusion: bool = False
    """The prior reverses a diffusion: its density at a z is known by a bound alone"""


@dataclasses.dataclass(frozen=True)
class Description:
    """Which model a file of weights belongs to: enough to make it again."""

    model: str
    """Its name on the command line"""
    options: dict[str, Any]
    """Its options, as JSON holds them"""
    image_shape: ImageShape
    class_count: int

    @classmethod
    def of(cls, options: ModelOptions, image_shape: ImageShape, class_count: int) -> "Description":
        """The description of a model with these options."""
        return cls(options.model, json.loads(to_json(options)), image_shape, class_count)


def check_described(image_shape: ImageShape, class_count: int) -> None:
    """Raise `InputError` for a shape or a count that no images have."""
    check_sizes(image_shape=image_shape)
    check_sizes(class_count=class_count, least=0)


def describe_architecture(architecture: Architecture, class_count: int = 0, **objective: Any) -> Description:
    """The description of the VAE of this architecture; `objective` holds further options: a likelihood, sigma, beta."""
    options = {
        "latent_dim": architecture.latent_dim,
        "channels": list(architecture.channels),
        "hidden_dims": [architecture.hidden_dim],
    }
    return Description("vae", options | objective, architecture.image_shape, class_count)


def architecture_of(description: Description) -> Architecture:
    """The architecture of a described VAE.

    Raises `InputError` for a model that is not the VAE of the main files, and for sizes that are none.
    """
    model, options = description.model, description.options
    if not is_main_vae(description):
        raise InputError(f"expected the convolutional VAE with one hidden layer, got {model} {options}")
    sizes = {name: options.get(name) for name in ("latent_dim", "channels")}
    sizes |= {"hidden_dim": options["hidden_dims"][0], "image_shape": list(description.image_shape)}
    try:
        return from_json(Architecture, sizes)
    except ValueError as error:
        raise InputError(f"{model}: expected the sizes of an architecture, got {sizes} ({error})") from error


def is_main_vae(description: Description) -> bool:
    """Whether a model has the tensors of the main files' VAE and no others."""
    options = description.options
    return (
        description.model in ("vae", "beta-vae")
        and options.get("network", "conv") == "conv"
        and len(options.get("hidden_dims", ())) == 1
        and len(options.get("channels", (1, 1))) == 2
        and not options.get("residual_blocks")
        and options.get("likelihood") not in WITH_PARAMETERS
    )


class Pass(NamedTuple):
    """Everything that one forward and backward pass computes, under the names that parity compares."""

    mu: np.ndarray
    logvar: np.ndarray
    logits: np.ndarray
    loss: Loss
    gradients: Parameters


@runtime_checkable
class Rung(Protocol):
    """A model with its optimiser. Arguments and results are NumPy arrays, whatever computes in between.

    Images `x` are (N, C, H, W) in [0, 1], labels (N,), latents `z` (N, Z) or a map (N, D, h, w), a condition `c`
    has N rows; all of the dtype of the parameters, float32 or float64. A loss is a NamedTuple whose first field is
    `loss` and whose second is `reconstruction`, in nats per image.
    """

    name: str
    """numpy_impl, pytorch_lowlevel or paper"""
    description: Description
    traits: Traits
    learning_rate: float
    """Step size of the next step"""
    dtype: np.dtype
    device: str
    """cpu, or where torch computes, such as cuda"""
    read_every: int
    """Steps between two looks at the losses: 1 where a loss is there when a step returns"""
    processes: int
    """Processes that share each batch; every one of them is given the whole batch"""
    threads: int
    """Threads that each process computes on, on which the last digits of the results depend"""

    def noise_shape(self, count: int) -> tuple[int, ...]:
        """Shape of eps for `count` images; images come first."""

    def step(self, x: np.ndarray, eps: np.ndarray, objective: Objective, labels: np.ndarray | None = None) -> Any:
        """One step of the optimiser on a batch; the loss before the step and its parts.

        Where `read_every` is 1 they are floats, and a loss that is not finite takes no step. Elsewhere they are numbers
        on the device, of which `float` waits for the result.
        """

    def evaluate(self, x: np.ndarray, eps: np.ndarray, objective: Objective, labels: np.ndarray | None = None) -> Any:
        """The loss of a batch and its parts as floats; no gradients, nothing changes."""

    def differentiate(
        self, x: np.ndarray, eps: np.ndarray, objective: Objective, labels: np.ndarray | None = None
    ) -> Pass:
        """Forward and backward without a step, everything by name."""

    def activations(self, x: np.ndarray, eps: np.ndarray, labels: np.ndarray | None = None) -> Parameters:
        """What one forward pass computes, by name and in order: mu, logvar, z, logits, or what the model has."""

    def condition(self, x: np.ndarray | None, labels: np.ndarray | None) -> np.ndarray | None:
        """The condition of each image or label; None for a model without."""

    def encode(self, x: np.ndarray, c: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray | None]:
        """mu and logvar of q(z|x), each (N, Z); logvar is None for a model without a variance."""

    def code(self, mu: np.ndarray, logvar: np.ndarray | None) -> np.ndarray:
        """The z that stands for each image in pictures, of what `encode` gave: mu, unless a flow transforms it."""

    def prior(self, eps: np.ndarray, c: np.ndarray | None = None) -> np.ndarray:
        """z from the prior for eps from N(0, I), (N, Z): eps itself unless the model learns its prior.

        Where z are entries of a codebook, eps has a number for each of them, (N, h, w), as `codes` has.
        """

    def decode(self, z: np.ndarray, c: np.ndarray | None = None) -> np.ndarray:
        """The outputs of p(x|z), (N, C, H, W): logits for a Bernoulli."""

    def reconstruct(self, x: np.ndarray, c: np.ndarray | None = None) -> np.ndarray:
        """x_hat in [0, 1] from z = mu (eps is zero)."""

    def sample(self, z: np.ndarray, c: np.ndarray | None = None) -> np.ndarray:
        """x_hat in [0, 1], the expected image, for latents z drawn from the prior or anywhere else."""

    def draw(self, z: np.ndarray, c: np.ndarray | None, seed: int) -> np.ndarray:
        """Images drawn from p(x|z) by the seed."""

    def mask(self) -> np.ndarray:
        """(H, W), 1 where a pixel is given. Raises `InputError` for a model that is not given a part of the image."""

    def codes(self, x: np.ndarray) -> np.ndarray:
        """The entry of the codebook at every place, (N, h, w). Raises `InputError` for a model without a codebook."""

    def summary(self) -> str:
        """The layers or parameters with their sizes, as lines of text."""

    def parameters(self) -> Parameters:
        """A copy of every parameter and buffer, keyed as rung 3's `state_dict()`."""

    def optimizer_state(self) -> Parameters:
        """A copy of what the optimiser remembers, as `<parameter>.<moment>`; empty before the first step."""

    def restore(self, parameters: Parameters, optimizer_state: Parameters, source: str | Path = "parameters") -> None:
        """Put back what `parameters` and `optimizer_state` gave; an empty state leaves the optimiser as it is.

        Raises `InputError`, beginning with where they come from, where they do not fit; nothing changes then.
        """


def parameter_table(parameters: Parameters) -> str:
    """Name, shape and size of every parameter, a line each, and their number."""
    lines = [f"{name:<34}{'×'.join(map(str, value.shape)):<14}{value.size:>10,}" for name, value in parameters.items()]
    return "\n".join([*lines, f"{'parameters':<48}{sum(value.size for value in parameters.values()):>10,}"])


def draw_pixels(x_hat: np.ndarray, options: dict[str, Any], seed: int) -> np.ndarray:
    """Images drawn from p(x|z) with the expected image x_hat, under the likelihood of a described VAE."""
    rng = np.random.default_rng(seed)
    if options.get("likelihood", "bernoulli") == "bernoulli":
        return (rng.random(x_hat.shape) < x_hat).astype(x_hat.dtype)
    return (x_hat + options["sigma"] * rng.standard_normal(x_hat.shape)).astype(x_hat.dtype)


@runtime_checkable
class Encodes(Protocol):
    """What a rung and a model of `paper/models` have in common: q(z|x, c), over NumPy arrays or over tensors."""

    def condition(self, x: Any, labels: Any) -> Any:
        """The condition of each image, or None."""

    def encode(self, x: Any, c: Any = None) -> tuple[Any, Any]:
        """mu and logvar, or z and None."""

    def code(self, mu: Any, logvar: Any) -> Any:
        """The z that stands for each image, of mu and logvar."""


def encode_all(
    model: Encodes,
    images: Any,
    labels: Any,
    join: Callable[..., Any] = np.concatenate,
    batch_size: int = 500,
) -> tuple[Any, Any]:
    """The code of every image, mu of q(z|x) unless a flow transforms it, and logvar, or None without a variance.

    Images are encoded a batch at a time. Arrays in, arrays out; for tensors, which stay on their device, `join` is
    `torch.cat`.
    """
    batches = [slice(start, start + batch_size) for start in range(0, len(images), batch_size)]
    found = [model.encode(images[part], model.condition(images[part], labels[part])) for part in batches]
    codes, logvar = [model.code(*moments) for moments in found], [moments[1] for moments in found]
    return join(codes), None if logvar[0] is None else join(logvar)


def no_mask(description: Description) -> InputError:
    """The error of a model that is not given a part of the image."""
    return InputError(f"{description.model}: expected a model that completes images")


def no_codes(description: Description) -> InputError:
    """The error of a model without a codebook."""
    return InputError(f"{description.model}: expected a model with a codebook")


def check_batch(shapes: Mapping[str, tuple[int, ...]], dtype: np.dtype, **arrays: np.ndarray) -> None:
    """Refuse images x, or latents such as eps or z, of another dtype, shape or range than the rung was made for.

    `shapes` has the shape of one image or latent by the argument's name; arrays given together have as many rows.
    Raises `TypeError` or `ValueError` that begins with the argument's name.
    """
    count = None
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray) or array.dtype != dtype:
            got = array.dtype if isinstance(array, np.ndarray) else type(array).__name__
            raise TypeError(f"{name}: expected a NumPy array of {dtype} like the parameters, got {got}")
        if array.shape[1:] != tuple(shapes[name]) or len(array) == 0:
            sizes = ", ".join(map(str, shapes[name]))
            raise ValueError(f"{name}: expected shape (N, {sizes}) with N >= 1, got {array.shape}")
        if count not in (None, len(array)):
            raise ValueError(f"{name}: expected a batch of {count} like x, got {len(array)}")
        count = len(array)
    for name, array in arrays.items():
        if name == "x":
            low, high = array.min(), array.max()  # NaN anywhere makes both NaN
            if not (low >= 0 and high <= 1):
                raise ValueError(f"x: expected values in [0, 1], got values from {low} to {high}")
        elif not np.isfinite(array).all():
            raise ValueError(f"{name}: expected finite numbers, got NaN or infinity")


def batch_shapes(architecture: Architecture) -> dict[str, tuple[int, ...]]:
    """The shapes that `check_batch` asks of the VAE of the main files."""
    latents = (architecture.latent_dim,)
    return {"x": architecture.image_shape, "eps": latents, "z": latents}
