"""All that is measured of a VAE whose loss has been found, in one record."""

from collections.abc import Callable
from typing import Any

import torch

from ladder.doctor import measured
from ladder.doctor.loading import short
from ladder.doctor.picks import pick_loss
from ladder.doctor.probes import Examiner, data_range, range_of
from ladder.doctor.stated import constants_of


def examine(examiner: Examiner, found: measured.Found) -> measured.Measured:
    """All that is measured of a step; a probe that fails is noted in `problems`."""
    whole, subject = measured.Measured(found), examiner.rig.subject

    def attempt(what: str, probe: Callable[[], Any]) -> Any:
        try:
            return probe()
        except Exception as error:
            whole.problems.append(f"{what}: {type(error).__name__}: {short(error)}")
            return None

    validation = subject.validation() if found.loss else None
    whole.has_validation = validation is not None
    later = examiner.later(validation or examiner.step)
    if validation is not None:
        later = later.of(attempt("loss of validation", lambda: pick_loss(later).paths) or ())
    whole.noise = attempt("noise", examiner.noise) or whole.noise
    whole.training = attempt("sampler", examiner.sampler) or whole.training
    whole.evaluation = attempt("sampler", later.sampler) or whole.evaluation
    parts = attempt("encoder", examiner.natural_parts) or {}
    if parts.get("mean") is not None:
        whole.mean_range = range_of(parts["mean"])
    if parts.get("spread") is not None:
        whole.spread_range = range_of(parts["spread"])
        whole.same_head = parts["mean"] is not None and bool(torch.equal(parts["mean"], parts["spread"]))
    whole.output_range = attempt("decoder", examiner.output_range)
    if found.loss:
        whole.loss = attempt("loss", examiner.losses)
        whole.evaluation_loss = attempt("loss in evaluation mode", later.losses)
        whole.gradients = attempt("gradients", examiner.gradients) or whole.gradients
        numbers = attempt("weights", examiner.weights)
        whole.weights, whole.schedules = numbers or ([], [])
        whole.assumed = [weight.name for weight in whole.weights if weight.name in subject.assumed]
        again = examiner.loss()
        moved = whole.loss is not None and abs(again - whole.loss.value) > 1e-9 * max(1, abs(again))
        whole.repeatable = not moved  # NaN is no other number than NaN
    whole.constants = constants_of(subject.loaded.source)
    whole.data_range = attempt("transform", lambda: data_range(subject.loaded.namespace)) or []
    return whole
