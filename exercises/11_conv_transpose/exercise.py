"""Exercise 11: the transposed convolution, its output size and the meaning of output_padding."""

import numpy as np

from exercises.kit.exercise import Exercise, Hints, Probe, call, normal
from numpy_impl.functional import conv2d, conv_transpose2d

from .mistakes import MISTAKES, crop, stamped

SHAPE, KERNEL = (3, 5, 4, 7), (5, 2, 4, 3)  # N I H W and I O KH KW: no two neighbours alike
UP = {"stride": 2, "padding": 1, "output_padding": 1}  # as in the rungs' decoder
THREE_BY_FOUR = np.arange(1.0, 13).reshape(1, 1, 3, 4)


def output_size(size, kernel, stride, padding, output_padding):
    """The shape that the rung's function gives an image of `size` rows and one column."""
    image, weight = np.zeros((1, 1, size, 1)), np.zeros((1, 1, kernel, 1))
    return conv_transpose2d(image, weight, None, (stride, 1), (padding, 0), (output_padding, 0)).shape[2]


def input_sizes(size, kernel, stride, padding):
    """One size for each output_padding."""
    return np.array([output_size(size, kernel, stride, padding, extra) for extra in range(stride)])


def input_sizes_by_trial(size, kernel, stride, padding):
    """Convolve images of every size and keep those that give `size` rows."""
    weight = np.zeros((1, 1, kernel, 1))
    sizes = range(max(1, kernel - 2 * padding), stride * size + kernel)
    rows = [conv2d(np.zeros((1, 1, n, 1)), weight, None, (stride, 1), (padding, 0)).shape[2] for n in sizes]
    return np.array([n for n, outputs in zip(sizes, rows, strict=True) if outputs == size])


def by_stretching(x, weight, bias, stride, padding, output_padding):
    """A convolution of the stretched image, zeros between its pixels, with the kernel turned by 180 degrees."""
    (N, I, H, W), (KH, KW) = x.shape, weight.shape[2:]
    stretched = np.zeros((N, I, (H - 1) * stride + 1, (W - 1) * stride + 1))
    stretched[:, :, ::stride, ::stride] = x
    edges = [(k - 1 - padding, k - 1 - padding + output_padding) for k in (KH, KW)]
    turned = weight[:, :, ::-1, ::-1].swapaxes(0, 1)
    return conv2d(np.pad(stretched, ((0, 0), (0, 0), *edges)), np.ascontiguousarray(turned), bias)


def by_transposing(x, weight, bias, stride, padding, output_padding):
    """The matrix of the convolution, made by convolving every unit image, transposed."""
    O, (OH, OW) = (
        len(bias),
        [
            (n - 1) * stride - 2 * padding + k + output_padding
            for n, k in zip(x.shape[2:], weight.shape[2:], strict=True)
        ],
    )
    units = np.eye(O * OH * OW).reshape(-1, O, OH, OW)
    matrix = conv2d(units, weight, None, stride, padding).reshape(len(units), -1)
    return (x.reshape(len(x), -1) @ matrix.T).reshape(-1, O, OH, OW) + bias[:, None, None]


def by_loops(x, weight, bias, stride, padding, output_padding):
    """Pixel by pixel: each adds its multiple of the kernel to the canvas."""
    (N, _, H, W), (_, O, KH, KW) = x.shape, weight.shape
    canvas = np.zeros((N, O, (H - 1) * stride + KH + output_padding, (W - 1) * stride + KW + output_padding))
    for p in range(H):
        for q in range(W):
            patch = np.tensordot(x[:, :, p, q], weight, axes=1)
            canvas[:, :, p * stride : p * stride + KH, q * stride : q * stride + KW] += patch
    return crop(canvas, padding) + bias[None, :, None, None]


def _climb(answer, rng):
    """The decoder's two layers: 7 to 14 to 28."""
    h = rng.standard_normal((1, 3, 7, 7))
    shapes = []
    for channels in ((3, 2), (2, 1)):
        h = answer.conv_transpose2d(h, rng.standard_normal((*channels, 3, 3)), np.zeros(channels[1]), **UP)
        shapes.append(" × ".join(map(str, h.shape)))
    return {"first layer": shapes[0], "second layer": shapes[1]}


def _adjoint(answer, rng):
    """<conv2d(a), x> = <a, conv_transpose2d(x)>, whatever a and x are. A leftover row and column: output_padding 1."""
    weight, a, x = (rng.standard_normal(shape) for shape in (KERNEL, (3, 2, 9, 14), SHAPE))
    y = answer.conv_transpose2d(x, weight, np.zeros(2), **UP)
    left = np.sum(conv2d(a, weight, None, 2, 1) * x)
    return {"<conv2d(a), x>": float(left), "<a, conv_transpose2d(x)>": float(np.sum(a * y))}


def _integer(low, high):
    return lambda rng: int(rng.integers(low, high + 1))


def _sizes(name, size, kernel, stride, padding, output_padding):
    arguments = {"size": size, "kernel": kernel, "stride": stride, "padding": padding}
    return call("output_size", name, **arguments, output_padding=output_padding)


def _stamp(name, x, weight, bias, stride, padding, output_padding):
    options = {"stride": stride, "padding": padding, "output_padding": output_padding}
    return call("conv_transpose2d", name, x=x, weight=weight, bias=[bias], **options)


probes = (
    _sizes("7 rows, as in the decoder's first layer", 7, 3, 2, 1, 1),
    _sizes("14 rows, as in its second", 14, 3, 2, 1, 1),
    _sizes("no output_padding", 7, 3, 2, 1, 0),
    _sizes("a larger kernel, no padding", 4, 5, 2, 0, 1),
    _sizes("stride 3", 5, 4, 3, 1, 2),
    _sizes("random sizes", _integer(3, 11), _integer(5, 7), _integer(4, 6), _integer(1, 2), _integer(2, 3)),
    call("input_sizes", "which sizes become 7?", size=7, kernel=3, stride=2, padding=1),
    call("input_sizes", "stride 3", size=5, kernel=4, stride=3, padding=1),
    call(
        "input_sizes",
        "random sizes",
        size=_integer(3, 11),
        kernel=_integer(5, 7),
        stride=_integer(4, 6),
        padding=_integer(1, 2),
    ),
    _stamp("one pixel stamps the kernel", [[[[2]]]], [[[[1, 2, 3], [4, 5, 6]]]], 0, 1, 0, 0),
    _stamp("two pixels, 1 and 10, that overlap", [[[[1, 10]]]], [[[[1, 2, 3]]]], 0, 2, 0, 0),
    _stamp("padding, and a bias of 100", [[[[1, 10]]]], [[[[1, 2, 3], [4, 5, 6], [7, 8, 9]]]], 100, 2, 1, 0),
    _stamp("what lies in output_padding's row and column", [[[[1]]]], THREE_BY_FOUR, 100, 2, 1, 1),
    Probe("7 → 14 → 28: the shapes on the decoder's way up", _climb),
    Probe("the adjoint identity: <conv2d(a), x> = <a, conv_transpose2d(x)>", _adjoint),
    call("conv_transpose2d", "random images", x=normal(*SHAPE), weight=normal(*KERNEL), bias=normal(2), **UP),
    call(
        "conv_transpose2d",
        "stride 3, no padding",
        x=normal(*SHAPE),
        weight=normal(*KERNEL),
        bias=normal(2),
        stride=3,
        padding=0,
        output_padding=2,
    ),
)

hints = Hints(
    idea="Read the convolution backwards. There, an output pixel is a weighted sum of a patch of the input. "
    "Here, an input pixel is spread out: it stamps the kernel, multiplied by its own value, on a patch of the "
    "output; the next pixel stamps `stride` further on, and where stamps overlap they add up. Start from a canvas of "
    "zeros that has room for all stamps. Padding is the number of rows and columns cut off each side in the end.",
    formula="Rows of the canvas: (H - 1) stride + KH + output_padding; padding takes two times `padding` away. "
    "canvas[n, o, stride h + i, stride w + j] += x[n, c, h, w] weight[c, o, i, j], for all n, c, o, h, w, i, j. "
    "The convolution rounds down when it divides by the stride, so `stride` sizes give the same result.",
    line="For one entry (i, j) of the kernel, all pixels at once: canvas[:, :, i : i + ... : stride, j : ... : stride] "
    '+= np.einsum("nchw,co->nohw", x, ...). Cut, then add bias[:, None, None].',
)

exercise = Exercise(
    solution={"output_size": output_size, "input_sizes": input_sizes, "conv_transpose2d": conv_transpose2d},
    sources=(conv_transpose2d,),
    probes=probes,
    hints=hints,
    model_answer=(
        "1, 2, 13, 20, 30: the stamp (1, 2, 3) at place 0 and the stamp (10, 20, 30) at place 2, which overlap in "
        "the middle, where 3 + 10 = 13."
    ),
    mistakes=MISTAKES,
    alternatives=(
        {"conv_transpose2d": by_stretching},
        {"conv_transpose2d": by_transposing},
        {"conv_transpose2d": by_loops},
        {
            "output_size": lambda size, kernel, stride, padding, output_padding: (
                stride * (size - 1) - 2 * padding + kernel + output_padding
            ),
            "input_sizes": input_sizes_by_trial,
            "conv_transpose2d": stamped,
        },
        {
            "input_sizes": lambda size, kernel, stride, padding: (
                np.arange(stride) + stride * (size - 1) + kernel - 2 * padding
            )
        },
    ),
)
