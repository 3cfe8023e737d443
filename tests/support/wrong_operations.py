"""Backward functions of single operations: the right ones, and mistakes that a learner or an author makes in them."""

from functools import partial

import numpy as np

from numpy_impl import functional as F
from numpy_impl import gradcheck
from numpy_impl import vae_numpy as vae
from tests.support import oracles

rng = np.random.default_rng(7)
normal = rng.standard_normal
IMAGES, KERNEL, EXTRA = normal((3, 5, 7, 4)), normal((2, 5, 3, 2)), normal((3, 5, 3, 4))
DOWN, UP = {"stride": 2, "padding": 1}, {"stride": 2, "padding": 1, "output_padding": 1}
TARGET, EPS, VAR = rng.random((3, 7)), normal((3, 7)), 0.09
s = F.sigmoid


def conv(dy, x, w, b):
    return F.conv2d_backward(dy, x, w, **DOWN)


def up(dy, x, w, b):
    return F.conv_transpose2d_backward(dy, x, w, **UP)


def reparameterize(dy, mu, logvar):
    return vae.reparameterize_backward(dy, logvar, EPS)


# Operation: (forward, right backward, inputs)
RIGHT = {
    "linear": (
        F.linear,
        lambda dy, x, w, b: F.linear_backward(dy, x, w),
        {"x": normal((5, 3)), "weight": normal((7, 3)), "bias": normal(7)},
    ),
    "relu": (F.relu, F.relu_backward, {"x": gradcheck.away_from_zero(normal((5, 7)))}),
    "sigmoid": (F.sigmoid, F.sigmoid_backward, {"x": 2 * normal((5, 7))}),
    "conv2d": (partial(F.conv2d, **DOWN), conv, {"x": IMAGES, "weight": KERNEL, "bias": normal(2)}),
    "conv_transpose2d": (
        partial(F.conv_transpose2d, **UP),
        up,
        {"x": EXTRA, "weight": KERNEL.transpose(1, 0, 2, 3), "bias": normal(2)},
    ),
    "bce": (
        lambda logits: F.binary_cross_entropy_with_logits(logits, TARGET),
        lambda dy, logits: F.binary_cross_entropy_with_logits_backward(dy, logits, TARGET),
        {"logits": 2 * normal((3, 7))},
    ),
    "nll": (
        lambda mean: F.gaussian_nll_loss(mean, TARGET, VAR),
        lambda dy, mean: F.gaussian_nll_loss_backward(dy, mean, TARGET, VAR),
        {"mean": normal((3, 7))},
    ),
    "kl": (
        vae.kl_divergence,
        vae.kl_divergence_backward,
        {"mu": normal((3, 7)), "logvar": normal((3, 7))},
    ),
    "reparameterize": (
        partial(vae.reparameterize, eps=EPS),
        reparameterize,
        {"mu": normal((3, 7)), "logvar": normal((3, 7))},
    ),
}


def changed(operation, **changes):
    """The right backward function with the gradient of some inputs changed: name=change(right, dy, *inputs)."""
    _, right, inputs = RIGHT[operation]

    def backward(dy, *values):
        gradients = right(dy, *values)
        gradients = dict(zip(inputs, gradients if isinstance(gradients, tuple) else (gradients,), strict=True))
        for name, change in changes.items():
            gradients[name] = change(gradients[name], dy, *values)
        return tuple(gradients.values())

    return backward


def with_upstream(operation, change):
    """The right backward function, given another upstream gradient than it should."""
    return lambda dy, *values: RIGHT[operation][1](change(np.asarray(dy)), *values)


def flipped(kernel):
    return kernel[..., ::-1, ::-1]


def reshaped(array, shape):
    """A transposition done by reshaping: the right shape, the wrong numbers."""
    return np.ascontiguousarray(array).reshape(shape)


def overwritten(dy, x, w, b):
    """Where windows overlap, the last one wins instead of adding."""
    dx, dweight, dbias = conv(dy, x, w, b)
    dx = np.zeros_like(dx)
    for row, column, i, j, h, v in oracles.taps(dy.shape[2:], w.shape[2:], x.shape[2:], 2, 1):
        dx[:, :, h, v] = dy[:, :, row, column] @ w[:, :, i, j]
    return dx, dweight, dbias


def without_last_row(dy):
    return dy * (np.arange(dy.shape[2]) < dy.shape[2] - 1)[:, None]


WRONG = {
    "linear: dweight not transposed": ("linear", changed("linear", weight=lambda g, *_: g.T)),
    "linear: dweight reshaped": ("linear", changed("linear", weight=lambda g, *_: reshaped(g.T, g.shape))),
    "linear: dweight averaged": ("linear", changed("linear", weight=lambda g, dy, *_: g / len(dy))),
    "linear: dweight of one image": ("linear", changed("linear", weight=lambda g, dy, x, *_: dy[:1].T @ x[:1])),
    "linear: dbias averaged": ("linear", changed("linear", bias=lambda g, dy, *_: dy.mean(axis=0))),
    "linear: dbias not summed": ("linear", changed("linear", bias=lambda g, dy, *_: dy)),
    "linear: dbias summed over outputs": ("linear", changed("linear", bias=lambda g, dy, *_: dy.sum(axis=1))),
    "linear: dbias kept with a row": ("linear", changed("linear", bias=lambda g, *_: g[None])),
    "linear: dx negated": ("linear", changed("linear", x=lambda g, *_: -g)),
    "linear: dx with a weight reshaped": (
        "linear",
        changed("linear", x=lambda g, dy, x, w, b: dy @ reshaped(w.T, w.shape)),
    ),
    "linear: dy ignored": ("linear", with_upstream("linear", np.ones_like)),
    "linear: dy of the images in reverse": ("linear", with_upstream("linear", lambda dy: dy[::-1])),
    "linear: dx in float32": ("linear", changed("linear", x=lambda g, *_: g.astype(np.float32))),
    "linear: dx is NaN at one entry": (
        "linear",
        changed("linear", x=lambda g, *_: np.where(np.arange(3) == 1, np.nan, g)),
    ),
    "linear: dx infinite": ("linear", changed("linear", x=lambda g, *_: g + np.inf)),
    "relu: mask on dy": ("relu", lambda dy, x: dy * (dy > 0)),
    "relu: both masks": ("relu", lambda dy, x: dy * (dy > 0) * (x > 0)),
    "relu: mask y >= 0": ("relu", lambda dy, x: dy * (np.maximum(x, 0) >= 0)),
    "relu: mask inverted": ("relu", lambda dy, x: dy * (x < 0)),
    "relu: dy ignored": ("relu", lambda dy, x: (x > 0).astype(float)),
    "relu: multiplied by y": ("relu", lambda dy, x: dy * np.maximum(x, 0)),
    "relu: leaky": ("relu", lambda dy, x: dy * np.where(x > 0, 1, 0.01)),
    "sigmoid: dy ignored": ("sigmoid", lambda dy, x: s(x) * (1 - s(x))),
    "sigmoid: x for y": ("sigmoid", lambda dy, x: dy * x * (1 - x)),
    "sigmoid: y for x": ("sigmoid", lambda dy, x: F.sigmoid_backward(dy, s(x))),
    "sigmoid: without 1 - s": ("sigmoid", lambda dy, x: dy * s(x)),
    "sigmoid: tanh's": ("sigmoid", lambda dy, x: dy * (1 - s(x) ** 2)),
    "conv2d: kernel flipped": ("conv2d", changed("conv2d", x=lambda g, dy, x, w, b: conv(dy, x, flipped(w), b)[0])),
    "conv2d: dweight flipped": ("conv2d", changed("conv2d", weight=lambda g, *_: flipped(g))),
    "conv2d: dweight averaged": ("conv2d", changed("conv2d", weight=lambda g, dy, *_: g / len(dy))),
    "conv2d: dweight as IOHW": ("conv2d", changed("conv2d", weight=lambda g, *_: g.swapaxes(0, 1))),
    "conv2d: dweight reshaped": (
        "conv2d",
        changed("conv2d", weight=lambda g, *_: reshaped(g.swapaxes(0, 1), g.shape)),
    ),
    "conv2d: dx with kernel reshaped": (
        "conv2d",
        changed("conv2d", x=lambda g, dy, x, w, b: conv(dy, x, reshaped(w.swapaxes(0, 1), w.shape), b)[0]),
    ),
    "conv2d: dx not cropped": (
        "conv2d",
        changed("conv2d", x=lambda g, *_: np.pad(g, ((0, 0), (0, 0), (1, 1), (1, 1)))),
    ),
    "conv2d: dx cropped on the wrong side": (
        "conv2d",
        changed("conv2d", x=lambda g, *_: np.pad(g, ((0, 0), (0, 0), (1, 0), (1, 0)))[:, :, :-1, :-1]),
    ),
    "conv2d: stride ignored": (
        "conv2d",
        changed(
            "conv2d",
            x=lambda g, dy, x, w, b: F.conv2d_backward(
                np.pad(dy, ((0, 0), (0, 0), (0, 7 - dy.shape[2]), (0, 5 - dy.shape[3]))), x, w, 1, 1
            )[0],
        ),
    ),
    "conv2d: overlaps overwritten": ("conv2d", overwritten),
    "conv2d: padding ignored in dweight": (
        "conv2d",
        changed("conv2d", weight=lambda g, dy, x, w, b: conv(dy, np.roll(x, 1, axis=2), w, b)[1]),
    ),
    "conv2d: dbias divided by N": ("conv2d", changed("conv2d", bias=lambda g, dy, *_: g / len(dy))),
    "conv2d: dbias of one image": ("conv2d", changed("conv2d", bias=lambda g, dy, *_: dy[0].sum(axis=(1, 2)))),
    "conv2d: dbias not summed over pixels": ("conv2d", changed("conv2d", bias=lambda g, dy, *_: dy.sum(axis=0))),
    "conv2d: dy ignored": ("conv2d", with_upstream("conv2d", np.ones_like)),
    "conv2d: dy upside down": ("conv2d", with_upstream("conv2d", lambda dy: dy[:, :, ::-1])),
    "conv_transpose2d: kernel flipped": (
        "conv_transpose2d",
        changed("conv_transpose2d", x=lambda g, dy, x, w, b: up(dy, x, flipped(w), b)[0]),
    ),
    "conv_transpose2d: dweight flipped": (
        "conv_transpose2d",
        changed("conv_transpose2d", weight=lambda g, *_: flipped(g)),
    ),
    "conv_transpose2d: dweight as OIHW": (
        "conv_transpose2d",
        changed("conv_transpose2d", weight=lambda g, *_: g.swapaxes(0, 1)),
    ),
    "conv_transpose2d: dweight reshaped": (
        "conv_transpose2d",
        changed("conv_transpose2d", weight=lambda g, *_: reshaped(g.swapaxes(0, 1), g.shape)),
    ),
    "conv_transpose2d: output_padding's row lost": (
        "conv_transpose2d",
        with_upstream("conv_transpose2d", without_last_row),
    ),
    "conv_transpose2d: shifted by the padding": (
        "conv_transpose2d",
        with_upstream("conv_transpose2d", lambda dy: np.roll(dy, 1, axis=2)),
    ),
    "conv_transpose2d: dbias averaged": (
        "conv_transpose2d",
        changed("conv_transpose2d", bias=lambda g, dy, *_: dy.mean(axis=(0, 2, 3))),
    ),
    "bce: divided by p(1-p)": ("bce", changed("bce", logits=lambda g, dy, l: g / (s(l) * (1 - s(l))))),
    "bce: multiplied by p(1-p)": ("bce", changed("bce", logits=lambda g, dy, l: g * s(l) * (1 - s(l)))),
    "bce: sign": ("bce", changed("bce", logits=lambda g, *_: -g)),
    "bce: dy ignored": ("bce", with_upstream("bce", lambda dy: 1.0)),
    "bce: averaged": ("bce", changed("bce", logits=lambda g, *_: g / g.size)),
    "bce: without sigmoid": ("bce", lambda dy, l: dy * (l - TARGET)),
    "bce: binarised target": ("bce", lambda dy, l: dy * (s(l) - (TARGET > 0.5))),
    "nll: without the variance": ("nll", lambda dy, m: dy * (m - TARGET)),
    "nll: sigma for its square": ("nll", lambda dy, m: dy * (m - TARGET) / np.sqrt(VAR)),
    "nll: times the variance": ("nll", lambda dy, m: dy * (m - TARGET) * VAR),
    "nll: a 2 too many": ("nll", lambda dy, m: 2 * dy * (m - TARGET) / VAR),
    "nll: a half too many": ("nll", lambda dy, m: dy * (m - TARGET) / VAR / 2),
    "nll: sign": ("nll", lambda dy, m: dy * (TARGET - m) / VAR),
    "nll: dy ignored": ("nll", lambda dy, m: (m - TARGET) / VAR),
    "nll: the Bernoulli's gradient": ("nll", lambda dy, m: dy * (s(m) - TARGET)),
    "kl: dmu doubled": ("kl", changed("kl", mu=lambda g, *_: 2 * g)),
    "kl: dmu sign": ("kl", changed("kl", mu=lambda g, *_: -g)),
    "kl: dlogvar without half": ("kl", changed("kl", logvar=lambda g, *_: 2 * g)),
    "kl: dlogvar without -1": ("kl", changed("kl", logvar=lambda g, dy, m, v: dy * np.exp(v) / 2)),
    "kl: dlogvar of sigma": ("kl", changed("kl", logvar=lambda g, dy, m, v: dy * (np.exp(v / 2) - 1) / 2)),
    "kl: dlogvar of log sigma": ("kl", changed("kl", logvar=lambda g, dy, m, v: dy * (np.exp(2 * v) - 1))),
    "kl: gradients exchanged": ("kl", lambda dy, m, v: (dy * (np.exp(v) - 1) / 2, dy * m)),
    "reparameterize: dlogvar without half": (
        "reparameterize",
        changed("reparameterize", logvar=lambda g, *_: 2 * g),
    ),
    "reparameterize: dlogvar without sigma": (
        "reparameterize",
        changed("reparameterize", logvar=lambda g, dy, *_: dy * EPS / 2),
    ),
    "reparameterize: dlogvar without eps": (
        "reparameterize",
        changed("reparameterize", logvar=lambda g, dy, m, v: dy * np.exp(v / 2) / 2),
    ),
    "reparameterize: dlogvar with the variance": (
        "reparameterize",
        changed("reparameterize", logvar=lambda g, dy, m, v: dy * EPS * np.exp(v) / 2),
    ),
    "reparameterize: detached": ("reparameterize", changed("reparameterize", logvar=lambda g, *_: 0 * g)),
    "reparameterize: dmu times eps": ("reparameterize", changed("reparameterize", mu=lambda g, *_: g * EPS)),
    "reparameterize: dy ignored": ("reparameterize", with_upstream("reparameterize", np.ones_like)),
}
BLIND_WITH_ONES = (
    "linear: dy ignored",
    "linear: dy of the images in reverse",
    "relu: both masks",
    "relu: dy ignored",
    "sigmoid: dy ignored",
    "conv2d: dy ignored",
    "conv2d: dy upside down",
    "conv_transpose2d: shifted by the padding",
    "bce: dy ignored",
    "nll: dy ignored",
    "reparameterize: dy ignored",
)
