"""Exercise 08: the backward pass of a linear layer, of ReLU, and of both together."""

import numpy as np

from exercises.kit.exercise import Exercise, Hints, Probe, away_from_zero, axes, call, normal, sized
from numpy_impl.functional import linear, linear_backward, relu, relu_backward

from .mistakes import MISTAKES

N, I, O = axes(5, 3, 7)
PARTS = "dx, dweight, dbias"


def linear_relu_backward(dy, x, weight, y):
    """The ReLU is the last step forward, so the first one backward; its output, too, shows where it was open."""
    return linear_backward(relu_backward(dy, y), x, weight)


def linear_backward_by_image(dy, x, weight):
    """One image after another, each adding its share."""
    dx, dweight, dbias = np.zeros_like(x), np.zeros_like(weight), np.zeros(len(weight))
    for n in range(len(x)):
        for o in range(len(weight)):
            dx[n] += dy[n, o] * weight[o]
            dweight[o] += dy[n, o] * x[n]
            dbias[o] += dy[n, o]
    return dx, dweight, dbias


def linear_backward_by_complex_step(dy, x, weight):
    """The derivative of sum(dy * (x weight^T + bias)) without any formula: Im L(x + ih) / h, exact for a tiny h."""

    def gradient(loss, value):
        result = np.empty_like(value)
        for index in np.ndindex(value.shape):
            moved = value.astype(complex)
            moved[index] += 1e-30j
            result[index] = loss(moved).imag / 1e-30
        return result

    return (
        gradient(lambda x: np.sum(dy * (x @ weight.T)), x),
        gradient(lambda weight: np.sum(dy * (x @ weight.T)), weight),
        gradient(lambda bias: np.sum(dy * (x @ weight.T + bias)), np.zeros(len(weight))),
    )


def linear_relu_backward_by_index(dy, x, weight, y):
    """A copy of dy, set to 0 where the layer was closed."""
    dy = dy.copy()
    dy[y == 0] = 0
    return np.einsum("no,oi->ni", dy, weight), np.einsum("no,ni->oi", dy, x), np.einsum("no->o", dy)


def through_a_real_layer(answer, rng):
    """x, weight and y belong together, and no ReLU is near its kink."""
    images, inputs, outputs = sized(rng, N, I, O)
    x, weight = rng.standard_normal((images, inputs)), rng.standard_normal((outputs, inputs))
    bias = rng.standard_normal(outputs)
    return answer.linear_relu_backward(rng.standard_normal((images, outputs)), x, weight, relu(linear(x, weight, bias)))


WEIGHT = [[1, 0, -1], [2, 1, 0]]

probes = (
    call(f"linear_backward -> {PARTS}", "one image", dy=[[1, 10]], x=[[1, 2, 3]], weight=WEIGHT),
    call(
        f"linear_backward -> {PARTS}",
        "three images, one output",
        dy=[[1], [10], [100]],
        x=[[1, 2], [3, 4], [5, 6]],
        weight=[[7, 8]],
    ),
    call(f"linear_backward -> {PARTS}", "random numbers", dy=normal(N, O), x=normal(N, I), weight=normal(O, I)),
    call("relu_backward", "five numbers", dy=[10, -20, 30, -40, 50], x=[-2, -1, 1, 2, 3]),
    call("relu_backward", "random numbers", dy=normal(N, O), x=away_from_zero(N, O)),
    call("relu_backward", "close to 0 on both sides", dy=[10, -20], x=[1e-9, -1e-9]),
    call(
        f"linear_relu_backward -> {PARTS}",
        "one image, one output open and one closed",
        dy=[[1, -10]],
        x=[[1, 2, 3]],
        weight=WEIGHT,
        y=[[0, 4]],
    ),
    call(
        f"linear_relu_backward -> {PARTS}",
        "one output barely open",
        dy=[[1, -10]],
        x=[[1, 2, 3]],
        weight=WEIGHT,
        y=[[1e-9, 4]],
    ),
    Probe("a layer with random numbers", through_a_real_layer, parts=tuple(PARTS.split(", "))),
)

hints = Hints(
    idea="Write one entry of y as a sum: y[n, o] = Σ_i x[n, i] weight[o, i] + bias[o]. Everything that enters it gets "
    "dy[n, o] times the number it was multiplied by; what enters several entries of y gets the sum over all of them. "
    "A ReLU lets dy pass where it let x pass, and nothing elsewhere.",
    formula="dx[n, i] = Σ_o dy[n, o] weight[o, i]; dweight[o, i] = Σ_n dy[n, o] x[n, i]; dbias[o] = Σ_n dy[n, o]. "
    "ReLU: dx = dy where x > 0, else 0. For the layer with ReLU, do the ReLU's step first: it is the last step "
    "forward.",
    line="Two matrix products and a sum: dy @ ..., dy.T @ ..., dy.sum(axis=...). "
    "The mask is a comparison, multiplied onto dy: dy * (... > 0).",
)

exercise = Exercise(
    solution={
        "linear_backward": linear_backward,
        "relu_backward": relu_backward,
        "linear_relu_backward": linear_relu_backward,
    },
    probes=probes,
    hints=hints,
    model_answer=(
        "All are 0, since the ReLU's mask multiplies dy by 0 for every image. Gradient descent leaves such an "
        "output as it is. It opens again only if the layers before it change its input, or if Adam still moves "
        "its weights by older gradients."
    ),
    mistakes=MISTAKES,
    alternatives=(
        {"linear_backward": linear_backward_by_image, "relu_backward": lambda dy, x: np.where(x > 0, dy, 0)},
        {"linear_backward": linear_backward_by_complex_step, "relu_backward": lambda dy, x: dy * np.heaviside(x, 0)},
        # At x = 0 ReLU has no slope: x >= 0 is as good a mask on the *input* as x > 0.
        {"relu_backward": lambda dy, x: dy * (x >= 0)},
        # relu(x) > 0 exactly where x > 0.
        {"relu_backward": lambda dy, x: dy * (np.maximum(x, 0) > 0)},
        {"linear_relu_backward": linear_relu_backward_by_index},
        {"linear_relu_backward": lambda dy, x, weight, y: linear_backward(dy * (y > 0), x, weight)},
    ),
)
