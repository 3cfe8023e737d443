"""Tables in the chapters, written by the project itself, so that no number in them is copied by hand.

    python -m tools.tables

A page marks the place of a table by two invisible comments:

    <!-- table: parameters -->
    <!-- end -->

`TABLES` holds the function that writes it, as Markdown, from code or from recorded results (JSON that is part of the
project). Its words pass through `say`, which on a page named `*.ko.md` is that of `tools/translations.py`. The command
above writes all tables anew; a test fails where they differ from the pages.
"""

import dataclasses
import functools
import importlib
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from foundation.architecture import Architecture, initial_parameters
from foundation.errors import InputError
from foundation.files import write_text
from numpy_impl import vae_numpy
from paper.experiments.options import EXPERIMENTS
from paper.experiments.tables import EMPTY, Column, caption, cells, markdown_table, measured_images, rows_of
from paper.reproductions.options import REPRODUCTIONS
from tools import CHECKOUT, translations
from tools.links import pages

PLACE = re.compile(r"(<!-- table: (?P<name>[^>]*?) -->\n)(?P<table>.*?)(<!-- end -->)", re.DOTALL)
OPENING, CLOSING = "<!-- table:", "<!-- end -->"
RESULTS = CHECKOUT / "paper" / "results"
"""Results recorded by `vae-ladder train`, `evaluate`, `experiment` and `reproduce` with `--record`, as the chapter
quotes them."""
Say = Callable[[str], str]
"""Translates a piece of English words into the page's language."""
Table = Callable[[Say], str]


class Goal(NamedTuple):
    """A published number to compare ours with."""

    model: str
    z: str
    """How z is chosen where the loss is measured: "sampled" or "mu"."""
    published: float | None
    """None where no source that a reader can open gives one."""
    source: str
    reach: float | None
    """The target for our number, set before the run; None where there was none."""


KERAS = "Keras' example: another quantity, of another network"
GOALS = {
    "mlp-2": Goal("fully connected 784-256-128-2", "mu", None, "", 137.0),
    "mlp-20": Goal("fully connected 784-400-20", "sampled", 105.56, "PyTorch's example, by its recipe", 103.5),
    "mlp-20-example": Goal(
        "fully connected 784-400-20, by the example's recipe", "sampled", 105.56, "PyTorch's example", None
    ),
    "conv-2-shallow": Goal("convolutional, 256-2", "sampled", 146.95, KERAS, 142.0),
    "conv-2": Goal("convolutional, 128-64-2", "sampled", 146.95, KERAS, 142.0),
    "conv-20": Goal("convolutional, 256-20", "sampled", None, "", 98.0),
}
"""The training loss on the grey test images of MNIST, by the name of the recorded file."""
UNRECORDED = {
    "mlp-20-example": "vae-ladder train vae --network mlp --hidden-dims 400 --latent-dim 20 --epochs 10 "
    "--batch-size 128 --data mnist --data-root data --data.validation 0 --record paper/results/mlp-20-example.json"
}
"""Rows that appear as soon as their command has written the record: Adam with a step size of 1e-3, batches of 128."""
TOOK_FIRST = {"part": "measured", "noise": "tried"}
"""In records whose rows have no `images`: the setting with the number of test images, the first ones, that a table
took, by the table's first column. All other tables of such records took all."""
BURDA = 86.76
"""-log p(x) of the VAE with one stochastic layer, K = 5000, after 3280 epochs (Burda et al. 2016, table 1)."""


def english(text: str) -> str:
    """Leaves the words as they are."""
    return text


def language_of(page: Path) -> Say:
    """The translation that a page's tables use."""
    return translations.say if page.name.endswith(".ko.md") else english


def parameters_table(say: Say) -> str:
    """The layers of the VAE: their outputs for one image, and their numbers of parameters."""
    architecture = Architecture()
    sizes = {name: math.prod(shape) for name, shape in architecture.parameter_shapes().items()}
    parameters = initial_parameters(architecture, np.random.default_rng(0))
    x, eps = np.zeros((1, *architecture.image_shape), np.float32), np.zeros((1, architecture.latent_dim), np.float32)
    run, (encoder_hidden, decoder_hidden) = vae_numpy.forward(parameters, x, eps)
    outputs = {
        "encoder.conv1": ("h1", encoder_hidden.h1),
        "encoder.conv2": ("h2", encoder_hidden.h2),
        "encoder.fc": ("h3", encoder_hidden.h3),
        "encoder.mu": ("mu", run.mu),
        "encoder.logvar": ("logvar", run.logvar),
        "decoder.fc1": ("h4", decoder_hidden.h4),
        "decoder.fc2": ("h5", decoder_hidden.h5),
        "decoder.conv_transpose1": ("h6", decoder_hidden.h6),
        "decoder.conv_transpose2": ("logits", run.logits),
    }
    rows = [
        (
            f"`{layer}`",
            _times(parameters[f"{layer}.weight"].shape),
            f"`{name}`",
            _times(output.shape[1:]),
            f"{sizes[f'{layer}.weight'] + sizes[f'{layer}.bias']:,}",
        )
        for layer, (name, output) in outputs.items()
    ]
    total = (say("together"), "", "", "", f"{sum(sizes.values()):,}")
    head = map(say, ("layer", "weight", "output", "its shape", "numbers learned"))
    return markdown_table(head, [*rows, total], numbers=1)


def numbers_table(say: Say) -> str:
    """Test losses on MNIST beside published ones, and the command of each."""
    rows, commands = [], []
    for name, goal in GOALS.items():
        if name in UNRECORDED and not record_of(name).exists():
            continue
        found = recorded(name)
        loss = found["test"][goal.z]
        rows.append(
            (
                say(goal.model),
                f"{found['parameters']:,}",
                str(found["config"]["epochs"]),
                say("z = μ" if goal.z == "mu" else "z drawn"),
                EMPTY if goal.published is None else f"{goal.published:.2f} ({say(goal.source)})",
                EMPTY if goal.reach is None else f"< {goal.reach:g}",
                *(f"{loss[part]:.2f}" for part in ("loss", "reconstruction", "kl")),
                say(duration(found["seconds"])),
            )
        )
        commands.append(as_typed(found["command"]))
    head = (
        *("model", "parameters", "epochs", "measured with", "published"),
        *("target", "here", "reconstruction", "KL", "training"),
    )
    return markdown_table(map(say, head), rows, numbers=5) + "\n" + block(commands)


def likelihood_table(say: Say) -> str:
    """log p(x) of Burda's VAE by importance sampling, beside the published one."""
    trained, measured = recorded("burda"), recorded("burda-likelihood")
    found, active = measured["log_likelihood"], measured["latents"]["active_units"]
    row = (
        say("784-200-200-50, tanh"),
        str(trained["config"]["epochs"]),
        say(f"{BURDA} after 3280 epochs (Burda et al. 2016)"),
        f"{-found['mean']:.2f} ± {found['standard_error']:.2f}",
        f"{-found['elbo_of_same_draws']:.2f}",
        say(f"{active} of {len(measured['latents']['variance_of_mu'])}"),
        say(duration(trained["seconds"])),
    )
    head = map(say, ("model", "epochs", "published −log p(x)", "here", "−ELBO", "active units", "training"))
    images = f"{found['images']:,} of {measured['test_images']:,} test images"
    drawn = say(f"K = {found['draws']:,} draws for each of {images}.")
    warned = "".join(f" {say('The report warns:')} {say(warning)}" for warning in measured["warnings"])
    made = say(f"Made by `{as_typed(trained['command'])}` and `{as_typed(measured['command'])}`.")
    return f"{markdown_table(head, [row], numbers=4)}\n{drawn}{warned} {made}\n"


def experiment_table(name: str, say: Say) -> str:
    """The tables of an experiment, its findings, and how it was run."""
    found = recorded(f"experiments/{name}")
    answers = [" ".join(map(say, answers_of(found))), ""]
    return "\n".join([*recorded_tables(found, say), *answers, how_made(found, say)])


def reproduction_table(name: str, say: Say) -> str:
    """The tables of a reproduction with what they rest on, or the command that records them."""
    if not record_of(f"reproductions/{name}").exists():
        command = f"vae-ladder reproduce {name} --record paper/results/reproductions/{name}.json"
        return f"{say('Not recorded yet. This command makes it:')}\n\n{block([command])}"
    found = recorded(f"reproductions/{name}")
    answers = [" ".join(map(say, found["answers"])), ""]
    return "\n".join([*recorded_tables(found, say), *answers, how_made(found, say)])


def recorded_tables(found: Mapping[str, Any], say: Say) -> list[str]:
    """The tables of a record, each under its caption."""
    tables = []
    for title, options in found["tables"].items():
        columns = [Column(**column) for column in options]
        rows = rows_of(columns, found["rows"])
        said = "; ".join(map(say, caption_of(found, title, columns).split("; ")))
        head = [say(column.head) for column in columns]
        body = [map(say, row) for row in cells(columns, rows)]
        tables.append(f"*{said}*\n\n{markdown_table(head, body, numbers=len(head) - 1)}")
    return tables


def how_made(found: Mapping[str, Any], say: Say) -> str:
    """The command of a record, the images, and how long it took."""
    images = f"{found['train_images']:,} training and {found['test_images']:,} test images of {found['data']}"
    how = say(f"`{found['command']}`, seed {found['seed']}: {images}")
    return f"{how}, {say(duration(found['seconds']))}.\n"


def caption_of(found: Mapping[str, Any], title: str, columns: Sequence[Column]) -> str:
    """The caption of a recorded table, with the number of images that it was measured on."""
    rows = rows_of(columns, found["rows"])
    if any("images" in row for row in found["rows"]):  # a table whose own rows have none is of no test images
        return caption(title, columns, rows)
    total, setting = found["test_images"], TOOK_FIRST.get(columns[0].key)
    if setting is None:
        return caption(f"{title}; {measured_images(total, total)}", columns, rows)
    return caption(f"{title}; the first {found['settings'][setting]:,} of {total:,} test images", columns, rows)


def answers_of(found: Mapping[str, Any]) -> list[str]:
    """The sentences of a record, the last of which says how many trainings they rest on; older records lack it."""
    module = importlib.import_module(f"paper.experiments.{found['experiment'].replace('-', '_')}")
    rests_on = dataclasses.replace(module.FULL, seeds=found["settings"]["seeds"]).rests_on()
    return [*(answer for answer in found["answers"] if answer != rests_on), rests_on]


TABLES: dict[str, Table] = {
    "parameters": parameters_table,
    "numbers": numbers_table,
    "likelihood of MNIST": likelihood_table,
    **{
        f"experiment {name}": functools.partial(experiment_table, name)
        for name in EXPERIMENTS
        if (RESULTS / "experiments" / f"{name}.json").is_file()
    },
    **{f"reproduction {name}": functools.partial(reproduction_table, name) for name in REPRODUCTIONS},
}
"""Every table by its name in the pages. That of an experiment appears once its command has written the record."""


def render(text: str, say: Say, tables: Mapping[str, Table] = TABLES) -> str:
    """The text of a page with every table made anew, in the words of `say`.

    Raises `InputError` for an unknown table, for an opening or closing comment without the other, and for words that
    `say` cannot translate.
    """
    places = list(PLACE.finditer(text))
    for place in places:
        if place["name"] not in tables or OPENING in place["table"]:
            raise InputError(f"table: expected one of {', '.join(tables)}, and its end, got {place['name']!r}")
    if not len(places) == text.count(OPENING) == text.count(CLOSING):
        raise InputError(f"tables: expected '{OPENING} NAME -->' and '{CLOSING}' in turn, on lines of their own")
    return PLACE.sub(lambda place: f"{place[1]}\n{tables[place['name']](say)}\n{place[4]}", text)


def refresh(page: Path) -> bool:
    """Write a page's tables anew; return whether that changed the page."""
    text = page.read_text(encoding="utf-8")
    fresh = render(text, language_of(page))
    if fresh != text:
        write_text(page, fresh)
    return fresh != text


def recorded(name: str) -> dict[str, Any]:
    """A recorded result. Raises `FileNotFoundError` where there is none."""
    return json.loads(record_of(name).read_text(encoding="utf-8"))


def record_of(name: str) -> Path:
    """The file of a recorded result."""
    return RESULTS / f"{name}.json"


def duration(seconds: float) -> str:
    """Seconds, minutes or hours, whichever reads best."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 100 * 60 else f"{seconds / 3600:.1f} h"


def as_typed(command: str) -> str:
    """A command line for readers: without the options that record it, and with RUN for the name of a run."""
    return re.sub(r"\S*\d{4}-\d\d-\d\d_\d{6}_\S+", "RUN", re.sub(r" --(record|out) \S+", "", command))


def block(lines: Iterable[str]) -> str:
    """Commands to type."""
    return "\n".join(["```", *lines, "```", ""])


def _times(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape))


if __name__ == "__main__":
    missing = translations.untranslated(TABLES.values())
    if missing:
        raise SystemExit("\n".join(["tools/translations.py has no Korean for:", *missing]))
    for page in pages():
        if refresh(page):
            print(f"{page.relative_to(CHECKOUT)}: tables written")
