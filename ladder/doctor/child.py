"""The process in which the user's file runs: it finds the model, makes the probes, and sends plain numbers."""

import dataclasses
import faulthandler
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from exercises.kit import confine
from exercises.kit.frames import Encoder, write_frame
from exercises.kit.runner import ERRORS, private_streams

SHAPES = ((1, 28, 28), (784,), (3, 32, 32), (3, 64, 64), (1, 32, 32), (1, 64, 64), (3, 128, 128), (3, 28, 28))
"""Images that are tried as input."""


def main() -> None:
    """Examine the file that the first argument describes."""
    task = json.loads(sys.argv[1])
    _, results = private_streams()
    task["copy"] = str(confine.enter(task["confinement"]) / task["copy"])
    os.chdir(task["working_directory"])
    import torch  # noqa: F401  (its start is no part of the file's time)

    from ladder.doctor.loading import NotFoundError, quietly

    quietly()
    send(results, {"ready": True})
    faulthandler.dump_traceback_later(task["seconds"], file=ERRORS, exit=True)
    try:
        message: dict[str, Any] = {"measured": examine(task, results)}
    except NotFoundError as error:
        message = {"failed": str(error)}
    except MemoryError:
        message = {"failed": f"more than {task['confinement']['megabytes']} megabytes; --memory-limit gives more"}
    except BaseException as error:
        message = {"failed": f"{type(error).__name__}: {_text(error)}"}
    send(results, message)
    os._exit(0)  # whatever threads the file left


def send(results: BinaryIO, message: dict[str, Any]) -> None:
    write_frame(results, Encoder().frame(message))


def _text(error: BaseException) -> str:
    from ladder.doctor.loading import short

    return short(error)


def examine(task: dict[str, Any], results: BinaryIO) -> dict[str, Any]:
    """Everything that is measured; in double precision, and where the file has single precision written in, in that."""
    import torch

    from ladder.doctor.loading import NotFoundError

    best, reason = None, ""
    for precision in ("float64", "float32"):
        torch.set_default_dtype(getattr(torch, precision))
        torch.manual_seed(0)
        now, why = choose(task, precision, results)
        reason = reason or why
        if now is not None and (best is None or now.score > best.score):
            best = now
        if best is not None and best.score == 2:
            break
    if best is None:
        raise NotFoundError(reason)
    torch.set_default_dtype(getattr(torch, best.found.precision))
    send(results, {"stage": "measuring"})
    from ladder.doctor.probes import examine as probe

    return dataclasses.asdict(probe(best.rig, best.shape, best.step, best.sites, best.pick, best.found))


class Choice(NamedTuple):
    """A way to compute the loss, and what it depends on."""

    score: int
    """2 where the loss depends on the decoder's output and on mu, 1 for one of them, 0 where there is no loss"""
    rig: Any
    shape: tuple[int, ...]
    step: Any
    sites: Any
    pick: Any
    found: Any
    depends_on_output: bool

    @property
    def is_certain(self) -> bool:
        """Whether nothing better needs to be looked for."""
        return self.score == 2 or (self.score == 1 and self.step.text.startswith("training_step"))


def choose(task: dict[str, Any], precision: str, results: BinaryIO) -> tuple[Choice | None, str]:
    """The best way to compute the loss; None, and why, where not even a forward pass is understood."""
    from ladder.doctor.loading import find_models, load_file, load_module
    from ladder.doctor.rig import Rig
    from ladder.doctor.steps import Names, Subject

    path = Path(task["file"]) if task["file"] else None
    send(results, {"stage": "running the file"})
    loaded = (
        load_file(path, Path(task["copy"]), task["definitions_only"])
        if path is not None
        else load_module(task["module"], Path(task["folder"]))
    )
    made = find_models(loaded, task["object"], task["make"])
    send(results, {"stage": "looking for the loss"})
    best, complement, reason = None, False, ""
    for one in made:
        subject = Subject(loaded, one.model, Names(**task["names"]))
        rig = Rig(subject)
        shapes = [tuple(task["input"])] if task["input"] else [*_shapes(one.model)]
        now, other, why = _best(rig, shapes, precision, one.text, loaded.left_out)
        reason, complement = reason or why, complement or other
        if now is not None and (best is None or now.score > best.score):
            best = now
        if best is not None and best.is_certain:
            break
    if best is not None and best.score == 1 and complement and not _is_named_total(best.step.text):
        best.found.loss = ""
        best.found.why_no_loss = "its terms are in functions of their own, and none adds them"
        best = best._replace(score=0)
    return best, reason


def _best(
    rig: Any, shapes: list[tuple[int, ...]], precision: str, model: str, left_out: list[str]
) -> tuple[Choice | None, bool, str]:
    """The best choice for a model, whether another function has the other term, and the first error."""
    best, complement, reason = None, False, ""
    for shape in shapes:
        for kind in (0, 1):
            rig.subject.label_kind = kind
            for now in _choices(rig, shape, precision, model, left_out):
                if isinstance(now, str):
                    reason = reason or now
                    continue
                if best is not None and now.score == best.score == 1:
                    complement = complement or now.depends_on_output != best.depends_on_output
                if best is None or now.score > best.score:
                    best = now
                if best.is_certain:
                    return best, complement, ""
            if best is not None and best.shape == shape:
                break
    return best, complement, reason


def _is_named_total(text: str) -> bool:
    from ladder.doctor.steps import LOSSES

    return text.partition("(")[0] in LOSSES


def _choices(rig: Any, shape: tuple[int, ...], precision: str, model: str, left_out: list[str]) -> Iterator[Any]:
    from ladder.doctor.measured import Found
    from ladder.doctor.steps import Step

    x = rig.images(4, shape)
    errors: list[str] = []
    steps: list[Step] = [*rig.subject.steps()]
    for step in steps:
        sites, why = rig.locate(step, x)
        if sites is None:
            errors.append(f"{step.text} with images {list(x.shape)}: {why}")
            continue
        found = Found(model, _place(sites.mean, sites.spread), sites.outputs[0].key[0])
        found.image_shape, found.latent_shape = [*shape], [*sites.latent_shape]
        found.precision, found.left_out = precision, left_out[:20]
        pick, score, on_output, why = (None, 0, False, "") if step.is_forward else _pick(rig, shape, step, sites)
        if why:
            errors.append(f"{step.text} with images {list(x.shape)}: {why}")
        if step.is_forward and score == 0:
            pick, score, on_output, _ = _pick(rig, shape, step, sites)  # forward itself may return a loss
        if score == 0 and not step.is_forward:
            continue
        found.loss = step.text if score else ""
        found.terms_apart = isinstance(pick, list)
        found.why_no_loss = "" if score else (errors[0] if errors else "no function named as losses are was found")
        yield Choice(score, rig, shape, step, sites, pick, found, on_output)
    if errors:
        yield errors[-1] if len(errors) == 1 else errors[0]


def _place(mean: Any, spread: Any) -> str:
    names = [mean.key[0]] + ([spread.key[0]] if spread is not None and spread.key[0] != mean.key[0] else [])
    return " and ".join(names)


def _pick(rig: Any, shape: tuple[int, ...], step: Any, sites: Any) -> tuple[Any, int, bool, str]:
    """Which tensor of a step's result is the loss, and what it depends on; or why none is."""
    import torch

    from ladder.doctor.probes import Examiner
    from ladder.doctor.rig import candidates_of_loss

    examiner = Examiner(rig, shape, step, sites, None)
    count = 4
    fixed = {
        "mean": examiner.latents(count),
        "spread": examiner.latents(count, 1.0),
        "output": torch.full((count, *sites.output_shape), 0.5),
    }
    natural = rig.run(step, rig.images(count, shape), sites, noise=1.0, **fixed)
    candidates = candidates_of_loss(natural.raw, count)
    if not candidates:
        return None, 0, False, natural.error or "it returns no number"
    dependence = {}
    for path, _ in candidates:
        examiner.pick = path
        base = examiner.loss()
        changed = [
            examiner.loss(mean=examiner.latents(count, 1.5)),
            examiner.loss(output=torch.full((count, *sites.output_shape), 0.8)),
        ]
        dependence[path] = [abs(value - base) > 1e-7 * max(1.0, abs(base)) for value in changed]
    for path, (on_mean, on_output) in dependence.items():
        if on_mean and on_output:
            return path, 2, True, ""
    only_mean = [path for path, depends in dependence.items() if depends == [True, False]]
    only_output = [path for path, depends in dependence.items() if depends == [False, True]]
    if only_mean and only_output and not _has_total(candidates):
        return [only_output[0], only_mean[0]], 2, True, ""
    for path in [*only_output, *only_mean]:
        return path, 1, path in only_output, ""
    return None, 0, False, "the loss depends neither on the decoder's output nor on mu"


def _has_total(candidates: list[tuple[Any, Any]]) -> bool:
    """Whether one of several numbers is called the loss, or is the sum of the others."""
    if any(path and str(path[-1]).lower() in ("loss", "total", "total_loss") for path, _ in candidates):
        return True
    values = [float(tensor.detach().mean()) for _, tensor in candidates]
    return len(values) > 2 and any(abs(2 * value - sum(values)) < 1e-6 * max(1, abs(value)) for value in values)


def _shapes(model: Any) -> Iterator[tuple[int, ...]]:
    """Images that are tried, first those that the model's first layer takes."""
    from torch import nn

    first = None
    for module in model.modules() if model is not None else ():
        if isinstance(module, nn.Linear | nn.Conv2d):
            first = module
            break
    if isinstance(first, nn.Conv2d):
        yield from (shape for shape in SHAPES if shape[0] == first.in_channels)
        return
    if first is not None:
        yield from (shape for shape in SHAPES[:1] if first.in_features == 784)
        yield (first.in_features,)
    yield from SHAPES
