"""The end of the course: what was written, what it took, which mistakes were met, and what to do next."""

from rich.console import Console

from exercises.kit.answers import Progress
from exercises.kit.catalogue import Entry
from exercises.kit.show import bar, labelled
from foundation.console import say
from foundation.language import translate

NEXT = (
    ("vae-ladder climb", "train the three rungs, of which you have now written every part"),
    ("vae-ladder experiment", "a question about β, K or the prior, answered on data of your own choice"),
    ("vae-ladder read chapter 3", "the models of the papers, and what became of the VAE"),
    ("vae-ladder quiz", "fifteen questions, to see what has stayed"),
)
"""Commands to go on with, and what each is good for."""


def show_ending(console: Console, progress: Progress, entries: list[Entry]) -> None:
    """Print the course's end, for a folder of answers in which every exercise has passed."""
    records = [progress.record(entry.name) for entry in entries]
    say(console, f"\n{bar(progress.states(entries).values())}")
    say(console, f"The course is complete: {len(entries)} exercises have passed.", style="green")
    say(console, "\nWhat you have written:")
    for entry in entries:
        labelled(console, entry.number, f"{entry.title}: {', '.join(entry.load().solution)}")
    say(console, "\nWhat it took:")
    for count, thing in (
        (sum(record.checks for record in records), "checks of written answers"),
        (sum(record.hints for record in records), "hints taken"),
        (sum(record.gave_up for record in records), "solutions seen before a pass"),
        (sum(bool(record.guess) for record in records), "questions answered before the code"),
    ):
        console.print(f"  {translate(thing)}: {count}", markup=False)
    _show_mistakes(console, progress, entries)
    say(console, "\nWhere to go on:")
    for command, purpose in NEXT:
        console.print(f"  {command:<28}{translate(purpose)}", markup=False, soft_wrap=True)


def _show_mistakes(console: Console, progress: Progress, entries: list[Entry]) -> None:
    met = [(entry, progress.record(entry.name).mistakes) for entry in entries]
    count = sum(len(names) for _, names in met)
    if count == 0:
        say(console, "\nNo check has recognised a mistake.")
        return
    say(console, f"\nThe mistakes that you met, {count} of them, and will see in other code:")
    for entry, names in met:
        for name in names:
            labelled(console, entry.number, translate(name))
