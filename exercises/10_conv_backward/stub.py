"""Exercise 10: backwards through a convolution. Read exercises/10_conv_backward.md, then write the three functions.

They belong to the layer y = conv2d(x, weight, bias, stride, padding) with

    y[n, o, p, q] = bias[o] + sum over c, i, j of weight[o, c, i, j] * x[n, c, stride*p + i - padding, ...]

x: (N, C, H, W), weight: (O, C, KH, KW), bias: (O,), y: (N, O, OH, OW), where OH = (H + 2*padding - KH) // stride + 1
and OW likewise. Outside the image x is 0.
"""

import numpy as np


def conv2d_dbias(dy: np.ndarray) -> np.ndarray:
    """The gradient for the bias.

    dy: (N, O, OH, OW) float64, the gradient dL/dy.
    Returns dbias, (O,).
    """
    raise NotImplementedError


def conv2d_dweight(
    dy: np.ndarray, x: np.ndarray, kernel_size: tuple[int, int], stride: int, padding: int
) -> np.ndarray:
    """The gradient for the kernel.

    dy: (N, O, OH, OW) float64. x: (N, C, H, W), the layer's input. kernel_size: (KH, KW).
    stride, padding: those of the layer, the same in both directions.
    Returns dweight, (O, C, KH, KW).
    """
    raise NotImplementedError


def conv2d_dx(dy: np.ndarray, weight: np.ndarray, image_size: tuple[int, int], stride: int, padding: int) -> np.ndarray:
    """The gradient for the images.

    dy: (N, O, OH, OW) float64. weight: (O, C, KH, KW). image_size: (H, W), which OH and OW do not determine.
    stride, padding: those of the layer, the same in both directions.
    Returns dx, (N, C, H, W).
    """
    raise NotImplementedError
