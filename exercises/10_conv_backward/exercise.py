"""Exercise 10: the backward pass of a convolution, one gradient at a time."""

import numpy as np

from exercises.kit.exercise import Exercise, Hints, call, normal
from numpy_impl.convolution import correlate_weight, spread
from numpy_impl.functional import conv2d_backward, conv2d_parameters_backward

from .mistakes import MISTAKES

N, C, O, KERNEL = 3, 5, 7, (3, 4)  # small enough for loops over single pixels


def conv2d_dbias(dy):
    """The rung's, for a kernel of one pixel: then x has the size of y."""
    return conv2d_parameters_backward(dy, dy, np.zeros((dy.shape[1], dy.shape[1], 1, 1)))[1]


def conv2d_dweight(dy, x, kernel_size, stride, padding):
    """The rung's; the kernel itself is not needed."""
    return correlate_weight(x, dy, kernel_size, (stride, stride), (padding, padding))


def conv2d_dx(dy, weight, image_size, stride, padding):
    """The rung's; the images themselves are not needed."""
    return spread(dy, weight, image_size, (stride, stride), (padding, padding))


def dweight_by_window(dy, x, kernel_size, stride, padding):
    """Adds for each output pixel its window, times its dy."""
    (_, O, OH, OW), (KH, KW) = dy.shape, kernel_size
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    dweight = np.zeros((O, x.shape[1], KH, KW))
    for p in range(OH):
        for q in range(OW):
            window = x[:, :, stride * p : stride * p + KH, stride * q : stride * q + KW]
            dweight += np.einsum("no,ncij->ocij", dy[:, :, p, q], window)
    return dweight


def dx_by_window(dy, weight, image_size, stride, padding):
    """Adds for each output pixel the kernel, times its dy, to its window."""
    (N, _, OH, OW), (_, C, KH, KW) = dy.shape, weight.shape
    H, W = image_size
    canvas = np.zeros((N, C, H + 2 * padding, W + 2 * padding))
    for p in range(OH):
        for q in range(OW):
            window = canvas[:, :, stride * p : stride * p + KH, stride * q : stride * q + KW]
            window += np.einsum("no,ocij->ncij", dy[:, :, p, q], weight)
    return canvas[:, :, padding : padding + H, padding : padding + W]


def dx_as_a_convolution(dy, weight, image_size, stride, padding):
    """dy with zeros between its pixels and around it, correlated with the kernel turned by half a turn."""
    (N, O, OH, OW), (_, _, KH, KW) = dy.shape, weight.shape
    H, W = image_size
    sparse = np.zeros((N, O, H + 2 * padding + KH - 1, W + 2 * padding + KW - 1))
    sparse[:, :, KH - 1 : KH - 1 + stride * OH : stride, KW - 1 : KW - 1 + stride * OW : stride] = dy
    windows = np.lib.stride_tricks.sliding_window_view(sparse, (KH, KW), axis=(2, 3))
    canvas = np.einsum("nohwij,ocij->nchw", windows, weight[:, :, ::-1, ::-1], optimize=True)
    return canvas[:, :, padding : padding + H, padding : padding + W]


def where_x_is_seen(size, kernel, outputs, stride, padding):
    """T[h, p, i]: 1 where output p depends on pixel h through the kernel's entry i, along one axis."""
    h, p, i = np.ogrid[:size, :outputs, :kernel]
    return (h == stride * p + i - padding).astype(float)


def dweight_by_tables(dy, x, kernel_size, stride, padding):
    """The sum over all indices as in the formula, with a table of which output depends on which pixel."""
    rows = where_x_is_seen(x.shape[2], kernel_size[0], dy.shape[2], stride, padding)
    columns = where_x_is_seen(x.shape[3], kernel_size[1], dy.shape[3], stride, padding)
    return np.einsum("nopq,nchw,hpi,wqj->ocij", dy, x, rows, columns, optimize=True)


def dx_by_tables(dy, weight, image_size, stride, padding):
    """The same sum, with the kernel in it and the images left out."""
    rows = where_x_is_seen(image_size[0], weight.shape[2], dy.shape[2], stride, padding)
    columns = where_x_is_seen(image_size[1], weight.shape[3], dy.shape[3], stride, padding)
    return np.einsum("nopq,ocij,hpi,wqj->nchw", dy, weight, rows, columns, optimize=True)


def image(rows):
    """One image of one channel, or a kernel of one."""
    return np.array([[rows]], dtype=float)


def pixel(*channels):
    """One image of one pixel."""
    return np.array(channels, dtype=float).reshape(1, -1, 1, 1)


def random_dweight(name, size, outputs, stride, padding):
    dy, x = normal(N, O, *outputs), normal(N, C, *size)
    return call("conv2d_dweight", name, dy=dy, x=x, kernel_size=KERNEL, stride=stride, padding=padding)


def random_dx(name, size, outputs, stride, padding):
    dy, weight = normal(N, O, *outputs), normal(O, C, *KERNEL)
    return call("conv2d_dx", name, dy=dy, weight=weight, image_size=size, stride=stride, padding=padding)


def hand_dweight(name, dy, x, kernel_size, stride, padding):
    return call(
        "conv2d_dweight", name, dy=image(dy), x=image(x), kernel_size=kernel_size, stride=stride, padding=padding
    )


def hand_dx(name, dy, weight, image_size, stride, padding):
    return call(
        "conv2d_dx", name, dy=image(dy), weight=image(weight), image_size=image_size, stride=stride, padding=padding
    )


GEOMETRIES = (
    # name, image, output, stride, padding; the kernel is 3 × 4
    ("stride 1, padding 2", (4, 7), (6, 8), 1, 2),
    ("stride 2, padding 0: the last row is in no window", (10, 12), (4, 5), 2, 0),
    ("stride 2, padding 1, a row left over", (8, 12), (4, 6), 2, 1),
    ("stride 3, padding 1, two rows left over", (12, 14), (4, 5), 3, 1),
)
PADDED_KERNEL = [[7, 1, 8], [9, 2, 7], [8, 3, 9]]  # over an image of one column, only the middle column counts

probes = (
    call("conv2d_dbias", "one image, two outputs", dy=np.array([[[[1.0, 10.0]], [[2.0, 20.0]]]])),
    call("conv2d_dbias", "three images of one pixel", dy=np.array([1.0, 10.0, 100.0]).reshape(3, 1, 1, 1)),
    call("conv2d_dbias", "random numbers", dy=normal(N, O, 5, 4)),
    hand_dweight("one window", [[1]], [[1, 2, 3], [4, 5, 6]], (2, 3), 1, 0),
    hand_dweight("two windows, stride 2", [[1, 10]], [[1, 2, 3, 4, 5, 6]], (1, 3), 2, 0),
    hand_dweight("padding 1", [[1], [10]], [[1, 2], [3, 4], [5, 6]], (2, 3), 2, 1),
    call(
        "conv2d_dweight",
        "one pixel, three channels to two, as in exercise 08",
        dy=pixel(1, 10),
        x=pixel(1, 2, 3),
        kernel_size=(1, 1),
        stride=1,
        padding=0,
    ),
    *(random_dweight(*geometry) for geometry in GEOMETRIES),
    hand_dx("one window", [[1]], [[1, 2, 3], [4, 5, 6]], (2, 3), 1, 0),
    hand_dx("two windows that overlap", [[1, 10]], [[1, 2]], (1, 3), 1, 0),
    hand_dx("stride 2, the last pixel is in no window", [[1, 10]], [[1, 2, 3]], (1, 6), 2, 0),
    hand_dx("stride 2, padding 1", [[1], [10], [100]], PADDED_KERNEL, (6, 1), 2, 1),
    call(
        "conv2d_dx",
        "one pixel, three channels to two, as in exercise 08",
        dy=pixel(1, 10),
        weight=np.array([[1.0, 0, -1], [2, 1, 0]]).reshape(2, 3, 1, 1),
        image_size=(1, 1),
        stride=1,
        padding=0,
    ),
    *(random_dx(*geometry) for geometry in GEOMETRIES),
)

hints = Hints(
    idea="Every output pixel is a linear layer of its own: its input is one window of the padded image, and all "
    "windows share one kernel. So go through the output pixels as exercise 08 goes through the images. For "
    "dweight, add up the windows, each times its dy. For dx, add dy times the kernel to a canvas, at the place "
    "where that window was.",
    formula="With a padded image, output (p, q) sees the rows stride·p to stride·p + KH - 1, and columns likewise. "
    "dweight[o, c] = Σ over n, p, q of dy[n, o, p, q] · window[n, c]. canvas[n, c, window] += dy[n, o, p, q] · "
    "weight[o, c], summed over o. The canvas is as large as the padded image; dx is what is left without its border.",
    line="In the loop over p and q, with s = stride: window = padded[:, :, s*p : ..., s*q : ...]; then "
    'dweight += np.einsum("no,ncij->...", dy[:, :, p, q], window), and for dx '
    'canvas[...the same window...] += np.einsum("no,ocij->...", dy[:, :, p, q], weight). '
    "At the end: canvas[:, :, padding : padding + ..., ...].",
)

exercise = Exercise(
    solution={"conv2d_dbias": conv2d_dbias, "conv2d_dweight": conv2d_dweight, "conv2d_dx": conv2d_dx},
    sources=(conv2d_backward, correlate_weight, spread),
    probes=probes,
    hints=hints,
    model_answer=(
        "Only dweight needs x, only dx needs weight, and dbias needs neither. A pixel of x that lies in no window "
        "has the gradient 0: with a kernel of 3 and stride 2, the last row of 28 rows without padding. With "
        "padding 1 the row left over is one of the padding."
    ),
    mistakes=MISTAKES,
    alternatives=(
        {
            "conv2d_dbias": lambda dy: dy.sum(axis=(0, 2, 3)),
            "conv2d_dweight": dweight_by_window,
            "conv2d_dx": dx_by_window,
        },
        {
            "conv2d_dbias": lambda dy: np.einsum("nopq->o", dy),
            "conv2d_dweight": dweight_by_tables,
            "conv2d_dx": dx_by_tables,
        },
        {"conv2d_dx": dx_as_a_convolution},
    ),
)
