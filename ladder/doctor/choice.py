"""The best way to compute a file's loss: which model, images of which size, which function."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from torch import nn

from ladder.doctor.child import send
from ladder.doctor.loading import Loaded, NotFoundError, find_models, load_file, load_module
from ladder.doctor.measured import BATCHES, Found
from ladder.doctor.picks import Pick, pick_loss
from ladder.doctor.probes import Examiner
from ladder.doctor.rig import Rig
from ladder.doctor.sites import Part
from ladder.doctor.steps import LOSSES, Names, Step, Subject

SHAPES = ((1, 28, 28), (784,), (3, 32, 32), (3, 64, 64), (1, 32, 32), (1, 64, 64), (3, 128, 128), (3, 28, 28))
"""Images that are tried as input."""


class Choice(NamedTuple):
    """A way to compute the loss, and what it depends on."""

    examiner: Examiner
    pick: Pick
    found: Found
    label_kind: int

    @property
    def score(self) -> int:
        """That of the loss; see `Pick.score`."""
        return self.pick.score

    @property
    def is_certain(self) -> bool:
        """Whether nothing better needs to be looked for."""
        return self.score == 2 or (self.score == 1 and self.examiner.step.text.startswith("training_step"))


def choose(task: dict[str, Any], precision: str, results: BinaryIO) -> tuple[Choice | None, str]:
    """The best way to compute the loss; None, and why, where not even a forward pass is understood."""
    path = Path(task["file"]) if task["file"] else None
    send(results, {"stage": "running the file"})
    loaded = (
        load_file(path, Path(task["copy"]), task["definitions_only"])
        if path is not None
        else load_module(task["module"], Path(task["folder"]))
    )
    try:
        made = find_models(loaded, task["object"], task["make"])
    except NotFoundError as error:
        raise NotFoundError(_with_cause(str(error), loaded)) from error
    send(results, {"stage": "looking for the loss"})
    best, complement, reason = None, False, ""
    for one in made:
        rig = Rig(Subject(loaded, one.model, Names(**task["names"])))
        shapes = [tuple(task["input"])] if task["input"] else [*_shapes(one.model)]
        now, other, why = _best(rig, shapes, Found(one.text, precision=precision, left_out=loaded.left_out[:20]))
        reason, complement = reason or why, complement or other
        if now is not None and (best is None or now.score > best.score):
            best = now
        if best is not None and best.is_certain:
            break
    if best is None:
        return None, _with_cause(reason, loaded)
    if best.score == 1 and complement and best.examiner.step.text.partition("(")[0] not in LOSSES:
        best.found.loss = ""
        best.found.why_no_loss = "its terms are in functions of their own, and none adds them"
        best = best._replace(pick=Pick((), False, False))
    return best, reason


def _with_cause(reason: str, loaded: Loaded) -> str:
    """Why nothing was found; a statement that failed is the likely cause."""
    return f"{reason}; did not run: {loaded.left_out[0]}" if loaded.left_out else reason


def _best(rig: Rig, shapes: list[tuple[int, ...]], known: Found) -> tuple[Choice | None, bool, str]:
    """The best choice for a model, whether another function has the other term, and the first error."""
    best: Choice | None = None
    complement, reason = False, ""
    for shape in shapes:
        for kind in (0, 1):
            rig.subject.label_kind = kind
            for now in _choices(rig, shape, known):
                if isinstance(now, str):
                    reason = reason or now
                    continue
                if best is not None and now.score == best.score == 1:
                    complement = complement or now.pick.on_output != best.pick.on_output
                if best is None or now.score > best.score:
                    best = now
                if best.is_certain:
                    return best, complement, ""
            if best is not None and best.examiner.shape == shape:
                break
    return best, complement, reason


def _choices(rig: Rig, shape: tuple[int, ...], known: Found) -> Iterator[Choice | str]:
    """Every way to compute the loss for images of a shape, then the first error."""
    x = rig.images(BATCHES[0], shape)
    errors: list[str] = []
    steps: list[Step] = [*rig.subject.steps()]
    for step in steps:
        sites, why = rig.locate(step, x)
        if sites is None:
            errors.append(f"{step.text} with images {list(x.shape)}: {why}")
            continue
        examiner = Examiner(rig, shape, step, sites)
        pick = pick_loss(examiner)  # forward itself may return a loss
        if pick.why and not step.is_forward:
            errors.append(f"{step.text} with images {list(x.shape)}: {pick.why}")
            continue
        found = dataclasses.replace(
            known,
            encoder=_place(sites.mean, sites.spread),
            decoder=sites.outputs[0].key[0],
            loss=step.text if pick.score else "",
            why_no_loss="" if pick.score else [*errors, "no function named as losses are was found"][0],
            image_shape=[*shape],
            latent_shape=[*sites.latent_shape],
            terms_apart=len(pick.paths) > 1,
        )
        yield Choice(examiner.of(pick.paths), pick, found, rig.subject.label_kind)
    if errors:
        yield errors[0]


def _place(mean: Part, spread: Part | None) -> str:
    names = [mean.key[0]] + ([spread.key[0]] if spread is not None and spread.key[0] != mean.key[0] else [])
    return " and ".join(names)


def _shapes(model: nn.Module | None) -> Iterator[tuple[int, ...]]:
    """Images that are tried, first those that the model's first layer takes."""
    layers = model.modules() if model is not None else ()
    first = next((module for module in layers if isinstance(module, nn.Linear | nn.Conv2d)), None)
    if isinstance(first, nn.Conv2d):
        yield from (shape for shape in SHAPES if shape[0] == first.in_channels)
        return
    if first is not None:
        yield from (shape for shape in SHAPES[:1] if first.in_features == 784)
        yield (first.in_features,)
    yield from SHAPES
