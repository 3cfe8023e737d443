"""Wrong sizes, each with the number that gives it away."""

import numpy as np

from exercises.kit.exercise import Mistake


def _size(name, tell, formula):
    return Mistake(
        name,
        {"output_size": lambda size, kernel, stride, padding, extra: formula(size, kernel, stride, padding, extra)},
        tell,
    )


SIZES = (
    _size(
        "output_size forgets output_padding",
        "{came} instead of {expected}: the smallest size that fits. output_padding chooses a larger one.",
        lambda n, k, s, p, extra: (n - 1) * s - 2 * p + k,
    ),
    _size(
        "output_size of the convolution",
        "{came} instead of {expected}: that is the way down, (size + 2 padding - kernel) // stride + 1. "
        "Solve it for size.",
        lambda n, k, s, p, extra: (n + 2 * p - k) // s + 1,
    ),
    _size(
        "size times stride",
        "{came} instead of {expected}: right for the decoder's kernel 3, stride 2, padding 1 and output_padding 1, "
        "which were chosen for it; not in general.",
        lambda n, k, s, p, extra: n * s,
    ),
    _size(
        "size instead of size - 1",
        "{came} instead of {expected}: `stride` too many. Between 7 stamps lie 6 steps.",
        lambda n, k, s, p, extra: n * s - 2 * p + k + extra,
    ),
    _size(
        "padding added instead of taken away",
        "{came} instead of {expected}: 4 · padding too many. The convolution's input grows by padding, so here "
        "the output shrinks.",
        lambda n, k, s, p, extra: (n - 1) * s + 2 * p + k + extra,
    ),
    _size(
        "padding taken away on one side only",
        "{came} instead of {expected}: padding has two sides, so 2 · padding goes.",
        lambda n, k, s, p, extra: (n - 1) * s - p + k + extra,
    ),
    _size(
        "output_size forgets the kernel",
        "{came} instead of {expected}: the last stamp is as long as the kernel.",
        lambda n, k, s, p, extra: (n - 1) * s - 2 * p + 1 + extra,
    ),
    _size(
        "kernel - 1 instead of kernel",
        "{came} instead of {expected}: one too few. (The form with dilation, (kernel - 1) · dilation, ends in + 1.)",
        lambda n, k, s, p, extra: (n - 1) * s - 2 * p + k - 1 + extra,
    ),
    _size(
        "output_size counts output_padding twice",
        "{came} instead of {expected}: padding has two sides, output_padding only one.",
        lambda n, k, s, p, extra: (n - 1) * s - 2 * p + k + 2 * extra,
    ),
)


def _smallest(size, kernel, stride, padding):
    return (size - 1) * stride - 2 * padding + kernel


def _inputs(name, tell, function):
    return Mistake(name, {"input_sizes": lambda *arguments: np.array(function(*arguments))}, tell)


INPUTS = (
    _inputs(
        "only the smallest input size",
        "One size came. The division by the stride rounds down, so `stride` sizes in a row end in the same place.",
        lambda *arguments: [_smallest(*arguments)],
    ),
    _inputs(
        "input sizes from 1 on",
        "{came} instead of {expected}: output_padding begins at 0; counting from 1 leaves the smallest size out.",
        lambda n, k, s, p: _smallest(n, k, s, p) + np.arange(1, s + 1),
    ),
    _inputs(
        "one input size too many",
        "`stride` sizes share one result; the next one after them makes a row more.",
        lambda n, k, s, p: _smallest(n, k, s, p) + np.arange(s + 1),
    ),
    _inputs(
        "largest input size first",
        "{came} instead of {expected}: the right sizes in the other order. Entry k belongs to output_padding = k.",
        lambda n, k, s, p: _smallest(n, k, s, p) + np.arange(s)[::-1],
    ),
    _inputs(
        "input sizes without padding",
        "{came} instead of {expected}: 2 · padding too large. The convolution adds that much by itself.",
        lambda n, k, s, p: _smallest(n, k, s, 0) + np.arange(s),
    ),
    _inputs(
        "input sizes downwards from the smallest",
        "{came} instead of {expected}: an input smaller than the smallest lacks a row of the output; a larger "
        "one leaves a remainder, which is dropped.",
        lambda n, k, s, p: _smallest(n, k, s, p) + np.arange(1 - s, 1),
    ),
)

MISTAKES_OF_SIZE = SIZES + INPUTS
