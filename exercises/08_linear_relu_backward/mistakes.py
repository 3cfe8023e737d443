"""Wrong backward functions of a linear layer, a ReLU and both together, each with the numbers that show it."""

import itertools

import numpy as np

from exercises.kit.exercise import Mistake
from numpy_impl.functional import linear_backward

# The linear layer


def _linear(name, explanation, **wrong):
    """A mistake in some of the three gradients: dx=..., dweight=..., dbias=... are functions of (dy, x, weight)."""

    def wrong_linear_backward(dy, x, weight):
        right = dict(zip(("dx", "dweight", "dbias"), linear_backward(dy, x, weight), strict=True))
        return tuple(wrong[part](dy, x, weight) if part in wrong else right[part] for part in right)

    return Mistake(name, {"linear_backward": wrong_linear_backward}, explanation)


def _reordered(*order):
    return lambda dy, x, weight: tuple(linear_backward(dy, x, weight)[i] for i in order)


PARTS = "dx", "dweight", "dbias"
ORDERS = {order: [PARTS[i] for i in order] for order in list(itertools.permutations(range(3)))[1:]}
IN_ORDER = "All three are right, but in another order: (dx, dweight, dbias) is asked for."

LINEAR = (
    _linear(
        "weight transposed in dx",
        "`dy` has O columns and `weight` has O rows, so they fit as they are. "
        "The forward pass has weight^T, and its adjoint has weight.",
        dx=lambda dy, x, weight: dy @ weight.T,
    ),
    _linear(
        "dweight is transposed",
        "A gradient has the shape of its parameter: weight is (O, I), so dweight is. The result is x^T dy.",
        dweight=lambda dy, x, weight: x.T @ dy,
    ),
    _linear(
        "dweight reshaped instead of transposed",
        "The shape fits, but reshape keeps the numbers in their old order: the products with dy = 1 and with dy = 10 "
        "are mixed in one row. Row o of dweight is Σ_n dy[n, o] x[n].",
        dweight=lambda dy, x, weight: (x.T @ dy).reshape(weight.shape),
    ),
    _linear(
        "weight reshaped in dx",
        "weight.T.reshape(weight.shape) has the right shape and its numbers in the wrong order. The right dx is "
        "1 · [1 0 -1] + 10 · [2 1 0]: the rows of weight, as they are.",
        dx=lambda dy, x, weight: dy @ weight.T.reshape(weight.shape),
    ),
    _linear(
        "dweight averaged over the batch",
        "A third of 1 · x[0] + 10 · x[1] + 100 · x[2]. The 1/N of the loss is already in dy; the gradient of a "
        "parameter that N images use is the sum of N gradients.",
        dweight=lambda dy, x, weight: dy.T @ x / len(x),
    ),
    _linear(
        "dbias averaged over the batch",
        "A third of 1 + 10 + 100. The 1/N of the loss is already in dy; the bias enters N rows, so it gets the sum "
        "of N gradients.",
        dbias=lambda dy, x, weight: dy.mean(axis=0),
    ),
    _linear(
        "dweight and dbias averaged over the batch",
        "Both are a third of the sum over the three images. The 1/N of the loss is already in dy, so here the images "
        "are summed.",
        dweight=lambda dy, x, weight: dy.T @ x / len(x),
        dbias=lambda dy, x, weight: dy.mean(axis=0),
    ),
    _linear(
        "all three divided by N",
        "With one image all is right, with three all is a third of what it should be. The average over images is the "
        "loss's, and dy brings its 1/N along: dividing again counts it twice.",
        dx=lambda dy, x, weight: dy @ weight / len(x),
        dweight=lambda dy, x, weight: dy.T @ x / len(x),
        dbias=lambda dy, x, weight: dy.mean(axis=0),
    ),
    _linear(
        "dbias not summed over the batch",
        "The result has one row per image. The bias was added to every row, so its gradient is the sum over rows.",
        dbias=lambda dy, x, weight: dy.copy(),
    ),
    _linear(
        "dbias summed over the outputs",
        "The result is one number per image, one per output is asked for. Axis 0 is the batch, axis 1 the outputs.",
        dbias=lambda dy, x, weight: dy.sum(axis=1),
    ),
    _linear(
        "dbias summed over everything",
        "All of dy in one number. Every output has a bias of its own: sum over axis 0 only.",
        dbias=lambda dy, x, weight: dy.sum(),
    ),
    _linear(
        "dbias keeps the summed axis",
        "The values are right, but bias has shape (O,), and so has its gradient: no keepdims here.",
        dbias=lambda dy, x, weight: dy.sum(axis=0, keepdims=True),
    ),
    _linear(
        "dbias is 1: dy left out",
        "1 is the derivative of y for the bias. Times dy, and summed over the batch, it becomes that of L.",
        dbias=lambda dy, x, weight: np.ones(len(weight)),
    ),
    _linear(
        "dweight of the last image only",
        "This is 100 · [5 6], the last image's dy times its x; 1 · [1 2] and 10 · [3 4] are missing. "
        "In a loop over images: dweight += ..., not dweight = ...",
        dweight=lambda dy, x, weight: np.outer(dy[-1], x[-1]),
    ),
    _linear(
        "dbias of the last image only",
        "100 is the last image's dy; 1 and 10 are missing. In a loop over images: dbias += ..., not dbias = ...",
        dbias=lambda dy, x, weight: dy[-1].copy(),
    ),
    _linear(
        "dweight and dbias of the last image only",
        "This is 100 · [5 6], the last image's dy times its x, and dbias is its 100 alone. In a loop over images the "
        "shares are added (+=), not overwritten (=).",
        dweight=lambda dy, x, weight: np.outer(dy[-1], x[-1]),
        dbias=lambda dy, x, weight: dy[-1].copy(),
    ),
    Mistake(
        "dy ignored",
        {"linear_backward": lambda dy, x, weight: linear_backward(np.ones_like(dy), x, weight)},
        "The result for a dy of all ones: dx is the plain sum of the rows of weight, 1 · [1 0 -1] + 1 · [2 1 0]. "
        "Each entry of y affects L as much as its dy.",
    ),
    Mistake(
        "minus the gradients",
        {"linear_backward": lambda dy, x, weight: tuple(-gradient for gradient in linear_backward(dy, x, weight))},
        "Every number has the other sign. The minus of gradient descent belongs to the optimiser's step.",
    ),
    *(
        Mistake(f"order {', '.join(names)}", {"linear_backward": _reordered(*order)}, IN_ORDER)
        for order, names in ORDERS.items()
    ),
)


# The ReLU, and a layer with a ReLU


def _relu(name, wrong, explanation):
    return Mistake(name, {"relu_backward": wrong}, explanation)


def _masked_in_place(dy, x):
    dy[x <= 0] = 0
    return dy


RELU = (
    _relu(
        "the mask looks at dy",
        lambda dy, x: dy * (dy > 0),
        "{got} instead of {expected}: a gradient may have any sign; it passes where x was positive.",
    ),
    _relu(
        "both masks, x > 0 and dy > 0",
        lambda dy, x: dy * (dy > 0) * (x > 0),
        "{got} instead of {expected}: the -40 is missing, though x is 2 there. A gradient may have any sign. "
        "(Masking both is guided backpropagation, which makes pictures, not gradients.)",
    ),
    _relu(
        "no mask at all",
        lambda dy, x: dy.copy(),
        "{got} instead of {expected}: where x is negative, y stays 0 for any change of x, so its gradient is 0.",
    ),
    _relu(
        "the mask is inverted",
        lambda dy, x: dy * (x < 0),
        "{got} instead of {expected}: dy passed exactly where the ReLU was closed.",
    ),
    _relu(
        "dy left out",
        lambda dy, x: (x > 0).astype(float),
        "{got} instead of {expected}: that is the slope dy/dx alone. The chain rule multiplies it by dL/dy.",
    ),
    _relu(
        "the caller's dy is masked in place",
        _masked_in_place,
        "The values are right, but the caller's array has changed, as by dy[x <= 0] = 0 or dy *= ..., and the caller "
        "may still need it. dy * mask makes a new array; or copy dy first.",
    ),
    _relu(
        "only the mask, as truth values",
        lambda dy, x: x > 0,
        "That is where the ReLU is open, as True and False. The gradient is dy there and 0 elsewhere.",
    ),
    _relu(
        "dy · max(x, 0) instead of a mask",
        lambda dy, x: dy * np.maximum(x, 0),
        "{got} instead of {expected}: multiplied by the ReLU's value. Its slope is wanted, which is 1 or 0.",
    ),
    _relu(
        "the sign of x for the slope",
        lambda dy, x: dy * np.sign(x),
        "{got} instead of {expected}: -1 is the slope of |x| left of 0; that of max(x, 0) is 0 there.",
    ),
    _relu(
        "a leaky slope of 0.01",
        lambda dy, x: dy * np.where(x > 0, 1, 0.01),
        "{got} instead of {expected}: a slope of 0.01 left of 0 is the leaky ReLU's. This one is flat there.",
    ),
    _relu(
        "open only above a threshold",
        lambda dy, x: dy * (x > 1e-6),
        "{got} instead of {expected}: x = 1e-9 is positive, and the ReLU is open there. Its kink is at 0, exactly.",
    ),
)


def _layer(name, wrong, explanation):
    return Mistake(name, {"linear_relu_backward": wrong}, explanation)


def _masked_in(parts):
    """The layer's gradients, with the ReLU's mask taking part only in those named by index."""

    def wrong(dy, x, weight, y):
        masked, unmasked = linear_backward(dy * (y > 0), x, weight), linear_backward(dy, x, weight)
        return tuple(masked[i] if i in parts else unmasked[i] for i in range(3))

    return wrong


def _mask_on_dx(dy, x, weight, y):
    dx, dweight, dbias = linear_backward(dy, x, weight)
    return dx * (x > 0), dweight, dbias


def _layer_reordered(*order):
    return lambda dy, x, weight, y: tuple(linear_backward(dy * (y > 0), x, weight)[i] for i in order)


MASK_OF_X = (
    "The mask has the shape of dy: one entry for each output. x has one for each input of the layer; "
    "where the ReLU was open shows in y."
)

LAYER = (
    _layer(
        "whole layer: no mask at all",
        lambda dy, x, weight, y: linear_backward(dy, x, weight),
        "Nothing is masked: the closed output's 1 · [1 0 -1] is still in dx. The ReLU was open where y > 0. (y >= 0 "
        "would be no mask either, since after a ReLU every y is.)",
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
        "The sum of dy without the mask. The bias is inside the ReLU, so a closed one hides it as well.",
    ),
    _layer(
        "the mask put on dx, with x > 0",
        _mask_on_dx,
        "The ReLU follows the linear layer: its mask has dy's shape, is that of y, and is used first. "
        "Whether x is positive matters to the layer before.",
    ),
    _layer(
        "the mask is made of x: dy * (x > 0)",
        lambda dy, x, weight, y: linear_backward(dy * (x > 0), x, weight),
        MASK_OF_X,
    ),
    _layer(
        "the mask is made of x: (x > 0) * dy",
        lambda dy, x, weight, y: linear_backward((x > 0) * dy, x, weight),
        MASK_OF_X,
    ),
    _layer(
        "the mask is made of x: np.where(x > 0, dy, 0)",
        lambda dy, x, weight, y: linear_backward(np.where(x > 0, dy, 0), x, weight),
        MASK_OF_X,
    ),
    _layer(
        "whole layer: open only above a threshold",
        lambda dy, x, weight, y: linear_backward(dy * (y > 1e-6), x, weight),
        "An output of 1e-9 is positive, so the ReLU was open there: y > 0, exactly.",
    ),
    *(
        _layer(f"whole layer: order {', '.join(names)}", _layer_reordered(*order), IN_ORDER)
        for order, names in ORDERS.items()
    ),
    _layer(
        "y in the place of x",
        lambda dy, x, weight, y: (dy * (y > 0) @ weight, (dy * (y > 0)).T @ y, (dy * (y > 0)).sum(axis=0)),
        "weight was multiplied by the layer's input x, so its gradient contains x; y is only needed for the mask.",
    ),
)


MISTAKES = LINEAR + RELU + LAYER
