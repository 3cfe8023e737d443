"""The other side of `run`: a process of its own that loads one answer, checks it and writes the verdict to a file.

python -c "from exercises.kit.child import main; main()" '{"exercise": "04_kl", "answer": ..., ...}'
"""

import dataclasses
import faulthandler
import importlib
import importlib.util
import json
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from exercises.kit.catalogue import Entry
from exercises.kit.diagnose import diagnose, diagnose_probe
from exercises.kit.exercise import Exercise, Functions, Probe
from exercises.kit.observe import measurable
from exercises.kit.text import place
from exercises.kit.verdict import KIT_FAILED, OUT_OF_MEMORY, Verdict
from foundation.files import write_json


def main() -> None:
    """Check what the first argument says, and write the verdict where it says."""
    task = json.loads(sys.argv[1])
    _limit_memory(task["memory_limit"])
    try:
        entry = Entry(task["exercise"])
        exercise = entry.load()
        # Open until the process ends, to say where an endless loop is when time is up.
        with open(task["stack"], "w", encoding="utf-8") as stack:

            def start_clock() -> None:
                Path(task["clock"]).write_text(str(time.monotonic()), encoding="utf-8")
                faulthandler.dump_traceback_later(task["time_limit"], file=stack)

            start_clock()
            verdict = check_file(entry, exercise, Path(task["answer"]), task["probe"], start_clock)
            faulthandler.cancel_dump_traceback_later()
    except MemoryError:
        sys.exit(OUT_OF_MEMORY)
    except Exception:
        traceback.print_exc()
        sys.exit(KIT_FAILED)
    write_json(task["verdict"], verdict.to_json())


def check_file(
    entry: Entry, exercise: Exercise, answer: Path, probe: int | None, start_clock: Callable[[], None]
) -> Verdict:
    """The verdict on a file; on one probe alone where `probe` is given (from 1)."""
    try:
        module = load_answer(answer)
    except (Exception, SystemExit) as error:
        return _unloadable(entry, exercise, answer, error)
    functions: Functions = {name: getattr(module, name) for name in exercise.solution if hasattr(module, name)}
    for name, function in functions.items():
        if not callable(function):
            kind = type(function).__name__
            return _wrong(entry, exercise, f"the name {name} in {answer.name}", f"{kind}, not a function", "a function")
    if probe is not None:
        _import_requirements(exercise.probes[probe - 1 : probe], start_clock)
        return diagnose_probe(entry.name, exercise, functions, probe)
    free = tuple(probe for probe in exercise.probes if not probe.requires)
    if free and free != exercise.probes:  # torch takes seconds to import: only for what is right so far
        verdict = diagnose(entry.name, dataclasses.replace(exercise, probes=free), functions)
        if verdict.outcome != "PASS":
            return dataclasses.replace(verdict, probes=len(exercise.probes))
        _import_requirements(exercise.probes, start_clock)
    return diagnose(entry.name, exercise, functions)


def _import_requirements(probes: tuple[Probe, ...], start_clock: Callable[[], None]) -> None:
    """Import what the probes require; the time that it takes is not the learner's."""
    start_clock()
    for module in {probe.requires for probe in probes if probe.requires and measurable(probe)}:
        importlib.import_module(module)
    start_clock()


def load_answer(path: Path) -> ModuleType:
    """Run the learner's file as a module."""
    spec = importlib.util.spec_from_file_location(f"answer_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # as an import would: dataclasses look their module up
    sys.path.append(str(path.parent))  # helpers beside the answer can be imported, but hide nothing
    spec.loader.exec_module(module)
    return module


def _unloadable(entry: Entry, exercise: Exercise, answer: Path, error: BaseException) -> Verdict:
    """The file ends before any function of it could be called."""
    if isinstance(error, NotImplementedError):
        return Verdict(entry.name, "NOT WRITTEN YET", probes=len(exercise.probes))
    line = next((line for frame, line in traceback.walk_tb(error.__traceback__) if _is_in(frame, answer)), None)
    if isinstance(error, SyntaxError) and error.filename == str(answer):
        line = error.lineno
    came = f"{type(error).__name__}: {' '.join(str(error).split())}".removesuffix(": ")
    verdict = _wrong(entry, exercise, f"import {answer.name}", came, f"the functions {', '.join(exercise.solution)}")
    trace = error.__traceback__
    while trace is not None and not _is_in(trace.tb_frame, answer):
        trace = trace.tb_next
    text = "".join(traceback.format_exception(type(error), error, trace))
    fields = {"where": place(str(answer), line) if line else "", "traceback": text}
    return Verdict(**verdict.to_json() | fields | {"problem": "the file cannot be read"})


def _is_in(frame: object, answer: Path) -> bool:
    return frame.f_code.co_filename == str(answer)


def _wrong(entry: Entry, exercise: Exercise, called: str, came: str, expected: str) -> Verdict:
    return Verdict(entry.name, "WRONG", probes=len(exercise.probes), called=called, came=came, expected=expected)


def _limit_memory(megabytes: int) -> None:
    """At most so much data. Linux keeps to it; Windows has no such limit, and macOS does not look at it."""
    if importlib.util.find_spec("resource") is None:
        return
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    limit = megabytes << 20
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    # Of data, not of addresses: torch maps gigabytes that it never touches.
    resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))
