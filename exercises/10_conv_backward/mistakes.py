"""Wrong gradients of a convolution's bias, kernel and input, each with the numbers that show it."""

import numpy as np

from exercises.kit.exercise import Mistake
from numpy_impl.convolution import correlate_weight, spread

# Bias and kernel


def _dbias(name, wrong, explanation):
    return Mistake(name, {"conv2d_dbias": wrong}, explanation)


BIAS = (
    _dbias(
        "dbias divided by N",
        lambda dy: dy.sum(axis=(0, 2, 3)) / len(dy),
        "A third of 1 + 10 + 100. The 1/N of the loss is already in dy; every image used the bias, so the sum counts.",
    ),
    _dbias(
        "dbias averaged over images and pixels",
        lambda dy: dy.mean(axis=(0, 2, 3)),
        "{got} instead of {expected}: half, with two pixels. The bias was added to every pixel of every image, so its "
        "gradient is a sum.",
    ),
    _dbias(
        "dbias averaged over the pixels",
        lambda dy: dy.mean(axis=(2, 3)).sum(axis=0),
        "{got} instead of {expected}: summed over the images, but averaged over the two pixels. The bias was added to "
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
        "The result has one row per image, but all images share the bias. Sum over axis 0 as well.",
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
        "The result is one number per image, one per output channel is asked for. Axis 1 is the one that stays.",
    ),
    _dbias(
        "dbias keeps the summed axes",
        lambda dy: dy.sum(axis=(0, 2, 3), keepdims=True),
        "The values are right, but bias has shape (O,), and so has its gradient: no keepdims here.",
    ),
    _dbias(
        "dbias summed over everything",
        lambda dy: dy.sum(),
        "{got} instead of {expected}: every output channel has its own bias, so axis 1 is not summed.",
    ),
    _dbias(
        "dbias without dy",
        lambda dy: np.full(dy.shape[1], float(dy[:, 0].size)),
        "2 for each output: that is how many pixels used the bias. Each contributes its dy.",
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


def _windows_cut_short(dy, x, kernel_size, stride, padding):
    dweight = np.zeros((dy.shape[1], x.shape[1], *kernel_size))
    for p, q in np.ndindex(dy.shape[2:]):
        window = x[:, :, stride * p : stride * p + kernel_size[0], stride * q : stride * q + kernel_size[1]]
        dweight += np.einsum("no,ncij->ocij", dy[:, :, p, q], window)
    return dweight


def _right_dweight(dy, x, kernel_size, stride, padding):
    return correlate_weight(x, dy, kernel_size, (stride, stride), (padding, padding))


def _last_window(dy, x, kernel_size, stride, padding):
    only = np.zeros_like(dy)
    only[:, :, -1, -1] = dy[:, :, -1, -1]
    return _right_dweight(only, x, kernel_size, stride, padding)


def _without_last_row_and_column(dy, x, kernel_size, stride, padding):
    dy = dy.copy()
    dy[:, :, -1] = dy[:, :, :, -1] = 0
    return _right_dweight(dy, x, kernel_size, stride, padding)


def _border_repeated(dy, x, kernel_size, stride, padding):
    around = ((0, 0), (0, 0), (padding, padding), (padding, padding))
    return _right_dweight(dy, np.pad(x, around, mode="edge"), kernel_size, stride, 0)


def _wrapping_dweight(dy, x, kernel_size, stride, padding):
    """x[h, w] with an h and w that may be negative, where Python counts from the end; beyond the end 0."""
    above, below = ((0, 0), (0, 0), (padding, 0), (padding, 0)), ((0, 0), (0, 0), (0, padding), (0, padding))
    return _right_dweight(dy, np.pad(np.pad(x, above, mode="wrap"), below), kernel_size, stride, 0)


def _reshaped_dweight(dweight):
    """A transposition done by reshaping: the right shape, the wrong order."""
    return np.ascontiguousarray(dweight.swapaxes(0, 1)).reshape(dweight.shape)


def _dweight(name, wrong, explanation):
    return Mistake(name, {"conv2d_dweight": wrong}, explanation)


WEIGHT = (
    _dweight(
        "dweight comes out turned by half a turn",
        lambda *arguments: _right_dweight(*arguments)[:, :, ::-1, ::-1],
        "With one window and dy = 1, dweight is the window itself; here it is turned by half a turn. Deep learning's "
        "convolution takes the kernel as it is, so its gradient has the order of the window.",
    ),
    _dweight(
        "dweight has in and out exchanged",
        lambda *arguments: _right_dweight(*arguments).swapaxes(0, 1),
        "weight is (O, C, KH, KW), output channels first, and so is its gradient.",
    ),
    _dweight(
        "dweight reshaped to swap in and out",
        lambda *arguments: _reshaped_dweight(_right_dweight(*arguments)),
        "The shape fits, but [1 2 3] · 1 and [1 2 3] · 10 are mixed: reshape keeps the numbers in their old order. "
        "To exchange axes takes transpose, or the right letters in einsum.",
    ),
    _dweight(
        "dweight divided by N",
        lambda dy, *others: _right_dweight(dy, *others) / len(dy),
        "With one image all is right; with three, all is a third. The 1/N of the loss is already in dy; all images "
        "add to the gradient of the kernel that they share.",
    ),
    _dweight(
        "dweight averaged over the windows",
        lambda dy, *others: _right_dweight(dy, *others) / dy[0, 0].size,
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
        "no padding in dweight, and windows beyond the image",
        _windows_cut_short,
        "Right without padding. Windows that reach beyond the image are cut short there, so they do not fit the "
        "kernel: pad x with zeros first.",
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
        "Right without padding. The forward pass has zeros around the image, not its border repeated.",
    ),
    _dweight(
        "negative indices wrap around in dweight",
        _wrapping_dweight,
        "Right without padding. Row -1 is above the image, where the forward pass has 0; in Python, index -1 is the "
        "last row.",
    ),
    _dweight(
        "dy ignored in dweight",
        lambda dy, *others: _right_dweight(np.ones_like(dy), *others),
        "The plain sum of the windows, [1 2 3] + [3 4 5]. Each is multiplied by its dy: [1 2 3] + 10 · [3 4 5].",
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
        lambda dy, x, *others: _right_dweight(dy[-1:], x[-1:], *others),
        "With one image all is right; of three, only the last one is in there. In a loop over images, the shares are "
        "added (+=), not overwritten (=).",
    ),
    _dweight(
        "dweight summed over the input channels",
        lambda dy, x, *others: np.repeat(_right_dweight(dy, x.sum(axis=1, keepdims=True), *others), x.shape[1], axis=1),
        "Every channel got 1 + 2 + 3. weight[o, c] met channel c only, so only that channel of x is in its gradient.",
    ),
    _dweight(
        "minus dweight",
        lambda *arguments: -_right_dweight(*arguments),
        "Every number has the other sign. The minus of gradient descent belongs to the optimiser's step.",
    ),
)


# Input


def _right_dx(dy, weight, image_size, stride, padding):
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


def _cropped_by_minus_padding(dy, weight, image_size, stride, padding):
    canvas = _canvas(dy, weight, image_size, stride, padding)
    return canvas[:, :, padding:-padding, padding:-padding].copy()


def _by_window(dy, weight, image_size, stride, padding, *, step=None, add=True):
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
    return _right_dx(dy, weight, _size_without_the_rest(dy, weight, stride, padding), stride, padding)


def _rest_zero(dy, weight, image_size, stride, padding):
    dx = _right_dx(dy, weight, image_size, stride, padding)
    H, W = _size_without_the_rest(dy, weight, stride, padding)
    dx[:, :, H:], dx[:, :, :, W:] = 0, 0
    return dx


def _wrapping_dx(dy, weight, image_size, stride, padding):
    """dx[h, w] += ... with an h and w that may be negative, where Python counts from the end."""
    (H, W), canvas = image_size, _canvas(dy, weight, image_size, stride, padding)
    rows, columns = np.arange(-padding, H), np.arange(-padding, W)
    dx = np.zeros((*canvas.shape[:2], H, W))
    falling = canvas[:, :, : len(rows), : len(columns)]
    np.add.at(dx.transpose(2, 3, 0, 1), (rows[:, None], columns), falling.transpose(2, 3, 0, 1))
    return dx


def _reshaped_weight(weight):
    """The channels exchanged by a reshape where a transposition was due, and the shape made to fit again."""
    O, C, KH, KW = weight.shape
    return weight.reshape(C, O, KH, KW).swapaxes(0, 1)


def _dx(name, wrong, explanation):
    return Mistake(name, {"conv2d_dx": wrong}, explanation)


DX = (
    _dx(
        "dx has the kernel the wrong way round",
        lambda dy, weight, *others: _right_dx(dy, weight[:, :, ::-1, ::-1], *others),
        "With one window and dy = 1, dx is the kernel itself; here it comes out turned by half a turn. Adding stamps "
        "to "
        "a canvas takes the kernel as it is; correlating a padded dy turns it, so there weight[:, :, ::-1, ::-1] is "
        "needed.",
    ),
    _dx(
        "dx not cropped",
        _canvas,
        "That is the gradient of the padded image, 2·padding larger in both directions. The border is no part of x: "
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
        "dx cropped by [padding:-padding], which is empty for padding 0",
        _cropped_by_minus_padding,
        "Right with a padding. Without one, [0:-0] is [0:0] and holds nothing: count from the start, "
        "canvas[padding : padding + H].",
    ),
    _dx(
        "dx neither cropped nor with its left-over row",
        lambda dy, weight, image_size, stride, padding: _canvas(
            dy, weight, _size_without_the_rest(dy, weight, stride, padding), stride, padding
        ),
        "Right where nothing is padded and nothing left over. This canvas ends with the last window, at "
        "(OH - 1)·stride + KH; that of the padded image has H + 2·padding rows, of which the border is cut off.",
    ),
    _dx(
        "dx cropped by 1, whatever the padding",
        _cropped_by_one,
        "The border is `padding` wide: [1:-1] is right only for padding 1 ([0:-0] would be empty for 0).",
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
        "The windows lie stride + 1 apart. For neighbours of dy to be `stride` apart, stride - 1 zeros belong "
        "between them.",
    ),
    _dx(
        "overlapping windows overwrite each other",
        lambda *arguments: _by_window(*arguments, add=False),
        "Where two windows overlap, only the last one is kept: the middle pixel is 1·2 + 10·1 = 12, not 10. "
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
        _wrapping_dx,
        "Right without padding. What falls above the image is dropped; at index -1, Python has added it to "
        "the last row.",
    ),
    _dx(
        "weight reshaped to swap in and out",
        lambda dy, weight, *others: _right_dx(dy, _reshaped_weight(weight), *others),
        "dx is 1 · [1 0 -1] + 10 · [2 1 0]. Here the numbers of the channels are mixed: weight.swapaxes(0, 1) and "
        "reshape are different things, a reshape keeps the numbers in their old order.",
    ),
    _dx(
        "dy ignored in dx",
        lambda dy, *others: _right_dx(np.ones_like(dy), *others),
        "The result for a dy of all ones: [1 2+1 2] instead of [1 2+10 20]. Each window counts as much as its dy.",
    ),
    _dx(
        "dx divided by N",
        lambda dy, *others: _right_dx(dy, *others) / len(dy),
        "With one image all is right; with three, all is a third. The 1/N of the loss is already in dy, and "
        "each image has pixels of its own.",
    ),
    _dx(
        "dx averaged over the output channels",
        lambda dy, *others: _right_dx(dy, *others) / dy.shape[1],
        "With one output channel all is right; with two, all is half of 1 · [1 0 -1] + 10 · [2 1 0]. A pixel affects "
        "every output channel, so its gradient is the sum over them.",
    ),
    _dx(
        "dx of the last output channel only",
        lambda dy, weight, *others: _right_dx(dy[:, -1:], weight[-1:], *others),
        "10 · [2 1 0] alone; 1 · [1 0 -1] of the first output channel is missing. In a loop over channels, the shares "
        "are added (+=), not overwritten (=).",
    ),
    _dx(
        "minus dx",
        lambda *arguments: -_right_dx(*arguments),
        "Every number has the other sign. The minus of gradient descent belongs to the optimiser's step.",
    ),
)


MISTAKES = BIAS + WEIGHT + DX
