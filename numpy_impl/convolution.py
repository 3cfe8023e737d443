r"""The convolution as one trilinear form, and its three partial derivatives.

For images x (N, C, H, W), a kernel w (O, C, KH, KW) and outputs y (N, O, OH, OW), one sum over all indices contains
all that a convolution and a transposed convolution compute, forward and backward:

    T(x, w, y) = sum  x[n, c, s*p + i - pad, s*q + j - pad] * w[o, c, i, j] * y[n, o, p, q]

T is linear in each of its three arguments, so leaving one out gives the gradient with respect to it:

    leave out y: `correlate(x, w)`      the convolution                its shape is y's
    leave out x: `spread(y, w)`         the transposed convolution     its shape is x's
    leave out w: `correlate_weight(x, y)`  the gradient of the kernel  its shape is w's

Arrays have shape NCHW and the memory order NHWC (torch's channels_last): so a patch of an image is KH runs of KW * C
neighbouring numbers, and a matrix product over channels needs no transposition.
"""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float
from numpy.lib.stride_tricks import sliding_window_view

from numpy_impl.runtime.memory import empty

Pair = tuple[int, int]

PART_BYTES = 1 << 20  # patches are made and multiplied in parts of this size, which stay in the cache


def correlate(
    x: Float[np.ndarray, "N C H W"], w: Float[np.ndarray, "O C KH KW"], stride: Pair, padding: Pair
) -> Float[np.ndarray, "N O OH OW"]:
    """y[n, o, p, q] = sum over c, i, j of w[o, c, i, j] * x[n, c, s*p + i - pad, s*q + j - pad]."""
    O, _, KH, KW = w.shape
    OH, OW = ((size + 2 * p - k) // s + 1 for size, p, k, s in zip(x.shape[2:], padding, (KH, KW), stride, strict=True))
    kernel = np.ascontiguousarray(w.transpose(2, 3, 1, 0)).reshape(-1, O)
    y = empty((len(x), OH, OW, O), x.dtype)
    for part, patches in _patches(x, (KH, KW), (OH, OW), stride, padding):
        np.matmul(patches, kernel, out=y[part].reshape(-1, O))
    return y.transpose(0, 3, 1, 2)


def correlate_weight(
    x: Float[np.ndarray, "N C H W"],
    y: Float[np.ndarray, "N O OH OW"],
    kernel_size: Pair,
    stride: Pair,
    padding: Pair,
) -> Float[np.ndarray, "O C KH KW"]:
    """w[o, c, i, j] = sum over n, p, q of y[n, o, p, q] * x[n, c, s*p + i - pad, s*q + j - pad]."""
    (_, C, _, _), (_, O, OH, OW) = x.shape, y.shape
    y = y.transpose(0, 2, 3, 1)
    w = np.zeros((kernel_size[0] * kernel_size[1] * C, O), x.dtype)
    for part, patches in _patches(x, kernel_size, (OH, OW), stride, padding):
        w += patches.T @ y[part].reshape(-1, O)
    return w.reshape(*kernel_size, C, O).transpose(3, 2, 0, 1)


def correlate_twice(
    x: Float[np.ndarray, "N C H W"],
    w: Float[np.ndarray, "O C KH KW"],
    y: Float[np.ndarray, "N O OH OW"],
    stride: Pair,
    padding: Pair,
) -> tuple[Float[np.ndarray, "N O OH OW"], Float[np.ndarray, "O C KH KW"]]:
    """`correlate(x, w)` and `correlate_weight(x, y)`, whose common patches are made once."""
    (O, C, KH, KW), (_, _, OH, OW) = w.shape, y.shape
    y = y.transpose(0, 2, 3, 1)
    kernel = np.ascontiguousarray(w.transpose(2, 3, 1, 0)).reshape(-1, O)
    correlated, weight = empty((len(x), OH, OW, O), x.dtype), np.zeros(kernel.shape, x.dtype)
    for part, patches in _patches(x, (KH, KW), (OH, OW), stride, padding):
        np.matmul(patches, kernel, out=correlated[part].reshape(-1, O))
        weight += patches.T @ y[part].reshape(-1, O)
    return correlated.transpose(0, 3, 1, 2), weight.reshape(KH, KW, C, O).transpose(3, 2, 0, 1)


def spread(
    y: Float[np.ndarray, "N O OH OW"],
    w: Float[np.ndarray, "O C KH KW"],
    size: Pair,
    stride: Pair,
    padding: Pair,
) -> Float[np.ndarray, "N C H W"]:
    """x[n, c, s*p + i - pad, s*q + j - pad] += w[o, c, i, j] * y[n, o, p, q], for every n, o, p, q, i, j."""
    (N, O, OH, OW), (_, C, KH, KW) = y.shape, w.shape
    H, W = size
    y = y.transpose(0, 2, 3, 1)
    x = empty((N, H, W, C), y.dtype)
    kernel = np.ascontiguousarray(w.transpose(2, 3, 0, 1))
    for part in _parts(N, OH * OW * C * y.itemsize):
        sources, target = y[part].reshape(-1, O), x[part]
        products = empty((part.stop - part.start, OH, OW, C), y.dtype)
        target.fill(0)
        for i in range(KH):
            p, row = _inside(i - padding[0], stride[0], H, OH)
            for j in range(KW):
                q, column = _inside(j - padding[1], stride[1], W, OW)
                np.matmul(sources, kernel[i, j], out=products.reshape(-1, C))
                target[:, row, column] += products[:, p, q]
    return x.transpose(0, 3, 1, 2)


def channels_last(x: Float[np.ndarray, "N C H W"]) -> Float[np.ndarray, "N C H W"]:
    """The same images in the memory order NHWC; x itself if it already has that order."""
    if x.transpose(0, 2, 3, 1).flags.c_contiguous:
        return x
    N, C, H, W = x.shape
    y = empty((N, H, W, C), x.dtype).transpose(0, 3, 1, 2)
    y[...] = x
    return y


def _patches(
    x: np.ndarray, kernel_size: Pair, output_size: Pair, stride: Pair, padding: Pair
) -> Iterator[tuple[slice, np.ndarray]]:
    """Slices of the batch, each with its patches as a matrix: a row for each output pixel, KH * KW * C columns."""
    (N, C, _, _), (KH, KW), (OH, OW) = x.shape, kernel_size, output_size
    x = x.transpose(0, 2, 3, 1)
    for part in _parts(N, OH * OW * KH * KW * C * x.itemsize):
        # NumPy's annotation allows for one axis only.
        windows = sliding_window_view(_pad(x[part], padding), kernel_size, axis=(1, 2))
        windows = windows[:, :: stride[0], :: stride[1]].transpose(0, 1, 2, 4, 5, 3)
        # Copied along the longest run of neighbours: the columns of a patch, or the patches of a row of outputs.
        if KW * C > OW:
            patches = empty(windows.shape, x.dtype)
        else:
            patches = empty((KH, KW, C, part.stop - part.start, OH, OW), x.dtype).transpose(3, 4, 5, 0, 1, 2)
        patches[...] = windows
        yield part, patches.reshape(-1, KH * KW * C)


def _pad(x: np.ndarray, padding: Pair) -> np.ndarray:
    (N, H, W, C), (top, left) = x.shape, padding
    if top == left == 0:
        return x
    padded = empty((N, H + 2 * top, W + 2 * left, C), x.dtype)
    padded.fill(0)
    padded[:, top : top + H, left : left + W] = x
    return padded


def _inside(offset: int, stride: int, size: int, count: int) -> tuple[slice, slice]:
    """Those p among `count` for which stride * p + offset is a row of an image of `size` rows, and these rows."""
    first = max(0, -(offset // stride))
    stop = max(first, min(count, (size - 1 - offset) // stride + 1))
    start = stride * first + offset
    return slice(first, stop), slice(start, start + stride * (stop - first), stride)


def _parts(N: int, bytes_per_image: int) -> Iterator[slice]:
    count = max(1, PART_BYTES // max(1, bytes_per_image))
    return (slice(start, min(start + count, N)) for start in range(0, N, count))
