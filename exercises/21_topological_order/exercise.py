"""Exercise 21: the order of the way back, the way back, and the gradients of a whole VAE from them."""

import itertools
from collections import Counter

import numpy as np

from exercises.kit.exercise import Exercise, Hints, Probe, axes, sized
from exercises.kit.raised import name_of
from exercises.model.tapes import ADJOINTS, LEAF, OPERATIONS, leaf, operations_of, recorded, shuffled, vae_program
from foundation.architecture import Architecture, initial_parameters
from foundation.objective import Objective
from numpy_impl import autograd
from numpy_impl import vae_numpy as vae
from numpy_impl.autograd import Tensor

from .mistakes import MISTAKES, backward_with, differentiate_with, right_order

N, Z, C1, C2, HIDDEN, ROWS, COLUMNS = axes(5, 3, 7, 11, 13, 2, 3)
DEEP = 1500
"""Nodes in a chain: more than Python allows calls inside one another."""
TOO_DEEP = "stopped by Python's limit of calls inside one another"
RIGHT = "every node once, after all its users"
BETA = 3.0


# The solution: the rung's, over the nodes as Tensors


def _tensors(tape, adjoints):
    """Each node as a Tensor of the rung, by its name."""
    tensors = {name: Tensor(node["value"]) for name, node in tape.items()}
    for name, node in tape.items():
        wanted = [i for i, parent in enumerate(node["inputs"]) if parent is not None]
        tensors[name].parents = tuple(tensors[node["inputs"][i]] for i in wanted)
        tensors[name].adjoint = _adjoint(node, wanted, adjoints)
    return tensors


def _adjoint(node, wanted, adjoints):
    """The adjoint of a node for the inputs that are nodes."""
    if node["operation"] == LEAF or not adjoints:
        return lambda dy: ()

    def adjoint(dy):
        found = adjoints[node["operation"]](dy, *node["arguments"])
        return [found[i] for i in wanted]

    return adjoint


def topological_order(tape, last):
    """The rung's order, which is that of computing, reversed."""
    tensors = _tensors(tape, {})
    names = {id(tensor): name for name, tensor in tensors.items()}
    return [names[id(tensor)] for tensor in reversed(autograd.topological_order(tensors[last]))]


def backward(tape, last, dy, adjoints):
    """The rung's."""
    tensors = _tensors(tape, adjoints)
    tensors[last].backward(dy)
    return {name: np.asarray(tensor.grad) for name, tensor in tensors.items() if tensor.grad is not None}


def differentiate(program, leaves, operations, adjoints):
    """Record, and go back."""
    tape = recorded(leaves, program, operations)
    last = program[-1][0]
    gradients = backward(tape, last, np.ones(()), adjoints)
    of_leaves = {name: gradients.get(name, np.zeros_like(value)) for name, value in leaves.items()}
    return {"value": tape[last]["value"], "gradients": of_leaves}


# Other right ways


def order_by_longest_way(tape, last):
    """By the length of the longest way from the last node, found by correcting it until nothing changes."""
    depth, changed = {last: 0}, [last]
    while changed:
        name = changed.pop()
        for parent in tape[name]["inputs"]:
            if parent is not None and depth.get(parent, -1) < depth[name] + 1:
                depth[parent] = depth[name] + 1
                changed.append(parent)
    return sorted(depth, key=lambda name: depth[name])


ALTERNATIVES = (
    {"topological_order": right_order, "backward": backward_with(), "differentiate": differentiate_with()},
    {
        "topological_order": order_by_longest_way,
        "backward": backward_with(order=order_by_longest_way),
        "differentiate": differentiate_with(back=backward_with(order=order_by_longest_way)),
    },
)


# Graphs, each as leaves and a program


CHAIN = {"x": 2.0}, [("a", "exp", ("x",)), ("b", "multiply", ("a", np.asarray(3.0))), ("y", "sum", ("b",))]
TWICE = {"x": 3.0}, [("y", "multiply", ("x", "x"))]
DIAMOND = {"x": 3.0}, [("a", "multiply", ("x", "x")), ("b", "add", ("x", "x")), ("y", "multiply", ("a", "b"))]
SHORT_AND_LONG = (
    {"x": 3.0},
    [("a", "multiply", ("x", "x")), ("b", "multiply", ("a", "x")), ("c", "exp", ("a",)), ("y", "add", ("a", "c"))],
)
"""y uses a directly, and again behind c; b is not needed."""


def ladder(count):
    """Each value is used twice by the next: 2ⁿ paths."""
    names = ["x", *(f"v{i}" for i in range(1, count)), "y"]
    return {"x": 3.0}, [(after, "add", (before, before)) for before, after in itertools.pairwise(names)]


def chain(count):
    """One node after another."""
    names = ["x", *(f"v{i}" for i in range(1, count)), "y"]
    one = np.asarray(1.0)
    return {"x": 3.0}, [(after, "add", (before, one)) for before, after in itertools.pairwise(names)]


def random_graph(rng):
    """Eleven nodes after three leaves, each of two earlier ones."""
    names, program = ["p", "q", "r"], []
    for number in range(11):
        operation = ("add", "multiply", "subtract")[int(rng.integers(3))]
        # One input among the last three, so that ways of many lengths lead back.
        inputs = names[-1 - int(rng.integers(3))], names[int(rng.integers(len(names)))]
        names.append(f"n{number}")
        program.append((names[-1], operation, inputs))
    return {name: 0.5 + rng.random() for name in ("p", "q", "r")}, program


def _matrices(rng):
    """The diamond, of matrices; a is used by b, and y is a matrix."""
    shape = sized(rng, N, Z)
    constant = rng.standard_normal(shape)
    program = [
        ("a", "multiply", ("x", constant)),
        ("b", "divide", ("a", "w")),
        ("c", "multiply", ("b", "a")),
        ("y", "subtract", ("c", "x")),
    ]
    return {"x": rng.standard_normal(shape), "w": 2 + rng.random(shape)}, program


# What is observed


def _order_probe(name, graph, last="y"):
    """What is wrong with an order, in words: any right one is as good as the solution's."""

    def observe(answer, rng):
        tape = shuffled(recorded(*(graph(rng) if callable(graph) else graph)), rng)
        order = _called(answer.topological_order, tape, last)
        return order if order is TOO_DEEP else _judged(tape, last, order)

    return Probe(name, observe)


def _called(function, *arguments):
    """The result of a function, or that it has called itself too often."""
    try:
        return function(*arguments)
    except Exception as error:
        if name_of(error) != "RecursionError":
            raise
        return TOO_DEEP


def _judged(tape, last, order):
    """Whether an order is one in which the way back can visit the nodes, or what is wrong with it."""
    if not isinstance(order, list | tuple) or not all(isinstance(name, str) for name in order):
        raise TypeError(f"topological_order returned {type(order).__name__}, expected a list of names")
    counts, needed = Counter(order), set(right_order(tape, last))
    place = {name: i for i, name in reversed(list(enumerate(order)))}
    early = [
        f"{parent} before {name}"
        for name in sorted(needed & place.keys())
        for parent in dict.fromkeys(tape[name]["inputs"])
        if parent in place and place[parent] < place[name]
    ]
    faults = {
        "more than once": [f"{name} ({count} times)" for name, count in sorted(counts.items()) if count > 1],
        "missing": sorted(needed - counts.keys()),
        "not needed": sorted(counts.keys() - needed),
        "too early": early,
    }
    return "\n".join(f"{fault}: {_some(names)}" for fault, names in faults.items() if names) or RIGHT


def _some(names):
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _backward_probe(name, graph, last="y", dy=1.0):
    """The gradients from `last`, and how often adjoints were called."""

    def observe(answer, rng):
        tape = shuffled(recorded(*(graph(rng) if callable(graph) else graph)), rng)
        adjoints, calls = _counted(ADJOINTS)
        upstream = np.asarray(dy(rng) if callable(dy) else dy)
        gradients = _called(answer.backward, tape, last, upstream, adjoints)
        return gradients if gradients is TOO_DEEP else {"gradients": gradients, "calls of adjoints": calls.total()}

    return Probe(name, observe)


def _counted(adjoints):
    """The adjoints, and a count of their calls by operation."""
    calls = Counter[str]()

    def counting(operation):
        def adjoint(*arguments):
            calls[operation] += 1
            return adjoints[operation](*arguments)

        return adjoint

    return {operation: counting(operation) for operation in adjoints}, calls


def _matrix(rng):
    return rng.standard_normal(sized(rng, N, Z))


def _twice(answer, rng):
    """The same call two times, the results of both."""
    tape = recorded(*DIAMOND)
    results = [answer.backward(tape, "y", np.asarray(1.0), ADJOINTS) for _ in range(2)]
    return {"first call": results[0], "second call": results[1]}


def _program_probe(name, graph):
    """The value and gradients of a program."""

    def observe(answer, rng):
        leaves, program = graph(rng)
        return answer.differentiate(program, leaves, OPERATIONS, ADJOINTS)

    return Probe(name, observe)


def _arrays(graph):
    """A graph whose leaves are arrays."""
    leaves, program = graph
    return lambda rng: ({name: leaf(value)["value"] for name, value in leaves.items()}, program)


def _with_a_leaf_unused(rng):
    leaves, program = _matrices(rng)
    return leaves | {"unused": _matrix(rng)}, [*program, ("loss", "sum", ("y",))]


def _like_rung_1(answer, rng):
    """For each parameter of a small VAE, whether the gradient is that of rung 1's hand-written backward pass."""
    latents, c1, c2, hidden, rows, columns = sized(rng, Z, C1, C2, HIDDEN, ROWS, COLUMNS)
    architecture = Architecture(latents, (c1, c2), hidden, (1, 4 * rows, 4 * columns))
    parameters, (count,) = initial_parameters(architecture, rng, np.float64), sized(rng, N)
    x, eps = rng.random((count, *architecture.image_shape)), rng.standard_normal((count, latents))
    found = answer.differentiate(vae_program(x, eps, BETA), parameters, *operations_of(architecture))
    run, hidden_values = vae.forward(parameters, x, eps)
    expected = vae.backward(parameters, x, eps, run, hidden_values, Objective(beta=BETA))
    loss = vae.loss(run.logits, x, run.mu, run.logvar, Objective(beta=BETA)).loss
    gradients = found["gradients"]
    compared = {name: _difference(gradients[name], expected[name]) for name in reversed(expected)}
    return {"loss": _difference(found["value"], loss)} | compared


def _difference(got, expected):
    if np.shape(got) != np.shape(expected):
        return f"of shape {np.shape(got)}, in rung 1 {np.shape(expected)}"
    off = np.max(np.abs(got - expected)) / np.max(np.abs(expected))
    return "equal to rung 1" if off < 1e-12 else f"off rung 1 by {off:.1g} of the largest entry"


probes = (
    _order_probe("a chain", CHAIN),
    _order_probe("x·x", TWICE),
    _order_probe("a diamond: x in a and b, both in y", DIAMOND),
    _order_probe("a short and a long way to a, and a node beside them", SHORT_AND_LONG),
    _order_probe("the last node is in the middle of the tape", SHORT_AND_LONG, last="a"),
    _order_probe("the last node is a leaf", SHORT_AND_LONG, last="x"),
    _order_probe("three values, each used twice by the next", ladder(3)),
    _order_probe("a random graph", random_graph, last="n10"),
    _order_probe("another one, from a node in the middle", random_graph, last="n7"),
    _order_probe(f"a chain of {DEEP} nodes", chain(DEEP)),
    Probe("a diamond at x = 3, twice", _twice),
    _backward_probe("x·x at x = 3", TWICE),
    _backward_probe("a diamond, with dy = 10", DIAMOND, dy=10.0),
    _backward_probe("a short and a long way to a, and a node beside them", SHORT_AND_LONG),
    _backward_probe("the last node is a leaf", SHORT_AND_LONG, last="x", dy=7.0),
    _backward_probe("three values, each used twice by the next", ladder(3)),
    _backward_probe("matrices, with a random dy", _matrices, dy=_matrix),
    _backward_probe("a random graph", random_graph, last="n10"),
    _backward_probe(f"a chain of {DEEP} nodes", chain(DEEP)),
    _program_probe("x·x at x = 3", _arrays(TWICE)),
    _program_probe("a short and a long way to a, and a node beside them", _arrays(SHORT_AND_LONG)),
    _program_probe("matrices, and a leaf that is not used", _with_a_leaf_unused),
    Probe("a whole VAE, beside rung 1's own gradients", _like_rung_1),
)

hints = Hints(
    idea="A node may be visited when no more gradients can come: when all that used it have been visited. Going back "
    "from the last node, either count, for every node that is needed, how many users it still waits for; or go down as "
    "far as possible, write a node down when all its inputs are done, and read the list from its end. With the order "
    "there, `backward` is a loop over it, with the step of exercise 20 inside.",
    formula="Kahn: waiting[p] = number of (node, argument) pairs with the input p, among the nodes that are needed; "
    "visit last; each visit lowers waiting of its inputs by 1, and at 0 they are ready. Depth first: a stack of "
    "(name, inputs done?) in place of calls. backward: ḡ[last] = dy; in that order, ḡ[p] ← ḡ[p] + (adjoint)ₚ.",
    line="Depth first, without calls: pop (name, done); where done, write it down; where it is new, mark it as seen, "
    "put (name, True) back, and on top of it every input as (…, False). differentiate: dy is an array of ones without "
    "axes, and a leaf that has no gradient at the end gets np.zeros_like(…).",
)

exercise = Exercise(
    solution={"topological_order": topological_order, "backward": backward, "differentiate": differentiate},
    sources=(autograd.topological_order, autograd.Tensor),
    probes=probes,
    # Beside the VAE of the rungs, the other nodes of its tape are of one kind with those of a and b.
    fixed=lambda path, axis, sizes: sizes == {1} or (len(path) > 1 and path[1] not in ("a", "b", "x", "y", "w")),
    hints=hints,
    model_answer=(
        "y, exp(a), a, x. Breadth first visits a directly after y, when only 1 of its gradient 1 + exp(a) has come, "
        "and hands that on: x gets 2x in place of 2x (1 + exp(a)). The rest comes when a has been visited."
    ),
    mistakes=MISTAKES,
    alternatives=ALTERNATIVES,
)
