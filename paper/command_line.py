"""Reading what is to be trained: a model with its options, or a run to go on with. Nothing here needs torch."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from foundation import command_line
from foundation.command_line import Page, read_page, wrap
from foundation.errors import InputError
from paper.options import MODELS, TrainOptions


@dataclasses.dataclass(frozen=True, kw_only=True)
class Resume:
    """Go on with a training that was stopped, after its last whole epoch and exactly as it would have gone on."""

    resume: Path
    """The run folder."""


def parse_training(
    program: str, arguments: Sequence[str], others: dict[str, str] | None = None
) -> TrainOptions | Resume | None:
    """What `PROGRAM MODEL ...` or `PROGRAM --resume RUN` asks for; None when a help page was asked for and printed.

    `others` are what else the program trains, with a line about each; they are the caller's to read.
    Raises `InputError` for what cannot be understood.
    """
    if not arguments or arguments[0] in ("-h", "--help"):
        print(manual(program, others or {}))
        return None
    what, *rest = arguments
    if what.partition("=")[0] == "--resume":
        return command_line.parse(Resume, program, arguments)
    if what not in MODELS:
        known = ", ".join([*(others or {}), *MODELS])
        raise InputError(f"train: expected one of {known}, got {what!r} (see {program} --help)")
    about_model, about_training = read_page(MODELS[what]), read_page(TrainOptions)
    page = Page(about_model.summary, about_training.details, about_model.ending)
    return command_line.parse(TrainOptions[MODELS[what]], f"{program} {what}", rest, page)


def manual(program: str, others: dict[str, str]) -> str:
    """The page that lists what can be trained."""
    page = read_page(TrainOptions)
    models = {name: read_page(options).summary for name, options in MODELS.items()}
    lists = {"models": models} | ({"the ladder's VAE, on one rung": others} if others else {})
    usage = [f"{program} WHAT [OPTIONS]", f"{program} WHAT --help", f"{program} --resume RUN"]
    lines = ["usage: " + "\n       ".join(usage), "", page.summary]
    for title, entries in lists.items():
        lines += ["", f"{title}:", *(f"  {name:<18}{text}" for name, text in entries.items())]
    return "\n".join([*lines, "", *wrap(page.details), "", page.ending])
