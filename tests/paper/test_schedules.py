"""How much the KL term counts at each step."""

import pytest

torch = pytest.importorskip("torch")

from paper.options import KLOptions  # noqa: E402
from paper.schedules import Weights, cyclical, free_bits, kl_factor, linear, weights_at  # noqa: E402


@pytest.mark.parametrize(("progress", "factor"), [(0.0, 0), (0.1, 0.4), (0.25, 1), (0.3, 1), (1.0, 1)])
def test_linear(progress, factor):
    assert linear(progress, 0.25) == pytest.approx(factor)


# Two cycles, each with its first half for the warm-up.
@pytest.mark.parametrize(
    ("progress", "factor"),
    [(0.0, 0), (0.125, 0.5), (0.25, 1), (0.49, 1), (0.5, 0), (0.625, 0.5), (0.75, 1), (0.99, 1), (1.0, 1)],
)
def test_cyclical(progress, factor):
    assert cyclical(progress, 0.5, 2) == pytest.approx(factor)


def test_a_cycle_that_never_rests_still_ends_at_1():
    assert cyclical(0.999, 1.0, 3) == pytest.approx(0.997)
    assert cyclical(1.0, 1.0, 3) == 1


@pytest.mark.parametrize("schedule", ["constant", "linear", "cyclical"])
def test_every_schedule_stays_in_0_to_1_and_ends_at_1(schedule):
    options = KLOptions(schedule=schedule)
    factors = [kl_factor(options, step / 100) for step in range(101)]
    assert 0 <= min(factors) <= max(factors) == factors[-1] == 1
    assert schedule == "constant" or factors[0] == 0


def test_the_factor_multiplies_the_models_beta():
    options = KLOptions(schedule="linear", warmup=0.5, free_bits=0.1)
    assert weights_at(options, 4.0, 0.25) == Weights(2.0, 0.1, 0.25)


# Free bits. The mean over images comes before the comparison: the first latent has 0.2 nats on average, the second 2.

KL = [[0.1, 1.0], [0.3, 3.0]]


@pytest.mark.parametrize(("least", "expected"), [(0.0, 2.2), (0.1, 2.2), (0.25, 2.25), (0.5, 2.5), (5.0, 10.0)])
def test_a_latent_costs_at_least_lambda(least, expected):
    assert free_bits(torch.tensor(KL), least).item() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("least", "expected"), [(0.0, [0.5, 0.5]), (0.15, [0.5, 0.5]), (0.25, [0, 0.5]), (2.5, [0, 0])]
)
def test_a_latent_below_lambda_has_no_gradient(least, expected):
    # Image 1 alone would be above 0.25 nats with its first latent: it is the batch that counts.
    kl = torch.tensor(KL, requires_grad=True)
    (gradient,) = torch.autograd.grad(free_bits(kl, least), kl, allow_unused=True)
    torch.testing.assert_close(gradient, torch.tensor([expected, expected], dtype=torch.float32))
