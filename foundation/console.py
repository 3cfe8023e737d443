"""Output for people: a console that suits a terminal and a file, plain lines, and a display of the current step."""

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn
from rich.table import Table
from rich.text import Text

from foundation.language import translate
from foundation.process import NARROWEST, WIDEST

WIDEST_TABLE = 10_000
"""Columns that are enough for any table, to know what it says in whole words."""


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Let the error through to `foundation.command_line.run`; rich exits with code 1 by default."""
        raise  # called by rich while it handles the error


def make_console() -> Console:
    """Standard output: as wide as the terminal, but at least 40 columns, and 100 columns in a file."""
    width = height = None  # rich follows a terminal that changes its size
    if {"COLUMNS", "LINES"} & os.environ.keys():
        width, height = shutil.get_terminal_size()  # rich stops at values such as ²
    console = _Console(highlight=False, width=width, height=height)
    if not console.is_terminal:
        console.width = WIDEST
    elif console.width < NARROWEST:
        console.width = NARROWEST
    return console


def say(console: Console, line: str, style: str | None = None) -> None:
    """Print one line in the language of messages: no markup, and no break inside a path that somebody wants to copy."""
    console.print(translate(line), style=style, markup=False, soft_wrap=True)


def print_table(console: Console, table: Table) -> None:
    """Print a table; where a word or number in it would be cut, the cells of each row one under the other."""
    if _words(console, table, WIDEST_TABLE) <= _words(console, table, console.width):
        console.print(table)
        return
    for text in filter(None, (table.title, table.caption)):
        console.print(text)
    columns = [(str(column.header), list(column.cells)) for column in table.columns]
    for row in range(table.row_count):
        console.print()
        for head, cells in columns:
            cell = cells[row]
            shown = Text.from_markup(cell) if isinstance(cell, str) else cell
            if not isinstance(shown, Text):
                console.print(head, shown)
            elif shown.plain.strip():
                console.print(Text.assemble(f"{head}: " if head else "", shown))


def _words(console: Console, table: Table, width: int) -> set[str]:
    """The words, numbers and bars that a table shows; rich's own measure of it does not foresee which ones it cuts."""
    shown = console.render(table, console.options.update(max_width=width))
    words = "".join(segment.text for segment in shown).split()
    return {word for word in words if any(not "─" <= letter <= "╿" for letter in word)}  # else a piece of the frame


@contextlib.contextmanager
def step_display(console: Console, what: str) -> Iterator[Callable[[str], None]]:
    """Yields a function that shows the current step on a terminal; in a file it writes nothing."""
    if not console.is_terminal:
        yield lambda now: None
        return
    columns = [SpinnerColumn(), TextColumn("{task.description}", markup=False)]
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(what)
        yield lambda now: progress.update(task, description=f"{what}: {now}")
