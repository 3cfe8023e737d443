"""The tape of rung 1: its gradients against rung 1's own, against differences, and against planted mistakes."""

import numpy as np
import pytest

from foundation.architecture import Architecture, initial_parameters
from foundation.objective import Objective
from numpy_impl import autograd
from numpy_impl import vae_numpy as vae
from numpy_impl.autograd import Tensor, exp, linear, relu, reshape, sigmoid, topological_order, total
from numpy_impl.rung import AutogradRung, NumpyRung

SMALL = Architecture(latent_dim=5, channels=(2, 3), hidden_dim=7, image_shape=(1, 8, 12))
OBJECTIVES = Objective("bernoulli", beta=1.7), Objective("gaussian", beta=0.6, sigma=0.3)


def batch(dtype=np.float64, N=11):
    rng = np.random.default_rng(1)
    parameters = initial_parameters(SMALL, rng, dtype)
    return parameters, rng.random((N, *SMALL.image_shape)).astype(dtype), rng.standard_normal((N, 5)).astype(dtype)


def off(got, expected):
    """The largest difference, relative to the largest expected entry."""
    return np.abs(got - expected).max() / np.abs(expected).max()


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 1e-5)])
def test_the_whole_vae_has_the_gradients_of_rung_1(objective, dtype, tolerance):
    parameters, x, eps = batch(dtype)
    run, parts, gradients = autograd.differentiate(parameters, x, eps, objective)
    by_hand, hidden = vae.forward(parameters, x, eps)
    expected = vae.backward(parameters, x, eps, by_hand, hidden, objective)
    assert list(gradients) == list(expected)
    for name, gradient in gradients.items():
        assert (gradient.dtype, gradient.shape) == (dtype, expected[name].shape)
        assert off(gradient, expected[name]) < tolerance, name
    for name, value in by_hand._asdict().items():
        np.testing.assert_array_equal(getattr(run, name), value, name)
    losses = vae.loss(by_hand.logits, x, by_hand.mu, by_hand.logvar, objective)
    np.testing.assert_allclose(parts, losses, rtol=1e-6 if dtype == np.float32 else 1e-14)


def test_inputs_and_parameters_stay_as_they_are():
    parameters, x, eps = batch()
    copies = [a.copy() for a in (x, eps, *parameters.values())]
    autograd.differentiate(parameters, x, eps, OBJECTIVES[0])
    for array, copy in zip((x, eps, *parameters.values()), copies, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_training_by_autograd_is_training_by_hand():
    parameters, x, eps = batch()
    rungs = NumpyRung(SMALL, parameters, 0.01), AutogradRung(SMALL, parameters, 0.01)
    for _ in range(20):
        losses = [rung.step(x, eps, OBJECTIVES[0]).loss for rung in rungs]
        assert losses[1] == pytest.approx(losses[0], rel=1e-12)
    trained = [rung.parameters() for rung in rungs]
    assert max(off(trained[1][name], value) for name, value in trained[0].items()) < 1e-9
    before = rungs[1].parameters()
    with np.errstate(over="ignore", invalid="ignore"):
        lost = rungs[1].step(x, np.full_like(eps, 1e308), OBJECTIVES[0])
    assert not np.isfinite(lost.loss)
    np.testing.assert_equal(rungs[1].parameters(), before)


def numeric(f, inputs, h=1e-5):
    """d f / d input of every input, by central differences."""
    found = []
    for x in inputs:
        gradient = np.zeros_like(x)
        for i in np.ndindex(x.shape):
            kept = x[i]
            x[i] = kept + h
            above = f(*inputs)
            x[i] = kept - h
            gradient[i] = (above - f(*inputs)) / (2 * h)
            x[i] = kept
        found.append(gradient)
    return found


FORMULAS = {
    "sums of broadcast arrays": (lambda a, b, c: a + b * c - (b + 1) * 2 - c / 3, [(3, 5), (1, 5), (5,)]),
    "one tensor in three places": (lambda a, b: a * a * b + a, [(4,), (4,)]),
    "an axis of size 1 and a missing one": (lambda a, b: (1 - a) * b, [(2, 1, 3), (7, 1)]),
    "exp and reshape": (lambda a, b: reshape(exp(a / 2) * b, (6, 2)) * 3, [(3, 4), (3, 1)]),
    "a number alone": (lambda a: exp(a) * 2 - a, [()]),
    "a layer": (lambda x, w, b: sigmoid(linear(x, w, b)) * -1, [(5, 3), (7, 3), (7,)]),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_gradients_are_those_of_central_differences(name):
    formula, shapes = FORMULAS[name]
    rng = np.random.default_rng(2)
    inputs = [rng.standard_normal(shape) for shape in shapes]
    tensors = [Tensor(x) for x in inputs]
    y = formula(*tensors)
    dy = rng.standard_normal(y.shape)
    y.backward(dy)

    def weighted_sum(*arrays):
        return float((formula(*map(Tensor, arrays)).value * dy).sum())

    for tensor, expected in zip(tensors, numeric(weighted_sum, inputs), strict=True):
        assert tensor.grad.shape == tensor.shape
        assert off(tensor.grad, expected) < 1e-8


def test_arrays_on_the_left_are_left_to_the_tensor():
    a, b = np.arange(3.0), Tensor([2.0, 3.0, 5.0])
    for y, gradient in ((a * b, a), (a + b, np.ones(3)), (a - b, -np.ones(3)), (2 * b, np.full(3, 2))):
        assert isinstance(y, Tensor)
        total(y).backward()
        np.testing.assert_array_equal(b.grad, gradient)


def test_each_tensor_is_visited_once_and_after_all_that_were_computed_from_it():
    x = Tensor(np.array(1.0))
    y = x
    for _ in range(60):  # 2^60 paths from y to x
        y = y + y
    y.backward()
    assert x.grad == 2.0**60
    order = topological_order(y)
    assert len(order) == 61
    place = {id(tensor): i for i, tensor in enumerate(order)}
    assert all(place[id(parent)] < place[id(tensor)] for tensor in order for parent in tensor.parents)


def test_a_graph_may_be_deeper_than_calls_may_be():
    x = Tensor(np.array(2.0))
    y = x
    for _ in range(3000):
        y = y + 1.0
    y.backward()
    assert x.grad == 1


def test_backward_twice_gives_the_same_and_starts_anew():
    x = Tensor(np.array([1.0, -2.0, 3.0]))
    y = total(relu(x) * x)
    for _ in range(2):
        y.backward()
        np.testing.assert_array_equal(x.grad, [2, 0, 6])
    y.backward(3.0)
    np.testing.assert_array_equal(x.grad, [6, 0, 18])


def test_errors_name_the_argument():
    x = Tensor(np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"dy: expected the shape of the tensor, \(2, 3\), got \(\)"):
        (x * 2).backward()
    target = Tensor(np.full((2, 3), 0.5))
    with pytest.raises(TypeError, match="argument 2: expected an array, since it has no gradient"):
        autograd.binary_cross_entropy_with_logits(x, target).backward()


def first_in_first_out(last):
    """A wrong order: breadth first, so that a tensor may come before one that was computed from it."""
    order, seen = [last], {id(last)}
    for tensor in order:
        for parent in tensor.parents:
            if id(parent) not in seen:
                seen.add(id(parent))
                order.append(parent)
    return order[::-1]


def test_a_wrong_order_of_the_graph_is_caught(monkeypatch):
    parameters, x, eps = batch()
    run, hidden = vae.forward(parameters, x, eps)
    expected = vae.backward(parameters, x, eps, run, hidden, OBJECTIVES[0])
    monkeypatch.setattr(autograd, "topological_order", first_in_first_out)
    _, _, gradients = autograd.differentiate(parameters, x, eps, OBJECTIVES[0])
    wrong = [name for name in expected if off(gradients[name], expected[name]) > 1e-12]
    assert wrong, "the comparison does not see it"
