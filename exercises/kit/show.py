"""Verdicts, hints and lists on a terminal, in few colours, and with no line break inside what may be copied."""

import inspect
import itertools
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.syntax import Syntax
from rich.text import Text

from exercises.kit.answers import Progress, next_of
from exercises.kit.catalogue import Entry
from exercises.kit.page import Effort, effort_of, minutes_of
from exercises.kit.text import shown
from exercises.kit.verdict import Verdict
from foundation.console import say
from foundation.language import pad, translate, wrap_text

STYLES = {"PASS": "green", "WRONG": "red", "NOT MEASURED": "yellow", "NOT WRITTEN YET": "yellow", "MISSING": "yellow"}
BAR, LABEL_WIDTH = 30, 12
PRINTED_LINES, PRINTED_COLUMNS = 20, 200
"""The part of an answer's output that is shown after the verdict; --probe shows all of it."""


def heading(console: Console, outcome: str, rest: str) -> None:
    """Print the outcome in its colour, and its subject."""
    word = pad(translate(outcome), len(outcome)) if outcome.endswith(" ") else translate(outcome)
    style = f"bold {STYLES.get(outcome.strip(), 'default')}"
    console.print(Text.assemble((word, style), f"  {translate(rest)}"), soft_wrap=True)


def show_verdict(console: Console, verdict: Verdict, with_traceback: bool = False) -> None:
    """Print the message, then the place, the traceback on request, and the learner's output last."""
    rest = f"{verdict.exercise}, {translate(f'probe {verdict.probe} of {verdict.probes}')}: {translate(verdict.about)}"
    heading(console, verdict.outcome, rest if verdict.probe else verdict.exercise)
    for label, text in verdict.lines():
        labelled(console, label, short_place(text) if label == "where" else translate(text))
    if with_traceback:
        say(console, f"\n{verdict.traceback.rstrip() or 'no traceback: nothing was raised'}", style="dim")
    if lines := verdict.prints.splitlines():
        more = "\n" + translate(f"… and {len(lines) - PRINTED_LINES} lines more") if len(lines) > PRINTED_LINES else ""
        say(console, "\nwhat your code printed:", style="dim")
        output = "\n".join(line[:PRINTED_COLUMNS] for line in lines[:PRINTED_LINES])
        console.print(f"{output}{more}", markup=False, soft_wrap=True)  # as it is, in whatever language it was written


def labelled(console: Console, label: str, text: str) -> None:
    """Print a label and its text, which stays in its own column where it takes more than one line."""
    room = max(console.width - LABEL_WIDTH, 20)
    wrapped = (wrap_text(line, room, break_long_words=False, break_on_hyphens=False) for line in text.splitlines())
    lines = itertools.chain.from_iterable(wrapped)
    style = {"mistake": "bold", "where": "cyan"}.get(label, "")
    for number, line in enumerate(lines):
        shown_label = pad(f"  {'' if number else translate(label)}", LABEL_WIDTH)
        console.print(Text.assemble((shown_label, "dim"), (line, style)), soft_wrap=True)


def short_place(where: str) -> str:
    """file:line, with the file relative where it is below the working directory."""
    file, colon, line = where.rpartition(":")
    return f"{shown(Path(file))}:{line}" if colon and line.isdigit() and Path(file).is_absolute() else where


def show_progress(console: Console, progress: Progress, entries: list[Entry]) -> None:
    """Print the course with the state of every exercise."""
    found = progress.states(entries)
    following = next_of(found)
    styles, states = [STYLES.get(state, "dim") for state in found.values()], list(map(translate, found.values()))
    names = [entry.name for entry in entries]
    efforts = [effort_in_words(effort_of(entry)) for entry in entries]
    name_width, state_width, effort_width = (max(map(cell_len, texts)) for texts in (names, states, efforts))
    for entry, state, style, effort in zip(entries, states, styles, efforts, strict=True):
        start = f"{'→' if entry == following else ' '} {entry.name:<{name_width}}  "
        parts = (pad(state, state_width), style), (f"  {pad(effort, effort_width)}", "dim")
        console.print(
            Text.assemble(start, *parts, f"  {entry.title}", (_help_taken(progress, entry), "dim")), soft_wrap=True
        )
    if left := minutes_of(entry for entry, state in found.items() if state != "PASS"):
        say(console, f"\nabout {left / 60:.1f} hours of exercises are left; all times are their authors' estimates")
    say(console, f"\n{bar(found.values())}")


def effort_in_words(effort: Effort | None) -> str:
    """Such as "easy, 15 minutes"; nothing for a page that does not say it."""
    return "" if effort is None else f"{translate(effort.difficulty)}, {translate(f'{effort.minutes} minutes')}"


def _help_taken(progress: Progress, entry: Entry) -> str:
    record = progress.record(entry.name)
    hints = translate(f"{record.hints} hints" if record.hints > 1 else f"{record.hints} hint") if record.hints else ""
    taken = ", ".join(filter(None, [hints, translate("solution seen") if record.gave_up else ""]))
    return f"  ({taken})" if taken else ""


def bar(states: Iterable[str]) -> str:
    """The share of the exercises in these states that has passed, as one line."""
    passed = [state == "PASS" for state in states]
    full = BAR * sum(passed) // max(len(passed), 1)
    return f"[{'#' * full}{'-' * (BAR - full)}] {translate(f'{sum(passed)} of {len(passed)} passed')}"


def show_hint(console: Console, entry: Entry, number: int, text: str, last: bool) -> None:
    """Print one hint, and how to get another."""
    heading(console, f"hint {number} of 3", entry.name)
    console.print(Text(translate(text)))
    if not last:
        say(console, "the next one: the same command again", style="dim")


def show_source(console: Console, functions: list[Callable[..., Any]]) -> None:
    """Print the source of each function under its file and line."""
    for function in functions:
        plain = inspect.unwrap(function)
        lines, first = inspect.getsourcelines(plain)
        say(console, f"{shown(Path(inspect.getfile(plain)))}:{first}", style="cyan")
        code = Syntax("", "python", theme="ansi_light", background_color="default").highlight("".join(lines))
        console.print(code, soft_wrap=True)
