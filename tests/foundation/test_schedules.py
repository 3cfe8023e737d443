"""Schedules: the weight of the KL term and the step size at each share of the training."""

import dataclasses
import math

import pytest

from foundation.errors import InputError
from foundation.objective import Objective
from foundation.options import KLOptions, OptimizerOptions, TrainOptions
from foundation.schedules import cyclical, kl_factor, learning_rate_at, linear, objective_at
from paper.models.options import (
    AutoencoderOptions,
    BetaVAEOptions,
    ConditionalVAEOptions,
    IWAEOptions,
    VAEOptions,
    VQVAEOptions,
)

# The KL term.


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
    kl = KLOptions(schedule="linear", warmup=0.5, free_bits=0.1)
    options = TrainOptions(model=BetaVAEOptions(beta=4.0, likelihood="gaussian", sigma=0.3), kl=kl)
    assert objective_at(options, 0.25) == Objective("gaussian", 2.0, 0.3, free_bits=0.1)
    assert objective_at(options, 1.0) == Objective("gaussian", 4.0, 0.3, free_bits=0.1)


@pytest.mark.parametrize(("progress", "C"), [(0.0, 0.0), (0.1, 2.0), (0.4, 8.0), (1.0, 8.0)])
def test_a_capacity_grows_with_the_training(progress, C):
    options = TrainOptions(model=BetaVAEOptions(capacity=8.0, capacity_growth=0.4, gamma=7.0))
    objective = objective_at(options, progress)
    assert objective.capacity == pytest.approx(C)
    assert objective.gamma == 7.0


@pytest.mark.parametrize("model", [VAEOptions(), ConditionalVAEOptions(), BetaVAEOptions(beta=1.0)])
def test_the_vae_weighs_its_kl_by_1_throughout(model):
    options = TrainOptions(model=model)
    assert {objective_at(options, progress).beta for progress in (0.0, 0.3, 1.0)} == {1.0}


@pytest.mark.parametrize(
    "model",
    [IWAEOptions(), AutoencoderOptions(), VQVAEOptions(), BetaVAEOptions(capacity=5.0)],
    ids=lambda options: type(options).__name__,
)
@pytest.mark.parametrize("kl", [KLOptions(schedule="linear"), KLOptions(free_bits=0.1)], ids=["schedule", "free bits"])
def test_models_without_a_kl_term_to_weigh_refuse_a_schedule(model, kl):
    TrainOptions(model=model)
    with pytest.raises(InputError, match=r"^kl: "):
        TrainOptions(model=model, kl=kl)


# The step size.


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (OptimizerOptions(), [1, 1, 1, 1, 1]),
        (OptimizerOptions(warmup=0.5), [0, 0.5, 1, 1, 1]),
        (OptimizerOptions(schedule="cosine"), [1, (1 + math.sqrt(0.5)) / 2, 0.5, (1 - math.sqrt(0.5)) / 2, 0]),
        (OptimizerOptions(schedule="cosine", warmup=0.5), [0, 0.5, 1, 0.5, 0]),
    ],
)
def test_learning_rate(options, expected):
    options = dataclasses.replace(options, learning_rate=0.02)
    found = [learning_rate_at(options, progress) for progress in (0.0, 0.25, 0.5, 0.75, 1.0)]
    assert found == pytest.approx([0.02 * share for share in expected])
