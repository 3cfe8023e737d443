"""Computations as data: operations with their adjoints, programs made of them, and the tape that a run records.

Exercises 20 and 21 are about the tape alone, so all that it is tried with is here. A tape is a dict of nodes by name,
and a node holds nothing but texts, tuples and arrays: it can be sent to a process, printed and compared.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from foundation.architecture import Architecture
from numpy_impl import functional as F
from numpy_impl.vae_numpy import DOWN, UP

Node = dict[str, Any]
"""operation, inputs (a name for each argument, None for a constant), arguments (their arrays), and value."""
Tape = dict[str, Node]
Function = Callable[..., Any]
Line = tuple[str, str, tuple[Any, ...]]
"""Of a program: the name of the result, the operation, and its arguments, names of values or arrays."""
LEAF = ""
"""The operation of a node that was not computed."""

OPERATIONS: dict[str, Function] = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "divide": lambda a, b: a / b,
    "exp": np.exp,
    "sum": lambda x: np.asarray(np.sum(x)),
    "linear": F.linear,
    "conv2d": lambda x, weight, bias: F.conv2d(x, weight, bias, **DOWN),
    "conv_transpose2d": lambda x, weight, bias: F.conv_transpose2d(x, weight, bias, **UP),
    "relu": F.relu,
    "flatten": lambda x: x.reshape(len(x), -1),
    "cross_entropy": lambda logits, x: np.asarray(F.binary_cross_entropy_with_logits(logits, x)),
}
"""What a program is made of; nothing is broadcast, and every result is an array."""

ADJOINTS: dict[str, Function] = {
    "add": lambda dy, a, b: (dy, dy),
    "subtract": lambda dy, a, b: (dy, -dy),
    "multiply": lambda dy, a, b: (dy * b, dy * a),
    "divide": lambda dy, a, b: (dy / b, -dy * a / b**2),
    "exp": lambda dy, x: (dy * np.exp(x),),
    "sum": lambda dy, x: (np.full(x.shape, dy),),
    "linear": lambda dy, x, weight, bias: F.linear_backward(dy, x, weight),
    "conv2d": lambda dy, x, weight, bias: F.conv2d_backward(dy, x, weight, **DOWN),
    "conv_transpose2d": lambda dy, x, weight, bias: F.conv_transpose2d_backward(dy, x, weight, **UP),
    "relu": lambda dy, x: (F.relu_backward(dy, x),),
    "flatten": lambda dy, x: (dy.reshape(x.shape),),
    "cross_entropy": lambda dy, logits, x: (
        F.binary_cross_entropy_with_logits_backward(float(dy), logits, x),
        -dy * logits,
    ),
}
"""adjoint(dy, *arguments): a tuple with the gradient of sum(dy * y) for every argument, whether it is wanted or not."""


def leaf(value: Any) -> Node:
    """A node that was not computed."""
    return {"operation": LEAF, "inputs": (), "arguments": (), "value": np.asarray(value)}


def recorded(
    leaves: Mapping[str, Any], program: Sequence[Line], operations: Mapping[str, Function] = OPERATIONS
) -> Tape:
    """The tape of a run of a program from the values of its leaves."""
    tape = {name: leaf(value) for name, value in leaves.items()}
    for name, operation, given in program:
        inputs = tuple(x if isinstance(x, str) else None for x in given)
        arguments = tuple(tape[x]["value"] if isinstance(x, str) else x for x in given)
        value = operations[operation](*arguments)
        tape[name] = {"operation": operation, "inputs": inputs, "arguments": arguments, "value": value}
    return tape


def shuffled(tape: Tape, rng: np.random.Generator) -> Tape:
    """The same nodes in another order."""
    names = list(tape)
    return {names[i]: tape[names[i]] for i in rng.permutation(len(names))}


def operations_of(architecture: Architecture) -> tuple[dict[str, Function], dict[str, Function]]:
    """OPERATIONS and ADJOINTS, and with them "images": rows as the feature maps in the middle of the decoder."""
    _, height, width = architecture.image_shape
    images: Function = lambda x: x.reshape(len(x), -1, height // 4, width // 4)  # noqa: E731
    rows: Function = lambda dy, x: (dy.reshape(x.shape),)  # noqa: E731
    return OPERATIONS | {"images": images}, ADJOINTS | {"images": rows}


def vae_program(x: np.ndarray, eps: np.ndarray, beta: float) -> list[Line]:
    """The VAE's loss from its parameters by name, Bernoulli, in nats per image; x, eps and numbers are constants."""

    def layer(name: str) -> tuple[str, str]:
        return f"{name}.weight", f"{name}.bias"

    half, ones, count = np.full(eps.shape, 0.5), np.ones(eps.shape), np.asarray(float(len(x)))
    return [
        ("a1", "conv2d", (x, *layer("encoder.conv1"))),
        ("h1", "relu", ("a1",)),
        ("a2", "conv2d", ("h1", *layer("encoder.conv2"))),
        ("h2", "relu", ("a2",)),
        ("rows", "flatten", ("h2",)),
        ("a3", "linear", ("rows", *layer("encoder.fc"))),
        ("h3", "relu", ("a3",)),
        ("mu", "linear", ("h3", *layer("encoder.mu"))),
        ("logvar", "linear", ("h3", *layer("encoder.logvar"))),
        ("log_sigma", "multiply", ("logvar", half)),
        ("sigma", "exp", ("log_sigma",)),
        ("noise", "multiply", ("sigma", eps)),
        ("z", "add", ("mu", "noise")),
        ("a4", "linear", ("z", *layer("decoder.fc1"))),
        ("h4", "relu", ("a4",)),
        ("a5", "linear", ("h4", *layer("decoder.fc2"))),
        ("maps", "images", ("a5",)),
        ("h5", "relu", ("maps",)),
        ("a6", "conv_transpose2d", ("h5", *layer("decoder.conv_transpose1"))),
        ("h6", "relu", ("a6",)),
        ("logits", "conv_transpose2d", ("h6", *layer("decoder.conv_transpose2"))),
        ("cost", "cross_entropy", ("logits", x)),
        ("reconstruction", "divide", ("cost", count)),
        ("mu2", "multiply", ("mu", "mu")),
        ("variance", "exp", ("logvar",)),
        ("second_moment", "add", ("mu2", "variance")),
        ("above_logvar", "subtract", ("second_moment", "logvar")),
        ("twice_kl", "subtract", ("above_logvar", ones)),
        ("total", "sum", ("twice_kl",)),
        ("weighted_kl", "multiply", ("total", beta / (2 * count))),
        ("loss", "add", ("reconstruction", "weighted_kl")),
    ]
