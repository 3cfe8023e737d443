"""Wrong schedules of β, each with the number that gives it away."""

from exercises.kit.exercise import Mistake


def _warm_up(name, schedule, tell):
    """A mistake while there is a warm-up at all."""

    def linear_warm_up(step, warm_up_steps, beta):
        return schedule(step, warm_up_steps, beta) if warm_up_steps else beta

    return Mistake(name, {"linear_warm_up": linear_warm_up}, tell)


WARM_UP = (
    _warm_up(
        "the warm-up does not start at 0",
        lambda t, T, beta: beta * min((t + 1) / T, 1),
        "{came} instead of {expected}: step counts from 0, so (step + 1) is one step ahead.",
    ),
    _warm_up(
        "β a step too early",
        lambda t, T, beta: beta * min(t / (T - 1), 1),
        "{came} instead of {expected}: β is reached at step = warm_up_steps, not at the step before it.",
    ),
    _warm_up(
        "the warm-up never reaches β",
        lambda t, T, beta: beta * min(t, T) / (T + 1),
        "{came} instead of {expected}: divide by warm_up_steps, not by one more.",
    ),
    _warm_up(
        "the warm-up stops a step short of β",
        lambda t, T, beta: beta * min(t, T - 1) / T,
        "{came} instead of {expected}: the last step of the rise is never taken.",
    ),
    _warm_up(
        "the warm-up never ends",
        lambda t, T, beta: beta * t / T,
        "{came} instead of {expected}: after warm_up_steps the weight stays at β.",
    ),
    _warm_up(
        "the warm-up starts again",
        lambda t, T, beta: beta * (t % T) / T,
        "{came} instead of {expected}: step % warm_up_steps is 0 again and again. (So does a counter set to 0 in "
        "each epoch or batch.) It counts through the whole training.",
    ),
    _warm_up(
        "the warm-up ends at 1",
        lambda t, T, beta: min(t / T, 1),
        "{came} instead of {expected}: the rise leads from 0 to β, not from 0 to 1.",
    ),
    _warm_up(
        "the warm-up is cut off at β, not scaled",
        lambda t, T, beta: min(t / T, beta),
        "{came} instead of {expected}: with min(step / warm_up_steps, β) a larger β takes longer to reach.",
    ),
    _warm_up(
        "the warm-up falls",
        lambda t, T, beta: beta * max(1 - t / T, 0),
        "{came} instead of {expected}: the KL is switched on, not off.",
    ),
    _warm_up(
        "the warm-up is a switch",
        lambda t, T, beta: beta * min(t // T, 1),
        "{came} instead of {expected}: // divides whole numbers, 0 all the way and then β at once.",
    ),
    Mistake(
        "0 without a warm-up",
        {"linear_warm_up": lambda step, warm_up_steps, beta: beta * min(step / max(warm_up_steps, 1), 1)},
        "{came} instead of {expected}: where there is no warm-up, the first step already has the whole β.",
    ),
)


def _cyclical(name, schedule, tell):
    return Mistake(name, {"cyclical_warm_up": schedule}, tell)


CYCLICAL = (
    _cyclical(
        "the cycle does not repeat",
        lambda step, period, warm_up_steps, beta: beta * min(step / warm_up_steps, 1),
        "{came} instead of {expected}: this is the warm-up without cycles; at step = period it starts at 0 again.",
    ),
    _cyclical(
        "the cycle rises all the time",
        lambda step, period, warm_up_steps, beta: beta * (step % period) / period,
        "{came} instead of {expected}: the rise takes warm_up_steps, and the rest of the period is spent at β.",
    ),
    _cyclical(
        "the cycle has no time at β",
        lambda step, period, warm_up_steps, beta: beta * (step % warm_up_steps) / warm_up_steps,
        "{came} instead of {expected}: a cycle is as long as the period, not as long as the rise.",
    ),
    _cyclical(
        "the cycle takes the rise on top of the period",
        lambda step, period, warm_up_steps, beta: beta * min(step % (period + warm_up_steps) / warm_up_steps, 1),
        "{came} instead of {expected}: the period is the rise and the time at β together.",
    ),
    _cyclical(
        "the cycle ends at 1",
        lambda step, period, warm_up_steps, beta: min(step % period / warm_up_steps, 1),
        "{came} instead of {expected}: the rise leads from 0 to β, not from 0 to 1.",
    ),
    _cyclical(
        "the cycle is cut off at β, not scaled",
        lambda step, period, warm_up_steps, beta: min(step % period / warm_up_steps, beta),
        "{came} instead of {expected}: β scales the rise; min(..., β) only ends it.",
    ),
    _cyclical(
        "the cycle never levels off",
        lambda step, period, warm_up_steps, beta: beta * (step % period) / warm_up_steps,
        "{came} instead of {expected}: after warm_up_steps the weight stays at β until the period is over.",
    ),
    _cyclical(
        "the cycle falls as it rose",
        lambda step, period, warm_up_steps, beta: (
            beta * min(step % period / warm_up_steps, (period - step % period) / (period - warm_up_steps), 1)
        ),
        "{came} instead of {expected}: a triangle. The weight stays at β and then drops to 0 at once.",
    ),
    _cyclical(
        "the cycle starts a step ahead",
        lambda step, period, warm_up_steps, beta: beta * min((step + 1) % period / warm_up_steps, 1),
        "{came} instead of {expected}: step counts from 0, so (step + 1) is one step ahead.",
    ),
    _cyclical(
        "the cycle waits before it rises",
        lambda step, period, warm_up_steps, beta: (
            beta * max(step % period - (period - warm_up_steps), 0) / warm_up_steps
        ),
        "{came} instead of {expected}: first the rise, then the time at β.",
    ),
)
