"""Wrong gradients of a convolution's input, each with the numbers that give it away."""

import numpy as np

from exercises.kit.exercise import Mistake
from numpy_impl.convolution import spread


def _right(dy, weight, image_size, stride, padding):
    return spread(dy, weight, image_size, (stride, stride), (padding, padding))


def _canvas(dy, weight, image_size, stride, padding):
    """The gradient of the padded image, its border included."""
    H, W = image_size
    return spread(dy, weight, (H + 2 * padding, W + 2 * padding), (stride, stride), (0, 0))


def _crop(canvas, top, left, image_size):
    H, W = image_size
    return canvas[:, :, top : top + H, left : left + W].copy()


def _cropped_after(steps):
    """The canvas is right, but dx is cut out of it `steps` paddings from the top left corner."""

    def wrong(dy, weight, image_size, stride, padding):
        return _crop(_canvas(dy, weight, image_size, stride, padding), steps * padding, steps * padding, image_size)

    return wrong


def _cropped_by_one(dy, weight, image_size, stride, padding):
    return _canvas(dy, weight, image_size, stride, padding)[:, :, 1:-1, 1:-1].copy()


def _by_window(dy, weight, image_size, stride, padding, step=None, add=True):
    """Window by window on a canvas that is large enough for any `step` between windows."""
    step = stride if step is None else step
    (N, _, OH, OW), (_, C, KH, KW) = dy.shape, weight.shape
    H, W = image_size
    height, width = (max(size + 2 * padding, step * n + k) for size, n, k in ((H, OH, KH), (W, OW, KW)))
    canvas = np.zeros((N, C, height, width))
    for p in range(OH):
        for q in range(OW):
            window = canvas[:, :, step * p : step * p + KH, step * q : step * q + KW]
            share = np.einsum("no,ocij->ncij", dy[:, :, p, q], weight)
            window[...] = window + share if add else share
    return _crop(canvas, padding, padding, image_size)


def _size_without_the_rest(dy, weight, stride, padding):
    """The size an image would have if no row or column had been left over."""
    return tuple(stride * (n - 1) + k - 2 * padding for n, k in zip(dy.shape[2:], weight.shape[2:], strict=True))


def _rest_missing(dy, weight, image_size, stride, padding):
    return _right(dy, weight, _size_without_the_rest(dy, weight, stride, padding), stride, padding)


def _rest_zero(dy, weight, image_size, stride, padding):
    dx = _right(dy, weight, image_size, stride, padding)
    H, W = _size_without_the_rest(dy, weight, stride, padding)
    dx[:, :, H:], dx[:, :, :, W:] = 0, 0
    return dx


def _wrapping(dy, weight, image_size, stride, padding):
    """dx[h, w] += ... with an h and w that may be negative, where Python counts from the end."""
    (H, W), canvas = image_size, _canvas(dy, weight, image_size, stride, padding)
    rows, columns = np.arange(-padding, H), np.arange(-padding, W)
    dx = np.zeros((*canvas.shape[:2], H, W))
    np.add.at(dx, (slice(None), slice(None), rows[:, None], columns), canvas[:, :, : len(rows), : len(columns)])
    return dx


def _reshaped(weight):
    """The channels exchanged by a reshape where a transposition was due, and the shape made to fit again."""
    O, C, KH, KW = weight.shape
    return weight.reshape(C, O, KH, KW).swapaxes(0, 1)


def _dx(name, wrong, tell):
    return Mistake(name, {"conv2d_dx": wrong}, tell)


DX = (
    _dx(
        "kernel flipped in dx",
        lambda dy, weight, *others: _right(dy, weight[:, :, ::-1, ::-1], *others),
        "With one window and dy = 1, dx is the kernel itself; here it is turned by half a turn. If you correlate a "
        "padded dy with the kernel, it is there that the kernel has to be turned: weight[:, :, ::-1, ::-1].",
    ),
    _dx(
        "dx not cropped",
        _canvas,
        "That is the gradient of the padded image, 2·padding larger in both directions. The border belongs to nobody: "
        "cut it off.",
    ),
    _dx(
        "dx cropped at the bottom and right only",
        _cropped_after(0),
        "Right without padding. With padding 1 the canvas begins one row above the image; [:H, :W] keeps that row. "
        "dx is canvas[padding : padding + H], and columns likewise.",
    ),
    _dx(
        "dx cropped at the top and left only",
        _cropped_after(2),
        "Right without padding. With padding 1, one row is cut off at the top and one at the bottom; here two went "
        "at the top.",
    ),
    _dx(
        "dx cropped by 1, whatever the padding",
        _cropped_by_one,
        "The border is as wide as `padding` says: [1:-1] is right only for padding 1 ([0:-0] would be empty for 0).",
    ),
    _dx(
        "stride ignored in dx",
        lambda *arguments: _by_window(*arguments, step=1),
        "Right for stride 1. The windows of the forward pass began at 0 and 2, so 10 · [1 2 3] belongs at 2, not at 1.",
    ),
    _dx(
        "stride zeros between the pixels of dy",
        lambda dy, weight, image_size, stride, padding: _by_window(
            dy, weight, image_size, stride, padding, step=stride + 1
        ),
        "The windows lie stride + 1 apart. To make neighbours of dy stand `stride` apart takes stride - 1 zeros "
        "between them.",
    ),
    _dx(
        "overlapping windows overwrite each other",
        lambda *arguments: _by_window(*arguments, add=False),
        "Where two windows overlap, the last one has won: the middle pixel is 1·2 + 10·1 = 12, not 10. "
        "Write canvas[...] += ..., not =.",
    ),
    _dx(
        "the left-over row is missing",
        _rest_missing,
        "(OH - 1)·stride + KH - 2·padding is not H where the stride left a row over. "
        "This is why `image_size` is given.",
    ),
    _dx(
        "the left-over row filled with zeros",
        _rest_zero,
        "The last pixel gets 100 · 3 from the kernel's last row, and here it is 0. With padding, windows may reach "
        "further than (OH - 1)·stride + KH - 2·padding. Crop the canvas; don't stretch the result.",
    ),
    _dx(
        "negative indices wrap around in dx",
        _wrapping,
        "Right without padding. What falls above the image belongs to nobody; at index -1, Python has added it to "
        "the last row.",
    ),
    _dx(
        "weight reshaped to swap in and out",
        lambda dy, weight, *others: _right(dy, _reshaped(weight), *others),
        "dx is 1 · [1 0 -1] + 10 · [2 1 0]. Here channels got one another's numbers: weight.swapaxes(0, 1) and reshape "
        "are different things, a reshape keeps the numbers in their old order.",
    ),
    _dx(
        "dy ignored in dx",
        lambda dy, *others: _right(np.ones_like(dy), *others),
        "What comes out for a dy of all ones: [1 2+1 2] instead of [1 2+10 20]. Each window counts as much as its dy.",
    ),
    _dx(
        "dx divided by N",
        lambda dy, *others: _right(dy, *others) / len(dy),
        "With one image all is right; with three, all is a third. The 1/N of the loss is already in dy, and "
        "images share their pixels with nobody.",
    ),
    _dx(
        "dx averaged over the output channels",
        lambda dy, *others: _right(dy, *others) / dy.shape[1],
        "With one output channel all is right; with two, all is half of 1 · [1 0 -1] + 10 · [2 1 0]. A pixel goes into "
        "every output channel, so it gets the sum of what comes back.",
    ),
    _dx(
        "dx of the last output channel only",
        lambda dy, weight, *others: _right(dy[:, -1:], weight[-1:], *others),
        "10 · [2 1 0] alone; 1 · [1 0 -1] of the first output channel is missing. In a loop over channels, the shares "
        "are added (+=), not overwritten (=).",
    ),
    _dx(
        "minus dx",
        lambda *arguments: -_right(*arguments),
        "Every number has the other sign. The minus of gradient descent belongs to the optimiser's step.",
    ),
)
