"""Exercise 08: backwards through a layer. Read exercises/08_linear_relu_backward.md, then write the three functions."""

import numpy as np


def linear_backward(dy: np.ndarray, x: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The gradients of a loss L for what goes into the linear layer y = x weight^T + bias.

    dy: (N, O) float64, the gradient dL/dy that arrives from above. x: (N, I), the layer's input.
    weight: (O, I). N images, I inputs, O outputs.
    Returns (dx, dweight, dbias) of shapes (N, I), (O, I) and (O,).
    """
    raise NotImplementedError


def relu_backward(dy: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The gradient of L for the input of y = max(x, 0).

    dy: the gradient dL/dy, float64 of any shape. x: the input of the ReLU, of the same shape; no entry is 0.
    Returns dx, of that shape.
    """
    raise NotImplementedError


def linear_relu_backward(
    dy: np.ndarray, x: np.ndarray, weight: np.ndarray, y: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The gradients of L for a whole layer y = max(x weight^T + bias, 0), of which only x and y were kept.

    dy: (N, O) float64, the gradient dL/dy. x: (N, I), the layer's input. weight: (O, I).
    y: (N, O), the layer's output, after the ReLU: it is 0 where the ReLU was closed.
    Returns (dx, dweight, dbias) of shapes (N, I), (O, I) and (O,).
    """
    raise NotImplementedError
