"""The console command `vae-ladder`: reads a command's options and runs it; see `foundation.command_line` for errors."""

import shlex
import sys
from collections.abc import Sequence
from importlib.metadata import version

from exercises.options import COMMANDS as EXERCISE_COMMANDS
from foundation import command_line
from foundation.command_line import read_page
from foundation.errors import InputError
from ladder.options import COMMANDS as LADDER_COMMANDS
from ladder.options import RUNG_SUMMARIES, Bench, Climb, Figures, Gradcheck, Parity, Train
from paper.command_line import Resume, parse_training
from paper.experiments.options import EXPERIMENTS, ExperimentOptions
from paper.options import EvaluateOptions, TrainOptions

COMMANDS = LADDER_COMMANDS | EXERCISE_COMMANDS
PROGRAM = "vae-ladder"

MANUAL = """\
usage: vae-ladder COMMAND [OPTIONS]

VAE Ladder: one variational autoencoder, built three times and proven equal, and the models that papers made of it.
{rungs}

commands:
{ladder}

exercises that check themselves:
{exercises}

examples:
  vae-ladder climb                     everything, on data that needs no download
  vae-ladder train numpy_impl          the first rung alone
  vae-ladder train cvae                a conditional VAE
  vae-ladder train                     what else can be trained
  vae-ladder evaluate                  measure the latest run
  vae-ladder experiment                questions that experiments answer
  vae-ladder start                     get the exercises; then vae-ladder watch
  vae-ladder climb --help              the options of a command, with more examples

Losses are in nats per image. What a command writes lies in a new folder under runs/.
Exit codes: 0 done, 1 a check failed or training diverged, 2 unusable input, 130 stopped by Ctrl-C.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line (without the program's name; by default the process's own); the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    return command_line.run(PROGRAM, lambda: _run_command(arguments))


def _run_command(argv: list[str]) -> int:
    if not argv or argv[0] in ("-h", "--help", "help"):
        print(manual())
        return 0
    if argv[0] == "--version":
        print(f"{PROGRAM} {version(PROGRAM)}")
        return 0
    if argv[0] not in COMMANDS:
        raise InputError(f"command: expected one of {', '.join(COMMANDS)}, got {argv[0]!r} (see {PROGRAM} --help)")
    options = parse(argv[0], argv[1:])
    return 0 if options is None else _dispatch(options, shlex.join([PROGRAM, *argv]))


def parse(command: str, arguments: Sequence[str]) -> object | None:
    """The options of one command; None when a help page was asked for and printed.

    Raises `InputError` for what cannot be understood.
    """
    program = f"{PROGRAM} {command}"
    if command == "train" and not (arguments and arguments[0] in RUNG_SUMMARIES):
        return parse_training(program, arguments, RUNG_SUMMARIES)
    if command == "experiment":
        page = read_page(ExperimentOptions)
        questions = "\n".join(f"  {name:<20}{question}" for name, question in EXPERIMENTS.items())
        page = page._replace(ending=f"experiments:\n{questions}\n\n{page.ending}")
        return command_line.parse(ExperimentOptions, program, arguments or ["--help"], page)
    return command_line.parse(COMMANDS[command], program, arguments)


def _dispatch(choices: object, typed: str) -> int:
    # Imported here, so that help and bad options need neither NumPy nor torch.
    match choices:
        case Climb():
            from ladder.climb import climb as command
        case Train():
            from ladder.train import train_one as command
        case TrainOptions() | Resume() | EvaluateOptions() | ExperimentOptions():
            return _dispatch_to_paper(choices, typed)
        case Figures():
            from ladder.climb import redraw as command
        case Parity():
            from ladder.checks import parity as command
        case Gradcheck():
            from ladder.checks import gradcheck as command
        case Bench():
            from ladder.bench.command import bench as command
        case _:
            from exercises.commands import run_command as command
    return command(choices)


def _dispatch_to_paper(choices: object, typed: str) -> int:
    """The commands about models, all of which need torch; `typed` is the command line itself."""
    from ladder.rungs import INSTALL_TORCH, torch_is_installed

    if not torch_is_installed():
        raise InputError(f"{shlex.split(typed)[1]}: this needs torch, which is not installed: {INSTALL_TORCH}")
    match choices:
        case TrainOptions():
            from paper.train import train_model

            return train_model(choices, typed)
        case Resume():
            from paper.train import resume

            return resume(choices.resume)
        case EvaluateOptions():
            from paper.evaluate import evaluate as command
        case _:
            from paper.experiments.command import experiment as command
    return command(choices)


def manual() -> str:
    """The page of `vae-ladder --help`."""

    def lines(commands: dict[str, type]) -> str:
        return "\n".join(f"  {name:<12}{read_page(options).summary}" for name, options in commands.items())

    rungs = "\n".join(f"  rung {i}  {name:<18}{text}" for i, (name, text) in enumerate(RUNG_SUMMARIES.items(), 1))
    return MANUAL.format(rungs=rungs, ladder=lines(LADDER_COMMANDS), exercises=lines(EXERCISE_COMMANDS)).rstrip()


if __name__ == "__main__":
    sys.exit(main())
