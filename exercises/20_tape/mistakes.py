"""Wrong tapes, and wrong steps backward."""

import numpy as np

from exercises.kit.exercise import mistakes_of
from exercises.model.tapes import LEAF


def leaf_with(base=dict, **entries):
    """`leaf` with another tape to begin from, or other entries of the node, each a function of the value."""

    def leaf(tape, name, value):
        node = {"operation": LEAF, "inputs": (), "arguments": (), "value": value}
        new = base(tape)
        new[name] = node | {entry: of(value) for entry, of in entries.items()}
        return new

    return leaf


def record_with(base=dict, called_with=lambda given, values: values, **entries):
    """`record` with another tape to begin from, or other entries of the node, each a function of (given, node)."""

    def record(tape, name, operation, inputs, f):
        values = tuple(tape[x]["value"] if isinstance(x, str) else x for x in inputs)
        value = f(*called_with(inputs, values))
        names = tuple(x if isinstance(x, str) else None for x in inputs)
        node = {"operation": operation, "inputs": names, "arguments": values, "value": value}
        new = base(tape)
        new[name] = node | {entry: of(inputs, node) for entry, of in entries.items()}
        return new

    return record


def add(known, gradient):
    return gradient if known is None else known + gradient


def pull_back_with(
    dy=lambda gradient: gradient,
    arguments=lambda node: node["arguments"],
    found=lambda gradients: gradients,
    inputs=lambda node: node["inputs"],
    combine=add,
    done=lambda new, name: new,
    before=lambda new, old: new,
):
    """`pull_back` with some parts replaced; `before` gives the gradients that a new one is combined with."""

    def pull_back(tape, name, gradients, adjoints):
        node, new = tape[name], dict(gradients)
        if node["operation"] == LEAF:
            return new
        got = found(adjoints[node["operation"]](dy(gradients[name]), *arguments(node)))
        for parent, gradient in zip(inputs(node), got, strict=False):
            if parent is not None:
                new[parent] = combine(before(new, gradients).get(parent), gradient)
        return done(new, name)

    return pull_back


def _add_in_place(known, gradient):
    if known is None:
        return gradient
    known += gradient
    return known


def _in_the_callers_dict(tape, name, gradients, adjoints):
    gradients.update(pull_back_with()(tape, name, gradients, adjoints))
    return gradients


def _only_new(tape, name, gradients, adjoints):
    new = pull_back_with()(tape, name, gradients, adjoints)
    return {parent: new[parent] for parent in tape[name]["inputs"] if parent is not None}


def _adjoint_of_a_leaf(tape, name, gradients, adjoints):
    adjoints[tape[name]["operation"]]
    return pull_back_with()(tape, name, gradients, adjoints)


def _key_none(tape, name, gradients, adjoints):
    node, new = tape[name], dict(gradients)
    if node["operation"] != LEAF:
        got = adjoints[node["operation"]](gradients[name], *node["arguments"])
        for parent, gradient in zip(node["inputs"], got, strict=True):
            new[parent] = add(new.get(parent), gradient)
    return new


SAME_TAPE = (
    "The tape that was passed in has a new node: `new = tape` is a second name for the same dict. Begin with "
    "dict(tape)."
)

LEAVES = mistakes_of(
    "leaf",
    (
        "the older nodes are gone",
        leaf_with(base=lambda tape: {}),
        "The result has the new node alone. A tape grows: dict(tape) first, then the new node.",
    ),
    ("the node is put into the caller's tape", leaf_with(base=lambda tape: tape), SAME_TAPE),
    (
        "its value is among the arguments",
        leaf_with(arguments=lambda value: (value,)),
        "No operation was called for a leaf, so there were no arguments: an empty tuple.",
    ),
    (
        "the value is kept as a Python number",
        leaf_with(value=lambda value: float(np.ravel(value)[0])),
        "{got} instead of {expected}: the value is an array of any shape, kept as it is.",
    ),
)

RECORDS = mistakes_of(
    "record",
    (
        "the older nodes are gone",
        record_with(base=lambda tape: {}),
        "The result has the new node alone. A tape grows: dict(tape) first, then the new node.",
    ),
    ("the node is put into the caller's tape", record_with(base=lambda tape: tape), SAME_TAPE),
    (
        "constants are left out of inputs",
        record_with(inputs=lambda given, node: tuple(x for x in given if isinstance(x, str))),
        "inputs has fewer entries than there are arguments, so the gradient of the second argument would go to the "
        "wrong node. A constant keeps its place, as None.",
    ),
    (
        "constants are left out of arguments",
        record_with(arguments=lambda given, node: tuple(v for x, v in _pairs(given, node) if isinstance(x, str))),
        "arguments has fewer entries than the operation was given, so the adjoint could not be called. The factor in "
        "y = 2 x needs no gradient, but the gradient of x needs the factor.",
    ),
    (
        "constants stand in inputs themselves",
        record_with(inputs=lambda given, node: tuple(given)),
        "inputs holds the array of a constant. It says where gradients go, and a constant gets none: None.",
    ),
    (
        "the names are saved instead of the arrays",
        record_with(arguments=lambda given, node: tuple(given)),
        "arguments holds names. The adjoint is called with arrays: tape[...]['value'] of each.",
    ),
    (
        "the result is saved instead of the arguments",
        record_with(arguments=lambda given, node: (node["value"],)),
        "The adjoint of a b is (dy b, dy a): it needs what went in, and here only what came out was saved.",
    ),
    (
        "a value that is given twice is recorded once",
        record_with(inputs=lambda given, node: tuple(dict.fromkeys(node["inputs"]))),
        "Of x·x, inputs is ('x', 'x'): two arguments, two gradients. With one of them the derivative would be x.",
    ),
    (
        "inputs in reverse order",
        record_with(inputs=lambda given, node: node["inputs"][::-1]),
        "The adjoint gives the gradients in the order of the arguments: inputs has the same order, or b gets a's.",
    ),
    (
        "arguments in reverse order",
        record_with(arguments=lambda given, node: node["arguments"][::-1]),
        "The value is right, but the adjoint gets its arguments in the order in which they are saved: a / b would be "
        "differentiated as b / a.",
    ),
    (
        "f is called with its arguments reversed",
        record_with(called_with=lambda given, values: values[::-1]),
        "{got} instead of {expected}: f gets its arguments in the order of inputs.",
    ),
    (
        "recorded as a leaf",
        record_with(operation=lambda given, node: LEAF, inputs=lambda given, node: (), arguments=lambda given, n: ()),
        "The value is right, but nothing says where it came from: the way back ends here, as at a constant.",
    ),
    (
        "the operation is not recorded",
        record_with(operation=lambda given, node: LEAF),
        "operation is '', as for a leaf. It is the name under which the adjoint will be found.",
    ),
)


def _pairs(given, node):
    return zip(given, node["arguments"], strict=True)


PULLS = mistakes_of(
    "pull_back",
    (
        "the gradient is replaced, not added to",
        pull_back_with(combine=lambda known, gradient: gradient),
        "{got} instead of {expected}: a value that is used in two places gets two gradients, and its own is their sum.",
    ),
    (
        "the first gradient is kept",
        pull_back_with(combine=lambda known, gradient: gradient if known is None else known),
        "{got} instead of {expected}: a value that is used in two places gets two gradients, and its own is their sum.",
    ),
    (
        "a value used twice in one operation counts once",
        pull_back_with(before=lambda new, old: old),
        "{got} instead of {expected}: of x·x both arguments are x, and each has a gradient. Both were added to what "
        "there was before the step, so the second has replaced the first.",
    ),
    (
        "gradients are multiplied",
        pull_back_with(combine=lambda known, gradient: gradient if known is None else known * gradient),
        "{got} instead of {expected}: along one path derivatives are multiplied, and the adjoint does that. Those of "
        "different paths are added.",
    ),
    (
        "the gradient is added to in place",
        pull_back_with(combine=_add_in_place),
        "`+=` writes into an array that others may hold: the adjoint of a + b gives the same array to both, so the "
        "gradient of b would change with that of a.",
    ),
    ("the caller's gradients get new entries", _in_the_callers_dict, "`new = gradients` is a second name: use a copy."),
    (
        "the older gradients are gone",
        _only_new,
        "Only the gradients of this step are there. Those that were known stay, and take part in later sums.",
    ),
    (
        "the gradient of the node itself is gone",
        pull_back_with(done=lambda new, name: {key: value for key, value in new.items() if key != name}),
        "The node's own gradient is among the results that are asked for: it stays.",
    ),
    (
        "dy is 1 in every step",
        pull_back_with(dy=np.ones_like),
        "{got} instead of {expected}: dy is gradients[name], so that each step multiplies by the derivative of what "
        "came after it. With 1 the chain rule has lost its chain.",
    ),
    (
        "the adjoint gets the result instead of the arguments",
        pull_back_with(arguments=lambda node: tuple(node["value"] for _ in node["arguments"])),
        "{got} instead of {expected}: the adjoint of a b is (dy b, dy a): of the arguments, not of the result.",
    ),
    (
        "arguments in reverse order",
        pull_back_with(arguments=lambda node: node["arguments"][::-1]),
        "{got} instead of {expected}: adjoint(dy, *arguments), in the order in which they were saved.",
    ),
    (
        "gradients given out in reverse order",
        pull_back_with(inputs=lambda node: node["inputs"][::-1]),
        "{got} instead of {expected}: the first gradient belongs to the first of inputs.",
    ),
    (
        "constants are left out before the gradients are given out",
        pull_back_with(inputs=lambda node: [name for name in node["inputs"] if name is not None]),
        "{got} instead of {expected}: in 2 x, the gradient of the factor has gone to x. Go through inputs and "
        "gradients side by side, and skip the pair whose name is None.",
    ),
    (
        "constants get a gradient",
        _key_none,
        "There is a gradient under the name None: those of all constants, added up. Skip the pairs without a name.",
    ),
    (
        "the adjoint of a leaf is looked up",
        _adjoint_of_a_leaf,
        "A leaf was not computed, so there is no adjoint under the name '': its gradients stay as they are.",
    ),
)

MISTAKES = LEAVES + RECORDS + PULLS
