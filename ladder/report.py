"""report.html: the results of a climb as one page that needs no other file, in the language of messages.

The pictures are part of the page, and it loads nothing. `report.html.jinja` is the page, `report.toml` has its texts in
every language, and this module collects the facts. The template escapes every text from the run's files. Scripts run in
the explorer alone, a page within the page, which cannot reach the report around it.
"""

import base64
import dataclasses
import importlib.resources
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import jinja2
import msgspec
from markupsafe import Markup

from foundation.errors import InputError
from foundation.files import read_file, write_text
from foundation.language import translate
from foundation.objective import Objective
from foundation.page_texts import PageTexts, page_texts
from foundation.records import Count, Number
from foundation.runs import Run
from foundation.schema import from_json, read_object
from foundation.sizes import Architecture
from ladder.figures import epochs, parts
from ladder.rungs import MINE

MOST_BYTES = 16 * 2**20
"""Of parity.json and of a picture; both take less than 1 MB."""
PNG = b"\x89PNG\r\n\x1a\n"
"""How a PNG file begins."""
PICTURES = ("reconstructions", "samples", "interpolation", "latent_space", "manifold")
"""Figures of each rung, in the order of the page."""


@dataclasses.dataclass(frozen=True)
class Facts:
    """What a run was asked to do."""

    data: str
    train_images: Count
    test_images: Count
    latent_dim: Count
    likelihood: str
    beta: Number
    epochs: Count
    batch_size: Count
    seed: int


def facts_of(config: Mapping[str, Any]) -> Facts:
    """The facts in a run's config.json.

    Raises `KeyError` with the name of a missing entry, and another `ValueError` for one of another type.
    """
    options, model = config["options"], config["options"]["model"]
    found = {
        "data": Path(config["data"]).name or config["data"],  # of a folder its last part
        "train_images": config["train_images"],
        "test_images": config["test_images"],
        "latent_dim": model["latent_dim"],
        "likelihood": model.get("likelihood", "bernoulli"),
        "beta": model.get("beta", 1.0),
        "epochs": options["epochs"],
        "batch_size": options["batch_size"],
        "seed": options["seed"],
    }
    return from_json(Facts, found)


class Result(NamedTuple):
    """The last epoch of one rung."""

    epoch: int
    loss: float
    reconstruction: float
    kl: float
    seconds: float
    speed: float
    """Training images per second"""


def write_report(run: Run, explorer: str | None = None) -> Path:
    """Write `run`'s report.html from the files of the run, with the explorer's page where there is one; its path.

    The run may hold one rung or more, be an interrupted climb, and lack parity.json. Raises `InputError` where a file
    cannot be read or written.
    """
    try:
        facts = facts_of(run.config)
    except KeyError as error:
        raise InputError(
            f"{run.path / 'config.json'}: a report needs {error}, as in a run of climb or train"
        ) from error
    except (TypeError, ValueError) as error:
        raise InputError(f"{run.path / 'config.json'}: damaged, expected the facts of a report ({error})") from error
    rungs = parts(run)
    results = results_of(rungs, facts)
    curves = run.figure_path("learning_curves")
    say = page_texts("ladder", "report.toml")
    page = template().render(
        say=say,
        name=run.path.name,
        facts=facts,
        rungs=list(rungs),
        mine=rungs[MINE].config["mine"] if MINE in rungs else {},
        results=results,
        interrupted=interruptions(run.config, facts, results, say),
        pictures=[(kind, figures) for kind in PICTURES if (figures := figures_of(rungs, kind))],
        explorer=explorer,
        curves=embedded(curves) if curves.is_file() else None,
        parity=parity_of(read_parity(run.path / "parity.json")),
        versions=[f"{name} {version}" for name, version in (run.config.get("versions") or {}).items() if version],
    )
    path = run.path / "report.html"
    write_text(path, page.strip() + "\n")
    return path


def template() -> jinja2.Template:
    """The page, with escaping switched on, and with an error for a name that it is not given."""
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["power"] = power
    environment.filters["in_language"] = lambda text: translate(text) if text else ""
    source = importlib.resources.files("ladder") / "report.html.jinja"
    return environment.from_string(source.read_text("utf-8"))


def power(value: float) -> Markup:
    """3.1 × 10⁻¹³ for 3.1e-13, and 10⁻¹⁰ for 1e-10."""
    if value == 0:
        return Markup("0")
    digits, _, exponent = f"{value:.1e}".partition("e")
    ten = Markup("10<sup>{}</sup>").format(str(int(exponent)).replace("-", "−"))
    return ten if digits == "1.0" else Markup("{} × {}").format(digits, ten)


def results_of(rungs: Mapping[str, Run], facts: Facts) -> dict[str, Result]:
    """The results of every rung that finished an epoch."""
    results = {}
    for name, part in rungs.items():
        records = epochs(part)
        if records and records[-1]["epoch"] > 0:
            last: dict[str, Any] = {key: records[-1].get(key) for key in Result._fields if key != "speed"}
            if missing := [key for key, value in last.items() if value is None or (key == "seconds" and value == 0)]:
                raise InputError(f"{part.metrics_path}: a report needs the last epoch's {missing[0]}")
            results[name] = Result(**last, speed=facts.train_images * last["epoch"] / last["seconds"])
    return results


def interruptions(
    config: Mapping[str, Any], facts: Facts, results: Mapping[str, Result], say: PageTexts
) -> list[Markup]:
    """What an interrupted climb has not done."""
    planned = config.get("rungs") or [name for name in (config.get("rung"),) if name]
    stopped = {name: result.epoch for name, result in results.items() if result.epoch < facts.epochs}
    return [
        *(say("no_epoch", rung=name) for name in planned if name not in results),
        *(say("stopped_after", rung=name, epoch=epoch, epochs=facts.epochs) for name, epoch in stopped.items()),
    ]


def figures_of(rungs: Mapping[str, Run], kind: str) -> dict[str, str]:
    """One kind of picture, by rung."""
    paths = {name: part.figure_path(kind) for name, part in rungs.items()}
    return {name: embedded(path) for name, path in paths.items() if path.is_file()}


def embedded(path: Path) -> str:
    """A PNG file as an address that holds the file. Raises `InputError` for any other file."""
    content = read_file(path, MOST_BYTES)
    if not content.startswith(PNG):
        raise InputError(f"{path}: expected a PNG file; delete it, and draw the run again with `vae-ladder figures`")
    return f"data:image/png;base64,{base64.b64encode(content).decode()}"


@dataclasses.dataclass(frozen=True)
class CheckEntry:
    """One check in parity.json (`ladder.parity.Check`)."""

    what: str
    pair: tuple[str, str]
    max_relative_error: Annotated[float, msgspec.Meta(ge=0)] | None
    tolerance: Annotated[float, msgspec.Meta(gt=0)]
    ok: bool
    note: str = ""

    def __post_init__(self) -> None:
        if self.ok and not (self.max_relative_error is not None and self.max_relative_error <= self.tolerance):
            raise ValueError(f"ok: expected an error within the tolerance, got {self.max_relative_error}")


@dataclasses.dataclass(frozen=True)
class ParityFile:
    """What parity.json holds (`ladder.parity.ParityReport`)."""

    checks: Annotated[list[CheckEntry], msgspec.Meta(min_length=1)]
    ok: bool
    steps: Count = 0
    architecture: Architecture | None = None
    objective: Objective | None = None
    batch_size: Count = 0
    seed: int = 0
    dtype: str = "float64"

    def __post_init__(self) -> None:
        if self.ok != all(check.ok for check in self.checks):
            raise ValueError(f"ok: expected {not self.ok}, as the checks say")


class Group(NamedTuple):
    """The comparisons of one step: the forward pass, the gradients, the parameters after training."""

    name: str
    worst: list[dict | None]
    """For each pair of rungs the check with the largest error; None where the pair was not compared"""
    agreeing: int
    total: int
    tolerance: float


class Parity(NamedTuple):
    """What parity.json holds, as the page shows it."""

    checks: list[dict]
    failed: list[dict]
    largest: float
    """Largest relative error of all checks"""
    steps: int
    """Steps of the training that was compared"""
    pairs: list[str]
    """Names of the pairs of rungs that were compared"""
    groups: list[Group]


def read_parity(path: Path) -> dict:
    """The content of parity.json; without the file, an empty list of checks."""
    if not os.path.lexists(path):
        return {"checks": []}
    content = read_object(read_file(path, MOST_BYTES), str(path))
    try:
        from_json(ParityFile, content)
    except ValueError as error:
        raise InputError(f"{path}: expected the file that `vae-ladder climb` writes ({error})") from error
    return content


def parity_of(content: Mapping[str, Any]) -> Parity:
    """The comparisons in groups, and for each group and pair the worst tensor."""
    checks = content["checks"]
    pairs = list(dict.fromkeys(tuple(check["pair"]) for check in checks))
    groups: dict[str, list[dict]] = {}
    for check in checks:
        groups.setdefault(check["what"].partition(": ")[0], []).append(check)
    errors = [check["max_relative_error"] for check in checks if check["max_relative_error"] is not None]
    return Parity(
        checks=checks,
        failed=[check for check in checks if not check["ok"]],
        largest=max(errors, default=math.nan),
        steps=content.get("steps") or 0,
        pairs=[" · ".join(pair) for pair in pairs],
        groups=[
            Group(
                name,
                [max((c for c in members if tuple(c["pair"]) == pair), key=_excess, default=None) for pair in pairs],
                sum(check["ok"] for check in members),
                len(members),
                members[0]["tolerance"],
            )
            for name, members in groups.items()
        ],
    )


def _excess(check: dict) -> float:
    """An error as a multiple of its tolerance; an error that is not a number is the largest."""
    error = check["max_relative_error"]
    return math.inf if error is None else error / check["tolerance"]
