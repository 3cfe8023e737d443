"""What rung 1's operations refuse, and that they name the argument."""

import numpy as np
import pytest

from foundation.objective import Objective
from numpy_impl import functional as F
from tests.support.unhooked import unhooked_functional, unhooked_vae


@pytest.fixture(scope="module")
def unhooked():
    return unhooked_functional()


def ones(*shape, dtype=np.float64):
    return np.ones(shape, dtype)


X, W, V = ones(2, 3, 7, 5), ones(4, 3, 3, 2), ones(3, 4, 3, 2)
REFUSED = {
    "linear": [
        ("weight", ValueError, (ones(2, 3), ones(4, 2))),
        ("weight", ValueError, (ones(2, 3), ones(3))),
        ("x", ValueError, (ones(3), ones(4, 3))),
        ("bias", ValueError, (ones(2, 3), ones(4, 3), ones(1))),
        ("bias", ValueError, (ones(2, 3), ones(4, 3), ones(1, 4))),
        ("weight", TypeError, (ones(2, 3), ones(4, 3, dtype=np.float32))),
        ("x", TypeError, (ones(2, 3, dtype=np.int64), ones(4, 3))),
        ("x", TypeError, (ones(2, 3, dtype=np.float16), ones(4, 3, dtype=np.float16))),
        ("x", TypeError, (ones(2, 3, dtype=np.complex128), ones(4, 3))),
        ("x", TypeError, ([[1.0, 2.0, 3.0]], ones(4, 3))),
        ("x", TypeError, (None, ones(4, 3))),
    ],
    "linear_backward": [
        ("dy", ValueError, (ones(2, 3), ones(2, 3), ones(4, 3))),
        ("dy", ValueError, (ones(1, 4), ones(2, 3), ones(4, 3))),
        ("weight", ValueError, (ones(2, 4), ones(2, 3), ones(3, 4))),
        ("dy", TypeError, (1.0, ones(2, 3), ones(4, 3))),
    ],
    "conv2d": [
        ("weight", ValueError, (X, ones(4, 2, 3, 2))),
        ("weight", ValueError, (X, ones(3, 3, 2))),
        ("x", ValueError, (ones(3, 7, 5), W)),
        ("x", ValueError, (ones(2, 3, 2, 5), W)),
        ("bias", ValueError, (X, W, ones(3))),
        ("stride", ValueError, (X, W, None, 0)),
        ("stride", ValueError, (X, W, None, (2, -1))),
        ("stride", TypeError, (X, W, None, 1.5)),
        ("stride", TypeError, (X, W, None, (1, 2, 3))),
        ("stride", TypeError, (X, W, None, True)),
        ("padding", ValueError, (X, W, None, 1, -1)),
        ("padding", TypeError, (X, W, None, 1, "same")),
        ("bias", TypeError, (X, W, ones(4, dtype=np.float32))),
    ],
    "conv2d_backward": [
        ("dy", ValueError, (ones(2, 4, 5, 3), X, W)),
        ("dy", ValueError, (ones(1, 4, 5, 4), X, W)),
        ("dy", ValueError, (ones(2, 4, 5, 4), X, W, 2)),
        ("weight", ValueError, (ones(2, 4, 5, 4), X, ones(3, 4, 3, 2))),
        ("dy", TypeError, (ones(2, 4, 5, 4).tolist(), X, W)),
        ("stride", ValueError, (ones(2, 4, 5, 4), X, W, 0)),
    ],
    "conv_transpose2d": [
        ("weight", ValueError, (X, ones(4, 3, 3, 2))),
        ("bias", ValueError, (X, V, ones(3))),
        ("output_padding", ValueError, (X, V, None, 2, 1, 2)),
        ("output_padding", ValueError, (X, V, None, 1, 1, 1)),
        ("output_padding", ValueError, (X, V, None, (3, 2), 1, (1, 2))),
        ("output_padding", ValueError, (X, V, None, 2, 1, -1)),
        ("padding", ValueError, (X, V, None, 1, 5)),
        ("stride", TypeError, (X, V, None, None)),
    ],
    "conv_transpose2d_backward": [
        ("dy", ValueError, (ones(2, 4, 9, 7), X, V)),
        ("weight", ValueError, (ones(2, 4, 9, 6), X, W)),
        ("output_padding", ValueError, (ones(2, 4, 9, 6), X, V, 1, 0, 1)),
    ],
    "relu": [("x", TypeError, (1.0,)), ("x", TypeError, (ones(3, dtype=np.int32),))],
    "relu_backward": [("dy", ValueError, (ones(3), ones(3, 1))), ("dy", ValueError, (ones(1), ones(3)))],
    "sigmoid": [("x", TypeError, ([0.0],)), ("x", TypeError, (ones(3, dtype=bool),))],
    "sigmoid_backward": [("dy", ValueError, (ones(3), ones(2, 3)))],
    "binary_cross_entropy_with_logits": [
        ("target", ValueError, (ones(3), ones(3, 1))),
        ("target", ValueError, (ones(3), ones(1))),
        ("target", ValueError, (ones(3), -ones(3))),
        ("target", ValueError, (ones(3), 1.001 * ones(3))),
        ("target", ValueError, (ones(3), np.array([0, 1, np.nan]))),
        ("target", TypeError, (ones(3), ones(3, dtype=np.float32))),
        ("target", TypeError, (ones(3), 0.5)),
    ],
    "binary_cross_entropy_with_logits_backward": [
        ("target", ValueError, (1.0, ones(3), ones(1))),
        ("dy", ValueError, (ones(3), ones(3), ones(3))),
        ("dy", ValueError, (ones(1), ones(3), ones(3))),
        ("dy", TypeError, (True, ones(3), ones(3))),
        ("dy", TypeError, ("1", ones(3), ones(3))),
        ("dy", TypeError, (np.array(1j), ones(3), ones(3))),
        ("dy", TypeError, (None, ones(3), ones(3))),
    ],
    "gaussian_nll_loss": [
        ("target", ValueError, (ones(3), ones(3, 1), 1.0)),
        ("var", ValueError, (ones(3), ones(3), 0.0)),
        ("var", ValueError, (ones(3), ones(3), -1.0)),
        ("var", ValueError, (ones(3), ones(3), np.nan)),
        ("var", ValueError, (ones(3), ones(3), np.inf)),
        ("var", ValueError, (ones(3), ones(3), ones(3))),
        ("var", TypeError, (ones(3), ones(3), "1")),
    ],
    "gaussian_nll_loss_backward": [
        ("target", ValueError, (1.0, ones(3), ones(1), 1.0)),
        ("dy", ValueError, (ones(3), ones(3), ones(3), 1.0)),
        ("var", ValueError, (1.0, ones(3), ones(3), 0.0)),
    ],
}


@pytest.mark.parametrize(
    ("name", "argument", "error", "arguments"),
    [(name, *case) for name, cases in REFUSED.items() for case in cases],
)
def test_wrong_arguments_are_refused_by_name(unhooked, name, argument, error, arguments):
    with pytest.raises(error, match=rf"^{argument}: ") as caught:
        getattr(unhooked, name)(*arguments)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("dy", "error"), [(np.ones(3), ValueError), (np.ones((2, 3)), ValueError), ("1", TypeError)])
def test_backward_passes_of_scalar_losses_refuse_another_dy(dy, error):
    """An array would be broadcast, and give a gradient of nothing."""
    vae = unhooked_vae()
    mu, logits, objective = ones(2, 3), ones(2, 1, 4, 4), Objective()
    with pytest.raises(error, match=r"^dy: expected a number"):
        vae.kl_divergence_backward(dy, mu, mu)
    with pytest.raises(error, match=r"^dy: expected a number"):
        vae.reconstruction_loss_backward(dy, logits, logits, objective)
    dmu, _ = vae.kl_divergence_backward(np.array(0.5), mu, mu)
    assert np.array_equal(dmu, 0.5 * mu)


def test_every_operation_refuses_something():
    public = {name for name, value in vars(F).items() if callable(value) and value.__module__ == F.__name__}
    operations = {name for name in public if not name.startswith("_")} - {"conv2d_parameters_backward"}
    assert operations == set(REFUSED)
