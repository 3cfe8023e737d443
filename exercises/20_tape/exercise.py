"""Exercise 20: recording what is computed, and one step of the way back."""

import functools

import numpy as np

from exercises.kit.exercise import Exercise, Hints, Probe, axes, call, normal, sized
from exercises.model.tapes import ADJOINTS, LEAF, OPERATIONS, Tape, operations_of, recorded, vae_program
from exercises.model.tapes import leaf as leaf_node
from foundation.architecture import Architecture, initial_parameters
from numpy_impl import autograd

from .mistakes import MISTAKES

N, Z, C1, C2, HIDDEN, ROWS, COLUMNS = axes(5, 3, 7, 11, 13, 2, 3)


def leaf(tape, name, value):
    """A copy of the tape with one more node."""
    return {**tape, name: leaf_node(value)}


def record(tape, name, operation, inputs, f):
    """What the rung's `recorded` keeps in a Tensor, with the adjoint by its name."""
    arguments = tuple(tape[x]["value"] if isinstance(x, str) else x for x in inputs)
    names = tuple(x if isinstance(x, str) else None for x in inputs)
    node = {"operation": operation, "inputs": names, "arguments": arguments, "value": f(*arguments)}
    return {**tape, name: node}


def pull_back(tape, name, gradients, adjoints):
    """The inside of the loop of the rung's `Tensor.backward`."""
    node, new = tape[name], dict(gradients)
    if node["operation"] == LEAF:
        return new
    found = adjoints[node["operation"]](gradients[name], *node["arguments"])
    for parent, gradient in zip(node["inputs"], found, strict=True):
        if parent is not None:
            new[parent] = new[parent] + gradient if parent in new else gradient
    return new


def record_node_by_node(tape, name, operation, inputs, f):
    """With a loop in place of two comprehensions."""
    names, arguments = [], []
    for given in inputs:
        is_name = isinstance(given, str)
        names.append(given if is_name else None)
        arguments.append(tape[given]["value"] if is_name else given)
    new = tape.copy()
    new[name] = {
        "value": f(*arguments),
        "arguments": tuple(arguments),
        "inputs": tuple(names),
        "operation": operation,
    }
    return new


def pull_back_by_sums(tape, name, gradients, adjoints):
    """First the sum for every name, then the rest."""
    operation, inputs, arguments = (tape[name][entry] for entry in ("operation", "inputs", "arguments"))
    if not inputs:
        return gradients.copy()
    pairs = list(zip(inputs, adjoints[operation](gradients[name], *arguments), strict=True))
    sums = {
        parent: functools.reduce(np.add, [gradient for other, gradient in pairs if other == parent])
        for parent in set(inputs) - {None}
    }
    return {
        key: np.sum([side[key] for side in (gradients, sums) if key in side], axis=0)
        for key in gradients.keys() | sums.keys()
    }


# What is recorded


def _numbers(**values):
    return {name: leaf_node(np.asarray(float(value))) for name, value in values.items()}


def _matrices(rng, *names):
    return {name: leaf_node(rng.standard_normal(sized(rng, N, Z))) for name in names}


def _record_probe(name, tape, operation, inputs):
    """One operation recorded on a tape that is made by `tape(rng)`."""
    arguments = {"tape": tape, "name": "y", "operation": operation, "inputs": inputs, "f": lambda rng: _f(operation)}
    return call("record", name, **arguments)


def _f(operation):
    return OPERATIONS[operation]


def _two_and_a_constant(rng):
    return "a", rng.standard_normal(sized(rng, N, Z))


def _architecture(rng):
    latents, c1, c2, hidden, rows, columns = sized(rng, Z, C1, C2, HIDDEN, ROWS, COLUMNS)
    return Architecture(latents, (c1, c2), hidden, (1, 4 * rows, 4 * columns))


def _vae(rng):
    """Of a small VAE: its parameters, the lines of its loss, and what they are made of."""
    architecture = _architecture(rng)
    parameters = initial_parameters(architecture, rng, np.float64)
    count = sized(rng, N)[0]
    x = rng.random((count, *architecture.image_shape))
    eps = rng.standard_normal((count, architecture.latent_dim))
    return parameters, vae_program(x, eps, beta=3.0), *operations_of(architecture)


def _whole_vae_recorded(answer, rng):
    """The tape of the VAE's loss, recorded by the answer line by line, and the loss in it."""
    parameters, program, operations, _ = _vae(rng)
    tape: Tape = {}
    for name, value in parameters.items():
        tape = answer.leaf(tape, name, value)
    for name, operation, inputs in program:
        tape = answer.record(tape, name, operation, inputs, operations[operation])
    return tape


# Steps backward


def _product(**values):
    """y = a·b and the leaves that it was computed from."""
    return recorded(values, [("y", "multiply", ("a", "b"))])


def _step(name, tape, node, **gradients):
    """One step from a node, with these gradients known: values, or functions of the generator."""

    def drawn(rng):
        return {key: np.asarray(value(rng) if callable(value) else float(value)) for key, value in gradients.items()}

    return call("pull_back", name, tape=tape, name=node, gradients=drawn, adjoints=lambda rng: ADJOINTS)


def _matrix(rng):
    return rng.standard_normal(sized(rng, N, Z))


def _constant_first(rng):
    leaves = {"a": _matrix(rng)}
    return recorded(leaves, [("y", "multiply", (_matrix(rng), "a"))])


def _quotient(rng):
    return recorded({"a": _matrix(rng), "b": 2 + rng.random(sized(rng, N, Z))}, [("y", "divide", ("a", "b"))])


def _whole_vae_backward(answer, rng):
    """Steps from the last node recorded to the first: an order in which every gradient is complete in time."""
    parameters, program, operations, adjoints = _vae(rng)
    tape = recorded(parameters, program, operations)
    gradients = {"loss": np.asarray(1.0)}
    for name in reversed(tape):
        gradients = answer.pull_back(tape, name, gradients, adjoints)
    return gradients


def _sum(rng):
    return recorded({"a": _matrix(rng), "b": _matrix(rng)}, [("y", "add", ("a", "b"))])


probes = (
    call("leaf", "the first node of a tape", tape={}, name="x", value=lambda rng: np.asarray(3.0)),
    call("leaf", "one more node", tape=lambda rng: _matrices(rng, "a"), name="b", value=normal(N, Z)),
    _record_probe("3·4", lambda rng: _numbers(a=3, b=4), "multiply", ("a", "b")),
    _record_probe("6/3", lambda rng: _numbers(b=6, a=3), "divide", ("b", "a")),
    _record_probe("x·x", lambda rng: _numbers(x=3), "multiply", ("x", "x")),
    _record_probe("a node and a constant", lambda rng: _matrices(rng, "a", "b"), "divide", _two_and_a_constant),
    _record_probe("exp, of one argument", lambda rng: _matrices(rng, "a"), "exp", ("a",)),
    _step("y = 3·4, and dy = 10", lambda rng: _product(a=3.0, b=4.0), "y", y=10),
    _step("the same, where a has the gradient 100 already", lambda rng: _product(a=3.0, b=4.0), "y", y=10, a=100),
    _step("y = x·x", lambda rng: recorded({"x": 3.0}, [("y", "multiply", ("x", "x"))]), "y", y=10, x=100),
    _step("a constant times a", _constant_first, "y", y=_matrix, a=_matrix),
    _step("a / b", _quotient, "y", y=_matrix),
    _step("a + b, where both have a gradient already", _sum, "y", y=_matrix, a=_matrix, b=_matrix),
    _step("a leaf", lambda rng: _product(a=3.0, b=4.0), "a", y=10, a=40),
    Probe("the loss of a VAE, recorded line by line", _whole_vae_recorded),
    Probe("the loss of a VAE, from the last node to the first", _whole_vae_backward),
)

hints = Hints(
    idea="A node is a note on one call: what was called, with which arrays, and which of them came from the tape. "
    "Nothing is differentiated while it is written. On the way back the note is read once: its adjoint turns the "
    "gradient of the result into those of the arguments, and each is given to the node that it came from, if it came "
    "from one.",
    formula="record: for each input, its name and tape[name]['value'] where it is a text, None and the array itself "
    "where it is not. pull_back: for each pair of a name in inputs and a gradient from the adjoint, ḡ[name] ← "
    "ḡ[name] + gradient, with ḡ[name] = 0 at first, unless the name is None.",
    line="In pull_back: new = dict(...); then `for parent, gradient in zip(..., ..., strict=True)`, and inside it, "
    "where parent is not None, a new array: new.get(...) is None says that there was none yet. No `+=` on an array.",
)

exercise = Exercise(
    solution={"leaf": leaf, "record": record, "pull_back": pull_back},
    sources=(autograd.recorded, autograd.Tensor),
    probes=probes,
    # Beside the VAE of the rungs, the other nodes of its tape are of one kind with those of a and b.
    fixed=lambda path, axis, sizes: sizes == {1} or (len(path) > 1 and path[1] not in ("a", "b", "x", "y", "w")),
    hints=hints,
    model_answer=(
        "3 and 3, one for each argument, and dy/dx = 6. Both go to the node x, where they add up; a program that "
        "overwrites the first with the second gets 3."
    ),
    mistakes=MISTAKES,
    alternatives=({"record": record_node_by_node, "pull_back": pull_back_by_sums},),
)
