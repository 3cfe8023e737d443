"""Run as a module: trains as `vae-ladder COMMAND --out OUT/<number of the command>/<moment>` and is killed.

Standard input is JSON: {"commands": [...], "moments": [...], "out": ...}. Each command is killed once at each moment.
A moment is a number: kill -9 in place of the renaming of that file, all files counted in the order of writing. Or it is
`log` and a number: kill -9 in the middle of that line of the log.
"""

import importlib
import itertools
import json
import os
import shlex
import signal
import sys
from pathlib import Path

import ladder.figures
import ladder.train
from foundation.runs import Run
from ladder import cli


def main(commands: list[str], moments: list[str], out: str) -> None:
    """One child process for each moment; this process computes nothing, so that it can be copied."""
    importlib.import_module("torch._dynamo")  # takes seconds when the first optimiser is made: better once, here
    for (number, command), moment in itertools.product(enumerate(commands), moments):
        child = os.fork()
        if child == 0:
            prepare_to_die(moment)
            cli.main([*shlex.split(command), "--out", str(Path(out) / str(number) / moment)])
            os._exit(1)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status), f"not killed: {command} at {moment}"


def prepare_to_die(moment: str) -> None:
    """See to it that this process is killed at that moment."""
    ladder.figures.draw_run = lambda *arguments: []
    left = int(moment.removeprefix("log"))
    replace, log = os.replace, Run.log

    def replace_or_die(source: Path, target: Path) -> None:
        count_down()
        replace(source, target)

    def log_or_die(run: Run, **fields: object) -> None:
        before = run.metrics_path.read_bytes() if run.metrics_path.exists() else b""
        log(run, **fields)
        if left == 1:
            written = run.metrics_path.read_bytes()
            run.metrics_path.write_bytes(written[: (len(before) + len(written)) // 2])
        count_down()

    def count_down() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    if moment.startswith("log"):
        Run.log = log_or_die
    else:
        os.replace = replace_or_die


if __name__ == "__main__":
    main(**json.load(sys.stdin))
