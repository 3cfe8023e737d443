"""The operations of the VAE, each beside its adjoint: pure functions with the names and defaults of torch.

`f_backward(dy, ...)` takes dL/dy, with y's shape, and gives dL/d(input) for each input of `f`. Images are NCHW,
weights as in torch (transposed convolutions: IOHW). Arrays are float32 or float64, all of one dtype, and so are the
results. A wrong shape or option raises ValueError, a wrong type TypeError. Losses are sums in nats.
"""

import math

import numpy as np
from jaxtyping import Float

from numpy_impl.convolution import channels_last, correlate, correlate_twice, correlate_weight, spread
from numpy_impl.runtime.arguments import (
    check_arrays,
    check_not_empty,
    check_shape,
    check_sizes,
    check_unit_interval,
    number,
    pair,
)
from numpy_impl.runtime.blas import undisturbed
from numpy_impl.runtime.memory import empty

IntOrPair = int | tuple[int, int]

quiet = np.errstate(all="ignore")  # infinity and NaN go through the operations without warnings, as in torch

FEW_ROWS = 64  # up to this many rows of x, x weight^T is computed as the transpose of weight x^T


@undisturbed
@quiet
def linear(
    x: Float[np.ndarray, "N I"], weight: Float[np.ndarray, "O I"], bias: Float[np.ndarray, " O"] | None = None
) -> Float[np.ndarray, "N O"]:
    """y = x weight^T + bias."""
    check_arrays(x=(x, 2), weight=(weight, 2), bias=(bias, 1))
    check_shape("weight", weight, (None, x.shape[1]))
    check_shape("bias", bias, (weight.shape[0],))
    y = _times_transposed(x, weight)
    return y if bias is None else np.add(y, bias, out=y)


@undisturbed
@quiet
def linear_backward(
    dy: Float[np.ndarray, "N O"], x: Float[np.ndarray, "N I"], weight: Float[np.ndarray, "O I"]
) -> tuple[Float[np.ndarray, "N I"], Float[np.ndarray, "O I"], Float[np.ndarray, " O"]]:
    """dx = dy weight, dweight = dy^T x, dbias = sum of dy over the batch."""
    check_arrays(dy=(dy, 2), x=(x, 2), weight=(weight, 2))
    check_shape("weight", weight, (None, x.shape[1]))
    check_shape("dy", dy, (len(x), len(weight)))
    dx = np.matmul(dy, weight, out=empty(x.shape, x.dtype))
    dweight = np.dot(dy.T, x, out=empty(weight.shape, x.dtype))  # np.matmul does not call BLAS when N = 1
    return dx, dweight, dy.sum(axis=0)


@undisturbed
@quiet
def conv2d(
    x: Float[np.ndarray, "N C H W"],
    weight: Float[np.ndarray, "O C KH KW"],
    bias: Float[np.ndarray, " O"] | None = None,
    stride: IntOrPair = 1,
    padding: IntOrPair = 0,
) -> Float[np.ndarray, "N O OH OW"]:
    """y[n, o, p, q] = bias[o] + sum over c, i, j of weight[o, c, i, j] * x[n, c, stride*p + i - padding, ...].

    OH = (H + 2*padding - KH) // stride + 1, and OW likewise.
    """
    check_arrays(x=(x, 4), weight=(weight, 4), bias=(bias, 1))
    check_shape("weight", weight, (None, x.shape[1], None, None))
    check_not_empty(x=x, weight=weight)
    check_shape("bias", bias, (weight.shape[0],))
    stride, padding = pair("stride", stride, 1), pair("padding", padding, 0)
    check_sizes("x", x.shape[2:], weight.shape[2:], padding)
    return _add_bias(correlate(x, weight, stride, padding), bias)


@undisturbed
@quiet
def conv2d_backward(
    dy: Float[np.ndarray, "N O OH OW"],
    x: Float[np.ndarray, "N C H W"],
    weight: Float[np.ndarray, "O C KH KW"],
    stride: IntOrPair = 1,
    padding: IntOrPair = 0,
) -> tuple[Float[np.ndarray, "N C H W"], Float[np.ndarray, "O C KH KW"], Float[np.ndarray, " O"]]:
    """dx is a transposed convolution of dy; dweight sums x times dy over all pixels; dbias sums dy."""
    check_arrays(dy=(dy, 4))
    dy = channels_last(dy)  # once, for the three sums that read it in this order
    dweight, dbias = conv2d_parameters_backward(dy, x, weight, stride, padding)
    return spread(dy, weight, x.shape[2:], pair("stride", stride, 1), pair("padding", padding, 0)), dweight, dbias


@undisturbed
@quiet
def conv2d_parameters_backward(
    dy: Float[np.ndarray, "N O OH OW"],
    x: Float[np.ndarray, "N C H W"],
    weight: Float[np.ndarray, "O C KH KW"],
    stride: IntOrPair = 1,
    padding: IntOrPair = 0,
) -> tuple[Float[np.ndarray, "O C KH KW"], Float[np.ndarray, " O"]]:
    """`conv2d_backward` without dx, for a first layer, whose input, the data, needs no gradient."""
    check_arrays(dy=(dy, 4), x=(x, 4), weight=(weight, 4))
    check_shape("weight", weight, (None, x.shape[1], None, None))
    check_not_empty(x=x, weight=weight)
    stride, padding = pair("stride", stride, 1), pair("padding", padding, 0)
    check_sizes("x", x.shape[2:], weight.shape[2:], padding)
    OH, OW = (
        (n + 2 * p - k) // s + 1 for n, p, k, s in zip(x.shape[2:], padding, weight.shape[2:], stride, strict=True)
    )
    check_shape("dy", dy, (len(x), len(weight), OH, OW))
    return correlate_weight(x, dy, weight.shape[2:], stride, padding), _sum_over_pixels(dy)


@undisturbed
@quiet
def conv_transpose2d(
    x: Float[np.ndarray, "N I H W"],
    weight: Float[np.ndarray, "I O KH KW"],
    bias: Float[np.ndarray, " O"] | None = None,
    stride: IntOrPair = 1,
    padding: IntOrPair = 0,
    output_padding: IntOrPair = 0,
) -> Float[np.ndarray, "N O OH OW"]:
    """The adjoint of `conv2d` in x: <conv2d(a, weight), x> = <a, conv_transpose2d(x, weight)>; plus bias.

    OH = (H - 1)*stride - 2*padding + KH + output_padding, and OW likewise. output_padding chooses among the
    sizes that `conv2d` with this stride maps to H; it adds no zeros.
    """
    check_arrays(x=(x, 4), weight=(weight, 4), bias=(bias, 1))
    check_shape("weight", weight, (x.shape[1], None, None, None))
    check_not_empty(x=x, weight=weight)
    check_shape("bias", bias, (weight.shape[1],))
    stride, padding, size = _transposed_geometry(x, weight, stride, padding, output_padding)
    return _add_bias(spread(x, weight, size, stride, padding), bias)


@undisturbed
@quiet
def conv_transpose2d_backward(
    dy: Float[np.ndarray, "N O OH OW"],
    x: Float[np.ndarray, "N I H W"],
    weight: Float[np.ndarray, "I O KH KW"],
    stride: IntOrPair = 1,
    padding: IntOrPair = 0,
    output_padding: IntOrPair = 0,
) -> tuple[Float[np.ndarray, "N I H W"], Float[np.ndarray, "I O KH KW"], Float[np.ndarray, " O"]]:
    """dx is the convolution of dy; dweight is conv2d's with the parts of x and dy exchanged; dbias sums dy."""
    check_arrays(dy=(dy, 4), x=(x, 4), weight=(weight, 4))
    check_shape("weight", weight, (x.shape[1], None, None, None))
    check_not_empty(x=x, weight=weight)
    stride, padding, size = _transposed_geometry(x, weight, stride, padding, output_padding)
    check_shape("dy", dy, (len(x), weight.shape[1], *size))
    dx, dweight = correlate_twice(dy, weight, x, stride, padding)
    return dx, dweight, _sum_over_pixels(dy)


def relu(x: Float[np.ndarray, "*shape"], inplace: bool = False) -> Float[np.ndarray, "*shape"]:
    """max(x, 0). With `inplace`, the result overwrites x."""
    check_arrays(x=(x, None))
    return np.clip(x, 0, np.inf, out=x if inplace else _empty_like(x))  # three times as fast as np.maximum(x, 0)


def relu_backward(
    dy: Float[np.ndarray, "*shape"], x: Float[np.ndarray, "*shape"], inplace: bool = False
) -> Float[np.ndarray, "*shape"]:
    """dx = dy where x > 0, else 0. Since relu(x) > 0 exactly where x > 0, x may also be `relu`'s output.

    With `inplace`, the result overwrites dy if both have the same memory order.
    """
    check_arrays(dy=(dy, None), x=(x, None))
    check_shape("dy", dy, x.shape)
    if inplace and dy.strides == x.strides:
        return np.multiply(dy, x > 0, out=dy)
    dx = _empty_like(x)
    dx[...] = dy  # first into x's memory order: a product of arrays in two orders is several times slower
    return np.multiply(dx, x > 0, out=dx)


def sigmoid(x: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """1 / (1 + exp(-x)), in a form in which exp cannot overflow and small values keep their digits."""
    check_arrays(x=(x, None))
    return _sigmoid(x)


@quiet
def sigmoid_backward(dy: Float[np.ndarray, "*shape"], x: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """dx = dy * s * (1 - s) with s = sigmoid(x); 1 - s is computed as sigmoid(-x), which keeps its digits."""
    check_arrays(dy=(dy, None), x=(x, None))
    check_shape("dy", dy, x.shape)
    return np.asarray(dy * _sigmoid(x) * _sigmoid(-x))


@quiet
def binary_cross_entropy_with_logits(
    logits: Float[np.ndarray, "*shape"], target: Float[np.ndarray, "*shape"]
) -> np.floating:
    """-log Bernoulli(target; sigmoid(logits)) = max(l, 0) - l*t + log(1 + exp(-|l|)), summed; targets in [0, 1].

    Of infinite logits it is the limit: 0 where the target is the class that they are sure of, else infinite.
    """
    check_arrays(logits=(logits, None), target=(target, None))
    check_shape("target", target, logits.shape)
    check_unit_interval("target", target)
    total = np.sum(np.maximum(logits, 0) - logits * target + np.log1p(np.exp(-np.abs(logits))))
    if not np.isnan(total):
        return total
    # A logit is NaN, or infinite: then the difference above is inf - inf. Here it is one product, with 0 * inf = 0.
    miss = np.where(logits >= 0, 1 - target, target)
    return np.sum(np.where(miss == 0, 0, miss * np.abs(logits)) + np.log1p(np.exp(-np.abs(logits))))


@quiet
def binary_cross_entropy_with_logits_backward(
    dy: float, logits: Float[np.ndarray, "*shape"], target: Float[np.ndarray, "*shape"]
) -> Float[np.ndarray, "*shape"]:
    """dlogits = dy * (sigmoid(logits) - target)."""
    check_arrays(logits=(logits, None), target=(target, None))
    check_shape("target", target, logits.shape)
    return np.asarray(logits.dtype.type(number("dy", dy)) * (_sigmoid(logits) - target))


@quiet
def gaussian_nll_loss(
    mean: Float[np.ndarray, "*shape"], target: Float[np.ndarray, "*shape"], var: float
) -> np.floating:
    """-log Normal(target; mean, var) = ((target - mean)^2 / var + log(2 pi var)) / 2, summed, constant included."""
    check_arrays(mean=(mean, None), target=(target, None))
    check_shape("target", target, mean.shape)
    var = _variance(var)
    return mean.dtype.type(0.5) * (np.sum(np.square(target - mean)) / var + mean.size * math.log(2 * math.pi * var))


@quiet
def gaussian_nll_loss_backward(
    dy: float, mean: Float[np.ndarray, "*shape"], target: Float[np.ndarray, "*shape"], var: float
) -> Float[np.ndarray, "*shape"]:
    """dmean = dy * (mean - target) / var."""
    check_arrays(mean=(mean, None), target=(target, None))
    check_shape("target", target, mean.shape)
    return np.asarray(mean.dtype.type(number("dy", dy) / _variance(var)) * (mean - target))


def _sigmoid(x: np.ndarray) -> np.ndarray:
    e = np.asarray(np.exp(-np.abs(x)))
    return np.divide(np.where(x >= 0, x.dtype.type(1), e), 1 + e, out=e)


def _variance(var: float) -> float:
    if not 0 < number("var", var) < math.inf:
        raise ValueError(f"var: expected a finite number > 0, got {var!r}")
    return float(var)


def _times_transposed(x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """x weight^T. For few rows of x, BLAS computes the transpose, weight x^T, up to twice as fast."""
    y = empty((len(x), len(weight)), x.dtype)
    if len(x) > FEW_ROWS:
        return np.matmul(x, weight.T, out=y)
    y[...] = np.matmul(weight, x.T, out=empty(y.T.shape, x.dtype)).T
    return y


def _transposed_geometry(
    x: np.ndarray, weight: np.ndarray, stride: IntOrPair, padding: IntOrPair, output_padding: IntOrPair
) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]]:
    stride, padding = pair("stride", stride, 1), pair("padding", padding, 0)
    extra = pair("output_padding", output_padding, 0)
    if extra[0] >= stride[0] or extra[1] >= stride[1]:
        raise ValueError(f"output_padding: expected less than the stride {stride}, got {extra}")
    (H, W), (KH, KW) = x.shape[2:], weight.shape[2:]
    OH = (H - 1) * stride[0] - 2 * padding[0] + KH + extra[0]
    OW = (W - 1) * stride[1] - 2 * padding[1] + KW + extra[1]
    if OH < 1 or OW < 1:
        raise ValueError(f"padding: expected an output of at least 1x1 for x of {H}x{W}, got {OH}x{OW} with {padding}")
    return stride, padding, (OH, OW)


def _add_bias(y: np.ndarray, bias: np.ndarray | None) -> np.ndarray:
    return y if bias is None else np.add(y, bias[:, None, None], out=y)


def _sum_over_pixels(dy: np.ndarray) -> np.ndarray:
    pixels = dy.transpose(0, 2, 3, 1).reshape(-1, dy.shape[1])
    return np.ones(len(pixels), dy.dtype) @ pixels


def _empty_like(x: np.ndarray) -> np.ndarray:
    """An uninitialised array of x's shape and memory order, so that elementwise operations read memory in order."""
    if x.ndim == 4 and not x.flags.c_contiguous:
        N, C, H, W = x.shape
        return empty((N, H, W, C), x.dtype).transpose(0, 3, 1, 2)
    return empty(x.shape, x.dtype)
