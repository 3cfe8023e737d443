"""The command `vae-ladder doctor`."""

import dataclasses
from pathlib import Path

from exercises.kit.limits import Limits
from foundation.console import make_console, say, step_display
from foundation.errors import InputError
from foundation.files import write_json
from ladder.doctor.process import Request, measure, sandbox_for
from ladder.doctor.show import show
from ladder.doctor.verdict import findings
from ladder.options import Doctor
from ladder.rungs import INSTALL_TORCH, torch_is_installed


def doctor(choices: Doctor) -> int:
    """`vae-ladder doctor`: measure a VAE's loss and say what it means. Returns the exit code: 1 where a fault is found.

    Raises InputError where the model is not found or its process comes to an end.
    """
    if not torch_is_installed():
        raise InputError(f"doctor: this needs torch, which is not installed: {INSTALL_TORCH}")
    request, console = request_of(choices), make_console()
    limits = Limits(choices.time_limit, choices.memory_limit)
    sandbox = sandbox_for(choices.sandbox)
    with step_display(console, "examining") as now:
        now(request.text)
        measured = measure(request, sandbox, limits)
    found = findings(measured)
    show(console, request.text, measured, found)
    if sandbox.kind == "none":
        say(console, "no sandbox: the file ran with your rights", style="dim")
    if choices.out is not None:
        write_json(choices.out, {"findings": [f._asdict() for f in found], "measured": dataclasses.asdict(measured)})
        say(console, f"written to {choices.out}")
    return 1 if any(finding.kind == "fault" for finding in found) else 0


def request_of(choices: Doctor) -> Request:
    """The file or module, and what is named of it. Raises InputError for what cannot be read so."""
    text = choices.file
    path, _, name = text.rpartition(":") if text.rpartition(":")[2].isidentifier() else ("", "", "")
    names = {key: getattr(choices, key) or "" for key in ("encode", "sample", "decode", "loss")}
    file = Path(path or text)
    if file.suffix == ".py" or file.exists() or "/" in text:
        if not file.is_file():
            raise InputError(f"{file}: expected a Python file, found {'a folder' if file.is_dir() else 'none'}")
        return Request(file.resolve(), "", name, choices.make or "", names, _shape(choices.input))
    module = path or text
    if not all(part.isidentifier() for part in module.split(".")):
        raise InputError(f"doctor: expected FILE.py, FILE.py:NAME or MODULE:NAME, got {text!r}")
    return Request(None, module, name, choices.make or "", names, _shape(choices.input))


def _shape(text: str | None) -> tuple[int, ...]:
    """The shape of one image, such as 3,64,64."""
    if text is None:
        return ()
    try:
        sizes = tuple(int(part) for part in text.replace("x", ",").split(","))
    except ValueError:
        sizes = ()
    if not sizes or not all(0 < size <= 4096 for size in sizes) or len(sizes) > 4:
        raise InputError(f"--input: expected sizes such as 3,64,64 or 784, got {text!r}")
    return sizes
