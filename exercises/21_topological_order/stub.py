"""Exercise 21: an autograd of your own. Read exercises/21_topological_order.md, then write the three functions.

A tape is that of exercise 20, a dict of nodes by name, but its order carries no information: a node may stand before
those that it was computed from. Each node is a dict:

    "operation"   a text: what computed the value; empty for a leaf, which was not computed
    "inputs"      a tuple with an entry for each argument: the name of a node, or None for a constant
    "arguments"   a tuple with the arrays that the operation was given, constants included
    "value"       the array that came out

You may paste in your answers to exercise 20. No function changes an argument.
"""

from collections.abc import Callable
from typing import Any

import numpy as np


def topological_order(tape: dict[str, dict[str, Any]], last: str) -> list[str]:
    """The order in which the way back visits the nodes: from `last` to the leaves.

    tape: nodes by name, in any order. last: the name of a node.
    Returns a list of names: that of every node that `last` was computed from, and its own, each once, and after all
    nodes of the list that it is an input of. There may be several such orders; each is right.
    """
    raise NotImplementedError


def backward(
    tape: dict[str, dict[str, Any]],
    last: str,
    dy: np.ndarray,
    adjoints: dict[str, Callable[..., tuple[np.ndarray, ...]]],
) -> dict[str, np.ndarray]:
    """The gradient of sum(dy * value of `last`) for every node that `last` was computed from.

    tape: nodes by name, in any order. last: the name of a node. dy: an array with the shape of its value.
    adjoints: by operation, a function adjoint(dy, *arguments) that gives a tuple with a gradient for every argument; to
    be called once for each node that is no leaf.
    Returns a dict of gradients by the name of the node, that of `last` included, and without nodes that it does not
    depend on.
    """
    raise NotImplementedError


def differentiate(
    program: list[tuple[str, str, tuple[str | np.ndarray, ...]]],
    leaves: dict[str, np.ndarray],
    operations: dict[str, Callable[..., np.ndarray]],
    adjoints: dict[str, Callable[..., tuple[np.ndarray, ...]]],
) -> dict[str, np.ndarray | dict[str, np.ndarray]]:
    """Run a program, record it, and go back: the whole of autograd.

    program: a list of lines (name, operation, inputs), each a value to compute; inputs are names of leaves or of
    earlier lines, and arrays, which are constants. The last line gives one number. leaves: the values to begin with, by
    name.
    operations: the functions to compute with, by operation. adjoints: as in `backward`.
    Returns a dict: value, that of the last line, and gradients, a dict with the gradient of that value for every leaf,
    zeros of its shape for a leaf that the value does not depend on.
    """
    raise NotImplementedError
