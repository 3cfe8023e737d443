"""Talking to a person: a console that is right for a terminal and for a file, plain lines, and what is going on now."""

import contextlib
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn


def make_console() -> Console:
    """Standard output: as wide as the terminal, and 100 columns in a file."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 100
    return console


def say(console: Console, line: str, style: str | None = None) -> None:
    """Print one line as it is: no markup, and no break inside a path that somebody wants to copy."""
    console.print(line, style=style, markup=False, soft_wrap=True)


@contextlib.contextmanager
def step_display(console: Console, what: str) -> Iterator[Callable[[str], None]]:
    """Yields a function that says what is being worked on now; a file sees nothing of it."""
    if not console.is_terminal:
        yield lambda now: None
        return
    columns = [SpinnerColumn(), TextColumn("{task.description}")]
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(what)
        yield lambda now: progress.update(task, description=f"{what}: {now}")
