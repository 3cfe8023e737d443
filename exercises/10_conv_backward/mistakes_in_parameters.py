"""Wrong gradients of a convolution's bias and kernel, each with the numbers that give it away."""

import numpy as np

from exercises.kit.exercise import Mistake
from numpy_impl.convolution import correlate_weight


def _dbias(name, wrong, tell):
    return Mistake(name, {"conv2d_dbias": wrong}, tell)


BIAS = (
    _dbias(
        "dbias divided by N",
        lambda dy: dy.sum(axis=(0, 2, 3)) / len(dy),
        "A third of 1 + 10 + 100. The 1/N of the loss is already in dy; every image used the bias, so the sum counts.",
    ),
    _dbias(
        "dbias averaged over images and pixels",
        lambda dy: dy.mean(axis=(0, 2, 3)),
        "{came} instead of {expected}: half, with two pixels. The bias was added to every pixel of every image, so its "
        "gradient is a sum.",
    ),
    _dbias(
        "dbias averaged over the pixels",
        lambda dy: dy.mean(axis=(2, 3)).sum(axis=0),
        "{came} instead of {expected}: summed over the images, but averaged over the two pixels. The bias was added to "
        "every pixel, so its gradient is a sum over pixels, too.",
    ),
    _dbias(
        "dbias not summed over the pixels",
        lambda dy: dy.sum(axis=0),
        "There is one bias for each output channel, not for each pixel. Sum over the axes 0, 2 and 3.",
    ),
    _dbias(
        "dbias not summed over the images",
        lambda dy: dy.sum(axis=(2, 3)),
        "One row per image came, but all images share the bias. Sum over axis 0 as well.",
    ),
    _dbias(
        "dbias of the first image only",
        lambda dy: dy[0].sum(axis=(1, 2)),
        "1 instead of 1 + 10 + 100: all images share the bias, so all of them add to its gradient.",
    ),
    _dbias(
        "dbias of the last image only",
        lambda dy: dy[-1].sum(axis=(1, 2)),
        "100 instead of 1 + 10 + 100: in a loop over images, the shares are added (+=), not overwritten (=).",
    ),
    _dbias(
        "dbias summed over the channels",
        lambda dy: dy.sum(axis=(1, 2, 3)),
        "One number per image came, one per output channel is asked for. Axis 1 is the one that stays.",
    ),
    _dbias(
        "dbias keeps the summed axes",
        lambda dy: dy.sum(axis=(0, 2, 3), keepdims=True),
        "The values are right, but bias has shape (O,), and so has its gradient: no keepdims here.",
    ),
    _dbias(
        "dbias summed over everything",
        lambda dy: dy.sum(),
        "{came} instead of {expected}: every output channel has its own bias, so axis 1 is not summed.",
    ),
    _dbias(
        "dbias without dy",
        lambda dy: np.full(dy.shape[1], float(dy[:, 0].size)),
        "2 for each output: that is how many pixels used the bias. Each counts as much as its dy says.",
    ),
)


def _pad(x, padding):
    return np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))


def _sum_of_windows(dy, padded, kernel_size, stride, first=0):
    """The sum of all windows from `first` on, each times its dy; beyond the image's end all is 0."""
    (KH, KW), (OH, OW) = kernel_size, dy.shape[2:]
    padded = np.pad(padded, ((0, 0), (0, 0), (0, KH + stride * OH), (0, KW + stride * OW)))
    dweight = np.zeros((dy.shape[1], padded.shape[1], KH, KW))
    for p in range(first, OH):
        for q in range(first, OW):
            window = padded[:, :, stride * p : stride * p + KH, stride * q : stride * q + KW]
            dweight += np.einsum("no,ncij->ocij", dy[:, :, p, q], window)
    return dweight


def _right(dy, x, kernel_size, stride, padding):
    return correlate_weight(x, dy, kernel_size, (stride, stride), (padding, padding))


def _last_window(dy, x, kernel_size, stride, padding):
    only = np.zeros_like(dy)
    only[:, :, -1, -1] = dy[:, :, -1, -1]
    return _right(only, x, kernel_size, stride, padding)


def _without_last_row_and_column(dy, x, kernel_size, stride, padding):
    dy = dy.copy()
    dy[:, :, -1] = dy[:, :, :, -1] = 0
    return _right(dy, x, kernel_size, stride, padding)


def _border_repeated(dy, x, kernel_size, stride, padding):
    around = ((0, 0), (0, 0), (padding, padding), (padding, padding))
    return _right(dy, np.pad(x, around, mode="edge"), kernel_size, stride, 0)


def _wrapping(dy, x, kernel_size, stride, padding):
    """x[h, w] with an h and w that may be negative, where Python counts from the end; beyond the end 0."""
    above, below = ((0, 0), (0, 0), (padding, 0), (padding, 0)), ((0, 0), (0, 0), (0, padding), (0, padding))
    return _right(dy, np.pad(np.pad(x, above, mode="wrap"), below), kernel_size, stride, 0)


def _reshaped(dweight):
    """A transposition done by reshaping: the right shape, the wrong order."""
    return np.ascontiguousarray(dweight.swapaxes(0, 1)).reshape(dweight.shape)


def _dweight(name, wrong, tell):
    return Mistake(name, {"conv2d_dweight": wrong}, tell)


WEIGHT = (
    _dweight(
        "dweight is flipped",
        lambda *arguments: _right(*arguments)[:, :, ::-1, ::-1],
        "With one window and dy = 1, dweight is the window itself; here it is turned by half a turn. Deep learning's "
        "convolution does not flip its kernel, so nothing is flipped on the way back either.",
    ),
    _dweight(
        "dweight has in and out exchanged",
        lambda *arguments: _right(*arguments).swapaxes(0, 1),
        "weight is (O, C, KH, KW), output channels first, and so is its gradient.",
    ),
    _dweight(
        "dweight reshaped to swap in and out",
        lambda *arguments: _reshaped(_right(*arguments)),
        "The shape fits, but [1 2 3] · 1 and [1 2 3] · 10 are mixed: reshape keeps the numbers in their old order. "
        "To exchange axes takes transpose, or the right letters in einsum.",
    ),
    _dweight(
        "dweight divided by N",
        lambda dy, *others: _right(dy, *others) / len(dy),
        "With one image all is right; with three, all is a third. The 1/N of the loss is already in dy; all images "
        "add to the gradient of the kernel that they share.",
    ),
    _dweight(
        "dweight averaged over the windows",
        lambda dy, *others: _right(dy, *others) / dy[0, 0].size,
        "With two windows, half of the sum. All windows share the kernel, so what they give is added, not averaged.",
    ),
    _dweight(
        "stride ignored in dweight",
        lambda dy, x, kernel_size, stride, padding: _sum_of_windows(dy, _pad(x, padding), kernel_size, 1),
        "The windows of the forward pass begin at 0 and 2; [1 2 3] + 10 · [3 4 5] is due. "
        "This has taken the second one at 1: 10 · [2 3 4].",
    ),
    _dweight(
        "no padding in dweight",
        lambda dy, x, kernel_size, stride, padding: _sum_of_windows(dy, x, kernel_size, stride),
        "Right without padding. With padding 1, the first window begins one row above and one column left of the "
        "image, in the zeros; this one begins in the image's corner.",
    ),
    _dweight(
        "padding doubled in dweight",
        lambda dy, x, kernel_size, stride, padding: _sum_of_windows(dy, _pad(x, 2 * padding), kernel_size, stride),
        "Right without padding. With padding 1, the first window begins one row above the image; this one begins two "
        "above. Pad by `padding` on each side, not by 2·padding.",
    ),
    _dweight(
        "padded with the border's values",
        _border_repeated,
        "Right without padding. The forward pass saw zeros around the image, not its border repeated.",
    ),
    _dweight(
        "negative indices wrap around in dweight",
        _wrapping,
        "Right without padding. Row -1 is above the image, where the forward pass saw 0; in Python, index -1 is the "
        "last row.",
    ),
    _dweight(
        "dy ignored in dweight",
        lambda dy, *others: _right(np.ones_like(dy), *others),
        "The plain sum of the windows, [1 2 3] + [3 4 5]. Each counts as much as its dy says: [1 2 3] + 10 · [3 4 5].",
    ),
    _dweight(
        "dweight of the last window only",
        _last_window,
        "10 · [3 4 5] alone; [1 2 3] is missing. In the loop, windows are added (+=), not overwritten (=).",
    ),
    _dweight(
        "dweight without the last row and column of windows",
        _without_last_row_and_column,
        "The last row and column of dy were never used, here the only one. range(OH) already ends with OH - 1.",
    ),
    _dweight(
        "dweight of the last image only",
        lambda dy, x, *others: _right(dy[-1:], x[-1:], *others),
        "With one image all is right; of three, only the last one is in there. In a loop over images, the shares are "
        "added (+=), not overwritten (=).",
    ),
    _dweight(
        "dweight summed over the input channels",
        lambda dy, x, *others: np.repeat(_right(dy, x.sum(axis=1, keepdims=True), *others), x.shape[1], axis=1),
        "Every channel got 1 + 2 + 3. weight[o, c] met channel c only, so only that channel of x is in its gradient.",
    ),
    _dweight(
        "minus dweight",
        lambda *arguments: -_right(*arguments),
        "Every number has the other sign. The minus of gradient descent belongs to the optimiser's step.",
    ),
)


PARAMETERS = BIAS + WEIGHT
