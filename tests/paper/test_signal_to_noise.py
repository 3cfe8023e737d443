"""The signal-to-noise ratio of gradients, on gradients and on a model whose ratio is known."""

import dataclasses
import math

import pytest

torch = pytest.importorskip("torch")

from foundation.objective import Objective  # noqa: E402
from paper.experiments.signal_to_noise import (  # noqa: E402
    gradient_ratios,
    near_the_posterior,
    power,
    signal_to_noise,
)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def drawn(ratio, repeats, parameters=4000):
    """The ratio that is found of normal gradients which have this one, on scales that differ."""
    scale = torch.logspace(-3, 3, parameters, dtype=torch.float64)
    gradients = scale * (ratio + torch.randn(repeats, parameters, generator=seeded(), dtype=torch.float64))
    return signal_to_noise(gradients.mean(0), gradients.var(0), repeats)


@pytest.mark.parametrize("ratio", [0.05, 0.5, 5.0])
@pytest.mark.parametrize("repeats", [20, 200])
def test_normal_gradients_have_the_ratio_that_they_are_drawn_with(ratio, repeats):
    square = drawn(ratio, repeats) ** 2
    # The mean of 4000 squares, each with the spread of a noncentral F.
    error = math.sqrt((2 / repeats**2 + 4 * ratio**2 / repeats + 2 * ratio**4 / repeats) / 4000) * 1.5
    assert square == pytest.approx(ratio**2, abs=5 * error)


def test_without_a_signal_the_ratio_is_below_the_floor_of_the_plain_mean():
    assert drawn(0.0, 50) < 0.5 * math.sqrt(2 / (math.pi * 50))


def test_a_parameter_without_a_gradient_is_left_out():
    mean, variance = torch.tensor([3.0, 0.0]).double(), torch.tensor([1.0, 0.0]).double()
    alone = signal_to_noise(mean[:1], variance[:1], 100)
    assert signal_to_noise(mean, variance, 100) == alone == pytest.approx(3.0, rel=0.02)


def test_power_of_a_power_law():
    K = (1, 3, 10, 100)
    assert power(K, [7 * k**-0.5 for k in K]) == pytest.approx(-0.5)
    assert power(K, [0.0, *(k**0.5 for k in K[1:])]) == pytest.approx(0.5)
    assert math.isnan(power(K, [1.0, 0.0, 0.0, 0.0]))


def test_the_ratio_of_one_draw_is_worked_out_by_hand():
    """K = 1: the decoder's gradient is the mean over x of z + mu - x, of variance 2/3 for each x."""
    model, x = near_the_posterior(seeded(), D=6, count=5)
    with torch.no_grad():
        mean = (model.encoder(x)[0] + model.decoder.mu - x.flatten(1)).mean(0)
    expected = math.sqrt(mean.square().mean() / (2 / 3 / 5))
    found = gradient_ratios(with_draws(model, 1, "plain"), x, 2000, seeded(1))["decoder"]
    assert found == pytest.approx(expected, rel=0.03)


def with_draws(model, K, gradient):
    model.options = dataclasses.replace(model.options, draws=K, gradient=gradient)
    return model


def test_the_sums_are_those_of_the_gradients_themselves():
    model, x = near_the_posterior(seeded(), D=3, count=2)
    with_draws(model, 4, "dreg")
    generator, gradients = seeded(5), []
    for _ in range(30):
        loss = model.loss(model(x, torch.randn(model.noise_shape(2), generator=generator)), x, Objective()).loss
        found = torch.autograd.grad(loss, [model.encoder.A, model.encoder.b])
        gradients.append(torch.cat([part.flatten() for part in found]).double())
    stacked = torch.stack(gradients)
    expected = signal_to_noise(stacked.mean(0), stacked.var(0), 30)
    assert gradient_ratios(model, x, 30, seeded(5))["encoder"] == pytest.approx(expected, rel=1e-9)


def test_near_the_posterior_the_ratios_go_as_the_root_of_the_draws():
    model, x = near_the_posterior(seeded(), away=0.01)
    few, many = (
        {kind: gradient_ratios(with_draws(model, K, kind), x, 300, seeded(1)) for kind in ("plain", "stl", "dreg")}
        for K in (4, 64)
    )
    assert many["plain"]["decoder"] / few["plain"]["decoder"] == pytest.approx(4, rel=0.25)
    assert many["plain"]["encoder"] < 0.6 * few["plain"]["encoder"]
    assert many["stl"]["encoder"] > 2.5 * few["stl"]["encoder"]
    assert many["dreg"]["encoder"] > 2 * few["dreg"]["encoder"]
    assert many["dreg"]["decoder"] == pytest.approx(many["plain"]["decoder"], rel=1e-6)
