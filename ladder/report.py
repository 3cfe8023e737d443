"""report.html: the results of a climb as one page that needs no other file.

The pictures are part of the page, and it loads nothing. `report.html.jinja` is the page; this module collects the
facts. The template escapes every text from the run's files. Scripts run in the explorer alone, a page within the page,
which cannot reach the report around it.
"""

import base64
import importlib.resources
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
from markupsafe import Markup

from foundation.errors import InputError
from foundation.files import write_text
from foundation.runs import Run
from ladder.figures import epochs, parts

PICTURES = ("reconstructions", "samples", "interpolation", "latent_space", "manifold")
"""Figures of each rung, in the order of the page."""


class Facts(NamedTuple):
    """What a run was asked to do."""

    data: str
    train_images: int
    test_images: int
    latent_dim: int
    likelihood: str
    beta: float
    epochs: int
    batch_size: int
    seed: int


def facts_of(config: Mapping[str, Any]) -> Facts:
    """The facts in a run's config.json. Raises `KeyError` with the name of a missing entry."""
    options, model = config["options"], config["options"]["model"]
    return Facts(
        data=Path(config["data"]).name or config["data"],  # of a folder its last part
        train_images=config["train_images"],
        test_images=config["test_images"],
        latent_dim=model["latent_dim"],
        likelihood=model.get("likelihood", "bernoulli"),
        beta=model.get("beta", 1.0),
        epochs=options["epochs"],
        batch_size=options["batch_size"],
        seed=options["seed"],
    )


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
    rungs = parts(run)
    results = results_of(rungs, facts)
    curves = run.figure_path("learning_curves")
    page = template().render(
        name=run.path.name,
        facts=facts,
        rungs=list(rungs),
        results=results,
        interrupted=interruptions(run.config, facts, results),
        pictures=[(kind, figures) for kind in PICTURES if (figures := figures_of(rungs, kind))],
        explorer=explorer,
        curves=embedded(curves) if curves.is_file() else None,
        parity=parity_of(read_parity(run.path / "parity.json")),
        versions=[f"{name} {version}" for name, version in run.config.get("versions", {}).items() if version],
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
            last = {key: records[-1][key] for key in Result._fields if key != "speed"}
            results[name] = Result(**last, speed=facts.train_images * last["epoch"] / last["seconds"])
    return results


def interruptions(config: Mapping[str, Any], facts: Facts, results: Mapping[str, Result]) -> list[str]:
    """What an interrupted climb has not done."""
    planned = config.get("rungs") or [name for name in (config.get("rung"),) if name]
    stopped = {name: result.epoch for name, result in results.items() if result.epoch < facts.epochs}
    return [
        *(f"{name} did not finish an epoch" for name in planned if name not in results),
        *(f"{name} stopped after epoch {epoch} of {facts.epochs}" for name, epoch in stopped.items()),
    ]


def figures_of(rungs: Mapping[str, Run], kind: str) -> dict[str, str]:
    """One kind of picture, by rung."""
    paths = {name: part.figure_path(kind) for name, part in rungs.items()}
    return {name: embedded(path) for name, path in paths.items() if path.is_file()}


def embedded(path: Path) -> str:
    """A PNG file as an address that holds the file."""
    return f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}"


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
    if not path.is_file():
        return {"checks": []}
    try:
        parity = json.loads(path.read_bytes())
        parity["checks"][0]["max_relative_error"]
    except (ValueError, LookupError, TypeError) as error:
        raise InputError(f"{path}: expected the file that `vae-ladder climb` writes, with a list of checks") from error
    return parity


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
