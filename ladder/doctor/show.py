"""Findings on a terminal: what was examined, and each finding under its kind."""

from collections.abc import Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from foundation.console import say
from foundation.language import pad, translate, wrap_text
from ladder.doctor.measured import Measured
from ladder.doctor.verdict import Finding

WORDS = {"fault": "WRONG", "remark": "note", "unknown": "cannot tell", "right": "right"}
STYLES = {"fault": "bold red", "remark": "yellow", "unknown": "yellow", "right": "green"}
NARROWEST = 20


def show(console: Console, text: str, measured: Measured, findings: Sequence[Finding]) -> None:
    """Print what was taken for what, then the findings, then their number."""
    found = measured.found
    shape = "×".join(map(str, found.image_shape))
    latents = "×".join(map(str, found.latent_shape))
    say(console, f"{text}: {found.model}", style="bold")
    say(console, f"  images of {shape}, {latents} latents out of {found.encoder}, images out of {found.decoder}")
    if found.terms_apart:
        say(console, f"  loss: the sum of the two terms that {found.loss} returns")
    else:
        say(console, f"  loss computed by {found.loss}" if found.loss else "  no loss was found")
    for line in found.left_out[:5]:
        say(console, f"  left out: {line}", style="dim")
    width = max(cell_len(translate(word)) for word in WORDS.values()) + 2
    for finding in findings:
        _print(console, finding, width)
    faults = sum(finding.kind == "fault" for finding in findings)
    unknown = sum(finding.kind == "unknown" for finding in findings)
    say(console, f"{faults} wrong, {unknown} that cannot be told", style="bold red" if faults else "bold green")


def _print(console: Console, finding: Finding, width: int) -> None:
    """A word for the kind, and the text in a column of its own."""
    room = max(console.width - width - 2, NARROWEST)
    lines = wrap_text(translate(finding.text), room, break_long_words=False, break_on_hyphens=False)
    for number, line in enumerate(lines):
        word = pad("" if number else translate(WORDS[finding.kind]), width)
        console.print(Text.assemble("  ", (word, STYLES[finding.kind]), line), soft_wrap=True)
