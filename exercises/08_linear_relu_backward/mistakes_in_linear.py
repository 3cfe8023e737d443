"""Wrong ways back through a linear layer, each with the numbers that give it away."""

import numpy as np

from exercises.kit.exercise import Mistake
from numpy_impl.functional import linear_backward


def _linear(name, tell, **wrong):
    """A mistake in some of the three gradients: dx=..., dweight=..., dbias=... are functions of (dy, x, weight)."""

    def wrong_linear_backward(dy, x, weight):
        right = dict(zip(("dx", "dweight", "dbias"), linear_backward(dy, x, weight), strict=True))
        return tuple(wrong[part](dy, x, weight) if part in wrong else right[part] for part in right)

    return Mistake(name, {"linear_backward": wrong_linear_backward}, tell)


def _reordered(*order):
    return lambda dy, x, weight: tuple(linear_backward(dy, x, weight)[i] for i in order)


LINEAR = (
    _linear(
        "weight transposed in dx",
        "`dy` has O columns and `weight` has O rows, so they fit as they are. "
        "The forward pass has weight^T; the way back undoes the transposition.",
        dx=lambda dy, x, weight: dy @ weight.T,
    ),
    _linear(
        "dweight is transposed",
        "A gradient has the shape of what it belongs to: weight is (O, I), so dweight is. What came is x^T dy.",
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
        "A third of 1 · x[0] + 10 · x[1] + 100 · x[2]. The 1/N of the loss is already in dy; what is used by N images "
        "gets the sum of N gradients.",
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
        "One row per image came. The bias was added to every row, so its gradient is the sum over rows.",
        dbias=lambda dy, x, weight: dy.copy(),
    ),
    _linear(
        "dbias summed over the outputs",
        "One number per image came, one per output is asked for. Axis 0 is the batch, axis 1 the outputs.",
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
        "What comes out for a dy of all ones: dx is the plain sum of the rows of weight, 1 · [1 0 -1] + 1 · [2 1 0]. "
        "Each entry of y matters to L as much as its dy says.",
    ),
    Mistake(
        "minus the gradients",
        {"linear_backward": lambda dy, x, weight: tuple(-gradient for gradient in linear_backward(dy, x, weight))},
        "Every number has the other sign. The minus of gradient descent belongs to the optimiser's step.",
    ),
    Mistake(
        "order dweight, dbias, dx",
        {"linear_backward": _reordered(1, 2, 0)},
        "All three are right, but in another order: (dx, dweight, dbias) is asked for.",
    ),
    Mistake(
        "order dweight, dx, dbias",
        {"linear_backward": _reordered(1, 0, 2)},
        "All three are right, but dx and dweight have changed places: (dx, dweight, dbias) is asked for.",
    ),
)
