"""Exercise 20: a tape that remembers how a number was computed. Read exercises/20_tape.md, then write the functions.

A tape is a dict of nodes by name, and each node is a dict of four entries:

    "operation"   a text: what computed the value; empty for a leaf, which was not computed
    "inputs"      a tuple with an entry for each argument: the name of a node, or None for a constant
    "arguments"   a tuple with the arrays that the operation was given, constants included
    "value"       the array that came out

No function changes an argument: each returns a new dict.
"""

from collections.abc import Callable
from typing import Any

import numpy as np


def leaf(tape: dict[str, dict[str, Any]], name: str, value: np.ndarray) -> dict[str, dict[str, Any]]:
    """A new tape with one more node, which was not computed from others.

    tape: the nodes so far, by name. name: that of the new node. value: an array of any shape.
    Returns the nodes of the tape and the new one.
    """
    raise NotImplementedError


def record(
    tape: dict[str, dict[str, Any]],
    name: str,
    operation: str,
    inputs: tuple[str | np.ndarray, ...],
    f: Callable[..., np.ndarray],
) -> dict[str, dict[str, Any]]:
    """Compute a value, and remember how: a new tape with one more node.

    tape: the nodes so far, by name. name: that of the new node. operation: the name under which its adjoint will be
    found. inputs: the arguments of f in their order, each the name of a node on the tape, or an array, which is a
    constant. f: the function to call, with one array for each of the inputs.
    Returns the nodes of the tape and the new one.
    """
    raise NotImplementedError


def pull_back(
    tape: dict[str, dict[str, Any]],
    name: str,
    gradients: dict[str, np.ndarray],
    adjoints: dict[str, Callable[..., tuple[np.ndarray, ...]]],
) -> dict[str, np.ndarray]:
    """One step backward: from the gradient of a node to those of the nodes that it was computed from.

    tape: nodes by name. name: the node whose gradient is complete. gradients: those known so far, by the name of the
    node, that of `name` included. adjoints: by operation, a function adjoint(dy, *arguments) that gives a tuple with a
    gradient for every argument.
    Returns all gradients known now. A node that had none gets one, a node that had one gets the sum, and a constant
    gets none. Nothing new follows from a leaf.
    """
    raise NotImplementedError
