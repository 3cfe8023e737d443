"""One evaluation of a loss under control: the encoder's outputs, the noise and the decoder's outputs set as wanted."""

import contextlib
import random
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ladder.doctor.loading import short
from ladder.doctor.sites import Part, Sites, changes, is_image, outputs_after, pairs, places_of_z
from ladder.doctor.steps import Step, Subject
from ladder.doctor.trace import Draw, Event, Key, Path, Tracer, pieces

SEED = 20
TOTALS = ("loss", "total", "total_loss")
"""Names that a sum of terms has in what a step returns"""
OTHER_OUTPUTS = 0.5
"""The value of a decoder's further outputs, such as a variance of pixels."""


class Result(NamedTuple):
    """What an evaluation gave."""

    raw: Any
    error: str
    events: dict[Key, Event]
    draws: list[Draw]
    z: Tensor | None
    output: Tensor | None
    """The decoder's first output before it was replaced."""


class Rig:
    """A subject, traced."""

    def __init__(self, subject: Subject) -> None:
        self.subject, self.tracer = subject, Tracer()
        if subject.model is not None:
            self.tracer.watch_model(subject.model)
        self.tracer.watch_functions(subject.loaded)

    def images(self, count: int, shape: tuple[int, ...]) -> Tensor:
        """Black and white images of random pixels; the first pixel of each is 0 and the second 1, the last 1."""
        x = torch.bernoulli(torch.full((count, *shape), 0.5), generator=torch.Generator().manual_seed(SEED))
        flat = x.view(count, -1)
        flat[:, 0], flat[:, 1], flat[:, -1] = 0, 1, 1
        return x

    def run(
        self,
        step: Step,
        x: Tensor,
        sites: Sites | None = None,
        *,
        mean: Tensor | None = None,
        spread: Tensor | None = None,
        noise: float | None = None,
        output: Tensor | None = None,
        training: bool = True,
        seed: int = SEED,
    ) -> Result:
        """Evaluate a step; everything that is None stays as the model has it."""
        tracer, model = self.tracer, self.subject.model
        tracer.clear()
        if sites is not None:
            parts: dict[Part, Tensor | None] = {sites.mean: mean}
            if sites.spread is not None:
                parts[sites.spread] = spread
            outputs: dict[Part, Tensor] = {}
            if output is not None:
                others = torch.full_like(output, OTHER_OUTPUTS)
                outputs = {part: others if number else output for number, part in enumerate(sites.outputs)}
            tracer.replace = changes(parts, outputs)
            tracer.where = step.text, training, len(x)
            if noise is not None and sites.draw is not None:
                tracer.noise = sites.draw, noise
        given = {"mean": mean, "spread": spread}
        self.subject.set = {name: tensor for name, tensor in given.items() if tensor is not None}
        self.subject.latest_z = lambda: self._argument(sites)
        if model is not None:
            model.train(training)
        raw, error = None, ""
        with self._numbers_kept(), tracer:
            torch.manual_seed(seed)
            random.seed(seed)
            np.random.seed(seed)  # noqa: NPY002  (the user's code may use it)
            try:
                raw = step.call(x)
            except MemoryError:
                raise  # the next evaluation would need as much
            except (Exception, SystemExit) as problem:
                error = f"{type(problem).__name__}: {short(problem)}"
        events = {event.key: event for event in tracer.events}
        z, out = self._argument(sites), None
        if sites is not None:
            place = events.get(sites.outputs[0].key) if sites.outputs else None
            out = dict(place.outputs).get(sites.outputs[0].path) if place else None
        return Result(raw, error, events, [*tracer.draws], z, out)

    def _argument(self, sites: Sites | None) -> Tensor | None:
        """z, as the call that gets it got it."""
        if sites is None:
            return None
        found = next((event for event in self.tracer.events if event.key == sites.z[0]), None)
        return dict(found.inputs).get(sites.z[1]) if found is not None else None

    @contextlib.contextmanager
    def _numbers_kept(self) -> Iterator[None]:
        """Put counters of the model back afterwards, so that each evaluation is the first one."""
        model = self.subject.model
        kept = [
            (module, name, value)
            for module in (model.modules() if model is not None else ())
            for name, value in vars(module).items()
            if type(value) in (int, float)
        ]
        try:
            yield
        finally:
            for module, name, value in kept:
                object.__setattr__(module, name, value)

    # Finding the sites

    def locate(self, step: Step, x: Tensor) -> tuple[Sites | None, str]:
        """The sites of a step; None, and why, where they are not found."""
        natural = self.run(step, x)
        if not natural.events or (step.is_forward and natural.error):
            return None, natural.error or "no call of a module or function of the file was seen"
        events = sorted(natural.events.values(), key=lambda event: event.start)
        tried, score = set[tuple[Any, ...]](), 0
        best: Sites | None = None
        for draw, event, path in places_of_z(events, natural.draws, x):
            tensor = dict(event.inputs)[path]
            outputs = outputs_after(event.start, events, x)
            if (draw, event.key, path) in tried or not outputs or len(tried) > 12:
                continue
            tried.add((draw, event.key, path))
            shape = dict(next(e for e in events if e.key == outputs[0].key).outputs)[outputs[0].path].shape
            for mean, spread in pairs(events, event.start, tensor.shape):
                sites = Sites(mean, spread, (event.key, path), outputs, draw, tuple(tensor.shape[1:]), tuple(shape[1:]))
                now = self._confirmed(step, sites, x)
                if now > score:
                    best, score = sites, now
                if now == 3:
                    return sites, ""
            if score == 2 or (score and draw is None):
                break
        if best is None:
            wanted = "a decoder's output of the size of the input was not found"
            seen = any(is_image(tensor, x) for event in events for _, tensor in event.outputs)
            return None, natural.error or ("mu and the spread were not found" if seen else wanted)
        return best, ""

    def _confirmed(self, step: Step, sites: Sites, x: Tensor) -> int:
        """Points for z = mu without noise, for z that moves with the noise, and for z that moves with the spread.

        Where z is mu and a constant, which is a fault of the noise, one point fewer.
        """
        shape = len(x), *sites.latent_shape
        mean = torch.linspace(-1, 1, int(np.prod(shape))).view(shape)
        near, far = torch.full(shape, 0.5), torch.full(shape, 1.5)
        still = self.run(step, x, sites, mean=mean, spread=near, noise=0.0).z
        if still is None or still.shape != mean.shape:
            return 0
        constant = (still - mean).reshape(-1)[0]
        if not torch.allclose(still - constant, mean, atol=1e-5):
            return 0
        if sites.draw is None:
            return 1
        one = self.run(step, x, sites, mean=mean, spread=near, noise=1.0).z
        if one is None or torch.allclose(one, still, atol=1e-9):
            return 0
        if sites.spread is None:
            return 1
        other = self.run(step, x, sites, mean=mean, spread=far, noise=1.0).z
        moves = other is not None and not torch.allclose(one, other, atol=1e-9)
        return 1 + int(moves) + int(abs(float(constant.detach())) < 1e-4)


def scalar(raw: Any, paths: Sequence[Path]) -> Tensor | None:
    """The loss in a result, the sum of the tensors at some paths; None where one is not there. A loss for each image is
    averaged.
    """
    found = dict(pieces(raw))
    tensors = [found[path] for path in paths if path in found]
    if not tensors or len(tensors) != len(paths):
        return None
    return torch.stack([tensor.mean() if tensor.dim() else tensor for tensor in tensors]).sum()


def candidates_of_loss(raw: Any, count: int) -> list[tuple[Path, Tensor]]:
    """Tensors of a result that may be a loss: one number, or one for each image; those named loss first."""
    found = [
        (path, tensor)
        for path, tensor in pieces(raw)
        if tensor.is_floating_point() and (tensor.numel() == 1 or tensor.shape == (count,))
    ]
    return sorted(found, key=lambda item: not is_total(item[0]))


def is_total(path: Path) -> bool:
    """Whether a tensor's name says that it is the whole loss."""
    return bool(path) and str(path[-1]).lower() in TOTALS
