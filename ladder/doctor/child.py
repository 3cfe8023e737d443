"""The process in which the user's file runs: it finds the model, makes the probes, and sends plain numbers."""

import dataclasses
import faulthandler
import json
import os
import sys
import warnings
from typing import Any, BinaryIO

from exercises.kit import confine
from exercises.kit.frames import Encoder, write_frame
from exercises.kit.runner import ERRORS, private_streams


def main() -> None:
    """Examine the file that the first argument describes."""
    task = json.loads(sys.argv[1])
    _, results = private_streams()
    task["copy"] = str(confine.enter(task["confinement"]) / task["copy"])
    os.chdir(task["working_directory"])
    import torch  # noqa: F401  (its start is no part of the file's time)

    from ladder.doctor.loading import NotFoundError, short

    warnings.simplefilter("ignore")  # they would be printed for every probe
    send(results, {"ready": True})
    faulthandler.dump_traceback_later(task["seconds"], file=ERRORS, exit=True)
    try:
        message: dict[str, Any] = {"measured": examine(task, results)}
    except NotFoundError as error:
        message = {"failed": str(error)}
    except MemoryError:
        message = {"failed": f"more than {task['confinement']['megabytes']} megabytes; --memory-limit gives more"}
    except BaseException as error:
        message = {"failed": f"{type(error).__name__}: {short(error)}"}
    send(results, message)
    os._exit(0)  # whatever threads the file left


def send(results: BinaryIO, message: dict[str, Any]) -> None:
    write_frame(results, Encoder().frame(message))


def examine(task: dict[str, Any], results: BinaryIO) -> dict[str, Any]:
    """Everything that is measured; in double precision, and where the file has single precision written in, in that."""
    import torch

    from ladder.doctor.choice import choose
    from ladder.doctor.examination import examine as probe
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
    best.examiner.rig.subject.label_kind = best.label_kind
    return dataclasses.asdict(probe(best.examiner, best.found))
