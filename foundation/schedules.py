"""Schedules of the KL weight and of the step size: functions of `progress`, the share of training that is done."""

import bisect
import dataclasses
import math

from foundation.objective import Objective
from foundation.options import KLOptions, OptimizerOptions, TrainOptions

STAGES = tuple(3**i for i in range(8))
"""Epochs of each stage in the protocol of Burda et al. (2016): 3280 in all. A training of another length has stages of
the same shares."""
STARTS = tuple(sum(STAGES[:i]) / sum(STAGES) for i in range(len(STAGES)))
"""The share of the training that is done when each stage begins."""
STAGE_FACTORS = tuple(round(10 ** (1 - i / 7), 1) / 10 for i in range(len(STAGES)))
"""The step size of each stage, as a share of the largest: 10^(-i/7), rounded as in their code,
github.com/yburda/iwae."""


def objective_at(options: TrainOptions, progress: float) -> Objective:
    """The objective when `progress` of the training is done: the model's own, under the options of --kl."""
    own = options.model.objective(progress)
    return dataclasses.replace(own, beta=own.beta * kl_factor(options.kl, progress), free_bits=options.kl.free_bits)


def depends_on_length(options: TrainOptions) -> list[str]:
    """What changes with the share of training that is done, by name: with it 20 epochs do not begin like 10."""
    kl, optimizer, own = options.kl, options.optimizer, options.model.objective
    found = {
        f"a {kl.schedule} KL weight": kl.schedule != "constant",
        "the model's own objective": any(own(i / 16) != own() for i in range(16)),
        f"a {optimizer.schedule} step size": optimizer.schedule != "constant",
        "the warm-up of the step size": optimizer.warmup > 0,
    }
    return [name for name, changes in found.items() if changes]


def kl_factor(options: KLOptions, progress: float) -> float:
    """The factor on beta, from 0 to 1."""
    if options.schedule == "linear":
        return linear(progress, options.warmup)
    if options.schedule == "cyclical":
        return cyclical(progress, options.warmup, options.cycles)
    return 1.0


def linear(progress: float, warmup: float) -> float:
    """From 0 to 1 linearly over the first `warmup` of the training, then 1 (Sønderby et al. 2016)."""
    return min(1.0, progress / warmup)


def cyclical(progress: float, warmup: float, cycles: int) -> float:
    """`linear`, repeated in each cycle (Fu et al. 2019); 1 at the end of training."""
    return linear(progress * cycles % 1 if progress < 1 else 1.0, warmup)


def learning_rate_at(options: OptimizerOptions, progress: float) -> float:
    """The step size when `progress` of the training is done: a linear warm-up from 0, then the schedule.

    The cosine falls from the largest step size to 0 at the end (Loshchilov & Hutter 2017, without restarts), the stages
    to a tenth of it (Burda et al. 2016, section 5).
    """
    if progress < options.warmup:
        return options.learning_rate * progress / options.warmup
    if options.schedule == "stages":
        return options.learning_rate * STAGE_FACTORS[bisect.bisect_right(STARTS, progress) - 1]
    if options.schedule == "cosine":
        return options.learning_rate * (1 + math.cos(math.pi * (progress - options.warmup) / (1 - options.warmup))) / 2
    return options.learning_rate
