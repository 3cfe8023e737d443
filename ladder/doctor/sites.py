"""Where in a model mu, the spread, the noise, z and the decoder's output are, found by shapes and confirmed by numbers.

Names count for nothing here: a pair of tensors is taken for the encoder's outputs when z is the first of them wherever
the noise is set to 0, and moves with the second wherever it is not.
"""

import itertools
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ladder.doctor.trace import EVERY, Draw, Event, Key, Path, pieces, replaced

MOST_PAIRS = 40


class Part(NamedTuple):
    """A tensor in the result of a call, or one of its halves along dimension 1."""

    key: Key
    path: Path
    half: int | None = None


class Sites(NamedTuple):
    """The places of a VAE in one evaluation of its loss."""

    mean: Part
    spread: Part | None
    z: tuple[Key, Path]
    """An argument of a call."""
    outputs: tuple[Part, ...]
    """The decoder's outputs, as large as an image."""
    draw: int | None
    """The number of the draw of noise."""
    latent_shape: tuple[int, ...]
    """Without the batch."""
    output_shape: tuple[int, ...]


def is_image(tensor: Tensor, x: Tensor) -> bool:
    """Whether a tensor has as many entries as the images."""
    if tensor.numel() != x.numel() or tensor.dim() < 2 or len(tensor) != len(x) or not tensor.is_floating_point():
        return False
    return tensor.shape == x.shape or 2 in (tensor.dim(), x.dim())


def places_of_z(events: list[Event], draws: list[Draw], x: Tensor) -> Iterator[tuple[int | None, Event, Path]]:
    """Arguments that may be z: (draw, call, path), first those that follow a draw of noise of their shape."""
    events = sorted(events, key=lambda event: event.start)
    for number, draw in reversed([*enumerate(draws)]):
        for event in events:
            if event.start > draw.time:
                for path, tensor in event.inputs:
                    if _is_latent(tensor, x) and _fits(draw.shape, tensor.shape):
                        yield number, event, path
    for event in events:
        if any(is_image(tensor, x) for _, tensor in event.outputs):
            for path, tensor in event.inputs:
                if _is_latent(tensor, x):
                    yield None, event, path


def _is_latent(tensor: Tensor, x: Tensor) -> bool:
    return tensor.is_floating_point() and tensor.dim() > 1 and len(tensor) == len(x) and not is_image(tensor, x)


def _fits(draw: tuple[int, ...], shape: torch.Size) -> bool:
    try:
        return torch.broadcast_shapes(draw, shape) == shape
    except RuntimeError:
        return False


def outputs_after(start: int, events: list[Event], x: Tensor) -> tuple[Part, ...]:
    """The decoder's outputs: those of the first call from `start` on that returns an image."""
    for event in sorted(events, key=lambda event: event.start):
        if event.start >= start:
            found = [Part(event.key, path) for path, tensor in event.outputs if is_image(tensor, x)]
            if found:
                return tuple(found)
    return ()


def pairs(events: list[Event], before: int, latent: torch.Size) -> list[tuple[Part, Part | None]]:
    """What may be mu and the spread, the most likely first: results of calls that ended before a time."""
    ended = sorted((event for event in events if event.end <= before), key=lambda event: -event.end)
    together, halves, alone, seen = [], [], [], set[int]()
    doubles = list[Part]()
    for event in ended:
        parts = [Part(event.key, path) for path, tensor in event.outputs if tensor.shape == latent]
        together += [*itertools.permutations(parts, 2)]
        of_one = [tensor for _, tensor in event.outputs if tensor.shape == latent]
        if len(parts) == 1 and id(of_one[0]) not in seen:  # a Sequential returns its last layer's own result
            alone += parts
            seen.add(id(of_one[0]))
        for path, tensor in event.outputs:
            if tensor.dim() == len(latent) and tensor.shape == (latent[0], 2 * latent[1], *latent[2:]):
                one, other = Part(event.key, path, 0), Part(event.key, path, 1)
                halves += [(one, other), (other, one)]
                for part in doubles:  # the halves may come from two calls
                    first, second = (part, other), (Part(part.key, part.path, 1), one)
                    halves += [first, second, (first[1], first[0]), (second[1], second[0])]
                doubles.append(one)
    across = [(one, other) for one, other in itertools.permutations(alone[:6], 2)]
    found: list[tuple[Part, Part | None]] = [*together, *halves, *across]
    return found[:MOST_PAIRS] + [(part, None) for part in alone[:4]]


def changes(parts: dict[Part, Tensor | None], outputs: dict[Part, Tensor]) -> dict[Key, Any]:
    """Functions that put tensors in the place of these parts, by the call whose result they change.

    The encoder's `parts` are changed in every call of its name, since a loss may call it again, unless two of them are
    the same place of two calls; the decoder's `outputs` in one call.
    """
    wanted = {part: tensor for part, tensor in parts.items() if tensor is not None}
    places = {(part.key[0], part.path, part.half) for part in parts}
    by_key: dict[Key, dict[Part, Tensor]] = {}
    for part, tensor in wanted.items():
        key = (part.key[0], EVERY) if len(places) == len(parts) else part.key
        by_key.setdefault(key, {})[part] = tensor
    for part, tensor in outputs.items():
        by_key.setdefault(part.key, {})[part] = tensor
    return {key: _changer(of_key) for key, of_key in by_key.items()}


def _changer(wanted: dict[Part, Tensor]) -> Any:
    def change(out: Any) -> Any:
        tensors: dict[Path, Tensor] = {}
        for part, tensor in wanted.items():
            now = tensors.get(part.path, dict(pieces(out)).get(part.path))
            if now is None or len(now) != len(tensor):  # a call of the same name for something else
                return out
            if part.half is None:
                tensors[part.path] = tensor
            else:
                halves = [*now.chunk(2, 1)]
                halves[part.half] = tensor
                tensors[part.path] = torch.cat(halves, 1)
        return replaced(out, tensors)

    return change
