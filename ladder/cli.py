"""The console command `vae-ladder`: reads a command's options and runs it; see `foundation.command_line` for errors."""

import os
import shlex
import sys
from collections.abc import Sequence
from typing import Any

from exercises.options import COMMANDS as EXERCISE_COMMANDS
from foundation import command_line
from foundation.arguments import user_path
from foundation.command_line import Page, read_page, wrap
from foundation.errors import InputError, shown, suggest
from foundation.language import set_language, translate_lines
from foundation.options import TrainOptions
from ladder.configuration import read_configuration, training_of
from ladder.options import COMMANDS as LADDER_COMMANDS
from ladder.options import RUNG_SUMMARIES, Bench, Climb, Doctor, Explore, Export, Figures, Gradcheck, Parity, Resume
from paper.evaluation.options import EvaluateOptions
from paper.experiments.options import EXPERIMENTS, ExperimentOptions
from paper.models.options import MODELS, training_options
from paper.reproductions.options import REPRODUCTIONS, ReproduceOptions

COMMANDS = LADDER_COMMANDS | EXERCISE_COMMANDS
PROGRAM = "vae-ladder"

MANUAL = """\
usage: vae-ladder COMMAND [OPTIONS]

VAE Ladder: one variational autoencoder, built three times and compared number by number, and models of the papers.
{rungs}

commands:
{ladder}

exercises, checked by the program:
{exercises}

examples:
  vae-ladder climb                         everything, on data that needs no download
  vae-ladder train vae --rung numpy_impl   the first rung alone
  vae-ladder train cvae                    a conditional VAE
  vae-ladder train                         what else can be trained
  vae-ladder evaluate                      measure the latest run
  vae-ladder explore RUN                   a page in which to play with its model
  vae-ladder experiment                    the experiments, each with its question
  vae-ladder reproduce                     the papers' tables that can be made again
  vae-ladder start                         get the exercises; then vae-ladder watch
  vae-ladder climb --help                  the options of a command, with more examples

--lang ko, or VAE_LADDER_LANG=ko in the environment, shows messages in Korean; --lang en in English.
Losses are in nats per image. What a command writes lies in a new folder under runs/.
Exit codes: 0 done, 1 a check failed or training diverged, 2 unusable input, 130 stopped by Ctrl-C.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line (without the program's name; by default the process's own); the exit code."""
    arguments, language = take_language(list(sys.argv[1:] if argv is None else argv))
    number = os.environ.get("RANK", "0")  # as torchrun numbers processes: an error says whose it is
    program = PROGRAM if number == "0" else f"{PROGRAM}, process {number}"

    def command() -> int:
        set_language(language)
        return _run_command(arguments)

    set_language()
    return command_line.run(program, command, ends_process=argv is None)


def take_language(arguments: list[str]) -> tuple[list[str], str | None]:
    """The arguments without `--lang NAME`, which every command takes anywhere, and the name; None without one."""
    for place, word in enumerate(arguments):
        if word == "--":
            break
        name, equals, value = word.partition("=")
        if name == "--lang":
            end = place + (1 if equals else 2)
            return arguments[:place] + arguments[end:], value or "".join(arguments[place + 1 : end])
    return arguments, None


def _run_command(argv: list[str]) -> int:
    if not argv or argv[0] in ("-h", "--help", "help"):
        print(manual())
        return 0
    if argv[0] == "--version":
        from importlib.metadata import version

        print(f"{PROGRAM} {version(PROGRAM)}")
        return 0
    if argv[0] not in COMMANDS:
        closest = suggest(argv[0], COMMANDS)
        known = ", ".join(COMMANDS)
        raise InputError(f"command: expected one of {known}, got {shown(argv[0])}{closest} (see {PROGRAM} --help)")
    options = parse(argv[0], argv[1:])
    return 0 if options is None else _dispatch(options, shlex.join([PROGRAM, *argv]))


def parse(command: str, arguments: Sequence[str]) -> object | None:
    """The options of one command; None when a help page was asked for and printed.

    Raises `InputError` for what cannot be understood.
    """
    program = f"{PROGRAM} {command}"
    if command == "train":
        return parse_training(program, list(arguments))
    if command == "experiment":
        page = read_page(ExperimentOptions)
        questions = "\n".join(f"  {name:<20}{question}" for name, question in EXPERIMENTS.items())
        page = page._replace(ending=f"experiments:\n{questions}\n\n{page.ending}")
        return command_line.parse(ExperimentOptions, program, arguments or ["--help"], page)
    if command == "reproduce":
        page = read_page(ReproduceOptions)
        papers = "\n".join(f"  {name:<14}{table}" for name, table in REPRODUCTIONS.items())
        page = page._replace(ending=f"papers:\n{papers}\n\n{page.ending}")
        return command_line.parse(ReproduceOptions, program, arguments or ["--help"], page)
    return command_line.parse(COMMANDS[command], program, arguments)


def parse_training(program: str, arguments: list[str]) -> TrainOptions | Resume | None:
    """The options of `train MODEL ...`, `train [MODEL] --config FILE ...` or `train --resume RUN`.

    None when a help page was asked for and printed.
    """
    if not arguments or arguments[0] in ("-h", "--help"):
        print(training_manual(program))
        return None
    file, arguments = take_config(arguments)
    if file is not None:
        return parse_configured(program, file, arguments)
    if arguments[0] in RUNG_SUMMARIES:
        arguments = new_spelling(arguments)
        print(f"{program}: spelled since version 0.2: {program} {shlex.join(arguments)}", file=sys.stderr)
    what, *rest = arguments
    if what.partition("=")[0] == "--resume":
        return command_line.parse(Resume, program, arguments)
    if what not in MODELS:
        known, closest = ", ".join(MODELS), suggest(what, MODELS)
        raise InputError(
            f"train: expected a model first, one of {known}, got {shown(what)}{closest} (see {program} --help)"
        )
    return command_line.parse(training_options(what), f"{program} {what}", rest, training_page(what))


def take_config(arguments: list[str]) -> tuple[str | None, list[str]]:
    """The value of --config, None where it is not given, and the other arguments."""
    for place, word in enumerate(arguments):
        name, equals, value = word.partition("=")
        if name == "--config":
            rest = arguments[place + 1 :]
            if not equals and not rest:
                raise InputError("--config: expected one argument")
            value, rest = (value, rest) if equals else (rest[0], rest[1:])
            if "--config" in (other.partition("=")[0] for other in rest):
                raise InputError("--config: expected one file, got two")
            return value, [*arguments[:place], *rest]
    return None, arguments


def parse_configured(program: str, file: str, arguments: list[str]) -> TrainOptions | None:
    """The options of a training from a file; options on the command line take precedence."""
    if "--resume" in (word.partition("=")[0] for word in arguments):
        raise InputError("train: expected --config or --resume, got both: a run keeps its own options")
    configuration = read_configuration(user_path(file))
    named = arguments[:1] if arguments and not arguments[0].startswith("-") else []
    model = named[0] if named else configuration.model
    if model not in MODELS:
        where = "on the command line or in the file" if model is None else "first"
        known, closest = ", ".join(MODELS), suggest(model or "", MODELS)
        raise InputError(
            f"train: expected a model {where}, one of {known}, got {model}{closest} (see {program} --help)"
        )
    start = training_of(configuration, model)
    return command_line.parse(
        training_options(model), f"{program} {model}", arguments[len(named) :], training_page(model), start
    )


def training_page(model: str) -> Page:
    """The help page of a model's training."""
    about_model, about_training = read_page(MODELS[model]), read_page(TrainOptions)
    return Page(about_model.summary, about_training.details, about_model.ending)


def new_spelling(arguments: list[str]) -> list[str]:
    """The arguments of `train RUNG ...`, as version 0.1 had it, in today's form; to be dropped in version 0.3."""
    rung, *rest = arguments
    beta = any(word.partition("=")[0] == "--beta" for word in rest)
    fixed = ["--rung", rung, "--data.validation", "0"]
    return ["beta-vae" if beta else "vae", *fixed, *rest]


def training_manual(program: str) -> str:
    """The page that lists the models that can be trained."""
    page = read_page(TrainOptions)
    usage = ["MODEL [OPTIONS]", "[MODEL] --config FILE [OPTIONS]", "MODEL --help", "--resume RUN [--epochs INT]"]
    usage = [f"{program} {words}" for words in usage]
    lines = ["usage: " + "\n       ".join(usage), "", page.summary, "", "models:"]
    lines += [f"  {name:<18}{read_page(options).summary}" for name, options in MODELS.items()]
    lines += ["", "rungs, for vae and beta-vae (--rung):"]
    lines += [f"  {name:<18}{text}" for name, text in RUNG_SUMMARIES.items()]
    return translate_lines("\n".join([*lines, "", *wrap(page.details), "", page.ending]))


def _dispatch(choices: Any, typed: str) -> int:
    # Imported here, so that help and bad options need neither NumPy nor torch.
    command: Any
    match choices:
        case Climb():
            from ladder.climb import climb

            return climb(choices, typed)
        case TrainOptions():
            from ladder.train import train_command

            return train_command(choices, typed)
        case Resume():
            from ladder.train import resume_command

            return resume_command(choices.resume, choices.record, choices.epochs)
        case Figures():
            from ladder.climb import redraw as command
        case Explore():
            from ladder.explorer.command import explore as command
        case Parity():
            from ladder.checks import parity as command
        case Gradcheck():
            from ladder.checks import gradcheck as command
        case Bench():
            from ladder.bench.command import bench as command
        case Doctor():
            from ladder.doctor.command import doctor as command
        case EvaluateOptions() | ExperimentOptions() | ReproduceOptions() | Export():
            command = _torch_command(choices, typed)
        case _:
            from exercises.commands import run_command as command
    return command(choices)


def _torch_command(choices: EvaluateOptions | ExperimentOptions | ReproduceOptions | Export, typed: str) -> Any:
    """The commands about models that need torch; `typed` is the command line itself."""
    from ladder.rungs import INSTALL_TORCH, torch_is_installed

    if not torch_is_installed():
        raise InputError(f"{shlex.split(typed)[1]}: this needs torch, which is not installed: {INSTALL_TORCH}")
    if isinstance(choices, EvaluateOptions):
        from paper.evaluation.command import evaluate

        return evaluate
    if isinstance(choices, Export):
        from ladder.export import export

        return export
    if isinstance(choices, ReproduceOptions):
        from paper.reproductions.command import reproduce

        return reproduce
    from paper.experiments.command import run_experiment

    return run_experiment


def manual() -> str:
    """The page of `vae-ladder --help`."""

    def lines(commands: dict[str, type]) -> str:
        return "\n".join(f"  {name:<14}{read_page(options).summary}" for name, options in commands.items())

    rungs = "\n".join(f"  rung {i}  {name:<18}{text}" for i, (name, text) in enumerate(RUNG_SUMMARIES.items(), 1))
    page = MANUAL.format(rungs=rungs, ladder=lines(LADDER_COMMANDS), exercises=lines(EXERCISE_COMMANDS))
    return translate_lines(page.rstrip())


if __name__ == "__main__":
    sys.exit(main())
