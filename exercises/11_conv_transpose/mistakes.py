"""Wrong sizes and wrong transposed convolutions, each with the number that shows it."""

import numpy as np

from exercises.kit.exercise import Mistake

# Sizes


def _size(name, explanation, formula):
    return Mistake(
        name,
        {"output_size": lambda size, kernel, stride, padding, extra: formula(size, kernel, stride, padding, extra)},
        explanation,
    )


SIZES = (
    _size(
        "output_size forgets output_padding",
        "{got} instead of {expected}: the smallest size that fits. output_padding chooses a larger one.",
        lambda n, k, s, p, extra: (n - 1) * s - 2 * p + k,
    ),
    _size(
        "output_size of the convolution",
        "{got} instead of {expected}: that is the way down, (size + 2 padding - kernel) // stride + 1. "
        "Solve it for size.",
        lambda n, k, s, p, extra: (n + 2 * p - k) // s + 1,
    ),
    _size(
        "size times stride",
        "{got} instead of {expected}: right for the decoder's kernel 3, stride 2, padding 1 and output_padding 1, "
        "which were chosen for it; not in general.",
        lambda n, k, s, p, extra: n * s,
    ),
    _size(
        "size instead of size - 1",
        "{got} instead of {expected}: `stride` too many. Between 7 stamps lie 6 steps.",
        lambda n, k, s, p, extra: n * s - 2 * p + k + extra,
    ),
    _size(
        "padding added instead of taken away",
        "{got} instead of {expected}: 4 · padding too many. The convolution's input grows by padding, so here "
        "the output shrinks.",
        lambda n, k, s, p, extra: (n - 1) * s + 2 * p + k + extra,
    ),
    _size(
        "padding taken away on one side only",
        "{got} instead of {expected}: padding has two sides, so 2 · padding goes.",
        lambda n, k, s, p, extra: (n - 1) * s - p + k + extra,
    ),
    _size(
        "output_size forgets the kernel",
        "{got} instead of {expected}: the last stamp is as long as the kernel.",
        lambda n, k, s, p, extra: (n - 1) * s - 2 * p + 1 + extra,
    ),
    _size(
        "kernel - 1 instead of kernel",
        "{got} instead of {expected}: one too few. (The form with dilation, (kernel - 1) · dilation, ends in + 1.)",
        lambda n, k, s, p, extra: (n - 1) * s - 2 * p + k - 1 + extra,
    ),
    _size(
        "output_size counts output_padding twice",
        "{got} instead of {expected}: padding has two sides, output_padding only one.",
        lambda n, k, s, p, extra: (n - 1) * s - 2 * p + k + 2 * extra,
    ),
)


def _smallest(size, kernel, stride, padding):
    return (size - 1) * stride - 2 * padding + kernel


def _inputs(name, explanation, function):
    return Mistake(name, {"input_sizes": lambda *arguments: np.array(function(*arguments))}, explanation)


INPUTS = (
    _inputs(
        "only the smallest input size",
        "The result is one size. The division by the stride rounds down, so `stride` sizes in a row give the same one.",
        lambda *arguments: [_smallest(*arguments)],
    ),
    _inputs(
        "input sizes from 1 on",
        "{got} instead of {expected}: output_padding begins at 0; counting from 1 leaves the smallest size out.",
        lambda n, k, s, p: _smallest(n, k, s, p) + np.arange(1, s + 1),
    ),
    _inputs(
        "one input size too many",
        "`stride` sizes share one result; the next one after them makes a row more.",
        lambda n, k, s, p: _smallest(n, k, s, p) + np.arange(s + 1),
    ),
    _inputs(
        "largest input size first",
        "{got} instead of {expected}: the right sizes in the other order. Entry k belongs to output_padding = k.",
        lambda n, k, s, p: _smallest(n, k, s, p) + np.arange(s)[::-1],
    ),
    _inputs(
        "input sizes without padding",
        "{got} instead of {expected}: 2 · padding too large. The convolution adds that much by itself.",
        lambda n, k, s, p: _smallest(n, k, s, 0) + np.arange(s),
    ),
    _inputs(
        "input sizes downwards from the smallest",
        "{got} instead of {expected}: an input smaller than the smallest lacks a row of the output; a larger "
        "one leaves a remainder, which is dropped.",
        lambda n, k, s, p: _smallest(n, k, s, p) + np.arange(1 - s, 1),
    ),
)


# Transposed convolutions


def canvas_of(x, weight, stride, extra=0):
    """All stamps, before anything is cut off: (H - 1) * stride + KH + extra rows."""
    (N, _, H, W), (_, O, KH, KW) = x.shape, weight.shape
    canvas = np.zeros((N, O, (H - 1) * stride + KH + extra, (W - 1) * stride + KW + extra))
    for i in range(KH):
        for j in range(KW):
            stamps = np.einsum("nchw,co->nohw", x, weight[:, :, i, j])
            canvas[:, :, i : i + stride * H : stride, j : j + stride * W : stride] += stamps
    return canvas


def crop(canvas, padding):
    """Without `padding` rows and columns on every side."""
    return canvas[:, :, padding : canvas.shape[2] - padding, padding : canvas.shape[3] - padding]


def stamped(x, weight, bias, stride, padding, output_padding):
    """The right one, in terms of the two above."""
    return crop(canvas_of(x, weight, stride, output_padding), padding) + bias[:, None, None]


def _overwritten(x, weight, bias, stride, padding, output_padding):
    (H, W), (KH, KW) = x.shape[2:], weight.shape[2:]
    canvas = np.zeros_like(canvas_of(x, weight, stride, output_padding))
    for p in range(H):
        for q in range(W):
            patch = np.einsum("nc,cohw->nohw", x[:, :, p, q], weight)
            canvas[:, :, p * stride : p * stride + KH, q * stride : q * stride + KW] = patch
    return crop(canvas, padding) + bias[:, None, None]


def _weight_read_as_oi(x, weight, bias, stride, padding, output_padding):
    return stamped(x, weight.swapaxes(0, 1), bias, stride, padding, output_padding)


def _bias_with_every_stamp(x, weight, bias, stride, padding, output_padding):
    stamps = canvas_of(np.ones_like(x[:, :1]), np.ones_like(weight[:1]), stride, output_padding)
    return crop(canvas_of(x, weight, stride, output_padding) + stamps * bias[:, None, None], padding)


def _overlaps_averaged(x, weight, bias, stride, padding, output_padding):
    stamps = canvas_of(np.ones_like(x[:, :1]), np.ones_like(weight[:1]), stride, output_padding)
    average = canvas_of(x, weight, stride, output_padding) / np.maximum(stamps, 1)
    return crop(average, padding) + bias[:, None, None]


def _at_the_end(y, extra):
    return np.pad(y, ((0, 0), (0, 0), (0, extra), (0, extra)))


def _at_the_start(y, extra):
    return np.pad(y, ((0, 0), (0, 0), (extra, 0), (extra, 0)))


def _cut(x, weight, bias, stride, padding, output_padding, *, start):
    """`start` rows and columns off at the top and left, the rest of 2 * padding at the bottom and right."""
    canvas = canvas_of(x, weight, stride, output_padding)
    end = 2 * padding - start
    return canvas[:, :, start : canvas.shape[2] - end, start : canvas.shape[3] - end] + bias[:, None, None]


def _wrapped(x, weight, bias, stride, padding, output_padding):
    """Index -1 is the last row, so that rows above the output are added at the bottom."""
    canvas = canvas_of(x, weight, stride, output_padding)
    y = crop(canvas, padding).copy()
    for a in range(canvas.shape[2] - padding):
        for b in range(canvas.shape[3] - padding):
            if a < padding or b < padding:
                y[:, :, a - padding, b - padding] += canvas[:, :, a, b]
    return y + bias[:, None, None]


def _wrong(name, explanation, function):
    return Mistake(name, {"conv_transpose2d": function}, explanation)


STAMPS = (
    _wrong(
        "the stamp is the kernel turned by half a turn",
        "{got} instead of {expected}: the stamp is the kernel as it is. A convolution of the stretched image turns it, "
        "so that way of writing this needs weight[:, :, ::-1, ::-1]; stamps on a canvas do not.",
        lambda x, weight, bias, *options: stamped(x, weight[:, :, ::-1, ::-1], bias, *options),
    ),
    _wrong(
        "overlapping stamps overwrite each other",
        "{got} instead of {expected}: where two stamps meet, their sum is wanted (3 + 10 = 13), not the last (10).",
        _overwritten,
    ),
    _wrong(
        "overlapping stamps are averaged",
        "{got} instead of {expected}: where two stamps meet, they add up (3 + 10 = 13); nothing is divided.",
        _overlaps_averaged,
    ),
    _wrong(
        "stride is ignored",
        "The second stamp lands one pixel after the first, not `stride` pixels: the output is hardly larger than x.",
        lambda x, weight, bias, stride, padding, extra: stamped(x, weight, bias, 1, padding, extra),
    ),
    _wrong(
        "`stride` zeros between the pixels",
        "Between two pixels of the stretched image there are stride - 1 zeros: the next pixel is `stride` further.",
        lambda x, weight, bias, stride, padding, extra: stamped(x, weight, bias, stride + 1, padding, extra),
    ),
    _wrong(
        "pixels repeated instead of zeros between them",
        "Each pixel stamps once. Repeating it stride × stride times is another layer: nearest-neighbour upsampling, "
        "then a convolution.",
        lambda x, weight, bias, stride, padding, extra: (
            crop(canvas_of(x.repeat(stride, 2).repeat(stride, 3), weight, 1), padding) + bias[:, None, None]
        ),
    ),
    _wrong(
        "kernel's rows and columns exchanged",
        "weight is (I, O, KH, KW): rows before columns. With a kernel that is not square the shape shows it.",
        lambda x, weight, bias, *options: stamped(x, weight.swapaxes(2, 3), bias, *options),
    ),
    _wrong(
        "weight read as (O, I, KH, KW)",
        "The input channels are first here: weight is (I, O, KH, KW). It is the weight of the convolution that is "
        "transposed, and that one has O input channels and I outputs.",
        _weight_read_as_oi,
    ),
)

CUTTING = (
    _wrong(
        "result not cropped",
        "The shape is too large by `padding` on every side: padding, which a convolution adds, is cut off here.",
        lambda x, weight, bias, stride, padding, extra: canvas_of(x, weight, stride, extra) + bias[:, None, None],
    ),
    _wrong(
        "everything cropped at the bottom and right",
        "{got} instead of {expected}: the shape is right, the content shifted. `padding` goes on every side, not "
        "twice that at the bottom and right.",
        lambda *arguments: _cut(*arguments, start=0),
    ),
    _wrong(
        "everything cropped at the top and left",
        "{got} instead of {expected}: the shape is right, the content shifted. `padding` goes on every side, not "
        "twice that at the top and left.",
        lambda *arguments: _cut(*arguments, start=2 * arguments[4]),
    ),
    _wrong(
        "rows beyond the border wrap around",
        "{got} instead of {expected}: row -1 of an array is its last one. What lies above the output or left of it "
        "must be dropped, not written there.",
        _wrapped,
    ),
    _wrong(
        "padding added to x",
        "The shape grows with padding; it has to shrink: what the convolution adds around its input, its adjoint "
        "removes from its output.",
        lambda x, weight, bias, stride, padding, extra: (
            canvas_of(np.pad(x, ((0, 0), (0, 0), (padding,) * 2, (padding,) * 2)), weight, stride, extra)
            + bias[:, None, None]
        ),
    ),
    _wrong(
        "output_padding is ignored",
        "One row and one column too few, as in 13 × 13 instead of 14 × 14: of the sizes that the convolution maps to "
        "x's size, output_padding chooses a larger one.",
        lambda x, weight, bias, stride, padding, extra: stamped(x, weight, bias, stride, padding, 0),
    ),
    _wrong(
        "output_padding appends zeros",
        "{got} instead of {expected}: the extra row and column are not padding. Stamps reach there too, and "
        "so does the bias: cut less off the canvas.",
        lambda x, weight, bias, stride, padding, extra: _at_the_end(
            stamped(x, weight, bias, stride, padding, 0), extra
        ),
    ),
    _wrong(
        "output_padding's row holds the bias alone",
        "{got} instead of {expected}: stamps reach into the extra row and column too: cut less off the canvas "
        "instead of appending to it.",
        lambda x, weight, bias, stride, padding, extra: (
            _at_the_end(crop(canvas_of(x, weight, stride), padding), extra) + bias[:, None, None]
        ),
    ),
    _wrong(
        "output_padding at the top and left",
        "{got} instead of {expected}: the extra row and column lie at the bottom and on the right; the rest "
        "stays where it was.",
        lambda x, weight, bias, stride, padding, extra: (
            crop(_at_the_start(canvas_of(x, weight, stride), extra), padding) + bias[:, None, None]
        ),
    ),
    _wrong(
        "output_padding on both sides",
        "The shape is larger by 2 · output_padding: it counts once, at the bottom and on the right.",
        lambda x, weight, bias, stride, padding, extra: (
            crop(_at_the_start(canvas_of(x, weight, stride, extra), extra), padding) + bias[:, None, None]
        ),
    ),
    _wrong(
        "bias is missing",
        "{got} instead of {expected}: every value lacks its channel's bias, added once at the end.",
        lambda x, weight, bias, *options: stamped(x, weight, np.zeros_like(bias), *options),
    ),
    _wrong(
        "bias added with every stamp",
        "{got} instead of {expected}: where stamps overlap, the bias counts more than once. Add it at the end.",
        _bias_with_every_stamp,
    ),
)


MISTAKES = SIZES + INPUTS + STAMPS + CUTTING
