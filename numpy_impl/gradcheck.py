"""Checks backward functions against central differences of their forward functions, which are easier to get right.

Move one entry of an input by +h and by -h, call the forward function twice, and divide: for the scalar
L = sum(dy * f(x)),

    dL/dx_i  =  sum(dy * (f(x + h e_i) - f(x - h e_i))) / 2h  +  O(h^2).

The backward function computes the same numbers without differences, and the two are compared. Five rules make such a
check reliable:

- dy is random. With all ones, a function that ignores dy, shifts it or flips it looks right.
- float64. Rounding costs about 1e-16 |f| / h and the formula itself h^2: with h = 1e-5 both stay near 1e-10.
- Nothing is symmetric: sizes are primes that differ, images and kernels are not square. A transposed array, or a
  division by the wrong size, then shows.
- No input lies near a kink. ReLU has no derivative at 0, and a step across it measures neither slope.
- Errors are relative to the largest entry of the tensor. An absolute tolerance of 0.01 would pass most mistakes.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from foundation.architecture import Architecture, Parameters, initial_parameters
from foundation.errors import InputError
from foundation.objective import Objective
from numpy_impl import functional as F
from numpy_impl import vae_numpy as vae

STEP = 1e-5
TOLERANCE = 1e-6
VAE_TOLERANCE = (
    1e-5  # the loss is a sum of hundreds of nats, whose rounding limits how well a small gradient is measured
)
SMALL_ENTRY = 1e-2
"""Errors of entries below this fraction of their tensor's largest entry are relative to that fraction of it."""

SMALL = Architecture(latent_dim=5, channels=(2, 3), hidden_dim=7, image_shape=(1, 8, 12))
BATCH_SIZE = 11
OBJECTIVES = (Objective("bernoulli", beta=1.7), Objective("gaussian", beta=0.6, sigma=0.3))


class Result(NamedTuple):
    """The result of checking one gradient."""

    name: str
    """The operation."""
    tensor: str
    """The input or parameter whose gradient was compared."""
    max_relative_error: float
    """Largest |analytic - numeric| / max(|numeric|, SMALL_ENTRY * max|numeric|); NaN where there is a `problem`."""
    tolerance: float
    ok: bool
    worst: tuple[int, ...]
    """Index of that entry."""
    compared: int
    """Entries compared; the rest were not in the sample, or lay at a kink."""
    kinks: int = 0
    """Entries left out because their step made a ReLU's input change its sign."""
    problem: str = ""
    """The reason why nothing was compared, such as a gradient of the wrong shape; else empty."""


def differences(
    f: Callable[[np.ndarray], Any], x: np.ndarray, h: float, indices: Sequence[tuple[int, ...]] | None = None
) -> Iterator[tuple[tuple[int, ...], Any, Any]]:
    """Yield (index, f(x + h e_index), f(x - h e_index)) for every entry of x, or for those in `indices`."""
    x = x.copy()
    for index in np.ndindex(x.shape) if indices is None else indices:
        value = x[index]
        x[index] = value + h
        above = f(x)
        x[index] = value - h
        below = f(x)
        x[index] = value
        yield index, above, below


def numeric_gradient(
    f: Callable[[np.ndarray], Any], x: np.ndarray, dy: np.ndarray | float, h: float = STEP
) -> np.ndarray:
    """The gradient of sum(dy * f(x)) with respect to x by central differences; x is float64, dy has f(x)'s shape."""
    gradient = np.empty_like(x)
    # Copies, because f may return its argument or a view of it.
    for index, above, below in differences(lambda x: np.array(f(x)), x, h):
        # Subtracted before they are summed: entries that x[index] does not change cancel exactly.
        gradient[index] = np.sum(dy * (above - below)) / (2 * h)
    return gradient


def compare(
    name: str,
    tensor: str,
    analytic: np.ndarray,
    numeric: np.ndarray,
    measured: np.ndarray | None = None,
    kinks: int = 0,
    tolerance: float = TOLERANCE,
) -> Result:
    """Compare two gradients of one tensor, at the entries where `measured` is True (by default everywhere)."""
    measured = np.ones(numeric.shape, bool) if measured is None else measured
    compared = int(measured.sum())
    problem = ""
    if np.shape(analytic) != numeric.shape:
        problem = f"shape {np.shape(analytic)}, expected {numeric.shape}"
    elif np.asarray(analytic).dtype != numeric.dtype:
        problem = f"dtype {np.asarray(analytic).dtype}, expected {numeric.dtype}"
    elif compared == 0:
        problem = "no entry could be compared"
    if problem:
        return Result(name, tensor, np.nan, tolerance, False, (), 0, kinks, problem)

    scale = np.abs(numeric[measured]).max() or 1.0
    error = np.abs(analytic - numeric) / np.maximum(np.abs(numeric), SMALL_ENTRY * scale)
    error = np.where(measured, error, 0)
    worst = np.unravel_index(error.argmax(), error.shape)  # NaN counts as the largest
    largest = float(error[worst])
    return Result(name, tensor, largest, tolerance, largest <= tolerance, tuple(map(int, worst)), compared, kinks)


def check(
    name: str,
    f: Callable[..., Any],
    f_backward: Callable[..., Any],
    inputs: dict[str, np.ndarray],
    dy: np.ndarray | float | None = None,
    h: float = STEP,
    tolerance: float = TOLERANCE,
    seed: int = 0,
) -> list[Result]:
    """Compare `f_backward` with central differences of `f`: one result for each input.

    `inputs` names the differentiable inputs in the order in which `f(*inputs)` takes them and in which
    `f_backward(dy, *inputs)` returns their gradients (one alone may come without a tuple). `dy` has the
    shape of f's result; it is drawn from N(0, 1) unless given.
    """
    for label, x in inputs.items():
        if x.dtype != np.float64:
            raise TypeError(f"{label}: central differences need float64, got {x.dtype}")
    values = list(inputs.values())
    if dy is None:
        dy = np.random.default_rng(seed).standard_normal(np.shape(f(*values)) or None)  # None: a float
    gradients = f_backward(dy, *(x.copy() for x in values))
    gradients = gradients if isinstance(gradients, tuple) else (gradients,)
    if len(gradients) != len(inputs):
        raise ValueError(f"{name}: expected {len(inputs)} gradients ({', '.join(inputs)}), got {len(gradients)}")

    results = []
    for i, (label, x) in enumerate(inputs.items()):

        def f_of_one(x: np.ndarray, i: int = i) -> Any:
            return f(*values[:i], x, *values[i + 1 :])

        numeric = numeric_gradient(f_of_one, x, dy, h)
        results.append(compare(name, label, gradients[i], numeric, tolerance=tolerance))
    return results


def away_from_zero(x: np.ndarray, margin: float = 0.05) -> np.ndarray:
    """Push entries with |x| < margin out to ±margin, so that no step of h crosses ReLU's kink."""
    return np.where(np.abs(x) < margin, np.copysign(margin, x), x)


def check_operations(seed: int = 0) -> list[Result]:
    """Check every operation of `functional`, and the parameter-free functions of `vae_numpy`."""
    rng = np.random.default_rng(seed)
    normal = rng.standard_normal
    results = _check_layer(F.linear, F.linear_backward, normal((3, 7)), normal((5, 7)), normal(5))

    # Both strides leave a last row, of x or of its padding, that no window covers; output_padding restores it.
    x, weight = normal((3, 2, 11, 7)), normal((5, 2, 2, 3))
    for options in ({}, {"stride": 2, "padding": 1}, {"stride": (2, 3), "padding": (0, 1)}):
        results += _check_layer(F.conv2d, F.conv2d_backward, x, weight, normal(5), **options)
    x, weight = normal((3, 5, 7, 3)), normal((5, 2, 2, 3))
    for options in ({}, {"stride": 2, "padding": 1, "output_padding": 1}, {"stride": (2, 3), "padding": (0, 1)}):
        results += _check_layer(F.conv_transpose2d, F.conv_transpose2d_backward, x, weight, normal(2), **options)

    results += check("relu", F.relu, F.relu_backward, {"x": away_from_zero(normal((5, 7)))})
    results += check("sigmoid", F.sigmoid, F.sigmoid_backward, {"x": 3 * normal((5, 7))})
    return results + _check_objective(rng)


def _check_layer(
    layer: Callable, layer_backward: Callable, x: np.ndarray, weight: np.ndarray, bias: np.ndarray, **options: Any
) -> list[Result]:
    name = ", ".join([layer.__name__, *(f"{option} {value}" for option, value in options.items())])
    return check(
        name,
        lambda x, weight, bias: layer(x, weight, bias, **options),
        lambda dy, x, weight, bias: layer_backward(dy, x, weight, **options),
        {"x": x, "weight": weight, "bias": bias},
    )


def _check_objective(rng: np.random.Generator) -> list[Result]:
    logits, target = 3 * rng.standard_normal((3, 1, 5, 7)), rng.random((3, 1, 5, 7))
    mu, logvar, eps = rng.standard_normal((3, 3, 11))
    results = check(
        "binary_cross_entropy_with_logits",
        lambda logits: F.binary_cross_entropy_with_logits(logits, target),
        lambda dy, logits: F.binary_cross_entropy_with_logits_backward(dy, logits, target),
        {"logits": logits},
    )
    results += check(
        "gaussian_nll_loss",
        lambda mean: F.gaussian_nll_loss(mean, target, 0.09),
        lambda dy, mean: F.gaussian_nll_loss_backward(dy, mean, target, 0.09),
        {"mean": logits},
    )
    results += check(
        "reparameterize",
        lambda mu, logvar: vae.reparameterize(mu, logvar, eps),
        lambda dy, mu, logvar: vae.reparameterize_backward(dy, logvar, eps),
        {"mu": mu, "logvar": logvar},
    )
    results += check("kl_divergence", vae.kl_divergence, vae.kl_divergence_backward, {"mu": mu, "logvar": logvar})
    for objective in OBJECTIVES:
        results += check(
            f"reconstruction_loss, {objective.likelihood}",
            lambda logits, o=objective: vae.reconstruction_loss(logits, target, o),
            lambda dy, logits, o=objective: vae.reconstruction_loss_backward(dy, logits, target, o),
            {"logits": logits},
        )
        results += check(
            f"loss, {objective.likelihood}, beta {objective.beta}",
            lambda logits, mu, logvar, o=objective: vae.loss(logits, target, mu, logvar, o).loss,
            lambda dy, logits, mu, logvar, o=objective: tuple(
                dy * gradient for gradient in vae.loss_backward(logits, target, mu, logvar, o)
            ),
            {"logits": logits, "mu": mu, "logvar": logvar},
        )
    return results


def check_vae(
    architecture: Architecture = SMALL,
    seed: int = 0,
    sample: int | None = None,
    backward: Callable[..., Parameters] = vae.backward,
) -> list[Result]:
    """Check the gradient of the whole VAE for every parameter by name, under both likelihoods and a beta that is not 1.

    With `sample`, only that many entries of each tensor are drawn and compared, since every entry takes two forward
    passes. Entries whose step makes a ReLU's input change its sign are left out and counted.
    """
    if sample is not None and sample < 1:
        raise InputError(f"sample: expected at least 1, got {sample}")
    rng = np.random.default_rng(seed)
    # Twice the usual starting values, so that gradients do not vanish on their way through the layers.
    parameters = {name: 2 * value for name, value in initial_parameters(architecture, rng, np.float64).items()}
    x = rng.random((BATCH_SIZE, *architecture.image_shape))
    eps = rng.standard_normal((BATCH_SIZE, architecture.latent_dim))
    results = []
    for objective in OBJECTIVES:
        gradients = backward(parameters, x, eps, *vae.forward(parameters, x, eps), objective)
        for name, parameter in parameters.items():
            indices = list(np.ndindex(parameter.shape))
            if sample is not None and sample < len(indices):
                indices = [indices[i] for i in rng.choice(len(indices), sample, replace=False)]
            numeric, measured, kinks = numeric_vae_gradient(parameters, name, indices, x, eps, objective)
            label = f"vae, {objective.likelihood}, beta {objective.beta}"
            results.append(compare(label, name, gradients[name], numeric, measured, kinks, VAE_TOLERANCE))
    return results


def numeric_vae_gradient(
    parameters: Parameters, name: str, indices: list, x: np.ndarray, eps: np.ndarray, objective: Objective
) -> tuple[np.ndarray, np.ndarray, int]:
    """The gradient of one parameter at `indices`, a mask of the entries that were measured, and the number of kinks."""

    def loss_and_active_units(parameter: np.ndarray) -> tuple[float, np.ndarray]:
        run, (encoder_hidden, decoder_hidden) = vae.forward(parameters | {name: parameter}, x, eps)
        parts = vae.loss(run.logits, x, run.mu, run.logvar, objective)
        return float(parts.loss), np.concatenate([h.ravel() > 0 for h in encoder_hidden + decoder_hidden])

    numeric, measured, kinks = np.zeros_like(parameters[name]), np.zeros(parameters[name].shape, bool), 0
    for index, (above, active_above), (below, active_below) in differences(
        loss_and_active_units, parameters[name], STEP, indices
    ):
        if np.array_equal(active_above, active_below):
            numeric[index], measured[index] = (above - below) / (2 * STEP), True
        else:
            kinks += 1
    return numeric, measured, kinks
