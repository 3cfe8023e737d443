"""Exercise 11: the transposed convolution. Read exercises/11_conv_transpose.md, then write the three functions."""

import numpy as np


def output_size(size: int, kernel: int, stride: int, padding: int, output_padding: int) -> int:
    """How many rows a transposed convolution makes of `size` rows (columns likewise).

    size: rows of the input. kernel: rows of the kernel.
    stride, padding: those of the convolution that is transposed. output_padding: from 0 to stride - 1.
    Returns an integer.
    """
    raise NotImplementedError


def input_sizes(size: int, kernel: int, stride: int, padding: int) -> np.ndarray:
    """Every number of rows of which the ordinary convolution makes `size` rows: the sizes that have the same output.

    size: rows that come out of the convolution. kernel, stride, padding: those of the convolution.
    Returns an array of integers, smallest first.
    """
    raise NotImplementedError


def conv_transpose2d(
    x: np.ndarray, weight: np.ndarray, bias: np.ndarray, stride: int, padding: int, output_padding: int
) -> np.ndarray:
    """The transposed convolution: every pixel of x stamps its multiple of the kernel on the output.

    x: (N, I, H, W) float64, N images of I channels. weight: (I, O, KH, KW), input channels first.
    bias: (O,). stride: rows and columns from one stamp to the next. padding: rows and columns that are cut off
    on every side. output_padding: rows and columns by which the output is larger, at the bottom and on the right.
    Returns (N, O, OH, OW), with OH = output_size(H, KH, stride, padding, output_padding) and OW likewise.
    """
    raise NotImplementedError
