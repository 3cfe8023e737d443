"""Rung 1's operations: against torch, against naive loops, and as pure functions that leave others' data alone."""

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from numpy_impl import functional as F
from tests.support import oracles
from tests.support.layouts import LAYOUTS, laid_out

settings = hypothesis.settings(max_examples=60, deadline=None, derandomize=True)
TOLERANCE = {np.float64: 1e-12, np.float32: 1e-5}


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch")


def assert_close(ours, reference, dtype, what):
    reference = np.asarray(reference)
    assert np.shape(ours) == reference.shape, what
    assert np.asarray(ours).dtype == dtype, what
    scale = max(1.0, np.abs(reference).max())
    assert np.abs(ours - reference).max() <= TOLERANCE[dtype] * scale, what


@st.composite
def pairs(draw, low, high):
    """A (row, column) option as a caller may write it: one integer for both, or a pair."""
    pair = draw(st.integers(low, high)), draw(st.integers(low, high))
    return pair[0] if pair[0] == pair[1] and draw(st.booleans()) else pair


@st.composite
def layers(draw, kind):
    """Random inputs of one layer: a dict of arrays, its options, and the dtype."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    dtype = draw(st.sampled_from([np.float64, np.float32]))
    N, C, O = (draw(st.integers(1, 4)) for _ in "NCO")
    if kind == "linear":
        options, shapes = {}, {"x": (N, C), "weight": (O, C)}
    else:
        K = draw(st.integers(1, 4)), draw(st.integers(1, 4))
        stride, padding = draw(pairs(1, 3)), draw(pairs(0, 2))
        options = {"stride": stride, "padding": padding}
        if kind == "conv2d":
            # From an output of one pixel upwards; the remainder leaves rows that no window reaches.
            smallest = [max(1, k - 2 * p) for k, p in zip(K, oracles.pair(padding), strict=True)]
            weight = (O, C, *K)
        else:
            extra = tuple(draw(st.integers(0, s - 1)) for s in oracles.pair(stride))
            options["output_padding"] = extra[0] if extra[0] == extra[1] and draw(st.booleans()) else extra
            spans = zip(K, oracles.pair(stride), oracles.pair(padding), extra, strict=True)
            smallest = [max(1, 1 + -(-(1 + 2 * p - k - e) // s)) for k, s, p, e in spans]
            weight = (C, O, *K)
        image = tuple(size + draw(st.integers(0, 5)) for size in smallest)
        shapes = {"x": (N, C, *image), "weight": weight}
    shapes["bias"] = (O,)
    arrays = {
        name: laid_out(rng.standard_normal(shape).astype(dtype), draw(st.sampled_from(LAYOUTS)))
        for name, shape in shapes.items()
    }
    if draw(st.integers(0, 4)) == 0:
        arrays["bias"] = None
    return arrays, options, dtype


LAYERS = {
    "linear": (F.linear, F.linear_backward),
    "conv2d": (F.conv2d, F.conv2d_backward),
    "conv_transpose2d": (F.conv_transpose2d, F.conv_transpose2d_backward),
}


def upstream(y, rng_seed=5):
    layout = LAYOUTS[sum(y.shape) % len(LAYOUTS)]
    return laid_out(np.random.default_rng(rng_seed).standard_normal(y.shape).astype(y.dtype), layout)


@pytest.mark.parametrize("kind", LAYERS)
def test_layers_equal_torchs(torch, kind):
    layer, layer_backward = LAYERS[kind]

    @settings
    @hypothesis.given(layers(kind))
    def compare(case):
        arrays, options, dtype = case
        tensors = {k: v if v is None else torch.tensor(v.copy(), requires_grad=True) for k, v in arrays.items()}
        theirs = getattr(torch.nn.functional, kind)(*tensors.values(), **options)
        ours = layer(*arrays.values(), **options)
        assert_close(ours, theirs.detach().numpy(), dtype, "y")
        dy = upstream(ours)
        theirs.backward(torch.tensor(dy.copy()))
        gradients = layer_backward(dy, arrays["x"], arrays["weight"], **options)
        for name, gradient in zip(arrays, gradients, strict=True):
            if arrays[name] is not None:
                assert_close(gradient, tensors[name].grad.numpy(), dtype, f"d{name}")

    compare()


@pytest.mark.parametrize("kind", LAYERS)
def test_layers_equal_naive_loops(kind):
    layer, layer_backward = LAYERS[kind]

    @hypothesis.settings(settings, max_examples=25)
    @hypothesis.given(layers(kind))
    def compare(case):
        arrays, options, dtype = case
        x, weight, bias = (None if value is None else value.astype(np.float64) for value in arrays.values())
        reference = getattr(oracles, kind)(x, weight, bias, **options)
        ours = layer(*arrays.values(), **options)
        assert_close(ours, reference, dtype, "y")
        dy = upstream(ours)
        expected = getattr(oracles, f"{kind}_backward")(dy.astype(np.float64), x, weight, **options)
        gradients = layer_backward(dy, arrays["x"], arrays["weight"], **options)
        for name, gradient, reference in zip(arrays, gradients, expected, strict=True):
            assert_close(gradient, reference, dtype, f"d{name}")

    compare()


@st.composite
def arrays_in_pairs(draw):
    """Two arrays of one random shape (0 to 4 dimensions), of different layouts: logits and targets, say."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    dtype = draw(st.sampled_from([np.float64, np.float32]))
    shape = tuple(draw(st.lists(st.integers(1, 5), min_size=1, max_size=4)))
    x = (draw(st.sampled_from([0.01, 1, 30])) * rng.standard_normal(shape)).astype(dtype)
    target = rng.random(shape).astype(dtype)
    return laid_out(x, draw(st.sampled_from(LAYOUTS))), laid_out(target, draw(st.sampled_from(LAYOUTS))), dtype


@settings
@hypothesis.given(arrays_in_pairs())
def test_elementwise_operations_equal_torchs(torch, case):
    x, target, dtype = case
    for name in ("relu", "sigmoid"):
        tensor = torch.tensor(x.copy(), requires_grad=True)
        theirs, ours = getattr(torch, name)(tensor), getattr(F, name)(x)
        assert_close(ours, theirs.detach().numpy(), dtype, name)
        theirs.backward(torch.tensor(target.copy()))
        assert_close(getattr(F, f"{name}_backward")(target, x), tensor.grad.numpy(), dtype, f"{name}_backward")


@settings
@hypothesis.given(arrays_in_pairs())
def test_losses_equal_torchs(torch, case):
    logits, target, dtype = case
    tensor = torch.tensor(logits.copy(), requires_grad=True)
    goal, nn = torch.tensor(target.copy()), torch.nn.functional

    theirs = nn.binary_cross_entropy_with_logits(tensor, goal, reduction="sum")
    assert_close(F.binary_cross_entropy_with_logits(logits, target), theirs.detach().numpy(), dtype, "bce")
    (gradient,) = torch.autograd.grad(-2.5 * theirs, tensor)
    ours = F.binary_cross_entropy_with_logits_backward(-2.5, logits, target)
    assert_close(ours, gradient.numpy(), dtype, "dlogits")

    var = 0.3**2
    variances = torch.full_like(tensor, var)
    theirs = nn.gaussian_nll_loss(tensor, goal, variances, full=True, reduction="sum", eps=1e-12)
    assert_close(F.gaussian_nll_loss(logits, target, var), theirs.detach().numpy(), dtype, "nll")
    (gradient,) = torch.autograd.grad(-2.5 * theirs, tensor)
    assert_close(F.gaussian_nll_loss_backward(-2.5, logits, target, var), gradient.numpy(), dtype, "dmean")


@settings
@hypothesis.given(layers("conv2d"), st.integers(0, 2**32))
def test_transposed_convolution_is_the_adjoint_of_the_convolution(case, seed):
    arrays, options, _ = case
    x, weight = arrays["x"].astype(np.float64), arrays["weight"].astype(np.float64)
    y = F.conv2d(x, weight, **options)
    other = np.random.default_rng(seed).standard_normal(y.shape)
    # The leftover rows and columns, which no window reached, are output_padding's to restore.
    sizes = zip(x.shape[2:], weight.shape[2:], *map(oracles.pair, options.values()), strict=True)
    leftover = tuple((size + 2 * p - k) % s for size, k, s, p in sizes)
    back = F.conv_transpose2d(other, weight, **options, output_padding=leftover)
    assert back.shape == x.shape
    assert np.sum(y * other) == pytest.approx(np.sum(x * back), rel=1e-11, abs=1e-11)


def test_the_models_own_sizes():
    # k3 s2 p1 op1 doubles: 7 -> 14 -> 28. Without output_padding it would be 13.
    weight, options = np.ones((2, 3, 3, 3)), {"stride": 2, "padding": 1}
    assert F.conv_transpose2d(np.ones((1, 2, 7, 7)), weight, **options, output_padding=1).shape == (1, 3, 14, 14)
    assert F.conv_transpose2d(np.ones((1, 2, 7, 7)), weight, **options).shape == (1, 3, 13, 13)
    assert F.conv2d(np.ones((1, 3, 28, 28)), weight, **options).shape == (1, 2, 14, 14)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("logit", [0.0, 2.0, -2.0, 17.0, -17.0, 60.0, -60.0, 1000.0, -1000.0])
@pytest.mark.parametrize("target", [0.0, 0.25, 0.5, 1.0])
def test_binary_cross_entropy_is_exact_where_sigmoid_saturates(logit, target, dtype):
    logits, targets = np.full((2, 3), logit, dtype), np.full((2, 3), target, dtype)
    ours = F.binary_cross_entropy_with_logits(logits, targets)
    exact = 6 * oracles.exact_binary_cross_entropy(logit, target)
    assert ours == pytest.approx(exact, rel=1e-14 if dtype is np.float64 else 1e-6, abs=0)
    gradient = F.binary_cross_entropy_with_logits_backward(1.0, logits, targets)
    assert np.isfinite(gradient).all()
    if target == 0:
        np.testing.assert_allclose(gradient, F.sigmoid(logits), rtol=1e-6, atol=0)


def test_sigmoid_saturates_quietly():
    x = np.array([-1000.0, -745.0, -60.0, 0.0, 60.0, 1000.0])
    np.testing.assert_allclose(F.sigmoid(x), [0, np.exp(-745.0), np.exp(-60.0), 0.5, 1, 1], rtol=1e-14)
    np.testing.assert_allclose(
        F.sigmoid_backward(np.ones(6), x), [0, np.exp(-745.0), np.exp(-60.0), 0.25, np.exp(-60.0), 0], rtol=1e-14
    )


def test_relu_at_zero_and_nan():
    x = np.array([-1.0, -0.0, 0.0, 5e-324, np.nan])
    np.testing.assert_array_equal(F.relu(x), [0, 0, 0, 5e-324, np.nan])
    np.testing.assert_array_equal(F.relu_backward(np.ones(5), x), [0, 0, 0, 1, 0])


def test_an_empty_batch_stays_empty():
    assert F.linear(np.ones((0, 3)), np.ones((4, 3))).shape == (0, 4)
    assert F.conv2d(np.ones((0, 3, 7, 5)), np.ones((4, 3, 3, 2)), stride=2, padding=1).shape == (0, 4, 4, 3)
    assert F.conv_transpose2d(np.ones((0, 3, 7, 5)), np.ones((3, 4, 3, 2))).shape == (0, 4, 9, 6)
    assert all(
        gradient.any() == 0
        for gradient in F.conv2d_backward(np.ones((0, 4, 5, 4)), np.ones((0, 3, 7, 5)), np.ones((4, 3, 3, 2)))
    )


def test_the_first_layers_backward_is_a_part_of_conv2ds():
    rng = np.random.default_rng(2)
    dy, x, weight = (
        rng.standard_normal((2, 4, 4, 3)),
        rng.standard_normal((2, 3, 7, 5)),
        rng.standard_normal((4, 3, 3, 2)),
    )
    _, dweight, dbias = F.conv2d_backward(dy, x, weight, 2, 1)
    for ours, whole in zip(F.conv2d_parameters_backward(dy, x, weight, 2, 1), (dweight, dbias), strict=True):
        np.testing.assert_array_equal(ours, whole)
