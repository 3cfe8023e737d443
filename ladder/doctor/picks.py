"""Which tensor of what a step returns is the loss, told by what it depends on: the same for training and validation."""

from typing import NamedTuple

import torch
from torch import Tensor

from ladder.doctor.measured import BATCHES
from ladder.doctor.probes import Examiner
from ladder.doctor.rig import candidates_of_loss, is_total
from ladder.doctor.trace import Path


class Pick(NamedTuple):
    """The loss in a result, and what it depends on."""

    paths: tuple[Path, ...]
    """Of one tensor, or of two terms whose sum it is; none where no loss is there"""
    on_mean: bool
    on_output: bool
    why: str = ""
    """Of no loss"""

    @property
    def score(self) -> int:
        """2 where the loss depends on the decoder's output and on mu, 1 for one of them, 0 where there is no loss."""
        return self.on_mean + self.on_output


def pick_loss(examiner: Examiner) -> Pick:
    """The loss in what an examiner's step returns: what depends on both, else the sum of two terms, else one term."""
    count = BATCHES[0]
    natural = examiner.evaluate(count, noise=1.0, **examiner.fixed(count))
    candidates = candidates_of_loss(natural.raw, count)
    if not candidates:
        return Pick((), False, False, natural.error or "it returns no number")
    picks = [_dependence(examiner, path) for path, _ in candidates]
    both = [pick for pick in picks if pick.score == 2]
    of_output = [pick for pick in picks if pick.score == 1 and pick.on_output]
    of_mean = [pick for pick in picks if pick.score == 1 and pick.on_mean]
    if not both and of_output and of_mean and not _has_total(candidates):
        both = [Pick((*of_output[0].paths, *of_mean[0].paths), True, True)]
    none = Pick((), False, False, "the loss depends neither on the decoder's output nor on mu")
    return [*both, *of_output, *of_mean, none][0]


def _dependence(examiner: Examiner, path: Path) -> Pick:
    """One tensor of the result, with what moves it."""
    one, count = examiner.of((path,)), BATCHES[0]
    base = one.loss()
    moved = [one.loss(mean=one.latents(count, 1.5)), one.loss(output=torch.full_like(one.fixed(count)["output"], 0.8))]
    on_mean, on_output = (abs(value - base) > 1e-7 * max(1.0, abs(base)) for value in moved)
    return Pick((path,), on_mean, on_output)


def _has_total(candidates: list[tuple[Path, Tensor]]) -> bool:
    """Whether one of several numbers is called the loss, or is the sum of the others."""
    if any(is_total(path) for path, _ in candidates):
        return True
    values = [float(tensor.detach().mean()) for _, tensor in candidates]
    return len(values) > 2 and any(abs(2 * value - sum(values)) < 1e-6 * max(1, abs(value)) for value in values)
