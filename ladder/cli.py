"""The console command `vae-ladder`: reads a command's options, runs it, and turns errors into one line.

Exit codes: 0 done; 1 a check failed or training diverged; 2 unusable input; 130 stopped by Ctrl-C.
"""

import contextlib
import inspect
import io
import itertools
import shutil
import signal
import sys
import textwrap
from collections.abc import Sequence
from importlib.metadata import version

import tyro

from exercises.options import COMMANDS as EXERCISE_COMMANDS
from foundation.errors import Diverged, InputError
from ladder.options import COMMANDS as LADDER_COMMANDS
from ladder.options import Bench, Climb, Figures, Gradcheck, Parity, Train

COMMANDS = LADDER_COMMANDS | EXERCISE_COMMANDS

MANUAL = """\
usage: vae-ladder COMMAND [OPTIONS]

VAE Ladder: one variational autoencoder, built three times and proven equal.
  rung 1  numpy_impl        NumPy, forward and backward by hand; needs no torch
  rung 2  pytorch_lowlevel  torch tensors, functions and autograd; no nn.Module
  rung 3  paper             nn.Module models, as the papers write them

commands:
{ladder}

exercises that check themselves:
{exercises}

examples:
  vae-ladder climb                     everything, on data that needs no download
  vae-ladder train --rung numpy_impl   the first rung alone
  vae-ladder figures                   draw the latest run again
  vae-ladder start                     get the exercises; then vae-ladder watch
  vae-ladder climb --help              the options of a command, with more examples

Every loss is a negative ELBO in nats per image. What a command writes lies in a new folder under runs/.
Exit codes: 0 done, 1 a check failed or training diverged, 2 unusable input, 130 stopped by Ctrl-C.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line (without the program's name; by default the process's own); the exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without × shows ? and goes on
    previous = signal.signal(signal.SIGTERM, _interrupt)
    try:
        return _run_command(list(sys.argv[1:] if argv is None else argv))
    except InputError as error:
        return _complain(str(error), code=2)
    except Diverged as error:
        return _complain(str(error), code=1)
    except KeyboardInterrupt as stop:
        return _complain(str(stop) or "stopped before anything was written", code=130)
    finally:
        signal.signal(signal.SIGTERM, previous)


def _run_command(argv: list[str]) -> int:
    if not argv or argv[0] in ("-h", "--help", "help"):
        print(manual())
        return 0
    if argv[0] == "--version":
        print(f"vae-ladder {version('vae-ladder')}")
        return 0
    if argv[0] not in COMMANDS:
        raise InputError(f"command: expected one of {', '.join(COMMANDS)}, got {argv[0]!r} (see vae-ladder --help)")
    options = parse(argv[0], argv[1:])
    return 0 if options is None else _dispatch(options)


def _dispatch(choices: object) -> int:
    # Imported here, so that help and bad options need neither NumPy nor torch.
    match choices:
        case Climb():
            from ladder.climb import climb as command
        case Train():
            from ladder.train import train_one as command
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


def manual() -> str:
    """The page of `vae-ladder --help`."""

    def lines(commands: dict[str, type]) -> str:
        return "\n".join(f"  {name:<11}{inspect.getdoc(options).splitlines()[0]}" for name, options in commands.items())

    return MANUAL.format(ladder=lines(LADDER_COMMANDS), exercises=lines(EXERCISE_COMMANDS)).rstrip()


def parse(command: str, arguments: Sequence[str]) -> object | None:
    """The options of one command; None when its help page was asked for and printed.

    Raises:
        InputError: with one line, where tyro would draw a box of several and exit.
    """
    options = COMMANDS[command]
    text, _, examples = inspect.getdoc(options).partition("Examples:\n")
    summary, _, details = text.partition("\n\n")
    page = {"prog": f"vae-ladder {command}", "description": summary}
    if {"-h", "--help"} & set(arguments):
        with contextlib.suppress(SystemExit):
            tyro.cli(options, args=["--help"], **page)
        width = min(shutil.get_terminal_size().columns, 100)
        print("\n".join([*textwrap.wrap(details, width), "", "examples:", examples]))
        return None
    complaint = io.StringIO()
    try:
        # Both streams, since tyro looks at standard output to choose how it draws on standard error.
        with contextlib.redirect_stdout(complaint), contextlib.redirect_stderr(complaint):
            return tyro.cli(options, args=arguments, **page)
    except SystemExit:
        raise InputError(f"{_reason(complaint.getvalue())} (see vae-ladder {command} --help)") from None


def _reason(complaint: str) -> str:
    """The reason in a complaint of tyro's: title, perhaps a rule, the reason, a rule, what repeats the help page."""
    _, *lines = (line.strip(" │╭╮╰╯") for line in complaint.splitlines())
    body = itertools.dropwhile(_is_rule, lines)
    reason = " ".join(itertools.takewhile(lambda line: not _is_rule(line), body)).rstrip(".")
    # Python's own words for int("abc") and float("abc").
    reason = reason.replace("invalid literal for int() with base 10:", "expected an integer, got")
    return reason.replace("could not convert string to float:", "expected a number, got")


def _is_rule(line: str) -> bool:
    return not line.strip("-─")


def _complain(line: str, code: int) -> int:
    print(f"vae-ladder: {' '.join(line.split())}", file=sys.stderr)
    return code


def _interrupt(signum: int, frame: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
