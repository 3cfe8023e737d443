"""The optimisers against torch's, and against the numbers that name a mistake."""

import numpy as np
import pytest

from numpy_impl import optim
from numpy_impl.optim import SGD, Adam

SHAPES = {"scalar": (), "bias": (5,), "weight": (3, 7), "kernel": (5, 2, 3, 2), "one": (1,)}
STEPS = 100


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch")


def draw(seed, dtype=np.float64):
    rng = np.random.default_rng(seed)
    return {name: np.asarray(rng.standard_normal(shape), dtype) for name, shape in SHAPES.items()}


def gradients_of(step, dtype=np.float64):
    """Gradients over many orders of magnitude, with zeros among them."""
    rng = np.random.default_rng([2, step])
    scales = {name: 10.0 ** rng.integers(-9, 3) for name in SHAPES}
    return {
        name: np.asarray(scales[name] * rng.standard_normal(shape) * (rng.random(shape) > 0.2), dtype)
        for name, shape in SHAPES.items()
    }


def after_torch(torch, make, dtype):
    parameters = {name: torch.tensor(value) for name, value in draw(1, dtype).items()}
    optimiser = make(list(parameters.values()))
    for step in range(STEPS):
        for name, gradient in gradients_of(step, dtype).items():
            parameters[name].grad = torch.tensor(gradient)
        optimiser.step()
    return {name: value.numpy() for name, value in parameters.items()}


def after_ours(make, dtype):
    parameters = draw(1, dtype)
    optimiser = make(parameters)
    for step in range(STEPS):
        optimiser.step(gradients_of(step, dtype))
    return parameters


def first_step(gradient, optimiser=Adam, parameter=0.0, **options):
    """What one step on a single number adds to it."""
    parameters = {"w": np.array([parameter])}
    optimiser(parameters, **options).step({"w": np.array([gradient])})
    return parameters["w"][0] - parameter


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 1e-5)])
@pytest.mark.parametrize(
    "options",
    [{}, {"learning_rate": 0.1}, {"learning_rate": 0.03, "betas": (0.5, 0.9), "eps": 1e-4}, {"betas": (0.0, 0.0)}],
    ids=str,
)
def test_adam_is_torchs(torch, dtype, tolerance, options):
    renamed = {("lr" if name == "learning_rate" else name): value for name, value in options.items()}
    theirs = after_torch(torch, lambda parameters: torch.optim.Adam(parameters, **renamed), dtype)
    ours = after_ours(lambda parameters: Adam(parameters, **options), dtype)
    for name in SHAPES:
        assert ours[name].dtype == dtype
        np.testing.assert_allclose(ours[name], theirs[name], rtol=tolerance, atol=tolerance, err_msg=name)


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 1e-5)])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_sgd_is_torchs(torch, dtype, tolerance, momentum):
    theirs = after_torch(torch, lambda parameters: torch.optim.SGD(parameters, lr=0.01, momentum=momentum), dtype)
    ours = after_ours(lambda parameters: SGD(parameters, 0.01, momentum=momentum), dtype)
    for name in SHAPES:
        assert ours[name].dtype == dtype
        scale = np.abs(theirs[name]).max()
        np.testing.assert_allclose(ours[name], theirs[name], rtol=tolerance, atol=tolerance * scale, err_msg=name)


@pytest.mark.parametrize("gradient", [1.0, -1.0, 3.0, -250.0, 1e-3])
def test_adams_first_step_is_the_learning_rate(gradient):
    # Without bias correction it would be -3.162 of it, with only m's -31.62, with only v's -0.1.
    assert first_step(gradient, learning_rate=0.25) == pytest.approx(-0.25 * np.sign(gradient), rel=2e-5)


def test_adams_second_step():
    # With t stuck at 1 the two steps add up to -1.508, with the corrected m fed back to -4.33.
    parameters = {"w": np.array([0.0])}
    adam = Adam(parameters, learning_rate=1.0)
    adam.step({"w": np.array([1.0])})
    adam.step({"w": np.array([-2.0])})
    m, v = (0.9 * 0.1 * 1 + 0.1 * -2) / (1 - 0.9**2), (0.999 * 0.001 * 1 + 0.001 * 4) / (1 - 0.999**2)
    assert parameters["w"][0] == pytest.approx(-1 - m / np.sqrt(v), rel=1e-7)


def test_adams_eps_stands_outside_the_root():
    # Inside the root the step would be -0.001, without it -1.
    assert first_step(1e-7, learning_rate=1.0) == pytest.approx(-1 / 1.1, rel=1e-6)


@pytest.mark.parametrize("optimiser", [Adam, SGD])
def test_no_gradient_no_step(optimiser):
    assert first_step(0.0, optimiser, parameter=1.5, learning_rate=0.1) == 0


@pytest.mark.parametrize("make", [Adam, lambda parameters: SGD(parameters, 0.1, momentum=0.9)], ids=["adam", "sgd"])
def test_parameters_change_in_place_and_gradients_do_not(make):
    parameters, gradients = draw(3), gradients_of(4)
    arrays, copies = dict(parameters), {name: value.copy() for name, value in gradients.items()}
    for gradient in gradients.values():
        gradient.setflags(write=False)
    optimiser = make(parameters)
    for _ in range(3):
        optimiser.step(gradients)
    for name, array in arrays.items():
        assert parameters[name] is array, f"{name} was replaced"
        np.testing.assert_array_equal(gradients[name], copies[name])
        assert np.all((array != draw(3)[name]) == (gradients[name] != 0)), name


def test_sgd_keeps_no_gradient_array():
    # Gradients may be reused memory: the momentum must be a copy of what it saw.
    parameters = {"w": np.zeros(3)}
    sgd, gradient = SGD(parameters, 1.0, momentum=0.5), np.ones(3)
    sgd.step({"w": gradient})
    gradient[:] = 100
    sgd.step({"w": np.zeros(3)})
    np.testing.assert_allclose(parameters["w"], -1.5)


def test_moments_do_not_stay_subnormal(monkeypatch):
    # The gradients are 0 after the first step, and m falls below float32's smallest normal number, where it would stay.
    start = {"w": np.linspace(-1, 1, 50, dtype=np.float32), "b": np.zeros(3, np.float32)}
    moved = {}
    for rounding in (optim.ROUND_EVERY, 1 << 30):
        monkeypatch.setattr(optim, "ROUND_EVERY", rounding)
        parameters = {name: value.copy() for name, value in start.items()}
        optimizer = Adam(parameters)
        optimizer.step({name: np.full_like(value, 0.7) for name, value in parameters.items()})
        for _ in range(1152):
            optimizer.step({name: np.zeros_like(value) for name, value in parameters.items()})
        m = np.concatenate([*optimizer.m.values()])
        moved[rounding] = parameters, ((m != 0) & (np.abs(m) < np.finfo(np.float32).smallest_normal)).any()
    (rounded, subnormal), (plain, was_subnormal) = moved.values()
    assert was_subnormal
    assert not subnormal
    assert all(rounded[name].tobytes() == plain[name].tobytes() for name in start)


def test_two_optimisers_share_nothing():
    a, b = {"w": np.zeros(2)}, {"w": np.zeros(2)}
    first, second = Adam(a, learning_rate=1.0), Adam(b, learning_rate=1.0)
    for _ in range(5):
        first.step({"w": np.ones(2)})
    second.step({"w": np.full(2, -1.0)})
    np.testing.assert_allclose(b["w"], 1.0)


@pytest.mark.parametrize(
    "gradient", [np.ones((2, 3)), np.ones(6), np.ones(2), np.ones(1), np.ones((3, 1)), np.ones((1, 3, 2))], ids=np.shape
)
@pytest.mark.parametrize("optimiser", [Adam, SGD])
def test_gradients_of_another_shape_are_refused_by_name(optimiser, gradient):
    # A forgotten transpose has the right number of entries; a broadcast one fits everywhere.
    parameters = {"w": np.zeros((3, 2))}
    with pytest.raises(ValueError, match=r"\bw\b"):
        optimiser(parameters, learning_rate=0.1).step({"w": gradient})
    assert not parameters["w"].any(), "a refused step must change nothing"


@pytest.mark.parametrize("optimiser", [Adam, SGD])
def test_a_missing_gradient_is_refused_by_name(optimiser):
    with pytest.raises((KeyError, ValueError), match=r"\bw\b"):
        optimiser({"w": np.zeros(3)}, learning_rate=0.1).step({"v": np.zeros(3)})


@pytest.mark.parametrize("layout", ["F", "strided"])
@pytest.mark.parametrize("optimiser", [Adam, SGD])
def test_parameters_of_any_memory_order_move(optimiser, layout):
    w = np.zeros((3, 5), order="F") if layout == "F" else np.zeros((6, 10))[::2, ::2]
    gradient = np.random.default_rng(3).standard_normal((3, 5))
    plain = {"w": np.zeros((3, 5))}
    for parameters in (plain, {"w": w}):
        stepper = optimiser(parameters, learning_rate=0.1)
        for _ in range(3):
            stepper.step({"w": gradient})
    np.testing.assert_array_equal(w, plain["w"])
