"""Wrong orders, wrong ways back, and an autograd that is wrong at its ends."""

import numpy as np

from exercises.kit.exercise import mistakes_of
from exercises.model.tapes import LEAF, recorded


def parents_of(tape, name):
    """The nodes that a node was computed from."""
    return [parent for parent in tape[name]["inputs"] if parent is not None]


# Orders, from last to the leaves


def right_order(tape, last):
    """By counting: a node is ready when all its users have been visited."""
    needed = breadth_first(tape, last)
    return _by_counting(tape, last, needed)


def breadth_first(tape, last):
    order, seen = [last], {last}
    for name in order:
        new = [parent for parent in dict.fromkeys(parents_of(tape, name)) if parent not in seen]
        order += new
        seen |= set(new)
    return order


def depth_first(tape, last):
    """Right: a node is written down when its inputs are done, and the list is read from its end."""
    order, seen, stack = [], set(), [(last, False)]
    while stack:
        name, done = stack.pop()
        if done:
            order.append(name)
        elif name not in seen:
            seen.add(name)
            stack.append((name, True))
            stack += [(parent, False) for parent in parents_of(tape, name)]
    return order[::-1]


def _as_in_the_dict(tape, last):
    needed = set(breadth_first(tape, last))
    return [name for name in reversed(tape) if name in needed]


def _by_counting(tape, last, counted):
    waiting = dict.fromkeys(tape, 0)
    for name in counted:
        for parent in parents_of(tape, name):
            waiting[parent] += 1
    ready, order = [last], []
    while ready:
        name = ready.pop()
        order.append(name)
        for parent in parents_of(tape, name):
            waiting[parent] -= 1
            if waiting[parent] == 0:
                ready.append(parent)
    return order


def on_entering(tape, last):
    """Depth first, each node written down when it is reached, not when all behind it is done."""
    order: dict[str, None] = {}
    stack = [last]
    while stack:
        name = stack.pop()
        if name not in order:
            order[name] = None
            stack += parents_of(tape, name)[::-1]
    return list(order)


def once_per_path(tape, last):
    order, stack = [], [last]
    while stack:
        name = stack.pop()
        order.append(name)
        stack += parents_of(tape, name)[::-1]
    return order


def recursive(tape, last):
    order, seen = [], set()

    def visit(name):
        if name not in seen:
            seen.add(name)
            for parent in parents_of(tape, name):
                visit(parent)
            order.append(name)

    visit(last)
    return order[::-1]


def _first_input_alone(tape, last):
    order = [last]
    while parents := parents_of(tape, order[-1]):
        order.append(parents[0])
    return order


ORDERS = mistakes_of(
    "topological_order",
    (
        "breadth first",
        breadth_first,
        "Nodes come by their shortest distance from the last one. Where a value is used by it directly and again "
        "behind another node, it comes before that other user: the longest way counts.",
    ),
    (
        "a node is written down when it is first reached",
        on_entering,
        "Depth first finds every node once, but a node stands where the first way led to it, before users that come "
        "later. Written down when all that it leads to is done, and read from the end, it comes after all of them.",
    ),
    (
        "a node once for every path to it",
        once_per_path,
        "A node that is reached in several ways is there several times: behind 3 values used twice, 8 times. Remember "
        "which were seen.",
    ),
    (
        "from the leaves to the last node",
        lambda tape, last: right_order(tape, last)[::-1],
        "That is the order in which values are computed. The way back is the reverse.",
    ),
    (
        "by calls of itself",
        recursive,
        "Right for small graphs; but Python allows about 1000 calls inside one another, and a chain of 1500 nodes "
        "needs as many. A list as a stack has no limit.",
    ),
    (
        "the order of the dict, reversed",
        lambda tape, last: list(reversed(tape)),
        "That is right for a tape that was just recorded, and for its last node. Here the order of the dict means "
        "nothing, and nodes that are not needed are on it.",
    ),
    (
        "the order of the dict, reversed, of the nodes that are needed",
        _as_in_the_dict,
        "The right nodes, each once, but as they stand in the dict, whose order means nothing here.",
    ),
    (
        "the last node is missing",
        lambda tape, last: right_order(tape, last)[1:],
        "The way back begins at `last` itself: its gradient is dy.",
    ),
    (
        "the leaves are missing",
        lambda tape, last: [name for name in right_order(tape, last) if tape[name]["operation"] != LEAF],
        "Leaves have no adjoint, but they are nodes, and their gradients are what is wanted.",
    ),
    (
        "users that the last node does not need are waited for",
        lambda tape, last: _by_counting(tape, last, tape),
        "A node is ready when its users have been visited: those that `last` was computed from. With all users of the "
        "tape counted, one that is not needed is never visited, and what it uses waits for ever.",
    ),
    (
        "the first input alone is followed",
        _first_input_alone,
        "Each node has led to one other: a graph branches at every operation with two inputs.",
    ),
)


# Ways back


def backward_with(
    order=right_order,
    seed=lambda dy: dy,
    combine=lambda known, gradient: gradient if known is None else known + gradient,
    found=lambda gradients: gradients,
    results=lambda gradients, tape, last: gradients,
):
    """`backward` with some parts replaced."""

    def backward(tape, last, dy, adjoints):
        gradients = {last: seed(np.asarray(dy))}
        for name in order(tape, last):
            node = tape[name]
            if node["operation"] == LEAF:
                continue
            got = found(adjoints[node["operation"]](gradients[name], *node["arguments"]))
            for parent, gradient in zip(node["inputs"], got, strict=True):
                if parent is not None:
                    gradients[parent] = combine(gradients.get(parent), gradient)
        return results(gradients, tape, last)

    return backward


def path_by_path(tape, last, dy, adjoints):
    """Every path by itself: right, and as slow as there are paths."""
    gradients: dict[str, np.ndarray] = {}
    stack = [(last, np.asarray(dy))]
    while stack:
        name, gradient = stack.pop()
        gradients[name] = gradients[name] + gradient if name in gradients else gradient
        node = tape[name]
        if node["operation"] != LEAF:
            got = adjoints[node["operation"]](gradient, *node["arguments"])
            stack += [(parent, g) for parent, g in zip(node["inputs"], got, strict=True) if parent is not None]
    return gradients


def recursive_backward(tape, last, dy, adjoints):
    return backward_with(order=recursive)(tape, last, dy, adjoints)


def _add_in_place(known, gradient):
    if known is None:
        return gradient
    known += gradient
    return known


BACKWARDS = mistakes_of(
    "backward",
    (
        "gradients are replaced, not added to",
        backward_with(combine=lambda known, gradient: gradient),
        "{got} instead of {expected}: a value that is used in two places has the sum of two gradients.",
    ),
    (
        "gradients are replaced, not added to (depth first)",
        backward_with(order=depth_first, combine=lambda known, gradient: gradient),
        "{got} instead of {expected}: a value that is used in two places has the sum of two gradients.",
    ),
    (
        "the order is breadth first",
        backward_with(order=breadth_first),
        "{got} instead of {expected}: a node was visited before one of its users, so its gradient was not complete "
        "when it was handed on.",
    ),
    (
        "a node is visited when it is first reached",
        backward_with(order=on_entering),
        "{got} instead of {expected}: a node was visited before one of its users, so its gradient was not complete "
        "when it was handed on.",
    ),
    (
        "a node is visited once for every path to it",
        backward_with(order=once_per_path),
        "{got} instead of {expected}: at each visit the whole gradient so far is handed on again.",
    ),
    (
        "every path by itself",
        path_by_path,
        "The gradients are right, but the adjoints were called {got} times instead of {expected}: once for every path. "
        "Behind n values that are each used twice there are 2ⁿ paths.",
    ),
    (
        "by calls of itself",
        recursive_backward,
        "Right for small graphs; but Python allows about 1000 calls inside one another, and a chain of 1500 nodes "
        "needs as many.",
    ),
    (
        "the order of the dict, reversed, of the nodes that are needed",
        backward_with(order=_as_in_the_dict),
        "A node was met before any of its users, so it had no gradient yet: the order of the dict means nothing here.",
    ),
    (
        "dy is 0",
        backward_with(seed=np.zeros_like),
        "Every gradient is 0: the way back begins with dy, and a product with 0 stays 0.",
    ),
    (
        "dy is 1",
        backward_with(seed=np.ones_like),
        "{got} instead of {expected}: the way back begins with the dy that was given.",
    ),
    (
        "gradients given out in reverse order",
        backward_with(found=lambda gradients: gradients[::-1]),
        "{got} instead of {expected}: the first gradient belongs to the first of inputs.",
    ),
    (
        "the gradient of the last node is missing",
        backward_with(results=lambda gradients, tape, last: {k: v for k, v in gradients.items() if k != last}),
        "`last` has a gradient as well: dy. Where it is a leaf, it is the only one.",
    ),
    (
        "leaves alone have gradients",
        backward_with(
            results=lambda gradients, tape, last: {k: v for k, v in gradients.items() if tape[k]["operation"] == LEAF}
        ),
        "The gradients of the nodes between are missing. Real systems drop them to save memory; here they are wanted.",
    ),
    (
        "nodes that the last one does not depend on have zeros",
        backward_with(
            results=lambda gradients, tape, last: (
                {k: np.zeros_like(node["value"]) for k, node in tape.items()} | gradients
            )
        ),
        "The tape has nodes that `last` was not computed from, and they are not visited.",
    ),
    (
        "gradients are added to in place",
        backward_with(combine=_add_in_place),
        "`+=` writes into an array that another node has as well: the adjoint of a + b gives both the same one.",
    ),
)


# The whole


def differentiate_with(
    back=None,
    of=lambda program: program[-1][0],
    zeros=np.zeros_like,
    wanted=lambda leaves, gradients: leaves,
    seed=np.ones_like,
):
    """`differentiate` with some parts replaced; `zeros` is for a leaf without a gradient."""
    back = back or backward_with()

    def differentiate(program, leaves, operations, adjoints):
        tape = recorded(leaves, program, operations)
        last = of(program)
        gradients = back(tape, last, seed(tape[last]["value"]), adjoints)
        found = {}
        for name in wanted(leaves, gradients):
            if name in gradients:
                found[name] = gradients[name]
            elif zeros is not None:
                found[name] = zeros(tape[name]["value"])
        return {"value": tape[last]["value"], "gradients": found}

    return differentiate


WHOLE = mistakes_of(
    "differentiate",
    (
        "a leaf that is not used is missing",
        differentiate_with(zeros=None),
        "A small change of that leaf does not change the value: its gradient is 0, and is asked for.",
    ),
    (
        "a leaf that is not used has ones",
        differentiate_with(zeros=np.ones_like),
        "{got} instead of {expected}: a small change of that leaf does not change the value.",
    ),
    (
        "every node has a gradient",
        differentiate_with(wanted=lambda leaves, gradients: leaves.keys() | gradients.keys()),
        "The gradients of leaves are asked for. Those between are a means to them.",
    ),
    (
        "the first line instead of the last",
        differentiate_with(of=lambda program: program[0][0]),
        "{got} instead of {expected}: a program's result is the value of its last line.",
    ),
    (
        "dy is 0",
        differentiate_with(seed=np.zeros_like),
        "{got} instead of {expected}: d value / d value is 1, and the way back begins with it.",
    ),
    (
        "dy is the value",
        differentiate_with(seed=lambda value: value),
        "{got} instead of {expected}: that is the gradient of value²/2. d value / d value is 1.",
    ),
    (
        "gradients are replaced, not added to",
        differentiate_with(back=backward_with(combine=lambda known, gradient: gradient)),
        "{got} instead of {expected}: a value that is used in two places has the sum of two gradients.",
    ),
    (
        "gradients are replaced, not added to (depth first)",
        differentiate_with(back=backward_with(order=depth_first, combine=lambda known, gradient: gradient)),
        "{got} instead of {expected}: a value that is used in two places has the sum of two gradients.",
    ),
    (
        "the order is breadth first",
        differentiate_with(back=backward_with(order=breadth_first)),
        "{got} instead of {expected}: a node was visited before one of its users.",
    ),
)

MISTAKES = ORDERS + BACKWARDS + WHOLE
