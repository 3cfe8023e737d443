"""Wrong ways back through a ReLU, alone or behind a linear layer, each with the numbers that give it away."""

import numpy as np

from exercises.kit.exercise import Mistake
from numpy_impl.functional import linear_backward


def _relu(name, wrong, tell):
    return Mistake(name, {"relu_backward": wrong}, tell)


def _masked_in_place(dy, x):
    dy[x <= 0] = 0
    return dy


RELU = (
    _relu(
        "the mask looks at dy",
        lambda dy, x: dy * (dy > 0),
        "{came} instead of {expected}: a gradient may have any sign; it passes where x was positive.",
    ),
    _relu(
        "both masks, x > 0 and dy > 0",
        lambda dy, x: dy * (dy > 0) * (x > 0),
        "{came} instead of {expected}: the -40 is missing, though x is 2 there. A gradient may have any sign. "
        "(Masking both is guided backpropagation, which makes pictures, not gradients.)",
    ),
    _relu(
        "no mask at all",
        lambda dy, x: dy.copy(),
        "{came} instead of {expected}: where x is negative, y stays 0 whatever x does, so x gets nothing.",
    ),
    _relu(
        "the mask is inverted",
        lambda dy, x: dy * (x < 0),
        "{came} instead of {expected}: dy passed exactly where the ReLU was closed.",
    ),
    _relu(
        "dy left out",
        lambda dy, x: (x > 0).astype(float),
        "{came} instead of {expected}: that is the slope dy/dx alone. The chain rule multiplies it by dL/dy.",
    ),
    _relu(
        "dy[x <= 0] = 0 writes into the caller's dy",
        _masked_in_place,
        "The values are right, but the caller's array has changed, and the caller may still need it. "
        "Multiply by the mask, which makes a new array, or copy dy first.",
    ),
    _relu(
        "only the mask, as truth values",
        lambda dy, x: x > 0,
        "That is where the ReLU is open, as True and False. The gradient is dy there and 0 elsewhere.",
    ),
    _relu(
        "dy · max(x, 0) instead of a mask",
        lambda dy, x: dy * np.maximum(x, 0),
        "{came} instead of {expected}: multiplied by the ReLU's value. Its slope is wanted, which is 1 or 0.",
    ),
    _relu(
        "the sign of x for the slope",
        lambda dy, x: dy * np.sign(x),
        "{came} instead of {expected}: -1 is the slope of |x| left of 0; that of max(x, 0) is 0 there.",
    ),
    _relu(
        "a leaky slope of 0.01",
        lambda dy, x: dy * np.where(x > 0, 1, 0.01),
        "{came} instead of {expected}: a slope of 0.01 left of 0 is the leaky ReLU's. This one is flat there.",
    ),
)


def _layer(name, wrong, tell):
    return Mistake(name, {"linear_relu_backward": wrong}, tell)


def _masked_in(parts):
    """The layer's gradients, with the ReLU's mask taking part only in those named by index."""

    def wrong(dy, x, weight, y):
        masked, unmasked = linear_backward(dy * (y > 0), x, weight), linear_backward(dy, x, weight)
        return tuple(masked[i] if i in parts else unmasked[i] for i in range(3))

    return wrong


def _mask_on_dx(dy, x, weight, y):
    dx, dweight, dbias = linear_backward(dy, x, weight)
    return dx * (x > 0), dweight, dbias


LAYER = (
    _layer(
        "mask y >= 0, which is no mask at all",
        lambda dy, x, weight, y: linear_backward(dy * (y >= 0), x, weight),
        "After a ReLU every y is >= 0, so nothing is masked: the closed output's 1 · [1 0 -1] is still in dx. "
        "The ReLU was open where y > 0.",
    ),
    _layer(
        "whole layer: the mask looks at dy",
        lambda dy, x, weight, y: linear_backward(dy * (dy > 0), x, weight),
        "The closed output's dy = 1 passed, the open one's -10 did not. A gradient may have any sign; where it passes "
        "was decided by the forward pass: where y > 0.",
    ),
    _layer(
        "whole layer: both masks, y > 0 and dy > 0",
        lambda dy, x, weight, y: linear_backward(dy * (dy > 0) * (y > 0), x, weight),
        "Nothing passed: one output is closed, and the other's dy is -10. A gradient may have any sign; y > 0 alone "
        "decides.",
    ),
    _layer(
        "whole layer: the mask is inverted",
        lambda dy, x, weight, y: linear_backward(dy * (y == 0), x, weight),
        "This is 1 · [1 0 -1], what the closed output would pass on; the open one's -10 · [2 1 0] is missing.",
    ),
    _layer(
        "whole layer: dy · y instead of a mask",
        lambda dy, x, weight, y: linear_backward(dy * y, x, weight),
        "Four times too much: multiplied by the layer's output, which is 4. The slope of an open ReLU is 1.",
    ),
    _layer(
        "whole layer: dy left out, only the mask goes on",
        lambda dy, x, weight, y: linear_backward((y > 0).astype(float), x, weight),
        "1 · [2 1 0] instead of -10 · [2 1 0]: the mask went on alone. It is multiplied onto dy, not put in its place.",
    ),
    _layer(
        "only dx is masked",
        _masked_in({0}),
        "dx is right, but a closed ReLU passes nothing on to its weight and bias either: the first row should be 0. "
        "Mask dy once, before the linear layer's step.",
    ),
    _layer(
        "only dweight and dbias are masked",
        _masked_in({1, 2}),
        "dweight and dbias are right, but a closed ReLU passes nothing on to x either: 1 · [1 0 -1] is too much in dx. "
        "Mask dy once, before the linear layer's step.",
    ),
    _layer(
        "dbias is not masked",
        _masked_in({0, 1}),
        "The sum of dy as it arrived. The bias stands inside the ReLU, so a closed one hides it as well.",
    ),
    _layer(
        "the mask put on dx, with x > 0",
        _mask_on_dx,
        "The ReLU lies behind the linear layer: its mask has dy's shape, comes from y, and is used first. "
        "Whether x is positive is a matter of the layer below.",
    ),
    _layer(
        "y in the place of x",
        lambda dy, x, weight, y: (dy * (y > 0) @ weight, (dy * (y > 0)).T @ y, (dy * (y > 0)).sum(axis=0)),
        "weight was multiplied by the layer's input x, so x stands in its gradient; y is only needed for the mask.",
    ),
)
