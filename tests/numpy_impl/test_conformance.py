"""Rung 1's operations beside torch's on seeded random calls: the same numbers, or an error where torch raises one too.

A call has random sizes (from a batch of none upwards), options, memory layouts and dtype; in every third one some
entries are infinite, NaN, or a zero of either sign. Of the wrong calls each has one fault that torch refuses.
"""

import copy
import inspect
import warnings

import numpy as np
import pytest

from tests.support.layouts import LAYOUTS, laid_out
from tests.support.unhooked import unhooked_functional

torch = pytest.importorskip("torch")
F = unhooked_functional()

TOLERANCE = {"float64": 1e-12, "float32": 1e-5}
SPECIAL = (np.inf, -np.inf, np.nan, 0.0, -0.0)
LAYERS = ("linear", "conv2d", "conv_transpose2d")
ELEMENTWISE = ("relu", "sigmoid")
LOSSES = ("binary_cross_entropy_with_logits", "gaussian_nll_loss")
SHAPES = ((), (1,), (5,), (0,), (3, 2), (2, 0, 3), (2, 3, 4, 5), (1, 2, 1, 1, 3))
COUNT = {"conv2d": 60, "conv_transpose2d": 60}  # torch prepares each new size of a convolution for tenths of a second


class Call:
    """One call of an operation: its arrays by name, its options, and dL/dy for the way back."""

    def __init__(self, kind, seed):
        rng = np.random.default_rng([seed, *map(ord, kind)])
        self.kind, self.rng, self.options = kind, rng, {}
        self.dtype = str(rng.choice(["float32", "float64"]))
        self.special = rng.random() < 1 / 3
        if kind in LAYERS:
            shapes = self.layer_shapes()
            # Where an infinite number meets zeros, of the padding or between pixels, is the choice of torch's backend.
            self.special &= kind != "conv_transpose2d" and self.options.get("padding", 0) in (0, (0, 0))
            self.arrays = {name: self.draw(shape) for name, shape in shapes.items()}
            if rng.random() < 0.2:
                self.arrays["bias"] = None
        else:
            shape = SHAPES[rng.integers(len(SHAPES))]
            scale = rng.choice([0.01, 1.0, 30.0, 1e4])
            first = "x" if kind in ELEMENTWISE else "mean" if kind == "gaussian_nll_loss" else "logits"
            self.arrays = {first: self.draw(shape, scale)}
            if kind in LOSSES:
                whole = rng.random() < 0.5  # targets of 0 and 1 alone
                target = rng.integers(0, 2, shape) if whole else rng.random(shape)
                self.arrays["target"] = self.lay_out(np.asarray(target))
            if kind == "gaussian_nll_loss":
                self.options["var"] = float(rng.choice([1e-3, 0.09, 1.0, 40.0]))

    def draw(self, shape, scale=1.0):
        values = np.asarray(scale * self.rng.standard_normal(shape))
        if self.special and values.size and self.rng.random() < 0.6:
            places = self.rng.integers(0, values.size, 1 + values.size // 20)
            values.reshape(-1)[places] = self.rng.choice(self.special_values(), len(places))
        return self.lay_out(values)

    def special_values(self):
        """In layers without zeros: whether 0 * inf is computed or left out is the choice of each BLAS.

        In relu without NaN, which is above 0 for torch's way back and not for ours.
        """
        return SPECIAL[:3] if self.kind in LAYERS else [v for v in SPECIAL if self.kind != "relu" or v == v]

    def lay_out(self, values):
        return laid_out(values.astype(self.dtype), LAYOUTS[self.rng.integers(len(LAYOUTS))])

    def layer_shapes(self):
        rng = self.rng
        N, C, O = rng.integers(0 if rng.random() < 0.1 else 1, 5), *rng.integers(1, 5, 2)
        if self.kind == "linear":
            return {"x": (N, C), "weight": (O, C), "bias": (O,)}
        kernel, stride, padding = rng.integers(1, 5, 2), rng.integers(1, 4, 2), rng.integers(0, 4, 2)
        self.options = {"stride": self.option(stride), "padding": self.option(padding)}
        if self.kind == "conv2d":
            smallest = np.maximum(1, kernel - 2 * padding)
            weight = (O, C, *kernel)
        else:
            extra = rng.integers(0, stride)
            self.options["output_padding"] = self.option(extra)
            smallest = np.maximum(1, 1 - (kernel + extra - 1 - 2 * padding) // stride)
            weight = (C, O, *kernel)
        return {"x": (N, C, *(smallest + rng.integers(0, 6, 2))), "weight": weight, "bias": (O,)}

    def option(self, pair):
        a, b = map(int, pair)
        return a if a == b and self.rng.random() < 0.5 else (a, b)

    def ours(self, dy):
        """Our result and gradients, dy being a function of the result."""
        y = getattr(F, self.kind)(*self.arrays.values(), **self.options)
        inputs = [array for name, array in self.arrays.items() if name != "bias"]
        gradients = getattr(F, f"{self.kind}_backward")(dy(y), *inputs, **self.options)
        return y, gradients if isinstance(gradients, tuple) else (gradients,)

    def theirs(self, dy):
        """torch's result and gradients; of targets there are none."""
        tensors = {name: torch_tensor(array) for name, array in self.arrays.items()}
        wanted = {name: tensor for name, tensor in tensors.items() if tensor is not None and name != "target"}
        for tensor in wanted.values():
            tensor.requires_grad_()
        if self.kind in LOSSES:
            options = dict(self.options)
            if "var" in options:
                options = {"var": torch.full_like(tensors["mean"], options["var"]), "full": True, "eps": 0.0}
            y = getattr(torch.nn.functional, self.kind)(*tensors.values(), **options, reduction="sum")
        else:
            library = torch.nn.functional if self.kind in LAYERS else torch
            y = getattr(library, self.kind)(*tensors.values(), **self.options)
        gradients = torch.autograd.grad(y, list(wanted.values()), torch_tensor(dy(y.detach().numpy())).to(y.dtype))
        return y.detach().numpy(), dict(zip(wanted, (g.numpy() for g in gradients), strict=True))


def torch_tensor(array):
    return torch.from_numpy(np.array(array, order="C")) if isinstance(array, np.ndarray | float) else array


def upstream(call):
    """dL/dy for a call, the same both times: a number for a loss."""
    rng = np.random.default_rng(call.rng.integers(2**32))
    state = copy.deepcopy(rng.bit_generator.state)

    def dy(y):
        rng.bit_generator.state = state
        if call.kind in LOSSES:
            return float(rng.standard_normal())
        values = np.asarray(rng.standard_normal(np.shape(y)))
        if call.special and values.size and rng.random() < 0.5:
            # torch's sigmoid, 1 where ours is 1 - 1e-20, makes NaN of an infinite dy; so does our mask, a factor of 0.
            special = {"sigmoid": [np.nan], "relu": [0.0]}.get(call.kind, call.special_values())
            values.reshape(-1)[rng.integers(values.size)] = rng.choice(special)
        return laid_out(values.astype(call.dtype), LAYOUTS[rng.integers(len(LAYOUTS))])

    return dy


def difference(ours, theirs, dtype):
    """What is different, in words; nothing where both are the same."""
    if np.shape(ours) != theirs.shape:
        return f"shape {np.shape(ours)}, torch {theirs.shape}"
    if np.asarray(ours).dtype != dtype:
        return f"dtype {np.asarray(ours).dtype}, expected {dtype}"
    finite = np.isfinite(theirs)
    if not np.array_equal(np.asarray(ours)[~finite], theirs[~finite], equal_nan=True):
        return f"{np.asarray(ours)[~finite]} where torch has {theirs[~finite]}"
    scale = max(1.0, np.abs(theirs[finite]).max(initial=0))
    error = np.abs(np.asarray(ours)[finite] - theirs[finite]).max(initial=0)
    return "" if error <= TOLERANCE[dtype] * scale else f"error {error}, numbers up to {scale}"


def differences(kind, seed):
    """What our call and torch's have different, in words."""
    call = Call(kind, seed)
    dy = upstream(call)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        y, gradients = call.ours(dy)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        their_y, theirs = call.theirs(dy)
    if call.kind in ELEMENTWISE and not isinstance(y, np.ndarray):
        yield f"a {type(y).__name__}, not an array"
    if kind == "binary_cross_entropy_with_logits" and np.isnan(their_y) and not np.isnan(y):
        # torch has 0 * inf = NaN where the target is the class that an infinite logit is sure of; ours is the limit.
        logits, target = call.arrays.values()
        assert np.isinf(logits).any()
        their_y = np.asarray(limit_of_cross_entropy(logits, target), call.dtype)
    pairs = {"y": (y, their_y)}
    names = [name for name in call.arrays if name != "target"]
    pairs |= {f"d{name}": (ours, theirs[name]) for name, ours in zip(names, gradients, strict=True) if name in theirs}
    for name, (ours, reference) in pairs.items():
        if not (name == "y" and kind in LOSSES) and not isinstance(ours, np.ndarray):
            yield f"{name}: a {type(ours).__name__}, not an array"
        if found := difference(ours, reference, call.dtype):
            yield f"{kind}, seed {seed}, {name}: {found}"


def limit_of_cross_entropy(logits, target):
    """By the definition, one pixel at a time: -t log s(l) - (1 - t) log s(-l), where a weight of 0 counts nothing."""
    total = 0.0
    for l, t in zip(logits.ravel().astype(float).tolist(), target.ravel().astype(float).tolist(), strict=True):
        for weight, logit in ((t, l), (1 - t, -l)):
            total += weight * float(np.logaddexp(0, -logit)) if weight else 0.0
    return total


@pytest.mark.parametrize("kind", LAYERS + ELEMENTWISE + LOSSES)
def test_random_calls_equal_torchs(kind):
    assert [line for seed in range(COUNT.get(kind, 120)) for line in differences(kind, seed)] == []


@pytest.mark.slow
@pytest.mark.parametrize("kind", LAYERS + ELEMENTWISE + LOSSES)
def test_thousands_of_random_calls_equal_torchs(kind):
    assert [line for seed in range(1000, 1000 + 15 * COUNT.get(kind, 120)) for line in differences(kind, seed)] == []


# Wrong calls. Each fault changes a right call, given (call, axis), into one that torch refuses.


def resized(array, axis, change):
    """An array with another size along an axis: ones, laid out as they come."""
    shape = list(array.shape)
    shape[axis] += change
    return np.ones(shape, array.dtype)


def change_array(name, change):
    def fault(call, axis):
        call.arrays[name] = change(call.arrays[name], axis)

    return fault


def change_option(name, change):
    def fault(call, axis):
        value = call.options[name]
        pair = [value, value] if isinstance(value, int) else list(value)
        call.options[name] = change(pair, axis, call)

    return fault


def with_one(pair, axis, value):
    return tuple(value if i == axis else other for i, other in enumerate(pair))


def kernel_larger_than_the_image(call, axis):
    padding = call.options["padding"]
    room = call.arrays["x"].shape[2 + axis] + 2 * (padding if isinstance(padding, int) else padding[axis])
    call.arrays["weight"] = resized(call.arrays["weight"], 2 + axis, 1 + room - call.arrays["weight"].shape[2 + axis])


def padding_that_leaves_nothing(call, axis):
    call.options["padding"] = with_one((0, 0), axis, 40)


def with_a_side_of_none(name):
    return change_array(name, lambda array, axis: resized(array, 2 + axis, -array.shape[2 + axis]))


OTHER_DTYPE = {"float32": "float64", "float64": "float32"}
ANY_LAYER = {
    "a channel too many in weight": change_array("weight", lambda a, axis: resized(a, 1, 1)),
    "another dtype of weight": change_array("weight", lambda a, axis: a.astype(OTHER_DTYPE[str(a.dtype)])),
    "a list for weight": change_array("weight", lambda a, axis: a.tolist()),
    "no weight": change_array("weight", lambda a, axis: None),
    "an axis less in weight": change_array("weight", lambda a, axis: a[..., 0] if a.ndim > 2 else a[..., None]),
    "a bias too long": change_array("bias", lambda a, axis: np.ones(17, a.dtype)),
}
CONVOLUTION = ANY_LAYER | {
    "two axes in x": change_array("x", lambda a, axis: np.ones(a.shape[:2], a.dtype)),
    "five axes in x": change_array("x", lambda a, axis: a[None]),
    "a kernel with a side of none": with_a_side_of_none("weight"),
    "an image with a side of none": with_a_side_of_none("x"),
    "no channels out": change_array("weight", lambda a, axis: a[:0]),
    "stride 0": change_option("stride", lambda pair, axis, call: with_one(pair, axis, 0)),
    "stride -1": change_option("stride", lambda pair, axis, call: with_one(pair, axis, -1)),
    "stride 1.5": change_option("stride", lambda pair, axis, call: with_one(pair, axis, 1.5)),
    "three strides": change_option("stride", lambda pair, axis, call: (1, 2, 1)),
    "stride in words": change_option("stride", lambda pair, axis, call: "two"),
    "padding -1": change_option("padding", lambda pair, axis, call: with_one(pair, axis, -1)),
    "padding 0.5": change_option("padding", lambda pair, axis, call: with_one(pair, axis, 0.5)),
    "three paddings": change_option("padding", lambda pair, axis, call: (1, 0, 1)),
}
FAULTS = {
    "linear": ANY_LAYER,
    "conv2d": CONVOLUTION | {"a kernel larger than the image": kernel_larger_than_the_image},
    "conv_transpose2d": {name: fault for name, fault in CONVOLUTION.items() if name != "a channel too many in weight"}
    | {
        "a channel too many in weight": change_array("weight", lambda a, axis: resized(a, 0, 1)),
        "output_padding as large as the stride": change_option(
            "output_padding", lambda pair, axis, call: with_one(pair, axis, 4)
        ),
        "output_padding -1": change_option("output_padding", lambda pair, axis, call: with_one(pair, axis, -1)),
        "padding that leaves nothing": padding_that_leaves_nothing,
    },
    "relu": {"a list": change_array("x", lambda a, axis: a.tolist()), "None": change_array("x", lambda a, axis: None)},
    "sigmoid": {
        "a list": change_array("x", lambda a, axis: a.tolist()),
        "words": change_array("x", lambda a, axis: "one"),
    },
    "binary_cross_entropy_with_logits": {
        "targets of another shape": change_array("target", lambda a, axis: np.ones((*a.shape, 2), a.dtype)),
        "a list of targets": change_array("target", lambda a, axis: a.tolist()),
    },
    "gaussian_nll_loss": {
        "a negative variance": lambda call, axis: call.options.update(var=-1.0),
    },
}
WRONG_CALLS = [(kind, fault) for kind, faults in FAULTS.items() for fault in faults]


def complaint(error, f):
    """What is wrong with the error that a wrong call raised, in words."""
    if not isinstance(error, ValueError | TypeError):
        return f"{type(error).__name__}: {error}"
    argument, colon, _ = str(error).partition(": ")
    if not colon or "\n" in str(error) or argument not in inspect.signature(f).parameters:
        return f"{error} names no argument"
    return ""


def error_of(f, *arguments, **options):
    try:
        f(*arguments, **options)
    except Exception as error:  # whatever it is
        return error
    return None


def outcome_of_a_fault(kind, fault, seed):
    """What is wrong with our answer to a wrong call, in words; nothing where it is refused by name."""
    call = Call(kind, seed)
    call.special = False
    if not next(iter(call.arrays.values())).size or (fault == "a bias too long" and call.arrays["bias"] is None):
        return ""
    FAULTS[kind][fault](call, seed % 2)
    if error_of(call.theirs, lambda y: np.ones_like(y)) is None:
        return f"seed {seed}: torch does not refuse {fault}"
    f = getattr(F, kind)
    error = error_of(f, *call.arrays.values(), **call.options)
    if error is None:
        return f"seed {seed}: {kind} does not refuse {fault}"
    return complaint(error, f) and f"seed {seed}, {fault}: {complaint(error, f)}"


@pytest.mark.parametrize(("kind", "fault"), WRONG_CALLS)
def test_what_torch_refuses_is_refused_by_name(kind, fault):
    assert [line for seed in range(8) if (line := outcome_of_a_fault(kind, fault, seed))] == []


@pytest.mark.parametrize("kind", LAYERS + ELEMENTWISE + LOSSES)
def test_gradients_of_another_shape_are_refused_by_name(kind):
    for seed in range(20):
        call = Call(kind, seed)
        y, _ = call.ours(upstream(call))
        wrong = np.ones((*np.shape(y), 2), call.dtype)
        assert error_of(call.theirs, lambda y, wrong=wrong: wrong) is not None
        f = getattr(F, f"{kind}_backward")
        inputs = [array for name, array in call.arrays.items() if name != "bias"]
        error = error_of(f, wrong, *inputs, **call.options)
        assert isinstance(error, ValueError)
        assert str(error).startswith("dy: ")


def test_a_wrong_operation_is_found(monkeypatch):
    monkeypatch.setattr(F, "relu_backward", lambda dy, x: np.multiply(dy, x >= 0))
    assert any(differences("relu", seed) for seed in range(120))
