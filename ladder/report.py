"""report.html: what a climb found, as one page that needs nothing but itself.

The pictures are part of the file, there are no scripts, and it fetches nothing. Whatever comes from the run's files
is escaped.
"""

import importlib.resources
import json
import math
from html import escape
from pathlib import Path
from string import Template

from foundation.errors import InputError
from foundation.files import write_text
from foundation.runs import Run
from ladder.figures import epochs, parts
from ladder.report_html import card, figure, power, section, table, verdict
from ladder.report_text import COMMANDS, GREY_PIXELS, HOW_TO_READ, LEARNING_CURVES, NEXT, PARITY, PICTURES, RUNGS

NEEDED = ("data", "train_images", "test_images", "architecture", "objective", "training")
TIMES = {2: "twice", 3: "three times"}


def write_report(run: Run) -> Path:
    """Write `run`'s report.html from the files that are there; its path.

    It does with one rung or more, with a climb that was interrupted, and without parity.json.
    Raises `InputError` where a file cannot be read or written.
    """
    if missing := [key for key in NEEDED if key not in run.config]:
        raise InputError(f"{run.path / 'config.json'}: a report needs {missing[0]!r}, as in a run of climb or train")
    rungs = {name: epochs(part) for name, part in parts(run).items()}
    results = {name: records[-1] for name, records in rungs.items() if records and records[-1]["epoch"] > 0}
    parity = _read_parity(run.path / "parity.json")
    sections = [_summary(run.config, results), _pictures(run, results), _curves(run), _parity(parity), _next()]
    page = Template((importlib.resources.files("ladder") / "report.html.template").read_text("utf-8")).substitute(
        title=escape(f"VAE Ladder: {run.path.name}"),
        heading=f"One VAE, built {TIMES[len(results)]}" if len(results) > 1 else "One VAE, on one rung",
        lede=_lede(len(results)),
        headline=_headline(parity, results),
        notice=_notice(run.config, results),
        facts=_facts(run.config, results),
        sections="\n".join(filter(None, sections)),
        colophon=_colophon(run),
    )
    path = run.path / "report.html"
    write_text(path, page)
    return path


def _read_parity(path: Path) -> dict:
    """What parity.json holds; without the file, an empty list of checks."""
    if not path.is_file():
        return {"checks": []}
    try:
        parity = json.loads(path.read_bytes())
        parity["checks"][0]["max_relative_error"]
    except (ValueError, LookupError, TypeError) as error:
        raise InputError(f"{path}: expected what `vae-ladder climb` wrote, with a list of checks") from error
    return parity


def _lede(count: int) -> str:
    if count < 2:
        return "A variational autoencoder learned to draw. This page shows how well, and where to look next."
    return (
        f"The same variational autoencoder was written {TIMES[count]}, started from the same weights, and shown the "
        "same images with the same noise. What differs is how it is written. What it computes must not."
    )


def _headline(parity: dict, results: dict[str, dict]) -> str:
    """The one number: how far the rungs lie apart; of a rung alone, its test loss."""
    checks = parity["checks"]
    if not checks and len(results) == 1:
        (record,) = results.values()
        return card(f"{record['loss']:.1f} nats", "is the test loss per image. A rung alone has none to agree with.")
    if not checks:
        return card("Not compared", "Without parity.json there is no proof here that the rungs agree.")
    failed = [check for check in checks if not check["ok"]]
    errors = [check["max_relative_error"] for check in checks if check["max_relative_error"] is not None]
    count = f"{len(checks) - len(failed)} of {len(checks)} comparisons within tolerance"
    if failed:
        first = f"First mismatch: {failed[0]['what']}, between {' and '.join(failed[0]['pair'])}. {count}."
        return card("The rungs differ", escape(first), "differs")
    steps = f", then every loss and parameter of {parity['steps']} Adam steps" if parity.get("steps") else ""
    return card(
        power(max(errors)),
        "is the largest relative difference between any two rungs: every output, loss and gradient of one "
        f"pass{escape(steps)}. ✓ {count}.",
    )


def _notice(config: dict, results: dict[str, dict]) -> str:
    """What a climb that was interrupted has not done."""
    epochs_wanted, planned = config["training"]["epochs"], config.get("rungs") or [config["rung"]]
    missing = [f"{name} did not finish an epoch" for name in planned if name not in results]
    missing += [
        f"{name} stopped after epoch {record['epoch']} of {epochs_wanted}"
        for name, record in results.items()
        if record["epoch"] < epochs_wanted
    ]
    if not missing:
        return ""
    return f'<p class="notice" role="note"><b>Interrupted.</b> {escape("; ".join(missing))}.</p>'


def _facts(config: dict, results: dict[str, dict]) -> str:
    """What was climbed, as the entries of a description list."""
    training, objective = config["training"], config["objective"]
    seconds = sum(record["seconds"] for record in results.values())
    data = Path(config["data"]).name or config["data"]  # of a folder the last part
    facts = {
        "Data": f"{data}, {config['train_images']:,} images; {config['test_images']:,} to test",
        "Latent size": f"Z = {config['architecture']['latent_dim']}",
        "Training": f"{training['epochs']} epochs in batches of {training['batch_size']}",
        "Objective": f"{objective['likelihood']}, β = {objective['beta']:g}",
        "Seed": training["seed"],
        "Time in training steps": f"{seconds:,.0f} s" + (", all rungs" if len(results) > 1 else ""),
    }
    return "\n".join(f"<div><dt>{key}</dt><dd>{escape(str(value))}</dd></div>" for key, value in facts.items())


def _summary(config: dict, results: dict[str, dict]) -> str:
    if not results:
        return ""
    speeds = {name: config["train_images"] * r["epoch"] / r["seconds"] for name, r in results.items()}
    fastest = max(speeds.values())
    rows = [
        [_rung(name), f"{r['loss']:.2f}", f"{r['reconstruction']:.2f}", f"{r['kl']:.2f}", f"{speeds[name]:,.0f}",
         f"{speeds[name] / fastest:.2f}×"]
        for name, r in results.items()
    ]  # fmt: skip
    head = ["Rung", "Test loss", "Reconstruction", "KL", "Images/s", "To the fastest"]
    text = HOW_TO_READ + GREY_PIXELS * (config["objective"]["likelihood"] == "bernoulli")
    return section("Results", text, table(head, rows))


def _rung(name: str) -> str:
    return f'{escape(name)} <span class="small">{RUNGS[name][0]}</span>'


def _pictures(run: Run, results: dict[str, dict]) -> str:
    """A row for each kind of picture, a column for each rung that has it."""
    kinds = []
    for kind, (title, text, alt) in PICTURES.items():
        figures = [
            figure(part.figure_path(kind), f"{alt}, by {name}", f"<b>{escape(name)}</b> · {_loss(results.get(name))}")
            for name, part in parts(run).items()
            if part.figure_path(kind).is_file()
        ]
        if figures:
            row = f'<div class="row" style="--columns: {max(len(figures), 2)}">{"".join(figures)}</div>'
            kinds.append(f'<div class="kind"><h3>{title}</h3><p>{text}</p>{row}</div>')
    introduction = "One for each rung, drawn from its own weights. They should be hard to tell apart."
    return section("Pictures", introduction if len(parts(run)) > 1 else "", "".join(kinds)) if kinds else ""


def _loss(record: dict | None) -> str:
    return f"test loss {record['loss']:.2f} nats" if record else "no finished epoch"


def _curves(run: Run) -> str:
    path = run.figure_path("learning_curves")
    if not path.is_file():
        return ""
    plot = figure(path, "Test loss, reconstruction and KL after each epoch, a line for each rung", "")
    text = LEARNING_CURVES["many" if len(parts(run)) > 1 else "one"]
    return section("Learning", "", f'<div class="beside">{plot}<div>{text}</div></div>')


def _parity(parity: dict) -> str:
    """For each group of tensors and each pair the worst tensor; below it, every tensor."""
    checks = parity["checks"]
    if not checks:
        return ""
    pairs = list(dict.fromkeys(tuple(check["pair"]) for check in checks))
    groups: dict[str, list[dict]] = {}
    for check in checks:
        groups.setdefault(check["what"].partition(": ")[0], []).append(check)
    names = [escape(" · ".join(pair)) for pair in pairs]
    rows = []
    for group, members in groups.items():
        worst = [max((c for c in members if tuple(c["pair"]) == pair), key=_excess, default=None) for pair in pairs]
        agreeing = sum(check["ok"] for check in members)
        agree = verdict(agreeing == len(members), f"{agreeing}/{len(members)}")
        rows.append([escape(group), *map(_worst, worst), power(members[0]["tolerance"]), agree])
    every = [
        [f"<code>{escape(c['what'])}</code>", escape(" · ".join(c["pair"])), _error(c), verdict(c["ok"])]
        for c in checks
    ]
    full = table(["Tensor", "Rungs", "Relative error", "Agree"], every)
    details = f"<details><summary>All {len(every)} comparisons</summary>{full}</details>"
    return section("Parity", PARITY, table(["Compared", *names, "Tolerance", "Agree"], rows) + details)


def _excess(check: dict) -> float:
    error = check["max_relative_error"]
    return math.inf if error is None else error / check["tolerance"]


def _error(check: dict) -> str:
    """The relative error, or in words why there is none."""
    error = check["max_relative_error"]
    return escape(check.get("note") or "not finite") if error is None else power(error)


def _worst(check: dict | None) -> str:
    """The error of a group's worst tensor, and its name under it, unless all are equal to the last bit."""
    if check is None or check["max_relative_error"] == 0:
        return "–" if check is None else "0"
    tensor = check["what"].partition(": ")[2]
    return f'{_error(check)}<br><code class="small">{escape(tensor)}</code>'


def _next() -> str:
    files = "".join(
        f"<li><h3>{escape(title)}</h3><code>{escape(path)}</code><p>{text}</p></li>"
        for title, path, text in NEXT
    )  # fmt: skip
    commands = "".join(f"<dt>{escape(command)}</dt><dd>{text}</dd>" for command, text in COMMANDS)
    introduction = "Lay the three main files side by side and scroll them in step: same names, same order, same story."
    body = f'<ul class="cards">{files}</ul><h3>Then run</h3><dl class="commands">{commands}</dl>'
    return section("What to read next", introduction, body)


def _colophon(run: Run) -> str:
    versions = [f"{name} {version}" for name, version in run.config.get("versions", {}).items() if version]
    return escape(" · ".join([run.path.name, *versions]))
