"""The probes: one evaluation after another, each with one thing changed. `verdict` says what the numbers mean."""

import copy
import math
from collections.abc import Sequence
from typing import Any, Self

import torch
from torch import Tensor

from ladder.doctor import measured
from ladder.doctor.measured import BASE_OUTPUT, BASE_SPREAD, BATCHES, MEANS, NEAR_PRIOR, PROBABILITIES, SPREADS
from ladder.doctor.rig import Result, Rig, scalar
from ladder.doctor.sites import Part, Sites
from ladder.doctor.stated import COUNTER, numbers_of
from ladder.doctor.steps import Step
from ladder.doctor.trace import UNIFORM, Path

FAR = (1.0, 10.0, 1e3, 1e6)
"""Factors of latents, to see how far the decoder's outputs reach."""
LATE = 10**6
"""A step or epoch after any warm-up."""


class Examiner:
    """All probes of one step, with the model in one mode."""

    def __init__(
        self,
        rig: Rig,
        shape: tuple[int, ...],
        step: Step,
        sites: Sites,
        paths: Sequence[Path] = (),
        training: bool = True,
    ) -> None:
        self.rig, self.shape, self.step, self.sites = rig, shape, step, sites
        self.paths, self.training = paths, training
        self.images = {count: rig.images(count, shape) for count in BATCHES}

    def of(self, paths: Sequence[Path]) -> Self:
        """The same probes of other tensors of the result."""
        other = copy.copy(self)
        other.paths = paths
        return other

    def later(self, step: Step) -> Self:
        """The probes of a step after `model.eval()`."""
        other = copy.copy(self)
        other.step, other.training = step, False
        return other

    # Evaluations

    def evaluate(self, count: int = BATCHES[0], **fixed: Any) -> Result:
        x = fixed.pop("x", self.images[count])
        return self.rig.run(self.step, x, self.sites, **({"training": self.training} | fixed))

    def fixed(self, count: int = BATCHES[0]) -> dict[str, Tensor]:
        """What all differences of the loss are measured from: mu, the spread and the decoder's output."""
        output = torch.full((count, *self.sites.output_shape), BASE_OUTPUT)
        return {"mean": self.latents(count), "spread": self.latents(count, BASE_SPREAD), "output": output}

    def latents(self, count: int, value: float = 0.0) -> Tensor:
        return torch.full((count, *self.sites.latent_shape), value)

    def loss(self, count: int = BATCHES[0], **changed: Any) -> float:
        """The loss where nothing is left to chance: the mean over noise 1 and noise -1, at which a KL that is estimated
        from one draw of z is exact, too. NaN where it fails.
        """
        fixed = self.fixed(count) | changed
        values = []
        for noise in (1.0, -1.0) if self.sites.draw is not None else (0.0,):
            loss = scalar(self.evaluate(count, noise=noise, **fixed).raw, self.paths)
            if loss is None:
                return math.nan
            values.append(float(loss.detach()))
        return sum(values) / len(values)

    # Sampler

    def sampler(self) -> measured.Sampler:
        """z, with the encoder's outputs set."""
        count = BATCHES[0]
        mean = torch.linspace(-1, 1, self.latents(count).numel()).view(self.latents(count).shape)

        def z(spread: float, noise: float | None) -> Tensor | None:
            return self.evaluate(count, noise=noise, mean=mean, spread=self.latents(count, spread)).z

        still = z(BASE_SPREAD, 0.0)
        if still is None:
            return measured.Sampler()
        draws = self.evaluate(count, mean=mean, spread=self.latents(count, BASE_SPREAD)).draws
        spreads = []
        for spread in SPREADS:
            low, high = z(spread, 0.0), z(spread, 1.0)
            spreads.append(math.nan if low is None or high is None else float((high - low).detach().view(-1)[0]))
        return measured.Sampler(
            is_reached=True,
            draws=bool(draws) and self.sites.draw is not None,
            offset=float((still - mean).abs().max().detach()),
            spread=spreads,
        )

    def noise(self) -> measured.Noise:
        """What the noise of z is drawn from."""
        count = BATCHES[0]
        fixed = {"mean": self.latents(count), "spread": self.latents(count, BASE_SPREAD)}
        natural = self.evaluate(count, **fixed)
        if self.sites.draw is None or self.sites.draw >= len(natural.draws):
            other = self.evaluate(count, seed=1, **fixed)
            moves = natural.z is not None and other.z is not None and not torch.equal(natural.z, other.z)
            return measured.Noise("another library" if moves else "")
        draw, other = natural.draws[self.sites.draw], self.evaluate(count, seed=1, **fixed)
        same = natural.z is not None and other.z is not None and torch.equal(natural.z, other.z)
        return measured.Noise(draw.name, [*draw.shape], draw.name in UNIFORM, bool(same))

    # Loss

    def losses(self) -> measured.Loss:
        """The loss along mu, the spread and the decoder's output."""
        found = measured.Loss(value=self.loss())
        for count in BATCHES:
            base = self.loss(count)
            means = [self._at("mean", count, 0, value) for value in MEANS]
            found.means.append([self.loss(count, **change) - base for change in means])
            found.black.append(self._along_output(count, 0, base))
            found.white.append(self._along_output(count, 1, base))
        first = BATCHES[0]
        found.last_mean = self.loss(first, **self._at("mean", first, -1, MEANS[-1])) - found.value
        standard = self.latents(first)
        near = self.latents(first)
        near.view(-1)[0] = NEAR_PRIOR
        found.near_prior = self.loss(first, spread=standard, mean=near) - self.loss(first, spread=standard)
        found.spreads = [self.loss(first, **self._at("spread", first, 0, value)) - found.value for value in SPREADS]
        return found

    def _at(self, name: str, count: int, entry: int, value: float) -> dict[str, Tensor]:
        tensor = self.latents(count, BASE_SPREAD if name == "spread" else 0.0)
        tensor.view(-1)[entry] = value
        return {name: tensor}

    def _along_output(self, count: int, entry: int, base: float) -> list[float]:
        found = []
        for value in PROBABILITIES:
            output = self.fixed(count)["output"]
            output.view(-1)[entry] = value
            found.append(self.loss(count, output=output) - base)
        return found

    # Ranges

    def natural_parts(self, count: int = 8) -> dict[str, Tensor | None]:
        """mu and the spread as the encoder gives them for random images."""
        result = self.evaluate(x=self.rig.images(count, self.shape))
        found = {}
        for name, part in (("mean", self.sites.mean), ("spread", self.sites.spread)):
            found[name] = _part(result, part) if part is not None else None
        return found

    def output_range(self) -> measured.Range | None:
        """The decoder's outputs for latents from ordinary to huge."""
        if self.sites.outputs[0].path[-1:] in (("logits",), ("probs",)):
            return None
        values = []
        shape = (BATCHES[-1], *self.sites.latent_shape)
        for factor in FAR:
            z = torch.randn(shape, generator=torch.Generator().manual_seed(3)) * factor
            small = self.latents(BATCHES[-1], 0.5)
            result = self.evaluate(BATCHES[-1], mean=z, spread=small, noise=0.0, training=False)
            if result.output is not None and bool(result.output.isfinite().all()):
                values.append(result.output.detach().reshape(-1))
        return range_of(torch.cat(values)) if values else None

    # Gradients

    def gradients(self) -> measured.Gradients:
        """Whether they reach what they should, where the loss itself does change."""
        found, count = measured.Gradients(), BATCHES[0]
        mean = self.latents(count, 0.5).requires_grad_()
        spread = self.latents(count, 0.75).requires_grad_()
        result = self.evaluate(count, mean=mean, spread=spread, noise=1.0)
        if result.z is not None:
            found.z_to_mean = _reaches(result.z.sum(), mean)
            if self.sites.spread is not None and self.sites.draw is not None:
                found.z_to_spread = _reaches(result.z.sum(), spread)
        output = torch.full((count, *self.sites.output_shape), BASE_OUTPUT).requires_grad_()
        fixed = scalar(self.evaluate(count, mean=mean, spread=spread, noise=1.0, output=output).raw, self.paths)
        if fixed is not None:
            found.kl_to_mean, found.kl_to_spread = _reaches(fixed, mean), _reaches(fixed, spread)
            found.reconstruction = _reaches(fixed, output)
        parts = self.natural_parts()
        for name in ("mean", "spread"):
            part = parts[name]
            setattr(found, f"{name}_head", part is None or bool(part.requires_grad))
        natural = self.evaluate(count)
        loss = scalar(natural.raw, self.paths)
        found.decoder = natural.output is None or bool(natural.output.requires_grad)
        if loss is not None and self.rig.subject.model is not None:
            listed = {id(parameter) for parameter in self.rig.subject.model.parameters()}
            found.unregistered = sum(id(leaf) not in listed for leaf in leaves(loss))
        return found

    # Numbers that the file states

    def weights(self) -> tuple[list[measured.Weight], list[str]]:
        """Numbers of the model, of the loss's arguments and of the file, at which the KL's weight changes with them."""
        found, schedules = [], []
        change: dict[str, Any] = {**self._at("mean", BATCHES[0], 0, MEANS[-1])}

        def kl() -> float:
            return self.loss(**change) - self.loss()

        before = kl()
        for name, value, put in numbers_of(self.rig.subject):
            is_counter = bool(COUNTER.search(name))
            put(LATE if is_counter else type(value)(value * 2) or 1)
            try:
                now = kl()
            finally:
                put(value)
            if is_counter and abs(now - before) > 1e-6 * max(abs(now), abs(before)):
                schedules.append(name)
            elif not is_counter and value and abs(before) > 1e-12:
                power = {2.0: 1, 0.5: -1}.get(round(now / before, 4), 0)
                if power:
                    found.append(measured.Weight(name, float(value), power))
        return found, schedules


def range_of(values: Tensor) -> measured.Range:
    values = values.detach().reshape(-1)
    return measured.Range(float(values.min()), float(values.max()), float((values == 0).double().mean()))


def _part(result: Result, part: Part) -> Tensor | None:
    event = result.events.get(part.key)
    tensor = dict(event.outputs).get(part.path) if event is not None else None
    return tensor if tensor is None or part.half is None else tensor.chunk(2, 1)[part.half]


def _reaches(value: Tensor, leaf: Tensor) -> bool:
    """Whether a gradient of the value arrives, and is not zero everywhere."""
    if not value.requires_grad:
        return False
    (gradient,) = torch.autograd.grad(value, leaf, allow_unused=True, retain_graph=True)
    return gradient is not None and bool((gradient != 0).any())


def leaves(value: Tensor) -> list[Tensor]:
    """The leaf tensors with gradients that a value was computed from."""
    found, seen, waiting = [], set(), [value.grad_fn]
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if hasattr(node, "variable"):
            found.append(node.variable)
        waiting += [parent for parent, _ in node.next_functions]
    return found


def data_range(namespace: dict[str, Any]) -> list[float]:
    """What a transform of the file (torchvision's Compose) makes of a black and of a white pixel."""
    from PIL import Image

    for value in namespace.values():
        if type(value).__name__ == "Compose" and callable(value):
            ends = []
            for level in (0, 255):
                for mode in ("L", "RGB"):
                    try:
                        out = value(Image.new(mode, (64, 64), level if mode == "L" else (level,) * 3))
                    except Exception:
                        continue
                    ends += [float(out.min()), float(out.max())] if isinstance(out, Tensor) else []
                    break
            if ends:
                return [min(ends), max(ends)]
    return []
